// What is to be published: the files as they claim to be, and whether they are that.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "datasets/image_file.h"
#include "publish/publish.h"

namespace offaxis {

struct Candidate {
  std::string path;    // as given
  std::string sha256;  // when it was opened: what is published has to be what was verified
  std::shared_ptr<const ImageFile> source;
  PublishedFile described;  // parentRoot and rowBlocks are filled by verifyCandidates(); the file's hash by the writer
};

// Throws Error(Usage) for names that cannot be published, or files of several grids or rows; Error(BadFile) where one
// cannot be read, names no known dataset, or holds an image of the grid twice.
std::vector<Candidate> openCandidates(const PublishSettings& settings);

// The psi files that the candidates name: the published path, and where each lies. Throws Error(Usage) for one that is
// missing or of no use.
std::vector<std::pair<ListedFile, std::string>> matchPsi(const PublishSettings& settings,
                                                         const std::vector<Candidate>& candidates);

// Recomputes what the candidates claim: content roots, preservation of the factors, and that their settings give these
// very images. Fills in what is still missing and returns the verification reports by path. Throws Error(BadFile).
Json verifyCandidates(const PublishSettings& settings, std::vector<Candidate>& candidates,
                      const std::vector<std::pair<ListedFile, std::string>>& psi, const Context& context);

}  // namespace offaxis
