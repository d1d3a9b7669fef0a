// Which token domains are there? Free ones that inputs count, and those derived from them.
#include "passes/tokens/plan.h"
#include <inttypes.h>
#include <string.h>

static int domain_add(tok_ctx *c, tok_domain d) {
    CHECK(c->n_domains < TOK_MAX_DOMAINS, "%d domains", c->n_domains);
    d.number = -1;
    c->domain[c->n_domains] = d;
    return c->n_domains++;
}

// One place is kept for the domain of one row, which is asked for without a node to blame.
static int domain_new(tok_ctx *c, uint32_t node, tok_domain d) {
    if (c->n_domains < TOK_MAX_DOMAINS - 1) return domain_add(c, d);
    tok_fail(c, node, DIAG_ID_tok_shape, "needs a token domain more than the %d there are",
             TOK_MAX_DOMAINS);
    return -1;
}

void tok_domains_begin(tok_ctx *c) {
    c->one = -1;
    tok_domain t0 = {.is = {.kind = IR_DOMAIN_FREE}}, t1 = t0;
    for (int i = 0; i < c->n_probes; i++) {
        t0.rows[i] = c->is_frozen ? 0 : c->probe[i].tokens; // filled when they are known
        t1.rows[i] = tok_encoder_rows(c, &c->probe[i]);
    }
    t0.is.max = t0.rows[c->max];
    t0.past_rows = c->past.tokens;
    domain_add(c, t0);
    c->has_encoder = t1.rows[0] > 0;
    if (!c->has_encoder) return;
    t1.is.max = t1.rows[c->max];
    if (c->is_frozen || t1.rows[0] == t1.rows[1]) t1.is.fixed = t1.rows[0];
    if (c->has_past) t1.past_rows = tok_encoder_rows(c, &c->past);
    domain_add(c, t1);
}

void tok_domain_frozen(tok_ctx *c, int64_t rows) {
    tok_domain *d = &c->domain[0];
    d->is.max = d->is.fixed = d->rows[0] = rows;
}

static tok_domain one_row(const tok_ctx *c, ir_domain is) {
    tok_domain d = {.is = is, .past_rows = 1};
    for (int i = 0; i < c->n_probes; i++) d.rows[i] = 1;
    return d;
}

int tok_domain_one(tok_ctx *c) {
    if (c->one < 0) c->one = domain_add(c, one_row(c, (ir_domain){.kind = IR_DOMAIN_ONE}));
    return c->one;
}

int tok_domain_last(tok_ctx *c, uint32_t node, int of) {
    for (int i = 0; i < c->n_domains; i++)
        if (c->domain[i].is.kind == IR_DOMAIN_LAST && c->domain[i].is.of == of) return i;
    return domain_new(c, node, one_row(c, (ir_domain){.kind = IR_DOMAIN_LAST, .of = of}));
}

int tok_domain_derive(tok_ctx *c, uint32_t node, int of, int64_t mul, int64_t add, int64_t div) {
    if (mul == 1 && add == 0 && div == 1) return of;
    const ir_domain *before = &c->domain[of].is;
    if (mul == 1 && div == 1 && add < 0 && before->kind == IR_DOMAIN_LIN && before->div == 1)
        return tok_domain_derive(c, node, before->of, before->mul, before->add + add, 1);
    for (int i = 0; i < c->n_domains; i++) {
        const ir_domain *d = &c->domain[i].is;
        if (d->kind == IR_DOMAIN_LIN && d->of == of && d->mul == mul && d->add == add &&
            d->div == div)
            return i;
    }
    const tok_domain *from = &c->domain[of];
    tok_domain d = {.is = {.kind = IR_DOMAIN_LIN, .of = of, .mul = mul, .add = add, .div = div}};
    for (int i = 0; i < c->n_probes; i++) d.rows[i] = (from->rows[i] * mul + add) / div;
    d.past_rows = (from->past_rows * mul + add) / div;
    return domain_new(c, node, d);
}

int tok_domain_parent(const tok_ctx *c, int d) {
    const ir_domain *is = &c->domain[d].is;
    return is->kind == IR_DOMAIN_LIN || is->kind == IR_DOMAIN_LAST ? is->of : -1;
}

int tok_domain_root(const tok_ctx *c, int d) {
    while (tok_domain_parent(c, d) >= 0) d = tok_domain_parent(c, d);
    return d;
}

int tok_domain_number(const tok_ctx *c, int d) {
    return c->domain[d].number >= 0 ? c->domain[d].number : d;
}

bool tok_axis_rows(tok_ctx *c, uint32_t node, int axis, int *domain) {
    int64_t n[TOK_MAX_PROBES] = {0};
    for (int i = 0; i < c->n_probes; i++) n[i] = tok_type(c, node, i)->dim[axis];
    for (int d = 0; d < c->n_domains; d++) {
        if (d == c->one) continue;
        if (memcmp(c->domain[d].rows, n, (size_t)c->n_probes * sizeof *n)) continue;
        *domain = d;
        return true;
    }
    if (c->is_frozen) return false;
    for (int of = 0; of <= c->has_encoder; of++)
        for (int64_t mul = 1; mul <= 4; mul++)
            for (int64_t div = 1; div <= 4; div++)
                for (int64_t add = -4; add <= 4; add++) {
                    bool fits = true;
                    for (int i = 0; fits && i < c->n_probes; i++)
                        fits = (c->domain[of].rows[i] * mul + add) / div == n[i];
                    if (!fits) continue;
                    *domain = tok_domain_derive(c, node, of, mul, add, div);
                    return *domain >= 0;
                }
    return tok_fail(c, node, DIAG_ID_tok_shape,
                    "axis %d has size %s: no simple function of the token count", axis,
                    tok_sizes_text(c, n));
}
