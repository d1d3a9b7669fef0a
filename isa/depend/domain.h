// Domains of a phase: how many rows each has in a step, at which positions they stand, and how rows
// of one keep step with rows of another.
//
// Rows of a derived domain are a monotone function of the rows of one free domain, its root; no
// rows there are no rows anywhere.
#ifndef OHMIC_ISA_DEPEND_DOMAIN_H
#define OHMIC_ISA_DEPEND_DOMAIN_H
#include "isa/program.h"

typedef struct {
    bool known, free;
    uint8_t kind, of;       // derived: isa_tl, and the domain it derives from
    uint32_t imm;           // derived: settl's
    uint8_t root;           // the free domain behind it
    bool uneven;            // its rows keep no whole ratio to the root's
    int64_t least, most;    // rows when there are any (free domains: of a launch)
    int64_t first_pos, end; // largest position of row 0; one past the largest position of any row
    int64_t step;           // rows of the root that go by for each of its rows
} isa_domain;

// The phase is launched step after step for one sequence, so positions start anywhere.
bool isa_phase_streams(const isa_program *p, uint32_t phase);
// As the launch gives them: derived ones are not known yet.
void isa_domains_launched(const isa_program *p, uint32_t phase, isa_domain dom[ISA_DOMAINS]);
// Adds what a `settl` says; lin does not divide by 0, and the domain it derives from is known.
void isa_domain_derive(isa_domain dom[ISA_DOMAINS], const isa_insn *settl);
// All of a phase of a verified program.
void isa_domains(const isa_program *p, uint32_t phase, isa_domain dom[ISA_DOMAINS]);

// One past the largest position that instructions of the first `phases` phases write in a ring; 0:
// none does.
int64_t isa_ring_end(const isa_program *p, uint32_t tile, uint32_t ring, uint32_t phases);

// Rows of a derived domain, and the position of row 0, when the one it derives from has `rows` from
// position `at` on.
int64_t isa_settl_rows(isa_tl kind, uint32_t imm, int64_t rows);
int64_t isa_settl_position(isa_tl kind, uint32_t imm, int64_t rows, int64_t at);
// The position of row 0 of domain d in a step whose domains have `rows`, the launched ones from
// `at` on.
int64_t isa_domain_position(const isa_domain dom[ISA_DOMAINS], unsigned d, const int64_t rows[],
                            int64_t at);
// Rows of domain d when its root has n.
int64_t isa_domain_rows(const isa_domain dom[ISA_DOMAINS], unsigned d, int64_t n);

// Row r of one has a fixed place in time among the rows of the other.
bool isa_domains_related(const isa_domain dom[ISA_DOMAINS], unsigned a, unsigned b);
// C of the lag rule: most rows of a root between the first and the last row of any domain, plus
// one.
int64_t isa_domains_chunk(const isa_domain dom[ISA_DOMAINS]);
#endif
