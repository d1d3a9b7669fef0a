#!/usr/bin/env bash
# ohmic cost --timeline by Perfetto's published schema: no field it does not know, tracks described before they are
# used, times of a track in order, slices nested. Needs a Python with the package perfetto; test_timeline.c does not.
#   PYTHON=/path/to/python bash bench/perfetto.sh build/ohmic      at the top of the tree
. tests/cli/lib.sh

python=
for candidate in "${PYTHON:-}" python3; do
  [ -n "$candidate" ] && "$candidate" -c 'import perfetto.protos.perfetto.trace.perfetto_trace_pb2' 2>/dev/null || continue
  python=$candidate
  break
done
if [ -z "$python" ]; then
  echo "NOT RUN $name: no Python with the package perfetto (PYTHON=...)"
  exit 0
fi

exits 0 compile examples/tales/tales_gpt.onnx --chip ohmic-1 -q -o "$work/tales.ohm"
exits 0 cost "$work/tales.ohm" --prompt 32 --generate 3 --timeline "$work/tales.pftrace"
slices=$(sed -nE 's/.*: ([0-9]+) slices, .*/\1/p' "$work/err")
"$python" bench/perfetto_check.py "$work/tales.pftrace" >"$work/out" || fail "the schema does not take it"
says "$slices slices, "
