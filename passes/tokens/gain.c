// Attention in the charge domain: nn.gaincell becomes nn.attn on a ring that is read by charges
// (docs/gain-cells.md). There is no mask to classify: causality, the window and the slot of a token
// (its position mod window, which decides whose charges are added before they saturate) are the
// operation's own. So the ring has the window's slots however few tokens are compiled for, unless a
// shorter window is asked for.
#include "ir/ring.h"
#include "passes/tokens/find_tokens.h"
#include <inttypes.h>
#include <string.h>

enum { SCALINGS = 8 };
static const char *const scaling_names[SCALINGS] = {"a_q", "b_q", "a_k", "b_k",
                                                    "a_v", "b_v", "a_o", "b_o"};

// f32[8, heads]; NULL: reported.
static const char *scalings(tok_ctx *c, uint32_t node, int64_t heads) {
    tensor t = tensor_new(c->m->arena, ELEM_f32, 2, (int64_t[]){SCALINGS, heads});
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
    return tok_make_tensor(c, "scalings", t);
}

// The model's window is `model`; *slots: the ring's, which is the window too.
static bool choose_window(tok_ctx *c, uint32_t node, int domain, int64_t model, int64_t *slots) {
    int64_t rows = c->domain[domain].rows[c->max], asked = c->o->window;
    *slots = asked > 0 ? min_i64(asked, model) : model;
    if (asked > model) {
        tok_note_longer(c, asked, model, true);
    } else if (*slots < min_i64(model, rows)) {
        tok_note(c,
                 "window shortened to %" PRId64
                 " tokens as asked for: this changes what the model means, and which tokens share "
                 "a pair of arrays",
                 asked);
        c->shortened = asked;
    } else if (*slots < model) { // position mod either window is the position itself
        tok_note(c,
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

bool tok_rule_gaincell(tok_ctx *c, uint32_t node) {
    tok_node *n = tok_at(c, node);
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
    const char *symbol = scalings(c, node, heads[0]);
    if (!symbol) return tok_at(c, node)->state = TOK_BAD, false;

    ir_symbol *r = ir_symbol_add(c->m, IR_SYM_RING, arena_printf(c->a, "ring.%zu", c->rings.count));
    ir_ring *x = r->ring;
    char why[IR_RING_TEXT];
    CHECK(ir_ring_read(own, x, why), "%s", why); // the probe was verified
    x->cell.items = arena_copy(c->m->arena, x->cell.items, x->cell.count * sizeof(double));
    x->n_kv = heads[0];
    x->d = d[0];
    x->dv = d[2];
    x->slots = x->window = slots;
    if (forgets) x->full_window = window;
    x->readout = IR_READ_CHARGE;
    x->scalings = symbol;

    uint32_t q = n->operand[0], k = n->operand[1], v = n->operand[2];
    tok_mask mask = {.mode = TOK_MASK_CAUSAL, .window = window, .bias = "none"};
    vec_push(&c->rings, ((tok_ring){r->name, q, k, v, tok_at(c, k)->layout, tok_at(c, v)->layout,
                                    node, mask}));
    tok_proof(c, node,
              "attention in the charge domain by its definition: row q sees keys q-%" PRId64
              " < k <= q, key k in slot k mod %" PRId64 " of arrays of %" PRId64,
              slots, slots, ir_attr_int(own, IR_ATTR_sub_tile, 1));
    ir_val in[3] = {tok_at(c, q)->val, tok_at(c, k)->val, tok_at(c, v)->val};
    ir_attrs attrs = {0};
    ir_attr_set_str(c->a, &attrs, IR_ATTR_ring, r->name);
    ir_val y = tok_emit(c, node, IR_nn_attn, in, 3, &attrs);
    return y != IR_NONE && tok_set_value(c, node, y, &tok_at(c, q)->layout);
}
