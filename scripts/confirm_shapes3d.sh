#!/usr/bin/env bash
# The fourth confirmation on Shapes3D, quick profile, eps 0.175: settings frozen before these seeds were first used. The
# third's, with a price on separation and psi held back where images would not stay nearest to their own factors.
# usage: [ROUNDS=4] scripts/confirm_shapes3d.sh OUT [BUILD [OPTIONS OF offaxis evaluate..]]
# shellcheck disable=SC2034
dataset=shapes3d eps=0.175
psi_seeds=(351 352 353) model_seed=8000
hues="'pairs:floor_hue,wall_hue;pairs:wall_hue,object_hue;pairs:floor_hue,object_hue'"
common="--loss bernoulli --codes angles --inputs factors --ladder 0.38,0.38,0.38 --rotation $hues --restrain images"
trained="--energy 0.1 --separation 10 --warmup-steps 500 --psi-steps 400 --fresh-steps 500"
untrained="--energy 0 --separation 0"
evaluation="--steps 2500 --latents 6 --beta 16"
source "$(dirname "$0")/confirmation.sh"
