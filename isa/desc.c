#include "isa/desc.h"
#include <string.h>

#define DESC_BEGIN(kind, sigil) static const isa_field fields_##kind[] = {
#define FIELD(kind, ctype, name, how, summary) \
    {#name, summary, ISA_HOW_##how, offsetof(isa_##kind, name), sizeof(ctype)},
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

#define FIELD(kind, ctype, name, how, summary)                                \
    _Static_assert(ISA_HOW_##how < ISA_HOW_f ||                               \
                       sizeof(ctype) == (ISA_HOW_##how < ISA_HOW_off    ? 4   \
                                         : ISA_HOW_##how == ISA_HOW_off ? 8   \
                                                                        : 1), \
                   #kind "." #name " has another size than its kind");
#include "isa/desc.def"

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

const char *isa_how_name(const isa_field *f) {
    static const char *const numbers[] = {[ISA_HOW_u] = "u",
                                          [ISA_HOW_i] = "i",
                                          [ISA_HOW_f] = "f",
                                          [ISA_HOW_str] = "str",
                                          [ISA_HOW_off] = "off"};
    const isa_enum *e = isa_field_enum(f);
    return e ? e->kind : numbers[f->how];
}

const isa_field *isa_field_find(const isa_desc *d, const char *name, size_t n) {
    for (unsigned i = 0; i < d->n_fields; i++)
        if (strlen(d->fields[i].name) == n && memcmp(d->fields[i].name, name, n) == 0)
            return &d->fields[i];
    return NULL;
}

// --- values

uint64_t isa_field_get(const isa_field *f, const void *descriptor) {
    const uint8_t *p = (const uint8_t *)descriptor + f->offset;
    bool is_signed = f->how == ISA_HOW_i;
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

void isa_desc_put(bytes_out *b, isa_desc_kind kind, const void *list, uint32_t count,
                  uint32_t (*string)(const void *ctx, uint32_t offset), const void *ctx) {
    const isa_desc *d = &isa_descs[kind];
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *descriptor = (const uint8_t *)list + (size_t)i * d->struct_bytes;
        uint8_t record[sizeof(isa_any_descriptor)], *at = record;
        for (unsigned k = 0; k < d->n_fields; k++) {
            const isa_field *f = &d->fields[k];
            uint64_t v = isa_field_get(f, descriptor);
            if (f->how == ISA_HOW_str) v = string(ctx, (uint32_t)v);
            for (unsigned j = 0; j < f->bytes; j++) *at++ = (uint8_t)(v >> 8 * j);
        }
        bytes_put(b, record, d->record_bytes);
    }
}

void *isa_desc_get(bytes_in *b, isa_desc_kind kind, uint32_t count, arena *a) {
    const isa_desc *d = &isa_descs[kind];
    const uint8_t *record = bytes_get(b, (uint64_t)count * d->record_bytes);
    if (!record || count == 0) return NULL;
    uint8_t *list = ARENA_ARRAY(a, uint8_t, (size_t)count * d->struct_bytes);
    for (uint32_t i = 0; i < count; i++)
        for (unsigned k = 0; k < d->n_fields; k++) {
            uint64_t v = 0;
            for (unsigned j = 0; j < d->fields[k].bytes; j++) v |= (uint64_t)*record++ << 8 * j;
            isa_field_set(&d->fields[k], list + (size_t)i * d->struct_bytes, v);
        }
    return list;
}
