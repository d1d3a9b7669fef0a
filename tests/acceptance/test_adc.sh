# The converter is real: lossless, ohmic-1 gives the bits of ideal-int8; from there every bit less is
# worse, and where it degrades conversions clip. bench/adc.sh has the whole table.
#   test_adc.sh PATH-OF-OHMIC
. "$(dirname "$0")/lib.sh" "$1"
tales=examples/tales
options="--perplexity $tales/eval_tokens.json --end-token 0 --limit 6 --stats"

bits_of() { # PROGRAM: the logits of a text, in full
    "$ohmic" generate "$1" --prompt-ids 0,47,393,69,487,266 --ids --tokens 60 2>/dev/null
    "$ohmic" run "$1" --input input_ids="$work/ids.npy" --output logits="$work/out.npy" >/dev/null
    sha256sum <"$work/out.npy"
}
# 64 ids as npy: i64 [1, 64]
{
    printf '\x93NUMPY\x01\x00\x76\x00'
    printf '%-117s\n' "{'descr': '<i8', 'fortran_order': False, 'shape': (1, 64), }"
    for i in $(seq 1 64); do printf "\\x$(printf %02x $((i * 37 % 250)))\\0\\0\\0\\0\\0\\0\\0"; done
} >"$work/ids.npy"

compile exact $tales/tales_gpt.onnx --chip ideal-int8
bits_of "$work/exact.ohm" >"$work/exact.bits"
before=$(score perplexity "$work/exact.ohm" $options)
compile lossless $tales/tales_gpt.onnx --chip ohmic-1 --set crossbar.adc_bits=10
bits_of "$work/lossless.ohm" >"$work/lossless.bits"
same "10 bits: the logits and the text of ideal-int8" "$work/exact.bits" "$work/lossless.bits"
check "10 bits: perplexity, as ideal-int8" "$(score perplexity "$work/lossless.ohm" $options)" "$before" "$before"
check "10 bits: clipped conversions" "$(score adc_clipped "$work/lossless.ohm" $options)" 0 0
for bits in 7 6 5 4; do
    compile p $tales/tales_gpt.onnx --chip ohmic-1 --set crossbar.adc_bits=$bits
    worse=$(score perplexity "$work/p.ohm" $options)
    check "$bits bits: perplexity, worse" "$worse" "$(relative "$before" 1.001)" 1e12
    check "$bits bits: clipped conversions" "$(score adc_clipped "$work/p.ohm" $options)" 1 1e15
    before=$worse
done
for step in 2 4 8; do
    compile p $tales/tales_gpt.onnx --chip ohmic-1 --set crossbar.adc_step=$step
    check "8 bits, step $step: rounded conversions" "$(score adc_rounded "$work/p.ohm" $options)" 1 1e15
done
finish
