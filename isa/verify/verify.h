// The verifier: proves a program safe and free of deadlock for every TL, in one scan (docs/isa.md).
#ifndef OHMIC_ISA_VERIFY_VERIFY_H
#define OHMIC_ISA_VERIFY_VERIFY_H
#include "isa/machine/machine.h"
#include "isa/program.h"

// Reports every violation (naming tile, pc, section, ONNX node); true when there is none. `name`:
// the file.
bool isa_verify(const isa_program *p, const machine *chip, const char *name, diag_sink *diags);

// Smallest depth of each buffer and channel that the lag rule allows (what allocate must respect).
// depth arrays are indexed [tile][buffer] and [channel]; owned by `a`.
bool isa_min_depths(const isa_program *p, uint32_t active_set, arena *a, uint32_t ***buffer_depth,
                    uint32_t **channel_depth, diag_sink *diags);
#endif
