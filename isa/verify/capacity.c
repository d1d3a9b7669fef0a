// Capacity: what the program holds against what the chip has; and that it is the chip the program
// names. Scratchpad and crossbars are looked at buffer by buffer and block by block
// (descriptors.c, blocks.c).
#include "isa/count/pool.h"
#include "isa/verify/parts.h"
#include "support/budget.h"
#include "support/vec.h"

static const char *on_tile(verifier *v, uint32_t tile) {
    return arena_printf(v->a, "tile %u", tile);
}

static void check_rings(verifier *v, uint32_t tile) {
    const isa_tile *t = &v->p->tiles[tile];
    const machine *m = v->chip;
    uint64_t heads = 0;
    for (uint32_t i = 0; i < t->n_rings; i++) {
        const isa_ring *r = &t->rings[i];
        const char *where =
            arena_printf(v->a, "tile %u, ring %u '%.100s'", tile, i, isa_str(v->p, r->name));
        if (r->kind != ISA_RING_GAIN) continue;
        heads += (uint64_t)r->n_kv * v->p->banks;
        if (m->gain.slots && r->slots > m->gain.slots)
            verify_bad(v, DIAG_ID_isa_capacity, where,
                       "%u slots, a head has %lld: a chip with --set gain.slots=%u would do",
                       r->slots, (long long)m->gain.slots, r->slots);
    }
    if (m->tile.ring_heads && heads > (uint64_t)m->tile.ring_heads)
        verify_bad(v, DIAG_ID_isa_capacity, on_tile(v, tile),
                   "%llu key/value heads (all rings, %u banks), a tile has %lld: a chip with --set "
                   "tile.ring_heads=%llu would do",
                   (unsigned long long)heads, v->p->banks, (long long)m->tile.ring_heads,
                   (unsigned long long)heads);
}

typedef struct {
    uint64_t offset, bytes;
} piece;

static int by_offset(const void *x, const void *y) {
    const piece *a = x, *b = y;
    if (a->offset != b->offset) return a->offset < b->offset ? -1 : 1;
    return a->bytes < b->bytes ? -1 : a->bytes > b->bytes;
}

// Bytes of all pieces together, what they share once.
static uint64_t covered(piece *list, size_t n) {
    if (n) qsort(list, n, sizeof *list, by_offset);
    uint64_t total = 0, at = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t end = list[i].offset + list[i].bytes;
        uint64_t from = list[i].offset > at ? list[i].offset : at;
        if (end > from) total += end - from;
        if (end > at) at = end;
    }
    return total;
}

// Dense memory: tables, stored groups and rings, row stores.
static void check_memory(verifier *v, uint32_t tile) {
    const isa_tile *t = &v->p->tiles[tile];
    uint64_t room = (uint64_t)v->chip->tile.memory, end = 0, total;
    if (room == 0) return;
    VEC(piece) tables = {0}, cells = {0};
    for (uint32_t i = 0; i < t->n_tables; i++) {
        const isa_table *d = &t->tables[i];
        vec_push(&tables, ((piece){d->data, d->rows * (uint64_t)isa_row_bytes(d->type, d->width)}));
    }
    for (uint32_t i = 0; i < t->n_groups; i++) {
        const isa_group *g = &t->groups[i];
        uint64_t item = g->wtype == ISA_W_F32 ? 4 : 1;
        if (g->kind == ISA_STORED && g->digits == 0)
            vec_push(&cells, ((piece){g->cells, (uint64_t)(g->k1 - g->k0) * g->n * item}));
    }
    total = covered(tables.items, tables.count) + covered(cells.items, cells.count);
    for (uint32_t i = 0; i < t->n_rings; i++) {
        const isa_ring *r = &t->rings[i];
        uint64_t bytes = (uint64_t)r->n_kv * (r->d + r->dv) * 4, all;
        if (r->kind != ISA_RING_STORED) continue;
        if (!mul_u64(bytes, r->slots, &all) || !mul_u64(all, v->p->banks, &all) ||
            !add_u64(total, all, &total))
            total = UINT64_MAX;
    }
    for (uint32_t i = 0; i < t->n_buffers; i++) {
        const isa_buffer *b = &t->buffers[i];
        uint64_t e = b->base + (uint64_t)b->depth * b->stride;
        if (b->parent == i && b->space == ISA_MEM && e > end) end = e;
    }
    if (!add_u64(total, end, &total)) total = UINT64_MAX;
    if (total > room)
        verify_bad(v, DIAG_ID_isa_capacity, on_tile(v, tile),
                   "%llu bytes of tables, stored weights, rings and rows in a memory of %llu: a "
                   "chip with --set tile.memory=%llu would do",
                   (unsigned long long)total, (unsigned long long)room, (unsigned long long)total);
    vec_free(&tables);
    vec_free(&cells);
}

static void check_dense(verifier *v, uint32_t tile) {
    const machine *m = v->chip;
    const uint64_t need = isa_dense_arrays(m, &v->p->tiles[tile]);
    if (m->dense.arrays > 0 && need > (uint64_t)m->dense.arrays)
        verify_bad(v, DIAG_ID_isa_capacity, on_tile(v, tile),
                   "weights in %llu dense crossbars of %lld cells, the chip has %lld: a chip with "
                   "--set dense.arrays=%llu would do",
                   (unsigned long long)need, (long long)m->dense.cells, (long long)m->dense.arrays,
                   (unsigned long long)need);
}

// ---- what a machine would have to hold that runs the program ---------------------------------

// a * b * c more; sums that no number holds are too large for every budget.
static void hold(uint64_t *total, uint64_t a, uint64_t b, uint64_t c) {
    uint64_t n;
    if (!mul_u64(a, b, &n) || !mul_u64(n, c, &n) || !add_u64(*total, n, total)) *total = UINT64_MAX;
}

enum { KEPT_BYTES = 64 }; // for each ring and instruction, in every bank

// Whatever the chip has room for: descriptors are small, and what they ask for is not.
static void check_state(verifier *v) {
    const isa_program *p = v->p;
    uint64_t bytes = p->cells_bytes + p->tables_bytes, state = 0;
    for (uint32_t t = 0; t < p->n_tiles; t++) {
        const isa_tile *d = &p->tiles[t];
        for (uint32_t i = 0; i < d->n_rings; i++) {
            const isa_ring *r = &d->rings[i];
            hold(&state, (uint64_t)r->n_kv * (r->d + r->dv + 2), 4 * (uint64_t)r->slots, p->banks);
            hold(&state, r->slots, 8, p->banks);
        }
        hold(&state, d->n_rings, KEPT_BYTES, p->banks);
        for (uint32_t i = 0; i < d->n_buffers; i++)
            if (d->buffers[i].parent == i)
                hold(&state, d->buffers[i].depth, d->buffers[i].stride, 1);
        for (uint32_t i = 0; i < d->n_groups; i++)
            hold(&state, d->groups[i].k1 - d->groups[i].k0, d->groups[i].n, 4);
        for (uint32_t k = 0; k < p->n_phases; k++) {
            bytes += 16 * (uint64_t)d->phase[k].count;
            hold(&state, d->phase[k].count, KEPT_BYTES, p->banks);
        }
    }
    budget b = budget_of("program", bytes);
    char why[BUDGET_TEXT];
    if (!budget_take(&b, BUDGET_state, state))
        verify_bad(v, DIAG_ID_isa_capacity, "program",
                   "%u banks of rings, row stores and weights: %s", p->banks,
                   budget_spent(&b, BUDGET_state, why));
}

// The chip in the program, when it names one, is the one it is verified for.
static void check_chip(verifier *v) {
    if (!v->p->chip || !*v->p->chip) return;
    machine *own = machine_parse(v->a, v->p->chip, strlen(v->p->chip), ".ohm.chip", v->diags);
    char *differ = own ? machine_diff(v->a, v->chip, own) : NULL;
    if (!own || differ)
        verify_bad(v, DIAG_ID_sim_chip, ".ohm.chip", "%s: %s",
                   own ? "the program was compiled for another chip" : "describes no chip",
                   own ? differ : "see above");
}

void verify_capacity(verifier *v) {
    check_state(v);
    if (!v->chip) return;
    check_chip(v);
    if (v->p->n_tiles > v->chip->tile.count)
        verify_bad(v, DIAG_ID_isa_capacity, "program",
                   "%u tiles, the chip has %lld: one with --set tile.count=%u would do",
                   v->p->n_tiles, (long long)v->chip->tile.count, v->p->n_tiles);
    for (uint32_t t = 0; t < v->p->n_tiles; t++) {
        check_rings(v, t);
        check_memory(v, t);
        check_dense(v, t);
    }
}
