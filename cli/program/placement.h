// Where every element of a matrix stands: slices of the tensors behind a program's groups, and
// crossbars.
#ifndef OHMIC_CLI_PROGRAM_PLACEMENT_H
#define OHMIC_CLI_PROGRAM_PLACEMENT_H

#include "isa/program.h"
#include "support/file/json.h"
#include "support/vec.h"
#include <stdio.h>

// Elements [k0, k1) x [n0, n1) of a matrix [k][n]: word lines from `row` and weight columns from
// `column` on of a crossbar.
typedef struct {
    const char
        *tensor;     // of the program's IR text; NULL where that says none: of the group's matrix
    bool transposed; // the tensor is stored [n][k]
    uint32_t index;  // of the group in its tile
    const char *group;
    int64_t k0, k1, n0, n1;
    uint32_t tile, crossbar, row, column;
    uint64_t cells;  // byte of .ohm.cells where (k0, n0) stands
    uint64_t stride; // bytes from k to k + 1 there
} placement_slice;

typedef VEC(placement_slice) placement_slices;

// Slices of all groups, in the order of the program; names live as long as `a` and the program.
void placement_of(const isa_program *p, arena *a, placement_slices *out);
void placement_print(const placement_slices *l, arena *a, FILE *out); // CSV
// A list of those of a group; tile UINT32_MAX: of all.
json_t *placement_json(const placement_slices *l, uint32_t tile, uint32_t group);

#endif
