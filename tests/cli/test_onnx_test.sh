#!/usr/bin/env bash
# ohmic onnx-test: verdicts, counts and exit codes, in the interpreter and on the simulator.   $1: the command
. "$(dirname "$0")/lib.sh"

rejects "cannot read: No such file" onnx-test "$work/nowhere"
mkdir -p "$work/empty"
rejects "holds no test_data_set_0" onnx-test "$work/empty"
misused "--on wants interp or ideal, found 'chip'" onnx-test --on chip "$work/empty"
exits 2 onnx-test

# a folder whose model is none: unsupported, and that is no failure
mkdir -p "$work/cases/broken/test_data_set_0"
echo no model >"$work/cases/broken/model.onnx"
for on in interp ideal; do
  exits 0 onnx-test --on $on "$work/cases"
  says "UNSUPPORTED broken"
  says "0 passed, 0 failed, 1 unsupported"
done

# what half precision and dynamic scales round, the program may: it is as near to the float32 truth
if shared models/exports/exports.tar.xz; then
  # caches of windowed attention, asked for whole
  tar -xf "$root/../shared/models/exports/exports.tar.xz" -C "$work" --wildcards "*gpt_neo_opt14_past/*"
  exits 0 onnx-test --on ideal "$work/gpt_neo_opt14_past"
  says "with --slots="
  for name in llama_dyn20_fp16 llama_opt14_dynint8; do
    tar -xf "$root/../shared/models/exports/exports.tar.xz" -C "$work" --wildcards "*$name/*"
    exits 0 onnx-test --on ideal "$work/$name"
    says "its reference rounds"
    exits 1 onnx-test --on ideal --tolerance 1e-3 "$work/$name"
  done
fi

if shared models/own/ref; then
  own=$root/../shared/models/own
  mkdir -p "$work/cases/gpt" "$work/cases/wrong"
  cp "$own/tales_gpt_op17.onnx" "$work/cases/gpt/model.onnx"
  cp -r "$own/ref/tales_gpt_op17/." "$work/cases/gpt"
  # another model's outputs: every value differs
  cp "$own/tales_judge_op17.onnx" "$work/cases/wrong/model.onnx"
  cp -r "$own/ref/tales_judge_op17/." "$work/cases/wrong"
  cp "$work"/cases/wrong/test_data_set_1/output_0.pb "$work"/cases/wrong/test_data_set_0/output_0.pb
  for on in interp ideal; do
    exits 1 onnx-test --on $on "$work/cases"
    says "UNSUPPORTED broken"
    says "PASS gpt"
    says "FAIL wrong"
    says "1 passed, 1 failed, 1 unsupported"
    exits 0 onnx-test --on $on --json "$work/cases/gpt"
    says '"verdict": "PASS"'
    exits 1 onnx-test --on $on --tolerance 1e-12 "$work/cases/gpt"
    exits 0 onnx-test --on $on --quiet -m "$own/tales_gpt_op17.onnx" "$own/ref/tales_gpt_op17"
    [ "$(wc -l <"$work/out")" = 1 ] || fail "--quiet prints what passes"
  done
fi
