// What the ir_infer_* functions share. Internal to ir/.
//
// Every function that returns bool reports before it returns false. `c` is always the context of
// the operation being inferred; operands are counted from 0 here and from 1 in messages.
#ifndef OHMIC_IR_INFER_COMMON_H
#define OHMIC_IR_INFER_COMMON_H

#include "ir/infer/infer.h"
#include "ir/ring.h"

// Elements a value (or a row of one) may have: what fits memory, and products of it fit int64_t.
#define IR_MAX_ELEMENTS ((int64_t)1 << 47)

// Reports against the operation: "'t.add': ..."; returns false.
bool infer_error(ir_infer_ctx *c, diag_id id, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
// The same for operand i: "'t.add': operand 2 (f32[3]) ...".
bool infer_operand_error(ir_infer_ctx *c, size_t i, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

// ---- operands

bool infer_has(const ir_infer_ctx *c, size_t i); // operand i is given and present
bool infer_is_token(const ir_type *t);
bool infer_plain(ir_infer_ctx *c); // no operand may be token-typed
bool infer_rank(ir_infer_ctx *c, size_t i, int lo, int hi);
bool infer_same_elem(ir_infer_ctx *c, size_t i, size_t j);
bool infer_float(ir_infer_ctx *c, size_t i);
bool infer_number(ir_infer_ctx *c, size_t i);  // float or integer: not bool, not q8
bool infer_integer(ir_infer_ctx *c, size_t i); // signed or unsigned
bool infer_index(ir_infer_ctx *c, size_t i);   // i32 or i64
bool infer_elem(ir_infer_ctx *c, size_t i, elem e);
// Operand i has exactly the given plain shape.
bool infer_shape(ir_infer_ctx *c, size_t i, int rank, const int64_t *dim);
// Operand i is a row of a token domain, [tN] (width 1) or [tN, W]; *width gets W.
bool infer_rows(ir_infer_ctx *c, size_t i, int64_t *width);
bool infer_same_domain(ir_infer_ctx *c, size_t i, size_t j);
// Operand 1, where it is given, is the largest |element| of each row that operand 0 is part of:
// f32[T,1], and attribute `how` is sym.
bool infer_most(ir_infer_ctx *c, ir_key how);

// ---- attributes

// An integer attribute in [lo, hi]; absent: `otherwise`, unchecked.
bool infer_int(ir_infer_ctx *c, ir_key k, int64_t lo, int64_t hi, int64_t otherwise, int64_t *out);
bool infer_flag(ir_infer_ctx *c, ir_key k, bool *out); // 0 or 1; absent: 0
// `axis` in [0, rank) that is no token axis.
bool infer_axis(ir_infer_ctx *c, const ir_type *t, int *axis);
// A string attribute that is a word of e; absent is fine.
bool infer_word(ir_infer_ctx *c, ir_key k, ir_enum e);
// It is there, and is the word of that value.
bool infer_is_word(const ir_infer_ctx *c, ir_key k, ir_enum e, int value);
// A list of exactly n integers.
bool infer_ints(ir_infer_ctx *c, ir_key k, size_t n, const int64_t **out);
// A symbol of the given kind; NULL reported.
const ir_symbol *infer_symbol(ir_infer_ctx *c, const char *name, ir_symbol_kind kind);
const ir_symbol *infer_symbol_attr(ir_infer_ctx *c, ir_key k, ir_symbol_kind kind);

// ---- shapes

// numpy broadcasting of the operands [first, last) into *out (element type untouched). Where one is
// token-typed the domain is the result's axis 0 and the other axes broadcast among themselves; a
// plain operand broadcasts against the row.
bool infer_broadcast(ir_infer_ctx *c, size_t first, size_t last, ir_type *out);
// `from` broadcasts to exactly `to`, by the same rules.
bool infer_broadcasts_to(const ir_type *from, const ir_type *to);

// ---- domains

// A table read by the position of a row has enough rows (free domains, where max_tokens tells).
bool infer_positions(ir_infer_ctx *c, int domain, int64_t rows);
// The declared result is [tN, width] of type e. Operations that give another domain need it.
bool infer_declared_rows(ir_infer_ctx *c, elem e, int64_t width);

// ---- rings and groups

// The ring of attribute `ring`, whose sizes may be multiplied; NULL: reported.
const ir_ring *infer_ring(ir_infer_ctx *c);
const ir_ring *infer_score_ring(ir_infer_ctx *c); // one whose scores can leave
// Attributes of activation or, on the charge side, of the cells.
bool infer_readout(ir_infer_ctx *c, ir_readout readout);
typedef struct {
    int64_t k, n; // of the block
} infer_group;
bool infer_group_attr(ir_infer_ctx *c, infer_group *g);

// ---- functions of fn.def

bool infer_is_fn1(const char *name);
bool infer_is_fn2(const char *name);

#endif
