// A set of places on a line 0 ... end-1, asked for neighbours: every question and change costs a
// few steps, whatever the size.
#ifndef OHMIC_ISA_PLACES_H
#define OHMIC_ISA_PLACES_H
#include "support/arena.h"

enum { ISA_PLACES_LEVELS = 6 }; // of 64 each: more than 32 bits

typedef struct {
    uint32_t end;
    uint64_t *bits[ISA_PLACES_LEVELS]; // level 0: a bit for each place; above, for each word that
                                       // is not 0
} isa_places;

isa_places isa_places_new(arena *a, uint32_t end); // empty
void isa_places_add(isa_places *p, uint32_t at);
void isa_places_remove(isa_places *p, uint32_t at);
uint32_t isa_places_last(const isa_places *p, uint32_t at); // the largest up to `at`; end: none
uint32_t isa_places_next(const isa_places *p, uint32_t at); // the smallest behind `at`; end: none
#endif
