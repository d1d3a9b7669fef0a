// The components of a chip (isa/machine/components.def) as data, and cost.def.
#ifndef OHMIC_COST_COMPONENTS_H
#define OHMIC_COST_COMPONENTS_H
#include "isa/count/events.h"

typedef enum {
#define COMPONENT(name, per, summary) COMPONENT_##name,
#include "isa/machine/components.def"
    COMPONENTS
} component;
extern const char *const component_names[COMPONENTS];
extern const char *const component_pers[COMPONENTS]; // "array", "word line": what there is one for
extern const char *const component_summaries[COMPONENTS];

// machine.def by number.
typedef enum {
#define PARAM_INT(section, name, ...) PARAM_##section##_##name,
#define PARAM_REAL(section, name, ...) PARAM_##section##_##name,
#define PARAM_ENUM(section, name, ...) PARAM_##section##_##name,
#define PARAM_LIST(section, name, ...) PARAM_##section##_##name,
#include "isa/machine/machine.def"
    PARAMS
} param;
// "energy.dac"
const char *param_name(arena *a, param p);

// A row of cost.def.
typedef enum {
#define COST(event, section, parameter, component) ENERGY_TERM_##event,
#include "cost/cost.def"
    ENERGY_TERMS
} energy_term_number;
typedef struct {
    const char *event;
    size_t offset; // in isa_events
    param param;
    component component;
} energy_term;
extern const energy_term energy_terms[ENERGY_TERMS];
static inline uint64_t energy_count(const energy_term *t, const isa_events *e) {
    return *(const uint64_t *)(const void *)((const char *)e + t->offset);
}
#endif
