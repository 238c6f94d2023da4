// What a published version says of itself to people and machines, all of it made from the manifest:
//   croissant.json  Croissant 1.1 (http://mlcommons.org/croissant/1.1), which search engines and loaders read
//   datacite.json   a DataCite 4.5 record (http://datacite.org/schema/kernel-4), ready but for the DOI
//   README.md       a card, with the front matter that Hugging Face reads
#pragma once

#include <string>
#include <vector>

#include "core/factor_grid.h"
#include "publish/manifest.h"

namespace offaxis {

// A column of index.csv.
struct IndexColumn {
  std::string name;
  bool real = false;  // else an integer
  std::string description;
};
// "index", then FACTOR_level for every factor, then the factors by their names.
std::vector<IndexColumn> indexColumns(const FactorGrid& grid);

// The HDF5 files as FileObjects, and index.csv with `columns` as the one RecordSet: Croissant cannot read rows out of
// HDF5. `manifestFile` is manifest.json itself.
Json croissantOf(const Manifest& manifest, const ListedFile& manifestFile, const std::vector<IndexColumn>& columns);

Json dataciteOf(const Manifest& manifest);

std::string cardOf(const Manifest& manifest);

// BibTeX: this version, the datasets that it was made from, and the method where psi was used.
std::string citationsOf(const Manifest& manifest);

// Whether the text is an http or https address of a host, of characters that addresses are made of.
bool isWebAddress(const std::string& text);

// "Apache-2.0" for https://spdx.org/licenses/Apache-2.0.html and for itself in whatever case; empty for what is neither
// the address nor the identifier of a licence that data or code are often under: others are given by their address,
// which mistypes less.
std::string spdxIdentifier(const std::string& license);
// Where the licence can be read: `license` itself where it is an address, SPDX's page for an identifier.
std::string licenseAddress(const std::string& license);

}  // namespace offaxis
