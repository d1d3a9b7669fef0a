// A plain interpreter of programs: what docs/isa.md, docs/isa-manual.md and docs/numerics.md say,
// one number at a time, in the order of the lines. It is written for these tests alone and shares
// nothing with the simulator but support/ (tables are little-endian, elementary functions are
// defined by their code). Charge read-out, levels and converters of rings are not here: they have
// oracles of their own (tests/sim/test_gain.c, test_readout.c); plain_knows says so.
#ifndef OHMIC_TESTS_PROGRAMS_PLAIN_H
#define OHMIC_TESTS_PROGRAMS_PLAIN_H
#include "isa/machine/machine.h"
#include "isa/operand.h"
#include "isa/program.h"
#include "support/num/num.h"
#include "support/num/tensor.h"
#include <math.h>
#include <string.h>

// One number of a row; of pairs both, of q8, i32 and raw the integer.
typedef struct {
    float f;
    int32_t i;
} plain_cell;
typedef struct {
    float scale;
    int32_t zero, sum;
} plain_trailer;
typedef struct {
    int64_t rows;
    plain_cell *cells;      // [rows][width]
    plain_trailer *trailer; // [rows]
} plain_rows;

typedef struct {
    int64_t len;
    int64_t *held; // [slots]
    float *k, *v;  // [slots][n_kv * d], [slots][n_kv * dv]
} plain_ring;

typedef struct {
    plain_rows *queue[64]; // rows in flight, one entry a send
    uint32_t head, count;
} plain_queue;

typedef struct {
    plain_rows *rows;                            // [buffer]
    plain_ring *rings;                           // [ring]
    plain_rows *history[ISA_MAX_PHASES];         // [pc]
    int64_t count[ISA_DOMAINS], at[ISA_DOMAINS]; // rows and position of each domain
    uint32_t pc;
} plain_tile;

typedef struct {
    const isa_program *p;
    const machine *chip;
    arena *kept, *step; // rings and histories; rows of a step
    plain_tile *tiles;
    plain_queue *queues; // [dests]
    int64_t pos[ISA_DOMAINS];
    uint32_t phase;
    const tensor *in; // by input port
    tensor *out;      // by output port
} plain;

// The instruction that runs.
typedef struct {
    plain *m;
    plain_tile *tile;
    uint32_t number; // of the tile
    const isa_tile *t;
    const isa_insn *i;
    const isa_info *info;
    int64_t rows, at;
} plain_at;

static inline bool plain_knows(const isa_program *p) {
    for (uint32_t t = 0; t < p->n_tiles; t++)
        for (uint32_t r = 0; r < p->tiles[t].n_rings; r++) {
            const isa_ring *d = &p->tiles[t].rings[r];
            if (d->readout != ISA_READ_SCORE || d->kv_levels || d->q_levels || d->p_levels ||
                d->adc_bits)
                return false;
        }
    return true;
}

// --- rows

static inline plain_rows *plain_new(arena *a, int64_t rows, uint32_t width) {
    plain_rows *r = ARENA_NEW(a, plain_rows);
    r->rows = rows;
    r->cells = ARENA_ARRAY(a, plain_cell, (size_t)rows * width + 1);
    r->trailer = ARENA_ARRAY(a, plain_trailer, rows + 1);
    return r;
}

typedef struct {
    const isa_buffer *b;
    isa_btype type;
    plain_rows *rows;
    uint32_t width, col0, stride;
} plain_view;

static inline plain_view plain_read(const plain_at *c, uint16_t buffer) {
    const isa_buffer *b = &c->t->buffers[buffer], *whole = &c->t->buffers[b->parent];
    return (plain_view){b,
                        (isa_btype)b->type,
                        &c->tile->rows[b->parent],
                        b->width,
                        b->parent == buffer ? 0 : b->col0,
                        whole->width};
}

static inline plain_view plain_write(const plain_at *c) {
    const isa_buffer *whole = &c->t->buffers[c->t->buffers[c->i->d].parent];
    plain_rows *r = &c->tile->rows[c->t->buffers[c->i->d].parent];
    if (!r->cells || r->rows != c->rows) *r = *plain_new(c->m->step, c->rows, whole->width);
    return plain_read(c, c->i->d);
}

static inline plain_cell *plain_cell_at(const plain_view *v, int64_t r, uint32_t col) {
    return &v->rows->cells[r * v->stride + v->col0 + col];
}

static inline float plain_dequantised(plain_trailer t, int32_t code) {
    return (float)((double)t.scale * (double)(code - t.zero));
}

static inline float plain_number(const plain_view *v, int64_t r, uint32_t col) {
    const plain_cell *x = plain_cell_at(v, r, col);
    if (v->type == ISA_Q8) return plain_dequantised(v->rows->trailer[r], x->i);
    return v->type == ISA_I32 || v->type == ISA_RAW ? (float)x->i : x->f;
}

static inline int32_t plain_truncated(float x) {
    if (isnan(x)) return 0;
    return x >= 0x1p31f ? INT32_MAX : x < -0x1p31f ? INT32_MIN : (int32_t)x;
}

static inline float plain_rounded(int format, float x) {
    if (format == MACHINE_FMT_BF16) return elem_bf16_to_f32(elem_f32_to_bf16(x));
    return format == MACHINE_FMT_F16 ? elem_f16_to_f32(elem_f32_to_f16(x)) : x;
}

static inline int32_t plain_code(float x, plain_trailer t, int lo) {
    double c = (double)num_rint(x / t.scale) + t.zero;
    return isnan(c) ? 0 : c < lo ? lo : c > 127 ? 127 : (int32_t)c;
}

// given: the largest element of the row that y is part of; NULL: of y.
static inline void plain_quantise(const plain_view *d, int64_t r, const float *y,
                                  const float *given) {
    plain_trailer t = {d->b->scale, d->b->zero, 0};
    float lo = 0, hi = 0, most = 0;
    int least = -128;
    for (uint32_t k = 0; k < d->width; k++) {
        lo = y[k] < lo ? y[k] : lo;
        hi = y[k] > hi ? y[k] : hi;
        most = fabsf(y[k]) > most ? fabsf(y[k]) : most;
    }
    if (given) most = *given > 0 ? *given : 0;
    if (d->b->quant == ISA_QUANT_STATIC) {
        least = t.zero == 0 ? -127 : -128;
    } else if (d->b->quant == ISA_QUANT_ASYM) {
        t.scale = (hi - lo) / 255.0f;
        float zero = t.scale == 0 ? 0 : num_rint(-lo / t.scale);
        t.zero = (isnan(zero) || zero < 0 ? 0 : zero > 255 ? 255 : (int32_t)zero) - 128;
    } else {
        t.scale = most / 127.0f;
        t.zero = 0, least = -127;
    }
    bool nothing = d->b->quant == ISA_QUANT_ASYM ? t.scale == 0 : most == 0;
    nothing = nothing && d->b->quant != ISA_QUANT_STATIC;
    for (uint32_t k = 0; k < d->width; k++)
        plain_cell_at(d, r, k)->i = nothing ? 0 : plain_code(y[k], t, least);
    d->rows->trailer[r] = t;
}

// Numbers become a row of d, as its type says.
static inline void plain_put_within(const plain_at *c, const plain_view *d, int64_t r,
                                    const float *given, const float *most) {
    float *y = ARENA_ARRAY(c->m->step, float, d->width + 1);
    for (uint32_t k = 0; k < d->width; k++) {
        bool digital = c->info->unit == ISA_UNIT_digital;
        y[k] = digital ? plain_rounded((int)c->m->chip->digital.format, given[k]) : given[k];
        plain_cell *x = plain_cell_at(d, r, k);
        if (d->type == ISA_F32) x->f = y[k];
        if (d->type == ISA_BF16) x->f = plain_rounded(MACHINE_FMT_BF16, y[k]);
        if (d->type == ISA_I32) x->i = plain_truncated(y[k]);
    }
    if (d->type == ISA_Q8) plain_quantise(d, r, y, most);
}

static inline void plain_put(const plain_at *c, const plain_view *d, int64_t r,
                             const float *given) {
    plain_put_within(c, d, r, given, NULL);
}

static inline float *plain_numbers(const plain_at *c, const plain_view *v, int64_t r) {
    float *x = ARENA_ARRAY(c->m->step, float, v->width + 1);
    for (uint32_t k = 0; k < v->width; k++) x[k] = plain_number(v, r, k);
    return x;
}

// Columns as they are, and the trailer.
static inline void plain_move(const plain_view *d, int64_t r, uint32_t col, const plain_view *a,
                              int64_t from) {
    for (uint32_t k = 0; k < a->width; k++)
        *plain_cell_at(d, r, col + k) = *plain_cell_at(a, from, k);
    d->rows->trailer[r] = a->rows->trailer[from];
}

// --- tables

static inline float plain_f32(const plain *m, uint64_t offset, uint64_t n) {
    float x;
    memcpy(&x, m->p->tables + offset + 4 * n, 4);
    return x;
}
static inline int32_t plain_i32(const plain *m, uint64_t offset, uint64_t n) {
    int32_t x;
    memcpy(&x, m->p->tables + offset + 4 * n, 4);
    return x;
}

static inline uint64_t plain_table_row(const isa_table *t, int64_t row) {
    return t->data + (uint64_t)row * (t->type == ISA_Q8 ? t->width + 16 : 4 * t->width);
}

static inline plain_trailer plain_table_trailer(const plain *m, const isa_table *t, int64_t row) {
    uint64_t at = plain_table_row(t, row) + t->width;
    return (plain_trailer){plain_f32(m, at, 0), plain_i32(m, at, 1), plain_i32(m, at, 2)};
}

static inline float plain_table(const plain *m, const isa_table *t, int64_t row, uint32_t col) {
    uint64_t at = plain_table_row(t, row);
    if (t->type == ISA_F32) return plain_f32(m, at, col);
    if (t->type == ISA_I32) return (float)plain_i32(m, at, col);
    return plain_dequantised(plain_table_trailer(m, t, row), (int8_t)m->p->tables[at + col]);
}

static inline void plain_from_table(const plain_at *c, const plain_view *d, int64_t r,
                                    const isa_table *t, int64_t row) {
    uint64_t at = plain_table_row(t, row);
    float *y = ARENA_ARRAY(c->m->step, float, t->width + 1);
    for (uint32_t k = 0; k < t->width; k++) y[k] = plain_table(c->m, t, row, k);
    bool whole = t->type == d->type && t->type != ISA_F32;
    for (uint32_t k = 0; whole && k < t->width; k++)
        plain_cell_at(d, r, k)->i =
            t->type == ISA_Q8 ? (int8_t)c->m->p->tables[at + k] : plain_i32(c->m, at, k);
    if (whole && t->type == ISA_Q8) d->rows->trailer[r] = plain_table_trailer(c->m, t, row);
    if (!whole) plain_put(c, d, r, y);
}

// --- functions, as support/num/fn.def writes them

static inline float plain_fn1(unsigned fn, float x) {
    switch (fn) {
    case ISA_FN1_neg: return -x;
    case ISA_FN1_abs: return fabsf(x);
    case ISA_FN1_sqrt: return num_sqrt(x);
    case ISA_FN1_rsqrt: return 1 / num_sqrt(x);
    case ISA_FN1_recip: return 1 / x;
    case ISA_FN1_exp: return num_exp(x);
    case ISA_FN1_log: return num_log(x);
    case ISA_FN1_erf: return num_erf(x);
    case ISA_FN1_tanh: return num_tanh(x);
    case ISA_FN1_sigmoid: return 1 / (1 + num_exp(-x));
    case ISA_FN1_relu: return isnan(x) || x > 0 ? x : 0;
    case ISA_FN1_silu: return x / (1 + num_exp(-x));
    case ISA_FN1_gelu: return (0.5f * x) * (1 + num_erf(x * 0.70710678f));
    case ISA_FN1_gelu_tanh: {
        float cube = 0.044715f * x;
        cube = cube * x;
        cube = cube * x;
        return (0.5f * x) * (1 + num_tanh(0.79788456f * (x + cube)));
    }
    case ISA_FN1_quick_gelu: return x / (1 + num_exp(-1.702f * x));
    case ISA_FN1_softplus: return (isnan(x) || x > 0 ? x : 0) + num_log(1 + num_exp(-fabsf(x)));
    case ISA_FN1_sin: return num_sin(x);
    case ISA_FN1_cos: return num_cos(x);
    case ISA_FN1_floor: return floorf(x);
    case ISA_FN1_ceil: return ceilf(x);
    case ISA_FN1_round: return num_rint(x);
    case ISA_FN1_sign: return x > 0 ? 1 : x < 0 ? -1 : 0;
    }
    CHECK(false, "function %u", fn);
}

static inline float plain_fn2(unsigned fn, float a, float b) {
    switch (fn) {
    case ISA_FN2_add: return a + b;
    case ISA_FN2_sub: return a - b;
    case ISA_FN2_mul: return a * b;
    case ISA_FN2_div: return a / b;
    case ISA_FN2_min: return isnan(a) || isnan(b) ? a + b : b < a ? b : a;
    case ISA_FN2_max: return isnan(a) || isnan(b) ? a + b : b > a ? b : a;
    case ISA_FN2_pow: return num_pow(a, b);
    case ISA_FN2_silu_mul: return plain_fn1(ISA_FN1_silu, a) * b;
    case ISA_FN2_gelu_mul: return plain_fn1(ISA_FN1_gelu, a) * b;
    case ISA_FN2_gelu_tanh_mul: return plain_fn1(ISA_FN1_gelu_tanh, a) * b;
    }
    CHECK(false, "function %u", fn);
}

static inline int32_t plain_fn2_i32(unsigned fn, int32_t a, int32_t b) {
    switch (fn) {
    case ISA_FN2_add: return (int32_t)((uint32_t)a + (uint32_t)b);
    case ISA_FN2_sub: return (int32_t)((uint32_t)a - (uint32_t)b);
    case ISA_FN2_mul: return (int32_t)((uint32_t)a * (uint32_t)b);
    case ISA_FN2_div: return b == 0 ? 0 : (int32_t)((int64_t)a / b); // -2^31 / -1 wraps
    case ISA_FN2_min: return a < b ? a : b;
    case ISA_FN2_max: return a > b ? a : b;
    }
    CHECK(false, "function %u of integers", fn);
}

static inline float plain_reduced(unsigned how, const float *x, uint32_t n) {
    double sum = 0;
    float best = x[0];
    uint32_t at = 0;
    for (uint32_t k = 0; k < n; k++) {
        sum += how == ISA_RED_sumsq ? (double)x[k] * (double)x[k] : (double)x[k];
        if (k > 0 && x[k] > x[at]) at = k;
        float y = how == ISA_RED_absmax ? fabsf(x[k]) : x[k];
        if (k == 0 && how == ISA_RED_absmax) best = 0;
        if ((isnan(y) && how != ISA_RED_absmax) || y > best) best = y;
    }
    if (how == ISA_RED_mean) sum /= n;
    return how == ISA_RED_argmax                         ? (float)at
           : how == ISA_RED_max || how == ISA_RED_absmax ? best
                                                         : (float)sum;
}

static inline void plain_softmax(float *y, const float *x, uint32_t n, const float *sink,
                                 bool log) {
    float m = sink ? *sink : -INFINITY;
    double s = 0;
    for (uint32_t k = 0; k < n; k++) m = x[k] > m ? x[k] : m;
    bool nothing = m == -INFINITY;
    for (uint32_t k = 0; k < n; k++) s += (double)num_exp(x[k] - m);
    if (sink) s += (double)num_exp(*sink - m);
    double log_s = log ? num_log_f64(s) : 0;
    for (uint32_t k = 0; k < n; k++) {
        float e = num_exp(x[k] - m);
        if (nothing)
            y[k] = isnan(x[k]) ? x[k] : 0;
        else
            y[k] = log ? (float)(((double)x[k] - (double)m) - log_s) : (float)((double)e / s);
    }
}
#endif
