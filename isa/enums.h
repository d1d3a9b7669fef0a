// The enumerations of enums.def, as C types and as names for whoever reads, prints or checks them.
#ifndef OHMIC_ISA_ENUMS_H
#define OHMIC_ISA_ENUMS_H

#include "support/base.h"

#define ENUM_BEGIN(type, kind) typedef enum {
#define VALUE(constant, name) constant,
#define ENUM_END(type, kind) \
    }                        \
    type;
#include "isa/enums.def"

typedef enum {
#define ENUM_BEGIN(type, kind) ISA_ENUM_##kind,
#include "isa/enums.def"
    ISA_ENUM_COUNT
} isa_enum_kind;

enum { // how many values each has
#define ENUM_BEGIN(type, kind) ISA_COUNT_##kind =
#define VALUE(constant, name) +1
#define ENUM_END(type, kind) ,
#include "isa/enums.def"
};

typedef struct {
    const char *kind;         // "btype"; of an instruction's modes: its mnemonic
    const char *const *names; // [count]
    unsigned count;
    const char *list; // all names, separated by spaces: for messages and documents
} isa_enum;
extern const isa_enum isa_enums[ISA_ENUM_COUNT];

// The value called s[0..n). False: there is none.
bool isa_enum_find(const isa_enum *e, const char *s, size_t n, unsigned *value);
static inline const char *isa_name(isa_enum_kind kind, unsigned value) {
    return isa_enums[kind].names[value]; // value below the count
}
#endif
