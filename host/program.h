// Program files, opened: the program, and the chip it was compiled for.
#ifndef OHMIC_HOST_PROGRAM_H
#define OHMIC_HOST_PROGRAM_H

#include "isa/machine/machine.h"
#include "isa/program.h"

typedef struct {
    file_map file;
    isa_program *program;
    machine *chip; // the one it was compiled for, from the file
} program_file;

// Maps, decodes, reads the chip; texts of the chip live in `a`. False: reported, to be closed all
// the same. Not verified yet (isa_verify, sim_new).
bool program_open(program_file *f, const char *path, arena *a, diag_sink *diags);
void program_close(program_file *f);

#endif
