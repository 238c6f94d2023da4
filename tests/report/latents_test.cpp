#include "report/latent_pictures.h"

#include <gif_lib.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>

#include "report/gif.h"
#include "report/page.h"
#include "support/expect_error.h"
#include "support/temp_directory.h"

namespace offaxis {
namespace {

using testing::expectError;
using testing::TempDirectory;

// A GIF read back by giflib: its frames as pixels.
std::vector<Pixels> decoded(const std::string& bytes) {
  struct Reader {
    const std::string* bytes;
    std::size_t at;
  } reader{&bytes, 0};
  const auto read = [](GifFileType* gif, GifByteType* to, int count) {
    auto* from = static_cast<Reader*>(gif->UserData);
    const std::size_t n = std::min(static_cast<std::size_t>(count), from->bytes->size() - from->at);
    std::memcpy(to, from->bytes->data() + from->at, n);
    from->at += n;
    return static_cast<int>(n);
  };
  int error = 0;
  GifFileType* gif = DGifOpen(&reader, read, &error);
  if (gif == nullptr || DGifSlurp(gif) == GIF_ERROR) return {};
  std::vector<Pixels> frames;
  for (int i = 0; i < gif->ImageCount; ++i) {
    const SavedImage& image = gif->SavedImages[i];
    Pixels frame{image.ImageDesc.Width, image.ImageDesc.Height, {}};
    for (int p = 0; p < frame.width * frame.height; ++p) {
      const GifColorType& colour = gif->SColorMap->Colors[image.RasterBits[p]];
      frame.rgb.insert(frame.rgb.end(), {colour.Red, colour.Green, colour.Blue});
    }
    frames.push_back(std::move(frame));
  }
  DGifCloseFile(gif, &error);
  return frames;
}

Pixels ramp(int width, int height, int shift) {
  Pixels pixels{width, height, {}};
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (const int value : {x * 3 + shift, y * 5, x + y}) pixels.rgb.push_back(static_cast<std::uint8_t>(value));
    }
  }
  return pixels;
}

TEST(Gif, FewColoursComeBackExactly) {
  const std::vector<Pixels> frames{{2, 2, {0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255}},
                                   {2, 2, {9, 8, 7, 255, 255, 255, 0, 0, 0, 1, 2, 3}}};
  const std::string gif = gifOf(frames, 10);
  EXPECT_EQ(gif.substr(0, 6), "GIF89a");
  EXPECT_EQ(gif.back(), ';');
  EXPECT_NE(gif.find("NETSCAPE2.0"), std::string::npos) << "it loops";
  const std::vector<Pixels> read = decoded(gif);
  ASSERT_EQ(read.size(), 2u);
  for (std::size_t i = 0; i < 2; ++i) EXPECT_EQ(read[i].rgb, frames[i].rgb);
  EXPECT_EQ(gifOf(frames, 10), gif);
}

TEST(Gif, ManyColoursComeBackNearly) {
  const std::vector<Pixels> frames{ramp(48, 40, 0), ramp(48, 40, 60)};
  const std::vector<Pixels> read = decoded(gifOf(frames, 5));
  ASSERT_EQ(read.size(), 2u);
  double sum = 0;
  for (std::size_t f = 0; f < 2; ++f) {
    ASSERT_EQ(read[f].rgb.size(), frames[f].rgb.size());
    for (std::size_t i = 0; i < frames[f].rgb.size(); ++i) {
      const double difference = read[f].rgb[i] - frames[f].rgb[i];
      sum += difference * difference;
    }
  }
  EXPECT_LT(std::sqrt(sum / (2.0 * static_cast<double>(frames[0].rgb.size()))), 6.0) << "levels, root mean square";
}

TEST(Gif, NeedsFramesOfOneSize) {
  expectError(ErrorKind::Usage, "frames", [] { gifOf({}, 5); });
  expectError(ErrorKind::Usage, "one size", [] { gifOf({ramp(4, 4, 0), ramp(4, 5, 0)}, 5); });
}

LatentPictures toy() {
  LatentPictures pictures;
  pictures.model = "beta-vae";
  pictures.source = "xysquares:spacing=1";
  pictures.offsets = {-2, 0, 2};
  for (int latent = 0; latent < 2; ++latent)
    pictures.strips.push_back({ramp(8, 8, latent), ramp(8, 8, 9 + latent), ramp(8, 8, 20 + latent)});
  pictures.variance = {0.1, 0.9};
  pictures.rows = {5, 7};
  pictures.originals = {ramp(8, 8, 1), ramp(8, 8, 2)};
  pictures.rebuilt = {ramp(8, 8, 3), ramp(8, 8, 4)};
  pictures.factors = {"x", "y", "z"};
  pictures.information = {0, 0.01, 0.02, 1.5, 0.2, 0.1};
  return pictures;
}

TEST(LatentPictures, AreReadAsTheyWereWritten) {
  const TempDirectory d;
  writeLatentPictures(toy(), d / "run/pictures", Overwrite::Refuse);
  for (const char* name : {"latents.png", "latents.gif", "reconstructions.png", "information.svg"})
    EXPECT_TRUE(std::filesystem::exists(d / (std::string("run/pictures/") + name))) << name;
  const LatentPictures read = readLatentPictures(d / "run/pictures");
  EXPECT_EQ(read.information, toy().information);
  ASSERT_EQ(read.strips.size(), 2u);
  EXPECT_EQ(read.strips[1][2].rgb, toy().strips[1][2].rgb);
  EXPECT_EQ(read.rebuilt[1].rgb, toy().rebuilt[1].rgb);
  expectError(ErrorKind::CannotWrite, "traversal.json",
              [&] { writeLatentPictures(toy(), d / "run/pictures", Overwrite::Refuse); });
  writeLatentPictures(toy(), d / "run/pictures", Overwrite::Replace);
  EXPECT_EQ(decoded(latentGif(read)).size(), 4u) << "there and back again, the ends once";
}

TEST(LatentPictures, TheLatentThatVariesMostComesFirst) {
  const Pictures strips = latentStrips(toy());
  EXPECT_EQ(strips[0].strips[0].name, "latent 1");
  EXPECT_EQ(strips[0].strips[0].detail, "x 1.50");
  EXPECT_EQ(strips[0].strips[1].detail, "variance 0.10") << "it tells nothing";
  const auto chart = std::get<MatrixChart>(informationChart(toy()));
  EXPECT_EQ(chart.panels[0].rows[0], "latent 1");
  EXPECT_EQ(chart.panels[0].values[0], 1.5);
}

TEST(LatentPictures, StandInTheReportOfTheirRun) {
  const TempDirectory d;
  const std::string run = d / "grid/evaluation/runs/original_beta-vae_0";
  writeLatentPictures(toy(), run + "/pictures", Overwrite::Refuse);
  writeTextFile(run + "/run.json",
                R"({"status": "complete", "settings": {"model": "beta-vae"}, "curve": [
                    {"step": 1, "reconstruction": 9, "kl": 0}, {"step": 2, "reconstruction": 5, "kl": 1}]})",
                Overwrite::Refuse);
  const Report report = makeReport(readFindings(d / "grid"), {}, {});
  for (const char* id : {"traversal", "reconstructions", "information", "training-reconstruction", "training-kl"})
    EXPECT_NE(report.figure(id), nullptr) << id;
  EXPECT_EQ(report.figure("traversal")->gif.substr(0, 6), "GIF89a");
  EXPECT_NE(report.figure("traversal")->command.find("--checkpoint " + run), std::string::npos);
  const std::string page = reportPage(report);
  EXPECT_NE(page.find("src=\"data:image/gif;base64,R0lGODlh"), std::string::npos);
  // Damaged ones are missed, the run is shown.
  writeTextFile(run + "/pictures/latents-tiles.png", "torn", Overwrite::Replace);
  const Report torn = makeReport(readFindings(d / "grid"), {}, {});
  EXPECT_EQ(torn.figure("traversal"), nullptr);
  EXPECT_NE(torn.figure("training-kl"), nullptr);
  ASSERT_EQ(torn.missing.size(), 1u);
  EXPECT_NE(torn.missing[0].find("latents-tiles.png"), std::string::npos);
}

TEST(LatentPictures, DamagedOnesAreRefused) {
  const TempDirectory d;
  const std::string folder = d / "p";
  expectError(ErrorKind::BadFile, "traversal.json", [&] { readLatentPictures(folder); });
  const auto spoil = [&](const std::string& file, const std::string& text, const std::string& says) {
    writeLatentPictures(toy(), folder, Overwrite::Replace);
    writeTextFile(folder + "/" + file, text, Overwrite::Replace);
    expectError(ErrorKind::BadFile, says, [&] { readLatentPictures(folder); });
  };
  spoil("latents-tiles.png", "no picture", "latents-tiles.png");
  spoil("traversal.json", "{}", "no record");
  spoil("latents-tiles.png", pngOf(ramp(7, 7, 0)), "tiles");
}

}  // namespace
}  // namespace offaxis
