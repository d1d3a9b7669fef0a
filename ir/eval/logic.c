// Comparisons, logic, selection, clipping, remainders and casts: the elementwise operations that
// are no function of fn.def.
#include "ir/eval/eval.h"
#include "support/parallel.h"
#include <math.h>
#include <string.h>

// ---- comparisons -----------------------------------------------------------------------------
// The first operand's type decides what is compared: integers exactly, u64 as unsigned.

#define COMPARE(name, type, suffix, test)                                                         \
    static void name##_##suffix(void *dst, const void *const *src, size_t n, const void *param) { \
        uint8_t *y = dst;                                                                         \
        const type *a = src[0], *b = src[1];                                                      \
        for (size_t i = 0; i < n; i++) y[i] = a[i] test b[i];                                     \
    }
#define COMPARISON(name, test)                                                                     \
    COMPARE(name, double, f64, test)                                                               \
    COMPARE(name, int64_t, i64, test)                                                              \
    COMPARE(name, uint64_t, u64, test)                                                             \
    bool ir_eval_t_##name(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) { \
        elem wide = elem_is_float(in[0]->type) || elem_is_float(in[1]->type) ? ELEM_f64            \
                    : eval_is_unsigned(in[0]->type)                          ? ELEM_u64            \
                                                                             : ELEM_i64;                                    \
        eval_ew_fn fn = wide == ELEM_f64   ? name##_f64                                            \
                        : wide == ELEM_u64 ? name##_u64                                            \
                                           : name##_i64;                                           \
        return eval_ew_run(c, op,                                                                  \
                           &(eval_ew){.fn = fn, .n_in = 2, .in = {wide, wide}, .out = ELEM_bool},  \
                           in, out);                                                               \
    }
COMPARISON(eq, ==)
COMPARISON(lt, <)
COMPARISON(le, <=)
COMPARISON(gt, >)
COMPARISON(ge, >=)

// ---- logic: on bools and, bitwise, on integers -------------------------------------------------

#define LOGIC(name, operator)                                                                      \
    static void name##_i64(void *dst, const void *const *src, size_t n, const void *param) {       \
        int64_t *y = dst;                                                                          \
        const int64_t *a = src[0], *b = src[1];                                                    \
        for (size_t i = 0; i < n; i++) y[i] = a[i] operator b[i];                                  \
    }                                                                                              \
    bool ir_eval_t_##name(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) { \
        eval_ew k = {.fn = name##_i64, .n_in = 2, .in = {ELEM_i64, ELEM_i64}, .out = ELEM_i64};    \
        return eval_ew_run(c, op, &k, in, out);                                                    \
    }
LOGIC(and, &)
LOGIC(or, |)
LOGIC(xor, ^)

static void not_i64(void *dst, const void *const *src, size_t n, const void *param) {
    int64_t *y = dst;
    const int64_t *a = src[0];
    for (size_t i = 0; i < n; i++) y[i] = ~a[i];
}
static void not_bool(void *dst, const void *const *src, size_t n, const void *param) {
    uint8_t *y = dst;
    const uint8_t *a = src[0];
    for (size_t i = 0; i < n; i++) y[i] = !a[i];
}
bool ir_eval_t_not(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    bool logical = in[0]->type == ELEM_bool;
    elem e = logical ? ELEM_bool : ELEM_i64;
    eval_ew k = {.fn = logical ? not_bool : not_i64, .n_in = 1, .in = {e}, .out = e};
    return eval_ew_run(c, op, &k, in, out);
}

// ---- classification --------------------------------------------------------------------------

static void isnan_f64(void *dst, const void *const *src, size_t n, const void *param) {
    uint8_t *y = dst;
    const double *a = src[0];
    for (size_t i = 0; i < n; i++) y[i] = a[i] != a[i];
}
bool ir_eval_t_isnan(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    eval_ew k = {.fn = isnan_f64, .n_in = 1, .in = {ELEM_f64}, .out = ELEM_bool};
    return eval_ew_run(c, op, &k, in, out);
}

typedef struct {
    bool positive, negative;
} infinities;
static void isinf_f64(void *dst, const void *const *src, size_t n, const void *param) {
    const infinities *want = param;
    uint8_t *y = dst;
    const double *a = src[0];
    for (size_t i = 0; i < n; i++)
        y[i] = (want->positive && a[i] == INFINITY) || (want->negative && a[i] == -INFINITY);
}
bool ir_eval_t_isinf(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    ir_infinity which = IR_WORD(&op->attrs, mode, infinity, INF_BOTH);
    infinities want = {which != IR_INF_NEG, which != IR_INF_POS};
    eval_ew k = {.fn = isinf_f64, .n_in = 1, .in = {ELEM_f64}, .out = ELEM_bool, .param = &want};
    return eval_ew_run(c, op, &k, in, out);
}

// ---- select, clip, mod, cast -------------------------------------------------------------------

#define SELECT(type, suffix)                                                                      \
    static void select_##suffix(void *dst, const void *const *src, size_t n, const void *param) { \
        type *y = dst;                                                                            \
        const uint8_t *which = src[0];                                                            \
        const type *a = src[1], *b = src[2];                                                      \
        for (size_t i = 0; i < n; i++) y[i] = which[i] ? a[i] : b[i];                             \
    }
SELECT(float, f32)
SELECT(double, f64)
SELECT(int64_t, i64)
bool ir_eval_t_select(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    elem wide = eval_wide(out->type);
    eval_ew_fn fn = wide == ELEM_f32 ? select_f32 : wide == ELEM_f64 ? select_f64 : select_i64;
    eval_ew k = {.fn = fn, .n_in = 3, .in = {ELEM_bool, wide, wide}, .out = wide};
    return eval_ew_run(c, op, &k, in, out);
}

typedef struct {
    double lo, hi;
    int64_t lo_i64, hi_i64;
} bounds;
static void clip_f64(void *dst, const void *const *src, size_t n, const void *param) {
    const bounds *b = param;
    double *y = dst;
    const double *a = src[0];
    for (size_t i = 0; i < n; i++) {
        double v = a[i] < b->lo ? b->lo : a[i]; // NaN stays
        y[i] = v > b->hi ? b->hi : v;
    }
}
static void clip_i64(void *dst, const void *const *src, size_t n, const void *param) {
    const bounds *b = param;
    int64_t *y = dst;
    const int64_t *a = src[0];
    for (size_t i = 0; i < n; i++) y[i] = min_i64(max_i64(a[i], b->lo_i64), b->hi_i64);
}
bool ir_eval_t_clip(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    bounds b = {.lo = ir_attr_float(&op->attrs, IR_ATTR_lo, -INFINITY),
                .hi = ir_attr_float(&op->attrs, IR_ATTR_hi, INFINITY)};
    b.lo_i64 = elem_load_i64(ELEM_f64, &b.lo, 0); // infinities saturate
    b.hi_i64 = elem_load_i64(ELEM_f64, &b.hi, 0);
    if (eval_wide(in[0]->type) == ELEM_f32) { // bounds are numbers of the operand's type
        b.lo = (float)b.lo;
        b.hi = (float)b.hi;
    }
    bool integers = eval_wide(in[0]->type) == ELEM_i64;
    elem e = integers ? ELEM_i64 : ELEM_f64;
    eval_ew k = {.fn = integers ? clip_i64 : clip_f64, .n_in = 1, .in = {e}, .out = e, .param = &b};
    return eval_ew_run(c, op, &k, in, out);
}

typedef struct {
    bool fmod, is_unsigned;
} mod_param;
static void mod_f64(void *dst, const void *const *src, size_t n, const void *param) {
    const mod_param *p = param;
    double *y = dst;
    const double *a = src[0], *b = src[1];
    for (size_t i = 0; i < n; i++) { // fmod is exact
        double r = fmod(a[i], b[i]);
        if (!p->fmod && r != 0 && (r < 0) != (b[i] < 0)) r += b[i];
        y[i] = r;
    }
}
static void mod_i64(void *dst, const void *const *src, size_t n, const void *param) {
    const mod_param *p = param;
    int64_t *y = dst;
    const int64_t *a = src[0], *b = src[1];
    for (size_t i = 0; i < n; i++) {
        if (p->is_unsigned) {
            y[i] = (int64_t)((uint64_t)a[i] % (uint64_t)b[i]);
            continue;
        }
        int64_t r = b[i] == -1 ? 0 : a[i] % b[i];
        if (!p->fmod && r != 0 && (r < 0) != (b[i] < 0)) r += b[i];
        y[i] = r;
    }
}
bool ir_eval_t_mod(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    bool integers = eval_wide(out->type) == ELEM_i64;
    mod_param p = {.fmod = ir_attr_int(&op->attrs, IR_ATTR_fmod, 0) != 0,
                   .is_unsigned = eval_is_unsigned(out->type)};
    if (integers && tensor_count(out) > 0) {
        for (size_t i = 0, n = tensor_count(in[1]); i < n; i++)
            if (elem_load_i64(in[1]->type, in[1]->data, i) == 0)
                return eval_fail(c, op, DIAG_ID_eval_operand, "integer remainder by zero");
    }
    elem e = integers ? ELEM_i64 : ELEM_f64;
    eval_ew k = {
        .fn = integers ? mod_i64 : mod_f64, .n_in = 2, .in = {e, e}, .out = e, .param = &p};
    return eval_ew_run(c, op, &k, in, out);
}

typedef struct {
    const tensor *from;
    tensor *to;
} cast_job;
static void cast_range(void *ctx, size_t begin, size_t end) {
    const cast_job *j = ctx;
    elem_convert(j->to->type, (char *)j->to->data + begin * elem_bytes(j->to->type), j->from->type,
                 (const char *)j->from->data + begin * elem_bytes(j->from->type), end - begin);
}
bool ir_eval_t_cast(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    if (tensor_count(in[0]) != tensor_count(out))
        return eval_fail(c, op, DIAG_ID_eval_operand, "operand and result differ in size");
    parallel_for(c->threads, tensor_count(out), 1 << 15, cast_range, &(cast_job){in[0], out});
    return true;
}
