// t.* operations that reduce, order or multiply, and nn.* on plain tensors: by hand, or against
// naive loops, to the bit.
#include "support/num/num.h"
#include "tests/ir/interp_help.h"

static void reductions(void **state) {
    help *h = *state;
    tensor x = F32("2 3", "1 2 3 4 5 6");
    const struct {
        const char *fn, *axes, *shape, *want;
    } cases[] = {{"sum", "1", "2", "6 15"},     {"sum", "0", "3", "5 7 9"},
                 {"mean", "0 1", "1 1", "3.5"}, {"max", "1", "2 1", "3 6"},
                 {"min", "0", "3", "1 2 3"},    {"prod", "1", "2", "6 120"},
                 {"l1", "1", "2", "6 15"},      {"sumsq", "1", "2", "14 77"},
                 {"l2", "1", "1 2 1", NULL},    {"sum", "", "2 3", "1 2 3 4 5 6"},
                 {"logsumexp", "1", "2", NULL}, {"logsum", "1", "2", NULL}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        set_str(h, IR_ATTR_fn, cases[i].fn);
        set_ints(h, IR_ATTR_axes, cases[i].axes);
        tensor want = F32(cases[i].shape, cases[i].want);
        float *w = want.data;
        if (strcmp(cases[i].fn, "l2") == 0) w[0] = sqrtf(14), w[1] = sqrtf(77);
        if (strcmp(cases[i].fn, "logsum") == 0)
            w[0] = (float)num_log_f64(6), w[1] = (float)num_log_f64(15);
        if (strcmp(cases[i].fn, "logsumexp") == 0) {
            double s = num_exp_f64(-2) + num_exp_f64(-1) + 1;
            w[0] = (float)(3 + num_log_f64(s)), w[1] = (float)(6 + num_log_f64(s));
        }
        GIVES(h, IR_t_reduce, want, x);
    }
    set_str(h, IR_ATTR_fn, "sum");
    set_ints(h, IR_ATTR_axes, "0");
    GIVES(h, IR_t_reduce, I64("", "9007199254740995"), I64("2", "9007199254740993 2"));
    set_str(h, IR_ATTR_fn, "mean");
    set_ints(h, IR_ATTR_axes, "0");
    GIVES(h, IR_t_reduce, I64("", "2"), I64("2", "2 3"));
    set_str(h, IR_ATTR_fn, "max");
    set_ints(h, IR_ATTR_axes, "1");
    GIVES(h, IR_t_reduce, F32("2", "-inf -inf"), F32("2 0", ""));
    set_str(h, IR_ATTR_fn, "max");
    set_ints(h, IR_ATTR_axes, "0");
    GIVES(h, IR_t_reduce, F32("", "nan"), F32("3", "1 nan 2"));
    set_str(h, IR_ATTR_fn, "median");
    set_ints(h, IR_ATTR_axes, "0");
    REFUSES(h, IR_t_reduce, DIAG_ID_eval_operand, F32("3", NULL), x);
}

static void extremes(void **state) {
    help *h = *state;
    set_int(h, IR_ATTR_axis, 1);
    GIVES(h, IR_t_argmax, I64("2", "1 0"), F32("2 3", "1 3 3 2 2 2"));
    set_int(h, IR_ATTR_axis, 1);
    set_int(h, IR_ATTR_last, 1);
    GIVES(h, IR_t_argmax, I64("2 1", "2 2"), F32("2 3", "1 3 3 2 2 2"));
    set_int(h, IR_ATTR_axis, 0);
    GIVES(h, IR_t_argmin, I64("2", "1 0"), I64("2 2", "3 1 2 1"));

    tensor out[2] = {F32("2 2", NULL), I64("2 2", NULL)};
    tensor x = F32("2 4", "1 3 3 2 4 4 4 4");
    set_int(h, IR_ATTR_axis, 1);
    set_int(h, IR_ATTR_k, 2);
    assert_true(evaluate(h, IR_t_topk, &x, 1, out, 2));
    assert_numbers(out[0], F32("2 2", "3 3 4 4"));
    assert_numbers(out[1], I64("2 2", "1 2 0 1")); // ties to the lower index
    set_int(h, IR_ATTR_axis, 1);
    set_int(h, IR_ATTR_k, 2);
    set_int(h, IR_ATTR_largest, 0);
    assert_true(evaluate(h, IR_t_topk, &x, 1, out, 2));
    assert_numbers(out[0], F32("2 2", "1 2 4 4"));
    assert_numbers(out[1], I64("2 2", "0 3 0 1"));
    set_int(h, IR_ATTR_axis, 0);
    set_int(h, IR_ATTR_k, 4);
    tensor nan = F32("4", "nan -inf 1 nan"), line[2] = {F32("4", NULL), I64("4", NULL)};
    assert_true(evaluate(h, IR_t_topk, &nan, 1, line, 2));
    assert_numbers(line[1], I64("4", "2 1 0 3"));
    set_int(h, IR_ATTR_axis, 1);
    set_int(h, IR_ATTR_k, 5);
    assert_false(evaluate(h, IR_t_topk, &x, 1, out, 2));
}

static void running_sums(void **state) {
    help *h = *state;
    tensor x = F32("3", "1 2 3");
    GIVES(h, IR_t_cumsum, F32("3", "1 3 6"), x);
    set_int(h, IR_ATTR_exclusive, 1);
    GIVES(h, IR_t_cumsum, F32("3", "0 1 3"), x);
    set_int(h, IR_ATTR_reverse, 1);
    GIVES(h, IR_t_cumsum, F32("3", "6 5 3"), x);
    set_int(h, IR_ATTR_exclusive, 1);
    set_int(h, IR_ATTR_reverse, 1);
    GIVES(h, IR_t_cumsum, F32("3", "5 3 0"), x);
    set_int(h, IR_ATTR_axis, 0);
    GIVES(h, IR_t_cumsum, I64("2 2", "1 2 4 6"), I64("2 2", "1 2 3 4"));
}

static void softmaxes(void **state) {
    help *h = *state;
    set_int(h, IR_ATTR_axis, 1);
    GIVES(h, IR_t_softmax, F32("2 2", "0.5 0.5 0 0"), F32("2 2", "3 3 -inf -inf"));
    set_int(h, IR_ATTR_axis, 0);
    GIVES(h, IR_t_softmax, F32("2 2", "0.5 1 0.5 0"), F32("2 2", "3 0 3 -inf"));
    set_int(h, IR_ATTR_axis, 0);
    GIVES(h, IR_t_softmax, F32("2", "nan nan"), F32("2", "nan 1"));
    tensor x = tn_random(h, ELEM_f32, DIMS(3, 77), 1), want = F32("3 77", NULL);
    tensor want_log = F32("3 77", NULL);
    for (int r = 0; r < 3; r++) {
        const float *row = (float *)x.data + r * 77;
        float m = -INFINITY, e[77];
        double s = 0;
        for (int i = 0; i < 77; i++) m = row[i] > m ? row[i] : m;
        for (int i = 0; i < 77; i++) s += (double)(e[i] = num_exp(row[i] - m));
        for (int i = 0; i < 77; i++) {
            ((float *)want.data)[r * 77 + i] = (float)((double)e[i] / s);
            ((float *)want_log.data)[r * 77 + i] =
                (float)(((double)row[i] - (double)m) - num_log_f64(s));
        }
    }
    set_int(h, IR_ATTR_axis, 1);
    GIVES(h, IR_t_softmax, want, x);
    set_int(h, IR_ATTR_axis, 1);
    GIVES(h, IR_t_log_softmax, want_log, x);
}

// ---- products --------------------------------------------------------------------------------

static float dot(const float *a, size_t step_a, const float *b, size_t step_b, size_t k) {
    double s = 0;
    for (size_t i = 0; i < k; i++) s += (double)a[i * step_a] * (double)b[i * step_b];
    return (float)s;
}

static void matmul_sizes(void **state) {
    help *h = *state;
    static const int64_t sizes[][3] = {{1, 1, 1},   {1, 300, 33}, {9, 257, 16}, {8, 64, 31},
                                       {130, 7, 5}, {3, 0, 4},    {1100, 3, 2}, {17, 513, 65}};
    for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
        int64_t m = sizes[s][0], k = sizes[s][1], n = sizes[s][2];
        tensor a = tn_random(h, ELEM_f32, DIMS(m, k), s),
               b = tn_random(h, ELEM_f32, DIMS(k, n), 99);
        tensor want = tensor_new(h->a, ELEM_f32, DIMS(m, n));
        for (int64_t i = 0; i < m; i++)
            for (int64_t j = 0; j < n; j++)
                ((float *)want.data)[i * n + j] =
                    dot((float *)a.data + i * k, 1, (float *)b.data + j, (size_t)n, (size_t)k);
        for (h->threads = 1; h->threads < 4; h->threads++) GIVES(h, IR_t_matmul, want, a, b);
    }
}

static void matmul_broadcast(void **state) {
    help *h = *state;
    GIVES(h, IR_t_matmul, F32("", "11"), F32("2", "1 2"), F32("2", "3 4"));
    GIVES(h, IR_t_matmul, F32("2", "5 11"), F32("2 2", "1 2 3 4"), F32("2", "1 2"));
    GIVES(h, IR_t_matmul, F32("2", "7 10"), F32("2", "1 2"), F32("2 2", "1 2 3 4"));
    GIVES(h, IR_t_matmul, F32("2 1 2", "1 2 6 8"), F32("2 1 1", "1 2"), F32("2 1 2", "1 2 3 4"));
    GIVES(h, IR_t_matmul, F32("2 2 1 1", "1 2 2 4"), F32("2 1 1 1", "1 2"), F32("2 1 1", "1 2"));
    GIVES(h, IR_t_matmul, F32("2 1 1", "3 4"), F32("1 1", "1"), F32("2 1 1", "3 4"));
    GIVES(h, IR_t_matmul, F32("2 2 1", "1 2 3 4"), F32("2 2 1", "1 2 3 4"), F32("1 1", "1"));
    GIVES(h, IR_t_matmul, F64("1 1", "2.00000000001"), F64("1 2", "1 1e-11"), F64("2 1", "2 1"));
    GIVES(h, IR_t_matmul, I64("1 1", "7"), I64("1 2", "1 2"), I64("2 1", "1 3"));
    REFUSES(h, IR_t_matmul, DIAG_ID_eval_operand, F32("1 1", NULL), F32("1 2", NULL),
            F32("3 1", NULL));
    REFUSES(h, IR_t_matmul, DIAG_ID_eval_operand, F32("1", NULL), F32("", NULL), F32("1", NULL));
}

static void matmul_integers(void **state) {
    help *h = *state;
    GIVES(h, IR_t_matmul_int, I32("1 2", "11 16"), U8("1 2", "1 2"), I8("2 2", "3 4 4 6"));
    // (5-4 7-4) x (3-2 4-1; 4-2 6-1)
    GIVES(h, IR_t_matmul_int, I32("1 2", "7 18"), U8("1 2", "5 7"), I8("2 2", "3 4 4 6"),
          U8("", "4"), I8("2", "2 1"));
    // zero points per row of a; the second of b absent
    GIVES(h, IR_t_matmul_int, I32("2 1", "2 -2"), U8("2 1", "3 1"), I8("1 1", "1"), U8("2", "1 3"));
    GIVES(h, IR_t_matmul_int, I32("1 1", "65025"), U8("1 1", "255"), U8("1 1", "255"), ABSENT,
          U8("", "0"));
}

static void convolutions(void **state) {
    help *h = *state;
    set_ints(h, IR_ATTR_strides, "1");
    set_ints(h, IR_ATTR_dilations, "1");
    set_ints(h, IR_ATTR_pads, "1 1");
    set_int(h, IR_ATTR_groups, 1);
    GIVES(h, IR_t_conv, F32("1 1 3", "13 19 13"), F32("1 1 3", "1 2 3"), F32("1 1 3", "1 2 3"),
          F32("1", "5"));
    set_ints(h, IR_ATTR_strides, "2");
    set_ints(h, IR_ATTR_dilations, "2");
    set_ints(h, IR_ATTR_pads, "0 0");
    set_int(h, IR_ATTR_groups, 2);
    GIVES(h, IR_t_conv, F32("1 2 2", "4 8 16 20.5"), F32("1 2 5", "1 2 3 4 5 6 7 8 9 10"),
          F32("2 1 2", "1 1 1 1.25"));
    // 2-D with several channels, against naive loops.
    tensor x = tn_random(h, ELEM_f32, DIMS(2, 3, 5, 6), 5),
           w = tn_random(h, ELEM_f32, DIMS(4, 3, 3, 2), 6);
    tensor want = F32("2 4 3 6", NULL);
    for (int b = 0; b < 2; b++)
        for (int m = 0; m < 4; m++)
            for (int i = 0; i < 3; i++)
                for (int j = 0; j < 6; j++) {
                    double s = 0;
                    for (int c = 0; c < 3; c++)
                        for (int u = 0; u < 3; u++)
                            for (int v = 0; v < 2; v++) {
                                int y = 2 * i + u - 1, z = j + v;
                                if (y < 0 || y >= 5 || z >= 6) continue;
                                s += (double)((float *)x.data)[((b * 3 + c) * 5 + y) * 6 + z] *
                                     (double)((float *)w.data)[((m * 3 + c) * 3 + u) * 2 + v];
                            }
                    ((float *)want.data)[((b * 4 + m) * 3 + i) * 6 + j] = (float)s;
                }
    set_ints(h, IR_ATTR_strides, "2 1");
    set_ints(h, IR_ATTR_dilations, "1 1");
    set_ints(h, IR_ATTR_pads, "1 0 1 1");
    GIVES(h, IR_t_conv, want, x, w);
}

// ---- quantisation ----------------------------------------------------------------------------

static void quantisation(void **state) {
    help *h = *state;
    GIVES(h, IR_t_quantize, U8("5", "2 4 4 255 0"), F32("5", "0.25 0.75 1.25 1000 -1000"),
          F32("", "0.5"), U8("", "2"));
    set_int(h, IR_ATTR_axis, 0);
    GIVES(h, IR_t_quantize, I8("2 2", "1 2 2 4"), F32("2 2", "1 2 1 2"), F32("2", "1 0.5"));
    set_int(h, IR_ATTR_axis, 1);
    GIVES(h, IR_t_dequantize, F32("2 2", "0 3 1 4.5"), I8("2 2", "1 3 2 4"), F32("2", "1 1.5"),
          I8("2", "1 1"));
    GIVES(h, IR_t_dequantize, F32("1", "-6"), I32("1", "-12"), F32("", "0.5"));
    tensor x = F32("2 2", "0 2 -3 0"), out[3] = {U8("2 2", NULL), F32("", NULL), U8("", NULL)};
    assert_true(evaluate(h, IR_t_dynquant, &x, 1, out, 3));
    assert_numbers(out[0], U8("2 2", "153 255 0 153"));
    assert_true(*(float *)out[1].data == 5.0f / 255);
    assert_int_equal(*(uint8_t *)out[2].data, 153);
    tensor rows[3] = {U8("2 2", NULL), F32("2 1", NULL), U8("2 1", NULL)};
    set_str(h, IR_ATTR_gran, "row");
    assert_true(evaluate(h, IR_t_dynquant, &x, 1, rows, 3));
    assert_numbers(rows[0], U8("2 2", "0 255 0 255"));
    assert_numbers(rows[2], U8("2 1", "0 255"));
}

// ---- nn on plain tensors -----------------------------------------------------------------------

static void linear(void **state) {
    help *h = *state;
    tensor x = tn_random(h, ELEM_f32, DIMS(2, 3, 40), 1),
           w = tn_random(h, ELEM_f32, DIMS(40, 37), 2);
    tensor bias = tn_random(h, ELEM_f32, DIMS(37), 3), want = F32("2 3 37", NULL);
    for (int i = 0; i < 6; i++)
        for (int j = 0; j < 37; j++) {
            double s = 0;
            for (int k = 0; k < 40; k++)
                s += (double)((float *)x.data)[i * 40 + k] * (double)((float *)w.data)[k * 37 + j];
            ((float *)want.data)[i * 37 + j] = (float)(s + (double)((float *)bias.data)[j]);
        }
    GIVES(h, IR_nn_linear, want, x, w, bias);
    tensor wt = F32("37 40", NULL);
    for (int k = 0; k < 40; k++)
        for (int j = 0; j < 37; j++) ((float *)wt.data)[j * 40 + k] = ((float *)w.data)[k * 37 + j];
    set_int(h, IR_ATTR_trans_w, 1);
    GIVES(h, IR_nn_linear, want, x, wt, bias);
    // One row alone reads the weights where they lie.
    set_int(h, IR_ATTR_trans_w, 1);
    GIVES(h, IR_nn_linear, rows_part(&want, 1, 1), rows_part(&x, 1, 1), wt, bias);
    GIVES(h, IR_nn_linear, rows_part(&want, 1, 1), rows_part(&x, 1, 1), w, bias);
    // Weights aliased from a file need not be aligned.
    char *raw = arena_alloc(h->a, tensor_bytes(&wt) + 1);
    memcpy(raw + 1, wt.data, tensor_bytes(&wt));
    wt.data = raw + 1;
    set_int(h, IR_ATTR_trans_w, 1);
    GIVES(h, IR_nn_linear, want, x, wt, bias);
    REFUSES(h, IR_nn_linear, DIAG_ID_eval_operand, F32("2 37", NULL), F32("2 39", NULL), w);
    REFUSES(h, IR_nn_linear, DIAG_ID_eval_operand, F32("2 37", NULL), F32("2 40", NULL), w,
            F32("36", NULL));
}

static void norms(void **state) {
    help *h = *state;
    tensor x = F32("2 4", "1 2 3 4 0 0 0 0"), want = F32("2 4", NULL);
    double r = 1 / sqrt(1.25 + (double)1e-5f), rms = 1 / sqrt(7.5 + (double)1e-5f);
    for (int i = 0; i < 4; i++) {
        ((float *)want.data)[i] = (float)((i + 1 - 2.5) * r * 2 + 1);
        ((float *)want.data)[4 + i] = 1;
    }
    set_str(h, IR_ATTR_mode, "layer");
    set_float(h, IR_ATTR_eps, 1e-5);
    GIVES(h, IR_nn_norm, want, x, F32("4", "2 2 2 2"), F32("1", "1"));
    for (int i = 0; i < 4; i++) {
        ((float *)want.data)[i] = (float)((i + 1) * rms);
        ((float *)want.data)[4 + i] = 0;
    }
    set_str(h, IR_ATTR_mode, "rms");
    set_float(h, IR_ATTR_eps, 1e-5);
    GIVES(h, IR_nn_norm, want, x);
    set_str(h, IR_ATTR_mode, "l2");
    set_float(h, IR_ATTR_eps, 1e-12);
    GIVES(h, IR_nn_norm, F32("1 2", "0.6 0.8"), F32("1 2", "3 4"));
    set_str(h, IR_ATTR_mode, "rms"); // over two axes
    set_float(h, IR_ATTR_eps, 0);
    set_int(h, IR_ATTR_axis, 0);
    GIVES(h, IR_nn_norm, F32("2 2", "2 4 2 4"), F32("2 2", "1 1 1 1"), F32("2", "2 4"));
}

static void ropes(void **state) {
    help *h = *state;
    tensor cosine = F32("1 1", "0"), sine = F32("1 1", "1");
    set_str(h, IR_ATTR_mode, "half");
    set_int(h, IR_ATTR_rotary_dim, 2);
    GIVES(h, IR_nn_rope, F32("1 2 1 3", "-2 1 3 -5 4 6"), F32("1 2 1 3", "1 2 3 4 5 6"), cosine,
          sine);
    set_str(h, IR_ATTR_mode, "interleaved");
    set_int(h, IR_ATTR_rotary_dim, 4);
    GIVES(h, IR_nn_rope, F32("1 1 1 4", "-2 1 3 4"), F32("1 1 1 4", "1 2 3 4"), F32("1 2", "0 1"),
          F32("1 2", "1 0"));
    set_str(h, IR_ATTR_mode, "half");
    set_int(h, IR_ATTR_rotary_dim, 4);
    GIVES(h, IR_nn_rope, F32("1 1 1 4", "-3 2 1 4"), F32("1 1 1 4", "1 2 3 4"), F32("1 2", "0 1"),
          F32("1 2", "1 0"));
}

// Naive attention for one head: visible(t, s) decides.
static void attention(void **state) {
    help *h = *state;
    enum { B = 2, H = 4, HK = 2, T = 5, S = 9, D = 8, DV = 6 };
    tensor q = tn_random(h, ELEM_f32, DIMS(B, H, T, D), 1),
           k = tn_random(h, ELEM_f32, DIMS(B, HK, S, D), 2);
    tensor v = tn_random(h, ELEM_f32, DIMS(B, HK, S, DV), 3),
           mask = tensor_new(h->a, ELEM_bool, DIMS(B, 1, 1, S));
    for (int i = 0; i < B * S; i++) ((uint8_t *)mask.data)[i] = i % 4 != 1;
    for (int variant = 0; variant < 4; variant++) {
        bool causal = variant & 1, masked = variant & 2;
        tensor want = tensor_new(h->a, ELEM_f32, DIMS(B, H, T, DV));
        for (int bh = 0; bh < B * H; bh++) {
            int b = bh / H, kv = b * HK + bh % H / (H / HK);
            for (int t = 0; t < T; t++) {
                float s[S], m = -INFINITY;
                bool sees[S];
                double sum = 0;
                for (int j = 0; j < S; j++) {
                    sees[j] = (!causal || (j <= S - T + t && j > S - T + t - 4)) &&
                              (!masked || ((uint8_t *)mask.data)[b * S + j]);
                    s[j] = dot((float *)q.data + (bh * T + t) * D, 1,
                               (float *)k.data + (kv * S + j) * D, 1, D) *
                           0.25f;
                    s[j] = 3.0f * num_tanh(s[j] / 3.0f);
                    if (sees[j] && s[j] > m) m = s[j];
                }
                for (int j = 0; j < S; j++)
                    if (sees[j]) sum += (double)(s[j] = num_exp(s[j] - m));
                for (int i = 0; i < DV; i++) {
                    double o = 0;
                    for (int j = 0; j < S; j++)
                        if (sees[j])
                            o += (double)(float)((double)s[j] / sum) *
                                 (double)((float *)v.data)[(kv * S + j) * DV + i];
                    ((float *)want.data)[(bh * T + t) * DV + i] = (float)o;
                }
            }
        }
        if (causal) set_int(h, IR_ATTR_causal, 1), set_int(h, IR_ATTR_window, 4);
        set_float(h, IR_ATTR_scale, 0.25);
        set_float(h, IR_ATTR_softcap, 3);
        if (masked)
            GIVES(h, IR_nn_attention, want, q, k, v, mask);
        else
            GIVES(h, IR_nn_attention, want, q, k, v);
    }
    // A float mask is added; a row that sees nothing gives zeros.
    set_float(h, IR_ATTR_scale, 1);
    GIVES(h, IR_nn_attention, F32("1 1 2 1", "7 0"), F32("1 1 2 1", "1 1"), F32("1 1 2 1", "1 1"),
          F32("1 1 2 1", "5 7"), F32("2 2", "-inf 0 -inf -inf"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(reductions),   TEST(extremes),         TEST(running_sums),    TEST(softmaxes),
        TEST(matmul_sizes), TEST(matmul_broadcast), TEST(matmul_integers), TEST(convolutions),
        TEST(quantisation), TEST(linear),           TEST(norms),           TEST(ropes),
        TEST(attention),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
