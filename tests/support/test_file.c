// file.h, json.h: reading, atomic writing, paths. parallel.h: every index once.
#include "support/file/file.h"
#include "support/file/json.h"
#include "support/parallel.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
// cmocka.h needs some of the above
#include <cmocka.h>
#include <dirent.h>

static char folder[] = "/tmp/ohmic_file_XXXXXX";
static char target[sizeof folder + 16];

static int make_folder(void **state) {
    if (!mkdtemp(folder)) return -1;
    snprintf(target, sizeof target, "%s/out.bin", folder);
    return 0;
}

static int n_files(void) {
    int n = 0;
    DIR *d = opendir(folder);
    for (struct dirent *e; (e = readdir(d));) n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

static void put(const char *text) {
    file_out *o = file_out_open(target, NULL);
    assert_non_null(o);
    fputs(text, file_out_stream(o));
    assert_true(file_out_commit(o, NULL));
}

static void assert_holds(const char *text) {
    file_map f;
    assert_true(file_map_open(&f, target, NULL));
    assert_int_equal(f.bytes, strlen(text));
    assert_memory_equal(f.data, text, f.bytes);
    file_map_close(&f);
}

static void abandoned_output_leaves_the_old_file(void **state) {
    put("old");
    assert_holds("old");
    chmod(target, 0640);
    file_out *o = file_out_open(target, NULL);
    fputs("half of the n", file_out_stream(o));
    fflush(file_out_stream(o));
    assert_holds("old");
    assert_int_equal(n_files(), 2);
    file_out_abandon(o);
    file_out_abandon(NULL);
    assert_holds("old");
    assert_int_equal(n_files(), 1);
    put("new, longer");
    assert_holds("new, longer");
    struct stat st;
    stat(target, &st);
    assert_int_equal(st.st_mode & 0777, 0640); // the replaced file's
    char link[sizeof target + 8];
    snprintf(link, sizeof link, "%s/link", folder);
    assert_int_equal(symlink("out.bin", link), 0);
    o = file_out_open(link, NULL);
    fputs("through a link", file_out_stream(o));
    assert_true(file_out_commit(o, NULL));
    assert_holds("through a link");
    assert_int_equal(n_files(), 2);
    unlink(link);
    unlink(target);
}

static void failures_are_reported(void **state) {
    diag_sink *s = diag_sink_new();
    file_map f;
    assert_false(file_map_open(&f, "/no/such/file", s));
    assert_false(file_map_open(&f, folder, s));
    assert_null(file_out_open("/no/such/folder/file", s));
    assert_null(file_out_open(folder, s));
    assert_int_equal(diag_errors(s), 4);
    for (size_t i = 0; i < 4; i++) assert_int_equal(diag_get(s, i)->id, DIAG_ID_io);
    assert_string_equal(diag_get(s, 0)->message, "cannot read: No such file or directory");
    assert_string_equal(diag_get(s, 3)->message, "cannot write: Is a directory");
    if (file_exists("/dev/full")) {
        file_out *o = file_out_open("/dev/full", s);
        fputs("lost", file_out_stream(o));
        assert_false(file_out_commit(o, s));
        assert_string_equal(diag_get(s, 4)->message, "cannot write: No space left on device");
    }
    diag_sink_free(s);
    assert_true(file_map_open(&f, "/dev/null", NULL)); // not mappable, and empty
    assert_int_equal(f.bytes, 0);
    file_map_close(&f);
    assert_true(file_map_open(&f, "/proc/self/status", NULL)); // size 0, but content
    assert_true(f.bytes > 0 && !f.mapped);
    file_map_close(&f);
}

static void folders_and_paths(void **state) {
    arena *a = arena_new();
    char *deep = arena_printf(a, "%s/a/b/c", folder);
    assert_true(file_make_dir(deep, NULL) && file_make_dir(deep, NULL) && file_exists(deep));
    diag_sink *s = diag_sink_new();
    assert_false(file_make_dir("/proc/nothing/here", s));
    assert_int_equal(diag_errors(s), 1);
    diag_sink_free(s);
    rmdir(deep);
    rmdir(arena_printf(a, "%s/a/b", folder));
    rmdir(arena_printf(a, "%s/a", folder));

    assert_string_equal(file_beside(a, "m/x.onnx", "x.data"), "m/x.data");
    assert_string_equal(file_beside(a, "x.onnx", "w/./x.data"), "w/./x.data");
    assert_string_equal(file_beside(a, "/x.onnx", "a/../x.data"), "/a/../x.data");
    assert_null(file_beside(a, "m/x.onnx", "/etc/passwd"));
    assert_null(file_beside(a, "m/x.onnx", "../x.data"));
    assert_null(file_beside(a, "m/x.onnx", "a/..//./../x.data"));
    assert_null(file_beside(a, "m/x.onnx", ""));
    assert_string_equal(file_join(a, "d", "n"), "d/n");
    assert_string_equal(file_join(a, "d/", "n"), "d/n");
    assert_string_equal(file_join(a, "", "n"), "n");
    assert_string_equal(file_base("a/b.c"), "b.c");
    assert_string_equal(file_base("b"), "b");
    arena_free(a);
}

static void hashes_are_xxh3(void **state) {
    char hex[33];
    file_hash_hex("", 0, hex);
    assert_string_equal(hex, "99aa06d3014798d86001c324468d497f"); // XXH3's published empty hash
    assert_true(file_hash64("", 0) == 0x2d06800538d394c2u);
}

static void json_errors_have_positions(void **state) {
    diag_sink *s = diag_sink_new();
    json_t *ok = json_file_parse("{\"a\": [1, 2]}", 13, "x.json", s);
    assert_int_equal(json_array_size(json_object_get(ok, "a")), 2);
    json_decref(ok);
    static const char *const damaged[] = {"{\n  \"a\": ]\n}", "{\"a\":1,\"a\":2}", "[1,",
                                          "\"\xff\"", ""};
    for (size_t i = 0; i < ARRAY_LEN(damaged); i++) {
        assert_null(json_file_parse(damaged[i], strlen(damaged[i]), "x.json", s));
        assert_int_equal(diag_errors(s), i + 1);
        assert_int_equal(diag_get(s, i)->id, DIAG_ID_json_syntax);
    }
    assert_int_equal(diag_get(s, 0)->loc.line, 2);
    assert_int_equal(diag_get(s, 0)->loc.col, 8);
    char *deep = malloc(1000000);
    memset(deep, '[', 1000000);
    assert_null(json_file_parse(deep, 1000000, "x.json", s));
    free(deep);
    assert_null(json_file_read("/no/such.json", s));
    diag_sink_free(s);
}

typedef struct {
    uint8_t *seen;
    size_t grain, n;
    bool bad_chunk;
} visit;

static void mark(void *ctx, size_t begin, size_t end) {
    visit *v = ctx;
    if (begin % v->grain || (end % v->grain && end != v->n)) v->bad_chunk = true;
    for (size_t i = begin; i < end; i++) v->seen[i]++;
}

static void loops_visit_every_index_once(void **state) {
    static const size_t sizes[] = {0, 1, 7, 8, 1000, 4097};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        for (int threads = 0; threads < 5; threads++) {
            for (size_t grain = 1; grain < 100; grain += 33) {
                visit v = {calloc(sizes[i] + 1, 1), grain, sizes[i], false};
                parallel_for(threads, sizes[i], grain, mark, &v);
                for (size_t k = 0; k < sizes[i]; k++) assert_int_equal(v.seen[k], 1);
                assert_int_equal(v.seen[sizes[i]], 0);
                assert_false(v.bad_chunk);
                free(v.seen);
            }
        }
    }
    assert_true(parallel_cores() >= 1);
}

static int remove_folder(void **state) { return rmdir(folder); }

static void endings(void **state) {
    assert_true(file_ends_in("a/b.npy", ".npy"));
    assert_true(file_ends_in(".npy", ".npy"));
    assert_false(file_ends_in("npy", ".npy"));
    assert_false(file_ends_in("a.npy/b", ".npy"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(endings),
        cmocka_unit_test(abandoned_output_leaves_the_old_file),
        cmocka_unit_test(failures_are_reported),
        cmocka_unit_test(folders_and_paths),
        cmocka_unit_test(hashes_are_xxh3),
        cmocka_unit_test(json_errors_have_positions),
        cmocka_unit_test(loops_visit_every_index_once),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
