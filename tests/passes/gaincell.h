// Attention on gain cells spelled out in standard operators, as functions of plain tensors: the
// body of ohmic.GainCellAttention, other spellings of it, and things that only look like it.
#ifndef OHMIC_TESTS_PASSES_GAINCELL_H
#define OHMIC_TESTS_PASSES_GAINCELL_H

#include "ir/ir.h"
#include <math.h>
#include <string.h>

enum { GC_HEADS = 2, GC_WIDTH = 3, GC_TERMS = 4 };

// Other spellings.
enum {
    GC_RECIPROCAL = 1,       // x * (1/step) for x / step
    GC_MIN_MAX = 2,          // Min(Max(x, lo), hi) for Clip
    GC_MASK_AFTER = 4,       // pulses times 0 or 1 for Where on scores
    GC_POW = 8,              // Pow(u, 2), Pow(u, 3)
    GC_NO_SCALINGS = 16,     // neither a nor b anywhere
    GC_TILES_FIRST = 32,     // sub-tiles in front of the heads
    GC_CONTINUOUS = 64,      // no quantisers
    GC_UNSATURATED = 128,    // Relu for the clip of pulses, nothing for that of charges
    GC_PRODUCT = 256,        // D for every power, the zeroth too
    GC_OUTER_FACTOR = 512,   // p_i inside of the products with values
    GC_WHERE_OWNED = 1024,   // Where(owned, pulses, 0)
    GC_PER_COLUMN = 2048,    // q is scaled column by column
    GC_SCALED_SERIES = 4096, // the series of scores twice what the values' is
    GC_WHERE_OTHER = 8192,   // Where(hidden, 0, scores)
};
// One thing that is wrong.
typedef enum {
    GC_RIGHT,
    GC_SEES_FUTURE,  // one key too many
    GC_BLIND,        // one key too few
    GC_MISPLACED,    // one key in another sub-tile
    GC_IN_BOTH,      // one key in both
    GC_DECAY,        // one entry of a table
    GC_CELL,         // another coefficient for values than for keys
    GC_MIDDLE,       // not half of v_dd
    GC_STEP,         // no whole number of levels
    GC_LEVELS,       // other levels for values than for keys
    GC_LONG_PULSE,   // queries up to 2
    GC_WIDE_CLIP,    // charges up to 2
    GC_HEAD_TABLE,   // a decay for every head
    GC_LATE_SUM,     // sub-tiles added before they are read
    GC_OTHER_VALUES, // a power of the keys among those of the values
    GC_QUARTER,      // a mask of 0 and 0.25
    GC_WRONGS
} gc_wrong;

typedef struct {
    int64_t tokens, window, sub_tile;
    unsigned spelling;
    gc_wrong wrong;
    int64_t wrong_tokens; // only in the function of so many tokens; 0: everywhere
} gc_model;

static const float gc_cell[GC_TERMS] = {0.5f, 13, -2.5f, 46};
static const float gc_decay = 1e-3f, gc_v_dd = 0.9f, gc_s_sat = 20, gc_o_sat = 15;

typedef struct {
    ir_module *m;
    ir_func *f;
    const gc_model *o;
    gc_wrong wrong;
} gc_builder;

static inline bool gc_has(const gc_builder *b, unsigned spelling) {
    return (b->o->spelling & spelling) != 0;
}

static inline ir_val gc_op(gc_builder *b, ir_opcode code, ir_val x, ir_val y) {
    diag_sink *d = diag_sink_new();
    ir_val v = ir_build(b->m, b->f, code, (ir_val[]){x, y}, y ? 2 : 1, NULL, NULL, d);
    if (v == IR_NONE) diag_print(d, 0, stderr, false);
    diag_sink_free(d);
    return v;
}
static inline ir_val gc_tensor(gc_builder *b, tensor t) {
    return ir_build_const(b->m, b->f, "c", t);
}
static inline ir_val gc_number(gc_builder *b, double v) {
    tensor t = tensor_new(b->m->arena, ELEM_f32, 0, NULL);
    *(float *)t.data = (float)v;
    return gc_tensor(b, t);
}
static inline ir_val gc_mul(gc_builder *b, ir_val x, double v) {
    return gc_op(b, IR_t_mul, x, gc_number(b, v));
}
static inline ir_val gc_div(gc_builder *b, ir_val x, float v) {
    return gc_has(b, GC_RECIPROCAL) ? gc_mul(b, x, 1 / v) : gc_op(b, IR_t_div, x, gc_number(b, v));
}
static inline ir_val gc_reshape(gc_builder *b, ir_val x, int rank, const int64_t *dim) {
    ir_type t = ir_type_make(ir_type_of(b->f, x)->type, rank, dim);
    return ir_build_typed(b->m, b->f, IR_t_reshape, &x, 1, NULL, &t, NULL);
}
static inline ir_val gc_clip(gc_builder *b, ir_val x, double lo, double hi) {
    if (gc_has(b, GC_MIN_MAX))
        return gc_op(b, IR_t_min, gc_op(b, IR_t_max, x, gc_number(b, lo)), gc_number(b, hi));
    ir_attrs a = {0};
    ir_attr_set_float(b->m->arena, &a, IR_ATTR_lo, lo);
    ir_attr_set_float(b->m->arena, &a, IR_ATTR_hi, hi);
    return ir_build(b->m, b->f, IR_t_clip, &x, 1, &a, NULL, NULL);
}
static inline ir_val gc_sum(gc_builder *b, ir_val x, int axis) {
    ir_attrs a = {0};
    ir_attr_set_str(b->m->arena, &a, IR_ATTR_fn, "sum");
    ir_attr_set_ints(b->m->arena, &a, IR_ATTR_axes, (int64_t[]){axis}, 1);
    ir_attr_set_int(b->m->arena, &a, IR_ATTR_keepdims, 1);
    return ir_build(b->m, b->f, IR_t_reduce, &x, 1, &a, NULL, NULL);
}
static inline ir_val gc_rounded(gc_builder *b, ir_val x, float step) {
    if (gc_has(b, GC_CONTINUOUS)) return x;
    return gc_mul(b, gc_op(b, IR_t_round, gc_div(b, x, step), IR_NONE), step);
}

// [1,H,1,1] (or of one column each): seed + h.
static inline ir_val gc_per_head(gc_builder *b, double first, double more, bool columns) {
    int64_t dim[4] = {1, GC_HEADS, 1, columns ? GC_WIDTH : 1};
    tensor t = tensor_new(b->m->arena, ELEM_f32, 4, dim);
    for (int64_t i = 0, n = GC_HEADS * dim[3]; i < n; i++)
        ((float *)t.data)[i] = (float)(first + more * (double)i);
    return gc_tensor(b, t);
}
static const double gc_scaling[8] = {0.3, 0.1, 0.25, 0.4, 0.2, 0.45, 1.5, -0.125};
static inline ir_val gc_affine(gc_builder *b, ir_val x, int which) {
    bool columns = which == 0 && gc_has(b, GC_PER_COLUMN);
    if (gc_has(b, GC_NO_SCALINGS)) return x;
    x = gc_op(b, IR_t_mul, gc_per_head(b, gc_scaling[2 * which], 0.125, columns), x);
    return gc_op(b, IR_t_add, x, gc_per_head(b, gc_scaling[2 * which + 1], 0.0625, false));
}

// [tokens, tokens] (a table over rows and keys, `kind`: power of D, or -1: the mask).
static inline tensor gc_table(gc_builder *b, int power, double factor) {
    int64_t n = b->o->tokens;
    tensor t = tensor_new(b->m->arena, power < 0 ? ELEM_bool : ELEM_f32, 2, (int64_t[]){n, n});
    for (int64_t q = 0; q < n; q++)
        for (int64_t k = 0; k < n; k++) {
            int64_t age = q - k;
            size_t at = (size_t)(q * n + k);
            if (power < 0) {
                ((uint8_t *)t.data)[at] = age >= 0 && age < b->o->window;
            } else {
                float d = (float)exp((double)((float)(age > 0 ? age : 0) * -gc_decay));
                float p = 1;
                for (int i = 0; i < power; i++) p = i ? p * d : d;
                ((float *)t.data)[at] = (float)((double)p * factor);
            }
        }
    if (power < 0 && b->wrong == GC_SEES_FUTURE) ((uint8_t *)t.data)[2 * n + 3] = 1;
    if (power < 0 && b->wrong == GC_BLIND) ((uint8_t *)t.data)[3 * n + 2] = 0;
    if (power == 2 && b->wrong == GC_DECAY) ((float *)t.data)[3 * n + 1] *= 1.0001f;
    return t;
}

static inline tensor gc_owned(gc_builder *b) {
    int64_t n = b->o->tokens, tiles = b->o->window / b->o->sub_tile;
    bool first = gc_has(b, GC_TILES_FIRST), where = gc_has(b, GC_WHERE_OWNED);
    int64_t dim[4] = {tiles, 1, 1, n};
    tensor t = tensor_new(b->m->arena, where ? ELEM_bool : ELEM_f32, first ? 4 : 3,
                          first ? dim : (int64_t[]){tiles, 1, n});
    for (int64_t i = 0; i < tiles; i++)
        for (int64_t k = 0; k < n; k++) {
            bool own = k % b->o->window / b->o->sub_tile == i;
            if (k == 1 && b->wrong == GC_MISPLACED) own = i == 1;
            if (k == 1 && b->wrong == GC_IN_BOTH) own = true;
            elem_store_f64(t.type, t.data, (size_t)(i * n + k), own);
        }
    return t;
}

static inline void gc_powers(gc_builder *b, ir_val u, ir_val *p) {
    p[1] = u;
    for (int i = 2; i < GC_TERMS; i++)
        p[i] = gc_has(b, GC_POW) ? gc_op(b, IR_t_pow, u, gc_number(b, i))
                                 : gc_op(b, IR_t_mul, p[i - 1], u);
}

static inline ir_val gc_deviation(gc_builder *b, ir_val x, int which) {
    float step = gc_v_dd / 7;
    if (b->wrong == GC_STEP) step = gc_v_dd / 6.25f;
    if (b->wrong == GC_LEVELS && which == 2) step = gc_v_dd / 15;
    x = gc_rounded(b, gc_clip(b, gc_affine(b, x, which), 0, (double)gc_v_dd), step);
    return gc_op(b, IR_t_sub, x,
                 gc_number(b, (double)gc_v_dd * (b->wrong == GC_MIDDLE ? 0.4 : 0.5)));
}

static inline ir_val gc_scores(gc_builder *b, ir_val q, const ir_val *k) {
    double twice = gc_has(b, GC_SCALED_SERIES) ? 2 : 1;
    bool product = gc_has(b, GC_PRODUCT);
    ir_val s = gc_op(b, IR_t_mul, gc_number(b, twice * (double)gc_cell[0]), gc_sum(b, q, 3));
    if (product) s = gc_op(b, IR_t_mul, s, gc_tensor(b, gc_table(b, 1, 1)));
    for (int i = 1; i < GC_TERMS; i++) {
        tensor t = gc_table(b, product ? 1 : i, twice * (double)gc_cell[i]);
        if (b->wrong == GC_HEAD_TABLE && i == 1) {
            tensor heads =
                tensor_new(b->m->arena, ELEM_f32, 3, (int64_t[]){GC_HEADS, t.dim[0], t.dim[1]});
            for (int h = 0; h < GC_HEADS; h++)
                memcpy((char *)heads.data + (size_t)h * tensor_bytes(&t), t.data, tensor_bytes(&t));
            ((float *)heads.data)[2] += 1; // a hidden entry: only the shape is wrong
            t = heads;
        }
        ir_val y = gc_op(b, IR_t_mul, gc_tensor(b, t), gc_op(b, IR_t_matmul, q, k[i]));
        s = gc_op(b, IR_t_add, s, y);
    }
    return s;
}

static inline ir_val gc_pulses(gc_builder *b, ir_val s) {
    tensor shown = gc_table(b, -1, 1);
    ir_val zero = gc_number(b, 0), mask = gc_tensor(b, shown);
    if (gc_has(b, GC_WHERE_OTHER)) {
        tensor hidden = tensor_copy(b->m->arena, &shown);
        for (size_t i = 0; i < tensor_count(&hidden); i++) ((uint8_t *)hidden.data)[i] ^= 1;
        s = ir_build(b->m, b->f, IR_t_select, (ir_val[]){gc_tensor(b, hidden), zero, s}, 3, NULL,
                     NULL, NULL);
    } else if (!gc_has(b, GC_MASK_AFTER) && b->wrong != GC_QUARTER) {
        s = ir_build(b->m, b->f, IR_t_select, (ir_val[]){mask, s, zero}, 3, NULL, NULL, NULL);
    }
    s = gc_div(b, s, gc_s_sat * (gc_has(b, GC_SCALED_SERIES) ? 2 : 1));
    s = gc_has(b, GC_UNSATURATED) ? gc_op(b, IR_t_relu, s, IR_NONE) : gc_clip(b, s, 0, 1);
    if (!gc_has(b, GC_MASK_AFTER) && b->wrong != GC_QUARTER) return s;
    tensor m = tensor_cast(b->m->arena, &shown, ELEM_f32);
    for (size_t i = 0; b->wrong == GC_QUARTER && i < tensor_count(&m); i++)
        ((float *)m.data)[i] *= 0.25f;
    return gc_op(b, IR_t_mul, s, gc_tensor(b, m));
}

static inline ir_val gc_charges(gc_builder *b, ir_val pulses, const ir_val *v, const ir_val *k) {
    bool product = gc_has(b, GC_PRODUCT), inner = gc_has(b, GC_OUTER_FACTOR);
    ir_val c = IR_NONE;
    for (int i = 0; i < GC_TERMS; i++) {
        double p = (double)gc_cell[i];
        if (b->wrong == GC_CELL && i == 2) p *= 1.001;
        ir_val x = pulses, y;
        if (i || product)
            x = gc_op(b, IR_t_mul, x, gc_tensor(b, gc_table(b, product ? 1 : i, inner ? p : 1)));
        else if (inner)
            x = gc_mul(b, x, p);
        if (i == 0) {
            y = gc_sum(b, x, ir_type_of(b->f, x)->rank - 1);
        } else {
            bool odd = b->wrong == GC_OTHER_VALUES && i == 2;
            y = gc_op(b, IR_t_matmul, x, odd ? k[i] : v[i]);
        }
        if (!inner) y = gc_op(b, IR_t_mul, gc_number(b, p), y);
        c = c == IR_NONE ? y : gc_op(b, IR_t_add, c, y);
    }
    return c;
}

// Adds function `name` (probe of the same name) to the module: q, k, v -> y.
static inline void gc_func(ir_module *m, const char *name, const gc_model *o) {
    gc_builder x = {m, ir_func_add(m, name), o, o->wrong}, *b = &x;
    if (o->wrong_tokens && o->wrong_tokens != o->tokens) x.wrong = GC_RIGHT;
    ir_attr_set_str(m->arena, &b->f->attrs, IR_ATTR_probe, name);
    ir_attr_set_int(m->arena, &b->f->attrs, IR_ATTR_tokens, o->tokens);
    int64_t n = o->tokens, tiles = o->window / o->sub_tile;
    ir_type type = ir_type_make(ELEM_f32, 4, (int64_t[]){1, GC_HEADS, n, GC_WIDTH});
    ir_val q = ir_param_add(m, b->f, "q", type), k = ir_param_add(m, b->f, "k", type),
           v = ir_param_add(m, b->f, "v", type);
    q = gc_clip(b, gc_affine(b, q, 0), 0, x.wrong == GC_LONG_PULSE ? 2 : 1);
    q = gc_rounded(b, q, 1.0f / 15);
    k = gc_deviation(b, k, 1);
    v = gc_deviation(b, v, 2);
    ir_attrs swap = {0};
    ir_attr_set_ints(m->arena, &swap, IR_ATTR_perm, (int64_t[]){0, 1, 3, 2}, 4);
    ir_val kt = ir_build(m, b->f, IR_t_transpose, &k, 1, &swap, NULL, NULL), kp[GC_TERMS],
           vp[GC_TERMS], kv[GC_TERMS];
    gc_powers(b, kt, kp);
    ir_val p = gc_pulses(b, gc_scores(b, q, kp));
    bool first = gc_has(b, GC_TILES_FIRST), apart = tiles > 1;
    int64_t pulses[2][5] = {{1, GC_HEADS, 1, n, n}, {1, 1, GC_HEADS, n, n}};
    int64_t values[2][5] = {{1, GC_HEADS, 1, n, GC_WIDTH}, {1, 1, GC_HEADS, n, GC_WIDTH}};
    if (apart) {
        p = gc_reshape(b, p, 5, pulses[first]);
        ir_val owned = gc_tensor(b, gc_owned(b));
        p = gc_has(b, GC_WHERE_OWNED)
                ? ir_build(m, b->f, IR_t_select, (ir_val[]){owned, p, gc_number(b, 0)}, 3, NULL,
                           NULL, NULL)
                : gc_op(b, IR_t_mul, p, owned);
        v = gc_reshape(b, v, 5, values[first]);
        k = gc_reshape(b, k, 5, values[first]);
    }
    gc_powers(b, v, vp);
    gc_powers(b, k, kv);
    ir_val c = gc_div(b, gc_charges(b, p, vp, kv), gc_o_sat);
    int axis = first ? 1 : 2;
    if (x.wrong == GC_LATE_SUM) c = gc_sum(b, c, axis);
    if (!gc_has(b, GC_UNSATURATED))
        c = x.wrong == GC_WIDE_CLIP ? gc_clip(b, c, -2, 2) : gc_clip(b, c, -1, 1);
    c = gc_rounded(b, c, 2.0f / 31);
    if (apart && x.wrong != GC_LATE_SUM) c = gc_sum(b, c, axis);
    if (apart) c = gc_reshape(b, c, 4, type.dim);
    ir_result_add(m, b->f, "y", gc_affine(b, c, 3));
}

#endif
