// ohmic run PROGRAM: tensors in, tensors out, on the simulator.
#include "cli/args.h"
#include "cli/cost/ran.h"
#include "cli/report.h"
#include "host/host.h"
#include "host/tensors.h"
#include "host/trace.h"
#include "support/file/file.h"
#include <string.h>

int command_run(int argc, char **argv);

static const arg_option options[] = {
    ARG_OPTION("input", 'i', ARG_TENSORS_IN, "NAME=FILE",
               "an input: npy, ONNX .pb, or a member of an npz; FILE.npz gives all its members",
               ARG_TAKES("npy|npz|pb"), ARG_MANY),
    ARG_OPTION(
        "output", 'o', ARG_TENSORS_OUT, "FILE",
        "where outputs go: FILE.npz all of them, NAME=FILE.npy one; default: a line for each",
        ARG_MANY),
    {"trace", 0, ARG_TRACE, "WHAT[=FILE]",
     "print (or store) the values of an instruction TILE:PC, an IR value %NAME or an ONNX node"},
    {"stats", 0, ARG_FLAG, NULL, "event counters"},
    {"cost", 0, ARG_FLAG, NULL,
     "time and energy that the chip takes for it, gates and masks as they were met"},
    {"activity", 0, ARG_OUTPUT, "FILE",
     "record which gates and masks closed what, for `ohmic cost --activity`"},
    {"exact-cells", 0, ARG_FLAG, NULL,
     "every product through the cells, also where that provably changes nothing"},
    {"order", 0, ARG_INT, "SEED", "execute tiles in another order; never changes a result"},
    {"threads", 't', ARG_SIZE, "N", "threads; never changes a result; default: all cores"},
    {"json", 0, ARG_FLAG, NULL, "print as JSON"},
};

// Names of the outputs when each is asked for by name; count 0: all.
static const char **wanted(const args *given, size_t *n) {
    size_t count;
    const char *const *out = args_list(given, "output", &count);
    const char **names = ARENA_ARRAY(args_arena(given), const char *, count + 1);
    *n = 0;
    for (size_t i = 0; i < count; i++) {
        const char *file;
        if (!arena_pair(args_arena(given), out[i], &names[*n], &file)) {
            *n = 0;
            return NULL;
        }
        ++*n;
    }
    return *n ? names : NULL;
}

// Inputs of the command line have names of the program; those of a file are the file's matter.
static bool check_inputs(const args *given, const engine *e, diag_sink *diags) {
    size_t n;
    bool ok = true;
    arena *a = args_arena(given);
    const engine_info *info = engine_describe(e);
    const char *const *in = args_list(given, "input", &n), *name, *path;
    for (size_t i = 0; i < n; i++) {
        if (file_exists(in[i]) || !arena_pair(a, in[i], &name, &path)) continue;
        if (host_has_input(info, name)) continue;
        diag_emit(diags, DIAG_ID_usage, DIAG_NOWHERE,
                  "the program has no input '%s'; its inputs are %s", name,
                  host_input_names(info, a));
        ok = false;
    }
    return ok;
}

static bool write_outputs(const args *given, const tensor_set *set, diag_sink *diags) {
    size_t n;
    bool ok = true;
    const char *const *out = args_list(given, "output", &n);
    for (size_t i = 0; i < n; i++) ok = tensors_write(args_arena(given), out[i], set, diags) && ok;
    return ok;
}

static void show(const args *given, const tensor_set *set, const sim_stats *stats, const ran *r) {
    size_t n;
    args_list(given, "output", &n);
    if (args_flag(given, "json")) {
        json_t *list = json_array();
        for (size_t i = 0; i < set->count; i++) json_add(list, report_tensor_json(&set->items[i]));
        json_t *j = json_make("{s:o}", "outputs", list);
        if (args_flag(given, "stats")) json_put(j, "stats", report_stats_json(stats));
        if (args_flag(given, "cost")) json_put(j, "cost", ran_json(r));
        report_json(j);
        return;
    }
    for (size_t i = 0; n == 0 && i < set->count; i++)
        report_tensor(args_arena(given), &set->items[i], stdout);
    if (args_flag(given, "stats")) report_stats(stats, stdout);
    ran_print(r, stdout);
}

static void run(const args *given, const program_file *f, diag_sink *diags) {
    arena *a = args_arena(given);
    size_t n;
    tensor_list in = {0};
    tensor_set out;
    sim_options so = {.threads = (int)args_int(given, "threads", 0),
                      .order_seed = (uint64_t)args_int(given, "order", 0),
                      .force_cells = args_flag(given, "exact-cells")};
    engine *e = engine_of_program(f, &so, diags);
    bool ok = e && check_inputs(given, e, diags);
    const char *const *files = args_list(given, "input", &n);
    for (size_t i = 0; e && i < n; i++) ok = tensors_read(a, files[i], &in, diags) && ok;
    const char *what = args_string(given, "trace", NULL);
    trace *t = ok && what ? trace_open(f->program, engine_sim(e), what, a, diags) : NULL;
    const char *activity = args_string(given, "activity", NULL);
    const ran_options follow = {args_flag(given, "cost"), activity != NULL};
    ran *r = ok ? ran_new(engine_sim(e), follow, diags) : NULL;
    ok = ok && (r || !follow.time);
    host_options ho = {0};
    ho.outputs = wanted(given, &ho.n_outputs);
    if (ok && (!what || t) && host_run(e, &(tensor_set){in.items, in.count}, &ho, a, &out, diags) &&
        (!t || trace_close(t, args_flag(given, "json") ? stderr : stdout, diags)) && ran_end(r) &&
        write_outputs(given, &out, diags) &&
        (!activity || ran_write_activity(r, activity, diags))) {
        sim_stats stats = sim_totals(engine_sim(e));
        show(given, &out, &stats, r);
    }
    ran_free(r);
    engine_free(e);
    vec_free(&in);
}

int command_run(int argc, char **argv) {
    arena *a = arena_new();
    int code;
    args *given = args_parse(a, argc, argv, "run", "PROGRAM",
                             "Runs a program on the simulator of the chip it was compiled for.",
                             options, ARRAY_LEN(options), 1, 1, &code);
    if (given) {
        diag_sink *diags = diag_sink_new();
        program_file f;
        if (program_open(&f, args_at(given, 0), a, diags)) run(given, &f, diags);
        program_close(&f);
        code = args_finish(given, diags);
    }
    arena_free(a);
    return code;
}
