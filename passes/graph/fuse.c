// fuse: recognises what transformers are made of, in every exporter's spelling.
//
// Everything fused is also canonical: what a rule makes goes through canonicalize's rules before
// the next rule looks. Spellings are rows of fuse_rules.c; rotary positions, attention and
// quantised products, where views and constants must be followed, are in fuse_rope.c,
// fuse_attention.c and fuse_quantized.c.
//
// An output that asks for attention probabilities keeps the chain softmax(add(mul(matmul(q,
// transpose(k)), scale), mask)) beside the nn.attention that shares its operands.
#include "passes/graph/fuse.h"
#include "passes/graph/canonical.h"
#include "passes/graph/fuse_gaincell.h"
#include "passes/pass.h"

typedef struct {
    canonical canonical;
    rule_set *rules;
    gaincell_plan cells;
} fuse_context;

static ir_val simplify(emitter *e, ir_val v) {
    const fuse_context *c = e->ctx;
    ir_val w = canonical_simplify(e, &c->canonical, v);
    if (w == v) w = rules_apply(c->rules, e, v);
    if (w == v) w = fuse_rope_pairs(e, v);
    if (w == v) w = fuse_rope_partial(e, v);
    if (w == v) w = fuse_attention(e, v);
    if (w == v) w = fuse_dequantized_rest(e, v);
    return w;
}

// The tensor of a scaling as the operation takes it, one number a head.
static ir_val per_head(emitter *e, const tensor *t, int64_t heads, float otherwise) {
    tensor full = tensor_new(e->r.m->arena, ELEM_f32, 1, &heads);
    size_t n = t ? tensor_count(t) : 0;
    for (int64_t h = 0; h < heads; h++)
        ((float *)full.data)[h] =
            n ? (float)elem_load_f64(t->type, t->data, n == 1 ? 0 : (size_t)h) : otherwise;
    return emit_const(e, "scaling", full);
}

static void emit_gaincell(emitter *e, const ir_op *op, const gaincell_site *s) {
    ir_val in[3 + GAINCELL_SCALINGS];
    e->at = op;
    for (int i = 0; i < 3; i++) in[i] = e->r.map[s->operand[i]];
    for (int i = 0; i < GAINCELL_SCALINGS; i++)
        in[3 + i] = per_head(e, s->scaling[i], s->heads, i % 2 ? 0 : 1);
    ir_val v = emit_op(e, IR_nn_gaincell, in, ARRAY_LEN(in), &s->attrs);
    CHECK(v != IR_NONE, "gain cells of %s", op->n_locs ? op->loc[0] : "?");
    vec_clear(&e->nodes);
    for (size_t i = s->n_ops; i-- > 0;) emit_note_nodes(e, &e->r.of->ops.items[s->ops[i]]);
    emit_take_nodes(e, v);
    e->r.map[op->result[0]] = v;
}

static bool fuse_func(void *ctx, const ir_module *old, size_t i, ir_module *m, diag_sink *diags) {
    fuse_context *c = ctx;
    const ir_func *f = old->funcs.items[i];
    emitter e = emit_begin(old, f, m, simplify, c, diags);
    for (size_t k = 0; k < f->ops.count; k++) {
        const gaincell_site *s = gaincell_at(&c->cells.of[i], &f->ops.items[k]);
        if (s)
            emit_gaincell(&e, &f->ops.items[k], s);
        else
            emit_copy(&e, &f->ops.items[k]);
    }
    return emit_end(&e);
}

ir_module *pass_fuse(const ir_module *old, const pass_options *o, diag_sink *diags) {
    arena *a = arena_new();
    fuse_context c = {canonical_new(), rules_new(fuse_rules, fuse_n_rules),
                      gaincell_plan_make(old, a)};
    ir_module *m = emit_functions(old, fuse_func, &c, diags);
    if (m && c.cells.note) vec_push(&m->notes, arena_str(m->arena, c.cells.note));
    arena_free(a);
    canonical_free(&c.canonical);
    rules_free(c.rules);
    return m;
}
