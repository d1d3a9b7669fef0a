// verify_rules.def has exactly one row for every buffer and table operand of isa.def.
#include "isa/operand.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct {
    unsigned op;
    isa_operand_field field;
} rows[] = {
#define OPERAND(insn, field, types, width, rows) {ISA_##insn, ISA_FIELD_##field},
#define TABLE(insn, types, rows, width) {ISA_##insn, ISA_FIELD_x},
#include "isa/verify/rules.def"
};

static unsigned rows_of(unsigned op, isa_operand_field field) {
    unsigned n = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) n += rows[i].op == op && rows[i].field == field;
    return n;
}

static void one_row_each(void **state) {
    size_t wanted = 0;
    for (size_t i = 0; i < isa_infos_count; i++) {
        isa_operand ops[ISA_FIELD_COUNT];
        unsigned n = isa_operands(&isa_infos[i], ops);
        for (unsigned k = 0; k < n; k++) {
            if (ops[k].kind != ISA_KIND_buf && ops[k].kind != ISA_KIND_table) continue;
            wanted++;
            if (rows_of(isa_infos[i].opcode, ops[k].field) != 1)
                fail_msg("%s, operand %s: %u rows", isa_infos[i].mnemonic,
                         isa_operand_field_name(ops[k].field),
                         rows_of(isa_infos[i].opcode, ops[k].field));
        }
    }
    assert_int_equal(wanted, ARRAY_LEN(rows));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_row_each)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
