#!/usr/bin/env bash
# The confirmation on Shapes3D, quick profile, eps 0.175: three perturbations with their controls, twelve model seeds.
# Settings were frozen before these seeds (perturbations 321 to 323, models 3000 to 3011) were first used.
# Resumable; several processes may share OUT once the perturbations are there.
# usage: [ROUNDS=4] scripts/confirm_shapes3d.sh OUT [BUILD [OPTIONS OF offaxis evaluate..]]
set -euo pipefail
failed=0  # a run that diverged must not keep the others from being made
out=$1
export PATH="${2:-build/release}/bin:$PATH"
dataset=shapes3d
hues="'pairs:floor_hue,wall_hue;pairs:wall_hue,object_hue;pairs:floor_hue,object_hue'"
common="--eps 0.175 --loss bernoulli --codes angles --inputs factors --ladder 0.38,0.38,0.38 --rotation $hues -t 1 -q"
trained="--energy 0.1 --warmup-steps 500 --psi-steps 400 --fresh-steps 500"
mkdir -p "$out"

for seed in 321 322 323; do
  echo "$common $trained --seed $seed -o $out/psi-$seed"
  echo "$common $trained --seed $seed --sign -1 -o $out/flipped-$seed"
  echo "$common --warmup-steps 1 --psi-steps 0 --fresh-steps 1 --seed $seed -o $out/untrained-$seed"
done | xargs -P "$(nproc)" -L 1 offaxis manipulate $dataset

# Round by round, so that an unfinished grid has whole comparisons for every perturbation.
for round in $(seq "${ROUNDS:-4}"); do
  arms=()
  first=3000
  for seed in 321 322 323; do
    range=$first:$((first + round)) psi=$out/psi-$seed/psi.h5
    first=$((first + 4))
    arms+=("original@$range=$dataset"
           "modified@$range=$dataset+modified:psi=$psi"
           "noise@$range=$dataset+noise:eps=0.175,seed=$seed"
           "flipped@$range=$dataset+modified:psi=$out/flipped-$seed/psi.h5"
           "untrained@$range=$dataset+modified:psi=$out/untrained-$seed/psi.h5"
           "separable@$range=$dataset+separable:psi=$psi"
           "unaligned@$range=$dataset+unaligned:psi=$psi,seed=$seed"
           "permuted@$range=$dataset+permuted:psi=$psi,seed=$seed"
           "scrambled@$range=$dataset+scrambled:psi=$psi,seed=$seed")
  done
  offaxis evaluate "${arms[@]}" --steps 2500 --latents 6 --beta 16 -q -o "$out/evaluation" "${@:3}" || failed=1
done
exit "$failed"
