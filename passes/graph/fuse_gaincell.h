// Attention on gain cells that a model spells out in standard operators: found as one operation.
//
// fuse_gaincell.c follows the structure; fuse_gaincell_meaning.c proves what its constants say. A
// function bound to few tokens cannot tell a window of 128 from one of 256, so all functions of a
// module are looked at before any is rewritten: the one with most tokens says what the attention
// is, the others must agree in every constant.
#ifndef OHMIC_PASSES_GRAPH_FUSE_GAINCELL_H
#define OHMIC_PASSES_GRAPH_FUSE_GAINCELL_H

#include "ir/ring.h"
#include "passes/rewrite/emitter.h"

enum { GAINCELL_FACTORS = 6, GAINCELL_SCALINGS = 8 };

// A constant over [tiles, rows, keys]: element (tile, q, k) at tile*tile_step + ...; 0: the same
// for all.
typedef struct {
    const tensor *t;
    int64_t tile_step, row_step, key_step;
} gaincell_table;

// One power of a series, and the factors that stand with it.
typedef struct {
    int exponent;
    double scale; // product of the factors that are one number
    int n;
    gaincell_table table[GAINCELL_FACTORS];
} gaincell_term;

typedef struct {
    int n;
    gaincell_term term[IR_RING_TERMS];
} gaincell_series;

typedef struct {
    ir_val root, operand[3]; // q, k, v [B,H,T,d]
    const tensor
        *scaling[GAINCELL_SCALINGS]; // a_q b_q ... b_o, one number or one a head; NULL: 1, 0
    int64_t heads, rows, d, tiles;
    int tile_axis; // of pulses and charges, counted from the right; -1: no such axis
    gaincell_series scores, values;
    int n_masks; // on scores, over [rows, keys]: 0 hides; where `shows_zero`, all else hides
    gaincell_table mask[GAINCELL_FACTORS];
    bool shows_zero[GAINCELL_FACTORS];
    int64_t q_levels, kv_levels, out_levels;
    double v_dd, s_sat, o_sat;
    bool saturate_scores, saturate_outputs;
    uint32_t *ops; // matched operations of the function
    size_t n_ops;
    ir_attrs attrs; // of nn.gaincell, once its meaning is known
} gaincell_site;

typedef struct {
    size_t n;
    gaincell_site *items; // in the order of their roots
} gaincell_sites;

// What a function spells out; in `a`.
gaincell_sites gaincell_find(const ir_module *m, const ir_func *f, arena *a);

// Sites of every function of a module, by index, with their attributes; sites that the functions
// do not agree on are gone. note: what could not be told, for the summary; NULL: nothing.
typedef struct {
    gaincell_sites *of;
    const char *note;
} gaincell_plan;
gaincell_plan gaincell_plan_make(const ir_module *m, arena *a);
// The site whose root an operation makes; NULL: none.
const gaincell_site *gaincell_at(const gaincell_sites *s, const ir_op *op);

#endif
