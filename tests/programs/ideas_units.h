// What a random program may do next, continued: products, rings, links; and the whole program.
#ifndef OHMIC_TESTS_PROGRAMS_IDEAS_UNITS_H
#define OHMIC_TESTS_PROGRAMS_IDEAS_UNITS_H
#include "tests/programs/ideas.h"

// --- products

// Rows k0 ... k1 of codes [k][n], with what their epilogue asks for.
static inline uint16_t gen_group(gen *g, const int8_t *codes, uint32_t k, uint32_t k0, uint32_t k1,
                                 uint32_t n) {
    isa_tile *t = gen_tile(g);
    isa_group *d = &t->groups[t->n_groups];
    int32_t sums[32] = {0};
    for (uint32_t i = 0; i < k * n; i++) sums[i % n] += codes[i];
    *d = (isa_group){.kind = gen_one_in(g, 4) ? ISA_STORED : ISA_RESIDENT,
                     .wtype = ISA_W_I8,
                     .k = k,
                     .k0 = k0,
                     .k1 = k1,
                     .n = n,
                     .first_block = t->n_blocks};
    d->cells = gen_bytes(&g->cells.items, &g->cells.count, &g->cells.capacity, codes + k0 * n,
                         (size_t)(k1 - k0) * n);
    d->scale = gen_floats(g, n, true);
    d->zero = gen_one_in(g, 2) ? gen_ints(g, n, -9, 9) : ISA_NO_OFFSET;
    d->colsum = gen_table_bytes(g, sums, 4 * n);
    d->bias = gen_one_in(g, 2) ? gen_floats(g, n, false) : ISA_NO_OFFSET;
    uint32_t rows = k1 - k0, cut = rows > 1 && gen_one_in(g, 2) ? rows / 2 : rows;
    uint32_t across = n > 1 && gen_one_in(g, 3) ? n / 2 : n;
    if (d->kind == ISA_STORED) return (uint16_t)t->n_groups++;
    for (uint32_t r = 0; r < rows; r += cut)
        for (uint32_t c = 0; c < n; c += across, d->n_blocks++)
            t->blocks[t->n_blocks++] = (isa_block){.crossbar = g->crossbar[g->tile]++,
                                                   .k0 = r,
                                                   .n0 = c,
                                                   .rows = rows - r < cut ? rows - r : cut,
                                                   .cols = n - c < across ? n - c : across};
    return (uint16_t)t->n_groups++;
}

static inline uint16_t gen_group_f32(gen *g, uint32_t k, uint32_t n) {
    isa_tile *t = gen_tile(g);
    float w[256];
    for (uint32_t i = 0; i < k * n; i++) w[i] = gen_float(g);
    t->groups[t->n_groups] = (isa_group){.kind = ISA_STORED,
                                         .wtype = ISA_W_F32,
                                         .k = k,
                                         .k1 = k,
                                         .n = n,
                                         .first_block = t->n_blocks};
    isa_group *d = &t->groups[t->n_groups];
    d->cells = gen_bytes(&g->cells.items, &g->cells.count, &g->cells.capacity, w, 4 * k * n);
    d->scale = d->zero = d->colsum = ISA_NO_OFFSET;
    d->bias = gen_one_in(g, 2) ? gen_floats(g, n, false) : ISA_NO_OFFSET;
    return (uint16_t)t->n_groups++;
}

static inline uint16_t gen_channel(gen *g, const isa_buffer *b, uint32_t to) {
    isa_program *p = g->p;
    p->channels[p->n_channels] = (isa_channel){.source = g->tile,
                                               .type = b->type,
                                               .dom = b->dom,
                                               .width = b->width,
                                               .depth = (uint32_t)gen_most(g, b->dom),
                                               .first_dest = p->n_dests};
    for (uint32_t t = 0; t < p->n_tiles; t++)
        if (t == to || (t != g->tile && to == UINT32_MAX && gen_one_in(g, 2)))
            p->dests[p->n_dests++] = t, p->channels[p->n_channels].n_dests++;
    return (uint16_t)p->n_channels++;
}

// A product in two parts: the second on another tile, whose sums are added to those of the first.
static inline void gen_split_product(gen *g, uint16_t q, const int8_t *w, uint32_t k, uint32_t n) {
    uint32_t here = g->tile, there = (here + 1) % g->p->n_tiles, half = k / 2;
    uint8_t dom = gen_of(g, q)->dom;
    if (there == here || !gen_has_room(g, there) || g->p->n_channels + 2 > GEN_MOST) return;
    isa_buffer b = *gen_of(g, q);
    uint16_t out = gen_channel(g, &b, there);
    GEN_PUT(g, .op = ISA_send, .dom = dom, .a = q, .x = out);
    uint16_t r0 = gen_buffer(g, ISA_RAW, n, dom), g0 = gen_group(g, w, k, 0, half, n);
    GEN_PUT(g, .op = ISA_mvm, .mode = ISA_MODE_mvm_raw, .dom = dom, .d = r0,
            .a = gen_view(g, q, 0, half), .x = g0, .b = ISA_NONE);
    g->tile = there;
    uint16_t q1 = gen_buffer(g, ISA_Q8, k, dom), r1 = gen_buffer(g, ISA_RAW, n, dom);
    gen_tile(g)->buffers[q1].quant = ISA_QUANT_NONE;
    GEN_PUT(g, .op = ISA_recv, .dom = dom, .d = q1, .x = out);
    GEN_PUT(g, .op = ISA_mvm, .mode = ISA_MODE_mvm_raw, .dom = dom, .d = r1,
            .a = gen_view(g, q1, half, k - half), .x = gen_group(g, w, k, half, k, n),
            .b = ISA_NONE);
    isa_buffer raw = *gen_of(g, r1);
    uint16_t back = gen_channel(g, &raw, here);
    GEN_PUT(g, .op = ISA_send, .dom = dom, .a = r1, .x = back);
    gen_keep(g, r1);
    g->tile = here;
    GEN_PUT(g, .op = ISA_recvadd, .dom = dom, .d = r0, .a = r0, .x = back);
    uint16_t y = gen_buffer(g, gen_type(g), n, dom);
    GEN_PUT(g, .op = ISA_fin, .dom = dom, .d = y, .a = r0, .x = g0);
    gen_keep(g, y);
}

// A row in two parts that two tiles quantise by its largest element; they meet again in one row.
static inline void gen_spread(gen *g, gen_value a) {
    uint32_t here = g->tile, there = (here + 1) % g->p->n_tiles;
    isa_buffer b = *gen_of(g, a.buffer);
    uint32_t half = b.width / 2, rest = b.width - half;
    if (!(GEN_NUMBERS >> b.type & 1)) return;
    gen_value other;
    if (there == here || half == 0 || !gen_has_room(g, there) ||
        g->p->n_channels + 3 > GEN_MOST) { // whole, by a column that may hold anything
        if (!gen_find(g, GEN_FLOATS, 1, b.dom, &other)) return;
        uint16_t q = gen_buffer(g, ISA_Q8, b.width, b.dom);
        gen_tile(g)->buffers[q].quant = ISA_QUANT_SYM;
        gen_tile(g)->buffers[q].scale = 0, gen_tile(g)->buffers[q].zero = 0;
        GEN_PUT(g, .op = ISA_copy, .dom = b.dom, .d = q, .a = a.buffer, .b = other.buffer);
        gen_keep(g, q);
        return;
    }
    uint16_t most = gen_buffer(g, gen_one_in(g, 3) ? ISA_BF16 : ISA_F32, 1, b.dom);
    GEN_PUT(g, .op = ISA_red, .dom = b.dom, .d = most, .a = a.buffer, .n = ISA_RED_absmax);
    uint16_t right = gen_view(g, a.buffer, half, rest);
    isa_buffer column = *gen_of(g, most), part = *gen_of(g, right);
    uint16_t x = gen_channel(g, &column, there), y = gen_channel(g, &part, there);
    GEN_PUT(g, .op = ISA_send, .dom = b.dom, .a = most, .x = x);
    GEN_PUT(g, .op = ISA_send, .dom = b.dom, .a = right, .x = y);
    uint16_t whole = gen_buffer(g, ISA_Q8, b.width, b.dom);
    isa_buffer *q = &gen_tile(g)->buffers[whole];
    q->quant = ISA_QUANT_SYM, q->scale = 0, q->zero = 0;
    uint16_t q0 = gen_view(g, whole, 0, half), q1 = gen_view(g, whole, half, rest);
    q->quant = ISA_QUANT_NONE;
    GEN_PUT(g, .op = ISA_copy, .dom = b.dom, .d = q0, .a = gen_view(g, a.buffer, 0, half),
            .b = most);
    g->tile = there;
    uint16_t at_most = gen_buffer(g, (isa_btype)column.type, 1, b.dom),
             at = gen_buffer(g, (isa_btype)part.type, rest, b.dom),
             codes = gen_buffer(g, ISA_Q8, rest, b.dom);
    if (part.type == ISA_Q8) gen_tile(g)->buffers[at].quant = ISA_QUANT_NONE;
    q = &gen_tile(g)->buffers[codes];
    q->quant = ISA_QUANT_SYM, q->scale = 0, q->zero = 0;
    GEN_PUT(g, .op = ISA_recv, .dom = b.dom, .d = at_most, .x = x);
    GEN_PUT(g, .op = ISA_recv, .dom = b.dom, .d = at, .x = y);
    GEN_PUT(g, .op = ISA_copy, .dom = b.dom, .d = codes, .a = at, .b = at_most);
    isa_buffer sent = *gen_of(g, codes);
    uint16_t back = gen_channel(g, &sent, here);
    GEN_PUT(g, .op = ISA_send, .dom = b.dom, .a = codes, .x = back);
    g->tile = here;
    GEN_PUT(g, .op = ISA_recv, .dom = b.dom, .d = q1, .x = back);
    gen_keep(g, whole);
}

static inline void gen_product(gen *g, gen_value a) {
    isa_buffer b = *gen_of(g, a.buffer);
    uint32_t k = b.width, n = 1 + gen_below(g, 8);
    gen_value gate;
    int8_t w[256];
    if (!(GEN_NUMBERS >> b.type & 1) || k > 16) return;
    int extreme = gen_one_in(g, 4) ? 128 : 20;
    for (uint32_t i = 0; i < k * n; i++) w[i] = (int8_t)random_in(&g->r, -extreme, extreme - 1);
    uint16_t q = a.buffer;
    if (b.type != ISA_Q8 && gen_one_in(g, 2)) {
        q = gen_buffer(g, ISA_Q8, k, b.dom);
        GEN_PUT(g, .op = ISA_copy, .dom = b.dom, .d = q, .a = a.buffer, .b = ISA_NONE);
        gen_keep(g, q);
    }
    bool codes = gen_of(g, q)->type == ISA_Q8;
    if (codes && gen_of(g, q)->parent == q && k > 1 && gen_one_in(g, 3)) {
        gen_split_product(g, q, w, k, n);
        return;
    }
    uint16_t x = codes || gen_one_in(g, 2) ? gen_group(g, w, k, 0, k, n) : gen_group_f32(g, k, n);
    bool raw = codes && gen_one_in(g, 3);
    uint16_t d = gen_buffer(g, raw ? ISA_RAW : gen_one_in(g, 3) ? ISA_BF16 : ISA_F32, n, b.dom);
    bool gated = gen_one_in(g, 3) && gen_find(g, GEN_NUMBERS, 1, b.dom, &gate);
    GEN_PUT(g, .op = ISA_mvm, .mode = raw ? ISA_MODE_mvm_raw : 0, .dom = b.dom, .d = d, .a = q,
            .x = x, .b = gated ? gate.buffer : ISA_NONE);
    gen_keep(g, d);
    if (!raw) return;
    uint16_t y = gen_buffer(g, gen_type(g), n, b.dom);
    GEN_PUT(g, .op = ISA_fin, .dom = b.dom, .d = y, .a = d, .x = x);
    gen_keep(g, y);
}

// --- rings

static inline uint16_t gen_ring(gen *g, isa_rmode mode, uint8_t dom, uint32_t slots, int64_t end) {
    isa_tile *t = gen_tile(g);
    isa_ring *r = &t->rings[t->n_rings];
    *r = (isa_ring){.kind = gen_one_in(g, 2) ? ISA_RING_GAIN : ISA_RING_STORED,
                    .mode = (uint8_t)mode,
                    .dom = dom,
                    .n_kv = 1 + gen_below(g, 2),
                    .q_per_kv = 1 + gen_below(g, 2),
                    .d = 1 + gen_below(g, 3),
                    .dv = 1 + gen_below(g, 3),
                    .slots = slots,
                    .scale = 0.5f,
                    .softcap = gen_one_in(g, 4) ? 2.0f : 0,
                    .act = gen_one_in(g, 4) ? ISA_ACT_HARDSIGMOID : ISA_ACT_SOFTMAX,
                    .alpha = 0.25f,
                    .beta = 0.5f,
                    .sub_tile = gen_one_in(g, 2) ? 2 : 0};
    uint32_t heads = r->n_kv * r->q_per_kv;
    r->cell = r->scalings = r->bias_table = ISA_NO_OFFSET;
    r->sink = gen_one_in(g, 4) ? gen_floats(g, heads, false) : ISA_NO_OFFSET;
    if (mode == ISA_RING_CAUSAL && gen_one_in(g, 2)) r->window = 1 + gen_below(g, slots);
    r->bias = (uint8_t)gen_below(g, ISA_COUNT_rbias);
    if (r->bias == ISA_BIAS_FULL && end > 10) r->bias = ISA_BIAS_ALIBI;
    if (r->bias == ISA_BIAS_FULL) r->bias_width = (uint32_t)end;
    if (r->bias == ISA_BIAS_TOEPLITZ)
        r->bias_width = 1 + gen_below(g, 6), r->bias_zero = gen_below(g, r->bias_width);
    uint32_t each = r->bias == ISA_BIAS_ALIBI  ? 1
                    : r->bias == ISA_BIAS_FULL ? r->bias_width * r->bias_width
                                               : r->bias_width;
    if (r->bias != ISA_BIAS_NONE) r->bias_table = gen_floats(g, (size_t)heads * each, false);
    return (uint16_t)t->n_rings++;
}

// A value of so many columns, made of any.
static inline bool gen_stretch(gen *g, int dom, uint32_t width, uint16_t *out) {
    gen_value a;
    if (gen_find(g, GEN_FLOATS | 1u << ISA_Q8, width, dom, &a)) {
        *out = a.buffer;
        return true;
    }
    if (!gen_find(g, GEN_NUMBERS, 0, dom, &a) || gen_of(g, a.buffer)->width > 16) return false;
    uint8_t to = gen_of(g, a.buffer)->dom;
    uint16_t x = gen_group_f32(g, gen_of(g, a.buffer)->width, width);
    *out = gen_buffer(g, gen_one_in(g, 3) ? ISA_BF16 : ISA_F32, width, to);
    GEN_PUT(g, .op = ISA_mvm, .dom = to, .d = *out, .a = a.buffer, .x = x, .b = ISA_NONE);
    gen_keep(g, *out);
    return true;
}

static inline void gen_queries(gen *g, uint16_t ring, int dom) {
    const isa_ring *r = &gen_tile(g)->rings[ring];
    uint32_t heads = r->n_kv * r->q_per_kv;
    uint16_t q, d;
    if (!gen_stretch(g, dom, heads * r->d, &q)) return;
    uint8_t at = gen_of(g, q)->dom;
    isa_btype type = gen_one_in(g, 4) ? ISA_BF16 : ISA_F32;
    if (heads * r->slots <= 64 && r->sink == ISA_NO_OFFSET && gen_one_in(g, 3)) {
        d = gen_buffer(g, type, heads * r->slots, at);
        GEN_PUT(g, .op = ISA_score, .dom = at, .d = d, .a = q, .x = ring);
        uint16_t p = gen_buffer(g, gen_one_in(g, 3) ? ISA_Q8 : ISA_F32, heads * r->slots, at);
        GEN_PUT(g, .op = ISA_softmax, .dom = at, .d = p, .a = d, .n = (uint16_t)heads);
        uint16_t o = gen_buffer(g, type, heads * r->dv, at);
        GEN_PUT(g, .op = ISA_mix, .dom = at, .d = o, .a = p, .x = ring);
        gen_keep(g, d);
        gen_keep(g, o);
        return;
    }
    d = gen_buffer(g, type, heads * r->dv, at);
    GEN_PUT(g, .op = ISA_query, .dom = at, .d = d, .a = q, .x = ring);
    gen_keep(g, d);
}

static inline void gen_attend(gen *g) {
    uint8_t root = (uint8_t)gen_root(g);
    bool streams = gen_streams(g), cross = g->phase + 1 < g->p->n_phases,
         causal = !cross && (streams || gen_one_in(g, 2)), together = causal && gen_one_in(g, 2);
    uint8_t dom = !causal && !cross && gen_one_in(g, 3) ? GEN_LONGER : root;
    if (gen_tile(g)->n_rings + 2 > GEN_MOST) return;
    uint32_t most = (uint32_t)gen_most(g, dom), slots = most + gen_below(g, 6);
    int64_t end = max_i64(g->dom[dom].end, g->p->max_tokens);
    for (int d = 0; d < ISA_DOMAINS; d++) end = max_i64(end, g->dom[d].known ? g->dom[d].end : 0);
    if (together) slots = 1 + gen_below(g, 10);
    uint16_t ring = gen_ring(g,
                             cross    ? ISA_RING_CROSS
                             : causal ? ISA_RING_CAUSAL
                                      : ISA_RING_ALL,
                             dom, slots, end),
             kv, q;
    isa_ring *r = &gen_tile(g)->rings[ring];
    if (causal && !together && (!r->window || r->slots < r->window + most - 1)) {
        r->slots = (uint32_t)end;
        r->window = 0;
    }
    gen_value mask;
    bool masked = gen_one_in(g, 3) && gen_find(g, 1u << ISA_I32, 1, dom, &mask);
    if (!gen_stretch(g, dom, r->n_kv * (r->d + r->dv), &kv)) return;
    r = &gen_tile(g)->rings[ring];
    uint16_t n = masked ? mask.buffer : ISA_NONE;
    if (together) {
        if (!gen_stretch(g, dom, r->n_kv * r->q_per_kv * r->d, &q)) return;
        uint16_t d = gen_buffer(g, ISA_F32, r->n_kv * r->q_per_kv * r->dv, dom);
        GEN_PUT(g, .op = ISA_attn, .dom = dom, .d = d, .a = q, .b = kv, .x = ring, .n = n);
        gen_keep(g, d);
        return;
    }
    GEN_PUT(g, .op = ISA_kvw, .dom = dom, .a = kv, .x = ring, .n = n);
    for (int k = 0; k < 2; k++)
        gen_queries(g, ring, streams ? (gen_one_in(g, 3) ? GEN_LAST : root) : causal ? root : -1);
}

// Of a ring that the phase before has written.
static inline void gen_cross(gen *g) {
    const isa_tile *t = gen_tile(g);
    if (g->phase == 0 || t->n_rings == 0) return;
    uint16_t ring = (uint16_t)gen_below(g, t->n_rings);
    if (t->rings[ring].mode == ISA_RING_CROSS) gen_queries(g, ring, -1);
}

// --- links

static inline void gen_send(gen *g, gen_value a) {
    isa_program *p = g->p;
    isa_buffer b = *gen_of(g, a.buffer);
    if (p->n_channels + 2 > GEN_MOST || g->n_pending + GEN_TILES > GEN_MOST || p->n_tiles < 2)
        return;
    uint16_t x = gen_channel(g, &b, UINT32_MAX);
    GEN_PUT(g, .op = ISA_send, .dom = b.dom, .a = a.buffer, .x = x);
    for (uint32_t k = 0; k < p->channels[x].n_dests; k++) {
        uint32_t to = p->dests[p->channels[x].first_dest + k];
        g->pending[g->n_pending].channel = x, g->pending[g->n_pending].tile = to;
        g->pending[g->n_pending].ranged = a.ranged, g->pending[g->n_pending].lo = a.lo;
        g->pending[g->n_pending++].hi = a.hi;
    }
}

static inline void gen_receive(gen *g, uint32_t k) {
    uint16_t x = g->pending[k].channel;
    const isa_channel *ch = &g->p->channels[x];
    bool ranged = g->pending[k].ranged;
    int64_t lo = g->pending[k].lo, hi = g->pending[k].hi;
    g->tile = g->pending[k].tile;
    g->pending[k] = g->pending[--g->n_pending];
    gen_value a;
    unsigned sums = GEN_FLOATS | 1u << ISA_I32;
    bool adds = (sums >> ch->type & 1) && gen_one_in(g, 2) &&
                gen_find(g, 1u << ch->type, ch->width, ch->dom, &a);
    uint16_t d = gen_buffer(g, (isa_btype)ch->type, ch->width, ch->dom);
    if (ch->type == ISA_Q8)
        gen_tile(g)->buffers[d].quant = gen_one_in(g, 2) ? ISA_QUANT_NONE : ISA_QUANT_ASYM;
    GEN_PUT(g, .op = adds ? ISA_recvadd : ISA_recv, .dom = ch->dom, .d = d,
            .a = adds ? a.buffer : 0, .x = x);
    if (ranged && !adds)
        gen_keep_range(g, d, lo, hi);
    else
        gen_keep(g, d);
}

// --- the whole

static inline void gen_next(gen *g) {
    gen_value a;
    g->tile = gen_below(g, g->p->n_tiles);
    if (g->n_pending > 0 && gen_one_in(g, 3)) {
        uint32_t k = gen_below(g, g->n_pending);
        if (gen_has_room(g, g->pending[k].tile)) gen_receive(g, k);
        return;
    }
    if (!gen_has_room(g, g->tile)) return;
    if (gen_one_in(g, 8) || !gen_find(g, GEN_ROWS, 0, -1, &a)) {
        gen_in(g);
        return;
    }
    switch (gen_below(g, 17)) {
    case 16: gen_spread(g, a); return;
    case 0: gen_copy(g, a); return;
    case 1: gen_lookup(g); return;
    case 2: gen_rows(g, a); return;
    case 3:
    case 4: gen_move(g, a); return;
    case 5:
    case 6: gen_product(g, a); return;
    case 7: gen_attend(g); return;
    case 8: gen_cross(g); return;
    case 9: gen_topk(g, a); return;
    case 10: gen_columns(g, a); return;
    case 11: gen_send(g, a); return;
    default: gen_digital(g, a);
    }
}

// Whatever was made goes out: alone, or beside another of its domain.
static inline void gen_outputs(gen *g) {
    for (g->tile = 0; g->tile < g->p->n_tiles; g->tile++)
        for (size_t k = 0; k < g->values[g->tile].count; k++) {
            isa_buffer b = *gen_of(g, g->values[g->tile].items[k].buffer);
            uint16_t a = g->values[g->tile].items[k].buffer;
            if (g->p->n_ports + 2 > 4 * GEN_MOST ||
                gen_tile(g)->phase[g->phase].count + 4 > 2 * GEN_MOST)
                continue;
            if (b.type == ISA_RAW) continue;
            isa_btype type = b.type == ISA_PAIR                      ? ISA_PAIR
                             : gen_one_in(g, 4) || b.type == ISA_I32 ? ISA_I32
                                                                     : ISA_F32;
            uint32_t times = 1 + gen_one_in(g, 6);
            uint16_t x = gen_port(g, ISA_PORT_OUT, type, times * b.width, b.dom);
            for (uint32_t i = times; i-- > 0;)
                GEN_PUT(g, .op = ISA_out, .dom = b.dom, .a = a, .x = x, .imm = i * b.width);
        }
}

// To be freed with gen_close.
static inline gen gen_program(uint64_t seed) {
    gen g = gen_open(seed);
    isa_program *p = g.p;
    for (uint32_t ph = 0; ph < p->n_phases; ph++) {
        gen_phase(&g, ph);
        uint32_t n = 4 + gen_below(&g, 50);
        for (uint32_t k = 0; k < n; k++) gen_next(&g);
        while (g.n_pending > 0) gen_receive(&g, g.n_pending - 1);
        gen_outputs(&g);
        for (g.tile = 0; g.tile < p->n_tiles; g.tile++) GEN_PUT(&g, .op = ISA_halt);
    }
    p->cells = g.cells.items, p->cells_bytes = g.cells.count;
    p->tables = g.tables.items, p->tables_bytes = g.tables.count;
    return g;
}
#endif
