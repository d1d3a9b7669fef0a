// Program files from strangers: read or refused, and what was read can be looked at, verified and
// run. First as it is: of an intact file every flipped bit must be noticed. Then the hashes are
// made to fit, else nothing behind them would ever be reached.
#include "isa/file/file.h"
#include "isa/file/format.h"
#include "isa/text/text.h"
#include "tests/fuzz/ohm_mutate.h"
#include "tests/fuzz/simulate.h"
#include "tests/fuzz/target.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

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

static unsigned run(const uint8_t *data, size_t size) {
    uint8_t *copy = base_alloc(size);
    if (size) memcpy(copy, data, size);
    flip_bits(copy, size);
    isa_file_seal(copy, size);
    diag_sink *diags = diag_sink_new();
    unsigned passed = 0;
    isa_program *p = read_bytes(copy, size, diags);
    if (p) {
        char *text = NULL;
        size_t bytes;
        FILE *out = open_memstream(&text, &bytes);
        isa_disassemble(p, out, ISA_DATA_WITHIN, NULL, diags);
        fclose(out);
        free(text);
        passed = 1 + fuzz_simulate(p, "fuzz.ohm", diags);
    } else if (diag_errors(diags) == 0) {
        abort(); // refused without a word
    }
    isa_program_free(p);
    diag_sink_free(diags);
    free(copy);
    return passed;
}

// Programs follow the format of the day: they are kept as assembly.
static size_t load(const char *path, uint8_t *bytes, size_t n) {
    if (!file_ends_in(path, ".s")) return file_ends_in(path, ".ohm") ? n : 0;
    char name[64];
    snprintf(name, sizeof name, "/tmp/ohmic_fuzz_%d.ohm", (int)getpid());
    isa_program *p = isa_assemble((const char *)bytes, n, path, NULL);
    file_map f = {0};
    size_t made = 0;
    if (p && isa_write(p, name, NULL) && file_map_open(&f, name, NULL) && f.bytes <= FUZZ_MAX_INPUT)
        memcpy(bytes, f.data, made = f.bytes);
    file_map_close(&f);
    unlink(name);
    isa_program_free(p);
    return made;
}

const fuzz_target target = {
    .stages = {"read", "verified", "run"}, .run = run, .mutate = ohm_mutate, .load = load};
