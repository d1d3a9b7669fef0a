// The model at one choice of counts: every input's shape from what its axes count, and the values
// of those that are bound.
#include "passes/tokens/bind/bind.h"
#include <stdlib.h>
#include <string.h>

static int64_t axis_size(const bind_role *r, int axis, bind_counts n) {
    const char *kind = r->axis[axis];
    if (strcmp(kind, BIND_ENCODER) == 0 && r->size[axis] < 0) return n.encoder;
    if (strcmp(kind, "tokens") == 0 && r->size[axis] < 0) return n.tokens;
    if (strcmp(kind, "past") == 0) return n.past;
    if (strcmp(kind, "total") == 0) return n.past + n.tokens;
    return r->size[axis];
}

static tensor bound_value(arena *a, const bind_port *p, const char *value, const bind_shape *shape,
                          int64_t past) {
    tensor t = tensor_new(a, p->type, shape->rank, shape->dim);
    bool positions = !value || strcmp(value, "positions") == 0;
    size_t n = tensor_count(&t), last = shape->rank ? (size_t)shape->dim[shape->rank - 1] : 1;
    for (size_t k = 0; k < n; k++) {
        double v = positions ? (double)past + (double)(k % last) : strtod(value, NULL);
        elem_store_f64(t.type, t.data, k, v);
    }
    return t;
}

bool bind_import(arena *a, const bind_source *s, const bind_role *role, bind_counts n, ir_module *m,
                 const char *name, bind_size *wanted, diag_sink *diags) {
    bind_shape *shapes = ARENA_ARRAY(a, bind_shape, s->n_inputs + 1);
    tensor_named *values = ARENA_ARRAY(a, tensor_named, s->n_inputs + 1);
    size_t n_values = 0;
    for (size_t i = 0; i < s->n_inputs; i++) {
        const bind_port *p = &s->inputs[i];
        shapes[i] = (bind_shape){.input = p->name, .rank = p->rank};
        for (int k = 0; k < p->rank; k++) shapes[i].dim[k] = axis_size(&role[i], k, n);
        if (role[i].is_bound)
            values[n_values++] = (tensor_named){
                p->name, bound_value(m->arena, p, role[i].value, &shapes[i], n.past)};
    }
    *wanted = (bind_size){0};
    if (!s->import(s->ctx, shapes, values, n_values, m, name, wanted, diags)) return false;
    CHECK(ir_func_find(m, name), "the importer made no function '@%s'", name);
    return true;
}
