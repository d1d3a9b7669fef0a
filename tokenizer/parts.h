// Inside of the tokenizer: the parts that json.c and llama2c.c fill in and the
// other files run. Encoding passes a text through them in this order:
//
//   added tokens split out | normalize steps | pre-tokenize steps | BPE of every piece | template
#ifndef OHMIC_TOKENIZER_PARTS_H
#define OHMIC_TOKENIZER_PARTS_H

#include "support/budget.h"
#include "support/map.h"
#include "tokenizer/tokenizer.h"

typedef struct {
    const char *p;
    size_t n;
} text;

// --- regular expressions (text.c)

typedef struct regex regex; // pcre2, UTF and UCP
// NULL: *message gets what is wrong.
regex *regex_new(const char *pattern, size_t n, bool literal, char message[128]);
void regex_free(regex *re);

// --- steps of normalisation and pre-tokenization (text.c)

typedef enum {
    NORM_NFC,
    NORM_NFD,
    NORM_NFKC,
    NORM_NFKD,
    NORM_LOWERCASE,
    NORM_STRIP_ACCENTS,
    NORM_STRIP,   // white space, left and/or right
    NORM_PREPEND, // `content`, unless the text is empty
    NORM_REPLACE, // matches of `re` by `content`
} norm_kind;
typedef struct {
    norm_kind kind;
    regex *re;
    text content;
    bool left, right;
} norm_step;

typedef enum { PRE_SPLIT, PRE_BYTE_LEVEL, PRE_METASPACE } pre_kind;
typedef enum {
    SPLIT_REMOVED,
    SPLIT_ISOLATED,
    SPLIT_MERGED_WITH_PREVIOUS,
    SPLIT_MERGED_WITH_NEXT,
    SPLIT_CONTIGUOUS,
} split_behaviour;
typedef enum { PREPEND_NEVER, PREPEND_FIRST, PREPEND_ALWAYS } prepend_scheme;
typedef struct {
    pre_kind kind;
    regex *re; // PRE_SPLIT always; the others: NULL when they do not split
    split_behaviour behaviour;
    bool invert;            // PRE_SPLIT: what the pattern does not match is the match
    prepend_scheme prepend; // PRE_BYTE_LEVEL: a space; PRE_METASPACE: `content`
    text content;           // PRE_METASPACE: what stands for a space
} pre_step;

typedef struct {
    text text;
    bool at_start;    // begins where the whole text begins
    int32_t added_id; // an added token; -1: text
} piece;
typedef VEC(piece) pieces;

// What steps may do to one text: of a budget, the rows that are theirs (BUDGET_steps,
// BUDGET_decoded). A file of a few steps can ask for more than any memory holds.
typedef struct {
    budget all;
    budget_kind kind;
} text_budget;
static inline bool text_take(text_budget *b, size_t n) { return budget_take(&b->all, b->kind, n); }

// They allocate in `a`; false when a pattern ran out of its limits or the budget is spent.
bool text_normalize(const norm_step *steps, size_t n_steps, text_budget *b, arena *a, text *t);
bool text_split(const pre_step *steps, size_t n_steps, text_budget *b, arena *a, pieces *p);
bool text_replace(const regex *re, text content, text_budget *b, arena *a, text *t);
// Length of the UTF-8 character at p (n > 0 bytes follow); 1 for a byte that starts none.
size_t text_char_bytes(const char *p, size_t n);
bool text_is_space(int32_t c); // Unicode's White_Space
// The 256 characters that stand for bytes in byte-level vocabularies.
uint32_t text_byte_to_char(uint8_t byte);
int text_char_to_byte(uint32_t c); // -1: none

// --- byte-pair merging (bpe.c)

// What two adjacent symbols merge to: false when they do not. Lower keys merge first, then the
// leftmost pair.
typedef bool bpe_lookup(const void *ctx, int32_t left, int32_t right, double *key, int32_t *merged);
// Merges symbols in place, O(n log n); ids keeps what remains from index `from` on.
void bpe_merge(tokenizer_ids *ids, size_t from, bpe_lookup *lookup, const void *ctx);

// (left, right) -> rank and result
typedef struct merge_table merge_table;
merge_table *merge_table_new(void);
void merge_table_free(merge_table *m);
void merge_table_set(merge_table *m, int32_t left, int32_t right, uint32_t rank, int32_t merged);
bpe_lookup merge_table_lookup; // ctx: the table

// --- decoding

typedef enum {
    DECODE_BYTE_LEVEL,
    DECODE_BYTE_FALLBACK, // "<0x41>" -> 'A'
    DECODE_REPLACE,       // matches of `re` by `content`
    DECODE_METASPACE, // `content` by a space, dropped in the first token unless prepend is never
    DECODE_STRIP,     // up to `left` and `right` times `content` off each token
} decode_kind;
typedef struct {
    decode_kind kind;
    regex *re;
    text content;
    int left, right;
    prepend_scheme prepend;
} decode_step;

// --- the whole

typedef struct {
    text content; // as matched: normalised where `normalized`
    int32_t id;
    bool single_word, lstrip, rstrip;
    bool normalized; // looked for after normalisation
} added_token;

typedef struct {
    const char *name; // NULL: no such id
    const char
        *text;    // what decoding starts from: the name, normalised for a normalised added token
    bool special; // gives no text
} token;

struct tokenizer {
    arena *memory;
    map *vocabulary;
    VEC(token) tokens;
    VEC(float) scores; // llama2.c: by id
    bool is_llama2c;
    VEC(added_token) added; // longest content first
    VEC(norm_step) normalize;
    VEC(pre_step) split;
    merge_table *merges;
    bool byte_fallback, fuse_unknown, ignore_merges;
    int32_t unknown; // -1: unknown characters vanish
    VEC(decode_step) decode;
    bool space_between; // no decoder: tokens are joined by spaces
    int strip_start;    // spaces that decoding drops at the start of the text
    int32_t bos, eos;
    tokenizer_ids before, behind; // the template
    bool has_template;
};

void tokenizer_define(tokenizer *t, int32_t id, const char *name); // the first name of an id stays

bool tokenizer_read_json(tokenizer *t, text file, const char *path, diag_sink *diags);
bool tokenizer_read_llama2c(tokenizer *t, text file, const char *path, diag_sink *diags);
void tokenizer_encode_llama2c(const tokenizer *t, text in, tokenizer_ids *ids);
bool tokenizer_encode_pieces(const tokenizer *t, text in, tokenizer_ids *ids, diag_sink *diags);

enum { TOKENIZER_MAX_ID = 1 << 22 }; // of any file; of a small one: BUDGET_ids

#endif
