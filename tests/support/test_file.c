// file.h, json.h: reading, atomic writing, paths. parallel.h: every index once.
#include "support/file/file.h"
#include "support/file/json.h"
#include "support/parallel.h"
#include <fcntl.h>
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
    for (struct dirent *e; (e = readdir(d));)
        n += strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
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

    assert_string_equal(file_join(a, "d", "n"), "d/n");
    assert_string_equal(file_join(a, "d/", "n"), "d/n");
    assert_string_equal(file_join(a, "", "n"), "n");
    assert_string_equal(file_base("a/b.c"), "b.c");
    assert_string_equal(file_base("b"), "b");
    arena_free(a);
}

// ---- files that files name

static void write_text(const char *path, const char *text) {
    FILE *f = fopen(path, "w");
    fputs(text, f);
    fclose(f);
}

// Is `rel`, from beside folder/m.onnx, the file with the text "inside"? Else what is said of it.
static const char *beside(arena *a, const char *rel) {
    diag_sink *s = diag_sink_new();
    file_map f;
    const char *said = "";
    if (file_map_beside(&f, a, arena_printf(a, "%s/m.onnx", folder), rel, NULL, s)) {
        assert_int_equal(diag_count(s), 0);
        assert_int_equal(f.bytes, 6);
        assert_memory_equal(f.data, "inside", 6);
        file_map_close(&f);
    } else {
        assert_int_equal(diag_errors(s), 1);
        assert_int_equal(diag_get(s, 0)->id, DIAG_ID_io);
        said = arena_str(a, diag_get(s, 0)->message);
    }
    diag_sink_free(s);
    return said;
}

static void side_files_stay_in_the_folder(void **state) {
    arena *a = arena_new();
    char *sub = arena_printf(a, "%s/sub", folder), *away = arena_printf(a, "%s/away", folder);
    char *pipe = arena_printf(a, "%s/pipe", folder), *dash = arena_printf(a, "%s/-", folder);
    char *link = arena_printf(a, "%s/link", folder), *deep = arena_printf(a, "%s/sub/w", folder);
    assert_int_equal(mkdir(sub, 0777), 0);
    write_text(deep, "inside");
    write_text(dash, "inside");
    assert_int_equal(symlink("sub/w", link), 0);
    assert_int_equal(symlink("/", away), 0);
    assert_int_equal(mkfifo(pipe, 0666), 0);
    static const char *const good[] = {"sub/w", "./sub//w", "sub/../sub/./w", "-"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) assert_string_equal(beside(a, good[i]), "");
    static const struct {
        const char *rel, *said;
    } bad[] = {
        {"", "lies outside"},
        {".", "lies outside"},
        {"/etc/passwd", "lies outside"},
        {"../x", "lies outside"},
        {"sub/../../x", "lies outside"},
        {"link", "reached through a symbolic link"},
        {"away/etc/passwd", "reached through a symbolic link"},
        {"pipe", "is a pipe"},
        {"sub", "is a folder"},
        {"none", "No such file"},
        {"sub/w/x", "Not a directory"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (!strstr(beside(a, bad[i].rel), bad[i].said))
            fail_msg("'%s': %s", bad[i].rel, beside(a, bad[i].rel));
    diag_sink *s = diag_sink_new();
    file_map f;
    assert_false(file_map_beside(&f, a, "/dev/x", "null", NULL, s)); // that folder's "file"
    assert_non_null(strstr(diag_get(s, 0)->message, "is a device"));
    bool absent;
    assert_true(file_map_beside(&f, a, folder, "none", &absent, s) && absent && f.bytes == 0);
    assert_true(file_map_beside(&f, a, arena_printf(a, "%s/", folder), "-", &absent, s) && !absent);
    file_map_close(&f);
    assert_int_equal(diag_errors(s), 1);
    diag_sink_free(s);
    unlink(deep), unlink(dash), unlink(link), unlink(away), unlink(pipe), rmdir(sub);
    arena_free(a);
}

// ---- outputs that are no regular files

static void outputs_that_are_written_directly(void **state) {
    arena *a = arena_new();
    char *pipe = arena_printf(a, "%s/pipe", folder);
    assert_int_equal(mkfifo(pipe, 0666), 0);
    int reader = open(pipe, O_RDONLY | O_NONBLOCK), plain = open(target, O_RDWR | O_CREAT, 0666);
    assert_int_equal(write(plain, "kept ", 5), 5);
    char *descriptor = arena_printf(a, "/dev/fd/%d", plain);
    const char *paths[] = {"/dev/null", pipe, descriptor};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        file_out *o = file_out_open(paths[i], NULL);
        assert_non_null(o);
        assert_true(file_out_is_direct(o));
        fputs("text", file_out_stream(o));
        assert_true(file_out_commit(o, NULL));
    }
    char text[16];
    assert_int_equal(read(reader, text, sizeof text), 4);
    assert_memory_equal(text, "text", 4);
    assert_holds("kept text"); // behind what its opener wrote
    close(reader), close(plain), unlink(pipe), unlink(target);
    arena_free(a);
}

// Larger than every buffer: the reason of the first failure is the one that is told.
static void the_reason_of_a_failed_write(void **state) {
    if (!file_exists("/dev/full")) return;
    diag_sink *s = diag_sink_new();
    file_out *o = file_out_open("/dev/full", s);
    for (int i = 0; i < 16 * BUFSIZ; i++) fputc('x', file_out_stream(o));
    assert_false(file_out_commit(o, s));
    assert_string_equal(diag_get(s, 0)->message, "cannot write: No space left on device");
    assert_string_equal(diag_get(s, 0)->loc.file, "/dev/full");
    diag_sink_free(s);
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
        cmocka_unit_test(side_files_stay_in_the_folder),
        cmocka_unit_test(outputs_that_are_written_directly),
        cmocka_unit_test(the_reason_of_a_failed_write),
        cmocka_unit_test(abandoned_output_leaves_the_old_file),
        cmocka_unit_test(failures_are_reported),
        cmocka_unit_test(folders_and_paths),
        cmocka_unit_test(hashes_are_xxh3),
        cmocka_unit_test(json_errors_have_positions),
        cmocka_unit_test(loops_visit_every_index_once),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
