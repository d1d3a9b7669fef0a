// Attention: nn.attention becomes nn.attn on a ring that remembers keys and values.
#include "passes/tokens/rules/attention.h"
#include "ir/ring.h"
#include "passes/tokens/constant.h"
#include "passes/tokens/rules/rules.h"
#include <inttypes.h>
#include <string.h>

bool tok_head_axes(tok_ctx *c, uint32_t node, uint32_t id, bool transposed, int64_t *heads,
                   int64_t *d, int *domain) {
    tok_ref x;
    tok_layout l;
    if (!tok_read_full(c, node, id, &x, &l)) return false;
    int rows_axis = l.rank - (transposed ? 1 : 2), d_axis = l.rank - (transposed ? 2 : 1);
    *heads = *d = 1;
    *domain = tok_layout_domain(&l);
    bool ok = l.rank >= 3 && *domain >= 0;
    for (int i = 0; i < l.count; i++) {
        const tok_atom *a = &l.atom[i];
        if (a->kind == TOK_ROWS)
            ok &= a->axis == rows_axis;
        else if (a->kind == TOK_FEATURE)
            *(a->axis == d_axis ? d : heads) *= a->size;
        if (a->kind == TOK_FEATURE) ok &= a->axis != rows_axis;
    }
    if (ok) return true;
    return tok_fail(c, node, DIAG_ID_tok_mix,
                    "attends over %s: the axis before the last must count tokens",
                    tok_layout_text(c, &l));
}

bool tok_attention_sizes(tok_ctx *c, uint32_t node, uint32_t q, uint32_t k, bool k_transposed,
                         uint32_t v, tok_attention *s) {
    int64_t heads_v, d_k;
    int dk, dv;
    if (!tok_head_axes(c, node, q, false, &s->heads, &s->d, &s->domain) ||
        !tok_head_axes(c, node, k, k_transposed, &s->n_kv, &d_k, &dk) ||
        !tok_head_axes(c, node, v, false, &heads_v, &s->dv, &dv))
        return false;
    s->keys = dk;
    bool cross = tok_domain_root(c, s->domain) == 0 && tok_domain_root(c, dk) == 1;
    if (dv != dk || (dk != s->domain && !cross))
        return tok_fail(c, node, DIAG_ID_tok_mix,
                        "queries of domain t%d attend to keys of t%d and values of t%d: queries, "
                        "keys and values are of one domain, or a decoder's queries (t0) attend to "
                        "an encoder's keys (t1)",
                        s->domain, dk, dv);
    if (heads_v != s->n_kv || s->heads % s->n_kv || d_k != s->d)
        return tok_fail(c, node, DIAG_ID_tok_mix,
                        "%" PRId64 " query heads, %" PRId64 " key heads, %" PRId64 " value heads",
                        s->heads, s->n_kv, heads_v);
    return true;
}

// ---- rings -----------------------------------------------------------------------------------

// Queries of a decoder, keys of an encoder.
static bool is_cross(const tok_attention *s) { return s->domain != s->keys; }

// The encoder's tokens come whole: no window or ring size that is asked for changes that.
static bool is_encoder(const tok_ctx *c, const tok_attention *s) {
    return tok_domain_root(c, s->keys) == 1;
}

void tok_note_longer(tok_ctx *c, uint32_t node, int64_t asked, int64_t most, bool is_window) {
    tok_note(c, node,
             "a window of %" PRId64 " as asked for changes nothing where rows see at most %" PRId64
             " tokens (%s)",
             asked, most, is_window ? "the model's own window" : "all there are: --max-tokens");
}

typedef struct {
    int64_t window; // that a row sees; 0: all
    int64_t slots;
    int64_t full; // tokens a row sees in the model where fewer were asked for; else 0
} extent;

// False: refused.
static bool extent_of(tok_ctx *c, uint32_t node, const tok_attention *s, const tok_mask *k,
                      extent *e) {
    int64_t rows = c->domain[s->keys].rows[c->max], asked = c->o->window;
    *e = (extent){.window = k->window >= rows ? 0 : k->window};
    if (is_encoder(c, s) && k->mode == IR_RING_ALL) {
        e->slots = rows;
        return true;
    }
    pass_use(c->o, PASS_OPTION_window);
    pass_use(c->o, PASS_OPTION_slots);
    int64_t most = e->window ? e->window : rows;
    if (asked > most) tok_note_longer(c, node, asked, most, e->window > 0);
    if (asked > 0 && asked < most) {
        if (k->mode != IR_RING_CAUSAL)
            return tok_fail(c, node, DIAG_ID_tok_window,
                            "a window of %" PRId64 " was asked for, but every row sees all tokens",
                            asked);
        tok_note(c, node,
                 "window shortened to %" PRId64
                 " tokens as asked for: this changes what the model means",
                 asked);
        tok_plan_of(c, node)->facts |= TOK_IS_SHORTENED;
        e->full = most;
        e->window = asked;
    }
    int64_t need = e->window ? e->window : rows;
    e->slots = c->o->slots > 0 ? c->o->slots : need;
    if (e->slots >= need) return true;
    return tok_fail(c, node, DIAG_ID_tok_window,
                    "a ring of %" PRId64 " slots is shorter than the %" PRId64
                    " tokens a row sees: ask for a window (--window %" PRId64
                    ") if the model may forget, or for fewer tokens (--max-tokens)",
                    e->slots, need, e->slots);
}

tok_ring *tok_ring_add(tok_ctx *c, tok_ring r) {
    tok_ring *kept = arena_copy(c->a, &r, sizeof r);
    vec_push(&c->rings, kept);
    return kept;
}

static ir_ring ring_of(const tok_attention *s, const tok_mask *k, const extent *e) {
    ir_ring r = ir_ring_new();
    r.n_kv = s->n_kv;
    r.q_per_kv = s->heads / s->n_kv;
    r.d = s->d;
    r.dv = s->dv;
    r.slots = e->slots;
    r.window = e->window;
    r.full_window = e->full;
    r.mode = is_cross(s) ? IR_RING_CROSS : k->mode;
    r.scale = s->scale;
    r.softcap = s->softcap;
    r.bias = k->bias;
    if (s->is_hard) {
        r.act = IR_ACT_HARDSIGMOID;
        r.alpha = s->alpha;
        r.beta = s->beta;
    }
    return r;
}

static void prove(tok_ctx *c, uint32_t node, const tok_attention *s, const tok_mask *k,
                  int64_t window) {
    int64_t rows = c->domain[s->keys].rows[c->max];
    const char *at = arena_printf(c->a, "%" PRId64 " tokens", rows);
    if (k->is_shift)
        at = arena_printf(c->a, "%s, where it is a function of k - q", at);
    else if (k->looked_at)
        at = arena_printf(c->a, "%" PRId64 " rows of %s", k->looked_at, at);
    if (is_cross(s)) {
        tok_proof(c, node, "every row of the decoder sees every key of the encoder, checked at %s",
                  at);
    } else if (k->is_band) {
        tok_whole(c, node, "every row attends to tokens behind it");
        tok_proof(c, node, "row q sees keys q-%" PRId64 " <= k <= q+%" PRId64 ", checked at %s",
                  k->before, k->after, at);
    } else if (k->mode == IR_RING_ALL) {
        tok_whole(c, node, "every row attends to all tokens");
        tok_proof(c, node, "every row sees every key, checked at %s", at);
    } else if (window) {
        tok_proof(c, node, "row q sees keys q-%" PRId64 " < k <= q, checked at %s", window, at);
    } else {
        tok_proof(c, node, "row q sees keys k <= q, checked at %s", at);
    }
    if (s->is_hard)
        tok_proof(c, node,
                  "its probabilities are a hard sigmoid of scores, min(max(%g s + %g, 0), 1)",
                  s->alpha, s->beta);
    if (s->sink) tok_proof(c, node, "a sink of one score a head takes part in its softmax");
}

tok_ref tok_step_ring(tok_ctx *c, tok_recipe *r, ir_opcode code, tok_ring *ring, uint32_t key,
                      int64_t width) {
    tok_ref in[4];
    size_t n = 0;
    const uint32_t operand[] = {ring->q, ring->k, ring->v};
    for (; n < ARRAY_LEN(operand); n++) in[n] = tok_take_full(c, r->node, operand[n]);
    if (key != TOK_NONE) in[n++] = tok_take(c, key);
    tok_ref v = tok_step_typed(c, r, code, in, n, NULL,
                               tok_row_type(ELEM_f32, ir_type_domain(&in[0].type), width));
    r->step[r->count - 1].ring = ring;
    return v;
}

// The mask of keys, if there is one, has a row for each of them. False: refused.
static bool takes_key(tok_ctx *c, uint32_t node, const tok_attention *s, const tok_mask *m) {
    if (m->is_counted) tok_plan_of(c, node)->facts |= TOK_COUNTS_MASK;
    if (m->key == TOK_NONE) return true;
    const tok_plan *key = tok_plan_of(c, m->key);
    return (key->kind == TOK_VALUE && tok_layout_domain(&key->layout) == s->keys) ||
           tok_fail(c, node, DIAG_ID_tok_mask,
                    "its key mask %s does not run along the keys' tokens", tok_name(c, m->key));
}

bool tok_attend(tok_ctx *c, uint32_t node, uint32_t q, uint32_t k, uint32_t v,
                const tok_attention *s, const tok_mask *m) {
    extent e;
    if (!extent_of(c, node, s, m, &e)) return false;
    prove(c, node, s, m, e.window);
    if (!takes_key(c, node, s, m)) return false;
    tok_mask own = *m; // the model's, should a shorter window have been asked for
    if (!e.full) own.window = e.window;
    tok_ring *ring = tok_ring_add(c, (tok_ring){.node = node,
                                                .q = q,
                                                .k = k,
                                                .v = v,
                                                .is = ring_of(s, m, &e),
                                                .table = m->table,
                                                .sink = s->sink,
                                                .mask = arena_copy(c->a, &own, sizeof own)});
    tok_ref y =
        tok_step_ring(c, tok_recipe_of(c, node), IR_nn_attn, ring, m->key, s->heads * s->dv);
    const tok_layout full = tok_layout_full(&tok_plan_of(c, q)->layout);
    tok_layout rest = tok_layout_without_axis(&full, full.rank - 1);
    tok_layout l = tok_layout_with_features(&rest, full.rank - 1, s->dv);
    tok_layout_tidy(&l);
    return tok_set_rows(c, node, y, &l);
}

// ---- nn.attention ----------------------------------------------------------------------------

// The activation of an nn.attention. False: refused.
static bool activation_of(tok_ctx *c, uint32_t node, tok_attention *s) {
    const tok_node *n = tok_at(c, node);
    s->is_hard = strcmp(ir_attr_str(&n->op->attrs, IR_ATTR_act, "softmax"), "hardsigmoid") == 0;
    s->alpha = ir_attr_float(&n->op->attrs, IR_ATTR_alpha, 1);
    s->beta = ir_attr_float(&n->op->attrs, IR_ATTR_beta, 0);
    if (n->n_operands < 5 || n->operand[4] == TOK_NONE) return true;
    if (!tok_at(c, n->operand[4])->is_const)
        return tok_fail(c, node, DIAG_ID_tok_const, "its sink is not a constant (%s)",
                        tok_name(c, n->operand[4]));
    s->sink = tok_const_whole(c, n->operand[4], node, 1, &s->heads);
    return s->sink != NULL;
}

// One query that the model has learned (SigLIP's pooling): every token asks it, of whom the first
// is heard. *s: its heads and widths. False: refused.
static bool learned_query(tok_ctx *c, uint32_t node, tok_recipe *r, tok_attention *s, tok_ref *q) {
    const tok_node *n = tok_at(c, node);
    int64_t heads_v, d_k;
    int dv;
    const tensor *t = tok_const_at(c, n->operand[0], 0);
    if (!t || !tok_head_axes(c, node, n->operand[1], false, &s->n_kv, &d_k, &s->keys) ||
        !tok_head_axes(c, node, n->operand[2], false, &heads_v, &s->dv, &dv))
        return false;
    const int64_t width = (int64_t)tensor_count(t);
    s->domain = s->keys;
    s->d = t->rank ? t->dim[t->rank - 1] : 0;
    s->heads = s->d ? width / s->d : 0;
    if (t->rank < 3 || t->dim[t->rank - 2] != 1 || t->dim[0] != 1)
        return tok_fail(c, node, DIAG_ID_tok_mix,
                        "queries that depend on no input, %s: one is supported, not several",
                        tensor_shape_text(c->a, t));
    if (dv != s->keys || heads_v != s->n_kv || s->heads % s->n_kv || d_k != s->d)
        return tok_fail(c, node, DIAG_ID_tok_mix,
                        "%" PRId64 " query heads, %" PRId64 " key heads, %" PRId64 " value heads",
                        s->heads, s->n_kv, heads_v);
    if (!tok_const_whole(c, n->operand[0], node, 1, &width)) return false;
    // A table by position whose rows are alike.
    const int64_t most = c->domain[s->keys].rows[c->max];
    tensor rows = tensor_new(c->a, ELEM_f32, 2, (int64_t[]){most, width});
    for (int64_t i = 0; i < most * width; i++)
        elem_store_f64(ELEM_f32, rows.data, (size_t)i,
                       elem_load_f64(t->type, t->data, (size_t)(i % width)));
    const tok_ref table = tok_step_constant(c, r, tok_constant_new(c, "query", rows));
    *q =
        tok_step_typed(c, r, IR_nn_posrow, &table, 1, NULL, tok_row_type(ELEM_f32, s->keys, width));
    return true;
}

static bool attend_learned(tok_ctx *c, uint32_t node, tok_attention *s, tok_mask_query *of) {
    const tok_node *n = tok_at(c, node);
    tok_recipe *r = tok_recipe_of(c, node);
    tok_ref in[4] = {0};
    tok_mask m;
    extent e;
    if (!learned_query(c, node, r, s, &in[0]) || !activation_of(c, node, s)) return false;
    of->heads = s->heads;
    of->queries = of->keys = s->keys;
    if (of->is_causal || !tok_mask_find(c, node, of, &m) || m.mode != IR_RING_ALL || m.table)
        return tok_fail(c, node, DIAG_ID_tok_mask, "a learned query must see every token alike");
    if (!extent_of(c, node, s, &m, &e) || !takes_key(c, node, s, &m)) return false;
    prove(c, node, s, &m, e.window);
    tok_whole(c, node, "a learned query attends to all tokens");
    size_t count = 3;
    for (size_t i = 1; i < 3; i++) in[i] = tok_take_full(c, node, n->operand[i]);
    if (m.key != TOK_NONE) in[count++] = tok_take(c, m.key);
    tok_ring *ring = tok_ring_add(c, (tok_ring){.node = node,
                                                .k = n->operand[1],
                                                .v = n->operand[2],
                                                .is = ring_of(s, &m, &e),
                                                .sink = s->sink,
                                                .mask = arena_copy(c->a, &m, sizeof m)});
    const int64_t width = s->heads * s->dv;
    tok_ref y =
        tok_step_typed(c, r, IR_nn_attn, in, count, NULL, tok_row_type(ELEM_f32, s->keys, width));
    r->step[r->count - 1].ring = ring;
    ir_attrs attrs = {0};
    ir_attr_set_str(c->a, &attrs, IR_ATTR_which, "first");
    y = tok_step_typed(c, r, IR_rows_pick, &y, 1, &attrs,
                       tok_row_type(ELEM_f32, tok_domain_one(c), width));
    const int rank = tok_type(c, node, 0)->rank;
    tok_layout l = {.rank = rank};
    tok_layout_push(&l, (tok_atom){TOK_FEATURE, rank - 3, 0, s->heads, 1, false});
    tok_layout_push(&l, (tok_atom){TOK_FEATURE, rank - 1, 0, s->dv, 1, false});
    tok_layout_tidy(&l);
    return tok_set_rows(c, node, y, &l);
}

bool tok_rule_attention(tok_ctx *c, uint32_t node) {
    const tok_node *n = tok_at(c, node);
    const ir_attrs *attrs = &n->op->attrs;
    uint32_t q = n->operand[0], k = n->operand[1], v = n->operand[2];
    tok_mask_query of = {.mask = n->n_operands > 3 ? n->operand[3] : TOK_NONE,
                         .is_causal = ir_attr_int(attrs, IR_ATTR_causal, 0) != 0,
                         .window = ir_attr_int(attrs, IR_ATTR_window, 0)};
    tok_attention s = {.scale = ir_attr_float(attrs, IR_ATTR_scale, 1),
                       .softcap = ir_attr_float(attrs, IR_ATTR_softcap, 0)};
    tok_evaluates(c, node, of.mask);
    if (tok_at(c, q)->is_const) return attend_learned(c, node, &s, &of);
    if (!tok_attention_sizes(c, node, q, k, false, v, &s) || !activation_of(c, node, &s))
        return false;
    of.heads = s.heads;
    of.queries = s.domain;
    of.keys = s.keys;
    tok_mask m;
    return tok_mask_find(c, node, &of, &m) && tok_attend(c, node, q, k, v, &s, &m);
}
