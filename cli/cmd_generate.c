// ohmic generate PROGRAM: text from a language model on the simulator, as it comes.
#include "cli/generate/generate.h"
#include "cli/report.h"
#include "support/file/file.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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
    {"stop", 0, ARG_LIST, "TEXT", "stop where this text, or this special token, comes"},
    {"end-id", 0, ARG_LIST, "ID",
     "a token that ends the text, beside those that the tokenizer's files name"},
    TEXTS_TOKENIZER_OPTION("the program"),
    TEXTS_AROUND_OPTIONS,
    {"ids", 0, ARG_FLAG, NULL, "print token ids instead of text"},
    {"save-state", 0, ARG_STRING, "FILE", "save the sequence at the end, to go on another time"},
    {"save-every", 0, ARG_INT, "N", "--save-state: also after every N tokens"},
    {"load-state", 0, ARG_STRING, "FILE",
     "go on with a sequence; a prompt is put behind it; sampling as it was saved with, unless "
     "said"},
    {"metrics", 0, ARG_FLAG, NULL, "a table of what every token cost; on standard error"},
    {"metrics-file", 0, ARG_STRING, "FILE", "the same, to a file"},
    {"stats", 0, ARG_FLAG, NULL, "event counters and peak memory at the end"},
    {"threads", 't', ARG_INT, "N", "threads; never changes a result; default: all cores"},
    {"json", 0, ARG_FLAG, NULL, "print as JSON, at the end"},
};

enum { PACE = 1000 }; // tokens whose seconds are reported together

// ---- before the first token ------------------------------------------------------------------

static bool usage(generation *g, const char *what) {
    diag_emit(g->diags, DIAG_ID_usage, DIAG_NOWHERE, "%s", what);
    return false;
}

static bool open_tokenizer(generation *g) {
    if (!texts_open(&g->texts, g->given, g->path, g->diags)) return false;
    if (g->texts.t) {
        g->stream = tokenizer_stream_new(g->texts.t, false);
        return true;
    }
    return (args_flag(g->given, "ids") && (args_string(g->given, "prompt-ids", NULL) ||
                                           args_string(g->given, "load-state", NULL))) ||
           usage(g, "no tokenizer lies beside the program: say --tokenizer FILE (or work with "
                    "--prompt-ids and --ids)");
}

static bool parse_ids(generation *g, const char *text, tokenizer_ids *out) {
    while (*text) {
        char *end;
        long v = strtol(text, &end, 10);
        if (end == text || v < INT32_MIN || v > INT32_MAX)
            return usage(g, "--prompt-ids wants numbers with commas between them");
        vec_push(out, (int32_t)v);
        text = end + strspn(end, ", \t\n");
    }
    return true;
}

// Behind a state the prompt may be empty, and gets no token that begins a text.
static bool read_prompt(generation *g, bool loaded, tokenizer_ids *out) {
    if (loaded) g->texts.around = TOKENIZER_BARE;
    const char *ids = args_string(g->given, "prompt-ids", NULL);
    const char *text = args_string(g->given, "prompt", "");
    if (ids && *text) return usage(g, "--prompt and --prompt-ids exclude each other");
    file_map f = {0};
    bool ok = true;
    if (ids) {
        ok = parse_ids(g, ids, out);
    } else if (*text && !g->texts.t) {
        return usage(g, "--prompt needs --tokenizer FILE");
    } else if (strcmp(text, "-") == 0) {
        ok = file_map_open(&f, "-", g->diags) &&
             texts_encode(&g->texts, (const char *)f.data, f.bytes, out, NULL, g->diags);
        file_map_close(&f);
    } else if (*text) {
        ok = texts_encode(&g->texts, text, strlen(text), out, NULL, g->diags);
    }
    if (!ok || loaded) return ok;
    if (!out->count && g->texts.t && tokenizer_bos(g->texts.t) >= 0)
        vec_push(out, tokenizer_bos(g->texts.t));
    return out->count ||
           usage(g, "the prompt is empty and the tokenizer has no token to begin with");
}

// Tokens that end the text: those of --end-id, and a stop text that is a special token.
static bool read_ends(generation *g) {
    size_t n;
    const char *const *given = args_list(g->given, "end-id", &n);
    for (size_t i = 0; i < n; i++) {
        char *end;
        long v = strtol(given[i], &end, 10);
        if (end == given[i] || *end || v < 0 || v > INT32_MAX)
            return usage(g, "--end-id wants a token id");
        vec_push(&g->ends, (int32_t)v);
    }
    for (size_t i = 0; g->texts.t && i < g->n_stops; i++) {
        int32_t id = tokenizer_token_id(g->texts.t, g->stops[i]);
        if (tokenizer_is_special(g->texts.t, id)) vec_push(&g->ends, id);
    }
    int32_t likely = g->texts.t && !g->ends.count ? tokenizer_likely_end(g->texts.t) : -1;
    if (likely >= 0)
        diag_note(g->diags, DIAG_NOWHERE,
                  "no file says which token ends a text: '%s' does not (--end-id %d: it does; "
                  "'eos_token' of tokenizer_config.json says so for good)",
                  tokenizer_token(g->texts.t, likely), likely);
    return true;
}

// A text that took an hour must not end with a file that cannot be written. What is no regular file
// (a pipe) is opened once, at the end.
static bool check_writable(generation *g, const char *option) {
    const char *path = args_string(g->given, option, NULL);
    struct stat st;
    if (!path || (stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)))
        return true;
    file_out *out = file_out_open(path, g->diags);
    file_out_abandon(out);
    return out != NULL;
}

static bool check_outputs(generation *g) {
    bool state = check_writable(g, "save-state");
    return check_writable(g, "metrics-file") && state;
}

static bool check_stream(generation *g) {
    const engine_info *info = engine_describe(g->engine);
    if (info->stream) return true;
    const char *reason = strstr(info->notes, "the program takes whole sequences");
    diag_emit(g->diags, DIAG_ID_host_whole, DIAG_NOWHERE,
              "the program cannot generate token by token: %.*s (tok-whole)",
              reason ? (int)strcspn(reason, "\n") : 33,
              reason ? reason : "the program takes whole sequences");
    return false;
}

static bool check_length(generation *g) {
    int64_t most = engine_describe(g->engine)->max_tokens, n = (int64_t)g->ids.count;
    if (n <= most || !g->n_prompt) return true;
    if (g->n_loaded)
        diag_emit(g->diags, DIAG_ID_host_length, DIAG_NOWHERE,
                  "the state holds %zu tokens and the prompt has %zu, the program was compiled for "
                  "%" PRId64 ": begin anew with one of --max-tokens %" PRId64 " or more",
                  g->n_loaded, g->n_prompt, most, n + 1);
    else
        diag_emit(g->diags, DIAG_ID_host_length, DIAG_NOWHERE,
                  "the prompt has %zu tokens, the program was compiled for %" PRId64
                  ": compile with --max-tokens %zu or more",
                  g->n_prompt, most, g->n_prompt + 1);
    return false;
}

// The state, if one is asked for, and the prompt behind it.
static bool begin(generation *g) {
    const char *state = args_string(g->given, "load-state", NULL);
    tokenizer_ids prompt = {0};
    bool ok = read_prompt(g, state != NULL, &prompt) && (!state || generate_load(g, state));
    if (ok && prompt.count) { // what was sampled before it is not taken any more
        for (size_t i = 0; i < prompt.count; i++) vec_push(&g->ids, prompt.items[i]);
        g->n_prompt = prompt.count;
        g->n_given = g->ids.count;
        g->has_next = false;
        ok = check_length(g);
    }
    vec_free(&prompt);
    return ok;
}

// ---- token by token --------------------------------------------------------------------------

// Feeds the ids that are not fed yet; then `next` is known.
static bool feed(generation *g) {
    int64_t chunk = max_i64(1, engine_describe(g->engine)->max_chunk);
    int64_t until = (int64_t)g->ids.count;
    while (g->model.pos < until) {
        arena *a = arena_new();
        tensor logits;
        int64_t at = g->model.pos, n = min_i64(chunk, until - at);
        bool ok = host_text_step(&g->model, at == 0, g->ids.items + at, n, a, &logits, g->diags);
        if (ok && at + n == until) {
            int64_t width = logits.dim[1], last = logits.dim[0] - 1;
            g->next = sampler_next(&g->sampler, (const float *)logits.data + last * width, width);
            g->has_next = true;
        }
        arena_free(a);
        if (!ok) return false;
    }
    return true;
}

static bool is_end(const generation *g, int32_t id) {
    for (size_t i = 0; i < g->ends.count; i++)
        if (g->ends.items[i] == id) return true;
    return g->texts.t && tokenizer_is_end(g->texts.t, id);
}

// Takes over the token that was sampled; false: it ends the text.
static bool take(generation *g) {
    if (is_end(g, g->next)) {
        g->why = "end token";
        return false;
    }
    vec_push(&g->ids, g->next);
    g->has_next = false;
    generate_measure(g);
    if (args_flag(g->given, "ids") && !args_flag(g->given, "json")) {
        printf("%s%d", generate_made(g) > 1 ? " " : "", g->next);
        fflush(stdout);
    }
    if (generate_text_add(g)) return true;
    g->why = "stop text";
    return false;
}

static bool prefill(generation *g) {
    double start = report_now();
    if (g->n_prompt) {
        if (g->n_loaded) { // what the text before held back
            generate_text_flush(g);
            g->base = g->text.count;
        }
        if (!feed(g)) return false;
        generate_text_skip(g, g->n_loaded, g->ids.count);
    }
    g->prefill_seconds = report_now() - start;
    return true;
}

static bool generate(generation *g) {
    const engine_info *info = engine_describe(g->engine);
    const char *save = args_string(g->given, "save-state", NULL);
    size_t limit = (size_t)args_int(g->given, "tokens", 256);
    size_t every = save ? (size_t)args_int(g->given, "save-every", 0) : 0;
    if (!prefill(g)) return false;
    double start = report_now(), before = start;
    g->why = "the number of tokens asked for (--tokens)";
    while (generate_made(g) < limit) {
        if (!g->has_next && g->model.pos == info->max_tokens) {
            g->why = "the program's maximum (compile with a larger --max-tokens)";
            break;
        }
        if (!g->has_next && !feed(g)) return false;
        if (!take(g)) break;
        if (generate_made(g) % PACE == 0) {
            vec_push(&g->pace, report_now() - before);
            before = report_now();
        }
        if (every && generate_made(g) % every == 0 && !generate_save(g, save)) return false;
    }
    // With a state the text goes on another time: what is held back is part of it.
    bool ended = strcmp(g->why, "end token") == 0, stopped = strcmp(g->why, "stop text") == 0;
    if (!stopped && (!save || ended)) generate_text_flush(g);
    g->seconds = report_now() - start;
    return !save || generate_save(g, save);
}

// ---- after the last --------------------------------------------------------------------------

static json_t *ids_json(const tokenizer_ids *ids, size_t from, size_t until) {
    json_t *list = json_array();
    for (size_t i = from; i < until; i++) json_add(list, json_integer(ids->items[i]));
    return list;
}

static void finish_json(const generation *g, double rate, const sim_stats *stats) {
    size_t made = g->n_loaded + g->n_prompt, end = max_i64((int64_t)g->first, (int64_t)g->shown);
    json_t *pace = json_array();
    for (size_t i = 0; i < g->pace.count; i++) json_add(pace, json_figure(g->pace.items[i]));
    const char *from = g->text.items ? g->text.items + g->first : "";
    json_t *text = json_stringn(from, end - g->first); // NULL: --stop has cut through a character
    json_t *j = json_make(
        "{s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "prompt_ids",
        ids_json(&g->ids, g->n_loaded, made), "ids", ids_json(&g->ids, made, g->ids.count), "text",
        text ? text : json_name_n(from, end - g->first), "stopped_by", g->why, "loaded_tokens",
        json_count(g->n_loaded), "prefill_seconds", json_figure(g->prefill_seconds), "seconds",
        json_figure(g->seconds), "tokens_per_second", json_figure(rate), "seconds_per_1000_tokens",
        pace, "peak_memory_bytes", json_count(report_peak_memory()));
    if (args_flag(g->given, "stats")) json_put(j, "stats", report_stats_json(stats));
    if (args_flag(g->given, "metrics")) json_put(j, "metrics", generate_metrics_json(g));
    report_json(j);
}

static void finish(generation *g) {
    size_t made = generate_made(g);
    double rate = g->seconds > 0 ? (double)made / g->seconds : 0;
    sim_stats stats = sim_totals(engine_sim(g->engine));
    if (args_flag(g->given, "json")) {
        finish_json(g, rate, &stats);
        return;
    }
    putchar('\n');
    fflush(stdout);
    fprintf(stderr, "[stopped by %s: %zu tokens after ", g->why, made);
    if (g->n_loaded) fprintf(stderr, "%zu of the state and ", g->n_loaded);
    fprintf(stderr, "%zu of prompt, %.3g s + %.3g s, %.1f tokens/s]\n", g->n_prompt,
            g->prefill_seconds, g->seconds, rate);
    if (args_flag(g->given, "metrics")) generate_metrics_print(g, stderr);
    if (!args_flag(g->given, "stats")) return;
    report_stats(&stats, stderr);
    report_stat("peak_memory", report_peak_memory(), "bytes", "of this process", stderr);
}

// The metrics' file, beside what goes to the terminal. False: reported.
static bool write_metrics(generation *g) {
    const char *path = args_string(g->given, "metrics-file", NULL);
    file_out *out = path ? file_out_open(path, g->diags) : NULL;
    if (!out) return !path;
    generate_metrics_print(g, file_out_stream(out));
    return file_out_commit(out, g->diags);
}

static bool read_options(generation *g) {
    const args *v = g->given;
    double k = (double)args_int(v, "top-k", 0), p = args_real(v, "top-p", 1);
    double warm = k > 0 || p < 1 ? 1 : 0;
    g->seed = (uint64_t)args_int(v, "seed", 0);
    g->sampler = (sampler){args_real(v, "temperature", warm), (int64_t)k, p,
                           random_of(g->seed, RANDOM_TOKENS, 0)};
    g->stops = args_list(v, "stop", &g->n_stops);
    if (g->sampler.temperature < 0) return usage(g, "--temperature must not be negative");
    if (k < 0) return usage(g, "--top-k must not be negative");
    if (!(p > 0 && p <= 1)) return usage(g, "--top-p must lie in (0, 1]");
    if (args_int(v, "tokens", 0) < 0) return usage(g, "--tokens must not be negative");
    const char *save = args_string(v, "save-state", NULL), *load = args_string(v, "load-state", "");
    if (save && strcmp(save, "-") == 0) return usage(g, "--save-state wants a file, not '-'");
    if (args_int(v, "save-every", 1) < 1) return usage(g, "--save-every must be at least 1");
    if (!save && args_int(v, "save-every", 0)) return usage(g, "--save-every needs --save-state");
    if (strcmp(load, "-") == 0 && strcmp(args_string(v, "prompt", ""), "-") == 0)
        return usage(g, "--load-state and --prompt cannot both be standard input");
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
        g.path = args_at(given, 0);
        sim_options so = {.threads = (int)args_int(given, "threads", 0)};
        if (read_options(&g) && check_outputs(&g) && program_open(&g.program, g.path, a, g.diags) &&
            open_tokenizer(&g) && read_ends(&g) &&
            (g.engine = engine_of_program(&g.program, &so, g.diags)) != NULL && check_stream(&g) &&
            host_text_open(&g.model, g.engine, g.diags) && begin(&g) && generate(&g)) {
            finish(&g);
            write_metrics(&g);
        }
        engine_free(g.engine);
        tokenizer_stream_free(g.stream);
        texts_close(&g.texts);
        vec_free(&g.ends);
        program_close(&g.program);
        vec_free(&g.ids);
        vec_free(&g.text);
        vec_free(&g.pace);
        vec_free(&g.metrics);
        code = args_finish(g.diags);
    }
    arena_free(a);
    return code;
}
