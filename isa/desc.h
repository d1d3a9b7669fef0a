// Descriptor records as data: the fields of desc.def with their places, for whoever treats all
// alike (file, text, structural checks, manual).
#ifndef OHMIC_ISA_DESC_H
#define OHMIC_ISA_DESC_H
#include "isa/isa.h"

typedef enum {
#define DESC_BEGIN(kind, sigil) ISA_DESC_##kind,
#include "isa/desc.def"
    ISA_DESC_COUNT
} isa_desc_kind;

typedef struct {
    const char *name, *how, *summary;
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

// The field's bits; `i` fields sign-extended, others zero-extended.
uint64_t isa_field_get(const isa_field *f, const void *descriptor);
// False when the value does not fit the field.
bool isa_field_set(const isa_field *f, void *descriptor, uint64_t value);

// Names of an enumeration, separated by spaces; NULL: `how` is no enumeration.
const char *isa_enum_names(const char *how);
bool isa_field_is(const isa_field *f, const char *how);

// Records in the file: fields in order, little-endian, no padding.
void isa_desc_store(const isa_desc *d, const void *descriptor, uint8_t *record);
void isa_desc_load(const isa_desc *d, void *descriptor, const uint8_t *record);
#endif
