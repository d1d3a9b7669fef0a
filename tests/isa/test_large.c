// Programs of half a million groups, blocks, buffers and instructions: written, read, checked,
// verified, printed and assembled in time that grows as they do. What is quadratic would take hours
// here.
#include "isa/file/file.h"
#include "isa/machine/machine.h"
#include "isa/text/text.h"
#include "isa/verify/verify.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static double seconds(void) { // of this process
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static uint32_t name(isa_program *p, const char *what, uint32_t i) {
    char text[64];
    snprintf(text, sizeof text, "%s/%u/with a name", what, i);
    return isa_program_string(p, text);
}

static isa_program *new_program(uint32_t tiles) {
    isa_program *p = isa_program_new();
    p->class = ISA_WHOLE;
    p->max_tokens = p->max_chunk = 4;
    p->n_phases = 1;
    p->phases[0] = (isa_phase){.name = "run", .free_domains = 1, .max_rows = {4}};
    p->n_tiles = tiles;
    p->tiles = ARENA_ARRAY(p->arena, isa_tile, tiles);
    return p;
}

static void new_code(isa_program *p, isa_tile *t, uint32_t count) {
    t->phase[0].code = ARENA_ARRAY(p->arena, isa_insn, count);
    t->phase[0].lines = ARENA_ARRAY(p->arena, isa_line, count);
    for (uint32_t i = 0; i < count; i++) t->phase[0].lines[i].ir_op = UINT32_MAX;
}

static void put(isa_tile *t, isa_insn i) { t->phase[0].code[t->phase[0].count++] = i; }

static isa_buffer buffer(isa_program *p, uint32_t b, uint32_t width, uint64_t base) {
    return (isa_buffer){.name = name(p, "buffer", b),
                        .parent = (uint16_t)b,
                        .width = width,
                        .depth = 4,
                        .stride = 4 * width,
                        .base = base};
}

static isa_group group(isa_program *p, uint32_t g, uint32_t k, uint32_t n) {
    return (isa_group){.name = name(p, "group", g),
                       .wtype = ISA_W_F32,
                       .k = k,
                       .k1 = k,
                       .n = n,
                       .scale = ISA_NO_OFFSET,
                       .zero = ISA_NO_OFFSET,
                       .colsum = ISA_NO_OFFSET,
                       .bias = ISA_NO_OFFSET};
}

// n groups of one block, each used once, with a node of its own.
static isa_program *many_groups(uint32_t n) {
    enum { EACH = 30000 };
    isa_program *p = new_program((uint32_t)ceil_div_u64(n, EACH));
    p->cells = ARENA_ARRAY(p->arena, uint8_t, 64);
    p->cells_bytes = 64;
    p->n_ports = 1;
    p->ports = ARENA_ARRAY(p->arena, isa_port, 1);
    p->ports[0] = (isa_port){.name = name(p, "port", 0), .width = 4};
    for (uint32_t tile = 0; tile < p->n_tiles; tile++) {
        isa_tile *t = &p->tiles[tile];
        uint32_t each = n - tile * EACH < EACH ? n - tile * EACH : EACH;
        t->n_buffers = 2;
        t->buffers = ARENA_ARRAY(p->arena, isa_buffer, 2);
        for (uint32_t b = 0; b < 2; b++) t->buffers[b] = buffer(p, b, 4, 64 * b);
        t->n_groups = t->n_blocks = each;
        t->groups = ARENA_ARRAY(p->arena, isa_group, each);
        t->blocks = ARENA_ARRAY(p->arena, isa_block, each);
        new_code(p, t, each + 2);
        put(t, (isa_insn){.op = ISA_in});
        for (uint32_t g = 0; g < each; g++) {
            t->groups[g] = group(p, g, 4, 4);
            t->groups[g].first_block = g;
            t->groups[g].n_blocks = 1;
            t->blocks[g] =
                (isa_block){.crossbar = g / 8, .row0 = 4 * (g % 8), .rows = 4, .cols = 4};
            t->phase[0].lines[t->phase[0].count] = (isa_line){g, name(p, "node", tile * EACH + g)};
            put(t, (isa_insn){.op = ISA_mvm, .d = 1, .x = (uint16_t)g, .b = ISA_NONE});
        }
        put(t, (isa_insn){.op = ISA_halt});
    }
    return p;
}

// One group of n blocks, side by side in one band of rows.
static isa_program *many_blocks(uint32_t n) {
    isa_program *p = new_program(1);
    isa_tile *t = p->tiles;
    p->cells_bytes = 16 * (uint64_t)n;
    p->cells = ARENA_ARRAY(p->arena, uint8_t, p->cells_bytes);
    t->n_groups = 1;
    t->groups = ARENA_ARRAY(p->arena, isa_group, 1);
    t->groups[0] = group(p, 0, 2, 2 * n);
    t->groups[0].n_blocks = t->n_blocks = n;
    t->blocks = ARENA_ARRAY(p->arena, isa_block, n);
    for (uint32_t b = 0; b < n; b++) // in no order
        t->blocks[b] = (isa_block){
            .col0 = 2 * b, .n0 = 2 * (uint32_t)(b * UINT64_C(7919) % n), .rows = 2, .cols = 2};
    new_code(p, t, 1);
    put(t, (isa_insn){.op = ISA_halt});
    return p;
}

// n buffers, each in bytes of two others, written one after the other.
static isa_program *many_buffers(uint32_t n) {
    enum { EACH = 50000 };
    isa_program *p = new_program((uint32_t)ceil_div_u64(n, EACH));
    p->n_ports = 1;
    p->ports = ARENA_ARRAY(p->arena, isa_port, 1);
    p->ports[0] = (isa_port){.name = name(p, "port", 0), .width = 4};
    for (uint32_t tile = 0; tile < p->n_tiles; tile++) {
        isa_tile *t = &p->tiles[tile];
        uint32_t each = n - tile * EACH < EACH ? n - tile * EACH : EACH;
        t->n_buffers = each;
        t->buffers = ARENA_ARRAY(p->arena, isa_buffer, each);
        for (uint32_t b = 0; b < each; b++)
            t->buffers[b] = buffer(p, b, 4, b == 0 ? 0 : 64 + 32 * (b * UINT64_C(7919) % each));
        new_code(p, t, each + 2);
        put(t, (isa_insn){.op = ISA_in});
        for (uint32_t b = 1; b < each; b++) put(t, (isa_insn){.op = ISA_ew1, .d = (uint16_t)b});
        put(t, (isa_insn){.op = ISA_halt});
    }
    return p;
}

// n rows sent around a ring of tiles, each over a channel of its own.
static isa_program *many_channels(uint32_t n) {
    enum { TILES = 1000 };
    isa_program *p = new_program(TILES);
    p->n_ports = 1;
    p->ports = ARENA_ARRAY(p->arena, isa_port, 1);
    p->ports[0] = (isa_port){.name = name(p, "port", 0), .width = 4};
    p->n_channels = p->n_dests = n;
    p->channels = ARENA_ARRAY(p->arena, isa_channel, n);
    p->dests = ARENA_ARRAY(p->arena, uint32_t, n);
    for (uint32_t t = 0; t < TILES; t++) {
        p->tiles[t].n_buffers = 1;
        p->tiles[t].buffers = ARENA_ARRAY(p->arena, isa_buffer, 1);
        p->tiles[t].buffers[0] = buffer(p, 0, 4, 0);
        new_code(p, &p->tiles[t], 2 * n / TILES + 4);
    }
    put(&p->tiles[0], (isa_insn){.op = ISA_in});
    for (uint32_t c = 0; c < n; c++) {
        p->channels[c] = (isa_channel){.name = name(p, "channel", c),
                                       .source = c % TILES,
                                       .width = 4,
                                       .depth = 4,
                                       .first_dest = c,
                                       .n_dests = 1};
        p->dests[c] = (c + 1) % TILES;
        put(&p->tiles[c % TILES], (isa_insn){.op = ISA_send, .x = (uint16_t)c});
        put(&p->tiles[(c + 1) % TILES], (isa_insn){.op = ISA_recv, .x = (uint16_t)c});
    }
    for (uint32_t t = 0; t < TILES; t++) put(&p->tiles[t], (isa_insn){.op = ISA_halt});
    return p;
}

static void lap(const char *what, double *last) {
    double now = seconds();
    print_message("  %-12s %6.2f s\n", what, now - *last);
    *last = now;
}

static void all_of_it(isa_program *p, const char *what, uint32_t n) {
    arena *a = arena_new();
    machine *chip = machine_load(a, OHMIC_SOURCE_DIR "/chips/ideal.yaml", NULL, 0, NULL);
    chip->tile.count = 1000000;
    p->chip = machine_text(p->arena, chip);
    const char *dir = getenv("TMPDIR");
    char *path = arena_printf(a, "%s/ohmic-large-%d", dir ? dir : "/tmp", (int)getpid());
    char *data = arena_printf(a, "%s.data", path), *text_path = arena_printf(a, "%s.s", path);
    diag_sink *diags = diag_sink_new();
    double begin = seconds(), last = begin;
    print_message("%u %s\n", n, what);
    bool ok = isa_verify(p, chip, what, diags);
    diag_print(diags, 0, stderr, false);
    assert_true(ok);
    lap("verify", &last);
    assert_true(isa_write(p, path, diags));
    lap("write", &last);
    file_map f;
    assert_true(file_map_open(&f, path, diags));
    isa_program *read = isa_read(&f, diags);
    assert_non_null(read);
    lap("read", &last);
    FILE *text = fopen(text_path, "w+");
    assert_non_null(text);
    assert_true(isa_disassemble(read, text, ISA_DATA_BESIDE, data, diags));
    fclose(text);
    lap("disassemble", &last);
    file_map s;
    assert_true(file_map_open(&s, text_path, diags));
    isa_program *again = isa_assemble((const char *)s.data, s.bytes, text_path, diags);
    diag_print(diags, 0, stderr, false);
    assert_non_null(again);
    lap("assemble", &last);
    char one[33], two[33];
    isa_identity(p, one);
    isa_identity(again, two);
    assert_string_equal(one, two);
    lap("identity", &last);
    isa_program_free(again);
    isa_program_free(read);
    file_map_close(&s);
    file_map_close(&f);
    unlink(path);
    unlink(data);
    unlink(text_path);
    diag_sink_free(diags);
    isa_program_free(p);
    arena_free(a);
    assert_true(seconds() - begin < 100);
}

// OHMIC_LARGE: how many.
static uint32_t size(uint32_t otherwise) {
    const char *s = getenv("OHMIC_LARGE");
    return s ? (uint32_t)strtoul(s, NULL, 10) : otherwise;
}

static void groups(void **state) { all_of_it(many_groups(size(200000)), "groups", size(200000)); }
static void blocks(void **state) { all_of_it(many_blocks(size(500000)), "blocks", size(500000)); }
static void buffers(void **state) {
    all_of_it(many_buffers(size(200000)), "buffers", size(200000));
}
static void channels(void **state) {
    uint32_t n =
        size(60000) < 60000 ? size(60000) : 60000; // as many as can be numbered, and some less
    all_of_it(many_channels(n), "channels", n);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(groups), cmocka_unit_test(blocks),
                                       cmocka_unit_test(buffers), cmocka_unit_test(channels)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
