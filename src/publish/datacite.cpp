#include <algorithm>
#include <cctype>
#include <cstring>
#include <map>
#include <sstream>

#include "publish/descriptions.h"
#include "publish/origins.h"

namespace offaxis {
namespace {

constexpr const char* kSpdx = "https://spdx.org/licenses/";

bool isLetterOrDigit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

Json related(const std::string& relation, const Work& work) {
  const std::string arxiv = "https://arxiv.org/abs/";
  const bool isArxiv = work.url.compare(0, arxiv.size(), arxiv) == 0;
  return {{"relatedIdentifier", isArxiv ? "arXiv:" + work.url.substr(arxiv.size()) : work.url},
          {"relatedIdentifierType", isArxiv ? "arXiv" : "URL"},
          {"relationType", relation}};
}

Json relatedIdentifiers(const Manifest& manifest) {
  Json all = Json::array();
  bool psi = false;
  for (const PublishedFile& file : manifest.files) {
    psi = psi || !file.psiSha256().empty();
    if (const Work* work = originOf(file.dataset)) {
      const Json entry = related("IsDerivedFrom", *work);
      if (std::find(all.begin(), all.end(), entry) == all.end()) all.push_back(entry);
    }
  }
  if (psi) all.push_back(related("References", methodWork()));
  return all;
}

Json rights(const std::string& license) {
  Json entry{{"rightsUri", licenseAddress(license)}};
  if (const std::string identifier = spdxIdentifier(license); !identifier.empty()) {
    entry["rights"] = identifier;
    entry["rightsIdentifier"] = identifier;
    entry["rightsIdentifierScheme"] = "SPDX";
    entry["schemeUri"] = kSpdx;
  }
  return entry;
}

// The spelling of the identifier of a licence that data or code are often under, in whatever case it is given; empty
// for all others.
std::string commonLicense(const std::string& identifier) {
  // Of https://spdx.org/licenses/, version 3.25.
  std::istringstream common(
      "0BSD AFL-3.0 AGPL-3.0-only AGPL-3.0-or-later Apache-2.0 Artistic-2.0 BSD-2-Clause BSD-3-Clause BSL-1.0 "
      "C-UDA-1.0 CC-BY-2.0 CC-BY-2.5 CC-BY-3.0 CC-BY-4.0 CC-BY-NC-2.0 CC-BY-NC-3.0 CC-BY-NC-4.0 "
      "CC-BY-NC-ND-3.0 CC-BY-NC-ND-4.0 CC-BY-NC-SA-3.0 CC-BY-NC-SA-4.0 CC-BY-ND-3.0 CC-BY-ND-4.0 CC-BY-SA-2.0 "
      "CC-BY-SA-3.0 CC-BY-SA-4.0 CC-PDDC CC0-1.0 CDLA-Permissive-1.0 CDLA-Permissive-2.0 CDLA-Sharing-1.0 "
      "ECL-2.0 EPL-2.0 EUPL-1.2 GPL-2.0-only GPL-2.0-or-later GPL-3.0-only GPL-3.0-or-later ISC LGPL-2.1-only "
      "LGPL-2.1-or-later LGPL-3.0-only LGPL-3.0-or-later MIT MIT-0 MPL-2.0 MS-PL NCSA O-UDA-1.0 ODC-By-1.0 "
      "ODbL-1.0 OGL-Canada-2.0 OGL-UK-3.0 PDDL-1.0 Unlicense WTFPL Zlib etalab-2.0");
  const auto same = [](unsigned char a, unsigned char b) { return std::tolower(a) == std::tolower(b); };
  for (std::string known; common >> known;) {
    if (std::equal(known.begin(), known.end(), identifier.begin(), identifier.end(), same)) return known;
  }
  return {};
}

Json sizes(const Manifest& manifest) {
  std::map<std::string, std::size_t> filesOf;
  std::uint64_t bytes = manifest.index.bytes;
  for (const PublishedFile& file : manifest.files) {
    bytes += file.file.bytes;
    ++filesOf[std::to_string(file.images) + " images of " + toString(file.shape)];
  }
  Json all = Json::array();
  for (const auto& [images, files] : filesOf)
    all.push_back(images + (files > 1 ? " in each of " + std::to_string(files) + " files" : " in one file"));
  all.push_back(std::to_string(bytes) + " B");
  return all;
}

}  // namespace

bool isWebAddress(const std::string& text) {
  constexpr const char* kPunctuation = "-._~:/?#[]@!$&'()*+,;=%";  // RFC 3986
  std::size_t host = 0;
  for (const std::string scheme : {"http://", "https://"}) {
    if (text.compare(0, scheme.size(), scheme) == 0) host = scheme.size();
  }
  return host != 0 && host < text.size() && isLetterOrDigit(text[host]) &&
         std::all_of(text.begin(), text.end(),
                     [&](char c) { return isLetterOrDigit(c) || (c != '\0' && std::strchr(kPunctuation, c)); });
}

std::string spdxIdentifier(const std::string& license) {
  std::string identifier = license;
  if (const std::string prefix = kSpdx; license.compare(0, prefix.size(), prefix) == 0) {
    identifier.erase(0, prefix.size());
    for (const std::string suffix : {".html", ".json"}) {
      if (identifier.size() > suffix.size() &&
          identifier.compare(identifier.size() - suffix.size(), suffix.size(), suffix) == 0)
        identifier.resize(identifier.size() - suffix.size());
    }
  }
  return commonLicense(identifier);
}

std::string licenseAddress(const std::string& license) {
  if (isWebAddress(license)) return license;
  const std::string identifier = spdxIdentifier(license);
  return identifier.empty() ? license : kSpdx + identifier + ".html";
}

Json dataciteOf(const Manifest& manifest) {
  Json roots = Json::array();
  for (const PublishedFile& file : manifest.files) {
    roots.push_back({{"alternateIdentifier", file.contentRoot},
                     {"alternateIdentifierType", "Offaxis content root of " + file.file.path}});
  }
  Json subjects = Json::array();
  for (const char* subject : {"disentanglement", "representation learning", "adversarial dataset"})
    subjects.push_back({{"subject", subject}});
  return {{"schemaVersion", "http://datacite.org/schema/kernel-4"},
          {"creators", Json::array({{{"name", manifest.creator}, {"nameType", "Organizational"}}})},
          {"titles", Json::array({{{"title", manifest.name}, {"lang", "en"}}})},
          {"publisher", {{"name", manifest.creator}}},
          {"publicationYear", manifest.date().substr(0, 4)},
          {"types", {{"resourceType", "Images with factors"}, {"resourceTypeGeneral", "Dataset"}}},
          {"subjects", std::move(subjects)},
          {"dates", Json::array({{{"date", manifest.date()}, {"dateType", "Issued"}}})},
          {"language", "en"},
          {"alternateIdentifiers", std::move(roots)},
          {"relatedIdentifiers", relatedIdentifiers(manifest)},
          {"sizes", sizes(manifest)},
          {"formats", {"application/x-hdf5", "text/csv"}},
          {"version", toString(manifest.version)},
          {"rightsList", Json::array({rights(manifest.license)})},
          {"descriptions",
           Json::array({{{"description", manifest.description}, {"descriptionType", "Abstract"}, {"lang", "en"}}})}};
}

}  // namespace offaxis
