#include "publish/origins.h"

#include <utility>

#include "core/error.h"

namespace offaxis {

const Work* originOf(const std::string& dataset) {
  static const std::vector<std::pair<std::string, Work>> kOrigins{
      {"xysquares",
       {"michlo2023overlooked",
        "inproceedings",
        "Overlooked Implications of the Reconstruction Loss for VAE Disentanglement",
        {"Michlo, Nathan", "Klein, Richard", "James, Steven"},
        "International Joint Conference on Artificial Intelligence (IJCAI)",
        "2023",
        "https://arxiv.org/abs/2202.13341"}},
      {"dsprites",
       {"matthey2017dsprites",
        "misc",
        "dSprites: Disentanglement testing Sprites dataset",
        {"Matthey, Loic", "Higgins, Irina", "Hassabis, Demis", "Lerchner, Alexander"},
        "",
        "2017",
        "https://github.com/google-deepmind/dsprites-dataset"}},
      {"shapes3d",
       {"burgess2018shapes3d",
        "misc",
        "3D Shapes Dataset",
        {"Burgess, Chris", "Kim, Hyunjik"},
        "",
        "2018",
        "https://github.com/google-deepmind/3d-shapes"}}};
  for (const auto& [family, work] : kOrigins) {
    const bool begins = dataset.compare(0, family.size(), family) == 0;
    const char next = dataset.size() > family.size() ? dataset[family.size()] : ':';
    if (begins && (next == ':' || next == '-')) return &work;
  }
  return nullptr;
}

const Work& methodWork() {
  static const Work kMethod{"zietlow2021demystifying",
                            "inproceedings",
                            "Demystifying Inductive Biases for (Beta-)VAE Based Architectures",
                            {"Zietlow, Dominik", "Rolinek, Michal", "Martius, Georg"},
                            "International Conference on Machine Learning (ICML)",
                            "2021",
                            "https://arxiv.org/abs/2102.06822"};
  return kMethod;
}

std::string bibtex(const Work& work) {
  std::string text = "@" + work.kind + "{" + work.key + ",\n  title = {{" + work.title + "}},\n  author = {" +
                     joined(work.authors, " and ") + "},\n";
  if (!work.where.empty()) text += "  booktitle = {" + work.where + "},\n";
  return text + "  year = {" + work.year + "},\n  url = {" + work.url + "}\n}\n";
}

}  // namespace offaxis
