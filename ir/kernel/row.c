// One row of numbers; see row.h.
#include "ir/kernel/row.h"
#include "support/num/num.h"
#include <math.h>
#include <stdlib.h>

static float row_max(const float *x, size_t n) {
    float m = -INFINITY;
    for (size_t i = 0; i < n; i++) m = x[i] > m ? x[i] : m;
    return m;
}

// Nothing is visible: zeros, but NaN stays. True when that was so.
static bool nothing_visible(float *y, const float *x, size_t n, float m) {
    if (m != -INFINITY) return false;
    for (size_t i = 0; i < n; i++) y[i] = x[i] != x[i] ? x[i] : 0.0f;
    return true;
}

// e = num_exp(x - m) into y; returns their sum.
static double exp_sum(float *y, const float *x, size_t n, float m) {
    for (size_t i = 0; i < n; i++) y[i] = x[i] - m;
    num_exp_n(y, y, n);
    double s = 0;
    for (size_t i = 0; i < n; i++) s += y[i];
    return s;
}

void row_softmax(float *y, const float *x, size_t n) {
    float m = row_max(x, n);
    if (nothing_visible(y, x, n, m)) return;
    double s = exp_sum(y, x, n, m);
    for (size_t i = 0; i < n; i++) y[i] = (float)((double)y[i] / s);
}

void row_log_softmax(float *y, const float *x, size_t n) {
    float m = row_max(x, n);
    if (nothing_visible(y, x, n, m)) return;
    float *e = base_alloc(n * sizeof *e + 1);
    double log_s = num_log_f64(exp_sum(e, x, n, m));
    for (size_t i = 0; i < n; i++) y[i] = (float)(((double)x[i] - (double)m) - log_s);
    free(e);
}

void row_norm(float *y, const float *x, size_t n, ir_norm mode, double eps, const float *gamma,
              const float *beta) {
    double mean = 0, squares = 0;
    if (mode == IR_NORM_LAYER) {
        for (size_t i = 0; i < n; i++) mean += (double)x[i];
        mean /= (double)n;
    }
    for (size_t i = 0; i < n; i++) squares += ((double)x[i] - mean) * ((double)x[i] - mean);
    double r = mode == IR_NORM_L2 ? 1 : 1 / __builtin_sqrt(squares / (double)n + eps);
    double length = __builtin_sqrt(squares) > eps ? __builtin_sqrt(squares) : eps;
    for (size_t i = 0; i < n; i++) {
        double v = (double)x[i] - mean;
        v = mode == IR_NORM_L2 ? v / length : v * r;
        if (gamma) v *= (double)gamma[i];
        if (beta) v += (double)beta[i];
        y[i] = (float)v;
    }
}

void row_rope(float *x, int64_t r, bool interleaved, const float *cosine, const float *sine) {
    int64_t half = r / 2;
    for (int64_t i = 0; i < half; i++) {
        float *p0 = interleaved ? x + 2 * i : x + i, *p1 = interleaved ? p0 + 1 : x + half + i;
        double x0 = (double)*p0, x1 = (double)*p1, co = (double)cosine[i], si = (double)sine[i];
        *p0 = (float)(x0 * co - x1 * si);
        *p1 = (float)(x1 * co + x0 * si);
    }
}
