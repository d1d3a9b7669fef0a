// The `ohmic` command as a function: argv[1] is the subcommand. Gives the exit code.
#ifndef OHMIC_CLI_COMMANDS_H
#define OHMIC_CLI_COMMANDS_H

int commands_run(int argc, char **argv);
// Kinds of file that the command's arguments may be, with '|' between; "" for none.
const char *commands_takes(const char *name);

#endif
