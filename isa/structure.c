// Structural checks: every index, offset and enumeration of a program is in range, so that whoever
// follows them stays inside. Reader, assembler and verifier call this first; it says nothing about
// whether the program makes sense.
#include "isa/structure.h"
#include "isa/code.h"
#include "isa/desc.h"
#include "isa/operand.h"
#include "support/name.h"
#include "support/num/elem.h"
#include <math.h>
#include <string.h>

// No row or count of a program is larger; products of two of them fit 64 bits with room.
enum { MAX_WIDTH = 1 << 24, MAX_DESCRIPTORS = ISA_NONE };

typedef struct {
    const isa_program *p;
    const char *name;
    diag_sink *diags;
    bool ok;
    // where we are, for messages
    const char *kind;
    uint32_t tile, index;
    const char *label;
    bool in_tile;
} checker;

static void bad(checker *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void bad(checker *c, const char *fmt, ...) {
    char where[256];
    size_t n = 0;
    if (c->in_tile) n = (size_t)snprintf(where, sizeof where, "tile %u, ", c->tile);
    snprintf(where + n, sizeof where - n, "%s %u%s%.100s%s", c->kind, c->index,
             *c->label ? " '" : "", c->label, *c->label ? "'" : "");
    va_list ap;
    va_start(ap, fmt);
    diag_vemit(c->diags, DIAG_ID_isa_structure, DIAG_AT(c->name, where), fmt, ap);
    va_end(ap);
    c->ok = false;
}

static bool is_string(const isa_program *p, uint64_t offset) { return offset < p->strings_bytes; }

// What desc.def alone says: strings, enumerations, domains.
static bool check_fields(checker *c, isa_desc_kind kind, const void *descriptor) {
    const isa_desc *d = &isa_descs[kind];
    bool ok = true;
    c->kind = d->name;
    c->label = "";
    const isa_field *first = &d->fields[0];
    if (first->how == ISA_HOW_str && is_string(c->p, isa_field_get(first, descriptor)))
        c->label = isa_str(c->p, (uint32_t)isa_field_get(first, descriptor));
    for (unsigned i = 0; i < d->n_fields; i++) {
        const isa_field *f = &d->fields[i];
        uint64_t v = isa_field_get(f, descriptor);
        const isa_enum *values = isa_field_enum(f);
        if (values && v >= values->count) {
            bad(c, "%s is %llu, which has no name", f->name, (unsigned long long)v);
            ok = false;
        } else if (f->how == ISA_HOW_str && !is_string(c->p, v)) {
            bad(c, "%s is no string: offset %llu of %llu", f->name, (unsigned long long)v,
                (unsigned long long)c->p->strings_bytes);
            ok = false;
        }
    }
    return ok;
}

static void check_size(checker *c, const char *what, uint32_t v, uint32_t least) {
    if (v < least || v > MAX_WIDTH) bad(c, "%s is %u, must be %u to %d", what, v, least, MAX_WIDTH);
}

// `count` elements of `bytes` at `offset` of a section of `section_bytes`; offset may be absent.
static void check_data(checker *c, const char *what, uint64_t offset, uint64_t count,
                       uint64_t bytes, uint64_t section_bytes) {
    uint64_t size, end;
    if (offset == ISA_NO_OFFSET) return;
    if (!mul_u64(count, bytes, &size) || !add_u64(offset, size, &end) || end > section_bytes)
        bad(c, "%s: %llu bytes at offset %llu lie outside its section of %llu bytes", what,
            (unsigned long long)(mul_u64(count, bytes, &size) ? size : UINT64_MAX),
            (unsigned long long)offset, (unsigned long long)section_bytes);
    else if (bytes % 4 == 0 && offset % 4 != 0)
        bad(c, "%s: offset %llu is no multiple of 4", what, (unsigned long long)offset);
}

static void check_buffer(checker *c, const isa_tile *t, uint32_t i) {
    const isa_buffer *b = &t->buffers[i];
    if (!check_fields(c, ISA_DESC_buffer, b)) return;
    check_size(c, "width", b->width, 1);
    check_size(c, "depth", b->depth, 1);
    uint64_t size, end;
    if (!mul_u64(b->depth, b->stride, &size) || !add_u64(b->base, size, &end))
        bad(c, "base, depth and stride leave the address space");
    if (b->parent >= t->n_buffers) {
        bad(c, "parent is %u of %u buffers", b->parent, t->n_buffers);
    } else if (b->parent == i) {
        if (b->width <= MAX_WIDTH && b->stride < isa_row_bytes(b->type, b->width))
            bad(c, "stride is %u, a row has %u bytes", b->stride, isa_row_bytes(b->type, b->width));
    } else {
        const isa_buffer *parent = &t->buffers[b->parent];
        if (parent->parent != b->parent) bad(c, "parent %u is a view itself", b->parent);
        if ((uint64_t)b->col0 + b->width > parent->width)
            bad(c, "columns %u..%llu of a parent with %u", b->col0,
                (unsigned long long)b->col0 + b->width, parent->width);
        if (b->type != parent->type || b->space != parent->space || b->depth != parent->depth ||
            b->stride != parent->stride || b->base != parent->base)
            bad(c, "a view has type, space, depth, stride and base of its parent %u", b->parent);
    }
}

static void check_group(checker *c, const isa_tile *t, uint32_t i, uint32_t first_block) {
    const isa_group *g = &t->groups[i];
    if (!check_fields(c, ISA_DESC_group, g)) return;
    check_size(c, "k", g->k, 0);
    check_size(c, "n", g->n, 1);
    if (g->k0 > g->k1 || g->k1 > g->k)
        bad(c, "rows %u..%u of a matrix with %u", g->k0, g->k1, g->k);
    if (g->first_block != first_block || g->n_blocks > t->n_blocks - first_block)
        bad(c, "blocks %u + %u: must start at %u and stay within %u", g->first_block, g->n_blocks,
            first_block, t->n_blocks);
    if (g->k0 > g->k1) return;
    if (g->kind != ISA_EPILOGUE && g->cells == ISA_NO_OFFSET) bad(c, "has no cells");
    if (g->kind == ISA_EPILOGUE && (g->cells != ISA_NO_OFFSET || g->n_blocks > 0))
        bad(c, "an epilogue has no cells and no blocks");
    uint64_t tables = c->p->tables_bytes;
    check_data(c, "cells", g->cells, (uint64_t)(g->k1 - g->k0) * g->n,
               g->wtype == ISA_W_F32 ? 4 : 1, c->p->cells_bytes);
    check_data(c, "scale", g->scale, g->n, 4, tables);
    check_data(c, "zero", g->zero, g->n, 4, tables);
    check_data(c, "colsum", g->colsum, g->n, 4, tables);
    check_data(c, "bias", g->bias, g->n, 4, tables);
}

static void check_block(checker *c, const isa_group *g, const isa_block *b) {
    if (!check_fields(c, ISA_DESC_block, b)) return;
    check_size(c, "rows", b->rows, 1);
    check_size(c, "cols", b->cols, 1);
    if ((uint64_t)b->k0 + b->rows > g->k1 - g->k0 || (uint64_t)b->n0 + b->cols > g->n)
        bad(c, "rows %u + %u, columns %u + %u lie outside its group of %u x %u", b->k0, b->rows,
            b->n0, b->cols, g->k1 - g->k0, g->n);
}

// Per-head tables and limits of a ring's read-out.
static void check_readout(checker *c, const isa_ring *r, uint64_t heads) {
    uint64_t tables = c->p->tables_bytes;
    check_data(c, "sink", r->sink, heads, 4, tables);
    if (r->kv_levels == 1 || r->kv_levels > 65536) bad(c, "kv_levels is %u", r->kv_levels);
    if (r->q_levels == 1 || r->q_levels > 65536) bad(c, "q_levels is %u", r->q_levels);
    if (r->p_levels == 1 || r->p_levels > 65536) bad(c, "p_levels is %u", r->p_levels);
    if (r->out_levels == 1 || r->out_levels > 65536) bad(c, "out_levels is %u", r->out_levels);
    if (r->adc_bits > 24) bad(c, "adc_bits is %u", r->adc_bits);
    if (r->adc_bits && (!r->kv_levels || !r->q_levels))
        bad(c, "a converter of %u bits needs q_levels and kv_levels: real numbers have no range",
            r->adc_bits);
    if (r->readout != ISA_READ_CHARGE) return;
    if (r->kv_levels > 256) bad(c, "kv_levels is %u, at most 256", r->kv_levels);
    const float least = 1e-9f; // as in chip files: one level of it is a number yet
    if (!(r->v_dd >= least) || !(r->s_sat >= least) || !(r->o_sat >= least) || !(r->decay >= 0))
        bad(c, "v_dd %g, s_sat %g, o_sat %g must be %g at least, and decay %g not negative",
            (double)r->v_dd, (double)r->s_sat, (double)r->o_sat, (double)least, (double)r->decay);
    check_size(c, "sub_tile", r->sub_tile, 1);
    check_size(c, "cell_terms", r->cell_terms, 1);
    if (r->cell_terms > ISA_MAX_CELL_TERMS)
        bad(c, "cell_terms is %u, at most %d", r->cell_terms, ISA_MAX_CELL_TERMS);
    if (r->cell == ISA_NO_OFFSET || r->scalings == ISA_NO_OFFSET)
        bad(c, "charge read-out needs cell and scalings");
    check_data(c, "cell", r->cell, r->cell_terms, 4, tables);
    check_data(c, "scalings", r->scalings, heads * 8, 4, tables);
}

static void check_ring(checker *c, const isa_ring *r) {
    if (!check_fields(c, ISA_DESC_ring, r)) return;
    check_size(c, "n_kv", r->n_kv, 1);
    check_size(c, "q_per_kv", r->q_per_kv, 1);
    check_size(c, "d", r->d, 1);
    check_size(c, "dv", r->dv, 1);
    check_size(c, "slots", r->slots, 1);
    if (r->bias == ISA_BIAS_TOEPLITZ || r->bias == ISA_BIAS_FULL) {
        check_size(c, "bias_width", r->bias_width, 1);
        if (r->bias == ISA_BIAS_TOEPLITZ && r->bias_zero >= r->bias_width)
            bad(c, "bias_zero is %u of %u entries", r->bias_zero, r->bias_width);
    }
    if (!c->ok) return;
    uint64_t heads = (uint64_t)r->n_kv * r->q_per_kv;
    uint64_t widest = r->d > r->dv ? r->d : r->dv;
    if (widest < r->slots) widest = r->slots;
    if (heads > MAX_WIDTH || heads * widest > MAX_WIDTH)
        bad(c, "%llu heads of up to %llu numbers do not fit a row", (unsigned long long)heads,
            (unsigned long long)widest);
    check_readout(c, r, heads);
    if (r->bias == ISA_BIAS_NONE) return;
    if (r->bias_table == ISA_NO_OFFSET) bad(c, "the score bias has no table");
    uint64_t per_head = r->bias == ISA_BIAS_ALIBI      ? 1
                        : r->bias == ISA_BIAS_TOEPLITZ ? r->bias_width
                                                       : (uint64_t)r->bias_width * r->bias_width;
    uint64_t count;
    if (!mul_u64(heads, per_head, &count)) count = UINT64_MAX;
    check_data(c, "bias_table", r->bias_table, count, 4, c->p->tables_bytes);
}

static void check_table(checker *c, const isa_table *t) {
    if (!check_fields(c, ISA_DESC_table, t)) return;
    check_size(c, "width", t->width, 1);
    if (t->rows == 0) bad(c, "has no rows");
    if (t->data == ISA_NO_OFFSET) bad(c, "has no data");
    if (t->width > MAX_WIDTH) return;
    check_data(c, "data", t->data, t->rows, isa_row_bytes(t->type, t->width), c->p->tables_bytes);
    if (t->data != ISA_NO_OFFSET && t->data % 4 != 0)
        bad(c, "data: the offset is no multiple of 4");
}

static bool check_count(checker *c, const char *what, uint32_t n) {
    if (n <= MAX_DESCRIPTORS) return true;
    c->kind = what;
    c->index = n;
    c->label = "";
    bad(c, "more than %d", MAX_DESCRIPTORS);
    return false;
}

static void check_lines(checker *c, const isa_tile *t) {
    for (uint32_t ph = 0; ph < c->p->n_phases; ph++) {
        for (uint32_t i = 0; t->phase[ph].lines && i < t->phase[ph].count; i++) {
            if (is_string(c->p, t->phase[ph].lines[i].node)) continue;
            c->kind = "line";
            c->index = i;
            c->label = "";
            bad(c, "the node's name is no string");
        }
    }
}

static void check_tile(checker *c, const isa_tile *t) {
    if (!check_count(c, "buffers", t->n_buffers) || !check_count(c, "groups", t->n_groups) ||
        !check_count(c, "rings", t->n_rings) || !check_count(c, "tables", t->n_tables))
        return;
    for (c->index = 0; c->index < t->n_buffers; c->index++) check_buffer(c, t, c->index);
    uint32_t next_block = 0;
    for (uint32_t i = 0; i < t->n_groups; i++) {
        bool before = c->ok;
        c->ok = true;
        c->index = i;
        check_group(c, t, i, next_block);
        for (uint32_t k = 0; c->ok && k < t->groups[i].n_blocks; k++) {
            c->index = next_block + k;
            check_block(c, &t->groups[i], &t->blocks[next_block + k]);
        }
        if (!c->ok) return;
        c->ok = before;
        next_block += t->groups[i].n_blocks;
    }
    if (next_block != t->n_blocks) {
        c->kind = "blocks";
        c->index = t->n_blocks;
        c->label = "";
        bad(c, "the groups own %u of them", next_block);
    }
    for (c->index = 0; c->index < t->n_rings; c->index++) {
        bool before = c->ok;
        c->ok = true;
        check_ring(c, &t->rings[c->index]);
        c->ok &= before;
    }
    for (c->index = 0; c->index < t->n_tables; c->index++) check_table(c, &t->tables[c->index]);
    check_lines(c, t);
}

static void check_channels(checker *c) {
    const isa_program *p = c->p;
    if (!check_count(c, "channels", p->n_channels)) return;
    uint32_t next = 0;
    for (c->index = 0; c->index < p->n_channels; c->index++) {
        const isa_channel *ch = &p->channels[c->index];
        if (!check_fields(c, ISA_DESC_channel, ch)) continue;
        check_size(c, "width", ch->width, 1);
        check_size(c, "depth", ch->depth, 1);
        if (ch->source >= p->n_tiles) bad(c, "source is tile %u of %u", ch->source, p->n_tiles);
        if (ch->first_dest != next || ch->n_dests > p->n_dests - next) {
            bad(c, "destinations %u + %u: must start at %u and stay within %u", ch->first_dest,
                ch->n_dests, next, p->n_dests);
            return;
        }
        for (uint32_t k = 0; k < ch->n_dests; k++)
            if (p->dests[next + k] >= p->n_tiles)
                bad(c, "destination is tile %u of %u", p->dests[next + k], p->n_tiles);
        next += ch->n_dests;
    }
    if (next == p->n_dests) return;
    c->kind = "destinations";
    c->index = p->n_dests;
    c->label = "";
    bad(c, "the channels own %u of them", next);
}

static void check_ports(checker *c) {
    if (!check_count(c, "ports", c->p->n_ports)) return;
    for (c->index = 0; c->index < c->p->n_ports; c->index++) {
        const isa_port *port = &c->p->ports[c->index];
        if (!check_fields(c, ISA_DESC_port, port)) continue;
        check_size(c, "width", port->width, 1);
        const bool ranged = port->lo != port->hi;
        if (port->lo > port->hi || (ranged && port->type != ISA_I32) || port->lo < INT32_MIN ||
            port->hi > INT64_C(1) << 31)
            bad(c, "range %lld..%lld: of values of i32, one past the largest last",
                (long long)port->lo, (long long)port->hi);
    }
}

// Phase names become part of section names.
static bool is_phase_name(const char *s) {
    size_t n = strlen(s);
    return n > 0 && n <= 32 && s[strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_")] == 0;
}

static void check_signature(checker *c) {
    const isa_program *p = c->p;
    c->kind = "phase";
    c->label = "";
    if (p->n_phases < 1 || p->n_phases > ISA_MAX_PHASES) {
        c->index = p->n_phases;
        bad(c, "a program has 1 to %d phases", ISA_MAX_PHASES);
        return;
    }
    for (c->index = 0; c->index < p->n_phases; c->index++) {
        const isa_phase *ph = &p->phases[c->index];
        if (!is_phase_name(ph->name)) bad(c, "its name may have letters a-z, digits and '_'");
        for (uint32_t k = 0; k < c->index; k++)
            if (strcmp(p->phases[k].name, ph->name) == 0) bad(c, "'%s' is named twice", ph->name);
        for (unsigned d = 0; d < ISA_DOMAINS; d++) {
            if (ph->max_rows[d] > MAX_WIDTH)
                bad(c, "domain t%u has up to %u rows", d, ph->max_rows[d]);
            if (ph->fixed_rows[d] > ph->max_rows[d])
                bad(c, "domain t%u has %u rows, at most %u", d, ph->fixed_rows[d], ph->max_rows[d]);
        }
    }
    c->kind = "signature";
    c->index = 0;
    if ((unsigned)p->class > ISA_WHOLE) bad(c, "class %u", (unsigned)p->class);
    if (p->banks < 1 || p->banks > MAX_WIDTH) bad(c, "banks is %u", p->banks);
    if (p->max_chunk < 1 || p->max_chunk > MAX_WIDTH) bad(c, "max_chunk is %u", p->max_chunk);
    if (p->max_tokens < 1 || p->max_tokens > MAX_WIDTH) bad(c, "max_tokens is %u", p->max_tokens);
    if (!(p->token_period_ns >= 0 && isfinite(p->token_period_ns)))
        bad(c, "token_period_ns is %g", p->token_period_ns);
}

// Lines that people read: nothing in them but characters and line ends.
static void check_texts(checker *c) {
    const char *const texts[] = {c->p->tool, c->p->chip, c->p->ir, c->p->proof, c->p->notes};
    static const char *const kinds[] = {"tool", "chip", "ir", "proof", "notes"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        const char *s = texts[i] ? texts[i] : "";
        size_t n = strlen(s);
        for (size_t at = 0; at < n;) {
            uint32_t ch;
            size_t k = name_char(s + at, n - at, &ch);
            if (k == 0 || (!name_is_plain(ch) && ch != '\n' && ch != '\t')) {
                c->kind = kinds[i];
                c->index = 0;
                bad(c, "byte %zu of the text is none that can be shown", at);
                break;
            }
            at += k;
        }
    }
}

bool isa_check_structure(const isa_program *p, const char *name, diag_sink *diags) {
    checker c = {.p = p, .name = name, .diags = diags, .ok = true, .kind = "strings", .label = ""};
    if (p->strings_bytes == 0 || p->strings[0] != 0 || p->strings[p->strings_bytes - 1] != 0) {
        bad(&c, "must begin and end with a zero byte");
        return false;
    }
    check_signature(&c);
    check_texts(&c);
    if (!c.ok) return false;
    check_channels(&c);
    check_ports(&c);
    c.in_tile = true;
    for (c.tile = 0; c.tile < p->n_tiles; c.tile++) check_tile(&c, &p->tiles[c.tile]);
    return c.ok;
}

// --- operands

// How many descriptors an operand of the kind can name in the tile; UINT32_MAX: it names none.
static uint32_t operand_limit(const isa_program *p, const isa_tile *t, isa_operand_kind kind) {
    switch (kind) {
    case ISA_KIND_buf: return t->n_buffers;
    case ISA_KIND_group: return t->n_groups;
    case ISA_KIND_ring: return t->n_rings;
    case ISA_KIND_table: return t->n_tables;
    case ISA_KIND_chan: return p->n_channels;
    case ISA_KIND_port: return p->n_ports;
    default: return UINT32_MAX;
    }
}

bool isa_insn_names_exist(const isa_program *p, uint32_t tile, const isa_insn *i) {
    if (!isa_is_canonical(i)) return false;
    const isa_info *info = isa_info_of(i->op);
    for (unsigned k = 0; k < info->n_operands; k++) {
        const isa_operand *o = &info->operands[k];
        if (isa_operand_absent(o, i)) continue;
        uint32_t limit = operand_limit(p, &p->tiles[tile], o->kind);
        if (limit != UINT32_MAX && isa_operand_get(i, o->field) >= limit) return false;
    }
    return true;
}
