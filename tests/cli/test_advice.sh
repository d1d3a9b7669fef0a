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

# an option without effect on this chip is said
exits 0 compile $model --chip ideal --calibrate examples/tales/eval_tokens.json -o "$work/p.ohm"
says "note: --calibrate chooses no scale: chip 'ideal' computes with real numbers"
