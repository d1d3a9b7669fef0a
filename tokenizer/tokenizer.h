// Text to token ids and back: Hugging Face tokenizer.json (BPE kinds) and llama2.c's tokenizer.bin.
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

// Detects the kind by content. NULL after a reported failure. For a tokenizer.json the
// tokenizer_config.json beside it, if there is one, says which tokens are BOS and EOS.
tokenizer *tokenizer_open(const char *path, diag_sink *diags);
void tokenizer_free(tokenizer *t); // NULL is allowed

// Appends the ids of n bytes of UTF-8 text. With `add_bos`, what the model expects around a text:
// the special tokens of the file's template, else BOS in front if there is one. False: reported
// (text is not UTF-8, or a regular expression of the file runs out of its limits).
bool tokenizer_encode(const tokenizer *t, const char *text, size_t n, bool add_bos,
                      tokenizer_ids *ids, diag_sink *diags);

// Streaming decode. Start with {0} and feed every token from the sequence's start, the prompt's
// too: the first piece loses the space that encoding put in front. Bytes of a character that is not
// complete yet are held back; bytes that are no UTF-8 come out as U+FFFD. Special tokens and ids
// out of range give "".
typedef struct {
    uint8_t pending[4];
    int n_pending;
    int to_strip; // spaces still to be dropped at the start of the text
    bool started; // a token that is not special was seen
} tokenizer_stream;
const char *tokenizer_decode_piece(const tokenizer *t, tokenizer_stream *s, int32_t id, arena *a);
const char *tokenizer_decode_end(tokenizer_stream *s, arena *a); // what was held back, as U+FFFD
const char *tokenizer_decode(const tokenizer *t, const int32_t *ids, size_t n, arena *a);

int32_t tokenizer_bos(const tokenizer *t); // -1: none known
int32_t tokenizer_eos(const tokenizer *t);
int32_t tokenizer_size(const tokenizer *t);                        // highest id + 1
int32_t tokenizer_token_id(const tokenizer *t, const char *token); // as in the file; -1: none
const char *tokenizer_token(const tokenizer *t, int32_t id);       // as in the file; NULL: none
bool tokenizer_is_special(const tokenizer *t, int32_t id);

#endif
