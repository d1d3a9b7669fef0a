// Generates the reference documents; tests/isa/test_manual.c keeps the committed ones fresh.
#include "isa/manual.h"
#include "isa/desc.h"
#include "isa/machine/machine.h"
#include "isa/operand.h"
#include "support/spell.h"
#include <string.h>

// A table cell: '|' would end it.
static void print_cell(FILE *out, const char *s) {
    for (; *s; s++) fprintf(out, *s == '|' ? "\\|" : "%c", *s);
}

// --- instructions

static void print_operands(FILE *out, const isa_info *info) {
    if (info->n_operands == 0) fputs("none", out);
    for (unsigned k = 0; k < info->n_operands; k++)
        fprintf(out, "%s`%s`:%s%s", k ? ", " : "",
                isa_name(ISA_ENUM_field, info->operands[k].field),
                isa_name(ISA_ENUM_operand, info->operands[k].kind),
                info->operands[k].optional ? "?" : "");
}

static void print_instructions(FILE *out) {
    fputs("## Instructions\n\n"
          "| op | mnemonic | modes | operands | unit | what it does |\n"
          "|---|---|---|---|---|---|\n",
          out);
    for (unsigned opcode = 0; opcode <= 0xFF; opcode++) {
        const isa_info *info = isa_info_of(opcode);
        if (!info) continue;
        fprintf(out, "| %02x | `%s` | %s | ", opcode, info->mnemonic, info->modes.list);
        print_operands(out, info);
        fprintf(out, " | %s | ", isa_name(ISA_ENUM_unit, info->unit));
        print_cell(out, info->summary);
        fputs(" |\n", out);
    }
    fputs("\nOperand kinds: `buf` buffer, `group`, `ring`, `table` name descriptors of the tile; "
          "`chan`\n"
          "and `port` those of the program; `dom` a token domain; `u` and `i` numbers without and "
          "with\n"
          "sign; `f` an f32; `fn1`, `fn2`, `fnr` and `tl` a name of the lists below. `?` marks "
          "what may\n"
          "be left out: `_`, or nothing at the end of the line.\n\n",
          out);
}

static void print_types(FILE *out, unsigned types) {
    const char *between = "";
    for (unsigned t = 0; t < ISA_COUNT_btype; t++) {
        if (!(types >> t & 1)) continue;
        fprintf(out, "%s%s", between, isa_name(ISA_ENUM_btype, t));
        between = " ";
    }
}

static void print_row_operands(FILE *out) {
    fputs("## Rows\n\n"
          "What buffers, tables and rings an instruction takes, and which of their rows its row r "
          "needs.\n\n"
          "| mnemonic | operand | types | columns | row r needs |\n"
          "|---|---|---|---|---|\n",
          out);
    for (unsigned opcode = 0; opcode <= 0xFF; opcode++) {
        const isa_info *info = isa_info_of(opcode);
        for (unsigned k = 0; info && k < info->n_operands; k++) {
            const isa_operand *o = &info->operands[k];
            if (o->rows == ISA_ROWS_none) continue;
            bool made = isa_has_result(info) && k == 0;
            fprintf(out, "| `%s` | `%s`%s | ", info->mnemonic, isa_name(ISA_ENUM_field, o->field),
                    o->optional ? "?" : "");
            print_types(out, o->types);
            fprintf(out, " | %s | %s |\n", isa_name(ISA_ENUM_width, o->width),
                    made ? "makes it" : isa_name(ISA_ENUM_rows, o->rows));
        }
    }
    fputc('\n', out);
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
    isa_enum_kind kind;
    const char *title;
} function_list;

static void print_functions(FILE *out) {
    static const function_list lists[] = {{ISA_ENUM_fn1, "fn1, of one operand"},
                                          {ISA_ENUM_fn2, "fn2, of two operands"},
                                          {ISA_ENUM_fnr, "fnr, reductions"},
                                          {ISA_ENUM_tl, "tl, how a domain follows another"}};
    static const char *const fn1[] = {
#define FN1(name, code, summary) summary,
#include "support/num/fn.def"
    };
    static const char *const fn2[] = {
#define FN2(name, code, summary) summary,
#include "support/num/fn.def"
    };
    fputs("## Functions\n\n", out);
    for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
        isa_enum_kind kind = lists[l].kind;
        fprintf(out, "| code | %s | value |\n|---|---|---|\n", lists[l].title);
        for (unsigned code = 0; code < isa_enums[kind].count; code++) {
            fprintf(out, "| %u | `%s` | ", code, isa_name(kind, code));
            print_cell(out, kind == ISA_ENUM_fn1   ? fn1[code]
                            : kind == ISA_ENUM_fn2 ? fn2[code]
                                                   : "");
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
            fprintf(out, "| %u | %u | `%s` | %s | ", at, f->bytes, f->name, isa_how_name(f));
            print_cell(out, f->summary);
            fputs(" |\n", out);
            at += f->bytes;
        }
        fputc('\n', out);
    }
    fputs("### Enumerations\n\n| kind | values |\n|---|---|\n", out);
    for (int kind = ISA_ENUM_btype; kind <= ISA_ENUM_elem; kind++)
        fprintf(out, "| %s | %s |\n", isa_enums[kind].kind, isa_enums[kind].list);
}

void isa_print_manual(FILE *out) {
    fputs(
        "# Instruction set reference\n\n"
        "Generated from `isa/isa.def`, `isa/desc.def`, `isa/enums.def` and "
        "`support/num/fn.def`: "
        "do\n"
        "not edit. `isa.md` explains the machine, the assembly notation and the program file.\n\n",
        out);
    print_instructions(out);
    print_row_operands(out);
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
            fprintf(out, "%s | %s to %s, at most %d | ", p->list_default, lo, hi, MACHINE_MAX_LIST);
        } else {
            fprintf(out, "%s | %s | ", p->choices->names[p->int_default], p->choices->list);
        }
        print_cell(out, p->summary);
        fputs(" |\n", out);
    }
}
