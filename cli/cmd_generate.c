// ohmic generate PROGRAM: text from a language model on the simulator, as it comes.
#include "cli/args.h"
#include "cli/host.h"
#include "cli/report.h"
#include "cli/sampler.h"
#include "cli/tokenizer.h"
#include "support/file.h"
#include <inttypes.h>
#include <string.h>
#include <time.h>

int command_generate(int argc, char **argv);

static const arg_option options[] = {
    {"prompt", 'p', ARG_STRING, "TEXT", "text to continue; - reads standard input; default: none"},
    {"prompt-ids", 0, ARG_STRING, "IDS", "token ids to continue instead, e.g. 1,403,407"},
    {"tokens", 'n', ARG_INT, "N", "most tokens to generate; default: 256"},
    {"temperature", 0, ARG_REAL, "T",
     "draw from softmax(logits / T); default: 0, the likeliest token (1 with --top-k or --top-p)"},
    {"top-k", 0, ARG_INT, "K", "draw from the K likeliest tokens"},
    {"top-p", 0, ARG_REAL, "P", "draw from the fewest tokens that have probability P together"},
    {"seed", 0, ARG_INT, "N", "seed of the draws; default: 0"},
    {"stop", 0, ARG_LIST, "TEXT", "stop where this text comes"},
    {"tokenizer", 0, ARG_STRING, "FILE",
     "tokenizer.json or llama2.c's .bin; default: tokenizer.json or tokenizer.bin beside the "
     "program"},
    {"ids", 0, ARG_FLAG, NULL, "print token ids instead of text"},
    {"stats", 0, ARG_FLAG, NULL, "event counters at the end"},
    {"threads", 't', ARG_INT, "N", "threads; never changes a result; default: all cores"},
    {"json", 0, ARG_FLAG, NULL, "print as JSON, at the end"},
};

typedef VEC(char) text_buffer;

typedef struct {
    arena *a;
    const args *given;
    diag_sink *diags;
    engine *engine;
    host_text model;
    tokenizer *tokenizer; // NULL: ids only
    tokenizer_ids prompt, made;
    sampler sampler;
    tokenizer_stream stream;
    text_buffer text; // of the generated tokens
    size_t shown;     // bytes of it printed
    const char *const *stops;
    size_t n_stops;
    const char *why;
    double prefill_seconds, seconds;
} generation;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

// ---- before the first token ------------------------------------------------------------------

static bool usage(generation *g, const char *what) {
    diag_emit(g->diags, DIAG_ID_usage, DIAG_NOWHERE, "%s", what);
    return false;
}

static bool open_tokenizer(generation *g, const char *program) {
    const char *path = args_string(g->given, "tokenizer", NULL);
    static const char *const usual[] = {"tokenizer.json", "tokenizer.bin"};
    for (size_t i = 0; !path && i < ARRAY_LEN(usual); i++) {
        char *beside = file_beside(g->a, program, usual[i]);
        if (beside && file_exists(beside)) path = beside;
    }
    if (path) return (g->tokenizer = tokenizer_open(path, g->diags)) != NULL;
    return (args_flag(g->given, "ids") && args_string(g->given, "prompt-ids", NULL)) ||
           usage(g, "no tokenizer lies beside the program: say --tokenizer FILE (or work with "
                    "--prompt-ids and --ids)");
}

static bool parse_ids(generation *g, const char *text) {
    while (*text) {
        char *end;
        long v = strtol(text, &end, 10);
        if (end == text || v < INT32_MIN || v > INT32_MAX)
            return usage(g, "--prompt-ids wants numbers with commas between them");
        vec_push(&g->prompt, (int32_t)v);
        text = end + strspn(end, ", \t\n");
    }
    return true;
}

static bool read_prompt(generation *g) {
    const char *ids = args_string(g->given, "prompt-ids", NULL);
    const char *text = args_string(g->given, "prompt", "");
    if (ids && *text) return usage(g, "--prompt and --prompt-ids exclude each other");
    file_map f = {0};
    bool ok;
    if (ids) {
        ok = parse_ids(g, ids);
    } else if (strcmp(text, "-") == 0) {
        ok = file_map_open(&f, "-", g->diags) &&
             tokenizer_encode(g->tokenizer, (const char *)f.data, f.bytes, true, &g->prompt,
                              g->diags);
        file_map_close(&f);
    } else {
        ok = tokenizer_encode(g->tokenizer, text, strlen(text), true, &g->prompt, g->diags);
    }
    if (!ok) return false;
    if (!g->prompt.count && g->tokenizer && tokenizer_bos(g->tokenizer) >= 0)
        vec_push(&g->prompt, tokenizer_bos(g->tokenizer));
    if (!g->prompt.count)
        return usage(g, "the prompt is empty and the tokenizer has no token to begin with");
    return true;
}

static bool check_program(generation *g) {
    const engine_info *info = engine_describe(g->engine);
    if (!info->stream) {
        const char *reason = strstr(info->notes, "the program takes whole sequences");
        diag_emit(g->diags, DIAG_ID_host_whole, DIAG_NOWHERE,
                  "the program cannot generate token by token: %.*s (tok-whole)",
                  reason ? (int)strcspn(reason, "\n") : 33,
                  reason ? reason : "the program takes whole sequences");
        return false;
    }
    if ((int64_t)g->prompt.count <= info->max_tokens) return true;
    diag_emit(g->diags, DIAG_ID_host_length, DIAG_NOWHERE,
              "the prompt has %zu tokens, the program was compiled for %" PRId64
              ": compile with --max-tokens %zu or more",
              g->prompt.count, info->max_tokens, g->prompt.count + 1);
    return false;
}

// ---- token by token --------------------------------------------------------------------------

// Bytes that may be shown: none of a stop text that could still become complete.
static size_t showable(const generation *g) {
    size_t safe = g->text.count;
    for (size_t i = 0; i < g->n_stops; i++) {
        size_t n = strlen(g->stops[i]);
        for (size_t k = n; k-- > 1;) {
            if (k > g->text.count) continue;
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
        size_t n = strlen(g->stops[i]);
        for (size_t at = searched > n ? searched - n : 0; n && at + n <= g->text.count; at++) {
            if (memcmp(g->text.items + at, g->stops[i], n) != 0) continue;
            g->text.count = at;
            return true;
        }
    }
    return false;
}

static void show(generation *g, size_t until) {
    bool quiet = args_flag(g->given, "json") || args_flag(g->given, "ids");
    if (!quiet && until > g->shown) {
        fwrite(g->text.items + g->shown, 1, until - g->shown, stdout);
        fflush(stdout);
    }
    if (until > g->shown) g->shown = until;
}

static void append(generation *g, const char *piece) {
    for (; *piece; piece++) vec_push(&g->text, *piece);
}

// Takes over one token; false: it ends the text.
static bool take(generation *g, int32_t id) {
    const tokenizer *t = g->tokenizer;
    if (t && (id == tokenizer_eos(t) || id == tokenizer_bos(t))) {
        g->why = "end token";
        return false;
    }
    vec_push(&g->made, id);
    if (args_flag(g->given, "ids") && !args_flag(g->given, "json")) {
        printf("%s%d", g->made.count > 1 ? " " : "", id);
        fflush(stdout);
    }
    if (!t) return true;
    size_t before = g->text.count;
    arena *a = arena_new();
    append(g, tokenizer_decode_piece(t, &g->stream, id, a));
    arena_free(a);
    if (find_stop(g, before)) {
        g->why = "stop text";
        return false;
    }
    show(g, showable(g));
    return true;
}

static bool step(generation *g, bool reset, const int32_t *ids, int64_t n, int32_t *next) {
    arena *a = arena_new();
    tensor logits;
    bool ok = host_text_step(&g->model, reset, ids, n, a, &logits, g->diags);
    if (ok && next) {
        int64_t width = logits.dim[1], last = logits.dim[0] - 1;
        *next = sampler_next(&g->sampler, (const float *)logits.data + last * width, width);
    }
    arena_free(a);
    return ok;
}

static bool generate(generation *g) {
    const engine_info *info = engine_describe(g->engine);
    int64_t limit = args_int(g->given, "tokens", 256), n = (int64_t)g->prompt.count;
    int64_t chunk = max_i64(1, info->max_chunk);
    int32_t next = 0;
    double start = now();
    for (int64_t at = 0; at < n; at += chunk)
        if (!step(g, at == 0, g->prompt.items + at, min_i64(chunk, n - at), &next)) return false;
    for (int64_t i = 0; g->tokenizer && i < n; i++) { // the stream knows what was before
        arena *a = arena_new();
        tokenizer_decode_piece(g->tokenizer, &g->stream, g->prompt.items[i], a);
        arena_free(a);
    }
    g->prefill_seconds = now() - start;
    start = now();
    g->why = "the number of tokens asked for (--tokens)";
    while ((int64_t)g->made.count < limit && take(g, next)) {
        if ((int64_t)g->made.count == limit) break;
        if (g->model.pos == info->max_tokens) {
            g->why = "the program's maximum (compile with a larger --max-tokens)";
            break;
        }
        if (!step(g, false, &next, 1, &next)) return false;
    }
    if (g->tokenizer && strcmp(g->why, "stop text") != 0)
        append(g, tokenizer_decode_end(&g->stream, g->a));
    show(g, g->text.count);
    g->seconds = now() - start;
    return true;
}

// ---- after the last --------------------------------------------------------------------------

static json_t *ids_json(const tokenizer_ids *ids) {
    json_t *list = json_array();
    for (size_t i = 0; i < ids->count; i++)
        json_array_append_new(list, json_integer(ids->items[i]));
    return list;
}

static void finish(generation *g) {
    double rate = g->seconds > 0 ? (double)g->made.count / g->seconds : 0;
    sim_stats stats = sim_totals(engine_sim(g->engine));
    if (args_flag(g->given, "json")) {
        json_t *j =
            json_pack("{s:o, s:o, s:o, s:s, s:f, s:f, s:f}", "prompt_ids", ids_json(&g->prompt),
                      "ids", ids_json(&g->made), "text", json_stringn(g->text.items, g->text.count),
                      "stopped_by", g->why, "prefill_seconds", g->prefill_seconds, "seconds",
                      g->seconds, "tokens_per_second", rate);
        if (args_flag(g->given, "stats"))
            json_object_set_new(j, "stats", report_stats_json(&stats));
        report_json(j);
        return;
    }
    putchar('\n');
    fflush(stdout);
    fprintf(stderr,
            "[stopped by %s: %zu tokens after %zu of prompt, %.3g s + %.3g s, %.1f tokens/s]\n",
            g->why, g->made.count, g->prompt.count, g->prefill_seconds, g->seconds, rate);
    if (args_flag(g->given, "stats")) report_stats(&stats, stderr);
}

static bool read_options(generation *g) {
    const args *v = g->given;
    double k = (double)args_int(v, "top-k", 0), p = args_real(v, "top-p", 1);
    double warm = k > 0 || p < 1 ? 1 : 0;
    g->sampler = (sampler){args_real(v, "temperature", warm), (int64_t)k, p,
                           (uint64_t)args_int(v, "seed", 0)};
    g->stops = args_list(v, "stop", &g->n_stops);
    if (g->sampler.temperature < 0) return usage(g, "--temperature must not be negative");
    if (k < 0) return usage(g, "--top-k must not be negative");
    if (!(p > 0 && p <= 1)) return usage(g, "--top-p must lie in (0, 1]");
    if (args_int(v, "tokens", 0) < 0) return usage(g, "--tokens must not be negative");
    return true;
}

int command_generate(int argc, char **argv) {
    arena *a = arena_new();
    int code;
    args *given = args_parse(a, argc, argv, "generate", "PROGRAM",
                             "Streams text from a language model on the simulator.", options,
                             ARRAY_LEN(options), 1, 1, &code);
    if (given) {
        generation g = {.a = a, .given = given, .diags = diag_sink_new()};
        program_file f = {0};
        const char *path = args_at(given, 0);
        sim_options so = {.threads = (int)args_int(given, "threads", 0)};
        if (read_options(&g) && program_open(&f, path, a, g.diags) && open_tokenizer(&g, path) &&
            (g.engine = engine_of_program(&f, &so, g.diags)) != NULL && read_prompt(&g) &&
            check_program(&g) && host_text_open(&g.model, g.engine, g.diags) && generate(&g))
            finish(&g);
        engine_free(g.engine);
        tokenizer_free(g.tokenizer);
        program_close(&f);
        vec_free(&g.prompt);
        vec_free(&g.made);
        vec_free(&g.text);
        code = args_finish(g.diags);
    }
    arena_free(a);
    return code;
}
