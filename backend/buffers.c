// Buffers: the row descriptors behind the values of a mapped function.
#include "backend/parts.h"
#include "ir/mapped.h"
#include <string.h>

isa_btype be_row_type(const ir_func *f, ir_val v) {
    switch (ir_type_of(f, v)->type) {
    case ELEM_q8: return ISA_Q8;
    case ELEM_bf16: return ISA_BF16;
    case ELEM_f32: return ISA_F32;
    case ELEM_i32: return ir_is_raw(f, v) ? ISA_RAW : ISA_I32;
    default: return ISA_PAIR;
    }
}

uint16_t be_buffer(const be_emitter *e, ir_val v) {
    CHECK(e->buffer[v] != UINT32_MAX, "value %%%u has no buffer", v);
    return (uint16_t)e->buffer[v];
}

static isa_quant quant_of(const ir_op *op) {
    static const isa_quant codes[] = {[IR_QUANT_SYM] = ISA_QUANT_SYM,
                                      [IR_QUANT_ASYM] = ISA_QUANT_ASYM,
                                      [IR_QUANT_STATIC] = ISA_QUANT_STATIC};
    return ir_attr_has(&op->attrs, IR_ATTR_quant)
               ? codes[IR_WORD(&op->attrs, quant, quantisation, QUANT_SYM)]
               : ISA_QUANT_NONE;
}

static uint16_t add_buffer(be_emitter *e, be_tile *t, isa_buffer b) {
    uint16_t at = be_next(e, t, t->buffers.count, "buffers"), older = at;
    if (at < t->buffers.count) return at; // reported
    if (b.parent != at) {
        older = t->older.items[b.parent];
        t->older.items[b.parent] = at;
    }
    vec_push(&t->buffers, b);
    vec_push(&t->older, older);
    return at;
}

// The first buffer that shows the columns of b, and, if `alike`, is written as b is; ISA_NONE: none
// does.
static uint16_t same_columns(const be_tile *t, const isa_buffer *b, bool alike) {
    uint16_t found = ISA_NONE;
    uint16_t i = b->parent;
    do {
        i = t->older.items[i];
        const isa_buffer *have = &t->buffers.items[i];
        bool same = have->col0 == b->col0 && have->width == b->width;
        if (alike)
            same = same && have->dom == b->dom && have->type == b->type &&
                   have->quant == b->quant && have->scale == b->scale && have->zero == b->zero;
        if (same) found = i;
    } while (i != b->parent);
    return found;
}

static void quantised_as(isa_buffer *b, const ir_op *op) {
    b->quant = (uint8_t)quant_of(op);
    if (b->quant != ISA_QUANT_STATIC) return;
    b->scale = (float)ir_attr_float(&op->attrs, IR_ATTR_scale, 1);
    b->zero = (int32_t)ir_attr_int(&op->attrs, IR_ATTR_zero, 0);
}

// The chip quantises rows to the bits of its converters.
static void check_bits(be_emitter *e, const ir_op *op) {
    const int64_t bits = ir_attr_int(&op->attrs, IR_ATTR_bits, 8),
                  of_chip = e->chip->crossbar.input_bits ? e->chip->crossbar.input_bits : 8;
    const bool around_0 = ir_attr_has(&op->attrs, IR_ATTR_quant) &&
                          quant_of(op) != ISA_QUANT_ASYM &&
                          ir_attr_int(&op->attrs, IR_ATTR_zero, 0) == 0;
    if (!around_0 || bits == of_chip || e->failed) return;
    diag_emit(e->diags, DIAG_ID_no_instruction, DIAG_AT(NULL, op->n_locs ? op->loc[0] : NULL),
              "gives codes of %lld bits, the chip's rows have %lld (crossbar.input_bits)",
              (long long)bits, (long long)of_chip);
    e->failed = true;
}

// The operation whose codes arrive as the result of op: itself, unless they come over a channel.
static const ir_op *sent_by(const ir_func *f, const ir_op *op) {
    const ir_op *from = op;
    while (from &&
           (from->code == IR_net_recv || from->code == IR_net_send || from->code == IR_row_cols))
        from = ir_def(f, from->operand[0]);
    return from ? from : op;
}

static isa_buffer describe(be_emitter *e, ir_val v, const ir_op *op) {
    const ir_type *type = ir_type_of(e->f, v);
    const char *name = e->f->values.items[v].name;
    isa_buffer b = {.type = (uint8_t)be_row_type(e->f, v),
                    .dom = (uint8_t)ir_type_domain(type),
                    .width = (uint32_t)ir_type_width(type)};
    if (name) b.name = isa_program_string(e->p, name);
    quantised_as(&b, op);
    check_bits(e, op);
    return b;
}

// Makes b a column range of another buffer of the tile.
static void look_into(const be_tile *t, isa_buffer *b, uint16_t parent, uint32_t col0) {
    const isa_buffer *of = &t->buffers.items[parent];
    if (of->parent != parent) { // a view of a view looks at what that looks at
        col0 += of->col0;
        parent = of->parent;
        of = &t->buffers.items[parent];
    }
    b->parent = parent;
    b->col0 = col0;
    b->depth = of->depth;
    b->stride = of->stride;
    b->base = of->base;
    b->space = of->space;
}

static ir_val named(const map *names, const char *name) {
    uint32_t v = map_get(names, name);
    CHECK(v != MAP_NONE, "no value is named %%%s", name);
    return (ir_val)v;
}

static void own_buffer(be_emitter *e, ir_val v, const ir_op *op) {
    be_tile *t = &e->tiles[ir_attr_int(&op->attrs, IR_ATTR_tile, 0)];
    isa_buffer b = describe(e, v, op);
    b.parent = (uint16_t)t->buffers.count;
    b.depth = (uint32_t)ir_attr_int(&op->attrs, IR_ATTR_depth, 1);
    b.base = (uint64_t)ir_attr_int(&op->attrs, IR_ATTR_at, 0);
    b.space = IR_WORD(&op->attrs, space, space, SPACE_PAD) == IR_SPACE_MEM ? ISA_MEM : ISA_PAD;
    b.stride = (uint32_t)align_u64(isa_row_bytes((isa_btype)b.type, b.width), 16);
    e->buffer[v] = add_buffer(e, t, b);
}

static void view_buffer(be_emitter *e, ir_val v, const ir_op *op, ir_val of, int64_t col0) {
    be_tile *t = &e->tiles[ir_attr_int(&op->attrs, IR_ATTR_tile, 0)];
    isa_buffer b = describe(e, v, op);
    // Codes that are received into a part of a row have the scale of the whole: static, and said.
    if (op->code == IR_net_recv && b.type == ISA_Q8) quantised_as(&b, sent_by(e->f, op));
    look_into(t, &b, be_buffer(e, of), (uint32_t)col0);
    // The same columns under another name are the same buffer (a rotation in place), unless how
    // they are written differs.
    uint16_t have = same_columns(t, &b, true);
    e->buffer[v] = have != ISA_NONE ? have : add_buffer(e, t, b);
}

static bool takes_row(const ir_op *op) {
    return op->n_results > 0 && op->code != IR_t_const && op->code != IR_net_send;
}

void be_buffers(be_emitter *e) {
    const ir_func *f = e->f;
    map *names = map_new();
    for (size_t v = 0; v < f->values.count; v++) {
        e->buffer[v] = UINT32_MAX;
        if (v > 0 && f->values.items[v].name) map_add(names, f->values.items[v].name, (uint32_t)v);
    }
    // Buffers with a place of their own first: a join's parts are written before the join stands in
    // the text.
    for (size_t i = 0; i < f->ops.count && !e->failed; i++) {
        const ir_op *op = &f->ops.items[i];
        for (uint32_t k = 0; takes_row(op) && k < op->n_results; k++)
            if (ir_attr_has(&op->attrs, IR_ATTR_at)) own_buffer(e, op->result[k], op);
    }
    for (size_t i = 0; i < f->ops.count && !e->failed; i++) {
        const ir_op *op = &f->ops.items[i];
        if (!takes_row(op) || ir_attr_has(&op->attrs, IR_ATTR_at)) continue;
        ir_val v = op->result[0];
        if (op->code == IR_row_cols) {
            view_buffer(e, v, op, op->operand[0], ir_attr_int(&op->attrs, IR_ATTR_from, 0));
        } else if (op->code == IR_row_join) {
            view_buffer(e, v, op, op->operand[0], 0); // parts lie side by side already
        } else {
            const char *parent = ir_attr_str(&op->attrs, IR_ATTR_parent, NULL);
            CHECK(parent, "%%%u has no place: the module is not allocated", v);
            view_buffer(e, v, op, named(names, parent), ir_attr_int(&op->attrs, IR_ATTR_col0, 0));
        }
    }
    map_free(names);
}

uint16_t be_side_by_side(be_emitter *e, ir_val k, ir_val v) {
    const ir_op *op = ir_def(e->f, k);
    be_tile *t = &e->tiles[ir_attr_int(&op->attrs, IR_ATTR_tile, 0)];
    const isa_buffer *a = &t->buffers.items[be_buffer(e, k)],
                     *b = &t->buffers.items[be_buffer(e, v)];
    CHECK(a->parent == b->parent && a->col0 + a->width == b->col0,
          "keys and values do not lie side by side");
    isa_buffer both = *a;
    both.width = a->width + b->width;
    both.name = 0;
    const isa_buffer *whole = &t->buffers.items[a->parent];
    if (whole->width == both.width) return a->parent;
    uint16_t have = same_columns(t, &both, false);
    return have != ISA_NONE ? have : add_buffer(e, t, both);
}
