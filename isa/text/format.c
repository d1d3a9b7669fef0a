#include "isa/text/format.h"
#include <string.h>

// clang-format off
#define AT(kind, field) ISA_AT_##kind##_##field
const text_form text_forms[ISA_DESC_COUNT] = {
    [ISA_DESC_buffer] = {"buf", {AT(buffer, name), AT(buffer, type), AT(buffer, width)}, 3, false, 0, 0},
    [ISA_DESC_group] = {"group", {AT(group, name), AT(group, k), AT(group, n)}, 3, true,
                        AT(group, first_block), AT(group, n_blocks) + 1},
    [ISA_DESC_block] = {"block", {AT(block, rows), AT(block, cols)}, 2, true, 0, 0},
    [ISA_DESC_ring] = {"ring", {AT(ring, name)}, 1, false, 0, 0},
    [ISA_DESC_table] = {"table", {AT(table, name), AT(table, type), AT(table, rows), AT(table, width)}, 4, true, 0, 0},
    [ISA_DESC_channel] = {"channel", {AT(channel, name), AT(channel, type), AT(channel, width)}, 3, false,
                          AT(channel, first_dest), AT(channel, n_dests) + 1},
    [ISA_DESC_port] = {"port", {AT(port, name), AT(port, direction), AT(port, type), AT(port, width)}, 4, false, 0, 0},
};
// clang-format on

void text_defaults(isa_desc_kind kind, uint32_t index, void *descriptor) {
    const isa_desc *d = &isa_descs[kind];
    memset(descriptor, 0, d->struct_bytes);
    for (unsigned i = 0; i < d->n_fields; i++)
        if (d->fields[i].how == ISA_HOW_off)
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
