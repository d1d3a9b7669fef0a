// Rows in and out of buffers: conversion, rounding and quantisation on write (docs/numerics.md).
#include "runtime-sim/exec/rows.h"
#include "support/num/num.h"
#include "support/parallel.h"

size_t sim_elem_bytes(isa_btype t) {
    switch (t) {
    case ISA_Q8: return 1;
    case ISA_PAIR: return sizeof(sim_pair);
    case ISA_F32:
    case ISA_BF16:
    case ISA_I32:
    case ISA_RAW: return 4;
    }
    CHECK(false, "row type %d", (int)t);
}

static sim_rows view_of(const sim_ctx *c, uint16_t buffer) {
    CHECK(buffer < c->desc->n_buffers, "tile %u buffer %u", c->tile, buffer);
    const isa_buffer *v = &c->desc->buffers[buffer], *parent = &c->desc->buffers[v->parent];
    const sim_store *st = &c->state->stores[v->parent];
    isa_btype type = (isa_btype)parent->type;
    uint32_t col0 = v->parent == buffer ? 0 : v->col0;
    return (sim_rows){.desc = v,
                      .type = type,
                      .rows = st->rows,
                      .width = v->width,
                      .stride = parent->width,
                      .data = (uint8_t *)st->data + (size_t)col0 * sim_elem_bytes(type),
                      .trailers = st->trailers};
}

// The verifier proves that what is read was written; storage that is not there is a hole in it.
sim_rows sim_source(const sim_ctx *c, uint16_t buffer) {
    sim_rows v = view_of(c, buffer);
    CHECK(c->state->stores[v.desc->parent].data,
          "tile %u pc %u reads buffer %u before it is written", c->tile, c->pc, buffer);
    return v;
}

sim_rows sim_target(const sim_ctx *c, uint16_t buffer, int64_t rows) {
    CHECK(buffer < c->desc->n_buffers, "tile %u buffer %u", c->tile, buffer);
    uint16_t number = c->desc->buffers[buffer].parent;
    const isa_buffer *parent = &c->desc->buffers[number];
    sim_store *st = &c->state->stores[number];
    if (st->data && st->rows != rows) { // a buffer used again in another domain
        sim_block_give(c->s, st->data, st->capacity);
        st->data = NULL;
    }
    if (!st->data) {
        isa_btype type = (isa_btype)parent->type;
        size_t data = align_u64((size_t)rows * parent->width * sim_elem_bytes(type), 64);
        bool trailed = type == ISA_Q8 || type == ISA_RAW;
        size_t bytes = data + (trailed ? (size_t)rows * sizeof(sim_trailer) : 0);
        st->data = sim_block_take(c->s, bytes, &st->capacity);
        st->trailers = trailed ? (sim_trailer *)((uint8_t *)st->data + data) : NULL;
        st->rows = rows;
    }
    return view_of(c, buffer);
}

// x = f32(f64(scale) * (code - zero))
static void dequantise(float *y, const int8_t *q, size_t n, float scale, int32_t zero) {
    double s = (double)scale;
    for (size_t i = 0; i < n; i++) y[i] = (float)(s * (double)(q[i] - zero));
}

const float *sim_row_f32(const sim_rows *v, int64_t r, float *scratch) {
    const void *row = sim_row_at(v, r);
    switch (v->type) {
    case ISA_F32:
    case ISA_BF16: return row;
    case ISA_Q8:
        dequantise(scratch, row, v->width, v->trailers[r].scale, v->trailers[r].zero);
        return scratch;
    case ISA_I32:
    case ISA_RAW:
        for (uint32_t i = 0; i < v->width; i++) scratch[i] = (float)((const int32_t *)row)[i];
        return scratch;
    case ISA_PAIR:
        for (uint32_t i = 0; i < v->width; i++) scratch[i] = ((const sim_pair *)row)[i].value;
        return scratch;
    }
    CHECK(false, "row type %d", (int)v->type);
}

static int32_t truncated(float x) {
    if (x != x) return 0;
    if (x >= 0x1p31f) return INT32_MAX;
    if (x < -0x1p31f) return INT32_MIN;
    return (int32_t)x;
}

int32_t sim_row_i32(const sim_rows *v, int64_t r) {
    const void *row = sim_row_at(v, r);
    switch (v->type) {
    case ISA_I32:
    case ISA_RAW: return *(const int32_t *)row;
    case ISA_PAIR: return ((const sim_pair *)row)->index;
    case ISA_F32:
    case ISA_BF16: return truncated(*(const float *)row);
    case ISA_Q8: break;
    }
    float x = (float)((double)v->trailers[r].scale *
                      (double)(*(const int8_t *)row - v->trailers[r].zero));
    return truncated(x);
}

float *sim_row_begin(const sim_rows *d, int64_t r, float *scratch) {
    return d->type == ISA_F32 || d->type == ISA_BF16 ? sim_row_at(d, r) : scratch;
}

static void round_row(machine_format f, float *y, size_t n) {
    if (f == MACHINE_FMT_BF16)
        for (size_t i = 0; i < n; i++) y[i] = elem_bf16_to_f32(elem_f32_to_bf16(y[i]));
    else if (f == MACHINE_FMT_F16)
        for (size_t i = 0; i < n; i++) y[i] = elem_f16_to_f32(elem_f32_to_f16(y[i]));
}

static void round_result(const sim_ctx *c, float *y, size_t n) {
    if (c->digital) round_row((machine_format)c->s->chip->digital.format, y, n);
}

// Bits of the codes of rows.
static int row_bits(const machine *chip) {
    return chip->crossbar.input_bits ? (int)chip->crossbar.input_bits : 8;
}

void sim_row_end_within(const sim_ctx *c, const sim_rows *d, int64_t r, float *y, float most) {
    round_result(c, y, d->width);
    d->trailers[r] = sim_quantise_within(most, row_bits(c->s->chip), y, d->width, sim_row_at(d, r));
}

void sim_row_end(const sim_ctx *c, const sim_rows *d, int64_t r, float *y) {
    size_t n = d->width;
    round_result(c, y, n);
    void *row = sim_row_at(d, r);
    switch (d->type) {
    case ISA_F32:
        if (y != row) memcpy(row, y, n * sizeof *y);
        return;
    case ISA_BF16:
        round_row(MACHINE_FMT_BF16, y, n);
        if (y != row) memcpy(row, y, n * sizeof *y);
        return;
    case ISA_Q8:
        d->trailers[r] = sim_quantise((isa_quant)d->desc->quant, d->desc->scale, d->desc->zero,
                                      row_bits(c->s->chip), y, n, row);
        return;
    case ISA_I32:
        for (size_t i = 0; i < n; i++) ((int32_t *)row)[i] = truncated(y[i]);
        return;
    case ISA_PAIR:
        for (size_t i = 0; i < n; i++) ((sim_pair *)row)[i] = (sim_pair){y[i], (int32_t)i};
        return;
    case ISA_RAW: break;
    }
    CHECK(false, "tile %u pc %u makes a raw row of numbers", c->tile, c->pc);
}

void sim_cols_move(const sim_rows *d, int64_t r, uint32_t col, const sim_rows *a, int64_t from) {
    size_t e = sim_elem_bytes(d->type), n = a->width;
    uint8_t *to = (uint8_t *)sim_row_at(d, r) + col * e;
    if (from < 0) { // a q8 zero is the code of the zero point, of rows that have one scale
        memset(to, d->type == ISA_Q8 ? d->desc->zero : 0, n * e);
        if (d->type == ISA_Q8) d->trailers[r] = (sim_trailer){d->desc->scale, d->desc->zero, 0};
        return;
    }
    memcpy(to, sim_row_at(a, from), n * e);
    if (d->trailers) d->trailers[r] = a->trailers[from];
}

void sim_row_move(const sim_ctx *c, const sim_rows *d, int64_t r, const sim_rows *a, int64_t from,
                  float *scratch) {
    if (d->type == a->type) {
        sim_cols_move(d, r, 0, a, from);
        return;
    }
    const float *x = sim_row_f32(a, from, scratch);
    float *y = sim_row_begin(d, r, scratch);
    if (x != y) memmove(y, x, d->width * sizeof *y);
    sim_row_end(c, d, r, y);
}

const float *sim_table_row(const sim *s, const isa_table *t, int64_t row, float *scratch) {
    CHECK(row >= 0 && row < (int64_t)t->rows, "row %lld of a table of %u", (long long)row, t->rows);
    const uint8_t *at =
        sim_table(s, t->data) + (size_t)row * isa_row_bytes((isa_btype)t->type, t->width);
    if (t->type == ISA_F32) {
        if ((uintptr_t)at % sizeof(float) == 0) return (const float *)(const void *)at;
        memcpy(scratch, at, t->width * sizeof(float));
    } else if (t->type == ISA_I32) {
        for (uint32_t i = 0; i < t->width; i++) {
            int32_t v;
            memcpy(&v, at + i * sizeof v, sizeof v);
            scratch[i] = (float)v;
        }
    } else {
        CHECK(t->type == ISA_Q8, "table type %u", t->type);
        sim_trailer tr;
        memcpy(&tr, at + t->width, sizeof tr);
        dequantise(scratch, (const int8_t *)at, t->width, tr.scale, tr.zero);
    }
    return scratch;
}

int32_t sim_table_i32(const sim *s, const isa_table *t, int64_t row, uint32_t col) {
    CHECK(t->type == ISA_I32 && row >= 0 && row < (int64_t)t->rows && col < t->width,
          "[%lld][%u] of a table [%u][%u]", (long long)row, col, t->rows, t->width);
    int32_t v;
    memcpy(&v, sim_table(s, t->data) + ((size_t)row * t->width + col) * sizeof v, sizeof v);
    return v;
}

typedef struct {
    void (*f)(void *arg, int64_t r, float *scratch);
    void *arg;
    size_t floats;
} each_row;

static void each_row_body(void *ctx, size_t begin, size_t end) {
    const each_row *e = ctx;
    float few[1024],
        *scratch = e->floats <= ARRAY_LEN(few) ? few : base_alloc(e->floats * sizeof(float));
    for (size_t r = begin; r < end; r++) e->f(e->arg, (int64_t)r, scratch);
    if (scratch != few) free(scratch);
}

void sim_each_row(const sim_ctx *c, int64_t rows, double work, size_t floats,
                  void (*f)(void *arg, int64_t r, float *scratch), void *arg) {
    enum { CHUNK = 20000 }; // operations that are worth a thread's while
    each_row e = {f, arg, floats};
    if (rows <= 0) return;
    if (c->s->options.threads == 1 || (double)rows * work < 2.0 * CHUNK) {
        each_row_body(&e, 0, (size_t)rows);
        return;
    }
    size_t grain = (size_t)(CHUNK / (work < 1 ? 1 : work)) + 1;
    parallel_for(c->s->options.threads, (size_t)rows, grain, each_row_body, &e);
}
