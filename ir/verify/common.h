// What the files of the verifier share. Internal to ir/.
#ifndef OHMIC_IR_VERIFY_COMMON_H
#define OHMIC_IR_VERIFY_COMMON_H

#include "ir/infer/common.h"
#include "ir/verify/verify.h"

typedef struct {
    const ir_module *m;
    const char *name; // of the file in diagnostics; NULL: none
    diag_sink *diags;
    arena *a; // until the verifier returns
    bool ok;
} verifier;

void verify_error(verifier *v, diag_loc loc, diag_id id, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
// Where text tells the line that, else the name of what is meant.
diag_loc verify_at_op(const verifier *v, const ir_func *f, const ir_op *op);
diag_loc verify_at_func(const verifier *v, const ir_func *f);

diag_loc verify_at_symbol(const verifier *v, const ir_symbol *s);
// The tensor `name` (NULL: there is none); NULL reported as an error of s.
const tensor *verify_find_tensor(verifier *v, const ir_symbol *s, const char *name);

// Attributes of modules, functions and ports; domains, rings, groups, tensors. False: there are
// tensors that nobody may look into.
bool verify_module(verifier *v);
void verify_ring(verifier *v, const ir_symbol *s);
void verify_func_attrs(verifier *v, const ir_func *f);
// Rings, channels, ports and tiles of one function. Needs operands and results that are in range.
void verify_mapped(verifier *v, const ir_func *f);
// Channels of all functions.
void verify_channel_numbers(verifier *v);
// Rings that are read in one function and written in none, or too late.
void verify_rings(verifier *v);

#endif
