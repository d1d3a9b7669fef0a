// Records as text has them: attributes in braces.
#include "ir/ring.h"
#include "ir/text/parser.h"
#include <inttypes.h>
#include <string.h>

// ---- domains

typedef struct {
    ir_domain *d;
    bool has_kind, has_of;
    const char *why; // what is wrong; NULL: nothing
} domain_reader;

static bool read_domain_attr(ir_parser *p, domain_reader *r, const ir_attr *x) {
    ir_domain *d = r->d;
    int kind;
    switch (x->key) {
    case IR_ATTR_kind:
        r->has_kind = true;
        if (!ir_word_parse(IR_ENUM_domain_kind, x->s, &kind)) {
            r->why = arena_printf(p->scratch, "the kind is \"%.40s\", must be one of: %s", x->s,
                                  ir_words(IR_ENUM_domain_kind));
            return false;
        }
        d->kind = (ir_domain_kind)kind;
        return true;
    case IR_ATTR_of:
        r->has_of = true;
        d->of = ir_domain_parse(x->s);
        if (d->of < 0)
            r->why = arena_printf(p->scratch, "'of' is \"%.40s\", which names no domain", x->s);
        return d->of >= 0;
    case IR_ATTR_mul: d->mul = x->i; return true;
    case IR_ATTR_add: d->add = x->i; return true;
    case IR_ATTR_div: d->div = x->i; return true;
    case IR_ATTR_max: d->max = x->i; return true;
    case IR_ATTR_fixed:
        d->fixed = x->i;
        if (x->i < 1) r->why = "'fixed' must be positive";
        return x->i >= 1;
    default:
        r->why = arena_printf(p->scratch, "a domain has no '%s'", ir_key_name(x->key));
        return false;
    }
}

// Which kinds of domain take the attribute.
static bool takes(ir_domain_kind kind, ir_key key) {
    switch (key) {
    case IR_ATTR_kind: return true;
    case IR_ATTR_max:
    case IR_ATTR_fixed: return kind == IR_DOMAIN_FREE;
    case IR_ATTR_of: return kind == IR_DOMAIN_LIN || kind == IR_DOMAIN_LAST;
    default: return kind == IR_DOMAIN_LIN;
    }
}

const char *text_read_domain(ir_parser *p, const ir_attrs *l, ir_domain *d) {
    *d = (ir_domain){.used = true, .mul = 1, .div = 1};
    domain_reader r = {.d = d};
    for (uint32_t i = 0; i < l->count; i++)
        if (!read_domain_attr(p, &r, &l->items[i])) return r.why;
    bool derived = d->kind == IR_DOMAIN_LIN || d->kind == IR_DOMAIN_LAST;
    if (!r.has_kind) return "it has no kind";
    for (uint32_t i = 0; i < l->count; i++)
        if (!takes(d->kind, l->items[i].key))
            return arena_printf(p->scratch, "one of kind \"%s\" has no '%s'",
                                ir_word(IR_ENUM_domain_kind, d->kind),
                                ir_key_name(l->items[i].key));
    if (derived && !r.has_of) return "it derives from another and has no 'of'";
    return NULL;
}

ir_attrs text_domain_attrs(arena *a, const ir_domain *d) {
    ir_attrs l = {0};
    const char of[] = {'t', (char)('0' + d->of), 0};
    ir_attr_set_str(a, &l, IR_ATTR_kind, ir_word(IR_ENUM_domain_kind, d->kind));
    switch (d->kind) {
    case IR_DOMAIN_FREE:
        if (d->max) ir_attr_set_int(a, &l, IR_ATTR_max, d->max);
        if (d->fixed) ir_attr_set_int(a, &l, IR_ATTR_fixed, d->fixed);
        break;
    case IR_DOMAIN_LIN:
        ir_attr_set_int(a, &l, IR_ATTR_mul, d->mul);
        ir_attr_set_int(a, &l, IR_ATTR_add, d->add);
        ir_attr_set_int(a, &l, IR_ATTR_div, d->div);
        ir_attr_set_str(a, &l, IR_ATTR_of, of);
        break;
    case IR_DOMAIN_LAST: ir_attr_set_str(a, &l, IR_ATTR_of, of); break;
    case IR_DOMAIN_ONE: break;
    }
    return l;
}

// ---- rings

const char *text_read_ring(ir_parser *p, const ir_attrs *l, ir_ring *r) {
    char why[IR_RING_TEXT];
    for (uint32_t i = 0; i < l->count; i++)
        if (!ir_ring_has(l->items[i].key))
            return arena_printf(p->scratch, "a ring has no '%s'", ir_key_name(l->items[i].key));
    return ir_ring_read(l, r, why) ? NULL : arena_str(p->scratch, why);
}
