// Texts and files of them; see texts.h.
#include "cli/texts.h"
#include "support/file/file.h"
#include "support/file/json.h"
#include <string.h>

// ---- options ---------------------------------------------------------------------------------

static bool usage(diag_sink *diags, const char *fmt, const char *what) {
    char message[300];
    snprintf(message, sizeof message, fmt, what);
    diag_emit(diags, DIAG_ID_usage, DIAG_NOWHERE, "%s", message);
    return false;
}

// *path: the tokenizer in the folder of `of`; NULL stays: there is none. False: reported.
static bool look_beside(arena *a, const char *of, const char **path, diag_sink *diags) {
    static const char *const usual[] = {"tokenizer.json", "tokenizer.bin"};
    for (size_t i = 0; of && !*path && i < ARRAY_LEN(usual); i++) {
        file_map f;
        bool absent;
        if (!file_map_beside(&f, a, of, usual[i], &absent, diags)) return false;
        if (!absent) *path = f.name;
        file_map_close(&f);
    }
    return true;
}

bool texts_open_as(texts *x, const args *given, const char *path, diag_sink *diags) {
    *x = (texts){.by = "line", .a = args_arena(given)};
    bool bos = args_flag(given, "bos"), no_bos = args_flag(given, "no-bos");
    x->around = bos ? TOKENIZER_BOS : no_bos ? TOKENIZER_NO_BOS : TOKENIZER_AS_SET;
    if (!path) return true;
    x->t = tokenizer_open(path, diags);
    if (x->t && bos && tokenizer_bos(x->t) < 0 && tokenizer_likely_bos(x->t) < 0) {
        return usage(diags,
                     "--bos: no file says which token begins a text of %s ('bos_token' of "
                     "tokenizer_config.json)",
                     path);
    }
    return x->t != NULL;
}

bool texts_open(texts *x, const args *given, const char *beside, diag_sink *diags) {
    const char *path = args_string(given, "tokenizer", NULL);
    if (!path && !look_beside(args_arena(given), beside, &path, diags)) return false;
    return texts_open_as(x, given, path, diags);
}

void texts_by(texts *x, const args *given) { x->by = args_string(given, "text-by", x->by); }

void texts_unused(const texts *x, const args *given, diag_sink *diags) {
    static const struct {
        const char *option, *why;
        bool cuts;
    } rows[] = {{"tokenizer", "the file holds ids", false},
                {"bos", "the file holds ids", false},
                {"no-bos", "the file holds ids", false},
                {"text-by", "the file is no text that is cut", true}};
    for (size_t i = 0; i < ARRAY_LEN(rows) && diag_errors(diags) == 0; i++)
        if (args_given(given, rows[i].option) && !(rows[i].cuts ? x->split : x->encoded))
            diag_emit(diags, DIAG_ID_option_unused, DIAG_NOWHERE, "--%s has no effect here: %s",
                      rows[i].option, rows[i].why);
}

void texts_close(texts *x) { tokenizer_free(x->t); }

// ---- one text --------------------------------------------------------------------------------

// A text that begins with the token that is put in front of it, and a file that leaves open whether
// one is.
static void look_at_ends(texts *x, const tokenizer_ids *ids, size_t from, diag_sink *diags) {
    int32_t likely = tokenizer_likely_bos(x->t), first = ids->items[from];
    bool doubled = ids->count > from + 1 && first == ids->items[from + 1] &&
                   tokenizer_is_special(x->t, first) && x->around != TOKENIZER_NO_BOS;
    if (doubled)
        diag_emit(diags, DIAG_ID_text_ends, DIAG_NOWHERE,
                  "the text begins with '%s', and the tokenizer puts another in front of it "
                  "(--no-bos: none)",
                  tokenizer_token(x->t, first));
    else if (x->around == TOKENIZER_AS_SET && likely >= 0 && first != likely)
        diag_note(diags, DIAG_NOWHERE,
                  "no file says whether '%s' begins a text: none is put in front (--bos puts it, "
                  "'add_bos_token' of tokenizer_config.json says so for good)",
                  tokenizer_token(x->t, likely));
    x->told |= doubled || likely >= 0;
}

bool texts_encode(texts *x, const char *p, size_t n, tokenizer_ids *ids, tokenizer_spans *spans,
                  diag_sink *diags) {
    size_t from = ids->count;
    if (!tokenizer_encode(x->t, p, n, x->around, ids, spans, diags)) return false;
    x->encoded = true;
    if (!x->told && ids->count > from) look_at_ends(x, ids, from, diags);
    return true;
}

// ---- files -----------------------------------------------------------------------------------

static bool is_blank(const char *p, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!strchr(" \t\r\v\f", p[i]) || !p[i]) return false;
    return true;
}

static void append(json_t *list, const char *p, size_t n) {
    if (n && p[n - 1] == '\r') n--;
    // Bytes that are no UTF-8 stay: the tokenizer says where they are.
    if (n) json_add(list, json_stringn_nocheck(p, n));
}

static json_t *split(texts *x, const char *p, size_t n) {
    const char *by = x->by;
    x->split = true;
    json_t *list = json_array();
    if (n >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0) { // a byte order mark is no text
        p += 3;
        n -= 3;
    }
    if (strcmp(by, "file") == 0) {
        append(list, p, n);
        return list;
    }
    bool paragraphs = strcmp(by, "paragraph") == 0;
    size_t begin = 0, end = 0; // of the paragraph so far
    for (size_t at = 0; at < n;) {
        const char *stop = memchr(p + at, '\n', n - at);
        size_t line = stop ? (size_t)(stop - p) - at : n - at;
        if (!is_blank(p + at, line)) {
            if (!paragraphs) append(list, p + at, line);
            if (paragraphs && end == begin) begin = at;
            end = at + line;
        } else {
            if (paragraphs) append(list, p + begin, end - begin);
            begin = end = at + line;
        }
        at += line + 1;
    }
    if (paragraphs) append(list, p + begin, end - begin);
    return list;
}

// A JSON value a line; {"text": "..."} is its text. NULL: some line is none.
static json_t *read_lines(const char *p, size_t n) {
    json_t *list = json_array();
    for (size_t at = 0; at < n;) {
        const char *stop = memchr(p + at, '\n', n - at);
        size_t line = stop ? (size_t)(stop - p) - at : n - at;
        if (!is_blank(p + at, line)) {
            json_t *v = json_loadb(p + at, line, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
            json_t *text = json_object_get(v, "text");
            if (!v) {
                json_decref(list);
                return NULL;
            }
            json_array_append(list, json_is_string(text) ? text : v);
            json_decref(v);
        }
        at += line + 1;
    }
    return list;
}

// Findings of `own` with the place, where they name none.
static void pass_on(diag_sink *own, diag_loc here, diag_sink *diags) {
    for (size_t i = 0; i < diag_count(own); i++) {
        const diag *d = diag_get(own, i);
        diag_loc loc = d->severity >= DIAG_ERROR && !d->loc.file && !d->loc.where ? here : d->loc;
        if (d->severity == DIAG_NOTE)
            diag_note(diags, loc, "%s", d->message);
        else
            diag_emit(diags, d->id, loc, "%s", d->message);
    }
    diag_sink_free(own);
}

// What begins as JSON and is none is an error, unless it begins with a quotation mark, as texts do.
static json_t *parse(texts *x, const file_map *f, const char *path, diag_sink *diags) {
    const char *p = (const char *)f->data;
    size_t at = 0;
    while (at < f->bytes && strchr(" \t\r\n", p[at]) && p[at]) at++;
    char first = at < f->bytes ? p[at] : 0;
    if (file_ends_in(path, ".txt") || !first || !strchr("[{\"", first))
        return split(x, p, f->bytes);
    diag_sink *own = diag_sink_new();
    bool by_lines = file_ends_in(path, ".jsonl"); // a single line is JSON as a whole too
    json_t *root = by_lines ? read_lines(p, f->bytes) : NULL;
    if (!root) root = json_file_parse(p, f->bytes, f->name, own);
    if (json_object_get(root, "text") || json_object_get(root, "prompt")) { // one text, a line
        json_t *line = root;
        root = json_make("[o]", json_is_string(json_object_get(line, "text"))
                                    ? json_incref(json_object_get(line, "text"))
                                    : json_incref(line));
        json_decref(line);
    }
    if (!root && !by_lines) root = read_lines(p, f->bytes);
    if (!root && first == '"') root = split(x, p, f->bytes);
    if (root) {
        diag_sink_free(own);
        return root;
    }
    pass_on(own, DIAG_FILE(f->name), diags);
    diag_note(diags, DIAG_FILE(f->name),
              "a file that begins with '%c' is read as JSON, or JSON a line; a text file that does "
              "wants a name that ends in .txt",
              first);
    return NULL;
}

json_t *texts_load(texts *x, const char *path, diag_sink *diags) {
    file_map f;
    if (!file_map_open(&f, path, diags)) return NULL;
    json_t *root = parse(x, &f, path, diags);
    file_map_close(&f);
    return root;
}

// ---- shapes ----------------------------------------------------------------------------------

typedef struct {
    texts *x;
    const char *path;
    size_t index; // of the text in its file
    diag_sink *diags;
} place;

static bool bad(const place *at, const char *what) {
    diag_emit(at->diags, DIAG_ID_text_file,
              DIAG_AT(at->path, arena_printf(at->x->a, "text %zu", at->index)), "%s", what);
    return false;
}

static bool encode(const place *at, const json_t *text, tokenizer_ids *ids,
                   tokenizer_spans *spans) {
    texts *x = at->x;
    if (!x->t) {
        diag_emit(at->diags, DIAG_ID_usage, DIAG_FILE(at->path),
                  "the file holds text: say --tokenizer FILE");
        return false;
    }
    diag_sink *own = diag_sink_new();
    bool ok = texts_encode(x, json_string_value(text), json_string_length(text), ids, spans, own);
    pass_on(own, DIAG_AT(at->path, arena_printf(x->a, "text %zu", at->index)), at->diags);
    return ok;
}

static json_t *ids_json(const tokenizer_ids *ids, size_t n) {
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) json_add(list, json_integer(ids->items[i]));
    return list;
}

// A text, or {"text": "..."}, as ids; anything else as it is. NULL: reported.
static json_t *to_list(const place *at, json_t *item) {
    json_t *inner = json_object_get(item, "text"), *text = json_is_string(inner) ? inner : item;
    if (!json_is_string(text)) return json_incref(item);
    tokenizer_ids ids = {0};
    json_t *list = encode(at, text, &ids, NULL) ? ids_json(&ids, ids.count) : NULL;
    vec_free(&ids);
    return list;
}

// The probe that asks for the token at byte `begin` of a text: its distance is to where the token
// stood last before. *none: it did not stand before. NULL with neither: reported.
static json_t *ask(const place *at, const json_t *text, size_t begin, const char *kind,
                   json_int_t distance, bool *none) {
    tokenizer_ids ids = {0};
    tokenizer_spans spans = {0};
    json_t *probe = NULL;
    if (encode(at, text, &ids, &spans)) {
        size_t i = 0, k;
        while (i < ids.count && (spans.items[i].end <= begin)) i++;
        for (k = i; k > 0 && (i == ids.count || ids.items[k - 1] != ids.items[i]); k--) {
        }
        if (distance < 1 && k > 0) distance = (json_int_t)(i - (k - 1));
        *none = i == ids.count || i == 0 || distance < 1;
        if (!*none)
            probe = json_make("{s:s, s:I, s:i, s:o}", "kind", kind, "distance", distance, "answer",
                              ids.items[i], "prompt", ids_json(&ids, i));
    }
    vec_free(&ids);
    vec_free(&spans);
    return probe;
}

static json_t *text_of(const char *p, size_t n) { return json_stringn_nocheck(p, n); }

// A text whose last word is the answer; {"prompt": text, "answer": text}; or ids, as they are.
static json_t *to_probe(const place *at, json_t *item, bool *none) {
    json_t *inner = json_object_get(item, "text"), *text = json_is_string(inner) ? inner : item;
    if (json_is_string(text)) {
        const char *p = json_string_value(text);
        size_t n = json_string_length(text), begin;
        while (n && strchr(" \t\r\n", p[n - 1]) && p[n - 1]) n--;
        for (begin = n; begin && (!strchr(" \t\r\n", p[begin - 1]) || !p[begin - 1]);) begin--;
        json_t *whole = text_of(p, n), *probe = ask(at, whole, begin, "last word", 0, none);
        json_decref(whole);
        return probe;
    }
    json_t *prompt = json_object_get(item, "prompt"), *answer = json_object_get(item, "answer");
    if (!json_is_string(prompt)) return json_incref(item);
    if (!json_is_string(answer)) {
        bad(at, "'prompt' is a text: expected a text for 'answer' too");
        return NULL;
    }
    size_t n = json_string_length(prompt);
    const char *kind = json_string_value(json_object_get(item, "kind"));
    char *both =
        arena_printf(at->x->a, "%s%s", json_string_value(prompt), json_string_value(answer));
    json_t *whole = text_of(both, strlen(both));
    json_t *probe = ask(at, whole, n, kind ? kind : "answer",
                        json_integer_value(json_object_get(item, "distance")), none);
    json_decref(whole);
    if (!probe && *none)
        bad(at, "the answer does not stand in the prompt: expected 'distance' (tokens back to the "
                "fact)");
    *none = false;
    return probe;
}

static json_t *each(place *at, json_t *list, texts_shape shape) {
    json_t *out = json_array();
    size_t left_out = 0;
    for (size_t i = 0; out && i < json_array_size(list); i++) {
        bool none = false;
        at->index = i;
        json_t *item = json_array_get(list, i);
        json_t *made = shape == TEXTS_PROBES ? to_probe(at, item, &none) : to_list(at, item);
        left_out += none;
        if (made) {
            json_add(out, made);
        } else if (!none) {
            json_decref(out);
            out = NULL;
        }
    }
    if (out && left_out)
        diag_note(at->diags, DIAG_FILE(at->path),
                  "%zu text%s whose last word does not stand before %s left out", left_out,
                  left_out == 1 ? "" : "s", left_out == 1 ? "is" : "are");
    return out;
}

// ---- masked texts ----------------------------------------------------------------------------

// Every seventh token that is not special, from the fourth on: about the 15 % that such models are
// trained with.
static json_t *hidden_of(const texts *x, const json_t *ids) {
    enum { FIRST = 3, EVERY = 7 };
    json_t *out = json_array();
    size_t seen = 0;
    for (size_t i = 0; i < json_array_size(ids); i++) {
        int32_t id = (int32_t)json_integer_value(json_array_get(ids, i));
        if (tokenizer_is_special(x->t, id)) continue;
        if (seen++ % EVERY == FIRST) json_add(out, json_integer((json_int_t)i));
    }
    return out;
}

// Texts, or {"texts": ..., "masked": positions, "mask_id": id}; the last two may be missing.
static json_t *to_masked(place *at, json_t *root, json_t *list) {
    static const char *const names[] = {"[MASK]", "<mask>"};
    json_t *ids = each(at, list, TEXTS_LISTS);
    if (!ids) return NULL;
    json_t *out = json_is_object(root) ? json_deep_copy(root) : json_object();
    if (!json_object_get(out, "masked")) {
        json_t *masked = json_array();
        for (size_t i = 0; at->x->t && i < json_array_size(ids); i++)
            json_add(masked, hidden_of(at->x, json_array_get(ids, i)));
        json_put(out, "masked", masked);
    }
    json_put(out, "ids", ids);
    for (size_t i = 0; at->x->t && !json_object_get(out, "mask_id") && i < ARRAY_LEN(names); i++) {
        int32_t id = tokenizer_token_id(at->x->t, names[i]);
        if (id >= 0) json_put(out, "mask_id", json_integer(id));
    }
    if (json_object_get(out, "mask_id")) return out;
    json_decref(out);
    if (!at->x->t) return json_incref(root); // ids and no more: the reader says what it expected
    diag_emit(at->diags, DIAG_ID_text_file, DIAG_FILE(at->path),
              "the tokenizer has no token [MASK] or <mask>: say 'mask_id' in the file");
    return NULL;
}

json_t *texts_read(texts *x, const char *path, texts_shape shape, diag_sink *diags) {
    json_t *root = texts_load(x, path, diags), *out = NULL;
    if (!root) return NULL;
    place at = {x, path, 0, diags};
    json_t *inner = json_object_get(root, "texts"), *list = json_is_array(inner) ? inner : root;
    bool flat = json_is_array(list) && json_is_integer(json_array_get(list, 0));
    if (!json_is_array(list))
        out = json_incref(root); // ids, or nothing that is known: the reader says
    else if (shape == TEXTS_MASKED)
        out = to_masked(&at, root, list);
    else if (flat && shape == TEXTS_LISTS)
        out = json_make("[O]", list); // the ids of one text
    else
        out = each(&at, list, shape);
    json_decref(root);
    return out;
}
