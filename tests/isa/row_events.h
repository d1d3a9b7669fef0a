// Row events of docs/isa.md, "Rows and time", without time: whether a program runs to its end for
// given row counts. An event that is ready stays ready until it happens, so the order in which they
// happen does not matter.
#ifndef OHMIC_TESTS_ISA_ROW_EVENTS_H
#define OHMIC_TESTS_ISA_ROW_EVENTS_H
#include "isa/depend/depend.h"

// Rows of every domain when t0, the root of all, has n.
static inline void rows_of_all(const isa_depend *d, int64_t n, int64_t rows[ISA_DOMAINS]) {
    for (unsigned k = 0; k < ISA_DOMAINS; k++) rows[k] = isa_domain_rows(d->dom, k, n);
}

// True when all rows of all instructions happen.
static inline bool row_events_run(const isa_depend *d, const isa_waits *w, uint32_t active_set,
                                  int64_t n) {
    int64_t rows[ISA_DOMAINS], *done = base_calloc((size_t)d->n + 1, sizeof *done);
    uint32_t *finished = base_calloc((size_t)d->p->n_tiles + 1, sizeof *finished); // of each line
    uint32_t left = d->n;
    rows_of_all(d, n, rows);
    for (bool moved = true; moved;) {
        moved = false;
        for (uint32_t k = 0; k < d->n; k++) {
            const isa_node *x = &d->nodes[k];
            if (x->pc >= active_set && finished[x->tile] < x->pc - active_set + 1) continue;
            bool ready = true;
            while (ready && done[k] < isa_depend_rows(d, k, rows)) {
                uint32_t on;
                int64_t row;
                for (uint32_t i = w->first[k]; ready && i < w->first[k + 1]; i++)
                    if (!w->items[i].before &&
                        isa_wait_event(d, &w->items[i], done[k], rows, &on, &row))
                        ready = done[on] > row;
                done[k] += ready;
                moved |= ready;
            }
        }
        for (uint32_t t = 0; t < d->p->n_tiles; t++)
            while (finished[t] < d->p->tiles[t].phase[d->phase].count) {
                uint32_t k = d->place[t][finished[t]];
                if (done[k] < isa_depend_rows(d, k, rows)) break;
                finished[t]++, left--;
                moved = true;
            }
    }
    free(done);
    free(finished);
    return left == 0;
}
#endif
