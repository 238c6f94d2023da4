// offaxis align: says which axes a dataset favours, from its images alone.
#include <algorithm>
#include <cmath>
#include <iomanip>
#include <iostream>
#include <optional>

#include "core/error.h"
#include "measure/alignment.h"
#include "measure/perceived_distance.h"
#include "report/alignment_figures.h"
#include "storage/staged.h"
#include "tools/cli.h"
#include "variants/expression.h"

namespace {

using namespace offaxis;
using cli::Json;

const cli::Verb kVerb{
    "align",
    "Three views of SOURCE's images, in seconds:\n"
    "  local      differences of neighbouring images along each factor. Preference > 0: codes along the factors' axes\n"
    "             are cheaper than codes along the rotated ones; < 0: the rotated axes are\n"
    "  linear     the images' linear response to the factors, cyclic ones as points on a circle. Patterns of "
    "different\n"
    "             factors that resemble each other at similar norms predict latents that mix these factors\n"
    "  distances  how well the loss between images follows the distance of their factors (Michlo et al., 2023)\n"
    "Categorical factors have no derivative: they take part in the distances alone.",
    {{"SOURCE", true, false, "an original, a variant, or a file with the full grid"}},
    {{"output,o", "DIR", "", "write alignment.json, matrices.png and spectra.svg into this new directory"},
     {"rotation", "SPEC", "blocks", "R: blocks, pairs or random; NAME:FACTOR,FACTOR,.. rotates these alone"},
     {"points", "N", "512", "grid points of the local view"},
     {"interior", "", "", "take points inside the ordinal factors' ranges alone, where differences are central"},
     {"samples", "N", "8192", "images of the linear view"},
     {"pairs", "N", "5000", "pairs a factor (at least), and random pairs, of the distances"},
     {"loss", "NAME", "mse", "of the distances: mse or box-blur"},
     {"seed", "N", "0", "of every draw"}},
    {"shapes3d:size=32", "xysquares:spacing=1 --interior --loss box-blur -o alignment/"}};

struct Settings {
  AxisSettings axes;
  std::uint64_t samples = 0, pairs = 0;
  ReconstructionLoss loss = ReconstructionLoss::MeanSquaredError;
};

Settings parse(const cli::Arguments& a) {
  constexpr std::uint64_t kMany = 1'000'000'000;
  Settings s;
  s.axes.rotation = a.text("rotation");
  s.axes.points = a.integer("points", 2, 1'000'000);
  s.axes.seed = a.integer("seed", 0, UINT64_MAX);
  s.axes.interior = a.flag("interior");
  s.samples = a.integer("samples", 256, kMany);
  s.pairs = a.integer("pairs", 1, 10'000'000);
  s.loss = reconstructionLossFromString(a.text("loss"));
  return s;
}

struct Findings {
  AxisAlignment local;
  LinearResponse linear;
  PerceivedStructure perceived;
};

Json toJson(const Estimate& e) {
  if (e.points == 0) return {{"mean", nullptr}, {"standard_error", nullptr}, {"points", 0}};
  return {{"mean", e.mean}, {"standard_error", e.error}, {"points", e.points}};
}

// [n,n] row-major as rows.
Json rowsOf(const std::vector<double>& matrix, std::size_t n) {
  Json rows = Json::array();
  for (std::size_t i = 0; i < matrix.size(); i += n)
    rows.push_back(std::vector<double>(matrix.data() + i, matrix.data() + i + n));
  return rows;
}

Json toJson(const AxisAlignment& a) {
  Json factors = Json::array(), pairs = Json::array();
  for (const FactorResponse& response : a.factors)
    factors.push_back({{"name", response.factor}, {"length", toJson(response.length)}, {"silent", response.silent}});
  const auto pairJson = [&](const PairPreference& pair) {
    return Json{{"factors", {a.factors[pair.first].factor, a.factors[pair.second].factor}},
                {"preference_at_45", toJson(pair.at45)},
                {"best_angle", pair.angle},
                {"best_preference", toJson(pair.best)}};
  };
  for (const PairPreference& pair : a.pairs) pairs.push_back(pairJson(pair));
  return {{"points", a.points},
          {"noise_subtracted", toString(a.noise)},
          {"factors", factors},
          {"left_out", a.leftOut},
          {"rotation", rowsOf(a.rotation, a.factors.size())},
          {"hadamard_gap", toJson(a.gap)},
          {"preference", toJson(a.preference)},
          {"distance_to_orthogonality", toJson(a.distance)},
          {"smallest_eigengap", toJson(a.eigengap)},
          {"spectrum", a.spectrum},
          {"column_spectrum", a.columnSpectrum},
          {"pairs", pairs},
          {"best_frame", pairJson(*a.bestPair())}};
}

Json toJson(const LinearResponse& r) {
  const std::size_t d = r.coordinates.size();
  Json coordinates = Json::array(), pairs = Json::array();
  for (const ResponseCoordinate& c : r.coordinates)
    coordinates.push_back({{"name", c.name}, {"factor", c.factor}, {"norm", c.norm}, {"norm_error", c.normError}});
  for (const ResponsePair& pair : r.pairs) {
    pairs.push_back({{"coordinates", {r.coordinates[pair.first].name, r.coordinates[pair.second].name}},
                     {"cosine", pair.cosine},
                     {"cosine_error", pair.cosineError},
                     {"angle", pair.angle}});
  }
  return {{"samples", r.samples},
          {"coordinates", coordinates},
          {"left_out", r.leftOut},
          {"gram", rowsOf(r.gram, d)},
          {"pairs", pairs},
          {"eigenvalues", r.eigenvalues},
          {"directions", rowsOf(r.directions, d)},
          {"linear_share", r.linearShare}};
}

Json toJson(const std::optional<double>& value) {
  return value ? Json(*value) : Json();
}

Json toJson(const DistanceCorrelation& c) {
  return {{"pearson", toJson(c.pearson)}, {"spearman", toJson(c.spearman)}, {"pairs", c.pairs}};
}

Json toJson(const PerceivedStructure& p, const ImageShape& shape) {
  Json factors = Json::array();
  for (const PerceivedStructure::Traversal& t : p.perFactor) {
    factors.push_back({{"name", t.factor},
                       {"kind", toString(t.kind)},
                       {"traversals", t.traversals},
                       {"correlation", toJson(t.correlation)},
                       {"distances", rowsOf(t.distances, t.levels)}});
  }
  return {{"loss", toString(p.loss)},
          {"blur_radius", blurRadius(p.loss, shape)},
          {"factors", factors},
          {"random_pairs", toJson(p.randomPairs)}};
}

Json toJson(const Findings& f, const Source& source, const Settings& s) {
  return {{"source", source.info().expression()},
          {"settings",
           {{"rotation", s.axes.rotation},
            {"points", s.axes.points},
            {"interior", s.axes.interior},
            {"samples", s.samples},
            {"pairs", s.pairs},
            {"loss", toString(s.loss)},
            {"seed", s.axes.seed}}},
          {"local", toJson(f.local)},
          {"linear", toJson(f.linear)},
          {"distances", toJson(f.perceived, source.info().shape)}};
}

void printEstimate(const std::string& name, const Estimate& e) {
  std::cout << "  " << std::left << std::setw(28) << name << std::right;
  if (e.points == 0) {
    std::cout << "   no point has one\n";
  } else {
    std::cout << std::setw(8) << e.mean << " +- " << e.error << "  (" << e.points << " points)\n";
  }
}

std::string shortened(const std::string& name, std::size_t width) {
  return name.size() <= width ? name : name.substr(0, width - 1) + ".";
}

void print(const AxisAlignment& a, const Settings& s) {
  constexpr int kWidth = 12;
  std::cout << "local, " << a.points
            << (s.axes.interior ? " points inside the grid" : " points, ends of ordinal factors included");
  if (!a.leftOut.empty()) std::cout << "; without " << joined(a.leftOut) << " (categorical)";
  if (a.noise != NoiseCorrection::None) std::cout << "; noise subtracted: " << toString(a.noise);
  std::cout << '\n';
  printEstimate("Hadamard gap", a.gap);
  printEstimate("preference, R = " + s.axes.rotation, a.preference);
  printEstimate("distance to orthogonality", a.distance);
  printEstimate("smallest relative eigengap", a.eigengap);
  const PairPreference& best = *a.bestPair();
  printEstimate("best frame of a pair", best.best);
  if (best.best.points > 0)
    std::cout << "    " << a.factors[best.first].factor << " and " << a.factors[best.second].factor << " at "
              << best.angle << " degrees\n";
  std::cout << "  column lengths |J_j|; preference of each pair at 45 degrees\n";
  std::cout << std::string(28, ' ');
  for (const FactorResponse& response : a.factors)
    std::cout << std::setw(kWidth) << shortened(response.factor, kWidth - 1);
  std::cout << '\n';
  for (std::size_t i = 0; i < a.factors.size(); ++i) {
    std::cout << "  " << std::left << std::setw(14) << shortened(a.factors[i].factor, 14) << std::right << std::setw(12)
              << a.factors[i].length.mean;
    for (std::size_t j = 0; j < a.factors.size(); ++j) {
      const auto pair = std::find_if(a.pairs.begin(), a.pairs.end(), [&](const PairPreference& p) {
        return p.first == std::min(i, j) && p.second == std::max(i, j);
      });
      if (pair == a.pairs.end()) {
        std::cout << std::setw(kWidth) << "-";
      } else {
        std::cout << std::setw(kWidth);
        if (pair->at45.points > 0) {
          std::cout << pair->at45.mean;
        } else {
          std::cout << "-";
        }
      }
    }
    if (a.factors[i].silent > 0) std::cout << "   no response at " << a.factors[i].silent << " points";
    std::cout << '\n';
  }
}

// "92% wall_hue, 5% floor_hue": what a principal direction is made of.
void printDirection(const LinearResponse& r, std::size_t direction) {
  std::vector<std::pair<double, std::string>> shares;
  for (std::size_t j = 0; j < r.coordinates.size(); ++j) {
    const double part = r.directions[direction * r.coordinates.size() + j];
    const auto found = std::find_if(shares.begin(), shares.end(),
                                    [&](const auto& share) { return share.second == r.coordinates[j].factor; });
    if (found == shares.end()) {
      shares.emplace_back(part * part, r.coordinates[j].factor);
    } else {
      found->first += part * part;
    }
  }
  std::stable_sort(shares.begin(), shares.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  std::cout << "  " << std::setw(12) << r.eigenvalues[direction] << "  ";
  std::vector<std::string> words;
  for (const auto& [share, factor] : shares) {
    if (words.empty() || share >= 0.01) words.push_back(std::to_string(std::lround(100 * share)) + "% " + factor);
  }
  std::cout << joined(words) << '\n';
}

void print(const LinearResponse& r) {
  constexpr std::size_t kShown = 6;
  std::cout << "linear, " << r.samples << " images; " << 100 * r.linearShare << "% of the pixel variance\n";
  std::cout << "  " << std::left << std::setw(18) << "coordinate"
            << "norm of its pattern\n";
  for (const ResponseCoordinate& c : r.coordinates)
    std::cout << "  " << std::setw(18) << c.name << c.norm << " +- " << c.normError << '\n';
  std::cout << std::right << "  " << std::setw(12) << "eigenvalue"
            << "  principal direction\n";
  for (std::size_t i = 0; i < r.eigenvalues.size(); ++i) printDirection(r, i);
  std::vector<ResponsePair> pairs = r.pairs;
  std::stable_sort(pairs.begin(), pairs.end(), [](const ResponsePair& a, const ResponsePair& b) {
    return std::fabs(a.cosine) > std::fabs(b.cosine);
  });
  if (pairs.size() > kShown) pairs.resize(kShown);
  if (pairs.empty()) return;
  std::cout << "  strongest cosines between patterns of different factors\n";
  for (const ResponsePair& pair : pairs) {
    std::cout << "  " << std::setw(12) << pair.cosine << " +- " << pair.cosineError << "  "
              << r.coordinates[pair.first].name << ", " << r.coordinates[pair.second].name
              << ", principal axis turned by " << pair.angle << " degrees\n";
  }
}

void print(const DistanceCorrelation& c) {
  for (const std::optional<double>& value : {c.pearson, c.spearman}) {
    std::cout << std::setw(10);
    value ? std::cout << *value : std::cout << "-";
  }
  std::cout << '\n';
}

void print(const PerceivedStructure& p) {
  std::cout << "distances, " << toString(p.loss) << " against levels apart\n"
            << "  " << std::left << std::setw(18) << "factor" << std::setw(12) << "kind" << std::setw(10) << "Pearson"
            << "Spearman\n";
  for (const PerceivedStructure::Traversal& t : p.perFactor) {
    std::cout << "  " << std::setw(18) << t.factor << std::setw(12) << toString(t.kind);
    print(t.correlation);
  }
  std::cout << "  " << std::setw(30) << "(random pairs)";
  print(p.randomPairs);
}

// The expression with hashes cut to their first digits.
std::string titleOf(const SourceInfo& info) {
  constexpr std::size_t kLongest = 16, kShown = 8;
  SourceInfo shown = info;
  for (auto& [key, value] : shown.settings) {
    if (value.size() > kLongest) value.resize(kShown);
  }
  return shown.expression();
}

}  // namespace

int main(int argc, char** argv) {
  return cli::run(argc, argv, kVerb, [](const cli::Arguments& arguments) {
    const Settings settings = parse(arguments);
    std::optional<StagedDirectory> directory;
    if (arguments.given("output")) directory.emplace(arguments.text("output"));  // fails early
    const SourcePtr source = openSource(arguments.positional("SOURCE"));
    const Context& context = arguments.context;
    const Findings found{axisAlignment(*source, settings.axes, context),
                         linearResponse(*source, settings.samples, settings.axes.seed, context),
                         perceivedStructure(*source, settings.loss, settings.pairs, settings.axes.seed, context)};
    const Json json = toJson(found, *source, settings);
    if (directory) {
      const std::string title = titleOf(source->info());
      const auto add = [&](const std::string& name, const std::string& bytes) {
        writeTextFile(directory->path() + "/" + name, bytes, Overwrite::Refuse);
      };
      Json record{{"schema_version", 1}};
      record.update(json);
      add("alignment.json", record.dump(2) + "\n");
      add("matrices.png", distanceMatricesPng(found.perceived, title));
      add("spectra.svg", spectraSvg(found.local, found.linear, title));
      directory->commit();
    }
    if (arguments.json) {
      cli::printJson("measured", json);
    } else {
      std::cout << source->info().expression() << '\n' << std::fixed << std::setprecision(4);
      print(found.local, settings);
      print(found.linear);
      print(found.perceived);
    }
    return 0;
  });
}
