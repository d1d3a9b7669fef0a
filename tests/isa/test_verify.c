// Good programs pass and run; every file of tests/isa/bad says what is wrong with it, and the
// verifier finds just that.
#include "isa/structure.h"
#include "runtime-sim/sim.h"
#include "tests/isa/depths.h"
#include "tests/isa/verify_files.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define GOOD OHMIC_SOURCE_DIR "/tests/isa/good"
#define BAD OHMIC_SOURCE_DIR "/tests/isa/bad"

static void good_files(void **state) {
    arena *a = arena_new();
    machine *chip = verify_chip(a);
    verify_paths files = verify_list(a, GOOD);
    assert_true(files.count >= 3);
    for (size_t i = 0; i < files.count; i++) {
        isa_program *p = verify_assemble(files.items[i]);
        assert_non_null(p);
        diag_sink *diags = diag_sink_new();
        bool ok = isa_verify(p, chip, files.items[i], diags);
        diag_print(diags, 0, stderr, false);
        assert_true(ok);
        diag_sink_free(diags);
        isa_program_free(p);
    }
    vec_free(&files);
    arena_free(a);
}

// Depths of the good files are the smallest there are: each less by one is refused.
static void good_files_are_tight(void **state) {
    arena *a = arena_new();
    machine *chip = verify_chip(a);
    verify_paths files = verify_list(a, GOOD);
    unsigned reduced = 0;
    for (size_t i = 0; i < files.count; i++) {
        isa_program *p = verify_assemble(files.items[i]);
        depths least = depths_of(p, 64, a);
        for (uint32_t t = 0; t < p->n_tiles; t++)
            for (uint32_t b = 0; b < p->tiles[t].n_buffers; b++) {
                isa_buffer *d = &p->tiles[t].buffers[b];
                if (d->depth != least.buffers[t][b])
                    fail_msg("%s, tile %u, buffer %u: depth %u, needs %u", files.items[i], t, b,
                             d->depth, least.buffers[t][b]);
                if (d->parent != b || d->depth == 1) continue;
                for (uint32_t k = b; k < p->tiles[t].n_buffers; k++)
                    p->tiles[t].buffers[k].depth -= p->tiles[t].buffers[k].parent == b;
                assert_false(isa_verify(p, chip, files.items[i], NULL));
                for (uint32_t k = b; k < p->tiles[t].n_buffers; k++)
                    p->tiles[t].buffers[k].depth += p->tiles[t].buffers[k].parent == b;
                reduced++;
            }
        for (uint32_t c = 0; c < p->n_channels; c++)
            assert_int_equal(p->channels[c].depth, least.channels[c]);
        isa_program_free(p);
    }
    assert_true(reduced >= 5);
    vec_free(&files);
    arena_free(a);
}

static bool matches(const diag *d, const verify_expectation *e) {
    const char *where = d->loc.where ? d->loc.where : "";
    return !e->met && strcmp(diag_id_name(d->id), e->id) == 0 && strstr(d->message, e->message) &&
           (e->place ? strcmp(where, e->place) == 0 : strstr(where, ", pc ") == NULL);
}

static bool check_file(const char *path, arena *a, bool *seen) {
    const machine *chip = verify_chip_of(a, path);
    if (!chip) return false;
    verify_expectations want = {0};
    bool ok = verify_expectations_read(a, path, &want);
    if (want.count == 0) {
        print_error("%s expects nothing\n", path);
        return false;
    }
    isa_program *p = verify_assemble(path);
    if (!p) return false;
    diag_sink *diags = diag_sink_new();
    isa_verify(p, chip, path, diags);
    for (size_t i = 0; i < diag_count(diags); i++) {
        const diag *d = diag_get(diags, i);
        size_t k = 0;
        if (d->severity != DIAG_ERROR) continue;
        while (k < want.count && !matches(d, &want.items[k])) k++;
        if (k < want.count) {
            want.items[k].met = true;
            seen[d->id] = true;
            continue;
        }
        print_error("%s: not expected: %s: %s [%s]\n", path, d->loc.where ? d->loc.where : "",
                    d->message, diag_id_name(d->id));
        ok = false;
    }
    for (size_t k = 0; k < want.count; k++) {
        if (want.items[k].met) continue;
        print_error("%s:%d: not found: %s: %s\n", path, want.items[k].line, want.items[k].id,
                    want.items[k].message);
        ok = false;
    }
    vec_free(&want);
    diag_sink_free(diags);
    isa_program_free(p);
    return ok;
}

static void bad_files(void **state) {
    arena *a = arena_new();
    bool seen[DIAG_ID_COUNT] = {false}, ok = true;
    verify_paths files = verify_list(a, BAD);
    assert_true(files.count > 0);
    for (size_t i = 0; i < files.count; i++) ok &= check_file(files.items[i], a, seen);
    static const diag_id ids[] = {
        DIAG_ID_isa_code,    DIAG_ID_isa_order,   DIAG_ID_isa_control,   DIAG_ID_isa_descriptor,
        DIAG_ID_isa_block,   DIAG_ID_isa_depth,   DIAG_ID_isa_capacity,  DIAG_ID_isa_domain,
        DIAG_ID_isa_operand, DIAG_ID_isa_channel, DIAG_ID_isa_unwritten, DIAG_ID_isa_ring,
        DIAG_ID_isa_index,   DIAG_ID_isa_port,    DIAG_ID_isa_readout,   DIAG_ID_sim_chip,
        DIAG_ID_isa_stream};
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        if (seen[ids[i]]) continue;
        print_error("no file of tests/isa/bad expects %s\n", diag_id_name(ids[i]));
        ok = false;
    }
    assert_true(ok);
    vec_free(&files);
    arena_free(a);
}

// What text cannot say, and a file can: a device without bounds.
static void endless_device(void **state) {
    arena *a = arena_new();
    machine *chip = verify_chip(a);
    for (int i = 0; i < 5; i++) {
        isa_program *p = verify_assemble(GOOD "/gain.s");
        isa_ring *r = &p->tiles[0].rings[0];
        float *const fields[] = {NULL, &r->v_dd, &r->s_sat, &r->o_sat, &r->decay};
        if (fields[i]) *fields[i] = __builtin_inff();
        diag_sink *diags = diag_sink_new();
        assert_int_equal(isa_verify(p, chip, "endless", diags), i == 0);
        if (i) {
            assert_int_equal(diag_get(diags, 0)->id, DIAG_ID_isa_descriptor);
            assert_non_null(strstr(diag_get(diags, 0)->message, "expected finite numbers"));
        }
        diag_sink_free(diags);
        isa_program_free(p);
    }
    arena_free(a);
}

// Limits so small that a level of them is 0.
static void vanishing_device(void **state) {
    for (int i = 0; i < 4; i++) {
        isa_program *p = verify_assemble(GOOD "/gain.s");
        isa_ring *r = &p->tiles[0].rings[0];
        float *const fields[] = {NULL, &r->v_dd, &r->s_sat, &r->o_sat};
        if (fields[i]) *fields[i] = 1e-40f;
        diag_sink *diags = diag_sink_new();
        assert_int_equal(isa_check_structure(p, "vanishing", diags), i == 0);
        if (i) assert_non_null(strstr(diag_get(diags, 0)->message, "must be 1e-09 at least"));
        diag_sink_free(diags);
        isa_program_free(p);
    }
}

// All findings in one run, but not without end.
static void findings_have_an_end(void **state) {
    static const char head[] = ".ohm 1\n.program stream max_tokens=8 max_chunk=8\n.phase run\n"
                               "  .rows t0 free max=8\n.tile 0\n  .buf x f32 4 stride=16 depth=1\n"
                               "  .code run\n";
    size_t n = sizeof head - 1;
    char *text = base_calloc(n + 300 * 20, 1);
    memcpy(text, head, n);
    for (int i = 0; i < 300; i++) n += (size_t)sprintf(text + n, "halt\n");
    diag_sink *diags = diag_sink_new();
    isa_program *p = isa_assemble(text, n, "many.s", diags);
    assert_non_null(p);
    assert_false(isa_verify(p, NULL, "many.s", diags));
    assert_int_equal(diag_errors(diags), 100);
    assert_int_equal(diag_count(diags), 101);
    diag_sink_free(diags);
    isa_program_free(p);
    free(text);
}

// A finding names the place, the instruction, the ONNX nodes, what was found and what was expected.
static void findings_are_complete(void **state) {
    static const char text[] =
        ".ohm 1\n.program stream max_tokens=8 max_chunk=8\n.phase run\n  .rows t0 free max=8\n"
        ".port ids in f32 4\n.port y out f32 3\n.tile 0\n  .buf x f32 4 stride=16 depth=1\n"
        "  .buf y f32 3 stride=16 depth=1 base=16\n  .code run\n    in x, ids\n"
        "    copy y, x @1 \"/h.0/Cast\"\n    out y, y, 0\n    halt\n";
    diag_sink *diags = diag_sink_new();
    isa_program *p = isa_assemble(text, sizeof text - 1, "x.s", diags);
    assert_non_null(p);
    assert_false(isa_verify(p, NULL, "x.s", diags));
    assert_int_equal(diag_count(diags), 1);
    assert_string_equal(diag_get(diags, 0)->loc.file, "x.s");
    assert_string_equal(diag_get(diags, 0)->loc.where, "phase run, tile 0, pc 1");
    assert_string_equal(
        diag_get(diags, 0)->message,
        "copy y, x (/h.0/Cast): operand d has 3 columns, expected 4 (as operand a)");
    diag_sink_free(diags);
    isa_program_free(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(good_files),
                                       cmocka_unit_test(good_files_are_tight),
                                       cmocka_unit_test(bad_files),
                                       cmocka_unit_test(endless_device),
                                       cmocka_unit_test(vanishing_device),
                                       cmocka_unit_test(findings_have_an_end),
                                       cmocka_unit_test(findings_are_complete)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
