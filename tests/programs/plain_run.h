// The plain interpreter, continued: instructions and steps.
#ifndef OHMIC_TESTS_PROGRAMS_PLAIN_RUN_H
#define OHMIC_TESTS_PROGRAMS_PLAIN_RUN_H
#include "tests/programs/plain_units.h"

// --- memory and scratchpad

static inline void plain_settl(const plain_at *c) {
    int64_t n = c->tile->count[c->i->x], at = c->tile->at[c->i->x], rows = 0, pos = 0;
    isa_lin l = isa_lin_of(c->i->imm);
    if (n > 0) {
        switch ((isa_tl)c->i->n) {
        case ISA_TL_LIN:
            rows = (n * l.mul + l.add) / l.div, pos = at ? (at * l.mul + l.add) / l.div : 0;
            break;
        case ISA_TL_ONE: rows = 1; break;
        case ISA_TL_LAST: rows = 1, pos = at + n - 1; break;
        case ISA_TL_PREFIX: rows = n + c->i->imm, pos = at; break;
        }
    }
    c->tile->count[c->i->d] = rows, c->tile->at[c->i->d] = pos;
}

static inline void plain_copy(const plain_at *c) {
    plain_view a = plain_read(c, c->i->a), b = {0}, d;
    bool within = c->i->b != ISA_NONE;
    if (within) b = plain_read(c, c->i->b);
    d = plain_write(c);
    bool whole = a.type == d.type && a.type != ISA_F32 && a.type != ISA_BF16 &&
                 (a.type != ISA_Q8 || d.b->quant == ISA_QUANT_NONE);
    for (int64_t r = 0; r < c->rows; r++) {
        if (whole) {
            plain_move(&d, r, 0, &a, r);
        } else if (a.type == ISA_PAIR && d.type == ISA_I32) {
            for (uint32_t k = 0; k < d.width; k++)
                plain_cell_at(&d, r, k)->i = plain_cell_at(&a, r, k)->i;
        } else {
            plain_put_within(c, &d, r, plain_numbers(c, &a, r),
                             within ? plain_numbers(c, &b, r) : NULL);
        }
    }
}

static inline void plain_table_rows(const plain_at *c) {
    const isa_table *t = &c->t->tables[c->i->x];
    plain_view a = {0};
    if (c->i->op == ISA_gather) a = plain_read(c, c->i->a);
    int32_t *index = ARENA_ARRAY(c->m->step, int32_t, c->rows + 1);
    for (int64_t r = 0; c->i->op == ISA_gather && r < c->rows; r++)
        index[r] = plain_cell_at(&a, r, 0)->i;
    plain_view d = plain_write(c);
    for (int64_t r = 0; r < c->rows; r++)
        plain_from_table(c, &d, r, t, c->i->op == ISA_gather ? index[r] : c->at + r);
}

static inline void plain_zeros(const plain_view *d, int64_t r, uint32_t col, uint32_t n) {
    for (uint32_t k = 0; k < n; k++)
        *plain_cell_at(d, r, col + k) = (plain_cell){0, d->type == ISA_Q8 ? d->b->zero : 0};
    if (d->type == ISA_Q8) d->rows->trailer[r] = (plain_trailer){d->b->scale, d->b->zero, 0};
}

static inline void plain_rows_of(const plain_at *c) {
    plain_view a = plain_read(c, c->i->a), d = plain_write(c), before = a;
    bool named = c->i->mode == ISA_MODE_rows_index;
    isa_window w = isa_window_of(c->i->imm);
    plain_rows *kept = &c->tile->history[c->m->phase][c->tile->pc];
    before.rows = kept, before.col0 = 0, before.stride = a.width;
    for (int64_t r = 0; r < c->rows; r++)
        for (uint32_t i = 0; i < (named ? c->i->n : w.k); i++) {
            int64_t j = named
                            ? plain_i32(c->m, c->t->tables[c->i->x].data, (uint64_t)r * c->i->n + i)
                            : r * w.step - w.pad + i;
            if (j >= 0 && j < a.rows->rows)
                plain_move(&d, r, i * a.width, &a, j);
            else if (!named && j < 0 && j + kept->rows >= 0)
                plain_move(&d, r, i * a.width, &before, j + kept->rows);
            else
                plain_zeros(&d, r, i * a.width, a.width);
        }
    if (named || c->m->p->class != ISA_STREAM || w.pad == 0) return;
    int64_t all = kept->rows + a.rows->rows, n = min_i64(all, w.pad);
    plain_rows *next = plain_new(c->m->kept, n, a.width);
    plain_view to = before;
    to.rows = next;
    for (int64_t r = 0; r < n; r++) {
        int64_t j = all - n + r;
        if (j < kept->rows)
            plain_move(&to, r, 0, &before, j);
        else
            plain_move(&to, r, 0, &a, j - kept->rows);
    }
    *kept = *next;
}

static inline void plain_join(const plain_at *c) {
    plain_view a = plain_read(c, c->i->a), d = plain_write(c);
    const isa_table *t = &c->t->tables[c->i->x];
    int64_t first = c->i->op == ISA_prefix ? t->rows : 0,
            then = c->i->op == ISA_prefix ? 0 : a.rows->rows;
    for (int64_t r = 0; r < c->rows; r++) {
        if (r >= first && r < first + a.rows->rows) {
            if (a.type == d.type)
                plain_move(&d, r, 0, &a, r - first);
            else
                plain_put(c, &d, r, plain_numbers(c, &a, r - first));
        } else {
            plain_from_table(c, &d, r, t, r - then);
        }
    }
}

static inline void plain_pick(const plain_at *c) {
    plain_view a = plain_read(c, c->i->a);
    int64_t from = c->i->imm;
    if (c->i->op == ISA_pick && c->i->mode == ISA_MODE_pick_last) from = a.rows->rows - 1;
    if (c->i->op == ISA_pick && c->i->mode == ISA_MODE_pick_by && c->rows > 0) {
        plain_view b = plain_read(c, c->i->b);
        from = plain_cell_at(&b, 0, 0)->i;
    }
    plain_view d = plain_write(c);
    for (int64_t r = 0; r < c->rows; r++) plain_move(&d, r, 0, &a, r + from);
}

// --- digital units

static inline void plain_rred(const plain_at *c) {
    plain_view a = plain_read(c, c->i->a), b = a;
    bool weighted = c->i->b != ISA_NONE;
    if (weighted) b = plain_read(c, c->i->b);
    plain_view d = plain_write(c);
    float *y = ARENA_ARRAY(c->m->step, float, d.width + 1);
    for (uint32_t k = 0; k < d.width; k++) {
        double sum = 0, weights = 0, best = 0;
        bool any = false;
        for (int64_t r = 0; r < a.rows->rows; r++) {
            double w = weighted ? (double)plain_number(&b, r, 0) : 1,
                   x = (double)plain_number(&a, r, k);
            if (w == 0) continue;
            weights += w;
            sum += c->i->n == ISA_RED_sumsq ? x * x : weighted ? w * x : x;
            if (!any || x > best || isnan(x)) best = x;
            any = true;
        }
        if (c->i->n == ISA_RED_mean) sum = weights != 0 ? sum / weights : 0;
        y[k] = (float)(c->i->n == ISA_RED_max ? best : sum);
    }
    if (c->rows > 0) plain_put(c, &d, 0, y);
}

static inline void plain_norm(const plain_at *c, const float *x, float *y, uint32_t n) {
    const isa_table *t = c->i->x == ISA_NONE ? NULL : &c->t->tables[c->i->x];
    float given;
    memcpy(&given, &c->i->imm, 4);
    double eps = (double)given, mean = 0, sum = 0, f;
    bool layer = c->i->mode == ISA_MODE_norm_layer, l2 = c->i->mode == ISA_MODE_norm_l2;
    for (uint32_t k = 0; layer && k < n; k++) mean += (double)x[k];
    if (layer) mean /= n;
    for (uint32_t k = 0; k < n; k++) {
        double e = layer ? (double)x[k] - mean : (double)x[k];
        sum += e * e;
    }
    f = l2 ? sqrt(sum) : 1 / sqrt(sum / n + eps);
    if (l2 && f < eps) f = eps;
    for (uint32_t k = 0; k < n; k++) {
        double v = (double)x[k];
        v = layer ? (v - mean) * f : l2 ? v / f : v * f;
        if (t) v = v * (double)plain_table(c->m, t, 0, k);
        if (t && t->width == 2 * n) v = v + (double)plain_table(c->m, t, 0, n + k);
        y[k] = (float)v;
    }
}

static inline void plain_rope(const plain_at *c, int64_t at, float *y, uint32_t width) {
    const isa_table *t = &c->t->tables[c->i->x];
    uint32_t head = width / c->i->n, half = c->i->imm / 2;
    for (uint32_t h = 0; h < c->i->n; h++)
        for (uint32_t k = 0; k < half; k++) {
            bool apart = c->i->mode == ISA_MODE_rope_half;
            float *y0 = y + h * head + (apart ? k : 2 * k), *y1 = apart ? y0 + half : y0 + 1;
            double x0 = (double)*y0, x1 = (double)*y1, co = (double)plain_table(c->m, t, at, k),
                   si = (double)plain_table(c->m, t, at, half + k);
            *y0 = (float)(x0 * co - x1 * si);
            *y1 = (float)(x1 * co + x0 * si);
        }
}

static inline void plain_topk(const plain_at *c, const plain_view *d, const plain_view *a,
                              int64_t r) {
    bool *taken = ARENA_ARRAY(c->m->step, bool, a->width + 1);
    for (uint32_t k = 0; k < c->i->n; k++) {
        plain_cell best = {0};
        uint32_t which = UINT32_MAX;
        for (uint32_t j = 0; j < a->width; j++) {
            plain_cell x = {plain_number(a, r, j), (int32_t)(j + c->i->imm)};
            if (a->type == ISA_PAIR) x.i = plain_cell_at(a, r, j)->i + (int32_t)c->i->imm;
            bool larger = isnan(best.f) ? !isnan(x.f) || x.i < best.i
                                        : x.f > best.f || (x.f == best.f && x.i < best.i);
            if (taken[j] || (which != UINT32_MAX && !larger)) continue;
            best = x, which = j;
        }
        taken[which] = true;
        *plain_cell_at(d, r, k) = best;
    }
}

static inline void plain_digital(const plain_at *c) {
    const isa_insn *i = c->i;
    plain_view a = plain_read(c, i->a), b = a;
    if (i->op == ISA_ew2 || (i->op == ISA_rope && i->b != ISA_NONE)) b = plain_read(c, i->b);
    plain_view d = plain_write(c);
    const isa_table *t = i->op == ISA_ewt || i->op == ISA_clip ? &c->t->tables[i->x] : NULL;
    for (int64_t r = 0; r < c->rows; r++) {
        int64_t rb = b.b->dom == i->dom ? r : 0;
        float *x = plain_numbers(c, &a, r), *y = ARENA_ARRAY(c->m->step, float, d.width + 1);
        int32_t at = i->op == ISA_rope && i->b != ISA_NONE ? plain_cell_at(&b, r, 0)->i : 0;
        if (i->op == ISA_topk) {
            plain_topk(c, &d, &a, r);
            continue;
        }
        bool integers = d.type == ISA_I32 && a.type == ISA_I32 && b.type == ISA_I32;
        for (uint32_t k = 0; i->op == ISA_ew2 && integers && k < d.width; k++)
            plain_cell_at(&d, r, k)->i =
                plain_fn2_i32(i->n, plain_cell_at(&a, r, k)->i, plain_cell_at(&b, rb, k)->i);
        if (i->op == ISA_ew2 && integers) continue;
        uint32_t segments = i->op == ISA_red ? d.width : i->op == ISA_softmax ? i->n : 1;
        uint32_t n = a.width / segments;
        for (uint32_t k = 0; k < d.width; k++) {
            if (i->op == ISA_ew1) y[k] = plain_fn1(i->n, x[k]);
            if (i->op == ISA_ew2) y[k] = plain_fn2(i->n, x[k], plain_number(&b, rb, k));
            if (i->op == ISA_ewt) y[k] = plain_fn2(i->n, x[k], plain_table(c->m, t, 0, k));
            if (i->op == ISA_red) y[k] = plain_reduced(i->n, x + k * n, n);
            if (i->op == ISA_rope) y[k] = x[k];
            if (i->op != ISA_clip) continue;
            float lo = plain_table(c->m, t, 0, 0), hi = plain_table(c->m, t, 0, 1);
            y[k] = x[k] < lo ? lo : x[k];
            y[k] = y[k] > hi ? hi : y[k];
        }
        if (i->op == ISA_red && d.type == ISA_I32) {
            for (uint32_t k = 0; k < d.width; k++) plain_cell_at(&d, r, k)->i = (int32_t)y[k];
            continue;
        }
        for (uint32_t k = 0; i->op == ISA_softmax && k < segments; k++)
            plain_softmax(y + k * n, x + k * n, n, NULL, i->mode == ISA_MODE_softmax_log);
        if (i->op == ISA_norm) plain_norm(c, x, y, d.width);
        if (i->op == ISA_rope) plain_rope(c, i->b == ISA_NONE ? c->at + r : at, y, d.width);
        plain_put(c, &d, r, y);
    }
}

static inline void plain_fin(const plain_at *c) {
    plain_view a = plain_read(c, c->i->a), d = plain_write(c);
    const isa_group *g = &c->t->groups[c->i->x];
    float *y = ARENA_ARRAY(c->m->step, float, d.width + 1);
    for (int64_t r = 0; r < c->rows; r++) {
        for (uint32_t n = 0; n < g->n; n++)
            y[n] = plain_finished(c, g, n, plain_cell_at(&a, r, n)->i, a.rows->trailer[r]);
        plain_put(c, &d, r, y);
    }
}

// --- links and ports

static inline void plain_send(const plain_at *c) {
    const isa_channel *ch = &c->m->p->channels[c->i->x];
    plain_view a = plain_read(c, c->i->a), to = a;
    to.rows = plain_new(c->m->step, c->rows, a.width), to.col0 = 0, to.stride = a.width;
    for (int64_t r = 0; r < c->rows; r++) plain_move(&to, r, 0, &a, r);
    for (uint32_t k = 0; k < ch->n_dests; k++) {
        plain_queue *q = &c->m->queues[ch->first_dest + k];
        CHECK(q->count < ARRAY_LEN(q->queue), "too many sends of one step");
        q->queue[q->count++] = to.rows;
    }
}

static inline plain_queue *plain_queue_of(const plain_at *c) {
    const isa_channel *ch = &c->m->p->channels[c->i->x];
    for (uint32_t k = 0; k < ch->n_dests; k++)
        if (c->m->p->dests[ch->first_dest + k] == c->number)
            return &c->m->queues[ch->first_dest + k];
    CHECK(false, "no destination");
}

static inline void plain_recv(const plain_at *c) {
    plain_queue *q = plain_queue_of(c);
    plain_view a = {0}, d;
    if (c->i->op == ISA_recvadd) a = plain_read(c, c->i->a);
    d = plain_write(c);
    plain_view from = d;
    from.rows = q->queue[q->head++], from.col0 = 0, from.stride = d.width;
    float *y = ARENA_ARRAY(c->m->step, float, d.width + 1);
    for (int64_t r = 0; r < c->rows; r++) {
        if (c->i->op == ISA_recv) {
            plain_move(&d, r, 0, &from, r);
            continue;
        }
        bool integers = d.type == ISA_I32 || d.type == ISA_RAW;
        plain_trailer t = a.rows->trailer[r];
        t.sum = (int32_t)((uint32_t)t.sum + (uint32_t)from.rows->trailer[r].sum);
        for (uint32_t k = 0; k < d.width; k++) {
            const plain_cell *x = plain_cell_at(&a, r, k), *z = plain_cell_at(&from, r, k);
            y[k] = x->f + z->f;
            if (integers) plain_cell_at(&d, r, k)->i = (int32_t)((uint32_t)x->i + (uint32_t)z->i);
        }
        if (integers)
            d.rows->trailer[r] = t;
        else
            plain_put(c, &d, r, y);
    }
}

static inline uint32_t plain_port(const plain_at *c) {
    uint32_t n = 0;
    for (uint32_t k = 0; k < c->i->x; k++)
        n += c->m->p->ports[k].direction == c->m->p->ports[c->i->x].direction;
    return n;
}

static inline void plain_in(const plain_at *c) {
    const tensor *t = &c->m->in[plain_port(c)];
    plain_view d = plain_write(c);
    float *y = ARENA_ARRAY(c->m->step, float, d.width + 1);
    for (int64_t r = 0; r < c->rows; r++) {
        for (uint32_t k = 0; k < d.width; k++) {
            size_t at = (size_t)r * d.width + k;
            y[k] = t->type == ELEM_i32 ? (float)((int32_t *)t->data)[at] : ((float *)t->data)[at];
            if (t->type == ELEM_i32 && d.type == ISA_I32)
                plain_cell_at(&d, r, k)->i = ((int32_t *)t->data)[at];
        }
        if (t->type != ELEM_i32 || d.type != ISA_I32) plain_put(c, &d, r, y);
    }
}

static inline void plain_out(const plain_at *c, arena *a) {
    const isa_port *port = &c->m->p->ports[c->i->x];
    tensor *t = &c->m->out[plain_port(c)];
    plain_view from = plain_read(c, c->i->a);
    uint32_t each = port->type == ISA_PAIR ? 2 : 1;
    if (!t->data)
        *t = tensor_new(a, port->type == ISA_I32 ? ELEM_i32 : ELEM_f32, 2,
                        (int64_t[]){c->rows, (int64_t)port->width * each});
    for (int64_t r = 0; r < c->rows; r++)
        for (uint32_t k = 0; k < from.width; k++) {
            size_t at = ((size_t)r * port->width + c->i->imm + k) * each;
            const plain_cell *x = plain_cell_at(&from, r, k);
            if (port->type == ISA_PAIR)
                ((float *)t->data)[at] = x->f, ((float *)t->data)[at + 1] = (float)x->i;
            else if (port->type == ISA_I32)
                ((int32_t *)t->data)[at] =
                    from.type == ISA_I32 ? x->i : plain_truncated(plain_number(&from, r, k));
            else
                ((float *)t->data)[at] = plain_number(&from, r, k);
        }
}

// --- steps

static inline plain *plain_open(const isa_program *p, const machine *chip, arena *a) {
    plain *m = ARENA_NEW(a, plain);
    *m = (plain){.p = p, .chip = chip, .kept = a};
    m->tiles = ARENA_ARRAY(a, plain_tile, p->n_tiles + 1);
    m->queues = ARENA_ARRAY(a, plain_queue, p->n_dests + 1);
    for (uint32_t t = 0; t < p->n_tiles; t++) {
        const isa_tile *d = &p->tiles[t];
        m->tiles[t].rings = ARENA_ARRAY(a, plain_ring, d->n_rings + 1);
        for (uint32_t ph = 0; ph < p->n_phases; ph++)
            m->tiles[t].history[ph] = ARENA_ARRAY(a, plain_rows, d->phase[ph].count + 1);
        for (uint32_t r = 0; r < d->n_rings; r++) {
            const isa_ring *x = &d->rings[r];
            m->tiles[t].rings[r] =
                (plain_ring){0, ARENA_ARRAY(a, int64_t, x->slots),
                             ARENA_ARRAY(a, float, (size_t)x->slots * x->n_kv * x->d),
                             ARENA_ARRAY(a, float, (size_t)x->slots * x->n_kv * x->dv)};
        }
    }
    return m;
}

static inline void plain_reset(plain *m) {
    for (int d = 0; d < ISA_DOMAINS; d++) m->pos[d] = 0;
    for (uint32_t t = 0; t < m->p->n_tiles; t++) {
        for (uint32_t r = 0; r < m->p->tiles[t].n_rings; r++)
            plain_ring_reset(&m->tiles[t].rings[r], &m->p->tiles[t].rings[r]);
        for (uint32_t ph = 0; ph < m->p->n_phases; ph++)
            for (uint32_t pc = 0; pc < m->p->tiles[t].phase[ph].count; pc++)
                m->tiles[t].history[ph][pc].rows = 0;
    }
}

static inline void plain_execute(const plain_at *c, arena *a) {
    switch ((isa_opcode)c->i->op) {
    case ISA_halt: return;
    case ISA_settl: plain_settl(c); return;
    case ISA_copy: plain_copy(c); return;
    case ISA_gather:
    case ISA_posrow: plain_table_rows(c); return;
    case ISA_rows: plain_rows_of(c); return;
    case ISA_prefix:
    case ISA_suffix: plain_join(c); return;
    case ISA_pick:
    case ISA_skip: plain_pick(c); return;
    case ISA_rred: plain_rred(c); return;
    case ISA_mvm: plain_mvm(c); return;
    case ISA_fin: plain_fin(c); return;
    case ISA_attn:
    case ISA_kvw:
    case ISA_query:
    case ISA_score:
    case ISA_mix: plain_on_ring(c); return;
    case ISA_ew1:
    case ISA_ew2:
    case ISA_ewt:
    case ISA_clip:
    case ISA_norm:
    case ISA_softmax:
    case ISA_red:
    case ISA_rope:
    case ISA_topk: plain_digital(c); return;
    case ISA_send: plain_send(c); return;
    case ISA_recv:
    case ISA_recvadd: plain_recv(c); return;
    case ISA_in: plain_in(c); return;
    case ISA_out: plain_out(c, a); return;
    }
}

// Tiles take turns, each until it waits for rows that nobody has sent yet. out[i] in `a`.
static inline void plain_step(plain *m, uint32_t phase, bool reset, const int64_t *rows,
                              const tensor *in, arena *a, tensor *out) {
    const isa_program *p = m->p;
    if (reset) plain_reset(m);
    m->step = arena_new(), m->phase = phase, m->in = in, m->out = out;
    memset(m->queues, 0, p->n_dests * sizeof *m->queues);
    for (uint32_t i = 0, n = 0; i < p->n_ports; i++)
        if (p->ports[i].direction == ISA_PORT_OUT) out[n++] = (tensor){0};
    for (uint32_t t = 0; t < p->n_tiles; t++) {
        m->tiles[t].pc = 0;
        m->tiles[t].rows = ARENA_ARRAY(m->step, plain_rows, p->tiles[t].n_buffers + 1);
        for (int d = 0; d < ISA_DOMAINS; d++)
            m->tiles[t].count[d] = rows[d], m->tiles[t].at[d] = m->pos[d];
    }
    for (bool moved = true; moved;) {
        moved = false;
        for (uint32_t t = 0; t < p->n_tiles; t++) {
            plain_tile *tile = &m->tiles[t];
            for (; tile->pc < p->tiles[t].phase[phase].count; tile->pc++, moved = true) {
                const isa_insn *i = &p->tiles[t].phase[phase].code[tile->pc];
                plain_at c = {m,
                              tile,
                              t,
                              &p->tiles[t],
                              i,
                              isa_info_of(i->op),
                              tile->count[i->dom],
                              tile->at[i->dom]};
                bool waits = i->op == ISA_recv || i->op == ISA_recvadd;
                if (waits && plain_queue_of(&c)->head == plain_queue_of(&c)->count) break;
                plain_execute(&c, a);
            }
        }
    }
    for (uint32_t t = 0; t < p->n_tiles; t++)
        CHECK(m->tiles[t].pc == p->tiles[t].phase[phase].count, "tile %u waits for ever", t);
    for (int d = 0; d < ISA_DOMAINS; d++)
        if (p->phases[phase].free_domains >> d & 1) m->pos[d] += rows[d];
    arena_free(m->step);
}
#endif
