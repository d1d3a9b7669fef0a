// The verifier: ring symbols.
#include "ir/readout.h"
#include "ir/verify/common.h"
#include <math.h>
#include <string.h>

static void ring_error(verifier *v, const ir_symbol *s, const char *what) {
    verify_error(v, verify_at_symbol(v, s), DIAG_ID_ring_attribute, "ring '@%s': %s", s->name,
                 what);
}

static void verify_table(verifier *v, const ir_symbol *s, const char *bias, int64_t heads) {
    const tensor *t = verify_find_tensor(v, s, ir_attr_str(&s->attrs, IR_ATTR_table, ""));
    if (!t) return;
    int64_t n = (int64_t)tensor_count(t), per_head = n / heads, side = 0;
    while (side * side < per_head) side++;
    bool fits = per_head > 0 && per_head * heads == n;
    if (strcmp(bias, "alibi") == 0) fits &= per_head == 1;
    if (strcmp(bias, "full") == 0) fits &= side * side == per_head;
    if (!fits) ring_error(v, s, "its table does not fit its heads");
}

// The f32 tensor of that shape that an attribute names.
static void verify_numbers(verifier *v, const ir_symbol *s, ir_key k, int rank,
                           const int64_t *dim) {
    const char *name = ir_attr_str(&s->attrs, k, NULL);
    const tensor *t = name ? verify_find_tensor(v, s, name) : NULL;
    if (!t) return;
    tensor want = {.type = ELEM_f32, .rank = rank};
    for (int i = 0; i < rank; i++) want.dim[i] = dim[i];
    if (t->type == ELEM_f32 && tensor_same_shape(t, &want)) return;
    ring_error(v, s,
               arena_printf(v->a, "'%s' is %s%s, must be f32%s", ir_key_name(k), elem_name(t->type),
                            tensor_shape_text(v->a, t), tensor_shape_text(v->a, &want)));
}

static void verify_finite(verifier *v, const ir_symbol *s, ir_key k) {
    const char *name = ir_attr_str(&s->attrs, k, NULL);
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
    const ir_attrs *l = &s->attrs;
    const char *readout = ir_attr_str(l, IR_ATTR_readout, "score");
    if (!VERIFY_ONE_OF(readout, "score", "charge")) {
        ring_error(v, s, "'readout' must be score or charge");
        return;
    }
    bool charge = readout_is_charge(l);
    char text[READOUT_TEXT];
    for (int at = 0; readout_fault(l, charge, &at, text);) ring_error(v, s, text);
    if (charge && !ir_attr_has(l, IR_ATTR_scalings))
        ring_error(v, s, "charge read-out needs 'scalings'");
    verify_numbers(v, s, IR_ATTR_scalings, 2, (int64_t[]){8, heads});
    verify_finite(v, s, IR_ATTR_scalings);
    verify_numbers(v, s, IR_ATTR_sink, 1, &heads);
}

void verify_ring(verifier *v, const ir_symbol *s) {
    const ir_attrs *l = &s->attrs;
    const int64_t d = ir_attr_int(l, IR_ATTR_d, 0);
    const int64_t sizes[] = {ir_attr_int(l, IR_ATTR_n_kv, 0), ir_attr_int(l, IR_ATTR_q_per_kv, 1),
                             d, ir_attr_int(l, IR_ATTR_dv, d), ir_attr_int(l, IR_ATTR_slots, 0)};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        if (sizes[i] >= 1 && sizes[i] <= 1 << 24) continue;
        ring_error(v, s, "n_kv, q_per_kv, d, dv and slots must be positive");
        return;
    }
    if (ir_attr_int(l, IR_ATTR_window, 0) < 0) ring_error(v, s, "'window' is negative");
    if (!VERIFY_ONE_OF(ir_attr_str(l, IR_ATTR_mode, "causal"), "causal", "all", "cross"))
        ring_error(v, s, "'mode' must be causal, all or cross");
    const char *bias = ir_attr_str(l, IR_ATTR_bias, "none");
    if (!VERIFY_ONE_OF(bias, "none", "alibi", "toeplitz", "full"))
        ring_error(v, s, "'bias' must be none, alibi, toeplitz or full");
    else if (strcmp(bias, "none") != 0)
        verify_table(v, s, bias, sizes[0] * sizes[1]);
    verify_readout(v, s, sizes[0] * sizes[1]);
    if (ir_attr_has(l, IR_ATTR_past_key) != ir_attr_has(l, IR_ATTR_past_value) ||
        ir_attr_has(l, IR_ATTR_present_key) != ir_attr_has(l, IR_ATTR_present_value))
        ring_error(v, s, "keys and values are preloaded and read back together");
    if (!VERIFY_ONE_OF(ir_attr_str(l, IR_ATTR_kv_layout, "bhtd"), "bhtd", "tbhd", "bthd", "bhdt"))
        ring_error(v, s, "'kv_layout' must be bhtd, tbhd, bthd or bhdt");
}
