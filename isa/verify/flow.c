// The walk: all instructions of a phase in their order, with the rows they read and write.
//
// Proves that what is read was written in this step, by this buffer and in this domain; and by the
// lag rule that no number of rows up to the bounds can deadlock (docs/isa.md has rule and proof).
#include "isa/depend/lag.h"
#include "isa/verify/parts.h"
#include <stdlib.h>

typedef struct {
    verifier *v;
    isa_depend *d;
    verify_range *uses, *joins; // what rows of these may hold; of what is written, and sets of it
    uint32_t known;             // joins that are known
} flow;

static verify_range range_of(flow *f, isa_set s) {
    if (s == ISA_NOTHING || s & ISA_BEFORE) return VERIFY_ANY_INTEGER;
    if (!isa_is_join(s)) return f->uses[s];
    for (; f->known <= isa_index(s); f->known++) {
        const isa_join *j = &f->d->joins[f->known];
        f->joins[f->known] = verify_join(range_of(f, j->a), range_of(f, j->b));
    }
    return f->joins[isa_index(s)];
}

static void report(flow *f, const isa_use *u) {
    if (u->fault == ISA_SOUND) return;
    const isa_node *at = &f->d->nodes[u->insn];
    const char *field = isa_name(ISA_ENUM_field, u->field);
    const char *name = verify_buffer_name(f->v, at->tile, u->buffer);
    diag_id id = DIAG_ID_isa_unwritten;
    switch ((isa_fault)u->fault) {
    case ISA_SOUND: return;
    case ISA_UNWRITTEN:
        verify_bad_at(f->v, id, at->tile, at->pc,
                      "%s reads %s before this step has written all of it", field, name);
        return;
    case ISA_OVERWRITTEN:
        verify_bad_at(f->v, id, at->tile, at->pc,
                      "%s reads %s, whose bytes another buffer has overwritten", field, name);
        return;
    case ISA_OTHER_DOMAIN:
        verify_bad_at(f->v, id, at->tile, at->pc,
                      "%s reads rows of t%u of %s, which holds rows of t%u", field, u->dom, name,
                      u->held);
        return;
    case ISA_TAKEN:
        verify_bad_at(f->v, id, at->tile, at->pc, "%s reads bytes that d overwrites", field);
        return;
    }
}

// --- one instruction

static void use_ring(flow *f, uint32_t place, const isa_use *u) {
    const isa_node *at = &f->d->nodes[place];
    verify_writers *w = &f->v->writers[at->tile][u->buffer];
    verify_ring_use(f->v, at->tile, at->pc, w);
    if (u->kind == ISA_WRITES_RING) w->pc = at->pc;
}

static void step(flow *f, uint32_t place) {
    const isa_depend *d = f->d;
    const isa_node *at = &d->nodes[place];
    const isa_insn *i = isa_depend_insn(d, place);
    verify_range a = VERIFY_ANY_INTEGER, b = VERIFY_ANY_INTEGER, arriving = VERIFY_ANY_INTEGER;
    uint32_t written = ISA_NOTHING;
    bool sound = true;
    for (uint32_t k = at->first_use; k < at[1].first_use; k++) {
        const isa_use *u = &d->uses[k];
        report(f, u);
        sound &= u->fault == ISA_SOUND || u->fault == ISA_TAKEN;
        if (u->kind == ISA_WRITES) written = k;
        if (u->kind == ISA_READS_RING || u->kind == ISA_WRITES_RING) use_ring(f, place, u);
        if (u->kind == ISA_READS && u->field == ISA_FIELD_a) a = range_of(f, u->rows);
        if (u->kind == ISA_READS && u->field == ISA_FIELD_b) b = range_of(f, u->rows);
    }
    if (at->transfer != ISA_NOTHING && i->op != ISA_send) {
        const isa_node *send = &d->nodes[d->transfers[at->transfer].send];
        arriving = range_of(f, d->uses[send->first_use].rows);
    }
    if (sound) verify_indices(f->v, at->tile, at->pc, a, b);
    if (written != ISA_NOTHING)
        f->uses[written] = verify_result_range(f->v, at->tile, i, a, b, arriving);
}

// --- depths

static void check_depths(const flow *f, uint32_t active_set) {
    const isa_depend *d = f->d;
    const isa_program *p = d->p;
    isa_lags lags = isa_lags_new(d, active_set, f->v->a);
    for (uint32_t t = 0; t < p->n_tiles; t++)
        for (uint32_t b = 0; b < p->tiles[t].n_buffers; b++) {
            const isa_buffer *x = &p->tiles[t].buffers[b];
            const isa_depth *w = &lags.buffers[t][b];
            if (x->parent != b || x->depth >= w->need) continue;
            verify_bad_at(f->v, DIAG_ID_isa_depth, t, d->nodes[w->reader].pc,
                          "%s keeps %u rows, expected %lld: this is up to %lld rows behind its "
                          "writer",
                          verify_buffer_name(f->v, t, b), x->depth, (long long)w->need,
                          (long long)w->keep);
            verify_note_at(f->v, t, d->nodes[w->writer].pc, "writes it, %lld rows after the start",
                           (long long)w->first);
        }
    for (uint32_t c = 0; c < p->n_channels; c++) {
        const isa_depth *w = &lags.channels[c];
        const isa_node *reader = &d->nodes[w->reader], *writer = &d->nodes[w->writer];
        if (p->channels[c].depth >= w->need) continue;
        verify_bad_at(f->v, DIAG_ID_isa_depth, reader->tile, reader->pc,
                      "the channel keeps %u rows, expected %lld: this is up to %lld rows behind "
                      "the send",
                      p->channels[c].depth, (long long)w->need, (long long)w->keep);
        verify_note_at(f->v, writer->tile, writer->pc, "sends, %lld rows after the start",
                       (long long)w->first);
    }
}

void verify_flow(verifier *v, const isa_step *order, uint32_t n, uint32_t active_set) {
    flow f = {.v = v, .d = isa_depend_new(v->p, v->phase, order, n)};
    f.known = f.d->joins_before;
    f.uses = base_calloc((size_t)f.d->n_uses + 1, sizeof *f.uses);
    f.joins = base_calloc((size_t)f.d->n_joins + 1, sizeof *f.joins);
    for (uint32_t k = 0; k < n; k++) step(&f, k);
    check_depths(&f, active_set);
    free(f.uses);
    free(f.joins);
    isa_depend_free(f.d);
}
