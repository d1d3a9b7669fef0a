// Descriptor records as data: the fields of desc.def with their places, for whoever treats all
// alike (file, text, structural checks, manual).
#ifndef OHMIC_ISA_DESC_H
#define OHMIC_ISA_DESC_H
#include "isa/isa.h"
#include "support/arena.h"
#include "support/file/bytes.h"

typedef enum {
#define DESC_BEGIN(kind, sigil) ISA_DESC_##kind,
#include "isa/desc.def"
    ISA_DESC_COUNT
} isa_desc_kind;

// What a field holds: a number of some kind, or a value of an enumeration.
typedef enum {
    ISA_HOW_u,
    ISA_HOW_i,
    ISA_HOW_f,
    ISA_HOW_str,
    ISA_HOW_off,
    ISA_HOW_LAST_NUMBER = ISA_HOW_off,
#define ENUM_BEGIN(type, kind) ISA_HOW_##kind,
#include "isa/enums.def"
} isa_how;

typedef struct {
    const char *name, *summary;
    isa_how how;
    uint16_t offset; // in the struct
    uint8_t bytes;   // in the struct and in the file
} isa_field;

typedef struct {
    const char *name, *sigil;
    const isa_field *fields;
    uint16_t n_fields, struct_bytes, record_bytes;
} isa_desc;

typedef union { // room for any of them
#define DESC_BEGIN(kind, sigil) isa_##kind kind;
#include "isa/desc.def"
} isa_any_descriptor;

extern const isa_desc isa_descs[ISA_DESC_COUNT];

// Places of fields in their descriptor: ISA_AT_group_k is an index of
// isa_descs[ISA_DESC_group].fields.
#define DESC_BEGIN(kind, sigil) enum {
#define FIELD(kind, ctype, name, how, summary) ISA_AT_##kind##_##name,
#define DESC_END(kind) \
    }                  \
    ;
#include "isa/desc.def"

// The field's bits; `i` fields sign-extended, others zero-extended.
uint64_t isa_field_get(const isa_field *f, const void *descriptor);
// False when the value does not fit the field.
bool isa_field_set(const isa_field *f, void *descriptor, uint64_t value);

// NULL: the field holds a number.
static inline const isa_enum *isa_field_enum(const isa_field *f) {
    return f->how <= ISA_HOW_LAST_NUMBER ? NULL : &isa_enums[f->how - ISA_HOW_LAST_NUMBER - 1];
}
const char *isa_how_name(const isa_field *f); // as desc.def writes it
// The field called name[0..n); NULL: there is none.
const isa_field *isa_field_find(const isa_desc *d, const char *name, size_t n);

// Records in the file: fields in order, little-endian, no padding. `string` says what stands for an
// offset in the string table.
void isa_desc_put(bytes_out *b, isa_desc_kind kind, const void *list, uint32_t count,
                  uint32_t (*string)(const void *ctx, uint32_t offset), const void *ctx);
// `count` descriptors; NULL when there are none, or not so many bytes.
void *isa_desc_get(bytes_in *b, isa_desc_kind kind, uint32_t count, arena *a);
#endif
