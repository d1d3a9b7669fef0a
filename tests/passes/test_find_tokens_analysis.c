// find-tokens: what analysis says, and what it leaves. Plans as text; a part that nobody needs
// leaves nothing in the program and is not complained about; every value is as wide as its layout.
#include "find_tokens_case.h"

#include "bind_onnx.h"
#include "tests/shared.h"
#include <dirent.h>

#define MASKED IDS ", %mask \"attention_mask\" : i64[1,{K}]"

// ---- plans as text ---------------------------------------------------------------------------

typedef struct {
    outcome r;
    char *text;
} traced;

static traced run_traced(const char *text, pass_options o) {
    traced t = {0};
    size_t bytes = 0;
    o.trace = open_memstream(&t.text, &bytes);
    assert_non_null(o.trace);
    t.r = run_with(text, probe_free, ARRAY_LEN(probe_free), o);
    fclose(o.trace);
    return t;
}

static void close_traced(traced *t) {
    free(t->text);
    close_outcome(&t->r);
}

static void expect_line(const traced *t, const char *line) {
    if (!strstr(t->text, line)) fail_msg("no line '%s' in\n%s", line, t->text);
}

static void test_plans(void **state) {
    (void)state;
    // Numbers of nodes are left out: "%" stands before one, and the rest of the line is looked for.
    traced t =
        run_traced(OPEN(MASKED, Y) EMBED POSITIONS QKV
                   "  %m4 = t.reshape %mask : i64[1,1,1,{K}]\n"
                   "  %mb = t.cast %m4 {to = \"bool\"} : bool[1,1,1,{K}]\n" ATTEND(", %mb") CLOSE,
                   pass_options_default());
    operations(&t.r);
    static const char *const lines[] = {
        " input 'input_ids': rows [1, t0], needed\n  = 'input_ids' : i32[t0]\n",
        " t.gather \"/embed\": rows [1, t0, 8], needed\n  $0 = t.const @e : f32[16,8]\n  $1 = "
        "nn.embed %",
        " t.add \"/positions\": rows [1, t0, 8], needed\n"
        "  $0 = t.const new 'positions' : f32[64,8]\n  $1 = nn.posrow $0 : f32[t0,8]\n  $2 = t.add "
        "%",
        " t.reshape: rows [1, t0, 2, 4], needed\n  = %",
        " input 'attention_mask': rows [1, t0], needed, evaluated\n",
        " t.cast: rows [1, 1, 1, t0], evaluated\n",
        " nn.attention \"/attend\": rows [1, 2, t0, 4], needed\n  $0 = nn.attn %",
        "output 'out': [1, t0, 8]\n  = %",
    };
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) expect_line(&t, lines[i]);
    close_traced(&t);

    // A refused model says why, and what follows from it.
    t = run_traced(OPEN(IDS, "%z \"out\"") EMBED
                   "  %s = t.softmax %x0 {axis = 1} : f32[1,{T},8] loc(\"/s\")\n"
                   "  %z = t.neg %s : f32[1,{T},8] loc(\"/z\")\n" CLOSE,
                   pass_options_default());
    assert_null(t.r.m);
    expect_line(&t, " t.softmax \"/s\": refused, needed\n  ! 't.softmax' over axis 1 of [1, t0, 1] "
                    "mixes tokens: its rows depend on each other [tok-mix]\n");
    expect_line(&t, " t.neg \"/z\": refused, needed\n  ! because of %");
    close_traced(&t);

    // Both other forms: a broadcast carried out, and the last row.
    pass_options o = pass_options_default();
    o.logits = "last";
    t = run_traced(OPEN(IDS, "%z \"out\"") EMBED
                   "  %r = t.reshape %x0 : f32[1,{T},1,8]\n"
                   "  %bb = t.broadcast %r : f32[1,{T},2,8]\n"
                   "  %ff = t.reshape %bb : f32[1,{T},16]\n  %z = t.softmax %ff {axis = 2} : "
                   "f32[1,{T},16] loc(\"/z\")\n" CLOSE,
                   o);
    assert_string_equal(operations(&t.r), "nn.embed row.repeat rows.pick t.softmax");
    expect_line(&t, ".full\n  $0 = row.repeat %");
    expect_line(&t, ".last\n  $0 = t.softmax %");
    close_traced(&t);
}

// Beside the dump of the pass, also when it refuses; the dump reads back as without.
static void test_trace_file(void **state) {
    (void)state;
    char dir[] = "/tmp/ohmic-trace-XXXXXX", path[256];
    assert_non_null(mkdtemp(dir));
    static const char *const results[] = {"t.softmax %x0 {axis = 2}", "t.softmax %x0 {axis = 1}"};
    for (int refused = 0; refused < 2; refused++) {
        arena *a = arena_new();
        diag_sink *diags = diag_sink_new();
        const char *text = arena_printf(a, "%s%s  %%z = %s : f32[1,{T},8]\n}\n", symbols(a),
                                        OPEN(IDS, "%z \"out\"") EMBED, results[refused]);
        ir_module *m = probe_module(text, probe_free, ARRAY_LEN(probe_free));
        pass_pipeline p = {0};
        assert_true(pass_pipeline_parse(&p, "find-tokens", diags));
        const pass_checks checks = {.dump_dir = dir};
        pass_options o = pass_options_default();
        ir_module *out = pass_run_pipeline(&p, m, &o, &checks, diags);
        assert_true((out == NULL) == refused);
        snprintf(path, sizeof path, "%s/01-find-tokens.txt", dir);
        FILE *f = fopen(path, "r");
        char line[512], *last = NULL;
        assert_non_null(f);
        while (fgets(line, sizeof line, f))
            if (strstr(line, "t.softmax") && strchr(line, ':')) last = strrchr(line, ':');
        fclose(f);
        assert_non_null(last);
        remove(path);
        snprintf(path, sizeof path, "%s/01-find-tokens.oir", dir);
        ir_module *back = refused ? NULL : ir_parse_file(path, diags);
        assert_true((back == NULL) == refused);
        if (back) {
            char *x = ir_print_string(out), *y = ir_print_string(back);
            assert_string_equal(x, y);
            free(x);
            free(y);
        }
        remove(path);
        ir_module_free(back);
        ir_module_free(out);
        ir_module_free(m);
        vec_free(&p);
        diag_sink_free(diags);
        arena_free(a);
    }
    arena *a = arena_new();
    if (system(arena_printf(a, "rm -r '%s'", dir))) fail_msg("%s stays", dir);
    arena_free(a);
}

// ---- what nobody needs -----------------------------------------------------------------------

// Symbols, domains, parameters, notes and operations: all but the proof record, which counts nodes.
static char *program_text(const outcome *r) {
    assert_non_null(r->m);
    r->m->proof.count = 0;
    return ir_print_string(r->m);
}

#define ROWS_OF_MASK "  %m2 = t.cast %mask {to = \"f32\"} : f32[1,{K}]\n"
// A row is joined to the mask and dropped again: on rows that would be a table, two domains more
// and operations.
#define DETOUR                                               \
    "  %pad = t.const {value = @three.row} : f32[1,1]\n"     \
    "  %m3 = t.concat %pad, %m2 {axis = 1} : f32[1,{K+1}]\n" \
    "  %back = t.slice %m3 {starts = [0, 1], steps = [1, 1]} : f32[1,{K}]\n"
#define AS_MASK(of)                                \
    "  %m4 = t.reshape %" of " : f32[1,1,1,{K}]\n" \
    "  %mb = t.cast %m4 {to = \"bool\"} : bool[1,1,1,{K}]\n"

static void test_dead_branch(void **state) {
    (void)state;
    static const char symbol[] = "tensor @three.row : f32[1,1] = [3]\n";
    arena *a = arena_new();
    outcome plain = run(arena_printf(a, "%s%s", symbol,
                                     OPEN(MASKED, Y) EMBED POSITIONS QKV ROWS_OF_MASK AS_MASK("m2")
                                         ATTEND(", %mb") CLOSE));
    outcome detour =
        run(arena_printf(a, "%s%s", symbol,
                         OPEN(MASKED, Y) EMBED POSITIONS QKV ROWS_OF_MASK DETOUR AS_MASK("back")
                             ATTEND(", %mb") CLOSE));
    char *x = program_text(&plain), *y = program_text(&detour);
    assert_string_equal(x, y);
    assert_true(strstr(y, "domain t0") && !strstr(y, "domain t1") && !strstr(y, "three"));
    free(x);
    free(y);
    close_outcome(&plain);
    close_outcome(&detour);
    // The same branch as rows is there: above it is missing because nobody needs it.
    outcome used = run(
        arena_printf(a, "%s%s", symbol, OPEN(MASKED, "%back \"out\"") ROWS_OF_MASK DETOUR CLOSE));
    assert_string_equal(operations(&used), "t.cast rows.prefix rows.skip");
    // What is left has the rows there were.
    assert_true(used.m->domain[1].used && !used.m->domain[2].used);
    close_outcome(&used);
    arena_free(a);
}

// Nine domains on the way to a mask cost nothing; nine that are needed are one too many.
static void test_domains(void **state) {
    (void)state;
    arena *a = arena_new();
    char *chain = arena_str(a, ROWS_OF_MASK "  %pad = t.const {value = @three.row} : f32[1,1]\n"
                                            "  %c0 = t.add %m2, %f0 : f32[1,{K}]\n");
    for (int i = 0; i < 9; i++)
        chain = arena_printf(
            a, "%s  %%c%d = t.concat %%pad, %%c%d {axis = 1} : f32[1,{K+%d}] loc(\"/join%d\")\n",
            chain, i + 1, i, i + 1, i + 1);
    outcome r = run(arena_printf(
        a, "tensor @three.row : f32[1,1] = [3]\n%s%s%s", OPEN(MASKED, Y) EMBED POSITIONS QKV, chain,
        "  %back = t.slice %c9 {starts = [0, 9], steps = [1, 1]} : f32[1,{K}]\n" AS_MASK("back")
            ATTEND(", %mb") CLOSE));
    operations(&r);
    assert_false(r.m->domain[1].used);
    close_outcome(&r);
    refuse(arena_printf(a, "tensor @three.row : f32[1,1] = [3]\n%s%s%s",
                        OPEN(MASKED, "%c9 \"out\""), chain, CLOSE),
           DIAG_ID_tok_shape, "needs a token domain more than the 8 there are");
    arena_free(a);
}

// ---- findings --------------------------------------------------------------------------------

static size_t count_words(const outcome *r, const char *words) {
    size_t n = 0;
    for (size_t i = 0; i < diag_count(r->diags); i++)
        n += strstr(diag_get(r->diags, i)->message, words) != NULL;
    return n;
}

// A running sum over a mask has no form on rows: no fault as long as the mask is only evaluated.
#define SUMMED                                                                                   \
    "  %cs = t.cumsum %mask {axis = 1, exclusive = 0, reverse = 0} : i64[1,{K}] loc(\"/sum\")\n" \
    "  %pos1 = t.gt %cs, %zero : bool[1,{K}]\n"                                                  \
    "  %mk = t.cast %mask {to = \"bool\"} : bool[1,{K}]\n"                                       \
    "  %both = t.and %mk, %pos1 : bool[1,{K}]\n"                                                 \
    "  %mb = t.reshape %both : bool[1,1,1,{K}]\n"

static void test_needed_findings(void **state) {
    (void)state;
    outcome r = run(OPEN(MASKED, Y) EMBED POSITIONS QKV SUMMED ATTEND(", %mb") CLOSE);
    operations(&r);
    assert_int_equal(diag_errors(r.diags), 0);
    close_outcome(&r);
    // Needed by two outputs: said once, at the node, together with what else is wrong.
    r = run(OPEN(MASKED, "%one_ \"one\", %two_ \"two\", %y \"three\"") EMBED POSITIONS QKV SUMMED
            "  %pf = t.cast %both {to = \"f32\"} : f32[1,{K}]\n"
            "  %pc = t.reshape %pf : f32[1,{K},1]\n"
            "  %one_ = t.mul %x0, %pc : f32[1,{T},8]\n"
            "  %neg = t.neg %pc : f32[1,{K},1]\n"
            "  %soft = t.softmax %x0 {axis = 1} : f32[1,{T},8] loc(\"/soft\")\n"
            "  %two_ = t.mul %soft, %neg : f32[1,{T},8]\n" ATTEND(", %mb") CLOSE);
    assert_null(r.m);
    assert_int_equal(count_words(&r, "running sum over tokens"), 1);
    assert_int_equal(count_words(&r, "mixes tokens"), 1);
    assert_int_equal(diag_errors(r.diags), 2);
    close_outcome(&r);
    // Outputs that are refused for what they are come with the findings of others.
    r = run(OPEN(IDS, "%y \"one\", %z \"two\"") EMBED POSITIONS QKV
            "  %y = t.cumsum %x0 {axis = 1, exclusive = 0, reverse = 0} : f32[1,{T},8]\n"
            "  %kt = t.transpose %kh {perm = [0, 1, 3, 2]} : f32[1,2,4,{T}]\n"
            "  %z = t.matmul %qh, %kt : f32[1,2,{T},{T}]\n" CLOSE);
    assert_null(r.m);
    assert_int_equal(count_words(&r, "running sum over tokens"), 1);
    assert_int_equal(count_words(&r, "output 'two' is no value of rows"), 1);
    close_outcome(&r);
}

// ---- widths ----------------------------------------------------------------------------------

// Every result has as many columns as its port says, whose words come from the plain sizes.
static void assert_widths(const ir_module *m, const char *what) {
    const ir_func *f = m->funcs.items[0];
    for (size_t i = 0; i < f->results.count; i++) {
        const ir_port *p = &f->results.items[i];
        size_t n;
        const char *const *word = ir_attr_strs(&p->attrs, IR_ATTR_onnx_shape, &n);
        int64_t width = 1, domains = 0;
        for (size_t k = 0; k < n; k++)
            for (const char *at = word[k]; *at; at += strcspn(at, "*"), at += *at == '*') {
                domains += *at == 't';
                if (*at != 't') width *= strtoll(at, NULL, 10);
            }
        int64_t is = ir_type_width(ir_type_of(f, p->value));
        bool probabilities = domains > 1; // columns are slots of a ring
        if (!probabilities && is != width)
            fail_msg("%s: output '%s' has %lld columns, %lld expected", what, p->name,
                     (long long)is, (long long)width);
    }
}

static void expect_wide(const char *text, const char *ops) {
    outcome r = run(text);
    assert_string_equal(operations(&r), ops);
    assert_widths(r.m, ops);
    assert_true(has_text(&r.m->proof, "executed at 37 tokens: as the export"));
    close_outcome(&r);
}

#define COLUMN "%x \"x\" : f32[1,{T},1]"
#define WIDE_CONSTANTS                                     \
    "tensor @ones : f32[8] = [1, 1, 1, 1, 1, 1, 1, 1]\n"   \
    "tensor @w8 : f32[8] = [1, 2, 3, 4, 5, 6, 7, 8]\n"     \
    "tensor @grid : f32[2,4] = [2, 2, 2, 2, 2, 2, 2, 2]\n" \
    "tensor @long : f32[8,1] = [1, 1, 1, 1, 1, 1, 1, 1]\n"

static void test_widths(void **state) {
    (void)state;
    // A column and a constant of many columns, equal or not, on either side.
    expect_wide(WIDE_CONSTANTS OPEN(COLUMN, "%z \"out\"")
                    CONST("ones", "f32[8]") "  %z = t.mul %x, %ones : f32[1,{T},8]\n" CLOSE,
                "row.repeat t.mul");
    expect_wide(WIDE_CONSTANTS OPEN(COLUMN, "%z \"out\"")
                    CONST("ones", "f32[8]") "  %z = t.sub %ones, %x : f32[1,{T},8]\n" CLOSE,
                "row.repeat t.sub");
    expect_wide(WIDE_CONSTANTS OPEN(COLUMN, "%z \"out\"")
                    CONST("w8", "f32[8]") "  %z = t.mul %x, %w8 : f32[1,{T},8]\n" CLOSE,
                "row.repeat t.mul");
    expect_wide(WIDE_CONSTANTS OPEN(COLUMN, "%z \"out\"") CONST("w8", "f32[8]")
                    CONST("ones", "f32[8]") "  %c = t.lt %x, %f0 : bool[1,{T},1]\n"
                                            "  %z = t.select %c, %w8, %ones : f32[1,{T},8]\n" CLOSE,
                "t.lt row.repeat t.select");
    // Axes in front of the tokens and behind them.
    expect_wide(WIDE_CONSTANTS OPEN("%x \"x\" : f32[1,{T}]", "%z \"out\"")
                    CONST("long", "f32[8,1]") "  %z = t.mul %x, %long : f32[8,{T}]\n" CLOSE,
                "row.repeat t.mul");
    expect_wide(WIDE_CONSTANTS OPEN("%x \"x\" : f32[1,{T},1,1]", "%z \"out\"")
                    CONST("grid", "f32[2,4]") "  %z = t.add %x, %grid : f32[1,{T},2,4]\n" CLOSE,
                "row.repeat t.add");
    // Some columns are there already: they are repeated, no more.
    expect_wide(WIDE_CONSTANTS OPEN("%x \"x\" : f32[1,{T},1,4]", "%z \"out\"")
                    CONST("grid", "f32[2,4]") "  %z = t.add %x, %grid : f32[1,{T},2,4]\n" CLOSE,
                "row.repeat t.add");
    // Columns that a table by position brings are enough.
    expect_wide(OPEN(COLUMN, "%z \"out\"") "  %qf = t.cast %qc {to = \"f32\"} : f32[{T},1]\n"
                                           "  %angle = t.mul %qf, %g : f32[{T},8]\n"
                                           "  %z = t.add %x, %angle : f32[1,{T},8]\n" CLOSE,
                "nn.posrow t.add");
    // One row beside many.
    expect_wide(WIDE_CONSTANTS OPEN("%x \"x\" : f32[1,{T},8]", "%z \"out\"") CONST(
                    "ones", "f32[8]") "  %m = t.reduce %x {axes = [1, 2], fn = \"mean\", keepdims "
                                      "= 1} : f32[1,1,1]\n"
                                      "  %z = t.mul %m, %ones : f32[1,1,8]\n" CLOSE,
                "t.reduce rows.reduce row.repeat t.mul");
}

// ---- models ----------------------------------------------------------------------------------

static const pass_id until[] = {PASS_ID_widen, PASS_ID_fold_constants, PASS_ID_canonicalize,
                                PASS_ID_dce,   PASS_ID_fuse,           PASS_ID_find_tokens};

// A program that verifies, as wide as the model says; or a finding. Never a broken invariant.
static bool run_model(const char *path) {
    arena *a = arena_new();
    diag_sink *diags = diag_sink_new();
    pass_options o = pass_options_default();
    o.threads = 1;
    onnx_model *model = onnx_open(path, diags);
    ir_module *m = NULL;
    if (model) {
        bind_source source = bind_onnx_source(a, model);
        m = bind_module(&source, &(bind_options){.o = &o}, NULL, diags);
    }
    for (size_t i = 0; m && i < ARRAY_LEN(until); i++) {
        ir_module *next = pass_run(until[i], m, &o, diags);
        ir_module_free(m);
        m = next;
    }
    bool ok = m != NULL;
    if (m && !ir_verify(m, path, diags)) {
        diag_print(diags, 0, stderr, false);
        fail_msg("%s does not verify", path);
    }
    if (m) assert_widths(m, path);
    if (!m) assert_true(diag_errors(diags) > 0);
    ir_module_free(m);
    onnx_close(model);
    diag_sink_free(diags);
    arena_free(a);
    return ok;
}

// Every folder's model.onnx and every *.onnx below `dir`.
static void run_folder(const char *dir, size_t *n, size_t *compiled) {
    arena *a = arena_new();
    struct dirent **list;
    int count = scandir(dir, &list, NULL, alphasort);
    assert_true(count >= 0);
    for (int i = 0; i < count; i++) {
        const char *name = list[i]->d_name, *dot = strrchr(name, '.');
        const char *path = arena_printf(a, "%s/%s", dir, name);
        bool is_model = dot && strcmp(dot, ".onnx") == 0;
        if (!is_model && *name != '.') {
            path = arena_printf(a, "%s/model.onnx", path);
            is_model = file_exists(path);
        }
        if (is_model) {
            ++*n;
            *compiled += run_model(path);
        }
        free(list[i]);
    }
    free(list);
    arena_free(a);
}

static void test_shared_cases(void **state) {
    (void)state;
    size_t n = 0, compiled = 0;
    if (shared_present(SHARED "/cases")) {
        run_folder(SHARED "/cases", &n, &compiled);
        run_folder(SHARED "/cases/graphs", &n, &compiled);
        run_folder(SHARED "/cases/mini", &n, &compiled);
    }
    if (shared_exports()) run_folder(EXPORTS, &n, &compiled);
    printf("%zu of %zu models become rows, all as wide as they should be\n", compiled, n);
}

// ---- what is said of an input ----------------------------------------------------------------

// A mask of queries and keys by itself is executed as what it is said to be: added, or selected by,
// of either polarity.
static void test_masks_that_are_told(void **state) {
    pass_options o = pass_options_default();
#define SQUARE(type)                                                                  \
    OPEN(IDS ", %am \"attention_mask\" : " type "[1,1,{T},{T}] {role = \"mask\"}", Y) \
    EMBED POSITIONS QKV
    static const char *const masks[] = {
        SQUARE("f32") ATTEND(", %am") CLOSE,
        SQUARE("bool") "  %as = t.select %am, %f0, %big : f32[1,1,{T},{T}]\n" ATTEND(", %as") CLOSE,
        SQUARE("bool") "  %as = t.select %am, %big, %f0 : f32[1,1,{T},{T}]\n" ATTEND(", %as") CLOSE,
    };
    o.mask = "causal";
    for (size_t i = 0; i < ARRAY_LEN(masks); i++) {
        outcome r = run_with(masks[i], probe_free, 4, o);
        assert_true(has_text(r.m ? &r.m->notes : &(ir_text_list){0}, "taken to be a causal mask"));
        assert_string_equal(ir_attr_str(&r.m->attrs, IR_ATTR_class, ""), "stream");
        close_outcome(&r);
    }
    expect_refusal(
        run_with(SQUARE("i64") "  %af = t.cast %am {to = \"f32\"} : f32[1,1,{T},{T}]\n"
                               "  %as = t.mul %af, %f0 : f32[1,1,{T},{T}]\n" ATTEND(", %as") CLOSE,
                 probe_free, 4, o),
        DIAG_ID_tok_mask, "cannot be a causal mask");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plans),
        cmocka_unit_test(test_trace_file),
        cmocka_unit_test(test_dead_branch),
        cmocka_unit_test(test_domains),
        cmocka_unit_test(test_needed_findings),
        cmocka_unit_test(test_widths),
        cmocka_unit_test(test_masks_that_are_told),
        cmocka_unit_test(test_shared_cases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
