// How do rows lie in ONNX tensors? Shape texts of ports, and image layouts.
//
// A row of a program holds the features of one token in row-major order of the tensor's other axes,
// so a tensor's element index is a sum: batch, row, column, each with its own offsets.
#include "host/parts.h"
#include "support/num/layout.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static bool push(host_shape *s, int axis, int domain, int64_t size) {
    if (s->n_atoms == HOST_MAX_ATOMS) return false;
    if (domain >= 0) {
        if (s->row < 0)
            s->row = s->n_atoms;
        else if (s->key < 0)
            s->key = s->n_atoms;
        else
            return false;
    }
    s->atom[s->n_atoms++] = (host_atom){axis, domain, size};
    return true;
}

bool host_shape_of(const engine_port *p, host_shape *s) {
    *s = (host_shape){.row = -1, .key = -1};
    if (!p->shape[0]) {
        s->rank = p->integer && p->width == 1 ? 2 : 3;
        s->has_batch = true;
        bool ok = push(s, 1, 0, 0);
        return ok && (s->rank == 2 || p->width == 1 || push(s, 2, -1, p->width));
    }
    const char *at = p->shape;
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
            at = end;
            one &= !domain && n == 1;
            if ((domain || n > 1) && !push(s, axis, domain ? (int)n : -1, domain ? 0 : n))
                return false;
            if (*at != '*') break;
            at++;
        }
        if (axis == 0) s->has_batch = one;
        if (*at == ',') at++;
    }
    return *at == ']';
}

const char *host_shape_text(arena *a, const host_shape *s) {
    const char *text = "[";
    for (int axis = 0; axis < s->rank; axis++) {
        const char *dim = axis == 0 && s->has_batch ? "batch" : "";
        for (int i = 0; i < s->n_atoms; i++) {
            if (s->atom[i].axis != axis) continue;
            const char *factor = s->atom[i].domain == 0 || i == s->row ? "tokens"
                                 : s->atom[i].domain > 0
                                     ? arena_printf(a, "t%d", s->atom[i].domain)
                                     : arena_printf(a, "%" PRId64, s->atom[i].size);
            dim = arena_printf(a, "%s%s%s", dim, *dim ? "*" : "", factor);
        }
        text = arena_printf(a, "%s%s%s", text, axis ? "," : "", *dim ? dim : "1");
    }
    return arena_printf(a, "%s]", text);
}

bool host_shape_bind(const host_shape *s, const tensor *t, int64_t *batch, int64_t *tokens) {
    *batch = 1;
    *tokens = -1;
    if (t->rank != s->rank) return false;
    if (s->has_batch) *batch = t->dim[0];
    for (int axis = s->has_batch ? 1 : 0; axis < s->rank; axis++) {
        int64_t features = 1;
        bool counts = false;
        for (int i = 0; i < s->n_atoms; i++) {
            if (s->atom[i].axis != axis) continue;
            if (s->atom[i].domain >= 0)
                counts = true;
            else
                features *= s->atom[i].size;
        }
        if (!counts && t->dim[axis] != features) return false;
        if (!counts) continue;
        if (t->dim[axis] % features != 0) return false;
        if (*tokens >= 0 && *tokens != t->dim[axis] / features) return false;
        *tokens = t->dim[axis] / features;
    }
    return true;
}

host_axes host_axes_of(const char *layout) {
    if (strlen(layout) != 4) layout = "bhtd";
    return (host_axes){(int)(strchr(layout, 'b') ? strchr(layout, 'b') - layout : 0),
                       (int)(strchr(layout, 'h') ? strchr(layout, 'h') - layout : 1),
                       (int)(strchr(layout, 't') ? strchr(layout, 't') - layout : 2),
                       (int)(strchr(layout, 'd') ? strchr(layout, 'd') - layout : 3)};
}

void host_output_axes(const engine_info *info, const char *name, int *batch, int *tokens) {
    *batch = *tokens = -1;
    for (size_t i = 0; i < info->n_ports; i++) {
        const engine_port *p = &info->ports[i];
        host_shape s;
        if (p->input || strcmp(p->name, name) != 0 || !host_shape_of(p, &s)) continue;
        if (s.has_batch) *batch = 0;
        if (s.row >= 0 && s.atom[s.row].domain == host_side_of(p)) *tokens = s.atom[s.row].axis;
    }
    for (size_t i = 0; i < info->n_rings; i++) {
        const engine_ring *r = &info->rings[i];
        if (strcmp(r->present_key, name) != 0 && strcmp(r->present_value, name) != 0) continue;
        host_axes x = host_axes_of(r->layout);
        *batch = x.b;
        *tokens = x.t;
    }
}

static int64_t atom_size(const host_shape *s, int i, int64_t rows, int64_t keys) {
    return i == s->row ? rows : i == s->key ? keys : s->atom[i].size;
}

void host_shape_dims(const host_shape *s, int64_t batch, int64_t rows, int64_t keys, tensor *t) {
    t->rank = s->rank;
    for (int i = 0; i < s->rank; i++) t->dim[i] = 1;
    if (s->has_batch) t->dim[0] = batch;
    for (int i = 0; i < s->n_atoms; i++) t->dim[s->atom[i].axis] *= atom_size(s, i, rows, keys);
}

host_map host_map_of(arena *a, const host_shape *s, int64_t rows, int64_t keys, int64_t slots,
                     int64_t key0) {
    int64_t stride[HOST_MAX_ATOMS + 1], at = 1, width = 1;
    for (int i = s->n_atoms - 1; i >= 0; i--) {
        stride[i] = at;
        at *= atom_size(s, i, rows, keys);
        if (i != s->row) width *= i == s->key ? slots : s->atom[i].size;
    }
    host_map m = {.batch_stride = at, .n_rows = s->row < 0 ? 1 : rows, .width = width};
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

bool host_map_image(arena *a, const engine_port *p, const host_shape *s, host_map *m) {
    layout_image l;
    int64_t features = 1;
    for (int i = 0; i < s->n_atoms; i++) features *= s->atom[i].size;
    if (!layout_parse(p->layout, &l) || s->row >= 0 || features != layout_elements(&l) ||
        layout_width(&l) != p->width)
        return false;
    *m = (host_map){layout_elements(&l), layout_rows(&l), layout_width(&l), NULL, NULL};
    m->row = ARENA_ARRAY(a, int64_t, m->n_rows);
    m->column = ARENA_ARRAY(a, int64_t, m->width);
    for (int64_t r = 0; r < m->n_rows; r++) m->row[r] = layout_row_offset(&l, r);
    for (int64_t i = 0; i < m->width; i++) m->column[i] = layout_column_offset(&l, i);
    return true;
}
