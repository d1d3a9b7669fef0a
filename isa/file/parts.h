// The sections of a .ohm file as bytes: what write.c lays out.
#ifndef OHMIC_ISA_FILE_PARTS_H
#define OHMIC_ISA_FILE_PARTS_H
#include "isa/program.h"
#include "support/vec.h"

typedef VEC(uint8_t) ohm_bytes;
void ohm_put(ohm_bytes *b, const void *p, size_t n);
void ohm_put32(ohm_bytes *b, uint32_t v); // little-endian
void ohm_put64(ohm_bytes *b, uint64_t v);

// The string table in canonical order (phases, ports, channels, tiles, lines), whatever order the
// program interned its strings in: so the same program always gives the same bytes.
typedef struct ohm_names ohm_names;
ohm_names *ohm_names_new(const isa_program *p);
void ohm_names_free(ohm_names *n);
void ohm_put_names(ohm_bytes *b, const ohm_names *n);

void ohm_put_signature(ohm_bytes *b, const isa_program *p, const ohm_names *names);
void ohm_put_descriptors(ohm_bytes *b, const isa_program *p, const ohm_names *names);
void ohm_put_code(ohm_bytes *b, const isa_program *p, uint32_t phase);
void ohm_put_lines(ohm_bytes *b, const isa_program *p, uint32_t phase, const ohm_names *names);
void ohm_put_placement(ohm_bytes *b, const isa_program *p);
// code[phase]: index of its section.
void ohm_put_symbols(ohm_bytes *symtab, ohm_bytes *strtab, const isa_program *p,
                     const unsigned *code, unsigned cells);
#endif
