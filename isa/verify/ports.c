// Ports: every column of an output leaves once in each phase that makes it, an input is read once a
// tile. (Direction, type, width and domain: verify_operands.c.)
#include "isa/verify/parts.h"
#include "support/vec.h"

typedef struct {
    uint32_t port, from, until, tile, pc;
} columns;

static int by_column(const void *x, const void *y) {
    const columns *a = x, *b = y;
    if (a->port != b->port) return a->port < b->port ? -1 : 1;
    return a->from < b->from ? -1 : a->from > b->from;
}

static void check_inputs(verifier *v) {
    uint32_t *reader = base_calloc((size_t)v->p->n_ports + 1, sizeof *reader);
    for (uint32_t t = 0; t < v->p->n_tiles; t++) {
        for (uint32_t pc = 0; pc < v->p->tiles[t].phase[v->phase].count; pc++) {
            const isa_insn *i = verify_insn(v, t, pc);
            if (i->op != ISA_in || i->x >= v->p->n_ports) continue;
            if (reader[i->x] == t + 1)
                verify_bad_at(v, DIAG_ID_isa_port, t, pc, "this tile has read the input already");
            reader[i->x] = t + 1;
        }
    }
    free(reader);
}

// One output's columns, sorted.
static void check_output(verifier *v, const columns *c, size_t n) {
    const isa_port *port = &v->p->ports[c->port];
    const char *where = arena_printf(v->a, "phase %s, output '%.100s'", v->p->phases[v->phase].name,
                                     isa_str(v->p, port->name));
    uint32_t at = 0;
    for (size_t i = 0; i < n; i++) {
        if (c[i].from > at)
            verify_bad(v, DIAG_ID_isa_port, where, "nothing makes columns %u..%u", at,
                       c[i].from - 1);
        else if (c[i].from < at)
            verify_bad_at(v, DIAG_ID_isa_port, c[i].tile, c[i].pc,
                          "column %u of the output is made already", c[i].from);
        if (c[i].until > at) at = c[i].until;
    }
    if (at < port->width)
        verify_bad(v, DIAG_ID_isa_port, where, "nothing makes columns %u..%u", at, port->width - 1);
}

void verify_ports(verifier *v) {
    VEC(columns) out = {0};
    for (uint32_t t = 0; t < v->p->n_tiles; t++) {
        const isa_tile *tile = &v->p->tiles[t];
        for (uint32_t pc = 0; pc < tile->phase[v->phase].count; pc++) {
            const isa_insn *i = verify_insn(v, t, pc);
            if (i->op != ISA_out || !isa_insn_names_exist(v->p, t, i)) continue;
            uint64_t until = (uint64_t)i->imm + tile->buffers[i->a].width;
            if (until <= v->p->ports[i->x].width)
                vec_push(&out, ((columns){i->x, i->imm, (uint32_t)until, t, pc}));
        }
    }
    if (out.count) qsort(out.items, out.count, sizeof *out.items, by_column);
    for (size_t i = 0, n; i < out.count; i += n) {
        for (n = 1; i + n < out.count && out.items[i + n].port == out.items[i].port;) n++;
        check_output(v, &out.items[i], n);
    }
    vec_free(&out);
    check_inputs(v);
}

void verify_outputs_exist(verifier *v) {
    bool *made = base_calloc((size_t)v->p->n_ports + 1, sizeof *made);
    for (uint32_t t = 0; t < v->p->n_tiles; t++)
        for (uint32_t ph = 0; ph < v->p->n_phases; ph++)
            for (uint32_t pc = 0; pc < v->p->tiles[t].phase[ph].count; pc++) {
                const isa_insn *i = &v->p->tiles[t].phase[ph].code[pc];
                if (i->op == ISA_out && i->x < v->p->n_ports) made[i->x] = true;
            }
    for (uint32_t i = 0; i < v->p->n_ports; i++)
        if (v->p->ports[i].direction == ISA_PORT_OUT && !made[i])
            verify_bad(v, DIAG_ID_isa_port,
                       arena_printf(v->a, "output '%.100s'", isa_str(v->p, v->p->ports[i].name)),
                       "no phase makes it");
    free(made);
}
