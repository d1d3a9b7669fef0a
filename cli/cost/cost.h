// What `ohmic cost` knows, and how it says so. cost.c counts, text.c prints one screen, json.c all
// of it, timeline.c writes when what happens, floorplan.c where what stands; words.c is how times
// and places are named.
#ifndef OHMIC_CLI_COST_COST_H
#define OHMIC_CLI_COST_COST_H
#include "cli/args.h"
#include "cost/area.h"
#include "cost/guesses.h"
#include "cost/meter.h"
#include "cost/programming.h"
#include "support/file/json.h"
#include "timing/answers.h"

// Of the sequence.
typedef struct {
    energy_prices prices, assumed;
    counter *counted;
    meter *meter;
    isa_events events;
    energy_aj total;
    standing *standing; // beside it
    int64_t rows;       // tokens: the prompt's and those behind it
    inventory parts;
    __int128 on; // drawn all the time by the program's tiles, in picowatts
    programming weights;
} cost_energy;

typedef struct {
    arena *a;
    const isa_program *p;
    const machine *chip;
    diag_sink *diags;
    int64_t prompt, generate, top;
    timing_activity *activity; // NULL: the worst case
    energy_by by;
    bool by_given;
    // Runs: of a sequence, of rows without end, of those without what limits them (NULL: nothing
    // does).
    timing *sequence, *endless, *freed;
    timing_latency latency;
    // The same on the chip without what is assumed: what a time is longer rests on guesses.
    machine sure;
    timing_latency sure_latency;
    timing_steady sure_steady;
    int64_t sequences; // asked about together; 1: none beside the one
    timing_together together;
    timing_steady steady, without;
    cost_energy spent;
} cost;

// What --prompt, --generate and --top say, or what they are where they say nothing. False:
// reported.
bool cost_lengths(cost *c, const args *given);
// What they are where nothing is said.
void cost_usual_lengths(const isa_program *p, int64_t *prompt, int64_t *generate);
// The program's chip with what --set changes; NULL: reported.
machine *cost_chip(const cost *c, machine *own, const args *given);
// Everything below the lengths. False: reported. cost_free frees the runs, counted or not.
bool cost_count(cost *c);
// Of it, what the sequence alone takes.
bool cost_count_sequence(cost *c);
// Warns where tokens come later than what gain cells were declared to lose accounts for.
void cost_check_period(const isa_program *p, timing_ps token, diag_sink *diags);
// The steps that are asked about, on a run that has run nothing.
bool cost_run(const cost *c, timing *t, arena *a, timing_latency *out);
void cost_free(cost *c);

void cost_print(const cost *c);
json_t *cost_json(const cost *c);
// What --timeline and --floorplan ask for, if they are there. False: reported.
bool cost_timeline(const cost *c, const args *given);
bool cost_floorplan(const cost *c, const args *given);

// --- energy: before the sequence runs, and after it

void cost_watch_energy(cost *c);
void cost_count_energy(cost *c);
void cost_free_energy(cost *c);
bool cost_states_energy(const cost *c); // of what the program needs, something
bool cost_states_area(const cost *c);
void cost_print_energy(const cost *c);
json_t *cost_energy_json(const cost *c);
// Figures of energy, power, area and programming that the program needs and the chip does not
// state.
const char **cost_lacking(const cost *c, size_t *n);

// --- words

const char *cost_time_text(arena *a, timing_ps t);
const char *cost_rate_text(arena *a, int64_t rows, timing_ps t);
double cost_share(timing_ps part, timing_ps of); // in percent
// Of a time, with the same time where nothing is assumed.
double cost_assumed(timing_ps t, timing_ps sure);
// The busiest unit; where even that is not busy throughout, latencies and buffers limit.
const char *cost_limit_text(const cost *c, const timing *t, const timing_steady *s);
const char *cost_insn_text(const cost *c, uint32_t phase, uint32_t tile, uint32_t pc);
// Its ONNX nodes, one a line; the first of them, and that there are more.
const char *cost_nodes(const cost *c, uint32_t phase, uint32_t tile, uint32_t pc);
const char *cost_node_text(const cost *c, uint32_t phase, uint32_t tile, uint32_t pc);

typedef struct {
    size_t unit; // timing_unit_at
    timing_ps busy;
} cost_busy_unit;
// All units of a run, the busiest first.
cost_busy_unit *cost_units_by_busy(const cost *c, const timing *t);
#endif
