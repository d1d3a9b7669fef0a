// ir_infer: what holds for every operation (operand count, attributes, sizes, declared results),
// around the function of its row.
#include "ir/infer/common.h"
#include <inttypes.h>
#include <string.h>

typedef bool (*infer_function)(ir_infer_ctx *c);
static const infer_function functions[IR_OP_COUNT] = {
#define OP(unit, name, ...) ir_infer_##unit##_##name,
#include "ir/ops.def"
};

static bool check_operands(ir_infer_ctx *c) {
    const ir_op_info *info = &ir_ops[c->op->code];
    const ir_op *op = c->op;
    bool any = info->n_max < 0;
    if (op->n_operands < (uint32_t)info->n_min ||
        (!any && op->n_operands > (uint32_t)info->n_max)) {
        const char *s = info->n_max == 1 ? "" : "s";
        if (info->n_min == info->n_max)
            return infer_error(c, DIAG_ID_op_operand_count, "takes %d operand%s, found %u",
                               info->n_min, s, op->n_operands);
        if (any)
            return infer_error(c, DIAG_ID_op_operand_count, "takes %d or more operands, found %u",
                               info->n_min, op->n_operands);
        return infer_error(c, DIAG_ID_op_operand_count, "takes %d to %d operands, found %u",
                           info->n_min, info->n_max, op->n_operands);
    }
    for (uint32_t i = 0; i < op->n_operands; i++) {
        if (!c->in[i] && (any || i < (uint32_t)info->n_min))
            return infer_error(c, DIAG_ID_op_operand_count, "operand %u must be present", i + 1);
    }
    return true;
}

static bool check_attributes(ir_infer_ctx *c) {
    const ir_attrs *attrs = &c->op->attrs;
    bool ok = true;
    for (uint32_t i = 0; i < attrs->count; i++) {
        const ir_attr *a = &attrs->items[i];
        if (!ir_op_takes(c->op->code, a->key, NULL))
            ok = infer_error(c, DIAG_ID_op_attribute, "takes no attribute '%s'",
                             ir_key_name(a->key));
        else if (a->kind != ir_key_kind(a->key))
            ok = infer_error(c, DIAG_ID_op_attribute, "attribute '%s' is of another kind",
                             ir_key_name(a->key));
    }
    for (const char *p = ir_ops[c->op->code].attributes; *p;) {
        size_t n = strcspn(p, " ");
        char name[32];
        CHECK(n > 0 && n < sizeof name, "attributes of %s", ir_ops[c->op->code].name);
        memcpy(name, p, n);
        name[n] = 0;
        if (name[n - 1] != '?') {
            ir_key k = ir_key_parse(name);
            CHECK(k != IR_ATTR_NONE, "attribute '%s' of %s", name, ir_ops[c->op->code].name);
            if (!ir_attr_has(attrs, k))
                ok = infer_error(c, DIAG_ID_op_attribute, "needs the attribute '%s'", name);
        }
        p += n;
        p += strspn(p, " ");
    }
    return ok;
}

// Domains only as axis 0, and few enough elements for every count to fit.
static bool check_result(ir_infer_ctx *c, const ir_type *t) {
    arena *a = arena_new();
    bool ok = true;
    for (int i = 1; i < t->rank; i++) {
        if (ir_dim_is_domain(t->dim[i]))
            ok = infer_error(c, DIAG_ID_op_result,
                             "would give the type '%s', whose token axis is not the first",
                             ir_type_text(a, t));
    }
    if (ok && ir_type_width(t) > IR_MAX_ELEMENTS)
        ok = infer_error(c, DIAG_ID_type_size, "would give the type '%s', which is too large",
                         ir_type_text(a, t));
    arena_free(a);
    return ok;
}

static bool check_declared(ir_infer_ctx *c, const ir_type *declared, const ir_type *t) {
    if (ir_type_equal(declared, t)) return true;
    arena *a = arena_new();
    infer_error(c, DIAG_ID_op_result, "gives the type '%s', declared is '%s'", ir_type_text(a, t),
                ir_type_text(a, declared));
    arena_free(a);
    return false;
}

bool ir_infer(ir_infer_ctx *c) {
    bool operands = check_operands(c), attributes = check_attributes(c);
    if (!operands || !attributes) return false;
    const int n = ir_ops[c->op->code].results;
    if (!functions[c->op->code](c)) return false;
    for (int i = 0; i < n; i++) {
        if (!check_result(c, &c->out[i])) return false;
        if (c->declared && !check_declared(c, &c->declared[i], &c->out[i])) return false;
    }
    return true;
}
