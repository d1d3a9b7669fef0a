// The process around the command: signals, memory of libraries, and standard output, whose write
// errors are errors. Gives the exit code.
#ifndef OHMIC_CLI_PROCESS_H
#define OHMIC_CLI_PROCESS_H

int process_run(int argc, char **argv); // once

#endif
