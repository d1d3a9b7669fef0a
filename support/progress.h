// A progress line on a terminal: shown on stderr only when it is one, erased at the end.
#ifndef OHMIC_SUPPORT_PROGRESS_H
#define OHMIC_SUPPORT_PROGRESS_H
#include "support/base.h"

typedef struct progress progress;
progress *progress_new(const char *what, uint64_t total); // total 0: unknown
void progress_set(progress *p, uint64_t done); // cheap: redraws at most 20 times a second
void progress_free(progress *p);               // NULL is allowed
#endif
