// Checks of operands and attributes that many ir_infer_* functions need. See common.h.
#include "ir/infer/common.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

// ---- reporting

bool infer_error(ir_infer_ctx *c, diag_id id, const char *fmt, ...) {
    arena *a = arena_new();
    va_list ap;
    va_start(ap, fmt);
    diag_emit(c->diags, id, c->loc, "'%s': %s", ir_ops[c->op->code].name,
              arena_vprintf(a, fmt, ap));
    va_end(ap);
    arena_free(a);
    return false;
}

bool infer_operand_error(ir_infer_ctx *c, size_t i, const char *fmt, ...) {
    arena *a = arena_new();
    va_list ap;
    va_start(ap, fmt);
    diag_emit(c->diags, DIAG_ID_op_operand, c->loc, "'%s': operand %zu (%s) %s",
              ir_ops[c->op->code].name, i + 1, ir_type_text(a, c->in[i]),
              arena_vprintf(a, fmt, ap));
    va_end(ap);
    arena_free(a);
    return false;
}

// ---- operands

bool infer_has(const ir_infer_ctx *c, size_t i) { return i < c->op->n_operands && c->in[i]; }

bool infer_is_token(const ir_type *t) { return ir_type_domain(t) >= 0; }

bool infer_plain(ir_infer_ctx *c) {
    for (size_t i = 0; i < c->op->n_operands; i++) {
        if (c->in[i] && infer_is_token(c->in[i]))
            return infer_operand_error(c, i, "must not have a token axis");
    }
    return true;
}

bool infer_rank(ir_infer_ctx *c, size_t i, int lo, int hi) {
    int rank = c->in[i]->rank;
    if (rank >= lo && rank <= hi) return true;
    if (lo == hi) return infer_operand_error(c, i, "must have rank %d", lo);
    if (rank < lo) return infer_operand_error(c, i, "must have rank %d or more", lo);
    return infer_operand_error(c, i, "must have rank %d or less", hi);
}

bool infer_same_elem(ir_infer_ctx *c, size_t i, size_t j) {
    if (c->in[i]->type == c->in[j]->type) return true;
    return infer_operand_error(c, j, "must be of type %s as operand %zu", elem_name(c->in[i]->type),
                               i + 1);
}

bool infer_float(ir_infer_ctx *c, size_t i) {
    return elem_is_float(c->in[i]->type) || infer_operand_error(c, i, "must be of a float type");
}

bool infer_number(ir_infer_ctx *c, size_t i) {
    elem e = c->in[i]->type;
    return elem_is_float(e) || (elem_is_int(e) && e != ELEM_q8) ||
           infer_operand_error(c, i, "must be of a float or integer type");
}

bool infer_integer(ir_infer_ctx *c, size_t i) {
    elem e = c->in[i]->type;
    return (elem_is_int(e) && e != ELEM_q8) ||
           infer_operand_error(c, i, "must be of an integer type");
}

bool infer_index(ir_infer_ctx *c, size_t i) {
    elem e = c->in[i]->type;
    return e == ELEM_i32 || e == ELEM_i64 ||
           infer_operand_error(c, i, "must be of type i32 or i64");
}

bool infer_elem(ir_infer_ctx *c, size_t i, elem e) {
    return c->in[i]->type == e || infer_operand_error(c, i, "must be of type %s", elem_name(e));
}

bool infer_shape(ir_infer_ctx *c, size_t i, int rank, const int64_t *dim) {
    ir_type want = ir_type_make(c->in[i]->type, rank, dim);
    if (ir_type_equal(&want, c->in[i])) return true;
    arena *a = arena_new();
    infer_operand_error(c, i, "must have the type '%s'", ir_type_text(a, &want));
    arena_free(a);
    return false;
}

bool infer_rows(ir_infer_ctx *c, size_t i, int64_t *width) {
    const ir_type *t = c->in[i];
    if (!infer_is_token(t) || t->rank > 2)
        return infer_operand_error(c, i, "must be rows of a token domain");
    *width = t->rank == 2 ? t->dim[1] : 1;
    return true;
}

bool infer_same_domain(ir_infer_ctx *c, size_t i, size_t j) {
    int a = ir_type_domain(c->in[i]), b = ir_type_domain(c->in[j]);
    if (a == b) return true;
    if (a < 0) return infer_operand_error(c, j, "must not have a token axis");
    return infer_operand_error(c, j, "must be of domain t%d as operand %zu", a, i + 1);
}

bool infer_most(ir_infer_ctx *c, ir_key how) {
    int64_t width;
    if (!infer_has(c, 1)) return true;
    if (!infer_elem(c, 1, ELEM_f32) || !infer_rows(c, 1, &width) || !infer_same_domain(c, 0, 1))
        return false;
    if (width != 1) return infer_operand_error(c, 1, "must have one column");
    return infer_is_word(c, how, IR_ENUM_quantisation, IR_QUANT_SYM) ||
           infer_error(c, DIAG_ID_op_attribute,
                       "operand 2 gives rows their scale: '%s' must be \"sym\"", ir_key_name(how));
}

// ---- attributes

bool infer_int(ir_infer_ctx *c, ir_key k, int64_t lo, int64_t hi, int64_t otherwise, int64_t *out) {
    *out = ir_attr_int(&c->op->attrs, k, otherwise);
    if (!ir_attr_has(&c->op->attrs, k) || (*out >= lo && *out <= hi)) return true;
    return infer_error(c, DIAG_ID_op_attribute,
                       "'%s' is %" PRId64 ", must be in %" PRId64 "..%" PRId64, ir_key_name(k),
                       *out, lo, hi);
}

bool infer_flag(ir_infer_ctx *c, ir_key k, bool *out) {
    int64_t v;
    if (!infer_int(c, k, 0, 1, 0, &v)) return false;
    *out = v != 0;
    return true;
}

bool infer_axis(ir_infer_ctx *c, const ir_type *t, int *axis) {
    int64_t v = ir_attr_int(&c->op->attrs, IR_ATTR_axis, 0);
    if (v < 0 || v >= t->rank)
        return infer_error(c, DIAG_ID_op_attribute, "axis %" PRId64 " of a tensor of rank %d", v,
                           t->rank);
    if (v == 0 && infer_is_token(t))
        return infer_error(c, DIAG_ID_op_attribute, "axis 0 is a token axis");
    *axis = (int)v;
    return true;
}

static bool is_word_of(const char *s, const char *words) {
    size_t n = strlen(s);
    for (const char *p = words; *p;) {
        size_t w = strcspn(p, " ");
        if (w == n && memcmp(p, s, n) == 0) return true;
        p += w;
        p += strspn(p, " ");
    }
    return false;
}

bool infer_word(ir_infer_ctx *c, ir_key k, ir_enum e) {
    if (ir_attr_word(&c->op->attrs, k, e, 0) >= 0) return true;
    return infer_error(c, DIAG_ID_op_attribute, "'%s' is \"%s\", must be one of: %s",
                       ir_key_name(k), ir_attr_str(&c->op->attrs, k, ""), ir_words(e));
}

bool infer_is_word(const ir_infer_ctx *c, ir_key k, ir_enum e, int value) {
    return ir_attr_word(&c->op->attrs, k, e, -1) == value;
}

bool infer_ints(ir_infer_ctx *c, ir_key k, size_t n, const int64_t **out) {
    size_t found;
    *out = ir_attr_ints(&c->op->attrs, k, &found);
    if (found == n) return true;
    return infer_error(c, DIAG_ID_op_attribute, "'%s' has %zu items, must have %zu", ir_key_name(k),
                       found, n);
}

const ir_symbol *infer_symbol(ir_infer_ctx *c, const char *name, ir_symbol_kind kind) {
    const ir_symbol *s = ir_symbol_find(c->module, name);
    if (s && s->kind == kind) return s;
    if (s)
        infer_error(c, DIAG_ID_symbol, "'@%s' is a %s, must be a %s", name,
                    ir_word(IR_ENUM_symbol_kind, (int)s->kind),
                    ir_word(IR_ENUM_symbol_kind, (int)kind));
    else
        infer_error(c, DIAG_ID_symbol, "there is no %s '@%s'",
                    ir_word(IR_ENUM_symbol_kind, (int)kind), name);
    return NULL;
}

const ir_symbol *infer_symbol_attr(ir_infer_ctx *c, ir_key k, ir_symbol_kind kind) {
    return infer_symbol(c, ir_attr_str(&c->op->attrs, k, ""), kind);
}

// ---- broadcasting

// Axis i of t counted from the last, the token axis left out; 1 where there is none.
static int64_t feature_from_end(const ir_type *t, int i) {
    int skip = infer_is_token(t);
    int at = t->rank - 1 - i;
    return at >= skip ? t->dim[at] : 1;
}

bool infer_broadcast(ir_infer_ctx *c, size_t first, size_t last, ir_type *out) {
    int domain = -1, token_rank = 0, plain_rank = 0;
    size_t owner = 0;
    for (size_t i = first; i < last; i++) {
        const ir_type *t = c->in[i];
        int d = ir_type_domain(t);
        if (d < 0) {
            if (t->rank > plain_rank) plain_rank = t->rank;
            continue;
        }
        if (domain >= 0 && d != domain)
            return infer_operand_error(c, i, "must be of domain t%d as operand %zu", domain,
                                       owner + 1);
        domain = d;
        owner = i;
        if (t->rank - 1 > token_rank) token_rank = t->rank - 1;
    }
    // A plain operand of more axes than a row has must have size 1 there.
    int features = domain >= 0 ? token_rank : plain_rank;
    out->rank = features + (domain >= 0);
    if (domain >= 0) out->dim[0] = IR_DIM_DOMAIN(domain);
    for (int k = 0; k < IR_MAX_RANK; k++) {
        int64_t size = 1;
        size_t from = first;
        for (size_t i = first; i < last; i++) {
            int64_t d = feature_from_end(c->in[i], k);
            if (d == 1 || d == size) continue;
            if (size != 1 || k >= features) {
                arena *a = arena_new();
                infer_operand_error(c, i, "does not broadcast against operand %zu (%s)", from + 1,
                                    ir_type_text(a, c->in[k >= features ? owner : from]));
                arena_free(a);
                return false;
            }
            size = d;
            from = i;
        }
        if (k < features) out->dim[out->rank - 1 - k] = size;
    }
    return true;
}

bool infer_broadcasts_to(const ir_type *from, const ir_type *to) {
    int d = ir_type_domain(from);
    if (d >= 0 && d != ir_type_domain(to)) return false;
    for (int k = 0; k < IR_MAX_RANK; k++) {
        int64_t size = feature_from_end(from, k);
        if (size != 1 && size != feature_from_end(to, k)) return false;
    }
    return from->rank - (d >= 0) <= to->rank - infer_is_token(to);
}

// ---- functions of fn.def

static const char fn1_names[] =
#define FN1(fn, code, summary) #fn " "
#include "support/num/fn.def"
    ;
static const char fn2_names[] =
#define FN2(fn, code, summary) #fn " "
#include "support/num/fn.def"
    ;

bool infer_is_fn1(const char *name) { return is_word_of(name, fn1_names); }
bool infer_is_fn2(const char *name) { return is_word_of(name, fn2_names); }
