#!/usr/bin/env bash
# Token ids that pass a cast before they look rows up are those of the input: their range is checked where they come in.
# Rows may be looked up in a table of codes that are dequantised behind it.
#   $1: the command
. "$(dirname "$0")/lib.sh"

for case in ids_cast_int32 gather_quantised; do
  shared "cases/mini/$case" || continue
  exits 0 onnx-test --on ideal "$root/../shared/cases/mini/$case"
  says "PASS $case"
  exits 0 compile "$root/../shared/cases/mini/$case/model.onnx" --chip ohmic-1 -q -o "$work/p.ohm"
done
if shared cases/R05.onnx; then
  exits 0 compile "$root/../shared/cases/R05.onnx" --chip ohmic-1 -q -o "$work/r.ohm"
  exits 0 compile "$root/../shared/cases/R05.onnx" --chip ideal -q -o "$work/r.ohm"
  exits 0 run "$work/r.ohm" -i "$root/../shared/cases/R05.in.npz" -o "$work/r.npz"
fi

# Positions that count ids but for padding: padding behind has its row, padding in front is refused.
if shared cases/R12.onnx; then
  exits 0 compile "$root/../shared/cases/R12.onnx" --chip ideal -q -o "$work/r.ohm"
  npy "$work/front.npy" i8 "1, 4" 1 2 5 7
  npy "$work/behind.npy" i8 "1, 4" 2 5 1 1
  rejects "input 'input_ids' has padding (id 1) at token 0 of sequence 0 in front of others" run "$work/r.ohm" \
    -i "input_ids=$work/front.npy" -o "logits=$work/y.npy"
  exits 0 run "$work/r.ohm" -i "input_ids=$work/behind.npy" -o "logits=$work/y.npy"
fi

cat >"$work/cast.oir" <<'OIR'
module {stage = "graph"}
tensor @w : f32[3,2] = [1, 2, 3, 4, 5, 6]

func @n1(%ids "ids" : i64[1,7] {onnx_shape = ["1", "s"], onnx_type = "i64", role = "tokens"}) -> (%y "y") {past = 0, probe = "n1", tokens = 7} {
  %1 = t.cast %ids {to = "i32"} : i32[1,7]
  %2 = t.reshape %1 : i32[7]
  %3 = t.cast %2 {to = "i64"} : i64[7]
  %4 = t.const {value = @w} : f32[3,2]
  %5 = t.gather %4, %3 {axis = 0} : f32[7,2]
  %y = t.reshape %5 : f32[1,7,2]
}
OIR
for probe in "n2 11" "n3 13" "max 16"; do
  read -r to tokens <<<"$probe"
  sed -n '/^func/,$p' "$work/cast.oir" | sed '1,9!d' | sed "s/@n1/@$to/; s/\"n1\"/\"$to\"/; s/\\b7\\b/$tokens/g" >>"$work/probes"
done
cat "$work/probes" >>"$work/cast.oir"
exits 0 compile "$work/cast.oir" --chip ideal -q -o "$work/cast.ohm"
exits 0 dis "$work/cast.ohm" --no-data
says "role=tokens hi=3"
echo "ids: as the input has them, whatever their type"
