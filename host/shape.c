// What shapes of ports mean for the host: what fits an input, and what messages call it.
#include "host/parts.h"
#include <inttypes.h>
#include <string.h>

bool host_shape_of(const engine_port *p, port_shape *s) {
    if (p->shape[0]) return port_shape_parse(p->shape, s);
    *s = port_shape_default(p->domain < 0 ? 0 : p->domain, p->integer, p->width);
    return true;
}

const char *host_shape_text(arena *a, const port_shape *s) {
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

bool host_shape_bind(const port_shape *s, const tensor *t, int64_t *batch, int64_t *tokens) {
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

void host_output_axes(const engine_info *info, const char *name, int *batch, int *tokens) {
    *batch = *tokens = -1;
    for (size_t i = 0; i < info->n_ports; i++) {
        const engine_port *p = &info->ports[i];
        port_shape s;
        if (p->input || strcmp(p->name, name) != 0 || !host_shape_of(p, &s)) continue;
        if (s.has_batch) *batch = 0;
        if (s.row >= 0 && s.atom[s.row].domain == info->domain[host_side_of(p)])
            *tokens = s.atom[s.row].axis;
    }
    for (size_t i = 0; i < info->n_rings; i++) {
        const engine_ring *r = &info->rings[i];
        if (strcmp(r->present_key, name) != 0 && strcmp(r->present_value, name) != 0) continue;
        cache_axes x = cache_axes_of(r->layout);
        *batch = x.b;
        *tokens = x.t;
    }
}

bool host_map_image(arena *a, const engine_port *p, const port_shape *s, port_map *m) {
    return s->row < 0 && port_map_image(a, p->layout, m) &&
           port_shape_features(s) == m->batch_stride && m->width == p->width;
}
