// Byte-pair merging: repeatedly the adjacent pair with the lowest key, leftmost first, by a heap of
// candidates over a doubly linked list of symbols. Candidates go stale when a neighbour merges;
// they are checked when they come up rather than searched for.
#include "tokenizer/anatomy.h"
#include "tokenizer/text/unicode.h"

typedef struct {
    int32_t id;         // -1: merged into its left neighbour
    int32_t prev, next; // -1: none
} symbol;

typedef struct {
    double key;
    int32_t at, merged;
} candidate;

typedef struct {
    symbol *symbols;
    VEC(candidate) heap;
    bpe_lookup *lookup;
    const void *ctx;
} merger;

static bool before(candidate a, candidate b) {
    return a.key != b.key ? a.key < b.key : a.at < b.at;
}

static void push(merger *m, int32_t at) {
    candidate c = {.at = at};
    if (at < 0 || m->symbols[at].next < 0) return;
    int32_t right = m->symbols[m->symbols[at].next].id;
    if (!m->lookup(m->ctx, m->symbols[at].id, right, &c.key, &c.merged)) return;
    vec_push(&m->heap, c);
    size_t i = m->heap.count - 1;
    for (; i > 0 && before(c, m->heap.items[(i - 1) / 2]); i = (i - 1) / 2)
        m->heap.items[i] = m->heap.items[(i - 1) / 2];
    m->heap.items[i] = c;
}

static candidate pop(merger *m) {
    candidate top = m->heap.items[0], last = m->heap.items[--m->heap.count];
    size_t i = 0, n = m->heap.count;
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && before(m->heap.items[child + 1], m->heap.items[child])) child++;
        if (!before(m->heap.items[child], last)) break;
        m->heap.items[i] = m->heap.items[child];
    }
    if (n) m->heap.items[i] = last;
    return top;
}

void bpe_merge(word_tokens *tokens, size_t from, bpe_lookup *lookup, const void *ctx) {
    size_t n = tokens->count - from;
    if (n < 2) return;
    CHECK(n < INT32_MAX, "%zu symbols", n);
    word_token *of = tokens->items + from;
    merger m = {.symbols = base_alloc(n * sizeof(symbol)), .lookup = lookup, .ctx = ctx};
    for (size_t i = 0; i < n; i++) {
        int32_t at = (int32_t)i;
        m.symbols[i] = (symbol){of[i].id, at - 1, i + 1 < n ? at + 1 : -1};
    }
    for (size_t i = 0; i + 1 < n; i++) push(&m, (int32_t)i);
    while (m.heap.count) {
        candidate c = pop(&m);
        symbol *left = &m.symbols[c.at];
        if (left->id < 0 || left->next < 0) continue;
        symbol *right = &m.symbols[left->next];
        double key;
        int32_t merged;
        if (!lookup(ctx, left->id, right->id, &key, &merged) || merged != c.merged) continue;
        of[c.at].end = of[left->next].end;
        left->id = merged;
        right->id = -1;
        left->next = right->next;
        if (left->next >= 0) m.symbols[left->next].prev = c.at;
        push(&m, left->prev);
        push(&m, c.at);
    }
    tokens->count = from;
    for (int32_t i = 0; i >= 0; i = m.symbols[i].next) {
        of[i].id = m.symbols[i].id;
        tokens->items[tokens->count++] = of[i];
    }
    vec_free(&m.heap);
    free(m.symbols);
}

// --- a word: its characters, then merges

// Symbols inside a word begin with the prefix, its last one ends with the suffix.
static text symbol_name(const tokenizer *t, text c, bool first, bool last, arena **a) {
    text prefix = first ? (text){0} : t->prefix, suffix = last ? t->suffix : (text){0};
    if (prefix.n + suffix.n == 0) return c;
    if (!*a) *a = arena_new();
    char *p = arena_alloc(*a, prefix.n + c.n + suffix.n + 1);
    if (prefix.n) memcpy(p, prefix.p, prefix.n);
    memcpy(p + prefix.n, c.p, c.n);
    if (suffix.n) memcpy(p + prefix.n + c.n, suffix.p, suffix.n);
    return (text){p, prefix.n + c.n + suffix.n};
}

void bpe_encode(const tokenizer *t, text word, word_tokens *out) {
    int32_t id = t->ignore_merges ? model_token(t, word) : -1;
    if (id >= 0) {
        vec_push(out, (word_token){id, 0, word.n});
        return;
    }
    size_t from = out->count;
    bool due = false; // `unknown` waits for more to fuse with
    word_token unknown = {t->unknown, 0, 0};
    arena *a = NULL;
    for (size_t at = 0; at < word.n;) {
        size_t begin = at;
        unicode_next(word.p, word.n, &at);
        text s = symbol_name(t, (text){word.p + begin, at - begin}, begin == 0, at == word.n, &a);
        id = model_token(t, s);
        if (id < 0 && t->byte_fallback && model_push_bytes(t, s, begin, false, out)) continue;
        if (id < 0 && !t->unknown_name) continue;
        if (due && (id >= 0 || !t->fuse_unknown)) {
            vec_push(out, unknown);
            due = false;
        }
        if (id >= 0) {
            vec_push(out, (word_token){id, begin, at});
        } else {
            if (!due) unknown.begin = begin;
            unknown.end = at;
            due = true;
        }
    }
    if (due) vec_push(out, unknown);
    arena_free(a);
    bpe_merge(out, from, merge_table_lookup, t->merges);
}

// --- the merge table: open addressing, at most half full

typedef struct {
    int32_t left, right; // left -1: free
    uint32_t rank;
    int32_t merged;
} merge;

struct merge_table {
    merge *slots;
    size_t n_slots, count;
};

static size_t slot_of(const merge_table *m, int32_t left, int32_t right) {
    uint64_t h = ((uint64_t)(uint32_t)left << 32 | (uint32_t)right) * 0x9e3779b97f4a7c15u;
    size_t i = (h ^ h >> 32) & (m->n_slots - 1);
    while (m->slots[i].left >= 0 && (m->slots[i].left != left || m->slots[i].right != right))
        i = (i + 1) & (m->n_slots - 1);
    return i;
}

static void resize(merge_table *m, size_t n_slots) {
    merge *old = m->slots;
    size_t n_old = m->n_slots;
    m->slots = base_alloc(n_slots * sizeof *m->slots);
    m->n_slots = n_slots;
    for (size_t i = 0; i < n_slots; i++) m->slots[i].left = -1;
    for (size_t i = 0; i < n_old; i++) {
        if (old[i].left >= 0) m->slots[slot_of(m, old[i].left, old[i].right)] = old[i];
    }
    free(old);
}

merge_table *merge_table_new(void) {
    merge_table *m = base_calloc(1, sizeof *m);
    resize(m, 1024);
    return m;
}

void merge_table_free(merge_table *m) {
    if (!m) return;
    free(m->slots);
    free(m);
}

void merge_table_set(merge_table *m, int32_t left, int32_t right, uint32_t rank, int32_t merged) {
    if (m->count * 2 >= m->n_slots) resize(m, m->n_slots * 2);
    merge *s = &m->slots[slot_of(m, left, right)];
    m->count += s->left < 0;
    *s = (merge){left, right, rank, merged};
}

bool merge_table_lookup(const void *ctx, int32_t left, int32_t right, double *key,
                        int32_t *merged) {
    const merge_table *m = ctx;
    const merge *s = &m->slots[slot_of(m, left, right)];
    if (s->left < 0) return false;
    *key = s->rank;
    *merged = s->merged;
    return true;
}
