// What would a model compute that rounded nothing? Stored outputs of half precision and of
// quantised models are rounded at places of their own; a program that is nearer to the truth is no
// worse.
#ifndef OHMIC_CLI_ONNX_TEST_TRUTH_H
#define OHMIC_CLI_ONNX_TEST_TRUTH_H

#include "cli/onnx_test/data_set.h"

typedef enum {
    TRUTH_WHOLE,    // without half precision and without codes of activations
    TRUTH_OF_CHIPS, // without what no chip rounds: half precision, codes that no row holds
} truth_kind;

// Outputs of one data set in f32. False: the model rounds nothing of the kind, or it cannot be
// said.
bool onnx_test_truth(arena *a, const char *model_path, const char *set_dir,
                     const onnx_test_options *options, truth_kind kind, tensor_set *out);

#endif
