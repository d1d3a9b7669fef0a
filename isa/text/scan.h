// Tokens of one line of assembly. A line is all there is to a syntax error: the next one starts
// anew.
#ifndef OHMIC_ISA_TEXT_SCAN_H
#define OHMIC_ISA_TEXT_SCAN_H
#include "support/arena.h"
#include "support/diag.h"

typedef enum { SCAN_END, SCAN_WORD, SCAN_STRING, SCAN_COMMA, SCAN_EQUALS, SCAN_AT } scan_kind;

typedef struct {
    scan_kind kind;
    const char *text; // a word's characters; a string's content, decoded, NUL-terminated
    size_t n;
    int col, end_col;
} scan_token;

typedef struct {
    const char *name;       // of the file
    const char *next, *end; // of the whole text: where the next line starts
    const char *line, *line_end, *at;
    int number;
    scan_token token; // the current one
    bool failed;      // this line has been reported; the rest of it is skipped
    arena *a;
    diag_sink *diags;
} scan;

scan scan_start(const char *text, size_t bytes, const char *name, arena *a, diag_sink *diags);
bool scan_line(scan *s); // to the next line and its first token; false at the end of the text
void scan_next(scan *s); // to the next token of the line
bool scan_raw_line(
    scan *s); // the next line if it starts with '|' or '\': then line and line_end hold it

// Reports at the current token and gives up the line; later reports of the same line are dropped.
void scan_fail(scan *s, diag_id id, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void scan_note(scan *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool scan_is(const scan *s, const char *word);
// Consumes the token, or reports what was expected.
bool scan_expect(scan *s, scan_kind kind, const char *what);
// A word's number as far as its characters go; 0x and digits. False: not reported.
bool scan_u64(const char *text, size_t n, uint64_t *out);
bool scan_i64(const char *text, size_t n, int64_t *out);
bool scan_f32(const char *text, size_t n, float *out); // "0x7fc00000": the bits
bool scan_f64(const char *text, size_t n, double *out);
#endif
