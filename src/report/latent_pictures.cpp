#include "report/latent_pictures.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <numeric>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "core/error.h"
#include "core/text.h"
#include "report/gif.h"

namespace offaxis {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kRecord = "traversal.json";
constexpr const char* kStripTiles = "latents-tiles.png";
constexpr const char* kRebuiltTiles = "reconstructions-tiles.png";
constexpr const char* kStrips = "latents.png";
constexpr const char* kRebuilt = "reconstructions.png";
constexpr const char* kAnimation = "latents.gif";
constexpr const char* kInformation = "information.svg";
constexpr int kGap = 2;

std::string fixed(double value, int decimals) {
  char text[48];
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  return text;
}

// Latents by the variance of their means, largest first.
std::vector<std::size_t> orderOf(const LatentPictures& pictures) {
  std::vector<std::size_t> order(pictures.strips.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return pictures.variance[a] > pictures.variance[b]; });
  return order;
}

// "floor_hue 1.2" for the factor that a latent tells most of; empty where it tells nothing to speak of.
std::string toldBy(const LatentPictures& pictures, std::size_t latent) {
  const std::size_t k = pictures.factors.size();
  if (pictures.information.empty() || k == 0) return {};
  const auto first = pictures.information.begin() + static_cast<std::ptrdiff_t>(latent * k);
  const auto best = std::max_element(first, first + static_cast<std::ptrdiff_t>(k));
  if (*best < 0.05) return {};
  return pictures.factors[static_cast<std::size_t>(best - first)] + " " + fixed(*best, 2);
}

// Tiles of one row after another, edge to edge.
Pixels edgeToEdge(const std::vector<std::vector<Pixels>>& rows) {
  std::vector<Pixels> all;
  for (const auto& row : rows) all.insert(all.end(), row.begin(), row.end());
  return tiled(all, static_cast<int>(rows.empty() ? 1 : rows[0].size()), 0);
}

Pixels readPng(const std::string& path) {
  const std::string bytes = readTextFile(path);
  const std::vector<std::uint8_t> buffer(bytes.begin(), bytes.end());
  cv::Mat bgr;
  try {
    bgr = cv::imdecode(buffer, cv::IMREAD_COLOR);
  } catch (const cv::Exception&) {
    bgr.release();
  }
  if (bgr.empty()) throw Error(ErrorKind::BadFile, path + " is no picture that can be read");
  Pixels pixels{bgr.cols, bgr.rows, {}};
  cv::Mat rgb;
  cv::cvtColor(bgr, rgb, cv::COLOR_BGR2RGB);
  pixels.rgb.assign(rgb.datastart, rgb.dataend);
  return pixels;
}

// The tiles of a sheet of `rows` by `columns`.
std::vector<std::vector<Pixels>> cut(const Pixels& sheet, std::size_t rows, std::size_t columns,
                                     const std::string& path) {
  const bool fits = rows > 0 && columns > 0 && static_cast<std::size_t>(sheet.width) % columns == 0 &&
                    static_cast<std::size_t>(sheet.height) % rows == 0;
  if (!fits) throw Error(ErrorKind::BadFile, path + " does not hold the tiles that " + kRecord + " says");
  const int width = sheet.width / static_cast<int>(columns), height = sheet.height / static_cast<int>(rows);
  std::vector<std::vector<Pixels>> tiles(rows);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < columns; ++c) {
      Pixels tile{width, height, {}};
      for (int y = 0; y < height; ++y) {
        const auto from = 3 * ((r * static_cast<std::size_t>(height) + static_cast<std::size_t>(y)) *
                                   static_cast<std::size_t>(sheet.width) +
                               c * static_cast<std::size_t>(width));
        tile.rgb.insert(tile.rgb.end(), sheet.rgb.begin() + static_cast<std::ptrdiff_t>(from),
                        sheet.rgb.begin() + static_cast<std::ptrdiff_t>(from + 3 * static_cast<std::size_t>(width)));
      }
      tiles[r].push_back(std::move(tile));
    }
  }
  return tiles;
}

Pixels enlarged(const Pixels& pixels, int scale) {
  Pixels large{pixels.width * scale, pixels.height * scale, {}};
  for (int y = 0; y < large.height; ++y) {
    for (int x = 0; x < large.width; ++x) {
      const auto* from = pixels.rgb.data() + 3 * static_cast<std::size_t>(y / scale * pixels.width + x / scale);
      large.rgb.insert(large.rgb.end(), from, from + 3);
    }
  }
  return large;
}

}  // namespace

Pictures latentStrips(const LatentPictures& pictures) {
  PictureGroup group;
  group.tiles = static_cast<int>(pictures.offsets.size());
  for (const double offset : pictures.offsets) group.ticks.push_back(fixed(offset, 1));
  for (const std::size_t latent : orderOf(pictures)) {
    const std::string told = toldBy(pictures, latent);
    group.strips.push_back(
        {"latent " + std::to_string(latent), told.empty() ? "variance " + fixed(pictures.variance[latent], 2) : told,
         "latent " + std::to_string(latent) + " from " + fixed(pictures.offsets.front(), 1) + " to " +
             fixed(pictures.offsets.back(), 1) + "; variance of its means " + fixed(pictures.variance[latent], 2) +
             (told.empty() ? "" : ", tells most of " + told + " nats"),
         tiled(pictures.strips[latent], group.tiles, kGap)});
  }
  return {group};
}

Pictures reconstructionStrips(const LatentPictures& pictures) {
  PictureGroup group;
  group.tiles = static_cast<int>(pictures.rows.size());
  for (const std::uint64_t row : pictures.rows) group.ticks.push_back("#" + std::to_string(row));
  group.strips.push_back({"image", "", std::to_string(pictures.rows.size()) + " images of the data set",
                          tiled(pictures.originals, group.tiles, kGap)});
  group.strips.push_back({"rebuilt", "", "the same images as the model rebuilds them from their codes",
                          tiled(pictures.rebuilt, group.tiles, kGap)});
  return {group};
}

Chart informationChart(const LatentPictures& pictures) {
  MatrixChart chart;
  chart.title = "What each latent tells of each factor, " + pictures.model;
  chart.numbers = true;
  MatrixChart::Panel panel;
  panel.columns = pictures.factors;
  panel.width = pictures.factors.size();
  for (const std::size_t latent : orderOf(pictures)) {
    panel.rows.push_back("latent " + std::to_string(latent));
    for (std::size_t k = 0; k < panel.width; ++k)
      panel.values.push_back(pictures.information[latent * panel.width + k]);
    const std::string told = toldBy(pictures, latent);
    if (!told.empty())
      chart.description += (chart.description.empty() ? "Most: " : "; ") + panel.rows.back() + " " + told + " nats";
  }
  panel.height = panel.rows.size();
  chart.panels.push_back(std::move(panel));
  return chart;
}

std::string latentGif(const LatentPictures& pictures) {
  const std::vector<std::size_t> order = orderOf(pictures);
  const int columns = static_cast<int>(std::min<std::size_t>(order.size(), 6));
  const int scale = std::max(1, 64 / std::max(pictures.strips[0][0].width, 1));
  std::vector<Pixels> frames;
  const std::size_t steps = pictures.offsets.size();
  for (std::size_t i = 0; i + 1 < 2 * steps - 1; ++i) {
    const std::size_t step = i < steps ? i : 2 * (steps - 1) - i;
    std::vector<Pixels> tiles;
    for (const std::size_t latent : order) tiles.push_back(enlarged(pictures.strips[latent][step], scale));
    frames.push_back(tiled(tiles, columns, kGap));
  }
  return gifOf(frames, 12);
}

void checkLatentPictures(const std::string& directory, Overwrite overwrite) {
  if (overwrite == Overwrite::Replace) return;
  std::error_code none;
  for (const char* name : {kRecord, kStripTiles, kRebuiltTiles, kStrips, kRebuilt, kAnimation, kInformation}) {
    if (std::filesystem::exists(std::filesystem::path(directory) / name, none))
      throw Error(ErrorKind::CannotWrite, "'" + directory + "/" + name + "' exists already",
                  "choose another directory, or pass --force to replace it");
  }
}

void writeLatentPictures(const LatentPictures& pictures, const std::string& directory, Overwrite overwrite) {
  checkLatentPictures(directory, overwrite);
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) throw Error(ErrorKind::CannotWrite, "cannot make the directory " + directory + ": " + error.message());
  const auto path = [&](const std::string& name) { return directory + "/" + name; };
  // The record comes last: where it is, the rest is too.
  requireWritable(path(kRecord), overwrite);
  Json information = Json::array();
  const std::size_t k = pictures.factors.size();
  for (std::size_t i = 0; i + k <= pictures.information.size() && k > 0; i += k)
    information.push_back(std::vector<double>(pictures.information.begin() + static_cast<std::ptrdiff_t>(i),
                                              pictures.information.begin() + static_cast<std::ptrdiff_t>(i + k)));
  const Json record{
      {"schema_version", 1},
      {"status", "complete"},
      {"model", pictures.model},
      {"checkpoint_sha256", pictures.checkpointSha256},
      {"source", pictures.source},
      {"strips", {{"file", kStripTiles}, {"latents", pictures.strips.size()}, {"offsets", pictures.offsets}}},
      {"variance", pictures.variance},
      {"reconstructions", {{"file", kRebuiltTiles}, {"rows", pictures.rows}}},
      {"factors", pictures.factors},
      {"information", information}};
  writeTextFile(path(kStripTiles), pngOf(edgeToEdge(pictures.strips)), overwrite);
  writeTextFile(path(kRebuiltTiles), pngOf(edgeToEdge({pictures.originals, pictures.rebuilt})), overwrite);
  writeTextFile(path(kStrips), labelledPng(latentStrips(pictures), pictures.model + " on " + pictures.source),
                overwrite);
  writeTextFile(path(kRebuilt), labelledPng(reconstructionStrips(pictures), pictures.model + " on " + pictures.source),
                overwrite);
  writeTextFile(path(kAnimation), latentGif(pictures), overwrite);
  if (!pictures.information.empty())
    writeTextFile(path(kInformation), chartSvg(informationChart(pictures), {680, true}), overwrite);
  writeTextFile(path(kRecord), record.dump(2, ' ', false, Json::error_handler_t::replace) + "\n", overwrite);
}

LatentPictures readLatentPictures(const std::string& directory) {
  const std::string path = directory + "/" + kRecord;
  try {
    const Json record = Json::parse(readTextFile(path));
    LatentPictures pictures;
    record.at("model").get_to(pictures.model);
    pictures.checkpointSha256 = record.value("checkpoint_sha256", "");
    record.at("source").get_to(pictures.source);
    record.at("strips").at("offsets").get_to(pictures.offsets);
    record.at("variance").get_to(pictures.variance);
    record.at("reconstructions").at("rows").get_to(pictures.rows);
    record.at("factors").get_to(pictures.factors);
    const auto latents = record.at("strips").at("latents").get<std::size_t>();
    for (const Json& row : record.at("information")) {
      const auto values = row.get<std::vector<double>>();
      pictures.information.insert(pictures.information.end(), values.begin(), values.end());
    }
    const bool fits =
        pictures.variance.size() == latents && latents <= 4096 && pictures.offsets.size() <= 4096 &&
        (pictures.information.empty() || pictures.information.size() == latents * pictures.factors.size());
    if (!fits) throw Error(ErrorKind::BadFile, path + " contradicts itself");
    pictures.strips = cut(readPng(directory + "/" + kStripTiles), latents, pictures.offsets.size(), kStripTiles);
    auto rebuilt = cut(readPng(directory + "/" + kRebuiltTiles), 2, pictures.rows.size(), kRebuiltTiles);
    pictures.originals = std::move(rebuilt[0]);
    pictures.rebuilt = std::move(rebuilt[1]);
    return pictures;
  } catch (const nlohmann::json::exception& e) {
    throw Error(ErrorKind::BadFile, path + " is no record of offaxis traverse: " + withoutTag(e.what()));
  }
}

}  // namespace offaxis
