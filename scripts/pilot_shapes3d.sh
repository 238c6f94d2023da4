#!/usr/bin/env bash
# The third pilot on Shapes3D (64x64, conv64, 10,000 steps, a quarter of an hour a run and core). Perturbations are
# trained at 32x32 as the second pilot's, then projected on a sum of one pattern a factor, and restrained on the pixels
# alone that tell an image from another factor level's; `modified` enlarges them to 64x64. Settings frozen before these
# seeds were first used. beta is the quick profile's 16 times the four times as many pixels.
# Resumable; several processes may share OUT once the perturbations are there. SEEDS names some of the perturbations.
# usage: [SEEDS=371,372,373] scripts/pilot_shapes3d.sh OUT [BUILD [OPTIONS OF offaxis evaluate..]]
set -euo pipefail
failed=0  # a run that diverged must not keep the others from being made
out=$1
export PATH="${2:-build/release}/bin:$PATH"
dataset=shapes3d
eps=0.175
mkdir -p "$out"
IFS=, read -r -a seeds <<< "${SEEDS:-371,372,373}"

for seed in "${seeds[@]}"; do
  for sign in 1 -1; do
    [ "$sign" = 1 ] && name=psi || name=flipped
    echo "$dataset --recipe tint --additive projected --restrain pixels --energy 0.03 --psi-steps 800 --eps $eps" \
      "--seed $seed --sign $sign -t 1 -q -o $out/$name-$seed"
  done
done | xargs -P "$(nproc)" -L 1 offaxis manipulate

# One perturbation after the other, so that an unfinished grid has whole comparisons.
arms=()
for seed in "${seeds[@]}"; do
  model=$((seed + 5830))  # 6201 and on
  range=$model:$((model + 1))
  arms+=("original@$range=$dataset"
         "modified@$range=$dataset+modified:psi=$out/psi-$seed/psi.h5"
         "noise@$range=$dataset+noise:eps=$eps,seed=$seed"
         "flipped@$range=$dataset+modified:psi=$out/flipped-$seed/psi.h5")
  offaxis evaluate "${arms[@]}" --profile pilot --latents 6 --beta 64 -q -o "$out/evaluation" "${@:3}" || { [ $? != 130 ] || exit 130; failed=1; }
done
exit "$failed"
