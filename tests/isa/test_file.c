// Program files: what is written reads back, the same bytes every time, tools of binutils like it,
// and no damage goes unnoticed.
#include "isa/code.h"
#include "isa/file/file.h"
#include "isa/file/format.h"
#include "sample.h"
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

static char *temporary(const char *name) {
    static char path[2][512]; // a test holds at most two
    static int turn;
    turn = !turn;
    const char *dir = getenv("TMPDIR");
    snprintf(path[turn], sizeof path[turn], "%s/ohmic-%d-%s", dir ? dir : "/tmp", (int)getpid(),
             name);
    return path[turn];
}

typedef struct {
    uint8_t *data;
    size_t bytes;
} blob;

static blob read_file(const char *path) {
    file_map f;
    assert_true(file_map_open(&f, path, NULL));
    blob b = {base_alloc(f.bytes), f.bytes};
    memcpy(b.data, f.data, f.bytes);
    file_map_close(&f);
    return b;
}

static blob write_program(const isa_program *p) {
    char *path = temporary("write.ohm");
    diag_sink *diags = diag_sink_new();
    bool ok = isa_write(p, path, diags);
    diag_print(diags, 0, stderr, false);
    assert_true(ok);
    diag_sink_free(diags);
    blob b = read_file(path);
    unlink(path);
    return b;
}

static isa_program *read_blob(const uint8_t *data, size_t bytes, diag_sink *diags) {
    file_map f = {.data = bytes ? data : NULL, .bytes = bytes, .name = "x.ohm"};
    return isa_read(&f, diags);
}

static void assert_round_trip(const isa_program *p) {
    blob b = write_program(p);
    diag_sink *diags = diag_sink_new();
    isa_program *q = read_blob(b.data, b.bytes, diags);
    diag_print(diags, 0, stderr, false);
    assert_non_null(q);
    assert_int_equal(diag_count(diags), 0);
    assert_string_equal(q->tool, p->tool);
    assert_int_equal(q->cells_bytes, p->cells_bytes);
    assert_true(((uintptr_t)(q->cells - b.data)) % 4096 == 0);
    assert_true(((uintptr_t)(q->tables - b.data)) % 64 == 0);
    blob again = write_program(q);
    assert_int_equal(again.bytes, b.bytes);
    assert_memory_equal(again.data, b.data, b.bytes);
    free(again.data);
    isa_program_free(q);
    diag_sink_free(diags);
    free(b.data);
}

static void sample_round_trip(void **state) {
    isa_program *p = sample_program();
    assert_round_trip(p);
    isa_program_free(p);
}

static void random_round_trips(void **state) {
    random_stream r = random_test(random_seed(3));
    for (int n = 0; n < 300; n++) {
        isa_program *p = sample_random(&r);
        assert_round_trip(p);
        isa_program_free(p);
    }
}

// Interning order must not show.
static void names_are_canonical(void **state) {
    isa_program *p = sample_program();
    blob a = write_program(p);
    isa_program *q = isa_program_new();
    isa_program_string(q, "never used");
    isa_program_free(q);
    isa_program_string(p, "never used");
    blob b = write_program(p);
    assert_int_equal(a.bytes, b.bytes);
    assert_memory_equal(a.data, b.data, a.bytes);
    free(a.data);
    free(b.data);
    isa_program_free(p);
}

static bool fill(void *ctx, uint64_t first, size_t n, uint8_t *out) {
    assert_true(first % 3 == 0 && (n % 3 == 0 || first + n == 47));
    memcpy(out, (const uint8_t *)ctx + first, n);
    return true;
}

static bool fill_fails(void *ctx, uint64_t first, size_t n, uint8_t *out) { return false; }

// A program written from pieces is the program written from memory.
static void pieces(void **state) {
    isa_program *p = sample_program();
    uint8_t *cells = (uint8_t *)p->cells;
    cells[0] = 0; // not covered by a piece
    memset((uint8_t *)p->tables + 100, 0, 76);
    blob a = write_program(p);
    isa_piece made[] = {{.offset = 1, .bytes = 47, .fill = fill, .ctx = cells + 1, .grain = 3}};
    isa_piece given[] = {{.offset = 0, .bytes = 60, .data = p->tables},
                         {.offset = 60, .bytes = 40, .data = p->tables + 60}};
    p->cells = p->tables = NULL;
    p->cell_pieces = made;
    p->n_cell_pieces = 1;
    p->table_pieces = given;
    p->n_table_pieces = 2;
    blob b = write_program(p);
    assert_int_equal(a.bytes, b.bytes);
    assert_memory_equal(a.data, b.data, a.bytes);
    made[0].fill = fill_fails;
    char *path = temporary("fails.ohm");
    assert_false(isa_write(p, path, NULL));
    assert_false(file_exists(path));
    free(a.data);
    free(b.data);
    isa_program_free(p);
}

static void assert_rejected(const blob *b, size_t bytes, const char *what, size_t at) {
    diag_sink *diags = diag_sink_new();
    isa_program *p = read_blob(b->data, bytes, diags);
    if (p || diag_errors(diags) == 0) fail_msg("%s %zu was not noticed", what, at);
    assert_non_null(diag_get(diags, 0)->loc.where);
    diag_sink_free(diags);
}

static void every_truncation(void **state) {
    isa_program *p = sample_program();
    blob b = write_program(p);
    for (size_t n = 0; n < b.bytes; n++) {
        uint8_t *exact = base_alloc(n); // so that reading past the end is seen by sanitizers
        memcpy(exact, b.data, n);
        assert_rejected(&(blob){exact, n}, n, "truncation to", n);
        free(exact);
    }
    isa_program_free(p);
    free(b.data);
}

static void every_bit(void **state) {
    isa_program *p = sample_program();
    blob b = write_program(p);
    for (size_t bit = 0; bit < 8 * b.bytes; bit++) {
        b.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_rejected(&b, b.bytes, "flip of bit", bit);
        b.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    isa_program_free(p);
    free(b.data);
}

static void appended_bytes(void **state) {
    isa_program *p = sample_program();
    blob b = write_program(p);
    b.data = base_realloc(b.data, b.bytes + 1);
    b.data[b.bytes] = 0;
    assert_rejected(&b, b.bytes + 1, "appended byte", b.bytes);
    isa_program_free(p);
    free(b.data);
}

// The damaged section is named.
static void damage_is_located(void **state) {
    isa_program *p = sample_program();
    blob b = write_program(p);
    b.data[b.bytes - 1] ^= 1;
    diag_sink *diags = diag_sink_new();
    assert_null(read_blob(b.data, b.bytes, diags));
    assert_non_null(strstr(diag_get(diags, 0)->loc.where, ".ohm.tables"));
    diag_sink_free(diags);
    isa_program_free(p);
    free(b.data);
}

// Damage with hashes that fit: what an attacker would send. Rejected or harmless, never a crash.
static void sealed_damage(void **state) {
    random_stream r = random_test(random_seed(4));
    isa_program *p = sample_program();
    blob b = write_program(p);
    uint8_t *copy = base_alloc(b.bytes);
    int accepted = 0, sealed = 0;
    for (int n = 0; n < 20000; n++) {
        memcpy(copy, b.data, b.bytes);
        for (uint32_t k = 1 + random_below(&r, 3); k > 0; k--) {
            size_t at = random_below(&r, (uint32_t)b.bytes);
            if (at >= 4096 && random_below(&r, 8)) at = random_below(&r, 4096);
            copy[at] = random_below(&r, 2) ? 0xFF : (uint8_t)random_u64(&r);
        }
        if (!isa_file_seal(copy, b.bytes)) continue;
        sealed++;
        isa_program *q = read_blob(copy, b.bytes, NULL);
        accepted += q != NULL;
        isa_program_free(q);
    }
    assert_true(sealed > 10000 && accepted > 100 && accepted < sealed);
    free(copy);
    free(b.data);
    isa_program_free(p);
}

// Records change from version to version: another one is not read, and says what it is.
static void other_versions(void **state) {
    isa_program *p = sample_program();
    blob b = write_program(p);
    for (uint32_t version = OHM_VERSION - 1; version <= OHM_VERSION + 1; version++) {
        memcpy(b.data + OHM_NOTE_OFFSET + OHM_NOTE_HEADER, &version, 4);
        isa_file_seal(b.data, b.bytes);
        char text[64];
        snprintf(text, sizeof text, "version %u of the format, this command reads version %d",
                 version, OHM_VERSION);
        diag_sink *diags = diag_sink_new();
        isa_program *q = read_blob(b.data, b.bytes, diags);
        if (version == OHM_VERSION)
            assert_non_null(q);
        else
            assert_non_null(strstr(diag_get(diags, 0)->message, text));
        diag_sink_free(diags);
        isa_program_free(q);
    }
    isa_program_free(p);
    free(b.data);
}

// There is one header: any other, with hashes that fit, is refused.
static void odd_headers(void **state) {
    isa_program *p = sample_program();
    blob b = write_program(p);
    for (size_t bit = 0; bit < 8 * sizeof(Elf64_Ehdr); bit++) {
        uint8_t *copy = base_alloc(b.bytes);
        memcpy(copy, b.data, b.bytes);
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
        isa_file_seal(copy, b.bytes);
        assert_rejected(&(blob){copy, b.bytes}, b.bytes, "sealed flip of bit", bit);
        free(copy);
    }
    isa_program_free(p);
    free(b.data);
}

static void tool_is_content(const char *command, const char *path) {
    char line[1200], errors[512];
    snprintf(errors, sizeof errors, "%s.err", path);
    snprintf(line, sizeof line, "%s %s >/dev/null 2>%s", command, path, errors);
    int rc = system(line);
    file_map f;
    assert_true(file_map_open(&f, errors, NULL));
    if (f.bytes > 0) fail_msg("%s: %.*s", command, (int)f.bytes, (const char *)f.data);
    file_map_close(&f);
    unlink(errors);
    assert_int_equal(rc, 0);
}

static void binutils(void **state) {
    isa_program *p = sample_program();
    char *path = temporary("tools.ohm");
    assert_true(isa_write(p, path, NULL));
    if (system("command -v readelf objdump nm >/dev/null") == 0) {
        tool_is_content("LC_ALL=C readelf -a -W", path);
        tool_is_content("LC_ALL=C readelf -p .ohm.ir", path);
        tool_is_content("LC_ALL=C objdump -s", path);
        tool_is_content("LC_ALL=C objdump -h -t", path);
        tool_is_content("LC_ALL=C nm", path);
    }
    unlink(path);
    isa_program_free(p);
}

static void wrong_structure_is_not_written(void **state) {
    isa_program *p = sample_program();
    p->tiles[0].tables[0].rows = UINT32_MAX;
    p->tiles[0].blocks[1].cols = 5;
    p->tiles[0].buffers[4].col0 = 5;
    diag_sink *diags = diag_sink_new();
    assert_false(isa_write(p, temporary("wrong.ohm"), diags));
    assert_true(diag_errors(diags) >= 2); // all of them in one go
    diag_sink_free(diags);
    isa_program_free(p);
}

// A range is of values of i32, one past the largest last; none where both are the same.
static void ranges_of_ports(void **state) {
    static const struct {
        uint32_t type;
        int64_t lo, hi;
        bool ok;
    } cases[] = {{ISA_F32, 0, 0, true},
                 {ISA_I32, INT32_MIN, INT64_C(1) << 31, true},
                 {ISA_I32, 3, 1, false},
                 {ISA_I32, INT64_MIN, 2, false},
                 {ISA_I32, 0, (INT64_C(1) << 31) + 1, false},
                 {ISA_F32, 0, 2, false}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        isa_program *p = sample_program();
        p->ports[0].type = (uint8_t)cases[i].type;
        p->ports[0].lo = cases[i].lo;
        p->ports[0].hi = cases[i].hi;
        diag_sink *diags = diag_sink_new();
        char *path = temporary("range.ohm");
        assert_int_equal(isa_write(p, path, diags), cases[i].ok);
        unlink(path);
        diag_sink_free(diags);
        isa_program_free(p);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_of_ports),
        cmocka_unit_test(sample_round_trip),
        cmocka_unit_test(random_round_trips),
        cmocka_unit_test(names_are_canonical),
        cmocka_unit_test(pieces),
        cmocka_unit_test(every_truncation),
        cmocka_unit_test(every_bit),
        cmocka_unit_test(appended_bytes),
        cmocka_unit_test(damage_is_located),
        cmocka_unit_test(sealed_damage),
        cmocka_unit_test(other_versions),
        cmocka_unit_test(odd_headers),
        cmocka_unit_test(binutils),
        cmocka_unit_test(wrong_structure_is_not_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
