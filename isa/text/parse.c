// The assembler: directives, tiles, texts. One line at a time; a wrong line is reported and
// left out.
#include "isa/text/parse.h"
#include "isa/program_data.h"
#include "isa/structure.h"
#include "isa/text/text.h"
#include "support/spell.h"

static bool is_value(const scan *s) {
    return s->token.kind == SCAN_WORD || s->token.kind == SCAN_STRING;
}

const char *text_parse_string(parser *x, const char *what) {
    scan *s = &x->s;
    if (!is_value(s)) {
        scan_expect(s, SCAN_WORD, what);
        return NULL;
    }
    const char *text = arena_strn(x->p->arena, s->token.text, s->token.n);
    scan_next(s);
    return text;
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
    const char *name = text_parse_string(x, "the name of a phase");
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

void text_parse_pairs(parser *x, text_pair *pairs, size_t n, double *period) {
    scan *s = &x->s;
    while (s->token.kind != SCAN_END) {
        scan_token key = s->token;
        if (!scan_expect(s, SCAN_WORD, "key=value") || !scan_expect(s, SCAN_EQUALS, "'='")) return;
        bool is_period = period && key.n == 15 && memcmp(key.text, "token_period_ns", 15) == 0;
        text_pair *found = NULL;
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
        !isa_enum_find(&isa_enums[ISA_ENUM_class], s->token.text, s->token.n, &class)) {
        scan_fail(s, DIAG_ID_asm_operand, "expected stream or whole");
        return;
    }
    scan_next(s);
    uint64_t max_tokens = 0, max_chunk = 0, banks = 1;
    text_pair pairs[] = {
        {"max_tokens", &max_tokens, 0}, {"max_chunk", &max_chunk, 0}, {"banks", &banks, 0}};
    text_parse_pairs(x, pairs, ARRAY_LEN(pairs), &x->p->token_period_ns);
    x->p->class = (isa_class) class;
    x->p->max_tokens = as_u32(x, "max_tokens", max_tokens);
    x->p->max_chunk = as_u32(x, "max_chunk", max_chunk);
    x->p->banks = as_u32(x, "banks", banks);
    x->has_program = true;
}

static void parse_phase(parser *x) {
    const char *name = text_parse_string(x, "a name");
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
        !isa_enum_find(&isa_enums[ISA_ENUM_dom], s->token.text, s->token.n, &d)) {
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
    text_pair pairs[] = {{"max", &most, 0}, {"fixed", &fixed, 0}};
    text_parse_pairs(x, pairs, ARRAY_LEN(pairs), NULL);
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
    const char *tool = text_parse_string(x, "a text");
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
    {".ohm", parse_version},        {".tool", parse_tool},      {".data", text_parse_data},
    {".program", parse_program},    {".phase", parse_phase},    {".rows", parse_rows},
    {".tile", parse_tile},          {".view", text_parse_view}, {".code", parse_code},
    {".word", text_parse_word},     {".chip", parse_chip},      {".ir", parse_ir},
    {".proof", parse_proof},        {".notes", parse_notes},    {".cells", text_parse_cells},
    {".tables", text_parse_tables},
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
        const char *name = text_forms[k].directive;
        if (strlen(name) == token.n - 1 && memcmp(name, token.text + 1, token.n - 1) == 0) {
            scan_next(s);
            text_parse_descriptor(x, (isa_desc_kind)k);
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
    for (int i = 0; i < TEXT_SECTIONS; i++) vec_free(&x->data[i]);
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
    text_take_data(&x);
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
