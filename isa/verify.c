// A first verifier: structure, words, operand numbers, and the order of 4.3.
#include "isa/verify.h"
#include "isa/code.h"
#include "isa/operand.h"
#include "support/vec.h"

static bool check_code(const isa_program *p, uint32_t phase, const char *name, diag_sink *diags) {
    bool ok = true;
    for (uint32_t t = 0; t < p->n_tiles; t++) {
        for (uint32_t pc = 0; pc < p->tiles[t].phase[phase].count; pc++) {
            const isa_insn *i = &p->tiles[t].phase[phase].code[pc];
            if (isa_insn_names_exist(p, t, i)) continue;
            char where[128];
            snprintf(where, sizeof where, "phase %s, tile %u, pc %u", p->phases[phase].name, t, pc);
            diag_emit(diags, DIAG_ID_isa_code, DIAG_AT(name, where), "%s",
                      isa_is_canonical(i) ? "an operand names a descriptor that does not exist"
                                          : "the word is no instruction");
            ok = false;
        }
    }
    return ok;
}

static bool check_order(const isa_program *p, uint32_t phase, const char *name, diag_sink *diags) {
    uint64_t total = 0;
    for (uint32_t t = 0; t < p->n_tiles; t++) total += p->tiles[t].phase[phase].count;
    isa_step *order = base_calloc(total, sizeof *order);
    uint32_t n, *next = base_calloc(p->n_tiles, sizeof *next);
    bool ok = isa_order(p, phase, order, &n);
    if (!ok) {
        for (uint32_t k = 0; k < n; k++) next[order[k].tile] = order[k].pc + 1;
        diag_emit(diags, DIAG_ID_isa_order, DIAG_AT(name, p->phases[phase].name),
                  "tiles wait for each other for ever");
        for (uint32_t t = 0; t < p->n_tiles; t++) {
            if (next[t] >= p->tiles[t].phase[phase].count) continue;
            diag_note(diags, DIAG_AT(name, p->phases[phase].name), "tile %u waits at pc %u", t,
                      next[t]);
        }
    }
    free(order);
    free(next);
    return ok;
}

bool isa_verify(const isa_program *p, const machine *chip, const char *name, diag_sink *diags) {
    if (!isa_check_structure(p, name, diags)) return false;
    bool ok = true;
    for (uint32_t ph = 0; ph < p->n_phases; ph++)
        if (!check_code(p, ph, name, diags) || !check_order(p, ph, name, diags)) ok = false;
    return ok;
}
