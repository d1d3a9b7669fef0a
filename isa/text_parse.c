// The assembler: directives, descriptors, texts. One line at a time; a wrong line is reported and
// left out.
#include "isa/text_parse.h"
#include "isa/program_data.h"
#include "isa/spell.h"
#include "isa/text.h"
#include "isa/verify.h"

static int shown(const scan *s) { return (int)(s->token.n < 60 ? s->token.n : 60); }

static bool is_value(const scan *s) {
    return s->token.kind == SCAN_WORD || s->token.kind == SCAN_STRING;
}

// A word or string as a C string, consumed; NULL after a report.
static const char *parse_string(parser *x, const char *what) {
    scan *s = &x->s;
    if (!is_value(s)) {
        scan_expect(s, SCAN_WORD, what);
        return NULL;
    }
    const char *text = arena_strn(x->p->arena, s->token.text, s->token.n);
    scan_next(s);
    return text;
}

// --- descriptors by name

uint32_t text_count(const parser *x, isa_desc_kind kind) {
    return (uint32_t)(x->lists[kind].count / isa_descs[kind].struct_bytes);
}

bool text_parse_reference(parser *x, isa_desc_kind kind, uint32_t *index) {
    scan *s = &x->s;
    const char *what = isa_descs[kind].name;
    if (!is_value(s)) return scan_expect(s, SCAN_WORD, what);
    uint64_t number;
    if (s->token.kind == SCAN_WORD && s->token.text[0] == '%') {
        if (!scan_u64(s->token.text + 1, s->token.n - 1, &number) ||
            number >= text_count(x, kind)) {
            scan_fail(s, DIAG_ID_asm_name, "there is no %s %.*s", what, shown(s), s->token.text);
            return false;
        }
        *index = (uint32_t)number;
    } else {
        char *name = arena_strn(s->a, s->token.text, s->token.n);
        *index = map_get(x->names[kind], name);
        if (*index == MAP_NONE) {
            spell_nearest near = spell_start(name, strlen(name));
            for (size_t i = 0; i < map_count(x->names[kind]); i++)
                spell_try(&near, map_key(x->names[kind], i));
            scan_fail(s, DIAG_ID_asm_name, "there is no %s '%.60s'%s", what, name,
                      x->in_tile && kind < ISA_DESC_channel ? " in this tile" : "");
            if (near.best) scan_note(s, "did you mean '%s'?", near.best);
            return false;
        }
        if (*index == TEXT_AMBIGUOUS) {
            scan_fail(s, DIAG_ID_asm_name, "'%.60s' is the name of several: write %%number", name);
            return false;
        }
    }
    scan_next(s);
    return !s->failed;
}

// --- fields

static bool bad_value(parser *x, const isa_field *f, const char *what) {
    scan *s = &x->s;
    scan_fail(s, DIAG_ID_asm_operand, "%s is '%.*s', must be %s", f->name, shown(s), s->token.text,
              what);
    return false;
}

static bool store_value(parser *x, const isa_field *f, void *descriptor, const char *text,
                        size_t n) {
    const char *names = isa_enum_names(f->how);
    uint64_t v = 0;
    int64_t i;
    if (names) {
        unsigned index;
        if (!isa_word_find(names, text, n, &index)) return bad_value(x, f, names);
        v = index;
    } else if (isa_field_is(f, "str")) {
        v = isa_program_string(x->p, arena_strn(x->s.a, text, n));
    } else if (isa_field_is(f, "f")) {
        float value;
        uint32_t bits;
        if (!scan_f32(text, n, &value)) return bad_value(x, f, "a number");
        memcpy(&bits, &value, sizeof bits);
        v = bits;
    } else if (isa_field_is(f, "i")) {
        if (!scan_i64(text, n, &i)) return bad_value(x, f, "an integer");
        v = (uint64_t)i;
    } else if (isa_field_is(f, "off") && n == 4 && memcmp(text, "none", 4) == 0) {
        v = ISA_NO_OFFSET;
    } else if (!scan_u64(text, n, &v)) {
        return bad_value(x, f, "a number");
    }
    if (!isa_field_set(f, descriptor, v)) return bad_value(x, f, "smaller");
    return true;
}

static const isa_field *find_field(const isa_desc *d, const char *name, size_t n) {
    for (unsigned i = 0; i < d->n_fields; i++)
        if (strlen(d->fields[i].name) == n && memcmp(d->fields[i].name, name, n) == 0)
            return &d->fields[i];
    return NULL;
}

// "a*b" takes one word AxB.
static bool parse_positional(parser *x, isa_desc_kind kind, void *descriptor) {
    scan *s = &x->s;
    const isa_desc *d = &isa_descs[kind];
    for (const char *spec = text_positional(kind); *spec;) {
        size_t n = strcspn(spec, " "), first = strcspn(spec, " *");
        const isa_field *f = find_field(d, spec, first);
        if (!is_value(s)) return scan_expect(s, SCAN_WORD, f->name);
        if (first == n) {
            if (!store_value(x, f, descriptor, s->token.text, s->token.n)) return false;
        } else {
            const char *cross = memchr(s->token.text, 'x', s->token.n);
            size_t left = cross ? (size_t)(cross - s->token.text) : 0;
            if (!cross) return bad_value(x, f, "ROWSxCOLUMNS");
            if (!store_value(x, f, descriptor, s->token.text, left) ||
                !store_value(x, find_field(d, spec + first + 1, n - first - 1), descriptor,
                             cross + 1, s->token.n - left - 1))
                return false;
        }
        scan_next(s);
        spec += n + (spec[n] == ' ');
    }
    return !s->failed;
}

static bool parse_dests(parser *x, isa_channel *c) {
    scan *s = &x->s;
    for (;;) {
        uint64_t tile;
        if (s->token.kind != SCAN_WORD || !scan_u64(s->token.text, s->token.n, &tile) ||
            tile > UINT32_MAX) {
            scan_fail(s, DIAG_ID_asm_operand, "to: expected the number of a tile");
            return false;
        }
        vec_push(&x->dests, (uint32_t)tile);
        c->n_dests++;
        scan_next(s);
        if (s->token.kind != SCAN_COMMA) return !s->failed;
        scan_next(s);
    }
}

static bool parse_others(parser *x, isa_desc_kind kind, void *descriptor) {
    scan *s = &x->s;
    const isa_desc *d = &isa_descs[kind];
    while (s->token.kind != SCAN_END) {
        scan_token key = s->token;
        if (!scan_expect(s, SCAN_WORD, "key=value")) return false;
        const isa_field *f = find_field(d, key.text, key.n);
        bool dests = kind == ISA_DESC_channel && key.n == 2 && memcmp(key.text, "to", 2) == 0;
        if (!dests && (!f || text_is_hidden(kind, f->name))) {
            s->token = key;
            spell_nearest near = spell_start(key.text, key.n);
            for (unsigned i = 0; i < d->n_fields; i++) spell_try(&near, d->fields[i].name);
            scan_fail(s, DIAG_ID_asm_name, "a %s has no '%.*s'", d->name,
                      (int)(key.n < 60 ? key.n : 60), key.text);
            if (near.best) scan_note(s, "did you mean '%s'?", near.best);
            return false;
        }
        if (!scan_expect(s, SCAN_EQUALS, "'='")) return false;
        if (dests) {
            if (!parse_dests(x, descriptor)) return false;
            continue;
        }
        if (!is_value(s)) return scan_expect(s, SCAN_WORD, "a value");
        if (!store_value(x, f, descriptor, s->token.text, s->token.n)) return false;
        scan_next(s);
    }
    return !s->failed;
}

static void add_descriptor(parser *x, isa_desc_kind kind, const void *descriptor) {
    const isa_desc *d = &isa_descs[kind];
    uint32_t index = text_count(x, kind);
    vec_reserve(&x->lists[kind], x->lists[kind].count + d->struct_bytes);
    memcpy(x->lists[kind].items + x->lists[kind].count, descriptor, d->struct_bytes);
    x->lists[kind].count += d->struct_bytes;
    if (!isa_field_is(&d->fields[0], "str")) return;
    const char *name = isa_str(x->p, (uint32_t)isa_field_get(&d->fields[0], descriptor));
    if (*name && map_add(x->names[kind], name, index) != MAP_NONE)
        map_set(x->names[kind], name, TEXT_AMBIGUOUS);
}

static void parse_descriptor(parser *x, isa_desc_kind kind) {
    scan *s = &x->s;
    isa_any_descriptor d;
    bool of_program = kind == ISA_DESC_channel || kind == ISA_DESC_port;
    if (!of_program && !x->in_tile) {
        scan_fail(s, DIAG_ID_asm_syntax, ".%s belongs into a tile", text_directive(kind));
        return;
    }
    if (text_count(x, kind) >= ISA_NONE && kind != ISA_DESC_block) {
        scan_fail(s, DIAG_ID_asm_operand, "more than %u of them", ISA_NONE);
        return;
    }
    text_defaults(kind, text_count(x, kind), &d);
    if (kind == ISA_DESC_channel) d.channel.first_dest = (uint32_t)x->dests.count;
    if (kind == ISA_DESC_group) d.group.first_block = text_count(x, ISA_DESC_block);
    bool ok = parse_positional(x, kind, &d);
    text_defaults_after(kind, &d);
    ok = ok && parse_others(x, kind, &d);
    if (kind == ISA_DESC_block) {
        isa_group *groups = (isa_group *)x->lists[ISA_DESC_group].items;
        uint32_t n = text_count(x, ISA_DESC_group);
        if (n == 0) {
            scan_fail(s, DIAG_ID_asm_syntax, "a block follows its group");
            return;
        }
        groups[n - 1].n_blocks++;
    }
    // A wrong line still defines its name, so that its uses are not errors as well.
    if (ok || kind == ISA_DESC_block || isa_field_get(&isa_descs[kind].fields[0], &d))
        add_descriptor(x, kind, &d);
}

// .view name parent first..last
static void parse_view(parser *x) {
    scan *s = &x->s;
    if (!x->in_tile || text_count(x, ISA_DESC_buffer) >= ISA_NONE) {
        scan_fail(s, DIAG_ID_asm_syntax, ".view belongs into a tile with less than %u buffers",
                  ISA_NONE);
        return;
    }
    isa_buffer view = {0};
    uint32_t parent;
    if (!is_value(s)) {
        scan_expect(s, SCAN_WORD, "name");
        return;
    }
    view.name = isa_program_string(x->p, arena_strn(s->a, s->token.text, s->token.n));
    scan_next(s);
    if (!text_parse_reference(x, ISA_DESC_buffer, &parent)) return;
    const char *text = s->token.text, *dots = NULL;
    size_t n = s->token.kind == SCAN_WORD ? s->token.n : 0;
    for (size_t i = 0; !dots && i + 1 < n; i++)
        if (text[i] == '.' && text[i + 1] == '.') dots = text + i;
    uint64_t first, last;
    if (!dots || !scan_u64(text, (size_t)(dots - text), &first) ||
        !scan_u64(dots + 2, (size_t)(text + n - dots - 2), &last) || first > last ||
        last >= UINT32_MAX) {
        scan_fail(s, DIAG_ID_asm_operand, "expected columns FIRST..LAST");
        return;
    }
    scan_next(s);
    view.col0 = (uint32_t)first;
    view.width = (uint32_t)(last - first + 1);
    text_view_defaults(&view, &((isa_buffer *)x->lists[ISA_DESC_buffer].items)[parent], parent);
    if (parse_others(x, ISA_DESC_buffer, &view)) add_descriptor(x, ISA_DESC_buffer, &view);
}

// --- tiles and code

static void *take_list(parser *x, isa_desc_kind kind, uint32_t *count) {
    *count = text_count(x, kind);
    void *copy = arena_copy(x->p->arena, x->lists[kind].items, x->lists[kind].count);
    vec_clear(&x->lists[kind]);
    map_free(x->names[kind]);
    x->names[kind] = map_new();
    return copy;
}

static void end_tile(parser *x) {
    if (!x->in_tile) return;
    isa_tile *t = &x->tiles.items[x->tiles.count - 1];
    t->buffers = take_list(x, ISA_DESC_buffer, &t->n_buffers);
    t->groups = take_list(x, ISA_DESC_group, &t->n_groups);
    t->blocks = take_list(x, ISA_DESC_block, &t->n_blocks);
    t->rings = take_list(x, ISA_DESC_ring, &t->n_rings);
    t->tables = take_list(x, ISA_DESC_table, &t->n_tables);
    for (unsigned i = 0; i < ISA_MAX_PHASES; i++) {
        arena *a = x->p->arena;
        t->phase[i].count = (uint32_t)x->code[i].count;
        t->phase[i].code = arena_copy(a, x->code[i].items, x->code[i].count * sizeof(isa_insn));
        t->phase[i].lines = arena_copy(a, x->lines[i].items, x->lines[i].count * sizeof(isa_line));
        vec_clear(&x->code[i]);
        vec_clear(&x->lines[i]);
    }
    x->in_tile = false;
    x->phase = -1;
}

static void parse_tile(parser *x) {
    scan *s = &x->s;
    uint64_t number;
    end_tile(x);
    if (s->token.kind != SCAN_WORD || !scan_u64(s->token.text, s->token.n, &number) ||
        number != x->tiles.count)
        scan_fail(s, DIAG_ID_asm_operand, "expected tile %zu: they stand in order", x->tiles.count);
    vec_push(&x->tiles, (isa_tile){0});
    x->in_tile = true;
    scan_next(s);
}

static int find_phase(const parser *x, const char *name) {
    for (uint32_t i = 0; i < x->p->n_phases; i++)
        if (strcmp(x->p->phases[i].name, name) == 0) return (int)i;
    return -1;
}

static void parse_code(parser *x) {
    const char *name = parse_string(x, "the name of a phase");
    if (!name) return;
    x->phase = find_phase(x, name);
    if (x->phase < 0) {
        scan_fail(&x->s, DIAG_ID_asm_name, "there is no phase '%.60s'", name);
        x->phase = 0; // its instructions are still worth a look
    }
    if (!x->in_tile) scan_fail(&x->s, DIAG_ID_asm_syntax, ".code belongs into a tile");
}

// "@7 "node" "node"" behind an instruction.
static isa_line parse_line_info(parser *x) {
    scan *s = &x->s;
    isa_line line = {UINT32_MAX, 0};
    if (s->token.kind != SCAN_AT) return line;
    scan_next(s);
    if (s->token.kind == SCAN_WORD) {
        uint64_t op;
        if (!scan_u64(s->token.text, s->token.n, &op) || op >= UINT32_MAX) {
            scan_fail(s, DIAG_ID_asm_operand, "expected the number of an IR operation");
            return line;
        }
        line.ir_op = (uint32_t)op;
        scan_next(s);
    }
    const char *nodes = NULL;
    for (; s->token.kind == SCAN_STRING; scan_next(s))
        nodes = nodes ? arena_printf(s->a, "%s\n%s", nodes, s->token.text) : s->token.text;
    if (nodes) line.node = isa_program_string(x->p, nodes);
    return line;
}

void text_push_insn(parser *x, isa_insn i) {
    if (!x->in_tile || x->phase < 0) {
        scan_fail(&x->s, DIAG_ID_asm_syntax, "an instruction stands behind .code of a tile");
        return;
    }
    isa_line line = parse_line_info(x);
    vec_push(&x->code[x->phase], i);
    vec_push(&x->lines[x->phase], line);
}

// --- the program

// key=number pairs up to the end of the line.
typedef struct {
    const char *key;
    uint64_t *value;
    bool given;
} pair;

static void parse_pairs(parser *x, pair *pairs, size_t n, double *period) {
    scan *s = &x->s;
    while (s->token.kind != SCAN_END) {
        scan_token key = s->token;
        if (!scan_expect(s, SCAN_WORD, "key=value") || !scan_expect(s, SCAN_EQUALS, "'='")) return;
        bool is_period = period && key.n == 15 && memcmp(key.text, "token_period_ns", 15) == 0;
        pair *found = NULL;
        for (size_t i = 0; i < n; i++)
            if (strlen(pairs[i].key) == key.n && memcmp(pairs[i].key, key.text, key.n) == 0)
                found = &pairs[i];
        if (!found && !is_period) {
            s->token = key;
            scan_fail(s, DIAG_ID_asm_name, "'%.*s' is not known here",
                      (int)(key.n < 60 ? key.n : 60), key.text);
            return;
        }
        bool word = s->token.kind == SCAN_WORD;
        bool ok = word && (is_period ? scan_f64(s->token.text, s->token.n, period)
                                     : scan_u64(s->token.text, s->token.n, found->value));
        if (!ok) {
            scan_fail(s, DIAG_ID_asm_operand, "expected a number");
            return;
        }
        if (found) found->given = true;
        scan_next(s);
    }
}

static uint32_t as_u32(parser *x, const char *what, uint64_t v) {
    if (v > UINT32_MAX) scan_fail(&x->s, DIAG_ID_asm_operand, "%s is too large", what);
    return (uint32_t)v;
}

static void parse_program(parser *x) {
    scan *s = &x->s;
    unsigned class;
    if (s->token.kind != SCAN_WORD ||
        !isa_word_find("stream whole", s->token.text, s->token.n, &class)) {
        scan_fail(s, DIAG_ID_asm_operand, "expected stream or whole");
        return;
    }
    scan_next(s);
    uint64_t max_tokens = 0, max_chunk = 0, banks = 1;
    pair pairs[] = {
        {"max_tokens", &max_tokens, 0}, {"max_chunk", &max_chunk, 0}, {"banks", &banks, 0}};
    parse_pairs(x, pairs, ARRAY_LEN(pairs), &x->p->token_period_ns);
    x->p->class = (isa_class) class;
    x->p->max_tokens = as_u32(x, "max_tokens", max_tokens);
    x->p->max_chunk = as_u32(x, "max_chunk", max_chunk);
    x->p->banks = as_u32(x, "banks", banks);
    x->has_program = true;
}

static void parse_phase(parser *x) {
    const char *name = parse_string(x, "a name");
    if (!name) return;
    if (x->p->n_phases == ISA_MAX_PHASES) {
        scan_fail(&x->s, DIAG_ID_asm_operand, "more than %d phases", ISA_MAX_PHASES);
        return;
    }
    x->signature_phase = (int)x->p->n_phases;
    x->p->phases[x->p->n_phases++].name = name;
}

static void parse_rows(parser *x) {
    scan *s = &x->s;
    unsigned d;
    if (x->signature_phase < 0) {
        scan_fail(s, DIAG_ID_asm_syntax, ".rows stands behind .phase");
        return;
    }
    if (s->token.kind != SCAN_WORD ||
        !isa_word_find(isa_enum_names("dom"), s->token.text, s->token.n, &d)) {
        scan_fail(s, DIAG_ID_asm_operand, "expected a domain t0 to t7");
        return;
    }
    isa_phase *ph = &x->p->phases[x->signature_phase];
    scan_next(s);
    if (scan_is(s, "free")) {
        ph->free_domains |= (uint8_t)(1u << d);
        scan_next(s);
    }
    uint64_t most = 0, fixed = 0;
    pair pairs[] = {{"max", &most, 0}, {"fixed", &fixed, 0}};
    parse_pairs(x, pairs, ARRAY_LEN(pairs), NULL);
    ph->max_rows[d] = as_u32(x, "max", most);
    ph->fixed_rows[d] = as_u32(x, "fixed", fixed);
}

// Lines behind '|'; behind '\' the last one, without newline.
static const char *parse_text(parser *x) {
    scan *s = &x->s;
    VEC(char) text = {0};
    while (scan_raw_line(s)) {
        size_t n = (size_t)(s->line_end - s->line - 1);
        if (memchr(s->line, 0, n + 1)) {
            s->token = (scan_token){.kind = SCAN_WORD, .text = s->line, .col = 1, .end_col = 2};
            scan_fail(s, DIAG_ID_asm_syntax, "a text contains a zero byte");
            continue;
        }
        vec_reserve(&text, text.count + n + 1);
        memcpy(text.items + text.count, s->line + 1, n);
        text.count += n;
        if (s->line[0] == '|') text.items[text.count++] = '\n';
        s->token.kind = SCAN_END;
    }
    const char *copy = arena_strn(x->p->arena, text.items ? text.items : "", text.count);
    vec_free(&text);
    return copy;
}

// .data "file" "hash" cells=N tables=N
static void parse_data(parser *x) {
    scan *s = &x->s;
    if (x->has_data) {
        scan_fail(s, DIAG_ID_asm_data, "a text has one data file");
        return;
    }
    x->has_data = true;
    if (scan_is(s, "_")) {
        scan_fail(s, DIAG_ID_asm_data, "cells and tables were left out of this text");
        return;
    }
    scan_token file_token = s->token;
    const char *file = parse_string(x, "the name of the data file");
    const char *hash = file ? parse_string(x, "the hash of the data file") : NULL;
    if (!hash) return;
    uint64_t cells = 0, tables = 0, total;
    pair pairs[] = {{"cells", &cells, 0}, {"tables", &tables, 0}};
    parse_pairs(x, pairs, ARRAY_LEN(pairs), NULL);
    if (s->failed) return;
    s->token = file_token;
    const char *path = file_beside(s->a, x->name, file);
    file_map f;
    if (!path) {
        scan_fail(s, DIAG_ID_asm_data, "the data file must lie beside the text");
        return;
    }
    if (!file_map_open(&f, path, s->diags)) {
        s->failed = true;
        return;
    }
    char found[33];
    file_hash_hex(f.data, f.bytes, found);
    if (!add_u64(cells, tables, &total) || total != f.bytes || strcmp(found, hash) != 0) {
        scan_fail(s, DIAG_ID_asm_data,
                  "'%.60s' is not the data file of this text: %zu bytes of hash %s", file, f.bytes,
                  found);
        file_map_close(&f);
        return;
    }
    x->p->cells = f.data;
    x->p->cells_bytes = cells;
    x->p->tables = f.data + cells;
    x->p->tables_bytes = tables;
    isa_program_own(x->p, &f);
    s->token.kind = SCAN_END;
}

// --- lines

static void parse_version(parser *x) {
    uint64_t v;
    scan *s = &x->s;
    if (s->token.kind != SCAN_WORD || !scan_u64(s->token.text, s->token.n, &v) || v != TEXT_VERSION)
        scan_fail(s, DIAG_ID_asm_syntax, "expected assembly of version %d", TEXT_VERSION);
    x->has_version = true;
    scan_next(s);
}

static void parse_tool(parser *x) {
    const char *tool = parse_string(x, "a text");
    if (tool) x->p->tool = tool;
}
static void parse_chip(parser *x) { x->p->chip = parse_text(x); }
static void parse_ir(parser *x) { x->p->ir = parse_text(x); }
static void parse_proof(parser *x) { x->p->proof = parse_text(x); }
static void parse_notes(parser *x) { x->p->notes = parse_text(x); }

static const struct {
    const char *name;
    void (*parse)(parser *x);
} directives[] = {
    {".ohm", parse_version},     {".tool", parse_tool},   {".data", parse_data},
    {".program", parse_program}, {".phase", parse_phase}, {".rows", parse_rows},
    {".tile", parse_tile},       {".view", parse_view},   {".code", parse_code},
    {".word", text_parse_word},  {".chip", parse_chip},   {".ir", parse_ir},
    {".proof", parse_proof},     {".notes", parse_notes},
};

static void parse_directive(parser *x) {
    scan *s = &x->s;
    scan_token token = s->token;
    for (size_t i = 0; i < ARRAY_LEN(directives); i++) {
        if (!scan_is(s, directives[i].name)) continue;
        scan_next(s);
        directives[i].parse(x);
        return;
    }
    spell_nearest near = spell_start(token.text + 1, token.n - 1);
    for (int k = 0; k < ISA_DESC_COUNT; k++) {
        const char *name = text_directive((isa_desc_kind)k);
        if (strlen(name) == token.n - 1 && memcmp(name, token.text + 1, token.n - 1) == 0) {
            scan_next(s);
            parse_descriptor(x, (isa_desc_kind)k);
            return;
        }
        spell_try(&near, name);
    }
    for (size_t i = 0; i < ARRAY_LEN(directives); i++) spell_try(&near, directives[i].name + 1);
    scan_fail(s, DIAG_ID_asm_name, "'%.*s' is no directive", (int)(token.n < 60 ? token.n : 60),
              token.text);
    if (near.best) scan_note(s, "did you mean '.%s'?", near.best);
}

static void parse_lines(parser *x) {
    scan *s = &x->s;
    while (scan_line(s)) {
        if (s->token.kind == SCAN_END) continue;
        if (s->token.kind != SCAN_WORD)
            scan_expect(s, SCAN_WORD, "a directive or an instruction");
        else if (s->token.text[0] == '.')
            parse_directive(x);
        else
            text_parse_insn(x);
        if (!s->failed && s->token.kind != SCAN_END)
            scan_expect(s, SCAN_END, "the end of the line");
    }
}

static void free_parser(parser *x) {
    for (int k = 0; k < ISA_DESC_COUNT; k++) {
        vec_free(&x->lists[k]);
        map_free(x->names[k]);
    }
    for (int i = 0; i < ISA_MAX_PHASES; i++) {
        vec_free(&x->code[i]);
        vec_free(&x->lines[i]);
    }
    vec_free(&x->dests);
    vec_free(&x->tiles);
    arena_free(x->s.a);
}

isa_program *isa_assemble(const char *text, size_t bytes, const char *name, diag_sink *diags) {
    diag_sink *sink = diags ? diags : diag_sink_new();
    size_t before = diag_errors(sink);
    parser x = {.p = isa_program_new(), .name = name, .phase = -1, .signature_phase = -1};
    x.s = scan_start(text, bytes, name, arena_new(), sink);
    for (int k = 0; k < ISA_DESC_COUNT; k++) x.names[k] = map_new();
    parse_lines(&x);
    end_tile(&x);
    isa_program *p = x.p;
    p->channels = take_list(&x, ISA_DESC_channel, &p->n_channels);
    p->ports = take_list(&x, ISA_DESC_port, &p->n_ports);
    p->dests = arena_copy(p->arena, x.dests.items, x.dests.count * sizeof *x.dests.items);
    p->n_dests = (uint32_t)x.dests.count;
    p->tiles = arena_copy(p->arena, x.tiles.items, x.tiles.count * sizeof *x.tiles.items);
    p->n_tiles = (uint32_t)x.tiles.count;
    if (!x.has_version)
        diag_emit(sink, DIAG_ID_asm_syntax, DIAG_FILE(name), "no .ohm line: is this assembly?");
    else if (!x.has_program)
        diag_emit(sink, DIAG_ID_asm_syntax, DIAG_FILE(name), "no .program line");
    free_parser(&x);
    bool ok = diag_errors(sink) == before && isa_check_structure(p, name, sink);
    if (!diags) diag_sink_free(sink);
    if (ok) return p;
    isa_program_free(p);
    return NULL;
}
