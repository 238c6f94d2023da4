// Marks integer-only kernels that the compiler may build for several instruction sets and pick from at load time.
// Only code whose result cannot depend on the choice (integers, no floating point) may carry it.
#pragma once

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__) && !defined(OFFAXIS_NO_TARGET_CLONES)
#define OFFAXIS_INTEGER_KERNEL __attribute__((target_clones("default", "arch=haswell", "arch=skylake-avx512")))
#else
#define OFFAXIS_INTEGER_KERNEL
#endif
