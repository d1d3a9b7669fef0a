// What the files of the gain-cell unit share.
#ifndef OHMIC_RUNTIME_SIM_GAIN_PARTS_H
#define OHMIC_RUNTIME_SIM_GAIN_PARTS_H
#include "runtime-sim/gain/gain.h"

enum {
    GAIN_COLUMNS = 64,      // a stored value's row is a multiple of this
    GAIN_BLOCK = 64,        // slots that integer scores are formed of together
    GAIN_PLANES = 8,        // most digits of all powers together
    GAIN_TABLE_LEVELS = 16, // charges of all levels stand in a table up to here
};

// Byte of column i in a stored value's row.
static inline size_t gain_place(size_t i) {
    return i / GAIN_COLUMNS * GAIN_COLUMNS + i % 8 * 8 + i / 8 % 8;
}

// num_rint, without the integers between: loops of it vectorise everywhere.
static inline float gain_nearest(float x) {
    float a = __builtin_fabsf(x), whole = (a + 0x1p23f) - 0x1p23f;
    return a < 0x1p23f ? __builtin_copysignf(whole, x) : x;
}

// A part of u^power that a byte holds, by code: u^power is the sum over its planes of
// weight * digit + again * u^(power - 2).
typedef struct {
    uint32_t power;
    int largest; // |digit|
    double weight, again;
    int8_t digit[16];
} gain_plane;

struct gain_unit {
    gain_params p;
    size_t k_words, v_row; // words of a key; bytes of a value
    size_t k_stride;       // from word to word of a key: slots
    double w, half, width; // step of u in volts; v_dd / 2; query codes of a full pulse
    double *g;             // [terms][slots]: g_i, age slots - 1 first
    double *c;             // [slots][c_row]: C(u) of every level; without decay a single row
    uint32_t c_row;        // levels with room; 0: too many for a table
    size_t c_step;         // from age to age: c_row, or 0
    bool integer;          // moments may be summed as integers, with `planes`
    bool own_ages;         // ages are not those of the tables: made for each query
    size_t n_planes;
    gain_plane planes[GAIN_PLANES];
};

// One head's cells.
typedef struct {
    const uint32_t *k_codes;
    const uint8_t *v_codes;
    const float *k, *v;
} gain_head;

typedef struct {
    const double *x;      // [d]
    const uint8_t *codes; // [k_words * 4], zero-padded (`integer`)
    double sum;           // of x, ascending: M_0
} gain_query;

// Of slots side by side: g[i * stride + slot], c[slot * c_step + code].
typedef struct {
    const double *g;
    size_t stride;
    const double *c;
    size_t c_step;
} gain_ages;

typedef struct {
    // s[j] = S of slot + j, j < n
    void (*scores)(const gain_unit *u, const gain_head *h, const gain_query *q,
                   const gain_ages *ages, size_t slot, size_t n, double *s);
    // S becomes phi; 0 where held (may be NULL) is not position + j. Returns how many have
    // S >= s_sat, adds those that are visible to *seen.
    uint64_t (*pulses)(const gain_unit *u, double *s, size_t n, const int64_t *held,
                       int64_t position, uint64_t *seen);
    // list[i]: the i-th j < n with phi[j] > 0. Returns how many.
    size_t (*list)(const double *phi, size_t n, uint32_t *list);
    // acc[column] += phi * C(u) of slot + list[i], i < n ascending. phi[j] of slot + j.
    void (*mix)(const gain_unit *u, const gain_head *h, const gain_ages *ages, size_t slot,
                const uint32_t *list, size_t n, const double *phi, double *acc);
    // sum += what is read of acc, which is 0 again. Returns how many columns were saturated.
    uint64_t (*read_out)(const gain_unit *u, double *acc, double *sum);
} gain_kernels;
gain_kernels gain_kernels_of(const gain_unit *u, simd_path path);
// Puts in what is faster for few levels (levels.c).
void gain_levels_kernels(const gain_unit *u, simd_path path, gain_kernels *f);
#endif
