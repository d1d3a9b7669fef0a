// Attention in the charge domain of gain cells: the local function ohmic.GainCellAttention, known
// by its name and attributes. A body that a file carries is for other readers (docs/gain-cells.md).
#include "frontend/import.h"
#include "ir/ring.h"
#include <math.h>

enum { HEADS = 1, OPERANDS = 11, TERMS = 4 };

static const char *const operand_names[OPERANDS] = {"q",   "k",   "v",   "a_q", "b_q", "a_k",
                                                    "b_k", "a_v", "b_v", "a_o", "b_o"};
// ONNX attribute, its kind, the operation's attribute. Levels are at least two: every quantiser of
// the function divides by levels - 1.
static const struct {
    const char *name;
    onnx_attr_kind kind;
    ir_key key;
    int64_t lo; // of an INT
} attributes[] = {
    {"window", ONNX_ATTR_INT, IR_ATTR_window, 1},
    {"sub_tile", ONNX_ATTR_INT, IR_ATTR_sub_tile, 1},
    {"q_levels", ONNX_ATTR_INT, IR_ATTR_q_levels, 2},
    {"kv_levels", ONNX_ATTR_INT, IR_ATTR_kv_levels, 2},
    {"out_levels", ONNX_ATTR_INT, IR_ATTR_out_levels, 2},
    {"v_dd", ONNX_ATTR_FLOAT, IR_ATTR_v_dd, 0},
    {"s_sat", ONNX_ATTR_FLOAT, IR_ATTR_s_sat, 0},
    {"o_sat", ONNX_ATTR_FLOAT, IR_ATTR_o_sat, 0},
    {"decay", ONNX_ATTR_FLOAT, IR_ATTR_decay, 0},
    {"cell", ONNX_ATTR_FLOATS, IR_ATTR_cell, 0},
};

static bool read_cell(onnx_call *c, const onnx_attr *a, ir_attrs *out) {
    double cell[TERMS];
    if (a->count != TERMS)
        return onnx_missing(c, "attribute 'cell' has %zu coefficients, %d are expected: p0 ... p3",
                            a->count, TERMS);
    for (int i = 0; i < TERMS; i++) {
        cell[i] = (double)a->floats[i];
        if (!isfinite(cell[i])) return onnx_missing(c, "attribute 'cell' holds %g", cell[i]);
    }
    ir_attr_set_floats(c->arena, out, IR_ATTR_cell, cell, TERMS);
    return true;
}

static bool read_attributes(onnx_call *c, ir_attrs *out) {
    for (size_t i = 0; i < ARRAY_LEN(attributes); i++) {
        const char *name = attributes[i].name;
        const onnx_attr *a = onnx_attribute(c, name);
        if (!a)
            return onnx_missing(c,
                                "attribute '%s' is missing: window, sub_tile, q_levels, kv_levels, "
                                "out_levels, v_dd, s_sat, o_sat, decay and cell must all be given",
                                name);
        if (a->kind != (int)attributes[i].kind)
            return onnx_missing(c, "attribute '%s' is of kind %s, %s is expected", name,
                                onnx_kind_name(a->kind), onnx_kind_name((int)attributes[i].kind));
        if (a->kind == ONNX_ATTR_INT) {
            if (a->i < attributes[i].lo || a->i > INT32_MAX)
                return onnx_missing(c, "attribute '%s' is %lld, at least %lld is expected%s", name,
                                    (long long)a->i, (long long)attributes[i].lo,
                                    a->i > INT32_MAX ? " and less than 2^31" : "");
            ir_attr_set_int(c->arena, out, attributes[i].key, a->i);
        } else if (a->kind == ONNX_ATTR_FLOAT) {
            if (!isfinite(a->f)) return onnx_missing(c, "attribute '%s' is %g", name, (double)a->f);
            ir_attr_set_float(c->arena, out, attributes[i].key, (double)a->f);
        } else if (!read_cell(c, a, out)) {
            return false;
        }
    }
    ir_attr_set_str(c->arena, out, IR_ATTR_saturate, ir_word(IR_ENUM_saturation, IR_SAT_BOTH));
    ir_attr_set_str(c->arena, out, IR_ATTR_decay_form, ir_word(IR_ENUM_decay_form, IR_DECAY_POWER));
    int64_t window = ir_attr_int(out, IR_ATTR_window, 0);
    int64_t sub_tile = ir_attr_int(out, IR_ATTR_sub_tile, 1);
    if (window % sub_tile)
        return onnx_missing(c, "window %lld is no multiple of sub_tile %lld", (long long)window,
                            (long long)sub_tile);
    char why[IR_RING_TEXT];
    ir_ring device;
    return ir_ring_of_operation(out, IR_READ_CHARGE, &device, why) || onnx_missing(c, "%s", why);
}

static bool check_operands(onnx_call *c) {
    ir_type q = {0};
    for (size_t i = 0; i < OPERANDS; i++) {
        const char *name = operand_names[i];
        ir_val v = onnx_in(c, i);
        if (v == IR_NONE) return onnx_missing(c, "input '%s' is not given", name);
        if (onnx_is_sequence(v)) return onnx_missing(c, "input '%s' is a sequence", name);
        ir_type t = onnx_type(c, v);
        if (i == 0) q = t;
        if (i == 0 && (t.rank != 4 || !elem_is_float(t.type)))
            return onnx_missing(c, "q is %s, floats [batch, heads, tokens, width] are expected",
                                ir_type_text(c->arena, &t));
        if (t.type != q.type || (i < 3 && !ir_type_equal(&t, &q)))
            return onnx_missing(c, "%s is %s, but q is %s", name, ir_type_text(c->arena, &t),
                                ir_type_text(c->arena, &q));
        if (i < 3) continue;
        if (t.rank != 1)
            return onnx_missing(c, "%s is %s, one number for each head is expected", name,
                                ir_type_text(c->arena, &t));
        if (t.dim[0] != q.dim[HEADS])
            return onnx_missing(c, "%s has %lld entries for %lld heads", name, (long long)t.dim[0],
                                (long long)q.dim[HEADS]);
    }
    if (c->n_in > OPERANDS) return onnx_missing(c, "%zu inputs, 11 are expected", c->n_in);
    return true;
}

bool onnx_import_gaincell(onnx_call *c) {
    ir_attrs attrs = {0};
    if (!read_attributes(c, &attrs) || !check_operands(c)) return false;
    return onnx_set(c, 0, onnx_op(c, IR_nn_gaincell, c->in, OPERANDS, &attrs));
}
