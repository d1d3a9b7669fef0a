#include "isa/enums.h"
#include <string.h>

#define ENUM_BEGIN(type, kind) static const char *const names_##kind[] = {
#define VALUE(constant, name) name,
#define ENUM_END(type, kind) \
    }                        \
    ;
#include "isa/enums.def"

#define ENUM_BEGIN(type, kind) static const char list_##kind[] = ""
#define VALUE(constant, name) " " name
#define ENUM_END(type, kind) ;
#include "isa/enums.def"

const isa_enum isa_enums[ISA_ENUM_COUNT] = {
#define ENUM_BEGIN(type, kind) {#kind, names_##kind, ARRAY_LEN(names_##kind), &list_##kind[1]},
#include "isa/enums.def"
};

// Function codes of the instruction set are those of fn.def.
#define FN1(name, code, summary) \
    _Static_assert(ISA_FN1_##name == (code), #name ": codes count up from 0");
#define FN2(name, code, summary) \
    _Static_assert(ISA_FN2_##name == (code), #name ": codes count up from 0");
#include "support/num/fn.def"

bool isa_enum_find(const isa_enum *e, const char *s, size_t n, unsigned *value) {
    for (unsigned i = 0; i < e->count; i++) {
        if (strlen(e->names[i]) != n || memcmp(e->names[i], s, n) != 0) continue;
        *value = i;
        return true;
    }
    return false;
}
