#!/usr/bin/env bash
# scripts/lint finds nothing in the tree, and exactly what is planted in a copy: one fault of each kind.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/tree
mkdir "$tree"
git ls-files -z --cached --others --exclude-standard -- . ':!tests' ':!examples/*.onnx' |
  while IFS= read -r -d '' f; do [ -e "$f" ] && printf '%s\0' "$f"; done | tar c --null -T - | tar x -C "$tree"
mkdir "$tree/tests"
cp tests/README.md "$tree/tests/"
(cd "$tree" && git init -q && git add -A)
status=0
fail() { echo "test_lint: $*" >&2; status=1; }

(cd "$tree" && scripts/lint) >"$work/before" 2>&1 || true
plant() { # FILE TEXT FINDING: a line at the end of the file, found as
  printf '%s\n' "$2" >>"$tree/$1"
  printf '%s\n' "$3" >>"$work/expected"
}
plant support/num/num.c '#include "ir/ir.h"' 'support/num may not include "ir/ir.h"'
plant runtime-sim/exec/fn.c '#include "ir/eval/interp.h"' 'runtime-sim/exec may not include "ir/eval/interp.h"'
plant passes/graph/dce.c '#include "isa/program.h"' 'passes/graph may not include "isa/program.h"'
plant isa/isa.def '#include "runtime-sim/sim.h"' 'isa may not include "runtime-sim/sim.h"'
plant ir/kernel/row.c '#include "ir/eval/eval.h"' 'ir/kernel may not include "ir/eval/eval.h"'
plant tokenizer/text.c '#include "host/host.h"' 'tokenizer may not include "host/host.h"'
plant support/map.c 'static int counter;' 'mutable file-scope variable: static int counter;'
plant ir/type.c 'char *names[4] = {0};' 'mutable file-scope variable: char *names[4] = {0};'
plant ir/type.c 'static const char *const fine[] = {"a"};' ''
plant ir/type.c 'FILE *open_memstream(char **text, size_t *bytes);' 'ir/type.c: open_memstream drops what it lacks memory for'
plant chips/other.onnx 'weights' 'chips/other.onnx: only models of our own'
if command -v clang-format >/dev/null; then
  plant support/vec.h 'static inline int  one( void ){ return 1; }' 'support/vec.h is not formatted'
fi
plant cli/main.c '#include "host/parts.h"' '"host/parts.h" is for the files beside it'
plant support/map.c '// See absent.c, map.h and what transformer.h (not ours) says.' 'support/map.c:'"$(($(wc -l <"$tree/support/map.c") + 1))"': there is no file absent.c'
plant isa/README.md 'The files `verify/absent.c`, `verify.h`, `test_NAME.c`.' 'isa/README.md:'"$(($(wc -l <"$tree/isa/README.md") + 1))"': there is no file verify/absent.c'
plant ir/README.md 'In `absent/`, in `eval/`.' 'there is no folder absent/'
plant host/README.md 'As [others](../eval/README.md#x), [nobody](../absent/README.md) and `![this](x.c)`.' 'there is nothing at absent/README.md'
printf '%s\n' '' '| file | what |' '|---|---|' '| `program`, `absent` | two files |' >>"$tree/host/README.md"
echo 'the table has no file for absent' >>"$work/expected"
sed -n 20,40p "$tree/support/map.c" >"$tree/support/copy.c"
echo 'six lines stand at support/copy.c:' >>"$work/expected"
plant support/copy.h "$(printf 'static int same_line_%s;\n' 1 2 3 4 5 1 2 3 4 5)" ''
sed -i '/^## Lines that stand twice/,/^## /s/^|---|---|---|$/&\n| `support\/num\/num.c` | `ir\/type.c` | once |/' "$tree/docs/design.md"
echo 'docs/design.md: support/num/num.c and ir/type.c have no six lines in common any more' >>"$work/expected"
sed -i 's/OHMIC_SUPPORT_MAP_H/OHMIC_MAP_H/' "$tree/support/map.h"
echo 'the guard is OHMIC_MAP_H, not OHMIC_SUPPORT_MAP_H' >>"$work/expected"
plant docs/isa.md 'Some words of verify/nowhere.c here.' 'there is no file verify/nowhere.c'
mkdir "$tree/attic" "$tree/isa/attic"
plant attic/old.c '// Nobody knows.' 'attic/old.c: its folder is no room of docs/design.md'
echo 'attic/ has no README.md, and none above it says what it is' >>"$work/expected"
plant isa/attic/old.c '// In the room of its parent.' 'isa/attic/ has no README.md, and none above it says what it is'
for i in $(seq 601); do echo "// $i"; done >"$tree/support/long.c"
echo 'support/long.c has 601 lines, more than 600' >>"$work/expected"
for i in $(seq 31); do echo "// $i" >"$tree/ir/infer/part$i.c"; done
echo 'files of its own, more than 30: it wants rooms' >>"$work/expected"
rm "$tree/support/README.md"
for folder in support support/file support/num; do
  echo "lint: $folder/ has no README.md, and none above it says what it is" >>"$work/expected"
done
(cd "$tree" && git add -A)

if (cd "$tree" && scripts/lint) >"$work/after" 2>&1; then fail "findings do not fail the lint"; fi
comm -13 <(sort "$work/before") <(sort "$work/after") >"$work/new"
while IFS= read -r finding; do
  [ -z "$finding" ] || grep -qF -- "$finding" "$work/new" || fail "not found: $finding"
done <"$work/expected"
while IFS= read -r line; do
  grep -vxF '' "$work/expected" | while IFS= read -r finding; do
    [[ $line == *"$finding"* ]] && exit 9
  done || continue
  fail "found without reason: $line"
done <"$work/new"

scripts/lint || fail "the tree has findings"
exit $status
