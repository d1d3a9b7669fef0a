#!/usr/bin/env bash
# Text to ids and back, and files of text wherever ids are read: ohmic tokenize; eval and compile with --tokenizer.
# $1: the command
. "$(dirname "$0")/lib.sh"
tales=examples/tales
tok=$tales/tokenizer.json
out() { cat "$work/out"; }
is() { [ "$(out)" = "$1" ] || fail "'$(out)', not '$1'"; }

# ---- ohmic tokenize
exits 0 tokenize $tok "Once there was"
is "0 47 393 69 487 266"
exits 0 tokenize $tok --no-special "Once there was"
is "47 393 69 487 266"
exits 0 tokenize $tok --no-bos "Once there was"
is "47 393 69 487 266"
printf 'Once there was' | "$ohmic" tokenize $tok - >"$work/out"
is "0 47 393 69 487 266"
exits 0 tokenize $tok --tokens --offsets --no-special "is é"
[ "$(wc -l <"$work/out")" -ge 3 ] || fail "not a line a token: $(out)"
[ "$(awk -F '\t' 'NF != 4 || $3 > $4 { bad = 1 } END { print $4, bad + 0 }' "$work/out")" = "5 0" ] || fail "spans: $(out)"
exits 0 tokenize $tok --json --tokens "the<|endoftext|>"
[ "$(tr -d ' \n' <"$work/out")" = '{"ids":[0,84,257,0],"tokens":["<|endoftext|>","t","he","<|endoftext|>"]}' ] || fail "$(out)"
exits 0 tokenize $tok --decode 0,47,393,69,487,266
is "<|endoftext|>Once there was"
exits 0 tokenize $tok -d --no-special "[0, 47 393 69, 487 266]"
is "Once there was"
exits 0 tokenize $tok --decode --file $tales/eval_tokens.json --no-special
cmp -s "$work/out" $tales/eval_texts.txt || fail "the evaluation texts do not come back"
exits 0 tokenize $tok --file $tales/eval_texts.txt
[ "$(tr -d '\n' <"$work/out" | tr -cd '0-9')" = "$(tr -cd '0-9' <$tales/eval_tokens.json)" ] || fail "the evaluation texts have other ids"
head -n 3 "$work/out" | "$ohmic" tokenize $tok --decode --no-special >"$work/back"
cmp -s "$work/back" <(head -n 3 $tales/eval_texts.txt) || fail "what is printed is not read back"

# ---- files of texts, by their content
printf '\xef\xbb\xbfa b\r\n\n  \n"c"\n' >"$work/lines"
exits 0 tokenize $tok --no-special --file "$work/lines" --json
grep -c '"ids"' "$work/out" | grep -qx 2 || fail "blank lines are texts: $(out)"
printf 'a\nb\n\nc\n' >"$work/paragraphs"
exits 0 tokenize $tok --no-special --file "$work/paragraphs" --text-by paragraph
is "$(printf '65 198 66\n67' | sed "s/ 198 / $("$ohmic" tokenize $tok --no-special $'\n') /")"
exits 0 tokenize $tok --no-special --file "$work/paragraphs" --text-by file
[ "$(wc -l <"$work/out")" = 1 ] || fail "a file is more than one text"
printf '["a", "b\\nc"]' >"$work/list"
printf '"a"\n{"text": "b\\nc", "id": 7}\n' >"$work/jsonl"
for file in list jsonl; do
  exits 0 tokenize $tok --no-special --file "$work/$file"
  [ "$(wc -l <"$work/out")" = 2 ] || fail "$file: $(out)"
done
printf '[a] begins as JSON does\n' >"$work/brackets.txt"
exits 0 tokenize $tok --file "$work/brackets.txt"
cp "$work/brackets.txt" "$work/brackets"

# ---- what is refused
rejects "a text file that does wants a name that ends in .txt" tokenize $tok --file "$work/brackets"
rejects "600 is no token: the tokenizer's ids are 0 ... 511" tokenize $tok --decode 600
rejects "expected token ids, e.g. 1,403,407, found 'x'" tokenize $tok --decode "1 x"
rejects "expected texts, found lists of numbers" tokenize $tok --file $tales/eval_tokens.json
rejects "--decode: expected lists of token ids" tokenize $tok --decode --file <(printf '[[1, "a"]]')
misused "TEXT and --file exclude each other" tokenize $tok --file "$work/lines" x
misused "--text-by wants line, paragraph or file, found 'word'" tokenize $tok --text-by word --file "$work/lines"
misused "--bos and --no-bos exclude each other" tokenize $tok --bos --no-bos x
rejects "cannot read" tokenize "$work/none.json" x
rejects "the text is not UTF-8 at byte 1" tokenize $tok $'a\xff'
exits 2 tokenize
exits 2 tokenize $tok a b

# ---- beginnings and ends are never guessed
mkdir "$work/bare"
cp $tok "$work/bare"
exits 0 tokenize "$work/bare/tokenizer.json" "Once"
is "47 393 69"
grep -q "note: no file says whether '<|endoftext|>' begins a text" "$work/err" || fail "$(cat "$work/err")"
exits 0 tokenize "$work/bare/tokenizer.json" --bos "Once"
is "0 47 393 69"
[ ! -s "$work/err" ] || fail "$(cat "$work/err")"
exits 0 tokenize $tok "<|endoftext|>Once"
is "0 0 47 393 69"
grep -q "the text begins with '<|endoftext|>', and the tokenizer puts another in front of it" "$work/err" || fail "$(cat "$work/err")"
sed 's/<|endoftext|>/<none>/g' $tok >"$work/bare/tokenizer.json"
misused "--bos: no file says which token begins a text" tokenize "$work/bare/tokenizer.json" --bos x
cp $tok "$work/bare"

# ---- scores of text are those of its ids
"$ohmic" compile $tales/tales_gpt.onnx --chip ideal -q -o "$work/p.ohm" 2>/dev/null
figure() { sed -E 's/, [0-9.]+ s$//' "$work/out"; }
exits 0 eval "$work/p.ohm" --perplexity $tales/eval_tokens.json --end-token 0 --limit 5
ids=$(figure)
exits 0 eval "$work/p.ohm" --perplexity $tales/eval_texts.txt --tokenizer $tok --end-token 0 --limit 5
[ "$ids" = "$(figure)" ] || fail "text: $(figure), ids: $ids"
exits 0 eval "$work/p.ohm" --perplexity $tales/eval_texts.txt --tokenizer "$work/bare/tokenizer.json" --bos --end-token 0 --limit 5
[ "$ids" = "$(figure)" ] || fail "text with --bos: $(figure), ids: $ids"
misused "the file holds text: say --tokenizer FILE" eval "$work/p.ohm" --perplexity $tales/eval_texts.txt
# options of texts where ids are read
exits 0 eval "$work/p.ohm" --perplexity $tales/eval_tokens.json --tokenizer $tok --no-bos --text-by file --end-token 0 --limit 1
for option in tokenizer no-bos text-by; do
  grep -q "warning: --$option has no effect here: the file" "$work/err" || fail "$(cat "$work/err")"
done
exits 0 compile $tales/tales_gpt.onnx --chip ideal-int8 --static-scales --calibrate $tales/calibration_tokens.json --tokenizer $tok -q -o "$work/x.ohm"
grep -q "warning: --tokenizer has no effect here: the file holds ids" "$work/err" || fail "$(cat "$work/err")"
printf 'ok\n\377\n' >"$work/bytes.txt"
rejects "bytes.txt: text 1: error: the text is not UTF-8 at byte 0" eval "$work/p.ohm" --perplexity "$work/bytes.txt" --tokenizer $tok
exits 0 eval $tales/tales_gpt.onnx --layers "$work/p.ohm" --ids $tales/eval_texts.txt # the tokenizer lies beside the model
says "nodes compared"

# ---- recall: the last word is the answer, or the answer's own
printf 'Once there was a quiet girl named Mia. She had a drum. "Where is my drum?" asked Mia\nnothing comes twice\n' >"$work/recall.txt"
exits 0 eval "$work/p.ohm" --recall "$work/recall.txt" --tokenizer $tok
says "of 1:"
grep -qE '^last word +[01] +1' "$work/out" || fail "$(out)"
grep -q "1 text whose last word does not stand before is left out" "$work/err" || fail "$(cat "$work/err")"
printf '{"prompt": "Once there was a girl named Mia. Her name was", "answer": " Mia", "kind": "name"}\n' >"$work/recall.jsonl"
exits 0 eval "$work/p.ohm" --recall "$work/recall.jsonl" --tokenizer $tok
grep -qE '^name +[01] +1' "$work/out" || fail "$(out)"
printf '[{"prompt": "Once there was", "answer": " Mia"}]' >"$work/recall.json"
rejects "the answer does not stand in the prompt: expected 'distance'" eval "$work/p.ohm" --recall "$work/recall.json" --tokenizer $tok
printf '[{"prompt": "Once there was", "answer": 5}]' >"$work/recall.json"
rejects "expected a text for 'answer' too" eval "$work/p.ohm" --recall "$work/recall.json" --tokenizer $tok

# ---- masked: every seventh token, or those that are named
rejects "the tokenizer has no token [MASK] or <mask>: say 'mask_id' in the file" \
  eval "$work/p.ohm" --masked $tales/eval_texts.txt --tokenizer $tok
printf '{"texts": ["Once there was a quiet girl named Mia."], "mask_id": 0}' >"$work/masked.json"
exits 0 eval "$work/p.ohm" --masked "$work/masked.json" --tokenizer $tok
says "of 2 tokens in 1 sequences"
masked=$(figure)
n=$("$ohmic" tokenize $tok "Once there was a quiet girl named Mia." | sed 's/ /, /g')
printf '{"ids": [[%s]], "masked": [[4, 11]], "mask_id": 0}' "$n" >"$work/ids.json"
exits 0 eval "$work/p.ohm" --masked "$work/ids.json"
[ "$masked" = "$(figure)" ] || fail "masked text: $masked, ids: $(figure)"

# ---- calibration and adaptation: the same program, to the byte
mkdir "$work/words" "$work/numbers"
head -n 8 $tales/eval_texts.txt >"$work/words/x"
{ echo '['; "$ohmic" tokenize $tok --file "$work/words/x" | sed 's/ /, /g; s/.*/[&]/; $!s/$/,/'; echo ']'; } >"$work/numbers/x"
for kind in words numbers; do
  exits 0 compile $tales/tales_gpt.onnx --chip ohmic-1 --static-scales --calibrate "$work/$kind/x" -q -o "$work/$kind/calibrated.ohm"
  exits 0 compile $tales/tales_gpt.onnx --chip leroux2025-cmos --attention hard-sigmoid --adapt "$work/$kind/x" -q -o "$work/$kind/adapted.ohm"
done
for program in calibrated adapted; do
  cmp -s "$work/words/$program.ohm" "$work/numbers/$program.ohm" || fail "$program: text gives another program than its ids"
done
cp $tales/tales_gpt.onnx "$work/alone.onnx"
misused "the file holds text: say --tokenizer FILE" compile "$work/alone.onnx" --calibrate "$work/words/x" -q -o "$work/x.ohm"
exits 0 compile "$work/alone.onnx" --calibrate "$work/words/x" --tokenizer $tok -q -o "$work/x.ohm"

# ---- every kind of file
exits 0 tokenize tests/tokenizer/trained/wordpiece.json "once there was"
exits 0 tokenize tests/tokenizer/trained/unigram.json --decode "$("$ohmic" tokenize tests/tokenizer/trained/unigram.json 'it was')"
is "<s> it was</s>"
printf '[PAD]\n[UNK]\n[CLS]\n[SEP]\nthe\n##re\n' >"$work/vocab.txt"
exits 0 tokenize "$work/vocab.txt" "The there"
is "2 4 4 5 3"

if shared models/own/eval_texts.txt; then # the whole set
  own=$root/../shared/models/own
  exits 0 eval "$work/p.ohm" --perplexity "$own/eval_tokens.json" --end-token 0
  ids=$(figure)
  exits 0 eval "$work/p.ohm" --perplexity "$own/eval_texts.txt" --tokenizer "$own/tokenizer.json" --bos --end-token 0
  [ "$ids" = "$(figure)" ] || fail "eval_texts.txt: $(figure), eval_tokens.json: $ids"
  says "perplexity 1.3133"
fi
if shared cases/R20/tokenizer.json; then
  cases=$root/../shared/cases
  for name in R20 R21; do "$ohmic" compile "$cases/$name/model.onnx" --chip ideal -q -o "$work/$name.ohm" 2>/dev/null; done
  prompt_ids() { tr -d ' \n' <"$work/out" | sed -E 's/.*"prompt_ids":\[([0-9,]*)\].*/\1/'; }
  exits 0 generate "$work/R20.ohm" --tokenizer "$cases/R20/tokenizer.json" --prompt ab -n 1 --json
  [ "$(prompt_ids)" = 1,2 ] || fail "R20: $(prompt_ids)"
  exits 0 generate "$work/R20.ohm" --tokenizer "$cases/R20/tokenizer.json" --prompt "<|endoftext|>ab" -n 1 --json
  [ "$(prompt_ids)" = 0,1,2 ] || fail "R20: $(prompt_ids)"
  exits 0 generate "$work/R21.ohm" --tokenizer "$cases/R21/tokenizer.json" --prompt x --ids
  is "3 4"
  grep -q "stopped by end token" "$work/err" || fail "R21: $(cat "$work/err")"
fi
