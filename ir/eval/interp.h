// The interpreter: the oracle for passes and simulator. Slow and plain where that costs nothing.
//
// Plain functions (no token domains) are evaluated in one go. Token-typed functions run *steps*:
// each step gives every free domain a number of rows; positions, rings and row history stay between
// steps. t0 streams; the rows of another free domain (an encoder's) come whole, in the first step
// of a sequence or in a phase of their own, and none of them later.
#ifndef OHMIC_IR_EVAL_INTERP_H
#define OHMIC_IR_EVAL_INTERP_H
#include "ir/ir.h"

typedef struct {
    const ir_module *module;
    const ir_func *func;
    arena *arena; // results live here
    int threads;  // 0: all cores
    // rows and position of each domain in this step (token-typed functions only)
    int64_t rows[IR_MAX_DOMAINS], pos[IR_MAX_DOMAINS];
    struct ir_ring_state *rings; // of the module, ir/eval/ring.h; NULL in plain functions
    struct ir_history *history; // of each operation, ir/eval/eval.h; NULL where steps are unrelated
    diag_sink *diags;
    // mapped functions: what io.in reads (by func->params) and io.out writes (by func->results);
    // else NULL
    const tensor *inputs;
    tensor *outputs;
    bool exact;                  // converters of pools lose nothing
    bool quick;                  // products may be quick (ir/kernel/product.h)
    struct product_store *store; // of those, to have in common with other executions; NULL: none
} ir_eval_ctx;

// Evaluates one operation: in[i] for absent operands is NULL; out[] has type and shape set (domains
// replaced by their rows) and data allocated, zeroed; or, for those that only hand rows on, the
// data of in[0]. False: reported.
bool ir_eval_op(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out);
#define OP(unit, name, ...)                                                                \
    bool ir_eval_##unit##_##name(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, \
                                 tensor *out);
#include "ir/ops.def"

typedef struct ir_interp ir_interp;
ir_interp *ir_interp_new(const ir_module *m, const ir_func *f, int threads, diag_sink *diags);
// Another function of the same module, on the same rings: a later phase of one program. `first`
// goes last.
ir_interp *ir_interp_beside(ir_interp *first, const ir_func *f);
void ir_interp_free(ir_interp *t);
// From now on products are quick: for comparisons within a tolerance.
void ir_interp_quick(ir_interp *t);
// From now on converters of pools are exact: what a program computes beside what they lose.
void ir_interp_exact(ir_interp *t);
// Quick products with constant matrices go through the store, in the mode that it is in at the time
// (ir/kernel/store.h). The modules live as long as the store is used.
void ir_interp_share(ir_interp *t, struct product_store *s);
void ir_interp_reset(ir_interp *t); // positions 0, rings and history empty
// One step. Plain functions: rows is NULL. inputs[i] belongs to func->params[i]; token inputs have
// their rows as axis 0 ([rows] or [rows, W]). Outputs are allocated in `a`, in order of
// func->results. Values not needed any more are released during the step.
bool ir_interp_step(ir_interp *t, const int64_t *rows, const tensor *inputs, arena *a,
                    tensor *outputs);
// Called for every value computed (eval --layers, --trace); the tensor lives until the call
// returns.
typedef void (*ir_observer)(void *ctx, const ir_op *op, uint32_t result, const tensor *value);
void ir_interp_observe(ir_interp *t, ir_observer f, void *ctx);
int64_t ir_interp_pos(const ir_interp *t, int domain);
// Contents of a ring, [n][n_kv*d] and [n][n_kv*dv], oldest first. Loaded, they are the tokens at
// positions end - n ... end - 1, and all that the ring holds.
bool ir_interp_ring_load(ir_interp *t, const char *ring, int64_t end, const tensor *k,
                         const tensor *v);
bool ir_interp_ring_read(ir_interp *t, const char *ring, arena *a, tensor *k, tensor *v);
void ir_interp_set_pos(ir_interp *t, int domain, int64_t pos);
#endif
