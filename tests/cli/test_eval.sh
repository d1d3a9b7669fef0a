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
exits 0 eval "$work/p.ohm" --perplexity "$work/one.json" --end-token 0
says "1 tokens in 1 sequences"
exits 0 eval $tales/tales_gpt.onnx --layers "$work/p.ohm"
says "nodes compared"
says "/model/lm_head/MatMul"
exits 0 eval $tales/tales_gpt.onnx --layers "$work/p.ohm" --ids $tales/eval_tokens.json --json
says '"left_out"'

# ---- a row that several tiles make is received in parts, and its codes are those of one tile
for scales in sym static; do
  set --
  [ $scales = sym ] || set -- --static-scales
  "$ohmic" compile $tales/tales_gpt.onnx --chip ohmic-1 "$@" -q -o "$work/few.ohm" 2>/dev/null
  "$ohmic" compile $tales/tales_gpt.onnx --chip ohmic-1 "$@" --set crossbar.rows=32 --set crossbar.columns=32 \
    --set tile.crossbars=8 -q -o "$work/many.ohm" 2>/dev/null
  "$ohmic" dis "$work/many.ohm" --no-data -o "$work/many.s"
  grep -q "view.*quant=$scales" "$work/many.s" || fail "no row is received in parts"
  exits 0 eval "$work/few.ohm" --perplexity $tales/eval_tokens.json --limit 2
  one=$(figure)
  exits 0 eval "$work/many.ohm" --perplexity $tales/eval_tokens.json --limit 2
  [ "$one" = "$(figure)" ] || fail "one tile a layer: $one, several: $(figure)"
done

# ---- perplexity where rows see later tokens
for mode in all causal; do
  cat >"$work/$mode.oir" <<OIR
module {after = "find-tokens", class = "whole", max_chunk = 16, max_tokens = 16, stage = "graph"}
domain t0 {kind = "free", max = 16}
tensor @wte : f32[8,2] = [1, 2, -3, 1, 0.5, 2, 1, -1, 2, 2, 3, -2, 1, 0.25, -1, 1]
tensor @out : f32[2,8] = [1, 2, -3, 1, 0.5, 2, 1, -1, 2, 2, 3, -2, 1, 0.25, -1, 1]
ring @r {bias = "none", d = 2, dv = 2, mode = "$mode", n_kv = 1, q_per_kv = 1, scale = 0.5, slots = 16, softcap = 0, window = 0}

func @run(%ids "input_ids" : i32[t0] {onnx_shape = ["1", "t0"], onnx_type = "i64", range_hi = 8, range_lo = 0, role = "tokens"}) -> (%y "logits") {
  %wte = t.const {value = @wte} : f32[8,2]
  %x = nn.embed %ids, %wte : f32[t0,2]
  %a = nn.attn %x, %x, %x {ring = @r} : f32[t0,2]
  %w = t.const {value = @out} : f32[2,8]
  %y = nn.linear %a, %w : f32[t0,8]
}
OIR
  "$ohmic" compile "$work/$mode.oir" --chip ideal -q -o "$work/$mode.ohm" 2>/dev/null
done
for text in '[[5, 6, 7, 1, 2]]' '[[7, 7, 7]]' '[[3, 4, 5]]'; do
  echo "$text" >"$work/text.json"
  for kind in oir ohm; do
    rejects "see later tokens, so it would be given what it predicts: score it with --masked" \
      eval "$work/all.$kind" --perplexity "$work/text.json"
    exits 0 eval "$work/causal.$kind" --perplexity "$work/text.json"
  done
done

# ---- by position: the shares add up to the total, and come in ranges of powers of two
exits 0 eval "$work/p.ohm" --perplexity $tales/eval_tokens.json --end-token 0 --limit 3 --by-position
awk '/^perplexity/ { total = $8 } $1 ~ /^[0-9]+-[0-9]+$/ { n += $3; labels = labels " " $1 } /^all / { all = $3 }
  END { exit !(total > 0 && n == total && all == total && labels ~ /^ 1-15 16-31 32-63 64-127/) }' "$work/out" ||
  { cat "$work/out"; fail "the positions are not those of the total"; }
table=$(sed -n '2,$p' "$work/out")
exits 0 eval $tales/tales_gpt.onnx --perplexity $tales/eval_tokens.json --end-token 0 --limit 3 --by-position
[ "$table" = "$(sed -n '2,$p' "$work/out")" ] || fail "the interpreter's table by position is another one"
exits 0 eval "$work/p.ohm" --perplexity $tales/eval_tokens.json --limit 1 --by-position --json
says '"position": "16-31"'

# ---- recall: only the last row counts, so a program that keeps no other gives the same
echo '[{"kind":"opening","distance":1,"answer":266,"prompt":[0,47,393,69,487]},
  {"kind":"opening","distance":1,"answer":0,"prompt":[0]}, {"kind":"name","distance":3,"answer":487,"prompt":[0,47,393,69]}]' \
  >"$work/probes.json"
exits 0 eval "$work/p.ohm" --recall "$work/probes.json"
says "recalled 2 of 3: 66.67 %"
grep -qE "^name +1 +1 +100.00" "$work/out" || fail "no row of the kind 'name'"
grep -qE "^1-15 +2 +3 +66.67" "$work/out" || fail "no row of the distance 1-15"
table=$(sed -n '2,$p' "$work/out")
"$ohmic" compile $tales/tales_gpt.onnx --chip ideal --logits last -q -o "$work/last.ohm" 2>/dev/null
for model in "$work/last.ohm" $tales/tales_gpt.onnx; do
  exits 0 eval "$model" --recall "$work/probes.json"
  [ "$(awk '{print $1, $2, $3}' <<<"$table")" = "$(sed -n '2,$p' "$work/out" | awk '{print $1, $2, $3}')" ] ||
    fail "$(basename "$model") recalls something else"
done
exits 0 eval "$work/p.ohm" --recall "$work/probes.json" --limit 1 --json
says '"by_distance"'
says '"by_kind"'
if shared models/own/recall_probes.json; then # metrics.json, all five ranges
  exits 0 eval "$work/p.ohm" --recall "$root/../shared/models/own/recall_probes.json"
  says "recalled 477 of 480"
  [ "$(awk '$1 ~ /^[0-9]+-[0-9]+$/ { printf "%s:%s/%s ", $1, $2, $3 }' "$work/out")" = \
    "1-15:96/96 16-31:96/96 32-63:96/96 64-127:94/96 128-255:95/96 " ] || { cat "$work/out"; fail "not metrics.json's recall"; }
fi

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
misused "say one of --perplexity, --recall, --masked, --classify and --layers" eval "$work/p.ohm"
rejects "expected a list of lists of token ids" eval "$work/p.ohm" --perplexity $tales/tokenizer.json
echo '[[0, 600]]' >"$work/big.json"
rejects "token 600 of sequence 0 is outside the model's 512 tokens" eval "$work/p.ohm" --perplexity "$work/big.json"
echo '[[600, 0]]' >"$work/big.json"
rejects "input 'input_ids' is 600 at token 0 of sequence 0" eval "$work/p.ohm" --perplexity "$work/big.json"
echo '[[0, 1], [600, 0]]' >"$work/big.json"
rejects "big.json: sequence 1: error: input 'input_ids' is 600" eval "$work/p.ohm" --perplexity "$work/big.json"
echo '[[0, 1' >"$work/broken.json"
rejects "broken.json" eval "$work/p.ohm" --perplexity "$work/broken.json"
misused "the model has no output 'loss'; it has 'logits'" eval "$work/p.ohm" --perplexity $tales/eval_tokens.json --output loss
misused "--by-position has no effect without --perplexity" eval "$work/p.ohm" --recall "$work/probes.json" --by-position
rejects "expected a list of probes" eval "$work/p.ohm" --recall $tales/tokenizer.json
bad_probe() { # MESSAGE PROBE
  echo "[{\"kind\":\"a\",\"distance\":1,\"answer\":1,\"prompt\":[0]}, $2]" >"$work/bad.json"
  rejects "$1" eval "$work/p.ohm" --recall "$work/bad.json"
}
bad_probe "probe 1: expected an object with 'kind', 'distance', 'answer' and 'prompt'" 7
bad_probe "probe 1: expected a text for 'kind'" '{"distance":1,"answer":1,"prompt":[0]}'
bad_probe "probe 1: expected a whole number of at least 1 for 'distance'" '{"kind":"a","distance":0,"answer":1,"prompt":[0]}'
bad_probe "probe 1: expected a token id for 'answer'" '{"kind":"a","distance":1,"answer":"aunt","prompt":[0]}'
bad_probe "probe 1: expected a list of token ids for 'prompt'" '{"kind":"a","distance":1,"answer":1,"prompt":[0,"b"]}'
bad_probe "probe 1: expected a list of token ids for 'prompt', and at least one" '{"kind":"a","distance":1,"answer":1,"prompt":[]}'
bad_probe "probe 1: 'distance' reaches to before the begin of 'prompt'" '{"kind":"a","distance":9,"answer":1,"prompt":[0,1]}'
bad_probe "bad.json: error: token 600 of probe 1 is outside the model's 512 tokens" '{"kind":"a","distance":1,"answer":600,"prompt":[0]}'
bad_probe "bad.json: probe 1: error: input 'input_ids' is 600" '{"kind":"a","distance":1,"answer":1,"prompt":[600]}'
for empty in '[]' '[[]]' '[[0]]'; do
  echo "$empty" >"$work/empty.json"
  rejects "empty.json: error: nothing to score: expected a text" eval "$work/p.ohm" --perplexity "$work/empty.json"
  [ ! -s "$work/out" ] || fail "a score is printed of $empty"
done
echo '[]' >"$work/empty.json"
rejects "empty.json: error: nothing to score: expected a probe" eval "$work/p.ohm" --recall "$work/empty.json"
rejects "empty.json: error: nothing to score: expected an example" eval "$work/p.ohm" --classify "$work/empty.json"
for empty in '[]' '[[]]'; do
  echo "{\"ids\":$empty,\"masked\":$empty,\"mask_id\":1}" >"$work/empty.json"
  rejects "empty.json: error: nothing to score: expected a sequence" eval "$work/p.ohm" --masked "$work/empty.json"
done
rejects "expected an object with 'ids', 'masked' and 'mask_id'" eval "$work/p.ohm" --masked $tales/eval_tokens.json
head -c 24 /dev/zero >"$work/x.f32"
rejects "images need --labels FILE" eval "$work/p.ohm" --classify "$work/x.f32"
echo '[1]' >"$work/labels.json"
rejects "raw data need --shape" eval "$work/p.ohm" --classify "$work/x.f32" --labels "$work/labels.json"
rejects "are no whole number of items" eval "$work/p.ohm" --classify "$work/x.f32" --shape 1,5 --labels "$work/labels.json"
rejects "2 items, but 1 labels" eval "$work/p.ohm" --classify "$work/x.f32" --shape 1,3 --labels "$work/labels.json"
rejects "--mean wants one number for each channel" eval "$work/p.ohm" --classify "$work/x.f32" --shape 1,3 \
  --labels "$work/labels.json" --mean 1,2
rejects "expected one input of floats" eval "$work/p.ohm" --classify "$work/x.f32" --shape 1,6 --labels "$work/labels.json"
# of another model: other nodes; the same nodes, other weights
gain=examples/gaincell
exits 0 compile $gain/tales_linear_fn.onnx --chip leroux2025-cmos -q -o "$work/linear.ohm"
rejects "the program is of another model: its node" eval $tales/tales_gpt.onnx --layers "$work/linear.ohm"
rejects "the program is of another model: its tensor" eval $gain/tales_gaincell_fn.onnx --layers "$work/linear.ohm"
exits 0 eval $gain/tales_linear_fn.onnx --layers "$work/linear.ohm"
misused "--layers compares a model" eval "$work/p.ohm" --layers "$work/p.ohm"

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
