// A line cut into ranges that follow each other without gap, each with a datum: who owns which
// bytes, who made which columns. The places where ranges may begin (cuts) are known beforehand, so
// that what changes costs a few steps, however many ranges there are.
#ifndef OHMIC_ISA_DEPEND_RANGES_H
#define OHMIC_ISA_DEPEND_RANGES_H
#include "isa/places.h"

typedef struct {
    isa_places begins; // cuts where a range begins
    uint8_t *data;
    size_t size; // of a datum
} ranges;

// One range [0, end), its datum zero.
ranges ranges_new(arena *a, uint32_t end, size_t size);
static inline void *ranges_at(const ranges *r, uint32_t begin) { return r->data + begin * r->size; }
static inline uint32_t ranges_begin(const ranges *r, uint32_t cut) { // of the range it lies in
    return isa_places_last(&r->begins, cut);
}
static inline uint32_t ranges_next(const ranges *r, uint32_t cut) { // that begins behind; end: none
    return isa_places_next(&r->begins, cut);
}
// A range begins here; its datum is that of the range around.
void ranges_split(ranges *r, uint32_t cut);
// No range begins between the two.
void ranges_merge(ranges *r, uint32_t begin, uint32_t until);
#endif
