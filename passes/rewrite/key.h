// Keys of hash maps: texts that differ where what they stand for does, whatever names are in it.
#ifndef OHMIC_PASSES_REWRITE_KEY_H
#define OHMIC_PASSES_REWRITE_KEY_H

#include "ir/ir.h"

typedef VEC(char) key_text; // vec_free when done

void key_int(key_text *t, int64_t v);
void key_str(key_text *t, const char *s); // NULL: none
void key_attrs(key_text *t, const ir_attrs *l);
void key_type(key_text *t, const ir_type *type);
void key_tensor(key_text *t, const tensor *x); // type and every byte
const char *key_end(key_text *t);              // NUL-terminated; valid until the text changes

// Symbols that a pass makes once for each key. `{map_new()}` begins one, made_free ends it.
typedef struct {
    map *index;
    VEC(const char *) names;
} made_symbols;
const char *made_find(const made_symbols *m, const char *key);            // NULL: not made yet
const char *made_add(made_symbols *m, const char *key, const char *name); // name, which lives on
void made_free(made_symbols *m);

#endif
