// The assembler's state, shared by parse.c (lines and directives), insn.c (instructions) and
// desc.c (descriptors).
#ifndef OHMIC_ISA_TEXT_PARSE_H
#define OHMIC_ISA_TEXT_PARSE_H
#include "isa/program.h"
#include "isa/text/format.h"
#include "isa/text/scan.h"
#include "support/map.h"
#include "support/vec.h"

enum { TEXT_CELLS, TEXT_TABLES, TEXT_SECTIONS };

typedef struct {
    scan s;
    isa_program *p;
    const char *name;
    // Descriptors of the current tile; of channels and ports, of the program. Bytes of the structs.
    VEC(uint8_t) lists[ISA_DESC_COUNT];
    map *names[ISA_DESC_COUNT]; // name -> index, or TEXT_AMBIGUOUS
    VEC(uint32_t) dests;
    VEC(isa_tile) tiles;
    VEC(isa_insn) code[ISA_MAX_PHASES]; // of the current tile
    VEC(isa_line) lines[ISA_MAX_PHASES];
    VEC(uint8_t) data[TEXT_SECTIONS]; // of .cells and .tables lines
    bool in_tile;
    int phase;           // that instructions go to; -1: none
    int signature_phase; // that .rows goes to; -1: none
    bool has_version, has_program;
    bool has_file, has_bytes; // of .data; of .cells or .tables
} parser;

// key=number
typedef struct {
    const char *key;
    uint64_t *value;
    bool given;
} text_pair;

enum { TEXT_AMBIGUOUS = UINT32_MAX - 1 };

// A word or string as a C string, consumed; NULL after a report.
const char *text_parse_string(parser *x, const char *what);
// Pairs up to the end of the line; period (may be NULL): token_period_ns.
void text_parse_pairs(parser *x, text_pair *pairs, size_t n, double *period);
// data.c: behind .data, .cells and .tables; what stood in lines goes to the program.
void text_parse_data(parser *x);
void text_parse_cells(parser *x);
void text_parse_tables(parser *x);
void text_take_data(parser *x);
// A descriptor by name or %number at the current token, which is consumed.
bool text_parse_reference(parser *x, isa_desc_kind kind, uint32_t *index);
void text_parse_descriptor(parser *x, isa_desc_kind kind); // behind ".buf" and the like
void text_parse_view(parser *x);            // behind ".view": name parent first..last
void text_parse_insn(parser *x);            // a line that starts with a mnemonic
void text_parse_word(parser *x);            // behind ".word"
void text_push_insn(parser *x, isa_insn i); // with the line information that follows
uint32_t text_count(const parser *x, isa_desc_kind kind);
#endif
