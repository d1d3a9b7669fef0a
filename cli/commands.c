// Finds the subcommand and calls it; see commands.h.
#include "cli/commands.h"
#include "cli/args.h"
#include "support/spell.h"
#include <stdio.h>
#include <string.h>

typedef int (*command_function)(int argc, char **argv);
#define COMMAND(name, c_name, arguments, takes, summary) \
    int command_##c_name(int argc, char **argv);
#include "cli/commands.def"

static const struct {
    const char *name, *arguments, *takes, *summary;
    command_function run;
} commands[] = {
#define COMMAND(name, c_name, arguments, takes, summary) \
    {name, arguments, takes, summary, command_##c_name},
#include "cli/commands.def"
};

static void help(FILE *out) {
    fprintf(out, "usage: ohmic COMMAND [OPTION...] [ARGUMENT...]\n\n"
                 "Compiles ONNX transformers for analog in-memory-computing chips and runs the "
                 "programs on a\n"
                 "simulator of those chips.\n\n");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        fprintf(out, "  %-10s %-18s %s\n", commands[i].name, commands[i].arguments,
                commands[i].summary);
    fprintf(out,
            "\n`ohmic help COMMAND` explains a command. Exit codes: 0 ok, 1 input rejected, or "
            "no room for the\noutput, 2 usage, 70 internal error, 130 interrupted.\n");
}

const char *commands_takes(const char *name) {
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(name, commands[i].name) == 0) return commands[i].takes;
    return "";
}

static int unknown(const char *name) {
    spell_nearest near = spell_start(name, strlen(name));
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) spell_try(&near, commands[i].name);
    diag_sink *diags = diag_sink_new();
    diag_emit(diags, DIAG_ID_usage, DIAG_NOWHERE, "no command '%s'%s%s%s; `ohmic help` lists them",
              name, near.best ? "; did you mean '" : "", near.best ? near.best : "",
              near.best ? "'?" : "");
    return args_finish(NULL, diags);
}

// argv[0] is the command's name.
static int call(int argc, char **argv) {
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(argv[0], commands[i].name) == 0) return commands[i].run(argc - 1, argv + 1);
    return unknown(argv[0]);
}

int commands_run(int argc, char **argv) {
    if (argc < 2) {
        help(stderr);
        return EXIT_USAGE;
    }
    const char *first = argv[1];
    bool is_help = strcmp(first, "help") == 0;
    if (is_help && argc > 2) { // of a command, as people read it or (--json) as JSON
        char *of[] = {argv[2], "--help", argc > 3 ? argv[3] : NULL};
        return call(argc > 3 ? 3 : 2, of);
    }
    if (is_help || strcmp(first, "--help") == 0 || strcmp(first, "-h") == 0) {
        help(stdout);
        return EXIT_OK;
    }
    if (strcmp(first, "--version") == 0) {
        printf("ohmic %s\n", OHMIC_VERSION);
        return EXIT_OK;
    }
    return call(argc - 1, argv + 1);
}
