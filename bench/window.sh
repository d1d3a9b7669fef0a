#!/usr/bin/env bash
# How far back does a model with a sliding window remember? Recall by distance of tales_gpt on the
# chip ideal, at windows of 32 to 256 tokens (256 is all it was trained with).
#   bench/window.sh [OHMIC [FOLDER]]     writes window.tsv, window.md and window.svg; default: bench
set -euo pipefail
cd "$(dirname "$0")/.."
ohmic=$(realpath "${1:-build/ohmic}") folder=$(realpath "${2:-bench}")
export OHMIC_CHIPS=$PWD/chips
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
probes=../shared/models/own/recall_probes.json
[ -e $probes ] || { echo "SKIP window: $probes is not there"; exit 0; }

{
  printf '# window\tdistance\tright\tof\n'
  for window in 32 64 128 256; do
    "$ohmic" compile examples/tales/tales_gpt.onnx --chip ideal --window $window -q -o "$work/p.ohm"
    "$ohmic" eval "$work/p.ohm" --recall $probes >"$work/score"
    # The first table is the one by distance; its last row is the total.
    awk -v OFS='\t' -v window=$window '/^distance / { on = 1; next } on { print window, $1, $2, $3 } on && $1 == "all" { exit }' \
      "$work/score"
  done
} >"$work/window.tsv"
awk -f bench/window_table.awk "$work/window.tsv" >"$work/window.md"
awk -f bench/window_plot.awk "$work/window.tsv" >"$work/window.svg"
mv "$work"/window.{tsv,md,svg} "$folder"
cat "$folder/window.md"
