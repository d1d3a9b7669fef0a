// Products: rows times weight groups, and the epilogue that makes numbers of integer sums
// (docs/numerics.md). Which arithmetic follows from types alone: q8 rows on i8 weights run on
// crossbars, everything else is the float product.
#include "isa/count/pool.h"
#include "runtime-sim/exec/rows.h"
#include "runtime-sim/exec/vectors.h"
#include "runtime-sim/pool/pool.h"
#include "runtime-sim/xbar/product.h"

typedef struct {
    const sim_ctx *c;
    const isa_group *g;
    const float *scale, *bias;
    const int32_t *zero, *colsum;
    sim_rows d, a;
    const sim_vectors *vectors;
    const int32_t *acc; // [active rows][acc_stride]
    size_t acc_stride;
    const int64_t *row_of;   // row of each active row
    const int32_t *code_sum; // [active rows]
} product;

static const isa_group *group_of(const sim_ctx *c) {
    CHECK(c->insn->x < c->desc->n_groups, "group %u", c->insn->x);
    return &c->desc->groups[c->insn->x];
}

// Tables are 64-byte aligned in the file, so their numbers can be read in place.
static const void *numbers(const sim_ctx *c, uint64_t offset) {
    const uint8_t *p = sim_table(c->s, offset);
    CHECK((uintptr_t)p % 4 == 0, "a table of group %u is not aligned", c->insn->x);
    return p;
}

static product product_of(const sim_ctx *c) {
    const isa_group *g = group_of(c);
    return (product){.c = c,
                     .g = g,
                     .vectors = sim_vectors_on(simd_best()),
                     .scale = numbers(c, g->scale),
                     .bias = numbers(c, g->bias),
                     .zero = numbers(c, g->zero),
                     .colsum = numbers(c, g->colsum),
                     .a = sim_source(c, c->insn->a),
                     .d = sim_target(c, c->insn->d, c->rows)};
}

// i = acc - zx colsum - zw sum + K zx zw;  y = f32(f64(i) (f64(sx) f64(sw)) + f64(bias))
static void epilogue(const product *p, float *y, const int32_t *acc, sim_trailer x) {
    const isa_group *g = p->g;
    CHECK(p->scale, "group without scales");
    if (x.zero == 0 && !p->zero) {
        p->vectors->scaled(y, acc, g->n, (double)x.scale, p->scale, p->bias);
        return;
    }
    for (uint32_t n = 0; n < g->n; n++) {
        int64_t i = acc[n], zw = p->zero ? p->zero[n] : 0;
        if (x.zero != 0) {
            CHECK(p->colsum, "group without column sums for rows with a zero point");
            i -= (int64_t)x.zero * p->colsum[n];
        }
        i += (int64_t)g->k * x.zero * zw - zw * x.sum;
        double v = (double)i * ((double)x.scale * (double)p->scale[n]);
        y[n] = (float)(v + (p->bias ? (double)p->bias[n] : 0.0));
    }
}

// Rows whose gate is not 0; their number.
static int64_t active_rows(const sim_ctx *c, int64_t *row_of) {
    int64_t n = 0;
    if (c->insn->b == ISA_NONE) {
        for (; n < c->rows; n++) row_of[n] = n;
        return n;
    }
    sim_rows gate = sim_source(c, c->insn->b);
    for (int64_t r = 0; r < c->rows; r++) {
        float x;
        if (*sim_row_f32(&gate, r, &x) != 0) row_of[n++] = r;
    }
    return n;
}

// --- float products

typedef struct {
    const sim_ctx *c;
    const product *p;
    float *y;
} finish;

static void finish_row(void *arg, int64_t i, float *scratch) {
    const finish *f = arg;
    const product *p = f->p;
    float *y = sim_row_begin(&p->d, p->row_of[i], scratch);
    memcpy(y, f->y + (size_t)i * p->g->n, p->g->n * sizeof *y);
    sim_row_end(f->c, &p->d, p->row_of[i], y);
}

// w = f32(f64(sw) * (code - zw)), made once
static const float *float_weights(const sim_ctx *c, const product *p) {
    const isa_group *g = p->g;
    const uint8_t *cells = c->s->p->cells + g->cells;
    if (g->wtype == ISA_W_F32) {
        CHECK((uintptr_t)cells % sizeof(float) == 0, "cells of group %u are not aligned",
              c->insn->x);
        return (const float *)(const void *)cells;
    }
    sim_group *have = &c->state->groups[c->insn->x];
    if (have->w) return have->w;
    size_t rows = g->k1 - g->k0;
    have->w = base_alloc(rows * g->n * sizeof *have->w + 1);
    const int8_t *codes = (const int8_t *)cells;
    for (size_t k = 0; k < rows; k++)
        for (uint32_t n = 0; n < g->n; n++)
            have->w[k * g->n + n] =
                (float)((double)p->scale[n] *
                        (double)(codes[k * g->n + n] - (p->zero ? p->zero[n] : 0)));
    return have->w;
}

static void float_product(sim_ctx *c, product *p, int64_t active) {
    const isa_group *g = p->g;
    CHECK(p->d.type != ISA_RAW && g->k1 - g->k0 == g->k, "a float product cannot be split");
    size_t k = g->k, n = g->n;
    float *x = base_alloc(((size_t)active * (k + n) + 1) * sizeof *x), *y = x + (size_t)active * k;
    for (int64_t i = 0; i < active; i++) {
        float *to = x + (size_t)i * k;
        const float *from = sim_row_f32(&p->a, p->row_of[i], to);
        if (from != to) memcpy(to, from, k * sizeof *to);
    }
    sim_product(simd_best(), c->s->options.threads, (size_t)active, k, n, x, k, float_weights(c, p),
                p->bias, y, n);
    finish f = {c, p, y};
    sim_each_row(c, active, (double)n, n, finish_row, &f);
    free(x);
}

// --- integer products

static void integer_row(void *arg, int64_t i, float *scratch) {
    const product *p = arg;
    int64_t r = p->row_of[i];
    const int32_t *acc = p->acc + (size_t)i * p->acc_stride;
    sim_trailer x = p->a.trailers[r];
    x.sum = p->code_sum[i]; // of these columns: the trailer's is the whole row's
    if (p->d.type == ISA_RAW) {
        if (acc != sim_row_at(&p->d, r)) memcpy(sim_row_at(&p->d, r), acc, p->g->n * sizeof *acc);
        p->d.trailers[r] = x;
        return;
    }
    float *y = sim_row_begin(&p->d, r, scratch);
    epilogue(p, y, acc, x);
    sim_row_end(p->c, &p->d, r, y);
}

static xbar *array_of(const sim_ctx *c, const isa_group *g) {
    sim_group *have = &c->state->groups[c->insn->x];
    if (!have->array)
        have->array = xbar_new(&c->s->xbar, (const int8_t *)(c->s->p->cells + g->cells),
                               g->k1 - g->k0, g->n, c->desc->blocks + g->first_block, g->n_blocks);
    return have->array;
}

static pool *pool_of(const sim_ctx *c, const isa_group *g) {
    sim_group *have = &c->state->groups[c->insn->x];
    const pool_params p = pool_params_of(g);
    if (!have->pool)
        have->pool = pool_new(&p, (const int8_t *)(c->s->p->cells + g->cells), g->k1 - g->k0, g->n);
    return have->pool;
}

// coded: codes on cells and through converters. Real numbers have one ideal array and none.
static void count_events(sim_ctx *c, const isa_group *g, uint64_t rows, bool coded,
                         const xbar_events *e) {
    const xbar_params *x = &c->s->xbar;
    uint64_t phases = coded ? (unsigned)xbar_phases(x) : 1,
             slices = coded ? (unsigned)xbar_slices(x) : 1,
             sides = coded && x->encoding == MACHINE_DIFFERENTIAL ? 2 : 1;
    sim_stats *s = c->stats;
    uint64_t macs = rows * (g->k1 - g->k0) * g->n;
    s->mvm_macs += macs;
    if (g->digits > 0) {
        isa_events taken = {0};
        isa_count_pool_row(&taken, g, rows);
        isa_count_pool_arrays(&taken, c->s->chip, g, 0, (uint64_t)c->rows);
        sim_count(s, &taken);
    } else if (g->kind == ISA_STORED) { // lanes multiply what memory gives
        isa_events lanes = {.memory_reads = rows * isa_stored_bytes(g)};
        isa_count_digital(&lanes, c->s->chip, ISA_DIGITAL_add, macs);
        sim_count(s, &lanes);
    }
    for (uint32_t b = 0; b < g->n_blocks; b++) {
        const isa_block *k = &c->desc->blocks[g->first_block + b];
        uint64_t codes = coded ? rows * phases * slices * k->cols : 0;
        s->array_phases += rows * phases * slices * sides;
        s->dac_rows += rows * phases * k->rows;
        s->adc_conversions += codes;
        s->shift_adds += codes;
    }
    s->adc_clipped += e->clipped;
    s->adc_rounded += e->rounded;
}

static void integer_product(sim_ctx *c, product *p, int64_t active, xbar_events *e) {
    const isa_group *g = p->g;
    size_t k = g->k1 - g->k0, rows = (size_t)active;
    CHECK(p->d.type == ISA_RAW || k == g->k, "a block's sums are not finished");
    // Where every row is multiplied, codes are read in place, and raw sums written.
    bool all = active == c->rows, in_place = all && p->d.type == ISA_RAW;
    size_t codes = all ? 0 : align_u64(rows * k, 16), x_stride = all ? p->a.stride : k;
    size_t n_acc = in_place ? 0 : rows * g->n; // codes, then the sums of products, then of codes
    int8_t *made = base_alloc(codes + (n_acc + rows) * sizeof(int32_t) + 1);
    int32_t *acc = (int32_t *)(void *)(made + codes), *sums = acc + n_acc;
    const int8_t *x = all ? (const int8_t *)p->a.data : made;
    if (in_place) acc = sim_row_at(&p->d, 0);
    p->acc_stride = in_place ? p->d.stride : g->n;
    for (size_t i = 0; i < rows; i++) {
        const int8_t *from = sim_row_at(&p->a, p->row_of[i]);
        if (!all) memcpy(made + i * k, from, k);
        sums[i] = p->vectors->sum_codes(from, k);
    }
    xbar_how how = {c->s->options.force_cells ? XBAR_CELLS : XBAR_AUTO, simd_best(),
                    c->s->options.threads};
    if (g->digits > 0) {
        pool_how as = {c->s->options.force_cells ? POOL_SWITCHES : POOL_AUTO, how.path,
                       how.threads};
        pool_run(pool_of(c, g), &as, x, x_stride, rows, acc, p->acc_stride, e);
    } else {
        xbar_run(array_of(c, g), &how, x, x_stride, rows, acc, p->acc_stride, e);
    }
    p->acc = acc, p->code_sum = sums;
    sim_each_row(c, active, 2.0 * g->n, g->n, integer_row, p);
    free(made);
}

static void zero_row(const product *p, int64_t r) {
    memset(sim_row_at(&p->d, r), 0, p->d.width * sim_elem_bytes(p->d.type));
    if (p->d.trailers)
        p->d.trailers[r] = (sim_trailer){p->a.trailers ? p->a.trailers[r].scale : 0, 0, 0};
}

void sim_exec_mvm(sim_ctx *c) {
    product p = product_of(c);
    const isa_group *g = p.g;
    CHECK(g->kind != ISA_EPILOGUE && p.d.width == g->n && p.a.width == g->k1 - g->k0,
          "rows of %u times [%u][%u] into %u", p.a.width, g->k1 - g->k0, g->n, p.d.width);
    if (c->rows == 0) return;
    int64_t *row_of = base_alloc((size_t)c->rows * sizeof *row_of);
    int64_t active = active_rows(c, row_of);
    const sim_recorder *recorder = c->s->recorder;
    p.row_of = row_of;
    for (int64_t r = 0, i = 0; r < c->rows; r++) {
        if (i < active && row_of[i] == r) {
            i++;
            continue;
        }
        zero_row(&p, r); // its gate is 0
        if (recorder) recorder->closed(recorder->ctx, c->tile, c->pc, r);
    }
    xbar_events e = {0};
    bool coded = isa_product_is_coded(c->desc, c->insn);
    if (active > 0) {
        if (coded)
            integer_product(c, &p, active, &e);
        else
            float_product(c, &p, active);
    }
    count_events(c, g, (uint64_t)active, coded, &e);
    free(row_of);
}

static void fin_row(void *arg, int64_t r, float *scratch) {
    const product *p = arg;
    float *y = sim_row_begin(&p->d, r, scratch);
    epilogue(p, y, sim_row_at(&p->a, r), p->a.trailers[r]);
    sim_row_end(p->c, &p->d, r, y);
}

void sim_exec_fin(sim_ctx *c) {
    product p = product_of(c);
    CHECK(p.a.type == ISA_RAW && p.a.width == p.g->n && p.d.width == p.g->n, "fin of %u columns",
          p.a.width);
    sim_each_row(c, c->rows, 2.0 * p.g->n, p.g->n, fin_row, &p);
}
