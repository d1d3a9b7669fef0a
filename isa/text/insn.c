// Instructions of assembly: isa.def says what each mnemonic takes.
#include "isa/code.h"
#include "isa/text/parse.h"
#include "support/spell.h"

static int shown(const scan *s) { return (int)(s->token.n < 60 ? s->token.n : 60); }

// --- mnemonic[.mode][.tN]

static const isa_info *parse_mnemonic(parser *x, const char *text, size_t n) {
    const isa_info *info = isa_info_find(text, n);
    if (info) return info;
    spell_nearest near = spell_start(text, n);
    for (size_t i = 0; i < isa_infos_count; i++) spell_try(&near, isa_infos[i].mnemonic);
    scan *s = &x->s;
    s->token.end_col = s->token.col + (int)n;
    scan_fail(s, DIAG_ID_asm_name, "'%.*s' is no instruction", (int)(n < 60 ? n : 60), text);
    if (near.best) scan_note(s, "did you mean '%s'?", near.best);
    return NULL;
}

static bool parse_suffix(parser *x, const isa_info *info, const char *text, size_t n, isa_insn *i) {
    unsigned value;
    if (isa_enum_find(&info->modes, text, n, &value)) {
        i->mode = (uint8_t)value;
        return true;
    }
    if (isa_enum_find(&isa_enums[ISA_ENUM_dom], text, n, &value)) {
        i->dom = (uint8_t)value;
        return true;
    }
    scan_fail(&x->s, DIAG_ID_asm_operand, "'.%.*s' is no mode of %s%s%s, and no domain .t0 to .t7",
              (int)(n < 60 ? n : 60), text, info->mnemonic, info->modes.count ? ": " : "",
              info->modes.list);
    return false;
}

static const isa_info *parse_opcode(parser *x, isa_insn *i) {
    const char *text = x->s.token.text, *end = text + x->s.token.n;
    const char *dot = memchr(text, '.', x->s.token.n);
    const isa_info *info = parse_mnemonic(x, text, (size_t)((dot ? dot : end) - text));
    if (!info) return NULL;
    i->op = info->opcode;
    while (dot) {
        const char *next = memchr(dot + 1, '.', (size_t)(end - dot - 1));
        if (!parse_suffix(x, info, dot + 1, (size_t)((next ? next : end) - dot - 1), i))
            return NULL;
        dot = next;
    }
    scan_next(&x->s);
    return info;
}

// --- operands

static bool bad_operand(parser *x, const isa_operand *o, const char *what) {
    scan *s = &x->s;
    if (s->token.kind == SCAN_END)
        scan_fail(s, DIAG_ID_asm_operand, "operand %s is missing: %s",
                  isa_name(ISA_ENUM_field, o->field), what);
    else
        scan_fail(s, DIAG_ID_asm_operand, "operand %s is '%.*s', must be %s",
                  isa_name(ISA_ENUM_field, o->field), shown(s), s->token.text, what);
    return false;
}

static bool parse_number(parser *x, const isa_operand *o, uint32_t *v) {
    const scan_token *t = &x->s.token;
    bool wide = o->field == ISA_FIELD_imm, word = t->kind == SCAN_WORD;
    if (o->kind == ISA_KIND_i) {
        int64_t i;
        if (!word || !scan_i64(t->text, t->n, &i) || i < (wide ? INT32_MIN : INT16_MIN) ||
            i > (wide ? INT32_MAX : INT16_MAX))
            return bad_operand(x, o, wide ? "a 32-bit integer" : "a 16-bit integer");
        *v = wide ? (uint32_t)(int32_t)i : (uint16_t)(int16_t)i;
        return true;
    }
    uint64_t u;
    uint64_t most = wide ? UINT32_MAX : o->optional ? ISA_NONE - 1 : UINT16_MAX;
    if (!word || !scan_u64(t->text, t->n, &u) || u > most)
        return bad_operand(x, o, wide ? "a number below 2^32" : "a number below 65535");
    *v = (uint32_t)u;
    return true;
}

static bool parse_name(parser *x, const isa_operand *o, const isa_enum *names, uint32_t *v) {
    scan *s = &x->s;
    if (s->token.kind == SCAN_WORD && isa_enum_find(names, s->token.text, s->token.n, v))
        return true;
    scan_token token = s->token;
    spell_nearest near = spell_start(token.text, token.kind == SCAN_WORD ? token.n : 0);
    for (unsigned i = 0; i < names->count; i++) spell_try(&near, names->names[i]);
    bad_operand(x, o,
                o->kind == ISA_KIND_dom  ? "a domain t0 to t7"
                : o->kind == ISA_KIND_tl ? "lin, one, last or prefix"
                                         : "a function's name");
    if (near.best && token.kind == SCAN_WORD) scan_note(s, "did you mean '%s'?", near.best);
    return false;
}

static bool parse_operand(parser *x, const isa_operand *o, isa_insn *i) {
    scan *s = &x->s;
    uint32_t v = 0;
    isa_desc_kind kind;
    if (scan_is(s, "_")) {
        if (!o->optional) return bad_operand(x, o, "given: it is not optional");
        v = isa_operand_none(o->field);
    } else if (text_operand_desc(o->kind, &kind)) {
        if (s->token.kind == SCAN_END) return bad_operand(x, o, isa_descs[kind].name);
        if (!text_parse_reference(x, kind, &v)) return false;
        isa_operand_set(i, o->field, v);
        return true; // consumed
    } else if (o->kind == ISA_KIND_f) {
        float f;
        if (s->token.kind != SCAN_WORD || !scan_f32(s->token.text, s->token.n, &f))
            return bad_operand(x, o, "a number");
        memcpy(&v, &f, sizeof v);
    } else if (o->kind == ISA_KIND_u || o->kind == ISA_KIND_i) {
        if (!parse_number(x, o, &v)) return false;
    } else if (!parse_name(x, o, isa_operand_enum(o->kind), &v)) {
        return false;
    }
    isa_operand_set(i, o->field, v);
    scan_next(s);
    return !s->failed;
}

static bool rest_is_optional(const isa_operand *o, unsigned n) {
    for (unsigned k = 0; k < n; k++)
        if (!o[k].optional) return false;
    return true;
}

void text_parse_insn(parser *x) {
    scan *s = &x->s;
    isa_insn i = {0};
    const isa_info *info = parse_opcode(x, &i);
    if (!info) return;
    const isa_operand *operands = info->operands;
    unsigned n = info->n_operands;
    for (unsigned k = 0; k < n; k++)
        if (operands[k].optional)
            isa_operand_set(&i, operands[k].field, isa_operand_none(operands[k].field));
    for (unsigned k = 0; k < n; k++) {
        bool at_end = s->token.kind == SCAN_END || s->token.kind == SCAN_AT;
        if (at_end && rest_is_optional(operands + k, n - k)) break;
        if (k > 0 && !scan_expect(s, SCAN_COMMA, "','")) return;
        if (!parse_operand(x, &operands[k], &i)) return;
    }
    text_push_insn(x, i);
}

// Four groups of eight hexadecimal digits, as objdump -s shows them.
void text_parse_word(parser *x) {
    scan *s = &x->s;
    uint8_t word[16];
    for (unsigned k = 0; k < 4; k++) {
        uint64_t v;
        char digits[11] = "0x";
        if (s->token.kind == SCAN_WORD && s->token.n == 8) memcpy(digits + 2, s->token.text, 8);
        if (!scan_u64(digits, strlen(digits), &v)) {
            scan_fail(s, DIAG_ID_asm_operand, "expected four groups of eight hexadecimal digits");
            return;
        }
        for (unsigned j = 0; j < 4; j++) word[4 * k + j] = (uint8_t)(v >> (24 - 8 * j));
        scan_next(s);
    }
    isa_insn i;
    isa_decode(word, &i);
    text_push_insn(x, i);
}
