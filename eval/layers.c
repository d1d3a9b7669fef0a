// How far are a program's values from the model's, node by node?
//
// The interpreter's values of the reference are kept by ONNX node; the simulator's come instruction
// by instruction, with the nodes they stand for in the line table. An instruction may stand for
// several nodes (fusion) and a node for several instructions (a partial sum, a quantised copy): of
// the values that have rows of its width, or of the buffer's that its columns lie in, an
// instruction computes the one it is closest to; a value is computed by the instruction closest to
// it. A factor that the compiler moved into a neighbour's weights shows as a large error of that
// one node.
#include "eval/eval.h"
#include "ir/text/text.h"
#include "support/map.h"
#include <math.h>
#include <string.h>

typedef struct {
    const char *node;
    tensor value; // f32
} reference_value;

typedef struct {
    uint32_t value; // of the reference
    uint32_t col0, width;
    double max_error, square_error, square;
    size_t count;
} piece;

typedef struct {
    arena *a;
    const isa_program *p;
    VEC(reference_value) values;
    VEC(uint32_t) next; // value of the same node before this one, or MAP_NONE
    map *by_node;       // its last value
    VEC(piece) pieces;
} comparison;

static void keep_value(void *ctx, const ir_op *op, uint32_t result, const tensor *value) {
    comparison *c = ctx;
    (void)result;
    if (!elem_is_float(value->type)) return;
    for (uint32_t i = 0; i < op->n_locs; i++) {
        uint32_t index = (uint32_t)c->values.count;
        vec_push(&c->values, (reference_value){arena_str(c->a, op->loc[i]),
                                               tensor_cast(c->a, value, ELEM_f32)});
        vec_push(&c->next, map_get(c->by_node, op->loc[i]));
        map_set(c->by_node, op->loc[i], index);
    }
}

// Compares rows with columns [col0, col0 + width) of the value's rows along `axis`.
static piece compare(const tensor *rows, const tensor *value, int axis, uint32_t col0) {
    int64_t inner = 1, n = rows->dim[0], width = rows->dim[1];
    for (int i = axis + 1; i < value->rank; i++) inner *= value->dim[i];
    piece p = {.col0 = col0, .width = (uint32_t)width};
    for (int64_t r = 0; r < n; r++)
        for (int64_t k = 0; k < width; k++) {
            int64_t column = (int64_t)col0 + k;
            int64_t at = (column / inner * n + r) * inner + column % inner;
            double x = (double)((const float *)rows->data)[r * width + k];
            double y = (double)((const float *)value->data)[at], e = fabs(x - y);
            if (!(e / (1 + fabs(y)) <= p.max_error)) p.max_error = e / (1 + fabs(y));
            p.square_error += e * e;
            p.square += y * y;
            p.count++;
        }
    return p;
}

static void offer(comparison *c, const piece *p) {
    for (size_t i = 0; i < c->pieces.count; i++) {
        piece *old = &c->pieces.items[i];
        if (old->value != p->value || old->col0 != p->col0 || old->width != p->width) continue;
        if (p->max_error < old->max_error) *old = *p;
        return;
    }
    vec_push(&c->pieces, *p);
}

// Rows against one value of the reference, along the axis that fits best. count 0: none fits.
static piece compare_value(const comparison *c, uint32_t v, const tensor *rows, uint32_t col0,
                           uint32_t width) {
    const tensor *value = &c->values.items[v].value;
    piece best = {.value = v};
    if ((int64_t)tensor_count(value) != rows->dim[0] * (int64_t)width) return best;
    for (int axis = value->rank - 1; axis >= 0; axis--) {
        if (value->dim[axis] != rows->dim[0]) continue;
        piece p = compare(rows, value, axis, col0);
        p.value = v;
        if (!best.count || p.max_error < best.max_error) best = p;
    }
    return best;
}

// The value that the rows are closest to, of the nodes they stand for; of equal ones the latest.
static piece closest(const comparison *c, const char *nodes, const tensor *rows, uint32_t col0,
                     uint32_t width) {
    piece best = {.count = 0};
    char *rest = arena_str(c->a, nodes);
    for (char *name; (name = strsep(&rest, "\n")) != NULL;)
        for (uint32_t v = map_get(c->by_node, name); v != MAP_NONE; v = c->next.items[v]) {
            piece p = compare_value(c, v, rows, col0, width);
            bool nearer = !best.count || p.max_error < best.max_error ||
                          (p.max_error == best.max_error && v > best.value);
            if (p.count && nearer) best = p;
        }
    return best;
}

static void see(void *ctx, uint32_t tile, uint32_t phase, uint32_t pc, const tensor *rows) {
    comparison *c = ctx;
    const isa_tile *t = &c->p->tiles[tile];
    const isa_buffer *d = &t->buffers[t->phase[phase].code[pc].d];
    const char *nodes = isa_str(c->p, t->phase[phase].lines[pc].node);
    if (rows->type != ELEM_f32 || !nodes[0]) return;
    piece p = closest(c, nodes, rows, 0, (uint32_t)rows->dim[1]);
    if (!p.count) p = closest(c, nodes, rows, d->col0, t->buffers[d->parent].width);
    if (p.count) offer(c, &p);
}

static void collect(const comparison *c, eval_layers *out, size_t *left_out) {
    *left_out = 0;
    for (uint32_t v = 0; v < c->values.count; v++) {
        double square_error = 0, square = 0;
        eval_layer l = {.node = c->values.items[v].node};
        for (size_t i = 0; i < c->pieces.count; i++) {
            const piece *p = &c->pieces.items[i];
            if (p->value != v) continue;
            l.max_error = p->max_error > l.max_error ? p->max_error : l.max_error;
            square_error += p->square_error;
            square += p->square;
            l.values += p->count;
        }
        l.relative = square > 0 ? sqrt(square_error / square) : sqrt(square_error);
        if (l.values)
            vec_push(out, l);
        else
            ++*left_out;
    }
}

static bool inputs_of(eval_model *m, const int64_t *ids, size_t n, arena *a, tensor_set *set,
                      diag_sink *diags) {
    return eval_seeded_inputs(m, a, set) || eval_token_inputs(m, ids, n, a, set, diags);
}

// ---- is it the model's program? ---------------------------------------------------------------

static bool other_model(const char *what, const char *name, diag_sink *diags) {
    diag_emit(diags, DIAG_ID_eval_data, DIAG_NOWHERE,
              "--layers: the program is of another model: its %s '%s' is %s", what, name,
              strcmp(what, "node") == 0 ? "none of the model's" : "not the model's");
    return false;
}

static bool is_port(const isa_program *p, const char *name) {
    for (uint32_t i = 0; i < p->n_ports; i++)
        if (strcmp(isa_str(p, p->ports[i].name), name) == 0) return true;
    return false;
}

// The first node of the program that the model lacks, where it has none of them; NULL: it has some,
// or the program names none.
static const char *foreign_node(const isa_program *p, const ir_module *m, arena *a) {
    map *known = map_new();
    for (size_t i = 0; i < m->funcs.count; i++)
        for (size_t k = 0; k < m->funcs.items[i]->ops.count; k++) {
            const ir_op *op = &m->funcs.items[i]->ops.items[k];
            for (uint32_t n = 0; n < op->n_locs; n++) map_set(known, op->loc[n], 0);
        }
    const char *foreign = NULL;
    bool any = false;
    for (uint32_t t = 0; t < p->n_tiles; t++)
        for (uint32_t ph = 0; ph < p->n_phases; ph++)
            for (uint32_t i = 0; i < p->tiles[t].phase[ph].count; i++) {
                char *rest = arena_str(a, isa_str(p, p->tiles[t].phase[ph].lines[i].node));
                for (char *name; (name = strsep(&rest, "\n")) != NULL;) {
                    if (!*name || is_port(p, name)) continue;
                    if (map_get(known, name) != MAP_NONE)
                        any = true;
                    else if (!foreign)
                        foreign = arena_str(a, name);
                }
            }
    map_free(known);
    return any ? NULL : foreign;
}

// The data of big tensors are not in a program's text; their hashes are.
static bool leave_out(void *ctx, const char *hash, tensor *out) {
    (void)ctx, (void)hash, (void)out;
    return true;
}

// A tensor of the program's IR text that has a name, type and shape of the model's, but other
// numbers; NULL: none.
static const char *foreign_tensor(const isa_program *p, ir_module *m, arena *a) {
    diag_sink *unheard = diag_sink_new();
    ir_module *text = ir_parse(p->ir, strlen(p->ir), "IR", NULL, leave_out, NULL, unheard);
    const char *foreign = NULL;
    for (size_t i = 0; text && !foreign && i < text->symbols.count; i++) {
        ir_symbol *s = text->symbols.items[i], *own = ir_symbol_find(m, s->name);
        if (s->kind != IR_SYM_TENSOR || !own || own->kind != IR_SYM_TENSOR || !own->data.data ||
            own->data.type != s->data.type || !tensor_same_shape(&own->data, &s->data))
            continue;
        bool stands = s->data.data || s->hash[0];
        if (stands && strcmp(ir_symbol_hash(own), ir_symbol_hash(s)) != 0)
            foreign = arena_str(a, s->name);
    }
    ir_module_free(text);
    diag_sink_free(unheard);
    return foreign;
}

static bool is_program_of(const isa_program *p, ir_module *m, arena *a, diag_sink *diags) {
    const char *node = foreign_node(p, m, a), *data = foreign_tensor(p, m, a);
    if (node) return other_model("node", node, diags);
    return !data || other_model("tensor", data, diags);
}

bool eval_layer_errors(eval_model *reference, eval_model *program, const int64_t *ids, size_t n,
                       arena *a, eval_layers *out, size_t *left_out, diag_sink *diags) {
    comparison c = {.a = a, .p = eval_model_program(program), .by_node = map_new()};
    if (!c.p || eval_model_sim(reference)) {
        diag_emit(diags, DIAG_ID_usage, DIAG_NOWHERE,
                  "--layers compares a model (.onnx or .oir) with a program (.ohm)");
        map_free(c.by_node);
        return false;
    }
    if (c.p->max_chunk && n > c.p->max_chunk) n = c.p->max_chunk; // one step
    for (int d = 0; d < ISA_DOMAINS; d++)
        if (c.p->phases[0].fixed_rows[d]) n = min_i64((int64_t)n, c.p->phases[0].fixed_rows[d]);
    tensor_set in;
    tensor rows;
    eval_model_observe(reference, keep_value, &c);
    bool ok = inputs_of(reference, ids, n, a, &in, diags) &&
              eval_run(reference, &in, NULL, a, &rows, diags);
    eval_model_observe(reference, NULL, NULL);
    ok = ok && is_program_of(c.p, eval_model_module(reference), a, diags);
    tensor_set same;
    sim_observe(eval_model_sim(program), see, &c);
    ok = ok && (eval_seeded_inputs(reference, a, &same)
                    ? eval_run(program, &same, NULL, a, &rows, diags)
                    : eval_token_inputs(program, ids, n, a, &same, diags) &&
                          eval_run(program, &same, NULL, a, &rows, diags));
    sim_observe(eval_model_sim(program), NULL, NULL);
    if (ok) collect(&c, out, left_out);
    vec_free(&c.values);
    vec_free(&c.next);
    vec_free(&c.pieces);
    map_free(c.by_node);
    return ok;
}
