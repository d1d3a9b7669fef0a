// bind: which sizes is a model proved at? Imports it at several token counts into one module: the
// probe functions that find-tokens compares.
//
// passes/ does not know ONNX: the model is described by its ports, and imported through a callback.
#ifndef OHMIC_PASSES_TOKENS_BIND_BIND_H
#define OHMIC_PASSES_TOKENS_BIND_BIND_H

#include "passes/pass.h"

typedef struct {
    int64_t size;     // < 0: free
    const char *name; // of a free dimension; NULL: none
} bind_dim;

typedef struct {
    const char *name;
    elem type;
    int rank;
    bind_dim dim[IR_MAX_RANK];
} bind_port;

typedef struct {
    const char *input;
    int rank;
    int64_t dim[IR_MAX_RANK];
} bind_shape;

// A size that an operator fixes of an axis which the model leaves open.
typedef struct {
    const char *input; // NULL: none
    int axis;
    int64_t size;
} bind_size;

typedef struct bind_source {
    void *ctx;
    const bind_port *inputs; // graph inputs that are not initialisers
    size_t n_inputs;
    const char *const *outputs; // names of the model's outputs; NULL: nobody chooses among them
    size_t n_outputs;
    const struct bind_source *cached; // the same model in a form that takes caches; NULL: none
    // Appends the function `name` to m: every input at the given shape (all inputs, in order),
    // those of `values` constants instead of parameters. *wanted: the first size that does not
    // suit an operator, which takes another. False: reported.
    bool (*import)(void *ctx, const bind_shape *shapes, const tensor_named *values, size_t n_values,
                   ir_module *m, const char *name, bind_size *wanted, diag_sink *diags);
} bind_source;

// --bind NAME=VALUE: a dimension's size by its name; an input's value: a number for every element,
// or "positions" (0, 1, 2 ... along the tokens).
typedef struct {
    const char *name, *value;
} bind_value;

typedef struct {
    const pass_options *o; // max_tokens, axes and roles
    const bind_value *values;
    size_t n_values;
} bind_options;

// What an input is, as far as names, types and options tell.
typedef struct {
    const char *role; // tokens, positions, mask, past, fixed
    // batch, tokens, past, total (past and tokens), fixed; BIND_ENCODER: tokens of the encoder
    const char *axis[IR_MAX_RANK];
    const char *asked[IR_MAX_RANK]; // domain that --axis gives a token axis: enc, dec; NULL: none
    int64_t size[IR_MAX_RANK];      // of batch and fixed axes; < 0: free
    bool is_bound;                  // its value is given
    const char *value;              // that value (bind_value); NULL: positions
    bool is_branch;                 // it is 0: the branch of a merged model without a cache
} bind_role;

// What an encoder reads beside a decoder: a token count of its own.
#define BIND_ENCODER "tokens:enc"

// Roles of all inputs (array of n_inputs, in `a`); NULL: reported.
bind_role *bind_roles(arena *a, const bind_source *s, const bind_options *o, diag_sink *diags);

// Inputs of three axes that a convolution reads as [batch, channels, tokens] are that.
// `is_convolved` imports for trial at the sizes that the roles say.
void bind_channels(const bind_source *s, bind_role *role,
                   bool (*is_convolved)(void *ctx, size_t input), void *ctx);

// Settles the sizes of fixed axes that the model leaves open: what operators take, when asked with
// any; of an input that nothing reads, 1. `ask` imports for trial at the sizes that the roles say,
// and sets *wanted and is_read (by input; false where it cannot be imported). False: reported.
bool bind_sizes(arena *a, const bind_source *s, bind_role *role,
                bool (*ask)(void *ctx, bind_size *wanted, bool *is_read), void *ctx,
                diag_sink *diags);

// What a probe is bound to. encoder: tokens of the other free count, where there is one.
typedef struct {
    int64_t tokens, encoder, past;
} bind_counts;

// Appends the function `name` to m: the model at these counts. *wanted as of bind_source. False:
// reported.
bool bind_import(arena *a, const bind_source *s, const bind_role *role, bind_counts n, ir_module *m,
                 const char *name, bind_size *wanted, diag_sink *diags);

// A form of a model, and what its inputs are.
typedef struct {
    const bind_source *s;
    const bind_role *role;
} bind_form;
// Executes one token in the form that takes caches, behind some in the form without, and all of
// them in that. A proof line of m, or a note why it cannot be done. False: they differ, reported.
bool bind_check_cached(bind_form plain, bind_form cached, ir_module *m, uint64_t seed,
                       diag_sink *diags);
// Roles of a form that takes caches, in which what is the encoder's counts its tokens.
void bind_mark_encoders(const bind_source *s, bind_role *role);

// What tells caches apart, behind past_key_values and present: ".0.key"; NULL: the name is none.
const char *bind_cache_taken(const char *input);
const char *bind_cache_given(const char *output);
// By the names of an axis (-1: none) and its input: is it about the encoder of a decoder?
bool bind_is_encoders(const bind_port *p, int axis);
// Notes at f's outputs which inputs give them back (IR_ATTR_preload), for caches of the decoder.
void bind_link_caches(arena *a, const bind_source *s, const bind_role *role, ir_func *f);

// Tells an encoder's tokens from a decoder's, by the names of dimensions and inputs where the model
// takes different counts of them: their axes become BIND_ENCODER. `takes` imports for trial at the
// sizes that the roles say, `tokens` of the one and `encoder` of the other. False: reported.
bool bind_domains(arena *a, const bind_source *s, bind_role *role,
                  bool (*takes)(void *ctx, int64_t tokens, int64_t encoder), void *ctx,
                  diag_sink *diags);

// The node of a comparison with the length that f and g, one model at two lengths, decide
// differently; NULL: there is none.
const char *bind_turned(const ir_module *m, const ir_func *f, const ir_func *g);
// Adds a length to each comparison that comes out otherwise at some length below that of g than at
// those of f and g, where none of the n in `length` does; never more than `room`. The new n.
size_t bind_lengths(const ir_module *m, const ir_func *f, const ir_func *g, int64_t *length,
                    size_t n, size_t room);

// The longest sequence that the tables of a model allow: those looked up by position, and buffers
// sliced by the token count.
typedef struct {
    int64_t rows;     // INT64_MAX: no limit found
    const char *node; // that reads the table
} bind_limit;
// f and g: the model at n1 and n2 tokens.
bind_limit bind_table_limit(const ir_module *m, const ir_func *f, const ir_func *g, int64_t n1,
                            int64_t n2);

// A new module with @n1, @n2, @n3 and @max (and @past where there are past inputs), or @max alone
// for a model without a free token dimension. Each has attributes probe, tokens, past; parameters
// have role and onnx_shape. A model of an encoder and a decoder has two counts in each probe,
// neither a simple function of the other. NULL: reported.
//
// *reference (NULL: not asked for) is a module of its own, for no pass to touch: what checks
// execute (pass_options.reference). @n1, @max and @past as above, and @length0 ... at lengths below
// @n1.
ir_module *bind_module(const bind_source *s, const bind_options *o, ir_module **reference,
                       diag_sink *diags);

#endif
