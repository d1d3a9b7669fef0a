// Small files that ask for much or say what is not so, through the command: a diagnostic and exit 1
// within a second and 200 MB. The project's cases (../shared/cases/hostile), and further forms of
// every class.
#define _GNU_SOURCE // memmem
#include "support/file/file.h"
#include "support/num/tensor.h"
#include "tests/cli/command.h"
#include "tests/frontend/onnx_writer.h"
#include <setjmp.h>
#include <stdarg.h>
#include <zip.h>
// cmocka.h needs some of the above
#include <cmocka.h>

#define DIR OHMIC_BUILD_DIR "/hostile"
#define MODEL DIR "/m.onnx"
#define F32 1
#define I64 7

static int make_dir(void **state) { return file_make_dir(DIR, NULL) ? 0 : -1; }

static outcome o;

#ifdef COMMAND_SANITIZED
enum { SLOWER = 30, LARGER = 10 };
#else
enum { SLOWER = 4, LARGER = 1 }; // a test machine does other things as well
#endif

// The last command refused its input in bounds, and says `text`.
static void refused(const char *text) {
    if (o.code != 1 || o.signal || !strstr(o.err, text) || o.seconds > SLOWER ||
        o.megabytes > 200 * LARGER)
        fail_msg("exit %d, signal %d, %.2f s, %ld MB, says not '%s':\n%s", o.code, o.signal,
                 o.seconds, o.megabytes, text, o.err);
}

static void compile(const char *path) {
    COMMAND(&o, "compile", path, "--chip", "ideal", "-q", "-o", DIR "/m.ohm");
}

static void compile_refused(bytes model, const char *text) {
    compile(write_model(MODEL, model));
    refused(text);
}

// ---- the project's cases

static void shared_cases(void **state) {
    static const struct {
        const char *file, *said;
    } cases[] = {
        {"01_null_attr.onnx", "the default of the function's attribute 'v' refers to 'q'"},
        {"02_size_wrap.onnx", "too large"},
        {"04_range_1e30_wrong.onnx", "a range of 1e+30 elements is too big"},
        {"05_external_dash_stdin.onnx", "external data '-' cannot be opened"},
        {"09a_loopscan.onnx", "operations, the limit of a file of 19579 bytes"},
        {"09b_funcdouble19.onnx", "operations, the limit of a file of 1302 bytes"},
        {"11a_gather_step_ub.onnx", "of an axis of size 8"},
        {"12_onehot_unsound_ir.onnx", "node 'OneHot_c'"},
    };
    const char *folder = OHMIC_SOURCE_DIR "/../shared/cases/hostile";
    if (!file_exists(folder)) {
        printf("SKIP: ../shared/cases is not there\n");
        return;
    }
    arena *a = arena_new();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        compile(file_join(a, folder, cases[i].file));
        refused(cases[i].said);
    }
    COMMAND(&o, "compile", file_join(a, folder, "03_splitseq_wrong.onnx"), "--chip", "ideal", "-q",
            "-o", DIR "/3.ohm");
    assert_int_equal(o.code, 0);
    float zero[8] = {0};
    tensor x = {.type = ELEM_f32, .rank = 2, .dim = {1, 8}, .data = zero}, y;
    assert_true(npy_write(DIR "/x.npy", &x, NULL));
    COMMAND(&o, "run", DIR "/3.ohm", "-i", "x=" DIR "/x.npy", "-o", "y=" DIR "/y.npy");
    assert_int_equal(o.code, 0);
    assert_true(npy_read(a, DIR "/y.npy", &y, NULL));
    for (int i = 0; i < 8; i++) assert_true(((float *)y.data)[i] == 1); // one sequence element
    COMMAND(&o, "run", file_join(a, folder, "10_banks_oom.ohm"));
    refused("version 1 of the format, this command reads version 5"); // banks: archives()
    compile(OHMIC_SOURCE_DIR "/examples/tales/tales_gpt.onnx");
    COMMAND(&o, "generate", DIR "/m.ohm", "--tokenizer",
            file_join(a, folder, "08_bytelevel_doubling.json"), "--prompt", "\xc3\xa9");
    refused("bytes in its steps, the limit of a text of 2 bytes");
    arena_free(a);
}

// ---- models that ask for much

static bytes graph_xy(void) { // x f32[1,8] -> y
    bytes g = {0};
    put_msg(&g, 11, port("x", F32, 2, (int64_t[]){1, 8}));
    put_msg(&g, 12, port("y", F32, 2, (int64_t[]){1, 8}));
    return g;
}

static void add_ints(bytes *g, const char *name, size_t n, const int64_t *v) {
    put_msg(g, 5, tensor_raw(name, I64, 1, (int64_t[]){(int64_t)n}, v, 8 * n));
}

static void add_int(bytes *g, const char *name, int64_t v) {
    put_msg(g, 5, tensor_raw(name, I64, 0, NULL, &v, 8));
}

// y = x + sum(big)
static bytes with_sum_of(bytes g) {
    put_msg(&g, 1, node("ReduceSum", "big", "sum"));
    put_msg(&g, 1, node("Add", "x sum", "y"));
    return model_of(g, 17);
}

static void large_values(void **state) {
    bytes g = graph_xy();
    add_ints(&g, "s", 1, (int64_t[]){1 << 30});
    put_msg(&g, 1, node("ConstantOfShape", "s", "big"));
    compile_refused(with_sum_of(g), "elements of constants");

    g = graph_xy(); // many of them, each within limits
    add_ints(&g, "s", 1, (int64_t[]){1 << 22});
    for (int i = 0; i < 64; i++) {
        char name[8], sum[64];
        snprintf(name, sizeof name, "c%d", i);
        snprintf(sum, sizeof sum, "%s%s", i ? "t " : "", name);
        put_msg(&g, 1, node("ConstantOfShape", "s", name));
    }
    put_msg(&g, 1, node("Concat", "c0 c1 c2 c3", "big"));
    compile_refused(with_sum_of(g), "elements of constants");

    g = graph_xy(); // of the input
    add_ints(&g, "s", 2, (int64_t[]){1 << 26, 8});
    put_msg(&g, 1, node("Expand", "x s", "big"));
    compile_refused(with_sum_of(g), "elements, the limit");

    g = graph_xy(); // the input itself
    put_msg(&g, 11, port("z", F32, 1, (int64_t[]){1ll << 35}));
    put_msg(&g, 1, node("Add", "x z", "y"));
    compile_refused(model_of(g, 17), "input 'z': error: it asks for more");

    // the product of its axes is 0 in 64 bits: once last, once last but one
    static const int64_t wrapping[][4] = {{1 << 30, 4, 4, 1ll << 40}, {8, 1 << 30, 1ll << 31, 3}};
    for (size_t i = 0; i < ARRAY_LEN(wrapping); i++) {
        g = graph_xy();
        put_msg(&g, 11, port("z", F32, 4, wrapping[i]));
        put_msg(&g, 1, node("Add", "x z", "y"));
        compile_refused(model_of(g, 17), "input 'z': error: it is too large");
    }

    g = graph_xy(); // few elements, long sums
    add_ints(&g, "a", 2, (int64_t[]){1024, 8192});
    add_ints(&g, "b", 2, (int64_t[]){1, 8});
    put_msg(&g, 1, node("ReduceSum", "x", "one"));
    put_msg(&g, 1, node("Expand", "one a", "m"));
    put_msg(&g, 1, node("Transpose", "m", "mt"));
    put_msg(&g, 1, node("MatMul", "m mt", "big"));
    compile_refused(with_sum_of(g), "multiplications, the limit");

    g = graph_xy(); // empty, and yet long
    put_msg(&g, 11, port("z", F32, 2, (int64_t[]){1ll << 31, 0}));
    put_msg(&g, 1, node("EyeLike", "z", "big"));
    compile_refused(with_sum_of(g), "it asks for more");
}

static bytes function(const char *name, const char *in, const char *out, bytes nodes) {
    bytes f = {0};
    put_str(&f, 1, name);
    put_names(&f, 4, in);
    put_names(&f, 5, out);
    put_raw(&f, nodes.items, nodes.count);
    vec_free(&nodes);
    put_msg(&f, 9, opset("", 17));
    put_str(&f, 10, "f");
    return f;
}

static bytes call(const char *name, const char *in, const char *out) {
    bytes n = node(name, in, out);
    put_str(&n, 7, "f");
    return n;
}

static bytes with_functions(bytes g, size_t n, bytes *functions) {
    bytes m = model_of(g, 17);
    put_msg(&m, 8, opset("f", 1));
    for (size_t i = 0; i < n; i++) put_msg(&m, 25, functions[i]);
    return m;
}

// F0 calls F1 twice, and so on; names of `length` bytes.
static bytes doubling(size_t n, size_t length) {
    bytes f[40], g = graph_xy();
    char *long_name = malloc(length + 1);
    memset(long_name, 'n', length);
    long_name[length] = 0;
    for (size_t i = 0; i < n; i++) {
        char own[16], next[16];
        snprintf(own, sizeof own, "F%zu", i);
        snprintf(next, sizeof next, "F%zu", i + 1);
        bytes nodes = {0};
        for (int k = 0; k < 2; k++) {
            const char *in = k ? "t" : "a", *out = k ? "b" : "t";
            bytes c = i + 1 < n ? call(next, in, out) : node("Relu", in, out);
            put_str(&c, 3, long_name);
            put_msg(&nodes, 7, c);
        }
        f[i] = function(own, "a", "b", nodes);
    }
    free(long_name);
    put_msg(&g, 1, call("F0", "x", "y"));
    return with_functions(g, n, f);
}

static bytes loop_body(size_t n_scans) {
    bytes b = {0};
    put_msg(&b, 11, port("i", I64, 0, NULL));
    put_msg(&b, 11, port("c", 9, 0, NULL));
    put_msg(&b, 11, port("v", F32, 2, (int64_t[]){1, 8}));
    put_msg(&b, 1, node("Identity", "c", "c2"));
    put_msg(&b, 1, node("Relu", "v", "v2"));
    put_msg(&b, 12, port("c2", 9, 0, NULL));
    put_msg(&b, 12, port("v2", F32, 0, NULL));
    for (size_t i = 0; i < n_scans; i++) put_msg(&b, 12, port("v2", F32, 0, NULL));
    return b;
}

static void nodes_inlined_and_unrolled(void **state) {
    compile_refused(doubling(20, 4), "operations, the limit of a file");
    compile_refused(doubling(12, 60000), "bytes of names, the limit of a file");
    bytes g = graph_xy(); // 4096 rounds of 900 outputs
    add_int(&g, "n", 4096);
    bytes l = node("Loop", "n - x", "y s");
    put_msg(&l, 5, attr_msg("body", 5, 6, loop_body(900)));
    put_msg(&g, 1, l);
    compile_refused(model_of(g, 17), "operations, the limit of a file");
    g = graph_xy(); // a hundred loops of 4000 rounds
    add_int(&g, "n", 4000);
    for (int i = 0; i < 100; i++) {
        char in[16], out[8];
        snprintf(in, sizeof in, i ? "n - y%d" : "n - x", i);
        snprintf(out, sizeof out, i < 99 ? "y%d" : "y", i + 1);
        l = node("Loop", in, out);
        put_msg(&l, 5, attr_msg("body", 5, 6, loop_body(0)));
        put_msg(&g, 1, l);
    }
    compile_refused(model_of(g, 17), "operations, the limit of a file");
}

static void many_ports_and_findings(void **state) {
    bytes g = graph_xy();
    for (int i = 0; i < 100000; i++) {
        char name[16];
        snprintf(name, sizeof name, "x%d", i);
        put_msg(&g, 11, port(name, F32, 1, (int64_t[]){8}));
    }
    put_msg(&g, 1, node("Relu", "x", "y"));
    compile_refused(model_of(g, 17), "100001 inputs: it asks for more than 4096");
    g = graph_xy();
    for (int i = 0; i < 100000; i++) {
        char name[16];
        snprintf(name, sizeof name, "y%d", i);
        put_msg(&g, 1, node("Unheard", "x", name));
    }
    put_msg(&g, 1, node("Relu", "x", "y"));
    compile_refused(model_of(g, 17), "error: and 99950 more [onnx-unsupported]");
    g = graph_xy();
    for (int i = 0; i < 2200000; i++)
        put_msg(&g, 1, (bytes){0}); // two bytes each, a hundred in memory
    compile_refused(model_of(g, 17), "parts, the limit of a file");
}

// ---- attributes

static void attributes_that_lead_nowhere(void **state) {
    bytes nodes = {0}, n = node("Gather", "a i", "b"), ref = {0}, g = graph_xy();
    put_str(&ref, 1, "axis");
    put_str(&ref, 21, "q");
    put_int(&ref, 20, 2);
    put_msg(&n, 5, ref);
    put_msg(&nodes, 7, n);
    bytes f = function("F", "a i", "b", nodes), own = {0};
    put_str(&own, 1, "q"); // the default: again a reference
    put_str(&own, 21, "r");
    put_int(&own, 20, 2);
    put_msg(&f, 11, own);
    add_int(&g, "i", 0);
    put_msg(&g, 1, call("F", "x i", "y"));
    compile_refused(with_functions(g, 1, &f),
                    "the default of the function's attribute 'q' refers to 'r'");

    g = graph_xy(); // no function around it
    bytes body = {0};
    put_str(&body, 1, "then_branch");
    put_str(&body, 21, "q");
    put_int(&body, 20, 5);
    put_msg(&g, 5, tensor_raw("c", 9, 0, NULL, "\1", 1));
    n = node("If", "c", "y");
    put_msg(&n, 5, body);
    put_msg(&g, 1, n);
    compile_refused(model_of(g, 17), "attribute 'then_branch' refers to 'q' outside of a function");

    g = graph_xy();
    n = node("Softmax", "x", "y");
    put_msg(&n, 5, attr_float("axis", 1));
    put_msg(&g, 1, n);
    compile_refused(model_of(g, 17), "attribute 'axis' is of kind FLOAT, INT is expected");
}

// ---- numbers out of range

static void sizes_and_casts(void **state) {
    bytes g = graph_xy();
    add_ints(&g, "s", 3, (int64_t[]){1ll << 40, 1ll << 40, -1});
    put_msg(&g, 1, node("Reshape", "x s", "big"));
    compile_refused(with_sum_of(g), "does not fit");

    g = graph_xy();
    int64_t first = INT64_MIN, last = INT64_MAX, one = 1;
    put_msg(&g, 5, tensor_raw("a", I64, 0, NULL, &first, 8));
    put_msg(&g, 5, tensor_raw("b", I64, 0, NULL, &last, 8));
    put_msg(&g, 5, tensor_raw("c", I64, 0, NULL, &one, 8));
    put_msg(&g, 1, node("Range", "a b c", "big"));
    compile_refused(with_sum_of(g), "its bounds are too far apart");

    g = graph_xy();
    bytes n = node("Cast", "x", "big"); // 2^32 + 1 is not 1
    put_msg(&n, 5, attr_int("to", (1ll << 32) + 1));
    put_msg(&g, 1, n);
    compile_refused(with_sum_of(g), "type unknown type is not supported");

    g = graph_xy();
    put_msg(&g, 11, port("i", F32, 4, (int64_t[]){1, 1, 2, 2}));
    float scales[] = {1, 1, 1e30f, __builtin_nanf("")};
    put_msg(&g, 5, tensor_raw("s", F32, 1, (int64_t[]){4}, scales, sizeof scales));
    put_msg(&g, 1, node("Resize", "i - s", "big"));
    compile_refused(with_sum_of(g), "its scales are not supported");

    g = graph_xy();
    uint8_t codes[8] = {0};
    put_msg(&g, 5, tensor_raw("w", 2, 3, (int64_t[]){1, 1, 8}, codes, sizeof codes));
    put_msg(&g, 5, tensor_raw("s", F32, 1, (int64_t[]){1}, scales, 4));
    n = node("MatMulNBits", "x w s", "big");
    put_str(&n, 7, "com.microsoft");
    put_msg(&n, 5, attr_int("K", INT32_MAX));
    put_msg(&n, 5, attr_int("N", INT32_MAX));
    put_msg(&n, 5, attr_int("block_size", 1 << 20));
    put_msg(&g, 1, n);
    bytes m = with_sum_of(g);
    put_msg(&m, 8, opset("com.microsoft", 1));
    compile_refused(m, "its weights do not fit");
}

// ---- what the verifier of the IR would refuse, at its node

static void rules_of_operations(void **state) {
    bytes g = graph_xy();
    float values[3] = {0, 1, 2};
    add_ints(&g, "i", 1, (int64_t[]){3});
    add_int(&g, "d", 8);
    put_msg(&g, 5, tensor_raw("v", F32, 1, (int64_t[]){3}, values, sizeof values));
    put_msg(&g, 1, node("OneHot", "i d v", "big"));
    compile_refused(
        with_sum_of(g),
        "node 'OneHot_big': error: operator OneHot (ai.onnx 17): 't.onehot': operand 2 (f32[3])");

    g = graph_xy();
    put_msg(&g, 5, tensor_raw("f", 9, 0, NULL, "\0", 1));
    put_msg(&g, 5, tensor_raw("t", 9, 0, NULL, "\1", 1));
    put_msg(&g, 1, node("Range", "f t t", "big"));
    compile_refused(with_sum_of(g), "node 'Range_big'");

    g = graph_xy();
    add_int(&g, "n", 5);
    put_msg(&g, 1, node("Range", "n n x", "big"));
    compile_refused(with_sum_of(g), "node 'Range_big'");
}

// ---- other files

static void text_file(const char *path, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void text_file(const char *path, const char *fmt, ...) {
    FILE *f = fopen(path, "w");
    va_list ap;
    va_start(ap, fmt);
    vfprintf(f, fmt, ap);
    va_end(ap);
    fclose(f);
}

static void tokenizers(void **state) {
    static const char frame[] = "{\"added_tokens\": [%s], \"normalizer\": %s, \"pre_tokenizer\": "
                                "%s, \"decoder\": %s, \"model\": "
                                "{\"type\": \"BPE\", \"unk_token\": \"u\", \"vocab\": {\"u\": 0, "
                                "\"e\": 1}, \"merges\": []}}";
    char steps[8192];
    compile(OHMIC_SOURCE_DIR "/examples/tales/tales_gpt.onnx");
    const char *const ask[] = {OHMIC,         "generate", DIR "/m.ohm", "--tokenizer",
                               DIR "/t.json", "--prompt", "eeeeeeee",   NULL};
    // each step makes two of one: normalizers, decoders
    size_t n = 0;
    for (int i = 0; i < 40; i++)
        n += (size_t)snprintf(
            steps + n, sizeof steps - n,
            "%s{\"type\": \"Replace\", \"pattern\": {\"String\": \"e\"}, \"content\": \"ee\"}",
            i ? ", " : "");
    char list[sizeof steps + 64];
    snprintf(list, sizeof list, "{\"type\": \"Sequence\", \"normalizers\": [%s]}", steps);
    text_file(DIR "/t.json", frame, "", list, "null", "null");
    command_run(&o, ask, NULL);
    refused("bytes in its steps, the limit of a text of 8 bytes");
    snprintf(list, sizeof list, "{\"type\": \"Sequence\", \"decoders\": [%s]}", steps);
    text_file(DIR "/t.json", frame, "", "null", "null", list);
    command_run(&o, ask, NULL);
    refused("its steps make too much of token 1");
    text_file(DIR "/t.json", frame, "{\"id\": 4194303, \"content\": \"far\"}", "null", "null",
              "null");
    command_run(&o, ask, NULL);
    refused("token id 4194303: it asks for more than");
}

static void archives(void **state) {
    compile(OHMIC_SOURCE_DIR "/examples/tales/tales_gpt.onnx");
    int error;
    unlink(DIR "/x.npz");
    zip_t *z = zip_open(DIR "/x.npz", ZIP_CREATE, &error);
    size_t n = 300u << 20;
    char *zeros = calloc(n, 1);
    static const char header[] =
        "\x93NUMPY\1\0v\0{'descr': '<i8', 'fortran_order': False, 'shape': (39321584,), }";
    memset(zeros, ' ', 128);
    memcpy(zeros, header, sizeof header - 1);
    zip_file_add(z, "nobody_asked.npy", zip_source_buffer(z, zeros, n, 0), 0);
    assert_int_equal(zip_close(z), 0);
    free(zeros);
    COMMAND(&o, "run", DIR "/m.ohm", "-i", DIR "/x.npz");
    refused("unpacked bytes, the limit of a file");
    COMMAND(&o, "run", DIR "/m.ohm", "-i",
            "input_ids=" DIR "/x.npz"); // another member: not looked at
    refused("there is no member 'input_ids'");
    file_map f;
    assert_true(file_map_open(&f, OHMIC_SOURCE_DIR "/tests/fuzz/corpus/asm/phases.s", NULL));
    const char *banks = memmem(f.data, f.bytes, "banks=2", 7);
    assert_non_null(banks);
    text_file(DIR "/p.s", "%.*s000000%.*s", (int)(banks + 7 - (const char *)f.data),
              (const char *)f.data, (int)((const char *)f.data + f.bytes - banks - 7), banks + 7);
    file_map_close(&f);
    COMMAND(&o, "as", DIR "/p.s", "-o", DIR "/p.ohm");
    refused("bytes of state, the limit of a program");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shared_cases),
        cmocka_unit_test(large_values),
        cmocka_unit_test(nodes_inlined_and_unrolled),
        cmocka_unit_test(many_ports_and_findings),
        cmocka_unit_test(attributes_that_lead_nowhere),
        cmocka_unit_test(sizes_and_casts),
        cmocka_unit_test(rules_of_operations),
        cmocka_unit_test(tokenizers),
        cmocka_unit_test(archives),
    };
    return cmocka_run_group_tests(tests, make_dir, NULL);
}
