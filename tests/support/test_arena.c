// arena.h, map.h, vec.h
#include "support/arena.h"
#include "support/map.h"
#include "support/vec.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
// cmocka.h needs some of the above
#include <cmocka.h>

static void memory_is_zeroed_aligned_and_apart(void **state) {
    arena *a = arena_new();
    static const size_t sizes[] = {0, 1, 15, 16, 17, 100, 5000, 70000, 3 << 20};
    VEC(uint8_t *) all = {0};
    for (int round = 0; round < 50; round++) {
        for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
            size_t align = (size_t)16 << (round % 5);
            uint8_t *p = arena_alloc_aligned(a, sizes[i], align);
            assert_int_equal((uintptr_t)p % align, 0);
            for (size_t k = 0; k < sizes[i]; k += k < 64 ? 1 : 61) assert_int_equal(p[k], 0);
            memset(p, round + 1, sizes[i]);
            vec_push(&all, p);
        }
    }
    for (size_t i = 0; i < all.count; i++) { // nobody wrote into anybody else's
        size_t n = sizes[i % ARRAY_LEN(sizes)];
        uint8_t want = (uint8_t)(i / ARRAY_LEN(sizes) + 1);
        if (n) assert_true(all.items[i][0] == want && all.items[i][n - 1] == want);
    }
    vec_free(&all);
    arena_free(a);
    arena_free(NULL);
}

static void strings_are_copied(void **state) {
    arena *a = arena_new();
    char text[] = "crossbar";
    char *s = arena_str(a, text), *part = arena_strn(a, text, 5);
    text[0] = 'X';
    assert_string_equal(s, "crossbar");
    assert_string_equal(part, "cross");
    assert_string_equal(arena_printf(a, "%s.%d", s, 7), "crossbar.7");
    assert_string_equal(arena_printf(a, "%*s", 100000, "x") + 99999, "x");
    assert_string_equal(arena_str(a, ""), "");
    arena_free(a);
}

static void maps_keep_insertion_order(void **state) {
    map *m = map_new();
    assert_int_equal(map_get(m, "nothing"), MAP_NONE);
    char key[32];
    for (uint32_t i = 0; i < 5000; i++) {
        snprintf(key, sizeof key, "key %u", i * 7919 % 5000);
        assert_int_equal(map_add(m, key, i), MAP_NONE);
        assert_int_equal(map_add(m, key, 1), i); // the first value stays
    }
    assert_int_equal(map_count(m), 5000);
    for (uint32_t i = 0; i < 5000; i++) {
        snprintf(key, sizeof key, "key %u", i * 7919 % 5000);
        assert_string_equal(map_key(m, i), key);
        assert_int_equal(map_get(m, key), i);
    }
    map_set(m, "key 3", 99);
    map_set(m, "", 100);
    assert_int_equal(map_get(m, "key 3"), 99);
    assert_int_equal(map_get(m, ""), 100);
    assert_int_equal(map_count(m), 5001);
    assert_int_equal(map_get(m, "key 5000"), MAP_NONE);
    map_free(m);
    map_free(NULL);
}

static void checked_arithmetic(void **state) {
    uint64_t r = 5;
    assert_false(mul_u64(UINT64_MAX, 2, &r));
    assert_false(add_u64(UINT64_MAX, 1, &r));
    assert_int_equal(r, 5);
    assert_true(mul_u64(1u << 31, 2, &r) && r == (uint64_t)1 << 32);
    assert_int_equal(ceil_div_i64(9, 4), 3);
    assert_int_equal(align_u64(65, 64), 128);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_aligned_and_apart),
        cmocka_unit_test(strings_are_copied),
        cmocka_unit_test(maps_keep_insertion_order),
        cmocka_unit_test(checked_arithmetic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
