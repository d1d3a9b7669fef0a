// Runs ONNX test directories: model, inputs and expected outputs as the ONNX project stores them
// (model.onnx, test_data_set_N/input_I.pb, output_J.pb).
#ifndef OHMIC_CLI_ONNX_TEST_DATA_SET_H
#define OHMIC_CLI_ONNX_TEST_DATA_SET_H

#include "frontend/onnx.h"

typedef enum { ONNX_TEST_PASS, ONNX_TEST_FAIL, ONNX_TEST_UNSUPPORTED } onnx_test_verdict;

typedef struct {
    onnx_test_verdict verdict;
    double max_error;    // worst |a-b| / (1+|b|) over all float outputs
    const char *message; // why it did not pass; "" for PASS
} onnx_test_result;

// Computes f of m (plain-typed) on inputs in order of f->params; outputs, in order of f->results,
// in `a`.
typedef bool (*onnx_test_engine)(void *ctx, const ir_module *m, const ir_func *f,
                                 const tensor *inputs, arena *a, tensor *outputs, diag_sink *diags);

typedef struct {
    onnx_test_engine engine; // NULL: the interpreter
    void *ctx;
    double tolerance; // of max_error; 0: 1e-4. Integers and booleans must be equal
    int threads;      // of the interpreter; 0: all
} onnx_test_options;

const char *onnx_test_verdict_name(onnx_test_verdict v); // "PASS"

// Data of a set that belong to no input: other numbers than the initialiser of that name has, if
// there is one?
bool onnx_test_overrides(const onnx_model *m, const char *name, const tensor *t);

// One data set. Sizes are bound from the inputs; inputs whose values the import needs become
// constants. UNSUPPORTED: the model or a file of the set cannot be imported. Messages live in `a`.
onnx_test_result onnx_test_set(arena *a, const char *model_path, const char *set_dir,
                               const onnx_test_options *options);
// All sets test_data_set_0, 1 ... of a folder: the worst verdict, the largest error, *n_sets
// counted. model_path NULL: DIR/model.onnx.
onnx_test_result onnx_test_dir(arena *a, const char *model_path, const char *dir,
                               const onnx_test_options *options, size_t *n_sets);
#endif
