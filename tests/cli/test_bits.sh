#!/usr/bin/env bash
# Chips of few bits: what they hold runs, what they do not hold is said.   $1: the command
. "$(dirname "$0")/lib.sh"
model=examples/tales/tales_gpt.onnx
ids=examples/tales/eval_tokens.json

# warned LINE-PATTERN: one warning, of that kind
warned() {
  [ "$(grep -c 'warning: ' "$work/err")" = 1 ] && grep -qE "$1" "$work/err" || { cat "$work/err"; fail "not one warning like '$1'"; }
}
# at CHIP-SETTING MOST: the perplexity of a compiled program is below MOST, and above 1.2
at() {
  local ppl
  # shellcheck disable=SC2086 # settings of several words
  exits 0 compile $model $1 -q -o "$work/p.ohm"
  "$ohmic" eval "$work/p.ohm" --perplexity $ids --end-token 0 --limit 2 >"$work/out"
  ppl=$(grep -oE 'perplexity [0-9.]+' "$work/out" | cut -d ' ' -f 2)
  awk -v x="$ppl" -v most="$2" 'BEGIN { exit !(x > 1.2 && x < most) }' || fail "$1: perplexity $ppl, not below $2"
}
at "--set crossbar.input_bits=5" 1.5
[ ! -s "$work/err" ] || fail "$(cat "$work/err")"
at "--set crossbar.input_bits=5 --static-scales" 1.6
at "--set crossbar.weight_bits=5 --set crossbar.input_bits=6" 1.5

# no fault of a pass, so not one that --check-equivalence finds
exits 0 compile $model --set crossbar.input_bits=2 -q --check-equivalence -o "$work/p.ohm"
warned "warning: output 'logits' differs .* weights of 8 bits and rows of 2 do not hold it .*\[pass-coarse\]"
exits 0 compile $model --set crossbar.weight_bits=2 -q -o "$work/p.ohm"
warned "weights of 2 bits and rows of 8 do not hold it"

# converters: a step that a text calibrates is written into the program, and better than the one of 1 and of the full range
text=examples/tales/calibration_tokens.json
at "--set crossbar.adc_bits=6 --set crossbar.adc_range=calibrated --calibrate $text" 1.5
exits 0 compile $model --set crossbar.adc_bits=6 --set crossbar.adc_range=calibrated --calibrate $text -o "$work/q.ohm"
grep -qE '^note: converters of 6 bits have steps of 2 of 1 to 13, calibrated on 64 tokens of calibration_tokens.json' "$work/out" ||
  { cat "$work/out"; fail "no step was chosen"; }
warned "their step of 2 is the best for the text, --set crossbar.adc_bits=10 would lose nothing \[converter-loses\]"
exits 0 compile $model --set crossbar.adc_bits=10 --set crossbar.adc_range=calibrated --calibrate $text -q -o "$work/r.ohm"
[ ! -s "$work/err" ] || fail "the advice loses something: $(cat "$work/err")"
cmp -s "$work/p.ohm" "$work/q.ohm" || fail "another program the second time"
"$ohmic" dis "$work/q.ohm" | grep -E 'adc_(range|step): ' >"$work/chip" || true
grep -q 'adc_range: {value: fixed, .*calibrated on 64 tokens' "$work/chip" && grep -q 'adc_step: {value: 2,' "$work/chip" ||
  { cat "$work/chip"; fail "the program's chip does not say its range"; }
exits 0 verify "$work/q.ohm"
at "--set crossbar.adc_bits=9 --set crossbar.adc_range=full" 1.6
at "--set crossbar.adc_bits=9 --set crossbar.adc_range=full --set crossbar.adc_rounding=down" 1e9
at "--set crossbar.encoding=sign_magnitude --set crossbar.adc_bits=8 --set crossbar.rows=100 --set crossbar.columns=36" 1.4
calibrated="--set crossbar.adc_bits=6 --set crossbar.adc_range=calibrated"
# shellcheck disable=SC2086 # settings of several words
misused "and there is nothing to calibrate on: --calibrate FILE" compile $model $calibrated -o "$work/p.ohm"
# shellcheck disable=SC2086
misused "say where it goes (-o FILE)" compile $model $calibrated --calibrate $text -o -

# what fails leaves the output as it was, and nothing beside it
mkdir "$work/kept"
keep="$work/kept/keep.ohm"
cp "$work/q.ohm" "$keep"
echo '[[5000]]' >"$work/bad.json"
# shellcheck disable=SC2086
rejects "bad.json: error: entry 1 of list 1 is the id 5000, outside the model's 0 ... 511" compile $model $calibrated --calibrate "$work/bad.json" -q -o "$keep"
cmp -s "$work/q.ohm" "$keep" || fail "a compile that failed changed the program that was there"
if shared cases/R25.onnx; then # whose rows are of a table
  # shellcheck disable=SC2086
  rejects "entry 2 of list 1 is the id 47, outside the model's 0 ... 3" compile "$root/../shared/cases/R25.onnx" $calibrated --calibrate $text -q -o "$work/kept/none.ohm"
fi
exits 0 run "$work/q.ohm" --input input_ids=examples/tales/prompt.npy --output "$work/rows.npz"
# shellcheck disable=SC2086
rejects "rows.npz: error: is no text that this program reads" compile $model $calibrated --calibrate "$work/rows.npz" -q -o "$keep"
cmp -s "$work/q.ohm" "$keep" || fail "a compile that failed changed the program that was there"
# shellcheck disable=SC2086
exits 0 compile $model $calibrated --calibrate $text -q -o "$keep"
cmp -s "$work/q.ohm" "$keep" || fail "another program over one that was there"
[ "$(ls -A "$work/kept")" = keep.ohm ] || fail "left behind: $(ls -A "$work/kept")"
# shellcheck disable=SC2086
misused "is no regular file" compile $model $calibrated --calibrate $text -q -o /dev/null

# no sign, no room for the codes a model brings
rejects "crossbar.input_bits is 1, which holds no sign beside a number" compile $model --set crossbar.input_bits=1 -o "$work/p.ohm"
rejects "crossbar.weight_bits is 1, which holds no sign beside a number" compile $model --set crossbar.weight_bits=1 -o "$work/p.ohm"
rejects "real numbers need both to be 0" compile $model --set crossbar.input_bits=0 -o "$work/p.ohm"
if shared models/stories260K/stories260k_dynq_int8_op17.onnx; then
  rejects "the model's own rows are codes of 8 bits, converters of the chip take 4 (crossbar.input_bits)" \
    compile "$root/../shared/models/stories260K/stories260k_dynq_int8_op17.onnx" --set crossbar.input_bits=4 -o "$work/p.ohm"
fi
