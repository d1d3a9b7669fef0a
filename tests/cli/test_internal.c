// A program that the compiler made and the verifier refuses is the compiler's fault: exit code 70,
// and the pass that decides what was found is named. What nobody of the passes that ran has made,
// and what a chip has no room for, stays the author's.
#include "cli/args.h"
#include "cli/compile/compile.h"
#include "tests/isa/verify_files.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define BAD OHMIC_SOURCE_DIR "/tests/isa/bad"

// What compile_verify says of a file of tests/isa/bad: the last message; `code`: of the command.
static char *judge(arena *a, const char *path, int first, bool *ours, bool *room) {
    isa_program *p = verify_assemble(path);
    const machine *chip = verify_chip_of(a, path);
    assert_non_null(p);
    assert_non_null(chip);
    diag_sink *diags = diag_sink_new();
    assert_false(compile_verify(p, chip, first, diags));
    *room = true;
    for (size_t i = 0; i < diag_count(diags); i++) {
        const diag *d = diag_get(diags, i);
        if (d->severity == DIAG_ERROR) *room &= d->id == DIAG_ID_isa_capacity;
    }
    *ours = diag_internals(diags) > 0;
    char *last = arena_str(a, diag_get(diags, diag_count(diags) - 1)->message);
    diag_sink_free(diags);
    isa_program_free(p);
    return last;
}

static void refused_programs_are_ours(void **state) {
    arena *a = arena_new();
    verify_paths files = verify_list(a, BAD);
    assert_true(files.count >= 20);
    size_t rooms = 0, passes = 0;
    for (size_t i = 0; i < files.count; i++) {
        bool ours, room;
        const char *last = judge(a, files.items[i], 0, &ours, &room);
        if (ours == room) fail_msg("%s: %s", files.items[i], last);
        if (ours && !strstr(last, "made a program that the verifier refuses; please report"))
            fail_msg("%s: %s", files.items[i], last);
        passes += ours && !strstr(last, "'backend'");
        rooms += room;
        // a text of the last stage, compiled: no pass ran
        last = judge(a, files.items[i], PASS_COUNT, &ours, &room);
        if (ours && !strstr(last, "pass 'backend'")) fail_msg("%s: %s", files.items[i], last);
    }
    print_message("%zu files, %zu about room on the chip, %zu with a pass to blame\n", files.count,
                  rooms, passes);
    assert_true(rooms > 0 && passes > 0);
    vec_free(&files);
    arena_free(a);
}

static void exit_codes(void **state) {
    diag_sink *diags = diag_sink_new();
    assert_int_equal(args_finish(NULL, diags), EXIT_OK);
    diags = diag_sink_new();
    diag_emit(diags, DIAG_ID_io, DIAG_NOWHERE, "theirs");
    assert_int_equal(args_finish(NULL, diags), EXIT_REJECTED);
    diags = diag_sink_new();
    pass_invalid("place", "module", diags);
    diag_emit(diags, DIAG_ID_io, DIAG_NOWHERE, "theirs");
    assert_int_equal(args_finish(NULL, diags), EXIT_INTERNAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused_programs_are_ours),
        cmocka_unit_test(exit_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
