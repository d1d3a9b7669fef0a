// ohmic onnx-test DIR...: do models compute what their test data say, in the interpreter or
// compiled for the chip `ideal` and simulated?
#include "cli/args.h"
#include "cli/onnx_test/data_set.h"
#include "cli/onnx_test/ideal.h"
#include "cli/report.h"
#include "host/host.h"
#include "support/file/file.h"
#include "support/name.h"
#include "support/progress.h"
#include "support/vec.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int command_onnx_test(int argc, char **argv);

static const arg_option options[] = {
    {"on", 0, ARG_WORD, "interp|ideal",
     "the interpreter on the import (default), or compiled for `ideal` and simulated"},
    {"tolerance", 0, ARG_REAL, "X",
     "largest |a-b| / (1+|b|) that passes; default: 1e-4; on ideal 1e-3, or no more than twice as "
     "far from the "
     "float32 truth than stored outputs of half precision and quantised models are"},
    ARG_OPTION("model", 'm', ARG_INPUT, "FILE",
               "the model; default: DIR/model.onnx, else its one .onnx", ARG_TAKES("onnx")),
    {"quiet", 'q', ARG_FLAG, NULL, "only cases that do not pass, and the counts"},
    {"threads", 't', ARG_SIZE, "N", "threads; never changes a result; default: all cores"},
    {"json", 0, ARG_FLAG, NULL, "print as JSON"},
};

typedef struct {
    const args *given;
    arena *a;
    bool ideal;
    onnx_test_options options;
    VEC(const char *) cases; // folders that hold test_data_set_0
    size_t count[3];
    json_t *list;
} test_run;

// The folder, or all cases below it.
static bool find_cases(test_run *t, const char *dir, int depth, diag_sink *diags) {
    if (file_exists(file_join(t->a, dir, "test_data_set_0"))) {
        vec_push(&t->cases, arena_str(t->a, dir));
        return true;
    }
    size_t n;
    const char **names = file_list(t->a, dir, &n);
    if (!names) {
        if (depth == 0)
            diag_emit(diags, DIAG_ID_io, DIAG_FILE(dir), "cannot be opened as a folder: %s",
                      strerror(errno));
        return false;
    }
    size_t before = t->cases.count;
    for (size_t i = 0; depth < 4 && i < n; i++)
        find_cases(t, file_join(t->a, dir, names[i]), depth + 1, diags);
    if (depth == 0 && t->cases.count == before) {
        diag_emit(diags, DIAG_ID_io, DIAG_FILE(dir), "holds no test_data_set_0");
        return false;
    }
    return true;
}

static const char *model_of(test_run *t, const char *dir) {
    const char *asked = args_string(t->given, "model", NULL);
    return asked ? asked : file_join(t->a, dir, "model.onnx");
}

static void show(test_run *t, const char *name, const onnx_test_result *r) {
    t->count[r->verdict]++;
    if (t->list) {
        double error = r->max_error < 1e300 ? r->max_error : 1e300;
        json_add(t->list, json_make("{s:o, s:s, s:o, s:o}", "name", json_name(name), "verdict",
                                    onnx_test_verdict_name(r->verdict), "max_error",
                                    json_figure(error), "message", json_name(r->message)));
        return;
    }
    if (r->verdict == ONNX_TEST_PASS && args_flag(t->given, "quiet")) return;
    printf("%s %s %.3g", onnx_test_verdict_name(r->verdict), name_text(t->a, name), r->max_error);
    if (r->message[0]) printf("  %s", name_text(t->a, r->message));
    putchar('\n');
    fflush(stdout);
}

static void run_cases(test_run *t) {
    progress *bar = progress_new("testing", t->cases.count);
    for (size_t i = 0; i < t->cases.count; i++) {
        arena *own = arena_new();
        const char *dir = t->cases.items[i], *model = model_of(t, dir);
        size_t sets;
        onnx_test_result r = t->ideal ? onnx_test_ideal_dir(own, model, dir, &t->options, &sets)
                                      : onnx_test_dir(own, model, dir, &t->options, &sets);
        show(t, file_base(dir), &r);
        arena_free(own);
        progress_set(bar, i + 1);
    }
    progress_free(bar);
}

int command_onnx_test(int argc, char **argv) {
    arena *a = arena_new();
    int code;
    args *given = args_parse(a, argc, argv, "onnx-test", "DIR...",
                             "Runs ONNX test folders (test_data_set_N), and all below the folders.",
                             options, ARRAY_LEN(options), 1, -1, &code);
    if (given) {
        diag_sink *diags = diag_sink_new();
        test_run t = {.given = given, .a = a};
        const char *on = args_string(given, "on", "interp");
        t.ideal = strcmp(on, "ideal") == 0;
        t.options.tolerance = args_real(given, "tolerance", 0);
        t.options.threads = (int)args_int(given, "threads", 0);
        bool ok = true;
        for (size_t i = 0; i < args_count(given); i++)
            ok = find_cases(&t, args_at(given, i), 0, diags) && ok;
        if (args_flag(given, "json")) t.list = json_array();
        if (ok) run_cases(&t);
        if (ok && t.list)
            report_json(json_make("{s:o, s:o, s:o, s:o}", "cases", t.list, "pass",
                                  json_count(t.count[0]), "fail", json_count(t.count[1]),
                                  "unsupported", json_count(t.count[2])));
        else if (ok)
            printf("%zu passed, %zu failed, %zu unsupported\n", t.count[0], t.count[1], t.count[2]);
        vec_free(&t.cases);
        code = args_finish(given, diags);
        if (code == EXIT_OK && t.count[ONNX_TEST_FAIL]) code = EXIT_REJECTED;
    }
    arena_free(a);
    return code;
}
