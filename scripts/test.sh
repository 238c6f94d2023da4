#!/usr/bin/env bash
# Installs what is missing, builds, and runs every test. usage: scripts/test.sh [CTEST OPTION...]
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

install_packages "${packages[@]}" python3-h5py
build release
say "testing"
ctest --preset release --output-on-failure -j "$(nproc)" "$@"
