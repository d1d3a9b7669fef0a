// Modules, symbols, functions: making, copying and finding them.
#include "ir/ring.h"
#include <string.h>

// The arena and files of one module, counted by that module and by what was derived from it:
// a derived module shares tensor data, so the memory of the older one must not go before it.
struct ir_memory {
    arena *arena;
    VEC(file_map) files;
    struct ir_memory *from; // of the module derived from; NULL
    size_t refs;
};

static struct ir_memory *memory_new(struct ir_memory *from) {
    struct ir_memory *mem = base_calloc(1, sizeof *mem);
    *mem = (struct ir_memory){.arena = arena_new(), .from = from, .refs = 1};
    if (from) from->refs++;
    return mem;
}

static void memory_release(struct ir_memory *mem) {
    while (mem && --mem->refs == 0) {
        struct ir_memory *from = mem->from;
        for (size_t i = 0; i < mem->files.count; i++) file_map_close(&mem->files.items[i]);
        vec_free(&mem->files);
        arena_free(mem->arena);
        free(mem);
        mem = from;
    }
}

static ir_module *module_new(struct ir_memory *from) {
    struct ir_memory *mem = memory_new(from);
    ir_module *m = ARENA_NEW(mem->arena, ir_module);
    m->memory = mem;
    m->arena = mem->arena;
    m->symbol_index = map_new();
    m->suffix = map_new();
    return m;
}

ir_module *ir_module_new(void) { return module_new(NULL); }

void ir_module_free(ir_module *m) {
    if (!m) return;
    for (size_t i = 0; i < m->funcs.count; i++) {
        ir_func *f = m->funcs.items[i];
        vec_free(&f->values);
        vec_free(&f->ops);
        vec_free(&f->params);
        vec_free(&f->results);
    }
    vec_free(&m->funcs);
    vec_free(&m->symbols);
    vec_free(&m->proof);
    vec_free(&m->notes);
    map_free(m->symbol_index);
    map_free(m->suffix);
    memory_release(m->memory);
}

ir_module *ir_module_derive(const ir_module *m) {
    ir_module *d = module_new(m->memory);
    d->stage = m->stage;
    d->attrs = ir_attrs_copy(d->arena, &m->attrs);
    memcpy(d->domain, m->domain, sizeof d->domain);
    for (size_t i = 0; i < m->symbols.count; i++) {
        const ir_symbol *s = m->symbols.items[i];
        ir_symbol *t = ir_symbol_add(d, s->kind, s->name);
        t->attrs = ir_attrs_copy(d->arena, &s->attrs);
        if (s->ring) *t->ring = *s->ring; // names stay in memory that d shares
        t->data = s->data;
        t->line = s->line;
        memcpy(t->hash, s->hash, sizeof t->hash);
    }
    for (size_t i = 0; i < m->proof.count; i++)
        vec_push(&d->proof, arena_str(d->arena, m->proof.items[i]));
    for (size_t i = 0; i < m->notes.count; i++)
        vec_push(&d->notes, arena_str(d->arena, m->notes.items[i]));
    return d;
}

void ir_module_adopt(ir_module *m, file_map f) { vec_push(&m->memory->files, f); }

// ---- symbols

ir_symbol *ir_symbol_find(const ir_module *m, const char *name) {
    uint32_t i = map_get(m->symbol_index, name);
    return i == MAP_NONE ? NULL : m->symbols.items[i];
}

static const char *free_name(ir_module *m, const char *name) {
    if (!ir_symbol_find(m, name)) return arena_str(m->arena, name);
    uint32_t last = map_get(m->suffix, name);
    for (uint32_t i = last == MAP_NONE ? 1 : last + 1;; i++) {
        const char *t = arena_printf(m->arena, "%s.%u", name, i);
        if (ir_symbol_find(m, t)) continue;
        map_set(m->suffix, name, i);
        return t;
    }
}

ir_symbol *ir_symbol_add(ir_module *m, ir_symbol_kind kind, const char *name) {
    ir_symbol *s = ARENA_NEW(m->arena, ir_symbol);
    s->kind = kind;
    s->name = free_name(m, name);
    if (kind == IR_SYM_RING) {
        s->ring = ARENA_NEW(m->arena, ir_ring);
        *s->ring = ir_ring_new();
    }
    map_add(m->symbol_index, s->name, (uint32_t)m->symbols.count);
    vec_push(&m->symbols, s);
    return s;
}

ir_symbol *ir_symbol_add_tensor(ir_module *m, const char *name, tensor data) {
    ir_symbol *s = ir_symbol_add(m, IR_SYM_TENSOR, name);
    s->data = data;
    return s;
}

// Hash of the text "f32[2,3]:" followed by the hash of the bytes.
const char *ir_symbol_hash(ir_symbol *s) {
    CHECK(s->kind == IR_SYM_TENSOR, "'@%s' is no tensor", s->name);
    if (s->hash[0]) return s->hash;
    char text[160];
    char bytes[33];
    ir_type t = ir_type_make(s->data.type, s->data.rank, s->data.dim);
    arena *a = arena_new();
    file_hash_hex(s->data.data, tensor_bytes(&s->data), bytes);
    snprintf(text, sizeof text, "%s:%s", ir_type_text(a, &t), bytes);
    arena_free(a);
    file_hash_hex(text, strlen(text), s->hash);
    return s->hash;
}

typedef struct {
    const ir_module *m;
    bool *live; // by symbol
} sweeper;

static void mark_all(sweeper *s, const ir_attrs *l);

// Marks a symbol, and what it refers to in turn; the depth is that of the chain, which marking
// ends.
static void mark(void *ctx, const char *name) {
    sweeper *s = ctx;
    uint32_t at = map_get(s->m->symbol_index, name);
    if (at == MAP_NONE || s->live[at]) return;
    const ir_symbol *x = s->m->symbols.items[at];
    s->live[at] = true;
    mark_all(s, &x->attrs);
    if (x->ring) ir_ring_tensors(x->ring, mark, s);
}

static void mark_all(sweeper *s, const ir_attrs *l) {
    for (uint32_t i = 0; i < l->count; i++) {
        const ir_attr *x = &l->items[i];
        if (x->kind == IR_SYM) mark(s, x->s);
        for (uint32_t j = 0; x->kind == IR_SYMS && j < x->count; j++)
            if (x->ss[j]) mark(s, x->ss[j]);
    }
}

void ir_symbols_sweep(ir_module *m) {
    bool *live = base_calloc(m->symbols.count + 1, sizeof *live);
    sweeper s = {m, live};
    for (size_t i = 0; i < m->funcs.count; i++) {
        const ir_func *f = m->funcs.items[i];
        for (size_t j = 0; j < f->ops.count; j++) mark_all(&s, &f->ops.items[j].attrs);
    }
    map_free(m->symbol_index);
    m->symbol_index = map_new();
    size_t n = 0;
    for (size_t i = 0; i < m->symbols.count; i++) {
        if (!live[i]) continue;
        ir_symbol *x = m->symbols.items[i];
        map_add(m->symbol_index, x->name, (uint32_t)n);
        m->symbols.items[n++] = x;
    }
    m->symbols.count = n;
    free(live);
}

// ---- functions

ir_func *ir_func_find(const ir_module *m, const char *name) {
    for (size_t i = 0; i < m->funcs.count; i++) {
        if (strcmp(m->funcs.items[i]->name, name) == 0) return m->funcs.items[i];
    }
    return NULL;
}

ir_func *ir_func_add(ir_module *m, const char *name) {
    CHECK(!ir_func_find(m, name), "function '@%s' exists", name);
    ir_func *f = ARENA_NEW(m->arena, ir_func);
    f->name = arena_str(m->arena, name);
    vec_push(&f->values, (ir_value){.op = UINT32_MAX}); // IR_NONE
    vec_push(&m->funcs, f);
    return f;
}

static const char *copy_name(arena *a, const char *s) { return s ? arena_str(a, s) : NULL; }

const char *ir_port_shape(arena *a, const ir_port *p) {
    size_t n;
    const char *const *dims = ir_attr_strs(&p->attrs, IR_ATTR_onnx_shape, &n);
    const char *text = "";
    for (size_t i = 0; i < n; i++) text = arena_printf(a, "%s%s%s", text, i ? "," : "[", dims[i]);
    if (n == 0) return ir_attr_has(&p->attrs, IR_ATTR_onnx_shape) ? "[]" : "";
    return arena_printf(a, "%s]", text);
}

static void copy_ports(arena *a, ir_port_list *to, const ir_port_list *from) {
    for (size_t i = 0; i < from->count; i++) {
        const ir_port *p = &from->items[i];
        vec_push(to, (ir_port){p->value, copy_name(a, p->name), ir_attrs_copy(a, &p->attrs)});
    }
}

ir_func *ir_func_copy(ir_module *m, const ir_func *f) {
    arena *a = m->arena;
    ir_func *c = ir_func_add(m, f->name);
    c->attrs = ir_attrs_copy(a, &f->attrs);
    c->line = f->line;
    for (size_t i = 1; i < f->values.count; i++) {
        ir_value v = f->values.items[i];
        v.name = copy_name(a, v.name);
        vec_push(&c->values, v);
    }
    for (size_t i = 0; i < f->ops.count; i++) {
        ir_op op = f->ops.items[i];
        op.operand = arena_copy(a, op.operand, op.n_operands * sizeof *op.operand);
        op.result = arena_copy(a, op.result, op.n_results * sizeof *op.result);
        const char **loc = ARENA_ARRAY(a, const char *, op.n_locs);
        for (uint32_t j = 0; j < op.n_locs; j++) loc[j] = arena_str(a, op.loc[j]);
        op.loc = loc;
        op.attrs = ir_attrs_copy(a, &op.attrs);
        vec_push(&c->ops, op);
    }
    copy_ports(a, &c->params, &f->params);
    copy_ports(a, &c->results, &f->results);
    return c;
}

uint32_t *ir_count_uses(arena *a, const ir_func *f) {
    uint32_t *uses = ARENA_ARRAY(a, uint32_t, f->values.count);
    for (size_t i = 0; i < f->ops.count; i++) {
        const ir_op *op = &f->ops.items[i];
        for (uint32_t j = 0; j < op->n_operands; j++) uses[op->operand[j]]++;
    }
    for (size_t i = 0; i < f->results.count; i++) uses[f->results.items[i].value]++;
    uses[IR_NONE] = 0;
    return uses;
}
