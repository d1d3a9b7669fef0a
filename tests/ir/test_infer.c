// Result types: for every operation of ops.def at least one line that is right, and lines that are
// wrong in one way each. A line is right when the verifier finds the declared result types
// inferred.
#include "ir/infer/infer.h"
#include "ir/text/text.h"
#include "ir/verify/verify.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

// What the lines may name. Stage lowering: graph and mapped operations are both legal.
static const char prelude[] =
    "module {stage = \"lowering\", max_tokens = 8}\n"
    "domain t0 {kind = \"free\", max = 8}\n"
    "domain t1 {add = 2, kind = \"lin\", of = \"t0\"}\n"
    "domain t2 {kind = \"one\"}\n"
    "domain t3 {kind = \"last\", of = \"t0\"}\n"
    "domain t4 {add = 1, div = 2, kind = \"lin\", of = \"t0\"}\n"
    "domain t5 {kind = \"free\", max = 4}\n"
    "domain t6 {add = -2, kind = \"lin\", of = \"t0\"}\n"
    "tensor @f : f32[] = [0.5]\n"
    "tensor @i2 : i64[] = [2]\n"
    "tensor @i9 : i64[] = [9]\n"
    "tensor @i3 : i64[] = [3]\n"
    "tensor @bits : i32[2,3] = [1, 0, 0, 0, 1, 1]\n"
    "tensor @off_on : f32[2] = [0, 1]\n"
    "tensor @t42 : f32[4,2] = [1, 2, 3, 4, 5, 6, 7, 8]\n"
    "tensor @t22 : f32[2,2] = [1, 2, 3, 4]\n"
    "tensor @t82 : f32[8,2] = [1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8]\n"
    "tensor @t81 : f32[8,1] = [1, 2, 3, 4, 5, 6, 7, 8]\n"
    "tensor @i42 : i32[4,2] = [0, 1, 1, 2, 2, 3, 3, -1]\n"
    "tensor @c42 : i8[4,2] = [1, 2, 3, 4, 5, 6, 7, 8]\n"
    "tensor @row2 : f32[2] = [1, 2]\n"
    "tensor @irow2 : i32[2] = [1, 2]\n"
    "ring @r {d = 2, dv = 3, n_kv = 2, q_per_kv = 2, slots = 8}\n"
    "ring @x {d = 2, dv = 3, mode = \"cross\", n_kv = 2, q_per_kv = 2, slots = 8}\n"
    "group @g {k0 = 0, k1 = 4, n0 = 0, n1 = 2, weights = [@c42], wscale = [@row2]}\n";

typedef struct {
    int line;           // of this file
    diag_id id;         // DIAG_ID_COUNT: right
    const char *params; // "%x : f32[2], ..."
    const char *ops;    // lines
} row;
#define OK(params, ...) \
    { __LINE__, DIAG_ID_COUNT, params, __VA_ARGS__ }
#define BAD(id, params, ...) \
    { __LINE__, DIAG_ID_##id, params, __VA_ARGS__ }

#define T0_2 "%x : f32[t0,2]"
#define CONST(name, type) "%" name " = t.const {value = @" name "} : " type "\n"

static const row rows[] = {
#define FN1(name, code, summary)                             \
    OK("%x : f32[t0,2]", "%y = t." #name " %x : f32[t0,2]"), \
        BAD(op_operand, "%x : bool[2]", "%y = t." #name " %x : bool[2]"),
#define FN2(name, code, summary)                                                  \
    OK("%x : f32[2,1], %z : f32[3]", "%y = t." #name " %x, %z : f32[2,3]"),       \
        OK("%x : f32[t0,2], %z : f32[1]", "%y = t." #name " %z, %x : f32[t0,2]"), \
        BAD(op_operand, "%x : f32[2], %z : i32[2]", "%y = t." #name " %x, %z : f32[2]"),
#include "support/num/fn.def"

    // broadcasting
    OK("%x : f32[4,1,3], %z : f32[2,1]", "%y = t.add %x, %z : f32[4,2,3]"),
    OK("%x : f32[], %z : f32[2]", "%y = t.add %x, %z : f32[2]"),
    OK("%x : f32[0,3], %z : f32[1,3]", "%y = t.add %x, %z : f32[0,3]"),
    OK("%x : f32[t0], %z : f32[t0,3]", "%y = t.add %x, %z : f32[t0,3]"),
    OK("%x : f32[t0,3], %z : f32[1,1,3]", "%y = t.add %x, %z : f32[t0,3]"),
    OK("%x : f32[t0,3], %z : f32[]", "%y = t.add %x, %z : f32[t0,3]"),
    OK("%x : f32[t0,1], %z : f32[3]", "%y = t.add %x, %z : f32[t0,3]"),
    BAD(op_operand, "%x : f32[2], %z : f32[3]", "%y = t.add %x, %z : f32[3]"),
    BAD(op_operand, "%x : f32[0], %z : f32[3]", "%y = t.add %x, %z : f32[3]"),
    BAD(op_operand, "%x : f32[t0,3], %z : f32[2,3]", "%y = t.add %x, %z : f32[t0,3]"),
    BAD(op_operand, "%x : f32[t0,3], %z : f32[t5,3]", "%y = t.add %x, %z : f32[t0,3]"),
    BAD(op_result, "%x : f32[2,1], %z : f32[3]", "%y = t.add %x, %z : f32[3,2]"),

    // elementwise
    OK("%x : i64[2], %z : i64[]", "%y = t.mod %x, %z {fmod = 0} : i64[2]"),
    BAD(op_attribute, "%x : i64[2], %z : i64[]", "%y = t.mod %x, %z {fmod = 2} : i64[2]"),
    OK("%x : bool[2], %z : bool[]", "%y = t.eq %x, %z : bool[2]"),
    OK("%x : f32[2], %z : f32[]", "%y = t.lt %x, %z : bool[2]"),
    OK("%x : f32[2], %z : f32[]", "%y = t.le %x, %z : bool[2]"),
    OK("%x : i32[2], %z : i32[]", "%y = t.gt %x, %z : bool[2]"),
    OK("%x : f32[t0], %z : f32[]", "%y = t.ge %x, %z : bool[t0]"),
    BAD(op_operand, "%x : bool[2], %z : bool[]", "%y = t.lt %x, %z : bool[2]"),
    OK("%x : bool[2], %z : bool[]", "%y = t.and %x, %z : bool[2]"),
    OK("%x : i32[2], %z : i32[]", "%y = t.or %x, %z : i32[2]"),
    OK("%x : bool[2], %z : bool[]", "%y = t.xor %x, %z : bool[2]"),
    OK("%x : bool[2]", "%y = t.not %x : bool[2]"),
    BAD(op_operand, "%x : f32[2]", "%y = t.not %x : f32[2]"),
    OK("%x : f32[2]", "%y = t.isnan %x : bool[2]"),
    BAD(op_operand, "%x : i32[2]", "%y = t.isnan %x : bool[2]"),
    OK("%x : f32[2]", "%y = t.isinf %x {mode = \"neg\"} : bool[2]"),
    BAD(op_attribute, "%x : f32[2]", "%y = t.isinf %x {mode = \"up\"} : bool[2]"),
    OK("%c : bool[3,1], %x : i8[2], %z : i8[]", "%y = t.select %c, %x, %z : i8[3,2]"),
    BAD(op_operand, "%c : i8[2], %x : i8[2], %z : i8[]", "%y = t.select %c, %x, %z : i8[2]"),
    OK("%x : f32[2]", "%y = t.clip %x {lo = 0} : f32[2]"),
    OK("%x : f32[t0,2]", "%y = t.cast %x {to = \"i64\"} : i64[t0,2]"),
    BAD(op_attribute, "%x : f32[2]", "%y = t.cast %x {to = \"q8\"} : q8[2]"),

    // products
    OK("%a : f32[2,3], %b : f32[3,4]", "%y = t.matmul %a, %b : f32[2,4]"),
    OK("%a : f32[3], %b : f32[3,4]", "%y = t.matmul %a, %b : f32[4]"),
    OK("%a : f32[2,3], %b : f32[3]", "%y = t.matmul %a, %b : f32[2]"),
    OK("%a : f32[3], %b : f32[3]", "%y = t.matmul %a, %b : f32[]"),
    OK("%a : f32[5,1,2,3], %b : f32[7,3,4]", "%y = t.matmul %a, %b : f32[5,7,2,4]"),
    OK("%a : f32[t0,3], %b : f32[3,4]", "%y = t.matmul %a, %b : f32[t0,4]"),
    BAD(op_operand, "%a : f32[2,3], %b : f32[2,4]", "%y = t.matmul %a, %b : f32[2,4]"),
    BAD(op_operand, "%a : f32[], %b : f32[2,4]", "%y = t.matmul %a, %b : f32[2,4]"),
    BAD(op_operand, "%a : f32[4,2], %b : f32[t0,4]", "%y = t.matmul %a, %b : f32[2,4]"),
    BAD(op_operand, "%a : f32[2,2,3], %b : f32[3,3,4]", "%y = t.matmul %a, %b : f32[2,2,4]"),
    OK("%a : u8[2,3], %b : i8[3,4], %p : u8[], %q : i8[4]",
       "%y = t.matmul_int %a, %b, %p, %q : i32[2,4]"),
    OK("%a : u8[2,3], %b : i8[3,4], %p : u8[2,1]", "%y = t.matmul_int %a, %b, %p : i32[2,4]"),
    BAD(op_operand, "%a : u8[2,3], %b : i8[3,4], %p : u8[3]",
        "%y = t.matmul_int %a, %b, %p : i32[2,4]"),
    BAD(op_operand, "%a : f32[2,3], %b : i8[3,4]", "%y = t.matmul_int %a, %b : i32[2,4]"),
    OK("%x : f32[1,3,8,8], %w : f32[6,3,2,2], %b : f32[6]",
       "%y = t.conv %x, %w, %b {dilations = [1, 1], groups = 1, pads = [0, 0, 0, 0], strides = "
       "[2, 2]} : f32[1,6,4,4]"),
    OK("%x : f32[1,4,10], %w : f32[4,1,3]",
       "%y = t.conv %x, %w {dilations = [2], groups = 4, pads = [4, 0], strides = [1]} : "
       "f32[1,4,10]"),
    BAD(op_operand, "%x : f32[1,4,2], %w : f32[4,4,3]",
        "%y = t.conv %x, %w {dilations = [1], groups = 1, pads = [0, 0], strides = [1]} : "
        "f32[1,4,1]"),
    BAD(op_operand, "%x : f32[1,4,9], %w : f32[4,3,3]",
        "%y = t.conv %x, %w {dilations = [1], groups = 1, pads = [0, 0], strides = [1]} : "
        "f32[1,4,7]"),
    BAD(op_attribute, "%x : f32[1,4,9], %w : f32[4,4,3]",
        "%y = t.conv %x, %w {dilations = [1], groups = 1, pads = [0, 0], strides = [0]} : "
        "f32[1,4,7]"),

    // quantisation
    OK("%x : f32[2,3], %s : f32[], %z : u8[]",
       "%y = t.quantize %x, %s, %z {to = \"u8\"} : u8[2,3]"),
    OK("%x : f32[2,3], %s : f32[3]", "%y = t.quantize %x, %s {axis = 1, to = \"i8\"} : i8[2,3]"),
    BAD(op_operand, "%x : f32[2,3], %s : f32[3]",
        "%y = t.quantize %x, %s {axis = 0, to = \"i8\"} : i8[2,3]"),
    BAD(op_operand, "%x : f32[2,3], %s : f32[], %z : i8[]",
        "%y = t.quantize %x, %s, %z {to = \"u8\"} : u8[2,3]"),
    OK("%x : i8[2,3], %s : f32[2,1], %z : i8[2,1]", "%y = t.dequantize %x, %s, %z : f32[2,3]"),
    BAD(op_operand, "%x : i8[2,3], %s : f32[2,1], %z : i8[]",
        "%y = t.dequantize %x, %s, %z : f32[2,3]"),
    OK("%x : f32[2,3]", "%y, %s, %z = t.dynquant %x : u8[2,3], f32[], u8[]"),
    OK("%x : f32[t0,3]",
       "%y, %s, %z = t.dynquant %x {gran = \"row\"} : u8[t0,3], f32[t0,1], u8[t0,1]"),
    BAD(op_operand, "%x : f32[t0,3]", "%y, %s, %z = t.dynquant %x : u8[t0,3], f32[], u8[]"),

    // shapes
    OK("%x : f32[2,3]", "%y = t.reshape %x : f32[3,1,2]"),
    OK("%x : f32[t0,6]", "%y = t.reshape %x : f32[t0,2,3]"),
    BAD(op_result, "%x : f32[t0,6]", "%y = t.reshape %x : f32[6]"),
    BAD(op_result, "%x : f32[2,3]", "%y = t.reshape %x : i32[6]"),
    OK("%x : f32[2,3,4]", "%y = t.transpose %x {perm = [2, 0, 1]} : f32[4,2,3]"),
    BAD(op_attribute, "%x : f32[2,3]", "%y = t.transpose %x {perm = [0, 0]} : f32[2,2]"),
    BAD(op_attribute, "%x : f32[2,3]", "%y = t.transpose %x {perm = [0, 2]} : f32[2,2]"),
    BAD(op_result, "%x : f32[t0,3]", "%y = t.transpose %x {perm = [1, 0]} : f32[3,3]"),
    OK("%x : f32[3,1]", "%y = t.broadcast %x : f32[2,3,4]"),
    OK("%x : f32[t0,1]", "%y = t.broadcast %x : f32[t0,4]"),
    BAD(op_result, "%x : f32[3]", "%y = t.broadcast %x : f32[2]"),
    BAD(op_result, "%x : f32[2,3]", "%y = t.broadcast %x : f32[3]"),
    OK("%x : f32[2,3], %z : f32[2,1]", "%y = t.concat %x, %z {axis = 1} : f32[2,4]"),
    OK("%e : f32[0], %x : f32[2,3]", "%y = t.concat %e, %x {axis = 1} : f32[2,3]"),
    OK("%x : f32[2,3], %z : f32[2,0]", "%y = t.concat %x, %z {axis = 1} : f32[2,3]"),
    BAD(op_operand, "%x : f32[2,3], %z : f32[1,1]", "%y = t.concat %x, %z {axis = 1} : f32[2,4]"),
    OK("%x : f32[4,8]", "%y = t.slice %x {starts = [3, 1], steps = [-2, 3]} : f32[2,3]"),
    OK("%x : f32[4]", "%y = t.slice %x {starts = [4], steps = [1]} : f32[0]"),
    OK("%x : f32[t0,8]", "%y = t.slice %x {starts = [0, 2], steps = [1, 1]} : f32[t0,4]"),
    BAD(op_attribute, "%x : f32[4]", "%y = t.slice %x {starts = [3], steps = [1]} : f32[2]"),
    BAD(op_attribute, "%x : f32[4]", "%y = t.slice %x {starts = [1], steps = [-1]} : f32[3]"),
    BAD(op_attribute, "%x : f32[t0,8]",
        "%y = t.slice %x {starts = [1, 2], steps = [1, 1]} : f32[t0,4]"),
    OK("%x : f32[5,4], %i : i64[2,3]", "%y = t.gather %x, %i {axis = 1} : f32[5,2,3]"),
    OK("%x : f32[5,4], %i : i64[]", "%y = t.gather %x, %i {axis = 0} : f32[4]"),
    OK("%x : f32[5,4], %i : i32[t0]", "%y = t.gather %x, %i {axis = 0} : f32[t0,4]"),
    BAD(op_result, "%x : f32[5,4], %i : i32[t0]", "%y = t.gather %x, %i {axis = 1} : f32[5,4]"),
    BAD(op_operand, "%x : f32[5,4], %i : f32[2]", "%y = t.gather %x, %i {axis = 0} : f32[2,4]"),
    BAD(op_attribute, "%x : f32[t0,4], %i : i32[2]", "%y = t.gather %x, %i {axis = 0} : f32[2,4]"),
    OK("%x : f32[5,4], %i : i64[9,2]", "%y = t.gather_elements %x, %i {axis = 0} : f32[9,2]"),
    BAD(op_operand, "%x : f32[5,4], %i : i64[9,5]",
        "%y = t.gather_elements %x, %i {axis = 0} : f32[9,5]"),
    OK("%x : f32[5,4,3], %i : i64[7,2]", "%y = t.gather_nd %x, %i {batch_dims = 0} : f32[7,3]"),
    OK("%x : f32[5,4,3], %i : i64[5,1]", "%y = t.gather_nd %x, %i {batch_dims = 1} : f32[5,3]"),
    BAD(op_operand, "%x : f32[5,4], %i : i64[7,3]",
        "%y = t.gather_nd %x, %i {batch_dims = 0} : f32[7]"),
    BAD(op_operand, "%x : f32[5,4], %i : i64[7,1]",
        "%y = t.gather_nd %x, %i {batch_dims = 1} : f32[7]"),
    OK("%x : f32[5,4], %i : i64[2,1], %u : f32[2,4]",
       "%y = t.scatter_nd %x, %i, %u {reduction = \"none\"} : f32[5,4]"),
    BAD(op_operand, "%x : f32[5,4], %i : i64[2,1], %u : f32[2,5]",
        "%y = t.scatter_nd %x, %i, %u {reduction = \"none\"} : f32[5,4]"),
    OK("%x : f32[5,4], %i : i64[2,4], %u : f32[2,4]",
       "%y = t.scatter_elements %x, %i, %u {axis = 0, reduction = \"add\"} : f32[5,4]"),
    BAD(op_attribute, "%x : f32[5,4], %i : i64[2,4], %u : f32[2,4]",
        "%y = t.scatter_elements %x, %i, %u {axis = 0, reduction = \"xor\"} : f32[5,4]"),
    OK("%x : f32[5,4]", "%y = t.pad %x {mode = \"constant\", pads = [1, 0, -2, 3]} : f32[4,7]"),
    OK("%x : f32[5]", "%y = t.pad %x {mode = \"reflect\", pads = [4, 4]} : f32[13]"),
    BAD(op_attribute, "%x : f32[5]", "%y = t.pad %x {mode = \"reflect\", pads = [5, 0]} : f32[10]"),
    BAD(op_attribute, "%x : f32[0]", "%y = t.pad %x {mode = \"edge\", pads = [1, 0]} : f32[1]"),
    BAD(op_attribute, "%x : f32[5]",
        "%y = t.pad %x {mode = \"constant\", pads = [-6, 3]} : f32[2]"),
    BAD(op_attribute, "%x : f32[5]", "%y = t.pad %x {mode = \"constant\", pads = [1]} : f32[6]"),
    OK("%x : f32[5,4]", "%y = t.trilu %x {k = 0, upper = 1} : f32[5,4]"),
    BAD(op_operand, "%x : f32[5]", "%y = t.trilu %x {k = 0, upper = 1} : f32[5]"),

    // makers
    OK("", "%c = t.const {value = @bits} : i32[2,3]"),
    OK("", CONST("i2", "i64[]") CONST("i9", "i64[]")
               CONST("i3", "i64[]") "%y = t.range %i2, %i9, %i3 : i64[3]"),
    OK("", CONST("i2", "i64[]") CONST("i9", "i64[]")
               CONST("i3", "i64[]") "%y = t.range %i9, %i2, %i3 : i64[0]"),
    BAD(op_result, "",
        CONST("i2", "i64[]") CONST("i9", "i64[]")
            CONST("i3", "i64[]") "%y = t.range %i2, %i9, %i3 : i64[4]"),
    OK("%a : f32[], %b : f32[], %d : f32[]", "%y = t.range %a, %b, %d : f32[7]"),
    OK("", CONST("bits", "i32[2,3]") "%y = t.nonzero %bits : i64[2,3]"),
    BAD(op_result, "", CONST("bits", "i32[2,3]") "%y = t.nonzero %bits : i64[2,2]"),
    OK("%x : f32[2,3]", "%y = t.nonzero %x : i64[2,6]"),
    BAD(op_result, "%x : f32[2,3]", "%y = t.nonzero %x : i64[2,7]"),
    OK("%i : i64[2,3], %v : f32[2]", "%y = t.onehot %i, %v {axis = 2} : f32[2,3,10]"),
    OK("%i : i64[2,3], %v : f32[2]", "%y = t.onehot %i, %v {axis = 0} : f32[10,2,3]"),
    BAD(op_result, "%i : i64[2,3], %v : f32[2]", "%y = t.onehot %i, %v {axis = 0} : f32[2,10,3]"),

    // along an axis
    OK("%x : i32[2,3]", "%y = t.cumsum %x {axis = 1, exclusive = 0, reverse = 1} : i32[2,3]"),
    BAD(op_attribute, "%x : i32[t0,3]",
        "%y = t.cumsum %x {axis = 0, exclusive = 0, reverse = 1} : i32[t0,3]"),
    OK("%x : f32[2,9]",
       "%y, %i = t.topk %x {axis = 1, k = 4, largest = 1, sorted = 0} : f32[2,4], i64[2,4]"),
    BAD(op_attribute, "%x : f32[2,9]",
        "%y, %i = t.topk %x {axis = 0, k = 4, largest = 1, sorted = 0} : f32[4,9], i64[4,9]"),
    OK("%x : f32[2,9]", "%y = t.argmax %x {axis = 1, keepdims = 1, last = 0} : i64[2,1]"),
    OK("%x : f32[2,9]", "%y = t.argmin %x {axis = 0, keepdims = 0, last = 0} : i64[9]"),
    BAD(op_operand, "%x : f32[2,0]",
        "%y = t.argmax %x {axis = 1, keepdims = 1, last = 0} : i64[2,1]"),
    OK("%x : f32[2,3,4]", "%y = t.reduce %x {axes = [0, 2], fn = \"l2\", keepdims = 0} : f32[3]"),
    OK("%x : f32[2,3,4]",
       "%y = t.reduce %x {axes = [0, 2], fn = \"sum\", keepdims = 1} : f32[1,3,1]"),
    OK("%x : f32[t0,4]", "%y = t.reduce %x {axes = [1], fn = \"mean\", keepdims = 1} : f32[t0,1]"),
    BAD(op_attribute, "%x : f32[2,3]",
        "%y = t.reduce %x {axes = [1, 0], fn = \"sum\", keepdims = 1} : f32[1,1]"),
    BAD(op_attribute, "%x : f32[2,3]",
        "%y = t.reduce %x {axes = [0], fn = \"median\", keepdims = 1} : f32[1,3]"),
    BAD(op_attribute, "%x : f32[t0,3]",
        "%y = t.reduce %x {axes = [0], fn = \"sum\", keepdims = 1} : f32[1,3]"),
    OK("%x : f32[2,3]", "%y = t.softmax %x {axis = 0} : f32[2,3]"),
    OK("%x : f32[t0,3]", "%y = t.log_softmax %x {axis = 1} : f32[t0,3]"),
    BAD(op_operand, "%x : i32[2,3]", "%y = t.softmax %x {axis = 0} : i32[2,3]"),

    // nn
    OK("%x : f32[5,3], %w : f32[3,4], %b : f32[4]", "%y = nn.linear %x, %w, %b : f32[5,4]"),
    OK("%x : q8[t0,4], %w : i8[4,2]",
       "%y = nn.linear %x, %w {wscale = [@row2], wzero = [@irow2]} : f32[t0,2]"),
    OK("%x : f32[t0,3], %w : f32[4,3]", "%y = nn.linear %x, %w {trans_w = 1} : f32[t0,4]"),
    BAD(op_attribute, "%x : q8[t0,4], %w : i8[4,2]", "%y = nn.linear %x, %w : f32[t0,2]"),
    BAD(op_attribute, "%x : q8[t0,4], %w : i8[4,3]",
        "%y = nn.linear %x, %w {wscale = [@row2]} : f32[t0,3]"),
    BAD(symbol, "%x : q8[t0,4], %w : i8[4,2]",
        "%y = nn.linear %x, %w {wscale = [@nothing]} : f32[t0,2]"),
    BAD(op_operand, "%x : f32[5,3], %w : f32[4,3]", "%y = nn.linear %x, %w : f32[5,3]"),
    BAD(op_operand, "%x : f32[5,3], %w : f32[3,4], %b : f32[3]",
        "%y = nn.linear %x, %w, %b : f32[5,4]"),
    OK("%x : f32[2,3,4], %g : f32[4]",
       "%y = nn.norm %x, %g {eps = 1e-5, mode = \"layer\"} : f32[2,3,4]"),
    OK("%x : f32[2,3,4], %g : f32[3,4]",
       "%y = nn.norm %x, %g {axis = 1, eps = 1e-5, mode = \"layer\"} : f32[2,3,4]"),
    BAD(op_operand, "%x : f32[2,3,4], %g : f32[3,4]",
        "%y = nn.norm %x, %g {eps = 1e-5, mode = \"layer\"} : f32[2,3,4]"),
    BAD(op_attribute, "%x : f32[t0,4]",
        "%y = nn.norm %x {axis = 0, eps = 1e-5, mode = \"rms\"} : f32[t0,4]"),
    OK("%x : f32[1,2,5,8], %c : f32[5,3], %s : f32[5,3]",
       "%y = nn.rope %x, %c, %s {mode = \"half\", rotary_dim = 6} : f32[1,2,5,8]"),
    BAD(op_operand, "%x : f32[1,2,5,8], %c : f32[5,4], %s : f32[5,4]",
        "%y = nn.rope %x, %c, %s {mode = \"half\", rotary_dim = 6} : f32[1,2,5,8]"),
    BAD(op_attribute, "%x : f32[1,2,5,8], %c : f32[5,3], %s : f32[5,3]",
        "%y = nn.rope %x, %c, %s {mode = \"half\", rotary_dim = 7} : f32[1,2,5,8]"),
    OK("%q : f32[1,4,5,8], %k : f32[1,2,7,8], %v : f32[1,2,7,6], %m : bool[5,7]",
       "%y = nn.attention %q, %k, %v, %m {causal = 1, scale = 0.5} : f32[1,4,5,6]"),
    BAD(op_operand, "%q : f32[1,4,5,8], %k : f32[1,3,7,8], %v : f32[1,3,7,6]",
        "%y = nn.attention %q, %k, %v {scale = 0.5} : f32[1,4,5,6]"),
    BAD(op_operand, "%q : f32[1,4,5,8], %k : f32[1,2,7,8], %v : f32[1,2,6,6]",
        "%y = nn.attention %q, %k, %v {scale = 0.5} : f32[1,4,5,6]"),
    OK("%q : f32[1,4,5,8], %k : f32[1,2,7,8], %v : f32[1,2,7,6], %s : f32[4]",
       "%y = nn.attention %q, %k, %v, _, %s {scale = 0.5} : f32[1,4,5,6]"),
    BAD(op_operand, "%q : f32[1,4,5,8], %k : f32[1,2,7,8], %v : f32[1,2,7,6], %s : f32[2]",
        "%y = nn.attention %q, %k, %v, _, %s {scale = 0.5} : f32[1,4,5,6]"),
    OK("%q : f32[1,4,5,8], %k : f32[1,2,7,8], %v : f32[1,2,7,6], %s : f32[4]",
       "%y = nn.attention %q, %k, %v {act = \"hardsigmoid\", alpha = 0.2, beta = 0.5, scale = 0.5} "
       ": "
       "f32[1,4,5,6]"),
    BAD(op_operand, "%q : f32[1,4,5,8], %k : f32[1,2,7,8], %v : f32[1,2,7,6], %s : f32[4]",
        "%y = nn.attention %q, %k, %v, _, %s {act = \"hardsigmoid\", alpha = 0.2, beta = 0.5, "
        "scale = "
        "0.5} : f32[1,4,5,6]"),
    BAD(op_attribute, "%q : f32[1,4,5,8], %k : f32[1,2,7,8], %v : f32[1,2,7,6], %s : f32[4]",
        "%y = nn.attention %q, %k, %v {act = \"hardsigmoid\", alpha = 0.2, scale = 0.5} : "
        "f32[1,4,5,6]"),
    BAD(op_attribute, "%q : f32[1,4,5,8], %k : f32[1,2,7,8], %v : f32[1,2,7,6], %s : f32[4]",
        "%y = nn.attention %q, %k, %v {beta = 0.2, scale = 0.5} : f32[1,4,5,6]"),
    BAD(op_attribute, "%q : f32[1,4,5,8], %k : f32[1,2,7,8], %v : f32[1,2,7,6], %s : f32[4]",
        "%y = nn.attention %q, %k, %v {act = \"relu\", scale = 0.5} : f32[1,4,5,6]"),
// window, levels of q, k and v, read-out, v_dd, cell
#define GAINCELL(window, q, kv, out, v_dd, cell)                                             \
    "%y = nn.gaincell %q, %k, %v, %s, %s, %s, %s, %s, %s, %s, %s {cell = [" cell             \
    "], decay = 1e-4, decay_form = \"power\", kv_levels = " #kv                              \
    ", o_sat = 40.0, out_levels = " #out ", q_levels = " #q                                  \
    ", s_sat = 80.0, saturate = \"both\", sub_tile = 2, v_dd = " #v_dd ", window = " #window \
    "} : f32[1,2,5,8]"
#define GAINCELL_QKV "%q : f32[1,2,5,8], %k : f32[1,2,5,8], %v : f32[1,2,5,8], "
    OK(GAINCELL_QKV "%s : f32[2]", GAINCELL(4, 16, 8, 32, 0.9, "0.5, 13.6, -2.6, 46.0")),
    OK(GAINCELL_QKV "%s : f32[2]", GAINCELL(4, 0, 0, 0, 0.9, "0.0, 19.3")),
    BAD(op_operand, GAINCELL_QKV "%s : f32[3]", GAINCELL(4, 16, 8, 32, 0.9, "0.0, 19.3")),
    BAD(op_attribute, GAINCELL_QKV "%s : f32[2]", GAINCELL(0, 16, 8, 32, 0.9, "0.0, 19.3")),
    BAD(op_attribute, GAINCELL_QKV "%s : f32[2]", GAINCELL(4, 1, 8, 32, 0.9, "0.0, 19.3")),
    BAD(op_attribute, GAINCELL_QKV "%s : f32[2]", GAINCELL(4, 16, 512, 32, 0.9, "0.0, 19.3")),
    BAD(op_attribute, GAINCELL_QKV "%s : f32[2]", GAINCELL(4, 16, 8, 1, 0.9, "0.0, 19.3")),
    BAD(op_attribute, GAINCELL_QKV "%s : f32[2]", GAINCELL(4, 16, 8, 32, 0.0, "0.0, 19.3")),
    BAD(op_attribute, GAINCELL_QKV "%s : f32[2]", GAINCELL(4, 16, 8, 32, 0.9, "")),
    OK("%i : i32[t0], %w : f32[4,2]", "%y = nn.embed %i, %w : f32[t0,2]"),
    OK("%i : i32[t0,1], %w : f32[4,2]", "%y = nn.embed %i, %w : f32[t0,2]"),
    BAD(op_operand, "%i : i32[t0,2], %w : f32[4,2]", "%y = nn.embed %i, %w : f32[t0,2]"),
    OK("", CONST("t82", "f32[8,2]") "%y = nn.posrow %t82 : f32[t0,2]"),
    BAD(op_result, "", CONST("t82", "f32[8,2]") "%y = nn.posrow %t82 : f32[8,2]"),
    OK("%x : f32[t0,12], %c : f32[8,2], %s : f32[8,2]",
       "%y = nn.rotate %x, %c, %s {heads = 2, mode = \"interleaved\", rotary_dim = 4} : "
       "f32[t0,12]"),
    OK("%x : f32[t0,12], %c : f32[4,2], %s : f32[4,2], %p : i32[t0]",
       "%y = nn.rotate %x, %c, %s, %p {heads = 2, mode = \"half\", rotary_dim = 4} : f32[t0,12]"),
    BAD(op_operand, "%x : f32[t0,12], %c : f32[4,2], %s : f32[4,2]",
        "%y = nn.rotate %x, %c, %s {heads = 2, mode = \"half\", rotary_dim = 4} : f32[t0,12]"),
    OK("%q : f32[t0,8], %k : f32[t0,4], %v : f32[t0,6], %m : i32[t0]",
       "%y = nn.attn %q, %k, %v, %m {ring = @r} : f32[t0,12]"),
    OK("%q : f32[t0,8], %k : f32[t5,4], %v : f32[t5,6]",
       "%y = nn.attn %q, %k, %v {ring = @x} : f32[t0,12]"),
    BAD(op_operand, "%q : f32[t0,8], %k : f32[t5,4], %v : f32[t5,6]",
        "%y = nn.attn %q, %k, %v {ring = @r} : f32[t0,12]"),
    BAD(op_operand, "%q : f32[t0,8], %k : f32[t0,6], %v : f32[t0,6]",
        "%y = nn.attn %q, %k, %v {ring = @r} : f32[t0,12]"),
    BAD(symbol, "%q : f32[t0,8], %k : f32[t0,4], %v : f32[t0,6]",
        "%y = nn.attn %q, %k, %v {ring = @row2} : f32[t0,12]"),
    OK("%q : f32[t0,8], %k : f32[t0,4], %v : f32[t0,6]",
       "%y = nn.scores %q, %k, %v {ring = @r} : f32[t0,32]"),
    OK(T0_2, "%y = nn.quant %x {mode = \"static\", scale = 0.5} : q8[t0,2]"),
    BAD(op_attribute, T0_2, "%y = nn.quant %x {mode = \"static\"} : q8[t0,2]"),
    OK(T0_2 ", %m : f32[t0,1]", "%y = nn.quant %x, %m {mode = \"sym\"} : q8[t0,2]"),
    BAD(op_attribute, T0_2 ", %m : f32[t0,1]", "%y = nn.quant %x, %m {mode = \"asym\"} : q8[t0,2]"),
    BAD(op_operand, T0_2, "%y = nn.quant %x, %x {mode = \"sym\"} : q8[t0,2]"),
    BAD(op_operand, T0_2 ", %m : i32[t0,1]", "%y = nn.quant %x, %m {mode = \"sym\"} : q8[t0,2]"),
    BAD(op_operand, T0_2 ", %m : f32[t1,1]", "%y = nn.quant %x, %m {mode = \"sym\"} : q8[t0,2]"),

    // row, rows
    OK("%x : q8[t0,5]", "%y = row.cols %x {from = 1, until = 4} : q8[t0,3]"),
    BAD(op_attribute, "%x : f32[t0,5]", "%y = row.cols %x {from = 1, until = 6} : f32[t0,5]"),
    BAD(op_operand, "%x : f32[t0]", "%y = row.cols %x {from = 0, until = 1} : f32[t0]"),
    OK("%x : f32[t0,5], %z : f32[t0,1]", "%y = row.join %x, %z, %x : f32[t0,11]"),
    BAD(op_operand, "%x : f32[t0,5], %z : f32[t5,1]", "%y = row.join %x, %z : f32[t0,6]"),
    OK("%x : f32[t0,3]", "%y = row.permute %x {index = [2, 0, 1]} : f32[t0,3]"),
    BAD(op_attribute, "%x : f32[t0,3]", "%y = row.permute %x {index = [2, 0, 2]} : f32[t0,3]"),
    OK("%x : f32[t0,3]", "%y = row.repeat %x {index = [2, 0, 2, 2]} : f32[t0,4]"),
    BAD(op_attribute, "%x : f32[t0,3]", "%y = row.repeat %x {index = [3]} : f32[t0,1]"),
    OK(T0_2, CONST("t22", "f32[2,2]") "%y = rows.prefix %x, %t22 : f32[t1,2]"),
    OK(T0_2, CONST("t22", "f32[2,2]") "%y = rows.suffix %x, %t22 : f32[t1,2]"),
    BAD(domain, T0_2, CONST("t42", "f32[4,2]") "%y = rows.suffix %x, %t42 : f32[t1,2]"),
    OK(T0_2, "%y = rows.pick %x {which = \"last\"} : f32[t3,2]"),
    OK("%x : f32[t0,2], %i : i32[t2,1]", "%y = rows.pick %x, %i {which = \"by\"} : f32[t2,2]"),
    BAD(op_operand_count, T0_2, "%y = rows.pick %x {which = \"by\"} : f32[t2,2]"),
    BAD(op_attribute, T0_2, "%y = rows.pick %x {which = \"index\"} : f32[t2,2]"),
    OK(T0_2, "%y = rows.skip %x {row = 2} : f32[t6,2]"),
    BAD(domain, T0_2, "%y = rows.skip %x {row = 1} : f32[t6,2]"),
    OK("%x : f32[t0,2], %w : f32[t0,1]", "%y = rows.reduce %x, %w {fn = \"mean\"} : f32[t2,2]"),
    BAD(domain, T0_2, "%y = rows.reduce %x {fn = \"mean\"} : f32[t0,2]"),
    OK(T0_2, "%y = rows.window %x {k = 3, pad = 1, stride = 2} : f32[t4,6]"),
    OK(T0_2, "%y = rows.window %x {k = 3, pad = 2, stride = 1} : f32[t0,6]"),
    BAD(domain, T0_2, "%y = rows.window %x {k = 3, pad = 1, stride = 2} : f32[t0,6]"),
    BAD(op_attribute, T0_2, "%y = rows.window %x {k = 3, pad = 3, stride = 2} : f32[t4,6]"),
    OK(T0_2, CONST("i42", "i32[4,2]") "%y = rows.gather %x, %i42 : f32[t5,4]"),
    BAD(domain, T0_2, CONST("i42", "i32[4,2]") "%y = rows.gather %x, %i42 : f32[t0,4]"),
    OK("%x : f32[t2,2], %z : f32[t0,5]", "%y = rows.like %x, %z : f32[t0,2]"),

    // mapped
    OK("%x \"in\" : i32[t0]", "%y = io.in {port = \"in\"} : i32[t0]"),
    OK("%x \"in\" : f32[t0,4]", "%y = io.in {port = \"in\"} : f32[t0,4]"),
    BAD(port, "%x \"in\" : f32[4]", "%y = io.in {port = \"in\"} : f32[4]"),
    OK("%i : i32[t0]", "%y = mem.gather %i {table = @t42} : f32[t0,2]"),
    BAD(symbol, "%i : i32[t0]", "%y = mem.gather %i {table = @row2} : f32[t0,2]"),
    OK("", "%y = mem.posrow {table = @t82} : f32[t0,2]"),
    BAD(op_operand, "", "%y = mem.posrow {table = @t42} : f32[t0,2]"),
    OK("%x : q8[t0,4]", "%y = xbar.mvm %x {group = @g, raw = 1} : i32[t0,2]"),
    OK("%x : f32[t0,4], %g : f32[t0,1]", "%y = xbar.mvm %x, %g {group = @g} : f32[t0,2]"),
    BAD(op_operand, "%x : f32[t0,4]", "%y = xbar.mvm %x {group = @g, raw = 1} : i32[t0,2]"),
    BAD(op_operand, "%x : f32[t0,3]", "%y = xbar.mvm %x {group = @g} : f32[t0,2]"),
    OK("%x : i32[t0,2]", "%y = xbar.fin %x {group = @g} : f32[t0,2]"),
    BAD(op_operand, "%x : f32[t0,2]", "%y = xbar.fin %x {group = @g} : f32[t0,2]"),
    OK("%q : f32[t0,8], %k : f32[t0,4], %v : f32[t0,6], %m : i32[t0,1]",
       "%y = gc.attn %q, %k, %v, %m {ring = @r} : f32[t0,12]"),
    OK("%q : f32[t0,8], %k : f32[t0,4], %v : f32[t0,6]",
       "gc.write %k, %v {ring = @r}\n%y = gc.query %q {ring = @r} : f32[t0,12]\n%s = gc.score %q "
       "{ring = @r} : f32[t0,32]\n%z = gc.mix %s {ring = @r} : f32[t0,12]"),
    BAD(op_operand, "%k : f32[t0,4], %v : f32[t0,4]", "gc.write %k, %v {ring = @r}"),
    BAD(op_attribute, T0_2, "%y = dig.ew1 %x {fn = \"affine\"} : f32[t0,2]"),
    OK(T0_2, "%y = dig.ew1 %x {fn = \"gelu\", quant = \"sym\"} : q8[t0,2]"),
    BAD(op_attribute, T0_2, "%y = dig.ew1 %x {fn = \"add\"} : f32[t0,2]"),
    BAD(op_attribute, T0_2, "%y = dig.ew1 %x {fn = \"gelu\", quant = \"static\"} : q8[t0,2]"),
    BAD(op_result, T0_2, "%y = dig.ew1 %x {fn = \"gelu\"} : q8[t0,2]"),
    OK("%x : f32[t0,2], %z : f32[t2,2]", "%y = dig.ew2 %x, %z {fn = \"silu_mul\"} : f32[t0,2]"),
    BAD(op_operand, "%x : f32[t0,2], %z : f32[t5,2]",
        "%y = dig.ew2 %x, %z {fn = \"add\"} : f32[t0,2]"),
    BAD(op_operand, "%x : f32[t0,2], %z : f32[t0,1]",
        "%y = dig.ew2 %x, %z {fn = \"add\"} : f32[t0,2]"),
    BAD(op_attribute, "%x : f32[t0,2], %z : f32[t0,2]",
        "%y = dig.ew2 %x, %z {fn = \"gelu\"} : f32[t0,2]"),
    OK(T0_2, "%y = dig.ewt %x {fn = \"mul\", table = @row2} : f32[t0,2]"),
    BAD(symbol, "%x : f32[t0,3]", "%y = dig.ewt %x {fn = \"mul\", table = @row2} : f32[t0,3]"),
    OK(T0_2, "%y = dig.clip %x {lo = 0} : f32[t0,2]"),
    OK(T0_2, "%y = dig.norm %x {eps = 0.1, mode = \"rms\", weights = [@row2]} : f32[t0,2]"),
    OK(T0_2, "%y = dig.norm %x {eps = 0.1, mode = \"l2\", weights = [_, @row2]} : f32[t0,2]"),
    BAD(op_attribute, T0_2,
        "%y = dig.norm %x {eps = 0.1, mode = \"l2\", weights = [_, @row2, _]} : f32[t0,2]"),
    OK("%x : f32[t0,6]", "%y = dig.softmax %x {segments = 3} : f32[t0,6]"),
    BAD(op_operand, "%x : f32[t0,6]", "%y = dig.softmax %x {segments = 4} : f32[t0,6]"),
    OK("%x : f32[t0,6]", "%y = dig.red %x {fn = \"sum\", segments = 3} : f32[t0,3]"),
    OK("%x : f32[t0,6]", "%y = dig.red %x {fn = \"argmax\", segments = 1} : i32[t0,1]"),
    OK("%x : f32[t0,6]",
       "%y = dig.rope %x {heads = 2, mode = \"half\", rotary_dim = 2, table = @t82} : f32[t0,6]"),
    OK("%x : f32[t0,6], %p : i32[t0]", "%y = dig.rope %x, %p {heads = 2, mode = \"half\", "
                                       "rotary_dim = 2, table = @t42} : f32[t0,6]"),
    BAD(op_operand, "%x : f32[t0,6]",
        "%y = dig.rope %x {heads = 2, mode = \"half\", rotary_dim = 2, table = @t42} : f32[t0,6]"),
    BAD(op_attribute, "%x : f32[t0,6]",
        "%y = dig.rope %x {heads = 2, mode = \"half\", rotary_dim = 1, table = @t81} : f32[t0,6]"),
    OK("%x : f32[t0,6]", "%y = dig.topk %x {imm = 0, k = 2} : f32[t0,4]"),
    BAD(op_attribute, "%x : f32[t0,6]", "%y = dig.topk %x {imm = 0, k = 7} : f32[t0,14]"),
    OK("%x : q8[t0,6]", "%y = dig.copy %x : f32[t0,6]"),
    OK("%x : f32[t0,6]", "%y = dig.copy %x {quant = \"asym\"} : q8[t0,6]"),
    BAD(op_attribute, "%x : f32[t0,6]", "%y = dig.copy %x : q8[t0,6]"),
    OK("%x : q8[t0,6]", "%y = dig.copy %x : q8[t0,6]"),
    OK("%x : f32[t0,6], %m : f32[t0,1]", "%y = dig.copy %x, %m {quant = \"sym\"} : q8[t0,6]"),
    BAD(op_attribute, "%x : f32[t0,6], %m : f32[t0,1]", "%y = dig.copy %x, %m : f32[t0,6]"),
    BAD(op_attribute, "%x : f32[t0,6], %m : f32[t0,1]",
        "%y = dig.copy %x, %m {quant = \"static\", scale = 1.0} : q8[t0,6]"),
    BAD(op_operand, "%x : f32[t0,6], %m : f32[t0,2]",
        "%y = dig.copy %x, %m {quant = \"sym\"} : q8[t0,6]"),
    OK(T0_2,
       "%s = net.send %x {channel = 0} : f32[t0,2]\n%r = net.recv %s {channel = 0} : f32[t0,2]"),
    OK("%x : i32[t0,2], %z : i32[t0,2]", "%y = net.recv_add %x, %z : i32[t0,2]"),
    BAD(op_operand, "%x : i32[t0,2], %z : i32[t0,3]", "%y = net.recv_add %x, %z : i32[t0,2]"),
    BAD(op_attribute, T0_2, "%y = net.send %x {channel = 65536} : f32[t0,2]"),
};

static bool check(const row *r, bool *seen) {
    arena *a = arena_new();
    diag_sink *diags = diag_sink_new();
    const char *text = arena_printf(a, "%sfunc @f(%s) {\n%s\n}\n", prelude, r->params, r->ops);
    ir_module *m = ir_parse(text, strlen(text), "x.oir", NULL, NULL, NULL, diags);
    bool ok = m != NULL;
    if (m) {
        bool sound = ir_verify(m, "x.oir", diags);
        if (r->id == DIAG_ID_COUNT) {
            ok = sound;
        } else {
            ok = !sound && diag_count(diags) == 1 && diag_get(diags, 0)->id == r->id;
        }
        const ir_func *f = m->funcs.items[0];
        for (size_t i = 0; r->id == DIAG_ID_COUNT && i < f->ops.count; i++)
            seen[f->ops.items[i].code] = true;
    }
    if (!ok) {
        print_error("line %d: %s\n", r->line, r->ops);
        diag_print(diags, 0, stderr, false);
        if (r->id != DIAG_ID_COUNT) print_error("expected just '%s'\n", diag_id_name(r->id));
    }
    ir_module_free(m);
    diag_sink_free(diags);
    arena_free(a);
    return ok;
}

static void test_rows(void **state) {
    bool seen[IR_OP_COUNT] = {0};
    bool ok = true;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) ok &= check(&rows[i], seen);
    seen[IR_io_out] = true; // has no result
    for (int i = 0; i < IR_OP_COUNT; i++) {
        if (seen[i]) continue;
        print_error("no row shows '%s'\n", ir_ops[i].name);
        ok = false;
    }
    assert_true(ok);
}

// Without a declared type the result is inferred, or the reason why not is told.
static void test_undeclared(void **state) {
    ir_module *m = ir_module_new();
    ir_func *f = ir_func_add(m, "f");
    diag_sink *diags = diag_sink_new();
    ir_val x = ir_param_add(m, f, "x", ir_type_make(ELEM_f32, 1, (int64_t[]){6}));
    assert_int_equal(ir_build(m, f, IR_t_reshape, &x, 1, NULL, NULL, diags), IR_NONE);
    assert_int_equal(diag_errors(diags), 1);
    assert_int_equal(diag_get(diags, 0)->id, DIAG_ID_op_result);
    ir_val y = ir_build(m, f, IR_t_isnan, &x, 1, NULL, NULL, diags);
    assert_int_equal(ir_type_of(f, y)->type, ELEM_bool);
    diag_sink_free(diags);
    ir_module_free(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_undeclared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
