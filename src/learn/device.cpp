#include "learn/device.h"

#include <torch/cuda.h>
#include <torch/version.h>

#include <mutex>

#include "core/error.h"
#include "core/text.h"
#include "learn/precision.h"
#include "learn/tensor_memory.h"

namespace offaxis {

torch::Device openDevice(const std::string& name) {
  static std::once_flag asked;
  std::call_once(asked, [] { allowPrecision(Precision::Float32); });  // not what a GPU does by itself
  const bool cuda = name.rfind("cuda", 0) == 0 && (name.size() == 4 || name[4] == ':');
  if (name != "auto" && name != "cpu" && !cuda) {
    throw Error(ErrorKind::Usage, "no device is called '" + name + "'", "known: auto, cpu, cuda, cuda:N");
  }
  if (name == "cpu" || (name == "auto" && !torch::cuda::is_available())) return torch::Device(torch::kCPU);
  const std::uint64_t index =
      name.size() > 4 && cuda ? parseUnsigned(name.substr(5), "the number of the cuda device", 0, 127) : 0;
  const std::size_t found = torch::cuda::is_available() ? torch::cuda::device_count() : 0;
  if (index >= found) {
    throw Error(
        ErrorKind::Unavailable,
        name + " was asked for, but LibTorch " + torchVersion() + " sees " + std::to_string(found) + " GPUs here",
        "use --device cpu or auto; a GPU needs its driver and a LibTorch built with CUDA");
  }
  return torch::Device(torch::kCUDA, static_cast<c10::DeviceIndex>(index));
}

std::string toString(const torch::Device& device) {
  return device.str();
}

torch::Tensor sentTo(const torch::Device& device, const torch::Tensor& t) {
  if (device.is_cpu()) return t;
  return t.pin_memory().to(device, /*non_blocking=*/true);  // LibTorch keeps the pinned block until it was read
}

std::string torchVersion() {
  return TORCH_VERSION;
}

void prepareTrainingThread() {
  at::set_num_threads(1);
  keepTensorMemory();
}

}  // namespace offaxis
