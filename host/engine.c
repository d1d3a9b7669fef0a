// The two engines; see engine.h.
#include "host/engine.h"
#include "ir/eval/interp.h"
#include "support/name.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct engine {
    arena *arena;
    engine_info info;
    // simulator
    sim *sim;
    const isa_program *program;
    uint32_t *ring_tile, *ring_index;
    uint32_t bank; // that steps are of
    // interpreter
    ir_interp *interp;                 // of the steps
    ir_interp *encode;                 // NULL: there is no encoder
    const ir_func *func, *encode_func; // NULL likewise
    bool encoded;                      // since the last reset
    const char **ring_name;
    size_t n_in;
    size_t *in_of[2], *out_of[2]; // port numbers of a function's parameters and results
};

const char *engine_longer(arena *a, const engine_info *info, int64_t n) {
    if (info->longest && n > info->longest)
        return arena_printf(a, "the model's position table has %" PRId64 " rows, and no more",
                            info->longest);
    const char *most =
        info->longest ? arena_printf(a, ", at most %" PRId64, info->longest) : " or more";
    return arena_printf(a, "compile with --max-tokens %" PRId64 "%s", n, most);
}

const engine_info *engine_describe(const engine *e) { return &e->info; }
sim *engine_sim(engine *e) { return e->sim; }

void engine_use_bank(engine *e, int64_t bank) {
    CHECK(bank >= 0 && bank < e->info.banks, "bank %lld", (long long)bank);
    e->bank = (uint32_t)bank;
}

void engine_observe(engine *e, void (*f)(void *, const ir_op *, uint32_t, const tensor *),
                    void *ctx) {
    if (e->encode) ir_interp_observe(e->encode, f, ctx);
    if (e->interp) ir_interp_observe(e->interp, f, ctx);
}

void engine_free(engine *e) {
    if (!e) return;
    sim_free(e->sim);
    ir_interp_free(e->encode); // on the rings of the other
    ir_interp_free(e->interp);
    arena_free(e->arena);
}

static engine *engine_new(void) {
    arena *a = arena_new();
    engine *e = ARENA_NEW(a, engine);
    e->arena = a;
    return e;
}

// ---- simulator -------------------------------------------------------------------------------

// Rows of the phases: of the last one, and of the encoder's before it.
static void describe_phases(engine_info *info, const isa_program *p) {
    const isa_phase *last = &p->phases[p->n_phases - 1];
    info->has_encoder = p->n_phases > 1;
    info->max_chunk = p->max_chunk;
    for (int d = ISA_DOMAINS; d-- > 0;) {
        if (last->free_domains >> d & 1) {
            info->domain[0] = d;
            info->fixed_rows = last->fixed_rows[d];
            if (info->has_encoder) info->max_chunk = last->max_rows[d];
        }
        if (info->has_encoder && (p->phases[0].free_domains >> d & 1)) {
            info->domain[1] = d;
            info->max_encoder = p->phases[0].max_rows[d];
            info->fixed_encoder = p->phases[0].fixed_rows[d];
        }
    }
}

// A line of the proof: "at most 256 tokens: ..." (bind.c). 0: there is none.
static int64_t longest_of(const char *proof) {
    static const char begins[] = "at most ";
    for (const char *line = proof; line && *line; line += strspn(line, "\n")) {
        char *end;
        if (strncmp(line, begins, sizeof begins - 1) == 0) {
            long long n = strtoll(line + sizeof begins - 1, &end, 10);
            if (n > 0 && strncmp(end, " tokens: ", 9) == 0) return n;
        }
        line += strcspn(line, "\n");
    }
    return 0;
}

engine *engine_of_program(const program_file *f, const sim_options *o, diag_sink *diags) {
    const isa_program *p = f->program;
    sim *s = sim_new(p, f->chip, o, diags);
    if (!s) return NULL;
    engine *e = engine_new();
    e->sim = s;
    e->program = p;
    engine_info *info = &e->info;
    info->stream = p->class == ISA_STREAM;
    info->max_tokens = p->max_tokens;
    info->banks = p->banks;
    info->longest = longest_of(p->proof);
    info->notes = p->notes ? p->notes : "";
    describe_phases(info, p);
    info->n_ports = p->n_ports;
    info->ports = ARENA_ARRAY(e->arena, engine_port, p->n_ports + 1);
    const uint8_t *phases = isa_port_phases(p, e->arena);
    for (uint32_t i = 0; i < p->n_ports; i++) {
        const isa_port *d = &p->ports[i];
        info->ports[i] = (engine_port){.name = isa_str(p, d->name),
                                       .input = d->direction == ISA_PORT_IN,
                                       .encoder = info->has_encoder && (phases[i] & 1),
                                       .onnx = (elem)d->elem,
                                       .integer = d->type == ISA_I32,
                                       .domain = d->dom,
                                       .width = (int64_t)d->width * (d->type == ISA_PAIR ? 2 : 1),
                                       .lo = d->lo,
                                       .hi = d->hi,
                                       .pad = d->pad,
                                       .role = (isa_prole)d->role,
                                       .shape = isa_str(p, d->shape),
                                       .layout = isa_str(p, d->layout)};
    }
    size_t n = 0;
    for (uint32_t t = 0; t < p->n_tiles; t++) n += p->tiles[t].n_rings;
    info->rings = ARENA_ARRAY(e->arena, engine_ring, n + 1);
    e->ring_tile = ARENA_ARRAY(e->arena, uint32_t, n + 1);
    e->ring_index = ARENA_ARRAY(e->arena, uint32_t, n + 1);
    for (uint32_t t = 0; t < p->n_tiles; t++) {
        for (uint32_t r = 0; r < p->tiles[t].n_rings; r++) {
            const isa_ring *d = &p->tiles[t].rings[r];
            e->ring_tile[info->n_rings] = t;
            e->ring_index[info->n_rings] = r;
            info->rings[info->n_rings++] = (engine_ring){isa_str(p, d->past_key),
                                                         isa_str(p, d->past_value),
                                                         isa_str(p, d->present_key),
                                                         isa_str(p, d->present_value),
                                                         isa_str(p, d->kv_layout),
                                                         d->n_kv,
                                                         d->d,
                                                         d->dv,
                                                         d->slots};
        }
    }
    return e;
}

// ---- interpreter -----------------------------------------------------------------------------

static engine_port port_of(engine *e, const ir_func *f, const ir_port *p, bool input) {
    ir_type t = {.type = ELEM_f32, .rank = 2};
    if (p->value != IR_NONE) {
        t = *ir_type_of(f, p->value);
    } else { // an output of mapped IR: the pieces that io.out writes
        for (size_t i = 0; i < f->ops.count; i++) {
            const ir_op *op = &f->ops.items[i];
            if (op->code != IR_io_out ||
                strcmp(ir_attr_str(&op->attrs, IR_ATTR_port, ""), p->name) != 0)
                continue;
            const ir_type *piece = ir_type_of(f, op->operand[0]);
            t.type = piece->type;
            t.dim[0] = piece->dim[0];
            t.dim[1] += ir_type_width(piece);
        }
    }
    engine_port q = {.name = p->name,
                     .input = input,
                     .encoder = f == e->encode_func,
                     .integer = !elem_is_float(t.type),
                     .domain = ir_type_domain(&t),
                     .width = ir_type_width(&t)};
    q.onnx = t.type;
    elem_parse(ir_attr_str(&p->attrs, IR_ATTR_onnx_type, elem_name(t.type)), &q.onnx);
    q.lo = ir_attr_int(&p->attrs, IR_ATTR_range_lo, 0);
    q.hi = ir_attr_int(&p->attrs, IR_ATTR_range_hi, 0);
    q.pad = ir_attr_int(&p->attrs, IR_ATTR_uncounted, 0);
    q.role = isa_port_role(ir_attr_str(&p->attrs, IR_ATTR_role, ""));
    q.shape = ir_port_shape(e->arena, p);
    q.layout = ir_attr_str(&p->attrs, IR_ATTR_layout, "");
    return q;
}

// Ports of a function, behind those that the engine has; one that both phases read is one.
static void add_ports(engine *e, const ir_func *f, bool input) {
    engine_info *info = &e->info;
    const ir_port_list *l = input ? &f->params : &f->results;
    size_t *of = ARENA_ARRAY(e->arena, size_t, l->count + 1);
    for (size_t i = 0; i < l->count; i++) {
        size_t at = 0;
        while (at < info->n_ports && (info->ports[at].input != input ||
                                      strcmp(info->ports[at].name, l->items[i].name) != 0))
            at++;
        if (at == info->n_ports) info->ports[info->n_ports++] = port_of(e, f, &l->items[i], input);
        of[i] = at - (input ? 0 : e->n_in);
    }
    *(input ? &e->in_of[f == e->func] : &e->out_of[f == e->func]) = of;
}

// Has the module's function an encoder's tokens beside the stream's?
static bool is_unsplit(const ir_module *m) {
    int n = 0;
    for (int d = 0; d < IR_MAX_DOMAINS; d++) n += ir_domain_is(m, d, IR_DOMAIN_FREE);
    return n > 1 && m->funcs.count == 1;
}

engine *engine_of_module(const ir_module *m, int threads, diag_sink *diags) {
    CHECK(m->funcs.count == 1 || m->funcs.count == 2, "%zu functions", m->funcs.count);
    if (is_unsplit(m)) {
        diag_emit(diags, DIAG_ID_host_input, DIAG_NOWHERE,
                  "function '@%s' holds an encoder and its decoder: run the passes up to "
                  "split-phases first (`ohmic opt`)",
                  m->funcs.items[0]->name);
        return NULL;
    }
    const ir_func *f = m->funcs.items[m->funcs.count - 1];
    ir_interp *t = ir_interp_new(m, f, threads, diags);
    if (!t) return NULL;
    engine *e = engine_new();
    e->interp = t;
    e->func = f;
    engine_info *info = &e->info;
    info->has_encoder = m->funcs.count > 1;
    info->domain[1] = 1;
    if (info->has_encoder) {
        e->encode_func = m->funcs.items[0];
        e->encode = ir_interp_beside(t, e->encode_func);
        info->max_encoder = ir_attr_int(&e->encode_func->attrs, IR_ATTR_max_chunk, INT32_MAX);
    }
    info->stream = strcmp(ir_attr_str(&m->attrs, IR_ATTR_class, "stream"), "stream") == 0;
    info->max_tokens = ir_attr_int(&m->attrs, IR_ATTR_max_tokens, INT32_MAX);
    info->max_chunk = ir_attr_int(&m->attrs, IR_ATTR_max_chunk, info->max_tokens);
    info->banks = 1;
    info->notes = "";
    for (size_t i = 0; i < m->notes.count; i++)
        info->notes =
            arena_printf(e->arena, "%s%s\n", info->notes, name_text(e->arena, m->notes.items[i]));
    for (int d = 0; d < IR_MAX_DOMAINS; d++)
        if (m->domain[d].fixed)
            *(d > 0 && info->has_encoder ? &info->fixed_encoder : &info->fixed_rows) =
                m->domain[d].fixed;
    size_t n_ports = 0;
    for (size_t i = 0; i < m->funcs.count; i++)
        n_ports += m->funcs.items[i]->params.count + m->funcs.items[i]->results.count;
    info->ports = ARENA_ARRAY(e->arena, engine_port, n_ports + 1);
    for (size_t i = 0; i < m->funcs.count; i++) add_ports(e, m->funcs.items[i], true);
    e->n_in = info->n_ports;
    for (size_t i = 0; i < m->funcs.count; i++) add_ports(e, m->funcs.items[i], false);
    info->rings = ARENA_ARRAY(e->arena, engine_ring, m->symbols.count + 1);
    e->ring_name = ARENA_ARRAY(e->arena, const char *, m->symbols.count + 1);
    for (size_t i = 0; i < m->symbols.count; i++) {
        const ir_symbol *s = m->symbols.items[i];
        const ir_ring *r = s->ring;
        if (!r) continue;
        e->ring_name[info->n_rings] = s->name;
        info->rings[info->n_rings++] = (engine_ring){r->past_key ? r->past_key : "",
                                                     r->past_value ? r->past_value : "",
                                                     r->present_key ? r->present_key : "",
                                                     r->present_value ? r->present_value : "",
                                                     ir_word(IR_ENUM_kv_layout, (int)r->kv_layout),
                                                     r->n_kv,
                                                     r->d,
                                                     r->dv,
                                                     r->slots};
    }
    return e;
}

// ---- steps -----------------------------------------------------------------------------------

// A function on its share of the ports; outputs of the other phase stay empty.
static bool interpret(engine *e, bool steps, const int64_t *counts, const tensor *inputs, arena *a,
                      tensor *outputs) {
    const ir_func *f = steps ? e->func : e->encode_func;
    tensor *in = ARENA_ARRAY(a, tensor, f->params.count + 1);
    tensor *out = ARENA_ARRAY(a, tensor, f->results.count + 1);
    for (size_t i = 0; i < f->params.count; i++) in[i] = inputs[e->in_of[steps][i]];
    if (!ir_interp_step(steps ? e->interp : e->encode, counts, in, a, out)) return false;
    for (size_t i = e->n_in; i < e->info.n_ports; i++) outputs[i - e->n_in] = (tensor){.rank = 2};
    for (size_t i = 0; i < f->results.count; i++) outputs[e->out_of[steps][i]] = out[i];
    return true;
}

bool engine_encode(engine *e, bool reset, int64_t rows, const tensor *inputs, arena *a,
                   tensor *outputs, diag_sink *diags) {
    CHECK(e->info.has_encoder, "a program without an encoder");
    int64_t counts[IR_MAX_DOMAINS];
    for (int d = 0; d < IR_MAX_DOMAINS; d++) counts[d] = d > 0 || e->sim ? rows : 0;
    if (e->sim) return sim_step(e->sim, 0, e->bank, reset, counts, inputs, a, outputs, diags);
    if (!reset && e->encoded) {
        diag_emit(diags, DIAG_ID_sim_order, DIAG_NOWHERE,
                  "phase '%s' takes a sequence in one step: a second one needs a reset",
                  e->encode_func->name);
        return false;
    }
    if (reset) ir_interp_reset(e->interp);
    e->encoded = interpret(e, false, counts, inputs, a, outputs);
    return e->encoded;
}

bool engine_step(engine *e, bool reset, int64_t rows, const tensor *inputs, arena *a,
                 tensor *outputs, diag_sink *diags) {
    int64_t counts[IR_MAX_DOMAINS];
    for (int d = 0; d < IR_MAX_DOMAINS; d++)
        counts[d] = d > 0 && e->info.has_encoder && !e->sim ? 0 : rows;
    if (e->sim)
        return sim_step(e->sim, e->info.has_encoder, e->bank, reset, counts, inputs, a, outputs,
                        diags);
    if (reset) ir_interp_reset(e->interp);
    if (reset) e->encoded = false;
    if (e->info.has_encoder && !e->encoded) {
        diag_emit(diags, DIAG_ID_sim_order, DIAG_NOWHERE,
                  "phase '%s' needs phase '%s' since the last reset", e->func->name,
                  e->encode_func->name);
        return false;
    }
    return interpret(e, true, counts, inputs, a, outputs);
}

bool engine_load_past(engine *e, int64_t pos, const tensor *keys, const tensor *values,
                      diag_sink *diags) {
    bool ok = true;
    if (e->sim) {
        sim_reset(e->sim, e->bank);
        for (size_t i = 0; i < e->info.n_rings && ok; i++)
            ok = sim_ring_load(e->sim, e->ring_tile[i], e->ring_index[i], e->bank, pos, &keys[i],
                               &values[i], diags);
        sim_set_pos(e->sim, e->bank, pos);
    } else {
        ir_interp_reset(e->interp);
        for (size_t i = 0; i < e->info.n_rings && ok; i++)
            ok = ir_interp_ring_load(e->interp, e->ring_name[i], pos, &keys[i], &values[i]);
        ir_interp_set_pos(e->interp, 0, pos); // the others' follow, and an encoder's begins
        e->encoded = false;
    }
    return ok;
}

bool engine_read_ring(engine *e, size_t ring, arena *a, tensor *k, tensor *v) {
    return e->sim ? sim_ring_read(e->sim, e->ring_tile[ring], e->ring_index[ring], e->bank, a, k, v)
                  : ir_interp_ring_read(e->interp, e->ring_name[ring], a, k, v);
}
