// Descriptors: what structure.c leaves open, because it takes the meaning of fields or the data
// they name.
#include "isa/verify/parts.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

// --- data of .ohm.tables

static const isa_piece *piece_of(const isa_program *p, uint64_t offset, uint64_t bytes) {
    uint32_t lo = 0, hi = p->n_table_pieces;
    while (lo < hi) { // the last piece that begins no later
        uint32_t mid = (lo + hi) / 2;
        if (p->table_pieces[mid].offset <= offset)
            lo = mid + 1;
        else
            hi = mid;
    }
    const isa_piece *piece = lo > 0 ? &p->table_pieces[lo - 1] : NULL;
    return piece && offset + bytes <= piece->offset + piece->bytes ? piece : NULL;
}

const uint8_t *verify_table_bytes(verifier *v, uint64_t offset, uint64_t bytes) {
    if (v->p->tables) return v->p->tables + offset;
    const isa_piece *piece = piece_of(v->p, offset, bytes);
    if (!piece) return NULL;
    if (piece->data) return (const uint8_t *)piece->data + (offset - piece->offset);
    uint8_t **made = &v->made[piece - v->p->table_pieces], *all = *made;
    if (all) return all + (offset - piece->offset);
    all = arena_alloc(v->a, piece->bytes);
    uint64_t grain = piece->grain ? piece->grain : 1;
    uint64_t step = grain < 1 << 20 ? (1 << 20) / grain * grain : grain;
    for (uint64_t at = 0; at < piece->bytes; at += step) {
        size_t n = (size_t)(piece->bytes - at < step ? piece->bytes - at : step);
        if (!piece->fill(piece->ctx, at, n, all + at)) return NULL;
    }
    *made = all;
    return all + (offset - piece->offset);
}

static bool is_zero_point(int32_t z) { return z >= -128 && z <= 127; }

// --- one kind after the other

static const char *where(verifier *v, uint32_t tile, const char *kind, uint32_t i, uint32_t name) {
    const char *s = isa_str(v->p, name);
    return *s ? arena_printf(v->a, "tile %u, %s %u '%.100s'", tile, kind, i, s)
              : arena_printf(v->a, "tile %u, %s %u", tile, kind, i);
}

// Rows of codes that the chip's converters are too narrow for: those that are not made around 0.
static void check_bits(verifier *v, const char *place) {
    const int64_t bits = v->chip ? v->chip->crossbar.input_bits : 0;
    if (bits > 0 && bits < 8)
        verify_bad(v, DIAG_ID_sim_chip, place, "codes of 8 bits, crossbar.input_bits is %lld",
                   (long long)bits);
}

static void check_buffers(verifier *v, uint32_t tile) {
    const isa_tile *t = &v->p->tiles[tile];
    uint64_t room = v->chip ? (uint64_t)v->chip->tile.scratchpad : 0;
    for (uint32_t i = 0; i < t->n_buffers; i++) {
        const isa_buffer *b = &t->buffers[i];
        uint64_t end = b->base + (uint64_t)b->depth * b->stride;
        if (b->parent == i && b->space == ISA_PAD && room && end > room)
            verify_bad(v, DIAG_ID_isa_capacity, where(v, tile, "buffer", i, b->name),
                       "ends at byte %llu of a scratchpad of %llu: a chip with --set "
                       "tile.scratchpad=%llu would do",
                       (unsigned long long)end, (unsigned long long)room, (unsigned long long)end);
        if (b->type == ISA_Q8 &&
            (b->quant == ISA_QUANT_ASYM || (b->quant == ISA_QUANT_STATIC && b->zero != 0)))
            check_bits(v, where(v, tile, "buffer", i, b->name));
        if (b->type != ISA_Q8 || b->quant != ISA_QUANT_STATIC) continue;
        if (!(b->scale > 0) || !isfinite(b->scale) || !is_zero_point(b->zero))
            verify_bad(v, DIAG_ID_isa_descriptor, where(v, tile, "buffer", i, b->name),
                       "static scale %g, zero point %d: expected a scale above 0 and an int8",
                       (double)b->scale, b->zero);
    }
}

static void check_tables(verifier *v, uint32_t tile) {
    const isa_tile *t = &v->p->tiles[tile];
    for (uint32_t i = 0; i < t->n_tables; i++) {
        const isa_table *d = &t->tables[i];
        const char *place = where(v, tile, "table", i, d->name);
        if (d->type == ISA_Q8) check_bits(v, place);
        if (d->type != ISA_F32 && d->type != ISA_Q8 && d->type != ISA_I32) {
            verify_bad(v, DIAG_ID_isa_descriptor, place, "tables hold f32, q8 or i32");
            continue;
        }
        if (d->type != ISA_Q8) continue;
        uint32_t row = isa_row_bytes(ISA_Q8, d->width);
        const uint8_t *at = verify_table_bytes(v, d->data, (uint64_t)d->rows * row);
        for (uint32_t r = 0; at && r < d->rows; r++) {
            int32_t zero;
            memcpy(&zero, at + (uint64_t)r * row + d->width + 4, sizeof zero);
            if (is_zero_point(zero)) continue;
            verify_bad(v, DIAG_ID_isa_descriptor, place, "row %u has zero point %d", r, zero);
            break;
        }
    }
}

// --- codes of .ohm.cells

typedef struct {
    uint64_t from, until; // bytes of a group
    int64_t top;          // codes are -top ... top - 1
    uint64_t at;          // the first that is not; UINT64_MAX: none
    int8_t code;
} code_search;

static void search_codes(code_search *s, uint64_t first, const uint8_t *bytes, uint64_t n) {
    uint64_t from = first > s->from ? first : s->from, until = first + n;
    if (until > s->until) until = s->until;
    for (uint64_t i = from; i < until && s->at == UINT64_MAX; i++) {
        int8_t code = (int8_t)bytes[i - first];
        if (code < -s->top || code >= s->top) s->at = i, s->code = code;
    }
}

static void search_piece(code_search *s, const isa_piece *piece) {
    if (piece->offset >= s->until || piece->offset + piece->bytes <= s->from) return;
    if (piece->data) {
        search_codes(s, piece->offset, piece->data, piece->bytes);
        return;
    }
    uint64_t grain = piece->grain ? piece->grain : 1;
    uint64_t step = grain < 1 << 20 ? (1 << 20) / grain * grain : grain;
    uint8_t *made = base_alloc(step);
    for (uint64_t at = 0; at < piece->bytes; at += step) {
        size_t n = (size_t)(piece->bytes - at < step ? piece->bytes - at : step);
        if (!piece->fill(piece->ctx, at, n, made)) break;
        search_codes(s, piece->offset + at, made, n);
    }
    free(made);
}

// Codes stand on cells of so many bits.
static void check_codes(verifier *v, const isa_group *g, const char *place) {
    if (!v->chip || g->kind == ISA_EPILOGUE || g->wtype != ISA_W_I8) return;
    int64_t bits = v->chip->crossbar.weight_bits;
    if (bits == 0 || bits >= 8) return;
    code_search s = {g->cells, g->cells + (uint64_t)(g->k1 - g->k0) * g->n,
                     INT64_C(1) << (bits - 1), UINT64_MAX, 0};
    if (v->p->cells) search_codes(&s, 0, v->p->cells, v->p->cells_bytes);
    for (uint32_t i = 0; !v->p->cells && i < v->p->n_cell_pieces; i++)
        search_piece(&s, &v->p->cell_pieces[i]);
    if (s.at != UINT64_MAX)
        verify_bad(v, DIAG_ID_sim_chip, place,
                   "holds the code %d, cells of the chip hold %lld bits", s.code, (long long)bits);
}

static void check_groups(verifier *v, uint32_t tile) {
    const isa_tile *t = &v->p->tiles[tile];
    for (uint32_t i = 0; i < t->n_groups; i++) {
        const isa_group *g = &t->groups[i];
        const char *place = where(v, tile, "group", i, g->name);
        if (g->kind != ISA_EPILOGUE && g->k0 == g->k1)
            verify_bad(v, DIAG_ID_isa_descriptor, place, "holds no rows");
        check_codes(v, g, place);
        if (g->zero == ISA_NO_OFFSET) continue;
        const uint8_t *at = verify_table_bytes(v, g->zero, 4 * (uint64_t)g->n);
        for (uint32_t n = 0; at && n < g->n; n++) {
            int32_t zero;
            memcpy(&zero, at + 4 * (uint64_t)n, sizeof zero);
            if (is_zero_point(zero)) continue;
            verify_bad(v, DIAG_ID_isa_descriptor, place, "column %u has zero point %d", n, zero);
            break;
        }
    }
}

// --- channels

typedef struct {
    uint32_t channel, tile;
} destination;

static int by_channel_and_tile(const void *x, const void *y) {
    const destination *a = x, *b = y;
    if (a->channel != b->channel) return a->channel < b->channel ? -1 : 1;
    return a->tile < b->tile ? -1 : a->tile > b->tile;
}

static void check_destinations(verifier *v) {
    const isa_program *p = v->p;
    destination *list = base_calloc(p->n_dests + 1, sizeof *list);
    uint32_t n = 0;
    for (uint32_t c = 0; c < p->n_channels; c++)
        for (uint32_t k = 0; k < p->channels[c].n_dests; k++)
            list[n++] = (destination){c, p->dests[p->channels[c].first_dest + k]};
    qsort(list, n, sizeof *list, by_channel_and_tile);
    for (uint32_t k = 1; k < n; k++)
        if (by_channel_and_tile(&list[k - 1], &list[k]) == 0)
            verify_bad(v, DIAG_ID_isa_channel,
                       arena_printf(v->a, "channel %u '%.100s'", list[k].channel,
                                    isa_str(p, p->channels[list[k].channel].name)),
                       "tile %u is named twice as destination", list[k].tile);
    free(list);
}

static void check_port_types(verifier *v) {
    for (uint32_t i = 0; i < v->p->n_ports; i++) {
        const isa_port *port = &v->p->ports[i];
        bool ok = port->type == ISA_F32 || port->type == ISA_I32 ||
                  (port->direction == ISA_PORT_OUT && port->type == ISA_PAIR);
        if (!ok)
            verify_bad(v, DIAG_ID_isa_port,
                       arena_printf(v->a, "port '%.100s'", isa_str(v->p, port->name)),
                       "rows of ports are f32 or i32, or pairs that go out");
    }
}

void verify_descriptors(verifier *v) {
    for (uint32_t t = 0; t < v->p->n_tiles; t++) {
        check_buffers(v, t);
        check_tables(v, t);
        check_groups(v, t);
        verify_readout(v, t);
        verify_blocks(v, t);
        verify_pool(v, t);
    }
    check_destinations(v);
    check_port_types(v);
}
