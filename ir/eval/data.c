// Ports, dense memories and links: io.*, mem.*, net.*.
#include "ir/eval/eval.h"
#include "ir/kernel/q8.h"
#include <stdlib.h>
#include <string.h>

// ---- ports -----------------------------------------------------------------------------------

bool ir_eval_io_in(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    const char *port = ir_attr_str(&op->attrs, IR_ATTR_port, "");
    for (size_t i = 0; c->func && c->inputs && i < c->func->params.count; i++) {
        const char *name = c->func->params.items[i].name;
        if (!name || strcmp(name, port) != 0) continue;
        const tensor *t = &c->inputs[i];
        if (tensor_count(t) != tensor_count(out))
            return eval_fail(c, op, DIAG_ID_eval_input, "port '%s' got %zu numbers, expected %zu",
                             port, tensor_count(t), tensor_count(out));
        elem_convert(out->type, out->data, t->type, t->data, tensor_count(out));
        return true;
    }
    return eval_fail(c, op, DIAG_ID_eval_input, "there is no input '%s'", port);
}

bool ir_eval_io_out(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    const char *port = ir_attr_str(&op->attrs, IR_ATTR_port, "");
    int64_t col0 = ir_attr_int(&op->attrs, IR_ATTR_col0, 0);
    for (size_t i = 0; c->func && c->outputs && i < c->func->results.count; i++) {
        const char *name = c->func->results.items[i].name;
        if (!name || strcmp(name, port) != 0) continue;
        tensor *t = &c->outputs[i];
        size_t width = eval_width(in[0]), whole = eval_width(t);
        if (c->func->results.items[i].value != IR_NONE) return true; // the value itself leaves
        if (col0 < 0 || (size_t)col0 + width > whole || in[0]->dim[0] != t->dim[0])
            return eval_fail(c, op, DIAG_ID_eval_operand, "columns %lld to %zu of a port of %zu",
                             (long long)col0, (size_t)col0 + width, whole);
        float *buffer = base_alloc(width * sizeof *buffer + 1);
        for (size_t r = 0; r < (size_t)t->dim[0]; r++) {
            size_t at = r * whole + (size_t)col0;
            if (in[0]->type == t->type && t->type != ELEM_q8)
                memcpy((char *)t->data + at * elem_bytes(t->type),
                       (const char *)in[0]->data + r * width * elem_bytes(t->type),
                       width * elem_bytes(t->type));
            else
                eval_store(t, at, width, ELEM_f32, eval_row_load(in[0], r, buffer));
        }
        free(buffer);
        return true;
    }
    return true; // nobody asked for outputs
}

// ---- dense memories ----------------------------------------------------------------------------

// Row `row` of a table becomes row r of out.
static bool table_row(const ir_eval_ctx *c, const ir_op *op, const tensor *table, int64_t row,
                      tensor *out, int64_t r) {
    size_t width = eval_width(table);
    if (row < 0 || row >= table->dim[0])
        return eval_fail(c, op, DIAG_ID_eval_index, "row %lld of a table of %lld", (long long)row,
                         (long long)table->dim[0]);
    elem_convert(out->type, (char *)out->data + (size_t)r * width * elem_bytes(out->type),
                 table->type,
                 (const char *)table->data + (size_t)row * width * elem_bytes(table->type), width);
    return true;
}

static const tensor *table_of(const ir_eval_ctx *c, const ir_op *op, const tensor *out) {
    const tensor *t = eval_table(c, op, ir_attr_str(&op->attrs, IR_ATTR_table, NULL));
    if (!t) return NULL;
    if (t->rank == 2 && eval_width(t) == eval_width(out) && out->type != ELEM_q8) return t;
    eval_fail(c, op, DIAG_ID_eval_operand, "the table's rows are not the result's");
    return NULL;
}

bool ir_eval_mem_gather(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    const tensor *table = table_of(c, op, out);
    if (!table) return false;
    if (tensor_count(in[0]) != (size_t)out->dim[0])
        return eval_fail(c, op, DIAG_ID_eval_operand, "the operand is not one number a row");
    for (int64_t r = 0; r < out->dim[0]; r++)
        if (!table_row(c, op, table, elem_load_i64(in[0]->type, in[0]->data, (size_t)r), out, r))
            return false;
    return true;
}

bool ir_eval_mem_posrow(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    const tensor *table = table_of(c, op, out);
    if (!table) return false;
    int64_t pos = eval_pos(c, eval_domain_of_result(c, op, 0));
    for (int64_t r = 0; r < out->dim[0]; r++)
        if (!table_row(c, op, table, pos + r, out, r)) return false;
    return true;
}

// ---- links: rows travel as they are, trailers included
// -------------------------------------------

static bool forward(const ir_eval_ctx *c, const ir_op *op, const tensor *x, tensor *out) {
    if (x->type != out->type || !tensor_same_shape(x, out))
        return eval_fail(c, op, DIAG_ID_eval_operand, "operand and result differ");
    bool raw = eval_has_raw_trailers(c, op, 0);
    size_t bytes = x->type == ELEM_q8 || raw ? q8_storage_bytes(x) : tensor_bytes(x);
    if (bytes && out->data != x->data) memcpy(out->data, x->data, bytes);
    return true;
}
bool ir_eval_net_send(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    return forward(c, op, in[0], out);
}
bool ir_eval_net_recv(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    return forward(c, op, in[0], out);
}

bool ir_eval_net_recv_add(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    const tensor *a = in[0], *b = in[1];
    if (a->type != b->type || !tensor_same_shape(a, b) ||
        (a->type != ELEM_i32 && a->type != ELEM_f32))
        return eval_fail(c, op, DIAG_ID_eval_operand, "the rows to add differ");
    if (!forward(c, op, a, out)) return false;
    size_t n = tensor_count(out);
    if (a->type == ELEM_f32) {
        float *y = out->data;
        for (size_t i = 0; i < n; i++) y[i] += ((const float *)b->data)[i];
        return true;
    }
    uint32_t *y = out->data;
    for (size_t i = 0; i < n; i++) y[i] += ((const uint32_t *)b->data)[i];
    for (size_t r = 0; eval_has_raw_trailers(c, op, 0) && r < q8_rows(out); r++)
        q8_raw_trailer(out, r)->sum += q8_raw_trailer(b, r)->sum;
    return true;
}
