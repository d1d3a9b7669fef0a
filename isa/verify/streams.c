// What makes a stream one: however a sequence is cut into steps, its rows are the same.
//
// In a phase that streams a domain is one of three:
//   steady   its rows are those of the sequence, so many a token: a free domain, or `lin` of a
//   steady
//            one without rest or constant
//   last     the step's last row of a steady domain: of the sequence's last, once it has run
//   still    the same rows in every step: `one`, and what derives from it
// A row may depend on its own domain row by row; on rows before it (windows that look back, causal
// rings); on still rows. Last rows may depend on the last of a steady domain, nothing else may
// depend on them. What looks at all rows of a step, or counts them, depends on the cut.
#include "isa/verify/parts.h"

typedef enum { STEADY, LAST, STILL } rows_kind;

typedef struct {
    verifier *v;
    uint32_t tile, pc;
    const isa_tile *t;
    const isa_insn *i;
    const rows_kind *kind;
} insn;

#define BAD(...) verify_bad_at(c->v, DIAG_ID_isa_stream, c->tile, c->pc, __VA_ARGS__)

// Of a derived domain. False: its rows count the rows of a step in a way that depends on the cut.
static bool kind_of(const verifier *v, unsigned d, rows_kind *kinds) {
    const isa_domain *x = &v->dom[d];
    isa_lin l = isa_lin_of(x->imm);
    rows_kind of = kinds[x->of];
    switch ((isa_tl)x->kind) {
    case ISA_TL_ONE: kinds[d] = STILL; return true;
    case ISA_TL_LAST: kinds[d] = of == STILL ? STILL : LAST; return true;
    case ISA_TL_LIN:
        kinds[d] = of;
        if (of == LAST) return l.mul == 1 && l.div == 1 && l.add == 0;
        return of == STILL || (l.div == 1 && l.add == 0);
    case ISA_TL_PREFIX: break; // refused before
    }
    return true;
}

// A buffer operand of another domain.
static void check_other(const insn *c, const isa_operand *o, unsigned from) {
    unsigned to = c->i->dom;
    if (c->kind[from] == STILL || (c->kind[from] == LAST && c->kind[to] == LAST)) return;
    bool picks_last = c->i->op == ISA_pick && c->i->mode == ISA_MODE_pick_last;
    if (picks_last && c->kind[from] == STEADY && c->kind[to] == LAST) return;
    BAD("%s reads the rows of t%u that one step has: another cut of the sequence gives other "
        "values",
        isa_name(ISA_ENUM_field, o->field), from);
}

static void check_ring(const insn *c) {
    const isa_ring *r = &c->t->rings[c->i->x];
    bool steady = c->kind[c->i->dom] == STEADY;
    if (isa_writes_ring(c->i)) {
        if (!steady)
            BAD("the ring takes rows of t%u, which are not all rows of the sequence", c->i->dom);
        else if (r->mode != ISA_RING_CAUSAL)
            BAD("the ring shows all that is stored, so rows see those behind them in their step");
        return;
    }
    const verify_writers *w = &c->v->writers[c->tile][c->i->x];
    if (!w->here) return; // what a phase before has made stands still
    if (c->kind[c->i->dom] == STILL || c->v->dom[c->i->dom].root != c->v->dom[r->dom].root)
        BAD("rows of t%u see what the ring has of t%u by then", c->i->dom, r->dom);
}

static void check_insn(const insn *c) {
    const isa_info *info = isa_info_of(c->i->op);
    for (unsigned k = 0; k < info->n_operands; k++) {
        const isa_operand *o = &info->operands[k];
        if (isa_operand_absent(o, c->i)) continue;
        if (o->kind == ISA_KIND_ring) check_ring(c);
        if (o->kind != ISA_KIND_buf) continue;
        unsigned from = c->t->buffers[isa_operand_get(c->i, o->field)].dom;
        bool counts = o->rows == ISA_ROWS_all || o->rows == ISA_ROWS_skip ||
                      (o->rows == ISA_ROWS_window && c->i->mode == ISA_MODE_rows_index);
        bool looks_back = o->rows == ISA_ROWS_window && isa_window_of(c->i->imm).k > 1;
        if (from != c->i->dom || (counts && c->kind[from] == STEADY))
            check_other(c, o, from);
        else if (looks_back && !counts && c->kind[from] != STEADY)
            BAD("a window over rows of t%u, which do not follow each other", from);
    }
}

void verify_streams(verifier *v) {
    rows_kind kind[ISA_DOMAINS] = {STEADY};
    if (!v->streams) return;
    uint32_t before = v->found;
    for (uint32_t t = 0; t < v->p->n_tiles && v->found == before; t++)
        for (uint32_t pc = 0; pc < v->p->tiles[t].phase[v->phase].count; pc++) {
            const isa_insn *i = verify_insn(v, t, pc);
            if (i->op == ISA_settl && !kind_of(v, i->d, kind))
                verify_bad_at(v, DIAG_ID_isa_stream, t, pc,
                              "so many rows a step that a sequence has others when it is cut "
                              "otherwise: expected one, last, or whole rows for each");
        }
    if (v->found != before) return;
    for (uint32_t t = 0; t < v->p->n_tiles; t++)
        for (uint32_t pc = 0; pc < v->p->tiles[t].phase[v->phase].count; pc++) {
            insn c = {v, t, pc, &v->p->tiles[t], verify_insn(v, t, pc), kind};
            check_insn(&c);
        }
}
