// What inference knows of the module: domains, rings, groups.
#include "ir/infer/common.h"
#include <inttypes.h>
#include <string.h>

// ---- domains

bool infer_declared_rows(ir_infer_ctx *c, elem e, int64_t width) {
    if (!c->declared)
        return infer_error(c, DIAG_ID_op_result,
                           "needs a declared result type, its rows are of "
                           "a domain that operands do not tell");
    const ir_type *t = &c->declared[0];
    if (ir_type_domain(t) < 0)
        return infer_error(c, DIAG_ID_op_result, "gives rows of a token domain");
    c->out[0] = ir_type_make(e, 2, (int64_t[]){t->dim[0], width});
    return true;
}

bool infer_positions(ir_infer_ctx *c, int domain, int64_t rows) {
    int64_t max = ir_attr_int(&c->module->attrs, IR_ATTR_max_tokens, 0);
    if (!ir_domain_is(c->module, domain, IR_DOMAIN_FREE) || max <= rows) return true;
    return infer_error(c, DIAG_ID_op_operand,
                       "the table has %" PRId64 " rows, positions go up to %" PRId64, rows,
                       max - 1);
}

// ---- rings and groups

// A size on the way into products of three, so bounded.
static bool usable_size(ir_infer_ctx *c, const ir_symbol *s, ir_key k, diag_id id, int64_t lo,
                        int64_t size) {
    return (size >= lo && size <= 1 << 24) ||
           infer_error(c, id, "'@%s' has no usable '%s'", s->name, ir_key_name(k));
}

static bool symbol_size(ir_infer_ctx *c, const ir_symbol *s, ir_key k, diag_id id, int64_t lo,
                        int64_t otherwise, int64_t *out) {
    *out = ir_attr_int(&s->attrs, k, otherwise);
    return usable_size(c, s, k, id, lo, *out);
}

const ir_ring *infer_ring(ir_infer_ctx *c) {
    const ir_symbol *s = infer_symbol_attr(c, IR_ATTR_ring, IR_SYM_RING);
    if (!s) return NULL;
    const ir_ring *r = s->ring;
    const diag_id id = DIAG_ID_ring_attribute;
    if (!usable_size(c, s, IR_ATTR_n_kv, id, 1, r->n_kv) ||
        !usable_size(c, s, IR_ATTR_q_per_kv, id, 1, r->q_per_kv) ||
        !usable_size(c, s, IR_ATTR_d, id, 1, r->d) ||
        !usable_size(c, s, IR_ATTR_dv, id, 1, r->dv) ||
        !usable_size(c, s, IR_ATTR_slots, id, 1, r->slots))
        return NULL;
    if (ir_ring_heads(r) <= 1 << 24) return r;
    infer_error(c, id, "'@%s' has too many heads", s->name);
    return NULL;
}

const ir_ring *infer_score_ring(ir_infer_ctx *c) {
    const ir_ring *r = infer_ring(c);
    if (!r || !ir_ring_is_charge(r)) return r;
    infer_error(c, DIAG_ID_ring_attribute, "ring '@%s' reads out charges: no scores leave it",
                ir_attr_str(&c->op->attrs, IR_ATTR_ring, ""));
    return NULL;
}

bool infer_readout(ir_infer_ctx *c, ir_readout readout) {
    char why[IR_RING_TEXT];
    ir_ring r;
    return ir_ring_of_operation(&c->op->attrs, readout, &r, why) ||
           infer_error(c, DIAG_ID_op_attribute, "%s", why);
}

bool infer_group_attr(ir_infer_ctx *c, infer_group *g) {
    const ir_symbol *s = infer_symbol_attr(c, IR_ATTR_group, IR_SYM_GROUP);
    if (!s) return false;
    const diag_id id = DIAG_ID_group_attribute;
    int64_t k0, k1, n0, n1;
    if (!symbol_size(c, s, IR_ATTR_k0, id, 0, -1, &k0) ||
        !symbol_size(c, s, IR_ATTR_k1, id, k0 + 1, 0, &k1) ||
        !symbol_size(c, s, IR_ATTR_n0, id, 0, -1, &n0) ||
        !symbol_size(c, s, IR_ATTR_n1, id, n0 + 1, 0, &n1))
        return false;
    *g = (infer_group){k1 - k0, n1 - n0};
    return true;
}
