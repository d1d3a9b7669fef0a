// Generates the reference documents; tests/isa/test_manual.c keeps the committed ones fresh.
#include "isa/manual.h"
#include "isa/desc.h"
#include "isa/machine/machine.h"
#include "isa/operand.h"
#include "isa/spell.h"
#include <string.h>

// A table cell: '|' would end it.
static void print_cell(FILE *out, const char *s) {
    for (; *s; s++) fprintf(out, *s == '|' ? "\\|" : "%c", *s);
}

// --- instructions

static void print_operands(FILE *out, const isa_info *info) {
    isa_operand o[ISA_FIELD_COUNT];
    unsigned n = isa_operands(info, o);
    if (n == 0) fputs("none", out);
    for (unsigned i = 0; i < n; i++)
        fprintf(out, "%s`%s`:%s%s", i ? ", " : "", isa_operand_field_name(o[i].field),
                isa_operand_kind_name(o[i].kind), o[i].optional ? "?" : "");
}

static void print_instructions(FILE *out) {
    fputs("## Instructions\n\n"
          "| op | mnemonic | modes | operands | unit | class | what it does |\n"
          "|---|---|---|---|---|---|---|\n",
          out);
    for (unsigned opcode = 0; opcode <= 0xFF; opcode++) {
        const isa_info *info = isa_info_of(opcode);
        if (!info) continue;
        fprintf(out, "| %02x | `%s` | %s | ", opcode, info->mnemonic, info->modes);
        print_operands(out, info);
        fprintf(out, " | %s | %c | ", info->unit, info->rowclass);
        print_cell(out, info->summary);
        fputs(" |\n", out);
    }
    fputs("\nClass: how row r of the result depends on rows of the operands.\n\n"
          "| class | row r needs |\n|---|---|\n"
          "| R | row r |\n| L | rows up to r + k |\n| A | all rows of `a` |\n"
          "| 1 | all rows; there is one result |\n| P | row r, after row r - 1 has changed the "
          "state |\n"
          "| N | nothing: no rows |\n\n"
          "Operand kinds: `buf` buffer, `group`, `ring`, `table` name descriptors of the tile; "
          "`chan`\n"
          "and `port` those of the program; `dom` a token domain; `u` and `i` numbers without and "
          "with\n"
          "sign; `f` an f32; `fn1`, `fn2`, `fnr` and `tl` a name of the lists below. `?` marks "
          "what may\n"
          "be left out: `_`, or nothing at the end of the line.\n\n",
          out);
}

static void print_encoding(FILE *out) {
    fputs(
        "## Encoding\n\n"
        "A word has 16 bytes, little-endian:\n\n"
        "| byte | 0 | 1 | 2-3 | 4-5 | 6-7 | 8-9 | 10-11 | 12-15 |\n"
        "|---|---|---|---|---|---|---|---|---|\n"
        "| field | opcode | domain, mode << 4 | d | a | b | x | n | imm |\n\n"
        "Absent optional operands are 0xffff (0 in `imm`); fields without operand are 0; "
        "everything\n"
        "else is no instruction. `mode` is the number of the mode's name in the table, from 0.\n\n",
        out);
}

typedef struct {
    isa_operand_kind kind;
    const char *title;
} function_list;

static void print_functions(FILE *out) {
    static const function_list lists[] = {{ISA_KIND_fn1, "fn1, of one operand"},
                                          {ISA_KIND_fn2, "fn2, of two operands"},
                                          {ISA_KIND_fnr, "fnr, reductions"},
                                          {ISA_KIND_tl, "tl, how a domain follows another"}};
    static const struct {
        const char *name, *summary;
    } what[] = {
#define FN1(name, code, summary) {#name, summary},
#define FN2(name, code, summary) {#name, summary},
#include "support/num/fn.def"
    };
    fputs("## Functions\n\n", out);
    for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
        fprintf(out, "| code | %s | value |\n|---|---|---|\n", lists[l].title);
        const char *name;
        for (size_t i = 0; (name = isa_function_at(lists[l].kind, i)); i++) {
            uint32_t code = 0;
            const char *summary = "";
            isa_function_find(lists[l].kind, name, strlen(name), &code);
            bool elementwise = lists[l].kind == ISA_KIND_fn1 || lists[l].kind == ISA_KIND_fn2;
            for (size_t k = 0; elementwise && k < ARRAY_LEN(what); k++)
                if (strcmp(what[k].name, name) == 0) summary = what[k].summary;
            fprintf(out, "| %u | `%s` | ", code, name);
            print_cell(out, summary);
            fputs(" |\n", out);
        }
        fputc('\n', out);
    }
}

// --- descriptors

static void print_descriptors(FILE *out) {
    fputs(
        "## Descriptors\n\n"
        "Records in `.ohm.desc` (ports: `.ohm.sig`), little-endian, fields in this order without\n"
        "padding. `u` number, `i` signed, `f` f32, `str` offset in `.ohm.strings`, `off` offset "
        "in\n"
        "`.ohm.cells` or `.ohm.tables` (all ones: none); others are enumerations, counted from "
        "0.\n\n",
        out);
    for (int k = 0; k < ISA_DESC_COUNT; k++) {
        const isa_desc *d = &isa_descs[k];
        fprintf(
            out,
            "### %s\n\n%u bytes.\n\n| byte | size | field | kind | what |\n|---|---|---|---|---|\n",
            d->name, d->record_bytes);
        unsigned at = 0;
        for (unsigned i = 0; i < d->n_fields; i++) {
            const isa_field *f = &d->fields[i];
            fprintf(out, "| %u | %u | `%s` | %s | ", at, f->bytes, f->name, f->how);
            print_cell(out, f->summary);
            fputs(" |\n", out);
            at += f->bytes;
        }
        fputc('\n', out);
    }
    fputs("### Enumerations\n\n| kind | values |\n|---|---|\n", out);
    static const char *const hows[] = {"btype", "space", "quant", "gkind", "wtype",  "rkind",
                                       "rmode", "ract",  "rread", "rsat",  "rdecay", "rbias",
                                       "pdir",  "prole", "dom",   "elem"};
    for (size_t i = 0; i < ARRAY_LEN(hows); i++)
        fprintf(out, "| %s | %s |\n", hows[i], isa_enum_names(hows[i]));
}

void isa_print_manual(FILE *out) {
    fputs(
        "# Instruction set reference\n\n"
        "Generated from `isa/isa.def`, `isa/desc.def`, `isa/reductions.def` and "
        "`support/num/fn.def`: "
        "do\n"
        "not edit. `isa.md` explains the machine, the assembly notation and the program file.\n\n",
        out);
    print_instructions(out);
    print_encoding(out);
    print_functions(out);
    print_descriptors(out);
}

// --- chip parameters

void isa_print_chip_parameters(FILE *out) {
    fputs("# Chip parameters\n\n"
          "Generated from `isa/machine/machine.def`: do not edit. `chips/README.md` says how chip "
          "files are\n"
          "written and found.\n",
          out);
    for (size_t i = 0; i < machine_params_count; i++) {
        const machine_param *p = &machine_params[i];
        if (i == 0 || strcmp(p->section, p[-1].section) != 0)
            fprintf(out,
                    "\n## %s: %s\n\n| parameter | unit | default | range | what "
                    "|\n|---|---|---|---|---|\n",
                    p->section, machine_section_summary(p->section));
        char dflt[SPELL_NUMBER_BYTES], lo[SPELL_NUMBER_BYTES], hi[SPELL_NUMBER_BYTES];
        fprintf(out, "| `%s` | %s | ", p->name, p->unit);
        if (p->kind == MACHINE_INT) {
            fprintf(out, "%lld | %lld to %lld | ", (long long)p->int_default, (long long)p->int_lo,
                    (long long)p->int_hi);
        } else if (p->kind == MACHINE_REAL) {
            spell_f64(p->real_default, dflt);
            spell_f64(p->real_lo, lo);
            spell_f64(p->real_hi, hi);
            fprintf(out, "%s | %s to %s | ", dflt, lo, hi);
        } else if (p->kind == MACHINE_LIST) {
            spell_f64(p->real_lo, lo);
            spell_f64(p->real_hi, hi);
            fprintf(out, "%s | %s to %s, at most %d | ", p->choices, lo, hi, MACHINE_MAX_LIST);
        } else {
            size_t n;
            const char *word = isa_word(p->choices, (unsigned)p->int_default, &n);
            fprintf(out, "%.*s | %s | ", (int)n, word, p->choices);
        }
        print_cell(out, p->summary);
        fputs(" |\n", out);
    }
}
