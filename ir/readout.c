// Attributes of read-out; see readout.h.
#include "ir/readout.h"
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct rule {
    bool (*broken)(const ir_attrs *l, const struct rule *r, char *text);
    ir_key key;
    int64_t lo, hi;
    const char *words; // of a choice
} rule;

static bool fault(char *text, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static bool fault(char *text, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, READOUT_TEXT, fmt, ap);
    va_end(ap);
    return true;
}

// ---- kinds of rules --------------------------------------------------------------------------

// An integer in [lo, hi], or 0.
static bool levels(const ir_attrs *l, const rule *r, char *text) {
    int64_t n = ir_attr_int(l, r->key, 0);
    return n != 0 && (n < r->lo || n > r->hi) &&
           fault(text, "'%s' is %" PRId64 ", must be 0 (%s) or %" PRId64 " to %" PRId64,
                 ir_key_name(r->key), n, r->key == IR_ATTR_adc_bits ? "exact" : "continuous", r->lo,
                 r->hi);
}

static bool count(const ir_attrs *l, const rule *r, char *text) {
    int64_t n = ir_attr_int(l, r->key, 0);
    return (n < r->lo || n > r->hi) &&
           fault(text, "'%s' is %" PRId64 ", must be %" PRId64 " to %" PRId64, ir_key_name(r->key),
                 n, r->lo, r->hi);
}

// Numbers are used as f32.
static bool positive(const ir_attrs *l, const rule *r, char *text) {
    float x = (float)ir_attr_float(l, r->key, 0);
    return !(x > 0 && x < INFINITY) && fault(text, "'%s' is %g, must be positive",
                                             ir_key_name(r->key), ir_attr_float(l, r->key, 0));
}

static bool not_negative(const ir_attrs *l, const rule *r, char *text) {
    float x = (float)ir_attr_float(l, r->key, 0);
    return !(x >= 0 && x < INFINITY) && fault(text, "'%s' is %g, must not be negative",
                                              ir_key_name(r->key), ir_attr_float(l, r->key, 0));
}

static bool choice(const ir_attrs *l, const rule *r, char *text) {
    const char *s = ir_attr_str(l, r->key, NULL);
    size_t n = s ? strlen(s) : 0;
    if (!s) return false;
    for (const char *w = r->words; w; w = strchr(w, ' '), w = w ? w + 1 : NULL)
        if (strncmp(w, s, n) == 0 && (w[n] == ' ' || w[n] == 0) && n) return false;
    return fault(text, "'%s' is \"%.40s\", must be one of: %s", ir_key_name(r->key), s, r->words);
}

static bool cell(const ir_attrs *l, const rule *r, char *text) {
    size_t n;
    const double *p = ir_attr_floats(l, r->key, &n);
    if (n < 1 || n > READOUT_MAX_TERMS)
        return fault(text, "'cell' has %zu coefficients, must have 1 to %d", n, READOUT_MAX_TERMS);
    for (size_t i = 0; i < n; i++)
        if (!(fabsf((float)p[i]) < INFINITY))
            return fault(text, "coefficient %zu of 'cell' is %g, must be finite", i, p[i]);
    return false;
}

// An attribute of the other read-out may stand there, but must say nothing.
static bool foreign(const ir_attrs *l, const rule *r, char *text) {
    bool says = ir_attr_has(l, r->key);
    switch (ir_key_kind(r->key)) {
    case IR_INT: says = ir_attr_int(l, r->key, 0) != 0; break;
    case IR_FLOAT: {
        double neutral = r->key == IR_ATTR_scale;
        says = ir_attr_float(l, r->key, neutral) != neutral;
        break;
    }
    case IR_STR: says = says && strcmp(ir_attr_str(l, r->key, ""), r->words) != 0; break;
    default: break;
    }
    return says && fault(text, "'%s' means nothing to %s read-out", ir_key_name(r->key),
                         readout_is_charge(l) ? "charge" : "score");
}

static bool is_hard(const ir_attrs *l) {
    return strcmp(ir_attr_str(l, IR_ATTR_act, "softmax"), "hardsigmoid") == 0;
}

static bool slope(const ir_attrs *l, const rule *r, char *text) {
    bool has = ir_attr_has(l, r->key);
    const char *name = ir_key_name(r->key);
    if (has && !is_hard(l)) return fault(text, "'%s' belongs to act \"hardsigmoid\"", name);
    if (!has && is_hard(l)) return fault(text, "act \"hardsigmoid\" needs '%s'", name);
    return has && !(fabsf((float)ir_attr_float(l, r->key, 0)) < INFINITY) &&
           fault(text, "'%s' must be finite", name);
}

static bool sink(const ir_attrs *l, const rule *r, char *text) {
    return ir_attr_has(l, r->key) && is_hard(l) &&
           fault(text, "'sink' takes part in softmax, 'act' is \"hardsigmoid\"");
}

static bool converter(const ir_attrs *l, const rule *r, char *text) {
    bool known = ir_attr_int(l, IR_ATTR_q_levels, 0) && ir_attr_int(l, IR_ATTR_kv_levels, 0);
    return ir_attr_int(l, r->key, 0) && !known &&
           fault(text, "'adc_bits' needs 'q_levels' and 'kv_levels': real numbers have no range to "
                       "convert");
}

static bool score_tile(const ir_attrs *l, const rule *r, char *text) {
    static const ir_key keys[] = {IR_ATTR_q_levels, IR_ATTR_kv_levels, IR_ATTR_p_levels,
                                  IR_ATTR_adc_bits};
    bool quantised = false;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) quantised |= ir_attr_int(l, keys[i], 0) != 0;
    return (quantised || ir_attr_has(l, r->key)) && count(l, r, text);
}

// ---- the rules -------------------------------------------------------------------------------

enum { MAX_TILE = 1 << 24 };

static const rule of_charge[] = {
    {count, IR_ATTR_sub_tile, 1, MAX_TILE, NULL},
    {levels, IR_ATTR_q_levels, 2, 65536, NULL},
    {levels, IR_ATTR_kv_levels, 2, 256, NULL},
    {levels, IR_ATTR_out_levels, 2, 65536, NULL},
    {positive, IR_ATTR_v_dd, 0, 0, NULL},
    {positive, IR_ATTR_s_sat, 0, 0, NULL},
    {positive, IR_ATTR_o_sat, 0, 0, NULL},
    {not_negative, IR_ATTR_decay, 0, 0, NULL},
    {choice, IR_ATTR_saturate, 0, 0, "none scores outputs both"},
    {choice, IR_ATTR_decay_form, 0, 0, "power product"},
    {cell, IR_ATTR_cell, 0, 0, NULL},
    {foreign, IR_ATTR_scale, 0, 0, NULL},
    {foreign, IR_ATTR_softcap, 0, 0, NULL},
    {foreign, IR_ATTR_bias, 0, 0, "none"},
    {foreign, IR_ATTR_act, 0, 0, "softmax"},
    {foreign, IR_ATTR_alpha, 0, 0, NULL},
    {foreign, IR_ATTR_beta, 0, 0, NULL},
    {foreign, IR_ATTR_sink, 0, 0, NULL},
    {foreign, IR_ATTR_p_levels, 0, 0, NULL},
    {foreign, IR_ATTR_adc_bits, 0, 0, NULL},
};

static const rule of_score[] = {
    {score_tile, IR_ATTR_sub_tile, 1, MAX_TILE, NULL},
    // A query is signed: one level either side of 0 at least.
    {levels, IR_ATTR_q_levels, 3, 65536, NULL},
    {levels, IR_ATTR_kv_levels, 2, 65536, NULL},
    {levels, IR_ATTR_p_levels, 2, 65536, NULL},
    {levels, IR_ATTR_adc_bits, 1, 24, NULL},
    {converter, IR_ATTR_adc_bits, 0, 0, NULL},
    {choice, IR_ATTR_act, 0, 0, "softmax hardsigmoid"},
    {slope, IR_ATTR_alpha, 0, 0, NULL},
    {slope, IR_ATTR_beta, 0, 0, NULL},
    {sink, IR_ATTR_sink, 0, 0, NULL},
    {foreign, IR_ATTR_out_levels, 0, 0, NULL},
    {foreign, IR_ATTR_saturate, 0, 0, "none"},
    {foreign, IR_ATTR_decay_form, 0, 0, "power"},
    {foreign, IR_ATTR_v_dd, 0, 0, NULL},
    {foreign, IR_ATTR_s_sat, 0, 0, NULL},
    {foreign, IR_ATTR_o_sat, 0, 0, NULL},
    {foreign, IR_ATTR_decay, 0, 0, NULL},
    {foreign, IR_ATTR_cell, 0, 0, NULL},
    {foreign, IR_ATTR_scalings, 0, 0, NULL},
};

bool readout_is_charge(const ir_attrs *l) {
    return strcmp(ir_attr_str(l, IR_ATTR_readout, "score"), "charge") == 0;
}

bool readout_fault(const ir_attrs *l, bool charge, int *at, char text[READOUT_TEXT]) {
    const rule *rules = charge ? of_charge : of_score;
    int n = charge ? (int)ARRAY_LEN(of_charge) : (int)ARRAY_LEN(of_score);
    while (*at < n) {
        const rule *r = &rules[(*at)++];
        if (r->broken(l, r, text)) return true;
    }
    return false;
}
