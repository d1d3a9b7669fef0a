// What is every axis of a plain value made of? Layouts, and the token domains that analysis knows.
//
// A layout names the factors (atoms) of every axis of a node's plain value: features, the batch,
// rows of a token domain. Its row has the columns of the feature atoms in the order in which they
// stand, those of a broadcast that was not carried out (virtual atoms) left out.
#ifndef OHMIC_PASSES_TOKENS_LAYOUT_H
#define OHMIC_PASSES_TOKENS_LAYOUT_H

#include "ir/ir.h"

enum { TOK_MAX_ATOMS = 24, TOK_MAX_PROBES = 4, TOK_MAX_DOMAINS = 64 };

typedef struct tok_ctx tok_ctx;

typedef enum { TOK_FEATURE, TOK_BATCH, TOK_ROWS } tok_atom_kind;

// A factor of a plain axis. Atoms of one axis multiply to its size, the first one slowest. Axes of
// size 1 have none. A row index may be cut in pieces (an image's patch grid): size and stride.
typedef struct {
    tok_atom_kind kind;
    int axis;
    int domain;      // rows
    int64_t size;    // features, batch, pieces of rows; whole rows of a free domain: 0
    int64_t stride;  // of a piece of rows; 1: the fastest or the only one
    bool is_virtual; // a broadcast that was not carried out: the rows lack this atom
} tok_atom;

typedef struct {
    int rank, count;
    tok_atom atom[TOK_MAX_ATOMS];
} tok_layout;

// ---- layouts ---------------------------------------------------------------------------------

int64_t tok_atom_rows(const tok_ctx *c, const tok_atom *a, int probe); // size at a probe
void tok_layout_push(tok_layout *l, tok_atom a);
void tok_layout_tidy(tok_layout *l); // merges what belongs together
// Atoms of one axis: [*from, *until).
void tok_layout_axis(const tok_layout *l, int axis, int *from, int *until);
int64_t tok_width(const tok_layout *l); // columns of its row
// Domain of the rows; -1: no row axis; -2: two, or pieces out of order.
int tok_layout_domain(const tok_layout *l);
bool tok_layout_has_rows(const tok_layout *l);   // also virtual ones
tok_layout tok_layout_full(const tok_layout *l); // every broadcast carried out
bool tok_layout_is_full(const tok_layout *l);    // no broadcast waits
tok_layout tok_layout_without_rows(const tok_layout *l);
tok_layout tok_layout_without_axis(const tok_layout *l, int axis); // of the same rank
// The same with n features at an axis that has no atoms.
tok_layout tok_layout_with_features(const tok_layout *l, int axis, int64_t n);
// The same elements at the node's shape. False: refused at `node`.
bool tok_layout_reshape(tok_ctx *c, uint32_t node, const tok_layout *in, tok_layout *out);
// Axes permuted; index (of tok_width(in) entries) gets the column moves; false when none moves.
bool tok_layout_permute(const tok_layout *in, const int64_t *perm, tok_layout *out, int64_t *index);
// Sizes of the layout's axes are those of the node at every probe. False: refused.
bool tok_layout_fits(tok_ctx *c, uint32_t node, const tok_layout *l);
const char *tok_layout_text(const tok_ctx *c, const tok_layout *l); // "[1, t0, 8*16]"
// Of sizes at the probes: "2368 for 37 tokens, 2624 for 41".
const char *tok_sizes_text(const tok_ctx *c, const int64_t *n);
// numpy broadcasting of operands. False: refused.
bool tok_layout_join(tok_ctx *c, uint32_t node, tok_layout *to, const tok_layout *from);
// Columns of a value with layout `from` inside one with the wider layout `to`: index[i] is the
// column of `from` for column i of `to`. True when they are the same columns.
bool tok_columns(const tok_layout *from, const tok_layout *to, int64_t *index);
// Splits a layout at `axis`: features before it are groups, features from it on are what an
// operation works on. False: refused (rows or the batch are among the latter).
bool tok_split(tok_ctx *c, uint32_t node, const tok_layout *l, int axis, int64_t *groups,
               int64_t *width);

// ---- domains ---------------------------------------------------------------------------------

// A domain that analysis came across. Only those that something needed counts get a number in the
// program (demand.c), so what is never needed takes none of the few there are.
typedef struct {
    ir_domain is;                 // `of` by analysis' numbers
    int64_t rows[TOK_MAX_PROBES]; // at each probe
    int64_t past_rows;            // at @past
    int number;                   // in the program; -1: none
    bool is_needed;
} tok_domain;

void tok_domains_begin(tok_ctx *c);               // t0, and an encoder's t1
void tok_domain_frozen(tok_ctx *c, int64_t rows); // t0 of a frozen model has that many rows
// A domain derived from `of`, an old one or a new one; -1: refused at `node`.
int tok_domain_derive(tok_ctx *c, uint32_t node, int of, int64_t mul, int64_t add, int64_t div);
int tok_domain_last(tok_ctx *c, uint32_t node, int of); // -1: refused
int tok_domain_one(tok_ctx *c);
int tok_domain_parent(const tok_ctx *c, int d); // it derives from; -1: none
int tok_domain_root(const tok_ctx *c, int d);   // free domain that d derives from (itself)
int tok_domain_number(const tok_ctx *c, int d); // as it is called: in the program, or so far
// A row axis that the sizes of axis `axis` of the node tell; false: they are no small function of
// the tokens (refused, but for a frozen model).
bool tok_axis_rows(tok_ctx *c, uint32_t node, int axis, int *domain);

#endif
