// What an encoder reads, before its decoder writes: a text, ids, or values from a file.
#include "cli/generate/generate.h"
#include "host/tensors.h"
#include "support/file/file.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *const options[] = {"source", "source-ids", "source-features"};

static bool usage(generation *g, const char *what) {
    diag_emit(g->diags, DIAG_ID_usage, DIAG_NOWHERE, "%s", what);
    return false;
}

static const char *given_option(const generation *g) {
    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        if (args_given(g->given, options[i])) return options[i];
    return NULL;
}

static bool read_text(generation *g, const char *text, tokenizer_ids *out) {
    const char *own = args_string(g->given, "source-tokenizer", NULL);
    texts *t = &g->texts, other;
    if (own) {
        if (!texts_open_as(&other, g->given, own, g->diags)) return false;
        t = &other;
    }
    bool ok = t->t || usage(g, "--source is text, and no tokenizer lies beside the program: say "
                               "--tokenizer FILE (or give --source-ids)");
    file_map f = {0};
    const bool stream = strcmp(text, "-") == 0;
    if (ok && stream) ok = file_map_open(&f, "-", g->diags);
    if (ok)
        ok = texts_encode(t, stream ? (const char *)f.data : text, stream ? f.bytes : strlen(text),
                          out, NULL, g->diags);
    file_map_close(&f);
    if (own) texts_close(&other);
    return ok;
}

static bool read_features(generation *g, const char *path) {
    tensor_list list = {0};
    bool ok = tensors_read(g->a, arena_printf(g->a, "source=%s", path), &list, g->diags);
    if (ok && list.count != 1) {
        diag_emit(g->diags, DIAG_ID_usage, DIAG_FILE(path),
                  "--source-features wants a file of one tensor, found %zu", list.count);
        ok = false;
    }
    ok = ok && host_text_features(&g->model, &list.items[0].value, g->diags);
    vec_free(&list);
    return ok;
}

// What a program asks of the options when it has an encoder.
static bool check_given(generation *g, const char *given) {
    const bool ids = host_text_reads_ids(&g->model);
    if (!given && g->interactive)
        return usage(g, "--interactive goes on with one text: a program with an encoder reads a "
                        "source for each (--source TEXT)");
    if (!given)
        return usage(g, arena_printf(g->a, "the program has an encoder: say what it reads (%s)",
                                     ids ? "--source TEXT or --source-ids IDS"
                                         : "--source-features FILE.npy"));
    if (!ids && strcmp(given, "source-features") != 0)
        return usage(g,
                     arena_printf(g->a,
                                  "--%s: the encoder reads values, input '%s', no text: say "
                                  "--source-features FILE.npy",
                                  given, engine_describe(g->engine)->ports[g->model.source].name));
    return true;
}

bool generate_check_source(generation *g) {
    const char *given = given_option(g);
    const bool loads = args_given(g->given, "load-state"), has = host_text_has_source(&g->model),
               begins = args_given(g->given, "start-id");
    if (!has && given)
        return usage(g, arena_printf(g->a,
                                     "--%s: the program has no encoder that would read it, only a "
                                     "decoder (--prompt)",
                                     given));
    if (!has && begins)
        return usage(g, "--start-id has no effect here: the program has no encoder, its text "
                        "begins with the prompt (--prompt-ids)");
    if (!has) return true;
    if (loads && given)
        return usage(g, arena_printf(g->a,
                                     "--%s: the state holds what the encoder read; begin anew "
                                     "without --load-state",
                                     given));
    if (loads && begins)
        return usage(g, "--start-id has no effect with --load-state: the text of the state has "
                        "begun");
    return loads || check_given(g, given);
}

bool generate_read_source(generation *g) {
    const char *given = given_option(g);
    if (!given) return true; // no encoder, or the state holds what it read
    if (strcmp(given, "source-features") == 0)
        return read_features(g, args_string(g->given, given, NULL));
    tokenizer_ids ids = {0};
    const char *value = args_string(g->given, given, "");
    bool ok = strcmp(given, "source") == 0 ? read_text(g, value, &ids)
                                           : generate_parse_ids(g, given, value, &ids);
    ok = ok && host_text_source(&g->model, ids.items, (int64_t)ids.count, g->diags);
    vec_free(&ids);
    return ok;
}

bool generate_begin_written(generation *g, tokenizer_ids *out) {
    const int64_t start = args_int(g->given, "start-id", g->config.start);
    const engine_port *p = &engine_describe(g->engine)->ports[g->model.ids];
    if (start < 0)
        return usage(g, "no file says which token the decoder begins with "
                        "('decoder_start_token_id' of generation_config.json): say --start-id ID");
    const int64_t hi = p->lo == p->hi ? INT32_MAX : p->hi;
    if (args_given(g->given, "start-id") && (start < p->lo || start >= hi))
        return usage(g, arena_printf(g->a,
                                     "--start-id: token id %" PRId64 " is outside the decoder's "
                                     "[%" PRId64 ", %" PRId64 ")",
                                     start, p->lo, hi));
    vec_push(out, (int32_t)start);
    return true;
}
