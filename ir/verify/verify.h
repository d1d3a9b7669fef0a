// The verifier: every rule of the IR that types and text cannot express. A negative test each.
#ifndef OHMIC_IR_VERIFY_VERIFY_H
#define OHMIC_IR_VERIFY_VERIFY_H
#include "ir/ir.h"

// Reports every violation; true when there is none. `name` is the file named in diagnostics.
bool ir_verify(const ir_module *m, const char *name, diag_sink *diags);
#endif
