// Places on a line, and ranges between them, against arrays that are looked through.
#include "isa/depend/ranges.h"
#include "isa/places.h"
#include "tests/random.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 20000 };

static uint32_t some_end(random_stream *r) { // words end at 64, 4096, 262144
    static const uint32_t most[] = {3, 130, 4200, MOST};
    return 1 + (uint32_t)random_below(r, most[random_below(r, 4)]);
}

static uint32_t at_or_below(const bool *in, uint32_t end, uint32_t at) {
    for (uint32_t i = at + 1; i-- > 0;)
        if (in[i]) return i;
    return end;
}
static uint32_t behind(const bool *in, uint32_t end, uint32_t at) {
    for (uint32_t i = at + 1; i < end; i++)
        if (in[i]) return i;
    return end;
}

static void places(void **state) {
    random_stream r = random_test(random_seed(1));
    for (int n = 0; n < 200; n++) {
        static bool in[MOST];
        uint32_t end = some_end(&r);
        memset(in, 0, sizeof in);
        arena *a = arena_new();
        isa_places p = isa_places_new(a, end);
        for (int k = 0; k < 300; k++) {
            uint32_t at = (uint32_t)random_below(&r, end), ask = (uint32_t)random_below(&r, end);
            in[at] = random_below(&r, 5) > 1;
            in[at] ? isa_places_add(&p, at) : isa_places_remove(&p, at);
            assert_int_equal(isa_places_last(&p, ask), at_or_below(in, end, ask));
            assert_int_equal(isa_places_next(&p, ask), behind(in, end, ask));
        }
        arena_free(a);
    }
}

static void far_apart(void **state) {
    arena *a = arena_new();
    isa_places p = isa_places_new(a, 3000000);
    isa_places_add(&p, 7);
    isa_places_add(&p, 2999999);
    assert_int_equal(isa_places_next(&p, 7), 2999999);
    assert_int_equal(isa_places_last(&p, 2999998), 7);
    isa_places_remove(&p, 7);
    assert_int_equal(isa_places_last(&p, 2999998), 3000000);
    assert_int_equal(isa_places_next(&p, 2999999), 3000000);
    arena_free(a);
}

static void split_and_merge(void **state) {
    random_stream r = random_test(random_seed(2));
    for (int n = 0; n < 200; n++) {
        static bool begins[MOST];
        static int datum[MOST];
        uint32_t end = some_end(&r);
        memset(begins, 0, sizeof begins);
        begins[0] = true, datum[0] = 0;
        arena *a = arena_new();
        ranges line = ranges_new(a, end, sizeof(int));
        for (int k = 1; k < 300; k++) {
            uint32_t from = (uint32_t)random_below(&r, end);
            uint32_t until = from + (uint32_t)random_below(&r, end - from + 1);
            ranges_split(&line, from);
            datum[from] = datum[at_or_below(begins, end, from)];
            begins[from] = true;
            if (random_below(&r, 2)) {
                *(int *)ranges_at(&line, from) = datum[from] = k;
            } else {
                ranges_merge(&line, from, until);
                for (uint32_t i = from + 1; i < until; i++) begins[i] = false;
            }
            uint32_t ask = (uint32_t)random_below(&r, end);
            uint32_t begin = at_or_below(begins, end, ask);
            assert_int_equal(ranges_begin(&line, ask), begin);
            assert_int_equal(ranges_next(&line, ask), behind(begins, end, ask));
            assert_int_equal(*(int *)ranges_at(&line, begin), datum[begin]);
        }
        arena_free(a);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places),
        cmocka_unit_test(far_apart),
        cmocka_unit_test(split_and_merge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
