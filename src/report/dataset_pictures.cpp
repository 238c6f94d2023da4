#include "report/dataset_pictures.h"

#include <algorithm>
#include <cstdio>

#include "core/error.h"
#include "core/philox.h"
#include "datasets/row_finder.h"

namespace offaxis {
namespace {

constexpr int kGap = 2;

std::string shortNumber(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", value);
  return text;
}

void require(const NamedSources& sources) {
  if (sources.empty()) throw Error(ErrorKind::Usage, "there is nothing to draw");
  const Source& first = *sources[0].source;
  for (const NamedSource& other : sources) {
    const Source& source = *other.source;
    if (source.info().shape != first.info().shape || source.info().grid != first.info().grid ||
        source.size() != first.size()) {
      throw Error(ErrorKind::Usage, other.name + " is no variant of " + sources[0].name,
                  "give variants of one dataset, of one size and with the same rows");
    }
  }
}

std::size_t factorAt(const FactorGrid& grid, const std::string& name) {
  std::vector<std::string> names;
  for (std::size_t k = 0; k < grid.factorCount(); ++k) {
    if (grid.factors()[k].name == name && grid.factors()[k].size() > 1) return k;
    if (grid.factors()[k].size() > 1) names.push_back(grid.factors()[k].name);
  }
  throw Error(ErrorKind::Usage, "no factor that varies is called '" + name + "'", "factors: " + joined(names));
}

std::vector<std::uint32_t> centreOf(const Source& source) {
  const FactorGrid& grid = source.info().grid;
  if (source.size() != grid.size()) return grid.levelsOf(source.gridIndex(source.size() / 2));
  // Cyclic factors have no middle; spread by the golden ratio, hues of one image differ, and nothing hides in front of
  // a background of its own colour.
  constexpr double kGolden = 0.6180339887498949;
  std::vector<std::uint32_t> levels;
  double turn = 0;
  for (const Factor& factor : grid.factors()) {
    turn += kGolden;
    if (turn >= 1) turn -= 1;
    const double at = factor.kind == FactorKind::Cyclic ? turn : 0.5;
    levels.push_back(static_cast<std::uint32_t>(at * static_cast<double>(factor.size())));
  }
  return levels;
}

// At most `most` levels of `size`, the first and the last among them.
std::vector<std::uint32_t> spreadLevels(std::uint64_t size, int most) {
  const auto shown = std::min<std::uint64_t>(size, static_cast<std::uint64_t>(std::max(most, 1)));
  std::vector<std::uint32_t> levels;
  for (std::uint64_t i = 0; i < shown; ++i)
    levels.push_back(static_cast<std::uint32_t>(shown == 1 ? 0 : i * (size - 1) / (shown - 1)));
  return levels;
}

Pixels imageAt(const Source& source, const RowFinder& rowOf, const std::vector<std::uint32_t>& levels) {
  const std::uint64_t row = rowOf(source.info().grid.indexOf(levels));
  return row == RowFinder::kNone ? Pixels{} : imageOf(source, row);
}

std::string amplifiedBy(int factor) {
  return "\u00d7" + std::to_string(factor);
}

}  // namespace

Pictures comparisonPictures(const NamedSources& sources, int columns, std::uint64_t seed) {
  require(sources);
  const Source& original = *sources[0].source;
  const Philox philox(seed, "comparison sheet");
  PictureGroup group;
  group.tiles = columns;
  std::vector<std::vector<Pixels>> images(sources.size());
  for (int column = 0; column < columns; ++column) {
    const std::uint64_t row = philox.below(original.size(), static_cast<std::uint64_t>(column));
    group.ticks.push_back("#" + std::to_string(original.gridIndex(row)));
    for (std::size_t s = 0; s < sources.size(); ++s) images[s].push_back(imageOf(*sources[s].source, row));
  }
  int largest = 0;
  for (std::size_t s = 1; s < sources.size(); ++s) largest = std::max(largest, largestDifference(images[0], images[s]));
  const int factor = amplificationFor(largest);
  const std::string count = std::to_string(columns) + " images";
  for (std::size_t s = 0; s < sources.size(); ++s) {
    group.strips.push_back({sources[s].name, "", count + " of " + sources[s].name, tiled(images[s], columns, kGap)});
    if (s == 0) continue;
    std::vector<Pixels> differences;
    for (std::size_t i = 0; i < images[s].size(); ++i)
      differences.push_back(amplifiedDifference(images[0][i], images[s][i], factor));
    group.strips.push_back({"difference", amplifiedBy(factor),
                            sources[s].name + " minus " + sources[0].name + ", amplified " + std::to_string(factor) +
                                " times around mid-grey",
                            tiled(differences, columns, kGap)});
  }
  return {group};
}

Pictures traversalPictures(const NamedSources& sources, int columns, const std::string& factor) {
  require(sources);
  const FactorGrid& grid = sources[0].source->info().grid;
  if (!factor.empty()) factorAt(grid, factor);
  const RowFinder rowOf(*sources[0].source);
  Pictures pictures;
  for (std::size_t k = 0; k < grid.factorCount(); ++k) {
    const Factor& along = grid.factors()[k];
    if (along.size() < 2 || (!factor.empty() && along.name != factor)) continue;
    const std::vector<std::uint32_t> shown = spreadLevels(along.size(), columns);
    PictureGroup group;
    group.title = along.name + " (" + toString(along.kind) + ", " + std::to_string(along.size()) + " levels" +
                  (shown.size() < along.size() ? ", " + std::to_string(shown.size()) + " shown)" : ")");
    group.tiles = static_cast<int>(shown.size());
    for (const std::uint32_t level : shown) group.ticks.push_back(shortNumber(along.values[level]));
    for (const NamedSource& variant : sources) {
      std::vector<std::uint32_t> levels = centreOf(*sources[0].source);
      std::vector<Pixels> images;
      for (const std::uint32_t level : shown) {
        levels[k] = level;
        images.push_back(imageAt(*variant.source, rowOf, levels));
      }
      group.strips.push_back({variant.name, "",
                              variant.name + ": " + along.name + " at " + std::to_string(shown.size()) + " of " +
                                  std::to_string(along.size()) + " levels, all other factors fixed",
                              tiled(images, group.tiles, kGap)});
    }
    pictures.push_back(std::move(group));
  }
  return pictures;
}

Pictures planePictures(const NamedSources& sources, const std::string& first, const std::string& second, int levels) {
  require(sources);
  const FactorGrid& grid = sources[0].source->info().grid;
  const std::size_t a = factorAt(grid, first), b = factorAt(grid, second);
  if (a == b) throw Error(ErrorKind::Usage, "a plane needs two factors, not " + first + " twice");
  const RowFinder rowOf(*sources[0].source);
  const auto down = spreadLevels(grid.factors()[a].size(), levels),
             across = spreadLevels(grid.factors()[b].size(), levels);
  std::vector<std::vector<Pixels>> images(sources.size());
  std::vector<std::uint32_t> at = centreOf(*sources[0].source);
  for (const std::uint32_t i : down) {
    for (const std::uint32_t j : across) {
      at[a] = i;
      at[b] = j;
      for (std::size_t s = 0; s < sources.size(); ++s) images[s].push_back(imageAt(*sources[s].source, rowOf, at));
    }
  }
  const int columns = static_cast<int>(across.size());
  const std::string axes = first + " down, " + second + " across";
  PictureGroup group;
  group.tiles = 0;
  group.down = static_cast<int>(down.size());
  for (std::size_t s = 0; s < sources.size(); ++s)
    group.strips.push_back({sources[s].name, "", sources[s].name + ": " + axes, tiled(images[s], columns, kGap)});
  if (sources.size() > 1) {
    const int factor = amplificationFor(largestDifference(images[0], images[1]));
    std::vector<Pixels> differences;
    for (std::size_t i = 0; i < images[0].size(); ++i)
      differences.push_back(amplifiedDifference(images[0][i], images[1][i], factor));
    group.strips.push_back(
        {"difference", amplifiedBy(factor),
         sources[1].name + " minus " + sources[0].name + ", amplified " + std::to_string(factor) + " times: " + axes,
         tiled(differences, columns, kGap)});
  }
  return {group};
}

DistancePlane distancePlane(const Source& source, const std::string& first, const std::string& second,
                            std::uint32_t contexts, std::uint64_t seed) {
  const FactorGrid& grid = source.info().grid;
  const std::size_t a = factorAt(grid, first), b = factorAt(grid, second);
  if (a == b) throw Error(ErrorKind::Usage, "a plane needs two factors, not " + first + " twice");
  if (source.size() != grid.size()) throw Error(ErrorKind::Usage, "the source does not hold its full grid");
  constexpr int kMost = 15;
  DistancePlane plane;
  plane.firstLevels = spreadLevels(grid.factors()[a].size(), kMost);
  plane.secondLevels = spreadLevels(grid.factors()[b].size(), kMost);
  plane.height = plane.firstLevels.size();
  plane.width = plane.secondLevels.size();
  plane.values.assign(plane.height * plane.width, 0);
  const Philox philox(seed, "plane contexts");
  const std::size_t bytes = source.info().shape.bytes();
  std::vector<std::uint8_t> middle(bytes), image(bytes);
  for (std::uint32_t context = 0; context < contexts; ++context) {
    std::vector<std::uint32_t> at = grid.levelsOf(philox.below(grid.size(), context));
    at[a] = plane.firstLevels[plane.height / 2];
    at[b] = plane.secondLevels[plane.width / 2];
    source.read(grid.indexOf(at), middle.data());
    for (std::size_t i = 0; i < plane.height; ++i) {
      for (std::size_t j = 0; j < plane.width; ++j) {
        at[a] = plane.firstLevels[i];
        at[b] = plane.secondLevels[j];
        source.read(grid.indexOf(at), image.data());
        double sum = 0;
        for (std::size_t k = 0; k < bytes; ++k) {
          const double difference = (image[k] - middle[k]) / 255.0;
          sum += difference * difference;
        }
        plane.values[i * plane.width + j] += sum / static_cast<double>(bytes) / contexts;
      }
    }
  }
  return plane;
}

}  // namespace offaxis
