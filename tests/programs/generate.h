// Random programs that the verifier accepts: every instruction and mode, all row types, rings of
// every mode and bias, two phases, views, columns written apart, domains of every kind, links,
// several banks. A program is built value by value; an idea that has no operands is dropped. What
// cannot be known here (order, bytes that are given away) is left to the verifier, which refuses a
// few.
#ifndef OHMIC_TESTS_PROGRAMS_GENERATE_H
#define OHMIC_TESTS_PROGRAMS_GENERATE_H
#include "isa/depend/domain.h"
#include "isa/operand.h"
#include "isa/program.h"
#include "support/vec.h"
#include "tests/random.h"
#include <string.h>

enum { GEN_TILES = 3, GEN_MOST = 96, GEN_T_ENCODER = 7 };
enum { GEN_ALL, GEN_ONE, GEN_LONGER, GEN_HALF, GEN_DOUBLE, GEN_LAST, GEN_UNEVEN }; // domains

// Rows of a buffer; integers between lo and hi, where that is known.
typedef struct {
    uint16_t buffer;
    bool ranged;
    int64_t lo, hi;
} gen_value;

typedef struct {
    isa_program *p;
    random_stream r;
    VEC(gen_value) values[GEN_TILES];
    VEC(uint8_t) cells, tables;
    struct {
        uint16_t channel;
        uint32_t tile;
        bool ranged;
        int64_t lo, hi;
    } pending[GEN_MOST];
    uint32_t n_pending, more, crossbar[GEN_TILES];
    uint64_t base[GEN_TILES];
    bool special; // numbers that are none, and those without end
    uint8_t used; // domains of the phase
    isa_domain dom[ISA_DOMAINS];
    uint32_t tile, phase; // where the next instruction goes
} gen;

static inline uint32_t gen_below(gen *g, uint32_t n) { return (uint32_t)random_below(&g->r, n); }
static inline bool gen_one_in(gen *g, uint32_t n) { return gen_below(g, n) == 0; }
static inline isa_tile *gen_tile(gen *g) { return &g->p->tiles[g->tile]; }
static inline bool gen_streams(const gen *g) { return isa_phase_streams(g->p, g->phase); }

static inline void gen_put(gen *g, isa_insn i) {
    isa_tile *t = gen_tile(g);
    t->phase[g->phase].code[t->phase[g->phase].count++] = i;
}
static inline bool gen_has_room(const gen *g, uint32_t tile) {
    const isa_tile *t = &g->p->tiles[tile];
    return t->phase[g->phase].count + 16 < GEN_MOST && t->n_buffers + 16 < GEN_MOST &&
           t->n_tables + 4 < GEN_MOST && t->n_groups + 4 < GEN_MOST;
}

// --- numbers

static inline float gen_float(gen *g) {
    static const float odd[] = {
        0, -0.0f, 1e30f, -1e30f, 1e-40f, __builtin_inff(), -__builtin_inff(), __builtin_nanf("")};
    if (g->special && gen_one_in(g, 12)) return odd[gen_below(g, ARRAY_LEN(odd))];
    if (gen_one_in(g, 3)) return 4 * random_float(&g->r);
    return (float)random_in(&g->r, -12, 12) / 4;
}

static inline uint64_t gen_bytes(uint8_t **items, size_t *count, size_t *capacity, const void *data,
                                 size_t n) {
    size_t at = align_u64(*count, 16);
    if (at + n > *capacity) {
        *capacity = 2 * (at + n);
        uint8_t *more = base_calloc(*capacity, 1);
        if (*count) memcpy(more, *items, *count);
        free(*items);
        *items = more;
    }
    memcpy(*items + at, data, n);
    *count = at + n;
    return at;
}
static inline uint64_t gen_table_bytes(gen *g, const void *data, size_t n) {
    return gen_bytes(&g->tables.items, &g->tables.count, &g->tables.capacity, data, n);
}
static inline uint64_t gen_floats(gen *g, size_t n, bool scales) {
    float x[2048];
    CHECK(n <= ARRAY_LEN(x), "%zu numbers", n);
    for (size_t k = 0; k < n; k++)
        x[k] = scales ? (1 + (float)gen_below(g, 40)) / 64 : gen_float(g);
    return gen_table_bytes(g, x, 4 * n);
}
static inline uint64_t gen_ints(gen *g, size_t n, int64_t lo, int64_t hi) {
    int32_t x[2048];
    CHECK(n <= ARRAY_LEN(x), "%zu numbers", n);
    for (size_t k = 0; k < n; k++) x[k] = (int32_t)random_in(&g->r, lo, hi);
    return gen_table_bytes(g, x, 4 * n);
}

// Rows with their trailers; those of static buffers have one scale.
static inline uint16_t gen_table(gen *g, isa_btype type, uint32_t rows, uint32_t width) {
    isa_tile *t = gen_tile(g);
    isa_table *d = &t->tables[t->n_tables];
    *d = (isa_table){.type = (uint8_t)type, .rows = rows, .width = width};
    if (type == ISA_F32) {
        d->data = gen_floats(g, (size_t)rows * width, false);
    } else if (type == ISA_I32) {
        d->data = gen_ints(g, (size_t)rows * width, -20, 20);
    } else {
        uint8_t bytes[8192];
        CHECK((size_t)rows * (width + 16) <= sizeof bytes, "%u rows of %u", rows, width);
        size_t n = 0;
        for (uint32_t r = 0; r < rows; r++) {
            float scale = (1 + (float)gen_below(g, 8)) / 32;
            int32_t sum = 0, zero = (int32_t)random_in(&g->r, -9, 9), none = 0;
            for (uint32_t k = 0; k < width; k++) {
                int8_t code = (int8_t)random_in(&g->r, -128, 127);
                bytes[n++] = (uint8_t)code;
                sum += code;
            }
            memcpy(bytes + n, &scale, 4), memcpy(bytes + n + 4, &zero, 4);
            memcpy(bytes + n + 8, &sum, 4), memcpy(bytes + n + 12, &none, 4);
            n += 16;
        }
        d->data = gen_table_bytes(g, bytes, n);
    }
    return (uint16_t)t->n_tables++;
}

static inline isa_btype gen_stored(gen *g) {
    static const isa_btype types[] = {ISA_F32, ISA_F32, ISA_I32, ISA_Q8};
    return types[gen_below(g, 4)];
}

// --- buffers

static inline uint64_t gen_most(const gen *g, unsigned dom) {
    return (uint64_t)max_i64(1, g->dom[dom].most);
}

// Sometimes a value gives its bytes away, and is not used again.
static inline void gen_take_bytes(gen *g, uint16_t buffer) {
    size_t n = g->values[g->tile].count;
    isa_buffer *list = gen_tile(g)->buffers;
    if (n < 3 || !gen_one_in(g, 40)) return;
    uint16_t old = list[g->values[g->tile].items[gen_below(g, (uint32_t)n)].buffer].parent;
    for (size_t k = n; k-- > 0;)
        if (list[g->values[g->tile].items[k].buffer].parent == old)
            g->values[g->tile].items[k] = g->values[g->tile].items[--g->values[g->tile].count];
    list[buffer].base = list[old].base, list[buffer].space = list[old].space;
}

static inline uint16_t gen_buffer(gen *g, isa_btype type, uint32_t width, uint8_t dom) {
    isa_tile *t = gen_tile(g);
    uint16_t n = (uint16_t)t->n_buffers++;
    uint32_t stride = (uint32_t)align_u64(isa_row_bytes(type, width), 4);
    uint32_t depth = (uint32_t)gen_most(g, dom);
    t->buffers[n] = (isa_buffer){.type = (uint8_t)type,
                                 .space = gen_one_in(g, 5) ? ISA_MEM : ISA_PAD,
                                 .dom = dom,
                                 .parent = n,
                                 .width = width,
                                 .depth = depth,
                                 .stride = stride,
                                 .base = g->base[g->tile]};
    g->base[g->tile] += align_u64((uint64_t)stride * depth, 64);
    gen_take_bytes(g, n);
    if (type != ISA_Q8) return n;
    isa_buffer *b = &t->buffers[n];
    b->quant = (uint8_t)(1 + gen_below(g, 3));
    b->scale = 0.125f;
    b->zero = gen_one_in(g, 2) ? 0 : (int32_t)random_in(&g->r, -20, 20);
    if (b->quant != ISA_QUANT_STATIC) b->scale = 0, b->zero = 0;
    return n;
}

static inline uint16_t gen_view(gen *g, uint16_t of, uint32_t col0, uint32_t width) {
    isa_tile *t = gen_tile(g);
    uint16_t n = (uint16_t)t->n_buffers++, parent = t->buffers[of].parent;
    t->buffers[n] = t->buffers[of];
    t->buffers[n].parent = parent;
    t->buffers[n].col0 = (parent == of ? 0 : t->buffers[of].col0) + col0;
    t->buffers[n].width = width;
    return n;
}

static inline const isa_buffer *gen_of(gen *g, uint16_t buffer) {
    return &gen_tile(g)->buffers[buffer];
}

static inline gen_value gen_keep(gen *g, uint16_t buffer) {
    gen_value v = {.buffer = buffer};
    vec_push(&g->values[g->tile], v);
    return v;
}
static inline void gen_keep_range(gen *g, uint16_t buffer, int64_t lo, int64_t hi) {
    vec_push(&g->values[g->tile], ((gen_value){buffer, true, lo, hi}));
}

static inline isa_btype gen_type(gen *g) { // of numbers
    static const isa_btype types[] = {ISA_F32, ISA_F32, ISA_F32, ISA_BF16, ISA_Q8, ISA_I32};
    return types[gen_below(g, ARRAY_LEN(types))];
}

// A value of the tile with one of the types, of a width and a domain (0, -1: any). False: none.
static inline bool gen_find(gen *g, unsigned types, uint32_t width, int dom, gen_value *out) {
    size_t n = g->values[g->tile].count, from = n ? gen_below(g, (uint32_t)n) : 0;
    for (size_t k = 0; k < n; k++) {
        *out = g->values[g->tile].items[(from + k) % n];
        const isa_buffer *b = gen_of(g, out->buffer);
        if ((types >> b->type & 1) && (!width || b->width == width) && (dom < 0 || b->dom == dom))
            return true;
    }
    return false;
}

#define GEN_FLOATS (1u << ISA_F32 | 1u << ISA_BF16)
#define GEN_NUMBERS (GEN_FLOATS | 1u << ISA_Q8 | 1u << ISA_I32)
#define GEN_ROWS (GEN_NUMBERS | 1u << ISA_RAW | 1u << ISA_PAIR)

// An i32 column in 0 ... n - 1 with n at most `most`; its n.
static inline bool gen_find_index(gen *g, int dom, int64_t most, gen_value *out) {
    for (int k = 0; k < 6; k++)
        if (gen_find(g, 1u << ISA_I32, 1, dom, out) && out->ranged && out->lo >= 0 &&
            out->hi < most)
            return true;
    return false;
}

// Rows of another domain that a row of the instruction may read (isa/verify/streams.c).
static inline bool gen_may_cross(const gen *g, unsigned from, unsigned to) {
    return !gen_streams(g) || from == GEN_ONE || (from == GEN_LAST && to == GEN_LAST);
}

// --- phases and tiles

static inline void gen_domain(gen *g, unsigned d, isa_tl kind, unsigned of, uint32_t imm) {
    isa_insn i = {
        .op = ISA_settl, .d = (uint16_t)d, .n = (uint16_t)kind, .x = (uint16_t)of, .imm = imm};
    isa_domain_derive(g->dom, &i);
    g->used |= (uint8_t)(1u << d);
    for (g->tile = 0; g->tile < g->p->n_tiles; g->tile++) gen_put(g, i);
}

static inline void gen_phase(gen *g, uint32_t phase) {
    g->phase = phase;
    isa_domains_launched(g->p, phase, g->dom);
    g->used = g->p->phases[phase].free_domains;
    unsigned root = (unsigned)__builtin_ctz(g->used);
    for (uint32_t t = 0; t < GEN_TILES; t++) g->values[t].count = 0;
    gen_domain(g, GEN_ONE, ISA_TL_ONE, root, 0);
    gen_domain(g, GEN_LAST, ISA_TL_LAST, root, 0);
    gen_domain(g, GEN_DOUBLE, ISA_TL_LIN, root, isa_lin_imm((isa_lin){2, 0, 1}));
    if (gen_streams(g)) return;
    gen_domain(g, GEN_LONGER, ISA_TL_PREFIX, root, g->more);
    gen_domain(g, GEN_HALF, ISA_TL_LIN, root, isa_lin_imm((isa_lin){1, 1, 2}));
    gen_domain(g, GEN_UNEVEN, ISA_TL_LIN, root, isa_lin_imm((isa_lin){2, 1, 3}));
}

static inline unsigned gen_root(const gen *g) {
    return (unsigned)__builtin_ctz(g->p->phases[g->phase].free_domains);
}

static inline gen gen_open(uint64_t seed) {
    gen g = {.p = isa_program_new(), .r = random_test(seed)};
    isa_program *p = g.p;
    arena *a = p->arena;
    g.special = gen_one_in(&g, 3);
    g.more = 1 + gen_below(&g, 3);
    p->class = gen_one_in(&g, 2) ? ISA_STREAM : ISA_WHOLE;
    p->n_phases = gen_one_in(&g, 3) ? 2 : 1;
    p->max_chunk = 1 + gen_below(&g, 6);
    p->max_tokens = p->class == ISA_STREAM ? p->max_chunk + gen_below(&g, 12) : p->max_chunk;
    p->banks = 1 + gen_below(&g, 2);
    isa_phase *last = &p->phases[p->n_phases - 1];
    *last = (isa_phase){.name = "step", .free_domains = 1, .max_rows = {p->max_chunk}};
    if (gen_one_in(&g, 5)) last->fixed_rows[0] = 1 + gen_below(&g, p->max_chunk);
    if (p->n_phases == 2) {
        p->phases[0] = (isa_phase){.name = "encode", .free_domains = 1u << GEN_T_ENCODER};
        p->phases[0].max_rows[GEN_T_ENCODER] = 1 + gen_below(&g, p->max_chunk);
    }
    p->n_tiles = 1 + gen_below(&g, GEN_TILES);
    p->tiles = ARENA_ARRAY(a, isa_tile, p->n_tiles);
    p->channels = ARENA_ARRAY(a, isa_channel, GEN_MOST);
    p->dests = ARENA_ARRAY(a, uint32_t, GEN_MOST * GEN_TILES);
    p->ports = ARENA_ARRAY(a, isa_port, 4 * GEN_MOST);
    for (uint32_t t = 0; t < p->n_tiles; t++) {
        isa_tile *x = &p->tiles[t];
        x->buffers = ARENA_ARRAY(a, isa_buffer, 2 * GEN_MOST);
        x->rings = ARENA_ARRAY(a, isa_ring, GEN_MOST);
        x->tables = ARENA_ARRAY(a, isa_table, 2 * GEN_MOST);
        x->groups = ARENA_ARRAY(a, isa_group, 2 * GEN_MOST);
        x->blocks = ARENA_ARRAY(a, isa_block, 8 * GEN_MOST);
        for (uint32_t k = 0; k < p->n_phases; k++)
            x->phase[k].code = ARENA_ARRAY(a, isa_insn, 2 * GEN_MOST);
    }
    return g;
}

static inline void gen_close(gen *g) {
    for (uint32_t t = 0; t < GEN_TILES; t++) vec_free(&g->values[t]);
    vec_free(&g->cells);
    vec_free(&g->tables);
    isa_program_free(g->p);
}
#endif
