// Short forms for testing evaluators: tensors from text, one operation at a time, modules for
// steps.
#ifndef OHMIC_TESTS_IR_INTERP_HELP_H
#define OHMIC_TESTS_IR_INTERP_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ir/eval/interp.h"
#include "tests/random.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    ir_module *m;
    arena *a; // the module's
    diag_sink *diags;
    ir_attrs attrs; // of the next operation
    int threads;
} help;

static inline int help_setup(void **state) {
    help *h = calloc(1, sizeof *h);
    h->m = ir_module_new();
    h->a = h->m->arena;
    h->diags = diag_sink_new();
    h->threads = 2;
    *state = h;
    return 0;
}
static inline int help_teardown(void **state) {
    help *h = *state;
    ir_module_free(h->m);
    diag_sink_free(h->diags);
    free(h);
    return 0;
}
#define TEST(f) cmocka_unit_test_setup_teardown(f, help_setup, help_teardown)

// Numbers separated by spaces; n gets their count.
static inline int64_t *help_ints(arena *a, const char *text, size_t *n) {
    int64_t *v = ARENA_ARRAY(a, int64_t, strlen(text) + 1);
    char *end;
    for (*n = 0;; (*n)++, text = end) {
        int64_t x = strtoll(text, &end, 10);
        if (end == text) return v;
        v[*n] = x;
    }
}

// Tensor of a type, shape ("2 3") and values ("1 2 3 4 5 6"); values NULL: zeros.
static inline tensor tn(help *h, elem e, const char *shape, const char *values) {
    size_t rank, n = 0;
    int64_t *dim = help_ints(h->a, shape, &rank);
    tensor t = tensor_new(h->a, e, (int)rank, dim);
    for (char *end; values; values = end, n++) {
        double f = strtod(values, &end);
        if (end == values) break;
        assert_true(n < tensor_count(&t));
        if (elem_is_float(e)) {
            elem_store_f64(e, t.data, n, f);
        } else {
            long long i =
                e == ELEM_u64 ? (long long)strtoull(values, &end, 10) : strtoll(values, &end, 10);
            elem_store_i64(e, t.data, n, i);
        }
    }
    if (values) assert_int_equal(n, tensor_count(&t));
    return t;
}

static inline void set_int(help *h, ir_key k, int64_t v) { ir_attr_set_int(h->a, &h->attrs, k, v); }
static inline void set_float(help *h, ir_key k, double v) {
    ir_attr_set_float(h->a, &h->attrs, k, v);
}
static inline void set_str(help *h, ir_key k, const char *v) {
    ir_attr_set_str(h->a, &h->attrs, k, v);
}
static inline void set_ints(help *h, ir_key k, const char *list) {
    size_t n;
    int64_t *v = help_ints(h->a, list, &n);
    ir_attr_set_ints(h->a, &h->attrs, k, v, n);
}

enum { HELP_MAX_IN = 5, HELP_MAX_OUT = 3 };

// Evaluates one operation on plain tensors (an operand with rank -1 is absent); out: type and
// shape.
static inline bool evaluate(help *h, ir_opcode code, const tensor *in, size_t n_in, tensor *out,
                            size_t n_out) {
    ir_op op = {.code = code, .n_operands = (uint32_t)n_in, .n_results = (uint32_t)n_out};
    op.attrs = h->attrs;
    h->attrs = (ir_attrs){0};
    const tensor *operands[HELP_MAX_IN];
    for (size_t i = 0; i < n_in; i++) operands[i] = in[i].rank < 0 ? NULL : &in[i];
    ir_eval_ctx c = {.module = h->m, .arena = h->a, .threads = h->threads, .diags = h->diags};
    return ir_eval_op(&c, &op, operands, out);
}

static inline void print_tensor(const char *what, const tensor *t) {
    printf("%s:", what);
    for (size_t i = 0; i < tensor_count(t) && i < 64; i++)
        printf(" %.9g", elem_load_f64(t->type, t->data, i));
    printf("\n");
}

static inline bool same_numbers(const tensor *a, const tensor *b) {
    if (a->type != b->type || !tensor_same_shape(a, b)) return false;
    for (size_t i = 0; i < tensor_count(a); i++) {
        double x = elem_load_f64(a->type, a->data, i), y = elem_load_f64(b->type, b->data, i);
        bool exact = elem_is_float(a->type) ||
                     elem_load_i64(a->type, a->data, i) == elem_load_i64(b->type, b->data, i);
        if (!exact || !(x == y || (x != x && y != y))) return false;
    }
    return true;
}

static inline void assert_numbers(tensor found, tensor want) {
    if (same_numbers(&found, &want)) return;
    print_tensor("found", &found);
    print_tensor("expected", &want);
    fail_msg("another result");
}

// The operation gives exactly `want` (NaN equals NaN).
#define GIVES(h, code, want, ...)                           \
    gives(h, __LINE__, code, want, (tensor[]){__VA_ARGS__}, \
          sizeof((tensor[]){__VA_ARGS__}) / sizeof(tensor))
static inline void gives(help *h, int line, ir_opcode code, tensor want, const tensor *in,
                         size_t n) {
    tensor out = tensor_new(h->a, want.type, want.rank, want.dim);
    size_t before = diag_count(h->diags);
    if (!evaluate(h, code, in, n, &out, 1)) {
        diag_print(h->diags, before, stdout, false);
        fail_msg("line %d: '%s' failed", line, ir_ops[code].name);
    }
    if (!same_numbers(&out, &want)) {
        print_tensor("found", &out);
        print_tensor("expected", &want);
        fail_msg("line %d: '%s' gives another result", line, ir_ops[code].name);
    }
}

// The operation is refused with that diagnostic.
#define REFUSES(h, code, id, out, ...)                           \
    refuses(h, __LINE__, code, id, out, (tensor[]){__VA_ARGS__}, \
            sizeof((tensor[]){__VA_ARGS__}) / sizeof(tensor))
static inline void refuses(help *h, int line, ir_opcode code, diag_id id, tensor out,
                           const tensor *in, size_t n) {
    size_t before = diag_count(h->diags);
    if (evaluate(h, code, in, n, &out, 1))
        fail_msg("line %d: '%s' was accepted", line, ir_ops[code].name);
    assert_int_equal(diag_count(h->diags), before + 1);
    assert_string_equal(diag_id_name(diag_get(h->diags, before)->id), diag_id_name(id));
}

#define ABSENT ((tensor){.rank = -1})
#define F32(shape, values) tn(h, ELEM_f32, shape, values)
#define F64(shape, values) tn(h, ELEM_f64, shape, values)
#define F16(shape, values) tn(h, ELEM_f16, shape, values)
#define BF16(shape, values) tn(h, ELEM_bf16, shape, values)
#define I64(shape, values) tn(h, ELEM_i64, shape, values)
#define I32(shape, values) tn(h, ELEM_i32, shape, values)
#define I8(shape, values) tn(h, ELEM_i8, shape, values)
#define U8(shape, values) tn(h, ELEM_u8, shape, values)
#define U64(shape, values) tn(h, ELEM_u64, shape, values)
#define BOOL(shape, values) tn(h, ELEM_bool, shape, values)

// ---- seeded numbers ----------------------------------------------------------------------------

// Floats in [-2, 2); integers in [-100, 100).
static inline tensor tn_random(help *h, elem e, int rank, const int64_t *dim, uint64_t seed) {
    tensor t = tensor_new(h->a, e, rank, dim);
    random_stream r = random_test(seed);
    for (size_t i = 0; i < tensor_count(&t); i++)
        elem_store_f64(e, t.data, i,
                       elem_is_float(e) ? random_f64(&r) * 4 - 2 : (double)random_in(&r, -100, 99));
    return t;
}
#define DIMS(...) \
    (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (int64_t[]) { __VA_ARGS__ }

// ---- modules with token domains
// ------------------------------------------------------------------

static inline void domain_free(help *h, int i, int64_t max) {
    h->m->domain[i] = (ir_domain){.used = true, .kind = IR_DOMAIN_FREE, .max = max};
}
static inline void domain_derived(help *h, int i, ir_domain_kind kind, int of, int64_t mul,
                                  int64_t add, int64_t div) {
    h->m->domain[i] =
        (ir_domain){.used = true, .kind = kind, .of = of, .mul = mul, .add = add, .div = div};
}
static inline ir_type rows_type(elem e, int domain, int64_t width) {
    return ir_type_make(e, width ? 2 : 1, (int64_t[]){IR_DIM_DOMAIN(domain), width});
}
// Appends an operation with the pending attributes; returns its first result (IR_NONE: none).
static inline ir_val add_op(help *h, ir_func *f, ir_opcode code, const ir_val *in, size_t n,
                            ir_type type) {
    ir_val v = ir_build_typed(h->m, f, code, in, n, &h->attrs, &type, NULL);
    h->attrs = (ir_attrs){0};
    return v;
}
#define VALS(...) (ir_val[]){__VA_ARGS__}, sizeof((ir_val[]){__VA_ARGS__}) / sizeof(ir_val)

static inline void must(help *h, bool ok) {
    if (ok) return;
    diag_print(h->diags, 0, stdout, false);
    fail_msg("a step failed");
}
static inline ir_interp *interp_of(help *h, const ir_func *f) {
    ir_interp *t = ir_interp_new(h->m, f, h->threads, h->diags);
    must(h, t != NULL);
    return t;
}
// Rows [from, from+n) of a tensor.
static inline tensor rows_part(const tensor *t, int64_t from, int64_t n) {
    tensor r = *t;
    size_t row = elem_bytes(t->type);
    for (int i = 1; i < t->rank; i++) row *= (size_t)t->dim[i];
    r.dim[0] = n;
    r.data = (char *)t->data + (size_t)from * row;
    return r;
}

#endif
