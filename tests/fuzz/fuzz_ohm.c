// Program files from strangers: read or refused, and what was read can be looked at and verified.
// The hashes are made to fit first, else nothing behind them would ever be reached.
#include "isa/file.h"
#include "isa/file_format.h"
#include "isa/machine.h"
#include "isa/text.h"
#include "isa/verify.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint8_t *copy = base_alloc(size);
    if (size) memcpy(copy, data, size);
    isa_file_seal(copy, size);
    file_map f = {.data = size ? copy : NULL, .bytes = size, .name = "fuzz.ohm"};
    diag_sink *diags = diag_sink_new();
    isa_program *p = isa_read(&f, diags);
    if (p) {
        char *text = NULL;
        size_t bytes;
        FILE *out = open_memstream(&text, &bytes);
        isa_disassemble(p, out, NULL, diags);
        fclose(out);
        free(text);
        machine *chip = machine_parse(p->arena, p->chip, strlen(p->chip), "chip", diags);
        if (chip) isa_verify(p, chip, "fuzz.ohm", diags);
    } else if (diag_errors(diags) == 0) {
        abort(); // refused without a word
    }
    isa_program_free(p);
    diag_sink_free(diags);
    free(copy);
    return 0;
}
