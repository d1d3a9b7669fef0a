// Types of values: an element type and axis sizes; a token domain may stand as axis 0.
#include "ir/ir.h"
#include <inttypes.h>
#include <stdio.h>

ir_type ir_type_make(elem e, int rank, const int64_t *dim) {
    CHECK(rank >= 0 && rank <= IR_MAX_RANK, "rank %d", rank);
    ir_type t = {.type = e, .rank = rank};
    for (int i = 0; i < rank; i++) t.dim[i] = dim[i];
    return t;
}

int64_t ir_type_width(const ir_type *t) {
    int64_t n = 1;
    bool empty = false, big = false;
    for (int i = ir_type_domain(t) >= 0 ? 1 : 0; i < t->rank; i++) {
        empty |= t->dim[i] == 0;
        big |= __builtin_mul_overflow(n, t->dim[i], &n);
    }
    return empty ? 0 : big ? INT64_MAX : n;
}

int ir_type_same_axis(const ir_type *from, const ir_type *to, int axis) {
    int64_t inner = 1, seen = 1;
    for (int i = axis + 1; i < to->rank; i++) inner *= to->dim[i];
    for (int i = from->rank; i-- > 0;) {
        if (seen == inner && from->dim[i] == to->dim[axis]) return i;
        seen *= from->dim[i];
    }
    return -1;
}

bool ir_type_equal(const ir_type *a, const ir_type *b) {
    if (a->type != b->type || a->rank != b->rank) return false;
    for (int i = 0; i < a->rank; i++) {
        if (a->dim[i] != b->dim[i]) return false;
    }
    return true;
}

const char *ir_type_text(arena *a, const ir_type *t) {
    char text[16 + 21 * IR_MAX_RANK];
    size_t n = (size_t)snprintf(text, sizeof text, "%s[", elem_name(t->type));
    for (int i = 0; i < t->rank; i++) {
        if (i) text[n++] = ',';
        if (ir_dim_is_domain(t->dim[i])) {
            n += (size_t)snprintf(text + n, sizeof text - n, "t%d", ir_dim_domain(t->dim[i]));
        } else {
            n += (size_t)snprintf(text + n, sizeof text - n, "%" PRId64, t->dim[i]);
        }
    }
    text[n++] = ']';
    return arena_strn(a, text, n);
}
