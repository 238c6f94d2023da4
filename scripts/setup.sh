# Sourced by demo.sh and test.sh: installs the packages that are missing and builds. Touches nothing outside the clone
# but the packages.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

packages=(ca-certificates git g++ cmake ninja-build pkg-config ccache
  libtorch-dev libopencv-dev libgif-dev libhdf5-dev libboost-program-options-dev libgtest-dev
  libdeflate-dev libzip-dev libssl-dev nlohmann-json3-dev libeigen3-dev liblinear-dev)

# With the seconds since the script began, so that one sees where they went.
say() { printf '\n== %s  [%d s]\n' "$*" "$SECONDS"; }

# install_packages PACKAGE...: those that are missing, by apt, as root or through sudo.
install_packages() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  if [ ${#missing[@]} -eq 0 ]; then return; fi
  if ! command -v apt-get >/dev/null; then
    echo "these packages are missing, and there is no apt-get to install them: ${missing[*]}" >&2
    exit 5
  fi
  local sudo=()
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
      echo "these packages are missing; install them as root, then run this again: ${missing[*]}" >&2
      exit 5
    fi
    sudo=(sudo)
  fi
  say "installing ${missing[*]}"
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# build PRESET [CMAKE OPTION...]
build() {
  local preset=$1
  shift
  say "building ($preset)"
  cmake --preset "$preset" "$@" >build-"$preset".log 2>&1 || { tail -n 30 build-"$preset".log >&2; exit 1; }
  cmake --build --preset "$preset" >>build-"$preset".log 2>&1 || {
    grep -E 'FAILED|error:|warning:' build-"$preset".log >&2 || tail -n 30 build-"$preset".log >&2
    exit 1
  }
}
