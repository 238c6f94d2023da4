#!/usr/bin/env bash
# MIG against eps on Shapes3D: modified, sign-flipped and uniform noise at four budgets, the confirmation's settings
# otherwise; perturbation seed 331, model seeds 4000 to 4003. Resumable. usage: scripts/frontier_shapes3d.sh OUT [BUILD]
set -euo pipefail
failed=0  # a run that diverged must not keep the others from being made
out=$1
export PATH="${2:-build/release}/bin:$PATH"
dataset=shapes3d
settings="--recipe tint --seed 331 -t 1 -q"
mkdir -p "$out"

for eps in 0.05 0.1 0.175 0.25; do
  echo $settings --eps $eps -o "$out/psi-$eps"
  echo $settings --eps $eps --sign -1 -o "$out/flipped-$eps"
done | xargs -P "$(nproc)" -L 1 offaxis manipulate $dataset

measure() {  # FOLDER SEEDS ARM..
  offaxis evaluate "${@:3}" --seeds "$2" --steps 2500 --latents 6 --beta 16 -q -o "$out/$1" ||
    { [ $? != 130 ] || exit 130; failed=1; }
}
for seeds in 4000:4001 4000:4002 4000:4004; do
  measure original $seeds original=$dataset  # it has no eps
  for eps in 0.05 0.1 0.175 0.25; do
    measure eps-$eps $seeds "modified=$dataset+modified:psi=$out/psi-$eps/psi.h5" \
      "noise=$dataset+noise:eps=$eps,seed=331" "flipped=$dataset+modified:psi=$out/flipped-$eps/psi.h5"
  done
done
offaxis plot frontier "$out"/original "$out"/eps-* -o "$out/frontier.svg" --force
exit "$failed"
