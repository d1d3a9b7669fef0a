// NumPy's files: .npy (numpy.lib.format, versions 1.0 to 3.0) and .npz (a zip of them).
//
// Input may be hostile: sizes are checked against the bytes that are there before anything is
// allocated, the header is a Python dictionary of which exactly the three known keys are accepted.
// Output is deterministic: fixed key order, padding and zip times.
#include "support/budget.h"
#include "support/file/file.h"
#include "support/num/tensor.h"
#include "support/vec.h"
#include <zip.h>

static const char *const npy_types[] = {
#define ELEM(name, bytes, npy, onnx) npy,
#include "support/num/elem.def"
};

enum { MAGIC_BYTES = 6, HEADER_ALIGN = 64 };
static const char magic[MAGIC_BYTES + 1] = "\x93NUMPY";

// --- the header dictionary

typedef struct {
    const char *p, *end;
} cursor;

static void skip_space(cursor *c) {
    while (c->p < c->end && (*c->p == ' ' || *c->p == '\n' || *c->p == '\t')) c->p++;
}

static bool take(cursor *c, char ch) {
    skip_space(c);
    if (c->p == c->end || *c->p != ch) return false;
    c->p++;
    return true;
}

static bool take_word(cursor *c, const char *word) {
    skip_space(c);
    size_t n = strlen(word);
    if ((size_t)(c->end - c->p) < n || memcmp(c->p, word, n) != 0) return false;
    c->p += n;
    return true;
}

// A quoted string without escapes.
static bool take_string(cursor *c, char *out, size_t capacity) {
    skip_space(c);
    if (c->p == c->end || (*c->p != '\'' && *c->p != '"')) return false;
    char quote = *c->p++;
    size_t n = 0;
    for (; c->p < c->end && *c->p != quote; c->p++) {
        if (n + 1 >= capacity || *c->p == '\\') return false;
        out[n++] = *c->p;
    }
    out[n] = 0;
    return take(c, quote);
}

static bool take_number(cursor *c, int64_t *out) {
    skip_space(c);
    const char *start = c->p;
    uint64_t v = 0;
    for (; c->p < c->end && *c->p >= '0' && *c->p <= '9'; c->p++) {
        if (!mul_u64(v, 10, &v) || !add_u64(v, (uint64_t)(*c->p - '0'), &v) || v > INT64_MAX)
            return false;
    }
    if (c->p < c->end && *c->p == 'L') c->p++; // Python 2 wrote them
    *out = (int64_t)v;
    return c->p > start && *start != 'L';
}

typedef struct {
    char type[32];
    bool fortran;
    int rank;
    int64_t dim[TENSOR_MAX_RANK];
} npy_header;

// NULL when fine, else what is wrong.
static const char *take_shape(cursor *c, npy_header *h) {
    if (!take(c, '(')) return "'shape' is not a tuple";
    while (!take(c, ')')) {
        if (h->rank == TENSOR_MAX_RANK) return "more than 8 dimensions";
        if (!take_number(c, &h->dim[h->rank])) return "a dimension is not a number that fits";
        h->rank++;
        if (!take(c, ',')) {
            if (!take(c, ')')) return "'shape' is not closed";
            break;
        }
    }
    return NULL;
}

static const char *parse_header(cursor *c, npy_header *h) {
    bool has_type = false, has_order = false, has_shape = false;
    *h = (npy_header){0};
    if (!take(c, '{')) return "the header is not a dictionary";
    while (!take(c, '}')) {
        char key[32];
        if (!take_string(c, key, sizeof key) || !take(c, ':')) return "a key is malformed";
        if (strcmp(key, "descr") == 0 && !has_type) {
            has_type = true;
            if (!take_string(c, h->type, sizeof h->type)) return "'descr' is not a simple type";
        } else if (strcmp(key, "fortran_order") == 0 && !has_order) {
            has_order = true;
            h->fortran = take_word(c, "True");
            if (!h->fortran && !take_word(c, "False")) return "'fortran_order' is not a boolean";
        } else if (strcmp(key, "shape") == 0 && !has_shape) {
            has_shape = true;
            const char *wrong = take_shape(c, h);
            if (wrong) return wrong;
        } else {
            return "a key is unknown or repeated";
        }
        if (!take(c, ',')) {
            if (!take(c, '}')) return "the dictionary is not closed";
            break;
        }
    }
    skip_space(c);
    if (c->p != c->end) return "something follows the dictionary";
    return has_type && has_order && has_shape ? NULL
                                              : "'descr', 'fortran_order' or 'shape' is missing";
}

static bool type_from_npy(const char *descr, elem *type) {
    for (size_t i = 0; i < ELEM_COUNT; i++) {
        const char *t = npy_types[i];
        if (!*t || strcmp(t + 1, descr + (strchr("<|=", descr[0]) ? 1 : 0)) != 0) continue;
        *type = (elem)i;
        return true;
    }
    return false;
}

static bool bad(diag_sink *diags, const char *name, const char *what) {
    diag_emit(diags, DIAG_ID_npy_format, DIAG_FILE(name), "%s", what);
    return false;
}

// Fortran order: element (i0, i1, ...) lies at i0 + i1 d0 + i2 d0 d1 + ...
static void from_fortran(tensor *t, const uint8_t *src) {
    size_t bytes = elem_bytes(t->type), count = tensor_count(t);
    size_t stride[TENSOR_MAX_RANK], index[TENSOR_MAX_RANK] = {0}, at = 0, step = 1;
    for (int i = 0; i < t->rank; i++) {
        stride[i] = step;
        step *= (size_t)t->dim[i];
    }
    for (size_t k = 0; k < count; k++) {
        memcpy((uint8_t *)t->data + k * bytes, src + at * bytes, bytes);
        for (int i = t->rank - 1; i >= 0; i--) {
            at += stride[i];
            if (++index[i] < (size_t)t->dim[i]) break;
            at -= stride[i] * (size_t)t->dim[i];
            index[i] = 0;
        }
    }
}

bool npy_parse(arena *a, const void *bytes, size_t n, const char *name, tensor *out,
               diag_sink *diags) {
    const uint8_t *p = bytes;
    if (n < MAGIC_BYTES + 2 || memcmp(p, magic, MAGIC_BYTES) != 0)
        return bad(diags, name, "not a .npy file: it does not start with \\x93NUMPY");
    int major = p[MAGIC_BYTES];
    if (major < 1 || major > 3 || p[MAGIC_BYTES + 1] != 0) {
        diag_emit(diags, DIAG_ID_npy_format, DIAG_FILE(name),
                  "version %d.%d of the .npy format is not known (1.0, 2.0 and 3.0 are)", major,
                  p[MAGIC_BYTES + 1]);
        return false;
    }
    size_t at = MAGIC_BYTES + 2, length_bytes = major == 1 ? 2 : 4, header_bytes = 0;
    if (n - at < length_bytes) return bad(diags, name, "the file ends inside its header");
    for (size_t i = 0; i < length_bytes; i++) header_bytes |= (size_t)p[at + i] << (8 * i);
    at += length_bytes;
    if (n - at < header_bytes) return bad(diags, name, "the file ends inside its header");

    npy_header h;
    cursor c = {(const char *)p + at, (const char *)p + at + header_bytes};
    const char *wrong = parse_header(&c, &h);
    if (wrong) return bad(diags, name, wrong);
    at += header_bytes;

    elem type;
    if (!type_from_npy(h.type, &type)) {
        diag_emit(diags, DIAG_ID_npy_format, DIAG_FILE(name),
                  "element type '%s' is not supported (little-endian numbers and bool are)",
                  h.type);
        return false;
    }
    size_t count, have = n - at;
    if (!tensor_checked_count(h.dim, h.rank, SIZE_MAX / 16, &count))
        return bad(diags, name, "the shape is too large");
    if (have != count * elem_bytes(type)) {
        diag_emit(diags, DIAG_ID_npy_format, DIAG_FILE(name),
                  "the shape needs %zu bytes of data, found %zu", count * elem_bytes(type), have);
        return false;
    }
    *out = tensor_new(a, type, h.rank, h.dim);
    if (h.fortran && h.rank > 1) {
        from_fortran(out, p + at);
    } else if (have) {
        memcpy(out->data, p + at, have);
    }
    if (type == ELEM_bool) { // any other byte would be neither true nor false to C
        uint8_t *b = out->data;
        for (size_t i = 0; i < count; i++) b[i] = b[i] != 0;
    }
    return true;
}

bool npy_read(arena *a, const char *path, tensor *out, diag_sink *diags) {
    file_map f;
    if (!file_map_open(&f, path, diags)) return false;
    bool ok = npy_parse(a, f.data, f.bytes, f.name, out, diags);
    file_map_close(&f);
    return ok;
}

// --- writing

// The header with magic and padding; *n a multiple of 64. NULL: the type has no npy name.
static char *make_header(arena *a, const tensor *t, size_t *n) {
    if (!*npy_types[t->type]) return NULL;
    char shape[24 * TENSOR_MAX_RANK + 1] = "";
    size_t len = 0;
    for (int i = 0; i < t->rank; i++)
        len += (size_t)snprintf(shape + len, sizeof shape - len, "%s%lld%s", i ? " " : "",
                                (long long)t->dim[i], i + 1 < t->rank || t->rank == 1 ? "," : "");
    const char *dict = arena_printf(a, "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }",
                                    npy_types[t->type], shape);
    size_t dict_bytes = strlen(dict), before = MAGIC_BYTES + 4;
    *n = align_u64(before + dict_bytes + 1, HEADER_ALIGN);
    char *h = arena_alloc(a, *n);
    memset(h, ' ', *n);
    memcpy(h, magic, MAGIC_BYTES);
    h[MAGIC_BYTES] = 1;
    h[MAGIC_BYTES + 1] = 0;
    h[MAGIC_BYTES + 2] = (char)((*n - before) & 0xff);
    h[MAGIC_BYTES + 3] = (char)((*n - before) >> 8);
    memcpy(h + before, dict, dict_bytes);
    h[*n - 1] = '\n';
    return h;
}

static bool no_npy_type(const char *path, elem type, diag_sink *diags) {
    diag_emit(diags, DIAG_ID_npy_format, DIAG_FILE(path),
              "elements of type %s cannot be written to .npy; convert them to f32 first",
              elem_name(type));
    return false;
}

bool npy_write(const char *path, const tensor *t, diag_sink *diags) {
    arena *a = arena_new();
    size_t n, bytes = tensor_bytes(t);
    const char *header = make_header(a, t, &n);
    file_out *o = header ? file_out_open(path, diags) : NULL;
    if (!header) no_npy_type(path, t->type, diags);
    if (o) {
        fwrite(header, 1, n, file_out_stream(o));
        if (bytes) fwrite(t->data, 1, bytes, file_out_stream(o));
    }
    arena_free(a);
    return o && file_out_commit(o, diags);
}

// --- npz

enum { DEFLATE_MAX_RATIO = 1032 }; // no deflate stream expands further: a larger size is a lie
enum { MAX_MEMBERS = 1 << 20 };
enum { EMPTY_ZIP_BYTES = 22 };

typedef struct {
    arena *a;
    zip_t *z;
    const char *name, *only; // of the file; of the member wanted, NULL: all
    size_t unread; // bytes of the archive that no member before has used: members must not
                   // overlap, that is how small archives unpack to huge ones
    budget budget;
    diag_sink *diags;
} archive;

// Memory that libzip lacks would be a damaged archive.
static const char *zip_reason(zip_error_t *error) {
    if (zip_error_code_zip(error) == ZIP_ER_MEMORY) base_no_memory(0);
    return zip_error_strerror(error);
}

static bool read_member(archive *z, zip_uint64_t i, tensor_set *out) {
    arena *a = z->a;
    diag_sink *diags = z->diags;
    zip_stat_t st;
    const zip_uint64_t needed = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE;
    if (zip_stat_index(z->z, i, ZIP_FL_ENC_RAW, &st) != 0 || (st.valid & needed) != needed) {
        zip_reason(zip_get_error(z->z));
        return bad(diags, z->name, "the archive's directory is damaged");
    }
    size_t len = strlen(st.name) - (file_ends_in(st.name, ".npy") ? 4 : 0);
    if (z->only && (strlen(z->only) != len || memcmp(z->only, st.name, len) != 0)) return true;
    tensor_named *item = &out->items[out->count];
    item->name = arena_strn(a, st.name, len);
    const char *label = arena_printf(a, "%s(%s)", z->name, st.name);
    if (st.comp_size > z->unread || st.size / DEFLATE_MAX_RATIO > st.comp_size)
        return bad(diags, label, "its size does not fit its packed size");
    z->unread -= st.comp_size;
    char why[BUDGET_TEXT];
    if (!budget_take(&z->budget, BUDGET_unpacked, st.size))
        return bad(diags, label, budget_spent(&z->budget, BUDGET_unpacked, why));
    zip_file_t *f = zip_fopen_index(z->z, i, 0);
    if (!f) {
        diag_emit(diags, DIAG_ID_npy_format, DIAG_FILE(label), "cannot be unpacked: %s",
                  zip_reason(zip_get_error(z->z)));
        return false;
    }
    uint8_t *bytes = base_alloc(st.size);
    zip_uint64_t have = 0;
    zip_int64_t got;
    while (have < st.size && (got = zip_fread(f, bytes + have, st.size - have)) > 0)
        have += (zip_uint64_t)got;
    char one_more;
    bool whole = have == st.size && zip_fread(f, &one_more, 1) == 0; // checks the CRC as well
    if (!whole) zip_reason(zip_file_get_error(f));
    zip_fclose(f);
    bool ok = whole ? npy_parse(a, bytes, st.size, label, &item->value, diags)
                    : bad(diags, label, "its data are damaged");
    free(bytes);
    out->count += ok;
    return ok;
}

bool npz_parse(arena *a, const void *bytes, size_t n, const char *name, const char *only,
               tensor_set *out, diag_sink *diags) {
    *out = (tensor_set){0};
    if (n < EMPTY_ZIP_BYTES) return bad(diags, name, "not a .npz archive: too short");
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t *source = zip_source_buffer_create(bytes, n, 0, &error);
    zip_t *z = source ? zip_open_from_source(source, ZIP_RDONLY, &error) : NULL;
    if (!z) {
        diag_emit(diags, DIAG_ID_npy_format, DIAG_FILE(name), "not a .npz archive: %s",
                  zip_reason(&error));
        zip_source_free(source);
        zip_error_fini(&error);
        return false;
    }
    zip_int64_t members = zip_get_num_entries(z, 0);
    bool ok = members >= 0 && members <= MAX_MEMBERS;
    if (!ok) bad(diags, name, "the archive has too many members");
    if (ok) out->items = ARENA_ARRAY(a, tensor_named, members);
    archive all = {a, z, name, only, n, budget_of("file", n), diags};
    for (zip_int64_t i = 0; ok && i < members; i++) ok = read_member(&all, (zip_uint64_t)i, out);
    zip_discard(z);
    zip_error_fini(&error);
    return ok;
}

bool npz_read(arena *a, const char *path, tensor_set *out, diag_sink *diags) {
    file_map f;
    if (!file_map_open(&f, path, diags)) return false;
    bool ok = npz_parse(a, f.data, f.bytes, f.name, NULL, out, diags);
    file_map_close(&f);
    return ok;
}

static bool zip_failed(diag_sink *diags, const char *path, zip_error_t *error) {
    // only memory that it lacks leaves libzip without a reason
    if (zip_error_code_zip(error) == ZIP_ER_OK) base_no_memory(0);
    diag_emit(diags, DIAG_ID_io, DIAG_FILE(path), "cannot write: %s", zip_reason(error));
    return false;
}

// Adds one member. Stored, dated 1980-01-01, the first date a zip can hold.
static bool add_member(arena *a, zip_t *z, const char *path, const tensor_named *item,
                       diag_sink *diags) {
    size_t n, bytes = tensor_bytes(&item->value);
    const char *header = make_header(a, &item->value, &n);
    if (!header) return no_npy_type(path, item->value.type, diags);
    uint8_t *all = base_alloc(n + bytes);
    memcpy(all, header, n);
    if (bytes) memcpy(all + n, item->value.data, bytes);
    zip_source_t *source = zip_source_buffer(z, all, n + bytes, 1);
    zip_int64_t i = -1;
    if (!source) {
        free(all);
    } else {
        const char *name = arena_printf(a, "%s.npy", item->name);
        i = zip_file_add(z, name, source, ZIP_FL_ENC_UTF_8);
        if (i < 0) zip_source_free(source);
    }
    const zip_uint16_t first_date = 1 << 5 | 1;
    if (i < 0 || zip_set_file_compression(z, (zip_uint64_t)i, ZIP_CM_STORE, 0) != 0 ||
        zip_file_set_dostime(z, (zip_uint64_t)i, 0, first_date, 0) != 0)
        return zip_failed(diags, path, zip_get_error(z));
    return true;
}

static bool copy_source(zip_source_t *source, FILE *out) {
    char buffer[64 << 10];
    zip_int64_t n = 0;
    if (zip_source_open(source) != 0) return false;
    while ((n = zip_source_read(source, buffer, sizeof buffer)) > 0)
        fwrite(buffer, 1, (size_t)n, out);
    zip_source_close(source);
    return n == 0;
}

bool npz_write(const char *path, const tensor_set *set, diag_sink *diags) {
    if (set->count == 0) { // libzip writes no archive at all then: this is the empty one
        static const char empty[EMPTY_ZIP_BYTES] = "PK\5\6";
        file_out *o = file_out_open(path, diags);
        if (!o) return false;
        fwrite(empty, 1, sizeof empty, file_out_stream(o));
        return file_out_commit(o, diags);
    }
    arena *a = arena_new();
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t *whole = zip_source_buffer_create(NULL, 0, 0, &error);
    CHECK(whole, "zip_source_buffer_create: %s", zip_reason(&error));
    zip_source_keep(whole); // zip_close gives back one reference, the other is ours
    zip_t *z = zip_open_from_source(whole, ZIP_TRUNCATE, &error);
    CHECK(z, "zip_open_from_source: %s", zip_reason(&error));
    bool ok = true;
    for (size_t i = 0; ok && i < set->count; i++)
        ok = add_member(a, z, path, &set->items[i], diags);
    if (ok && zip_close(z) == 0) {
        z = NULL;
    } else if (ok) {
        ok = zip_failed(diags, path, zip_get_error(z));
    }
    if (z) zip_discard(z);
    file_out *o = ok ? file_out_open(path, diags) : NULL;
    if (o && !copy_source(whole, file_out_stream(o))) {
        zip_failed(diags, path, zip_source_error(whole));
        file_out_abandon(o);
        o = NULL;
    }
    zip_source_free(whole);
    zip_error_fini(&error);
    arena_free(a);
    return o && file_out_commit(o, diags);
}
