// find-tokens, internal: what its files share. See docs/find-tokens.md for the whole argument.
//
// Probe functions of one model are matched into a *skeleton*: one node for each tuple of
// corresponding values. Each node that depends on inputs then gets a *layout*: what every axis of
// the plain value is made of (features, the batch, rows of a token domain). Layouts flow forwards
// from the inputs; constants take theirs from what they meet. The rule that finds a node's layout
// also writes its rows into the new function.
#ifndef OHMIC_PASSES_TOKENS_FIND_TOKENS_H
#define OHMIC_PASSES_TOKENS_FIND_TOKENS_H

#include "ir/eval/interp.h"
#include "passes/pass.h"

enum { TOK_MAX_ATOMS = 24, TOK_MAX_PROBES = 4, TOK_NONE = 0 };

// ---- layouts ---------------------------------------------------------------------------------

typedef enum { TOK_FEATURE, TOK_BATCH, TOK_ROWS } tok_atom_kind;

// A factor of a plain axis. Atoms of one axis multiply to its size, the first one slowest. Axes of
// size 1 have none. A row index may be cut in pieces (an image's patch grid): size and stride.
typedef struct {
    tok_atom_kind kind;
    int axis;
    int domain;      // rows
    int64_t size;    // features, batch, pieces of rows; whole rows of a free domain: 0
    int64_t stride;  // of a piece of rows; 1: the fastest or the only one
    bool is_virtual; // a broadcast that was not carried out: the emitted value lacks this atom
} tok_atom;

typedef struct {
    int rank, count;
    tok_atom atom[TOK_MAX_ATOMS];
} tok_layout;

// ---- nodes -----------------------------------------------------------------------------------

typedef enum {
    TOK_UNSEEN,
    TOK_BAD,    // reported
    TOK_VALUE,  // rows: `val` in the new function
    TOK_IMAGE,  // an image input that only a convolution can turn into rows
    TOK_SCORES, // attention scores before softmax: `score`
    TOK_PROBS,  // after it
    TOK_QUANT,  // a result of a dynamic quantisation
    TOK_CODES   // q8 rows in `val`: the dequantised value that only a product reads
} tok_state;

enum { TOK_DEP_DATA = 1, TOK_DEP_MASK = 2, TOK_DEP_POSITIONS = 4, TOK_DEP_PAST = 8 };

typedef struct tok_score tok_score;

typedef struct {
    ir_val v[TOK_MAX_PROBES];
    const ir_op *op; // in the first probe; NULL: a parameter
    uint32_t result; // of op
    int param;       // index of a parameter; -1
    bool is_const;   // depends on no input
    unsigned deps;   // TOK_DEP_*
    uint32_t n_operands;
    uint32_t *operand; // nodes; TOK_NONE: absent
    int depth;         // longest path from an input

    tok_state state;
    ir_val val;
    tok_layout layout;
    tok_score *score;
    const char *cause; // TOK_BAD: why, when it was not reported; it may never matter
    diag_id cause_id;
    uint32_t blame; // TOK_BAD: the operand whose fault it is
} tok_node;

// q k^T of an attention that fuse left in pieces: scale * q k^T + masks.
struct tok_score {
    uint32_t q, k;
    double scale;
    uint32_t mask; // node, TOK_NONE; one at most
};

typedef struct {
    const char *name; // "n1"
    const ir_func *f;
    int64_t tokens, past;
    bool *is_const; // by value
    unsigned *deps; // by value
    tensor **value; // constants computed so far, by value
} tok_probe;

typedef struct {
    int64_t rows[TOK_MAX_PROBES]; // at each probe
    int64_t past_rows;            // at @past
} tok_domain;

typedef enum { TOK_MASK_ALL, TOK_MASK_CAUSAL } tok_mask_mode;
typedef struct {
    tok_mask_mode mode;
    int64_t window;    // 0: none
    const char *bias;  // none, alibi, toeplitz, full
    const char *table; // symbol
    uint32_t key;      // node of the key mask, TOK_NONE
} tok_mask;

typedef struct {
    uint32_t mask;
    int64_t heads;
    int queries, keys; // domains
    bool is_causal;
    int64_t window;
    tok_mask found;
} tok_known_mask;

// A ring that was made, and where its keys and values come from.
typedef struct {
    const char *name;
    uint32_t q, k, v; // nodes
    tok_layout k_layout, v_layout;
    uint32_t node; // the attention
    tok_mask mask;
} tok_ring;

// A cache: a past input, and what is joined behind it.
typedef struct {
    int param;
    uint32_t node;
    int result; // that reads it back, -1
} tok_cache;

typedef struct {
    uint32_t node;
    ir_val past;
} tok_pair;

// A sentence that belongs to a node.
typedef struct {
    uint32_t node;
    const char *text;
} tok_line;

// A constant tensor that was made for @run, to be made once.
typedef struct {
    const char *symbol;
    tensor data;
    uint64_t hash;
} tok_made;

typedef VEC(tok_node) tok_nodes;
typedef struct {
    const ir_module *old;
    const pass_options *o;
    diag_sink *diags;
    bool is_quiet; // findings of a node that may not matter are kept in it
    arena *a;      // scratch of the whole pass

    int n_probes; // n1, n2, n3, max; or one: a frozen model
    bool is_frozen;
    tok_probe probe[TOK_MAX_PROBES];
    int max; // index of @max
    bool has_past;
    tok_probe past;

    tok_nodes nodes; // operands before users; [0] unused
    uint32_t *index; // hash of tuples -> node
    size_t index_size;
    uint32_t *result; // nodes of the first probe's results
    bool *is_present; // results that read a cache back

    ir_module *m;
    ir_func *f; // @run
    tok_domain domain[IR_MAX_DOMAINS];
    bool has_encoder;               // t1 counts the tokens that an encoder reads, t0 the decoder's
    int one;                        // domain of one row, or -1
    ir_val *param;                  // of @run by parameter of the probes; IR_NONE: not read so far
    int64_t *range_hi;              // of integer parameters; 0: not known
    ir_val witness[IR_MAX_DOMAINS]; // some value of each domain
    map *const_ops;                 // symbol -> value of its t.const in @run

    VEC(tok_ring) rings;
    VEC(tok_cache) caches;
    VEC(tok_pair) pairs; // node, value in @past: constants to compare
    VEC(tok_pair) masks; // node of an attention, its mask in @past
    VEC(tok_made) made;
    VEC(tok_known_mask) known_masks;
    VEC(tok_line) proof, whole; // claims; why the program is not a stream
    bool is_relaxed;            // a per-tensor scale became one a row
    int64_t shortened;          // window asked for where the model has a longer one; 0: none
    bool has_counted_mask;      // a mask must be ones, then zeros
    bool is_widened;            // f16 and bf16 values are computed in f32
    tok_layout *out_layout;     // of each result of @run
    int *out_index;             // index of its result in the probes
    bool *out_last;             // only its last row is given
    tok_probe small;            // fewer tokens, only to be executed; f NULL: none
} tok_ctx;

static inline tok_node *tok_at(const tok_ctx *c, uint32_t n) { return &c->nodes.items[n]; }

// ---- find_tokens_skeleton.c ------------------------------------------------------------------

// Reads the probes and builds the skeleton. False: reported.
bool tok_probes_find(tok_ctx *c);
bool tok_skeleton_build(tok_ctx *c);
// Attributes mean the same; slices may start elsewhere.
bool tok_same_attrs(const ir_module *m, const ir_op *a, const ir_op *b);
// Parameter i's role: tokens, mask, positions, past, fixed.
const char *tok_role(const tok_ctx *c, const ir_func *f, size_t i);
bool tok_is_past(const tok_ctx *c, size_t param);

// Where a node comes from, for diagnostics.
diag_loc tok_loc(const tok_ctx *c, uint32_t node);
const char *tok_name(const tok_ctx *c, uint32_t node); // "node '/h.0/Add'"
// Reports and marks the node; returns false.
bool tok_fail(tok_ctx *c, uint32_t node, diag_id id, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
// The operand is rows. False: reported, at the operand or here.
bool tok_is_rows(tok_ctx *c, uint32_t node, uint32_t operand);
// The node fails because an operand did: says so where that was kept quiet. Returns false.
bool tok_blame(tok_ctx *c, uint32_t node, uint32_t operand);
// A claim about a node; it counts when the node's value is used.
void tok_proof(tok_ctx *c, uint32_t node, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void tok_note(tok_ctx *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
// A longer window was asked for than the `most` tokens a row sees: by the model's own window, or
// all.
void tok_note_longer(tok_ctx *c, int64_t asked, int64_t most, bool is_window);
void tok_whole(tok_ctx *c, uint32_t node, const char *why);

// ---- find_tokens_eval.c ----------------------------------------------------------------------

// Value v of a probe function. params[i]: tensor of parameter i, or NULL: not to be needed.
// Constants are remembered; other values live in `a`. False: reported.
bool tok_eval(tok_ctx *c, tok_probe *p, ir_val v, const tensor *const *params, arena *a,
              tensor *out);
// The value of a constant node at probe i; NULL: reported.
const tensor *tok_const_at(tok_ctx *c, uint32_t node, int i);

// ---- find_tokens_axes.c ----------------------------------------------------------------------

int64_t tok_atom_rows(const tok_ctx *c, const tok_atom *a, int probe); // size at a probe
const ir_type *tok_type(const tok_ctx *c, uint32_t node, int probe);
void tok_layout_push(tok_layout *l, tok_atom a);
void tok_layout_tidy(tok_layout *l); // merges what belongs together
// Atoms of one axis: [*from, *until).
void tok_layout_axis(const tok_layout *l, int axis, int *from, int *until);
// The same elements at the node's shape. False: reported at `node`.
bool tok_layout_reshape(tok_ctx *c, uint32_t node, const tok_layout *in, tok_layout *out);
// Axes permuted; index (of tok_width(in) entries) gets the column moves; false when none moves.
bool tok_layout_permute(const tok_layout *in, const int64_t *perm, tok_layout *out, int64_t *index);
int64_t tok_width(const tok_layout *l); // columns of the emitted row
// Domain of the rows; -1: no row axis; -2: two, or pieces out of order.
int tok_layout_domain(const tok_layout *l);
bool tok_layout_has_rows(const tok_layout *l); // also virtual ones
// Sizes of the layout's axes are those of the node at every probe. False: reported.
bool tok_layout_fits(tok_ctx *c, uint32_t node, const tok_layout *l);
const char *tok_layout_text(tok_ctx *c, const tok_layout *l); // "[1, t0, 8x16]"
// numpy broadcasting of operands. False: reported.
bool tok_layout_join(tok_ctx *c, uint32_t node, tok_layout *to, const tok_layout *from);
// Columns of a value with layout `from` inside one with the wider layout `to`: index[i] is the
// column of `from` for column i of `to`. True when they are the same columns.
bool tok_columns(const tok_layout *from, const tok_layout *to, int64_t *index);
// A domain whose size at probe i is rows[i]: an old one, or a new one derived from `of`; -1:
// reported.
int tok_domain_derive(tok_ctx *c, uint32_t node, int of, int64_t mul, int64_t add, int64_t div);
int tok_domain_one(tok_ctx *c);
int tok_domain_root(const tok_ctx *c, int d); // free domain that d derives from (itself)
// find_tokens.c: tokens that an encoder reads at a probe, as its inputs have them; 0: none does.
int64_t tok_encoder_rows(const tok_ctx *c, const tok_probe *p);
void tok_domain_frozen(tok_ctx *c, int64_t rows);       // t0 of a frozen model has that many rows
int tok_domain_last(tok_ctx *c, uint32_t node, int of); // -1: reported
// A row axis that the sizes of axis `axis` of the node tell; false: they are no small function of
// the tokens.
bool tok_axis_rows(tok_ctx *c, uint32_t node, int axis, int *domain);

// ---- find_tokens_emit.c ----------------------------------------------------------------------

ir_type tok_row_type(elem e, int domain, int64_t width);
elem tok_row_elem(elem e); // f32, i32 or bool
// Appends an operation; the type is inferred, or given. Marks the node bad on failure (IR_NONE).
ir_val tok_emit(tok_ctx *c, uint32_t node, ir_opcode code, const ir_val *operands, size_t n,
                const ir_attrs *attrs);
ir_val tok_emit_typed(tok_ctx *c, uint32_t node, ir_opcode code, const ir_val *operands, size_t n,
                      const ir_attrs *attrs, ir_type type);
// The node's rows with every broadcast carried out; [t, W] or, of integers of width 1, [t].
ir_val tok_rows(tok_ctx *c, uint32_t node);
// Columns by index (cols, permute or repeat, whatever fits).
ir_val tok_emit_columns(tok_ctx *c, uint32_t node, ir_val v, const int64_t *index, int64_t n);
// One column axis: i32[t] as [t, 1].
ir_val tok_emit_matrix(tok_ctx *c, uint32_t node, ir_val v);
ir_val tok_emit_like(tok_ctx *c, uint32_t node, ir_val v, int domain);
// Splits a layout at `axis`: features before it are groups, features from it on are what an
// operation works on. False: reported (rows or the batch are among the latter).
bool tok_split(tok_ctx *c, uint32_t node, const tok_layout *l, int axis, int64_t *groups,
               int64_t *width);
// An operation on every group of columns, the results side by side. operand[0] is filled in.
typedef struct {
    ir_opcode code;
    ir_val operand[3];
    size_t n;
    ir_attrs attrs;
} tok_call;
ir_val tok_per_group(tok_ctx *c, uint32_t node, ir_val v, int64_t groups, int64_t width,
                     tok_call *k);
// The parameter of @run for a parameter of the probes; makes it on first use.
ir_val tok_param(tok_ctx *c, uint32_t node);
uint32_t tok_param_node(const tok_ctx *c, int param); // TOK_NONE when nothing reads it
bool tok_finish_ports(tok_ctx *c);
bool tok_set_value(tok_ctx *c, uint32_t node, ir_val v, const tok_layout *l);

// ---- find_tokens_const.c ---------------------------------------------------------------------

// What the axes of a constant are made of where it meets a value of layout `l` (numpy
// broadcasting).
bool tok_const_layout(tok_ctx *c, uint32_t node, uint32_t user, const tok_layout *l,
                      tok_layout *out);
// A constant of layout `own` beside a value of layout `l` (which it was joined into): a scalar, a
// row [W] or rows that follow the position. IR_NONE: reported at `user`.
ir_val tok_const_value(tok_ctx *c, uint32_t node, uint32_t user, const tok_layout *own,
                       const tok_layout *l);
// Symbol of a constant that is the same at every probe; NULL: reported at `user`. dims, when rank
// >= 0: the shape it should have (same number of elements).
const char *tok_const_symbol(tok_ctx *c, uint32_t node, uint32_t user, int rank,
                             const int64_t *dim);
// Symbol of a table [max rows, width] whose first rows are the constant at each probe; own: its
// layout. A constant that all rows share gives a row [W] and *is_row.
const char *tok_const_table(tok_ctx *c, uint32_t node, uint32_t user, const tok_layout *own,
                            bool *is_row);
// Symbol of the rows [k, width of l] of a constant whose axis `axis` counts the rows; the same at
// every probe.
const char *tok_const_rows(tok_ctx *c, uint32_t node, uint32_t user, tok_layout own, int axis,
                           const tok_layout *l);
const char *tok_make_tensor(tok_ctx *c, const char *hint,
                            tensor t); // symbol; equal ones are shared
// True when the constant is one number, the same at every probe.
bool tok_const_scalar(tok_ctx *c, uint32_t node, double *v);
bool tok_const_same(tok_ctx *c, uint32_t node); // the same bits at every probe
ir_val tok_const_op(tok_ctx *c, uint32_t user, const char *symbol);

// ---- rules: rows.c, reduce.c, views.c, join.c, attention.c, gain.c, quant.c, mask.c ------------

typedef bool (*tok_rule)(tok_ctx *c, uint32_t node);
#define OP(unit, name, stages, n_min, n_max, results, attributes, class, kind, rows, home, rule, \
           lowering, emission, summary)                                                          \
    bool tok_rule_##rule(tok_ctx *c, uint32_t node);
#include "ir/ops.def"
// Heads, width of a head and domain of an operand [B, H, T, d] (transposed: [B, H, d, T]). False:
// reported.
bool tok_head_axes(tok_ctx *c, uint32_t node, uint32_t id, bool transposed, int64_t *heads,
                   int64_t *d, int *domain);
bool tok_scores_elementwise(tok_ctx *c, uint32_t node, bool *handled);
bool tok_scores_softmax(tok_ctx *c, uint32_t node);
bool tok_scores_mix(tok_ctx *c, uint32_t node);
bool tok_probs_output(tok_ctx *c, uint32_t node, ir_val *v, tok_layout *l);

// ---- find_tokens_mask.c ----------------------------------------------------------------------

// A mask's value as [heads][rows][keys]; one row of it: what is visible, and the bias of that.
typedef struct {
    const tensor *t;
    int64_t heads, rows, keys; // of t; heads 1: shared
    int64_t head_stride, row_stride, key_stride;
} tok_mask_view;
typedef struct {
    uint8_t *visible;
    float *bias;
} tok_mask_line;
bool tok_mask_row(const tok_mask_view *v, int64_t h, int64_t q, uint8_t *visible,
                  float *bias); // false: NaN
bool tok_mask_sees(const tok_mask *k, int64_t q, int64_t key);
bool tok_near(float a, float b);
// Finds k's bias and makes its table. False: reported.
bool tok_mask_bias(tok_ctx *c, uint32_t user, const tok_mask_view *v, int64_t heads, tok_mask *k,
                   tok_mask_line *l);
// The bias of a probe is what the mask's table says; past: position of row 0.
bool tok_bias_agrees(const tok_ctx *c, const tok_mask_view *v, int64_t heads, const tok_mask *k,
                     int64_t past, tok_mask_line *l, int64_t *row, int64_t *key);
// What the mask operand of an attention (TOK_NONE: none) means: queries and keys are domains,
// is_causal and window the operation's own attributes.
typedef struct {
    uint32_t mask;
    int64_t heads;
    int queries, keys;
    bool is_causal;
    int64_t window;
} tok_mask_query;
bool tok_mask_find(tok_ctx *c, uint32_t user, const tok_mask_query *q, tok_mask *out);
// The mask of @past is rows past... of the same.
bool tok_mask_check_past(tok_ctx *c, uint32_t user, ir_val past_mask, int64_t heads,
                         const tok_mask *k);

// ---- find_tokens_past.c, find_tokens_check.c -------------------------------------------------

uint32_t tok_base_of(const tok_ctx *c, uint32_t node); // through views
bool tok_past_match(tok_ctx *c);
bool tok_past_finish(tok_ctx *c);
bool tok_check(tok_ctx *c);

#endif
