#!/usr/bin/env bash
# The converter of the pool on chip wang2025: perplexity of tales_gpt by the range that its codes
# span (docs/wang2025.md). Seconds.
#   bench/wang.sh [OHMIC [LIMIT]]     LIMIT: texts scored; 12 is what the figures beside are of
set -euo pipefail
cd "$(dirname "$0")/.."
ohmic=$(realpath "${1:-build/ohmic}") limit=${2:-12}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tales=examples/tales

# figure KEY: from the last score
figure() { awk -v k="\"$1\":" '$1 == k { gsub(/[",]/, "", $2); print $2 }' "$work/score"; }

# row NAME NUMPY OPTION...
row() {
    local name=$1 numpy=$2
    shift 2
    "$ohmic" compile $tales/tales_gpt.onnx --chip wang2025 "$@" -o "$work/p.ohm" >/dev/null 2>&1
    "$ohmic" eval "$work/p.ohm" --perplexity $tales/eval_tokens.json --end-token 0 --limit "$limit" --stats --json >"$work/score"
    awk -v name="$name" -v numpy="$numpy" -v p="$(figure perplexity)" -v n="$(figure adc_conversions)" \
        -v c="$(figure adc_clipped)" -v r="$(figure adc_rounded)" 'BEGIN { n = n ? n : 1
            printf "| %s | %.4f | %s | %.3f %% | %.1f %% |\n", name, p, numpy, 100 * c / n, 100 * r / n }'
}

echo "| converter | perplexity | numpy | clipped | rounded |"
echo "|---|---|---|---|---|"
row "exact" 1.3097 --set pool.adc_bits=0
row "subtracted before, step 191: the full range" "1.334-1.339" --set pool.subtract=on
for step in "96 1.3213" "48 1.3125" "24 1.3120" "12 1.5566"; do
    set -- $step
    row "subtracted before, step $1" "$2" --set pool.subtract=on --set pool.adc_step="$1"
done
row "apart, step 96: the full range of each" 1.3213
row "apart, step 48" "" --set pool.adc_step=48
row "apart, step 24" "" --set pool.adc_step=24
row "4 digits, subtracted before, step 48" "" --set pool.digits=4 --set pool.subtract=on --set pool.adc_step=48
