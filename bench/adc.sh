#!/usr/bin/env bash
# Is the converter real, and how narrow may it be? Perplexity of both language models on ohmic-1
# with converters from lossless (10 bits for 128 differential 2-bit cells) down to 4, and with
# larger steps: fewer codes clip, all of them round; with the step that a text calibrates, or that of the full range.
#   bench/adc.sh [OHMIC [LIMIT]]     LIMIT: sequences scored of each set; 0: all
set -euo pipefail
cd "$(dirname "$0")/.."
ohmic=$(realpath "${1:-build/ohmic}") limit=${2:-0}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
stories=../shared/models/stories260K

# figure KEY: from the last score
figure() { awk -v k="\"$1\":" '$1 == k { gsub(/[",]/, "", $2); print $2 }' "$work/score"; }

# row MODEL END-TOKEN TEXTS NAME OPTION...
row() {
    local model=$1 end=$2 texts=$3 name=$4
    shift 4
    "$ohmic" compile "$model" "$@" -o "$work/p.ohm" >/dev/null 2>&1
    "$ohmic" eval "$work/p.ohm" --perplexity "$texts" $end --limit "$limit" --stats --json >"$work/score"
    awk -v name="$name" -v p="$(figure perplexity)" -v n="$(figure adc_conversions)" -v c="$(figure adc_clipped)" \
        -v r="$(figure adc_rounded)" 'BEGIN { n = n ? n : 1
            printf "| %-24s | %10.5f | %9.4f %% | %9.4f %% |\n", name, p, 100 * c / n, 100 * r / n }'
}

table() {
    local bits step
    echo
    echo "### $1"
    shift
    echo "| converter                | perplexity |     clipped |     rounded |"
    echo "|---|---|---|---|"
    row "$@" "none (ideal-int8)" --chip ideal-int8
    for bits in 10 9 8 7 6 5 4; do
        row "$@" "$bits bits" --chip ohmic-1 --set crossbar.adc_bits=$bits
    done
    for bits in 8 7 6 5 4; do
        step=$((1 << (10 - bits)))
        row "$@" "$bits bits, step $step" --chip ohmic-1 --set crossbar.adc_bits=$bits --set crossbar.adc_step=$step
    done
    for bits in 7 6 5 4 3; do
        row "$@" "$bits bits, calibrated" --chip ohmic-1 --set crossbar.adc_bits=$bits --set crossbar.adc_range=calibrated \
            --calibrate "$calibrate"
    done
    for bits in 7 6; do
        row "$@" "$bits bits, full range" --chip ohmic-1 --set crossbar.adc_bits=$bits --set crossbar.adc_range=full
    done
    row "$@" "6 bits, step 2, down" --chip ohmic-1 --set crossbar.adc_bits=6 --set crossbar.adc_step=2 --set crossbar.adc_rounding=down
    for bits in 6 5; do
        for step in 2 4; do
            row "$@" "$bits bits, step $step" --chip ohmic-1 --set crossbar.adc_bits=$bits --set crossbar.adc_step=$step
        done
    done
}

tales=examples/tales
calibrate=$tales/calibration_tokens.json
table "tales_gpt" $tales/tales_gpt.onnx "--end-token 0" $tales/eval_tokens.json
if [ -e $stories ]; then
    calibrate=$stories/golden_tokens.json
    table "stories260K" $stories/stories260k_legacy_op17.onnx "" $stories/eval_tokens.json
else
    echo "SKIP: $stories is not there"
fi
