#!/usr/bin/env bash
# ohmic generate --save-state, --load-state: a text that is saved, or killed, and taken up goes on with the same
# tokens and the same bytes of text; what is refused.   $1: the command
. "$(dirname "$0")/lib.sh"
tales=examples/tales
"$ohmic" compile $tales/tales_gpt.onnx --chip ideal -q -o "$work/p.ohm" 2>/dev/null
cp $tales/tokenizer{,_config}.json "$work"
p=$work/p.ohm s=$work/s.state
# continues NAME PROGRAM N M OPTION...: N + M tokens at once are N, saved, and M; ids and text
continues() {
  local name=$1 program=$2 n=$3 m=$4 whole parts
  shift 4
  exits 0 generate "$program" "$@" -n $((n + m)) --ids
  whole=$(xargs <"$work/out")
  exits 0 generate "$program" "$@" -n "$n" --ids --save-state "$s"
  parts=$(cat "$work/out")
  exits 0 generate "$program" "${later[@]}" -n "$m" --ids --load-state "$s"
  parts=$(echo "$parts $(cat "$work/out")" | xargs)
  [ "$whole" = "$parts" ] || fail "$name: ids at once: $whole; in two: $parts"
  [ "$(wc -w <<<"$whole")" -gt "$n" ] || fail "$name: nothing is left to go on with"
  exits 0 generate "$program" "$@" -n $((n + m))
  head -c -1 "$work/out" >"$work/whole" # without the newline at the end
  exits 0 generate "$program" "$@" -n "$n" --save-state "$s"
  head -c -1 "$work/out" >"$work/parts"
  exits 0 generate "$program" "${later[@]}" -n "$m" --load-state "$s"
  head -c -1 "$work/out" >>"$work/parts"
  cmp -s "$work/whole" "$work/parts" || { cat "$work/whole" "$work/parts"; fail "$name: the text is another one"; }
}

# ---- the same tokens: greedy, drawn, cut at every place, stop texts across the cut
later=()
for n in 0 1 7 30; do continues "greedy, $n" "$p" "$n" 40 --prompt "Once there was"; done
continues "drawn" "$p" 20 40 --temperature 1 --seed 3
continues "top-k" "$p" 20 40 --top-k 5 --seed 4
continues "top-p" "$p" 20 40 --prompt "Once there was" --top-p 0.8
continues "bytes of characters" "$p" 11 20 --temperature 30 --seed 5 # mostly noise, pieces of characters
exits 0 generate "$p" --prompt "Once there was" -n 60
stop=$(head -c 60 "$work/out" | tail -c 20)
later=(--stop "$stop" --stop "never comes")
for n in 8 9 10 11 12 13 14 15; do continues "stop, $n" "$p" "$n" 40 --prompt "Once there was" "${later[@]}" --stop x9; done
grep -q "stopped by stop text" "$work/err" || fail "a stop text over the cut is not found"
later=()
exits 0 generate "$p" --prompt "Once there was" -n 20 --save-state "$s"
exits 0 generate "$p" --load-state "$s" -n 20 --save-state "$s" # in place
exits 0 generate "$p" --load-state "$s" -n 20 --json
says '"loaded_tokens": 46'
third=$(sed -n '/"ids"/,/\]/p' "$work/out" | tr -cd '0-9 \n' | tr -s ' \n' '  ')
exits 0 generate "$p" --prompt "Once there was" -n 60 --ids
[ "$third" = " $(cut -d' ' -f41-60 "$work/out") " ] || fail "three parts: '$third'"
exits 0 generate "$p" --load-state "$s" -n 1
grep -qF "1 tokens after 46 of the state and 0 of prompt" "$work/err" || fail "how much the state holds is not said"

# ---- options of the command line go before those saved; a prompt goes behind what is saved
exits 0 generate "$p" --prompt "Once there was" -n 20 --temperature 1 --seed 3 --save-state "$s"
exits 0 generate "$p" --load-state "$s" -n 20 --ids --temperature 0
cold=$(cat "$work/out")
exits 0 generate "$p" --load-state "$s" -n 20 --ids
[ "$cold" != "$(cat "$work/out")" ] || fail "--temperature does not go before what was saved"
exits 0 generate "$p" --prompt-ids 0,47,393 -n 0 --save-state "$s"
exits 0 generate "$p" --load-state "$s" --prompt-ids 69,487,266 -n 20 --ids
behind=$(cat "$work/out")
exits 0 generate "$p" --prompt-ids 0,47,393,69,487,266 -n 20 --ids
[ "$behind" = "$(cat "$work/out")" ] || fail "a prompt behind a state is not a prompt in two parts"
exits 0 generate "$p" -n 250 --save-state "$s" # to the end of the tale
exits 0 generate "$p" --load-state "$s" -n 10 --ids
[ "$(wc -w <"$work/out")" = 0 ] || fail "a text that had ended goes on"
grep -q "stopped by end token" "$work/err" || fail "it is not said that the text had ended"

# ---- killed: what was saved last goes on (-s KILL: nothing can be cleaned up)
exits 0 generate "$p" --prompt "Once there was" -n 120 --ids --temperature 1 --seed 8
read -ra whole <"$work/out"
for try in 1 2 3; do
  rm -f "$s"
  "$ohmic" generate "$p" --prompt "Once there was" -n 120 --temperature 1 --seed 8 --save-state "$s" --save-every 1 \
    >/dev/null 2>&1 </dev/null &
  child=$!
  until [ -s "$s" ] || ! kill -0 $child 2>/dev/null; do :; done
  sleep "0.0$((3 * try))"
  kill -s KILL $child 2>/dev/null || true
  wait $child 2>/dev/null || true
  exits 0 generate "$p" --load-state "$s" -n 120 --json
  had=$(sed -n 's/.*"loaded_tokens": \([0-9]*\),/\1/p' "$work/out")
  made=$((had - 6))
  rest=$(sed -n '/^ "ids"/,/\]/p' "$work/out" | tr -cd '0-9 \n' | tr -s ' \n' '  ')
  want=" ${whole[*]:made} "
  [ "$made" -lt ${#whole[@]} ] || want=" " # it had ended before it was killed: nothing to compare
  [ "${rest:0:${#want}}" = "$want" ] || fail "killed after $made tokens: $rest, not $want"
done
[ "$made" -lt ${#whole[@]} ] || echo "note: the last child had ended before it was killed"

# ---- Ctrl-C: what was generated is saved, and how long it took is said
for try in $(seq 1 200); do # until one is met while it runs
  rm -f "$s"
  set -m # or the child would ignore it
  "$ohmic" generate "$p" --prompt "Once there was" -n 120 --temperature 1 --seed 8 --ids --save-state "$s" --save-every 20 \
    >"$work/out" 2>"$work/err" </dev/null &
  child=$!
  set +m
  until [ -s "$s" ] || ! kill -0 $child 2>/dev/null; do :; done
  kill -s INT $child 2>/dev/null || true
  code=0
  wait $child || code=$?
  [ $code = 130 ] && break
done
[ $code = 130 ] || fail "interrupted, it ends with $code: $(cat "$work/err")"
grep -qE "^\[stopped by an interrupt: [0-9]+ tokens after 6 of prompt, .* tokens/s\]$" "$work/err" || fail "$(cat "$work/err")"
read -ra begun <"$work/out"
[ ${#begun[@]} -ge 20 ] && [ "${begun[*]}" = "${whole[*]:0:${#begun[@]}}" ] || fail "interrupted: ${begun[*]}"
exits 0 generate "$p" --load-state "$s" -n $((${#whole[@]} - ${#begun[@]})) --ids
[ "${begun[*]} $(cat "$work/out")" = "${whole[*]}" ] || fail "what Ctrl-C saved goes on with other tokens"

# ---- min-p and the penalty are kept, and make a difference
exits 0 generate "$p" --prompt "Once there was" -n 40 --ids --seed 8 --min-p 0.2 --repetition-penalty 1.2 --repetition-window 30
penalised=$(cat "$work/out")
[ "$penalised" != "${whole[*]:0:40}" ] || fail "--min-p and --repetition-penalty change nothing"
exits 0 generate "$p" --prompt "Once there was" -n 15 --ids --seed 8 --min-p 0.2 --repetition-penalty 1.2 --repetition-window 30 \
  --save-state "$s"
begun=$(cat "$work/out")
exits 0 generate "$p" --load-state "$s" -n 25 --ids
[ "$begun $(cat "$work/out")" = "$penalised" ] || fail "a saved text is drawn in another way"

# ---- line by line: each is a prompt behind the text so far
printf 'Once there was\n Then\n' | "$ohmic" generate "$p" --interactive -n 12 >"$work/out" 2>"$work/err"
talk=$(cat "$work/out")
[ "$(grep -c "stopped by" "$work/err")" = 2 ] || fail "not a line a turn: $(cat "$work/err")"
exits 0 generate "$p" --prompt "Once there was" -n 12 --save-state "$s"
first=$(cat "$work/out")
exits 0 generate "$p" --load-state "$s" --prompt " Then" -n 12
[ "${talk//$'\n'/}" = "${first//$'\n'/}$(tr -d '\n' <"$work/out")" ] || fail "'$talk' is not '$first' and '$(cat "$work/out")'"
: | "$ohmic" generate "$p" --interactive >"$work/out" 2>"$work/err" || fail "no line at all"
[ ! -s "$work/out" ] || fail "something is generated without a line"
misused "--interactive and --prompt, --prompt-ids, --source, --source-ids, --source-features or --json exclude each other" generate "$p" --interactive --prompt x
misused "--min-p wants a number from 0 to 1" generate "$p" --min-p 1.5
misused "--repetition-penalty wants a positive number" generate "$p" --repetition-penalty 0
misused "--repetition-window wants a whole number, 0" generate "$p" --repetition-window -1

# ---- what is refused, and changes nothing
exits 0 generate "$p" --prompt "Once there was" -n 20 --save-state "$s"
"$ohmic" compile $tales/tales_gpt.onnx --chip ideal --window 64 -q -o "$work/w.ohm" 2>/dev/null
rejects "the state of another program: it was saved by 'p.ohm'" generate "$work/w.ohm" --load-state "$s" \
  --tokenizer $tales/tokenizer.json
grep -q "chip ideal, compiled by ohmic" "$work/err" || { cat "$work/err"; fail "what would fit is not said"; }
head -c 1000 "$s" >"$work/cut"
rejects "the state file is cut off: 1000 bytes of" generate "$p" --load-state "$work/cut"
rejects "is a program, --load-state wants the state of a text" generate "$p" --load-state "$p"
rejects "cannot read" generate "$p" --load-state "$work/nothing"
{ head -c 3000 "$s"; printf '\xee'; tail -c +3002 "$s"; } >"$work/damaged"
rejects "the state file is damaged: its content does not match its checksum" generate "$p" --load-state "$work/damaged"
{ head -c 8 "$s"; printf '\x07'; tail -c +10 "$s"; } >"$work/newer"
rejects "a state file of version 7, this ohmic reads version 1" generate "$p" --load-state "$work/newer"
rejects "the state holds 26 tokens and the prompt has 240, the program was compiled for 256" \
  generate "$p" --load-state "$s" --prompt-ids "$(seq -s, 240)"
misused "--save-every wants a whole number, 1" generate "$p" --save-state "$s" --save-every 0
misused "--save-every has no effect without --save-state" generate "$p" --save-every 5
misused "--save-state wants a file" generate "$p" --save-state -
misused "--load-state and --prompt cannot both be standard input" generate "$p" --load-state - --prompt -
for option in --save-state --metrics-file; do # before anything is printed
  rejects "$work/no/such/folder: error: cannot write" generate "$p" $option "$work/no/such/folder" -n 3
  [ ! -s "$work/out" ] || fail "$option: text is printed before it is known that the file cannot be written"
done
rejects "Is a directory" generate "$p" --metrics-file "$work" -n 3
exits 1 generate "$p" --save-state "$work/no/state" --metrics-file "$work/no/metrics" -n 3
[ "$(grep -c "cannot write" "$work/err")" = 2 ] || { cat "$work/err"; fail "not both files are named"; }
before=$(cksum <"$s")
rejects "token id 600 is outside" generate "$p" --load-state "$s" --prompt-ids 600 --save-state "$s"
[ "$before" = "$(cksum <"$s")" ] || fail "a run that failed has changed the state file"
[ "$(ls "$work" | grep -c 's\.state\.')" -le 3 ] || fail "temporary files are left" # of those killed

# ---- metrics
exits 0 generate "$p" --prompt "Once there was" -n 5 --metrics --ids
awk -F '\t' '$1 == "position" { n = NF; for (i = 1; i <= NF; i++) col[$i] = i }
  n && $1 != "position" && NF == n { rows++; if ($col["position"] != rows + 4) bad = 1
    if ($col["window_fill"] <= last || $col["oldest_decay"] != 1) bad = 1; last = $col["window_fill"] }
  END { exit !(rows == 5 && !bad) }' "$work/err" || { cat "$work/err"; fail "the table of metrics"; }
exits 0 generate "$p" --prompt "Once there was" -n 5 --metrics-file "$work/metrics.tsv"
[ "$(wc -l <"$work/metrics.tsv")" = 6 ] || fail "--metrics-file has another number of lines than tokens and one"
exits 0 generate "$p" --prompt "Once there was" -n 5 --metrics --json
says '"window_fill": 0.0'
says '"peak_memory_bytes"'
exits 0 generate "$p" -n 2 --stats
grep -q peak_memory "$work/err" || fail "--stats does not say the peak memory"
awk '/^peak_memory/ { seen = 1 } !/^\[/ && $2 ~ /^[0-9]+$/ { match($0, /^[a-z_]+ +[0-9]+ /)
    if (width && RLENGTH != width) bad = 1; width = RLENGTH; rows++ }
  END { exit !(seen && rows > 10 && !bad) }' "$work/err" || { cat "$work/err"; fail "--stats: the columns are not in line"; }

# Of gain cells: what docs/gain-cells.md says of a row on leroux2025-cmos, here 4 layers of 2 heads with 2 sub-tiles:
# 4 * 2 * 2 / 16 of 1120 + 700 + 4000 pJ, and 4 * 2 * 330 pJ of writing, in the first line that of all rows of the
# prompt; 4 * (15 + 15 + 15 + 2 + 4) ns.
"$ohmic" compile examples/gaincell/tales_gaincell_fn.onnx --chip leroux2025-cmos -q -o "$work/g.ohm" 2>/dev/null
exits 0 generate "$work/g.ohm" --prompt "Once there was" -n 250 --metrics-file "$work/metrics.tsv" --ids
awk -F '\t' 'NR == 1 { for (i = 1; i <= NF; i++) col[$i] = i; next }
  { pj = $col["attention_pj"]; ns = $col["attention_ns"]; fill = $col["window_fill"]; left = $col["oldest_decay"]
    if ((NR > 2 && pj != 8460) || (NR == 2 && (pj % 8460 || pj < 2 * 8460)) || ns != 204 || $col["scores_saturated"] > 0.1 || $col["outputs_saturated"] > 0.1) bad = NR
    scores += $col["scores_saturated"]; outputs += $col["outputs_saturated"]
    if (NR > 2 && ((before < 1 && (fill <= before || left >= decay)) || (before == 1 && (fill != 1 || left != decay)))) bad = NR
    before = fill; decay = left }
  END { exit !(NR > 150 && !bad && before == 1 && scores > 0 && outputs > 0 && decay < 0.98 && decay > 0.979) }' \
  "$work/metrics.tsv" || { cat "$work/metrics.tsv"; fail "the metrics of gain cells"; }
[ "$(wc -l <"$work/metrics.tsv")" = $(($(wc -w <"$work/out") + 1)) ] || fail "not a row a token"
continues "gain cells" "$work/g.ohm" 140 100 --prompt "Once there was" --temperature 0.5

if shared models/stories260K/tok512.bin; then
  stories=$root/../shared/models/stories260K
  "$ohmic" compile "$stories/stories260k_legacy_op17.onnx" --chip ideal -q -o "$work/q.ohm" 2>/dev/null
  later=(--tokenizer "$stories/tok512.bin")
  continues "stories, greedy" "$work/q.ohm" 100 100 --tokenizer "$stories/tok512.bin"
  continues "stories, drawn" "$work/q.ohm" 100 100 --tokenizer "$stories/tok512.bin" --temperature 1 --seed 2
fi
if shared models/own/tales_judge_op17.onnx; then
  "$ohmic" compile "$root/../shared/models/own/tales_judge_op17.onnx" --chip ideal -q -o "$work/judge.ohm" 2>/dev/null
  rejects "the program cannot generate token by token" generate "$work/judge.ohm" --load-state "$s"
fi
