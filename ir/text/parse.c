// Actions of the grammar: from the parts of a line to IR. See parser.h.
#include "ir/text/parser.h"
#include "support/spell.h"
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

// In p->values: defined by a line that was not understood; uses are not reported again.
enum { TEXT_DAMAGED = UINT32_MAX - 1 };

static diag_loc loc_in(const ir_parser *p, text_loc l) {
    return (diag_loc){.file = p->name, .line = l.line, .col = l.col, .end_col = l.end_col};
}

void text_error(ir_parser *p, text_loc loc, diag_id id, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    diag_vemit(p->diags, id, loc_in(p, loc), fmt, ap);
    va_end(ap);
    p->errors++;
}

// ---- lines

bool text_line_end(ir_parser *p) {
    vec_clear(&p->items);
    vec_clear(&p->operands);
    vec_clear(&p->defined);
    vec_clear(&p->types);
    vec_clear(&p->dims);
    vec_clear(&p->nodes);
    vec_clear(&p->params);
    vec_clear(&p->results);
    p->attrs = (ir_attrs){0};
    p->is_module = p->is_func = false;
    if (p->errors < TEXT_MAX_ERRORS) return true;
    text_error(p, (text_loc){p->line, 0, 0}, DIAG_ID_text_limit, "too many errors, giving up");
    return false;
}

static void func_open(ir_parser *p, text_loc loc, ir_func *f) {
    p->in_func = true;
    p->func = f;
    p->func_loc = loc;
    p->values = map_new();
}

static void func_close(ir_parser *p) {
    map_free(p->values);
    p->values = NULL;
    p->func = NULL;
    p->in_func = false;
    vec_clear(&p->func_results);
}

void text_line_damaged(ir_parser *p) {
    if (p->is_func && !p->in_func) func_open(p, (text_loc){p->line - 1, 0, 0}, NULL);
    if (!p->in_func) return;
    for (size_t i = 0; i < p->defined.count; i++)
        map_add(p->values, p->defined.items[i].name, TEXT_DAMAGED);
}

void text_file_end(ir_parser *p) {
    if (!p->in_func) return;
    text_error(p, p->func_loc, DIAG_ID_text_syntax, "the function has no end, '}'");
    func_close(p);
}

// Declarations stand outside of functions.
static bool outside(ir_parser *p, text_loc loc) {
    if (!p->in_func) return true;
    text_error(p, loc, DIAG_ID_text_syntax, "a declaration inside of a function");
    return false;
}

// ---- types

void text_dim(ir_parser *p, const char *text, bool is_name, text_loc loc) {
    int64_t d = 0;
    if (is_name) {
        int n = ir_domain_parse(text);
        if (n < 0)
            text_error(p, loc, DIAG_ID_text_type, "'%s' is no token domain, t0 to t%d", text,
                       IR_MAX_DOMAINS - 1);
        else if (p->dims.count)
            text_error(p, loc, DIAG_ID_text_type, "a token domain must be the first axis");
        else
            d = IR_DIM_DOMAIN(n);
    } else {
        const char *why = text_read_int(text, &d);
        if (why)
            text_error(p, loc, DIAG_ID_text_number, "axis size '%s' %s", text, why);
        else if (d < 0)
            text_error(p, loc, DIAG_ID_text_type, "axis size %s is negative", text);
        if (d < 0) d = 0;
    }
    vec_push(&p->dims, d);
}

ir_type text_type(ir_parser *p, const char *name, text_loc loc) {
    elem e = ELEM_f32;
    int rank = 0;
    if (!elem_parse(name, &e))
        text_error(p, loc, DIAG_ID_text_type, "there is no element type '%s'", name);
    if (p->dims.count > IR_MAX_RANK)
        text_error(p, loc, DIAG_ID_text_type, "a type of %zu axes, at most %d are possible",
                   p->dims.count, IR_MAX_RANK);
    else
        rank = (int)p->dims.count;
    ir_type t = ir_type_make(e, rank, p->dims.items);
    vec_clear(&p->dims);
    return t;
}

// ---- attributes

static const char *const item_names[] = {"a number", "a string", "a symbol", "'_'"};

static text_item_kind kind_of_items(ir_attr_kind k) {
    switch (k) {
    case IR_INT:
    case IR_FLOAT:
    case IR_INTS:
    case IR_FLOATS: return TEXT_NUMBER;
    case IR_STR:
    case IR_STRS: return TEXT_STRING;
    case IR_SYM:
    case IR_SYMS: return TEXT_SYMBOL;
    }
    return TEXT_NUMBER;
}

static bool check_items(ir_parser *p, const char *key, text_loc loc, bool is_list, ir_attr_kind k) {
    bool wants_list = k == IR_INTS || k == IR_FLOATS || k == IR_STRS || k == IR_SYMS;
    if (is_list != wants_list) {
        text_error(p, loc, DIAG_ID_text_attribute, "'%s' takes %s", key,
                   wants_list ? "a list" : "one value");
        return false;
    }
    for (size_t i = 0; i < p->items.count; i++) {
        const text_item *x = &p->items.items[i];
        if (x->kind == kind_of_items(k) || (x->kind == TEXT_NONE && k == IR_SYMS)) continue;
        text_error(p, x->loc, DIAG_ID_text_attribute, "'%s' takes %s, found %s", key,
                   item_names[kind_of_items(k)], item_names[x->kind]);
        return false;
    }
    return true;
}

static void set_ints(ir_parser *p, ir_key k, bool is_list) {
    int64_t *v = ARENA_ARRAY(p->scratch, int64_t, p->items.count + 1);
    for (size_t i = 0; i < p->items.count; i++) {
        const text_item *x = &p->items.items[i];
        const char *why = text_read_int(x->text, &v[i]);
        if (why) text_error(p, x->loc, DIAG_ID_text_number, "'%s' %s", x->text, why);
    }
    if (is_list)
        ir_attr_set_ints(p->module->arena, &p->attrs, k, v, p->items.count);
    else
        ir_attr_set_int(p->module->arena, &p->attrs, k, v[0]);
}

static void set_floats(ir_parser *p, ir_key k, bool is_list) {
    double *v = ARENA_ARRAY(p->scratch, double, p->items.count + 1);
    for (size_t i = 0; i < p->items.count; i++) {
        const text_item *x = &p->items.items[i];
        const char *why = text_read_double(x->text, &v[i]);
        if (why) text_error(p, x->loc, DIAG_ID_text_number, "'%s' %s", x->text, why);
    }
    if (is_list)
        ir_attr_set_floats(p->module->arena, &p->attrs, k, v, p->items.count);
    else
        ir_attr_set_float(p->module->arena, &p->attrs, k, v[0]);
}

static void set_strings(ir_parser *p, ir_key k, bool is_list) {
    const char **v = ARENA_ARRAY(p->scratch, const char *, p->items.count + 1);
    for (size_t i = 0; i < p->items.count; i++) v[i] = p->items.items[i].text;
    if (is_list)
        ir_attr_set_strs(p->module->arena, &p->attrs, k, v, p->items.count);
    else
        ir_attr_set_str(p->module->arena, &p->attrs, k, v[0]);
}

// `stage` belongs to the module itself, not to its attributes.
static void set_stage(ir_parser *p, text_loc loc, bool is_list) {
    const char *s = !is_list && p->items.items[0].kind == TEXT_STRING ? p->items.items[0].text : "";
    int stage;
    if (ir_word_parse(IR_ENUM_stage, s, &stage))
        p->module->stage = (ir_stage)stage;
    else
        text_error(p, loc, DIAG_ID_text_attribute, "'stage' must be one of: %s",
                   ir_words(IR_ENUM_stage));
}

void text_attr(ir_parser *p, const char *key, text_loc loc, bool is_list) {
    if (p->is_module && strcmp(key, "stage") == 0) {
        set_stage(p, loc, is_list);
        return;
    }
    ir_key k = ir_key_parse(key);
    if (k == IR_ATTR_NONE) {
        text_error(p, loc, DIAG_ID_text_attribute, "there is no attribute '%s'", key);
        return;
    }
    if (ir_attr_has(&p->attrs, k)) {
        text_error(p, loc, DIAG_ID_text_attribute, "'%s' stands twice", key);
        return;
    }
    if (!check_items(p, key, loc, is_list, ir_key_kind(k))) return;
    switch (ir_key_kind(k)) {
    case IR_INT:
    case IR_INTS: set_ints(p, k, is_list); break;
    case IR_FLOAT:
    case IR_FLOATS: set_floats(p, k, is_list); break;
    case IR_STR:
    case IR_SYM:
    case IR_STRS:
    case IR_SYMS: set_strings(p, k, is_list); break;
    }
}

// ---- declarations

void text_module(ir_parser *p, text_loc loc, ir_attrs attrs) {
    if (!outside(p, loc)) return;
    if (p->seen_module) text_error(p, loc, DIAG_ID_text_name, "a second 'module' line");
    p->seen_module = true;
    p->module->attrs = attrs;
    p->module->line = loc.line;
}

void text_domain(ir_parser *p, const char *name, text_loc loc, ir_attrs attrs) {
    if (!outside(p, loc)) return;
    int n = ir_domain_parse(name);
    ir_domain d;
    const char *why;
    if (n < 0) {
        text_error(p, loc, DIAG_ID_text_type, "'%s' is no token domain, t0 to t%d", name,
                   IR_MAX_DOMAINS - 1);
    } else if (p->module->domain[n].used) {
        text_error(p, loc, DIAG_ID_text_name, "domain '%s' is declared twice", name);
    } else if ((why = text_read_domain(p, &attrs, &d))) {
        text_error(p, loc, DIAG_ID_domain, "domain '%s': %s", name, why);
    } else {
        p->module->domain[n] = d;
        p->module->domain[n].line = loc.line;
    }
}

// NULL when the name is taken: reported.
static ir_symbol *add_symbol(ir_parser *p, ir_symbol_kind kind, const char *name, text_loc loc) {
    if (!outside(p, loc)) return NULL;
    const ir_symbol *other = ir_symbol_find(p->module, name);
    if (other) {
        text_error(p, loc, DIAG_ID_text_name, "'@%s' is defined twice", name);
        diag_note(p->diags, (diag_loc){.file = p->name, .line = other->line},
                  "it is defined here as well");
        return NULL;
    }
    ir_symbol *s = ir_symbol_add(p->module, kind, name);
    s->line = loc.line;
    return s;
}

void text_symbol(ir_parser *p, ir_symbol_kind kind, const char *name, text_loc loc,
                 ir_attrs attrs) {
    ir_symbol *s = add_symbol(p, kind, name, loc);
    const char *why = s && kind == IR_SYM_RING ? text_read_ring(p, &attrs, s->ring) : NULL;
    if (why) text_error(p, loc, DIAG_ID_ring_attribute, "ring '@%s': %s", name, why);
    if (s && kind == IR_SYM_GROUP) s->attrs = attrs;
}

static bool tensor_type(ir_parser *p, text_loc loc, const ir_type *t) {
    size_t count;
    if (ir_type_domain(t) >= 0 || t->type == ELEM_q8) {
        text_error(p, loc, DIAG_ID_text_tensor, "the type of a tensor has neither domain nor q8");
        return false;
    }
    if (tensor_checked_count(t->dim, t->rank, (uint64_t)1 << 40, &count)) return true;
    text_error(p, loc, DIAG_ID_text_tensor, "the tensor is too large");
    return false;
}

void text_tensor_items(ir_parser *p, const char *name, text_loc loc, ir_type type) {
    if (!tensor_type(p, loc, &type)) return;
    size_t count = p->items.count;
    tensor shape = {.type = type.type, .rank = type.rank};
    memcpy(shape.dim, type.dim, sizeof shape.dim);
    if (tensor_count(&shape) != count) {
        text_error(p, loc, DIAG_ID_text_tensor, "the tensor has %zu elements, found %zu",
                   tensor_count(&shape), count);
        return;
    }
    ir_symbol *s = add_symbol(p, IR_SYM_TENSOR, name, loc);
    if (!s) return;
    s->data = tensor_new(p->module->arena, type.type, type.rank, type.dim);
    for (size_t i = 0; i < count; i++) {
        const text_item *x = &p->items.items[i];
        const char *why = x->kind == TEXT_NUMBER
                              ? text_read_elem(type.type, x->text, s->data.data, i)
                              : "is no number";
        if (why) text_error(p, x->loc, DIAG_ID_text_number, "'%s' %s", x->text, why);
    }
}

static bool is_hash(const char *s) {
    return strlen(s) == 32 && strspn(s, "0123456789abcdef") == 32;
}

// Maps DIR/HASH.bin as s->data; reports.
static void load(ir_parser *p, ir_symbol *s, const char *hash, text_loc loc) {
    const char *file = arena_printf(p->scratch, "%s.bin", hash);
    const char *of = p->dir ? file_join(p->scratch, p->dir, "") : p->name;
    file_map f;
    bool absent;
    if (!file_map_beside(&f, p->scratch, of, file, &absent, p->diags) || absent) {
        text_error(p, loc, DIAG_ID_text_tensor, "the data of '@%s', '%s', cannot be read", s->name,
                   f.name);
        return;
    }
    const char *path = f.name;
    size_t want = tensor_bytes(&s->data);
    if (f.bytes != want) {
        text_error(p, loc, DIAG_ID_text_tensor, "'%s' has %zu bytes, '@%s' needs %zu", path,
                   f.bytes, s->name, want);
        file_map_close(&f);
        return;
    }
    s->data.data = (void *)f.data;
    if (strcmp(ir_symbol_hash(s), hash) != 0) {
        text_error(p, loc, DIAG_ID_text_tensor, "'%s' is damaged: its hash is %s", path, s->hash);
        s->data.data = NULL;
        file_map_close(&f);
        return;
    }
    ir_module_adopt(p->module, f);
}

void text_tensor_hash(ir_parser *p, const char *name, text_loc loc, ir_type type, const char *hash,
                      text_loc hash_loc) {
    if (!tensor_type(p, loc, &type)) return;
    if (!is_hash(hash)) {
        text_error(p, hash_loc, DIAG_ID_text_tensor, "\"%.40s\" is no hash of 32 hex digits", hash);
        return;
    }
    ir_symbol *s = add_symbol(p, IR_SYM_TENSOR, name, loc);
    if (!s) return;
    s->data = (tensor){.type = type.type, .rank = type.rank};
    memcpy(s->data.dim, type.dim, sizeof s->data.dim);
    tensor found = s->data;
    if (!p->lookup || !p->lookup(p->lookup_ctx, hash, &found)) {
        load(p, s, hash, hash_loc);
    } else if (found.type != type.type || !tensor_same_shape(&found, &s->data)) {
        text_error(p, loc, DIAG_ID_text_tensor, "the tensor of hash \"%s\" has another type", hash);
    } else {
        s->data = found;
        memcpy(s->hash, hash, sizeof s->hash);
    }
}

void text_sentence(ir_parser *p, text_loc loc, ir_text_list *list, const char *text) {
    if (outside(p, loc)) vec_push(list, arena_str(p->module->arena, text));
}

// ---- functions

static ir_val define(ir_parser *p, const text_value *v, ir_type type, uint32_t op) {
    ir_func *f = p->func;
    ir_val id = (ir_val)f->values.count;
    uint32_t before = map_add(p->values, v->name, id);
    if (before != MAP_NONE && before != TEXT_DAMAGED) {
        text_error(p, v->loc, DIAG_ID_text_name, "'%%%s' is defined twice", v->name + 1);
        const ir_op *def = ir_def(f, before);
        diag_note(p->diags, (diag_loc){.file = p->name, .line = def ? def->line : p->func_loc.line},
                  "it is defined here as well");
    }
    const char *name = v->name[0] == '$' ? arena_str(p->module->arena, v->name + 1) : NULL;
    vec_push(&f->values, (ir_value){type, name, op});
    return id;
}

// The value named; IR_NONE for `_` and, reported, for what is not defined.
static ir_val use(ir_parser *p, const text_value *v) {
    if (!v->name) return IR_NONE;
    uint32_t id = map_get(p->values, v->name);
    if (id == TEXT_DAMAGED) return IR_NONE;
    if (id != MAP_NONE) return id;
    text_error(p, v->loc, DIAG_ID_text_name, "'%%%s' is not defined", v->name + 1);
    return IR_NONE;
}

void text_func_begin(ir_parser *p, const char *name, text_loc loc, ir_attrs attrs) {
    if (p->in_func) {
        text_error(p, p->func_loc, DIAG_ID_text_syntax, "the function has no end, '}'");
        func_close(p);
    }
    if (ir_func_find(p->module, name)) {
        text_error(p, loc, DIAG_ID_text_name, "function '@%s' is defined twice", name);
        func_open(p, loc, NULL);
        return;
    }
    ir_func *f = ir_func_add(p->module, name);
    f->attrs = attrs;
    f->line = loc.line;
    func_open(p, loc, f);
    arena *a = p->module->arena;
    for (size_t i = 0; i < p->params.count; i++) {
        const text_port *x = &p->params.items[i];
        ir_val v = define(p, &x->value, x->type, UINT32_MAX);
        vec_push(&f->params, (ir_port){v, x->name ? arena_str(a, x->name) : NULL, x->attrs});
    }
    for (size_t i = 0; i < p->results.count; i++) vec_push(&p->func_results, p->results.items[i]);
}

void text_func_end(ir_parser *p, text_loc loc) {
    if (!p->in_func) {
        text_error(p, loc, DIAG_ID_text_syntax, "'}' without a function");
        return;
    }
    for (size_t i = 0; p->func && i < p->func_results.count; i++) {
        const text_port *x = &p->func_results.items[i];
        const char *name = x->name ? arena_str(p->module->arena, x->name) : NULL;
        vec_push(&p->func->results, (ir_port){use(p, &x->value), name, x->attrs});
    }
    func_close(p);
}

void text_op(ir_parser *p, const char *name, text_loc loc, ir_attrs attrs) {
    if (!p->in_func) {
        text_error(p, loc, DIAG_ID_text_syntax, "'%s' outside of a function", name);
        return;
    }
    ir_op op = {.attrs = attrs, .line = loc.line, .col = loc.col, .end_col = loc.end_col};
    bool ok = p->func != NULL;
    if (ok && !ir_opcode_parse(name, &op.code)) {
        spell_nearest near = spell_start(name, strlen(name));
        for (int i = 0; i < IR_OP_COUNT; i++) spell_try(&near, ir_ops[i].name);
        text_error(p, loc, DIAG_ID_op_unknown, "there is no operation '%s'%s%s%s", name,
                   near.best ? "; did you mean '" : "", near.best ? near.best : "",
                   near.best ? "'?" : "");
        ok = false;
    }
    if (ok && p->types.count != p->defined.count) {
        text_error(p, loc, DIAG_ID_text_syntax, "'%s' gives names to %zu results and types to %zu",
                   name, p->defined.count, p->types.count);
        ok = false;
    }
    if (!ok) {
        text_line_damaged(p);
        return;
    }
    arena *a = p->module->arena;
    op.n_operands = (uint32_t)p->operands.count;
    op.operand = ARENA_ARRAY(a, ir_val, op.n_operands);
    for (uint32_t i = 0; i < op.n_operands; i++) op.operand[i] = use(p, &p->operands.items[i]);
    op.n_results = (uint32_t)p->defined.count;
    op.result = ARENA_ARRAY(a, ir_val, op.n_results);
    uint32_t index = (uint32_t)p->func->ops.count;
    op.n_locs = (uint32_t)p->nodes.count;
    op.loc = ARENA_ARRAY(a, const char *, op.n_locs);
    for (uint32_t i = 0; i < op.n_locs; i++) op.loc[i] = arena_str(a, p->nodes.items[i].text);
    vec_push(&p->func->ops, op);
    for (uint32_t i = 0; i < op.n_results; i++)
        op.result[i] = define(p, &p->defined.items[i], p->types.items[i], index);
}

// ---- entry

ir_module *ir_parse(const char *text, size_t bytes, const char *name, const char *dir,
                    ir_tensor_lookup lookup, void *ctx, diag_sink *diags) {
    if (bytes > TEXT_MAX_BYTES) {
        diag_emit(diags, DIAG_ID_text_limit, DIAG_FILE(name), "the text is larger than %d bytes",
                  TEXT_MAX_BYTES);
        return NULL;
    }
    ir_parser p = {.module = ir_module_new(),
                   .scratch = arena_new(),
                   .name = name,
                   .dir = dir,
                   .lookup = lookup,
                   .lookup_ctx = ctx,
                   .diags = diags,
                   .line = 1,
                   .col = 1};
    ir_text_run(&p, text, bytes);
    if (p.in_func) func_close(&p);
    vec_free(&p.items);
    vec_free(&p.operands);
    vec_free(&p.defined);
    vec_free(&p.types);
    vec_free(&p.dims);
    vec_free(&p.nodes);
    vec_free(&p.params);
    vec_free(&p.results);
    vec_free(&p.func_results);
    arena_free(p.scratch);
    if (!p.errors) return p.module;
    ir_module_free(p.module);
    return NULL;
}

ir_module *ir_parse_file(const char *path, diag_sink *diags) {
    file_map f;
    if (!file_map_open(&f, path, diags)) return NULL;
    const char *text = f.bytes ? (const char *)f.data : "";
    ir_module *m = ir_parse(text, f.bytes, path, NULL, NULL, NULL, diags);
    file_map_close(&f);
    return m;
}
