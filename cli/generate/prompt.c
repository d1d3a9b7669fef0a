// What a text begins with: the state, the prompt, and the tokens that end it.
#include "cli/generate/generate.h"
#include "cli/report.h"
#include "support/file/file.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool usage(generation *g, const char *what) {
    diag_emit(g->diags, DIAG_ID_usage, DIAG_NOWHERE, "%s", what);
    return false;
}

bool generate_open_tokenizer(generation *g) {
    if (!texts_open(&g->texts, g->given, g->path, g->diags)) return false;
    if (g->texts.t) {
        g->stream = tokenizer_stream_new(g->texts.t, false);
        return true;
    }
    const bool ids = args_given(g->given, "prompt-ids") || args_given(g->given, "load-state") ||
                     args_given(g->given, "source-ids") ||
                     args_given(g->given, "source-features") ||
                     args_given(g->given, "source-tokenizer");
    const char *instead = !host_text_has_source(&g->model) ? "prompt-ids"
                          : host_text_reads_ids(&g->model) ? "source-ids"
                                                           : "source-features";
    return (args_flag(g->given, "ids") && ids) ||
           usage(g, arena_printf(g->a,
                                 "no tokenizer lies beside the program: say --tokenizer FILE (or "
                                 "work with --%s and --ids)",
                                 instead));
}

// Tokens that end the text: those of --end-id, and a stop text that is a special token.
bool generate_read_ends(generation *g) {
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

bool generate_parse_ids(generation *g, const char *option, const char *text, tokenizer_ids *out) {
    while (*text) {
        char *end;
        long v = strtol(text, &end, 10);
        if (end == text || v < INT32_MIN || v > INT32_MAX)
            return usage(g,
                         arena_printf(g->a, "--%s wants numbers with commas between them", option));
        vec_push(out, (int32_t)v);
        text = end + strspn(end, ", \t\n");
    }
    return true;
}

// The text as ids: behind others it gets no token that begins a text.
static bool encode(generation *g, const char *p, size_t n, bool behind, tokenizer_ids *out) {
    tokenizer_around around = g->texts.around;
    if (behind) g->texts.around = TOKENIZER_BARE;
    bool ok = texts_encode(&g->texts, p, n, out, NULL, g->diags);
    g->texts.around = around;
    int32_t last = ok && out->count ? out->items[out->count - 1] : -1;
    if (!behind && last >= 0 && generate_is_end(g, last) && out->count > 1)
        diag_emit(g->diags, DIAG_ID_text_ends, DIAG_NOWHERE,
                  "the prompt ends with '%s', which ends a text: what comes behind it is another",
                  tokenizer_token(g->texts.t, last));
    return ok;
}

// A text without a prompt begins with the token that begins a text.
static bool begin_empty(generation *g, tokenizer_ids *out) {
    int32_t bos = g->texts.t ? tokenizer_bos(g->texts.t) : -1;
    if (bos < 0 && g->texts.around == TOKENIZER_BOS) bos = tokenizer_likely_bos(g->texts.t);
    if (bos < 0)
        return usage(g, "the prompt is empty and no file says which token begins a text "
                        "('bos_token' of tokenizer_config.json)");
    vec_push(out, bos);
    return true;
}

static bool read_prompt(generation *g, bool loaded, tokenizer_ids *out) {
    const char *ids = args_string(g->given, "prompt-ids", NULL);
    const char *text = args_string(g->given, "prompt", "");
    file_map f = {0};
    bool ok = true;
    if (host_text_has_source(&g->model) && !loaded) { // what is given stands behind the beginning
        if (!generate_begin_written(g, out)) return false;
        loaded = true;
    }
    if (ids) {
        ok = generate_parse_ids(g, "prompt-ids", ids, out);
    } else if (*text && !g->texts.t) {
        return usage(g, "--prompt needs --tokenizer FILE");
    } else if (strcmp(text, "-") == 0) {
        ok = file_map_open(&f, "-", g->diags) &&
             encode(g, (const char *)f.data, f.bytes, loaded, out);
        file_map_close(&f);
    } else if (*text) {
        ok = encode(g, text, strlen(text), loaded, out);
    }
    return ok && (loaded || out->count || begin_empty(g, out));
}

static bool check_length(generation *g) {
    const engine_info *info = engine_describe(g->engine);
    int64_t most = info->max_tokens, n = (int64_t)g->ids.count;
    if (n <= most || !g->n_prompt) return true;
    if (g->n_loaded)
        diag_emit(g->diags, DIAG_ID_host_length, DIAG_NOWHERE,
                  "the %s %zu tokens and the prompt has %zu, the program was compiled for "
                  "%" PRId64 ": begin anew%s%s",
                  g->interactive ? "text has" : "state holds", g->n_loaded, g->n_prompt, most,
                  info->longest && n + 1 > info->longest ? "; " : ", and ",
                  engine_longer(g->a, info, n + 1));
    else
        diag_emit(g->diags, DIAG_ID_host_length, DIAG_NOWHERE,
                  "the prompt has %zu tokens, the program was compiled for %" PRId64 ": %s",
                  g->n_prompt, most, engine_longer(g->a, info, n + 1));
    return false;
}

// What was sampled before the prompt is not taken any more.
static bool put_behind(generation *g, const tokenizer_ids *prompt) {
    for (size_t i = 0; i < prompt->count; i++) vec_push(&g->ids, prompt->items[i]);
    g->n_prompt = prompt->count;
    g->n_given = g->ids.count;
    g->has_next = false;
    return check_length(g);
}

bool generate_begin(generation *g) {
    const char *state = args_string(g->given, "load-state", NULL);
    if (!generate_read_source(g)) return false;
    if (g->interactive) return !state || generate_load(g, state);
    tokenizer_ids prompt = {0};
    bool ok = read_prompt(g, state != NULL, &prompt) && (!state || generate_load(g, state)) &&
              (!prompt.count || put_behind(g, &prompt));
    vec_free(&prompt);
    return ok;
}

// ---- asked for line by line ------------------------------------------------------------------

bool generate_is_interactive(const args *given) {
    return args_flag(given, "interactive") ||
           (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && !args_string(given, "prompt", NULL) &&
            !args_string(given, "prompt-ids", NULL) && !args_string(given, "load-state", NULL) &&
            !args_given(given, "source") && !args_given(given, "source-ids") &&
            !args_given(given, "source-features") && !args_flag(given, "json") &&
            !args_flag(given, "ids"));
}

bool generate_ask(generation *g, bool *ok) {
    char *line = NULL;
    size_t room = 0;
    if (isatty(STDIN_FILENO)) fputs("> ", stderr);
    errno = 0;
    ssize_t n = getline(&line, &room, stdin);
    if (n < 0 && errno == ENOMEM) base_no_memory(room);
    if (n < 0 && isatty(STDIN_FILENO)) fputc('\n', stderr);
    while (n > 0 && strchr("\r\n", line[n - 1]) && line[n - 1]) n--;
    *ok = true;
    if (n >= 0) {
        bool behind = g->ids.count > 0;
        g->n_loaded = g->ids.count;
        g->n_prompt = 0;
        tokenizer_ids prompt = {0};
        if (n > 0) *ok = encode(g, line, (size_t)n, behind, &prompt);
        if (*ok && !prompt.count && !behind) *ok = begin_empty(g, &prompt);
        if (*ok && prompt.count) *ok = put_behind(g, &prompt);
        vec_free(&prompt);
    }
    free(line);
    return n >= 0;
}
