#include "isa/desc.h"
#include <string.h>

#define DESC_BEGIN(kind, sigil) static const isa_field fields_##kind[] = {
#define FIELD(kind, ctype, name, how, summary) \
    {#name, #how, summary, offsetof(isa_##kind, name), sizeof(ctype)},
#define DESC_END(kind) \
    }                  \
    ;
#include "isa/desc.def"

// Sum of the field sizes.
enum {
#define DESC_BEGIN(kind, sigil) RECORD_BYTES_##kind =
#define FIELD(kind, ctype, name, how, summary) (int)sizeof(ctype) +
#define DESC_END(kind) 0,
#include "isa/desc.def"
};

const isa_desc isa_descs[ISA_DESC_COUNT] = {
#define DESC_BEGIN(kind, sigil) \
    {#kind,                     \
     sigil,                     \
     fields_##kind,             \
     ARRAY_LEN(fields_##kind),  \
     sizeof(isa_##kind),        \
     RECORD_BYTES_##kind},
#include "isa/desc.def"
};

// --- enumerations: the order is that of isa.h; the assertions catch a value added there only.

static const struct {
    const char *how, *names;
} enums[] = {
    {"btype", "f32 bf16 q8 i32 raw pair"},
    {"space", "pad mem"},
    {"quant", "none sym asym static"},
    {"gkind", "resident stored epilogue"},
    {"wtype", "i8 f32"},
    {"rkind", "gain stored"},
    {"rmode", "causal all cross"},
    {"ract", "softmax hardsigmoid"},
    {"rread", "score charge"},
    {"rsat", "none scores outputs both"},
    {"rdecay", "power product"},
    {"rbias", "none alibi toeplitz full"},
    {"pdir", "in out"},
    {"prole", "data tokens mask positions"},
    {"dom", "t0 t1 t2 t3 t4 t5 t6 t7"},
    {"elem", "f32 f64 f16 bf16 i64 i32 i16 i8 u64 u32 u16 u8 bool q8"}, // as support/num/elem.def;
                                                                        // a test compares
};
_Static_assert(ISA_PAIR == 5 && ISA_MEM == 1 && ISA_QUANT_STATIC == 3 && ISA_EPILOGUE == 2 &&
                   ISA_W_F32 == 1 && ISA_RING_STORED == 1 && ISA_RING_CROSS == 2 &&
                   ISA_ACT_HARDSIGMOID == 1 && ISA_BIAS_FULL == 3 && ISA_PORT_OUT == 1 &&
                   ISA_ROLE_POSITIONS == 3 && ISA_DOMAINS == 8,
               "the names follow isa.h");

const char *isa_enum_names(const char *how) {
    for (size_t i = 0; i < ARRAY_LEN(enums); i++)
        if (strcmp(enums[i].how, how) == 0) return enums[i].names;
    return NULL;
}

bool isa_field_is(const isa_field *f, const char *how) { return strcmp(f->how, how) == 0; }

// --- values

uint64_t isa_field_get(const isa_field *f, const void *descriptor) {
    const uint8_t *p = (const uint8_t *)descriptor + f->offset;
    bool is_signed = isa_field_is(f, "i");
    switch (f->bytes) {
    case 1: return *p;
    case 2: {
        uint16_t v;
        memcpy(&v, p, 2);
        return v;
    }
    case 4: {
        uint32_t v;
        memcpy(&v, p, 4);
        return is_signed ? (uint64_t)(int64_t)(int32_t)v : v;
    }
    default: {
        uint64_t v;
        memcpy(&v, p, 8);
        return v;
    }
    }
}

bool isa_field_set(const isa_field *f, void *descriptor, uint64_t value) {
    uint8_t *p = (uint8_t *)descriptor + f->offset;
    switch (f->bytes) {
    case 1: {
        uint8_t v = (uint8_t)value;
        memcpy(p, &v, 1);
        break;
    }
    case 2: {
        uint16_t v = (uint16_t)value;
        memcpy(p, &v, 2);
        break;
    }
    case 4: {
        uint32_t v = (uint32_t)value;
        memcpy(p, &v, 4);
        break;
    }
    default: memcpy(p, &value, 8); break;
    }
    return isa_field_get(f, descriptor) == value;
}

void isa_desc_store(const isa_desc *d, const void *descriptor, uint8_t *record) {
    for (unsigned i = 0; i < d->n_fields; i++) {
        uint64_t v = isa_field_get(&d->fields[i], descriptor);
        for (unsigned k = 0; k < d->fields[i].bytes; k++) *record++ = (uint8_t)(v >> 8 * k);
    }
}

void isa_desc_load(const isa_desc *d, void *descriptor, const uint8_t *record) {
    memset(descriptor, 0, d->struct_bytes);
    for (unsigned i = 0; i < d->n_fields; i++) {
        uint64_t v = 0;
        for (unsigned k = 0; k < d->fields[i].bytes; k++) v |= (uint64_t)*record++ << 8 * k;
        isa_field_set(&d->fields[i], descriptor, v);
    }
}
