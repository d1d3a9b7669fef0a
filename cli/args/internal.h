// What the files of args share.
#ifndef OHMIC_CLI_ARGS_INTERNAL_H
#define OHMIC_CLI_ARGS_INTERNAL_H

#include "cli/args.h"
#include "support/vec.h"

typedef struct {
    const arg_option *option;
    const char *text;
} args_value;

struct args {
    arena *arena;
    const char *command, *arguments;
    const arg_option *options;
    size_t n_options;
    bool json;             // it was asked for
    VEC(args_value) given; // both in the arena, with room for all of argv
    VEC(const char *) positional;
};

// For each word of "a|b", of length n; NULL has none.
#define ARGS_EACH_WORD(list, word, n)                                                   \
    for (const char *word = (list), *end_ = word; word && (n = strcspn(word, "|")) > 0; \
         end_ = word + n, word = *end_ ? end_ + 1 : NULL)

const arg_option *args_find(const args *a, const char *name, size_t n);
bool args_has_word(const char *list, const char *text);
// "all, causal or padding" of "all|causal|padding", each behind `lead`, `last` before the last.
const char *args_words(arena *a, const char *list, const char *lead, const char *last);

// The text is what the option's kind wants (value.c). False: reported.
bool args_check_value(const args *a, const arg_option *o, const char *text, diag_sink *diags);
// Files that are read are of a kind that may stand there, and are not written (files.c).
// False: reported.
bool args_check_files(const args *a, diag_sink *diags);

void args_help(const args *a, const char *summary);
void args_help_json(const args *a, const char *summary);

#endif
