// How long a token takes, and so what of a stored value is left after one: part of choose-readout
// (docs/gain-cells.md). The period is the declared one, or the one in which the chip's cells lose
// what the model's lose, or the time that attentions take one after the other.
#include "passes/precision/choose_readout.h"
#include <math.h>
#include <stdlib.h>

#define MOST_DECAY 1e3 // of a token: after one, nothing is left long before that

// One row of one attention: key/value heads side by side, the query heads that share one of them
// one after the other.
static double row_time(const machine *chip, const ir_ring *r) {
    int64_t sub_tiles = ceil_div_i64(r->slots, r->sub_tile);
    return machine_gain_query_ns(chip, sub_tiles) * (double)r->q_per_kv;
}

// The model's own decay of a token; false: attentions differ (reported), *decay 0: it has none.
static bool own_decay(chooser *c, double *decay) {
    const readout_user *first = NULL;
    *decay = 0;
    for (size_t i = 0; i < c->n_users; i++) {
        const readout_user *u = &c->users[i];
        if (!ir_ring_is_charge(u->was)) continue;
        double d = u->was->decay;
        if (!first) {
            first = u;
            *decay = d;
        } else if ((float)d != (float)*decay) {
            diag_emit(c->diags, DIAG_ID_token_period, DIAG_AT(NULL, readout_name(u)),
                      "its tokens lose %.6g each token period, those of '%s' %.6g, but all gain "
                      "cells of a chip age alike: say the period with --token-period NS",
                      d, readout_name(first), *decay);
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
    const readout_user *first = NULL;
    float was = 0;
    size_t others = 0; // that lost something else yet
    for (size_t i = 0; i < c->n_users; i++) {
        const ir_ring *r = c->users[i].was;
        float own = (float)r->decay;
        if (!ir_ring_is_charge(r) || own == (float)now) continue;
        others += first && own != was;
        if (!first) first = &c->users[i], was = own;
    }
    if (!first) return;
    c->changed = c->device = true;
    readout_note(
        c, arena_printf(c->a,
                        "the model was made for a decay of %.6g a token%s; on chip '%s' it is "
                        "%.6g",
                        first->was->decay,
                        others ? arena_printf(c->a, " (%s, %zu more have others)",
                                              readout_name(first), others)
                               : "",
                        c->chip->name, now));
}

bool readout_set_decay(chooser *c) {
    double retention = c->chip->gain.retention, decay = 0, period = c->o->token_period, rows = 0;
    size_t n = 0;
    if (period != 0 && !period_makes_sense(c, period, retention)) return false;
    for (size_t i = 0; i < c->n_users; i++) {
        const ir_ring *r = c->users[i].now;
        if (!ir_ring_is_charge(r)) continue;
        rows += row_time(c->chip, r);
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
        ir_ring *r = c->users[i].now;
        if (ir_ring_is_charge(r)) r->decay = now;
    }
    if (period > 0 && retention > 0)
        readout_note(
            c, arena_printf(c->a,
                            "token period %.6g ns (%s): at a retention of %.6g ns stored values "
                            "decay by %.6g a token",
                            period, how, retention, now));
    else if (retention > 0)
        readout_note(
            c, arena_printf(c->a,
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
