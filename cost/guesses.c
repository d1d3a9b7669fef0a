#include "cost/guesses.h"
#include "cost/components.h"
#include <string.h>

static bool takes_time(const machine_param *p) {
    return strcmp(p->section, "time") == 0 || strcmp(p->section, "extra") == 0;
}

machine guesses_left_out(const machine *chip) {
    // Whole numbers, and what of them takes no time.
    static const struct {
        param param;
        int64_t free;
    } whole[] = {
#define DIGITAL(name, summary) {PARAM_passes_##name, 0},
#include "isa/machine/digital.def"
        {PARAM_digital_lanes, 65536},
        {PARAM_crossbar_columns_per_adc, 1},
        {PARAM_gain_columns_per_adc, 1},
        {PARAM_digital_units, 0},
        {PARAM_memory_units, 0},
        {PARAM_memory_width, 0},
        {PARAM_tile_port, 0},
        {PARAM_router_width, 0},
        {PARAM_router_receive, 0},
        {PARAM_host_width, 0},
    };
    machine m = *chip;
    for (size_t k = 0; k < machine_params_count; k++)
        if (takes_time(&machine_params[k]) && machine_class_of(chip, k) <= MACHINE_ASSUMED)
            *(double *)(void *)((char *)&m + machine_params[k].offset) = 0;
    for (size_t k = 0; k < ARRAY_LEN(whole); k++)
        if (machine_class_of(chip, whole[k].param) <= MACHINE_ASSUMED)
            *(int64_t *)(void *)((char *)&m + machine_params[whole[k].param].offset) =
                whole[k].free;
    return m;
}
