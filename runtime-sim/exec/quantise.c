// Quantisation of one row to int8 codes and a trailer (docs/numerics.md: sym, asym, static).
#include "runtime-sim/exec/rows.h"
#include "runtime-sim/exec/vectors.h"
#include "support/num/num.h"

static int32_t encode(int8_t *codes, const float *x, size_t n, float scale, float zero, float lo,
                      float hi) {
    return sim_vectors_on(simd_best())->encode(codes, x, n, scale, zero, lo, hi);
}

// Largest code of `bits`, around 0.
static float top_of(int bits) { return (float)((1 << (bits - 1)) - 1); }

sim_trailer sim_quantise_within(float most, int bits, const float *x, size_t n, int8_t *codes) {
    sim_trailer t = {0};
    const float top = top_of(bits);
    if (most > 0) {
        t.scale = most / top;
        t.sum = encode(codes, x, n, t.scale, 0, -top, top);
    } else {
        memset(codes, 0, n);
    }
    return t;
}

sim_trailer sim_quantise(isa_quant how, float scale, int32_t zero, int bits, const float *x,
                         size_t n, int8_t *codes) {
    sim_trailer t = {scale, zero, 0};
    const float top = top_of(bits);
    switch (how) {
    case ISA_QUANT_NONE: // a q8 buffer that no conversion writes: symmetric is the safe reading
    case ISA_QUANT_SYM:
        return sim_quantise_within(sim_vectors_on(simd_best())->absmax(x, n), bits, x, n, codes);
    case ISA_QUANT_ASYM: {
        float lo = 0, hi = 0;
        for (size_t i = 0; i < n; i++) {
            lo = x[i] < lo ? x[i] : lo;
            hi = x[i] > hi ? x[i] : hi;
        }
        t.scale = (hi - lo) / 255.0f;
        t.zero = -128;
        if (t.scale == 0) break;
        float zu = num_rint(-lo / t.scale);
        zu = zu < 0 ? 0 : zu;
        zu = zu > 255 ? 255 : zu;
        t.zero = (zu == zu ? (int32_t)zu : 0) - 128;
        // cu = clamp(rint + zu, 0, 255) and code = cu - 128 are one clamp: all steps are integers
        // below 2^24, or saturate
        t.sum = encode(codes, x, n, t.scale, (float)t.zero, -128, 127);
        return t;
    }
    case ISA_QUANT_STATIC:
        t.sum =
            encode(codes, x, n, scale, (float)zero, zero == 0 ? -top : -128, zero == 0 ? top : 127);
        return t;
    }
    memset(codes, 0, n);
    return t;
}
