#!/usr/bin/env bash
# ohmic generate: greedy text, sampling from a seed, every way to stop, what is refused.   $1: the command
. "$(dirname "$0")/lib.sh"
tales=examples/tales
"$ohmic" compile $tales/tales_gpt.onnx --chip ideal -q -o "$work/p.ohm" 2>/dev/null
cp $tales/tokenizer{,_config}.json "$work" # beside the program: found without --tokenizer
generate() { exits 0 generate "$work/p.ohm" "$@"; }

# ---- greedy
generate --prompt "Once there was" --tokens 20
text=$(cat "$work/out")
grep -q "stopped by the number of tokens asked for" "$work/err" || fail "why it stopped is not said"
grep -qE "[0-9.]+ tokens/s" "$work/err" || fail "tokens per second are not said"
generate --prompt "Once there was" --tokens 20 --threads 1
[ "$text" = "$(cat "$work/out")" ] || fail "threads change the text"
generate --prompt "Once there was" --tokens 20 --top-k 1 --seed 7
[ "$text" = "$(cat "$work/out")" ] || fail "--top-k 1 is not greedy"
generate --prompt "Once there was" --tokens 20 --tokenizer $tales/tokenizer.json --ids
[ "$(wc -w <"$work/out")" = 20 ] || fail "--ids prints something else than 20 ids"
ids=$(cat "$work/out")
generate --prompt-ids "0, 47,393,69 487 266" --tokens 20 --ids
[ "$ids" = "$(cat "$work/out")" ] || fail "--prompt-ids is another prompt"
printf 'Once there was' | "$ohmic" generate "$work/p.ohm" --prompt - --tokens 20 >"$work/stdin" 2>"$work/err"
[ "$text" = "$(cat "$work/stdin")" ] || fail "a prompt from standard input is another one"
generate --tokens 3 # no prompt: the token that begins a text

# ---- sampling
generate --tokens 30 --temperature 1 --seed 1
one=$(cat "$work/out")
generate --tokens 30 --temperature 1 --seed 1
[ "$one" = "$(cat "$work/out")" ] || fail "the same seed gives another text"
generate --tokens 30 --temperature 1 --seed 2
[ "$one" != "$(cat "$work/out")" ] || fail "another seed gives the same text"
generate --tokens 30 --top-p 0.9 --seed 1

# ---- stops
generate --prompt "Once there was" --tokens 100 --stop " lived" --stop "never comes"
grep -q "stopped by stop text" "$work/err" || fail "--stop does not stop"
grep -q "lived" "$work/out" && fail "the stop text is printed"
case $text in "$(cat "$work/out")"*) ;; *) fail "the text before a stop is not the greedy one" ;; esac
generate --prompt "Once there was" --tokens 250
grep -qE "stopped by (end token|the program's maximum)" "$work/err" || fail "a long text does not end"
"$ohmic" compile $tales/tales_gpt.onnx --chip ideal --max-tokens 64 -q -o "$work/short.ohm" 2>/dev/null
exits 0 generate "$work/short.ohm" --prompt "Once there was" --tokens 100
grep -qF "stopped by the program's maximum (compile with --max-tokens 65, at most 256): 59 tokens after 6" "$work/err" ||
  fail "the compiled maximum is not said: $(cat "$work/err")"
# what is advised can be done; beyond the position table nothing is
long=$(printf 'Once there was a fox. %.0s' $(seq 8))
rejects "the program was compiled for 64: compile with --max-tokens" generate "$work/short.ohm" --prompt "$long"
most=$(grep -oE -- '--max-tokens [0-9]+' "$work/err")
# shellcheck disable=SC2086 # two words
exits 0 compile $tales/tales_gpt.onnx --chip ideal $most -q -o "$work/longer.ohm"
exits 0 generate "$work/longer.ohm" --prompt "$long" --tokens 1
rejects "the model's position table has 256 rows, and no more" generate "$work/short.ohm" --prompt "$long$long$long$long$long"
generate --prompt "Once there was" --tokens 5 --json
says '"stopped_by"'
says '"prompt_ids"'

# ---- what is refused
rejects "the prompt has 70 tokens, the program was compiled for 64: compile with --max-tokens" \
  generate "$work/short.ohm" --prompt-ids "$(seq -s, 70)" --ids
rejects "token id 600 is outside [0, 512): is this the model's tokenizer?" generate "$work/p.ohm" --prompt-ids 600
misused "--temperature wants a number that is not negative, found '-1'" generate "$work/p.ohm" --temperature -1
misused "--top-p wants a number above 0, at most 1, found '0'" generate "$work/p.ohm" --top-p 0
misused "--top-k wants a whole number, 0 ... 2147483647, found '-1'" generate "$work/p.ohm" --top-k -1
misused "--tokens wants a whole number" generate "$work/p.ohm" --tokens -1
misused "--prompt and --prompt-ids exclude each other" generate "$work/p.ohm" --prompt a --prompt-ids 1
misused "--prompt-ids wants whole numbers" generate "$work/p.ohm" --prompt-ids 1,,2
mkdir "$work/alone"
cp "$work/p.ohm" "$work/alone"
misused "say --tokenizer FILE" generate "$work/alone/p.ohm" --prompt a
exits 2 generate "$work/p.ohm" --seed x

if shared models/own/tales_judge_op17.onnx; then
  "$ohmic" compile "$root/../shared/models/own/tales_judge_op17.onnx" --chip ideal -q -o "$work/judge.ohm" 2>/dev/null
  rejects "the program cannot generate token by token: the program takes whole sequences" \
    generate "$work/judge.ohm" --prompt a
fi
if shared models/stories260K/tok512.bin; then # llama2.c's tokenizer, 200 golden tokens
  stories=$root/../shared/models/stories260K
  "$ohmic" compile "$stories/stories260k_legacy_op17.onnx" --chip ideal -q -o "$work/s.ohm" 2>/dev/null
  exits 0 generate "$work/s.ohm" --tokenizer "$stories/tok512.bin" --tokens 199 --ids
  [ "1,$(tr -s ' ' ',' <"$work/out")" = "$(tr -d '[] \n' <"$stories/golden_tokens.json")" ] || fail "not the golden tokens"
fi
