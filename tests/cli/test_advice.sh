#!/usr/bin/env bash
# Advice works when it is followed: what a diagnostic says to do is done, and the command succeeds.   $1: the command
. "$(dirname "$0")/lib.sh"
model=examples/tales/tales_gpt.onnx

# follow PATTERN ARGUMENTS...: the command is refused with advice that fits the pattern; with it, it succeeds
follow() {
  local pattern=$1 advice
  shift
  exits 1 "$@"
  advice=$(grep -oE -m 1 -- "$pattern" "$work/err" | head -n 1) || { cat "$work/err"; fail "no advice like '$pattern'"; }
  # shellcheck disable=SC2086 # the advice is two words
  exits 0 "$@" $advice
}

follow '--set tile\.ring_heads=[0-9]+' compile $model --set tile.ring_heads=1 -q -o "$work/p.ohm"

# the longest sequence that the position table allows is the default
exits 1 compile $model --max-tokens 100000 -q -o "$work/p.ohm"
rows=$(grep -oE 'at most [0-9]+ \(--max-tokens\)' "$work/err" | grep -oE '[0-9]+')
exits 0 compile $model --max-tokens "$rows" --json -o "$work/most.ohm"
[ "$(grep -o '"max_tokens": [0-9]*' "$work/out")" = "\"max_tokens\": $rows" ] || fail "not $rows tokens"
exits 0 compile $model --json -o "$work/p.ohm"
[ "$(grep -o '"max_tokens": [0-9]*' "$work/out")" = "\"max_tokens\": $rows" ] || fail "the default is not the table's $rows rows"

# what decides nothing for this model is said, and the program is the same
# shellcheck disable=SC2086 # options of several words
without() { # WORDS MODEL OPTION...
  local words=$1 model=$2
  shift 2
  exits 0 compile "$model" "$@" -q -o "$work/p.ohm"
  grep -qF "warning: --${1#--} has no effect here: $words" "$work/err" || { cat "$work/err"; fail "nobody says that $* has no effect"; }
  [ "$(grep -c 'warning: ' "$work/err")" = 1 ] || { cat "$work/err"; fail "more than one warning"; }
}
exits 0 compile $model --chip ideal -q -o "$work/p.ohm"
[ ! -s "$work/err" ] || fail "$(cat "$work/err")"
ids=examples/tales/eval_tokens.json
without "chip 'ideal' computes with real numbers" $model --calibrate $ids --chip ideal
without "chip 'ideal' computes with real numbers" $model --static-scales --chip ideal
without "every row has a scale of its own (--static-scales asks for calibrated ones)" $model --calibrate $ids --chip ideal-int8
exits 0 compile $model --calibrate $ids -o "$work/p.ohm" # its converters are looked at on that text
[ ! -s "$work/err" ] || fail "$(cat "$work/err")"
without "no input of this model masks queries and keys by itself" $model --mask all
without "this model has no dynamic scale of a whole tensor" $model --quant-scope row
exits 0 compile $model --window 40 --slots 64 --logits last --max-chunk 7 --attention softmax --static-scales --calibrate $ids -q -o "$work/p.ohm"
[ ! -s "$work/err" ] || fail "$(cat "$work/err")"
# converters that clip are named, on the text that scales are chosen on; what is advised holds every sum
clips() { grep -qE "^node '$1'.*warning: the converters of chip 'ohmic-1' lose sums of this product: $2 % clipped, $3 % rounded, on $4" "$work/err" || fail "$(cat "$work/err")"; }
exits 0 compile $model --set crossbar.adc_bits=6 --calibrate $ids -o "$work/p.ohm"
clips '/model/[^ ]*' '[1-9][0-9.]*' 0 '16 tokens of eval_tokens.json; --set crossbar.adc_bits=10 holds every sum'
grep -qE '^ +/model/transformer/h.0/mlp/c_proj/Gemm: [0-9.]+ % clipped, 0 % rounded' "$work/out" || fail "$(cat "$work/out")"
exits 0 compile $model --set crossbar.adc_bits=6 --set crossbar.adc_bits=10 --json -o "$work/p.ohm"
[ ! -s "$work/err" ] || fail "$(cat "$work/err")"
says '"converters": null'
exits 0 compile $model --set crossbar.adc_step=2 -q -o "$work/p.ohm"
clips '/model/[^ ]*' '[0-9.]+' '[45][0-9.]*' '16 seeded rows; --set crossbar.adc_step=1 rounds none'
exits 0 compile $model --json -o "$work/p.ohm"
[ ! -s "$work/err" ] || fail "$(cat "$work/err")"
says '"on": "16 seeded rows"'
# what a chip does not state is no 0
exits 0 compile $model --chip ideal --json -o "$work/p.ohm"
says '"idle_cells": null'
says '"token_period_ns": null'
exits 0 generate "$work/p.ohm" --tokenizer examples/tales/tokenizer.json --prompt-ids 0 -n 1 --metrics
grep -qP '^0\t[0-9]+\t4\t[0-9.]+\t-\t-\t' "$work/err" || fail "$(cat "$work/err")"
exits 0 generate "$work/p.ohm" --tokenizer examples/tales/tokenizer.json --prompt-ids 0 -n 1 --metrics --json
says '"attention_pj": null'
if shared cases/R25.onnx; then
  cases=$root/../shared/cases
  exits 0 compile "$cases/R25.onnx" -q -o "$work/p.ohm"
  clips /MatMul_1 '65[0-9.]*' 0 '16 seeded rows; --set crossbar.adc_bits=10 holds every sum'
  "$ohmic" run "$work/p.ohm" -i "$cases/R25.in.npz" --stats >"$work/out"
  grep -qE '^adc_clipped +336 ' "$work/out" || fail "$(cat "$work/out")" # of 512: it is so in a run too
  wide="--set crossbar.adc_bits=10" # nothing clips
  # rows of a table bring theirs
  without "no row of this model is one that tiles may share" "$cases/R25.onnx" --static-scales $wide
  exits 0 compile "$cases/R25.onnx" --static-scales --calibrate $ids -q -o "$work/p.ohm"
  grep -qF "warning: --calibrate has no effect here: no scale is left to be chosen" "$work/err" || fail "$(cat "$work/err")"
  without "no attention of this model looks back on tokens" "$cases/R25.onnx" --window 3 $wide
  without "no attention of this model writes keys" "$cases/R25.onnx" --slots 3 $wide
  without "this model has no attention" "$cases/R25.onnx" --attention softmax $wide
  without "the program takes whole sequences" "$cases/R01.onnx" --max-chunk 4
  # said once
  exits 0 compile "$cases/R01.onnx" -o "$work/p.ohm"
  [ "$(cat "$work/out" "$work/err" | grep -c 'the program takes whole sequences')" = 1 ] || fail "a note comes twice"
  # a mask input of queries and keys: what it asks for works
  follow '--mask causal' compile "$cases/R07.onnx" -q -o "$work/p.ohm"
fi
if shared models/vit_cifar10_ibp/model.onnx; then
  without "the lengths that this export takes are fixed" "$root/../shared/models/vit_cifar10_ibp/model.onnx" --max-tokens 9
  without "no output of this model has a row for every token" "$root/../shared/models/vit_cifar10_ibp/model.onnx" --logits last
fi
