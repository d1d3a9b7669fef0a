// The building blocks of operator functions; see import.h.
#include "frontend/importer.h"
#include "ir/infer/infer.h"
#include <stdarg.h>

bool onnx_missing(onnx_call *c, const char *fmt, ...) {
    if (c->why) return false;
    va_list ap;
    va_start(ap, fmt);
    c->why = arena_vprintf(c->imp->arena, fmt, ap);
    va_end(ap);
    return false;
}

void onnx_wants_size(onnx_call *c, ir_val v, int axis, int64_t size) {
    onnx_axis_size *wanted = c->imp->binding->wanted;
    if (!wanted || wanted->input || ir_type_of(c->f, v)->dim[axis] == size) return;
    for (size_t i = 0; i < c->f->params.count; i++)
        if (c->f->params.items[i].value == v)
            *wanted = (onnx_axis_size){
                onnx_input_named(c->imp->model, c->f->params.items[i].name)->name, axis, size};
}

void onnx_note(onnx_call *c, const char *sentence) {
    const char *note = arena_printf(c->arena, "%s: %s", c->label, sentence);
    enum { MANY = 64 };
    for (size_t i = 0; i < c->m->notes.count; i++)
        if (!strcmp(c->m->notes.items[i], note)) return; // of another binding
    if (c->m->notes.count >= MANY) return;
    vec_push(&c->m->notes, note);
}

bool onnx_size_ok(const ir_type *t) {
    const int64_t most = INT64_C(1) << 40;
    int64_t n = 1;
    for (int i = 0; i < t->rank; i++) {
        int64_t d = max_i64(t->dim[i], 1);
        if (t->dim[i] < 0 || d > most / n) return false;
        n *= d;
    }
    return true;
}

uint64_t onnx_size(const ir_type *t) {
    uint64_t n = 1;
    for (int i = 0; i < t->rank; i++) n *= (uint64_t)max_i64(t->dim[i], 1);
    return n;
}

bool onnx_spend(onnx_importer *imp, budget_kind k, uint64_t n) {
    if (!imp->is_spent && !budget_take(&imp->budget, k, n)) {
        imp->is_spent = true;
        imp->spent = k;
    }
    return !imp->is_spent;
}

bool onnx_take(onnx_call *c, budget_kind k, uint64_t n) {
    char text[BUDGET_TEXT];
    return onnx_spend(c->imp, k, n) ||
           onnx_missing(c, "%s", budget_spent(&c->imp->budget, c->imp->spent, text));
}

void *onnx_list(onnx_call *c, int64_t n, size_t bytes) {
    if (n < 0 || n > ONNX_MAX_LIST) {
        onnx_missing(c, "%lld elements are too many here", (long long)n);
        return NULL;
    }
    return onnx_take(c, BUDGET_constants, (uint64_t)n) ? arena_alloc(c->arena, (size_t)n * bytes)
                                                       : NULL;
}

bool onnx_elem(onnx_call *c, int64_t onnx_type, elem *e) {
    int t = onnx_type < 0 || onnx_type > INT16_MAX ? -1 : (int)onnx_type;
    return elem_from_onnx(t, e) || onnx_missing(c, "type %s is not supported", onnx_type_name(t));
}

bool onnx_make(onnx_call *c, elem e, int rank, const int64_t *dim, tensor *out) {
    ir_type t = ir_type_make(e, rank, dim);
    if (!onnx_size_ok(&t)) return onnx_missing(c, "it is too large");
    if (!onnx_take(c, BUDGET_constants, onnx_size(&t))) return false;
    *out = tensor_new(c->arena, e, rank, dim);
    return true;
}

bool onnx_set(onnx_call *c, size_t i, ir_val v) {
    if (i < c->n_out) c->out[i] = v;
    return v != IR_NONE;
}

ir_type onnx_type(const onnx_call *c, ir_val v) {
    return v == IR_NONE || onnx_is_sequence(v) ? (ir_type){0} : *ir_type_of(c->f, v);
}
int onnx_rank(const onnx_call *c, ir_val v) { return onnx_type(c, v).rank; }

bool onnx_axis(onnx_call *c, int64_t axis, int rank, int *out) {
    if (axis < -rank || axis >= rank)
        return onnx_missing(c, "axis %lld is outside a tensor of %d axes", (long long)axis, rank);
    *out = (int)(axis < 0 ? axis + rank : axis);
    return true;
}

bool onnx_axes(onnx_call *c, const int64_t *axes, size_t n, int rank, int64_t *out) {
    bool has[IR_MAX_RANK] = {false};
    for (size_t i = 0; i < n; i++) {
        int a = 0;
        if (!onnx_axis(c, axes[i], rank, &a)) return false;
        if (has[a]) return onnx_missing(c, "axis %d is given twice", a);
        has[a] = true;
    }
    for (int a = 0, k = 0; a < rank; a++)
        if (has[a]) out[k++] = a;
    return true;
}

const onnx_sequence *onnx_sequence_of(const onnx_call *c, ir_val v) {
    return &c->imp->sequences.items[v & ~ONNX_SEQUENCE_BIT];
}
ir_val onnx_sequence_new(onnx_call *c, const ir_val *items, size_t n) {
    if (!onnx_take(c, BUDGET_operations, n)) return IR_NONE;
    ir_val *copy = ARENA_ARRAY(c->imp->arena, ir_val, n + 1);
    if (n) memcpy(copy, items, n * sizeof *items);
    vec_push(&c->imp->sequences, (onnx_sequence){copy, n});
    return ONNX_SEQUENCE_BIT | (ir_val)(c->imp->sequences.count - 1);
}

// ---- operations
// ----------------------------------------------------------------------------------

static bool
refused(onnx_call *c) { // by the rules of the operation, which stand in the scratch sink
    size_t n = diag_count(c->imp->scratch);
    onnx_missing(c, "%s", n ? diag_get(c->imp->scratch, n - 1)->message : "it does not fit");
    diag_clear(c->imp->scratch);
    return false;
}

// Multiplications of a product: elements of the result by the length of the sums.
static uint64_t products(const onnx_call *c, const ir_op *op) {
    ir_type out = onnx_type(c, op->result[0]), in = onnx_type(c, op->operand[0]);
    int64_t length = 0, n;
    switch (op->code) {
    case IR_t_matmul:
    case IR_t_matmul_int:
    case IR_nn_linear: length = in.rank ? in.dim[in.rank - 1] : 0; break;
    case IR_nn_gaincell: length = in.dim[2]; break;
    case IR_t_conv: {
        ir_type w = onnx_type(c, op->operand[1]);
        length = w.dim[0] ? ir_type_width(&w) / w.dim[0] : 0;
        break;
    }
    default: break;
    }
    return mul_fits(ir_type_width(&out), length, &n) ? (uint64_t)n : UINT64_MAX;
}

static ir_val built(onnx_call *c, ir_val v) {
    if (v == IR_NONE) {
        refused(c);
        return IR_NONE;
    }
    onnx_const_note(c->imp);
    const ir_op *op = ir_last_op(c->f);
    bool constant = c->imp->consts.items[v].from_constants;
    for (uint32_t i = 0; i < op->n_results; i++) {
        const ir_type *t = ir_type_of(c->f, op->result[i]);
        if (!onnx_size_ok(t)) {
            onnx_missing(c, "its result is too large");
            v = IR_NONE;
        } else if (!onnx_take(c, constant ? BUDGET_constants : BUDGET_elements, onnx_size(t))) {
            v = IR_NONE;
        }
    }
    if (!onnx_take(c, BUDGET_products, products(c, op)) ||
        !onnx_take(c, BUDGET_text, strlen(c->label)))
        v = IR_NONE;
    ir_op_add_loc(c->arena, ir_last_op(c->f), c->label);
    return v;
}

static bool no_sequence(onnx_call *c, const ir_val *in, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (onnx_is_sequence(in[i])) return onnx_missing(c, "an input is a sequence");
    return true;
}

ir_val onnx_op(onnx_call *c, ir_opcode code, const ir_val *in, size_t n, const ir_attrs *attrs) {
    if (c->why || !no_sequence(c, in, n)) return IR_NONE;
    return built(c, ir_build(c->m, c->f, code, in, n, attrs, NULL, c->imp->scratch));
}

// What the verifier will ask of an operation whose type is given.
static bool follows_rules(onnx_call *c, ir_opcode code, const ir_val *in, size_t n,
                          const ir_attrs *attrs, const ir_type *types) {
    const ir_op op = {.code = code,
                      .n_operands = (uint32_t)n,
                      .operand = (ir_val *)in,
                      .attrs = attrs ? *attrs : (ir_attrs){0}};
    const ir_type *operand[4];
    ir_type out[1];
    CHECK(n <= ARRAY_LEN(operand) && ir_ops[code].results == 1, "%s", ir_ops[code].name);
    for (size_t i = 0; i < n; i++) operand[i] = ir_type_of(c->f, in[i]);
    ir_infer_ctx rules = {c->m, c->f, &op, operand, types, out, c->imp->scratch, DIAG_NOWHERE};
    return ir_infer(&rules);
}

ir_val onnx_op_typed(onnx_call *c, ir_opcode code, const ir_val *in, size_t n,
                     const ir_attrs *attrs, const ir_type *types) {
    if (c->why || !no_sequence(c, in, n)) return IR_NONE;
    for (size_t i = 0; i < n; i++)
        if (in[i] == IR_NONE) return IR_NONE;
    if (types->rank > IR_MAX_RANK || !onnx_size_ok(types)) {
        onnx_missing(c, "its result is too large");
        return IR_NONE;
    }
    if (!follows_rules(c, code, in, n, attrs, types)) {
        refused(c);
        return IR_NONE;
    }
    return built(c, ir_build_typed(c->m, c->f, code, in, n, attrs, types, NULL));
}

ir_val onnx_op1(onnx_call *c, ir_opcode code, ir_val a) {
    return a == IR_NONE ? IR_NONE : onnx_op(c, code, &a, 1, NULL);
}
ir_val onnx_op2(onnx_call *c, ir_opcode code, ir_val a, ir_val b) {
    if (a == IR_NONE || b == IR_NONE) return IR_NONE;
    return onnx_op(c, code, (ir_val[]){a, b}, 2, NULL);
}
ir_val onnx_result(const onnx_call *c, ir_val first, int i) {
    return first == IR_NONE ? IR_NONE : ir_def(c->f, first)->result[i];
}

// ---- constants
// -----------------------------------------------------------------------------------

ir_val onnx_ints_const(onnx_call *c, const int64_t *v, size_t n) {
    tensor t;
    if (!onnx_make(c, ELEM_i64, 1, (int64_t[]){(int64_t)n}, &t)) return IR_NONE;
    if (n) memcpy(t.data, v, n * sizeof *v);
    return onnx_tensor_const(c, NULL, t);
}

ir_val onnx_counting(onnx_call *c, int64_t first, int64_t n, int64_t step) {
    tensor t;
    int64_t last;
    if (!mul_fits(n, step, &last) || !add_fits(first, last, &last)) {
        onnx_missing(c, "its numbers are too large");
        return IR_NONE;
    }
    if (!onnx_make(c, ELEM_i64, 1, &n, &t)) return IR_NONE;
    for (int64_t i = 0; i < n; i++) ((int64_t *)t.data)[i] = first + i * step;
    return onnx_tensor_const(c, NULL, t);
}

ir_val onnx_scalar(onnx_call *c, elem e, double v) {
    tensor t = tensor_new(c->arena, e, 0, NULL);
    elem_store_f64(e, t.data, 0, v);
    return onnx_tensor_const(c, NULL, t);
}

ir_val onnx_fill(onnx_call *c, const ir_type *type, double v) {
    return onnx_broadcast(c, onnx_scalar(c, type->type, v), type->rank, type->dim);
}

// ---- common operations
// ---------------------------------------------------------------------------

ir_val onnx_cast(onnx_call *c, ir_val v, elem to) {
    if (v == IR_NONE || onnx_type(c, v).type == to) return v;
    ir_attrs attrs = {0};
    ir_attr_set_str(c->arena, &attrs, IR_ATTR_to, elem_name(to));
    return onnx_op(c, IR_t_cast, &v, 1, &attrs);
}

ir_val onnx_reshape(onnx_call *c, ir_val v, int rank, const int64_t *dim) {
    if (v == IR_NONE) return IR_NONE;
    ir_type from = onnx_type(c, v);
    if (rank > IR_MAX_RANK) {
        onnx_missing(c, "its result has more than %d axes", IR_MAX_RANK);
        return IR_NONE;
    }
    ir_type to = ir_type_make(from.type, rank, dim);
    if (ir_type_equal(&from, &to)) return v;
    size_t a = 0, b = 0;
    if (!onnx_size_ok(&to) || !tensor_checked_count(from.dim, from.rank, UINT64_C(1) << 40, &a) ||
        !tensor_checked_count(to.dim, rank, UINT64_C(1) << 40, &b) || a != b) {
        onnx_missing(c, "%s cannot be reshaped to %s", ir_type_text(c->imp->arena, &from),
                     ir_type_text(c->imp->arena, &to));
        return IR_NONE;
    }
    return onnx_op_typed(c, IR_t_reshape, &v, 1, NULL, &to);
}

ir_val onnx_transpose(onnx_call *c, ir_val v, const int64_t *perm) {
    if (v == IR_NONE) return IR_NONE;
    int rank = onnx_rank(c, v);
    bool identity = true;
    for (int i = 0; i < rank; i++) identity = identity && perm[i] == i;
    if (identity) return v;
    ir_attrs attrs = {0};
    ir_attr_set_ints(c->arena, &attrs, IR_ATTR_perm, perm, (size_t)rank);
    return onnx_op(c, IR_t_transpose, &v, 1, &attrs);
}

ir_val onnx_swap_last(onnx_call *c, ir_val v) {
    if (v == IR_NONE) return IR_NONE;
    int64_t perm[IR_MAX_RANK];
    int rank = onnx_rank(c, v);
    if (rank < 2) {
        onnx_missing(c, "a matrix is expected");
        return IR_NONE;
    }
    for (int i = 0; i < rank; i++) perm[i] = i;
    perm[rank - 1] = rank - 2;
    perm[rank - 2] = rank - 1;
    return onnx_transpose(c, v, perm);
}

ir_val onnx_broadcast(onnx_call *c, ir_val v, int rank, const int64_t *dim) {
    if (v == IR_NONE) return IR_NONE;
    ir_type from = onnx_type(c, v);
    ir_type to = ir_type_make(from.type, rank, dim);
    if (ir_type_equal(&from, &to)) return v;
    bool ok = from.rank <= rank;
    for (int i = 0; ok && i < from.rank; i++) {
        int64_t d = from.dim[from.rank - 1 - i];
        ok = d == 1 || d == dim[rank - 1 - i];
    }
    if (!ok) {
        onnx_missing(c, "%s cannot be broadcast to %s", ir_type_text(c->imp->arena, &from),
                     ir_type_text(c->imp->arena, &to));
        return IR_NONE;
    }
    return onnx_op_typed(c, IR_t_broadcast, &v, 1, NULL, &to);
}

ir_val onnx_slice1(onnx_call *c, ir_val v, int axis, int64_t from, int64_t count) {
    if (v == IR_NONE) return IR_NONE;
    ir_type t = onnx_type(c, v);
    if (axis >= t.rank || from < 0 || count < 0 || count > t.dim[axis] ||
        from > t.dim[axis] - count) {
        onnx_missing(c, "%lld elements from %lld of axis %d do not exist", (long long)count,
                     (long long)from, axis);
        return IR_NONE;
    }
    if (from == 0 && count == t.dim[axis]) return v;
    int64_t starts[IR_MAX_RANK] = {0}, steps[IR_MAX_RANK];
    for (int i = 0; i < t.rank; i++) steps[i] = 1;
    starts[axis] = from;
    t.dim[axis] = count;
    ir_attrs attrs = {0};
    ir_attr_set_ints(c->arena, &attrs, IR_ATTR_starts, starts, (size_t)t.rank);
    ir_attr_set_ints(c->arena, &attrs, IR_ATTR_steps, steps, (size_t)t.rank);
    return onnx_op_typed(c, IR_t_slice, &v, 1, &attrs, &t);
}

ir_val onnx_concat(onnx_call *c, const ir_val *v, size_t n, int axis) {
    for (size_t i = 0; i < n; i++)
        if (v[i] == IR_NONE) return IR_NONE;
    if (n == 1) return v[0];
    for (size_t i = 0; i < n; i++) {
        const ir_type *t = ir_type_of(c->f, v[i]), *next = ir_type_of(c->f, v[(i + 1) % n]);
        for (int k = 0; t->rank == next->rank && k < t->rank; k++)
            if (k != axis) onnx_wants_size(c, v[i], k, next->dim[k]);
    }
    ir_attrs attrs = {0};
    ir_attr_set_int(c->arena, &attrs, IR_ATTR_axis, axis);
    return onnx_op(c, IR_t_concat, v, n, &attrs);
}

ir_val onnx_unsqueeze(onnx_call *c, ir_val v, int axis) {
    ir_type t = onnx_type(c, v);
    int64_t dim[IR_MAX_RANK + 1];
    for (int i = 0, j = 0; i <= t.rank; i++) dim[i] = i == axis ? 1 : t.dim[j++];
    return onnx_reshape(c, v, t.rank + 1, dim);
}

ir_val onnx_gather(onnx_call *c, ir_val data, ir_val index, int axis) {
    if (data == IR_NONE || index == IR_NONE) return IR_NONE;
    ir_attrs attrs = {0};
    ir_attr_set_int(c->arena, &attrs, IR_ATTR_axis, axis);
    return onnx_op(c, IR_t_gather, (ir_val[]){data, index}, 2, &attrs);
}

ir_val onnx_reduce(onnx_call *c, ir_val v, const char *fn, const int64_t *axes, size_t n,
                   bool keepdims) {
    if (v == IR_NONE) return IR_NONE;
    ir_attrs attrs = {0};
    ir_attr_set_str(c->arena, &attrs, IR_ATTR_fn, fn);
    ir_attr_set_ints(c->arena, &attrs, IR_ATTR_axes, axes, n);
    ir_attr_set_int(c->arena, &attrs, IR_ATTR_keepdims, keepdims);
    return onnx_op(c, IR_t_reduce, &v, 1, &attrs);
}

ir_val onnx_softmax(onnx_call *c, ir_val v, int axis) {
    if (v == IR_NONE) return IR_NONE;
    ir_attrs attrs = {0};
    ir_attr_set_int(c->arena, &attrs, IR_ATTR_axis, axis);
    return onnx_op(c, IR_t_softmax, &v, 1, &attrs);
}

ir_val onnx_norm(onnx_call *c, ir_val v, ir_val gamma, ir_val beta, const char *mode, double eps,
                 int axis) {
    if (v == IR_NONE) return IR_NONE;
    ir_attrs attrs = {0};
    ir_attr_set_str(c->arena, &attrs, IR_ATTR_mode, mode);
    ir_attr_set_float(c->arena, &attrs, IR_ATTR_eps, eps);
    if (axis != onnx_rank(c, v) - 1) ir_attr_set_int(c->arena, &attrs, IR_ATTR_axis, axis);
    ir_val in[] = {v, gamma, beta};
    return onnx_op(c, IR_nn_norm, in, beta != IR_NONE ? 3 : gamma != IR_NONE ? 2 : 1, &attrs);
}

ir_val onnx_scale(onnx_call *c, ir_val v, double factor) {
    if (v == IR_NONE || factor == 1) return v;
    return onnx_op2(c, IR_t_mul, v, onnx_scalar(c, onnx_type(c, v).type, factor));
}
ir_val onnx_add_scalar(onnx_call *c, ir_val v, double term) {
    if (v == IR_NONE) return v;
    return onnx_op2(c, IR_t_add, v, onnx_scalar(c, onnx_type(c, v).type, term));
}

ir_val onnx_select(onnx_call *c, ir_val cond, ir_val a, ir_val b) {
    if (cond == IR_NONE || a == IR_NONE || b == IR_NONE) return IR_NONE;
    return onnx_op(c, IR_t_select, (ir_val[]){cond, a, b}, 3, NULL);
}
