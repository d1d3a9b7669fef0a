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
#include "passes/precision/choose_readout.h"
#include "passes/precision/adapt.h"
#include <inttypes.h>
#include <string.h>

// ---- what the model has ----------------------------------------------------------------------

static void find_users(chooser *c) {
    c->users = ARENA_ARRAY(c->a, readout_user, c->old->symbols.count + 1);
    map *of = map_new();
    for (size_t i = 0; i < c->old->symbols.count; i++) {
        const ir_symbol *s = c->old->symbols.items[i];
        if (!s->ring) continue;
        map_set(of, s->name, (uint32_t)c->n_users);
        c->users[c->n_users++] =
            (readout_user){.name = s->name, .was = s->ring, .now = ir_ring_find(c->m, s->name)};
    }
    for (size_t i = 0; i < c->old->funcs.count; i++) {
        const ir_func *f = c->old->funcs.items[i];
        for (size_t k = 0; k < f->ops.count; k++) {
            const ir_op *op = &f->ops.items[k];
            const char *ring = ir_attr_str(&op->attrs, IR_ATTR_ring, NULL);
            uint32_t at = ring ? map_get(of, ring) : MAP_NONE;
            if (at == MAP_NONE) continue;
            if (!c->users[at].op) c->users[at].op = op;
            c->users[at].scored |= op->code == IR_nn_scores;
        }
    }
    map_free(of);
}

static void find_out(readout_findings *list, const readout_user *u, const char *text) {
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i].text, text) == 0) {
            list->items[i].count++;
            return;
        }
    vec_push(list, (readout_finding){text, readout_name(u), 1});
}

// "/h.0/attn (and 3 more)"
static const char *found_in(chooser *c, const readout_finding *x) {
    return x->count > 1 ? arena_printf(c->a, "%s (and %zu more)", x->first, x->count - 1)
                        : x->first;
}

// ---- devices ---------------------------------------------------------------------------------

// The facts of a ring that describe its device.
static const ir_key device_keys[] = {
    IR_ATTR_cell,  IR_ATTR_v_dd,  IR_ATTR_q_levels, IR_ATTR_kv_levels,  IR_ATTR_out_levels,
    IR_ATTR_s_sat, IR_ATTR_o_sat, IR_ATTR_saturate, IR_ATTR_decay_form, IR_ATTR_sub_tile,
};

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

_Static_assert((int)IR_SAT_NONE == ISA_SAT_NONE && (int)IR_SAT_BOTH == ISA_SAT_BOTH &&
                   (int)IR_SAT_SCORES == ISA_SAT_SCORES &&
                   (int)IR_DECAY_PRODUCT == ISA_DECAY_PRODUCT,
               "chip and ring number them alike");

static void take_device(chooser *c, ir_ring *r) {
    const machine *chip = c->chip;
    r->cell.count = (size_t)chip->gain.cell.n;
    r->cell.items = arena_copy(c->m->arena, chip->gain.cell.v, r->cell.count * sizeof(double));
    r->v_dd = chip->gain.v_dd;
    r->q_levels = chip->gain.q_levels;
    r->kv_levels = chip->gain.kv_levels;
    r->out_levels = chip->gain.out_levels;
    r->s_sat = chip->gain.s_sat;
    r->o_sat = chip->gain.o_sat;
    r->saturate = (ir_saturation)chip->gain.saturate;
    r->decay_form = (ir_decay_form)chip->gain.decay_form;
    r->sub_tile = chip->gain.sub_tile;
    r->decay = 0; // readout_set_decay knows the period
}

// What the model was made for and what it gets, where they differ.
static void compare_device(chooser *c, const readout_user *u) {
    const ir_attrs before = ir_ring_attrs(c->a, u->was), now = ir_ring_attrs(c->a, u->now);
    const char *was = "", *is = "";
    for (size_t i = 0; i < ARRAY_LEN(device_keys); i++) {
        ir_key key = device_keys[i];
        const char *had = text_of(c->a, &before, key), *has = text_of(c->a, &now, key);
        if (strcmp(had, has) == 0) continue;
        const char *comma = *was ? ", " : "";
        was = arena_printf(c->a, "%s%s%s %s", was, comma, ir_key_name(key), had);
        is = arena_printf(c->a, "%s%s%s %s", is, comma, ir_key_name(key), has);
    }
    if (!*was) return;
    c->changed = c->device = true;
    find_out(
        &c->findings, u,
        arena_printf(c->a, "the model was made for %s; chip '%s' has %s", was, c->chip->name, is));
}

// ---- choosing --------------------------------------------------------------------------------

// Scalings of an attention that had none: those the paper starts from.
static void start_scalings(chooser *c, const readout_user *u) {
    arena *a = c->m->arena;
    int64_t heads = ir_ring_heads(u->now);
    tensor t = tensor_new(a, ELEM_f32, 2, (int64_t[]){2 * ADAPT_SIGNALS, heads});
    float half = (float)u->now->v_dd / 2;
    const float start[2 * ADAPT_SIGNALS] = {1, 0, 1, half, 1, half, 1, 0};
    for (int64_t i = 0; i < 2 * ADAPT_SIGNALS * heads; i++) ((float *)t.data)[i] = start[i / heads];
    u->now->scalings =
        ir_symbol_add_tensor(c->m, arena_printf(c->a, "%s.scalings", u->name), t)->name;
}

const char *readout_obstacle(const readout_user *u) {
    const ir_ring *r = u->was;
    if (u->scored) return "gives its probabilities to an output";
    if (r->mode == IR_RING_CROSS) return "reads what an encoder wrote";
    if (r->mode != IR_RING_CAUSAL) return "lets rows see what comes after them";
    if (r->bias != IR_BIAS_NONE) return "adds a bias to its scores";
    if (r->softcap != 0) return "caps its scores";
    if (r->sink) return "has a sink among its scores";
    return NULL;
}

static void refuse(chooser *c, const readout_user *u, const char *what, const char *fits) {
    find_out(&c->refusals, u, arena_printf(c->a, "%s: %s", what, fits));
}

static void move_to_charge(chooser *c, const readout_user *u, const char *what) {
    const ir_ring nothing = ir_ring_new();
    ir_ring *r = u->now;
    r->act = nothing.act;
    r->alpha = nothing.alpha;
    r->beta = nothing.beta;
    r->scale = nothing.scale;
    r->softcap = nothing.softcap;
    r->p_levels = nothing.p_levels;
    r->adc_bits = nothing.adc_bits;
    take_device(c, r);
    // A pulse has a longest length where only the chip's numbers describe the unit.
    if (c->chip->gain.charge == MACHINE_CHARGE_PROGRAM && c->chip->gain.saturate == ISA_SAT_NONE)
        r->saturate = IR_SAT_SCORES;
    r->readout = IR_READ_CHARGE;
    start_scalings(c, u);
    c->charges++;
    c->moved++;
    c->changed = true;
    find_out(&c->findings, u, what);
}

static void read_scores(chooser *c, const readout_user *u) {
    ir_ring *r = u->now;
    r->kv_levels = machine_score_levels(c->chip);
    r->q_levels = c->chip->gain.score_q_levels;
    r->p_levels = c->chip->gain.score_p_levels;
    r->adc_bits = c->chip->gain.score_adc_bits;
    if (!ir_ring_is_coarse(r)) return; // real numbers: nothing depends on arrays
    r->sub_tile = c->chip->gain.sub_tile;
    c->changed = true;
    const char *text = "is read out as scores";
    if (r->kv_levels)
        text = arena_printf(c->a, "%s, keys and values of %" PRId64 " levels", text, r->kv_levels);
    if (r->q_levels) text = arena_printf(c->a, "%s, queries of %" PRId64, text, r->q_levels);
    if (r->p_levels) text = arena_printf(c->a, "%s, probabilities of %" PRId64, text, r->p_levels);
    if (r->adc_bits)
        text = arena_printf(c->a, "%s, converted to %" PRId64 " bits", text, r->adc_bits);
    find_out(&c->findings, u, text);
}

static void choose(chooser *c, const readout_user *u) {
    pass_use(c->o, PASS_OPTION_attention);
    ir_ring *r = u->now;
    const int charge = c->chip->gain.charge;
    const char *why = readout_obstacle(u);
    bool hard = ir_ring_is_hard(r);
    bool asked = strcmp(c->o->attention, "hard-sigmoid") == 0;
    c->changed |= r->full_window != 0; // find-tokens has said so
    r->full_window = 0;
    if (ir_ring_is_charge(r) && charge == MACHINE_CHARGE_NONE) {
        refuse(c, u,
               arena_printf(c->a, "attention in the charge domain, which chip '%s' does not have",
                            c->chip->name),
               "compile for 'leroux2025', for 'ideal', or for a chip whose gain.charge is chip or "
               "program");
    } else if (ir_ring_is_charge(r)) {
        c->charges++;
        if (charge == MACHINE_CHARGE_PROGRAM) return;
        take_device(c, r);
        compare_device(c, u);
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
        move_to_charge(c, u,
                       "softmax of scores is replaced by a hard sigmoid of charges, without "
                       "normalisation");
    } else if (hard && !why && charge == MACHINE_CHARGE_CHIP) {
        move_to_charge(c, u,
                       "a hard sigmoid of scores becomes charge pulses: queries, which cannot be "
                       "negative there, are cut at 0");
    } else {
        read_scores(c, u);
    }
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
        const readout_finding *x = &c.findings.items[i];
        readout_note(&c, arena_printf(c.a, "attention of %s: %s", found_in(&c, x), x->text));
    }
    for (size_t i = 0; i < c.refusals.count; i++) {
        const readout_finding *x = &c.refusals.items[i];
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
    bool ok =
        diag_errors(diags) == errors && (!on_chip || readout_set_decay(&c)) && readout_use_text(&c);
    arena_free(c.a);
    if (ok) {
        ir_symbols_sweep(c.m);
        return c.m;
    }
    ir_module_free(c.m);
    return NULL;
}
