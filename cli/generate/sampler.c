// Drawing tokens; see sampler.h.
#include "cli/generate/sampler.h"
#include "support/num/num.h"
#include <stdlib.h>

static int64_t largest(const float *x, int64_t n) {
    int64_t best = 0;
    for (int64_t i = 1; i < n; i++)
        if (x[i] > x[best]) best = i;
    return best;
}

typedef struct {
    float logit;
    int32_t id;
} candidate;

static int by_logit(const void *pa, const void *pb) {
    const candidate *a = pa, *b = pb;
    if (a->logit != b->logit) return a->logit > b->logit ? -1 : 1;
    return a->id < b->id ? -1 : a->id > b->id;
}

int32_t sampler_next(sampler *s, const float *logits, int64_t n) {
    if (s->temperature <= 0) return (int32_t)largest(logits, n);
    candidate *c = base_alloc((size_t)n * sizeof *c);
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++) // NaN never comes out
        if (logits[i] == logits[i]) c[count++] = (candidate){logits[i], (int32_t)i};
    qsort(c, (size_t)count, sizeof *c, by_logit);
    if (s->top_k > 0) count = min_i64(count, s->top_k);
    double *p = base_alloc((size_t)(count + 1) * sizeof *p), sum = 0, kept = 0;
    for (int64_t i = 0; i < count; i++)
        sum += p[i] = num_exp_f64(((double)c[i].logit - (double)c[0].logit) / s->temperature);
    int64_t last = 0;
    for (; last < count; last++) { // the fewest whose probability reaches top_p
        kept += p[last];
        if (kept >= s->top_p * sum) break;
    }
    double draw = random_f64(&s->draws) * kept;
    int64_t pick = 0;
    for (double at = 0; pick < last && pick < count; pick++) {
        at += p[pick];
        if (draw < at) break;
    }
    int32_t id = count ? c[min_i64(pick, count - 1)].id : 0;
    free(p);
    free(c);
    return id;
}
