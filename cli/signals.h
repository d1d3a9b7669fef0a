// What becomes of the command's files when it is stopped.
#ifndef OHMIC_CLI_SIGNALS_H
#define OHMIC_CLI_SIGNALS_H

#include <stdbool.h>

// From now on: a process that is interrupted, ended, hung up or has no reader any more removes its
// temporary files first, and so does one that exits because of an internal error. One whose mapped
// file was cut short says which file that was and exits with EXIT_REJECTED.
void signals_watch(void);

// From now on the first interrupt (Ctrl-C) is only remembered; a second one does what it ever does.
// Called again, the first is forgotten.
void signals_hold_interrupt(void);
bool signals_interrupted(void); // one is remembered

#endif
