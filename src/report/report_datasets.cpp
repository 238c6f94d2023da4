#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>

#include "core/error.h"
#include "measure/alignment.h"
#include "measure/image_spectrum.h"
#include "measure/perceived_distance.h"
#include "report/dataset_pictures.h"
#include "report/report_parts.h"
#include "report/variants_shown.h"
#include "variants/expression.h"

namespace offaxis {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kColumns = 8;  // of the comparison
constexpr int kTraversalLevels = 10;
constexpr int kPlaneLevels = 7;
constexpr std::uint32_t kPlaneContexts = 24;
constexpr std::size_t kSpectrumShown = 64;

// The pair of factors whose plane is shown: the first that psi was meant to rotate, else the first two that have an
// order and vary.
std::array<std::string, 2> rotatedPair(const Findings& findings, const FactorGrid& grid) {
  const auto varies = [&](const std::string& name) {
    return std::any_of(grid.factors().begin(), grid.factors().end(),
                       [&](const Factor& f) { return f.name == name && f.size() > 1; });
  };
  for (const FoundManipulation& found : findings.manipulations) {
    const std::string rotation = found.log.at("identity").value("rotation", std::string());
    if (rotation.rfind("pairs:", 0) != 0) continue;
    const std::string names = rotation.substr(6, rotation.find(';') - 6);
    const std::size_t comma = names.find(',');
    if (comma == std::string::npos) continue;
    const std::string first = names.substr(0, comma),
                      second = names.substr(comma + 1, names.find(',', comma + 1) - comma - 1);
    if (varies(first) && varies(second)) return {first, second};
  }
  // An evaluation knows R alone: the first row that mixes two factors names them.
  for (const FoundEvaluation& found : findings.evaluations) {
    const Json& c = found.results.at("configuration");
    if (!c.contains("rotation_matrix")) continue;
    const auto matrix = c.at("rotation_matrix").get<std::vector<double>>();
    const auto side = static_cast<std::size_t>(std::lround(std::sqrt(static_cast<double>(matrix.size()))));
    if (side * side != matrix.size() || side < grid.factorCount()) continue;
    for (std::size_t row = 0; row < grid.factorCount(); ++row) {
      std::vector<std::string> mixed;
      for (std::size_t column = 0; column < grid.factorCount(); ++column) {
        if (std::fabs(matrix[row * side + column]) > 1e-6) mixed.push_back(grid.factors()[column].name);
      }
      if (mixed.size() >= 2 && varies(mixed[0]) && varies(mixed[1])) return {mixed[0], mixed[1]};
    }
  }
  std::vector<std::string> names;
  for (const Factor& factor : grid.factors()) {
    if (factor.size() > 1 && factor.kind != FactorKind::Categorical) names.push_back(factor.name);
  }
  for (const Factor& factor : grid.factors()) {
    if (factor.size() > 1 && factor.kind == FactorKind::Categorical) names.push_back(factor.name);
  }
  if (names.size() < 2) return {};
  return {names[0], names[1]};
}

class DatasetPart {
 public:
  explicit DatasetPart(ReportParts& parts) : parts_(parts) {}

  void add() {
    std::vector<ShownVariant> all = shownVariants(parts_.findings, parts_.report.missing);
    if (all.empty()) return;
    if (!parts_.settings.images) return;
    if (!parts_.settings.only.empty() && !wantsAny()) return;
    NamedSources opened = openShown(all, 0, parts_.report.missing);
    if (opened.empty()) return;
    expressions_ = all;
    pickMain(opened);
    addPictures(opened);
    addMeasures(all);
  }

 private:
  bool wantsAny() const {
    for (const char* id :
         {"comparison", "traversals", "plane", "interaction", "spectra", "patterns", "distances", "controls"}) {
      if (parts_.settings.only == id) return true;
    }
    return false;
  }

  const ShownVariant& shownOf(const std::string& name) const {
    for (const ShownVariant& variant : expressions_) {
      if (variant.name == name) return variant;
    }
    throw Error(ErrorKind::Failed, "no variant is called " + name);
  }

  // Original, modified and noise; what else there is goes to a sheet of its own.
  void pickMain(const NamedSources& opened) {
    main_ = {opened[0]};
    const auto find = [&](const std::string& kind) -> const NamedSource* {
      const NamedSource* found = nullptr;
      for (std::size_t i = 1; i < opened.size(); ++i) {
        if (variantKindOf(shownOf(opened[i].name).expression) != kind) continue;
        if (found == nullptr || opened[i].name == kind) found = &opened[i];
      }
      return found;
    };
    for (const char* kind : {"modified", "noise"}) {
      if (const NamedSource* source = find(kind)) main_.push_back(*source);
    }
    if (main_.size() == 1) {
      for (std::size_t i = 1; i < opened.size() && main_.size() < 3; ++i) main_.push_back(opened[i]);
    }
    for (std::size_t i = 1; i < opened.size(); ++i) {
      const bool shown =
          std::any_of(main_.begin(), main_.end(), [&](const auto& m) { return m.name == opened[i].name; });
      if (!shown) others_.push_back(opened[i]);
    }
  }

  std::string inspectCommand(const NamedSources& sources, const std::string& options, const std::string& id) const {
    std::string command = "offaxis inspect " + shellWord(shownOf(sources[0].name).expression);
    for (std::size_t i = 1; i < sources.size(); ++i)
      command += " \\\n    " + shellWord(sources[i].name + "=" + shownOf(sources[i].name).expression);
    return command + " \\\n    " + options + " --png " + id + ".png";
  }

  void addPictures(const NamedSources& opened) {
    ReportSection section{"images",
                          "The images",
                          "The same factors in every column: whatever differs between two rows is the perturbation. "
                          "Differences are drawn around mid-grey and amplified, all by the same factor.",
                          {}};
    const std::string seed = parts_.settings.seed == 0 ? "" : " --seed " + std::to_string(parts_.settings.seed);
    const auto add = [&](const std::string& id, const std::string& title, const std::string& caption,
                         const std::string& command, auto make) {
      if (!parts_.wants(id)) return;
      parts_.context.throwIfCancelled();
      section.blocks.emplace_back(ReportFigure{id, title, caption, command, Pictures(make()), false, {}});
    };
    add("comparison", "Original, modified, noise", "Randomly chosen images, under their index in the factor grid.",
        inspectCommand(main_, "--picture comparison --columns " + std::to_string(kColumns) + seed, "comparison"),
        [&] { return comparisonPictures(main_, kColumns, parts_.settings.seed); });
    if (!others_.empty()) {
      NamedSources controls{opened[0]};
      controls.insert(controls.end(), others_.begin(), others_.end());
      add("controls", "The controls", "The other variants of the evaluation, on the same images.",
          inspectCommand(controls, "--picture comparison --columns " + std::to_string(kColumns) + seed, "controls"),
          [&] { return comparisonPictures(controls, kColumns, parts_.settings.seed); });
    }
    const NamedSources two(main_.begin(),
                           main_.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(2, main_.size())));
    add("traversals", "One factor at a time", "Every other factor rests in the middle of its range.",
        inspectCommand(two, "--picture traversals --columns " + std::to_string(kTraversalLevels), "traversals"),
        [&] { return traversalPictures(two, kTraversalLevels); });
    const FactorGrid& grid = opened[0].source->info().grid;
    pair_ = rotatedPair(parts_.findings, grid);
    if (!pair_[0].empty()) {
      add("plane", "The plane of " + pair_[0] + " and " + pair_[1],
          pair_[0] + " changes down, " + pair_[1] +
              " across. The difference is what psi adds at each of their settings.",
          inspectCommand(
              two,
              "--picture plane --factors " + pair_[0] + "," + pair_[1] + " --columns " + std::to_string(kPlaneLevels),
              "plane"),
          [&] { return planePictures(two, pair_[0], pair_[1], kPlaneLevels); });
    }
    if (!section.blocks.empty()) parts_.report.sections.push_back(std::move(section));
  }

  void addMeasures(const std::vector<ShownVariant>& all) {
    // As the models saw them, where it is known.
    std::uint32_t size = 0;
    for (const ShownVariant& variant : all) size = std::max(size, variant.size);
    std::vector<ShownVariant> wanted;
    for (const NamedSource& source : main_) wanted.push_back(shownOf(source.name));
    std::vector<std::string> problems;
    const NamedSources sources = openShown(wanted, size, problems);
    if (sources.empty()) return;
    const std::string at = size == 0 ? ""
                                     : " Images averaged down to " + std::to_string(size) + "\u00d7" +
                                           std::to_string(size) + ", as the models saw them.";
    section_ = {"measures", "What the images favour", "Measured on the images alone, before any training." + at, {}};
    if (parts_.wants("patterns")) addPatterns(sources);
    if (!pair_[0].empty() && parts_.wants("interaction")) addInteraction(sources);
    if (parts_.wants("spectra")) addSpectra(sources);
    if (parts_.wants("distances")) addDistances(sources);
    if (!section_.blocks.empty()) parts_.report.sections.push_back(std::move(section_));
  }

  void put(const std::string& id, const std::string& title, const std::string& caption, Chart chart, bool half) {
    section_.blocks.emplace_back(
        ReportFigure{id, title, caption, parts_.figureCommand(id), std::move(chart), half, {}});
  }

  // Measuring may be refused (a subset, too few samples): then there is no figure, and that is said.
  template <typename Body>
  void measured(const std::string& what, Body body) {
    try {
      body();
    } catch (const Error& e) {
      if (e.kind() == ErrorKind::Interrupted) throw;
      parts_.report.missing.push_back("no " + what + ": " + e.what());
    }
  }

  void addPatterns(const NamedSources& sources) {
    measured("linear patterns", [&] {
      MatrixChart chart;
      chart.title = "Likeness of the factors\u2019 linear patterns";
      const std::uint64_t samples = std::max<std::uint64_t>(256, 4 * parts_.settings.samples);
      for (const NamedSource& source : sources) {
        const LinearResponse response = linearResponse(*source.source, samples, parts_.settings.seed, parts_.context);
        const std::size_t d = response.coordinates.size();
        MatrixChart::Panel panel;
        panel.name = source.name;
        panel.height = panel.width = d;
        for (const ResponseCoordinate& c : response.coordinates) panel.rows.push_back(c.name);
        panel.values.assign(d * d, 0);
        double largest = 0;
        std::string which;
        for (std::size_t i = 0; i < d; ++i) panel.values[i * d + i] = response.coordinates[i].norm > 0 ? 1 : 0;
        for (const ResponsePair& pair : response.pairs) {
          // Patterns that sampling cannot tell from none have no direction.
          const double cosine = pair.cosineError < 0.15 ? std::min(1.0, std::fabs(pair.cosine)) : 0;
          panel.values[pair.first * d + pair.second] = panel.values[pair.second * d + pair.first] = cosine;
          if (cosine <= largest) continue;
          largest = cosine;
          which = response.coordinates[pair.first].name + " and " + response.coordinates[pair.second].name;
        }
        panel.note = "largest " + fixedText(largest, 2);
        chart.description += (chart.description.empty() ? "Largest between two factors: " : "; ") + source.name + " " +
                             fixedText(largest, 2) + (which.empty() ? "" : " (" + which + ")");
        chart.panels.push_back(std::move(panel));
      }
      put("patterns", "Do two factors draw the same pattern?",
          "Absolute cosine between the images\u2019 linear responses to two coordinates of the factors; " +
              std::to_string(samples) +
              " images. Bright squares off the diagonal are factors that a VAE\u2019s first, nearly linear latents "
              "will mix.",
          std::move(chart), false);
    });
  }

  // D(i,j) - D(i,0) - D(0,j) over D(i,0) + D(0,j), D the squared distance from the image in the middle: 0 where the two
  // factors change the images independently. Independent noise would add a constant of its own, so it is left out.
  void addInteraction(const NamedSources& sources) {
    measured("interactions in the plane", [&] {
      MatrixChart chart;
      chart.title = "What " + pair_[0] + " and " + pair_[1] + " change together";
      chart.rowLabel = pair_[0];
      chart.columnLabel = pair_[1];
      chart.diverging = true;
      for (const NamedSource& source : sources) {
        if (variantKindOf(shownOf(source.name).expression) == "noise") continue;
        parts_.context.throwIfCancelled();
        const DistancePlane plane =
            distancePlane(*source.source, pair_[0], pair_[1], kPlaneContexts, parts_.settings.seed);
        MatrixChart::Panel panel;
        panel.name = source.name;
        panel.height = plane.height;
        panel.width = plane.width;
        const std::size_t row = plane.height / 2, column = plane.width / 2;
        double largest = 0;
        for (std::size_t i = 0; i < plane.height; ++i) {
          for (std::size_t j = 0; j < plane.width; ++j) {
            const double apart = plane.values[i * plane.width + column] + plane.values[row * plane.width + j];
            panel.values.push_back(apart > 0 ? (plane.values[i * plane.width + j] - apart) / apart : 0);
            largest = std::max(largest, std::fabs(panel.values.back()));
          }
        }
        for (const auto level : plane.firstLevels) panel.rows.push_back(std::to_string(level));
        for (const auto level : plane.secondLevels) panel.columns.push_back(std::to_string(level));
        panel.note = "largest " + shareText(largest);
        chart.description +=
            (chart.description.empty() ? "Largest interaction: " : ", ") + source.name + " " + shareText(largest);
        chart.panels.push_back(std::move(panel));
      }
      const std::string title = chart.title;
      put("interaction", title,
          "Squared distance from the image in the middle beyond the sum of what each factor does alone, as a share of "
          "that sum, "
          "over " +
              std::to_string(kPlaneContexts) +
              " settings of the others. Grey: each factor changes the images by itself. Blue and orange: the two work "
              "together, and "
              "directions between their axes differ in length.",
          std::move(chart), true);
    });
  }

  void addSpectra(const NamedSources& sources) {
    measured("variance spectra", [&] {
      LineChart chart;
      chart.title = "Variance spectra";
      chart.xLabel = "principal direction";
      chart.yLabel = "share of the images\u2019 variance";
      chart.logarithmic = true;
      int colour = 0;
      for (const NamedSource& source : sources) {
        const ImageSpectrum spectrum =
            imageSpectrum(*source.source, parts_.settings.samples, parts_.settings.seed, parts_.context);
        LineChart::Line line;
        line.name = source.name;
        line.dashed = colour == 2;
        line.colour = colour++;
        for (std::size_t i = 0; i < std::min(kSpectrumShown, spectrum.eigenvalues.size()); ++i) {
          const double share = spectrum.total > 0 ? spectrum.eigenvalues[i] / spectrum.total : 0;
          if (share > 1e-7) line.points.push_back({static_cast<double>(i + 1), share});
        }
        chart.description +=
            (chart.description.empty() ? "Total variance: " : ", ") + source.name + " " + fixedText(spectrum.total, 1);
        chart.lines.push_back(std::move(line));
      }
      const std::string totals = chart.description;
      put("spectra", "Variance spectra before and after",
          std::to_string(parts_.settings.samples) + " images. " + totals + " (pixels on [0,1]).", std::move(chart),
          true);
    });
  }

  void addDistances(const NamedSources& sources) {
    measured("perceived distances", [&] {
      MatrixChart chart;
      chart.title = "Ground-truth and perceived distances";
      chart.ownScales = true;
      chart.together = 1 + sources.size();
      std::vector<PerceivedStructure> structures;
      for (const NamedSource& source : sources)
        structures.push_back(perceivedStructure(*source.source, ReconstructionLoss::MeanSquaredError,
                                                parts_.settings.pairs, parts_.settings.seed, parts_.context));
      std::string random;
      for (std::size_t s = 0; s < sources.size(); ++s)
        random += (s == 0 ? "" : ", ") + sources[s].name + " " + optionalText(structures[s].randomPairs.pearson, 2);
      for (std::size_t k = 0; k < structures[0].perFactor.size(); ++k) {
        const auto& any = structures[0].perFactor[k];
        const auto n = static_cast<std::size_t>(any.levels);
        std::vector<std::string> labels;
        for (std::size_t i = 0; i < n; ++i) labels.push_back(std::to_string(i));
        MatrixChart::Panel truth{any.factor, labels, labels, n, n, {}, "levels apart"};
        for (std::size_t i = 0; i < n; ++i) {
          for (std::size_t j = 0; j < n; ++j)
            truth.values.push_back(std::fabs(static_cast<double>(i) - static_cast<double>(j)));
        }
        chart.panels.push_back(std::move(truth));
        for (std::size_t s = 0; s < sources.size(); ++s) {
          const auto& traversal = structures[s].perFactor[k];
          chart.panels.push_back({sources[s].name, labels, labels, n, n, traversal.distances,
                                  "Pearson " + optionalText(traversal.correlation.pearson, 2)});
        }
      }
      chart.description = "Correlation of random pairs: " + random;
      put("distances", "Perceived against ground-truth distances",
          "For each factor the distance of its levels, and the mean squared error between images that differ in it "
          "alone. "
          "Correlation over random pairs (Pearson): " +
              random + ".",
          std::move(chart), false);
    });
  }

  ReportParts& parts_;
  std::vector<ShownVariant> expressions_;
  NamedSources main_, others_;
  std::array<std::string, 2> pair_;
  ReportSection section_;
};

}  // namespace

void addDatasets(ReportParts& parts) {
  DatasetPart(parts).add();
}

void addLoaders(ReportParts& parts) {
  if (!parts.settings.only.empty()) return;
  std::vector<std::string> ignored;
  std::string file = "modified.h5", emit;
  std::string where;
  for (const FoundVersion& found : parts.findings.versions) {
    if (!where.empty()) break;
    where = found.directory;
    for (const Json& entry : found.manifest.at("reproduces").at("files")) {
      file = entry.at("path").get<std::string>();
      if (entry.at("variant") == "modified") break;
    }
  }
  std::string images = "images", labels = "labels";
  std::string dataset;
  if (parts.findings.versions.empty()) {
    for (const ShownVariant& variant : shownVariants(parts.findings, ignored)) {
      dataset = splitExpression(variant.expression).base;
      const std::string psi = psiPathOf(variant.expression);
      if (psi.empty() || variantKindOf(variant.expression) != "modified" || !emit.empty()) continue;
      emit = "offaxis emit " + shellWord(splitExpression(variant.expression).base) + " --variant modified --psi " +
             shellWord(psi) + " -o " + file + "\n";
    }
    if (emit.empty()) return;
  } else {
    dataset = parts.findings.versions[0].manifest.at("reproduces").at("files").at(0).at("dataset").get<std::string>();
  }
  if (dataset.rfind("dsprites", 0) == 0) {
    images = "imgs";
    labels = "latents/values";
  }
  ReportSection section{"load",
                        "Load it in Python",
                        "Plain h5py reads what `offaxis` writes; nothing of this project has to be installed.",
                        {}};
  if (!where.empty() && std::filesystem::exists(where + "/" + file)) {
    section.introduction += " Paths are those below " + where + ".";
  } else if (!where.empty()) {
    section.introduction += " Paths are those below the folder that the files are written to.";
    emit = "offaxis reproduce " + shellWord(parts.findings.versions[0].path) + " -o again\n";
  }
  if (!emit.empty()) section.blocks.emplace_back(ReportCode{"emit", "Write the file", "sh", emit});
  section.blocks.emplace_back(ReportCode{"load-h5py", "With h5py", "python",
                                         "import h5py\n\nwith h5py.File(\"" + file +
                                             "\", \"r\") as file:\n"
                                             "    images, labels = file[\"" +
                                             images + "\"], file[\"" + labels +
                                             "\"]\n"
                                             "    print(images.shape, images.dtype, labels.shape, labels.dtype)\n"
                                             "    print(dict(file.attrs)[\"variant\"], labels[0])\n"});
  section.blocks.emplace_back(
      ReportCode{"load-pytorch", "With PyTorch", "python",
                 "import h5py\nimport torch\n\n\n"
                 "class Images(torch.utils.data.Dataset):\n"
                 "    \"\"\"Images as float32 [C,H,W] in [0,1], labels as float64 [K].\"\"\"\n\n"
                 "    def __init__(self, path):\n"
                 "        self.path, self.file = path, None\n"
                 "        with h5py.File(path, \"r\") as file:\n"
                 "            self.size = len(file[\"" +
                     images +
                     "\"])\n"
                     "            self.white = 1 if file.attrs[\"binary\"] else 255  # some hold 0 and 1 alone\n\n"
                     "    def __len__(self):\n"
                     "        return self.size\n\n"
                     "    def __getitem__(self, index):\n"
                     "        if self.file is None:  # one handle for each worker process\n"
                     "            self.file = h5py.File(self.path, \"r\")\n"
                     "        image = torch.from_numpy(self.file[\"" +
                     images +
                     "\"][index]).float() / self.white\n"
                     "        image = image.permute(2, 0, 1) if image.ndim == 3 else image[None]\n"
                     "        return image, torch.from_numpy(self.file[\"" +
                     labels +
                     "\"][index])\n\n\n"
                     "loader = torch.utils.data.DataLoader(Images(\"" +
                     file +
                     "\"), batch_size=64, shuffle=True)\n"
                     "images, labels = next(iter(loader))\n"
                     "print(images.shape, images.dtype, labels.shape, labels.dtype)\n"});
  parts.report.sections.push_back(std::move(section));
}

}  // namespace offaxis
