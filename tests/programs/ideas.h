// What a random program may do next: one function an idea.
#ifndef OHMIC_TESTS_PROGRAMS_IDEAS_H
#define OHMIC_TESTS_PROGRAMS_IDEAS_H
#include "tests/programs/generate.h"

#define GEN_PUT(g, ...) gen_put((g), (isa_insn){__VA_ARGS__})

static inline uint16_t gen_port(gen *g, isa_pdir way, isa_btype type, uint32_t width, uint8_t dom) {
    isa_program *p = g->p;
    p->ports[p->n_ports] = (isa_port){.direction = (uint8_t)way,
                                      .type = (uint8_t)type,
                                      .dom = dom,
                                      .width = width,
                                      .elem = type == ISA_I32 ? ISA_ELEM_i64 : ISA_ELEM_f32};
    return (uint16_t)p->n_ports++;
}

// Rows from outside; of a derived domain too.
static inline void gen_in(gen *g) {
    if (g->p->n_ports + 8 > 2 * GEN_MOST) return;
    unsigned dom = gen_one_in(g, 4) ? gen_below(g, 7) : gen_root(g);
    if (!(g->used >> dom & 1)) dom = gen_root(g);
    if (gen_one_in(g, 4)) { // an index
        uint16_t d = gen_buffer(g, ISA_I32, 1, (uint8_t)dom),
                 x = gen_port(g, ISA_PORT_IN, ISA_I32, 1, (uint8_t)dom);
        int64_t lo = gen_one_in(g, 3) ? -3 : 0, hi = 1 + gen_below(g, 9);
        g->p->ports[x].lo = lo, g->p->ports[x].hi = hi;
        GEN_PUT(g, .op = ISA_in, .dom = (uint8_t)dom, .d = d, .x = x);
        gen_keep_range(g, d, lo, hi - 1);
        return;
    }
    uint32_t width = 1 + gen_below(g, 8);
    isa_btype type = gen_one_in(g, 4) ? ISA_I32 : ISA_F32;
    uint16_t d = gen_buffer(g, gen_type(g), width, (uint8_t)dom);
    GEN_PUT(g, .op = ISA_in, .dom = (uint8_t)dom, .d = d,
            .x = gen_port(g, ISA_PORT_IN, type, width, (uint8_t)dom));
    gen_keep(g, d);
}

static inline void gen_copy(gen *g, gen_value a) {
    const isa_buffer *b = gen_of(g, a.buffer);
    isa_btype type = b->type == ISA_RAW || (b->type == ISA_PAIR && gen_one_in(g, 3))
                         ? (isa_btype)b->type
                         : gen_type(g);
    uint8_t dom = b->dom;
    uint16_t d = gen_buffer(g, type, b->width, dom);
    bool codes = type == ISA_Q8 && gen_of(g, a.buffer)->type == ISA_Q8 && gen_one_in(g, 2);
    if (codes) gen_tile(g)->buffers[d].quant = ISA_QUANT_NONE;
    GEN_PUT(g, .op = ISA_copy, .dom = dom, .d = d, .a = a.buffer, .b = ISA_NONE);
    if (a.ranged && type == ISA_I32)
        gen_keep_range(g, d, a.lo, a.hi);
    else
        gen_keep(g, d);
}

static inline void gen_lookup(gen *g) {
    uint32_t width = 1 + gen_below(g, 6);
    gen_value a;
    bool gather = gen_find_index(g, -1, 40, &a) && gen_one_in(g, 2);
    uint8_t dom = gather ? gen_of(g, a.buffer)->dom : (uint8_t)gen_below(g, 7);
    if (!(g->used >> dom & 1)) return;
    int64_t rows = gather ? a.hi + 1 : g->dom[dom].end;
    if (rows > 60) return;
    uint16_t x = gen_table(g, gen_stored(g), (uint32_t)max_i64(1, rows), width);
    uint16_t d = gen_buffer(g, gen_type(g), width, dom);
    bool codes = gen_of(g, d)->type == ISA_Q8 && gen_tile(g)->tables[x].type == ISA_Q8;
    if (codes) gen_tile(g)->buffers[d].quant = gen_one_in(g, 2) ? ISA_QUANT_NONE : ISA_QUANT_ASYM;
    GEN_PUT(g, .op = gather ? ISA_gather : ISA_posrow, .dom = dom, .d = d,
            .a = gather ? a.buffer : 0, .x = x);
    gen_keep(g, d);
}

// Side by side: a window that looks back and ahead, or rows by name.
static inline void gen_rows(gen *g, gen_value a) {
    isa_buffer b = *gen_of(g, a.buffer);
    if (!(GEN_NUMBERS >> b.type & 1) || b.width > 8) return;
    if (b.type == ISA_Q8 && (b.quant != ISA_QUANT_STATIC || b.parent != a.buffer)) return;
    bool streams = gen_streams(g), named = !streams && gen_one_in(g, 3);
    unsigned to = gen_one_in(g, 3) && !streams ? gen_below(g, 7) : b.dom;
    if (!(g->used >> to & 1)) to = b.dom;
    if (streams && b.dom != gen_root(g) && b.dom != GEN_DOUBLE) return;
    uint32_t k = 1 + gen_below(g, 3), pad = streams ? k - 1 : gen_below(g, 3),
             step = streams ? 1 : 1 + gen_below(g, 2);
    uint16_t x = ISA_NONE;
    if (named) {
        x = gen_table(g, ISA_I32, (uint32_t)gen_most(g, to), k);
        gen_tile(g)->tables[x].data = gen_ints(g, gen_most(g, to) * k, -1, 0);
    }
    uint16_t d = gen_buffer(g, (isa_btype)b.type, k * b.width, (uint8_t)to);
    isa_buffer *y = &gen_tile(g)->buffers[d];
    y->quant = b.quant, y->scale = b.scale, y->zero = b.zero;
    GEN_PUT(g, .op = ISA_rows, .dom = (uint8_t)to, .mode = named ? ISA_MODE_rows_index : 0, .d = d,
            .a = a.buffer, .x = x, .n = named ? (uint16_t)k : ISA_NONE,
            .imm = named ? 0 : isa_window_imm((isa_window){k, step, pad}));
    gen_keep(g, d);
}

// Rows of another domain: joined with a table, picked, skipped, reduced.
static inline void gen_move(gen *g, gen_value a) {
    isa_buffer b = *gen_of(g, a.buffer);
    unsigned root = gen_root(g);
    bool streams = gen_streams(g), numbers = GEN_NUMBERS >> b.type & 1;
    uint32_t what = gen_below(g, 4);
    isa_insn i = {.a = a.buffer, .b = ISA_NONE};
    isa_btype type = (isa_btype)b.type;
    gen_value by;
    if (streams) what = 1;
    if (what == 0 && b.dom == root && numbers) {
        i.op = gen_one_in(g, 2) ? ISA_prefix : ISA_suffix, i.dom = GEN_LONGER;
        i.x = gen_table(g, gen_stored(g), g->more, b.width);
        i.b = 0;
        if (type != ISA_Q8 || gen_one_in(g, 2)) type = gen_type(g);
    } else if (what == 1) {
        i.op = ISA_pick, i.dom = gen_one_in(g, 2) ? GEN_ONE : GEN_LAST;
        i.mode = (uint8_t)gen_below(g, 4);
        if (streams && b.dom != GEN_ONE) i.mode = ISA_MODE_pick_last, i.dom = GEN_LAST;
        if (i.mode == ISA_MODE_pick_by) {
            uint16_t x = gen_table(g, ISA_I32, 1, 1), index = gen_buffer(g, ISA_I32, 1, GEN_ONE);
            gen_tile(g)->tables[x].data = gen_ints(g, 1, 0, 0);
            GEN_PUT(g, .op = ISA_posrow, .dom = GEN_ONE, .d = index, .x = x);
            i.b = index, i.dom = GEN_ONE;
        }
    } else if (what == 2 && b.dom == GEN_LONGER) {
        i.op = ISA_skip, i.dom = (uint8_t)root, i.imm = gen_below(g, g->more + 1), i.b = 0;
    } else if (what == 3 && numbers) {
        static const uint8_t how[] = {ISA_RED_sum, ISA_RED_mean, ISA_RED_max, ISA_RED_sumsq};
        i.op = ISA_rred, i.dom = gen_one_in(g, 3) ? GEN_LAST : GEN_ONE;
        bool weighted = gen_one_in(g, 2) && gen_find(g, GEN_NUMBERS, 1, b.dom, &by);
        i.n = how[gen_below(g, weighted ? 3 : 4)];
        if (weighted) i.b = by.buffer;
        type = gen_type(g);
    } else {
        return;
    }
    uint16_t d = gen_buffer(g, type, b.width, i.dom);
    bool moves = i.op == ISA_pick || i.op == ISA_skip ||
                 ((i.op == ISA_prefix || i.op == ISA_suffix) && type == ISA_Q8);
    if (type == ISA_Q8 && moves) gen_tile(g)->buffers[d].quant = ISA_QUANT_ASYM;
    i.d = d;
    gen_put(g, i);
    if (a.ranged && moves && type == ISA_I32)
        gen_keep_range(g, d, a.lo, a.hi);
    else
        gen_keep(g, d);
}

static inline uint8_t gen_fn2(gen *g, bool integers) {
    return (uint8_t)gen_below(g, integers ? ISA_FN2_max + 1 : ISA_COUNT_fn2);
}

static inline void gen_digital(gen *g, gen_value a) {
    isa_buffer b = *gen_of(g, a.buffer);
    gen_value other;
    if (!(GEN_NUMBERS >> b.type & 1)) return;
    isa_insn i = {.dom = b.dom, .a = a.buffer};
    uint32_t width = b.width, heads = b.width % 2 == 0 && b.width >= 4 && gen_one_in(g, 2) ? 2 : 1;
    isa_btype type = gen_type(g);
    bool ranged = false;
    int64_t lo = 0, hi = 0;
    switch (gen_below(g, 9)) {
    case 0: i.op = ISA_ew1, i.n = (uint16_t)gen_below(g, ISA_COUNT_fn1); break;
    case 1:
    case 2: {
        unsigned from = gen_one_in(g, 3) ? GEN_ONE : b.dom;
        if (!gen_may_cross(g, from, b.dom) && from != b.dom) return;
        if (!gen_find(g, GEN_NUMBERS, width, (int)from, &other)) return;
        i.op = ISA_ew2, i.b = other.buffer;
        bool integers = b.type == ISA_I32 && gen_of(g, other.buffer)->type == ISA_I32;
        i.n = gen_fn2(g, integers && type == ISA_I32);
        break;
    }
    case 3:
        i.op = ISA_ewt, i.x = gen_table(g, gen_stored(g), 1, width), i.n = gen_fn2(g, false);
        break;
    case 4:
        i.op = ISA_clip, i.x = gen_table(g, gen_one_in(g, 2) ? ISA_I32 : ISA_F32, 1, 2);
        if (type == ISA_I32 && gen_tile(g)->tables[i.x].type == ISA_I32) {
            lo = gen_below(g, 2), hi = lo + gen_below(g, 6), ranged = true;
            int32_t bounds[2] = {(int32_t)lo, (int32_t)hi};
            gen_tile(g)->tables[i.x].data = gen_table_bytes(g, bounds, sizeof bounds);
            lo = 0;
        }
        break;
    case 5: {
        float eps = gen_one_in(g, 2) ? 1e-5f : 0.25f;
        i.op = ISA_norm, i.mode = (uint8_t)gen_below(g, 3), i.x = ISA_NONE;
        if (!gen_one_in(g, 3))
            i.x = gen_table(g, gen_one_in(g, 3) ? gen_stored(g) : ISA_F32, 1,
                            width * (1 + gen_below(g, 2)));
        memcpy(&i.imm, &eps, 4);
        break;
    }
    case 6: i.op = ISA_softmax, i.mode = (uint8_t)gen_below(g, 2), i.n = (uint16_t)heads; break;
    case 7:
        i.op = ISA_red, i.n = (uint16_t)gen_below(g, ISA_COUNT_fnr);
        width = gen_one_in(g, 2) ? 1 : heads;
        if (i.n == ISA_RED_argmax && gen_one_in(g, 2)) type = ISA_I32;
        if (type == ISA_I32) i.n = ISA_RED_argmax, ranged = true, hi = b.width / width - 1;
        break;
    default: {
        i.op = ISA_rope, i.mode = (uint8_t)gen_below(g, 2), i.n = (uint16_t)heads;
        uint32_t each = width / heads;
        i.imm = each & ~1u, i.b = ISA_NONE;
        if (gen_one_in(g, 2) && i.imm > 2) i.imm = 2;
        if (i.imm == 0 || g->dom[b.dom].end > 60) return;
        bool by = gen_one_in(g, 2) && gen_find_index(g, b.dom, 30, &other);
        if (by) i.b = other.buffer;
        i.x = gen_table(g, gen_stored(g), (uint32_t)(by ? other.hi + 1 : g->dom[b.dom].end), i.imm);
    }
    }
    bool in_place = width == b.width && type == (isa_btype)b.type && gen_one_in(g, 4) &&
                    (type != ISA_Q8 || (b.parent == a.buffer && b.quant != ISA_QUANT_NONE));
    i.d = in_place ? a.buffer : gen_buffer(g, type, width, b.dom);
    gen_put(g, i);
    if (in_place) { // what was known of its integers is not true any more
        for (size_t k = 0; k < g->values[g->tile].count; k++)
            g->values[g->tile].items[k].ranged &=
                gen_of(g, g->values[g->tile].items[k].buffer)->parent != b.parent;
        return;
    }
    if (ranged)
        gen_keep_range(g, i.d, lo, hi);
    else
        gen_keep(g, i.d);
}

static inline void gen_topk(gen *g, gen_value a) {
    isa_buffer b = *gen_of(g, a.buffer);
    if (!((GEN_NUMBERS | 1u << ISA_PAIR) >> b.type & 1)) return;
    uint32_t n = 1 + gen_below(g, b.width), first = gen_below(g, 5);
    uint16_t d = gen_buffer(g, ISA_PAIR, n, b.dom);
    GEN_PUT(g, .op = ISA_topk, .dom = b.dom, .d = d, .a = a.buffer, .n = (uint16_t)n, .imm = first);
    gen_keep(g, d);
    if (b.type == ISA_PAIR || n > 1) return;
    uint16_t x = gen_buffer(g, ISA_I32, 1, b.dom); // the index is one
    GEN_PUT(g, .op = ISA_copy, .dom = b.dom, .d = x, .a = d, .b = ISA_NONE);
    gen_keep_range(g, x, first, first + b.width - 1);
}

// Columns of a value, or values written side by side.
static inline void gen_columns(gen *g, gen_value a) {
    isa_buffer b = *gen_of(g, a.buffer);
    gen_value other;
    if (gen_one_in(g, 2) && b.width > 1) {
        uint32_t col0 = gen_below(g, b.width), width = 1 + gen_below(g, b.width - col0);
        gen_keep(g, gen_view(g, a.buffer, col0, width));
        return;
    }
    isa_btype type = gen_one_in(g, 3) ? ISA_I32 : gen_one_in(g, 2) ? ISA_Q8 : ISA_F32;
    if (b.width > 8 || !(GEN_NUMBERS >> b.type & 1) ||
        !gen_find(g, GEN_NUMBERS, 0, b.dom, &other) || gen_of(g, other.buffer)->width > 8)
        return;
    uint32_t w = gen_of(g, other.buffer)->width;
    uint16_t whole = gen_buffer(g, type, b.width + w, b.dom);
    isa_buffer *x = &gen_tile(g)->buffers[whole];
    if (type == ISA_Q8) x->quant = ISA_QUANT_STATIC, x->scale = 0.25f, x->zero = 3;
    uint16_t left = gen_view(g, whole, 0, b.width), right = gen_view(g, whole, b.width, w);
    GEN_PUT(g, .op = ISA_ew1, .dom = b.dom, .d = left, .a = a.buffer, .n = ISA_FN1_neg);
    GEN_PUT(g, .op = ISA_copy, .dom = b.dom, .d = right, .a = other.buffer, .b = ISA_NONE);
    gen_keep(g, whole);
    if (gen_one_in(g, 2)) gen_keep(g, right);
}
#endif
