#!/usr/bin/env bash
# The gain-cell unit beside numpy, one head on one thread; see gain.py. Takes a Python that has numpy, or makes an
# environment in build/peers; says SKIP where neither can be had.
#   bench/gain.sh [BENCH_GAIN]
set -euo pipefail
cd "$(dirname "$0")/.."
bench=$(realpath "${1:-build/bench_gain}")
folder=build/peers
mkdir -p $folder
python=
for candidate in "${PYTHON:-}" python3 $folder/venv/bin/python; do
    if [ -n "$candidate" ] && "$candidate" -c 'import numpy' 2>/dev/null; then python=$candidate; break; fi
done
if [ -z "$python" ]; then
    if ! { python3 -m venv $folder/venv && $folder/venv/bin/pip install -q numpy; } >$folder/pip.log 2>&1; then
        echo "SKIP: no Python with numpy ($folder/pip.log)"
        exit 0
    fi
    python=$folder/venv/bin/python
fi
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1
"$bench" $folder/gain.bin | tee $folder/gain.txt | grep -v '^best'
$python bench/gain.py $folder/gain.bin "$(sed -n 's/^best \(.*\) us$/\1/p' $folder/gain.txt)"
