// Whose the energy is: instructions' energies, put together by what they belong to.
#include "cost/energy.h"
#include "isa/isa.h"
#include "support/map.h"
#include "support/vec.h"
#include <stdlib.h>
#include <string.h>

const char *const energy_by_names[ENERGY_BYS] = {
#define BY(name, summary) #name,
#include "cost/by.def"
};

typedef struct {
    const isa_program *p;
    const energy_prices *prices;
    const standing *standing; // or NULL
    arena *a;
    VEC(energy_share) list;
    map *at; // name: place in the list
} division;

static void give(division *d, energy_share s) {
    uint32_t at = map_add(d->at, s.name, (uint32_t)d->list.count);
    if (at == MAP_NONE)
        vec_push(&d->list, s);
    else
        d->list.items[at].aj += s.aj, d->list.items[at].standing += s.standing;
}

// Names separated by newlines share evenly; the first ones take what is left over.
static void give_nodes(division *d, energy_share s, const char *names) {
    size_t n = 1;
    for (const char *c = names; *c; c++) n += *c == '\n';
    energy_aj each = s.aj / (energy_aj)n, rest = s.aj % (energy_aj)n;
    energy_aj on = s.standing / (energy_aj)n, rest_on = s.standing % (energy_aj)n;
    for (size_t k = 0; k < n; k++) {
        size_t length = strcspn(names, "\n");
        energy_share part = s;
        part.name = arena_strn(d->a, names, length);
        part.aj = each + ((energy_aj)k < rest);
        part.standing = on + ((energy_aj)k < rest_on);
        give(d, part);
        names += length + (names[length] == '\n');
    }
}

static void give_components(division *d, const isa_events *e) {
    for (unsigned k = 0; k < COMPONENTS; k++)
        give(d, (energy_share){.name = component_names[k],
                               .aj = energy_of_component(d->prices, e, (component)k)});
}

static void give_insn(division *d, energy_by by, energy_share s, const isa_events *e) {
    const isa_insn *i = &d->p->tiles[s.tile].phase[s.phase].code[s.pc];
    const isa_line *line = &d->p->tiles[s.tile].phase[s.phase].lines[s.pc];
    s.aj = energy_of(d->prices, e);
    if (d->standing) s.standing = d->standing->insn[s.phase][s.tile][s.pc];
    switch (by) {
    case ENERGY_BY_node: give_nodes(d, s, isa_str(d->p, line->node)); return;
    case ENERGY_BY_tile:
        s.name = arena_printf(d->a, "tile %u", s.tile), s.standing = 0; // give_rest
        break;
    case ENERGY_BY_unit: s.name = isa_name(ISA_ENUM_unit, isa_info_of(i->op)->unit); break;
    case ENERGY_BY_component: give_components(d, e); return;
    case ENERGY_BY_instruction:
        s.name = arena_printf(d->a, "%s t%u.%u", d->p->phases[s.phase].name, s.tile, s.pc);
        break;
    case ENERGY_BY_operation:
        s.name = line->ir_op == UINT32_MAX ? "" : arena_printf(d->a, "operation %u", line->ir_op);
        break;
    case ENERGY_BYS: return;
    }
    give(d, s);
}

// What is drawn all the time and is not an instruction's.
static void give_rest(division *d, energy_by by) {
    const standing *s = d->standing;
    if (!s) return;
    if (by == ENERGY_BY_component) {
        for (unsigned k = 0; k < COMPONENTS; k++)
            give(d, (energy_share){.name = component_names[k], .standing = s->component[k]});
        return;
    }
    for (uint32_t t = 0; by == ENERGY_BY_tile && t < d->p->n_tiles; t++)
        give(d, (energy_share){
                    .name = arena_printf(d->a, "tile %u", t), .tile = t, .standing = s->tile[t]});
    give(d, (energy_share){.name = "", .standing = by == ENERGY_BY_tile ? s->host : s->nobody});
}

static int by_energy(const void *x, const void *y) {
    const energy_share *a = x, *b = y;
    energy_aj in_a = a->aj + a->standing, in_b = b->aj + b->standing;
    if (in_a != in_b) return in_a > in_b ? -1 : 1;
    return strcmp(a->name, b->name);
}

energy_share *energy_shares(const isa_program *p, const counter *c, const energy_prices *prices,
                            const standing *on, energy_by by, arena *a, size_t *n) {
    division d = {.p = p, .prices = prices, .standing = on, .a = a, .at = map_new()};
    for (uint32_t ph = 0; ph < p->n_phases; ph++)
        for (uint32_t t = 0; t < p->n_tiles; t++)
            for (uint32_t pc = 0; pc < p->tiles[t].phase[ph].count; pc++) {
                isa_events e = counter_insn(c, ph, t, pc);
                give_insn(&d, by, (energy_share){.phase = ph, .tile = t, .pc = pc}, &e);
            }
    give_rest(&d, by);
    size_t kept = 0;
    for (size_t k = 0; k < d.list.count; k++)
        if (d.list.items[k].aj || d.list.items[k].standing) d.list.items[kept++] = d.list.items[k];
    if (kept) qsort(d.list.items, kept, sizeof *d.list.items, by_energy);
    energy_share *list = ARENA_ARRAY(a, energy_share, kept + 1);
    if (kept) memcpy(list, d.list.items, kept * sizeof *list);
    vec_free(&d.list);
    map_free(d.at);
    *n = kept;
    return list;
}
