// Attention in the charge domain; see gain.h. Names of docs/gain-cells.md: u of a stored element, x
// of a query's, g_i of an age, M_i, S, phi, A, z.
//
// Tables by age hold the oldest first, so that they run beside the slots.
#include "runtime-sim/gain/parts.h"
#include "support/num/num.h"
#include <stdlib.h>
#include <string.h>

// --- the device

gain_params gain_params_of(const isa_ring *d, const float *cell) {
    gain_params p;
    memset(&p, 0, sizeof p);
    p.d = d->d, p.dv = d->dv, p.slots = d->slots, p.sub_tile = d->sub_tile;
    p.q_levels = d->q_levels, p.kv_levels = d->kv_levels, p.out_levels = d->out_levels;
    p.saturate_scores = d->saturate == ISA_SAT_SCORES || d->saturate == ISA_SAT_BOTH;
    p.saturate_outputs = d->saturate == ISA_SAT_OUTPUTS || d->saturate == ISA_SAT_BOTH;
    p.product = d->decay_form == ISA_DECAY_PRODUCT;
    p.any_age = d->mode != ISA_RING_CAUSAL;
    p.terms = d->cell_terms;
    p.v_dd = d->v_dd, p.s_sat = d->s_sat, p.o_sat = d->o_sat, p.decay = d->decay;
    for (uint32_t i = 0; i < p.terms; i++) p.cell[i] = cell[i];
    return p;
}

const gain_params *gain_unit_params(const gain_unit *u) { return &u->p; }

// g_i of tokens of age `oldest`, oldest - 1, ...: g[i * stride + e].
static void fill_g(const gain_unit *u, int64_t oldest, size_t n, double *g, size_t stride) {
    for (size_t e = 0; e < n; e++) {
        double decay = 1, w_i = 1, d_i = 1;
        if (u->p.decay != 0)
            decay = num_exp_f64(-((double)u->p.decay * (double)max_i64(0, oldest - (int64_t)e)));
        for (uint32_t i = 0; i < u->p.terms; i++) {
            g[i * stride + e] = (double)u->p.cell[i] * w_i * (u->p.product ? decay : d_i);
            w_i *= u->w;
            d_i *= decay;
        }
    }
}

// C(u) of every level for the ages that g has.
static void fill_c(const gain_unit *u, size_t n, const double *g, size_t stride, double *c) {
    for (size_t e = 0; e < n; e++)
        for (uint32_t code = 0; code < u->c_row; code++) {
            double x = (double)(2 * (int)code - (int)u->p.kv_levels + 1), power = 1, sum = g[e];
            for (uint32_t i = 1; i < u->p.terms; i++) {
                power *= x;
                sum += g[i * stride + e] * power;
            }
            c[e * u->c_row + code] = code < u->p.kv_levels ? sum : 0;
        }
}

enum { BYTE_DIGIT = 64 }; // |digit|: two products with a query's byte fit 16 bits

static void add_plane(gain_unit *u, uint32_t power, double weight, double again,
                      const int32_t *digit) {
    gain_plane *plane = &u->planes[u->n_planes++];
    *plane = (gain_plane){.power = power, .weight = weight, .again = again};
    for (uint32_t c = 0; c < u->p.kv_levels; c++) {
        plane->digit[c] = (int8_t)digit[c];
        if (abs(digit[c]) > plane->largest) plane->largest = abs(digit[c]);
    }
}

static int32_t common_factor(int32_t a, int32_t b) {
    while (b) {
        int32_t rest = a % b;
        a = b, b = rest;
    }
    return a;
}

// u^i - r u^(i - 2) is 24 w of a small w for i = 3, odd u and r = 1; likewise for even u and r = 4.
static bool add_difference(gain_unit *u, uint32_t i, const int32_t *power, const int32_t *before) {
    for (int32_t r = 1; r <= 4; r += 3) {
        int32_t digit[16], factor = 0;
        bool fits = true;
        for (uint32_t c = 0; c < u->p.kv_levels; c++) {
            digit[c] = power[c] - r * before[c];
            factor = common_factor(factor, abs(digit[c]));
        }
        for (uint32_t c = 0; c < u->p.kv_levels && factor; c++) {
            digit[c] /= factor;
            fits &= abs(digit[c]) <= BYTE_DIGIT;
        }
        if (!fits || !factor) continue;
        add_plane(u, i, factor, r, digit);
        return true;
    }
    return false;
}

// Powers of u in bytes; false: too many of them, or sums of a head that 32 bits do not hold.
// Otherwise scores may be summed as integers, in any order.
static bool make_planes(gain_unit *u) {
    const gain_params *p = &u->p;
    if (p->kv_levels < 2 || p->kv_levels > 16 || p->q_levels < 2 || p->q_levels > 256) return false;
    double most = (double)(u->k_words * 4) * (double)(p->q_levels - 1);
    int32_t powers[ISA_MAX_CELL_TERMS][16];
    for (uint32_t i = 0; i < p->terms; i++) {
        if (i) most *= (double)(p->kv_levels - 1);
        if (most >= 0x1p31) return false;
        int32_t *power = powers[i], rest[16], digit[16], largest = 0;
        for (int32_t c = 0; c < (int32_t)p->kv_levels; c++) {
            power[c] = rest[c] = i ? powers[i - 1][c] * (2 * c - (int32_t)p->kv_levels + 1) : 1;
            if (abs(rest[c]) > largest) largest = abs(rest[c]);
        }
        if (i == 0) continue; // its moment is the sum of the query
        if (i > 2 && largest > BYTE_DIGIT && u->n_planes < GAIN_PLANES &&
            add_difference(u, i, power, powers[i - 2]))
            continue;
        for (double weight = 1; largest > 0; weight *= 128) {
            if (u->n_planes == GAIN_PLANES) return false;
            largest = 0;
            for (uint32_t c = 0; c < p->kv_levels; c++) {
                digit[c] = ((rest[c] + BYTE_DIGIT) & 127) - BYTE_DIGIT;
                rest[c] = (rest[c] - digit[c]) / 128;
                if (abs(rest[c]) > largest) largest = abs(rest[c]);
            }
            add_plane(u, i, weight, 0, digit);
        }
    }
    return true;
}

gain_unit *gain_unit_new(const gain_params *p) {
    CHECK(p->terms >= 1 && p->terms <= ISA_MAX_CELL_TERMS && p->sub_tile > 0 && p->slots > 0 &&
              p->kv_levels <= 256,
          "a charge ring of %u terms, %u slots", p->terms, p->slots);
    gain_unit *u = base_calloc(1, sizeof *u);
    u->p = *p;
    u->k_words = ceil_div_u64(p->d, 4);
    u->k_stride = p->slots;
    u->v_row = align_u64(p->dv, GAIN_COLUMNS);
    u->w = p->kv_levels ? (double)p->v_dd / (2 * (double)(p->kv_levels - 1)) : 1;
    u->half = (double)p->v_dd / 2;
    u->width = p->q_levels ? (double)(p->q_levels - 1) : 1;
    u->integer = make_planes(u);
    if (p->kv_levels && p->kv_levels <= GAIN_TABLE_LEVELS)
        u->c_row = p->kv_levels <= 8 ? 8 : GAIN_TABLE_LEVELS;
    u->own_ages = p->any_age && p->decay != 0;
    u->g = base_alloc(p->slots * sizeof *u->g * p->terms);
    fill_g(u, (int64_t)p->slots - 1, p->slots, u->g, p->slots);
    size_t rows = p->decay != 0 ? p->slots : 1;
    u->c = base_alloc(rows * u->c_row * sizeof *u->c + 64);
    u->c_step = p->decay != 0 ? u->c_row : 0;
    fill_c(u, rows, u->g, p->slots, u->c);
    return u;
}

void gain_unit_free(gain_unit *u) {
    if (!u) return;
    free(u->g);
    free(u->c);
    free(u);
}

// --- storage

// Zeros that begin at a cache line; *memory is what is freed.
static void *lines(size_t bytes, void **memory) {
    *memory = base_calloc(bytes + 64, 1);
    return (void *)(((uintptr_t)*memory + 63) & ~(uintptr_t)63);
}

gain_cells gain_cells_new(const gain_unit *u, size_t heads) {
    const gain_params *p = &u->p;
    size_t tokens = heads * p->slots;
    gain_cells c = {0};
    if (p->kv_levels) { // kernels read blocks of slots, and vectors from any column on
        c.k_codes = lines((heads * u->k_words * u->k_stride + GAIN_BLOCK) * 4, &c.memory[0]);
        c.v_codes = lines(tokens * u->v_row + 64, &c.memory[1]);
    } else {
        c.k = lines(tokens * p->d * sizeof(float), &c.memory[0]);
        c.v = lines(tokens * p->dv * sizeof(float), &c.memory[1]);
    }
    return c;
}

void gain_cells_free(gain_cells *c) {
    free(c->memory[0]);
    free(c->memory[1]);
    *c = (gain_cells){0};
}

static float step_of(float hi, uint32_t levels) { return hi / (float)(levels - 1); }

// Code (levels > 0), or the value itself.
static float level(float x, float hi, uint32_t levels) {
    float y = x > 0 ? x : 0; // NaN: 0
    if (y > hi) y = hi;
    return levels ? num_rint(y / step_of(hi, levels)) : y;
}

// Element i of a key or value as it stands in its cell: a code, or volts.
static void put_k(const gain_unit *u, gain_cells *c, size_t head, size_t slot, size_t i, float y) {
    size_t slots = u->p.slots;
    if (!u->p.kv_levels) {
        c->k[(head * u->p.d + i) * slots + slot] = y;
        return;
    }
    uint32_t *word = &c->k_codes[(head * u->k_words + i / 4) * slots + slot];
    int shift = (int)(i % 4) * 8;
    *word = (*word & ~(UINT32_C(255) << shift)) | (uint32_t)y << shift;
}
static float get_k(const gain_unit *u, const gain_cells *c, size_t head, size_t slot, size_t i) {
    size_t slots = u->p.slots;
    if (!u->p.kv_levels) return c->k[(head * u->p.d + i) * slots + slot];
    return (float)(c->k_codes[(head * u->k_words + i / 4) * slots + slot] >> (i % 4) * 8 & 255);
}
static void put_v(const gain_unit *u, gain_cells *c, size_t head, size_t slot, size_t i, float y) {
    size_t at = head * u->p.slots + slot;
    if (u->p.kv_levels)
        c->v_codes[at * u->v_row + gain_place(i)] = (uint8_t)y;
    else
        c->v[at * u->p.dv + i] = y;
}
static float get_v(const gain_unit *u, const gain_cells *c, size_t head, size_t slot, size_t i) {
    size_t at = head * u->p.slots + slot;
    return u->p.kv_levels ? (float)c->v_codes[at * u->v_row + gain_place(i)]
                          : c->v[at * u->p.dv + i];
}

void gain_write(const gain_unit *u, gain_cells *c, size_t head, size_t slot,
                const gain_scaling *scaling, const float *k, const float *v) {
    const gain_params *p = &u->p;
    for (size_t i = 0; i < p->d; i++)
        put_k(u, c, head, slot, i,
              level(scaling->a_k * k[i] + scaling->b_k, p->v_dd, p->kv_levels));
    for (size_t i = 0; i < p->dv; i++)
        put_v(u, c, head, slot, i,
              level(scaling->a_v * v[i] + scaling->b_v, p->v_dd, p->kv_levels));
}

// The number that a voltage was made of; 0 where a factor of 0 made it.
static float unscaled(float y, float a, float b) { return a != 0 ? (y - b) / a : 0; }

void gain_read(const gain_unit *u, const gain_cells *c, size_t head, size_t slot,
               const gain_scaling *scaling, float *k, float *v) {
    const gain_params *p = &u->p;
    float step = p->kv_levels ? step_of(p->v_dd, p->kv_levels) : 1;
    for (size_t i = 0; i < p->d; i++)
        k[i] = unscaled(step * get_k(u, c, head, slot, i), scaling->a_k, scaling->b_k);
    for (size_t i = 0; i < p->dv; i++)
        v[i] = unscaled(step * get_v(u, c, head, slot, i), scaling->a_v, scaling->b_v);
}

void gain_save(const gain_unit *u, const gain_cells *c, size_t head, size_t slot, bytes_out *out) {
    for (size_t i = 0; i < u->p.d + u->p.dv; i++) {
        float y = i < u->p.d ? get_k(u, c, head, slot, i) : get_v(u, c, head, slot, i - u->p.d);
        uint8_t code = (uint8_t)(u->p.kv_levels ? y : 0);
        if (u->p.kv_levels)
            bytes_put(out, &code, 1);
        else
            bytes_put_words(out, &y, 1);
    }
}

bool gain_load(const gain_unit *u, gain_cells *c, size_t head, size_t slot, bytes_in *in) {
    for (size_t i = 0; i < u->p.d + u->p.dv; i++) {
        float y = 0;
        if (u->p.kv_levels) {
            const uint8_t *code = bytes_get(in, 1);
            if (!code || *code >= u->p.kv_levels) return false;
            y = *code;
        } else if (!bytes_get_words(in, &y, 1) || !(y >= 0 && y <= u->p.v_dd)) {
            return false;
        }
        if (i < u->p.d)
            put_k(u, c, head, slot, i, y);
        else
            put_v(u, c, head, slot, i - u->p.d, y);
    }
    return true;
}

// --- scratch

typedef struct {
    double *s, *acc, *sum; // [slots] S, then phi; [v_row] of a sub-tile, of all
    double *x;             // [d]
    double *g, *c;         // own_ages: [terms][slots], [slots][c_row]
    uint32_t *list;        // [slots]
    uint8_t *codes;        // [k_words * 4]
} scratch_of;

size_t gain_scratch(const gain_unit *u) {
    size_t doubles = u->p.slots + 2 * u->v_row + u->p.d;
    if (u->own_ages) doubles += (size_t)(u->p.terms + u->c_row) * u->p.slots;
    return doubles * sizeof(double) + u->p.slots * sizeof(uint32_t) + u->k_words * 4 + 64;
}

static scratch_of scratch_parts(const gain_unit *u, void *scratch) {
    scratch_of w;
    w.s = (double *)(((uintptr_t)scratch + 63) & ~(uintptr_t)63);
    w.acc = w.s + u->p.slots;
    w.sum = w.acc + u->v_row;
    w.x = w.sum + u->v_row;
    w.g = w.x + u->p.d;
    w.c = w.g + (u->own_ages ? (size_t)u->p.terms * u->p.slots : 0);
    w.list = (uint32_t *)(w.c + (u->own_ages ? (size_t)u->c_row * u->p.slots : 0));
    w.codes = (uint8_t *)(w.list + u->p.slots);
    return w;
}

// --- what a query sees: up to two runs of slots side by side

typedef struct {
    size_t slot, n;   // first slot, slots
    int64_t position; // of the first
    gain_ages ages;   // of the first and those that follow
} run_of_slots;

static int runs_of(const gain_unit *u, const gain_view *view, scratch_of *w, run_of_slots *run) {
    size_t slots = u->p.slots, first = (size_t)(view->first % (int64_t)slots), n = (size_t)view->n;
    size_t to_end = slots - first < n ? slots - first : n;
    if (n == 0) return 0;
    CHECK(n <= slots, "%zu tokens of %zu", n, slots);
    int k = 0;
    if (n > to_end) run[k++] = (run_of_slots){0, n - to_end, view->first + (int64_t)to_end, {0}};
    run[k++] = (run_of_slots){first, to_end, view->first, {0}};
    if (u->own_ages) {
        fill_g(u, view->t - view->first, n, w->g, slots);
        fill_c(u, n, w->g, slots, w->c);
    }
    for (int i = 0; i < k; i++) {
        size_t at = (size_t)(run[i].position - view->first);
        if (u->own_ages) {
            run[i].ages = (gain_ages){w->g + at, slots, w->c + at * u->c_row, u->c_row};
            continue;
        }
        if (u->p.decay == 0) { // all ages are alike
            at = 0;
        } else {
            int64_t age = view->t - run[i].position;
            CHECK(age < (int64_t)slots && age - (int64_t)run[i].n >= -1, "age %lld of %zu slots",
                  (long long)age, slots);
            at = slots - 1 - (size_t)age;
        }
        run[i].ages = (gain_ages){u->g + at, slots, u->c + at * u->c_step, u->c_step};
    }
    return k;
}

static gain_query query_of(const gain_unit *u, const gain_scaling *scaling, const float *q,
                           scratch_of *w) {
    gain_query y = {w->x, w->codes, 0};
    float step = u->p.q_levels ? step_of(1, u->p.q_levels) : 1;
    for (uint32_t i = 0; i < u->p.d; i++) {
        float x = level(scaling->a_q * q[i] + scaling->b_q, 1, 0);
        w->x[i] = (double)(u->p.q_levels ? gain_nearest(x / step) : x);
    }
    for (uint32_t i = 0; i < u->p.d; i++) y.sum += w->x[i];
    if (!u->integer) return y;
    for (uint32_t i = 0; i < u->p.d; i++) w->codes[i] = (uint8_t)(int)w->x[i];
    memset(w->codes + u->p.d, 0, u->k_words * 4 - u->p.d);
    return y;
}

static gain_head head_of(const gain_unit *u, const gain_cells *c, size_t head) {
    const gain_params *p = &u->p;
    if (p->kv_levels)
        return (gain_head){.k_codes = c->k_codes + head * u->k_words * p->slots,
                           .v_codes = c->v_codes + head * p->slots * u->v_row};
    return (gain_head){.k = c->k + head * p->d * p->slots, .v = c->v + head * p->slots * p->dv};
}

// --- attending

void gain_scores(const gain_unit *u, simd_path path, const gain_cells *c, size_t head,
                 const gain_view *view, const gain_scaling *scaling, const float *q, double *s,
                 void *scratch) {
    scratch_of w = scratch_parts(u, scratch);
    run_of_slots run[2];
    int runs = runs_of(u, view, &w, run);
    gain_query x = query_of(u, scaling, q, &w);
    gain_head h = {0};
    if (runs) h = head_of(u, c, head);
    for (int i = 0; i < runs; i++)
        gain_kernels_of(u, path).scores(u, &h, &x, &run[i].ages, run[i].slot, run[i].n,
                                        s + run[i].slot);
}

void gain_attend(const gain_unit *u, simd_path path, const gain_cells *c, size_t head,
                 const gain_view *view, const gain_scaling *scaling, const float *q, float *out,
                 gain_counts *counts, void *scratch) {
    scratch_of w = scratch_parts(u, scratch);
    run_of_slots run[2];
    int runs = runs_of(u, view, &w, run);
    gain_query x = query_of(u, scaling, q, &w);
    gain_kernels f = gain_kernels_of(u, path);
    gain_head h = {0};
    if (runs) h = head_of(u, c, head);
    for (size_t i = 0; i < u->v_row; i++) w.sum[i] = w.acc[i] = 0;
    size_t tile = 0;
    bool charged = false; // the sub-tile has charges
    for (int i = 0; i < runs; i++) {
        const run_of_slots *r = &run[i];
        double *phi = w.s + r->slot;
        f.scores(u, &h, &x, &r->ages, r->slot, r->n, phi);
        counts->scores_saturated += f.pulses(u, phi, r->n, view->held ? view->held + r->slot : NULL,
                                             r->position, &counts->scores);
        for (size_t at = 0, n; at < r->n; at += n) {
            size_t slot = r->slot + at, left = u->p.sub_tile - slot % u->p.sub_tile;
            n = r->n - at < left ? r->n - at : left;
            if (slot / u->p.sub_tile != tile && charged) {
                counts->outputs_saturated += f.read_out(u, w.acc, w.sum);
                charged = false;
            }
            tile = slot / u->p.sub_tile;
            size_t some = f.list(phi + at, n, w.list);
            if (some == 0) continue;
            gain_ages ages = r->ages;
            ages.g += at, ages.c += at * ages.c_step;
            f.mix(u, &h, &ages, slot, w.list, some, phi + at, w.acc);
            charged = true;
        }
    }
    if (charged) counts->outputs_saturated += f.read_out(u, w.acc, w.sum);
    double step = u->p.out_levels ? (double)(2.0f / (float)(u->p.out_levels - 1)) : 1;
    for (uint32_t i = 0; i < u->p.dv; i++) {
        float r = (float)(step * w.sum[i]); // 1 * sum is the sum
        out[i] = scaling->a_o * r + scaling->b_o;
    }
}
