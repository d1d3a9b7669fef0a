// The time a verified program takes on its chip: every row event's start, result and cause, by the
// rules of docs/timing.md. Reads the program alone: no value changes a time, no time a value.
//
// Event (i, r) is row r of instruction i. Times are integer picoseconds from the first launch on.
// The same program, chip and launches give the same times on every machine. What is kept does not
// grow with rows or steps.
#ifndef OHMIC_TIMING_TIMING_H
#define OHMIC_TIMING_TIMING_H
#include "isa/machine/machine.h"
#include "isa/program.h"

typedef int64_t timing_ps;

typedef enum {
#define CAUSE(name, summary) TIMING_##name,
#include "timing/causes.def"
    TIMING_CAUSES
} timing_cause;
extern const char *const timing_cause_names[TIMING_CAUSES];
extern const char *const timing_cause_summaries[TIMING_CAUSES];

typedef enum {
#define UNIT(name, shared, summary) TIMING_UNIT_##name,
#include "timing/units.def"
    TIMING_UNITS
} timing_unit_kind;
extern const char *const timing_unit_names[TIMING_UNITS];

typedef struct timing timing;

// unlimited: bit k: units of kind k never make anything wait (for "what if it were not there").
// NULL: reported; a row that takes longer than a second is refused.
timing *timing_new(const isa_program *p, const machine *chip, uint32_t unlimited, diag_sink *diags);
void timing_free(timing *t); // NULL is allowed

typedef struct {
    uint32_t phase, bank;
    int64_t rows[ISA_DOMAINS]; // of the phase's free domains
    int64_t position;          // tokens of the sequence before this step
    bool follows; // needs the last row of the step before in its bank: launched time.launch after
                  // it departs
    timing_ps at; // else: when it is launched
} timing_launch;

typedef struct {
    timing_ps launched;
    timing_ps departed; // last row to the host; of a phase that sends none, the last result
    uint64_t events;
} timing_step_times;

// Steps in the order of their launches. False: reported (rows that the phase does not take, a bank
// that is not there, more time than numbers hold).
bool timing_step(timing *t, const timing_launch *launch, timing_step_times *times,
                 diag_sink *diags);

// ---- events, as they are timed: steps in order, in each of them the oldest first ---------------

typedef struct {
    uint32_t step, phase, place; // place: in the verifier's order
    uint32_t tile, pc;
    int64_t row;
    timing_ps entered; // the instruction, in this step
    timing_ps start, result;
    timing_ps freed; // what it read is read
    timing_cause cause;
    uint32_t on;     // the instruction that caused it, by place; itself where it is none
    timing_ps since; // the time that it gave, where it is another's
} timing_event;
typedef void (*timing_observer)(void *ctx, const timing_event *e);
void timing_observe(timing *t, timing_observer f, void *ctx); // NULL: no longer

// Launches, each before its events.
typedef void (*timing_listener)(void *ctx, const timing_launch *l);
void timing_listen(timing *t, timing_listener f, void *ctx); // NULL: no longer

// ---- what units do, in order of time ------------------------------------------------------------
//
// Older rows are timed first, but younger ones may use the gaps before them: spans are held back
// until nobody can want an earlier time. What is held back does not grow with rows.

// A unit works on a row. A demand that older rows interrupt is several spans.
typedef struct {
    size_t unit; // timing_unit_at
    timing_ps from, until;
    uint32_t step, phase, tile, pc;
    int64_t row;
} timing_span;

// Rows in the queues of a tile, those on the way to them included, from `at` on.
typedef struct {
    uint32_t tile;
    timing_ps at;
    uint64_t rows;
} timing_fill;

typedef struct {
    void (*span)(void *ctx, const timing_span *s);                              // by unit
    void (*fill)(void *ctx, const timing_fill *f);                              // by tile
    void (*step)(void *ctx, const timing_launch *l, const timing_step_times *); // when it has run
    void *ctx;
} timing_watcher;
// Of all steps to come; what it points to stays.
void timing_watch(timing *t, const timing_watcher *w);
void timing_watch_end(timing *t); // what is still held back

// ---- figures of all that has run ---------------------------------------------------------------

timing_ps timing_end(const timing *t); // last result

#define TIMING_POOL UINT32_MAX // a tile's pool of computation arrays, held like one crossbar
typedef struct {
    timing_unit_kind kind;
    uint32_t tile, index; // of its kind on the tile; links: mesh_direction; rings: ring * banks +
                          // bank
    uint32_t count;       // crossbars that are always held together, `index` the first
    uint32_t users;       // instructions
    timing_ps busy;
} timing_unit;
size_t timing_units(const timing *t);
timing_unit timing_unit_at(const timing *t, size_t i);
// Which of them a crossbar belongs to; SIZE_MAX: none, nothing holds it.
size_t timing_unit_of_crossbar(const timing *t, uint32_t tile, uint32_t crossbar);
// "crossbars 0 and 2 more of tile 3", "link east of tile 4".
const char *timing_unit_text(arena *a, const timing *t, size_t i);

// busy + stalled + idle = timing_end.
typedef struct {
    uint32_t tile, pc;
    uint64_t rows;
    timing_ps busy, stalled[TIMING_CAUSES], idle;
} timing_insn;
size_t timing_insns(const timing *t, uint32_t phase);
timing_insn timing_insn_at(const timing *t, uint32_t phase, size_t place);

// Figures of the chip that the program uses and that are not stated: "time.conversion" and so on,
// in the order of machine.def. n: how many.
const char *const *timing_missing(const timing *t, size_t *n);
#endif
