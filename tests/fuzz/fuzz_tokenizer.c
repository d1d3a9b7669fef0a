// tokenizer.json and llama2.c's .bin from strangers: what is accepted encodes any text and decodes
// any ids.
#define _GNU_SOURCE // memfd_create
#include "tests/fuzz/target.h"
#include "tokenizer/tokenizer.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void encode(tokenizer *t, arena *a, const char *text, size_t n, diag_sink *diags) {
    tokenizer_ids ids = {0};
    size_t before = diag_errors(diags);
    bool ok = tokenizer_encode(t, text, n, true, &ids, diags);
    if (ok != (diag_errors(diags) == before)) abort();
    for (size_t i = 0; i < ids.count; i++)
        if (ids.items[i] < 0 || ids.items[i] >= tokenizer_size(t)) abort();
    tokenizer_decode(t, ids.items, ids.count, a);
    vec_free(&ids);
}

static bool run(const uint8_t *data, size_t size) {
    int file = memfd_create("fuzz", 0);
    if (file < 0 || write(file, data, size) != (ssize_t)size) abort();
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    diag_sink *diags = diag_sink_new();
    arena *a = arena_new();
    tokenizer *t = tokenizer_open(path, diags);
    bool opened = t != NULL;
    if (t) {
        static const char text[] = "Once there was  a caf\xc3\xa9, 12 "
                                   "\xe4\xb8\xad\xf0\x9f\x98\x80<s> don't\n\n\te\xcc\x81!";
        encode(t, a, text, sizeof text - 1, diags);
        encode(t, a, (const char *)data, size < 200 ? size : 200, diags);
        int32_t n = tokenizer_size(t) < 2000 ? tokenizer_size(t) : 2000;
        tokenizer_stream stream = {0};
        for (int32_t id = -1; id <= n; id++) {
            tokenizer_decode_piece(t, &stream, id, a);
            tokenizer_token(t, id);
            tokenizer_is_special(t, id);
        }
        tokenizer_decode_end(&stream, a);
        tokenizer_free(t);
    } else if (diag_errors(diags) == 0) {
        abort();
    }
    arena_free(a);
    diag_sink_free(diags);
    close(file);
    return opened;
}

const fuzz_target target = {.run = run};
