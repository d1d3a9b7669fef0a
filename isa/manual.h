// Reference documents from the tables: docs/isa-manual.md and docs/chip-parameters.md.
#ifndef OHMIC_ISA_MANUAL_H
#define OHMIC_ISA_MANUAL_H
#include <stdio.h>

void isa_print_manual(FILE *out);          // instructions, functions, descriptors
void isa_print_chip_parameters(FILE *out); // machine.def
#endif
