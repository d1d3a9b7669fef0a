#!/usr/bin/env bash
# How finely must keys and values be stored? Perplexity of both language models with softmax on
# leroux2025-cmos by score read-out, at 3 to 8 bits for an element, everything else as the chip has it.
#   bench/kv_bits.sh [OHMIC [LIMIT]]     LIMIT: sequences scored of each set; 0: all
set -euo pipefail
cd "$(dirname "$0")/.."
ohmic=$(realpath "${1:-build/ohmic}") limit=${2:-0}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
stories=../shared/models/stories260K

# perplexity MODEL TEXTS END-TOKEN OPTION...
perplexity() {
    local model=$1 texts=$2 end=$3
    shift 3
    "$ohmic" compile "$model" "$@" -o "$work/p.ohm" >/dev/null 2>&1
    "$ohmic" eval "$work/p.ohm" --perplexity "$texts" $end --limit "$limit" --json |
        awk '$1 == "\"perplexity\":" { gsub(/,/, "", $2); print $2 }'
}

# column MODEL TEXTS END-TOKEN: one figure a line, that of real numbers first
column() {
    local bits
    perplexity "$@" --chip ideal
    for bits in 3 4 5 6 8; do
        perplexity "$@" --chip leroux2025-cmos --set gain.score_cells=1 --set gain.score_levels=$((1 << bits))
    done
}

column examples/tales/tales_gpt.onnx examples/tales/eval_tokens.json "--end-token 0" >"$work/tales"
if [ -e $stories ]; then
    column $stories/stories260k_legacy_op17.onnx $stories/eval_tokens.json "" >"$work/stories"
else
    echo "SKIP: $stories is not there"
    yes - | head -n 6 >"$work/stories"
fi
printf '%s\n' "real numbers" 3 4 5 6 8 >"$work/bits"
echo "| bits of K and V | tales_gpt | | stories260K | |"
echo "|---|---|---|---|---|"
paste "$work/bits" "$work/tales" "$work/stories" | awk -F '\t' '
    function change(x, base) { return x == "-" ? "-" : sprintf("%+.2f %%", 100 * (x / base - 1)) }
    function figure(x) { return x == "-" ? "-" : sprintf("%.4f", x) }
    NR == 1 { t = $2; s = $3; print "| " $1 " | " figure(t) " | | " figure(s) " | |"; next }
    { print "| " $1 " | " figure($2) " | " change($2, t) " | " figure($3) " | " change($3, s) " |" }'
