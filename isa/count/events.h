// Events that cost something (events.def), and what of them follows from one instruction and its
// chip alone. Who counts how often it happens: runtime-sim while it runs, cost/ from the program.
#ifndef OHMIC_ISA_COUNT_EVENTS_H
#define OHMIC_ISA_COUNT_EVENTS_H
#include "isa/machine/machine.h"
#include "isa/program.h"

typedef struct {
#define EVENT(name, unit, summary) uint64_t name;
#include "isa/count/events.def"
} isa_events;
enum { ISA_EVENTS = sizeof(isa_events) / sizeof(uint64_t) };

typedef enum {
#define DIGITAL(name, summary) ISA_DIGITAL_##name,
#include "isa/machine/digital.def"
    ISA_DIGITALS
} isa_digital;
// The function of an instruction that goes through a digital unit's lanes.
isa_digital isa_digital_of(const isa_insn *i);
// Of the scores of a ring in score read-out, or in dense memory.
isa_digital isa_digital_of_scores(const isa_ring *r);
int64_t isa_passes_of(const machine *m, isa_digital f);
// Its result is made codes by the unit that makes it.
bool isa_quantises(const isa_tile *t, const isa_insn *i);
void isa_count_digital(isa_events *e, const machine *m, isa_digital f, uint64_t elements);

// It goes through a digital unit, all of it or its last part.
bool isa_wants_lanes(const isa_tile *t, const isa_insn *i);

// A product of codes, on cells and through converters; else one of real numbers.
bool isa_product_is_coded(const isa_tile *t, const isa_insn *mvm);
// Rows of an operand that one row of the instruction reads; rows: of the operand's domain.
int64_t isa_rows_read(const isa_insn *i, int64_t rows);
// Bytes of weights that a row takes from dense memory, where lanes multiply them.
uint64_t isa_stored_bytes(const isa_group *g);
#endif
