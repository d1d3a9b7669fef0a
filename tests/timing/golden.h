// Assembly files with their times:
//   ; chip: digital.units=1 ...    changes chips/ideal-int8.yaml
//   ; launch: 3 @5 pos=7 bank=1 phase=1    rows of the free domains, "16,4" for several; launched
//   at
//             5 ns, "@after": behind the last row of the step before of this bank; default 0, 0, 0
//   ; closed: 0 1.2 3 4        step 0, tile 1, pc 2: rows 3 and 4 are closed
//   ; seen: 0 1.2 3 5 2        the same of a ring's row 3: sees 5 tokens, in 2 sub-tiles
//   ; time: 0.1 2-9 3-13           tile 0, pc 1: start and result of its rows in ns, over all steps
#ifndef OHMIC_TESTS_TIMING_GOLDEN_H
#define OHMIC_TESTS_TIMING_GOLDEN_H
#include "isa/text/text.h"
#include "isa/verify/verify.h"
#include "support/file/file.h"
#include "support/vec.h"
#include "timing/activity.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    uint32_t tile, pc, step;
    timing_ps start, result;
} golden_row;

typedef struct {
    arena *a;
    diag_sink *diags;
    machine *chip;
    isa_program *program;
    VEC(timing_launch) launches;
    VEC(char *) activity; // "0 1.2 3 4", "=0 1.2 3 5 2" of a ring
    VEC(golden_row) expected, found;
    VEC(timing_step_times) steps;
} golden;

static inline timing_ps golden_ps(double ns) { return (timing_ps)(ns * 1000 + 0.5); }

static inline void golden_launch(golden *g, char *text) {
    timing_launch l = {0};
    unsigned d = 0;
    char *save = NULL;
    for (char *w = strtok_r(text, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
        if (strcmp(w, "@after") == 0)
            l.follows = true;
        else if (*w == '@')
            l.at = golden_ps(atof(w + 1));
        else if (strncmp(w, "pos=", 4) == 0)
            l.position = atoi(w + 4);
        else if (strncmp(w, "bank=", 5) == 0)
            l.bank = (uint32_t)atoi(w + 5);
        else if (strncmp(w, "phase=", 6) == 0)
            l.phase = (uint32_t)atoi(w + 6);
        else
            for (char *n = w; n; n = strchr(n, ',') ? strchr(n, ',') + 1 : NULL)
                l.rows[d++] = atoi(n);
    }
    vec_push(&g->launches, l);
}

static inline void golden_times(golden *g, char *text) {
    golden_row r = {0};
    double start, result;
    char *save = NULL, *w = strtok_r(text, " ", &save);
    CHECK(w && sscanf(w, "%u.%u", &r.tile, &r.pc) == 2, "time: %s", text);
    while ((w = strtok_r(NULL, " ", &save))) {
        CHECK(sscanf(w, "%lf-%lf", &start, &result) == 2, "time: %s", w);
        r.start = golden_ps(start), r.result = golden_ps(result);
        vec_push(&g->expected, r);
    }
}

// path: of the text; data: the folder that its data file is looked for in.
static inline void golden_read(golden *g, const char *path, const char *data,
                               const char *const *more, size_t n_more) {
    *g = (golden){.a = arena_new(), .diags = diag_sink_new()};
    file_map f;
    CHECK(file_map_open(&f, path, g->diags), "%s", path);
    char *text = arena_strn(g->a, (const char *)f.data, f.bytes), *save = NULL, *words = NULL;
    VEC(const char *) sets = {0};
    for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
        if (strncmp(l, "; chip: ", 8) == 0)
            for (char *w = strtok_r(l + 8, " ", &words); w; w = strtok_r(NULL, " ", &words))
                vec_push(&sets, w);
        if (strncmp(l, "; launch: ", 10) == 0) golden_launch(g, l + 10);
        if (strncmp(l, "; closed: ", 10) == 0) vec_push(&g->activity, l + 10);
        if (strncmp(l, "; seen: ", 8) == 0) {
            l[7] = '=';
            vec_push(&g->activity, l + 7);
        }
        if (strncmp(l, "; time: ", 8) == 0) golden_times(g, l + 8);
    }
    for (size_t k = 0; k < n_more; k++) vec_push(&sets, more[k]);
    const char *name = strrchr(path, '/') + 1;
    const char *as = data ? arena_printf(g->a, "%s/%s", data, name) : path;
    g->chip = machine_load(g->a, OHMIC_SOURCE_DIR "/chips/ideal-int8.yaml", sets.items, sets.count,
                           g->diags);
    g->program = isa_assemble((const char *)f.data, f.bytes, as, g->diags);
    vec_free(&sets);
    file_map_close(&f);
    if (!g->chip || !g->program || !isa_verify(g->program, g->chip, path, g->diags)) {
        diag_print(g->diags, 0, stderr, false);
        base_check_failed(path, 0, "a program that verifies", "%s", path);
    }
}

static inline void golden_note(void *ctx, const timing_event *e) {
    golden *g = ctx;
    vec_push(&g->found, ((golden_row){e->tile, e->pc, e->step, e->start, e->result}));
}

// What the lines of activity say, through a file: as it is read, it was written.
static inline timing_activity *golden_activity(const golden *g) {
    timing_activity *made = timing_activity_new(g->program);
    for (size_t k = 0; k < g->launches.count; k++) {
        const timing_launch *l = &g->launches.items[k];
        timing_activity_step(made, l->phase, l->bank, l->position, l->rows);
        for (size_t j = 0; j < g->activity.count; j++) {
            char *at = g->activity.items[j];
            bool ring = *at == '=';
            long step = strtol(at + ring, &at, 10), tile = strtol(at, &at, 10);
            long pc = strtol(at + 1, &at, 10);
            if (step != (long)k) continue;
            while (*at) {
                long row = strtol(at, &at, 10), seen = ring ? strtol(at, &at, 10) : 0;
                if (ring)
                    timing_activity_seen(made, (uint32_t)tile, (uint32_t)pc, row, seen,
                                         strtol(at, &at, 10));
                else
                    timing_activity_closed(made, (uint32_t)tile, (uint32_t)pc, row);
            }
        }
    }
    const char *path = arena_printf(g->a, "/tmp/ohmic_activity_%ld.json", (long)getpid());
    CHECK(timing_activity_write(made, path, g->diags), "%s", path);
    timing_activity_free(made);
    timing_activity *read = timing_activity_read(g->program, path, g->diags);
    diag_print(g->diags, 0, stderr, false);
    CHECK(read, "%s", path);
    remove(path);
    return read;
}

static inline void golden_run(golden *g) {
    timing *t = timing_new(g->program, g->chip, 0, g->diags);
    CHECK(t, "timing");
    timing_activity *activity = g->activity.count ? golden_activity(g) : NULL;
    if (activity) timing_follow(t, activity);
    g->found.count = g->steps.count = 0;
    timing_observe(t, golden_note, g);
    for (size_t k = 0; k < g->launches.count; k++) {
        timing_step_times s;
        bool ok = timing_step(t, &g->launches.items[k], &s, g->diags);
        diag_print(g->diags, 0, stderr, false);
        CHECK(ok, "step %zu", k);
        vec_push(&g->steps, s);
    }
    timing_free(t);
    timing_activity_free(activity);
}

// False: printed.
static inline bool golden_met(const golden *g, const char *path) {
    bool ok = true;
    for (size_t k = 0; k < g->expected.count; k++) {
        const golden_row *e = &g->expected.items[k], *f = NULL;
        size_t nth = 0, seen = 0;
        for (size_t j = 0; j < k; j++)
            nth += g->expected.items[j].tile == e->tile && g->expected.items[j].pc == e->pc;
        for (size_t j = 0; j < g->found.count && !f; j++) {
            const golden_row *r = &g->found.items[j];
            if (r->tile == e->tile && r->pc == e->pc && seen++ == nth) f = r;
        }
        if (f && f->start == e->start && f->result == e->result) continue;
        ok = false;
        printf("%s: %u.%u row %zu: %.3f-%.3f, expected %.3f-%.3f\n", path, e->tile, e->pc, nth,
               f ? (double)f->start / 1e3 : -1, f ? (double)f->result / 1e3 : -1,
               (double)e->start / 1e3, (double)e->result / 1e3);
    }
    return ok && g->expected.count > 0;
}

static inline void golden_free(golden *g) {
    isa_program_free(g->program);
    vec_free(&g->launches);
    vec_free(&g->activity);
    vec_free(&g->expected);
    vec_free(&g->found);
    vec_free(&g->steps);
    diag_sink_free(g->diags);
    arena_free(g->a);
}
#endif
