// ohmic opt IR: passes on IR text.
#include "cli/compile/compile.h"
#include "ir/text/text.h"
#include "support/file/file.h"
#include "support/vec.h"
#include <string.h>
#include <sys/stat.h>

int command_opt(int argc, char **argv);

static const arg_option options[] = {
    {"pass", 'p', ARG_NAME, "LIST",
     "passes to run, comma-separated (`ohmic passes` lists them); default: none"},
    {"output", 'o', ARG_PLACE, "FILE",
     "where the text goes, with the data of big tensors beside it; a folder: as the input is "
     "called; default: standard output, without data"},
    COMPILE_OPTIONS,
};

// A folder, or a name that ends in '/', gets a file of the input's name.
static const char *output_file(arena *a, const char *output, const char *input, diag_sink *diags) {
    struct stat st;
    bool slash = file_ends_in(output, "/");
    if (!slash && (stat(output, &st) != 0 || !S_ISDIR(st.st_mode))) return output;
    if (slash && !file_make_dir(output, diags)) return NULL;
    return file_join(a, output, strcmp(input, "-") == 0 ? "module.oir" : file_base(input));
}

static bool goes_by_hash(const ir_module *m) {
    for (size_t i = 0; i < m->symbols.count; i++) {
        const ir_symbol *s = m->symbols.items[i];
        if (s->kind == IR_SYM_TENSOR && tensor_count(&s->data) > IR_INLINE_MAX) return true;
    }
    return false;
}

// Big tensors go beside the output; what is no regular file names them by hash only.
static bool write_text(arena *a, ir_module *m, const char *output, diag_sink *diags) {
    const char *slash = strrchr(output, '/');
    const char *dir = slash ? arena_strn(a, output, (size_t)(slash - output) + 1) : ".";
    file_out *out = file_out_open(output, diags);
    if (!out) return false;
    bool direct = file_out_is_direct(out);
    if (direct && goes_by_hash(m))
        diag_note(diags, DIAG_NOWHERE,
                  "tensors of more than %d elements stand by hash, without their data: -o FILE "
                  "writes them beside the text",
                  IR_INLINE_MAX);
    if (ir_print(m, file_out_stream(out), direct ? NULL : dir, diags))
        return file_out_commit(out, diags);
    file_out_abandon(out);
    return false;
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
        const char *output = output_file(a, args_string(given, "output", "-"), path, diags);
        if (output && args_may_write(given, output, diags) && compile_options(given, &c, diags) &&
            (!args_string(given, "pass", NULL) ||
             pass_pipeline_parse(&p, args_string(given, "pass", ""), diags)) &&
            compile_text_options(given, &p, diags) && (c.module = pass_read(path, diags)) &&
            (done = pass_run_pipeline(&p, c.module, &c.options, &c.checks, diags)) &&
            write_text(a, done, output, diags))
            compile_unused_options(given, &c, diags);
        ir_module_free(done);
        vec_free(&p);
        compile_close(&c);
        code = args_finish(given, diags);
    }
    arena_free(a);
    return code;
}
