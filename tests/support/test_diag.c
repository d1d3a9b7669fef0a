// diag.h: what is printed, character by character. base.h: what a broken CHECK does.
#include "support/diag.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
// cmocka.h needs some of the above
#include <cmocka.h>

// What diag_print prints; the caller's to free.
static char *printed(const diag_sink *s, size_t from, bool colour) {
    char *text = NULL;
    size_t n;
    FILE *f = open_memstream(&text, &n);
    diag_print(s, from, f, colour);
    fclose(f);
    return text;
}

static void assert_printed(const diag_sink *s, size_t from, bool colour, const char *want) {
    char *text = printed(s, from, colour);
    assert_string_equal(text, want);
    free(text);
}

static void ids_print_with_hyphens(void **state) {
    assert_string_equal(diag_id_name(DIAG_ID_io), "io");
    assert_string_equal(diag_id_name(DIAG_ID_npy_format), "npy-format");
    for (int i = 0; i < DIAG_ID_COUNT; i++) {
        const char *name = diag_id_name((diag_id)i);
        assert_true(*name && !strchr(name, '_'));
    }
}

static void places_of_all_kinds(void **state) {
    diag_sink *s = diag_sink_new();
    diag_emit(s, DIAG_ID_usage, DIAG_NOWHERE, "no such command '%s'", "complie");
    diag_emit(s, DIAG_ID_io, DIAG_FILE("/no/such.onnx"), "cannot read: no");
    diag_emit(s, DIAG_ID_io, DIAG_AT("/no/such.onnx", "node '/h.0'"), "line\none\033[2J");
    diag_note(s, (diag_loc){.file = "/no/such.oir", .line = 2, .col = 12}, "defined here");
    assert_int_equal(diag_count(s), 4);
    assert_int_equal(diag_errors(s), 3);
    assert_int_equal(diag_get(s, 3)->severity, DIAG_NOTE);
    assert_int_equal(diag_get(s, 3)->id, DIAG_ID_io);
    assert_printed(s, 0, false,
                   "error: no such command 'complie' [usage]\n"
                   "/no/such.onnx: error: cannot read: no [io]\n"
                   "/no/such.onnx: node '/h.0': error: line\\none\\x1b[2J [io]\n"
                   "/no/such.oir:2:12: note: defined here\n");
    assert_printed(s, 3, false, "/no/such.oir:2:12: note: defined here\n");
    assert_printed(
        s, 0, true,
        "\033[1m\033[1;31merror: \033[0mno such command 'complie' [usage]\n"
        "\033[1m/no/such.onnx: \033[1;31merror: \033[0mcannot read: no [io]\n"
        "\033[1m/no/such.onnx: node '/h.0': \033[1;31merror: \033[0mline\\none\\x1b[2J [io]\n"
        "\033[1m/no/such.oir:2:12: \033[1;36mnote: \033[0mdefined here\n");
    assert_int_equal(diag_internals(s), 0);
    diag_emit(s, DIAG_ID_pass_invalid, DIAG_NOWHERE, "ours");
    assert_int_equal(diag_errors(s), 4);
    assert_int_equal(diag_internals(s), 1);
    assert_printed(s, 4, false, "internal error: ours [pass-invalid]\n");
    diag_sink_free(s);
    diag_emit(NULL, DIAG_ID_io, DIAG_NOWHERE, "dropped");
    diag_note(NULL, DIAG_NOWHERE, "dropped");
    diag_sink_free(NULL);
}

static void source_lines_with_carets(void **state) {
    char path[] = "/tmp/ohmic_diag_XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *f = fdopen(fd, "w");
    fputs("func @f\n\t%q = nn.linear %x\r\n", f);
    fputs("\xc3\xa4\xc3\xb6 = bad\n", f);
    for (int i = 0; i < 1000; i++) fputs("0123456789", f);
    fclose(f);
    char want[2000], at[64];
    diag_sink *s = diag_sink_new();

    diag_emit(s, DIAG_ID_usage, (diag_loc){path, 2, 7, 16, NULL}, "range");
    snprintf(at, sizeof at, "%s:2:7: ", path);
    snprintf(want, sizeof want,
             "%serror: range [usage]\n    2 |  %%q = nn.linear %%x\n      |       ^~~~~~~~~\n", at);
    assert_printed(s, 0, false, want);

    diag_emit(s, DIAG_ID_usage, (diag_loc){path, 3, 8, 0, NULL},
              "after umlauts"); // bytes, not letters
    snprintf(want, sizeof want,
             "%s:3:8: error: after umlauts [usage]\n    3 | \xc3\xa4\xc3\xb6 = bad\n"
             "      |      ^\n",
             path);
    assert_printed(s, 1, false, want);

    diag_emit(s, DIAG_ID_usage, (diag_loc){path, 4, 5001, 9000, NULL}, "long line");
    char *text = printed(s, 2, false);
    assert_true(strlen(text) < 600 && strstr(text, "| ...") && strstr(text, "^~"));
    free(text);
    // Positions that the file does not have show no line.
    diag_emit(s, DIAG_ID_usage, (diag_loc){path, 99, 1, 0, NULL}, "beyond");
    snprintf(want, sizeof want, "%s:99:1: error: beyond [usage]\n", path);
    assert_printed(s, 3, false, want);
    diag_emit(s, DIAG_ID_usage, (diag_loc){path, 1, 500, 600, NULL}, "right of the end");
    snprintf(want, sizeof want,
             "%s:1:500: error: right of the end [usage]\n    1 | func @f\n      |        ^\n",
             path);
    assert_printed(s, 4, false, want);
    diag_sink_free(s);
    unlink(path);
}

static void a_broken_check_exits_70(void **state) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], 2);
        CHECK(1 == 2, "found %d", 42);
        _exit(0);
    }
    close(ends[1]);
    char text[300] = "";
    size_t n = 0;
    for (ssize_t got; (got = read(ends[0], text + n, sizeof text - 1 - n)) > 0;) n += (size_t)got;
    close(ends[0]);
    int status;
    waitpid(child, &status, 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 70);
    assert_non_null(strstr(text, "test_diag.c:"));
    assert_non_null(strstr(text, "internal error: CHECK(1 == 2) failed: found 42\n"));
}

static void the_same_words_are_kept_once(void **state) {
    diag_sink *s = diag_sink_new();
    for (int i = 0; i < 3; i++) {
        diag_emit(s, DIAG_ID_op_operand_count, DIAG_AT("m.onnx", "node 'a'"), "found %d", 1);
        diag_note(s, DIAG_NOWHERE, "its note");
    }
    assert_int_equal(diag_count(s), 2);
    assert_int_equal(diag_errors(s), 3); // none is lost to who counts before and after
    diag_emit(s, DIAG_ID_op_operand_count, DIAG_AT("m.onnx", "node 'b'"), "found %d", 1);
    diag_emit(s, DIAG_ID_op_operand_count, DIAG_AT("n.onnx", "node 'a'"), "found %d", 1);
    diag_emit(s, DIAG_ID_op_operand_count, DIAG_AT("m.onnx", "node 'a'"), "found %d", 2);
    assert_int_equal(diag_count(s), 5);
    for (int i = 0; i < 2 * DIAG_KEPT; i++)
        diag_emit(s, DIAG_ID_op_operand_count, DIAG_AT("m.onnx", "node 'a'"), "found %d", 1);
    diag_emit(s, DIAG_ID_op_operand_count, DIAG_AT("m.onnx", "node 'c'"), "found %d", 1);
    assert_int_equal(diag_count(s), 6); // repetitions take no other finding's place
    diag_sink_free(s);
}

static void first_error_in_one_line(void **state) {
    arena *a = arena_new();
    diag_sink *s = diag_sink_new();
    assert_null(diag_first_error(s, 0, a));
    diag_emit(s, DIAG_ID_tokenizer_ignored, DIAG_NOWHERE, "a warning");
    assert_null(diag_first_error(s, 0, a));
    diag_emit(s, DIAG_ID_io, DIAG_AT("x.onnx", "node '/a'"), "the first");
    assert_string_equal(diag_first_error(s, 0, a), "node '/a': the first");
    diag_emit(s, DIAG_ID_io, DIAG_FILE("x.onnx"), "the second");
    diag_note(s, DIAG_NOWHERE, "a note");
    diag_emit(s, DIAG_ID_io, DIAG_FILE("x.onnx"), "the third");
    assert_string_equal(diag_first_error(s, 0, a), "node '/a': the first (and 2 more)");
    assert_string_equal(diag_first_error(s, 2, a), "the second (and 1 more)");
    assert_null(diag_first_error(s, 5, a));
    diag_sink_free(s);
    arena_free(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_words_are_kept_once), cmocka_unit_test(first_error_in_one_line),
        cmocka_unit_test(ids_print_with_hyphens),       cmocka_unit_test(places_of_all_kinds),
        cmocka_unit_test(source_lines_with_carets),     cmocka_unit_test(a_broken_check_exits_70),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
