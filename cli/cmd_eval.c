// ohmic eval MODEL: accuracy of a program, an ONNX file or IR.
#include "cli/cost/ran.h"
#include "cli/report.h"
#include "cli/report_score.h"
#include "cli/texts.h"
#include "support/file/json.h"
#include "support/name.h"
#include "support/num/random.h"
#include <inttypes.h>

int command_eval(int argc, char **argv);

static const arg_option options[] = {
    ARG_OPTION("perplexity", 0, ARG_INPUT, "FILE",
               "texts, or JSON lists of token ids; the first token of each is context",
               ARG_TAKES("text|json")),
    ARG_OPTION("end-token", 0, ARG_SIZE, "ID", "--perplexity: token to predict behind every text",
               ARG_WITH("perplexity")),
    ARG_OPTION("sources", 0, ARG_INPUT, "FILE",
               "--perplexity: what the encoder reads for each text, as texts or ids in that order",
               ARG_TAKES("text|json"), ARG_WITH("perplexity")),
    ARG_OPTION("start-id", 0, ARG_SIZE, "ID",
               "--sources: token that the decoder begins a text with; default: the text's first",
               ARG_WITH("sources")),
    ARG_OPTION("by-position", 0, ARG_FLAG, NULL,
               "--perplexity: also by the position of the token that is predicted",
               ARG_WITH("perplexity")),
    ARG_OPTION(
        "recall", 0, ARG_INPUT, "FILE",
        "JSON list of probes {kind, distance, answer, prompt}: is the answer the likeliest token "
        "behind the prompt? By distance and kind. Of texts the last word is the answer",
        ARG_TAKES("text|json")),
    ARG_OPTION(
        "masked", 0, ARG_INPUT, "FILE",
        "JSON {ids, masked, mask_id}: tokens hidden at once, found again; of texts every seventh",
        ARG_TAKES("text|json")),
    ARG_OPTION(
        "classify", 0, ARG_INPUT, "DATA",
        "images (raw float32 .f32 with --shape, or npy), or a JSON of examples with ids and label",
        ARG_TAKES("npy|json|bytes")),
    ARG_OPTION("labels", 0, ARG_INPUT, "FILE", "--classify: JSON list of the images' classes",
               ARG_TAKES("json"), ARG_WITH("classify")),
    ARG_OPTION("shape", 0, ARG_SIZES, "C,H,W", "--classify: shape of one raw item",
               ARG_WITH("classify")),
    ARG_OPTION("mean", 0, ARG_NUMBERS, "LIST", "--classify: subtracted from each channel",
               ARG_WITH("classify")),
    ARG_OPTION("std", 0, ARG_NUMBERS, "LIST", "--classify: divides each channel after that",
               ARG_WITH("classify")),
    ARG_OPTION(
        "layers", 0, ARG_INPUT, "PROGRAM",
        "error of every ONNX node's value in the simulator of PROGRAM against the interpreter of "
        "MODEL",
        ARG_TAKES("ohm")),
    ARG_OPTION(
        "ids", 0, ARG_INPUT, "FILE",
        "--layers: the first text or list of ids of this file is the sequence; default: 16 ids",
        ARG_TAKES("text|json"), ARG_WITH("layers")),
    TEXTS_TOKENIZER_OPTION("the model", "perplexity|recall|masked|ids"),
    TEXTS_AROUND_OPTIONS("perplexity|recall|masked|ids"),
    TEXTS_BY_OPTION("perplexity|recall|masked|ids"),
    ARG_OPTION("output", 0, ARG_NAME, "NAME", "output that holds the scores; default: logits",
               ARG_WITHOUT("layers")),
    ARG_OPTION("limit", 0, ARG_COUNT, "N", "only the first N sequences, probes or images",
               ARG_WITHOUT("layers")),
    ARG_OPTION("stats", 0, ARG_FLAG, NULL, "converter figures and event counters of the simulator",
               ARG_WITHOUT("layers")),
    ARG_OPTION("cost", 0, ARG_FLAG, NULL,
               "time and energy that the chip takes for it; MODEL is a program",
               ARG_WITHOUT("layers")),
    {"threads", 't', ARG_SIZE, "N", "threads; never changes a result; default: all cores"},
    {"json", 0, ARG_FLAG, NULL, "print as JSON"},
};

// ---- scores ----------------------------------------------------------------------------------

static void show(const args *given, const char *what, const eval_score *s, sim *simulator,
                 const ran *r) {
    sim_stats totals = {0};
    bool stats = args_flag(given, "stats") && simulator;
    if (stats) totals = sim_totals(simulator);
    if (args_flag(given, "json")) {
        json_t *j = report_score_json(what, s, stats ? &totals : NULL);
        if (r) json_put(j, "cost", ran_json(r));
        report_json(j);
        return;
    }
    report_score(what, s, stats ? &totals : NULL);
    ran_print(r, stdout);
}

// ---- layers ----------------------------------------------------------------------------------

static bool read_ids(texts *x, const char *path, arena *a, int64_t **ids, size_t *n,
                     diag_sink *diags) {
    *n = 16;
    *ids = ARENA_ARRAY(a, int64_t, *n);
    if (!path) {
        for (size_t i = 0; i < *n; i++) (*ids)[i] = (int64_t)(i * 7919 + 1) % 97;
        return true;
    }
    json_t *root = texts_read(x, path, TEXTS_LISTS, diags);
    if (!root) return false;
    const json_t *list = json_array_get(root, 0);
    *n = json_array_size(list);
    *ids = ARENA_ARRAY(a, int64_t, *n + 1);
    for (size_t i = 0; i < *n; i++) (*ids)[i] = json_integer_value(json_array_get(list, i));
    if (!*n) diag_emit(diags, DIAG_ID_json_syntax, DIAG_FILE(path), "expected a list of token ids");
    json_decref(root);
    return *n > 0;
}

static void show_layers(const args *given, const eval_layers *l, size_t left_out) {
    if (args_flag(given, "json")) {
        json_t *list = json_array();
        for (size_t i = 0; i < l->count; i++) {
            const eval_layer *x = &l->items[i];
            json_add(list, json_make("{s:o, s:o, s:o, s:o}", "node", json_name(x->node),
                                     "max_error", json_figure(x->max_error), "relative",
                                     json_figure(x->relative), "values", json_count(x->values)));
        }
        report_json(json_make("{s:o, s:o}", "layers", list, "left_out", json_count(left_out)));
        return;
    }
    printf("%12s %12s %10s  %s\n", "max error", "relative", "values", "node");
    for (size_t i = 0; i < l->count; i++)
        printf("%12.4g %12.4g %10zu  %s\n", l->items[i].max_error, l->items[i].relative,
               l->items[i].values, name_text(args_arena(given), l->items[i].node));
    printf("%zu nodes compared; %zu have no value of their own in the program\n", l->count,
           left_out);
}

static void layers(const args *given, texts *x, eval_model *m, const char *program,
                   diag_sink *diags) {
    arena *a = args_arena(given);
    int64_t *ids;
    size_t n, left_out = 0;
    eval_layers out = {0};
    eval_model *p = eval_model_open(program, (int)args_int(given, "threads", 0), a, diags);
    if (p && read_ids(x, args_string(given, "ids", NULL), a, &ids, &n, diags) &&
        eval_layer_errors(m, p, ids, n, a, &out, &left_out, diags))
        show_layers(given, &out, left_out);
    vec_free(&out);
    eval_model_free(p);
}

// ---- the command -----------------------------------------------------------------------------

// --cost. False: reported.
static bool follow(const args *given, eval_model *m, ran **r, diag_sink *diags) {
    const ran_options wanted = {.time = args_flag(given, "cost")};
    sim *s = eval_model_sim(m);
    if (s) *r = ran_new(s, wanted, diags);
    if (s || !wanted.time) return *r || !wanted.time;
    diag_emit(diags, DIAG_ID_usage, DIAG_NOWHERE,
              "--cost wants a program: MODEL is computed by the interpreter, not by a chip");
    return false;
}

static void run(const args *given, diag_sink *diags) {
    static const struct {
        const char *option;
        texts_shape shape;
        bool (*score)(eval_model *, const eval_data *, const eval_options *, eval_score *,
                      diag_sink *);
    } kinds[] = {{"perplexity", TEXTS_LISTS, eval_perplexity},
                 {"recall", TEXTS_PROBES, eval_recall},
                 {"masked", TEXTS_MASKED, eval_masked},
                 {"classify", 0, NULL},
                 {"layers", 0, NULL}};
    int count = 0;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        count += args_string(given, kinds[i].option, NULL) != NULL;
    if (count != 1) {
        diag_emit(diags, DIAG_ID_usage, DIAG_NOWHERE,
                  "say one of --perplexity, --recall, --masked, --classify and --layers");
        return;
    }
    eval_options o = {.output = args_string(given, "output", NULL),
                      .limit = args_int(given, "limit", 0),
                      .end_token = args_int(given, "end-token", -1),
                      .by_position = args_flag(given, "by-position"),
                      .start_token = args_int(given, "start-id", -1),
                      .arena = args_arena(given),
                      .labels = args_string(given, "labels", NULL),
                      .shape = args_string(given, "shape", NULL),
                      .mean = args_string(given, "mean", NULL),
                      .std = args_string(given, "std", NULL)};
    texts x;
    const char *model = args_at(given, 0);
    if (!texts_open(&x, given, model, diags)) {
        texts_close(&x);
        return;
    }
    texts_by(&x, given);
    eval_model *m = eval_model_open(model, (int)args_int(given, "threads", 0), o.arena, diags);
    ran *r = NULL;
    bool follows = m && follow(given, m, &r, diags);
    for (size_t i = 0; follows && i < ARRAY_LEN(kinds); i++) {
        const char *option = kinds[i].option, *path = args_string(given, option, NULL);
        if (!path) continue;
        if (strcmp(option, "layers") == 0) {
            layers(given, &x, m, path, diags);
            break;
        }
        json_t *json = kinds[i].score ? texts_read(&x, path, kinds[i].shape, diags) : NULL;
        const eval_data data = {path, json};
        const char *from = args_string(given, "sources", NULL);
        json_t *sources = from && json ? texts_read(&x, from, TEXTS_LISTS, diags) : NULL;
        const eval_data source = {from, sources};
        if (sources) o.sources = &source;
        eval_score s;
        double start = report_now();
        if ((kinds[i].score ? json && (!from || sources) && kinds[i].score(m, &data, &o, &s, diags)
                            : eval_classify(m, path, &o, &s, diags)) &&
            ran_end(r)) {
            s.seconds = report_now() - start;
            show(given, option, &s, eval_model_sim(m), r);
        }
        json_decref(sources);
        json_decref(json);
    }
    if (m) texts_unused(&x, given, diags);
    ran_free(r);
    eval_model_free(m);
    texts_close(&x);
}

int command_eval(int argc, char **argv) {
    arena *a = arena_new();
    int code;
    args *given = args_parse(
        a, argc, argv, "eval", "MODEL",
        "Scores MODEL: a program on the simulator, or .onnx and .oir on the interpreter.", options,
        ARRAY_LEN(options), 1, 1, &code);
    if (given) {
        diag_sink *diags = diag_sink_new();
        run(given, diags);
        code = args_finish(given, diags);
    }
    arena_free(a);
    return code;
}
