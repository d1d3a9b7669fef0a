// Assembly from strangers: what assembles disassembles to a text that assembles to the same text.
#include "isa/text.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *disassemble(const isa_program *p, size_t *bytes) {
    char *text = NULL;
    FILE *out = open_memstream(&text, bytes);
    if (!isa_disassemble(p, out, NULL, NULL)) abort();
    fclose(out);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    diag_sink *diags = diag_sink_new();
    isa_program *p = isa_assemble((const char *)data, size, "fuzz.s", diags);
    if (p && p->cells_bytes == 0 && p->tables_bytes == 0) {
        size_t n_once, n_twice;
        char *once = disassemble(p, &n_once);
        isa_program *q = isa_assemble(once, n_once, "fuzz.s", NULL);
        if (!q) abort();
        char *twice = disassemble(q, &n_twice);
        if (n_once != n_twice || memcmp(once, twice, n_once) != 0) abort();
        free(once);
        free(twice);
        isa_program_free(q);
    }
    if (!p && diag_errors(diags) == 0) abort();
    isa_program_free(p);
    diag_sink_free(diags);
    return 0;
}
