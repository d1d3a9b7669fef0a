// What the engines behind pool.h share.
#ifndef OHMIC_RUNTIME_SIM_POOL_PARTS_H
#define OHMIC_RUNTIME_SIM_POOL_PARTS_H

#include "runtime-sim/pool/pool.h"

enum {
    POOL_MAX_DIGITS = 8,
    POOL_TILE = 64,           // columns a job works on
    POOL_NARROW = INT16_MAX,  // sums up to here are made in 16 bits
    POOL_SUMS = (1 << 22) - 1 // and up to here divided in f32 (packed.c)
};

struct pool {
    pool_params p;
    const int8_t *codes;
    uint32_t k, n;
    bool lossless; // no sum is rounded or clipped: an integer product
    int64_t most;  // no sum is larger
    xbar *exact;   // where lossless
    int8_t *packed, *quads[2];
};

// sums of one row's chunk: [digit][column]; apart: of magnitudes too
typedef struct {
    int32_t sum[POOL_MAX_DIGITS][POOL_TILE], size[POOL_MAX_DIGITS][POOL_TILE];
} pool_sums;

typedef struct {
    const pool *m;
    const int8_t *digits; // [row][digit][chunks * room]
    size_t rows, chunks, room, acc_stride;
    int32_t *acc;
    size_t block, blocks; // rows of a job, jobs a tile
    xbar_events *events;
    void (*kernel)(const void *run, size_t tile, size_t r0, size_t r1, xbar_events *e);
} pool_run_state;

void pool_run_switches(const pool *m, const int8_t *x, size_t x_stride, size_t rows, int32_t *acc,
                       size_t acc_stride, int threads, xbar_events *events);
void pool_run_packed(pool *m, const pool_how *how, const int8_t *x, size_t x_stride, size_t rows,
                     int32_t *acc, size_t acc_stride, xbar_events *events);

#endif
