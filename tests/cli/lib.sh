# What the scripts here share. Sourced with the command's path as $1, in the repository's root.
set -euo pipefail
ohmic=$(realpath "$1")
root=$PWD
export OHMIC_CHIPS="$root/chips"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
name=$(basename "$0" .sh)
fail() { echo "$name: $*" >&2; exit 1; }

# exits CODE ARGUMENTS...: the command ends with CODE; what it said is in $work/out and $work/err
exits() {
  local want=$1 code=0
  shift
  "$ohmic" "$@" >"$work/out" 2>"$work/err" </dev/null || code=$?
  [ "$code" = "$want" ] || { cat "$work/out" "$work/err"; fail "'ohmic $*' ends with $code, not $want"; }
}
says() { grep -qF -- "$1" "$work/out" || { cat "$work/out"; fail "'$1' is not printed"; }; }
# rejects MESSAGE ARGUMENTS...: exit code 1 and that message; misused: exit code 2
rejects() { refuses 1 "$@"; }
misused() { refuses 2 "$@"; }
refuses() {
  local code=$1 message=$2
  shift 2
  exits "$code" "$@"
  grep -qF -- "$message" "$work/err" || { cat "$work/err"; fail "'$message' is not what 'ohmic $*' says"; }
}
# npy FILE TYPE SHAPE VALUES...: integers as npy, e.g. npy x.npy i8 "1, 3" 5 6 7
npy() {
  local file=$1 bytes=${2#[a-z]} header v i
  header="{'descr': '<$2', 'fortran_order': False, 'shape': ($3,), }"
  while (((10 + ${#header} + 1) % 64)); do header+=' '; done
  printf '\x93NUMPY\x01\x00%b%b%s\n' "$(printf '\\x%02x' $(((${#header} + 1) % 256)))" \
    "$(printf '\\x%02x' $(((${#header} + 1) / 256)))" "$header" >"$file"
  shift 3
  for v; do
    for ((i = 0; i < bytes; i++)); do printf '%b' "$(printf '\\x%02x' $(((v >> (8 * i)) & 255)))"; done
  done >>"$file"
}
# Asks for ../shared/FILE; prints SKIP and fails when it is not there.
shared() {
  [ -e "$root/../shared/$1" ] && return 0
  echo "SKIP $name: ../shared/$1 is not there"
  return 1
}
