// find-tokens, internal: what its files share. See docs/find-tokens.md for the whole argument and
// README.md for the parts.
//
// Probe functions of one model are matched into a *skeleton*: one node for each tuple of
// corresponding values. Analysis gives every node a *plan* (plan.h): a layout (layout.h) and a
// recipe of its rows, or a finding. What the results need is emitted.
#ifndef OHMIC_PASSES_TOKENS_FIND_TOKENS_H
#define OHMIC_PASSES_TOKENS_FIND_TOKENS_H

#include "passes/pass.h"
#include "passes/tokens/layout.h"

enum { TOK_NONE = 0 }; // no node

enum { TOK_DEP_DATA = 1, TOK_DEP_MASK = 2, TOK_DEP_POSITIONS = 4, TOK_DEP_PAST = 8 };

typedef struct {
    ir_val v[TOK_MAX_PROBES];
    const ir_op *op; // in the first probe; NULL: a parameter
    uint32_t result; // of op
    int param;       // index of a parameter; -1
    bool is_const;   // depends on no input
    bool is_odd;     // probes make it in different ways: reported
    unsigned deps;   // TOK_DEP_*
    uint32_t n_operands;
    uint32_t *operand; // nodes; TOK_NONE: absent
    int depth;         // longest path from an input
} tok_node;

typedef struct {
    const char *name; // "n1"
    const ir_func *f;
    int64_t tokens, past;
    bool *is_const; // by value
    unsigned *deps; // by value
    bool *is_large; // by value: many elements, or computed from such; evaluated in parts
    bool *is_huge;  // by value: more, so that it cannot be evaluated whole
    tensor **value; // constants computed so far, by value
    tensor *now;    // values of the evaluation in progress, by value
    uint32_t *seen; // by value: the round that met it
    uint32_t round; // evaluations so far
} tok_probe;

// A cache: a past input, what is joined behind it, and who reads that: operand k of `user`, through
// views (TOK_NONE: a result).
typedef struct {
    int param;
    uint32_t node, user, k;
} tok_cache;

typedef struct {
    uint32_t node;
    ir_val past;
} tok_pair;

// A sentence that belongs to a node: it is said when the node is needed. TOK_NONE: always.
typedef struct {
    uint32_t node;
    const char *text;
} tok_line;

typedef struct tok_plan tok_plan;
typedef VEC(tok_node) tok_nodes;
typedef VEC(uint32_t) tok_numbers;
typedef VEC(tok_line) tok_lines;

struct tok_ctx {
    const ir_module *old;
    const pass_options *o;
    diag_sink *diags;
    arena *a; // scratch of the whole pass

    // probes and skeleton
    int n_probes; // n1, n2, n3, max; or one: a frozen model
    bool is_frozen;
    tok_probe probe[TOK_MAX_PROBES];
    int max; // index of @max
    bool has_past;
    tok_probe past;
    tok_nodes nodes; // operands before users; [0] unused
    uint32_t *index; // hash of tuples -> node
    size_t index_size;
    uint32_t *param_node; // by parameter; TOK_NONE: nothing reads it
    uint32_t *result;     // nodes of the first probe's results

    // @past against the skeleton
    VEC(tok_cache) caches;
    VEC(tok_pair) pairs; // node, value in @past: constants to compare
    VEC(tok_pair) masks; // node of an attention, its mask in @past
    bool *is_present;    // results that read a cache back

    // analysis: nothing of it touches the program
    tok_plan *plan;          // by node
    struct tok_input *input; // by parameter
    tok_domain domain[TOK_MAX_DOMAINS];
    int n_domains;
    bool has_encoder;        // t1 counts the tokens that an encoder reads, t0 the decoder's
    int one;                 // domain of one row, or -1
    struct tok_ref *witness; // by domain: the first rows that have it
    uint32_t *codes_of;      // by node: the CODES of its dynamic quantisation
    VEC(struct tok_ring *) rings;
    VEC(struct tok_known_mask *) known_masks;
    VEC(struct tok_output *) outputs;
    diag_sink *found; // findings, and whose they are
    tok_numbers found_at;
    uint32_t now;                  // the node in work
    size_t found_before;           // its rule began
    tok_lines proof, notes, whole; // claims; what was assumed; why the program is not a stream

    // what the needed nodes are, taken together (demand.c)
    unsigned facts;
    int64_t shortened; // window asked for where the model has a longer one; 0: none

    // the program; NULL before it is emitted
    ir_module *m;
    ir_func *f; // @run
};

// Where findings go: kept until it is known which nodes are needed, or said at once.
static inline diag_sink *tok_sink(const tok_ctx *c) { return c->found ? c->found : c->diags; }
static inline tok_node *tok_at(const tok_ctx *c, uint32_t n) { return &c->nodes.items[n]; }

// Role of parameter i: tokens, mask, positions, past, fixed.
const char *tok_role(const tok_ctx *c, const ir_func *f, size_t i);
bool tok_is_past(const tok_ctx *c, size_t param);
const ir_type *tok_type(const tok_ctx *c, uint32_t node, int probe);
bool tok_is_empty(const tok_ctx *c, uint32_t node); // has no elements at any probe

// ---- skeleton.c: which values correspond -----------------------------------------------------

// Reads the probes; builds the skeleton. False: reported.
bool tok_probes_find(tok_ctx *c);
bool tok_skeleton_build(tok_ctx *c);
// Attributes mean the same; slices may start elsewhere.
bool tok_same_attrs(const ir_module *m, const ir_op *a, const ir_op *b);

// ---- report.c: what is said about nodes ------------------------------------------------------

// Where a node comes from, for diagnostics.
diag_loc tok_loc(const tok_ctx *c, uint32_t node);
const char *tok_name(const tok_ctx *c, uint32_t node); // "node '/h.0/Add'"
// A finding about a node. A rule's first is its only one, and is reported only if the node turns
// out to be needed; before and after the rules everything is. Returns false.
bool tok_fail(tok_ctx *c, uint32_t node, diag_id id, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
// What was found since the last call, by whatever code, is the node's (TOK_NONE: always reported).
void tok_own_findings(tok_ctx *c, uint32_t node);
// Reports what was found about needed nodes, in order. False: there was something.
bool tok_report(tok_ctx *c);
void tok_proof(tok_ctx *c, uint32_t node, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void tok_note(tok_ctx *c, uint32_t node, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void tok_whole(tok_ctx *c, uint32_t node, const char *why);
bool tok_line_counts(const tok_ctx *c, const tok_line *l); // its node is needed

// ---- eval.c: values of the probes ------------------------------------------------------------

// Value v of a probe function. params[i]: tensor of parameter i, or NULL: not to be needed.
// Constants are remembered; other values live in `a`. False: reported.
bool tok_eval(tok_ctx *c, tok_probe *p, ir_val v, const tensor *const *params, arena *a,
              tensor *out);
// The value of a constant node at probe i; NULL: reported.
const tensor *tok_const_at(tok_ctx *c, uint32_t node, int i);
bool tok_is_huge(tok_ctx *c, const tok_probe *p, ir_val v); // reports that; false

// ---- part.c: some rows of what is large --------------------------------------------------

// Indices [from, from + size) of every axis of a value.
typedef struct {
    int64_t from[IR_MAX_RANK], size[IR_MAX_RANK];
} tok_box;

// A probe function of whose values parts are asked for; params as in tok_eval.
typedef struct {
    tok_ctx *c;
    tok_probe *p;
    const tensor *const *params;
    arena *a;             // of what is evaluated whole
    const tensor **whole; // by value; NULL before the first part
} tok_parts;

// Value v, which is not large: evaluated once. NULL: reported.
const tensor *tok_eval_whole(tok_parts *s, ir_val v);
// Part of value v. The part lives in `a`, or longer. False: reported.
bool tok_eval_part(tok_parts *s, ir_val v, const tok_box *b, arena *a, tensor *out);

// ---- inputs.c, past.c, class.c, check.c ------------------------------------------------------

// Tokens that an encoder reads at a probe, as its inputs have them; 0: none does.
int64_t tok_encoder_rows(const tok_ctx *c, const tok_probe *p);
uint32_t tok_base_of(const tok_ctx *c, uint32_t node); // through views
bool tok_past_match(tok_ctx *c);                       // false: reported
void tok_past_finish(tok_ctx *c); // caches of the rings; a step is rows of a bigger one
void tok_write_class(tok_ctx *c); // class and sizes of the program, and its notes
void tok_write_proof(tok_ctx *c);
bool tok_padding(tok_ctx *c); // roles of masks: may hidden rows be left out? false: reported
bool tok_check(tok_ctx *c);   // false: reported

#endif
