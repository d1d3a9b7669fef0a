// What printer and parser of assembly agree on (docs/isa.md has the notation for people).
#ifndef OHMIC_ISA_TEXT_FORMAT_H
#define OHMIC_ISA_TEXT_FORMAT_H
#include "isa/desc.h"
#include "isa/operand.h"
#include "isa/text/text.h"

enum { TEXT_VERSION = 1 };

// A descriptor is written as its directive, then some fields by position, then the others as
// key=value, left out where they have their default.
typedef struct {
    const char *directive;             // "buf"
    uint8_t fields[4], n;              // by position
    bool cross;                        // the last two are written AxB
    uint8_t first_hidden, last_hidden; // follow from the order of the lines and are never written
} text_form;
extern const text_form text_forms[ISA_DESC_COUNT];
static inline bool text_is_hidden(isa_desc_kind kind, unsigned field) {
    const text_form *f = &text_forms[kind];
    return field >= f->first_hidden && field < f->last_hidden;
}
// What is there before the line is read: zeros, absent offsets, and a buffer is its own parent.
void text_defaults(isa_desc_kind kind, uint32_t index, void *descriptor);
// After the fields by position: a group holds all rows.
void text_defaults_after(isa_desc_kind kind, void *descriptor);

// `.view name parent first..last` takes everything else from its parent.
void text_view_defaults(isa_buffer *view, const isa_buffer *parent, uint32_t parent_index);

// data.c: the line that says where cells and tables are, if not in the text; they themselves.
bool text_print_data_place(const isa_program *p, FILE *out, isa_text_data where, const char *path,
                           diag_sink *diags);
void text_print_data(const isa_program *p, FILE *out);

// The descriptors an operand kind names; false: it names none.
bool text_operand_desc(isa_operand_kind operand, isa_desc_kind *kind);

// Names that stand without quotes: letters, digits, '_' and '.', no digit or '.' first, not "_"
// alone.
bool text_is_bare(const char *s, size_t n);
bool text_is_word_char(char c);
#endif
