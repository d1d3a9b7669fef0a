#include "ir/verify.h"
bool ir_verify(const ir_module *m, const char *name, diag_sink *diags) { return true; }
