// What a port says of its ONNX tensor, and a ring of its caches, must fit the rows they have: who
// runs a program on tensors takes every element's place from these texts
// (support/num/port_shape.h).
#include "isa/depend/domain.h"
#include "isa/verify/parts.h"
#include "support/map.h"
#include "support/num/elem.h"
#include "support/num/layout.h"
#include "support/num/port_shape.h"
#include <inttypes.h>
#include <string.h>

typedef struct {
    verifier *v;
    const isa_port *p;
    const char *where, *shape, *layout;
    port_shape s;
    int64_t width; // numbers of a row: of a pair value and index
} reader;

#define BAD(...) verify_bad(c->v, DIAG_ID_isa_port, c->where, __VA_ARGS__)

// Most rows of the port's domain, in any phase that has the port.
static int64_t most_rows(const reader *c) {
    const isa_program *p = c->v->p;
    uint8_t phases = isa_port_phases(p, c->v->a)[c->p - p->ports];
    int64_t most = 0;
    for (uint32_t ph = 0; c->v->bounded && ph < p->n_phases; ph++) {
        isa_domain dom[ISA_DOMAINS];
        if (!(phases >> ph & 1)) continue;
        isa_domains(p, ph, dom);
        most = max_i64(most, dom[c->p->dom].most);
    }
    return most;
}

static void check_image(const reader *c) {
    layout_image l;
    if (c->p->direction != ISA_PORT_IN)
        BAD("an output has no layout, found '%.100s'", c->layout);
    else if (!layout_parse(c->layout, &l))
        BAD("the layout '%.100s' means nothing", c->layout);
    else if (c->s.row >= 0 || port_shape_features(&c->s) != layout_elements(&l) ||
             layout_width(&l) != c->width)
        BAD("the layout '%.100s' has %" PRId64 " numbers in rows of %" PRId64
            ", the shape '%.100s' %" PRId64 " and the port rows of %" PRId64,
            c->layout, layout_elements(&l), layout_width(&l), c->shape, port_shape_features(&c->s),
            c->width);
}

static void check_axes(const reader *c) {
    int64_t features = port_shape_features(&c->s), most = most_rows(c);
    if (c->s.key >= 0 ? c->width % features != 0 : c->width != features)
        BAD("the shape '%.100s' has %" PRId64 " numbers a row, the port %" PRId64, c->shape,
            features, c->width);
    if (c->s.key >= 0 && c->p->direction == ISA_PORT_IN)
        BAD("the shape '%.100s' counts rows twice, which only outputs do", c->shape);
    if (c->s.row >= 0 && c->s.atom[c->s.row].domain != c->p->dom)
        BAD("the shape '%.100s' counts rows of t%d, the port has those of t%u", c->shape,
            c->s.atom[c->s.row].domain, c->p->dom);
    if (c->s.row < 0 && most > 1)
        BAD("the shape '%.100s' counts no rows, the port has up to %" PRId64, c->shape, most);
}

static void check_role(const reader *c) {
    bool counts = isa_role_skips(c->p->role) || c->p->role == ISA_ROLE_POSITIONS;
    if (counts && c->p->width != 1)
        BAD("rows of %u columns, a %s has one", c->p->width, isa_name(ISA_ENUM_prole, c->p->role));
    if (c->p->elem == ISA_ELEM_q8) BAD("tensors have no elements of type q8");
}

static void check_port(verifier *v, const isa_port *p) {
    reader r = {.v = v, .p = p, .shape = isa_str(v->p, p->shape)};
    const reader *c = &r;
    r.layout = isa_str(v->p, p->layout);
    r.where = arena_printf(v->a, "port '%.100s'", isa_str(v->p, p->name));
    r.width = (int64_t)p->width * (p->type == ISA_PAIR ? 2 : 1);
    check_role(c);
    if (!*r.shape && !*r.layout) return; // [1,tN], or with the width behind it
    if (!port_shape_parse(r.shape, &r.s))
        BAD("the shape '%.100s' means nothing", r.shape);
    else if (*r.layout)
        check_image(c);
    else
        check_axes(c);
}

// --- caches

static bool is_layout(const char *s) {
    return *s == 0 ||
           (strlen(s) == 4 && strchr(s, 'b') && strchr(s, 'h') && strchr(s, 't') && strchr(s, 'd'));
}

static void check_ring(verifier *v, uint32_t tile, uint32_t i) {
    const isa_ring *r = &v->p->tiles[tile].rings[i];
    const char *where =
        arena_printf(v->a, "tile %u, ring %u '%.100s'", tile, i, isa_str(v->p, r->name));
    const char *layout = isa_str(v->p, r->kv_layout);
    if (!is_layout(layout))
        verify_bad(v, DIAG_ID_isa_port, where,
                   "kv_layout is '%.100s', expected an order of b, h, t and d", layout);
    bool past = *isa_str(v->p, r->past_key), present = *isa_str(v->p, r->present_key);
    if (past != (*isa_str(v->p, r->past_value) != 0) ||
        present != (*isa_str(v->p, r->present_value) != 0))
        verify_bad(v, DIAG_ID_isa_port, where,
                   "names a cache of keys or of values, expected both or neither");
}

// --- names

static void name(verifier *v, map *names, uint32_t string, const char *kind) {
    const char *s = isa_str(v->p, string);
    if (*s && map_add(names, s, 0) != MAP_NONE)
        verify_bad(v, DIAG_ID_isa_port, arena_printf(v->a, "port '%.100s'", s),
                   "two %s have this name", kind);
}

// Rings that hold the same keys and values are loaded from the same inputs.
static bool shares_past(const verifier *v, map *pasts, const isa_ring **all, uint32_t n) {
    const isa_ring *r = all[n];
    const char *key = isa_str(v->p, r->past_key);
    const uint32_t first = *key ? map_add(pasts, key, n) : MAP_NONE;
    if (first == MAP_NONE) return false;
    const isa_ring *a = all[first];
    return strcmp(isa_str(v->p, a->past_value), isa_str(v->p, r->past_value)) == 0 &&
           strcmp(isa_str(v->p, a->kv_layout), isa_str(v->p, r->kv_layout)) == 0 &&
           a->n_kv == r->n_kv && a->d == r->d && a->dv == r->dv;
}

static void check_names(verifier *v) {
    map *in = map_new(), *out = map_new(), *pasts = map_new();
    uint32_t n = 0;
    for (uint32_t t = 0; t < v->p->n_tiles; t++) n += v->p->tiles[t].n_rings;
    const isa_ring **all = ARENA_ARRAY(v->a, const isa_ring *, n + 1);
    n = 0;
    for (uint32_t i = 0; i < v->p->n_ports; i++)
        name(v, v->p->ports[i].direction == ISA_PORT_IN ? in : out, v->p->ports[i].name,
             v->p->ports[i].direction == ISA_PORT_IN ? "inputs" : "outputs");
    for (uint32_t t = 0; t < v->p->n_tiles; t++)
        for (uint32_t i = 0; i < v->p->tiles[t].n_rings; i++) {
            const isa_ring *r = &v->p->tiles[t].rings[i];
            all[n] = r;
            if (!shares_past(v, pasts, all, n++)) {
                name(v, in, r->past_key, "inputs");
                name(v, in, r->past_value, "inputs");
            }
            name(v, out, r->present_key, "outputs");
            name(v, out, r->present_value, "outputs");
        }
    map_free(in);
    map_free(out);
    map_free(pasts);
}

void verify_shapes(verifier *v) {
    for (uint32_t i = 0; i < v->p->n_ports; i++) check_port(v, &v->p->ports[i]);
    for (uint32_t t = 0; t < v->p->n_tiles; t++)
        for (uint32_t i = 0; i < v->p->tiles[t].n_rings; i++) check_ring(v, t, i);
    check_names(v);
}
