// State files: a sequence that is saved and taken up again goes on with the same bits; whatever is
// done to a file is noticed and changes nothing.
#define _GNU_SOURCE // memmem
#include "tests/sim/state_program.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { WIDTH = SP_ROW };

static void load(sim *s, uint32_t bank, const uint8_t *data, size_t n) {
    diag_sink *diags = diag_sink_new();
    if (!sim_state_load(s, bank, "x.state", data, n, diags)) diag_print(diags, 0, stderr, false);
    assert_int_equal(diag_count(diags), 0);
    diag_sink_free(diags);
}

// Exactly one finding, which says `text`; the state stays what it was.
static void refuses(sim *s, const void *data, size_t n, const char *text) {
    size_t before_bytes, after_bytes;
    bool stream = strstr(text, "whole sequences") == NULL;
    uint8_t *before = stream ? state_bytes(s, 0, &before_bytes) : NULL;
    diag_sink *diags = diag_sink_new();
    sim_state_note note;
    assert_false(sim_state_check(s, "x.state", data, n, &note, diags));
    assert_false(sim_state_load(s, 0, "x.state", data, n, diags));
    assert_int_equal(diag_errors(diags), 2); // of the same words, which are kept once
    assert_int_equal(diag_count(diags), 1);
    assert_int_equal(diag_get(diags, 0)->id, DIAG_ID_sim_state);
    if (!strstr(diag_get(diags, 0)->message, text))
        fail_msg("'%s' is not what is said: %s", text, diag_get(diags, 0)->message);
    diag_sink_free(diags);
    if (!stream) return;
    uint8_t *after = state_bytes(s, 0, &after_bytes);
    assert_int_equal(before_bytes, after_bytes);
    assert_memory_equal(before, after, after_bytes);
    free(before);
    free(after);
}

// Saved anywhere (before, at and behind the ring's wraps), loaded into a simulator that has seen
// something else, into the other bank, other chunks: the bits of the uninterrupted run.
static void test_same_bits(void **state) {
    state_data d = state_data_make(1), other = state_data_make(2);
    float want[SP_TOKENS * WIDTH], got[WIDTH * SP_TOKENS];
    build b = state_program(0.7f);
    sim *whole = build_sim(&b, 1, false);
    assert_true(state_feed(whole, 0, &d, 0, SP_TOKENS, true, want, b.diags));
    for (int at = 0; at <= SP_TOKENS; at++)
        for (uint32_t bank = 0; bank < SP_BANKS; bank++) {
            random_stream cuts = random_test((uint64_t)at);
            sim *first = build_sim(&b, 1, false), *second = build_sim(&b, 2, false);
            for (int t = 0, n; t < at; t += n) {
                n = (int)min_i64(at - t, random_in(&cuts, 1, 9));
                assert_true(state_feed(first, 0, &d, t, n, t == 0, got, b.diags));
            }
            size_t bytes, again_bytes;
            uint8_t *saved = state_bytes(first, 0, &bytes);
            sim_free(first);
            assert_true(state_feed(second, bank, &other, 0, 1 + at / 2, true, got, b.diags));
            load(second, bank, saved, bytes);
            assert_int_equal(sim_pos(second, bank), at);
            uint8_t *again = state_bytes(second, bank, &again_bytes);
            assert_int_equal(bytes, again_bytes);
            assert_memory_equal(saved, again, bytes);
            for (int t = at, n; t < SP_TOKENS; t += n) {
                n = (int)min_i64(SP_TOKENS - t, random_in(&cuts, 1, 9));
                assert_true(state_feed(second, bank, &d, t, n, false, got, b.diags));
                assert_memory_equal(got, want + t * WIDTH, (size_t)n * WIDTH * sizeof *got);
            }
            free(saved);
            free(again);
            sim_free(second);
        }
    sim_free(whole);
    build_free(&b);
}

// What a state file holds does not depend on how the sequence was cut, on threads, or on what the
// machine did before.
static void test_same_bytes(void **state) {
    state_data d = state_data_make(3), other = state_data_make(4);
    float got[WIDTH * SP_TOKENS];
    build b = state_program(0.7f);
    size_t bytes, other_bytes;
    sim *one = build_sim(&b, 1, false), *two = build_sim(&b, 3, false);
    assert_true(state_feed(one, 0, &d, 0, 17, true, got, b.diags));
    uint8_t *saved = state_bytes(one, 0, &bytes);
    assert_true(state_feed(two, 1, &other, 0, 33, true, got, b.diags));
    for (int t = 0; t < 17; t++) assert_true(state_feed(two, 1, &d, t, 1, t == 0, got, b.diags));
    uint8_t *same = state_bytes(two, 1, &other_bytes);
    assert_int_equal(bytes, other_bytes);
    assert_memory_equal(saved, same, bytes);
    // Three rings of at most six slots: eight bytes of position, then six numbers, or those and
    // their sizes, or codes.
    assert_true(bytes < 250 + 6 * (32 + 48 + 14) + 200);
    free(saved);
    free(same);
    sim_free(one);
    sim_free(two);
    build_free(&b);
}

static void seal(uint8_t *data, size_t n) {
    uint64_t sum = file_hash64(data, n - 8);
    for (int i = 0; i < 8; i++) data[n - 8 + (size_t)i] = (uint8_t)(sum >> 8 * i);
}

static void test_damage(void **state) {
    state_data d = state_data_make(5);
    float got[WIDTH * SP_TOKENS];
    build b = state_program(0.7f);
    sim *s = build_sim(&b, 1, false);
    assert_true(state_feed(s, 0, &d, 0, 11, true, got, b.diags));
    size_t n;
    uint8_t *data = state_bytes(s, 0, &n), *longer = base_calloc(n + 1, 1);
    assert_true(state_feed(s, 0, &d, 11, 3, false, got, b.diags)); // not what the file says
    for (size_t i = 0; i < n; i++)
        for (int bit = 0; bit < 8; bit++) {
            data[i] ^= (uint8_t)(1u << bit);
            refuses(s, data, n, "state file");
            data[i] ^= (uint8_t)(1u << bit);
        }
    for (size_t cut = 0; cut < n; cut++)
        refuses(s, data, cut, cut ? "the state file is cut off" : "no state file");
    memcpy(longer, data, n);
    refuses(s, longer, n + 1, "the state file is damaged");
    free(longer);
    refuses(s,
            "\x7f"
            "ELF is another kind of file",
            31, "no state file: it does not begin with OHMSTATE");
    data[n / 2]++;
    refuses(s, data, n, "does not match its checksum");
    data[n / 2]--;
    data[8] = 2;
    seal(data, n);
    refuses(s, data, n, "a state file of version 2, this ohmic reads version 1");
    data[8] = 1;
    seal(data, n);
    load(s, 0, data, n);
    assert_int_equal(sim_pos(s, 0), 11);
    // Sealed, but impossible: a position beyond max_tokens.
    const uint8_t eleven[8] = {11};
    uint8_t *pos = memmem(data, n, eleven, 8);
    assert_non_null(pos);
    pos[0] = SP_TOKENS + 1;
    seal(data, n);
    refuses(s, data, n, "a state the program cannot reach");
    free(data);
    sim_free(s);
    build_free(&b);
}

static void test_other_programs(void **state) {
    state_data d = state_data_make(6);
    float got[WIDTH * SP_TOKENS];
    build b = state_program(0.7f), other = state_program(0.8f), same = state_program(0.7f);
    same.p->ports[0].name = isa_program_string(same.p, "another name");
    sim *s = build_sim(&b, 1, false), *t = build_sim(&other, 1, false),
        *u = build_sim(&same, 1, false);
    assert_true(state_feed(s, 0, &d, 0, 5, true, got, b.diags));
    size_t n;
    uint8_t *data = state_bytes(s, 0, &n);
    refuses(t, data, n, "the state of another program: it was saved by 'small.ohm'");
    refuses(t, data, n, "chip test, compiled by ohmic of the test");
    load(u, 0, data, n); // names do not decide what is computed
    sim_state_note note;
    assert_true(sim_state_check(u, "x.state", data, n, &note, NULL));
    assert_int_equal(note.host_bytes, 10);
    assert_memory_equal(note.host, "the host's", 10);
    sim_free(u);
    build_free(&same);
    sim_free(t);
    build_free(&other);

    build w = build_new(ISA_WHOLE, 4, 4);
    build_out(&w, "y", build_in(&w, "x", ISA_F32, 2));
    sim *v = build_sim(&w, 1, false);
    refuses(v, data, n, "the program takes whole sequences");
    diag_sink *diags = diag_sink_new();
    assert_false(sim_state_save(v, 0, &note, stdout, diags));
    assert_int_equal(diag_count(diags), 1);
    diag_sink_free(diags);
    sim_free(v);
    build_free(&w);
    free(data);
    sim_free(s);
    build_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_same_bytes),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_other_programs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
