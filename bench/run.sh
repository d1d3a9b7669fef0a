#!/usr/bin/env bash
# A whole run beside onnxruntime (fp32): models of BERT-base's and GPT-2-small's size, 128 rows, one thread,
# CPU time of the fastest sequence but the first of one process, in turns.
#   bench/run.sh [BUILD]     models from bench/peers.sh's folder, or made by PYTHON with onnx and onnxruntime
set -euo pipefail
cd "$(dirname "$0")/.."
build=$(realpath "${1:-build}") folder=build/peers python=${PYTHON:-build/peers/venv/bin/python}
if ! "$python" -c 'import onnx, numpy, onnxruntime' 2>/dev/null; then
    echo "SKIP: no Python environment with onnx, numpy and onnxruntime (bench/peers.sh makes one, or PYTHON=...)"
    exit 0
fi
mkdir -p $folder
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/peer.py" <<'PEER'
import sys, time
import numpy as np, onnxruntime as ort
o = ort.SessionOptions()
o.intra_op_num_threads = o.inter_op_num_threads = 1
s = ort.InferenceSession(sys.argv[1], o, providers=["CPUExecutionProvider"])
ids = np.random.default_rng(1).integers(0, 30000, (1, 128))
feed = {i.name: np.ones((1, 128), np.int64) if "mask" in i.name else ids for i in s.get_inputs()}
best = 1e9
for k in range(6):
    start = time.process_time()
    s.run(None, feed)
    if k: best = min(best, time.process_time() - start)
print(1e3 * best)
PEER
peer() { "$python" "$work/peer.py" "$1"; }
ours() { "$build/bench_run" "$1" 128 8 | awk '/later/ { print $(NF - 1) }'; }
least() { sort -g | head -n 1; }

lscpu | awk -F': *' '/Model name|^CPU family|^Model:/ { printf "%s %s  ", $1, $2 } END { print "" }'
echo "vector instructions: $(grep -ow -m1 -e avx2 -e avx512bw -e avx512_vnni -e avx512vbmi /proc/cpuinfo | sort -u | tr '\n' ' ')"
echo "| model | onnxruntime | ideal-int8 | ohmic-1 | ohmic-1, converters of 7 bits |"
echo "|---|---|---|---|---|"
for kind in bert gpt2; do
    model=$folder/$kind.onnx
    [ -e "$model" ] || "$python" bench/gen_models.py $kind "$model"
    "$build/ohmic" compile "$model" --chip ideal-int8 -o "$work/0.ohm" >/dev/null 2>&1
    "$build/ohmic" compile "$model" --chip ohmic-1 -o "$work/1.ohm" >/dev/null 2>&1
    "$build/ohmic" compile "$model" --chip ohmic-1 --set crossbar.adc_bits=7 -o "$work/2.ohm" >/dev/null 2>&1
    for turn in 1 2 3; do
        peer "$model" >>"$work/peer"
        for c in 0 1 2; do ours "$work/$c.ohm" >>"$work/$c"; done
    done
    row="| $kind | $(least <"$work/peer" | awk '{ printf "%.0f ms", $1 }') |"
    for c in 0 1 2; do
        row+=$(awk -v ours="$(least <"$work/$c")" -v peer="$(least <"$work/peer")" \
            'BEGIN { printf " %.0f ms (%.2f) |", ours, ours / peer }')
    done
    echo "$row"
    rm "$work"/peer "$work"/[012]
done
