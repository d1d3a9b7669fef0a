// split-phases: an encoder and a decoder in one function become two, `encode` and `step`.
//
// What depends on the inputs of the encoder's domain alone is `encode`: it runs once for a
// sequence, with all its rows. What depends on the decoder's is `step`. Constants, and what only
// they decide, go wherever they are read. Between the two stand the rings of cross attention:
// written in `encode`, read in every `step`. Nothing else may cross, since no row outlives a step;
// all that does is reported.
#include "ir/mapped.h"
#include "ir/ring.h"
#include "passes/pass.h"
#include "passes/rewrite/rewrite.h"
#include <inttypes.h>
#include <string.h>

enum { DECODER = 1, ENCODER = 2 }; // bits: which inputs something depends on

typedef struct {
    const ir_module *m;
    const ir_func *f;
    arena *a;
    uint8_t *value, *op; // bits of each
    diag_sink *diags;
} splitter;

static uint8_t bit_of(const ir_module *m, const ir_type *t) {
    int d = ir_domain_root(m, ir_type_domain(t));
    return !ir_domain_is(m, d, IR_DOMAIN_FREE) ? 0 : d == 0 ? DECODER : ENCODER;
}

static bool has_encoder(const ir_module *m, const ir_func *f) {
    uint8_t bits = 0;
    for (size_t i = 0; i < f->params.count; i++)
        bits |= bit_of(m, ir_type_of(f, f->params.items[i].value));
    return bits == (DECODER | ENCODER);
}

static const char *node_of(const splitter *s, const ir_op *op) {
    return !op ? "an input" : op->n_locs ? op->loc[0] : arena_str(s->a, ir_ops[op->code].name);
}

static void crosses(splitter *s, const ir_op *op, ir_val v) {
    const ir_op *from = ir_def(s->f, v);
    const char *of = ir_type_text(s->a, ir_type_of(s->f, v));
    diag_emit(
        s->diags, DIAG_ID_phase_border, DIAG_AT(NULL, op->n_locs ? op->loc[0] : NULL),
        "'%s' of the decoder reads %s of the encoder (%s '%s'): a decoder takes of its encoder "
        "only keys and values of cross attention; export the encoder apart, with this as its "
        "output",
        ir_ops[op->code].name, of, from ? "node" : "an input,",
        from ? node_of(s, from) : s->f->values.items[v].name);
}

static void reads_ring_of_encoder(splitter *s, const ir_op *op, const char *ring) {
    diag_emit(s->diags, DIAG_ID_phase_border, DIAG_AT(NULL, op->n_locs ? op->loc[0] : NULL),
              "'%s' of the decoder reads ring '@%s' of the encoder, whose mode is not cross",
              ir_ops[op->code].name, ring);
}

// Which inputs decide each value and operation. A query depends on its ring, but for the border.
static void find_bits(splitter *s) {
    const ir_func *f = s->f;
    map *rings = map_new();
    for (size_t i = 0; i < f->params.count; i++)
        s->value[f->params.items[i].value] = bit_of(s->m, ir_type_of(f, f->params.items[i].value));
    for (size_t i = 0; i < f->ops.count; i++) {
        const ir_op *op = &f->ops.items[i];
        uint8_t bits = 0;
        for (uint32_t k = 0; k < op->n_operands; k++) bits |= s->value[op->operand[k]];
        for (uint32_t k = 0; k < op->n_results; k++)
            bits |= bit_of(s->m, ir_type_of(f, op->result[k]));
        const char *ring = ir_attr_str(&op->attrs, IR_ATTR_ring, NULL);
        if (ring && !ir_reads_ring(op)) map_set(rings, ring, bits);
        if (ring && ir_reads_ring(op) && map_get(rings, ring) != MAP_NONE) {
            bool border =
                ir_ring_find(s->m, ring)->mode == IR_RING_CROSS && map_get(rings, ring) == ENCODER;
            if (!border && map_get(rings, ring) == ENCODER && bits == DECODER)
                reads_ring_of_encoder(s, op, ring);
            if (!border) bits |= (uint8_t)map_get(rings, ring);
        }
        if (bits == (DECODER | ENCODER)) { // what comes of it is the decoder's
            for (uint32_t k = 0; k < op->n_operands; k++)
                if (s->value[op->operand[k]] == ENCODER) crosses(s, op, op->operand[k]);
            bits = DECODER;
        }
        s->op[i] = bits;
        for (uint32_t k = 0; k < op->n_results; k++) s->value[op->result[k]] = bits;
    }
    map_free(rings);
}

// The operations of one side, and the constants that they read.
static void build(splitter *s, ir_module *m, const char *name, uint8_t side, ir_program_class class,
                  int64_t max_chunk) {
    const ir_func *f = s->f;
    bool *keep = ARENA_ARRAY(s->a, bool, f->ops.count + 1);
    bool *read = ARENA_ARRAY(s->a, bool, f->values.count + 1);
    for (size_t i = 0; i < f->results.count; i++)
        if (s->value[f->results.items[i].value] == side) read[f->results.items[i].value] = true;
    for (size_t i = f->ops.count; i-- > 0;) {
        const ir_op *op = &f->ops.items[i];
        keep[i] = s->op[i] == side;
        for (uint32_t k = 0; !s->op[i] && k < op->n_results; k++) keep[i] |= read[op->result[k]];
        for (uint32_t k = 0; keep[i] && k < op->n_operands; k++) read[op->operand[k]] = true;
    }
    rewrite r = {.old = s->m, .of = f, .m = m, .diags = s->diags, .scratch = s->a};
    r.f = ir_func_add(m, name);
    r.f->attrs = ir_attrs_copy(m->arena, &f->attrs);
    ir_attr_set_word(m->arena, &r.f->attrs, IR_ATTR_class, IR_ENUM_program_class, (int)class);
    ir_attr_set_int(m->arena, &r.f->attrs, IR_ATTR_max_chunk, max_chunk);
    r.map = ARENA_ARRAY(s->a, ir_val, f->values.count + 1);
    for (size_t i = 0; i < f->params.count; i++) {
        const ir_port *p = &f->params.items[i];
        if (s->value[p->value] ? s->value[p->value] != side : !read[p->value]) continue;
        ir_val v = ir_param_add(m, r.f, p->name, *ir_type_of(f, p->value));
        const char *given = f->values.items[p->value].name;
        if (given) r.f->values.items[v].name = arena_str(m->arena, given);
        r.f->params.items[r.f->params.count - 1].attrs = ir_attrs_copy(m->arena, &p->attrs);
        r.map[p->value] = v;
    }
    for (size_t i = 0; i < f->ops.count; i++)
        if (keep[i]) rewrite_copy(&r, &f->ops.items[i]);
    for (size_t i = 0; i < f->results.count; i++) {
        const ir_port *p = &f->results.items[i];
        if (s->value[p->value] != side) continue;
        ir_port *q = ir_result_add(m, r.f, p->name, r.map[p->value]);
        q->attrs = ir_attrs_copy(m->arena, &p->attrs);
    }
}

static int64_t encoder_rows(const ir_module *m) {
    int64_t most = 1;
    for (int d = 1; d < IR_MAX_DOMAINS; d++)
        if (ir_domain_is(m, d, IR_DOMAIN_FREE)) most = max_i64(most, m->domain[d].max);
    return most;
}

static bool split(const ir_module *old, const ir_func *f, ir_module *m, diag_sink *diags) {
    splitter s = {.m = old, .f = f, .a = arena_new(), .diags = diags};
    s.value = ARENA_ARRAY(s.a, uint8_t, f->values.count + 1);
    s.op = ARENA_ARRAY(s.a, uint8_t, f->ops.count + 1);
    size_t errors = diag_errors(diags);
    find_bits(&s);
    bool ok = diag_errors(diags) == errors;
    if (ok) {
        int64_t chunk = ir_attr_int(&old->attrs, IR_ATTR_max_chunk, 64);
        build(&s, m, "encode", ENCODER, IR_CLASS_WHOLE, encoder_rows(old));
        build(&s, m, "step", DECODER, IR_WORD(&old->attrs, class, program_class, CLASS_STREAM),
              chunk);
    }
    arena_free(s.a);
    return ok;
}

ir_module *pass_split_phases(const ir_module *old, const pass_options *o, diag_sink *diags) {
    (void)o;
    ir_module *m = ir_module_derive(old);
    bool ok = true;
    for (size_t i = 0; i < old->funcs.count; i++) {
        const ir_func *f = old->funcs.items[i];
        if (has_encoder(old, f))
            ok = split(old, f, m, diags) && ok;
        else
            ir_func_copy(m, f);
    }
    if (ok) return m;
    ir_module_free(m);
    return NULL;
}
