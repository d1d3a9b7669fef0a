// Assembly: what is disassembled assembles to the same bytes, the notation is as documented, and
// what is wrong is said with line, column and the word that was probably meant.
#include "isa/file/file.h"
#include "isa/text/text.h"
#include "sample.h"
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct {
    char folder[256], data[300], asm_file[300], ohm[300];
} files;

static files make_folder(void) {
    files f;
    const char *dir = getenv("TMPDIR");
    snprintf(f.folder, sizeof f.folder, "%s/ohmic-text-XXXXXX", dir ? dir : "/tmp");
    assert_non_null(mkdtemp(f.folder));
    snprintf(f.data, sizeof f.data, "%s/x.data", f.folder);
    snprintf(f.asm_file, sizeof f.asm_file, "%s/x.s", f.folder);
    snprintf(f.ohm, sizeof f.ohm, "%s/x.ohm", f.folder);
    return f;
}

static void remove_folder(const files *f) {
    unlink(f->data);
    unlink(f->asm_file);
    unlink(f->ohm);
    assert_int_equal(rmdir(f->folder), 0);
}

// data: the file beside the text; NULL: they stand in it.
static char *disassemble(const isa_program *p, const char *data, size_t *bytes) {
    char *text = NULL;
    FILE *out = open_memstream(&text, bytes);
    assert_true(isa_disassemble(p, out, data ? ISA_DATA_BESIDE : ISA_DATA_WITHIN, data, NULL));
    assert_int_equal(fclose(out), 0);
    return text;
}

static char *ohm_bytes(const isa_program *p, const files *f, size_t *bytes) {
    diag_sink *diags = diag_sink_new();
    bool ok = isa_write(p, f->ohm, diags);
    diag_print(diags, 0, stderr, false);
    assert_true(ok);
    diag_sink_free(diags);
    file_map m;
    assert_true(file_map_open(&m, f->ohm, NULL));
    char *copy = base_alloc(m.bytes);
    memcpy(copy, m.data, m.bytes);
    *bytes = m.bytes;
    file_map_close(&m);
    return copy;
}

static void assert_round_trip(const isa_program *p, const files *f) {
    const char *const places[] = {f->data, NULL};
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        size_t n_before, n_after, n_text, n_again;
        char *before = ohm_bytes(p, f, &n_before);
        char *text = disassemble(p, places[i], &n_text);
        diag_sink *diags = diag_sink_new();
        isa_program *q = isa_assemble(text, n_text, f->asm_file, diags);
        if (!q) {
            fputs(text, stderr);
            diag_print(diags, 0, stderr, false);
            fail();
        }
        char *after = ohm_bytes(q, f, &n_after);
        assert_int_equal(n_before, n_after);
        assert_memory_equal(before, after, n_before);
        char *again = disassemble(q, places[i], &n_again);
        assert_string_equal(text, again);
        free(before);
        free(text);
        free(after);
        free(again);
        isa_program_free(q);
        diag_sink_free(diags);
    }
}

static void sample_round_trip(void **state) {
    files f = make_folder();
    isa_program *p = sample_program();
    assert_round_trip(p, &f);
    isa_program_free(p);
    remove_folder(&f);
}

static void random_round_trips(void **state) {
    random_stream r = random_test(random_seed(5));
    files f = make_folder();
    for (int n = 0; n < 300; n++) {
        isa_program *p = sample_random(&r);
        assert_round_trip(p, &f);
        isa_program_free(p);
    }
    remove_folder(&f);
}

// The notation; OHMIC_UPDATE=1 writes it anew.
static void golden(void **state) {
    const char *path = OHMIC_SOURCE_DIR "/tests/isa/sample.s";
    isa_program *p = sample_program();
    size_t bytes;
    char *text = disassemble(p, NULL, &bytes);
    if (getenv("OHMIC_UPDATE")) {
        FILE *out = fopen(path, "w");
        assert_non_null(out);
        fwrite(text, 1, bytes, out);
        fclose(out);
    }
    file_map f;
    assert_true(file_map_open(&f, path, NULL));
    char *expected = base_calloc(f.bytes + 1, 1);
    memcpy(expected, f.data, f.bytes);
    file_map_close(&f);
    assert_string_equal(text, expected);
    free(expected);
    free(text);
    isa_program_free(p);
}

static void single_instructions(void **state) {
    isa_program *p = sample_program();
    const isa_insn *code = p->tiles[0].phase[0].code;
    static const char *const expected[] = {"in x, hidden",
                                           "norm.rms n, x, ln1, 1e-5",
                                           "mvm qkv, n, g.qkv",
                                           "attn o, q, kv, r",
                                           "ew2 o, x, o, add",
                                           "send o, c.out",
                                           "halt"};
    for (size_t i = 0; i < ARRAY_LEN(expected); i++)
        assert_string_equal(isa_insn_text(p->arena, p, 0, &code[i]), expected[i]);
    assert_string_equal(isa_insn_text(p->arena, p, 0, &(isa_insn){.op = ISA_copy, .d = 99}),
                        ".word 08006300 00000000 00000000 00000000");
    assert_string_equal(isa_insn_text(p->arena, p, 0, &(isa_insn){.op = 0xEE, .imm = 1}),
                        ".word ee000000 00000000 00000000 01000000");
    isa_insn norm = {.op = ISA_norm, .mode = 2, .dom = 1, .a = 1, .x = ISA_NONE, .imm = 0x7FC00000};
    assert_string_equal(isa_insn_text(p->arena, p, 0, &norm), "norm.l2.t1 x, n, _, 0x7fc00000");
    isa_program_free(p);
}

static const char head[] =
    ".ohm 1\n.program stream max_tokens=8 max_chunk=8\n.phase run\n"
    ".rows t0 free max=8\n.port ids in f32 4\n.tile 0\n"
    ".buf x f32 4 depth=2 stride=16\n.buf y f32 4 depth=2 stride=16 base=32\n"
    ".code run\n"; // 9 lines

static void by_hand(void **state) {
    char text[2048];
    snprintf(text, sizeof text,
             "%s  in x, ids ; comment\n\tcopy.t0 y,x @3 \"a;b\"\r\nrows.window y, x, "
             "_, _, 0x10\nhalt\n",
             head);
    diag_sink *diags = diag_sink_new();
    isa_program *p = isa_assemble(text, strlen(text), "x.s", diags);
    diag_print(diags, 0, stderr, false);
    assert_non_null(p);
    assert_int_equal(p->tiles[0].phase[0].count, 4);
    assert_int_equal(p->tiles[0].phase[0].lines[1].ir_op, 3);
    assert_string_equal(isa_str(p, p->tiles[0].phase[0].lines[1].node), "a;b");
    assert_int_equal(p->tiles[0].phase[0].code[2].imm, 16);
    isa_program_free(p);
    diag_sink_free(diags);
}

// Each line is wrong in one way, behind `head`.
static void wrong_lines(void **state) {
    static const struct {
        const char *line;
        diag_id id;
        int col, end_col;
        const char *message, *note;
    } wrong[] = {
        {"copyy y, x", DIAG_ID_asm_name, 1, 6, "'copyy' is no instruction", "'copy'"},
        {"sfotmax y, x, 1", DIAG_ID_asm_name, 1, 8, "no instruction", "'softmax'"},
        {"copy.t9 y, x", DIAG_ID_asm_operand, 1, 8, "'.t9' is no mode of copy", NULL},
        {"norm.rsm y, x, _, 1", DIAG_ID_asm_operand, 1, 9, "layer rms l2", NULL},
        {"copy y", DIAG_ID_asm_syntax, 7, 8, "expected ',', found the end", NULL},
        {"copy y,", DIAG_ID_asm_operand, 8, 9, "operand a is missing: buffer", NULL},
        {"copy y x", DIAG_ID_asm_syntax, 8, 9, "expected ',', found 'x'", NULL},
        {"copy y, x, x, x", DIAG_ID_asm_syntax, 13, 14, "expected the end of the line", NULL},
        {"copy y, z", DIAG_ID_asm_name, 9, 10, "there is no buffer 'z' in this tile", NULL},
        {"copy y, %2", DIAG_ID_asm_name, 9, 11, "there is no buffer %2", NULL},
        {"copy y, _", DIAG_ID_asm_operand, 9, 10, "not optional", NULL},
        {"in y, id", DIAG_ID_asm_name, 7, 9, "there is no port 'id'", "'ids'"},
        {"ew1 y, x, rleu", DIAG_ID_asm_operand, 11, 15, "a function's name", "'relu'"},
        {"softmax y, x, 65536", DIAG_ID_asm_operand, 15, 20, "a number below", NULL},
        {"softmax y, x, -1", DIAG_ID_asm_operand, 15, 17, "a number below", NULL},
        {"norm y, x, _, nan", DIAG_ID_asm_operand, 15, 18, "must be a number", NULL},
        {"norm y, x, _, 1e999", DIAG_ID_asm_operand, 15, 20, "must be a number", NULL},
        {"settl t1, t0, most", DIAG_ID_asm_operand, 15, 19, "lin, one, last or prefix", NULL},
        {"settl t8, t0, lin", DIAG_ID_asm_operand, 7, 9, "t0 to t7", NULL},
        {"copy y, \"x", DIAG_ID_asm_syntax, 9, 10, "does not end", NULL},
        {"copy y, \"\\q\"", DIAG_ID_asm_syntax, 9, 12, "a string has", NULL},
        {"copy y, x &", DIAG_ID_asm_syntax, 11, 12, "unexpected character", NULL},
        {".word 00", DIAG_ID_asm_operand, 7, 9, "four groups", NULL},
        {".bfu z f32 4", DIAG_ID_asm_name, 1, 5, "'.bfu' is no directive", "'.buf'"},
        {".buf z f23 4", DIAG_ID_asm_operand, 8, 11, "f32 bf16 q8", NULL},
        {".buf z f32 4 dpeth=1", DIAG_ID_asm_name, 14, 19, "a buffer has no 'dpeth'", "'depth'"},
        {".buf z f32 4 zero=99999999999", DIAG_ID_asm_operand, 19, 30, "smaller", NULL},
        {".view v z 0..1", DIAG_ID_asm_name, 9, 10, "no buffer 'z'", NULL},
        {".view v x 3..1", DIAG_ID_asm_operand, 11, 15, "FIRST..LAST", NULL},
        {".group g 4", DIAG_ID_asm_operand, 10, 11, "ROWSxCOLUMNS", NULL},
        {".block 4x4", DIAG_ID_asm_syntax, 11, 12, "follows its group", NULL},
        {".group g 4x4 n_blocks=1", DIAG_ID_asm_name, 14, 22, "has no 'n_blocks'", NULL},
        {".channel c f32 4 to=x", DIAG_ID_asm_operand, 21, 22, "number of a tile", NULL},
        {".code stop", DIAG_ID_asm_name, 11, 12, "there is no phase 'stop'", NULL},
        {".tile 2", DIAG_ID_asm_operand, 7, 8, "expected tile 1", NULL},
        {".data _ cells=1 tables=1", DIAG_ID_asm_data, 7, 8, "were left out", NULL},
        {".cells 1 2", DIAG_ID_asm_operand, 10, 11, "expected i8, i32, f32 or hex", NULL},
        {".cells", DIAG_ID_asm_operand, 7, 8, "expected i8, i32, f32 or hex", NULL},
        {".cells i8 1 128", DIAG_ID_asm_operand, 13, 16, "a number of type i8", NULL},
        {".tables i32 -2147483649", DIAG_ID_asm_operand, 13, 24, "a number of type i32", NULL},
        {".tables f32 1.5 nan", DIAG_ID_asm_operand, 17, 20, "a number of type f32", NULL},
        {".tables hex 00 0", DIAG_ID_asm_operand, 16, 17, "pairs of hexadecimal digits", NULL},
        {".tables hex 0g", DIAG_ID_asm_operand, 13, 15, "pairs of hexadecimal digits", NULL},
        {".tables 4097 i8 1", DIAG_ID_asm_data, 9, 13, "to 4096 behind it", NULL},
        {".data \"../x\" \"00\" cells=1", DIAG_ID_asm_data, 7, 13, "outside of this file's folder",
         NULL},
        {"copy y, x @x", DIAG_ID_asm_operand, 12, 13, "number of an IR operation", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        char text[2048];
        snprintf(text, sizeof text, "%s%s\n", head, wrong[i].line);
        diag_sink *diags = diag_sink_new();
        assert_null(isa_assemble(text, strlen(text), "x.s", diags));
        const diag *d = diag_get(diags, 0);
        bool note = !wrong[i].note ||
                    (diag_count(diags) > 1 && strstr(diag_get(diags, 1)->message, wrong[i].note));
        if (d->id != wrong[i].id || d->loc.line != 10 || d->loc.col != wrong[i].col ||
            d->loc.end_col != wrong[i].end_col || !strstr(d->message, wrong[i].message) || !note)
            fail_msg("%s\n%d:%d-%d: %s [%s]", wrong[i].line, d->loc.line, d->loc.col,
                     d->loc.end_col, d->message, diag_id_name(d->id));
        assert_int_equal(diag_errors(diags), 1);
        diag_sink_free(diags);
    }
}

static void several_at_once(void **state) {
    char text[2048];
    snprintf(text, sizeof text, "%scopyy y, x\ncopy y, z\n.bfu\n.buf z f23 4\ncopy z, x\n", head);
    diag_sink *diags = diag_sink_new();
    assert_null(isa_assemble(text, strlen(text), "x.s", diags));
    assert_int_equal(diag_errors(diags), 4); // the use of z is not one more
    diag_sink_free(diags);
}

static void whole_texts(void **state) {
    static const char *const wrong[] = {"",
                                        "copy x, y\n",
                                        ".ohm 2\n",
                                        ".ohm 1\n",
                                        ".ohm 1\n.program stream max_tokens=1 max_chunk=1\n",
                                        ".ohm 1\n.buf x f32 1\n"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        diag_sink *diags = diag_sink_new();
        assert_null(isa_assemble(wrong[i], strlen(wrong[i]), "x.s", diags));
        assert_true(diag_errors(diags) > 0);
        diag_sink_free(diags);
    }
}

// Two buffers of one name are told apart by their numbers, and must be.
static void ambiguous_names(void **state) {
    char text[2048];
    snprintf(text, sizeof text, "%s.buf x f32 4 depth=2 stride=16\ncopy %%0, %%2\nhalt\n", head);
    isa_program *p = isa_assemble(text, strlen(text), "x.s", NULL);
    assert_non_null(p);
    assert_string_equal(isa_insn_text(p->arena, p, 0, &p->tiles[0].phase[0].code[0]),
                        "copy %0, %2");
    isa_program_free(p);
    snprintf(text, sizeof text, "%s.buf x f32 4 depth=2 stride=16\ncopy x, y\nhalt\n", head);
    diag_sink *diags = diag_sink_new();
    assert_null(isa_assemble(text, strlen(text), "x.s", diags));
    assert_non_null(strstr(diag_get(diags, 0)->message, "the name of several"));
    diag_sink_free(diags);
}

// Numbers of every type, offsets, and several lines.
static void data_in_the_text(void **state) {
    char text[2048];
    snprintf(
        text, sizeof text,
        "%scopy y, x\nhalt\n.tables f32 1 0.5 -2e-3 0x7fc00000 ; four\n.cells i8 -128 127 0x7f\n"
        ".tables i32 -1 2\n.tables 32 hex 00ff 10\n.tables i8\n",
        head);
    isa_program *p = isa_assemble(text, strlen(text), "x.s", NULL);
    assert_non_null(p);
    const float f[] = {1, 0.5f, -2e-3f};
    const uint8_t end[] = {0, 0, 0x80 | 0x40, 0x7f, 255, 255, 255, 255, 2, 0,   0, 0,
                           0, 0, 0,           0,    0,   0,   0,   0,   0, 255, 16};
    assert_int_equal(p->cells_bytes, 3);
    assert_memory_equal(p->cells, ((uint8_t[]){128, 127, 127}), 3);
    assert_int_equal(p->tables_bytes, 35);
    assert_memory_equal(p->tables, f, sizeof f);
    assert_memory_equal(p->tables + sizeof f, end, sizeof end);
    isa_program_free(p);
    static const char *const twice[] = {".cells i8 1\n.data \"x\" \"00\" cells=1\n",
                                        ".data _ cells=1 tables=0\n.cells i8 1\n",
                                        ".tables 4 i8 1\n.tables 4 i8 1\n"};
    for (size_t i = 0; i < ARRAY_LEN(twice); i++) {
        snprintf(text, sizeof text, "%scopy y, x\nhalt\n%s", head, twice[i]);
        diag_sink *diags = diag_sink_new();
        assert_null(isa_assemble(text, strlen(text), "x.s", diags));
        assert_int_equal(diag_get(diags, diag_count(diags) - 1)->id, DIAG_ID_asm_data);
        diag_sink_free(diags);
    }
}

static void other_data(void **state) {
    files f = make_folder();
    isa_program *p = sample_program();
    size_t n;
    char *text = disassemble(p, f.data, &n);
    FILE *data = fopen(f.data, "r+");
    assert_non_null(data);
    fputc(1, data);
    fclose(data);
    diag_sink *diags = diag_sink_new();
    assert_null(isa_assemble(text, n, f.asm_file, diags));
    assert_int_equal(diag_get(diags, 0)->id, DIAG_ID_asm_data);
    diag_sink_free(diags);
    free(text);
    isa_program_free(p);
    remove_folder(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sample_round_trip),
        cmocka_unit_test(random_round_trips),
        cmocka_unit_test(golden),
        cmocka_unit_test(single_instructions),
        cmocka_unit_test(by_hand),
        cmocka_unit_test(wrong_lines),
        cmocka_unit_test(several_at_once),
        cmocka_unit_test(whole_texts),
        cmocka_unit_test(ambiguous_names),
        cmocka_unit_test(data_in_the_text),
        cmocka_unit_test(other_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
