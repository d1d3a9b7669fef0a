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
  rejects "tok-" compile "$model" --chip ideal -q -o "$work/b.ohm" --role cache_key=ids
fi
echo "outputs: chosen by name"
