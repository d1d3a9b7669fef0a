// Reading .ohm files: headers, sizes and hashes first, then the sections. The file is hostile until
// shown otherwise: every offset and count is checked against what is there before it is used.
#include "isa/code.h"
#include "isa/desc.h"
#include "isa/file/file.h"
#include "isa/file/format.h"
#include "isa/structure.h"
#include "support/file/bytes.h"

typedef struct {
    const uint8_t *data;
    uint64_t bytes;
    const char *file;
    diag_sink *diags;
    Elf64_Ehdr header;
    Elf64_Shdr sections[OHM_MAX_SECTIONS];
    unsigned n_sections;
    const char *names; // .shstrtab
    uint64_t names_bytes;
} image;

static bool bad(const image *m, const char *section, uint64_t offset, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
static bool bad(const image *m, const char *section, uint64_t offset, const char *fmt, ...) {
    char where[128];
    snprintf(where, sizeof where, "section %.60s, offset 0x%llx", section,
             (unsigned long long)offset);
    va_list ap;
    va_start(ap, fmt);
    diag_vemit(m->diags, DIAG_ID_isa_file, DIAG_AT(m->file, where), fmt, ap);
    va_end(ap);
    return false;
}

// --- headers

static bool read_header(image *m) {
    Elf64_Ehdr *h = &m->header;
    if (m->bytes < sizeof *h) return bad(m, "header", m->bytes, "the file ends within its header");
    memcpy(h, m->data, sizeof *h);
    Elf64_Ehdr expected = ohm_header(h->e_shoff, h->e_shnum, h->e_shstrndx);
    if (memcmp(h, &expected, sizeof *h) != 0)
        return bad(m, "header", 0, "this is no program for an Ohmic chip");
    if (h->e_shnum < 2 || h->e_shnum > OHM_MAX_SECTIONS)
        return bad(m, "header", 60, "%u section headers", h->e_shnum);
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

static bool section_is_intact(const image *m, unsigned i) {
    uint8_t hash[OHM_HASH_BYTES];
    ohm_hash(m->data + m->sections[i].sh_offset, m->sections[i].sh_size, hash);
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
    bytes_in in = bytes_in_of(p, note->sh_size);
    uint32_t name_bytes = bytes_get32(&in);
    bytes_get32(&in); // the size of what follows: the section's says it, too
    uint32_t type = bytes_get32(&in);
    if (name_bytes != 6 || type != OHM_NOTE_TYPE || memcmp(bytes_get(&in, 8), "Ohmic\0\0", 8) != 0)
        return bad(m, ".note.ohm", OHM_NOTE_OFFSET, "this is no note of Ohmic");
    uint32_t version = bytes_get32(&in), n = bytes_get32(&in);
    if (version != OHM_VERSION)
        return bad(
            m, ".note.ohm", OHM_NOTE_OFFSET + 20,
            "version %u of the format, this command reads version %d: compile the model again",
            version, OHM_VERSION);
    if (n != m->n_sections)
        return bad(m, ".note.ohm", OHM_NOTE_OFFSET + 24, "hashes of %u sections, the file has %u",
                   n, m->n_sections);
    if (p[note->sh_size - 1] != 0)
        return bad(m, ".note.ohm", OHM_NOTE_OFFSET + note->sh_size - 1,
                   "must end with a zero byte");
    return true;
}

static bool check_hashes(const image *m, const Elf64_Shdr *cells) {
    uint8_t hash[OHM_HASH_BYTES];
    ohm_hash_head(m->data, cells->sh_offset, hash);
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
        ohm_hash(data + m.sections[i].sh_offset, m.sections[i].sh_size,
                 data + OHM_SECTION_HASHES + i * OHM_HASH_BYTES);
    ohm_hash_head(data, cells->sh_offset, data + OHM_HASH_OFFSET);
    return true;
}

// --- sections

typedef struct {
    const image *m;
    const char *section;
    const uint8_t *begin;
    bytes_in in;
} cursor;

static bool open_section(const image *m, const char *name, cursor *c) {
    const Elf64_Shdr *s = need_section(m, name);
    if (!s) return false;
    const uint8_t *begin = m->data + s->sh_offset;
    *c = (cursor){m, name, begin, bytes_in_of(begin, s->sh_size)};
    return true;
}

// Everything that was asked for was there; else it is reported.
static bool was_there(const cursor *c) {
    if (c->in.ok) return true;
    return bad(c->m, c->section, (uint64_t)(c->in.at - c->begin),
               "more bytes expected than the %llu that are left",
               (unsigned long long)(c->in.end - c->in.at));
}

static bool at_end(const cursor *c) {
    if (!was_there(c)) return false;
    return c->in.at == c->in.end ||
           bad(c->m, c->section, (uint64_t)(c->in.at - c->begin), "%llu bytes too many",
               (unsigned long long)(c->in.end - c->in.at));
}

static const char *copy_text(const image *m, arena *a, const char *name) {
    const Elf64_Shdr *s = need_section(m, name);
    if (!s) return NULL;
    const char *text = (const char *)m->data + s->sh_offset;
    if (s->sh_size > 0 && memchr(text, 0, s->sh_size)) {
        bad(m, name, 0, "a text contains a zero byte");
        return NULL;
    }
    return arena_strn(a, text, s->sh_size);
}

static bool read_texts(const image *m, isa_program *p) {
    const Elf64_Shdr *s = need_section(m, ".ohm.strings");
    if (!s) return false;
    const char *strings = (const char *)m->data + s->sh_offset;
    if (s->sh_size == 0 || s->sh_size > UINT32_MAX || strings[0] || strings[s->sh_size - 1])
        return bad(m, ".ohm.strings", 0, "must begin and end with a zero byte");
    p->strings = strings;
    p->strings_bytes = s->sh_size;
    p->tool = (const char *)m->data + OHM_SECTION_HASHES + m->n_sections * OHM_HASH_BYTES;
    return (p->chip = copy_text(m, p->arena, ".ohm.chip")) &&
           (p->ir = copy_text(m, p->arena, ".ohm.ir")) &&
           (p->proof = copy_text(m, p->arena, ".ohm.proof")) &&
           (p->notes = copy_text(m, p->arena, ".ohm.notes"));
}

static bool read_signature(const image *m, isa_program *p) {
    cursor c;
    if (!open_section(m, ".ohm.sig", &c)) return false;
    uint32_t class = bytes_get32(&c.in);
    p->class = (isa_class) class;
    p->max_tokens = bytes_get32(&c.in);
    p->max_chunk = bytes_get32(&c.in);
    p->banks = bytes_get32(&c.in);
    uint64_t period = bytes_get64(&c.in);
    memcpy(&p->token_period_ns, &period, sizeof period);
    p->n_phases = bytes_get32(&c.in);
    p->n_ports = bytes_get32(&c.in);
    if (!was_there(&c)) return false;
    if (class >= ISA_COUNT_class) return bad(m, c.section, 0, "class %u", class);
    if (p->n_phases < 1 || p->n_phases > ISA_MAX_PHASES)
        return bad(m, c.section, 24, "%u phases, expected 1 to %d", p->n_phases, ISA_MAX_PHASES);
    for (uint32_t i = 0; i < p->n_phases; i++) {
        isa_phase *ph = &p->phases[i];
        uint32_t name = bytes_get32(&c.in), domains = bytes_get32(&c.in);
        bytes_get_words(&c.in, ph->max_rows, ISA_DOMAINS);
        bytes_get_words(&c.in, ph->fixed_rows, ISA_DOMAINS);
        if (!was_there(&c)) return false;
        if (name >= p->strings_bytes || domains > 0xFF)
            return bad(m, c.section, (uint64_t)(c.in.at - c.begin) - OHM_PHASE_BYTES,
                       "phase %u has no name or no such domains", i);
        ph->name = isa_str(p, name);
        ph->free_domains = (uint8_t)domains;
    }
    p->ports = isa_desc_get(&c.in, ISA_DESC_port, p->n_ports, p->arena);
    return at_end(&c);
}

static bool read_descriptors(const image *m, isa_program *p) {
    cursor c;
    if (!open_section(m, ".ohm.desc", &c)) return false;
    p->n_tiles = bytes_get32(&c.in);
    p->n_channels = bytes_get32(&c.in);
    p->n_dests = bytes_get32(&c.in);
    bytes_get32(&c.in);
    uint64_t counts_bytes = (uint64_t)p->n_tiles * OHM_TILE_BYTES;
    bytes_in counts = bytes_in_of(bytes_get(&c.in, counts_bytes), counts_bytes);
    if (!was_there(&c)) return false;
    arena *a = p->arena;
    p->tiles = ARENA_ARRAY(a, isa_tile, p->n_tiles);
    p->channels = isa_desc_get(&c.in, ISA_DESC_channel, p->n_channels, a);
    const uint8_t *dests = bytes_get(&c.in, 4 * (uint64_t)p->n_dests);
    if (!was_there(&c)) return false;
    p->dests = ARENA_ARRAY(a, uint32_t, p->n_dests);
    bytes_in numbers = bytes_in_of(dests, 4 * (size_t)p->n_dests);
    bytes_get_words(&numbers, p->dests, p->n_dests);
    for (uint32_t t = 0; c.in.ok && t < p->n_tiles; t++) {
        isa_tile *tile = &p->tiles[t];
        tile->n_buffers = bytes_get32(&counts);
        tile->n_groups = bytes_get32(&counts);
        tile->n_blocks = bytes_get32(&counts);
        tile->n_rings = bytes_get32(&counts);
        tile->n_tables = bytes_get32(&counts);
        tile->buffers = isa_desc_get(&c.in, ISA_DESC_buffer, tile->n_buffers, a);
        tile->groups = isa_desc_get(&c.in, ISA_DESC_group, tile->n_groups, a);
        tile->blocks = isa_desc_get(&c.in, ISA_DESC_block, tile->n_blocks, a);
        tile->rings = isa_desc_get(&c.in, ISA_DESC_ring, tile->n_rings, a);
        tile->tables = isa_desc_get(&c.in, ISA_DESC_table, tile->n_tables, a);
    }
    return at_end(&c);
}

static bool read_code(const image *m, isa_program *p, uint32_t phase) {
    cursor c, lines;
    if (!open_section(m, arena_printf(p->arena, ".ohm.code.%s", p->phases[phase].name), &c) ||
        !open_section(m, arena_printf(p->arena, ".ohm.lines.%s", p->phases[phase].name), &lines))
        return false;
    uint32_t n_tiles = bytes_get32(&c.in), n_words = bytes_get32(&c.in);
    bytes_get64(&c.in);
    if (c.in.ok && n_tiles != p->n_tiles)
        return bad(m, c.section, 0, "%u tiles, expected %u", n_tiles, p->n_tiles);
    uint64_t index_bytes = 16 * (uint64_t)n_tiles, line_bytes = 8 * (uint64_t)n_words;
    const uint8_t *index = bytes_get(&c.in, index_bytes);
    const uint8_t *words = bytes_get(&c.in, 16 * (uint64_t)n_words);
    const uint8_t *line = bytes_get(&lines.in, line_bytes);
    if (!at_end(&c) || !at_end(&lines)) return false;
    isa_insn *code = ARENA_ARRAY(p->arena, isa_insn, n_words);
    isa_line *table = ARENA_ARRAY(p->arena, isa_line, n_words);
    bytes_in numbers = bytes_in_of(line, line_bytes);
    for (uint32_t i = 0; i < n_words; i++) {
        isa_decode(words + 16 * (size_t)i, &code[i]); // the verifier says which are no instructions
        table[i].ir_op = bytes_get32(&numbers);
        table[i].node = bytes_get32(&numbers);
    }
    uint32_t next = 0;
    numbers = bytes_in_of(index, index_bytes);
    for (uint32_t t = 0; t < n_tiles; t++) {
        uint32_t tile = bytes_get32(&numbers), first = bytes_get32(&numbers),
                 count = bytes_get32(&numbers);
        bytes_get32(&numbers);
        if (tile != t || first != next || count > n_words - next)
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
