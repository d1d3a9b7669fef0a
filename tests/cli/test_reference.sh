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
