# What scripts/demo does once it has built: compile, verify, generate; a story in the words of the
# tales, within bounded time.   test_demo.sh PATH-OF-OHMIC
. "$(dirname "$0")/lib.sh" "$1"
tales=examples/tales
started=$SECONDS
compile tales $tales/tales_gpt.onnx --chip ohmic-1
grep -q 'chip *ohmic-1' "$work/tales.log" || { echo "FAIL the summary does not name the chip"; exit 1; }
"$ohmic" verify "$work/tales.ohm" >/dev/null
"$ohmic" generate "$work/tales.ohm" --tokenizer $tales/tokenizer.json --prompt "Once there was" --tokens 160 >"$work/story" 2>/dev/null
seconds=$((SECONDS - started))
cat "$work/story"
# words of the story that the evaluation texts of the same language hold
tr -cs 'A-Za-z' '\n' <$tales/eval_texts.txt | sort -u >"$work/words"
tr -cs 'A-Za-z' '\n' <"$work/story" | grep . >"$work/said"
said=$(wc -l <"$work/said")
known=$(grep -cxFf "$work/words" "$work/said" || true)
check "words of the story" "$said" 40 1000
check "of them words of the language, percent" $((100 * known / said)) 95 100
check "seconds for compile, verify and generate" "$seconds" 0 60
finish
