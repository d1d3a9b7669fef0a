// Groups, rings, tables and ports: descriptors, and the pieces of .ohm.cells and .ohm.tables behind
// them.
#include "backend/parts.h"
#include "ir/mapped.h"
#include "ir/ring.h"
#include "isa/machine/pool.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

// ---- pieces ----------------------------------------------------------------------------------

static uint64_t add_piece(be_pieces *list, uint64_t *total, uint64_t align, isa_piece piece) {
    piece.offset = align_u64(*total, align);
    *total = piece.offset + piece.bytes;
    vec_push(list, piece);
    return piece.offset;
}

static uint64_t table_bytes(be_emitter *e, const void *data, size_t bytes) {
    if (bytes == 0) return ISA_NO_OFFSET;
    return add_piece(&e->tables, &e->tables_bytes, 64, (isa_piece){.bytes = bytes, .data = data});
}

// Offset of data that several tiles or rings may share, under a key: "symbol NAME", "joined ...",
// "numbers ...".
static uint64_t shared_data(be_emitter *e, const char *key, const void *data, size_t bytes) {
    uint32_t known = map_get(e->table_offsets, key);
    if (known != MAP_NONE) return e->offsets.items[known];
    uint64_t at = table_bytes(e, data, bytes);
    map_set(e->table_offsets, key, (uint32_t)e->offsets.count);
    vec_push(&e->offsets, at);
    return at;
}

// ---- groups ----------------------------------------------------------------------------------

// Codes of a block of the sources side by side, row by row: [k1-k0][n1-n0].
typedef struct {
    ir_source *sources;
    size_t n_sources;
    int64_t k0, n0, n1;
    bool f32;
} cell_image;

static bool fill_cells(void *ctx, uint64_t first, size_t n, uint8_t *out) {
    const cell_image *c = ctx;
    size_t item = c->f32 ? 4 : 1, row_bytes = (size_t)(c->n1 - c->n0) * item;
    int64_t row = c->k0 + (int64_t)(first / row_bytes);
    for (size_t done = 0; done < n; done += row_bytes, row++) {
        uint8_t *to = out + done;
        int64_t at = 0; // column of the whole where source s begins
        for (size_t s = 0; s < c->n_sources; s++) {
            const ir_source *src = &c->sources[s];
            int64_t lo = max_i64(c->n0, at), hi = min_i64(c->n1, at + src->n);
            const uint8_t *data = src->weights->data;
            if (lo < hi && !src->trans) {
                memcpy(to, data + (size_t)(row * src->n + lo - at) * item,
                       (size_t)(hi - lo) * item);
                to += (size_t)(hi - lo) * item;
            } else {
                for (int64_t col = lo; col < hi; col++, to += item)
                    memcpy(to, data + (size_t)((col - at) * src->k + row) * item, item);
            }
            at += src->n;
        }
    }
    return true;
}

typedef enum { PER_COLUMN_SCALE, PER_COLUMN_ZERO, PER_COLUMN_BIAS } per_column;

// f32 or i32 [n1-n0] of a list of the group; ISA_NO_OFFSET when no source has it.
static uint64_t column_table(be_emitter *e, const cell_image *c, per_column what) {
    size_t n = (size_t)(c->n1 - c->n0);
    bool any = false;
    uint32_t *out = ARENA_ARRAY(e->p->arena, uint32_t, n);
    int64_t at = 0;
    for (size_t s = 0; s < c->n_sources; s++) {
        const ir_source *src = &c->sources[s];
        const tensor *t = what == PER_COLUMN_SCALE  ? src->scale
                          : what == PER_COLUMN_ZERO ? src->zero
                                                    : src->bias;
        int64_t lo = max_i64(c->n0, at), hi = min_i64(c->n1, at + src->n);
        for (int64_t col = lo; t && col < hi; col++) {
            size_t i = tensor_count(t) == 1 ? 0 : (size_t)(col - at);
            if (what == PER_COLUMN_ZERO) {
                int32_t z = (int32_t)elem_load_i64(t->type, t->data, i);
                memcpy(&out[col - c->n0], &z, 4);
            } else {
                float f = (float)elem_load_f64(t->type, t->data, i);
                memcpy(&out[col - c->n0], &f, 4);
            }
            any = true;
        }
        at += src->n;
    }
    return any ? table_bytes(e, out, n * 4) : ISA_NO_OFFSET;
}

// Sums of the codes of columns [lo, hi) of a source over all its rows.
static void add_columns(int32_t *to, const ir_source *src, int64_t lo, int64_t hi) {
    const int8_t *w = src->weights->data;
    for (int64_t col = lo; src->trans && col < hi; col++)
        for (int64_t k = 0; k < src->k; k++) to[col - lo] += w[col * src->k + k];
    for (int64_t k = 0; !src->trans && k < src->k; k++)
        for (int64_t i = 0; i < hi - lo; i++) to[i] += w[k * src->n + lo + i];
}

// Column sums of the codes over all rows of the matrix: what groups below one another have alike.
static uint64_t column_sums(be_emitter *e, const cell_image *c) {
    const size_t n = (size_t)(c->n1 - c->n0);
    arena *a = arena_new();
    const char *key = arena_printf(a, "%" PRId64 " %" PRId64, c->n0, c->n1);
    for (size_t s = 0; s < c->n_sources; s++)
        key = arena_printf(a, "%s %p%s", key, c->sources[s].weights->data,
                           c->sources[s].trans ? "^T" : "");
    const uint32_t known = map_add(e->sums_index, key, (uint32_t)e->sums.count);
    arena_free(a);
    if (known != MAP_NONE) return table_bytes(e, e->sums.items[known], n * 4);
    int32_t *sum = ARENA_ARRAY(e->p->arena, int32_t, n);
    int64_t at = 0;
    for (size_t s = 0; s < c->n_sources; at += c->sources[s++].n) {
        const int64_t lo = max_i64(c->n0, at), hi = min_i64(c->n1, at + c->sources[s].n);
        if (lo < hi) add_columns(sum + (lo - c->n0), &c->sources[s], lo - at, hi - at);
    }
    vec_push(&e->sums, sum);
    return table_bytes(e, sum, n * 4);
}

static void add_blocks(be_emitter *e, be_tile *t, isa_group *g, uint32_t crossbar) {
    uint32_t rows = g->k1 - g->k0;
    uint32_t step_k = e->chip->crossbar.rows ? (uint32_t)e->chip->crossbar.rows : rows;
    uint32_t step_n = e->chip->crossbar.columns ? (uint32_t)e->chip->crossbar.columns : g->n;
    g->first_block = (uint32_t)t->blocks.count;
    for (uint32_t k = 0; k < rows; k += step_k) {
        for (uint32_t n = 0; n < g->n; n += step_n) {
            isa_block b = {.crossbar = crossbar++,
                           .k0 = k,
                           .n0 = n,
                           .rows = rows - k < step_k ? rows - k : step_k,
                           .cols = g->n - n < step_n ? g->n - n : step_n};
            vec_push(&t->blocks, b);
        }
    }
    g->n_blocks = (uint32_t)t->blocks.count - g->first_block;
}

static void on_pool(const ir_attrs *a, isa_group *g, uint32_t first_block) {
    g->kind = ISA_STORED;
    g->first_block = first_block;
    g->digit_bits = (uint8_t)ir_attr_int(a, IR_ATTR_digit_bits, 0);
    g->chunk = (uint32_t)ir_attr_int(a, IR_ATTR_chunk, 0);
    g->adc_bits = (uint8_t)ir_attr_int(a, IR_ATTR_adc_bits, 0);
    g->adc_step = (uint32_t)ir_attr_int(a, IR_ATTR_adc_step, 0);
    g->apart = (uint8_t)ir_attr_int(a, IR_ATTR_apart, 0);
}

uint16_t be_next(be_emitter *e, const be_tile *t, size_t count, const char *kind) {
    if (count < ISA_NONE) return (uint16_t)count;
    if (!e->failed)
        diag_emit(e->diags, DIAG_ID_descriptors, DIAG_NOWHERE,
                  "tile %d needs more than %d %s, which is as many as its instructions can name: "
                  "spread the model over more tiles (--set tile.crossbars=N, fewer than now)",
                  (int)(t - e->tiles), ISA_NONE, kind);
    e->failed = true;
    return 0;
}

uint16_t be_group(be_emitter *e, int tile, const char *symbol) {
    be_tile *t = &e->tiles[tile];
    uint32_t have = map_get(t->group_index, symbol);
    if (have != MAP_NONE) return (uint16_t)have;
    const uint16_t at = be_next(e, t, t->groups.count, "groups");
    const ir_symbol *s = ir_symbol_find(e->m, symbol);
    CHECK(s && s->kind == IR_SYM_GROUP, "no group @%s", symbol);
    cell_image *c = ARENA_NEW(e->p->arena, cell_image);
    c->sources = ir_group_sources(e->p->arena, e->m, s, &c->n_sources);
    c->k0 = ir_attr_int(&s->attrs, IR_ATTR_k0, 0);
    c->n0 = ir_attr_int(&s->attrs, IR_ATTR_n0, 0);
    c->n1 = ir_attr_int(&s->attrs, IR_ATTR_n1, 0);
    c->f32 = c->sources[0].weights->type == ELEM_f32;
    int64_t k1 = ir_attr_int(&s->attrs, IR_ATTR_k1, 0);
    isa_group g = {.name = isa_program_string(e->p, symbol),
                   .kind = ISA_RESIDENT,
                   .wtype = c->f32 ? ISA_W_F32 : ISA_W_I8,
                   .k = (uint32_t)c->sources[0].k,
                   .k0 = (uint32_t)c->k0,
                   .k1 = (uint32_t)k1,
                   .n = (uint32_t)(c->n1 - c->n0)};
    uint32_t row = g.n * (c->f32 ? 4 : 1);
    g.cells = add_piece(
        &e->cells, &e->cells_bytes, 4096,
        (isa_piece){
            .bytes = (uint64_t)(k1 - c->k0) * row, .fill = fill_cells, .ctx = c, .grain = row});
    g.scale = c->f32 ? ISA_NO_OFFSET : column_table(e, c, PER_COLUMN_SCALE);
    g.zero = c->f32 ? ISA_NO_OFFSET : column_table(e, c, PER_COLUMN_ZERO);
    g.colsum = c->f32 ? ISA_NO_OFFSET : column_sums(e, c);
    g.bias = column_table(e, c, PER_COLUMN_BIAS);
    g.digits = (uint8_t)ir_attr_int(&s->attrs, IR_ATTR_digits, 0);
    if (g.digits > 0)
        on_pool(&s->attrs, &g, (uint32_t)t->blocks.count);
    else
        add_blocks(e, t, &g, (uint32_t)ir_attr_int(&s->attrs, IR_ATTR_xbar, 0));
    vec_push(&t->groups, g);
    map_set(t->group_index, symbol, at);
    return at;
}

// ---- rings -----------------------------------------------------------------------------------

// IR and instruction set number these alike.
_Static_assert((int)IR_RING_CAUSAL == ISA_RING_CAUSAL && (int)IR_RING_ALL == ISA_RING_ALL &&
                   (int)IR_RING_CROSS == ISA_RING_CROSS,
               "modes");
_Static_assert((int)IR_BIAS_NONE == ISA_BIAS_NONE && (int)IR_BIAS_ALIBI == ISA_BIAS_ALIBI &&
                   (int)IR_BIAS_TOEPLITZ == ISA_BIAS_TOEPLITZ && (int)IR_BIAS_FULL == ISA_BIAS_FULL,
               "biases");
static uint64_t number_table(be_emitter *e, const char *symbol) {
    if (!symbol) return ISA_NO_OFFSET;
    const tensor *t = &ir_symbol_find(e->m, symbol)->data;
    CHECK(t->type == ELEM_f32, "@%s must be f32", symbol);
    return table_bytes(e, t->data, tensor_bytes(t));
}

// What the unit does with scores and charges (docs/gain-cells.md).
static void readout(be_emitter *e, const ir_ring *of, isa_ring *r) {
    r->readout = (uint8_t)of->readout;
    r->act = (uint8_t)of->act;
    r->saturate = (uint8_t)of->saturate;
    r->decay_form = (uint8_t)of->decay_form;
    r->alpha = ir_ring_is_hard(of) ? (float)of->alpha : 0;
    r->beta = ir_ring_is_hard(of) ? (float)of->beta : 0;
    r->sub_tile = (uint32_t)(of->sub_tile ? of->sub_tile : e->chip->gain.sub_tile);
    r->kv_levels = (uint32_t)of->kv_levels;
    r->q_levels = (uint32_t)of->q_levels;
    r->p_levels = (uint32_t)of->p_levels;
    r->adc_bits = (uint32_t)of->adc_bits;
    r->out_levels = (uint32_t)of->out_levels;
    r->v_dd = (float)of->v_dd;
    r->s_sat = (float)of->s_sat;
    r->o_sat = (float)of->o_sat;
    r->decay = (float)of->decay;
    r->sink = number_table(e, of->sink);
    r->scalings = number_table(e, of->scalings);
    float *c = ARENA_ARRAY(e->p->arena, float, of->cell.count + 1);
    for (size_t i = 0; i < of->cell.count; i++) c[i] = (float)of->cell.items[i];
    r->cell = table_bytes(e, c, of->cell.count * sizeof *c);
    r->cell_terms = (uint32_t)of->cell.count;
}

static uint32_t named(be_emitter *e, const char *s) { return isa_program_string(e->p, s ? s : ""); }

uint16_t be_ring(be_emitter *e, int tile, const char *symbol, int dom) {
    be_tile *t = &e->tiles[tile];
    uint32_t have = map_get(t->ring_index, symbol);
    if (have != MAP_NONE) return (uint16_t)have;
    const uint16_t at = be_next(e, t, t->rings.count, "rings");
    const ir_ring *of = ir_ring_find(e->m, symbol);
    CHECK(of, "no ring @%s", symbol);
    isa_ring r = {.name = isa_program_string(e->p, symbol),
                  .kind = machine_has_pool(e->chip) ? ISA_RING_STORED : ISA_RING_GAIN,
                  .mode = (uint8_t)of->mode,
                  .bias = (uint8_t)of->bias,
                  .dom = (uint8_t)dom,
                  .n_kv = (uint32_t)of->n_kv,
                  .q_per_kv = (uint32_t)of->q_per_kv,
                  .d = (uint32_t)of->d,
                  .dv = (uint32_t)of->dv,
                  .slots = (uint32_t)of->slots,
                  .window = (uint32_t)of->window,
                  .scale = (float)of->scale,
                  .softcap = (float)of->softcap,
                  .bias_table = ISA_NO_OFFSET};
    readout(e, of, &r);
    if (of->table && of->bias != IR_BIAS_NONE) {
        const tensor *b = &ir_symbol_find(e->m, of->table)->data;
        // T5: one for all layers
        const char *key = arena_printf(e->p->arena, "symbol %s", of->table);
        r.bias_table = shared_data(e, key, b->data, tensor_bytes(b));
        uint32_t heads = r.n_kv * r.q_per_kv;
        r.bias_width = (uint32_t)(tensor_count(b) / (heads ? heads : 1));
        if (r.bias == ISA_BIAS_FULL) // of [heads][w][w]
            for (uint32_t all = r.bias_width, w = r.bias_width = 1; w * w <= all; w++)
                r.bias_width = w;
        // as the interpreter: a causal table ends at distance 0, others have it in the middle
        uint32_t zero = r.mode == ISA_RING_CAUSAL ? r.bias_width - 1 : (r.bias_width - 1) / 2;
        r.bias_zero = of->zero >= 0 ? (uint32_t)of->zero : zero;
    }
    bool loaded = of->past_key || of->present_key;
    r.past_key = named(e, of->past_key);
    r.past_value = named(e, of->past_value);
    r.present_key = named(e, of->present_key);
    r.present_value = named(e, of->present_value);
    r.kv_layout = named(e, loaded ? ir_word(IR_ENUM_kv_layout, (int)of->kv_layout) : NULL);
    vec_push(&t->rings, r);
    map_set(t->ring_index, symbol, at);
    return at;
}

// ---- tables ----------------------------------------------------------------------------------

static uint16_t add_table(be_emitter *e, int tile, const char *name, const char *key, isa_table d) {
    be_tile *t = &e->tiles[tile];
    const uint16_t at = be_next(e, t, t->tables.count, "tables");
    d.name = isa_program_string(e->p, name);
    vec_push(&t->tables, d);
    map_set(t->table_index, key, at);
    return at;
}

static const tensor *table_tensor(be_emitter *e, const char *symbol) {
    const ir_symbol *s = ir_symbol_find(e->m, symbol);
    CHECK(s && s->kind == IR_SYM_TENSOR, "no table @%s", symbol);
    elem want = s->data.type == ELEM_i32 || s->data.type == ELEM_i64 ? ELEM_i32 : ELEM_f32;
    if (s->data.type == want) return &s->data;
    tensor *t = ARENA_NEW(e->p->arena, tensor);
    *t = tensor_cast(e->p->arena, &s->data, want);
    return t;
}

uint16_t be_table(be_emitter *e, int tile, const char *symbol) {
    const char *key = arena_printf(e->p->arena, "symbol %s", symbol);
    uint32_t have = map_get(e->tiles[tile].table_index, key);
    if (have != MAP_NONE) return (uint16_t)have;
    const tensor *t = table_tensor(e, symbol);
    isa_table d = {.type = t->type == ELEM_i32 ? ISA_I32 : ISA_F32, .rows = 1};
    int last = t->rank - 1;
    d.width = (uint32_t)(t->rank ? t->dim[last] : 1);
    for (int i = 0; i < last; i++) d.rows *= (uint32_t)t->dim[i];
    d.data = shared_data(e, key, t->data, tensor_bytes(t));
    return add_table(e, tile, symbol, key, d);
}

uint16_t be_table_joined(be_emitter *e, int tile, const char *const *symbols, size_t n) {
    if (n == 1) return be_table(e, tile, symbols[0]);
    const char *name = "", *key = "joined";
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        name = i ? arena_printf(e->p->arena, "%s|%s", name, symbols[i]) : symbols[0];
        key = arena_printf(e->p->arena, "%s %zu %s", key, strlen(symbols[i]), symbols[i]);
        count += tensor_count(table_tensor(e, symbols[i]));
    }
    uint32_t have = map_get(e->tiles[tile].table_index, key);
    if (have != MAP_NONE) return (uint16_t)have;
    float *row = ARENA_ARRAY(e->p->arena, float, count), *to = row;
    for (size_t i = 0; i < n; i++) {
        const tensor *t = table_tensor(e, symbols[i]);
        memcpy(to, t->data, tensor_bytes(t));
        to += tensor_count(t);
    }
    isa_table d = {.type = ISA_F32, .rows = 1, .width = (uint32_t)count};
    d.data = shared_data(e, key, row, count * sizeof *row);
    return add_table(e, tile, name, key, d);
}

uint16_t be_table_numbers(be_emitter *e, int tile, const float *row, size_t n) {
    const char *name = "";
    for (size_t i = 0; i < n; i++)
        name = arena_printf(e->p->arena, "%s%s%.9g", name, i ? "|" : "", (double)row[i]);
    const char *key = arena_printf(e->p->arena, "numbers %s", name);
    uint32_t have = map_get(e->tiles[tile].table_index, key);
    if (have != MAP_NONE) return (uint16_t)have;
    isa_table d = {.type = ISA_F32, .rows = 1, .width = (uint32_t)n};
    d.data = shared_data(e, key, arena_copy(e->p->arena, row, n * sizeof *row), n * sizeof *row);
    return add_table(e, tile, name, key, d);
}

// ---- ports -----------------------------------------------------------------------------------

static isa_port describe_port(be_emitter *e, const ir_port *p, const ir_type *t, bool out) {
    isa_port d = {.name = isa_program_string(e->p, p->name),
                  .direction = out ? ISA_PORT_OUT : ISA_PORT_IN};
    elem type = t->type;
    elem_parse(ir_attr_str(&p->attrs, IR_ATTR_onnx_type, elem_name(type)), &type);
    d.elem = (uint8_t)type;
    d.type = t->type == ELEM_f32 ? ISA_F32 : ISA_I32;
    d.dom = (uint8_t)max_i64(0, ir_type_domain(t));
    d.width = (uint32_t)ir_type_width(t);
    d.role = (uint8_t)isa_port_role(ir_attr_str(&p->attrs, IR_ATTR_role, ""));
    d.lo = ir_attr_int(&p->attrs, IR_ATTR_range_lo, 0);
    d.hi = ir_attr_int(&p->attrs, IR_ATTR_range_hi, 0);
    d.pad = ir_attr_int(&p->attrs, IR_ATTR_uncounted, 0);
    d.shape = isa_program_string(e->p, ir_port_shape(e->p->arena, p));
    d.layout = isa_program_string(e->p, ir_attr_str(&p->attrs, IR_ATTR_layout, ""));
    return d;
}

// Row type of an output: all its io.out operations together.
static ir_type output_type(const ir_func *f, const char *name) {
    ir_type t = {0};
    int64_t width = 0;
    for (size_t i = 0; i < f->ops.count; i++) {
        const ir_op *op = &f->ops.items[i];
        if (op->code != IR_io_out || strcmp(ir_attr_str(&op->attrs, IR_ATTR_port, ""), name) != 0)
            continue;
        t = *ir_type_of(f, op->operand[0]);
        width += ir_type_width(&t);
    }
    t.rank = 2;
    t.dim[1] = width;
    return t;
}

static bool has_port(const be_emitter *e, const char *name, bool out, uint16_t *at) {
    for (uint32_t i = 0; i < e->p->n_ports; i++) {
        const isa_port *p = &e->p->ports[i];
        *at = (uint16_t)i;
        if ((p->direction == ISA_PORT_OUT) == out && strcmp(isa_str(e->p, p->name), name) == 0)
            return true;
    }
    return false;
}

void be_ports(be_emitter *e) {
    size_t n = 0;
    uint16_t at;
    for (size_t k = 0; k < e->m->funcs.count; k++)
        n += e->m->funcs.items[k]->params.count + e->m->funcs.items[k]->results.count;
    e->p->ports = ARENA_ARRAY(e->p->arena, isa_port, n + 1);
    for (size_t k = 0; k < e->m->funcs.count; k++) {
        const ir_func *f = e->m->funcs.items[k];
        for (size_t i = 0; i < f->params.count; i++) {
            const ir_port *p = &f->params.items[i];
            if (has_port(e, p->name, false, &at)) continue; // both phases read it
            e->p->ports[e->p->n_ports++] = describe_port(e, p, ir_type_of(f, p->value), false);
        }
    }
    for (size_t k = 0; k < e->m->funcs.count; k++) {
        const ir_func *f = e->m->funcs.items[k];
        for (size_t i = 0; i < f->results.count; i++) {
            const ir_port *p = &f->results.items[i];
            ir_type t = output_type(f, p->name);
            e->p->ports[e->p->n_ports++] = describe_port(e, p, &t, true);
        }
    }
}

uint16_t be_port(const be_emitter *e, const char *name, bool out) {
    uint16_t at = 0;
    CHECK(has_port(e, name, out, &at), "no port '%s'", name);
    return at;
}
