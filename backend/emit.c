// Instructions: one for each mapped operation, straight lines per tile; see backend.h.
#include "backend/emit.h"
#include "ir/text/text.h"
#include <string.h>

// ---- function codes, by name -----------------------------------------------------------------

static uint16_t fn1_code(const char *s) {
#define FN1(name, code, summary) \
    if (strcmp(s, #name) == 0) return code;
#include "support/num/fn.def"
    CHECK(false, "no function of one operand is called '%s'", s);
    return 0;
}

static uint16_t fn2_code(const char *s) {
#define FN2(name, code, summary) \
    if (strcmp(s, #name) == 0) return code;
#include "support/num/fn.def"
    CHECK(false, "no function of two operands is called '%s'", s);
    return 0;
}

static uint16_t red_code(const char *s) {
#define RED(name, code) \
    if (strcmp(s, #name) == 0) return code;
#include "isa/reductions.def"
    CHECK(false, "no reduction is called '%s'", s);
    return 0;
}

// Position of `s` in an instruction's list of modes.
static uint8_t mode_code(unsigned opcode, const char *s) {
    const char *modes = isa_info_of(opcode)->modes;
    size_t n = strlen(s);
    for (uint8_t i = 0; *modes; i++) {
        size_t k = strcspn(modes, " ");
        if (k == n && strncmp(modes, s, n) == 0) return i;
        modes += k + (modes[k] == ' ');
    }
    CHECK(false, "instruction %s has no mode '%s'", isa_info_of(opcode)->mnemonic, s);
    return 0;
}

// ---- domains ---------------------------------------------------------------------------------

static void put(be_emitter *e, int tile, isa_insn i, const ir_op *op) {
    be_tile *t = &e->tiles[tile];
    vec_push(&t->phase[e->phase].code, i);
    isa_line line = {.ir_op = op ? (uint32_t)(op - e->f->ops.items) : UINT32_MAX};
    const char *nodes = "";
    for (uint32_t k = 0; op && k < op->n_locs; k++)
        nodes = k ? arena_printf(e->p->arena, "%s\n%s", nodes, op->loc[k]) : op->loc[0];
    line.node = isa_program_string(e->p, nodes);
    vec_push(&t->phase[e->phase].lines, line);
}

// Most rows of a free domain in a step of the function.
static int64_t max_chunk_of(const ir_module *m, const ir_func *f) {
    return ir_attr_int(&f->attrs, IR_ATTR_max_chunk, ir_attr_int(&m->attrs, IR_ATTR_max_chunk, 1));
}

// Makes sure that a tile has set a derived domain (and what it derives from) before its first use.
static void need_domain(be_emitter *e, int tile, int dom) {
    if (dom < 0 || (e->tiles[tile].domains >> dom & 1)) return;
    const ir_domain *d = &e->m->domain[dom];
    e->tiles[tile].domains |= (uint8_t)(1u << dom);
    if (d->kind == IR_DOMAIN_FREE) return;
    need_domain(e, tile, d->of);
    isa_insn i = {.op = ISA_settl, .d = (uint16_t)dom, .x = (uint16_t)d->of};
    if (d->kind == IR_DOMAIN_ONE) {
        i.n = ISA_TL_ONE;
    } else if (d->kind == IR_DOMAIN_LAST) {
        i.n = ISA_TL_LAST;
    } else if (d->mul == 1 && d->div == 1 && d->add > 0) {
        i.n = ISA_TL_PREFIX;
        i.imm = (uint32_t)d->add;
    } else {
        i.n = ISA_TL_LIN;
        i.imm = (uint32_t)d->mul | (uint32_t)d->add << 8 | (uint32_t)d->div << 16;
        if (d->mul < 0 || d->mul > 255 || d->add < 0 || d->add > 255 || d->div < 1 ||
            d->div > 255) {
            diag_emit(
                e->diags, DIAG_ID_no_instruction, DIAG_NOWHERE,
                "domain t%d has (%lld rows of t%d + %lld) / %lld rows, settl takes numbers up "
                "to 255",
                dom, (long long)d->mul, d->of, (long long)d->add, (long long)d->div);
            e->failed = true;
        }
    }
    put(e, tile, i, NULL);
}

// ---- instructions ----------------------------------------------------------------------------

static uint32_t float_bits(double v) {
    float f = (float)v;
    uint32_t u;
    memcpy(&u, &f, 4);
    return u;
}

static const char *str(const ir_op *op, ir_key k) { return ir_attr_str(&op->attrs, k, ""); }
static int64_t num(const ir_op *op, ir_key k) { return ir_attr_int(&op->attrs, k, 0); }

static const char *const_name(const be_emitter *e, ir_val v) {
    const ir_op *op = ir_def(e->f, v);
    CHECK(op && op->code == IR_t_const, "operand %%%u is no constant", v);
    return str(op, IR_ATTR_value);
}

static uint16_t operand(const be_emitter *e, const ir_op *op, uint32_t k) {
    return k < op->n_operands && op->operand[k] != IR_NONE ? be_buffer(e, op->operand[k])
                                                           : ISA_NONE;
}

// Domain of the rows that a ring takes: of its writer, in this phase or one before.
static int ring_domain(const be_emitter *e, const ir_op *reader) {
    const char *ring = str(reader, IR_ATTR_ring);
    for (size_t k = 0; k <= e->phase; k++) {
        const ir_func *f = e->m->funcs.items[k];
        for (size_t i = 0; i < f->ops.count; i++) {
            const ir_op *op = &f->ops.items[i];
            if ((op->code == IR_gc_attn || op->code == IR_gc_write) &&
                strcmp(str(op, IR_ATTR_ring), ring) == 0)
                return ir_type_domain(ir_type_of(f, op->operand[op->code == IR_gc_attn]));
        }
    }
    return ir_type_domain(ir_type_of(e->f, reader->operand[0]));
}

static void attention(be_emitter *e, const ir_op *op, int tile, isa_insn *i) {
    ir_val first = op->operand[0];
    i->x = be_ring(e, tile, str(op, IR_ATTR_ring), ring_domain(e, op));
    switch (op->code) {
    case IR_gc_attn:
        i->op = ISA_attn;
        i->a = be_buffer(e, first);
        i->b = be_side_by_side(e, op->operand[1], op->operand[2]);
        i->n = operand(e, op, 3);
        break;
    case IR_gc_write:
        i->op = ISA_kvw;
        i->a = be_side_by_side(e, op->operand[0], op->operand[1]);
        i->n = operand(e, op, 2);
        break;
    default:
        i->op = op->code == IR_gc_query ? ISA_query : op->code == IR_gc_score ? ISA_score : ISA_mix;
        i->a = be_buffer(e, first);
    }
}

static void digital(be_emitter *e, const ir_op *op, int tile, isa_insn *i) {
    i->a = operand(e, op, 0);
    switch (op->code) {
    case IR_dig_ew1:
        i->op = ISA_ew1;
        i->n = fn1_code(str(op, IR_ATTR_fn));
        break;
    case IR_dig_ew2:
        i->op = ISA_ew2;
        i->b = operand(e, op, 1);
        i->n = fn2_code(str(op, IR_ATTR_fn));
        break;
    case IR_dig_ewt:
        i->op = ISA_ewt;
        i->x = be_table(e, tile, str(op, IR_ATTR_table));
        i->n = fn2_code(str(op, IR_ATTR_fn));
        break;
    case IR_dig_clip: {
        float bounds[2] = {(float)ir_attr_float(&op->attrs, IR_ATTR_lo, -__builtin_inf()),
                           (float)ir_attr_float(&op->attrs, IR_ATTR_hi, __builtin_inf())};
        i->op = ISA_clip;
        i->x = be_table_numbers(e, tile, bounds, 2);
        break;
    }
    case IR_dig_norm: {
        size_t n;
        const char *const *w = ir_attr_strs(&op->attrs, IR_ATTR_weights, &n);
        i->op = ISA_norm;
        i->mode = mode_code(ISA_norm, str(op, IR_ATTR_mode));
        i->x = n ? be_table_joined(e, tile, w, n) : ISA_NONE;
        i->imm = float_bits(ir_attr_float(&op->attrs, IR_ATTR_eps, 0));
        break;
    }
    case IR_dig_softmax:
        i->op = ISA_softmax;
        i->mode = strcmp(str(op, IR_ATTR_mode), "log") == 0;
        i->n = (uint16_t)num(op, IR_ATTR_segments);
        break;
    case IR_dig_red:
        i->op = ISA_red;
        i->n = red_code(str(op, IR_ATTR_fn));
        break;
    case IR_dig_rope:
        i->op = ISA_rope;
        i->mode = mode_code(ISA_rope, str(op, IR_ATTR_mode));
        i->x = be_table(e, tile, str(op, IR_ATTR_table));
        i->n = (uint16_t)num(op, IR_ATTR_heads);
        i->imm = (uint32_t)num(op, IR_ATTR_rotary_dim);
        i->b = operand(e, op, 1);
        break;
    case IR_dig_topk:
        i->op = ISA_topk;
        i->n = (uint16_t)num(op, IR_ATTR_k);
        i->imm = (uint32_t)ir_attr_float(&op->attrs, IR_ATTR_imm, 0);
        break;
    default: i->op = ISA_copy; break;
    }
}

static bool row_move(be_emitter *e, const ir_op *op, int tile, isa_insn *i) {
    i->a = operand(e, op, 0);
    switch (op->code) {
    case IR_rows_prefix:
    case IR_rows_suffix:
        i->op = op->code == IR_rows_prefix ? ISA_prefix : ISA_suffix;
        i->x = be_table(e, tile, const_name(e, op->operand[1]));
        return true;
    case IR_rows_pick:
        i->op = ISA_pick;
        i->mode = mode_code(ISA_pick, str(op, IR_ATTR_which));
        i->imm = (uint32_t)num(op, IR_ATTR_row);
        i->b = operand(e, op, 1);
        return true;
    case IR_rows_skip:
        i->op = ISA_skip;
        i->imm = (uint32_t)num(op, IR_ATTR_row);
        return true;
    case IR_rows_reduce:
        i->op = ISA_rred;
        i->n = red_code(str(op, IR_ATTR_fn));
        i->b = operand(e, op, 1);
        return true;
    case IR_rows_window:
        i->op = ISA_rows;
        i->mode = mode_code(ISA_rows, "window");
        i->imm = (uint32_t)num(op, IR_ATTR_k) | (uint32_t)num(op, IR_ATTR_stride) << 8 |
                 (uint32_t)num(op, IR_ATTR_pad) << 16;
        return true;
    case IR_rows_gather:
        i->op = ISA_rows;
        i->mode = mode_code(ISA_rows, "index");
        i->x = be_table(e, tile, const_name(e, op->operand[1]));
        i->n = (uint16_t)e->tiles[tile].tables.items[i->x].width;
        return true;
    default: return false;
    }
}

// Fields that an instruction does not have are 0; optional ones that are absent ISA_NONE.
static void settle(isa_insn *i) {
    const char *spec = isa_info_of(i->op)->operands;
    struct {
        char field;
        uint16_t *value;
    } fields[] = {{'d', &i->d}, {'a', &i->a}, {'b', &i->b}, {'x', &i->x}, {'n', &i->n}};
    for (size_t k = 0; k < ARRAY_LEN(fields); k++) {
        char want[3] = {fields[k].field, ':', 0};
        bool has = strncmp(spec, want, 2) == 0;
        char inner[4] = {' ', fields[k].field, ':', 0};
        has |= strstr(spec, inner) != NULL;
        if (!has) *fields[k].value = 0;
    }
}

static bool emit_op(be_emitter *e, const ir_op *op) {
    if (op->code == IR_t_const || op->code == IR_row_cols || op->code == IR_row_join) return true;
    int tile = (int)num(op, IR_ATTR_tile);
    isa_insn i = {.d = ISA_NONE, .a = ISA_NONE, .b = ISA_NONE, .x = ISA_NONE, .n = ISA_NONE};
    bool row = op->n_results > 0 && op->code != IR_net_send;
    int dom = ir_type_domain(ir_type_of(e->f, row ? op->result[0] : op->operand[0]));
    i.dom = (uint8_t)max_i64(0, dom);
    need_domain(e, tile, dom);
    for (uint32_t k = 0; k < op->n_operands; k++)
        if (op->operand[k] != IR_NONE)
            need_domain(e, tile, ir_type_domain(ir_type_of(e->f, op->operand[k])));
    if (row) i.d = be_buffer(e, op->result[0]);
    switch (op->code) {
    case IR_io_in:
        i.op = ISA_in;
        i.x = be_port(e, str(op, IR_ATTR_port), false);
        break;
    case IR_io_out:
        i.op = ISA_out;
        i.a = operand(e, op, 0);
        i.x = be_port(e, str(op, IR_ATTR_port), true);
        i.imm = (uint32_t)num(op, IR_ATTR_col0);
        break;
    case IR_mem_gather:
        i.op = ISA_gather;
        i.a = operand(e, op, 0);
        i.x = be_table(e, tile, str(op, IR_ATTR_table));
        break;
    case IR_mem_posrow:
        i.op = ISA_posrow;
        i.x = be_table(e, tile, str(op, IR_ATTR_table));
        break;
    case IR_xbar_mvm:
        i.op = ISA_mvm;
        i.mode = (uint8_t)num(op, IR_ATTR_raw);
        i.a = operand(e, op, 0);
        i.x = be_group(e, tile, str(op, IR_ATTR_group));
        i.b = operand(e, op, 1);
        break;
    case IR_xbar_fin:
        i.op = ISA_fin;
        i.a = operand(e, op, 0);
        i.x = be_group(e, tile, str(op, IR_ATTR_group));
        break;
    case IR_gc_attn:
    case IR_gc_write:
    case IR_gc_query:
    case IR_gc_score:
    case IR_gc_mix: attention(e, op, tile, &i); break;
    case IR_net_send:
        i.op = ISA_send;
        i.a = operand(e, op, 0);
        i.x = (uint16_t)num(op, IR_ATTR_channel);
        break;
    case IR_net_recv:
        i.op = ISA_recv;
        i.x = (uint16_t)num(op, IR_ATTR_channel);
        break;
    case IR_net_recv_add:
        i.op = ISA_recvadd;
        i.a = operand(e, op, 0);
        i.x = (uint16_t)num(op, IR_ATTR_channel);
        break;
    default:
        if (strcmp(ir_ops[op->code].unit, "dig") == 0) {
            digital(e, op, tile, &i);
        } else if (!row_move(e, op, tile, &i)) {
            diag_emit(e->diags, DIAG_ID_no_instruction,
                      DIAG_AT(NULL, op->n_locs ? op->loc[0] : NULL), "no instruction does '%s'",
                      ir_ops[op->code].name);
            return false;
        }
    }
    settle(&i);
    put(e, tile, i, op);
    return true;
}

// ---- channels, phases, the whole -------------------------------------------------------------

typedef VEC(uint32_t) dest_list;

static void channels_of(be_emitter *e, const ir_func *f, dest_list *dests) {
    for (size_t i = 0; i < f->ops.count; i++) {
        const ir_op *op = &f->ops.items[i];
        if (op->code != IR_net_send) continue;
        isa_channel *c = &e->p->channels[num(op, IR_ATTR_channel)];
        const ir_type *t = ir_type_of(f, op->operand[0]);
        const char *name = f->values.items[op->operand[0]].name;
        *c = (isa_channel){.name = name ? isa_program_string(e->p, name) : 0,
                           .source = (uint32_t)num(op, IR_ATTR_tile),
                           .type = (uint8_t)be_row_type(f, op->operand[0]),
                           .dom = (uint8_t)max_i64(0, ir_type_domain(t)),
                           .width = (uint32_t)ir_type_width(t),
                           .depth = (uint32_t)num(op, IR_ATTR_depth),
                           .first_dest = (uint32_t)dests->count};
        for (size_t k = i + 1; k < f->ops.count; k++) {
            const ir_op *to = &f->ops.items[k];
            for (uint32_t o = 0; o < to->n_operands; o++)
                if (to->operand[o] == op->result[0])
                    vec_push(dests, (uint32_t)num(to, IR_ATTR_tile));
        }
        c->n_dests = (uint32_t)dests->count - c->first_dest;
    }
}

static void channels(be_emitter *e) {
    dest_list dests = {0};
    uint32_t count = 0;
    for (size_t k = 0; k < e->m->funcs.count; k++) {
        const ir_func *f = e->m->funcs.items[k];
        for (size_t i = 0; i < f->ops.count; i++) count += f->ops.items[i].code == IR_net_send;
    }
    e->p->channels = ARENA_ARRAY(e->p->arena, isa_channel, count + 1);
    e->p->n_channels = count;
    for (size_t k = 0; k < e->m->funcs.count; k++) channels_of(e, e->m->funcs.items[k], &dests);
    e->p->dests = arena_copy(e->p->arena, dests.items, dests.count * sizeof *dests.items);
    e->p->n_dests = (uint32_t)dests.count;
    vec_free(&dests);
}

// The function has values of the domain, or of one that derives from it.
static bool counts_domain(const be_emitter *e, int d) {
    for (size_t v = 1; v < e->f->values.count; v++) {
        int of = ir_type_domain(&e->f->values.items[v].type);
        if (of >= 0 && ir_domain_root(e->m, of) == d) return true;
    }
    return false;
}

static void phase(be_emitter *e) {
    isa_phase *ph = &e->p->phases[e->p->n_phases++];
    int64_t chunk = max_chunk_of(e->m, e->f);
    ph->name = arena_str(e->p->arena, e->f->name);
    for (int d = 0; d < IR_MAX_DOMAINS; d++) {
        const ir_domain *dom = &e->m->domain[d];
        if (!ir_domain_is(e->m, d, IR_DOMAIN_FREE)) continue;
        if (e->m->funcs.count > 1 && !counts_domain(e, d)) continue; // of another phase
        ph->free_domains |= (uint8_t)(1u << d);
        ph->max_rows[d] = (uint32_t)min_i64(dom->max, chunk);
        ph->fixed_rows[d] = (uint32_t)dom->fixed;
    }
}

static const char *lines_of(arena *a, const ir_text_list *list) {
    size_t n = 0, at = 0;
    for (size_t i = 0; i < list->count; i++) n += strlen(list->items[i]) + 1;
    char *s = arena_alloc(a, n + 1);
    for (size_t i = 0; i < list->count; i++) {
        size_t k = strlen(list->items[i]);
        memcpy(s + at, list->items[i], k);
        s[at + k] = '\n';
        at += k + 1;
    }
    return s;
}

#define KEEP(to, list)                                                                     \
    do {                                                                                   \
        (to) = arena_copy(e->p->arena, (list).items, (list).count * sizeof *(list).items); \
        vec_free(&(list));                                                                 \
    } while (0)

static void keep_tiles(be_emitter *e) {
    e->p->tiles = ARENA_ARRAY(e->p->arena, isa_tile, e->n_tiles + 1);
    e->p->n_tiles = (uint32_t)e->n_tiles;
    for (int i = 0; i < e->n_tiles; i++) {
        be_tile *t = &e->tiles[i];
        isa_tile *to = &e->p->tiles[i];
        to->n_buffers = (uint32_t)t->buffers.count;
        to->n_groups = (uint32_t)t->groups.count;
        to->n_blocks = (uint32_t)t->blocks.count;
        to->n_rings = (uint32_t)t->rings.count;
        to->n_tables = (uint32_t)t->tables.count;
        KEEP(to->buffers, t->buffers);
        KEEP(to->groups, t->groups);
        KEEP(to->blocks, t->blocks);
        KEEP(to->rings, t->rings);
        KEEP(to->tables, t->tables);
        for (size_t k = 0; k < e->m->funcs.count; k++) {
            to->phase[k].count = (uint32_t)t->phase[k].code.count;
            KEEP(to->phase[k].code, t->phase[k].code);
            KEEP(to->phase[k].lines, t->phase[k].lines);
        }
        map_free(t->group_index);
        map_free(t->ring_index);
        map_free(t->table_index);
    }
}

// The lines of one function.
static bool emit_phase(be_emitter *e, size_t k) {
    e->f = e->m->funcs.items[k];
    e->phase = k;
    e->buffer = ARENA_ARRAY(e->p->arena, uint32_t, e->f->values.count + 1);
    be_buffers(e);
    phase(e);
    bool ok = true;
    for (int i = 0; i < e->n_tiles; i++) e->tiles[i].domains = 0;
    for (size_t i = 0; i < e->f->ops.count; i++) ok = emit_op(e, &e->f->ops.items[i]) && ok;
    for (int i = 0; i < e->n_tiles; i++) put(e, i, (isa_insn){.op = ISA_halt}, NULL);
    return ok && !e->failed;
}

isa_program *be_emit(ir_module *m, const machine *chip, const char *tool, diag_sink *diags) {
    CHECK(m->stage == IR_MAPPED && m->funcs.count >= 1 && m->funcs.count <= ISA_MAX_PHASES,
          "be_emit wants a mapped function for each phase");
    be_emitter emitter = {.m = m, .chip = chip, .p = isa_program_new(), .diags = diags};
    be_emitter *e = &emitter;
    isa_program *p = e->p;
    p->class = strcmp(ir_attr_str(&m->attrs, IR_ATTR_class, "stream"), "whole") == 0 ? ISA_WHOLE
                                                                                     : ISA_STREAM;
    p->max_tokens = (uint32_t)ir_attr_int(&m->attrs, IR_ATTR_max_tokens, 1);
    p->banks = 1;
    p->token_period_ns = ir_attr_float(&m->attrs, IR_ATTR_token_period, 0);
    for (size_t k = 0; k < m->funcs.count; k++) {
        const ir_func *f = m->funcs.items[k];
        p->max_chunk = (uint32_t)max_i64(p->max_chunk, max_chunk_of(m, f));
        for (size_t i = 0; i < f->ops.count; i++)
            e->n_tiles = (int)max_i64(e->n_tiles, num(&f->ops.items[i], IR_ATTR_tile) + 1);
    }
    e->tiles = base_calloc((size_t)e->n_tiles + 1, sizeof *e->tiles);
    for (int i = 0; i < e->n_tiles; i++) {
        e->tiles[i].group_index = map_new();
        e->tiles[i].ring_index = map_new();
        e->tiles[i].table_index = map_new();
    }
    e->table_offsets = map_new();
    be_ports(e);
    channels(e);
    bool ok = true;
    for (size_t k = 0; k < m->funcs.count; k++) ok = emit_phase(e, k) && ok;
    keep_tiles(e);
    p->n_cell_pieces = (uint32_t)e->cells.count;
    p->n_table_pieces = (uint32_t)e->tables.count;
    p->cells_bytes = e->cells_bytes;
    p->tables_bytes = e->tables_bytes;
    KEEP(p->cell_pieces, e->cells);
    KEEP(p->table_pieces, e->tables);
    p->chip = machine_text(p->arena, chip);
    char *text = ir_print_string(m);
    p->ir = arena_str(p->arena, text);
    free(text);
    p->proof = lines_of(p->arena, &m->proof);
    p->notes = lines_of(p->arena, &m->notes);
    p->tool = arena_str(p->arena, tool);
    map_free(e->table_offsets);
    vec_free(&e->offsets);
    free(e->tiles);
    if (ok) return p;
    isa_program_free(p);
    return NULL;
}
