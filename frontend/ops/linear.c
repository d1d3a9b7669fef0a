// Products: MatMul, Gemm, Einsum, convolutions.
#include "frontend/import.h"

bool onnx_import_matmul(onnx_call *c) {
    const ir_type x = onnx_type(c, onnx_in(c, 0)), w = onnx_type(c, onnx_in(c, 1));
    if (x.rank > 1 && w.rank > 1) onnx_wants_size(c, onnx_in(c, 0), x.rank - 1, w.dim[w.rank - 2]);
    return onnx_set(c, 0, onnx_op2(c, IR_t_matmul, onnx_in(c, 0), onnx_in(c, 1)));
}

// alpha * A' * B' + beta * C. The plain case with constant B is nn.linear.
bool onnx_import_gemm(onnx_call *c) {
    ir_val a = onnx_in(c, 0), b = onnx_in(c, 1), bias = onnx_in(c, 2);
    double alpha = onnx_attr_f(c, "alpha", 1.0f), beta = onnx_attr_f(c, "beta", 1.0f);
    bool trans_a = onnx_attr_i(c, "transA", 0) != 0, trans_b = onnx_attr_i(c, "transB", 0) != 0;
    ir_type tb = onnx_type(c, b), tc = onnx_type(c, bias);
    if (onnx_rank(c, a) != 2 || tb.rank != 2) return onnx_missing(c, "matrices are expected");
    int64_t n = tb.dim[trans_b ? 0 : 1];
    bool row = bias == IR_NONE || (tc.rank == 1 && tc.dim[0] == n) ||
               (tc.rank == 2 && tc.dim[0] == 1 && tc.dim[1] == n);
    if (trans_a) a = onnx_swap_last(c, a);
    const ir_op *def = ir_def(c->f, b);
    if (alpha == 1 && beta == 1 && row && def && def->code == IR_t_const &&
        elem_is_float(tb.type)) {
        ir_val in[] = {a, b, bias == IR_NONE ? IR_NONE : onnx_reshape(c, bias, 1, &n)};
        ir_attrs attrs = {0};
        if (trans_b) ir_attr_set_int(c->arena, &attrs, IR_ATTR_trans_w, 1);
        return onnx_set(c, 0, onnx_op(c, IR_nn_linear, in, bias == IR_NONE ? 2 : 3, &attrs));
    }
    ir_val y = onnx_op2(c, IR_t_matmul, a, trans_b ? onnx_swap_last(c, b) : b);
    y = onnx_scale(c, y, alpha);
    if (bias != IR_NONE && beta != 0) y = onnx_op2(c, IR_t_add, y, onnx_scale(c, bias, beta));
    return onnx_set(c, 0, y);
}

// ---- Einsum
// -------------------------------------------------------------------------------------- Labels are
// 'A'..'Z', 'a'..'z', and 1.. for the axes of an ellipsis (from the right).

#define MAX_LABELS 16

typedef struct {
    int n;
    char label[MAX_LABELS];
} labels;

static int find_label(const labels *l, char x) {
    for (int i = 0; i < l->n; i++)
        if (l->label[i] == x) return i;
    return -1;
}

// One operand's labels; `rank` < 0: the output, whose ellipsis has *dots axes.
static bool parse_labels(onnx_call *c, const char **s, int rank, int *dots, labels *l) {
    int letters = 0;
    for (const char *p = *s; *p && *p != ',' && *p != '-'; p++)
        letters += (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z');
    l->n = 0;
    for (; **s && **s != ',' && **s != '-'; ++*s) {
        if (**s == ' ') continue;
        if (!strncmp(*s, "...", 3)) {
            int n = rank < 0 ? *dots : rank - letters;
            if (n < 0 || l->n + n > MAX_LABELS) return onnx_missing(c, "the ellipsis does not fit");
            if (n > *dots) *dots = n;
            for (int i = n; i > 0; i--) l->label[l->n++] = (char)i;
            *s += 2;
        } else if ((**s >= 'a' && **s <= 'z') || (**s >= 'A' && **s <= 'Z')) {
            if (l->n == MAX_LABELS) return onnx_missing(c, "too many axes");
            l->label[l->n++] = **s;
        } else {
            return onnx_missing(c, "equation character '%c'", **s);
        }
    }
    return rank < 0 || l->n == rank || onnx_missing(c, "the equation does not fit the inputs");
}

// x with repeated labels: the diagonal, by eye mask and sum. [i,i] -> [i]
static ir_val take_diagonals(onnx_call *c, ir_val x, labels *l) {
    for (int i = 0; i < l->n; i++)
        for (int j = i + 1; j < l->n; j++) {
            if (l->label[i] != l->label[j]) continue;
            ir_type t = onnx_type(c, x);
            int64_t n = t.dim[i], perm[IR_MAX_RANK], k = 0;
            if (x == IR_NONE || n != t.dim[j]) return IR_NONE;
            for (int a = 0; a < t.rank; a++)
                if (a != i && a != j) perm[k++] = a;
            perm[k++] = i;
            perm[k] = j;
            x = onnx_transpose(c, x, perm); // [..., n, n] -> [..., n*n] -> every (n+1)th
            int64_t dim[IR_MAX_RANK];
            for (int a = 0; a < t.rank - 2; a++) dim[a] = t.dim[perm[a]];
            dim[t.rank - 2] = n * n;
            x = onnx_reshape(c, x, t.rank - 1, dim);
            x = onnx_gather(c, x, onnx_counting(c, 0, n, n + 1), t.rank - 2);
            labels m = {0};
            for (int a = 0; a < l->n; a++)
                if (a != i && a != j) m.label[m.n++] = l->label[a];
            m.label[m.n++] = l->label[i];
            *l = m;
            return take_diagonals(c, x, l);
        }
    return x;
}

// Axes of x brought into the order of `want` (a subset of want); missing ones get size 1.
static ir_val align(onnx_call *c, ir_val x, const labels *have, const labels *want) {
    int64_t perm[IR_MAX_RANK], dim[IR_MAX_RANK];
    ir_type t = onnx_type(c, x);
    int k = 0;
    if (x == IR_NONE || want->n > IR_MAX_RANK) {
        onnx_missing(c, "too many axes");
        return IR_NONE;
    }
    for (int i = 0; i < want->n; i++) {
        int at = find_label(have, want->label[i]);
        dim[i] = at < 0 ? 1 : t.dim[at];
        if (at >= 0) perm[k++] = at;
    }
    if (k != have->n) {
        onnx_missing(c, "the equation drops an axis in an unsupported way");
        return IR_NONE;
    }
    return onnx_reshape(c, onnx_transpose(c, x, perm), want->n, dim);
}

// Sums away the labels that nothing else needs.
static ir_val sum_private(onnx_call *c, ir_val x, labels *l, const labels *other,
                          const labels *out) {
    int64_t axes[IR_MAX_RANK];
    size_t n = 0;
    labels kept = {0};
    for (int i = 0; i < l->n; i++) {
        if (find_label(out, l->label[i]) < 0 && (!other || find_label(other, l->label[i]) < 0))
            axes[n++] = i;
        else
            kept.label[kept.n++] = l->label[i];
    }
    *l = kept;
    return n ? onnx_reduce(c, x, "sum", axes, n, false) : x;
}

// a and b contracted to the labels of out: [batch, M, K] x [batch, K, N].
static ir_val contract(onnx_call *c, ir_val a, labels la, ir_val b, labels lb, const labels *out) {
    labels batch = {0}, m = {0}, n = {0}, k = {0}, have = {0};
    for (int i = 0; i < la.n; i++) {
        char x = la.label[i];
        bool in_b = find_label(&lb, x) >= 0, in_out = find_label(out, x) >= 0;
        labels *to = in_b ? (in_out ? &batch : &k) : &m;
        to->label[to->n++] = x;
    }
    for (int i = 0; i < lb.n; i++)
        if (find_label(&la, lb.label[i]) < 0) n.label[n.n++] = lb.label[i];
    int64_t da[3] = {1, 1, 1}, db[3] = {1, 1, 1}, dim[2 * MAX_LABELS];
    labels wa = {0}, wb = {0};
    ir_type ta = onnx_type(c, a), tb = onnx_type(c, b);
    for (int i = 0; i < batch.n; i++) { // an ellipsis may broadcast; plain labels must agree
        int64_t x = ta.dim[find_label(&la, batch.label[i])],
                y = tb.dim[find_label(&lb, batch.label[i])];
        if (x != y) {
            onnx_missing(c, "broadcasting inside an ellipsis is not supported");
            return IR_NONE;
        }
        dim[have.n] = x;
        have.label[have.n++] = batch.label[i];
        da[0] *= x;
        wa.label[wa.n++] = wb.label[wb.n++] = batch.label[i];
    }
    db[0] = da[0];
    for (int i = 0; i < m.n; i++) {
        dim[have.n] = ta.dim[find_label(&la, m.label[i])];
        da[1] *= dim[have.n];
        have.label[have.n++] = wa.label[wa.n++] = m.label[i];
    }
    for (int i = 0; i < k.n; i++) {
        da[2] *= ta.dim[find_label(&la, k.label[i])];
        wa.label[wa.n++] = wb.label[wb.n++] = k.label[i];
    }
    db[1] = da[2];
    for (int i = 0; i < n.n; i++) {
        dim[have.n] = tb.dim[find_label(&lb, n.label[i])];
        db[2] *= dim[have.n];
        have.label[have.n++] = wb.label[wb.n++] = n.label[i];
    }
    if (have.n > IR_MAX_RANK) {
        onnx_missing(c, "too many axes");
        return IR_NONE;
    }
    a = onnx_reshape(c, align(c, a, &la, &wa), 3, da);
    b = onnx_reshape(c, align(c, b, &lb, &wb), 3, db);
    ir_val y = onnx_reshape(c, onnx_op2(c, IR_t_matmul, a, b), have.n, dim);
    return align(c, y, &have, out);
}

bool onnx_import_einsum(onnx_call *c) {
    const char *s = onnx_attr_s(c, "equation", "");
    labels in[2] = {{0}}, out = {0};
    int dots = 0;
    ir_val x[2] = {IR_NONE, IR_NONE};
    if (c->n_in < 1 || c->n_in > 2)
        return onnx_missing(c, "%zu operands are not supported", c->n_in);
    const char *p = s;
    for (size_t i = 0; i < c->n_in; i++) {
        x[i] = c->in[i];
        if (!parse_labels(c, &p, onnx_rank(c, x[i]), &dots, &in[i])) return false;
        if (i + 1 < c->n_in && *p++ != ',') return onnx_missing(c, "the equation lacks an operand");
    }
    if (p[0] == '-' && p[1] == '>') {
        p += 2;
        if (!parse_labels(c, &p, -1, &dots, &out)) return false;
    } else if (*p) {
        return onnx_missing(c, "the equation does not parse");
    } else { // implicit: the ellipsis, then labels that occur once, sorted
        for (int i = dots; i > 0; i--) out.label[out.n++] = (char)i;
        for (char l = 'A'; l <= 'z'; l++) {
            int count = 0;
            for (size_t k = 0; k < c->n_in; k++)
                for (int i = 0; i < in[k].n; i++) count += in[k].label[i] == l;
            if (count == 1 && out.n < MAX_LABELS) out.label[out.n++] = l;
        }
    }
    for (size_t i = 0; i < c->n_in; i++) {
        x[i] = take_diagonals(c, x[i], &in[i]);
        x[i] = sum_private(c, x[i], &in[i], c->n_in == 2 ? &in[1 - i] : NULL, &out);
    }
    if (x[0] == IR_NONE) return onnx_missing(c, "the equation does not fit the inputs");
    return onnx_set(c, 0,
                    c->n_in == 1 ? align(c, x[0], &in[0], &out)
                                 : contract(c, x[0], in[0], x[1], in[1], &out));
}

// ---- convolutions
// --------------------------------------------------------------------------------

// Attributes of a convolution of x with w [M, C/g, kernel...]; fills pads for auto_pad.
static bool conv_attrs(onnx_call *c, const ir_type *x, const ir_type *w, ir_attrs *attrs) {
    int spatial = x->rank - 2;
    int64_t strides[IR_MAX_RANK], dilations[IR_MAX_RANK], pads[2 * IR_MAX_RANK] = {0};
    size_t ns, nd, np;
    const int64_t *s = onnx_attr_is(c, "strides", &ns), *d = onnx_attr_is(c, "dilations", &nd);
    const int64_t *p = onnx_attr_is(c, "pads", &np);
    const char *how = onnx_attr_s(c, "auto_pad", "NOTSET");
    if (spatial < 1 || w->rank != x->rank || (s && (int)ns != spatial) ||
        (d && (int)nd != spatial) || (p && (int)np != 2 * spatial))
        return onnx_missing(c, "its sizes do not fit");
    bool same = !strncmp(how, "SAME", 4);
    for (int i = 0; i < spatial; i++) {
        strides[i] = s ? s[i] : 1;
        dilations[i] = d ? d[i] : 1;
        if (strides[i] < 1 || dilations[i] < 1 || strides[i] > 1 << 20 || dilations[i] > 1 << 20)
            return onnx_missing(c, "a stride below 1 or too big");
        if (p && (p[i] < 0 || p[i] > 1 << 30 || p[i + spatial] < 0 || p[i + spatial] > 1 << 30))
            return onnx_missing(c, "a pad below 0 or too big");
        if (p && !same) {
            pads[i] = p[i];
            pads[i + spatial] = p[i + spatial];
        }
        if (same) {
            int64_t out = ceil_div_i64(x->dim[i + 2], strides[i]);
            int64_t reach = (w->dim[i + 2] - 1) * dilations[i] + 1;
            int64_t total = max_i64(0, (out - 1) * strides[i] + reach - x->dim[i + 2]);
            pads[i] = !strcmp(how, "SAME_LOWER") ? total - total / 2 : total / 2;
            pads[i + spatial] = total - pads[i];
        }
    }
    ir_attr_set_ints(c->arena, attrs, IR_ATTR_strides, strides, (size_t)spatial);
    ir_attr_set_ints(c->arena, attrs, IR_ATTR_pads, pads, 2 * (size_t)spatial);
    ir_attr_set_ints(c->arena, attrs, IR_ATTR_dilations, dilations, (size_t)spatial);
    ir_attr_set_int(c->arena, attrs, IR_ATTR_groups, onnx_attr_i(c, "group", 1));
    return true;
}

static ir_val conv(onnx_call *c, ir_val x, ir_val w, ir_val bias) {
    ir_type tx = onnx_type(c, x), tw = onnx_type(c, w);
    ir_attrs attrs = {0};
    if (tx.rank > 2 && tw.rank == tx.rank && onnx_attr_i(c, "group", 1) == 1)
        onnx_wants_size(c, x, 1, tw.dim[1]);
    if (x == IR_NONE || w == IR_NONE || !conv_attrs(c, &tx, &tw, &attrs)) return IR_NONE;
    return onnx_op(c, IR_t_conv, (ir_val[]){x, w, bias}, bias == IR_NONE ? 2 : 3, &attrs);
}

bool onnx_import_conv(onnx_call *c) {
    return onnx_set(c, 0, conv(c, onnx_in(c, 0), onnx_in(c, 1), onnx_in(c, 2)));
}

// Type in which sums of products of codes are exact: f32 up to 2^24, which 258 products of 255 *
// 255 and no bias keep; else f64.
static elem sum_type(const onnx_call *c, ir_val w, ir_val bias) {
    const ir_type t = onnx_type(c, w);
    int64_t n = 1;
    for (int i = 1; i < t.rank && n <= 258; i++) n *= t.dim[i];
    return n <= 258 && bias == IR_NONE ? ELEM_f32 : ELEM_f64;
}

// x - zero; a zero per output channel of w stands on axis 0.
static ir_val centred(onnx_call *c, ir_val x, ir_val zero, elem type) {
    x = onnx_cast(c, x, type);
    if (zero == IR_NONE || x == IR_NONE) return x;
    ir_type t = onnx_type(c, zero);
    int64_t dim[IR_MAX_RANK] = {ir_type_width(&t), 1, 1, 1, 1, 1, 1, 1};
    zero = onnx_reshape(c, onnx_cast(c, zero, type), onnx_rank(c, x), dim);
    return onnx_op2(c, IR_t_sub, x, zero);
}

bool onnx_import_conv_integer(onnx_call *c) {
    if (onnx_in(c, 0) == IR_NONE || onnx_in(c, 1) == IR_NONE) return false;
    const elem type = sum_type(c, onnx_in(c, 1), IR_NONE);
    ir_val x = centred(c, onnx_in(c, 0), onnx_in(c, 2), type);
    ir_val w = centred(c, onnx_in(c, 1), onnx_in(c, 3), type);
    return onnx_set(c, 0, onnx_cast(c, conv(c, x, w, IR_NONE), ELEM_i32));
}

// (x, sx, zx, w, sw, zw, sy, zy, bias?): bias in units of sx * sw
bool onnx_import_qlinear_conv(onnx_call *c) {
    if (c->n_in < 8) return onnx_missing(c, "it takes 8 inputs");
    if (c->in[3] == IR_NONE) return false;
    const elem type = sum_type(c, c->in[3], onnx_in(c, 8));
    ir_val x = centred(c, c->in[0], c->in[2], type), w = centred(c, c->in[3], c->in[5], type);
    ir_val bias = onnx_cast(c, onnx_in(c, 8), type);
    ir_val y = onnx_cast(c, conv(c, x, w, bias), ELEM_f32),
           scale = onnx_op2(c, IR_t_mul, c->in[1], c->in[4]);
    ir_type t = onnx_type(c, scale);
    if (y == IR_NONE) return false;
    if (ir_type_width(&t) > 1) { // per output channel: [M,1,1]
        int64_t dim[IR_MAX_RANK] = {ir_type_width(&t), 1, 1, 1, 1, 1, 1, 1};
        scale = onnx_reshape(c, scale, onnx_rank(c, y) - 1, dim);
    }
    return onnx_set(c, 0, onnx_quantize(c, onnx_op2(c, IR_t_mul, y, scale), c->in[6], c->in[7]));
}
