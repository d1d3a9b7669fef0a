#!/usr/bin/env bash
# How few bits hold a language model? Perplexity on ohmic-1 with lossless converters, weights of 8 to 2 bits and rows of 8 to 4,
# every row with a scale of its own; the last line: rows of 4 bits with static scales.
#   bench/bits.sh [OHMIC [LIMIT]]     LIMIT: sequences scored of each set; 0: all
set -euo pipefail
cd "$(dirname "$0")/.."
ohmic=$(realpath "${1:-build/ohmic}") limit=${2:-0}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
stories=../shared/models/stories260K

# perplexity MODEL END-TOKEN TEXTS OPTION...: perplexity
perplexity() {
    local model=$1 end=$2 texts=$3
    shift 3
    "$ohmic" compile "$model" --chip ohmic-1 --set crossbar.adc_bits=0 "$@" -q -o "$work/p.ohm" 2>/dev/null
    # shellcheck disable=SC2086 # an option and its value
    "$ohmic" eval "$work/p.ohm" --perplexity "$texts" $end --limit "$limit" --json | awk '
        { gsub(/[",:]/, "") } $1 == "perplexity" { p = $2 } END { printf " %.4f |", p }'
}

table() { # NAME MODEL END-TOKEN TEXTS
    local name=$1 w x
    shift
    printf '\n**%s**\n\n| bits of weights \\ of rows | 8 | 7 | 6 | 5 | 4 | 4, static scales |\n|---|---|---|---|---|---|---|\n' "$name"
    for w in 8 7 6 5 4 3 2; do
        printf '| %d |' $w
        for x in 8 7 6 5 4; do
            perplexity "$@" --set crossbar.weight_bits=$w --set crossbar.input_bits=$x
        done
        perplexity "$@" --set crossbar.weight_bits=$w --set crossbar.input_bits=4 --static-scales
        printf '\n'
    done
}

tales=examples/tales
table tales_gpt $tales/tales_gpt.onnx "--end-token 0" $tales/eval_tokens.json
if [ -e $stories ]; then
    table stories260K $stories/stories260k_legacy_op17.onnx "" $stories/eval_tokens.json
else
    echo "SKIP: $stories is not there"
fi
