// Drawing tokens; see sampler.h.
#include "cli/generate/sampler.h"
#include "support/num/num.h"
#include <stdlib.h>
#include <string.h>

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

const sampler sampler_default = {.top_p = 1, .penalty = 1};

// The logits with what occurred made less likely; NULL: they stay as they are.
static float *penalised(const sampler *s, const float *logits, int64_t n, const int32_t *before,
                        size_t n_before) {
    if (s->penalty == 1) return NULL;
    size_t window = s->penalty_window > 0 && (size_t)s->penalty_window < n_before
                        ? (size_t)s->penalty_window
                        : n_before;
    float *out = base_alloc((size_t)n * sizeof *out);
    memcpy(out, logits, (size_t)n * sizeof *out);
    for (size_t i = n_before - window; i < n_before; i++) {
        int32_t id = before[i];
        if (id < 0 || id >= n) continue;
        double x = (double)logits[id]; // once, however often it occurred
        out[id] = (float)(x > 0 ? x / s->penalty : x * s->penalty);
    }
    return out;
}

static int32_t drawn(sampler *s, const float *logits, int64_t n) {
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
    int64_t likely = min_i64(last + 1, count); // ... of those the likely ones
    while (likely > 1 && p[likely - 1] < s->min_p) likely--;
    if (likely < last + 1 && likely < count) {
        last = likely - 1;
        kept = 0;
        for (int64_t i = 0; i <= last; i++) kept += p[i];
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

int32_t sampler_next(sampler *s, const float *logits, int64_t n, const int32_t *before,
                     size_t n_before) {
    float *own = penalised(s, logits, n, before, n_before);
    const float *x = own ? own : logits;
    int32_t id = s->temperature <= 0 ? (int32_t)largest(x, n) : drawn(s, x, n);
    free(own);
    return id;
}
