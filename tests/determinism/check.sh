#!/usr/bin/env bash
# Builds sample.cpp and what it needs in one go and compares its output with expected.txt.
# usage: check.sh BUILD_FOLDER COMPILER FLAGS [EMULATOR]; exits with 77 where the compiler or the emulator is missing.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
source_dir=$(cd "$here/../.." && pwd)
folder=$1 compiler=$2 flags=$3 emulator=${4:-}
for program in "$compiler" $emulator; do
  command -v "$program" > /dev/null || { echo "skipped: there is no $program here"; exit 77; }
done
cd "$source_dir"
program=$folder/determinism-$(basename "$compiler")$(tr -c 'A-Za-z0-9\n' - <<< "$flags")
# The compiler's own idea of contraction is what -ffp-contract=off overrides, as in the build.
# shellcheck disable=SC2086
"$compiler" -std=c++17 $flags -ffp-contract=off -Isrc -I. -pthread -o "$program" tests/determinism/sample.cpp \
  src/core/{detmath,factor_grid,parallel,philox,rotation,text,utf8}.cpp datasets/{registry,source}.cpp \
  datasets/dsprites/dsprites.cpp datasets/shapes3d/{scene,shapes3d}.cpp datasets/xysquares/xysquares.cpp \
  src/learn/layer_kernels.cpp src/variants/{additive,integer_matrix,noise,perturbed,psi_network}.cpp
$emulator "$program" | diff "$here/expected.txt" - && echo "$compiler $flags: the same"
