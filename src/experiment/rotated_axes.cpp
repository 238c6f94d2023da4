#include "experiment/rotated_axes.h"

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/rotation.h"
#include "variants/psi_network.h"

namespace offaxis {
namespace {

using Json = nlohmann::ordered_json;

RotatedAxes axesOf(const PsiNetwork& psi, const Json& made, const FactorGrid& grid) {
  auto has = [&](const char* key) { return made.is_object() && made.contains(key) && made[key].is_string(); };
  RotatedAxes result;
  if (has("codes"))
    result.coordinates = codesSpecs(made["codes"])[0];  // as rotations: the first is what psi starts from
  if (!psi.features.rotation.empty() && result.coordinates == "levels") {
    result.matrix = psi.features.rotation;
  } else if (has("rotation") && made.contains("seed") && made["seed"].is_number_unsigned()) {
    result.matrix =
        FactorCoordinates(result.coordinates, grid).rotation(rotationSpecs(made["rotation"])[0], grid, made["seed"]);
  }
  return result;
}

}  // namespace

RotatedAxes rotatedAxesOf(const std::string& path, const FactorGrid& grid) {
  const PsiNetwork psi = PsiNetwork::load(path);
  const Json made = Json::parse(psi.provenance, nullptr, false);
  try {
    return axesOf(psi, made, grid);
  } catch (const Error& error) {
    throw Error(ErrorKind::BadFile, path + ": its provenance names no rotation: " + error.what(), error.hint());
  }
}

MigResult rotatedMig(const CodeView& view, const RotatedAxes& axes, const FactorGrid& grid) {
  if (axes.matrix.empty()) return {};
  return rotatedMig(view, coordinatesOf(view, FactorCoordinates(axes.coordinates, grid)), axes.matrix);
}

}  // namespace offaxis
