// Models of one operator (and of what makes its inputs), at random: types, ranks, attributes,
// extreme values.
#ifndef OHMIC_TESTS_FUZZ_ONNX_GENERATE_H
#define OHMIC_TESTS_FUZZ_ONNX_GENERATE_H

#include "tests/fuzz/target.h"

size_t onnx_generate(random_stream *r, uint8_t *out);

#endif
