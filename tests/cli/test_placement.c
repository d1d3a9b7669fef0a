// Where matrices stand: tensors are built again from a program's cells by what
// cli/program/placement.h says of it, and its CSV forms say the same.
#define _GNU_SOURCE // memmem
#include "cli/program/placement.h"
#include "host/program.h"
#include "ir/text/text.h"
#include "support/file/file.h"
#include "support/name.h"
#include "tests/cli/command.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
// cmocka.h needs some of the above
#include <cmocka.h>

#define DIR OHMIC_BUILD_DIR "/placement"
#define PROGRAM DIR "/m.ohm"

static outcome o;

static int make_dir(void **state) { return file_make_dir(DIR, NULL) ? 0 : -1; }

static void run(const char *const *argv) {
    command_run(&o, argv, NULL);
    if (o.code != 0) fail_msg("%s", o.err);
}

// The code at (k, n) of a slice's tensor.
static double code_at(const isa_program *p, const placement_slice *x, int64_t k, int64_t n) {
    bool real = p->tiles[x->tile].groups[x->index].wtype == ISA_W_F32;
    uint64_t at = x->cells + (uint64_t)(k - x->k0) * x->stride +
                  (uint64_t)(n - x->n0) * (real ? sizeof(float) : 1);
    assert_true(at < p->cells_bytes);
    if (!real) return (int8_t)p->cells[at];
    float v;
    memcpy(&v, p->cells + at, sizeof v);
    return (double)v;
}

static float scale_at(const isa_program *p, const placement_slice *x, int64_t n) {
    const isa_group *g = &p->tiles[x->tile].groups[x->index];
    uint64_t column = (x->cells - g->cells) % x->stride + (uint64_t)(n - x->n0);
    float v;
    memcpy(&v, p->tables + g->scale + column * sizeof v, sizeof v);
    return v;
}

// Slices are inside the chip's crossbars, and no two share a cell.
static void assert_apart(const placement_slices *l, int64_t rows, int64_t columns) {
    for (size_t i = 0; i < l->count; i++) {
        const placement_slice *x = &l->items[i];
        assert_true(x->row + x->k1 - x->k0 <= rows && x->column + x->n1 - x->n0 <= columns);
        for (size_t k = 0; k < i; k++) {
            const placement_slice *y = &l->items[k];
            bool apart = x->tile != y->tile || x->crossbar != y->crossbar ||
                         x->row >= y->row + (y->k1 - y->k0) || y->row >= x->row + (x->k1 - x->k0) ||
                         x->column >= y->column + (y->n1 - y->n0) ||
                         y->column >= x->column + (x->n1 - x->n0);
            assert_true(apart);
        }
    }
}

enum { K = 20, TENSORS = 3 };
static const int widths[TENSORS] = {13, 7, 5};

// -127 ... 127, with 127 in every column: codes are the numbers themselves.
static int number(int t, int k, int n) {
    return k == (n + t) % K ? 127 : (k * 31 + n * 17 + t * 5) % 255 - 127;
}

static void write_model(const char *path) {
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f,
            "module {after = \"find-tokens\", class = \"stream\", max_chunk = 4, max_tokens = 8, "
            "stage = \"graph\"}\ndomain t0 {kind = \"free\", max = 8}\n");
    for (int t = 0; t < TENSORS; t++) { // the last one stands as [n][k]
        int n = widths[t], a = t == 2 ? n : K, b = t == 2 ? K : n;
        fprintf(f, "tensor @\"w,%d\" : f32[%d,%d] = [", t, a, b);
        for (int i = 0; i < a * b; i++)
            fprintf(f, "%s%d", i ? ", " : "",
                    t == 2 ? number(t, i % K, i / K) : number(t, i / n, i % n));
        fprintf(f, "]\n");
    }
    fprintf(f, "\nfunc @run(%%x \"x\" : f32[t0,%d]) -> (", K);
    for (int t = 0; t < TENSORS; t++) fprintf(f, "%s%%y%d \"y%d\"", t ? ", " : "", t, t);
    fprintf(f, ") {\n");
    for (int t = 0; t < TENSORS; t++)
        fprintf(
            f,
            "  %%w%d = t.const {value = @\"w,%d\"} : f32[%d,%d]\n  %%y%d = nn.linear %%x, %%w%d%s "
            ": f32[t0,%d]\n",
            t, t, t == 2 ? widths[t] : K, t == 2 ? K : widths[t], t, t,
            t == 2 ? " {trans_w = 1}" : "", widths[t]);
    fprintf(f, "}\n");
    fclose(f);
}

static void tensors_come_back(void **state) {
    static const struct {
        const char *chip, *rows, *columns;
        int64_t most;
    } chips[] = {{"ideal", "crossbar.rows=0", "crossbar.columns=0", INT32_MAX}, // real numbers
                 {"bench-1", "crossbar.rows=8", "crossbar.columns=8", 8}};
    write_model(DIR "/m.oir");
    for (size_t c = 0; c < ARRAY_LEN(chips); c++) {
        run((const char *const[]){OHMIC, "compile", DIR "/m.oir", "--chip", chips[c].chip, "--set",
                                  chips[c].rows, "--set", chips[c].columns, "-q", "-o", PROGRAM,
                                  NULL});
        arena *a = arena_new();
        program_file f;
        assert_true(program_open(&f, PROGRAM, a, NULL));
        placement_slices l = {0};
        placement_of(f.program, a, &l);
        assert_apart(&l, chips[c].most, chips[c].most);
        int seen[TENSORS][K][13] = {0};
        for (size_t i = 0; i < l.count; i++) {
            const placement_slice *x = &l.items[i];
            assert_non_null(x->tensor);
            assert_true(memcmp(x->tensor, "w,", 2) == 0);
            int t = x->tensor[2] - '0';
            for (int64_t k = x->k0; k < x->k1; k++)
                for (int64_t n = x->n0; n < x->n1; n++) {
                    assert_true(t < TENSORS && k < K && n < widths[t]);
                    seen[t][k][n]++;
                    assert_true(code_at(f.program, x, k, n) == number(t, (int)k, (int)n));
                }
        }
        for (int t = 0; t < TENSORS; t++)
            for (int k = 0; k < K; k++)
                for (int n = 0; n < widths[t]; n++) assert_int_equal(seen[t][k][n], 1);
        vec_free(&l);
        program_close(&f);
        arena_free(a);
    }
}

// The CSV of the file names the same places as that of the command.
static void forms_agree(void **state) {
    arena *a = arena_new();
    program_file f;
    assert_true(program_open(&f, PROGRAM, a, NULL));
    placement_slices l = {0};
    placement_of(f.program, a, &l);
    run((const char *const[]){OHMIC, "nm", "--placement", PROGRAM, NULL});
    const char *at = strchr(o.out, '\n') + 1;
    file_map m;
    assert_true(file_map_open(&m, PROGRAM, NULL));
    assert_non_null(memmem(m.data, m.bytes, "group,k0,k1,n0,n1,tile,crossbar,row,column\n", 43));
    for (size_t i = 0; i < l.count; i++) {
        const placement_slice *x = &l.items[i];
        const char *line = arena_printf(
            a, "%s,%d,%d,%d,%d,%d,%u,%u,%u,%u,%s,%u,%u\n", name_csv(a, x->tensor), x->transposed,
            (int)x->k0, (int)x->k1, (int)x->n0, (int)x->n1, x->tile, x->crossbar, x->row, x->column,
            name_csv(a, x->group), (unsigned)x->cells, (unsigned)x->stride);
        assert_true(strncmp(at, line, strlen(line)) == 0);
        at += strlen(line);
        const char *place = arena_printf(a, ",%u,%u,%u,", x->tile, x->crossbar, x->row);
        assert_non_null(memmem(m.data, m.bytes, place, strlen(place)));
    }
    assert_int_equal(*at, 0);
    run((const char *const[]){OHMIC, "nm", "--json", PROGRAM, NULL});
    json_t *root = json_loads(o.out, 0, NULL);
    size_t i, slices = 0;
    json_t *item;
    json_array_foreach(root, i, item) slices += json_array_size(json_object_get(item, "slices"));
    assert_int_equal(slices, l.count);
    json_decref(root);
    file_map_close(&m);
    vec_free(&l);
    program_close(&f);
    arena_free(a);
}

// Codes times scales are the weights that were imported, to half a step.
static void weights_of_a_model(void **state) {
    run((const char *const[]){OHMIC, "compile", OHMIC_SOURCE_DIR "/examples/tales/tales_gpt.onnx",
                              "--chip", "ohmic-1", "--dump-ir", DIR "/dump", "-q", "-o", PROGRAM,
                              NULL});
    arena *a = arena_new();
    ir_module *model = ir_parse_file(DIR "/dump/00-input.oir", NULL);
    assert_non_null(model);
    program_file f;
    assert_true(program_open(&f, PROGRAM, a, NULL));
    placement_slices l = {0};
    placement_of(f.program, a, &l);
    size_t compared = 0;
    for (size_t i = 0; i < l.count; i++) {
        const placement_slice *x = &l.items[i];
        assert_non_null(x->tensor);
        const char *name = arena_strn(a, x->tensor, strlen(x->tensor) - strlen(".q"));
        const ir_symbol *s = ir_symbol_find(model, name);
        if (!s || !strstr(name, ".mlp.")) continue;
        const float *w = s->data.data;
        for (int64_t k = x->k0; k < x->k1; k++)
            for (int64_t n = x->n0; n < x->n1; n++, compared++) {
                double want = (double)w[k * s->data.dim[1] + n],
                       step = (double)scale_at(f.program, x, n);
                assert_true(fabs(code_at(f.program, x, k, n) * step - want) <= 0.5001 * step);
            }
    }
    assert_int_equal(compared, 4 * 2 * 128 * 512);
    vec_free(&l);
    program_close(&f);
    ir_module_free(model);
    arena_free(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tensors_come_back),
        cmocka_unit_test(forms_agree),
        cmocka_unit_test(weights_of_a_model),
    };
    return cmocka_run_group_tests(tests, make_dir, NULL);
}
