// The verifier: what docs/isa.md, "What is proved" lists, question by question (the other files
// here). Findings are collected, all of a program in one run, and name instruction, operands and
// ONNX nodes.
#include "isa/verify/verify.h"
#include "isa/code.h"
#include "isa/operand.h"
#include "isa/text/text.h"
#include "isa/verify/parts.h"
#include "support/vec.h"

enum { MOST_FINDINGS = 100 };

// --- findings

static bool may_report(verifier *v) {
    v->found++;
    if (v->found == MOST_FINDINGS + 1)
        diag_note(v->diags, DIAG_FILE(v->name), "more than %d findings: the rest is left out",
                  MOST_FINDINGS);
    return v->found <= MOST_FINDINGS;
}

void verify_bad(verifier *v, diag_id id, const char *where, const char *fmt, ...) {
    if (!may_report(v)) return;
    va_list ap;
    va_start(ap, fmt);
    diag_vemit(v->diags, id, DIAG_AT(v->name, where), fmt, ap);
    va_end(ap);
}

// "phase run, tile 1, pc 4", and "mvm qkv, n, g.qkv" with the ONNX nodes behind it.
static const char *place(verifier *v, uint32_t tile, uint32_t pc) {
    return arena_printf(v->a, "phase %s, tile %u, pc %u", v->p->phases[v->phase].name, tile, pc);
}

static const char *text_of(verifier *v, uint32_t tile, uint32_t pc) {
    const isa_line *lines = v->p->tiles[tile].phase[v->phase].lines;
    const char *node = lines ? isa_str(v->p, lines[pc].node) : "";
    const char *text = isa_insn_text(v->a, v->p, tile, verify_insn(v, tile, pc));
    return *node ? arena_printf(v->a, "%s (%.200s)", text, node) : text;
}

// "mvm qkv, n, g.qkv (/h.0/MatMul): WHAT"
static const char *about(verifier *v, uint32_t tile, uint32_t pc, const char *fmt, va_list ap) {
    return arena_printf(v->a, "%s: %s", text_of(v, tile, pc), arena_vprintf(v->a, fmt, ap));
}

void verify_bad_at(verifier *v, diag_id id, uint32_t tile, uint32_t pc, const char *fmt, ...) {
    if (!may_report(v)) return;
    va_list ap;
    va_start(ap, fmt);
    diag_emit(v->diags, id, DIAG_AT(v->name, place(v, tile, pc)), "%s",
              about(v, tile, pc, fmt, ap));
    va_end(ap);
}

void verify_note_at(verifier *v, uint32_t tile, uint32_t pc, const char *fmt, ...) {
    if (v->found > MOST_FINDINGS) return;
    va_list ap;
    va_start(ap, fmt);
    diag_note(v->diags, DIAG_AT(v->name, place(v, tile, pc)), "%s", about(v, tile, pc, fmt, ap));
    va_end(ap);
}

const char *verify_buffer_name(verifier *v, uint32_t tile, uint32_t buffer) {
    const char *name = isa_str(v->p, v->p->tiles[tile].buffers[buffer].name);
    return *name ? arena_printf(v->a, "buffer %u '%.100s'", buffer, name)
                 : arena_printf(v->a, "buffer %u", buffer);
}

// --- words and lines

static bool check_words(verifier *v) {
    uint32_t before = v->found;
    for (uint32_t t = 0; t < v->p->n_tiles; t++) {
        for (uint32_t pc = 0; pc < v->p->tiles[t].phase[v->phase].count; pc++) {
            const isa_insn *i = verify_insn(v, t, pc);
            if (isa_insn_names_exist(v->p, t, i)) continue;
            verify_bad_at(v, DIAG_ID_isa_code, t, pc, "%s",
                          isa_is_canonical(i) ? "an operand names a descriptor that does not exist"
                                              : "the word is no instruction");
        }
    }
    return v->found == before;
}

// A line ends with its only halt.
static void check_halts(verifier *v) {
    for (uint32_t t = 0; t < v->p->n_tiles; t++) {
        uint32_t n = v->p->tiles[t].phase[v->phase].count;
        for (uint32_t pc = 0; pc + 1 < n; pc++)
            if (verify_insn(v, t, pc)->op == ISA_halt)
                verify_bad_at(v, DIAG_ID_isa_control, t, pc, "stands before the end of the line");
        if (n == 0)
            verify_bad(v, DIAG_ID_isa_control,
                       arena_printf(v->a, "phase %s, tile %u", v->p->phases[v->phase].name, t),
                       "has no instructions, expected halt at least");
        else if (verify_insn(v, t, n - 1)->op != ISA_halt)
            verify_bad_at(v, DIAG_ID_isa_control, t, n - 1, "is the last, expected halt");
    }
}

// --- phases

// Everything but the walk that follows rows; true when that walk makes sense.
static bool check_phase(verifier *v, uint32_t phase, isa_step **order, uint32_t *n) {
    v->phase = phase;
    v->streams = isa_phase_streams(v->p, phase);
    if (!check_words(v)) { // nothing behind an unknown word can be judged
        v->bounded = false;
        return false;
    }
    check_halts(v);
    bool follow = verify_domains(v);
    v->bounded &= follow;
    verify_find_writers(v);
    if (follow) verify_operands(v);
    if (follow) verify_streams(v);
    if (!verify_channels(v)) return false;
    uint64_t total = 0;
    for (uint32_t t = 0; t < v->p->n_tiles; t++) total += v->p->tiles[t].phase[phase].count;
    *order = ARENA_ARRAY(v->a, isa_step, total + 1);
    return verify_order(v, *order, n) && follow;
}

bool isa_verify(const isa_program *p, const machine *chip, const char *name, diag_sink *diags) {
    if (!isa_check_structure(p, name, diags)) return false;
    verifier v = {
        .p = p, .chip = chip, .name = name, .diags = diags, .a = arena_new(), .bounded = true};
    v.made = ARENA_ARRAY(v.a, uint8_t *, p->n_table_pieces + 1);
    v.numbers = ARENA_ARRAY(v.a, struct verify_numbers *, p->n_tiles + 1);
    verify_descriptors(&v);
    verify_capacity(&v);
    uint32_t active = chip ? (uint32_t)chip->tile.active_set : UINT32_MAX;
    for (uint32_t ph = 0; ph < p->n_phases; ph++) {
        isa_step *order;
        uint32_t n;
        if (check_phase(&v, ph, &order, &n)) verify_flow(&v, order, n, active);
        verify_ports(&v);
    }
    verify_outputs_exist(&v);
    verify_shapes(&v);
    arena_free(v.a);
    return v.found == 0;
}
