// Attention in the charge domain: nn.gaincell becomes nn.attn on a ring that is read by charges
// (docs/gain-cells.md). There is no mask to classify: causality, the window and the slot of a token
// (its position mod window, which decides whose charges are added before they saturate) are the
// operation's own. So the ring has the window's slots however few tokens are compiled for, unless a
// shorter window is asked for.
#include "ir/ring.h"
#include "passes/tokens/constant.h"
#include "passes/tokens/rules/attention.h"
#include "passes/tokens/rules/rules.h"
#include <inttypes.h>

enum { SCALINGS = 8 };
static const char *const scaling_names[SCALINGS] = {"a_q", "b_q", "a_k", "b_k",
                                                    "a_v", "b_v", "a_o", "b_o"};

// f32[8, heads]; NULL: refused.
static const tok_constant *scalings(tok_ctx *c, uint32_t node, int64_t heads) {
    tensor t = tensor_new(c->a, ELEM_f32, 2, (int64_t[]){SCALINGS, heads});
    for (int i = 0; i < SCALINGS; i++) {
        uint32_t id = tok_at(c, node)->operand[3 + i];
        if (!tok_at(c, id)->is_const || !tok_const_same(c, id)) {
            tok_fail(c, node, DIAG_ID_tok_const,
                     "its scaling %s is not a constant (%s): the hardware is set once for all "
                     "tokens",
                     scaling_names[i], tok_name(c, id));
            return NULL;
        }
        const tensor *x = tok_const_at(c, id, 0);
        if (!x) return NULL;
        elem_convert(ELEM_f32, (float *)t.data + i * heads, x->type, x->data, (size_t)heads);
    }
    return tok_constant_new(c, "scalings", t);
}

// The model's window is `model`; *slots: the ring's, which is the window too.
static bool choose_window(tok_ctx *c, uint32_t node, int domain, int64_t model, int64_t *slots) {
    int64_t rows = c->domain[domain].rows[c->max], asked = c->o->window;
    pass_use(c->o, PASS_OPTION_window);
    pass_use(c->o, PASS_OPTION_slots);
    *slots = asked > 0 ? min_i64(asked, model) : model;
    if (asked > model) {
        tok_note_longer(c, node, asked, model, true);
    } else if (*slots < min_i64(model, rows)) {
        tok_note(c, node,
                 "window shortened to %" PRId64
                 " tokens as asked for: this changes what the model means, and which tokens share "
                 "a pair of arrays",
                 asked);
        tok_plan_of(c, node)->facts |= TOK_IS_SHORTENED;
    } else if (*slots < model) { // position mod either window is the position itself
        tok_note(c, node,
                 "rings shortened from %" PRId64 " to %" PRId64
                 " slots as asked for: the model means the same, as no token of %" PRId64
                 " is forgotten",
                 model, asked, rows);
    }
    if (c->o->slots <= 0 || c->o->slots == *slots) return true;
    return tok_fail(c, node, DIAG_ID_tok_window,
                    "a ring of %" PRId64 " slots was asked for, but this model puts the token at "
                    "position p into slot p mod %" PRId64
                    ", and tokens whose slots share an array saturate together: leave --slots out",
                    c->o->slots, *slots);
}

// What the operation says of its cells, on a ring of these sizes.
static ir_ring cells_of(const ir_attrs *own, int64_t heads, int64_t d, int64_t dv, int64_t slots) {
    ir_ring r = ir_ring_new();
    char why[IR_RING_TEXT];
    CHECK(ir_ring_read(own, &r, why), "%s", why); // the probe was verified
    r.n_kv = heads;
    r.d = d;
    r.dv = dv;
    r.slots = r.window = slots;
    r.readout = IR_READ_CHARGE;
    return r;
}

bool tok_rule_gaincell(tok_ctx *c, uint32_t node) {
    const tok_node *n = tok_at(c, node);
    const ir_attrs *own = &n->op->attrs;
    int64_t heads[3], d[3], slots;
    int domain[3];
    for (int i = 0; i < 3; i++)
        if (!tok_head_axes(c, node, n->operand[i], false, &heads[i], &d[i], &domain[i]))
            return false;
    if (domain[1] != domain[0] || domain[2] != domain[0])
        return tok_fail(c, node, DIAG_ID_tok_mix,
                        "queries of domain t%d attend to keys of t%d and values of t%d; gain cells "
                        "attend to the tokens they stored themselves",
                        domain[0], domain[1], domain[2]);
    int64_t window = ir_attr_int(own, IR_ATTR_window, 1);
    if (!choose_window(c, node, domain[0], window, &slots)) return false;
    bool forgets = slots < min_i64(window, c->domain[domain[0]].rows[c->max]);
    const tok_constant *table = scalings(c, node, heads[0]);
    if (!table) return false;
    const tok_mask mask = {.mode = IR_RING_CAUSAL, .window = window};
    tok_ring *ring = tok_ring_add(c, (tok_ring){.node = node,
                                                .q = n->operand[0],
                                                .k = n->operand[1],
                                                .v = n->operand[2],
                                                .is = cells_of(own, heads[0], d[0], d[2], slots),
                                                .scalings = table,
                                                .mask = arena_copy(c->a, &mask, sizeof mask)});
    if (forgets) ring->is.full_window = window;
    tok_proof(c, node,
              "attention in the charge domain by its definition: row q sees keys q-%" PRId64
              " < k <= q, key k in slot k mod %" PRId64 " of arrays of %" PRId64,
              slots, slots, ir_attr_int(own, IR_ATTR_sub_tile, 1));
    tok_ref y =
        tok_step_ring(c, tok_recipe_of(c, node), IR_nn_attn, ring, TOK_NONE, heads[0] * d[2]);
    const tok_layout l = tok_layout_full(&tok_plan_of(c, n->operand[0])->layout);
    return tok_set_rows(c, node, y, &l);
}
