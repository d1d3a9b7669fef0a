// ohmic cost: what a program takes on its chip. Time so far (timing/); what it does not know yet,
// it says.
#include "cli/args.h"
#include "cli/report.h"
#include "host/program.h"
#include "isa/text/text.h"
#include "isa/verify/verify.h"
#include "support/file/json.h"
#include "support/name.h"
#include "support/vec.h"
#include "timing/answers.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

int command_cost(int argc, char **argv);

static const arg_option options[] = {
    {"prompt", 0, ARG_COUNT, "N",
     "tokens before the first that is generated; default: 16, or as many as the program takes"},
    {"generate", 0, ARG_SIZE, "M", "tokens generated behind it, one by one; default: 8"},
    {"top", 0, ARG_SIZE, "N", "lines of each list; default: 5"},
    ARG_OPTION("set", 0, ARG_PAIR, "KEY=VALUE", "change a parameter of the chip first", ARG_MANY),
    {"json", 0, ARG_FLAG, NULL, "all figures as JSON"}};

enum { NO_LIMIT = TIMING_UNITS }; // kinds of units to leave out: none

typedef struct {
    arena *a;
    const isa_program *p;
    const machine *chip;
    diag_sink *diags;
    int64_t prompt, generate, top;
    timing *sequence, *endless, *freed; // runs: of a sequence, of rows without end, of those
                                        // without what limits them
    timing_latency latency;
    timing_steady steady, without;
} cost;

// --- texts

static const char *time_text(arena *a, timing_ps t) {
    static const struct {
        timing_ps from;
        double per;
        const char *unit;
    } units[] = {{1000000000000, 1e-12, "s"},
                 {1000000000, 1e-9, "ms"},
                 {1000000, 1e-6, "us"},
                 {0, 1e-3, "ns"}};
    size_t k = 0;
    while (t < units[k].from) k++;
    return arena_printf(a, "%.4g %s", (double)t * units[k].per, units[k].unit);
}

static const char *rate_text(arena *a, int64_t rows, timing_ps t) {
    double s = t ? (double)rows * 1e12 / (double)t : 0;
    const char *unit = s >= 1e9 ? "G" : s >= 1e6 ? "M" : s >= 1e3 ? "k" : "";
    return arena_printf(a, "%.4g %s%stokens/s",
                        s >= 1e9   ? s / 1e9
                        : s >= 1e6 ? s / 1e6
                        : s >= 1e3 ? s / 1e3
                                   : s,
                        unit, *unit ? " " : "");
}

static double share(timing_ps part, timing_ps of) {
    return of ? 100.0 * (double)part / (double)of : 0;
}

static const isa_line *line_of(const cost *c, uint32_t phase, uint32_t tile, uint32_t pc) {
    return &c->p->tiles[tile].phase[phase].lines[pc];
}

static const char *insn_text(const cost *c, uint32_t phase, uint32_t tile, uint32_t pc) {
    return isa_insn_text(c->a, c->p, tile, &c->p->tiles[tile].phase[phase].code[pc]);
}

// The first of its ONNX nodes, and that there are more.
static const char *node_text(const cost *c, uint32_t phase, uint32_t tile, uint32_t pc) {
    const char *all = isa_str(c->p, line_of(c, phase, tile, pc)->node);
    size_t n = strcspn(all, "\n");
    return arena_printf(c->a, "%s%s", name_text(c->a, arena_strn(c->a, all, n)),
                        all[n] ? " ..." : "");
}

// --- the path, instruction by instruction

typedef struct {
    uint32_t phase, tile, pc;
    timing_ps time;
    timing_cause cause;
} share_of_path;
typedef VEC(share_of_path) path_shares;

static int by_time(const void *x, const void *y) {
    const share_of_path *a = x, *b = y;
    if (a->time != b->time) return a->time > b->time ? -1 : 1;
    if (a->tile != b->tile) return a->tile < b->tile ? -1 : 1;
    return a->pc < b->pc ? -1 : a->pc > b->pc;
}

static path_shares shares_of(const cost *c) {
    path_shares list = {0};
    for (size_t k = 0; k < c->latency.n_path; k++) {
        const timing_stretch *s = &c->latency.path[k];
        size_t j = list.count;
        while (j > 0 && (list.items[j - 1].tile != s->tile || list.items[j - 1].pc != s->pc ||
                         list.items[j - 1].phase != s->phase))
            j--;
        if (j == 0) {
            vec_push(&list, ((share_of_path){s->phase, s->tile, s->pc, 0, s->cause}));
            j = list.count;
        }
        list.items[j - 1].time += s->until - s->from;
    }
    if (list.count) qsort(list.items, list.count, sizeof *list.items, by_time);
    return list;
}

static timing_ps path_time(const cost *c) {
    const timing_latency *l = &c->latency;
    return l->n_path ? l->path[l->n_path - 1].until - l->path_from : 0;
}

static void print_path(const cost *c) {
    path_shares list = shares_of(c);
    printf("\ncritical path of the last step, %s: %zu instructions; most of it\n",
           time_text(c->a, path_time(c)), list.count);
    for (size_t k = 0; k < list.count && k < (size_t)c->top; k++) {
        const share_of_path *s = &list.items[k];
        printf("  %5.1f %%  %-9s  t%u.%-3u %-34.34s %s\n", share(s->time, path_time(c)),
               time_text(c->a, s->time), s->tile, s->pc, insn_text(c, s->phase, s->tile, s->pc),
               node_text(c, s->phase, s->tile, s->pc));
    }
    vec_free(&list);
}

// --- units and instructions

typedef struct {
    size_t unit;
    timing_ps busy;
} busy_unit;

static int by_busy(const void *x, const void *y) {
    const busy_unit *a = x, *b = y;
    if (a->busy != b->busy) return a->busy > b->busy ? -1 : 1;
    return a->unit < b->unit ? -1 : a->unit > b->unit;
}

static busy_unit *units_by_busy(const cost *c, const timing *t) {
    busy_unit *list = ARENA_ARRAY(c->a, busy_unit, timing_units(t) + 1);
    for (size_t k = 0; k < timing_units(t); k++)
        list[k] = (busy_unit){k, timing_unit_at(t, k).busy};
    if (timing_units(t)) qsort(list, timing_units(t), sizeof *list, by_busy);
    return list;
}

static void print_units(const cost *c) {
    const busy_unit *list = units_by_busy(c, c->endless);
    printf("\nbusiest units%*sin the long run   in this sequence\n", 26, "");
    for (size_t k = 0; k < timing_units(c->endless) && k < (size_t)c->top; k++)
        printf("  %-40s %6.1f %%           %6.1f %%\n",
               timing_unit_text(c->a, c->endless, list[k].unit),
               share(list[k].busy, timing_end(c->endless)),
               share(timing_unit_at(c->sequence, list[k].unit).busy, timing_end(c->sequence)));
}

typedef struct {
    timing_ps busy, stalled[TIMING_CAUSES], idle, all;
} sum_of_times;

static sum_of_times sum_up(const cost *c, const timing *t) {
    sum_of_times s = {0};
    for (uint32_t ph = 0; ph < c->p->n_phases; ph++)
        for (size_t k = 0; k < timing_insns(t, ph); k++) {
            timing_insn i = timing_insn_at(t, ph, k);
            s.busy += i.busy;
            s.idle += i.idle;
            for (int j = 0; j < TIMING_CAUSES; j++) s.stalled[j] += i.stalled[j];
            s.all += timing_end(t);
        }
    return s;
}

static void print_times(const cost *c) {
    sum_of_times s = sum_up(c, c->endless);
    printf("\ninstructions in the long run: busy %.1f %%, idle %.1f %%, stalled",
           share(s.busy, s.all), share(s.idle, s.all));
    const char *between = " ";
    for (int j = 0; j < TIMING_CAUSES; j++) {
        if (s.stalled[j] == 0) continue;
        printf("%s%s %.1f %%", between, timing_cause_names[j], share(s.stalled[j], s.all));
        between = ", ";
    }
    putchar('\n');
}

// --- all of it

// No unit is busy throughout: more of them would not help.
static const char *before_units(const timing_steady *s) {
    return share(s->work, s->period) < 99 ? "latencies and buffers, before " : "";
}

static void print_steady(const cost *c) {
    const timing_steady *s = &c->steady, *w = &c->without;
    if (s->rows == 0) return;
    printf("in the long run  %-10s a row, %s, in steps of %" PRId64 "%s\n",
           time_text(c->a, s->period / s->rows), rate_text(c->a, s->rows, s->period), s->step_rows,
           s->repeats ? "" : " (mean: departures do not repeat)");
    if (s->unit == SIZE_MAX) return;
    printf("limited by       %s%s, busy %.1f %%", before_units(s),
           timing_unit_text(c->a, c->endless, s->unit), share(s->work, s->period));
    if (w->rows) {
        printf("; with no limit on such units %s a row", time_text(c->a, w->period / w->rows));
        if (w->unit != SIZE_MAX)
            printf(", then %s%s (busy %.1f %%)", before_units(w),
                   timing_unit_text(c->a, c->freed, w->unit), share(w->work, w->period));
    }
    putchar('\n');
}

static void print_missing(const cost *c) {
    size_t n;
    const char *const *missing = timing_missing(c->sequence, &n);
    if (n == 0) return;
    printf("\nnot stated by the chip, so in no total:");
    for (size_t k = 0; k < n; k++) printf(" %s", missing[k]);
    putchar('\n');
}

static void print_all(const cost *c) {
    const timing_latency *l = &c->latency;
    printf("on %s: %" PRId64 " tokens, then %" PRId64 " one by one\n",
           name_text(c->a, c->chip->name), l->prompt, l->generated);
    printf("first token      %-10s %u step%s\n", time_text(c->a, l->first), l->steps,
           l->steps == 1 ? "" : "s");
    if (l->generated > 0)
        printf("token to token   %-10s %s, one sequence alone; the first of them %s\n",
               time_text(c->a, l->last), rate_text(c->a, l->generated, l->all),
               time_text(c->a, l->next));
    print_steady(c);
    if (c->p->token_period_ns > 0 && l->generated > 0)
        printf("token period     %.4g ns declared, %s achieved\n", c->p->token_period_ns,
               time_text(c->a, l->last));
    print_units(c);
    print_times(c);
    print_path(c);
    print_missing(c);
    printf("\nnot counted yet: energy, power, area; gates and masks are taken as open (the worst "
           "case)\n");
}

static json_t *ns(timing_ps t) { return json_real((double)t / 1000); }

static json_t *units_json(const cost *c, const timing *t) {
    json_t *list = json_array();
    const busy_unit *units = units_by_busy(c, t);
    for (size_t k = 0; k < timing_units(t); k++) {
        timing_unit u = timing_unit_at(t, units[k].unit);
        json_add(list,
                 json_make("{s:s, s:s, s:o, s:o, s:o, s:o}", "kind", timing_unit_names[u.kind],
                           "name", timing_unit_text(c->a, t, units[k].unit), "tile",
                           json_count(u.tile), "count", json_count(u.count), "busy_ns", ns(u.busy),
                           "share", json_real(share(u.busy, timing_end(t)) / 100)));
    }
    return list;
}

static json_t *insns_json(const cost *c, const timing *t) {
    json_t *list = json_array();
    for (uint32_t ph = 0; ph < c->p->n_phases; ph++)
        for (size_t k = 0; k < timing_insns(t, ph); k++) {
            timing_insn i = timing_insn_at(t, ph, k);
            json_t *stalled = json_object();
            for (int j = 0; j < TIMING_CAUSES; j++)
                if (i.stalled[j]) json_put(stalled, timing_cause_names[j], ns(i.stalled[j]));
            json_add(list, json_make("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "phase",
                                     json_name(c->p->phases[ph].name), "tile", json_count(i.tile),
                                     "pc", json_count(i.pc), "instruction",
                                     json_name(insn_text(c, ph, i.tile, i.pc)), "node",
                                     json_name(isa_str(c->p, line_of(c, ph, i.tile, i.pc)->node)),
                                     "rows", json_count(i.rows), "busy_ns", ns(i.busy),
                                     "stalled_ns", stalled, "idle_ns", ns(i.idle)));
        }
    return list;
}

static json_t *path_json(const cost *c) {
    json_t *list = json_array();
    for (size_t k = 0; k < c->latency.n_path; k++) {
        const timing_stretch *s = &c->latency.path[k];
        json_add(list, json_make("{s:o, s:o, s:o, s:o, s:o, s:s, s:o}", "tile", json_count(s->tile),
                                 "pc", json_count(s->pc), "row", json_count((uint64_t)s->row),
                                 "from_ns", ns(s->from), "until_ns", ns(s->until), "cause",
                                 timing_cause_names[s->cause], "instruction",
                                 json_name(insn_text(c, s->phase, s->tile, s->pc))));
    }
    return list;
}

static json_t *steady_json(const cost *c, const timing *t, const timing_steady *s) {
    bool some = s->unit != SIZE_MAX;
    return json_make(
        "{s:o, s:o, s:o, s:b, s:o, s:o}", "step_rows", json_count((uint64_t)s->step_rows), "rows",
        json_count((uint64_t)s->rows), "period_ns", ns(s->period), "repeats", s->repeats, "unit",
        some ? json_name(timing_unit_text(c->a, t, s->unit)) : json_null(), "work_ns", ns(s->work));
}

static json_t *all_json(const cost *c) {
    const timing_latency *l = &c->latency;
    size_t n;
    const char *const *missing = timing_missing(c->sequence, &n);
    json_t *names = json_array();
    for (size_t k = 0; k < n; k++) json_add(names, json_name(missing[k]));
    return json_make("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
                     "chip", json_name(c->chip->name), "prompt", json_count((uint64_t)l->prompt),
                     "generated", json_count((uint64_t)l->generated), "steps", json_count(l->steps),
                     "first_token_ns", ns(l->first), "next_token_ns", ns(l->next), "last_token_ns",
                     ns(l->last), "generated_ns", ns(l->all), "end_ns", ns(timing_end(c->sequence)),
                     "steady", steady_json(c, c->endless, &c->steady), "without_limit",
                     c->freed ? steady_json(c, c->freed, &c->without) : json_null(), "units",
                     units_json(c, c->sequence), "instructions", insns_json(c, c->sequence), "path",
                     path_json(c), "missing", names);
}

static bool count_all(cost *c) {
    c->sequence = timing_new(c->p, c->chip, 0, c->diags);
    if (!c->sequence ||
        !timing_sequence(c->sequence, c->p, c->prompt, c->generate, c->a, &c->latency, c->diags))
        return false;
    c->endless = timing_new(c->p, c->chip, 0, c->diags);
    if (!c->endless || !timing_steady_state(c->endless, c->p, &c->steady, c->diags)) return false;
    if (c->steady.unit != SIZE_MAX) {
        timing_unit_kind kind = timing_unit_at(c->endless, c->steady.unit).kind;
        c->freed = timing_new(c->p, c->chip, UINT32_C(1) << kind, c->diags);
        if (!c->freed || !timing_steady_state(c->freed, c->p, &c->without, c->diags)) return false;
    }
    double declared = c->p->token_period_ns;
    if (declared > 0 && c->generate > 0 && declared * 1000 < (double)c->latency.last)
        diag_emit(c->diags, DIAG_ID_timing_period, DIAG_NOWHERE,
                  "gain cells lose what %.6g ns a token cost them, as declared, but a token takes "
                  "%.6g ns here: "
                  "--token-period NS when compiling",
                  declared, (double)c->latency.last / 1000);
    return true;
}

static bool take_lengths(cost *c, const args *given) {
    int64_t most = timing_most_tokens(c->p);
    c->generate = args_int(given, "generate", min_i64(8, timing_generates(c->p) ? most - 1 : 0));
    const int64_t fixed = timing_fixed_tokens(c->p);
    const int64_t few = clamp_i64(16, 1, max_i64(1, most - c->generate));
    c->prompt = args_int(given, "prompt", fixed ? fixed : few);
    if (fixed && c->prompt != fixed) {
        diag_emit(c->diags, DIAG_ID_host_length, DIAG_NOWHERE,
                  "--prompt %" PRId64 ": the program takes sequences of %" PRId64 " tokens only",
                  c->prompt, fixed);
        return false;
    }
    c->top = args_int(given, "top", 5);
    if (c->prompt >= 1 && c->generate >= 0 && c->top >= 0 && c->prompt <= most - c->generate &&
        (c->generate == 0 || timing_generates(c->p)))
        return true;
    diag_emit(c->diags, DIAG_ID_host_length, DIAG_NOWHERE,
              "%" PRId64 " tokens and %" PRId64 " behind them: the program takes 1 to %" PRId64
              " together%s",
              c->prompt, c->generate, most,
              timing_generates(c->p) ? "" : ", whole, with none behind them");
    return false;
}

static machine *chip_of(const cost *c, machine *own, const args *given) {
    size_t n;
    const char *const *sets = args_list(given, "set", &n);
    for (size_t k = 0; k < n; k++)
        if (!machine_set(c->a, own, sets[k], c->diags)) return NULL;
    return machine_check(own, own->name, c->diags) ? own : NULL;
}

int command_cost(int argc, char **argv) {
    arena *a = arena_new();
    int code;
    args *given = args_parse(a, argc, argv, "cost", "PROGRAM",
                             "Says how long a program takes on its chip, and why: first token, "
                             "token to token, in the long "
                             "run; what limits it.",
                             options, ARRAY_LEN(options), 1, 1, &code);
    if (given) {
        cost c = {.a = a, .diags = diag_sink_new()};
        program_file f;
        const char *path = args_at(given, 0);
        if (program_open(&f, path, a, c.diags) && isa_verify(f.program, f.chip, path, c.diags)) {
            c.p = f.program;
            c.chip = chip_of(&c, f.chip, given);
            if (c.chip && take_lengths(&c, given) && count_all(&c)) {
                if (args_flag(given, "json"))
                    report_json(all_json(&c));
                else
                    print_all(&c);
            }
            timing_free(c.sequence);
            timing_free(c.endless);
            timing_free(c.freed);
        }
        program_close(&f);
        code = args_finish(given, c.diags);
    }
    arena_free(a);
    return code;
}
