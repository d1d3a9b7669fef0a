// Generates the IR reference; every list in it is one of the tables.
#include "ir/manual.h"
#include "ir/ir.h"
#include <math.h>
#include <string.h>

// A table cell: '|' would end it.
static void print_cell(FILE *out, const char *s) {
    for (; *s; s++) fprintf(out, *s == '|' ? "\\|" : "%c", *s);
}

// --- operations

static const struct {
    const char *unit, *title;
} units[] = {
    {"t", "t: tensors; functions of elements on rows too"},
    {"nn", "nn: networks, on tensors and on rows of tokens"},
    {"row", "row: columns of a row"},
    {"rows", "rows: rows of a domain"},
    {"io", "io: ports"},
    {"mem", "mem: tables in dense memory"},
    {"dig", "dig: digital units"},
    {"xbar", "xbar: crossbars"},
    {"gc", "gc: gain cells"},
    {"net", "net: between tiles"},
};

static void print_count(FILE *out, const ir_op_info *o) {
    if (o->n_max == o->n_min)
        fprintf(out, "%d", o->n_min);
    else if (o->n_max < 0)
        fprintf(out, "%d or more", o->n_min);
    else
        fprintf(out, "%d to %d", o->n_min, o->n_max);
    fprintf(out, " -> %d", o->results);
}

static void print_op(FILE *out, const ir_op_info *o) {
    fprintf(out, "| `%s` | %s | ", o->name, o->stages);
    print_count(out, o);
    fputs(" | ", out);
    const char *between = "";
    for (const char *at = o->attributes; *at;) {
        size_t n = strcspn(at, " ");
        if (n) {
            fprintf(out, "%s%.*s", between, (int)n, at);
            between = " ";
        }
        at += n + (at[n] == ' ');
    }
    fprintf(out, " | %s | ", o->class == IR_EXACT ? "exact" : "round");
    print_cell(out, o->summary);
    fputs(" |\n", out);
}

static void print_operations(FILE *out) {
    int printed = 0;
    fputs("## Operations\n\n"
          "`stages`: G is legal in the graph, M in mapped IR, while a module is lowered all are. "
          "`?`: optional.\n"
          "`bits`: other spellings of an exact operation give the same bits, of the others the "
          "same but for f32 rounding.\n"
          "In summaries ... stands for any leading axes, T for a token domain, F, K, N, W for row "
          "widths; an optional operand\n"
          "ends in `?` and is left out at the end, or as `_`. Mapped operations take `tile`.\n",
          out);
    for (size_t u = 0; u < ARRAY_LEN(units); u++) {
        fprintf(out,
                "\n### %s\n\n| operation | stages | operands -> results | attributes | bits | what "
                "|\n|---|---|---|---|---|---|\n",
                units[u].title);
        for (int i = 0; i < IR_OP_COUNT; i++) {
            if (strcmp(ir_ops[i].unit, units[u].unit) != 0) continue;
            print_op(out, &ir_ops[i]);
            printed++;
        }
    }
    CHECK(printed == IR_OP_COUNT, "a unit of ops.def has no title here");
}

// --- attributes and their words

static const char *const kinds[] = {
    [IR_INT] = "integer",          [IR_FLOAT] = "number",          [IR_STR] = "string",
    [IR_SYM] = "@symbol",          [IR_INTS] = "list of integers", [IR_FLOATS] = "list of numbers",
    [IR_STRS] = "list of strings", [IR_SYMS] = "list of @symbols",
};

static void print_attributes(FILE *out) {
    static const char *const summaries[] = {
#define ATTR(name, kind, summary) [IR_ATTR_##name] = summary,
#include "ir/attrs.def"
    };
    fputs("\n## Attributes\n\n"
          "`{axis = 1, mode = \"layer\", ring = @k.0, eps = 1e-5, starts = [0, 2]}`\n\n"
          "| key | kind | what |\n|---|---|---|\n",
          out);
    for (size_t k = 0; k < ARRAY_LEN(summaries); k++) {
        if (!summaries[k]) continue;
        fprintf(out, "| `%s` | %s | ", ir_key_name((ir_key)k), kinds[ir_key_kind((ir_key)k)]);
        print_cell(out, summaries[k]);
        fputs(" |\n", out);
    }
}

static void print_words(FILE *out) {
    fputs("\n## Words\n\n"
          "Values of attributes that are strings, by the list that attributes name. The first "
          "is what is meant where nothing\nis said.\n\n"
          "| list | word | what |\n|---|---|---|\n",
          out);
    const char *list = "";
#define ENUM(name) list = #name;
#define WORD(constant, word, summary)               \
    fprintf(out, "| %s | `\"%s\"` | ", list, word); \
    print_cell(out, summary);                       \
    fputs(" |\n", out);
#include "ir/enums.def"
}

// --- rings

static void print_fact(FILE *out, ir_key key, const char *side, const char *otherwise) {
    fprintf(out, "| `%s` | %s | %s | %s |\n", ir_key_name(key), kinds[ir_key_kind(key)], otherwise,
            side);
}

static const char *number(char text[32], double v) {
    snprintf(text, 32, "%g", v);
    return isnan(v) ? "" : text;
}

static void print_rings(FILE *out) {
    char text[32];
#define SCORE "scores"
#define CHARGE "charges"
#define BOTH "both"
    fputs("\n## Rings\n\n"
          "`ring @NAME {...}`: keys and values of the last tokens of one attention. A fact that is "
          "not said has its default; `dv` is\n"
          "then `d`. Some belong to one read-out and are said to the other only as their "
          "default.\n\n"
          "| fact | kind | default | read out by |\n|---|---|---|---|\n",
          out);
#define RING_INT(name, side, prints, otherwise) \
    print_fact(out, IR_ATTR_##name, side, number(text, otherwise));
#define RING_REAL(name, side, prints, otherwise) \
    print_fact(out, IR_ATTR_##name, side, number(text, otherwise));
#define RING_WORD(name, set, side, prints, otherwise) \
    print_fact(out, IR_ATTR_##name, side, ir_word(IR_ENUM_##set, IR_##otherwise));
#define RING_NAME(name, side) print_fact(out, IR_ATTR_##name, side, "");
#define RING_REALS(name, side, prints) print_fact(out, IR_ATTR_##name, side, "");
#include "ir/ring.def"
#undef SCORE
#undef CHARGE
#undef BOTH
}

static void print_types(FILE *out) {
    fputs("\n## Element types\n\n"
          "`f32[2,3]` is a tensor, `f32[t0,128]` a row of 128 for each token of domain t0.\n\n"
          "| type | bytes |\n|---|---|\n",
          out);
#define ELEM(name, bytes, npy, onnx) fprintf(out, "| `%s` | %d |\n", #name, bytes);
#include "support/num/elem.def"
    fputs("\n`q8` is a quantised row: int8 codes and a trailer with scale, zero point and sum of "
          "codes; only on rows of tokens.\n",
          out);
}

void ir_print_manual(FILE *out) {
    fputs("# IR reference\n\n"
          "Generated from `ir/ops.def`, `ir/attrs.def`, `ir/enums.def`, `ir/ring.def`, "
          "`support/num/fn.def` and\n"
          "`support/num/elem.def`: do not edit. [ir/README.md](../ir/README.md) has the notation, "
          "[by hand](by-hand.md) whole modules.\n\n",
          out);
    print_operations(out);
    print_attributes(out);
    print_words(out);
    print_rings(out);
    print_types(out);
}
