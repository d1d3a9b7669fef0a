// Channels and host ports. A channel is an unbounded queue here: its depth is timing only.
#include "runtime-sim/exec/rows.h"
#include "runtime-sim/exec/vectors.h"

static const isa_channel *channel_of(const sim_ctx *c) {
    CHECK(c->insn->x < c->s->p->n_channels, "channel %u", c->insn->x);
    return &c->s->p->channels[c->insn->x];
}

void sim_exec_send(sim_ctx *c) {
    const isa_channel *ch = channel_of(c);
    sim_rows a = sim_source(c, c->insn->a);
    size_t row = a.width * sim_elem_bytes(a.type), data = align_u64((size_t)c->rows * row, 64);
    sim_packet *p = base_calloc(1, sizeof *p);
    p->data = sim_block_take(c->s, data + (a.trailers ? (size_t)c->rows * sizeof(sim_trailer) : 0),
                             &p->capacity);
    p->trailers = a.trailers ? (sim_trailer *)((uint8_t *)p->data + data) : NULL;
    p->rows = c->rows;
    p->readers = ch->n_dests;
    bool dense = a.stride == a.width;
    for (int64_t r = 0; r < (dense ? 1 : c->rows); r++)
        memcpy((uint8_t *)p->data + (size_t)r * row, sim_row_at(&a, r),
               dense ? row * (size_t)c->rows : row);
    if (p->trailers) memcpy(p->trailers, a.trailers, (size_t)c->rows * sizeof(sim_trailer));
    for (uint32_t i = 0; i < ch->n_dests; i++) {
        sim_queue *q = &c->s->queues[ch->first_dest + i];
        vec_push(q, p);
    }
    c->stats->link_rows += (uint64_t)c->rows * ch->n_dests;
    c->stats->link_bytes +=
        (uint64_t)c->rows * c->s->links[c->insn->x] * isa_row_bytes((isa_btype)ch->type, ch->width);
    if (ch->n_dests == 0) {
        sim_block_give(c->s, p->data, p->capacity);
        free(p);
    }
}

// The next packet for this tile: the k-th receive meets the k-th send.
static sim_packet *arrived(const sim_ctx *c) {
    uint32_t entry = isa_dest_find(&c->s->dests, c->insn->x, c->tile);
    CHECK(entry != UINT32_MAX, "tile %u is no destination of channel %u", c->tile, c->insn->x);
    sim_queue *q = &c->s->queues[entry];
    CHECK(q->head < q->count, "tile %u pc %u receives before the send", c->tile, c->pc);
    sim_packet *p = q->items[q->head++];
    if (q->head == q->count) q->head = q->count = 0;
    CHECK(p->rows == c->rows, "%lld rows arrive for %lld", (long long)p->rows, (long long)c->rows);
    const isa_channel *ch = channel_of(c);
    c->stats->received_bytes += (uint64_t)c->rows * isa_row_bytes((isa_btype)ch->type, ch->width);
    return p;
}

static void taken(const sim_ctx *c, sim_packet *p) {
    if (--p->readers > 0) return;
    sim_block_give(c->s, p->data, p->capacity);
    free(p);
}

// The packet as rows of a buffer.
static sim_rows packet_rows(const sim_packet *p, const isa_channel *ch, const sim_rows *like) {
    return (sim_rows){.desc = like->desc,
                      .type = (isa_btype)ch->type,
                      .rows = p->rows,
                      .width = ch->width,
                      .stride = ch->width,
                      .data = p->data,
                      .trailers = p->trailers};
}

void sim_exec_recv(sim_ctx *c) {
    const isa_channel *ch = channel_of(c);
    sim_rows d = sim_target(c, c->insn->d, c->rows);
    sim_packet *p = arrived(c);
    sim_rows from = packet_rows(p, ch, &d);
    CHECK(from.type == d.type && from.width == d.width, "channel %u carries other rows",
          c->insn->x);
    const isa_buffer *whole = &c->desc->buffers[c->insn->d];
    if (p->readers == 1 && whole->parent == c->insn->d) { // nobody else reads them: they stay
        sim_store *st = &c->state->stores[c->insn->d], was = *st;
        st->data = p->data, st->trailers = p->trailers, st->capacity = p->capacity;
        p->data = was.data, p->capacity = was.capacity;
    } else {
        for (int64_t r = 0; r < c->rows; r++) sim_cols_move(&d, r, 0, &from, r);
    }
    taken(c, p);
}

// raw: i32 sums and the sums of codes add up, scale and zero are the same in all blocks of a row;
// f32: a + arriving, in program order.
void sim_exec_recvadd(sim_ctx *c) {
    const isa_channel *ch = channel_of(c);
    sim_rows a = sim_source(c, c->insn->a), d = sim_target(c, c->insn->d, c->rows);
    sim_packet *p = arrived(c);
    sim_rows from = packet_rows(p, ch, &d);
    CHECK(from.width == d.width && from.type == d.type && a.type == d.type,
          "channel %u carries other rows", c->insn->x);
    const sim_vectors *v = sim_vectors_on(simd_best());
    float *scratch = base_alloc((size_t)d.width * sizeof *scratch + 1);
    for (int64_t r = 0; r < c->rows; r++) {
        if (d.type == ISA_RAW || d.type == ISA_I32) {
            v->add_i32(sim_row_at(&d, r), sim_row_at(&a, r), sim_row_at(&from, r), d.width);
            if (d.trailers) {
                sim_trailer t = a.trailers[r];
                t.sum = (int32_t)((uint32_t)t.sum + (uint32_t)from.trailers[r].sum);
                d.trailers[r] = t;
            }
            continue;
        }
        v->add_f32(scratch, sim_row_at(&a, r), sim_row_at(&from, r), d.width);
        sim_row_end(c, &d, r, scratch);
    }
    free(scratch);
    taken(c, p);
}

// --- ports

static uint32_t port_number(const sim_ctx *c, isa_pdir direction) { // among ports of its direction
    const isa_program *p = c->s->p;
    CHECK(c->insn->x < p->n_ports && p->ports[c->insn->x].direction == direction, "port %u",
          c->insn->x);
    return c->s->port_number[c->insn->x];
}

void sim_exec_in(sim_ctx *c) {
    const isa_port *port = &c->s->p->ports[c->insn->x];
    const tensor *t = &c->s->inputs[port_number(c, ISA_PORT_IN)];
    sim_rows d = sim_target(c, c->insn->d, c->rows);
    CHECK(port->width == d.width, "port of %u columns into %u", port->width, d.width);
    float *scratch = base_alloc((size_t)d.width * sizeof *scratch + 1);
    for (int64_t r = 0; r < c->rows; r++) {
        const uint8_t *row = (const uint8_t *)t->data + (size_t)r * port->width * 4;
        if (t->type == ELEM_i32 && d.type == ISA_I32) {
            memcpy(sim_row_at(&d, r), row, (size_t)port->width * 4);
        } else {
            elem_convert(ELEM_f32, scratch, t->type, row, port->width);
            sim_row_end(c, &d, r, scratch);
        }
    }
    free(scratch);
    c->stats->host_bytes += (uint64_t)c->rows * isa_row_bytes((isa_btype)port->type, port->width);
}

void sim_exec_out(sim_ctx *c) {
    const isa_port *port = &c->s->p->ports[c->insn->x];
    tensor *t = &c->s->outputs[port_number(c, ISA_PORT_OUT)];
    sim_rows a = sim_source(c, c->insn->a);
    size_t each = port->type == ISA_PAIR ? 2 : 1; // pairs: value, index
    CHECK((uint64_t)c->insn->imm + a.width <= port->width, "columns %u... of a port of %u",
          c->insn->imm, port->width);
    if (!t->data || t->dim[0] != c->rows) {
        elem e = port->type == ISA_I32 ? ELEM_i32 : ELEM_f32;
        *t = tensor_new(c->s->out_arena, e, 2, (int64_t[]){c->rows, (int64_t)(port->width * each)});
    }
    float *scratch = base_alloc((size_t)a.width * sizeof *scratch + 1);
    for (int64_t r = 0; r < c->rows; r++) {
        uint8_t *to = (uint8_t *)t->data + ((size_t)r * port->width + c->insn->imm) * 4 * each;
        if (a.type == ISA_PAIR && each == 2) {
            const sim_pair *p = sim_row_at(&a, r);
            for (uint32_t i = 0; i < a.width; i++) {
                ((float *)(void *)to)[2 * i] = p[i].value;
                ((float *)(void *)to)[2 * i + 1] = (float)p[i].index;
            }
        } else if (t->type == ELEM_i32 && (a.type == ISA_I32 || a.type == ISA_RAW)) {
            memcpy(to, sim_row_at(&a, r), (size_t)a.width * 4);
        } else {
            const float *x = sim_row_f32(&a, r, scratch);
            elem_convert(t->type, to, ELEM_f32, x, a.width);
        }
    }
    free(scratch);
    c->stats->host_bytes += (uint64_t)c->rows * isa_row_bytes((isa_btype)port->type, a.width);
}
