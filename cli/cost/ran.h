// What a simulator runs, as its chip would take it: time and energy of `run`, `generate` and `eval`
// (--cost), and the gates and masks that were met (run --activity).
#ifndef OHMIC_CLI_COST_RAN_H
#define OHMIC_CLI_COST_RAN_H
#include "runtime-sim/sim.h"
#include "support/file/json.h"

typedef struct ran ran;

typedef struct {
    bool time, activity; // what is wanted
} ran_options;
// Follows every step of `s` from now on; it outlives what is made. NULL: nothing is wanted, or
// reported.
ran *ran_new(sim *s, ran_options wanted, diag_sink *diags);
void ran_free(ran *r); // NULL is allowed; `s` is no longer followed

// From now on a step is launched when the one before has departed, which it is made of. Before
// that, steps are known from the beginning and launched together.
void ran_wait(ran *r); // NULL is allowed

// After the last step. False: reported, here or in a step.
bool ran_end(ran *r); // NULL is allowed
void ran_print(const ran *r, FILE *out);
json_t *ran_json(const ran *r);
bool ran_write_activity(const ran *r, const char *path, diag_sink *diags);

#endif
