#!/usr/bin/env bash
# The confirmation on XYSquares at spacing 1, quick profile, eps 0.1: settings frozen before these seeds were first used.
# The two coordinates of each square, rotated by 45 degrees, at the KL weight that separates the original under the
# Bernoulli loss; the attacked model has the squared error, under which noise leaves the original's score.
# usage: [ROUNDS=4] scripts/confirm_xysquares.sh OUT [BUILD [OPTIONS OF offaxis evaluate..]]
# shellcheck disable=SC2034
dataset=xysquares:spacing=1 eps=0.1
psi_seeds=(391 392 393) model_seed=9000
common="--recipe tint"
trained=""
evaluation="--steps 10000 --latents 6 --beta 0.5 --loss squared-error"
source "$(dirname "$0")/confirmation.sh"
