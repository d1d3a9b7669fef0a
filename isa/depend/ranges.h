// A line cut into ranges that follow each other without gap, each with a datum: who owns which
// bytes, who made which columns. The places where ranges may begin (cuts) are known beforehand, so
// that what changes costs a few steps, however many ranges there are.
#ifndef OHMIC_ISA_DEPEND_RANGES_H
#define OHMIC_ISA_DEPEND_RANGES_H
#include "support/arena.h"

enum { RANGES_LEVELS = 6 }; // of 64 each: more than 32 bits

typedef struct {
    uint32_t end;                    // one past the last cut
    uint64_t *begins[RANGES_LEVELS]; // level 0: a bit for each cut where a range begins; above it
                                     // one for each word that is not 0
    uint8_t *data;
    size_t size; // of a datum
} ranges;

// One range [0, end), its datum zero.
ranges ranges_new(arena *a, uint32_t end, size_t size);
static inline void *ranges_at(const ranges *r, uint32_t begin) { return r->data + begin * r->size; }
uint32_t ranges_begin(const ranges *r, uint32_t cut); // of the range that the cut lies in
uint32_t ranges_next(const ranges *r, uint32_t cut);  // the first that begins behind; end: none
void ranges_split(ranges *r,
                  uint32_t cut); // a range begins here; its datum is that of the range around
void ranges_merge(ranges *r, uint32_t begin, uint32_t until); // no range begins between the two
#endif
