#!/usr/bin/env bash
# The confirmation on Shapes3D, quick profile, eps 0.175: three perturbations with their controls, twelve model seeds.
# Settings were frozen before these seeds (perturbations 301 to 303, models 1000 to 1011) were first used.
# Resumable; several processes may share OUT. usage: scripts/confirm_shapes3d.sh OUT [BUILD]
set -euo pipefail
out=$1
export PATH="${2:-build/release}/bin:$PATH"
dataset=shapes3d
budget=(--eps 0.175 --ladder 0.38 --harmonics 1,2)
mkdir -p "$out"

for seed in 301 302 303; do
  offaxis manipulate $dataset "${budget[@]}" --warmup-steps 600 --psi-steps 1500 --fresh-steps 600 --seed $seed -q -o "$out/psi-$seed"
  offaxis manipulate $dataset "${budget[@]}" --warmup-steps 600 --psi-steps 1500 --fresh-steps 600 --seed $seed --sign -1 -q -o "$out/flipped-$seed"
  offaxis manipulate $dataset "${budget[@]}" --warmup-steps 1 --psi-steps 0 --fresh-steps 1 --seed $seed -q -o "$out/untrained-$seed"
done

# Round by round, so that an unfinished grid has whole comparisons for every perturbation.
for round in 1 2 3 4; do
  arms=()
  first=1000
  for seed in 301 302 303; do
    range=$first:$((first + round)) psi=$out/psi-$seed/psi.h5
    first=$((first + 4))
    arms+=("original@$range=$dataset"
           "modified@$range=$dataset+modified:psi=$psi"
           "noise@$range=$dataset+noise:eps=0.175,seed=$seed"
           "flipped@$range=$dataset+modified:psi=$out/flipped-$seed/psi.h5"
           "untrained@$range=$dataset+modified:psi=$out/untrained-$seed/psi.h5"
           "separable@$range=$dataset+separable:psi=$psi"
           "permuted@$range=$dataset+permuted:psi=$psi,seed=$seed"
           "scrambled@$range=$dataset+scrambled:psi=$psi,seed=$seed")
  done
  offaxis evaluate "${arms[@]}" --steps 2500 --latents 6 --beta 16 -o "$out/evaluation"
done
