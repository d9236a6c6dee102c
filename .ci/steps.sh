# Shared by .ci/run, .ci/setup and the Makefile: steps with elapsed time, and what a machine needs. Sourced, not run.

set -euo pipefail
cd "$(git -C "$(dirname "${BASH_SOURCE[0]}")" rev-parse --show-toplevel)"

# One build folder for every clone of this user: a fresh clone compiles its own crates only, not the 400 below them.
CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/hopline"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$CACHE/target}"
STARTED=$SECONDS
SUMMARY=()

say() { printf '%s\n' "$*" >&2; }
fail() { say "" "$*"; exit 1; }

# step "what" command…: says what runs, shows its output, then how long it took.
step() {
  local what=$1 began=$SECONDS
  shift
  say "==> $what"
  if ! "$@"; then
    fail "failed after $((SECONDS - began)) s: $what"
  fi
  SUMMARY+=("$(printf '%5d s  %s' $((SECONDS - began)) "$what")")
  say "    $((SECONDS - began)) s ($((SECONDS - STARTED)) s in all)"
}

summary() {
  say "" "Stages:"
  for line in "${SUMMARY[@]}"; do say "  $line"; done
  say "$(printf '  %5d s  in all' $((SECONDS - STARTED)))"
}

# packages NAME…: installs the Debian packages that are missing, as root or through sudo; says so before.
packages() {
  local missing=() name
  command -v dpkg-query >/dev/null || { say "no Debian packages here; needed are: $*"; return 0; }
  for name in "$@"; do
    dpkg-query -W -f='${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || missing+=("$name")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || fail "missing Debian packages; install them as root: apt-get install -y ${missing[*]}"
    as_root=(sudo)
  fi
  say "installing Debian packages: ${missing[*]}"
  "${as_root[@]}" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# at_least HAVE WANT: dotted versions.
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n1)" = "$2" ]; }

need_cargo() {
  local line="curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y && . \"\$HOME/.cargo/env\""
  command -v cargo >/dev/null || fail "cargo is missing. Install it with:" "  $line"
  local have
  have=$(cargo --version | awk '{print $2}')
  at_least "$have" 1.95.0 || fail "cargo $have is too old, 1.95 or newer is needed. Update it with:  rustup update stable" "(without rustup:  $line)"
}

need_node() {
  local line="curl -fsSL https://deb.nodesource.com/setup_22.x | sudo -E bash - && sudo apt-get install -y nodejs"
  command -v node >/dev/null && command -v npm >/dev/null || fail "node is missing. Install it with:" "  $line" "or go on without the page:  make run PAGE=no"
  local have
  have=$(node --version | tr -d v)
  at_least "$have" 20.19.0 || fail "node $have is too old, 20.19 or newer is needed. Install it with:" "  $line" "or go on without the page:  make run PAGE=no"
}

# npm_install FOLDER: what the lock file says, without running the packages' scripts. Skipped when nothing changed since.
# Not `npm ci`: it refuses a lock whose optional packages for other systems could not be looked up.
npm_install() {
  local folder=$1 mark="$1/node_modules/.hopline-lock" before
  before=$(sha256sum <"$folder/package-lock.json")
  [ -f "$mark" ] && [ "$(cat "$mark")" = "$before" ] && return 0
  npm install --prefix "$folder" --ignore-scripts --no-audit --no-fund --loglevel=error
  [ "$(sha256sum <"$folder/package-lock.json")" = "$before" ] || fail "npm changed $folder/package-lock.json: commit the change if package.json was edited, else restore it"
  printf '%s' "$before" >"$mark"
}

# build_page: ui/dist, when its sources are newer.
build_page() {
  [ "${PAGE:-yes}" = no ] && return 0
  [ -f ui/package.json ] || return 0
  need_node
  if [ -f ui/dist/index.html ] && [ -z "$(find ui -path ui/node_modules -prune -o -path ui/dist -prune -o -path ui/test-results -prune -o -type f -newer ui/dist/index.html -print -quit)" ]; then
    return 0
  fi
  npm_install ui
  npm run --silent --prefix ui build
}
