// Descriptors of assembly: desc.def says which fields each has, format.c in which order.
#include "isa/text/parse.h"
#include "support/spell.h"

static int shown(const scan *s) { return (int)(s->token.n < 60 ? s->token.n : 60); }

static bool is_value(const scan *s) {
    return s->token.kind == SCAN_WORD || s->token.kind == SCAN_STRING;
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
    const isa_enum *names = isa_field_enum(f);
    uint64_t v = 0;
    int64_t i;
    if (names) {
        unsigned value;
        if (!isa_enum_find(names, text, n, &value)) return bad_value(x, f, names->list);
        v = value;
    } else if (f->how == ISA_HOW_str) {
        v = isa_program_string(x->p, arena_strn(x->s.a, text, n));
    } else if (f->how == ISA_HOW_f) {
        float value;
        uint32_t bits;
        if (!scan_f32(text, n, &value)) return bad_value(x, f, "a number");
        memcpy(&bits, &value, sizeof bits);
        v = bits;
    } else if (f->how == ISA_HOW_i) {
        if (!scan_i64(text, n, &i)) return bad_value(x, f, "an integer");
        v = (uint64_t)i;
    } else if (f->how == ISA_HOW_off && n == 4 && memcmp(text, "none", 4) == 0) {
        v = ISA_NO_OFFSET;
    } else if (!scan_u64(text, n, &v)) {
        return bad_value(x, f, "a number");
    }
    if (!isa_field_set(f, descriptor, v)) return bad_value(x, f, "smaller");
    return true;
}

static bool parse_positional(parser *x, isa_desc_kind kind, void *descriptor) {
    scan *s = &x->s;
    const isa_desc *d = &isa_descs[kind];
    const text_form *form = &text_forms[kind];
    for (unsigned k = 0; k < form->n; k++) {
        const isa_field *f = &d->fields[form->fields[k]];
        if (!is_value(s)) return scan_expect(s, SCAN_WORD, f->name);
        const char *text = s->token.text;
        size_t n = s->token.n;
        if (form->cross && k + 2 == form->n) { // one word AxB
            const char *cross = memchr(text, 'x', n);
            if (!cross) return bad_value(x, f, "ROWSxCOLUMNS");
            if (!store_value(x, f, descriptor, text, (size_t)(cross - text))) return false;
            f = &d->fields[form->fields[++k]];
            n -= (size_t)(cross + 1 - text);
            text = cross + 1;
        }
        if (!store_value(x, f, descriptor, text, n)) return false;
        scan_next(s);
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
        const isa_field *f = isa_field_find(d, key.text, key.n);
        bool dests = kind == ISA_DESC_channel && key.n == 2 && memcmp(key.text, "to", 2) == 0;
        if (!dests && (!f || text_is_hidden(kind, (unsigned)(f - d->fields)))) {
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
    if (d->fields[0].how != ISA_HOW_str) return;
    const char *name = isa_str(x->p, (uint32_t)isa_field_get(&d->fields[0], descriptor));
    if (*name && map_add(x->names[kind], name, index) != MAP_NONE)
        map_set(x->names[kind], name, TEXT_AMBIGUOUS);
}

void text_parse_descriptor(parser *x, isa_desc_kind kind) {
    scan *s = &x->s;
    isa_any_descriptor d;
    bool of_program = kind == ISA_DESC_channel || kind == ISA_DESC_port;
    if (!of_program && !x->in_tile) {
        scan_fail(s, DIAG_ID_asm_syntax, ".%s belongs into a tile", text_forms[kind].directive);
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

void text_parse_view(parser *x) {
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
