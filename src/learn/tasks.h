// Models side by side, each on one thread of its own. Needs LibTorch: include only inside src/learn.
#pragma once

#include <cstdint>
#include <functional>

#include "core/context.h"
#include "core/parallel.h"
#include "learn/device.h"

namespace offaxis {

// Runs task(0) .. task(count - 1) on the context's threads, each with LibTorch held to one thread of its own: OpenMP
// teams inside would only fight over the cores. What a task computes must not depend on the others.
inline void runTasks(const Context& context, std::uint64_t count, const std::function<void(std::uint64_t)>& task) {
  parallelFor(context, count, 1, [&](std::uint64_t begin, std::uint64_t, int) {
    prepareTrainingThread();
    task(begin);
  });
}

}  // namespace offaxis
