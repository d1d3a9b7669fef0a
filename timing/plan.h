// What the engine walks: the instructions of a phase in the verifier's order, with what each waits
// for, holds and asks of shared units, as numbers in flat arrays; and the state of all of that.
//
// Where a time has to be known rows later, it stands in `known` at + (row & mask). Places of
// buffers and queues are slots: the time at which the last who used the place is done with it.
#ifndef OHMIC_TIMING_PLAN_H
#define OHMIC_TIMING_PLAN_H
#include "isa/count/mesh.h"
#include "isa/depend/lag.h"
#include "support/budget.h"
#include "support/vec.h"
#include "timing/busy.h"
#include "timing/cost.h"

#define PLAN_NOTHING UINT32_MAX

// --- what a row waits for

typedef enum {
    WAIT_ROW,   // known[at + (row & mask)]
    WAIT_REACH, // up to row min(row * rate + ahead, rows of the domain - 1); below 0: none
    WAIT_UNTIL, // up to row min((row + ahead) / rate, rows of the instruction - 1)
    // once a step: at its row 0
    WAIT_ALL,      // the last of all rows, in this step
    WAIT_FREED,    // the last of all rows has read
    WAIT_BEFORE,   // the last of all rows, in the steps before
    WAIT_RING_WAS, // the same, of the last step in this bank; `at`: of banks' ends
} wait_how;

typedef struct {
    uint32_t on, at, mask;
    int32_t rate, ahead;
    uint8_t how, cause, dom;
} plan_wait;

// Times of an instruction's rows that are kept: those of row r at `at` + (r & mask). At
// PLAN_NOTHING: nobody asks.
typedef enum {
    KEPT_MADE,       // result
    KEPT_GIVEN,      // freed
    KEPT_MADE_UP_TO, // the latest of the step's rows up to this one: results
    KEPT_GIVEN_UP_TO,
    KEPT
} kept_kind;
typedef struct {
    uint32_t at, mask;
} plan_kept;

// --- places

typedef struct {
    timing_ps at, then;   // then: of a row that is not written yet, and that nobody will need
    uint32_t by, then_by; // instructions that gave it
} slot;

// Places of the rows that an instruction is the first to write, or of a queue.
typedef struct {
    uint32_t first, depth; // slots first .. first + depth - 1
    uint32_t row0;         // slot of row 0 of this step
    uint32_t writer;       // instruction of the phase; of a queue: PLAN_NOTHING
    uint8_t dom;
} places;

// A use that gives places back.
typedef struct {
    uint32_t places;
    uint32_t next; // slot of the next row, while it goes row by row
    isa_reach reach;
    bool result;     // given back when the result is there: it writes
    bool row_by_row; // row r gives back row r
} plan_release;

// --- units

typedef struct {
    timing_unit_kind kind;
    uint32_t tile, index, count;
    busy busy;
} plan_unit;

typedef struct {
    uint32_t tile, crossbar, unit;
} plan_crossbar;

// A demand on a shared unit. Lateness moves the result: result >= end + behind, freed >= end +
// until_free.
typedef struct {
    uint32_t unit, ways; // one of unit .. unit + ways - 1, by the row's position
    timing_ps offset, time, behind, until_free;
    uint8_t kind; // timing_unit_kind
} plan_demand;

// A link of a send's tree, after the one before it on the way.
typedef struct {
    uint32_t unit, before; // of the same send; PLAN_NOTHING: the first
} plan_link;

typedef struct {
    uint32_t link;     // the last on the way; PLAN_NOTHING: the tile itself
    uint32_t queue;    // places
    uint32_t at, mask; // of `known`: when its rows arrive
} plan_dest;

// --- instructions

typedef struct {
    // now
    timing_ps start, entered;      // of the last row; in this step
    timing_ps made_all, given_all; // latest of this step's rows: result, freed
    timing_ps ended;               // latest result of the steps before
    timing_ps frontier;            // accounted for up to here
    int64_t row, rows;             // of this step
    // what a row costs
    timing_ps latency, hold;
    uint32_t first_wait, first_once, end_wait; // row by row; once a step
    uint32_t first_demand, end_demand;
    uint32_t first_held, end_held; // of `held`: units
    uint32_t first_release, end_release;
    uint32_t places, next_place; // of its own result; PLAN_NOTHING; slot of the next row
    plan_kept kept[KEPT];        // times of its rows
    uint32_t send, queue;        // number of the send; places of the queue it receives from
    uint32_t uses_before;        // of its channel, in this step
    int64_t lag;
    uint32_t step; // virtual time of a row
    uint32_t place, tile, pc;
    uint32_t number; // of all phases' instructions
    uint8_t op, dom, varies, entered_by;
    bool holds; // this row its units
    // figures
    timing_ps used;
    timing_ps stalled[TIMING_CAUSES];
    uint64_t n_rows;
} plan_insn;

typedef struct {
    uint32_t first_link, end_link, first_dest, end_dest;
    timing_ps link; // duration on each
    timing_ps hop;
} plan_send;

typedef struct {
    isa_depend *d;
    plan_insn *insns;
    uint32_t *by_lag;
    uint32_t *active; // scratch
    VEC(plan_wait) waits;
    VEC(plan_release) releases;
    VEC(plan_demand) demands;
    VEC(uint32_t) held;
    VEC(plan_send) sends;
    VEC(plan_link) links;
    VEC(plan_dest) dests;
    VEC(uint32_t) ring_waits; // waits of the kind WAIT_RING_WAS
} plan_phase;

typedef struct {
    const isa_program *p;
    const machine *m;
    arena *a;
    mesh mesh;
    cost_model cost;
    uint32_t unlimited;
    budget budget; // what a phase may ask for
    plan_phase phase[ISA_MAX_PHASES];
    VEC(plan_unit) units;
    VEC(plan_crossbar) crossbars; // that are held, by tile and number
    VEC(places) places;
    VEC(slot) slots;
    VEC(timing_ps) known;
    uint32_t *queues;     // [dest entry] places
    timing_ps *ring_ends; // [of waits][banks]
    uint32_t n_ring_ends;
    plan_insn **all; // [number]
    uint32_t n_all, most_links;
    timing_ps longest; // any latency, hold or demand
} plan;

// False: its instructions wait for more than a program of its size may have to list.
bool plan_make(plan *x, const isa_program *p, const machine *m, uint32_t unlimited);
void plan_free(plan *x);

// Of a row in this step: latency, hold and demands anew.
void plan_price(plan *x, plan_phase *ph, plan_insn *i, const cost_row *row);

// Parts (plan_waits.c, plan_units.c).
bool plan_waits_of(plan *x, plan_phase *ph, const isa_lags *lags); // false: beyond the budget
void plan_units_of(plan *x);
#endif
