// What may a row see? (worked-examples §1.3, steps 5 and 6)
//
// A mask is evaluated, never matched: at the maximum it must be one of {all, causal, causal with a
// window}, plus a bias that is none, linear in the key (ALiBi), a function of k - q (Toeplitz) or,
// for a frozen length, any; and the probes must agree with that prediction. A mask that depends on
// a boolean input m is evaluated for m = 1 (the above), m = 0 (nothing visible) and seeded m:
// visible(q, k) must be C(q, k) and m[k], except in rows that m itself hides.
#include "passes/tokens/rules/mask.h"
#include "support/num/random.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

// ---- inputs ----------------------------------------------------------------------------------

void tok_params_of(const tok_ctx *c, const tok_probe *p, ir_val v, bool *reached) {
    const ir_func *f = p->f;
    bool *needed = ARENA_ARRAY(c->a, bool, f->values.count);
    needed[v] = true;
    for (size_t i = f->ops.count; i-- > 0;) {
        const ir_op *op = &f->ops.items[i];
        bool any = false;
        for (uint32_t k = 0; k < op->n_results; k++)
            any |= needed[op->result[k]] && p->deps[op->result[k]];
        for (uint32_t k = 0; any && k < op->n_operands; k++) needed[op->operand[k]] = true;
    }
    for (size_t i = 0; i < f->params.count; i++) reached[i] = needed[f->params.items[i].value];
    needed[IR_NONE] = false;
}

static bool inputs_of(tok_ctx *c, uint32_t user, tok_probe *p, ir_val v, tok_mask_inputs *in) {
    *in = (tok_mask_inputs){.key = -1};
    if (p->is_const[v]) return true;
    bool *reached = ARENA_ARRAY(c->a, bool, p->f->params.count + 1);
    tok_params_of(c, p, v, reached);
    for (size_t i = 0; i < p->f->params.count; i++) {
        if (!reached[i] || !ir_type_width(ir_type_of(p->f, p->f->params.items[i].value))) continue;
        const char *name = p->f->params.items[i].name, *role = tok_role(c, p->f, i);
        if (strcmp(role, "positions") == 0) {
            in->positions = true;
        } else if (strcmp(role, "mask")) {
            return tok_fail(
                c, user, DIAG_ID_tok_mask,
                "its mask or bias depends on input '%s': a bias computed from activations or "
                "ids is not supported; give the mask as an input of its own",
                name);
        } else if (in->key >= 0) {
            return tok_fail(c, user, DIAG_ID_tok_mask,
                            "its mask depends on two masks, '%s' and '%s'",
                            p->f->params.items[in->key].name, name);
        } else {
            in->key = (int)i;
        }
    }
    return true;
}

double tok_told_element(const tok_input *in, const ir_type *t, size_t k) {
    int64_t keys = t->rank > 0 ? t->dim[t->rank - 1] : 1,
            rows = t->rank > 1 ? t->dim[t->rank - 2] : 1, key = (int64_t)k % keys,
            row = (int64_t)k / keys % rows;
    return !in->is_causal || key <= row + keys - rows ? in->sees : in->hides;
}

// ---- classification --------------------------------------------------------------------------

bool tok_mask_sees(const tok_mask *k, int64_t q, int64_t key) {
    if (k->is_band) return key >= q - k->before && key <= q + k->after;
    if (k->mode == IR_RING_ALL) return true;
    return key <= q && (!k->window || key > q - k->window);
}

// visible(q, k) of a view is what the mask says, and m[k], in the rows that are looked at. past:
// position of row 0. strict: also in rows that m hides. *row, *key: the first place that differs.
static bool agrees(tok_mask_view *v, const tok_mask *k, int64_t past, const uint8_t *m, bool strict,
                   tok_mask_line *l, int64_t *row, int64_t *key) {
    for (int64_t i = 0; i < v->n_listed; i++) {
        const int64_t q = tok_mask_listed(v, i);
        if (!strict && m && past + q < v->keys && !m[past + q]) continue;
        bool any = !m;
        for (int64_t j = 0; m && j < v->keys && !any; j++)
            any = m[j] && tok_mask_sees(k, past + q, j);
        for (int64_t h = 0; h < v->heads; h++) {
            *row = q;
            *key = 0;
            if (!tok_mask_row(v, h, q, l->visible, l->bias)) return false;
            if (!any) continue; // sees nothing: the result is not looked at
            for (int64_t j = 0; j < v->keys; j++) {
                *key = j;
                if (l->visible[j] != (tok_mask_sees(k, past + q, j) && (!m || m[j]))) return false;
            }
        }
    }
    return true;
}

// The window of a causal mask, of which row `row` is the first looked at that does not see key 0.
static int64_t window_of(tok_mask_view *v, int64_t row, tok_mask_line *l) {
    if (!v->listed) return row;
    const int64_t last = v->rows - 1;
    int64_t first = 0;
    if (!tok_mask_row(v, 0, last, l->visible, l->bias)) return row;
    while (first < last && !l->visible[first]) first++;
    const int64_t window = last - first + 1;
    for (int64_t q = window - 1; q <= window + 1; q++) tok_mask_list(v, q);
    return window;
}

// A band: rows see so many keys before their own, and so many behind it. False: it is none.
static bool is_band(tok_mask_view *v, tok_mask *k, tok_mask_line *l) {
    const int64_t last = v->rows - 1;
    int64_t row, key, first = 0, after = 0;
    if (v->rows != v->keys || !tok_mask_row(v, 0, 0, l->visible, l->bias)) return false;
    while (after < last && l->visible[after + 1]) after++;
    if (!tok_mask_row(v, 0, last, l->visible, l->bias)) return false;
    while (first < last && !l->visible[first]) first++;
    const tok_mask all = *k;
    *k = (tok_mask){.mode = IR_RING_ALL, .is_band = true, .before = last - first, .after = after};
    if (after > 0 && agrees(v, k, 0, NULL, true, l, &row, &key)) return true;
    *k = all;
    return false;
}

// Reads mode and window off the mask at the maximum.
static bool classify(tok_ctx *c, uint32_t user, tok_mask_view *v, tok_mask *k, tok_mask_line *l) {
    int64_t row, key;
    *k = (tok_mask){.mode = IR_RING_ALL};
    if (v->rows > 1 || v->keys > 1) {
        if (!tok_mask_row(v, 0, 0, l->visible, l->bias))
            return tok_fail(c, user, DIAG_ID_tok_mask, "its mask is not a number in row 0");
        if (v->rows > 1 && !l->visible[1]) k->mode = IR_RING_CAUSAL;
    }
    if (agrees(v, k, 0, NULL, true, l, &row, &key)) return true;
    if (k->mode == IR_RING_CAUSAL && key < row) {
        k->window = key == 0 ? window_of(v, row, l) : row;
        if (key == 0 && row > 0 && agrees(v, k, 0, NULL, true, l, &row, &key)) return true;
        k->window = key == 0 ? k->window : 0;
    }
    const int64_t at_row = row, at_key = key;
    if (is_band(v, k, l)) return true;
    row = at_row;
    key = at_key;
    tok_mask_row(v, 0, row, l->visible, l->bias);
    return tok_fail(
        c, user, DIAG_ID_tok_mask,
        "for %" PRId64 " tokens row %" PRId64 " %s key %" PRId64
        ", where a %s mask says otherwise; masks are: all, causal, causal with a window, a "
        "window to both sides, and key padding by an input",
        v->rows, row, l->visible[key] ? "sees" : "does not see", key,
        k->window                   ? "windowed causal"
        : k->mode == IR_RING_CAUSAL ? "causal"
                                    : "full");
}

// ---- key padding -----------------------------------------------------------------------------

enum { TOGGLES = 6 };

// Where both show a key, its bias is the same but for a constant of the row.
static bool same_bias(tok_mask_view *v, tok_mask_view *one, tok_mask_line *a, tok_mask_line *b,
                      int64_t *row) {
    for (int64_t i = 0; i < v->n_listed; i++)
        for (int64_t h = 0; h < v->heads; h++) {
            *row = tok_mask_listed(v, i);
            tok_mask_row(v, h, *row, a->visible, a->bias);
            tok_mask_row(one, h, *row, b->visible, b->bias);
            bool known = false;
            float shift = 0;
            for (int64_t j = 0; j < v->keys; j++) {
                if (!a->visible[j] || !b->visible[j]) continue;
                if (!known) shift = a->bias[j] - b->bias[j];
                known = true;
                if (!tok_near(a->bias[j] - shift, b->bias[j])) return false;
            }
        }
    return true;
}

// A mask that is counted (its length is summed up) shows the first so many keys: the same as the
// mask itself where ones come first.
static bool check_lengths(tok_ctx *c, uint32_t user, tok_probe *p, ir_val v,
                          const tok_mask_inputs *in, int64_t rows, int64_t keys,
                          const tok_mask *k) {
    bool ok = true;
    for (int64_t n = 1; ok && n <= keys; n++) {
        arena *a = arena_new();
        uint8_t *m = ARENA_ARRAY(a, uint8_t, keys + 1);
        memset(m, 1, (size_t)n);
        tok_mask_view w;
        tok_mask_line l = tok_mask_line_new(a, keys);
        int64_t row, key;
        ok = tok_mask_open(c, user, p, v, in, m, rows, keys, &w) &&
             agrees(&w, k, p->past, m, true, &l, &row, &key);
        tok_mask_close(&w);
        arena_free(a);
    }
    return ok;
}

// A bias that is counted over the mask (BLOOM's ALiBi) is the same where the mask is one run of
// ones: what hosts take.
static bool check_runs(tok_ctx *c, uint32_t user, tok_probe *p, ir_val v, const tok_mask_inputs *in,
                       tok_mask_view *one, const tok_mask *k, bool *hides_rows) {
    random_stream draws = random_of(c->o->seed, RANDOM_PADDING, 2);
    bool ok = true;
    for (int i = 0; ok && i < TOGGLES; i++) {
        arena *a = arena_new();
        uint8_t *m = ARENA_ARRAY(a, uint8_t, one->keys + 1);
        int64_t until = 1 + (int64_t)random_below(&draws, (uint64_t)one->keys), row, key,
                from = i % 2 ? 0 : (int64_t)random_below(&draws, (uint64_t)until);
        memset(m + from, 1, (size_t)(until - from));
        tok_mask_view w;
        tok_mask_line l = tok_mask_line_new(a, one->keys), other = tok_mask_line_new(a, one->keys);
        ok = tok_mask_open(c, user, p, v, in, m, one->rows, one->keys, &w) &&
             same_bias(&w, one, &l, &other, &row);
        if (ok && !*hides_rows) *hides_rows = !agrees(&w, k, p->past, m, true, &l, &row, &key);
        ok = ok && (!*hides_rows || agrees(&w, k, p->past, m, false, &l, &row, &key));
        tok_mask_close(&w);
        arena_free(a);
    }
    return ok;
}

// Seeded masks, and their complements, at one probe. *counts: gets is_counted and is_length.
static bool check_toggles(tok_ctx *c, uint32_t user, tok_probe *p, ir_val v,
                          const tok_mask_inputs *in, int64_t rows, int64_t keys, const tok_mask *k,
                          bool *hides_rows, tok_mask *counts) {
    random_stream draws = random_of(c->o->seed, RANDOM_PADDING, 0);
    arena *a = arena_new();
    bool ok = true;
    uint8_t *m = ARENA_ARRAY(a, uint8_t, keys + 1);
    tok_mask_view one, w = {0};
    tok_mask_line l = tok_mask_line_new(a, keys), other = tok_mask_line_new(a, keys);
    ok = tok_mask_open(c, user, p, v, in, NULL, rows, keys, &one);
    for (int i = 0; ok && i < TOGGLES + 1; i++) {
        for (int64_t j = 0; j < keys; j++)
            m[j] = i == 0 ? 0 : i % 2 ? (uint8_t)random_below(&draws, 2) : !m[j];
        int64_t row, key;
        tok_mask_close(&w);
        ok = tok_mask_open(c, user, p, v, in, m, rows, keys, &w);
        if (!ok) break;
        if (i == 0) { // nothing may be visible; a mask that shows everything instead hides nothing
                      // either
            bool none = true, all = true;
            for (int64_t q = 0; q < w.n_listed; q++) {
                tok_mask_row(&w, 0, tok_mask_listed(&w, q), l.visible, l.bias);
                for (int64_t j = 0; j < keys; j++) {
                    none &= !l.visible[j];
                    all &= l.visible[j] != 0;
                }
            }
            if (!none && !all)
                ok = tok_fail(c, user, DIAG_ID_tok_mask,
                              "with input '%s' all zero some keys stay visible",
                              p->f->params.items[in->key].name);
            continue;
        }
        const bool same = same_bias(&w, &one, &l, &other, &row);
        if (!same && !in->cross && check_runs(c, user, p, v, in, &one, k, hides_rows)) {
            tok_note(c, user, "input '%s' must be one run of ones: its bias counts them",
                     p->f->params.items[in->key].name);
            counts->is_counted = true;
            break;
        }
        if (!same)
            ok = tok_fail(c, user, DIAG_ID_tok_mask,
                          "its bias in row %" PRId64 " depends on input '%s' in more than what it "
                          "hides; bind that to ones (--bind %s=1)",
                          row, p->f->params.items[in->key].name, p->f->params.items[in->key].name);
        if (!ok) break;
        if (!*hides_rows && agrees(&w, k, p->past, m, true, &l, &row, &key)) continue;
        *hides_rows = !in->cross;
        if (*hides_rows && agrees(&w, k, p->past, m, false, &l, &row, &key)) continue;
        if (check_lengths(c, user, p, v, in, rows, keys, k)) {
            tok_note(c, user,
                     "input '%s' must be ones, then zeros: the export only counts its ones",
                     p->f->params.items[in->key].name);
            counts->is_counted = counts->is_length = true;
            break;
        }
        ok = tok_fail(c, user, DIAG_ID_tok_mask,
                      "with input '%s' = %d at key %" PRId64 ", row %" PRId64
                      " %s it: not a mask of keys",
                      p->f->params.items[in->key].name, m[key], key, row,
                      l.visible[key] ? "sees" : "does not see");
    }
    tok_mask_close(&w);
    tok_mask_close(&one);
    arena_free(a);
    return ok;
}

// Elements that may mean "sees" and "hides": what makes of the input the mask that it is said to
// be. Left in c->input, as executions of the model want them.
static bool find_elements(tok_ctx *c, uint32_t user, const tok_mask_inputs *in,
                          const tok_mask_query *of, const tok_mask *k) {
    static const struct {
        bool of_floats;
        double sees, hides;
    } forms[] = {{true, 0, -1e9}, {false, 1, 0}, {false, 0, 1}};
    tok_probe *p = &c->probe[0];
    tok_input *input = &c->input[in->key];
    const bool floats = elem_is_float(ir_type_of(p->f, p->f->params.items[in->key].value)->type);
    const int64_t rows = c->domain[of->queries].rows[0], keys = c->domain[of->keys].rows[0];
    arena *a = arena_new();
    tok_mask_line l = tok_mask_line_new(a, keys);
    bool found = false;
    for (size_t i = 0; !found && i < ARRAY_LEN(forms); i++) {
        if (forms[i].of_floats && !floats) continue;
        int64_t row, key;
        tok_mask_view v;
        input->is_told = true;
        input->is_causal = k->mode == IR_RING_CAUSAL;
        input->sees = forms[i].sees;
        input->hides = forms[i].hides;
        const bool ok =
            tok_mask_open(c, user, p, tok_at(c, of->mask)->v[0], in, NULL, rows, keys, &v);
        found = ok && agrees(&v, k, 0, NULL, true, &l, &row, &key);
        tok_mask_close(&v);
        if (!ok) break;
    }
    arena_free(a);
    return found;
}

static bool two_axes_input(tok_ctx *c, uint32_t user, const tok_mask_inputs *in,
                           const tok_mask_query *of, tok_mask *k) {
    const ir_port *port = &c->probe[0].f->params.items[in->key];
    const char *as = c->o->mask;
    pass_use(c->o, PASS_OPTION_mask);
    if (!as)
        return tok_fail(
            c, user, DIAG_ID_tok_mask,
            "input '%s' masks every query and key by itself: say what it means (--mask causal or "
            "--mask all)",
            port->name);
    bool is_causal = strcmp(as, "causal") == 0;
    *k = (tok_mask){.mode = is_causal ? IR_RING_CAUSAL : IR_RING_ALL};
    if (!find_elements(c, user, in, of, k))
        return tok_fail(c, user, DIAG_ID_tok_mask,
                        "input '%s' cannot be %s: the model makes something else of it", port->name,
                        is_causal ? "a causal mask" : "all visible");
    tok_note(c, user, "input '%s' is taken to be %s, as asked for", port->name,
             is_causal ? "a causal mask" : "all visible");
    return true;
}

// Ones show keys in most models, and hide them in some: then none is seen where all are 1. False:
// reported.
static bool find_polarity(tok_ctx *c, uint32_t user, const tok_mask_query *of,
                          tok_mask_inputs *in) {
    const int64_t rows = c->domain[of->queries].rows[0], keys = c->domain[of->keys].rows[0];
    bool sees[2] = {false, false}, ok = true;
    arena *a = arena_new();
    tok_mask_line l = tok_mask_line_new(a, keys);
    for (int turned = 0; ok && turned < 2 && !sees[0]; turned++) {
        tok_mask_view v;
        in->turned = turned;
        ok = tok_mask_open(c, user, &c->probe[0], tok_at(c, of->mask)->v[0], in, NULL, rows, keys,
                           &v);
        if (ok && tok_mask_row(&v, 0, rows - 1, l.visible, l.bias))
            for (int64_t j = 0; j < keys; j++) sees[turned] |= l.visible[j] != 0;
        tok_mask_close(&v);
    }
    arena_free(a);
    in->turned = !sees[0] && sees[1];
    c->input[in->key].is_turned |= in->turned;
    return ok;
}

// ---- the whole -------------------------------------------------------------------------------

// A mask between the tokens of a decoder and an encoder hides keys by an input, and nothing else.
static bool check_cross(tok_ctx *c, uint32_t user, const tok_mask *k) {
    if (k->mode == IR_RING_ALL && k->bias == IR_BIAS_NONE) return true;
    return tok_fail(c, user, DIAG_ID_tok_mask,
                    "cross attention with %s: its rows may only see all keys, but for padding",
                    k->mode == IR_RING_ALL ? "a bias" : "a causal mask");
}

bool tok_mask_find(tok_ctx *c, uint32_t user, const tok_mask_query *of, tok_mask *out) {
    const uint32_t mask = of->mask;
    const int64_t heads = of->heads, window = of->window;
    const bool is_causal = of->is_causal, cross = of->queries != of->keys;
    *out = (tok_mask){.mode = is_causal ? IR_RING_CAUSAL : IR_RING_ALL};
    out->window = is_causal ? window : 0;
    if (mask == TOK_NONE) return !cross || check_cross(c, user, out);
    tok_evaluates(c, user, mask);
    for (size_t i = 0; i < c->known_masks.count; i++) {
        const tok_known_mask *k = c->known_masks.items[i];
        if (k->of.mask != mask || k->of.heads != heads || k->of.is_causal != is_causal ||
            k->of.window != window || k->of.queries != of->queries || k->of.keys != of->keys)
            continue;
        *out = k->found;
        return true;
    }
    tok_mask_inputs in;
    tok_probe *max = &c->probe[c->max];
    if (!inputs_of(c, user, &c->probe[0], tok_at(c, mask)->v[0], &in)) return false;
    in.cross = cross;
    if (in.key >= 0) {
        const ir_type *t = ir_type_of(c->probe[0].f, c->probe[0].f->params.items[in.key].value);
        int wide = 0;
        for (int i = 0; i < t->rank; i++)
            wide += t->dim[i] > 1 && (t->dim[i] == c->domain[of->queries].rows[0] ||
                                      t->dim[i] == c->domain[of->keys].rows[0]);
        if (wide > 1) return two_axes_input(c, user, &in, of, out);
    }
    tok_mask own = {.mode = IR_RING_ALL};
    arena *a = arena_new();
    bool ok = !(in.key >= 0) || find_polarity(c, user, of, &in), hides_rows = false;
    for (int i = c->max; ok && i >= 0; i--) {
        tok_probe *p = &c->probe[i];
        int64_t rows = c->domain[of->queries].rows[i], keys = c->domain[of->keys].rows[i], row, key;
        tok_mask_view v;
        tok_mask_line l = tok_mask_line_new(a, keys);
        ok = tok_mask_open(c, user, p, tok_at(c, mask)->v[i], &in, NULL, rows, keys, &v);
        if (ok && i == c->max) {
            ok = classify(c, user, &v, &own, &l) && tok_mask_bias(c, user, &v, heads, &own, &l);
            own.looked_at = v.listed ? v.n_listed : 0;
            own.is_shift = v.is_shift;
            ok = ok && (!cross || check_cross(c, user, &own));
        } else if (ok && !agrees(&v, &own, 0, NULL, true, &l, &row, &key)) {
            ok = tok_fail(c, user, DIAG_ID_tok_mask,
                          "for %" PRId64 " tokens row %" PRId64 " %s key %" PRId64 ", for %" PRId64
                          " tokens it is the other way round",
                          p->tokens, row, l.visible[key] ? "sees" : "does not see", key,
                          max->tokens);
        }
        if (ok && i != c->max && !tok_bias_agrees(&v, heads, &own, 0, &l, &row, &key))
            ok = tok_fail(c, user, DIAG_ID_tok_mask,
                          "for %" PRId64 " tokens the bias of row %" PRId64 ", key %" PRId64
                          " is %g, for %" PRId64 " tokens it is another",
                          p->tokens, row, key, (double)l.bias[key], max->tokens);
        if (ok && in.key >= 0 && i < 2)
            ok = check_toggles(c, user, p, tok_at(c, mask)->v[i], &in, rows, keys, &own,
                               &hides_rows, &own);
        tok_mask_close(&v);
    }
    arena_free(a);
    if (!ok) return false;
    if (in.positions)
        tok_note(c, user, "the mask of %s follows position ids: they must count up by one",
                 tok_name(c, user));
    if (is_causal) own.mode = IR_RING_CAUSAL;
    if (is_causal && window && (!own.window || window < own.window)) own.window = window;
    if (in.key >= 0) {
        own.key = c->param_node[in.key];
        tok_proof(c, user,
                  "a key is visible where the rest of the mask shows it and '%s' is not 0%s",
                  c->probe[0].f->params.items[in.key].name,
                  hides_rows ? ", in rows that are not hidden themselves" : "");
    }
    own.hides_rows = hides_rows;
    own.is_turned = in.turned;
    *out = own;
    tok_known_mask known = {*of, own};
    vec_push(&c->known_masks, arena_copy(c->a, &known, sizeof known));
    return true;
}

bool tok_mask_check_past(tok_ctx *c, uint32_t user, ir_val past_mask, int64_t heads,
                         const tok_mask *k) {
    tok_mask_inputs in;
    tok_probe *p = &c->past;
    if (!inputs_of(c, user, p, past_mask, &in)) return false;
    in.turned = k->is_turned;
    int64_t rows = p->tokens, keys = p->past + p->tokens, row = 0, key = 0;
    arena *a = arena_new();
    tok_mask_view v;
    tok_mask_line l = tok_mask_line_new(a, keys);
    bool ok = tok_mask_open(c, user, p, past_mask, &in, NULL, rows, keys, &v);
    if (ok && !agrees(&v, k, p->past, NULL, true, &l, &row, &key))
        ok = tok_fail(c, user, DIAG_ID_tok_past_shift,
                      "after %" PRId64 " tokens row %" PRId64 " %s key %" PRId64
                      ": a step does not see what the same row of one big step sees",
                      p->past, row, l.visible[key] ? "sees" : "does not see", key);
    if (ok && !tok_bias_agrees(&v, heads, k, p->past, &l, &row, &key))
        ok = tok_fail(c, user, DIAG_ID_tok_past_shift,
                      "after %" PRId64 " tokens the bias of row %" PRId64 ", key %" PRId64
                      " is %g: a step does not add what the same row of one big step adds",
                      p->past, row, key, (double)l.bias[key]);
    bool hides_rows = false;
    tok_mask counts = {0};
    if (ok && in.key >= 0)
        ok = check_toggles(c, user, p, past_mask, &in, rows, keys, k, &hides_rows, &counts);
    if (ok && (counts.is_counted > k->is_counted || counts.is_length > k->is_length))
        ok = tok_fail(c, user, DIAG_ID_tok_past_shift,
                      "after %" PRId64 " tokens the export only counts the ones of input '%s', "
                      "which it looks at one by one without a past",
                      p->past, p->f->params.items[in.key].name);
    tok_mask_close(&v);
    arena_free(a);
    return ok;
}
