// Golden files: golden/NAME.oir starts with "// passes: LIST"; NAME.out holds what the list makes
// of it. Every step is verified and checked for equivalence on the way. OHMIC_UPDATE=1 writes the
// outputs.
//
// A line "// same: OTHER" says that the result must be that of golden/OTHER.oir: another spelling
// of the same thing. Only the names of ONNX nodes (loc) and of folded constants may differ.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ir/text/text.h"
#include "ir/verify/verify.h"
#include "passes/pass.h"
#include "support/file/file.h"
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#define DIR_NAME OHMIC_SOURCE_DIR "/tests/passes/golden"

static char *read_text(const char *path) {
    diag_sink *diags = diag_sink_new();
    file_map f;
    if (!file_map_open(&f, path, diags)) fail_msg("%s cannot be read", path);
    char *s = base_calloc(f.bytes + 1, 1);
    if (f.bytes) memcpy(s, f.data, f.bytes);
    file_map_close(&f);
    diag_sink_free(diags);
    return s;
}

// Value of a "// key: value" line among the comments at the top; NULL when there is none.
static char *header(const char *text, const char *key) {
    char want[64];
    size_t n = (size_t)snprintf(want, sizeof want, "// %s: ", key);
    for (const char *p = text; strncmp(p, "//", 2) == 0;) {
        const char *end = strchr(p, '\n');
        if (!end) break;
        if (strncmp(p, want, n) == 0) return strndup(p + n, (size_t)(end - p) - n);
        p = end + 1;
    }
    return NULL;
}

static char *run(const char *path, const char *text, const char *list) {
    diag_sink *diags = diag_sink_new();
    ir_module *m = ir_parse(text, strlen(text), path, NULL, NULL, NULL, diags);
    pass_pipeline p = {0};
    pass_options o = pass_options_default();
    const pass_checks checks = {.check_equivalence = true};
    ir_module *out = NULL;
    if (m && ir_verify(m, path, diags) && pass_pipeline_parse(&p, list, diags))
        out = pass_run_pipeline(&p, m, &o, &checks, diags);
    if (!out) {
        diag_print(diags, 0, stderr, false);
        fail_msg("%s: the passes failed", path);
    }
    char *s = ir_print_string(out);
    vec_free(&p);
    ir_module_free(m);
    ir_module_free(out);
    diag_sink_free(diags);
    return s;
}

// Without loc, and without the numbers of constants made by folding.
static void strip(char *s) {
    char *to = s;
    for (char *p = s; *p;) {
        if (strncmp(p, " loc(", 5) == 0) {
            while (*p && *p != '\n') p++;
        } else if (strncmp(p, "@folded.", 8) == 0) {
            for (int i = 0; i < 7; i++) *to++ = *p++;
            while (*p == '.' || (*p >= '0' && *p <= '9')) p++;
        } else {
            *to++ = *p++;
        }
    }
    *to = 0;
}

static void write_text(const char *path, const char *s) {
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(s, f);
    fclose(f);
}

static void check(const char *name) {
    char path[512], out[512];
    snprintf(path, sizeof path, "%s/%s.oir", DIR_NAME, name);
    snprintf(out, sizeof out, "%s/%s.out", DIR_NAME, name);
    char *text = read_text(path), *list = header(text, "passes"), *same = header(text, "same");
    if (!list) fail_msg("%s has no line \"// passes: \"", path);
    char *now = run(path, text, list);
    if (same) {
        if (file_exists(out)) fail_msg("%s: a file with \"same\" has no output of its own", out);
        snprintf(out, sizeof out, "%s/%s.out", DIR_NAME, same);
        strip(now);
    } else if (getenv("OHMIC_UPDATE")) {
        write_text(out, now);
    }
    if (!file_exists(out)) fail_msg("%s is missing", out);
    char *expected = read_text(out);
    if (same) strip(expected);
    if (strcmp(now, expected) != 0) {
        fprintf(stderr, "%s: found\n%s\nexpected (%s)\n%s\n", path, now, out, expected);
        fail_msg("%s differs", name);
    }
    free(text), free(list), free(same), free(now), free(expected);
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void test_golden(void **state) {
    char *names[512];
    size_t n = 0;
    DIR *d = opendir(DIR_NAME);
    assert_non_null(d);
    for (struct dirent *f = readdir(d); f; f = readdir(d)) {
        char *dot = strrchr(f->d_name, '.');
        if (f->d_name[0] == '.') continue;
        if (!dot || (strcmp(dot, ".oir") != 0 && strcmp(dot, ".out") != 0))
            fail_msg("%s is no golden file", f->d_name);
        char path[512];
        snprintf(path, sizeof path, "%s/%.*s.oir", DIR_NAME, (int)(dot - f->d_name), f->d_name);
        if (!file_exists(path)) fail_msg("%s has no input", f->d_name);
        if (strcmp(dot, ".oir") == 0 && n < ARRAY_LEN(names))
            names[n++] = strndup(f->d_name, (size_t)(dot - f->d_name));
    }
    closedir(d);
    assert_true(n > 0);
    qsort(names, n, sizeof *names, by_name);
    // Outputs that others refer to are written before they are compared with.
    for (size_t i = 0; i < n; i++) {
        check(names[i]);
        free(names[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_golden)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
