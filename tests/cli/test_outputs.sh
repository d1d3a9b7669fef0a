#!/usr/bin/env bash
# Which of a model's outputs a program gives, and what its inputs are, as options say.
#   $1: the command
. "$(dirname "$0")/lib.sh"

model="$root/../shared/cases/R18.onnx"
if shared cases/R18.onnx; then
  exits 0 compile "$model" --chip ideal -o "$work/p.ohm" --drop-output wte
  says "note: output 'wte' is dropped, as asked for"
  exits 0 run "$work/p.ohm" -i "$root/../shared/cases/R18.in.npz" -o "$work/y.npz"
  [ "$(unzip -l "$work/y.npz" | grep -c npy)" = 1 ] || fail "the program gives more than one output"
  exits 0 compile "$model" --chip ideal -o "$work/p.ohm" --keep-output wte --keep-output logits
  misused "--keep-output: the model has no output 'logit'; it has 'logits', 'wte'" \
    compile "$model" -o "$work/p.ohm" --keep-output logit
  misused "--drop-output: the model has no output 'x'" compile "$model" -o "$work/p.ohm" --drop-output x
  misused "--drop-output leaves none of the model's outputs, 'logits', 'wte'" \
    compile "$model" -o "$work/p.ohm" --drop-output logits --drop-output wte
  misused "--role: the model has no input 'ids'; it has 'input_ids'" compile "$model" -o "$work/p.ohm" --role ids=ids
  misused "--role: an input is ids, positions, mask, past or fixed, found 'masks'; did you mean 'mask'?" \
    compile "$model" -o "$work/p.ohm" --role input_ids=masks
  misused "--role wants NAME=VALUE" compile "$model" -o "$work/p.ohm" --role input_ids=
  misused "--role input_ids=past: keys or values are floats of three axes or more, the input is i64 of 2 axes" \
    compile "$model" -o "$work/p.ohm" --role input_ids=past
  for role in mask positions; do
    misused "--role input_ids=$role: no input is left that gives the model ids or values" compile "$model" -o "$work/p.ohm" --role input_ids=$role
  done
  exits 0 compile "$model" --chip ideal -q -o "$work/p.ohm" --role input_ids=ids
  exits 0 compile "$model" --chip ideal -q -o "$work/p.ohm" --dump-ir "$work/dump"
  misused "--keep-output has no effect on IR text" compile "$work"/dump/*fuse.oir -o "$work/p.ohm" --keep-output wte
fi

# Keys and values of no usual name are a past: a dimension says so, or the option.
model="$root/../shared/cases/R10.onnx"
if shared cases/R10.onnx; then
  exits 0 compile "$model" --chip ideal -q -o "$work/a.ohm"
  exits 0 compile "$model" --chip ideal -q -o "$work/b.ohm" --role cache_key=past --role cache_value=past
  cmp "$work/a.ohm" "$work/b.ohm" || fail "the option says the same and makes another program"
  exits 0 compile "$model" --chip ideal -q -o "$work/b.ohm" --keep-output logits # caches go on in the program
  exits 0 run "$work/b.ohm" -i "$root/../shared/cases/R10.in.npz" -o "$work/y.npz"
  misused "--keep-output: the model has no output 'cache_key'" compile "$model" -o "$work/b.ohm" --keep-output cache_key
  rejects "tok-" compile "$model" --chip ideal -q -o "$work/b.ohm" --role cache_key=ids
  misused "--role cache_key=positions: positions are whole numbers, the input is f32 of 4 axes" \
    compile "$model" -o "$work/b.ohm" --role cache_key=positions
  exits 0 compile --help
  says "what an axis counts: batch, tokens, past, total, fixed"
fi
# A cache whose length is counted over a mask: what is hidden in front, or behind a past, would be another length.
if shared models/exports/exports.tar.xz; then
  tar -xf "$root/../shared/models/exports/exports.tar.xz" -C "$work" llama_genai_fp32
  exits 0 compile "$work/llama_genai_fp32/model.onnx" --chip ideal -o "$work/c.ohm"
  says "note: input 'attention_mask' is not read: the model counts its ones"
  npy "$work/ids.npy" i8 "1, 3" 5 6 7
  npy "$work/behind.npy" i8 "1, 3" 1 1 0
  npy "$work/front.npy" i8 "1, 3" 0 1 1
  exits 0 run "$work/c.ohm" -i "input_ids=$work/ids.npy" -i "attention_mask=$work/behind.npy" -o "logits=$work/y.npy"
  rejects "mask 'attention_mask' hides token 0 of sequence 0: the model only counts its ones" \
    run "$work/c.ohm" -i "input_ids=$work/ids.npy" -i "attention_mask=$work/front.npy" -o "logits=$work/y.npy"
fi
echo "outputs: chosen by name"
