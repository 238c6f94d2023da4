#!/usr/bin/env bash
# XYSquares, quick profile: modified against its controls over spacings and budgets, down to spacing 8, where no axes are
# preferred to begin with. Perturbation seed 391, model seeds 9100 on, the settings of the confirmation otherwise.
# Resumable, and point by point: an unfinished sweep has whole comparisons. POINTS names some of them, "2 0.1,3 0.1".
# usage: [POINTS=...] [SEEDS=N] scripts/sweep_xysquares.sh OUT [BUILD]
set -euo pipefail
failed=0  # a run that diverged must not keep the others from being made
out=$1
export PATH="${2:-build/release}/bin:$PATH"
IFS=, read -r -a points <<< "${POINTS:-2 0.1,3 0.1,8 0.1,1 0.05,1 0.025,2 0.05,3 0.05,2 0.025,3 0.025}"
mkdir -p "$out"

for point in "${points[@]}"; do
  read -r spacing eps <<< "$point"
  dataset=xysquares:spacing=$spacing
  printf '%s\n' "$dataset --eps $eps --seed 391 -t 1 -q -o $out/psi-$spacing-$eps" \
    "$dataset --eps $eps --seed 391 --sign -1 -t 1 -q -o $out/flipped-$spacing-$eps" |
    xargs -P "$(nproc)" -L 1 offaxis manipulate --recipe tint
done
for round in $(seq "${SEEDS:-3}"); do
  for point in "${points[@]}"; do
    read -r spacing eps <<< "$point"
    dataset=xysquares:spacing=$spacing
    offaxis evaluate "original=$dataset" "modified=$dataset+modified:psi=$out/psi-$spacing-$eps/psi.h5" \
      "noise=$dataset+noise:eps=$eps,seed=391" "flipped=$dataset+modified:psi=$out/flipped-$spacing-$eps/psi.h5" \
      --seeds 9100:$((9100 + round)) --steps 10000 --latents 6 --beta 0.5 --loss squared-error \
      -q -o "$out/spacing-$spacing-eps-$eps" || { [ $? != 130 ] || exit 130; failed=1; }
  done
done
exit "$failed"
