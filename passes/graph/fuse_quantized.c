// Products with matrices that a model brings quantised.
//
// A dynamically quantised layer (DynamicQuantizeLinear, MatMulInteger, Cast, Mul, Mul) becomes
//     %c, %s, %z = t.dynquant %x {gran = "tensor"}
//     %y = t.dequantize %c, %s, %z
//     nn.linear %y, codes, bias {wscale, wzero}
// The same numbers (the integer product is exact, and so is this one but for one rounding), and the
// scale per tensor stays visible: find-tokens relaxes it to rows, by name, since it mixes tokens.
// QDQ models keep t.quantize and t.dequantize of activations alike; only weights become codes.
#include "passes/graph/fold.h"
#include "passes/graph/fuse.h"
#include <math.h>
#include <string.h>

// Codes of w as i8 [K,N] (u8 less 128), scales f32[N], zero points i32[N] as symbols of the module.
typedef struct {
    ir_val codes;
    const char *scale, *zero; // zero NULL: none
} quantized_matrix;

// One number, or n along the last axis. [n, 1] would meet rows.
static bool per_column(const tensor *t, int64_t n) {
    size_t count = tensor_count(t);
    return count == 1 || (count == (size_t)n && t->dim[t->rank - 1] == n);
}

static const char *shared_symbol(emitter *e, const char *base, const char *suffix, tensor data) {
    const char *name = arena_printf(e->r.scratch, "%s.%s", base, suffix);
    const ir_symbol *s = ir_symbol_find(e->r.m, name);
    if (s && s->kind == IR_SYM_TENSOR && tensor_equal_bits(&s->data, &data)) return s->name;
    return ir_symbol_add_tensor(e->r.m, name, data)->name;
}

static ir_val const_symbol(emitter *e, const char *name) {
    const tensor *data = &ir_symbol_find(e->r.m, name)->data;
    ir_attrs attrs = {0};
    ir_attr_set_str(e->r.scratch, &attrs, IR_ATTR_value, name);
    ir_type t = ir_type_make(data->type, data->rank, data->dim);
    return emit_typed(e, IR_t_const, NULL, 0, &attrs, &t);
}

// w [K,N], or [N,K] when `trans`; scale and zero: one, or N.
static bool quantized_of(emitter *e, ir_val w, bool trans, ir_val scale, ir_val zero,
                         quantized_matrix *out) {
    const tensor *tw = emit_const_of(e, w), *ts = emit_const_of(e, scale);
    const tensor *tz = zero == IR_NONE ? NULL : emit_const_of(e, zero);
    if (!tw || !ts || (zero != IR_NONE && !tz) || tw->rank != 2) return false;
    if (tw->type != ELEM_i8 && tw->type != ELEM_u8) return false;
    const int64_t k = tw->dim[trans], n = tw->dim[!trans];
    if (!per_column(ts, n) || (tz && !per_column(tz, n))) return false;
    arena *a = e->r.m->arena;
    const int shift = tw->type == ELEM_u8 ? 128 : 0;
    const char *base = emit_symbol_of(e, w);
    if (trans || shift) {
        tensor codes = tensor_new(a, ELEM_i8, 2, (int64_t[]){k, n});
        int8_t *to = codes.data;
        for (int64_t i = 0; i < k; i++)
            for (int64_t j = 0; j < n; j++) {
                size_t at = (size_t)(trans ? j * k + i : i * n + j);
                to[i * n + j] = (int8_t)(elem_load_i64(tw->type, tw->data, at) - shift);
            }
        out->codes = const_symbol(e, shared_symbol(e, base, "codes", codes));
    } else {
        out->codes = w;
    }
    tensor s = tensor_new(a, ELEM_f32, 1, &n), z = tensor_new(a, ELEM_i32, 1, &n);
    bool any = false;
    for (int64_t j = 0; j < n; j++) {
        size_t is = tensor_count(ts) == 1 ? 0 : (size_t)j;
        int64_t zj =
            tz ? elem_load_i64(tz->type, tz->data, tensor_count(tz) == 1 ? 0 : (size_t)j) : 0;
        elem_store_f64(ELEM_f32, s.data, (size_t)j, elem_load_f64(ts->type, ts->data, is));
        elem_store_i64(ELEM_i32, z.data, (size_t)j, zj - shift);
        any |= zj - shift != 0;
    }
    out->scale = shared_symbol(e, base, "scale", s);
    out->zero = any ? shared_symbol(e, base, "zero", z) : NULL;
    return true;
}

static ir_val linear(emitter *e, ir_val x, const quantized_matrix *w, ir_val bias) {
    ir_attrs attrs = {0};
    ir_attr_set_strs(e->r.scratch, &attrs, IR_ATTR_wscale, &w->scale, 1);
    if (w->zero) ir_attr_set_strs(e->r.scratch, &attrs, IR_ATTR_wzero, &w->zero, 1);
    return emit_op(e, IR_nn_linear, (ir_val[]){x, w->codes, bias}, 3, &attrs);
}

static ir_val optional(const match *m, const char *name) {
    for (int i = 0; i < m->n_names; i++)
        if (strcmp(m->names[i], name) == 0) return m->value[i];
    return IR_NONE;
}

ir_val fuse_quantized_linear(match *m) {
    emitter *e = m->e;
    ir_val codes = match_value(m, "codes"), scale = match_value(m, "scale"),
           zero = match_value(m, "zero");
    const ir_op a = emit_def(e, codes), b = emit_def(e, scale), c = emit_def(e, zero);
    if (a.result[0] != b.result[0] || a.result[0] != c.result[0]) return IR_NONE;
    quantized_matrix w;
    if (!quantized_of(e, match_value(m, "w"), false, match_value(m, "ws"), optional(m, "zw"), &w))
        return IR_NONE;
    ir_val x = emit_op(e, IR_t_dequantize, (ir_val[]){codes, scale, zero}, 3, NULL);
    return linear(e, x, &w, IR_NONE);
}

ir_val fuse_dequantized_linear(match *m) {
    emitter *e = m->e;
    const ir_op op = emit_def(e, m->root), d = emit_def(e, op.operand[1]);
    if (ir_attr_has(&op.attrs, IR_ATTR_wscale)) return IR_NONE;
    bool trans = ir_attr_int(&op.attrs, IR_ATTR_trans_w, 0);
    const tensor *ts = match_const(m, "ws");
    int64_t axis = ir_attr_int(&d.attrs, IR_ATTR_axis, 1);
    if (ts->rank > 1 || (tensor_count(ts) > 1 && axis != (trans ? 0 : 1))) return IR_NONE;
    quantized_matrix w;
    if (!quantized_of(e, match_value(m, "w"), trans, match_value(m, "ws"), optional(m, "zw"), &w))
        return IR_NONE;
    return linear(e, match_value(m, "x"), &w, op.n_operands > 2 ? op.operand[2] : IR_NONE);
}

// The scale of codes that a static quantisation made, through views; IR_NONE.
static ir_val scale_of_codes(const emitter *e, ir_val v) {
    for (;;) {
        const ir_op op = emit_def(e, v);
        if (op.code == IR_t_quantize) {
            const tensor *t = emit_const_of(e, op.operand[1]);
            return t && tensor_count(t) == 1 ? op.operand[1] : IR_NONE;
        }
        if (op.code == IR_OP_COUNT || ir_kind_of(op.code) != IR_KIND_VIEW) return IR_NONE;
        v = op.operand[0];
    }
}

static double number_of(const emitter *e, ir_val v) {
    const tensor *t = emit_const_of(e, v);
    return elem_load_f64(t->type, t->data, 0);
}

// (a - za) (b - zb) s of codes, as QOperator models have it, is the product of what the codes stand
// for: that of QDQ ones.
ir_val fuse_static_product(match *m) {
    emitter *e = m->e;
    const ir_op op = emit_def(e, match_value(m, "p"));
    const tensor *s = match_const(m, "s");
    ir_val a = op.operand[0], b = op.operand[1], sa = scale_of_codes(e, a),
           za = op.n_operands > 2 ? op.operand[2] : IR_NONE,
           zb = op.n_operands > 3 ? op.operand[3] : IR_NONE;
    if (sa == IR_NONE || s->rank > 1) return IR_NONE;
    const double scale = number_of(e, sa);
    ir_val x = emit_op(e, IR_t_dequantize, (ir_val[]){a, sa, za}, 3, NULL);
    if (x == IR_NONE || !(scale > 0)) return IR_NONE;
    if (emit_const_of(e, b)) {
        quantized_matrix w;
        tensor t = tensor_new(e->r.m->arena, ELEM_f32, s->rank, s->dim);
        for (size_t i = 0, n = tensor_count(&t); i < n; i++)
            elem_store_f64(ELEM_f32, t.data, i, elem_load_f64(s->type, s->data, i) / scale);
        const bool fits = quantized_of(e, b, false, emit_const(e, "scale", t), zb, &w);
        return fits ? linear(e, x, &w, IR_NONE) : IR_NONE;
    }
    const ir_val sb = scale_of_codes(e, b);
    if (sb == IR_NONE || tensor_count(s) != 1) return IR_NONE;
    const double both = scale * number_of(e, sb);
    if (!(fabs(both - elem_load_f64(s->type, s->data, 0)) <= 1e-5 * both)) return IR_NONE;
    return emit2(e, IR_t_matmul, x, emit_op(e, IR_t_dequantize, (ir_val[]){b, sb, zb}, 3, NULL));
}

// Whatever else reads a dequantised constant reads numbers: they are computed now.
ir_val fuse_dequantized_rest(emitter *e, ir_val v) {
    const ir_op op = emit_def(e, v);
    if (op.code == IR_OP_COUNT || op.code == IR_t_transpose || op.code == IR_t_dequantize ||
        op.n_results != 1)
        return v;
    ir_val *in = arena_copy(e->r.scratch, op.operand, op.n_operands * sizeof *in);
    bool any = false;
    for (uint32_t i = 0; i < op.n_operands; i++) {
        if (emit_def(e, in[i]).code != IR_t_dequantize) continue;
        ir_val c = fold_anyway(e, in[i], e->r.m->arena);
        any |= c != in[i];
        in[i] = c;
    }
    if (!any) return v;
    const ir_type t = *emit_type(e, v);
    return emit_typed(e, op.code, in, op.n_operands, &op.attrs, &t);
}
