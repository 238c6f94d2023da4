#!/usr/bin/env bash
# The fourth pilot on Shapes3D (64x64, conv64, 10,000 steps, half an hour a run and core). Perturbations are
# trained at 32x32, half of their rungs on floor and wall hue, projected on a sum of one pattern a factor, and restrained
# on the pixels alone that tell an image from another factor level's; `modified` enlarges them to 64x64. Settings frozen
# before these seeds were first used. beta is the quick profile's 16 times the four times as many pixels.
# Resumable; several processes may share OUT once the perturbations are there. SEEDS names some of the perturbations.
# usage: [SEEDS=381,382,383] scripts/pilot_shapes3d.sh OUT [BUILD [OPTIONS OF offaxis evaluate..]]
set -euo pipefail
failed=0  # a run that diverged must not keep the others from being made
out=$1
export PATH="${2:-build/release}/bin:$PATH"
dataset=shapes3d
eps=0.175
rotations='pairs:floor_hue,wall_hue;pairs:wall_hue,object_hue;pairs:floor_hue,wall_hue;pairs:floor_hue,object_hue'
mkdir -p "$out"
IFS=, read -r -a seeds <<< "${SEEDS:-381,382,383}"

train() {  # NAME SIGN SEED
  offaxis manipulate "$dataset" --recipe tint --rotation "$rotations" --ladder 0.38,0.38,0.38,0.38 --psi-steps 800 \
    --energy 0.03 --additive projected --restrain pixels --eps "$eps" --seed "$3" --sign "$2" -q -o "$out/$1-$3"
}

arms=()
evaluate() {
  offaxis evaluate "${arms[@]}" --profile pilot --latents 6 --beta 64 -q -o "$out/evaluation" "${@:3}" || { [ $? != 130 ] || exit 130; failed=1; }
}

# The comparison of the claim first, one perturbation after the other, then the controls: so an unfinished grid has whole
# comparisons.
for seed in "${seeds[@]}"; do
  train psi 1 "$seed"
  model=$((seed + 5920))  # 6301 and on
  arms+=("original@$model:$((model + 1))=$dataset"
         "modified@$model:$((model + 1))=$dataset+modified:psi=$out/psi-$seed/psi.h5")
  evaluate "$@"
done
for seed in "${seeds[@]}"; do
  train flipped -1 "$seed"
  model=$((seed + 5920))
  arms+=("noise@$model:$((model + 1))=$dataset+noise:eps=$eps,seed=$seed"
         "flipped@$model:$((model + 1))=$dataset+modified:psi=$out/flipped-$seed/psi.h5")
  evaluate "$@"
done
exit "$failed"
