#include "experiment/grid_directory.h"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

#include "core/error.h"
#include "core/text.h"
#include "storage/staged.h"

namespace offaxis {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kSchemaVersion = 1;  // of a row

// Whether two objects say the same, in whatever order.
bool sameContent(const Json& a, const Json& b) {
  return nlohmann::json(a) == nlohmann::json(b);
}

// `here` without what rows did not say when they were first made: those stay what they are.
Json comparable(Json here, const Json& there) {
  if (!there.is_object() || !there.contains(kSourceDefinitionKey)) here.erase(kSourceDefinitionKey);
  return here;
}

[[noreturn]] void refuse(const std::string& path, const Json& there, const Json& here) {
  const auto said = [](const Json& json, const std::string& key) {
    return json.is_object() && json.contains(key) ? json[key].dump() : "missing";
  };
  std::string what = "it does not say what it was made with";
  for (const Json* side : {&here, &there}) {
    bool found = false;
    for (const auto& item : side->items()) {
      const std::string& key = item.key();
      found = !there.is_object() || !there.contains(key) || !here.contains(key) || !sameContent(there[key], here[key]);
      if (!found) continue;
      const bool matrix = key == "rotation_matrix";
      what = key + (matrix ? " differs" : " is " + said(there, key) + " there, " + said(here, key) + " here");
      break;
    }
    if (found) break;
  }
  throw Error(ErrorKind::BadFile, path + " belongs to another evaluation: " + what,
              "use another directory, the same settings, or --force to train anew");
}

// What `read` gives. Its complaints name no file: here they name `path`.
template <typename Read>
auto from(const std::string& path, const std::string& hint, const Read& read) {
  try {
    return read();
  } catch (const nlohmann::json::exception& e) {
    throw Error(ErrorKind::BadFile, path + " is damaged: " + withoutTag(e.what()), hint);
  } catch (const Error& e) {
    throw Error(ErrorKind::BadFile, path + " is damaged: " + e.what(), hint);
  }
}

std::string inside(const std::string& directory, const char* name) {
  return (std::filesystem::path(directory) / name).string();
}

}  // namespace

std::string GridDirectory::runs() const {
  return inside(directory_, "runs");
}

std::string GridDirectory::lock() const {
  return inside(directory_, "runs/grid.lock");
}

std::string GridDirectory::results() const {
  return inside(directory_, "results.json");
}

std::string GridDirectory::runOf(const Cell& cell) const {
  return inside(directory_, "runs/") + grid_.armOf(cell).arm.name + "_" + cell.model + "_" + std::to_string(cell.seed);
}

std::string GridDirectory::lockOf(const Cell& cell) const {
  return runOf(cell) + ".lock";
}

std::string GridDirectory::rowOf(const Cell& cell) const {
  return runOf(cell) + ".json";
}

void GridDirectory::refuseOtherResults() const {
  const std::string path = results();
  if (!std::filesystem::exists(path)) return;
  const Json results = Json::parse(readTextFile(path), nullptr, false);
  if (!results.is_object())
    throw Error(ErrorKind::BadFile, path + " is not a results file", "use another directory, or --force");
  const Json here = grid_.configuration();
  const Json there = results.value("configuration", Json());
  if (!sameContent(there, here)) refuse(path, there, here);
}

void GridDirectory::refuseOtherImages(const Cell& cell, const EvaluationRow& row) const {
  const OpenArm& arm = grid_.armOf(cell);
  if (row.sourceRoot.empty() || arm.root.empty() || row.sourceRoot == arm.root) return;
  throw Error(ErrorKind::BadFile, rowOf(cell) + " was made with other images than " + arm.arm.expression + " holds now",
              "use another directory, the same file, or --force to train anew");
}

std::optional<EvaluationRow> GridDirectory::readRow(const Cell& cell) const {
  const std::string path = rowOf(cell);
  if (!std::filesystem::exists(path)) return std::nullopt;
  try {
    const Json json = Json::parse(readTextFile(path));
    const Json identity = comparable(grid_.identityOf(cell), json.at("identity"));
    if (!sameContent(json.at("identity"), identity)) refuse(path, json.at("identity"), identity);
    if (json.at("status") != "complete") return std::nullopt;
    EvaluationRow row = from(path, "remove it, and its run is scored again", [&] { return rowFromJson(json); });
    row.sourceDefinition = json.at("identity").value(kSourceDefinitionKey, "");
    refuseOtherImages(cell, row);
    return row;
  } catch (const nlohmann::json::exception& e) {
    throw Error(ErrorKind::BadFile, path + " is damaged: " + withoutTag(e.what()),
                "remove it, and its run is scored again");
  }
}

void GridDirectory::writeRow(const Cell& cell, const EvaluationRow& row) const {
  writeRow(cell, row, grid_.identityOf(cell));
}

void GridDirectory::writeRowAgain(const Cell& cell, const EvaluationRow& row) const {
  const Json identity = from(rowOf(cell), "remove it, and its run is scored again", [&] {
    return comparable(grid_.identityOf(cell), Json::parse(readTextFile(rowOf(cell))).at("identity"));
  });
  writeRow(cell, row, identity);
}

void GridDirectory::writeRow(const Cell& cell, const EvaluationRow& row, const Json& identity) const {
  Json json{{"schema_version", kSchemaVersion}, {"status", row.error.empty() ? "complete" : "failed"}};
  json.update(toJson(row));
  json["identity"] = identity;
  json["source"] = {{"expression", grid_.armOf(cell).arm.expression}, {"identity", grid_.armOf(cell).identity}};
  json["run"] = runOf(cell) + "/run.json";  // versions, device, loss curve
  writeTextFile(rowOf(cell), json.dump(2) + "\n", Overwrite::Replace);
}

std::vector<StepScore> GridDirectory::readStepScores(const Cell& cell) const {
  const std::string path = runOf(cell) + "/mig_over_steps.json";
  if (!std::filesystem::exists(path)) return {};
  return from(path, "remove it, and what was scored on the way is left out",
              [&] { return stepScoresFromJson(Json::parse(readTextFile(path))); });
}

void GridDirectory::writeStepScores(const Cell& cell, const std::vector<StepScore>& scores) const {
  writeTextFile(runOf(cell) + "/mig_over_steps.json", toJson(scores).dump() + "\n", Overwrite::Replace);
}

void GridDirectory::clear() const {
  std::error_code gone;
  std::filesystem::remove(results(), gone);
  if (gone) throw Error(ErrorKind::CannotWrite, "cannot replace " + results() + ": " + gone.message());
  for (const Cell& cell : grid_.cells()) {
    for (const char* made : {".json", "/checkpoint.h5", "/run.json", "/mig_over_steps.json"}) {
      std::error_code error;
      std::filesystem::remove(runOf(cell) + made, error);
      if (error && std::filesystem::exists(runOf(cell) + made))
        throw Error(ErrorKind::CannotWrite, "cannot replace " + runOf(cell) + made + ": " + error.message());
    }
  }
}

}  // namespace offaxis
