// ohmic tokenize TOKENIZER [TEXT]: text to token ids, and back.
#include "cli/report.h"
#include "cli/texts.h"
#include "support/file/file.h"
#include "support/file/json.h"
#include "support/name.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int command_tokenize(int argc, char **argv);

static const arg_option options[] = {
    ARG_OPTION(
        "file", 'f', ARG_INPUT, "FILE",
        "the texts (with --decode: lists of ids) of FILE instead: text, JSON, or JSON a line",
        ARG_TAKES("text|json")),
    TEXTS_BY_OPTION("file"),
    ARG_OPTION("decode", 'd', ARG_FLAG, NULL,
               "TEXT is ids, e.g. 1,403,407: the text they stand for",
               ARG_WITHOUT("tokens|offsets|bos|no-bos")),
    {"tokens", 0, ARG_FLAG, NULL, "a line a token: its id and its name"},
    {"offsets", 0, ARG_FLAG, NULL,
     "a line a token: its id, and the first byte of the text it came from and the first behind it"},
    TEXTS_AROUND_OPTIONS(NULL),
    {"no-special", 0, ARG_FLAG, NULL,
     "nothing around a text; with --decode: special tokens are left out"},
    {"json", 0, ARG_FLAG, NULL, "print as JSON"},
};

typedef struct {
    const args *given;
    texts x;
    diag_sink *diags;
    json_t *out;  // --json: a value a text
    bool decodes; // --decode
} job;

static bool usage(job *j, const char *what) {
    diag_emit(j->diags, DIAG_ID_usage, DIAG_NOWHERE, "%s", what);
    return false;
}

// ---- text to ids -----------------------------------------------------------------------------

static json_t *encoded_json(const job *j, const tokenizer_ids *ids, const tokenizer_spans *spans) {
    json_t *list = json_array(), *names = json_array(), *offsets = json_array();
    for (size_t i = 0; i < ids->count; i++) {
        json_add(list, json_integer(ids->items[i]));
        const char *name = tokenizer_token(j->x.t, ids->items[i]);
        json_t *text = json_string(name); // NULL: no UTF-8
        json_add(names, text ? text : json_name(name));
        json_add(offsets, json_make("[I, I]", (json_int_t)spans->items[i].begin,
                                    (json_int_t)spans->items[i].end));
    }
    json_t *o = json_make("{s:o}", "ids", list);
    if (args_flag(j->given, "tokens")) json_object_set(o, "tokens", names);
    if (args_flag(j->given, "offsets")) json_object_set(o, "offsets", offsets);
    json_decref(names);
    json_decref(offsets);
    return o;
}

static void print_encoded(const job *j, const tokenizer_ids *ids, const tokenizer_spans *spans) {
    bool names = args_flag(j->given, "tokens"), offsets = args_flag(j->given, "offsets");
    for (size_t i = 0; i < ids->count; i++) {
        if (!names && !offsets) {
            printf("%s%d", i ? " " : "", ids->items[i]);
            continue;
        }
        printf("%d", ids->items[i]);
        const char *name = tokenizer_token(j->x.t, ids->items[i]);
        if (names) printf("\t%s", name_text(args_arena(j->given), name));
        if (offsets) printf("\t%zu\t%zu", spans->items[i].begin, spans->items[i].end);
        putchar('\n');
    }
    if (!names && !offsets) putchar('\n');
}

static bool encode(job *j, const char *p, size_t n) {
    tokenizer_ids ids = {0};
    tokenizer_spans spans = {0};
    bool ok = texts_encode(&j->x, p, n, &ids, &spans, j->diags);
    if (ok && j->out) json_add(j->out, encoded_json(j, &ids, &spans));
    if (ok && !j->out) print_encoded(j, &ids, &spans);
    vec_free(&ids);
    vec_free(&spans);
    return ok;
}

// ---- ids to text -----------------------------------------------------------------------------

static bool decode(job *j, const tokenizer_ids *ids) {
    for (size_t i = 0; i < ids->count; i++) {
        if (tokenizer_token(j->x.t, ids->items[i])) continue;
        diag_emit(j->diags, DIAG_ID_tokenizer_text, DIAG_NOWHERE,
                  "%d is no token: the tokenizer's ids are 0 ... %d", ids->items[i],
                  tokenizer_size(j->x.t) - 1);
        return false;
    }
    arena *a = arena_new();
    size_t bytes;
    const char *p = tokenizer_decode(j->x.t, ids->items, ids->count,
                                     !args_flag(j->given, "no-special"), a, &bytes);
    if (j->out) {
        json_add(j->out, json_make("{s:o}", "text", json_stringn(p, bytes)));
    } else {
        fwrite(p, 1, bytes, stdout);
        putchar('\n');
    }
    arena_free(a);
    return true;
}

// Numbers with white space, commas or brackets between them, as every command prints ids.
static bool decode_line(job *j, const char *line) {
    static const char between[] = " ,\t\r[]";
    tokenizer_ids ids = {0};
    bool ok = true;
    for (const char *at = line + strspn(line, between); ok && *at; at += strspn(at, between)) {
        char *end;
        errno = 0;
        long v = strtol(at, &end, 10);
        ok = end != at && !errno && v >= 0 && v <= INT32_MAX && (!*end || strchr(between, *end));
        if (!ok) {
            diag_emit(j->diags, DIAG_ID_tokenizer_text, DIAG_NOWHERE,
                      "expected token ids, e.g. 1,403,407, found '%.*s'", (int)strcspn(at, between),
                      at);
            break;
        }
        vec_push(&ids, (int32_t)v);
        at = end;
    }
    ok = ok && decode(j, &ids);
    vec_free(&ids);
    return ok;
}

static bool decode_list(job *j, const json_t *list) {
    tokenizer_ids ids = {0};
    bool ok = json_is_array(list);
    for (size_t i = 0; ok && i < json_array_size(list); i++) {
        const json_t *v = json_array_get(list, i);
        json_int_t id = json_integer_value(v);
        ok = json_is_integer(v) && id >= 0 && id <= INT32_MAX;
        vec_push(&ids, (int32_t)id);
    }
    ok =
        ok ? decode(j, &ids)
           : (diag_emit(j->diags, DIAG_ID_text_file, DIAG_FILE(args_string(j->given, "file", NULL)),
                        "--decode: expected lists of token ids"),
              false);
    vec_free(&ids);
    return ok;
}

// ---- the command -----------------------------------------------------------------------------

static bool one(job *j, const char *p, size_t n) {
    if (!j->decodes) return encode(j, p, n);
    bool ok = true;
    for (size_t at = 0; ok && at < n;) {
        const char *end = memchr(p + at, '\n', n - at);
        size_t line = end ? (size_t)(end - p) - at : n - at;
        ok = decode_line(j, arena_strn(args_arena(j->given), p + at, line));
        at += line + 1;
    }
    return ok;
}

static bool file(job *j, const char *path) {
    json_t *root = texts_load(&j->x, path, j->diags);
    if (!root) return false;
    const json_t *first = json_array_get(root, 0);
    bool ok = json_is_array(root), flat = ok && json_is_integer(first);
    if (!ok || (!j->decodes && (flat || json_is_array(first)))) {
        diag_emit(j->diags, DIAG_ID_text_file, DIAG_FILE(path),
                  "expected texts, found %s (--decode takes lists of ids)",
                  ok ? "lists of numbers" : "a JSON object");
        ok = false;
    }
    if (ok && j->decodes && flat) ok = decode_list(j, root);
    for (size_t i = 0; ok && !flat && i < json_array_size(root); i++) {
        const json_t *v = json_array_get(root, i);
        const json_t *text = json_is_object(v) ? json_object_get(v, "text") : v;
        const char *p = json_string_value(text);
        if (p && j->decodes)
            ok = decode_line(j, p); // ids a line
        else if (p)
            ok = encode(j, p, json_string_length(text));
        else
            ok = j->decodes ? decode_list(j, v) : usage(j, "--file: an entry is no text");
    }
    json_decref(root);
    return ok;
}

static bool run(job *j) {
    const char *path = args_string(j->given, "file", NULL);
    const char *given = args_count(j->given) > 1 ? args_at(j->given, 1) : NULL;
    if (path && given) return usage(j, "TEXT and --file exclude each other");
    if (path) return file(j, path);
    if (given && strcmp(given, "-") != 0) return one(j, given, strlen(given));
    file_map f;
    if (!file_map_open(&f, "-", j->diags)) return false;
    bool ok = one(j, (const char *)f.data, f.bytes);
    file_map_close(&f);
    return ok;
}

// One text: its object; a file: {"texts": [...]}.
static void print_json(job *j) {
    bool many = args_string(j->given, "file", NULL) || json_array_size(j->out) != 1;
    report_json(many ? json_make("{s:O}", "texts", j->out)
                     : json_incref(json_array_get(j->out, 0)));
}

int command_tokenize(int argc, char **argv) {
    arena *a = arena_new();
    int code;
    args *given = args_parse(a, argc, argv, "tokenize", "TOKENIZER [TEXT]",
                             "Prints the token ids of TEXT (standard input without it, or with -) "
                             "with TOKENIZER: a\ntokenizer.json, BERT's vocab.txt or llama2.c's "
                             "tokenizer.bin.",
                             options, ARRAY_LEN(options), 1, 2, &code);
    if (given) {
        job j = {.given = given, .diags = diag_sink_new()};
        j.decodes = args_flag(given, "decode");
        j.out = args_flag(given, "json") ? json_array() : NULL;
        if (texts_open_as(&j.x, given, args_at(given, 0), j.diags)) {
            texts_by(&j.x, given);
            if (args_flag(given, "no-special")) j.x.around = TOKENIZER_BARE;
            if (run(&j) && j.out) print_json(&j);
        }
        json_decref(j.out);
        texts_close(&j.x);
        code = args_finish(given, j.diags);
    }
    arena_free(a);
    return code;
}
