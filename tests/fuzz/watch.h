// Runs one input under watch: a crash, an abort, an exit, a sanitizer's report, too much time or
// memory ends the process; what it was is printed, and its bytes are stored in PROGRAM.crash of the
// current folder.
#ifndef OHMIC_TESTS_FUZZ_WATCH_H
#define OHMIC_TESTS_FUZZ_WATCH_H

#include "support/base.h"

void watch_begin(const char *program);
// Where the next input comes from, for the report.
void watch_name(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
unsigned watch_run(const uint8_t *bytes, size_t n); // what target.run says
void watch_leaks(const char *since);                // ends the process when memory was lost
double watch_slowest(const char **what);            // seconds of an input

#endif
