// Control flow that is settled at compile time: If by its condition, Loop and Scan unrolled.
#include "frontend/import.h"

#define MAX_ROUNDS 4096 // of a loop
#define MAX_SCANS 1024  // outputs collected by it

static const onnx_graph *graph_attr(onnx_call *c, const char *name) {
    const onnx_attr *a = onnx_attribute(c, name);
    if (a && a->g) return a->g;
    onnx_missing(c, "it lacks its subgraph '%s'", name);
    return NULL;
}

static bool truth(onnx_call *c, ir_val v, const char *what, bool *out) {
    const tensor *t = onnx_need(c, v, what);
    if (!t) return false;
    if (tensor_count(t) != 1) return onnx_missing(c, "%s is no scalar", what);
    *out = elem_load_i64(t->type, t->data, 0) != 0;
    return true;
}

bool onnx_import_if(onnx_call *c) {
    bool yes;
    if (!truth(c, onnx_in(c, 0), "the condition", &yes)) return false;
    const onnx_graph *g = graph_attr(c, yes ? "then_branch" : "else_branch");
    return g && onnx_import_graph(c, g, NULL, 0, c->out, c->n_out);
}

// What the rounds of a loop hand out, joined along a new axis.
static ir_val join_rounds(onnx_call *c, ir_val *v, size_t rounds, int64_t axis) {
    int at;
    if (rounds == 0) {
        onnx_missing(c, "a loop without rounds has no scan outputs");
        return IR_NONE;
    }
    for (size_t i = 0; i < rounds; i++) {
        if (v[i] == IR_NONE || v[i] == ONNX_POISON || onnx_is_sequence(v[i])) return IR_NONE;
        if (!onnx_axis(c, axis, onnx_rank(c, v[i]) + 1, &at)) return IR_NONE;
        v[i] = onnx_unsqueeze(c, v[i], at);
    }
    return onnx_concat(c, v, rounds, at);
}

// (trip count?, condition?, state...) with a body (round, condition, state...) -> (condition,
// state..., scans...)
bool onnx_import_loop(onnx_call *c) {
    const onnx_graph *g = graph_attr(c, "body");
    int64_t trips = MAX_ROUNDS + 1;
    bool on = true;
    if (!g) return false;
    if (onnx_in(c, 0) != IR_NONE && !onnx_need_int(c, onnx_in(c, 0), &trips, "the trip count"))
        return false;
    if (onnx_in(c, 1) != IR_NONE && !truth(c, onnx_in(c, 1), "the condition", &on)) return false;
    if (c->n_in < 2 || g->n_inputs != c->n_in || g->n_outputs + 1 < c->n_in ||
        g->n_outputs > MAX_SCANS)
        return onnx_missing(c, "its body does not fit");
    size_t n_state = c->n_in - 2, n_scan = g->n_outputs - 1 - n_state, rounds = 0;
    ir_val *in = ARENA_ARRAY(c->arena, ir_val, c->n_in);
    ir_val *out = ARENA_ARRAY(c->arena, ir_val, g->n_outputs);
    ir_val *scan = ARENA_ARRAY(c->arena, ir_val, n_scan * MAX_ROUNDS + 1);
    for (size_t i = 0; i < n_state; i++) in[i + 2] = c->in[i + 2];
    in[1] = onnx_in(c, 1);
    for (; on && (int64_t)rounds < trips; rounds++) {
        if (rounds == MAX_ROUNDS) return onnx_missing(c, "more than %d rounds", MAX_ROUNDS);
        in[0] = onnx_scalar(c, ELEM_i64, (double)rounds);
        if (in[1] == IR_NONE) in[1] = onnx_scalar(c, ELEM_bool, 1);
        if (!onnx_import_graph(c, g, in, c->n_in, out, g->n_outputs)) return false;
        for (size_t i = 0; i < g->n_outputs; i++)
            if (out[i] == ONNX_POISON) return onnx_missing(c, "its body cannot be imported");
        for (size_t i = 0; i < n_scan; i++) scan[i * MAX_ROUNDS + rounds] = out[1 + n_state + i];
        memcpy(in + 1, out, (n_state + 1) * sizeof *in);
        if (!truth(c, in[1], "the condition", &on)) return false;
    }
    for (size_t i = 0; i < c->n_out; i++) {
        if (i < n_state)
            onnx_set(c, i, in[i + 2]);
        else if (onnx_wants(c, i) && i - n_state < n_scan)
            onnx_set(c, i, join_rounds(c, scan + (i - n_state) * MAX_ROUNDS, rounds, 0));
    }
    return !c->why;
}

static int64_t listed(onnx_call *c, const char *name, size_t i) {
    size_t n;
    const int64_t *v = onnx_attr_is(c, name, &n);
    return v && i < n ? v[i] : 0;
}

// Scan-9: (state..., scanned...) with a body (state..., element...) -> (state..., scans...)
bool onnx_import_scan(onnx_call *c) {
    const onnx_graph *g = graph_attr(c, "body");
    size_t n_scanned = (size_t)onnx_attr_i(c, "num_scan_inputs", 0);
    if (!g) return false;
    if (n_scanned < 1 || n_scanned > c->n_in || g->n_inputs != c->n_in)
        return onnx_missing(c, "its body does not fit");
    size_t n_state = c->n_in - n_scanned;
    if (g->n_outputs < n_state || g->n_outputs > MAX_SCANS)
        return onnx_missing(c, "its body does not fit");
    size_t n_scan = g->n_outputs - n_state;
    int64_t rounds = -1;
    int *axis = ARENA_ARRAY(c->arena, int, n_scanned);
    for (size_t i = 0; i < n_scanned; i++) {
        ir_type t = onnx_type(c, c->in[n_state + i]);
        if (!onnx_axis(c, listed(c, "scan_input_axes", i), t.rank, &axis[i])) return false;
        if (rounds >= 0 && rounds != t.dim[axis[i]])
            return onnx_missing(c, "its scanned inputs differ in length");
        rounds = t.dim[axis[i]];
    }
    if (rounds > MAX_ROUNDS) return onnx_missing(c, "more than %d rounds", MAX_ROUNDS);
    ir_val *in = ARENA_ARRAY(c->arena, ir_val, c->n_in);
    ir_val *out = ARENA_ARRAY(c->arena, ir_val, g->n_outputs + 1);
    ir_val *scan = ARENA_ARRAY(c->arena, ir_val, n_scan * (size_t)rounds + 1);
    memcpy(in, c->in, n_state * sizeof *in);
    for (int64_t r = 0; r < rounds; r++) {
        for (size_t i = 0; i < n_scanned; i++) {
            ir_val x = c->in[n_state + i];
            ir_type t = onnx_type(c, x);
            int64_t at = listed(c, "scan_input_directions", i) ? rounds - 1 - r : r;
            x = onnx_slice1(c, x, axis[i], at, 1);
            memmove(t.dim + axis[i], t.dim + axis[i] + 1,
                    sizeof t.dim[0] * (size_t)(t.rank - 1 - axis[i]));
            in[n_state + i] = onnx_reshape(c, x, t.rank - 1, t.dim);
        }
        if (c->why || !onnx_import_graph(c, g, in, c->n_in, out, g->n_outputs)) return false;
        for (size_t i = 0; i < g->n_outputs; i++)
            if (out[i] == ONNX_POISON) return onnx_missing(c, "its body cannot be imported");
        memcpy(in, out, n_state * sizeof *in);
        for (size_t i = 0; i < n_scan; i++) {
            int64_t at = listed(c, "scan_output_directions", i) ? rounds - 1 - r : r;
            scan[i * (size_t)rounds + (size_t)at] = out[n_state + i];
        }
    }
    for (size_t i = 0; i < c->n_out; i++) {
        if (i < n_state)
            onnx_set(c, i, in[i]);
        else if (onnx_wants(c, i) && i - n_state < n_scan)
            onnx_set(c, i,
                     join_rounds(c, scan + (i - n_state) * (size_t)rounds, (size_t)rounds,
                                 listed(c, "scan_output_axes", i - n_state)));
    }
    return !c->why;
}
