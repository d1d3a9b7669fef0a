// Indices: which integers rows of type i32 and the indices of pairs may hold, from ports, tables
// and constants through the instructions; and that rows named by them exist.
#include "isa/operand.h"
#include "isa/verify/parts.h"
#include "support/num/elem.h"
#include <math.h>
#include <string.h>

verify_range verify_join(verify_range a, verify_range b) {
    return (verify_range){min_i64(a.lo, b.lo), max_i64(a.hi, b.hi)};
}

static verify_range within_i32(int64_t lo, int64_t hi) { // sums of i32 wrap
    return lo >= INT32_MIN && hi <= INT32_MAX ? (verify_range){lo, hi} : VERIFY_ANY_INTEGER;
}

static verify_range products(verify_range a, verify_range b) {
    int64_t p[4] = {a.lo * b.lo, a.lo * b.hi, a.hi * b.lo, a.hi * b.hi}, lo = p[0], hi = p[0];
    for (int i = 1; i < 4; i++) lo = min_i64(lo, p[i]), hi = max_i64(hi, p[i]);
    return within_i32(lo, hi);
}

// Numbers of an f32 or i32 table's first rows, rounded outwards; anything when one is no number of
// 24 bits.
static verify_range look_at_table(verifier *v, const isa_table *t, uint32_t rows) {
    uint64_t n = (uint64_t)rows * t->width;
    const uint8_t *at =
        t->type == ISA_F32 || t->type == ISA_I32 ? verify_table_bytes(v, t->data, 4 * n) : NULL;
    if (!at) return VERIFY_ANY_INTEGER;
    verify_range r = {INT64_MAX, INT64_MIN};
    for (uint64_t i = 0; i < n; i++) {
        if (t->type == ISA_I32) {
            int32_t x;
            memcpy(&x, at + 4 * i, sizeof x);
            r = verify_join(r, (verify_range){x, x});
            continue;
        }
        float x;
        memcpy(&x, at + 4 * i, sizeof x);
        if (!(x > -0x1p24f && x < 0x1p24f)) return VERIFY_ANY_INTEGER;
        r = verify_join(r, (verify_range){(int64_t)floorf(x), (int64_t)ceilf(x)});
    }
    return r;
}

// Many instructions name the same table: it is looked at once.
struct verify_numbers {
    uint32_t rows; // 0: not looked at
    verify_range range;
};

static verify_range table_range(verifier *v, uint32_t tile, uint32_t table, uint32_t rows) {
    const isa_tile *t = &v->p->tiles[tile];
    if (!v->numbers[tile]) v->numbers[tile] = ARENA_ARRAY(v->a, struct verify_numbers, t->n_tables);
    struct verify_numbers *known = &v->numbers[tile][table];
    if (known->rows != rows)
        *known = (struct verify_numbers){rows, look_at_table(v, &t->tables[table], rows)};
    return known->range;
}

// An integer as an f32 holds it, in the chip's digital format, and as an integer again.
static int64_t through(const verifier *v, int64_t x, bool digital) {
    float f = (float)x;
    int64_t format = !digital ? MACHINE_FMT_F32 : v->chip->digital.format;
    if (format == MACHINE_FMT_BF16) f = elem_bf16_to_f32(elem_f32_to_bf16(f));
    if (format == MACHINE_FMT_F16) f = elem_f16_to_f32(elem_f32_to_f16(f));
    return f >= 0x1p31f ? INT32_MAX : f < -0x1p31f ? INT32_MIN : (int64_t)f;
}

// Integers of a that pass through numbers: rounding keeps their order.
static verify_range rounded(const verifier *v, verify_range a, bool digital) {
    if (digital && !v->chip) return VERIFY_ANY_INTEGER;
    return (verify_range){through(v, a.lo, digital), through(v, a.hi, digital)};
}

static bool is_exact(verify_range r) { return r.lo > -(1 << 24) && r.hi < 1 << 24; } // in f32

static verify_range range_fn2(unsigned fn, verify_range a, verify_range b, bool real) {
    verify_range r;
    switch (fn) {
    case ISA_FN2_add: r = within_i32(a.lo + b.lo, a.hi + b.hi); break;
    case ISA_FN2_sub: r = within_i32(a.lo - b.hi, a.hi - b.lo); break;
    case ISA_FN2_mul: r = products(a, b); break;
    case ISA_FN2_min: r = (verify_range){min_i64(a.lo, b.lo), min_i64(a.hi, b.hi)}; break;
    case ISA_FN2_max: r = (verify_range){max_i64(a.lo, b.lo), max_i64(a.hi, b.hi)}; break;
    default: return VERIFY_ANY_INTEGER;
    }
    return !real || (is_exact(a) && is_exact(b) && is_exact(r)) ? r : VERIFY_ANY_INTEGER;
}

static verify_range range_fn1(unsigned fn, verify_range a) {
    if (!is_exact(a)) return VERIFY_ANY_INTEGER;
    switch (fn) {
    case ISA_FN1_neg: return (verify_range){-a.hi, -a.lo};
    case ISA_FN1_abs:
        return (verify_range){a.lo > 0 ? a.lo : a.hi < 0 ? -a.hi : 0, max_i64(-a.lo, a.hi)};
    case ISA_FN1_relu: return (verify_range){max_i64(0, a.lo), max_i64(0, a.hi)};
    case ISA_FN1_floor:
    case ISA_FN1_ceil:
    case ISA_FN1_round: return a;
    case ISA_FN1_sign: return (verify_range){-1, 1};
    default: return VERIFY_ANY_INTEGER;
    }
}

// lo and hi of a clip; NaN stays, and becomes 0.
static verify_range range_clip(verify_range bounds, bool integer) {
    return integer ? bounds : verify_join(bounds, (verify_range){0, 0});
}

static bool holds_integers(const isa_tile *t, uint16_t buffer) {
    return t->buffers[buffer].type == ISA_I32 || t->buffers[buffer].type == ISA_PAIR;
}

verify_range verify_result_range(verifier *v, uint32_t tile, const isa_insn *i, verify_range a,
                                 verify_range b, verify_range arriving) {
    const isa_tile *t = &v->p->tiles[tile];
    bool has_table = i->op == ISA_gather || i->op == ISA_posrow || i->op == ISA_prefix ||
                     i->op == ISA_suffix || i->op == ISA_clip || i->op == ISA_ewt;
    if (!holds_integers(t, i->d)) return VERIFY_ANY_INTEGER;
    verify_range table =
        has_table ? table_range(v, tile, i->x, t->tables[i->x].rows) : VERIFY_ANY_INTEGER;
    switch (i->op) {
    case ISA_in: {
        const isa_port *port = &v->p->ports[i->x];
        return port->type == ISA_I32 && port->lo < port->hi ? within_i32(port->lo, port->hi - 1)
                                                            : VERIFY_ANY_INTEGER;
    }
    case ISA_gather:
    case ISA_posrow: return t->tables[i->x].type == ISA_I32 ? table : rounded(v, table, false);
    case ISA_prefix:
    case ISA_suffix:
        return holds_integers(t, i->a) ? verify_join(a, rounded(v, table, false))
                                       : VERIFY_ANY_INTEGER;
    case ISA_rows: return verify_join(a, (verify_range){0, 0}); // zeros outside
    case ISA_recv: return arriving;
    case ISA_recvadd: return range_fn2(ISA_FN2_add, a, arriving, false);
    case ISA_red: // argmax
        return (verify_range){0, (int64_t)t->buffers[i->a].width / t->buffers[i->d].width - 1};
    case ISA_topk:
        if (t->buffers[i->a].type == ISA_PAIR)
            return within_i32(a.lo + (int64_t)i->imm, a.hi + (int64_t)i->imm);
        return (verify_range){(int64_t)i->imm, (int64_t)i->imm + t->buffers[i->a].width - 1};
    case ISA_clip: return rounded(v, range_clip(table, holds_integers(t, i->a)), true);
    default: break;
    }
    if (!holds_integers(t, i->a)) return VERIFY_ANY_INTEGER;
    switch (i->op) {
    case ISA_copy:
    case ISA_pick:
    case ISA_skip: return a;
    case ISA_ew1: return rounded(v, range_fn1(i->n, a), true);
    case ISA_ew2:
        return holds_integers(t, i->b) ? range_fn2(i->n, a, b, false) : VERIFY_ANY_INTEGER;
    case ISA_ewt: return rounded(v, range_fn2(i->n, a, table, true), true);
    default: return VERIFY_ANY_INTEGER;
    }
}

// --- rows named by values

static void check_range(verifier *v, uint32_t tile, uint32_t pc, const char *what, verify_range r,
                        int64_t rows) {
    if (r.lo >= 0 && r.hi < rows) return;
    verify_bad_at(v, DIAG_ID_isa_index, tile, pc, "%s may be %lld to %lld, there are %lld rows",
                  what, (long long)r.lo, (long long)r.hi, (long long)rows);
}

// Rows of a that the table of `rows` names: below the fewest that a has while d has them.
static void check_row_table(verifier *v, uint32_t tile, uint32_t pc) {
    const isa_insn *i = verify_insn(v, tile, pc);
    const isa_tile *t = &v->p->tiles[tile];
    if (i->x == ISA_NONE) return;
    const isa_table *table = &t->tables[i->x];
    unsigned from = t->buffers[i->a].dom;
    int64_t least = verify_least_rows(v, from, i->dom), most = v->dom[i->dom].most;
    if (table->rows < most) {
        verify_bad_at(v, DIAG_ID_isa_index, tile, pc, "the table has %u rows, t%u up to %lld",
                      table->rows, i->dom, (long long)most);
        return;
    }
    if (table->type != ISA_I32 || most == 0) return;
    verify_range r = table_range(v, tile, i->x, (uint32_t)most);
    if (r.hi >= least)
        verify_bad_at(v, DIAG_ID_isa_index, tile, pc,
                      "the table names row %lld of t%u, which may have only %lld", (long long)r.hi,
                      from, (long long)least);
}

void verify_indices(verifier *v, uint32_t tile, uint32_t pc, verify_range a, verify_range b) {
    const isa_insn *i = verify_insn(v, tile, pc);
    const isa_tile *t = &v->p->tiles[tile];
    if (i->op == ISA_gather)
        check_range(v, tile, pc, "rows of a", a, t->tables[i->x].rows);
    else if (i->op == ISA_rope && i->b != ISA_NONE)
        check_range(v, tile, pc, "rows of b", b, t->tables[i->x].rows);
    else if (i->op == ISA_pick && i->mode == ISA_MODE_pick_by && i->b != ISA_NONE)
        check_range(v, tile, pc, "b", b, verify_least_rows(v, t->buffers[i->a].dom, i->dom));
    else if (i->op == ISA_rows && i->mode == ISA_MODE_rows_index)
        check_row_table(v, tile, pc);
}
