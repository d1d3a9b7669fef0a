// What is every axis of an input? From its sizes at the probes, from words of its onnx_shape (a
// frozen model: "batch", "tokens"), or as asked for.
#include "passes/tokens/plan.h"
#include <inttypes.h>
#include <string.h>

static const pass_axis_role *asked_axis(const tok_ctx *c, const char *input, int axis) {
    for (size_t i = 0; i < c->o->n_axes; i++)
        if (c->o->axes[i].axis == axis && strcmp(c->o->axes[i].input, input) == 0)
            return &c->o->axes[i];
    return NULL;
}

// Word of an axis: what --axis says, or bind.
static const char *word_of(const tok_ctx *c, const ir_port *port, int rank, int axis) {
    size_t n;
    const char *const *word = ir_attr_strs(&port->attrs, IR_ATTR_onnx_shape, &n);
    const pass_axis_role *asked = asked_axis(c, port->name, axis);
    return asked ? asked->role : n == (size_t)rank ? word[axis] : "";
}

// The axis counts an encoder's tokens.
static bool is_encoder_axis(const tok_ctx *c, const ir_port *port, int axis) {
    const pass_axis_role *asked = asked_axis(c, port->name, axis);
    if (asked) return asked->domain && strcmp(asked->domain, "enc") == 0;
    size_t n;
    const char *const *word = ir_attr_strs(&port->attrs, IR_ATTR_onnx_shape, &n);
    return (size_t)axis < n && strcmp(word[axis], "tokens:enc") == 0;
}

int64_t tok_encoder_rows(const tok_ctx *c, const tok_probe *p) {
    for (size_t i = 0; i < p->f->params.count; i++) {
        const ir_port *port = &p->f->params.items[i];
        const ir_type *t = ir_type_of(p->f, port->value);
        for (int axis = 0; axis < t->rank; axis++)
            if (is_encoder_axis(c, port, axis)) return t->dim[axis];
    }
    return 0;
}

// Atom of one axis; its size is 1 where there is none. False: refused.
static bool axis_of(tok_ctx *c, uint32_t node, int axis, tok_atom *a) {
    const ir_port *port = &c->probe[0].f->params.items[tok_at(c, node)->param];
    const ir_type *t = tok_type(c, node, 0);
    const char *word = word_of(c, port, t->rank, axis);
    const tok_atom rows = {TOK_ROWS, axis, 0, 0, 1, false};
    bool varies = false;
    for (int i = 1; i < c->n_probes; i++) varies |= tok_type(c, node, i)->dim[axis] != t->dim[axis];
    *a = (tok_atom){TOK_FEATURE, axis, 0, t->dim[axis], 1, false};
    if (is_encoder_axis(c, port, axis)) {
        *a = rows;
        a->domain = 1;
        if (c->domain[1].rows[0] == t->dim[axis]) return true;
        return tok_fail(c, node, DIAG_ID_tok_role,
                        "axis %d counts %" PRId64 " tokens of the encoder, another input %" PRId64,
                        axis, t->dim[axis], c->domain[1].rows[0]);
    }
    if (varies) {
        *a = rows;
        return tok_axis_rows(c, node, axis, &a->domain);
    }
    if (c->is_frozen && (!strcmp(word, "tokens") || !strcmp(word, "t0"))) {
        *a = rows;
        int64_t known = c->domain[0].rows[0];
        if (known && known != t->dim[axis])
            return tok_fail(c, node, DIAG_ID_tok_role,
                            "axis %d counts %" PRId64 " tokens, another input %" PRId64, axis,
                            t->dim[axis], known);
        tok_domain_frozen(c, t->dim[axis]);
    } else if (strcmp(word, "batch") == 0) {
        a->kind = TOK_BATCH;
        if (t->dim[axis] > 1)
            tok_note(c, node,
                     "the export is frozen at a batch of %" PRId64
                     "; the program runs one sequence",
                     t->dim[axis]);
    }
    return true;
}

bool tok_plan_input(tok_ctx *c, uint32_t node) {
    tok_plan *p = tok_plan_of(c, node);
    const uint32_t param = (uint32_t)tok_at(c, node)->param;
    const ir_type *t = tok_type(c, node, 0);
    tok_layout l = {.rank = t->rank};
    for (int axis = 0; axis < t->rank; axis++) {
        tok_atom a;
        if (!axis_of(c, node, axis, &a)) return false;
        if (a.kind == TOK_ROWS || a.size != 1) tok_layout_push(&l, a);
    }
    tok_layout_tidy(&l);
    int domain = tok_layout_domain(&l);
    if (domain == -2)
        return tok_fail(c, node, DIAG_ID_tok_mask,
                        "has two token axes %s; say what it means (--mask causal or --mask all)",
                        tok_layout_text(c, &l));
    p->layout = l;
    if (domain < 0 && t->rank == 4 && (elem_is_float(t->type) || t->type == ELEM_u8)) {
        p->kind = TOK_IMAGE;
        return true;
    }
    const char *role = tok_role(c, c->probe[0].f, param);
    elem e = elem_is_float(t->type) && strcmp(role, "mask") ? ELEM_f32 : ELEM_i32;
    int64_t w = tok_width(&l);
    ir_type type = tok_row_type(e, domain >= 0 ? domain : tok_domain_one(c), w);
    if (e == ELEM_i32 && w == 1) type.rank = 1;
    if (!strcmp(role, "mask") && e == ELEM_i32) p->most = 1; // hosts take nothing else
    c->input[param].rows = (tok_ref){.from = TOK_OF_INPUT, .id = param, .type = type};
    return tok_set_rows(c, node, c->input[param].rows, &l);
}
