#include "cli/program/placement.h"
#include "ir/ir.h"
#include "ir/text/text.h"
#include "support/name.h"
#include <inttypes.h>
#include <string.h>

typedef struct {
    const isa_program *p;
    const ir_module *m; // NULL: the program has no IR text
    arena *a;
    placement_slices *out;
} listing;

// The data of big tensors are not in the text, and nobody asks for them.
static bool leave_out(void *ctx, const char *hash, tensor *out) {
    (void)ctx, (void)hash, (void)out;
    return true;
}

typedef struct {
    const char *name;
    bool transposed;
    int64_t k, n, first; // first: column of the group's matrix where it begins
} source;

// The tensors side by side in a group's matrix. NULL: the text does not say, or not of a matrix
// with these rows and columns.
static source *sources_of(const listing *l, const ir_symbol *s, int64_t k1, int64_t n1, size_t *n) {
    size_t n_trans;
    const char *const *names = ir_attr_strs(&s->attrs, IR_ATTR_weights, n);
    const int64_t *trans = ir_attr_ints(&s->attrs, IR_ATTR_wtrans, &n_trans);
    source *list = ARENA_ARRAY(l->a, source, *n + 1);
    int64_t first = 0;
    for (size_t i = 0; i < *n; i++) {
        const ir_symbol *t = names[i] ? ir_symbol_find(l->m, names[i]) : NULL;
        if (!t || t->kind != IR_SYM_TENSOR || t->data.rank != 2) return NULL;
        bool transposed = i < n_trans && trans[i];
        list[i] = (source){arena_str(l->a, names[i]), transposed, t->data.dim[transposed],
                           t->data.dim[!transposed], first};
        if (list[i].k < k1 || list[i].n > INT32_MAX) return NULL;
        first += list[i].n;
    }
    return first < n1 ? NULL : list;
}

// The part of a block that a tensor gives; whole.n0 and n1 count the columns of the group's matrix.
static void add_source(const listing *l, placement_slice whole, const source *s, uint64_t item) {
    int64_t lo = max_i64(whole.n0, s->first), hi = min_i64(whole.n1, s->first + s->n);
    if (lo >= hi) return;
    placement_slice x = whole;
    x.tensor = s->name;
    x.transposed = s->transposed;
    x.column += (uint32_t)(lo - whole.n0);
    x.cells += (uint64_t)(lo - whole.n0) * item;
    x.n0 = lo - s->first;
    x.n1 = hi - s->first;
    vec_push(l->out, x);
}

static void add_block(const listing *l, uint32_t tile, const isa_group *g, const isa_block *b) {
    uint64_t item = g->wtype == ISA_W_F32 ? 4 : 1, stride = item * g->n;
    placement_slice whole = {.index = (uint32_t)(g - l->p->tiles[tile].groups),
                             .group = isa_str(l->p, g->name),
                             .k0 = (int64_t)g->k0 + b->k0,
                             .k1 = (int64_t)g->k0 + b->k0 + b->rows,
                             .n0 = b->n0,
                             .n1 = (int64_t)b->n0 + b->cols,
                             .tile = tile,
                             .crossbar = b->crossbar,
                             .row = b->row0,
                             .column = b->col0,
                             .cells = g->cells + b->k0 * stride + b->n0 * item,
                             .stride = stride};
    const ir_symbol *s = l->m ? ir_symbol_find(l->m, whole.group) : NULL;
    int64_t n0 = s ? ir_attr_int(&s->attrs, IR_ATTR_n0, 0) : 0;
    size_t n = 0;
    source *list = s && s->kind == IR_SYM_GROUP && n0 >= 0 && n0 < INT32_MAX
                       ? sources_of(l, s, whole.k1, whole.n1 + n0, &n)
                       : NULL;
    if (!list) {
        vec_push(l->out, whole);
        return;
    }
    whole.n0 += n0;
    whole.n1 += n0;
    for (size_t i = 0; i < n; i++) add_source(l, whole, &list[i], item);
}

void placement_of(const isa_program *p, arena *a, placement_slices *out) {
    diag_sink *unheard = diag_sink_new();
    ir_module *m = NULL;
    if (*p->ir) m = ir_parse(p->ir, strlen(p->ir), "IR", NULL, leave_out, NULL, unheard);
    diag_sink_free(unheard);
    listing l = {p, m, a, out};
    for (uint32_t t = 0; t < p->n_tiles; t++)
        for (uint32_t i = 0; i < p->tiles[t].n_groups; i++) {
            const isa_group *g = &p->tiles[t].groups[i];
            for (uint32_t k = 0; k < g->n_blocks; k++)
                add_block(&l, t, g, &p->tiles[t].blocks[g->first_block + k]);
        }
    ir_module_free(m);
}

// ---- shown -----------------------------------------------------------------------------------

static json_t *slice_json(const placement_slice *x) {
    return json_make("{s:o, s:b, s:o, s:[I, I], s:[I, I], s:o, s:o, s:o, s:o, s:o, s:o}", "tensor",
                     x->tensor ? json_name(x->tensor) : json_null(), "transposed", x->transposed,
                     "group", json_name(x->group), "k", (json_int_t)x->k0, (json_int_t)x->k1, "n",
                     (json_int_t)x->n0, (json_int_t)x->n1, "tile", json_count(x->tile), "crossbar",
                     json_count(x->crossbar), "row", json_count(x->row), "column",
                     json_count(x->column), "cells", json_count(x->cells), "stride",
                     json_count(x->stride));
}

void placement_print(const placement_slices *l, arena *a, FILE *out) {
    fprintf(out, "tensor,transposed,k0,k1,n0,n1,tile,crossbar,row,column,group,cells,stride\n");
    for (size_t i = 0; i < l->count; i++) {
        const placement_slice *x = &l->items[i];
        fprintf(out,
                "%s,%d,%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%u,%u,%u,%u,%s,%" PRIu64
                ",%" PRIu64 "\n",
                x->tensor ? name_csv(a, x->tensor) : "", x->transposed, x->k0, x->k1, x->n0, x->n1,
                x->tile, x->crossbar, x->row, x->column, name_csv(a, x->group), x->cells,
                x->stride);
    }
}

json_t *placement_json(const placement_slices *l, uint32_t tile, uint32_t group) {
    json_t *list = json_array();
    for (size_t i = 0; i < l->count; i++)
        if (tile == UINT32_MAX || (l->items[i].tile == tile && l->items[i].index == group))
            json_add(list, slice_json(&l->items[i]));
    return list;
}
