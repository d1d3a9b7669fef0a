// Times, rates and places as people read them.
#include "cli/cost/cost.h"
#include "isa/text/text.h"
#include "support/name.h"
#include <stdlib.h>
#include <string.h>

const char *cost_time_text(arena *a, timing_ps t) {
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

const char *cost_rate_text(arena *a, int64_t rows, timing_ps t) {
    double s = t ? (double)rows * 1e12 / (double)t : 0;
    const char *unit = s >= 1e9 ? "G" : s >= 1e6 ? "M" : s >= 1e3 ? "k" : "";
    return arena_printf(a, "%.4g %s%stokens/s",
                        s >= 1e9   ? s / 1e9
                        : s >= 1e6 ? s / 1e6
                        : s >= 1e3 ? s / 1e3
                                   : s,
                        unit, *unit ? " " : "");
}

double cost_share(timing_ps part, timing_ps of) {
    return of ? 100.0 * (double)part / (double)of : 0;
}

double cost_assumed(timing_ps t, timing_ps sure) { return cost_share(max_i64(0, t - sure), t); }

const char *cost_limit_text(const cost *c, const timing *t, const timing_steady *s) {
    const char *unit = timing_unit_text(c->a, t, s->unit);
    double busy = cost_share(s->work, s->period);
    if (busy >= 99) return arena_printf(c->a, "%s, busy %.1f %%", unit, busy);
    return arena_printf(c->a, "latencies and depths: the busiest, %s, is busy %.1f %%", unit, busy);
}

const char *cost_insn_text(const cost *c, uint32_t phase, uint32_t tile, uint32_t pc) {
    return isa_insn_text(c->a, c->p, tile, &c->p->tiles[tile].phase[phase].code[pc]);
}

const char *cost_nodes(const cost *c, uint32_t phase, uint32_t tile, uint32_t pc) {
    return isa_str(c->p, c->p->tiles[tile].phase[phase].lines[pc].node);
}

const char *cost_node_text(const cost *c, uint32_t phase, uint32_t tile, uint32_t pc) {
    const char *all = cost_nodes(c, phase, tile, pc);
    size_t n = strcspn(all, "\n");
    return arena_printf(c->a, "%s%s", name_text(c->a, arena_strn(c->a, all, n)),
                        all[n] ? " ..." : "");
}

static int by_busy(const void *x, const void *y) {
    const cost_busy_unit *a = x, *b = y;
    if (a->busy != b->busy) return a->busy > b->busy ? -1 : 1;
    return a->unit < b->unit ? -1 : a->unit > b->unit;
}

cost_busy_unit *cost_units_by_busy(const cost *c, const timing *t) {
    cost_busy_unit *list = ARENA_ARRAY(c->a, cost_busy_unit, timing_units(t) + 1);
    for (size_t k = 0; k < timing_units(t); k++)
        list[k] = (cost_busy_unit){k, timing_unit_at(t, k).busy};
    if (timing_units(t)) qsort(list, timing_units(t), sizeof *list, by_busy);
    return list;
}
