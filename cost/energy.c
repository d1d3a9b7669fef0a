#include "cost/energy.h"

energy_prices energy_prices_of(const machine *chip) {
    energy_prices p;
    for (unsigned k = 0; k < ENERGY_TERMS; k++)
        p.aj[k] = (int64_t)(machine_number(chip, energy_terms[k].param) * 1e6 + 0.5);
    return p;
}

energy_prices energy_prices_assumed(const machine *chip) {
    energy_prices p = energy_prices_of(chip);
    for (unsigned k = 0; k < ENERGY_TERMS; k++)
        if (machine_class_of(chip, energy_terms[k].param) > MACHINE_ASSUMED) p.aj[k] = 0;
    return p;
}

energy_aj energy_of_term(const energy_prices *p, const isa_events *e, unsigned term) {
    return (energy_aj)energy_count(&energy_terms[term], e) * p->aj[term];
}

energy_aj energy_of(const energy_prices *p, const isa_events *e) {
    energy_aj sum = 0;
    for (unsigned k = 0; k < ENERGY_TERMS; k++) sum += energy_of_term(p, e, k);
    return sum;
}

energy_aj energy_of_component(const energy_prices *p, const isa_events *e, component c) {
    energy_aj sum = 0;
    for (unsigned k = 0; k < ENERGY_TERMS; k++)
        if (energy_terms[k].component == c) sum += energy_of_term(p, e, k);
    return sum;
}

const char **energy_lacking(arena *a, const machine *chip, const isa_events *e, size_t *n) {
    bool lacks[PARAMS] = {false};
    for (unsigned k = 0; k < ENERGY_TERMS; k++)
        if (energy_count(&energy_terms[k], e) && machine_lacks(chip, energy_terms[k].param))
            lacks[energy_terms[k].param] = true;
    const char **list = ARENA_ARRAY(a, const char *, PARAMS);
    *n = 0;
    for (unsigned k = 0; k < PARAMS; k++)
        if (lacks[k]) list[(*n)++] = param_name(a, (param)k);
    return list;
}

// --- as text

const char *energy_exact(arena *a, energy_aj e) {
    const uint64_t part = 1000000000000000000;
    if (e < (energy_aj)part) return arena_printf(a, "%llu", (unsigned long long)e);
    return arena_printf(a, "%llu%018llu", (unsigned long long)(e / part),
                        (unsigned long long)(e % part));
}

const char *energy_text(arena *a, energy_aj e) {
    static const char *const units[] = {"aJ", "fJ", "pJ", "nJ", "uJ", "mJ", "J"};
    double v = (double)e;
    unsigned k = 0;
    while (v >= 999.95 && k + 1 < ARRAY_LEN(units)) v /= 1000, k++;
    return arena_printf(a, "%.4g %s", v, units[k]);
}
