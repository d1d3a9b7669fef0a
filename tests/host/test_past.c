// Left-padded pasts: what a sequence sees of its past is its own rows at their places, on the
// interpreter and on the simulator, whatever ran before. Programs that count positions themselves
// count the padding; of a bias or a window only distances matter.
#include "backend/backend.h"
#include "host/program.h"
#include "isa/file/file.h"
#include "passes/pass.h"
#include "tests/host/host_models.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>
// cmocka.h needs some of the above
#include <cmocka.h>

enum { PAST = 5, PADDING = 2, NEW = 2, WIDTH = 4 };

typedef struct {
    arena *a;
    diag_sink *diags;
    ir_module *module;
    isa_program *program;
    program_file file;
    engine *of[2]; // interpreter, simulator
} both;

static void open_program(both *p) {
    const char *path = OHMIC_BUILD_DIR "/test_past.ohm";
    assert_true(isa_write(p->program, path, p->diags) &&
                program_open(&p->file, path, p->a, p->diags));
    unlink(path);
    p->of[1] = engine_of_program(&p->file, &(sim_options){.threads = 1}, p->diags);
    assert_non_null(p->of[1]);
}

static both open_both(const tiny *t) {
    both p = {.a = arena_new(), .diags = diag_sink_new()};
    const char *text = tiny_text(p.a, t);
    ir_module *graph = ir_parse(text, strlen(text), "tiny.oir", NULL, NULL, NULL, p.diags);
    pass_options o = pass_options_default();
    pass_pipeline list = {0};
    o.machine = machine_load(p.a, "ideal", NULL, 0, p.diags);
    assert_true(pass_pipeline_parse(&list,
                                    "tile-weights,split-attention,split-phases,route-digital,"
                                    "place,schedule,allocate",
                                    p.diags));
    p.module = graph ? pass_run_pipeline(&list, graph, &o, NULL, p.diags) : NULL;
    if (!p.module) diag_print(p.diags, 0, stderr, false);
    assert_non_null(p.module);
    p.program = be_emit(p.module, o.machine, "test", p.diags);
    p.of[0] = engine_of_module(p.module, 1, p.diags);
    open_program(&p);
    ir_module_free(graph);
    vec_free(&list);
    return p;
}

static void close_both(both *p) {
    engine_free(p->of[0]);
    engine_free(p->of[1]);
    program_close(&p->file);
    isa_program_free(p->program);
    ir_module_free(p->module);
    diag_sink_free(p->diags);
    arena_free(p->a);
}

// Sequences of ids, masks and caches, side by side; of each, so many tokens of the past hidden.
// A sequence's numbers are its number's, and the hidden ones are as large as can be.
static tensor_set inputs(arena *a, const tiny *t, const int *number, const int *hidden,
                         int64_t past, int64_t batch) {
    tensor ids = tensor_new(a, ELEM_i64, 2, (int64_t[]){batch, NEW}), pos = ids;
    tensor mask = tensor_new(a, ELEM_i64, 2, (int64_t[]){batch, past + NEW});
    tensor k = tensor_new(a, ELEM_f32, 4, (int64_t[]){batch, 1, past, WIDTH}), v = k;
    pos = tensor_new(a, ELEM_i64, 2, ids.dim);
    v = tensor_new(a, ELEM_f32, 4, k.dim);
    for (int64_t b = 0; b < batch; b++) {
        random_stream r = random_test((uint64_t)number[b]);
        for (int64_t i = 0; i < NEW; i++) {
            ((int64_t *)ids.data)[b * NEW + i] = random_in(&r, 0, 7);
            ((int64_t *)pos.data)[b * NEW + i] = past - hidden[b] + i;
        }
        for (int64_t i = 0; i < past + NEW; i++)
            ((int64_t *)mask.data)[b * (past + NEW) + i] = i >= hidden[b];
        for (int64_t i = 0; i < past * WIDTH; i++) {
            bool is_hidden = i < hidden[b] * WIDTH;
            ((float *)k.data)[b * past * WIDTH + i] = is_hidden ? 1e6f : random_float(&r);
            ((float *)v.data)[b * past * WIDTH + i] = is_hidden ? 1e6f : random_float(&r);
        }
    }
    tensor_set s = {ARENA_ARRAY(a, tensor_named, 5), 4};
    s.items[0] = (tensor_named){"input_ids", ids};
    s.items[1] = (tensor_named){"attention_mask", mask};
    s.items[2] = (tensor_named){"past.key", k};
    s.items[3] = (tensor_named){"past.value", v};
    if (t->position_ids) s.items[s.count++] = (tensor_named){"position_ids", pos};
    return s;
}

static const float *output(const tensor_set *s, const char *name, int64_t b) {
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->items[i].name, name) == 0)
            return (const float *)s->items[i].value.data +
                   b * (int64_t)tensor_count(&s->items[i].value) / s->items[i].value.dim[0];
    fail_msg("no output %s", name);
    return NULL;
}

static void padded(const tiny *t) {
    both p = open_both(t);
    const int whole[2] = {1, 2}, hidden[2] = {0, PADDING}, none[1] = {0};
    for (int e = 0; e < 2; e++) {
        tensor_set in = inputs(p.a, t, whole, hidden, PAST, 2), out, alone;
        assert_true(host_run(p.of[e], &in, NULL, p.a, &out, p.diags));
        // The second again, without its padding: rows PADDING ... of its past.
        tensor_set rest = inputs(p.a, t, &whole[1], none, PAST - PADDING, 1);
        for (int kv = 2; kv < 4; kv++)
            memcpy(rest.items[kv].value.data,
                   (float *)in.items[kv].value.data + (PAST + PADDING) * WIDTH,
                   (PAST - PADDING) * WIDTH * sizeof(float));
        assert_true(host_run(p.of[e], &rest, NULL, p.a, &alone, p.diags));
        assert_memory_equal(output(&out, "logits", 1), output(&alone, "logits", 0),
                            NEW * WIDTH * sizeof(float));
        static const char *const present[] = {"present.key", "present.value"};
        for (int kv = 0; kv < 2; kv++) {
            const float *x = output(&out, present[kv], 1);
            for (int i = 0; i < PADDING * WIDTH; i++) assert_true(x[i] == 0);
            assert_memory_equal(x + PADDING * WIDTH, output(&alone, present[kv], 0),
                                (PAST - PADDING + NEW) * WIDTH * sizeof(float));
            assert_memory_equal(x + PADDING * WIDTH, // the past itself
                                (float *)in.items[2 + kv].value.data + (PAST + PADDING) * WIDTH,
                                (PAST - PADDING) * WIDTH * sizeof(float));
        }
    }
    close_both(&p);
}

static void valid_rows_at_their_positions(void **state) {
    padded(&(tiny){.class_name = "stream", .past = true});
    padded(&(tiny){.class_name = "stream", .past = true, .position_ids = true});
    padded(&(tiny){
        .class_name = "stream", .past = true, .position_ids = true, .positions_table = true});
}

static void biases_and_windows_by_true_distance(void **state) {
    padded(&(tiny){.class_name = "stream", .past = true, .alibi = true});
    padded(&(tiny){.class_name = "stream", .past = true, .alibi = true, .position_ids = true});
    padded(&(tiny){.class_name = "stream", .past = true, .alibi = true, .window = 4});
    padded(&(tiny){.class_name = "stream", .past = true, .window = 3});
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_rows_at_their_positions),
        cmocka_unit_test(biases_and_windows_by_true_distance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
