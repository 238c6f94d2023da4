// The summary of a results.json made anew from its rows: another variant to compare with, nothing trained.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace offaxis {

// `results` as evaluate() writes them, with the differences of its summary taken from the variant `against`. From the
// variant that they were taken from it is the same again, unless some sources name their definition and others, made
// before there was one, do not. Throws Error(Usage) where no variant is called that, Error(BadFile) where a row belongs
// to none of the sources or a score is none, nlohmann::json::exception for what is no results.json.
nlohmann::ordered_json comparedWith(nlohmann::ordered_json results, const std::string& against);

}  // namespace offaxis
