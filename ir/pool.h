// Groups that a pool of computation arrays multiplies: their facts as a record.
#ifndef OHMIC_IR_POOL_H
#define OHMIC_IR_POOL_H
#include "ir/ir.h"

typedef struct {
    int64_t digits, digit_bits, chunk;
    int64_t adc_bits, adc_step; // adc_bits 0: exact
    bool apart;                 // columns + and - are converted each
} pool_unit;
// Of a group; false: another engine multiplies it.
bool pool_unit_of(const ir_symbol *group, pool_unit *u);
// What is wrong with the numbers; NULL: nothing.
const char *pool_unit_fault(const pool_unit *u);

#endif
