// Texts as ids, for every command that takes text: the tokenizer and what it puts around a text,
// and files of texts turned into the JSON of ids that scores and calibration read.
#ifndef OHMIC_CLI_TEXTS_H
#define OHMIC_CLI_TEXTS_H

#include "cli/args.h"
#include "tokenizer/tokenizer.h"
#include <jansson.h>

// Options of commands that read texts, put into their tables. `beside`: what the tokenizer lies
// beside when none is named; `only_with`: the options that read texts, NULL when the command always
// does.
#define TEXTS_TOKENIZER_OPTION(beside, only_with)                                          \
    ARG_OPTION("tokenizer", 0, ARG_INPUT, "FILE",                                          \
               "tokenizer.json, vocab.txt or llama2.c's .bin; default: tokenizer.json or " \
               "tokenizer.bin beside " beside,                                             \
               ARG_TAKES("json|text|bytes"), ARG_WITH(only_with))
#define TEXTS_AROUND_OPTIONS(only_with)                                                         \
    ARG_OPTION("bos", 0, ARG_FLAG, NULL,                                                        \
               "put the token that begins a text in front, whatever the tokenizer's files say", \
               ARG_WITH(only_with), ARG_WITHOUT("no-bos")),                                     \
        ARG_OPTION("no-bos", 0, ARG_FLAG, NULL, "put none in front", ARG_WITH(only_with))
#define TEXTS_BY_OPTION(only_with)                                                             \
    ARG_OPTION(                                                                                \
        "text-by", 0, ARG_WORD, "line|paragraph|file",                                         \
        "what of a text file is one text; default: line; paragraphs have blank lines between", \
        ARG_WITH(only_with))

typedef struct {
    tokenizer *t; // NULL: none is named, and none lies beside
    tokenizer_around around;
    const char *by; // "line", "paragraph", "file"
    arena *a;
    bool told;           // what the files do not say has been noted
    bool encoded, split; // some text became ids; some file was cut into texts
} texts;

// Reads the options. The tokenizer is opened when one is named, or when one lies beside `beside`
// (NULL: nowhere). False: reported.
bool texts_open(texts *x, const args *given, const char *beside, diag_sink *diags);
// The same with a tokenizer that is no option's.
bool texts_open_as(texts *x, const args *given, const char *path, diag_sink *diags);
void texts_by(texts *x, const args *given); // TEXTS_BY_OPTION
// Warns of options that decided nothing, as the files that were read hold ids, or JSON.
void texts_unused(const texts *x, const args *given, diag_sink *diags);
void texts_close(texts *x);

// One text. False: reported.
bool texts_encode(texts *x, const char *p, size_t n, tokenizer_ids *ids, tokenizer_spans *spans,
                  diag_sink *diags);

// What a file holds, by its content. JSON: its value; a line of JSON each: the list of them; else
// the list of its texts. NULL: reported.
json_t *texts_load(texts *x, const char *path, diag_sink *diags);

// The file as ids, in the shape that is asked for; NULL: reported. What is ids already stays.
//   TEXTS_LISTS   lists of ids, one a text                (cli/README.md has the shapes)
//   TEXTS_PROBES  probes {kind, distance, answer, prompt}
//   TEXTS_MASKED  {ids, masked, mask_id}
typedef enum { TEXTS_LISTS, TEXTS_PROBES, TEXTS_MASKED } texts_shape;
json_t *texts_read(texts *x, const char *path, texts_shape shape, diag_sink *diags);

#endif
