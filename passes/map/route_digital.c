// route-digital: everything that is neither a crossbar's nor a ring's becomes an instruction of a
// digital unit, a dense memory or a port.
//
// Constants become tables. A quantisation whose row one digital instruction makes for it alone is
// that instruction's own: a digital unit quantises as it writes. Gated activations (silu(a) * b)
// are one instruction. Exact: each operation has the definition of the one it replaces.
#include "passes/pass.h"
#include "passes/rewrite/key.h"
#include "passes/rewrite/rewrite.h"
#include <string.h>

typedef struct {
    rewrite r;
    uint32_t *uses;       // of old values
    bool *skip;           // old operations swallowed by another
    made_symbols *tables; // made of constants, by their names
} router;

// One for each lowering of ops.def.
typedef void (*router_function)(router *t, const ir_op *op);
#define OP(unit, name, stages, n_min, n_max, results, attributes, class, kind, rows, home, rule, \
           lowering, emission, summary)                                                          \
    void route_##lowering(router *t, const ir_op *op);
#include "ir/ops.def"

static ir_val operand(const router *t, const ir_op *op) {
    return rewrite_get(&t->r, op->operand[0]);
}

static const tensor *constant(const router *t, ir_val old) {
    return ir_const_of(t->r.old, t->r.of, old);
}

static const char *node_of(const ir_op *op) { return op->n_locs ? op->loc[0] : "(no node)"; }

static void refuse(router *t, const ir_op *op, const char *why) {
    diag_emit(t->r.diags, DIAG_ID_no_unit, DIAG_AT(NULL, node_of(op)),
              "no unit of the chip computes '%s': %s", ir_ops[op->code].name, why);
    t->r.failed = true;
}

static ir_val emit(router *t, ir_opcode code, const ir_val *in, size_t n, const ir_attrs *a,
                   const ir_op *op) {
    ir_val y = rewrite_add(&t->r, code, in, n, a, ir_type_of(t->r.of, op->result[0]), op);
    t->r.map[op->result[0]] = y;
    const char *name = t->r.of->values.items[op->result[0]].name;
    if (name) t->r.f->values.items[y].name = arena_str(t->r.m->arena, name);
    return y;
}

// ---- tables ----------------------------------------------------------------------------------

static const char *const_name(const router *t, ir_val old) {
    return ir_attr_str(&ir_def(t->r.of, old)->attrs, IR_ATTR_value, "");
}

// Symbol with the f32 row [width] that a constant stands for beside rows of that width; the
// constant's own symbol when it is that already.
static const char *row_table(router *t, ir_val old, int64_t width) {
    const tensor *c = constant(t, old);
    const char *name = const_name(t, old);
    size_t n = tensor_count(c);
    if (n == (size_t)width && c->type == ELEM_f32 && c->rank == 1) return name;
    const char *key = arena_printf(t->r.scratch, "%s.row%lld", name, (long long)width);
    const char *known = made_find(t->tables, key);
    if (known) return known;
    tensor row = tensor_new(t->r.m->arena, ELEM_f32, 1, &width);
    for (int64_t i = 0; i < width; i++)
        elem_store_f64(ELEM_f32, row.data, (size_t)i,
                       elem_load_f64(c->type, c->data, n == 1 ? 0 : (size_t)i));
    return made_add(t->tables, key, ir_symbol_add_tensor(t->r.m, key, row)->name);
}

static const char *row_of_ones(router *t, int64_t width) {
    const char *key = arena_printf(t->r.scratch, "ones.row%lld", (long long)width);
    const char *known = made_find(t->tables, key);
    if (known) return known;
    tensor row = tensor_new(t->r.m->arena, ELEM_f32, 1, &width);
    for (int64_t i = 0; i < width; i++) ((float *)row.data)[i] = 1;
    return made_add(t->tables, key, ir_symbol_add_tensor(t->r.m, key, row)->name);
}

// cos and sin tables [R, r/2] side by side [R, r].
static const char *rope_table(router *t, ir_val cos, ir_val sin) {
    const tensor *c = constant(t, cos), *s = constant(t, sin);
    const char *name = const_name(t, cos);
    key_text key = {0};
    key_str(&key, name);
    key_str(&key, const_name(t, sin));
    const char *known = made_find(t->tables, key_end(&key));
    if (known) {
        vec_free(&key);
        return known;
    }
    int64_t rows = c->dim[0], half = c->dim[1];
    tensor x = tensor_new(t->r.m->arena, ELEM_f32, 2, (int64_t[]){rows, 2 * half});
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < half; i++) {
            float *at = (float *)x.data + r * 2 * half;
            at[i] = (float)elem_load_f64(c->type, c->data, (size_t)(r * half + i));
            at[half + i] = (float)elem_load_f64(s->type, s->data, (size_t)(r * half + i));
        }
    name = ir_symbol_add_tensor(t->r.m, arena_printf(t->r.scratch, "%s.rope", name), x)->name;
    made_add(t->tables, key_end(&key), name);
    vec_free(&key);
    return name;
}

// ---- elementwise -----------------------------------------------------------------------------

static ir_val function1(router *t, ir_val x, const char *fn, const ir_type *type, const ir_op *op) {
    ir_attrs a = {0};
    ir_attr_set_str(t->r.scratch, &a, IR_ATTR_fn, fn);
    return rewrite_add(&t->r, IR_dig_ew1, &x, 1, &a, type, op);
}

// Name of silu(a) * b and its kin, where the activation serves nothing else; NULL: there is none.
static const char *gated_name(ir_opcode activation) {
    switch (activation) {
    case IR_t_silu: return "silu_mul";
    case IR_t_gelu: return "gelu_mul";
    case IR_t_gelu_tanh: return "gelu_tanh_mul";
    default: return NULL;
    }
}

// A number a row as rows of one column.
static ir_val as_column(router *t, ir_val x, const ir_op *op) {
    ir_type type = *ir_type_of(t->r.f, x);
    if (type.rank != 1 || type.type == ELEM_i32) return x;
    type.rank = 2;
    type.dim[1] = 1;
    return rewrite_add(&t->r, IR_dig_copy, &x, 1, NULL, &type, op);
}

// Rows of one column beside rows of several: the column repeated, in pieces that double.
static ir_val repeated(router *t, ir_val x, int64_t width, const ir_op *op) {
    if (ir_type_width(ir_type_of(t->r.f, x)) == width) return x;
    ir_val piece = as_column(t, x, op), whole = IR_NONE; // i columns; the bits of `width` up to i
    ir_type type = *ir_type_of(t->r.f, piece);
    for (int64_t i = 1, has = 0; i <= width; i *= 2) {
        if (i > 1) {
            ir_val twice[2] = {piece, piece};
            type.dim[1] = i;
            piece = rewrite_add(&t->r, IR_row_join, twice, 2, NULL, &type, op);
        }
        if (!(width & i)) continue;
        ir_val both[2] = {piece, whole};
        type.dim[1] = has += i;
        whole = has == i ? piece : rewrite_add(&t->r, IR_row_join, both, 2, NULL, &type, op);
    }
    return whole;
}

// c / x: (1/x) * c rounds twice, so where c is not 1 it stands in a row of its own, 0 + c.
static void divide_constant(router *t, const ir_op *op, ir_val x, const char *table) {
    const ir_type *type = ir_type_of(t->r.of, op->result[0]);
    const tensor *c = constant(t, op->operand[0]);
    if (type->type != ELEM_f32) return refuse(t, op, "its first operand is a constant");
    bool ones = true;
    for (size_t i = 0, n = tensor_count(c); i < n; i++)
        ones = ones && elem_load_f64(c->type, c->data, i) == 1;
    ir_attrs a = {0};
    if (ones) {
        ir_attr_set_str(t->r.scratch, &a, IR_ATTR_fn, "recip");
        emit(t, IR_dig_ew1, &x, 1, &a, op);
        return;
    }
    ir_attr_set_float(t->r.scratch, &a, IR_ATTR_lo, 0);
    ir_attr_set_float(t->r.scratch, &a, IR_ATTR_hi, 0);
    ir_val in[2] = {rewrite_add(&t->r, IR_dig_clip, &x, 1, &a, type, op), x};
    a = (ir_attrs){0};
    ir_attr_set_str(t->r.scratch, &a, IR_ATTR_fn, "add");
    ir_attr_set_str(t->r.scratch, &a, IR_ATTR_table, table);
    in[0] = rewrite_add(&t->r, IR_dig_ewt, in, 1, &a, type, op);
    a = (ir_attrs){0};
    ir_attr_set_str(t->r.scratch, &a, IR_ATTR_fn, "div");
    emit(t, IR_dig_ew2, in, 2, &a, op);
}

static void with_constant(router *t, const ir_op *op, bool left) {
    const char *fn = ir_ops[op->code].base;
    const ir_type *type = ir_type_of(t->r.of, op->result[0]);
    const int64_t width = ir_type_width(type);
    const char *table = row_table(t, op->operand[!left], width);
    ir_val x = repeated(t, rewrite_get(&t->r, op->operand[left]), width, op);
    if (left && op->code == IR_t_div) return divide_constant(t, op, x, table);
    if (left && op->code == IR_t_sub) // c - x = (-x) + c exactly
        x = function1(t, x, "neg", type, op), fn = "add";
    else if (left && ir_kind_of(op->code) != IR_KIND_SWAP)
        return refuse(t, op, "its first operand is a constant");
    ir_attrs attrs = {0};
    ir_attr_set_str(t->r.scratch, &attrs, IR_ATTR_fn, fn);
    ir_attr_set_str(t->r.scratch, &attrs, IR_ATTR_table, table);
    emit(t, IR_dig_ewt, &x, 1, &attrs, op);
}

// The activation of a product that takes it in; NULL: it takes none.
static const ir_op *gate_of(const router *t, const ir_op *op, int side) {
    const ir_op *inner = op->code == IR_t_mul ? ir_def(t->r.of, op->operand[side]) : NULL;
    return inner && gated_name(inner->code) && t->skip[inner - t->r.of->ops.items] ? inner : NULL;
}

// One row repeated beside others: instructions of two rows take it as their second operand as it
// is.
static bool is_repeated_row(const router *t, ir_val v) {
    const ir_op *op = ir_def(t->r.of, v);
    return op && op->code == IR_rows_like;
}

static bool takes_repeated_row(const router *t, const ir_op *op, ir_val row) {
    const bool pair = ir_is_elementwise(op->code) && op->n_operands == 2 &&
                      ir_type_of(t->r.of, op->result[0])->type == ELEM_f32;
    if (!pair || constant(t, op->operand[0]) || constant(t, op->operand[1])) return false;
    if (is_repeated_row(t, op->operand[0]) && is_repeated_row(t, op->operand[1])) return false;
    return op->operand[1] == row || ir_kind_of(op->code) == IR_KIND_SWAP || op->code == IR_t_sub;
}

void route_like(router *t, const ir_op *op) {
    const ir_func *f = t->r.of;
    bool ok = true;
    for (size_t i = 0; ok && i < f->ops.count; i++)
        for (uint32_t k = 0; ok && k < f->ops.items[i].n_operands; k++)
            if (f->ops.items[i].operand[k] == op->result[0])
                ok = takes_repeated_row(t, &f->ops.items[i], op->result[0]);
    for (size_t i = 0; ok && i < f->results.count; i++)
        ok = f->results.items[i].value != op->result[0];
    if (!ok)
        return refuse(t, op, "one row is repeated only as the other operand of arithmetic on rows");
    t->r.map[op->result[0]] = operand(t, op);
}

// row - x as -(x - row): the same, but for the sign of 0.
static void subtract_from_row(router *t, const ir_op *op) {
    const ir_type *type = ir_type_of(t->r.of, op->result[0]);
    const int64_t width = ir_type_width(type);
    ir_attrs a = {0};
    ir_attr_set_str(t->r.scratch, &a, IR_ATTR_fn, "sub");
    const ir_val in[2] = {repeated(t, rewrite_get(&t->r, op->operand[1]), width, op),
                          repeated(t, rewrite_get(&t->r, op->operand[0]), width, op)},
                 x = rewrite_add(&t->r, IR_dig_ew2, in, 2, &a, type, op);
    a = (ir_attrs){0};
    ir_attr_set_str(t->r.scratch, &a, IR_ATTR_fn, "neg");
    emit(t, IR_dig_ew1, &x, 1, &a, op);
}

static bool is_real(router *t, const ir_op *op) {
    if (ir_type_of(t->r.of, op->result[0])->type == ELEM_f32) return true;
    refuse(t, op, "units compute with real numbers, not with integers");
    return false;
}

void route_ew2(router *t, const ir_op *op) {
    ir_val a = op->operand[0], b = op->operand[1];
    if (!is_real(t, op)) return;
    if (is_repeated_row(t, a) && op->code == IR_t_sub) return subtract_from_row(t, op);
    if (constant(t, a) || constant(t, b)) return with_constant(t, op, constant(t, a) != NULL);
    const char *fn = ir_ops[op->code].base;
    const ir_op *gate = gate_of(t, op, 0);
    if (!gate && (gate = gate_of(t, op, 1)) != NULL) b = a;
    if (gate) {
        fn = gated_name(gate->code);
        a = gate->operand[0];
    }
    if (is_repeated_row(t, a)) {
        const ir_val row = a;
        a = b;
        b = row;
    }
    ir_attrs attrs = {0};
    ir_attr_set_str(t->r.scratch, &attrs, IR_ATTR_fn, fn);
    const int64_t width = ir_type_width(ir_type_of(t->r.of, op->result[0]));
    ir_val in[2] = {repeated(t, rewrite_get(&t->r, a), width, op),
                    repeated(t, rewrite_get(&t->r, b), width, op)};
    emit(t, IR_dig_ew2, in, 2, &attrs, op);
    ir_op *made = ir_last_op(t->r.f);
    for (uint32_t k = 0; gate && k < gate->n_locs; k++)
        ir_op_add_loc(t->r.m->arena, made, gate->loc[k]);
}

// An activation that only one multiplication reads: route_ew2 takes it in.
static void find_gates(router *t) {
    const ir_func *f = t->r.of;
    for (size_t i = 0; i < f->ops.count; i++) {
        const ir_op *op = &f->ops.items[i];
        if (op->code != IR_t_mul || constant(t, op->operand[0]) || constant(t, op->operand[1]))
            continue;
        for (int side = 0; side < 2; side++) {
            const ir_op *inner = ir_def(f, op->operand[side]);
            if (!inner || t->uses[op->operand[side]] != 1) continue;
            if (!gated_name(inner->code)) continue;
            t->skip[inner - f->ops.items] = true;
            break;
        }
    }
}

void route_ew1(router *t, const ir_op *op) {
    if (!is_real(t, op)) return;
    ir_attrs a = {0};
    ir_val x = operand(t, op);
    ir_attr_set_str(t->r.scratch, &a, IR_ATTR_fn, ir_ops[op->code].base);
    emit(t, IR_dig_ew1, &x, 1, &a, op);
}

void route_clip(router *t, const ir_op *op) {
    ir_val x = operand(t, op);
    emit(t, IR_dig_clip, &x, 1, &op->attrs, op);
}

// ---- the other families ----------------------------------------------------------------------

void route_norm(router *t, const ir_op *op) {
    const ir_type *type = ir_type_of(t->r.of, op->result[0]);
    int64_t width = ir_type_width(type);
    ir_val gamma = op->n_operands > 1 ? op->operand[1] : IR_NONE,
           beta = op->n_operands > 2 ? op->operand[2] : IR_NONE;
    ir_attrs a = {0};
    ir_attr_set_word(t->r.scratch, &a, IR_ATTR_mode, IR_ENUM_norm,
                     IR_WORD(&op->attrs, mode, norm, NORM_LAYER));
    ir_attr_set_float(t->r.scratch, &a, IR_ATTR_eps, ir_attr_float(&op->attrs, IR_ATTR_eps, 1e-5));
    const char *w[2];
    size_t n = 0;
    if (gamma != IR_NONE) w[n++] = row_table(t, gamma, width);
    if (gamma == IR_NONE && beta != IR_NONE) w[n++] = row_of_ones(t, width);
    if (beta != IR_NONE) w[n++] = row_table(t, beta, width);
    if (n) ir_attr_set_strs(t->r.scratch, &a, IR_ATTR_weights, w, n);
    ir_val x = rewrite_get(&t->r, op->operand[0]);
    emit(t, IR_dig_norm, &x, 1, &a, op);
}

void route_rotate(router *t, const ir_op *op) {
    ir_attrs a = ir_attrs_copy(t->r.scratch, &op->attrs);
    ir_attr_set_str(t->r.scratch, &a, IR_ATTR_table, rope_table(t, op->operand[1], op->operand[2]));
    ir_val in[2] = {rewrite_get(&t->r, op->operand[0]),
                    op->n_operands > 3 ? rewrite_get(&t->r, op->operand[3]) : IR_NONE};
    emit(t, IR_dig_rope, in, op->n_operands > 3 && op->operand[3] != IR_NONE ? 2 : 1, &a, op);
}

// A quantisation moves into the digital operation that makes the row, when nobody else reads the
// row.
void route_quantise(router *t, const ir_op *op) {
    ir_attrs a = {0};
    ir_attr_set_word(t->r.scratch, &a, IR_ATTR_quant, IR_ENUM_quantisation,
                     IR_WORD(&op->attrs, mode, quantisation, QUANT_SYM));
    if (ir_attr_has(&op->attrs, IR_ATTR_scale)) {
        ir_attr_set_float(t->r.scratch, &a, IR_ATTR_scale,
                          ir_attr_float(&op->attrs, IR_ATTR_scale, 0));
        ir_attr_set_int(t->r.scratch, &a, IR_ATTR_zero, ir_attr_int(&op->attrs, IR_ATTR_zero, 0));
    }
    if (ir_attr_has(&op->attrs, IR_ATTR_bits))
        ir_attr_set_int(t->r.scratch, &a, IR_ATTR_bits, ir_attr_int(&op->attrs, IR_ATTR_bits, 8));
    ir_val x = rewrite_get(&t->r, op->operand[0]);
    ir_value *made = &t->r.f->values.items[x];
    const ir_op *maker = ir_def(t->r.f, x);
    if (op->n_operands > 1) { // the scale comes when the row has been made
        emit(t, IR_dig_copy, (ir_val[]){x, rewrite_get(&t->r, op->operand[1])}, 2, &a, op);
        return;
    }
    if (maker && t->uses[op->operand[0]] == 1 && ir_op_takes(maker->code, IR_ATTR_quant, NULL) &&
        made->type.type == ELEM_f32) {
        ir_op *into = &t->r.f->ops.items[made->op];
        for (uint32_t i = 0; i < a.count; i++) {
            if (a.items[i].kind == IR_STR)
                ir_attr_set_str(t->r.m->arena, &into->attrs, a.items[i].key, a.items[i].s);
            else if (a.items[i].kind == IR_INT)
                ir_attr_set_int(t->r.m->arena, &into->attrs, a.items[i].key, a.items[i].i);
            else
                ir_attr_set_float(t->r.m->arena, &into->attrs, a.items[i].key, a.items[i].f);
        }
        for (uint32_t k = 0; k < op->n_locs; k++) ir_op_add_loc(t->r.m->arena, into, op->loc[k]);
        made->type.type = ELEM_q8;
        t->r.map[op->result[0]] = x;
        return;
    }
    emit(t, IR_dig_copy, &x, 1, &a, op);
}

// A column permutation as a join of runs of neighbouring columns.
void route_permute(router *t, const ir_op *op) {
    size_t n;
    const int64_t *index = ir_attr_ints(&op->attrs, IR_ATTR_index, &n);
    ir_val x = rewrite_get(&t->r, op->operand[0]);
    ir_val *runs = ARENA_ARRAY(t->r.scratch, ir_val, n + 1);
    size_t count = 0;
    for (size_t i = 0, k; i < n; i = k) {
        for (k = i + 1; k < n && index[k] == index[k - 1] + 1;) k++;
        ir_attrs a = {0};
        ir_attr_set_int(t->r.scratch, &a, IR_ATTR_from, index[i]);
        ir_attr_set_int(t->r.scratch, &a, IR_ATTR_until, index[k - 1] + 1);
        ir_type type = *ir_type_of(t->r.of, op->result[0]);
        type.rank = 2;
        type.dim[1] = (int64_t)(k - i);
        runs[count++] = rewrite_add(&t->r, IR_row_cols, &x, 1, &a, &type, op);
    }
    if (count == 1)
        t->r.map[op->result[0]] = runs[0];
    else
        emit(t, IR_row_join, runs, count, NULL, op);
}

void route_softmax(router *t, const ir_op *op) {
    ir_attrs a = {0};
    ir_val x = operand(t, op);
    ir_attr_set_int(t->r.scratch, &a, IR_ATTR_segments, 1);
    if (op->code == IR_t_log_softmax) ir_attr_set_str(t->r.scratch, &a, IR_ATTR_mode, "log");
    emit(t, IR_dig_softmax, &x, 1, &a, op);
}

// Over all columns, which the pass before has put in order. Others would be rounded on the way.
void route_reduce(router *t, const ir_op *op) {
    const ir_type *of = ir_type_of(t->r.of, op->operand[0]);
    ir_type row = *ir_type_of(t->r.of, op->result[0]);
    int fn = ir_attr_word(&op->attrs, IR_ATTR_fn, IR_ENUM_reduction, -1);
    const char *does = fn == IR_REDUCE_SUM || fn == IR_REDUCE_L1    ? "sum"
                       : fn == IR_REDUCE_MEAN                       ? "mean"
                       : fn == IR_REDUCE_SUMSQ                      ? "sumsq"
                       : fn == IR_REDUCE_MAX || fn == IR_REDUCE_MIN ? "max"
                                                                    : NULL;
    if (!does || row.type != ELEM_f32) return refuse(t, op, "it has no digital form");
    ir_val x = operand(t, op);
    if (fn == IR_REDUCE_MIN) x = function1(t, x, "neg", of, op); // the largest of -x
    if (fn == IR_REDUCE_L1) x = function1(t, x, "abs", of, op);
    ir_attrs a = {0};
    ir_attr_set_str(t->r.scratch, &a, IR_ATTR_fn, does);
    ir_attr_set_int(t->r.scratch, &a, IR_ATTR_segments, 1);
    if (fn != IR_REDUCE_MIN) {
        emit(t, IR_dig_red, &x, 1, &a, op);
        return;
    }
    x = rewrite_add(&t->r, IR_dig_red, &x, 1, &a, &row, op);
    a = (ir_attrs){0};
    ir_attr_set_str(t->r.scratch, &a, IR_ATTR_fn, "neg");
    emit(t, IR_dig_ew1, &x, 1, &a, op);
}

// The first index of the largest, as i32.
void route_argmax(router *t, const ir_op *op) {
    const ir_type *of = ir_type_of(t->r.of, op->operand[0]);
    if (of->type != ELEM_f32 || ir_attr_int(&op->attrs, IR_ATTR_last, 0))
        return refuse(t, op, "units find the first of the largest real numbers");
    ir_val x = operand(t, op);
    if (op->code == IR_t_argmin) x = function1(t, x, "neg", of, op);
    ir_attrs a = {0};
    ir_attr_set_str(t->r.scratch, &a, IR_ATTR_fn, "argmax");
    ir_attr_set_int(t->r.scratch, &a, IR_ATTR_segments, 1);
    emit(t, IR_dig_red, &x, 1, &a, op);
}

void route_convert(router *t, const ir_op *op) {
    ir_val x = operand(t, op);
    emit(t, IR_dig_copy, &x, 1, NULL, op);
}

// Rows as they are; a number a row is a column where columns are asked for.
void route_view(router *t, const ir_op *op) {
    const bool columns = ir_type_of(t->r.of, op->result[0])->rank > 1;
    const ir_val x = operand(t, op);
    t->r.map[op->result[0]] = columns ? as_column(t, x, op) : x;
}

// The constant `old` as the table of a dense memory.
static ir_attrs table_of(router *t, ir_val old) {
    ir_attrs a = {0};
    ir_attr_set_str(t->r.scratch, &a, IR_ATTR_table, const_name(t, old));
    return a;
}

void route_embed(router *t, const ir_op *op) {
    const ir_attrs a = table_of(t, op->operand[1]);
    ir_val x = operand(t, op);
    emit(t, IR_mem_gather, &x, 1, &a, op);
}

void route_posrow(router *t, const ir_op *op) {
    const ir_attrs a = table_of(t, op->operand[0]);
    emit(t, IR_mem_posrow, NULL, 0, &a, op);
}

void route_keep(router *t, const ir_op *op) { rewrite_copy(&t->r, op); }

void route_linear(router *t, const ir_op *op) { refuse(t, op, "its weights are not constant"); }

void route_none(router *t, const ir_op *op) { refuse(t, op, "it has no digital form"); }

static const router_function functions[IR_OP_COUNT] = {
#define OP(unit, name, stages, n_min, n_max, results, attributes, class, kind, rows, home, rule, \
           lowering, emission, summary)                                                          \
    route_##lowering,
#include "ir/ops.def"
};

// ---- ports -----------------------------------------------------------------------------------

static void read_ports(router *t) {
    for (size_t i = 0; i < t->r.of->params.count; i++) {
        const ir_port *p = &t->r.of->params.items[i];
        if (t->uses[p->value] == 0) continue;
        ir_attrs a = {0};
        ir_attr_set_str(t->r.scratch, &a, IR_ATTR_port, p->name);
        ir_val v = rewrite_add(&t->r, IR_io_in, NULL, 0, &a, ir_type_of(t->r.of, p->value), NULL);
        ir_op_add_loc(t->r.m->arena, ir_last_op(t->r.f), p->name);
        t->r.map[p->value] = v;
    }
}

// One io.out for each piece of an output that lies on its own: columns of different crossbars never
// meet.
static void write_ports(router *t) {
    for (size_t i = 0; i < t->r.of->results.count; i++) {
        const ir_port *p = &t->r.of->results.items[i];
        ir_val v = rewrite_get(&t->r, p->value);
        const ir_op *made = ir_def(t->r.f, v);
        bool pieces = made && made->code == IR_row_join;
        size_t n = pieces ? made->n_operands : 1;
        ir_val *list = ARENA_ARRAY(t->r.scratch, ir_val, n);
        for (size_t k = 0; k < n; k++) list[k] = pieces ? made->operand[k] : v;
        int64_t at = 0;
        for (size_t k = 0; k < n; k++) {
            ir_attrs a = {0};
            ir_attr_set_str(t->r.scratch, &a, IR_ATTR_port, p->name);
            ir_attr_set_int(t->r.scratch, &a, IR_ATTR_col0, at);
            rewrite_add(&t->r, IR_io_out, &list[k], 1, &a, NULL, ir_def(t->r.f, list[k]));
            at += ir_type_width(ir_type_of(t->r.f, list[k]));
        }
    }
}

static bool route_func(const ir_module *old, const ir_func *f, ir_module *m, made_symbols *tables,
                       diag_sink *diags) {
    router t = {.r = rewrite_begin(old, f, m, diags), .tables = tables};
    t.uses = ir_count_uses(t.r.scratch, f);
    t.skip = ARENA_ARRAY(t.r.scratch, bool, f->ops.count + 1);
    find_gates(&t);
    read_ports(&t);
    for (size_t i = 0; i < f->ops.count; i++)
        if (!t.skip[i]) functions[f->ops.items[i].code](&t, &f->ops.items[i]);
    write_ports(&t);
    bool ok = rewrite_end(&t.r);
    for (size_t i = 0; i < t.r.f->results.count; i++)
        t.r.f->results.items[i].value = IR_NONE; // io.out writes it
    return ok;
}

ir_module *pass_route_digital(const ir_module *old, const pass_options *o, diag_sink *diags) {
    (void)o;
    ir_module *m = ir_module_derive(old);
    made_symbols tables = {map_new()};
    bool ok = true;
    for (size_t i = 0; i < old->funcs.count; i++)
        ok = route_func(old, old->funcs.items[i], m, &tables, diags) && ok;
    made_free(&tables);
    if (!ok) {
        ir_module_free(m);
        return NULL;
    }
    // constants that became tables, joins that ports took apart: nobody reads them any more
    ir_module *clean = pass_dce(m, o, diags);
    ir_module_free(m);
    return clean;
}
