// ohmic cost --timeline: both formats hold the same, in order and nested, as many bytes as is said
// before; a part of the run; a full disk. By Perfetto's own schema: bench/perfetto.sh.
#define DIR OHMIC_BUILD_DIR "/timeline"
#include "support/file/file.h"
#include "support/file/json.h"
#include "support/vec.h"
#include "tests/cli/command.h"
#include <setjmp.h>
#include <stdarg.h>
// cmocka.h needs some of the above
#include <cmocka.h>

#define TALES OHMIC_SOURCE_DIR "/examples/tales/"
#define PROGRAM DIR "/tales.ohm"

static outcome o;
#define OHMIC_SAYS(...)                                                    \
    do {                                                                   \
        command_run(&o, (const char *[]){OHMIC, __VA_ARGS__, NULL}, NULL); \
        if (o.code) fail_msg("%s", o.err);                                 \
    } while (0)

static int set_up(void **state) {
    assert_true(file_make_dir(DIR, NULL));
    OHMIC_SAYS("compile", TALES "tales_gpt.onnx", "--chip", "bench-1", "-q", "-o", PROGRAM);
    return 0;
}

// ---- what either file says -------------------------------------------------------------------

typedef struct {
    char *track, *name, *kind, *text;
    int64_t from, until, row, step; // ns
    double count;
    bool counts;
} event;
typedef struct {
    VEC(event) events;
    size_t bytes;
} file;

static char *copy(const char *s, size_t n) {
    char *to = base_alloc(n + 1);
    memcpy(to, s, n);
    to[n] = 0;
    return to;
}
static char *same(const char *s) { return copy(s, strlen(s)); }

static void free_file(file *f) {
    for (size_t k = 0; k < f->events.count; k++) {
        event *e = &f->events.items[k];
        free(e->track), free(e->name), free(e->kind), free(e->text);
    }
    vec_free(&f->events);
}

// ---- protobuf --------------------------------------------------------------------------------

typedef struct {
    uint32_t field, wire;
    uint64_t number;
    const uint8_t *data; // of wire 2: `number` bytes
} field;

static uint64_t varint(const uint8_t **at, const uint8_t *end) {
    uint64_t v = 0;
    for (int shift = 0; *at < end && shift < 64; shift += 7) {
        uint8_t b = *(*at)++;
        v |= (uint64_t)(b & 127) << shift;
        if (b < 128) return v;
    }
    fail_msg("a number does not end");
    return 0;
}

// The next field of a message; false: there is none.
static bool next(const uint8_t **at, const uint8_t *end, field *f) {
    if (*at == end) return false;
    uint64_t tag = varint(at, end);
    *f = (field){.field = (uint32_t)(tag >> 3), .wire = tag & 7};
    switch (f->wire) {
    case 0: f->number = varint(at, end); return true;
    case 1:
        assert_true(end - *at >= 8);
        memcpy(&f->number, *at, 8);
        *at += 8;
        return true;
    case 2:
        f->number = varint(at, end);
        f->data = *at;
        assert_true((uint64_t)(end - *at) >= f->number);
        *at += f->number;
        return true;
    default: fail_msg("wire type %u", f->wire);
    }
    return false;
}
#define EACH_FIELD(f, message)                                                         \
    for (const uint8_t *at_##f = (message).data, *end_##f = at_##f + (message).number; \
         next(&at_##f, end_##f, &(f));)

enum { MOST_TRACKS = 4096, MOST_TEXTS = 65536 };
typedef struct {
    char *track[MOST_TRACKS];
    char *name[MOST_TEXTS], *text[MOST_TEXTS], *kind[MOST_TEXTS];
    size_t open[MOST_TRACKS]; // event that began there, + 1
    int64_t last[MOST_TRACKS];
} decoder;

static void read_texts(decoder *d, field interned) {
    field list, f;
    EACH_FIELD(list, interned) {
        char **to = list.field == 1    ? d->kind
                    : list.field == 2  ? d->name
                    : list.field == 29 ? d->text
                                       : NULL;
        uint64_t number = 0;
        EACH_FIELD(f, list) {
            if (f.field == 1) number = f.number;
            if (f.field != 2 || !to) continue;
            assert_in_range(number, 1, MOST_TEXTS - 1);
            assert_null(to[number]);
            to[number] = copy((const char *)f.data, f.number);
        }
    }
}

static void read_track(decoder *d, field track) {
    field f;
    uint64_t id = 0;
    EACH_FIELD(f, track) {
        if (f.field == 1) id = f.number;
        assert_in_range(id, 1, MOST_TRACKS - 1);
        if (f.field == 2) d->track[id] = copy((const char *)f.data, f.number);
    }
}

static void read_event(decoder *d, file *out, field message, int64_t at) {
    event e = {.from = at};
    uint64_t type = 0, track = 0, note = 0;
    field f, g;
    EACH_FIELD(f, message) {
        if (f.field == 9) type = f.number;
        if (f.field == 11) track = f.number;
        if (f.field == 10) e.name = same(d->name[f.number]);
        if (f.field == 3) e.kind = same(d->kind[f.number]);
        if (f.field == 44) memcpy(&e.count, &f.number, 8);
        if (f.field != 4) continue;
        EACH_FIELD(g, f) {
            if (g.field == 1) note = g.number;
            if (g.field == 3 && note == 1) e.row = (int64_t)g.number;
            if (g.field == 3 && note == 2) e.step = (int64_t)g.number;
            if (g.field == 17) e.text = same(d->text[g.number]);
        }
    }
    assert_in_range(track, 1, MOST_TRACKS - 1);
    assert_non_null(d->track[track]);
    assert_true(at >= d->last[track]); // in order
    d->last[track] = at;
    if (type == 2) {
        assert_true(d->open[track] > 0);
        out->events.items[d->open[track] - 1].until = at;
        d->open[track] = 0;
        return;
    }
    assert_int_equal(d->open[track], 0); // of a track, one at a time
    assert_true(type == 1 || type == 4);
    e.track = same(d->track[track]);
    e.counts = type == 4;
    vec_push(&out->events, e);
    if (type == 1) d->open[track] = out->events.count;
}

static file read_pftrace(const char *path) {
    file_map m;
    file out = {0};
    decoder *d = base_calloc(1, sizeof *d);
    assert_true(file_map_open(&m, path, NULL));
    out.bytes = m.bytes;
    field packet, f, all = {.data = m.data, .number = m.bytes};
    EACH_FIELD(packet, all) {
        assert_int_equal(packet.field, 1);
        int64_t at = 0;
        EACH_FIELD(f, packet) {
            if (f.field == 8) at = (int64_t)f.number;
            if (f.field == 12) read_texts(d, f);
            if (f.field == 60) read_track(d, f);
            if (f.field == 11) read_event(d, &out, f, at);
        }
    }
    for (size_t k = 0; k < MOST_TRACKS; k++) assert_int_equal(d->open[k], 0);
    for (size_t k = 0; k < MOST_TRACKS; k++) free(d->track[k]);
    for (size_t k = 0; k < MOST_TEXTS; k++) free(d->name[k]), free(d->text[k]), free(d->kind[k]);
    free(d);
    file_map_close(&m);
    return out;
}

// ---- JSON ------------------------------------------------------------------------------------

static const char *text_of(const json_t *j, const char *key) {
    const char *s = json_string_value(json_object_get(j, key));
    assert_non_null(s);
    return s;
}
static int64_t ns_of(const json_t *j, const char *key) {
    return (int64_t)(json_number_value(json_object_get(j, key)) * 1000 + 0.5);
}

static file read_json(const char *path) {
    file_map m;
    assert_true(file_map_open(&m, path, NULL));
    file out = {.bytes = m.bytes};
    file_map_close(&m);
    json_t *j = json_file_read(path, NULL);
    const json_t *events = json_object_get(j, "traceEvents"), *e;
    char *names[MOST_TRACKS] = {0};
    size_t i;
    json_array_foreach(events, i, e) {
        const char *kind = text_of(e, "ph");
        const json_t *more = json_object_get(e, "args");
        int64_t tid = json_integer_value(json_object_get(e, "tid"));
        assert_in_range(tid, 0, MOST_TRACKS - 1);
        if (*kind == 'M' && strcmp(text_of(e, "name"), "thread_name") == 0)
            names[tid] = same(text_of(more, "name"));
        if (*kind == 'X')
            vec_push(&out.events,
                     ((event){.track = same(names[tid]),
                              .name = same(text_of(e, "name")),
                              .kind = same(text_of(e, "cat")),
                              .text = same(text_of(more, "instruction")),
                              .from = ns_of(e, "ts"),
                              .until = ns_of(e, "ts") + ns_of(e, "dur"),
                              .row = json_integer_value(json_object_get(more, "row")),
                              .step = json_integer_value(json_object_get(more, "step"))}));
        if (*kind == 'C')
            vec_push(&out.events, ((event){.track = same(text_of(e, "name")),
                                           .from = ns_of(e, "ts"),
                                           .count = json_number_value(json_object_iter_value(
                                               json_object_iter((json_t *)more))),
                                           .counts = true}));
    }
    for (size_t k = 0; k < MOST_TRACKS; k++) free(names[k]);
    json_decref(j);
    return out;
}

// ---- tests -----------------------------------------------------------------------------------

static void run(const char *path, const char *between) {
    if (between)
        OHMIC_SAYS("cost", PROGRAM, "--prompt", "16", "--generate", "4", "--timeline", path,
                   "--between", between);
    else
        OHMIC_SAYS("cost", PROGRAM, "--prompt", "16", "--generate", "4", "--timeline", path);
}

static void size_was_said(const char *path, const file *f) {
    size_t slices = 0;
    for (size_t k = 0; k < f->events.count; k++) slices += !f->events.items[k].counts;
    char text[256];
    snprintf(text, sizeof text, "%s: %zu slices, %zu bytes\n", path, slices, f->bytes);
    if (!strstr(o.err, text)) fail_msg("not said: %s%s", text, o.err);
}

static bool equal(const char *a, const char *b) { return strcmp(a ? a : "", b ? b : "") == 0; }

static void both_formats(void **state) {
    run(DIR "/t.pftrace", NULL);
    file a = read_pftrace(DIR "/t.pftrace");
    size_was_said(DIR "/t.pftrace", &a);
    run(DIR "/t.json", NULL);
    file b = read_json(DIR "/t.json");
    size_was_said(DIR "/t.json", &b);
    assert_int_equal(a.events.count, b.events.count);
    bool node = false, step = false, fill = false;
    double power = 0;
    for (size_t k = 0; k < a.events.count; k++) {
        const event *x = &a.events.items[k], *y = &b.events.items[k];
        if (!equal(x->track, y->track) || !equal(x->name, y->name) || !equal(x->kind, y->kind) ||
            !equal(x->text, y->text) || x->from != y->from || x->until != y->until ||
            x->row != y->row || x->step != y->step ||
            __builtin_fabs(x->count - y->count) > 1e-8 * x->count)
            fail_msg("event %zu: %s %s %lld, and %s %s %lld", k, x->track, x->name,
                     (long long)x->from, y->track, y->name, (long long)y->from);
        assert_true(x->counts || (x->from <= x->until && *x->name));
        node |= equal(x->name, "/model/transformer/h.0/mlp/c_proj/Gemm") && equal(x->kind, "mvm");
        step |= equal(x->name, "token") && x->step == 4 && x->row == 19;
        if (x->counts && strstr(x->track, "power")) power = x->count > power ? x->count : power;
        fill |= x->counts && x->count > 0 && strstr(x->track, "rows in the queues of tile");
    }
    assert_true(node && step && fill);
    assert_true(power > 0 && power < 1000); // W
    free_file(&a);
    free_file(&b);
}

static void a_part_of_it(void **state) {
    run(DIR "/t.pftrace", NULL);
    file whole = read_pftrace(DIR "/t.pftrace");
    run(DIR "/part.pftrace", "1000,2500.5");
    file part = read_pftrace(DIR "/part.pftrace");
    size_was_said(DIR "/part.pftrace", &part);
    size_t n = 0, m = 0;
    for (size_t k = 0; k < whole.events.count; k++) {
        const event *e = &whole.events.items[k];
        n += !e->counts && e->until > 1000 && e->from < 2500;
    }
    for (size_t k = 0; k < part.events.count; k++) {
        const event *e = &part.events.items[k];
        m += !e->counts;
        assert_true(e->from <= 2500 && (e->counts ? e->from >= 1000 : e->until >= 1000));
    }
    assert_in_range(m, n, n + 40); // those that touch, within a nanosecond
    free_file(&whole);
    free_file(&part);
}

static void fails(const char *path, const char *between, int code, const char *text) {
    command_run(
        &o,
        (const char *[]){OHMIC, "cost", PROGRAM, "--timeline", path, "--between", between, NULL},
        NULL);
    if (o.code != code || !strstr(o.err, text)) fail_msg("exit %d: %s", o.code, o.err);
    const char *first = strstr(o.err, "error: ");
    assert_non_null(first);
    assert_null(strstr(first + 1, "error: "));
}

static void bad_input(void **state) {
    fails("/dev/full", "0,1e9", 1, "No space left");
    fails(DIR "/nosuch/t.json", "0,1e9", 1, "cannot");
    fails(DIR "/x.json", "5", 2, "--between wants two times in ns");
    fails(DIR "/x.json", "5,5", 2, "--between wants two times in ns");
    fails(DIR "/x.json", "-1,5", 2, "--between wants two times in ns");
    fails(DIR "/x.json", "1,2,3", 2, "--between wants two times in ns");
    assert_false(file_exists(DIR "/x.json"));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(both_formats),
                                       cmocka_unit_test(a_part_of_it), cmocka_unit_test(bad_input)};
    return cmocka_run_group_tests(tests, set_up, NULL);
}
