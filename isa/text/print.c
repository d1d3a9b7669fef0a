// The disassembler. It knows the shape of a line, isa.def and desc.def know everything else.
#include "isa/code.h"
#include "isa/structure.h"
#include "isa/text/format.h"
#include "isa/text/text.h"
#include "support/file/file.h"
#include "support/file/quote.h"
#include "support/map.h"
#include "support/spell.h"
#include <stdlib.h>
#include <string.h>

static void print_name(FILE *out, const char *s) {
    if (text_is_bare(s, strlen(s)))
        fputs(s, out);
    else
        quote_print(out, s, strlen(s));
}

// --- references

// What is printed, and whose names say which descriptor is meant.
typedef struct {
    FILE *out;
    const isa_program *p;
    uint32_t tile;
    map *names[ISA_DESC_COUNT]; // name -> its only descriptor, or AMBIGUOUS; NULL: not made
} printer;

enum { AMBIGUOUS = UINT32_MAX - 1 };

// The list of descriptors of a kind that an instruction of the tile can name.
static const uint8_t *descriptors(const printer *x, isa_desc_kind kind, uint32_t *count) {
    const isa_program *p = x->p;
    const isa_tile *t = x->tile < p->n_tiles ? &p->tiles[x->tile] : NULL;
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

static void learn_names(printer *x, isa_desc_kind kind) {
    uint32_t count;
    const uint8_t *list = descriptors(x, kind, &count);
    map_free(x->names[kind]);
    x->names[kind] = map_new();
    for (uint32_t i = 0; i < count; i++) {
        const char *name = descriptor_name(x->p, kind, list, i);
        if (map_add(x->names[kind], name, i) != MAP_NONE) map_set(x->names[kind], name, AMBIGUOUS);
    }
}

static bool is_unique(const printer *x, isa_desc_kind kind, const uint8_t *list, uint32_t count,
                      uint32_t index, const char *name) {
    if (x->names[kind]) return map_get(x->names[kind], name) == index;
    for (uint32_t i = 0; i < count; i++)
        if (i != index && strcmp(descriptor_name(x->p, kind, list, i), name) == 0) return false;
    return true;
}

// By name where the name says which, else by number.
static void print_reference(const printer *x, isa_desc_kind kind, uint32_t index) {
    uint32_t count;
    const uint8_t *list = descriptors(x, kind, &count);
    const char *name = descriptor_name(x->p, kind, list, index);
    if (*name && is_unique(x, kind, list, count, index, name))
        print_name(x->out, name);
    else
        fprintf(x->out, "%%%u", index);
}

// --- instructions

static void print_operand(const printer *x, const isa_operand *o, uint32_t v) {
    isa_desc_kind kind;
    const isa_enum *names = isa_operand_enum(o->kind);
    if (text_operand_desc(o->kind, &kind)) {
        print_reference(x, kind, v);
    } else if (names) {
        fputs(names->names[v], x->out);
    } else if (o->kind == ISA_KIND_i) {
        fprintf(x->out, "%d", o->field == ISA_FIELD_imm ? (int32_t)v : (int16_t)v);
    } else if (o->kind == ISA_KIND_f) {
        float f;
        char text[SPELL_NUMBER_BYTES];
        memcpy(&f, &v, sizeof f);
        spell_f32(f, text);
        fputs(text, x->out);
    } else {
        fprintf(x->out, "%u", v);
    }
}

static void print_word(FILE *out, const isa_insn *i) {
    uint8_t word[16];
    isa_encode(i, word);
    fputs(".word", out);
    for (unsigned k = 0; k < sizeof word; k++) fprintf(out, k % 4 ? "%02x" : " %02x", word[k]);
}

static void print_insn(const printer *x, const isa_insn *i) {
    FILE *out = x->out;
    if (!isa_insn_names_exist(x->p, x->tile, i)) {
        print_word(out, i);
        return;
    }
    const isa_info *info = isa_info_of(i->op);
    fputs(info->mnemonic, out);
    if (i->mode) fprintf(out, ".%s", info->modes.names[i->mode]);
    if (i->dom) fprintf(out, ".%s", isa_name(ISA_ENUM_dom, i->dom));
    unsigned n = info->n_operands;
    while (n > 0 && isa_operand_absent(&info->operands[n - 1], i)) n--;
    for (unsigned k = 0; k < n; k++) {
        const isa_operand *o = &info->operands[k];
        fputs(k ? ", " : " ", out);
        if (isa_operand_absent(o, i))
            fputc('_', out);
        else
            print_operand(x, o, isa_operand_get(i, o->field));
    }
}

static char *insn_text(printer *x, arena *a, const isa_insn *i) {
    FILE *out = x->out;
    text_sink sink;
    text_sink_open(&sink);
    x->out = sink.stream;
    print_insn(x, i);
    x->out = out;
    char *text = text_sink_close(&sink);
    char *copy = arena_strn(a, text, sink.bytes);
    free(text);
    return copy;
}

char *isa_insn_text(arena *a, const isa_program *p, uint32_t tile, const isa_insn *i) {
    printer x = {.p = p, .tile = tile};
    return insn_text(&x, a, i);
}

// "@7 "node" "node"": IR operation and ONNX nodes of the instruction.
static void print_line_info(FILE *out, const isa_program *p, const isa_line *line) {
    const char *node = isa_str(p, line->node);
    fputc('@', out);
    if (line->ir_op != UINT32_MAX) fprintf(out, "%u", line->ir_op);
    while (*node) {
        size_t n = strcspn(node, "\n");
        fputc(' ', out);
        quote_print(out, node, n);
        node += n;
        if (*node == 0) break;
        node++;
        if (*node == 0) fputs(" \"\"", out); // the newline was the last byte
    }
}

static void print_code(printer *x, uint32_t phase) {
    const isa_line *lines = x->p->tiles[x->tile].phase[phase].lines;
    arena *a = arena_new();
    fputs("  .code ", x->out);
    print_name(x->out, x->p->phases[phase].name);
    fputc('\n', x->out);
    for (uint32_t pc = 0; pc < x->p->tiles[x->tile].phase[phase].count; pc++) {
        const char *text = insn_text(x, a, &x->p->tiles[x->tile].phase[phase].code[pc]);
        bool has_line = lines && (lines[pc].ir_op != UINT32_MAX || *isa_str(x->p, lines[pc].node));
        fprintf(x->out, has_line ? "    %-40s " : "    %s", text);
        if (has_line) print_line_info(x->out, x->p, &lines[pc]);
        fputc('\n', x->out);
    }
    arena_free(a);
}

// --- descriptors

static void print_value(FILE *out, const isa_program *p, const isa_field *f, uint64_t v) {
    const isa_enum *names = isa_field_enum(f);
    if (names) {
        fputs(names->names[v], out);
    } else if (f->how == ISA_HOW_str) {
        print_name(out, isa_str(p, (uint32_t)v));
    } else if (f->how == ISA_HOW_i) {
        fprintf(out, "%lld", (long long)v);
    } else if (f->how == ISA_HOW_f) {
        uint32_t bits = (uint32_t)v;
        float x;
        char text[SPELL_NUMBER_BYTES];
        memcpy(&x, &bits, sizeof x);
        spell_f32(x, text);
        fputs(text, out);
    } else if (f->how == ISA_HOW_off && v == ISA_NO_OFFSET) {
        fputs("none", out);
    } else {
        fprintf(out, "%llu", (unsigned long long)v);
    }
}

// Prints the fields by position and copies them to `given`, which has the defaults.
static void print_positional(FILE *out, const isa_program *p, isa_desc_kind kind,
                             const void *descriptor, void *given) {
    const text_form *form = &text_forms[kind];
    for (unsigned k = 0; k < form->n; k++) {
        const isa_field *f = &isa_descs[kind].fields[form->fields[k]];
        uint64_t v = isa_field_get(f, descriptor);
        fputc(form->cross && k + 1 == form->n ? 'x' : ' ', out);
        print_value(out, p, f, v);
        isa_field_set(f, given, v);
    }
}

static void print_others(FILE *out, const isa_program *p, isa_desc_kind kind,
                         const void *descriptor, const void *given) {
    const isa_desc *d = &isa_descs[kind];
    for (unsigned i = 0; i < d->n_fields; i++) {
        const isa_field *f = &d->fields[i];
        uint64_t v = isa_field_get(f, descriptor);
        if (text_is_hidden(kind, i) || v == isa_field_get(f, given)) continue;
        // Two offsets of one string mean the same.
        if (f->how == ISA_HOW_str &&
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
    fprintf(out, ".%s", text_forms[kind].directive);
    print_positional(out, p, kind, descriptor, &given);
    text_defaults_after(kind, &given);
    print_others(out, p, kind, descriptor, &given);
}

static void print_buffer(const printer *x, uint32_t index) {
    const isa_program *p = x->p;
    const isa_tile *t = &p->tiles[x->tile];
    const isa_buffer *b = &t->buffers[index];
    if (b->parent >= index) {
        print_descriptor(x->out, p, ISA_DESC_buffer, index, b);
        return;
    }
    isa_buffer given = *b;
    text_view_defaults(&given, &t->buffers[b->parent], b->parent);
    fputs(".view ", x->out);
    print_name(x->out, isa_str(p, b->name));
    fputc(' ', x->out);
    print_reference(x, ISA_DESC_buffer, b->parent);
    fprintf(x->out, " %u..%u", b->col0, b->col0 + b->width - 1);
    print_others(x->out, p, ISA_DESC_buffer, b, &given);
}

static void print_tile(printer *x) {
    FILE *out = x->out;
    const isa_program *p = x->p;
    const isa_tile *t = &p->tiles[x->tile];
    for (int kind = 0; kind < ISA_DESC_channel; kind++) learn_names(x, (isa_desc_kind)kind);
    fprintf(out, "\n.tile %u\n", x->tile);
    for (uint32_t i = 0; i < t->n_buffers; i++) {
        fputs("  ", out);
        print_buffer(x, i);
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
        if (t->phase[ph].count > 0) print_code(x, ph);
}

// --- the program

static void print_signature(FILE *out, const isa_program *p) {
    char period[SPELL_NUMBER_BYTES];
    spell_f64(p->token_period_ns, period);
    fprintf(out, ".program %s max_tokens=%u max_chunk=%u banks=%u token_period_ns=%s\n",
            isa_name(ISA_ENUM_class, p->class), p->max_tokens, p->max_chunk, p->banks, period);
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

bool isa_disassemble(const isa_program *p, FILE *out, isa_text_data where, const char *path,
                     diag_sink *diags) {
    fprintf(out, ".ohm %d\n.tool ", TEXT_VERSION);
    quote_print(out, p->tool, strlen(p->tool));
    fputc('\n', out);
    if (!text_print_data_place(p, out, where, path, diags)) return false;
    print_signature(out, p);
    print_world(out, p);
    printer x = {.out = out, .p = p};
    learn_names(&x, ISA_DESC_channel);
    learn_names(&x, ISA_DESC_port);
    for (x.tile = 0; x.tile < p->n_tiles; x.tile++) print_tile(&x);
    for (int kind = 0; kind < ISA_DESC_COUNT; kind++) map_free(x.names[kind]);
    print_text(out, "chip", p->chip);
    print_text(out, "ir", p->ir);
    print_text(out, "proof", p->proof);
    print_text(out, "notes", p->notes);
    if (where == ISA_DATA_WITHIN) text_print_data(p, out);
    return true; // write errors show when the caller closes `out`
}
