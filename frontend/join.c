// Which files make one model? An encoder's output is found the decoder's input that takes it, by
// types and names; inputs of both become those of the whole.
#include "frontend/model.h"
#include <inttypes.h>

typedef struct {
    onnx_model *encoder, *decoder, *cached, *whole;
    arena *a; // of the whole
    diag_sink *diags;
    size_t from, to; // the encoder's output, the decoder's input that takes it
} joiner;

// ---- finding the link ------------------------------------------------------------------------

// Rows of hidden values: [batch, tokens, width].
static bool is_hidden(const onnx_port *p) {
    return !strcmp(p->kind, "tensor") && p->has_type && elem_is_float(p->type) &&
           (p->rank == 3 || p->rank < 0);
}

// The port of hidden values: the first of these names, else the only one that has `word` in its
// name. Nothing said, and guess: the only one there is. SIZE_MAX: none, or which cannot be told.
static size_t hidden_port(const onnx_port *ports, size_t n, const char *const *names,
                          size_t n_names, const char *word, bool guess) {
    size_t only = SIZE_MAX, only_said = SIZE_MAX, count = 0, said = 0;
    for (size_t k = 0; k < n_names; k++)
        for (size_t i = 0; i < n; i++)
            if (is_hidden(&ports[i]) && !strcmp(ports[i].name, names[k])) return i;
    for (size_t i = 0; i < n; i++) {
        if (!is_hidden(&ports[i]) || strstr(ports[i].name, "past")) continue;
        count++;
        only = i;
        if (!strstr(ports[i].name, word)) continue;
        said++;
        only_said = i;
    }
    return said == 1 ? only_said : count == 1 && guess ? only : SIZE_MAX;
}

// The input of a decoder that takes what an encoder gives.
static size_t taking_input(const onnx_model *m, bool guess) {
    static const char *const names[] = {"encoder_hidden_states", "encoder_outputs",
                                        "encoder_last_hidden_state"};
    return hidden_port(m->inputs, m->n_inputs, names, ARRAY_LEN(names), "encoder", guess);
}

static size_t given_output(const onnx_model *m) {
    static const char *const names[] = {"last_hidden_state", "encoder_hidden_states",
                                        "hidden_states"};
    return hidden_port(m->graph.outputs, m->graph.n_outputs, names, ARRAY_LEN(names), "hidden",
                       true);
}

// "a:f32[batch,tokens,64], ..."
static const char *ports_text(arena *a, const onnx_port *ports, size_t n) {
    const char *text = n ? "" : "none";
    for (size_t i = 0; i < n; i++)
        text = arena_printf(a, "%s%s'%s'", text, i ? ", " : "", ports[i].name);
    return text;
}

static bool fail(const joiner *j, const onnx_model *at, const char *text) {
    diag_emit(j->diags, DIAG_ID_onnx_join, DIAG_FILE(at->info.path), "%s", text);
    return false;
}

static bool takes_caches(const onnx_model *m) {
    for (size_t i = 0; i < m->n_inputs; i++)
        if (strncmp(m->inputs[i].name, "past", 4) == 0) return true;
    return false;
}

static bool find_link(joiner *j) {
    const onnx_model *e = j->encoder, *d = j->decoder;
    j->to = taking_input(d, true);
    j->from = given_output(e);
    if (taking_input(e, false) != SIZE_MAX)
        return fail(j, e,
                    arena_printf(j->a,
                                 "is a decoder: its input '%s' takes what an encoder gives; name "
                                 "the encoder's file first, then the decoder's",
                                 e->inputs[taking_input(e, false)].name));
    if (takes_caches(e))
        return fail(j, e,
                    "is a decoder that goes on behind caches: it comes third, behind the encoder's "
                    "file and that of the decoder that begins a text");
    if (j->to == SIZE_MAX && takes_caches(d))
        return fail(j, d,
                    "is a decoder that goes on behind caches: it comes third, behind the encoder's "
                    "file and that of the decoder that begins a text");
    if (j->to == SIZE_MAX)
        return fail(j, d,
                    arena_printf(j->a,
                                 "is no decoder that reads an encoder: no input takes rows of "
                                 "hidden values, f32[batch,tokens,width], as "
                                 "encoder_hidden_states does; its inputs are %s",
                                 ports_text(j->a, d->inputs, d->n_inputs)));
    if (j->from == SIZE_MAX)
        return fail(j, e,
                    arena_printf(j->a,
                                 "is no encoder: no output gives rows of hidden values, "
                                 "f32[batch,tokens,width], as last_hidden_state does, for input "
                                 "'%s' of '%s'; its outputs are %s",
                                 d->inputs[j->to].name, d->info.path,
                                 ports_text(j->a, e->graph.outputs, e->graph.n_outputs)));
    return true;
}

static bool check_link(const joiner *j) {
    const onnx_port *out = &j->encoder->graph.outputs[j->from], *in = &j->decoder->inputs[j->to];
    if (out->type != in->type)
        return fail(j, j->decoder,
                    arena_printf(j->a, "input '%s' takes %s, output '%s' of '%s' gives %s",
                                 in->name, elem_name(in->type), out->name, j->encoder->info.path,
                                 elem_name(out->type)));
    for (int i = 1; out->rank == in->rank && i < in->rank; i++) {
        const int64_t given = out->dim[i].value, taken = in->dim[i].value;
        if (given < 0 || taken < 0 || given == taken) continue;
        return fail(j, j->decoder,
                    arena_printf(j->a,
                                 "input '%s' takes %" PRId64 " %s, output '%s' of '%s' gives "
                                 "%" PRId64 ": the files are of different models",
                                 in->name, taken, i == 2 ? "columns" : "rows", out->name,
                                 j->encoder->info.path, given));
    }
    return true;
}

static bool check_cached(const joiner *j) {
    if (!j->cached || takes_caches(j->cached)) return true;
    return fail(j, j->cached,
                "is no decoder that goes on behind caches, as the third file is: it has no inputs "
                "past_key_values");
}

// ---- ports of the whole ----------------------------------------------------------------------

static bool says_side(const char *name) {
    return strstr(name, "encoder") || strstr(name, "decoder");
}

// Names of free dimensions say whose they are, as the same word stands for different counts.
static onnx_port port_of_side(const joiner *j, const onnx_port *p, const char *name,
                              const char *side) {
    onnx_port out = *p;
    onnx_dim *dim = ARENA_ARRAY(j->a, onnx_dim, max_i64(p->rank, 0) + 1);
    out.name = name;
    out.dim = dim;
    for (int i = 0; i < p->rank; i++) {
        dim[i] = p->dim[i];
        const char *own = dim[i].param ? dim[i].param : arena_printf(j->a, "dim_%d", i);
        if (dim[i].value < 0 && !says_side(own) && !strstr(own, "batch"))
            dim[i].param = arena_printf(j->a, "%s_%s", side, own);
    }
    return out;
}

static bool is_mask(const onnx_port *p) { return p->rank == 2 && strstr(p->name, "mask"); }

static bool takes_encoder_mask(const onnx_port *p) {
    return is_mask(p) && strstr(p->name, "encoder");
}

// The decoder's name for it without "encoder_"; NULL: it has none.
static const char *own_name(const joiner *j, const char *name) {
    static const char side[] = "encoder_";
    const char *at = strstr(name, side);
    return at ? arena_printf(j->a, "%.*s%s", (int)(at - name), name, at + sizeof side - 1) : NULL;
}

// The encoder's mask is the decoder's input for it, if both have one: that of the same name, else
// the only one. False: reported.
static bool encoder_mask(const joiner *j, const onnx_port *p, int *to) {
    const onnx_model *e = j->encoder;
    const char *own = own_name(j, p->name), *masks = "";
    size_t n = 0;
    *to = ONNX_LINKED;
    if (!takes_encoder_mask(p)) return true;
    for (size_t i = 0; i < e->n_inputs; i++) {
        const onnx_port *in = &e->inputs[i];
        const bool fits = is_mask(in) && in->type == p->type;
        if (!strcmp(in->name, p->name) || (own && !strcmp(in->name, own))) {
            *to = fits ? (int)i : ONNX_LINKED;
            return true;
        }
        if (!fits) continue;
        masks = arena_printf(j->a, "%s%s'%s'", masks, n++ ? ", " : "", in->name);
        *to = (int)i;
    }
    return n < 2 ||
           fail(j, j->decoder,
                arena_printf(j->a, "which mask of '%s' is input '%s': %s? none is called '%s'",
                             e->info.path, p->name, masks, own ? own : p->name));
}

static const char *name_of_input(const joiner *j, const onnx_port *p) {
    bool both = onnx_input_named(j->encoder, p->name) != NULL;
    return both || !strcmp(p->name, "input_ids") ? arena_printf(j->a, "decoder_%s", p->name)
                                                 : p->name;
}

// False: reported.
static bool join_ports(joiner *j) {
    onnx_model *w = j->whole;
    const onnx_model *e = j->encoder, *d = j->decoder;
    w->parts = ARENA_ARRAY(j->a, onnx_part, 2);
    w->n_parts = 2;
    w->parts[0] = (onnx_part){j->encoder, "encoder", NULL};
    w->parts[1] = (onnx_part){j->decoder, "", ARENA_ARRAY(j->a, int, d->n_inputs + 1)};
    w->link = e->graph.outputs[j->from].name;
    w->inputs = ARENA_ARRAY(j->a, onnx_port, e->n_inputs + d->n_inputs + 1);
    for (size_t i = 0; i < e->n_inputs; i++)
        w->inputs[w->n_inputs++] = port_of_side(j, &e->inputs[i], e->inputs[i].name, "encoder");
    for (size_t i = 0; i < d->n_inputs; i++) {
        const onnx_port *p = &d->inputs[i];
        int *to = &w->parts[1].input[i];
        *to = ONNX_LINKED;
        if (i != j->to && !encoder_mask(j, p, to)) return false;
        if (i == j->to || *to != ONNX_LINKED) continue;
        if (takes_encoder_mask(p))
            diag_note(j->diags, DIAG_AT(d->info.path, p->name),
                      "stays an input of the program: the encoder, '%s', has no mask to give",
                      e->info.path);
        *to = (int)w->n_inputs;
        w->inputs[w->n_inputs++] = port_of_side(j, p, name_of_input(j, p), "decoder");
    }
    w->graph.outputs = d->graph.outputs;
    w->graph.n_outputs = d->graph.n_outputs;
    return true;
}

static void describe(joiner *j) {
    const onnx_info *e = &j->encoder->info, *d = &j->decoder->info;
    j->whole->info = *d;
    j->whole->info.n_nodes += e->n_nodes;
    j->whole->info.n_initializers += e->n_initializers;
    j->whole->info.n_functions += e->n_functions;
    j->whole->info.weight_bytes += e->weight_bytes;
}

const onnx_model *onnx_cached(const onnx_model *m) { return m->cached; }

onnx_model *onnx_join(onnx_model *encoder, onnx_model *decoder, onnx_model *cached,
                      diag_sink *diags) {
    arena *a = arena_new();
    joiner j = {encoder, decoder, cached, ARENA_NEW(a, onnx_model), a, diags, 0, 0};
    j.whole->arena = a;
    j.whole->cached = cached;
    if (find_link(&j) && check_link(&j) && check_cached(&j) && join_ports(&j)) {
        describe(&j);
        return j.whole;
    }
    arena_free(a);
    onnx_close(encoder);
    onnx_close(decoder);
    onnx_close(cached);
    return NULL;
}
