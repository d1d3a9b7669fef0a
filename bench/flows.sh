#!/usr/bin/env bash
# onnxruntime's quantisers, half precision and optimiser on models of ../shared: which of what they
# write runs on which chip, and what it gives; see flows.py. Makes its own Python environment
# (pip: onnx, numpy, onnxruntime, onnx-ir, sympy) in build/flows, and says SKIP where it cannot be had.
#   bench/flows.sh [OHMIC [FLOW|MODEL ...]]
set -euo pipefail
cd "$(dirname "$0")/.."
ohmic=$(realpath "${1:-build/ohmic}")
shift || true
folder=build/flows
python=$folder/venv/bin/python
[ -d ../shared/models ] || { echo "SKIP: no ../shared/models"; exit 0; }
mkdir -p $folder
packages=(onnx numpy onnxruntime onnx-ir sympy)
if ! $python -c 'import onnx, numpy, onnxruntime, onnx_ir, sympy' 2>/dev/null; then
  if ! { python3 -m venv $folder/venv && $folder/venv/bin/pip install -q "${packages[@]}"; } >$folder/pip.log 2>&1; then
    echo "SKIP: no Python environment with ${packages[*]} ($folder/pip.log)"
    exit 0
  fi
fi
$python bench/flows.py "$ohmic" ../shared $folder/models "$@"
