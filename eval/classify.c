// How many things does a model put into the right class? Images with labels, and token sequences
// that carry theirs.
#include "eval/parts.h"
#include "support/file/file.h"
#include "support/file/json.h"
#include "support/file/kind.h"
#include "support/progress.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static bool bad(const char *path, diag_sink *diags, const char *what) {
    diag_emit(diags, DIAG_ID_eval_data, DIAG_FILE(path), "%s", what);
    return false;
}

// Numbers with commas between them; false: something else, or too many.
static bool numbers(const char *text, double *out, size_t max, size_t *n) {
    *n = 0;
    for (const char *at = text; *at;) {
        char *end;
        double v = strtod(at, &end);
        if (end == at || *n == max || (*end && *end != ',')) return false;
        out[(*n)++] = v;
        at = *end ? end + 1 : end;
    }
    return *n > 0;
}

static bool score_row(const tensor *rows, int64_t label, const char *path, eval_score *s,
                      int64_t *guess, diag_sink *diags) {
    if (rows->dim[0] != 1)
        return bad(path, diags, "the output gives one row for each token, not one for the whole");
    if (label < 0 || label >= rows->dim[1]) {
        diag_emit(diags, DIAG_ID_eval_data, DIAG_FILE(path),
                  "label %" PRId64 " is outside the model's %" PRId64 " classes", label,
                  rows->dim[1]);
        return false;
    }
    bool top;
    const float *x = rows->data;
    s->nll += eval_nll(x, rows->dim[1], label, &top);
    s->right += top;
    s->count++;
    s->sequences++;
    *guess = 0;
    for (int64_t i = 1; i < rows->dim[1]; i++)
        if (x[i] > x[*guess]) *guess = i;
    return true;
}

// ---- images ----------------------------------------------------------------------------------

typedef struct {
    tensor all; // [items, ...], f32
    double mean[64], std[64];
    size_t n_mean, n_std;
} images;

static bool read_raw(const char *path, const eval_options *o, arena *a, tensor *t,
                     diag_sink *diags) {
    double dim[TENSOR_MAX_RANK];
    size_t n, item = 1;
    if (!o->shape || !numbers(o->shape, dim, TENSOR_MAX_RANK - 1, &n))
        return bad(path, diags, "raw data need --shape, e.g. --shape 3,32,32");
    t->type = ELEM_f32;
    t->rank = (int)n + 1;
    for (size_t i = 0; i < n; i++) {
        if (!(dim[i] >= 1 && dim[i] <= 1e6)) return bad(path, diags, "--shape wants sizes");
        t->dim[i + 1] = (int64_t)dim[i];
        item *= (size_t)dim[i];
    }
    file_map f;
    if (!file_map_open(&f, path, diags)) return false;
    bool ok = f.bytes % (4 * item) == 0 && f.bytes > 0;
    t->dim[0] = (int64_t)(f.bytes / (4 * item));
    if (ok)
        t->data = arena_copy(a, f.data, f.bytes);
    else
        diag_emit(diags, DIAG_ID_eval_data, DIAG_FILE(path),
                  "%zu bytes are no whole number of items of %zu float32", f.bytes, item);
    file_map_close(&f);
    return ok;
}

static bool read_images(const char *path, const eval_options *o, arena *a, images *im,
                        diag_sink *diags) {
    *im = (images){0};
    if (file_kind_at(path) == FILE_KIND_npy) {
        tensor t;
        if (!npy_read(a, path, &t, diags)) return false;
        if (t.rank < 2) return bad(path, diags, "expected items along the first axis");
        im->all = tensor_cast(a, &t, ELEM_f32);
    } else if (!read_raw(path, o, a, &im->all, diags)) {
        return false;
    }
    size_t channels = (size_t)im->all.dim[1];
    if (o->mean && (!numbers(o->mean, im->mean, 64, &im->n_mean) || im->n_mean != channels))
        return bad(path, diags, "--mean wants one number for each channel, with commas between");
    if (o->std && (!numbers(o->std, im->std, 64, &im->n_std) || im->n_std != channels))
        return bad(path, diags, "--std wants one number for each channel, with commas between");
    return true;
}

// Item i, normalised by channel.
static tensor item_of(const images *im, size_t i, arena *a) {
    tensor t = {.type = ELEM_f32, .rank = im->all.rank - 1};
    memcpy(t.dim, im->all.dim + 1, sizeof t.dim[0] * (size_t)t.rank);
    size_t n = tensor_count(&t), plane = n / (size_t)t.dim[0];
    t.data = arena_copy(a, (const float *)im->all.data + i * n, n * sizeof(float));
    float *x = t.data;
    for (size_t k = 0; k < n; k++) {
        if (im->n_mean) x[k] = (float)((double)x[k] - im->mean[k / plane]);
        if (im->n_std) x[k] = (float)((double)x[k] / im->std[k / plane]);
    }
    return t;
}

static bool classify_images(eval_model *m, const char *path, const json_t *labels,
                            const eval_options *o, eval_score *s, diag_sink *diags) {
    arena *a = arena_new();
    images im;
    bool ok = read_images(path, o, a, &im, diags);
    if (ok && (size_t)im.all.dim[0] != json_array_size(labels)) {
        diag_emit(diags, DIAG_ID_eval_data, DIAG_FILE(path), "%" PRId64 " items, but %zu labels",
                  im.all.dim[0], json_array_size(labels));
        ok = false;
    }
    size_t n = ok ? eval_limited(json_array_size(labels), o) : 0;
    progress *bar = progress_new("scoring", n);
    for (size_t i = 0; ok && i < n; i++) {
        arena *own = arena_new();
        tensor item = item_of(&im, i, own), rows;
        tensor_set in;
        int64_t guess;
        ok =
            eval_data_inputs(m, &item, own, &in, diags) &&
            eval_run(m, &in, o->output, own, &rows, diags) &&
            score_row(&rows, json_integer_value(json_array_get(labels, i)), path, s, &guess, diags);
        arena_free(own);
        progress_set(bar, i + 1);
    }
    progress_free(bar);
    arena_free(a);
    return ok;
}

// ---- token sequences -------------------------------------------------------------------------

// {"ids": [...], "label": 1, "logits": [...] (optional, the reference's)}
static bool classify_example(eval_model *m, const json_t *x, size_t index, const char *path,
                             const eval_options *o, eval_score *s, diag_sink *diags) {
    const json_t *list = json_object_get(x, "ids"), *label = json_object_get(x, "label");
    const json_t *logits = json_object_get(x, "logits");
    size_t n = json_array_size(list);
    if (!n || !json_is_integer(label))
        return bad(path, diags, "an example needs 'ids' and 'label'");
    arena *a = arena_new();
    int64_t *ids = ARENA_ARRAY(a, int64_t, n), guess;
    for (size_t i = 0; i < n; i++) ids[i] = json_integer_value(json_array_get(list, i));
    tensor rows;
    bool ok =
        eval_run_ids(m, ids, n, o->output, (eval_place){path, "example", index}, a, &rows, diags) &&
        score_row(&rows, json_integer_value(label), path, s, &guess, diags);
    if (ok && json_is_array(logits)) {
        size_t best = 0;
        for (size_t i = 1; i < json_array_size(logits); i++)
            if (json_number_value(json_array_get(logits, i)) >
                json_number_value(json_array_get(logits, best)))
                best = i;
        s->agree = max_i64(0, s->agree) + ((int64_t)best == guess);
        s->agree_of++;
    }
    arena_free(a);
    return ok;
}

static bool classify_examples(eval_model *m, const char *path, const eval_options *o, eval_score *s,
                              diag_sink *diags) {
    json_t *root = json_file_read(path, diags);
    if (!root) return false;
    const json_t *list = json_is_array(root) ? root : json_object_get(root, "examples");
    bool ok = json_is_array(list) ||
              bad(path, diags, "expected examples: [{\"ids\": [...], \"label\": 0}, ...]");
    size_t n = ok ? eval_limited(json_array_size(list), o) : 0;
    progress *bar = progress_new("scoring", n);
    for (size_t i = 0; ok && i < n; i++) {
        ok = classify_example(m, json_array_get(list, i), i, path, o, s, diags);
        progress_set(bar, i + 1);
    }
    progress_free(bar);
    json_decref(root);
    return ok;
}

bool eval_classify(eval_model *m, const char *path, const eval_options *o, eval_score *s,
                   diag_sink *diags) {
    *s = (eval_score){.agree = -1};
    if (file_kind_at(path) == FILE_KIND_json)
        return classify_examples(m, path, o, s, diags) &&
               eval_check_any(s, path, "an example", diags);
    if (!o->labels) return bad(path, diags, "images need --labels FILE, a JSON list of numbers");
    json_t *labels = json_file_read(o->labels, diags);
    bool ok = labels &&
              (json_is_array(labels) || bad(o->labels, diags, "expected a JSON list of numbers"));
    ok = ok && classify_images(m, path, labels, o, s, diags);
    json_decref(labels);
    return ok && eval_check_any(s, path, "an image", diags);
}
