// Sorted ranges of columns and bytes; see verify_rows.h.
#include "isa/verify/rows.h"

// Index of the first span that ends behind `at`.
static size_t first_behind(const verify_columns *c, uint32_t at) {
    size_t lo = 0, hi = c->spans.count;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (c->spans.items[mid].until <= at)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void absorb(verify_span *into, const verify_span *s) {
    if (s->first < into->first) {
        into->first = s->first;
        into->writer = s->writer;
    }
    if (s->used > into->used) {
        into->used = s->used;
        into->reader = s->reader;
    }
    into->ready = max_i64(into->ready, s->ready);
    into->range = verify_join(into->range, s->range);
}

// Replaces spans [at, end) by the one given.
static void replace(verify_columns *c, size_t at, size_t end, verify_span s) {
    if (end == at) {
        vec_push(&c->spans, s);
        end = at + 1;
        memmove(c->spans.items + end, c->spans.items + at,
                (c->spans.count - end) * sizeof *c->spans.items);
    } else if (end > at + 1) {
        memmove(c->spans.items + at + 1, c->spans.items + end,
                (c->spans.count - end) * sizeof *c->spans.items);
        c->spans.count -= end - at - 1;
    }
    c->spans.items[at] = s;
}

bool verify_columns_find(verify_columns *c, uint32_t from, uint32_t until, verify_span *out) {
    size_t at = first_behind(c, from), end = at;
    uint32_t covered = from;
    if (at == c->spans.count || c->spans.items[at].from > from) return false;
    verify_span s = c->spans.items[at];
    for (; end < c->spans.count && c->spans.items[end].from <= covered && covered < until; end++) {
        absorb(&s, &c->spans.items[end]);
        s.until = covered = c->spans.items[end].until;
    }
    if (covered < until) return false;
    if (end > at + 1) replace(c, at, end, s);
    *out = s;
    return true;
}

void verify_columns_meet(const verify_columns *c, uint32_t from, uint32_t until, verify_span *out) {
    *out = (verify_span){.used = -1};
    for (size_t i = first_behind(c, from); i < c->spans.count && c->spans.items[i].from < until;
         i++)
        if (c->spans.items[i].used > out->used) *out = c->spans.items[i];
}

// Parts of spans that the write does not cover stay as they are; under it is one span.
verify_span verify_columns_write(verify_columns *c, verify_span s) {
    size_t at = first_behind(c, s.from), end = at;
    verify_span left = {0}, right = {0};
    for (; end < c->spans.count && c->spans.items[end].from < s.until; end++) {
        const verify_span *old = &c->spans.items[end];
        if (old->from < s.from) {
            left = *old;
            left.until = s.from;
        }
        if (old->until > s.until) {
            right = *old;
            right.from = s.until;
        }
        if (old->first < s.first) { // the same rows written anew
            s.first = old->first;
            s.writer = old->writer;
        }
    }
    replace(c, at, end, s);
    if (left.until > left.from) replace(c, at, at, left);
    if (right.until > right.from) {
        at += 1 + (left.until > left.from);
        replace(c, at, at, right);
    }
    return s;
}

verify_span verify_columns_read(verify_columns *c, uint32_t from, uint32_t until, int64_t used,
                                uint32_t pc) {
    verify_span *s = &c->spans.items[first_behind(c, from)];
    if (used > s->used) {
        s->used = used;
        s->reader = pc;
    }
    return *s;
}

// --- bytes

void verify_memory_take(verify_memory *m, uint64_t from, uint64_t until, uint32_t owner,
                        void (*lost)(void *ctx, uint32_t owner), void *ctx) {
    size_t lo = 0, hi = m->count;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (m->items[mid].until <= from)
            lo = mid + 1;
        else
            hi = mid;
    }
    size_t end = lo;
    verify_bytes left = {0}, right = {0}, all = {from, until, owner};
    for (; end < m->count && m->items[end].from < until; end++) {
        const verify_bytes *b = &m->items[end];
        if (b->from < from) left = (verify_bytes){b->from, from, b->owner};
        if (b->until > until) right = (verify_bytes){until, b->until, b->owner};
        if (b->owner != owner) lost(ctx, b->owner);
    }
    size_t more = 1u + (left.until > left.from) + (right.until > right.from);
    size_t count = m->count - (end - lo) + more;
    vec_reserve(m, count);
    memmove(m->items + lo + more, m->items + end, (m->count - end) * sizeof *m->items);
    m->count = count;
    if (left.until > left.from) m->items[lo++] = left;
    m->items[lo++] = all;
    if (right.until > right.from) m->items[lo] = right;
}
