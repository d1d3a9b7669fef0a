// What the engines behind xbar.h share.
#ifndef OHMIC_RUNTIME_SIM_XBAR_PARTS_H
#define OHMIC_RUNTIME_SIM_XBAR_PARTS_H

#include "runtime-sim/xbar/xbar.h"
#include "support/vec.h"

enum {
    XBAR_MAX_DIGITS = 16, // phases of a row, slices of a weight; bits of `risk`
    XBAR_GROUP = 16,      // columns whose losslessness is judged together
    XBAR_TILE = 64,       // columns a thread works on
    XBAR_GROUPS = XBAR_TILE / XBAR_GROUP,
    XBAR_LANES = 16 // rows side by side in the look-up engine
};

// One digit position of x or w: bits [shift, shift + bits), weight sign * 2^shift.
typedef struct {
    int shift, bits, sign;
} xbar_digit;

typedef struct {
    xbar_digit phase[XBAR_MAX_DIGITS], slice[XBAR_MAX_DIGITS];
    int n_phases, n_slices;
    int64_t lo, hi, step;  // converter; exact: lo..hi is unlimited, step 1
    bool exact, down;      // down: rounds so, else to the nearest, half to even
    bool pairs;            // differential, sums are signed
    bool sides;            // sign-magnitude: slices of sign -1 hold negative weights
    int offset;            // offset encoding: 2^(b-1), else 0
    int dac_max, cell_max; // largest digits
} xbar_plan;
xbar_plan xbar_plan_of(const xbar_params *p);

// A column that may clip in one slice of a block.
typedef struct {
    uint32_t block, column;
    int slice;
    int32_t over, under; // how far its digits reach above hi, below lo
    size_t lines;        // where its word lines stand in few_lines
} xbar_few;

struct xbar {
    xbar_plan plan;
    const int8_t *codes;
    uint32_t k, n, n_groups;
    isa_block *blocks;
    uint32_t n_blocks;
    // Bit s: slice s of some column of [block][group of columns] may clip or round.
    uint16_t *risk;
    uint64_t risky, judged; // (block, slice, column) triples; counted by group
    VEC(xbar_few) few;      // the columns at risk; empty where they are more than few.c takes
    uint64_t *few_lines;
    bool all_risky; // no slice anywhere is proved exact
    // Exact product: [ceil(n/64)][ceil(k/4)][64][4] of codes + 128, and the same of safe slices
    // alone.
    uint8_t *packed, *packed_safe;
    uint8_t **quads; // look-up: per block [ceil(n/16)][ceil(rows/4)][16][4] of stored codes
    size_t bytes;
};

// Digit of slice s of weight code w; signed for pairs.
static inline int xbar_weight_digit(const xbar_plan *p, int s, int w) {
    const xbar_digit *d = &p->slice[s];
    int mask = (1 << d->bits) - 1;
    if (p->sides) return (d->sign < 0 ? (w < 0 ? -w : 0) : (w > 0 ? w : 0)) >> d->shift & mask;
    if (!p->pairs) return (w + p->offset) >> d->shift & mask; // two's complement: w >> shift & mask
    return w < 0 ? -(-w >> d->shift & mask) : w >> d->shift & mask;
}
static inline int xbar_input_digit(const xbar_digit *d, int x) {
    return x >> d->shift & ((1 << d->bits) - 1);
}
// What the digital side makes of slice digits: w again when all slices are there.
static inline int xbar_weight_of(const xbar_plan *p, unsigned slices, int w) {
    int v = -p->offset;
    for (int s = 0; s < p->n_slices; s++)
        if (slices >> s & 1)
            v += p->slice[s].sign * xbar_weight_digit(p, s, w) * (1 << p->slice[s].shift);
    return v;
}

// The converter. s is any partial sum.
static inline int64_t xbar_convert(const xbar_plan *p, int64_t s, xbar_events *e) {
    int64_t q = s;
    if (p->step > 1 && p->down) {
        q = s / p->step - (s % p->step < 0);
        e->rounded += q * p->step != s;
    } else if (p->step > 1) {
        int64_t t = s + (p->step >> 1);
        q = t / p->step - (t % p->step < 0);                 // floor((s + step/2) / step)
        int64_t r = s - q * p->step;                         // -step/2 <= r < step/2
        if (2 * r == -p->step && (q & 1)) q--, r += p->step; // a tie went up to an odd code
        e->rounded += r != 0;
    }
    e->clipped += q < p->lo || q > p->hi;
    return (q < p->lo ? p->lo : q > p->hi ? p->hi : q) * p->step;
}

// A range of columns of one block within a tile of columns [from, until), and what of it is at
// risk.
typedef struct {
    const isa_block *block;
    uint32_t index;             // of the block
    uint32_t from, until;       // absolute columns
    uint16_t risk[XBAR_GROUPS]; // by group of the tile
} xbar_part;
static inline unsigned xbar_part_risk(const xbar_part *p) {
    unsigned r = 0;
    for (int g = 0; g < XBAR_GROUPS; g++) r |= p->risk[g];
    return r;
}
// Part of block b in tile t; false: they do not meet.
bool xbar_part_of(const xbar *x, uint32_t b, uint32_t t, xbar_part *part);

void xbar_run_cells(const xbar *m, const int8_t *x, size_t x_stride, size_t rows, int32_t *acc,
                    size_t acc_stride, int threads, xbar_events *events);

// acc = rows times what is packed: an integer product.
void xbar_run_exact(const xbar *m, const xbar_how *how, const uint8_t *packed, const int8_t *x,
                    size_t x_stride, size_t rows, int32_t *acc, size_t acc_stride);
// Few columns can clip (few.c): acc, an integer product of whole codes, less what converters cut
// off.
bool xbar_few_fit(const xbar *m);
void xbar_prepare_few(xbar *m);
void xbar_correct_few(const xbar *m, const xbar_how *how, const int8_t *x, size_t x_stride,
                      size_t rows, int32_t *acc, size_t acc_stride, xbar_events *events);
// acc += what converters make of the slices at risk, with every conversion counted that may clip or
// round.
void xbar_run_rows(const xbar *m, const xbar_how *how, const int8_t *x, size_t x_stride,
                   size_t rows, int32_t *acc, size_t acc_stride, xbar_events *events);
void xbar_run_lut(const xbar *m, const xbar_how *how, const int8_t *x, size_t x_stride, size_t rows,
                  int32_t *acc, size_t acc_stride, xbar_events *events);
bool xbar_lut_fits(const xbar *m, simd_path path);

#endif
