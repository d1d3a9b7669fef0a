// Domains: known before use, set once, bounded, and the same on every tile of a phase, so that both
// ends of a channel agree.
#include "isa/operand.h"
#include "isa/verify/parts.h"

enum { MOST_ROWS = 1 << 24, MOST_LAUNCHES = 1 << 16 };

// Smallest launch of the root in which d has rows; 0: there is none.
static int64_t first_launch(const verifier *v, unsigned d) {
    const isa_domain *root = &v->dom[v->dom[d].root];
    int64_t lo = root->least, hi = root->most;
    if (isa_domain_rows(v->dom, d, hi) == 0) return 0;
    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        if (isa_domain_rows(v->dom, d, mid) > 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return lo;
}

int64_t verify_least_rows(const verifier *v, unsigned a, unsigned d) {
    const isa_domain *root = &v->dom[v->dom[a].root];
    if (v->dom[a].root != v->dom[d].root)
        return v->p->phases[v->phase].fixed_rows[v->dom[a].root]
                   ? isa_domain_rows(v->dom, a, root->least)
                   : 0;
    int64_t n = first_launch(v, d);
    return n == 0 ? INT64_MAX : isa_domain_rows(v->dom, a, n);
}

int64_t verify_least_slack(const verifier *v, unsigned a, unsigned d) {
    const isa_domain *root = &v->dom[v->dom[d].root];
    if (v->dom[a].root != v->dom[d].root) return verify_least_rows(v, a, d) - v->dom[d].most;
    int64_t first = first_launch(v, d), least = INT64_MAX;
    if (first == 0) return INT64_MAX;
    if (root->most - first > MOST_LAUNCHES) return INT64_MIN;
    for (int64_t n = first; n <= root->most; n++)
        least = min_i64(least, isa_domain_rows(v->dom, a, n) - isa_domain_rows(v->dom, d, n));
    return least;
}

static void check_launch(verifier *v) {
    const isa_phase *ph = &v->p->phases[v->phase];
    for (unsigned d = 0; d < ISA_DOMAINS; d++) {
        if (!v->dom[d].free) continue;
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

static void check_settl(verifier *v, uint32_t tile, uint32_t pc, uint8_t *set) {
    const isa_insn *i = verify_insn(v, tile, pc);
    isa_domain *d = &v->dom[i->d];
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
        isa_domain_derive(v->dom, i);
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
    isa_domains_launched(v->p, v->phase, v->dom);
    check_launch(v);
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
    return true;
}
