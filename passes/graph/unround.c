// The rounding of statically quantised models (QDQ, QOperator) that no row of a chip repeats.
//
// A quantisation and a dequantisation by the same scale round a value. Where rows are rounded that
// stays: it is arithmetic within a row. Dropped, and said, are
//   - roundings of attention scores, their masks and probabilities, which are no rows: on the way
//     back from a softmax to the product of queries and keys, and from a product to a softmax;
//   - codes of more than 8 bits, which no row of codes has. Where those end stays a bound:
//   quantisers
//     leave out an activation that only cuts off what codes cut off too.
// A product of codes that are summed as integers, times both their scales, becomes one of
// dequantised numbers: QOperator then spells a layer as QDQ does.
#include "passes/graph/unround.h"
#include <float.h>
#include <math.h>
#include <string.h>

// ---- looking ---------------------------------------------------------------------------------

static ir_val operand_of(const ir_op *op, uint32_t k) {
    return k < op->n_operands ? op->operand[k] : IR_NONE;
}

// The constant that v is, through reshapes; NULL: none.
static const tensor *constant(const unround *u, ir_val v) {
    const ir_op *op;
    while (v != IR_NONE && (op = ir_def(u->f, v)) != NULL && op->code == IR_t_reshape)
        v = op->operand[0];
    return v == IR_NONE ? NULL : ir_const_of(u->m, u->f, v);
}

static bool same_numbers(const unround *u, ir_val a, ir_val b) {
    if (a == b) return true;
    const tensor *x = constant(u, a), *y = constant(u, b);
    const size_t n = x ? tensor_count(x) : 0;
    return x && y && x->type == y->type && n == tensor_count(y) &&
           memcmp(x->data, y->data, n * elem_bytes(x->type)) == 0;
}

// The quantisation whose scale the dequantisation op has too; NULL: none.
static const ir_op *rounding(const unround *u, const ir_op *op) {
    if (op->code != IR_t_dequantize) return NULL;
    const ir_op *q = ir_def(u->f, op->operand[0]);
    const bool same =
        q && q->code == IR_t_quantize && same_numbers(u, q->operand[1], op->operand[1]) &&
        same_numbers(u, operand_of(q, 2), operand_of(op, 2)) &&
        ir_attr_int(&q->attrs, IR_ATTR_axis, -1) == ir_attr_int(&op->attrs, IR_ATTR_axis, -1);
    return same ? q : NULL;
}

// A product of two computed matrices.
static bool mixes(const unround *u, const ir_op *op) {
    return (op->code == IR_t_matmul || op->code == IR_t_matmul_int) &&
           !u->is_const[op->operand[0]] && !u->is_const[op->operand[1]];
}

typedef VEC(ir_val) values;

// Everything that v is computed from, up to products: scores and their masks. True: a product of
// queries and keys is among it.
static bool behind_softmax(const unround *u, ir_val v, uint32_t *seen, uint32_t round,
                           values *roundings) {
    values todo = {0};
    bool found = false;
    vec_push(&todo, v);
    while (todo.count) {
        v = todo.items[--todo.count];
        const ir_op *op = v == IR_NONE ? NULL : ir_def(u->f, v);
        if (!op || seen[v] == round) continue;
        seen[v] = round;
        if (mixes(u, op)) {
            found = true;
            continue;
        }
        if (op->code == IR_t_matmul || op->code == IR_t_matmul_int || op->code == IR_nn_linear ||
            op->code == IR_t_softmax || op->code == IR_t_conv)
            continue;
        if (rounding(u, op)) vec_push(roundings, v);
        for (uint32_t k = 0; k < op->n_operands; k++) vec_push(&todo, op->operand[k]);
    }
    vec_free(&todo);
    return found;
}

// From the left operand of a product to the softmax whose probabilities it is; IR_NONE: it is not.
static ir_val probabilities(const unround *u, ir_val v, values *roundings) {
    for (const ir_op *op; (op = ir_def(u->f, v)) != NULL;) {
        switch (op->code) {
        case IR_t_softmax: return v;
        case IR_t_dequantize:
            if (!rounding(u, op)) return IR_NONE;
            vec_push(roundings, v);
            v = rounding(u, op)->operand[0];
            break;
        case IR_t_quantize: // whose codes an integer product reads
            vec_push(roundings, v);
            v = op->operand[0];
            break;
        case IR_t_cast:
        case IR_t_reshape:
        case IR_t_transpose: v = op->operand[0]; break;
        case IR_t_select: // NaN of rows that see nothing becomes 0
            v = u->is_const[op->operand[1]] ? op->operand[2] : op->operand[1];
            break;
        case IR_t_mul:
            if (!u->is_const[op->operand[1]]) return IR_NONE;
            v = op->operand[0];
            break;
        default: return IR_NONE;
        }
    }
    return IR_NONE;
}

static void drop(unround *u, values *roundings, unround_what what) {
    for (size_t i = 0; i < roundings->count; i++) u->is_dropped[roundings->items[i]] = true;
    if (roundings->count) u->found |= what;
    roundings->count = 0;
}

static void find_scores(unround *u, arena *a) {
    const ir_func *f = u->f;
    uint32_t *seen = ARENA_ARRAY(a, uint32_t, f->values.count + 1), round = 0;
    bool *attends = ARENA_ARRAY(a, bool, f->values.count + 1);
    values roundings = {0};
    for (size_t i = 0; i < f->ops.count; i++) {
        const ir_op *op = &f->ops.items[i];
        roundings.count = 0;
        if (op->code == IR_t_softmax) {
            if (!behind_softmax(u, op->operand[0], seen, ++round, &roundings)) continue;
            attends[op->result[0]] = true;
            drop(u, &roundings, UNROUND_SCORES);
        } else if (mixes(u, op)) {
            const ir_val p = probabilities(u, op->operand[0], &roundings);
            if (p != IR_NONE && attends[p]) drop(u, &roundings, UNROUND_SCORES);
        }
    }
    vec_free(&roundings);
}

// The rounding that op ends is one to codes of more than 8 bits; NULL: it is not.
static const ir_op *long_rounding(const unround *u, const ir_op *op) {
    const ir_op *q = rounding(u, op);
    return q && elem_bytes(ir_type_of(u->f, q->result[0])->type) > 1 ? q : NULL;
}

unround unround_of(const ir_module *m, const ir_func *f, arena *a) {
    unround u = {.m = m,
                 .f = f,
                 .is_dropped = ARENA_ARRAY(a, bool, f->values.count + 1),
                 .is_const = ARENA_ARRAY(a, bool, f->values.count + 1)};
    bool any = false;
    for (size_t i = 0; i < f->ops.count; i++) {
        const ir_op *op = &f->ops.items[i];
        bool is_const = true;
        for (uint32_t k = 0; k < op->n_operands; k++)
            is_const &= op->operand[k] == IR_NONE || u.is_const[op->operand[k]];
        for (uint32_t k = 0; k < op->n_results; k++) u.is_const[op->result[k]] = is_const;
        any |= op->code == IR_t_quantize || op->code == IR_t_matmul_int;
    }
    u.is_idle = !any;
    if (any) find_scores(&u, a);
    return u;
}

// ---- making ----------------------------------------------------------------------------------

static ir_val add(rewrite *r, ir_opcode code, const ir_val *in, size_t n, const ir_attrs *attrs,
                  ir_type type, const ir_op *from) {
    return rewrite_add(r, code, in, n, attrs, &type, from);
}

static ir_val reshaped(rewrite *r, ir_val v, int rank, const int64_t *dim, const ir_op *from) {
    const ir_type *t = ir_type_of(r->f, v);
    return add(r, IR_t_reshape, &v, 1, NULL, ir_type_make(t->type, rank, dim), from);
}

// A scale or zero point as one number, or one a column of x.
static ir_val per_column(rewrite *r, ir_val v, bool is_one, int64_t n, const ir_op *from) {
    const bool has_one = ir_type_width(ir_type_of(r->f, v)) == 1;
    if (is_one) return reshaped(r, v, 0, NULL, from);
    if (!has_one) return reshaped(r, v, 1, &n, from);
    const elem type = ir_type_of(r->f, v)->type;
    v = reshaped(r, v, 0, NULL, from);
    return add(r, IR_t_broadcast, &v, 1, NULL, ir_type_make(type, 1, &n), from);
}

// x - zero, times scale: numbers of which there is one, or one a column.
static ir_val dequantized(rewrite *r, ir_val x, ir_val scale, ir_val zero, const ir_op *from) {
    ir_type t = *ir_type_of(r->f, x);
    const int64_t n = t.rank ? t.dim[t.rank - 1] : 1;
    const int64_t ns = ir_type_width(ir_type_of(r->f, scale)),
                  nz = zero == IR_NONE ? 1 : ir_type_width(ir_type_of(r->f, zero));
    const bool is_one = ns == 1 && nz == 1;
    ir_attrs attrs = {0};
    ir_val in[] = {x, per_column(r, scale, is_one, n, from),
                   zero == IR_NONE ? IR_NONE : per_column(r, zero, is_one, n, from)};
    if (!is_one) ir_attr_set_int(r->scratch, &attrs, IR_ATTR_axis, t.rank - 1);
    t.type = ELEM_f32;
    return add(r, IR_t_dequantize, in, zero == IR_NONE ? 2 : 3, &attrs, t, from);
}

static bool is_one_or(const ir_func *f, ir_val v, int64_t n) {
    const int64_t width = v == IR_NONE ? 1 : ir_type_width(ir_type_of(f, v));
    return width == 1 || width == n;
}

typedef struct {
    const ir_op *product; // matmul_int
    ir_val bias;          // in units of both scales; or IR_NONE
    ir_val scale_a, scale_b;
} layer;

// (product + bias) * (scale of a * scale of b), both constants. False: op is no such thing.
static bool layer_of(const unround *u, const ir_op *op, layer *l) {
    if (op->code != IR_t_mul) return false;
    const ir_op *sum = NULL, *scales = NULL;
    for (int i = 0; i < 2; i++) {
        const ir_op *x = ir_def(u->f, op->operand[i]), *y = ir_def(u->f, op->operand[1 - i]);
        if (!x || !y || x->code != IR_t_cast || y->code != IR_t_mul) continue;
        sum = ir_def(u->f, x->operand[0]), scales = y;
    }
    if (!sum || !u->is_const[scales->result[0]]) return false;
    *l = (layer){.bias = IR_NONE, .scale_a = scales->operand[0], .scale_b = scales->operand[1]};
    if (sum->code == IR_t_add)
        for (int i = 0; i < 2; i++) {
            const ir_op *x = ir_def(u->f, sum->operand[i]);
            if (!x || x->code != IR_t_matmul_int) continue;
            l->bias = sum->operand[1 - i];
            sum = x;
            break;
        }
    l->product = sum;
    if (sum->code != IR_t_matmul_int || u->is_const[sum->operand[0]]) return false;
    const ir_op *codes = ir_def(u->f, sum->operand[0]);
    if (u->is_dropped[sum->operand[0]] &&
        (!same_numbers(u, codes->operand[1], l->scale_a) ||
         !same_numbers(u, operand_of(codes, 2), operand_of(sum, 2))))
        return false;
    const ir_type *b = ir_type_of(u->f, sum->operand[1]), *t = ir_type_of(u->f, op->result[0]);
    const int64_t n = b->rank ? b->dim[b->rank - 1] : 1;
    return (!codes || codes->code != IR_t_dynquant) && t->type == ELEM_f32 && b->rank >= 2 &&
           ir_type_equal(t, ir_type_of(u->f, ir_def(u->f, op->operand[0]) == scales
                                                 ? op->operand[1]
                                                 : op->operand[0])) &&
           is_one_or(u->f, l->scale_a, 1) && is_one_or(u->f, operand_of(sum, 2), 1) &&
           is_one_or(u->f, l->scale_b, n) && is_one_or(u->f, operand_of(sum, 3), n) &&
           is_one_or(u->f, l->bias, n);
}

static ir_val make_layer(const unround *u, rewrite *r, const layer *l, const ir_op *op) {
    ir_val in[5], part[2], y;
    const ir_val old[] = {l->product->operand[0], l->product->operand[1], operand_of(l->product, 2),
                          operand_of(l->product, 3), l->bias};
    for (int i = 0; i < 5; i++) in[i] = old[i] == IR_NONE ? IR_NONE : r->map[old[i]];
    const ir_val scale_a = r->map[l->scale_a], scale_b = r->map[l->scale_b];
    const ir_type t = *ir_type_of(r->of, op->result[0]);
    part[0] = u->is_dropped[old[0]] ? r->map[ir_def(r->of, old[0])->operand[0]]
                                    : dequantized(r, in[0], scale_a, in[2], op);
    part[1] = dequantized(r, in[1], scale_b, in[3], op);
    y = add(r, IR_t_matmul, part, 2, NULL, t, op);
    if (in[4] == IR_NONE) return y;
    const int64_t n = t.dim[t.rank - 1];
    const bool is_one = ir_type_width(ir_type_of(r->f, in[4])) == 1 &&
                        ir_type_width(ir_type_of(r->f, scale_b)) == 1;
    const ir_type row = ir_type_make(ELEM_f32, is_one ? 0 : 1, &n);
    ir_attrs to = {0};
    ir_attr_set_str(r->scratch, &to, IR_ATTR_to, "f32");
    ir_val bias = add(
        r, IR_t_cast, &in[4], 1, &to,
        ir_type_make(ELEM_f32, ir_type_of(r->f, in[4])->rank, ir_type_of(r->f, in[4])->dim), op);
    bias = per_column(r, bias, is_one, n, op);
    const ir_val one = reshaped(r, scale_a, 0, NULL, op);
    bias = add(r, IR_t_mul, (ir_val[]){bias, one}, 2, NULL, row, op);
    bias =
        add(r, IR_t_mul, (ir_val[]){bias, per_column(r, scale_b, is_one, n, op)}, 2, NULL, row, op);
    return add(r, IR_t_add, (ir_val[]){y, bias}, 2, NULL, t, op);
}

// Constant codes that stand for numbers beyond f32, as of a mask of -3.4e38: rounded as the model
// does, they hide and 0 times them is 0; infinite, they would make that NaN.
static bool overflows(const unround *u, const ir_op *op) {
    const tensor *x = op->code == IR_t_dequantize ? constant(u, op->operand[0]) : NULL,
                 *scale = x ? constant(u, op->operand[1]) : NULL,
                 *zero = x ? constant(u, operand_of(op, 2)) : NULL;
    if (!scale || tensor_count(scale) != 1 || (zero && tensor_count(zero) != 1)) return false;
    const double s = elem_load_f64(scale->type, scale->data, 0),
                 z = zero ? elem_load_f64(zero->type, zero->data, 0) : 0;
    if (!(fabs(s) > 1e30) || isinf(s)) return false; // codes of 16 bits at most
    for (size_t i = 0, n = tensor_count(x); i < n; i++)
        if (isinf((float)(s * (elem_load_f64(x->type, x->data, i) - z)))) return true;
    return false;
}

static ir_val clipped(rewrite *r, ir_val x, double lo, double hi, ir_type type, const ir_op *from) {
    ir_attrs attrs = {0};
    ir_attr_set_float(r->scratch, &attrs, IR_ATTR_lo, fmax(lo, -(double)FLT_MAX));
    ir_attr_set_float(r->scratch, &attrs, IR_ATTR_hi, fmin(hi, FLT_MAX));
    return add(r, IR_t_clip, &x, 1, &attrs, type, from);
}

// What was quantised, as far as codes reach. IR_NONE: not of one scale.
static ir_val within_codes(const unround *u, rewrite *r, const ir_op *q, const ir_op *op) {
    const tensor *scale = constant(u, q->operand[1]), *zero = constant(u, operand_of(q, 2));
    const elem type = ir_type_of(u->f, q->result[0])->type;
    const ir_val x = r->map[q->operand[0]];
    const ir_type t = *ir_type_of(r->f, x);
    const bool is_signed = type == ELEM_i8 || type == ELEM_i16;
    if (!scale || tensor_count(scale) != 1 || (!is_signed && type != ELEM_u8 && type != ELEM_u16))
        return IR_NONE;
    const double s = elem_load_f64(scale->type, scale->data, 0),
                 z = zero ? elem_load_f64(zero->type, zero->data, 0) : 0,
                 most = elem_bytes(type) == 1 ? UINT8_MAX : UINT16_MAX,
                 lowest = is_signed ? -(most + 1) / 2 : 0;
    return clipped(r, x, (lowest - z) * s, (lowest + most - z) * s, t, op);
}

bool unround_op(unround *u, rewrite *r, const ir_op *op) {
    layer l;
    if (u->is_idle || op->n_results != 1) return false;
    const ir_val y = op->result[0];
    if ((u->found & UNROUND_SCORES) && overflows(u, op)) {
        const ir_op *made = rewrite_copy(r, op);
        r->map[y] = clipped(r, made->result[0], -INFINITY, INFINITY, *ir_type_of(r->of, y), op);
        return true;
    }
    if (u->is_dropped[y] && op->code == IR_t_dequantize) {
        const ir_op *from = rounding(u, op);
        const ir_val kept = u->keeps_bounds ? within_codes(u, r, from, op) : IR_NONE;
        r->map[y] = kept != IR_NONE ? kept : r->map[from->operand[0]];
        return true;
    }
    const ir_op *q = long_rounding(u, op);
    const ir_val x = q ? within_codes(u, r, q, op) : IR_NONE;
    if (x != IR_NONE) {
        u->found |= UNROUND_LONG;
        r->map[y] = x;
        return true;
    }
    if (!layer_of(u, op, &l)) return false;
    u->found |= UNROUND_PRODUCTS;
    r->map[y] = make_layer(u, r, &l, op);
    return true;
}

void unround_note(ir_module *m, unsigned found) {
    static const char *const texts[] = {
        ("attention scores, masks and probabilities stay real numbers, which the model rounds to "
         "codes"),
        "codes of more than 8 bits are no rows: values stay real numbers, which the model rounds",
        "products of codes are sums of real numbers before they are rounded again"};
    for (unsigned i = 0; i < ARRAY_LEN(texts); i++)
        if (found >> i & 1) vec_push(&m->notes, arena_str(m->arena, texts[i]));
    if (found) ir_attr_set_int(m->arena, &m->attrs, IR_ATTR_relaxed, 1);
}
