#!/usr/bin/env bash
# Each class of fault that once changed a program's values, planted again in a scratch copy of the tree: what finds it?
# Random graphs first, which have the compile's own check in them, then the graphs that once went wrong, then the
# test that the patch names. Exit 1: one is found by nothing, or its patch no longer applies.
#   bench/planted.sh [NAME...]       of bench/planted/NAME.patch; all by default
set -euo pipefail
cd "$(dirname "$0")/.."
names=("$@")
[ $# -gt 0 ] || mapfile -t names < <(basename -s .patch bench/planted/*.patch)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
copy=$dir/tree
mkdir "$copy"
git ls-files -z | tar c --null -T - | tar x -C "$copy"
git -C "$copy" init -q
[ ! -d ../shared ] || ln -s "$(realpath ../shared)" "$dir/shared"
export CCACHE_BASEDIR=$copy CCACHE_NOHASHDIR=1
cmake -S "$copy" -B "$copy/build" -G Ninja -DCMAKE_BUILD_TYPE=Release >/dev/null

build() { cmake --build "$copy/build" --target graphs_test_random graphs_test_forms graphs_test_pasts "$@" >"$copy/build.txt" 2>&1; }
# How the planted tree is found out; "": not at all.
found_by() {
  local test=$1 said t
  said=$("$copy/build/tests/graphs_test_random" 2000 2>&1 || true)
  if ! grep -q 'caught 0, differs 0$' <<<"$said"; then
    said=$(awk '/^same/ { gsub(",", ""); print $10 " caught, " $12 " differ, of " $2 + $4 + $6 + $8 + $10 + $12 }' <<<"$said")
    echo "random graphs: ${said:-a CHECK of the compiler ends them}"
    return
  fi
  for t in forms pasts; do
    "$copy/build/tests/graphs_test_$t" >"$copy/out.txt" 2>&1 && continue
    echo "graphs/test_$t, $(sed -nE 's/^\[  FAILED  \] ([a-z_]+)$/\1/p' "$copy/out.txt" | head -n 1)"
    return
  done
  if [ -n "$test" ]; then
    build ohmic || true
    build "${test/\//_}" || true # a script is built by nothing
    ctest --test-dir "$copy/build" -R "^$test\$" >/dev/null 2>&1 || echo "$test"
  fi
}

ok=0
build || { tail -n 20 "$copy/build.txt"; exit 1; }
printf '| planted | what it does | found by |\n|---|---|---|\n'
for name in "${names[@]}"; do
  patch=$(realpath "bench/planted/$name.patch")
  what=$(sed -n 's/^what: //p' "$patch") test=$(sed -n 's/^test: //p' "$patch")
  if ! git -C "$copy" apply "$patch" 2>/dev/null; then
    printf '| %s | %s | **its patch no longer applies** |\n' "$name" "$what"
    ok=1
    continue
  fi
  if build; then by=$(found_by "$test"); else by="**does not build**" ok=1; fi
  [ -n "$by" ] || { by="**nothing**" ok=1; }
  printf '| %s | %s | %s |\n' "$name" "$what" "$by"
  git -C "$copy" apply -R "$patch"
done
exit $ok
