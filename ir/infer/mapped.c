// Result types of the mapped stage: io, mem, xbar, gc, dig, net. Every value is rows of a domain.
#include "ir/infer/common.h"
#include <inttypes.h>
#include <string.h>

// [T, width]; rows of width 1 may be declared [T].
static bool rows_result(ir_infer_ctx *c, elem e, int64_t domain_dim, int64_t width) {
    bool vector = width == 1 && c->declared && c->declared[0].rank == 1;
    c->out[0] = ir_type_make(e, vector ? 1 : 2, (int64_t[]){domain_dim, width});
    return true;
}

static bool rows_of(ir_infer_ctx *c, size_t i, elem e, int64_t want) {
    int64_t width;
    if (!infer_elem(c, i, e) || !infer_rows(c, i, &width)) return false;
    return width == want || infer_operand_error(c, i, "must have rows of width %" PRId64, want);
}

// A table [R, W] of the module.
static const tensor *table_attr(ir_infer_ctx *c, ir_key k) {
    const ir_symbol *s = infer_symbol_attr(c, k, IR_SYM_TENSOR);
    if (!s) return NULL;
    if (s->data.rank == 2) return &s->data;
    infer_error(c, DIAG_ID_symbol, "table '@%s' must have rank 2", s->name);
    return NULL;
}

// ---- io, mem

bool ir_infer_io_in(ir_infer_ctx *c) {
    const char *port = ir_attr_str(&c->op->attrs, IR_ATTR_port, "");
    for (size_t i = 0; i < c->func->params.count; i++) {
        const ir_port *p = &c->func->params.items[i];
        if (!p->name || strcmp(p->name, port) != 0) continue;
        const ir_type *t = ir_type_of(c->func, p->value);
        if (ir_type_domain(t) < 0)
            return infer_error(c, DIAG_ID_port, "port \"%s\" has no token axis", port);
        return rows_result(c, t->type, t->dim[0], ir_type_width(t));
    }
    return infer_error(c, DIAG_ID_port, "the function has no input \"%s\"", port);
}

bool ir_infer_io_out(ir_infer_ctx *c) {
    int64_t width, col0;
    return infer_rows(c, 0, &width) &&
           infer_int(c, IR_ATTR_col0, 0, IR_MAX_ELEMENTS - width, 0, &col0);
}

bool ir_infer_mem_gather(ir_infer_ctx *c) {
    const tensor *t = table_attr(c, IR_ATTR_table);
    return t && rows_of(c, 0, ELEM_i32, 1) &&
           rows_result(c, t->type == ELEM_i32 ? ELEM_i32 : ELEM_f32, c->in[0]->dim[0], t->dim[1]);
}

bool ir_infer_mem_posrow(ir_infer_ctx *c) {
    const tensor *t = table_attr(c, IR_ATTR_table);
    return t && infer_declared_rows(c, t->type == ELEM_i32 ? ELEM_i32 : ELEM_f32, t->dim[1]) &&
           infer_positions(c, ir_type_domain(&c->out[0]), t->dim[0]);
}

// ---- xbar

bool ir_infer_xbar_mvm(ir_infer_ctx *c) {
    infer_group g;
    int64_t width;
    bool raw;
    if (!infer_group_attr(c, &g) || !infer_flag(c, IR_ATTR_raw, &raw) || !infer_rows(c, 0, &width))
        return false;
    if (c->in[0]->type != ELEM_q8 && !infer_elem(c, 0, ELEM_f32)) return false;
    if (raw && !infer_elem(c, 0, ELEM_q8)) return false;
    if (width != g.k)
        return infer_operand_error(c, 0, "must have rows of width %" PRId64 ", as the group", g.k);
    if (infer_has(c, 1) && (!rows_of(c, 1, ELEM_f32, 1) || !infer_same_domain(c, 0, 1)))
        return false;
    return rows_result(c, raw ? ELEM_i32 : ELEM_f32, c->in[0]->dim[0], g.n);
}

bool ir_infer_xbar_fin(ir_infer_ctx *c) {
    infer_group g;
    return infer_group_attr(c, &g) && rows_of(c, 0, ELEM_i32, g.n) &&
           rows_result(c, ELEM_f32, c->in[0]->dim[0], g.n);
}

// ---- gc

// k, v, mask? from operand i on.
static bool stored(ir_infer_ctx *c, size_t i, const ir_ring *r) {
    if (!rows_of(c, i, ELEM_f32, r->n_kv * r->d) || !rows_of(c, i + 1, ELEM_f32, r->n_kv * r->dv) ||
        !infer_same_domain(c, i, i + 1))
        return false;
    return !infer_has(c, i + 2) ||
           (rows_of(c, i + 2, ELEM_i32, 1) && infer_same_domain(c, i, i + 2));
}

static bool queried(ir_infer_ctx *c, const ir_ring *r, int64_t in_head, int64_t out_head) {
    int64_t heads = ir_ring_heads(r);
    return rows_of(c, 0, ELEM_f32, heads * in_head) &&
           rows_result(c, ELEM_f32, c->in[0]->dim[0], heads * out_head);
}

bool ir_infer_gc_attn(ir_infer_ctx *c) {
    const ir_ring *r = infer_ring(c);
    return r && queried(c, r, r->d, r->dv) && stored(c, 1, r) && infer_same_domain(c, 0, 1);
}

bool ir_infer_gc_write(ir_infer_ctx *c) {
    const ir_ring *r = infer_ring(c);
    return r && stored(c, 0, r);
}

bool ir_infer_gc_query(ir_infer_ctx *c) {
    const ir_ring *r = infer_ring(c);
    return r && queried(c, r, r->d, r->dv);
}

bool ir_infer_gc_score(ir_infer_ctx *c) {
    const ir_ring *r = infer_score_ring(c);
    return r && queried(c, r, r->d, r->slots);
}

bool ir_infer_gc_mix(ir_infer_ctx *c) {
    const ir_ring *r = infer_score_ring(c);
    return r && queried(c, r, r->slots, r->dv);
}

// ---- dig

// Rows of operand 0's domain, f32 or, with `quant`, q8.
static bool digital_result(ir_infer_ctx *c, int64_t width) {
    const ir_attrs *l = &c->op->attrs;
    if (!infer_word(c, IR_ATTR_quant, IR_ENUM_quantisation)) return false;
    if (infer_is_word(c, IR_ATTR_quant, IR_ENUM_quantisation, IR_QUANT_STATIC) &&
        !ir_attr_has(l, IR_ATTR_scale))
        return infer_error(c, DIAG_ID_op_attribute, "quant = \"static\" needs 'scale'");
    int64_t bits;
    if (!infer_int(c, IR_ATTR_bits, 2, 8, 8, &bits)) return false;
    elem e = ir_attr_has(l, IR_ATTR_quant) ? ELEM_q8 : ELEM_f32;
    return rows_result(c, e, c->in[0]->dim[0], width);
}

// Operands of the digital unit may be quantised rows: it widens them.
static bool digital_rows(ir_infer_ctx *c, size_t i, int64_t *width) {
    return (c->in[i]->type == ELEM_q8 || infer_elem(c, i, ELEM_f32)) && infer_rows(c, i, width);
}

bool ir_infer_dig_ew1(ir_infer_ctx *c) {
    int64_t width;
    const char *fn = ir_attr_str(&c->op->attrs, IR_ATTR_fn, "");
    if (!infer_is_fn1(fn))
        return infer_error(c, DIAG_ID_op_attribute, "'fn' is \"%s\", no function of one operand",
                           fn);
    return digital_rows(c, 0, &width) && digital_result(c, width);
}

static bool check_fn2(ir_infer_ctx *c) {
    const char *fn = ir_attr_str(&c->op->attrs, IR_ATTR_fn, "");
    return infer_is_fn2(fn) ||
           infer_error(c, DIAG_ID_op_attribute, "'fn' is \"%s\", no function of two operands", fn);
}

bool ir_infer_dig_ew2(ir_infer_ctx *c) {
    int64_t width, other;
    if (!check_fn2(c) || !digital_rows(c, 0, &width) || !digital_rows(c, 1, &other)) return false;
    if (other != width) return infer_operand_error(c, 1, "must have rows of width %" PRId64, width);
    if (!ir_domain_has_one_row(c->module, ir_type_domain(c->in[1])) && !infer_same_domain(c, 0, 1))
        return false;
    return digital_result(c, width);
}

// One constant row of `width` columns, [W] or [1, W].
static bool constant_row(ir_infer_ctx *c, const char *name, int64_t width) {
    const ir_symbol *s = infer_symbol(c, name, IR_SYM_TENSOR);
    if (!s) return false;
    const tensor *t = &s->data;
    bool fits = (t->rank == 1 || (t->rank == 2 && t->dim[0] == 1)) && t->dim[t->rank - 1] == width;
    return fits || infer_error(c, DIAG_ID_symbol, "'@%s' is no row of width %" PRId64, name, width);
}

bool ir_infer_dig_ewt(ir_infer_ctx *c) {
    int64_t width;
    return check_fn2(c) && digital_rows(c, 0, &width) &&
           constant_row(c, ir_attr_str(&c->op->attrs, IR_ATTR_table, ""), width) &&
           digital_result(c, width);
}

bool ir_infer_dig_clip(ir_infer_ctx *c) {
    int64_t width;
    return digital_rows(c, 0, &width) && digital_result(c, width);
}

bool ir_infer_dig_norm(ir_infer_ctx *c) {
    int64_t width;
    size_t n;
    const char *const *weights = ir_attr_strs(&c->op->attrs, IR_ATTR_weights, &n);
    if (!infer_word(c, IR_ATTR_mode, IR_ENUM_norm) || !digital_rows(c, 0, &width)) return false;
    if (n > 2)
        return infer_error(c, DIAG_ID_op_attribute, "'weights' has %zu items, at most 2 are taken",
                           n);
    for (size_t i = 0; i < n; i++) {
        if (weights[i] && !constant_row(c, weights[i], width)) return false;
    }
    return digital_result(c, width);
}

static bool segments(ir_infer_ctx *c, int64_t *width, int64_t *n) {
    if (!digital_rows(c, 0, width) || !infer_int(c, IR_ATTR_segments, 1, INT64_MAX, 1, n))
        return false;
    return *width % *n == 0 ||
           infer_operand_error(c, 0, "does not divide into %" PRId64 " segments", *n);
}

static bool is_softmax_mode(ir_infer_ctx *c) {
    const char *mode = ir_attr_str(&c->op->attrs, IR_ATTR_mode, "log");
    return strcmp(mode, "log") == 0 ||
           infer_error(c, DIAG_ID_op_attribute, "'mode' is \"%s\", must be log or absent", mode);
}

bool ir_infer_dig_softmax(ir_infer_ctx *c) {
    int64_t width, n;
    return is_softmax_mode(c) && segments(c, &width, &n) && digital_result(c, width);
}

bool ir_infer_dig_red(ir_infer_ctx *c) {
    int64_t width, n;
    if (!infer_word(c, IR_ATTR_fn, IR_ENUM_row_reduction) || !segments(c, &width, &n) ||
        !digital_result(c, n))
        return false;
    // Indices may stay integers.
    bool index = infer_is_word(c, IR_ATTR_fn, IR_ENUM_row_reduction, IR_RED_ARGMAX) &&
                 c->out[0].type == ELEM_f32;
    if (index && (!c->declared || c->declared[0].type == ELEM_i32)) c->out[0].type = ELEM_i32;
    return true;
}

bool ir_infer_dig_rope(ir_infer_ctx *c) {
    int64_t width, heads, r;
    const tensor *t = table_attr(c, IR_ATTR_table);
    if (!t || !infer_word(c, IR_ATTR_mode, IR_ENUM_rotary) || !digital_rows(c, 0, &width) ||
        !infer_int(c, IR_ATTR_heads, 1, INT64_MAX, 1, &heads))
        return false;
    if (width % heads != 0)
        return infer_operand_error(c, 0, "does not divide into %" PRId64 " heads", heads);
    if (!infer_int(c, IR_ATTR_rotary_dim, 0, width / heads, 0, &r)) return false;
    if (r % 2 != 0 || t->dim[1] != r)
        return infer_error(c, DIAG_ID_op_attribute,
                           "'rotary_dim' must be even and the width of the table, %" PRId64,
                           t->dim[1]);
    bool fits = infer_has(c, 1) ? rows_of(c, 1, ELEM_i32, 1) && infer_same_domain(c, 0, 1)
                                : infer_positions(c, ir_type_domain(c->in[0]), t->dim[0]);
    return fits && digital_result(c, width);
}

bool ir_infer_dig_topk(ir_infer_ctx *c) {
    int64_t width, k, base;
    double imm = ir_attr_float(&c->op->attrs, IR_ATTR_imm, 0);
    if (!f64_to_i64(imm, 0, INT32_MAX, &base) || (double)base != imm)
        return infer_error(c, DIAG_ID_op_attribute, "'imm' is %g, must be a whole number from 0",
                           imm);
    return digital_rows(c, 0, &width) && infer_int(c, IR_ATTR_k, 1, width, 1, &k) &&
           rows_result(c, ELEM_f32, c->in[0]->dim[0], 2 * k);
}

bool ir_infer_dig_copy(ir_infer_ctx *c) {
    int64_t width;
    if (!infer_rows(c, 0, &width) || !digital_result(c, width)) return false;
    if (!infer_most(c, IR_ATTR_quant)) return false;
    if (ir_attr_has(&c->op->attrs, IR_ATTR_quant) || !c->declared) return true;
    elem e = c->declared[0].type;
    if (e == ELEM_q8 && c->in[0]->type != ELEM_q8) // codes may stay what they are
        return infer_error(c, DIAG_ID_op_attribute, "a result of type q8 needs 'quant'");
    c->out[0].type = e;
    return true;
}

// ---- net

static bool forwarded(ir_infer_ctx *c) {
    int64_t width, channel;
    c->out[0] = *c->in[0];
    return infer_rows(c, 0, &width) && infer_int(c, IR_ATTR_channel, 0, UINT16_MAX, 0, &channel);
}

bool ir_infer_net_send(ir_infer_ctx *c) { return forwarded(c); }
bool ir_infer_net_recv(ir_infer_ctx *c) { return forwarded(c); }

bool ir_infer_net_recv_add(ir_infer_ctx *c) {
    if (!forwarded(c) || !infer_same_elem(c, 0, 1)) return false;
    if (c->in[0]->type != ELEM_i32 && !infer_elem(c, 0, ELEM_f32)) return false;
    return infer_shape(c, 1, c->in[0]->rank, c->in[0]->dim);
}
