// The IR: SSA, straight-line functions, two stages. One in-memory form for every pass.
//
// A module owns everything in it through one arena; big tensor data may be aliased from a mapped
// file, which must outlive the module or be given to it (ir_module_adopt). Passes make a new module
// from an old one and share tensor data; either may be freed first.
// Text form and verifier: text.h, verify.h. Interpreter: interp.h.
#ifndef OHMIC_IR_IR_H
#define OHMIC_IR_IR_H

#include "support/arena.h"
#include "support/diag.h"
#include "support/file/file.h"
#include "support/map.h"
#include "support/num/tensor.h"
#include "support/vec.h"

// ---- words -----------------------------------------------------------------------------------

// Enumerations that text spells as words; enums.def says what each means.
#define ENUM(name) typedef enum {
#define WORD(constant, word, summary) IR_##constant,
#define END(name) \
    }             \
    ir_##name;
#include "ir/enums.def"

typedef enum {
#define ENUM(name) IR_ENUM_##name,
#include "ir/enums.def"
    IR_ENUM_COUNT
} ir_enum;

const char *ir_word(ir_enum e, int value);
const char *ir_words(ir_enum e); // all of them, for messages: "free lin one last"
bool ir_word_parse(ir_enum e, const char *s, int *value);
bool ir_is_word(ir_enum e, int value);

// ---- types -----------------------------------------------------------------------------------

#define IR_MAX_RANK TENSOR_MAX_RANK
#define IR_MAX_DOMAINS 8

// Axis sizes are >= 0. A token domain tN stands as IR_DIM_DOMAIN(N), only as axis 0.
typedef struct {
    elem type;
    int rank;
    int64_t dim[IR_MAX_RANK];
} ir_type;

#define IR_DIM_DOMAIN(n) (-1 - (int64_t)(n))
static inline bool ir_dim_is_domain(int64_t d) { return d < 0; }
static inline int ir_dim_domain(int64_t d) { return (int)(-1 - d); }
// Domain of a token-typed value, or -1 for a plain tensor.
static inline int ir_type_domain(const ir_type *t) {
    return t->rank > 0 && ir_dim_is_domain(t->dim[0]) ? ir_dim_domain(t->dim[0]) : -1;
}
int64_t ir_type_width(const ir_type *t); // elements of a row (product of axes after a domain axis);
                                         // plain: all elements
// The axis of `from` that holds what axis `axis` of its reshape `to` holds; -1: none.
int ir_type_same_axis(const ir_type *from, const ir_type *to, int axis);
bool ir_type_equal(const ir_type *a, const ir_type *b);
ir_type ir_type_make(elem e, int rank, const int64_t *dim);
const char *ir_type_text(arena *a, const ir_type *t); // "f32[t0,128]"

// ---- attributes ------------------------------------------------------------------------------

typedef enum {
    IR_ATTR_NONE,
#define ATTR(name, kind, summary) IR_ATTR_##name,
#include "ir/attrs.def"
    IR_ATTR_COUNT
} ir_key;

typedef enum {
    IR_INT,
    IR_FLOAT,
    IR_STR,
    IR_SYM,
    IR_INTS,
    IR_FLOATS,
    IR_STRS,
    IR_SYMS
} ir_attr_kind;

typedef struct {
    ir_key key;
    ir_attr_kind kind;
    uint32_t count; // of a list; 1 otherwise
    union {
        int64_t i;
        double f;
        const char *s; // STR, and SYM (without '@')
        const int64_t *is;
        const double *fs;
        const char *const *ss; // STRS, and SYMS: NULL where an entry is left out
    };
} ir_attr;

typedef struct { // kept sorted by key
    ir_attr *items;
    uint32_t count, capacity;
} ir_attrs;

const char *ir_key_name(ir_key k);
ir_attr_kind ir_key_kind(ir_key k);
ir_key ir_key_parse(const char *s); // IR_ATTR_NONE when unknown

const ir_attr *ir_attr_find(const ir_attrs *l, ir_key k); // NULL when absent
bool ir_attr_has(const ir_attrs *l, ir_key k);
int64_t ir_attr_int(const ir_attrs *l, ir_key k, int64_t otherwise);
double ir_attr_float(const ir_attrs *l, ir_key k, double otherwise);
const char *ir_attr_str(const ir_attrs *l, ir_key k, const char *otherwise); // STR and SYM
// Value of the word that a STR attribute holds; `otherwise` when it is absent, -1: no word of e.
int ir_attr_word(const ir_attrs *l, ir_key k, ir_enum e, int otherwise);
// The same as an ir_SET, of attributes whose words are known to be good.
#define IR_WORD(l, key, set, otherwise) \
    ((ir_##set)ir_attr_word((l), IR_ATTR_##key, IR_ENUM_##set, IR_##otherwise))
// Lists: NULL and *n = 0 when absent.
const int64_t *ir_attr_ints(const ir_attrs *l, ir_key k, size_t *n);
const double *ir_attr_floats(const ir_attrs *l, ir_key k, size_t *n);
const char *const *ir_attr_strs(const ir_attrs *l, ir_key k, size_t *n); // STRS and SYMS
// Setters copy into the arena and replace an earlier value. The kind is the key's.
void ir_attr_set_int(arena *a, ir_attrs *l, ir_key k, int64_t v);
void ir_attr_set_float(arena *a, ir_attrs *l, ir_key k, double v);
void ir_attr_set_str(arena *a, ir_attrs *l, ir_key k, const char *v); // STR and SYM
void ir_attr_set_word(arena *a, ir_attrs *l, ir_key k, ir_enum e, int value);
void ir_attr_set_ints(arena *a, ir_attrs *l, ir_key k, const int64_t *v, size_t n);
void ir_attr_set_floats(arena *a, ir_attrs *l, ir_key k, const double *v, size_t n);
void ir_attr_set_strs(arena *a, ir_attrs *l, ir_key k, const char *const *v, size_t n);
void ir_attr_remove(ir_attrs *l, ir_key k);
ir_attrs ir_attrs_copy(arena *a, const ir_attrs *l);
bool ir_attrs_equal(const ir_attrs *a, const ir_attrs *b);

// ---- symbols ---------------------------------------------------------------------------------

typedef struct {
    const double *items;
    size_t count;
} ir_reals;

// The key/value store of one attention: ring.def says what each field is. Questions: ring.h.
typedef struct {
#define RING_INT(name, ...) int64_t name;
#define RING_REAL(name, ...) double name;
#define RING_WORD(name, set, ...) ir_##set name;
#define RING_NAME(name, ...) const char *name;
#define RING_REALS(name, ...) ir_reals name;
#include "ir/ring.def"
} ir_ring;

typedef struct {
    ir_symbol_kind kind;
    const char *name; // without '@'
    ir_attrs attrs;   // group
    ir_ring *ring;    // ring
    tensor data;      // tensor; shared with other modules, read-only
    char hash[33];    // "" until ir_symbol_hash was asked
    int line;         // in the text it was parsed from; 0: none
} ir_symbol;

// ---- operations and functions ----------------------------------------------------------------

typedef enum {
#define OP(unit, name, ...) IR_##unit##_##name,
#include "ir/ops.def"
    IR_OP_COUNT
} ir_opcode;

typedef enum { IR_EXACT, IR_ROUND } ir_class;

// What those who do not know an operation may do with it.
typedef enum {
    IR_KIND_ANY,     // nothing
    IR_KIND_MAP,     // element i of the result is made of elements i of the operands, broadcast
    IR_KIND_SWAP,    // the same, of two operands that may be swapped
    IR_KIND_VIEW,    // the operand's elements in another shape
    IR_KIND_COLUMNS, // columns of its operands' rows: a place in their buffers, no instruction
    IR_KIND_STORES,  // writes its ring, of which each function has one such
    IR_KIND_READS,   // reads what was stored on its ring
    IR_KIND_LEAVES,  // its rows leave through a port
    IR_KIND_LINK,    // its rows travel between tiles
} ir_op_kind;

// Which rows of its operands a row of the result needs.
typedef enum {
    IR_ROWS_EACH,   // that of the same number
    IR_ROWS_ALL,    // all: none comes before the last of them
    IR_ROWS_SKIP,   // the one `row` rows further on
    IR_ROWS_PREFIX, // the one as many rows back as the table has
    IR_ROWS_WINDOW, // `pad` rows back to k - 1 - pad rows ahead
    IR_ROWS_INDEX,  // any, whenever: all must have come and none may go
} ir_op_rows;

// The tile of a mapped operation, unless its ring stands somewhere.
typedef enum {
    IR_HOME_OPERAND, // where its latest operand is made
    IR_HOME_READER,  // where its result is read
    IR_HOME_PRODUCT, // the same where only products read it
    IR_HOME_GROUP,   // where its group stands
} ir_op_home;

typedef struct {
    const char *name;        // "t.add"
    const char *unit, *base; // "t", "add"
    const char *stages;
    int n_min, n_max, results;
    const char *attributes;
    ir_class class;
    ir_op_kind kind;
    ir_op_rows rows;
    ir_op_home home;
    const char *rule, *lowering, *emission; // names of functions; "none"
    const char *summary;
} ir_op_info;

extern const ir_op_info ir_ops[IR_OP_COUNT];
bool ir_opcode_parse(const char *name, ir_opcode *code);
bool ir_op_takes(ir_opcode code, ir_key k, bool *optional);
// IR_OP_COUNT stands for no operation.
static inline ir_op_kind ir_kind_of(ir_opcode code) {
    return code < IR_OP_COUNT ? ir_ops[code].kind : IR_KIND_ANY;
}
static inline bool ir_is_elementwise(ir_opcode code) {
    return ir_kind_of(code) == IR_KIND_MAP || ir_kind_of(code) == IR_KIND_SWAP;
}

typedef uint32_t ir_val; // value of a function; 0 is "none"
#define IR_NONE 0u

typedef struct {
    ir_opcode code;
    uint32_t n_operands, n_results, n_locs;
    ir_val *operand;
    ir_val *result;
    const char **loc; // ONNX node names; several after fusion
    ir_attrs attrs;
    int line, col, end_col; // of its name in the text it was parsed from; 0: none
} ir_op;

typedef struct {
    ir_type type;
    const char *name; // without '%'; unique in the function; NULL: printed by number
    uint32_t op;      // index of the defining operation; UINT32_MAX: parameter
} ir_value;

typedef struct {
    ir_val value;
    const char *name; // ONNX name
    ir_attrs attrs;   // range_lo, range_hi, role, onnx_type, ...
} ir_port;

static inline bool ir_has_role(const ir_port *p, ir_port_role role) {
    return ir_attr_word(&p->attrs, IR_ATTR_role, IR_ENUM_port_role, -1) == (int)role;
}
// 0 hides a token, whatever becomes of its row.
static inline bool ir_is_mask(const ir_port *p) {
    return ir_has_role(p, IR_ROLE_MASK) || ir_has_role(p, IR_ROLE_LENGTH) ||
           ir_has_role(p, IR_ROLE_HIDES) || ir_has_role(p, IR_ROLE_WEIGHTS) ||
           ir_has_role(p, IR_ROLE_ONES_FIRST);
}

typedef VEC(ir_op) ir_op_list;
typedef VEC(ir_value) ir_value_list;
// The model's shape in words, "[1,t0,512]"; "": not known.
const char *ir_port_shape(arena *a, const ir_port *p);
typedef VEC(ir_port) ir_port_list;
typedef struct {
    const char *name;
    ir_attrs attrs;       // class, max_chunk, probe, tokens, past
    ir_value_list values; // [0] unused
    ir_op_list ops;       // program order; operands are defined earlier
    ir_port_list params, results;
    int line; // in the text it was parsed from; 0: none
} ir_func;

// A token domain.
typedef struct {
    bool used;
    ir_domain_kind kind;
    int of;                // lin, last: the domain it derives from
    int64_t mul, add, div; // lin: (mul * n + add) / div rows where `of` has n
    int64_t max, fixed;    // free: most rows, and the only number there can be; 0: not said
    int line;              // in the text it was parsed from; 0: none
} ir_domain;

typedef VEC(ir_symbol *) ir_symbol_list;
typedef VEC(ir_func *) ir_func_list;
typedef VEC(const char *) ir_text_list;
typedef struct {
    arena *arena;
    ir_stage stage;
    ir_attrs attrs; // class, max_tokens, max_chunk, chip
    ir_domain domain[IR_MAX_DOMAINS];
    ir_symbol_list symbols;
    map *symbol_index;
    ir_func_list funcs;
    ir_text_list proof; // find-tokens' record, one claim a line
    ir_text_list notes; // sentences for the summary: what was assumed, relaxed or approximated
    int line;           // of its `module` in the text it was parsed from; 0: none
    map *suffix;        // internal: last suffix given to a symbol's name
    struct ir_memory
        *memory; // internal: the arena and the mapped files, shared with derived modules
} ir_module;

ir_module *ir_module_new(void);
// NULL is allowed. Memory that derived modules still refer to (the arena, adopted files) stays
// until they go.
void ir_module_free(ir_module *m);
// A module with the same attributes, domains, symbols (data shared), proof and notes, without
// functions.
ir_module *ir_module_derive(const ir_module *m);
// Takes over a mapped file that tensors alias: closed when neither m nor a derived module needs it.
void ir_module_adopt(ir_module *m, file_map f);

ir_symbol *ir_symbol_find(const ir_module *m, const char *name); // NULL when absent
// Adds a symbol; a name in use gets a suffix (".1", ".2" ...). data is referenced, not copied.
ir_symbol *ir_symbol_add(ir_module *m, ir_symbol_kind kind, const char *name);
ir_symbol *ir_symbol_add_tensor(ir_module *m, const char *name, tensor data);
const char *ir_symbol_hash(ir_symbol *s); // 32 hex digits over type, shape and bytes
void ir_symbols_sweep(ir_module *m);      // drops symbols that no function, group or ring refers to

ir_func *ir_func_add(ir_module *m, const char *name); // the name must be free
ir_func *ir_func_find(const ir_module *m, const char *name);
// Copies a function (of any module) into m under its name, which must be free there; value numbers
// stay. Attributes name symbols, so they mean those of m.
ir_func *ir_func_copy(ir_module *m, const ir_func *f);

// ---- token domains ---------------------------------------------------------------------------

int ir_domain_parse(const char *s); // "t3" -> 3; -1: no domain's name
bool ir_domain_is(const ir_module *m, int d, ir_domain_kind kind); // d may be any number
int ir_domain_parent(const ir_module *m, int d);                   // it derives from; -1: none
int ir_domain_root(const ir_module *m, int d);         // d itself where it derives from none
bool ir_domain_has_one_row(const ir_module *m, int d); // in every step
int64_t ir_domain_max(const ir_module *m, int d);      // most rows in a step; INT64_MAX: not known
// Rows of a lin domain where its parent has n; false: they do not fit a number.
bool ir_domain_lin(const ir_domain *d, int64_t n, int64_t *rows);

// ---- building --------------------------------------------------------------------------------

// The value takes the ONNX name where that is an identifier and free; set the value's name to NULL
// to number it.
ir_val ir_param_add(ir_module *m, ir_func *f, const char *name, ir_type type);
ir_port *ir_result_add(ir_module *m, ir_func *f, const char *name, ir_val v);

// Appends an operation whose result types are inferred (ir_infer_*). Attributes, if any, must be
// complete (pass NULL for none; copied). For t.reshape, t.broadcast, t.slice, t.onehot, t.range,
// t.nonzero and rows.* that need it, use ir_build_typed. loc_from: operation whose loc is taken
// over, or NULL. Returns the first result (the others follow it); IR_NONE and a diagnostic in
// `diags` when the operands do not fit. An operation without results returns IR_NONE as well: ask
// diags.
ir_val ir_build(ir_module *m, ir_func *f, ir_opcode code, const ir_val *operands, size_t n,
                const ir_attrs *attrs, const ir_op *loc_from, diag_sink *diags);
ir_val ir_build_typed(ir_module *m, ir_func *f, ir_opcode code, const ir_val *operands, size_t n,
                      const ir_attrs *attrs, const ir_type *types, const ir_op *loc_from);
ir_op *ir_last_op(ir_func *f);
ir_val ir_build_const(ir_module *m, ir_func *f, const char *name_hint, tensor data);
void ir_op_add_loc(arena *a, ir_op *op, const char *node); // once each

static inline const ir_type *ir_type_of(const ir_func *f, ir_val v) {
    return &f->values.items[v].type;
}
// Defining operation, NULL for a parameter or IR_NONE.
static inline const ir_op *ir_def(const ir_func *f, ir_val v) {
    return v == IR_NONE || f->values.items[v].op == UINT32_MAX
               ? NULL
               : &f->ops.items[f->values.items[v].op];
}
// Tensor of a t.const value, NULL when v is not one.
const tensor *ir_const_of(const ir_module *m, const ir_func *f, ir_val v);
// uses[v] = number of operand positions and function results that name v (array of f->values.count,
// in `a`).
uint32_t *ir_count_uses(arena *a, const ir_func *f);

#endif
