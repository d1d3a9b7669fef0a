// A model to score, whatever runs it; see eval.h.
#include "eval/eval.h"
#include "host/host.h"
#include "ir/eval/interp.h"
#include "ir/text/text.h"
#include "ir/verify/verify.h"
#include "support/file/file.h"
#include "support/file/kind.h"
#include "support/map.h"
#include "support/num/random.h"
#include <stdlib.h>
#include <string.h>

typedef enum { IDS, MASK, POSITIONS, SEGMENTS, PAST, DATA } input_kind;

typedef struct {
    const char *name;
    elem type;
    int rank;
    int64_t dim[TENSOR_MAX_RANK]; // -1: free
    input_kind kind;
    bool encoder; // read by an encoder in front
} input;

// The plain import at one set of shapes.
typedef struct {
    ir_module *module;
    ir_interp *interp;
} imported;

struct eval_model {
    const char *path;
    int threads;
    input *inputs;
    size_t n_inputs;
    const char **outputs;
    bool *is_float;
    size_t n_outputs;
    // a program or IR
    program_file file;
    ir_module *module;
    engine *engine;
    // ONNX
    onnx_model *onnx;
    map *index; // shapes -> imports
    VEC(imported) imports;
    // what the encoder reads, where there is one
    bool has_encoder;
    const int64_t *source;
    size_t n_source;
    void (*observer)(void *, const ir_op *, uint32_t, const tensor *);
    void *observer_ctx;
};

sim *eval_model_sim(eval_model *m) { return m->engine ? engine_sim(m->engine) : NULL; }
const onnx_model *eval_model_onnx(const eval_model *m) { return m->onnx; }
const isa_program *eval_model_program(const eval_model *m) { return m->file.program; }

ir_module *eval_model_module(eval_model *m) {
    return m->module ? m->module : m->imports.count ? m->imports.items[0].module : NULL;
}

void eval_model_observe(eval_model *m, void (*f)(void *, const ir_op *, uint32_t, const tensor *),
                        void *ctx) {
    m->observer = f;
    m->observer_ctx = ctx;
    if (m->engine) engine_observe(m->engine, f, ctx);
}

// ---- opening ---------------------------------------------------------------------------------

static input_kind kind_of(const char *name, elem type, int rank, isa_prole role) {
    if (role == ISA_ROLE_HIDES) return SEGMENTS; // 0 shows a token
    if (isa_role_is_mask(role) || strstr(name, "mask")) return MASK;
    if (role == ISA_ROLE_POSITIONS || strstr(name, "position")) return POSITIONS;
    if (strstr(name, "type_id") || strstr(name, "segment")) return SEGMENTS;
    if (elem_is_float(type)) return strstr(name, "past") && rank == 4 ? PAST : DATA;
    return IDS;
}

static void describe_engine(eval_model *m, arena *a) {
    const engine_info *info = engine_describe(m->engine);
    m->inputs = ARENA_ARRAY(a, input, info->n_ports + 1);
    m->outputs = ARENA_ARRAY(a, const char *, info->n_ports + 1);
    m->is_float = ARENA_ARRAY(a, bool, info->n_ports + 1);
    for (size_t i = 0; i < info->n_ports; i++) {
        const engine_port *p = &info->ports[i];
        if (!p->input) {
            m->is_float[m->n_outputs] = !p->integer;
            m->outputs[m->n_outputs++] = p->name;
            continue;
        }
        input *in = &m->inputs[m->n_inputs++];
        *in = (input){.name = p->name, .type = p->onnx, .rank = p->shape[0] ? 1 : 2};
        for (const char *c = p->shape; *c; c++) in->rank += *c == ',';
        in->kind = kind_of(p->name, p->onnx, in->rank, p->role);
        in->encoder = p->encoder;
    }
}

static void describe_onnx(eval_model *m, arena *a) {
    m->n_inputs = onnx_n_inputs(m->onnx);
    m->n_outputs = onnx_n_outputs(m->onnx);
    m->inputs = ARENA_ARRAY(a, input, m->n_inputs + 1);
    m->outputs = ARENA_ARRAY(a, const char *, m->n_outputs + 1);
    m->is_float = ARENA_ARRAY(a, bool, m->n_outputs + 1);
    for (size_t i = 0; i < m->n_inputs; i++) {
        const onnx_port *p = onnx_input(m->onnx, i);
        input *in = &m->inputs[i];
        *in = (input){.name = p->name, .type = p->has_type ? p->type : ELEM_f32, .rank = p->rank};
        for (int d = 0; d < p->rank && d < TENSOR_MAX_RANK; d++) in->dim[d] = p->dim[d].value;
        in->kind = kind_of(p->name, in->type, p->rank, ISA_ROLE_DATA);
    }
    for (size_t i = 0; i < m->n_outputs; i++) {
        const onnx_port *p = onnx_output(m->onnx, i);
        m->outputs[i] = p->name;
        m->is_float[i] = !p->has_type || elem_is_float(p->type);
    }
}

static bool open_ir(eval_model *m, diag_sink *diags) {
    m->module = ir_parse_file(m->path, diags);
    if (!m->module || !ir_verify(m->module, m->path, diags)) return false;
    size_t n = m->module->funcs.count;
    const ir_func *last = n ? m->module->funcs.items[n - 1] : NULL;
    const ir_func *f = n == 1 || (n == 2 && strcmp(last->name, "step") == 0) ? last : NULL;
    bool is_token = false;
    for (size_t i = 0; f && i < f->params.count; i++)
        is_token |= ir_type_domain(ir_type_of(f, f->params.items[i].value)) >= 0;
    if (is_token) return (m->engine = engine_of_module(m->module, m->threads, diags)) != NULL;
    diag_emit(
        diags, DIAG_ID_eval_data, DIAG_FILE(m->path),
        "no token program yet: run the passes up to find-tokens first (`ohmic opt`), or score "
        "the ONNX file");
    return false;
}

eval_model *eval_model_open(const char *path, int threads, arena *a, diag_sink *diags) {
    eval_model *m = ARENA_NEW(a, eval_model);
    *m = (eval_model){.path = path, .threads = threads, .index = map_new()};
    bool ok;
    file_kind kind = file_kind_at(path); // else what its name says: its reader finds the fault
    if (kind == FILE_KIND_onnx || (kind == FILE_KIND_bytes && file_ends_in(path, ".onnx"))) {
        ok = (m->onnx = onnx_open(path, diags)) != NULL;
        if (ok) describe_onnx(m, a);
    } else {
        sim_options so = {.threads = threads};
        ok = kind == FILE_KIND_oir || (kind != FILE_KIND_ohm && file_ends_in(path, ".oir"))
                 ? open_ir(m, diags)
                 : program_open(&m->file, path, a, diags) &&
                       (m->engine = engine_of_program(&m->file, &so, diags)) != NULL;
        if (ok) m->has_encoder = engine_describe(m->engine)->has_encoder;
        if (ok) describe_engine(m, a);
    }
    if (ok) return m;
    eval_model_free(m);
    return NULL;
}

void eval_model_free(eval_model *m) {
    if (!m) return;
    for (size_t i = 0; i < m->imports.count; i++) {
        ir_interp_free(m->imports.items[i].interp);
        ir_module_free(m->imports.items[i].module);
    }
    vec_free(&m->imports);
    map_free(m->index);
    onnx_close(m->onnx);
    engine_free(m->engine);
    ir_module_free(m->module);
    program_close(&m->file);
}

// ---- inputs ----------------------------------------------------------------------------------

static tensor token_tensor(const input *in, const int64_t *ids, size_t n, arena *a) {
    int64_t dim[TENSOR_MAX_RANK];
    for (int d = 0; d < in->rank; d++) dim[d] = 1;
    if (in->kind == PAST) { // [batch, heads, 0, width]: the second free axis counts tokens
        for (int d = 1; d < in->rank; d++) dim[d] = in->dim[d] >= 0 ? in->dim[d] : 0;
        return tensor_new(a, in->type, in->rank, dim);
    }
    if (in->rank > 0) dim[in->rank - 1] = (int64_t)n;
    tensor t = tensor_new(a, in->type, in->rank, dim);
    for (size_t i = 0; i < n && i < tensor_count(&t); i++)
        elem_store_i64(t.type, t.data, i,
                       in->kind == IDS         ? ids[i]
                       : in->kind == MASK      ? 1
                       : in->kind == POSITIONS ? (int64_t)i
                                               : 0);
    return t;
}

bool eval_has_encoder(const eval_model *m) { return m->has_encoder; }

void eval_set_source(eval_model *m, const int64_t *ids, size_t n) {
    m->source = ids;
    m->n_source = n;
}

eval_source_limits eval_source_takes(const eval_model *m) {
    const engine_info *info = engine_describe(m->engine);
    eval_source_limits x = {INT32_MIN, INT64_C(1) << 31, info->max_encoder,
                            info->fixed_encoder > 0};
    for (size_t i = 0; i < m->n_inputs; i++) {
        if (!m->inputs[i].encoder || m->inputs[i].kind != IDS) continue;
        for (size_t k = 0; k < info->n_ports; k++) {
            const engine_port *p = &info->ports[k];
            if (!p->input || p->lo >= p->hi || strcmp(p->name, m->inputs[i].name) != 0) continue;
            x.lo = p->lo;
            x.hi = p->hi;
        }
    }
    return x;
}

bool eval_token_inputs(eval_model *m, const int64_t *ids, size_t n, arena *a, tensor_set *set,
                       diag_sink *diags) {
    *set = (tensor_set){ARENA_ARRAY(a, tensor_named, m->n_inputs + 1), m->n_inputs};
    int n_ids = 0;
    if (m->has_encoder && !m->source) {
        diag_emit(diags, DIAG_ID_eval_data, DIAG_FILE(m->path),
                  "an encoder in front of a decoder: only --perplexity with --sources FILE scores "
                  "it, and `ohmic run` runs it");
        return false;
    }
    for (size_t i = 0; i < m->n_inputs; i++) {
        const input *in = &m->inputs[i];
        if (in->kind == DATA || in->rank < 0 || (in->rank > 2 && in->kind != PAST)) {
            diag_emit(diags, DIAG_ID_eval_data, DIAG_FILE(m->path),
                      "input '%s' is nothing that a sequence of token ids gives", in->name);
            return false;
        }
        n_ids += in->kind == IDS && !in->encoder;
        const tensor t =
            in->encoder ? token_tensor(in, m->source, m->n_source, a) : token_tensor(in, ids, n, a);
        set->items[i] = (tensor_named){in->name, t};
    }
    if (n_ids == 1) return true;
    diag_emit(diags, DIAG_ID_eval_data, DIAG_FILE(m->path),
              "%d inputs take token ids, expected one", n_ids);
    return false;
}

bool eval_seeded_inputs(const eval_model *m, arena *a, tensor_set *set) {
    if (m->n_inputs != 1 || m->inputs[0].kind != DATA || m->inputs[0].rank < 0) return false;
    const input *in = &m->inputs[0];
    int64_t dim[TENSOR_MAX_RANK];
    for (int d = 0; d < in->rank; d++) dim[d] = in->dim[d] > 0 ? in->dim[d] : 1;
    tensor t = tensor_new(a, in->type, in->rank, dim);
    random_stream draws = random_of(0, RANDOM_EVAL, 0);
    for (size_t i = 0; i < tensor_count(&t); i++)
        elem_store_f64(t.type, t.data, i, 2 * random_f64(&draws) - 1);
    *set = (tensor_set){ARENA_NEW(a, tensor_named), 1};
    set->items[0] = (tensor_named){in->name, t};
    return true;
}

bool eval_data_inputs(eval_model *m, const tensor *item, arena *a, tensor_set *set,
                      diag_sink *diags) {
    if (m->n_inputs != 1 || m->inputs[0].kind != DATA) {
        diag_emit(diags, DIAG_ID_eval_data, DIAG_FILE(m->path),
                  "the model does not take images: expected one input of floats");
        return false;
    }
    tensor t = *item;
    if (t.rank + 1 == m->inputs[0].rank) {
        memmove(t.dim + 1, t.dim, sizeof t.dim[0] * (size_t)t.rank);
        t.dim[0] = 1;
        t.rank++;
    }
    *set = (tensor_set){ARENA_NEW(a, tensor_named), 1};
    set->items[0] = (tensor_named){m->inputs[0].name, tensor_cast(a, &t, m->inputs[0].type)};
    return true;
}

// ---- running ---------------------------------------------------------------------------------

static const char *logits_of(const eval_model *m, const char *name, diag_sink *diags) {
    const char *first = NULL;
    for (size_t i = 0; i < m->n_outputs; i++) {
        if (strcmp(m->outputs[i], name ? name : "logits") == 0) return m->outputs[i];
        if (!first && m->is_float[i]) first = m->outputs[i];
    }
    if (first && !name) return first;
    arena *a = arena_new();
    const char *there = "";
    for (size_t i = 0; i < m->n_outputs; i++)
        there = arena_printf(a, "%s%s'%s'", there, *there ? ", " : "", m->outputs[i]);
    if (name)
        diag_emit(diags, DIAG_ID_usage, DIAG_FILE(m->path),
                  "the model has no output '%s'; it has %s", name, there);
    else
        diag_emit(diags, DIAG_ID_host_output, DIAG_FILE(m->path),
                  "the model has no output 'logits', and none of floats; it has %s", there);
    arena_free(a);
    return NULL;
}

// Imports at the inputs' shapes; what the import asks for becomes a constant, and then nothing is
// kept: it may differ next time. False: reported.
static bool import(eval_model *m, const tensor_set *in, arena *a, imported *out, bool *keep,
                   diag_sink *diags) {
    onnx_shape_binding *shapes = ARENA_ARRAY(a, onnx_shape_binding, in->count + 1);
    tensor_named *values = ARENA_ARRAY(a, tensor_named, in->count + 1);
    bool *bound = ARENA_ARRAY(a, bool, in->count + 1), ok = false, more = true;
    size_t n_values = 0;
    for (size_t i = 0; i < in->count; i++) {
        shapes[i] = (onnx_shape_binding){in->items[i].name, in->items[i].value.rank, {0}};
        memcpy(shapes[i].dim, in->items[i].value.dim, sizeof shapes[i].dim);
    }
    *out = (imported){0};
    while (!ok && more) {
        diag_sink *own = diag_sink_new();
        map *demanded = map_new();
        onnx_binding b = {.shapes = shapes,
                          .n_shapes = in->count,
                          .values = values,
                          .n_values = n_values,
                          .demanded = demanded};
        ir_module_free(out->module);
        out->module = ir_module_new();
        ok = onnx_import(m->onnx, &b, out->module, "main", own);
        more = false;
        for (size_t i = 0; !ok && i < in->count; i++) {
            if (bound[i] || map_get(demanded, in->items[i].name) == MAP_NONE) continue;
            bound[i] = more = true;
            values[n_values++] = in->items[i];
        }
        for (size_t i = 0; !ok && !more && i < diag_count(own); i++) {
            const diag *d = diag_get(own, i);
            diag_emit(diags, d->id, d->loc, "%s", d->message);
        }
        map_free(demanded);
        diag_sink_free(own);
    }
    *keep = n_values == 0;
    if (ok)
        out->interp =
            ir_interp_new(out->module, ir_func_find(out->module, "main"), m->threads, diags);
    if (out->interp) return true;
    ir_module_free(out->module);
    return false;
}

static bool run_plain(eval_model *m, const tensor_set *in, const char *output, arena *a,
                      tensor *out, diag_sink *diags) {
    const char *key = "";
    for (size_t i = 0; i < in->count; i++)
        key = arena_printf(a, "%s%s;", key, tensor_shape_text(a, &in->items[i].value));
    uint32_t at = map_get(m->index, key);
    imported made = {0};
    bool keep = true;
    if (at == MAP_NONE) {
        if (!import(m, in, a, &made, &keep, diags)) return false;
        if (keep) {
            map_set(m->index, key, (uint32_t)m->imports.count);
            vec_push(&m->imports, made);
        }
    } else {
        made = m->imports.items[at];
    }
    const ir_func *f = ir_func_find(made.module, "main");
    tensor *params = ARENA_ARRAY(a, tensor, f->params.count + 1);
    tensor *results = ARENA_ARRAY(a, tensor, f->results.count + 1);
    for (size_t i = 0; i < f->params.count; i++)
        for (size_t k = 0; k < in->count; k++)
            if (strcmp(f->params.items[i].name, in->items[k].name) == 0)
                params[i] = in->items[k].value;
    ir_interp_observe(made.interp, m->observer, m->observer_ctx); // NULL: nobody
    bool ok = ir_interp_step(made.interp, NULL, params, a, results);
    for (size_t i = 0; ok && i < f->results.count; i++)
        if (strcmp(f->results.items[i].name, output) == 0) *out = results[i];
    if (!keep) {
        ir_interp_free(made.interp);
        ir_module_free(made.module);
    }
    return ok;
}

bool eval_run(eval_model *m, const tensor_set *inputs, const char *name, arena *a, tensor *rows,
              diag_sink *diags) {
    const char *output = logits_of(m, name, diags);
    tensor out = {0};
    if (!output) return false;
    if (m->engine) {
        tensor_set set;
        host_options ho = {.outputs = &output, .n_outputs = 1};
        if (!host_run(m->engine, inputs, &ho, a, &set, diags)) return false;
        out = set.items[0].value;
    } else if (!run_plain(m, inputs, output, a, &out, diags)) {
        return false;
    }
    *rows = out.type == ELEM_f32 ? out : tensor_cast(a, &out, ELEM_f32);
    int64_t width = out.rank ? out.dim[out.rank - 1] : 1;
    rows->rank = 2;
    rows->dim[0] = width ? (int64_t)tensor_count(&out) / width : 0;
    rows->dim[1] = width;
    return true;
}
