// The manifest of a published version: what must reproduce, apart from the circumstances of one run.
// docs/manifest_format.md describes the JSON.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "datasets/source.h"
#include "publish/semver.h"

namespace offaxis {

using Json = nlohmann::ordered_json;

// Any file of a version, by its bytes. Paths are relative to the version's directory.
struct ListedFile {
  std::string path;
  std::string sha256;
  std::uint64_t bytes = 0;
};

// One published HDF5 file: everything that regenerating it takes, and what must come out.
struct PublishedFile {
  ListedFile file;                              // "data/modified.h5"; its bytes reproduce with the same libraries alone
  std::string dataset;                          // SourceInfo::dataset
  std::string variant;                          // "original", "modified", "noise", ...
  std::map<std::string, std::string> settings;  // of the variant, as texts: eps "0.175", seed "7", psi_sha256
  std::uint32_t reduction = 1;
  std::string rows;  // grid indices, "0:1000,1005"; empty: all, in order
  std::uint64_t images = 0;
  ImageShape shape;
  struct FactorEntry {
    std::string name;
    std::uint64_t size = 0;
    std::string kind;
    bool operator==(const FactorEntry& o) const { return name == o.name && size == o.size && kind == o.kind; }
  };
  std::vector<FactorEntry> factors;
  std::string contentRoot;
  std::string parentRoot;  // of the original that a variant was made from; empty for an original
  // ContentDigests::blocks (publish/row_blocks.h): which rows differ where the root does. Empty in schema 1.
  std::vector<std::string> rowBlocks;
  int deflateLevel = 0;
  std::uint64_t imagesPerChunk = 0;  // WriteSettings::imagesPerChunk; 0 in manifests older than the choice: 96 KiB

  // Settings::psi_sha256, or empty.
  std::string psiSha256() const;
  // The expression of the original: dataset and reduction without the variant.
  std::string originalExpression() const;
};

constexpr int kManifestSchema = 2;  // 1 had no row blocks, and its versions no README.md and no datacite.json

struct Manifest {
  int schema = kManifestSchema;
  std::string name;
  SemVer version;
  std::string description;
  std::string license;
  std::string url;
  std::string creator;
  std::vector<PublishedFile> files;
  std::vector<ListedFile> psi;          // "psi/psi-<12 hex digits>.h5"
  ListedFile index;                     // "index.csv"
  Json verification = Json::object();   // by path: the report of preservation_json.h
  Json evidence = Json::array();        // of experiments: file, sha256, summary
  Json circumstances = Json::object();  // time, program, compiler, libraries: not expected to be the same again

  // "2025-01-31", of circumstances; empty where they name no time.
  std::string date() const;
};

Json toJson(const Manifest& manifest);
// Throws Error(BadFile) naming `path` where the text is no manifest, of an unknown schema, or holds unsafe paths.
Manifest manifestFromText(const std::string& text, const std::string& path);
Manifest readManifest(const std::string& path);

// The description of a source as manifests hold it; file, roots and level are left for the caller.
PublishedFile publishedFileOf(const Source& source);

// "0:1000,1005" for the grid indices of a source's rows; empty where they are the whole grid in order.
std::string rowsText(const Source& source);
// Throws Error(BadFile) where the text is malformed or names indices beyond `size`.
std::vector<std::uint64_t> rowsFromText(const std::string& text, std::uint64_t size);

// Throws Error(BadFile) naming `path` where the dataset that the file there names is neither one of the registry's nor
// an imported file's: a text from inside a file is never taken for a path.
void requireDatasetName(const PublishedFile& file, const std::string& path);

// The original that a file was made from, as rows of it: `original`, an expression, or what the file names. Throws what
// openSource() and, without `original`, requireDatasetName() throw; Error(Usage) where only `original` could say it.
SourcePtr openOriginal(const PublishedFile& file, const std::string& original);

// The source that `file` was written from, made anew; `psiPath` where it names a psi. Throws what openSource() and
// applyVariant() throw.
SourcePtr remakeSource(const PublishedFile& file, const std::string& original, const std::string& psiPath);

// Whether a relative path stays inside its directory and is made of [A-Za-z0-9._+-] alone.
bool isSafePath(const std::string& path);

}  // namespace offaxis
