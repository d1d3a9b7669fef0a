#!/usr/bin/env bash
# An encoder's file and a decoder's as one program, and decoders merged of two.   $1: the command
. "$(dirname "$0")/lib.sh"

shared models/exports/exports.tar.xz || exit 0
exports=$work/exports
mkdir "$exports"
tar -xf "$root/../shared/models/exports/exports.tar.xz" -C "$exports" --wildcards "*t5_opt17__*" "*t5_opt13_old_merged/*" \
  "*llama_opt14_old_merged/*" "*whisper_opt18_separate__decoder*/*"
encoder=$exports/t5_opt17__encoder_model/model.onnx
decoder=$exports/t5_opt17__decoder_model_merged/model.onnx
whisper=$exports/whisper_opt18_separate__decoder_with_past_model/model.onnx

# two files: one program with two phases, and the branch of the merged decoder said
exits 0 compile "$encoder" "$decoder" --chip ideal -o "$work/t5.ohm"
says "before them an encoder's"
says "note: input 'use_cache_branch' is bound to 0: of its two branches that one begins a text"
says "note: input 'past_key_values.0.encoder.key' is computed by the program"
"$ohmic" dis "$work/t5.ohm" >"$work/t5.s"
for line in ".phase encode" ".phase step" ".port input_ids in i32 1 elem=i64 dom=t1" ".port decoder_input_ids in i32 1 elem=i64 role=tokens" \
  "past_key=past_key_values.0.decoder.key"; do
  grep -qF -- "$line" "$work/t5.s" || fail "'$line' is not in the listing"
done
grep -q "^.port past" "$work/t5.s" && fail "a cache is a port"

# for fewer tokens than it is proved at
exits 0 compile "$encoder" "$decoder" --chip ideal --max-tokens 24 -q -o "$work/short.ohm"
for program in t5 short; do
  exits 0 generate "$work/$program.ohm" --source-ids 5,135,217,1 --start-id 9 -n 23 --ids --temperature 1 --seed 3
  cp "$work/out" "$work/$program.ids"
done
diff "$work/t5.ids" "$work/short.ids" || fail "a shorter maximum changes the text"

# what does not belong together
rejects "name the encoder's file first, then the decoder's" compile "$decoder" "$encoder" -o "$work/x.ohm"
rejects "is no decoder that reads an encoder" compile "$encoder" "$encoder" -o "$work/x.ohm"
exits 0 compile "$encoder" --chip ideal -q --dump-ir "$work/dump" -o "$work/x.ohm"
misused "is IR text, of which one file is a model" compile "$encoder" "$(find "$work/dump" -name "*.oir" | sort | head -1)" -o "$work/x.ohm"
rejects "is a decoder that goes on behind caches: it comes third" compile "$encoder" "$whisper" "$decoder" -o "$work/x.ohm"
rejects "is a decoder that goes on behind caches: it comes third" compile "$whisper" "$decoder" -o "$work/x.ohm"
rejects "No such file" compile "$encoder" "$work/nowhere.onnx" -o "$work/x.ohm"
exits 2 compile "$encoder" "$decoder" "$decoder" "$decoder" -o "$work/x.ohm"

# the form that takes caches goes on as the other does: a branch, or a third file, which may also be of another model
proved="the form that takes caches, executed at token 5 behind 5: as the last of 6 without"
proof() { "$ohmic" verify --proof "$1" | grep -qF -- "$proved" || fail "$1: no proof of its caches"; }
proof "$work/t5.ohm"
"$ohmic" verify --proof "$work/t5.ohm" | grep -qF "in 1 of 1 outputs" || fail "which outputs are compared is not said"
exits 0 compile "$encoder" "$decoder" "$decoder" --chip ideal -q -o "$work/three.ohm"
proof "$work/three.ohm"
cmp -s "$work/t5.ohm" "$work/three.ohm" || fail "a third file changes the program"
rejects "its two forms are not one model (compile the one without caches alone: without the third file)" \
  compile "$encoder" "$decoder" "$whisper" --chip ideal -o "$work/x.ohm"
LC_ALL=C sed 's/logits/lagits/g' "$decoder" >"$work/renamed.onnx"
exits 0 compile "$encoder" "$decoder" "$work/renamed.onnx" --chip ideal -o "$work/x.ohm"
says "note: the form that takes caches is not compared: its output 'lagits' is none of the form without"
"$ohmic" verify --proof "$work/x.ohm" | grep -qF -- "$proved" && fail "a proof of outputs that nobody compared"
exits 0 compile "$encoder" "$decoder" "$exports/llama_opt14_old_merged/model.onnx" --chip ideal -o "$work/x.ohm"
says "note: the form that takes caches is not compared: no output gives what input 'past_key_values.0.key' takes"
rejects "is no decoder that goes on behind caches" compile "$encoder" "$decoder" "$encoder" -o "$work/x.ohm"
exits 0 compile "$decoder" --chip ideal --bind use_cache_branch=0 -q -o "$work/x.ohm"
"$ohmic" verify --proof "$work/x.ohm" | grep -qF -- "$proved" && fail "the branch that was asked for is compared"

# merged decoders alone: with and without a past; keys of the encoder are the program's own
exits 0 onnx-test --on ideal "$exports/llama_opt14_old_merged" "$exports/t5_opt13_old_merged" "$exports/t5_opt17__decoder_model_merged"
says "PASS llama_opt14_old_merged"
grep -c "^UNSUPPORTED t5.*holds keys or values of the encoder, which the program computes by itself, and 'use_cache_branch' asks" \
  "$work/out" | grep -qx 2 || fail "T5's keys are taken: $(cat "$work/out")"

# ---- one text read, another written
program=$work/t5.ohm
printf '%s\n' '[PAD]' '[UNK]' '[CLS]' '[SEP]' '[MASK]' $(seq 5 255 | sed 's/^/w/') >"$work/words.txt"
write() { exits 0 generate "$program" "$@"; }
misused "the program has an encoder: say what it reads (--source TEXT or --source-ids IDS)" generate "$program" --prompt-ids 3 --ids
misused "a program with an encoder reads a source for each" generate "$program" --interactive --tokenizer "$work/words.txt"
misused "--start-id ID" generate "$program" --source-ids 5,6 --ids
misused "--source is text, and no tokenizer lies beside the program" generate "$program" --source "w5" --ids --prompt-ids 3
misused "--source and --source-ids or --source-features exclude each other" generate "$program" --source w5 --source-ids 5 --ids
misused "--source-ids wants whole numbers" generate "$program" --source-ids 5,x --start-id 0 --ids
rejects "token id 256 is outside [0, 256)" generate "$program" --source-ids 256 --start-id 0 --ids
rejects "the source has 513 tokens, the program's encoder takes 1 ... 512" generate "$program" --start-id 0 --ids \
  --source-ids "$(seq -s, 1 513 | sed 's/[0-9]\+/7/g')"
"$ohmic" compile examples/tales/tales_gpt.onnx --chip ideal -q -o "$work/alone.ohm" 2>"$work/err"
misused "--source-ids: the program has no encoder that would read it" generate "$work/alone.ohm" --source-ids 5 --prompt-ids 5 --ids

# text is its ids, with what the tokenizer puts around it
write --tokenizer "$work/words.txt" --source "w55 w135 w217" --start-id 9 -n 6 --ids
ids=$(cat "$work/out")
write --source-ids 2,55,135,217,3 --start-id 9 -n 6 --ids
[ "$ids" = "$(cat "$work/out")" ] || fail "a source is not its ids"
[ "$(wc -w <"$work/out")" = 6 ] || fail "six tokens were asked for"
printf 'w55 w135 w217' | "$ohmic" generate "$program" --tokenizer "$work/words.txt" --source - --start-id 9 -n 6 --ids >"$work/stdin" 2>"$work/err"
[ "$ids" = "$(cat "$work/stdin")" ] || fail "a source from standard input is another one"
write --source "w55 w135 w217" --source-tokenizer "$work/words.txt" --start-id 9 -n 6 --ids
[ "$ids" = "$(cat "$work/out")" ] || fail "the source's own tokenizer reads otherwise"
write --source-ids 2,55,135,217,3 --start-id 9 -n 6 --ids --threads 1
[ "$ids" = "$(cat "$work/out")" ] || fail "threads change the text"
write --source-ids 2,55,135,217,3 --start-id 9 -n 20 --ids --temperature 1 --seed 4
drawn=$(cat "$work/out")
write --source-ids 2,55,135,217,3 --start-id 9 -n 20 --ids --temperature 1 --seed 4
[ "$drawn" = "$(cat "$work/out")" ] || fail "the same seed gives another text"
write --source-ids 77,8 --start-id 9 -n 20 --ids --temperature 1 --seed 4
[ "$drawn" != "$(cat "$work/out")" ] || fail "the source decides nothing"

# a state holds what the encoder read
write --source-ids 2,55,135,217,3 --start-id 9 -n 8 --ids --temperature 1 --seed 4 --save-state "$work/s"
write --load-state "$work/s" -n 12 --ids
[ "$drawn" = "$(cut -d' ' -f1-8 <<<"$drawn") $(cat "$work/out")" ] || fail "a stored text goes on otherwise"
misused "--source-ids: the state holds what the encoder read" generate "$program" --load-state "$work/s" --source-ids 5 --ids

# generation_config.json: what begins, is forced, never comes, ends
config() { printf '%s\n' "$1" >"$work/generation_config.json"; }
config '{"decoder_start_token_id": 9}'
write --source-ids 2,55,135,217,3 -n 6 --ids
[ "$ids" = "$(cat "$work/out")" ] || fail "decoder_start_token_id is not what the text begins with"
config '{"bos_token_id": 9}'
write --source-ids 2,55,135,217,3 -n 6 --ids
[ "$ids" = "$(cat "$work/out")" ] || fail "bos_token_id is not what the text begins with"
config '{"decoder_start_token_id": 9, "forced_bos_token_id": 21, "forced_decoder_ids": [[2, 33], [3, null], [4, 44]]}'
write --source-ids 2,55,135,217,3 -n 6 --ids
[[ $(cat "$work/out") = "21 33 "*" 44 "* ]] || fail "tokens are not forced: $(cat "$work/out")"
first=${ids%% *}
config "{\"decoder_start_token_id\": 9, \"suppress_tokens\": [$first]}"
write --source-ids 2,55,135,217,3 -n 6 --ids
[[ " $(cat "$work/out") " != *" $first "* ]] || fail "a suppressed token comes"
other=$(cat "$work/out")
config "{\"decoder_start_token_id\": 9, \"bad_words_ids\": [[$first], [5, 6]], \"num_beams\": 4, \"no_repeat_ngram_size\": 3}"
write --source-ids 2,55,135,217,3 -n 6 --ids
[ "$other" = "$(cat "$work/out")" ] || fail "a bad word comes"
for note in "words of several tokens are not left out: word 1 has 2" "4 beams are asked for: one text is generated" \
  "repeated runs of 3 tokens are not left out"; do
  grep -qF -- "$note" "$work/err" || fail "'$note' is not noted"
done
config "{\"decoder_start_token_id\": 9, \"begin_suppress_tokens\": [$first, -1]}"
write --source-ids 2,55,135,217,3 -n 6 --ids
[ "$(cut -d' ' -f1 "$work/out")" = "$(cut -d' ' -f1 <<<"$other")" ] || fail "the first token is not another"
config "{\"decoder_start_token_id\": 9, \"eos_token_id\": [$first]}"
write --source-ids 2,55,135,217,3 -n 6 --ids
grep -q "stopped by end token: 0 tokens" "$work/err" || fail "an end token does not end: $(cat "$work/err")"
mkdir "$work/apart"
cp "$work/words.txt" "$work/apart"
write --tokenizer "$work/apart/words.txt" --source "w55 w135 w217" -n 6 --ids # none beside the tokenizer: beside the program
grep -q "stopped by end token: 0 tokens" "$work/err" || fail "the file beside the program is not read: $(cat "$work/err")"
for wrong in '[1]' '{"decoder_start_token_id": "<s>"}' '{"suppress_tokens": [1, "x"]}' '{"forced_decoder_ids": [[1]]}' \
  '{"bad_words_ids": [["x"]]}' '{"bad_words_ids": 3}' '{"forced_decoder_ids": 3}'; do
  config "$wrong"
  rejects "[generation-config]" generate "$program" --source-ids 5 --ids
done
rm "$work/generation_config.json"

# values instead of text: the decoder alone, whose encoder is elsewhere
"$ohmic" compile "$decoder" --chip ideal -q -o "$work/decoder.ohm" 2>"$work/err"
misused "say what it reads (--source-features FILE.npy)" generate "$work/decoder.ohm" --prompt-ids 3 --ids
rejects "the encoder reads values, input 'encoder_hidden_states', no text" generate "$work/decoder.ohm" --source-ids 5 --start-id 9 --ids
npy "$work/ids.npy" i8 "1, 5" 2 55 135 217 3
npy "$work/ones.npy" i8 "1, 5" 1 1 1 1 1
exits 0 compile "$encoder" --chip ideal -q -o "$work/encoder.ohm"
exits 0 run "$work/encoder.ohm" -i "input_ids=$work/ids.npy" -i "attention_mask=$work/ones.npy" -o "last_hidden_state=$work/hidden.npy"
exits 0 generate "$work/decoder.ohm" --source-features "$work/hidden.npy" --start-id 9 -n 6 --ids
[ "$ids" = "$(cat "$work/out")" ] || fail "features are read otherwise"
rejects "the source is i64[1,5], the encoder reads f32[batch,tokens,64] of 'encoder_hidden_states'" \
  generate "$work/decoder.ohm" --source-features "$work/ids.npy" --start-id 9 --ids

# ---- perplexity behind sources: as a run of the same tokens gives it
echo '[[2, 55, 135, 217, 3], [7, 8]]' >"$work/sources.json"
echo '[[9, 108, 5, 77], [9, 4]]' >"$work/texts.json"
exits 0 eval "$program" --perplexity "$work/texts.json" --sources "$work/sources.json"
score=$(sed 's/ sequences,.*//' "$work/out")
echo "$score" | grep -q "4 tokens" || fail "four tokens are behind a first: $score"
echo '[[108, 5, 77], [4]]' >"$work/bare.json"
exits 0 eval "$program" --perplexity "$work/bare.json" --sources "$work/sources.json" --start-id 9
[ "$score" = "$(sed 's/ sequences,.*//' "$work/out")" ] || fail "--start-id is not the first token"
echo '[[2, 55, 135, 217, 3], [70, 8]]' >"$work/others.json"
exits 0 eval "$program" --perplexity "$work/texts.json" --sources "$work/others.json"
[ "$score" != "$(sed 's/ sequences,.*//' "$work/out")" ] || fail "sources decide nothing"
exits 0 eval "$program" --perplexity "$work/texts.json" --sources "$work/sources.json" --limit 1 --json
echo "w55 w135 w217" >"$work/sources.txt"
echo '[[9, 108, 5, 77]]' >"$work/first.json"
cp "$work/out" "$work/by_ids"
exits 0 eval "$program" --perplexity "$work/first.json" --sources "$work/sources.txt" --tokenizer "$work/words.txt" --json
diff <(sed 's/"seconds": [^,}]*//' "$work/by_ids") <(sed 's/"seconds": [^,}]*//' "$work/out") || fail "sources of text are not their ids"
rejects "1 sources for the 2 texts" eval "$program" --perplexity "$work/texts.json" --sources "$work/sources.txt" --tokenizer "$work/words.txt"
echo '[[], [7]]' >"$work/empty.json"
rejects "one that is not empty for each text" eval "$program" --perplexity "$work/texts.json" --sources "$work/empty.json"
rejects "the model has no encoder that would read sources" eval "$work/alone.ohm" --perplexity "$work/texts.json" --sources "$work/sources.json"
rejects "only --perplexity with --sources FILE scores it" eval "$program" --perplexity "$work/texts.json"
misused "--sources" eval "$program" --masked "$work/texts.json" --sources "$work/sources.json"
