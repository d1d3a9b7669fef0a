// How well does a model predict text? Perplexity, and masked tokens.
#include "eval/parts.h"
#include "support/file/json.h"
#include "support/num/num.h"
#include "support/progress.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

double eval_nll(const float *logits, int64_t n, int64_t target, bool *top) {
    int64_t best = 0;
    for (int64_t i = 1; i < n; i++)
        if (logits[i] > logits[best]) best = i;
    double sum = 0, m = (double)logits[best];
    for (int64_t i = 0; i < n; i++) sum += num_exp_f64((double)logits[i] - m);
    *top = best == target;
    return num_log_f64(sum) + m - (double)logits[target];
}

static bool bad(const char *path, diag_sink *diags, const char *what) {
    diag_emit(diags, DIAG_ID_json_syntax, DIAG_FILE(path), "%s", what);
    return false;
}

int64_t *eval_ids(const json_t *list, arena *a, size_t *n) {
    if (!json_is_array(list)) return NULL;
    *n = json_array_size(list);
    int64_t *ids = ARENA_ARRAY(a, int64_t, *n + 1);
    for (size_t i = 0; i < *n; i++) {
        const json_t *v = json_array_get(list, i);
        if (!json_is_integer(v)) return NULL;
        ids[i] = json_integer_value(v);
    }
    return ids;
}

// The host knows tensors: it calls every sequence the first of its batch.
bool eval_run_ids(eval_model *m, const int64_t *ids, size_t n, const char *output, eval_place at,
                  arena *a, tensor *rows, diag_sink *diags) {
    diag_sink *own = diag_sink_new();
    tensor_set in;
    bool ok = eval_token_inputs(m, ids, n, a, &in, own) && eval_run(m, &in, output, a, rows, own);
    diag_loc here = DIAG_AT(at.path, arena_printf(a, "%s %zu", at.what, at.index));
    for (size_t i = 0; i < diag_count(own); i++) {
        const diag *d = diag_get(own, i);
        diag_loc loc = d->loc.file || d->loc.where ? d->loc : here;
        if (d->severity == DIAG_NOTE)
            diag_note(diags, loc, "%s", d->message);
        else
            diag_emit(diags, d->id, loc, "%s", d->message);
    }
    diag_sink_free(own);
    return ok;
}

// Logits of every token of the sequence. False: reported.
static bool logits_of(eval_model *m, const int64_t *ids, size_t n, const eval_options *o,
                      eval_place at, arena *a, tensor *rows, diag_sink *diags) {
    if (!eval_run_ids(m, ids, n, o->output, at, a, rows, diags)) return false;
    if (rows->dim[0] == (int64_t)n) return true;
    diag_emit(diags, DIAG_ID_eval_data, DIAG_NOWHERE,
              "the output has %" PRId64 " rows for %zu tokens: scores need the logits of every "
              "token (compile with --logits all)",
              rows->dim[0], n);
    return false;
}

bool eval_check_target(int64_t id, const tensor *rows, eval_place at, diag_sink *diags) {
    if (id >= 0 && id < rows->dim[1]) return true;
    diag_emit(diags, DIAG_ID_eval_data, DIAG_FILE(at.path),
              "token %" PRId64 " of %s %zu is outside the model's %" PRId64 " tokens", id, at.what,
              at.index, rows->dim[1]);
    return false;
}

bool eval_check_any(const eval_score *s, const char *path, const char *wanted, diag_sink *diags) {
    if (s->count) return true;
    diag_emit(diags, DIAG_ID_eval_data, DIAG_FILE(path), "nothing to score: expected %s", wanted);
    return false;
}

size_t eval_limited(size_t n, const eval_options *o) {
    return o->limit > 0 && (size_t)o->limit < n ? (size_t)o->limit : n;
}

// ---- perplexity ------------------------------------------------------------------------------

// Do rows change with a token behind them? Then the model sees what it would predict.
static bool sees_later(eval_model *m, const int64_t *ids, size_t n, const eval_options *o,
                       eval_place at, arena *a, const tensor *rows, diag_sink *diags) {
    if (n < 2) return false;
    int64_t *other = arena_copy(a, ids, n * sizeof *ids), last = ids[n - 1];
    for (size_t i = n - 1; i-- > 0 && other[n - 1] == last;) other[n - 1] = ids[i];
    if (other[n - 1] == last) other[n - 1] = last == 0; // the same token over and over
    tensor changed;
    if (!logits_of(m, other, n, o, at, a, &changed, diags)) return false;
    for (size_t i = 0, seen = (n - 1) * (size_t)rows->dim[1]; i < seen; i++) {
        double x = (double)((const float *)rows->data)[i],
               y = (double)((const float *)changed.data)[i];
        if (fabs(x - y) > 1e-4 * (1 + fabs(y))) return true;
    }
    return false;
}

// What the model would say of the text's file is the sources' fault.
static bool check_source(const eval_model *m, const eval_options *o, size_t index,
                         const int64_t *ids, size_t n, arena *a, diag_sink *diags) {
    const eval_source_limits x = eval_source_takes(m);
    const diag_loc at = DIAG_AT(o->sources->name, arena_printf(a, "source %zu", index));
    for (size_t i = 0; i < n; i++) {
        if (ids[i] >= x.lo && ids[i] < x.hi) continue;
        diag_emit(diags, DIAG_ID_eval_data, at,
                  "token %" PRId64 " at place %zu is outside the encoder's [%" PRId64 ", %" PRId64
                  ")",
                  ids[i], i, x.lo, x.hi);
        return false;
    }
    if ((int64_t)n <= x.most) return true;
    diag_emit(diags, DIAG_ID_eval_data, at,
              "it has %zu tokens, the program's encoder takes %" PRId64 "%s", n, x.most,
              x.fixed ? "" : arena_printf(a, " at most: compile with --max-tokens %zu", n));
    return false;
}

// The encoder's ids of a text, which gets the token in front that its decoder begins with.
static bool take_source(eval_model *m, const eval_options *o, size_t index, int64_t **ids,
                        size_t *n, arena *a, diag_sink *diags) {
    size_t n_source = 0;
    const int64_t *source = eval_ids(json_array_get(o->sources->json, index), a, &n_source);
    if (!source || !n_source)
        return bad(o->sources->name, diags,
                   "expected a list of lists of token ids, one that is not empty for each text");
    if (!check_source(m, o, index, source, n_source, a, diags)) return false;
    eval_set_source(m, source, n_source);
    if (o->start_token < 0) return true;
    int64_t *longer = ARENA_ARRAY(a, int64_t, *n + 2); // and one behind
    longer[0] = o->start_token;
    if (*n) memcpy(longer + 1, *ids, *n * sizeof *longer);
    *ids = longer;
    ++*n;
    return true;
}

static bool check_sources(const eval_model *m, const eval_data *texts, const eval_options *o,
                          diag_sink *diags) {
    if (!o->sources) return true;
    const size_t n = json_array_size(o->sources->json), wanted = json_array_size(texts->json);
    if (eval_has_encoder(m) && n == wanted) return true;
    if (eval_has_encoder(m))
        diag_emit(diags, DIAG_ID_eval_data, DIAG_FILE(o->sources->name),
                  "%zu sources for the %zu texts of %s: expected one for each", n, wanted,
                  texts->name);
    else if (eval_model_onnx(m))
        diag_emit(diags, DIAG_ID_eval_data, DIAG_FILE(o->sources->name),
                  "an ONNX file is not scored behind sources: compile it, and score the program");
    else
        diag_emit(diags, DIAG_ID_eval_data, DIAG_FILE(o->sources->name),
                  "the model has no encoder that would read sources");
    return false;
}

static bool score_text(eval_model *m, const json_t *list, size_t index, const char *path,
                       const eval_options *o, eval_score *s, diag_sink *diags) {
    arena *a = arena_new();
    size_t n = 0;
    int64_t *ids = eval_ids(list, a, &n);
    tensor rows;
    bool ok = ids || bad(path, diags, "expected a list of lists of token ids");
    if (ok && o->sources) ok = take_source(m, o, index, &ids, &n, a, diags);
    if (ok && o->end_token >= 0) ids[n++] = o->end_token;
    if (ok && n > 1) {
        eval_place at = {path, "sequence", index};
        ok = logits_of(m, ids, n - 1, o, at, a, &rows, diags);
        if (ok && index == 0 && sees_later(m, ids, n - 1, o, at, a, &rows, diags))
            ok = bad(path, diags,
                     "rows of the model see later tokens, so it would be given what it predicts: "
                     "score it with --masked");
        for (size_t i = 0; ok && i + 1 < n; i++) {
            bool top;
            ok = eval_check_target(ids[i + 1], &rows, at, diags);
            if (!ok) break;
            double nll = eval_nll((const float *)rows.data + (int64_t)i * rows.dim[1], rows.dim[1],
                                  ids[i + 1], &top);
            s->nll += nll;
            s->right += top;
            s->count++;
            if (o->by_position)
                eval_share_add(eval_table_range(&s->table[0], (int64_t)i + 1), nll, top);
        }
        s->sequences++;
    }
    eval_set_source(m, NULL, 0);
    arena_free(a);
    return ok;
}

bool eval_perplexity(eval_model *m, const eval_data *data, const eval_options *o, eval_score *s,
                     diag_sink *diags) {
    const char *path = data->name;
    const json_t *root = data->json;
    *s = (eval_score){.agree = -1};
    if (o->by_position) s->table[0] = eval_table_ranges(o->arena, "position");
    bool ok = (json_is_array(root) || bad(path, diags, "expected a list of lists of token ids")) &&
              check_sources(m, data, o, diags);
    size_t n = ok ? eval_limited(json_array_size(root), o) : 0;
    progress *bar = progress_new("scoring", n);
    for (size_t i = 0; ok && i < n; i++) {
        ok = score_text(m, json_array_get(root, i), i, path, o, s, diags);
        progress_set(bar, i + 1);
    }
    progress_free(bar);
    return ok && eval_check_any(s, path,
                                "a text with a token behind its first, which is context (with "
                                "--end-token a text of one token will do)",
                                diags);
}

// ---- masked tokens ---------------------------------------------------------------------------

static bool score_masked(eval_model *m, const json_t *root, size_t index, const char *path,
                         const eval_options *o, eval_score *s, diag_sink *diags) {
    arena *a = arena_new();
    size_t n = 0, n_masked = 0;
    int64_t *ids = eval_ids(json_array_get(json_object_get(root, "ids"), index), a, &n);
    int64_t *at = eval_ids(json_array_get(json_object_get(root, "masked"), index), a, &n_masked);
    const json_t *right = json_array_get(json_object_get(root, "right"), index);
    bool ok =
        (ids && at) || bad(path, diags, "'ids' and 'masked' must be lists of lists of numbers");
    int64_t *target = ARENA_ARRAY(a, int64_t, n_masked + 1), hits = 0;
    for (size_t i = 0; ok && i < n_masked; i++) {
        ok = (at[i] >= 0 && at[i] < (int64_t)n) ||
             bad(path, diags, "a masked position lies outside its sequence");
        if (!ok) break;
        target[i] = ids[at[i]];
        ids[at[i]] = json_integer_value(json_object_get(root, "mask_id"));
    }
    tensor rows;
    eval_place here = {path, "sequence", index};
    ok = ok && (!n_masked || logits_of(m, ids, n, o, here, a, &rows, diags));
    for (size_t i = 0; ok && i < n_masked; i++) {
        bool top;
        ok = eval_check_target(target[i], &rows, here, diags);
        if (!ok) break;
        s->nll +=
            eval_nll((const float *)rows.data + at[i] * rows.dim[1], rows.dim[1], target[i], &top);
        hits += top;
    }
    if (ok) {
        s->right += (uint64_t)hits;
        s->count += n_masked;
        s->sequences++;
        if (json_is_integer(right)) {
            s->agree = max_i64(0, s->agree) + (json_integer_value(right) == hits);
            s->agree_of++;
        }
    }
    arena_free(a);
    return ok;
}

bool eval_masked(eval_model *m, const eval_data *data, const eval_options *o, eval_score *s,
                 diag_sink *diags) {
    const char *path = data->name;
    const json_t *root = data->json;
    *s = (eval_score){.agree = -1};
    const json_t *ids = json_object_get(root, "ids"), *masked = json_object_get(root, "masked");
    bool ok = (json_is_array(ids) && json_is_array(masked) &&
               json_array_size(ids) == json_array_size(masked) &&
               json_is_integer(json_object_get(root, "mask_id"))) ||
              bad(path, diags, "expected an object with 'ids', 'masked' and 'mask_id'");
    size_t n = ok ? eval_limited(json_array_size(ids), o) : 0;
    progress *bar = progress_new("scoring", n);
    for (size_t i = 0; ok && i < n; i++) {
        ok = score_masked(m, root, i, path, o, s, diags);
        progress_set(bar, i + 1);
    }
    progress_free(bar);
    return ok && eval_check_any(s, path, "a sequence with a masked position", diags);
}
