// ohmic generate PROGRAM: text from a language model on the simulator, as it comes.
#include "cli/generate/generate.h"
#include "cli/report.h"
#include "cli/signals.h"
#include "support/file/file.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int command_generate(int argc, char **argv);

static const arg_option options[] = {
    ARG_OPTION("prompt", 'p', ARG_PROMPT, "TEXT",
               "text to continue; - reads standard input; default: none",
               ARG_WITHOUT("prompt-ids")),
    {"prompt-ids", 0, ARG_SIZES, "IDS", "token ids to continue instead, e.g. 1,403,407"},
    ARG_OPTION("source", 0, ARG_PROMPT, "TEXT",
               "what the encoder reads, where the program has one; - reads standard input",
               ARG_WITHOUT("source-ids|source-features")),
    ARG_OPTION("source-ids", 0, ARG_SIZES, "IDS", "token ids that the encoder reads instead",
               ARG_WITHOUT("source-features")),
    ARG_OPTION("source-features", 0, ARG_INPUT, "FILE",
               "npy: values that the encoder reads instead, as its input is shaped",
               ARG_TAKES("npy|npz|bytes")),
    ARG_OPTION("source-tokenizer", 0, ARG_INPUT, "FILE",
               "tokenizer of the source; default: the same as of the text",
               ARG_TAKES("json|text|bytes"), ARG_WITH("source")),
    {"start-id", 0, ARG_SIZE, "ID",
     "token that the decoder behind an encoder begins with; default: decoder_start_token_id of "
     "generation_config.json"},
    ARG_OPTION(
        "interactive", 0, ARG_FLAG, NULL,
        "ask for prompts, a line each, and go on behind them; default at a terminal without prompt",
        ARG_WITHOUT("prompt|prompt-ids|source|source-ids|source-features|json")),
    {"tokens", 'n', ARG_SIZE, "N", "most tokens to generate; default: 256"},
    {"temperature", 0, ARG_REAL, "T",
     "draw from softmax(logits / T); default: 0, the likeliest token (1 with --top-k, --top-p or "
     "--min-p)"},
    {"top-k", 0, ARG_SIZE, "K", "draw from the K likeliest tokens"},
    {"top-p", 0, ARG_PART, "P", "draw from the fewest tokens that have probability P together"},
    {"min-p", 0, ARG_SHARE, "P", "draw from tokens at least P times as likely as the likeliest"},
    {"repetition-penalty", 0, ARG_POSITIVE, "R",
     "divide the logits of tokens that occurred by R, multiply negative ones; default: 1"},
    ARG_OPTION("repetition-window", 0, ARG_SIZE, "N",
               "occurred: among the last N tokens; default: all",
               ARG_WITH("repetition-penalty|load-state")),
    ARG_OPTION("seed", 0, ARG_INT, "N", "seed of the draws; default: 0",
               ARG_WITH("temperature|top-k|top-p|min-p|load-state")),
    ARG_OPTION("stop", 0, ARG_TEXT, "TEXT", "stop where this text, or this special token, comes",
               ARG_MANY),
    ARG_OPTION("end-id", 0, ARG_SIZE, "ID",
               "a token that ends the text, beside those that the tokenizer's files name",
               ARG_MANY),
    TEXTS_TOKENIZER_OPTION("the program", NULL),
    TEXTS_AROUND_OPTIONS(NULL),
    {"ids", 0, ARG_FLAG, NULL, "print token ids instead of text"},
    ARG_OPTION("save-state", 0, ARG_OUTPUT, "FILE",
               "save the sequence at the end, to go on another time", ARG_ONTO("load-state")),
    ARG_OPTION("save-every", 0, ARG_COUNT, "N", "--save-state: also after every N tokens",
               ARG_WITH("save-state")),
    ARG_OPTION(
        "load-state", 0, ARG_INPUT, "FILE",
        "go on with a sequence; a prompt is put behind it; sampling as it was saved with, unless "
        "said",
        ARG_TAKES("state")),
    {"metrics", 0, ARG_FLAG, NULL, "a table of what every token cost; on standard error"},
    {"metrics-file", 0, ARG_OUTPUT, "FILE", "the same, to a file"},
    {"stats", 0, ARG_FLAG, NULL, "event counters and peak memory at the end"},
    {"cost", 0, ARG_FLAG, NULL, "time and energy that the chip takes for it; at the end"},
    {"threads", 't', ARG_SIZE, "N", "threads; never changes a result; default: all cores"},
    {"json", 0, ARG_FLAG, NULL, "print as JSON, at the end"},
};

static bool usage(generation *g, const char *what) {
    diag_emit(g->diags, DIAG_ID_usage, DIAG_NOWHERE, "%s", what);
    return false;
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
              "the program cannot generate token by token: %.*s",
              reason ? (int)strcspn(reason, "\n") : 33,
              reason ? reason : "the program takes whole sequences");
    return false;
}

static bool follow(generation *g) {
    const ran_options wanted = {.time = args_flag(g->given, "cost")};
    g->ran = ran_new(engine_sim(g->engine), wanted, g->diags);
    return g->ran || !wanted.time;
}

static bool read_options(generation *g) {
    const args *v = g->given;
    g->seed = (uint64_t)args_int(v, "seed", 0);
    generate_sampler(g, &sampler_default, 0);
    g->stops = args_list(v, "stop", &g->n_stops);
    if (strcmp(args_string(v, "save-state", ""), "-") == 0)
        return usage(g, "--save-state wants a file, not '-'");
    if (g->interactive && args_reads_standard_input(v))
        return usage(g, "--interactive reads prompts from standard input: the others want files");
    return true;
}

// Line by line: each is put behind the text so far and the model goes on from there. What happened
// is said as soon as it did.
static bool converse(generation *g) {
    bool ok = true;
    while (ok && generate_ask(g, &ok)) {
        ok = ok && generate_turn(g);
        if (ok) generate_finish(g);
        if (!ok) break;
        signals_hold_interrupt(); // one ends a turn; at the question it ends the command
        diag_print(g->diags, 0, stderr, false);
        diag_clear(g->diags);
    }
    return ok;
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
        g.interactive = generate_is_interactive(given);
        sim_options so = {.threads = (int)args_int(given, "threads", 0)};
        if (read_options(&g) && check_outputs(&g) && program_open(&g.program, g.path, a, g.diags) &&
            (g.engine = engine_of_program(&g.program, &so, g.diags)) != NULL && check_stream(&g) &&
            follow(&g) && host_text_open(&g.model, g.engine, g.diags) &&
            generate_check_source(&g) && generate_open_tokenizer(&g) && generate_read_ends(&g) &&
            (!host_text_has_source(&g.model) || generate_read_config(&g)) && generate_begin(&g)) {
            signals_hold_interrupt();
            if (g.interactive ? converse(&g) : generate_turn(&g)) {
                bool written = generate_write_metrics(&g);
                if (!g.interactive && (written || !args_flag(given, "json"))) generate_finish(&g);
            }
        }
        ran_free(g.ran);
        engine_free(g.engine);
        tokenizer_stream_free(g.stream);
        texts_close(&g.texts);
        generate_close_config(&g);
        vec_free(&g.ends);
        program_close(&g.program);
        vec_free(&g.ids);
        vec_free(&g.text);
        vec_free(&g.pace);
        vec_free(&g.metrics);
        code = args_finish(given, g.diags);
        if (code == EXIT_OK && signals_interrupted()) code = EXIT_INTERRUPTED;
    }
    arena_free(a);
    return code;
}
