// What must run of the rows that a mask hides?
//
// None behind the others, where nothing else reads them: every attention that sees all takes that
// mask, and whatever else reads rows of other tokens weighs them with 0. None in front of a
// stream's, under the same condition; a whole sequence runs with padding in front. That is the role
// "mask".
//
// A mask of which only the ones are counted must have them first, so nothing is hidden in front:
// the role "length". It hides no row that is read.
//
// Else padding is part of what the model computes, and all rows run: "weights". One thing cannot be
// had: what a row holds that sees nothing at all. The model's softmax gives such a row the mean of
// what it hides, or worse, the program zeros. So where rows in front are read, and an attention
// hides them from themselves, a sequence must not begin with padding: "ones_first". A mask that
// hides whole rows, not keys alone, must not have its rows read.
#include "ir/ring.h"
#include "passes/tokens/plan.h"
#include "passes/tokens/rules/mask.h"
#include <inttypes.h>
#include <string.h>

typedef struct {
    const tok_ctx *c;
    ir_val mask;
    int root;    // free domain that it counts
    bool stream; // of that domain
} padding;

static const ir_op *def(const padding *p, ir_val v) { return ir_def(p->c->f, v); }

// Rows of the mask's tokens: `v` has a row for each, or for each and some more.
static bool counts_tokens(const padding *p, ir_val v) {
    int d = ir_type_domain(ir_type_of(p->c->f, v));
    return d >= 0 && ir_domain_root(p->c->m, d) == p->root &&
           !ir_domain_is(p->c->m, d, IR_DOMAIN_ONE);
}

// The mask, in another type or shape.
static bool is_mask(const padding *p, ir_val v) {
    const ir_op *op;
    while ((op = def(p, v)) && (op->code == IR_t_cast || op->code == IR_t_reshape))
        v = op->operand[0];
    return v == p->mask;
}

// 0 in rows that the mask hides.
static bool is_zero_there(const padding *p, ir_val v) {
    if (is_mask(p, v)) return true;
    const ir_op *op = def(p, v);
    if (!op) return false;
    switch (op->code) {
    case IR_t_mul: return is_zero_there(p, op->operand[0]) || is_zero_there(p, op->operand[1]);
    case IR_t_cast:
    case IR_t_reshape:
    case IR_row_cols:
    case IR_row_permute:
    case IR_row_repeat: return is_zero_there(p, op->operand[0]);
    default: return false;
    }
}

enum { FRONT = 1, BEHIND = 2, BOTH = FRONT | BEHIND };

static unsigned attention_needs(const padding *p, const ir_op *op) {
    const ir_ring *ring = ir_ring_find(p->c->m, ir_attr_str(&op->attrs, IR_ATTR_ring, ""));
    if (!ring || !counts_tokens(p, op->operand[1])) return 0;
    if (op->n_operands > 3 && op->operand[3] != IR_NONE && is_mask(p, op->operand[3])) return 0;
    return ring->mode == IR_RING_CAUSAL ? FRONT : BOTH;
}

static unsigned pick_needs(const padding *p, const ir_op *op) {
    const char *which = ir_attr_str(&op->attrs, IR_ATTR_which, ""), *logits = p->c->o->logits;
    if (!strcmp(which, "first")) return p->stream ? BOTH : FRONT;
    if (strcmp(which, "last")) return BOTH;
    pass_use(p->c->o, PASS_OPTION_logits);
    return logits && !strcmp(logits, "last") ? 0 : BEHIND; // asked for: the last that is no padding
}

// Which hidden rows the real ones depend on through the operation, other than by their own.
static unsigned needs(const padding *p, const ir_op *op) {
    if (op->code == IR_nn_attn || op->code == IR_nn_scores) return attention_needs(p, op);
    if (op->n_operands == 0 || !counts_tokens(p, op->operand[0])) return 0;
    switch (ir_ops[op->code].rows) {
    case IR_ROWS_EACH: return 0;
    case IR_ROWS_SKIP:
    case IR_ROWS_PREFIX: return p->stream ? BOTH : 0;
    case IR_ROWS_WINDOW:
    case IR_ROWS_INDEX: return BOTH;
    case IR_ROWS_ALL: break;
    }
    if (op->code == IR_rows_like) return 0;
    if (op->code == IR_rows_pick) return pick_needs(p, op);
    bool weighed = op->code == IR_rows_reduce && op->n_operands == 1 &&
                   strcmp(ir_attr_str(&op->attrs, IR_ATTR_fn, ""), "sum") == 0 &&
                   is_zero_there(p, op->operand[0]);
    return weighed ? 0 : BOTH;
}

// A row in front sees nothing under the mask: no key before it, or none at all. *window: of an
// attention under the mask whose rows see no others; 0: there is none.
static bool blinds_front(const padding *p, int64_t *window) {
    bool front = false;
    *window = 0;
    for (size_t i = 0; i < p->c->f->ops.count; i++) {
        const ir_op *op = &p->c->f->ops.items[i];
        if (op->code != IR_nn_attn || op->n_operands < 4 || !is_mask(p, op->operand[3])) continue;
        const ir_ring *ring = ir_ring_find(p->c->m, ir_attr_str(&op->attrs, IR_ATTR_ring, ""));
        if (!ring || ring->mode != IR_RING_CAUSAL) continue;
        front = true;
        if (ring->window) *window = ring->window;
    }
    return front;
}

// What attentions make of an input as their mask, taken together.
typedef struct {
    bool hides_rows, is_length, is_turned, is_straight;
    int64_t band; // keys that a row sees beside others at most, in one that sees not all; 0: none
} uses;

static uses uses_of(const tok_ctx *c, const char *input) {
    uses all = {0};
    for (size_t i = 0; i < c->known_masks.count; i++) {
        const tok_mask *k = &c->known_masks.items[i]->found;
        if (k->key == TOK_NONE) continue;
        int param = tok_at(c, k->key)->param;
        if (strcmp(c->probe[0].f->params.items[param].name, input)) continue;
        all.hides_rows |= k->hides_rows;
        all.is_length |= k->is_length;
        all.is_turned |= k->is_turned;
        all.is_straight |= !k->is_turned;
        if (k->is_band) all.band = k->before + k->after + 1;
    }
    return all;
}

static bool refuse(tok_ctx *c, const ir_port *port, const ir_op *op, const char *why) {
    diag_emit(c->diags, DIAG_ID_tok_mask, DIAG_AT(NULL, op->n_locs ? op->loc[0] : "(no node)"),
              "reads tokens that input '%s' hides elsewhere, %s; bind it to ones (--bind %s=1)",
              port->name, why, port->name);
    return false;
}

// A mask with 1 for what is hidden: its rows are turned by hosts, so nothing else may read them,
// and hidden rows are read, if at all, where they run anyway: in front of a whole sequence.
static bool set_hides(tok_ctx *c, ir_port *port, const padding *p, const uses *by, unsigned needed,
                      const ir_op *reader) {
    int64_t window;
    ir_attr_set_str(c->m->arena, &port->attrs, IR_ATTR_role,
                    ir_word(IR_ENUM_port_role, IR_ROLE_HIDES));
    const bool blind = blinds_front(p, &window) || window || by->band;
    if (needed && (needed & BEHIND || p->stream || blind))
        return refuse(c, port, reader, "and has 1 for what it hides");
    reader = NULL;
    for (size_t i = 0; i < c->f->ops.count; i++) {
        const ir_op *op = &c->f->ops.items[i];
        const bool passes = op->code == IR_t_cast || op->code == IR_t_reshape,
                   attends = op->code == IR_nn_attn || op->code == IR_nn_scores;
        for (uint32_t k = 0; k < op->n_operands; k++)
            if (is_mask(p, op->operand[k]) && !passes && !(attends && k == 3)) reader = op;
    }
    for (size_t i = 0; i < c->f->results.count; i++)
        if (is_mask(p, c->f->results.items[i].value)) reader = ir_def(c->f, p->mask);
    if (!reader && !by->is_straight && !by->is_length) return true;
    diag_emit(c->diags, DIAG_ID_tok_mask, DIAG_AT(NULL, port->name),
              "input '%s' has 1 for what it hides in one place and is read otherwise in another",
              port->name);
    return false;
}

static bool set_role(tok_ctx *c, ir_port *port, int domain) {
    const bool stream = !strcmp(ir_attr_str(&c->m->attrs, IR_ATTR_class, ""), "stream");
    padding p = {c, port->value, ir_domain_root(c->m, domain), stream && domain == 0};
    unsigned all = 0;
    const ir_op *first = NULL;
    for (size_t i = 0; i < c->f->ops.count; i++) {
        unsigned n = needs(&p, &c->f->ops.items[i]);
        if (n && !first) first = &c->f->ops.items[i];
        all |= n;
    }
    const uses by = uses_of(c, port->name);
    if (by.is_turned) return set_hides(c, port, &p, &by, all, first);
    if (by.is_length) { // nothing is hidden in front
        ir_attr_set_str(c->m->arena, &port->attrs, IR_ATTR_role,
                        ir_word(IR_ENUM_port_role, IR_ROLE_LENGTH));
        all &= BEHIND;
    }
    if (!all) return true;
    if (by.is_length) return refuse(c, port, first, "and the export only counts what it shows");
    if (ir_attr_int(&port->attrs, IR_ATTR_uncounted, 0) || (c->facts & TOK_COUNTS_MASK))
        return refuse(c, port, first, "and positions are counted over what it shows");
    if (c->has_past && domain == 0)
        return refuse(c, port, first, "where every attention after a past must take the same mask");
    if (by.hides_rows)
        return refuse(c, port, first, "whose rows it hides from everything: they have no meaning");
    int64_t window;
    bool ones_first = blinds_front(&p, &window) && (all & FRONT);
    if (by.band) window = by.band;
    if (window)
        return refuse(
            c, port, first,
            arena_printf(c->a, "in rows whose window of %" PRId64 " may show nothing", window));
    if (!ones_first && !(all & BEHIND) && !p.stream) return true; // rows in front run anyway
    ir_attr_set_str(c->m->arena, &port->attrs, IR_ATTR_role,
                    ir_word(IR_ENUM_port_role, ones_first ? IR_ROLE_ONES_FIRST : IR_ROLE_WEIGHTS));
    vec_push(&c->m->notes, arena_printf(c->m->arena,
                                        "tokens that '%s' hides run all the same: '%s' "
                                        "reads them",
                                        port->name, first->n_locs ? first->loc[0] : "(no node)"));
    return true;
}

bool tok_padding(tok_ctx *c) {
    bool ok = true;
    for (size_t i = 0; i < c->f->params.count; i++) {
        ir_port *port = &c->f->params.items[i];
        int d = ir_type_domain(ir_type_of(c->f, port->value));
        if (ir_has_role(port, IR_ROLE_MASK) && d >= 0) ok = set_role(c, port, d) && ok;
    }
    return ok;
}
