# Gain cells, end to end: the published model on leroux2025-cmos in the simulator, to the bit what the
# interpreter computes; adaptation of the linear model to the real cell; softmax models there by
# score read-out and by hard sigmoids. bench/README.md has the figures.
#   test_gain.sh PATH-OF-OHMIC
. "$(dirname "$0")/lib.sh" "$1"
need_shared
own=$shared/own stories=$shared/stories260K tales=examples/tales
text="--perplexity $own/eval_tokens.json --end-token 0"

# Greedy continuations as probes: behind the prompt and every token that was chosen by a margin of
# at least 0.1, the next is the likeliest. One probe a step.
tr -d ' \n' <$own/golden_generation.json | sed 's/.*"tales_gaincell_inlined.onnx"://' |
    grep -o '"\(prompt_ids\|continuation_ids\|top2_margins\)":\[[^]]*\]' | sed 's/.*\[//; s/\]//' |
    awk 'NR % 3 == 1 { prompt = $0 }
        NR % 3 == 2 { n = split($0, id, ",") }
        NR % 3 == 0 { split($0, margin, ",")
            for (i = 1; i <= n; i++) {
                if (margin[i] >= 0.1)
                    printf "%s{\"kind\": \"%d\", \"distance\": 1, \"answer\": %s, \"prompt\": [%s]}\n",
                        made++ ? "," : "[", NR / 3, id[i], prompt
                prompt = prompt "," id[i]
            } }
        END { print "]" }' >"$work/steps.json"
steps=$(grep -c '"answer"' "$work/steps.json")
check "steps of the golden continuations with a margin of 0.1" "$steps" 200 300
# right answers of each range of distances
recalled() { awk '/"distance"/ { d = $2 } /"right"/ && d { print d, $2; d = "" }' "$work/score.json" | tr -d '",'; }
printf '%s\n' "1-15 96" "16-31 95" "32-63 94" "64-127 94" "128-255 80" >"$work/recall"

for name in fn inlined; do
    echo "== tales_gaincell_$name on leroux2025-cmos"
    compile $name $own/tales_gaincell_$name.onnx --chip leroux2025-cmos
    check "perplexity, within 0.5 % of 1.3221" "$(score perplexity "$work/$name.ohm" $text)" \
        "$(relative 1.3221 0.995)" "$(relative 1.3221 1.005)"
    check "golden steps: same likeliest token" \
        "$(score right "$work/$name.ohm" --recall "$work/steps.json" | sed -n 1p)" "$steps" "$steps"
    score right "$work/$name.ohm" --recall $own/recall_probes.json >"$work/right"
    recalled >"$work/found"
    while read -r range right; do
        check "recall, $range tokens back, of 96" "$(awk -v r="$range" '$1 == r { print $2 }' "$work/found")" \
            $((right - 2)) $((right + 2))
    done <"$work/recall"
done

echo "== simulator against interpreter, every value of every layer, 4 texts past the window"
compile wide $own/tales_gaincell_fn.onnx --chip leroux2025-cmos --max-chunk 256 --dump-ir "$work/ir"
tr -d ' \n' <$own/eval_tokens.json | grep -o '\[[0-9,]*\]' | sed -n 1,4p >"$work/texts"
while read -r ids; do
    n=$(echo "$ids" | tr ',' '\n' | wc -l)
    echo "[$ids]" >"$work/ids.json"
    "$ohmic" eval "$work"/ir/*-choose-readout.oir --layers "$work/wide.ohm" --ids "$work/ids.json" >"$work/layers"
    check "text of $n tokens: layers of attention" \
        "$(awk -v n="$n" '$4 ~ /symbolic/ && $3 == n * 128' "$work/layers" | wc -l)" 4 4
    check "text of $n tokens: values with another bit" \
        "$(awk 'NR > 1 && NF == 4 && $1 != 0' "$work/layers" | wc -l)" 0 0
done <"$work/texts"

echo "== the linear model adapted to the real cell"
compile linear $own/tales_linear_fn.onnx --chip ideal
check "on ideal, as the model spells it out" "$(score perplexity "$work/linear.ohm" $text)" 1.3250 1.3252
compile raw $own/tales_linear_fn.onnx --chip leroux2025-cmos
before=$(score perplexity "$work/raw.ohm" $text)
check "on leroux2025-cmos, not adapted" "$before" 1.345 1.348
compile adapted $own/tales_linear_fn.onnx --chip leroux2025-cmos --adapt $own/adaptation_case.json
grep '^note: scalings\|^note: perplexity' "$work/adapted.log"
after=$(score perplexity "$work/adapted.ohm" $text)
check "adapted" "$after" 1.3251 1.3280
check "share of the way back to 1.3251, %" \
    "$(awk -v b="$before" -v a="$after" 'BEGIN { printf "%.1f", 100 * (b - a) / (b - 1.3251) }')" 80 100
compile again $own/tales_linear_fn.onnx --chip leroux2025-cmos --adapt $own/adaptation_case.json --threads 1
same "adapted on one thread: the same program" "$work/adapted.ohm" "$work/again.ohm"

echo "== softmax models on leroux2025-cmos"
for bits in 3 8; do
    levels="--chip leroux2025-cmos --set gain.score_cells=1 --set gain.score_levels=$((1 << bits))"
    compile tales$bits $tales/tales_gpt.onnx $levels
    compile stories$bits $stories/stories260k_legacy_op17.onnx $levels
done
check "tales_gpt, 8 bits, within 1 % of 1.31328" "$(score perplexity "$work/tales8.ohm" $text)" 1 "$(relative 1.31328 1.01)"
check "stories260K, 8 bits, within 1 % of 2.65806" \
    "$(score perplexity "$work/stories8.ohm" --perplexity $stories/eval_tokens.json)" 1 "$(relative 2.65806 1.01)"
check "tales_gpt, 3 bits, worse" "$(score perplexity "$work/tales3.ohm" $text)" 1.314 2
check "stories260K, 3 bits, worse" \
    "$(score perplexity "$work/stories3.ohm" --perplexity $stories/eval_tokens.json)" 5 100
hard="--chip leroux2025-cmos --attention hard-sigmoid"
compile hard $tales/tales_gpt.onnx $hard
compile fitted $tales/tales_gpt.onnx $hard --adapt $tales/calibration_tokens.json
grep '^note: scalings\|^note: perplexity' "$work/fitted.log"
raw=$(score perplexity "$work/hard.ohm" $text)
check "tales_gpt, hard sigmoid, not adapted" "$raw" 1.32 1000
check "tales_gpt, hard sigmoid, adapted: better" "$(score perplexity "$work/fitted.ohm" $text)" 1.32 "$raw"
finish
