// Finds the subcommand and calls it; see commands.h.
#include "cli/commands.h"
#include "cli/args.h"
#include "support/name.h"
#include <stdio.h>
#include <string.h>

typedef int (*command_function)(int argc, char **argv);
#define COMMAND(name, c_name, arguments, summary) int command_##c_name(int argc, char **argv);
#include "cli/commands.def"

static const struct {
    const char *name, *arguments, *summary;
    command_function run;
} commands[] = {
#define COMMAND(name, c_name, arguments, summary) {name, arguments, summary, command_##c_name},
#include "cli/commands.def"
};

static void help(FILE *out) {
    fprintf(out, "usage: ohmic COMMAND [OPTION...] [ARGUMENT...]\n\n"
                 "Compiles ONNX transformers for analog in-memory-computing chips and runs the "
                 "programs on a\n"
                 "simulator of those chips.\n\n");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        fprintf(out, "  %-10s %-14s %s\n", commands[i].name, commands[i].arguments,
                commands[i].summary);
    fprintf(out, "\n`ohmic COMMAND --help` explains a command. Exit codes: 0 ok, 1 input rejected, "
                 "2 usage, 70 internal error.\n");
}

int commands_run(int argc, char **argv) {
    if (argc < 2) {
        help(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        help(stdout);
        return EXIT_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("ohmic %s\n", OHMIC_VERSION);
        return EXIT_OK;
    }
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(argv[1], commands[i].name) == 0) return commands[i].run(argc - 2, argv + 2);
    arena *a = arena_new();
    fprintf(stderr, "ohmic: no command '%s'; `ohmic --help` lists them\n", name_text(a, argv[1]));
    arena_free(a);
    return EXIT_USAGE;
}
