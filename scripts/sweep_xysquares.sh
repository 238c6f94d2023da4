#!/usr/bin/env bash
# XYSquares, quick profile: modified against its controls at spacings 1, 2 and 3 over three budgets, and at spacing 8, where no
# axes are preferred to begin with. Perturbation seed 331, model seeds 5000 to 5002, the profile's own settings otherwise.
# Resumable, and point by point: an unfinished sweep has whole comparisons. POINTS names some of them, "2 0.1,3 0.1".
# usage: [POINTS=...] scripts/sweep_xysquares.sh OUT [BUILD]
set -euo pipefail
failed=0  # a run that diverged must not keep the others from being made
out=$1
export PATH="${2:-build/release}/bin:$PATH"
IFS=, read -r -a points <<< "${POINTS:-1 0.1,2 0.1,3 0.1,8 0.1,1 0.05,2 0.05,3 0.05,1 0.025,2 0.025,3 0.025}"
mkdir -p "$out"

for point in "${points[@]}"; do
  read -r spacing eps <<< "$point"
  dataset=xysquares:spacing=$spacing
  printf '%s\n' "$dataset --eps $eps --seed 331 -t 1 -q -o $out/psi-$spacing-$eps" \
    "$dataset --eps $eps --seed 331 --sign -1 -t 1 -q -o $out/flipped-$spacing-$eps" |
    xargs -P "$(nproc)" -L 1 offaxis manipulate
  for seeds in 5000:5001 5000:5003; do
    offaxis evaluate "original=$dataset" "modified=$dataset+modified:psi=$out/psi-$spacing-$eps/psi.h5" \
      "noise=$dataset+noise:eps=$eps,seed=331" "flipped=$dataset+modified:psi=$out/flipped-$spacing-$eps/psi.h5" \
      "unaligned=$dataset+unaligned:psi=$out/psi-$spacing-$eps/psi.h5,seed=331" \
      --seeds $seeds -q -o "$out/spacing-$spacing-eps-$eps" || { [ $? != 130 ] || exit 130; failed=1; }
  done
done
exit "$failed"
