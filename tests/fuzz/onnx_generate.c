// See onnx_generate.h. An operator of the importer's table is called as its template says
// (onnx_templates.def), mostly: any input may be absent or another, any attribute missing, of
// another kind or out of range.
#include "tests/fuzz/onnx_generate.h"
#include "frontend/onnx.h"
#include "tests/frontend/onnx_writer.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { F32 = 1, U8 = 2, I8 = 3, I64 = 7, BOOL = 9, MOST_RANK = 9, MOST_DATA = 2048 };

static const struct {
    const char *domain, *type, *inputs, *attributes;
} templates[] = {
#define TEMPLATE(domain, type, inputs, attributes) {domain, type, inputs, attributes},
#include "tests/fuzz/onnx_templates.def"
};

typedef struct {
    random_stream *r;
    bytes graph;
    int rank, type; // of x
    int64_t dim[MOST_RANK];
    int n_names;
} model;

static size_t below(model *m, size_t n) { return (size_t)random_below(m->r, n); }
static bool one_in(model *m, size_t n) { return below(m, n) == 0; }

static int64_t extreme(model *m) {
    static const int64_t numbers[] = {
        INT64_MAX, INT64_MIN, INT64_MAX - 1, INT64_MIN + 1, INT32_MAX, INT32_MIN,
        1ll << 31, 1ll << 32, 1ll << 40,     -(1ll << 40),  1ll << 62, 1ll << 53,
        1 << 20,   4097,      65536,         -65537,        255,       1000};
    return numbers[below(m, ARRAY_LEN(numbers))];
}

static int64_t integer(model *m) {
    static const int64_t usual[] = {0, 0, 1, 1, 1, 2, 2, 3, 4, 8, -1, -1, -2, 5, 7};
    return one_in(m, 20) ? extreme(m) : usual[below(m, ARRAY_LEN(usual))];
}

static float real(model *m) {
    static const float usual[] = {0, 1, -1, 0.5f, 2, 0.1f, 1e-5f, 3, 8, -0.0f};
    static const float odd[] = {1e30f,
                                -1e30f,
                                1e-40f,
                                3.4e38f,
                                __builtin_inff(),
                                -__builtin_inff(),
                                __builtin_nanf(""),
                                9.3e18f,
                                2147483648.f};
    return one_in(m, 15) ? odd[below(m, ARRAY_LEN(odd))] : usual[below(m, ARRAY_LEN(usual))];
}

static int64_t size(model *m) {
    static const int64_t usual[] = {1, 1, 2, 2, 2, 3, 4, 4, 6, 8, 5, 0};
    static const int64_t odd[] = {-1,      -2,        1 << 12,   1 << 20,
                                  1 << 30, 1ll << 31, 1ll << 40, INT64_MAX};
    return one_in(m, 60) ? odd[below(m, ARRAY_LEN(odd))]
                         : usual[below(m, ARRAY_LEN(usual) - !one_in(m, 4))];
}

// ---- tensors ---------------------------------------------------------------------------------

static size_t bytes_of(int type) {
    static const uint8_t sizes[] = {0, 4, 1, 1, 2, 2, 4, 8, 0, 1, 2, 8, 4, 8, 8, 16, 2};
    return (size_t)type < ARRAY_LEN(sizes) ? sizes[type] : 1;
}

static int any_type(model *m) {
    static const int types[] = {F32, F32, F32, I64, I64, 6, BOOL, 10, 11, 16, U8,
                                I8,  12,  13,  5,   4,   8, 0,    21, 22, 17, 99};
    return types[below(m, ARRAY_LEN(types) - (one_in(m, 4) ? 0 : 6))];
}

// Element i of a type, from numbers that fit it or do not.
static void put_element(model *m, bytes *b, int type, char kind) {
    uint8_t raw[16] = {0};
    size_t n = bytes_of(type);
    if (type == F32) {
        float v = kind == 's' && !one_in(m, 8) ? 0.5f : real(m);
        memcpy(raw, &v, 4);
    } else if (type == 11) {
        double v = (double)real(m);
        memcpy(raw, &v, 8);
    } else {
        int64_t v = kind == 'k' && !one_in(m, 12) ? (int64_t)below(m, 3)
                    : kind == 'i' && one_in(m, 3) ? size(m)
                                                  : integer(m);
        memcpy(raw, &v, n < 8 ? n : 8);
        if (type == BOOL) raw[0] &= one_in(m, 9) ? 0xff : 1;
    }
    put_raw(b, raw, n);
}

static const char *new_name(model *m, char out[16]) {
    snprintf(out, 16, "v%d", m->n_names++);
    return out;
}

// A constant or an input of the graph; its name is put into `names`.
static void put_tensor(model *m, char kind, int type, int rank, const int64_t *dim, bool constant,
                       char name[16]) {
    new_name(m, name);
    int64_t count = 1;
    for (int i = 0; i < rank; i++)
        count = dim[i] < 0 || dim[i] > MOST_DATA ? MOST_DATA + 1
                                                 : min_i64(count * dim[i], MOST_DATA + 1);
    if (constant && count <= MOST_DATA) {
        bytes data = {0};
        if (one_in(m, 200)) count++; // too much of it
        for (int64_t i = 0; i < count; i++) put_element(m, &data, type, kind);
        put_msg(&m->graph, 5, tensor_raw(name, type, rank, dim, data.items, data.count));
        vec_free(&data);
        if (!one_in(m, 12)) return;
        char copy[16]; // the same behind an operation
        bytes n = node("Identity", name, new_name(m, copy));
        put_msg(&m->graph, 1, n);
        strcpy(name, copy);
    } else {
        put_msg(&m->graph, 11, port(name, type, rank, dim));
    }
}

static void any_shape(model *m, int rank, int64_t *dim) {
    for (int i = 0; i < rank; i++) dim[i] = size(m);
}

static int any_rank(model *m) {
    static const int ranks[] = {0, 1, 1, 2, 2, 2, 3, 3, 4, 4, 5, 6, 8, 9};
    return ranks[below(m, ARRAY_LEN(ranks) - (one_in(m, 6) ? 0 : 3))];
}

static int64_t axis_or_1(const model *m, int axis) {
    return axis >= 0 && axis < m->rank ? m->dim[axis] : 1;
}

// The input that a letter of a template stands for; rank -1: any.
static void put_input(model *m, char kind, int rank, char name[16]) {
    int64_t dim[MOST_RANK] = {0};
    bool constant = one_in(m, 2);
    int type = m->type, n = m->rank;
    memcpy(dim, m->dim, sizeof dim);
    if (one_in(m, 25)) kind = 't';
    switch (kind) {
    case 'x':
    case 'y': constant = one_in(m, 4); break;
    case 'o': type = BOOL; break;
    case 'q': type = one_in(m, 2) ? U8 : I8; break;
    case 'b':
        while (n > 0 && one_in(m, 3)) memmove(dim, dim + 1, sizeof *dim * (size_t)--n);
        for (int i = 0; i < n; i++)
            if (one_in(m, 3)) dim[i] = 1;
        break;
    case 'm':
        if (n > 1) dim[n - 2] = dim[n - 1];
        dim[n > 0 ? n - 1 : 0] = size(m);
        break;
    case 'w':
        dim[0] = size(m);
        for (int i = 2; i < n; i++) dim[i] = 1 + (int64_t)below(m, 3);
        break;
    case 'c': n = 1, dim[0] = axis_or_1(m, 1); break;
    case 'l': n = 1, dim[0] = axis_or_1(m, m->rank - 1); break;
    case 'h': dim[2] = size(m), n = 4; break;
    case 'i':
        type = I64, n = 1, dim[0] = one_in(m, 3) ? m->rank : (int64_t)below(m, 5),
        constant = !one_in(m, 8);
        break;
    case 'F': type = F32, n = 1, dim[0] = m->rank, constant = !one_in(m, 8); break;
    case 'n': type = I64, n = (int)one_in(m, 2), dim[0] = 1, constant = !one_in(m, 8); break;
    case 'f': n = 0, constant = !one_in(m, 6); break;
    case 's': type = F32, n = (int)one_in(m, 4), dim[0] = one_in(m, 2) ? 1 : axis_or_1(m, 1); break;
    case 'z': type = one_in(m, 2) ? U8 : I8, n = (int)one_in(m, 4), dim[0] = 1; break;
    case 'k':
        type = one_in(m, 3) ? 6 : I64, n = one_in(m, 2) ? m->rank : any_rank(m) % 4,
        any_shape(m, n, dim);
        break;
    default: type = any_type(m), n = any_rank(m), any_shape(m, n, dim); break;
    }
    if (rank >= 0) n = rank;
    if (kind == 'k' && one_in(m, 3)) memcpy(dim, m->dim, sizeof dim);
    put_tensor(m, kind, type, n, dim, constant, name);
}

// ---- attributes ------------------------------------------------------------------------------

static bytes small_graph(model *m) { // identity of what it is given, or of what is outside
    bytes g = {0};
    size_t n_in = below(m, 4), n_out = 1 + below(m, 3);
    for (size_t i = 0; i < n_in; i++) {
        char name[24];
        snprintf(name, sizeof name, "i%zu", i);
        put_msg(&g, 11, port(name, i == 0 ? I64 : i == 1 ? BOOL : F32, 0, NULL));
    }
    for (size_t i = 0; i < n_out; i++) {
        char in[24], out[24];
        snprintf(out, sizeof out, "o%zu", i);
        snprintf(in, sizeof in, n_in && !one_in(m, 3) ? "i%zu" : "v%zu", below(m, n_in ? n_in : 2));
        if (i == 0 && n_in > 1) strcpy(in, "i1");
        put_msg(&g, 1, node(one_in(m, 4) ? "Relu" : "Identity", in, out));
        put_msg(&g, 12, port(out, F32, 0, NULL));
    }
    return g;
}

static bytes attribute(model *m, const char *name, char kind, const char *words, size_t n_words) {
    int64_t ints[12];
    float floats[12];
    size_t n = one_in(m, 6)   ? below(m, 12)
               : one_in(m, 2) ? (size_t)max_i64(0, m->rank - 2)
                              : (size_t)m->rank;
    if (one_in(m, 4) && n <= 6) n *= 2; // pads
    if (one_in(m, 40)) kind = "iIfFtgs"[below(m, 7)];
    switch (kind) {
    case 'i': return attr_int(name, integer(m));
    case 'f': return attr_float(name, real(m));
    case 'I':
        if (n > ARRAY_LEN(ints)) n = ARRAY_LEN(ints);
        for (size_t i = 0; i < n; i++) ints[i] = integer(m);
        if (one_in(m, 3)) // an order of axes
            for (size_t i = 0; i < n; i++) ints[i] = (int64_t)(n - 1 - i);
        return attr_ints(name, n, ints);
    case 'F':
        n = one_in(m, 2) ? 4 : below(m, 6);
        for (size_t i = 0; i < n; i++) floats[i] = real(m);
        return attr_floats(name, n, floats);
    case 't': {
        int64_t dim = 1;
        bytes data = {0};
        int type = any_type(m);
        put_element(m, &data, type, 'x');
        bytes t = tensor_raw("", type, 1, &dim, data.items, data.count);
        vec_free(&data);
        return attr_msg(name, 4, 5, t);
    }
    case 'g': return attr_msg(name, 5, 6, small_graph(m));
    default: { // one of the words
        size_t at = 0, which = 0, count = 1;
        for (size_t i = 0; i < n_words; i++) count += words[i] == ',' && words[i + 1] != '.';
        which = one_in(m, 30) ? count : below(m, count);
        for (size_t i = 0; which > 0 && i < n_words; i++)
            if (words[i] == ',' && --which == 0) at = i + 1;
        size_t end = at;
        while (end < n_words && words[end] != ',') end++;
        bytes a = {0};
        put_str(&a, 1, name);
        if (!strcmp(name, "equation")) { // '.' stands for ',' there, '-' for "->"
            char text[64];
            size_t k = 0;
            for (size_t i = at; i < end && k + 2 < sizeof text; i++) {
                bool dots =
                    words[i] == '.' && (words[i + 1] == '.' || (i > at && words[i - 1] == '.'));
                text[k++] = words[i] == '.' && !dots ? ',' : words[i];
            }
            put_bytes(&a, 4, text, k);
        } else {
            put_bytes(&a, 4, words + at, end - at);
        }
        put_int(&a, 20, 3);
        return a;
    }
    }
}

// "axis=i mode=s:a,b ..."
static void put_attributes(model *m, bytes *n, const char *spec) {
    while (*spec) {
        size_t length = strcspn(spec, " "), name_length = strcspn(spec, "=");
        char name[48];
        snprintf(name, sizeof name, "%.*s", (int)name_length, spec);
        const char *kind = spec + name_length + 1, *words = kind + 2;
        if (!one_in(m, 3))
            put_msg(n, 5,
                    attribute(m, name, *kind, words,
                              length > name_length + 3 ? length - name_length - 3 : 0));
        spec += length;
        spec += *spec == ' ';
    }
}

// ---- examples --------------------------------------------------------------------------------

static const struct {
    const char *domain, *type, *inputs, *attributes;
} examples[] = {
#define EXAMPLE(domain, type, inputs, attributes) {domain, type, inputs, attributes},
#include "tests/fuzz/onnx_examples.def"
};

// The number at *p, at times another; *p behind it and the comma.
static double number(model *m, const char **p) {
    char *end;
    double v = strtod(*p, &end);
    if (*end == 'f') end++;
    *p = end + (*end == ',');
    if (!one_in(m, 25)) return v;
    return one_in(m, 3) ? (double)extreme(m) : one_in(m, 2) ? v + 1 : v - 1;
}

static int64_t whole(double v) { // of a number that may be out of range
    int64_t n;
    return f64_to_i64(v, INT64_MIN, INT64_MAX, &n) ? n : v < 0 ? INT64_MIN : INT64_MAX;
}

static const char *put_example_input(model *m, const char *word, char name[16]) {
    static const struct {
        char kind;
        int type;
    } types[] = {{'f', F32}, {'i', I64}, {'j', 6}, {'u', U8}, {'c', I8}, {'b', BOOL}};
    char letter = *word++;
    bool constant = letter < 'a';
    int type = F32, rank = 0;
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (types[i].kind == (letter | 0x20)) type = types[i].type;
    if (one_in(m, 40)) type = any_type(m);
    int64_t dim[MOST_RANK] = {0};
    if (*word == ':') {
        word++;
        while (*word && *word != ' ' && rank < MOST_RANK) dim[rank++] = whole(number(m, &word));
        if (one_in(m, 60) && rank < MOST_RANK) dim[rank++] = 1;
        put_tensor(m, type == I64 || type == 6 ? 'k' : 'x', type, rank, dim,
                   constant || one_in(m, 5), name);
        return word;
    }
    bytes data = {0};
    bool list = false;
    word++;
    while (*word && *word != ' ') {
        double v = number(m, &word);
        float f = (float)v;
        int64_t n = whole(v);
        list |= word[-1] == ',';
        put_raw(&data, type == F32 ? (void *)&f : (void *)&n, bytes_of(type));
        dim[0]++;
    }
    put_msg(&m->graph, 5,
            tensor_raw(new_name(m, name), type, list || one_in(m, 9), dim, data.items, data.count));
    vec_free(&data);
    return word;
}

static bytes example_attribute(model *m, const char *name, const char *value) {
    size_t length = strcspn(value, " ");
    if (*value == '$') return attr_msg(name, 5, 6, small_graph(m));
    if (*value == '@') {
        bytes a = {0};
        put_str(&a, 1, name);
        put_bytes(&a, 4, value + 1, length - 1);
        put_int(&a, 20, 3);
        return a;
    }
    bool list = value[length - 1] == ',', real_number = memchr(value, 'f', length) != NULL;
    const char *end = value + length;
    int64_t ints[8];
    float floats[8];
    size_t n = 0;
    for (const char *p = value; p < end && n < 8; n++) {
        double v = number(m, &p);
        ints[n] = whole(v);
        floats[n] = (float)v;
    }
    if (list) return real_number ? attr_floats(name, n, floats) : attr_ints(name, n, ints);
    return real_number ? attr_float(name, floats[0]) : attr_int(name, ints[0]);
}

static void put_example_attributes(model *m, bytes *n, const char *spec) {
    while (*spec) {
        char name[48];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(spec, "="), spec);
        if (!one_in(m, 12)) put_msg(n, 5, example_attribute(m, name, spec + strlen(name) + 1));
        spec += strcspn(spec, " ");
        spec += *spec == ' ';
    }
}

// ---- the model -------------------------------------------------------------------------------

static void put_sequence(model *m, char name[16]) {
    char a[16], b[16], both[40];
    int64_t dim[] = {2, 4};
    put_tensor(m, 'x', F32, 2, dim, false, a);
    if (one_in(m, 4))
        put_input(m, 't', -1, b);
    else
        put_tensor(m, 'x', F32, 2, dim, true, b);
    snprintf(both, sizeof both, "%s %s", a, b);
    put_msg(&m->graph, 1, node("SequenceConstruct", both, new_name(m, name)));
}

// Outputs of the call, and what takes a sequence apart.
// True: it is one.
static bool put_outputs(model *m, bytes *n, const char *type) {
    bool sequence = (!strncmp(type, "Sequence", 8) && strcmp(type, "SequenceAt") &&
                     strcmp(type, "SequenceLength")) ||
                    !strcmp(type, "SplitToSequence");
    if (sequence && !one_in(m, 8)) {
        put_str(n, 2, "s");
        put_msg(&m->graph, 12, port("y0", F32, 0, NULL));
        return true;
    }
    size_t n_out = one_in(m, 4) ? 1 + below(m, 4) : 1;
    for (size_t i = 0; i < n_out; i++) {
        char name[24];
        snprintf(name, sizeof name, "y%zu", i);
        put_str(n, 2, i > 0 && one_in(m, 3) ? "" : name);
        if (i == 0 || one_in(m, 2)) put_msg(&m->graph, 12, port(name, F32, 0, NULL));
    }
    return false;
}

static void put_call(model *m, const onnx_op_row *op, const char *inputs, const char *attributes,
                     bool example) {
    bytes n = {0};
    size_t keep = one_in(m, 8) ? below(m, 6) : SIZE_MAX; // of the inputs
    for (size_t i = 0; *inputs && (i < keep || example); i++) {
        char name[16] = "";
        if (*inputs == 'Q') {
            put_sequence(m, name);
            inputs++;
        } else if (example && *inputs == '-') {
            inputs++;
        } else if (example) {
            inputs = put_example_input(m, inputs, name);
        } else {
            char kind = *inputs++;
            int rank = *inputs >= '0' && *inputs <= '9' ? *inputs++ - '0' : -1;
            if (i == 0 || !one_in(m, 9))
                put_input(m, kind, one_in(m, 12) ? any_rank(m) % MOST_RANK : rank, name);
        }
        inputs += *inputs == ' ';
        put_str(&n, 1, example && one_in(m, 60) ? "" : name);
    }
    bool sequence = put_outputs(m, &n, op->type);
    put_str(&n, 4, op->type);
    if (example)
        put_example_attributes(m, &n, attributes);
    else
        put_attributes(m, &n, attributes);
    if (op->domain[0]) put_str(&n, 7, op->domain);
    put_msg(&m->graph, 1, n);
    if (sequence)
        put_msg(&m->graph, 1,
                node(one_in(m, 2) ? "SequenceLength" : "ConcatFromSequence", "s", "y0"));
}

size_t onnx_generate(random_stream *r, uint8_t *out) {
    model m = {.r = r};
    const onnx_op_row *op = onnx_op_row_at((size_t)random_below(r, onnx_op_rows()));
    size_t at = 0;
    while (at < ARRAY_LEN(templates) &&
           (strcmp(templates[at].domain, op->domain) || strcmp(templates[at].type, op->type)))
        at++;
    CHECK(at < ARRAY_LEN(templates), "operator %s of '%s' has no row in onnx_templates.def",
          op->type, op->domain);
    const char *inputs = templates[at].inputs;
    m.rank = *inputs && inputs[1] >= '0' && inputs[1] <= '9' && !one_in(&m, 8) ? inputs[1] - '0'
                                                                               : any_rank(&m);
    m.type = one_in(&m, 5) ? any_type(&m) : F32;
    any_shape(&m, m.rank, m.dim);
    size_t fits[8], n_fits = 0;
    for (size_t i = 0; i < ARRAY_LEN(examples) && n_fits < ARRAY_LEN(fits); i++)
        if (!strcmp(examples[i].domain, op->domain) && !strcmp(examples[i].type, op->type))
            fits[n_fits++] = i;
    if (n_fits && !one_in(&m, 3)) {
        at = fits[below(&m, n_fits)];
        put_call(&m, op, examples[at].inputs, examples[at].attributes, true);
    } else {
        put_call(&m, op, inputs, templates[at].attributes, false);
    }
    static const int64_t opsets[] = {17, 18, 23, 24, 13, 11, 7, 1, 21, 20};
    int64_t version = max_i64(opsets[below(&m, ARRAY_LEN(opsets))], one_in(&m, 4)   ? 1
                                                                    : op->domain[0] ? 1
                                                                                    : op->since);
    bytes all = model_of(m.graph, version);
    put_msg(&all, 8, opset("com.microsoft", 1));
    put_msg(&all, 8, opset("ohmic", 1));
    size_t n = all.count < FUZZ_MAX_INPUT ? all.count : FUZZ_MAX_INPUT;
    memcpy(out, all.items, n);
    vec_free(&all);
    return n;
}
