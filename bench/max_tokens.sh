#!/usr/bin/env bash
# What does a longer maximum cost? CPU seconds and peak memory of a compile, for maxima from 1,024 to
# 131,072 tokens, of models whose masks, biases and rotary tables are in the graph.
#   bench/max_tokens.sh [OHMIC]
set -euo pipefail
cd "$(dirname "$0")/.."
ohmic=$(realpath "${1:-build/ohmic}")
export OHMIC_CHIPS=$PWD/chips
exports=../shared/models/exports/exports.tar.xz
[ -e $exports ] || { echo "SKIP max_tokens: $exports is not there"; exit 0; }
[ -x /usr/bin/time ] || { echo "SKIP max_tokens: /usr/bin/time is not there"; exit 0; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sizes="1024 2048 4096 8192 16384 32768 65536 131072"

# row WHAT MODEL OPTION...
row() {
  local what=$1 model=$2
  shift 2
  tar -xf $exports -C "$work" "$model"
  printf '| %s |' "$what"
  for n in $sizes; do
    /usr/bin/time -o "$work/cost" -f '%U %S %M' "$ohmic" compile "$work/$model/model.onnx" --chip ideal --threads 1 -q \
      --max-tokens "$n" "$@" -o "$work/p.ohm" 2>"$work/err" || { cat "$work/err"; exit 1; }
    awk '{ printf " %.2f s, %d MB |", $1 + $2, $3 / 1024 }' "$work/cost"
  done
  echo
}

{
  printf '| --max-tokens |' && printf ' %s |' $sizes && echo
  printf '|---|' && printf -- '---|%.0s' $sizes && echo
  row 'rotary, `--window 64`' llama_ts17_past_eager --window 64
  row 'rotary, causal mask' llama_dyn20_sdpa
  row 'window of its own' mistral_dyn20
  row 'padding gathered at every pair' llama_dyn_late_ids
  row 'T5, biases by distance' t5_dyn18
}
