// Names and numbers by their beginning: all names that a text starts with, in one walk.
#ifndef OHMIC_TOKENIZER_TEXT_TRIE_H
#define OHMIC_TOKENIZER_TEXT_TRIE_H

#include "support/base.h"
#include "tokenizer/text/edit.h"

typedef struct trie trie;

typedef struct {
    text name;     // not empty
    int32_t value; // >= 0
} trie_entry;

// Of equal names the last counts. Entries are sorted.
trie *trie_new(trie_entry *entries, size_t n);
void trie_free(trie *t); // NULL is allowed

// A walk begins with TRIE_ROOT. Each step follows one byte: the next node, or TRIE_NONE. *value: of
// the name that ends there; -1: none does.
enum { TRIE_ROOT = 0 };
#define TRIE_NONE UINT32_MAX
uint32_t trie_step(const trie *t, uint32_t node, uint8_t byte, int32_t *value);
// The longest name that p starts with, and its length; -1: none.
int32_t trie_longest(const trie *t, const char *p, size_t n, size_t *length);

#endif
