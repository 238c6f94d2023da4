#include "learn/checkpoint.h"

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "storage/h5.h"
#include "storage/staged.h"

namespace offaxis {
namespace {

constexpr const char* kFormat = "offaxis.checkpoint";
constexpr std::uint64_t kVersion = 1;

h5::Type typeOf(const torch::Tensor& tensor) {
  switch (tensor.scalar_type()) {
    case torch::kFloat32:
      return h5::Type::F32;
    case torch::kFloat64:
      return h5::Type::F64;
    case torch::kInt64:
      return h5::Type::I64;
    default:
      throw Error(ErrorKind::Failed,
                  "a checkpoint cannot hold tensors of type " + std::string(c10::toString(tensor.scalar_type())));
  }
}

std::vector<std::uint64_t> dimsOf(const torch::Tensor& tensor) {
  return std::vector<std::uint64_t>(tensor.sizes().begin(), tensor.sizes().end());
}

// "beta is 4 there, 8 here", for every key that differs.
std::string difference(const std::string& there, const std::string& here) {
  const auto a = nlohmann::json::parse(there, nullptr, false);
  const auto b = nlohmann::json::parse(here, nullptr, false);
  std::vector<std::string> parts;
  if (a.is_object() && b.is_object()) {
    const auto said = [](const nlohmann::json& json, const std::string& key) {
      return json.contains(key) ? json[key].dump() : "missing";
    };
    const auto compare = [&](const std::string& key) {
      if (said(a, key) != said(b, key))
        parts.push_back(key + " is " + said(a, key) + " there, " + said(b, key) + " here");
    };
    for (const auto& [key, value] : b.items()) compare(key);
    for (const auto& [key, value] : a.items()) {
      if (!b.contains(key)) compare(key);
    }
  }
  return parts.empty() ? "their descriptions differ" : joined(parts);
}

}  // namespace

void saveCheckpoint(const std::string& path, const std::string& identity, const NamedTensors& tensors) {
  StagedFile staged(path, Overwrite::Replace);
  h5::Writer writer(staged.path(), path);
  writer.writeAttribute("format", std::string(kFormat));
  writer.writeAttribute("version", kVersion);
  writer.writeAttribute("identity", identity);
  for (const auto& [name, tensor] : tensors) {
    const torch::Tensor plain = tensor.detach().to(torch::kCPU).contiguous();
    writer.writeArray(name, typeOf(plain), dimsOf(plain), plain.data_ptr());
  }
  writer.close();
  staged.commit();
}

std::string checkpointIdentity(const std::string& path) {
  const h5::Reader reader(path);
  if (!reader.hasAttribute("format") || reader.stringAttribute("format") != kFormat) {
    throw Error(ErrorKind::BadFile, path + " is not a checkpoint of a training run");
  }
  if (const std::uint64_t version = reader.integerAttribute("version"); version != kVersion) {
    throw Error(ErrorKind::BadFile, path + " is a checkpoint of format " + std::to_string(version) +
                                        ", this program reads " + std::to_string(kVersion));
  }
  return reader.stringAttribute("identity");
}

void loadCheckpoint(const std::string& path, const std::string& identity, const NamedTensors& tensors) {
  if (const std::string found = checkpointIdentity(path); found != identity) {
    throw Error(ErrorKind::BadFile, path + " belongs to another run: " + difference(found, identity),
                "use another directory or the same settings, or remove this one to start anew");
  }
  const h5::Reader reader(path);
  torch::NoGradGuard noGrad;
  for (const auto& [name, tensor] : tensors) {
    torch::Tensor plain = torch::empty(tensor.sizes(), tensor.scalar_type());
    reader.readArray(name, typeOf(plain), dimsOf(plain), plain.data_ptr());
    torch::Tensor target = tensor;
    target.copy_(plain);
  }
}

torch::Tensor loadCheckpointVector(const std::string& path, const std::string& name) {
  const h5::Reader reader(path);
  if (!reader.has(name)) return torch::empty({0}, torch::kFloat64);
  const h5::DatasetShape shape = reader.shapeOf(name);
  if (shape.dims.size() != 1 || shape.dims[0] > (1u << 26))
    throw Error(ErrorKind::BadFile, path + ": " + name + " is not a vector");
  torch::Tensor values = torch::empty({static_cast<std::int64_t>(shape.dims[0])}, torch::kFloat64);
  reader.readArray(name, h5::Type::F64, shape.dims, values.data_ptr());
  return values;
}

}  // namespace offaxis
