// The committed reference documents are what the tables give.
#ifndef OHMIC_TESTS_FRESH_H
#define OHMIC_TESTS_FRESH_H
#include "support/file/file.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// OHMIC_UPDATE=1 writes the document anew.
static inline void assert_fresh(void (*print)(FILE *), const char *path) {
    char *text = NULL;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);
    assert_non_null(out);
    print(out);
    assert_int_equal(fclose(out), 0);
    if (getenv("OHMIC_UPDATE")) {
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        fwrite(text, 1, bytes, f);
        fclose(f);
    }
    file_map f;
    assert_true(file_map_open(&f, path, NULL));
    if (f.bytes != bytes || memcmp(f.data, text, bytes) != 0)
        fail_msg("%s is stale: run this test with OHMIC_UPDATE=1 and commit", path);
    file_map_close(&f);
    free(text);
}

#endif
