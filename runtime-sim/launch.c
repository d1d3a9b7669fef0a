// What can be wrong with a launch: found, all of it, before anything runs.
#include "runtime-sim/state.h"

// Order of phases and steps since reset.
static bool check_order(const sim *s, uint32_t phase, const sim_bank *bank, bool reset,
                        diag_sink *diags) {
    const char *name = s->p->phases[phase].name;
    const uint32_t none[ISA_MAX_PHASES] = {0}, *ran = reset ? none : bank->ran;
    bool last = phase + 1 == s->p->n_phases;
    if (phase > 0 && ran[phase - 1] == 0) {
        diag_emit(diags, DIAG_ID_sim_order, DIAG_NOWHERE,
                  "phase '%s' needs phase '%s' since the last reset", name,
                  s->p->phases[phase - 1].name);
        return false;
    }
    // Only the last phase of a streaming program repeats: the others make what it reads.
    if (ran[phase] > 0 && (s->p->class == ISA_WHOLE || !last)) {
        diag_emit(diags, DIAG_ID_sim_order, DIAG_NOWHERE,
                  "phase '%s' takes a sequence in one step: a second one needs a reset", name);
        return false;
    }
    return true;
}

static bool check_rows(const sim *s, uint32_t phase, const sim_bank *bank, bool reset,
                       const int64_t *rows, diag_sink *diags) {
    const isa_phase *ph = &s->p->phases[phase];
    bool ok = true, streams = s->p->class == ISA_STREAM && phase + 1 == s->p->n_phases;
    for (int d = 0; d < ISA_DOMAINS; d++) {
        if (!(ph->free_domains >> d & 1)) continue;
        int64_t n = rows[d], pos = reset ? 0 : bank->pos[d];
        if (n < 0 || n > (int64_t)ph->max_rows[d]) {
            diag_emit(diags, DIAG_ID_sim_rows, DIAG_NOWHERE,
                      "%lld rows for domain t%d of phase '%s', which takes 0 to %u", (long long)n,
                      d, ph->name, ph->max_rows[d]);
            ok = false;
        } else if (ph->fixed_rows[d] && n != (int64_t)ph->fixed_rows[d]) {
            diag_emit(diags, DIAG_ID_sim_rows, DIAG_NOWHERE,
                      "%lld rows for domain t%d of phase '%s', which takes exactly %u",
                      (long long)n, d, ph->name, ph->fixed_rows[d]);
            ok = false;
        } else if (!streams && (reset || !bank->ran[phase]) &&
                   pos > s->phases[phase].dom[d].first_pos) {
            diag_emit(
                diags, DIAG_ID_sim_rows, DIAG_NOWHERE,
                "phase '%s' takes a sequence whole, from position %lld of domain t%d at most: "
                "it is at %lld",
                ph->name, (long long)s->phases[phase].dom[d].first_pos, d, (long long)pos);
            ok = false;
        } else if (streams && pos + n > (int64_t)s->p->max_tokens) {
            diag_emit(diags, DIAG_ID_sim_rows, DIAG_NOWHERE,
                      "%lld rows after %lld tokens: the program was compiled for %u", (long long)n,
                      (long long)pos, s->p->max_tokens);
            ok = false;
        }
    }
    return ok;
}

// Rows of the domain that a port's rows belong to.
static int64_t port_rows(const sim *s, uint32_t phase, const isa_port *port, const int64_t *rows) {
    const isa_domain *dom = s->phases[phase].dom;
    return isa_domain_rows(dom, port->dom, rows[dom[port->dom].root]);
}

static bool check_input(const sim *s, uint32_t phase, const isa_port *port, const int64_t *rows,
                        const tensor *t, diag_sink *diags) {
    const char *name = isa_str(s->p, port->name);
    bool integer = port->type == ISA_I32;
    int64_t n = port_rows(s, phase, port, rows), width = t->rank == 2 ? t->dim[1] : 1;
    bool shape = (t->rank == 2 || (t->rank == 1 && port->width == 1)) &&
                 width == (int64_t)port->width && t->dim[0] == n;
    if (!t->data && n != 0 && tensor_count(t) != 0) shape = false;
    if (t->type != (integer ? ELEM_i32 : ELEM_f32) || !shape) {
        diag_emit(diags, DIAG_ID_sim_input, DIAG_NOWHERE, "input '%s' takes %s[%lld,%u]", name,
                  integer ? "i32" : "f32", (long long)n, port->width);
        return false;
    }
    if (!integer || port->lo == port->hi) return true;
    size_t count = tensor_count(t);
    for (size_t i = 0; i < count; i++) {
        int64_t v = elem_load_i64(ELEM_i32, t->data, i);
        if (v >= port->lo && v < port->hi) continue;
        diag_emit(diags, DIAG_ID_sim_input, DIAG_NOWHERE,
                  "input '%s' is %lld in row %zu, outside [%lld, %lld)", name, (long long)v,
                  i / port->width, (long long)port->lo, (long long)port->hi);
        return false;
    }
    return true;
}

bool sim_launch_check(const sim *s, uint32_t phase, uint32_t bank, bool reset, const int64_t *rows,
                      const tensor *inputs, diag_sink *diags) {
    const isa_program *p = s->p;
    if (phase >= p->n_phases) {
        diag_emit(diags, DIAG_ID_sim_order, DIAG_NOWHERE,
                  "there is no phase %u: the program has %u", phase, p->n_phases);
        return false;
    }
    if (bank >= p->banks) {
        diag_emit(diags, DIAG_ID_sim_order, DIAG_NOWHERE, "there is no bank %u: the program has %u",
                  bank, p->banks);
        return false;
    }
    bool ok = check_order(s, phase, &s->banks[bank], reset, diags);
    if (!check_rows(s, phase, &s->banks[bank], reset, rows, diags))
        return false; // inputs are judged by them
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->n_ports; i++) {
        if (p->ports[i].direction != ISA_PORT_IN) continue;
        if (s->port_phases[i] >> phase & 1)
            ok = check_input(s, phase, &p->ports[i], rows, &inputs[n], diags) && ok;
        n++;
    }
    return ok;
}
