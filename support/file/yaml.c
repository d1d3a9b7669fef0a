// The YAML tree, built from libyaml's events by recursion (bounded by YAML_MAX_DEPTH).
#include "support/file/yaml.h"
#include "support/file/file.h"
#include "support/map.h"
#include "support/vec.h"
#include <errno.h>
#include <math.h>
#include <yaml.h>

typedef struct {
    arena *a;
    const char *name;
    diag_sink *diags;
    yaml_parser_t parser;
    yaml_event_t event; // the current one, deleted by next()
    size_t n_nodes;
} reader;

typedef VEC(const yaml_node *) node_list;

static diag_loc at_mark(const reader *r, yaml_mark_t m) {
    return (diag_loc){.file = r->name, .line = (int)m.line + 1, .col = (int)m.column + 1};
}

static bool bad(reader *r, yaml_mark_t mark, const char *what) {
    diag_emit(r->diags, DIAG_ID_yaml_syntax, at_mark(r, mark), "%s", what);
    return false;
}

static bool next(reader *r) {
    yaml_event_delete(&r->event);
    if (yaml_parser_parse(&r->parser, &r->event)) return true;
    if (r->parser.error == YAML_MEMORY_ERROR) base_no_memory(r->n_nodes);
    yaml_mark_t mark = r->parser.problem_mark;
    if (r->parser.error == YAML_READER_ERROR) { // bad encoding: no mark, only an offset
        diag_emit(r->diags, DIAG_ID_yaml_syntax, DIAG_FILE(r->name), "%s (offset %zu)",
                  r->parser.problem ? r->parser.problem : "unreadable", r->parser.problem_offset);
        return false;
    }
    return bad(r, mark, r->parser.problem ? r->parser.problem : "not YAML");
}

static bool parse_node(reader *r, int depth, const yaml_node **out);

static const yaml_node *const *list_items(reader *r, node_list *list) {
    const yaml_node *const *items =
        arena_copy(r->a, list->items, list->count * sizeof *list->items);
    vec_free(list);
    return items;
}

static bool parse_sequence(reader *r, int depth, yaml_node *n) {
    node_list items = {0};
    bool ok;
    while ((ok = next(r)) && r->event.type != YAML_SEQUENCE_END_EVENT) {
        const yaml_node *item;
        if (!(ok = parse_node(r, depth + 1, &item))) break;
        vec_push(&items, item);
    }
    n->count = items.count;
    n->items = list_items(r, &items);
    return ok;
}

static bool parse_mapping(reader *r, int depth, yaml_node *n) {
    node_list keys = {0}, items = {0};
    map *seen = map_new();
    bool ok;
    while ((ok = next(r)) && r->event.type != YAML_MAPPING_END_EVENT) {
        const yaml_node *key, *item;
        if (r->event.type != YAML_SCALAR_EVENT) {
            ok = bad(r, r->event.start_mark, "a key must be a scalar");
            break;
        }
        if (!(ok = parse_node(r, depth + 1, &key))) break;
        uint32_t first = map_add(seen, key->text, (uint32_t)keys.count);
        if (first != MAP_NONE) {
            diag_emit(r->diags, DIAG_ID_yaml_syntax, key->loc, "key '%s' is repeated", key->text);
            diag_note(r->diags, keys.items[first]->loc, "'%s' stands first here", key->text);
            ok = false;
            break;
        }
        vec_push(&keys, key);
        if (!(ok = next(r) && parse_node(r, depth + 1, &item))) break;
        vec_push(&items, item);
    }
    n->count = items.count;
    n->keys = list_items(r, &keys);
    n->items = list_items(r, &items);
    map_free(seen);
    return ok;
}

static bool parse_scalar(reader *r, yaml_node *n) {
    const char *text = (const char *)r->event.data.scalar.value;
    size_t length = r->event.data.scalar.length;
    if (memchr(text, 0, length)) return bad(r, r->event.start_mark, "a scalar contains NUL");
    n->text = arena_strn(r->a, text, length);
    n->quoted = r->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    if (r->event.end_mark.line == r->event.start_mark.line)
        n->loc.end_col = (int)r->event.end_mark.column + 1;
    return true;
}

// The node that the current event starts; leaves the reader at its last event.
static bool parse_node(reader *r, int depth, const yaml_node **out) {
    yaml_mark_t mark = r->event.start_mark;
    if (depth > YAML_MAX_DEPTH) return bad(r, mark, "nested too deeply");
    if (++r->n_nodes > YAML_MAX_NODES) return bad(r, mark, "too many values");
    yaml_node *n = ARENA_NEW(r->a, yaml_node);
    *out = n;
    n->loc = at_mark(r, mark);
    const yaml_char_t *anchor = NULL, *tag = NULL;
    switch (r->event.type) {
    case YAML_SCALAR_EVENT:
        n->kind = YAML_SCALAR;
        anchor = r->event.data.scalar.anchor;
        tag = r->event.data.scalar.tag;
        break;
    case YAML_SEQUENCE_START_EVENT:
        n->kind = YAML_SEQUENCE;
        anchor = r->event.data.sequence_start.anchor;
        tag = r->event.data.sequence_start.tag;
        break;
    case YAML_MAPPING_START_EVENT:
        n->kind = YAML_MAPPING;
        anchor = r->event.data.mapping_start.anchor;
        tag = r->event.data.mapping_start.tag;
        break;
    default: return bad(r, mark, "anchors and aliases are not supported");
    }
    if (anchor) return bad(r, mark, "anchors and aliases are not supported");
    if (tag) return bad(r, mark, "tags are not supported");
    switch (n->kind) {
    case YAML_SCALAR: return parse_scalar(r, n);
    case YAML_SEQUENCE: return parse_sequence(r, depth, n);
    case YAML_MAPPING: return parse_mapping(r, depth, n);
    }
    return false;
}

static bool parse_document(reader *r, const yaml_node **root) {
    if (!next(r) || !next(r)) return false; // the stream's start, then the document's or the end
    if (r->event.type == YAML_STREAM_END_EVENT)
        return bad(r, r->event.start_mark, "the file is empty");
    if (!next(r) || !parse_node(r, 1, root)) return false;
    if (!next(r) || !next(r)) return false; // the document's end, then the stream's
    if (r->event.type != YAML_STREAM_END_EVENT)
        return bad(r, r->event.start_mark, "more than one document");
    return true;
}

const yaml_node *yaml_file_parse(arena *a, const void *bytes, size_t n, const char *name,
                                 diag_sink *diags) {
    reader r = {.a = a, .name = arena_str(a, name), .diags = diags};
    if (n > YAML_MAX_BYTES) {
        diag_emit(diags, DIAG_ID_yaml_syntax, DIAG_FILE(name),
                  "the file has %zu bytes, more than the %d that are read", n, (int)YAML_MAX_BYTES);
        return NULL;
    }
    CHECK(yaml_parser_initialize(&r.parser), "libyaml is out of memory");
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, n ? bytes : (const unsigned char *)"", n);
    const yaml_node *root = NULL;
    bool ok = parse_document(&r, &root);
    yaml_event_delete(&r.event);
    yaml_parser_delete(&r.parser);
    return ok ? root : NULL;
}

const yaml_node *yaml_file_read(arena *a, const char *path, diag_sink *diags) {
    file_map f;
    if (!file_map_open(&f, path, diags)) return NULL;
    const yaml_node *root = yaml_file_parse(a, f.data, f.bytes, f.name, diags);
    file_map_close(&f);
    return root;
}

const yaml_node *yaml_find(const yaml_node *mapping, const char *key) {
    if (mapping->kind != YAML_MAPPING) return NULL;
    for (size_t i = 0; i < mapping->count; i++) {
        if (strcmp(mapping->keys[i]->text, key) == 0) return mapping->items[i];
    }
    return NULL;
}

static bool is_plain(const yaml_node *n) {
    return n->kind == YAML_SCALAR && !n->quoted && n->text[0];
}

bool yaml_to_i64(const yaml_node *n, int64_t *out) {
    if (!is_plain(n)) return false;
    const char *digits = n->text + (n->text[0] == '-' || n->text[0] == '+');
    if (*digits < '0' || *digits > '9') return false;
    int base = digits[0] == '0' && (digits[1] | 0x20) == 'x' ? 16 : 10;
    char *end;
    errno = 0;
    long long v = strtoll(n->text, &end, base);
    if (*end || errno == ERANGE) return false;
    *out = v;
    return true;
}

bool yaml_to_f64(const yaml_node *n, double *out) {
    if (!is_plain(n)) return false;
    if (n->text[strspn(n->text, "+-.0123456789eE")]) return false; // no "inf", "nan", "0x1p3"
    char *end;
    double v = strtod(n->text, &end);
    if (*end || end == n->text || !isfinite(v)) return false;
    *out = v;
    return true;
}

bool yaml_to_bool(const yaml_node *n, bool *out) {
    if (!is_plain(n)) return false;
    bool yes = strcmp(n->text, "true") == 0;
    if (!yes && strcmp(n->text, "false") != 0) return false;
    *out = yes;
    return true;
}
