// What characters are and become, as the steps of a tokenizer.json see them.
//
// The library that defined those steps (`tokenizers`, 0.23) reads Unicode from tables of several
// versions: 8 for punctuation, control characters and accents of BERT, 9 for marks and normal
// forms, 17 for case and numbers. Text must become the ids that models were trained on, so each
// question below is answered with the version of its step: utf8proc's answer, but for the ranges of
// unicode.def.
#ifndef OHMIC_TOKENIZER_TEXT_UNICODE_H
#define OHMIC_TOKENIZER_TEXT_UNICODE_H

#include "support/base.h"

// The character at p[*at], which moves behind it. The text is UTF-8 and *at < n.
int32_t unicode_next(const char *p, size_t n, size_t *at);
size_t unicode_before(const char *p, size_t at); // at > 0: where the character before it starts
size_t unicode_put(int32_t c, char out[4]);      // its bytes
bool unicode_is_utf8(const char *p, size_t n, size_t *bad_at);

bool unicode_is_space(int32_t c);       // White_Space
bool unicode_is_control(int32_t c);     // what BertNormalizer drops
bool unicode_is_mark(int32_t c);        // what StripAccents drops: combining marks of all kinds
bool unicode_is_accent(int32_t c);      // what BertNormalizer drops: nonspacing marks
bool unicode_is_punctuation(int32_t c); // of ASCII also symbols
bool unicode_is_number(int32_t c);
bool unicode_is_word(int32_t c); // \w: letters, marks, digits, connectors, joiners
bool unicode_is_chinese(int32_t c);
bool unicode_is_ascii(const char *p, size_t n);

int unicode_lower(int32_t c, int32_t out[2]); // characters written
// Canonical, or with `compatible` compatibility decomposition; canonical order is the caller's.
enum { UNICODE_LONGEST = 18 };
int unicode_decompose(int32_t c, bool compatible, int32_t out[UNICODE_LONGEST]);
int unicode_combining_class(int32_t c);
int32_t unicode_compose(int32_t a, int32_t b); // the primary composite of both; -1: none
// The script as UnicodeScripts counts them: Han stands for Japanese kana too. 0: any (a space, and
// what Unicode 9 does not know).
int unicode_script(int32_t c);

// The 256 characters that stand for bytes in byte-level vocabularies (GPT-2): printable bytes of
// Latin-1 for themselves, the others 256, 257, ... in order.
int32_t unicode_of_byte(uint8_t byte);
int unicode_to_byte(int32_t c); // -1: none

#endif
