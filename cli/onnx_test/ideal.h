// ONNX test folders through the whole of Ohmic: compiled for the chip `ideal`, run by the host on
// the simulator. One compile serves all data sets of a folder.
#ifndef OHMIC_CLI_ONNX_TEST_IDEAL_H
#define OHMIC_CLI_ONNX_TEST_IDEAL_H

#include "cli/onnx_test/data_set.h"

// As onnx_test_dir. UNSUPPORTED: the model does not compile, and that is no fault of ours. Rows
// that a mask hides are not compared. Tolerance 0: 1e-3; where a model rounds (half precision,
// codes of activations), an output may also be as far from the float32
// truth as the stored one is (root mean square, over few numbers: twice).
onnx_test_result onnx_test_ideal_dir(arena *a, const char *model_path, const char *dir,
                                     const onnx_test_options *options, size_t *n_sets);

#endif
