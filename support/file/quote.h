// Texts in double quotes, as IR text, assembly and chip files have them: \" \\ \n \t \xHH, and no
// byte 0. What name.h would not print as it is stands in \xHH, byte by byte.
#ifndef OHMIC_SUPPORT_FILE_QUOTE_H
#define OHMIC_SUPPORT_FILE_QUOTE_H

#include "support/base.h"
#include <stdio.h>

void quote_print(FILE *out, const char *s, size_t n); // with the quotes
void quote_print_yaml(FILE *out, const char *s,
                      size_t n); // the same where \xHH is a character: YAML
// The byte that an escape stands for; *at is behind its backslash and comes to be behind it. -1:
// none.
int quote_escape(const char **at, const char *end);
int quote_hex_digit(char c); // -1: none

#endif
