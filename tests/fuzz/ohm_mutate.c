// See ohm_mutate.h.
#include "tests/fuzz/ohm_mutate.h"
#include "isa/code.h"
#include "isa/desc.h"
#include "isa/file/format.h"
#include "isa/operand.h"
#include "support/vec.h"
#include <math.h>

typedef struct {
    uint8_t *at;
    size_t n;
} span;

typedef struct {
    isa_desc_kind kind;
    uint8_t *at;
} record;

// What can be changed.
typedef struct {
    span signature, descriptors, chip, cells, tables, strings;
    span code[2]; // words of two phases
    VEC(record) records[ISA_DESC_COUNT];
} places;

enum { SIGNATURE_HEAD = 32 }; // class ... n_ports

static uint32_t word_at(const uint8_t *p) {
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

// ---- where things are ------------------------------------------------------------------------

static bool find_sections(places *p, uint8_t *bytes, size_t n) {
    Elf64_Ehdr h;
    if (n < sizeof h) return false;
    memcpy(&h, bytes, sizeof h);
    if (h.e_shoff > n || h.e_shnum > OHM_MAX_SECTIONS || h.e_shstrndx >= h.e_shnum ||
        h.e_shnum * sizeof(Elf64_Shdr) > n - h.e_shoff)
        return false;
    Elf64_Shdr s[OHM_MAX_SECTIONS];
    memcpy(s, bytes + h.e_shoff, h.e_shnum * sizeof *s);
    for (unsigned i = 0; i < h.e_shnum; i++)
        if (s[i].sh_offset > n || s[i].sh_size > n - s[i].sh_offset) return false;
    const Elf64_Shdr *names = &s[h.e_shstrndx];
    if (names->sh_size == 0 || bytes[names->sh_offset + names->sh_size - 1] != 0) return false;
    const struct {
        const char *name;
        span *span;
    } known[] = {{".ohm.sig", &p->signature}, {".ohm.desc", &p->descriptors},
                 {".ohm.chip", &p->chip},     {".ohm.cells", &p->cells},
                 {".ohm.tables", &p->tables}, {".ohm.strings", &p->strings}};
    unsigned n_code = 0;
    for (unsigned i = 1; i < h.e_shnum; i++) {
        if (s[i].sh_name >= names->sh_size) return false;
        const char *name = (const char *)bytes + names->sh_offset + s[i].sh_name;
        span all = {bytes + s[i].sh_offset, s[i].sh_size};
        for (size_t k = 0; k < ARRAY_LEN(known); k++)
            if (strcmp(name, known[k].name) == 0) *known[k].span = all;
        if (strncmp(name, ".ohm.code.", 10) == 0 && n_code < ARRAY_LEN(p->code))
            p->code[n_code++] = all;
    }
    return p->signature.n >= SIGNATURE_HEAD;
}

static bool add_records(places *p, isa_desc_kind kind, uint32_t count, span *rest) {
    size_t bytes = isa_descs[kind].record_bytes;
    if (count > rest->n / bytes) return false;
    for (uint32_t i = 0; i < count; i++) {
        record one = {kind, rest->at + i * bytes};
        vec_push(&p->records[kind], one);
    }
    rest->at += count * bytes;
    rest->n -= count * bytes;
    return true;
}

static bool take(span *rest, size_t n) {
    if (n > rest->n) return false;
    rest->at += n;
    rest->n -= n;
    return true;
}

static bool find_records(places *p) {
    span rest = p->signature;
    uint32_t phases = word_at(rest.at + 24), ports = word_at(rest.at + 28);
    if (phases > 2 || !take(&rest, SIGNATURE_HEAD + phases * OHM_PHASE_BYTES) ||
        !add_records(p, ISA_DESC_port, ports, &rest))
        return false;
    rest = p->descriptors;
    if (rest.n < 16) return false;
    uint32_t tiles = word_at(rest.at), channels = word_at(rest.at + 4),
             dests = word_at(rest.at + 8);
    const uint8_t *counts = rest.at + 16;
    if (!take(&rest, 16) || tiles > rest.n / OHM_TILE_BYTES ||
        !take(&rest, tiles * OHM_TILE_BYTES) ||
        !add_records(p, ISA_DESC_channel, channels, &rest) || dests > rest.n / 4 ||
        !take(&rest, 4 * dests))
        return false;
    static const isa_desc_kind kinds[] = {ISA_DESC_buffer, ISA_DESC_group, ISA_DESC_block,
                                          ISA_DESC_ring, ISA_DESC_table};
    for (uint32_t t = 0; t < tiles; t++)
        for (size_t k = 0; k < ARRAY_LEN(kinds); k++, counts += 4)
            if (!add_records(p, kinds[k], word_at(counts), &rest)) return false;
    return true;
}

// Instruction words of a code section.
static span words_of(span code) {
    if (code.n < OHM_CODE_HEADER) return (span){0};
    uint64_t tiles = word_at(code.at), head = OHM_CODE_HEADER + 16 * tiles;
    if (head > code.n) return (span){0};
    return (span){code.at + head, (code.n - head) / 16};
}

// ---- changes ---------------------------------------------------------------------------------

// A value near what was there, or what limits are made of.
static uint64_t other_number(random_stream *r, uint64_t was) {
    static const uint64_t odd[] = {0,      1,      2,          3,          7,          8,
                                   16,     31,     64,         127,        128,        255,
                                   0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, UINT64_MAX};
    switch (random_below(r, 8)) {
    case 0: return odd[random_below(r, ARRAY_LEN(odd))];
    case 1: return was * 2;
    case 2: return was / 2;
    case 3: return was ^ UINT64_C(1) << random_below(r, 32);
    default: return was + random_below(r, 9) - 4;
    }
}

static void change_bytes(random_stream *r, uint8_t *at, size_t width) {
    uint64_t v = 0;
    memcpy(&v, at, width);
    v = other_number(r, v);
    memcpy(at, &v, width);
}

static bool change_record(random_stream *r, places *p) {
    size_t kinds = 0;
    isa_desc_kind with[ISA_DESC_COUNT];
    for (unsigned k = 0; k < ISA_DESC_COUNT; k++)
        if (p->records[k].count) with[kinds++] = (isa_desc_kind)k;
    if (kinds == 0) return false;
    isa_desc_kind kind = with[random_below(r, kinds)];
    const isa_desc *d = &isa_descs[kind];
    uint8_t *at = p->records[kind].items[random_below(r, p->records[kind].count)].at;
    const uint8_t *from = p->records[kind].items[random_below(r, p->records[kind].count)].at;
    if (random_below(r, 12) == 0) { // all of another
        memmove(at, from, d->record_bytes);
        return true;
    }
    unsigned field = (unsigned)random_below(r, d->n_fields);
    size_t offset = 0;
    for (unsigned i = 0; i < field; i++) offset += d->fields[i].bytes;
    const isa_field *f = &d->fields[field];
    const isa_enum *names = isa_field_enum(f);
    if (random_below(r, 3) == 0)
        memmove(at + offset, from + offset, f->bytes);
    else if (names)
        at[offset] = (uint8_t)random_below(r, names->count + !random_below(r, 16));
    else
        change_bytes(r, at + offset, f->bytes);
    return true;
}

static bool change_word(random_stream *r, places *p) {
    span words = words_of(p->code[random_below(r, ARRAY_LEN(p->code))]);
    if (words.n == 0) return false;
    uint8_t *at = words.at + 16 * random_below(r, words.n),
            *from = words.at + 16 * random_below(r, words.n), copy[16];
    isa_insn i, other;
    isa_decode(at, &i);
    isa_decode(from, &other);
    isa_operand_field field = (isa_operand_field)random_below(r, ISA_COUNT_field);
    switch (random_below(r, 8)) {
    case 0: // both change places
        memcpy(copy, at, 16);
        memmove(at, from, 16);
        memcpy(from, copy, 16);
        return true;
    case 1: memmove(at, from, 16); return true;
    case 2: i.op = isa_infos[random_below(r, isa_infos_count)].opcode; break;
    case 3: i.mode = (uint8_t)random_below(r, 8); break;
    case 4: i.dom = (uint8_t)random_below(r, 4); break;
    case 5: isa_operand_set(&i, field, isa_operand_get(&other, field)); break;
    default: {
        uint64_t v = other_number(r, isa_operand_get(&i, field));
        isa_operand_set(&i, field, (uint32_t)v & (field == ISA_FIELD_imm ? UINT32_MAX : 0xFFFF));
    }
    }
    isa_encode(&i, at);
    return true;
}

static bool change_signature(random_stream *r, places *p) {
    size_t at = 4 * random_below(r, p->signature.n / 4);
    change_bytes(r, p->signature.at + at, 4);
    return true;
}

static bool change_text(random_stream *r, places *p) { // a digit
    for (int tries = 0; p->chip.n && tries < 64; tries++) {
        uint8_t *at = p->chip.at + random_below(r, p->chip.n);
        if (*at < '0' || *at > '9') continue;
        *at = (uint8_t)('0' + random_below(r, 10));
        return true;
    }
    return false;
}

static bool change_data(random_stream *r, places *p) {
    span s = random_below(r, 2) ? p->cells : p->tables;
    static const float odd[] = {0, -1, 1e30f, -1e38f, 1e-40f, INFINITY, -INFINITY, NAN};
    if (s.n < 4) return false;
    size_t at = random_below(r, s.n - 3);
    if (random_below(r, 2))
        memcpy(s.at + at / 4 * 4, &odd[random_below(r, ARRAY_LEN(odd))], 4);
    else
        s.at[at] = (uint8_t)random_u32(r);
    return true;
}

// Any byte of the small sections: counts, destinations, names.
static bool change_any(random_stream *r, places *p) {
    const span all[] = {p->descriptors, p->strings, p->code[0], p->code[1], p->chip};
    span s = all[random_below(r, ARRAY_LEN(all))];
    if (s.n < 8) return false;
    static const size_t widths[] = {1, 2, 4};
    size_t width = widths[random_below(r, ARRAY_LEN(widths))];
    change_bytes(r, s.at + random_below(r, s.n / width) * width, width);
    return true;
}

size_t ohm_mutate(random_stream *r, uint8_t *bytes, size_t n) {
    places p = {0};
    bool ok = find_sections(&p, bytes, n) && find_records(&p);
    for (uint64_t steps = ok ? 1 + random_below(r, 3) : 0; steps > 0;) {
        bool done = false;
        switch (random_below(r, 16)) {
        case 0: done = change_signature(r, &p); break;
        case 1: done = change_text(r, &p); break;
        case 2:
        case 3: done = change_data(r, &p); break;
        case 4: done = change_any(r, &p); break;
        case 5:
        case 6:
        case 7:
        case 8:
        case 9: done = change_word(r, &p); break;
        default: done = change_record(r, &p);
        }
        steps -= done;
    }
    for (unsigned k = 0; k < ISA_DESC_COUNT; k++) vec_free(&p.records[k]);
    return ok ? n : 0;
}
