// What the rows of an instruction wait for (docs/isa.md, "Rows and time"): said once, for the
// verifier's lag rule (lag.h), for timing and for tests.
//
// Event (i, r) is row r of instruction i. Beside what is said here it waits for event (i, r - 1),
// and for i to enter the active set: the n-th instruction of a tile enters when all up to n - A
// have finished. Instructions without rows (halt, settl) are one event each, and count there.
//
// An instruction's uses are its operands that have rows: the buffers it reads and writes, and its
// ring. Who waits for whom is said use by use, in sets of uses that share their parts. So what is
// kept is linear in the program, and so is whatever takes one step a join (the largest of a number
// over all members, say). isa_waits has the same as plain lists.
//
// Columns of a buffer that were read together are one from then on, until a part of them is
// written: who reads one of them waits for all.
//
// Steps follow each other like lines that are written one behind the other. Rows of a buffer are
// numbered on, so that the place of a row is that of row r - depth of the step before when r <
// depth; bytes and rings that a step takes over from the one before are in the sets, marked
// ISA_BEFORE.
#ifndef OHMIC_ISA_DEPEND_DEPEND_H
#define OHMIC_ISA_DEPEND_DEPEND_H
#include "isa/depend/domain.h"
#include "isa/depend/order.h"

// Which rows of an operand the rows of an instruction need.
typedef struct {
    bool all;  // every row needs all of them; else row r those up to r * rate + ahead
    bool keep; // all are needed until the last row is done; else row j until row (j + back) / rate
               // is
    int32_t ahead, back;
    int32_t rate;
} isa_reach;
isa_reach isa_reach_of(const isa_program *p, uint32_t tile, const isa_insn *i,
                       const isa_operand *o);
// The last row of an operand with `rows` rows that row r needs; below 0: none.
int64_t isa_reach_needs(const isa_reach *x, int64_t r, int64_t rows);
// The last of an instruction's `rows` rows that needs row j of the operand; below 0: none.
int64_t isa_reach_until(const isa_reach *x, int64_t j, int64_t rows);

// A set of uses: nothing, one use, or a join of two sets that were made before. In the sets of the
// n-th instruction of the order are uses of the instructions before it, and its own in `first`.
typedef uint32_t isa_set;
#define ISA_NOTHING UINT32_MAX
#define ISA_JOIN (UINT32_C(1) << 31)
#define ISA_BEFORE (UINT32_C(1) << 30)                             // all of it in the step before
static inline bool isa_is_join(isa_set s) { return s & ISA_JOIN; } // not of ISA_NOTHING
static inline uint32_t isa_index(isa_set s) { return s & ~(ISA_JOIN | ISA_BEFORE); }
typedef struct {
    isa_set a, b;
} isa_join;

typedef enum { ISA_READS, ISA_WRITES, ISA_READS_RING, ISA_WRITES_RING } isa_use_kind;
// Why a read has no rows; only programs that are not verified have such.
typedef enum {
    ISA_SOUND,
    ISA_UNWRITTEN,    // the step has not written all of it before
    ISA_OVERWRITTEN,  // another buffer has taken its bytes
    ISA_OTHER_DOMAIN, // the buffer holds rows of another domain, `held`
    ISA_TAKEN         // the instruction's result takes its bytes
} isa_fault;

typedef struct {
    uint32_t insn;            // its place in the order
    uint8_t kind, fault;      // isa_use_kind, isa_fault
    uint8_t field, dom, held; // isa_operand_field; of its rows; of a fault
    uint16_t buffer, parent;  // or the ring
    uint32_t from, until;     // columns of the parent
    isa_reach reach;          // what is written: row r of row r
    // Read: who made its rows; row r waits until row isa_reach_needs(r) is there.
    // Written: who used these columns before; row r waits until they need row r no longer.
    isa_set rows;
    // Who was the first to write these columns: row r + depth of those waits until this use needs
    // row r no longer.
    isa_set first;
    // Whose instructions must have ended: those that used the same bytes under another name or in
    // another domain; of a ring, who wrote what is read whole, or who reads what is written anew.
    isa_set over;
} isa_use;

// One use of a channel. The k-th receive of a tile takes the rows of the k-th send, row by row.
typedef struct {
    uint32_t channel, send; // the send's place in the order
    uint32_t before; // the transfer before on this channel, perhaps with ISA_BEFORE; ISA_NOTHING
    uint32_t first_recv; // recvs[first_recv + k]: place of the receive at its k-th destination
} isa_transfer;

typedef struct {
    uint32_t tile, pc;
    uint32_t first_use; // its uses end where those of the next begin
    uint32_t transfer;  // of a send or receive; ISA_NOTHING
    uint32_t dest;      // of a receive: which of the channel's destinations it is
} isa_node;

typedef struct {
    const isa_program *p;
    uint32_t phase;
    isa_domain dom[ISA_DOMAINS];
    int64_t chunk;    // C of the lag rule
    isa_node *nodes;  // [n + 1], in the order
    uint32_t **place; // [tile][pc]: place in the order
    isa_use *uses;
    isa_join *joins;
    isa_transfer *transfers;
    uint32_t *recvs;
    uint32_t n, n_uses, n_joins, n_transfers;
    uint32_t joins_before; // the first joins have members of the step before only
    arena *arena;
} isa_depend;

// `order` is isa_order's. Words, domains and channels have been found good (isa_verify does so).
isa_depend *isa_depend_new(const isa_program *p, uint32_t phase, const isa_step *order, uint32_t n);
void isa_depend_free(isa_depend *d); // NULL is allowed

static inline const isa_insn *isa_depend_insn(const isa_depend *d, uint32_t place) {
    const isa_node *x = &d->nodes[place];
    return &d->p->tiles[x->tile].phase[d->phase].code[x->pc];
}
// Rows of an instruction when its domains have so many.
int64_t isa_depend_rows(const isa_depend *d, uint32_t place, const int64_t rows[ISA_DOMAINS]);

// --- the same as lists

typedef enum {
    ISA_WAIT_MADE,  // an operand's rows are there
    ISA_WAIT_DONE,  // row r of what is written anew is needed no longer
    ISA_WAIT_PLACE, // row r - depth is needed no longer
    ISA_WAIT_END,   // the instruction has ended
    ISA_WAIT_SENT,  // the row has been sent
    ISA_WAIT_ROOM   // a destination's queue has room: row r - depth of all that was sent has been
                    // received
} isa_wait_kind;

typedef struct {
    uint8_t kind; // isa_wait_kind
    bool before;  // in the step before
    uint32_t on;  // MADE, DONE, PLACE: the use that is waited for; END, SENT: the instruction's
                  // place; ROOM: the number of the destination
    uint32_t use; // the use that waits; of sends and receives the transfer
} isa_wait;

typedef struct {
    isa_wait *items;
    uint32_t *first; // [n + 1] by instruction
} isa_waits;
isa_waits isa_waits_new(const isa_depend *d);
// The same, unless there are more than `most`: every reader of what many wrote waits for each of
// them. False: then *out is empty.
bool isa_waits_within(const isa_depend *d, uint64_t most, isa_waits *out);
void isa_waits_free(isa_waits *w);
// The event that event (i, r) waits for, i being the instruction of the wait's list: *place and
// *row. False: none, for this r. rows: of every domain. Waits of the step before are the caller's
// to count.
bool isa_wait_event(const isa_depend *d, const isa_wait *w, int64_t r,
                    const int64_t rows[ISA_DOMAINS], uint32_t *place, int64_t *row);
#endif
