// Result types of t.* operations that work element by element.
#include "ir/infer/common.h"

static bool same(ir_infer_ctx *c) {
    c->out[0] = *c->in[0];
    return true;
}

static bool map1(ir_infer_ctx *c) { return infer_number(c, 0) && same(c); }

static bool map2(ir_infer_ctx *c) {
    c->out[0].type = c->in[0]->type;
    return infer_number(c, 0) && infer_same_elem(c, 0, 1) && infer_broadcast(c, 0, 2, &c->out[0]);
}

static bool compare(ir_infer_ctx *c) {
    c->out[0].type = ELEM_bool;
    return infer_number(c, 0) && infer_same_elem(c, 0, 1) && infer_broadcast(c, 0, 2, &c->out[0]);
}

static bool bits(ir_infer_ctx *c, size_t i) {
    return c->in[i]->type == ELEM_bool || infer_integer(c, i);
}

static bool logic(ir_infer_ctx *c) {
    c->out[0].type = c->in[0]->type;
    return bits(c, 0) && infer_same_elem(c, 0, 1) && infer_broadcast(c, 0, 2, &c->out[0]);
}

#define FN1(name, code, summary) \
    bool ir_infer_t_##name(ir_infer_ctx *c) { return map1(c); }
#define FN2(name, code, summary) \
    bool ir_infer_t_##name(ir_infer_ctx *c) { return map2(c); }
#include "support/num/fn.def"

bool ir_infer_t_mod(ir_infer_ctx *c) {
    bool fmod;
    return infer_flag(c, IR_ATTR_fmod, &fmod) && map2(c);
}

bool ir_infer_t_eq(ir_infer_ctx *c) {
    c->out[0].type = ELEM_bool;
    bool both = c->in[0]->type == ELEM_bool || infer_number(c, 0);
    return both && infer_same_elem(c, 0, 1) && infer_broadcast(c, 0, 2, &c->out[0]);
}
bool ir_infer_t_lt(ir_infer_ctx *c) { return compare(c); }
bool ir_infer_t_le(ir_infer_ctx *c) { return compare(c); }
bool ir_infer_t_gt(ir_infer_ctx *c) { return compare(c); }
bool ir_infer_t_ge(ir_infer_ctx *c) { return compare(c); }

bool ir_infer_t_and(ir_infer_ctx *c) { return logic(c); }
bool ir_infer_t_or(ir_infer_ctx *c) { return logic(c); }
bool ir_infer_t_xor(ir_infer_ctx *c) { return logic(c); }
bool ir_infer_t_not(ir_infer_ctx *c) { return bits(c, 0) && same(c); }

bool ir_infer_t_isnan(ir_infer_ctx *c) {
    same(c);
    c->out[0].type = ELEM_bool;
    return infer_float(c, 0);
}

bool ir_infer_t_isinf(ir_infer_ctx *c) {
    return infer_word(c, IR_ATTR_mode, IR_ENUM_infinity) && ir_infer_t_isnan(c);
}

bool ir_infer_t_select(ir_infer_ctx *c) {
    c->out[0].type = c->in[1]->type;
    return infer_elem(c, 0, ELEM_bool) && infer_same_elem(c, 1, 2) &&
           infer_broadcast(c, 0, 3, &c->out[0]);
}

bool ir_infer_t_clip(ir_infer_ctx *c) { return map1(c); }

bool ir_infer_t_cast(ir_infer_ctx *c) {
    const char *to = ir_attr_str(&c->op->attrs, IR_ATTR_to, "");
    same(c);
    if (!elem_parse(to, &c->out[0].type) || c->out[0].type == ELEM_q8)
        return infer_error(c, DIAG_ID_op_attribute, "'to' is \"%s\", must be an element type", to);
    return c->in[0]->type != ELEM_q8 || infer_operand_error(c, 0, "cannot be cast");
}
