// Which rows of an operand the rows of an instruction need: what isa.def's classes mean in numbers.
#include "isa/depend/depend.h"
#include "isa/operand.h"

static int32_t narrow(uint32_t n) { return n > INT32_MAX / 2 ? INT32_MAX / 2 : (int32_t)n; }

isa_reach isa_reach_of(const isa_program *p, uint32_t tile, const isa_insn *i,
                       const isa_operand *o) {
    static const isa_reach same = {.rate = 1}, everything = {.all = true, .keep = true, .rate = 1};
    const isa_tile *t = &p->tiles[tile];
    switch ((isa_rows)o->rows) {
    case ISA_ROWS_row:
    case ISA_ROWS_only: // the one row of another domain
        return t->buffers[isa_operand_get(i, o->field)].dom == i->dom ? same : everything;
    case ISA_ROWS_window: {
        isa_window w = isa_window_of(i->imm);
        if (i->mode == ISA_MODE_rows_index) return everything;
        return (isa_reach){.ahead = (int32_t)w.k - 1 - (int32_t)w.pad,
                           .back = (int32_t)w.pad,
                           .rate = w.step ? (int32_t)w.step : 1};
    }
    case ISA_ROWS_skip:
        return (isa_reach){.ahead = narrow(i->imm), .back = -narrow(i->imm), .rate = 1};
    case ISA_ROWS_prefix: {
        int32_t more = narrow(t->tables[i->x].rows);
        return (isa_reach){.ahead = -more, .back = more, .rate = 1};
    }
    case ISA_ROWS_all: return (isa_reach){.all = true, .rate = 1};
    case ISA_ROWS_state: // rings and tables: no rows that come and go
    case ISA_ROWS_any:
    case ISA_ROWS_one:
    case ISA_ROWS_positions:
    case ISA_ROWS_none: break;
    }
    return same;
}

int64_t isa_reach_needs(const isa_reach *x, int64_t r, int64_t rows) {
    return x->all ? rows - 1 : min_i64(r * x->rate + x->ahead, rows - 1);
}

int64_t isa_reach_until(const isa_reach *x, int64_t j, int64_t rows) {
    if (x->keep) return rows - 1;
    return j + x->back < 0 ? -1 : min_i64((j + x->back) / x->rate, rows - 1);
}
