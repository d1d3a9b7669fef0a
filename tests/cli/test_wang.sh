#!/usr/bin/env bash
# The machine of dense crossbars and a pool: an exact converter gives the integers of ideal-int8, perplexity follows the
# converter's range as docs/wang2025.md says, and what the machine cannot be is refused with one diagnostic.
#   test_wang.sh PATH-OF-OHMIC
. "$(dirname "$0")/lib.sh" "$1"
model=examples/tales/tales_gpt.onnx
tales=examples/tales
wang="-q --chip wang2025"

# run NAME OPTIONS...: what the program says of the prompt, in $work/NAME.npz
run() {
  local name=$1
  shift
  exits 0 run "$work/p.ohm" --input input_ids=$tales/prompt.npy --output "$work/$name.npz" "$@"
}
same() { cmp "$work/$1.npz" "$work/$2.npz" || fail "$3"; }

# exact converters: every S gives the integers of ideal-int8
exits 0 compile $model -q --chip ideal-int8 -o "$work/p.ohm"
run ideal
for s in "1 6" "2 3" "2 4" "3 3" "7 1"; do
  # shellcheck disable=SC2086
  set -- $s
  exits 0 compile $model $wang --set pool.adc_bits=0 --set pool.digit_bits="$1" --set pool.digits="$2" -o "$work/p.ohm"
  run exact
  same ideal exact "S $1 with $2 digits and an exact converter is not ideal-int8"
done

# lossy: threads, steps, and the switch-by-switch engine change no byte; nothing is on a crossbar, all is on one tile
exits 0 compile $model $wang -o "$work/p.ohm"
run lossy --threads 1
! cmp -s "$work/ideal.npz" "$work/lossy.npz" || fail "the converter loses nothing"
run other --threads 3 --exact-cells
same lossy other "other bytes switch by switch"
exits 0 compile $model $wang --max-chunk 1 -o "$work/p.ohm"
run other
same lossy other "other bytes in steps of one row"
exits 0 dis "$work/p.ohm" --no-data
[ "$(grep -c '^\.tile' "$work/out")" = 1 ] || fail "more than one tile"
[ "$(grep -c '\.block' "$work/out")" = 0 ] || fail "weights on crossbars"
[ "$(grep -c 'kind=stored.*digits=3 digit_bits=2 apart=1 adc_bits=8 adc_step=96 chunk=64' "$work/out")" = 17 ] || fail "17 groups of the pool"

# perplexity WANTED PER-MILLE OPTIONS...: of the first 12 texts, within so many thousandths
perplexity() {
  local wanted=$1 within=$2 found
  shift 2
  exits 0 compile $model $wang "$@" -o "$work/p.ohm"
  exits 0 eval "$work/p.ohm" --perplexity $tales/eval_tokens.json --end-token 0 --limit 12 --json
  found=$(awk '$1 == "\"perplexity\":" { gsub(/[",]/, "", $2); print $2 }' "$work/out")
  awk -v a="$found" -v b="$wanted" -v w="$within" 'BEGIN { d = (a - b) / b * 1000; exit !(d <= w && -d <= w) }' ||
    fail "perplexity $found with '$*', not $wanted"
}
perplexity 1.3097 3 --set pool.adc_bits=0
perplexity 1.3367 10 --set pool.subtract=on
perplexity 1.3125 3 --set pool.subtract=on --set pool.adc_step=48
perplexity 1.5566 3 --set pool.subtract=on --set pool.adc_step=12
perplexity 1.3213 3

# what the pool's converters lose is said, with what would lose less
loses() {
  local words=$1
  shift
  exits 0 compile $model --chip wang2025 --set pool.subtract=on "$@" -o "$work/p.ohm"
  grep -qE "warning: the converters of chip 'wang2025' lose sums of this product: .*; $words \[converter-loses\]" "$work/err" ||
    { cat "$work/err"; fail "'$*' has no warning like '$words'"; }
  grep -qE "^converter [0-9.]+ % clipped, [0-9.]+ % rounded, on 16 seeded rows" "$work/out" || fail "the summary has no converters"
}
loses "--set pool.adc_bits=14 --set pool.adc_step=4 holds every sum" --set pool.adc_step=4
loses "--set pool.adc_bits=16 --set pool.adc_step=1 holds and rounds none" --set pool.adc_step=4 --set pool.adc_bits=14
grep -q "^converter 0 % clipped" "$work/out" || fail "the advice does not hold every sum"
loses "--set pool.adc_bits=0 --set pool.adc_step=0 loses nothing" --set pool.digit_bits=7 --set pool.digits=1 --set pool.adc_step=300 --set pool.adc_bits=16
exits 0 compile $model --chip wang2025 --set pool.subtract=on --set pool.adc_step=4 --json -o "$work/p.ohm"
grep -q '"clipped": [1-9]' "$work/out" || fail "--json has no clipped sums"
exits 0 compile $model --chip wang2025 --set pool.subtract=on --set pool.adc_bits=16 --set pool.adc_step=1 -o "$work/p.ohm"
! grep -q converter "$work/out" "$work/err" || fail "converters that lose nothing are spoken of"

# the words for what holds the weights
exits 0 compile $model --chip wang2025 -o "$work/p.ohm"
says "0.85 M weights in dense crossbars"
says "arrays    1 dense crossbar, pool of 2200 arrays; 4 rings"
says "0     [########] 1  "
exits 0 compile $model --chip wang2025 --set dense.arrays=8 --set dense.cells=1048576 -o "$work/p.ohm"
says "arrays    4 dense crossbars, pool of 2200 arrays; 4 rings"
says "0     [####....] 4/8  "
exits 0 nm "$work/p.ohm"
[ "$(grep -c '^group .* 128x384 in dense crossbars ' "$work/out")" = 4 ] || fail "nm has no dense crossbars"
! grep -q 'in [0-9]* crossbar' "$work/out" || fail "nm counts crossbars that are not there"

# what the machine cannot be
refused() {
  local words=$1
  shift
  exits "$CODE" compile $model $wang "$@" -o "$work/p.ohm"
  [ "$(grep -c 'error:' "$work/err")" = 1 ] || fail "'$*' has not one diagnostic"
  grep -qF -- "$words" "$work/err" || fail "'$*' is refused for another reason"
}
CODE=1
refused "pool.digits is 2, which reach to 24 in base 7: expected 127, the codes of rows" --set pool.digits=2
refused "a chunk holds no weight" --set pool.rows=1
refused "pool.adc_step is 24, but a converter without limit (adc_bits 0) has no step" --set pool.adc_bits=0 --set pool.adc_step=24
refused "--set dense.arrays=4 would do" --set dense.arrays=1 --set dense.cells=1048576
refused "--set tile.scratchpad=" --set tile.scratchpad=16000
! grep -q crossbar "$work/err" || fail "fewer crossbars are advised where there are none"
