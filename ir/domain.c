// Token domains: what their records say together.
#include "ir/ir.h"

int ir_domain_parse(const char *s) {
    bool ok = s[0] == 't' && s[1] >= '0' && s[1] < '0' + IR_MAX_DOMAINS && s[2] == 0;
    return ok ? s[1] - '0' : -1;
}

static const ir_domain *used(const ir_module *m, int d) {
    return d >= 0 && d < IR_MAX_DOMAINS && m->domain[d].used ? &m->domain[d] : NULL;
}

bool ir_domain_is(const ir_module *m, int d, ir_domain_kind kind) {
    const ir_domain *x = used(m, d);
    return x && x->kind == kind;
}

int ir_domain_parent(const ir_module *m, int d) {
    const ir_domain *x = used(m, d);
    bool derived = x && (x->kind == IR_DOMAIN_LIN || x->kind == IR_DOMAIN_LAST);
    return derived && used(m, x->of) ? x->of : -1;
}

int ir_domain_root(const ir_module *m, int d) {
    for (int i = 0, up; i < IR_MAX_DOMAINS && (up = ir_domain_parent(m, d)) >= 0; i++) d = up;
    return d;
}

bool ir_domain_has_one_row(const ir_module *m, int d) {
    const ir_domain *x = used(m, d);
    return x && (x->kind == IR_DOMAIN_ONE || x->kind == IR_DOMAIN_LAST ||
                 (x->kind == IR_DOMAIN_FREE && x->fixed == 1));
}

bool ir_domain_lin(const ir_domain *d, int64_t n, int64_t *rows) {
    int64_t v;
    if (d->div < 1 || __builtin_mul_overflow(n, d->mul, &v) ||
        __builtin_add_overflow(v, d->add, &v))
        return false;
    *rows = v / d->div;
    return true;
}

int64_t ir_domain_max(const ir_module *m, int d) {
    int chain[IR_MAX_DOMAINS], n = 0;
    for (; n < IR_MAX_DOMAINS && ir_domain_is(m, d, IR_DOMAIN_LIN) && ir_domain_parent(m, d) >= 0;
         d = m->domain[d].of)
        chain[n++] = d;
    int64_t max = INT64_MAX;
    if (ir_domain_has_one_row(m, d)) {
        max = 1;
    } else if (ir_domain_is(m, d, IR_DOMAIN_FREE)) {
        const ir_domain *x = &m->domain[d];
        max = x->fixed ? x->fixed : x->max ? x->max : INT64_MAX;
    }
    while (n-- > 0)
        if (max == INT64_MAX || !ir_domain_lin(&m->domain[chain[n]], max, &max)) return INT64_MAX;
    return max;
}
