// Operands: type, width and domain of every one, by isa.def, and what modes and pairs of operands
// add.
#include "isa/desc.h"
#include "isa/operand.h"
#include "isa/verify/parts.h"
#include <math.h>
#include <string.h>

// --- one instruction

typedef struct {
    verifier *v;
    uint32_t tile, pc;
    const isa_tile *t;
    const isa_insn *i;
    int x; // isa_operand_kind: what x names; -1: nothing
} insn;

#define BAD(c, ...) verify_bad_at((c)->v, DIAG_ID_isa_operand, (c)->tile, (c)->pc, __VA_ARGS__)

static const isa_buffer *buffer(const insn *c, isa_operand_field f) {
    return &c->t->buffers[isa_operand_get(c->i, f)];
}
static bool has(const insn *c, isa_operand_field f) { // an optional operand that is given
    return isa_operand_get(c->i, f) != ISA_NONE;
}

static const char *type_names(arena *a, unsigned types) {
    const char *list = "";
    for (unsigned t = 0; t < ISA_COUNT_btype; t++)
        if (types >> t & 1)
            list =
                arena_printf(a, "%s%s%s", list, *list ? " or " : "", isa_name(ISA_ENUM_btype, t));
    return list;
}

static uint64_t heads(const isa_ring *r) { return (uint64_t)r->n_kv * r->q_per_kv; }

// The columns that isa.def asks for; 0: any number.
static uint64_t wanted_width(const insn *c, isa_width w) {
    const isa_insn *i = c->i;
    const isa_group *g = c->x == ISA_KIND_group ? &c->t->groups[i->x] : NULL;
    const isa_ring *r = c->x == ISA_KIND_ring ? &c->t->rings[i->x] : NULL;
    switch (w) {
    case ISA_WIDTH_any: return 0;
    case ISA_WIDTH_one: return 1;
    case ISA_WIDTH_two: return 2;
    case ISA_WIDTH_a: return c->t->buffers[i->a].width;
    case ISA_WIDTH_d_or_twice:
    case ISA_WIDTH_d: return c->t->buffers[i->d].width;
    case ISA_WIDTH_n: return i->n;
    case ISA_WIDTH_imm: return i->imm;
    case ISA_WIDTH_x:
        return c->x == ISA_KIND_chan   ? c->v->p->channels[i->x].width
               : c->x == ISA_KIND_port ? c->v->p->ports[i->x].width
                                       : c->t->tables[i->x].width;
    case ISA_WIDTH_held: return g->k1 - g->k0;
    case ISA_WIDTH_columns: return g->n;
    case ISA_WIDTH_query: return heads(r) * r->d;
    case ISA_WIDTH_keys: return (uint64_t)r->n_kv * (r->d + r->dv);
    case ISA_WIDTH_out: return heads(r) * r->dv;
    case ISA_WIDTH_scores: return heads(r) * r->slots;
    }
    return 0;
}

static void check_width(const insn *c, const char *operand, uint32_t width, isa_width w) {
    uint64_t want = wanted_width(c, w);
    if (w == ISA_WIDTH_any || width == want || (w == ISA_WIDTH_d_or_twice && width == 2 * want))
        return;
    BAD(c, "%s has %u columns, expected %llu (%s)", operand, width, (unsigned long long)want,
        isa_name(ISA_ENUM_width, w));
}

static bool is_one_row(const verifier *v, unsigned dom) {
    return v->dom[dom].known && v->dom[dom].most == 1;
}

static void check_buffer(const insn *c, const isa_operand *o) {
    const isa_buffer *b = buffer(c, o->field);
    const char *name = arena_printf(c->v->a, "operand %s", isa_name(ISA_ENUM_field, o->field));
    if (!(o->types >> b->type & 1))
        BAD(c, "%s is %s, expected %s", name, type_names(c->v->a, 1u << b->type),
            type_names(c->v->a, o->types));
    check_width(c, name, b->width, o->width);
    if (b->dom == c->i->dom || (o->rows != ISA_ROWS_row && o->rows != ISA_ROWS_only)) return;
    if (o->rows == ISA_ROWS_only && is_one_row(c->v, b->dom) &&
        verify_least_rows(c->v, b->dom, c->i->dom) >= 1)
        return;
    BAD(c, "%s has the rows of t%u, the instruction those of t%u", name, b->dom, c->i->dom);
}

static void check_table(const insn *c, const isa_operand *o) {
    const isa_table *t = &c->t->tables[c->i->x];
    if (!(o->types >> t->type & 1))
        BAD(c, "the table is %s, expected %s", type_names(c->v->a, 1u << t->type),
            type_names(c->v->a, o->types));
    check_width(c, "the table", t->width, o->width);
    if (o->rows == ISA_ROWS_one && t->rows != 1)
        BAD(c, "the table has %u rows, expected 1", t->rows);
    if (o->rows == ISA_ROWS_positions && t->rows < (uint64_t)c->v->dom[c->i->dom].end)
        verify_bad_at(c->v, DIAG_ID_isa_index, c->tile, c->pc,
                      "the table has %u rows, positions of t%u go up to %lld", t->rows, c->i->dom,
                      (long long)c->v->dom[c->i->dom].end - 1);
}

// --- columns of one buffer that are read and written at once

// Rows are written as they are read, so columns are the same or apart; those who read a row again
// after they have begun to write one need them apart.
static void check_aliases(const insn *c, const isa_info *info) {
    bool apart = c->i->op == ISA_mvm || c->i->op == ISA_topk || c->i->op == ISA_rows ||
                 c->i->op == ISA_skip || isa_reads_ring(c->i);
    uint32_t d = c->i->d, d0 = verify_col0(c->t, d), d1 = d0 + c->t->buffers[d].width;
    for (unsigned k = 1; k < info->n_operands; k++) {
        const isa_operand *o = &info->operands[k];
        if (o->kind != ISA_KIND_buf || isa_operand_absent(o, c->i)) continue;
        uint32_t b = isa_operand_get(c->i, o->field);
        if (verify_parent(c->t, b) != verify_parent(c->t, d)) continue;
        uint32_t b0 = verify_col0(c->t, b), b1 = b0 + c->t->buffers[b].width;
        const char *name = isa_name(ISA_ENUM_field, o->field);
        if (c->t->buffers[b].dom != c->t->buffers[d].dom)
            BAD(c, "d and %s are one buffer, and have rows of t%u and t%u", name,
                c->t->buffers[d].dom, c->t->buffers[b].dom);
        else if (b0 < d1 && d0 < b1 && (apart || b0 != d0 || b1 != d1))
            BAD(c, "d and %s are columns %u..%u and %u..%u of one buffer, expected %s", name, d0,
                d1 - 1, b0, b1 - 1, apart ? "others" : "others or the same");
    }
}

// --- instruction by instruction

static void check_copy(const insn *c) {
    unsigned a = buffer(c, ISA_FIELD_a)->type, d = buffer(c, ISA_FIELD_d)->type;
    bool special = a == ISA_RAW || d == ISA_RAW || d == ISA_PAIR;
    if (special && a != d)
        BAD(c, "%s does not become %s", type_names(c->v->a, 1u << a), type_names(c->v->a, 1u << d));
    if (has(c, ISA_FIELD_b) && (d != ISA_Q8 || buffer(c, ISA_FIELD_d)->quant != ISA_QUANT_SYM))
        BAD(c, "operand b gives a row its scale, expected q8 with sym quantisation as operand d");
}

static void check_same_type(const insn *c) {
    const isa_buffer *a = buffer(c, ISA_FIELD_a), *d = buffer(c, ISA_FIELD_d);
    if (a->type != d->type)
        BAD(c, "operand a is %s, expected %s as operand d", type_names(c->v->a, 1u << a->type),
            type_names(c->v->a, 1u << d->type));
}

static void check_rows(const insn *c) {
    const isa_insn *i = c->i;
    const isa_buffer *a = buffer(c, ISA_FIELD_a), *d = buffer(c, ISA_FIELD_d);
    check_same_type(c);
    if (d->type == ISA_Q8 && d->quant != ISA_QUANT_STATIC)
        BAD(c, "rows side by side have one scale: q8 needs static quantisation");
    if (i->mode == ISA_MODE_rows_index) {
        if (i->x == ISA_NONE || i->n == ISA_NONE || i->imm != 0)
            BAD(c, "index takes a table and n, and no imm");
        else if (i->n == 0 || (uint64_t)i->n * a->width != d->width)
            BAD(c, "operand d has %u columns, expected %u of %u", d->width, i->n, a->width);
        return;
    }
    isa_window w = isa_window_of(i->imm);
    if (i->x != ISA_NONE || i->n != ISA_NONE) BAD(c, "window takes no table and no n");
    if (w.k == 0 || w.step == 0 || i->imm >> 24)
        BAD(c, "imm 0x%x: k and s are 1 at least, and there is no more than p", i->imm);
    else if ((uint64_t)w.k * a->width != d->width)
        BAD(c, "operand d has %u columns, expected %u of %u", d->width, w.k, a->width);
    else if (c->v->streams && (w.step != 1 || w.pad + 1 != w.k || a->dom != i->dom))
        BAD(c, "a window of %u rows from %u before sees rows of the next step: phase %s streams",
            w.k, w.pad, c->v->p->phases[c->v->phase].name);
}

// d has the rows of a and those of the table.
static void check_joined(const insn *c) {
    const isa_domain *d = &c->v->dom[c->i->dom];
    const isa_table *t = &c->t->tables[c->i->x];
    unsigned a = buffer(c, ISA_FIELD_a)->dom;
    bool by_prefix = d->kind == ISA_TL_PREFIX && d->imm == t->rows;
    isa_lin l = isa_lin_of(d->imm);
    bool by_lin = d->kind == ISA_TL_LIN && l.mul == 1 && l.div == 1 && l.add == t->rows;
    if (d->free || d->of != a || !(by_prefix || by_lin))
        BAD(c, "t%u is not t%u and the %u rows of the table", c->i->dom, a, t->rows);
    if (c->v->streams)
        BAD(c, "a table's rows beside those of a sequence that comes in steps: phase %s streams",
            c->v->p->phases[c->v->phase].name);
}

static void check_pick(const insn *c) {
    const isa_insn *i = c->i;
    unsigned a = buffer(c, ISA_FIELD_a)->dom;
    int64_t least = verify_least_rows(c->v, a, i->dom),
            need = i->mode == ISA_MODE_pick_index ? i->imm : 0;
    check_same_type(c);
    if (!is_one_row(c->v, i->dom)) BAD(c, "t%u has more than one row", i->dom);
    if ((i->mode == ISA_MODE_pick_by) != (i->b != ISA_NONE)) BAD(c, "operand b belongs to mode by");
    if (i->mode != ISA_MODE_pick_index && i->imm != 0) BAD(c, "imm belongs to mode index");
    if (least <= need)
        verify_bad_at(c->v, DIAG_ID_isa_index, c->tile, c->pc,
                      "row %lld of t%u, which may have only %lld", (long long)need, a,
                      (long long)least);
}

static void check_skip(const insn *c) {
    unsigned a = buffer(c, ISA_FIELD_a)->dom;
    check_same_type(c);
    int64_t slack = verify_least_slack(c->v, a, c->i->dom);
    if (slack < (int64_t)c->i->imm)
        verify_bad_at(c->v, DIAG_ID_isa_index, c->tile, c->pc,
                      "t%u is not known to have %u rows more than t%u", a, c->i->imm, c->i->dom);
}

static void check_rred(const insn *c) {
    bool weighted = has(c, ISA_FIELD_b);
    unsigned how = c->i->n;
    if (!is_one_row(c->v, c->i->dom)) BAD(c, "t%u has more than one row", c->i->dom);
    if (weighted && buffer(c, ISA_FIELD_b)->dom != buffer(c, ISA_FIELD_a)->dom)
        BAD(c, "weights have the rows of t%u, what they weigh those of t%u",
            buffer(c, ISA_FIELD_b)->dom, buffer(c, ISA_FIELD_a)->dom);
    if (how == ISA_RED_absmax || how == ISA_RED_argmax || (weighted && how == ISA_RED_sumsq))
        BAD(c, "no reduction over rows");
}

static void check_epilogue(const insn *c, bool zero_free) {
    const isa_group *g = &c->t->groups[c->i->x];
    if (g->wtype != ISA_W_I8) BAD(c, "its group has no integer sums to finish");
    if (g->scale == ISA_NO_OFFSET) BAD(c, "its group has no scales");
    if (g->colsum == ISA_NO_OFFSET && !zero_free)
        BAD(c, "its group has no column sums, and rows may have zero points");
}

static void check_mvm(const insn *c) {
    enum { LONGEST = 131071 }; // 2^17 products of two int8 codes fit 31 bits
    const isa_group *g = &c->t->groups[c->i->x];
    const isa_buffer *a = buffer(c, ISA_FIELD_a), *d = buffer(c, ISA_FIELD_d);
    bool raw = c->i->mode == ISA_MODE_mvm_raw, integer = g->wtype == ISA_W_I8 && a->type == ISA_Q8;
    bool whole = g->k0 == 0 && g->k1 == g->k;
    if (g->kind == ISA_EPILOGUE) BAD(c, "an epilogue has no cells");
    if (g->digits > 0 && a->type != ISA_Q8)
        BAD(c, "the pool takes digits of codes: expected a q8 row");
    if (raw != (d->type == ISA_RAW)) BAD(c, "raw sums, and only they, go to raw rows");
    if (raw && !integer) BAD(c, "raw sums are those of q8 rows and i8 codes");
    if (!raw && !whole)
        BAD(c, "rows %u..%u of %u: the sums of a part stay raw", g->k0, g->k1, g->k);
    if (integer && g->k > LONGEST)
        BAD(c, "%u products may overflow their sum, expected at most %d", g->k, LONGEST);
    if (integer && !raw) check_epilogue(c, verify_trailer_of(c->v, c->tile, c->i->a).zero_free);
    if (g->wtype == ISA_W_I8 && !integer && g->scale == ISA_NO_OFFSET)
        BAD(c, "its group has no scales");
}

static void check_ew2(const insn *c) {
    if (buffer(c, ISA_FIELD_d)->type == ISA_I32 && buffer(c, ISA_FIELD_a)->type == ISA_I32 &&
        buffer(c, ISA_FIELD_b)->type == ISA_I32 && c->i->n > ISA_FN2_max)
        BAD(c, "no function of integers");
}

static void check_softmax(const insn *c) {
    uint32_t w = buffer(c, ISA_FIELD_d)->width;
    if (c->i->n == 0 || w % c->i->n != 0) BAD(c, "%u columns in %u segments", w, c->i->n);
}

static void check_red(const insn *c) {
    uint32_t a = buffer(c, ISA_FIELD_a)->width, d = buffer(c, ISA_FIELD_d)->width;
    if (a % d != 0) BAD(c, "%u columns in %u segments", a, d);
    if (buffer(c, ISA_FIELD_d)->type == ISA_I32 && c->i->n != ISA_RED_argmax)
        BAD(c, "only argmax gives integers");
}

static void check_rope(const insn *c) {
    uint32_t w = buffer(c, ISA_FIELD_d)->width, n = c->i->n;
    if (n == 0 || w % n != 0)
        BAD(c, "%u columns in %u heads", w, n);
    else if (c->i->imm == 0 || c->i->imm % 2 != 0 || c->i->imm > w / n)
        BAD(c, "%u of %u columns: expected an even number of them", c->i->imm, w / n);
    const isa_table *t = &c->t->tables[c->i->x];
    if (!has(c, ISA_FIELD_b) && t->rows < (uint64_t)c->v->dom[c->i->dom].end)
        verify_bad_at(c->v, DIAG_ID_isa_index, c->tile, c->pc,
                      "the table has %u rows, positions of t%u go up to %lld", t->rows, c->i->dom,
                      (long long)c->v->dom[c->i->dom].end - 1);
}

static void check_topk(const insn *c) {
    uint32_t w = buffer(c, ISA_FIELD_a)->width;
    if (c->i->n == 0 || c->i->n > w) BAD(c, "the %u largest of %u", c->i->n, w);
    if ((uint64_t)c->i->imm + w > INT32_MAX) BAD(c, "indices from %u on leave i32", c->i->imm);
}

static void check_norm(const insn *c) {
    float eps;
    memcpy(&eps, &c->i->imm, sizeof eps);
    if (!(eps >= 0) || !isfinite(eps)) BAD(c, "epsilon is no number from 0 on");
}

static void check_type_and_domain(const insn *c, const char *what, unsigned type, unsigned dom,
                                  isa_operand_field field) {
    const isa_buffer *b = buffer(c, field);
    if (b->type != type)
        BAD(c, "operand %s is %s, %s %s", isa_name(ISA_ENUM_field, field),
            type_names(c->v->a, 1u << b->type), what, type_names(c->v->a, 1u << type));
    if (c->i->dom != dom) BAD(c, "rows of t%u, %s those of t%u", c->i->dom, what, dom);
}

static void check_channel(const insn *c) {
    const isa_channel *ch = &c->v->p->channels[c->i->x];
    isa_operand_field f = c->i->op == ISA_send ? ISA_FIELD_a : ISA_FIELD_d;
    check_type_and_domain(c, "the channel carries", ch->type, ch->dom, f);
    if (c->i->op == ISA_recvadd) check_same_type(c);
}

static void check_in(const insn *c) {
    const isa_port *port = &c->v->p->ports[c->i->x];
    if (port->direction != ISA_PORT_IN)
        verify_bad_at(c->v, DIAG_ID_isa_port, c->tile, c->pc, "the port is an output");
    if (c->i->dom != port->dom)
        BAD(c, "rows of t%u, the port has those of t%u", c->i->dom, port->dom);
}

static void check_out(const insn *c) {
    const isa_port *port = &c->v->p->ports[c->i->x];
    const isa_buffer *a = buffer(c, ISA_FIELD_a);
    if (port->direction != ISA_PORT_OUT)
        verify_bad_at(c->v, DIAG_ID_isa_port, c->tile, c->pc, "the port is an input");
    if (c->i->dom != port->dom)
        BAD(c, "rows of t%u, the port has those of t%u", c->i->dom, port->dom);
    if ((a->type == ISA_PAIR) != (port->type == ISA_PAIR))
        BAD(c, "operand a is %s, the port %s", type_names(c->v->a, 1u << a->type),
            type_names(c->v->a, 1u << port->type));
    if ((uint64_t)c->i->imm + a->width > port->width)
        BAD(c, "columns %u + %u of a port with %u", c->i->imm, a->width, port->width);
}

static void check_special(const insn *c) {
    switch (c->i->op) {
    case ISA_copy: check_copy(c); return;
    case ISA_rows: check_rows(c); return;
    case ISA_prefix:
    case ISA_suffix: check_joined(c); return;
    case ISA_pick: check_pick(c); return;
    case ISA_skip: check_skip(c); return;
    case ISA_rred: check_rred(c); return;
    case ISA_mvm: check_mvm(c); return;
    case ISA_fin: check_epilogue(c, false); return;
    case ISA_ew2: check_ew2(c); return;
    case ISA_norm: check_norm(c); return;
    case ISA_softmax: check_softmax(c); return;
    case ISA_red: check_red(c); return;
    case ISA_rope: check_rope(c); return;
    case ISA_topk: check_topk(c); return;
    case ISA_send:
    case ISA_recv:
    case ISA_recvadd: check_channel(c); return;
    case ISA_in: check_in(c); return;
    case ISA_out: check_out(c); return;
    default: return;
    }
}

void verify_operands(verifier *v) {
    verify_trailers(v);
    for (uint32_t t = 0; t < v->p->n_tiles; t++) {
        for (uint32_t pc = 0; pc < v->p->tiles[t].phase[v->phase].count; pc++) {
            insn c = {v, t, pc, &v->p->tiles[t], verify_insn(v, t, pc), -1};
            const isa_info *info = isa_info_of(c.i->op);
            for (unsigned k = 0; k < info->n_operands; k++)
                if (info->operands[k].field == ISA_FIELD_x) c.x = info->operands[k].kind;
            for (unsigned k = 0; k < info->n_operands; k++) {
                const isa_operand *o = &info->operands[k];
                if (isa_operand_absent(o, c.i)) continue;
                if (o->kind == ISA_KIND_buf) check_buffer(&c, o);
                if (o->kind == ISA_KIND_table) check_table(&c, o);
            }
            if (isa_has_result(info)) check_aliases(&c, info);
            check_special(&c);
        }
    }
}
