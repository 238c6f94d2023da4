#!/usr/bin/env bash
# The main job on XYSquares at the quick profile: installs what is missing, builds, renders, trains psi, emits the
# modified and the noise-control set, verifies, compares beta-VAEs on all three, publishes and checks a version.
# Run it again and it goes on where it stopped. usage: scripts/demo.sh [OUTPUT DIRECTORY]
here=$(pwd)
out=${1:-}
[[ -z "$out" || "$out" = /* ]] || out=$here/$out
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
out=${out:-$PWD/out}
spacing=1
eps=0.1
name=xysquares-s$spacing-quick

install_packages "${packages[@]}"
build release -DOFFAXIS_TESTS=OFF
PATH=$PWD/build/release/bin:$PATH
mkdir -p "$out"
cd "$out"
# Without a terminal there is no progress line: say at least what begins and ends.
[ -t 2 ] && quietly=() || quietly=(--verbose)

say "1/7 render all 262,144 images of XYSquares at spacing $spacing, and draw them"
[ -f original.h5 ] || offaxis render xysquares --spacing $spacing -o original.h5 "${quietly[@]}"
offaxis inspect original.h5 --png original.png --force

say "2/7 train the reference models and the perturbation psi (eps $eps)"
offaxis manipulate xysquares:spacing=$spacing --eps $eps --seed 0 -o run "${quietly[@]}"

say "3/7 emit the modified and the noise-control set"
# An older psi's images would be another one's evidence.
[ modified.h5 -nt run/psi.h5 ] || offaxis emit xysquares:spacing=$spacing --variant modified --psi run/psi.h5 -o modified.h5 --force "${quietly[@]}"
[ -f noise.h5 ] || offaxis emit xysquares:spacing=$spacing --variant noise --eps $eps --seed 0 -o noise.h5 "${quietly[@]}"
offaxis inspect modified.h5 --png modified.png --force --quiet >/dev/null
offaxis inspect noise.h5 --png noise.png --force --quiet >/dev/null

say "4/7 verify: are the factors preserved and the budget kept?"
offaxis verify modified.h5 --original xysquares:spacing=$spacing "${quietly[@]}"
offaxis verify noise.h5 --original xysquares:spacing=$spacing "${quietly[@]}"

say "5/7 train beta-VAEs on the original, the modified and the noise set"
offaxis evaluate original=xysquares:spacing=$spacing \
  modified=xysquares:spacing=$spacing+modified:psi=run/psi.h5 \
  noise=xysquares:spacing=$spacing+noise:eps=$eps,seed=0 \
  --profile quick -o evaluation "${quietly[@]}" | tee evaluation.txt

say "6/7 publish"
[ -d published/$name/1.0.0 ] || offaxis publish --allow-dirty modified.h5 noise.h5 --psi run/psi.h5 --evidence evaluation/results.json \
  --name $name --version 1.0.0 -o published "${quietly[@]}"

say "7/7 check the published version, bytes and content; draw all of it on one page"
offaxis check published/$name/1.0.0 --content "${quietly[@]}"

offaxis report . -o report.html --force "${quietly[@]}"

say "done"
cat evaluation.txt
cat <<END

pictures   $out/original.png
           $out/modified.png
           $out/noise.png
report     $out/report.html
results    $out/evaluation/results.json, $out/run/log.json
published  $out/published/$name/1.0.0
END
