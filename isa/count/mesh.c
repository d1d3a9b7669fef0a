#include "isa/count/mesh.h"
#include "support/vec.h"
#include <stdlib.h>

mesh mesh_of(const machine *chip, uint32_t tiles) {
    int64_t columns = chip->router.columns;
    if (columns == 0)
        while (columns * columns < tiles) columns++;
    return (mesh){clamp_i64(columns, 1, max_i64(1, tiles))};
}

mesh_spot mesh_spot_of(const mesh *m, uint32_t tile) {
    int64_t y = tile / m->columns, x = tile % m->columns;
    return (mesh_spot){y % 2 ? m->columns - 1 - x : x, y};
}

static uint32_t tile_at(const mesh *m, mesh_spot s) {
    return (uint32_t)(s.y * m->columns + (s.y % 2 ? m->columns - 1 - s.x : s.x));
}

uint32_t mesh_next(const mesh *m, uint32_t from, mesh_direction d) {
    mesh_spot s = mesh_spot_of(m, from);
    s.x += (d == MESH_EAST) - (d == MESH_WEST);
    s.y += (d == MESH_SOUTH) - (d == MESH_NORTH);
    return tile_at(m, s);
}

mesh_direction mesh_towards(const mesh *m, uint32_t from, uint32_t to) {
    mesh_spot a = mesh_spot_of(m, from), b = mesh_spot_of(m, to);
    if (a.x != b.x) return a.x < b.x ? MESH_EAST : MESH_WEST;
    return a.y < b.y ? MESH_SOUTH : MESH_NORTH;
}

static int by_number(const void *x, const void *y) {
    uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;
    return a < b ? -1 : a > b;
}

uint32_t *mesh_links_of_channels(const mesh *m, const isa_program *p, arena *a) {
    uint32_t *n = ARENA_ARRAY(a, uint32_t, p->n_channels + 1);
    VEC(uint32_t) links = {0};
    for (uint32_t c = 0; c < p->n_channels; c++) {
        const isa_channel *ch = &p->channels[c];
        links.count = 0;
        for (uint32_t d = ch->first_dest; d < ch->first_dest + ch->n_dests; d++)
            for (uint32_t at = ch->source; at != p->dests[d];) {
                mesh_direction way = mesh_towards(m, at, p->dests[d]);
                vec_push(&links, mesh_link(at, way));
                at = mesh_next(m, at, way);
            }
        if (links.count) qsort(links.items, links.count, sizeof *links.items, by_number);
        for (size_t k = 0; k < links.count; k++)
            n[c] += k == 0 || links.items[k] != links.items[k - 1];
    }
    vec_free(&links);
    return n;
}
