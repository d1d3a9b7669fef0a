#!/usr/bin/env bash
# ohmic run: tensors in every kind of file, outputs, traces, what is refused.   $1: the command
. "$(dirname "$0")/lib.sh"
model=examples/tales/tales_gpt.onnx
"$ohmic" compile "$model" --chip ideal --max-tokens 64 --max-chunk 8 -q -o "$work/p.ohm" 2>/dev/null

# ---- files in and out
npy "$work/x.npy" i8 "1, 12" 0 47 393 69 487 266 261 395 318 271 334 76
exits 0 run "$work/p.ohm" --input input_ids="$work/x.npy" --output "$work/all.npz"
exits 0 run "$work/p.ohm" --input input_ids="$work/x.npy" --output logits="$work/y.npy"
exits 0 run "$work/p.ohm" --input input_ids="$work/x.npy"
says "logits f32[1,12,512]"
exits 0 run "$work/p.ohm" --input input_ids="$work/x.npy" --json --stats
says '"score_macs"'
"$ohmic" run "$work/p.ohm" --input input_ids=- --output logits="$work/stdin.npy" <"$work/x.npy"
cmp "$work/y.npy" "$work/stdin.npy" || fail "standard input gives other values"
exits 0 run "$work/p.ohm" --threads 1 --exact-cells --input input_ids="$work/x.npy" --output logits="$work/one.npy"
cmp "$work/y.npy" "$work/one.npy" || fail "threads or cells change values"
# an npz holds its member under the output's name: npz in, as an input of that name
npy "$work/ids.npy" i8 "2, 3" 0 47 393 0 47 393
exits 0 run "$work/p.ohm" --input input_ids="$work/ids.npy"
says "logits f32[2,3,512]"

# ---- traces: an instruction, an IR value, an ONNX node
node=$("$ohmic" nm "$work/p.ohm" --json | sed -nE 's/.*"name": "([^"]*c_fc[^" ]*).*/\1/p' | tail -1)
[ -n "$node" ] || fail "no node to trace"
exits 0 run "$work/p.ohm" --input input_ids="$work/x.npy" --trace "$node"
says "f32[12,512]"
exits 0 run "$work/p.ohm" --input input_ids="$work/x.npy" --trace 0:2="$work/t.npy"
[ -s "$work/t.npy" ] || fail "nothing was stored"
value=$("$ohmic" dis "$work/p.ohm" | grep -oE '%[A-Za-z0-9_.]+ = dig\.norm' | head -1 | cut -d' ' -f1 || true)
[ -z "$value" ] || exits 0 run "$work/p.ohm" --input input_ids="$work/x.npy" --trace "$value"
misused "nothing to trace: 'no/such/node'" run "$work/p.ohm" --input input_ids="$work/x.npy" --trace no/such/node
misused "did you mean '" run "$work/p.ohm" --input input_ids="$work/x.npy" --trace "${node%?}"

# ---- what is refused, by name
rejects "missing input 'input_ids'" run "$work/p.ohm"
misused "the program has no input 'ids'; its inputs are input_ids" run "$work/p.ohm" --input ids="$work/x.npy"
misused "which input is this" run "$work/p.ohm" --input "$work/x.npy"
rejects "input 'input_ids' is given twice" run "$work/p.ohm" --input input_ids="$work/x.npy" --input input_ids="$work/x.npy"
npy "$work/i32.npy" i4 "1, 2" 1 2
rejects "input 'input_ids' is i32[1,2], expected i64[batch,tokens]" run "$work/p.ohm" --input input_ids="$work/i32.npy"
npy "$work/big.npy" i8 "1, 2" 1 512
rejects "input 'input_ids' is 512 at token 1 of sequence 0, outside [0, 512)" run "$work/p.ohm" --input input_ids="$work/big.npy"
npy "$work/long.npy" i8 "1, 65" $(seq 65)
rejects "compile with --max-tokens 65" run "$work/p.ohm" --input input_ids="$work/long.npy"
misused "the program has no output 'loss'; its outputs are logits" run "$work/p.ohm" --input input_ids="$work/x.npy" --output loss="$work/l.npy"
[ ! -e "$work/l.npy" ] || fail "a refused run left an output"
rejects "nowhere.npy" run "$work/p.ohm" --input input_ids="$work/nowhere.npy"
rejects "" run "$work/x.npy"
exits 2 run

# ---- an encoder and its decoder: encode once, then steps; values of either phase can be traced
"$ohmic" compile tests/golden/3d.oir --chip ideal -q -o "$work/pair.ohm" 2>/dev/null
npy "$work/source.npy" i8 "1, 5" 1 2 3 4 5
npy "$work/mask.npy" i8 "1, 5" 1 1 1 1 0
npy "$work/target.npy" i8 "1, 7" 0 5 4 3 2 1 0
sides="--input input_ids=$work/source.npy --input attention_mask=$work/mask.npy"
exits 0 run "$work/pair.ohm" $sides --input decoder_input_ids="$work/target.npy"
says "logits f32[1,7,6]"
says "encoder_last_hidden_state f32[1,5,4]"
exits 0 run "$work/pair.ohm" $sides --input decoder_input_ids="$work/target.npy" --trace /encoder/norm
says "encode.0.7.norm f32[4,4]"
exits 0 run "$work/pair.ohm" $sides --input decoder_input_ids="$work/target.npy" --trace %dc
says "f32[7,4]"
rejects "missing input 'decoder_input_ids'" run "$work/pair.ohm" $sides
npy "$work/source.npy" i8 "1, 13" 1 2 3 4 5 1 2 3 4 1 2 3 4
npy "$work/mask.npy" i8 "1, 13" 1 1 1 1 1 1 1 1 1 1 1 1 1
rejects "reaches 13 tokens of the encoder, the program was compiled for 12" run "$work/pair.ohm" $sides --input decoder_input_ids="$work/target.npy"
misused "the program has an encoder: say what it reads (--source TEXT or --source-ids IDS)" generate "$work/pair.ohm" --tokenizer examples/tales/tokenizer.json --prompt x
rejects "an encoder in front of a decoder: only --perplexity with --sources FILE scores it" eval "$work/pair.ohm" --perplexity examples/tales/eval_tokens.json

# ---- caches: a prompt and its continuation are one run, present.* read back
if shared models/own/tales_gpt_past_op18.onnx; then
  own=$root/../shared/models/own
  for chip in ideal ohmic-1; do
    "$ohmic" compile "$own/tales_gpt_past_op18.onnx" --chip $chip -q -o "$work/past.ohm" 2>/dev/null
    # empty caches may be left out; masks and positions count on
    npy "$work/m6.npy" i8 "1, 6" 1 1 1 1 1 1
    npy "$work/p6.npy" i8 "1, 6" 0 1 2 3 4 5
    npy "$work/x6.npy" i8 "1, 6" 0 47 393 69 487 266
    npy "$work/m9.npy" i8 "1, 9" 1 1 1 1 1 1 1 1 1
    npy "$work/p3.npy" i8 "1, 3" 6 7 8
    npy "$work/x3.npy" i8 "1, 3" 261 395 318
    npy "$work/p9.npy" i8 "1, 9" 0 1 2 3 4 5 6 7 8
    npy "$work/x9.npy" i8 "1, 9" 0 47 393 69 487 266 261 395 318
    exits 0 run "$work/past.ohm" -i input_ids="$work/x9.npy" -i attention_mask="$work/m9.npy" \
      -i position_ids="$work/p9.npy" -o present.3.key="$work/k9.npy" -o logits="$work/y9.npy"
    layers=$("$ohmic" run "$work/past.ohm" -i input_ids="$work/x6.npy" -i attention_mask="$work/m6.npy" \
      -i position_ids="$work/p6.npy" -o "$work/all.npz" --json | sed -nE 's/.*"name": "(present[^"]*)".*/\1/p')
    [ "$(echo "$layers" | wc -w)" = 8 ] || fail "expected 8 caches, found: $layers"
    args=()
    for p in $layers; do
      exits 0 run "$work/past.ohm" -i input_ids="$work/x6.npy" -i attention_mask="$work/m6.npy" \
        -i position_ids="$work/p6.npy" -o "$p=$work/$p.npy"
      args+=(-i "past_key_values${p#present}=$work/$p.npy")
    done
    exits 0 run "$work/past.ohm" -i input_ids="$work/x3.npy" -i attention_mask="$work/m9.npy" \
      -i position_ids="$work/p3.npy" "${args[@]}" -o present.3.key="$work/k3.npy" -o logits="$work/y3.npy"
    cmp "$work/k9.npy" "$work/k3.npy" || fail "$chip: a continued sequence has another cache"
    # the logits of the last three tokens are the tail of the whole run's
    cmp <(tail -c $((3 * 512 * 4)) "$work/y9.npy") <(tail -c $((3 * 512 * 4)) "$work/y3.npy") ||
      fail "$chip: a continued sequence has other logits"
    rejects "mask 'attention_mask' covers 6 tokens, expected 9: 6 past and 3 new" run "$work/past.ohm" \
      -i input_ids="$work/x3.npy" -i attention_mask="$work/m6.npy" -i position_ids="$work/p3.npy" "${args[@]}"
    npy "$work/hole.npy" i8 "1, 6" 1 1 0 1 1 1
    rejects "mask 'attention_mask' has a hole at position 2 of sequence 0" run "$work/past.ohm" \
      -i input_ids="$work/x6.npy" -i attention_mask="$work/hole.npy" -i position_ids="$work/p6.npy"
  done
fi
