// host/host.h on small programs in the interpreter: batches, padding, chunks, caches, images,
// outputs with two token axes, and what is refused.
#include "tests/host/host_tensors.h"

// ---- running ---------------------------------------------------------------------------------

typedef struct {
    ir_module *module;
    engine *engine;
    diag_sink *diags;
} machine_under_test;

static machine_under_test open_text(const char *text) {
    machine_under_test m = {.diags = diag_sink_new()};
    m.module = ir_parse(text, strlen(text), "tiny.oir", NULL, NULL, NULL, m.diags);
    if (m.module && ir_verify(m.module, "tiny.oir", m.diags))
        m.engine = engine_of_module(m.module, 1, m.diags);
    if (!m.engine) diag_print(m.diags, 0, stderr, false);
    assert_non_null(m.engine);
    return m;
}

static machine_under_test open_tiny(tiny t) { return open_text(tiny_text(a, &t)); }

static void close_machine(machine_under_test *m) {
    engine_free(m->engine);
    ir_module_free(m->module);
    diag_sink_free(m->diags);
}

static tensor_set run(machine_under_test *m, tensor_set in) {
    tensor_set out = {0};
    bool ok = host_run(m->engine, &in, NULL, a, &out, m->diags);
    if (!ok) diag_print(m->diags, 0, stderr, false);
    assert_true(ok);
    return out;
}

static void refused(machine_under_test *m, tensor_set in, const char *message) {
    tensor_set out;
    size_t from = diag_count(m->diags);
    assert_false(host_run(m->engine, &in, NULL, a, &out, m->diags));
    for (size_t i = from; i < diag_count(m->diags); i++)
        if (strcmp(diag_get(m->diags, i)->message, message) == 0) return;
    diag_print(m->diags, from, stderr, false);
    fail_msg("expected: %s", message);
}

static const int64_t text[11] = {3, 1, 4, 1, 5, 2, 6, 5, 3, 5, 7};

// ---- sequences -------------------------------------------------------------------------------

static void chunks_do_not_matter(void **state) {
    machine_under_test m = open_tiny((tiny){.class_name = "stream", .positions_table = true});
    tensor_set all = run(&m, ids_and_mask(ints(1, 11, text), ones(1, 11)));
    const tensor *x = output(&all, "logits");
    assert_string_equal(tensor_shape_text(a, x), "f32[1,11,4]");
    host_text t;
    assert_true(host_text_open(&t, m.engine, m.diags));
    for (int64_t i = 0; i < 11; i++) {
        int32_t id = (int32_t)text[i];
        tensor logits;
        assert_true(host_text_step(&t, i == 0, &id, 1, a, &logits, m.diags));
        assert_memory_equal(logits.data, row(x, 0, i), 4 * sizeof(float));
    }
    assert_int_equal(t.pos, 11);
    close_machine(&m);
}

static void padding_changes_nothing(void **state) {
    for (int whole = 0; whole < 2; whole++) {
        machine_under_test m = open_tiny((tiny){.class_name = whole ? "whole" : "stream"});
        tensor_set alone = run(&m, ids_and_mask(ints(1, 5, text), ones(1, 5)));
        // right and left padding; what stands there is no legal id
        tensor ids = ints(2, 7, (int64_t[]){3, 1, 4, 1, 5, -100, 99, -100, 99, 3, 1, 4, 1, 5});
        tensor mask = ints(2, 7, (int64_t[]){1, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1, 1});
        tensor_set out = run(&m, ids_and_mask(ids, mask));
        const tensor *x = output(&out, "logits"), *y = output(&alone, "logits");
        assert_string_equal(tensor_shape_text(a, x), "f32[2,7,4]");
        same_rows(x, 0, 0, y, 0, 0, 5);
        same_rows(x, 1, 2, y, 0, 0, 5);
        static const float zeros[8];
        assert_memory_equal(row(x, 0, 5), zeros, sizeof zeros);
        assert_memory_equal(row(x, 1, 0), zeros, sizeof zeros);
        close_machine(&m);
    }
}

// Positions of the program's own count left padding, as the model's did; given ones do not.
static void left_padding_and_positions(void **state) {
    machine_under_test own = open_tiny((tiny){.class_name = "stream", .positions_table = true});
    machine_under_test whole = open_tiny((tiny){.class_name = "whole", .positions_table = true});
    machine_under_test given =
        open_tiny((tiny){.class_name = "stream", .positions_table = true, .position_ids = true});
    tensor ids = ints(1, 5, (int64_t[]){0, 0, 3, 1, 4});
    tensor mask = ints(1, 5, (int64_t[]){0, 0, 1, 1, 1});
    tensor_set x = run(&own, ids_and_mask(ids, mask)), w = run(&whole, ids_and_mask(ids, mask));
    const char *names[] = {"input_ids", "attention_mask", "position_ids"};
    tensor_set y = run(
        &given, set_of(3, names, (tensor[]){ids, mask, ints(1, 5, (int64_t[]){0, 0, 2, 3, 4})}));
    tensor_set z = run(
        &given, set_of(3, names,
                       (tensor[]){ints(1, 3, text), ones(1, 3), ints(1, 3, (int64_t[]){2, 3, 4})}));
    same_rows(output(&x, "logits"), 0, 2, output(&y, "logits"), 0, 2, 3);
    same_rows(output(&y, "logits"), 0, 2, output(&z, "logits"), 0, 0, 3);
    // the last token sees the same in a causal and a full attention
    same_rows(output(&w, "logits"), 0, 4, output(&y, "logits"), 0, 4, 1);
    close_machine(&own);
    close_machine(&whole);
    close_machine(&given);
}

static void a_sequence_without_tokens(void **state) {
    machine_under_test m = open_tiny((tiny){.class_name = "stream"});
    tensor_set out = run(&m, ids_and_mask(ints(2, 2, text), ints(2, 2, (int64_t[]){1, 1, 0, 0})));
    static const float zeros[8];
    assert_memory_equal(row(output(&out, "logits"), 1, 0), zeros, sizeof zeros);
    tensor_set none = run(&m, ids_and_mask(ints(1, 0, text), ones(1, 0)));
    assert_string_equal(tensor_shape_text(a, output(&none, "logits")), "f32[1,0,4]");
    close_machine(&m);
}

// ---- caches ----------------------------------------------------------------------------------

static tensor_set with_past(tensor ids, tensor mask, tensor k, tensor v) {
    return set_of(4, (const char *[]){"input_ids", "attention_mask", "past.key", "past.value"},
                  (tensor[]){ids, mask, k, v});
}

static void past_continues_a_sequence(void **state) {
    machine_under_test m =
        open_tiny((tiny){.class_name = "stream", .positions_table = true, .past = true});
    tensor empty = tensor_new(a, ELEM_f32, 4, (int64_t[]){1, 1, 0, 4});
    tensor_set all = run(&m, with_past(ints(1, 9, text), ones(1, 9), empty, empty));
    tensor_set none = run(&m, ids_and_mask(ints(1, 9, text), ones(1, 9))); // no cache: empty ones
    assert_true(tensor_equal_bits(output(&all, "logits"), output(&none, "logits")));
    tensor_set first = run(&m, ids_and_mask(ints(1, 6, text), ones(1, 6)));
    const tensor *k = output(&first, "present.key"), *v = output(&first, "present.value");
    assert_string_equal(tensor_shape_text(a, k), "f32[1,1,6,4]");
    tensor_set rest = run(&m, with_past(ints(1, 3, text + 6), ones(1, 9), *k, *v));
    same_rows(output(&rest, "logits"), 0, 0, output(&all, "logits"), 0, 6, 3);
    assert_true(tensor_equal_bits(output(&rest, "present.key"), output(&all, "present.key")));
    assert_true(tensor_equal_bits(output(&rest, "present.value"), output(&all, "present.value")));
    close_machine(&m);
}

static void padded_past(void **state) {
    machine_under_test m = open_tiny((tiny){.class_name = "stream", .past = true});
    tensor_set first = run(&m, ids_and_mask(ints(1, 4, text), ones(1, 4)));
    const tensor *k = output(&first, "present.key");
    tensor_set plain = run(&m, with_past(ints(1, 2, text + 4), ones(1, 6), *k, *k));
    tensor wide = tensor_new(a, ELEM_f32, 4, (int64_t[]){1, 1, 6, 4});
    for (int i = 0; i < 8; i++) ((float *)wide.data)[i] = 1e6f; // padding
    memcpy((float *)wide.data + 8, k->data, 16 * sizeof(float));
    tensor mask = ints(1, 8, (int64_t[]){0, 0, 1, 1, 1, 1, 1, 1});
    tensor_set out = run(&m, with_past(ints(1, 2, text + 4), mask, wide, wide));
    same_rows(output(&out, "logits"), 0, 0, output(&plain, "logits"), 0, 0, 2);
    close_machine(&m);
}

// ---- other shapes ----------------------------------------------------------------------------

static void attention_probabilities(void **state) {
    machine_under_test m = open_tiny((tiny){.class_name = "whole", .scores = true});
    tensor mask = ints(2, 4, (int64_t[]){1, 1, 1, 0, 0, 1, 1, 1});
    tensor ids = ints(2, 4, (int64_t[]){3, 1, 4, 0, 0, 3, 1, 4});
    tensor_set out = run(&m, ids_and_mask(ids, mask));
    const tensor *p = output(&out, "attn");
    assert_string_equal(tensor_shape_text(a, p), "f32[2,1,4,4]");
    const float *x = p->data;
    for (int q = 0; q < 3; q++) {
        float sum = x[q * 4] + x[q * 4 + 1] + x[q * 4 + 2];
        assert_true(sum > 0.999f && sum < 1.001f && x[q * 4 + 3] == 0);
        for (int k = 0; k < 3; k++) // the other sequence is the same, one token later
            assert_true(x[q * 4 + k] == x[16 + (q + 1) * 4 + k + 1]);
    }
    close_machine(&m);
}

static void image_patches(void **state) {
    machine_under_test m = open_text(
        "module {class = \"whole\", max_chunk = 4, max_tokens = 4, stage = \"graph\"}\n"
        "domain t0 {fixed = 4, kind = \"free\", max = 4}\n"
        "func @run(%x \"image\" : f32[t0,8] {layout = \"im2row c=2 h=4 w=4 kh=2 kw=2 sh=2 sw=2\", "
        "onnx_shape = [\"1\", \"2\", \"4\", \"4\"], onnx_type = \"f32\", role = \"tokens\"}) -> "
        "(%y \"patches\" {onnx_shape = [\"1\", \"8\", \"t0\"], onnx_type = \"f32\"}) {\n"
        "  %y = t.add %x, %x : f32[t0,8]\n}\n");
    tensor image = tensor_new(a, ELEM_f32, 4, (int64_t[]){2, 2, 4, 4});
    for (int i = 0; i < 64; i++) ((float *)image.data)[i] = (float)i;
    tensor_set out = run(&m, set_of(1, (const char *[]){"image"}, &image));
    const tensor *y = output(&out, "patches");
    assert_string_equal(tensor_shape_text(a, y), "f32[2,8,4]"); // columns first
    for (int b = 0; b < 2; b++)
        for (int c = 0; c < 8; c++)
            for (int r = 0; r < 4; r++) {
                int at = b * 32 + c / 4 * 16 + (r / 2 * 2 + c / 2 % 2) * 4 + r % 2 * 2 + c % 2;
                assert_true(((float *)y->data)[(b * 8 + c) * 4 + r] == 2.0f * (float)at);
            }
    refused(&m, set_of(1, (const char *[]){"image"}, (tensor[]){ints(1, 4, text)}),
            "input 'image' is i64[1,4], expected f32[batch,2,4,4]");
    close_machine(&m);
}

// Tokens first, no batch axis, and an axis that counts tokens times features.
static void composite_axes(void **state) {
    machine_under_test m =
        open_text("module {class = \"stream\", max_chunk = 2, max_tokens = 8, stage = \"graph\"}\n"
                  "domain t0 {kind = \"free\", max = 8}\n"
                  "func @run(%x \"x\" : f32[t0,6] {onnx_shape = [\"t0\", \"6\"], onnx_type = "
                  "\"f32\"}) -> (%y "
                  "\"y\" {onnx_shape = [\"3\", \"2*t0\"], onnx_type = \"f16\"}) {\n"
                  "  %y = t.add %x, %x : f32[t0,6]\n}\n");
    tensor x = tensor_new(a, ELEM_f32, 2, (int64_t[]){5, 6});
    for (int i = 0; i < 30; i++) ((float *)x.data)[i] = (float)i;
    tensor_set out = run(&m, set_of(1, (const char *[]){"x"}, &x));
    const tensor *y = output(&out, "y");
    assert_string_equal(tensor_shape_text(a, y), "f16[3,10]");
    for (size_t i = 0; i < 3; i++)
        for (size_t k = 0; k < 2; k++)
            for (size_t t = 0; t < 5; t++)
                assert_true(elem_load_f64(ELEM_f16, y->data, i * 10 + k * 5 + t) ==
                            (double)(2 * (t * 6 + i * 2 + k)));
    close_machine(&m);
}

// ---- refusals --------------------------------------------------------------------------------

static void refusals(void **state) {
    machine_under_test m = open_tiny((tiny){.class_name = "stream", .past = true});
    refused(&m, ids_and_mask(ints(1, 5, text), ints(1, 5, (int64_t[]){1, 1, 0, 1, 1})),
            "mask 'attention_mask' has a hole at position 2 of sequence 0: only padding before or "
            "after a sequence can be run");
    refused(&m, ids_and_mask(ints(1, 2, text), ints(1, 2, (int64_t[]){1, 3})),
            "mask 'attention_mask' is 3 at position 1 of sequence 0, expected 0 or 1");
    refused(&m, ids_and_mask(ints(1, 3, (int64_t[]){1, 8, 2}), ones(1, 3)),
            "input 'input_ids' is 8 at token 1 of sequence 0, outside [0, 8)");
    refused(&m, set_of(1, (const char *[]){"input_ids"}, (tensor[]){ones(1, 2)}),
            "missing input 'attention_mask'");
    refused(&m,
            set_of(3, (const char *[]){"input_ids", "attention_mask", "token_types"},
                   (tensor[]){ones(1, 2), ones(1, 2), ones(1, 2)}),
            "the program has no input 'token_types'; its inputs are input_ids, attention_mask, "
            "past.key, past.value");
    tensor f = tensor_new(a, ELEM_f32, 2, (int64_t[]){1, 2});
    refused(&m, ids_and_mask(f, ones(1, 2)),
            "input 'input_ids' is f32[1,2], expected i64[batch,tokens]");
    refused(&m, ids_and_mask(ones(1, 3), ones(1, 2)),
            "input 'attention_mask' has 2 tokens, 'input_ids' has 3");
    refused(&m, ids_and_mask(ones(2, 3), ones(3, 3)),
            "input 'attention_mask' holds 3 sequences, 'input_ids' 2");
    refused(&m, ids_and_mask(ones(1, 17), ones(1, 17)),
            "sequence 0 reaches 17 tokens, the program was compiled for 16: compile with "
            "--max-tokens 17 or more");
    tensor k = tensor_new(a, ELEM_f32, 4, (int64_t[]){1, 1, 5, 4});
    refused(&m, with_past(ones(1, 2), ones(1, 2), k, k),
            "mask 'attention_mask' covers 2 tokens, expected 7: 5 past and 2 new");
    tensor wrong = tensor_new(a, ELEM_f32, 4, (int64_t[]){1, 2, 5, 4});
    refused(&m, with_past(ones(1, 2), ones(1, 7), k, wrong),
            "input 'past.value' is f32[1,2,5,4], expected f32[batch,1,past,4]");
    tensor other = tensor_new(a, ELEM_f32, 4, (int64_t[]){1, 1, 4, 4});
    refused(&m, with_past(ones(1, 2), ones(1, 7), k, other),
            "input 'past.value' holds 4 tokens of 1 sequences, other caches 5 of 1");
    refused(&m,
            set_of(3, (const char *[]){"input_ids", "attention_mask", "past.key"},
                   (tensor[]){ones(1, 2), ones(1, 7), k}),
            "missing input 'past.value'");
    tensor_set out, in = ids_and_mask(ones(1, 2), ones(1, 2));
    host_options o = {.outputs = (const char *[]){"loss"}, .n_outputs = 1};
    assert_false(host_run(m.engine, &in, &o, a, &out, m.diags));
    assert_string_equal(diag_get(m.diags, diag_count(m.diags) - 1)->message,
                        "the program has no output 'loss'; its outputs are logits");
    host_text t;
    int32_t id = 9;
    tensor logits;
    assert_true(host_text_open(&t, m.engine, m.diags));
    assert_false(host_text_step(&t, true, &id, 1, a, &logits, m.diags));
    assert_string_equal(diag_get(m.diags, diag_count(m.diags) - 1)->message,
                        "token id 9 is outside [0, 8): is this the model's tokenizer?");
    close_machine(&m);
}

static void lengths_that_are_not_taken(void **state) {
    machine_under_test frozen = open_tiny((tiny){.class_name = "whole", .fixed = 6});
    tensor mask = ints(1, 6, (int64_t[]){1, 1, 1, 1, 0, 0});
    tensor_set padded = run(&frozen, ids_and_mask(ints(1, 6, text), mask));
    machine_under_test any = open_tiny((tiny){.class_name = "whole"});
    tensor_set four = run(&any, ids_and_mask(ints(1, 4, text), ones(1, 4)));
    same_rows(output(&padded, "logits"), 0, 0, output(&four, "logits"), 0, 0, 4);
    static const float zeros[8];
    assert_memory_equal(row(output(&padded, "logits"), 0, 4), zeros, sizeof zeros);
    close_machine(&any);
    refused(
        &frozen, ids_and_mask(ones(1, 5), ones(1, 5)),
        "the program takes sequences of exactly 6 tokens, as the model was exported; sequence 0 "
        "has 5");
    close_machine(&frozen);
    machine_under_test short_ring =
        open_tiny((tiny){.class_name = "stream", .past = true, .slots = 4});
    tensor_set in = ids_and_mask(ones(1, 6), ones(1, 6)), out;
    refused(&short_ring, in,
            "output 'present.key' cannot be read back: its ring holds the last 4 of 6 tokens "
            "(compile with --slots 6 to keep them, or name "
            "the outputs wanted with --output)");
    host_options o = {.skip_presents = true};
    assert_true(host_run(short_ring.engine, &in, &o, a, &out, short_ring.diags));
    close_machine(&short_ring);
}

static void inputs_that_are_not_read(void **state) {
    machine_under_test m = open_tiny((tiny){.class_name = "stream",
                                            .notes = "note \"input 'token_type_ids' is not read\"\n"
                                                     "note \"input 'position_ids' is taken to be "
                                                     "positions\"\n"});
    const char *names[] = {"input_ids", "attention_mask", "token_type_ids", "position_ids"};
    tensor two[] = {ints(1, 3, text), ones(1, 3), ones(1, 3), ints(1, 3, (int64_t[]){0, 1, 2})};
    run(&m, set_of(4, names, two));
    two[3] = ints(1, 3, (int64_t[]){0, 1, 5});
    refused(&m, set_of(4, names, two),
            "input 'position_ids' is 5 at token 2 of sequence 0: the program was compiled to count "
            "positions by itself");
    close_machine(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks_do_not_matter),
        cmocka_unit_test(padding_changes_nothing),
        cmocka_unit_test(left_padding_and_positions),
        cmocka_unit_test(a_sequence_without_tokens),
        cmocka_unit_test(past_continues_a_sequence),
        cmocka_unit_test(padded_past),
        cmocka_unit_test(attention_probabilities),
        cmocka_unit_test(image_patches),
        cmocka_unit_test(composite_axes),
        cmocka_unit_test(refusals),
        cmocka_unit_test(lengths_that_are_not_taken),
        cmocka_unit_test(inputs_that_are_not_read),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
