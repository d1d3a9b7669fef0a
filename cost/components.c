#include "cost/components.h"

const char *const component_names[COMPONENTS] = {
#define COMPONENT(name, per, summary) #name,
#include "isa/machine/components.def"
};
const char *const component_pers[COMPONENTS] = {
#define COMPONENT(name, per, summary) per,
#include "isa/machine/components.def"
};
const char *const component_summaries[COMPONENTS] = {
#define COMPONENT(name, per, summary) summary,
#include "isa/machine/components.def"
};

const char *param_name(arena *a, param p) {
    return arena_printf(a, "%s.%s", machine_params[p].section, machine_params[p].name);
}

const energy_term energy_terms[ENERGY_TERMS] = {
#define COST(event, section, parameter, component) \
    {#event, offsetof(isa_events, event), PARAM_##section##_##parameter, COMPONENT_##component},
#include "cost/cost.def"
};
