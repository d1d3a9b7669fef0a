// Assembly text (.s): isa_assemble(isa_disassemble(p)) writes the same .ohm bytes.
#ifndef OHMIC_ISA_TEXT_TEXT_H
#define OHMIC_ISA_TEXT_TEXT_H
#include "isa/program.h"
#include <stdio.h>

// Where cells and tables of the text stand.
typedef enum {
    ISA_DATA_WITHIN, // in its last lines: it assembles wherever it lies
    ISA_DATA_BESIDE, // in a file beside it, named by its base name and hash
    ISA_DATA_NOT,    // nowhere, and the text says so: for people, does not assemble
} isa_text_data;

// path: of the file beside the text, else NULL.
bool isa_disassemble(const isa_program *p, FILE *out, isa_text_data where, const char *path,
                     diag_sink *diags);
isa_program *isa_assemble(const char *text, size_t bytes, const char *name, diag_sink *diags);
// One instruction as text, e.g. "mvm qkv, n, g.qkv".
char *isa_insn_text(arena *a, const isa_program *p, uint32_t tile, const isa_insn *i);
#endif
