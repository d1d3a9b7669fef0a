// split-attention: attention on rings of gain cells.
//
// Causal attention is the fused step "write the token's key and value, then attend" (gc.attn): the
// only form that means the same for any cut of a sequence once the ring has wrapped. Attention over
// all rows writes first (gc.write), then queries (gc.query). Outputs that ask for probabilities
// read scores out of the same ring (gc.score) and normalise them digitally. What the chip's heads
// cannot hold is refused, all of it in one run.
#include "ir/ring.h"
#include "passes/pass.h"
#include "passes/rewrite/rewrite.h"
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
    const ir_ring *of = ir_ring_find(r->old, ring);
    CHECK(of, "attention names no ring: @%s", ring);
    const ir_type *type = ir_type_of(r->of, op->result[0]);
    ir_val q = rewrite_get(r, op->operand[0]), y;
    if (op->code == IR_nn_attn && of->mode == IR_RING_CAUSAL) {
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
            ir_attr_set_int(r->scratch, &a, IR_ATTR_segments, ir_ring_heads(of));
            y = rewrite_add(r, IR_dig_softmax, &y, 1, &a, type, op);
        }
    }
    r->map[op->result[0]] = y;
    const char *name = r->of->values.items[op->result[0]].name;
    if (name) r->f->values.items[y].name = arena_str(r->m->arena, name);
}

// What the chip's heads cannot hold: said once for all attentions of which the same is true.
typedef struct {
    diag_id id;
    const char *node, *text; // the first one's
    size_t count;
} misfit;

typedef struct {
    arena *a;
    const pass_options *o;
    VEC(misfit) list;
} misfits;

static void add_misfit(misfits *m, diag_id id, const char *node, const char *text) {
    for (size_t i = 0; i < m->list.count; i++) {
        misfit *x = &m->list.items[i];
        if (x->id != id || strcmp(x->text, text)) continue;
        x->count++;
        return;
    }
    vec_push(&m->list, ((misfit){id, node, text, 1}));
}

static void report(misfits *m, diag_sink *diags) {
    for (size_t i = 0; i < m->list.count; i++) {
        const misfit *x = &m->list.items[i];
        const char *node = x->node;
        if (x->count > 1) node = arena_printf(m->a, "%s (and %zu more)", node, x->count - 1);
        diag_emit(diags, x->id, DIAG_AT(NULL, node), "%s", x->text);
    }
    vec_free(&m->list);
}

// What makes a ring shorter. A window sets its slots however few tokens are compiled for; without
// one all tokens have a slot; where rows see what comes after them, there can be no window.
static const char *shorter(misfits *m, const ir_ring *ring, long long most) {
    if (ring->mode == IR_RING_CROSS) return "for fewer tokens of the encoder";
    if (m->o->slots > 0 && m->o->slots == ring->slots) return "with fewer --slots";
    if (ring->mode != IR_RING_CAUSAL) return arena_printf(m->a, "with --max-tokens %lld", most);
    const char *window = arena_printf(
        m->a, "with --window %lld (which changes what tokens further back mean)", most);
    if (ring->window > 0) return window;
    return arena_printf(m->a, "%s, with --max-tokens %lld", window, most);
}

// Scores of a head wider than an array are added up digitally; charges only where currents of
// several K arrays can meet before the activation.
static void check_ring(misfits *m, const ir_op *op, const ir_ring *ring) {
    const machine *chip = m->o->machine;
    const char *node = op->n_locs ? op->loc[0] : ir_attr_str(&op->attrs, IR_ATTR_ring, "");
    long long slots = ring->slots, d = ring->d;
    long long most = chip->gain.slots, width = chip->gain.head_width,
              summed = chip->gain.k_arrays_summed;
    if (most && slots > most)
        add_misfit(m, DIAG_ID_ring_slots, node,
                   arena_printf(m->a,
                                "attention needs %lld slots, a ring of chip '%s' has %lld: compile "
                                "%s, or for a chip with longer rings (--set gain.slots=%lld)",
                                slots, chip->name, most, shorter(m, ring, most), slots));
    // Where it was asked for, charge read-out can be left out; else it is what the model says.
    bool asked = strcmp(m->o->attention, "hard-sigmoid") == 0;
    if (ir_ring_is_charge(ring) && width && d > width * summed)
        add_misfit(m, DIAG_ID_ring_width, node,
                   arena_printf(m->a,
                                "keys of %lld columns do not fit chip '%s', whose arrays have %lld "
                                "and add up the currents of %lld: compile %sfor a chip with "
                                "--set gain.k_arrays_summed=%lld",
                                d, chip->name, width, summed,
                                asked ? "with --attention softmax (scores are added up "
                                        "digitally), or "
                                      : "",
                                (long long)ceil_div_i64(d, width)));
}

ir_module *pass_split_attention(const ir_module *old, const pass_options *o, diag_sink *diags) {
    ir_module *m = ir_module_derive(old);
    size_t errors = diag_errors(diags);
    misfits unfit = {.a = arena_new(), .o = o};
    bool ok = true;
    for (size_t i = 0; i < old->funcs.count; i++) {
        const ir_func *f = old->funcs.items[i];
        splitter s = {.r = rewrite_begin(old, f, m, diags)};
        for (size_t k = 0; k < f->ops.count; k++) {
            const ir_op *op = &f->ops.items[k];
            if (op->code == IR_nn_attn || op->code == IR_nn_scores) {
                check_ring(&unfit, op, ir_ring_of(old, op));
                split(&s, op);
            } else {
                rewrite_copy(&s.r, op);
            }
        }
        vec_free(&s.written);
        ok = rewrite_end(&s.r) && ok;
    }
    report(&unfit, diags);
    arena_free(unfit.a);
    if (ok && diag_errors(diags) == errors) return m;
    ir_module_free(m);
    return NULL;
}
