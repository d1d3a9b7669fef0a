// Products in every way they are computed: quick ones are near, and their rows do not depend on how
// many there are; codes as integers and fused additions give the same bits; sums in common are
// those of rows that are near.
#include "ir/kernel/product.h"
#include "tests/random.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct {
    size_t m, k, n;
    float *a, *w, *y;
    bool transposed;
    int8_t *codes; // of a
} job;

static void rows(const void *ctx, size_t m0, size_t m1, double *a) {
    const job *j = ctx;
    for (size_t i = m0 * j->k; i < m1 * j->k; i++) *a++ = (double)j->a[i];
}

static void panel(const void *ctx, size_t k0, size_t k1, size_t n0, size_t n1, double *w) {
    const job *j = ctx;
    product_panel_f32(j->w, j->transposed ? j->k : j->n, j->transposed, k0, k1, n0, n1, w);
}

static bool pack(const void *ctx, size_t k0, size_t k1, size_t n0, size_t n1, float *w) {
    const job *j = ctx;
    product_pack_f32(j->w, j->transposed ? j->k : j->n, j->transposed, k0, k1, n0, n1, w);
    return true;
}

static void finish(const void *ctx, size_t m0, size_t m1, size_t n0, size_t n1, const double *sum) {
    const job *j = ctx;
    for (size_t i = m0; i < m1; i++)
        for (size_t c = n0; c < n1; c++)
            j->y[i * j->n + c] = (float)sum[(i - m0) * PRODUCT_COLUMNS + c - n0];
}

static const int8_t *code_row(const void *ctx, size_t i) {
    const job *j = ctx;
    return j->codes + i * j->k;
}

static void code_panel(const void *ctx, size_t k0, size_t k1, size_t n0, size_t n1, int8_t *w) {
    const job *j = ctx;
    for (size_t k = k0; k < k1; k++)
        for (size_t c = n0; c < n1; c++)
            w[(k - k0) * PRODUCT_COLUMNS + c - n0] =
                (int8_t)j->w[j->transposed ? c * j->k + k : k * j->n + c];
}

static product product_of(job *j, size_t m, bool quick, bool packs) {
    return (product){.m = m,
                     .k = j->k,
                     .n = j->n,
                     .ctx = j,
                     .rows = rows,
                     .panel = panel,
                     .finish = finish,
                     .narrow = quick,
                     .quick = quick,
                     .pack = packs ? pack : NULL};
}

static float *run_product(job *j, const product *p) {
    j->y = calloc(p->m * j->n, sizeof *j->y);
    product_run(p, 2);
    return j->y;
}

static float *run(job *j, size_t m, bool quick, bool packs) {
    product p = product_of(j, m, quick, packs);
    return run_product(j, &p);
}

static void quick_is_near(void **state) {
    random_stream draws = random_test(3);
    for (int round = 0; round < 24; round++) {
        job j = {1 + random_below(&draws, 20),
                 1 + random_below(&draws, 700),
                 1 + random_below(&draws, 80),
                 NULL,
                 NULL,
                 NULL,
                 round & 1};
        const bool codes = round & 2;
        j.a = malloc(j.m * j.k * sizeof *j.a);
        j.w = malloc(j.k * j.n * sizeof *j.w);
        for (size_t i = 0; i < j.m * j.k; i++)
            j.a[i] =
                codes ? (float)random_below(&draws, 256) - 128 : (float)random_f64(&draws) - 0.5f;
        for (size_t i = 0; i < j.k * j.n; i++)
            j.w[i] =
                codes ? (float)random_below(&draws, 256) - 128 : (float)random_f64(&draws) - 0.5f;
        float *want = run(&j, j.m, false, false), *got = run(&j, j.m, true, true),
              *same = run(&j, j.m, true, false), *one = run(&j, 1, true, true);
        for (size_t i = 0; i < j.m * j.n; i++)
            if (!(fabs((double)got[i] - (double)want[i]) <= (codes ? 0 : 2e-5)))
                fail_msg("%zu x %zu x %zu, element %zu: %g, exactly %g", j.m, j.k, j.n, i,
                         (double)got[i], (double)want[i]);
        assert_memory_equal(got, same, j.m * j.n * sizeof *got);
        assert_memory_equal(got, one, j.n * sizeof *got);
        product p = product_of(&j, j.m, false, false);
        p.narrow = true; // additions may be fused
        float *fused = run_product(&j, &p);
        assert_memory_equal(fused, want, j.m * j.n * sizeof *got);
        p.quick = true; // rows where they are
        p.left = j.a;
        float *left = run_product(&j, &p);
        assert_memory_equal(left, got, j.m * j.n * sizeof *got);
        free(fused);
        free(left);
        if (codes) {
            j.codes = malloc(j.m * j.k);
            for (size_t i = 0; i < j.m * j.k; i++) j.codes[i] = (int8_t)j.a[i];
            product integers = product_of(&j, j.m, false, false);
            integers.narrow = true;
            integers.code_row = code_row;
            integers.code_panel = code_panel;
            float *sums = run_product(&j, &integers);
            assert_memory_equal(sums, want, j.m * j.n * sizeof *sums);
            free(sums);
            free(j.codes);
        }
        free(want);
        free(got);
        free(same);
        free(one);
        free(j.a);
        free(j.w);
    }
}

// ---- sums in common --------------------------------------------------------------------------

enum { M = 6, K = 40, N = 70 };

// y = rows [first, first + m) of x times w, through the store.
static void multiply(product_store *s, store_mode mode, float *x, float *w, size_t first, size_t m,
                     float *y) {
    job j = {.m = m, .k = K, .n = N, .a = x + first * K, .w = w};
    product p = product_of(&j, m, true, true);
    product_store_use(s, mode);
    p.store = s;
    p.matrix = w;
    float *got = run_product(&j, &p);
    memcpy(y, got, m * N * sizeof *y);
    free(got);
}

static bool quick_is_other(void) { // else nothing is kept: there are no quick products here
    float x[K] = {1}, w[K * N] = {0}, y[N];
    product_store *s = product_store_new(SIZE_MAX);
    multiply(s, STORE_KEEP, x, w, 0, 1, y);
    w[0] = 1; // behind its back
    multiply(s, STORE_SAME, x, w, 0, 1, y);
    product_store_free(s);
    return y[0] == 0;
}

static void sums_in_common(void **state) {
    random_stream draws = random_test(4);
    float x[M * K], near[M * K], far[M * K], w[K * N], other[K * N], first[M * N], y[M * N],
        want[M * N];
    if (!quick_is_other()) return;
    for (size_t i = 0; i < K * N; i++) other[i] = w[i] = (float)random_f64(&draws) - 0.5f;
    for (size_t i = 0; i < M * K; i++) {
        x[i] = (float)random_f64(&draws) - 0.5f;
        far[i] = near[i] = x[i] * (i % 2 ? 1 + 0x1p-22f : 1 - 0x1p-23f);
    }
    far[M * K - 3] += 1e-5f; // one element
    product_store *s = product_store_new(SIZE_MAX);
    multiply(s, STORE_KEEP, x, w, 0, M, first);
    multiply(s, STORE_TAKE, near, w, 0, M, y);
    assert_memory_equal(y, first, sizeof y);
    // what was taken counts as the rows that took it
    multiply(s, STORE_SAME, near, w, 2, 3, y);
    assert_memory_equal(y, first + 2 * N, 3 * N * sizeof *y);
    // another matrix, rows that are far: computed, as without what is kept
    product_store *empty = product_store_new(0);
    multiply(empty, STORE_KEEP, near, other, 0, M, want);
    multiply(s, STORE_TAKE, near, other, 0, M, y);
    assert_memory_equal(y, want, sizeof y);
    assert_memory_not_equal(y, first, sizeof y);
    multiply(empty, STORE_KEEP, far, w, 0, M, want);
    multiply(s, STORE_TAKE, far, w, 0, M, y);
    assert_memory_equal(y, want, sizeof y);
    assert_memory_not_equal(y, first, sizeof y);
    multiply(s, STORE_SAME, far, w, 0, M, y); // kept by then
    assert_memory_equal(y, want, sizeof y);
    product_store_free(empty);
    product_store_free(s);
}

// Rows that are no numbers are near nothing, and the same as themselves.
static void no_numbers(void **state) {
    float x[K] = {0}, w[K * N], y[N];
    if (!quick_is_other()) return;
    for (size_t i = 0; i < K * N; i++) w[i] = 1;
    x[3] = NAN;
    product_store *s = product_store_new(SIZE_MAX);
    multiply(s, STORE_KEEP, x, w, 0, 1, y);
    w[3 * N] = 0; // behind its back: seen where the product is computed
    x[3] = 2;
    multiply(s, STORE_TAKE, x, w, 0, 1, y);
    assert_true(y[0] == 0 && y[1] == 2);
    product_store_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(quick_is_near),
                                       cmocka_unit_test(sums_in_common),
                                       cmocka_unit_test(no_numbers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
