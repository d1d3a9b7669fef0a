// The disassembler. It knows the shape of a line, isa.def and desc.def know everything else.
#include "isa/code.h"
#include "isa/spell.h"
#include "isa/structure.h"
#include "isa/text/format.h"
#include "isa/text/text.h"
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static void print_quoted(FILE *out, const char *s, size_t n) {
    fputc('"', out);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c == '\n')
            fputs("\\n", out);
        else if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c < 0x20 || c == 0x7F)
            fprintf(out, "\\x%02x", c);
        else
            fputc(c, out);
    }
    fputc('"', out);
}

static void print_name(FILE *out, const char *s) {
    if (text_is_bare(s, strlen(s)))
        fputs(s, out);
    else
        print_quoted(out, s, strlen(s));
}

// --- references

// The list of descriptors of a kind that an instruction of `tile` can name.
static const uint8_t *descriptors(const isa_program *p, uint32_t tile, isa_desc_kind kind,
                                  uint32_t *count) {
    const isa_tile *t = tile < p->n_tiles ? &p->tiles[tile] : NULL;
    switch (kind) {
    case ISA_DESC_buffer: *count = t->n_buffers; return (const uint8_t *)t->buffers;
    case ISA_DESC_group: *count = t->n_groups; return (const uint8_t *)t->groups;
    case ISA_DESC_ring: *count = t->n_rings; return (const uint8_t *)t->rings;
    case ISA_DESC_table: *count = t->n_tables; return (const uint8_t *)t->tables;
    case ISA_DESC_channel: *count = p->n_channels; return (const uint8_t *)p->channels;
    case ISA_DESC_port: *count = p->n_ports; return (const uint8_t *)p->ports;
    default: *count = 0; return NULL;
    }
}

static const char *descriptor_name(const isa_program *p, isa_desc_kind kind, const uint8_t *list,
                                   uint32_t index) {
    const isa_desc *d = &isa_descs[kind];
    return isa_str(p,
                   (uint32_t)isa_field_get(&d->fields[0], list + (size_t)index * d->struct_bytes));
}

// By name where the name says which, else by number.
static void print_reference(FILE *out, const isa_program *p, uint32_t tile, isa_desc_kind kind,
                            uint32_t index) {
    uint32_t count;
    const uint8_t *list = descriptors(p, tile, kind, &count);
    const char *name = descriptor_name(p, kind, list, index);
    bool unique = *name != 0;
    for (uint32_t i = 0; unique && i < count; i++)
        unique = i == index || strcmp(descriptor_name(p, kind, list, i), name) != 0;
    if (unique)
        print_name(out, name);
    else
        fprintf(out, "%%%u", index);
}

// --- instructions

static void print_operand(FILE *out, const isa_program *p, uint32_t tile, const isa_operand *o,
                          uint32_t v) {
    isa_desc_kind kind;
    if (text_operand_desc(o->kind, &kind)) {
        print_reference(out, p, tile, kind, v);
    } else if (o->kind == ISA_KIND_dom) {
        fprintf(out, "t%u", v);
    } else if (o->kind == ISA_KIND_i) {
        fprintf(out, "%d", o->field == ISA_FIELD_imm ? (int32_t)v : (int16_t)v);
    } else if (o->kind == ISA_KIND_f) {
        float f;
        char text[SPELL_NUMBER_BYTES];
        memcpy(&f, &v, sizeof f);
        spell_f32(f, text);
        fputs(text, out);
    } else if (isa_function_name(o->kind, v)) {
        fputs(isa_function_name(o->kind, v), out);
    } else {
        fprintf(out, "%u", v);
    }
}

static void print_word(FILE *out, const isa_insn *i) {
    uint8_t word[16];
    isa_encode(i, word);
    fputs(".word", out);
    for (unsigned k = 0; k < sizeof word; k++) fprintf(out, k % 4 ? "%02x" : " %02x", word[k]);
}

static void print_insn(FILE *out, const isa_program *p, uint32_t tile, const isa_insn *i) {
    if (!isa_insn_names_exist(p, tile, i)) {
        print_word(out, i);
        return;
    }
    const isa_info *info = isa_info_of(i->op);
    fputs(info->mnemonic, out);
    if (i->mode) {
        size_t n;
        const char *mode = isa_word(info->modes, i->mode, &n);
        fprintf(out, ".%.*s", (int)n, mode);
    }
    if (i->dom) fprintf(out, ".t%u", i->dom);
    isa_operand operands[ISA_FIELD_COUNT];
    unsigned n = isa_operands(info, operands);
    while (n > 0 && isa_operand_absent(&operands[n - 1], i)) n--;
    for (unsigned k = 0; k < n; k++) {
        fputs(k ? ", " : " ", out);
        if (isa_operand_absent(&operands[k], i))
            fputc('_', out);
        else
            print_operand(out, p, tile, &operands[k], isa_operand_get(i, operands[k].field));
    }
}

char *isa_insn_text(arena *a, const isa_program *p, uint32_t tile, const isa_insn *i) {
    char *text = NULL;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);
    CHECK(out, "out of memory");
    print_insn(out, p, tile, i);
    CHECK(fclose(out) == 0, "out of memory");
    char *copy = arena_strn(a, text, bytes);
    free(text);
    return copy;
}

// "@7 "node" "node"": IR operation and ONNX nodes of the instruction.
static void print_line_info(FILE *out, const isa_program *p, const isa_line *line) {
    const char *node = isa_str(p, line->node);
    fputc('@', out);
    if (line->ir_op != UINT32_MAX) fprintf(out, "%u", line->ir_op);
    while (*node) {
        size_t n = strcspn(node, "\n");
        fputc(' ', out);
        print_quoted(out, node, n);
        node += n;
        if (*node == 0) break;
        node++;
        if (*node == 0) fputs(" \"\"", out); // the newline was the last byte
    }
}

static void print_code(FILE *out, const isa_program *p, uint32_t tile, uint32_t phase) {
    const isa_line *lines = p->tiles[tile].phase[phase].lines;
    arena *a = arena_new();
    fputs("  .code ", out);
    print_name(out, p->phases[phase].name);
    fputc('\n', out);
    for (uint32_t pc = 0; pc < p->tiles[tile].phase[phase].count; pc++) {
        const char *text = isa_insn_text(a, p, tile, &p->tiles[tile].phase[phase].code[pc]);
        bool has_line = lines && (lines[pc].ir_op != UINT32_MAX || *isa_str(p, lines[pc].node));
        fprintf(out, has_line ? "    %-40s " : "    %s", text);
        if (has_line) print_line_info(out, p, &lines[pc]);
        fputc('\n', out);
    }
    arena_free(a);
}

// --- descriptors

static void print_value(FILE *out, const isa_program *p, const isa_field *f, uint64_t v) {
    const char *names = isa_enum_names(f->how);
    if (names) {
        size_t n;
        const char *word = isa_word(names, (unsigned)v, &n);
        fprintf(out, "%.*s", (int)n, word);
    } else if (isa_field_is(f, "str")) {
        print_name(out, isa_str(p, (uint32_t)v));
    } else if (isa_field_is(f, "i")) {
        fprintf(out, "%lld", (long long)v);
    } else if (isa_field_is(f, "f")) {
        uint32_t bits = (uint32_t)v;
        float x;
        char text[SPELL_NUMBER_BYTES];
        memcpy(&x, &bits, sizeof x);
        spell_f32(x, text);
        fputs(text, out);
    } else if (isa_field_is(f, "off") && v == ISA_NO_OFFSET) {
        fputs("none", out);
    } else {
        fprintf(out, "%llu", (unsigned long long)v);
    }
}

static const isa_field *find_field(const isa_desc *d, const char *name, size_t n) {
    for (unsigned i = 0; i < d->n_fields; i++)
        if (strlen(d->fields[i].name) == n && memcmp(d->fields[i].name, name, n) == 0)
            return &d->fields[i];
    CHECK(false, "%s has no field %.*s", d->name, (int)n, name);
}

// Prints the fields by position and copies them to `given`, which has the defaults.
static void print_positional(FILE *out, const isa_program *p, isa_desc_kind kind,
                             const void *descriptor, void *given) {
    const isa_desc *d = &isa_descs[kind];
    for (const char *s = text_positional(kind); *s; s++) {
        size_t n = strcspn(s, " *");
        const isa_field *f = find_field(d, s, n);
        uint64_t v = isa_field_get(f, descriptor);
        fputc(s > text_positional(kind) && s[-1] == '*' ? 'x' : ' ', out);
        print_value(out, p, f, v);
        isa_field_set(f, given, v);
        s += n;
        if (!*s) break;
    }
}

static void print_others(FILE *out, const isa_program *p, isa_desc_kind kind,
                         const void *descriptor, const void *given) {
    const isa_desc *d = &isa_descs[kind];
    for (unsigned i = 0; i < d->n_fields; i++) {
        const isa_field *f = &d->fields[i];
        uint64_t v = isa_field_get(f, descriptor);
        if (text_is_hidden(kind, f->name) || v == isa_field_get(f, given)) continue;
        // Two offsets of one string mean the same.
        if (isa_field_is(f, "str") &&
            strcmp(isa_str(p, (uint32_t)v), isa_str(p, (uint32_t)isa_field_get(f, given))) == 0)
            continue;
        fprintf(out, " %s=", f->name);
        print_value(out, p, f, v);
    }
}

static void print_descriptor(FILE *out, const isa_program *p, isa_desc_kind kind, uint32_t index,
                             const void *descriptor) {
    isa_any_descriptor given;
    text_defaults(kind, index, &given);
    fprintf(out, ".%s", text_directive(kind));
    print_positional(out, p, kind, descriptor, &given);
    text_defaults_after(kind, &given);
    print_others(out, p, kind, descriptor, &given);
}

static void print_buffer(FILE *out, const isa_program *p, uint32_t tile, uint32_t index) {
    const isa_buffer *b = &p->tiles[tile].buffers[index];
    if (b->parent >= index) {
        print_descriptor(out, p, ISA_DESC_buffer, index, b);
        return;
    }
    isa_buffer given = *b;
    text_view_defaults(&given, &p->tiles[tile].buffers[b->parent], b->parent);
    fputs(".view ", out);
    print_name(out, isa_str(p, b->name));
    fputc(' ', out);
    print_reference(out, p, tile, ISA_DESC_buffer, b->parent);
    fprintf(out, " %u..%u", b->col0, b->col0 + b->width - 1);
    print_others(out, p, ISA_DESC_buffer, b, &given);
}

static void print_tile(FILE *out, const isa_program *p, uint32_t tile) {
    const isa_tile *t = &p->tiles[tile];
    fprintf(out, "\n.tile %u\n", tile);
    for (uint32_t i = 0; i < t->n_buffers; i++) {
        fputs("  ", out);
        print_buffer(out, p, tile, i);
        fputc('\n', out);
    }
    for (uint32_t i = 0; i < t->n_groups; i++) {
        const isa_group *g = &t->groups[i];
        fputs("  ", out);
        print_descriptor(out, p, ISA_DESC_group, i, g);
        fputc('\n', out);
        for (uint32_t k = 0; k < g->n_blocks; k++) {
            fputs("    ", out);
            print_descriptor(out, p, ISA_DESC_block, k, &t->blocks[g->first_block + k]);
            fputc('\n', out);
        }
    }
    for (uint32_t i = 0; i < t->n_rings; i++) {
        fputs("  ", out);
        print_descriptor(out, p, ISA_DESC_ring, i, &t->rings[i]);
        fputc('\n', out);
    }
    for (uint32_t i = 0; i < t->n_tables; i++) {
        fputs("  ", out);
        print_descriptor(out, p, ISA_DESC_table, i, &t->tables[i]);
        fputc('\n', out);
    }
    for (uint32_t ph = 0; ph < p->n_phases; ph++)
        if (t->phase[ph].count > 0) print_code(out, p, tile, ph);
}

// --- the program

static void print_signature(FILE *out, const isa_program *p) {
    char period[SPELL_NUMBER_BYTES];
    spell_f64(p->token_period_ns, period);
    fprintf(out, ".program %s max_tokens=%u max_chunk=%u banks=%u token_period_ns=%s\n",
            p->class == ISA_WHOLE ? "whole" : "stream", p->max_tokens, p->max_chunk, p->banks,
            period);
    for (uint32_t i = 0; i < p->n_phases; i++) {
        const isa_phase *ph = &p->phases[i];
        fputs(".phase ", out);
        print_name(out, ph->name);
        fputc('\n', out);
        for (unsigned d = 0; d < ISA_DOMAINS; d++) {
            bool is_free = ph->free_domains >> d & 1;
            if (!is_free && !ph->max_rows[d] && !ph->fixed_rows[d]) continue;
            fprintf(out, "  .rows t%u%s max=%u", d, is_free ? " free" : "", ph->max_rows[d]);
            if (ph->fixed_rows[d]) fprintf(out, " fixed=%u", ph->fixed_rows[d]);
            fputc('\n', out);
        }
    }
}

static void print_world(FILE *out, const isa_program *p) {
    for (uint32_t i = 0; i < p->n_ports; i++) {
        print_descriptor(out, p, ISA_DESC_port, i, &p->ports[i]);
        fputc('\n', out);
    }
    for (uint32_t i = 0; i < p->n_channels; i++) {
        const isa_channel *c = &p->channels[i];
        print_descriptor(out, p, ISA_DESC_channel, i, c);
        for (uint32_t k = 0; k < c->n_dests; k++)
            fprintf(out, k ? ",%u" : " to=%u", p->dests[c->first_dest + k]);
        fputc('\n', out);
    }
}

// Lines as they are, each behind '|'; behind '\' the last one when it has no newline.
static void print_text(FILE *out, const char *directive, const char *text) {
    if (!*text) return;
    fprintf(out, "\n.%s\n", directive);
    while (*text) {
        size_t n = strcspn(text, "\n");
        fprintf(out, "%c%.*s\n", text[n] ? '|' : '\\', (int)n, text);
        text += n + (text[n] == '\n');
    }
}

// Cells, then tables; `hex` gets the hash of both.
static bool write_data(const isa_program *p, const char *path, char hex[33], diag_sink *diags) {
    CHECK((p->cells || !p->cells_bytes) && (p->tables || !p->tables_bytes),
          "the data are not in memory");
    file_out *data = file_out_open(path, diags);
    if (!data) return false;
    XXH3_state_t *hash = XXH3_createState();
    CHECK(hash, "out of memory");
    XXH3_128bits_reset(hash);
    XXH3_128bits_update(hash, p->cells, p->cells_bytes);
    XXH3_128bits_update(hash, p->tables, p->tables_bytes);
    XXH128_canonical_t bytes;
    XXH128_canonicalFromHash(&bytes, XXH3_128bits_digest(hash));
    XXH3_freeState(hash);
    for (size_t i = 0; i < sizeof bytes.digest; i++)
        snprintf(hex + 2 * i, 3, "%02x", bytes.digest[i]);
    if (p->cells_bytes) fwrite(p->cells, 1, p->cells_bytes, file_out_stream(data));
    if (p->tables_bytes) fwrite(p->tables, 1, p->tables_bytes, file_out_stream(data));
    return file_out_commit(data, diags);
}

bool isa_disassemble(const isa_program *p, FILE *out, const char *data_path, diag_sink *diags) {
    char hex[33];
    bool has_data = p->cells_bytes || p->tables_bytes;
    if (has_data && data_path && !write_data(p, data_path, hex, diags)) return false;
    fprintf(out, ".ohm %d\n.tool ", TEXT_VERSION);
    print_quoted(out, p->tool, strlen(p->tool));
    fputc('\n', out);
    if (has_data) {
        fputs(".data ", out);
        if (data_path) {
            const char *base = file_base(data_path);
            print_quoted(out, base, strlen(base));
            fprintf(out, " \"%s\"", hex);
        } else {
            fputc('_', out);
        }
        fprintf(out, " cells=%llu tables=%llu\n", (unsigned long long)p->cells_bytes,
                (unsigned long long)p->tables_bytes);
    }
    print_signature(out, p);
    print_world(out, p);
    for (uint32_t t = 0; t < p->n_tiles; t++) print_tile(out, p, t);
    print_text(out, "chip", p->chip);
    print_text(out, "ir", p->ir);
    print_text(out, "proof", p->proof);
    print_text(out, "notes", p->notes);
    return true; // write errors show when the caller closes `out`
}
