// The float32 truth of a data set; see truth.h.
#include "cli/onnx_test/truth.h"
#include "ir/eval/interp.h"
#include "passes/pass.h"
#include "passes/rewrite/rewrite.h"
#include <math.h>

typedef struct {
    arena *a;
    const onnx_test_options *options;
    truth_kind kind;
    tensor_set truth;
    bool rounds; // something was left out
} truth;

static bool is_half(elem e) { return e == ELEM_f16 || e == ELEM_bf16; }

static bool has_half(const ir_func *f) {
    for (size_t i = 1; i < f->values.count; i++)
        if (is_half(f->values.items[i].type.type)) return true;
    return false;
}

static bool is_view(const ir_op *op) {
    return op->code == IR_t_reshape || op->code == IR_t_transpose;
}

// The numbers that v, views of which op dequantises, are codes of by the same scale; IR_NONE: they
// are none. Makes the views of them.
static ir_val numbers_of(rewrite *r, const ir_op *op, ir_val v) {
    const ir_op *codes = ir_def(r->of, v);
    if (!codes) return IR_NONE;
    if (is_view(codes)) {
        const ir_val x = numbers_of(r, op, codes->operand[0]);
        ir_type t = *ir_type_of(r->of, v);
        if (x == IR_NONE) return IR_NONE;
        t.type = ir_type_of(r->f, x)->type;
        return rewrite_add(r, codes->code, &x, 1, &codes->attrs, &t, codes);
    }
    if (codes->code == IR_t_dynquant)
        return ir_def(r->of, op->operand[1]) == codes ? rewrite_get(r, codes->operand[0]) : IR_NONE;
    if (codes->code != IR_t_quantize || codes->operand[1] != op->operand[1]) return IR_NONE;
    return rewrite_get(r, codes->operand[0]);
}

// What a rounding to codes, and back from them with the same scale, was made of; IR_NONE: op is
// none.
static ir_val unrounded(rewrite *r, const ir_op *op) {
    if (op->code != IR_t_dequantize || op->n_operands < 2) return IR_NONE;
    return numbers_of(r, op, op->operand[0]);
}

// The function without rounding to codes, in a module of its own. NULL: reported.
static ir_module *without_codes(truth *t, const ir_module *old, const ir_func *f,
                                diag_sink *diags) {
    ir_module *m = ir_module_derive(old);
    rewrite r = rewrite_begin(old, f, m, diags);
    for (size_t k = 0; k < f->ops.count; k++) {
        const ir_op *op = &f->ops.items[k];
        const ir_val x = unrounded(&r, op);
        t->rounds |= x != IR_NONE;
        if (x != IR_NONE)
            r.map[op->result[0]] = x;
        else
            rewrite_copy(&r, op);
    }
    if (rewrite_end(&r)) return m;
    ir_module_free(m);
    return NULL;
}

static ir_module *without_rounding(truth *t, const ir_module *m, const ir_func *f,
                                   diag_sink *diags) {
    static const pass_id passes[] = {PASS_ID_widen, PASS_ID_fold_constants, PASS_ID_canonicalize,
                                     PASS_ID_dce, PASS_ID_fuse};
    const pass_options o = pass_options_default();
    ir_module *now = NULL;
    t->rounds = has_half(f);
    for (size_t i = 0; i < ARRAY_LEN(passes); i++) {
        ir_module *next = pass_run(passes[i], i ? now : m, &o, diags);
        ir_module_free(now);
        if (!(now = next)) return NULL;
    }
    if (t->kind == TRUTH_OF_CHIPS) {
        t->rounds |= ir_attr_int(&now->attrs, IR_ATTR_relaxed, 0) != 0;
        return now;
    }
    ir_module *made = without_codes(t, now, ir_func_find(now, f->name), diags);
    ir_module_free(now);
    return made;
}

// Gives the outputs of the import itself, and keeps those without rounding.
static bool compute(void *ctx, const ir_module *m, const ir_func *f, const tensor *inputs, arena *a,
                    tensor *outputs, diag_sink *diags) {
    truth *t = ctx;
    ir_module *exact = without_rounding(t, m, f, diags);
    if (!exact) return false;
    const ir_func *g = ir_func_find(exact, f->name);
    ir_interp *run = ir_interp_new(exact, g, t->options->threads, diags);
    bool ok = run && ir_interp_step(run, NULL, inputs, a, outputs);
    ir_interp_free(run);
    t->truth = (tensor_set){ARENA_ARRAY(t->a, tensor_named, f->results.count + 1), 0};
    for (size_t i = 0; ok && i < f->results.count; i++)
        t->truth.items[t->truth.count++] = (tensor_named){arena_str(t->a, f->results.items[i].name),
                                                          tensor_copy(t->a, &outputs[i])};
    ir_module_free(exact);
    return ok;
}

bool onnx_test_truth(arena *a, const char *model_path, const char *set_dir,
                     const onnx_test_options *options, truth_kind kind, tensor_set *out) {
    truth t = {.a = a, .options = options, .kind = kind};
    const onnx_test_options o = {.engine = compute, .ctx = &t, .tolerance = INFINITY};
    onnx_test_set(a, model_path, set_dir, &o);
    *out = t.truth;
    return t.rounds && out->count > 0;
}
