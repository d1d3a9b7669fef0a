// Data movement: tables, windows, rows of other domains. Values only move here, except that `copy`
// converts.
#include "runtime-sim/exec/rows.h"

typedef struct {
    const sim_ctx *c;
    sim_rows d, a, most; // most: copy's operand b
    const isa_table *t;
    int64_t shift; // row of the source that belongs to row 0
} move;

static const isa_table *table_of(const sim_ctx *c) {
    CHECK(c->insn->x < c->desc->n_tables, "table %u", c->insn->x);
    return &c->desc->tables[c->insn->x];
}

static void move_row(void *arg, int64_t r, float *scratch) {
    const move *m = arg;
    sim_row_move(m->c, &m->d, r, &m->a, r + m->shift, scratch);
}

static void convert_row(void *arg, int64_t r, float *scratch) {
    const move *m = arg;
    bool same = m->d.type == m->a.type;
    if (same && (m->d.type == ISA_I32 || m->d.type == ISA_PAIR || m->d.type == ISA_RAW ||
                 (m->d.type == ISA_Q8 && m->d.desc->quant == ISA_QUANT_NONE))) {
        sim_cols_move(&m->d, r, 0, &m->a, r);
        return;
    }
    if (m->a.type == ISA_PAIR && m->d.type == ISA_I32) {
        const sim_pair *from = sim_row_at(&m->a, r);
        int32_t *to = sim_row_at(&m->d, r);
        for (uint32_t i = 0; i < m->d.width; i++) to[i] = from[i].index;
        return;
    }
    const float *x = sim_row_f32(&m->a, r, scratch);
    float *y = sim_row_begin(&m->d, r, scratch);
    if (x != y) memmove(y, x, m->d.width * sizeof *y);
    float most;
    if (m->most.desc)
        sim_row_end_within(m->c, &m->d, r, y, *sim_row_f32(&m->most, r, &most));
    else
        sim_row_end(m->c, &m->d, r, y);
}

void sim_exec_copy(sim_ctx *c) {
    move m = {.c = c, .d = sim_target(c, c->insn->d, c->rows), .a = sim_source(c, c->insn->a)};
    if (c->insn->b != ISA_NONE) m.most = sim_source(c, c->insn->b);
    sim_each_row(c, c->rows, m.d.width, m.d.width, convert_row, &m);
}

// Row `row` of the table becomes row r of d: codes and trailer of q8, integers as they are.
static void table_row(const move *m, int64_t r, int64_t row, float *scratch) {
    const isa_table *t = m->t;
    if (t->type == ISA_I32 && m->d.type == ISA_I32) {
        int32_t *to = sim_row_at(&m->d, r);
        for (uint32_t i = 0; i < t->width; i++) to[i] = sim_table_i32(m->c->s, t, row, i);
        return;
    }
    if (t->type == ISA_Q8 && m->d.type == ISA_Q8) {
        CHECK(row >= 0 && row < (int64_t)t->rows, "row %lld of a table of %u", (long long)row,
              t->rows);
        const uint8_t *at =
            sim_table(m->c->s, t->data) + (size_t)row * isa_row_bytes(ISA_Q8, t->width);
        memcpy(sim_row_at(&m->d, r), at, t->width);
        memcpy(&m->d.trailers[r], at + t->width, sizeof(sim_trailer));
        return;
    }
    const float *x = sim_table_row(m->c->s, t, row, scratch);
    float *y = sim_row_begin(&m->d, r, scratch);
    if (x != y) memcpy(y, x, t->width * sizeof *y);
    sim_row_end(m->c, &m->d, r, y);
}

static void gather_row(void *arg, int64_t r, float *scratch) {
    const move *m = arg;
    table_row(m, r, sim_row_i32(&m->a, r), scratch);
}

void sim_exec_gather(sim_ctx *c) {
    move m = {.c = c,
              .d = sim_target(c, c->insn->d, c->rows),
              .a = sim_source(c, c->insn->a),
              .t = table_of(c)};
    c->stats->memory_reads += (uint64_t)c->rows * isa_row_bytes((isa_btype)m.t->type, m.t->width);
    sim_each_row(c, c->rows, m.d.width, m.d.width, gather_row, &m);
}

static void posrow_row(void *arg, int64_t r, float *scratch) {
    const move *m = arg;
    table_row(m, r, m->c->pos + r, scratch);
}

void sim_exec_posrow(sim_ctx *c) {
    move m = {.c = c, .d = sim_target(c, c->insn->d, c->rows), .t = table_of(c)};
    c->stats->memory_reads += (uint64_t)c->rows * isa_row_bytes((isa_btype)m.t->type, m.t->width);
    sim_each_row(c, c->rows, m.d.width, m.d.width, posrow_row, &m);
}

// --- rows of a window, or named by a table

typedef struct {
    const sim_ctx *c;
    sim_rows d, a, before; // before: the rows ahead of row 0, kept from the last step
    const isa_table *t;
    int64_t k, step, pad, n;
} window;

static void window_row(void *arg, int64_t r, float *scratch) {
    const window *w = arg;
    for (int64_t i = 0; i < w->k; i++) {
        int64_t j = r * w->step - w->pad + i;
        uint32_t col = (uint32_t)i * w->a.width;
        if (j < 0 && j + w->before.rows >= 0 && w->before.rows > 0)
            sim_cols_move(&w->d, r, col, &w->before, j + w->before.rows);
        else
            sim_cols_move(&w->d, r, col, &w->a, j < 0 || j >= w->a.rows ? -1 : j);
    }
}

static void index_row(void *arg, int64_t r, float *scratch) {
    const window *w = arg;
    for (int64_t i = 0; i < w->n; i++) {
        int64_t j = sim_table_i32(w->c->s, w->t, r, (uint32_t)i);
        CHECK(j < w->a.rows, "row %lld of %lld", (long long)j, (long long)w->a.rows);
        sim_cols_move(&w->d, r, (uint32_t)i * w->a.width, &w->a, j);
    }
}

// Keeps the last `pad` rows of what came so far: history, then this step's rows.
static void keep_history(const sim_ctx *c, sim_history *h, const window *w) {
    size_t bytes = w->a.width * sim_elem_bytes(w->a.type);
    int64_t have = w->before.rows + w->a.rows, keep = min_i64(have, w->pad);
    uint8_t *data = base_alloc((size_t)keep * bytes + 1);
    sim_trailer *trailers = w->a.trailers ? base_alloc((size_t)keep * sizeof *trailers + 1) : NULL;
    for (int64_t i = 0; i < keep; i++) {
        int64_t j = have - keep + i - w->before.rows; // row of this step, or before it
        const sim_rows *from = j < 0 ? &w->before : &w->a;
        int64_t r = j < 0 ? j + w->before.rows : j;
        memcpy(data + (size_t)i * bytes, sim_row_at(from, r), bytes);
        if (trailers) trailers[i] = from->trailers[r];
    }
    free(h->data);
    free(h->trailers);
    *h = (sim_history){data, trailers, (uint32_t)keep};
}

void sim_exec_rows(sim_ctx *c) {
    const isa_insn *i = c->insn;
    window w = {.c = c, .a = sim_source(c, i->a), .d = sim_target(c, i->d, c->rows)};
    if (i->mode == ISA_MODE_rows_index) {
        w.t = table_of(c);
        w.n = i->n;
        CHECK(w.n == w.t->width && w.n * w.a.width == w.d.width, "rows of %u columns", w.d.width);
        sim_each_row(c, c->rows, w.d.width, 0, index_row, &w);
        return;
    }
    isa_window shape = isa_window_of(i->imm);
    w.k = shape.k, w.step = shape.step, w.pad = shape.pad;
    CHECK(w.k * w.a.width == w.d.width, "windows of %u columns", w.d.width);
    const sim_phase *p = &c->s->phases[c->phase];
    sim_history *h = &p->history[(size_t)c->bank * p->n + p->base[c->tile] + c->pc];
    w.before = w.a;
    w.before.rows = h->count;
    w.before.data = h->data;
    w.before.trailers = h->trailers;
    w.before.stride = w.a.width;
    sim_each_row(c, c->rows, w.d.width, 0, window_row, &w);
    if (c->s->p->class == ISA_STREAM && w.pad > 0) keep_history(c, h, &w);
}

// --- rows of other domains

typedef struct {
    move a, t;
    int64_t first_a, first_t; // row of d where each begins
} joined;

static void join_row(void *arg, int64_t r, float *scratch) {
    const joined *j = arg;
    int64_t ra = r - j->first_a, rt = r - j->first_t;
    if (ra >= 0 && ra < j->a.a.rows)
        sim_row_move(j->a.c, &j->a.d, r, &j->a.a, ra, scratch);
    else
        table_row(&j->t, r, rt, scratch);
}

static void join(sim_ctx *c, bool table_first) {
    joined j = {0};
    j.a = (move){.c = c, .a = sim_source(c, c->insn->a), .d = sim_target(c, c->insn->d, c->rows)};
    j.t = (move){.c = c, .d = j.a.d, .t = table_of(c)};
    j.first_a = table_first ? j.t.t->rows : 0;
    j.first_t = table_first ? 0 : j.a.a.rows;
    CHECK(c->rows == j.a.a.rows + (int64_t)j.t.t->rows || c->rows == 0, "%lld rows",
          (long long)c->rows);
    if (c->rows > 0)
        c->stats->memory_reads +=
            j.t.t->rows * (uint64_t)isa_row_bytes((isa_btype)j.t.t->type, j.t.t->width);
    sim_each_row(c, c->rows, j.a.d.width, j.a.d.width, join_row, &j);
}

void sim_exec_prefix(sim_ctx *c) { join(c, true); }
void sim_exec_suffix(sim_ctx *c) { join(c, false); }

void sim_exec_pick(sim_ctx *c) {
    const isa_insn *i = c->insn;
    move m = {.c = c, .a = sim_source(c, i->a), .d = sim_target(c, i->d, c->rows)};
    if (c->rows == 0) return;
    switch (i->mode) {
    case ISA_MODE_pick_first: m.shift = 0; break;
    case ISA_MODE_pick_last: m.shift = m.a.rows - 1; break;
    case ISA_MODE_pick_index: m.shift = i->imm; break;
    default: {
        sim_rows b = sim_source(c, i->b);
        m.shift = b.rows > 0 ? sim_row_i32(&b, 0) : 0;
    }
    }
    CHECK(m.shift >= 0 && m.shift < m.a.rows, "row %lld of %lld", (long long)m.shift,
          (long long)m.a.rows);
    sim_each_row(c, 1, m.d.width, m.d.width, move_row, &m);
}

void sim_exec_skip(sim_ctx *c) {
    move m = {.c = c, .a = sim_source(c, c->insn->a), .d = sim_target(c, c->insn->d, c->rows)};
    m.shift = c->insn->imm;
    CHECK(m.shift + c->rows <= m.a.rows || c->rows == 0, "rows from %lld on of %lld",
          (long long)m.shift, (long long)m.a.rows);
    sim_each_row(c, c->rows, m.d.width, m.d.width, move_row, &m);
}
