// SentencePiece's compiled rules of normalisation: a number of bytes, a trie of that size as a
// double array of 32-bit units (Darts), then the texts it leads to, each ended by NUL.
#include "tokenizer/anatomy.h"
#include "tokenizer/text/unicode.h"
#include <utf8proc.h>

struct charsmap {
    const uint8_t *units;
    size_t n_units;
    text texts;
};

// A unit: bits 0-7 its label, bit 8 whether a value hangs below, bits 10-30 the offset to its
// children, in 256s when bit 9 is set; a value has bit 31 set.
static uint32_t unit_at(const charsmap *m, size_t i) {
    if (i >= m->n_units) return 0;
    const uint8_t *p = m->units + 4 * i;
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}
static size_t offset_of(uint32_t unit) { return (size_t)(unit >> 10) << ((unit & 1u << 9) >> 6); }

charsmap *charsmap_new(arena *a, text data) {
    charsmap *m = ARENA_NEW(a, charsmap);
    if (data.n < 4) return NULL;
    *m = (charsmap){(const uint8_t *)data.p, 1, {0}};
    size_t bytes = unit_at(m, 0), bad;
    if (bytes % 4 != 0 || bytes == 0 || bytes > data.n - 4) return NULL;
    m->units += 4;
    m->n_units = bytes / 4;
    m->texts = (text){data.p + 4 + bytes, data.n - 4 - bytes};
    return unicode_is_utf8(m->texts.p, m->texts.n, &bad) ? m : NULL;
}

// What the shortest beginning of `part` that has a rule becomes. False: none has.
static bool rule_of(const charsmap *m, text part, text *out) {
    size_t node = offset_of(unit_at(m, 0));
    for (size_t i = 0; i < part.n && part.p[i]; i++) {
        uint8_t c = (uint8_t)part.p[i];
        node ^= c;
        uint32_t unit = unit_at(m, node);
        if ((unit & (1u << 31 | 0xff)) != c) return false;
        node ^= offset_of(unit);
        if (!(unit >> 8 & 1)) continue;
        size_t at = unit_at(m, node) & ~(1u << 31);
        if (at > m->texts.n || (at < m->texts.n && (m->texts.p[at] & 0xc0) == 0x80)) return false;
        const char *p = m->texts.p + at;
        *out = (text){p, strnlen(p, m->texts.n - at)};
        return true;
    }
    return false;
}

static size_t count_characters(text t) {
    size_t n = 0;
    for (size_t i = 0; i < t.n; i++) n += ((uint8_t)t.p[i] & 0xc0) != 0x80;
    return n;
}

// The text as it will be; a change of the last character may still grow when what follows it goes.
typedef struct {
    int32_t c, change;
} changed;
typedef VEC(changed) changes;

// The next `old` characters become `by`: where there are more, the last ones were added; where
// there are fewer, the last one takes the rest in, and where nothing is left the one before it.
static void replace(changes *all, size_t *first_dropped, size_t old, text by) {
    size_t count = count_characters(by), i = 0;
    for (size_t at = 0; at < by.n; i++)
        vec_push(all, (changed){unicode_next(by.p, by.n, &at), i >= old});
    if (count >= old) return;
    if (all->count)
        all->items[all->count - 1].change -= (int32_t)(old - count);
    else
        *first_dropped += old - count;
}

static size_t next_cluster(const char *p, size_t n, size_t at) {
    utf8proc_int32_t state = 0;
    int32_t c = unicode_next(p, n, &at);
    while (at < n) {
        size_t next = at;
        int32_t d = unicode_next(p, n, &next);
        if (utf8proc_grapheme_break_stateful(c, d, &state)) break;
        c = d;
        at = next;
    }
    return at;
}

// A grapheme cluster of fewer than six bytes is looked up as a whole, then each of its characters.
bool normalizer_precompiled(const normalizer_step *s, text_budget *b, arena *a, traced *t) {
    enum { SHORT = 6 };
    if (!s->map) return true;
    changes all = {0};
    bool ok = true;
    size_t dropped = 0; // in front of the first that stays
    for (size_t at = 0, end; ok && at < t->n; at = end) {
        end = next_cluster(t->p, t->n, at);
        text cluster = {t->p + at, end - at}, by;
        if (cluster.n < SHORT && rule_of(s->map, cluster, &by)) {
            ok = text_take(b, by.n);
            replace(&all, &dropped, count_characters(cluster), by);
            continue;
        }
        while (ok && at < end) {
            size_t begin = at;
            int32_t c = unicode_next(t->p, t->n, &at);
            if (rule_of(s->map, (text){t->p + begin, at - begin}, &by)) {
                ok = text_take(b, by.n);
                replace(&all, &dropped, 1, by);
            } else {
                vec_push(&all, (changed){c, 0});
            }
        }
    }
    edit e = edit_begin(a, *t);
    while (dropped--) edit_drop(&e);
    for (size_t i = 0; i < all.count; i++) edit_change(&e, all.items[i].c, all.items[i].change);
    *t = edit_end(&e);
    vec_free(&all);
    return ok;
}
