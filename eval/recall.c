// Does a model remember? Probes end in front of a word that the text has fixed `distance` tokens
// before; see eval.h.
#include "eval/parts.h"
#include "support/file/json.h"
#include "support/progress.h"
#include <inttypes.h>

typedef struct {
    const char *kind; // the JSON's
    int64_t distance, answer;
    int64_t *prompt; // in the arena
    size_t n;
} probe;

// False: reported.
static bool read_probe(const json_t *j, size_t index, const char *path, arena *a, probe *p,
                       diag_sink *diags) {
    const json_t *kind = json_object_get(j, "kind"), *distance = json_object_get(j, "distance"),
                 *answer = json_object_get(j, "answer");
    const char *wrong = NULL;
    *p = (probe){json_string_value(kind), json_integer_value(distance), json_integer_value(answer),
                 NULL, 0};
    p->prompt = eval_ids(json_object_get(j, "prompt"), a, &p->n);
    if (!json_is_object(j))
        wrong = "expected an object with 'kind', 'distance', 'answer' and 'prompt'";
    else if (!p->kind)
        wrong = "expected a text for 'kind'";
    else if (!json_is_integer(distance) || p->distance < 1)
        wrong = "expected a whole number of at least 1 for 'distance' (tokens back to the fact)";
    else if (!json_is_integer(answer))
        wrong = "expected a token id for 'answer'";
    else if (!p->prompt || !p->n)
        wrong = "expected a list of token ids for 'prompt', and at least one";
    else if (p->distance > (int64_t)p->n)
        wrong = "'distance' reaches to before the begin of 'prompt'";
    if (wrong) diag_emit(diags, DIAG_ID_eval_data, DIAG_FILE(path), "probe %zu: %s", index, wrong);
    return !wrong;
}

static bool score_probe(eval_model *m, const json_t *j, size_t index, const char *path,
                        const eval_options *o, eval_score *s, diag_sink *diags) {
    arena *a = arena_new();
    probe p;
    eval_place at = {path, "probe", index};
    tensor rows;
    bool top, ok = read_probe(j, index, path, a, &p, diags) &&
                   eval_run_ids(m, p.prompt, p.n, o->output, at, a, &rows, diags) &&
                   eval_check_target(p.answer, &rows, at, diags);
    if (ok) { // only the last row counts: a program of --logits last has no other
        const float *last = (const float *)rows.data + (rows.dim[0] - 1) * rows.dim[1];
        double nll = eval_nll(last, rows.dim[1], p.answer, &top);
        s->nll += nll;
        s->right += top;
        s->count++;
        s->sequences++;
        eval_share_add(eval_table_range(&s->table[0], p.distance), nll, top);
        eval_share_add(eval_table_label(&s->table[1], o->arena, p.kind), nll, top);
    }
    arena_free(a);
    return ok;
}

bool eval_recall(eval_model *m, const eval_data *data, const eval_options *o, eval_score *s,
                 diag_sink *diags) {
    const char *path = data->name;
    const json_t *root = data->json;
    *s = (eval_score){.agree = -1,
                      .table = {eval_table_ranges(o->arena, "distance"), {.by = "kind"}}};
    bool ok = json_is_array(root);
    if (!ok)
        diag_emit(diags, DIAG_ID_eval_data, DIAG_FILE(path),
                  "expected a list of probes {kind, distance, answer, prompt}");
    size_t n = ok ? eval_limited(json_array_size(root), o) : 0;
    progress *bar = progress_new("asking", n);
    for (size_t i = 0; ok && i < n; i++) {
        ok = score_probe(m, json_array_get(root, i), i, path, o, s, diags);
        progress_set(bar, i + 1);
    }
    progress_free(bar);
    return ok && eval_check_any(s, path, "a probe", diags);
}
