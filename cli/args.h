// The command line: options are tables, so that --help, errors and completeness come from one
// place.
//
//   static const arg_option options[] = {
//       {"output", 'o', ARG_OUTPUT, "FILE", "where the program goes"}, ...
//   };
// Every command also takes --help, and --json where its table lists it: then failures are JSON too.
// What the table says is checked before the command runs: names, kinds of value, which options
// belong together, which kind of file stands where one is read, and that none of them is written.
#ifndef OHMIC_CLI_ARGS_H
#define OHMIC_CLI_ARGS_H

#include "support/arena.h"
#include "support/diag.h"

enum {
    EXIT_OK = 0,
    EXIT_REJECTED = 1, // what was given, or the environment
    EXIT_USAGE = 2,    // the command line
    EXIT_INTERNAL = 70,
    EXIT_INTERRUPTED = 130 // by Ctrl-C, after what was asked for at the end was done
};

typedef enum {
#define ARG_KIND(id, wanted) ARG_##id,
#include "cli/args/kinds.def"
    ARG_KINDS
} arg_kind;

typedef struct {
    const char *name; // without "--"
    char letter;      // 0: none
    arg_kind kind;
    const char *value; // name of the value in --help; NULL for flags
    const char *summary;
    // Lists with '|' between, NULL for none:
    const char *takes;   // kinds of file (support/file/kind.def) that may stand here
    const char *with;    // options of which one must be given too, else this one has no effect
    const char *without; // options that must not be given too
    const char *onto;    // inputs that this output may replace
    bool many;           // may be given several times; else the last one holds
} arg_option;

// A row with some of the last fields.
#define ARG_OPTION(name, letter, kind, value, ...) \
    { name, letter, kind, value, __VA_ARGS__ }
#define ARG_TAKES(kinds) .takes = kinds
#define ARG_WITH(options) .with = options
#define ARG_WITHOUT(options) .without = options
#define ARG_ONTO(options) .onto = options
#define ARG_MANY .many = true

typedef struct args args;

// Parses argv after the command's name. `positional` says how many arguments without option name
// there may be: at least min, at most max (-1: any); commands.def says which kinds of file they
// are. Prints help or a usage error itself and sets *exit_code; then returns NULL.
args *args_parse(arena *a, int argc, char **argv, const char *command, const char *arguments,
                 const char *summary, const arg_option *options, size_t n_options, int min, int max,
                 int *exit_code);

// Of words that a command makes up itself: files are not looked at. NULL: reported.
args *args_of_words(arena *a, int argc, char **argv, const arg_option *options, size_t n_options,
                    diag_sink *diags);

bool args_flag(const args *a, const char *name);
bool args_given(const args *a, const char *name); // of any kind
const char *args_string(const args *a, const char *name, const char *otherwise);
int64_t args_int(const args *a, const char *name, int64_t otherwise);
double args_real(const args *a, const char *name, double otherwise);
const char *const *args_list(const args *a, const char *name, size_t *n);
size_t args_count(const args *a); // positional arguments
const char *args_at(const args *a, size_t i);
arena *args_arena(const args *a);

bool args_reads_standard_input(const args *a); // some file or prompt is -
// A path that the command chooses itself. False: it is one of the files read; reported.
bool args_may_write(const args *a, const char *path, diag_sink *diags);

// Prints what the sink holds to stderr (colour on a terminal unless NO_COLOR or TERM=dumb), with
// --json failures to stdout too, and gives the exit code: EXIT_INTERNAL when the fault is ours,
// EXIT_USAGE when an error is one of usage, EXIT_REJECTED when there is another, else EXIT_OK.
// Frees the sink. a may be NULL.
int args_finish(const args *a, diag_sink *diags);

#endif
