#!/usr/bin/env bash
# Installs what is missing, builds, and runs every test. usage: scripts/test.sh [CTEST OPTION...]
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

install_packages "${packages[@]}" python3-numpy python3-h5py openssh-client \
  chromium chromium-driver \
  clang g++-aarch64-linux-gnu qemu-user-static
build release -DOFFAXIS_TESTS=ON
say "testing"
ctest --preset release --output-on-failure -j "$(nproc)" "$@"
