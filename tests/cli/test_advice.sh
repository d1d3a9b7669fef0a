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
without() { # WORDS OPTION... -- : the model
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
without "every row has a scale of its own (--static-scales asks for calibrated ones)" $model --calibrate $ids
without "no input of this model masks queries and keys by itself" $model --mask all
without "this model has no dynamic scale of a whole tensor" $model --quant-scope row
exits 0 compile $model --window 40 --slots 64 --logits last --max-chunk 7 --attention softmax --static-scales --calibrate $ids -q -o "$work/p.ohm"
[ ! -s "$work/err" ] || fail "$(cat "$work/err")"
if shared cases/R25.onnx; then
  cases=$root/../shared/cases
  # rows of a table bring theirs
  without "no row of this model is one that tiles may share" "$cases/R25.onnx" --static-scales
  exits 0 compile "$cases/R25.onnx" --static-scales --calibrate $ids -q -o "$work/p.ohm"
  grep -qF "warning: --calibrate has no effect here: no scale is left to be chosen" "$work/err" || fail "$(cat "$work/err")"
  without "no attention of this model looks back on tokens" "$cases/R25.onnx" --window 3
  without "no attention of this model writes keys" "$cases/R25.onnx" --slots 3
  without "this model has no attention" "$cases/R25.onnx" --attention softmax
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
