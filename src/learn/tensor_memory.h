// Memory of tensors on the CPU, kept from one training step for the next.
#pragma once

#include <cstddef>

namespace offaxis {

// Blocks below this go straight back to the C library, which is quick with them.
constexpr std::size_t kSmallestKeptTensor = std::size_t{64} << 10;
// What one thread keeps at most, in bytes; beyond, the blocks that have waited longest go back.
constexpr std::size_t kKeptTensorBytes = std::size_t{512} << 20;

// From here on LibTorch takes every tensor's memory on the CPU from blocks that earlier tensors of the same size left,
// each thread from its own, until the thread ends. A training step asks for the same sizes again and again; from the C
// library those above 32 MiB are fresh pages each time, which costs a third of a step's time. Blocks are in huge pages
// where the kernel gives them. For the whole process, once; does nothing under a sanitizer, which watches the C
// library's allocator.
void keepTensorMemory();

// The bytes that this thread keeps for tensors to come; 0 before keepTensorMemory().
std::size_t keptTensorBytes();

}  // namespace offaxis
