#!/usr/bin/env bash
# Weights that no code stands for are named.   $1: the command
. "$(dirname "$0")/../cli/lib.sh"
for what in nan inf -inf; do
  for form in "[1, 2, 3, $what, 5, 6]" "[$what, 2, 3, 4, 5, 6]"; do
    cat >"$work/m.oir" <<OIR
module {after = "choose-readout", class = "stream", max_chunk = 4, max_tokens = 8, stage = "graph"}
domain t0 {kind = "free", max = 8}
tensor @w : f32[3,2] = $form

func @run(%x "x" : f32[t0,3]) -> (%y "y") {max_chunk = 4} {
  %w = t.const {value = @w} : f32[3,2]
  %y = nn.linear %x, %w : f32[t0,2] loc("/MatMul")
}
OIR
    rejects "weight 'w' holds $what at" compile "$work/m.oir" --chip ideal-int8 -q -o "$work/m.ohm"
    exits 0 compile "$work/m.oir" --chip ideal -q -o "$work/m.ohm" # real numbers stay what they are
  done
done
rejects "holds -inf at [0,0]" compile "$work/m.oir" --chip ohmic-1 -q -o "$work/m.ohm"
