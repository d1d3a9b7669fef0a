// Which tokens are the encoder's? Free dimensions that the model takes at different sizes count
// different tokens; of two such, names say which is which. Under one name, or sizes that must
// agree, they count the same.
#include "passes/tokens/bind/bind.h"
#include <ctype.h>
#include <string.h>

enum { TRIAL = 37, OTHER = 41 };

typedef enum { UNKNOWN, DECODER, ENCODER } side;

// A free token dimension, by its name (unnamed ones count as one).
typedef struct {
    const char *name;
    size_t input; // the first that has it
    int axis;
    bool masks_only; // no input but masks has it
    side asked, said;
} counter;

typedef struct {
    const bind_source *s;
    bind_role *role;
    bool (*takes)(void *ctx, int64_t tokens, int64_t encoder);
    void *ctx;
    diag_sink *diags;
    counter *list;
    size_t count;
} finder;

static bool has(const char *name, const char *word) {
    size_t n = strlen(word);
    for (; name && *name; name++) {
        size_t k = 0;
        while (k < n && tolower((unsigned char)name[k]) == word[k]) k++;
        if (k == n) return true;
    }
    return false;
}

static side side_of(const char *name) {
    if (has(name, "decoder") || has(name, "tgt") || has(name, "target")) return DECODER;
    if (has(name, "encoder") || has(name, "src") || has(name, "source")) return ENCODER;
    return UNKNOWN;
}

static bool is_token_axis(const finder *f, size_t input, int axis) {
    return strcmp(f->role[input].axis[axis], "tokens") == 0 && f->role[input].size[axis] < 0;
}

static bool same_name(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

static counter *counter_of(finder *f, const char *name) {
    for (size_t i = 0; i < f->count; i++)
        if (same_name(f->list[i].name, name)) return &f->list[i];
    return NULL;
}

static void collect(finder *f) {
    for (size_t i = 0; i < f->s->n_inputs; i++)
        for (int k = 0; k < f->s->inputs[i].rank; k++) {
            if (!is_token_axis(f, i, k)) continue;
            const char *name = f->s->inputs[i].dim[k].name, *asked = f->role[i].asked[k];
            bool mask = strcmp(f->role[i].role, "mask") == 0;
            counter *c = counter_of(f, name);
            if (!c) {
                c = &f->list[f->count++];
                *c = (counter){name, i, k, true, UNKNOWN, side_of(name)};
            }
            c->masks_only &= mask;
            if (asked) c->asked = strcmp(asked, "enc") == 0 ? ENCODER : DECODER;
            if (c->said == UNKNOWN && !mask) c->said = side_of(f->s->inputs[i].name);
        }
}

static void mark(finder *f, const counter *c, const char *axis) {
    for (size_t i = 0; i < f->s->n_inputs; i++)
        for (int k = 0; k < f->s->inputs[i].rank; k++) {
            const char *is = f->role[i].axis[k];
            bool counts = strcmp(is, "tokens") == 0 || strcmp(is, BIND_ENCODER) == 0;
            if (counts && f->role[i].size[k] < 0 && same_name(f->s->inputs[i].dim[k].name, c->name))
                f->role[i].axis[k] = axis;
        }
}

// The model takes c's tokens at another count than all others' (masks that have a dimension of
// their own may go with it).
static bool is_apart(finder *f, const counter *c) {
    bool apart = false;
    for (int with_masks = 0; with_masks < 2 && !apart; with_masks++) {
        bool any = !with_masks;
        for (size_t i = 0; i < f->count; i++) {
            bool goes = &f->list[i] == c || (with_masks && f->list[i].masks_only);
            any |= goes && &f->list[i] != c;
            if (goes) mark(f, &f->list[i], BIND_ENCODER);
        }
        apart = any && f->takes(f->ctx, TRIAL, OTHER);
        for (size_t i = 0; i < f->count; i++) mark(f, &f->list[i], "tokens");
    }
    return apart;
}

static const char *name_of(const counter *c) { return c->name ? c->name : "(unnamed)"; }

static bool cannot_tell(const finder *f, const counter *a, const counter *b) {
    const bind_port *p = &f->s->inputs[a->input];
    diag_emit(f->diags, DIAG_ID_tok_role, DIAG_AT(NULL, p->name),
              "dimensions '%s' and '%s' count different tokens: say which are the encoder's "
              "(--axis %s:%d=tokens:enc) and which the decoder's (--axis %s:%d=tokens:dec)",
              name_of(a), name_of(b), p->name, a->axis, f->s->inputs[b->input].name, b->axis);
    return false;
}

// Two counters that are apart: the encoder's, and the other. NULL: one count.
static bool find_pair(finder *f, counter **encoder, counter **decoder) {
    counter *first = NULL;
    *encoder = *decoder = NULL;
    for (size_t i = 0; i < f->count; i++) {
        counter *c = &f->list[i];
        if (c->asked == ENCODER) *encoder = c;
        if (c->asked == DECODER) *decoder = c;
    }
    for (size_t i = 0; i < f->count; i++)
        if (!f->list[i].masks_only) {
            first = &f->list[i];
            break;
        }
    for (size_t i = 0; i < f->count && *encoder && !*decoder; i++)
        if (&f->list[i] != *encoder && !f->list[i].masks_only) *decoder = &f->list[i];
    for (size_t i = 0; i < f->count && *decoder && !*encoder; i++)
        if (&f->list[i] != *decoder && !f->list[i].masks_only && is_apart(f, &f->list[i]))
            *encoder = &f->list[i];
    if (*encoder || *decoder || !first) {
        if (!*encoder || !*decoder) *encoder = *decoder = NULL; // one side alone is the only one
        return true;
    }
    counter *second = NULL;
    for (counter *c = first + 1; c < f->list + f->count && !second; c++)
        if (!c->masks_only && is_apart(f, c)) second = c;
    if (!second) return true;
    bool known = first->said != second->said;
    if (!known) return cannot_tell(f, first, second);
    bool first_encodes = first->said == ENCODER || second->said == DECODER;
    *encoder = first_encodes ? first : second;
    *decoder = first_encodes ? second : first;
    return true;
}

// ---- fixed lengths ---------------------------------------------------------------------------

static side side_of_axis(const finder *f, size_t input, int axis) {
    const bind_port *p = &f->s->inputs[input];
    const char *asked = f->role[input].asked[axis];
    if (asked) return strcmp(asked, "enc") == 0 ? ENCODER : DECODER;
    side said = side_of(p->dim[axis].name);
    return said ? said : side_of(p->name);
}

// What has a fixed size cannot be tried at another: names alone tell two sides apart, and the size
// where a mask goes (with neither, to the encoder, whose mask has no other name).
static void mark_by_name(finder *f) {
    side known = UNKNOWN;
    bool two = false;
    int64_t decoder = -1;
    for (int round = 0; round < 3; round++) // who is known; who is the other; whose masks
        for (size_t i = 0; i < f->s->n_inputs; i++)
            for (int k = 0; k < f->s->inputs[i].rank; k++) {
                bind_role *r = &f->role[i];
                bool mask = strcmp(r->role, "mask") == 0;
                if (strcmp(r->axis[k], "tokens") || mask != (round == 2)) continue;
                side is = side_of_axis(f, i, k);
                if (round == 0) {
                    if (is && !known) known = is;
                    continue;
                }
                if (round == 1) {
                    if (!is) is = known == DECODER ? ENCODER : known == ENCODER ? DECODER : is;
                    two |= is && is != known;
                    if (is == DECODER) decoder = r->size[k];
                } else if (!is) {
                    is = two && (r->size[k] != decoder || known == DECODER) ? ENCODER : DECODER;
                }
                if (is == ENCODER) r->axis[k] = BIND_ENCODER;
            }
    if (two) return;
    for (size_t i = 0; i < f->s->n_inputs; i++) // one side alone is the only one
        for (int k = 0; k < f->s->inputs[i].rank; k++)
            if (strcmp(f->role[i].axis[k], BIND_ENCODER) == 0) f->role[i].axis[k] = "tokens";
}

static bool has_fixed(const finder *f) {
    for (size_t i = 0; i < f->s->n_inputs; i++)
        for (int k = 0; k < f->s->inputs[i].rank; k++)
            if (strcmp(f->role[i].axis[k], "tokens") == 0 && f->role[i].size[k] >= 0) return true;
    return false;
}

bool bind_domains(arena *a, const bind_source *s, bind_role *role,
                  bool (*takes)(void *ctx, int64_t tokens, int64_t encoder), void *ctx,
                  diag_sink *diags) {
    finder f = {.s = s, .role = role, .takes = takes, .ctx = ctx, .diags = diags};
    size_t axes = 0;
    for (size_t i = 0; i < s->n_inputs; i++) axes += (size_t)s->inputs[i].rank;
    f.list = ARENA_ARRAY(a, counter, axes + 1);
    collect(&f);
    counter *encoder = NULL, *decoder = NULL;
    if (f.count && !find_pair(&f, &encoder, &decoder)) return false;
    if (!encoder) {
        if (has_fixed(&f)) mark_by_name(&f);
        return true;
    }
    // The rest belongs to either: as asked, or as the model takes it; a mask that nothing reads, as
    // names say. What goes with both is a third count.
    mark(&f, encoder, BIND_ENCODER);
    for (size_t i = 0; i < f.count; i++) {
        counter *c = &f.list[i];
        if (c == encoder || c == decoder) continue;
        bool with_decoder = takes(ctx, TRIAL, OTHER);
        mark(&f, c, BIND_ENCODER);
        bool with_encoder = takes(ctx, TRIAL, OTHER);
        side is = c->asked                       ? c->asked
                  : with_encoder != with_decoder ? (with_encoder ? ENCODER : DECODER)
                                                 : c->said;
        if (is != ENCODER) mark(&f, c, "tokens");
        bool third = with_encoder == with_decoder && !c->masks_only && !c->asked;
        if (!third && (with_encoder || with_decoder)) continue;
        diag_emit(diags, DIAG_ID_tok_role, DIAG_AT(NULL, s->inputs[c->input].name),
                  "dimension '%s' counts neither the tokens of '%s' nor those of '%s': a model has "
                  "an encoder and a decoder at most (or say which: --axis %s:%d=tokens:enc)",
                  name_of(c), name_of(encoder), name_of(decoder), s->inputs[c->input].name,
                  c->axis);
        return false;
    }
    return true;
}
