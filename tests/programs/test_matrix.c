// Every instruction and mode, with every type of every operand: what the verifier accepts runs and
// gives the plain interpreter's numbers, whatever it refuses is refused there and nowhere else.
#include "isa/verify/verify.h"
#include "tests/programs/compare.h"
#include "tests/programs/ideas_units.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { TYPES = ISA_COUNT_btype, WIDE = 4, OPERANDS = 5 };

// One program: rows of every type, made by instructions that are not the one in question.
typedef struct {
    gen g;
    const isa_info *info;
    isa_insn i;
} matrix;

static uint8_t domain_of(const isa_insn *i, const isa_operand *o) {
    if (o->field == ISA_FIELD_d) return i->dom;
    switch ((isa_rows)o->rows) {
    case ISA_ROWS_all:
    case ISA_ROWS_prefix: return GEN_ALL;
    case ISA_ROWS_skip: return GEN_LONGER;
    case ISA_ROWS_window: return GEN_ALL;
    default: return i->op == ISA_rred && o->field == ISA_FIELD_b ? GEN_ALL : i->dom;
    }
}

static uint8_t domain_of_insn(unsigned op) {
    if (op == ISA_pick || op == ISA_rred) return GEN_ONE;
    return op == ISA_prefix || op == ISA_suffix ? GEN_LONGER : GEN_ALL;
}

static uint32_t width_of(const isa_operand *o, unsigned op) {
    switch ((isa_width)o->width) {
    case ISA_WIDTH_one: return 1;
    case ISA_WIDTH_query:
    case ISA_WIDTH_out: return 2;
    case ISA_WIDTH_scores: return 8;
    case ISA_WIDTH_n: return 2;
    default: return op == ISA_red && o->field == ISA_FIELD_d ? 1 : WIDE;
    }
}

// Rows of the type, in the domain: what comes in becomes what is asked for.
static uint16_t source(gen *g, isa_btype type, uint32_t width, uint8_t dom) {
    bool raw = type == ISA_RAW, pair = type == ISA_PAIR;
    isa_btype first = raw ? ISA_Q8 : pair ? ISA_F32 : type;
    uint32_t columns = raw ? 4 : width;
    uint16_t x = gen_buffer(g, ISA_F32, columns, dom), y = gen_buffer(g, first, columns, dom);
    GEN_PUT(g, .op = ISA_in, .dom = dom, .d = x,
            .x = gen_port(g, ISA_PORT_IN, ISA_F32, columns, dom));
    GEN_PUT(g, .op = ISA_copy, .dom = dom, .d = y, .a = x, .b = ISA_NONE);
    if (!raw && !pair) return y;
    uint16_t z = gen_buffer(g, type, width, dom);
    if (pair) {
        GEN_PUT(g, .op = ISA_topk, .dom = dom, .d = z, .a = y, .n = (uint16_t)width);
        return z;
    }
    int8_t w[64];
    for (uint32_t k = 0; k < 4 * width; k++) w[k] = (int8_t)random_in(&g->r, -99, 99);
    GEN_PUT(g, .op = ISA_mvm, .mode = ISA_MODE_mvm_raw, .dom = dom, .d = z, .a = y,
            .x = gen_group(g, w, 4, 0, 4, width), .b = ISA_NONE);
    return z;
}

// An index that names row 0.
static uint16_t index_column(gen *g, uint8_t dom) {
    uint16_t b = gen_buffer(g, ISA_I32, 1, dom), x = gen_port(g, ISA_PORT_IN, ISA_I32, 1, dom);
    g->p->ports[x].hi = 1;
    GEN_PUT(g, .op = ISA_in, .dom = dom, .d = b, .x = x);
    return b;
}

static uint16_t ring(gen *g, unsigned op) {
    isa_tile *t = gen_tile(g);
    t->rings[t->n_rings] = (isa_ring){.mode = op == ISA_query ? ISA_RING_ALL : ISA_RING_CAUSAL,
                                      .kind = ISA_RING_STORED,
                                      .n_kv = 1,
                                      .q_per_kv = 1,
                                      .d = 2,
                                      .dv = 2,
                                      .slots = 8,
                                      .scale = 0.5f,
                                      .sink = ISA_NO_OFFSET,
                                      .bias_table = ISA_NO_OFFSET,
                                      .cell = ISA_NO_OFFSET,
                                      .scalings = ISA_NO_OFFSET};
    if (op == ISA_query || op == ISA_score || op == ISA_mix)
        GEN_PUT(g, .op = ISA_kvw, .a = source(g, ISA_F32, 4, GEN_ALL), .x = t->n_rings,
                .n = ISA_NONE);
    return (uint16_t)t->n_rings++;
}

// What is no buffer: the same for all types, but for tables, whose type is `table`.
static void set_others(matrix *m, isa_btype table, isa_wtype weights) {
    gen *g = &m->g;
    isa_insn *i = &m->i;
    int8_t w[16];
    for (int k = 0; k < 16; k++) w[k] = (int8_t)random_in(&g->r, -99, 99);
    for (unsigned k = 0; k < m->info->n_operands; k++) {
        const isa_operand *o = &m->info->operands[k];
        uint32_t width = o->width == ISA_WIDTH_two ? 2 : WIDE, rows = 1;
        if (o->kind == ISA_KIND_ring) i->x = ring(g, i->op);
        if (o->kind == ISA_KIND_group)
            i->x = weights == ISA_W_F32 ? gen_group_f32(g, 4, 4) : gen_group(g, w, 4, 0, 4, 4);
        if (o->kind != ISA_KIND_table) continue;
        if (i->op == ISA_rope || i->op == ISA_posrow) rows = 8;
        if (i->op == ISA_prefix || i->op == ISA_suffix) rows = g->more;
        if (i->op == ISA_rows) {
            i->x = ISA_NONE;
            continue;
        }
        i->x = gen_table(g, table, rows, width);
    }
    if (i->op == ISA_rows) i->imm = isa_window_imm((isa_window){1, 1, 0});
    if (i->op == ISA_rows) i->n = ISA_NONE;
    if (i->op == ISA_rows && i->mode == ISA_MODE_rows_index) {
        i->x = gen_table(g, ISA_I32, 8, 1), i->n = 1, i->imm = 0;
        gen_tile(g)->tables[i->x].data = gen_ints(g, 8, -1, 0);
    }
    if (i->op == ISA_softmax) i->n = 2;
    if (i->op == ISA_rope) i->n = 1, i->imm = 4;
    if (i->op == ISA_topk) i->n = 2, i->imm = 3;
    if (i->op == ISA_skip) i->imm = g->more;
}

static unsigned accepted[256], tried[256]; // by opcode

// types[k] of the k-th buffer operand in the order of isa.def; port or channel: `outer`.
static void try_types(const isa_info *info, unsigned mode, const isa_btype *types, isa_btype outer,
                      isa_btype table, isa_wtype weights, unsigned fn, const machine *chip) {
    matrix m = {.g = gen_open(7), .info = info};
    gen *g = &m.g;
    isa_program *p = g->p;
    p->class = ISA_WHOLE, p->n_phases = 1, p->max_chunk = p->max_tokens = 3, p->banks = 1;
    p->phases[0] = (isa_phase){.name = "step", .free_domains = 1, .max_rows = {3}};
    g->special = false, g->more = 2;
    gen_phase(g, 0);
    g->tile = 0;
    m.i =
        (isa_insn){.op = info->opcode, .mode = (uint8_t)mode, .dom = domain_of_insn(info->opcode)};
    m.i.n = (uint16_t)fn;
    set_others(&m, table, weights);
    unsigned n = 0;
    uint16_t d = 0;
    bool result = isa_has_result(info);
    for (unsigned k = 0; k < info->n_operands; k++) {
        const isa_operand *o = &info->operands[k];
        if (o->kind == ISA_KIND_port)
            m.i.x = gen_port(g, m.i.op == ISA_in ? ISA_PORT_IN : ISA_PORT_OUT, outer, WIDE, 0);
        if (o->kind == ISA_KIND_chan) {
            isa_buffer b = {.type = (uint8_t)outer, .width = WIDE};
            m.i.x = gen_channel(g, &b, 0);
            if (info->opcode != ISA_send)
                GEN_PUT(g, .op = ISA_send, .a = source(g, outer, WIDE, 0), .x = m.i.x);
        }
        if (o->kind != ISA_KIND_buf) continue;
        isa_btype type = types[n++];
        uint32_t width = width_of(o, info->opcode);
        uint16_t b;
        if (o->optional && o->field == ISA_FIELD_b && m.i.op == ISA_pick &&
            mode != ISA_MODE_pick_by) {
            m.i.b = ISA_NONE;
            continue;
        }
        if (m.i.op == ISA_copy && o->field == ISA_FIELD_b && type == ISA_RAW) { // left out
            m.i.b = ISA_NONE;
            continue;
        }
        if (k == 0 && result)
            b = d = gen_buffer(g, type, width, domain_of(&m.i, o));
        else if (type == ISA_I32 && o->types == 1u << ISA_I32)
            b = index_column(g, domain_of(&m.i, o));
        else
            b = source(g, type, width, domain_of(&m.i, o));
        isa_operand_set(&m.i, (isa_operand_field)o->field, b);
    }
    if (result && gen_of(g, d)->type == ISA_Q8)
        gen_tile(g)->buffers[d].quant = m.i.op == ISA_recv ? ISA_QUANT_NONE : ISA_QUANT_ASYM;
    if (m.i.op == ISA_copy && m.i.b != ISA_NONE && gen_of(g, d)->type == ISA_Q8)
        gen_tile(g)->buffers[d].quant = ISA_QUANT_SYM;
    if (m.i.op == ISA_rows && result && gen_of(g, d)->type == ISA_Q8)
        for (uint32_t k = 0; k < gen_tile(g)->n_buffers; k++) {
            isa_buffer *x = &gen_tile(g)->buffers[k];
            if (x->type == ISA_Q8) x->quant = ISA_QUANT_STATIC, x->scale = 0.25f, x->zero = 2;
        }
    gen_put(g, m.i);
    if (m.i.op == ISA_send) {
        uint16_t r = gen_buffer(g, outer, WIDE, 0);
        gen_tile(g)->buffers[r].quant = ISA_QUANT_NONE;
        GEN_PUT(g, .op = ISA_recv, .d = r, .x = m.i.x);
        d = r, result = true;
    }
    if (result && gen_of(g, d)->type != ISA_RAW) gen_keep(g, d);
    gen_outputs(g);
    for (g->tile = 0; g->tile < p->n_tiles; g->tile++) GEN_PUT(g, .op = ISA_halt);
    p->cells = g->cells.items, p->cells_bytes = g->cells.count;
    p->tables = g->tables.items, p->tables_bytes = g->tables.count;
    tried[info->opcode]++;
    compare_tally tally = {0};
    if (isa_verify(p, chip, "matrix", NULL)) {
        accepted[info->opcode]++;
        if (!compare_program(p, chip, 5, &tally) || tally.compared == 0)
            fail_msg("%s, mode %u: types %u %u %u %u, port or channel %u, table %u", info->mnemonic,
                     mode, types[0], types[1], types[2], types[3], outer, table);
    }
    gen_close(g);
}

static void every_type(const isa_info *info, unsigned mode, const machine *chip) {
    unsigned buffers = 0, all = 1;
    bool outer = false, table = false, group = false;
    for (unsigned k = 0; k < info->n_operands; k++) {
        buffers += info->operands[k].kind == ISA_KIND_buf;
        outer |= info->operands[k].kind == ISA_KIND_port || info->operands[k].kind == ISA_KIND_chan;
        table |= info->operands[k].kind == ISA_KIND_table;
        group |= info->operands[k].kind == ISA_KIND_group;
    }
    for (unsigned k = 0; k < buffers; k++) all *= TYPES;
    for (unsigned at = 0; at < all; at++) {
        isa_btype types[OPERANDS] = {0};
        for (unsigned k = 0, rest = at; k < buffers; k++, rest /= TYPES)
            types[k] = (isa_btype)(rest % TYPES);
        for (unsigned x = 0; x < (outer ? TYPES : 1); x++)
            for (unsigned t = 0; t < (table ? TYPES : 1); t++)
                for (unsigned w = 0; w < (group ? 2 : 1); w++) {
                    // Integers take other ways than numbers; argmax is the one that gives them.
                    unsigned fn = info->opcode == ISA_red ? ISA_RED_argmax : 0;
                    try_types(info, mode, types, (isa_btype)x, (isa_btype)t, (isa_wtype)w, fn,
                              chip);
                }
    }
}

// How many combinations are accepted: what isa.def says of types, and what modes and pairs of
// operands add.
static const struct {
    const char *name;
    unsigned accepted;
} expected[] = {
    {"copy", 32},  {"gather", 12}, {"posrow", 12}, {"rows", 48},    {"prefix", 48}, {"suffix", 48},
    {"pick", 114}, {"skip", 6},    {"rred", 64},   {"mvm", 68},     {"fin", 4},     {"attn", 18},
    {"kvw", 3},    {"query", 6},   {"score", 6},   {"mix", 6},      {"ew1", 16},    {"ew2", 64},
    {"ewt", 48},   {"clip", 48},   {"norm", 144},  {"softmax", 32}, {"red", 16},    {"rope", 96},
    {"topk", 5},   {"send", 6},    {"recv", 6},    {"recvadd", 4},  {"in", 8},      {"out", 9},
};

static void every_instruction(void **state) {
    arena *a = arena_new();
    const char *sets[] = {"tile.crossbars=0"};
    const machine *chip = machine_load(a, OHMIC_SOURCE_DIR "/chips/ideal-int8.yaml", sets, 1, NULL);
    unsigned total = 0, good = 0;
    for (size_t k = 0; k < isa_infos_count; k++) {
        const isa_info *info = &isa_infos[k];
        if (info->unit == ISA_UNIT_control) continue;
        for (unsigned mode = 0; mode < (info->modes.count ? info->modes.count : 1); mode++)
            every_type(info, mode, chip);
        total += tried[info->opcode], good += accepted[info->opcode];
    }
    printf("%u of %u combinations are accepted\n", good, total);
    unsigned listed = 0;
    for (size_t k = 0; k < ARRAY_LEN(expected); k++) {
        const isa_info *info = isa_info_find(expected[k].name, strlen(expected[k].name));
        assert_non_null(info);
        listed += expected[k].accepted;
        if (accepted[info->opcode] != expected[k].accepted)
            fail_msg("%s: %u combinations of %u are accepted, expected %u", expected[k].name,
                     accepted[info->opcode], tried[info->opcode], expected[k].accepted);
    }
    assert_int_equal(listed, good);
    arena_free(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_instruction)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
