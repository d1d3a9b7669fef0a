#!/usr/bin/env bash
# ohmic cost: what it says of a compiled model are the figures of the worked program, with and without --json; lengths
# that the program does not take, a token period that is too short, a chip that does not say how long things take.
. tests/cli/lib.sh

# the summary of a compile ends with what `ohmic cost` says
exits 0 compile examples/tales/tales_gpt.onnx --chip bench-1 --slots 1024 --attention hard-sigmoid -o "$work/tales.ohm"
says "cost      3.794 us from token to token (the 16 before them 5.754 us); 659.9 nJ a token; 52.45 mm2"
tail -n 1 "$work/out" | grep -q '^cost  ' || fail "$(tail -n 3 "$work/out")"
exits 0 compile examples/tales/tales_gpt.onnx --chip bench-1 --slots 1024 --attention hard-sigmoid --json -o "$work/tales.ohm"
sed -n '/^  "cost": {/,$p' "$work/out" >"$work/headline"
exits 0 cost "$work/tales.ohm" --json
for figure in first_token_ns last_token_ns attojoules_a_token mm2; do
  line=$(sed -nE "s/^ *(\"$figure\": .*[^,]),?$/\1/p" "$work/headline")
  [ -n "$line" ] || fail "compile --json says no $figure"
  says "$line"
done
exits 0 compile examples/tales/tales_gpt.onnx --chip ideal -o "$work/ideal.ohm"
says "cost      not stated by the chip"
exits 0 compile examples/tales/tales_gpt.onnx --chip ideal-int8 -o "$work/ideal.ohm"
grep -qE '^cost .*; energy not stated; area not stated; without [0-9]+ figures that the chip does not state$' "$work/out" ||
  fail "$(tail -n 1 "$work/out")"
# a long one is left to `ohmic cost`
{
  echo 'module {after = "find-tokens", class = "whole", max_chunk = 1000000, max_tokens = 1000000, stage = "graph"}'
  echo 'domain t0 {fixed = 1000000, kind = "free", max = 1000000}'
  echo 'func @run(%x "x" : f32[t0,4] {onnx_shape = ["1", "t0", "4"], onnx_type = "f32", role = "tokens"}) -> (%y "y" {onnx_shape = ["1", "t0", "4"], onnx_type = "f32"}) {'
  for ((i = 0; i < 9; i++)); do echo "  %x$i = t.tanh $([ $i = 0 ] && echo %x || echo "%x$((i - 1))") : f32[t0,4]"; done
  echo '  %y = t.add %x8, %x8 : f32[t0,4]'
  echo '}'
} >"$work/long.oir"
exits 0 compile "$work/long.oir" --chip ohmic-1 -o "$work/long.ohm"
says 'cost      `ohmic cost` counts what a long sequence takes'
exits 0 compile "$work/long.oir" --chip ohmic-1 --json -o "$work/long.ohm"
says '"cost": null'
exits 0 cost "$work/tales.ohm" --prompt 16 --generate 4
says "first token      5.754 us"
says "token to token   3.794 us"
says "in the long run  128 ns     a row, 7.812 M tokens/s, in steps of 32; "
says "limited by       crossbar"
says "critical path of the last step, 3.794 us"
says "/model/transformer/h.0/mlp/c_proj/Gemm"
says "energy           659.9 nJ a token"
[ "$(wc -l <"$work/out")" -le 40 ] || fail "more than one screen"
grep -qF '[timing-period]' "$work/err" || fail "a token period of 260 ns is not warned of"

exits 0 cost "$work/tales.ohm" --prompt 16 --generate 4 --json
for figure in '"first_token_ns": 5754.0' '"last_token_ns": 3794.0' '"generated_ns": 15176.0' '"period_ns": 4096.0' \
  '"missing": []'; do
  says "$figure"
done
cp "$work/out" "$work/once"
exits 0 cost "$work/tales.ohm" --prompt 16 --generate 4 --json
cmp -s "$work/once" "$work/out" || fail "two runs differ"

# the depth-4 rows of the design's table, and what a faster port gives
for row in "1 0 3794" "2 0 3922" "4 0 4194" "16 0 5754" "64 0 11898" "1 128 3839" "16 128 5878" "64 128 12022" \
  "1 64 3995" "4 64 4625" "16 64 6702" "64 64 14950"; do
  read -r rows port ns <<<"$row"
  exits 0 cost "$work/tales.ohm" --prompt "$rows" --generate 0 --set tile.port="$port" --json
  says "\"first_token_ns\": $ns.0"
done

# energy: divided in every way, exactly; what is drawn all the time, room, the weights
exits 0 cost "$work/tales.ohm" --prompt 16 --generate 0 --json
says '"attojoules_a_token": "659906560000"'
awk '/"by": \{/ { by = 1 } /"static_uw"/ { by = 0 } !by && /"attojoules": "10558504960000"/ { total = 1 }
  by && /^   "[a-z]+": \[/ { n++ } by && /"attojoules"/ { gsub(/[^0-9]/, ""); sum[n] += $0 }
  END { for (k = 1; k <= n; k++) if (sprintf("%.0f", sum[k]) != "10558504960000") exit 1; exit !(total && n == 6) }' \
  "$work/out" || fail "shares do not add up"
exits 0 cost "$work/tales.ohm" --prompt 16 --generate 0 --json --set power.control=123.456 --set power.host=7
awk '/"by": \{/ { by = 1 } /"static_uw"/ { by = 0 } by && /^   "[a-z]+": \[/ { n++ }
  /"static_attojoules"/ { gsub(/[^0-9]/, ""); if (by) sum[n] += $0; else total = $0 }
  END { for (k = 1; k <= n; k++) if (sum[k] < total * 0.999999 || sum[k] > total * 1.000001) exit 1
    exit !(total > 0 && n == 6) }' "$work/out" ||
  fail "what is drawn all the time is not divided"
exits 0 cost "$work/tales.ohm" --by tile --top 2
says "energy a token by tile"
says "tile 1"
says "and 7 more"
exits 0 cost "$work/tales.ohm" --by tile --top 2 --set power.host=1e9
says "(none; the interface to the host)"
says "and 8 more"
exits 0 cost "$work/tales.ohm" --by node
says "/model/lm_head/MatMul"
exits 0 cost "$work/tales.ohm" --by instruction
says "run t1.2"
says "area             52.45 mm2 in 9 tiles"
says "weights          3407872 cells and 402432 bytes written once: 2.904e+07 pulses"
misused "--by" cost "$work/tales.ohm" --by colour

rejects "--prompt 256 and --generate 1: the program takes 1 to 256 tokens together" cost "$work/tales.ohm" --prompt 256 --generate 1
misused "--prompt wants a whole number, 1 ... 2147483647, found '0'" cost "$work/tales.ohm" --prompt 0
misused "no parameter 'tile.prot'; did you mean 'tile.port'?" cost "$work/tales.ohm" --set tile.prot=1
rejects "at most a second" cost "$work/tales.ohm" --set time.settle=1e9

exits 0 compile examples/tales/tales_gpt.onnx --chip ideal-int8 -q -o "$work/ideal.ohm"
exits 0 cost "$work/ideal.ohm"
says "not stated by the chip, so in no total: time.cycle"

# a program of one length is asked about that length
cat >"$work/fixed.oir" <<'OIR'
module {after = "find-tokens", class = "whole", max_chunk = 6, max_tokens = 6, stage = "graph"}
domain t0 {fixed = 6, kind = "free", max = 6}
func @run(%x "x" : f32[t0,4] {onnx_shape = ["1", "t0", "4"], onnx_type = "f32", role = "tokens"}) -> (%y "y" {onnx_shape = ["1", "t0", "4"], onnx_type = "f32"}) {
  %y = t.add %x, %x : f32[t0,4]
}
OIR
exits 0 compile "$work/fixed.oir" --chip ohmic-1 -q -o "$work/fixed.ohm"
exits 0 cost "$work/fixed.ohm"
says "6 tokens, then 0 one by one"
rejects "--prompt 5: the program takes sequences of 6 tokens only" cost "$work/fixed.ohm" --prompt 5

# what run, generate and eval say of the time are the figures of cost for the same rows
exits 0 compile examples/tales/tales_gpt.onnx --chip bench-1 --max-chunk 16 -q -o "$work/short.ohm"
npy "$work/ids.npy" i8 "1, 40" $(seq 1 40)
exits 0 run "$work/short.ohm" -i "input_ids=$work/ids.npy" --cost
ran=$(sed -nE 's/^on bench-1: 40 rows in ([0-9.]+ us) .*/\1/p' "$work/out")
exits 0 cost "$work/short.ohm" --prompt 40 --generate 0
[ -n "$ran" ] || fail "run --cost says nothing"
says "first token      $ran"
energy=$(sed -nE 's/^energy +([0-9.]+ nJ) a token.*/\1/p' "$work/out")
exits 0 run "$work/short.ohm" -i "input_ids=$work/ids.npy" --cost
says "  $energy a row, "
exits 0 cost "$work/short.ohm" --prompt 40 --generate 0 --json
energy=$(sed -nE 's/^  ("attojoules": "[0-9]+"),$/\1/p' "$work/out")
[ -n "$energy" ] || fail "cost --json says no energy"
exits 0 run "$work/short.ohm" -i "input_ids=$work/ids.npy" --cost --json
says '"rows_together": 40'
says "$energy"
exits 0 generate "$work/tales.ohm" --tokenizer examples/tales/tokenizer.json --prompt-ids 0,47,393,5 -n 4 --cost
grep -qF 'then 3 one by one, the last in 3.794 us (263.6 k tokens/s)' "$work/err" || fail "$(cat "$work/err")"
grep -qF '[timing-period]' "$work/err" || fail "generate --cost does not warn of a token period of 260 ns"
exits 0 generate "$work/tales.ohm" --tokenizer examples/tales/tokenizer.json --prompt-ids 0,47,393,5 -n 4 --cost --json
says '"last_token_ns": 3794.0'
exits 0 eval "$work/short.ohm" --perplexity examples/tales/eval_tokens.json --end-token 0 --limit 2 --cost
says "on bench-1: "
misused "--cost wants a program" eval examples/tales/tales_gpt.onnx --perplexity examples/tales/eval_tokens.json --cost --limit 1
exits 0 compile examples/tales/tales_gpt.onnx --chip bench-1 --set time.settle=1e9 -o "$work/slow.ohm"
says "cost      cannot be counted: a row of an instruction takes 9000000006 ns, at most a second"
rejects "at most a second" run "$work/slow.ohm" -i "input_ids=$work/ids.npy" --cost

# every reader of a row that thousands wrote, column by column, waits for each of them: refused in a moment
{
  echo ".ohm 1"
  echo ".program stream max_tokens=4 max_chunk=4 banks=1 token_period_ns=0"
  printf '.phase run\n  .rows t0 free max=4\n.port x in f32 1\n.port y out f32 2500\n.tile 0\n'
  printf '  .buf x f32 1 depth=8 stride=16\n  .buf b f32 2500 depth=8 stride=10000 base=128\n  .buf y f32 2500 depth=8 stride=10000 base=80128\n'
  for ((i = 0; i < 2500; i++)); do echo "  .view v$i b $i..$i"; done
  printf '  .code run\n    in x, x\n'
  for ((i = 0; i < 2500; i++)); do echo "    ew1 v$i, x, neg"; done
  for ((i = 0; i < 2500; i++)); do echo "    ew1 y, b, neg"; done
  printf '    out y, y, 0\n    halt\n'
} >"$work/many.s"
exits 0 as "$work/many.s" --chip ideal-int8 --set tile.scratchpad=1000000 -o "$work/many.ohm"
rejects "instructions wait for too many others to be timed: it asks for more than" cost "$work/many.ohm"

# what a chip does not state is no 0
exits 0 compile examples/tales/tales_gpt.onnx --chip ideal -q -o "$work/ideal.ohm"
exits 0 cost "$work/ideal.ohm"
for what in time energy power area; do
  grep -qE "^$what +not stated by the chip$" "$work/out" || fail "$(cat "$work/out")"
done
says "time and energy not stated by the chip"
! grep -qE '(^|[^0-9.])0 (ns|aJ|uW|mm2|tokens)' "$work/out" || fail "$(cat "$work/out")"
exits 0 cost "$work/ideal.ohm" --json
for figure in first_token_ns last_token_ns attojoules mm2; do says "\"$figure\": null"; done
exits 0 run "$work/ideal.ohm" -i "input_ids=$work/ids.npy" --cost
grep -q "rows in a time that is not stated" "$work/out" "$work/err" || fail "$(cat "$work/out" "$work/err")"
says "energy not stated by the chip"
exits 0 compile examples/tales/tales_gpt.onnx --chip wang2025 -q -o "$work/wang.ohm"
exits 0 run "$work/wang.ohm" -i "input_ids=$work/ids.npy" --cost
grep -qE '^  [0-9.]+ uJ a row, [0-9.]+ uJ in all; what is drawn all the time is not stated$' "$work/out" || fail "$(cat "$work/out")"
grep -qE 'not stated by the chip, so in no total:.* power\.dac' "$work/out" || fail "run --cost does not name the powers that lack"
exits 0 run "$work/wang.ohm" -i "input_ids=$work/ids.npy" --cost --json
says '"static_attojoules": null'
says '"power.dac"'
# its weights stand in dense crossbars, four cells of two bits each
exits 0 cost "$work/wang.ohm"
says "weights          $((4 * 851968)) cells and 402432 bytes written once: pulses and time not stated by the chip, 1.207 uJ"
says " programming.pulses programming.time programming.energy"
exits 0 cost "$work/wang.ohm" --set programming.pulses=2 --set programming.time=10 --set programming.energy=3
says "6.816e+06 pulses, 68.16 ms"
rejects "pool.arrays is 0, but products of tile 0 are computed on a pool" cost "$work/wang.ohm" --set pool.arrays=0
exits 0 cost "$work/wang.ohm" --set pool.arrays=1
exits 0 cost "$work/short.ohm" --set pool.arrays=0
exits 0 chips wang2025
says "# a tile has as many as a program fills, none of them in these figures: dense"
exits 0 chips --check chips/ohmic-1.yaml --json
says '"possible": true'
