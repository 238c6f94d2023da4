#!/usr/bin/env bash
# What each part of the manipulation is for, on Shapes3D: perturbations trained with one thing changed, all measured by the
# same reference models, and attacked models on development seeds 0 to 2. Resumable.
# usage: scripts/ablate_shapes3d.sh OUT [BUILD]
set -euo pipefail
failed=0  # a run that diverged must not keep the others from being made
out=$1
export PATH="${2:-build/release}/bin:$PATH"
dataset=shapes3d
settings="--eps 0.175 --loss bernoulli --warmup-steps 600 --psi-steps 2400 --fresh-steps 600 --seed 100 -t 1 -q"
rest="--harmonics 1,2 --restart-every 400"
ladder="--ladder 0.13,0.38"
mkdir -p "$out"

{
  echo "$settings $rest $ladder -o $out/whole"
  echo "$settings $rest --ladder 0.13 -o $out/one-rung-low"
  echo "$settings $rest --ladder 0.38 -o $out/one-rung-high"
  echo "$settings --restart-every 400 $ladder --inputs one-hot -o $out/one-hot"
  echo "$settings --restart-every 400 $ladder --inputs factors -o $out/factors"
  echo "$settings $rest $ladder --rotation random -o $out/random-rotation"
  echo "$settings $rest $ladder --ensemble 2 -o $out/ensemble"
  echo "$settings --harmonics 1,2 $ladder -o $out/no-restarts"
} | xargs -P "$(nproc)" -L 1 offaxis manipulate $dataset

measured="--loss bernoulli $ladder --seed 100 --steps 1200 -q"
for name in whole one-rung-low one-rung-high one-hot factors random-rotation ensemble no-restarts; do
  rotation=blocks
  [ $name = random-rotation ] && rotation=random
  [ -f "$out/$name-axes.json" ] ||
    offaxis axes $dataset+modified:psi="$out/$name/psi.h5" $measured --rotation $rotation -o "$out/$name-axes.json"
  # An evaluation of its own each: rotated MIG is measured against one R at a time.
  offaxis evaluate $name=$dataset+modified:psi="$out/$name/psi.h5" --seeds 3 --steps 2500 --latents 6 --beta 16 -q \
    -o "$out/$name-evaluation" || failed=1
done
exit "$failed"
