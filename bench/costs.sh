#!/usr/bin/env bash
# What models cost on two chips: the rows of the table in docs/costs.md.
#   costs.sh OHMIC           the models that are at hand (examples, ../shared); tests/cli/test_costs.sh compares these
#   costs.sh OHMIC --large   BERT-base's and GPT-2-small's sizes too: needs PYTHON with numpy and onnx, half a minute, 2 GB of disk
set -euo pipefail
ohmic=$(realpath "$1")
root=$(realpath "$(dirname "$0")/..")
export OHMIC_CHIPS="$root/chips"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
models=$root/../shared/models

# row NAME MODEL CHIP [PROMPT GENERATE] [-- OPTIONS OF COMPILE]
row() {
  local name=$1 model=$2 chip=$3 lengths=()
  shift 3
  if [ $# -gt 0 ] && [ "$1" != -- ]; then
    lengths=(--prompt "$1" --generate "$2")
    shift 2
  fi
  [ $# = 0 ] || shift
  "$ohmic" compile "$model" --chip "$chip" "$@" -q -o "$work/program.ohm" 2>"$work/err" || { cat "$work/err" >&2; exit 1; }
  "$ohmic" cost "$work/program.ohm" "${lengths[@]}" --json >"$work/cost.json" 2>"$work/err" || { cat "$work/err" >&2; exit 1; }
  # a figure is known by its name and its depth
  awk -v name="$name" -v chip="$chip" '
    function figure() { gsub(/[^0-9.eE+-]/, "", $2); return $2 }
    BEGIN { FS = ": " }
    /^ "prompt"/ { prompt = figure() } /^ "first_token_ns"/ { first = figure() } /^ "generated"/ { generated = figure() }
    /^ "last_token_ns"/ { token = figure() }
    /^ "[a-z_]+"/ { top = $1 } top ~ /"steady"/ && /^  "rows"/ { rows = figure() } top ~ /"steady"/ && /^  "period_ns"/ { period = figure() }
    top ~ /"energy"/ && /^  "attojoules_a_token"/ { energy = figure() } top ~ /"energy"/ && /^  "static_uw"/ { static = figure() }
    top ~ /"energy"/ && /^  "mm2":/ { mm2 = figure() } top ~ /"energy"/ && /^  "tiles"/ { in_tiles = 1 } in_tiles && /"used_mm2"/ { tiles++ }
    /^  "weights"/ { in_tiles = 0 }
    END { printf "| %s | %s | %d | %d + %d | %.5g | %s | %.5g | %.5g | %.5g | %.5g |\n", name, chip, tiles, prompt, generated, first / 1000,
      (generated > 0 ? sprintf("%.5g", token / 1000) : "-"), period / rows, energy / 1e9, static / 1e6, mm2 }' "$work/cost.json"
}

for chip in ohmic-1 leroux2025; do
  row tales_gpt "$root/examples/tales/tales_gpt.onnx" $chip
  row stories260K "$models/stories260K/stories260k_legacy_op17.onnx" $chip
  row ALBERT "$models/rxnmapper_albert/albert_rxnmapper_op17.onnx" $chip
  row ViT "$models/vit_cifar10_ibp/model.onnx" $chip
done
[ "${2:-}" = --large ] || exit 0
PYTHON=${PYTHON:-python3}
"$PYTHON" "$root/bench/gen_models.py" bert "$work/bert.onnx"
"$PYTHON" "$root/bench/gen_models.py" gpt2 "$work/gpt2.onnx" --tokens 0 --positions 1280
for chip in ohmic-1 leroux2025; do
  row "BERT-base's size" "$work/bert.onnx" $chip
  row "GPT-2-small's size" "$work/gpt2.onnx" $chip 1024 100 -- --set gain.slots=1280
done
