// docs/ir-manual.md from the tables; tests/ir/test_manual.c keeps the committed one fresh.
#ifndef OHMIC_IR_MANUAL_H
#define OHMIC_IR_MANUAL_H
#include <stdio.h>

void ir_print_manual(FILE *out); // operations, attributes, words, facts of rings, element types
#endif
