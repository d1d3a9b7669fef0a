// Every parameter of a chip is honoured: set to something else it changes a listing, values,
// counters, times, energies or areas, or is refused.
#include "isa/machine/machine.h"
#include "support/file/file.h"
#include "tests/cli/command.h"
#include <setjmp.h>
#include <stdarg.h>
// cmocka.h needs some of the above
#include <cmocka.h>

#define DIR OHMIC_BUILD_DIR "/parameters"
#define PROGRAM DIR "/p.ohm"
#define TALES OHMIC_SOURCE_DIR "/examples/tales/"
enum { MOST_WORDS = 40 };

// Programs that between them have a use for every parameter: how each is made, and what runs it.
static const char *const by_scores[] = {
    "compile", TALES "tales_gpt.onnx", "--chip", "ohmic-1", "-q", "--threads", "1", "-o", PROGRAM,
    NULL};
static const char *const run[] = {"run",     PROGRAM,     "-i", "input_ids=" TALES "prompt.npy",
                                  "--stats", "--threads", "1",  NULL};
static const char *const by_charge[] = {"compile",
                                        OHMIC_SOURCE_DIR
                                        "/examples/gaincell/tales_gaincell_fn.onnx",
                                        "--chip",
                                        "leroux2025-cmos",
                                        "-q",
                                        "--threads",
                                        "1",
                                        "-o",
                                        PROGRAM,
                                        "--set",
                                        "gain.head_width=32",
                                        "--set",
                                        "gain.k_arrays_summed=2",
                                        NULL};
static const char *const generate[] = {"generate", PROGRAM, "--prompt-ids", "1,2,3,4", "--tokens",
                                       "6",        "--ids", "--threads",    "1",       "--metrics",
                                       NULL};
static const char *const by_levels[] = {"compile",
                                        TALES "tales_gpt.onnx",
                                        "--chip",
                                        "ohmic-1",
                                        "-q",
                                        "--threads",
                                        "1",
                                        "-o",
                                        PROGRAM,
                                        "--set",
                                        "gain.score_cells=2",
                                        "--set",
                                        "gain.score_adc_bits=6",
                                        "--set",
                                        "gain.score_q_levels=16",
                                        "--set",
                                        "gain.score_p_levels=16",
                                        "--set",
                                        "crossbar.adc_bits=5",
                                        "--set",
                                        "crossbar.adc_step=4",
                                        "--set",
                                        "gain.columns_per_adc=4",
                                        NULL};
// Some products wait for the pool, others for their dense crossbars.
static const char *const on_pool[] = {"compile",
                                      TALES "tales_gpt.onnx",
                                      "--chip",
                                      "wang2025",
                                      "-q",
                                      "--threads",
                                      "1",
                                      "-o",
                                      PROGRAM,
                                      "--set",
                                      "pool.arrays=8",
                                      "--set",
                                      "pool.columns=2",
                                      "--set",
                                      "dense.arrays=1",
                                      "--set",
                                      "time.dense=100",
                                      NULL};
#define BY_HAND(file)                                                                            \
    (const char *const[]) {                                                                      \
        "as", OHMIC_SOURCE_DIR "/tests/isa/good/" file, "--chip", "ohmic-1", "-o", PROGRAM, NULL \
    }

static const struct {
    const char *const *make, *const *use; // use NULL: only its times are looked at
} programs[] = {{BY_HAND("stream.s"), NULL},
                {BY_HAND("whole.s"), NULL},
                {BY_HAND("phases.s"), NULL},
                {by_scores, run},
                {by_charge, generate},
                {by_levels, run},
                {on_pool, run}};

static outcome o;

static void add(arena *a, char **seen) {
    *seen = arena_printf(a, "%s%d %d\n%s%s", *seen, o.code, o.signal, o.out, o.code ? o.err : "");
}

// Figures without what is assumed of them: whatever is set by hand is, used or not.
static void add_figures(arena *a, char **seen) {
    bool shares = false;
    char *to = o.out;
    for (char *line = o.out, *next; *line; line = next) {
        char *end = strchr(line, '\n');
        assert_non_null(end); // all of it was read
        *end = 0;
        next = end + 1;
        const bool found = strstr(line, "assumed") != NULL;
        const bool leave = shares || found || strstr(line, "\"class\"");
        if (found && strchr(line, '{')) shares = true;
        if (strchr(line, '}')) shares = false;
        if (leave) continue;
        *end = '\n';
        memmove(to, line, (size_t)(next - line));
        to += next - line;
    }
    *to = 0;
    add(a, seen);
}

// All that program k shows with `assignment` ("" for none); "refused" when it is not made.
static char *shown(arena *a, size_t k, const char *assignment) {
    const char *words[MOST_WORDS + 3] = {OHMIC};
    size_t n = 1;
    for (; programs[k].make[n - 1]; n++) words[n] = programs[k].make[n - 1];
    if (*assignment) words[n++] = "--set", words[n++] = assignment;
    command_run(&o, words, NULL);
    assert_int_equal(o.signal, 0);
    if (o.code) {
        assert_true(o.code == 1 || o.code == 2);
        assert_true(o.n_err > 0);
        return "refused";
    }
    char *seen = "";
    COMMAND(&o, "dis", "--no-data", PROGRAM);
    char *chip = strstr(o.out, "\n.chip");
    if (chip) *chip = 0; // says the parameter itself
    add(a, &seen);
    COMMAND(&o, "cost", PROGRAM, "--json");
    add_figures(a, &seen);
    if (!programs[k].use) return seen;
    words[0] = OHMIC, n = 1;
    for (; programs[k].use[n - 1]; n++) words[n] = programs[k].use[n - 1];
    words[n] = NULL;
    command_run(&o, words, NULL);
    add(a, &seen);
    // of attention, a line a token; others have the time that this took
    for (const char *line = strtok(o.err, "\n"); line; line = strtok(NULL, "\n"))
        if (*line >= '0' && *line <= '9') seen = arena_printf(a, "%s%s\n", seen, line);
    return seen;
}

// Other values of a parameter, as --set takes them.
static size_t others(arena *a, const machine_param *p, const char **out) {
    size_t n = 0;
    const double real[] = {3.5, 0.125, 1000};
    const int64_t whole[] = {3, 1, 16, 0};
    switch (p->kind) {
    case MACHINE_REAL:
        for (size_t i = 0; i < ARRAY_LEN(real); i++)
            if (real[i] >= p->real_lo && real[i] <= p->real_hi)
                out[n++] = arena_printf(a, "%s.%s=%g", p->section, p->name, real[i]);
        break;
    case MACHINE_INT:
        for (size_t i = 0; i < ARRAY_LEN(whole); i++)
            if (whole[i] >= p->int_lo && whole[i] <= p->int_hi)
                out[n++] = arena_printf(a, "%s.%s=%lld", p->section, p->name, (long long)whole[i]);
        break;
    case MACHINE_ENUM:
        for (unsigned i = 0; i < p->choices->count; i++)
            out[n++] = arena_printf(a, "%s.%s=%s", p->section, p->name, p->choices->names[i]);
        break;
    case MACHINE_LIST: out[n++] = arena_printf(a, "%s.%s=0,2,1", p->section, p->name); break;
    }
    return n;
}

static void every_parameter_is_honoured(void **state) {
    arena *a = arena_new();
    char *before[ARRAY_LEN(programs)];
    for (size_t k = 0; k < ARRAY_LEN(programs); k++) {
        before[k] = shown(a, k, "");
        assert_string_not_equal(before[k], "refused");
        assert_string_equal(before[k], shown(a, k, ""));
    }
    size_t missed = 0;
    for (size_t i = 0; i < machine_params_count; i++) {
        const machine_param *p = &machine_params[i];
        arena *mine = arena_new();
        const char *key = arena_printf(mine, "%s.%s", p->section, p->name), *list[16], *by = NULL;
        const size_t n = others(mine, p, list);
        for (size_t k = 0; k < ARRAY_LEN(programs) && !by; k++)
            for (size_t v = 0; v < n && !by; v++)
                if (strcmp(shown(mine, k, list[v]), before[k]) != 0) by = list[v];
        if (!by) {
            printf("%s: changes nothing\n", key);
            missed++;
        }
        arena_free(mine);
    }
    assert_int_equal(missed, 0);
    arena_free(a);
}

static int make_dir(void **state) { return file_make_dir(DIR, NULL) ? 0 : -1; }

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_parameter_is_honoured)};
    return cmocka_run_group_tests(tests, make_dir, NULL);
}
