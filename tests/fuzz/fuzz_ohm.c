// Program files from strangers: read or refused, and what was read can be looked at, verified and
// run. First as it is: of an intact file every flipped bit must be noticed. Then the hashes are
// made to fit, else nothing behind them would ever be reached.
#include "isa/file/file.h"
#include "isa/file/format.h"
#include "isa/text/text.h"
#include "tests/fuzz/simulate.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FLIPS = 256 };

static isa_program *read_bytes(const uint8_t *data, size_t size, diag_sink *diags) {
    return isa_read(&(file_map){.data = size ? data : NULL, .bytes = size, .name = "fuzz.ohm"},
                    diags);
}

static void flip_bits(uint8_t *copy, size_t size) {
    isa_program *p = read_bytes(copy, size, NULL);
    if (!p) return;
    isa_program_free(p);
    for (size_t i = 0; i < FLIPS;
         i++) { // spread over the file; a prime step meets every bit position
        size_t bit = i * (8 * size / FLIPS | 1) % (8 * size);
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        p = read_bytes(copy, size, NULL);
        CHECK(!p, "the flip of bit %zu was not noticed", bit);
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint8_t *copy = base_alloc(size);
    if (size) memcpy(copy, data, size);
    flip_bits(copy, size);
    isa_file_seal(copy, size);
    diag_sink *diags = diag_sink_new();
    isa_program *p = read_bytes(copy, size, diags);
    if (p) {
        char *text = NULL;
        size_t bytes;
        FILE *out = open_memstream(&text, &bytes);
        isa_disassemble(p, out, NULL, diags);
        fclose(out);
        free(text);
        fuzz_simulate(p, "fuzz.ohm", diags);
    } else if (diag_errors(diags) == 0) {
        abort(); // refused without a word
    }
    isa_program_free(p);
    diag_sink_free(diags);
    free(copy);
    return 0;
}
