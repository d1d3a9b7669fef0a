// --trace: the values of one instruction, IR value or ONNX node while a program runs.
#ifndef OHMIC_HOST_TRACE_H
#define OHMIC_HOST_TRACE_H

#include "isa/program.h"
#include "runtime-sim/sim.h"

typedef struct trace trace;

// `what`: "TILE:PC", "%VALUE" (of the mapped IR in the program) or an ONNX node's name; "=FILE"
// behind it stores (.npy, .npz) what is printed otherwise. Observes `s`. NULL: reported, nothing is
// meant.
trace *trace_open(const isa_program *p, sim *s, const char *what, arena *a, diag_sink *diags);
// Writes the file, or prints to `out`. False: reported.
bool trace_close(trace *t, FILE *out, diag_sink *diags);

#endif
