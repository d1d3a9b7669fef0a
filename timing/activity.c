#include "timing/activity.h"
#include "isa/operand.h"
#include "support/file/json.h"
#include "support/vec.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { VERSION = 1 };

// Rows of an instruction in a step, ascending.
typedef struct {
    uint32_t tile, pc;
    VEC(timing_activity_row) rows;
} insn_rows;

typedef struct {
    timing_launch launch;
    VEC(insn_rows) insns; // by tile and pc
} step_rows;

struct timing_activity {
    const isa_program *p;
    VEC(step_rows) steps;
};

timing_activity *timing_activity_new(const isa_program *p) {
    timing_activity *a = base_calloc(1, sizeof *a);
    a->p = p;
    return a;
}

void timing_activity_clear(timing_activity *a) {
    for (size_t s = 0; s < a->steps.count; s++) {
        step_rows *x = &a->steps.items[s];
        for (size_t k = 0; k < x->insns.count; k++) vec_free(&x->insns.items[k].rows);
        vec_free(&x->insns);
    }
    vec_clear(&a->steps);
}

void timing_activity_free(timing_activity *a) {
    if (!a) return;
    timing_activity_clear(a);
    vec_free(&a->steps);
    free(a);
}

// --- recording

void timing_activity_step(timing_activity *a, uint32_t phase, uint32_t bank, int64_t position,
                          const int64_t *rows) {
    step_rows s = {.launch = {.phase = phase, .bank = bank, .position = position}};
    for (unsigned d = 0; d < ISA_DOMAINS; d++)
        if (a->p->phases[phase].free_domains >> d & 1) s.launch.rows[d] = rows[d];
    vec_push(&a->steps, s);
}

static bool before(const insn_rows *x, uint32_t tile, uint32_t pc) {
    return x->tile != tile ? x->tile < tile : x->pc < pc;
}

// Where the instruction is, or would be.
static size_t place_of(const step_rows *s, uint32_t tile, uint32_t pc) {
    size_t lo = 0, hi = s->insns.count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (before(&s->insns.items[mid], tile, pc))
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static bool is_at(const step_rows *s, size_t at, uint32_t tile, uint32_t pc) {
    return at < s->insns.count && s->insns.items[at].tile == tile && s->insns.items[at].pc == pc;
}

static void add_row(step_rows *s, uint32_t tile, uint32_t pc, timing_activity_row row) {
    size_t at = place_of(s, tile, pc);
    if (!is_at(s, at, tile, pc)) {
        vec_push(&s->insns, ((insn_rows){.tile = 0}));
        insn_rows *x = s->insns.items;
        memmove(x + at + 1, x + at, (s->insns.count - 1 - at) * sizeof *x);
        x[at] = (insn_rows){.tile = tile, .pc = pc};
    }
    vec_push(&s->insns.items[at].rows, row);
}

static void add_now(timing_activity *a, uint32_t tile, uint32_t pc, timing_activity_row row) {
    CHECK(a->steps.count, "rows before the first step");
    add_row(&a->steps.items[a->steps.count - 1], tile, pc, row);
}

void timing_activity_closed(timing_activity *a, uint32_t tile, uint32_t pc, int64_t row) {
    add_now(a, tile, pc, (timing_activity_row){row, -1, 0});
}

void timing_activity_seen(timing_activity *a, uint32_t tile, uint32_t pc, int64_t row, int64_t seen,
                          int64_t sub_tiles) {
    add_now(a, tile, pc, (timing_activity_row){row, seen, sub_tiles});
}

// --- what there is

size_t timing_activity_steps(const timing_activity *a) { return a->steps.count; }

timing_launch timing_activity_launch(const timing_activity *a, size_t step) {
    return a->steps.items[step].launch;
}

bool timing_activity_at(const timing_activity *a, size_t step, uint32_t tile, uint32_t pc,
                        int64_t row, timing_activity_row *out) {
    if (step >= a->steps.count) return false;
    const step_rows *s = &a->steps.items[step];
    size_t at = place_of(s, tile, pc);
    if (!is_at(s, at, tile, pc)) return false;
    const insn_rows *x = &s->insns.items[at];
    size_t lo = 0, hi = x->rows.count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (x->rows.items[mid].row < row)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo == x->rows.count || x->rows.items[lo].row != row) return false;
    *out = x->rows.items[lo];
    return true;
}

// --- as JSON: closed rows as [first, behind the last, ...], rings as [row, seen, sub-tiles, ...]

static json_t *numbers_of(const insn_rows *x, bool closed) {
    json_t *list = json_array();
    for (size_t k = 0; k < x->rows.count; k++) {
        const timing_activity_row *r = &x->rows.items[k];
        if (closed && (k == 0 || r[-1].row + 1 != r->row)) {
            json_add(list, json_count((uint64_t)r->row));
            while (k + 1 < x->rows.count && x->rows.items[k + 1].row == x->rows.items[k].row + 1)
                k++;
            json_add(list, json_count((uint64_t)x->rows.items[k].row + 1));
        } else {
            json_add(list, json_count((uint64_t)r->row));
            json_add(list, json_count((uint64_t)r->seen));
            json_add(list, json_count((uint64_t)r->sub_tiles));
        }
    }
    return list;
}

static json_t *step_json(const timing_activity *a, const step_rows *s) {
    json_t *rows = json_array(), *closed = json_array(), *seen = json_array();
    for (unsigned d = 0; d < ISA_DOMAINS; d++)
        if (a->p->phases[s->launch.phase].free_domains >> d & 1)
            json_add(rows, json_count((uint64_t)s->launch.rows[d]));
    for (size_t k = 0; k < s->insns.count; k++) {
        const insn_rows *x = &s->insns.items[k];
        bool is_closed = x->rows.items[0].seen < 0;
        json_add(is_closed ? closed : seen,
                 json_make("{s:o, s:o, s:o}", "tile", json_count(x->tile), "pc", json_count(x->pc),
                           "rows", numbers_of(x, is_closed)));
    }
    return json_make("{s:o, s:o, s:o, s:o, s:o, s:o}", "phase", json_count(s->launch.phase), "bank",
                     json_count(s->launch.bank), "position",
                     json_count((uint64_t)s->launch.position), "rows", rows, "closed", closed,
                     "seen", seen);
}

bool timing_activity_write(const timing_activity *a, const char *path, diag_sink *diags) {
    char hash[33];
    isa_identity(a->p, hash);
    file_out *o = file_out_open(path, diags);
    if (!o) return false;
    json_t *steps = json_array();
    for (size_t k = 0; k < a->steps.count; k++) json_add(steps, step_json(a, &a->steps.items[k]));
    json_print(json_make("{s:i, s:s, s:o}", "activity", VERSION, "program", hash, "steps", steps),
               0, file_out_stream(o));
    return file_out_commit(o, diags);
}

// --- read back: everything is checked, the file may be anybody's

typedef struct {
    timing_activity *a;
    const char *path;
    diag_sink *diags;
} reader;

static bool wrong(const reader *r, const char *what) {
    diag_emit(r->diags, DIAG_ID_timing_activity, DIAG_FILE(r->path),
              "%s; `ohmic run --activity` writes it", what);
    return false;
}

// A whole number of the object; -1: it has none.
static int64_t number_of(const json_t *j) {
    if (!json_is_integer(j)) return -1;
    json_int_t v = json_integer_value(j);
    return v < 0 || v > INT32_MAX ? -1 : (int64_t)v;
}

static const isa_insn *insn_at(const reader *r, uint32_t phase, int64_t tile, int64_t pc) {
    const isa_program *p = r->a->p;
    if (tile < 0 || tile >= p->n_tiles || pc < 0 || pc >= p->tiles[tile].phase[phase].count)
        return NULL;
    return &p->tiles[tile].phase[phase].code[pc];
}

static bool read_insn(const reader *r, step_rows *s, const json_t *j, bool closed) {
    int64_t tile = number_of(json_object_get(j, "tile")), pc = number_of(json_object_get(j, "pc"));
    const isa_insn *i = insn_at(r, s->launch.phase, tile, pc);
    const json_t *rows = json_object_get(j, "rows");
    size_t n = json_array_size(rows), group = closed ? 2 : 3;
    if (!i || n == 0 || n % group) return wrong(r, "rows of an instruction that does not exist");
    bool ring = isa_info_of(i->op)->unit == ISA_UNIT_ring;
    if (closed ? i->op != ISA_mvm || i->b == ISA_NONE : !ring)
        return wrong(r, "rows of an instruction without gate, or of one that is no ring's");
    const isa_ring *d = ring ? &r->a->p->tiles[tile].rings[i->x] : NULL;
    int64_t next = 0, most = s->launch.rows[i->dom % ISA_DOMAINS];
    for (size_t k = 0; k < n; k += group) {
        int64_t v[3] = {0};
        for (size_t e = 0; e < group; e++)
            if ((v[e] = number_of(json_array_get(rows, k + e))) < 0)
                return wrong(r, "a row that is no number");
        int64_t end = closed ? v[1] : v[0] + 1;
        if (v[0] < next || end <= v[0] || (most && end > most))
            return wrong(r, "rows out of order, or beyond the step's");
        if (d && (v[1] > d->slots || v[2] > d->slots))
            return wrong(r, "a row that sees more than its ring holds");
        for (int64_t row = v[0]; row < end; row++)
            add_row(s, (uint32_t)tile, (uint32_t)pc,
                    (timing_activity_row){row, closed ? -1 : v[1], v[2]});
        next = end;
    }
    return true;
}

static bool read_step(const reader *r, const json_t *j) {
    const isa_program *p = r->a->p;
    int64_t phase = number_of(json_object_get(j, "phase")),
            bank = number_of(json_object_get(j, "bank")),
            position = number_of(json_object_get(j, "position"));
    if (phase < 0 || phase >= p->n_phases || bank < 0 || bank >= p->banks || position < 0)
        return wrong(r, "a step without phase, bank and position");
    const json_t *rows = json_object_get(j, "rows"), *x;
    step_rows s = {
        .launch = {.phase = (uint32_t)phase, .bank = (uint32_t)bank, .position = position}};
    size_t n = 0, i;
    for (unsigned d = 0; d < ISA_DOMAINS; d++) {
        if (!(p->phases[phase].free_domains >> d & 1)) continue;
        s.launch.rows[d] = number_of(json_array_get(rows, n++));
        if (s.launch.rows[d] < 0 || s.launch.rows[d] > p->phases[phase].max_rows[d])
            return wrong(r, "a step of rows that the program does not take");
    }
    vec_push(&r->a->steps, s);
    step_rows *to = &r->a->steps.items[r->a->steps.count - 1];
    json_array_foreach(json_object_get(j, "closed"), i,
                       x) if (!read_insn(r, to, x, true)) return false;
    json_array_foreach(json_object_get(j, "seen"), i,
                       x) if (!read_insn(r, to, x, false)) return false;
    return true;
}

static bool read_all(const reader *r, const json_t *j) {
    char hash[33];
    const char *program = json_string_value(json_object_get(j, "program"));
    if (number_of(json_object_get(j, "activity")) != VERSION || !program)
        return wrong(r, "no activity of a run");
    isa_identity(r->a->p, hash);
    if (strcmp(program, hash) != 0) return wrong(r, "the activity of another program");
    const json_t *steps = json_object_get(j, "steps"), *x;
    size_t i;
    if (!json_array_size(steps)) return wrong(r, "the activity of no step");
    json_array_foreach(steps, i, x) if (!read_step(r, x)) return false;
    return true;
}

timing_activity *timing_activity_read(const isa_program *p, const char *path, diag_sink *diags) {
    json_t *j = json_file_read(path, diags);
    if (!j) return NULL;
    reader r = {timing_activity_new(p), path, diags};
    bool ok = read_all(&r, j);
    json_decref(j);
    if (ok) return r.a;
    timing_activity_free(r.a);
    return NULL;
}
