// LibTorch's own exceptions as the toolkit's. Needs LibTorch: include only inside src/learn.
#pragma once

#include <c10/util/Exception.h>

#include <new>
#include <stdexcept>
#include <string>

namespace offaxis {

// What `work` returns. Throws std::bad_alloc where LibTorch says that memory ran out, on the CPU or on a GPU, and
// std::runtime_error without its stack trace for whatever else LibTorch throws: not Error(Failed), which is the result
// of one run, as a device that is lost fails every other run too.
template <typename Work>
auto withTorchErrors(const Work& work) {
  try {
    return work();
  } catch (const c10::Error& error) {
    const std::string what = error.what_without_backtrace();
    for (const char* shortage : {"out of memory", "not enough memory", "can't allocate memory"}) {
      if (what.find(shortage) != std::string::npos) throw std::bad_alloc();
    }
    throw std::runtime_error(what);
  }
}

}  // namespace offaxis
