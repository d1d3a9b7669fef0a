#!/usr/bin/env bash
# A column of a token that meets a constant of many columns gives many, equal ones or not: as the model's own
# data say, in the interpreter and on the simulator.   $1: the command
. "$(dirname "$0")/lib.sh"

for case in ones grow_mul1 fourier; do
  shared "cases/graphs/$case" || continue
  for on in interp ideal; do
    exits 0 onnx-test --on $on "$root/../shared/cases/graphs/$case"
    says "PASS $case"
  done
  exits 0 compile "$root/../shared/cases/graphs/$case/model.onnx" --chip ohmic-1 -q -o "$work/p.ohm"
  exits 0 verify "$work/p.ohm"
done
echo "broadcasts: constants of many columns beside one"
