// schedule: the order of each tile's line, and communication between tiles.
//
// The function's order is the global order; a tile's line is what of it the tile executes. A value
// needed on other tiles is sent once, right after it is made, to all of them (multicast); each
// receives it right before its first use. Column views are sent as such: only what is needed
// travels. A join is made where it is read. Inputs are read from the port on every tile that uses
// them, constants are in every tile's own memory.
#include "passes/pass.h"
#include "passes/rewrite/rewrite.h"
#include <string.h>

typedef VEC(int) tile_list;

typedef struct {
    ir_val old;
    int tile;
    ir_val local;
} local_value;

typedef struct {
    rewrite r;
    tile_list *needed;       // by old value: tiles that must receive it
    ir_val *sent;            // by old value: result of its net.send
    VEC(local_value) locals; // values available on other tiles
    int64_t channels;        // numbers given
} scheduler;

static int op_tile(const ir_op *op) { return (int)ir_attr_int(&op->attrs, IR_ATTR_tile, 0); }

// Tile on which an old value comes into being; views are where what they look at is.
static int home(const scheduler *s, ir_val v) {
    const ir_op *op = ir_def(s->r.of, v);
    if (op->code == IR_row_cols) return home(s, op->operand[0]);
    return op_tile(op);
}

static bool need(scheduler *s, ir_val v, int tile) { // false: known already
    tile_list *l = &s->needed[v];
    for (size_t i = 0; i < l->count; i++)
        if (l->items[i] == tile) return false;
    vec_push(l, tile);
    return true;
}

// Marks what must travel so that `tile` can read old value v.
static void demand(scheduler *s, ir_val v, int tile) {
    const ir_op *op = ir_def(s->r.of, v);
    if (!op || op->code == IR_t_const || op->code == IR_io_in) return;
    if (op->code == IR_row_join) {
        for (uint32_t i = 0; i < op->n_operands; i++) demand(s, op->operand[i], tile);
        return;
    }
    if (op->code == IR_row_cols && ir_def(s->r.of, op->operand[0]) &&
        ir_def(s->r.of, op->operand[0])->code ==
            IR_row_join) { // columns of something joined on demand
        demand(s, op->operand[0], tile);
        return;
    }
    if (home(s, v) != tile) need(s, v, tile);
}

static void demands(scheduler *s) {
    for (size_t i = 0; i < s->r.of->ops.count; i++) {
        const ir_op *op = &s->r.of->ops.items[i];
        if (op->code == IR_row_cols || op->code == IR_row_join)
            continue; // on behalf of their readers
        for (uint32_t k = 0; k < op->n_operands; k++)
            if (op->operand[k] != IR_NONE) demand(s, op->operand[k], op_tile(op));
    }
}

static ir_val find_local(const scheduler *s, ir_val old, int tile) {
    for (size_t i = 0; i < s->locals.count; i++)
        if (s->locals.items[i].old == old && s->locals.items[i].tile == tile)
            return s->locals.items[i].local;
    return IR_NONE;
}

static ir_op *set_tile(scheduler *s, int tile) {
    ir_op *op = ir_last_op(s->r.f);
    ir_attr_set_int(s->r.m->arena, &op->attrs, IR_ATTR_tile, tile);
    return op;
}

static bool is_received(const scheduler *s, ir_val v, int tile) {
    const tile_list *l = &s->needed[v];
    for (size_t i = 0; i < l->count; i++)
        if (l->items[i] == tile) return true;
    return false;
}

// The new value that stands for old value v on `tile`; makes the receive, view or port read when it
// is first asked for.
static ir_val local(scheduler *s, ir_val v, int tile) {
    const ir_op *op = ir_def(s->r.of, v);
    if (!op || op->code == IR_t_const) return rewrite_get(&s->r, v);
    ir_val have = find_local(s, v, tile);
    if (have != IR_NONE) return have;
    const ir_type *type = ir_type_of(s->r.of, v);
    if (op->code == IR_io_in) {
        have = rewrite_add(&s->r, IR_io_in, NULL, 0, &op->attrs, type, op);
        set_tile(s, tile);
    } else if (is_received(s, v, tile)) {
        ir_attrs a = {0};
        const ir_op *send = ir_def(s->r.f, s->sent[v]);
        ir_attr_set_int(s->r.scratch, &a, IR_ATTR_channel,
                        ir_attr_int(&send->attrs, IR_ATTR_channel, 0));
        have = rewrite_add(&s->r, IR_net_recv, &s->sent[v], 1, &a, type, op);
        set_tile(s, tile);
    } else if (op->code == IR_row_join || op->code == IR_row_cols) {
        ir_val *in = ARENA_ARRAY(s->r.scratch, ir_val, op->n_operands);
        for (uint32_t i = 0; i < op->n_operands; i++) in[i] = local(s, op->operand[i], tile);
        have = rewrite_add(&s->r, op->code, in, op->n_operands, &op->attrs, type, op);
        set_tile(s, tile);
    } else {
        return rewrite_get(&s->r, v); // made here
    }
    vec_push(&s->locals, (local_value){v, tile, have});
    return have;
}

static void send(scheduler *s, ir_val v, const ir_op *op) {
    if (s->needed[v].count == 0) return;
    int tile = home(s, v);
    ir_attrs a = {0};
    ir_attr_set_int(s->r.scratch, &a, IR_ATTR_channel, s->channels++);
    ir_val x = local(s, v, tile);
    s->sent[v] = rewrite_add(&s->r, IR_net_send, &x, 1, &a, ir_type_of(s->r.of, v), op);
    set_tile(s, tile);
}

static void emit(scheduler *s, const ir_op *op) {
    int tile = op_tile(op);
    ir_val *in = ARENA_ARRAY(s->r.scratch, ir_val, op->n_operands + 1);
    for (uint32_t i = 0; i < op->n_operands; i++) {
        if (op->code == IR_net_recv_add && i == 1)
            in[i] = s->sent[op->operand[1]];
        else
            in[i] = op->operand[i] == IR_NONE ? IR_NONE : local(s, op->operand[i], tile);
    }
    ir_type *types = ARENA_ARRAY(s->r.scratch, ir_type, op->n_results + 1);
    for (uint32_t i = 0; i < op->n_results; i++) types[i] = *ir_type_of(s->r.of, op->result[i]);
    ir_attrs attrs = ir_attrs_copy(s->r.scratch, &op->attrs);
    if (op->code == IR_net_recv_add) {
        const ir_op *sender = ir_def(s->r.f, in[1]);
        ir_attr_set_int(s->r.scratch, &attrs, IR_ATTR_channel,
                        ir_attr_int(&sender->attrs, IR_ATTR_channel, 0));
    }
    ir_build_typed(s->r.m, s->r.f, op->code, in, op->n_operands, &attrs, types, op);
    ir_op *made = ir_last_op(s->r.f);
    for (uint32_t i = 0; i < op->n_results; i++) {
        s->r.map[op->result[i]] = made->result[i];
        const char *name = s->r.of->values.items[op->result[i]].name;
        if (name) s->r.f->values.items[made->result[i]].name = arena_str(s->r.m->arena, name);
    }
}

// Views of v that travel leave right after v is made.
static void send_views(scheduler *s, ir_val v, size_t from) {
    for (size_t i = from; i < s->r.of->ops.count; i++) {
        const ir_op *op = &s->r.of->ops.items[i];
        if (op->code == IR_row_cols && op->operand[0] == v) {
            send(s, op->result[0], op);
            send_views(s, op->result[0], i + 1);
        }
    }
}

// channels: numbers given so far; a channel belongs to one function.
static bool schedule_func(const ir_module *old, const ir_func *f, ir_module *m, int64_t *channels,
                          diag_sink *diags) {
    scheduler s = {.r = rewrite_begin(old, f, m, diags), .channels = *channels};
    s.needed = ARENA_ARRAY(s.r.scratch, tile_list, f->values.count + 1);
    s.sent = ARENA_ARRAY(s.r.scratch, ir_val, f->values.count + 1);
    demands(&s);
    bool *viewed = ARENA_ARRAY(s.r.scratch, bool, f->values.count + 1);
    for (size_t i = 0; i < f->ops.count; i++)
        if (f->ops.items[i].code == IR_row_cols) viewed[f->ops.items[i].operand[0]] = true;
    for (size_t i = 0; i < f->ops.count; i++) {
        const ir_op *op = &f->ops.items[i];
        if (op->code == IR_row_cols || op->code == IR_row_join || op->code == IR_io_in)
            continue; // made on demand
        emit(&s, op);
        for (uint32_t k = 0; k < op->n_results; k++) {
            send(&s, op->result[k], op);
            if (viewed[op->result[k]]) send_views(&s, op->result[k], i + 1);
        }
    }
    for (size_t i = 0; i < f->values.count; i++) vec_free(&s.needed[i]);
    vec_free(&s.locals);
    *channels = s.channels;
    return rewrite_end(&s.r);
}

ir_module *pass_schedule(const ir_module *old, const pass_options *o, diag_sink *diags) {
    (void)o;
    ir_module *m = ir_module_derive(old);
    int64_t channels = 0;
    bool ok = true;
    for (size_t i = 0; i < old->funcs.count; i++)
        ok = schedule_func(old, old->funcs.items[i], m, &channels, diags) && ok;
    if (ok) return m;
    ir_module_free(m);
    return NULL;
}
