#!/usr/bin/env bash
# Models of BERT-base's and GPT-2-small's size beside onnxruntime; see peers.py. Makes its own Python
# environment (pip: onnx, numpy, onnxruntime) in build/peers, and says SKIP where it cannot be had.
#   bench/peers.sh [OHMIC [bert|gpt2 ...]]
set -euo pipefail
cd "$(dirname "$0")/.."
ohmic=$(realpath "${1:-build/ohmic}")
shift || true
folder=build/peers
python=$folder/venv/bin/python
mkdir -p $folder
if ! $python -c 'import onnx, numpy, onnxruntime' 2>/dev/null; then
    if ! { python3 -m venv $folder/venv && $folder/venv/bin/pip install -q onnx numpy onnxruntime; } >$folder/pip.log 2>&1; then
        echo "SKIP: no Python environment with onnx, numpy and onnxruntime ($folder/pip.log)"
        exit 0
    fi
fi
$python bench/peers.py "$ohmic" $folder "$@"
