// quantize: which rows and weights become integers, and with what scale.
//
// Weights: the cells' bits per output column (docs/numerics.md). Activations: every row gets a
// scale of its own (sym); where tiles make a row together, tile-weights lets them find its largest
// element first. With --static-scales, or on a chip whose tiles cannot (digital.row_scales), rows
// that some tiling spreads over tiles (attention output, what elementwise functions make of a
// product: FFN hidden) get a static, calibrated scale instead. Which rows these are follows from
// the graph alone, never from the tiling, so that tile-weights is exact afterwards. Products that a
// model already brings quantised stay as they are. On a chip of real numbers (crossbar.weight_bits
// = 0) nothing changes.
#include "ir/eval/interp.h"
#include "passes/pass.h"
#include "passes/precision/calibrate.h"
#include "passes/rewrite/rewrite.h"
#include "support/num/num.h"
#include "support/num/simd.h"
#include "support/parallel.h"
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

// ---- weights ---------------------------------------------------------------------------------

enum { STRIP = 256 }; // columns handled together: rows of them are a kilobyte

typedef struct {
    const float *w; // [K][N], or [N][K] when trans
    bool trans;
    size_t k, n;
    int8_t *codes; // [K][N]
    float *scale;  // [N]
    float top;     // largest code: 127 of 8 bits
} weight_job;

#define INLINE static inline __attribute__((always_inline)) // into every path

INLINE int32_t bits_of(float x) {
    int32_t i;
    memcpy(&i, &x, sizeof i);
    return i;
}

// Nearest integer of x / scale, ties to even, at most top: adding 1.5 * 2^23 leaves no room for a
// fraction, and the integer in the low bits. Loops over it are vectors.
INLINE int8_t code_of(float x, float scale, float top) {
    float q = x / scale;
    q = q < top ? q : top;
    q = q > -top ? q : -top;
    return (int8_t)(bits_of(q + 0x1.8p23f) - bits_of(0x1.8p23f));
}

INLINE void codes_of(int8_t *restrict codes, const float *restrict w, const float *restrict scale,
                     size_t n, float top) {
    for (size_t i = 0; i < n; i++) codes[i] = code_of(w[i], scale[i], top);
}

INLINE float larger(float a, float b) { return a > b ? a : b; }

// Columns n0 .. n0 + n of a row-major matrix.
INLINE void quantize_strip(const weight_job *j, size_t n0, size_t n) {
    float most[STRIP] = {0}, scale[STRIP];
    for (size_t k = 0; k < j->k; k++)
        for (size_t i = 0; i < n; i++) most[i] = larger(fabsf(j->w[k * j->n + n0 + i]), most[i]);
    for (size_t i = 0; i < n; i++) {
        j->scale[n0 + i] = most[i] / j->top;
        scale[i] = j->scale[n0 + i] > 0 ? j->scale[n0 + i] : 1; // a column of zeros: codes 0
    }
    for (size_t k = 0; k < j->k; k++)
        codes_of(j->codes + k * j->n + n0, j->w + k * j->n + n0, scale, n, j->top);
}

// The same where a column is a row of memory: codes are turned block by block.
INLINE void quantize_strip_trans(const weight_job *j, size_t n0, size_t n) {
    int8_t block[STRIP][STRIP];
    float scale[STRIP];
    for (size_t i = 0; i < n; i++) {
        const float *w = j->w + (n0 + i) * j->k;
        float most = 0;
        for (size_t k = 0; k < j->k; k++) most = larger(fabsf(w[k]), most);
        j->scale[n0 + i] = most / j->top;
        scale[i] = j->scale[n0 + i] > 0 ? j->scale[n0 + i] : 1;
    }
    for (size_t k0 = 0; k0 < j->k; k0 += STRIP) {
        size_t rows = j->k - k0 < STRIP ? j->k - k0 : STRIP;
        for (size_t i = 0; i < n; i++)
            for (size_t k = 0; k < rows; k++)
                block[i][k] = code_of(j->w[(n0 + i) * j->k + k0 + k], scale[i], j->top);
        for (size_t k = 0; k < rows; k++)
            for (size_t i = 0; i < n; i++) j->codes[(k0 + k) * j->n + n0 + i] = block[i][k];
    }
}

#define PATH(path, target)                                                    \
    target static void quantize_##path(void *ctx, size_t begin, size_t end) { \
        const weight_job *j = ctx;                                            \
        for (size_t n0 = begin; n0 < end; n0 += STRIP) {                      \
            size_t n = n0 + STRIP < end ? STRIP : end - n0;                   \
            if (j->trans)                                                     \
                quantize_strip_trans(j, n0, n);                               \
            else                                                              \
                quantize_strip(j, n0, n);                                     \
        }                                                                     \
    }
PATH(portable, )
#if defined(__x86_64__)
PATH(avx2, SIMD_TARGET_AVX2)
PATH(avx512, SIMD_TARGET_AVX512)
#endif

static void quantize_columns(void *ctx, size_t begin, size_t end) {
#if defined(__x86_64__)
    (simd_has(SIMD_AVX512) ? quantize_avx512
     : simd_has(SIMD_AVX2) ? quantize_avx2
                           : quantize_portable)(ctx, begin, end);
#else
    quantize_portable(ctx, begin, end);
#endif
}

// Symbols "<name>.q" (codes) and "<name>.s" (scales) of a weight; made once for each weight and
// orientation.
typedef struct {
    const char *codes, *scale;
} quantized;

typedef struct {
    const char *key;
    quantized q;
} weight_entry;
typedef VEC(weight_entry) weight_cache;

// A code says nothing of infinity or of what is no number. False: reported.
static bool are_finite(const float *w, const tensor *shape, const char *name, const ir_op *op,
                       diag_sink *diags) {
    const int64_t n = (int64_t)tensor_count(shape), columns = shape->dim[1];
    uint32_t bad = 0; // exponents of ones: the loop is a vector
    for (int64_t i = 0; i < n; i++) bad |= !(fabsf(w[i]) <= FLT_MAX);
    if (!bad) return true;
    int64_t i = 0;
    while (fabsf(w[i]) <= FLT_MAX) i++;
    diag_emit(diags, DIAG_ID_not_finite, DIAG_AT(NULL, op->n_locs ? op->loc[0] : "(no node)"),
              "weight '%s' holds %g at [%" PRId64 ",%" PRId64
              "], which no code stands for (a chip of real numbers keeps it)",
              name, (double)w[i], i / columns, i % columns);
    return false;
}

static quantized weight_symbols(rewrite *r, weight_cache *cache, const char *name, const tensor *w,
                                bool trans, const pass_options *o, const ir_op *op,
                                diag_sink *diags) {
    arena *a = r->m->arena;
    const char *key = arena_printf(r->scratch, "%s%s", name, trans ? "^T" : "");
    for (size_t i = 0; i < cache->count; i++)
        if (strcmp(cache->items[i].key, key) == 0) return cache->items[i].q;
    size_t k = (size_t)w->dim[trans ? 1 : 0], n = (size_t)w->dim[trans ? 0 : 1];
    tensor codes = tensor_new(a, ELEM_i8, 2, (int64_t[]){(int64_t)k, (int64_t)n});
    tensor scale = tensor_new(a, ELEM_f32, 1, (int64_t[]){(int64_t)n});
    const float *data = w->data;
    arena *scratch = arena_new(); // copies of all weights at once would be the whole model
    if ((uintptr_t)data % sizeof(float) != 0 ||
        w->type != ELEM_f32) { // aliased from a file, or another type
        tensor copy = tensor_cast(scratch, w, ELEM_f32);
        data = copy.data;
    }
    r->failed |= !are_finite(data, w, name, op, diags);
    const float top = (float)((1 << (o->machine->crossbar.weight_bits - 1)) - 1);
    weight_job job = {data, trans, k, n, codes.data, scale.data, top};
    parallel_for(o->threads, n, STRIP, quantize_columns, &job);
    arena_free(scratch);
    quantized q = {
        ir_symbol_add_tensor(r->m, arena_printf(r->scratch, "%s.q", name), codes)->name,
        ir_symbol_add_tensor(r->m, arena_printf(r->scratch, "%s.s", name), scale)->name,
    };
    vec_push(cache, (weight_entry){key, q});
    return q;
}

// ---- activations -----------------------------------------------------------------------------

// True when some tiling spreads rows of v over tiles: see the head of this file.
static bool is_spread(const ir_module *m, const ir_func *f, ir_val v) {
    for (;;) {
        const ir_op *op = ir_def(f, v);
        if (!op) return false;
        if (ir_is_elementwise(op->code) && op->n_operands == 1) return true;
        switch (op->code) {
        case IR_row_cols:
        case IR_row_join:
        case IR_row_permute:
        case IR_row_repeat: v = op->operand[0]; continue;
        case IR_nn_attn:
        case IR_t_silu_mul:
        case IR_t_gelu_mul:
        case IR_t_gelu_tanh_mul: return true;
        case IR_t_mul: // a gate; scaling by a constant leaves things as they were
            if (ir_const_of(m, f, op->operand[1])) {
                v = op->operand[0];
                continue;
            }
            if (ir_const_of(m, f, op->operand[0])) {
                v = op->operand[1];
                continue;
            }
            return true;
        default: return false;
        }
    }
}

// fixed: rows whose scale is static, by their range. bits: of the codes.
static ir_val quantized_row(rewrite *r, ir_val *cache, const bool *fixed, const float *range,
                            int64_t bits, ir_val old, const ir_op *user) {
    if (cache[old] != IR_NONE) return cache[old];
    ir_val x = rewrite_get(r, old);
    ir_type t = *ir_type_of(r->f, x);
    if (t.type == ELEM_q8) return cache[old] = x;
    t.type = ELEM_q8;
    ir_attrs attrs = {0};
    if (fixed[old]) {
        ir_attr_set_word(r->scratch, &attrs, IR_ATTR_mode, IR_ENUM_quantisation, IR_QUANT_STATIC);
        const float most = range[old], top = (float)((1 << (bits - 1)) - 1);
        ir_attr_set_float(r->scratch, &attrs, IR_ATTR_scale, (most > 0 ? most : 1.0f) / top);
        ir_attr_set_int(r->scratch, &attrs, IR_ATTR_zero, 0);
    } else {
        ir_attr_set_word(r->scratch, &attrs, IR_ATTR_mode, IR_ENUM_quantisation, IR_QUANT_SYM);
    }
    if (bits < 8) ir_attr_set_int(r->scratch, &attrs, IR_ATTR_bits, bits);
    return cache[old] = rewrite_add(r, IR_nn_quant, &x, 1, &attrs, &t, user);
}

static bool takes_part(const ir_module *m, const ir_func *f, const ir_op *op) {
    if (op->code != IR_nn_linear || ir_attr_has(&op->attrs, IR_ATTR_wscale)) return false;
    const tensor *w = ir_const_of(m, f, op->operand[1]);
    return w && w->rank == 2 && elem_is_float(w->type);
}

// Codes that a model brings stand on the chip's cells, and those of its rows on its converters.
// False: reported.
static bool codes_fit(const ir_module *m, const ir_func *f, const ir_op *op, const machine *chip,
                      diag_sink *diags) {
    const int64_t bits = chip->crossbar.weight_bits, rows = chip->crossbar.input_bits;
    if (op->code == IR_nn_quant && rows > 0 && ir_attr_int(&op->attrs, IR_ATTR_bits, 8) > rows) {
        diag_emit(diags, DIAG_ID_no_unit, DIAG_AT(NULL, op->n_locs ? op->loc[0] : "(no node)"),
                  "the model's own rows are codes of 8 bits, converters of the chip take %" PRId64
                  " (crossbar.input_bits)",
                  rows);
        return false;
    }
    if (op->code != IR_nn_linear || !ir_attr_has(&op->attrs, IR_ATTR_wscale)) return true;
    const tensor *w = ir_const_of(m, f, op->operand[1]);
    const int64_t top = INT64_C(1) << (bits - 1);
    for (size_t i = 0, n = w && bits < 8 ? tensor_count(w) : 0; i < n; i++) {
        int64_t code = elem_load_i64(w->type, w->data, i);
        if (code >= -top && code < top) continue;
        diag_emit(diags, DIAG_ID_no_unit, DIAG_AT(NULL, op->n_locs ? op->loc[0] : "(no node)"),
                  "the model's own codes hold %" PRId64 ", cells of the chip %" PRId64
                  " bits (crossbar.weight_bits)",
                  code, bits);
        return false;
    }
    return true;
}

static bool fixes_scales(const pass_options *o) {
    return o->static_scales || o->machine->digital.row_scales == MACHINE_OFF;
}

static bool quantize_func(const ir_module *old, const ir_func *of, ir_module *m,
                          const pass_options *o, weight_cache *weights, diag_sink *diags) {
    rewrite r = rewrite_begin(old, of, m, diags);
    bool *fixed = ARENA_ARRAY(r.scratch, bool, of->values.count + 1);
    bool any = false;
    for (size_t i = 0; i < of->ops.count && fixes_scales(o); i++) {
        const ir_op *op = &of->ops.items[i];
        if (!takes_part(old, of, op) || !is_spread(old, of, op->operand[0])) continue;
        fixed[op->operand[0]] = any = true;
    }
    float *range = ARENA_ARRAY(r.scratch, float, of->values.count + 1);
    const char *how = NULL;
    if (any && !calibrate_ranges(old, of, o, fixed, range, &how, m->arena, diags)) r.failed = true;
    if (how) vec_push(&m->notes, how);
    if (any && o->static_scales) pass_use(o, PASS_OPTION_static_scales);
    if (any && !o->static_scales)
        vec_push(&m->notes,
                 arena_printf(m->arena,
                              "tiles of chip '%s' do not exchange the largest element of a row "
                              "(digital.row_scales): rows they make together have static scales",
                              o->machine->name));
    ir_val *cache = ARENA_ARRAY(r.scratch, ir_val, of->values.count + 1);
    for (size_t i = 0; i < of->ops.count && !r.failed; i++) {
        const ir_op *op = &of->ops.items[i];
        if (!takes_part(old, of, op)) {
            r.failed |= !codes_fit(old, of, op, o->machine, diags);
            rewrite_copy(&r, op);
            continue;
        }
        const ir_op *source = ir_def(of, op->operand[1]);
        const char *name = ir_attr_str(&source->attrs, IR_ATTR_value, "w");
        const tensor *w = ir_const_of(old, of, op->operand[1]);
        quantized q = weight_symbols(&r, weights, name, w,
                                     ir_attr_int(&op->attrs, IR_ATTR_trans_w, 0), o, op, diags);
        ir_attrs value = {0}, attrs = {0};
        ir_attr_set_str(r.scratch, &value, IR_ATTR_value, q.codes);
        const tensor *codes = &ir_symbol_find(m, q.codes)->data;
        ir_type wt = ir_type_make(ELEM_i8, 2, codes->dim);
        const int64_t bits = o->machine->crossbar.input_bits;
        ir_val in[3] = {quantized_row(&r, cache, fixed, range, bits, op->operand[0], op),
                        rewrite_add(&r, IR_t_const, NULL, 0, &value, &wt, op),
                        op->n_operands > 2 ? rewrite_get(&r, op->operand[2]) : IR_NONE};
        const char *const scale[] = {q.scale};
        ir_attr_set_strs(r.scratch, &attrs, IR_ATTR_wscale, scale, 1);
        ir_type t = *ir_type_of(of, op->result[0]);
        r.map[op->result[0]] =
            rewrite_add(&r, IR_nn_linear, in, op->n_operands > 2 ? 3 : 2, &attrs, &t, op);
        const char *given = of->values.items[op->result[0]].name;
        if (given) r.f->values.items[r.map[op->result[0]]].name = arena_str(m->arena, given);
    }
    return rewrite_end(&r);
}

ir_module *pass_quantize(const ir_module *old, const pass_options *o, diag_sink *diags) {
    ir_module *m = ir_module_derive(old);
    bool ok = true, real = o->machine->crossbar.weight_bits == 0;
    weight_cache weights = {0};
    for (size_t i = 0; i < old->funcs.count; i++) {
        const ir_func *f = old->funcs.items[i];
        if (real)
            ir_func_copy(m, f);
        else
            ok = quantize_func(old, f, m, o, &weights, diags) && ok;
    }
    vec_free(&weights);
    if (!ok) {
        ir_module_free(m);
        return NULL;
    }
    ir_symbols_sweep(m);
    return m;
}
