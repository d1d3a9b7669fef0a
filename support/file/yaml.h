// YAML files as a read-only tree with positions, for chip descriptions and the like.
//
// A small, safe part of YAML: one document of scalars, sequences and mappings with scalar keys.
// Anchors, aliases and tags are errors (no expansion bombs), so are repeated keys, more than
// YAML_MAX_DEPTH levels, YAML_MAX_NODES nodes or YAML_MAX_BYTES of text.
#ifndef OHMIC_SUPPORT_FILE_YAML_H
#define OHMIC_SUPPORT_FILE_YAML_H

#include "support/arena.h"
#include "support/diag.h"

enum { YAML_MAX_DEPTH = 32, YAML_MAX_NODES = 100000, YAML_MAX_BYTES = 4 << 20 };

typedef enum { YAML_SCALAR, YAML_SEQUENCE, YAML_MAPPING } yaml_kind;

typedef struct yaml_node {
    yaml_kind kind;
    diag_loc loc;                         // where it starts, file included
    size_t count;                         // entries of a sequence or mapping
    const char *text;                     // scalar: its text, NUL-terminated, without NUL inside
    bool quoted;                          // scalar: "1" rather than 1
    const struct yaml_node *const *items; // [count] values of a sequence or mapping, in file order
    const struct yaml_node *const *keys;  // [count] mapping: scalars, all different
} yaml_node;

// The document's root, in the arena; NULL after a reported failure (DIAG_ID_io,
// DIAG_ID_yaml_syntax). An empty file is an error. `path` may be "-".
const yaml_node *yaml_file_read(arena *a, const char *path, diag_sink *diags);
const yaml_node *yaml_file_parse(arena *a, const void *bytes, size_t n, const char *name,
                                 diag_sink *diags);

const yaml_node *yaml_find(const yaml_node *mapping, const char *key); // NULL when absent

// What a scalar means; false when it is something else (or quoted, or out of range). Numbers are
// decimal or 0x...; true and false are the only booleans.
bool yaml_to_i64(const yaml_node *n, int64_t *out);
bool yaml_to_f64(const yaml_node *n, double *out);
bool yaml_to_bool(const yaml_node *n, bool *out);

#endif
