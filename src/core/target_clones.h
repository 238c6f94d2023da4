// Marks kernels that the compiler may build for several instruction sets and pick from at load time. Only code whose
// result cannot depend on the choice may carry these marks.
//   OFFAXIS_INTEGER_KERNEL  integers, no floating point.
//   OFFAXIS_FLOAT_KERNEL    floating point of which the source states each operation and the order of every sum, by
//                           itself or in lanes: without contraction (-ffp-contract=off, as everything is built) and
//                           without -ffast-math no compiler may do other ones. No calls but of std::sqrt and std::fabs.
// The levels of the x86-64 ABI are asked for by their features; a processor's name ("arch=haswell") would be compared
// with the machine's own, so that no other vendor's processor ever got past the default.
#pragma once

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 12 && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(OFFAXIS_NO_TARGET_CLONES)
#define OFFAXIS_INTEGER_KERNEL __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define OFFAXIS_INTEGER_KERNEL
#endif
#define OFFAXIS_FLOAT_KERNEL OFFAXIS_INTEGER_KERNEL
