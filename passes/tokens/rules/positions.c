// Positions that a model counts by itself: over the ones of a mask, or over the ids that are no
// padding (RoBERTa, MPNet, OPT).
//
// The index is evaluated, never matched: without padding it must be the same at every probe and for
// whatever ids; with padding in front of what a mask shows, that shifted; where padding ids stand
// behind, one number. Then the rows are those of the table in the order of positions. Padding
// elsewhere is refused by the host (port attribute pad); what a mask hides does not run at all.
#include "passes/tokens/constant.h"
#include "passes/tokens/rules/mask.h"
#include "passes/tokens/rules/rules.h"
#include "support/num/random.h"
#include <inttypes.h>
#include <string.h>

enum { TRIALS = 4 };

typedef struct {
    uint32_t input; // node of what is counted
    bool is_mask;
    int64_t pad;      // that does not count
    int64_t *at;      // index by position, at the maximum
    bool has_padding; // ids: what padding behind has is one number,
    int64_t padding;  // this
} counted;

// ---- what is counted -------------------------------------------------------------------------

// The operations between a node and the inputs have a running sum; *eq: an integer that `input` is
// compared with.
static bool counts(const tok_ctx *c, uint32_t node, uint32_t input, tensor *eq) {
    bool found = false, *seen = base_calloc(c->nodes.count, 1);
    tok_numbers todo = {0};
    vec_push(&todo, node);
    while (todo.count) {
        uint32_t at = todo.items[--todo.count];
        const tok_node *n = tok_at(c, at);
        if (seen[at] || n->is_const || !n->op) continue;
        seen[at] = true;
        found |= n->op->code == IR_t_cumsum;
        for (uint32_t k = 0; k < n->n_operands; k++) {
            if (n->operand[k] == TOK_NONE) continue;
            uint32_t other = n->n_operands == 2 ? n->operand[1 - k] : TOK_NONE;
            if (n->op->code == IR_t_eq && tok_at(c, n->operand[k])->is_const &&
                tok_base_of(c, other) == input)
                *eq = *tok_const_at((tok_ctx *)c, n->operand[k], 0);
            vec_push(&todo, n->operand[k]);
        }
    }
    vec_free(&todo);
    free(seen);
    return found;
}

// The one input that an index depends on, and its padding. False: it is none of this kind.
static bool find_input(tok_ctx *c, uint32_t index, counted *k) {
    const tok_probe *p = &c->probe[0];
    bool *reached = ARENA_ARRAY(c->a, bool, p->f->params.count + 1);
    int param = -1, count = 0;
    if (c->has_past || c->is_frozen || tok_at(c, index)->is_const) return false;
    tok_params_of(c, p, tok_at(c, index)->v[0], reached);
    for (size_t i = 0; i < p->f->params.count; i++)
        if (reached[i]) param = (int)i, count++;
    if (count != 1 || !elem_is_int(ir_type_of(p->f, p->f->params.items[param].value)->type))
        return false;
    const char *role = tok_role(c, p->f, (size_t)param);
    tensor eq = {0};
    *k = (counted){.input = c->param_node[param], .is_mask = !strcmp(role, "mask")};
    if (strcmp(role, "positions") == 0 || !counts(c, index, k->input, &eq)) return false;
    if (k->is_mask) return true;
    if (!eq.data || tensor_count(&eq) != 1 || !elem_is_int(eq.type)) return false;
    k->pad = elem_load_i64(eq.type, eq.data, 0);
    return k->pad >= 0 && k->pad < INT32_MAX;
}

// ---- evaluating ------------------------------------------------------------------------------

// The index at a probe where tokens [from, until) count; NULL: it is no number a token.
static const tensor *index_at(tok_ctx *c, uint32_t index, const counted *k, int probe, int64_t from,
                              int64_t until, random_stream *draws, arena *a) {
    tok_probe *p = &c->probe[probe];
    const size_t n = p->f->params.count, param = (size_t)tok_at(c, k->input)->param;
    const ir_type *t = ir_type_of(p->f, p->f->params.items[param].value);
    const tensor **params = ARENA_ARRAY(a, const tensor *, n + 1);
    tensor x = tensor_new(a, t->type, t->rank, t->dim), *out = ARENA_NEW(a, tensor);
    int64_t rows = (int64_t)tensor_count(&x);
    for (int64_t i = 0; i < rows; i++) {
        int64_t id = (int64_t)random_below(draws, 100);
        bool is = i >= from && i < until;
        if (k->is_mask)
            id = is;
        else if (!is || id == k->pad)
            id = is ? k->pad + 1 : k->pad;
        elem_store_f64(x.type, x.data, (size_t)i, (double)id);
    }
    params[param] = &x;
    if (!tok_eval(c, p, tok_at(c, index)->v[probe], params, a, out)) return NULL;
    return elem_is_int(out->type) && (int64_t)tensor_count(out) == rows ? out : NULL;
}

static int64_t number(const tensor *t, int64_t i) {
    return elem_load_i64(t->type, t->data, (size_t)i);
}

// Where [from, until) count at a probe, the index there is that of positions 0, 1 ...; what ids
// behind it have is one number. False: another.
static bool follows(tok_ctx *c, uint32_t index, counted *k, int probe, int64_t from, int64_t until,
                    random_stream *draws) {
    arena *a = arena_new();
    const tensor *t = index_at(c, index, k, probe, from, until, draws, a);
    bool ok = t != NULL;
    for (int64_t i = from; ok && i < until; i++) ok = number(t, i) == k->at[i - from];
    for (int64_t i = until; ok && !k->is_mask && i < (int64_t)tensor_count(t); i++) {
        if (!k->has_padding) k->padding = number(t, i);
        k->has_padding = true;
        ok = number(t, i) == k->padding;
    }
    arena_free(a);
    return ok;
}

// False: the index is counted in some other way.
static bool read_index(tok_ctx *c, uint32_t index, counted *k) {
    random_stream draws = random_of(c->o->seed, RANDOM_PADDING, 1);
    const int64_t most = c->probe[c->max].tokens;
    const tensor *t = index_at(c, index, k, c->max, 0, most, &draws, c->a);
    if (!t) return false;
    k->at = ARENA_ARRAY(c->a, int64_t, most);
    for (int64_t i = 0; i < most; i++) k->at[i] = number(t, i);
    for (int probe = 0; probe < c->n_probes; probe++) {
        const int64_t n = c->probe[probe].tokens;
        if (!follows(c, index, k, probe, 0, n, &draws)) return false;
        for (int i = 0; i < TRIALS; i++) {
            int64_t until = 1 + (int64_t)random_below(&draws, (uint64_t)n), from = 0;
            if (k->is_mask) from = (int64_t)random_below(&draws, (uint64_t)until);
            if (!follows(c, index, k, probe, from, until, &draws)) return false;
        }
    }
    return true;
}

// ---- rows ------------------------------------------------------------------------------------

static tensor rows_of_table(tok_ctx *c, const tensor *table, int64_t width, const int64_t *at,
                            int64_t n) {
    tensor t = tensor_new(c->a, ELEM_f32, 2, (int64_t[]){n, width});
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < width; j++)
            ((float *)t.data)[i * width + j] =
                (float)elem_load_f64(table->type, table->data, (size_t)(at[i] * width + j));
    return t;
}

static tok_ref with(tok_ctx *c, tok_recipe *r, ir_opcode code, tok_ref x, tensor t) {
    const tok_ref in[] = {x, tok_step_constant(c, r, tok_constant_new(c, "c", t))};
    return tok_step_of(c, r, code, in, 2, NULL);
}

static tok_ref with_number(tok_ctx *c, tok_recipe *r, ir_opcode code, tok_ref x, float v) {
    tensor t = tensor_new(c->a, ELEM_f32, 0, NULL);
    *(float *)t.data = v;
    return with(c, r, code, x, t);
}

// rows where the id is no padding, else the row that padding has. Exactly: products with 0 and 1.
static tok_ref beside_padding(tok_ctx *c, tok_recipe *r, const counted *k, tok_ref rows,
                              const tensor *table, int64_t width) {
    tok_ref id = tok_step_matrix(c, r, tok_step_cast(c, r, tok_take(c, k->input), ELEM_f32));
    id = with_number(c, r, IR_t_sub, id, (float)k->pad);
    id = tok_step_of(c, r, IR_t_abs, &id, 1, NULL);
    tok_ref real = with_number(c, r, IR_t_min, id, 1);
    const tok_ref shown[] = {rows, real};
    rows = tok_step_of(c, r, IR_t_mul, shown, 2, NULL);
    int64_t *once = ARENA_ARRAY(c->a, int64_t, width);
    tok_ref other = with_number(c, r, IR_t_mul, with_number(c, r, IR_t_sub, real, 1), -1);
    other = tok_step_columns(c, r, other, once, width);
    tensor row = rows_of_table(c, table, width, &k->padding, 1);
    row.rank = 1;
    row.dim[0] = width;
    const tok_ref sum[] = {rows, with(c, r, IR_t_mul, other, row)};
    return tok_step_of(c, r, IR_t_add, sum, 2, NULL);
}

bool tok_embed_counted(tok_ctx *c, uint32_t node, uint32_t index, uint32_t table, bool *handled) {
    counted k;
    const tok_plan *p;
    if (!find_input(c, index, &k) || (p = tok_plan_of(c, k.input))->kind != TOK_VALUE ||
        tok_layout_domain(&p->layout) < 0 || tok_width(&p->layout) != 1 ||
        !read_index(c, index, &k))
        return true;
    *handled = true;
    const tensor *t = tok_const_at(c, table, 0);
    if (!t || t->rank < 1) return false;
    const int64_t rows = t->dim[0], width = rows ? (int64_t)tensor_count(t) / rows : 0,
                  most = c->probe[c->max].tokens;
    for (int64_t i = -1; i < most; i++) {
        int64_t at = i >= 0 ? k.at[i] : k.has_padding ? k.padding : 0;
        if (at < 0 || at >= rows)
            return tok_fail(c, node, DIAG_ID_tok_positions,
                            "position %" PRId64 " is row %" PRId64 " of a table of %" PRId64
                            ": ask for fewer tokens (--max-tokens)",
                            i, at, rows);
    }
    tok_recipe *r = tok_recipe_of(c, node);
    const int domain = tok_layout_domain(&p->layout);
    tok_ref by_position = tok_step_constant(
        c, r, tok_constant_new(c, "positions", rows_of_table(c, t, width, k.at, most)));
    tok_ref v = tok_step_typed(c, r, IR_nn_posrow, &by_position, 1, NULL,
                               tok_row_type(ELEM_f32, domain, width));
    if (k.has_padding) v = beside_padding(c, r, &k, v, t, width);
    tok_plan *own = tok_plan_of(c, node);
    own->counted = k.input;
    own->pad = k.pad + 1;
    tok_evaluates(c, node, index);
    if (k.is_mask) own->facts |= TOK_COUNTS_MASK;
    tok_proof(c, node,
              "its table is looked up by positions counted over '%s', %s %" PRId64 " left out",
              c->probe[0].f->params.items[tok_at(c, k.input)->param].name,
              k.is_mask ? "tokens of" : "padding of id", k.pad);
    tok_layout l = p->layout, out;
    l.rank++;
    tok_layout_push(&l, (tok_atom){TOK_FEATURE, l.rank - 1, 0, width, 1, false});
    tok_layout_tidy(&l);
    return v.from != TOK_NOTHING && tok_layout_reshape(c, node, &l, &out) &&
           tok_set_rows(c, node, v, &out);
}
