// Diagnostics: library code reports to a sink and returns; only the command prints and exits.
//
//   tiny.oir:3:8: error: 'nn.linear' takes 2 operands, found 1 [op-operand-count]
//
// Messages start lower case, have no full stop, name the thing, say what was found and expected.
#ifndef OHMIC_SUPPORT_DIAG_H
#define OHMIC_SUPPORT_DIAG_H

#include "support/arena.h"
#include <stdio.h>

// INTERNAL: an error that is ours, whatever the input was.
typedef enum { DIAG_NOTE, DIAG_WARNING, DIAG_ERROR, DIAG_INTERNAL } diag_severity;

typedef enum {
#define DIAG(id, severity, summary) DIAG_ID_##id,
#include "support/diag.def"
    DIAG_ID_COUNT
} diag_id;

// Where: a text position (line >= 1), or a place in a file or model named by `where`
// ("node '/h.0/attn/MatMul'", "section .ohm.desc, offset 0x40"). All parts optional.
typedef struct {
    const char *file;  // NULL: none
    int line, col;     // 1-based; 0: none
    int end_col;       // one past the last column of the range; 0: none
    const char *where; // free text, printed after the file; NULL: none
} diag_loc;

typedef struct {
    diag_id id;
    diag_severity severity;
    diag_loc loc;
    const char *message;
} diag;

typedef struct diag_sink diag_sink;

diag_sink *diag_sink_new(void);
void diag_sink_free(diag_sink *s);
// Of each kind so many findings are kept and so many shown, the others are counted; so many notes
// are kept of one finding, so many bytes of a message.
enum { DIAG_KEPT = 1000, DIAG_SHOWN = 50, DIAG_TEXT = 2000 };
// Adds one finding; strings are copied. Severity is the row's. Safe with s == NULL (dropped). The
// same words about the same place are kept once, and counted as an error each time.
void diag_emit(diag_sink *s, diag_id id, diag_loc loc, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void diag_vemit(diag_sink *s, diag_id id, diag_loc loc, const char *fmt, va_list ap)
    __attribute__((format(printf, 4, 0)));
// A note that belongs to the finding before it.
void diag_note(diag_sink *s, diag_loc loc, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void diag_clear(diag_sink *s);
size_t diag_count(const diag_sink *s); // all findings kept
size_t diag_errors(
    const diag_sink *s); // findings of severity error and worse, with those that were not kept
size_t diag_internals(const diag_sink *s); // of them, those of severity internal
const diag *diag_get(const diag_sink *s, size_t i);
// The first error from finding `from` on, with the place it names and how many more there are, as
// one line in `a`; NULL: there is none.
const char *diag_first_error(const diag_sink *s, size_t from, arena *a);
// Prints findings [from, count) in order, and how many of a kind were not shown; shows the source
// line and a caret where a file and line are given and the file can be read. Colour when `colour`.
void diag_print(const diag_sink *s, size_t from, FILE *out, bool colour);
const char *diag_id_name(diag_id id); // "op-operand-count"

#define DIAG_NOWHERE ((diag_loc){0})
#define DIAG_FILE(f) ((diag_loc){.file = (f)})
#define DIAG_AT(f, w) ((diag_loc){.file = (f), .where = (w)})

#endif
