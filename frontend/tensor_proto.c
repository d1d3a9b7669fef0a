// Where are a tensor's elements? TensorProto: raw bytes, typed fields or another file. Data aliases
// its mapping unless it must be converted (varints, 4-bit integers, booleans that are not 0 or 1).
#include "frontend/model.h"

#define MAX_ELEMENTS (UINT64_C(1) << 40)
#define NO_FILE (MAP_NONE - 1)

typedef struct { // fields of one TensorProto, still as bytes
    int onnx_type, rank;
    int64_t dim[TENSOR_MAX_RANK];
    bool too_many_dims, external, has_raw, has_strings, has_segment;
    wire_span raw, location, offset, length;
    int typed_field; // number of the typed field seen; 0: none
    size_t typed_count;
    wire_span whole;
} proto;

const char *onnx_type_name(int t) {
    static const char *const names[] = {
        "UNDEFINED",      "FLOAT",    "UINT8",        "INT8",           "UINT16",
        "INT16",          "INT32",    "INT64",        "STRING",         "BOOL",
        "FLOAT16",        "DOUBLE",   "UINT32",       "UINT64",         "COMPLEX64",
        "COMPLEX128",     "BFLOAT16", "FLOAT8E4M3FN", "FLOAT8E4M3FNUZ", "FLOAT8E5M2",
        "FLOAT8E5M2FNUZ", "UINT4",    "INT4",         "FLOAT4E2M1",     "FLOAT8E8M0",
        "UINT2",          "INT2"};
    return t >= 0 && (size_t)t < ARRAY_LEN(names) ? names[t] : "unknown type";
}

enum { TYPE_UINT4 = 21, TYPE_INT4 = 22 };

// Element size in the wire's typed field, 0 for varints.
static size_t typed_width(uint32_t field) { return field == 4 ? 4 : field == 10 ? 8 : 0; }
static bool is_typed_field(uint32_t f) {
    return f == 4 || f == 5 || f == 7 || f == 10 ||
           f == 11; // float int32 int64 double uint64 _data
}

static bool add_dim(onnx_reader *r, proto *p, const uint8_t *at, uint64_t v) {
    if (v > INT64_MAX) return onnx_damaged(r, at, "a tensor has a negative size");
    if (p->rank == TENSOR_MAX_RANK)
        p->too_many_dims = true;
    else
        p->dim[p->rank++] = (int64_t)v;
    return true;
}

static bool count_typed(onnx_reader *r, proto *p, const wire_field *f) {
    if (p->typed_field && p->typed_field != (int)f->number)
        return onnx_damaged(r, f->bytes.p, "a tensor has data in two typed fields");
    p->typed_field = (int)f->number;
    size_t width = typed_width(f->number);
    if (f->type != WIRE_LEN) {
        if (width ? f->bytes.n != width || f->type == WIRE_VARINT : f->type != WIRE_VARINT)
            return onnx_damaged(r, f->bytes.p, "a tensor's element has the wrong wire type");
        p->typed_count++;
        return true;
    }
    if (width) {
        if (f->bytes.n % width) return onnx_damaged(r, f->bytes.p, "packed data is cut short");
        p->typed_count += f->bytes.n / width;
        return true;
    }
    for (size_t i = 0; i < f->bytes.n; i++) p->typed_count += f->bytes.p[i] < 128;
    return true;
}

static bool read_external(onnx_reader *r, proto *p, wire_span s) {
    wire_field f;
    wire_span key = {0}, value = {0};
    int n;
    while ((n = wire_next(&s, &f)) > 0) {
        if (f.type == WIRE_LEN && f.number == 1) key = f.bytes;
        if (f.type == WIRE_LEN && f.number == 2) value = f.bytes;
    }
    if (n < 0) return onnx_damaged(r, s.p, "an external data entry does not parse");
    if (key.n == 8 && !memcmp(key.p, "location", 8)) p->location = value;
    if (key.n == 6 && !memcmp(key.p, "offset", 6)) p->offset = value;
    if (key.n == 6 && !memcmp(key.p, "length", 6)) p->length = value;
    return true;
}

static bool read_fields(onnx_reader *r, wire_span s, proto *p, onnx_tensor *out) {
    wire_field f;
    int n;
    *p = (proto){.whole = s};
    while ((n = wire_next(&s, &f)) > 0) {
        bool len = f.type == WIRE_LEN, number = f.type == WIRE_VARINT;
        if (f.number == 1 && number) {
            if (!add_dim(r, p, f.bytes.p, f.value)) return false;
        } else if (f.number == 1 && len) {
            uint64_t v;
            for (wire_span d = f.bytes; d.n;) {
                if (!wire_varint(&d, &v))
                    return onnx_damaged(r, d.p, "the sizes of a tensor do not parse");
                if (!add_dim(r, p, d.p, v)) return false;
            }
        } else if (f.number == 2 && number) {
            p->onnx_type = f.value > 1000 ? -1 : (int)f.value;
        } else if (f.number == 3) {
            p->has_segment = true;
        } else if (is_typed_field(f.number)) {
            if (!count_typed(r, p, &f)) return false;
        } else if (f.number == 6) {
            p->has_strings = true;
        } else if (f.number == 8 && len) {
            out->name = onnx_read_str(r, f.bytes);
        } else if (f.number == 9 && len) {
            p->raw = f.bytes;
            p->has_raw = true;
        } else if (f.number == 13 && len) {
            if (!read_external(r, p, f.bytes)) return false;
        } else if (f.number == 14 && number) {
            p->external = f.value == 1;
        }
    }
    return n == 0 ? !r->failed : onnx_damaged(r, s.p, "a tensor does not parse");
}

// Opens (once) the file that holds external data; NULL and *problem on refusal.
static const file_map *side_file(onnx_reader *r, wire_span location, const char **problem) {
    onnx_model *m = r->model;
    if (!m) {
        *problem = "external data is not allowed here";
        return NULL;
    }
    const char *rel = onnx_read_str(r, location);
    uint32_t at = map_get(m->side_index, rel);
    if (at == MAP_NONE) {
        file_map f;
        at = NO_FILE;
        if (file_map_beside(&f, m->arena, r->file, rel, NULL, r->diags)) {
            at = (uint32_t)m->side_files.count;
            vec_push(&m->side_files, f);
            r->budget = budget_more(&r->budget, f.bytes);
        }
        map_set(m->side_index, rel, at);
    }
    if (at == NO_FILE) {
        *problem = arena_printf(m->arena, "external data '%s' cannot be opened", rel);
        return NULL;
    }
    return &m->side_files.items[at];
}

static bool parse_number(wire_span s, uint64_t otherwise, uint64_t *out) {
    *out = otherwise;
    if (s.n == 0) return true;
    uint64_t v = 0;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9' || !mul_u64(v, 10, &v) ||
            !add_u64(v, (uint64_t)(s.p[i] - '0'), &v))
            return false;
    *out = v;
    return true;
}

static const char *locate_external(onnx_reader *r, proto *p, size_t bytes) {
    const char *problem = NULL;
    uint64_t offset, length, end = 0;
    if (!parse_number(p->offset, 0, &offset) || !parse_number(p->length, bytes, &length))
        return "external data has an offset or length that is no number";
    const file_map *f = side_file(r, p->location, &problem);
    if (!f) return problem;
    if (length != bytes)
        return arena_printf(r->arena, "external data is %llu bytes long, its shape asks for %zu",
                            (unsigned long long)length, bytes);
    if (!add_u64(offset, length, &end) || end > f->bytes)
        return arena_printf(r->arena,
                            "external data from byte %llu on ends behind its file of %zu bytes",
                            (unsigned long long)offset, f->bytes);
    p->raw = (wire_span){f->data + offset, bytes};
    p->has_raw = true;
    return NULL;
}

static void widen_nibbles(bool is_signed, const uint8_t *src, size_t n, uint8_t *dst) {
    for (size_t i = 0; i < n; i++) {
        uint8_t v = i & 1 ? src[i / 2] >> 4 : src[i / 2] & 15; // low nibble first
        dst[i] = is_signed && v >= 8 ? v | 0xf0 : v;
    }
}

static const char *from_raw(onnx_reader *r, const proto *p, size_t count, tensor *t) {
    bool nibbles = p->onnx_type == TYPE_UINT4 || p->onnx_type == TYPE_INT4;
    size_t bytes = nibbles ? count / 2 + count % 2 : count * elem_bytes(t->type);
    if (p->raw.n != bytes)
        return arena_printf(r->arena, "its data is %zu bytes long, its shape asks for %zu",
                            p->raw.n, bytes);
    t->data = (void *)(uintptr_t)p->raw.p;
    if (nibbles) {
        if (!onnx_read_takes(r, p->raw.p, BUDGET_constants, count)) return "it is too large";
        t->data = arena_alloc(r->arena, count + 1);
        widen_nibbles(p->onnx_type == TYPE_INT4, p->raw.p, count, t->data);
    } else if (t->type == ELEM_bool) {
        size_t i = 0;
        while (i < count && p->raw.p[i] <= 1) i++;
        if (i < count) {
            if (!onnx_read_takes(r, p->raw.p, BUDGET_constants, count)) return "it is too large";
            t->data = arena_copy(r->arena, p->raw.p, count);
            for (uint8_t *b = t->data; i < count; i++) b[i] = b[i] != 0;
        }
    }
    return NULL;
}

static void store_varint(elem e, int onnx_type, void *data, size_t i, uint64_t v) {
    if (onnx_type == TYPE_UINT4 || onnx_type == TYPE_INT4) {
        ((uint8_t *)data)[i] = (uint8_t)v; // packed pairs; widened afterwards
    } else if (e == ELEM_f16 || e == ELEM_bf16) {
        ((uint16_t *)data)[i] = (uint16_t)v;
    } else if (e == ELEM_bool) {
        ((uint8_t *)data)[i] = v != 0;
    } else if (e == ELEM_u64) {
        ((uint64_t *)data)[i] = v;
    } else {
        elem_store_i64(e, data, i, (int64_t)v);
    }
}

// The typed field that carries elements of an ONNX type.
static int field_of_type(int t) {
    switch (t) {
    case 1:
    case 14: return 4;
    case 11:
    case 15: return 10;
    case 7: return 7;
    case 12:
    case 13: return 11;
    default: return 5;
    }
}

static const char *from_typed(onnx_reader *r, const proto *p, size_t count, tensor *t) {
    if (p->typed_field != field_of_type(p->onnx_type))
        return arena_printf(r->arena, "its data stands in a field that cannot hold %s",
                            onnx_type_name(p->onnx_type));
    bool nibbles = p->onnx_type == TYPE_UINT4 || p->onnx_type == TYPE_INT4;
    size_t expected = nibbles ? count / 2 + count % 2 : count;
    if (p->typed_count != expected)
        return arena_printf(r->arena, "it has %zu elements, its shape asks for %zu", p->typed_count,
                            expected);
    size_t width = typed_width((uint32_t)p->typed_field), at = 0;
    uint8_t *data = NULL;
    wire_span s = p->whole;
    for (wire_field f; wire_next(&s, &f) > 0;) {
        if ((int)f.number != p->typed_field) continue;
        if (width && f.bytes.n == expected * width) { // one packed run: stays in place
            t->data = (void *)(uintptr_t)f.bytes.p;
            return NULL;
        }
        if (!data && !onnx_read_takes(r, p->whole.p, BUDGET_constants, expected))
            return "it is too large";
        if (!data) data = arena_alloc(r->arena, expected * (width ? width : 8));
        if (width) {
            memcpy(data + at * width, f.bytes.p, f.bytes.n);
            at += f.bytes.n / width;
        } else if (f.type == WIRE_VARINT) {
            store_varint(t->type, p->onnx_type, data, at++, f.value);
        } else {
            uint64_t v;
            for (wire_span d = f.bytes; d.n; at++) {
                if (at == expected || !wire_varint(&d, &v)) return "its data does not parse";
                store_varint(t->type, p->onnx_type, data, at, v);
            }
        }
    }
    t->data = data;
    if (nibbles) {
        t->data = arena_alloc(r->arena, count + 1);
        widen_nibbles(p->onnx_type == TYPE_INT4, data, count, t->data);
    }
    return NULL;
}

static const char *locate(onnx_reader *r, proto *p, tensor *t) {
    if (p->too_many_dims)
        return arena_printf(r->arena, "it has more than %d axes", TENSOR_MAX_RANK);
    if (p->onnx_type == TYPE_UINT4)
        t->type = ELEM_u8;
    else if (p->onnx_type == TYPE_INT4)
        t->type = ELEM_i8;
    else if (p->onnx_type == 0 || !elem_from_onnx(p->onnx_type, &t->type))
        return arena_printf(r->arena, "element type %s is not supported",
                            onnx_type_name(p->onnx_type));
    if (p->has_strings || p->has_segment) return "strings and segments are not supported";
    size_t count;
    int64_t filled[TENSOR_MAX_RANK]; // empty axes count as 1: products of the others stay in range
    for (int i = 0; i < p->rank; i++) filled[i] = max_i64(p->dim[i], 1);
    if (!tensor_checked_count(p->dim, p->rank, MAX_ELEMENTS, &count) ||
        !tensor_checked_count(filled, p->rank, MAX_ELEMENTS, &(size_t){0}))
        return "it is too large";
    t->rank = p->rank;
    memcpy(t->dim, p->dim, sizeof t->dim);
    if (p->external) {
        if (p->location.n == 0) return "external data has no location";
        const char *problem = locate_external(
            r, p,
            p->onnx_type == TYPE_UINT4 || p->onnx_type == TYPE_INT4 ? count / 2 + count % 2
                                                                    : count * elem_bytes(t->type));
        if (problem) return problem;
    }
    if (p->has_raw && p->typed_field && p->typed_count) return "it has both raw and typed data";
    if (p->has_raw && !(p->raw.n == 0 && p->typed_count)) return from_raw(r, p, count, t);
    if (count == 0 && p->typed_count == 0) return NULL;
    if (!p->typed_field) return "it has no data";
    return from_typed(r, p, count, t);
}

bool onnx_read_tensor(onnx_reader *r, wire_span s, onnx_tensor *out) {
    proto p;
    *out = (onnx_tensor){.name = ""};
    if (!onnx_count_message(r, s.p) || !read_fields(r, s, &p, out)) return false;
    out->problem = locate(r, &p, &out->value);
    return !r->failed;
}

bool onnx_read_tensor_pb(arena *a, const char *path, const char **name, tensor *out,
                         diag_sink *diags) {
    file_map f;
    if (!file_map_open(&f, path, diags)) return false;
    onnx_reader r = {.arena = a,
                     .diags = diags,
                     .file = path,
                     .base = f.data,
                     .budget = budget_of("file", f.bytes)};
    onnx_tensor t;
    bool ok = onnx_read_tensor(&r, (wire_span){f.data, f.bytes}, &t);
    if (ok && t.problem) {
        // A SequenceProto or OptionalProto reads as a tensor without sizes whose field 2 is a kind.
        diag_emit(diags, DIAG_ID_onnx_tensor, DIAG_FILE(path),
                  "tensor '%s' cannot be used: %s (sequences and optionals are not supported)",
                  t.name, t.problem);
        ok = false;
    }
    if (ok) {
        *out = tensor_copy(a, &t.value);
        if (name) *name = t.name;
    }
    file_map_close(&f);
    return ok;
}
