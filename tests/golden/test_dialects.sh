#!/bin/bash
# One model written by several exporters gives one listing: same instructions, same descriptors, on the chip `ideal`.
# Inputs that only some of them have: positions are bound to those of the tokens, a padding mask is left out of the
# comparison with the operand that reads it.
. tests/golden/common.sh

compile_form() { "$ohmic" compile "$1" --chip ideal "${@:2}" -o "$out/p.ohm" > "$out/log" 2>&1; }

# form MODEL FILE: the listing of a model.
form() {
    compile_form "$1" --bind position_ids=positions ||
        { grep -q "the model has no input or free dimension 'position_ids'" "$out/log" && compile_form "$1"; }
    if [ $? != 0 ]; then
        cat "$out/log"
        fail "$1 does not compile"
        return 1
    fi
    listing "$out/p.ohm" without=attention_mask > "$2"
}

# alike FIRST OTHERS...: all listings are the first one's.
alike() {
    form "$1" "$out/first" || return
    [ -s "$out/first" ] || fail "$1: the listing is empty"
    first=$1
    shift
    for m in "$@"; do
        form "$m" "$out/other" || continue
        if diff -u "$out/first" "$out/other" > "$out/diff"; then
            echo "same listing: $first $m"
        else
            head -n 40 "$out/diff"
            fail "$m does not give the listing of $first"
        fi
    done
}

d=$shared/stories260K
if have $d; then
    alike $d/stories260k_legacy_op17.onnx $d/stories260k_external_op17.onnx $d/stories260k_with_past_op17.onnx \
        $d/stories260k_op23_interleaved.onnx
    # dynamic int8: products of integer codes with scales of their own, kept: listed apart
    form $d/stories260k_dynq_int8_op17.onnx "$out/int8" && same $here/dynamic-int8.s "dynamic int8" < "$out/int8"
fi
d=$shared/own
if have $d; then
    alike $d/tales_gpt_op17.onnx $d/tales_gpt_dynamo_op20.onnx $d/tales_gpt_past_op18.onnx
    alike $d/tales_judge_op17.onnx $d/tales_judge_dynamo_op20.onnx
fi
exit $failed
