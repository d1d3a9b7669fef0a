// The verifier: rules that span operations. Rings have one writer, channels one sender and
// receivers that agree, output ports are covered exactly once, everything placed has a tile.
#include "ir/mapped.h"
#include "ir/verify/common.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

// ---- tiles and buffers

static bool in_range(const ir_attrs *l, ir_key k, int64_t lo, int64_t hi) {
    int64_t x = ir_attr_int(l, k, lo);
    return x >= lo && x <= hi;
}

static void verify_place(verifier *v, const ir_func *f, const ir_op *op) {
    enum { MOST_TILES = 1000000, MOST_ROWS = 1 << 24 };
    const ir_attrs *l = &op->attrs;
    const diag_loc loc = verify_at_op(v, f, op);
    const char *name = ir_ops[op->code].name;
    if (v->m->stage == IR_MAPPED && ir_op_takes(op->code, IR_ATTR_tile, NULL) &&
        !ir_attr_has(l, IR_ATTR_tile))
        verify_error(v, loc, DIAG_ID_op_tile, "'%s' has no tile", name);
    if (!in_range(l, IR_ATTR_tile, 0, MOST_TILES - 1) ||
        !in_range(l, IR_ATTR_depth, 1, MOST_ROWS) || !in_range(l, IR_ATTR_at, 0, INT64_C(1) << 48))
        verify_error(v, loc, DIAG_ID_op_attribute, "'%s': 'tile', 'depth' or 'at' is out of range",
                     name);
    if (ir_attr_word(l, IR_ATTR_space, IR_ENUM_space, 0) < 0)
        verify_error(v, loc, DIAG_ID_op_attribute, "'%s': 'space' is \"%s\", must be one of: %s",
                     name, ir_attr_str(l, IR_ATTR_space, ""), ir_words(IR_ENUM_space));
}

// ---- channels

typedef struct {
    const ir_op **sender; // by value: the net.send that gives it, or NULL
    uint32_t *received;   // by value: receivers of it
    map *senders;         // channel, and channel with tile: taken
    bool numbered;        // some operation has a channel: all need one
} channels;

static void channel_error(verifier *v, const ir_func *f, const ir_op *op, const char *what) {
    verify_error(v, verify_at_op(v, f, op), DIAG_ID_channel, "'%s' %s", ir_ops[op->code].name,
                 what);
}

static bool is_receiver(const ir_op *op, uint32_t operand) {
    return (op->code == IR_net_recv && operand == 0) ||
           (op->code == IR_net_recv_add && operand == 1);
}

// Claims `key`; false when another operation of the function has it.
static bool claim(verifier *v, channels *c, int64_t channel, int64_t tile) {
    return map_add(c->senders, arena_printf(v->a, "%" PRId64 " %" PRId64, channel, tile), 0) ==
           MAP_NONE;
}

static void verify_net(verifier *v, const ir_func *f, const ir_op *op, channels *c) {
    int64_t channel = ir_attr_int(&op->attrs, IR_ATTR_channel, -1);
    if (c->numbered && channel < 0) channel_error(v, f, op, "has no channel");
    if (op->code == IR_net_send) {
        c->sender[op->result[0]] = op;
        if (channel >= 0 && !claim(v, c, channel, -1))
            channel_error(v, f, op, "sends on a channel that has a sender");
        return;
    }
    ir_val from = op->operand[op->code == IR_net_recv ? 0 : 1];
    const ir_op *sender = c->sender[from];
    // Before schedule, recv_add names the other summand itself.
    if (!sender && (op->code == IR_net_recv || channel >= 0)) {
        channel_error(v, f, op, "receives what no 'net.send' gives");
        return;
    }
    if (!sender) return;
    c->received[from]++;
    if (ir_attr_int(&sender->attrs, IR_ATTR_channel, -1) != channel)
        channel_error(v, f, op, "receives from another channel than the sender's");
    else if (channel >= 0 && !claim(v, c, channel, ir_attr_int(&op->attrs, IR_ATTR_tile, 0)))
        channel_error(v, f, op, "receives a second time on its tile");
}

static void verify_channels(verifier *v, const ir_func *f) {
    channels c = {.sender = ARENA_ARRAY(v->a, const ir_op *, f->values.count),
                  .received = ARENA_ARRAY(v->a, uint32_t, f->values.count),
                  .senders = map_new()};
    for (size_t i = 0; i < f->ops.count; i++)
        c.numbered |= ir_attr_has(&f->ops.items[i].attrs, IR_ATTR_channel);
    for (size_t i = 0; i < f->ops.count; i++) {
        const ir_op *op = &f->ops.items[i];
        for (uint32_t k = 0; k < op->n_operands; k++) {
            if (c.sender[op->operand[k]] && !is_receiver(op, k))
                channel_error(v, f, op, "reads what was sent, only 'net.recv' may");
        }
        if (ir_kind_of(op->code) == IR_KIND_LINK) verify_net(v, f, op, &c);
    }
    for (size_t i = 0; i < f->results.count; i++) {
        if (c.sender[f->results.items[i].value])
            verify_error(v, verify_at_func(v, f), DIAG_ID_channel,
                         "result %zu is what was sent, only 'net.recv' may read it", i + 1);
    }
    for (size_t i = 0; i < f->values.count; i++) {
        if (c.sender[i] && !c.received[i])
            channel_error(v, f, c.sender[i], "sends what nobody receives");
    }
    map_free(c.senders);
}

// Sends of all functions share the numbers 0, 1, ...
void verify_channel_numbers(verifier *v) {
    const ir_module *m = v->m;
    int64_t sends = 0;
    for (size_t i = 0; i < m->funcs.count; i++)
        for (size_t k = 0; k < m->funcs.items[i]->ops.count; k++)
            sends += m->funcs.items[i]->ops.items[k].code == IR_net_send;
    const ir_func **owner = ARENA_ARRAY(v->a, const ir_func *, sends + 1);
    for (size_t i = 0; i < m->funcs.count; i++) {
        const ir_func *f = m->funcs.items[i];
        for (size_t k = 0; k < f->ops.count; k++) {
            const ir_op *op = &f->ops.items[k];
            int64_t channel = ir_attr_int(&op->attrs, IR_ATTR_channel, -1);
            if (op->code != IR_net_send || channel < 0) continue;
            if (channel >= sends)
                verify_error(v, verify_at_op(v, f, op), DIAG_ID_channel,
                             "'net.send' has channel %" PRId64 ", expected one below %" PRId64
                             ", the number of sends",
                             channel, sends);
            else if (owner[channel])
                verify_error(v, verify_at_op(v, f, op), DIAG_ID_channel,
                             "channel %" PRId64 " is one of '@%s' already", channel,
                             owner[channel]->name);
            else
                owner[channel] = f;
        }
    }
}

// ---- ports

typedef struct {
    const ir_op *op;
    uint32_t port; // index of the result
    int64_t from, until;
} piece;

static int by_port_and_column(const void *a, const void *b) {
    const piece *x = a, *y = b;
    if (x->port != y->port) return x->port < y->port ? -1 : 1;
    if (x->from != y->from) return x->from < y->from ? -1 : 1;
    return x->until < y->until ? -1 : x->until > y->until;
}

// Columns that the pieces of one output leave out or write twice. `list` ascends.
static void verify_pieces(verifier *v, const ir_func *f, const piece *list, size_t n) {
    const ir_port *p = &f->results.items[list[0].port];
    int64_t at = 0;
    for (size_t i = 0; i < n; i++) {
        if (list[i].from != at)
            verify_error(v, verify_at_op(v, f, list[i].op), DIAG_ID_port,
                         "columns of output \"%s\" %s: expected from %" PRId64 ", found %" PRId64,
                         p->name, list[i].from < at ? "overlap" : "are left out", at, list[i].from);
        at = list[i].until;
        if (ir_type_of(f, list[i].op->operand[0])->dim[0] !=
            ir_type_of(f, list[0].op->operand[0])->dim[0])
            verify_error(v, verify_at_op(v, f, list[i].op), DIAG_ID_port,
                         "columns of output \"%s\" are of different domains", p->name);
    }
    int64_t width = p->value != IR_NONE ? ir_type_width(ir_type_of(f, p->value)) : at;
    if (at != width)
        verify_error(v, verify_at_op(v, f, list[n - 1].op), DIAG_ID_port,
                     "output \"%s\" has %" PRId64 " columns, %" PRId64 " are written", p->name,
                     width, at);
}

static void verify_outputs(verifier *v, const ir_func *f) {
    map *ports = map_new();
    VEC(piece) list = {0};
    bool *written = ARENA_ARRAY(v->a, bool, f->results.count + 1);
    for (size_t i = 0; i < f->results.count; i++) {
        const char *name = f->results.items[i].name;
        if (name) map_add(ports, name, (uint32_t)i);
    }
    for (size_t k = 0; k < f->ops.count; k++) {
        const ir_op *op = &f->ops.items[k];
        if (op->code != IR_io_out) continue;
        const char *name = ir_attr_str(&op->attrs, IR_ATTR_port, "");
        uint32_t port = map_get(ports, name);
        if (port == MAP_NONE) {
            verify_error(v, verify_at_op(v, f, op), DIAG_ID_port,
                         "the function has no output \"%s\"", name);
            continue;
        }
        int64_t from = ir_attr_int(&op->attrs, IR_ATTR_col0, 0);
        int64_t width = ir_type_width(ir_type_of(f, op->operand[0]));
        vec_push(&list, (piece){op, port, from, from + width});
        written[port] = true;
    }
    if (list.count) qsort(list.items, list.count, sizeof *list.items, by_port_and_column);
    for (size_t i = 0, n; i < list.count; i += n) {
        for (n = 1; i + n < list.count && list.items[i + n].port == list.items[i].port;) n++;
        verify_pieces(v, f, list.items + i, n);
    }
    for (size_t i = 0; i < f->results.count; i++) {
        const ir_port *p = &f->results.items[i];
        if (p->value == IR_NONE && !written[i])
            verify_error(v, verify_at_func(v, f), DIAG_ID_port, "output \"%s\" is never written",
                         p->name ? p->name : "");
    }
    vec_free(&list);
    map_free(ports);
}

// ---- rings

static void verify_writers(verifier *v, const ir_func *f) {
    map *written = map_new();
    for (size_t i = 0; i < f->ops.count; i++) {
        const ir_op *op = &f->ops.items[i];
        if (!ir_stores(op)) continue;
        const char *ring = ir_attr_str(&op->attrs, IR_ATTR_ring, "");
        if (map_add(written, ring, 0) != MAP_NONE)
            verify_error(v, verify_at_op(v, f, op), DIAG_ID_ring_writer,
                         "ring '@%s' has another writer in '@%s'", ring, f->name);
    }
    map_free(written);
}

void verify_rings(verifier *v) {
    map *writers = map_new(); // ring -> function that writes it
    for (size_t i = 0; i < v->m->funcs.count; i++) {
        const ir_func *f = v->m->funcs.items[i];
        for (size_t k = 0; k < f->ops.count; k++) {
            const ir_op *op = &f->ops.items[k];
            if (ir_stores(op))
                map_add(writers, ir_attr_str(&op->attrs, IR_ATTR_ring, ""), (uint32_t)i);
        }
    }
    for (size_t i = 0; i < v->m->funcs.count; i++) {
        const ir_func *f = v->m->funcs.items[i];
        map *written = map_new();
        for (size_t k = 0; k < f->ops.count; k++) {
            const ir_op *op = &f->ops.items[k];
            const char *ring = ir_attr_str(&op->attrs, IR_ATTR_ring, "");
            if (ir_stores(op)) map_add(written, ring, 0);
            if (!ir_reads_ring(op) || map_get(written, ring) != MAP_NONE) continue;
            uint32_t by = map_get(writers, ring);
            if (by == MAP_NONE || by == (uint32_t)i)
                verify_error(v, verify_at_op(v, f, op), DIAG_ID_ring_writer,
                             "ring '@%s' is read before it is written", ring);
        }
        map_free(written);
    }
    map_free(writers);
}

void verify_mapped(verifier *v, const ir_func *f) {
    for (size_t i = 0; i < f->ops.count; i++) verify_place(v, f, &f->ops.items[i]);
    verify_channels(v, f);
    verify_outputs(v, f);
    verify_writers(v, f);
}
