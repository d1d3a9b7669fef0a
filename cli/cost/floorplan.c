// --floorplan FILE: what is drawn.
#include "cli/cost/floorplan.h"
#include "support/file/file.h"
#include "support/name.h"
#include "support/vec.h"

static double busy_of(const cost *c, size_t unit) {
    return cost_share(timing_unit_at(c->endless, unit).busy, timing_end(c->endless)) / 100;
}

// --- crossbars

static double cells_of(const machine *m) {
    return (double)m->crossbar.rows * (double)m->crossbar.columns;
}

static void find_crossbars(const cost *c, uint32_t tile, floor_tile *out) {
    const isa_tile *t = &c->p->tiles[tile];
    uint32_t n = 0;
    for (uint32_t k = 0; k < t->n_blocks; k++)
        if (t->blocks[k].crossbar >= n) n = t->blocks[k].crossbar + 1;
    out->crossbars = ARENA_ARRAY(c->a, floor_crossbar, n + 1);
    for (uint32_t k = 0; k < t->n_blocks; k++) {
        const isa_block *b = &t->blocks[k];
        double cells = (double)b->rows * b->cols, all = cells_of(c->chip);
        out->crossbars[b->crossbar].full += all > 0 ? cells / all : 1;
    }
    for (uint32_t k = 0; k < n; k++) {
        floor_crossbar x = out->crossbars[k];
        if (x.full == 0) continue;
        x.index = k;
        if (x.full > 1) x.full = 1;
        size_t unit = timing_unit_of_crossbar(c->endless, tile, k);
        if (unit != SIZE_MAX) x.busy = busy_of(c, unit);
        x.limits = unit != SIZE_MAX && unit == c->steady.unit;
        out->limits |= x.limits;
        out->crossbars[out->n_crossbars++] = x;
    }
}

// --- bars

static void add_bar(const cost *c, floor_tile *t, floor_bar bar) {
    if (t->n_bars == FLOOR_BARS) return;
    if (!bar.text) bar.text = arena_printf(c->a, "%.0f %%", 100 * bar.share);
    t->limits |= bar.limits;
    t->bars[t->n_bars++] = bar;
}

static void add_room(const cost *c, floor_tile *t, const char *name, uint64_t used, int64_t room,
                     const char *unit) {
    if (used == 0) return;
    const char *text = room ? NULL : arena_printf(c->a, "%llu%s", (unsigned long long)used, unit);
    double share = room ? (double)used / (double)room : 0;
    add_bar(c, t, (floor_bar){name, text, share > 1 ? 1 : share, .without_end = !room});
}

static void add_rooms(const cost *c, uint32_t tile, floor_tile *out) {
    const isa_tile *t = &c->p->tiles[tile];
    uint64_t heads = 0, pad = 0;
    for (uint32_t k = 0; k < t->n_rings; k++)
        if (t->rings[k].kind == ISA_RING_GAIN) heads += (uint64_t)t->rings[k].n_kv * c->p->banks;
    for (uint32_t k = 0; k < t->n_buffers; k++) {
        const isa_buffer *b = &t->buffers[k];
        uint64_t end = b->base + (uint64_t)b->depth * b->stride;
        if (b->parent == k && b->space == ISA_PAD && end > pad) pad = end;
    }
    add_room(c, out, "heads", heads, c->chip->tile.ring_heads, "");
    add_room(c, out, "pad", pad, c->chip->tile.scratchpad, " B");
}

// Of several units of a kind the busiest.
static void add_units(const cost *c, floor_tile *tiles) {
    static const char *const names[TIMING_UNITS] = {
        [TIMING_UNIT_crossbar] = "pool",   [TIMING_UNIT_ring] = "rings",
        [TIMING_UNIT_digital] = "digital", [TIMING_UNIT_memory] = "memory",
        [TIMING_UNIT_port] = "port",       [TIMING_UNIT_receive] = "receive",
        [TIMING_UNIT_host_in] = "in",      [TIMING_UNIT_host_out] = "out",
    };
    floor_bar *bars = ARENA_ARRAY(c->a, floor_bar, TIMING_UNITS * ((size_t)c->p->n_tiles + 1));
    for (size_t u = 0; u < timing_units(c->endless); u++) {
        timing_unit x = timing_unit_at(c->endless, u);
        if (!names[x.kind]) continue; // of links, tiles may be none of the program's
        if (x.kind == TIMING_UNIT_crossbar && x.index != TIMING_POOL) continue; // drawn
        floor_bar *bar = &bars[TIMING_UNITS * (size_t)x.tile + x.kind];
        double busy = busy_of(c, u);
        if (busy > bar->share) bar->share = busy;
        bar->name = names[x.kind];
        bar->is_busy = true;
        bar->limits |= u == c->steady.unit;
    }
    for (size_t k = 0; k < TIMING_UNITS * (size_t)c->p->n_tiles; k++)
        if (bars[k].name) add_bar(c, &tiles[k / TIMING_UNITS], bars[k]);
}

// --- what a tile holds

static const char *things_of(const cost *c, uint32_t tile) {
    const isa_tile *t = &c->p->tiles[tile];
    VEC(uint32_t) names = {0};
    for (uint32_t k = 0; k < t->n_groups; k++)
        if (t->groups[k].n_blocks) vec_push(&names, t->groups[k].name);
    for (uint32_t k = 0; k < t->n_rings; k++) vec_push(&names, t->rings[k].name);
    for (uint32_t k = 0; k < t->n_tables; k++) vec_push(&names, t->tables[k].name);
    const char *text = "";
    for (size_t k = 0; k < names.count; k++)
        text = arena_printf(c->a, "%s%s%s", text, *text ? "\n" : "",
                            name_text(c->a, isa_str(c->p, names.items[k])));
    vec_free(&names);
    return text;
}

static void find_links(floorplan *f) {
    const cost *c = f->c;
    f->links = ARENA_ARRAY(c->a, floor_link, timing_units(c->endless) + 1);
    for (size_t u = 0; u < timing_units(c->endless); u++) {
        timing_unit x = timing_unit_at(c->endless, u);
        if (x.kind != TIMING_UNIT_link) continue;
        f->links[f->n_links++] =
            (floor_link){x.tile, mesh_next(&f->mesh, x.tile, (mesh_direction)x.index),
                         busy_of(c, u), u == c->steady.unit};
    }
}

// A route may turn in a tile that the program does not use.
static void find_tiles(floorplan *f) {
    f->n_tiles = f->c->p->n_tiles;
    for (uint32_t k = 0; k < f->n_links; k++)
        f->n_tiles = (uint32_t)max_i64(f->n_tiles, 1 + max_i64(f->links[k].from, f->links[k].to));
    f->tiles = ARENA_ARRAY(f->c->a, floor_tile, (size_t)f->n_tiles + 1);
    for (uint32_t k = 0; k < f->n_links; k++)
        f->tiles[f->links[k].from].use = f->tiles[f->links[k].to].use = FLOOR_PASSED;
    for (uint32_t t = 0; t < f->n_tiles; t++) {
        floor_tile *x = &f->tiles[t];
        if (t < f->c->p->n_tiles) x->use = FLOOR_USED;
        x->at = mesh_spot_of(&f->mesh, t);
        if (x->use) f->rows = max_i64(f->rows, x->at.y + 1);
        x->holds = "";
    }
}

static void find_all(floorplan *f) {
    const cost *c = f->c;
    const timing_steady *s = &c->steady;
    f->mesh = mesh_of(c->chip, c->p->n_tiles);
    find_links(f);
    find_tiles(f);
    for (uint32_t t = 0; t < c->p->n_tiles; t++) {
        find_crossbars(c, t, &f->tiles[t]);
        f->tiles[t].holds = things_of(c, t);
    }
    add_units(c, f->tiles);
    for (uint32_t t = 0; t < c->p->n_tiles; t++) add_rooms(c, t, &f->tiles[t]);
    f->title =
        arena_printf(c->a, "%s: %u of %lld tiles; in the long run %s a row",
                     name_text(c->a, c->chip->name), c->p->n_tiles, (long long)c->chip->tile.count,
                     cost_time_text(c->a, s->rows ? s->period / s->rows : 0));
    if (s->unit != SIZE_MAX)
        f->limit = arena_printf(c->a, "limited by %s", cost_limit_text(c, c->endless, s));
}

bool cost_floorplan(const cost *c, const args *given) {
    const char *path = args_string(given, "floorplan", NULL);
    if (!path) return true;
    floorplan f = {.c = c};
    find_all(&f);
    file_out *o = file_out_open(path, c->diags);
    if (!o) return false;
    if (file_ends_in(path, ".dot") || file_ends_in(path, ".gv"))
        floorplan_dot(&f, file_out_stream(o));
    else
        floorplan_svg(&f, file_out_stream(o));
    return file_out_commit(o, c->diags);
}
