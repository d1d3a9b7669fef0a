// The worked program (golden/worked.s) as tests read it. Its data are bytes of 0x3f, in a file of
// the test's own: several tests run side by side.
#ifndef OHMIC_TESTS_TIMING_WORKED_H
#define OHMIC_TESTS_TIMING_WORKED_H
#include "isa/text/text.h"
#include "support/arena.h"
#include "support/file/file.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORKED_DATA = 65536 + 64 * 512 + 2048 };

static inline void worked_write_data(const char *path) {
    char *bytes = base_alloc(WORKED_DATA);
    memset(bytes, 0x3f, WORKED_DATA);
    FILE *f = fopen(path, "wb");
    CHECK(f && fwrite(bytes, 1, WORKED_DATA, f) == WORKED_DATA, "%s", path);
    CHECK(fclose(f) == 0, "%s", path);
    free(bytes);
}

// data: the name of that file, in the build folder.
static inline isa_program *worked_program(const char *data, diag_sink *diags) {
    arena *a = arena_new();
    file_map f;
    worked_write_data(arena_printf(a, OHMIC_BUILD_DIR "/%s", data));
    CHECK(file_map_open(&f, OHMIC_SOURCE_DIR "/tests/timing/golden/worked.s", diags), "worked.s");
    const char *text = arena_strn(a, (const char *)f.data, f.bytes);
    file_map_close(&f);
    const char *name = strstr(text, "worked.data");
    CHECK(name, "the name of the data");
    text =
        arena_printf(a, "%.*s%s%s", (int)(name - text), text, data, name + strlen("worked.data"));
    isa_program *p = isa_assemble(text, strlen(text), OHMIC_BUILD_DIR "/worked.s", diags);
    diag_print(diags, 0, stderr, false);
    CHECK(p, "worked.s");
    arena_free(a);
    return p;
}
#endif
