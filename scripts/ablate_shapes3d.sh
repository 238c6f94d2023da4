#!/usr/bin/env bash
# What each part of the manipulation is for, on Shapes3D: perturbations trained with one thing changed, all measured by the
# same reference models, and attacked models on development seeds 0 to 2. Resumable.
# usage: scripts/ablate_shapes3d.sh OUT [BUILD]
set -euo pipefail
failed=0  # a run that diverged must not keep the others from being made
out=$1
export PATH="${2:-build/release}/bin:$PATH"
dataset=shapes3d
settings="--recipe tint --eps 0.175 --seed 100 -t 1 -q"
mkdir -p "$out"

{
  echo "$settings -o $out/whole"
  echo "$settings --codes levels -o $out/levels"
  echo "$settings --energy 0 -o $out/free-energy"
  echo "$settings --ladder 0.13 -o $out/low-rung"
  echo "$settings --ladder 0.13,0.38 -o $out/two-rungs"
  echo "$settings --inputs one-hot -o $out/one-hot"
  echo "$settings --draws 0 -o $out/no-noise"
  echo "$settings --ladder 0.38 --rotation blocks:floor_hue,wall_hue,object_hue -o $out/block"
  echo "$settings --ladder 0.38 --rotation random -o $out/random-rotation"
  echo "$settings --ensemble 2 -o $out/ensemble"
} | xargs -P "$(nproc)" -L 1 offaxis manipulate $dataset

attacked="--seeds 3 --steps 2500 --latents 6 --beta 16 -q"
# shellcheck disable=SC2086
offaxis evaluate original=$dataset $attacked -o "$out/original-evaluation" || { [ $? != 130 ] || exit 130; failed=1; }

measured="--loss bernoulli --codes angles --ladder 0.38 --seed 100 --steps 500 -q"
reference="--rotation pairs:floor_hue,wall_hue"
# shellcheck disable=SC2086
[ -f "$out/original-axes.json" ] || offaxis axes $dataset $measured $reference -o "$out/original-axes.json"
for name in whole levels free-energy low-rung two-rungs one-hot no-noise block random-rotation ensemble; do
  # shellcheck disable=SC2086
  [ -f "$out/$name-axes.json" ] ||
    offaxis axes $dataset+modified:psi="$out/$name/psi.h5" $measured $reference -o "$out/$name-axes.json"
  # An evaluation of its own each: rotated MIG is measured against one R at a time.
  # shellcheck disable=SC2086
  offaxis evaluate $name=$dataset+modified:psi="$out/$name/psi.h5" $attacked -o "$out/$name-evaluation" ||
    { [ $? != 130 ] || exit 130; failed=1; }
done
exit "$failed"
