// .npy and .npz from strangers: what is accepted has the bytes it says.
#include "support/num/tensor.h"
#include "tests/fuzz/target.h"
#include <stdlib.h>
#include <string.h>

static void touch(arena *a, const tensor *t) {
    tensor wide = tensor_cast(a, t, ELEM_f64);
    if (!tensor_same_shape(&wide, t) || !tensor_equal_bits(t, t)) abort();
    if (t->type == ELEM_f64 && !tensor_equal_bits(t, &wide)) abort();
}

static unsigned run(const uint8_t *data, size_t size) {
    arena *a = arena_new();
    diag_sink *diags = diag_sink_new();
    bool ok;
    if (size >= 2 && memcmp(data, "PK", 2) == 0) {
        tensor_set set;
        ok = npz_parse(a, data, size, "fuzz.npz", NULL, &set, diags);
        for (size_t i = 0; ok && i < set.count; i++) touch(a, &set.items[i].value);
    } else {
        tensor t;
        ok = npy_parse(a, data, size, "fuzz.npy", &t, diags);
        if (ok) touch(a, &t);
    }
    if (ok != (diag_errors(diags) == 0)) abort();
    diag_sink_free(diags);
    arena_free(a);
    return ok;
}

const fuzz_target target = {.stages = {"read"}, .run = run};
