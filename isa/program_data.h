// Data that a program keeps open itself, because nobody else does: the data file of assembly.
#ifndef OHMIC_ISA_PROGRAM_DATA_H
#define OHMIC_ISA_PROGRAM_DATA_H
#include "isa/program.h"

void isa_program_own(isa_program *p, file_map *f); // closed by isa_program_free; *f is emptied
#endif
