// isa/depend against a model that goes column by column, byte by byte and row by row: on random
// programs every event waits for what the model says, and for nothing else, and all of that is
// older by the lag rule. A step behind another waits for it as the second half of a line does for
// the first. And all stays linear.
#include "isa/machine/machine.h"
#include "isa/verify/verify.h"
#include "tests/isa/depths.h"
#include "tests/isa/random_program.h"
#include "tests/isa/row_events.h"
#include "tests/isa/row_model.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

// --- programs

typedef struct {
    maker m;
    isa_program *p;
    uint32_t active_set;
    isa_step *order;
    isa_depend *d;
    isa_lags lags;
    arena *a;
} sample;

static isa_depend *depend_of(const isa_program *p, arena *a) {
    uint64_t total = 0;
    uint32_t n;
    for (uint32_t t = 0; t < p->n_tiles; t++) total += p->tiles[t].phase[0].count;
    isa_step *order = ARENA_ARRAY(a, isa_step, total + 1);
    assert_true(isa_order(p, 0, 0, order, &n, NULL));
    return isa_depend_new(p, 0, order, n);
}

static void free_sample(sample *s) {
    isa_depend_free(s->d);
    isa_program_free(s->p);
    arena_free(s->a);
}

// False: it is not sound.
static bool make_sample(random_stream *r, program_kind kind, sample *s) {
    diag_sink *diags = diag_sink_new();
    *s = (sample){.a = arena_new(), .active_set = 3 + (uint32_t)random_below(r, 28)};
    machine *chip = machine_load(s->a, OHMIC_SOURCE_DIR "/chips/ideal.yaml", NULL, 0, NULL);
    chip->tile.active_set = s->active_set;
    s->p = random_program(r, kind, &s->m);
    random_program_place(&s->m);
    isa_verify(s->p, chip, "random", diags);
    bool sound = true;
    for (size_t i = 0; i < diag_count(diags); i++)
        sound &= diag_get(diags, i)->severity != DIAG_ERROR ||
                 diag_get(diags, i)->id == DIAG_ID_isa_depth;
    diag_sink_free(diags);
    if (!sound) {
        free_sample(s);
        return false;
    }
    depths least = depths_of(s->p, s->active_set, s->a);
    for (uint32_t t = 0; t < s->p->n_tiles; t++)
        for (uint32_t b = 0; b < s->p->tiles[t].n_buffers; b++) {
            isa_buffer *x = &s->p->tiles[t].buffers[b];
            uint32_t more = x->parent == b ? below(&s->m, 3) : 0;
            x->depth = x->parent == b ? least.buffers[t][b] + more
                                      : s->p->tiles[t].buffers[x->parent].depth;
        }
    for (uint32_t c = 0; c < s->p->n_channels; c++)
        s->p->channels[c].depth = least.channels[c] + below(&s->m, 3);
    random_program_place(&s->m);
    assert_true(isa_verify(s->p, chip, "random", NULL));
    s->d = depend_of(s->p, s->a);
    s->lags = isa_lags_new(s->d, s->active_set, s->a);
    return true;
}

// --- events, and what each of them comes behind

typedef struct {
    uint32_t event, on;
} edge;

typedef struct {
    const sample *s;
    int64_t rows[ISA_DOMAINS];
    uint32_t *first, *place; // [instruction] number of its row 0; [event] its instruction
    uint32_t *by_age, n;
    uint32_t tile_first[TILES]; // of the model's numbers of instructions
    VEC(edge) waits, model;
} graph;

static int64_t time_of(const graph *g, uint32_t event) {
    uint32_t k = g->place[event];
    const isa_insn *i = isa_depend_insn(g->s->d, k);
    bool control = isa_info_of(i->op)->unit == ISA_UNIT_control;
    int64_t r = event - g->first[k];
    return g->s->lags.lag[k] + (control ? 0 : r * g->s->d->dom[i->dom].step);
}

static bool is_older(const graph *g, uint32_t a, uint32_t b) {
    int64_t x = time_of(g, a), y = time_of(g, b);
    if (x != y) return x < y;
    return g->place[a] != g->place[b] ? g->place[a] < g->place[b] : a < b;
}

static graph *sorting; // qsort has no context
static int by_age(const void *x, const void *y) {
    uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;
    return a == b ? 0 : is_older(sorting, a, b) ? -1 : 1;
}

static void tell(void *ctx, uint32_t i, int64_t r, uint32_t j, int64_t q) {
    graph *g = ctx;
    const isa_depend *d = g->s->d;
    uint32_t t = d->p->n_tiles - 1, u = t;
    while (i < g->tile_first[t]) t--;
    while (j < g->tile_first[u]) u--;
    uint32_t a = d->place[t][i - g->tile_first[t]], b = d->place[u][j - g->tile_first[u]];
    vec_push(&g->model, ((edge){g->first[a] + (uint32_t)r, g->first[b] + (uint32_t)q}));
}

static void make_graph(graph *g, const sample *s, int64_t n) {
    const isa_depend *d = s->d;
    *g = (graph){.s = s};
    rows_of_all(d, n, g->rows);
    g->first = ARENA_ARRAY(s->a, uint32_t, d->n + 1);
    for (uint32_t k = 0; k < d->n; k++) {
        g->first[k] = g->n;
        g->n += (uint32_t)isa_depend_rows(d, k, g->rows);
    }
    g->place = ARENA_ARRAY(s->a, uint32_t, g->n + 1);
    g->by_age = ARENA_ARRAY(s->a, uint32_t, g->n + 1);
    for (uint32_t k = 0, e = 0; k < d->n; k++)
        for (int64_t r = isa_depend_rows(d, k, g->rows); r > 0; r--, e++)
            g->place[e] = k, g->by_age[e] = e;
    sorting = g;
    qsort(g->by_age, g->n, sizeof *g->by_age, by_age);

    isa_waits w = isa_waits_new(d);
    for (uint32_t e = 0; e < g->n; e++) {
        uint32_t k = g->place[e], on;
        int64_t r = e - g->first[k], row;
        if (r > 0) vec_push(&g->waits, ((edge){e, e - 1}));
        for (uint32_t i = w.first[k]; i < w.first[k + 1]; i++)
            if (!w.items[i].before && isa_wait_event(d, &w.items[i], r, g->rows, &on, &row))
                vec_push(&g->waits, ((edge){e, g->first[on] + (uint32_t)row}));
    }
    isa_waits_free(&w);

    row_model model = {.p = s->p, .tell = tell, .ctx = g};
    for (uint32_t t = 1; t < s->p->n_tiles; t++)
        g->tile_first[t] = g->tile_first[t - 1] + s->p->tiles[t - 1].phase[0].count;
    memcpy(model.rows, g->rows, sizeof g->rows);
    row_model_run(&model);

    for (uint32_t e = 0; e < g->n; e++) { // the active set, which both leave to their callers
        const isa_node *x = &d->nodes[g->place[e]];
        if (x->pc < s->active_set) continue;
        uint32_t left = d->place[x->tile][x->pc - s->active_set];
        if (left + 1 < d->n && g->first[left + 1] == g->first[left]) continue; // no rows
        edge finished = {e, (left + 1 < d->n ? g->first[left + 1] : g->n) - 1};
        vec_push(&g->waits, finished);
        vec_push(&g->model, finished);
    }
}

static void free_graph(graph *g) {
    vec_free(&g->waits);
    vec_free(&g->model);
}

static int by_event(const void *x, const void *y) {
    const edge *a = x, *b = y;
    return a->event < b->event ? -1 : a->event > b->event;
}

// Bit sets [event]: all that comes before an event, however far.
static uint64_t *closure(const graph *g, const edge *edges, size_t n) {
    size_t words = g->n / 64 + 1;
    uint64_t *set = base_calloc(words * (g->n + 1), sizeof *set);
    uint32_t *begin = base_calloc(g->n + 2, sizeof *begin);
    edge *sorted = base_alloc((n + 1) * sizeof *sorted);
    if (n) memcpy(sorted, edges, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_event);
    for (size_t i = 0; i < n; i++) begin[sorted[i].event + 1] = (uint32_t)i + 1;
    for (uint32_t e = 1; e <= g->n; e++)
        if (begin[e] == 0) begin[e] = begin[e - 1];
    for (uint32_t k = 0; k < g->n; k++) {
        uint32_t e = g->by_age[k];
        for (uint32_t i = begin[e]; i < begin[e + 1]; i++) {
            uint32_t on = sorted[i].on;
            set[e * words + on / 64] |= UINT64_C(1) << on % 64;
            for (size_t w = 0; w < words; w++) set[e * words + w] |= set[on * words + w];
        }
    }
    free(sorted);
    free(begin);
    return set;
}

static const char *event_name(const graph *g, uint32_t e) {
    static char text[2][96];
    static int turn;
    const isa_node *x = &g->s->d->nodes[g->place[e]];
    turn = !turn;
    snprintf(text[turn], sizeof text[turn], "tile %u pc %u %s row %u", x->tile, x->pc,
             isa_info_of(isa_depend_insn(g->s->d, g->place[e])->op)->mnemonic,
             e - g->first[g->place[e]]);
    return text[turn];
}

static void assert_older(const graph *g, const edge *edges, size_t n, const char *who) {
    for (size_t i = 0; i < n; i++)
        if (!is_older(g, edges[i].on, edges[i].event))
            fail_msg("%s: %s waits for %s, which is younger", who, event_name(g, edges[i].event),
                     event_name(g, edges[i].on));
}

static size_t count_missing(const graph *g, const edge *edges, size_t n, const uint64_t *set,
                            const char *who, bool must) {
    size_t words = g->n / 64 + 1, missing = 0;
    for (size_t i = 0; i < n; i++) {
        if (set[edges[i].event * words + edges[i].on / 64] >> edges[i].on % 64 & 1) continue;
        if (must)
            fail_msg("only %s says that %s waits for %s", who, event_name(g, edges[i].event),
                     event_name(g, edges[i].on));
        missing++;
    }
    return missing;
}

// --- the tests

typedef struct {
    size_t programs, events, waits, more;
} tally;

static void compare(const sample *s, int64_t n, bool exact, tally *sum) {
    graph g;
    make_graph(&g, s, n);
    assert_older(&g, g.waits.items, g.waits.count, "isa/depend");
    assert_older(&g, g.model.items, g.model.count, "the model");
    uint64_t *waits = closure(&g, g.waits.items, g.waits.count);
    uint64_t *model = closure(&g, g.model.items, g.model.count);
    count_missing(&g, g.model.items, g.model.count, waits, "the model", true);
    sum->more += count_missing(&g, g.waits.items, g.waits.count, model, "isa/depend", exact);
    sum->events += g.n;
    sum->waits += g.waits.count;
    free(waits);
    free(model);
    free_graph(&g);
}

// The line of every tile twice, without the second `settl`s.
static isa_program *twice(const isa_program *of) {
    isa_program *p = isa_program_new();
    arena *a = p->arena;
    const char *strings = p->strings;
    uint64_t bytes = p->strings_bytes;
    *p = *of;
    p->arena = a, p->strings = strings, p->strings_bytes = bytes;
    p->tiles = arena_copy(a, of->tiles, of->n_tiles * sizeof *p->tiles);
    for (uint32_t t = 0; t < p->n_tiles; t++) {
        isa_tile *x = &p->tiles[t];
        uint32_t n = x->phase[0].count, count = 0;
        isa_insn *code = ARENA_ARRAY(a, isa_insn, 2 * n);
        for (uint32_t k = 0; k < 2 * n; k++)
            if (x->phase[0].code[k % n].op != ISA_halt || k + 1 == 2 * n)
                code[count++] = x->phase[0].code[k % n];
        for (uint32_t k = n - 1; k < count; k++)
            if (code[k].op == ISA_settl) code[k] = (isa_insn){.op = ISA_halt}; // one event as well
        x->phase[0].code = code;
        x->phase[0].count = count;
    }
    return p;
}

// Lines in which rings and channels come again, with room for all rows: the verifier refuses some.
static void compare_twice(const sample *s, tally *sum) {
    sample both = {.active_set = UINT32_MAX, .a = arena_new(), .p = twice(s->p)};
    for (uint32_t t = 0; t < both.p->n_tiles; t++)
        for (uint32_t b = 0; b < both.p->tiles[t].n_buffers; b++)
            both.p->tiles[t].buffers[b].depth = 16;
    for (uint32_t c = 0; c < both.p->n_channels; c++) both.p->channels[c].depth = 16;
    random_program_place(&s->m);
    both.d = depend_of(both.p, both.a);
    both.lags = isa_lags_new(both.d, both.active_set, both.a);
    compare(&both, both.p->phases[0].max_rows[0], true, sum);
    free_sample(&both);
}

static void compare_all(program_kind kind, unsigned wanted, uint64_t otherwise) {
    uint64_t first = random_seed(otherwise);
    tally sum = {0};
    for (unsigned n = 0; sum.programs < wanted && n < 20 * wanted; n++) {
        random_stream r = random_test(first + n);
        sample s;
        if (!make_sample(&r, kind, &s)) continue;
        print_message("\rOHMIC_SEED=%llu ", (unsigned long long)(first + n)); // shown when it fails
        int64_t most = s.p->phases[0].max_rows[0];
        compare(&s, 1, !kind.views, &sum);
        compare(&s, 1 + (int64_t)below(&s.m, (uint32_t)most), !kind.views, &sum);
        compare(&s, most, !kind.views, &sum);
        if (!kind.views) compare_twice(&s, &sum);
        sum.programs++;
        free_sample(&s);
    }
    print_message("\r%zu programs, %zu events, %zu waits, %zu for columns read together\n",
                  sum.programs, sum.events, sum.waits, sum.more);
    assert_int_equal(sum.programs, wanted);
}

static unsigned wanted(unsigned otherwise) {
    const char *count = getenv("OHMIC_RANDOM_PROGRAMS");
    return count ? (unsigned)atoi(count) : otherwise;
}

static void events_wait_for_what_the_model_says(void **state) {
    compare_all((program_kind){.rings = true}, wanted(150), 21);
}

// Of columns that were read together and are then read apart a little more is waited for.
static void views_wait_for_it_too(void **state) {
    compare_all((program_kind){.rings = true, .views = true}, wanted(150), 22);
}

// --- steps

// Whose end an instruction waits for, as (step, tile, pc); sorted, once each.
static size_t ends(const isa_depend *d, const isa_waits *w, uint32_t place, uint32_t half,
                   uint64_t *out, size_t most) {
    size_t n = 0;
    for (uint32_t i = w->first[place]; i < w->first[place + 1]; i++) {
        const isa_wait *x = &w->items[i];
        if (x->kind != ISA_WAIT_END || (half && x->before)) continue; // two steps before
        const isa_node *on = &d->nodes[x->on];
        uint64_t length = d->p->tiles[on->tile].phase[0].count;
        length = half ? (length - 1) / 2 : length - 1; // without halt
        uint64_t step = half ? on->pc >= length : !x->before;
        assert_true(n < most);
        out[n++] = step << 63 | (uint64_t)on->tile << 32 | on->pc % length;
    }
    for (size_t i = 1; i < n; i++)
        for (size_t k = i; k > 0 && out[k] < out[k - 1]; k--) {
            uint64_t x = out[k];
            out[k] = out[k - 1];
            out[k - 1] = x;
        }
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || out[kept - 1] != out[i]) out[kept++] = out[i];
    return kept;
}

static void steps_follow_like_lines(void **state) {
    enum { MOST = 4096 };
    uint64_t first = random_seed(23), *a = base_alloc(MOST * sizeof *a),
             *b = base_alloc(MOST * sizeof *b);
    unsigned programs = 0, before = 0;
    for (unsigned n = 0; programs < wanted(300) && n < 20 * wanted(300); n++) {
        random_stream r = random_test(first + n);
        sample s;
        if (!make_sample(&r, (program_kind){true, true}, &s)) continue;
        isa_program *p = twice(s.p);
        isa_depend *d = depend_of(p, s.a);
        isa_waits one = isa_waits_new(s.d), two = isa_waits_new(d);
        for (uint32_t k = 0; k < s.d->n; k++) {
            const isa_node *x = &s.d->nodes[k];
            uint32_t length = p->tiles[x->tile].phase[0].count / 2;
            if (x->pc == length) continue; // halt
            uint32_t second = d->place[x->tile][x->pc + length];
            size_t na = ends(s.d, &one, k, 0, a, MOST), nb = ends(d, &two, second, 1, b, MOST);
            if (na != nb || memcmp(a, b, na * sizeof *a) != 0)
                fail_msg("tile %u, pc %u waits for other ends: OHMIC_SEED=%llu", x->tile, x->pc,
                         (unsigned long long)(first + n));
            for (size_t i = 0; i < na; i++) before += !(a[i] >> 63);
        }
        isa_waits_free(&one);
        isa_waits_free(&two);
        isa_depend_free(d);
        isa_program_free(p);
        free_sample(&s);
        programs++;
    }
    print_message("%u programs, %u waits for the step before\n", programs, before);
    assert_int_equal(programs, wanted(300));
    assert_true(before > 1000);
    free(a);
    free(b);
}

// --- size

enum { COLUMNS, BYTES, READERS, PATTERNS };

// A line of n instructions that would be slow if what is kept grew faster than the line: many
// columns made apart and read together between any two; many buffers in each other's bytes; many
// readers of one.
static isa_program *long_program(unsigned pattern, uint32_t n) {
    enum { PARTS = 2000 };
    isa_program *p = isa_program_new();
    isa_program_string(p, "");
    p->max_tokens = p->max_chunk = p->n_phases = p->n_tiles = 1;
    p->phases[0] = (isa_phase){.name = "run", .free_domains = 1, .max_rows = {1}};
    p->tiles = ARENA_ARRAY(p->arena, isa_tile, 1);
    isa_tile *t = &p->tiles[0];
    t->n_buffers = PARTS + 2;
    t->buffers = ARENA_ARRAY(p->arena, isa_buffer, t->n_buffers);
    t->buffers[PARTS] = (isa_buffer){
        .parent = PARTS, .width = PARTS, .depth = 1, .stride = 4 * PARTS, .base = 1 << 20};
    t->buffers[PARTS + 1] =
        (isa_buffer){.parent = PARTS + 1, .width = 1, .depth = 1, .stride = 4, .base = 1 << 30};
    for (uint16_t b = 0; b < PARTS; b++)
        t->buffers[b] = pattern == COLUMNS ? (isa_buffer){.parent = PARTS, .col0 = b, .width = 1}
                                           : (isa_buffer){.parent = b,
                                                          .width = 1,
                                                          .depth = 1,
                                                          .stride = 64,
                                                          .base = 16 * (b * UINT64_C(977) % PARTS)};
    t->phase[0].count = n;
    t->phase[0].code = ARENA_ARRAY(p->arena, isa_insn, n);
    for (uint32_t k = 0; k < n; k++) {
        uint16_t part = (uint16_t)(k * UINT64_C(7919) % PARTS);
        isa_insn *i = &t->phase[0].code[k];
        *i = (isa_insn){.op = ISA_ew1, .d = part, .a = PARTS + 1};
        if (pattern == COLUMNS && k >= PARTS && k % 2)
            *i = (isa_insn){.op = ISA_red, .d = PARTS + 1, .a = PARTS};
        if (pattern == READERS) *i = (isa_insn){.op = ISA_ew1, .d = part, .a = PARTS + 1};
        if (k == 0 || (pattern == READERS && k % 5000 == 0))
            *i = (isa_insn){.op = ISA_in, .d = PARTS + 1};
    }
    return p;
}

static void stays_linear(void **state) {
    for (unsigned pattern = 0; pattern < PATTERNS; pattern++)
        for (uint32_t n = 60000; n <= 240000; n *= 4) {
            arena *a = arena_new();
            isa_program *p = long_program(pattern, n);
            isa_depend *d = depend_of(p, a);
            isa_lags_new(d, 64, a);
            print_message("pattern %u, %u instructions: %u uses, %u joins\n", pattern, n, d->n_uses,
                          d->n_joins);
            assert_true(d->n_joins <= 8 * d->n_uses);
            isa_depend_free(d);
            isa_program_free(p);
            arena_free(a);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(events_wait_for_what_the_model_says),
                                       cmocka_unit_test(views_wait_for_it_too),
                                       cmocka_unit_test(steps_follow_like_lines),
                                       cmocka_unit_test(stays_linear)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
