// Inner loops of the gain-cell unit. Those for any device come first, once for each instruction
// set: a column's charges and a token's moments are added in the order of docs/gain-cells.md,
// whatever the vectors' width. Multiplications and additions stay apart.
#include "runtime-sim/gain/parts.h"
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

// --- scores

enum { BLOCK = 64 };

// m[i] of tokens slot .. slot + n - 1 for i = 1 .. terms - 1.
INLINE void moments(const gain_unit *u, const gain_head *h, const gain_query *q, size_t slot,
                    size_t n, const uint32_t terms, double (*m)[BLOCK]) {
    int top = (int)u->p.kv_levels - 1;
    for (size_t i = 0; i < u->p.d; i++) {
        double x = q->x[i], v[BLOCK];
        if (u->p.kv_levels) {
            const uint32_t *k = h->k_codes + i / 4 * u->p.slots + slot;
            int shift = (int)(i % 4) * 8;
            for (size_t j = 0; j < n; j++) v[j] = (double)(2 * (int)(k[j] >> shift & 255) - top);
        } else {
            const float *k = h->k + i * u->p.slots + slot;
            for (size_t j = 0; j < n; j++) v[j] = (double)k[j] - u->half;
        }
        for (size_t j = 0; j < n; j++) {
            double power = v[j];
            for (uint32_t t = 1; t < terms; t++) {
                m[t][j] += x * power;
                power *= v[j];
            }
        }
    }
}

INLINE void scores(const gain_unit *u, const gain_head *h, const gain_query *q,
                   const gain_ages *ages, size_t slot, size_t n, double *s) {
    double m[ISA_MAX_CELL_TERMS][BLOCK];
    for (size_t at = 0; at < n; at += BLOCK) {
        size_t some = n - at < BLOCK ? n - at : BLOCK;
        for (uint32_t t = 1; t < u->p.terms; t++) memset(m[t], 0, some * sizeof **m);
        switch (u->p.terms) { // few terms stay in registers
        case 2: moments(u, h, q, slot + at, some, 2, m); break;
        case 3: moments(u, h, q, slot + at, some, 3, m); break;
        case 4: moments(u, h, q, slot + at, some, 4, m); break;
        default: moments(u, h, q, slot + at, some, u->p.terms, m);
        }
        double *to = s + at;
        for (size_t j = 0; j < some; j++) to[j] = ages->g[at + j] * q->sum;
        for (uint32_t t = 1; t < u->p.terms; t++) {
            const double *g = ages->g + t * ages->stride + at;
            for (size_t j = 0; j < some; j++) to[j] += g[j] * m[t][j];
        }
        for (size_t j = 0; j < some; j++) to[j] /= u->width;
    }
}

INLINE uint64_t pulses(const gain_unit *u, double *s, size_t n, const int64_t *held,
                       int64_t position, uint64_t *seen) {
    double full = (double)u->p.s_sat, most = u->p.saturate_scores ? 1 : __builtin_inf();
    int64_t saturated = 0, hidden = 0;
    for (size_t j = 0; held && j < n; j++) {
        bool masked = held[j] != position + (int64_t)j;
        hidden += masked;
        s[j] = masked ? -1 : s[j]; // as good as no pulse
    }
    for (size_t j = 0; j < n; j++) {
        double p = s[j] / full;
        saturated += s[j] >= full;
        p = p > 0 ? p : 0;
        s[j] = p > most ? most : p;
    }
    *seen += (uint64_t)((int64_t)n - hidden);
    return (uint64_t)saturated;
}

static size_t list(const double *phi, size_t n, uint32_t *to) {
    size_t some = 0;
    for (size_t j = 0; j < n; j++) {
        to[some] = (uint32_t)j;
        some += phi[j] > 0;
    }
    return some;
}

// --- the mix

INLINE void mix_table(const gain_unit *u, const uint8_t *v, const double *c, double phi,
                      double *acc) {
    double charge[GAIN_TABLE_LEVELS];
    for (uint32_t i = 0; i < u->c_row; i++) charge[i] = phi * c[i];
    for (size_t at = 0; at < u->p.dv; at += 8) {
        size_t n = u->p.dv - at < 8 ? u->p.dv - at : 8;
        const uint8_t *from = v + gain_place(at); // columns lie eight bytes apart
        for (size_t i = 0; i < n; i++) acc[at + i] += charge[from[8 * i]];
    }
}

INLINE void mix_powers(const double *v, size_t n, const double *g, size_t stride,
                       const uint32_t terms, double phi, double *acc) {
    for (size_t i = 0; i < n; i++) {
        double power = v[i], c = g[0];
        for (uint32_t t = 1; t < terms; t++) {
            c += g[t * stride] * power;
            power *= v[i];
        }
        acc[i] += phi * c;
    }
}

INLINE void mix(const gain_unit *u, const gain_head *h, const gain_ages *ages, size_t slot,
                const uint32_t *tokens, size_t n, const double *phi, double *acc) {
    size_t dv = u->p.dv;
    int top = (int)u->p.kv_levels - 1;
    for (size_t k = 0; k < n; k++) {
        size_t j = tokens[k];
        if (u->c_row) {
            mix_table(u, h->v_codes + (slot + j) * u->v_row, ages->c + j * ages->c_step, phi[j],
                      acc);
            continue;
        }
        for (size_t at = 0; at < dv; at += BLOCK) {
            size_t some = dv - at < BLOCK ? dv - at : BLOCK;
            double v[BLOCK];
            if (u->p.kv_levels) {
                const uint8_t *codes = h->v_codes + (slot + j) * u->v_row + at;
                for (size_t i = 0; i < some; i++)
                    v[i] = (double)(2 * (int)codes[gain_place(i)] - top);
            } else {
                const float *volts = h->v + (slot + j) * dv + at;
                for (size_t i = 0; i < some; i++) v[i] = (double)volts[i] - u->half;
            }
            if (u->p.terms == 4)
                mix_powers(v, some, ages->g + j, ages->stride, 4, phi[j], acc + at);
            else
                mix_powers(v, some, ages->g + j, ages->stride, u->p.terms, phi[j], acc + at);
        }
    }
}

INLINE uint64_t read_out(const gain_unit *u, double *acc, double *sum) {
    double full = (double)u->p.o_sat, most = u->p.saturate_outputs ? 1 : __builtin_inf();
    uint64_t saturated = 0;
    for (size_t at = 0; at < u->p.dv; at += BLOCK) {
        size_t n = u->p.dv - at < BLOCK ? u->p.dv - at : BLOCK;
        int64_t above = 0;
        double z[BLOCK];
        for (size_t i = 0; i < n; i++) {
            double y = acc[at + i] / full;
            above += __builtin_fabs(y) >= 1;
            y = y > most ? most : y;
            z[i] = y < -most ? -most : y;
        }
        saturated += (uint64_t)above;
        if (u->p.out_levels) {
            float step = 2.0f / (float)(u->p.out_levels - 1);
            for (size_t i = 0; i < n; i++) sum[at + i] += (double)gain_nearest((float)z[i] / step);
        } else {
            for (size_t i = 0; i < n; i++) sum[at + i] += z[i];
        }
    }
    memset(acc, 0, u->v_row * sizeof *acc);
    return saturated;
}

#define PATH(name, attributes)                                                                    \
    attributes static void scores_##name(const gain_unit *u, const gain_head *h,                  \
                                         const gain_query *q, const gain_ages *ages, size_t slot, \
                                         size_t n, double *s) {                                   \
        scores(u, h, q, ages, slot, n, s);                                                        \
    }                                                                                             \
    attributes static uint64_t pulses_##name(const gain_unit *u, double *s, size_t n,             \
                                             const int64_t *held, int64_t position,               \
                                             uint64_t *seen) {                                    \
        return pulses(u, s, n, held, position, seen);                                             \
    }                                                                                             \
    attributes static void mix_##name(const gain_unit *u, const gain_head *h,                     \
                                      const gain_ages *ages, size_t slot, const uint32_t *list,   \
                                      size_t n, const double *phi, double *acc) {                 \
        mix(u, h, ages, slot, list, n, phi, acc);                                                 \
    }                                                                                             \
    attributes static uint64_t read_out_##name(const gain_unit *u, double *acc, double *sum) {    \
        return read_out(u, acc, sum);                                                             \
    }
PATH(portable, )
#if defined(__x86_64__)
PATH(avx2, SIMD_TARGET_AVX2)
PATH(avx512, SIMD_TARGET_AVX512)
#endif

gain_kernels gain_kernels_of(const gain_unit *u, simd_path path) {
    gain_kernels f = {scores_portable, pulses_portable, list, mix_portable, read_out_portable};
#if defined(__x86_64__)
    if (path == SIMD_AVX2)
        f = (gain_kernels){scores_avx2, pulses_avx2, list, mix_avx2, read_out_avx2};
    if (path >= SIMD_AVX512)
        f = (gain_kernels){scores_avx512, pulses_avx512, list, mix_avx512, read_out_avx512};
#endif
    gain_levels_kernels(u, path, &f);
    return f;
}
