// The committed reference documents are what the tables give. OHMIC_UPDATE=1 writes them anew.
#include "isa/manual.h"
#include "support/file/file.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_fresh(void (*print)(FILE *), const char *path) {
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

static void isa_manual(void **state) {
    assert_fresh(isa_print_manual, OHMIC_SOURCE_DIR "/docs/isa-manual.md");
}

static void chip_parameters(void **state) {
    assert_fresh(isa_print_chip_parameters, OHMIC_SOURCE_DIR "/docs/chip-parameters.md");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(isa_manual),
        cmocka_unit_test(chip_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
