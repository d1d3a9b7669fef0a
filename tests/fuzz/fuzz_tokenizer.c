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
    tokenizer_spans spans = {0};
    size_t before = diag_errors(diags);
    bool ok = tokenizer_encode(t, text, n, TOKENIZER_BOS, &ids, &spans, diags);
    if (ok != (diag_errors(diags) == before) || spans.count != ids.count) abort();
    for (size_t i = 0; i < ids.count; i++) {
        if (!tokenizer_token(t, ids.items[i])) abort();
        if (spans.items[i].begin > spans.items[i].end || spans.items[i].end > n) abort();
    }
    tokenizer_decode(t, ids.items, ids.count, true, a, NULL);
    vec_free(&ids);
    vec_free(&spans);
}

static unsigned run(const uint8_t *data, size_t size) {
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
        tokenizer_stream *stream = tokenizer_stream_new(t, true);
        size_t length;
        for (int32_t id = -1; id <= n; id++) {
            tokenizer_stream_push(stream, id, &length);
            tokenizer_token(t, id);
            tokenizer_is_special(t, id);
        }
        tokenizer_stream_end(stream, &length);
        tokenizer_stream_free(stream);
        tokenizer_free(t);
    } else if (diag_errors(diags) == 0) {
        abort();
    }
    arena_free(a);
    diag_sink_free(diags);
    close(file);
    return opened;
}

const fuzz_target target = {.stages = {"opened"}, .run = run};
