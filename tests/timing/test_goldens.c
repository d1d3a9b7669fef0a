// Programs whose times were worked by hand, row by row: tests/timing/golden/*.s. The small ones of
// the design's goldens.json among them.
#include "tests/timing/golden.h"
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char folder[] = OHMIC_SOURCE_DIR "/tests/timing/golden";

static void goldens(void **state) {
    unsigned n = 0;
    bool ok = true;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir));) {
        size_t length = strlen(e->d_name);
        if (length < 2 || strcmp(e->d_name + length - 2, ".s") != 0) continue;
        if (strcmp(e->d_name, "worked.s") == 0) continue;
        char path[512];
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        golden g;
        golden_read(&g, path, NULL, NULL, 0);
        golden_run(&g);
        ok &= golden_met(&g, e->d_name);
        golden_free(&g);
        n++;
    }
    closedir(dir);
    printf("%u programs\n", n);
    assert_true(ok && n >= 27);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(goldens)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
