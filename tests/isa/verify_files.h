// Assembly files with expectations: "; expect-error: id: part of the message" on the line of the
// instruction that is to be blamed, or on any other line when no instruction is; several on a line
// are separated by ';'.
#ifndef OHMIC_TESTS_ISA_VERIFY_FILES_H
#define OHMIC_TESTS_ISA_VERIFY_FILES_H
#include "isa/machine/machine.h"
#include "isa/program.h"
#include "isa/text/text.h"
#include "isa/verify/verify.h"
#include "support/file/file.h"
#include "support/vec.h"
#include <dirent.h>
#include <stdio.h>
#include <string.h>

// A small chip, with what else is set.
static inline machine *verify_chip_with(arena *a, const char *const *more, size_t n_more) {
    static const char *const small[] = {
        "tile.count=4",       "tile.crossbars=4",  "tile.ring_heads=8",   "tile.scratchpad=1024",
        "tile.memory=2048",   "crossbar.rows=16",  "crossbar.columns=16", "gain.slots=32",
        "gain.head_width=16", "tile.active_set=64"};
    diag_sink *diags = diag_sink_new();
    size_t n = ARRAY_LEN(small);
    const char **sets = ARENA_ARRAY(a, const char *, n + n_more);
    memcpy(sets, small, sizeof small);
    if (n_more) memcpy(sets + n, more, n_more * sizeof *more);
    machine *m =
        machine_load(a, OHMIC_SOURCE_DIR "/chips/ideal-int8.yaml", sets, n + n_more, diags);
    diag_print(diags, 0, stderr, false);
    diag_sink_free(diags);
    return m;
}
static inline machine *verify_chip(arena *a) { return verify_chip_with(a, NULL, 0); }

// The chip of a file: lines "; chip: gain.slots=4 gain.charge=none" change the small one.
static inline machine *verify_chip_of(arena *a, const char *path) {
    static const char mark[] = "; chip: ";
    const char *sets[32];
    size_t n = 0;
    file_map f;
    if (!file_map_open(&f, path, NULL)) return NULL;
    char *text = arena_strn(a, (const char *)f.data, f.bytes), *save = NULL;
    file_map_close(&f);
    for (char *s = text; (s = strstr(s, mark));) {
        char *end = strchr(s, '\n'), *rest = end ? end + 1 : s + strlen(s);
        if (end) *end = 0;
        for (char *w = strtok_r(s + sizeof mark - 1, " ", &save); w && n < ARRAY_LEN(sets);
             w = strtok_r(NULL, " ", &save))
            sets[n++] = w;
        s = rest;
    }
    return verify_chip_with(a, sets, n);
}

static inline isa_program *verify_assemble(const char *path) {
    file_map f;
    diag_sink *diags = diag_sink_new();
    isa_program *p = NULL;
    if (file_map_open(&f, path, diags)) {
        p = isa_assemble((const char *)f.data, f.bytes, path, diags);
        file_map_close(&f);
    }
    diag_print(diags, 0, stderr, false);
    diag_sink_free(diags);
    return p;
}

typedef VEC(char *) verify_paths;

static inline int verify_by_name(const void *x, const void *y) {
    return strcmp(*(char *const *)x, *(char *const *)y);
}

// All *.s of a folder, sorted.
static inline verify_paths verify_list(arena *a, const char *folder) {
    verify_paths list = {0};
    DIR *dir = opendir(folder);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        size_t n = strlen(e->d_name);
        if (n > 2 && strcmp(e->d_name + n - 2, ".s") == 0)
            vec_push(&list, arena_printf(a, "%s/%s", folder, e->d_name));
    }
    if (dir) closedir(dir);
    if (list.count) qsort(list.items, list.count, sizeof *list.items, verify_by_name);
    return list;
}

typedef struct {
    int line;
    const char *id, *message; // message: a part of it
    const char *place;        // "phase run, tile 0, pc 3"; NULL: no instruction stands on the line
    bool met;
} verify_expectation;
typedef VEC(verify_expectation) verify_expectations;

// False: a comment that says "expect" in another way.
static inline bool verify_expectations_read(arena *a, const char *path, verify_expectations *out) {
    static const char mark[] = "expect-error: ";
    file_map f;
    if (!file_map_open(&f, path, NULL)) return false;
    char *text = arena_strn(a, (const char *)f.data, f.bytes), *save = NULL;
    file_map_close(&f);
    int tile = -1, pc = 0, line = 0;
    const char *phase = "";
    bool ok = true;
    for (char *s = text, *next; s; s = next) {
        next = strchr(s, '\n');
        if (next) *next++ = 0;
        line++;
        char *comment = strchr(s, ';'), *expect = comment ? strstr(comment, "expect") : NULL;
        if (comment) *comment = 0;
        char *word = strtok_r(s, " \t", &save);
        const char *place = NULL;
        if (word && strcmp(word, ".tile") == 0) {
            tile++;
        } else if (word && strcmp(word, ".code") == 0) {
            phase = arena_str(a, strtok_r(NULL, " \t", &save));
            pc = 0;
        } else if (word && (word[0] != '.' || strcmp(word, ".word") == 0)) {
            place = arena_printf(a, "phase %s, tile %d, pc %d", phase, tile, pc++);
        }
        if (!expect) continue;
        for (char *end = NULL; expect; expect = end ? strstr(end, "expect") : NULL) {
            char *colon = strncmp(expect, mark, sizeof mark - 1) == 0
                              ? strchr(expect + sizeof mark - 1, ':')
                              : NULL;
            if (!colon) {
                fprintf(stderr, "%s:%d: a misspelt expectation\n", path, line);
                ok = false;
                break;
            }
            *colon++ = 0;
            end = strchr(colon, ';');
            if (end) *end++ = 0;
            vec_push(out, ((verify_expectation){line, expect + sizeof mark - 1,
                                                colon + strspn(colon, " "), place, false}));
        }
    }
    return ok;
}
#endif
