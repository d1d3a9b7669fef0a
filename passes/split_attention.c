// split-attention: attention on rings of gain cells.
//
// Causal attention is the fused step "write the token's key and value, then attend" (gc.attn): the
// only form that means the same for any cut of a sequence once the ring has wrapped. Attention over
// all rows writes first (gc.write), then queries (gc.query). Outputs that ask for probabilities
// read scores out of the same ring (gc.score) and normalise them digitally. What the chip's heads
// cannot hold is refused, all of it in one run.
#include "ir/readout.h"
#include "passes/pass.h"
#include "passes/rewrite.h"
#include <string.h>

typedef struct {
    rewrite r;
    VEC(const char *) written; // rings this function has written
} splitter;

static bool was_written(const splitter *s, const char *ring) {
    for (size_t i = 0; i < s->written.count; i++)
        if (strcmp(s->written.items[i], ring) == 0) return true;
    return false;
}

static void write_ring(splitter *s, const ir_op *op, const char *ring) {
    if (was_written(s, ring)) return;
    ir_val in[3] = {rewrite_get(&s->r, op->operand[1]), rewrite_get(&s->r, op->operand[2]),
                    op->n_operands > 3 ? rewrite_get(&s->r, op->operand[3]) : IR_NONE};
    rewrite_add(&s->r, IR_gc_write, in, op->n_operands - 1, &op->attrs, NULL, op);
    vec_push(&s->written, ring);
}

static void split(splitter *s, const ir_op *op) {
    rewrite *r = &s->r;
    const char *ring = ir_attr_str(&op->attrs, IR_ATTR_ring, "");
    const ir_symbol *sym = ir_symbol_find(r->old, ring);
    CHECK(sym && sym->kind == IR_SYM_RING, "attention names no ring: @%s", ring);
    bool causal = strcmp(ir_attr_str(&sym->attrs, IR_ATTR_mode, "causal"), "causal") == 0;
    const ir_type *type = ir_type_of(r->of, op->result[0]);
    ir_val q = rewrite_get(r, op->operand[0]), y;
    if (op->code == IR_nn_attn && causal) {
        ir_val in[4];
        for (uint32_t i = 0; i < op->n_operands; i++) in[i] = rewrite_get(r, op->operand[i]);
        y = rewrite_add(r, IR_gc_attn, in, op->n_operands, &op->attrs, type, op);
        vec_push(&s->written, ring);
    } else {
        write_ring(s, op, ring);
        bool scores = op->code == IR_nn_scores;
        y = rewrite_add(r, scores ? IR_gc_score : IR_gc_query, &q, 1, &op->attrs, type, op);
        if (scores) {
            ir_attrs a = {0};
            int64_t heads = ir_attr_int(&sym->attrs, IR_ATTR_n_kv, 1) *
                            ir_attr_int(&sym->attrs, IR_ATTR_q_per_kv, 1);
            ir_attr_set_int(r->scratch, &a, IR_ATTR_segments, heads);
            y = rewrite_add(r, IR_dig_softmax, &y, 1, &a, type, op);
        }
    }
    r->map[op->result[0]] = y;
    const char *name = r->of->values.items[op->result[0]].name;
    if (name) r->f->values.items[y].name = arena_str(r->m->arena, name);
}

// What the chip's heads can hold. Scores of a head wider than an array are added up digitally;
// charges only where currents of several K arrays can meet before the activation.
static void check_ring(const ir_op *op, const ir_symbol *ring, const machine *chip,
                       diag_sink *diags) {
    const ir_attrs *l = &ring->attrs;
    const char *node = op->n_locs ? op->loc[0] : ring->name;
    long long slots = ir_attr_int(l, IR_ATTR_slots, 0), d = ir_attr_int(l, IR_ATTR_d, 0);
    long long most = chip->gain.slots, width = chip->gain.head_width,
              summed = chip->gain.k_arrays_summed;
    if (most && slots > most)
        diag_emit(
            diags, DIAG_ID_ring_slots, DIAG_AT(NULL, node),
            "attention needs %lld slots, a ring of chip '%s' has %lld: compile with --window %lld "
            "(which changes what "
            "tokens further back mean) or a smaller --max-tokens, or for a chip with longer rings",
            slots, chip->name, most, most);
    if (readout_is_charge(l) && width && d > width * summed)
        diag_emit(
            diags, DIAG_ID_ring_width, DIAG_AT(NULL, node),
            "keys of %lld columns do not fit chip '%s', whose arrays have %lld and add up the "
            "currents of %lld: a chip whose gain.k_arrays_summed is %lld would hold them, as "
            "would score read-out, which adds up digitally",
            d, chip->name, width, summed, (d + width - 1) / width);
}

ir_module *pass_split_attention(const ir_module *old, const pass_options *o, diag_sink *diags) {
    ir_module *m = ir_module_derive(old);
    size_t errors = diag_errors(diags);
    bool ok = true;
    for (size_t i = 0; i < old->funcs.count; i++) {
        const ir_func *f = old->funcs.items[i];
        splitter s = {.r = rewrite_begin(old, f, m, diags)};
        for (size_t k = 0; k < f->ops.count; k++) {
            const ir_op *op = &f->ops.items[k];
            if (op->code == IR_nn_attn || op->code == IR_nn_scores) {
                check_ring(op, ir_symbol_find(old, ir_attr_str(&op->attrs, IR_ATTR_ring, "")),
                           o->machine, diags);
                split(&s, op);
            } else {
                rewrite_copy(&s.r, op);
            }
        }
        vec_free(&s.written);
        ok = rewrite_end(&s.r) && ok;
    }
    if (ok && diag_errors(diags) == errors) return m;
    ir_module_free(m);
    return NULL;
}
