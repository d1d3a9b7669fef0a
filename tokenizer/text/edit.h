// Texts that know where each of their bytes came from, and editing them character by character.
#ifndef OHMIC_TOKENIZER_TEXT_EDIT_H
#define OHMIC_TOKENIZER_TEXT_EDIT_H

#include "support/arena.h"

typedef struct {
    const char *p;
    size_t n;
} text;

typedef struct {
    uint32_t begin, end; // bytes of the text that is encoded
} origin;

typedef struct {
    const char *p;
    const origin *from; // [n]: of each byte
    size_t n;
} traced;

// A new text from an old one. The old one is taken in order, by edit_put and edit_drop, to its end.
typedef struct {
    traced in;
    size_t at; // bytes taken
    char *p;
    origin *from;
    size_t n, capacity;
    arena *a; // memory of the new text
} edit;

edit edit_begin(arena *a, traced in);
// The next character of the old text is taken, and c stands in its place.
void edit_put(edit *e, int32_t c);
void edit_keep(edit *e);              // ... and stands as it was
void edit_drop(edit *e);              // ... and nothing stands in its place
void edit_insert(edit *e, int32_t c); // nothing is taken; c came from what was taken last
void edit_insert_text(edit *e, text t);
// Both in one number, as normal forms count: 1, c is added; 0, it stands in the place of the next
// character; -n, and n more behind that are taken.
void edit_change(edit *e, int32_t c, int32_t change);
void edit_copy(edit *e, size_t until); // edit_keep up to byte `until` of the old text
bool edit_is_done(const edit *e);
int32_t edit_peek(const edit *e); // the character that is next
traced edit_end(edit *e);         // the rest of the old text is dropped

traced traced_of(arena *a, text t); // a text that came from nowhere else
traced traced_slice(traced t, size_t begin, size_t end);
bool text_starts_with(text t, text prefix);
text text_copy(arena *a, text t);
// Everywhere `what` by `by`; an empty `what` stands between all characters and at both ends.
text text_replace(arena *a, text t, text what, text by);

#endif
