// The sections of a .ohm file as bytes: what write.c lays out.
#ifndef OHMIC_ISA_FILE_PARTS_H
#define OHMIC_ISA_FILE_PARTS_H
#include "isa/program.h"
#include "support/file/bytes.h"

// The string table in canonical order (phases, ports, channels, tiles, lines), whatever order the
// program interned its strings in: so the same program always gives the same bytes.
typedef struct ohm_names ohm_names;
ohm_names *ohm_names_new(const isa_program *p);
void ohm_names_free(ohm_names *n);
void ohm_put_names(bytes_out *b, const ohm_names *n);

void ohm_put_signature(bytes_out *b, const isa_program *p, const ohm_names *names);
void ohm_put_descriptors(bytes_out *b, const isa_program *p, const ohm_names *names);
void ohm_put_code(bytes_out *b, const isa_program *p, uint32_t phase);
void ohm_put_lines(bytes_out *b, const isa_program *p, uint32_t phase, const ohm_names *names);
void ohm_put_placement(bytes_out *b, const isa_program *p);
// code[phase]: index of its section.
void ohm_put_symbols(bytes_out *symtab, bytes_out *strtab, const isa_program *p,
                     const unsigned *code, unsigned cells);
#endif
