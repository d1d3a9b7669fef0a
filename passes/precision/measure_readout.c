// What the read-outs that were chosen do to the model, on text: scalings are adapted to the device,
// perplexity is measured before and after. Part of choose-readout.
#include "passes/precision/adapt.h"
#include "passes/precision/choose_readout.h"
#include "passes/precision/corpus.h"
#include "support/file/file.h"
#include "support/file/kind.h"
#include <inttypes.h>

#define MEASURED_TOKENS 2000 // of calibration text that perplexity is measured on
#define MEASURED_MACS 2e10   // products spent on it at most

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
        const ir_symbol *s = m->symbols.items[i];
        if (!s->ring || s->ring->full_window == 0) continue;
        s->ring->window = s->ring->full_window;
        s->ring->slots = max_i64(s->ring->window, s->ring->slots);
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
    readout_note(
        c, arena_printf(c->a,
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
    readout_note(
        c, why ? arena_printf(c->a, "what this does to the model was not measured: %s", why)
               : arena_printf(c->a,
                              "perplexity on %s (%zu tokens): %.4f as the model is meant, %.4f "
                              "with these read-outs",
                              file_title(text.path), text.n_tokens, before, after));
    return true;
}

// Why there is nothing to adapt.
static const char *at_home(const chooser *c) {
    if (c->charges) return "every attention computes on the device it was made for";
    const char *none = "no attention of this model is read out by charges", *why = NULL;
    if (c->chip->gain.charge == MACHINE_CHARGE_NONE)
        return arena_printf(c->a, "%s, which chip '%s' does not have", none, c->chip->name);
    for (size_t i = 0; i < c->n_users; i++) {
        const readout_user *u = &c->users[i];
        if (!u->op) continue;
        const char *x = readout_obstacle(u);
        if (!x) return arena_printf(c->a, "%s; --attention hard-sigmoid would make it so", none);
        if (!why)
            why = arena_printf(c->a, "%s, and cannot be: that of %s %s", none, readout_name(u), x);
    }
    return why ? why : none;
}

bool readout_use_text(chooser *c) {
    const char *path = c->o->adapt ? c->o->adapt : c->o->calibrate;
    const json_t *json = c->o->adapt ? c->o->adapt_text : c->o->calibrate_text;
    bool fits = c->charges > 0 && (c->device || c->moved > 0);
    corpus text;
    if (c->o->adapt && file_kind_at(path) == FILE_KIND_npz) {
        diag_emit(
            c->diags, DIAG_ID_calibration_text, DIAG_FILE(path),
            "--adapt takes texts or lists of token ids, not arrays: those are for --calibrate");
        return false;
    }
    if (c->o->adapt && !corpus_read(c->a, path, json, &text, c->diags)) return false;
    if (c->o->adapt && !fits)
        diag_emit(c->diags, DIAG_ID_nothing_to_adapt, DIAG_NOWHERE, "--adapt: %s", at_home(c));
    if (!c->o->adapt && fits)
        diag_emit(
            c->diags, DIAG_ID_not_adapted, DIAG_NOWHERE,
            "%s: --adapt FILE (texts, or JSON lists of token ids) fits their scalings to the chip",
            c->moved ? "attentions moved to the charge domain start from the scalings the "
                       "paper's training starts from"
                     : "attentions run on another device than the model's");
    if (!c->changed) return true;
    if (!path || file_kind_at(path) == FILE_KIND_npz) {
        if (text_func(c->old))
            readout_note(c, "--calibrate FILE (texts, or JSON lists of token ids) would measure "
                            "what this does to "
                            "perplexity");
        return true;
    }
    if (!c->o->adapt && !corpus_read(c->a, path, json, &text, c->diags)) return false;
    if (path == c->o->calibrate) pass_use(c->o, PASS_OPTION_calibrate);
    ir_module *own = meant(c);
    bool ok = (!c->o->adapt || !fits || adapt(c, own, &text)) && measure(c, own, &text);
    ir_module_free(own);
    return ok;
}
