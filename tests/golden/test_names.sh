#!/bin/bash
# No name that a model gives means anything: with tensors, values and ports called like what passes and backend make
# or used to reserve, the program has the same listing and computes the same.
. tests/golden/common.sh

# One name for each tensor, value and port of names.oir, in turn; some that the compiler makes itself.
renamed() { # NAMES...
    script=
    for pair in "$@"; do
        script="$script;s/([@%])${pair%%=*}\\b/\\1\"${pair#*=}\"/g;s/ \"${pair%%=*}\"( :| \\{onnx)/ \"${pair#*=}\"\\1/g"
    done
    sed -E "${script#;}" $here/names.oir
}
renamed wq=none wk=zeros wv=folded bq=nobias.4 gain=zero.4 half=-0.25\|0.25 cos=scalar sin=cos.rope sin2=half.row4 \
    ids=v20 x=v14 n=v16 q=v18 k=_ v=v19.1 a=parent ring=r emb=none.s y=nothing clipped=zeros c=v21 > "$out/names1.oir"
renamed wq=_ wk=wq.q wv=wq.s bq=gain\|bq gain=g._ half=half.row4 cos="symbol cos" sin=@none sin2=joined ring=folded \
    ids="numbers -0.25|0.25" x=t0 n=module q=step k=encode v=run y=none clipped=folded c=v21 > "$out/names2.oir"

{ # the ids 0 1 2 3, i64[1,4]
    printf '\x93NUMPY\x01\x00\x46\x00%-69s\n' "{'descr': '<i8', 'fortran_order': False, 'shape': (1, 4), }"
    for v in 0 1 2 3; do printf "\\x0$v\\x00\\x00\\x00\\x00\\x00\\x00\\x00"; done
} > "$out/ids.npy"
# values MODEL CHIP INPUT OUTPUTS...: compiles and runs it; its outputs are $out/MODEL.0.npy ...
values() {
    model=$1 chip=$2 input=$3 i=0 outputs=
    shift 3
    [ -f "$out/$model.oir" ] || cp "$here/$model.oir" "$out/"
    "$ohmic" compile "$out/$model.oir" --chip "$chip" --check-equivalence -o "$out/$model.ohm" \
        > "$out/log" 2>&1 || { cat "$out/log"; fail "$model does not compile for $chip"; return; }
    for name in "$@"; do
        "$ohmic" run "$out/$model.ohm" --input "$input=$out/ids.npy" --output "$name=$out/$model.$i.npy" \
            > "$out/log" 2>&1 || { cat "$out/log"; fail "$model does not run on $chip"; }
        i=$((i + 1))
    done
}
for chip in ideal ideal-int8 ohmic-1; do
    values names $chip ids y clipped
    values names1 $chip v20 nothing zeros
    values names2 $chip "numbers -0.25|0.25" none folded
    for n in 1 2; do
        for i in 0 1; do
            cmp "$out/names.$i.npy" "$out/names$n.$i.npy" || fail "names$n: other values on $chip"
        done
    done
done
exit $failed
