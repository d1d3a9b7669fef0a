// The verifier: ring symbols.
#include "ir/ring.h"
#include "ir/verify/common.h"
#include <math.h>

static void ring_error(verifier *v, const ir_symbol *s, const char *what) {
    verify_error(v, verify_at_symbol(v, s), DIAG_ID_ring_attribute, "ring '@%s': %s", s->name,
                 what);
}

static void verify_table(verifier *v, const ir_symbol *s, int64_t heads) {
    const ir_ring *r = s->ring;
    const tensor *t = verify_find_tensor(v, s, r->table);
    if (!t) return;
    int64_t n = (int64_t)tensor_count(t), per_head = n / heads, side = 0;
    while (side * side < per_head) side++;
    bool fits = per_head > 0 && per_head * heads == n;
    if (r->bias == IR_BIAS_ALIBI) fits &= per_head == 1;
    if (r->bias == IR_BIAS_FULL) fits &= side * side == per_head;
    if (!fits) ring_error(v, s, "its table does not fit its heads");
}

// The f32 tensor of that shape that a fact names.
static void verify_numbers(verifier *v, const ir_symbol *s, ir_key k, const char *name, int rank,
                           const int64_t *dim) {
    const tensor *t = name ? verify_find_tensor(v, s, name) : NULL;
    if (!t) return;
    tensor want = {.type = ELEM_f32, .rank = rank};
    for (int i = 0; i < rank; i++) want.dim[i] = dim[i];
    if (t->type == ELEM_f32 && tensor_same_shape(t, &want)) return;
    ring_error(v, s,
               arena_printf(v->a, "'%s' is %s%s, must be f32%s", ir_key_name(k), elem_name(t->type),
                            tensor_shape_text(v->a, t), tensor_shape_text(v->a, &want)));
}

static void verify_finite(verifier *v, const ir_symbol *s, ir_key k, const char *name) {
    const ir_symbol *t = name ? ir_symbol_find(v->m, name) : NULL;
    if (!t || t->kind != IR_SYM_TENSOR || t->data.type != ELEM_f32 || !t->data.data) return;
    for (size_t i = 0, n = tensor_count(&t->data); i < n; i++) {
        float x = ((const float *)t->data.data)[i];
        if (isfinite(x)) continue;
        ring_error(v, s,
                   arena_printf(v->a, "element %zu of '%s' is %g, must be a number", i,
                                ir_key_name(k), (double)x));
        return;
    }
}

static void verify_readout(verifier *v, const ir_symbol *s, int64_t heads) {
    const ir_ring *r = s->ring;
    char text[IR_RING_TEXT];
    for (int at = 0; ir_ring_fault(r, &at, text);) ring_error(v, s, text);
    if (ir_ring_is_charge(r) && !r->scalings) ring_error(v, s, "charge read-out needs 'scalings'");
    verify_numbers(v, s, IR_ATTR_scalings, r->scalings, 2, (int64_t[]){8, heads});
    verify_finite(v, s, IR_ATTR_scalings, r->scalings);
    verify_numbers(v, s, IR_ATTR_sink, r->sink, 1, &heads);
}

void verify_ring(verifier *v, const ir_symbol *s) {
    const ir_ring *r = s->ring;
    const int64_t sizes[] = {r->n_kv, r->q_per_kv, r->d, r->dv, r->slots};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        if (sizes[i] >= 1 && sizes[i] <= 1 << 24) continue;
        ring_error(v, s, "n_kv, q_per_kv, d, dv and slots must be positive");
        return;
    }
    const int64_t heads = ir_ring_heads(r);
    if (r->window < 0) ring_error(v, s, "'window' is negative");
    if (r->bias != IR_BIAS_NONE) verify_table(v, s, heads);
    verify_readout(v, s, heads);
    if (!r->past_key != !r->past_value || !r->present_key != !r->present_value)
        ring_error(v, s, "keys and values are preloaded and read back together");
}
