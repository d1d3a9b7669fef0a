// The gain cells of a chip description, for tests of the unit.
#ifndef OHMIC_TESTS_SIM_GAIN_CHIP_H
#define OHMIC_TESTS_SIM_GAIN_CHIP_H

#include "runtime-sim/gain/gain.h"
#include "tests/random.h"
#include "tests/sim/builder.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

// chips/leroux2025-cmos.yaml with `sets` (--set) on it.
static inline machine *chip_of(arena *a, const char *const *sets, size_t n) {
    diag_sink *diags = diag_sink_new();
    machine *m = machine_load(a, OHMIC_SOURCE_DIR "/chips/leroux2025-cmos.yaml", sets, n, diags);
    diag_print(diags, 0, stderr, false);
    diag_sink_free(diags);
    assert_non_null(m);
    return m;
}

// The unit that the chip has, of d columns.
static inline gain_params device(const machine *m, uint32_t d, uint32_t slots) {
    gain_params p;
    memset(&p, 0, sizeof p);
    p.d = p.dv = d, p.slots = slots, p.sub_tile = (uint32_t)m->gain.sub_tile;
    p.q_levels = (uint32_t)m->gain.q_levels, p.kv_levels = (uint32_t)m->gain.kv_levels;
    p.out_levels = (uint32_t)m->gain.out_levels;
    p.saturate_scores = m->gain.saturate == ISA_SAT_SCORES || m->gain.saturate == ISA_SAT_BOTH;
    p.saturate_outputs = m->gain.saturate == ISA_SAT_OUTPUTS || m->gain.saturate == ISA_SAT_BOTH;
    p.product = m->gain.decay_form == ISA_DECAY_PRODUCT;
    p.terms = (uint32_t)m->gain.cell.n;
    p.v_dd = (float)m->gain.v_dd, p.s_sat = (float)m->gain.s_sat, p.o_sat = (float)m->gain.o_sat;
    for (uint32_t i = 0; i < p.terms; i++) p.cell[i] = (float)m->gain.cell.v[i];
    return p;
}
#endif
