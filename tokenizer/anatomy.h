// Inside of the tokenizer: what the readers of files fill in and the other files run. Encoding
// passes a text through them in this order:
//
//   added tokens split out | normalizers | added tokens again | pre-tokenizers | model of every
//   piece | template
#ifndef OHMIC_TOKENIZER_ANATOMY_H
#define OHMIC_TOKENIZER_ANATOMY_H

#include "support/budget.h"
#include "support/map.h"
#include "tokenizer/text/edit.h"
#include "tokenizer/text/regex.h"
#include "tokenizer/text/trie.h"
#include "tokenizer/tokenizer.h"

// What steps may do to one text: of a budget, the rows that are theirs (BUDGET_steps,
// BUDGET_decoded). A file of a few steps can ask for more than any memory holds.
typedef struct {
    budget all;
    budget_kind kind;
} text_budget;
static inline bool text_take(text_budget *b, size_t n) { return budget_take(&b->all, b->kind, n); }

// --- normalizers (normalize.c, forms.c, charsmap.c)

typedef enum {
#define NORMALIZER(type, name, reads, keys) NORMALIZER_##name,
#include "tokenizer/steps.def"
} normalizer_kind;

typedef struct charsmap charsmap; // SentencePiece's compiled rules

typedef struct {
    normalizer_kind kind;
    text content;                            // Prepend, Replace
    regex *re;                               // Replace
    charsmap *map;                           // Precompiled; NULL: no rules
    bool clean, chinese, accents, lowercase; // BertNormalizer
    bool left, right;                        // Strip
} normalizer_step;

// False: a pattern ran out of its limits, or the budget is spent.
#define NORMALIZER(type, name, reads, keys) \
    bool normalizer_##name(const normalizer_step *s, text_budget *b, arena *a, traced *t);
#include "tokenizer/steps.def"
bool normalize(const normalizer_step *steps, size_t n_steps, text_budget *b, arena *a, traced *t);

// NULL: not what SentencePiece compiles. `data` is kept.
charsmap *charsmap_new(arena *a, text data);

// --- pre-tokenizers (split.c)

typedef enum {
#define PRE_TOKENIZER(type, name, reads, keys) PRE_TOKENIZER_##name,
#include "tokenizer/steps.def"
} pre_tokenizer_kind;

typedef enum {
    SPLIT_REMOVED,
    SPLIT_ISOLATED,
    SPLIT_MERGED_WITH_PREVIOUS,
    SPLIT_MERGED_WITH_NEXT,
    SPLIT_CONTIGUOUS,
} split_behaviour;
typedef enum { PREPEND_NEVER, PREPEND_FIRST, PREPEND_ALWAYS } prepend_scheme;

typedef struct {
    pre_tokenizer_kind kind;
    regex *re;                 // Split; ByteLevel: NULL when it does not split
    split_behaviour behaviour; // Split, Punctuation
    bool invert;               // Split: what the pattern does not match is the match
    bool each;                 // Digits: apart; Metaspace: splits
    bool prefix;               // ByteLevel: a space is put in front
    prepend_scheme prepend;    // Metaspace
    int32_t c;                 // CharDelimiterSplit: the delimiter; Metaspace: for a space
    int64_t length;            // FixedLength: characters
} pre_tokenizer_step;

typedef struct {
    traced text;
    uint32_t begin;   // where what it was cut from begins, in the whole text
    int32_t added_id; // an added token; -1: text
} piece;
typedef VEC(piece) pieces;

// One piece through one step; its parts that are not empty are appended to `out`. False: as above.
#define PRE_TOKENIZER(type, name, reads, keys) \
    bool pre_tokenizer_##name(const pre_tokenizer_step *s, arena *a, const piece *in, pieces *out);
#include "tokenizer/steps.def"
bool pre_tokenize(const pre_tokenizer_step *steps, size_t n_steps, text_budget *b, arena *a,
                  pieces *p);

// --- models

typedef enum {
    MODEL_BPE,
    MODEL_WORDPIECE,
    MODEL_UNIGRAM,
    MODEL_WORDLEVEL,
    MODEL_LLAMA2C
} model_kind;

// A token of a piece: bytes begin ... end of it.
typedef struct {
    int32_t id;
    size_t begin, end;
} word_token;
typedef VEC(word_token) word_tokens;

// Tokens of one piece are appended. Of WordPiece and WordLevel an id of -1 stands for what has no
// token where the file has none for it either; so of Unigram.
void bpe_encode(const tokenizer *t, text word, word_tokens *out);
void wordpiece_encode(const tokenizer *t, text word, word_tokens *out);
void unigram_encode(const tokenizer *t, text word, word_tokens *out);
void wordlevel_encode(const tokenizer *t, text word, word_tokens *out);
void llama2c_encode(const tokenizer *t, text whole, word_tokens *out);

// Tokens "<0xNN>" of the bytes; false (and none) when one is missing. `whole`: each stands for all
// of them.
bool model_push_bytes(const tokenizer *t, text bytes, size_t begin, bool whole, word_tokens *out);
int32_t model_token(const tokenizer *t, text name); // of the model's vocabulary; -1: none
// The model's names by their beginning; with `prefix` those that begin with it, without it.
trie *model_names(const tokenizer *t, text prefix);
// What WordPiece needs to know of its names.
void model_index_words(tokenizer *t, text prefix, int64_t longest);

// What two adjacent symbols merge to: false when they do not. Lower keys merge first, then the
// leftmost pair.
typedef bool bpe_lookup(const void *ctx, int32_t left, int32_t right, double *key, int32_t *merged);
// Merges tokens in place from index `from` on, O(n log n).
void bpe_merge(word_tokens *tokens, size_t from, bpe_lookup *lookup, const void *ctx);

// (left, right) -> rank and result
typedef struct merge_table merge_table;
merge_table *merge_table_new(void);
void merge_table_free(merge_table *m); // NULL is allowed
void merge_table_set(merge_table *m, int32_t left, int32_t right, uint32_t rank, int32_t merged);
bpe_lookup merge_table_lookup; // ctx: the table

// --- decoders (decode.c)

typedef enum {
#define DECODER(type, name, reads, keys) DECODER_##name,
#include "tokenizer/steps.def"
    DECODER_spaces, // no decoder in the file: spaces between tokens
    DECODER_raw,    // llama2.c: byte names to bytes; the first space goes
} decoder_kind;

typedef struct {
    decoder_kind kind;
    regex *re;              // Replace
    text content;           // Replace, Strip; BPEDecoder: suffix; WordPiece: prefix; CTC: pad
    text space;             // CTC: what stands for a space
    int64_t left, right;    // Strip: characters at most
    bool cleanup;           // WordPiece, CTC
    prepend_scheme prepend; // Metaspace
    int32_t c;              // Metaspace: for a space
    bool fused;             // what comes in is one token, in parts
} decoder_step;

// --- the whole

typedef struct {
    text content; // as matched: normalised where `normalized`
    int32_t id;
    bool single_word, lstrip, rstrip;
    bool normalized; // looked for after normalisation
} added_token;
typedef VEC(added_token) added_tokens;

// Pieces that are text are cut at the added tokens that are, or are not, normalized.
void split_added(const added_tokens *all, const trie *found_by, pieces *p);

typedef struct {
    const char *name; // NULL: no such id
    text text;    // what decoding starts from: the name, normalised for a normalised added token
    bool special; // may be left out in decoding
    bool is_added;
} token;

enum { TEMPLATE_TEXT = -1 };

struct tokenizer {
    arena *memory;
    map *vocabulary;  // the model's
    map *added_names; // of added tokens
    VEC(token) tokens;
    added_tokens added;
    trie *added_plain, *added_normalized; // values: indices into `added`

    VEC(normalizer_step) normalizers;
    VEC(pre_tokenizer_step) pre_tokenizers;
    VEC(decoder_step) decoders;
    VEC(int32_t) template; // ids, TEMPLATE_TEXT once or more
    bool trim;             // spans leave white space out
    bool trim_prefix;      // ... but the one space in front

    model_kind model;
    int32_t unknown;          // -1: none
    const char *unknown_name; // as in the file; NULL: it names none
    // BPE
    merge_table *merges;
    bool byte_fallback, fuse_unknown, ignore_merges; // byte_fallback: of Unigram too
    text prefix, suffix; // of symbols inside a word and at its end; WordPiece: prefix
    // WordPiece and Unigram: tokens by their beginning; `inner`: behind the prefix
    trie *names, *inner;
    int64_t longest_word;
    VEC(double) scores; // Unigram and llama2.c: by id
    double least_score;

    int32_t bos;
    tokenizer_ids ends;
    bool bos_is_set, ends_are_set; // a file says so, or that there is none
};

// The name is kept. The first name of an id stays; of a name, its last id.
void tokenizer_define(tokenizer *t, int32_t id, text name);
// An added token's name goes before the model's.
void tokenizer_define_added(tokenizer *t, int32_t id, text name, bool special);
// From `added`: how they are found.
void tokenizer_index_added(tokenizer *t);

bool tokenizer_check_decoding(const tokenizer *t, const char *path, diag_sink *diags);
bool tokenizer_read_json(tokenizer *t, text file, const char *path, diag_sink *diags);
bool tokenizer_read_llama2c(tokenizer *t, text file, const char *path, diag_sink *diags);
bool tokenizer_is_word_list(text file);
bool tokenizer_read_word_list(tokenizer *t, text file, const char *path, diag_sink *diags);
// tokenizer_config.json and generation_config.json beside `path`, if they are there.
bool tokenizer_read_settings(tokenizer *t, const char *path, diag_sink *diags);

enum { TOKENIZER_MAX_ID = 1 << 22 }; // of any file; of a small one: BUDGET_ids

#endif
