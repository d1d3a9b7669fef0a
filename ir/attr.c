// Attribute lists: sorted by key, a key at most once, values in the arena of their module.
#include "ir/ir.h"
#include <string.h>

static const struct {
    const char *name;
    ir_attr_kind kind;
} keys[IR_ATTR_COUNT] = {
    [IR_ATTR_NONE] = {"", IR_INT},
#define ATTR(name, kind, summary) [IR_ATTR_##name] = {#name, IR_##kind},
#include "ir/attrs.def"
};

const char *ir_key_name(ir_key k) {
    CHECK((unsigned)k < IR_ATTR_COUNT, "key %d", (int)k);
    return keys[k].name;
}

ir_attr_kind ir_key_kind(ir_key k) {
    CHECK((unsigned)k < IR_ATTR_COUNT, "key %d", (int)k);
    return keys[k].kind;
}

ir_key ir_key_parse(const char *s) {
    for (int k = IR_ATTR_NONE + 1; k < IR_ATTR_COUNT; k++) {
        if (strcmp(keys[k].name, s) == 0) return (ir_key)k;
    }
    return IR_ATTR_NONE;
}

// ---- reading

const ir_attr *ir_attr_find(const ir_attrs *l, ir_key k) {
    for (uint32_t i = 0; i < l->count && l->items[i].key <= k; i++) {
        if (l->items[i].key == k) return &l->items[i];
    }
    return NULL;
}

bool ir_attr_has(const ir_attrs *l, ir_key k) { return ir_attr_find(l, k) != NULL; }

// The attribute `k` if present; asking for another kind than the key's is a mistake of the caller.
static const ir_attr *find_kind(const ir_attrs *l, ir_key k, ir_attr_kind a, ir_attr_kind b) {
    CHECK(ir_key_kind(k) == a || ir_key_kind(k) == b, "'%s' is of another kind", ir_key_name(k));
    return ir_attr_find(l, k);
}

int64_t ir_attr_int(const ir_attrs *l, ir_key k, int64_t otherwise) {
    const ir_attr *a = find_kind(l, k, IR_INT, IR_INT);
    return a ? a->i : otherwise;
}

double ir_attr_float(const ir_attrs *l, ir_key k, double otherwise) {
    const ir_attr *a = find_kind(l, k, IR_FLOAT, IR_FLOAT);
    return a ? a->f : otherwise;
}

const char *ir_attr_str(const ir_attrs *l, ir_key k, const char *otherwise) {
    const ir_attr *a = find_kind(l, k, IR_STR, IR_SYM);
    return a ? a->s : otherwise;
}

int ir_attr_word(const ir_attrs *l, ir_key k, ir_enum e, int otherwise) {
    const ir_attr *a = find_kind(l, k, IR_STR, IR_STR);
    int value = otherwise;
    return !a || ir_word_parse(e, a->s, &value) ? value : -1;
}

const int64_t *ir_attr_ints(const ir_attrs *l, ir_key k, size_t *n) {
    const ir_attr *a = find_kind(l, k, IR_INTS, IR_INTS);
    *n = a ? a->count : 0;
    return a ? a->is : NULL;
}

const double *ir_attr_floats(const ir_attrs *l, ir_key k, size_t *n) {
    const ir_attr *a = find_kind(l, k, IR_FLOATS, IR_FLOATS);
    *n = a ? a->count : 0;
    return a ? a->fs : NULL;
}

const char *const *ir_attr_strs(const ir_attrs *l, ir_key k, size_t *n) {
    const ir_attr *a = find_kind(l, k, IR_STRS, IR_SYMS);
    *n = a ? a->count : 0;
    return a ? a->ss : NULL;
}

// ---- writing

// The place of `k`, made when absent, with the fields common to all kinds set.
static ir_attr *place(arena *a, ir_attrs *l, ir_key k, ir_attr_kind kind, size_t count) {
    CHECK(k != IR_ATTR_NONE && count <= UINT32_MAX, "key %d, %zu items", (int)k, count);
    uint32_t i = 0;
    while (i < l->count && l->items[i].key < k) i++;
    if (i == l->count || l->items[i].key != k) {
        if (l->count == l->capacity) {
            uint32_t capacity = l->capacity ? l->capacity * 2 : 4;
            ir_attr *grown = ARENA_ARRAY(a, ir_attr, capacity);
            if (l->count) memcpy(grown, l->items, l->count * sizeof *grown);
            l->items = grown;
            l->capacity = capacity;
        }
        memmove(l->items + i + 1, l->items + i, (l->count - i) * sizeof *l->items);
        l->count++;
    }
    l->items[i] = (ir_attr){.key = k, .kind = kind, .count = (uint32_t)count};
    return &l->items[i];
}

static ir_attr *place_kind(arena *a, ir_attrs *l, ir_key k, ir_attr_kind one, ir_attr_kind other,
                           size_t count) {
    ir_attr_kind kind = ir_key_kind(k);
    CHECK(kind == one || kind == other, "'%s' is of another kind", ir_key_name(k));
    return place(a, l, k, kind, count);
}

void ir_attr_set_int(arena *a, ir_attrs *l, ir_key k, int64_t v) {
    place_kind(a, l, k, IR_INT, IR_INT, 1)->i = v;
}

void ir_attr_set_float(arena *a, ir_attrs *l, ir_key k, double v) {
    place_kind(a, l, k, IR_FLOAT, IR_FLOAT, 1)->f = v;
}

void ir_attr_set_str(arena *a, ir_attrs *l, ir_key k, const char *v) {
    const char *copy = arena_str(a, v); // first: v may be the value replaced
    place_kind(a, l, k, IR_STR, IR_SYM, 1)->s = copy;
}

void ir_attr_set_word(arena *a, ir_attrs *l, ir_key k, ir_enum e, int value) {
    ir_attr_set_str(a, l, k, ir_word(e, value));
}

void ir_attr_set_ints(arena *a, ir_attrs *l, ir_key k, const int64_t *v, size_t n) {
    const int64_t *copy = arena_copy(a, v, n * sizeof *v);
    place_kind(a, l, k, IR_INTS, IR_INTS, n)->is = copy;
}

void ir_attr_set_floats(arena *a, ir_attrs *l, ir_key k, const double *v, size_t n) {
    const double *copy = arena_copy(a, v, n * sizeof *v);
    place_kind(a, l, k, IR_FLOATS, IR_FLOATS, n)->fs = copy;
}

void ir_attr_set_strs(arena *a, ir_attrs *l, ir_key k, const char *const *v, size_t n) {
    const char **copy = ARENA_ARRAY(a, const char *, n);
    for (size_t i = 0; i < n; i++) copy[i] = v[i] ? arena_str(a, v[i]) : NULL;
    place_kind(a, l, k, IR_STRS, IR_SYMS, n)->ss = copy;
}

void ir_attr_remove(ir_attrs *l, ir_key k) {
    for (uint32_t i = 0; i < l->count; i++) {
        if (l->items[i].key != k) continue;
        l->count--;
        memmove(l->items + i, l->items + i + 1, (l->count - i) * sizeof *l->items);
        return;
    }
}

ir_attrs ir_attrs_copy(arena *a, const ir_attrs *l) {
    ir_attrs copy = {0};
    for (uint32_t i = 0; i < l->count; i++) {
        const ir_attr *x = &l->items[i];
        switch (x->kind) {
        case IR_INT: ir_attr_set_int(a, &copy, x->key, x->i); break;
        case IR_FLOAT: ir_attr_set_float(a, &copy, x->key, x->f); break;
        case IR_STR:
        case IR_SYM: ir_attr_set_str(a, &copy, x->key, x->s); break;
        case IR_INTS: ir_attr_set_ints(a, &copy, x->key, x->is, x->count); break;
        case IR_FLOATS: ir_attr_set_floats(a, &copy, x->key, x->fs, x->count); break;
        case IR_STRS:
        case IR_SYMS: ir_attr_set_strs(a, &copy, x->key, x->ss, x->count); break;
        }
    }
    return copy;
}

// ---- comparing

static bool equal_strings(const ir_attr *a, const ir_attr *b) {
    for (uint32_t i = 0; i < a->count; i++) {
        if (!a->ss[i] != !b->ss[i] || (a->ss[i] && strcmp(a->ss[i], b->ss[i]) != 0)) return false;
    }
    return true;
}

// Floats compare by bits: 0 and -0 differ, a NaN equals itself.
static bool equal(const ir_attr *a, const ir_attr *b) {
    if (a->key != b->key || a->kind != b->kind || a->count != b->count) return false;
    switch (a->kind) {
    case IR_INT: return a->i == b->i;
    case IR_FLOAT: return memcmp(&a->f, &b->f, sizeof a->f) == 0;
    case IR_STR:
    case IR_SYM: return strcmp(a->s, b->s) == 0;
    case IR_INTS: return !a->count || memcmp(a->is, b->is, a->count * sizeof *a->is) == 0;
    case IR_FLOATS: return !a->count || memcmp(a->fs, b->fs, a->count * sizeof *a->fs) == 0;
    case IR_STRS:
    case IR_SYMS: return equal_strings(a, b);
    }
    return false;
}

bool ir_attrs_equal(const ir_attrs *a, const ir_attrs *b) {
    if (a->count != b->count) return false;
    for (uint32_t i = 0; i < a->count; i++) {
        if (!equal(&a->items[i], &b->items[i])) return false;
    }
    return true;
}
