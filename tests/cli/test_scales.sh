#!/usr/bin/env bash
# Rows that tiles make together have the scale of a whole row: the same bytes for every tiling, chunk, thread count and
# order; --static-scales and chips that cannot do it have one scale for all rows, and say where it comes from.
#   test_scales.sh PATH-OF-OHMIC
. "$(dirname "$0")/lib.sh" "$1"
model=examples/tales/tales_gpt.onnx
fast="-q --chip ideal-int8"

# run NAME OPTIONS...: what the program says of the prompt, in $work/NAME.npz
run() {
  local name=$1
  shift
  exits 0 run "$work/p.ohm" --input input_ids=examples/tales/prompt.npy --output "$work/$name.npz" "$@"
}
same() { cmp "$work/$1.npz" "$work/$2.npz" || fail "$3"; }

exits 0 compile $model $fast -o "$work/p.ohm"
run whole
n=0
while read -r sets; do
  # shellcheck disable=SC2086
  exits 0 compile $model $fast $sets -o "$work/p.ohm"
  run parts --threads $((n % 3 + 1)) --order $n
  same whole parts "other bytes with '$sets'"
  n=$((n + 1))
done <<'SETS'
--set tile.crossbars=1
--set tile.crossbars=3 --max-chunk 1
--set tile.crossbars=1 --set tile.active_set=4
--set crossbar.rows=48 --set crossbar.columns=100 --set tile.crossbars=2
--set crossbar.rows=32 --set crossbar.columns=32 --set tile.crossbars=4 --max-chunk 7
SETS
[ $n = 5 ] || fail "$n tilings, not 5"

# what is exchanged is in the program: 16 strips of 32 columns a layer are two groups of 8, and one of 2
exits 0 compile $model $fast --set crossbar.rows=32 --set crossbar.columns=32 --set tile.crossbars=4 -o "$work/p.ohm" --dump-ir "$work/dump"
exits 0 dis "$work/p.ohm" --no-data
count() { grep -cE -- "$1" "$work/out" || true; }
[ "$(count '^ +red .*, absmax')" = $((4 * (16 + 2 + 1))) ] || fail "$(count 'absmax') largest elements in 4 layers"
[ "$(count '^ +copy [^,]+, [^,]+, [^, ]+( |$)')" = $((4 * 16)) ] || fail "$(count 'copy') strips quantised"
[ "$(count 'quant=static')" = 0 ] || fail "a static scale"

# one tile makes the row: nothing is exchanged
exits 0 compile $model $fast -o "$work/p.ohm"
exits 0 dis "$work/p.ohm" --no-data
[ "$(count 'absmax|quant=static')" = 0 ] || fail "largest elements where no tile needs them"

# static scales, asked for or by the chip
small="--set tile.crossbars=1"
exits 0 compile $model $fast $small --static-scales -o "$work/p.ohm"
run static
exits 0 dis "$work/p.ohm" --no-data
[ "$(count 'absmax')" = 0 ] || fail "--static-scales exchanges largest elements"
[ "$(count 'quant=static')" -gt 8 ] || fail "--static-scales gives no static scale"
exits 0 compile $model --chip ideal-int8 $small --set digital.row_scales=off -o "$work/p.ohm"
says "note: tiles of chip 'ideal-int8' do not exchange the largest element of a row (digital.row_scales): rows they make together have static scales"
says "note: static activation scales calibrated on 1024 seeded random rows"
run chip
same static chip "a chip without row scales gives other bytes than --static-scales"
cmp -s "$work/static.npz" "$work/whole.npz" && fail "static scales are those of the rows"

# a largest element that a module gives itself, on one tile and on four
cat >"$work/given.oir" <<'OIR'
module {after = "find-tokens", class = "stream", max_chunk = 4, max_tokens = 16, stage = "graph"}
domain t0 {kind = "free", max = 16}
tensor @w : f32[2,6] = [1, 2, -3, 1, 0.5, 2, 1, -1, 2, 2, 3, -2]
tensor @c : i8[6,2] = [1, -2, 3, 4, -5, 6, 7, -8, 9, 10, 11, 12]
tensor @s : f32[2] = [0.5, 0.25]

func @run(%x "x" : f32[t0,2] {onnx_shape = ["t0", "2"], onnx_type = "f32"}, %m "m" : f32[t0,1] {onnx_shape = ["t0", "1"], onnx_type = "f32"}) -> (%y "y" {onnx_shape = ["t0", "2"], onnx_type = "f32"}) {
  %w = t.const {value = @w} : f32[2,6]
  %h = nn.linear %x, %w : f32[t0,6]
  %q = nn.quant %h, %m {mode = "sym"} : q8[t0,6]
  %c = t.const {value = @c} : i8[6,2]
  %y = nn.linear %q, %c {wscale = [@s]} : f32[t0,2]
}
OIR
npy "$work/x.npy" f4 "2, 2" 0x3f800000 0xbf19999a 0x40490fdb 0x3e99999a # 1 -0.6 3.14 0.3
npy "$work/m.npy" f4 "2, 1" 0x41100000 0x40400000                      # 9 3
for sets in "" "--set crossbar.columns=2 --set tile.crossbars=1"; do
  # shellcheck disable=SC2086
  exits 0 compile "$work/given.oir" --chip ideal-int8 $sets --check-equivalence -q -o "$work/p.ohm"
  exits 0 run "$work/p.ohm" --input x="$work/x.npy" --input m="$work/m.npy" --output y="$work/y$((${#sets} > 0)).npy"
done
cmp "$work/y0.npy" "$work/y1.npy" || fail "a given largest element means another thing on four tiles"

misused "the pass quantize reads it" compile "$work"/dump/*-tile-weights.oir --static-scales -o "$work/p.ohm"
echo "6 tilings, the same bytes; static scales where they are asked for"
