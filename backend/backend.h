// The backend: mapped IR to a program.
#ifndef OHMIC_BACKEND_BACKEND_H
#define OHMIC_BACKEND_BACKEND_H

#include "ir/ir.h"
#include "isa/machine/machine.h"
#include "isa/program.h"

// Emits the program of a placed, scheduled and allocated module. Cells and tables stand as pieces
// that alias the module's tensors (isa_write streams them), so `m` must outlive the program. NULL:
// reported.
isa_program *be_emit(ir_module *m, const machine *chip, const char *tool, diag_sink *diags);

#endif
