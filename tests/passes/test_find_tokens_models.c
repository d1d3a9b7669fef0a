// Real models through bind, the passes up to fuse, and find-tokens: the program on rows gives the
// outputs that onnxruntime gave for the model's own data sets, in one step and (a stream) row by
// row, with a past where a data set has one. Prints a table. The dialects of one model give one
// listing. Skips aloud what is not there.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bind_onnx.h"
#include "ir/eval/interp.h"
#include "ir/text/text.h"
#include "ir/verify/verify.h"
#include "models.h"
#include "tests/shared.h"
#include <math.h>
#include <stdlib.h>

typedef struct {
    const char *model, *data; // below the models folder, or an export's name with data NULL
    const char *class;
    size_t rings;
    double limit;      // error allowed; 0: 1e-4
    const char *binds; // "height=16 width=16"
} row;

#define STORIES(name, limit)                                                                       \
    {                                                                                              \
        "stories260K/stories260k_" name ".onnx", "stories260K/ref/stories260k_" name, "stream", 5, \
            limit, NULL                                                                            \
    }
#define OWN(name, class, rings) \
    { "own/" name ".onnx", "own/ref/" name, class, rings, 0, NULL }
#define EXPORT(name, class, rings) \
    { name, NULL, class, rings, 0, NULL }

static const row rows[] = {
    STORIES("legacy_op17", 0),
    STORIES("external_op17", 0),
    STORIES("with_past_op17", 0),
    STORIES("op23_interleaved", 0),
    STORIES("dynq_int8_op17", 1), // one scale a row instead of one a tensor
    OWN("tales_gpt_op17", "stream", 4),
    OWN("tales_gpt_dynamo_op20", "stream", 4),
    OWN("tales_gpt_past_op18", "stream", 4),
    OWN("tales_gaincell_fn", "stream", 4),
    OWN("tales_gaincell_inlined", "stream", 4),
    OWN("tales_linear_fn", "stream", 4),
    OWN("tales_judge_op17", "whole", 3),
    OWN("tales_judge_dynamo_op20", "whole", 3),
    {"rxnmapper_albert/albert_rxnmapper_op17.onnx", "rxnmapper_albert/ref", "whole", 12, 0, NULL},
    {"vit_cifar10_ibp/model.onnx", "vit_cifar10_ibp", "whole", 3, 0, NULL},
    EXPORT("bert_dyn18_sdpa", "whole", 2),
    EXPORT("bert_dyn20_eager", "whole", 2),
    EXPORT("bert_dyn20_next", "whole", 2),
    EXPORT("bert_dyn_default", "whole", 2),
    EXPORT("bert_dyn_late_default", "whole", 2),
    EXPORT("bert_opt11_old", "whole", 2),
    EXPORT("bert_opt14", "whole", 2),
    EXPORT("bert_optst14_minilm", "whole", 2),
    EXPORT("bert_ts11_eager", "whole", 2),
    EXPORT("bert_ts11_old", "whole", 2),
    EXPORT("bert_ts14_sdpa", "whole", 2),
    EXPORT("bert_ts17_sdpa", "whole", 2),
    EXPORT("bert_ts18_late", "whole", 2),
    EXPORT("bert_cls_dyn20_auto", "whole", 2),
    EXPORT("bert_mlm_opt18", "whole", 2),
    EXPORT("bert_mlm_ts17_eager", "whole", 2),
    EXPORT("bert_qa_ts17_static", "whole", 2),
    EXPORT("gpt2_dyn18_next_past", "stream", 2),
    EXPORT("gpt2_dyn20_sdpa", "stream", 2),
    EXPORT("gpt2_dyn_late_past", "stream", 2),
    EXPORT("gpt2_opt13_old", "stream", 2),
    EXPORT("gpt2_opt14", "stream", 2),
    EXPORT("gpt2_ts13_old_past", "stream", 2),
    EXPORT("gpt2_ts14_eager", "stream", 2),
    EXPORT("llama_dyn18_eager", "stream", 2),
    EXPORT("llama_dyn20_ids", "whole", 2),
    EXPORT("llama_dyn20_next", "stream", 2),
    EXPORT("llama_dyn20_sdpa", "stream", 2),
    EXPORT("llama_dyn21_past", "stream", 2),
    EXPORT("llama_dyn_late_ids", "stream", 2),
    EXPORT("llama_opt14", "stream", 2),
    EXPORT("llama_opt18_past", "stream", 2),
    EXPORT("llama_ts14_eager", "stream", 2),
    EXPORT("llama_ts14_old_past", "stream", 2),
    EXPORT("llama_ts17_past_eager", "stream", 2),
    EXPORT("llama_ts17_sdpa", "stream", 2),
    EXPORT("llama_hd64_dyn18", "stream", 2),
    EXPORT("nanogpt_dyn18_sdpa", "stream", 2),
    EXPORT("nanogpt_dyn20_axes", "stream", 2),
    EXPORT("nanogpt_dyn22", "stream", 2),
    EXPORT("nanogpt_dyn23_late_sdpa", "stream", 2),
    EXPORT("nanogpt_ts11", "stream", 2),
    EXPORT("nanogpt_ts13_initinputs", "stream", 2),
    EXPORT("nanogpt_ts14_sdpa", "stream", 2),
    EXPORT("nanogpt_ts17_static", "whole", 2),
    EXPORT("nanogpt_ts9_old", "whole", 2),
    EXPORT("vit_dyn18", "whole", 2),
    EXPORT("vit_dyn23", "whole", 2),
    EXPORT("vit_dyn_late", "whole", 2),
    {"vit_opt14", NULL, "whole", 2, 0, "num_channels=3 height=16 width=16"},
    EXPORT("vit_ts17", "whole", 2),
    EXPORT("vit_ts9_old", "whole", 2),
    // beyond what is required
    EXPORT("mistral_opt18_past", "stream", 2), // a window of 4
    EXPORT("qwen3_dyn20", "stream", 2),        // a norm a head
    EXPORT("gptj_opt17_past", "stream", 2),
    {"bloom_opt17_past", NULL, "stream", 2, 0, "attention_mask=1"}, // ALiBi
    {"t5_dyn22_encoder", NULL, "whole", 2, 0, NULL},                // relative bias
    EXPORT("deit_dyn20", "whole", 2),
    EXPORT("bert_ts17_sdpa_dynint8", "whole", 2),
    EXPORT("roberta_ts17", "whole", 2), // positions counted over ids
    EXPORT("mpnet_dyn20", "whole", 2),
    EXPORT("llama_genai_next_fp32", "stream", 2), // head width of the caches open
    EXPORT("mistral_genai_next_fp32", "stream", 2),
    EXPORT("smollm_genai_next_int4", "stream", 2),
};

// ---- compiling -------------------------------------------------------------------------------

// The program; *keep: the model, to be closed after it (constants lie in it).
static ir_module *find_tokens(const char *path, const char *binds, pass_options *o,
                              onnx_model **keep, diag_sink *diags) {
    arena *a = arena_new();
    bind_value values[8];
    size_t n = 0;
    for (char *s = binds ? strtok(arena_str(a, binds), " ") : NULL; s; s = strtok(NULL, " ")) {
        char *eq = strchr(s, '=');
        *eq = 0;
        values[n++] = (bind_value){s, eq + 1};
    }
    onnx_model *model = onnx_open(path, diags);
    ir_module *m = NULL;
    if (model) {
        bind_source source = bind_onnx_source(a, model);
        m = bind_module(&source, &(bind_options){o, values, n}, NULL, diags);
    }
    static const pass_id passes[] = {PASS_ID_fold_constants, PASS_ID_canonicalize, PASS_ID_dce,
                                     PASS_ID_fuse, PASS_ID_find_tokens};
    for (size_t i = 0; m && i < ARRAY_LEN(passes); i++) {
        ir_module *next = pass_run(passes[i], m, o, diags);
        ir_module_free(m);
        m = next;
    }
    if (m && !ir_verify(m, path, diags)) {
        ir_module_free(m);
        m = NULL;
    }
    *keep = model;
    arena_free(a);
    return m;
}

// ---- ONNX tensors and rows, by the port's onnx_shape -----------------------------------------

typedef struct {
    int64_t row, column;
} place;

// Row and column of element `at` of an ONNX tensor: words are numbers, "t0", and products of them.
static place place_of(const tensor *t, const char *const *word, size_t at) {
    place p = {0, 0};
    int64_t column_scale = 1, row_scale = 1;
    for (int axis = t->rank; axis-- > 0;) {
        int64_t index = (int64_t)(at % (size_t)t->dim[axis]);
        at /= (size_t)t->dim[axis];
        // Factors of the word, last one fastest.
        const char *end = word[axis] + strlen(word[axis]);
        for (const char *s = end; end > word[axis]; end = s > word[axis] ? s - 1 : s, s = end) {
            while (s > word[axis] && s[-1] != '*') s--;
            int64_t n = strtoll(s, NULL, 10);
            bool rows_word = *s == 't';
            int64_t size = rows_word ? t->dim[axis] : n;
            int64_t k = size > 0 ? index % size : 0;
            if (size > 0) index /= size;
            if (rows_word) {
                p.row += k * row_scale;
                row_scale *= size;
            } else {
                p.column += k * column_scale;
                column_scale *= size;
            }
            if (s == word[axis]) break;
        }
    }
    return p;
}

static const tensor *named(const tensor_named *list, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i].name, name) == 0) return &list[i].value;
    return NULL;
}

// Elements of one sequence of a batch. word: axis 0 "1" of a tensor whose axis 0 is longer is the
// batch.
static tensor sequence_of(arena *a, const tensor *t, int64_t s) {
    tensor one = *t;
    (void)a;
    one.dim[0] = 1;
    one.data = (char *)t->data + (size_t)s * tensor_bytes(&one);
    return one;
}

// ---- running ---------------------------------------------------------------------------------

typedef struct {
    const ir_module *m;
    const ir_func *f;
    tensor_named in[64], out[64];
    size_t n_in, n_out;
    int64_t rows, past, batch;
} data_set;

static void patch_rows(const tensor *image, const char *layout, tensor *rows_out) {
    long long c, h, w, kh, kw, sh, sw;
    assert_int_equal(sscanf(layout, "im2row c=%lld h=%lld w=%lld kh=%lld kw=%lld sh=%lld sw=%lld",
                            &c, &h, &w, &kh, &kw, &sh, &sw),
                     7);
    int64_t across = (w - kw) / sw + 1, width = c * kh * kw;
    for (int64_t r = 0; r < rows_out->dim[0]; r++)
        for (int64_t i = 0; i < width; i++) {
            int64_t y = r / across * sh + i / kw % kh, x = r % across * sw + i % kw;
            ((float *)rows_out->data)[r * width + i] =
                ((const float *)image->data)[(i / (kh * kw) * h + y) * w + x];
        }
}

static int64_t rows_of_port(const data_set *d, const ir_port *p) {
    const char *layout = ir_attr_str(&p->attrs, IR_ATTR_layout, NULL);
    if (layout) return d->m->domain[0].fixed;
    size_t n;
    const char *const *word = ir_attr_strs(&p->attrs, IR_ATTR_onnx_shape, &n);
    const tensor *t = named(d->in, d->n_in, p->name);
    for (int i = 0; t && i < t->rank; i++)
        if (strcmp(word[i], "t0") == 0) return t->dim[i];
    return 0;
}

static tensor row_input(const data_set *d, arena *a, const ir_port *p, int64_t sequence) {
    const ir_type *type = ir_type_of(d->f, p->value);
    const tensor *given = named(d->in, d->n_in, p->name);
    assert_non_null(given);
    tensor t = d->batch > 1 ? sequence_of(a, given, sequence) : *given;
    int64_t w = type->rank == 2 ? type->dim[1] : 1;
    tensor x = tensor_new(a, type->type, type->rank, (int64_t[]){d->rows, w});
    const char *layout = ir_attr_str(&p->attrs, IR_ATTR_layout, NULL);
    if (layout) {
        patch_rows(&t, layout, &x);
        return x;
    }
    size_t n;
    const char *const *word = ir_attr_strs(&p->attrs, IR_ATTR_onnx_shape, &n);
    assert_int_equal(n, t.rank);
    for (size_t i = 0; i < tensor_count(&t); i++) {
        place at = place_of(&t, word, i);
        int64_t r = at.row - (t.dim[t.rank - 1] == d->rows + d->past && d->past ? d->past : 0);
        if (r >= 0)
            elem_store_f64(x.type, x.data, (size_t)(r * w + at.column),
                           elem_load_f64(t.type, t.data, i));
    }
    return x;
}

static double worse(double a, double b) { return b > a || isnan(b) ? b : a; }

static double compare_port(const data_set *d, arena *a, const ir_port *p, const tensor *got,
                           int64_t sequence) {
    const tensor *want = named(d->out, d->n_out, p->name);
    if (!want) return 0;
    tensor t = d->batch > 1 ? sequence_of(a, want, sequence) : *want;
    size_t n;
    const char *const *word = ir_attr_strs(&p->attrs, IR_ATTR_onnx_shape, &n);
    assert_int_equal(n, t.rank);
    int64_t w = got->rank > 1 ? got->dim[1] : 1;
    double worst = 0;
    int tokens = 0;
    for (size_t i = 0; i < n; i++) tokens += strcmp(word[i], "t0") == 0;
    for (size_t i = 0; i < tensor_count(&t); i++) {
        place at;
        if (tokens == 2) { // probabilities [1, heads, queries, keys], rows of heads x slots
            int64_t keys = t.dim[3], q = (int64_t)i / keys % t.dim[2],
                    h = (int64_t)i / keys / t.dim[2];
            at = (place){q, h * (w / t.dim[1]) + (int64_t)i % keys};
        } else {
            at = place_of(&t, word, i);
        }
        double x = elem_load_f64(got->type, got->data, (size_t)(at.row * w + at.column));
        double y = elem_load_f64(t.type, t.data, i);
        worst = worse(worst, fabs(x - y) / (1 + fabs(y)));
    }
    return worst;
}

// Rings take the data set's past, and have its present afterwards.
static double rings(const data_set *d, arena *a, ir_interp *t, bool load) {
    double worst = 0;
    for (size_t i = 0; i < d->m->symbols.count; i++) {
        const ir_symbol *s = d->m->symbols.items[i];
        const ir_ring *ring = s->ring;
        if (!ring || !(load ? ring->past_key : ring->present_key)) continue;
        tensor kv[2];
        const char *layout = ir_word(IR_ENUM_kv_layout, ring->kv_layout);
        if (!load) assert_true(ir_interp_ring_read(t, s->name, a, &kv[0], &kv[1]));
        for (int v = 0; v < 2; v++) {
            const char *past = v ? ring->past_value : ring->past_key,
                       *present = v ? ring->present_value : ring->present_key,
                       *name = load ? past : present;
            const tensor *x = load ? named(d->in, d->n_in, name) : named(d->out, d->n_out, name);
            if (!x) continue;
            int64_t heads = ring->n_kv, width = v ? ring->dv : ring->d;
            int64_t n = load ? d->past : d->past + d->rows, first = load ? 0 : n - kv[v].dim[0];
            if (load) kv[v] = tensor_new(a, ELEM_f32, 2, (int64_t[]){n, heads * width});
            for (size_t k = 0; k < tensor_count(x); k++) {
                int64_t index[4], rest = (int64_t)k, r = 0, h = 0, c = 0;
                for (int axis = 4; axis-- > 0; rest /= x->dim[axis])
                    index[axis] = rest % x->dim[axis];
                for (int axis = 0; axis < 4; axis++)
                    *(layout[axis] == 't'   ? &r
                      : layout[axis] == 'h' ? &h
                                            : &c) += layout[axis] == 'b' ? 0 : index[axis];
                if (r < first) continue;
                float *cell = &((float *)kv[v].data)[((r - first) * heads + h) * width + c];
                double value = elem_load_f64(x->type, x->data, k);
                if (load)
                    *cell = (float)value;
                else
                    worst = worse(worst, fabs(*cell - value) / (1 + fabs(value)));
            }
        }
        if (load && d->past) assert_true(ir_interp_ring_load(t, s->name, d->past, &kv[0], &kv[1]));
    }
    return worst;
}

// step: rows a step; 0: all at once. Largest error.
static double run_set(data_set *d, int64_t step, diag_sink *diags) {
    arena *a = arena_new();
    double worst = 0;
    ir_interp *t = ir_interp_new(d->m, d->f, 1, diags);
    assert_non_null(t);
    for (int64_t s = 0; s < d->batch; s++) {
        tensor in[64], part[64], out[64], all[64];
        ir_interp_reset(t);
        if (d->past) {
            rings(d, a, t, true);
            ir_interp_set_pos(t, 0, d->past);
        }
        for (size_t i = 0; i < d->f->params.count; i++)
            in[i] = row_input(d, a, &d->f->params.items[i], s);
        int64_t cut = step ? step : d->rows;
        for (int64_t at = 0; at < d->rows; at += cut) {
            int64_t n[IR_MAX_DOMAINS] = {min_i64(cut, d->rows - at)};
            for (size_t i = 0; i < d->f->params.count; i++) {
                part[i] = in[i];
                part[i].dim[0] = n[0];
                part[i].data =
                    (char *)in[i].data + (size_t)at * (tensor_bytes(&in[i]) / (size_t)d->rows);
            }
            assert_true(ir_interp_step(t, n, part, a, out));
            for (size_t i = 0; i < d->f->results.count; i++) {
                bool rows_out = ir_type_domain(ir_type_of(d->f, d->f->results.items[i].value)) == 0;
                if (at == 0 || !rows_out) all[i] = out[i];
                if (!rows_out || n[0] == d->rows) continue;
                if (at == 0) {
                    all[i].dim[0] = d->rows;
                    all[i] = tensor_new(a, all[i].type, all[i].rank, all[i].dim);
                }
                size_t row_bytes = tensor_bytes(&out[i]) / (size_t)n[0];
                memcpy((char *)all[i].data + (size_t)at * row_bytes, out[i].data,
                       tensor_bytes(&out[i]));
            }
        }
        for (size_t i = 0; i < d->f->results.count; i++)
            worst = worse(worst, compare_port(d, a, &d->f->results.items[i], &all[i], s));
        if (d->batch == 1) worst = worse(worst, rings(d, a, t, false));
    }
    ir_interp_free(t);
    arena_free(a);
    return worst;
}

// Reads a data set; false when the program cannot take it (another length).
static bool open_set(data_set *d, arena *a, const char *dir, diag_sink *diags) {
    d->n_in = model_read_set(a, dir, "input", d->in, diags);
    d->n_out = model_read_set(a, dir, "output", d->out, diags);
    if (!d->n_in || !d->n_out) return false;
    d->rows = 0;
    d->past = 0;
    d->batch = 1;
    for (size_t i = 0; i < d->f->params.count; i++) {
        const ir_port *p = &d->f->params.items[i];
        const char *role = ir_attr_str(&p->attrs, IR_ATTR_role, "");
        if (strcmp(role, "mask")) d->rows = max_i64(d->rows, rows_of_port(d, p));
        const tensor *t = named(d->in, d->n_in, p->name);
        if (t && t->rank > 1 && t->dim[0] > 1) d->batch = t->dim[0];
    }
    for (size_t i = 0; i < d->m->symbols.count; i++) {
        const ir_symbol *s = d->m->symbols.items[i];
        if (!s->ring || !s->ring->past_key) continue;
        const char *layout = ir_word(IR_ENUM_kv_layout, s->ring->kv_layout);
        const tensor *t = named(d->in, d->n_in, s->ring->past_key);
        if (t) d->past = t->dim[strchr(layout, 't') - layout];
    }
    int64_t fixed = d->m->domain[0].fixed;
    return (!fixed || fixed == d->rows) &&
           d->rows + d->past <= ir_attr_int(&d->m->attrs, IR_ATTR_max_tokens, 0);
}

static size_t n_rings(const ir_module *m) {
    size_t n = 0;
    for (size_t i = 0; i < m->symbols.count; i++) n += m->symbols.items[i]->kind == IR_SYM_RING;
    return n;
}

static bool run_row(const row *r, bool *skipped) {
    arena *a = arena_new();
    const char *path = r->data ? arena_printf(a, MODELS "/%s", r->model)
                               : arena_printf(a, EXPORTS "/%s/model.onnx", r->model);
    const char *data =
        r->data ? arena_printf(a, MODELS "/%s", r->data) : arena_printf(a, EXPORTS "/%s", r->model);
    *skipped = !shared_present(path);
    if (*skipped) {
        arena_free(a);
        return true;
    }
    diag_sink *diags = diag_sink_new();
    pass_options o = pass_options_default();
    o.threads = 1;
    o.keep_probabilities = true;
    onnx_model *model;
    ir_module *m = find_tokens(path, r->binds, &o, &model, diags);
    bool ok = m != NULL;
    double worst = 0;
    int sets = 0;
    for (int i = 0; ok && i < 3; i++) {
        data_set d = {.m = m, .f = m->funcs.items[0]};
        if (!open_set(&d, a, arena_printf(a, "%s/test_data_set_%d", data, i), diags)) continue;
        sets++;
        worst = worse(worst, run_set(&d, 0, diags));
        if (strcmp(r->class, "stream") == 0) worst = worse(worst, run_set(&d, 1, diags));
    }
    const char *class = m ? ir_attr_str(&m->attrs, IR_ATTR_class, "") : "-";
    double limit = r->limit ? r->limit : 1e-4;
    if (strstr(r->model, "dynint8")) limit = 1;
    bool good =
        ok && sets > 0 && strcmp(class, r->class) == 0 && n_rings(m) == r->rings && worst <= limit;
    printf("%-46s %-6s %2zu rings, %3zu operations, %d data sets, error %.1e%s\n", r->model, class,
           m ? n_rings(m) : 0, m ? m->funcs.items[0]->ops.count : 0, sets, worst,
           good ? "" : "  <-- wrong");
    if (!good) diag_print(diags, 0, stdout, false);
    diag_sink_free(diags);
    ir_module_free(m);
    onnx_close(model);
    arena_free(a);
    return good;
}

static void test_models(void **state) {
    shared_exports();
    (void)state;
    size_t wrong = 0, skipped = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool skip;
        wrong += !run_row(&rows[i], &skip);
        skipped += skip;
    }
    if (skipped) printf("SKIP %zu of %zu models\n", skipped, ARRAY_LEN(rows));
    assert_int_equal(wrong, 0);
}

// ---- one listing -----------------------------------------------------------------------------

// Operations without names of constants, and without where they come from.
static char *listing(arena *a, const ir_module *m) {
    const ir_func *f = m->funcs.items[0];
    char *all = arena_str(a, "");
    for (size_t i = 0; i < f->ops.count; i++) {
        ir_op op = f->ops.items[i];
        op.n_locs = 0;
        if (op.code == IR_t_const) op.attrs.count = 0;
        char *text = ir_op_text(a, f, &op);
        all = arena_printf(a, "%s%s\n", all, text);
    }
    return all;
}

static void test_dialects(void **state) {
    (void)state;
    static const char *const names[] = {"legacy_op17", "external_op17", "with_past_op17"};
    arena *a = arena_new();
    const char *first = NULL;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *path = arena_printf(a, MODELS "/stories260K/stories260k_%s.onnx", names[i]);
        if (!shared_present(path)) continue;
        diag_sink *diags = diag_sink_new();
        pass_options o = pass_options_default();
        onnx_model *model;
        ir_module *m = find_tokens(path, i == 2 ? "position_ids=positions attention_mask=1" : NULL,
                                   &o, &model, diags);
        if (!m) diag_print(diags, 0, stdout, false);
        assert_non_null(m);
        char *text = listing(a, m);
        if (first)
            assert_string_equal(text, first);
        else
            first = text;
        ir_module_free(m);
        onnx_close(model);
        diag_sink_free(diags);
    }
    arena_free(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_models),
                                       cmocka_unit_test(test_dialects)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
