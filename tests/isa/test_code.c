// Instruction words: encode and decode are inverse to each other, and only canonical words decode.
#include "isa/code.h"
#include "sample.h"
#include "support/num/elem.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void known_word(void **state) {
    isa_insn i = {.op = ISA_mvm, .d = 2, .a = 1, .b = ISA_NONE}, back;
    uint8_t word[16];
    isa_encode(&i, word);
    static const uint8_t expected[16] = {0x20, 0, 2, 0, 1, 0, 0xFF, 0xFF}; // worked example 2.2
    assert_memory_equal(word, expected, 16);
    assert_true(isa_decode(word, &back));
    assert_int_equal(back.b, ISA_NONE);
}

static void random_instructions(void **state) {
    random_stream r = random_test(random_seed(1));
    for (int n = 0; n < 100000; n++) {
        isa_insn i = sample_insn(&r, 0xFFFF), back;
        uint8_t word[16], again[16];
        isa_encode(&i, word);
        assert_true(isa_decode(word, &back));
        isa_encode(&back, again);
        assert_memory_equal(word, again, 16);
    }
}

static void random_words(void **state) {
    random_stream r = random_test(random_seed(2));
    int canonical = 0;
    for (int n = 0; n < 100000; n++) {
        uint8_t word[16], again[16];
        for (int k = 0; k < 16; k++) word[k] = random_below(&r, 2) ? 0 : (uint8_t)random_u64(&r);
        isa_insn i;
        canonical += isa_decode(word, &i);
        isa_encode(&i, again);
        assert_memory_equal(word, again, 16); // also when it is no instruction
    }
    assert_true(canonical > 0 && canonical < 50000);
}

static void not_canonical(void **state) {
    static const isa_insn wrong[] = {
        {.op = 0xFE},                // no such opcode
        {.op = ISA_halt, .d = 1},    // a field it does not have
        {.op = ISA_halt, .imm = 1},  //
        {.op = ISA_halt, .mode = 1}, // a mode it does not have
        {.op = ISA_norm, .mode = 3}, //
        {.op = ISA_halt, .dom = 8},  // domains are t0 to t7
        {.op = ISA_settl, .d = 8},   //
        {.op = ISA_settl, .n = 4},   // no such way to follow
        {.op = ISA_ew1, .n = 99},    // no such function
        {.op = ISA_rred, .n = 99},   //
    };
    for (size_t n = 0; n < ARRAY_LEN(wrong); n++) {
        uint8_t word[16];
        isa_insn i;
        isa_encode(&wrong[n], word);
        assert_false(isa_decode(word, &i));
    }
}

// What the preprocessor cannot check in isa.def.
static void table_is_sane(void **state) {
    for (size_t n = 0; n < isa_infos_count; n++) {
        const isa_info *info = &isa_infos[n];
        assert_ptr_equal(isa_info_of(info->opcode), info);
        assert_ptr_equal(isa_info_find(info->mnemonic, strlen(info->mnemonic)), info);
        unsigned seen = 0;
        assert_true(info->n_operands <= ISA_COUNT_field);
        for (unsigned k = 0; k < info->n_operands; k++) {
            const isa_operand *o = &info->operands[k];
            assert_false(seen >> o->field & 1);
            seen |= 1u << o->field;
            if (o->kind == ISA_KIND_f) assert_int_equal(o->field, ISA_FIELD_imm);
            if (o->kind == ISA_KIND_table) assert_int_equal(o->field, ISA_FIELD_x);
            bool result = o->kind == ISA_KIND_buf && o->field == ISA_FIELD_d;
            assert_int_equal(result, k == 0 && isa_has_result(info)); // d comes first
            // Control alone has no rows.
            if (o->rows != ISA_ROWS_none) assert_int_not_equal(info->unit, ISA_UNIT_control);
        }
        for (size_t m = 0; m < n; m++)
            assert_string_not_equal(isa_infos[m].mnemonic, info->mnemonic);
    }
}

static void descriptor_table_is_sane(void **state) {
    for (int k = 0; k < ISA_DESC_COUNT; k++) {
        unsigned bytes = 0;
        for (unsigned i = 0; i < isa_descs[k].n_fields; i++) {
            const isa_field *f = &isa_descs[k].fields[i];
            bytes += f->bytes;
        }
        assert_int_equal(bytes, isa_descs[k].record_bytes);
    }
    assert_int_equal(isa_enums[ISA_ENUM_elem].count, ELEM_COUNT);
    for (unsigned e = 0; e < ELEM_COUNT; e++)
        assert_string_equal(isa_name(ISA_ENUM_elem, e), elem_name((elem)e));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_word),    cmocka_unit_test(random_instructions),
        cmocka_unit_test(random_words),  cmocka_unit_test(not_canonical),
        cmocka_unit_test(table_is_sane), cmocka_unit_test(descriptor_table_is_sane),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
