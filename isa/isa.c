// The tables of isa.def and its companions at run time.
#include "isa/isa.h"
#include "isa/operand.h"
#include <string.h>

const isa_info isa_infos[] = {
#define INSN(mnemonic, opcode, unit, rowclass, modes, operands, summary) \
    {#mnemonic, #unit, #rowclass[0], modes, operands, summary, opcode},
#include "isa/isa.def"
};
const size_t isa_infos_count = ARRAY_LEN(isa_infos);

#define INSN(mnemonic, opcode, unit, rowclass, modes, operands, summary)   \
    _Static_assert((opcode) <= 0xFF, #mnemonic ": the opcode has 8 bits"); \
    _Static_assert(sizeof #rowclass == 2, #mnemonic ": the row class is one letter");
#include "isa/isa.def"

// Rows of isa.def are found by opcode through a switch: two instructions of one opcode do not
// compile.
enum {
#define INSN(mnemonic, opcode, unit, rowclass, modes, operands, summary) ROW_##mnemonic,
#include "isa/isa.def"
};

const isa_info *isa_info_of(unsigned opcode) {
    // clang-format off
    switch (opcode) {
#define INSN(mnemonic, opcode_, unit, rowclass, modes, operands, summary)                          \
    case opcode_: return &isa_infos[ROW_##mnemonic];
#include "isa/isa.def"
    }
    // clang-format on
    return NULL;
}

static bool same_word(const char *word, const char *s, size_t n) {
    return strlen(word) == n && memcmp(word, s, n) == 0;
}

const isa_info *isa_info_find(const char *mnemonic, size_t n) {
    for (size_t i = 0; i < isa_infos_count; i++)
        if (same_word(isa_infos[i].mnemonic, mnemonic, n)) return &isa_infos[i];
    return NULL;
}

// --- lists of words

unsigned isa_words(const char *list) {
    if (!*list) return 0;
    unsigned n = 1;
    for (; *list; list++) n += *list == ' ';
    return n;
}

const char *isa_word(const char *list, unsigned index, size_t *n) {
    for (; *list; index--) {
        size_t length = strcspn(list, " ");
        if (index == 0) {
            *n = length;
            return list;
        }
        list += length + (list[length] == ' ');
    }
    return NULL;
}

bool isa_word_find(const char *list, const char *s, size_t n, unsigned *index) {
    size_t length;
    const char *word;
    for (unsigned i = 0; (word = isa_word(list, i, &length)); i++) {
        if (length != n || memcmp(word, s, n) != 0) continue;
        *index = i;
        return true;
    }
    return false;
}

// --- operands

static const char field_names[] = "d a b x n imm";
static const char kind_names[] =
    "buf group ring table chan port dom u i f fn1 fn2 fnr tl"; // as isa_operand_kind

unsigned isa_operands(const isa_info *info, isa_operand out[ISA_FIELD_COUNT]) {
    unsigned count = isa_words(info->operands);
    CHECK(count <= ISA_FIELD_COUNT, "%s has %u operands", info->mnemonic, count);
    for (unsigned i = 0; i < count; i++) {
        size_t n = 0;
        const char *word = isa_word(info->operands, i, &n);
        size_t field_bytes = strcspn(word, ":");
        unsigned field, kind;
        bool optional = word[n - 1] == '?';
        bool known = field_bytes < n && isa_word_find(field_names, word, field_bytes, &field) &&
                     isa_word_find(kind_names, word + field_bytes + 1,
                                   n - field_bytes - 1 - optional, &kind);
        CHECK(known, "isa.def: operand '%.*s' of %s", (int)n, word, info->mnemonic);
        out[i] = (isa_operand){(isa_operand_field)field, (isa_operand_kind)kind, optional};
    }
    return count;
}

uint32_t isa_operand_get(const isa_insn *i, isa_operand_field field) {
    switch (field) {
    case ISA_FIELD_d: return i->d;
    case ISA_FIELD_a: return i->a;
    case ISA_FIELD_b: return i->b;
    case ISA_FIELD_x: return i->x;
    case ISA_FIELD_n: return i->n;
    case ISA_FIELD_imm: return i->imm;
    case ISA_FIELD_COUNT: break;
    }
    CHECK(false, "field %d", (int)field);
}

void isa_operand_set(isa_insn *i, isa_operand_field field, uint32_t value) {
    CHECK(field == ISA_FIELD_imm || value <= 0xFFFF, "%u in a 16-bit field", value);
    uint16_t half = (uint16_t)value;
    switch (field) {
    case ISA_FIELD_d: i->d = half; return;
    case ISA_FIELD_a: i->a = half; return;
    case ISA_FIELD_b: i->b = half; return;
    case ISA_FIELD_x: i->x = half; return;
    case ISA_FIELD_n: i->n = half; return;
    case ISA_FIELD_imm: i->imm = value; return;
    case ISA_FIELD_COUNT: break;
    }
    CHECK(false, "field %d", (int)field);
}

bool isa_operand_absent(const isa_operand *o, const isa_insn *i) {
    if (!o->optional) return false;
    return isa_operand_get(i, o->field) == (o->field == ISA_FIELD_imm ? 0 : ISA_NONE);
}

static const char *const kind_name_list[] = {"buf", "group", "ring", "table", "chan", "port", "dom",
                                             "u",   "i",     "f",    "fn1",   "fn2",  "fnr",  "tl"};
_Static_assert(ARRAY_LEN(kind_name_list) == ISA_KIND_COUNT, "one name for each operand kind");
static const char *const field_name_list[] = {"d", "a", "b", "x", "n", "imm"};
_Static_assert(ARRAY_LEN(field_name_list) == ISA_FIELD_COUNT, "one name for each field");

const char *isa_operand_kind_name(isa_operand_kind kind) { return kind_name_list[kind]; }
const char *isa_operand_field_name(isa_operand_field field) { return field_name_list[field]; }

// --- function codes

typedef struct {
    const char *name;
    uint32_t code;
} function;

static const function functions_1[] = {
#define FN1(name, code, summary) {#name, code},
#include "support/num/fn.def"
};
static const function functions_2[] = {
#define FN2(name, code, summary) {#name, code},
#include "support/num/fn.def"
};
static const function functions_r[] = {
#define RED(name, code) {#name, code},
#include "isa/reductions.def"
};
static const function functions_tl[] = {
    {"lin", ISA_TL_LIN}, {"one", ISA_TL_ONE}, {"last", ISA_TL_LAST}, {"prefix", ISA_TL_PREFIX}};

static const function *functions_of(isa_operand_kind kind, size_t *count) {
    switch (kind) {
    case ISA_KIND_fn1: *count = ARRAY_LEN(functions_1); return functions_1;
    case ISA_KIND_fn2: *count = ARRAY_LEN(functions_2); return functions_2;
    case ISA_KIND_fnr: *count = ARRAY_LEN(functions_r); return functions_r;
    case ISA_KIND_tl: *count = ARRAY_LEN(functions_tl); return functions_tl;
    default: *count = 0; return NULL;
    }
}

const char *isa_function_at(isa_operand_kind kind, size_t index) {
    size_t count;
    const function *f = functions_of(kind, &count);
    return index < count ? f[index].name : NULL;
}

const char *isa_function_name(isa_operand_kind kind, uint32_t code) {
    size_t count;
    const function *f = functions_of(kind, &count);
    for (size_t i = 0; i < count; i++)
        if (f[i].code == code) return f[i].name;
    return NULL;
}

bool isa_function_find(isa_operand_kind kind, const char *name, size_t n, uint32_t *code) {
    size_t count;
    const function *f = functions_of(kind, &count);
    for (size_t i = 0; i < count; i++) {
        if (!same_word(f[i].name, name, n)) continue;
        *code = f[i].code;
        return true;
    }
    return false;
}

// --- rows

uint32_t isa_row_bytes(isa_btype t, uint32_t width) {
    switch (t) {
    case ISA_F32:
    case ISA_I32: return 4 * width;
    case ISA_BF16: return 2 * width;
    case ISA_Q8: return width + ISA_ROW_TRAILER;
    case ISA_RAW: return 4 * width + ISA_ROW_TRAILER;
    case ISA_PAIR: return 8 * width;
    }
    CHECK(false, "row type %d", (int)t);
}
