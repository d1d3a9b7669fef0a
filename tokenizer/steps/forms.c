// The four normal forms of Unicode (UAX 15): decomposition, canonical order, composition. Every
// character carries its change, as edit_change counts.
#include "tokenizer/anatomy.h"
#include "tokenizer/text/unicode.h"

typedef struct {
    int32_t c, change;
    int class;
} item;
typedef VEC(item) items;

static void put(edit *e, item x) { edit_change(e, x.c, x.change); }

// Stable, by combining class: by insertion where it is short, else by counting.
static void order(item *run, size_t n) {
    enum { SHORT = 32, CLASSES = 256 };
    if (n <= SHORT) {
        for (size_t i = 1; i < n; i++)
            for (size_t k = i; k > 0 && run[k - 1].class > run[k].class; k--) {
                item x = run[k];
                run[k] = run[k - 1];
                run[k - 1] = x;
            }
        return;
    }
    size_t begin[CLASSES] = {0}, sum = 0;
    for (size_t i = 0; i < n; i++) begin[run[i].class & (CLASSES - 1)]++;
    for (size_t c = 0; c < CLASSES; c++) {
        size_t count = begin[c];
        begin[c] = sum;
        sum += count;
    }
    item *sorted = base_alloc(n * sizeof *sorted);
    for (size_t i = 0; i < n; i++) sorted[begin[run[i].class & (CLASSES - 1)]++] = run[i];
    memcpy(run, sorted, n * sizeof *sorted);
    free(sorted);
}

// A starter and the ordered marks behind it: those that can compose with it do. What remains is put
// when the next starter has come, which may compose with this one when nothing stands between.
typedef struct {
    bool has_starter;
    item starter;
    items behind; // marks that did not compose
} composer;

static void flush(composer *k, edit *e) {
    if (k->has_starter) put(e, k->starter);
    for (size_t i = 0; i < k->behind.count; i++) put(e, k->behind.items[i]);
    vec_clear(&k->behind);
    k->has_starter = false;
}

static void compose(composer *k, edit *e, item x) {
    if (!k->has_starter && x.class != 0) {
        put(e, x);
        return;
    }
    size_t n = k->behind.count;
    bool blocked = n > 0 && k->behind.items[n - 1].class >= x.class;
    int32_t both = k->has_starter && !blocked ? unicode_compose(k->starter.c, x.c) : -1;
    if (both >= 0) {
        k->starter.c = both;
        k->starter.change += x.change - 1;
    } else if (x.class == 0) {
        flush(k, e);
        k->starter = x;
        k->has_starter = true;
    } else {
        vec_push(&k->behind, x);
    }
}

static void emit(items *run, composer *k, edit *e) {
    order(run->items, run->count);
    for (size_t i = 0; i < run->count; i++) {
        if (k)
            compose(k, e, run->items[i]);
        else
            put(e, run->items[i]);
    }
    vec_clear(run);
}

static bool form(bool compatible, bool composed, arena *a, traced *t) {
    if (unicode_is_ascii(t->p, t->n)) return true;
    edit e = edit_begin(a, *t);
    items run = {0}; // marks whose order is not settled yet
    composer k = {0}, *by = composed ? &k : NULL;
    for (size_t at = 0; at < t->n;) {
        int32_t parts[UNICODE_LONGEST];
        int n = unicode_decompose(unicode_next(t->p, t->n, &at), compatible, parts);
        for (int i = 0; i < n; i++) {
            item x = {parts[i], i > 0, unicode_combining_class(parts[i])};
            if (x.class == 0) emit(&run, by, &e);
            vec_push(&run, x);
            if (x.class == 0) emit(&run, by, &e);
        }
    }
    emit(&run, by, &e);
    flush(&k, &e);
    *t = edit_end(&e);
    vec_free(&run);
    vec_free(&k.behind);
    return true;
}

bool normalizer_nfc(const normalizer_step *s, text_budget *b, arena *a, traced *t) {
    return form(false, true, a, t);
}
bool normalizer_nfd(const normalizer_step *s, text_budget *b, arena *a, traced *t) {
    return form(false, false, a, t);
}
bool normalizer_nfkc(const normalizer_step *s, text_budget *b, arena *a, traced *t) {
    return form(true, true, a, t);
}
bool normalizer_nfkd(const normalizer_step *s, text_budget *b, arena *a, traced *t) {
    return form(true, false, a, t);
}
