# The language of the chips: golden texts, perplexity, hidden tokens, classes, on whole evaluation
# sets. bench/README.md has the figures.   test_language.sh PATH-OF-OHMIC
. "$(dirname "$0")/lib.sh" "$1"
need_shared
stories=$shared/stories260K own=$shared/own

echo "== stories260K on ideal"
dialects="legacy_op17 external_op17 op23_interleaved with_past_op17"
tr -d '[] \n' <$stories/golden_tokens.json | tr ',' '\n' >"$work/golden"
echo >>"$work/golden"
for d in $dialects; do
    compile stories_$d $stories/stories260k_$d.onnx --chip ideal
    { echo 1; "$ohmic" generate "$work/stories_$d.ohm" --prompt-ids 1 --ids --tokens 199 2>/dev/null | tr -s ' \n' '\n\n'; } |
        grep -v '^$' >"$work/text"
    same "$d: the 200 golden tokens" "$work/golden" "$work/text"
    p=$(score perplexity "$work/stories_$d.ohm" --perplexity $stories/eval_tokens.json)
    check "$d: perplexity" "$p" 2.6575 2.6585
    "$ohmic" dis --no-data "$work/stories_$d.ohm" | awk -f tests/acceptance/listing.awk >"$work/listing_$d"
    [ -s "$work/listing_$d" ] || { echo "FAIL no listing"; failures=$((failures + 1)); }
    same "$d: the listing of legacy_op17" "$work/listing_legacy_op17" "$work/listing_$d"
done

echo "== stories260K, dynamic int8"
int8=$stories/stories260k_dynq_int8_op17.onnx
compile stories_int8 $int8 --chip ideal
check "perplexity per tensor, interpreter" "$(score perplexity $int8 --perplexity $stories/eval_tokens.json)" 2.6636 2.6904
check "perplexity relaxed to rows, ideal" "$(score perplexity "$work/stories_int8.ohm" --perplexity $stories/eval_tokens.json)" 2.6487 2.6753
"$ohmic" dis --no-data "$work/stories_int8.ohm" >"$work/stories_int8.s"
grep -q "tok-scope" "$work/stories_int8.s" || { echo "FAIL the relaxation is not said"; failures=$((failures + 1)); }

echo "== tales_gpt on ideal"
compile tales $own/tales_gpt_op17.onnx --chip ideal
# golden_generation.json: prompt_ids and continuation_ids of each of three texts, first model first
tr -d ' \n' <$own/golden_generation.json | grep -o '"tales_gpt_op17.onnx":.*"tales_gaincell' |
    grep -o '"\(prompt\|continuation\)_ids":\[[0-9,]*\]' | sed 's/.*\[//; s/\]//' >"$work/lines"
n=0
while read -r prompt && read -r golden; do
    n=$((n + 1))
    count=$(echo "$golden" | tr ',' '\n' | wc -l)
    "$ohmic" generate "$work/tales.ohm" --prompt-ids "$prompt" --ids --tokens "$count" 2>/dev/null |
        tr -s ' \n' ',,' | sed 's/^,//; s/,$//' >"$work/text"
    echo >>"$work/text"
    echo "$golden" >"$work/golden"
    same "golden continuation $n, $count tokens" "$work/golden" "$work/text"
done <"$work/lines"
check "golden continuations" $n 3 3
check "perplexity" "$(score perplexity "$work/tales.ohm" --perplexity $own/eval_tokens.json --end-token 0)" 1.31318 1.31338

echo "== the language models on ohmic-1"
compile tales_1 $own/tales_gpt_op17.onnx --chip ohmic-1
check "tales_gpt: perplexity, at most 0.1 % over 1.31328" \
    "$(score perplexity "$work/tales_1.ohm" --perplexity $own/eval_tokens.json --end-token 0)" 1 "$(relative 1.31328 1.001)"
compile stories_1 $stories/stories260k_legacy_op17.onnx --chip ohmic-1
check "stories260K: perplexity, at most 0.5 % over 2.65806" \
    "$(score perplexity "$work/stories_1.ohm" --perplexity $stories/eval_tokens.json)" 1 "$(relative 2.65806 1.005)"
finish
