// Domains: how many rows each has in a step, and which positions, as functions of the launch.
//
// A domain means the same on every tile of a phase, so that both ends of a channel agree. Rows of a
// derived domain are a monotone function of the rows of one free domain, its root; no rows there
// are no rows anywhere.
#include "isa/operand.h"
#include "isa/verify/parts.h"

enum { MOST_ROWS = 1 << 24, MOST_LAUNCHES = 1 << 16 };

static int64_t derived_rows(const verify_domain *d, int64_t of) {
    if (of == 0) return 0;
    switch ((isa_tl)d->kind) {
    case ISA_TL_LIN: {
        isa_lin l = isa_lin_of(d->imm);
        return (of * l.mul + l.add) / l.div;
    }
    case ISA_TL_ONE:
    case ISA_TL_LAST: return 1;
    case ISA_TL_PREFIX: return of + d->imm;
    }
    return 0;
}

// Rows of domain d when its root has n.
static int64_t rows_at(const verifier *v, unsigned d, int64_t n) {
    const verify_domain *x = &v->dom[d];
    return x->free || !x->known ? n : derived_rows(x, rows_at(v, x->of, n));
}

// Smallest launch of the root in which d has rows; 0: there is none.
static int64_t first_launch(const verifier *v, unsigned d) {
    const verify_domain *root = &v->dom[v->dom[d].root];
    int64_t lo = root->least, hi = root->most;
    if (rows_at(v, d, hi) == 0) return 0;
    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        if (rows_at(v, d, mid) > 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return lo;
}

int64_t verify_least_rows(const verifier *v, unsigned a, unsigned d) {
    const verify_domain *root = &v->dom[v->dom[a].root];
    if (v->dom[a].root != v->dom[d].root)
        return v->p->phases[v->phase].fixed_rows[v->dom[a].root] ? rows_at(v, a, root->least) : 0;
    int64_t n = first_launch(v, d);
    return n == 0 ? INT64_MAX : rows_at(v, a, n);
}

int64_t verify_least_slack(const verifier *v, unsigned a, unsigned d) {
    const verify_domain *root = &v->dom[v->dom[d].root];
    if (v->dom[a].root != v->dom[d].root) return verify_least_rows(v, a, d) - v->dom[d].most;
    int64_t first = first_launch(v, d), least = INT64_MAX;
    if (first == 0) return INT64_MAX;
    if (root->most - first > MOST_LAUNCHES) return INT64_MIN;
    for (int64_t n = first; n <= root->most; n++)
        least = min_i64(least, rows_at(v, a, n) - rows_at(v, d, n));
    return least;
}

static void define_free(verifier *v) {
    const isa_phase *ph = &v->p->phases[v->phase];
    for (unsigned d = 0; d < ISA_DOMAINS; d++) {
        v->dom[d] = (verify_domain){.root = (uint8_t)d, .step = 1};
        if (!(ph->free_domains >> d & 1)) continue;
        verify_domain *x = &v->dom[d];
        x->known = x->free = true;
        x->most = ph->max_rows[d];
        x->least = ph->fixed_rows[d] ? ph->fixed_rows[d] : 1;
        if (ph->fixed_rows[d]) x->most = ph->fixed_rows[d];
        for (uint32_t k = 0; k < v->phase; k++)
            if (v->p->phases[k].free_domains >> d & 1) x->first_pos += v->p->phases[k].max_rows[d];
        x->end = x->first_pos + x->most;
        if (v->streams) x->first_pos = x->end = v->p->max_tokens;
        const char *where = arena_printf(v->a, "phase %s, domain t%u", ph->name, d);
        if (ph->max_rows[d] == 0)
            verify_bad(v, DIAG_ID_isa_domain, where, "a launch has no bound on its rows");
        else if (ph->max_rows[d] > v->p->max_chunk)
            verify_bad(v, DIAG_ID_isa_domain, where, "up to %u rows, expected at most max_chunk %u",
                       ph->max_rows[d], v->p->max_chunk);
        else if (v->streams && ph->fixed_rows[d] > v->p->max_tokens)
            verify_bad(v, DIAG_ID_isa_domain, where, "%u rows, expected at most max_tokens %u",
                       ph->fixed_rows[d], v->p->max_tokens);
    }
}

static int64_t gcd(int64_t a, int64_t b) {
    while (b) {
        int64_t r = a % b;
        a = b;
        b = r;
    }
    return a;
}

// Rows, positions and rate of a domain from those of the one it derives from.
static void derive(verify_domain *d, const verify_domain *of) {
    d->known = true;
    d->root = of->root;
    d->uneven = of->uneven;
    d->step = of->step;
    d->least = max_i64(1, derived_rows(d, of->least));
    d->most = derived_rows(d, of->most);
    d->first_pos = of->first_pos;
    d->end = of->end;
    switch ((isa_tl)d->kind) {
    case ISA_TL_LIN: {
        isa_lin l = isa_lin_of(d->imm);
        int64_t mul = l.mul, add = l.add, div = l.div;
        int64_t g = gcd(mul, div);
        if (g == 0 || mul / g != 1)
            d->uneven = true;
        else
            d->step = of->step * (div / g);
        if (of->first_pos == 0) {
            d->end = d->most;
        } else { // floors of position and rows add up to no more than the floor of both
            d->first_pos = (of->first_pos * mul + add) / div;
            d->end = max_i64(d->most, (of->end * mul + 2 * add) / div);
        }
        break;
    }
    case ISA_TL_ONE:
        d->first_pos = 0;
        d->end = 1;
        break;
    case ISA_TL_LAST: d->first_pos = of->end - 1; break;
    case ISA_TL_PREFIX: d->end = of->end + d->imm; break;
    }
}

static void check_settl(verifier *v, uint32_t tile, uint32_t pc, uint8_t *set) {
    const isa_insn *i = verify_insn(v, tile, pc);
    verify_domain *d = &v->dom[i->d];
    diag_id id = DIAG_ID_isa_domain;
    if (d->free) {
        verify_bad_at(v, id, tile, pc, "t%u gets its rows from the launch", i->d);
    } else if (*set >> i->d & 1) {
        verify_bad_at(v, id, tile, pc, "t%u is set already", i->d);
    } else if (!(*set >> i->x & 1)) {
        verify_bad_at(v, id, tile, pc, "t%u is not set before", i->x);
    } else if (i->n == ISA_TL_LIN && (isa_lin_of(i->imm).div == 0 || i->imm >> 24)) {
        verify_bad_at(v, id, tile, pc, "imm 0x%x is no mul, add and div", i->imm);
    } else if (i->n == ISA_TL_PREFIX && v->streams) {
        verify_bad_at(v, id, tile, pc,
                      "rows in front of a sequence that comes in steps: phase %s would repeat them",
                      v->p->phases[v->phase].name);
    } else if (!d->known) {
        d->kind = (uint8_t)i->n;
        d->of = (uint8_t)i->x;
        d->imm = i->imm;
        derive(d, &v->dom[i->x]);
        if (d->most > MOST_ROWS || d->step > MOST_ROWS)
            verify_bad_at(v, id, tile, pc, "t%u has up to %lld rows, one every %lld; at most %d",
                          i->d, (long long)d->most, (long long)d->step, MOST_ROWS);
    } else if (d->kind != i->n || d->of != i->x || d->imm != i->imm) {
        verify_bad_at(v, id, tile, pc, "t%u is another on a tile before", i->d);
    }
    *set |= (uint8_t)(1u << i->d);
}

bool verify_domains(verifier *v) {
    uint32_t before = v->found;
    define_free(v);
    if (v->found != before) return false;
    for (uint32_t t = 0; t < v->p->n_tiles; t++) {
        uint8_t set = v->p->phases[v->phase].free_domains, missed = 0;
        for (uint32_t pc = 0; pc < v->p->tiles[t].phase[v->phase].count; pc++) {
            const isa_insn *i = verify_insn(v, t, pc);
            if (i->op == ISA_settl) {
                check_settl(v, t, pc, &set);
            } else if (i->op != ISA_halt && !((set | missed) >> i->dom & 1)) {
                verify_bad_at(v, DIAG_ID_isa_domain, t, pc, "t%u is not set before its use",
                              i->dom);
                missed |= (uint8_t)(1u << i->dom);
            }
        }
        if (v->found != before) return false; // what is wrong here is wrong everywhere
    }
    v->chunk = 1;
    for (unsigned d = 0; d < ISA_DOMAINS; d++)
        if (v->dom[d].known)
            v->chunk = max_i64(v->chunk,
                               max_i64(v->dom[d].most, v->dom[d].step * (v->dom[d].most - 1) + 1));
    return true;
}
