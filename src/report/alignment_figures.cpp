#include "report/alignment_figures.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <optional>

#include "core/error.h"
#include "report/plot.h"

namespace offaxis {
namespace {

constexpr int kTile = 176;  // pixels a matrix takes
constexpr int kGap = 28;    // between matrices, for the labels of the levels
constexpr int kLine = 18;   // height of a line of text
constexpr int kBlockWidth = 2 * (kTile + kGap) + 24;
constexpr int kBlockHeight = kTile + 5 * kLine;
constexpr int kColumns = 2;
constexpr int kMargin = 12;
const cv::Scalar kPaper(255, 255, 255);
const cv::Scalar kInk(40, 40, 40);

std::string formatted(const char* format, double value) {
  char text[32];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

void write(cv::Mat& canvas, const std::string& words, int x, int y, double scale = 0.42) {
  cv::putText(canvas, words, {x, y}, cv::FONT_HERSHEY_SIMPLEX, scale, kInk, 1, cv::LINE_AA);
}

void writeBefore(cv::Mat& canvas, const std::string& words, int right, int y) {
  int baseline = 0;
  write(canvas, words, right - cv::getTextSize(words, cv::FONT_HERSHEY_SIMPLEX, 0.36, 1, &baseline).width, y, 0.36);
}

// 0 is dark, `largest` bright.
cv::Mat coloured(const cv::Mat& values, double largest) {
  cv::Mat bytes, colours;
  values.convertTo(bytes, CV_8U, largest > 0 ? 255 / largest : 0);
  cv::applyColorMap(bytes, colours, cv::COLORMAP_VIRIDIS);
  return colours;
}

void drawMatrix(cv::Mat& canvas, const std::vector<double>& values, std::uint64_t levels, int x, int y,
                const std::string& caption) {
  const int n = static_cast<int>(levels);
  const double largest = *std::max_element(values.begin(), values.end());
  const cv::Mat matrix(n, n, CV_64F, const_cast<double*>(values.data()));
  cv::resize(coloured(matrix, largest), canvas(cv::Rect(x, y, kTile, kTile)), {kTile, kTile}, 0, 0, cv::INTER_NEAREST);
  write(canvas, caption, x, y - 6, 0.4);
  write(canvas, "largest " + formatted("%.3g", largest), x, y + kTile + 2 * kLine - 4, 0.36);
  const std::string last = std::to_string(levels - 1);
  writeBefore(canvas, "0", x - 4, y + 10);
  writeBefore(canvas, last, x - 4, y + kTile);
  write(canvas, "0", x, y + kTile + 13, 0.36);
  writeBefore(canvas, last, x + kTile, y + kTile + 13);
}

std::string correlationText(const std::optional<double>& value) {
  return value ? formatted("%.3f", *value) : "-";
}

void drawFactor(cv::Mat& canvas, const PerceivedStructure::Traversal& traversal, ReconstructionLoss loss, int x,
                int y) {
  write(canvas,
        traversal.factor + ": Pearson " + correlationText(traversal.correlation.pearson) + ", Spearman " +
            correlationText(traversal.correlation.spearman),
        x, y + kLine - 4, 0.46);
  const int n = static_cast<int>(traversal.levels);
  std::vector<double> truth;
  for (int i = 0; i < n; ++i) {
    for (int j = 0; j < n; ++j) truth.push_back(std::abs(i - j));
  }
  const int top = y + 2 * kLine + 4;
  drawMatrix(canvas, truth, traversal.levels, x + kGap, top, "levels apart (" + toString(traversal.kind) + ")");
  drawMatrix(canvas, traversal.distances, traversal.levels, x + 2 * kGap + kTile, top,
             "perceived (" + toString(loss) + ")");
}

PlotSeries seriesOf(const std::string& name, std::vector<double> values) {
  std::sort(values.begin(), values.end(), std::greater<>());
  double trace = 0;
  for (const double value : values) trace += value;
  PlotSeries series{name, {}, true};
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double share = trace > 0 ? values[i] / trace : 0;
    series.points.push_back({static_cast<double>(i + 1), share, formatted("%.4f", share)});
  }
  return series;
}

}  // namespace

std::string distanceMatricesPng(const PerceivedStructure& structure, const std::string& title) {
  constexpr int kHeader = 40, kFooter = 44;
  const int count = static_cast<int>(structure.perFactor.size());
  const int rows = (count + kColumns - 1) / kColumns;
  cv::Mat canvas(kHeader + rows * kBlockHeight + kFooter, kColumns * kBlockWidth + 2 * kMargin, CV_8UC3, kPaper);
  write(canvas, title, kMargin, 24, 0.5);
  for (int i = 0; i < count; ++i) {
    drawFactor(canvas, structure.perFactor[static_cast<std::size_t>(i)], structure.loss,
               kMargin + i % kColumns * kBlockWidth, kHeader + i / kColumns * kBlockHeight);
  }
  // The scale that all matrices share.
  const int y = canvas.rows - kFooter + 12;
  cv::Mat ramp(1, 256, CV_64F);
  for (int i = 0; i < 256; ++i) ramp.at<double>(0, i) = i;
  writeBefore(canvas, "0", kMargin + kGap - 4, y + 10);
  cv::resize(coloured(ramp, 255), canvas(cv::Rect(kMargin + kGap, y, kTile, 12)), {kTile, 12}, 0, 0, cv::INTER_NEAREST);
  write(canvas,
        "each matrix's largest; random pairs: Pearson " + correlationText(structure.randomPairs.pearson) +
            ", Spearman " + correlationText(structure.randomPairs.spearman),
        kMargin + kGap + kTile + 6, y + 10, 0.4);

  std::vector<std::uint8_t> png;
  if (!cv::imencode(".png", canvas, png)) throw Error(ErrorKind::Failed, "cannot encode the matrices as PNG");
  return {png.begin(), png.end()};
}

std::string spectraSvg(const AxisAlignment& local, const LinearResponse& response, const std::string& title) {
  Plot plot;
  plot.title = "Spectra: " + title;
  plot.description =
      "Shares of the principal directions beside those of the factors' own axes, locally and in the linear response.";
  plot.xLabel = "rank";
  plot.yLabel = "share of the trace";
  plot.series = {seriesOf("local: principal", local.spectrum), seriesOf("local: factors", local.columnSpectrum)};
  std::vector<double> norms;
  for (const ResponseCoordinate& coordinate : response.coordinates) norms.push_back(coordinate.norm * coordinate.norm);
  plot.series.push_back(seriesOf("linear: principal", response.eigenvalues));
  plot.series.push_back(seriesOf("linear: coordinates", std::move(norms)));
  return scatterSvg(plot);
}

}  // namespace offaxis
