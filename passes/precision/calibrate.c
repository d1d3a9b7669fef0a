// Calibration: run the interpreter on text and remember how large values get; see calibrate.h.
#include "passes/precision/calibrate.h"
#include "ir/eval/interp.h"
#include "passes/precision/corpus.h"
#include "support/file/file.h"
#include "support/file/kind.h"
#include "support/num/layout.h"
#include "support/num/num.h"
#include "support/num/random.h"
#include <math.h>
#include <string.h>

#define CALIBRATE_MACS 4e9    // products of static matrices spent at most
#define CALIBRATE_TOKENS 4096 // rows at most

static double uniform(random_stream *draws) { // [-1, 1)
    return 2 * random_f64(draws) - 1;
}

// A smooth picture, as cameras make them, for an image port: in each channel a level, a gradient
// and a wave. White noise would drive a vision model to values that no picture does.
static void seeded_image(const layout_image *l, random_stream *draws, tensor *rows) {
    int64_t n_rows = min_i64(rows->dim[0], layout_rows(l)), width = layout_width(l);
    for (int c = 0; c < l->c; c++) {
        double level = 1.5 * uniform(draws), right = uniform(draws), down = uniform(draws),
               wave = 0.7 * uniform(draws);
        double fx = 10 * uniform(draws), fy = 10 * uniform(draws);
        for (int64_t r = 0; r < n_rows; r++) {
            for (int64_t i = c * l->kh * l->kw; i < (c + 1) * l->kh * l->kw; i++) {
                int64_t at = layout_row_offset(l, r) + layout_column_offset(l, i);
                double x = (double)(at % l->w) / l->w - 0.5,
                       y = (double)(at / l->w % l->h) / l->h - 0.5;
                elem_store_f64(rows->type, rows->data, (size_t)(r * width + i),
                               level + right * x + down * y + wave * num_sin_f64(fx * x + fy * y));
            }
        }
    }
}

void calibrate_seeded(const ir_module *m, const ir_func *f, uint64_t seed, uint32_t index,
                      const int64_t *rows, int64_t pos, arena *a, tensor *inputs) {
    (void)m;
    random_stream draws = random_of(seed, RANDOM_CALIBRATION, index);
    for (size_t i = 0; i < f->params.count; i++) {
        const ir_port *p = &f->params.items[i];
        ir_type t = *ir_type_of(f, p->value);
        if (ir_type_domain(&t) >= 0) t.dim[0] = rows[ir_type_domain(&t)];
        tensor x = tensor_new(a, t.type, t.rank, t.dim);
        int64_t lo = ir_attr_int(&p->attrs, IR_ATTR_range_lo, 0),
                hi = ir_attr_int(&p->attrs, IR_ATTR_range_hi, 2);
        layout_image image;
        if (layout_parse(ir_attr_str(&p->attrs, IR_ATTR_layout, ""), &image) && x.rank == 2 &&
            x.dim[1] == layout_width(&image)) {
            seeded_image(&image, &draws, &x);
            inputs[i] = x;
            continue;
        }
        for (size_t e = 0, n = tensor_count(&x); e < n; e++) {
            double v = 1;
            if (ir_has_role(p, IR_ROLE_POSITIONS))
                v = (double)(pos + (int64_t)e);
            else if (elem_is_float(t.type) && !ir_is_mask(p))
                v = 1.7 * uniform(&draws);
            else if (!ir_is_mask(p))
                v = (double)(lo + (int64_t)random_below(&draws, (uint64_t)max_i64(hi - lo, 1)));
            elem_store_f64(t.type, x.data, e, v);
        }
        inputs[i] = x;
    }
}

// ---- running ---------------------------------------------------------------------------------

typedef struct {
    const bool *wanted;
    float *range;
} ranges;

static void observe(void *ctx, const ir_op *op, uint32_t result, const tensor *value) {
    ranges *g = ctx;
    ir_val v = op->result[result];
    if (!g->wanted[v] || value->type != ELEM_f32) return;
    const float *x = value->data;
    float most = g->range[v];
    for (size_t i = 0, n = tensor_count(value); i < n; i++) {
        float a = fabsf(x[i]);
        if (a > most && a <= 3.4e38f) most = a;
    }
    g->range[v] = most;
}

typedef struct {
    const ir_module *m;
    const ir_func *f;
    ir_interp *interp;
    int64_t chunk, budget, used; // rows a step at most; rows in all; rows so far
    int64_t fixed;               // rows a step must have; 0: any
} session;

static bool step(session *s, const tensor *inputs, const int64_t *rows, arena *a) {
    tensor *outputs = ARENA_ARRAY(a, tensor, s->f->results.count + 1);
    s->used += rows[0];
    return ir_interp_step(s->interp, rows, inputs, a, outputs);
}

static bool run_lists(session *s, const corpus *text) {
    bool ok = true;
    for (size_t i = 0; ok && i < text->n_lists && s->used < s->budget; i++) {
        const corpus_list *l = &text->lists[i];
        int64_t n = (int64_t)l->n;
        ir_interp_reset(s->interp);
        for (int64_t at = 0; ok && at < n && s->used < s->budget; at += s->chunk) {
            int64_t k = min_i64(s->chunk, n - at);
            arena *a = arena_new();
            tensor *inputs = ARENA_ARRAY(a, tensor, s->f->params.count + 1);
            int64_t rows[IR_MAX_DOMAINS];
            corpus_rows(s->m, k, k, at == 0, rows);
            corpus_inputs(s->f, l->ids + at, rows, at, a, inputs);
            ok = step(s, inputs, rows, a);
            arena_free(a);
        }
    }
    return ok;
}

static bool run_seeded(session *s, uint64_t seed) {
    int64_t n = s->fixed ? s->fixed : min_i64(min_i64(s->chunk, 64), s->budget);
    bool ok = true;
    for (int repeat = 0; ok && repeat < 16 && s->used < s->budget; repeat++) {
        int64_t rows[IR_MAX_DOMAINS];
        corpus_rows(s->m, n, n, true, rows);
        arena *a = arena_new();
        tensor *inputs = ARENA_ARRAY(a, tensor, s->f->params.count + 1);
        ir_interp_reset(s->interp);
        calibrate_seeded(s->m, s->f, seed, (uint32_t)repeat, rows, 0, a, inputs);
        ok = step(s, inputs, rows, a);
        arena_free(a);
    }
    return ok;
}

// One input of an npz, as sequences of rows.
typedef struct {
    tensor data; // of the parameter's element type
    layout_image image;
    bool is_image;
    int64_t sequences, rows, width; // rows: of one sequence
} calibration_input;

static bool read_input(session *s, const ir_port *p, const tensor_set *set, const char *path,
                       arena *a, calibration_input *in, diag_sink *diags) {
    const tensor *found = NULL;
    for (size_t k = 0; k < set->count; k++)
        if (strcmp(set->items[k].name, p->name) == 0) found = &set->items[k].value;
    ir_type t = *ir_type_of(s->f, p->value);
    const char *layout = ir_attr_str(&p->attrs, IR_ATTR_layout, "");
    in->is_image = *layout && layout_parse(layout, &in->image);
    in->width = ir_type_width(&t);
    int64_t count = found ? (int64_t)tensor_count(found) : 0;
    if (in->is_image) {
        int64_t one = layout_elements(&in->image);
        in->sequences = count % one ? 0 : count / one;
        in->rows = layout_rows(&in->image);
    } else {
        in->sequences = found && found->rank > 1 ? found->dim[0] : 1;
        int64_t each = in->sequences * in->width;
        in->rows = each == 0 || count % each ? 0 : count / each;
    }
    if (count == 0 || in->sequences == 0 || in->rows == 0) {
        diag_emit(diags, DIAG_ID_npy_format, DIAG_FILE(path),
                  "calibration data need an array '%s' of the input's shape, any number of "
                  "sequences; found %s",
                  p->name, found ? tensor_shape_text(a, found) : "none");
        return false;
    }
    in->data = tensor_cast(a, found, t.type);
    return true;
}

// Rows [0, n) of sequence b, as the program gets them.
static tensor rows_of(const ir_func *f, const ir_port *p, const calibration_input *in, int64_t b,
                      const int64_t *rows, arena *a) {
    ir_type t = *ir_type_of(f, p->value);
    int64_t n = rows[max_i64(0, ir_type_domain(&t))];
    if (ir_type_domain(&t) >= 0) t.dim[0] = n;
    tensor x = tensor_new(a, t.type, t.rank, t.dim);
    size_t bytes = elem_bytes(t.type);
    const char *from =
        (const char *)in->data.data +
        (size_t)b * bytes *
            (size_t)(in->is_image ? layout_elements(&in->image) : in->rows * in->width);
    for (int64_t r = 0; r < n; r++) {
        for (int64_t c = 0; c < in->width; c++) {
            int64_t at = in->is_image ? layout_row_offset(&in->image, r) +
                                            layout_column_offset(&in->image, c)
                                      : r * in->width + c;
            memcpy((char *)x.data + (size_t)(r * in->width + c) * bytes, from + (size_t)at * bytes,
                   bytes);
        }
    }
    return x;
}

static bool run_npz(session *s, const char *path, diag_sink *diags) {
    arena *a = arena_new();
    tensor_set set;
    size_t n_inputs = s->f->params.count;
    bool ok = npz_read(a, path, &set, diags);
    calibration_input *in = ARENA_ARRAY(a, calibration_input, n_inputs + 1);
    int64_t sequences = INT64_MAX, n = s->fixed ? s->fixed : s->chunk, encoder = INT64_MAX;
    int64_t rows[IR_MAX_DOMAINS];
    corpus_rows(s->m, 1, 1, false, rows); // an encoder's have none
    for (size_t i = 0; ok && i < n_inputs; i++) {
        const ir_port *p = &s->f->params.items[i];
        int d = ir_type_domain(ir_type_of(s->f, p->value));
        ok = read_input(s, p, &set, path, a, &in[i], diags);
        sequences = min_i64(sequences, in[i].sequences);
        int64_t *least = d > 0 && rows[d] == 0 ? &encoder : &n;
        *least = min_i64(*least, in[i].rows);
    }
    corpus_rows(s->m, n, encoder, true, rows);
    for (int64_t b = 0; ok && b < sequences && s->used < s->budget; b++) {
        arena *step_arena = arena_new();
        tensor *inputs = ARENA_ARRAY(step_arena, tensor, n_inputs + 1);
        for (size_t i = 0; i < n_inputs; i++)
            inputs[i] = rows_of(s->f, &s->f->params.items[i], &in[i], b, rows, step_arena);
        ir_interp_reset(s->interp);
        ok = step(s, inputs, rows, step_arena);
        arena_free(step_arena);
    }
    arena_free(a);
    return ok;
}

bool calibrate_ranges(const ir_module *m, const ir_func *f, const pass_options *o,
                      const bool *wanted, float *range, const char **how, arena *a,
                      diag_sink *diags) {
    ranges g = {wanted, range};
    session s = {.m = m, .f = f, .interp = ir_interp_new(m, f, o->threads, diags)};
    if (!s.interp) return false;
    pass_use(o, PASS_OPTION_calibrate);
    ir_interp_observe(s.interp, observe, &g);
    s.chunk = ir_attr_int(&m->attrs, IR_ATTR_max_chunk, 64);
    s.fixed = m->domain[0].fixed;
    double rows = CALIBRATE_MACS / corpus_macs(f);
    s.budget = rows > CALIBRATE_TOKENS ? CALIBRATE_TOKENS : rows < 1 ? 1 : (int64_t)rows;
    bool ok;
    if (o->calibrate && file_kind_at(o->calibrate) == FILE_KIND_npz) {
        ok = run_npz(&s, o->calibrate, diags);
    } else if (o->calibrate) {
        arena *text = arena_new();
        corpus c;
        ok = corpus_read(text, o->calibrate, o->calibrate_text, &c, diags) &&
             corpus_fit(&c, m, f, diags) && run_lists(&s, &c);
        arena_free(text);
    } else {
        ok = run_seeded(&s, o->seed);
    }
    *how =
        o->calibrate
            ? arena_printf(a, "static activation scales calibrated on %lld tokens of %s",
                           (long long)s.used, file_title(o->calibrate))
            : arena_printf(a,
                           "static activation scales calibrated on %lld seeded random rows: give "
                           "--calibrate FILE for real text",
                           (long long)s.used);
    ir_interp_free(s.interp);
    return ok;
}
