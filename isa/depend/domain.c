#include "isa/depend/domain.h"
#include "isa/operand.h"

bool isa_phase_streams(const isa_program *p, uint32_t phase) {
    return p->class == ISA_STREAM && phase + 1 == p->n_phases;
}

void isa_domains_launched(const isa_program *p, uint32_t phase, isa_domain dom[ISA_DOMAINS]) {
    const isa_phase *ph = &p->phases[phase];
    for (unsigned d = 0; d < ISA_DOMAINS; d++) {
        isa_domain *x = &dom[d];
        *x = (isa_domain){.root = (uint8_t)d, .step = 1};
        if (!(ph->free_domains >> d & 1)) continue;
        x->known = x->free = true;
        x->most = ph->fixed_rows[d] ? ph->fixed_rows[d] : ph->max_rows[d];
        x->least = ph->fixed_rows[d] ? ph->fixed_rows[d] : 1;
        for (uint32_t k = 0; k < phase; k++)
            if (p->phases[k].free_domains >> d & 1) x->first_pos += p->phases[k].max_rows[d];
        x->end = x->first_pos + x->most;
        if (isa_phase_streams(p, phase)) x->first_pos = x->end = p->max_tokens;
    }
}

int64_t isa_settl_rows(isa_tl kind, uint32_t imm, int64_t rows) {
    isa_lin l = isa_lin_of(imm);
    if (rows == 0) return 0;
    switch (kind) {
    case ISA_TL_LIN: return (rows * l.mul + l.add) / l.div;
    case ISA_TL_ONE:
    case ISA_TL_LAST: return 1;
    case ISA_TL_PREFIX: return rows + imm;
    }
    return 0;
}

int64_t isa_settl_position(isa_tl kind, uint32_t imm, int64_t rows, int64_t at) {
    isa_lin l = isa_lin_of(imm);
    if (rows == 0) return 0;
    switch (kind) {
    case ISA_TL_LIN: return at == 0 ? 0 : (at * l.mul + l.add) / l.div;
    case ISA_TL_ONE: return 0;
    case ISA_TL_LAST: return at + rows - 1;
    case ISA_TL_PREFIX: return at;
    }
    return 0;
}

void isa_domain_derive(isa_domain dom[ISA_DOMAINS], const isa_insn *settl) {
    const isa_domain *of = &dom[settl->x];
    isa_domain *d = &dom[settl->d];
    *d = *of;
    d->free = false;
    d->kind = (uint8_t)settl->n;
    d->of = (uint8_t)settl->x;
    d->imm = settl->imm;
    d->most = isa_settl_rows(settl->n, d->imm, of->most);
    d->least = max_i64(1, isa_settl_rows(settl->n, d->imm, of->least));
    switch ((isa_tl)settl->n) {
    case ISA_TL_LIN: {
        isa_lin l = isa_lin_of(d->imm);
        int64_t mul = l.mul, add = l.add, div = l.div, g = gcd_i64(mul, div);
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

void isa_domains(const isa_program *p, uint32_t phase, isa_domain dom[ISA_DOMAINS]) {
    isa_domains_launched(p, phase, dom);
    for (uint32_t t = 0; t < p->n_tiles; t++)
        for (uint32_t pc = 0; pc < p->tiles[t].phase[phase].count; pc++) {
            const isa_insn *i = &p->tiles[t].phase[phase].code[pc];
            if (i->op == ISA_settl && !dom[i->d].known) isa_domain_derive(dom, i);
        }
}

int64_t isa_ring_end(const isa_program *p, uint32_t tile, uint32_t ring, uint32_t phases) {
    int64_t end = 0;
    for (uint32_t ph = 0; ph < phases; ph++) {
        const isa_tile *t = &p->tiles[tile];
        isa_domain dom[ISA_DOMAINS];
        isa_domains(p, ph, dom);
        for (uint32_t pc = 0; pc < t->phase[ph].count; pc++) {
            const isa_insn *i = &t->phase[ph].code[pc];
            if (isa_writes_ring(i) && i->x == ring) end = max_i64(end, dom[i->dom].end);
        }
    }
    return end;
}

int64_t isa_domain_rows(const isa_domain dom[ISA_DOMAINS], unsigned d, int64_t n) {
    const isa_domain *x = &dom[d];
    if (x->free || !x->known) return n;
    return isa_settl_rows((isa_tl)x->kind, x->imm, isa_domain_rows(dom, x->of, n));
}

int64_t isa_domain_position(const isa_domain dom[ISA_DOMAINS], unsigned d, const int64_t rows[],
                            int64_t at) {
    const isa_domain *x = &dom[d];
    if (x->free || !x->known) return at;
    return isa_settl_position((isa_tl)x->kind, x->imm, rows[x->of],
                              isa_domain_position(dom, x->of, rows, at));
}

bool isa_domains_related(const isa_domain dom[ISA_DOMAINS], unsigned a, unsigned b) {
    return a == b || (dom[a].root == dom[b].root && !dom[a].uneven && !dom[b].uneven);
}

int64_t isa_domains_chunk(const isa_domain dom[ISA_DOMAINS]) {
    int64_t chunk = 1;
    for (unsigned d = 0; d < ISA_DOMAINS; d++)
        if (dom[d].known)
            chunk = max_i64(chunk, max_i64(dom[d].most, dom[d].step * (dom[d].most - 1) + 1));
    return chunk;
}
