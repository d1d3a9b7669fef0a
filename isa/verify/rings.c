// Rings: one writer a phase, before its readers, and enough slots for what they see.
#include "isa/verify/parts.h"

#define BAD(...) verify_bad_at(v, DIAG_ID_isa_ring, tile, pc, __VA_ARGS__)

// Rings that the phase writes, and those before it.
static verify_writers *writers_of(const verifier *v, uint32_t tile) {
    const isa_tile *t = &v->p->tiles[tile];
    verify_writers *w = ARENA_ARRAY(v->a, verify_writers, t->n_rings + 1);
    for (uint32_t r = 0; r < t->n_rings; r++) w[r].pc = UINT32_MAX;
    for (uint32_t ph = 0; ph <= v->phase; ph++)
        for (uint32_t pc = 0; pc < t->phase[ph].count; pc++) {
            const isa_insn *i = &t->phase[ph].code[pc];
            if (!isa_info_of(i->op) || !isa_writes_ring(i) || i->x >= t->n_rings) continue;
            *(ph < v->phase ? &w[i->x].before : &w[i->x].here) = true;
        }
    return w;
}

void verify_find_writers(verifier *v) {
    v->writers = ARENA_ARRAY(v->a, verify_writers *, v->p->n_tiles + 1);
    for (uint32_t t = 0; t < v->p->n_tiles; t++) v->writers[t] = writers_of(v, t);
}

static void check_reader(verifier *v, uint32_t tile, uint32_t pc, const isa_ring *r,
                         const verify_writers *w) {
    if (w->pc == UINT32_MAX && w->here)
        BAD("the ring is written behind it in phase %s", v->p->phases[v->phase].name);
    else if (w->pc == UINT32_MAX && !w->before)
        BAD("nothing writes the ring, in this phase or in one that comes before it");
    if (r->mode != ISA_RING_CAUSAL) return;
    // All rows of a step are written before the first is read: its slots must not be those that row
    // 0 sees.
    uint64_t window = r->window && r->window < r->slots ? r->window : r->slots;
    uint64_t chunk = (uint64_t)v->dom[r->dom].most, need = window + chunk - 1;
    if (r->slots < need && r->slots < (uint64_t)v->dom[r->dom].end)
        BAD("%u slots: rows of a step overwrite keys that others see, expected %llu "
            "(window %llu, up to %llu rows a step), or one for each of %lld positions",
            r->slots, (unsigned long long)need, (unsigned long long)window,
            (unsigned long long)chunk, (long long)v->dom[r->dom].end);
}

void verify_ring_use(verifier *v, uint32_t tile, uint32_t pc, const verify_writers *w) {
    const isa_insn *i = verify_insn(v, tile, pc);
    const isa_ring *r = &v->p->tiles[tile].rings[i->x];
    const isa_domain *d = &v->dom[i->dom];
    if (isa_writes_ring(i)) {
        if (w->pc != UINT32_MAX) BAD("pc %u has written the ring in this phase", w->pc);
        if (r->dom != i->dom) BAD("rows of t%u, the ring takes those of t%u", i->dom, r->dom);
    }
    if (r->readout == ISA_READ_CHARGE && (i->op == ISA_score || i->op == ISA_mix))
        verify_bad_at(v, DIAG_ID_isa_readout, tile, pc,
                      "charge read-out has no scores that could leave the unit or come to it: "
                      "expected attn or query, or score read-out");
    if (i->op == ISA_score && r->sink != ISA_NO_OFFSET)
        verify_bad_at(v, DIAG_ID_isa_readout, tile, pc,
                      "the ring has a sink, which only attn and query put into softmax");
    if (i->op == ISA_attn && r->mode != ISA_RING_CAUSAL)
        BAD("the ring is not causal: it is written whole, then read");
    if (i->op == ISA_kvw && d->most > r->slots)
        BAD("up to %lld rows a step, the ring has %u slots", (long long)d->most, r->slots);
    if (isa_reads_ring(i) && i->op != ISA_attn) check_reader(v, tile, pc, r, w);
    if (isa_reads_ring(i) && i->op != ISA_mix && r->bias == ISA_BIAS_FULL && v->bounded) {
        int64_t end = max_i64(d->end, isa_ring_end(v->p, tile, i->x, v->phase + 1));
        if (end > r->bias_width)
            verify_bad_at(v, DIAG_ID_isa_index, tile, pc,
                          "the score bias has %u positions, there are %lld", r->bias_width,
                          (long long)end);
    }
}
