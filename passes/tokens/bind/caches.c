// Which output gives a cache back that an input takes? Where the function at hand does not read its
// caches (the branch of a merged decoder that begins a text), names tell: past_key_values.0.key and
// present.0.key.
#include "passes/tokens/bind/bind.h"
#include <string.h>

// What follows the word that says which of the two it is; NULL: it says neither.
static const char *after_word(const char *name, const char *const *words, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (strncmp(name, words[i], strlen(words[i])) == 0) return name + strlen(words[i]);
    return NULL;
}

const char *bind_cache_taken(const char *input) {
    static const char *const words[] = {"past_key_values", "past"};
    return after_word(input, words, ARRAY_LEN(words));
}

const char *bind_cache_given(const char *output) {
    static const char *const words[] = {"present_key_values", "present"};
    return after_word(output, words, ARRAY_LEN(words));
}

bool bind_is_encoders(const bind_port *p, int axis) {
    const char *says[] = {axis >= 0 ? p->dim[axis].name : NULL, p->name};
    for (size_t i = 0; i < ARRAY_LEN(says); i++) {
        if (!says[i]) continue;
        if (strstr(says[i], "decoder")) return false;
        if (strstr(says[i], "encoder")) return true;
    }
    return false;
}

void bind_mark_encoders(const bind_source *s, bind_role *role) {
    static const char *const counting[] = {"past", "tokens", "total"};
    for (size_t i = 0; i < s->n_inputs; i++)
        for (int k = 0; k < s->inputs[i].rank; k++)
            for (size_t w = 0; w < ARRAY_LEN(counting); w++)
                if (strcmp(role[i].axis[k], counting[w]) == 0 && bind_is_encoders(&s->inputs[i], k))
                    role[i].axis[k] = BIND_ENCODER;
}

void bind_link_caches(arena *a, const bind_source *s, const bind_role *role, ir_func *f) {
    for (size_t i = 0; i < f->results.count; i++) {
        ir_port *out = &f->results.items[i];
        const char *given = bind_cache_given(out->name);
        for (size_t k = 0; given && k < s->n_inputs; k++) {
            const char *taken = bind_cache_taken(s->inputs[k].name);
            if (strcmp(role[k].role, "past") || bind_is_encoders(&s->inputs[k], -1)) continue;
            if (taken && strcmp(taken, given) == 0)
                ir_attr_set_str(a, &out->attrs, IR_ATTR_preload, s->inputs[k].name);
        }
    }
}
