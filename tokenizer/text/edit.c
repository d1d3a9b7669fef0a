// Texts with origins; see edit.h.
#include "tokenizer/text/edit.h"
#include "tokenizer/text/unicode.h"
#include <string.h>

edit edit_begin(arena *a, traced in) {
    edit e = {.in = in, .a = a, .capacity = in.n + 16};
    e.p = arena_alloc(a, e.capacity);
    e.from = ARENA_ARRAY(a, origin, e.capacity);
    return e;
}

static void make_room(edit *e, size_t bytes) {
    if (e->n + bytes <= e->capacity) return;
    size_t capacity = 2 * (e->n + bytes);
    char *p = arena_alloc(e->a, capacity);
    origin *from = ARENA_ARRAY(e->a, origin, capacity);
    memcpy(p, e->p, e->n);
    memcpy(from, e->from, e->n * sizeof *from);
    e->p = p;
    e->from = from;
    e->capacity = capacity;
}

static void append(edit *e, int32_t c, origin from) {
    char bytes[4];
    size_t n = unicode_put(c, bytes);
    make_room(e, n);
    for (size_t i = 0; i < n; i++) {
        e->p[e->n] = bytes[i];
        e->from[e->n++] = from;
    }
}

bool edit_is_done(const edit *e) { return e->at == e->in.n; }

int32_t edit_peek(const edit *e) {
    size_t at = e->at;
    return unicode_next(e->in.p, e->in.n, &at);
}

void edit_drop(edit *e) {
    if (!edit_is_done(e)) unicode_next(e->in.p, e->in.n, &e->at);
}

void edit_put(edit *e, int32_t c) {
    if (edit_is_done(e)) {
        edit_insert(e, c);
        return;
    }
    origin from = e->in.from[e->at];
    edit_drop(e);
    append(e, c, from);
}

void edit_keep(edit *e) { edit_put(e, edit_peek(e)); }

void edit_insert(edit *e, int32_t c) {
    origin from = {0, 0};
    if (e->at > 0)
        from = e->in.from[e->at - 1];
    else if (e->in.n > 0)
        from = (origin){e->in.from[0].begin, e->in.from[0].begin};
    append(e, c, from);
}

void edit_change(edit *e, int32_t c, int32_t change) {
    if (change > 0) {
        edit_insert(e, c);
        return;
    }
    edit_put(e, c);
    for (; change < 0; change++) edit_drop(e);
}

void edit_insert_text(edit *e, text t) {
    for (size_t at = 0; at < t.n;) edit_insert(e, unicode_next(t.p, t.n, &at));
}

void edit_copy(edit *e, size_t until) {
    size_t n = until - e->at;
    make_room(e, n);
    memcpy(e->p + e->n, e->in.p + e->at, n);
    memcpy(e->from + e->n, e->in.from + e->at, n * sizeof *e->from);
    e->n += n;
    e->at = until;
}

traced edit_end(edit *e) { return (traced){e->p, e->from, e->n}; }

traced traced_of(arena *a, text t) {
    origin *from = ARENA_ARRAY(a, origin, t.n + 1);
    for (size_t at = 0; at < t.n;) {
        size_t begin = at;
        unicode_next(t.p, t.n, &at);
        for (size_t i = begin; i < at; i++) from[i] = (origin){(uint32_t)begin, (uint32_t)at};
    }
    return (traced){t.p, from, t.n};
}

traced traced_slice(traced t, size_t begin, size_t end) {
    return (traced){t.p + begin, t.from + begin, end - begin};
}

bool text_starts_with(text t, text prefix) {
    return t.n >= prefix.n && (prefix.n == 0 || memcmp(t.p, prefix.p, prefix.n) == 0);
}

text text_copy(arena *a, text t) { return (text){arena_strn(a, t.n ? t.p : "", t.n), t.n}; }

static size_t count_of(text t, text what) {
    size_t count = 0;
    for (size_t at = 0; at + what.n <= t.n;) {
        if (memcmp(t.p + at, what.p, what.n) == 0) {
            count++;
            at += what.n;
        } else {
            at++;
        }
    }
    return count;
}

static text spread(arena *a, text t, text by) {
    char *out = arena_alloc(a, t.n + (t.n + 1) * by.n + 1);
    size_t n = 0;
    for (size_t at = 0;;) {
        if (by.n) memcpy(out + n, by.p, by.n);
        n += by.n;
        if (at == t.n) break;
        size_t begin = at;
        unicode_next(t.p, t.n, &at);
        memcpy(out + n, t.p + begin, at - begin);
        n += at - begin;
    }
    return (text){out, n};
}

text text_replace(arena *a, text t, text what, text by) {
    if (what.n == 0) return spread(a, t, by);
    size_t count = count_of(t, what), n = 0;
    if (count == 0) return t;
    char *out = arena_alloc(a, t.n + count * by.n + 1);
    for (size_t at = 0; at < t.n;) {
        if (t.n - at >= what.n && memcmp(t.p + at, what.p, what.n) == 0) {
            if (by.n) memcpy(out + n, by.p, by.n);
            n += by.n;
            at += what.n;
        } else {
            out[n++] = t.p[at++];
        }
    }
    return (text){out, n};
}
