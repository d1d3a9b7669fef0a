// The text form (.oir): print, parse. parse(print(m)) prints the same bytes.
#ifndef OHMIC_IR_TEXT_TEXT_H
#define OHMIC_IR_TEXT_TEXT_H
#include "ir/ir.h"

// Tensors of more than `inline_max` elements stand by hash: `tensor @w : f32[128,384] = "<hash>"`,
// and their bytes in DIR/<hash>.bin (written once). dir NULL: by hash without writing.
#define IR_INLINE_MAX 32
bool ir_print(ir_module *m, FILE *out, const char *dir, diag_sink *diags);
char *ir_print_string(ir_module *m); // malloc'd, tensors by hash, nothing written
// One operation on one line, without newline.
char *ir_op_text(arena *a, const ir_func *f, const ir_op *op);
char *ir_attrs_text(arena *a, const ir_attrs *l); // "{axis = 1, fn = "sum"}"

// Parses text; big tensors are mapped from DIR/<hash>.bin and their hash checked. dir NULL: the
// folder of `name`. `lookup` (may be NULL) is asked first for a tensor by hash; *out comes with its
// type and no data, and may stay so where nobody will ask for them. Reports all errors found.
typedef bool (*ir_tensor_lookup)(void *ctx, const char *hash, tensor *out);
ir_module *ir_parse(const char *text, size_t bytes, const char *name, const char *dir,
                    ir_tensor_lookup lookup, void *ctx, diag_sink *diags);
ir_module *ir_parse_file(const char *path, diag_sink *diags);
#endif
