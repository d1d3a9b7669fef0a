// Control: domains of a step. (TL of a free domain comes with the launch; a derived one from
// settl.)
#include "runtime-sim/exec/rows.h"

void sim_exec_halt(sim_ctx *c) {
    (void)c;
} // positions advance when all tiles have halted: sim_step

// settl d from x. A domain without rows gives domains without rows.
//   lin     TL = (TL_x mul + add) div s, likewise the position
//   one     one row at position 0
//   last    one row at the position of x's last row
//   prefix  imm rows more, in front
void sim_exec_settl(sim_ctx *c) {
    const isa_insn *i = c->insn;
    CHECK(i->d < ISA_DOMAINS && i->x < ISA_DOMAINS, "settl t%u, t%u", i->d, i->x);
    int64_t n = c->state->rows[i->x], pos = c->state->pos[i->x], rows = 0, at = 0;
    if (n > 0) {
        switch ((isa_tl)i->n) {
        case ISA_TL_LIN: {
            int64_t mul = i->imm & 0xFF, add = i->imm >> 8 & 0xFF, div = i->imm >> 16 & 0xFF;
            CHECK(div > 0, "settl lin divides by 0");
            rows = (n * mul + add) / div;
            at = pos == 0 ? 0 : (pos * mul + add) / div;
            break;
        }
        case ISA_TL_ONE: rows = 1; break;
        case ISA_TL_LAST:
            rows = 1;
            at = pos + n - 1;
            break;
        case ISA_TL_PREFIX:
            rows = n + i->imm;
            at = pos;
            break;
        }
    }
    c->state->rows[i->d] = rows;
    c->state->pos[i->d] = at;
}
