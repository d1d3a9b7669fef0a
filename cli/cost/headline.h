// Three figures of a program for those who did not ask: what a sequence of the usual length takes,
// as `ohmic cost` says it.
#ifndef OHMIC_CLI_COST_HEADLINE_H
#define OHMIC_CLI_COST_HEADLINE_H
#include "cost/area.h"
#include "cost/energy.h"
#include "support/file/json.h"

typedef struct {
    bool counted;    // false: it is too long to be counted in passing, or cannot be timed
    char fault[200]; // why it cannot
    int64_t prompt, generated;
    timing_ps first, token; // 0: the chip states no time; token: 0: none is generated
    energy_aj a_token;
    double mm2;
    bool has_energy, has_area; // the chip states some of it
    size_t lacking;            // figures that these miss
} headline;
headline headline_of(const isa_program *p, const machine *chip);
const char *headline_text(arena *a, const headline *h);
json_t *headline_json(const headline *h);
#endif
