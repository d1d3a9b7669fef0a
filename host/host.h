// The host of a program: ONNX-shaped tensors in, ONNX-shaped tensors out.
//
// Programs take rows. The host finds batch and token count in the inputs, runs the sequences of a
// batch, each by itself (in chunks where the program streams, as many in turn as it has banks),
// loads caches into rings and reads them back, and puts rows together as the tensors the model
// would have given. Padding: README.md.
#ifndef OHMIC_HOST_HOST_H
#define OHMIC_HOST_HOST_H

#include "host/engine.h"

typedef struct {
    // ONNX names of the outputs wanted; NULL: all that there are, present.* included.
    const char *const *outputs;
    size_t n_outputs;
    bool skip_presents; // with outputs == NULL: without present.*
} host_options;

// False: reported; all that is wrong with the inputs in one go. Outputs live in `a`, in the order
// of the output ports, then present.* in the order of the rings. Rows of padding are zero.
bool host_run(engine *e, const tensor_set *inputs, const host_options *o, arena *a,
              tensor_set *outputs, diag_sink *diags);

// Is there such an input (or cache, or one of the model that the program does not need), and the
// names of all that a program reads: "input_ids, past_key_values.0.key".
bool host_has_input(const engine_info *info, const char *name);
const char *host_input_names(const engine_info *info, arena *a);

// Axes of an output, or of a present.*, that count the batch and the tokens; -1: none.
void host_output_axes(const engine_info *info, const char *name, int *batch, int *tokens);

// ---- token by token --------------------------------------------------------------------------

// A program as a language model: one integer input takes ids, masks are 1, positions count up,
// segment ids are 0. An encoder in front reads one input of its own, the source.
typedef struct {
    engine *e;
    size_t ids, logits; // ports
    size_t source;      // of the encoder; SIZE_MAX: there is none
    int64_t pos;        // tokens seen
} host_text;

// False: reported (other inputs are needed, no logits).
bool host_text_open(host_text *t, engine *e, diag_sink *diags);
bool host_text_has_source(const host_text *t);
bool host_text_reads_ids(const host_text *t); // as a source; else values
// Begins a sequence with what its encoder reads: ids where it reads them, or a tensor of the
// input's shape. False: reported.
bool host_text_source(host_text *t, const int32_t *ids, int64_t n, diag_sink *diags);
bool host_text_features(host_text *t, const tensor *x, diag_sink *diags);
// Up to max_chunk ids; reset begins a sequence, where no encoder has. logits: f32 [rows][width],
// rows 1 when the program keeps the last row only.
bool host_text_step(host_text *t, bool reset, const int32_t *ids, int64_t n, arena *a,
                    tensor *logits, diag_sink *diags);

#endif
