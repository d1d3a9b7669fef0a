// The verifier: proves a program safe and free of deadlock for every TL, in one scan (docs/isa.md).
#ifndef OHMIC_ISA_VERIFY_H
#define OHMIC_ISA_VERIFY_H
#include "isa/machine.h"
#include "isa/program.h"

// Reports every violation (naming tile, pc, section, ONNX node); true when there is none. `name`:
// the file.
bool isa_verify(const isa_program *p, const machine *chip, const char *name, diag_sink *diags);

// Its first part: every index, offset, size and enumeration is in range. isa_read and isa_assemble
// have done it.
bool isa_check_structure(const isa_program *p, const char *name, diag_sink *diags);
// The instruction is canonical and its operands name descriptors that exist.
bool isa_insn_names_exist(const isa_program *p, uint32_t tile, const isa_insn *i);
// How many descriptors an operand of this isa_operand_kind can name in the tile; UINT32_MAX: it
// names none.
uint32_t isa_operand_limit(const isa_program *p, const isa_tile *t, unsigned kind);

// The order of 4.3: instructions of all tiles of a phase such that every one comes after what it
// waits for; it is the functional simulator's single-threaded schedule. `order` gets n entries
// {tile, pc}. False: a cycle (verify reports it).
typedef struct {
    uint32_t tile, pc;
} isa_step;
bool isa_order(const isa_program *p, uint32_t phase, isa_step *order, uint32_t *n);
// The same with ready tiles taken at random (seed > 0), a few instructions at a time: any such
// order gives the same values.
bool isa_order_seeded(const isa_program *p, uint32_t phase, uint64_t seed, isa_step *order,
                      uint32_t *n);
// Smallest depth of each buffer and channel that the lag rule allows (what allocate must respect).
// depth arrays are indexed [tile][buffer] and [channel]; owned by `a`.
bool isa_min_depths(const isa_program *p, uint32_t active_set, arena *a, uint32_t ***buffer_depth,
                    uint32_t **channel_depth, diag_sink *diags);
#endif
