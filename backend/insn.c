// What each mapped operation is as an instruction: be_insn_EMISSION of ops.def.
#include "backend/parts.h"
#include "ir/mapped.h"
#include "isa/operand.h"
#include <string.h>

// ---- codes, by name --------------------------------------------------------------------------

uint16_t be_code(const isa_enum *e, const char *name) {
    unsigned code;
    CHECK(isa_enum_find(e, name, strlen(name), &code), "%s: nothing is called '%s'", e->kind, name);
    return (uint16_t)code;
}

static uint16_t function_code(isa_enum_kind kind, const char *name) {
    return be_code(&isa_enums[kind], name);
}

static uint8_t mode_code(unsigned opcode, const char *name) {
    return (uint8_t)be_code(&isa_info_of(opcode)->modes, name);
}

// ---- operands --------------------------------------------------------------------------------

static uint32_t float_bits(double v) {
    float f = (float)v;
    uint32_t u;
    memcpy(&u, &f, 4);
    return u;
}

static const char *str(const ir_op *op, ir_key k) { return ir_attr_str(&op->attrs, k, ""); }
static int64_t num(const ir_op *op, ir_key k) { return ir_attr_int(&op->attrs, k, 0); }

static const char *const_name(const be_emitter *e, ir_val v) {
    const ir_op *op = ir_def(e->f, v);
    CHECK(op && op->code == IR_t_const, "operand %%%u is no constant", v);
    return str(op, IR_ATTR_value);
}

static uint16_t operand(const be_emitter *e, const ir_op *op, uint32_t k) {
    return k < op->n_operands && op->operand[k] != IR_NONE ? be_buffer(e, op->operand[k])
                                                           : ISA_NONE;
}

// Domain of the rows that a ring takes: of its writer, or else of this reader.
static int ring_domain(const be_emitter *e, const ir_op *reader) {
    uint32_t writer = map_get(e->ring_domains, str(reader, IR_ATTR_ring));
    return writer != MAP_NONE ? (int)writer : ir_type_domain(ir_type_of(e->f, reader->operand[0]));
}

// ---- no instruction --------------------------------------------------------------------------

bool be_insn_nothing(be_emitter *e, const ir_op *op, int tile, isa_insn *i) { return false; }

bool be_insn_none(be_emitter *e, const ir_op *op, int tile, isa_insn *i) {
    diag_emit(e->diags, DIAG_ID_no_instruction, DIAG_AT(NULL, op->n_locs ? op->loc[0] : NULL),
              "no instruction does '%s'", ir_ops[op->code].name);
    e->failed = true;
    return false;
}

// ---- ports, memories, links ------------------------------------------------------------------

bool be_insn_in(be_emitter *e, const ir_op *op, int tile, isa_insn *i) {
    i->op = ISA_in;
    i->x = be_port(e, str(op, IR_ATTR_port), false);
    return true;
}

bool be_insn_out(be_emitter *e, const ir_op *op, int tile, isa_insn *i) {
    i->op = ISA_out;
    i->a = operand(e, op, 0);
    i->x = be_port(e, str(op, IR_ATTR_port), true);
    i->imm = (uint32_t)num(op, IR_ATTR_col0);
    return true;
}

bool be_insn_gather(be_emitter *e, const ir_op *op, int tile, isa_insn *i) {
    i->op = ISA_gather;
    i->a = operand(e, op, 0);
    i->x = be_table(e, tile, str(op, IR_ATTR_table));
    return true;
}

bool be_insn_posrow(be_emitter *e, const ir_op *op, int tile, isa_insn *i) {
    i->op = ISA_posrow;
    i->x = be_table(e, tile, str(op, IR_ATTR_table));
    return true;
}

static bool travels(be_emitter *e, const ir_op *op, uint8_t code, isa_insn *i) {
    i->op = code;
    if (op->code != IR_net_recv) i->a = operand(e, op, 0);
    i->x = (uint16_t)num(op, IR_ATTR_channel);
    return true;
}

bool be_insn_send(be_emitter *e, const ir_op *op, int tile, isa_insn *i) {
    return travels(e, op, ISA_send, i);
}
bool be_insn_recv(be_emitter *e, const ir_op *op, int tile, isa_insn *i) {
    return travels(e, op, ISA_recv, i);
}
bool be_insn_recvadd(be_emitter *e, const ir_op *op, int tile, isa_insn *i) {
    return travels(e, op, ISA_recvadd, i);
}

// ---- crossbars and rings ---------------------------------------------------------------------

bool be_insn_mvm(be_emitter *e, const ir_op *op, int tile, isa_insn *i) {
    i->op = ISA_mvm;
    i->mode = (uint8_t)num(op, IR_ATTR_raw);
    i->a = operand(e, op, 0);
    i->x = be_group(e, tile, str(op, IR_ATTR_group));
    i->b = operand(e, op, 1);
    return true;
}

bool be_insn_fin(be_emitter *e, const ir_op *op, int tile, isa_insn *i) {
    i->op = ISA_fin;
    i->a = operand(e, op, 0);
    i->x = be_group(e, tile, str(op, IR_ATTR_group));
    return true;
}

static bool on_ring(be_emitter *e, const ir_op *op, int tile, uint8_t code, isa_insn *i) {
    i->op = code;
    i->x = be_ring(e, tile, str(op, IR_ATTR_ring), ring_domain(e, op));
    i->a = operand(e, op, 0);
    return true;
}

bool be_insn_attn(be_emitter *e, const ir_op *op, int tile, isa_insn *i) {
    on_ring(e, op, tile, ISA_attn, i);
    i->b = be_side_by_side(e, op->operand[1], op->operand[2]);
    i->n = operand(e, op, 3);
    return true;
}

bool be_insn_kvw(be_emitter *e, const ir_op *op, int tile, isa_insn *i) {
    on_ring(e, op, tile, ISA_kvw, i);
    i->a = be_side_by_side(e, op->operand[0], op->operand[1]);
    i->n = operand(e, op, 2);
    return true;
}

bool be_insn_query(be_emitter *e, const ir_op *op, int tile, isa_insn *i) {
    return on_ring(e, op, tile, ISA_query, i);
}
bool be_insn_score(be_emitter *e, const ir_op *op, int tile, isa_insn *i) {
    return on_ring(e, op, tile, ISA_score, i);
}
bool be_insn_mix(be_emitter *e, const ir_op *op, int tile, isa_insn *i) {
    return on_ring(e, op, tile, ISA_mix, i);
}

// ---- digital units ---------------------------------------------------------------------------

bool be_insn_ew1(be_emitter *e, const ir_op *op, int tile, isa_insn *i) {
    i->op = ISA_ew1;
    i->a = operand(e, op, 0);
    i->n = function_code(ISA_ENUM_fn1, str(op, IR_ATTR_fn));
    return true;
}

bool be_insn_ew2(be_emitter *e, const ir_op *op, int tile, isa_insn *i) {
    i->op = ISA_ew2;
    i->a = operand(e, op, 0);
    i->b = operand(e, op, 1);
    i->n = function_code(ISA_ENUM_fn2, str(op, IR_ATTR_fn));
    return true;
}

bool be_insn_ewt(be_emitter *e, const ir_op *op, int tile, isa_insn *i) {
    i->op = ISA_ewt;
    i->a = operand(e, op, 0);
    i->x = be_table(e, tile, str(op, IR_ATTR_table));
    i->n = function_code(ISA_ENUM_fn2, str(op, IR_ATTR_fn));
    return true;
}

bool be_insn_clip(be_emitter *e, const ir_op *op, int tile, isa_insn *i) {
    const float bounds[2] = {(float)ir_attr_float(&op->attrs, IR_ATTR_lo, -__builtin_inf()),
                             (float)ir_attr_float(&op->attrs, IR_ATTR_hi, __builtin_inf())};
    i->op = ISA_clip;
    i->a = operand(e, op, 0);
    i->x = be_table_numbers(e, tile, bounds, 2);
    return true;
}

bool be_insn_norm(be_emitter *e, const ir_op *op, int tile, isa_insn *i) {
    size_t n;
    const char *const *w = ir_attr_strs(&op->attrs, IR_ATTR_weights, &n);
    while (n > 0 && !w[n - 1]) n--;
    if (n > 0 && !w[0]) return be_insn_none(e, op, tile, i); // a shift without a gain
    i->op = ISA_norm;
    i->a = operand(e, op, 0);
    i->mode = mode_code(ISA_norm, str(op, IR_ATTR_mode));
    i->x = n ? be_table_joined(e, tile, w, n) : ISA_NONE;
    i->imm = float_bits(ir_attr_float(&op->attrs, IR_ATTR_eps, 0));
    return true;
}

bool be_insn_softmax(be_emitter *e, const ir_op *op, int tile, isa_insn *i) {
    i->op = ISA_softmax;
    i->a = operand(e, op, 0);
    i->mode =
        strcmp(str(op, IR_ATTR_mode), "log") == 0 ? ISA_MODE_softmax_log : ISA_MODE_softmax_prob;
    i->n = (uint16_t)num(op, IR_ATTR_segments);
    return true;
}

bool be_insn_red(be_emitter *e, const ir_op *op, int tile, isa_insn *i) {
    i->op = ISA_red;
    i->a = operand(e, op, 0);
    i->n = function_code(ISA_ENUM_fnr, str(op, IR_ATTR_fn));
    return true;
}

bool be_insn_rope(be_emitter *e, const ir_op *op, int tile, isa_insn *i) {
    i->op = ISA_rope;
    i->a = operand(e, op, 0);
    i->mode = mode_code(ISA_rope, str(op, IR_ATTR_mode));
    i->x = be_table(e, tile, str(op, IR_ATTR_table));
    i->n = (uint16_t)num(op, IR_ATTR_heads);
    i->imm = (uint32_t)num(op, IR_ATTR_rotary_dim);
    i->b = operand(e, op, 1);
    return true;
}

bool be_insn_topk(be_emitter *e, const ir_op *op, int tile, isa_insn *i) {
    i->op = ISA_topk;
    i->a = operand(e, op, 0);
    i->n = (uint16_t)num(op, IR_ATTR_k);
    i->imm = (uint32_t)ir_attr_float(&op->attrs, IR_ATTR_imm, 0);
    return true;
}

bool be_insn_copy(be_emitter *e, const ir_op *op, int tile, isa_insn *i) {
    i->op = ISA_copy;
    i->a = operand(e, op, 0);
    i->b = operand(e, op, 1);
    return true;
}

// ---- rows of a domain ------------------------------------------------------------------------

bool be_insn_prefix(be_emitter *e, const ir_op *op, int tile, isa_insn *i) {
    i->op = ISA_prefix;
    i->a = operand(e, op, 0);
    i->x = be_table(e, tile, const_name(e, op->operand[1]));
    return true;
}

bool be_insn_suffix(be_emitter *e, const ir_op *op, int tile, isa_insn *i) {
    be_insn_prefix(e, op, tile, i);
    i->op = ISA_suffix;
    return true;
}

bool be_insn_pick(be_emitter *e, const ir_op *op, int tile, isa_insn *i) {
    i->op = ISA_pick;
    i->a = operand(e, op, 0);
    i->mode = mode_code(ISA_pick, str(op, IR_ATTR_which));
    i->imm = (uint32_t)num(op, IR_ATTR_row);
    i->b = operand(e, op, 1);
    return true;
}

bool be_insn_skip(be_emitter *e, const ir_op *op, int tile, isa_insn *i) {
    i->op = ISA_skip;
    i->a = operand(e, op, 0);
    i->imm = (uint32_t)num(op, IR_ATTR_row);
    return true;
}

bool be_insn_rred(be_emitter *e, const ir_op *op, int tile, isa_insn *i) {
    i->op = ISA_rred;
    i->a = operand(e, op, 0);
    i->n = function_code(ISA_ENUM_fnr, str(op, IR_ATTR_fn));
    i->b = operand(e, op, 1);
    return true;
}

bool be_insn_window(be_emitter *e, const ir_op *op, int tile, isa_insn *i) {
    i->op = ISA_rows;
    i->a = operand(e, op, 0);
    i->mode = ISA_MODE_rows_window;
    i->imm =
        isa_window_imm((isa_window){(uint32_t)num(op, IR_ATTR_k), (uint32_t)num(op, IR_ATTR_stride),
                                    (uint32_t)num(op, IR_ATTR_pad)});
    return true;
}

bool be_insn_index(be_emitter *e, const ir_op *op, int tile, isa_insn *i) {
    i->op = ISA_rows;
    i->a = operand(e, op, 0);
    i->mode = ISA_MODE_rows_index;
    i->x = be_table(e, tile, const_name(e, op->operand[1]));
    i->n = (uint16_t)e->tiles[tile].tables.items[i->x].width;
    return true;
}
