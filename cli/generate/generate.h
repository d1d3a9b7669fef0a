// `ohmic generate`, internal: one text that grows, and what its files share.
//
// A sequence is the ids given (by the state file, by the prompt) and those generated behind them.
// All are fed to the model in order, the last one when the next is asked for: between two tokens
// exactly one id is not fed yet, or one is sampled that was not taken (`next`).
#ifndef OHMIC_CLI_GENERATE_GENERATE_H
#define OHMIC_CLI_GENERATE_GENERATE_H

#include "cli/args.h"
#include "cli/cost/ran.h"
#include "cli/generate/sampler.h"
#include "cli/texts.h"
#include "host/host.h"
#include "support/file/json.h"

typedef VEC(char) text_buffer;

// What one token cost; metrics.c.
typedef struct {
    int32_t id;
    int64_t pos;         // of the row that gave it
    double held, slots;  // tokens and room, over all rings that the stream writes
    double pj, ns;       // of the attention units: the row that gave it, through all rings
    double oldest_decay; // what is left of the oldest visible charge; 1: no decay
    sim_stats stats;     // of the steps since the token before
} token_metrics;

// What generation_config.json says of an encoder's decoder; config.c.
typedef struct {
    int32_t place, id; // of the text, its first token at 0
} generate_forced;
typedef struct {
    int32_t start; // token that a text begins with; -1: nobody says
    VEC(generate_forced) forced;
    tokenizer_ids never, not_first; // tokens that are left out; as the first that is generated
} generate_config;

typedef struct {
    arena *a;
    const args *given;
    diag_sink *diags;
    program_file program;
    const char *path; // of the program
    bool interactive; // prompts are asked for, line by line
    engine *engine;
    ran *ran; // --cost; NULL: nobody asks
    host_text model;
    generate_config config; // empty for decoders alone
    texts texts;            // the tokenizer; none: ids only
    sampler sampler;
    uint64_t seed;

    tokenizer_ids ids; // the whole sequence
    size_t n_loaded;   // of them: from the state file
    size_t n_prompt;   // this run's prompt, behind them
    size_t n_given;    // not generated since the last prompt: where stop texts are looked for
    bool has_next;     // `next` was sampled, and not taken
    int32_t next;

    tokenizer_stream *stream; // NULL: no tokenizer
    text_buffer text;         // of generated tokens
    size_t base;              // where the text of ids[n_given] begins
    size_t shown;             // bytes printed, by this run or before
    size_t first;             // the first byte of this run
    const char *const *stops;
    size_t n_stops;
    tokenizer_ids ends; // tokens that end the text, beside the tokenizer's

    const char *why; // it stopped
    double prefill_seconds, seconds;
    VEC(double) pace; // seconds of each thousand tokens
    VEC(token_metrics) metrics;
    sim_stats counted; // totals before the token
} generation;

static inline size_t generate_made(const generation *g) {
    return g->ids.count - g->n_loaded - g->n_prompt;
}

// ---- prompts (prompt.c) -------------------------------------------------------------

bool generate_is_interactive(const args *given);
bool generate_open_tokenizer(generation *g); // of the program's model; false: reported
bool generate_read_ends(generation *g);      // tokens that end the text; false: reported
// The state, if one is asked for, and the prompt behind it. False: reported.
bool generate_begin(generation *g);
// Asks for a line and puts it behind the text so far. False: there is none any more. *ok: false
// after a reported failure.
bool generate_ask(generation *g, bool *ok);

// "1, 2 3" of an option. False: reported.
bool generate_parse_ids(generation *g, const char *option, const char *text, tokenizer_ids *out);

// ---- encoders (source.c, config.c) --------------------------------------------------

bool generate_read_config(generation *g); // false: reported
void generate_close_config(generation *g);
// Do the options say what the program asks for, and nothing that it does not read? False: reported.
bool generate_check_source(generation *g);
// Begins the sequence with what the encoder reads, where there is one. False: reported.
bool generate_read_source(generation *g);
// The token that the decoder's text begins with. False: reported.
bool generate_begin_written(generation *g, tokenizer_ids *out);
// Tokens that may not come next get no probability.
void generate_rule_out(const generation *g, float *logits, int64_t n);
// The token that must stand at that place, of n; -1: any.
int32_t generate_forced_at(const generation *g, size_t place, int64_t n);

// ---- token by token (run.c) ---------------------------------------------------------

bool generate_is_end(const generation *g, int32_t id);
// Feeds what is not fed, and generates until something ends it (g->why): false: reported. An
// interrupt (signals_hold_interrupt) ends it between two tokens. The state is saved, if asked for.
bool generate_turn(generation *g);

// ---- what is said of it (finish.c) --------------------------------------------------

void generate_finish(generation *g);
bool generate_write_metrics(generation *g); // --metrics-file; false: reported

// ---- text (text.c) ------------------------------------------------------------------

// ids[from..] were there before: the decoder knows them, nothing is shown.
void generate_text_skip(generation *g, size_t from, size_t until);
// Decodes ids[from..until] without showing; for a text that was shown before.
void generate_text_restore(generation *g, size_t from, size_t until);
// The last id's text is added and shown as far as no stop text could begin in it. False: a stop
// text is complete; the text is cut in front of it.
bool generate_text_add(generation *g);
// Shows what was held back, incomplete characters too.
void generate_text_flush(generation *g);
bool generate_text_is_quiet(const generation *g); // text is not printed as it comes

// ---- state files (state.c) ----------------------------------------------------------

// How tokens are drawn: as the command line says, else as in *otherwise. `drawn`: words that were
// drawn already from the same seed.
void generate_sampler(generation *g, const sampler *otherwise, uint64_t drawn);

// What a state file keeps beside the state of the machine; state.c has the layout.
typedef struct {
    tokenizer_ids ids; // vec_free
    uint32_t n_given, fed;
    int32_t next;         // sampled and not taken; -1: none
    uint64_t shown;       // bytes of the text behind ids[n_given]; all ones: all
    sampler sampler;      // without its draws
    uint64_t seed, drawn; // words of the draws
} generate_state;

// False: reported; `name` is the file's.
bool generate_state_parse(const void *host, size_t n, const char *name, generate_state *s,
                          diag_sink *diags);

// Takes up the sequence of the file; options that are not given become those it was saved with.
// False: reported, nothing changed.
bool generate_load(generation *g, const char *path);
bool generate_save(generation *g, const char *path); // false: reported

// ---- metrics (metrics.c) ------------------------------------------------------------

void generate_measure(generation *g); // the token just taken
// A line a token behind a line of names, tab-separated.
void generate_metrics_print(const generation *g, FILE *out);
json_t *generate_metrics_json(const generation *g);

#endif
