// Attention on rings: nn.attn, nn.scores and the ring unit's instructions gc.*.
#include "ir/eval/eval.h"
#include "ir/eval/ring.h"
#include "ir/kernel/attend.h"
#include "support/parallel.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef enum { ATTEND, SCORES, PROBABILITIES, MIX } ring_result;

typedef struct {
    const ir_ring_state *ring;
    ring_result what;
    bool quick;      // products
    bool written;    // rows after the querying one may have taken slots
    int64_t pos;     // of row 0
    const float *in; // q [rows][heads*d], or probabilities [rows][heads*slots] to mix
    float *out;
} ring_job;

// Moves between key order (position pos + i) and slot order (position mod slots).
static void to_slots(const ir_ring_state *r, float *slots, const float *keys, int64_t pos,
                     int64_t n) {
    for (int64_t i = 0; i < n; i++) slots[(pos + i) % r->slots] = keys[i];
}
static void from_slots(const ir_ring_state *r, float *keys, const float *slots, int64_t pos,
                       int64_t n) {
    for (int64_t i = 0; i < n; i++) keys[i] = slots[(pos + i) % r->slots];
}

// What a row sees of one key/value head.
typedef struct {
    int64_t g, from, n, pos; // columns of k from `from` on; position of the first
    const uint8_t *valid;    // NULL: all
} sight;

static sight sight_of(const ring_job *j, int64_t t, int64_t h) {
    const ir_ring_state *r = j->ring;
    sight v = {.g = h / r->q_per_kv};
    ring_visible(r, t, j->written, &v.from, &v.n, &v.pos);
    if (r->masked && v.n) v.valid = r->valid + v.from;
    return v;
}

static void attend_charge(const ir_ring_state *r, int64_t t, int64_t h, const sight *v,
                          const float *in, float *out) {
    size_t d = (size_t)r->d, dv = (size_t)r->dv;
    size_t at = (size_t)(v->g * r->capacity + v->from), heads = (size_t)(r->n_kv * r->q_per_kv);
    const float *scale = r->scalings + h;
    double *q = base_alloc((d + 1) * sizeof *q);
    for (size_t i = 0; i < d; i++) q[i] = charge_pulse(&r->charge, scale[0], scale[heads], in[i]);
    charge_query query = {q, d, dv, scale[6 * heads], scale[7 * heads], t};
    charge_memory memory = {.k = v->n ? r->k_stored + at * d : NULL,
                            .v = v->n ? r->v_stored + at * dv : NULL,
                            .valid = v->valid,
                            .first = v->pos,
                            .n = v->n};
    charge_attend(&r->charge, &query, &memory, out, NULL, NULL);
    free(q);
}

// Score read-out. s: room for one number more than the row sees.
static void attend_score(const ring_job *j, int64_t t, int64_t h, const sight *v, const float *in,
                         float *out, float *s, float *bias) {
    const ir_ring_state *r = j->ring;
    size_t n = (size_t)v->n, from = (size_t)v->from;
    size_t at = (size_t)(v->g * r->capacity) + from;
    attend_head head = {.kt = r->k + v->g * r->d * r->capacity,
                        .v = r->v + v->g * r->dv * r->capacity,
                        .ld_k = (size_t)r->capacity,
                        .d = (size_t)r->d,
                        .dv = (size_t)r->dv,
                        .scale = r->scale,
                        .softcap = r->softcap,
                        .hard = r->hard,
                        .quick = j->quick,
                        .alpha = r->alpha,
                        .beta = r->beta,
                        .sink = r->sink ? r->sink + h : NULL};
    bool levels = r->readout == RING_LEVELS;
    levels_memory memory = {.valid = v->valid, .first = v->pos, .n = v->n};
    if (levels) {
        memory.k = r->k_stored + at * head.d;
        memory.v = r->v_stored + at * head.dv;
        memory.k_a = r->k_a + at;
        memory.v_a = r->v_a + at;
    }
    if (j->what == MIX) {
        from_slots(r, s, in, v->pos, v->n);
    } else {
        const float *added = ring_bias_row(r, h, t, v->pos, v->n, bias) ? bias : NULL;
        if (levels) {
            levels_scores(&r->levels, in, head.d, &memory, s);
            attend_scale(s, &head, n, added);
        } else {
            attend_scores(s, in, &head, from, n, added);
        }
        if (j->what == SCORES) {
            for (size_t i = 0; v->valid && i < n; i++)
                if (!v->valid[i]) s[i] = -INFINITY;
        } else {
            attend_activate(s, &head, n, v->valid);
        }
    }
    if (j->what == SCORES || j->what == PROBABILITIES)
        to_slots(r, out, s, v->pos, v->n);
    else if (levels)
        levels_mix(&r->levels, s, head.dv, &memory, out);
    else
        attend_mix(out, s, &head, from, n, v->valid);
}

static void attend_one(const ring_job *j, int64_t row, int64_t h, float *s, float *bias) {
    const ir_ring_state *r = j->ring;
    int64_t heads = r->n_kv * r->q_per_kv, t = j->pos + row;
    int64_t in_width = j->what == MIX ? r->slots : r->d;
    int64_t out_width = j->what == ATTEND || j->what == MIX ? r->dv : r->slots;
    const float *in = j->in + (row * heads + h) * in_width;
    float *out = j->out + (row * heads + h) * out_width;
    sight v = sight_of(j, t, h);
    if (j->what == SCORES)
        for (int64_t i = 0; i < r->slots; i++) out[i] = -INFINITY;
    if (r->readout == RING_CHARGE)
        attend_charge(r, t, h, &v, in, out); // of nothing: b_o
    else if (v.n)
        attend_score(j, t, h, &v, in, out, s, bias); // of nothing: zeros
}

static void attend_range(void *ctx, size_t begin, size_t end) {
    const ring_job *j = ctx;
    int64_t heads = j->ring->n_kv * j->ring->q_per_kv;
    float *s = base_alloc(2 * (size_t)(j->ring->count + 1) * sizeof *s);
    for (size_t i = begin; i < end; i++)
        attend_one(j, (int64_t)i / heads, (int64_t)i % heads, s, s + j->ring->count + 1);
    free(s);
}

static ir_ring_state *ring_of(const ir_eval_ctx *c, const ir_op *op) {
    const char *name = ir_attr_str(&op->attrs, IR_ATTR_ring, "");
    ir_ring_state *r = ring_find(c->rings, name);
    if (!r) eval_fail(c, op, DIAG_ID_eval_operand, "there is no ring '@%s' in this function", name);
    return r;
}

// Writes operands k, v, mask? from index i on.
static bool write_rows(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, uint32_t i,
                       ir_ring_state *r) {
    const tensor *k = in[i], *v = in[i + 1], *mask = op->n_operands > i + 2 ? in[i + 2] : NULL;
    int64_t n = k->rank ? k->dim[0] : 0;
    if (tensor_count(k) != (size_t)(n * r->n_kv * r->d) ||
        tensor_count(v) != (size_t)(n * r->n_kv * r->dv) ||
        (mask && tensor_count(mask) != (size_t)n))
        return eval_fail(c, op, DIAG_ID_eval_operand, "keys and values do not fit ring '@%s'",
                         r->symbol->name);
    if (r->mode != IR_RING_CAUSAL && n > r->slots)
        return eval_fail(c, op, DIAG_ID_eval_operand, "%lld rows for ring '@%s' of %lld slots",
                         (long long)n, r->symbol->name, (long long)r->slots);
    eval_view kv = eval_view_as(k, ELEM_f32), vv = eval_view_as(v, ELEM_f32), mv = {0};
    if (mask) mv = eval_view_as(mask, ELEM_i32);
    ring_write(r, eval_pos(c, eval_domain_of_operand(c, op, i)), n, kv.data, vv.data, mv.data);
    eval_view_free(&kv);
    eval_view_free(&vv);
    eval_view_free(&mv);
    return true;
}

// q is operand 0.
static bool query_rows(ir_eval_ctx *c, const ir_op *op, const tensor *q, tensor *out,
                       const ir_ring_state *r, ring_result what, bool written) {
    int64_t heads = r->n_kv * r->q_per_kv, rows = q->rank ? q->dim[0] : 0;
    if (r->readout == RING_CHARGE && what != ATTEND)
        return eval_fail(c, op, DIAG_ID_eval_operand, "no scores leave ring '@%s' of charges",
                         r->symbol->name);
    int64_t in_width = what == MIX ? r->slots : r->d;
    int64_t out_width = what == ATTEND || what == MIX ? r->dv : r->slots;
    if (tensor_count(q) != (size_t)(rows * heads * in_width) || out->type != ELEM_f32 ||
        tensor_count(out) != (size_t)(rows * heads * out_width))
        return eval_fail(c, op, DIAG_ID_eval_operand, "the query does not fit ring '@%s'",
                         r->symbol->name);
    ring_job j = {.ring = r, .what = what, .quick = c->quick, .written = written, .out = out->data};
    j.pos = eval_pos(c, eval_domain_of_operand(c, op, 0));
    int64_t last = max_i64(j.pos + rows, r->first + r->count);
    if (r->bias == IR_BIAS_FULL && last > r->table_width)
        return eval_fail(c, op, DIAG_ID_eval_index, "position %lld of a bias table of %lld rows",
                         (long long)(last - 1), (long long)r->table_width);
    eval_view view = eval_view_as(q, ELEM_f32);
    j.in = view.data;
    size_t work = (size_t)(r->d + r->dv) * (size_t)min_i64(r->count, r->slots) + 1;
    parallel_for(c->threads, (size_t)(rows * heads), 1 + 400000 / work, attend_range, &j);
    eval_view_free(&view);
    return true;
}

static bool write_and_query(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out,
                            ring_result what) {
    ir_ring_state *r = ring_of(c, op);
    if (!r) return false;
    // A cross ring keeps what an earlier step wrote when this one brings no keys.
    bool keeps = r->mode == IR_RING_CROSS && in[1]->rank > 0 && in[1]->dim[0] == 0;
    return (keeps || write_rows(c, op, in, 1, r)) && query_rows(c, op, in[0], out, r, what, false);
}

bool ir_eval_nn_attn(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    return write_and_query(c, op, in, out, ATTEND);
}
bool ir_eval_nn_scores(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    return write_and_query(c, op, in, out, PROBABILITIES);
}
bool ir_eval_gc_attn(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    return write_and_query(c, op, in, out, ATTEND);
}
bool ir_eval_gc_write(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    ir_ring_state *r = ring_of(c, op);
    return r && write_rows(c, op, in, 0, r);
}
static bool query(ir_eval_ctx *c, const ir_op *op, const tensor *q, tensor *out, ring_result what) {
    ir_ring_state *r = ring_of(c, op);
    return r && query_rows(c, op, q, out, r, what, true);
}
bool ir_eval_gc_query(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    return query(c, op, in[0], out, ATTEND);
}
bool ir_eval_gc_score(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    return query(c, op, in[0], out, SCORES);
}
bool ir_eval_gc_mix(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    return query(c, op, in[0], out, MIX);
}
