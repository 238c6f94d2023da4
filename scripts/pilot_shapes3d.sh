#!/usr/bin/env bash
# The pilot profile on Shapes3D (64x64, conv64, 10,000 steps, a quarter of an hour a run and core): the three
# perturbations of the fourth confirmation, which `modified` enlarges to 64x64, with a model seed each. beta is the quick
# profile's 16 times the four times as many pixels.
# Resumable; several processes may share OUT. PSI is the directory of psi-351/ to flipped-353/.
# usage: scripts/pilot_shapes3d.sh OUT [PSI [BUILD [OPTIONS OF offaxis evaluate..]]]
set -euo pipefail
failed=0  # a run that diverged must not keep the others from being made
out=$1
psi=${2:-results/shapes3d-r-fourth}
export PATH="${3:-build/release}/bin:$PATH"
dataset=shapes3d
mkdir -p "$out"

# One perturbation after the other, so that an unfinished grid has whole comparisons.
arms=()
model=6000
for seed in 351 352 353; do
  range=$model:$((model + 1))
  model=$((model + 1))
  arms+=("original@$range=$dataset"
         "modified@$range=$dataset+modified:psi=$psi/psi-$seed/psi.h5"
         "noise@$range=$dataset+noise:eps=0.175,seed=$seed"
         "flipped@$range=$dataset+modified:psi=$psi/flipped-$seed/psi.h5")
  offaxis evaluate "${arms[@]}" --profile pilot --latents 6 --beta 64 -q -o "$out" "${@:4}" || { [ $? != 130 ] || exit 130; failed=1; }
done
exit "$failed"
