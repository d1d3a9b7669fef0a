// What is counted, for which lengths, on which chip.
#include "cli/cost/cost.h"
#include "isa/machine/pool.h"
#include <inttypes.h>
#include <string.h>

void cost_check_period(const isa_program *p, timing_ps token, diag_sink *diags) {
    double declared = p->token_period_ns;
    if (declared <= 0 || declared * 1000 >= (double)token) return;
    diag_emit(diags, DIAG_ID_timing_period, DIAG_NOWHERE,
              "gain cells lose what %.6g ns a token cost them, as declared, but a token takes "
              "%.6g ns here: --token-period NS when compiling",
              declared, (double)token / 1000);
}

bool cost_run(const cost *c, timing *t, arena *a, timing_latency *out) {
    if (c->activity) return timing_replay(t, c->activity, a, out, c->diags);
    return timing_sequence(t, c->p, c->prompt, c->generate, a, out, c->diags);
}

// As many as were asked for, in banks of their own.
static bool count_together(cost *c) {
    if (c->sequences <= 1) return true;
    timing *t = timing_new(c->p, c->chip, 0, c->diags);
    bool ok = t && timing_sequences(t, c->p, c->prompt, c->generate, c->sequences, &c->together,
                                    c->diags);
    timing_free(t);
    return ok;
}

// The sequence and the long run once more; where the chip states no time nothing is assumed.
static bool count_guesses(cost *c) {
    if (timing_end(c->sequence) == 0) return true;
    c->sure = guesses_left_out(c->chip);
    timing *t = timing_new(c->p, &c->sure, 0, c->diags);
    bool ok = t && cost_run(c, t, c->a, &c->sure_latency);
    timing_free(t);
    t = ok ? timing_new(c->p, &c->sure, 0, c->diags) : NULL;
    ok = t && timing_steady_state(t, c->p, &c->sure_steady, c->diags);
    timing_free(t);
    return ok;
}

bool cost_count_sequence(cost *c) {
    c->sequence = timing_new(c->p, c->chip, 0, c->diags);
    if (!c->sequence) return false;
    cost_watch_energy(c);
    if (!cost_run(c, c->sequence, c->a, &c->latency)) return false;
    cost_count_energy(c);
    return true;
}

bool cost_count(cost *c) {
    if (!cost_count_sequence(c)) return false;
    c->endless = timing_new(c->p, c->chip, 0, c->diags);
    if (!c->endless || !timing_steady_state(c->endless, c->p, &c->steady, c->diags)) return false;
    if (c->steady.unit != SIZE_MAX) {
        timing_unit_kind kind = timing_unit_at(c->endless, c->steady.unit).kind;
        c->freed = timing_new(c->p, c->chip, UINT32_C(1) << kind, c->diags);
        if (!c->freed || !timing_steady_state(c->freed, c->p, &c->without, c->diags)) return false;
    }
    if (!count_guesses(c) || !count_together(c)) return false;
    if (c->generate > 0) cost_check_period(c->p, c->latency.last, c->diags);
    return true;
}

static int64_t usual_generate(const isa_program *p) {
    return min_i64(8, timing_generates(p) ? timing_most_tokens(p) - 1 : 0);
}

static int64_t usual_prompt(const isa_program *p, int64_t generate) {
    const int64_t fixed = timing_fixed_tokens(p);
    return fixed ? fixed : clamp_i64(16, 1, max_i64(1, timing_most_tokens(p) - generate));
}

void cost_usual_lengths(const isa_program *p, int64_t *prompt, int64_t *generate) {
    *generate = usual_generate(p);
    *prompt = usual_prompt(p, *generate);
}

bool cost_lengths(cost *c, const args *given) {
    c->top = args_int(given, "top", 5);
    const char *by = args_string(given, "by", NULL);
    c->by_given = by != NULL;
    for (unsigned k = 0; by && k < ENERGY_BYS; k++)
        if (strcmp(by, energy_by_names[k]) == 0) c->by = (energy_by)k;
    c->sequences = args_int(given, "sequences", 1);
    if (c->sequences > c->p->banks) {
        diag_emit(c->diags, DIAG_ID_cost_banks, DIAG_NOWHERE,
                  "%" PRId64 " sequences, the program has a bank for each of %u: compile with "
                  "--banks %" PRId64,
                  c->sequences, c->p->banks, c->sequences);
        return false;
    }
    const char *activity = args_string(given, "activity", NULL);
    if (activity) {
        c->activity = timing_activity_read(c->p, activity, c->diags);
        return c->activity != NULL;
    }
    const int64_t most = timing_most_tokens(c->p), fixed = timing_fixed_tokens(c->p);
    c->generate = args_int(given, "generate", usual_generate(c->p));
    c->prompt = args_int(given, "prompt", usual_prompt(c->p, c->generate));
    if (fixed && c->prompt != fixed) {
        diag_emit(c->diags, DIAG_ID_host_length, DIAG_NOWHERE,
                  "--prompt %" PRId64 ": the program takes sequences of %" PRId64 " tokens only",
                  c->prompt, fixed);
        return false;
    }
    if (c->prompt >= 1 && c->generate >= 0 && c->top >= 0 && c->prompt <= most - c->generate &&
        (c->generate == 0 || timing_generates(c->p)))
        return true;
    diag_emit(c->diags, DIAG_ID_host_length, DIAG_NOWHERE,
              "--prompt %" PRId64 " and --generate %" PRId64 ": the program takes 1 to %" PRId64
              " tokens together%s",
              c->prompt, c->generate, most,
              timing_generates(c->p) ? "" : ", whole, with none behind them");
    return false;
}

// Another number of arrays is another chip for the same program; none is a chip that cannot run it.
static bool check_pool(const cost *c, const machine *chip) {
    if (machine_has_pool(chip)) return true;
    for (uint32_t t = 0; t < c->p->n_tiles; t++)
        for (uint32_t g = 0; g < c->p->tiles[t].n_groups; g++) {
            if (c->p->tiles[t].groups[g].digits == 0) continue;
            diag_emit(
                c->diags, DIAG_ID_cost_pool, DIAG_NOWHERE,
                "pool.arrays is 0, but products of tile %u are computed on a pool: expected 1 "
                "or more, or a program compiled for a chip without",
                t);
            return false;
        }
    return true;
}

machine *cost_chip(const cost *c, machine *own, const args *given) {
    size_t n;
    const char *const *sets = args_list(given, "set", &n);
    for (size_t k = 0; k < n; k++)
        if (!machine_set(c->a, own, sets[k], c->diags)) return NULL;
    return machine_check(own, own->name, c->diags) && check_pool(c, own) ? own : NULL;
}

void cost_free(cost *c) {
    cost_free_energy(c);
    timing_free(c->sequence);
    timing_free(c->endless);
    timing_free(c->freed);
    timing_activity_free(c->activity);
}
