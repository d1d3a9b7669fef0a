// fuse: recognises what transformers are made of, in every exporter's spelling.
//
// Everything fused is also canonical: what a rule makes goes through canonicalize's rules before
// the next rule looks. Spellings are rows of fuse_rules.c; rotary positions, attention and
// quantised products, where views and constants must be followed, are in fuse_rope.c,
// fuse_attention.c and fuse_quantized.c.
//
// An output that asks for attention probabilities keeps the chain softmax(add(mul(matmul(q,
// transpose(k)), scale), mask)) beside the nn.attention that shares its operands.
#include "passes/fuse.h"
#include "passes/canonical.h"
#include "passes/pass.h"

typedef struct {
    canonical canonical;
    rule_set *rules;
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

ir_module *pass_fuse(const ir_module *old, const pass_options *o, diag_sink *diags) {
    fuse_context c = {canonical_new(), rules_new(fuse_rules, fuse_n_rules)};
    ir_module *m = emit_module(old, simplify, &c, diags);
    canonical_free(&c.canonical);
    rules_free(c.rules);
    return m;
}
