#!/bin/bash
# Every text form leads back to the same bytes: IR dumps of every stage compiled, each pass run alone on the dump before
# it, assembly of the program; and the same program whatever the number of threads.
. tests/golden/common.sh

# IR text of a stage before the program of tokens has no import beside it to be executed: the proof of what is made of
# it says less, and nothing else differs.
says_less() { sed -E 's/(executed at [0-9]+ tokens: as the export).*/\1/'; }
same_program() { # FILE FILE STAGE
    case $3 in
    0[0-5]-*) cmp <("$ohmic" dis "$1" | says_less) <("$ohmic" dis "$2" | says_less) ;;
    *) cmp "$1" "$2" ;;
    esac
}

# Runs the command with options that were given for the model; where what they say has been done already it refuses
# them, and they are left out. --set always counts.
again() { # WORDS... -- OPTIONS...
    local words=() sets=()
    while [ "$1" != -- ]; do words+=("$1") && shift; done
    shift
    "$ohmic" "${words[@]}" "$@" > "$out/log" 2>&1 && return
    grep -q "has no effect" "$out/log" || { cat "$out/log" && return 1; }
    while [ $# -gt 0 ]; do [ "$1" = --set ] && sets+=(--set "$2"); shift 2; done
    "$ohmic" "${words[@]}" "${sets[@]}" > "$out/log" 2>&1 || { cat "$out/log" && return 1; }
}

round() { # MODEL CHIP OPTIONS...
    model=$1 chip=$2
    shift 2
    what="$(basename "$model") for $chip"
    d=$out/ir
    rm -rf "$d"
    if ! "$ohmic" compile "$model" --chip "$chip" "$@" --dump-ir "$d" -o "$out/p.ohm" > "$out/log" 2>&1; then
        cat "$out/log"
        fail "$what: does not compile"
        return
    fi
    before=
    for dump in "$d"/[0-9][0-9]-*.oir; do
        again compile "$dump" --chip "$chip" -o "$out/q.ohm" -- "$@"
        same_program "$out/p.ohm" "$out/q.ohm" "$(basename "$dump")" ||
            fail "$what: another program from $(basename "$dump")"
        rm -f "$out/q.ohm"
        if [ -n "$before" ]; then
            pass=$(basename "$dump" .oir)
            pass=${pass#[0-9][0-9]-}
            rm -rf "$out/opt"
            mkdir "$out/opt"
            again opt "$before" --pass "$pass" --chip "$chip" -o "$out/opt/x.oir" -- "$@" ||
                fail "$what: opt --pass $pass"
            cmp <(says_less < "$out/opt/x.oir") <(says_less < "$dump") || fail "$what: opt --pass $pass gives another text"
        fi
        before=$dump
    done
    "$ohmic" dis "$out/p.ohm" -o "$out/p.s" && "$ohmic" as "$out/p.s" -o "$out/q.ohm" || fail "$what: dis, as"
    cmp "$out/p.ohm" "$out/q.ohm" || fail "$what: dis, then as, is another program"
    for threads in 1 2 8; do
        "$ohmic" compile "$model" --chip "$chip" "$@" --threads $threads -o "$out/q.ohm" > /dev/null 2>&1
        cmp "$out/p.ohm" "$out/q.ohm" || fail "$what: another program from $threads threads"
    done
    echo "checked $what"
}

for chip in ideal ideal-int8 bench-1 ohmic-1; do round examples/tales/tales_gpt.onnx $chip; done
for chip in ideal ohmic-1; do round $here/3d.oir $chip; done # two phases
for m in stories260K/stories260k_with_past_op17 stories260K/stories260k_op23_interleaved \
    stories260K/stories260k_dynq_int8_op17 vit_cifar10_ibp/model own/tales_judge_op17; do
    if have $shared/$m.onnx; then
        round $shared/$m.onnx ideal
        round $shared/$m.onnx ohmic-1 --max-chunk 8
    fi
done
if have $shared/vit_cifar10_ibp; then # settl takes a place in a short active set
    round $shared/vit_cifar10_ibp/model.onnx ideal-int8 --set tile.active_set=8 --set tile.crossbars=32
fi
if have $shared/rxnmapper_albert; then
    round $shared/rxnmapper_albert/albert_rxnmapper_op17.onnx bench-1 --max-tokens 64
fi
exit $failed
