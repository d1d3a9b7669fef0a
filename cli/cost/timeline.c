// --timeline FILE: the run again, written as it goes. Twice: first to know how large the file gets,
// which is said before it is written.
#include "cli/cost/cost.h"
#include "cli/cost/trace.h"
#include "support/file/file.h"
#include "support/name.h"
#include <inttypes.h>

// Sources that are no instruction.
enum { SOURCE_ENCODE, SOURCE_PROMPT, SOURCE_TOKEN, SOURCES_OF_STEPS };

typedef struct {
    const cost *c;
    timing_ps from, to; // what is shown
    trace_track *tracks;
    uint32_t n_tracks;
    uint32_t *track_of_unit, *track_of_queues; // [unit], [tile]
    uint32_t track_of_power;
    trace_source *sources;
    uint32_t *first_source[ISA_MAX_PHASES]; // [phase][tile] of the tile's first instruction
    uint32_t n_sources;
    uint32_t steps;
    timing_ps *departed; // [bank] the step before
    uint64_t *held;      // [tile] rows in its queues before `from`
    trace trace;
} timeline;

// --- tracks and sources

static uint32_t add_track(timeline *l, uint32_t process, const char *of, const char *name,
                          const char *counts) {
    trace_track *t = &l->tracks[l->n_tracks];
    *t = (trace_track){.process = process, .of = of, .name = name, .counts = counts};
    t->first = l->n_tracks == 0 || t[-1].process != process;
    return l->n_tracks++;
}

typedef VEC(uint32_t) unit_list;

// A process of steps, one for every tile.
static void make_tracks(timeline *l, const timing *t) {
    const cost *c = l->c;
    const isa_program *p = c->p;
    size_t n = timing_units(t);
    l->tracks = ARENA_ARRAY(c->a, trace_track, n + p->banks + p->n_tiles + 2);
    l->track_of_unit = ARENA_ARRAY(c->a, uint32_t, n + 1);
    l->track_of_queues = ARENA_ARRAY(c->a, uint32_t, p->n_tiles + 1);
    for (int64_t b = 0; b < (c->activity ? p->banks : c->sequences); b++)
        add_track(l, 0, "steps", arena_printf(c->a, "sequence %lld", (long long)b), NULL);
    l->track_of_power = add_track(l, 0, "steps", "power", "W");
    unit_list *of_tile = ARENA_ARRAY(c->a, unit_list, p->n_tiles + 1);
    for (uint32_t u = 0; u < n; u++) vec_push(&of_tile[timing_unit_at(t, u).tile], u);
    for (uint32_t k = 0; k < p->n_tiles; k++) {
        const char *of = arena_printf(c->a, "tile %u", k);
        for (size_t i = 0; i < of_tile[k].count; i++) {
            uint32_t u = of_tile[k].items[i];
            l->track_of_unit[u] = add_track(l, k + 1, of, timing_unit_text(c->a, t, u), NULL);
        }
        l->track_of_queues[k] =
            add_track(l, k + 1, of, arena_printf(c->a, "rows in the queues of tile %u", k), "rows");
        vec_free(&of_tile[k]);
    }
}

static void make_sources(timeline *l) {
    const cost *c = l->c;
    const isa_program *p = c->p;
    uint64_t n = SOURCES_OF_STEPS;
    for (uint32_t ph = 0; ph < p->n_phases; ph++) {
        l->first_source[ph] = ARENA_ARRAY(c->a, uint32_t, p->n_tiles + 1);
        for (uint32_t t = 0; t < p->n_tiles; t++) {
            l->first_source[ph][t] = (uint32_t)n;
            n += p->tiles[t].phase[ph].count;
        }
    }
    l->n_sources = (uint32_t)n;
    l->sources = ARENA_ARRAY(c->a, trace_source, n);
    static const char *const steps[] = {"encode", "prompt", "token"};
    for (uint32_t k = 0; k < SOURCES_OF_STEPS; k++)
        l->sources[k] = (trace_source){steps[k], "step", ""};
    for (uint32_t ph = 0; ph < p->n_phases; ph++)
        for (uint32_t t = 0; t < p->n_tiles; t++)
            for (uint32_t pc = 0; pc < p->tiles[t].phase[ph].count; pc++) {
                const char *node = cost_node_text(c, ph, t, pc);
                const char *text = name_text(c->a, cost_insn_text(c, ph, t, pc));
                const char *kind = isa_info_of(p->tiles[t].phase[ph].code[pc].op)->mnemonic;
                l->sources[l->first_source[ph][t] + pc] = (trace_source){
                    *node ? node : kind, kind, arena_printf(c->a, "t%u.%u %s", t, pc, text)};
            }
}

// --- what comes

static void add_slice(timeline *l, trace_slice s) {
    if (s.until <= l->from || s.from >= l->to) return;
    l->trace.slices++;
    l->trace.format->slice(&l->trace, &s);
}

static void on_span(void *ctx, const timing_span *s) {
    timeline *l = ctx;
    add_slice(l,
              (trace_slice){l->track_of_unit[s->unit], l->first_source[s->phase][s->tile] + s->pc,
                            s->from, s->until, s->step, s->row});
}

static void show_held(timeline *l, uint32_t tile) {
    if (l->held[tile])
        l->trace.format->count(&l->trace, l->track_of_queues[tile], l->from, (double)l->held[tile]);
    l->held[tile] = 0;
}

static void on_fill(void *ctx, const timing_fill *f) {
    timeline *l = ctx;
    if (f->at < l->from) {
        l->held[f->tile] = f->rows;
        return;
    }
    show_held(l, f->tile);
    if (f->at < l->to)
        l->trace.format->count(&l->trace, l->track_of_queues[f->tile], f->at, (double)f->rows);
}

// Steps that are launched together follow each other by their departures.
static void on_step(void *ctx, const timing_launch *launch, const timing_step_times *s) {
    timeline *l = ctx;
    timing_ps from = max_i64(s->launched, l->departed[launch->bank]);
    uint32_t step = l->steps++;
    uint32_t source = launch->follows                         ? SOURCE_TOKEN
                      : launch->phase + 1 < l->c->p->n_phases ? SOURCE_ENCODE
                                                              : SOURCE_PROMPT;
    if (s->departed > from)
        add_slice(l,
                  (trace_slice){launch->bank, source, from, s->departed, step, launch->position});
    l->departed[launch->bank] = max_i64(from, s->departed);
}

// Of windows of time, at their beginnings: after the run, as a track of its own. aJ over ps are
// microwatts; on top of what is drawn all the time.
static void show_power(timeline *l, const meter *m) {
    timing_ps window;
    const size_t n = meter_windows(m, &window);
    const double on = 1e-12 * (double)l->c->spent.on;
    energy_aj before = -1;
    for (size_t k = 0; k <= n; k++) {
        energy_aj now = k < n ? meter_window(m, k) : 0;
        timing_ps at = (timing_ps)k * window;
        bool shown = at + window > l->from && at < l->to;
        if (!shown || now == before) continue;
        before = now;
        l->trace.format->count(&l->trace, l->track_of_power, max_i64(at, l->from),
                               on + 1e-6 * (double)now / (double)window);
    }
}

// --- the run

static bool run(timeline *l, FILE *out) {
    const cost *c = l->c;
    const isa_program *p = c->p;
    timing *t = timing_new(p, c->chip, 0, c->diags);
    if (!t) return false;
    if (!l->tracks) {
        make_tracks(l, t);
        make_sources(l);
    }
    arena *a = arena_new();
    l->departed = ARENA_ARRAY(a, timing_ps, p->banks);
    l->held = ARENA_ARRAY(a, uint64_t, p->n_tiles + 1);
    l->steps = 0;
    const trace_format *format = l->trace.format;
    l->trace = (trace){.format = format,
                       .out = out,
                       .tracks = l->tracks,
                       .sources = l->sources,
                       .known = ARENA_ARRAY(a, uint8_t, l->n_sources)};
    format->begin(&l->trace);
    for (uint32_t k = 0; k < l->n_tracks; k++) format->track(&l->trace, k);
    const timing_watcher w = {on_span, on_fill, on_step, l};
    timing_watch(t, &w);
    counter *counted = counter_new(p, c->chip);
    meter *spent = meter_new(p, counted, &c->spent.prices, &c->spent.assumed);
    if (c->activity) counter_follow(counted, c->activity);
    timing_listen(t, counter_launch, counted);
    timing_observe(t, meter_note, spent);
    timing_latency latency;
    timing_together together;
    bool ok = c->sequences > 1 ? timing_sequences(t, p, c->prompt, c->generate, c->sequences,
                                                  &together, c->diags)
                               : cost_run(c, t, a, &latency);
    timing_watch_end(t);
    for (uint32_t k = 0; k < p->n_tiles; k++) show_held(l, k);
    show_power(l, spent);
    format->end(&l->trace);
    meter_free(spent);
    counter_free(counted);
    vec_free(&l->trace.packet);
    vec_free(&l->trace.event);
    vec_free(&l->trace.note);
    timing_free(t);
    arena_free(a);
    return ok;
}

static bool take_window(timeline *l, const args *given) {
    l->from = 0;
    l->to = INT64_MAX;
    const char *text = args_string(given, "between", NULL), *end = text;
    if (!text) return true;
    double ns[2] = {0};
    size_t n = 0;
    for (; n < ARRAY_LEN(ns) && (n == 0 || *end == ','); n++)
        ns[n] = strtod(n ? end + 1 : text, (char **)&end);
    if (n == 2 && *end == 0 && ns[0] >= 0 && ns[0] < ns[1] && ns[1] < 1e15) {
        l->from = (timing_ps)(ns[0] * 1000);
        l->to = (timing_ps)(ns[1] * 1000);
        return true;
    }
    diag_emit(l->c->diags, DIAG_ID_usage, DIAG_NOWHERE,
              "--between wants two times in ns, the first before the second, found '%s'", text);
    return false;
}

bool cost_timeline(const cost *c, const args *given) {
    const char *path = args_string(given, "timeline", NULL);
    timeline l = {.c = c};
    if (!path) return true;
    l.trace.format = file_ends_in(path, ".json") ? &trace_chrome : &trace_pftrace;
    if (!take_window(&l, given) || !run(&l, NULL)) return false;
    uint64_t bytes = l.trace.bytes;
    fprintf(stderr, "%s: %" PRIu64 " slices, %" PRIu64 " bytes\n", name_text(c->a, path),
            l.trace.slices, bytes);
    file_out *o = file_out_open(path, c->diags);
    if (!o) return false;
    if (!run(&l, file_out_stream(o))) {
        file_out_abandon(o);
        return false;
    }
    CHECK(l.trace.bytes == bytes, "two runs of a program are the same");
    return file_out_commit(o, c->diags);
}
