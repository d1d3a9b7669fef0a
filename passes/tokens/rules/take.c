// Taking indices along an axis: slices and gathers by constants. Features are columns; one row of
// the tokens, or all from a fixed one on, are rows.pick and rows.skip. A table that ids index is an
// embedding; so is a one-hot code, and its product with a matrix.
#include "passes/tokens/constant.h"
#include "passes/tokens/rules/rules.h"
#include <inttypes.h>
#include <string.h>

typedef struct {
    int axis;
    const int64_t *at[TOK_MAX_PROBES];
    int64_t n[TOK_MAX_PROBES];
} indices;

static bool same_indices(const tok_ctx *c, const indices *x) {
    for (int i = 1; i < c->n_probes; i++)
        if (x->n[i] != x->n[0] || memcmp(x->at[i], x->at[0], (size_t)x->n[0] * sizeof *x->at[0]))
            return false;
    return true;
}

static bool take_features(tok_ctx *c, uint32_t node, uint32_t x, const indices *at) {
    const tok_layout *own = &tok_plan_of(c, x)->layout;
    const int axis = at->axis;
    bool is_virtual = true;
    for (int i = 0; i < own->count; i++)
        if (own->atom[i].axis == axis) is_virtual &= own->atom[i].is_virtual;
    tok_ref v = is_virtual ? tok_take(c, x) : tok_take_full(c, node, x);
    if (v.from == TOK_NOTHING) return false;
    const tok_layout from = is_virtual ? *own : tok_layout_full(own);
    tok_layout l = {.rank = from.rank}, out;
    int64_t outer = 1, inner = 1, size = 1;
    bool done = false;
    for (int i = 0; i < from.count; i++) {
        const tok_atom *a = &from.atom[i];
        if (a->axis != axis) {
            if (a->kind == TOK_FEATURE && !a->is_virtual)
                *(a->axis < axis ? &outer : &inner) *= a->size;
            tok_layout_push(&l, *a);
            continue;
        }
        size *= a->size;
        if (!done) tok_layout_push(&l, (tok_atom){TOK_FEATURE, axis, 0, at->n[0], 1, is_virtual});
        done = true;
    }
    tok_layout_tidy(&l);
    if (!tok_layout_reshape(c, node, &l, &out)) return false;
    if (is_virtual) return tok_set_rows(c, node, v, &out);
    int64_t n = outer * at->n[0] * inner, *index = ARENA_ARRAY(c->a, int64_t, n), k = 0;
    for (int64_t o = 0; o < outer; o++)
        for (int64_t j = 0; j < at->n[0]; j++)
            for (int64_t i = 0; i < inner; i++) index[k++] = (o * size + at->at[0][j]) * inner + i;
    return tok_set_rows(c, node, tok_step_columns(c, tok_recipe_of(c, node), v, index, n), &out);
}

// Which rows are taken, at all probes alike.
typedef enum { ROW_BY_NUMBER, ROW_LAST, ROWS_FROM, ROWS_OTHER } choice;

static choice rows_taken(const tok_ctx *c, int domain, const indices *at) {
    bool single = true, same = true, last = true, rest = true;
    for (int i = 0; i < c->n_probes; i++) {
        int64_t rows = c->domain[domain].rows[i], first = at->n[i] ? at->at[i][0] : -1;
        single &= at->n[i] == 1;
        same &= first == at->at[0][0];
        last &= first == rows - 1;
        rest &= at->n[i] == rows - first;
        for (int64_t k = 0; k < at->n[i]; k++) rest &= at->at[i][k] == first + k;
    }
    if (single && last && !(same && (c->n_probes > 1 || at->at[0][0] == 0))) return ROW_LAST;
    if (single && same) return ROW_BY_NUMBER;
    return same && rest ? ROWS_FROM : ROWS_OTHER;
}

// rows.pick and rows.skip.
static bool take_rows(tok_ctx *c, uint32_t node, uint32_t x, const indices *at) {
    tok_recipe *r = tok_recipe_of(c, node);
    tok_ref v = tok_take_full(c, node, x);
    if (v.from == TOK_NOTHING) return false;
    tok_layout l = tok_layout_full(&tok_plan_of(c, x)->layout), out;
    int d = tok_layout_domain(&l), from, until, to;
    tok_layout_axis(&l, at->axis, &from, &until);
    if (until - from != 1 || l.atom[from].size)
        return tok_fail(c, node, DIAG_ID_tok_shape,
                        "takes a part of axis %d of %s, which tokens share with something else",
                        at->axis, tok_layout_text(c, &l));
    const int64_t row = at->n[0] ? at->at[0][0] : 0, w = ir_type_width(&v.type);
    ir_attrs attrs = {0};
    const int other = c->n_probes > 1;
    switch (rows_taken(c, d, at)) {
    case ROW_LAST:
        to = tok_domain_last(c, node, d);
        if (to < 0) return false;
        ir_attr_set_str(c->a, &attrs, IR_ATTR_which, "last");
        tok_proof(c, node, "picks the last row at every probe");
        break;
    case ROW_BY_NUMBER:
        to = tok_domain_one(c);
        ir_attr_set_str(c->a, &attrs, IR_ATTR_which, row == 0 ? "first" : "index");
        if (row) ir_attr_set_int(c->a, &attrs, IR_ATTR_row, row);
        tok_whole(c, node, "picks a row of the sequence by number");
        break;
    case ROWS_FROM:
        to = tok_domain_derive(c, node, d, 1, -row, 1);
        if (to < 0) return false;
        ir_attr_set_int(c->a, &attrs, IR_ATTR_row, row);
        l.atom[from].domain = to;
        tok_whole(c, node, "drops rows at the start of the sequence");
        v = tok_step_typed(c, r, IR_rows_skip, &v, 1, &attrs, tok_row_type(v.type.type, to, w));
        return tok_layout_reshape(c, node, &l, &out) && tok_set_rows(c, node, v, &out);
    default:
        return tok_fail(c, node, DIAG_ID_tok_shape,
                        "takes rows %" PRId64 "... (%" PRId64 ") of %" PRId64 " tokens, %" PRId64
                        "... (%" PRId64 ") of %" PRId64
                        ": neither one row, nor all from a fixed one on, nor the last",
                        row, at->n[0], c->probe[0].tokens, at->n[other] ? at->at[other][0] : 0,
                        at->n[other], c->probe[other].tokens);
    }
    v = tok_step_typed(c, r, IR_rows_pick, &v, 1, &attrs, tok_row_type(v.type.type, to, w));
    l = tok_layout_without_axis(&l, at->axis);
    return tok_layout_reshape(c, node, &l, &out) && tok_set_rows(c, node, v, &out);
}

static bool take_indices(tok_ctx *c, uint32_t node, uint32_t x, const indices *at) {
    const tok_layout *own = &tok_plan_of(c, x)->layout;
    int from, until;
    tok_layout_axis(own, at->axis, &from, &until);
    bool rows = false, batch = false, real = false;
    for (int i = from; i < until; i++) {
        rows |= own->atom[i].kind == TOK_ROWS;
        batch |= own->atom[i].kind == TOK_BATCH;
        real |= !own->atom[i].is_virtual;
    }
    if (batch && real)
        return tok_fail(c, node, DIAG_ID_tok_mix, "takes one sequence out of the batch");
    if (rows) return take_rows(c, node, x, at);
    const int other = c->n_probes > 1;
    if (!same_indices(c, at))
        return tok_fail(c, node, DIAG_ID_tok_shape,
                        "takes %" PRId64 " features from %" PRId64 " on for %" PRId64
                        " tokens, %" PRId64 " from %" PRId64 " on for %" PRId64,
                        at->n[0], at->n[0] ? at->at[0][0] : 0, c->probe[0].tokens, at->n[other],
                        at->n[other] ? at->at[other][0] : 0, c->probe[other].tokens);
    if (from == until && at->n[0] == 1) { // an axis of size 1
        tok_layout out;
        return tok_layout_reshape(c, node, own, &out) &&
               tok_set_rows(c, node, tok_take(c, x), &out);
    }
    return take_features(c, node, x, at);
}

// ---- slices ----------------------------------------------------------------------------------

typedef struct {
    const int64_t *start, *step;
} slice;

static slice slice_at(const tok_ctx *c, uint32_t node, int probe) {
    const ir_op *op = ir_def(c->probe[probe].f, tok_at(c, node)->v[probe]);
    size_t unused;
    return (slice){ir_attr_ints(&op->attrs, IR_ATTR_starts, &unused),
                   ir_attr_ints(&op->attrs, IR_ATTR_steps, &unused)};
}

bool tok_rule_slice(tok_ctx *c, uint32_t node) {
    uint32_t x = tok_at(c, node)->operand[0];
    if (!tok_is_rows(c, node, x)) return false;
    indices at = {.axis = -1};
    for (int k = 0; k < tok_type(c, node, 0)->rank; k++) {
        bool whole = true;
        for (int i = 0; i < c->n_probes; i++) {
            slice s = slice_at(c, node, i);
            whole &= s.start[k] == 0 && s.step[k] == 1 &&
                     tok_type(c, node, i)->dim[k] == tok_type(c, x, i)->dim[k];
        }
        if (whole) continue;
        if (at.axis >= 0)
            return tok_fail(c, node, DIAG_ID_tok_shape, "slices axes %d and %d at once", at.axis,
                            k);
        at.axis = k;
    }
    if (at.axis < 0) return tok_set_rows(c, node, tok_take(c, x), &tok_plan_of(c, x)->layout);
    for (int i = 0; i < c->n_probes; i++) {
        slice s = slice_at(c, node, i);
        at.n[i] = tok_type(c, node, i)->dim[at.axis];
        int64_t *list = ARENA_ARRAY(c->a, int64_t, at.n[i] + 1);
        for (int64_t k = 0; k < at.n[i]; k++) list[k] = s.start[at.axis] + k * s.step[at.axis];
        at.at[i] = list;
    }
    return take_indices(c, node, x, &at);
}

// Columns of the last axis (row.cols, row.permute, row.repeat of plain values).
bool tok_rule_columns(tok_ctx *c, uint32_t node) {
    const tok_node *n = tok_at(c, node);
    if (!tok_is_rows(c, node, n->operand[0])) return false;
    int64_t from = ir_attr_int(&n->op->attrs, IR_ATTR_from, 0);
    indices at = {.axis = tok_type(c, node, 0)->rank - 1};
    for (int i = 0; i < c->n_probes; i++) {
        const ir_op *op = ir_def(c->probe[i].f, n->v[i]);
        size_t count;
        const int64_t *given = ir_attr_ints(&op->attrs, IR_ATTR_index, &count);
        at.n[i] = tok_type(c, node, i)->dim[at.axis];
        int64_t *list = ARENA_ARRAY(c->a, int64_t, at.n[i] + 1);
        for (int64_t k = 0; k < at.n[i]; k++) list[k] = given ? given[k] : from + k;
        at.at[i] = list;
    }
    return take_indices(c, node, n->operand[0], &at);
}

// ---- gather ----------------------------------------------------------------------------------

uint32_t tok_indices_from(const tok_ctx *c, uint32_t ids) {
    for (;;) {
        ids = tok_base_of(c, ids);
        const tok_node *n = tok_at(c, ids);
        if (n->param >= 0) return ids;
        if (!n->op || n->op->code != IR_t_cast) return TOK_NONE;
        const elem to = tok_type(c, ids, 0)->type;
        if (to != ELEM_i32 && to != ELEM_i64) return TOK_NONE; // may be other numbers
        ids = n->operand[0];
    }
}

// A computed index names rows of a table of `rows` for certain. *needed: as many as it may name,
// where a larger table would do. False: refused at the node.
static bool is_bounded(tok_ctx *c, uint32_t node, uint32_t ids, int64_t rows, bool grows,
                       int64_t *needed) {
    *needed = rows;
    const uint32_t input = tok_indices_from(c, ids);
    if (input != TOK_NONE && !elem_is_float(tok_type(c, input, 0)->type)) return true;
    for (uint32_t x = ids;;) {
        const tok_node *n = tok_at(c, x);
        const bool is_float = elem_is_float(tok_type(c, x, 0)->type);
        if (n->is_const || (!n->op && !is_float)) return true;
        const ir_opcode code = n->op ? n->op->code : IR_t_const;
        const bool is_largest = code == IR_t_argmax || code == IR_t_argmin;
        if (is_largest || (code == IR_t_topk && n->result)) {
            const int axis = (int)ir_attr_int(&n->op->attrs, IR_ATTR_axis, 0);
            const tok_layout *l = &tok_plan_of(c, n->operand[0])->layout;
            int from, until;
            tok_layout_axis(l, axis, &from, &until);
            if (from == until || l->atom[from].kind == TOK_FEATURE) {
                const int64_t most = tok_type(c, n->operand[0], 0)->dim[axis];
                if (most <= rows) return true;
                if (grows) *needed = most;
                return grows || tok_fail(c, node, DIAG_ID_tok_ragged,
                                         "looks up row %" PRId64 " for certain inputs, the last of "
                                         "the numbers of %s, in a table of %" PRId64 " rows",
                                         most - 1, tok_name(c, x), rows);
            }
        }
        const bool is_view = ir_kind_of(code) == IR_KIND_VIEW || code == IR_t_cast;
        if (is_float || is_largest || (!is_view && tok_plan_of(c, x)->most))
            return tok_fail(c, node, DIAG_ID_tok_ragged,
                            "looks up rows of a table by %s, a number that is computed, and of "
                            "which nothing says that it is 0 to %" PRId64
                            ": only an input, or the arg-max of columns, may be",
                            tok_name(c, x), rows - 1);
        if (!is_view) return true; // the verifier knows
        x = n->operand[0];
    }
}

// The node is rows of table k, of two axes, by the index, whose layout is l.
static bool look_up(tok_ctx *c, uint32_t node, uint32_t ids, tok_ref index, tok_layout l,
                    const tok_constant *k) {
    tok_layout out;
    tok_plan_of(c, node)->index = tok_indices_from(c, ids);
    tok_plan_of(c, node)->index_rows = k->data.dim[0];
    tok_recipe *r = tok_recipe_of(c, node);
    const tok_ref in[] = {index, tok_step_constant(c, r, k)};
    tok_ref v = tok_step_of(c, r, IR_nn_embed, in, 2, NULL);
    l.rank++;
    tok_layout_push(&l, (tok_atom){TOK_FEATURE, l.rank - 1, 0, k->data.dim[1], 1, false});
    tok_layout_tidy(&l);
    return v.from != TOK_NOTHING && tok_layout_reshape(c, node, &l, &out) &&
           tok_set_rows(c, node, v, &out);
}

enum { MOST_CODES = 1024 }; // of a table of one-hot codes

// One-hot codes along the last axis. False: others.
static bool one_hot_of(tok_ctx *c, const tok_node *n, double *off, double *on, int64_t *depth) {
    const ir_type *t = ir_type_of(c->probe[0].f, n->v[0]);
    if (ir_attr_int(&n->op->attrs, IR_ATTR_axis, t->rank - 1) != t->rank - 1 ||
        !tok_at(c, n->operand[1])->is_const || !tok_const_same(c, n->operand[1]))
        return false;
    const tensor *values = tok_const_at(c, n->operand[1], 0);
    *off = elem_load_f64(values->type, values->data, 0);
    *on = elem_load_f64(values->type, values->data, 1);
    *depth = t->dim[t->rank - 1];
    return tensor_count(values) == 2;
}

// The same with rows of zeros behind.
static const tok_constant *grown(tok_ctx *c, const tok_constant *k, int64_t rows) {
    if (rows <= k->data.dim[0]) return k;
    tensor t = tensor_new(c->a, k->data.type, 2, (int64_t[]){rows, k->data.dim[1]});
    memcpy(t.data, k->data.data, tensor_bytes(&k->data));
    return tok_constant_new(c, k->symbol ? k->symbol : "rows", t);
}

// Rows of a table [rows, columns ...], along its axis, one for every index; those behind the last
// are zeros, or refused.
static bool embed(tok_ctx *c, uint32_t node, uint32_t ids, uint32_t table, int64_t axis,
                  bool zeros) {
    tok_ref index;
    tok_layout l;
    bool handled = false;
    if (!tok_embed_counted(c, node, ids, table, &handled) || handled) return handled;
    if (!tok_read_full(c, node, ids, &index, &l)) return false;
    const tensor *t = tok_const_at(c, table, 0);
    if (!t) return false;
    if (axis != 0 || t->rank < 1 || tok_width(&l) != 1)
        return tok_fail(c, node, DIAG_ID_tok_ragged,
                        "looks rows up along axis %" PRId64
                        " of a constant of rank %d, for %" PRId64
                        " indices a token; only tables of rows, one index a token",
                        axis, t->rank, tok_width(&l));
    int64_t rows = t->dim[0], dim[2] = {rows, rows ? (int64_t)tensor_count(t) / rows : 0};
    int64_t needed;
    const tok_constant *k = tok_const_whole(c, table, node, 2, dim);
    return k && is_bounded(c, node, ids, rows, zeros, &needed) &&
           look_up(c, node, ids, index, l, grown(c, k, needed));
}

bool tok_one_hot_product(tok_ctx *c, uint32_t node, uint32_t x, uint32_t w, bool *handled) {
    const tok_node *n = tok_at(c, x);
    const int rank = tok_type(c, x, 0)->rank;
    while (n->op && n->op->code == IR_t_reshape) { // rows merged and split
        uint32_t before = n->operand[0];
        const ir_type *t = tok_type(c, before, 0), *u = tok_type(c, x, 0);
        if (t->dim[t->rank - 1] != u->dim[rank - 1]) return true;
        n = tok_at(c, before);
    }
    double off, on;
    int64_t depth;
    if (!n->op || n->op->code != IR_t_onehot || !one_hot_of(c, n, &off, &on, &depth) || off != 0 ||
        on != 1)
        return true;
    *handled = true;
    return embed(c, node, n->operand[0], w, 0, true);
}

bool tok_rule_onehot(tok_ctx *c, uint32_t node) {
    const tok_node *n = tok_at(c, node);
    tok_ref index;
    tok_layout l;
    double off, on;
    int64_t depth;
    if (!one_hot_of(c, n, &off, &on, &depth))
        return tok_fail(c, node, DIAG_ID_tok_mix,
                        "one-hot codes along another axis than the last, or of values that are no "
                        "constants");
    if (depth > MOST_CODES)
        return tok_fail(c, node, DIAG_ID_tok_mix,
                        "one-hot codes of %" PRId64
                        " columns, which something else reads than a product with a constant "
                        "matrix: at most %d",
                        depth, MOST_CODES);
    if (!tok_read_full(c, node, n->operand[0], &index, &l)) return false;
    if (tok_width(&l) != 1)
        return tok_fail(c, node, DIAG_ID_tok_ragged,
                        "one-hot codes of %" PRId64 " indices a token; only of one", tok_width(&l));
    int64_t codes;
    if (!is_bounded(c, node, n->operand[0], depth, true, &codes)) return false;
    tensor t = tensor_new(c->a, ELEM_f32, 2, (int64_t[]){codes, depth});
    for (int64_t i = 0; i < codes * depth; i++)
        ((float *)t.data)[i] = (float)(i / depth == i % depth ? on : off);
    return look_up(c, node, n->operand[0], index, l, tok_constant_new(c, "codes", t));
}

bool tok_rule_gather(tok_ctx *c, uint32_t node) {
    const tok_node *n = tok_at(c, node);
    bool is_embed = n->op->code == IR_nn_embed; // ids, table; a gather has them the other way round
    uint32_t data = n->operand[is_embed], index = n->operand[!is_embed];
    const int64_t axis = is_embed ? 0 : ir_attr_int(&n->op->attrs, IR_ATTR_axis, 0);
    if (tok_at(c, data)->is_const) return embed(c, node, index, data, axis, false);
    bool handled = false;
    if (!tok_at(c, index)->is_const && !is_embed &&
        (!tok_row_by_number(c, node, data, index, (int)axis, &handled) || handled))
        return handled;
    if (!tok_at(c, index)->is_const || is_embed)
        return tok_fail(c, node, DIAG_ID_tok_ragged,
                        "takes rows of %s by an index that depends on inputs", tok_name(c, data));
    if (!tok_is_rows(c, node, data)) return false;
    indices at = {.axis = (int)ir_attr_int(&n->op->attrs, IR_ATTR_axis, 0)};
    for (int i = 0; i < c->n_probes; i++) {
        const tensor *t = tok_const_at(c, index, i);
        if (!t) return false;
        at.n[i] = (int64_t)tensor_count(t);
        int64_t *list = ARENA_ARRAY(c->a, int64_t, at.n[i] + 1),
                size = tok_type(c, data, i)->dim[at.axis];
        for (int64_t k = 0; k < at.n[i]; k++) {
            list[k] = elem_load_i64(t->type, t->data, (size_t)k);
            if (list[k] < 0) list[k] += size;
            if (list[k] < 0 || list[k] >= size)
                return tok_fail(c, node, DIAG_ID_tok_shape,
                                "index %" PRId64 " of an axis of %" PRId64, list[k], size);
        }
        at.at[i] = list;
    }
    return take_indices(c, node, data, &at);
}
