// Running sequences: steps, and outputs put together. See host.h.
#include "host/parts.h"
#include <inttypes.h>
#include <string.h>

bool host_wants(const host_job *j, const char *output, bool present) {
    const host_options *o = j->o;
    if (!o->outputs) return !present || !o->skip_presents;
    for (size_t i = 0; i < o->n_outputs; i++)
        if (strcmp(o->outputs[i], output) == 0) return true;
    return false;
}

// ---- outputs ---------------------------------------------------------------------------------

// Rows of one output port, by sequence.
typedef struct {
    size_t port;
    tensor *rows; // [n][width]
} collected;

static bool has_output(const engine_info *info, const char *name) {
    for (size_t i = 0; i < info->n_ports; i++)
        if (!info->ports[i].input && strcmp(info->ports[i].name, name) == 0) return true;
    for (size_t i = 0; i < info->n_rings; i++)
        if (strcmp(info->rings[i].present_key, name) == 0 ||
            strcmp(info->rings[i].present_value, name) == 0)
            return true;
    return false;
}

static bool check_outputs(const host_job *j) {
    bool ok = true;
    for (size_t i = 0; j->o->outputs && i < j->o->n_outputs; i++) {
        if (has_output(j->info, j->o->outputs[i])) continue;
        const char *names = "";
        for (size_t k = 0; k < j->info->n_ports; k++)
            if (!j->info->ports[k].input)
                names =
                    arena_printf(j->a, "%s%s%s", names, *names ? ", " : "", j->info->ports[k].name);
        diag_emit(j->diags, DIAG_ID_usage, DIAG_NOWHERE,
                  "the program has no output '%s'; its outputs are %s", j->o->outputs[i], names);
        ok = false;
    }
    return ok;
}

// An output without a batch axis has room for one sequence.
static bool check_batch(const host_job *j) {
    bool ok = true;
    for (size_t i = 0; i < j->info->n_ports && j->batch > 1; i++) {
        const engine_port *p = &j->info->ports[i];
        if (p->input || j->shape[i].has_batch || !host_wants(j, p->name, false)) continue;
        diag_emit(j->diags, DIAG_ID_host_output, DIAG_NOWHERE,
                  "output '%s' is %s, which has room for one sequence; the inputs hold %" PRId64
                  ": ask for other outputs, or run one sequence at a time",
                  p->name, host_shape_text(j->a, &j->shape[i]), j->batch);
        ok = false;
    }
    return ok;
}

// Appends a step's rows; an output of one row a sequence keeps the last.
static void collect(host_job *j, collected *c, int64_t b, int64_t done, const tensor *step) {
    const engine_port *p = &j->info->ports[c->port];
    const host_span *span = &j->side[host_side_of(p)].span[b];
    tensor *rows = &c->rows[b];
    bool appends = j->info->stream && !p->encoder && host_by_token(j, c->port);
    int64_t n = step->rank > 0 ? step->dim[0] : 1, total = appends ? span->until - span->from : n;
    if (!rows->data || !appends)
        *rows = tensor_new(j->a, p->integer ? ELEM_i32 : ELEM_f32, 2, (int64_t[]){total, p->width});
    size_t row_bytes = (size_t)p->width * 4;
    CHECK(step->type == rows->type && tensor_count(step) == (size_t)(n * p->width) &&
              (!appends || done + n <= total),
          "rows of output '%s'", p->name);
    memcpy((char *)rows->data + (appends ? (size_t)done * row_bytes : 0), step->data,
           (size_t)n * row_bytes);
}

// The ONNX tensor: rows of each sequence at their places, zeros for padding.
static tensor assemble(host_job *j, const collected *c) {
    const engine_port *p = &j->info->ports[c->port];
    const port_shape *s = &j->shape[c->port];
    const host_side *side = &j->side[host_side_of(p)];
    bool by_token = host_by_token(j, c->port);
    int64_t rows = by_token ? side->tokens : 0, keys = j->past + j->side[0].tokens;
    if (p->encoder ||
        (s->key >= 0 && j->info->has_encoder && s->atom[s->key].domain == j->info->domain[1]))
        keys = j->side[1].tokens; // of attention probabilities
    for (int64_t b = 0; !by_token && b < j->batch; b++)
        if (c->rows[b].data) rows = max_i64(rows, c->rows[b].dim[0]);
    int64_t slots = s->key >= 0 ? p->width / port_shape_features(s) : 1;
    tensor t = {.type = p->onnx};
    port_shape_dims(s, j->batch, rows, keys, &t);
    t = tensor_new(j->a, t.type, t.rank, t.dim);
    for (int64_t b = 0; b < j->batch; b++) {
        const tensor *from = &c->rows[b];
        const host_span *span = &side->span[b];
        if (!from->data) continue;
        arena *a = arena_new();
        port_map m = port_map_of(a, s, rows, keys, slots, span->from + span->past_from);
        int64_t first = by_token ? span->real_from - span->from : 0, base = b * m.batch_stride;
        int64_t end = by_token ? span->real_until - span->from : from->dim[0];
        for (int64_t r = first; r < end; r++)
            for (int64_t k = 0; k < m.width; k++) {
                if (m.column[k] < 0) continue;
                size_t to = (size_t)(base + m.row[by_token ? span->from + r : r] + m.column[k]);
                size_t at = (size_t)(r * p->width + k);
                if (p->integer)
                    elem_store_i64(t.type, t.data, to, ((const int32_t *)from->data)[at]);
                else if (t.type == ELEM_f32)
                    ((float *)t.data)[to] = ((const float *)from->data)[at];
                else
                    elem_store_f64(t.type, t.data, to, (double)((const float *)from->data)[at]);
            }
        arena_free(a);
    }
    return t;
}

// ---- sequences -------------------------------------------------------------------------------

// One launch: `rows` rows of a side after the first `done`.
static bool launch(host_job *j, int side, int64_t b, bool reset, int64_t done, int64_t rows,
                   collected *out, size_t n_out) {
    arena *a = arena_new();
    tensor *in = ARENA_ARRAY(a, tensor, j->info->n_ports + 1),
           *step = ARENA_ARRAY(a, tensor, j->info->n_ports + 1);
    host_inputs_rows(j, side, b, j->side[side].span[b].from + done, rows, a, in);
    bool ok = (side ? engine_encode : engine_step)(j->e, reset, rows, in, a, step, j->diags);
    for (size_t i = 0, k = 0, o = 0; ok && i < j->info->n_ports; i++) {
        if (j->info->ports[i].input) continue;
        bool wanted = o < n_out && out[o].port == i;
        if (wanted && host_side_of(&j->info->ports[i]) == side)
            collect(j, &out[o], b, done, &step[k]);
        o += wanted;
        k++;
    }
    arena_free(a);
    return ok;
}

// ---- as many sequences at a time as there are banks ------------------------------------------

// What comes before the steps. begun: the first step does not begin the sequence any more.
static bool begin(host_job *j, int64_t b, bool *begun, collected *out, size_t n_out) {
    *begun = j->side[0].span[b].start > 0;
    if (*begun && !host_past_load(j, b)) return false;
    if (!j->info->has_encoder) return true;
    const host_span *e = &j->side[1].span[b];
    bool reset = !*begun;
    *begun = true;
    return launch(j, 1, b, reset, 0, e->until - e->from, out, n_out);
}

// Sequences first .. first + n - 1, sequence first + k in bank k: a step of each in turn.
static bool run_sequences(host_job *j, int64_t first, int64_t n, collected *out, size_t n_out) {
    bool *begun = ARENA_ARRAY(j->a, bool, n);
    for (int64_t k = 0; k < n; k++) {
        engine_use_bank(j->e, k);
        if (!begin(j, first + k, &begun[k], out, n_out)) return false;
    }
    bool left = true;
    for (int64_t step = 0; left; step++) {
        left = false;
        for (int64_t k = 0; k < n; k++) {
            const host_span *s = &j->side[0].span[first + k];
            int64_t rows = s->until - s->from;
            int64_t chunk = j->info->stream ? max_i64(1, j->info->max_chunk) : rows;
            int64_t done = step * chunk;
            if (done >= rows) continue;
            engine_use_bank(j->e, k);
            if (!launch(j, 0, first + k, done == 0 && !begun[k], done, min_i64(chunk, rows - done),
                        out, n_out))
                return false;
            left = true;
        }
    }
    return true;
}

bool host_run(engine *e, const tensor_set *inputs, const host_options *o, arena *a,
              tensor_set *outputs, diag_sink *diags) {
    static const host_options all = {0};
    const engine_info *info = engine_describe(e);
    host_job j = {
        .e = e, .info = info, .inputs = inputs, .o = o ? o : &all, .a = a, .diags = diags};
    bool ok = check_outputs(&j);
    if (!host_inputs_check(&j) || !check_batch(&j) || !ok) return false;
    collected *out = ARENA_ARRAY(a, collected, info->n_ports + 1);
    size_t n_out = 0;
    for (size_t i = 0; i < info->n_ports; i++)
        if (!info->ports[i].input && host_wants(&j, info->ports[i].name, false))
            out[n_out++] = (collected){i, ARENA_ARRAY(a, tensor, j.batch + 1)};
    host_present *present;
    size_t n_presents = host_presents(&j, &present);
    for (int64_t b = 0; ok && b < j.batch; b += info->banks) {
        int64_t n = min_i64(info->banks, j.batch - b);
        ok = run_sequences(&j, b, n, out, n_out);
        for (int64_t k = 0; ok && k < n; k++) {
            engine_use_bank(e, k);
            ok = host_presents_read(&j, b + k, present, n_presents);
        }
    }
    engine_use_bank(e, 0);
    if (!ok) return false;
    outputs->count = 0;
    outputs->items = ARENA_ARRAY(a, tensor_named, n_out + n_presents + 1);
    for (size_t i = 0; i < n_out; i++)
        outputs->items[outputs->count++] =
            (tensor_named){info->ports[out[i].port].name, assemble(&j, &out[i])};
    for (size_t i = 0; i < n_presents; i++) outputs->items[outputs->count++] = present[i].out;
    return true;
}
