// Tensors in files, as a command line names them: npy, npz, ONNX .pb, "-" for standard input.
#ifndef OHMIC_HOST_TENSORS_H
#define OHMIC_HOST_TENSORS_H

#include "support/num/tensor.h"
#include "support/vec.h"

typedef VEC(tensor_named) tensor_list;

// "NAME=FILE" or "FILE" (npz: all members; .pb: under the name it holds). Appends; the kind is
// found from the content. Tensors and names live in `a`. False: reported.
bool tensors_read(arena *a, const char *text, tensor_list *list, diag_sink *diags);
// "FILE.npz" gets all of the set, "NAME=FILE.npy" one; bf16, which npy does not know, as f32.
// False: reported.
bool tensors_write(arena *a, const char *text, const tensor_set *set, diag_sink *diags);

#endif
