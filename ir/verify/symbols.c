// The verifier: attributes of the module, of functions and ports; domains, tensors, groups.
#include "ir/pool.h"
#include "ir/verify/common.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

// ---- module, functions, ports

static void verify_class(verifier *v, diag_loc loc, const ir_attrs *l) {
    if (ir_attr_word(l, IR_ATTR_class, IR_ENUM_program_class, 0) < 0)
        verify_error(v, loc, DIAG_ID_module_attribute, "'class' is \"%s\", must be one of: %s",
                     ir_attr_str(l, IR_ATTR_class, ""), ir_words(IR_ENUM_program_class));
    double period = ir_attr_float(l, IR_ATTR_token_period, 0);
    if (!(period >= 0 && period < INFINITY))
        verify_error(v, loc, DIAG_ID_module_attribute,
                     "'token_period' is %g ns, must not be negative", period);
    static const ir_key positive[] = {IR_ATTR_max_tokens, IR_ATTR_max_chunk, IR_ATTR_banks};
    for (size_t i = 0; i < ARRAY_LEN(positive); i++) {
        ir_key k = positive[i];
        if (ir_attr_int(l, k, 1) < 1)
            verify_error(v, loc, DIAG_ID_module_attribute, "'%s' must be positive", ir_key_name(k));
    }
}

static void verify_ports(verifier *v, const ir_func *f, const ir_port_list *ports) {
    map *names = map_new();
    diag_loc loc = verify_at_func(v, f);
    for (size_t i = 0; i < ports->count; i++) {
        const ir_port *p = &ports->items[i];
        if (p->name && map_add(names, p->name, 0) != MAP_NONE)
            verify_error(v, loc, DIAG_ID_port, "two ports are called \"%s\"", p->name);
        int64_t lo = ir_attr_int(&p->attrs, IR_ATTR_range_lo, 0);
        if (ir_attr_int(&p->attrs, IR_ATTR_range_hi, INT64_MAX) <= lo)
            verify_error(v, loc, DIAG_ID_module_attribute, "the range of port \"%s\" is empty",
                         p->name ? p->name : "");
        if (ir_attr_word(&p->attrs, IR_ATTR_role, IR_ENUM_port_role, 0) < 0)
            verify_error(v, loc, DIAG_ID_module_attribute,
                         "the role of a port is \"%s\", must be one of: %s",
                         ir_attr_str(&p->attrs, IR_ATTR_role, ""), ir_words(IR_ENUM_port_role));
    }
    map_free(names);
}

void verify_func_attrs(verifier *v, const ir_func *f) {
    verify_class(v, verify_at_func(v, f), &f->attrs);
    verify_ports(v, f, &f->params);
    verify_ports(v, f, &f->results);
}

// ---- domains

static diag_loc at_domain(const verifier *v, int n) {
    diag_loc loc = {.file = v->name, .line = v->m->domain[n].line};
    if (loc.line <= 0) loc.where = arena_printf(v->a, "domain t%d", n);
    return loc;
}

static void verify_domain(verifier *v, int n) {
    const ir_domain *d = &v->m->domain[n];
    const diag_loc loc = at_domain(v, n);
    if (!ir_is_word(IR_ENUM_domain_kind, d->kind)) {
        verify_error(v, loc, DIAG_ID_domain, "the kind of t%d is %d, which is none", n, d->kind);
        return;
    }
    if (d->kind == IR_DOMAIN_FREE && (d->max < 1 || d->fixed < 0 || d->fixed > d->max))
        verify_error(v, loc, DIAG_ID_domain, "t%d needs 'max', and 'fixed' in 1..max if any", n);
    if (d->kind == IR_DOMAIN_LIN && (d->mul < 1 || d->div < 1))
        verify_error(v, loc, DIAG_ID_domain, "'mul' and 'div' of t%d must be positive", n);
    if (d->kind != IR_DOMAIN_LIN && d->kind != IR_DOMAIN_LAST) return;
    if (ir_domain_parent(v->m, n) < 0) {
        verify_error(v, loc, DIAG_ID_domain, "'of' of t%d names no declared domain", n);
        return;
    }
    int up = n;
    for (int i = 0; i <= IR_MAX_DOMAINS; i++)
        if ((up = ir_domain_parent(v->m, up)) < 0) return; // a root
    verify_error(v, loc, DIAG_ID_domain, "t%d derives from itself", n);
}

// ---- symbols

diag_loc verify_at_symbol(const verifier *v, const ir_symbol *s) {
    diag_loc loc = {.file = v->name, .line = s->line};
    if (loc.line <= 0)
        loc.where =
            arena_printf(v->a, "%s @%s", ir_word(IR_ENUM_symbol_kind, (int)s->kind), s->name);
    return loc;
}

static bool verify_tensor(verifier *v, const ir_symbol *s) {
    size_t count;
    const tensor *t = &s->data;
    if (s->kind != IR_SYM_TENSOR) return true;
    bool sound = (unsigned)t->type < ELEM_COUNT && t->type != ELEM_q8 &&
                 tensor_checked_count(t->dim, t->rank, (uint64_t)IR_MAX_ELEMENTS, &count) &&
                 (count == 0 || t->data);
    if (!sound)
        verify_error(v, verify_at_symbol(v, s), DIAG_ID_symbol, "tensor '@%s' has no data",
                     s->name);
    return sound;
}

const tensor *verify_find_tensor(verifier *v, const ir_symbol *s, const char *name) {
    const ir_symbol *t = name ? ir_symbol_find(v->m, name) : NULL;
    if (t && t->kind == IR_SYM_TENSOR) return &t->data;
    verify_error(v, verify_at_symbol(v, s), DIAG_ID_symbol, "'@%s' of '@%s' is no tensor",
                 name ? name : "_", s->name);
    return NULL;
}

// ---- groups

static void group_error(verifier *v, const ir_symbol *s, const char *what) {
    verify_error(v, verify_at_symbol(v, s), DIAG_ID_group_shape, "group '@%s': %s", s->name, what);
}

// Entry i of a per-column list: of element type e, for each of n columns or one for all.
static void verify_columns(verifier *v, const ir_symbol *s, ir_key k, size_t i, elem e, int64_t n) {
    size_t count;
    const char *const *names = ir_attr_strs(&s->attrs, k, &count);
    if (i >= count || !names[i]) return;
    const tensor *t = verify_find_tensor(v, s, names[i]);
    if (!t) return;
    int64_t found = (int64_t)tensor_count(t);
    if (t->type == e && (found == 1 || found == n)) return;
    verify_error(v, verify_at_symbol(v, s), DIAG_ID_group_shape,
                 "group '@%s': '@%s' must have %" PRId64 " elements of type %s", s->name, names[i],
                 n, elem_name(e));
}

// Source i: matrix and per-column numbers. *k is that of the first source, -1 before it. Returns
// its columns, or -1.
static int64_t verify_source(verifier *v, const ir_symbol *s, size_t i, int64_t *k) {
    size_t n_weights, n_trans, n_scale;
    const char *const *weights = ir_attr_strs(&s->attrs, IR_ATTR_weights, &n_weights);
    const int64_t *trans = ir_attr_ints(&s->attrs, IR_ATTR_wtrans, &n_trans);
    const char *const *scale = ir_attr_strs(&s->attrs, IR_ATTR_wscale, &n_scale);
    const tensor *w = verify_find_tensor(v, s, weights[i]);
    if (!w) return -1;
    if (w->rank != 2 || !(elem_is_float(w->type) || w->type == ELEM_i8)) {
        group_error(v, s, "weights must be matrices of a float type or i8");
        return -1;
    }
    bool t = i < n_trans && trans[i];
    int64_t rows = w->dim[t ? 1 : 0], columns = w->dim[t ? 0 : 1];
    if (*k >= 0 && rows != *k) group_error(v, s, "its weights have different numbers of rows");
    *k = rows;
    if (w->type == ELEM_i8 && (i >= n_scale || !scale[i]))
        group_error(v, s, "weights of type i8 need 'wscale'");
    verify_columns(v, s, IR_ATTR_wscale, i, ELEM_f32, columns);
    verify_columns(v, s, IR_ATTR_wzero, i, ELEM_i32, columns);
    verify_columns(v, s, IR_ATTR_wbias, i, ELEM_f32, columns);
    return columns;
}

static void verify_group(verifier *v, const ir_symbol *s) {
    static const ir_key lists[] = {IR_ATTR_wscale, IR_ATTR_wzero, IR_ATTR_wbias};
    const ir_attrs *l = &s->attrs;
    size_t n, found;
    ir_attr_strs(l, IR_ATTR_weights, &n);
    int64_t k0 = ir_attr_int(l, IR_ATTR_k0, -1), k1 = ir_attr_int(l, IR_ATTR_k1, -1);
    int64_t n0 = ir_attr_int(l, IR_ATTR_n0, -1), n1 = ir_attr_int(l, IR_ATTR_n1, -1);
    if (n == 0 || k0 < 0 || k1 <= k0 || n0 < 0 || n1 <= n0) {
        verify_error(v, verify_at_symbol(v, s), DIAG_ID_group_attribute,
                     "group '@%s' needs 'weights' and a block k0 < k1, n0 < n1", s->name);
        return;
    }
    ir_attr_ints(l, IR_ATTR_wtrans, &found);
    bool even = found == 0 || found == n;
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        ir_attr_strs(l, lists[i], &found);
        even &= found == 0 || found == n;
    }
    if (!even) {
        verify_error(v, verify_at_symbol(v, s), DIAG_ID_group_attribute,
                     "the lists of group '@%s' must have one item for each of its %zu weights",
                     s->name, n);
        return;
    }
    int64_t rows = -1, columns = 0;
    for (size_t i = 0; i < n; i++) {
        int64_t more = verify_source(v, s, i, &rows);
        if (more < 0) return;
        columns += more;
    }
    pool_unit u;
    const char *fault = pool_unit_of(s, &u) ? pool_unit_fault(&u) : NULL;
    if (fault) group_error(v, s, fault);
    if (u.digits && !ir_attr_has(l, IR_ATTR_wscale))
        group_error(v, s, "a pool multiplies codes: 'digits' needs 'wscale'");
    if (k1 > rows || n1 > columns) group_error(v, s, "its block leaves the matrix");
}

bool verify_module(verifier *v) {
    const ir_module *m = v->m;
    verify_class(v, (diag_loc){.file = v->name, .line = m->line}, &m->attrs);
    for (int i = 0; i < IR_MAX_DOMAINS; i++) {
        if (m->domain[i].used) verify_domain(v, i);
    }
    bool sound = true;
    for (size_t i = 0; i < m->symbols.count; i++) sound &= verify_tensor(v, m->symbols.items[i]);
    if (!sound) return false;
    for (size_t i = 0; i < m->symbols.count; i++) {
        const ir_symbol *s = m->symbols.items[i];
        if (s->kind == IR_SYM_RING) verify_ring(v, s);
        if (s->kind == IR_SYM_GROUP) verify_group(v, s);
    }
    return true;
}
