// The committed reference document is what the tables give.
#include "ir/manual.h"
#include "tests/fresh.h"

static void ir_manual(void **state) {
    assert_fresh(ir_print_manual, OHMIC_SOURCE_DIR "/docs/ir-manual.md");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(ir_manual)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
