// num/philox.h and num/random.h: the published vectors, every path against the plain function, and
// what sequences promise.
#include "tests/random.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
// cmocka.h needs some of the above
#include <cmocka.h>

// The three vectors of philox4x32 with 10 rounds in tests/kat_vectors of Random123 (D. E. Shaw
// Research, https://github.com/DEShawResearch/random123).
static const struct {
    philox_block counter;
    philox_key key;
    philox_block bits;
} known[] = {
    {{{0, 0, 0, 0}}, {{0, 0}}, {{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}}},
    {{{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}},
     {{0xffffffff, 0xffffffff}},
     {{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}}},
    {{{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}},
     {{0xa4093822, 0x299f31d0}},
     {{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}}},
};

static void published_vectors(void **state) {
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        philox_block got = philox(known[i].key, known[i].counter);
        assert_memory_equal(&got, &known[i].bits, sizeof got);
        for (int p = 0; p < SIMD_PATHS; p++) { // first of many, so that vectors are used
            uint32_t bits[256];
            if (!simd_has((simd_path)p)) continue;
            philox_fill_by((simd_path)p, known[i].key, known[i].counter, bits, ARRAY_LEN(bits));
            assert_memory_equal(bits, &known[i].bits, sizeof known[i].bits);
        }
    }
}

// Any length; counters that run over, also in all words.
static void paths_equal_blocks(void **state) {
    random_stream r = random_test(1);
    int ran_over = 0;
    for (int p = 0; p < SIMD_PATHS; p++) {
        if (!simd_has((simd_path)p)) continue;
        for (int k = 0; k < 3000; k++) {
            philox_key key = {{random_u32(&r), random_u32(&r)}};
            philox_block c = {{UINT32_MAX - (uint32_t)random_below(&r, 60)}};
            for (int w = 1; w < 4; w++) c.word[w] = random_below(&r, 4) ? UINT32_MAX : 5;
            uint32_t bits[330];
            size_t n = random_below(&r, 321);
            memset(bits, 0x5a, sizeof bits);
            philox_fill_by((simd_path)p, key, c, bits, n);
            for (size_t i = 0; i < n; i += 4) {
                philox_block want = philox(key, c);
                size_t words = n - i < 4 ? n - i : 4;
                if (memcmp(bits + i, &want, words * sizeof *bits) != 0)
                    fail_msg("%s, %zu words: other bits from word %zu on", simd_name((simd_path)p),
                             n, i);
                int w = 0;
                while (w < 4 && ++c.word[w] == 0) w++;
                ran_over += w == 4;
            }
            for (size_t i = n; i < ARRAY_LEN(bits); i++) assert_int_equal(bits[i], 0x5a5a5a5a);
        }
    }
    assert_true(ran_over > 100);
    uint32_t best[100], plain[100];
    philox_fill(philox_key_of(3), philox_counter(4, 5), best, 100);
    philox_fill_by(SIMD_PORTABLE, philox_key_of(3), philox_counter(4, 5), plain, 100);
    assert_memory_equal(best, plain, sizeof best);
}

// A sequence is the blocks of its counters; a place in it is found again; seed, use and index each
// make another one.
static void sequences(void **state) {
    random_stream r = random_of(0x123456789abcdef0, RANDOM_TEST, 7);
    uint32_t words[50];
    philox_fill(philox_key_of(0x123456789abcdef0), (philox_block){{0, 0, 7, RANDOM_TEST}}, words,
                50);
    for (size_t i = 0; i < 50; i++) assert_int_equal(random_u32(&r), words[i]);
    for (size_t i = 0; i < 50; i++) {
        random_stream again = random_of(0x123456789abcdef0, RANDOM_TEST, 7);
        random_seek(&again, i);
        assert_int_equal(again.drawn, i);
        assert_int_equal(random_u32(&again), words[i]);
    }
    random_seek(&r, 4 * (1ull << 32) - 1); // the counter goes on in its second word
    philox_block last = philox(r.key, (philox_block){{UINT32_MAX, 0, 7, RANDOM_TEST}}),
                 next = philox(r.key, (philox_block){{0, 1, 7, RANDOM_TEST}});
    assert_int_equal(random_u32(&r), last.word[3]);
    assert_int_equal(random_u32(&r), next.word[0]);
    random_stream other[] = {random_of(1, RANDOM_TEST, 0), random_of(1, RANDOM_TEST, 1),
                             random_of(1, RANDOM_ORDER, 0), random_of(2, RANDOM_TEST, 0),
                             random_of(1ull << 32 | 1, RANDOM_TEST, 0)};
    uint64_t first[ARRAY_LEN(other)];
    for (size_t i = 0; i < ARRAY_LEN(other); i++) {
        first[i] = random_u64(&other[i]);
        for (size_t k = 0; k < i; k++) assert_true(first[i] != first[k]);
    }
}

static void mappings(void **state) {
    assert_true(random_f32_of(0) == 0 && random_f32_of(0xff) == 0);
    assert_true(random_f32_of(0x100) == 0x1p-24f && random_f32_of(UINT32_MAX) == 1 - 0x1p-24f);
    assert_true(random_f64_of(0x7ff) == 0 && random_f64_of(0x800) == 0x1p-53);
    assert_true(random_f64_of(UINT64_MAX) == 1 - 0x1p-53);
    random_stream r = random_test(1), same = r;
    uint32_t low = random_u32(&same), high = random_u32(&same);
    assert_true(random_u64(&r) == ((uint64_t)high << 32 | low));
    assert_true(random_f64(&r) == random_f64_of(random_u64(&same)));
    assert_true(random_f32(&r) == random_f32_of(random_u32(&same)));
    uint64_t bits = random_u64(&same);
    assert_int_equal(random_below(&r, 1000), (bits >> 32) * 1000 >> 32); // but for 2^-32
    assert_int_equal(random_below(&r, 1), 0);
}

// Means, and the shares of 0 ... 6, within five deviations.
static void uniform(void **state) {
    enum { N = 100000, WAYS = 7 };
    random_stream r = random_test(2);
    double sum = 0, sum32 = 0;
    int count[WAYS] = {0};
    for (int i = 0; i < N; i++) {
        sum += random_f64(&r);
        sum32 += (double)random_f32(&r);
        count[random_below(&r, WAYS)]++;
    }
    double far = 5 * 0.2887 / 316.2; // the deviation of a uniform number, sqrt(N)
    assert_true(sum / N > 0.5 - far && sum / N < 0.5 + far);
    assert_true(sum32 / N > 0.5 - far && sum32 / N < 0.5 + far);
    for (int i = 0; i < WAYS; i++)
        assert_in_range(count[i], N / WAYS - 5 * 111, N / WAYS + 5 * 111);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_vectors), cmocka_unit_test(paths_equal_blocks),
        cmocka_unit_test(sequences),         cmocka_unit_test(mappings),
        cmocka_unit_test(uniform),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
