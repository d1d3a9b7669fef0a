// Assembly from strangers: what assembles disassembles to a text that assembles to the same text,
// is written as a program file and read back as the same program.
#define _GNU_SOURCE // memmem
#include "isa/file/file.h"
#include "isa/text/text.h"
#include "tests/fuzz/simulate.h"
#include "tests/fuzz/target.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char *disassemble(const isa_program *p, size_t *bytes) {
    char *text = NULL;
    FILE *out = open_memstream(&text, bytes);
    if (!isa_disassemble(p, out, ISA_DATA_WITHIN, NULL, NULL)) abort();
    fclose(out);
    return text;
}

static void write_and_read(const isa_program *p, const char *text, size_t n) {
    char path[64];
    snprintf(path, sizeof path, "/tmp/ohmic_fuzz_%d.ohm", (int)getpid());
    diag_sink *diags = diag_sink_new();
    file_map f;
    if (!isa_write(p, path, diags) || !file_map_open(&f, path, diags)) {
        diag_print(diags, 0, stderr, false);
        abort();
    }
    unlink(path);
    isa_program *q = isa_read(&f, diags);
    if (!q) {
        diag_print(diags, 0, stderr, false);
        abort();
    }
    size_t n_back;
    char *back = disassemble(q, &n_back);
    if (n_back != n || memcmp(back, text, n) != 0) abort();
    free(back);
    isa_program_free(q);
    file_map_close(&f);
    diag_sink_free(diags);
}

static unsigned run(const uint8_t *data, size_t size) {
    diag_sink *diags = diag_sink_new();
    unsigned passed = 0;
    isa_program *p = isa_assemble((const char *)data, size, "fuzz.s", diags);
    if (p) {
        size_t n_once, n_twice;
        char *once = disassemble(p, &n_once);
        isa_program *q = isa_assemble(once, n_once, "fuzz.s", NULL);
        if (!q) abort();
        char *twice = disassemble(q, &n_twice);
        if (n_once != n_twice || memcmp(once, twice, n_once) != 0) abort();
        write_and_read(p, once, n_once);
        free(once);
        free(twice);
        isa_program_free(q);
        passed = 1 + fuzz_simulate(p, "fuzz.s", diags);
    }
    if (!p && diag_errors(diags) == 0) abort();
    isa_program_free(p);
    diag_sink_free(diags);
    return passed;
}

// What names a data file finds none here.
static size_t load(const char *path, uint8_t *bytes, size_t n) {
    return file_ends_in(path, ".s") && !memmem(bytes, n, ".data \"", 7) ? n : 0;
}

const fuzz_target target = {.stages = {"assembled", "verified", "run"}, .run = run, .load = load};
