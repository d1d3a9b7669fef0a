// One screen: how long, what limits, where the time goes.
#include "cli/cost/cost.h"
#include "support/name.h"
#include "support/num/num.h"
#include "support/vec.h"
#include <inttypes.h>
#include <stdlib.h>

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
           cost_time_text(c->a, path_time(c)), list.count);
    for (size_t k = 0; k < list.count && k < (size_t)c->top; k++) {
        const share_of_path *s = &list.items[k];
        printf("  %5.1f %%  %-9s  t%u.%-3u %-34.34s %s\n", cost_share(s->time, path_time(c)),
               cost_time_text(c->a, s->time), s->tile, s->pc,
               cost_insn_text(c, s->phase, s->tile, s->pc),
               cost_node_text(c, s->phase, s->tile, s->pc));
    }
    vec_free(&list);
}

// --- units and instructions

static void print_units(const cost *c) {
    const cost_busy_unit *list = cost_units_by_busy(c, c->endless);
    printf("\nbusiest units%*sin the long run   in this sequence\n", 26, "");
    for (size_t k = 0; k < timing_units(c->endless) && k < (size_t)c->top; k++)
        printf("  %-40s %6.1f %%           %6.1f %%\n",
               timing_unit_text(c->a, c->endless, list[k].unit),
               cost_share(list[k].busy, timing_end(c->endless)),
               cost_share(timing_unit_at(c->sequence, list[k].unit).busy, timing_end(c->sequence)));
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
           cost_share(s.busy, s.all), cost_share(s.idle, s.all));
    const char *between = " ";
    for (int j = 0; j < TIMING_CAUSES; j++) {
        if (s.stalled[j] == 0) continue;
        printf("%s%s %.1f %%", between, timing_cause_names[j], cost_share(s.stalled[j], s.all));
        between = ", ";
    }
    putchar('\n');
}

// --- all of it

static void print_steady(const cost *c) {
    const timing_steady *s = &c->steady, *w = &c->without;
    if (s->rows == 0) return;
    const timing_steady *sure = &c->sure_steady;
    double assumed = sure->rows ? cost_assumed(s->period / s->rows, sure->period / sure->rows) : 0;
    printf("in the long run  %-10s a row, %s, in steps of %" PRId64 "%s; %.0f %% assumed\n",
           cost_time_text(c->a, s->period / s->rows), cost_rate_text(c->a, s->rows, s->period),
           s->step_rows, s->repeats ? "" : " (mean: departures do not repeat)", assumed);
    if (s->unit == SIZE_MAX) return;
    printf("limited by       %s\n", cost_limit_text(c, c->endless, s));
    if (w->rows == 0) return;
    printf("next limit       %s a row with no limit on such units",
           cost_time_text(c->a, w->period / w->rows));
    if (w->unit != SIZE_MAX) printf(", by %s", cost_limit_text(c, c->freed, w));
    putchar('\n');
}

// All rows of K sequences over their time, and of one.
static void print_together(const cost *c) {
    const timing_together *t = &c->together;
    const timing_latency *l = &c->latency;
    if (t->sequences <= 1) return;
    timing_ps all = l->generated ? t->all : t->first, one = l->generated ? l->all : l->first;
    int64_t rows = l->generated ? l->generated : l->prompt;
    printf("%" PRId64 " sequences      first tokens within %s", t->sequences,
           cost_time_text(c->a, t->first));
    if (l->generated) printf(", token to token %s", cost_time_text(c->a, t->last));
    printf("; together %s, %.3g times as many as one alone\n",
           cost_rate_text(c->a, t->sequences * rows, all),
           all ? (double)t->sequences * (double)one / (double)all : 0);
}

static void print_missing(const cost *c) {
    size_t n, m;
    const char *const *times = timing_missing(c->sequence, &n);
    const char *const *energies = cost_lacking(c, &m);
    if (n + m == 0) return;
    printf("\nnot stated by the chip, so in no total:");
    for (size_t k = 0; k < n; k++) printf(" %s", times[k]);
    for (size_t k = 0; k < m; k++) printf(" %s", energies[k]);
    putchar('\n');
}

// Of charge that is as old as a ring is long, what is lost when a token takes so long.
static const char *loss_text(const cost *c, double period_ns) {
    uint32_t slots = 1;
    double retention = c->chip->gain.retention;
    for (uint32_t t = 0; t < c->p->n_tiles; t++)
        for (uint32_t k = 0; k < c->p->tiles[t].n_rings; k++) {
            const isa_ring *r = &c->p->tiles[t].rings[k];
            if (r->kind == ISA_RING_GAIN && r->slots > slots) slots = r->slots;
        }
    if (retention <= 0) return "";
    return arena_printf(c->a, " (%.4g %% of a charge lost in %u tokens)",
                        100 * (1 - num_exp_f64(-(double)(slots - 1) * period_ns / retention)),
                        slots - 1);
}

static void print_period(const cost *c) {
    const timing_latency *l = &c->latency;
    if (c->p->token_period_ns <= 0 || l->generated == 0) return;
    printf("token period     %.4g ns declared%s, %s achieved%s\n", c->p->token_period_ns,
           loss_text(c, c->p->token_period_ns), cost_time_text(c->a, l->last),
           loss_text(c, (double)l->last / 1000));
}

static void print_time(const cost *c) {
    const timing_latency *l = &c->latency;
    const timing_latency *sure = &c->sure_latency;
    printf("first token      %-10s %u step%s; %.0f %% assumed\n", cost_time_text(c->a, l->first),
           l->steps, l->steps == 1 ? "" : "s", cost_assumed(l->first, sure->first));
    if (l->generated > 0)
        printf("token to token   %-10s %s, one sequence alone; the first of them %s; %.0f %% "
               "assumed\n",
               cost_time_text(c->a, l->last), cost_rate_text(c->a, l->generated, l->all),
               cost_time_text(c->a, l->next), cost_assumed(l->last, sure->last));
    print_together(c);
    print_steady(c);
    print_period(c);
    print_units(c);
    print_times(c);
    print_path(c);
}

void cost_print(const cost *c) {
    printf("on %s: %" PRId64 " tokens, then %" PRId64 " one by one\n",
           name_text(c->a, c->chip->name), c->latency.prompt, c->latency.generated);
    if (timing_end(c->sequence) > 0)
        print_time(c);
    else
        printf("time             not stated by the chip\n");
    cost_print_energy(c);
    print_missing(c);
    printf("\ngates and masks are taken %s\n",
           c->activity ? "as they were met, in the long run as open" : "as open (the worst case)");
}
