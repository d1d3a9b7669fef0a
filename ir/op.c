// What is known about each operation: ops.def as a table.
#include "ir/ir.h"
#include <string.h>

const ir_op_info ir_ops[IR_OP_COUNT] = {
#define OP(unit, name, stages, n_min, n_max, results, attributes, class, kind, rows, home, rule, \
           lowering, emission, summary)                                                          \
    {#unit "." #name, #unit,      #name,      stages,         n_min,          n_max,             \
     results,         attributes, IR_##class, IR_KIND_##kind, IR_ROWS_##rows, IR_HOME_##home,    \
     #rule,           #lowering,  #emission,  summary},
#include "ir/ops.def"
};

bool ir_opcode_parse(const char *name, ir_opcode *code) {
    for (int i = 0; i < IR_OP_COUNT; i++) {
        if (strcmp(ir_ops[i].name, name) == 0) {
            *code = (ir_opcode)i;
            return true;
        }
    }
    return false;
}

bool ir_op_takes(ir_opcode code, ir_key k, bool *optional) {
    const char *name = ir_key_name(k);
    size_t n = strlen(name);
    for (const char *p = ir_ops[code].attributes; *p;) {
        size_t word = strcspn(p, " ");
        bool marked = word > 0 && p[word - 1] == '?';
        if (word - marked == n && memcmp(p, name, n) == 0) {
            if (optional) *optional = marked;
            return true;
        }
        p += word;
        p += strspn(p, " ");
    }
    return false;
}
