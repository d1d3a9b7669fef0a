// What does a model file hold? ModelProto, GraphProto, NodeProto, AttributeProto and FunctionProto,
// walked in place. Unknown fields (newer ONNX) are skipped. Field numbers: onnx/onnx.proto.
#include "frontend/model.h"

#define MAX_REPORTED_NAME 200

bool onnx_damaged(onnx_reader *r, const uint8_t *at, const char *what) {
    if (!r->failed)
        diag_emit(r->diags, DIAG_ID_onnx_format, DIAG_FILE(r->file), "damaged at byte %zu: %s",
                  at ? (size_t)(at - r->base) : 0, what);
    r->failed = true;
    return false;
}

bool onnx_read_takes(onnx_reader *r, const uint8_t *at, budget_kind k, uint64_t n) {
    char text[BUDGET_TEXT];
    return budget_take(&r->budget, k, n) || onnx_damaged(r, at, budget_spent(&r->budget, k, text));
}

bool onnx_count_message(onnx_reader *r, const uint8_t *at) {
    return onnx_read_takes(r, at, BUDGET_messages, 1);
}

// Before a list of them is made, whose entries are counted one by one as they are read.
static bool may_follow(onnx_reader *r, const uint8_t *at, uint64_t n) {
    budget b = r->budget;
    return budget_take(&b, BUDGET_messages, n) || onnx_read_takes(r, at, BUDGET_messages, n);
}

const char *onnx_read_str(onnx_reader *r, wire_span s) {
    if (s.n && memchr(s.p, 0, s.n)) {
        onnx_damaged(r, s.p, "a name holds a zero byte");
        return "";
    }
    return s.n ? arena_strn(r->arena, (const char *)s.p, s.n) : "";
}

static const char *read_domain(onnx_reader *r, wire_span s) {
    const char *d = onnx_read_str(r, s);
    return strcmp(d, "ai.onnx") ? d : "";
}

// counts[i] = occurrences of field i (< n); false when s does not parse.
static bool count_fields(onnx_reader *r, wire_span s, size_t *counts, size_t n, const char *what) {
    wire_field f;
    int e;
    memset(counts, 0, n * sizeof *counts);
    while ((e = wire_next(&s, &f)) > 0)
        if (f.number < n) counts[f.number]++;
    return e == 0 || onnx_damaged(r, s.p, what);
}

// ---- attributes
// ----------------------------------------------------------------------------------

static bool read_graph(onnx_reader *r, wire_span s, int depth, onnx_graph *g);

// Elements of a repeated scalar, packed or not.
static size_t count_scalars(wire_span s, uint32_t number, size_t width) {
    size_t n = 0;
    for (wire_field f; wire_next(&s, &f) > 0;) {
        if (f.number != number) continue;
        if (f.type != WIRE_LEN)
            n++;
        else if (width)
            n += f.bytes.n / width;
        else
            for (size_t i = 0; i < f.bytes.n; i++) n += f.bytes.p[i] < 128;
    }
    return n;
}

static bool read_ints(onnx_reader *r, wire_span s, onnx_attr *a) {
    a->count = count_scalars(s, 8, 0);
    if (!onnx_read_takes(r, s.p, BUDGET_constants, a->count)) return false;
    int64_t *v = ARENA_ARRAY(r->arena, int64_t, a->count);
    size_t n = 0;
    for (wire_field f; wire_next(&s, &f) > 0;) {
        if (f.number != 8) continue;
        uint64_t x = f.value;
        if (f.type != WIRE_LEN) {
            v[n++] = (int64_t)x;
            continue;
        }
        for (wire_span d = f.bytes; d.n; v[n++] = (int64_t)x)
            if (n == a->count || !wire_varint(&d, &x))
                return onnx_damaged(r, d.p, "a list of integers does not parse");
    }
    a->ints = v;
    return true;
}

static bool read_floats(onnx_reader *r, wire_span s, onnx_attr *a) {
    a->count = count_scalars(s, 7, 4);
    float *v = ARENA_ARRAY(r->arena, float, a->count);
    size_t n = 0;
    for (wire_field f; wire_next(&s, &f) > 0;) {
        if (f.number != 7) continue;
        if (f.type != WIRE_LEN) {
            v[n++] = wire_float(f.value);
        } else {
            if (f.bytes.n % 4) return onnx_damaged(r, f.bytes.p, "packed floats are cut short");
            memcpy(v + n, f.bytes.p, f.bytes.n);
            n += f.bytes.n / 4;
        }
    }
    a->floats = v;
    return true;
}

static bool read_strings(onnx_reader *r, wire_span s, onnx_attr *a, size_t count) {
    const char **v = ARENA_ARRAY(r->arena, const char *, count);
    a->count = 0;
    for (wire_field f; wire_next(&s, &f) > 0;)
        if (f.number == 9 && f.type == WIRE_LEN && onnx_count_message(r, f.bytes.p))
            v[a->count++] = onnx_read_str(r, f.bytes);
    a->strings = v;
    return !r->failed;
}

// Files of IR version 1 and some writers leave the kind out.
static int guess_kind(const size_t *seen) {
    static const struct {
        int field, kind;
    } table[] = {{5, ONNX_ATTR_TENSOR}, {6, ONNX_ATTR_GRAPH},   {7, ONNX_ATTR_FLOATS},
                 {8, ONNX_ATTR_INTS},   {9, ONNX_ATTR_STRINGS}, {2, ONNX_ATTR_FLOAT},
                 {3, ONNX_ATTR_INT},    {4, ONNX_ATTR_STRING}};
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (seen[table[i].field]) return table[i].kind;
    return ONNX_ATTR_UNDEFINED;
}

static bool read_attr(onnx_reader *r, wire_span s, int depth, onnx_attr *a) {
    size_t seen[10];
    *a = (onnx_attr){.name = "", .s = ""};
    if (!onnx_count_message(r, s.p) ||
        !count_fields(r, s, seen, ARRAY_LEN(seen), "an attribute does not parse"))
        return false;
    for (wire_span w = s; w.n && !r->failed;) {
        wire_field f;
        if (wire_next(&w, &f) <= 0) break;
        bool len = f.type == WIRE_LEN;
        if (f.number == 1 && len)
            a->name = onnx_read_str(r, f.bytes);
        else if (f.number == 2 && f.type == WIRE_I32)
            a->f = wire_float(f.value);
        else if (f.number == 3 && f.type == WIRE_VARINT)
            a->i = (int64_t)f.value;
        else if (f.number == 4 && len) // bytes; what holds a zero is no string we read
            a->s = memchr(f.bytes.p, 0, f.bytes.n) ? "" : onnx_read_str(r, f.bytes);
        else if (f.number == 5 && len) {
            onnx_tensor *t = ARENA_NEW(r->arena, onnx_tensor);
            onnx_read_tensor(r, f.bytes, t);
            a->t = t;
        } else if (f.number == 6 && len) {
            onnx_graph *g = ARENA_NEW(r->arena, onnx_graph);
            read_graph(r, f.bytes, depth + 1, g);
            a->g = g;
        } else if (f.number == 20 && f.type == WIRE_VARINT) {
            a->kind = f.value > 1000 ? 1000 : (int)f.value;
        } else if (f.number == 21 && len && f.bytes.n) {
            a->ref = onnx_read_str(r, f.bytes);
        }
    }
    if (r->failed) return false;
    if (a->kind == ONNX_ATTR_UNDEFINED && !a->ref) a->kind = guess_kind(seen);
    if (a->kind == ONNX_ATTR_INTS) return read_ints(r, s, a);
    if (a->kind == ONNX_ATTR_FLOATS) return read_floats(r, s, a);
    if (a->kind == ONNX_ATTR_STRINGS) return read_strings(r, s, a, seen[9]);
    if ((a->kind == ONNX_ATTR_TENSOR && !a->t && !a->ref) ||
        (a->kind == ONNX_ATTR_GRAPH && !a->g && !a->ref))
        return onnx_damaged(r, s.p, "an attribute lacks the value its kind promises");
    return true;
}

// ---- nodes, graphs, functions
// --------------------------------------------------------------------

static bool read_node(onnx_reader *r, wire_span s, int depth, onnx_node *n) {
    size_t counts[6];
    *n = (onnx_node){.name = "", .op = "", .domain = "", .overload = ""};
    if (!onnx_count_message(r, s.p) ||
        !count_fields(r, s, counts, ARRAY_LEN(counts), "a node does not parse"))
        return false;
    if (!may_follow(r, s.p, counts[1] + counts[2] + counts[5])) return false;
    n->in = ARENA_ARRAY(r->arena, const char *, counts[1]);
    n->out = ARENA_ARRAY(r->arena, const char *, counts[2]);
    n->attrs = ARENA_ARRAY(r->arena, onnx_attr, counts[5]);
    while (s.n && !r->failed) {
        wire_field f;
        if (wire_next(&s, &f) <= 0) break;
        if (f.type != WIRE_LEN) continue;
        switch (f.number) {
        case 1:
        case 2:
            if (!onnx_count_message(r, f.bytes.p)) return false;
            if (f.number == 1)
                n->in[n->n_in++] = onnx_read_str(r, f.bytes);
            else
                n->out[n->n_out++] = onnx_read_str(r, f.bytes);
            break;
        case 3: n->name = onnx_read_str(r, f.bytes); break;
        case 4: n->op = onnx_read_str(r, f.bytes); break;
        case 5: read_attr(r, f.bytes, depth, &n->attrs[n->n_attrs++]); break;
        case 7: n->domain = read_domain(r, f.bytes); break;
        case 8: n->overload = onnx_read_str(r, f.bytes); break;
        default: break;
        }
    }
    return !r->failed;
}

static bool read_sparse_name(onnx_reader *r, wire_span s, onnx_graph *g) {
    g->n_sparse++;
    for (wire_field f; wire_next(&s, &f) > 0;) { // SparseTensorProto.values carries the name
        if (f.number != 1 || f.type != WIRE_LEN) continue;
        wire_span v = f.bytes;
        for (wire_field t; wire_next(&v, &t) > 0;)
            if (t.number == 8 && t.type == WIRE_LEN) g->sparse_name = onnx_read_str(r, t.bytes);
    }
    return !r->failed;
}

static bool index_initializers(onnx_reader *r, onnx_graph *g) {
    if (!g->n_initializers) return true;
    g->initializer_index = map_new();
    vec_push(&r->model->maps, g->initializer_index);
    for (size_t i = 0; i < g->n_initializers; i++) {
        const char *name = g->initializers[i].name;
        if (map_add(g->initializer_index, name, (uint32_t)i) == MAP_NONE) continue;
        diag_emit(r->diags, DIAG_ID_onnx_format, DIAG_FILE(r->file),
                  "initializer '%.*s' is given twice", MAX_REPORTED_NAME, name);
        r->failed = true;
        return false;
    }
    return true;
}

static bool read_graph(onnx_reader *r, wire_span s, int depth, onnx_graph *g) {
    size_t counts[16];
    *g = (onnx_graph){.name = "", .sparse_name = ""};
    if (depth > ONNX_MAX_DEPTH) return onnx_damaged(r, s.p, "graphs are nested too deep");
    if (!onnx_count_message(r, s.p) ||
        !count_fields(r, s, counts, ARRAY_LEN(counts), "a graph does not parse"))
        return false;
    if (!may_follow(r, s.p, counts[1] + counts[5] + counts[11] + counts[12])) return false;
    g->nodes = ARENA_ARRAY(r->arena, onnx_node, counts[1]);
    g->initializers = ARENA_ARRAY(r->arena, onnx_tensor, counts[5]);
    g->inputs = ARENA_ARRAY(r->arena, onnx_port, counts[11]);
    g->outputs = ARENA_ARRAY(r->arena, onnx_port, counts[12]);
    while (s.n && !r->failed) {
        wire_field f;
        if (wire_next(&s, &f) <= 0) break;
        if (f.type != WIRE_LEN) continue;
        switch (f.number) {
        case 1: read_node(r, f.bytes, depth, &g->nodes[g->n_nodes++]); break;
        case 2: g->name = onnx_read_str(r, f.bytes); break;
        case 5: onnx_read_tensor(r, f.bytes, &g->initializers[g->n_initializers++]); break;
        case 11: onnx_read_port(r, f.bytes, &g->inputs[g->n_inputs++]); break;
        case 12: onnx_read_port(r, f.bytes, &g->outputs[g->n_outputs++]); break;
        case 15: read_sparse_name(r, f.bytes, g); break;
        default: break;
        }
    }
    if (r->failed || !index_initializers(r, g)) return false;
    r->early += onnx_order_nodes(r->arena, &g->nodes, g->n_nodes);
    return true;
}

static bool read_opset(onnx_reader *r, wire_span s, onnx_opset_import *o) {
    wire_field f;
    int n;
    *o = (onnx_opset_import){.domain = ""};
    while ((n = wire_next(&s, &f)) > 0) {
        if (f.number == 1 && f.type == WIRE_LEN) o->domain = read_domain(r, f.bytes);
        if (f.number == 2 && f.type == WIRE_VARINT) o->version = (int64_t)f.value;
    }
    if (n < 0) return onnx_damaged(r, s.p, "an opset import does not parse");
    return onnx_count_message(r, s.p);
}

static bool read_function(onnx_reader *r, wire_span s, onnx_function *fn) {
    size_t counts[14];
    *fn = (onnx_function){.domain = "", .name = "", .overload = ""};
    if (!onnx_count_message(r, s.p) ||
        !count_fields(r, s, counts, ARRAY_LEN(counts), "a function does not parse"))
        return false;
    if (!may_follow(r, s.p, counts[4] + counts[5] + counts[6] + counts[7] + counts[9] + counts[11]))
        return false;
    fn->in = ARENA_ARRAY(r->arena, const char *, counts[4]);
    fn->out = ARENA_ARRAY(r->arena, const char *, counts[5]);
    fn->attr_names = ARENA_ARRAY(r->arena, const char *, counts[6]);
    fn->nodes = ARENA_ARRAY(r->arena, onnx_node, counts[7]);
    fn->opsets = ARENA_ARRAY(r->arena, onnx_opset_import, counts[9]);
    fn->defaults = ARENA_ARRAY(r->arena, onnx_attr, counts[11]);
    while (s.n && !r->failed) {
        wire_field f;
        if (wire_next(&s, &f) <= 0) break;
        if (f.type != WIRE_LEN || !onnx_count_message(r, f.bytes.p)) continue;
        switch (f.number) {
        case 1: fn->name = onnx_read_str(r, f.bytes); break;
        case 4: fn->in[fn->n_in++] = onnx_read_str(r, f.bytes); break;
        case 5: fn->out[fn->n_out++] = onnx_read_str(r, f.bytes); break;
        case 6: fn->attr_names[fn->n_attr_names++] = onnx_read_str(r, f.bytes); break;
        case 7: read_node(r, f.bytes, 1, &fn->nodes[fn->n_nodes++]); break;
        case 9: read_opset(r, f.bytes, &fn->opsets[fn->n_opsets++]); break;
        case 10: fn->domain = read_domain(r, f.bytes); break;
        case 11: read_attr(r, f.bytes, 1, &fn->defaults[fn->n_defaults++]); break;
        case 13: fn->overload = onnx_read_str(r, f.bytes); break;
        default: break;
        }
    }
    if (!r->failed) r->early += onnx_order_nodes(r->arena, &fn->nodes, fn->n_nodes);
    return !r->failed;
}

// ---- the model
// -----------------------------------------------------------------------------------

static bool read_model(onnx_reader *r, wire_span s) {
    onnx_model *m = r->model;
    size_t counts[26];
    if (!count_fields(r, s, counts, ARRAY_LEN(counts), "this is no ONNX model")) return false;
    if (counts[7] != 1)
        return onnx_damaged(r, s.p,
                            counts[7] ? "the model has several graphs"
                                      : "this is no ONNX model: it has no graph");
    if (!may_follow(r, s.p, counts[8] + counts[25])) return false;
    m->opsets = ARENA_ARRAY(r->arena, onnx_opset_import, counts[8]);
    m->functions = ARENA_ARRAY(r->arena, onnx_function, counts[25]);
    while (s.n && !r->failed) {
        wire_field f;
        if (wire_next(&s, &f) <= 0) break;
        if (f.number == 1 && f.type == WIRE_VARINT) m->info.ir_version = (int64_t)f.value;
        if (f.type != WIRE_LEN) continue;
        switch (f.number) {
        case 2: m->info.producer = onnx_read_str(r, f.bytes); break;
        case 3: m->info.producer_version = onnx_read_str(r, f.bytes); break;
        case 7: read_graph(r, f.bytes, 0, &m->graph); break;
        case 8: read_opset(r, f.bytes, &m->opsets[m->n_opsets++]); break;
        case 25: read_function(r, f.bytes, &m->functions[m->n_functions++]); break;
        default: break;
        }
    }
    return !r->failed;
}

static void summarise(onnx_model *m, const char *path) {
    const onnx_graph *g = &m->graph;
    m->info.path = path;
    m->info.opset = onnx_opset(m, "");
    m->info.n_nodes = g->n_nodes;
    m->info.n_initializers = g->n_initializers;
    m->info.n_functions = m->n_functions;
    for (size_t i = 0; i < g->n_initializers; i++)
        if (!g->initializers[i].problem)
            m->info.weight_bytes += tensor_bytes(&g->initializers[i].value);
    m->inputs = ARENA_ARRAY(m->arena, onnx_port, g->n_inputs);
    for (size_t i = 0; i < g->n_inputs; i++) // before IR version 4 initialisers are inputs, too
        if (!g->initializer_index || map_get(g->initializer_index, g->inputs[i].name) == MAP_NONE)
            m->inputs[m->n_inputs++] = g->inputs[i];
}

static onnx_model *open_file(file_map file, bool owned, const char *path, diag_sink *diags) {
    arena *a = arena_new();
    onnx_model *m = ARENA_NEW(a, onnx_model);
    m->arena = a;
    m->file = file;
    m->owns_file = owned;
    m->side_index = map_new();
    m->info.producer = m->info.producer_version = "";
    onnx_reader r = {.model = m,
                     .arena = a,
                     .diags = diags,
                     .file = arena_str(a, path),
                     .base = file.data,
                     .budget = budget_of("file", file.bytes)};
    if (!read_model(&r, (wire_span){file.data, file.bytes})) {
        onnx_close(m);
        return NULL;
    }
    if (r.early)
        diag_note(diags, DIAG_FILE(r.file),
                  "%zu node%s before what %s: nodes are taken in an order that ONNX asks for",
                  r.early, r.early == 1 ? " stands" : "s stand",
                  r.early == 1 ? "it reads" : "they read");
    summarise(m, r.file);
    return m;
}

onnx_model *onnx_open(const char *path, diag_sink *diags) {
    file_map file;
    return file_map_open(&file, path, diags) ? open_file(file, true, path, diags) : NULL;
}

onnx_model *onnx_open_bytes(const void *bytes, size_t n, const char *name, diag_sink *diags) {
    file_map file = {.data = bytes, .bytes = n};
    return open_file(file, false, name, diags);
}

void onnx_close(onnx_model *m) {
    if (!m) return;
    for (size_t i = 0; i < m->n_parts; i++) onnx_close(m->parts[i].file);
    onnx_close(m->cached);
    for (size_t i = 0; i < m->side_files.count; i++) file_map_close(&m->side_files.items[i]);
    for (size_t i = 0; i < m->maps.count; i++) map_free(m->maps.items[i]);
    vec_free(&m->side_files);
    vec_free(&m->maps);
    map_free(m->side_index);
    if (m->owns_file) file_map_close(&m->file);
    arena_free(m->arena);
}

uint64_t onnx_file_bytes(const onnx_model *m) {
    uint64_t n = m->file.bytes;
    for (size_t i = 0; i < m->side_files.count; i++) n += m->side_files.items[i].bytes;
    for (size_t i = 0; i < m->n_parts; i++) n += onnx_file_bytes(m->parts[i].file);
    return n;
}

const onnx_info *onnx_describe(const onnx_model *m) { return &m->info; }
size_t onnx_n_inputs(const onnx_model *m) { return m->n_inputs; }
size_t onnx_n_outputs(const onnx_model *m) { return m->graph.n_outputs; }
const onnx_port *onnx_input(const onnx_model *m, size_t i) { return &m->inputs[i]; }
const onnx_port *onnx_output(const onnx_model *m, size_t i) { return &m->graph.outputs[i]; }

const onnx_port *onnx_input_named(const onnx_model *m, const char *name) {
    for (size_t i = 0; i < m->n_inputs; i++)
        if (!strcmp(m->inputs[i].name, name)) return &m->inputs[i];
    return NULL;
}

bool onnx_initializer(const onnx_model *m, const char *name, tensor *out) {
    uint32_t i = m->graph.initializer_index ? map_get(m->graph.initializer_index, name) : MAP_NONE;
    if (i == MAP_NONE || m->graph.initializers[i].problem) return false;
    *out = m->graph.initializers[i].value;
    return true;
}

int64_t onnx_opset(const onnx_model *m, const char *domain) {
    if (!strcmp(domain, "ai.onnx")) domain = "";
    for (size_t i = 0; i < m->n_opsets; i++)
        if (!strcmp(m->opsets[i].domain, domain)) return m->opsets[i].version;
    return 0;
}
