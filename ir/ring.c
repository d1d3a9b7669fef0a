// Rings as records and as attributes: ring.def as a table.
#include "ir/ring.h"
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

typedef enum { FACT_INT, FACT_REAL, FACT_WORD, FACT_NAME, FACT_REALS } fact_kind;
typedef enum { SIDE_BOTH, SIDE_SCORE, SIDE_CHARGE } fact_side;

typedef struct {
    fact_kind kind;
    ir_key key;
    size_t offset;
    fact_side side;
    bool (*prints)(const ir_ring *r); // though it is `otherwise`
    ir_enum set;                      // of a word
} fact;

static bool prints_ALWAYS(const ir_ring *r) { return true; }
static bool prints_NEVER(const ir_ring *r) { return false; }
static bool prints_CHARGED(const ir_ring *r) { return ir_ring_is_charge(r); }
static bool prints_LOADED(const ir_ring *r) {
    return r->past_key || r->past_value || r->present_key || r->present_value;
}

static const fact facts[] = {
#define AT(name) IR_ATTR_##name, offsetof(ir_ring, name)
#define RING_INT(name, side, prints, otherwise) {FACT_INT, AT(name), SIDE_##side, prints_##prints},
#define RING_REAL(name, side, prints, otherwise) \
    {FACT_REAL, AT(name), SIDE_##side, prints_##prints},
#define RING_WORD(name, set, side, prints, otherwise) \
    {FACT_WORD, AT(name), SIDE_##side, prints_##prints, IR_ENUM_##set},
#define RING_NAME(name, side) {FACT_NAME, AT(name), SIDE_##side, prints_NEVER},
#define RING_REALS(name, side, prints) {FACT_REALS, AT(name), SIDE_##side, prints_##prints},
#include "ir/ring.def"
};

ir_ring ir_ring_new(void) {
    return (ir_ring){
#define RING_INT(name, side, prints, otherwise) .name = (otherwise),
#define RING_REAL(name, side, prints, otherwise) .name = (otherwise),
#define RING_WORD(name, set, side, prints, otherwise) .name = IR_##otherwise,
#include "ir/ring.def"
    };
}

// An enumeration has whatever size the compiler gives it: words are read and written by field.
static int get_word(const fact *f, const ir_ring *r) {
#define RING_WORD(name, ...) \
    if (f->key == IR_ATTR_##name) return (int)r->name;
#include "ir/ring.def"
    CHECK(false, "'%s' is no word", ir_key_name(f->key));
    return 0;
}

static void set_word(const fact *f, ir_ring *r, int v) {
#define RING_WORD(name, set, ...) \
    if (f->key == IR_ATTR_##name) r->name = (ir_##set)v;
#include "ir/ring.def"
}

static void *place(const fact *f, ir_ring *r) { return (char *)r + f->offset; }
static const void *look(const fact *f, const ir_ring *r) { return (const char *)r + f->offset; }
static int64_t get_int(const fact *f, const ir_ring *r) { return *(const int64_t *)look(f, r); }
static double get_real(const fact *f, const ir_ring *r) { return *(const double *)look(f, r); }
static const char *get_name(const fact *f, const ir_ring *r) {
    return *(const char *const *)look(f, r);
}
static ir_reals get_reals(const fact *f, const ir_ring *r) { return *(const ir_reals *)look(f, r); }

// The fact says something.
static bool says(const fact *f, const ir_ring *r) {
    const ir_ring nothing = ir_ring_new();
    switch (f->kind) {
    case FACT_INT: return get_int(f, r) != get_int(f, &nothing);
    case FACT_REAL: {
        double x = get_real(f, r), y = get_real(f, &nothing);
        return !(x == y || (isnan(x) && isnan(y)));
    }
    case FACT_WORD: return get_word(f, r) != get_word(f, &nothing);
    case FACT_NAME: return get_name(f, r) != NULL;
    case FACT_REALS: return get_reals(f, r).items != NULL;
    }
    return false;
}

// ---- attributes

static const fact *fact_of(ir_key k) {
    for (size_t i = 0; i < ARRAY_LEN(facts); i++)
        if (facts[i].key == k) return &facts[i];
    return NULL;
}

bool ir_ring_has(ir_key k) { return fact_of(k) != NULL; }

bool ir_ring_read(const ir_attrs *l, ir_ring *r, char why[IR_RING_TEXT]) {
    *r = ir_ring_new();
    for (uint32_t i = 0; i < l->count; i++) {
        const ir_attr *x = &l->items[i];
        const fact *f = fact_of(x->key);
        int word;
        if (!f) continue;
        switch (f->kind) {
        case FACT_INT: *(int64_t *)place(f, r) = x->i; break;
        case FACT_REAL: *(double *)place(f, r) = x->f; break;
        case FACT_NAME: *(const char **)place(f, r) = x->s; break;
        case FACT_REALS: *(ir_reals *)place(f, r) = (ir_reals){x->fs, x->count}; break;
        case FACT_WORD:
            if (!ir_word_parse(f->set, x->s, &word)) {
                snprintf(why, IR_RING_TEXT, "'%s' is \"%.40s\", must be one of: %s",
                         ir_key_name(x->key), x->s, ir_words(f->set));
                return false;
            }
            set_word(f, r, word);
        }
    }
    if (!ir_attr_has(l, IR_ATTR_dv)) r->dv = r->d;
    return true;
}

static bool is_of(const fact *f, const ir_ring *r) {
    return f->side == SIDE_BOTH || (f->side == SIDE_CHARGE) == ir_ring_is_charge(r);
}

ir_attrs ir_ring_attrs(arena *a, const ir_ring *r) {
    ir_attrs l = {0};
    for (size_t i = 0; i < ARRAY_LEN(facts); i++) {
        const fact *f = &facts[i];
        if (!says(f, r) && !(is_of(f, r) && f->prints(r))) continue;
        switch (f->kind) {
        case FACT_INT: ir_attr_set_int(a, &l, f->key, get_int(f, r)); break;
        case FACT_REAL: ir_attr_set_float(a, &l, f->key, get_real(f, r)); break;
        case FACT_NAME: ir_attr_set_str(a, &l, f->key, get_name(f, r)); break;
        case FACT_WORD: ir_attr_set_str(a, &l, f->key, ir_word(f->set, get_word(f, r))); break;
        case FACT_REALS: {
            ir_reals x = get_reals(f, r);
            ir_attr_set_floats(a, &l, f->key, x.items, x.count);
        }
        }
    }
    return l;
}

bool ir_ring_equal(const ir_ring *a, const ir_ring *b) {
    arena *scratch = arena_new();
    const ir_attrs x = ir_ring_attrs(scratch, a), y = ir_ring_attrs(scratch, b);
    bool equal = ir_attrs_equal(&x, &y);
    arena_free(scratch);
    return equal;
}

// ---- of a module

ir_ring *ir_ring_find(const ir_module *m, const char *name) {
    const ir_symbol *s = ir_symbol_find(m, name);
    return s && s->kind == IR_SYM_RING ? s->ring : NULL;
}

ir_ring *ir_ring_of(const ir_module *m, const ir_op *op) {
    return ir_ring_find(m, ir_attr_str(&op->attrs, IR_ATTR_ring, ""));
}

void ir_ring_tensors(const ir_ring *r, void (*f)(void *ctx, const char *name), void *ctx) {
    for (size_t i = 0; i < ARRAY_LEN(facts); i++) {
        const fact *x = &facts[i];
        if (x->kind == FACT_NAME && ir_key_kind(x->key) == IR_SYM && get_name(x, r))
            f(ctx, get_name(x, r));
    }
}

// ---- what may be wrong: the rest is in ring_readout.c

// Fact *at on: a word that is none, or what says something and belongs to the other read-out.
bool ir_ring_fact_fault(const ir_ring *r, int *at, char text[IR_RING_TEXT]) {
    while (*at < (int)ARRAY_LEN(facts)) {
        const fact *f = &facts[(*at)++];
        if (f->kind == FACT_WORD && !ir_is_word(f->set, get_word(f, r)))
            snprintf(text, IR_RING_TEXT, "'%s' is %d, must be one of: %s", ir_key_name(f->key),
                     get_word(f, r), ir_words(f->set));
        else if (!is_of(f, r) && says(f, r))
            snprintf(text, IR_RING_TEXT, "'%s' means nothing to %s read-out", ir_key_name(f->key),
                     ir_ring_is_charge(r) ? "charge" : "score");
        else
            continue;
        return true;
    }
    return false;
}
