// The verifier: proves a program safe and free of deadlock for every TL, in one scan (docs/isa.md).
#ifndef OHMIC_ISA_VERIFY_VERIFY_H
#define OHMIC_ISA_VERIFY_VERIFY_H
#include "isa/machine/machine.h"
#include "isa/program.h"

// Reports every violation (naming tile, pc, section, ONNX node); true when there is none. `name`:
// the file.
bool isa_verify(const isa_program *p, const machine *chip, const char *name, diag_sink *diags);
#endif
