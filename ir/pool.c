#include "ir/pool.h"

bool pool_unit_of(const ir_symbol *group, pool_unit *u) {
    const ir_attrs *a = &group->attrs;
    *u = (pool_unit){.digits = ir_attr_int(a, IR_ATTR_digits, 0),
                     .digit_bits = ir_attr_int(a, IR_ATTR_digit_bits, 0),
                     .chunk = ir_attr_int(a, IR_ATTR_chunk, 0),
                     .adc_bits = ir_attr_int(a, IR_ATTR_adc_bits, 0),
                     .adc_step = ir_attr_int(a, IR_ATTR_adc_step, 0),
                     .apart = ir_attr_int(a, IR_ATTR_apart, 0) != 0};
    return u->digits != 0;
}

const char *pool_unit_fault(const pool_unit *u) {
    if (u->digits < 0 || u->digits > 8) return "'digits' must be 1 to 8";
    if (u->digit_bits < 1 || u->digit_bits > 7) return "'digit_bits' must be 1 to 7";
    if (u->chunk < 1 || u->chunk > 65536) return "'chunk' must be 1 to 65536 weights";
    if (u->adc_bits < 0 || u->adc_bits > 16) return "'adc_bits' must be 0 to 16";
    if (u->adc_step < 0 || u->adc_step > 1 << 24) return "'adc_step' must be 0 to 2^24";
    if ((u->adc_bits == 0) != (u->adc_step == 0))
        return "'adc_step' must be 0 where 'adc_bits' is, and only there";
    return NULL;
}
