// What analysis finds out about a node, as data: its kind, its layout, and the recipes of its rows.
//
// A recipe is a list of operations on rows whose operands are rows of other nodes, rows of an
// input, constants, or results of earlier steps. Rules write recipes (rules.h), demand.c follows
// them from the results backwards, emit.c carries out those of the nodes that are needed. So a rule
// touches nothing of the program, and a node that nobody needs leaves nothing in it.
#ifndef OHMIC_PASSES_TOKENS_PLAN_H
#define OHMIC_PASSES_TOKENS_PLAN_H

#include "passes/tokens/find_tokens.h"

typedef enum {
#define KIND(name, word, summary) TOK_##name,
#include "passes/tokens/kinds.def"
    TOK_KINDS
} tok_kind;

// ---- rows in the making ----------------------------------------------------------------------

// The rows of a node come in three forms; each has a recipe of its own, made when it is asked for.
typedef enum {
    TOK_AS_IS, // as the layout says
    TOK_FULL,  // every broadcast carried out
    TOK_LAST,  // of FULL, the last row of a step alone
    TOK_FORMS
} tok_form;

typedef enum { TOK_NOTHING, TOK_OF_NODE, TOK_OF_INPUT, TOK_OF_STEP } tok_source;

// What a step reads. TOK_NOTHING: an absent operand, or a failure that was recorded.
typedef struct tok_ref {
    tok_source from;
    tok_form form; // of a node
    uint32_t id;   // the node, the input's index, the step's in its recipe
    ir_type type;  // token domains by analysis' numbers
} tok_ref;

// A tensor of the program: one of the old module's as it is, or a new one.
typedef struct {
    const char *symbol; // NULL: new
    const char *hint;   // its name then
    tensor data;
    bool is_old; // data lies in the old module, which the new one keeps alive
} tok_constant;

typedef struct tok_ring tok_ring;

typedef struct {
    ir_opcode code;
    uint32_t n;
    const tok_ref *in;
    ir_attrs attrs;
    const tok_constant *constant; // of t.const: its value
    tok_ring *ring;               // of attention: its ring
    ir_type type;
} tok_step;

typedef struct {
    uint32_t node; // whose ONNX nodes the operations carry
    uint32_t count, capacity;
    tok_step *step;
    tok_ref value; // TOK_NOTHING: there is none
} tok_recipe;

// ---- plans -----------------------------------------------------------------------------------

// q k^T of an attention that fuse left in pieces: scale * q k^T + masks.
typedef struct {
    uint32_t q, k;
    double scale;
    uint32_t mask;   // node, TOK_NONE; one at most
    bool is_rounded; // to codes somewhere, in the model
} tok_score;

// What the check by execution must know of a needed node.
enum {
    TOK_IS_RELAXED = 1,   // its scales are others than the model's
    TOK_IS_WIDENED = 2,   // half precision, computed in f32
    TOK_COUNTS_MASK = 4,  // a mask that must be one run of ones
    TOK_IS_SHORTENED = 8, // sees fewer tokens than in the model, as asked for
};

struct tok_plan {
    tok_kind kind;
    tok_layout layout;
    tok_recipe form[TOK_FORMS];
    const tok_score *score; // SCORES, PROBS

    // What it asks of operands besides rows: nodes whose value is evaluated, not emitted.
    uint32_t n_evaluated, evaluated[4];
    uint32_t n_blamed; // REFUSED: operands whose fault it is
    const uint32_t *blamed;
    unsigned facts; // TOK_IS_RELAXED ...
    uint32_t index; // an input whose numbers are rows of a table of index_rows; TOK_NONE
    int64_t index_rows;
    bool index_is_signed; // they are no rows, but as near 0 on both sides
    uint32_t counted;     // an input whose tokens positions count, but for padding; TOK_NONE
    int64_t pad;          // 1 + that integer
    int64_t most;         // no integer of its rows is larger, or below minus that; 0: not known

    // demand.c
    bool is_needed[TOK_FORMS];
    bool is_evaluated; // for a needed node
};

static inline tok_plan *tok_plan_of(const tok_ctx *c, uint32_t node) { return &c->plan[node]; }
static inline bool tok_is_needed(const tok_plan *p) {
    return p->is_needed[TOK_AS_IS] || p->is_needed[TOK_FULL] || p->is_needed[TOK_LAST];
}

// A ring that an attention asks for, and where its keys and values come from.
struct tok_ring {
    uint32_t node, q, k, v;                      // the attention and what it reads
    ir_ring is;                                  // all but names of tensors
    const tok_constant *table, *sink, *scalings; // NULL: none
    struct tok_mask *mask;                       // what its rows see in the model
    const char *symbol;                          // once emitted
};

// A result of @run.
typedef struct tok_output {
    size_t index; // of the probes' result
    tok_recipe recipe;
    tok_layout layout; // of all rows
    bool is_last;      // only the last one is given
} tok_output;

// An input of @run.
typedef struct tok_input {
    tok_ref rows;       // TOK_NOTHING: no rows were made of it
    const char *layout; // how a port cuts them out of the plain value; NULL: as onnx_shape says
    bool is_needed;
    int64_t index_rows; // of the smallest table that its numbers index; 0: none
    bool is_signed;     // no table: numbers may be as far below 0
    // A mask of queries and keys by itself, which somebody says is causal or shows everything: what
    // an element is then where a row sees a key, and where not.
    bool is_told, is_causal;
    double sees, hides;
    int64_t pad;    // 1 + the integer that no position counts; 0: none
    bool is_turned; // a mask that has 1 for what is hidden
} tok_input;
// Element k of such a mask, a tensor of type t.
double tok_told_element(const tok_input *in, const ir_type *t, size_t k);

// ---- reading operands ------------------------------------------------------------------------

// The operand is rows. False: refused here, or to blame.
bool tok_is_rows(tok_ctx *c, uint32_t node, uint32_t operand);
// The node has no form because an operand has none. Returns false.
bool tok_blame(tok_ctx *c, uint32_t node, uint32_t operand);
// The operand's value is evaluated, at probes or the maximum: no rows are asked for.
void tok_evaluates(tok_ctx *c, uint32_t node, uint32_t operand);

tok_ref tok_take(const tok_ctx *c, uint32_t id); // rows as they are
// With every broadcast carried out (layout: tok_layout_full); TOK_NOTHING: refused at `node`.
tok_ref tok_take_full(tok_ctx *c, uint32_t node, uint32_t id);
// Both questions in one, with the layout of what is taken. False: refused, or to blame.
bool tok_read_full(tok_ctx *c, uint32_t node, uint32_t operand, tok_ref *x, tok_layout *l);
// The last row, picked as early as possible: a head of many columns then works on one row.
// TOK_NOTHING: refused at `node`.
tok_ref tok_take_last(tok_ctx *c, uint32_t node, uint32_t id);

// ---- writing recipes -------------------------------------------------------------------------

static inline tok_recipe *tok_recipe_of(const tok_ctx *c, uint32_t node) {
    return &c->plan[node].form[TOK_AS_IS];
}
elem tok_row_elem(elem e); // f32, i32, bool or q8
ir_type tok_row_type(elem e, int domain, int64_t width);

// Appends an operation, of the type that it is given or that follows from its operands
// (TOK_NOTHING: refused at the recipe's node). attrs: NULL for none; copied.
tok_ref tok_step_typed(tok_ctx *c, tok_recipe *r, ir_opcode code, const tok_ref *in, size_t n,
                       const ir_attrs *attrs, ir_type type);
tok_ref tok_step_of(tok_ctx *c, tok_recipe *r, ir_opcode code, const tok_ref *in, size_t n,
                    const ir_attrs *attrs);
tok_ref tok_step_constant(tok_ctx *c, tok_recipe *r, const tok_constant *k);
tok_ref tok_step_cast(tok_ctx *c, tok_recipe *r, tok_ref x, elem to);
// Columns by index (cols, permute or repeat, whatever fits).
tok_ref tok_step_columns(tok_ctx *c, tok_recipe *r, tok_ref x, const int64_t *index, int64_t n);
// One column axis: i32[t] as [t, 1].
tok_ref tok_step_matrix(tok_ctx *c, tok_recipe *r, tok_ref x);
// One row repeated to a domain's rows. TOK_NOTHING: refused.
tok_ref tok_step_like(tok_ctx *c, tok_recipe *r, tok_ref x, int domain);
// One operation on every group of columns, the results side by side. operand[0] is filled in.
typedef struct {
    ir_opcode code;
    tok_ref operand[3];
    size_t n;
    ir_attrs attrs;
} tok_call;
tok_ref tok_step_groups(tok_ctx *c, tok_recipe *r, tok_ref x, int64_t groups, int64_t width,
                        tok_call *k);

// The node is rows: `value` has the columns and the domain of `l`, and l the sizes of the node.
// False: refused.
bool tok_set_rows(tok_ctx *c, uint32_t node, tok_ref value, const tok_layout *l);
// As tok_set_rows, of a kind whose rows are not the plain value (CODES).
bool tok_set_kind(tok_ctx *c, uint32_t node, tok_kind kind, tok_ref value, const tok_layout *l);

// Rows of the type have the columns that the layout says: a CHECK. Layouts follow from the plain
// sizes, types from the operations, so a broadcast that a rule forgot shows here.
void tok_check_rows(const tok_ctx *c, uint32_t node, const ir_type *type, const tok_layout *l);

// ---- phases ----------------------------------------------------------------------------------

void tok_analyse(tok_ctx *c);                   // analyse.c: a plan for every node
bool tok_plan_input(tok_ctx *c, uint32_t node); // inputs.c
void tok_plan_outputs(tok_ctx *c);              // outputs.c
void tok_demand(tok_ctx *c);                 // demand.c: what is needed, from the outputs backwards
void tok_print(const tok_ctx *c, FILE *out); // print.c
void tok_emit(tok_ctx *c);                   // emit.c: the program's function

#endif
