#!/usr/bin/env bash
# An encoder's file and a decoder's as one program, and decoders merged of two.   $1: the command
. "$(dirname "$0")/lib.sh"

shared models/exports/exports.tar.xz || exit 0
exports=$work/exports
mkdir "$exports"
tar -xf "$root/../shared/models/exports/exports.tar.xz" -C "$exports" --wildcards "*t5_opt17__*" "*t5_opt13_old_merged/*" \
  "*llama_opt14_old_merged/*"
encoder=$exports/t5_opt17__encoder_model/model.onnx
decoder=$exports/t5_opt17__decoder_model_merged/model.onnx

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

# what does not belong together
rejects "name the encoder's file first, then the decoder's" compile "$decoder" "$encoder" -o "$work/x.ohm"
rejects "is no decoder that reads an encoder" compile "$encoder" "$encoder" -o "$work/x.ohm"
exits 0 compile "$encoder" --chip ideal -q --dump-ir "$work/dump" -o "$work/x.ohm"
misused "is IR text, of which one file is a model" compile "$encoder" "$(find "$work/dump" -name "*.oir" | sort | head -1)" -o "$work/x.ohm"
rejects "No such file" compile "$encoder" "$work/nowhere.onnx" -o "$work/x.ohm"
exits 2 compile "$encoder" "$decoder" "$decoder" "$decoder" -o "$work/x.ohm"

# merged decoders alone: with and without a past; keys of the encoder are the program's own
exits 0 onnx-test --on ideal "$exports/llama_opt14_old_merged" "$exports/t5_opt13_old_merged" "$exports/t5_opt17__decoder_model_merged"
says "PASS llama_opt14_old_merged"
grep -c "^UNSUPPORTED t5.*holds keys or values of the encoder, which the program computes by itself, and 'use_cache_branch' asks" \
  "$work/out" | grep -qx 2 || fail "T5's keys are taken: $(cat "$work/out")"
