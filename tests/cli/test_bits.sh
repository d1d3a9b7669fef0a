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

# no sign, no room for the codes a model brings
rejects "crossbar.input_bits is 1, which holds no sign beside a number" compile $model --set crossbar.input_bits=1 -o "$work/p.ohm"
rejects "crossbar.weight_bits is 1, which holds no sign beside a number" compile $model --set crossbar.weight_bits=1 -o "$work/p.ohm"
rejects "real numbers need both to be 0" compile $model --set crossbar.input_bits=0 -o "$work/p.ohm"
if shared models/stories260K/stories260k_dynq_int8_op17.onnx; then
  rejects "the model's own rows are codes of 8 bits, converters of the chip take 4 (crossbar.input_bits)" \
    compile "$root/../shared/models/stories260K/stories260k_dynq_int8_op17.onnx" --set crossbar.input_bits=4 -o "$work/p.ohm"
fi
