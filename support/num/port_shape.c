// Shape texts of ports, and what follows from them; see port_shape.h.
//
// A row of a program holds the features of one token in row-major order of the tensor's other axes,
// so a tensor's element index is a sum: batch, row, column, each with its own offsets.
#include "support/num/port_shape.h"
#include "support/num/layout.h"
#include <stdlib.h>
#include <string.h>

static bool push(port_shape *s, int axis, int domain, int64_t size) {
    if (s->n_atoms == PORT_SHAPE_MAX_ATOMS) return false;
    if (domain >= 0) {
        if (s->row < 0)
            s->row = s->n_atoms;
        else if (s->key < 0)
            s->key = s->n_atoms;
        else
            return false;
    }
    s->atom[s->n_atoms++] = (port_atom){axis, domain, size};
    return true;
}

bool port_shape_parse(const char *text, port_shape *s) {
    *s = (port_shape){.row = -1, .key = -1};
    const char *at = text;
    int64_t features = 1;
    if (*at++ != '[') return false;
    while (*at && *at != ']') {
        int axis = s->rank++;
        if (s->rank > TENSOR_MAX_RANK) return false;
        bool one = true;
        for (;;) {
            char *end;
            bool domain = *at == 't';
            int64_t n = strtoll(at + domain, &end, 10);
            if (end == at + domain || n < (domain ? 0 : 1)) return false;
            if (n > PORT_SHAPE_MAX_FEATURES) return false;
            if (!domain && (features *= n) > PORT_SHAPE_MAX_FEATURES) return false;
            at = end;
            one &= !domain && n == 1;
            if ((domain || n > 1) && !push(s, axis, domain ? (int)n : -1, domain ? 0 : n))
                return false;
            if (*at != '*') break;
            one = false; // [1*1,2]: of no batch
            at++;
        }
        if (axis == 0) s->has_batch = one;
        if (*at == ',') at++;
    }
    return *at == ']' && at[1] == 0;
}

port_shape port_shape_default(int domain, bool integer, int64_t width) {
    port_shape s = {.row = -1, .key = -1, .has_batch = true};
    s.rank = integer && width == 1 ? 2 : 3;
    push(&s, 1, domain, 0);
    if (s.rank == 3 && width > 1) push(&s, 2, -1, width);
    return s;
}

static int64_t atom_size(const port_shape *s, int i, int64_t rows, int64_t keys) {
    return i == s->row ? rows : i == s->key ? keys : s->atom[i].size;
}

int64_t port_shape_features(const port_shape *s) {
    int64_t n = 1;
    for (int i = 0; i < s->n_atoms; i++)
        if (s->atom[i].domain < 0) n *= s->atom[i].size;
    return n;
}

void port_shape_dims(const port_shape *s, int64_t batch, int64_t rows, int64_t keys, tensor *t) {
    t->rank = s->rank;
    for (int i = 0; i < s->rank; i++) t->dim[i] = 1;
    if (s->has_batch) t->dim[0] = batch;
    for (int i = 0; i < s->n_atoms; i++) t->dim[s->atom[i].axis] *= atom_size(s, i, rows, keys);
}

port_map port_map_of(arena *a, const port_shape *s, int64_t rows, int64_t keys, int64_t slots,
                     int64_t key0) {
    int64_t stride[PORT_SHAPE_MAX_ATOMS + 1], at = 1, width = 1;
    for (int i = s->n_atoms - 1; i >= 0; i--) {
        stride[i] = at;
        at *= atom_size(s, i, rows, keys);
        if (i != s->row) width *= i == s->key ? slots : s->atom[i].size;
    }
    port_map m = {.batch_stride = at, .n_rows = s->row < 0 ? 1 : rows, .width = width};
    m.row = ARENA_ARRAY(a, int64_t, m.n_rows + 1);
    m.column = ARENA_ARRAY(a, int64_t, width + 1);
    for (int64_t r = 0; s->row >= 0 && r < rows; r++) m.row[r] = r * stride[s->row];
    for (int64_t c = 0; c < width; c++) {
        int64_t rest = c, offset = 0;
        for (int i = s->n_atoms - 1; i >= 0; i--) {
            if (i == s->row) continue;
            int64_t n = i == s->key ? slots : s->atom[i].size, digit = rest % n;
            rest /= n;
            if (i == s->key) digit += key0;
            if (i == s->key && digit >= keys) offset = INT64_MIN / 2;
            offset += digit * stride[i];
        }
        m.column[c] = offset < 0 ? -1 : offset;
    }
    return m;
}

bool port_map_image(arena *a, const char *layout, port_map *m) {
    layout_image l;
    if (!layout_parse(layout, &l)) return false;
    *m = (port_map){layout_elements(&l), layout_rows(&l), layout_width(&l), NULL, NULL};
    m->row = ARENA_ARRAY(a, int64_t, m->n_rows);
    m->column = ARENA_ARRAY(a, int64_t, m->width);
    for (int64_t r = 0; r < m->n_rows; r++) m->row[r] = layout_row_offset(&l, r);
    for (int64_t i = 0; i < m->width; i++) m->column[i] = layout_column_offset(&l, i);
    return true;
}

// ---- caches ----------------------------------------------------------------------------------

cache_axes cache_axes_of(const char *layout) {
    if (strlen(layout) != 4) layout = "bhtd";
    return (cache_axes){(int)(strchr(layout, 'b') ? strchr(layout, 'b') - layout : 0),
                        (int)(strchr(layout, 'h') ? strchr(layout, 'h') - layout : 1),
                        (int)(strchr(layout, 't') ? strchr(layout, 't') - layout : 2),
                        (int)(strchr(layout, 'd') ? strchr(layout, 'd') - layout : 3)};
}

size_t cache_at(const cache_axes *x, const tensor *c, int64_t b, int64_t h, int64_t t, int64_t d) {
    int64_t index[4];
    index[x->b] = b;
    index[x->h] = h;
    index[x->t] = t;
    index[x->d] = d;
    return (size_t)(((index[0] * c->dim[1] + index[1]) * c->dim[2] + index[2]) * c->dim[3] +
                    index[3]);
}
