// What writing a dataset has to do at the least, over the same bytes: libdeflate at level 1 and SHA-256 of every image;
// beside them the compressor that files are written with. Images a second on all threads together, as JSON.
// usage: write_limits SOURCE [--images N] [--threads T]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/parallel.h"
#include "core/text.h"
#include "datasets/image_file.h"
#include "storage/deflate.h"
#include "storage/hash.h"
#include "storage/image_compressor.h"
#include "variants/expression.h"

namespace {

using namespace offaxis;

// The best of five rounds over `chunks` chunks; the work must be safe on several threads.
double rate(const Context& context, std::uint64_t images, std::uint64_t chunks,
            const std::function<void(std::uint64_t chunk, int worker)>& work) {
  double best = 1e9;
  for (int round = 0; round < 5; ++round) {
    const auto start = std::chrono::steady_clock::now();
    parallelFor(context, chunks, 1, [&](std::uint64_t begin, std::uint64_t, int worker) { work(begin, worker); });
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return static_cast<double>(images) / best;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    std::uint64_t images = 16384;
    Context context;
    context.threads = hardwareThreads();
    std::string expression;
    for (int i = 1; i < argc; ++i) {
      const std::string name = argv[i];
      if (name == "--images" && i + 1 < argc) {
        images = parseUnsigned(argv[++i], name, 1, 1u << 20);
      } else if (name == "--threads" && i + 1 < argc) {
        context.threads = static_cast<int>(parseUnsigned(argv[++i], name, 1, 1024));
      } else {
        expression = name;
      }
    }
    if (expression.empty())
      throw Error(ErrorKind::Usage, "a source is needed", "usage: write_limits SOURCE [--images N]");
    const SourcePtr source = openSource(expression);
    const ImageShape shape = source->info().shape;
    const std::uint64_t bytes = shape.bytes(), perChunk = imagesThatFit(kChunkBytes, shape);
    // From all over the dataset, whole chunks of neighbours.
    const std::uint64_t chunks = std::min(images, source->size()) / perChunk;
    images = chunks * perChunk;
    std::vector<std::uint8_t> pixels(images * bytes);
    parallelFor(context, chunks, 1, [&](std::uint64_t chunk, std::uint64_t, int) {
      const std::uint64_t first = (source->size() / perChunk * chunk / chunks) * perChunk;
      source->readRange(first, perChunk, &pixels[chunk * perChunk * bytes]);
    });

    const auto workers = static_cast<std::size_t>(context.threads);
    std::vector<Compressor> general;
    std::vector<ImageCompressor> ours;
    const bool tryRuns = worthCodingRuns(*source);
    for (std::size_t i = 0; i < workers; ++i) {
      general.emplace_back(1);
      ours.emplace_back(1, shape, tryRuns);
    }
    std::vector<std::vector<std::uint8_t>> streams(workers);
    const auto at = [&](std::uint64_t chunk) { return &pixels[chunk * perChunk * bytes]; };
    const double deflate = rate(context, images, chunks, [&](std::uint64_t chunk, int worker) {
      general[static_cast<std::size_t>(worker)].compress(at(chunk), perChunk * bytes,
                                                         streams[static_cast<std::size_t>(worker)]);
    });
    const double compress = rate(context, images, chunks, [&](std::uint64_t chunk, int worker) {
      ours[static_cast<std::size_t>(worker)].compress(at(chunk), perChunk * bytes,
                                                      streams[static_cast<std::size_t>(worker)]);
    });
    const double hash = rate(context, images, chunks, [&](std::uint64_t chunk, int) {
      for (std::uint64_t i = 0; i < perChunk; ++i) sha256Of(at(chunk) + i * bytes, bytes);
    });
    std::printf(
        "{\"source\": \"%s\", \"images\": %llu, \"threads\": %d, \"images_per_second\": {\"libdeflate_level_1\": %.0f, "
        "\"sha256\": %.0f, \"our_compressor\": %.0f}}\n",
        expression.c_str(), static_cast<unsigned long long>(images), context.threads, deflate, hash, compress);
    return 0;
  } catch (const Error& error) {
    std::fprintf(stderr, "write_limits: %s\n%s", error.what(),
                 error.hint().empty() ? "" : ("  " + error.hint() + "\n").c_str());
    return static_cast<int>(error.kind());
  }
}
