// An order of the instructions of all tiles in which each comes after what it waits for
// (docs/isa.md, "Order").
#ifndef OHMIC_ISA_DEPEND_ORDER_H
#define OHMIC_ISA_DEPEND_ORDER_H
#include "isa/program.h"

typedef struct {
    uint32_t tile, pc;
} isa_step;

// Where a tile stands that cannot go on.
typedef struct {
    uint32_t pc;        // the line's end: it need not
    uint32_t waits_for; // the tile that has to go on first
} isa_stuck;

// All instructions of a phase; it is the functional simulator's single-threaded schedule. `order`
// gets n entries. With a seed (not 0) ready tiles are taken at random, a few instructions at a
// time: any such order gives the same values. False: tiles wait for each other; `stuck` [n_tiles],
// unless NULL, then says how.
bool isa_order(const isa_program *p, uint32_t phase, uint64_t seed, isa_step *order, uint32_t *n,
               isa_stuck *stuck);

// Destinations of the channels, found by tile.
typedef struct {
    const isa_program *p;
    struct isa_dest {
        uint32_t tile, entry; // of p->dests
    } * by_tile;              // each channel's in the place of its entries
} isa_dests;
isa_dests isa_dests_new(const isa_program *p);
void isa_dests_free(isa_dests *d);
// The entry of p->dests that stands for the tile; UINT32_MAX: it is no destination of the channel.
uint32_t isa_dest_find(const isa_dests *d, uint32_t channel, uint32_t tile);
#endif
