// cli/generate/sampler.h: which tokens can be drawn, and how likely they become.
#include "cli/generate/sampler.h"
#include "support/num/num.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
// cmocka.h needs some of the above
#include <cmocka.h>

enum { N = 6, DRAWS = 4000 };

// How often each token is drawn.
static void count(sampler s, const float *logits, const int32_t *before, size_t n_before,
                  int drawn[N]) {
    s.draws = random_of(3, RANDOM_TOKENS, 0);
    memset(drawn, 0, N * sizeof *drawn);
    for (int i = 0; i < DRAWS; i++) drawn[sampler_next(&s, logits, N, before, n_before)]++;
}

static float log_of(double p) { return (float)num_log_f64(p); }

static void min_p_keeps_what_is_likely_beside_the_likeliest(void **state) {
    const float logits[N] = {log_of(0.4), log_of(0.3),  log_of(0.15),
                             log_of(0.1), log_of(0.04), log_of(0.01)};
    int drawn[N];
    sampler s = sampler_default;
    s.temperature = 1;
    s.min_p = 0.3; // at least 0.12
    count(s, logits, NULL, 0, drawn);
    assert_true(drawn[0] && drawn[1] && drawn[2] && !drawn[3] && !drawn[4] && !drawn[5]);
    assert_true(abs(drawn[0] - DRAWS * 40 / 85) < DRAWS / 20); // they share the rest
    s.min_p = 1;
    count(s, logits, NULL, 0, drawn);
    assert_int_equal(drawn[0], DRAWS);
    s.min_p = 0.3;
    s.top_p = 0.5; // fewer still
    count(s, logits, NULL, 0, drawn);
    assert_true(drawn[0] && drawn[1] && !drawn[2]);
    s.top_p = 1;
    s.temperature = 4; // flatter: of 0.01, 0.4 of the likeliest is left
    count(s, logits, NULL, 0, drawn);
    assert_true(drawn[4] && drawn[5]);
    s.min_p = 0; // nothing is left out, and the draws are those without min-p
    s.temperature = 1;
    count(s, logits, NULL, 0, drawn);
    assert_true(drawn[4] && drawn[5]);
}

static void what_occurred_becomes_less_likely(void **state) {
    const float logits[N] = {4, 3, 2, -1, -1.5f, -3};
    const int32_t before[] = {3, 0, 0, 77, -1}; // ids outside count for nothing
    sampler s = sampler_default;
    assert_int_equal(sampler_next(&s, logits, N, before, 5), 0);
    s.penalty = 1.5; // 4 becomes 2.67, -1 becomes -1.5
    assert_int_equal(sampler_next(&s, logits, N, before, 5), 1);
    s.penalty_window = 2; // 0 did not occur there
    assert_int_equal(sampler_next(&s, logits, N, before, 5), 0);
    s.penalty_window = 100;
    assert_int_equal(sampler_next(&s, logits, N, before, 5), 1);
    s.penalty = 0.5; // below 1 they become more likely: -1 becomes -0.5
    const float low[N] = {-5, -0.75f, -2, -1, -2, -3};
    assert_int_equal(sampler_next(&s, low, N, before, 1), 3);
    assert_true(logits[0] == 4 && low[3] == -1); // the caller's stay
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(min_p_keeps_what_is_likely_beside_the_likeliest),
        cmocka_unit_test(what_occurred_becomes_less_likely),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
