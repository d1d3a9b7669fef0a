// choose-readout: how each attention is read out, and on which device (docs/gain-cells.md).
//
//   what the model says          gain.charge = chip         program                    none
//   charge read-out              the chip's device          as it is spelled out       refused
//   hard sigmoid of scores       charges, chip's device     scores                     scores
//   softmax                      scores                     scores                     scores
//   softmax, --attention         charges, chip's device     charges, the chip's        refused
//     hard-sigmoid                                          numbers
//
// Scores are stored and converted as finely as the chip's gain.score_* say. Whatever makes the
// program compute something else than the model spells out is noted, and measured where there is
// text to measure it on.
#include "ir/readout.h"
#include "passes/pass.h"
#include "passes/precision/adapt.h"
#include "passes/precision/corpus.h"
#include "support/file/file.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MEASURED_TOKENS 2000 // of calibration text that perplexity is measured on
#define MEASURED_MACS 2e10   // products spent on it at most
#define MOST_DECAY 1e3       // of a token: after one, nothing is left long before that

typedef struct {
    const ir_symbol *ring; // of the old module
    const ir_op *op;       // an attention on it; NULL: none
    bool scored;           // an output asks for its probabilities
} user;

// Sentences that are true of several attentions.
typedef struct {
    const char *text, *first;
    size_t count;
} finding;
typedef VEC(finding) finding_list;

typedef struct {
    const ir_module *old;
    ir_module *m;
    const pass_options *o;
    const machine *chip;
    diag_sink *diags;
    arena *a; // scratch
    user *users;
    size_t n_users;
    finding_list findings, refusals;
    size_t charges, moved; // attentions in the charge domain; of them those that came from scores
    bool changed;          // something else is computed than the model spells out
    bool device;           // some ring stands on another device than the model's
} chooser;

// ---- what the model has ----------------------------------------------------------------------

static void find_users(chooser *c) {
    c->users = ARENA_ARRAY(c->a, user, c->old->symbols.count + 1);
    for (size_t i = 0; i < c->old->symbols.count; i++)
        if (c->old->symbols.items[i]->kind == IR_SYM_RING)
            c->users[c->n_users++].ring = c->old->symbols.items[i];
    for (size_t i = 0; i < c->old->funcs.count; i++) {
        const ir_func *f = c->old->funcs.items[i];
        for (size_t k = 0; k < f->ops.count; k++) {
            const ir_op *op = &f->ops.items[k];
            const char *ring = ir_attr_str(&op->attrs, IR_ATTR_ring, "");
            for (size_t u = 0; *ring && u < c->n_users; u++) {
                if (strcmp(c->users[u].ring->name, ring) != 0) continue;
                if (!c->users[u].op) c->users[u].op = op;
                c->users[u].scored |= op->code == IR_nn_scores;
            }
        }
    }
}

static const char *name_of(const user *u) {
    return u->op && u->op->n_locs ? u->op->loc[0] : u->ring->name;
}

static int64_t heads_of(const ir_attrs *l) {
    return ir_attr_int(l, IR_ATTR_n_kv, 1) * ir_attr_int(l, IR_ATTR_q_per_kv, 1);
}

static void find_out(finding_list *list, const user *u, const char *text) {
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i].text, text) == 0) {
            list->items[i].count++;
            return;
        }
    vec_push(list, (finding){text, name_of(u), 1});
}

// "/h.0/attn (and 3 more)"
static const char *found_in(chooser *c, const finding *x) {
    return x->count > 1 ? arena_printf(c->a, "%s (and %zu more)", x->first, x->count - 1)
                        : x->first;
}

static void note(chooser *c, const char *text) {
    vec_push(&c->m->notes, arena_str(c->m->arena, text));
}

// ---- devices ---------------------------------------------------------------------------------

// A ring's attributes that describe a device, called like the chip's parameters.
static const ir_key device_keys[] = {
    IR_ATTR_cell,  IR_ATTR_v_dd,  IR_ATTR_q_levels, IR_ATTR_kv_levels,  IR_ATTR_out_levels,
    IR_ATTR_s_sat, IR_ATTR_o_sat, IR_ATTR_saturate, IR_ATTR_decay_form, IR_ATTR_sub_tile,
};

static void set_from_chip(arena *a, ir_attrs *l, ir_key key, const machine *chip) {
    size_t i = 0;
    while (strcmp(machine_params[i].section, "gain") != 0 ||
           strcmp(machine_params[i].name, ir_key_name(key)) != 0)
        CHECK(++i < machine_params_count, "no chip parameter is called gain.%s", ir_key_name(key));
    const machine_param *p = &machine_params[i];
    const char *at = (const char *)chip + p->offset;
    if (p->kind == MACHINE_INT) {
        int64_t v;
        memcpy(&v, at, sizeof v);
        ir_attr_set_int(a, l, key, v);
    } else if (p->kind == MACHINE_REAL) {
        double v;
        memcpy(&v, at, sizeof v);
        ir_attr_set_float(a, l, key, v);
    } else if (p->kind == MACHINE_LIST) {
        machine_numbers v;
        memcpy(&v, at, sizeof v);
        ir_attr_set_floats(a, l, key, v.v, (size_t)v.n);
    } else {
        ir_attr_set_str(a, l, key, machine_value_text(a, chip, p));
    }
}

// As people write it, to the six digits that tell devices apart; zeros that end a list say nothing.
static const char *text_of(arena *a, const ir_attrs *l, ir_key key) {
    const ir_attr *x = ir_attr_find(l, key);
    if (!x) return "nothing";
    if (x->kind == IR_STR) return x->s;
    if (x->kind == IR_INT) return arena_printf(a, "%lld", (long long)x->i);
    if (x->kind == IR_FLOAT) return arena_printf(a, "%.6g", x->f);
    size_t n;
    const double *v = ir_attr_floats(l, key, &n);
    while (n > 1 && v[n - 1] == 0) n--;
    const char *text = "";
    for (size_t i = 0; i < n; i++) text = arena_printf(a, "%s%s%.6g", text, i ? ", " : "[", v[i]);
    return arena_printf(a, "%s]", text);
}

static void take_device(chooser *c, ir_attrs *l) {
    for (size_t i = 0; i < ARRAY_LEN(device_keys); i++)
        set_from_chip(c->m->arena, l, device_keys[i], c->chip);
    ir_attr_set_float(c->m->arena, l, IR_ATTR_decay, 0); // set_decay knows the period
}

// What the model was made for and what it gets, where they differ.
static void compare_device(chooser *c, const user *u, const ir_attrs *now) {
    const char *was = "", *is = "";
    for (size_t i = 0; i < ARRAY_LEN(device_keys); i++) {
        ir_key key = device_keys[i];
        const char *before = text_of(c->a, &u->ring->attrs, key), *after = text_of(c->a, now, key);
        if (strcmp(before, after) == 0) continue;
        const char *comma = *was ? ", " : "";
        was = arena_printf(c->a, "%s%s%s %s", was, comma, ir_key_name(key), before);
        is = arena_printf(c->a, "%s%s%s %s", is, comma, ir_key_name(key), after);
    }
    if (!*was) return;
    c->changed = c->device = true;
    find_out(
        &c->findings, u,
        arena_printf(c->a, "the model was made for %s; chip '%s' has %s", was, c->chip->name, is));
}

// ---- token period ----------------------------------------------------------------------------

// One row of one attention: key/value heads side by side, the query heads that share one of them
// one after the other.
static double row_time(const machine *chip, const ir_attrs *l) {
    int64_t slots = ir_attr_int(l, IR_ATTR_slots, 1),
            sub_tile = ir_attr_int(l, IR_ATTR_sub_tile, 1);
    double sub_tiles = (double)((slots + sub_tile - 1) / sub_tile);
    double query = chip->time.gain_score + chip->time.gain_mix + chip->time.gain_read +
                   sub_tiles * chip->time.gain_add + chip->time.gain_sum;
    return query * (double)ir_attr_int(l, IR_ATTR_q_per_kv, 1);
}

// The model's own decay of a token; false: attentions differ (reported), *decay 0: it has none.
static bool own_decay(chooser *c, double *decay) {
    const user *first = NULL;
    *decay = 0;
    for (size_t i = 0; i < c->n_users; i++) {
        const user *u = &c->users[i];
        if (!readout_is_charge(&u->ring->attrs)) continue;
        double d = ir_attr_float(&u->ring->attrs, IR_ATTR_decay, 0);
        if (!first) {
            first = u;
            *decay = d;
        } else if ((float)d != (float)*decay) {
            diag_emit(c->diags, DIAG_ID_token_period, DIAG_AT(NULL, name_of(u)),
                      "its tokens lose %.6g each token period, those of '%s' %.6g, but all gain "
                      "cells of a chip age alike: say the period with --token-period NS",
                      d, name_of(first), *decay);
            return false;
        }
    }
    return true;
}

// Six digits where they mean the same decay: a model that says 1.6e-4 in f32 means 800 ns.
static double rounded_period(arena *a, double period, double retention, double decay) {
    double r = strtod(arena_printf(a, "%.6g", period), NULL);
    return (float)(r / retention) == (float)decay ? r : period;
}

// A declared period must let stored values decay by something a number can hold, and mean
// something.
static bool period_makes_sense(chooser *c, double period, double retention) {
    double decay = retention > 0 ? period / retention : 0;
    if (isfinite(period) && (retention == 0 || ((float)decay > 0 && decay <= MOST_DECAY)))
        return true;
    diag_emit(c->diags, DIAG_ID_token_period_range, DIAG_NOWHERE,
              "--token-period %.6g ns: at a retention of %.6g ns stored values would decay by %.6g "
              "a token, must be above 0 and at most %g",
              period, retention, retention > 0 ? (double)(float)decay : 0, MOST_DECAY);
    return false;
}

// What attentions in the charge domain lost a token in the model, where it is not `now`.
static void compare_decay(chooser *c, double now) {
    const user *first = NULL;
    float was = 0;
    size_t others = 0; // that lost something else yet
    for (size_t i = 0; i < c->n_users; i++) {
        const ir_attrs *l = &c->users[i].ring->attrs;
        float own = (float)ir_attr_float(l, IR_ATTR_decay, 0);
        if (!readout_is_charge(l) || own == (float)now) continue;
        others += first && own != was;
        if (!first) first = &c->users[i], was = own;
    }
    if (!first) return;
    c->changed = c->device = true;
    note(c, arena_printf(
                c->a,
                "the model was made for a decay of %.6g a token%s; on chip '%s' it is "
                "%.6g",
                ir_attr_float(&first->ring->attrs, IR_ATTR_decay, 0),
                others ? arena_printf(c->a, " (%s, %zu more have others)", name_of(first), others)
                       : "",
                c->chip->name, now));
}

// Every charge ring on the chip's device gets its decay; the module declares the period.
static bool set_decay(chooser *c) {
    double retention = c->chip->gain.retention, decay = 0, period = c->o->token_period, rows = 0;
    size_t n = 0;
    if (period != 0 && !period_makes_sense(c, period, retention)) return false;
    for (size_t i = 0; i < c->n_users; i++) {
        const ir_symbol *s = ir_symbol_find(c->m, c->users[i].ring->name);
        if (!readout_is_charge(&s->attrs)) continue;
        rows += row_time(c->chip, &s->attrs);
        n++;
    }
    const char *how = "as declared";
    if (period == 0 && !own_decay(c, &decay)) return false;
    if (period == 0 && retention > 0 && decay > 0) {
        period = rounded_period(c->a, decay * retention, retention, decay);
        how = arena_printf(c->a, "in which the model's tokens lose %.6g", decay);
    } else if (period == 0) {
        period = rows;
        how = arena_printf(c->a, "%zu attention%s one after the other", n, n == 1 ? "" : "s");
    }
    if (period > 0)
        ir_attr_set_float(c->m->arena, &c->m->attrs, IR_ATTR_token_period, period);
    else
        ir_attr_remove(&c->m->attrs, IR_ATTR_token_period); // a chip that states no times
    double now = retention > 0 ? period / retention : 0;
    for (size_t i = 0; i < c->n_users; i++) {
        ir_symbol *s = ir_symbol_find(c->m, c->users[i].ring->name);
        if (readout_is_charge(&s->attrs))
            ir_attr_set_float(c->m->arena, &s->attrs, IR_ATTR_decay, now);
    }
    if (period > 0 && retention > 0)
        note(c, arena_printf(c->a,
                             "token period %.6g ns (%s): at a retention of %.6g ns stored values "
                             "decay by %.6g a token",
                             period, how, retention, now));
    else if (retention > 0)
        note(c, arena_printf(c->a,
                             "stored values do not decay: chip '%s' states no time for a token, "
                             "--token-period NS would",
                             c->chip->name));
    if (period > 0 && rows > period)
        diag_emit(c->diags, DIAG_ID_token_period_short, DIAG_NOWHERE,
                  "attention alone takes %.6g ns a token, the declared period is %.6g ns: stored "
                  "values decay faster than this program says (--token-period %.6g)",
                  rows, period, rows);
    compare_decay(c, now);
    return true;
}

// ---- choosing --------------------------------------------------------------------------------

// Scalings of an attention that had none: those the paper starts from.
static void start_scalings(chooser *c, ir_symbol *ring) {
    arena *a = c->m->arena;
    int64_t heads = heads_of(&ring->attrs);
    tensor t = tensor_new(a, ELEM_f32, 2, (int64_t[]){2 * ADAPT_SIGNALS, heads});
    float half = (float)ir_attr_float(&ring->attrs, IR_ATTR_v_dd, 1) / 2;
    const float start[2 * ADAPT_SIGNALS] = {1, 0, 1, half, 1, half, 1, 0};
    for (int64_t i = 0; i < 2 * ADAPT_SIGNALS * heads; i++) ((float *)t.data)[i] = start[i / heads];
    const ir_symbol *s =
        ir_symbol_add_tensor(c->m, arena_printf(c->a, "%s.scalings", ring->name), t);
    ir_attr_set_str(a, &ring->attrs, IR_ATTR_scalings, s->name);
}

// Why the charge domain cannot do what this attention does with its scores; NULL: it can.
static const char *obstacle(const user *u) {
    const ir_attrs *l = &u->ring->attrs;
    if (u->scored) return "gives its probabilities to an output";
    const char *mode = ir_attr_str(l, IR_ATTR_mode, "causal");
    if (strcmp(mode, "cross") == 0) return "reads what an encoder wrote";
    if (strcmp(mode, "causal") != 0) return "lets rows see what comes after them";
    if (strcmp(ir_attr_str(l, IR_ATTR_bias, "none"), "none") != 0)
        return "adds a bias to its scores";
    if (ir_attr_float(l, IR_ATTR_softcap, 0) != 0) return "caps its scores";
    if (ir_attr_has(l, IR_ATTR_sink)) return "has a sink among its scores";
    return NULL;
}

static void refuse(chooser *c, const user *u, const char *what, const char *fits) {
    find_out(&c->refusals, u, arena_printf(c->a, "%s: %s", what, fits));
}

static void move_to_charge(chooser *c, const user *u, ir_symbol *ring, const char *what) {
    static const ir_key gone[] = {IR_ATTR_act,     IR_ATTR_alpha,    IR_ATTR_beta,    IR_ATTR_scale,
                                  IR_ATTR_softcap, IR_ATTR_p_levels, IR_ATTR_adc_bits};
    arena *a = c->m->arena;
    for (size_t i = 0; i < ARRAY_LEN(gone); i++) ir_attr_remove(&ring->attrs, gone[i]);
    take_device(c, &ring->attrs);
    // A pulse has a longest length where only the chip's numbers describe the unit.
    if (c->chip->gain.charge == MACHINE_CHARGE_PROGRAM && c->chip->gain.saturate == ISA_SAT_NONE)
        ir_attr_set_str(a, &ring->attrs, IR_ATTR_saturate, "scores");
    ir_attr_set_str(a, &ring->attrs, IR_ATTR_readout, "charge");
    start_scalings(c, ring);
    c->charges++;
    c->moved++;
    c->changed = true;
    find_out(&c->findings, u, what);
}

static void read_scores(chooser *c, const user *u, ir_symbol *ring) {
    arena *a = c->m->arena;
    const struct {
        ir_key key;
        int64_t value;
    } set[] = {{IR_ATTR_kv_levels, machine_score_levels(c->chip)},
               {IR_ATTR_q_levels, c->chip->gain.score_q_levels},
               {IR_ATTR_p_levels, c->chip->gain.score_p_levels},
               {IR_ATTR_adc_bits, c->chip->gain.score_adc_bits}};
    bool any = false;
    for (size_t i = 0; i < ARRAY_LEN(set); i++) {
        if (set[i].value > 0) {
            ir_attr_set_int(a, &ring->attrs, set[i].key, set[i].value);
            any = true;
        } else {
            ir_attr_remove(&ring->attrs, set[i].key);
        }
    }
    if (!any) return; // real numbers: nothing depends on arrays
    ir_attr_set_int(a, &ring->attrs, IR_ATTR_sub_tile, c->chip->gain.sub_tile);
    c->changed = true;
    const char *text = "is read out as scores";
    if (set[0].value)
        text =
            arena_printf(c->a, "%s, keys and values of %lld levels", text, (long long)set[0].value);
    if (set[1].value)
        text = arena_printf(c->a, "%s, queries of %lld", text, (long long)set[1].value);
    if (set[2].value)
        text = arena_printf(c->a, "%s, probabilities of %lld", text, (long long)set[2].value);
    if (set[3].value)
        text = arena_printf(c->a, "%s, converted to %lld bits", text, (long long)set[3].value);
    find_out(&c->findings, u, text);
}

static void choose(chooser *c, const user *u) {
    ir_symbol *ring = ir_symbol_find(c->m, u->ring->name);
    const int charge = c->chip->gain.charge;
    const char *why = obstacle(u);
    bool hard = strcmp(ir_attr_str(&ring->attrs, IR_ATTR_act, "softmax"), "hardsigmoid") == 0;
    bool asked = strcmp(c->o->attention, "hard-sigmoid") == 0;
    if (ir_attr_has(&ring->attrs, IR_ATTR_full_window)) {
        ir_attr_remove(&ring->attrs, IR_ATTR_full_window);
        c->changed = true; // find-tokens has said so
    }
    if (readout_is_charge(&ring->attrs) && charge == MACHINE_CHARGE_NONE) {
        refuse(c, u,
               arena_printf(c->a, "attention in the charge domain, which chip '%s' does not have",
                            c->chip->name),
               "compile for 'leroux2025', for 'ideal', or for a chip whose gain.charge is chip or "
               "program");
    } else if (readout_is_charge(&ring->attrs)) {
        c->charges++;
        if (charge == MACHINE_CHARGE_PROGRAM) return;
        take_device(c, &ring->attrs);
        compare_device(c, u, &ring->attrs);
    } else if (!hard && asked && charge == MACHINE_CHARGE_NONE) {
        refuse(c, u,
               arena_printf(c->a,
                            "--attention hard-sigmoid needs charge read-out, which chip '%s' does "
                            "not have",
                            c->chip->name),
               "leave it out, or compile for a chip whose gain.charge is chip or program");
    } else if (!hard && asked && why) {
        refuse(c, u,
               arena_printf(c->a, "--attention hard-sigmoid cannot replace it, as it %s", why),
               "compile with --attention softmax");
    } else if (!hard && asked) {
        move_to_charge(c, u, ring,
                       "softmax of scores is replaced by a hard sigmoid of charges, without "
                       "normalisation");
    } else if (hard && !why && charge == MACHINE_CHARGE_CHIP) {
        move_to_charge(c, u, ring,
                       "a hard sigmoid of scores becomes charge pulses: queries, which cannot be "
                       "negative there, are cut at 0");
    } else {
        read_scores(c, u, ring);
    }
}

// ---- text ------------------------------------------------------------------------------------

// The one function that reads tokens and attends; NULL: none, or several.
static const ir_func *text_func(const ir_module *m) {
    const ir_func *found = NULL;
    for (size_t i = 0; i < m->funcs.count; i++) {
        if (!corpus_port(m->funcs.items[i], 0)) continue;
        if (found) return NULL;
        found = m->funcs.items[i];
    }
    return found;
}

// The model as it was meant: with the windows it had.
static ir_module *meant(const chooser *c) {
    ir_module *m = ir_module_derive(c->old);
    for (size_t i = 0; i < c->old->funcs.count; i++) ir_func_copy(m, c->old->funcs.items[i]);
    for (size_t i = 0; i < m->symbols.count; i++) {
        ir_symbol *s = m->symbols.items[i];
        int64_t full = ir_attr_int(&s->attrs, IR_ATTR_full_window, 0);
        if (s->kind != IR_SYM_RING || full == 0) continue;
        int64_t slots = max_i64(full, ir_attr_int(&s->attrs, IR_ATTR_slots, 0));
        ir_attr_set_int(m->arena, &s->attrs, IR_ATTR_window, full);
        ir_attr_set_int(m->arena, &s->attrs, IR_ATTR_slots, slots);
    }
    return m;
}

static bool adapt(chooser *c, const ir_module *own, corpus *text) {
    const ir_func *f = text_func(c->old), *g = f ? ir_func_find(c->m, f->name) : NULL;
    enum { LEAST = 128 };
    if (!f) {
        diag_emit(c->diags, DIAG_ID_calibration_text, DIAG_FILE(text->path),
                  "--adapt needs a model with one function that reads tokens");
        return false;
    }
    size_t given = text->n_tokens;
    if (!corpus_fit(text, c->m, g, c->diags)) return false;
    if (text->n_tokens < LEAST) {
        const char *cut = "";
        if (text->n_tokens < given)
            cut = arena_printf(c->a,
                               " (of the text's %zu, as lists are cut to the %lld tokens this "
                               "model takes, and those whose length it does not take left out)",
                               given, (long long)corpus_longest(c->m));
        diag_emit(c->diags, DIAG_ID_calibration_text, DIAG_FILE(text->path),
                  "%zu tokens%s are too few to adapt to: at least %d, and some thousands for "
                  "moments that hold elsewhere",
                  text->n_tokens, cut, LEAST);
        return false;
    }
    adapt_table targets;
    adapt_result r;
    if (!adapt_targets(c->a, own, c->m, ir_func_find(own, f->name), text, c->o->threads, &targets,
                       c->diags) ||
        !adapt_fit(c->m, g, text, &targets, c->o->threads, &r, c->diags))
        return false;
    note(c, arena_printf(c->a,
                         "scalings adapted on %zu tokens of %s: %d iteration%s, largest error of a "
                         "mean or deviation %.1e%s",
                         text->n_tokens, file_base(text->path), r.iterations,
                         r.iterations == 1 ? "" : "s", r.error,
                         r.dead ? arena_printf(c->a, ", without %zu signal%s that could not be",
                                               r.dead, r.dead == 1 ? "" : "s")
                                : ""));
    if (r.dead)
        diag_emit(c->diags, DIAG_ID_adapted_in_part, DIAG_FILE(text->path),
                  "%zu signal%s not vary on this text and could not be adapted: another text, or "
                  "a device whose pulses and read-out they do not leave",
                  r.dead, r.dead == 1 ? " does" : "s do");
    if (!r.met)
        diag_emit(c->diags, DIAG_ID_adapted_in_part, DIAG_FILE(text->path),
                  "scalings did not meet their targets in %d iterations: a mean or deviation is "
                  "still off by %.2g",
                  r.iterations, r.error);
    return true;
}

// What the change did to perplexity.
static bool measure(chooser *c, const ir_module *own, corpus *given) {
    const ir_func *f = text_func(c->old), *g = f ? ir_func_find(c->m, f->name) : NULL;
    if (!f) return true;
    double before, after, most = MEASURED_MACS / corpus_macs(f);
    const char *why;
    if (!corpus_fit(given, c->m, g, c->diags)) return false;
    corpus text =
        corpus_head(c->a, given, most < MEASURED_TOKENS ? (size_t)most + 2 : MEASURED_TOKENS);
    if (!corpus_perplexity(own, ir_func_find(own, f->name), &text, c->o->threads, &before, &why,
                           c->diags) ||
        (!why && !corpus_perplexity(c->m, g, &text, c->o->threads, &after, &why, c->diags)))
        return false;
    note(c, why ? arena_printf(c->a, "what this does to the model was not measured: %s", why)
                : arena_printf(c->a,
                               "perplexity on %s (%zu tokens): %.4f as the model is meant, %.4f "
                               "with these read-outs",
                               file_base(text.path), text.n_tokens, before, after));
    return true;
}

// Why there is nothing to adapt.
static const char *at_home(const chooser *c) {
    if (c->charges) return "every attention computes on the device it was made for";
    const char *none = "no attention of this model is read out by charges", *why = NULL;
    if (c->chip->gain.charge == MACHINE_CHARGE_NONE)
        return arena_printf(c->a, "%s, which chip '%s' does not have", none, c->chip->name);
    for (size_t i = 0; i < c->n_users; i++) {
        const user *u = &c->users[i];
        if (!u->op) continue;
        const char *x = obstacle(u);
        if (!x) return arena_printf(c->a, "%s; --attention hard-sigmoid would make it so", none);
        if (!why) why = arena_printf(c->a, "%s, and cannot be: that of %s %s", none, name_of(u), x);
    }
    return why ? why : none;
}

// Adapts and measures, with the text there is.
static bool use_text(chooser *c) {
    const char *path = c->o->adapt ? c->o->adapt : c->o->calibrate;
    bool fits = c->charges > 0 && (c->device || c->moved > 0);
    corpus text;
    if (c->o->adapt && file_ends_in(path, ".npz")) {
        diag_emit(c->diags, DIAG_ID_calibration_text, DIAG_FILE(path),
                  "--adapt takes JSON lists of token ids, not arrays: those are for --calibrate");
        return false;
    }
    if (c->o->adapt && !corpus_read(c->a, path, &text, c->diags)) return false;
    if (c->o->adapt && !fits)
        diag_emit(c->diags, DIAG_ID_nothing_to_adapt, DIAG_NOWHERE, "--adapt: %s", at_home(c));
    if (!c->o->adapt && fits)
        diag_emit(c->diags, DIAG_ID_not_adapted, DIAG_NOWHERE,
                  "%s: --adapt FILE (JSON lists of token ids) fits their scalings to the chip",
                  c->moved ? "attentions moved to the charge domain start from the scalings the "
                             "paper's training starts from"
                           : "attentions run on another device than the model's");
    if (!c->changed) return true;
    if (!path || file_ends_in(path, ".npz")) {
        if (text_func(c->old))
            note(c, "--calibrate FILE (JSON lists of token ids) would measure what this does to "
                    "perplexity");
        return true;
    }
    if (!c->o->adapt && !corpus_read(c->a, path, &text, c->diags)) return false;
    ir_module *own = meant(c);
    bool ok = (!c->o->adapt || !fits || adapt(c, own, &text)) && measure(c, own, &text);
    ir_module_free(own);
    return ok;
}

// ---- the pass --------------------------------------------------------------------------------

ir_module *pass_choose_readout(const ir_module *old, const pass_options *o, diag_sink *diags) {
    chooser c = {.old = old,
                 .m = ir_module_derive(old),
                 .o = o,
                 .chip = o->machine,
                 .diags = diags,
                 .a = arena_new()};
    size_t errors = diag_errors(diags);
    for (size_t i = 0; i < old->funcs.count; i++) ir_func_copy(c.m, old->funcs.items[i]);
    find_users(&c);
    for (size_t i = 0; i < c.n_users; i++) choose(&c, &c.users[i]);
    for (size_t i = 0; i < c.findings.count; i++) {
        const finding *x = &c.findings.items[i];
        note(&c, arena_printf(c.a, "attention of %s: %s", found_in(&c, x), x->text));
    }
    for (size_t i = 0; i < c.refusals.count; i++) {
        const finding *x = &c.refusals.items[i];
        diag_emit(diags, DIAG_ID_readout, DIAG_AT(NULL, found_in(&c, x)), "%s", x->text);
    }
    vec_free(&c.findings);
    vec_free(&c.refusals);
    bool on_chip = c.charges > 0 && (c.moved || c.chip->gain.charge == MACHINE_CHARGE_CHIP);
    if (!on_chip) ir_attr_remove(&c.m->attrs, IR_ATTR_token_period);
    if (o->token_period != 0 && diag_errors(diags) == errors &&
        (!on_chip || c.chip->gain.retention == 0))
        diag_emit(diags, DIAG_ID_token_period_unused, DIAG_NOWHERE,
                  "--token-period changes nothing: %s",
                  on_chip ? arena_printf(c.a, "stored values stay on chip '%s' (gain.retention 0)",
                                         c.chip->name)
                  : c.charges
                      ? arena_printf(c.a, "on chip '%s' values decay as the model spells it out",
                                     c.chip->name)
                      : "no attention of this program is read out by charges, and only they decay");
    bool ok = diag_errors(diags) == errors && (!on_chip || set_decay(&c)) && use_text(&c);
    arena_free(c.a);
    if (ok) {
        ir_symbols_sweep(c.m);
        return c.m;
    }
    ir_module_free(c.m);
    return NULL;
}
