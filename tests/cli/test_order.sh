#!/usr/bin/env bash
# Tiles form a Kahn process network: whatever the order in which they advance, the outputs are the same bytes.
set -euo pipefail
ohmic=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for sets in "" "--set tile.crossbars=2" "--set crossbar.rows=64 --set crossbar.columns=64 --set tile.crossbars=3"; do
  # shellcheck disable=SC2086
  "$ohmic" compile examples/tales/tales_gpt.onnx --chip ideal-int8 $sets -q -o "$work/tales.ohm"
  for seed in 0 1 2 3 4 5 6 7 8; do
    "$ohmic" run "$work/tales.ohm" --input input_ids=examples/tales/prompt.npy --order $seed --threads $((seed % 3 + 1)) \
      --output "$work/$seed.npz" >/dev/null
    cmp "$work/0.npz" "$work/$seed.npz" || { echo "FAIL order $seed of '$sets' gives other bytes"; exit 1; }
  done
done
echo "27 runs, 3 programs: the same bytes in every order"
