// What does an attribute of a node say? References in functions are followed to the call's
// attribute or the function's default. This is the one way to an attribute's value: what it returns
// is there, and of the kind asked for.
#include "frontend/importer.h"

const char *onnx_kind_name(int kind) {
    switch (kind) {
    case ONNX_ATTR_FLOAT: return "FLOAT";
    case ONNX_ATTR_INT: return "INT";
    case ONNX_ATTR_STRING: return "STRING";
    case ONNX_ATTR_TENSOR: return "TENSOR";
    case ONNX_ATTR_GRAPH: return "GRAPH";
    case ONNX_ATTR_FLOATS: return "FLOATS";
    case ONNX_ATTR_INTS: return "INTS";
    case ONNX_ATTR_STRINGS: return "STRINGS";
    default: return "another kind";
    }
}

static const onnx_attr *find(const onnx_attr *list, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++)
        if (!strcmp(list[i].name, name)) return &list[i];
    return NULL;
}

// The reader checks that what has no reference has the value its kind promises; what ends in a
// reference has none.
const onnx_attr *onnx_attribute(onnx_call *c, const char *name) {
    const onnx_scope *s = c->scope;
    const onnx_attr *a = find(c->node->attrs, c->node->n_attrs, name);
    while (a && a->ref) {
        while (s && !s->function) s = s->parent;
        const char *ref = a->ref;
        if (!s) {
            onnx_missing(c, "attribute '%s' refers to '%s' outside of a function", name, ref);
            return NULL;
        }
        a = find(s->call->attrs, s->call->n_attrs, ref);
        if (!a) {
            a = find(s->function->defaults, s->function->n_defaults, ref);
            if (!a || !a->ref) return a;
            onnx_missing(c, "the default of the function's attribute '%s' refers to '%s'", ref,
                         a->ref);
            return NULL;
        }
        s = s->call_scope;
    }
    return a;
}

const onnx_attr *onnx_attr_of(onnx_call *c, const char *name, onnx_attr_kind kind) {
    const onnx_attr *a = onnx_attribute(c, name);
    if (!a || a->kind == (int)kind) return a;
    onnx_missing(c, "attribute '%s' is of kind %s, %s is expected", name, onnx_kind_name(a->kind),
                 onnx_kind_name((int)kind));
    return NULL;
}

int64_t onnx_attr_i(onnx_call *c, const char *name, int64_t otherwise) {
    const onnx_attr *a = onnx_attr_of(c, name, ONNX_ATTR_INT);
    return a ? a->i : otherwise;
}
float onnx_attr_f(onnx_call *c, const char *name, float otherwise) {
    const onnx_attr *a = onnx_attr_of(c, name, ONNX_ATTR_FLOAT);
    return a ? a->f : otherwise;
}
const char *onnx_attr_s(onnx_call *c, const char *name, const char *otherwise) {
    const onnx_attr *a = onnx_attr_of(c, name, ONNX_ATTR_STRING);
    return a ? a->s : otherwise;
}
const int64_t *onnx_attr_is(onnx_call *c, const char *name, size_t *n) {
    const onnx_attr *a = onnx_attr_of(c, name, ONNX_ATTR_INTS);
    *n = a ? a->count : 0;
    return a ? a->ints : NULL;
}
const onnx_graph *onnx_attr_g(onnx_call *c, const char *name) {
    const onnx_attr *a = onnx_attr_of(c, name, ONNX_ATTR_GRAPH);
    if (!a) onnx_missing(c, "it lacks its subgraph '%s'", name);
    return a ? a->g : NULL;
}
