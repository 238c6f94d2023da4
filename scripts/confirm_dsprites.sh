#!/usr/bin/env bash
# The confirmation on dSprites, quick profile, eps 0.1: settings frozen before these seeds were first used. One pair of
# factors, the two that show most and alike, at the attacked model's own KL weight (1.13 times the ladder's unit is 16).
# usage: [ROUNDS=4] scripts/confirm_dsprites.sh OUT [BUILD [OPTIONS OF offaxis evaluate..]]
# shellcheck disable=SC2034
dataset=dsprites eps=0.1
psi_seeds=(341 342 343) model_seed=7000
common="--recipe levels --loss bernoulli --codes angles --inputs factors --ladder 1.13 --rotation pairs:posX,posY"
trained="--energy 0.1 --warmup-steps 500 --psi-steps 400 --fresh-steps 500"
untrained="--energy 0"
evaluation="--steps 6000 --latents 6 --beta 16"
source "$(dirname "$0")/confirmation.sh"
