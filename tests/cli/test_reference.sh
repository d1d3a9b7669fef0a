#!/usr/bin/env bash
# What a model computes at lengths that no probe has is computed too: one that branches on its length
# is refused, by the node that compares it.   $1: the command
. "$(dirname "$0")/lib.sh"

if shared cases/R03.onnx; then
  cases=$root/../shared/cases
  for chip in ideal ohmic-1; do
    rejects "node '/Greater_24': error: compares the token count with a number: at 2 tokens" \
      compile "$cases/R03.onnx" --chip $chip -o "$work/r03.ohm"
    [ ! -e "$work/r03.ohm" ] || fail "a program was written"
  done
fi

# What the checks of a compile take is stated, and changes nothing.
model=$root/examples/tales/tales_gpt.onnx
exits 0 compile "$model" --chip ohmic-1 -o "$work/plain.ohm"
grep -q "processor time" "$work/out" && fail "timings that nobody asked for"
exits 0 compile "$model" --chip ohmic-1 --timings -o "$work/timed.ohm"
says "  processor time    "
says " % of all"
cmp -s "$work/plain.ohm" "$work/timed.ohm" || fail "--timings changes the program"
exits 0 compile "$model" --chip ohmic-1 --timings --json -o "$work/timed.ohm"
awk '/"(checks_share|seconds|checks_seconds)":/ { gsub(/[",:]/, ""); v[$1] = $2 }
     END { s = v["checks_share"]; exit !(s > 0 && s < 1 && v["checks_seconds"] < v["seconds"]) }' "$work/out" ||
  fail "no share of the checks between 0 and 1"
