// Added tokens: found in a text as they stand, before anything else cuts it.
#include "tokenizer/anatomy.h"
#include "tokenizer/text/unicode.h"

static bool stands_alone(traced t, size_t begin, size_t end) {
    size_t before = begin > 0 ? unicode_before(t.p, begin) : 0, behind = end;
    if (begin > 0 && unicode_is_word(unicode_next(t.p, t.n, &before))) return false;
    return end == t.n || !unicode_is_word(unicode_next(t.p, t.n, &behind));
}

static size_t space_before(traced t, size_t at, size_t least) {
    while (at > least) {
        size_t begin = unicode_before(t.p, at), next = begin;
        if (!unicode_is_space(unicode_next(t.p, t.n, &next))) break;
        at = begin;
    }
    return at;
}

static size_t space_behind(traced t, size_t at) {
    for (size_t next = at; at < t.n; at = next)
        if (!unicode_is_space(unicode_next(t.p, t.n, &next))) break;
    return at;
}

static void push(pieces *out, traced t, size_t begin, size_t end, int32_t added_id) {
    if (begin < end)
        vec_push(out, (piece){traced_slice(t, begin, end), t.from[begin].begin, added_id});
}

// Leftmost first, of those the longest. Where one takes white space in behind it, the next may
// begin inside that.
static void split(const added_tokens *all, const trie *found_by, traced t, pieces *out) {
    size_t done = 0; // everything before is in `out`
    for (size_t at = 0; at < t.n;) {
        size_t n = 0;
        int32_t index = trie_longest(found_by, t.p + at, t.n - at, &n);
        if (index < 0) {
            at++;
            continue;
        }
        const added_token *k = &all->items[index];
        size_t begin = at, end = at + n;
        at = end;
        if (k->single_word && !stands_alone(t, begin, end)) continue;
        if (k->lstrip) begin = begin > done ? space_before(t, begin, done) : done;
        if (k->rstrip) end = space_behind(t, end);
        push(out, t, done, begin, -1);
        push(out, t, begin, end, k->id);
        done = end;
    }
    push(out, t, done, t.n, -1);
}

void split_added(const added_tokens *all, const trie *found_by, pieces *p) {
    pieces out = {0};
    for (size_t i = 0; i < p->count; i++) {
        piece x = p->items[i];
        if (x.added_id >= 0 || !found_by)
            push(&out, x.text, 0, x.text.n, x.added_id);
        else
            split(all, found_by, x.text, &out);
    }
    vec_free(p);
    *p = out;
}

// --- how they are found

// Special is what is spelled as a special token is: a normalised one may not be any more.
static void mark_special(tokenizer *t) {
    map *special = map_new();
    for (size_t i = 0; i < t->tokens.count; i++)
        if (t->tokens.items[i].special) map_add(special, t->tokens.items[i].name, 1);
    for (size_t i = 0; i < t->tokens.count; i++) {
        token *k = &t->tokens.items[i];
        if (k->name) k->special = map_get(special, k->text.p) != MAP_NONE;
    }
    map_free(special);
}

static trie *contents_of(const tokenizer *t, bool normalized) {
    trie_entry *entries = base_alloc((t->added.count + 1) * sizeof *entries);
    size_t n = 0;
    for (size_t i = t->added.count; i-- > 0;) { // of equal ones the first counts
        const added_token *k = &t->added.items[i];
        if (k->normalized == normalized && k->content.n)
            entries[n++] = (trie_entry){k->content, (int32_t)i};
    }
    trie *out = n ? trie_new(entries, n) : NULL;
    free(entries);
    return out;
}

void tokenizer_index_added(tokenizer *t) {
    mark_special(t);
    t->added_plain = contents_of(t, false);
    t->added_normalized = contents_of(t, true);
}
