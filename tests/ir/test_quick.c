// Quick products: codes give the bits of exact ones, real numbers nearly; rows do not depend on how
// many there are.
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

static float *run(job *j, size_t m, bool quick, bool packs) {
    j->y = calloc(m * j->n, sizeof *j->y);
    product p = {.m = m,
                 .k = j->k,
                 .n = j->n,
                 .ctx = j,
                 .rows = rows,
                 .panel = panel,
                 .finish = finish,
                 .quick = quick,
                 .pack = packs ? pack : NULL};
    product_run(&p, 2);
    return j->y;
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
        free(want);
        free(got);
        free(same);
        free(one);
        free(j.a);
        free(j.w);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(quick_is_near)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
