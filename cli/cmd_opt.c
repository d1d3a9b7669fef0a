// ohmic opt IR: passes on IR text.
#include "cli/compile/compile.h"
#include "ir/text/text.h"
#include "support/file/file.h"
#include "support/vec.h"
#include <string.h>

int command_opt(int argc, char **argv);

static const arg_option options[] = {
    {"pass", 'p', ARG_STRING, "LIST",
     "passes to run, comma-separated (`ohmic passes` lists them); default: none"},
    {"output", 'o', ARG_STRING, "FILE", "where the text goes; default: standard output"},
    COMPILE_OPTIONS,
};

// Big tensors go beside the output; standard output names them by hash only.
static bool write_text(ir_module *m, const char *output, diag_sink *diags) {
    arena *a = arena_new();
    const char *slash = strrchr(output, '/');
    const char *dir = strcmp(output, "-") == 0 ? NULL
                      : slash                  ? arena_strn(a, output, (size_t)(slash - output))
                                               : ".";
    file_out *out = file_out_open(output, diags);
    bool ok = out && ir_print(m, file_out_stream(out), dir, diags);
    if (ok)
        ok = file_out_commit(out, diags);
    else
        file_out_abandon(out);
    arena_free(a);
    return ok;
}

int command_opt(int argc, char **argv) {
    arena *a = arena_new();
    int code;
    args *given = args_parse(a, argc, argv, "opt", "IR",
                             "Runs passes on IR text (.oir) and prints the result.", options,
                             ARRAY_LEN(options), 1, 1, &code);
    if (given) {
        diag_sink *diags = diag_sink_new();
        compilation c = {0};
        pass_pipeline p = {0};
        const char *path = args_at(given, 0);
        ir_module *done = NULL;
        if (compile_options(given, &c, diags) &&
            (!args_string(given, "pass", NULL) ||
             pass_pipeline_parse(&p, args_string(given, "pass", ""), diags)) &&
            (c.module = pass_read(path, diags)) &&
            (done = pass_run_pipeline(&p, c.module, &c.options, &c.checks, diags)))
            write_text(done, args_string(given, "output", "-"), diags);
        ir_module_free(done);
        vec_free(&p);
        compile_close(&c);
        code = args_finish(diags);
    }
    arena_free(a);
    return code;
}
