// Quantising a row and back: docs/numerics.md, "dynamic" and "static quantisation".
#include "ir/kernel/q8.h"
#include "support/num/num.h"
#include <string.h>

// clamp(round_half_even(x / scale) + zero, lo, hi); NaN: 0. The sum is exact, or far outside.
static int32_t code_of(float x, float scale, int32_t zero, int32_t lo, int32_t hi) {
    float q = num_rint(x / scale) + (float)zero;
    q = q < (float)lo ? (float)lo : q > (float)hi ? (float)hi : q;
    return q == q ? (int32_t)q : 0;
}

void q8_quantise_within(int8_t *codes, q8_trailer *t, const float *x, size_t n, float most) {
    *t = (q8_trailer){most > 0 ? most / 127 : 0, 0, 0};
    for (size_t i = 0; i < n; i++) {
        int32_t code = most > 0 ? code_of(x[i], t->scale, 0, -127, 127) : 0;
        codes[i] = (int8_t)code;
        t->sum += code;
    }
}

void q8_quantise(int8_t *codes, q8_trailer *t, const float *x, size_t n, ir_quantisation mode,
                 float scale, int32_t zero) {
    int32_t lo = -127;
    bool empty = false; // scale 0: all codes 0
    if (mode == IR_QUANT_SYM) {
        float a = 0;
        for (size_t i = 0; i < n; i++) {
            float v = x[i] < 0 ? -x[i] : x[i];
            if (v > a) a = v;
        }
        q8_quantise_within(codes, t, x, n, a);
        return;
    } else if (mode == IR_QUANT_ASYM) {
        float least = 0, most = 0;
        for (size_t i = 0; i < n; i++) {
            if (x[i] < least) least = x[i];
            if (x[i] > most) most = x[i];
        }
        scale = (most - least) / 255;
        empty = scale == 0;
        zero = (empty ? 0 : code_of(-least, scale, 0, 0, 255)) - 128;
        lo = -128; // the clamp of the unsigned code, less 128
    } else {
        lo = zero == 0 ? -127 : -128;
    }
    int32_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        int32_t code = empty ? 0 : code_of(x[i], scale, zero, lo, 127);
        codes[i] = (int8_t)code;
        sum += code;
    }
    *t = (q8_trailer){scale, zero, sum};
}

void q8_dequantise(float *x, const int8_t *codes, const q8_trailer *t, size_t n) {
    for (size_t i = 0; i < n; i++) x[i] = (float)((double)t->scale * (double)(codes[i] - t->zero));
}
