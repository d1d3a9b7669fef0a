# 10,000 tokens of a rotary model without position tables, window 128: constant memory, constant speed,
# and no difference to a run that was killed again and again.   test_long.sh PATH-OF-OHMIC
. "$(dirname "$0")/lib.sh" "$1"
need_shared
tar -xf $shared/exports/exports.tar.xz -C "$work" llama_ts17_past_eager/model.onnx
model=$work/llama_ts17_past_eager/model.onnx tokens=9999

before=$(date +%s.%N)
compile long "$model" --chip ideal --window 128 --max-tokens 10000
check "seconds to compile for 10,000 positions" \
    "$(awk -v a="$before" -v b="$(date +%s.%N)" 'BEGIN { printf "%.1f", b - a }')" 0 60

# run NAME TOKENS OPTION...: $work/NAME.json
run() {
    local name=$1 n=$2
    shift 2
    "$ohmic" generate "$work/long.ohm" --ids --json -n "$n" "$@" >"$work/$name.json" 2>"$work/$name.err" ||
        { cat "$work/$name.err"; echo "FAIL generate $name"; exit 1; }
}
figure() { sed -n "s/^ \"$1\": \([0-9.e+-]*\),*$/\1/p" "$work/$2.json"; }
draw="--prompt-ids 1 --temperature 1 --seed 7"

echo "== memory and speed"
run short 1000 $draw
run long $tokens $draw --save-state "$work/whole.state"
check "peak memory at 1,000 tokens, KiB" $(($(figure peak_memory_bytes short) / 1024)) 1 20000
check "peak memory at 10,000 tokens, KiB more" \
    $((($(figure peak_memory_bytes long) - $(figure peak_memory_bytes short)) / 1024)) -1024 512
check "tokens" "$(sed -n '/^ "ids"/,/\]/p' "$work/long.json" | grep -cE '^ +[0-9]+,?$')" $tokens $tokens
# The fastest three of the first and of the last four thousand: others use the machine, too.
drift=$(sed -n '/^ "seconds_per_1000_tokens"/,/\]/p' "$work/long.json" | grep -oE '[0-9]+\.[0-9e-]+' |
    awk '{ s[NR] = $1 }
        function best(from, to,   i, k, sum, used) {
            for (k = 0; k < 3; k++) {
                at = 0
                for (i = from; i <= to; i++) if (!(i in used) && (!at || s[i] < s[at])) at = i
                used[at] = 1; sum += s[at]
            }
            return sum
        }
        END { printf "%.2f", NR == 9 ? best(6, 9) / best(1, 4) : 0 }')
check "seconds of the last thousands over the first" "$drift" 0.5 1.5
echo "      $(figure tokens_per_second long) tokens/s"

echo "== killed again and again"
run killed 0 $draw --save-state "$work/parts.state"
kills=0 had=1
for round in $(seq 1 100); do
    "$ohmic" generate "$work/long.ohm" --ids -n $((tokens + 1 - had)) --load-state "$work/parts.state" \
        --save-state "$work/parts.state" --save-every 250 >/dev/null 2>&1 &
    child=$!
    sleep "$(awk -v r="$round" 'BEGIN { print 0.05 * r }')"
    kill -s KILL $child 2>/dev/null && kills=$((kills + 1))
    wait $child 2>/dev/null || true
    run killed 0 --load-state "$work/parts.state"
    had=$(figure loaded_tokens killed)
    [ "$had" -lt $((tokens + 1)) ] || break
done
check "kills" "$kills" 2 100
check "tokens in the end" "$had" $((tokens + 1)) $((tokens + 1))
# The state holds all ids, what the rings hold and the state of the draws.
same "the state is that of the run that was not killed" "$work/whole.state" "$work/parts.state"
check "bytes of the state file" "$(wc -c <"$work/whole.state")" 100000 400000
finish
