// The mesh: where tiles stand, and which links a row takes. Tiles are numbered along a snake, so
// that neighbours in number are neighbours in space; a route goes along the row of the mesh first,
// then along the column.
#ifndef OHMIC_ISA_COUNT_MESH_H
#define OHMIC_ISA_COUNT_MESH_H
#include "isa/machine/machine.h"
#include "isa/program.h"

typedef enum { MESH_EAST, MESH_WEST, MESH_SOUTH, MESH_NORTH, MESH_DIRECTIONS } mesh_direction;

typedef struct {
    int64_t columns;
} mesh;
mesh mesh_of(const machine *chip, uint32_t tiles);

typedef struct {
    int64_t x, y; // column from the west, row from the north
} mesh_spot;
mesh_spot mesh_spot_of(const mesh *m, uint32_t tile);

// The link out of tile `from` in a direction is number 4 from + direction.
static inline uint32_t mesh_link(uint32_t from, mesh_direction d) {
    return MESH_DIRECTIONS * from + d;
}
uint32_t mesh_next(const mesh *m, uint32_t from, mesh_direction d); // the tile it leads to
// The first link from one tile to another, which differ.
mesh_direction mesh_towards(const mesh *m, uint32_t from, uint32_t to);
// Links that rows of each channel go over, one of each in the tree of its destinations: [channels].
uint32_t *mesh_links_of_channels(const mesh *m, const isa_program *p, arena *a);
#endif
