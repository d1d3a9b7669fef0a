#!/usr/bin/env bash
# compile --banks: sequences of a batch run a step of each in turn, and each gives the bits it gives alone; what several
# take together on the chip; what does not fit.
. tests/cli/lib.sh
model=examples/tales/tales_gpt.onnx
sequences=4 tokens=40

exits 0 compile $model --chip ohmic-1 --max-chunk 16 -q -o "$work/one.ohm"
exits 0 compile $model --chip ohmic-1 --max-chunk 16 --banks 4 --dump-ir "$work/dump" -o "$work/four.ohm"
says "at most 16 a step; 4 sequences side by side"
says "4 rings with 32 key/value heads"
exits 0 compile $model --chip ohmic-1 --max-chunk 16 --banks 3 -q -o "$work/three.ohm"
exits 0 dis "$work/four.ohm" --no-data
says " max_chunk=16 banks=4 "

# ---- bits: four sequences at once, on three banks (three, then one), and each alone
id() { echo $((($1 * 7919 + $2 * 104729 + $1 * $2 * 31) % 500 + 1)); }
all=()
for ((s = 0; s < sequences; s++)); do
  ids=()
  for ((t = 0; t < tokens; t++)); do ids+=("$(id $s $t)"); done
  all+=("${ids[@]}")
  npy "$work/in$s.npy" i8 "1, $tokens" "${ids[@]}"
  exits 0 run "$work/one.ohm" -i "input_ids=$work/in$s.npy" -o "logits=$work/out$s.npy"
  tail -c +129 "$work/out$s.npy" >>"$work/alone"
done
[ "$(wc -c <"$work/alone")" = $((sequences * tokens * 512 * 4)) ] || fail "single runs give $(wc -c <"$work/alone") bytes"
npy "$work/in.npy" i8 "$sequences, $tokens" "${all[@]}"
for program in one three four; do
  exits 0 run "$work/$program.ohm" -i "input_ids=$work/in.npy" -o "logits=$work/out.npy" --activity "$work/$program.json"
  tail -c +129 "$work/out.npy" >"$work/together"
  cmp -s "$work/alone" "$work/together" || fail "$program.ohm: sequences side by side give other bits than alone"
done

# ---- and they did take turns: 16, 16 and 8 rows of each
order() { grep -oE '"bank": [0-9], "position": [0-9]+' "$work/$1.json" | sed -E 's/"bank": ([0-9]), "position": ([0-9]+)/\1:\2/' | tr '\n' ' '; }
[ "$(order four)" = "0:0 1:0 2:0 3:0 0:16 1:16 2:16 3:16 0:32 1:32 2:32 3:32 " ] || fail "order: $(order four)"
[ "$(order three)" = "0:0 1:0 2:0 0:16 1:16 2:16 0:32 1:32 2:32 0:0 0:16 0:32 " ] || fail "order: $(order three)"
exits 0 cost "$work/four.ohm" --activity "$work/four.json"
says "160 tokens, then 0 one by one"

# ---- time: each waits for its own last token, the others fill the time
exits 0 cost "$work/four.ohm" --sequences 4 --json
together=$(sed -nE '/"together"/,/}/s/.*"generated_ns": ([0-9]+).*/\1/p' "$work/out")
alone=$(sed -nE '/"together"/,/}/!s/.*"generated_ns": ([0-9]+).*/\1/p' "$work/out")
[ $((4 * alone)) -gt $((3 * together)) ] && [ "$together" -ge "$alone" ] || fail "8 tokens: $alone ns of one sequence, $together of four"
exits 0 cost "$work/four.ohm" --sequences 4
says "4 sequences      first tokens within "
rejects "5 sequences, the program has a bank for each of 4: compile with --banks 5" cost "$work/four.ohm" --sequences 5

# ---- the IR text keeps them; rings of all banks have to fit; whole sequences need none
ir=$(echo "$work"/dump/*-allocate.oir)
exits 0 compile "$ir" --chip ohmic-1 -q -o "$work/again.ohm"
cmp -s "$work/four.ohm" "$work/again.ohm" || fail "the text of the IR gives another program"
rejects "2 key/value heads" compile $model --chip ohmic-1 --set tile.ring_heads=1 -o "$work/no.ohm"
rejects "an attention has 18 key/value heads in all banks together, a tile of chip 'ohmic-1' holds 16: a chip with --set tile.ring_heads=18 would do, or fewer --banks" \
  compile $model --chip ohmic-1 --banks 9 -o "$work/no.ohm"
sed -E 's/banks = 4/banks = 0/' "$ir" >"${ir%.oir}-none.oir"
rejects "'banks' must be positive" compile "${ir%.oir}-none.oir" --chip ohmic-1 -o "$work/no.ohm"
printf 'module {after = "find-tokens", class = "whole", max_chunk = 6, max_tokens = 6, stage = "graph"}\ndomain t0 {fixed = 6, kind = "free", max = 6}\nfunc @run(%%x "x" : f32[t0,4] {onnx_shape = ["1", "t0", "4"], onnx_type = "f32", role = "tokens"}) -> (%%y "y" {onnx_shape = ["1", "t0", "4"], onnx_type = "f32"}) {\n  %%y = t.add %%x, %%x : f32[t0,4]\n}\n' >"$work/whole.oir"
exits 0 compile "$work/whole.oir" --chip ohmic-1 --banks 2 -q -o "$work/whole.ohm"
grep -qF -- "--banks has no effect here: the program takes whole sequences, which leave nothing behind" "$work/err" || fail "$(cat "$work/err")"

# ---- and over time: a track of steps for each
exits 0 cost "$work/four.ohm" --sequences 4 --generate 3 --timeline "$work/four.trace.json"
for bank in 0 1 2 3; do
  [ "$(grep -cF "\"tid\": $bank, \"ts\"" "$work/four.trace.json")" = 4 ] || fail "steps of sequence $bank on the timeline"
done
