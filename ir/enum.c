// Enumerations and their words: enums.def as tables.
#include "ir/ir.h"
#include <string.h>

#define ENUM(name) static const char *const name##_words[] = {
#define WORD(constant, word, summary) [IR_##constant] = (word),
#define END(name) \
    }             \
    ;
#include "ir/enums.def"

#define ENUM(name) static const char name##_list[] = ""
#define WORD(constant, word, summary) " " word
#define END(name) ;
#include "ir/enums.def"

static const struct {
    const char *const *words;
    const char *list; // with a space in front
    int count;
} enums[IR_ENUM_COUNT] = {
#define ENUM(name) [IR_ENUM_##name] = {name##_words, name##_list, (int)ARRAY_LEN(name##_words)},
#include "ir/enums.def"
};

const char *ir_word(ir_enum e, int value) {
    CHECK((unsigned)e < IR_ENUM_COUNT && value >= 0 && value < enums[e].count,
          "value %d of enum %d", value, (int)e);
    return enums[e].words[value];
}

const char *ir_words(ir_enum e) {
    CHECK((unsigned)e < IR_ENUM_COUNT, "enum %d", (int)e);
    return enums[e].list + 1;
}

bool ir_word_parse(ir_enum e, const char *s, int *value) {
    CHECK((unsigned)e < IR_ENUM_COUNT, "enum %d", (int)e);
    for (int i = 0; i < enums[e].count; i++) {
        if (strcmp(enums[e].words[i], s) != 0) continue;
        *value = i;
        return true;
    }
    return false;
}

bool ir_is_word(ir_enum e, int value) {
    return (unsigned)e < IR_ENUM_COUNT && value >= 0 && value < enums[e].count;
}
