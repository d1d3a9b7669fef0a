// The `ohmic` command as a function: argv[1] is the subcommand. Gives the exit code.
#ifndef OHMIC_CLI_COMMANDS_H
#define OHMIC_CLI_COMMANDS_H

int commands_run(int argc, char **argv);

#endif
