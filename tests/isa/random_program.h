// Random programs of up to three tiles, sound but for their depths: look-ahead, look-back,
// reductions, broadcasts, half-rate and longer domains, columns that are written apart and read
// together, rings, buffers written anew and in each other's bytes, channels used again. Widths and
// values do not matter.
#ifndef OHMIC_TESTS_ISA_RANDOM_PROGRAM_H
#define OHMIC_TESTS_ISA_RANDOM_PROGRAM_H
#include "isa/operand.h"
#include "isa/program.h"
#include "support/vec.h"
#include "tests/random.h"

enum {
    TILES = 3,
    MOST_INSNS = 80,
    MOST_BUFFERS = 96,
    MOST_CHANNELS = 24,
    MOST_RINGS = 8,
    MORE = 2
};
enum { T_ALL, T_ONE, T_LONGER, T_HALF }; // domains
enum { TABLE_MORE, TABLE_INDEX };

typedef struct {
    bool views; // columns of one buffer by several names
    bool rings;
    bool analog; // products on crossbars; rings of gain cells, where there are rings
    bool shared; // several groups on a crossbar, several queries of a ring
} program_kind;

// A buffer of one column that holds rows.
typedef struct {
    uint32_t buffer;
    uint8_t dom;
} value;

typedef struct {
    program_kind kind;
    isa_program *p;
    random_stream *r;
    VEC(value) values[TILES];
    struct {
        uint32_t channel, tile;
    } pending[2 * MOST_CHANNELS];
    uint32_t n_pending;
    uint32_t waiting[MOST_CHANNELS];      // receives of a channel's last use that are not there yet
    uint32_t shares[TILES][MOST_BUFFERS]; // the buffer whose bytes it takes, or itself
} maker;

static inline uint32_t below(maker *m, uint32_t n) { return (uint32_t)random_below(m->r, n); }

static inline void put(maker *m, uint32_t tile, isa_insn i) {
    isa_tile *t = &m->p->tiles[tile];
    t->phase[0].code[t->phase[0].count++] = i;
}

static inline bool has_room(const maker *m, uint32_t tile) {
    const isa_tile *t = &m->p->tiles[tile];
    return t->phase[0].count + 10 < MOST_INSNS && t->n_buffers + 10 < MOST_BUFFERS;
}

// Sometimes in the place of one that is not used again.
static inline uint16_t new_buffer(maker *m, uint32_t tile, uint8_t dom, uint32_t width) {
    isa_tile *t = &m->p->tiles[tile];
    uint16_t b = (uint16_t)t->n_buffers++;
    t->buffers[b] = (isa_buffer){.parent = b, .dom = dom, .width = width, .depth = 1};
    m->shares[tile][b] = b;
    if (m->values[tile].count > 2 && below(m, 6) == 0) {
        size_t dead = below(m, (uint32_t)m->values[tile].count);
        uint32_t old = m->values[tile].items[dead].buffer;
        m->shares[tile][b] = m->shares[tile][t->buffers[old].parent];
        m->values[tile].items[dead] = m->values[tile].items[--m->values[tile].count];
    }
    return b;
}

static inline uint16_t new_view(maker *m, uint32_t tile, uint16_t parent, uint32_t col0,
                                uint32_t width) {
    isa_tile *t = &m->p->tiles[tile];
    uint16_t b = (uint16_t)t->n_buffers++;
    t->buffers[b] = t->buffers[parent];
    t->buffers[b].parent = parent;
    t->buffers[b].col0 = col0;
    t->buffers[b].width = width;
    m->shares[tile][b] = m->shares[tile][parent];
    return b;
}

static inline void keep(maker *m, uint32_t tile, uint16_t buffer, uint8_t dom) {
    vec_push(&m->values[tile], ((value){buffer, dom}));
}

static inline uint16_t make_value(maker *m, uint32_t tile, uint8_t dom) {
    uint16_t b = new_buffer(m, tile, dom, 1);
    keep(m, tile, b, dom);
    return b;
}

// A value of the tile in that domain, or in any (-1); false: there is none.
static inline bool choose(maker *m, uint32_t tile, int dom, value *out) {
    size_t n = m->values[tile].count, at = n ? below(m, (uint32_t)n) : 0;
    for (size_t k = 0; k < n; k++) {
        *out = m->values[tile].items[(at + k) % n];
        if (dom < 0 || out->dom == dom) return true;
    }
    return false;
}

static inline void make_in(maker *m, uint32_t tile) {
    isa_program *p = m->p;
    if (p->n_ports == MOST_BUFFERS) return;
    p->ports[p->n_ports] = (isa_port){.width = 1};
    put(m, tile,
        (isa_insn){.op = ISA_in, .d = make_value(m, tile, T_ALL), .x = (uint16_t)p->n_ports++});
}

static inline void make_sum(maker *m, uint32_t tile, uint8_t dom, uint16_t a) {
    put(m, tile, (isa_insn){.op = ISA_red, .dom = dom, .d = make_value(m, tile, dom), .a = a});
}

// Rows side by side, and their sum.
static inline void make_window(maker *m, uint32_t tile, value a, uint8_t dom, uint32_t step) {
    uint32_t k = 1 + below(m, 4), pad = below(m, k);
    uint16_t w = new_buffer(m, tile, dom, k);
    put(m, tile,
        (isa_insn){.op = ISA_rows,
                   .dom = dom,
                   .d = w,
                   .a = (uint16_t)a.buffer,
                   .x = ISA_NONE,
                   .n = ISA_NONE,
                   .imm = isa_window_imm((isa_window){k, step, pad})});
    make_sum(m, tile, dom, w);
}

// Columns of one buffer, made apart and summed together; the columns are values too.
static inline void make_columns(maker *m, uint32_t tile, value a) {
    uint32_t width = 2 + below(m, 3);
    uint16_t whole = new_buffer(m, tile, a.dom, width), columns[4];
    for (uint32_t c = 0; c < width; c++) {
        value from = a;
        if (!choose(m, tile, a.dom, &from)) from = a;
        columns[c] = new_view(m, tile, whole, c, 1);
        put(m, tile,
            (isa_insn){.op = ISA_ew1,
                       .dom = a.dom,
                       .d = columns[c],
                       .a = (uint16_t)(from.buffer == columns[c] ? a.buffer : from.buffer)});
        if (below(m, 4) == 0) make_sum(m, tile, a.dom, columns[c]);
    }
    make_sum(m, tile, a.dom, whole);
    if (below(m, 2)) make_sum(m, tile, a.dom, new_view(m, tile, whole, below(m, width - 1), 2));
    for (uint32_t c = 0; c < width; c++)
        if (below(m, 2)) keep(m, tile, columns[c], a.dom);
}

// Keys and values side by side into a ring; row by row with its queries, or whole before them.
static inline void make_ring(maker *m, uint32_t tile, value a) {
    isa_tile *t = &m->p->tiles[tile];
    value q, k;
    if (t->n_rings == MOST_RINGS || !choose(m, tile, T_ALL, &q) || !choose(m, tile, T_ALL, &k))
        return;
    bool apart = below(m, 2);
    uint16_t kv = new_buffer(m, tile, T_ALL, 2), x = (uint16_t)t->n_rings++;
    t->rings[x] = (isa_ring){.kind = m->kind.analog ? ISA_RING_GAIN : ISA_RING_STORED,
                             .mode = apart ? ISA_RING_ALL : ISA_RING_CAUSAL,
                             .n_kv = 1,
                             .q_per_kv = 1,
                             .d = 1,
                             .dv = 1,
                             .slots = 64,
                             .sink = ISA_NO_OFFSET,
                             .bias_table = ISA_NO_OFFSET,
                             .cell = ISA_NO_OFFSET,
                             .scalings = ISA_NO_OFFSET};
    for (uint32_t c = 0; c < 2; c++)
        put(m, tile,
            (isa_insn){.op = ISA_ew1,
                       .d = new_view(m, tile, kv, c, 1),
                       .a = (uint16_t)(c ? a.buffer : k.buffer)});
    if (!apart) {
        put(m, tile,
            (isa_insn){.op = ISA_attn,
                       .d = make_value(m, tile, T_ALL),
                       .a = (uint16_t)q.buffer,
                       .b = kv,
                       .x = x,
                       .n = ISA_NONE});
        return;
    }
    put(m, tile, (isa_insn){.op = ISA_kvw, .a = kv, .x = x, .n = ISA_NONE});
    uint32_t queries = 1 + below(m, 2);
    if (m->kind.analog && !m->kind.shared) queries = 1;
    for (; queries > 0; queries--)
        put(m, tile,
            (isa_insn){
                .op = ISA_query, .d = make_value(m, tile, T_ALL), .a = (uint16_t)q.buffer, .x = x});
}

// One weight of a crossbar.
static inline void make_product(maker *m, uint32_t tile, value a) {
    isa_tile *t = &m->p->tiles[tile];
    if (t->n_groups == MOST_RINGS) return;
    uint16_t g = (uint16_t)t->n_groups++;
    t->groups[g] = (isa_group){.wtype = ISA_W_F32,
                               .k = 1,
                               .k1 = 1,
                               .n = 1,
                               .first_block = g,
                               .n_blocks = 1,
                               .scale = ISA_NO_OFFSET,
                               .zero = ISA_NO_OFFSET,
                               .colsum = ISA_NO_OFFSET,
                               .bias = ISA_NO_OFFSET};
    uint32_t crossbar = m->kind.shared ? below(m, 2) : g;
    t->blocks[t->n_blocks++] = (isa_block){.crossbar = crossbar, .row0 = g, .rows = 1, .cols = 1};
    put(m, tile,
        (isa_insn){.op = ISA_mvm,
                   .dom = a.dom,
                   .d = make_value(m, tile, a.dom),
                   .a = (uint16_t)a.buffer,
                   .x = g,
                   .b = ISA_NONE});
}

static inline void receive(maker *m, uint32_t k) {
    uint32_t c = m->pending[k].channel, tile = m->pending[k].tile;
    m->pending[k] = m->pending[--m->n_pending];
    m->waiting[c]--;
    uint8_t dom = m->p->channels[c].dom;
    value a;
    if (below(m, 3) == 0 && choose(m, tile, dom, &a))
        put(m, tile,
            (isa_insn){.op = ISA_recvadd,
                       .dom = dom,
                       .d = make_value(m, tile, dom),
                       .a = (uint16_t)a.buffer,
                       .x = (uint16_t)c});
    else
        put(m, tile,
            (isa_insn){
                .op = ISA_recv, .dom = dom, .d = make_value(m, tile, dom), .x = (uint16_t)c});
}

static inline void make_send(maker *m, uint32_t tile, value a) {
    isa_program *p = m->p;
    uint32_t c = 0;
    while (c < p->n_channels && (p->channels[c].source != tile || p->channels[c].dom != a.dom ||
                                 m->waiting[c] > 0 || below(m, 2)))
        c++;
    if (c == p->n_channels) {
        if (c == MOST_CHANNELS || m->n_pending + TILES > ARRAY_LEN(m->pending)) return;
        isa_channel *ch = &p->channels[p->n_channels++];
        *ch = (isa_channel){
            .source = tile, .dom = a.dom, .width = 1, .depth = 1, .first_dest = p->n_dests};
        for (uint32_t t = 0; t < p->n_tiles; t++)
            if (t != tile && (below(m, 2) || (ch->n_dests == 0 && t + 1 == p->n_tiles)))
                p->dests[p->n_dests++] = t, ch->n_dests++;
        if (ch->n_dests == 0) p->dests[p->n_dests++] = (tile + 1) % p->n_tiles, ch->n_dests++;
    }
    if (m->n_pending + p->channels[c].n_dests > ARRAY_LEN(m->pending)) return;
    put(m, tile,
        (isa_insn){.op = ISA_send, .dom = a.dom, .a = (uint16_t)a.buffer, .x = (uint16_t)c});
    for (uint32_t k = 0; k < p->channels[c].n_dests; k++) {
        m->pending[m->n_pending].channel = c;
        m->pending[m->n_pending++].tile = p->dests[p->channels[c].first_dest + k];
        m->waiting[c]++;
    }
}

// An instruction that moves rows of a to another domain, or reduces them.
static inline void make_moved(maker *m, uint32_t tile, value a) {
    static const uint8_t of_all[] = {ISA_rred,   ISA_pick,   ISA_prefix,
                                     ISA_prefix, ISA_suffix, ISA_rows},
                         of_longer[] = {ISA_rred, ISA_pick, ISA_skip, ISA_skip, ISA_skip, ISA_skip};
    isa_insn i = {.a = (uint16_t)a.buffer};
    value w;
    if (a.dom == T_ONE) return;
    i.op = a.dom == T_ALL ? of_all[below(m, 6)] : of_longer[below(m, a.dom == T_LONGER ? 6 : 2)];
    switch (i.op) {
    case ISA_rred:
        i.dom = T_ONE;
        i.b = below(m, 2) && choose(m, tile, a.dom, &w) ? (uint16_t)w.buffer : ISA_NONE;
        break;
    case ISA_pick: i.dom = T_ONE, i.b = ISA_NONE, i.mode = (uint8_t)below(m, 2); break;
    case ISA_rows: i.mode = ISA_MODE_rows_index, i.x = TABLE_INDEX, i.n = 1; break;
    case ISA_skip: i.imm = MORE; break;
    default: i.dom = T_LONGER;
    }
    i.d = make_value(m, tile, i.dom);
    put(m, tile, i);
}

// A value gives its place to rows of another domain.
static inline void make_turn(maker *m, uint32_t tile, value a) {
    size_t dead = below(m, (uint32_t)m->values[tile].count);
    value old = m->values[tile].items[dead];
    const isa_buffer *b = &m->p->tiles[tile].buffers[old.buffer];
    if (old.buffer == a.buffer || old.dom == a.dom) return;
    m->values[tile].items[dead] = m->values[tile].items[--m->values[tile].count];
    uint16_t d = new_view(m, tile, b->parent, b->parent == old.buffer ? 0 : b->col0, 1);
    m->p->tiles[tile].buffers[d].dom = a.dom;
    keep(m, tile, d, a.dom);
    put(m, tile, (isa_insn){.op = ISA_ew1, .dom = a.dom, .d = d, .a = (uint16_t)a.buffer});
}

static inline void make_one(maker *m) {
    uint32_t tile = below(m, m->p->n_tiles);
    value a, b;
    if (m->n_pending > 0 && below(m, 3) == 0) {
        uint32_t k = below(m, m->n_pending);
        if (has_room(m, m->pending[k].tile)) receive(m, k);
        return;
    }
    if (!has_room(m, tile)) return;
    if (below(m, 16) == 0 || !choose(m, tile, -1, &a)) {
        make_in(m, tile);
        return;
    }
    isa_insn i = {.dom = a.dom, .a = (uint16_t)a.buffer};
    switch (below(m, m->kind.analog ? 18 : 15)) {
    case 15:
    case 16:
    case 17: make_product(m, tile, a); return;
    case 0: // in place
        i.op = ISA_ew1, i.d = i.a;
        put(m, tile, i);
        return;
    case 1: // over another
        if (!choose(m, tile, a.dom, &b) || b.buffer == a.buffer) return;
        i.op = ISA_ew1, i.d = (uint16_t)b.buffer;
        put(m, tile, i);
        return;
    case 2:
        i.op = ISA_ew1, i.d = make_value(m, tile, a.dom);
        put(m, tile, i);
        return;
    case 3:
    case 4:
    case 5: // with another, or with a row that all rows read
        if (!choose(m, tile, below(m, 3) ? a.dom : T_ONE, &b)) return;
        i.op = ISA_ew2, i.b = (uint16_t)b.buffer, i.d = new_buffer(m, tile, a.dom, 1);
        keep(m, tile, i.d, a.dom);
        put(m, tile, i);
        return;
    case 6:
    case 7:
        if (a.dom == T_ALL || a.dom == T_LONGER) make_window(m, tile, a, a.dom, 1);
        return;
    case 8:
        if (a.dom == T_ALL) make_window(m, tile, a, T_HALF, 2);
        return;
    case 9:
    case 10: make_moved(m, tile, a); return;
    case 11:
        if (m->kind.views) make_columns(m, tile, a);
        return;
    case 12:
        if (m->kind.rings && a.dom == T_ALL) make_ring(m, tile, a);
        return;
    case 13: make_turn(m, tile, a); return;
    default:
        if (m->p->n_tiles > 1) make_send(m, tile, a);
    }
}

// A value's place may be given away between its choice and its use: then the program is not sound,
// and tests leave it out. Depths are 1, places not chosen yet.
static inline isa_program *random_program(random_stream *r, program_kind kind, maker *m) {
    static const uint8_t zeros[64];
    *m = (maker){.kind = kind, .p = isa_program_new(), .r = r};
    isa_program *p = m->p;
    arena *a = p->arena;
    p->class = ISA_WHOLE;
    p->max_tokens = p->max_chunk = 1 + below(m, 12);
    p->n_phases = 1;
    p->phases[0] = (isa_phase){.name = "run", .free_domains = 1, .max_rows = {p->max_chunk}};
    p->tables = zeros;
    p->tables_bytes = sizeof zeros;
    p->cells = zeros;
    p->cells_bytes = sizeof zeros;
    p->banks = 1;
    p->n_tiles = 1 + below(m, TILES);
    p->tiles = ARENA_ARRAY(a, isa_tile, p->n_tiles);
    p->channels = ARENA_ARRAY(a, isa_channel, MOST_CHANNELS);
    p->dests = ARENA_ARRAY(a, uint32_t, MOST_CHANNELS * TILES);
    p->ports = ARENA_ARRAY(a, isa_port, MOST_BUFFERS);
    for (uint32_t t = 0; t < p->n_tiles; t++) {
        p->tiles[t].buffers = ARENA_ARRAY(a, isa_buffer, MOST_BUFFERS);
        p->tiles[t].rings = ARENA_ARRAY(a, isa_ring, MOST_RINGS);
        p->tiles[t].groups = ARENA_ARRAY(a, isa_group, MOST_RINGS);
        p->tiles[t].blocks = ARENA_ARRAY(a, isa_block, MOST_RINGS);
        p->tiles[t].phase[0].code = ARENA_ARRAY(a, isa_insn, MOST_INSNS);
        p->tiles[t].n_tables = 2;
        p->tiles[t].tables = ARENA_ARRAY(a, isa_table, 2);
        p->tiles[t].tables[TABLE_MORE] = (isa_table){.type = ISA_F32, .rows = MORE, .width = 1};
        p->tiles[t].tables[TABLE_INDEX] = (isa_table){.type = ISA_I32, .rows = 16, .width = 1};
        put(m, t, (isa_insn){.op = ISA_settl, .d = T_ONE, .n = ISA_TL_ONE});
        put(m, t, (isa_insn){.op = ISA_settl, .d = T_LONGER, .n = ISA_TL_PREFIX, .imm = MORE});
        put(m, t,
            (isa_insn){.op = ISA_settl,
                       .d = T_HALF,
                       .n = ISA_TL_LIN,
                       .imm = isa_lin_imm((isa_lin){1, 1, 2})});
    }
    uint32_t n = 5 + below(m, 60);
    for (uint32_t k = 0; k < n; k++) make_one(m);
    while (m->n_pending > 0) receive(m, m->n_pending - 1);
    for (uint32_t t = 0; t < p->n_tiles; t++) put(m, t, (isa_insn){.op = ISA_halt});
    for (uint32_t t = 0; t < TILES; t++) vec_free(&m->values[t]);
    return p;
}

// Places for the buffers; those that share bytes begin at the same.
static inline void random_program_place(const maker *m) {
    for (uint32_t t = 0; t < m->p->n_tiles; t++) {
        isa_tile *tile = &m->p->tiles[t];
        uint64_t at[MOST_BUFFERS], next = 0, size[MOST_BUFFERS] = {0};
        for (uint32_t b = 0; b < tile->n_buffers; b++) {
            isa_buffer *d = &tile->buffers[b], *parent = &tile->buffers[d->parent];
            d->stride = 4 * parent->width;
            uint64_t bytes = (uint64_t)d->depth * d->stride, *whole = &size[m->shares[t][b]];
            if (*whole < bytes) *whole = bytes;
        }
        for (uint32_t b = 0; b < tile->n_buffers; b++)
            if (m->shares[t][b] == b) at[b] = next, next += size[b];
        for (uint32_t b = 0; b < tile->n_buffers; b++) tile->buffers[b].base = at[m->shares[t][b]];
    }
}
#endif
