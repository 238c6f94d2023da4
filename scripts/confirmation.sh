# shellcheck shell=bash disable=SC2154
# What the confirmations share; sourced by confirm_*.sh, which set
#   dataset       a source expression
#   eps           the budget
#   psi_seeds     of the three perturbations, such as (321 322 323)
#   model_seed    the first of the twelve model seeds, four a perturbation
#   common        options of offaxis manipulate for every psi
#   trained       further ones for those that are trained
#   untrained     further ones for those that are not, where its folders were made with other defaults
#   evaluation    options of offaxis evaluate
# and take: [ROUNDS=4] confirm_*.sh OUT [BUILD [OPTIONS OF offaxis evaluate..]]
# Resumable; several processes may share OUT once the perturbations are there.
set -euo pipefail
failed=0  # a run that diverged must not keep the others from being made
out=$1
export PATH="${2:-build/release}/bin:$PATH"
mkdir -p "$out"
common="$common --eps $eps -t 1 -q"

for seed in "${psi_seeds[@]}"; do
  echo "$common $trained --seed $seed -o $out/psi-$seed"
  echo "$common $trained --seed $seed --sign -1 -o $out/flipped-$seed"
  echo "$common ${untrained:-} --warmup-steps 1 --psi-steps 0 --fresh-steps 1 --seed $seed -o $out/untrained-$seed"
done | xargs -P "$(nproc)" -L 1 offaxis manipulate "$dataset"

# Round by round, so that an unfinished grid has whole comparisons for every perturbation.
for round in $(seq "${ROUNDS:-4}"); do
  arms=()
  first=$model_seed
  for seed in "${psi_seeds[@]}"; do
    range=$first:$((first + round)) psi=$out/psi-$seed/psi.h5
    first=$((first + 4))
    arms+=("original@$range=$dataset"
           "modified@$range=$dataset+modified:psi=$psi"
           "noise@$range=$dataset+noise:eps=$eps,seed=$seed"
           "flipped@$range=$dataset+modified:psi=$out/flipped-$seed/psi.h5"
           "untrained@$range=$dataset+modified:psi=$out/untrained-$seed/psi.h5"
           "separable@$range=$dataset+separable:psi=$psi"
           "unaligned@$range=$dataset+unaligned:psi=$psi,seed=$seed"
           "permuted@$range=$dataset+permuted:psi=$psi,seed=$seed"
           "scrambled@$range=$dataset+scrambled:psi=$psi,seed=$seed")
  done
  # shellcheck disable=SC2086
  offaxis evaluate "${arms[@]}" $evaluation -q -o "$out/evaluation" "${@:3}" || { [ $? != 130 ] || exit 130; failed=1; }
done
exit "$failed"
