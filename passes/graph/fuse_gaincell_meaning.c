// What do the constants of spelled-out gain cells say? (docs/gain-cells.md)
//
// The series' factors at (sub-tile, row q, key k) must be p_i D^i (or p_i D) where key k is visible
// to row q and its slot lies in the sub-tile, D = exp(-decay (q - k)); 0 in the other sub-tiles;
// and nothing may come through where k is not visible: k > q or k <= q - window. Slot: k mod
// window. The function bound to most tokens says what p, decay, window and sub-tile are; then every
// function's every entry is compared with that.
#include "passes/graph/fuse_gaincell.h"
#include "support/num/num.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const double TOLERANCE = 2e-6; // of a coefficient: f32 products of f32 powers

typedef struct {
    int terms;
    double cell[IR_RING_TERMS];
    double decay;
    bool is_product;
    int64_t window, sub_tile;
    double s_sat;
    bool is_assumed; // window and sub_tile: more than the tokens there are
} meaning;

// ---- evaluating ------------------------------------------------------------------------------

static double element(const gaincell_table *t, int64_t tile, int64_t q, int64_t k) {
    int64_t at = tile * t->tile_step + q * t->row_step + k * t->key_step;
    return elem_load_f64(t->t->type, t->t->data, (size_t)at);
}

static double factor(const gaincell_term *t, int64_t tile, int64_t q, int64_t k) {
    double v = t->scale;
    for (int i = 0; i < t->n; i++) v *= element(&t->table[i], tile, q, k);
    return v;
}

static bool is_shown(const gaincell_site *s, int64_t q, int64_t k) {
    for (int i = 0; i < s->n_masks; i++)
        if ((element(&s->mask[i], 0, q, k) != 0) == s->shows_zero[i]) return false;
    return true;
}

// Nothing of the key reaches the row: its score is exactly 0, or nothing is added up for it.
static bool is_dark(const gaincell_site *s, int64_t q, int64_t k) {
    if (!is_shown(s, q, k)) return true;
    bool score = false, value = false;
    for (int i = 0; i < s->scores.n && !score; i++)
        score = factor(&s->scores.term[i], 0, q, k) != 0;
    for (int i = 0; i < s->values.n; i++)
        for (int64_t tile = 0; tile < s->tiles && !value; tile++)
            value = factor(&s->values.term[i], tile, q, k) != 0;
    return !score || !value;
}

static const gaincell_term *term_of(const gaincell_series *s, int exponent) {
    for (int i = 0; i < s->n; i++)
        if (s->term[i].exponent == exponent) return &s->term[i];
    return NULL;
}

// ---- reading ---------------------------------------------------------------------------------

static bool is_near(double a, double b, double tolerance) {
    return fabs(a - b) <= tolerance * fabs(b);
}

// p_i, from a token of age 0 in the first sub-tile; scores give the same, up to one factor, which
// s_sat takes.
static bool read_cell(const gaincell_site *s, meaning *m) {
    double ratio = 0;
    for (int e = 0; e < IR_RING_TERMS; e++) {
        const gaincell_term *value = term_of(&s->values, e), *score = term_of(&s->scores, e);
        if (value) m->cell[e] = (double)(float)factor(value, 0, 0, 0);
        double k = score ? factor(score, 0, 0, 0) : 0;
        if (value || score) m->terms = e + 1;
        if (!isfinite(k) || !isfinite(m->cell[e])) return false;
        if (m->cell[e] == 0) {
            if (k != 0) return false;
            continue;
        }
        if (ratio == 0) ratio = k / m->cell[e];
        if (!(ratio > 0) || !is_near(k, ratio * m->cell[e], TOLERANCE)) return false;
    }
    if (ratio == 0) return false;
    m->s_sat = is_near(ratio, 1, TOLERANCE) ? s->s_sat : s->s_sat / ratio;
    return true;
}

// Sub-tile of key k by the value tables of age 0; -1: none, or several.
static int64_t owner(const gaincell_site *s, const gaincell_term *t, int64_t k) {
    int64_t found = -1;
    for (int64_t tile = 0; tile < s->tiles; tile++) {
        if (factor(t, tile, k, k) == 0) continue;
        if (found >= 0) return -1;
        found = tile;
    }
    return found;
}

static int64_t power_of_two(int64_t at_least) {
    int64_t n = 1;
    while (n < at_least) n *= 2;
    return n;
}

// Window and sub-tile, from the last row and from whose sub-tile the first keys are.
static bool read_window(const gaincell_site *s, meaning *m) {
    const gaincell_term *t = NULL;
    for (int i = 0; i < s->values.n && !t; i++)
        if (m->cell[s->values.term[i].exponent] != 0) t = &s->values.term[i];
    int64_t last = s->rows - 1, seen = 0, first = 0;
    while (seen <= last && !is_dark(s, last, last - seen)) seen++;
    while (first < s->rows && owner(s, t, first) == 0) first++;
    if (!t || seen == 0 || first == 0) return false;
    bool forgets = seen < s->rows, changes = first < s->rows;
    if (changes && s->tiles > 1) {
        m->sub_tile = first;
        m->window = first * s->tiles;
    } else if (changes) {
        return false;
    } else if (s->tiles == 1 && forgets) {
        m->sub_tile = m->window = seen;
    } else if (!forgets) {
        m->sub_tile = power_of_two(s->rows);
        m->window = m->sub_tile * s->tiles;
        m->is_assumed = true;
    } else {
        return false; // forgets before its slots are full
    }
    return forgets ? m->window == seen : m->window >= s->rows;
}

// ---- decay -----------------------------------------------------------------------------------

// Least squares of ln(coefficient / p) over the ages of the last row's visible keys.
static double slope(const gaincell_site *s, const meaning *m, const gaincell_term *t) {
    int64_t last = s->rows - 1;
    double sum = 0, squares = 0, p = m->cell[t->exponent];
    for (int64_t age = 1; age <= last && age < m->window; age++) {
        int64_t k = last - age, tile = k % m->window / m->sub_tile;
        double v = factor(t, tile, last, k) / p;
        if (!(v > 0)) return 0;
        sum -= log(v) * (double)age;
        squares += (double)age * (double)age;
    }
    return squares > 0 ? sum / squares : 0;
}

// The largest relative error of a decay over those keys.
static double worst(const gaincell_site *s, const meaning *m, const gaincell_term *t, double rate) {
    int64_t last = s->rows - 1;
    double most = 0;
    for (int64_t age = 1; age <= last && age < m->window; age++) {
        int64_t k = last - age, tile = k % m->window / m->sub_tile;
        double want = m->cell[t->exponent] * num_exp_f64(-(rate * (double)age));
        double e = fabs(factor(t, tile, last, k) / want - 1);
        if (e > most) most = e;
    }
    return most;
}

// Digits that a decimal needs to name the f32.
static int digits(float v) {
    char text[40];
    int n = 1;
    for (; n < 9; n++) {
        snprintf(text, sizeof text, "%.*e", n - 1, (double)v);
        if (strtof(text, NULL) == v) break;
    }
    return n;
}

// Of the f32 that explain the table as well as any (within its own rounding), the one with the
// shortest decimal: what the model's author wrote.
static double settle(const gaincell_site *s, const meaning *m, const gaincell_term *t,
                     double estimate, double per_rate) {
    enum { AROUND = 32 };
    if (!(estimate > 0)) return 0;
    float from = (float)estimate, best = from;
    for (int i = 0; i < AROUND; i++) from = nextafterf(from, 0);
    double least = INFINITY;
    float v = from;
    for (int i = 0; i <= 2 * AROUND; i++, v = nextafterf(v, INFINITY)) {
        double e = worst(s, m, t, (double)v * per_rate);
        if (e < least) least = e;
    }
    int fewest = 100;
    v = from;
    for (int i = 0; i <= 2 * AROUND; i++, v = nextafterf(v, INFINITY)) {
        if (worst(s, m, t, (double)v * per_rate) > least + 0x1p-24) continue;
        int n = digits(v);
        bool nearer = fabs((double)v - estimate) < fabs((double)best - estimate);
        if (n > fewest || (n == fewest && !nearer)) continue;
        fewest = n;
        best = v;
    }
    return (double)best;
}

// ---- comparing -------------------------------------------------------------------------------

// p_i D^i (or p_i D) of every age of a visible key: [terms][ages].
typedef struct {
    int64_t ages;
    double *of;
} series_table;

static series_table expected(const meaning *m, int64_t rows) {
    series_table e = {.ages = min_i64(rows, m->window)};
    e.of = base_alloc((size_t)(e.ages * m->terms) * sizeof *e.of);
    for (int64_t age = 0; age < e.ages; age++) {
        double d = m->decay != 0 ? num_exp_f64(-(m->decay * (double)age)) : 1, power = 1;
        for (int i = 0; i < m->terms; i++, power *= d)
            e.of[i * e.ages + age] = m->cell[i] * (m->is_product ? d : power);
    }
    return e;
}

// Whose sub-tile is key k's: factors over sub-tiles are 0 in all others. Such factors are not over
// rows as a rule, and then one row tells.
static bool tiles_agree(const gaincell_site *s, const gaincell_term *t, const meaning *m,
                        int64_t q) {
    for (int64_t k = 0; k < s->rows; k++)
        for (int64_t tile = 0; tile < s->tiles; tile++) {
            double v = 1;
            for (int i = 0; i < t->n; i++)
                if (t->table[i].tile_step) v *= element(&t->table[i], tile, q, k);
            bool own = tile == k % m->window / m->sub_tile;
            if (!isfinite(v) || (s->tiles > 1 && t->scale != 0 && (v != 0) != own)) return false;
        }
    return true;
}

static bool owners_agree(const gaincell_site *s, const meaning *m) {
    for (int i = 0; i < s->values.n; i++) {
        const gaincell_term *t = &s->values.term[i];
        bool by_row = false;
        for (int k = 0; k < t->n; k++) by_row |= t->table[k].tile_step && t->table[k].row_step;
        for (int64_t q = 0; q < (by_row ? s->rows : 1); q++)
            if (!tiles_agree(s, t, m, q)) return false;
    }
    return true;
}

static bool key_agrees(const gaincell_site *s, const meaning *m, const series_table *e,
                       double ratio, int64_t q, int64_t k) {
    int64_t own = k % m->window / m->sub_tile, age = q - k;
    bool visible = age >= 0 && age < m->window;
    if (visible ? !is_shown(s, q, k) : !is_dark(s, q, k)) return false;
    for (int i = 0; i < s->scores.n; i++) {
        const gaincell_term *t = &s->scores.term[i];
        double v = factor(t, 0, q, k);
        if (!isfinite(v) ||
            (visible && !is_near(v, ratio * e->of[t->exponent * e->ages + age], TOLERANCE)))
            return false;
    }
    for (int i = 0; i < s->values.n; i++) {
        const gaincell_term *t = &s->values.term[i];
        double v = factor(t, own, q, k);
        if (!isfinite(v) || (visible && !is_near(v, e->of[t->exponent * e->ages + age], TOLERANCE)))
            return false;
    }
    return true;
}

static bool agrees(const gaincell_site *s, const meaning *m) {
    meaning own = {0};
    if (!read_cell(s, &own) || own.terms != m->terms || s->tiles * m->sub_tile != m->window ||
        !is_near(own.s_sat, m->s_sat, TOLERANCE))
        return false;
    double ratio = s->s_sat / own.s_sat;
    for (int i = 0; i < own.terms; i++)
        if (!is_near(own.cell[i], m->cell[i], TOLERANCE)) return false;
    if (!owners_agree(s, m)) return false;
    series_table e = expected(m, s->rows);
    bool ok = true;
    for (int64_t q = 0; ok && q < s->rows; q++)
        for (int64_t k = 0; ok && k < s->rows; k++) ok = key_agrees(s, m, &e, ratio, q, k);
    free(e.of);
    return ok;
}

// Without more than one term a power cannot be told from a product: what fits first is taken.
static bool read(const gaincell_site *s, meaning *m) {
    if (!read_cell(s, m) || !read_window(s, m)) return false;
    const gaincell_term *t = NULL;
    for (int e = 1; e <= m->terms && !t; e++) {
        t = term_of(&s->values, e % m->terms); // p_0 last: it decays in a product only
        if (t && m->cell[t->exponent] == 0) t = NULL;
    }
    double rate = t ? slope(s, m, t) : 0;
    for (int form = 0; form < 2; form++) {
        int power = form == 0 && t ? t->exponent : 1;
        m->is_product = form == 1;
        m->decay = power ? settle(s, m, t, rate / power, power) : 0;
        if (agrees(s, m)) return true;
        if (m->decay == 0 && rate == 0) break;
        if (rate != 0 && fabs(rate) < 1e-9) { // rounding of tables of ones
            m->decay = 0;
            if (agrees(s, m)) return true;
        }
    }
    return false;
}

// ---- the plan --------------------------------------------------------------------------------

static void describe(gaincell_site *s, const meaning *m, arena *a) {
    ir_attrs *l = &s->attrs;
    bool scores = s->saturate_scores, outputs = s->saturate_outputs;
    ir_attr_set_int(a, l, IR_ATTR_window, m->window);
    ir_attr_set_int(a, l, IR_ATTR_sub_tile, m->sub_tile);
    ir_attr_set_int(a, l, IR_ATTR_q_levels, s->q_levels);
    ir_attr_set_int(a, l, IR_ATTR_kv_levels, s->kv_levels);
    ir_attr_set_int(a, l, IR_ATTR_out_levels, s->out_levels);
    ir_attr_set_str(a, l, IR_ATTR_saturate,
                    ir_word(IR_ENUM_saturation, scores && outputs ? IR_SAT_BOTH
                                                : scores          ? IR_SAT_SCORES
                                                : outputs         ? IR_SAT_OUTPUTS
                                                                  : IR_SAT_NONE));
    ir_attr_set_float(a, l, IR_ATTR_v_dd, (double)(float)s->v_dd);
    ir_attr_set_float(a, l, IR_ATTR_s_sat, (double)(float)m->s_sat);
    ir_attr_set_float(a, l, IR_ATTR_o_sat, (double)(float)s->o_sat);
    ir_attr_set_float(a, l, IR_ATTR_decay, m->decay);
    ir_attr_set_str(a, l, IR_ATTR_decay_form,
                    ir_word(IR_ENUM_decay_form, m->is_product ? IR_DECAY_PRODUCT : IR_DECAY_POWER));
    ir_attr_set_floats(a, l, IR_ATTR_cell, m->cell, (size_t)m->terms);
}

// Only executed, never matched with the others (find-tokens).
static bool is_aside(const ir_func *f) {
    return strcmp(ir_attr_str(&f->attrs, IR_ATTR_probe, ""), "small") == 0;
}

static int64_t rows_of(const gaincell_sites *s) { return s->n ? s->items[0].rows : 0; }

// The same tables as the site before, as in every layer of a model: compared already.
static bool same_tables(const gaincell_site *a, const gaincell_site *b) {
    bool same = a->rows == b->rows && a->tiles == b->tiles && a->tile_axis == b->tile_axis &&
                a->n_masks == b->n_masks && a->scores.n == b->scores.n &&
                a->values.n == b->values.n && a->s_sat == b->s_sat;
    for (int i = 0; same && i < a->n_masks; i++)
        same = a->mask[i].t == b->mask[i].t && a->shows_zero[i] == b->shows_zero[i];
    for (int which = 0; same && which < 2; which++) {
        const gaincell_series *x = which ? &a->values : &a->scores;
        const gaincell_series *y = which ? &b->values : &b->scores;
        for (int i = 0; same && i < x->n; i++) {
            const gaincell_term *s = &x->term[i], *t = &y->term[i];
            same = s->exponent == t->exponent && s->scale == t->scale && s->n == t->n;
            for (int k = 0; same && k < s->n; k++) same = s->table[k].t == t->table[k].t;
        }
    }
    return same;
}

// most: has been compared already.
static bool agree_everywhere(gaincell_plan *p, const ir_module *m, const gaincell_sites *most,
                             const meaning *meanings, arena *a) {
    size_t n = 0;
    for (size_t i = 0; i < m->funcs.count; i++)
        if (!is_aside(m->funcs.items[i])) n = p->of[i].n > n ? p->of[i].n : n;
    for (size_t i = 0; i < m->funcs.count; i++) {
        gaincell_sites *sites = &p->of[i];
        bool ok = sites->n == n;
        for (size_t k = 0; ok && k < n; k++) {
            gaincell_site *s = &sites->items[k];
            ok = sites == most ||
                 (k > 0 && same_tables(s, s - 1) &&
                  memcmp(&meanings[k], &meanings[k - 1], sizeof *meanings) == 0) ||
                 agrees(s, &meanings[k]);
            describe(s, &meanings[k], a);
            const gaincell_site *first = &p->of[0].items[k];
            char why[IR_RING_TEXT];
            ir_ring device;
            ok = ok && ir_ring_of_operation(&s->attrs, IR_READ_CHARGE, &device, why) &&
                 (is_aside(m->funcs.items[0]) || ir_attrs_equal(&s->attrs, &first->attrs));
        }
        if (ok) continue;
        if (!is_aside(m->funcs.items[i])) return false;
        sites->n = 0;
    }
    return true;
}

gaincell_plan gaincell_plan_make(const ir_module *m, arena *a) {
    gaincell_plan p = {.of = ARENA_ARRAY(a, gaincell_sites, m->funcs.count + 1)};
    const gaincell_sites *most = NULL;
    for (size_t i = 0; i < m->funcs.count; i++) {
        const ir_func *f = m->funcs.items[i];
        if (emit_is_plain(f)) p.of[i] = gaincell_find(m, f, a);
        if (!is_aside(f) && (!most || rows_of(&p.of[i]) > rows_of(most))) most = &p.of[i];
    }
    bool ok = most && most->n;
    meaning *meanings = ARENA_ARRAY(a, meaning, most ? most->n + 1 : 1);
    bool is_assumed = false;
    for (size_t k = 0; ok && k < most->n; k++) {
        const gaincell_site *s = &most->items[k];
        if (k > 0 && same_tables(s, s - 1))
            meanings[k] = meanings[k - 1];
        else
            ok = read(s, &meanings[k]);
        is_assumed |= meanings[k].is_assumed;
    }
    if (ok && agree_everywhere(&p, m, most, meanings, a)) {
        if (is_assumed)
            p.note = arena_printf(
                m->arena,
                "%" PRId64 " tokens do not tell the window of the gain cells, nor how many slots "
                "share an array: taken to be %" PRId64 " and %" PRId64
                ", which is the same for as many tokens",
                rows_of(most), meanings[0].window, meanings[0].sub_tile);
        return p;
    }
    for (size_t i = 0; i < m->funcs.count; i++) p.of[i].n = 0;
    return p;
}
