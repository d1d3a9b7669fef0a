// Writing .ohm files. What stands in front of the cells is made in memory; cells and tables are
// streamed, so that a program larger than memory can be written.
#include "isa/code.h"
#include "isa/file/file.h"
#include "isa/file/format.h"
#include "isa/file/parts.h"
#include "isa/structure.h"
#include <errno.h>
#include <unistd.h>
#include <xxhash.h>

enum { CHUNK = 1 << 20 };

typedef struct {
    const char *name;
    uint32_t type, link, info;
    uint64_t flags, align, entry_bytes;
    bytes_out data;  // small sections
    uint64_t offset; // in the file
    uint64_t bytes;
} section;

typedef struct {
    section sections[OHM_MAX_SECTIONS]; // 0: the null section
    unsigned count, cells, tables, shstrtab;
    uint64_t headers_offset;
} layout;

static section *add_section(layout *l, const char *name, uint32_t type, uint64_t align) {
    CHECK(l->count < OHM_MAX_SECTIONS, "%u sections", l->count);
    section *s = &l->sections[l->count++];
    *s = (section){.name = name, .type = type, .align = align};
    return s;
}

static void add_text(layout *l, const char *name, const char *text) {
    bytes_put(&add_section(l, name, SHT_PROGBITS, 1)->data, text, strlen(text));
}

// Room for the hashes, filled when all other bytes are known.
static void make_note(bytes_out *b, const char *tool, unsigned n_sections) {
    size_t tool_bytes = strlen(tool) + 1;
    bytes_put32(b, 6);
    bytes_put32(b, (uint32_t)(8 + OHM_HASH_BYTES + n_sections * OHM_HASH_BYTES + tool_bytes));
    bytes_put32(b, OHM_NOTE_TYPE);
    bytes_put(b, "Ohmic\0\0", 8);
    bytes_put32(b, OHM_VERSION);
    bytes_put32(b, n_sections);
    for (unsigned i = 0; i < (1 + n_sections) * OHM_HASH_BYTES / 4; i++) bytes_put32(b, 0);
    bytes_put(b, tool, tool_bytes);
    while (b->count % 4 != 0) bytes_put(b, "", 1);
}

static void make_sections(layout *l, const isa_program *p, arena *a) {
    ohm_names *names = ohm_names_new(p);
    l->count = 1;
    section *note = add_section(l, ".note.ohm", SHT_NOTE, 4);
    add_text(l, ".ohm.chip", p->chip);
    ohm_put_signature(&add_section(l, ".ohm.sig", SHT_PROGBITS, 8)->data, p, names);
    ohm_put_descriptors(&add_section(l, ".ohm.desc", SHT_PROGBITS, 8)->data, p, names);
    unsigned code[ISA_MAX_PHASES];
    for (uint32_t i = 0; i < p->n_phases; i++) {
        code[i] = l->count;
        section *s =
            add_section(l, arena_printf(a, ".ohm.code.%s", p->phases[i].name), SHT_PROGBITS, 16);
        s->flags = SHF_ALLOC | SHF_EXECINSTR;
        ohm_put_code(&s->data, p, i);
    }
    for (uint32_t i = 0; i < p->n_phases; i++)
        ohm_put_lines(
            &add_section(l, arena_printf(a, ".ohm.lines.%s", p->phases[i].name), SHT_PROGBITS, 8)
                 ->data,
            p, i, names);
    add_text(l, ".ohm.ir", p->ir);
    ohm_put_placement(&add_section(l, ".ohm.placement", SHT_PROGBITS, 1)->data, p);
    add_text(l, ".ohm.proof", p->proof);
    add_text(l, ".ohm.notes", p->notes);
    ohm_put_names(&add_section(l, ".ohm.strings", SHT_PROGBITS, 1)->data, names);
    ohm_names_free(names);

    l->cells = l->count;
    section *cells = add_section(l, ".ohm.cells", SHT_PROGBITS, OHM_CELLS_ALIGN);
    cells->flags = SHF_ALLOC;
    cells->bytes = p->cells_bytes;
    l->tables = l->count;
    section *tables = add_section(l, ".ohm.tables", SHT_PROGBITS, OHM_TABLES_ALIGN);
    tables->flags = SHF_ALLOC;
    tables->bytes = p->tables_bytes;

    section *symtab = add_section(l, ".symtab", SHT_SYMTAB, 8);
    symtab->link = l->count;
    symtab->entry_bytes = sizeof(Elf64_Sym);
    section *strtab = add_section(l, ".strtab", SHT_STRTAB, 1);
    ohm_put_symbols(&symtab->data, &strtab->data, p, code, l->cells);
    symtab->info = (uint32_t)(symtab->data.count / sizeof(Elf64_Sym)); // all are local
    l->shstrtab = l->count;
    section *shstrtab = add_section(l, ".shstrtab", SHT_STRTAB, 1);
    bytes_put(&shstrtab->data, "", 1);
    for (unsigned i = 1; i < l->count; i++)
        bytes_put(&shstrtab->data, l->sections[i].name, strlen(l->sections[i].name) + 1);
    make_note(&note->data, p->tool, l->count);
}

static void place_sections(layout *l) {
    uint64_t at = OHM_NOTE_OFFSET;
    for (unsigned i = 1; i < l->count; i++) {
        section *s = &l->sections[i];
        if (i == l->cells || i == l->tables) continue;
        s->bytes = s->data.count;
        s->offset = at = align_u64(at, s->align);
        at += s->bytes;
    }
    l->headers_offset = at = align_u64(at, 8);
    at += l->count * sizeof(Elf64_Shdr);
    section *cells = &l->sections[l->cells], *tables = &l->sections[l->tables];
    cells->offset = align_u64(at, OHM_CELLS_ALIGN);
    tables->offset = align_u64(cells->offset + cells->bytes, OHM_TABLES_ALIGN);
}

// All bytes in front of the cells, with the hashes that are known.
static bytes_out make_head(const layout *l, uint8_t hashes[][OHM_HASH_BYTES]) {
    bytes_out head = {0};
    size_t bytes = l->sections[l->cells].offset;
    vec_reserve(&head, bytes);
    memset(head.items, 0, bytes);
    head.count = bytes;
    Elf64_Ehdr header = ohm_header(l->headers_offset, l->count, l->shstrtab);
    memcpy(head.items, &header, sizeof header);
    uint32_t name = 1;
    for (unsigned i = 1; i < l->count; i++) {
        const section *s = &l->sections[i];
        Elf64_Shdr sh = {.sh_name = name,
                         .sh_type = s->type,
                         .sh_flags = s->flags,
                         .sh_offset = s->offset,
                         .sh_size = s->bytes,
                         .sh_link = s->link,
                         .sh_info = s->info,
                         .sh_addralign = s->align,
                         .sh_entsize = s->entry_bytes};
        memcpy(head.items + l->headers_offset + i * sizeof sh, &sh, sizeof sh);
        if (s->data.count) memcpy(head.items + s->offset, s->data.items, s->data.count);
        name += (uint32_t)strlen(s->name) + 1;
    }
    memcpy(head.items + OHM_SECTION_HASHES, hashes, l->count * OHM_HASH_BYTES);
    ohm_hash_head(head.items, head.count, head.items + OHM_HASH_OFFSET);
    return head;
}

// --- streaming

typedef struct {
    int fd;
    uint64_t at;
    XXH3_state_t *hash;
    const char *path;
    diag_sink *diags;
} stream;

static bool write_at(stream *s, const void *data, size_t n) {
    const uint8_t *p = data;
    while (n > 0) {
        ssize_t done = pwrite(s->fd, p, n, (off_t)s->at);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) {
            diag_emit(s->diags, DIAG_ID_io, DIAG_FILE(s->path), "cannot write: %s",
                      strerror(done < 0 ? errno : ENOSPC));
            return false;
        }
        p += done;
        s->at += (uint64_t)done;
        n -= (size_t)done;
    }
    return true;
}

static bool stream_bytes(stream *s, const uint8_t *p, uint64_t n) {
    for (uint64_t done = 0; done < n;) {
        size_t step = n - done < CHUNK ? (size_t)(n - done) : CHUNK;
        XXH3_128bits_update(s->hash, p + done, step);
        if (!write_at(s, p + done, step)) return false;
        done += step;
    }
    return true;
}

static bool stream_zeros(stream *s, uint64_t n, uint8_t *buffer) {
    memset(buffer, 0, n < CHUNK ? (size_t)n : CHUNK);
    for (; n > CHUNK; n -= CHUNK)
        if (!stream_bytes(s, buffer, CHUNK)) return false;
    return stream_bytes(s, buffer, n);
}

static bool stream_piece(stream *s, const isa_piece *piece) {
    if (piece->data) return stream_bytes(s, piece->data, piece->bytes);
    size_t grain = piece->grain ? piece->grain : 1;
    size_t chunk = grain >= CHUNK ? grain : CHUNK / grain * grain;
    if (chunk > piece->bytes) chunk = (size_t)piece->bytes;
    uint8_t *buffer = base_alloc(chunk);
    bool ok = true;
    for (uint64_t done = 0; ok && done < piece->bytes; done += chunk) {
        if (chunk > piece->bytes - done) chunk = (size_t)(piece->bytes - done);
        ok = piece->fill(piece->ctx, done, chunk, buffer) && stream_bytes(s, buffer, chunk);
    }
    free(buffer);
    return ok;
}

// Writes one big section at s->at and gives its hash.
static bool stream_section(stream *s, const uint8_t *data, uint64_t bytes, const isa_piece *pieces,
                           uint32_t n_pieces, uint8_t hash[OHM_HASH_BYTES]) {
    XXH3_128bits_reset(s->hash);
    bool ok = true;
    if (data || bytes == 0) {
        ok = stream_bytes(s, data, bytes);
    } else {
        uint8_t *zeros = base_alloc(CHUNK);
        uint64_t at = 0;
        for (uint32_t i = 0; ok && i < n_pieces; i++) {
            const isa_piece *piece = &pieces[i];
            CHECK(piece->offset >= at && piece->offset <= bytes &&
                      piece->bytes <= bytes - piece->offset,
                  "piece %u: %llu bytes at %llu", i, (unsigned long long)piece->bytes,
                  (unsigned long long)piece->offset);
            ok = stream_zeros(s, piece->offset - at, zeros) && stream_piece(s, piece);
            at = piece->offset + piece->bytes;
        }
        ok = ok && stream_zeros(s, bytes - at, zeros);
        free(zeros);
    }
    XXH128_canonicalFromHash((XXH128_canonical_t *)hash, XXH3_128bits_digest(s->hash));
    return ok;
}

static bool write_padding(stream *s, uint64_t until) {
    static const uint8_t zeros[OHM_CELLS_ALIGN];
    return write_at(s, zeros, (size_t)(until - s->at));
}

static bool write_fd(const layout *l, const isa_program *p, int fd, const char *path,
                     diag_sink *diags) {
    const section *cells = &l->sections[l->cells], *tables = &l->sections[l->tables];
    uint8_t hashes[OHM_MAX_SECTIONS][OHM_HASH_BYTES] = {{0}};
    for (unsigned i = OHM_NOTE_SECTION + 1; i < l->count; i++)
        ohm_hash(l->sections[i].data.items, l->sections[i].data.count, hashes[i]);
    stream s = {.fd = fd, .path = path, .diags = diags, .hash = XXH3_createState()};
    CHECK(s.hash, "out of memory");
    s.at = cells->offset;
    bool ok = stream_section(&s, p->cells, cells->bytes, p->cell_pieces, p->n_cell_pieces,
                             hashes[l->cells]) &&
              write_padding(&s, tables->offset) &&
              stream_section(&s, p->tables, tables->bytes, p->table_pieces, p->n_table_pieces,
                             hashes[l->tables]);
    if (ok) {
        bytes_out head = make_head(l, hashes);
        s.at = 0;
        ok = write_at(&s, head.items, head.count);
        vec_free(&head);
    }
    XXH3_freeState(s.hash);
    return ok;
}

// Pipes and devices cannot be written in any order.
static bool write_through(const layout *l, const isa_program *p, FILE *out, diag_sink *diags) {
    FILE *whole = tmpfile();
    if (!whole) {
        diag_emit(diags, DIAG_ID_io, DIAG_FILE("<stdout>"), "no temporary file: %s",
                  strerror(errno));
        return false;
    }
    bool ok = write_fd(l, p, fileno(whole), "<stdout>", diags);
    uint8_t *buffer = base_alloc(CHUNK);
    size_t n;
    rewind(whole);
    while (ok && (n = fread(buffer, 1, CHUNK, whole)) > 0) fwrite(buffer, 1, n, out);
    free(buffer);
    fclose(whole);
    return ok; // write errors: file_out_commit
}

bool isa_write_into(const isa_program *p, file_out *out, const char *path, diag_sink *diags) {
    if (!isa_check_structure(p, path, diags)) return false;
    layout l = {.count = 0};
    arena *a = arena_new();
    make_sections(&l, p, a);
    place_sections(&l);
    FILE *f = file_out_stream(out);
    bool ok = file_out_is_direct(out) ? write_through(&l, p, f, diags)
                                      : write_fd(&l, p, file_out_fd(out), path, diags);
    for (unsigned i = 0; i < l.count; i++) vec_free(&l.sections[i].data);
    arena_free(a);
    return ok;
}

bool isa_write(const isa_program *p, const char *path, diag_sink *diags) {
    file_out *out = file_out_open(path, diags);
    if (!out) return false;
    if (isa_write_into(p, out, path, diags)) return file_out_commit(out, diags);
    file_out_abandon(out);
    return false;
}
