// What `ohmic generate` keeps in a state file: the layout it reads, and what it refuses.
#include "cli/generate/generate.h"
#include "support/file/bytes.h"
#include <setjmp.h>
#include <stdarg.h>
// cmocka.h needs some of the above
#include <cmocka.h>

// cli/generate/state.c: three ids, all fed, the next one sampled.
static bytes_out state_of(uint32_t version) {
    bytes_out b = {0};
    const int32_t ids[] = {5, 6, 7};
    bytes_put32(&b, version);
    bytes_put32(&b, 3);
    bytes_put32(&b, 2);
    bytes_put32(&b, 3);
    bytes_put32(&b, 9);
    bytes_put64(&b, 4);
    bytes_put_f64(&b, 0.5);
    bytes_put64(&b, 40);
    bytes_put_f64(&b, 0.75);
    bytes_put_f64(&b, 0.125);
    bytes_put_f64(&b, 1.5);
    bytes_put64(&b, 64);
    bytes_put64(&b, 11);
    bytes_put64(&b, 6);
    bytes_put_words(&b, ids, 3);
    return b;
}

static void layout(void **state) {
    bytes_out b = state_of(3);
    diag_sink *diags = diag_sink_new();
    generate_state s = {0};
    assert_true(generate_state_parse(b.items, b.count, "x.state", &s, diags));
    assert_int_equal(diag_count(diags), 0);
    assert_int_equal(s.ids.count, 3);
    assert_int_equal(s.ids.items[2], 7);
    assert_true(s.n_given == 2 && s.fed == 3 && s.next == 9 && s.shown == 4);
    const sampler *how = &s.sampler;
    assert_true(how->temperature == 0.5 && how->top_k == 40 && how->top_p == 0.75);
    assert_true(how->min_p == 0.125 && how->penalty == 1.5 && how->penalty_window == 64);
    assert_true(s.seed == 11 && s.drawn == 6);
    vec_free(&s.ids);
    diag_sink_free(diags);
    vec_free(&b);
}

static void refuses(const bytes_out *b, size_t n, const char *text) {
    diag_sink *diags = diag_sink_new();
    generate_state s = {0};
    assert_false(generate_state_parse(b->items, n, "x.state", &s, diags));
    assert_int_equal(diag_count(diags), 1);
    assert_int_equal(diag_get(diags, 0)->id, DIAG_ID_sim_state);
    if (!strstr(diag_get(diags, 0)->message, text))
        fail_msg("'%s' is not what is said: %s", text, diag_get(diags, 0)->message);
    vec_free(&s.ids);
    diag_sink_free(diags);
}

// Version 1 drew from another generator, version 2 knew no min-p and no penalty.
static void other_versions(void **state) {
    for (uint32_t version = 1; version <= 4; version++) {
        if (version == 3) continue;
        bytes_out b = state_of(version);
        refuses(&b, b.count,
                version == 1   ? "a text of version 1, this ohmic goes on with version 3: load it "
                                 "with the ohmic that saved it"
                : version == 2 ? "a text of version 2"
                               : "a text of version 4");
        vec_free(&b);
    }
}

static void strangers(void **state) {
    bytes_out b = state_of(3);
    for (size_t n = 0; n < b.count; n++) refuses(&b, n, "the state of no text");
    static const struct {
        size_t at;
        uint8_t byte;
    } damage[] = {{4, 4},         {8, 4},         {12, 2},        {28 + 7, 0xff}, {36 + 7, 0xff},
                  {44 + 7, 0xff}, {52 + 7, 0xff}, {60 + 7, 0xff}, {68 + 7, 0xff}};
    for (size_t i = 0; i < ARRAY_LEN(damage); i++) {
        uint8_t was = b.items[damage[i].at];
        b.items[damage[i].at] = damage[i].byte;
        refuses(&b, b.count, "the state of no text");
        b.items[damage[i].at] = was;
    }
    vec_push(&b, 0);
    refuses(&b, b.count, "the state of no text");
    vec_free(&b);
    b = (bytes_out){0};
    bytes_put(&b, "the host's", 10);
    refuses(&b, b.count, "the state of no text");
    vec_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(layout), cmocka_unit_test(other_versions),
                                       cmocka_unit_test(strangers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
