// Time that something took: for figures that people read, never for results.
#ifndef OHMIC_SUPPORT_CLOCK_H
#define OHMIC_SUPPORT_CLOCK_H

double clock_processor(void); // seconds that the threads of this process have had a processor

#endif
