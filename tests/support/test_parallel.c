// parallel_for: every index once, on any number of threads, also inside another loop and from two
// callers at once.
#include "support/parallel.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct {
    unsigned char *count;
    int inner; // threads of a loop inside
} marks;

static void mark(void *ctx, size_t begin, size_t end) {
    marks *m = ctx;
    for (size_t i = begin; i < end; i++) m->count[i]++;
}

static void nested(void *ctx, size_t begin, size_t end) {
    marks *m = ctx;
    marks rows = {.count = m->count + begin * 10};
    parallel_for(m->inner, (end - begin) * 10, 1, mark, &rows);
}

static void all_once(const unsigned char *count, size_t n) {
    for (size_t i = 0; i < n; i++) assert_int_equal(count[i], 1);
}

static void test_every_index_once(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 2, 7, 64, 1000, 12345};
    for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
        for (int threads = 0; threads < 9; threads++) {
            for (size_t grain = 0; grain < 70; grain += 23) {
                marks m = {.count = base_calloc(sizes[s] + 1, 1)};
                parallel_for(threads, sizes[s], grain, mark, &m);
                all_once(m.count, sizes[s]);
                free(m.count);
            }
        }
    }
}

static void test_many_small_loops(void **state) {
    (void)state;
    unsigned char count[64];
    for (int i = 0; i < 20000; i++) {
        memset(count, 0, sizeof count);
        marks m = {.count = count};
        parallel_for(2 + i % 3, sizeof count, 1, mark, &m);
        all_once(count, sizeof count);
    }
}

static void test_loop_in_loop(void **state) {
    (void)state;
    marks m = {.count = base_calloc(1000, 1), .inner = 4};
    parallel_for(3, 100, 1, nested, &m);
    all_once(m.count, 1000);
    free(m.count);
}

static void *caller(void *arg) {
    for (int i = 0; i < 2000; i++) {
        unsigned char count[100] = {0};
        marks m = {.count = count};
        parallel_for(2, sizeof count, 1, mark, &m);
        for (size_t k = 0; k < sizeof count; k++)
            if (count[k] != 1) *(int *)arg = 1;
    }
    return NULL;
}

static void test_two_callers(void **state) {
    (void)state;
    pthread_t t[2];
    int wrong[2] = {0};
    for (int i = 0; i < 2; i++) assert_int_equal(pthread_create(&t[i], NULL, caller, &wrong[i]), 0);
    for (int i = 0; i < 2; i++) pthread_join(t[i], NULL);
    assert_int_equal(wrong[0] + wrong[1], 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_index_once),
        cmocka_unit_test(test_many_small_loops),
        cmocka_unit_test(test_loop_in_loop),
        cmocka_unit_test(test_two_callers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
