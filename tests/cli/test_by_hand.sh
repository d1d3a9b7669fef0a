#!/usr/bin/env bash
# Text forms by hand: what dis prints assembles anywhere, for any chip; what opt writes lies beside its data. $1: the command
. "$(dirname "$0")/lib.sh"
model=examples/tales/tales_gpt.onnx
exits 0 compile $model --chip bench-1 -q --dump-ir "$work/dump" -o "$work/p.ohm"

# ---- dis to standard output: the data are in its last lines
"$ohmic" dis "$work/p.ohm" >"$work/p.s"
(cd "$work" && "$ohmic" as - -o q.ohm <p.s) || fail "what dis prints does not assemble"
cmp "$work/p.ohm" "$work/q.ohm" || fail "it assembles to another program"
"$ohmic" dis "$work/p.ohm" | "$ohmic" as - -o "$work/q.ohm"
cmp "$work/p.ohm" "$work/q.ohm" || fail "dis | as gives another program"
exits 0 dis "$work/p.ohm" -o "$work/beside.s"
[ -s "$work/beside.s.data" ] || fail "no data beside the text"
! grep -q '^\.cells' "$work/beside.s" || fail "data in the text and beside it"
exits 0 dis "$work/p.ohm" --no-data
! grep -q '^\.cells' "$work/out" || fail "--no-data has data"
cp "$work/out" "$work/none.s"
rejects "cells and tables were left out of this text: \`ohmic dis\` without --no-data has them" as "$work/none.s" -o "$work/q.ohm"

# ---- as --chip: the chip of the text, another, none
grep -v '^|' "$work/p.s" | grep -vE '^\.(chip|ir|proof|notes)$' >"$work/bare.s"
rejects "the text has no .chip: say --chip CHIP" as "$work/bare.s" -o "$work/q.ohm"
exits 0 as "$work/bare.s" --chip bench-1 -o "$work/q.ohm"
exits 0 verify "$work/q.ohm"
exits 0 as "$work/p.s" --chip bench-1 --set tile.active_set=50 -o "$work/q.ohm"
exits 0 dis "$work/q.ohm" --no-data
grep -q 'active_set: *{value: 50' "$work/out" || fail "--set is not in the program's chip"
rejects "crossbar" as "$work/p.s" --chip bench-1 --set tile.crossbars=1 -o "$work/q.ohm"
misused "--set has no effect without --chip" as "$work/p.s" --set tile.active_set=50 -o "$work/q.ohm"

# ---- opt: data beside the text, in a folder too
ir=$(echo "$work"/dump/*-place.oir)
exits 0 opt "$ir" --chip bench-1 -o "$work/one.oir"
ls "$work"/*.bin >/dev/null || fail "no data beside $work/one.oir"
exits 0 opt "$ir" --chip bench-1 -o "$work/new/folder/"
exits 0 opt "$ir" --chip bench-1 --pass schedule -o "$work/new"
for file in "$work/new/folder/$(basename "$ir")" "$work/new/$(basename "$ir")"; do
  rm -rf "$work/moved"
  mkdir "$work/moved"
  cp "$(dirname "$file")"/*.oir "$(dirname "$file")"/*.bin "$work/moved"
  exits 0 compile "$work/moved/$(basename "$ir")" --chip bench-1 -q -o "$work/q.ohm"
  cmp "$work/p.ohm" "$work/q.ohm" || fail "$file gives another program"
done
exits 0 opt "$ir" --chip bench-1
grep -q "note: tensors of more than 32 elements stand by hash, without their data: -o FILE" "$work/err" || fail "$(cat "$work/err")"
printf 'module {stage = "graph"}\n\nfunc @run(%%x "x" : f32[2]) -> (%%y "y") {\n  %%y = t.relu %%x : f32[2]\n}\n' >"$work/small.oir"
exits 0 opt "$work/small.oir"
[ ! -s "$work/err" ] || fail "a note about no data: $(cat "$work/err")"
