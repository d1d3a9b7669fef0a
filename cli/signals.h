// What becomes of the command's files when it is stopped.
#ifndef OHMIC_CLI_SIGNALS_H
#define OHMIC_CLI_SIGNALS_H

// From now on: a process that is interrupted, ended, hung up or has no reader any more removes its
// temporary files first, and so does one that exits because of an internal error. One whose mapped
// file was cut short says which file that was and exits with EXIT_REJECTED.
void signals_watch(void);

#endif
