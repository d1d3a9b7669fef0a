// Text to token ids and back: Hugging Face's tokenizer.json (BPE, WordPiece, Unigram, WordLevel),
// BERT's vocab.txt and llama2.c's tokenizer.bin.
//
// What of tokenizer.json is understood: README.md of this folder. What is not is an error that
// names it: a tokenizer that nearly fits would give wrong ids in silence.
#ifndef OHMIC_TOKENIZER_TOKENIZER_H
#define OHMIC_TOKENIZER_TOKENIZER_H

#include "support/arena.h"
#include "support/diag.h"
#include "support/vec.h"

typedef struct tokenizer tokenizer; // constant once opened
typedef VEC(int32_t) tokenizer_ids;

// Detects the kind by content. NULL after a reported failure. What begins and ends a text is never
// guessed: the files tokenizer_config.json and generation_config.json beside it say so, if they are
// there, and the template of tokenizer.json.
tokenizer *tokenizer_open(const char *path, diag_sink *diags);
void tokenizer_free(tokenizer *t); // NULL is allowed

// --- encoding

typedef struct {
    size_t begin, end; // bytes of the text that a token came from; 0, 0: none
} tokenizer_span;
typedef VEC(tokenizer_span) tokenizer_spans;

// What is put around a text.
typedef enum {
    TOKENIZER_BARE,   // nothing
    TOKENIZER_AS_SET, // what the files say that the model expects
    TOKENIZER_BOS,    // the same, and the token that begins a text (or likely does) in front
    TOKENIZER_NO_BOS  // the same without that token
} tokenizer_around;

// Appends the ids of n bytes of UTF-8 text, and their spans if asked for. False: reported, nothing
// appended (text is not UTF-8, a part of it has no token, or a step of the file runs out of its
// limits). Time is linear in the text, but for patterns of the file that are not.
bool tokenizer_encode(const tokenizer *t, const char *text, size_t n, tokenizer_around around,
                      tokenizer_ids *ids, tokenizer_spans *spans, diag_sink *diags);

// --- decoding

// Text comes as its tokens do: all pieces one behind the other are what tokenizer_decode gives.
// Feed every token from the sequence's start, the prompt's too: the first piece loses the space
// that encoding put in front. What may change with the next token is held back: bytes of a
// character, a run of byte tokens. Bytes that are no UTF-8 come out as U+FFFD. Ids out of range
// give nothing, special tokens only with `specials`.
typedef struct tokenizer_stream tokenizer_stream;
tokenizer_stream *tokenizer_stream_new(const tokenizer *t, bool specials);
void tokenizer_stream_free(tokenizer_stream *s); // NULL is allowed
// n bytes, valid until the next call.
const char *tokenizer_stream_push(tokenizer_stream *s, int32_t id, size_t *n);
// What was held back; the stream begins anew.
const char *tokenizer_stream_end(tokenizer_stream *s, size_t *n);

// NUL-terminated, in `a`; *bytes (NULL is allowed) gets the length.
const char *tokenizer_decode(const tokenizer *t, const int32_t *ids, size_t n, bool specials,
                             arena *a, size_t *bytes);

// --- tokens

int32_t tokenizer_size(const tokenizer *t);                        // highest id + 1
int32_t tokenizer_token_id(const tokenizer *t, const char *token); // as in the file; -1: none
const char *tokenizer_token(const tokenizer *t, int32_t id);       // as in the file; NULL: none
bool tokenizer_is_special(const tokenizer *t, int32_t id);

int32_t tokenizer_bos(const tokenizer *t); // -1: no file names one
bool tokenizer_is_end(const tokenizer *t, int32_t id);
bool tokenizer_begins(const tokenizer *t); // TOKENIZER_AS_SET puts BOS in front
// A special token that is named as those that begin (end) texts are, where no file says which does;
// -1: a file says so, or none is named so.
int32_t tokenizer_likely_bos(const tokenizer *t);
int32_t tokenizer_likely_end(const tokenizer *t);

#endif
