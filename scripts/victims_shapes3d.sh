#!/usr/bin/env bash
# Held-out victims on Shapes3D: models that no perturbation was tuned on, attacked with the confirmation's perturbations.
# Half and twice the beta, twice the width, beta-TCVAE, and the autoencoder and PCL, which are not variational.
# Resumable. usage: scripts/victims_shapes3d.sh CONFIRMATION OUT [BUILD]
set -euo pipefail
failed=0  # a run that diverged must not keep the others from being made
from=$1 out=$2
export PATH="${3:-build/release}/bin:$PATH"
dataset=shapes3d
mkdir -p "$out"

arms=()
first=5000
for seed in 351 352 353; do
  range=$first:$((first + 1))
  first=$((first + 1))
  arms+=("original@$range=$dataset"
         "modified@$range=$dataset+modified:psi=$from/psi-$seed/psi.h5"
         "noise@$range=$dataset+noise:eps=0.175,seed=$seed"
         "flipped@$range=$dataset+modified:psi=$from/flipped-$seed/psi.h5")
done
victim() {  # NAME OPTIONS..
  offaxis evaluate "${arms[@]}" --steps 2500 --latents 6 -q -o "$out/$1" "${@:2}" || { [ $? != 130 ] || exit 130; failed=1; }
}
victim pcl --models pcl --beta 16
victim beta-32 --beta 32
victim beta-8 --beta 8
victim wide --net conv32-wide --beta 16
victim beta-tcvae --models beta-tcvae --beta 16
victim ae --models ae --beta 16
exit "$failed"
