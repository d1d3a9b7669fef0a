// Hand-made programs for simulator tests: descriptors appended one by one, data owned by the
// builder.
#ifndef OHMIC_TESTS_SIM_BUILDER_H
#define OHMIC_TESTS_SIM_BUILDER_H

#include "isa/code.h"
#include "runtime-sim/sim.h"
#include "support/vec.h"

enum { BUILD_TILES = 4, BUILD_MAX = 48 };

typedef struct {
    isa_program *p;
    machine chip;
    uint64_t next_byte[BUILD_TILES];
    uint32_t next_crossbar[BUILD_TILES];
    VEC(uint8_t) cells, tables;
    diag_sink *diags;
} build;

// A chip of machine.def's defaults, without limits of size.
static inline machine build_chip(void) {
    machine m = {.name = "test", .summary = "", .gain = {.cell = {2, {0, 1}}}};
    m.gain.s_sat = m.gain.o_sat = 1;
    m.gain.score_levels = 8;
#define PARAM_INT(section, key, dflt, lo, hi, unit, text) m.section.key = dflt;
#define PARAM_REAL(section, key, dflt, lo, hi, unit, text) m.section.key = dflt;
#define PARAM_ENUM(section, key, dflt, choices, text) m.section.key = dflt;
#include "isa/machine/machine.def"
    m.tile.crossbars = m.tile.scratchpad = 0;
    return m;
}

static inline build build_new(isa_class class, uint32_t max_rows, uint32_t max_tokens) {
    build b = {.p = isa_program_new(), .chip = build_chip(), .diags = diag_sink_new()};
    isa_program *p = b.p;
    p->class = class;
    p->max_chunk = max_rows, p->max_tokens = max_tokens, p->banks = 1, p->n_phases = 1;
    p->phases[0] = (isa_phase){.name = "run", .free_domains = 1, .max_rows = {max_rows}};
    p->tiles = ARENA_ARRAY(p->arena, isa_tile, BUILD_TILES);
    p->n_tiles = 1;
    for (int t = 0; t < BUILD_TILES; t++) {
        isa_tile *q = &p->tiles[t];
        q->buffers = ARENA_ARRAY(p->arena, isa_buffer, BUILD_MAX);
        q->groups = ARENA_ARRAY(p->arena, isa_group, BUILD_MAX);
        q->blocks = ARENA_ARRAY(p->arena, isa_block, BUILD_MAX * 4);
        q->rings = ARENA_ARRAY(p->arena, isa_ring, BUILD_MAX);
        q->tables = ARENA_ARRAY(p->arena, isa_table, BUILD_MAX);
        for (int i = 0; i < ISA_MAX_PHASES; i++) {
            q->phase[i].code = ARENA_ARRAY(p->arena, isa_insn, BUILD_MAX);
            q->phase[i].lines = ARENA_ARRAY(p->arena, isa_line, BUILD_MAX);
        }
    }
    p->channels = ARENA_ARRAY(p->arena, isa_channel, BUILD_MAX);
    p->dests = ARENA_ARRAY(p->arena, uint32_t, BUILD_MAX);
    p->ports = ARENA_ARRAY(p->arena, isa_port, BUILD_MAX);
    return b;
}

static inline void build_free(build *b) {
    isa_program_free(b->p);
    vec_free(&b->cells);
    vec_free(&b->tables);
    diag_sink_free(b->diags);
}

static inline uint64_t build_bytes(uint8_t **items, size_t *count, size_t *capacity,
                                   const void *data, size_t bytes) {
    size_t at = align_u64(*count, 64), need = at + bytes;
    if (need > *capacity) {
        uint8_t *grown = base_calloc(need * 2, 1);
        if (*count) memcpy(grown, *items, *count);
        free(*items);
        *items = grown, *capacity = need * 2;
    }
    if (bytes) memcpy(*items + at, data, bytes);
    *count = need;
    return at;
}
static inline uint64_t build_cells(build *b, const void *data, size_t bytes) {
    return build_bytes(&b->cells.items, &b->cells.count, &b->cells.capacity, data, bytes);
}
static inline uint64_t build_data(build *b, const void *data, size_t bytes) {
    return build_bytes(&b->tables.items, &b->tables.count, &b->tables.capacity, data, bytes);
}

static inline uint16_t build_buf_in(build *b, uint32_t tile, isa_btype type, uint32_t width,
                                    uint8_t dom, isa_quant quant) {
    isa_tile *t = &b->p->tiles[tile];
    uint16_t n = (uint16_t)t->n_buffers++;
    uint32_t stride = isa_row_bytes(type, width);
    t->buffers[n] = (isa_buffer){.type = (uint8_t)type,
                                 .dom = dom,
                                 .quant = (uint8_t)quant,
                                 .parent = n,
                                 .width = width,
                                 .depth = b->p->max_chunk + 1,
                                 .stride = stride,
                                 .base = b->next_byte[tile]};
    b->next_byte[tile] += (uint64_t)stride * (b->p->max_chunk + 1);
    return n;
}
static inline uint16_t build_buf(build *b, isa_btype type, uint32_t width) {
    return build_buf_in(b, 0, type, width, 0, type == ISA_Q8 ? ISA_QUANT_SYM : ISA_QUANT_NONE);
}
static inline uint16_t build_view(build *b, uint32_t tile, uint16_t parent, uint32_t col0,
                                  uint32_t width) {
    isa_tile *t = &b->p->tiles[tile];
    uint16_t n = (uint16_t)t->n_buffers++;
    t->buffers[n] = t->buffers[parent];
    t->buffers[n].parent = parent, t->buffers[n].col0 = col0, t->buffers[n].width = width;
    return n;
}

static inline uint16_t build_table(build *b, uint32_t tile, isa_btype type, uint32_t rows,
                                   uint32_t width, const void *data) {
    isa_tile *t = &b->p->tiles[tile];
    t->tables[t->n_tables] = (isa_table){.type = (uint8_t)type, .rows = rows, .width = width};
    t->tables[t->n_tables].data = build_data(b, data, (size_t)rows * isa_row_bytes(type, width));
    return (uint16_t)t->n_tables++;
}

// A resident group of rows k0..k1 of a matrix of k rows, cut into blocks that fit the chip's
// crossbars.
static inline uint16_t build_group(build *b, uint32_t tile, uint32_t k, uint32_t k0, uint32_t k1,
                                   uint32_t n, const int8_t *w, const float *scale,
                                   const int32_t *zero, const int32_t *colsum, const float *bias) {
    isa_tile *t = &b->p->tiles[tile];
    isa_group *g = &t->groups[t->n_groups];
    *g = (isa_group){.kind = ISA_RESIDENT,
                     .wtype = ISA_W_I8,
                     .k = k,
                     .k0 = k0,
                     .k1 = k1,
                     .n = n,
                     .first_block = t->n_blocks};
    g->cells = build_cells(b, w, (size_t)(k1 - k0) * n);
    g->scale = build_data(b, scale, n * 4);
    g->zero = zero ? build_data(b, zero, n * 4) : ISA_NO_OFFSET;
    g->colsum = colsum ? build_data(b, colsum, n * 4) : ISA_NO_OFFSET;
    g->bias = bias ? build_data(b, bias, n * 4) : ISA_NO_OFFSET;
    uint32_t rows = b->chip.crossbar.rows ? (uint32_t)b->chip.crossbar.rows : k;
    uint32_t cols = b->chip.crossbar.columns ? (uint32_t)b->chip.crossbar.columns : n;
    for (uint32_t r = 0; r < k1 - k0; r += rows)
        for (uint32_t c = 0; c < n; c += cols, g->n_blocks++)
            t->blocks[t->n_blocks++] = (isa_block){.crossbar = b->next_crossbar[tile]++,
                                                   .k0 = r,
                                                   .n0 = c,
                                                   .rows = k1 - k0 - r < rows ? k1 - k0 - r : rows,
                                                   .cols = n - c < cols ? n - c : cols};
    return (uint16_t)t->n_groups++;
}
static inline uint16_t build_group_f32(build *b, uint32_t k, uint32_t n, const float *w,
                                       const float *bias) {
    isa_tile *t = &b->p->tiles[0];
    isa_group *g = &t->groups[t->n_groups];
    *g = (isa_group){.kind = ISA_RESIDENT,
                     .wtype = ISA_W_F32,
                     .k = k,
                     .k1 = k,
                     .n = n,
                     .first_block = t->n_blocks,
                     .n_blocks = 1};
    g->cells = build_cells(b, w, (size_t)k * n * 4);
    g->scale = g->zero = g->colsum = ISA_NO_OFFSET;
    g->bias = bias ? build_data(b, bias, n * 4) : ISA_NO_OFFSET;
    t->blocks[t->n_blocks++] = (isa_block){.crossbar = b->next_crossbar[0]++, .rows = k, .cols = n};
    return (uint16_t)t->n_groups++;
}

static inline uint16_t build_port(build *b, const char *name, isa_pdir dir, isa_btype type,
                                  uint32_t width, uint8_t dom) {
    isa_program *p = b->p;
    for (uint32_t i = 0; i < p->n_ports; i++) // names are told apart
        if (p->ports[i].direction == dir && strcmp(isa_str(p, p->ports[i].name), name) == 0)
            name = arena_printf(p->arena, "%s.%u", name, p->n_ports);
    p->ports[p->n_ports] = (isa_port){.name = isa_program_string(p, name),
                                      .direction = (uint8_t)dir,
                                      .type = (uint8_t)type,
                                      .elem = type == ISA_I32 ? ELEM_i64 : ELEM_f32,
                                      .dom = dom,
                                      .width = width};
    return (uint16_t)p->n_ports++;
}

static inline uint16_t build_channel(build *b, uint32_t source, uint32_t dest, isa_btype type,
                                     uint32_t width) {
    isa_program *p = b->p;
    p->channels[p->n_channels] = (isa_channel){.source = source,
                                               .type = (uint8_t)type,
                                               .width = width,
                                               .depth = p->max_chunk + 1,
                                               .first_dest = p->n_dests,
                                               .n_dests = 1};
    p->dests[p->n_dests++] = dest;
    return (uint16_t)p->n_channels++;
}

// Operands an instruction has and the caller leaves out are absent; others must be 0.
static inline void build_emit(build *b, uint32_t tile, uint32_t phase, isa_insn i) {
    isa_tile *t = &b->p->tiles[tile];
    t->phase[phase].lines[t->phase[phase].count] = (isa_line){.ir_op = UINT32_MAX};
    t->phase[phase].code[t->phase[phase].count++] = i;
}
#define EMIT(b, ...) build_emit((b), 0, 0, (isa_insn){__VA_ARGS__})

static inline uint32_t build_f(float x) {
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

// Input port and buffer of f32 rows; output port of a buffer.
static inline uint16_t build_in(build *b, const char *name, isa_btype type, uint32_t width) {
    uint16_t port = build_port(b, name, ISA_PORT_IN, type, width, 0),
             buf = build_buf(b, type, width);
    EMIT(b, .op = ISA_in, .d = buf, .x = port);
    return buf;
}
static inline void build_out(build *b, const char *name, uint16_t buf) {
    isa_buffer d = b->p->tiles[0].buffers[buf];
    isa_btype type = d.type == ISA_I32 || d.type == ISA_RAW ? ISA_I32
                     : d.type == ISA_PAIR                   ? ISA_PAIR
                                                            : ISA_F32;
    uint16_t port = build_port(b, name, ISA_PORT_OUT, type, d.width, d.dom);
    EMIT(b, .op = ISA_out, .dom = d.dom, .a = buf, .x = port);
}

static inline sim *build_sim(build *b, int threads, bool force_cells) {
    isa_program *p = b->p;
    for (uint32_t t = 0; t < p->n_tiles; t++)
        for (uint32_t i = 0; i < p->n_phases; i++)
            if (p->tiles[t].phase[i].count == 0 ||
                p->tiles[t].phase[i].code[p->tiles[t].phase[i].count - 1].op != ISA_halt)
                build_emit(b, t, i, (isa_insn){.op = ISA_halt});
    p->cells = b->cells.items, p->cells_bytes = b->cells.count;
    p->tables = b->tables.items, p->tables_bytes = b->tables.count;
    sim *s = sim_new(p, &b->chip, &(sim_options){threads, force_cells}, b->diags);
    if (!s) diag_print(b->diags, 0, stderr, false);
    CHECK(s, "a test's program does not verify");
    return s;
}

static inline tensor rows_f32(arena *a, int64_t rows, int64_t width, const float *data) {
    tensor t = tensor_new(a, ELEM_f32, 2, (int64_t[]){rows, width});
    if (data) memcpy(t.data, data, tensor_bytes(&t));
    return t;
}
static inline tensor rows_i32(arena *a, int64_t rows, const int32_t *data) {
    tensor t = tensor_new(a, ELEM_i32, 1, (int64_t[]){rows});
    if (data) memcpy(t.data, data, tensor_bytes(&t));
    return t;
}
#endif
