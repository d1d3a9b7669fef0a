// One row of attention; see attend.h.
#include "ir/kernel/attend.h"
#include "ir/kernel/product.h"
#include "ir/kernel/row.h"
#include "support/num/num.h"
#include <stdlib.h>

void attend_scale(float *s, const attend_head *h, size_t n, const float *bias) {
    for (size_t j = 0; j < n; j++) s[j] *= h->scale;
    if (h->softcap != 0) {
        for (size_t j = 0; j < n; j++) s[j] /= h->softcap;
        num_tanh_n(s, s, n);
        for (size_t j = 0; j < n; j++) s[j] *= h->softcap;
    }
    for (size_t j = 0; bias && j < n; j++) s[j] += bias[j];
}

void attend_scores(float *s, const float *q, const attend_head *h, size_t from, size_t n,
                   const float *bias) {
    const product_operand keys = {h->kt + from, h->ld_k, h->quick};
    product_row(s, q, NULL, h->d, &keys, n);
    attend_scale(s, h, n, bias);
}

static float hard_sigmoid(const attend_head *h, float s) {
    float p = h->alpha * s + h->beta;
    p = p > 0 ? p : 0; // NaN: 0
    return p < 1 ? p : 1;
}

void attend_activate(float *s, const attend_head *h, size_t n, const uint8_t *valid) {
    if (h->hard) {
        for (size_t j = 0; j < n; j++) s[j] = !valid || valid[j] ? hard_sigmoid(h, s[j]) : 0;
        return;
    }
    size_t visible = valid ? 0 : n;
    for (size_t j = 0; valid && j < n; j++)
        if (valid[j]) s[visible++] = s[j];
    if (h->sink) s[visible] = *h->sink; // last in the sum
    row_softmax(s, s, visible + (h->sink != NULL));
    for (size_t j = n; valid && j-- > 0;) s[j] = valid[j] ? s[--visible] : 0; // spread out again
}

void attend_mix(float *o, const float *p, const attend_head *h, size_t from, size_t n,
                const uint8_t *valid) {
    const product_operand values = {h->v + from * h->dv, h->dv, h->quick};
    if (!valid) {
        product_row(o, p, NULL, n, &values, h->dv);
        return;
    }
    uint32_t *at = base_alloc(n * sizeof *at + 1);
    size_t visible = 0;
    for (size_t j = 0; j < n; j++)
        if (valid[j]) at[visible++] = (uint32_t)j;
    product_row(o, p, at, visible, &values, h->dv);
    free(at);
}
