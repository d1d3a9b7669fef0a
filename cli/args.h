// The command line: options are tables, so that --help, errors and completeness come from one
// place.
//
//   static const arg_option options[] = {
//       {"output", 'o', ARG_STRING, "FILE", "where the program goes"}, ...
//   };
// Every command also takes --help, --json (where it lists ARG json) and reports unknown options,
// missing values and numbers that are none as usage errors (exit code 2).
#ifndef OHMIC_CLI_ARGS_H
#define OHMIC_CLI_ARGS_H

#include "support/arena.h"
#include "support/diag.h"

enum {
    EXIT_OK = 0,
    EXIT_REJECTED = 1,
    EXIT_USAGE = 2,
    EXIT_INTERNAL = 70,
    EXIT_INTERRUPTED = 130 // by Ctrl-C, after what was asked for at the end was done
};

typedef enum {
    ARG_FLAG,
    ARG_STRING,
    ARG_INT,
    ARG_REAL,
    ARG_LIST
} arg_kind; // LIST: may be given several times

typedef struct {
    const char *name; // without "--"
    char letter;      // 0: none
    arg_kind kind;
    const char *value; // name of the value in --help; NULL for flags
    const char *summary;
} arg_option;

typedef struct args args;

// Parses argv after the command's name. `positional` says how many arguments without option name
// there may be: at least min, at most max (-1: any). Prints help or a usage error itself and sets
// *exit_code; then returns NULL.
args *args_parse(arena *a, int argc, char **argv, const char *command, const char *arguments,
                 const char *summary, const arg_option *options, size_t n_options, int min, int max,
                 int *exit_code);

bool args_flag(const args *a, const char *name);
const char *args_string(const args *a, const char *name, const char *otherwise);
int64_t args_int(const args *a, const char *name, int64_t otherwise);
double args_real(const args *a, const char *name, double otherwise);
const char *const *args_list(const args *a, const char *name, size_t *n);
size_t args_count(const args *a); // positional arguments
const char *args_at(const args *a, size_t i);
arena *args_arena(const args *a);

// Prints what the sink holds to stderr (colour on a terminal unless NO_COLOR) and gives the exit
// code: EXIT_INTERNAL when the fault is ours, EXIT_REJECTED when there is another error, else
// EXIT_OK. Frees the sink.
int args_finish(diag_sink *diags);

#endif
