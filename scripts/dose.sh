#!/usr/bin/env bash
# Dose and response: which axes each source of an evaluation favours (J_ent - J_dis of fresh reference models), drawn against
# the MIG that models reached on it. Resumable. Behind the three folders come the options of offaxis axes.
# usage: scripts/dose.sh EVALUATION OUT BUILD [OPTIONS OF offaxis axes..]
set -euo pipefail
from=$1 out=$2
export PATH="$3/bin:$PATH"
mkdir -p "$out"

# The sources as results.json names them, in its order, each once.
mapfile -t sources < <(sed -n 's/^ *"expression": "\(.*\)",$/\1/p' "$from/results.json" | awk '!seen[$0]++')
for number in "${!sources[@]}"; do
  [ -f "$out/$number.json" ] || printf '%s\n' "${sources[number]} -o $out/$number.json"
done | xargs -P "$(nproc)" -L 1 offaxis axes -t 1 -q "${@:4}" > /dev/null
offaxis plot dose "$from" "$out"/*.json -o "$out/dose.svg" --force
