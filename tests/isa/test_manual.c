// The committed reference documents are what the tables give.
#include "isa/manual.h"
#include "tests/fresh.h"

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
