// The walk: all instructions of a phase in their order, with the rows they read and write.
//
// Proves that what is read was written in this step, by this buffer and in this domain; and by the
// lag rule that no number of rows up to the bounds can deadlock (docs/isa.md has rule and proof).
// lag(i) is the virtual delay of instruction i in rows of the root domain: row r of it happens at r
// * step + lag(i), after all it waits for.
#include "isa/operand.h"
#include "isa/verify/rows.h"

enum { FAR = 1 << 30 };
static const int64_t LATEST = (int64_t)FAR << 30; // lags saturate there

typedef struct {
    int64_t *lag;         // [pc]
    int64_t floor;        // what follows from the instructions that left the active set
    verify_columns *rows; // [parent]
    verify_memory space[2];
    verify_writers *writers; // [ring]
    int64_t *ring_lag;       // [ring]
} tile_state;

// The current use of a channel.
typedef struct {
    int64_t sent, received,
        before; // lags of send, last receive, last receive of the use before; -1: none yet
    uint32_t sent_pc;
    verify_range range;
    verify_worst worst; // over all uses; reader: tile << 32 | pc
} channel_state;

typedef struct {
    verifier *v;
    tile_state *tiles;
    channel_state *channels;
    uint32_t active_set;
    uint32_t **need, *need_channel;
    bool check;
    // the instruction
    uint32_t tile, pc;
    const isa_tile *t;
    const isa_insn *i;
    tile_state *s;
    int64_t lag;
    bool sound; // all that it reads was written
} flow;

static int64_t later(int64_t lag, int64_t by) { return min_i64(LATEST, lag + by); }
static void not_before(flow *f, int64_t lag) { f->lag = max_i64(f->lag, lag); }

static const char *name_of(flow *f, uint32_t b) { return verify_buffer_name(f->v, f->tile, b); }

// --- operands that are read

typedef struct {
    uint32_t parent, from, until;
    isa_operand_field field;
    int64_t back;
    verify_range range;
    bool written;
} source;

static unsigned sources_of(flow *f, source out[ISA_COUNT_field]) {
    const isa_info *info = isa_info_of(f->i->op);
    const isa_operand *ops = info->operands;
    unsigned count = 0;
    for (unsigned k = isa_has_result(info); k < info->n_operands; k++) {
        if (ops[k].kind != ISA_KIND_buf || isa_operand_absent(&ops[k], f->i)) continue;
        uint32_t b = isa_operand_get(f->i, ops[k].field), col0 = verify_col0(f->t, b);
        out[count++] = (source){.parent = verify_parent(f->t, b),
                                .from = col0,
                                .until = col0 + f->t->buffers[b].width,
                                .field = ops[k].field};
    }
    return count;
}

static void wait_for_source(flow *f, source *s) {
    uint32_t b = isa_operand_get(f->i, s->field);
    verify_columns *c = &f->s->rows[s->parent];
    verify_span span;
    int64_t ahead;
    const char *field = isa_name(ISA_ENUM_field, s->field);
    if (c->spans.count > 0 && c->dom != f->t->buffers[b].dom) {
        verify_bad_at(f->v, DIAG_ID_isa_unwritten, f->tile, f->pc,
                      "%s reads rows of t%u of %s, which holds rows of t%u", field,
                      f->t->buffers[b].dom, name_of(f, b), c->dom);
        f->sound = false;
    } else if (!verify_columns_find(c, s->from, s->until, &span)) {
        verify_bad_at(f->v, DIAG_ID_isa_unwritten, f->tile, f->pc,
                      c->last >= 0 && c->spans.count == 0
                          ? "%s reads %s, whose bytes another buffer has overwritten"
                          : "%s reads %s before this step has written all of it",
                      field, name_of(f, b));
        f->sound = false;
    } else {
        verify_reach(f->v, f->tile, f->i, s->field, &ahead, &s->back);
        not_before(f, later(span.ready, ahead));
        s->range = span.range;
        s->written = true;
    }
}

static void need_depth(const flow *f, verify_worst *w, int64_t first, int64_t used, unsigned dom,
                       uint32_t writer, uint64_t reader) {
    const verify_domain *d = &f->v->dom[dom];
    int64_t keep = used > first ? (used - first) / d->step : 0, need = min_i64(d->most, 1 + keep);
    if (need > w->need) *w = (verify_worst){need, keep, first, writer, reader};
}

static void use_source(flow *f, const source *s) {
    verify_columns *c = &f->s->rows[s->parent];
    if (!s->written) return;
    if (c->spans.count == 0) { // the destination has just taken its bytes
        if (s->parent != verify_parent(f->t, f->i->d))
            verify_bad_at(f->v, DIAG_ID_isa_unwritten, f->tile, f->pc,
                          "%s reads bytes that d overwrites", isa_name(ISA_ENUM_field, s->field));
        return;
    }
    verify_span span = verify_columns_read(c, s->from, s->until, later(f->lag, s->back), f->pc);
    need_depth(f, &c->worst, span.first, span.used, c->dom, span.writer, span.reader);
    c->last = max_i64(c->last, f->lag);
}

// --- what is written

static void lose(void *ctx, uint32_t owner) {
    flow *f = ctx;
    verify_columns *c = &f->s->rows[owner];
    c->owns = false;
    vec_clear(&c->spans);
    if (c->last >= 0) not_before(f, later(c->last, f->v->chunk)); // after its last row
}

// Buffers whose bytes overlap follow each other instruction by instruction; so do domains in one
// buffer.
static void take_bytes(flow *f, uint32_t parent, unsigned dom) {
    const isa_buffer *b = &f->t->buffers[parent];
    verify_columns *c = &f->s->rows[parent];
    if (!c->owns)
        verify_memory_take(&f->s->space[b->space == ISA_MEM], b->base,
                           b->base + (uint64_t)b->depth * b->stride, parent, lose, f);
    c->owns = true;
    if (c->spans.count > 0 && c->dom != dom) {
        vec_clear(&c->spans);
        not_before(f, later(c->last, f->v->chunk));
    }
    c->dom = (uint8_t)dom;
}

static void write_rows(flow *f, uint32_t b, verify_range range) {
    uint32_t parent = verify_parent(f->t, b), col0 = verify_col0(f->t, b);
    verify_columns *c = &f->s->rows[parent];
    verify_span span = verify_columns_write(c, (verify_span){.from = col0,
                                                             .until = col0 + f->t->buffers[b].width,
                                                             .first = f->lag,
                                                             .ready = f->lag,
                                                             .used = f->lag,
                                                             .writer = f->pc,
                                                             .reader = f->pc,
                                                             .range = range});
    need_depth(f, &c->worst, span.first, f->lag, c->dom, span.writer, f->pc);
    c->last = max_i64(c->last, f->lag);
}

// --- channels: one use at a time, rows of a use behind all rows of the one before

static void wait_for_channel(flow *f) {
    channel_state *c = &f->channels[f->i->x];
    const verify_domain *d = &f->v->dom[f->v->p->channels[f->i->x].dom];
    if (f->i->op == ISA_send) {
        if (c->sent < 0) return;
        not_before(f, later(c->sent, f->v->chunk + d->step - 1));
        not_before(f, later(c->received, 1));
        return;
    }
    not_before(f, c->sent);
    if (c->before >= 0) not_before(f, later(c->before, f->v->chunk));
}

static void use_channel(flow *f, const source *a) {
    channel_state *c = &f->channels[f->i->x];
    if (f->i->op == ISA_send) {
        c->before = c->received;
        c->received = -1;
        c->sent = f->lag;
        c->sent_pc = f->pc;
        c->range = a->written ? a->range : VERIFY_ANY_INTEGER;
        return;
    }
    c->received = max_i64(c->received, f->lag);
    need_depth(f, &c->worst, c->sent, f->lag, f->v->p->channels[f->i->x].dom, c->sent_pc,
               (uint64_t)f->tile << 32 | f->pc);
}

// --- rings

static void use_ring(flow *f) {
    verify_writers *w = &f->s->writers[f->i->x];
    verify_ring_use(f->v, f->tile, f->pc, w);
    if (isa_writes_ring(f->i)) {
        w->pc = f->pc;
        f->s->ring_lag[f->i->x] = f->lag;
    }
}

// --- one instruction

static void step(flow *f) {
    bool has_d = isa_has_result(isa_info_of(f->i->op));
    bool router = f->i->op == ISA_send || f->i->op == ISA_recv || f->i->op == ISA_recvadd;
    bool ring = isa_reads_ring(f->i) || isa_writes_ring(f->i);
    source sources[ISA_COUNT_field];
    unsigned n_sources = sources_of(f, sources);
    // active set: instruction k enters when all up to k - A have finished
    if (f->pc >= f->active_set)
        f->s->floor = max_i64(f->s->floor, later(f->s->lag[f->pc - f->active_set], f->v->chunk));
    f->lag = f->s->floor;
    f->sound = true;
    for (unsigned k = 0; k < n_sources; k++) wait_for_source(f, &sources[k]);
    if (router) wait_for_channel(f);
    if (ring && !isa_writes_ring(f->i) && f->s->writers[f->i->x].pc != UINT32_MAX)
        not_before(f, later(f->s->ring_lag[f->i->x], f->v->chunk));
    uint32_t parent = 0;
    if (has_d) {
        verify_span met;
        parent = verify_parent(f->t, f->i->d);
        uint32_t col0 = verify_col0(f->t, f->i->d);
        take_bytes(f, parent, f->t->buffers[f->i->d].dom);
        verify_columns_meet(&f->s->rows[parent], col0, col0 + f->t->buffers[f->i->d].width, &met);
        not_before(f, met.used); // row by row, after who used what is overwritten
    }
    verify_range a = VERIFY_ANY_INTEGER, b = VERIFY_ANY_INTEGER, arriving = VERIFY_ANY_INTEGER;
    for (unsigned k = 0; k < n_sources; k++) {
        use_source(f, &sources[k]);
        if (sources[k].written && sources[k].field == ISA_FIELD_a) a = sources[k].range;
        if (sources[k].written && sources[k].field == ISA_FIELD_b) b = sources[k].range;
    }
    if (router && f->i->op != ISA_send) arriving = f->channels[f->i->x].range;
    if (router) use_channel(f, n_sources ? &sources[0] : NULL);
    if (ring) use_ring(f);
    if (f->sound) verify_indices(f->v, f->tile, f->pc, a, b);
    if (has_d) write_rows(f, f->i->d, verify_result_range(f->v, f->tile, f->i, a, b, arriving));
    f->s->lag[f->pc] = f->lag;
}

// --- all of them

static void begin_tile(verifier *v, tile_state *s, uint32_t tile) {
    const isa_tile *t = &v->p->tiles[tile];
    s->lag = base_calloc((size_t)t->phase[v->phase].count + 1, sizeof *s->lag);
    s->rows = base_calloc((size_t)t->n_buffers + 1, sizeof *s->rows);
    s->writers = base_calloc((size_t)t->n_rings + 1, sizeof *s->writers);
    s->ring_lag = base_calloc((size_t)t->n_rings + 1, sizeof *s->ring_lag);
    for (uint32_t b = 0; b < t->n_buffers; b++) s->rows[b].last = -1;
    for (uint32_t r = 0; r < t->n_rings; r++) s->writers[r].pc = UINT32_MAX;
    for (uint32_t ph = 0; ph <= v->phase; ph++)
        for (uint32_t pc = 0; pc < t->phase[ph].count; pc++) {
            const isa_insn *i = &t->phase[ph].code[pc];
            if (!isa_writes_ring(i) || i->x >= t->n_rings) continue;
            *(ph < v->phase ? &s->writers[i->x].before : &s->writers[i->x].here) = true;
        }
}

static void end_tile(verifier *v, tile_state *s, uint32_t tile) {
    for (uint32_t b = 0; b < v->p->tiles[tile].n_buffers; b++) vec_free(&s->rows[b].spans);
    vec_free(&s->space[0]);
    vec_free(&s->space[1]);
    free(s->lag);
    free(s->rows);
    free(s->writers);
    free(s->ring_lag);
}

// What was found about depths, buffer by buffer and channel by channel.
static void keep_buffers(flow *f, uint32_t tile) {
    const isa_tile *t = &f->v->p->tiles[tile];
    for (uint32_t b = 0; b < t->n_buffers; b++) {
        const verify_worst *w = &f->tiles[tile].rows[verify_parent(t, b)].worst;
        f->need[tile][b] = (uint32_t)max_i64(f->need[tile][b], w->need); // views as their parents
        if (!f->check || t->buffers[b].parent != b || t->buffers[b].depth >= w->need) continue;
        verify_bad_at(f->v, DIAG_ID_isa_depth, tile, (uint32_t)w->reader,
                      "%s keeps %u rows, expected %lld: this is up to %lld rows behind its writer",
                      verify_buffer_name(f->v, tile, b), t->buffers[b].depth, (long long)w->need,
                      (long long)w->keep);
        verify_note_at(f->v, tile, w->writer, "writes it, %lld rows after the start",
                       (long long)w->first);
    }
}

static void keep_channels(flow *f) {
    for (uint32_t c = 0; c < f->v->p->n_channels; c++) {
        const isa_channel *ch = &f->v->p->channels[c];
        const verify_worst *w = &f->channels[c].worst;
        f->need_channel[c] = (uint32_t)max_i64(f->need_channel[c], w->need);
        if (!f->check || ch->depth >= w->need) continue;
        verify_bad_at(
            f->v, DIAG_ID_isa_depth, (uint32_t)(w->reader >> 32), (uint32_t)w->reader,
            "the channel keeps %u rows, expected %lld: this is up to %lld rows behind the "
            "send",
            ch->depth, (long long)w->need, (long long)w->keep);
        verify_note_at(f->v, ch->source, w->writer, "sends, %lld rows after the start",
                       (long long)w->first);
    }
}

void verify_flow(verifier *v, const isa_step *order, uint32_t n, uint32_t active_set,
                 uint32_t **need, uint32_t *need_channel, bool check_depths) {
    const isa_program *p = v->p;
    flow f = {.v = v,
              .active_set = active_set,
              .need = need,
              .need_channel = need_channel,
              .check = check_depths};
    f.tiles = base_calloc((size_t)p->n_tiles + 1, sizeof *f.tiles);
    f.channels = base_calloc((size_t)p->n_channels + 1, sizeof *f.channels);
    for (uint32_t c = 0; c < p->n_channels; c++)
        f.channels[c] =
            (channel_state){.sent = -1, .received = -1, .before = -1, .range = VERIFY_ANY_INTEGER};
    for (uint32_t t = 0; t < p->n_tiles; t++) begin_tile(v, &f.tiles[t], t);
    for (uint32_t k = 0; k < n; k++) {
        f.tile = order[k].tile;
        f.pc = order[k].pc;
        f.t = &p->tiles[f.tile];
        f.i = verify_insn(v, f.tile, f.pc);
        f.s = &f.tiles[f.tile];
        step(&f);
    }
    for (uint32_t t = 0; t < p->n_tiles; t++) keep_buffers(&f, t);
    keep_channels(&f);
    for (uint32_t t = 0; t < p->n_tiles; t++) end_tile(v, &f.tiles[t], t);
    free(f.tiles);
    free(f.channels);
}
