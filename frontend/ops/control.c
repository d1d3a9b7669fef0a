// Control flow that is settled at compile time: If by its condition, Loop and Scan unrolled.
#include "frontend/import.h"

#define MAX_ROUNDS 4096 // of a loop
#define MAX_SCANS 1024  // outputs collected by it

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
    const onnx_graph *g = onnx_attr_g(c, yes ? "then_branch" : "else_branch");
    return g && onnx_import_graph(c, g, NULL, 0, c->out, c->n_out);
}

// What the rounds of a loop hand out: [round][output of the body].
typedef VEC(ir_val) handed_out;

static bool keep_round(onnx_call *c, handed_out *all, const ir_val *out, size_t n) {
    if (!onnx_take(c, BUDGET_operations, n)) return false;
    for (size_t i = 0; i < n; i++) {
        if (out[i] == ONNX_POISON) return onnx_missing(c, "its body cannot be imported");
        vec_push(all, out[i]);
    }
    return true;
}

// Output `at` of the n that every round hands out, joined along a new axis; the last round first
// when `backwards`.
static ir_val join_rounds(onnx_call *c, const handed_out *all, size_t n, size_t at, int64_t axis,
                          bool backwards) {
    size_t rounds = n ? all->count / n : 0;
    int where = 0;
    if (rounds == 0) {
        onnx_missing(c, "a loop without rounds has no scan outputs");
        return IR_NONE;
    }
    ir_val *v = ONNX_LIST(c, ir_val, (int64_t)rounds);
    for (size_t r = 0; v && r < rounds; r++) {
        ir_val x = all->items[(backwards ? rounds - 1 - r : r) * n + at];
        if (x == IR_NONE || onnx_is_sequence(x)) return IR_NONE;
        if (!onnx_axis(c, axis, onnx_rank(c, x) + 1, &where)) return IR_NONE;
        v[r] = onnx_unsqueeze(c, x, where);
        if (v[r] == IR_NONE) return IR_NONE;
    }
    return v ? onnx_concat(c, v, rounds, where) : IR_NONE;
}

static bool run_loop(onnx_call *c, const onnx_graph *g, int64_t trips, bool on, ir_val *in,
                     handed_out *all) {
    size_t n_state = c->n_in - 2;
    ir_val *out = ONNX_LIST(c, ir_val, (int64_t)g->n_outputs);
    if (!out) return false;
    for (int64_t round = 0; on && round < trips; round++) {
        if (round == MAX_ROUNDS) return onnx_missing(c, "more than %d rounds", MAX_ROUNDS);
        in[0] = onnx_scalar(c, ELEM_i64, (double)round);
        if (in[1] == IR_NONE) in[1] = onnx_scalar(c, ELEM_bool, 1);
        if (!onnx_import_graph(c, g, in, c->n_in, out, g->n_outputs) ||
            !keep_round(c, all, out, g->n_outputs))
            return false;
        memcpy(in + 1, out, (n_state + 1) * sizeof *in);
        if (!truth(c, in[1], "the condition", &on)) return false;
    }
    return true;
}

// (trip count?, condition?, state...) with a body (round, condition, state...) -> (condition,
// state..., scans...)
bool onnx_import_loop(onnx_call *c) {
    const onnx_graph *g = onnx_attr_g(c, "body");
    int64_t trips = MAX_ROUNDS + 1;
    bool on = true;
    if (!g) return false;
    if (onnx_in(c, 0) != IR_NONE && !onnx_need_int(c, onnx_in(c, 0), &trips, "the trip count"))
        return false;
    if (onnx_in(c, 1) != IR_NONE && !truth(c, onnx_in(c, 1), "the condition", &on)) return false;
    if (c->n_in < 2 || g->n_inputs != c->n_in || g->n_outputs + 1 < c->n_in ||
        g->n_outputs > MAX_SCANS)
        return onnx_missing(c, "its body does not fit");
    size_t n_state = c->n_in - 2;
    ir_val *in = ONNX_LIST(c, ir_val, (int64_t)c->n_in);
    if (!in) return false;
    memcpy(in + 1, c->in + 1, (c->n_in - 1) * sizeof *in);
    handed_out all = {0};
    bool ok = run_loop(c, g, trips, on, in, &all);
    for (size_t i = 0; ok && i < c->n_out; i++) {
        if (i < n_state)
            onnx_set(c, i, in[i + 2]);
        else if (onnx_wants(c, i) && i + 1 < g->n_outputs)
            onnx_set(c, i, join_rounds(c, &all, g->n_outputs, i + 1, 0, false));
    }
    vec_free(&all);
    return ok && !c->why;
}

static int64_t listed(onnx_call *c, const char *name, size_t i) {
    size_t n;
    const int64_t *v = onnx_attr_is(c, name, &n);
    return v && i < n ? v[i] : 0;
}

// Element `at` of x along `axis`, which goes.
static ir_val element(onnx_call *c, ir_val x, int axis, int64_t at) {
    ir_type t = onnx_type(c, x);
    x = onnx_slice1(c, x, axis, at, 1);
    memmove(t.dim + axis, t.dim + axis + 1, sizeof t.dim[0] * (size_t)(t.rank - 1 - axis));
    return onnx_reshape(c, x, t.rank - 1, t.dim);
}

// Scan-9: (state..., scanned...) with a body (state..., element...) -> (state..., scans...)
bool onnx_import_scan(onnx_call *c) {
    const onnx_graph *g = onnx_attr_g(c, "body");
    size_t n_scanned = (size_t)onnx_attr_i(c, "num_scan_inputs", 0);
    if (!g) return false;
    if (n_scanned < 1 || n_scanned > c->n_in || g->n_inputs != c->n_in)
        return onnx_missing(c, "its body does not fit");
    size_t n_state = c->n_in - n_scanned;
    if (g->n_outputs < n_state || g->n_outputs > MAX_SCANS)
        return onnx_missing(c, "its body does not fit");
    int64_t rounds = -1;
    int *axis = ONNX_LIST(c, int, (int64_t)n_scanned);
    if (!axis) return false;
    for (size_t i = 0; i < n_scanned; i++) {
        ir_type t = onnx_type(c, c->in[n_state + i]);
        if (!onnx_axis(c, listed(c, "scan_input_axes", i), t.rank, &axis[i])) return false;
        if (rounds >= 0 && rounds != t.dim[axis[i]])
            return onnx_missing(c, "its scanned inputs differ in length");
        rounds = t.dim[axis[i]];
    }
    if (rounds > MAX_ROUNDS) return onnx_missing(c, "more than %d rounds", MAX_ROUNDS);
    ir_val *in = ONNX_LIST(c, ir_val, (int64_t)c->n_in);
    ir_val *out = ONNX_LIST(c, ir_val, (int64_t)g->n_outputs);
    if (!in || !out) return false;
    memcpy(in, c->in, n_state * sizeof *in);
    handed_out all = {0};
    bool ok = true;
    for (int64_t r = 0; ok && r < rounds; r++) {
        for (size_t i = 0; i < n_scanned; i++) {
            bool backwards = listed(c, "scan_input_directions", i) != 0;
            in[n_state + i] =
                element(c, c->in[n_state + i], axis[i], backwards ? rounds - 1 - r : r);
        }
        ok = !c->why && onnx_import_graph(c, g, in, c->n_in, out, g->n_outputs) &&
             keep_round(c, &all, out, g->n_outputs);
        if (ok) memcpy(in, out, n_state * sizeof *in);
    }
    for (size_t i = 0; ok && i < c->n_out; i++) {
        if (i < n_state)
            onnx_set(c, i, in[i]);
        else if (onnx_wants(c, i) && i < g->n_outputs)
            onnx_set(c, i,
                     join_rounds(c, &all, g->n_outputs, i,
                                 listed(c, "scan_output_axes", i - n_state),
                                 listed(c, "scan_output_directions", i - n_state) != 0));
    }
    vec_free(&all);
    return ok && !c->why;
}
