// One row of attention: scores, softmax, mix, to the bit of docs/numerics.md.
#ifndef OHMIC_IR_KERNEL_ATTEND_H
#define OHMIC_IR_KERNEL_ATTEND_H

#include "support/base.h"

// Keys and values of one head: key j is column j of kt [d][ld_k], value j row j of v [..][dv].
typedef struct {
    const float *kt, *v;
    size_t ld_k, d, dv;
    float scale, softcap; // softcap 0: none
    bool hard;            // probabilities by hard sigmoid, of slope alpha and value beta at 0
    float alpha, beta;
    bool quick;        // dot products and mixes as quick products (product.h)
    const float *sink; // a score that takes part in softmax and mixes nothing; NULL: none
} attend_head;

// s[j] = f32(q . key) * scale, capped, + bias[j] (bias may be NULL), for keys [from, from+n).
void attend_scores(float *s, const float *q, const attend_head *h, size_t from, size_t n,
                   const float *bias);
// The part of attend_scores behind the dot products.
void attend_scale(float *s, const attend_head *h, size_t n, const float *bias);
// s becomes probabilities: of the keys with valid[j] != 0 (NULL: all), others 0. s has room for one
// more.
void attend_activate(float *s, const attend_head *h, size_t n, const uint8_t *valid);
// o = f32(sum over valid j ascending of p[j] * value j).
void attend_mix(float *o, const float *p, const attend_head *h, size_t from, size_t n,
                const uint8_t *valid);

#endif
