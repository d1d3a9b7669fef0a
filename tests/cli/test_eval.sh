#!/usr/bin/env bash
# ohmic eval: the three kinds of model, every score, what is refused.   $1: the command
. "$(dirname "$0")/lib.sh"
tales=examples/tales
"$ohmic" compile $tales/tales_gpt.onnx --chip ideal -q -o "$work/p.ohm" 2>/dev/null

# ---- perplexity: simulator, import and token program agree
figure() { sed -nE 's/^perplexity ([0-9.]+), top-1 ([0-9.]+).*/\1 \2/p' "$work/out"; }
exits 0 eval "$work/p.ohm" --perplexity $tales/eval_tokens.json --end-token 0 --limit 2 --stats
says "mvm_macs"
simulated=$(figure)
exits 0 eval $tales/tales_gpt.onnx --perplexity $tales/eval_tokens.json --end-token 0 --limit 2
[ "$simulated" = "$(figure)" ] || fail "simulator: $simulated, interpreter: $(figure)"
exits 0 eval "$work/p.ohm" --perplexity $tales/eval_tokens.json --limit 2 --json --threads 1
says '"perplexity": 1.'
echo '[[0]]' >"$work/one.json" # context only
exits 0 eval "$work/p.ohm" --perplexity "$work/one.json"
says "0 tokens in 0 sequences"
exits 0 eval $tales/tales_gpt.onnx --layers "$work/p.ohm"
says "nodes compared"
says "/model/lm_head/MatMul"
exits 0 eval $tales/tales_gpt.onnx --layers "$work/p.ohm" --ids $tales/eval_tokens.json --json
says '"left_out"'

# ---- IR text: the token program and the mapped one, which the simulator follows to the bit
"$ohmic" compile $tales/tales_gpt.onnx --chip ideal -q -o "$work/p.ohm" --dump-ir "$work/dump" 2>/dev/null
for ir in "$work"/dump/*-find-tokens.oir "$work"/dump/*-allocate.oir; do
  exits 0 eval "$ir" --perplexity $tales/eval_tokens.json --end-token 0 --limit 2
  [ "$simulated" = "$(figure)" ] || fail "simulator: $simulated, $(basename "$ir"): $(figure)"
done
exits 0 eval "$work"/dump/*-allocate.oir --layers "$work/p.ohm"
awk '$4 ~ /^\// && $1 != 0 {bad = 1} END {exit bad}' "$work/out" || { cat "$work/out"; fail "the simulator differs from mapped IR"; }
rejects "no token program yet" eval "$work"/dump/00-*.oir --perplexity $tales/eval_tokens.json

# ---- what is refused
rejects "say one of --perplexity, --masked, --classify and --layers" eval "$work/p.ohm"
rejects "expected a list of lists of token ids" eval "$work/p.ohm" --perplexity $tales/tokenizer.json
echo '[[0, 600]]' >"$work/big.json"
rejects "token 600 of sequence 0 is outside the model's 512 tokens" eval "$work/p.ohm" --perplexity "$work/big.json"
echo '[[600, 0]]' >"$work/big.json"
rejects "input 'input_ids' is 600 at token 0 of sequence 0" eval "$work/p.ohm" --perplexity "$work/big.json"
echo '[[0, 1' >"$work/broken.json"
rejects "broken.json" eval "$work/p.ohm" --perplexity "$work/broken.json"
rejects "the model has no output 'loss'" eval "$work/p.ohm" --perplexity $tales/eval_tokens.json --output loss
rejects "expected an object with 'ids', 'masked' and 'mask_id'" eval "$work/p.ohm" --masked $tales/eval_tokens.json
rejects "images need --labels FILE" eval "$work/p.ohm" --classify "$work/p.ohm"
echo '[1]' >"$work/labels.json"
rejects "raw data need --shape" eval "$work/p.ohm" --classify "$work/p.ohm" --labels "$work/labels.json"
head -c 24 /dev/zero >"$work/x.f32"
rejects "are no whole number of items" eval "$work/p.ohm" --classify "$work/x.f32" --shape 1,5 --labels "$work/labels.json"
rejects "2 items, but 1 labels" eval "$work/p.ohm" --classify "$work/x.f32" --shape 1,3 --labels "$work/labels.json"
rejects "--mean wants one number for each channel" eval "$work/p.ohm" --classify "$work/x.f32" --shape 1,3 \
  --labels "$work/labels.json" --mean 1,2
rejects "expected one input of floats" eval "$work/p.ohm" --classify "$work/x.f32" --shape 1,6 --labels "$work/labels.json"
rejects "--layers compares a model" eval "$work/p.ohm" --layers "$work/p.ohm"

# ---- masked tokens and classes of real models
if shared models/rxnmapper_albert; then
  albert=$root/../shared/models/rxnmapper_albert
  "$ohmic" compile "$albert/albert_rxnmapper_op17.onnx" --chip ideal -q -o "$work/a.ohm" 2>/dev/null
  exits 0 eval "$work/a.ohm" --masked "$albert/mlm_eval.json" --limit 5
  says "as the reference: 5 of 5 sequences"
fi
if shared models/vit_cifar10_ibp; then
  vit=$root/../shared/models/vit_cifar10_ibp
  "$ohmic" compile "$vit/model.onnx" --chip ideal -q -o "$work/v.ohm" 2>/dev/null
  for model in "$work/v.ohm" "$vit/model.onnx"; do
    exits 0 eval "$model" --classify "$vit/data_x.f32" --shape 3,32,32 --labels "$vit/data_y.json" \
      --mean .4914,.4822,.4465 --std .2023,.1994,.2010 --limit 40
    says "right 40 of 40"
  done
  exits 0 eval "$vit/model.onnx" --layers "$work/v.ohm"
  says "nodes compared"
fi
if shared models/own/judge_eval.json; then
  own=$root/../shared/models/own
  "$ohmic" compile "$own/tales_judge_op17.onnx" --chip ideal -q -o "$work/j.ohm" 2>/dev/null
  exits 0 eval "$work/j.ohm" --classify "$own/judge_eval.json" --limit 30
  says "as the reference: 30 of 30 items"
fi
