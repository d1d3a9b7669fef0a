// Reading .ohm files: headers, sizes and hashes first, then the sections. The file is hostile until
// shown otherwise: every offset and count is checked against what is there before it is used.
#include "isa/code.h"
#include "isa/desc.h"
#include "isa/file/file.h"
#include "isa/file/format.h"
#include "isa/structure.h"
#include "support/vec.h"
#include <elf.h>
#include <xxhash.h>

enum { MAX_SECTIONS = 32 };

typedef struct {
    const uint8_t *data;
    uint64_t bytes;
    const char *file;
    diag_sink *diags;
    Elf64_Ehdr header;
    Elf64_Shdr sections[MAX_SECTIONS];
    unsigned n_sections;
    const char *names; // .shstrtab
    uint64_t names_bytes;
} image;

static bool bad(const image *m, const char *section, uint64_t offset, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
static bool bad(const image *m, const char *section, uint64_t offset, const char *fmt, ...) {
    char where[128], what[256];
    snprintf(where, sizeof where, "section %.60s, offset 0x%llx", section,
             (unsigned long long)offset);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    diag_emit(m->diags, DIAG_ID_isa_file, DIAG_AT(m->file, where), "%s", what);
    return false;
}

// --- headers

static bool read_header(image *m) {
    Elf64_Ehdr *h = &m->header;
    if (m->bytes < sizeof *h) return bad(m, "header", m->bytes, "the file ends within its header");
    memcpy(h, m->data, sizeof *h);
    const uint8_t *ident = h->e_ident;
    if (memcmp(ident, ELFMAG, SELFMAG) != 0 || ident[EI_CLASS] != ELFCLASS64 ||
        ident[EI_DATA] != ELFDATA2LSB || h->e_type != ET_EXEC || h->e_machine != OHM_MACHINE)
        return bad(m, "header", 0, "this is no program for an Ohmic chip");
    if (h->e_shentsize != sizeof(Elf64_Shdr) || h->e_shnum < 2 || h->e_shnum > MAX_SECTIONS)
        return bad(m, "header", 58, "%u section headers of %u bytes", h->e_shnum, h->e_shentsize);
    m->n_sections = h->e_shnum;
    uint64_t bytes = m->n_sections * sizeof(Elf64_Shdr);
    if (h->e_shoff > m->bytes || bytes > m->bytes - h->e_shoff)
        return bad(m, "headers", h->e_shoff,
                   "the section headers end behind the file, which has %llu bytes",
                   (unsigned long long)m->bytes);
    memcpy(m->sections, m->data + h->e_shoff, bytes);
    return true;
}

static const char *section_name(const image *m, unsigned i) {
    uint32_t at = m->sections[i].sh_name;
    return m->names && at < m->names_bytes ? m->names + at : "";
}

static bool is_inside(const image *m, const Elf64_Shdr *s) {
    return s->sh_offset <= m->bytes && s->sh_size <= m->bytes - s->sh_offset;
}

static bool read_section_table(image *m) {
    unsigned strings = m->header.e_shstrndx;
    if (strings == 0 || strings >= m->n_sections)
        return bad(m, "header", 62, "section %u of %u has the names", strings, m->n_sections);
    const Elf64_Shdr *n = &m->sections[strings];
    if (!is_inside(m, n) || n->sh_size == 0 || m->data[n->sh_offset + n->sh_size - 1] != 0)
        return bad(m, ".shstrtab", n->sh_offset, "does not end with a zero byte within the file");
    m->names = (const char *)m->data + n->sh_offset;
    m->names_bytes = n->sh_size;
    for (unsigned i = 1; i < m->n_sections; i++) {
        const Elf64_Shdr *s = &m->sections[i];
        if (!is_inside(m, s))
            return bad(m, section_name(m, i), s->sh_offset,
                       "its %llu bytes end behind the file, which has %llu bytes",
                       (unsigned long long)s->sh_size, (unsigned long long)m->bytes);
    }
    return true;
}

static const Elf64_Shdr *find_section(const image *m, const char *name) {
    for (unsigned i = 1; i < m->n_sections; i++)
        if (strcmp(section_name(m, i), name) == 0) return &m->sections[i];
    return NULL;
}

static const Elf64_Shdr *need_section(const image *m, const char *name) {
    const Elf64_Shdr *s = find_section(m, name);
    if (!s) bad(m, name, 0, "is missing");
    return s;
}

static uint32_t get32(const uint8_t *p) {
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

// --- hashes

// Where the tail begins; false when cells and tables are not the end of the file.
static bool find_tail(const image *m, const Elf64_Shdr **cells, const Elf64_Shdr **tables) {
    if (!(*cells = need_section(m, ".ohm.cells")) || !(*tables = need_section(m, ".ohm.tables")))
        return false;
    const Elf64_Shdr *c = *cells, *t = *tables;
    uint64_t headers_end = m->header.e_shoff + m->n_sections * sizeof(Elf64_Shdr);
    if (c->sh_offset < headers_end || c->sh_offset % OHM_CELLS_ALIGN != 0)
        return bad(m, ".ohm.cells", c->sh_offset, "does not stand behind the headers on a page");
    if (t->sh_offset != align_u64(c->sh_offset + c->sh_size, OHM_TABLES_ALIGN))
        return bad(m, ".ohm.tables", t->sh_offset, "does not stand behind .ohm.cells");
    if (t->sh_offset + t->sh_size != m->bytes)
        return bad(m, ".ohm.tables", t->sh_offset, "the file has %llu bytes, its sections %llu",
                   (unsigned long long)m->bytes, (unsigned long long)(t->sh_offset + t->sh_size));
    for (uint64_t i = c->sh_offset + c->sh_size; i < t->sh_offset; i++)
        if (m->data[i] != 0) return bad(m, ".ohm.tables", i, "the padding in front is not zero");
    return true;
}

static void hash_bytes(const uint8_t *p, uint64_t n, uint8_t out[OHM_HASH_BYTES]) {
    XXH128_canonicalFromHash((XXH128_canonical_t *)out, XXH3_128bits(p, n));
}

// All bytes in front of the cells, the hash itself taken as zero.
static void hash_head(const uint8_t *data, uint64_t head, uint8_t out[OHM_HASH_BYTES]) {
    static const uint8_t zero[OHM_HASH_BYTES];
    XXH3_state_t *state = XXH3_createState();
    CHECK(state, "out of memory");
    XXH3_128bits_reset(state);
    XXH3_128bits_update(state, data, OHM_HASH_OFFSET);
    XXH3_128bits_update(state, zero, sizeof zero);
    XXH3_128bits_update(state, data + OHM_SECTION_HASHES, head - OHM_SECTION_HASHES);
    XXH128_canonicalFromHash((XXH128_canonical_t *)out, XXH3_128bits_digest(state));
    XXH3_freeState(state);
}

static bool section_is_intact(const image *m, unsigned i) {
    uint8_t hash[OHM_HASH_BYTES];
    hash_bytes(m->data + m->sections[i].sh_offset, m->sections[i].sh_size, hash);
    return memcmp(hash, m->data + OHM_SECTION_HASHES + i * OHM_HASH_BYTES, OHM_HASH_BYTES) == 0;
}

static bool damaged(const image *m, unsigned i) {
    return bad(m, section_name(m, i), m->sections[i].sh_offset,
               "the content does not match its hash: the file is damaged");
}

// The note's place and size; version and hashes stand at fixed offsets in the file.
static bool check_note(const image *m) {
    const Elf64_Shdr *note = &m->sections[OHM_NOTE_SECTION];
    uint64_t least = OHM_SECTION_HASHES - OHM_NOTE_OFFSET + m->n_sections * OHM_HASH_BYTES + 1;
    if (note->sh_offset != OHM_NOTE_OFFSET || note->sh_size < least)
        return bad(m, ".note.ohm", note->sh_offset, "does not stand behind the header");
    const uint8_t *p = m->data + OHM_NOTE_OFFSET;
    if (get32(p) != 6 || get32(p + 8) != OHM_NOTE_TYPE || memcmp(p + 12, "Ohmic\0\0", 8) != 0)
        return bad(m, ".note.ohm", OHM_NOTE_OFFSET, "this is no note of Ohmic");
    if (get32(p + 20) != OHM_VERSION)
        return bad(m, ".note.ohm", OHM_NOTE_OFFSET + 20, "format version %u, expected %d",
                   get32(p + 20), OHM_VERSION);
    if (get32(p + 24) != m->n_sections)
        return bad(m, ".note.ohm", OHM_NOTE_OFFSET + 24, "hashes of %u sections, the file has %u",
                   get32(p + 24), m->n_sections);
    if (p[note->sh_size - 1] != 0)
        return bad(m, ".note.ohm", OHM_NOTE_OFFSET + note->sh_size - 1,
                   "must end with a zero byte");
    return true;
}

static bool check_hashes(const image *m, const Elf64_Shdr *cells) {
    uint8_t hash[OHM_HASH_BYTES];
    hash_head(m->data, cells->sh_offset, hash);
    if (memcmp(hash, m->data + OHM_HASH_OFFSET, OHM_HASH_BYTES) != 0) {
        for (unsigned i = OHM_NOTE_SECTION + 1; i < m->n_sections; i++)
            if (!section_is_intact(m, i)) return damaged(m, i);
        return bad(m, ".note.ohm", OHM_HASH_OFFSET,
                   "the headers do not match the content hash: the file is damaged");
    }
    for (unsigned i = OHM_NOTE_SECTION + 1; i < m->n_sections; i++)
        if (!section_is_intact(m, i)) return damaged(m, i);
    return true;
}

bool isa_file_seal(uint8_t *data, size_t bytes) {
    image m = {.data = data, .bytes = bytes, .file = NULL};
    const Elf64_Shdr *cells, *tables;
    if (!read_header(&m) || !read_section_table(&m) || !check_note(&m) ||
        !find_tail(&m, &cells, &tables))
        return false;
    for (unsigned i = OHM_NOTE_SECTION + 1; i < m.n_sections; i++)
        hash_bytes(data + m.sections[i].sh_offset, m.sections[i].sh_size,
                   data + OHM_SECTION_HASHES + i * OHM_HASH_BYTES);
    hash_head(data, cells->sh_offset, data + OHM_HASH_OFFSET);
    return true;
}

// --- sections

typedef struct {
    const image *m;
    const char *section;
    const uint8_t *p;
    uint64_t at, bytes; // within the section
    bool ok;
} cursor;

static bool open_section(const image *m, const char *name, cursor *c) {
    const Elf64_Shdr *s = need_section(m, name);
    if (!s) return false;
    *c = (cursor){m, name, m->data + s->sh_offset, 0, s->sh_size, true};
    return true;
}

// The next n bytes; NULL after a report when there are fewer.
static const uint8_t *take(cursor *c, uint64_t n) {
    if (!c->ok) return NULL;
    if (n > c->bytes - c->at) {
        c->ok = bad(c->m, c->section, c->at, "%llu bytes expected, %llu are left",
                    (unsigned long long)n, (unsigned long long)(c->bytes - c->at));
        return NULL;
    }
    c->at += n;
    return c->p + c->at - n;
}

static uint32_t take32(cursor *c) {
    const uint8_t *p = take(c, 4);
    return p ? get32(p) : 0;
}

static uint64_t take64(cursor *c) {
    uint64_t lo = take32(c);
    return lo | (uint64_t)take32(c) << 32;
}

static bool at_end(cursor *c) {
    if (c->ok && c->at != c->bytes)
        c->ok = bad(c->m, c->section, c->at, "%llu bytes too many",
                    (unsigned long long)(c->bytes - c->at));
    return c->ok;
}

// `count` descriptors; the records are known to be there before memory is asked for.
static void *take_records(cursor *c, arena *a, isa_desc_kind kind, uint32_t count) {
    const isa_desc *d = &isa_descs[kind];
    const uint8_t *p = take(c, (uint64_t)count * d->record_bytes);
    if (!p || count == 0) return NULL;
    uint8_t *list = arena_alloc(a, (size_t)count * d->struct_bytes);
    for (uint32_t i = 0; i < count; i++)
        isa_desc_load(d, list + (size_t)i * d->struct_bytes, p + (size_t)i * d->record_bytes);
    return list;
}

static const char *copy_text(const image *m, arena *a, const char *name) {
    cursor c;
    if (!open_section(m, name, &c)) return NULL;
    if (c.bytes > 0 && memchr(c.p, 0, c.bytes)) {
        bad(m, name, 0, "a text contains a zero byte");
        return NULL;
    }
    return arena_strn(a, (const char *)c.p, c.bytes);
}

static bool read_texts(const image *m, isa_program *p) {
    cursor c;
    if (!open_section(m, ".ohm.strings", &c)) return false;
    if (c.bytes == 0 || c.bytes > UINT32_MAX || c.p[0] != 0 || c.p[c.bytes - 1] != 0)
        return bad(m, ".ohm.strings", 0, "must begin and end with a zero byte");
    p->strings = (const char *)c.p;
    p->strings_bytes = c.bytes;
    p->tool = (const char *)m->data + OHM_SECTION_HASHES + m->n_sections * OHM_HASH_BYTES;
    return (p->chip = copy_text(m, p->arena, ".ohm.chip")) &&
           (p->ir = copy_text(m, p->arena, ".ohm.ir")) &&
           (p->proof = copy_text(m, p->arena, ".ohm.proof")) &&
           (p->notes = copy_text(m, p->arena, ".ohm.notes"));
}

static bool read_signature(const image *m, isa_program *p) {
    cursor c;
    if (!open_section(m, ".ohm.sig", &c)) return false;
    uint32_t class = take32(&c);
    p->class = (isa_class) class;
    p->max_tokens = take32(&c);
    p->max_chunk = take32(&c);
    p->banks = take32(&c);
    uint64_t period = take64(&c);
    memcpy(&p->token_period_ns, &period, sizeof period);
    p->n_phases = take32(&c);
    p->n_ports = take32(&c);
    if (!c.ok) return false;
    if (class > ISA_WHOLE) return bad(m, c.section, 0, "class %u", class);
    if (p->n_phases < 1 || p->n_phases > ISA_MAX_PHASES)
        return bad(m, c.section, 24, "%u phases, expected 1 to %d", p->n_phases, ISA_MAX_PHASES);
    for (uint32_t i = 0; i < p->n_phases; i++) {
        isa_phase *ph = &p->phases[i];
        uint32_t name = take32(&c), domains = take32(&c);
        for (unsigned d = 0; d < ISA_DOMAINS; d++) ph->max_rows[d] = take32(&c);
        for (unsigned d = 0; d < ISA_DOMAINS; d++) ph->fixed_rows[d] = take32(&c);
        if (!c.ok) return false;
        if (name >= p->strings_bytes || domains > 0xFF)
            return bad(m, c.section, c.at - OHM_PHASE_BYTES,
                       "phase %u has no name or no such domains", i);
        ph->name = isa_str(p, name);
        ph->free_domains = (uint8_t)domains;
    }
    p->ports = take_records(&c, p->arena, ISA_DESC_port, p->n_ports);
    return at_end(&c);
}

static bool read_descriptors(const image *m, isa_program *p) {
    cursor c;
    if (!open_section(m, ".ohm.desc", &c)) return false;
    p->n_tiles = take32(&c);
    p->n_channels = take32(&c);
    p->n_dests = take32(&c);
    take32(&c);
    const uint8_t *counts = take(&c, (uint64_t)p->n_tiles * OHM_TILE_BYTES);
    if (!counts) return false;
    p->tiles = ARENA_ARRAY(p->arena, isa_tile, p->n_tiles);
    p->channels = take_records(&c, p->arena, ISA_DESC_channel, p->n_channels);
    const uint8_t *dests = take(&c, 4 * (uint64_t)p->n_dests);
    if (!dests) return false;
    p->dests = ARENA_ARRAY(p->arena, uint32_t, p->n_dests);
    for (uint32_t i = 0; i < p->n_dests; i++) p->dests[i] = get32(dests + 4 * (size_t)i);
    for (uint32_t t = 0; c.ok && t < p->n_tiles; t++, counts += OHM_TILE_BYTES) {
        isa_tile *tile = &p->tiles[t];
        tile->n_buffers = get32(counts);
        tile->n_groups = get32(counts + 4);
        tile->n_blocks = get32(counts + 8);
        tile->n_rings = get32(counts + 12);
        tile->n_tables = get32(counts + 16);
        tile->buffers = take_records(&c, p->arena, ISA_DESC_buffer, tile->n_buffers);
        tile->groups = take_records(&c, p->arena, ISA_DESC_group, tile->n_groups);
        tile->blocks = take_records(&c, p->arena, ISA_DESC_block, tile->n_blocks);
        tile->rings = take_records(&c, p->arena, ISA_DESC_ring, tile->n_rings);
        tile->tables = take_records(&c, p->arena, ISA_DESC_table, tile->n_tables);
    }
    return at_end(&c);
}

static bool read_code(const image *m, isa_program *p, uint32_t phase) {
    cursor c, lines;
    if (!open_section(m, arena_printf(p->arena, ".ohm.code.%s", p->phases[phase].name), &c) ||
        !open_section(m, arena_printf(p->arena, ".ohm.lines.%s", p->phases[phase].name), &lines))
        return false;
    uint32_t n_tiles = take32(&c), n_words = take32(&c);
    take64(&c);
    if (c.ok && n_tiles != p->n_tiles)
        return bad(m, c.section, 0, "%u tiles, expected %u", n_tiles, p->n_tiles);
    const uint8_t *index = take(&c, 16 * (uint64_t)n_tiles);
    const uint8_t *words = take(&c, 16 * (uint64_t)n_words);
    const uint8_t *line = take(&lines, 8 * (uint64_t)n_words);
    if (!at_end(&c) || !at_end(&lines)) return false;
    isa_insn *code = ARENA_ARRAY(p->arena, isa_insn, n_words);
    isa_line *table = ARENA_ARRAY(p->arena, isa_line, n_words);
    for (uint32_t i = 0; i < n_words; i++) {
        isa_decode(words + 16 * (size_t)i, &code[i]); // the verifier says which are no instructions
        table[i] = (isa_line){get32(line + 8 * (size_t)i), get32(line + 8 * (size_t)i + 4)};
    }
    uint32_t next = 0;
    for (uint32_t t = 0; t < n_tiles; t++, index += 16) {
        uint32_t first = get32(index + 4), count = get32(index + 8);
        if (get32(index) != t || first != next || count > n_words - next)
            return bad(m, c.section, OHM_CODE_HEADER + 16 * (uint64_t)t,
                       "tile %u: words %u + %u of %u, expected to start at %u", t, first, count,
                       n_words, next);
        p->tiles[t].phase[phase].code = code + next;
        p->tiles[t].phase[phase].lines = table + next;
        p->tiles[t].phase[phase].count = count;
        next += count;
    }
    if (next != n_words) return bad(m, c.section, 4, "%u words, the tiles own %u", n_words, next);
    return true;
}

static bool read_program(const image *m, isa_program *p, const Elf64_Shdr *cells,
                         const Elf64_Shdr *tables) {
    if (!read_texts(m, p) || !read_signature(m, p) || !read_descriptors(m, p)) return false;
    for (uint32_t i = 0; i < p->n_phases; i++)
        if (!read_code(m, p, i)) return false;
    p->cells = m->data + cells->sh_offset;
    p->cells_bytes = cells->sh_size;
    p->tables = m->data + tables->sh_offset;
    p->tables_bytes = tables->sh_size;
    return isa_check_structure(p, m->file, m->diags);
}

isa_program *isa_read(const file_map *f, diag_sink *diags) {
    image m = {.data = f->data, .bytes = f->bytes, .file = f->name, .diags = diags};
    const Elf64_Shdr *cells, *tables;
    if (!read_header(&m) || !read_section_table(&m) || !check_note(&m) ||
        !find_tail(&m, &cells, &tables) || !check_hashes(&m, cells))
        return NULL;
    isa_program *p = isa_program_new();
    if (read_program(&m, p, cells, tables)) return p;
    isa_program_free(p);
    return NULL;
}
