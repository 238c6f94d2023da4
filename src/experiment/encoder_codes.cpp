#include "experiment/encoder_codes.h"

#include "core/error.h"
#include "learn/encode.h"

namespace offaxis {

CodeSource encoderCodes(SourcePtr source, const std::string& runDirectory, std::uint64_t latents,
                        const std::string& device, const Context& context) {
  const FactorGrid& grid = source->info().grid;
  if (source->size() != grid.size()) {
    throw Error(ErrorKind::Usage,
                source->info().expression() + " holds " + std::to_string(source->size()) + " of the grid's " +
                    std::to_string(grid.size()) + " images",
                "pairs that share a factor are drawn from the full grid: name the dataset or a file of all of it");
  }
  CodeSource codes;
  for (const Factor& factor : grid.factors()) codes.sizes.push_back(static_cast<std::uint32_t>(factor.size()));
  codes.latents = latents;
  std::vector<std::uint64_t> rowOf(source->size());
  for (std::uint64_t row = 0; row < source->size(); ++row) rowOf[source->gridIndex(row)] = row;
  codes.codes = [rowOf = std::move(rowOf), source = std::move(source), runDirectory, device,
                 &context](const std::vector<std::uint64_t>& indices) {
    EncodeSettings settings;
    for (const std::uint64_t index : indices) settings.rows.push_back(rowOf[index]);
    settings.device = device;
    return encode(source, runDirectory, settings, context).codes;
  };
  return codes;
}

}  // namespace offaxis
