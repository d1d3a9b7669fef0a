#include "timing/mesh.h"

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
