// ohmic compile MODEL...: ONNX (or IR text of any stage) to a program.
#include "cli/compile/compile.h"
#include "isa/file/file.h"
#include "support/file/file.h"
#include <stdio.h>
#include <string.h>

int command_compile(int argc, char **argv);

static const arg_option options[] = {
    {"output", 'o', ARG_OUTPUT, "FILE",
     "where the program goes; default: the model's (of several the decoder's) name with .ohm"},
    COMPILE_OPTIONS,
    {"quiet", 'q', ARG_FLAG, NULL, "no summary"},
    {"json", 0, ARG_FLAG, NULL, "the summary as JSON"},
    {"timings", 0, ARG_FLAG, NULL,
     "with the summary: processor time of every part, and the checks' share"},
};

static const char *default_output(arena *a, const char *model) {
    const char *base = file_base(model), *dot = strrchr(base, '.');
    return arena_printf(a, "%.*s.ohm", dot ? (int)(dot - base) : (int)strlen(base), base);
}

// The output's name is the command's own choice where none is given.
static bool may_write(const args *given, const char *output, diag_sink *diags) {
    if (args_given(given, "output")) return true;
    if (strcmp(args_at(given, 0), "-") != 0) return args_may_write(given, output, diags);
    diag_emit(diags, DIAG_ID_usage, DIAG_NOWHERE,
              "a model from standard input has no name: say where the program goes (-o FILE)");
    return false;
}

int command_compile(int argc, char **argv) {
    arena *a = arena_new();
    int code;
    args *given =
        args_parse(a, argc, argv, "compile", "MODEL [DECODER [WITH_PAST]]",
                   "Compiles MODEL (.onnx, or .oir text of any stage) to a program for a chip. Of "
                   "an encoder and a\ndecoder in files of their own, the encoder's .onnx comes "
                   "first; third the decoder that takes\ncaches, where there is one.",
                   options, ARRAY_LEN(options), 1, 3, &code);
    if (given) {
        diag_sink *diags = diag_sink_new();
        compilation c = {0};
        const size_t n = args_count(given);
        const char **models = ARENA_ARRAY(a, const char *, n);
        for (size_t i = 0; i < n; i++) models[i] = args_at(given, i);
        const char *output = args_string(given, "output", default_output(a, models[n > 1]));
        bool made = may_write(given, output, diags) && compile_options(given, &c, diags) &&
                    compile_range_can_be_chosen(given, &c, output, diags) &&
                    compile_open(given, models, n, &c, diags) && compile_program(&c, diags);
        made = made && compile_choose_range(&c, output, diags);
        if (made) compile_timings_part(&c.timings, "converters' range");
        made = made && isa_write(c.program, output, diags);
        if (made) {
            compile_timings_part(&c.timings, "write");
            compile_converters_run(given, &c, output, diags);
            compile_timings_part(&c.timings, "converters");
            compile_unused_options(given, &c, diags);
            c.says_timings = args_flag(given, "timings");
        }
        if (made && !args_flag(given, "quiet")) {
            c.cost = headline_of(c.program, c.chip);
            compile_timings_part(&c.timings, "cost");
            FILE *out = strcmp(output, "-") == 0 ? stderr : stdout;
            if (args_flag(given, "json"))
                compile_summary_json(&c, output, out);
            else
                compile_summary(&c, output, out);
        }
        compile_close(&c);
        code = args_finish(given, diags);
    }
    arena_free(a);
    return code;
}
