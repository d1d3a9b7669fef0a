// Small inputs of ../shared/cases: what the command makes of each, for two chips; on `ideal` the
// stored values.
#include "support/num/tensor.h"
#include "tests/cli/command.h"
#include "tests/shared.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
// cmocka.h needs some of the above
#include <cmocka.h>

typedef struct {
    const char *name;    // CASE, or a folder of test data sets
    const char *options; // of compile, separated by spaces; NULL: none
    const char *says;    // not compiled: what the diagnostic says
    double tolerance;    // of |a-b| / (1+|b|); 0: 1e-3
} row;

static const row rows[] = {
    {"mini/learned_query_pool"},
    {"mini/image_uint8"},
    {"mini/image_normalised_inside"},
    {"R09", .tolerance = 4e-3}, // a step of its bf16
    {"R11"},
    {"R12"},
    {"mini/roberta_positions"},
    {"R01"},
    {"R04"},
    {"R05"},
    {"R08"},
    {"R10"},
    {"R13"},
    {"R14"},
    {"R15"},
    {"R17"},
    {"R18"},
    {"R19"},
    {"R24"},
    {"mini/argmax_pool"},
    {"mini/bidirectional_alibi"},
    {"mini/conv1d_tokens"},
    {"mini/vit_extra1_mean_rest"},
    {"mini/bidirectional_window"},
    {"mini/gather_quantised"},
    {"mini/gathernd_const"},
    {"mini/ids_cast_int32"},
    {"mini/not_sorted"},
    {"mini/position_offset2"},
    {"mini/position_offset2", "--max-tokens=65", "65 tokens exceed the 64 rows of its table"},
    {"mini/vit_extra2_cls"},
    {"graphs/fourier"},
    {"graphs/pool4"},
};

static const char *say(const outcome *o) {
    printf("%s%s", o->out, o->err);
    return "";
}

// What `ohmic` with these words says.
static bool runs(outcome *o, const char *const *words, size_t n) {
    const char *argv[24] = {OHMIC};
    memcpy(argv + 1, words, n * sizeof *words);
    command_run(o, argv, NULL);
    return o->code == 0;
}

static bool compiles(outcome *o, const char *model, const char *chip, const row *r,
                     const char *to) {
    const char *words[16] = {"compile", model, "--chip", chip, "-q", "-o", to};
    char options[256] = "";
    size_t n = 7;
    snprintf(options, sizeof options, "%s", r->options ? r->options : "");
    for (char *s = strtok(options, " "); s; s = strtok(NULL, " ")) words[n++] = s;
    return runs(o, words, n);
}

static bool is_near(const tensor *a, const tensor *b, double tolerance) {
    return tensor_same_shape(a, b) && tensor_max_error(a, b, NULL) <= tolerance;
}

static bool same_values(const row *r, const char *got, const char *want) {
    arena *a = arena_new();
    diag_sink *diags = diag_sink_new();
    tensor_set x, y;
    bool ok = npz_read(a, got, &x, diags) && npz_read(a, want, &y, diags);
    for (size_t i = 0; ok && i < y.count; i++) {
        const tensor *found = NULL;
        for (size_t k = 0; k < x.count; k++)
            if (!strcmp(x.items[k].name, y.items[i].name)) found = &x.items[k].value;
        ok = found && is_near(found, &y.items[i].value, r->tolerance > 0 ? r->tolerance : 1e-3);
        if (!ok) printf("output '%s' differs\n", y.items[i].name);
    }
    diag_print(diags, 0, stdout, false);
    diag_sink_free(diags);
    arena_free(a);
    return ok;
}

static bool check(const row *r, const char *folder) {
    static outcome o;
    char model[600], in[600], want[600], program[256], got[256], data[512];
    const bool is_folder = strchr(r->name, '/') != NULL;
    snprintf(data, sizeof data, SHARED "/cases/%s", r->name);
    snprintf(model, sizeof model, "%s%s", data, is_folder ? "/model.onnx" : ".onnx");
    snprintf(in, sizeof in, "%s.in.npz", data);
    snprintf(want, sizeof want, "%s.out.npz", data);
    snprintf(program, sizeof program, "%s/p.ohm", folder);
    snprintf(got, sizeof got, "%s/out.npz", folder);
    if (!shared_present(model)) return true;
    if (r->says) {
        if (!compiles(&o, model, "ideal", r, program) && strstr(o.err, r->says)) return true;
        return printf("%s: '%s' is not said\n%s", r->name, r->says, say(&o)), false;
    }
    bool ok =
        compiles(&o, model, "ohmic-1", r, program) && compiles(&o, model, "ideal", r, program);
    if (ok && is_folder)
        ok = runs(&o, (const char *[]){"onnx-test", "--on", "ideal", "-q", data}, 5);
    else if (ok)
        ok = runs(&o, (const char *[]){"run", program, "-i", in, "-o", got}, 6) &&
             same_values(r, got, want);
    ok = ok && !(is_folder && strstr(o.out, "0 passed"));
    if (!ok) printf("%s\n%s", r->name, say(&o));
    return ok;
}

static void cases(void **state) {
    char folder[] = "/tmp/ohmic_cases_XXXXXX";
    int bad = 0;
    assert_non_null(mkdtemp(folder));
    setenv("OHMIC_CHIPS", OHMIC_SOURCE_DIR "/chips", 1);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) bad += !check(&rows[i], folder);
    char remove[64];
    snprintf(remove, sizeof remove, "rm -r %s", folder);
    assert_int_equal(system(remove), 0);
    assert_int_equal(bad, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(cases)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
