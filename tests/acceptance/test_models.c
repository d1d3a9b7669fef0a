// Every required model, compiled for every kind of chip and simulated:
//   reference   chip ideal against the stored outputs, pasts and presents included; so do `further`
//               models
//   mapped      the simulator's bits are those of the interpreter of the mapped stage, on all chips
//   tilings     ideal-int8: three array sizes, three tile capacities, the same bits
//   cuts        stream programs: one step, single rows, random cuts, round the ring; every chip
//   repeat      1, 2, 8 threads; the same program bytes twice
//
//   acceptance_test_models [SHARD COUNT [NAME]]: models SHARD, SHARD + COUNT ... whose name holds
//   NAME
#include "cli/onnx_test/ideal.h"
#include "host/host.h"
#include "ir/eval/interp.h"
#include "models.h"
#include "passes/precision/calibrate.h"
#include "tests/frontend/onnx_writer.h"
#include "tests/random.h"
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
// cmocka.h needs some of the above
#include <cmocka.h>

static size_t shard, shards = 1;
static const char *only;
static const char *const chips[] = {"ideal", "ideal-int8", "bench-1", "ohmic-1"};

// ---- one model at a time
// -------------------------------------------------------------------------

static bool complain(const char *name, const char *what, diag_sink *diags) {
    printf("FAIL %s: %s\n", name, what);
    fflush(stdout);
    if (diags) diag_print(diags, 0, stderr, false);
    return false;
}

typedef bool check_function(const char *name, const char *model, const char *data);

static int for_each_of(const char *const *names, size_t count, check_function *check) {
    int bad = 0, n = 0;
    if (!shared_exports()) return 0;
    for (size_t i = shard; i < count; i += shards) {
        const char *name = names[i], *model, *data;
        if (only && !strstr(name, only)) continue;
        arena *a = arena_new();
        model_paths(a, name, &model, &data);
        bad += !check(name, model, data);
        n++;
        arena_free(a);
    }
    printf("%d models, %d failures\n", n, bad);
    return bad;
}

static int for_each(check_function *check) {
    return for_each_of(required_models, ARRAY_LEN(required_models), check);
}

// Exports that onnx_test cannot judge on this chip by their stored outputs.
static bool differs_by_right(const char *name) {
    // its per-tensor activation scales mix tokens: relaxed to rows, measured in test_language.sh
    return strstr(name, "dynq_int8") != NULL;
}

static bool check_reference(const char *name, const char *model, const char *data) {
    if (differs_by_right(name)) return true;
    arena *a = arena_new();
    onnx_test_options o = {.tolerance = 1e-3, .threads = 1};
    size_t sets;
    onnx_test_result r = onnx_test_ideal_dir(a, model, data, &o, &sets);
    bool ok = r.verdict == ONNX_TEST_PASS && sets > 0;
    printf("%-42s %-11s %zu sets, error %.1e\n", name, onnx_test_verdict_name(r.verdict), sets,
           r.max_error);
    if (!ok) complain(name, r.message, NULL);
    arena_free(a);
    return ok;
}

// ---- steps
// ---------------------------------------------------------------------------------------

typedef struct {
    size_t n_in, n_out;
    int64_t n, encoder; // rows; rows of an encoder before them, 0: there is none
    tensor in[64];
    bool in_encoder[64], out_encoder[64]; // whose rows they are
    float *out[64];                       // [n][width], [encoder][width]
    int64_t width[64];
} script; // a sequence and what came out

enum { ENCODER_ROWS = 19 };

// Seeded inputs of n rows from position 0.
static void script_make(script *s, const built *b, int64_t n, uint64_t seed) {
    const ir_module *m = b->c.module;
    const engine_info *info = engine_describe(b->sim);
    *s = (script){.n = n};
    if (info->has_encoder) s->encoder = min_i64(ENCODER_ROWS, info->max_encoder);
    int64_t rows[IR_MAX_DOMAINS];
    for (int d = 0; d < IR_MAX_DOMAINS; d++) rows[d] = d && info->has_encoder ? s->encoder : n;
    for (size_t k = 0; k < m->funcs.count; k++) {
        const ir_func *f = m->funcs.items[k];
        tensor seeded[64];
        calibrate_seeded(m, f, seed, (uint32_t)k, rows, 0, b->a, seeded);
        for (size_t i = 0, at = 0; i < info->n_ports; i++) {
            if (!info->ports[i].input) continue;
            for (size_t j = 0; j < f->params.count; j++)
                if (strcmp(f->params.items[j].name, info->ports[i].name) == 0)
                    s->in[at] = seeded[j];
            at++;
        }
    }
    for (size_t i = 0; i < info->n_ports; i++) {
        const engine_port *p = &info->ports[i];
        *(p->input ? &s->in_encoder[s->n_in++] : &s->out_encoder[s->n_out++]) = p->encoder;
    }
}

// Rows [from, from + rows) of the inputs of one side.
static void slice(const script *s, bool encoder, int64_t from, int64_t rows, tensor *out) {
    for (size_t i = 0; i < s->n_in; i++) {
        bool other = s->in_encoder[i] != encoder;
        out[i] = s->in[i];
        out[i].dim[0] = other ? 0 : rows;
        size_t row_bytes = tensor_bytes(&s->in[i]) / (size_t)s->in[i].dim[0];
        out[i].data = (char *)s->in[i].data + (other ? 0 : (size_t)from * row_bytes);
    }
}

static int64_t rows_of_output(const script *s, size_t i) {
    return s->out_encoder[i] ? s->encoder : s->n;
}

// Keeps the outputs of one side's step of `rows` rows after the first `at`.
static void keep(script *s, built *b, bool encoder, int64_t at, int64_t rows, const tensor *out) {
    for (size_t i = 0; i < s->n_out; i++) {
        if (s->out_encoder[i] != encoder) continue;
        if (at == 0) {
            s->width[i] = rows ? (int64_t)tensor_count(&out[i]) / rows : 0;
            s->out[i] = ARENA_ARRAY(b->a, float, (size_t)(s->width[i] * rows_of_output(s, i)) + 1);
        }
        memcpy(s->out[i] + at * s->width[i], out[i].data, (size_t)(rows * s->width[i]) * 4);
    }
}

// Runs the sequence in steps of cut(draws, left) rows; outputs live in b's arena.
static bool play(script *s, built *b, engine *e, int64_t (*cut)(random_stream *, int64_t left),
                 uint64_t seed, diag_sink *diags) {
    random_stream r = random_test(seed);
    tensor in[64], out[64];
    if (s->encoder) {
        arena *a = arena_new();
        slice(s, true, 0, s->encoder, in);
        bool ok = engine_encode(e, true, s->encoder, in, a, out, diags);
        if (ok) keep(s, b, true, 0, s->encoder, out);
        arena_free(a);
        if (!ok) return false;
    }
    for (int64_t at = 0; at < s->n;) {
        int64_t rows = cut(&r, s->n - at);
        arena *a = arena_new();
        slice(s, false, at, rows, in);
        bool ok = engine_step(e, at == 0 && !s->encoder, rows, in, a, out, diags);
        if (ok) keep(s, b, false, at, rows, out);
        arena_free(a);
        if (!ok) return false;
        at += rows;
    }
    return true;
}

// Prints the first element that differs.
static bool same(const script *x, const script *y) {
    for (size_t i = 0; i < x->n_out; i++) {
        if (x->width[i] != y->width[i]) return false;
        for (int64_t k = 0; k < rows_of_output(x, i) * x->width[i]; k++) {
            if (memcmp(&x->out[i][k], &y->out[i][k], 4) == 0) continue;
            printf("output %zu, row %" PRId64 ", column %" PRId64 ": %.9g and %.9g\n", i,
                   k / x->width[i], k % x->width[i], (double)x->out[i][k], (double)y->out[i][k]);
            return false;
        }
    }
    return x->n == y->n && x->n_out == y->n_out;
}

static int64_t cut_none(random_stream *r, int64_t left) { return left; }
static int64_t cut_single(random_stream *r, int64_t left) { return 1; }
static int64_t cut_random(random_stream *r, int64_t left) {
    int64_t n = random_in(r, 1, 13);
    return n < left ? n : left;
}

static int64_t rows_of(const built *b, int64_t wanted) {
    const engine_info *info = engine_describe(b->sim);
    if (info->fixed_rows) return info->fixed_rows;
    return wanted < info->max_chunk ? wanted : info->max_chunk;
}

// The IR knows no converter: only where none clipped or rounded are its values the simulator's.
static bool converts_exactly(const built *b) {
    sim_stats s = sim_totals(engine_sim(b->sim));
    return s.adc_clipped + s.adc_rounded == 0;
}

// ---- mapped: simulator = interpreter, on every chip
// ------------------------------------------------

static bool check_mapped(const char *name, const char *model, const char *data) {
    bool ok = true;
    for (size_t i = 0; i < ARRAY_LEN(chips); i++) {
        diag_sink *diags = diag_sink_new();
        built b;
        char line[64];
        snprintf(line, sizeof line, "--chip=%s", chips[i]);
        script x, y;
        if (!build(&b, model, line, 1, diags)) {
            ok = complain(name, chips[i], diags);
        } else {
            script_make(&x, &b, rows_of(&b, 21), 5);
            y = x;
            bool stream = engine_describe(b.sim)->stream;
            int64_t (*cut)(random_stream *, int64_t) = stream ? cut_random : cut_none;
            if (!play(&x, &b, b.sim, cut, 3, diags) || !play(&y, &b, b.interp, cut, 3, diags))
                ok = complain(name, chips[i], diags);
            else if (!converts_exactly(&b))
                printf("%s, %s: a converter lost something, not compared\n", name, chips[i]);
            else if (!same(&x, &y))
                ok = complain(name,
                              arena_printf(b.a, "simulator and interpreter differ on %s", chips[i]),
                              diags);
        }
        built_close(&b);
        diag_sink_free(diags);
    }
    return ok;
}

// ---- tilings
// -------------------------------------------------------------------------------------

// Compiles for nine tilings; all give the bits of the first, and of their own mapped IR.
static bool same_for_tilings(const char *name, const char *model, const char *extra,
                             uint32_t least_tiles) {
    static const char *const sizes[] = {"", "--set=crossbar.rows=64 --set=crossbar.columns=64",
                                        "--set=crossbar.rows=100 --set=crossbar.columns=48"};
    static const int capacities[] = {8, 3, 1};
    bool ok = true;
    arena *a = arena_new();
    built first = {0};
    script x0 = {0};
    for (size_t i = 0; ok && i < 9; i++) {
        diag_sink *diags = diag_sink_new();
        built b;
        script x, y;
        const char *line = arena_printf(a, "--chip=ideal-int8 %s --set=tile.crossbars=%d %s",
                                        sizes[i / 3], capacities[i % 3], extra);
        if (!build(&b, model, line, 1, diags)) {
            ok = complain(name, line, diags);
        } else {
            script_make(&x, &b, rows_of(&b, 11), 7);
            y = x;
            bool interpreted = i % 4 == 0; // each size and each capacity once
            if (!play(&x, &b, b.sim, cut_none, 0, diags) ||
                (interpreted && !play(&y, &b, b.interp, cut_none, 0, diags)))
                ok = complain(name, line, diags);
            else if (interpreted && !same(&x, &y))
                ok = complain(
                    name, arena_printf(a, "simulator and interpreter differ with %s", line), diags);
            else if (i && !same(&x, &x0))
                ok = complain(name, arena_printf(a, "other bits with %s", line), diags);
            if (b.file.program->n_tiles < least_tiles) ok = complain(name, "too few tiles", diags);
        }
        if (i == 0)
            first = b, x0 = x;
        else
            built_close(&b);
        diag_sink_free(diags);
    }
    built_close(&first);
    arena_free(a);
    return ok;
}

static bool check_tilings(const char *name, const char *model, const char *data) {
    return same_for_tilings(name, model, "", 1);
}

// ---- cuts
// ----------------------------------------------------------------------------------------

static bool check_cuts_on(const char *name, const char *model, const char *chip, arena *a) {
    diag_sink *diags = diag_sink_new();
    built b;
    bool ok = true;
    if (!build(&b, model, arena_printf(a, "--chip=%s", chip), 1, diags)) {
        ok = complain(name, chip, diags);
    } else if (!engine_describe(b.sim)->stream) {
        // A whole program takes its sequence in one step: a second one without reset is refused.
        script x;
        tensor out[64], in[64];
        int64_t n = rows_of(&b, 6);
        script_make(&x, &b, n, 1);
        slice(&x, false, 0, n, in);
        if (!engine_step(b.sim, true, n, in, a, out, diags))
            ok = complain(name, "does not run", diags);
        else if (engine_step(b.sim, false, n, in, a, out, diags))
            ok = complain(name, "a whole program went on after its sequence", diags);
        if (ok && engine_describe(b.sim)->fixed_rows) {
            slice(&x, false, 0, n - 1, in);
            if (engine_step(b.sim, true, n - 1, in, a, out, diags))
                ok = complain(name, "a frozen program took another length", diags);
        }
    } else {
        // A window of a third of the longest sequence or 32 tokens, in a ring of as many slots:
        // more than three times around.
        int64_t most = engine_describe(b.sim)->max_tokens;
        int64_t n = engine_describe(b.sim)->fixed_rows ? rows_of(&b, 1) : min_i64(101, most);
        bool frozen = engine_describe(b.sim)->fixed_rows;
        int64_t window = min_i64(32, max_i64(1, (n - 1) / 3));
        built_close(&b);
        if (!build(&b, model,
                   frozen ? arena_printf(a, "--chip=%s", chip)
                          : arena_printf(a, "--chip=%s --window=%d --slots=%d --max-chunk=%d", chip,
                                         (int)window, (int)window, (int)n),
                   1, diags))
            ok = complain(name, arena_printf(a, "%s, window %d", chip, (int)window), diags);
        script whole, single, cuts[2], oracle;
        if (ok) {
            script_make(&whole, &b, n, 11);
            oracle = single = cuts[0] = cuts[1] = whole;
            ok = play(&whole, &b, b.sim, cut_none, 0, diags) &&
                 play(&oracle, &b, b.interp, cut_none, 0, diags) &&
                 (frozen || (play(&single, &b, b.sim, cut_single, 0, diags) &&
                             play(&cuts[0], &b, b.sim, cut_random, 1, diags) &&
                             play(&cuts[1], &b, b.sim, cut_random, 2, diags)));
            if (!ok) complain(name, chip, diags);
        }
        if (ok && ((converts_exactly(&b) && !same(&whole, &oracle)) ||
                   (!frozen && (!same(&whole, &single) || !same(&whole, &cuts[0]) ||
                                !same(&whole, &cuts[1])))))
            ok = complain(name, arena_printf(a, "cuts change the bits on %s", chip), diags);
    }
    built_close(&b);
    diag_sink_free(diags);
    return ok;
}

static bool check_cuts(const char *name, const char *model, const char *data) {
    bool ok = true;
    arena *a = arena_new();
    for (size_t i = 0; i < ARRAY_LEN(chips); i++)
        ok = check_cuts_on(name, model, chips[i], a) && ok;
    arena_free(a);
    return ok;
}

// ---- repeat
// --------------------------------------------------------------------------------------

static bool check_repeat(const char *name, const char *model, const char *data) {
    static const int threads[] = {1, 2, 8};
    bool ok = true;
    built b[3];
    script x[3];
    for (int i = 0; i < 3; i++) {
        diag_sink *diags = diag_sink_new();
        if (!build(&b[i], model, "--chip=ohmic-1", threads[i], diags)) {
            ok = complain(name, "does not compile", diags);
        } else {
            script_make(&x[i], &b[i], rows_of(&b[i], 40), 9);
            if (!play(&x[i], &b[i], b[i].sim, cut_none, 0, diags))
                ok = complain(name, "does not run", diags);
        }
        diag_sink_free(diags);
    }
    for (int i = 1; ok && i < 3; i++) {
        if (b[i].file.file.bytes != b[0].file.file.bytes ||
            memcmp(b[i].file.file.data, b[0].file.file.data, b[0].file.file.bytes) != 0)
            ok = complain(name, "threads change the program's bytes", NULL);
        if (!same(&x[i], &x[0])) ok = complain(name, "threads change a result", NULL);
    }
    for (int i = 0; i < 3; i++) built_close(&b[i]);
    return ok;
}

// ---- a layer larger than a tile
// --------------------------------------------------------------------

// FFN 768 -> 3072 -> 768 (worked example 3h): partial sums over blocks and tiles.
static const char *write_ffn(arena *a) {
    enum { D = 768, F = 3072 };
    const char *path = arena_printf(a, OHMIC_BUILD_DIR "/accept-ffn-%zu.onnx", shard);
    int64_t up[] = {D, F}, down[] = {F, D}, f[] = {F}, d[] = {D}, x[] = {1, -1, D};
    float *w = ARENA_ARRAY(a, float, (size_t)D *F);
    bytes graph = {0};
    put_msg(&graph, 1, node("MatMul", "x w_up", "u"));
    put_msg(&graph, 1, node("Add", "u b_up", "v"));
    put_msg(&graph, 1, node("Relu", "v", "h"));
    put_msg(&graph, 1, node("MatMul", "h w_down", "p"));
    put_msg(&graph, 1, node("Add", "p b_down", "y"));
    put_str(&graph, 2, "ffn");
    random_stream r = random_test(17);
    const struct {
        const char *name;
        int rank;
        const int64_t *dim;
        size_t n;
        float scale;
    } weights[] = {{"w_up", 2, up, (size_t)D * F, 0.06f},
                   {"b_up", 1, f, F, 0.5f},
                   {"w_down", 2, down, (size_t)D * F, 0.03f},
                   {"b_down", 1, d, D, 0.5f}};
    for (size_t i = 0; i < ARRAY_LEN(weights); i++) {
        for (size_t k = 0; k < weights[i].n; k++) w[k] = weights[i].scale * random_float(&r);
        put_msg(
            &graph, 5,
            tensor_raw(weights[i].name, 1, weights[i].rank, weights[i].dim, w, weights[i].n * 4));
    }
    put_msg(&graph, 11, port("x", 1, 3, x));
    put_msg(&graph, 12, port("y", 1, 3, x));
    return write_model(path, model_of(graph, 17));
}

static void larger_than_a_tile(void **state) {
    if (shard != 0 || (only && !strstr("ffn", only))) return;
    arena *a = arena_new();
    bool ok =
        same_for_tilings("ffn 768x3072", write_ffn(a), "--axis=x:1=tokens --max-tokens=32", 10);
    arena_free(a);
    assert_true(ok);
}

static void reference(void **state) { assert_int_equal(for_each(check_reference), 0); }
static void further(void **state) {
    assert_int_equal(for_each_of(further_models, ARRAY_LEN(further_models), check_reference), 0);
}
static void mapped(void **state) { assert_int_equal(for_each(check_mapped), 0); }
static void tilings(void **state) { assert_int_equal(for_each(check_tilings), 0); }
static void cuts(void **state) { assert_int_equal(for_each(check_cuts), 0); }
static void repeat(void **state) { assert_int_equal(for_each(check_repeat), 0); }

int main(int argc, char **argv) {
    if (argc > 2) {
        shard = strtoul(argv[1], NULL, 10);
        shards = strtoul(argv[2], NULL, 10);
        only = argc > 3 ? argv[3] : NULL;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reference),
        cmocka_unit_test(further),
        cmocka_unit_test(mapped),
        cmocka_unit_test(tilings),
        cmocka_unit_test(larger_than_a_tile),
        cmocka_unit_test(cuts),
        cmocka_unit_test(repeat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
