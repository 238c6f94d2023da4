#!/usr/bin/env bash
# The third confirmation on Shapes3D, quick profile, eps 0.175: settings frozen before these seeds were first used.
# usage: [ROUNDS=4] scripts/confirm_shapes3d.sh OUT [BUILD [OPTIONS OF offaxis evaluate..]]
# shellcheck disable=SC2034
dataset=shapes3d eps=0.175
psi_seeds=(321 322 323) model_seed=3000
hues="'pairs:floor_hue,wall_hue;pairs:wall_hue,object_hue;pairs:floor_hue,object_hue'"
common="--loss bernoulli --codes angles --inputs factors --ladder 0.38,0.38,0.38 --rotation $hues"
trained="--energy 0.1 --warmup-steps 500 --psi-steps 400 --fresh-steps 500"
evaluation="--steps 2500 --latents 6 --beta 16"
source "$(dirname "$0")/confirmation.sh"
