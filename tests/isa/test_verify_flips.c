// Damaged programs: bits of a good file flipped and its hashes repaired, or fields changed. The
// reader or the verifier refuses, or the program runs; nothing in between (build with
// OHMIC_SANITIZE to see it all).
#include "isa/file/file.h"
#include "isa/file/format.h"
#include "runtime-sim/sim.h"
#include "tests/isa/sample.h"
#include "tests/isa/verify_files.h"
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct {
    unsigned refused_read, refused_verify, refused_launch, ran;
} tally;

// Rows of any values that the port takes.
static tensor make_input(arena *a, random_stream *r, const isa_port *port, int64_t rows) {
    bool integer = port->type == ISA_I32;
    tensor t =
        tensor_new(a, integer ? ELEM_i32 : ELEM_f32, 2, (int64_t[]){rows, (int64_t)port->width});
    for (size_t i = 0; i < (size_t)rows * port->width; i++) {
        if (integer) {
            uint64_t span = (uint64_t)port->hi - (uint64_t)port->lo;
            ((int32_t *)t.data)[i] =
                (int32_t)(port->lo + (int64_t)(span ? random_u64(r) % span : 0));
        } else {
            ((float *)t.data)[i] = (float)((double)(random_u64(r) >> 40) * 0x1p-23 - 1);
        }
    }
    return t;
}

static bool is_read(const isa_program *p, uint32_t phase, uint32_t port) {
    for (uint32_t t = 0; t < p->n_tiles; t++)
        for (uint32_t pc = 0; pc < p->tiles[t].phase[phase].count; pc++)
            if (p->tiles[t].phase[phase].code[pc].op == ISA_in &&
                p->tiles[t].phase[phase].code[pc].x == port)
                return true;
    return false;
}

static bool step(sim *s, const isa_program *p, random_stream *r, uint32_t phase, bool reset) {
    arena *a = arena_new();
    int64_t rows[ISA_DOMAINS] = {0};
    const isa_phase *ph = &p->phases[phase];
    for (unsigned d = 0; d < ISA_DOMAINS; d++) {
        uint32_t most = ph->max_rows[d] < 8 ? ph->max_rows[d] : 8;
        rows[d] = ph->fixed_rows[d] ? ph->fixed_rows[d] : random_below(r, most + 1);
        if (rows[d] > 64) rows[d] = 64; // refused
    }
    tensor *in = ARENA_ARRAY(a, tensor, p->n_ports + 1),
           *out = ARENA_ARRAY(a, tensor, p->n_ports + 1);
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->n_ports; i++) {
        if (p->ports[i].direction != ISA_PORT_IN) continue;
        if (is_read(p, phase, i)) in[n] = make_input(a, r, &p->ports[i], rows[p->ports[i].dom]);
        n++;
    }
    bool ok = sim_step(s, phase, 0, reset, rows, in, a, out, NULL);
    arena_free(a);
    return ok;
}

static void try_program(const isa_program *p, const machine *chip, random_stream *r, tally *count) {
    sim *s = p->banks <= 64 && isa_verify(p, chip, "damaged", NULL)
                 ? sim_new(p, chip, &(sim_options){.threads = 1}, NULL)
                 : NULL;
    if (!s) {
        count->refused_verify++;
        return;
    }
    bool ok = false;
    for (uint32_t ph = 0; ph < p->n_phases; ph++)
        for (int k = 0; k < 3; k++) ok |= step(s, p, r, ph, ph == 0 && k == 0);
    *(ok ? &count->ran : &count->refused_launch) += 1;
    sim_free(s);
}

static void try_file(const char *path, const machine *chip, random_stream *r, tally *count) {
    file_map f;
    assert_true(file_map_open(&f, path, NULL));
    isa_program *p = isa_read(&f, NULL);
    if (p)
        try_program(p, chip, r, count);
    else
        count->refused_read++;
    isa_program_free(p);
    file_map_close(&f);
}

// Half of the flips go to what the verifier is about: signature, descriptors and code.
static size_t place_of_flip(random_stream *r, size_t bytes) {
    size_t head = bytes < 4096 ? bytes : 4096;
    return random_below(r, 2) ? random_below(r, (uint32_t)head) : random_below(r, (uint32_t)bytes);
}

static void flipped_bits(void **state) {
    random_stream r = random_test(random_seed(23));
    const char *many = getenv("OHMIC_FLIPS");
    unsigned flips = many ? (unsigned)atoi(many) : 600;
    arena *a = arena_new();
    machine *chip = verify_chip(a);
    char folder[] = "/tmp/ohmic-flips-XXXXXX", whole[64], damaged[64];
    assert_non_null(mkdtemp(folder));
    snprintf(whole, sizeof whole, "%s/whole.ohm", folder);
    snprintf(damaged, sizeof damaged, "%s/damaged.ohm", folder);
    verify_paths files = verify_list(a, OHMIC_SOURCE_DIR "/tests/isa/good");
    tally count = {0};
    for (size_t i = 0; i < files.count; i++) {
        isa_program *p = verify_assemble(files.items[i]);
        assert_true(isa_write(p, whole, NULL));
        isa_program_free(p);
        tally sound = {0};
        for (int k = 0; k < 8; k++) try_file(whole, chip, &r, &sound);
        assert_int_equal(sound.ran, 8);
        file_map f;
        assert_true(file_map_open(&f, whole, NULL));
        for (unsigned k = 0; k < flips; k++) {
            uint8_t *copy = base_alloc(f.bytes);
            memcpy(copy, f.data, f.bytes);
            for (uint32_t n = 1 + random_below(&r, 3); n > 0; n--)
                copy[place_of_flip(&r, f.bytes)] ^= (uint8_t)(1u << random_below(&r, 8));
            isa_file_seal(copy, f.bytes);
            FILE *out = fopen(damaged, "wb");
            assert_non_null(out);
            assert_int_equal(fwrite(copy, 1, f.bytes, out), f.bytes);
            fclose(out);
            free(copy);
            try_file(damaged, chip, &r, &count);
        }
        file_map_close(&f);
    }
    printf("%u not read, %u not verified, %u not launched, %u ran\n", count.refused_read,
           count.refused_verify, count.refused_launch, count.ran);
    assert_true(count.refused_verify > 20 && count.ran > 20);
    unlink(whole);
    unlink(damaged);
    rmdir(folder);
    vec_free(&files);
    arena_free(a);
}

// --- fields that stay readable, with other values

static uint32_t other_value(random_stream *r, uint64_t now) {
    switch (random_below(r, 4)) {
    case 0: return random_below(r, 16);
    case 1: return (uint32_t)now + 1;
    case 2: return (uint32_t)now - 1;
    default: return (uint32_t)now ^ 1u << random_below(r, 20);
    }
}

static void change_descriptor(random_stream *r, isa_desc_kind kind, void *list, uint32_t n) {
    const isa_desc *d = &isa_descs[kind];
    if (n == 0) return;
    void *one = (uint8_t *)list + (size_t)random_below(r, n) * d->struct_bytes;
    const isa_field *f = &d->fields[random_below(r, d->n_fields)];
    if (f->how != ISA_HOW_str) isa_field_set(f, one, other_value(r, isa_field_get(f, one)));
}

static void change_insn(random_stream *r, isa_insn *i) {
    const isa_info *info = isa_info_of(i->op);
    unsigned n = info->n_operands, k = random_below(r, n + 2);
    if (k == n) {
        i->dom = (uint8_t)random_below(r, 4);
    } else if (k > n) {
        unsigned modes = info->modes.count;
        i->mode = (uint8_t)(modes ? random_below(r, modes) : 0);
    } else {
        isa_operand_field f = info->operands[k].field;
        uint32_t v = other_value(r, isa_operand_get(i, f));
        isa_operand_set(i, f, f == ISA_FIELD_imm ? v : v & 0xFFFF);
    }
}

static void change_one(random_stream *r, isa_program *p) {
    isa_tile *t = &p->tiles[random_below(r, p->n_tiles)];
    uint32_t phase = random_below(r, p->n_phases);
    switch (random_below(r, 12)) {
    case 0: change_descriptor(r, ISA_DESC_group, t->groups, t->n_groups); return;
    case 1: change_descriptor(r, ISA_DESC_block, t->blocks, t->n_blocks); return;
    case 2: change_descriptor(r, ISA_DESC_ring, t->rings, t->n_rings); return;
    case 3: change_descriptor(r, ISA_DESC_table, t->tables, t->n_tables); return;
    case 4: change_descriptor(r, ISA_DESC_channel, p->channels, p->n_channels); return;
    case 5: change_descriptor(r, ISA_DESC_port, p->ports, p->n_ports); return;
    case 6: p->phases[phase].max_rows[0] = other_value(r, p->phases[phase].max_rows[0]); return;
    case 7: p->max_tokens = other_value(r, p->max_tokens); return;
    case 8:
    case 9: change_descriptor(r, ISA_DESC_buffer, t->buffers, t->n_buffers); return;
    default: change_insn(r, &t->phase[phase].code[random_below(r, t->phase[phase].count)]);
    }
}

static void changed_fields(void **state) {
    random_stream r = random_test(random_seed(29));
    const char *many = getenv("OHMIC_FLIPS");
    unsigned changes = many ? (unsigned)atoi(many) : 600;
    arena *a = arena_new();
    machine *chip = verify_chip(a);
    verify_paths files = verify_list(a, OHMIC_SOURCE_DIR "/tests/isa/good");
    tally count = {0};
    for (size_t i = 0; i < files.count; i++)
        for (unsigned k = 0; k < changes; k++) {
            isa_program *p = verify_assemble(files.items[i]);
            for (uint32_t n = 1 + random_below(&r, 2); n > 0; n--) change_one(&r, p);
            try_program(p, chip, &r, &count);
            isa_program_free(p);
        }
    printf("%u not verified, %u not launched, %u ran\n", count.refused_verify, count.refused_launch,
           count.ran);
    assert_true(count.refused_verify > 100 && count.ran > 100);
    vec_free(&files);
    arena_free(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(flipped_bits),
                                       cmocka_unit_test(changed_fields)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
