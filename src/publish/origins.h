// Whose work a published set builds on: for citations and derivation in the descriptions. As the cards in
// datasets/*/README.md say.
#pragma once

#include <string>
#include <vector>

namespace offaxis {

struct Work {
  std::string key;   // of its BibTeX entry
  std::string kind;  // of the entry: "inproceedings" or "misc"
  std::string title;
  std::vector<std::string> authors;  // "Family, Given"
  std::string where;                 // the proceedings; may be empty
  std::string year;
  std::string url;
};

// The dataset that SourceInfo::dataset names: who made it and where it is told of; null where that is unknown.
// Re-creations (dsprites-r) and imported files (dsprites-original) have the original's.
const Work* originOf(const std::string& dataset);

// The paper whose method psi follows.
const Work& methodWork();

std::string bibtex(const Work& work);

}  // namespace offaxis
