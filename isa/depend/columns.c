#include "isa/depend/columns.h"

static const depend_span nobody = {ISA_NOTHING, ISA_NOTHING, ISA_NOTHING};

isa_set depend_join(depend_joins *joins, isa_set a, isa_set b) {
    if (a == ISA_NOTHING || a == b) return b;
    if (b == ISA_NOTHING) return a;
    vec_push(joins, ((isa_join){a, b}));
    return (isa_set)(joins->count - 1) | ISA_JOIN;
}

// --- cuts: where ranges of a tile may begin

typedef struct {
    uint64_t line, at; // a buffer or a space, and the column or byte
    uint32_t *cut;     // gets the number
} mark;

static int by_place(const void *x, const void *y) {
    const mark *a = x, *b = y;
    if (a->line != b->line) return a->line < b->line ? -1 : 1;
    return a->at < b->at ? -1 : a->at > b->at;
}

// Numbers the places of all marks; returns how many there are.
static uint32_t number(mark *list, size_t n) {
    uint32_t cuts = 0;
    if (n) qsort(list, n, sizeof *list, by_place);
    for (size_t i = 0; i < n; i++) {
        cuts += i > 0 && by_place(&list[i - 1], &list[i]) != 0;
        *list[i].cut = cuts;
    }
    return n ? cuts + 1 : 0;
}

static uint32_t parent_of(const isa_tile *t, uint32_t b) { return t->buffers[b].parent; }
static uint32_t col0_of(const isa_tile *t, uint32_t b) {
    return parent_of(t, b) == b ? 0 : t->buffers[b].col0;
}

static void begin_columns(depend_tile *s, arena *a) {
    const isa_tile *t = s->t;
    mark *marks = base_calloc(2 * (size_t)t->n_buffers + 1, sizeof *marks);
    size_t n = 0;
    for (uint32_t b = 0; b < t->n_buffers; b++) {
        uint32_t col0 = col0_of(t, b);
        marks[n++] = (mark){parent_of(t, b), col0, &s->from[b]};
        marks[n++] = (mark){parent_of(t, b), (uint64_t)col0 + t->buffers[b].width, &s->until[b]};
    }
    s->columns = ranges_new(a, number(marks, n), sizeof(depend_span));
    for (uint32_t b = 0; b < t->n_buffers; b++) {
        if (parent_of(t, b) != b) continue;
        s->owners[b].columns = s->from[b];
        s->owners[b].columns_end = s->until[b];
        ranges_split(&s->columns, s->from[b]);
        *depend_span_at(s, s->from[b]) = nobody;
    }
    free(marks);
}

static void begin_bytes(depend_tile *s, arena *a, unsigned space) {
    const isa_tile *t = s->t;
    mark *marks = base_calloc(2 * (size_t)t->n_buffers + 1, sizeof *marks);
    size_t n = 0;
    for (uint32_t b = 0; b < t->n_buffers; b++) {
        const isa_buffer *x = &t->buffers[b];
        if (x->parent != b || (x->space == ISA_MEM) != space) continue;
        marks[n++] = (mark){0, x->base, &s->owners[b].bytes};
        marks[n++] = (mark){0, x->base + (uint64_t)x->depth * x->stride, &s->owners[b].bytes_end};
    }
    s->bytes[space] = ranges_new(a, number(marks, n), sizeof(uint32_t));
    free(marks);
}

depend_tile depend_tile_new(arena *a, const isa_tile *t) {
    depend_tile s = {.t = t};
    s.from = ARENA_ARRAY(a, uint32_t, t->n_buffers + 1);
    s.until = ARENA_ARRAY(a, uint32_t, t->n_buffers + 1);
    s.owners = ARENA_ARRAY(a, depend_owner, t->n_buffers + 1);
    s.ring_writer = ARENA_ARRAY(a, isa_set, t->n_rings + 1);
    s.ring_readers = ARENA_ARRAY(a, isa_set, t->n_rings + 1);
    for (uint32_t b = 0; b < t->n_buffers; b++) s.owners[b].all = ISA_NOTHING;
    for (uint32_t r = 0; r < t->n_rings; r++) s.ring_writer[r] = s.ring_readers[r] = ISA_NOTHING;
    begin_columns(&s, a);
    begin_bytes(&s, a, 0);
    begin_bytes(&s, a, 1);
    return s;
}

// --- columns

static void clear_columns(depend_tile *s, const depend_owner *o) {
    ranges_merge(&s->columns, o->columns, o->columns_end);
    *depend_span_at(s, o->columns) = nobody;
}

bool depend_is_written(const depend_tile *s, uint32_t parent) {
    const depend_owner *o = &s->owners[parent];
    return ranges_next(&s->columns, o->columns) < o->columns_end ||
           depend_span_at(s, o->columns)->made != ISA_NOTHING;
}

depend_span *depend_columns_find(depend_tile *s, uint32_t buffer, depend_joins *joins) {
    ranges *line = &s->columns;
    uint32_t begin = ranges_begin(line, s->from[buffer]), until = s->until[buffer];
    uint32_t last = begin;
    for (uint32_t c = begin; c < until; last = c, c = ranges_next(line, c))
        if (depend_span_at(s, c)->made == ISA_NOTHING) return NULL;
    if (last == begin) return depend_span_at(s, begin);
    depend_span all = *depend_span_at(s, begin);
    for (uint32_t c = ranges_next(line, begin); c < until; c = ranges_next(line, c)) {
        const depend_span *x = depend_span_at(s, c);
        all.made = depend_join(joins, all.made, x->made);
        all.users = depend_join(joins, all.users, x->users);
        all.first = depend_join(joins, all.first, x->first);
    }
    ranges_merge(line, begin, last + 1);
    *depend_span_at(s, begin) = all;
    return depend_span_at(s, begin);
}

isa_set depend_columns_users(const depend_tile *s, uint32_t buffer, depend_joins *joins) {
    isa_set users = ISA_NOTHING;
    uint32_t c = ranges_begin(&s->columns, s->from[buffer]);
    for (; c < s->until[buffer]; c = ranges_next(&s->columns, c))
        users = depend_join(joins, users, depend_span_at(s, c)->users);
    return users;
}

isa_set depend_columns_write(depend_tile *s, uint32_t buffer, isa_set use, depend_joins *joins) {
    ranges *line = &s->columns;
    uint32_t from = s->from[buffer], until = s->until[buffer];
    isa_set first = ISA_NOTHING;
    bool fresh = false;
    ranges_split(line, from);
    ranges_split(line, until);
    for (uint32_t c = from; c < until; c = ranges_next(line, c)) {
        first = depend_join(joins, first, depend_span_at(s, c)->first);
        fresh |= depend_span_at(s, c)->made == ISA_NOTHING;
    }
    if (fresh) first = depend_join(joins, first, use);
    ranges_merge(line, from, until);
    *depend_span_at(s, from) = (depend_span){use, use, first};
    return first;
}

// --- bytes

isa_set depend_claim(depend_tile *s, uint32_t parent, uint8_t dom, depend_joins *joins) {
    depend_owner *o = &s->owners[parent];
    ranges *line = &s->bytes[s->t->buffers[parent].space == ISA_MEM];
    isa_set over = ISA_NOTHING;
    if (!o->owns) {
        ranges_split(line, o->bytes);
        ranges_split(line, o->bytes_end);
        for (uint32_t c = o->bytes; c < o->bytes_end; c = ranges_next(line, c)) {
            uint32_t number = *(uint32_t *)ranges_at(line, c);
            if (number == 0 || number == parent + 1) continue;
            depend_owner *other = &s->owners[number - 1];
            over = depend_join(joins, over, other->all);
            other->owns = false;
            other->lost = depend_is_written(s, number - 1) || other->lost;
            clear_columns(s, other);
        }
        ranges_merge(line, o->bytes, o->bytes_end);
        *(uint32_t *)ranges_at(line, o->bytes) = parent + 1;
        o->owns = true;
        o->all = ISA_NOTHING;
    } else if (o->all != ISA_NOTHING && o->dom != dom) {
        over = o->all;
        o->all = ISA_NOTHING;
        clear_columns(s, o);
    }
    o->dom = dom;
    return over;
}
