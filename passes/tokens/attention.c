// Attention: nn.attention becomes nn.attn on a ring that remembers keys and values; rotary tables
// become tables by position. Attention that fuse left in pieces, because its probabilities are an
// output too, is put together here.
#include "ir/ring.h"
#include "passes/tokens/find_tokens.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

bool tok_head_axes(tok_ctx *c, uint32_t node, uint32_t id, bool transposed, int64_t *heads,
                   int64_t *d, int *domain) {
    tok_node *x = tok_at(c, id);
    if (!tok_is_rows(c, node, id)) return false;
    if (tok_rows(c, id) == IR_NONE) return tok_at(c, node)->state = TOK_BAD, false;
    const tok_layout *l = &x->layout;
    int rows_axis = l->rank - (transposed ? 1 : 2), d_axis = l->rank - (transposed ? 2 : 1);
    *heads = *d = 1;
    *domain = tok_layout_domain(l);
    bool ok = l->rank >= 3 && *domain >= 0;
    for (int i = 0; i < l->count; i++) {
        const tok_atom *a = &l->atom[i];
        if (a->kind == TOK_ROWS)
            ok &= a->axis == rows_axis;
        else if (a->kind == TOK_FEATURE)
            *(a->axis == d_axis ? d : heads) *= a->size;
        if (a->kind == TOK_FEATURE) ok &= a->axis != rows_axis;
    }
    if (ok) return true;
    return tok_fail(c, node, DIAG_ID_tok_mix,
                    "attends over %s: the axis before the last must count tokens",
                    tok_layout_text(c, l));
}

// ---- rotary positions ------------------------------------------------------------------------

// A table by position id: the value computed at ids 0, 1, 2 ... of the maximum. Checked at the
// first probe with ids in another order.
static const char *position_table(tok_ctx *c, uint32_t node, uint32_t user, int64_t width,
                                  int *param) {
    if (tok_at(c, node)->deps != TOK_DEP_POSITIONS) {
        tok_fail(c, user, DIAG_ID_tok_positions,
                 "its rotary angles depend on more than positions (%s)", tok_name(c, node));
        return NULL;
    }
    arena *a = arena_new();
    tensor out[2];
    int64_t *id[2];
    bool ok = true;
    *param = -1;
    for (int pass = 0; ok && pass < 2; pass++) { // the maximum, then the first probe
        tok_probe *p = &c->probe[pass ? 0 : c->max];
        const tensor **params = ARENA_ARRAY(a, const tensor *, p->f->params.count + 1);
        for (size_t i = 0; i < p->f->params.count; i++) {
            if (strcmp(tok_role(c, p->f, i), "positions")) continue;
            const ir_type *t = ir_type_of(p->f, p->f->params.items[i].value);
            tensor *x = ARENA_NEW(a, tensor);
            *x = tensor_new(a, t->type, t->rank, t->dim);
            int64_t n = t->rank ? t->dim[t->rank - 1] : 1;
            id[pass] = ARENA_ARRAY(a, int64_t, n + 1);
            for (int64_t k = 0; k < n; k++) id[pass][k] = pass ? k * 7 % n : k;
            for (size_t k = 0; k < tensor_count(x); k++)
                elem_store_i64(x->type, x->data, k, id[pass][(int64_t)k % n]);
            params[i] = x;
            *param = (int)i;
        }
        ok = tok_eval(c, p, tok_at(c, node)->v[pass ? 0 : c->max], params, a, &out[pass]);
    }
    const char *symbol = NULL;
    int64_t rows = ok && *param >= 0 ? c->domain[0].rows[c->max] : 0;
    if (rows && (int64_t)tensor_count(&out[0]) == rows * width && out[0].type == ELEM_f32) {
        const float *table = out[0].data, *probe = out[1].data;
        for (int64_t r = 0; ok && r < c->domain[0].rows[0]; r++)
            ok = memcmp(probe + r * width, table + id[1][r] * width,
                        (size_t)width * sizeof(float)) == 0;
        if (ok) {
            tensor kept = tensor_new(c->m->arena, ELEM_f32, 2, (int64_t[]){rows, width});
            memcpy(kept.data, table, (size_t)(rows * width) * sizeof(float));
            symbol = tok_make_tensor(c, "rotary", kept);
        }
    }
    if (!symbol)
        tok_fail(c, user, DIAG_ID_tok_positions,
                 "its rotary angles are no table by position id (%s)", tok_name(c, node));
    else
        tok_proof(c, user, "rotary angles are a table by position id");
    arena_free(a);
    return symbol;
}

// cos or sin, [T, r/2].
static const char *angle_table(tok_ctx *c, uint32_t id, uint32_t user, int domain, int *param) {
    const ir_type *t = tok_type(c, id, 0);
    if (!tok_at(c, id)->is_const) return position_table(c, id, user, t->dim[1], param);
    tok_layout l = {.rank = 2}, own;
    tok_layout_push(&l, (tok_atom){TOK_ROWS, 0, domain, 0, 1, false});
    tok_layout_push(&l, (tok_atom){TOK_FEATURE, 1, 0, t->dim[1], 1, false});
    tok_layout_tidy(&l);
    bool is_row;
    if (!tok_const_layout(c, id, user, &l, &own)) return NULL;
    const char *s = tok_const_table(c, id, user, &own, &is_row);
    if (!s || !is_row) return s;
    const tensor *row = &ir_symbol_find(c->m, s)->data;
    int64_t rows = c->domain[domain].rows[c->max], w = (int64_t)tensor_count(row);
    tensor full = tensor_new(c->m->arena, row->type, 2, (int64_t[]){rows, w});
    for (int64_t r = 0; r < rows; r++)
        memcpy((char *)full.data + (size_t)(r * w) * elem_bytes(row->type), row->data,
               tensor_bytes(row));
    return tok_make_tensor(c, "angles", full);
}

bool tok_rule_rope(tok_ctx *c, uint32_t node) {
    tok_node *n = tok_at(c, node);
    int64_t heads, d;
    int domain, param[2] = {-1, -1};
    if (!tok_head_axes(c, node, n->operand[0], false, &heads, &d, &domain)) return false;
    const char *cosine = angle_table(c, n->operand[1], node, domain, &param[0]);
    const char *sine = cosine ? angle_table(c, n->operand[2], node, domain, &param[1]) : NULL;
    if (!sine) return tok_at(c, node)->state = TOK_BAD, false;
    if (param[0] != param[1])
        return tok_fail(c, node, DIAG_ID_tok_positions,
                        "its cosine and sine follow different positions");
    ir_attrs attrs = ir_attrs_copy(c->a, &n->op->attrs);
    ir_attr_set_int(c->a, &attrs, IR_ATTR_heads, heads);
    tok_node *x = tok_at(c, n->operand[0]);
    ir_val in[4] = {x->val, tok_const_op(c, node, cosine), tok_const_op(c, node, sine)};
    size_t count = 3;
    if (param[0] >= 0) {
        uint32_t p = tok_param_node(c, param[0]);
        in[count++] = tok_param(c, p);
        int64_t rows = c->domain[0].rows[c->max], *hi = &c->range_hi[param[0]];
        if (!*hi || rows < *hi) *hi = rows;
    }
    ir_val v = tok_emit(c, node, IR_nn_rotate, in, count, &attrs);
    return v != IR_NONE && tok_set_value(c, node, v, &x->layout);
}

// ---- rings -----------------------------------------------------------------------------------

typedef struct {
    int64_t heads, n_kv, d, dv;
    int domain, keys; // of queries; of keys and values
    double scale, softcap;
    bool is_hard; // hard sigmoid in place of softmax
    double alpha, beta;
    const char *sink; // symbol; NULL: none
} shape;

// Queries of a decoder, keys of an encoder.
static bool is_cross(const shape *s) { return s->domain != s->keys; }

// The encoder's tokens come whole: no window or ring size that is asked for changes that.
static bool is_encoder(const tok_ctx *c, const shape *s) {
    return tok_domain_root(c, s->keys) == 1;
}

void tok_note_longer(tok_ctx *c, int64_t asked, int64_t most, bool is_window) {
    tok_note(c,
             "a window of %" PRId64 " as asked for changes nothing where rows see at most %" PRId64
             " tokens (%s)",
             asked, most, is_window ? "the model's own window" : "all there are: --max-tokens");
}

// *full: tokens a row sees in the model where fewer were asked for; else 0.
static bool apply_window(tok_ctx *c, uint32_t node, const shape *s, tok_mask *k, int64_t *slots,
                         int64_t *full) {
    int64_t rows = c->domain[s->keys].rows[c->max], asked = c->o->window;
    if (k->window >= rows) k->window = 0;
    if (is_encoder(c, s) && k->mode == TOK_MASK_ALL) {
        *slots = rows;
        return true;
    }
    int64_t most = k->window ? k->window : rows;
    if (asked > most) tok_note_longer(c, asked, most, k->window > 0);
    if (asked > 0 && asked < most) {
        if (k->mode != TOK_MASK_CAUSAL)
            return tok_fail(c, node, DIAG_ID_tok_window,
                            "a window of %" PRId64 " was asked for, but every row sees all tokens",
                            asked);
        tok_note(c,
                 "window shortened to %" PRId64
                 " tokens as asked for: this changes what the model means",
                 asked);
        *full = most;
        k->window = asked;
        c->shortened = asked;
    }
    int64_t need = k->window ? k->window : rows;
    *slots = c->o->slots > 0 ? c->o->slots : need;
    if (*slots < need)
        return tok_fail(c, node, DIAG_ID_tok_window,
                        "a ring of %" PRId64 " slots is shorter than the %" PRId64
                        " tokens a row sees: ask for a window (--window %" PRId64
                        ") if the model may forget, or for fewer tokens (--max-tokens)",
                        *slots, need, *slots);
    return true;
}

static const char *ring_make(tok_ctx *c, uint32_t node, const shape *s, tok_mask *k) {
    int64_t slots = 0, full = 0;
    if (!apply_window(c, node, s, k, &slots, &full)) return NULL;
    ir_symbol *r = ir_symbol_add(c->m, IR_SYM_RING, arena_printf(c->a, "ring.%zu", c->rings.count));
    ir_ring *x = r->ring;
    int bias;
    CHECK(ir_word_parse(IR_ENUM_ring_bias, k->bias, &bias), "bias '%s'", k->bias);
    x->n_kv = s->n_kv;
    x->q_per_kv = s->heads / s->n_kv;
    x->d = s->d;
    x->dv = s->dv;
    x->slots = slots;
    x->window = k->window;
    x->full_window = full;
    x->mode = is_cross(s)                  ? IR_RING_CROSS
              : k->mode == TOK_MASK_CAUSAL ? IR_RING_CAUSAL
                                           : IR_RING_ALL;
    x->scale = s->scale;
    x->softcap = s->softcap;
    if (s->is_hard) {
        x->act = IR_ACT_HARDSIGMOID;
        x->alpha = s->alpha;
        x->beta = s->beta;
    }
    x->sink = s->sink;
    x->bias = (ir_ring_bias)bias;
    x->table = k->table;
    return r->name;
}

static void prove(tok_ctx *c, uint32_t node, const shape *s, const tok_mask *k) {
    int64_t rows = c->domain[s->keys].rows[c->max];
    if (is_cross(s)) {
        tok_proof(c, node,
                  "every row of the decoder sees every key of the encoder, checked at %" PRId64
                  " tokens",
                  rows);
    } else if (k->mode == TOK_MASK_ALL) {
        tok_whole(c, node, "every row attends to all tokens");
        tok_proof(c, node, "every row sees every key, checked at %" PRId64 " tokens", rows);
    } else if (k->window) {
        tok_proof(c, node, "row q sees keys q-%" PRId64 " < k <= q, checked at %" PRId64 " tokens",
                  k->window, rows);
    } else {
        tok_proof(c, node, "row q sees keys k <= q, checked at %" PRId64 " tokens", rows);
    }
    if (s->is_hard)
        tok_proof(c, node,
                  "its probabilities are a hard sigmoid of scores, min(max(%g s + %g, 0), 1)",
                  s->alpha, s->beta);
    if (s->sink) tok_proof(c, node, "a sink of one score a head takes part in its softmax");
}

// The activation of an nn.attention. False: reported.
static bool activation_of(tok_ctx *c, uint32_t node, shape *s) {
    const tok_node *n = tok_at(c, node);
    s->is_hard = strcmp(ir_attr_str(&n->op->attrs, IR_ATTR_act, "softmax"), "hardsigmoid") == 0;
    s->alpha = ir_attr_float(&n->op->attrs, IR_ATTR_alpha, 1);
    s->beta = ir_attr_float(&n->op->attrs, IR_ATTR_beta, 0);
    if (n->n_operands < 5 || n->operand[4] == TOK_NONE) return true;
    if (!tok_at(c, n->operand[4])->is_const)
        return tok_fail(c, node, DIAG_ID_tok_const, "its sink is not a constant (%s)",
                        tok_name(c, n->operand[4]));
    s->sink = tok_const_symbol(c, n->operand[4], node, 1, &s->heads);
    return s->sink != NULL;
}

// nn.attn on a ring of its own.
static ir_val attend(tok_ctx *c, uint32_t node, uint32_t q, uint32_t k, uint32_t v, const shape *s,
                     tok_mask *m) {
    tok_mask own = *m; // the model's, should a shorter window have been asked for
    const char *ring = ring_make(c, node, s, m);
    if (!ring) return IR_NONE;
    if (m->window != c->shortened) own.window = m->window;
    prove(c, node, s, m);
    tok_ring made = {ring, q, k, v, tok_at(c, k)->layout, tok_at(c, v)->layout, node, own};
    vec_push(&c->rings, made);
    ir_val in[4] = {tok_at(c, q)->val, tok_at(c, k)->val, tok_at(c, v)->val};
    size_t n = 3;
    if (m->key != TOK_NONE) {
        const tok_layout *l = &tok_at(c, m->key)->layout;
        if (tok_at(c, m->key)->state != TOK_VALUE || tok_layout_domain(l) != s->keys) {
            tok_fail(c, node, DIAG_ID_tok_mask,
                     "its key mask %s does not run along the keys' tokens", tok_name(c, m->key));
            return IR_NONE;
        }
        in[n++] = tok_param(c, m->key);
    }
    ir_attrs attrs = {0};
    ir_attr_set_str(c->a, &attrs, IR_ATTR_ring, ring);
    return tok_emit(c, node, IR_nn_attn, in, n, &attrs);
}

static bool shape_of(tok_ctx *c, uint32_t node, uint32_t q, uint32_t k, bool k_transposed,
                     uint32_t v, shape *s) {
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

bool tok_rule_attention(tok_ctx *c, uint32_t node) {
    tok_node *n = tok_at(c, node);
    shape s = {0};
    if (!shape_of(c, node, n->operand[0], n->operand[1], false, n->operand[2], &s)) return false;
    s.scale = ir_attr_float(&n->op->attrs, IR_ATTR_scale, 1);
    s.softcap = ir_attr_float(&n->op->attrs, IR_ATTR_softcap, 0);
    if (!activation_of(c, node, &s)) return false;
    tok_mask_query of = {.mask = n->n_operands > 3 ? n->operand[3] : TOK_NONE,
                         .heads = s.heads,
                         .queries = s.domain,
                         .keys = s.keys,
                         .is_causal = ir_attr_int(&n->op->attrs, IR_ATTR_causal, 0) != 0,
                         .window = ir_attr_int(&n->op->attrs, IR_ATTR_window, 0)};
    tok_mask m;
    if (!tok_mask_find(c, node, &of, &m)) return false;
    ir_val v = attend(c, node, n->operand[0], n->operand[1], n->operand[2], &s, &m);
    if (v == IR_NONE) return tok_at(c, node)->state = TOK_BAD, false;
    const tok_layout *q = &tok_at(c, n->operand[0])->layout;
    tok_layout l = {.rank = q->rank};
    for (int i = 0; i < q->count; i++)
        if (q->atom[i].axis != q->rank - 1) tok_layout_push(&l, q->atom[i]);
    tok_layout_push(&l, (tok_atom){TOK_FEATURE, q->rank - 1, 0, s.dv, 1, false});
    tok_layout_tidy(&l);
    return tok_set_value(c, node, v, &l);
}

// ---- attention in pieces ---------------------------------------------------------------------

static bool is_scores(const tok_ctx *c, uint32_t id) {
    return id != TOK_NONE && tok_at(c, id)->state == TOK_SCORES;
}

// A mask: depends on no activations.
static bool is_mask(const tok_ctx *c, uint32_t id) {
    return tok_at(c, id)->is_const || !(tok_at(c, id)->deps & TOK_DEP_DATA);
}

bool tok_scores_elementwise(tok_ctx *c, uint32_t node, bool *handled) {
    tok_node *n = tok_at(c, node);
    uint32_t at = UINT32_MAX;
    *handled = false;
    for (uint32_t k = 0; k < n->n_operands; k++)
        if (is_scores(c, n->operand[k])) at = k;
    if (at == UINT32_MAX) return true;
    *handled = true;
    const tok_node *x = tok_at(c, n->operand[at]);
    tok_score s = *x->score;
    uint32_t other = n->n_operands == 2 ? n->operand[1 - at] : TOK_NONE;
    double v;
    bool ok = false;
    switch (n->op->code) {
    case IR_t_mul:
    case IR_t_div:
        ok = s.mask == TOK_NONE && tok_const_scalar(c, other, &v) &&
             (n->op->code == IR_t_mul || at == 0);
        if (ok) s.scale = n->op->code == IR_t_mul ? s.scale * v : s.scale / v;
        break;
    case IR_t_add:
        ok = s.mask == TOK_NONE && other != TOK_NONE && is_mask(c, other);
        s.mask = other;
        break;
    case IR_t_select: // visible ? scores : a large negative number
        ok = s.mask == TOK_NONE && at == 1 && is_mask(c, n->operand[0]) &&
             tok_const_scalar(c, n->operand[2], &v) && v <= -1e4;
        s.mask = n->operand[0];
        break;
    default: break;
    }
    if (!ok)
        return tok_fail(c, node, DIAG_ID_tok_mix,
                        "'%s' on attention scores: only scale, one mask, softmax",
                        ir_ops[n->op->code].name);
    n->state = TOK_SCORES;
    n->score = arena_copy(c->a, &s, sizeof s);
    n->layout = x->layout;
    return true;
}

bool tok_scores_softmax(tok_ctx *c, uint32_t node) {
    tok_node *n = tok_at(c, node), *x = tok_at(c, n->operand[0]);
    int rank = tok_type(c, node, 0)->rank;
    if (n->op->code != IR_t_softmax ||
        ir_attr_int(&n->op->attrs, IR_ATTR_axis, rank - 1) != rank - 1)
        return tok_fail(c, node, DIAG_ID_tok_mix,
                        "attention scores normalised over another axis than keys");
    n->state = TOK_PROBS;
    n->score = x->score;
    n->layout = x->layout;
    return true;
}

bool tok_scores_mix(tok_ctx *c, uint32_t node) {
    tok_node *n = tok_at(c, node);
    const tok_score *p = tok_at(c, n->operand[0])->score;
    shape s = {.scale = p->scale};
    if (!shape_of(c, node, p->q, p->k, true, n->operand[1], &s)) return false;
    tok_mask m;
    tok_mask_query of = {.mask = p->mask, .heads = s.heads, .queries = s.domain, .keys = s.keys};
    n->score = arena_copy(c->a, p, sizeof *p);
    if (!tok_mask_find(c, node, &of, &m)) return false;
    ir_val v = attend(c, node, p->q, p->k, n->operand[1], &s, &m);
    if (v == IR_NONE) return tok_at(c, node)->state = TOK_BAD, false;
    const tok_layout *q = &tok_at(c, p->q)->layout;
    tok_layout l = {.rank = q->rank};
    for (int i = 0; i < q->count; i++)
        if (q->atom[i].axis != q->rank - 1) tok_layout_push(&l, q->atom[i]);
    tok_layout_push(&l, (tok_atom){TOK_FEATURE, q->rank - 1, 0, s.dv, 1, false});
    tok_layout_tidy(&l);
    return tok_set_value(c, node, v, &l);
}

// The probabilities [T, H*slots] of a softmax that is an output, read off the ring of the attention
// that mixes with them. The layout's last axis counts keys.
bool tok_probs_output(tok_ctx *c, uint32_t node, ir_val *out, tok_layout *l) {
    tok_node *n = tok_at(c, node);
    const tok_score *p = n->score;
    const tok_ring *r = NULL;
    for (size_t i = 0; i < c->rings.count; i++) {
        const tok_ring *x = &c->rings.items[i];
        if (tok_base_of(c, x->k) == tok_base_of(c, p->k) &&
            tok_base_of(c, x->q) == tok_base_of(c, p->q) &&
            tok_near((float)ir_ring_find(c->m, x->name)->scale, (float)p->scale))
            r = x;
    }
    if (!r)
        return tok_fail(c, node, DIAG_ID_tok_out,
                        "probabilities of an attention that no values are mixed with");
    shape s = {.scale = p->scale};
    if (!shape_of(c, node, p->q, p->k, true, r->v, &s)) return false;
    tok_mask_query of = {.mask = p->mask, .heads = s.heads, .queries = s.domain, .keys = s.keys};
    tok_mask m;
    if (!tok_mask_find(c, node, &of, &m)) return false;
    if (m.mode != r->mask.mode || m.window != r->mask.window || m.key != r->mask.key)
        return tok_fail(c, node, DIAG_ID_tok_out,
                        "probabilities under another mask than the attention's");
    ir_val in[4] = {tok_at(c, p->q)->val, tok_at(c, p->k)->val, tok_at(c, r->v)->val};
    size_t count = 3;
    if (m.key != TOK_NONE) in[count++] = tok_param(c, m.key);
    ir_attrs attrs = {0};
    ir_attr_set_str(c->a, &attrs, IR_ATTR_ring, r->name);
    *out = tok_emit(c, node, IR_nn_scores, in, count, &attrs);
    if (*out == IR_NONE) return false;
    *l = (tok_layout){.rank = n->layout.rank};
    for (int i = 0; i < n->layout.count; i++)
        if (n->layout.atom[i].axis != n->layout.rank - 1) tok_layout_push(l, n->layout.atom[i]);
    // Both the query's and the key's axis count tokens.
    tok_layout_push(l, (tok_atom){TOK_ROWS, n->layout.rank - 1, s.keys, 0, 1, false});
    return true;
}
