// What follows from the numbers of a pool of computation arrays (docs/wang2025.md).
#ifndef OHMIC_ISA_MACHINE_POOL_H
#define OHMIC_ISA_MACHINE_POOL_H
#include "isa/machine/machine.h"
#include <string.h>

enum { POOL_LARGEST_WEIGHT = 127 }; // of symmetric codes of 8 bits; what the range is made for

static inline bool machine_has_pool(const machine *m) { return m->pool.arrays > 0; }

// What only a pool and its dense crossbars have: a chip without leaves it out.
static inline bool machine_is_of_pool(const machine_param *p) {
    const char *of[] = {p->section, p->name};
    for (int i = 0; i < 2; i++)
        if (strcmp(of[i], "pool") == 0 || strcmp(of[i], "dense") == 0) return true;
    return false;
}

// Digits are -(base - 1) / 2 ... (base - 1) / 2.
static inline int64_t machine_pool_base(const machine *m) {
    return (INT64_C(2) << m->pool.digit_bits) - 1;
}

// The largest number that the digits hold.
static inline int64_t machine_pool_largest(const machine *m) {
    int64_t powers = 1;
    for (int64_t i = 0; i < m->pool.digits; i++) powers *= machine_pool_base(m);
    return (powers - 1) / 2;
}

// Weights that an array takes at once.
static inline int64_t machine_pool_chunk(const machine *m) {
    return m->pool.rows / m->pool.digit_bits;
}

// The largest sum of a full chunk, of the currents of + or of -.
static inline int64_t machine_pool_sum(const machine *m) {
    return machine_pool_chunk(m) * POOL_LARGEST_WEIGHT * (machine_pool_base(m) / 2);
}

// Sum that one code stands for; 0: exact. Where the chip leaves it open, the codes span the sums of
// a full chunk, rounded to the nearest step.
static inline int64_t machine_pool_step(const machine *m) {
    if (m->pool.adc_bits == 0 || m->pool.adc_step > 0) return m->pool.adc_step;
    int64_t span = (m->pool.subtract ? 2 : 1) * machine_pool_sum(m);
    int64_t codes = (INT64_C(1) << m->pool.adc_bits) - 1;
    return max_i64(1, (2 * span + codes) / (2 * codes));
}

// Bits of a converter whose codes of `step` reach over all sums.
static inline int64_t machine_pool_bits(const machine *m, int64_t step) {
    int64_t bits = m->pool.subtract;
    for (int64_t n = (2 * machine_pool_sum(m) + step) / (2 * step); n > 0; n >>= 1) bits++;
    return bits;
}

// Rows of activations that one pass over the weights serves.
static inline int64_t machine_pool_beat(const machine *m) {
    return m->pool.columns * m->pool.shared;
}

// Reads of dense crossbars that bring a matrix to the pool once.
static inline int64_t machine_dense_reads(const machine *m, int64_t rows, int64_t columns) {
    int64_t weights = m->dense.sensed * m->dense.cell_bits / 8;
    return columns * ceil_div_i64(rows, max_i64(1, weights));
}
#endif
