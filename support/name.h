// Names on a terminal. Names come from files, and files from strangers: a control character of one
// could move the cursor, start a line of its own or turn the reading direction. Everything that
// prints a name for people to read prints it through here; text forms (.oir, .s) and JSON have
// quoting of their own.
#ifndef OHMIC_SUPPORT_NAME_H
#define OHMIC_SUPPORT_NAME_H

#include "support/arena.h"
#include <stdio.h>

// Printable characters as they are, a tab as a space, bytes that are no UTF-8 as \xHH, line ends as
// \n, other controls and marks without a picture of their own as \xHH or \u{HHHH}.
void name_print(FILE *out, const char *s, size_t n);
const char *name_text(arena *a, const char *s); // the same as a text; s itself when nothing changes
// The same as a field of CSV: in quotes where it has some, commas or spaces at its ends.
const char *name_csv(arena *a, const char *s);
int name_width(const char *s, size_t n); // characters that name_print makes of it

bool name_is_plain(uint32_t c); // printed as it is
// Length of the UTF-8 character at p (n > 0 bytes follow), shortest form and no surrogate; *c gets
// it. 0: there is none.
size_t name_char(const char *p, size_t n, uint32_t *c);

#endif
