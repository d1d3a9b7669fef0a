// fold-weights: what stands around products moves into their matrices.
//
// Batch normalisation in inference is x * c + d with constant rows c and d. Where every reader of
// it is a product with a constant matrix, (x * c + d) W + b = (x * c) W + (d W + b): the addition
// is gone. Exact up to the rounding of the new bias, a double rounded once. A factor that is the
// same for all columns moves into the matrix. One for each column stays: the instruction that
// multiplies is the one that quantises, and columns of like range lose less in it than those of x
// (the CIFAR ViT on ohmic-1: 242 of 242 images right, 240 with c in W).
//
// A rotation that pairs neighbouring columns (interleaved) is one that pairs halves after a
// permutation of each head's columns. Where products make queries and keys, the permutation is one
// of their columns, and scores do not see it: sums in another order. So all exporters' rotations
// become one form. Not where keys are read back.
#include "ir/ring.h"
#include "passes/pass.h"
#include "passes/rewrite/rewrite.h"
#include <string.h>

typedef struct {
    ir_val x;                // what is scaled and shifted
    const tensor *mul, *add; // rows, or one element for all columns; NULL: 1, 0
    const ir_op *ops[2];     // what disappears
    size_t n_ops;
} affine;

// A constant that stands for the same row at every token.
static const tensor *constant_row(const ir_module *m, const ir_func *f, ir_val v) {
    const tensor *c = ir_const_of(m, f, v);
    if (!c || !elem_is_float(c->type)) return NULL;
    return c->rank <= 1 || tensor_count(c) == 1 ? c : NULL;
}

static bool is_product(const ir_module *m, const ir_func *f, const ir_op *op) {
    if (op->code != IR_nn_linear || ir_attr_has(&op->attrs, IR_ATTR_wscale)) return false;
    const tensor *w = ir_const_of(m, f, op->operand[1]);
    const tensor *b = op->n_operands > 2 ? ir_const_of(m, f, op->operand[2]) : NULL;
    return w && w->rank == 2 && elem_is_float(w->type) && (op->n_operands < 3 || b);
}

// One step: op is `a (+|*) constant` on rows; gives the constant and a.
static const tensor *scaled(const ir_module *m, const ir_func *f, const ir_op *op, ir_opcode code,
                            ir_val *a) {
    if (!op || op->code != code || ir_type_of(f, op->result[0])->type != ELEM_f32) return NULL;
    for (uint32_t side = 0; side < 2; side++) {
        const tensor *c = constant_row(m, f, op->operand[1 - side]);
        if (c && ir_type_domain(ir_type_of(f, op->operand[side])) >= 0) {
            *a = op->operand[side];
            return c;
        }
    }
    return NULL;
}

static bool is_uniform(const tensor *row) {
    for (size_t i = 1; i < tensor_count(row); i++)
        if (elem_load_f64(row->type, row->data, i) != elem_load_f64(row->type, row->data, 0))
            return false;
    return true;
}

// What v = x * mul + add is, as far as it is to be folded; n_ops = 0: not that.
static affine find(const ir_module *m, const ir_func *f, ir_val v, const uint32_t *uses) {
    affine a = {.x = v};
    const ir_op *op = ir_def(f, v);
    if ((a.add = scaled(m, f, op, IR_t_add, &a.x))) a.ops[a.n_ops++] = op;
    const ir_op *inner = ir_def(f, a.x);
    ir_val x;
    const tensor *mul = a.n_ops == 0 || uses[a.x] == 1 ? scaled(m, f, inner, IR_t_mul, &x) : NULL;
    if (mul && is_uniform(mul)) {
        a.mul = mul;
        a.ops[a.n_ops++] = inner;
        a.x = x;
    }
    return a;
}

static double at(const tensor *row, int64_t i) {
    return elem_load_f64(row->type, row->data, tensor_count(row) == 1 ? 0 : (size_t)i);
}

static ir_val constant(rewrite *r, const char *name, const char *what, tensor data) {
    return ir_build_const(r->m, r->f, arena_printf(r->scratch, "%s.%s", name, what), data);
}

// The product with what is folded into it; its column n is the old column perm[n] (NULL: n).
static void fold(rewrite *r, const ir_op *op, const affine *a, const int64_t *perm) {
    const tensor *w = ir_const_of(r->old, r->of, op->operand[1]);
    const tensor *b = op->n_operands > 2 ? ir_const_of(r->old, r->of, op->operand[2]) : NULL;
    const char *name = ir_attr_str(&ir_def(r->of, op->operand[1])->attrs, IR_ATTR_value, "w");
    bool trans = ir_attr_int(&op->attrs, IR_ATTR_trans_w, 0) != 0;
    int64_t rows = w->dim[trans ? 1 : 0], columns = w->dim[trans ? 0 : 1];
    ir_val in[3] = {rewrite_get(r, a->x), rewrite_get(r, op->operand[1]),
                    b ? rewrite_get(r, op->operand[2]) : IR_NONE};
    tensor made = {0}, bias = {0};
    if (a->mul || perm) made = tensor_new(r->m->arena, ELEM_f32, 2, w->dim);
    double *sum = ARENA_ARRAY(r->scratch, double, columns + 1);
    for (int64_t i = 0; i < rows * columns; i++) {
        int64_t k = trans ? i % rows : i / columns, n = trans ? i / rows : i % columns;
        int64_t from = perm ? perm[n] : n;
        double x =
            elem_load_f64(w->type, w->data, (size_t)(trans ? from * rows + k : k * columns + from));
        if (made.data)
            elem_store_f64(ELEM_f32, made.data, (size_t)i, a->mul ? x * at(a->mul, k) : x);
        if (a->add) sum[n] += x * at(a->add, k);
    }
    if (made.data) in[1] = constant(r, name, "folded", made);
    if (a->add || (b && perm)) {
        bias = tensor_new(r->m->arena, ELEM_f32, 1, &columns);
        for (int64_t n = 0; n < columns; n++)
            elem_store_f64(ELEM_f32, bias.data, (size_t)n,
                           (b ? at(b, perm ? perm[n] : n) : 0) + sum[n]);
        in[2] = constant(r, name, "bias", bias);
    }
    r->map[op->result[0]] = rewrite_add(r, IR_nn_linear, in, in[2] == IR_NONE ? 2 : 3, &op->attrs,
                                        ir_type_of(r->of, op->result[0]), op);
    ir_op *product = ir_last_op(r->f);
    for (size_t i = 0; i < a->n_ops; i++)
        for (uint32_t k = 0; k < a->ops[i]->n_locs; k++)
            ir_op_add_loc(r->m->arena, product, a->ops[i]->loc[k]);
    const char *given = r->of->values.items[op->result[0]].name;
    if (given) r->f->values.items[r->map[op->result[0]]].name = arena_str(r->m->arena, given);
}

// ---- rotations -------------------------------------------------------------------------------

// The product whose row only an interleaved rotation reads, which only an attention reads; NULL:
// not so.
static const ir_op *rotated_product(const ir_module *m, const ir_func *f, ir_val v,
                                    const uint32_t *uses) {
    const ir_op *rotate = ir_def(f, v);
    if (!rotate || rotate->code != IR_nn_rotate || uses[v] != 1) return NULL;
    if (IR_WORD(&rotate->attrs, mode, rotary, ROTARY_HALF) != IR_ROTARY_INTERLEAVED) return NULL;
    const ir_op *product = ir_def(f, rotate->operand[0]);
    bool alone = product && is_product(m, f, product) && uses[rotate->operand[0]] == 1;
    return alone ? product : NULL;
}

static const int64_t *halves(arena *a, const ir_op *rotate, int64_t width) {
    int64_t heads = ir_attr_int(&rotate->attrs, IR_ATTR_heads, 1), d = width / heads;
    int64_t r = ir_attr_int(&rotate->attrs, IR_ATTR_rotary_dim, d);
    int64_t *perm = ARENA_ARRAY(a, int64_t, width);
    for (int64_t n = 0; n < width; n++) {
        int64_t c = n % d;
        perm[n] = n - c + (c >= r ? c : c < r / 2 ? 2 * c : 2 * (c - r / 2) + 1);
    }
    return perm;
}

// Marks queries and keys of one attention: perm of their products, by value; half of their
// rotations.
static void find_rotations(const ir_module *m, const ir_func *f, const ir_op *attn,
                           const uint32_t *uses, arena *a, const int64_t **perm, bool *half) {
    const ir_ring *ring = ir_ring_of(m, attn);
    if (!ring || ring->present_key || ring->past_key) return;
    const ir_op *product[2];
    for (uint32_t i = 0; i < 2; i++)
        if (!(product[i] = rotated_product(m, f, attn->operand[i], uses))) return;
    for (uint32_t i = 0; i < 2; i++) {
        ir_val v = product[i]->result[0];
        perm[v] = halves(a, ir_def(f, attn->operand[i]), ir_type_width(ir_type_of(f, v)));
        half[attn->operand[i]] = true;
    }
}

// ---- the pass --------------------------------------------------------------------------------

static bool fold_func(const ir_module *old, const ir_func *f, ir_module *m, diag_sink *diags) {
    rewrite r = rewrite_begin(old, f, m, diags);
    uint32_t *uses = ir_count_uses(r.scratch, f);
    uint32_t *products = ARENA_ARRAY(r.scratch, uint32_t, f->values.count + 1);
    const int64_t **perm = ARENA_ARRAY(r.scratch, const int64_t *, f->values.count + 1);
    bool *half = ARENA_ARRAY(r.scratch, bool, f->values.count + 1);
    for (size_t i = 0; i < f->ops.count; i++) {
        const ir_op *op = &f->ops.items[i];
        if (is_product(old, f, op)) products[op->operand[0]]++;
        if (op->code == IR_nn_attn) find_rotations(old, f, op, uses, r.scratch, perm, half);
    }
    for (size_t i = 0; i < f->ops.count; i++) {
        const ir_op *op = &f->ops.items[i];
        ir_val v = op->n_results ? op->result[0] : IR_NONE;
        if (is_product(old, f, op)) {
            affine a = {.x = op->operand[0]};
            if (products[a.x] == uses[a.x]) a = find(old, f, a.x, uses);
            if (a.n_ops || perm[v]) {
                fold(&r, op, &a, perm[v]);
                continue;
            }
        }
        ir_op *copy = rewrite_copy(&r, op);
        if (half[v])
            ir_attr_set_word(m->arena, &copy->attrs, IR_ATTR_mode, IR_ENUM_rotary, IR_ROTARY_HALF);
    }
    return rewrite_end(&r);
}

ir_module *pass_fold_weights(const ir_module *old, const pass_options *o, diag_sink *diags) {
    ir_module *m = ir_module_derive(old);
    bool ok = true;
    for (size_t i = 0; i < old->funcs.count; i++)
        ok = fold_func(old, old->funcs.items[i], m, diags) && ok;
    ir_module *clean = ok ? pass_dce(m, o, diags) : NULL;
    ir_module_free(m);
    return clean;
}
