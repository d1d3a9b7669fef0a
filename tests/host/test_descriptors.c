// What a tile has more of than its instructions can name is refused, with what to do.
#include "backend/backend.h"
#include "ir/text/text.h"
#include "isa/isa.h"
#include "passes/pass.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
// cmocka.h needs some of the above
#include <cmocka.h>

// A mapped function of `n` rows one after the other, each in a buffer of its own.
static char *chain(size_t n) {
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    assert_non_null(to);
    fputs(
        "module {stage = \"mapped\", after = \"allocate\", class = \"stream\", max_chunk = 1, "
        "max_tokens = 4}\n"
        "domain t0 {kind = \"free\", max = 4}\n"
        "func @run(%0 \"x\" : f32[t0,4] {onnx_shape = [\"1\", \"t0\", \"4\"], onnx_type = \"f32\", "
        "role = \"tokens\"}) -> (_ \"y\" {onnx_shape = [\"1\", \"t0\", \"4\"], onnx_type = "
        "\"f32\"})"
        " {max_chunk = 1} {\n"
        "  %1 = io.in {at = 0, depth = 1, port = \"x\", space = \"pad\", tile = 0} : f32[t0,4]\n",
        to);
    for (size_t i = 2; i <= n; i++)
        fprintf(to,
                "  %%%zu = dig.ew2 %%%zu, %%%zu {at = %zu, depth = 1, fn = \"add\", space = "
                "\"pad\", tile = 0} : f32[t0,4]\n",
                i, i - 1, i - 1, 16 * (i - 1));
    fprintf(to, "  io.out %%%zu {col0 = 0, port = \"y\", tile = 0}\n}\n", n);
    fclose(to);
    return text;
}

static isa_program *emit(size_t rows, diag_sink *diags) {
    arena *a = arena_new();
    char *text = chain(rows);
    ir_module *m = ir_parse(text, strlen(text), "chain.oir", NULL, NULL, NULL, diags);
    const machine *chip = machine_load(a, "ideal", NULL, 0, diags);
    if (!m) diag_print(diags, 0, stderr, false);
    assert_non_null(m);
    assert_non_null(chip);
    isa_program *p = be_emit(m, chip, "test", diags);
    ir_module_free(m);
    free(text);
    arena_free(a);
    return p;
}

static void buffers_of_a_tile_have_a_number(void **state) {
    diag_sink *diags = diag_sink_new();
    isa_program *p = emit(ISA_NONE, diags);
    assert_non_null(p);
    assert_int_equal(p->tiles[0].n_buffers, ISA_NONE);
    isa_program_free(p);
    assert_null(emit(ISA_NONE + 1, diags));
    assert_int_equal(diag_count(diags), 1);
    assert_int_equal(diag_get(diags, 0)->id, DIAG_ID_descriptors);
    assert_non_null(strstr(diag_get(diags, 0)->message, "tile 0 needs more than 65535 buffers"));
    diag_sink_free(diags);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(buffers_of_a_tile_have_a_number)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
