// Which units a plan's instructions use, and who uses which: crossbars that are always held
// together count as one.
#include "isa/operand.h"
#include "timing/plan.h"
#include <stdlib.h>

typedef struct {
    uint32_t unit, insn; // insn: number over all phases
} use_of_unit;

typedef struct {
    plan *x;
    VEC(use_of_unit) uses;
    uint32_t *links; // [link of the mesh] unit; PLAN_NOTHING
    struct tile_units {
        uint32_t first[TIMING_UNITS]; // PLAN_NOTHING: none yet
    } * tiles;
} finder;

static uint32_t new_unit(plan *x, timing_unit_kind kind, uint32_t tile, uint32_t index) {
    vec_push(&x->units, ((plan_unit){.kind = kind, .tile = tile, .index = index, .count = 1}));
    return (uint32_t)x->units.count - 1;
}

static bool is_unlimited(const plan *x, timing_unit_kind kind) { return x->unlimited >> kind & 1; }

// The first of the tile's units of a kind; there are n.
static uint32_t units_of_tile(finder *f, timing_unit_kind kind, uint32_t tile, uint32_t n) {
    uint32_t *first = &f->tiles[tile].first[kind];
    if (*first == PLAN_NOTHING) {
        *first = (uint32_t)f->x->units.count;
        for (uint32_t k = 0; k < n; k++) new_unit(f->x, kind, tile, k);
    }
    return *first;
}

static void used_by(finder *f, uint32_t unit, uint32_t ways, const plan_insn *i) {
    for (uint32_t k = 0; k < ways; k++) vec_push(&f->uses, ((use_of_unit){unit + k, i->number}));
}

static void add_demand(finder *f, plan_phase *ph, const plan_insn *i, timing_unit_kind kind,
                       int64_t units) {
    if (units == 0 || is_unlimited(f->x, kind)) return;
    uint32_t first = units_of_tile(f, kind, i->tile, (uint32_t)units);
    vec_push(&ph->demands,
             ((plan_demand){.unit = first, .ways = (uint32_t)units, .kind = (uint8_t)kind}));
    used_by(f, first, (uint32_t)units, i);
}

static void add_demands(finder *f, plan_phase *ph, plan_insn *i) {
    plan *x = f->x;
    static const cost_row one = {.rows = {1, 1, 1, 1, 1, 1, 1, 1}, .seen = 1, .sub_tiles = -1};
    row_cost c = cost_of(&x->cost, ph->d, i->place, &one);
    i->first_demand = (uint32_t)ph->demands.count;
    if (c.digital) add_demand(f, ph, i, TIMING_UNIT_digital, x->m->digital.units);
    if (c.memory) add_demand(f, ph, i, TIMING_UNIT_memory, x->m->memory.units);
    if (c.receive) add_demand(f, ph, i, TIMING_UNIT_receive, 1);
    if (c.host)
        add_demand(f, ph, i, i->op == ISA_in ? TIMING_UNIT_host_in : TIMING_UNIT_host_out, 1);
    if (c.port) add_demand(f, ph, i, TIMING_UNIT_port, 1);
    i->end_demand = (uint32_t)ph->demands.count;
    plan_price(x, ph, i, &one);
}

// --- links

static void add_links(finder *f, plan_phase *ph, const plan_insn *i) {
    plan_send *s = &ph->sends.items[i->send];
    for (uint32_t k = s->first_link; k < s->end_link; k++) {
        plan_link *l = &ph->links.items[k];
        if (is_unlimited(f->x, TIMING_UNIT_link)) {
            l->unit = PLAN_NOTHING;
            continue;
        }
        uint32_t *unit = &f->links[l->unit];
        if (*unit == PLAN_NOTHING)
            *unit = new_unit(f->x, TIMING_UNIT_link, l->unit / MESH_DIRECTIONS,
                             l->unit % MESH_DIRECTIONS);
        l->unit = *unit;
        used_by(f, l->unit, 1, i);
    }
}

// --- rings and crossbars

static void hold_ring(finder *f, plan_phase *ph, plan_insn *i) {
    uint32_t *first = &f->tiles[i->tile].first[TIMING_UNIT_ring];
    uint32_t banks = f->x->p->banks, ring = isa_depend_insn(ph->d, i->place)->x;
    if (*first == PLAN_NOTHING) {
        *first = (uint32_t)f->x->units.count;
        for (uint32_t k = 0; k < f->x->p->tiles[i->tile].n_rings * banks; k++)
            new_unit(f->x, TIMING_UNIT_ring, i->tile, k);
    }
    vec_push(&ph->held, *first + ring * banks);
    used_by(f, *first + ring * banks, banks, i);
}

typedef struct {
    uint32_t crossbar, insn, phase;
    uint64_t set; // a number for all who use the crossbar
} held_crossbar;
typedef VEC(held_crossbar) crossbars;

static int by_crossbar(const void *x, const void *y) {
    const held_crossbar *a = x, *b = y;
    if (a->crossbar != b->crossbar) return a->crossbar < b->crossbar ? -1 : 1;
    return a->insn < b->insn ? -1 : a->insn > b->insn;
}

static int by_insn(const void *x, const void *y) {
    const held_crossbar *a = x, *b = y;
    if (a->insn != b->insn) return a->insn < b->insn ? -1 : 1;
    return a->crossbar < b->crossbar ? -1 : a->crossbar > b->crossbar;
}

static void list_crossbars(plan *x, uint32_t tile, crossbars *list) {
    const isa_tile *t = &x->p->tiles[tile];
    for (uint32_t ph = 0; ph < x->p->n_phases; ph++)
        for (uint32_t pc = 0; pc < t->phase[ph].count; pc++) {
            const isa_insn *i = &t->phase[ph].code[pc];
            const plan_insn *n = &x->phase[ph].insns[x->phase[ph].d->place[tile][pc]];
            if (i->op != ISA_mvm) continue;
            const isa_group *g = &t->groups[i->x];
            if (g->digits > 0) // one pool for all
                vec_push(list, ((held_crossbar){TIMING_POOL, n->number, ph, 0}));
            if (g->kind == ISA_STORED || n->hold == 0) continue;
            for (uint32_t k = g->first_block; k < g->first_block + g->n_blocks; k++)
                vec_push(list, ((held_crossbar){t->blocks[k].crossbar, n->number, ph, 0}));
        }
}

// Equal lists of users, equal numbers: the first crossbar with that list gives its own.
static void number_sets(crossbars *list, finder *f, uint32_t tile) {
    size_t n = 0;
    if (list->count) qsort(list->items, list->count, sizeof *list->items, by_crossbar);
    for (size_t k = 0; k < list->count; k++) // a group has several blocks on a crossbar
        if (n == 0 || by_crossbar(&list->items[n - 1], &list->items[k]) != 0)
            list->items[n++] = list->items[k];
    list->count = n;
    struct {
        size_t first, end;
        uint32_t unit;
    } *sets = base_calloc(n + 1, sizeof *sets);
    size_t n_sets = 0;
    for (size_t k = 0, end; k < n; k = end) {
        for (end = k; end < n && list->items[end].crossbar == list->items[k].crossbar;) end++;
        size_t s = 0;
        for (; s < n_sets; s++) { // few: a tile has few groups
            size_t j = 0, count = end - k;
            if (sets[s].end - sets[s].first != count) continue;
            while (j < count && list->items[sets[s].first + j].insn == list->items[k + j].insn) j++;
            if (j == count) break;
        }
        if (s == n_sets) {
            sets[n_sets].first = k, sets[n_sets].end = end;
            sets[n_sets++].unit =
                new_unit(f->x, TIMING_UNIT_crossbar, tile, list->items[k].crossbar);
        } else {
            f->x->units.items[sets[s].unit].count++;
        }
        vec_push(&f->x->crossbars, ((plan_crossbar){tile, list->items[k].crossbar, sets[s].unit}));
        for (; k < end; k++) list->items[k].set = sets[s].unit;
    }
    free(sets);
}

static void hold_crossbars(finder *f, uint32_t tile) {
    plan *x = f->x;
    crossbars list = {0};
    list_crossbars(x, tile, &list);
    number_sets(&list, f, tile);
    if (list.count) qsort(list.items, list.count, sizeof *list.items, by_insn);
    for (size_t k = 0; k < list.count; k++) {
        plan_insn *i = x->all[list.items[k].insn];
        plan_phase *ph = &x->phase[list.items[k].phase];
        bool begins = k == 0 || list.items[k - 1].insn != list.items[k].insn;
        if (begins) i->first_held = i->end_held = (uint32_t)ph->held.count;
        bool known = false;
        for (uint32_t h = i->first_held; h < i->end_held; h++)
            known |= ph->held.items[h] == list.items[k].set;
        if (known) continue;
        vec_push(&ph->held, (uint32_t)list.items[k].set);
        i->end_held++;
        used_by(f, (uint32_t)list.items[k].set, 1, i);
    }
    vec_free(&list);
}

// --- all

static int by_unit(const void *x, const void *y) {
    const use_of_unit *a = x, *b = y;
    if (a->unit != b->unit) return a->unit < b->unit ? -1 : 1;
    return a->insn < b->insn ? -1 : a->insn > b->insn;
}

// One user whose demands begin in order is one number.
static void name_users(finder *f) {
    plan *x = f->x;
    size_t n = f->uses.count;
    uint32_t *users = ARENA_ARRAY(x->a, uint32_t, n + 1);
    if (n) qsort(f->uses.items, n, sizeof *f->uses.items, by_unit);
    for (size_t k = 0; k < n; k++) {
        busy *b = &x->units.items[f->uses.items[k].unit].busy;
        users[k] = f->uses.items[k].insn;
        if (b->n_users == 0) b->users = users + k;
        if (b->n_users == 0 || b->users[b->n_users - 1] != users[k]) {
            b->users[b->n_users++] = users[k];
        }
    }
    for (size_t k = 0; k < x->units.count; k++) {
        busy *b = &x->units.items[k].busy;
        b->single = b->n_users == 1 && (x->units.items[k].kind == TIMING_UNIT_ring ||
                                        x->all[b->users[0]]->varies != COST_BY_ROW);
        if (!b->single) busy_grow(b);
    }
}

void plan_units_of(plan *x) {
    finder f = {.x = x, .tiles = ARENA_ARRAY(x->a, struct tile_units, x->p->n_tiles + 1)};
    uint64_t n_links = MESH_DIRECTIONS * ((uint64_t)x->p->n_tiles + (uint64_t)x->mesh.columns);
    f.links = ARENA_ARRAY(x->a, uint32_t, n_links + 1);
    for (uint64_t k = 0; k < n_links; k++) f.links[k] = PLAN_NOTHING;
    for (uint32_t t = 0; t < x->p->n_tiles; t++)
        for (uint32_t k = 0; k < TIMING_UNITS; k++) f.tiles[t].first[k] = PLAN_NOTHING;
    for (uint32_t ph = 0; ph < x->p->n_phases; ph++) x->n_all += x->phase[ph].d->n;
    x->all = ARENA_ARRAY(x->a, plan_insn *, x->n_all + 1);
    x->n_all = 0;
    for (uint32_t k = 0; k < x->p->n_phases; k++) {
        plan_phase *ph = &x->phase[k];
        for (uint32_t i = 0; i < ph->d->n; i++) {
            plan_insn *n = &ph->insns[i];
            n->number = x->n_all;
            x->all[x->n_all++] = n;
            add_demands(&f, ph, n);
            n->first_held = n->end_held = 0;
            if (n->send != PLAN_NOTHING) add_links(&f, ph, n);
            if (isa_info_of(n->op)->unit != ISA_UNIT_ring || is_unlimited(x, TIMING_UNIT_ring))
                continue;
            const isa_tile *t = &x->p->tiles[n->tile];
            if (t->rings[isa_depend_insn(ph->d, i)->x].kind == ISA_RING_STORED || n->hold == 0)
                continue;
            n->first_held = (uint32_t)ph->held.count;
            hold_ring(&f, ph, n);
            n->end_held = (uint32_t)ph->held.count;
        }
    }
    for (uint32_t t = 0; t < x->p->n_tiles && !is_unlimited(x, TIMING_UNIT_crossbar); t++)
        hold_crossbars(&f, t);
    name_users(&f);
    vec_free(&f.uses);
}
