#include "isa/text/format.h"
#include <string.h>

static const struct {
    const char *directive, *positional;
} forms[ISA_DESC_COUNT] = {
    [ISA_DESC_buffer] = {"buf", "name type width"},
    [ISA_DESC_group] = {"group", "name k*n"},
    [ISA_DESC_block] = {"block", "rows*cols"},
    [ISA_DESC_ring] = {"ring", "name"},
    [ISA_DESC_table] = {"table", "name type rows*width"},
    [ISA_DESC_channel] = {"channel", "name type width"},
    [ISA_DESC_port] = {"port", "name direction type width"},
};

const char *text_directive(isa_desc_kind kind) { return forms[kind].directive; }
const char *text_positional(isa_desc_kind kind) { return forms[kind].positional; }

bool text_is_hidden(isa_desc_kind kind, const char *field) {
    if (kind == ISA_DESC_group)
        return strcmp(field, "first_block") == 0 || strcmp(field, "n_blocks") == 0;
    if (kind == ISA_DESC_channel)
        return strcmp(field, "first_dest") == 0 || strcmp(field, "n_dests") == 0;
    return false;
}

void text_defaults(isa_desc_kind kind, uint32_t index, void *descriptor) {
    const isa_desc *d = &isa_descs[kind];
    memset(descriptor, 0, d->struct_bytes);
    for (unsigned i = 0; i < d->n_fields; i++)
        if (isa_field_is(&d->fields[i], "off"))
            isa_field_set(&d->fields[i], descriptor, ISA_NO_OFFSET);
    if (kind == ISA_DESC_buffer) ((isa_buffer *)descriptor)->parent = (uint16_t)index;
}

void text_defaults_after(isa_desc_kind kind, void *descriptor) {
    if (kind == ISA_DESC_group) ((isa_group *)descriptor)->k1 = ((isa_group *)descriptor)->k;
}

void text_view_defaults(isa_buffer *view, const isa_buffer *parent, uint32_t parent_index) {
    uint32_t name = view->name, col0 = view->col0, width = view->width;
    *view = *parent;
    view->name = name;
    view->col0 = col0;
    view->width = width;
    view->parent = (uint16_t)parent_index;
}

bool text_operand_desc(isa_operand_kind operand, isa_desc_kind *kind) {
    switch (operand) {
    case ISA_KIND_buf: *kind = ISA_DESC_buffer; return true;
    case ISA_KIND_group: *kind = ISA_DESC_group; return true;
    case ISA_KIND_ring: *kind = ISA_DESC_ring; return true;
    case ISA_KIND_table: *kind = ISA_DESC_table; return true;
    case ISA_KIND_chan: *kind = ISA_DESC_channel; return true;
    case ISA_KIND_port: *kind = ISA_DESC_port; return true;
    default: return false;
    }
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
static bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool text_is_word_char(char c) {
    return is_letter(c) || is_digit(c) || c == '.' || c == '%' || c == '+' || c == '-';
}

bool text_is_bare(const char *s, size_t n) {
    if (n == 0 || !is_letter(s[0]) || (n == 1 && s[0] == '_')) return false;
    for (size_t i = 1; i < n; i++)
        if (!is_letter(s[i]) && !is_digit(s[i]) && s[i] != '.') return false;
    return true;
}
