// Chip files from strangers: what is accepted reads back from its canonical text.
#include "isa/machine/machine.h"
#include "tests/fuzz/target.h"
#include <stdlib.h>
#include <string.h>

static unsigned run(const uint8_t *data, size_t size) {
    arena *a = arena_new();
    diag_sink *diags = diag_sink_new();
    machine *m = machine_parse(a, (const char *)data, size, "fuzz.yaml", diags);
    if (m) {
        char *once = machine_text(a, m);
        machine *back = machine_parse(a, once, strlen(once), "again.yaml", NULL);
        if (!back || strcmp(machine_text(a, back), once) != 0) abort();
    } else if (diag_errors(diags) == 0) {
        abort();
    }
    diag_sink_free(diags);
    arena_free(a);
    return m != NULL;
}

const fuzz_target target = {.stages = {"read"}, .run = run};
