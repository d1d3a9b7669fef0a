// From ids to text as it comes: pieces are held back while a stop text could still begin in them.
#include "cli/generate/generate.h"
#include <string.h>

bool generate_text_is_quiet(const generation *g) {
    return args_flag(g->given, "json") || args_flag(g->given, "ids");
}

// Bytes that may be shown: none of a stop text that could still become complete.
static size_t showable(const generation *g) {
    size_t safe = g->text.count, have = g->text.count - g->base;
    for (size_t i = 0; i < g->n_stops; i++) {
        size_t n = strlen(g->stops[i]);
        for (size_t k = n; k-- > 1;) {
            if (k > have) continue;
            if (memcmp(g->text.items + g->text.count - k, g->stops[i], k) != 0) continue;
            if (g->text.count - k < safe) safe = g->text.count - k;
            break;
        }
    }
    return safe;
}

// Cuts the text where a stop begins.
static bool find_stop(generation *g, size_t searched) {
    for (size_t i = 0; i < g->n_stops; i++) {
        size_t n = strlen(g->stops[i]), at = g->base;
        if (searched >= g->base + n) at = searched + 1 - n; // at least one new byte
        for (; n && at + n <= g->text.count; at++) {
            if (memcmp(g->text.items + at, g->stops[i], n) != 0) continue;
            g->text.count = at;
            return true;
        }
    }
    return false;
}

static void show(generation *g, size_t until) {
    if (!generate_text_is_quiet(g) && until > g->shown) {
        fwrite(g->text.items + g->shown, 1, until - g->shown, stdout);
        fflush(stdout);
    }
    if (until > g->shown) g->shown = until;
}

static void append(generation *g, const char *p, size_t n) {
    for (size_t i = 0; i < n; i++) vec_push(&g->text, p[i]);
}

static void decode(generation *g, size_t from, size_t until, bool keep) {
    for (size_t i = from; g->stream && i < until; i++) {
        size_t n;
        const char *piece = tokenizer_stream_push(g->stream, g->ids.items[i], &n);
        if (keep) append(g, piece, n);
    }
}

void generate_text_skip(generation *g, size_t from, size_t until) { decode(g, from, until, false); }
void generate_text_restore(generation *g, size_t from, size_t until) {
    decode(g, from, until, true);
}

bool generate_text_add(generation *g) {
    size_t before = g->text.count;
    decode(g, g->ids.count - 1, g->ids.count, true);
    bool stopped = find_stop(g, before);
    show(g, stopped ? g->text.count : showable(g));
    return !stopped;
}

void generate_text_flush(generation *g) {
    if (g->stream) {
        size_t n;
        const char *piece = tokenizer_stream_end(g->stream, &n);
        append(g, piece, n);
    }
    show(g, g->text.count);
}
