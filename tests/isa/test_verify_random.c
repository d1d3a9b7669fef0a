// The lag rule on random programs: with the depths of isa_min_depths none deadlocks, for any number
// of rows; with one row less anywhere the verifier refuses, and some of them do deadlock.
#include "isa/machine/machine.h"
#include "isa/verify/verify.h"
#include "support/vec.h"
#include "tests/isa/row_events.h"
#include "tests/isa/sample.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { TILES = 3, MOST_INSNS = 80, MOST_BUFFERS = 64, MOST_CHANNELS = 24, PREFIX = 2 };
enum { T_ALL, T_ONE, T_PREFIXED, T_HALF }; // domains

typedef struct {
    uint32_t buffer;
    uint8_t dom;
    uint32_t width;
} value;

typedef struct {
    isa_program *p;
    random_stream *r;
    VEC(value) values[TILES];
    struct {
        uint32_t channel, tile;
    } pending[2 * MOST_CHANNELS];
    uint32_t n_pending;
    uint32_t waiting[MOST_CHANNELS];      // receives of a channel's last use that are not there yet
    uint32_t shares[TILES][MOST_BUFFERS]; // the buffer whose bytes it takes, or itself
} maker;

static uint32_t below(maker *m, uint32_t n) { return (uint32_t)random_below(m->r, n); }

static void put(maker *m, uint32_t tile, isa_insn i) {
    isa_tile *t = &m->p->tiles[tile];
    t->phase[0].code[t->phase[0].count++] = i;
}

static bool has_room(const maker *m, uint32_t tile) {
    const isa_tile *t = &m->p->tiles[tile];
    return t->phase[0].count + 8 < MOST_INSNS && t->n_buffers + 4 < MOST_BUFFERS;
}

static uint16_t new_buffer(maker *m, uint32_t tile, uint8_t dom, uint32_t width) {
    isa_tile *t = &m->p->tiles[tile];
    uint16_t b = (uint16_t)t->n_buffers++;
    t->buffers[b] = (isa_buffer){.parent = b, .dom = dom, .width = width, .depth = 1};
    m->shares[tile][b] = b;
    if (m->values[tile].count > 2 &&
        below(m, 6) == 0) { // in the place of one that is not used again
        size_t dead = below(m, (uint32_t)m->values[tile].count);
        m->shares[tile][b] = m->shares[tile][m->values[tile].items[dead].buffer];
        m->values[tile].items[dead] = m->values[tile].items[--m->values[tile].count];
    }
    return b;
}

static uint16_t make_value(maker *m, uint32_t tile, uint8_t dom, uint32_t width) {
    uint16_t b = new_buffer(m, tile, dom, width);
    vec_push(&m->values[tile], ((value){b, dom, width}));
    return b;
}

// A value of the tile in that domain, of one column; false: there is none.
static bool pick(maker *m, uint32_t tile, int dom, value *out) {
    size_t n = m->values[tile].count, at = n ? below(m, (uint32_t)n) : 0;
    for (size_t k = 0; k < n; k++) {
        *out = m->values[tile].items[(at + k) % n];
        if (dom < 0 || out->dom == dom) return true;
    }
    return false;
}

static void make_in(maker *m, uint32_t tile) {
    isa_program *p = m->p;
    if (p->n_ports == MOST_BUFFERS) return;
    p->ports[p->n_ports] = (isa_port){.width = 1};
    put(m, tile,
        (isa_insn){.op = ISA_in, .d = make_value(m, tile, T_ALL, 1), .x = (uint16_t)p->n_ports++});
}

// rows side by side, and their sum
static void make_window(maker *m, uint32_t tile, value a, uint8_t dom, uint32_t step) {
    uint32_t k = 1 + below(m, 4), back = below(m, k);
    uint16_t w = new_buffer(m, tile, dom, k);
    put(m, tile,
        (isa_insn){.op = ISA_rows,
                   .dom = dom,
                   .d = w,
                   .a = (uint16_t)a.buffer,
                   .x = ISA_NONE,
                   .n = ISA_NONE,
                   .imm = k | step << 8 | back << 16});
    put(m, tile, (isa_insn){.op = ISA_red, .dom = dom, .d = make_value(m, tile, dom, 1), .a = w});
}

static void receive(maker *m, uint32_t k) {
    uint32_t c = m->pending[k].channel, tile = m->pending[k].tile;
    m->pending[k] = m->pending[--m->n_pending];
    m->waiting[c]--;
    uint8_t dom = m->p->channels[c].dom;
    put(m, tile,
        (isa_insn){.op = ISA_recv, .dom = dom, .d = make_value(m, tile, dom, 1), .x = (uint16_t)c});
}

static void make_send(maker *m, uint32_t tile, value a) {
    isa_program *p = m->p;
    uint32_t c = 0;
    while (c < p->n_channels && (p->channels[c].source != tile || p->channels[c].dom != a.dom ||
                                 m->waiting[c] > 0 || below(m, 2)))
        c++;
    if (c == p->n_channels) {
        if (c == MOST_CHANNELS || m->n_pending + TILES > ARRAY_LEN(m->pending)) return;
        isa_channel *ch = &p->channels[p->n_channels++];
        *ch = (isa_channel){
            .source = tile, .dom = a.dom, .width = 1, .depth = 1, .first_dest = p->n_dests};
        for (uint32_t t = 0; t < p->n_tiles; t++)
            if (t != tile && (below(m, 2) || (ch->n_dests == 0 && t + 1 == p->n_tiles)))
                p->dests[p->n_dests++] = t, ch->n_dests++;
        if (ch->n_dests == 0) p->dests[p->n_dests++] = (tile + 1) % p->n_tiles, ch->n_dests++;
    }
    if (m->n_pending + p->channels[c].n_dests > ARRAY_LEN(m->pending)) return;
    put(m, tile,
        (isa_insn){.op = ISA_send, .dom = a.dom, .a = (uint16_t)a.buffer, .x = (uint16_t)c});
    for (uint32_t k = 0; k < p->channels[c].n_dests; k++) {
        m->pending[m->n_pending].channel = c;
        m->pending[m->n_pending++].tile = p->dests[p->channels[c].first_dest + k];
        m->waiting[c]++;
    }
}

static void make_one(maker *m) {
    uint32_t tile = below(m, m->p->n_tiles), what = below(m, 16);
    value a, b;
    if (m->n_pending > 0 && below(m, 3) == 0) {
        uint32_t k = below(m, m->n_pending);
        if (has_room(m, m->pending[k].tile)) receive(m, k);
        return;
    }
    if (!has_room(m, tile)) return;
    if (what == 0 || !pick(m, tile, -1, &a)) {
        make_in(m, tile);
        return;
    }
    isa_insn i = {.dom = a.dom, .a = (uint16_t)a.buffer};
    switch (what) {
    case 1: // in place
        i.op = ISA_ew1, i.d = i.a;
        put(m, tile, i);
        return;
    case 2: // over another
        if (!pick(m, tile, a.dom, &b) || b.buffer == a.buffer) return;
        i.op = ISA_ew1, i.d = (uint16_t)b.buffer;
        put(m, tile, i);
        return;
    case 3:
        i.op = ISA_ew1, i.d = make_value(m, tile, a.dom, 1);
        put(m, tile, i);
        return;
    case 4:
    case 5:
    case 6:
        if (!pick(m, tile, a.dom, &b)) return;
        i.op = ISA_ew2, i.b = (uint16_t)b.buffer, i.d = new_buffer(m, tile, a.dom, 1);
        vec_push(&m->values[tile], ((value){i.d, a.dom, 1}));
        put(m, tile, i);
        return;
    case 7:
    case 8:
        if (a.dom == T_ALL || a.dom == T_PREFIXED) make_window(m, tile, a, a.dom, 1);
        return;
    case 9:
        if (a.dom == T_ALL) make_window(m, tile, a, T_HALF, 2);
        return;
    case 10: // reduce, and broadcast
        if (a.dom == T_ONE) return;
        i.op = ISA_rred, i.dom = T_ONE, i.b = ISA_NONE, i.d = make_value(m, tile, T_ONE, 1);
        put(m, tile, i);
        return;
    case 11:
        if (a.dom == T_ONE || !pick(m, tile, T_ONE, &b)) return;
        i.op = ISA_ew2, i.b = (uint16_t)b.buffer, i.d = new_buffer(m, tile, a.dom, 1);
        vec_push(&m->values[tile], ((value){i.d, a.dom, 1}));
        put(m, tile, i);
        return;
    case 12:
        if (a.dom != T_ALL) return;
        i.op = ISA_prefix, i.dom = T_PREFIXED, i.d = make_value(m, tile, T_PREFIXED, 1);
        put(m, tile, i);
        return;
    case 13:
        if (a.dom != T_PREFIXED) return;
        i.op = ISA_skip, i.dom = T_ALL, i.imm = PREFIX, i.d = make_value(m, tile, T_ALL, 1);
        put(m, tile, i);
        return;
    default:
        if (m->p->n_tiles > 1) make_send(m, tile, a);
    }
}

// A buffer's place was given away between the choice of an operand and its use: the program is not
// sound.
static isa_program *make_program(random_stream *r, maker *m) {
    static const uint8_t zeros[64];
    *m = (maker){.p = isa_program_new(), .r = r};
    isa_program *p = m->p;
    arena *a = p->arena;
    p->class = ISA_WHOLE;
    p->banks = 1;
    p->max_tokens = p->max_chunk = 1 + random_below(r, 12);
    p->n_phases = 1;
    p->phases[0] = (isa_phase){.name = "run", .free_domains = 1, .max_rows = {p->max_chunk}};
    p->tables = zeros;
    p->tables_bytes = sizeof zeros;
    p->chip = p->ir = p->proof = p->notes = p->tool = "";
    isa_program_string(p, "");
    p->n_tiles = 1 + random_below(r, TILES);
    p->tiles = ARENA_ARRAY(a, isa_tile, p->n_tiles);
    p->channels = ARENA_ARRAY(a, isa_channel, MOST_CHANNELS);
    p->dests = ARENA_ARRAY(a, uint32_t, MOST_CHANNELS * TILES);
    p->ports = ARENA_ARRAY(a, isa_port, MOST_BUFFERS);
    for (uint32_t t = 0; t < p->n_tiles; t++) {
        p->tiles[t].buffers = ARENA_ARRAY(a, isa_buffer, MOST_BUFFERS);
        p->tiles[t].phase[0].code = ARENA_ARRAY(a, isa_insn, MOST_INSNS);
        p->tiles[t].n_tables = 1;
        p->tiles[t].tables = ARENA_ARRAY(a, isa_table, 1);
        p->tiles[t].tables[0] = (isa_table){.type = ISA_F32, .rows = PREFIX, .width = 1};
        put(m, t, (isa_insn){.op = ISA_settl, .d = T_ONE, .n = ISA_TL_ONE});
        put(m, t, (isa_insn){.op = ISA_settl, .d = T_PREFIXED, .n = ISA_TL_PREFIX, .imm = PREFIX});
        put(m, t, (isa_insn){.op = ISA_settl, .d = T_HALF, .n = ISA_TL_LIN, .imm = 0x20101});
    }
    uint32_t n = 5 + random_below(r, 60);
    for (uint32_t k = 0; k < n; k++) make_one(m);
    while (m->n_pending > 0) receive(m, m->n_pending - 1);
    for (uint32_t t = 0; t < p->n_tiles; t++) put(m, t, (isa_insn){.op = ISA_halt});
    for (uint32_t t = 0; t < TILES; t++) vec_free(&m->values[t]);
    return p;
}

// Places for the buffers; those that share bytes begin at the same.
static void place(const maker *m) {
    for (uint32_t t = 0; t < m->p->n_tiles; t++) {
        isa_tile *tile = &m->p->tiles[t];
        uint64_t at[MOST_BUFFERS], next = 0, size[MOST_BUFFERS] = {0};
        for (uint32_t b = 0; b < tile->n_buffers; b++) {
            isa_buffer *d = &tile->buffers[b];
            d->stride = 4 * d->width;
            uint64_t bytes = (uint64_t)d->depth * d->stride, *whole = &size[m->shares[t][b]];
            if (*whole < bytes) *whole = bytes;
        }
        for (uint32_t b = 0; b < tile->n_buffers; b++) {
            if (m->shares[t][b] == b) at[b] = next, next += size[b];
            tile->buffers[b].base = at[m->shares[t][b]];
        }
    }
}

static void fix_depths(const isa_program *p, uint32_t **buffers, const uint32_t *channels) {
    for (uint32_t t = 0; t < p->n_tiles; t++)
        for (uint32_t b = 0; b < p->tiles[t].n_buffers; b++)
            p->tiles[t].buffers[b].depth = buffers[t][b];
    for (uint32_t c = 0; c < p->n_channels; c++) p->channels[c].depth = channels[c];
}

// One buffer or channel with more than one row gets one less; false: there is none.
static bool reduce_one(const maker *m) {
    const isa_program *p = m->p;
    VEC(uint32_t *) all = {0};
    for (uint32_t t = 0; t < p->n_tiles; t++)
        for (uint32_t b = 0; b < p->tiles[t].n_buffers; b++)
            if (p->tiles[t].buffers[b].depth > 1) vec_push(&all, &p->tiles[t].buffers[b].depth);
    for (uint32_t c = 0; c < p->n_channels; c++)
        if (p->channels[c].depth > 1) vec_push(&all, &p->channels[c].depth);
    bool any = all.count > 0;
    if (any) --*all.items[random_below(m->r, (uint32_t)all.count)];
    vec_free(&all);
    return any;
}

static bool deadlocks(const isa_program *p, uint32_t active_set) {
    for (int64_t rows = 1; rows <= p->phases[0].max_rows[0]; rows++)
        if (!row_events_run(p, active_set, rows)) return true;
    return false;
}

static bool found(const diag_sink *diags, diag_id id) {
    for (size_t i = 0; i < diag_count(diags); i++)
        if (diag_get(diags, i)->id == id) return true;
    return false;
}

static void lag_rule_is_safe_and_sharp(void **state) {
    uint64_t first = random_seed(17);
    const char *count = getenv("OHMIC_RANDOM_PROGRAMS");
    unsigned wanted = count ? (unsigned)atoi(count) : 300;
    unsigned good = 0, unordered = 0, unsound = 0, reduced = 0, deadlocked = 0;
    arena *a = arena_new();
    machine chip = *machine_load(a, OHMIC_SOURCE_DIR "/chips/ideal.yaml", NULL, 0, NULL);
    for (unsigned n = 0; good < wanted && n < 20 * wanted; n++) {
        uint64_t seed = first + n;
        random_stream r = random_test(seed);
        maker m;
        isa_program *p = make_program(&r, &m);
        chip.tile.active_set = 3 + random_below(&r, 28);
        place(&m);
        diag_sink *diags = diag_sink_new();
        uint32_t **buffers, *channels;
        arena *depths = arena_new();
        bool ok =
            isa_min_depths(p, (uint32_t)chip.tile.active_set, depths, &buffers, &channels, diags);
        if (!ok) {
            unordered += found(diags, DIAG_ID_isa_order);
            unsound += found(diags, DIAG_ID_isa_unwritten);
            if (!found(diags, DIAG_ID_isa_order) && !found(diags, DIAG_ID_isa_unwritten)) {
                diag_print(diags, 0, stderr, false);
                fail_msg("OHMIC_SEED=%llu", (unsigned long long)seed);
            }
        } else {
            fix_depths(p, buffers, channels);
            place(&m);
            if (!isa_verify(p, &chip, "random", diags)) {
                // longer buffers reach over bytes they did not share before
                diag_print(diags, 0, stderr, false);
                fail_msg("OHMIC_SEED=%llu", (unsigned long long)seed);
            }
            if (deadlocks(p, (uint32_t)chip.tile.active_set))
                fail_msg("a verified program deadlocks: OHMIC_SEED=%llu", (unsigned long long)seed);
            good++;
            if (reduce_one(&m)) {
                assert_false(isa_verify(p, &chip, "random", diags));
                assert_true(found(diags, DIAG_ID_isa_depth));
                reduced++;
                deadlocked += deadlocks(p, (uint32_t)chip.tile.active_set);
            }
        }
        arena_free(depths);
        diag_sink_free(diags);
        isa_program_free(p);
    }
    printf(
        "%u programs ran, %u could not be ordered, %u read what is not there; of %u with one row "
        "less %u deadlock\n",
        good, unordered, unsound, reduced, deadlocked);
    assert_int_equal(good, wanted);
    assert_true(deadlocked * 20 > reduced);
    arena_free(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(lag_rule_is_safe_and_sharp)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
