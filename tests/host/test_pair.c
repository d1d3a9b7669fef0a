// An encoder and a decoder on both engines: phases, lengths of their own, text behind a source; and
// other graphs that are compiled for it.
#include "backend/backend.h"
#include "host/program.h"
#include "isa/file/file.h"
#include "passes/pass.h"
#include "tests/host/host_tensors.h"
#include <unistd.h>

typedef struct {
    diag_sink *diags;
    ir_module *module; // mapped
    program_file file;
    engine *of[2]; // interpreter, simulator
} pair;

// A graph on tokens, compiled for chip ideal, in the interpreter and in the simulator.
static pair compile_pair(ir_module *graph, diag_sink *diags) {
    pair p = {.diags = diags};
    pass_options o = pass_options_default();
    pass_pipeline list = {0};
    isa_program *program = NULL;
    o.machine = machine_load(a, "ideal", NULL, 0, p.diags);
    pass_pipeline_parse(&list,
                        "tile-weights,split-attention,split-phases,route-digital,place,schedule,"
                        "allocate",
                        p.diags);
    p.module = pass_run_pipeline(&list, graph, &o, NULL, p.diags);
    if (p.module) program = be_emit(p.module, o.machine, "test", p.diags);
    const char *path = OHMIC_BUILD_DIR "/test_pair.ohm";
    if (program && isa_write(program, path, p.diags) && program_open(&p.file, path, a, p.diags)) {
        p.of[0] = engine_of_module(p.module, 1, p.diags);
        p.of[1] = engine_of_program(&p.file, &(sim_options){.threads = 1}, p.diags);
    }
    unlink(path);
    isa_program_free(program);
    ir_module_free(graph);
    vec_free(&list);
    if (!p.of[1]) diag_print(p.diags, 0, stderr, false);
    assert_non_null(p.of[1]);
    return p;
}

// tests/golden/3d.oir: 12 tokens for the encoder, chunks of 4 for the decoder.
static pair open_pair(void) {
    diag_sink *diags = diag_sink_new();
    ir_module *graph = ir_parse_file(OHMIC_SOURCE_DIR "/tests/golden/3d.oir", diags);
    assert_null(engine_of_module(graph, 1, diags)); // both in one function
    assert_non_null(strstr(diag_get(diags, 0)->message, "holds an encoder and its decoder"));
    return compile_pair(graph, diags);
}

static void close_pair(pair *p) {
    engine_free(p->of[0]);
    engine_free(p->of[1]);
    program_close(&p->file);
    ir_module_free(p->module);
    diag_sink_free(p->diags);
}

static tensor_set pair_inputs(tensor source, tensor mask, tensor target) {
    return set_of(3, (const char *[]){"input_ids", "attention_mask", "decoder_input_ids"},
                  (tensor[]){source, mask, target});
}

static tensor_set run_pair(pair *p, int which, tensor_set in) {
    tensor_set out = {0};
    bool ok = host_run(p->of[which], &in, NULL, a, &out, p->diags);
    if (!ok) diag_print(p->diags, 0, stderr, false);
    assert_true(ok);
    return out;
}

// A bias for every query and key, of a model at one length.
static void a_bias_of_every_pair(void **state) {
    (void)state;
    static const int64_t ids[] = {3, 1, 4, 1};
    tiny t = {.class_name = "whole", .fixed = 4};
    char *full = arena_str(a, tiny_text(a, &t)), *at = strstr(full, "bias = \"none\"");
    *at = 0;
    full =
        arena_printf(a, "%sbias = \"full\", table = @bias%s", full, at + strlen("bias = \"none\""));
    at = strstr(full, "ring @r");
    full = arena_printf(a,
                        "%.*stensor @bias : f32[1,4,4] = [0, 1, 2, 3, -1, 0.5, 4, -2, 0, 0, 3, 1, "
                        "2, -3, 1, 1]\n%s",
                        (int)(at - full), full, at);
    diag_sink *diags = diag_sink_new();
    ir_module *graph = ir_parse(full, strlen(full), "full", NULL, NULL, NULL, diags);
    if (!graph) diag_print(diags, 0, stderr, false);
    assert_non_null(graph);
    pair p = compile_pair(graph, diags);
    tensor_set out[2];
    for (int e = 0; e < 2; e++) {
        tensor_set in = ids_and_mask(ints(1, 4, ids), ones(1, 4));
        assert_true(host_run(p.of[e], &in, NULL, a, &out[e], diags));
    }
    assert_memory_equal(row(output(&out[0], "logits"), 0, 0), row(output(&out[1], "logits"), 0, 0),
                        4 * 4 * 4);
    close_pair(&p);
}

// Encoders of different lengths in one batch are as each alone; what pads them gives zeros; the
// decoder goes in steps of four.
static void an_encoder_and_its_decoder(void **state) {
    (void)state;
    static const int64_t source[] = {1, 2, 3, 4, 5, 5, 3, 2, 0, 0},
                         mask[] = {1, 1, 1, 1, 1, 1, 1, 1, 0, 0},
                         target[] = {0, 5, 4, 3, 2, 1, 0, 3, 1, 4, 1, 5};
    pair p = open_pair();
    assert_true(engine_describe(p.of[1])->has_encoder);
    assert_int_equal(engine_describe(p.of[1])->max_encoder, 12);
    assert_int_equal(engine_describe(p.of[1])->max_chunk, 4);
    tensor_set both[2];
    for (int e = 0; e < 2; e++) {
        both[e] =
            run_pair(&p, e, pair_inputs(ints(2, 5, source), ints(2, 5, mask), ints(2, 6, target)));
        const tensor *logits = output(&both[e], "logits"),
                     *memory = output(&both[e], "encoder_last_hidden_state");
        assert_int_equal(logits->dim[1], 6);
        assert_int_equal(memory->dim[1], 5);
        assert_true(row(memory, 1, 2)[0] != 0);
        for (int i = 0; i < 4; i++) assert_true(row(memory, 1, 3)[i] == 0);
        tensor_set alone = run_pair(
            &p, e, pair_inputs(ints(1, 3, source + 5), ones(1, 3), ints(1, 6, target + 6)));
        assert_memory_equal(row(logits, 1, 0), row(output(&alone, "logits"), 0, 0), 6 * 6 * 4);
        tensor_set other =
            run_pair(&p, e, pair_inputs(ints(1, 3, source), ones(1, 3), ints(1, 6, target + 6)));
        assert_memory_not_equal(row(logits, 1, 0), row(output(&other, "logits"), 0, 0), 6 * 6 * 4);
    }
    assert_memory_equal(row(output(&both[0], "logits"), 0, 0),
                        row(output(&both[1], "logits"), 0, 0), 2 * 6 * 6 * 4);
    close_pair(&p);
}

static void expect_last(pair *p, diag_id id, const char *words) {
    const diag *d = diag_get(p->diags, diag_count(p->diags) - 1);
    assert_int_equal(d->id, id);
    if (!strstr(d->message, words)) fail_msg("'%s' is not '%s'", d->message, words);
    diag_clear(p->diags); // the other engine says the same
}

static void an_encoder_refuses(void **state) {
    (void)state;
    pair p = open_pair();
    tensor_set out;
    int64_t many[13] = {0};
    for (int e = 0; e < 2; e++) {
        tensor_set in = pair_inputs(ints(1, 13, many), ones(1, 13), ints(1, 2, many));
        assert_false(host_run(p.of[e], &in, NULL, a, &out, p.diags));
        expect_last(&p, DIAG_ID_host_length, "reaches 13 tokens of the encoder");
        in = pair_inputs(ints(1, 4, many), ones(1, 3), ints(1, 2, many));
        assert_false(host_run(p.of[e], &in, NULL, a, &out, p.diags));
        expect_last(&p, DIAG_ID_host_input, "'attention_mask' has 3 tokens, 'input_ids' has 4");
        in.count = 2;
        assert_false(host_run(p.of[e], &in, NULL, a, &out, p.diags));
        expect_last(&p, DIAG_ID_host_input, "missing input 'decoder_input_ids'");
        // Phases have an order.
        tensor rows[3] = {tensor_new(a, ELEM_i32, 1, (int64_t[]){2}),
                          tensor_new(a, ELEM_i32, 1, (int64_t[]){2}),
                          tensor_new(a, ELEM_i32, 1, (int64_t[]){2})},
               got[2];
        assert_false(engine_step(p.of[e], true, 2, rows, a, got, p.diags));
        expect_last(&p, DIAG_ID_sim_order,
                    "phase 'step' needs phase 'encode' since the last reset");
        assert_true(engine_encode(p.of[e], true, 2, rows, a, got, p.diags));
        assert_true(engine_step(p.of[e], false, 2, rows, a, got, p.diags));
        assert_true(engine_step(p.of[e], false, 2, rows, a, got, p.diags));
        assert_false(engine_encode(p.of[e], false, 2, rows, a, got, p.diags));
        expect_last(&p, DIAG_ID_sim_order, "phase 'encode' takes a sequence in one step");
        assert_false(engine_step(p.of[e], true, 2, rows, a, got, p.diags));
        // Its source comes before the text, and is what it takes.
        host_text t;
        assert_true(host_text_open(&t, p.of[e], p.diags));
        assert_true(host_text_has_source(&t) && host_text_reads_ids(&t));
        const int32_t ids[13] = {0}, odd[1] = {99};
        assert_false(host_text_source(&t, ids, 13, p.diags));
        expect_last(&p, DIAG_ID_host_length,
                    "the source has 13 tokens, the program's encoder takes 1 ... 12");
        assert_false(host_text_source(&t, ids, 0, p.diags));
        expect_last(&p, DIAG_ID_host_length, "the source has 0 tokens");
        assert_false(host_text_source(&t, odd, 1, p.diags));
        expect_last(&p, DIAG_ID_host_range, "token id 99 is outside [0, 6)");
        tensor values = tensor_new(a, ELEM_f32, 3, (int64_t[]){1, 2, 4});
        assert_false(host_text_features(&t, &values, p.diags));
        expect_last(&p, DIAG_ID_host_input,
                    "the source is f32[1,2,4], the encoder reads token ids of 'input_ids'");
    }
    close_pair(&p);
}

// Segments alone are made, so that nothing is left to read.
static void an_encoder_without_a_source(void **state) {
    (void)state;
    diag_sink *diags = diag_sink_new();
    file_map f;
    assert_true(file_map_open(&f, OHMIC_SOURCE_DIR "/tests/golden/3d.oir", diags));
    const char *text = arena_printf(a, "%.*s", (int)f.bytes, (const char *)f.data);
    file_map_close(&f);
    const char *at = strstr(text, "\"input_ids\"");
    text = arena_printf(a, "%.*s\"token_type_ids\"%s", (int)(at - text), text,
                        at + strlen("\"input_ids\""));
    pair p = compile_pair(ir_parse(text, strlen(text), "3d", NULL, NULL, NULL, diags), diags);
    for (int e = 0; e < 2; e++) {
        host_text t;
        assert_false(host_text_open(&t, p.of[e], p.diags));
        expect_last(&p, DIAG_ID_host_input,
                    "the encoder has no source: its inputs are 'token_type_ids', 'attention_mask'");
    }
    close_pair(&p);
}

// Token by token behind a source is what a run of all of them gives.
static void an_encoder_streams(void **state) {
    (void)state;
    pair p = open_pair();
    const int64_t source[] = {3, 1, 4, 2, 5}, written[] = {4, 0, 5, 1};
    int32_t ids[5];
    for (int i = 0; i < 5; i++) ids[i] = (int32_t)source[i];
    for (int e = 0; e < 2; e++) {
        tensor_set in = pair_inputs(ints(1, 5, source), ones(1, 5), ints(1, 4, written)), out;
        assert_true(host_run(p.of[e], &in, NULL, a, &out, p.diags));
        const tensor *want = NULL;
        host_text t;
        assert_true(host_text_open(&t, p.of[e], p.diags));
        for (size_t i = 0; i < out.count; i++)
            if (strcmp(out.items[i].name, engine_describe(p.of[e])->ports[t.logits].name) == 0)
                want = &out.items[i].value;
        assert_non_null(want);
        for (int again = 0; again < 2; again++) {
            assert_true(host_text_source(&t, ids, 5, p.diags));
            for (int i = 0; i < 4; i++) {
                tensor row;
                const int32_t id = (int32_t)written[i];
                assert_true(host_text_step(&t, i == 0, &id, 1, a, &row, p.diags));
                const size_t width = tensor_count(&row);
                assert_memory_equal(row.data, (const float *)want->data + (size_t)i * width,
                                    width * sizeof(float));
            }
        }
    }
    close_pair(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bias_of_every_pair), cmocka_unit_test(an_encoder_and_its_decoder),
        cmocka_unit_test(an_encoder_refuses),   cmocka_unit_test(an_encoder_without_a_source),
        cmocka_unit_test(an_encoder_streams),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
