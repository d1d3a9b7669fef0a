// Texts that tell things apart; see key.h.
#include "passes/rewrite/key.h"
#include <stdio.h>
#include <string.h>

static void put(key_text *t, const char *s, size_t n) {
    vec_reserve(t, t->count + n + 1);
    memcpy(t->items + t->count, s, n);
    t->count += n;
}

void key_int(key_text *t, int64_t v) {
    char s[24];
    put(t, s, (size_t)snprintf(s, sizeof s, "%lld,", (long long)v));
}

static void key_float(key_text *t, double v) {
    char s[32];
    put(t, s, (size_t)snprintf(s, sizeof s, "%a,", v));
}

void key_str(key_text *t, const char *s) {
    key_int(t, s ? (int64_t)strlen(s) : -1);
    if (s) put(t, s, strlen(s));
}

static void key_attr(key_text *t, const ir_attr *a) {
    key_int(t, (int64_t)a->key);
    key_int(t, a->count);
    switch (a->kind) {
    case IR_INT: key_int(t, a->i); break;
    case IR_FLOAT: key_float(t, a->f); break;
    case IR_STR:
    case IR_SYM: key_str(t, a->s); break;
    case IR_INTS:
        for (uint32_t i = 0; i < a->count; i++) key_int(t, a->is[i]);
        break;
    case IR_FLOATS:
        for (uint32_t i = 0; i < a->count; i++) key_float(t, a->fs[i]);
        break;
    case IR_STRS:
    case IR_SYMS:
        for (uint32_t i = 0; i < a->count; i++) key_str(t, a->ss[i]);
        break;
    }
}

void key_attrs(key_text *t, const ir_attrs *l) {
    for (uint32_t i = 0; i < l->count; i++) key_attr(t, &l->items[i]);
}

void key_type(key_text *t, const ir_type *type) {
    key_int(t, (int64_t)type->type);
    key_int(t, type->rank);
    for (int i = 0; i < type->rank; i++) key_int(t, type->dim[i]);
}

void key_tensor(key_text *t, const tensor *x) {
    static const char hex[] = "0123456789abcdef";
    const ir_type type = ir_type_make(x->type, x->rank, x->dim);
    const uint8_t *p = x->data;
    const size_t n = tensor_bytes(x);
    key_type(t, &type);
    vec_reserve(t, t->count + 2 * n + 1);
    for (size_t i = 0; i < n; i++) {
        t->items[t->count++] = hex[p[i] >> 4];
        t->items[t->count++] = hex[p[i] & 15];
    }
}

const char *key_end(key_text *t) {
    vec_push(t, 0);
    t->count--;
    return t->items;
}

// ---- symbols ---------------------------------------------------------------------------------

const char *made_find(const made_symbols *m, const char *key) {
    uint32_t i = map_get(m->index, key);
    return i == MAP_NONE ? NULL : m->names.items[i];
}

const char *made_add(made_symbols *m, const char *key, const char *name) {
    map_set(m->index, key, (uint32_t)m->names.count);
    vec_push(&m->names, name);
    return name;
}

void made_free(made_symbols *m) {
    map_free(m->index);
    vec_free(&m->names);
}
