// Storage of rings; see ring.h.
#include "ir/eval/ring.h"
#include <stdlib.h>
#include <string.h>

// ---- description -----------------------------------------------------------------------------

static bool ring_fail(diag_sink *diags, const ir_symbol *s, const char *what) {
    diag_loc loc = {.line = s->line};
    diag_emit(diags, DIAG_ID_eval_operand, loc, "ring '@%s': %s", s->name, what);
    return false;
}

static bool load_table(const ir_module *m, ir_ring_state *r, diag_sink *diags) {
    const char *name = r->symbol->ring->table;
    const ir_symbol *s = name ? ir_symbol_find(m, name) : NULL;
    if (!s || s->kind != IR_SYM_TENSOR) return ring_fail(diags, r->symbol, "its table is missing");
    int64_t n = (int64_t)tensor_count(&s->data), heads = r->n_kv * r->q_per_kv;
    int64_t width = n / heads, w = 0;
    while (w * w < width) w++;
    bool fits = n == heads * width && width > 0 && (r->bias != IR_BIAS_ALIBI || width == 1) &&
                (r->bias != IR_BIAS_FULL || w * w == width);
    if (!fits) return ring_fail(diags, r->symbol, "its table does not fit its heads");
    r->table = base_alloc((size_t)n * sizeof(float));
    elem_convert(ELEM_f32, r->table, s->data.type, s->data.data, (size_t)n);
    r->table_width = r->bias == IR_BIAS_FULL ? w : width;
    // Causal tables end at distance 0, others have it in the middle, unless the ring says where.
    int64_t zero = r->symbol->ring->zero;
    r->table_zero = zero >= 0 ? zero : r->mode == IR_RING_CAUSAL ? width - 1 : (width - 1) / 2;
    return true;
}

// f32 numbers of the tensor of that name; NULL reported.
static float *load_numbers(const ir_module *m, const ir_ring_state *r, const char *name, int64_t n,
                           diag_sink *diags) {
    const ir_symbol *s = name ? ir_symbol_find(m, name) : NULL;
    if (!s || s->kind != IR_SYM_TENSOR || tensor_count(&s->data) != (size_t)n) {
        ring_fail(diags, r->symbol, "its sink or scalings do not fit its heads");
        return NULL;
    }
    float *to = base_alloc((size_t)n * sizeof *to);
    elem_convert(ELEM_f32, to, s->data.type, s->data.data, (size_t)n);
    return to;
}

static bool load_readout(const ir_module *m, ir_ring_state *r, diag_sink *diags) {
    const ir_ring *of = r->symbol->ring;
    int64_t heads = ir_ring_heads(of);
    char text[IR_RING_TEXT];
    int at = 0;
    if (ir_ring_fault(of, &at, text)) return ring_fail(diags, r->symbol, text);
    if (ir_ring_is_charge(of)) {
        r->readout = RING_CHARGE;
        r->charge = charge_unit_of(of);
        r->scalings = load_numbers(m, r, of->scalings, 8 * heads, diags);
        return r->scalings != NULL;
    }
    r->levels = levels_unit_of(of);
    r->readout = ir_ring_is_coarse(of) ? RING_LEVELS : RING_EXACT;
    r->hard = ir_ring_is_hard(of);
    r->alpha = r->hard ? (float)of->alpha : 0;
    r->beta = r->hard ? (float)of->beta : 0;
    if (of->sink) r->sink = load_numbers(m, r, of->sink, heads, diags);
    return r->sink || !of->sink;
}

static bool ring_init(const ir_module *m, const ir_symbol *s, ir_ring_state *r, diag_sink *diags) {
    const ir_ring *of = s->ring;
    *r = (ir_ring_state){.symbol = s,
                         .mode = of->mode,
                         .n_kv = of->n_kv,
                         .q_per_kv = of->q_per_kv,
                         .d = of->d,
                         .dv = of->dv,
                         .slots = of->slots,
                         .window = of->window,
                         .scale = (float)of->scale,
                         .softcap = (float)of->softcap,
                         .bias = of->bias};
    const int64_t sizes[] = {r->n_kv, r->q_per_kv, r->d, r->dv, r->slots};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        if (sizes[i] < 1 || sizes[i] > INT32_MAX)
            return ring_fail(diags, s, "n_kv, q_per_kv, d, dv and slots must be positive");
    if (r->window <= 0 || r->window > r->slots) r->window = r->slots;
    return (r->bias == IR_BIAS_NONE || load_table(m, r, diags)) && load_readout(m, r, diags);
}

ir_ring_state *ring_states_new(const ir_module *m, diag_sink *diags) {
    size_t n = 0;
    for (size_t i = 0; i < m->symbols.count; i++) n += m->symbols.items[i]->kind == IR_SYM_RING;
    ir_ring_state *rings = base_calloc(n + 1, sizeof *rings);
    bool ok = true;
    for (size_t i = 0, k = 0; ok && i < m->symbols.count; i++)
        if (m->symbols.items[i]->kind == IR_SYM_RING)
            ok = ring_init(m, m->symbols.items[i], &rings[k++], diags);
    if (ok) return rings;
    ring_states_free(rings);
    return NULL;
}

void ring_states_free(ir_ring_state *rings) {
    for (ir_ring_state *r = rings; r && r->symbol; r++) {
        free(r->table);
        free(r->sink);
        free(r->scalings);
        free(r->k);
        free(r->v);
        free(r->valid);
        free(r->k_stored);
        free(r->v_stored);
        free(r->k_a);
        free(r->v_a);
    }
    free(rings);
}

void ring_clear(ir_ring_state *r) {
    r->first = r->count = r->at = 0;
    r->masked = false;
}

ir_ring_state *ring_find(ir_ring_state *rings, const char *name) {
    for (ir_ring_state *r = rings; r && r->symbol; r++)
        if (strcmp(r->symbol->name, name) == 0) return r;
    return NULL;
}

// ---- writing ---------------------------------------------------------------------------------

// [lines][r->capacity] elements with the last `keep` of each line moved to the front, in memory for
// `capacity` of them.
static void *moved(const ir_ring_state *r, void *old, int64_t lines, size_t bytes, int64_t keep,
                   int64_t capacity) {
    int64_t from = r->at + r->count - keep;
    bool grows = capacity != r->capacity;
    char *to = grows ? base_alloc((size_t)(lines * capacity) * bytes + 1) : old;
    for (int64_t i = 0; keep && i < lines; i++)
        memmove(to + (size_t)(i * capacity) * bytes,
                (char *)old + (size_t)(i * r->capacity + from) * bytes, (size_t)keep * bytes);
    if (grows) free(old);
    return to;
}

// Keeps the last `keep` rows, moved to the front, and makes room for n more.
static void make_room(ir_ring_state *r, int64_t keep, int64_t n) {
    // Room for as much again: rows move once in that many, not in every step.
    int64_t more = keep + n + max_i64(min_i64(r->slots, keep + n), 16);
    int64_t capacity = keep + n <= r->capacity ? r->capacity : more;
    size_t d = (size_t)r->d, dv = (size_t)r->dv;
    r->k = moved(r, r->k, r->n_kv * r->d, sizeof *r->k, keep, capacity);
    r->v = moved(r, r->v, r->n_kv, dv * sizeof *r->v, keep, capacity);
    r->valid = moved(r, r->valid, 1, sizeof *r->valid, keep, capacity);
    if (r->readout != RING_EXACT) {
        r->k_stored = moved(r, r->k_stored, r->n_kv, d * sizeof *r->k_stored, keep, capacity);
        r->v_stored = moved(r, r->v_stored, r->n_kv, dv * sizeof *r->v_stored, keep, capacity);
        r->k_a = moved(r, r->k_a, r->n_kv, sizeof *r->k_a, keep, capacity);
        r->v_a = moved(r, r->v_a, r->n_kv, sizeof *r->v_a, keep, capacity);
    }
    r->capacity = capacity;
    r->first += r->count - keep;
    r->count = keep;
    r->at = 0;
    r->masked = false;
    for (int64_t i = 0; i < keep; i++) r->masked = r->masked || !r->valid[i];
}

// One key (value: false) or value row of head g as it is stored.
static void store_row(ir_ring_state *r, bool value, int64_t g, int64_t column, const float *x) {
    size_t at = (size_t)(g * r->capacity + column), width = (size_t)(value ? r->dv : r->d);
    double *to = (value ? r->v_stored : r->k_stored) + at * width;
    if (r->readout == RING_LEVELS) {
        (value ? r->v_a : r->k_a)[at] = levels_store(&r->levels, x, width, to);
        return;
    }
    int64_t heads = r->n_kv * r->q_per_kv;
    const float *scale = r->scalings + (value ? 4 : 2) * heads + g * r->q_per_kv;
    for (size_t i = 0; i < width; i++)
        to[i] = charge_store(&r->charge, scale[0], scale[heads], x[i]);
}

void ring_write(ir_ring_state *r, int64_t pos, int64_t n, const float *k, const float *v,
                const int32_t *mask) {
    r->count = max_i64(0, min_i64(r->count, pos - r->first));
    if (r->count == 0) {
        r->first = pos;
        r->at = 0;
        r->masked = false;
    }
    if (n == 0) return;
    if (r->at + r->count + n > r->capacity) make_room(r, min_i64(r->count, r->slots), n);
    int64_t end = r->at + r->count;
    for (int64_t h = 0; h < r->n_kv; h++) {
        float *column = r->k + h * r->d * r->capacity + end;
        for (int64_t i = 0; i < r->d; i++, column += r->capacity)
            for (int64_t t = 0; t < n; t++) column[t] = k[(t * r->n_kv + h) * r->d + i];
        for (int64_t t = 0; t < n; t++)
            memcpy(r->v + (h * r->capacity + end + t) * r->dv, v + (t * r->n_kv + h) * r->dv,
                   (size_t)r->dv * sizeof *v);
        for (int64_t t = 0; r->readout != RING_EXACT && t < n; t++) {
            store_row(r, false, h, end + t, k + (t * r->n_kv + h) * r->d);
            store_row(r, true, h, end + t, v + (t * r->n_kv + h) * r->dv);
        }
    }
    for (int64_t t = 0; t < n; t++) {
        r->valid[end + t] = !mask || mask[t] != 0;
        r->masked = r->masked || !r->valid[end + t];
    }
    r->count += n;
}

// ---- reading ---------------------------------------------------------------------------------

int64_t ring_newest(const ir_ring_state *r, int64_t *n) {
    *n = min_i64(r->count, r->slots);
    return r->at + r->count - *n;
}

void ring_visible(const ir_ring_state *r, int64_t t, bool written, int64_t *from, int64_t *n,
                  int64_t *pos) {
    int64_t lo = r->first, hi = r->first + r->count;
    if (written || r->mode != IR_RING_CAUSAL) lo = max_i64(lo, hi - r->slots);
    if (r->mode == IR_RING_CAUSAL) {
        lo = max_i64(lo, t - r->window + 1);
        hi = min_i64(hi, t + 1);
    }
    *pos = lo;
    *n = max_i64(0, hi - lo);
    *from = r->at + lo - r->first;
}

bool ring_bias_row(const ir_ring_state *r, int64_t h, int64_t t, int64_t pos, int64_t n,
                   float *bias) {
    int64_t w = r->table_width;
    switch (r->bias) {
    case IR_BIAS_NONE: return false;
    case IR_BIAS_ALIBI:
        for (int64_t i = 0; i < n; i++) bias[i] = r->table[h] * (float)(pos + i - t);
        return true;
    case IR_BIAS_TOEPLITZ:
        for (int64_t i = 0; i < n; i++) {
            int64_t at = r->table_zero + (pos + i - t);
            bias[i] = r->table[h * w + max_i64(0, min_i64(at, w - 1))];
        }
        return true;
    case IR_BIAS_FULL:
        for (int64_t i = 0; i < n; i++) // positions beyond the table: checked by the caller
            bias[i] = r->table[(h * w + t) * w + pos + i];
        return true;
    }
    return false;
}
