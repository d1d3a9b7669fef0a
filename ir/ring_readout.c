// What may be wrong with the read-out and the device of a ring: ranges, and facts that need others.
#include "ir/ring.h"
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

typedef struct rule {
    bool (*broken)(const ir_ring *x, const struct rule *r, char *text);
    ir_key key;
    size_t offset;
    int64_t lo, hi;
} rule;

static bool fault(char *text, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static bool fault(char *text, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, IR_RING_TEXT, fmt, ap);
    va_end(ap);
    return true;
}

static int64_t number(const ir_ring *x, const rule *r) {
    return *(const int64_t *)((const char *)x + r->offset);
}
static double real(const ir_ring *x, const rule *r) {
    return *(const double *)((const char *)x + r->offset);
}

// ---- kinds of rules --------------------------------------------------------------------------

// An integer in [lo, hi], or 0.
static bool levels(const ir_ring *x, const rule *r, char *text) {
    int64_t n = number(x, r);
    return n != 0 && (n < r->lo || n > r->hi) &&
           fault(text, "'%s' is %" PRId64 ", must be 0 (%s) or %" PRId64 " to %" PRId64,
                 ir_key_name(r->key), n, r->key == IR_ATTR_adc_bits ? "exact" : "continuous", r->lo,
                 r->hi);
}

static bool count(const ir_ring *x, const rule *r, char *text) {
    int64_t n = number(x, r);
    return (n < r->lo || n > r->hi) &&
           fault(text, "'%s' is %" PRId64 ", must be %" PRId64 " to %" PRId64, ir_key_name(r->key),
                 n, r->lo, r->hi);
}

// Numbers are used as f32. So large that one level of them is a number yet; chips say the same.
static bool positive(const ir_ring *x, const rule *r, char *text) {
    const float least = 1e-9f, v = (float)real(x, r);
    return !(v >= least && v < INFINITY) &&
           fault(text, "'%s' is %g, must be %g at least, and finite", ir_key_name(r->key),
                 real(x, r), (double)least);
}

static bool not_negative(const ir_ring *x, const rule *r, char *text) {
    float v = (float)real(x, r);
    return !(v >= 0 && v < INFINITY) &&
           fault(text, "'%s' is %g, must not be negative", ir_key_name(r->key), real(x, r));
}

static bool cell(const ir_ring *x, const rule *r, char *text) {
    if (x->cell.count < 1 || x->cell.count > IR_RING_TERMS)
        return fault(text, "'cell' has %zu coefficients, must have 1 to %d", x->cell.count,
                     IR_RING_TERMS);
    for (size_t i = 0; i < x->cell.count; i++)
        if (!(fabsf((float)x->cell.items[i]) < INFINITY))
            return fault(text, "coefficient %zu of 'cell' is %g, must be finite", i,
                         x->cell.items[i]);
    return false;
}

static bool slope(const ir_ring *x, const rule *r, char *text) {
    bool has = !isnan(real(x, r));
    const char *name = ir_key_name(r->key);
    if (has && !ir_ring_is_hard(x)) return fault(text, "'%s' belongs to act \"hardsigmoid\"", name);
    if (!has && ir_ring_is_hard(x)) return fault(text, "act \"hardsigmoid\" needs '%s'", name);
    return has && !(fabsf((float)real(x, r)) < INFINITY) &&
           fault(text, "'%s' must be finite", name);
}

static bool sink(const ir_ring *x, const rule *r, char *text) {
    return x->sink && ir_ring_is_hard(x) &&
           fault(text, "'sink' takes part in softmax, 'act' is \"hardsigmoid\"");
}

static bool converter(const ir_ring *x, const rule *r, char *text) {
    return x->adc_bits && !(x->q_levels && x->kv_levels) &&
           fault(text, "'adc_bits' needs 'q_levels' and 'kv_levels': real numbers have no range to "
                       "convert");
}

static bool score_tile(const ir_ring *x, const rule *r, char *text) {
    return (ir_ring_is_coarse(x) || x->sub_tile) && count(x, r, text);
}

// ---- the rules -------------------------------------------------------------------------------

enum { MAX_TILE = 1 << 24 };

#define OF(name) IR_ATTR_##name, offsetof(ir_ring, name)

static const rule of_charge[] = {
    {count, OF(sub_tile), 1, MAX_TILE}, {levels, OF(q_levels), 2, 65536},
    {levels, OF(kv_levels), 2, 256},    {levels, OF(out_levels), 2, 65536},
    {positive, OF(v_dd), 0, 0},         {positive, OF(s_sat), 0, 0},
    {positive, OF(o_sat), 0, 0},        {not_negative, OF(decay), 0, 0},
    {cell, IR_ATTR_cell, 0, 0, 0},
};

static const rule of_score[] = {
    {score_tile, OF(sub_tile), 1, MAX_TILE},
    // A query is signed: one level either side of 0 at least.
    {levels, OF(q_levels), 3, 65536},
    {levels, OF(kv_levels), 2, 65536},
    {levels, OF(p_levels), 2, 65536},
    {levels, OF(adc_bits), 1, 24},
    {converter, IR_ATTR_adc_bits, 0, 0, 0},
    {slope, OF(alpha), 0, 0},
    {slope, OF(beta), 0, 0},
    {sink, IR_ATTR_sink, 0, 0, 0},
};

bool ir_ring_fault(const ir_ring *x, int *at, char text[IR_RING_TEXT]) {
    const bool charge = ir_ring_is_charge(x);
    const rule *rules = charge ? of_charge : of_score;
    const int n = charge ? (int)ARRAY_LEN(of_charge) : (int)ARRAY_LEN(of_score);
    while (*at < n) {
        const rule *r = &rules[(*at)++];
        if (r->broken(x, r, text)) return true;
    }
    int fact = *at - n;
    bool found = ir_ring_fact_fault(x, &fact, text);
    *at = n + fact;
    return found;
}

bool ir_ring_of_operation(const ir_attrs *l, ir_readout readout, ir_ring *r,
                          char why[IR_RING_TEXT]) {
    int at = 0;
    bool words = ir_ring_read(l, r, why);
    r->readout = readout;
    return words && !ir_ring_fault(r, &at, why);
}
