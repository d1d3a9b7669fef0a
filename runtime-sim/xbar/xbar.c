// A matrix on crossbars: how it is cut into digits, which of its columns cannot clip, and which
// engine answers. xbar.h defines what is computed.
#include "runtime-sim/xbar/parts.h"
#include "support/base.h"
#include <stdlib.h>
#include <string.h>

xbar_params xbar_params_of(const machine *m) {
    return (xbar_params){.encoding = (machine_encoding)m->crossbar.encoding,
                         .cell_bits = (int)m->crossbar.cell_bits,
                         .weight_bits = (int)m->crossbar.weight_bits,
                         .dac_bits = (int)m->crossbar.dac_bits,
                         .input_bits = (int)m->crossbar.input_bits,
                         .adc_bits = (int)m->crossbar.adc_bits,
                         .adc_step = machine_adc_step(m),
                         .adc_rounding = (machine_adc_rounding)m->crossbar.adc_rounding};
}

static int weight_bits(const xbar_params *p) { return p->weight_bits ? p->weight_bits : 8; }

xbar_plan xbar_plan_of(const xbar_params *p) {
    int b = weight_bits(p), c = p->cell_bits && p->cell_bits < b ? p->cell_bits : b;
    const int n = p->input_bits ? p->input_bits : 8; // of a row's codes
    int v = p->input_bits ? p->dac_bits : n - 1;
    xbar_plan q = {.exact = p->adc_bits == 0,
                   .step = p->adc_bits ? p->adc_step : 1,
                   .down = p->adc_rounding == MACHINE_DOWN};
    for (int at = 0; at < n - 1; at += v)
        q.phase[q.n_phases++] = (xbar_digit){at, at + v < n - 1 ? v : n - 1 - at, 1};
    q.phase[q.n_phases++] = (xbar_digit){n - 1, 1, -1};
    bool twos = p->encoding == MACHINE_TWOS_COMPLEMENT;
    int unsigned_bits = twos ? b - 1 : b;
    for (int at = 0; at < unsigned_bits; at += c)
        q.slice[q.n_slices++] =
            (xbar_digit){at, at + c < unsigned_bits ? c : unsigned_bits - at, 1};
    if (twos) q.slice[q.n_slices++] = (xbar_digit){b - 1, 1, -1};
    q.sides = p->encoding == MACHINE_SIGN_MAGNITUDE;
    for (int i = 0, n_up = q.n_slices; q.sides && i < n_up; i++) {
        q.slice[q.n_slices] = q.slice[i];
        q.slice[q.n_slices++].sign = -1;
    }
    q.pairs = p->encoding == MACHINE_DIFFERENTIAL;
    q.offset = p->encoding == MACHINE_OFFSET ? 1 << (b - 1) : 0;
    q.lo = q.pairs ? -(INT64_C(1) << (p->adc_bits - (p->adc_bits > 0))) : 0;
    q.hi = q.pairs ? -q.lo - 1 : (INT64_C(1) << p->adc_bits) - 1;
    if (q.exact) q.lo = INT64_MIN / 2, q.hi = INT64_MAX / 2;
    for (int i = 0; i < q.n_phases; i++)
        if ((1 << q.phase[i].bits) - 1 > q.dac_max) q.dac_max = (1 << q.phase[i].bits) - 1;
    for (int i = 0; i < q.n_slices; i++)
        if ((1 << q.slice[i].bits) - 1 > q.cell_max) q.cell_max = (1 << q.slice[i].bits) - 1;
    return q;
}

int xbar_phases(const xbar_params *p) { return p->input_bits ? xbar_plan_of(p).n_phases : 1; }
int xbar_slices(const xbar_params *p) {
    return p->cell_bits && p->weight_bits ? xbar_plan_of(p).n_slices : 1;
}

bool xbar_part_of(const xbar *x, uint32_t b, uint32_t t, xbar_part *part) {
    const isa_block *k = &x->blocks[b];
    uint32_t from = t * XBAR_TILE, until = from + XBAR_TILE;
    *part = (xbar_part){.block = k, .index = b};
    part->from = k->n0 > from ? k->n0 : from;
    part->until = k->n0 + k->cols < until ? k->n0 + k->cols : until;
    if (part->from >= part->until) return false;
    for (uint32_t g = 0; g < XBAR_GROUPS; g++) {
        uint32_t group = t * XBAR_GROUPS + g;
        if (group < x->n_groups) part->risk[g] = x->risk[(size_t)b * x->n_groups + group];
    }
    return true;
}

static void add_digits(uint32_t *restrict sum, const int8_t *restrict w, size_t n, int offset,
                       int shift, int mask) {
    for (size_t i = 0; i < n; i++) sum[i] += (uint32_t)((w[i] + offset) >> shift & mask);
}

// Digits of one sign alone.
static void add_side(uint32_t *restrict sum, const int8_t *restrict w, size_t n, int sign,
                     int shift, int mask) {
    for (size_t i = 0; i < n; i++) {
        const int v = w[i] * sign;
        sum[i] += (uint32_t)((v > 0 ? v : 0) >> shift & mask);
    }
}

static void add_pairs(uint32_t *restrict up, uint32_t *restrict down, const int8_t *restrict w,
                      size_t n, int shift, int mask) {
    for (size_t i = 0; i < n; i++) {
        up[i] += (uint32_t)((w[i] > 0 ? w[i] : 0) >> shift & mask);
        down[i] += (uint32_t)((w[i] < 0 ? -w[i] : 0) >> shift & mask);
    }
}

// Largest and smallest partial sum of a column: every word line driven with the largest digit.
static void judge_block(xbar *x, uint32_t b) {
    const xbar_plan *p = &x->plan;
    const isa_block *k = &x->blocks[b];
    if (p->exact) return;
    uint32_t *up = base_alloc(2 * (size_t)k->cols * sizeof *up), *down = up + k->cols;
    for (int s = 0; s < p->n_slices; s++) {
        memset(up, 0, 2 * (size_t)k->cols * sizeof *up);
        int shift = p->slice[s].shift, mask = (1 << p->slice[s].bits) - 1;
        for (uint32_t r = 0; r < k->rows; r++) {
            const int8_t *w = x->codes + (size_t)(k->k0 + r) * x->n + k->n0;
            if (p->pairs)
                add_pairs(up, down, w, k->cols, shift, mask);
            else if (p->sides)
                add_side(up, w, k->cols, p->slice[s].sign, shift, mask);
            else
                add_digits(up, w, k->cols, p->offset, shift, mask);
        }
        for (uint32_t n = 0; n < k->cols; n++) {
            int64_t most = (int64_t)up[n] * p->dac_max, least = -(int64_t)down[n] * p->dac_max;
            bool safe = p->step == 1 ? most <= p->hi && least >= p->lo : most == 0 && least == 0;
            if (safe) continue;
            x->risk[(size_t)b * x->n_groups + (k->n0 + n) / XBAR_GROUP] |= (uint16_t)(1 << s);
            xbar_few c = {.block = b, .column = k->n0 + n, .slice = s};
            c.over = (int32_t)max_i64(most - p->hi, 0),
            c.under = (int32_t)max_i64(p->lo - least, 0);
            vec_push(&x->few, c);
        }
    }
    free(up);
}

static void judge(xbar *x) {
    uint64_t safe = 0;
    for (uint32_t b = 0; b < x->n_blocks; b++) {
        judge_block(x, b);
        const isa_block *k = &x->blocks[b];
        if (k->cols == 0) continue;
        for (uint32_t g = k->n0 / XBAR_GROUP; g <= (k->n0 + k->cols - 1) / XBAR_GROUP; g++) {
            int risky = __builtin_popcount(x->risk[(size_t)b * x->n_groups + g]);
            x->risky += (unsigned)risky;
            x->judged += (unsigned)x->plan.n_slices;
            safe += (unsigned)(x->plan.n_slices - risky);
        }
    }
    x->all_risky = safe == 0 && x->risky > 0;
    if (!xbar_few_fit(x)) vec_free(&x->few);
}

// [ceil(n/64)][ceil(k/4)][64][4] bytes: the code, or the value of the slices proved exact, + 128.
// Padding holds 128: 0.
static uint8_t *pack(xbar *x, bool safe_slices) {
    size_t quads = ceil_div_u64(x->k, 4), tiles = ceil_div_u64(x->n, XBAR_TILE);
    size_t bytes = tiles * quads * XBAR_TILE * 4;
    uint8_t *packed = base_alloc(bytes);
    memset(packed, 128, bytes);
    x->bytes += bytes;
    unsigned all = (1u << x->plan.n_slices) - 1;
    int8_t of[256]; // value of the safe slices of each code, for one set of them
    for (uint32_t b = 0; b < x->n_blocks; b++) {
        const isa_block *k = &x->blocks[b];
        uint32_t n = k->n0, until = k->n0 + k->cols;
        while (n < until) {
            uint32_t g = n / XBAR_GROUP,
                     end = (g + 1) * XBAR_GROUP < until ? (g + 1) * XBAR_GROUP : until;
            unsigned safe =
                safe_slices ? all & ~(unsigned)x->risk[(size_t)b * x->n_groups + g] : all;
            if (safe != all)
                for (int w = -128; w < 128; w++)
                    of[w & 255] = (int8_t)xbar_weight_of(&x->plan, safe, w);
            for (uint32_t r = 0; r < k->rows; r++) {
                size_t row = k->k0 + r;
                const uint8_t *w = (const uint8_t *)x->codes + row * x->n;
                uint8_t *to =
                    packed + ((n / XBAR_TILE * quads + row / 4) * XBAR_TILE) * 4 + row % 4;
                for (uint32_t i = n; i < end; i++) {
                    uint8_t v = safe == all ? w[i] : (uint8_t)of[w[i]];
                    to[i % XBAR_TILE * 4] = v ^ 0x80;
                }
            }
            n = end;
        }
    }
    return packed;
}

xbar *xbar_new(const xbar_params *p, const int8_t *codes, uint32_t k, uint32_t n,
               const isa_block *blocks, uint32_t n_blocks) {
    xbar *x = base_calloc(1, sizeof *x);
    x->plan = xbar_plan_of(p);
    x->codes = codes;
    x->k = k, x->n = n, x->n_groups = ceil_div_u64(n, XBAR_GROUP);
    if (n_blocks == 0) { // a stored group: no bit line, no converter to clip
        xbar_params exact = *p;
        exact.adc_bits = 0;
        x->plan = xbar_plan_of(&exact);
    }
    x->n_blocks = n_blocks ? n_blocks : 1;
    x->blocks = base_calloc(x->n_blocks, sizeof *x->blocks);
    if (n_blocks)
        memcpy(x->blocks, blocks, n_blocks * sizeof *blocks);
    else
        x->blocks[0] = (isa_block){.rows = k, .cols = n};
    for (uint32_t b = 0; b < x->n_blocks; b++) {
        const isa_block *q = &x->blocks[b];
        CHECK((uint64_t)q->k0 + q->rows <= k && (uint64_t)q->n0 + q->cols <= n,
              "block %u lies outside a matrix of %u x %u", b, k, n);
    }
    x->risk = base_calloc((size_t)x->n_blocks * x->n_groups + 1, sizeof *x->risk);
    x->quads = base_calloc(x->n_blocks, sizeof *x->quads);
    x->bytes = sizeof *x + (size_t)x->n_blocks * x->n_groups * sizeof *x->risk;
    judge(x);
    return x;
}

void xbar_free(xbar *x) {
    if (!x) return;
    for (uint32_t b = 0; b < x->n_blocks; b++) free(x->quads[b]);
    free(x->quads);
    free(x->packed);
    free(x->packed_safe);
    free(x->few_lines);
    vec_free(&x->few);
    free(x->risk);
    free(x->blocks);
    free(x);
}

double xbar_risk(const xbar *x) { return x->judged ? (double)x->risky / (double)x->judged : 0; }
size_t xbar_bytes(const xbar *x) { return x->bytes; }

// Stored codes of a block, four word lines side by side: [ceil(n/16)][ceil(rows/4)][16][4], zero
// outside.
static void pack_quads(xbar *x, uint32_t b) {
    const isa_block *k = &x->blocks[b];
    size_t quads = ceil_div_u64(k->rows, 4), bytes = x->n_groups * quads * XBAR_GROUP * 4;
    // Only the groups that the block meets are filled; the array starts at the first of them.
    uint32_t g0 = k->n0 / XBAR_GROUP, g1 = (uint32_t)ceil_div_u64(k->n0 + k->cols, XBAR_GROUP);
    bytes = (size_t)(g1 - g0) * quads * XBAR_GROUP * 4;
    uint8_t *q = x->quads[b] = base_calloc(bytes ? bytes : 1, 1);
    x->bytes += bytes;
    for (uint32_t r = 0; r < k->rows; r++) {
        const int8_t *w = x->codes + (size_t)(k->k0 + r) * x->n;
        for (uint32_t n = k->n0; n < k->n0 + k->cols; n++) {
            size_t g = n / XBAR_GROUP - g0;
            q[((g * quads + r / 4) * XBAR_GROUP + n % XBAR_GROUP) * 4 + r % 4] =
                (uint8_t)(x->plan.pairs ? w[n] : w[n] + x->plan.offset);
        }
    }
}

// acc = - offset * S x: what offset encoding takes back when no slice is exact.
static void take_back(const xbar *m, const int8_t *x, size_t x_stride, size_t rows, int32_t *acc,
                      size_t acc_stride) {
    for (size_t r = 0; r < rows; r++) {
        int32_t sum = 0;
        for (uint32_t k = 0; m->plan.offset && k < m->k; k++) sum += x[r * x_stride + k];
        for (uint32_t n = 0; n < m->n; n++) acc[r * acc_stride + n] = -m->plan.offset * sum;
    }
}

void xbar_run(xbar *m, const xbar_how *how, const int8_t *x, size_t x_stride, size_t rows,
              int32_t *acc, size_t acc_stride, xbar_events *events) {
    enum { FEW_ROWS = 8 }; // below, tables cost more than they save
    if (rows == 0 || m->n == 0) return;
    for (uint32_t b = 0; b < m->n_blocks; b++)
        events->conversions +=
            (uint64_t)rows * m->blocks[b].cols * (unsigned)(m->plan.n_phases * m->plan.n_slices);
    if (how->engine == XBAR_CELLS) {
        xbar_run_cells(m, x, x_stride, rows, acc, acc_stride, how->threads, events);
        return;
    }
    if (m->risky == 0 || (m->few.count > 0 && how->engine == XBAR_AUTO)) {
        if (!m->packed) m->packed = pack(m, false);
        xbar_run_exact(m, how, m->packed, x, x_stride, rows, acc, acc_stride);
        if (m->risky == 0) return;
        xbar_prepare_few(m);
        xbar_correct_few(m, how, x, x_stride, rows, acc, acc_stride, events);
        return;
    }
    bool lut = how->engine != XBAR_ROWS && xbar_lut_fits(m, how->path) &&
               (how->engine == XBAR_LUT || rows >= FEW_ROWS);
    if (!m->all_risky && !m->packed_safe) m->packed_safe = pack(m, true);
    for (uint32_t b = 0; lut && b < m->n_blocks; b++)
        if (!m->quads[b]) pack_quads(m, b);
    if (m->all_risky)
        take_back(m, x, x_stride, rows, acc, acc_stride);
    else
        xbar_run_exact(m, how, m->packed_safe, x, x_stride, rows, acc, acc_stride);
    if (lut)
        xbar_run_lut(m, how, x, x_stride, rows, acc, acc_stride, events);
    else
        xbar_run_rows(m, how, x, x_stride, rows, acc, acc_stride, events);
}
