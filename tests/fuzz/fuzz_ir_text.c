// Any bytes as IR text: parser and verifier survive, and what parses prints as text that parses to
// the same text. Small plain functions of sound modules are interpreted.
#include "ir/text/text.h"
#include "ir/verify/verify.h"
#include "tests/fuzz/interpret.h"
#include "tests/fuzz/target.h"
#include <stdlib.h>
#include <string.h>

static unsigned run(const uint8_t *data, size_t size) {
    diag_sink *diags = diag_sink_new();
    ir_module *m = ir_parse((const char *)data, size, "/nowhere/fuzz.oir", NULL, NULL, NULL, diags);
    CHECK((m != NULL) == (diag_errors(diags) == 0), "a module and errors, or neither");
    bool sound = false;
    if (m) {
        size_t before = diag_errors(diags);
        sound = ir_verify(m, "fuzz.oir", diags);
        CHECK(sound == (diag_errors(diags) == before), "the verdict and the findings differ");
        char *first = ir_print_string(m);
        ir_module *back =
            ir_parse(first, strlen(first), "/nowhere/back.oir", NULL, NULL, NULL, NULL);
        CHECK(back, "what was printed does not parse:\n%s", first);
        char *second = ir_print_string(back);
        CHECK(strcmp(first, second) == 0, "%s\nprints again as\n%s", first, second);
        free(first);
        free(second);
        ir_module_free(back);
        for (size_t i = 0; sound && i < m->funcs.count; i++)
            fuzz_interpret(m, m->funcs.items[i], diags);
    }
    ir_module_free(m);
    diag_sink_free(diags);
    return sound;
}

const fuzz_target target = {.stages = {"read"}, .run = run};
