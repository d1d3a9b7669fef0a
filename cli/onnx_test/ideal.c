// ONNX test folders, compiled and simulated; see ideal.h.
#include "cli/onnx_test/ideal.h"
#include "cli/compile/compile.h"
#include "cli/onnx_test/truth.h"
#include "host/host.h"
#include "isa/file/file.h"
#include "support/file/file.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_PORTS 1024
#define MAX_ARGUMENTS 16
#define DEFAULT_TOLERANCE 1e-3
#define AS_NEAR \
    2 // times: root mean squares of two roundings of as many bits, over ten numbers or more

typedef struct {
    arena *a;
    const onnx_test_options *options;
    compilation c;
    char *argv[MAX_ARGUMENTS]; // of ohmic compile
    int argc;
    const char *model, *set; // the model's file; the folder of the data set at hand
    tensor_set truth[2];     // of that set, by truth_kind, once it is asked for
    bool asked, rounds[2];
    program_file file;
    engine *engine;
    diag_sink *diags;
    onnx_test_result result;
} run;

static bool give_up(run *r, onnx_test_verdict v, const char *message) {
    if (r->result.verdict == ONNX_TEST_PASS || v == ONNX_TEST_FAIL) {
        r->result.verdict = v;
        r->result.message = message;
    }
    return false;
}

// ---- compiling -------------------------------------------------------------------------------

// Through a program file, as users do: a program as the backend leaves it streams its cells and
// cannot run. The file has no name, so that nothing is left behind.
static bool store(run *r) {
    const char *folder = getenv("TMPDIR");
    char *name = arena_printf(r->a, "%s/ohmic-test-XXXXXX", folder ? folder : "/tmp");
    int fd = mkstemp(name);
    if (fd < 0) {
        diag_emit(r->diags, DIAG_ID_io, DIAG_FILE(name), "cannot write: %s", strerror(errno));
        return false;
    }
    unlink(name);
    char *path = arena_printf(r->a, "/dev/fd/%d", fd);
    bool ok =
        isa_write(r->c.program, path, r->diags) && program_open(&r->file, path, r->a, r->diags);
    close(fd); // what is mapped stays
    return ok;
}

// Sizes of images that the model leaves open, as the first data set has them: --bind NAME=SIZE.
static void bind_images(run *r, const char *model, const char *dir) {
    onnx_model *m = onnx_open(model, r->diags);
    for (size_t i = 0; m && i < onnx_n_inputs(m); i++) {
        const onnx_port *p = onnx_input(m, i);
        tensor t;
        const char *name;
        char *path = arena_printf(r->a, "%s/test_data_set_0/input_%zu.pb", dir, i);
        if (p->rank != 4 || !p->has_type || !elem_is_float(p->type) || strstr(p->name, "past") ||
            !file_exists(path) || !onnx_read_tensor_pb(r->a, path, &name, &t, r->diags) ||
            t.rank != p->rank)
            continue;
        for (int d = 1; d < p->rank && r->argc < MAX_ARGUMENTS - 1; d++)
            if (p->dim[d].value < 0 && p->dim[d].param)
                r->argv[r->argc++] =
                    arena_printf(r->a, "--bind=%s=%lld", p->dim[d].param, (long long)t.dim[d]);
    }
    onnx_close(m);
}

static bool compile(run *r, const char *model) {
    static const arg_option options[] = {COMPILE_OPTIONS};
    args *given = args_of_words(r->a, r->argc, r->argv, options, ARRAY_LEN(options), r->diags);
    if (!given || !compile_options(given, &r->c, r->diags))
        return give_up(r, ONNX_TEST_UNSUPPORTED, diag_first_error(r->diags, 0, r->a));
    r->c.options.keep_probabilities = true;
    r->c.options.threads = r->options->threads;
    if (!compile_open(given, &model, 1, &r->c, r->diags) || !compile_program(&r->c, r->diags))
        return give_up(r, diag_internals(r->diags) ? ONNX_TEST_FAIL : ONNX_TEST_UNSUPPORTED,
                       diag_first_error(r->diags, 0, r->a));
    if (!store(r)) return give_up(r, ONNX_TEST_FAIL, diag_first_error(r->diags, 0, r->a));
    sim_options so = {.threads = r->options->threads};
    r->engine = engine_of_program(&r->file, &so, r->diags);
    return r->engine || give_up(r, ONNX_TEST_FAIL, diag_first_error(r->diags, 0, r->a));
}

// ---- files of a data set ---------------------------------------------------------------------

static bool read_set(run *r, const char *dir, const char *kind, size_t limit, bool is_input,
                     tensor_set *set) {
    *set = (tensor_set){ARENA_ARRAY(r->a, tensor_named, limit + 1), 0};
    for (size_t i = 0; i < limit; i++) {
        char *path = arena_printf(r->a, "%s/%s_%zu.pb", dir, kind, i);
        if (!file_exists(path)) break;
        tensor_named *t = &set->items[set->count];
        if (!onnx_read_tensor_pb(r->a, path, &t->name, &t->value, r->diags))
            return give_up(r, ONNX_TEST_UNSUPPORTED, diag_first_error(r->diags, 0, r->a));
        const onnx_model *m = r->c.onnx;
        bool known = false;
        for (size_t k = 0; is_input && k < onnx_n_inputs(m); k++)
            known |= strcmp(onnx_input(m, k)->name, t->name) == 0;
        if (!known && i < (is_input ? onnx_n_inputs(m) : onnx_n_outputs(m)))
            t->name = is_input ? onnx_input(m, i)->name : onnx_output(m, i)->name;
        else if (!known) {
            if (is_input && onnx_test_overrides(m, t->name, &t->value))
                return give_up(
                    r, ONNX_TEST_UNSUPPORTED,
                    arena_printf(r->a, "the data set overrides initializer '%s'", t->name));
            continue;
        }
        set->count++;
    }
    return true;
}

// ---- comparing -------------------------------------------------------------------------------

// The padding mask [batch, past + tokens] among the inputs that goes with an output; NULL: none.
static const tensor *mask_of(run *r, const tensor_set *inputs, const char *output) {
    const engine_info *info = engine_describe(r->engine);
    bool encoder = false;
    for (size_t i = 0; i < info->n_ports; i++)
        if (!info->ports[i].input && strcmp(info->ports[i].name, output) == 0)
            encoder = info->ports[i].encoder;
    for (size_t i = 0; i < info->n_ports; i++) {
        if (!info->ports[i].input || !isa_role_skips(info->ports[i].role) ||
            info->ports[i].encoder != encoder)
            continue;
        for (size_t k = 0; k < inputs->count; k++)
            if (strcmp(inputs->items[k].name, info->ports[i].name) == 0 &&
                inputs->items[k].value.rank == 2)
                return &inputs->items[k].value;
    }
    return NULL;
}

// Does the element belong to a token that the mask hides?
static bool is_hidden(const tensor *mask, const tensor *t, size_t at, int batch, int tokens) {
    if (!mask || batch < 0 || tokens < 0) return false;
    int64_t index[TENSOR_MAX_RANK];
    for (int i = t->rank - 1; i >= 0; i--) {
        index[i] = (int64_t)at % t->dim[i];
        at /= (size_t)t->dim[i];
    }
    int64_t past = max_i64(0, mask->dim[1] - t->dim[tokens]); // tokens are the mask's last
    int64_t b = mask->dim[0] > 1 ? index[batch] : 0;
    size_t place = (size_t)(b * mask->dim[1] + past + index[tokens]);
    return place < tensor_count(mask) && elem_load_f64(mask->type, mask->data, place) == 0;
}

typedef struct {
    double error; // largest |a-b| / (1+|b|) of tokens that are not hidden
    size_t at;
    double rms; // of all of them
} distance;

static distance distance_of(run *r, const char *output, const tensor *g, const tensor *want,
                            const tensor *mask) {
    int batch, tokens;
    host_output_axes(engine_describe(r->engine), output, &batch, &tokens);
    distance d = {0};
    size_t seen = 0;
    for (size_t i = 0, n = tensor_count(want); i < n; i++) {
        if (is_hidden(mask, want, i, batch, tokens)) continue;
        double x = elem_load_f64(g->type, g->data, i), y = elem_load_f64(want->type, want->data, i);
        double e = x == y || (isnan(x) && isnan(y)) ? 0 : fabs(x - y) / (1 + fabs(y));
        if (!isfinite(e)) e = INFINITY;
        d.rms += e * e;
        seen++;
        if (e <= d.error) continue;
        d.error = e;
        d.at = i;
    }
    d.rms = seen ? sqrt(d.rms / (double)seen) : 0;
    return d;
}

static const tensor *truth_of(const run *r, truth_kind kind, const tensor_named *got,
                              const tensor *want) {
    for (size_t i = 0; r->rounds[kind] && i < r->truth[kind].count; i++) {
        const tensor_named *t = &r->truth[kind].items[i];
        if (strcmp(t->name, got->name) == 0 && tensor_same_shape(&t->value, want)) return &t->value;
    }
    return NULL;
}

// As near to the float32 truth as the stored output is, which rounds at places of its own; or what
// the model computes where the roundings that no chip has are left out. *why: what else is to be
// said where it is not.
static bool is_as_near(run *r, const tensor_named *got, const tensor *want, const tensor *mask,
                       const char **why) {
    for (int k = 0; !r->asked && k < 2; k++)
        r->rounds[k] =
            onnx_test_truth(r->a, r->model, r->set, r->options, (truth_kind)k, &r->truth[k]);
    r->asked = true;
    const tensor *t = truth_of(r, TRUTH_WHOLE, got, want);
    const double own = t ? distance_of(r, got->name, want, t, mask).rms : 0,
                 ours = t ? distance_of(r, got->name, &got->value, t, mask).rms : 0;
    const char *message = NULL;
    if (t && ours <= fmax(own * AS_NEAR, DEFAULT_TOLERANCE))
        message = arena_printf(r->a,
                               "its reference rounds: %.2g from the float32 truth "
                               "(root mean square), the program %.2g",
                               own, ours);
    else if (t)
        *why = arena_printf(r->a,
                            "; it is %.2g from the float32 truth (root mean square), the stored "
                            "output %.2g",
                            ours, own);
    else if (t)
        *why = arena_printf(r->a,
                            "; it is %.2g from the float32 truth (root mean square), the stored "
                            "output %.2g",
                            ours, own);
    t = message ? NULL : truth_of(r, TRUTH_OF_CHIPS, got, want);
    if (t && distance_of(r, got->name, &got->value, t, mask).error <= DEFAULT_TOLERANCE)
        message = arena_printf(r->a,
                               "its reference rounds what no row holds: without that the model is "
                               "%.2g from it (root mean square), and so is the program",
                               distance_of(r, got->name, want, t, mask).rms);
    if (message && r->result.verdict == ONNX_TEST_PASS) r->result.message = message;
    return message != NULL;
}

static bool compare(run *r, const tensor_named *got, const tensor *want, const tensor *mask) {
    const tensor *g = &got->value;
    if (g->type != want->type || !tensor_same_shape(g, want))
        return give_up(r, ONNX_TEST_FAIL,
                       arena_printf(r->a, "output '%s' is %s, expected %s", got->name,
                                    tensor_shape_text(r->a, g), tensor_shape_text(r->a, want)));
    distance d = distance_of(r, got->name, g, want, mask);
    if (d.error > r->result.max_error) r->result.max_error = d.error;
    bool given = r->options->tolerance > 0;
    if (d.error <= (given ? r->options->tolerance : DEFAULT_TOLERANCE)) return true;
    const char *why = "";
    if (!given && is_as_near(r, got, want, mask, &why)) return true;
    return give_up(r, ONNX_TEST_FAIL,
                   arena_printf(r->a,
                                "output '%s' differs by %.3g at element %zu: %.9g, expected %.9g%s",
                                got->name, d.error, d.at, elem_load_f64(g->type, g->data, d.at),
                                elem_load_f64(want->type, want->data, d.at), why));
}

// The set gives what the program computes by itself: it cannot be run with other values.
static bool is_other_model(const run *r) {
    for (size_t i = 0; i < diag_count(r->diags); i++)
        if (diag_get(r->diags, i)->id == DIAG_ID_host_computed) return true;
    return false;
}

static bool run_set(run *r, const char *dir) {
    r->set = dir;
    r->asked = false;
    tensor_set inputs, outputs, got;
    if (!read_set(r, dir, "input", MAX_PORTS, true, &inputs) ||
        !read_set(r, dir, "output", onnx_n_outputs(r->c.onnx), false, &outputs))
        return false;
    if (!host_run(r->engine, &inputs, NULL, r->a, &got, r->diags))
        return give_up(r, is_other_model(r) ? ONNX_TEST_UNSUPPORTED : ONNX_TEST_FAIL,
                       diag_first_error(r->diags, 0, r->a));
    for (size_t i = 0; i < outputs.count; i++) {
        const tensor_named *same = NULL;
        for (size_t k = 0; k < got.count; k++)
            if (strcmp(got.items[k].name, outputs.items[i].name) == 0) same = &got.items[k];
        if (!same)
            return give_up(
                r, ONNX_TEST_FAIL,
                arena_printf(r->a, "the program does not give output '%s'", outputs.items[i].name));
        if (!compare(r, same, &outputs.items[i].value, mask_of(r, &inputs, same->name)))
            return false;
    }
    return true;
}

// An option under which the caches of windowed attention are kept whole: data sets have all that
// the model gives back. NULL: they are.
static const char *whole_caches(run *r) {
    const engine_info *info = r->engine ? engine_describe(r->engine) : NULL;
    for (size_t i = 0; info && i < info->n_rings; i++) {
        const engine_ring *ring = &info->rings[i];
        if ((ring->present_key[0] || ring->present_value[0]) && ring->slots < info->max_tokens)
            return arena_printf(r->a, "--slots=%lld", (long long)info->max_tokens);
    }
    return NULL;
}

// The sets of a folder, with a further option (NULL: none). *more: what may help where they fail.
static onnx_test_result try_dir(run r, const char *model, const char *dir, const char *option,
                                size_t *n_sets, const char **more) {
    r.diags = diag_sink_new();
    r.model = model;
    r.argv[r.argc++] = arena_str(r.a, "--chip=ideal");
    r.argv[r.argc++] = arena_str(r.a, model);
    if (option) r.argv[r.argc++] = arena_str(r.a, option);
    bind_images(&r, model, dir);
    for (int i = 2; i < r.argc; i++)
        r.result.message =
            arena_printf(r.a, "%s %s", i == 2 ? "with" : r.result.message, r.argv[i]);
    *n_sets = 0;
    for (bool ok = compile(&r, model); ok; ++*n_sets) {
        char *set = arena_printf(r.a, "%s/test_data_set_%zu", dir, *n_sets);
        if (*n_sets == MAX_PORTS || !file_exists(set)) break;
        run_set(&r, set);
    }
    *more = whole_caches(&r);
    engine_free(r.engine);
    program_close(&r.file);
    compile_close(&r.c);
    diag_sink_free(r.diags);
    return r.result;
}

onnx_test_result onnx_test_ideal_dir(arena *a, const char *model_path, const char *dir,
                                     const onnx_test_options *options, size_t *n_sets) {
    run r = {.a = a, .options = options, .result = {ONNX_TEST_PASS, 0, ""}};
    const char *more, *unused;
    onnx_test_result result = try_dir(r, model_path, dir, NULL, n_sets, &more);
    if (result.verdict != ONNX_TEST_FAIL || !more) return result;
    return try_dir(r, model_path, dir, more, n_sets, &unused);
}
