#!/usr/bin/env bash
# Rows put in front of a sequence one after the other: a step has as many rows as all of them together, and so many are
# kept where a later row picks the first.   $1: the command
. "$(dirname "$0")/lib.sh"

for case in cases/mini/vit_extra2_cls; do
  shared "$case" || continue
  exits 0 onnx-test --on ideal "$root/../shared/$case"
  says "PASS $(basename "$case")"
  exits 0 compile "$root/../shared/$case/model.onnx" --chip ohmic-1 -q -o "$work/p.ohm"
  exits 0 verify "$work/p.ohm"
done

# three in front, and the first of all picked behind a sum with rows of its own
cat >"$work/three.oir" <<'OIR'
module {after = "find-tokens", class = "whole", max_chunk = 8, max_tokens = 8, stage = "graph"}
domain t0 {kind = "free", max = 8}
domain t1 {add = 1, div = 1, kind = "lin", mul = 1, of = "t0"}
domain t2 {add = 1, div = 1, kind = "lin", mul = 1, of = "t1"}
domain t3 {add = 1, div = 1, kind = "lin", mul = 1, of = "t2"}
domain t4 {kind = "one"}
tensor @a : f32[1,4] = [1, 2, 3, 4]
tensor @b : f32[1,4] = [5, 6, 7, 8]
tensor @c : f32[1,4] = [9, 10, 11, 12]
ring @r {bias = "none", d = 4, dv = 4, mode = "all", n_kv = 1, q_per_kv = 1, scale = 0.5, slots = 16, softcap = 0, window = 0}

func @run(%x "x" : f32[t0,4] {onnx_shape = ["1", "t0", "4"], onnx_type = "f32", role = "tokens"}) -> (%y "y") {
  %a = t.const {value = @a} : f32[1,4]
  %b = t.const {value = @b} : f32[1,4]
  %c = t.const {value = @c} : f32[1,4]
  %1 = rows.prefix %x, %a : f32[t1,4]
  %2 = rows.prefix %1, %b : f32[t2,4]
  %3 = rows.prefix %2, %c : f32[t3,4]
  %4 = nn.attn %3, %3, %3 {ring = @r} : f32[t3,4]
  %5 = t.add %3, %4 : f32[t3,4]
  %y = rows.pick %5 {which = "first"} : f32[t4,4]
}
OIR
exits 0 compile "$work/three.oir" --chip ideal -q -o "$work/three.ohm"
exits 0 verify "$work/three.ohm"
echo "rows in front: as many as all of them together"
