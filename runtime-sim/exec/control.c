// Control: domains of a step. (TL of a free domain comes with the launch; a derived one from
// settl.)
#include "isa/depend/domain.h"
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
    sim_tile *t = c->state;
    CHECK(i->d < ISA_DOMAINS && i->x < ISA_DOMAINS, "settl t%u, t%u", i->d, i->x);
    int64_t n = t->rows[i->x], at = t->pos[i->x];
    t->rows[i->d] = isa_settl_rows((isa_tl)i->n, i->imm, n);
    t->pos[i->d] = isa_settl_position((isa_tl)i->n, i->imm, n, at);
}
