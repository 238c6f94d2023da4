#include <algorithm>
#include <cstdio>
#include <set>

#include "core/text.h"
#include "publish/descriptions.h"
#include "publish/origins.h"

namespace offaxis {
namespace {

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return text;
}

// A JSON text is a YAML one too.
std::string quoted(const std::string& text) {
  return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string stemOf(const std::string& path) {
  const std::string name = path.substr(path.rfind('/') + 1);
  return name.substr(0, name.rfind('.'));
}

std::string sizeCategory(std::uint64_t images) {
  if (images < 1000) return "n<1K";
  if (images < 10000) return "1K<n<10K";
  if (images < 100000) return "10K<n<100K";
  if (images < 1000000) return "100K<n<1M";
  if (images < 10000000) return "1M<n<10M";
  return images < 100000000 ? "10M<n<100M" : "100M<n<1B";
}

// What Hugging Face reads. Its loader takes HDF5 files whose datasets all have their rows on axis 0, as ours have.
std::string frontMatter(const Manifest& manifest) {
  const std::string spdx = spdxIdentifier(manifest.license);
  std::string text = "---\n";
  if (spdx.empty()) {
    text += "license: other\nlicense_name: see-link\nlicense_link: " + quoted(manifest.license) + "\n";
  } else {
    text += "license: " + lower(spdx) + "\n";
  }
  text += "pretty_name: " + quoted(manifest.name + " " + toString(manifest.version)) + "\n";
  text += "tags:\n- disentanglement\n- representation-learning\n- adversarial\n- image\n";
  text += "size_categories:\n- " + sizeCategory(manifest.files.front().images) + "\nconfigs:\n";
  for (const PublishedFile& file : manifest.files) {
    text += "- config_name: " + quoted(stemOf(file.file.path)) + "\n  data_files: " + quoted(file.file.path) + "\n";
  }
  return text + "---\n";
}

std::string madeFrom(const PublishedFile& file) {
  std::string text = "`" + file.originalExpression() + "`";
  if (file.variant != "original") text += ", " + file.variant;
  for (const auto& [key, value] : file.settings)
    text += ", " + key + " " + (key == "psi_sha256" ? value.substr(0, 12) : value);
  return text;
}

std::string fileTable(const Manifest& manifest) {
  std::string text = "| file | made from | images | size |\n|---|---|---|---|\n";
  for (const PublishedFile& file : manifest.files) {
    text += "| `" + file.file.path + "` | " + madeFrom(file) + " | " + std::to_string(file.images) + " of " +
            toString(file.shape) + ", uint8 | " + formatBytes(file.file.bytes) + " |\n";
  }
  for (const ListedFile& psi : manifest.psi)
    text += "| `" + psi.path + "` | the perturbation network psi | | " + formatBytes(psi.bytes) + " |\n";
  return text + "| `" + manifest.index.path + "` | one line an image: row, factor levels, factor values | | " +
         formatBytes(manifest.index.bytes) + " |\n";
}

std::string factorTable(const PublishedFile& file) {
  std::string text = "| factor | levels | kind |\n|---|---|---|\n";
  for (const auto& factor : file.factors)
    text += "| " + factor.name + " | " + std::to_string(factor.size) + " | " + factor.kind + " |\n";
  return text;
}

std::string loading(const PublishedFile& file) {
  const bool sprites = file.dataset.compare(0, 8, "dsprites") == 0;
  const std::string images = sprites ? "imgs" : "images";
  const std::string labels = sprites ? "latents/values" : "labels";
  return "```python\nimport h5py\n\nwith h5py.File(\"" + file.file.path + "\") as f:\n    images, labels = f[\"" +
         images + "\"], f[\"" + labels +
         "\"]  # row i of both is line i of index.csv\n    print(images.shape, labels[0])\n```\n";
}

std::string number(const Json& value, const char* format) {
  if (!value.is_number()) return "";
  char text[48];
  std::snprintf(text, sizeof text, format, value.get<double>());
  return text;
}

Json at(const Json& json, const std::string& pointer) {
  const Json::json_pointer place(pointer);
  return json.contains(place) ? json[place] : Json();
}

std::string verificationTable(const Manifest& manifest) {
  if (manifest.verification.empty())
    return "There is no variant here, so nothing to verify but the originals' bytes.\n";
  std::string text =
      "| file | factors kept | checks passed | budget (levels of 255) | largest change | mean change |\n"
      "|---|---|---|---|---|---|\n";
  for (const auto& [path, report] : manifest.verification.items()) {
    const Json checks = at(report, "/checks");
    const auto passed =
        std::count_if(checks.begin(), checks.end(), [](const Json& check) { return check.value("passed", false); });
    const Json mean = at(report, "/statistics/mean_absolute");
    text += "| `" + path + "` | " + (at(report, "/preserved") == true ? "yes" : "no") + " | " + std::to_string(passed) +
            " of " + std::to_string(checks.size()) + " | " + number(at(report, "/budget_levels"), "%.0f") + " | " +
            number(at(report, "/statistics/linf_levels"), "%.0f") + " | " +
            (mean.is_number() ? number(Json(255 * mean.get<double>()), "%.2f") : "") + " |\n";
  }
  return text + "\nEvery image was compared with its original. `manifest.json` holds the whole reports.\n";
}

std::string configurationLine(const Json& evidence) {
  std::string text;
  const Json configuration = evidence.value("configuration", Json::object());
  for (const char* key : {"dataset", "image", "profile", "steps", "batch", "net", "latents", "beta"}) {
    if (!configuration.contains(key)) continue;
    const Json& value = configuration[key];
    text += (text.empty() ? "" : ", ") + std::string(key) + " " +
            (value.is_string() ? value.get<std::string>() : value.dump());
  }
  return text;
}

// A score of a summary: its mean and scatter, and how it differs from the source that it is compared with.
std::string scoreRow(const Json& row, const Json& score) {
  std::string text = "| " + row.value("variant", "") + " | " + row.value("model", "") + " | " +
                     number(at(row, "/runs"), "%.0f") + " | " + number(at(score, "/mean"), "%.3f");
  // One run has no spread, one pair no interval.
  if (const std::string sd = number(at(score, "/sd"), "%.3f"); !sd.empty()) text += " (" + sd + ")";
  text += " | ";
  if (score.contains("difference")) {
    text += number(at(score, "/difference/mean"), "%+.3f") + " from " + score["difference"].value("from", "");
    const std::string low = number(at(score, "/difference/interval_95/0"), "%+.3f");
    if (!low.empty()) text += " [" + low + ", " + number(at(score, "/difference/interval_95/1"), "%+.3f") + "]";
  }
  return text + " |\n";
}

// The summary's rows that have the score `key`, under `title`; empty where none has.
std::string scoreTable(const Json& summary, const char* key, const char* title) {
  std::string rows;
  for (const Json& row : summary) {
    if (row.is_object() && row.contains(key) && row[key].is_object()) rows += scoreRow(row, row[key]);
  }
  if (rows.empty()) return {};
  return std::string("\n| variant | model | runs | ") + title +
         ", mean (sd) | change, 95 % interval |\n|---|---|---|---|---|\n" + rows;
}

// MIG and probes as `offaxis evaluate` summarises them; other summaries are left to the manifest.
std::string evidenceSection(const Manifest& manifest) {
  std::string text;
  for (const Json& evidence : manifest.evidence) {
    text +=
        "\nFrom `" + evidence.value("file", "") + "` (SHA-256 " + evidence.value("sha256", "").substr(0, 12) + "...)";
    if (const std::string line = configurationLine(evidence); !line.empty()) text += ": " + line;
    const Json summary = evidence.value("summary", Json::array());
    text += ".\n" + scoreTable(summary, "mig", "MIG") + scoreTable(summary, "probe", "accuracy over the factors");
  }
  if (text.empty()) return "None was published with this version: nothing here says how models fare on it.\n";
  return "Scores of models at the profile and with the number of runs that each table names, and of no others.\n" +
         text;
}

std::string checking(const Manifest& manifest) {
  const std::string program = manifest.circumstances.value("program", "offaxis");
  std::string text =
      "    sha256sum -c SHA256SUMS              # bytes of every listed file\n"
      "    offaxis check . --content            # also: nothing missing or unlisted; decoded rows\n";
  if (!manifest.circumstances.value("signature", Json()).is_null()) {
    text += "    ssh-keygen -Y verify -f allowed_signers -I WHO -n offaxis -s SHA256SUMS.sig < SHA256SUMS\n";
  }
  return text +
         "    offaxis reproduce manifest.json -o again/\n\n"
         "The last line makes every file again from the manifest and psi alone, and compares content roots. Made with "
         "`" +
         program + "`.\n";
}

}  // namespace

std::string cardOf(const Manifest& manifest) {
  const PublishedFile& first = manifest.files.front();
  return frontMatter(manifest) + "\n# " + manifest.name + " " + toString(manifest.version) + "\n\n" +
         manifest.description + ".\n\n## Files\n\n" + fileTable(manifest) + "\nLicence: " + manifest.license +
         "\n\n## Factors\n\n" + factorTable(first) + "\n## Loading\n\n" + loading(manifest.files.back()) +
         "\n## Verification\n\n" + verificationTable(manifest) + "\n## Evidence\n\n" + evidenceSection(manifest) +
         "\n## Checking and reproducing\n\n" + checking(manifest) + "\n## Citation\n\n```bibtex\n" +
         citationsOf(manifest) + "```\n";
}

std::string citationsOf(const Manifest& manifest) {
  std::string text = "@misc{" + manifest.name + "-" + toString(manifest.version) + ",\n  title = {{" + manifest.name +
                     ", version " + toString(manifest.version) + "}},\n  author = {{" + manifest.creator +
                     "}},\n  year = {" + manifest.date().substr(0, 4) + "},\n  note = {content root " +
                     manifest.files.front().contentRoot + " of " + manifest.files.front().file.path + "}\n}\n";
  std::set<const Work*> works;
  for (const PublishedFile& file : manifest.files) {
    const Work* work = originOf(file.dataset);
    if (work && works.insert(work).second) text += bibtex(*work);
    if (!file.psiSha256().empty() && works.insert(&methodWork()).second) text += bibtex(methodWork());
  }
  return text;
}

std::vector<IndexColumn> indexColumns(const FactorGrid& grid) {
  std::vector<IndexColumn> columns{{"index", false, "Row of the image in every HDF5 file"}};
  for (const Factor& factor : grid.factors()) {
    columns.push_back(
        {factor.name + "_level", false, "Level of factor " + factor.name + " (" + toString(factor.kind) + "), from 0"});
  }
  for (const Factor& factor : grid.factors()) columns.push_back({factor.name, true, "Value of factor " + factor.name});
  return columns;
}

}  // namespace offaxis
