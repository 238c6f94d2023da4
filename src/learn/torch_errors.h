// LibTorch's own exceptions as the toolkit's. Needs LibTorch: include only inside src/learn.
#pragma once

#include <c10/util/Exception.h>

#include <new>
#include <string>

#include "core/error.h"

namespace offaxis {

// What `work` returns. Throws std::bad_alloc where LibTorch says that memory ran out, on the CPU or on a GPU, and
// Error(Failed) without its stack trace for whatever else LibTorch throws.
template <typename Work>
auto withTorchErrors(const Work& work) {
  try {
    return work();
  } catch (const c10::Error& error) {
    const std::string what = error.what_without_backtrace();
    for (const char* shortage : {"out of memory", "not enough memory", "can't allocate memory"}) {
      if (what.find(shortage) != std::string::npos) throw std::bad_alloc();
    }
    throw Error(ErrorKind::Failed, what);
  }
}

}  // namespace offaxis
