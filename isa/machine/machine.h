// The machine description: a chip file (YAML) as numbers. Schema: machine.def.
#ifndef OHMIC_ISA_MACHINE_MACHINE_H
#define OHMIC_ISA_MACHINE_MACHINE_H
#include "isa/enums.h"
#include "support/arena.h"
#include "support/diag.h"
#include <stdio.h>

enum { MACHINE_MAX_LIST = 12 };
typedef struct {
    int64_t n;
    double v[MACHINE_MAX_LIST]; // the rest is 0
} machine_numbers;

typedef struct machine {
    const char *name, *summary;
#define SECTION_BEGIN(section, summary) struct {
#define PARAM_INT(section, name, dflt, lo, hi, unit, summary) int64_t name;
#define PARAM_REAL(section, name, dflt, lo, hi, unit, summary) double name;
#define PARAM_ENUM(section, name, dflt, kind, summary) int name; // machine_encoding and so on
#define PARAM_LIST(section, name, dflt, lo, hi, unit, summary) machine_numbers name;
#define SECTION_END(section) \
    }                        \
    section;
#include "isa/machine/machine.def"
    const char *const
        *sources; // where each number comes from, in the order of machine.def; NULL: all "default"
    const machine_class *classes; // how sure it is; NULL: all unstated
} machine;

// Finds `chip` as a path (contains '/' or ends in .yaml), or by name in the folders of $OHMIC_CHIPS
// (separated by
// ':'), in share/ohmic/chips of the command's own prefix, the source tree's and the installed chips
// folder. sets: n strings "section.key=value" applied on top. NULL: reported.
machine *machine_load(arena *a, const char *chip, const char *const *sets, size_t n,
                      diag_sink *diags);
machine *machine_parse(arena *a, const char *yaml, size_t bytes, const char *name,
                       diag_sink *diags);
// Parameters that must fit together do (machine_parse and machine_load have checked). `name`: the
// file.
bool machine_check(const machine *m, const char *name, diag_sink *diags);
// One "section.key=value", checked like a value of the file.
bool machine_set(arena *a, machine *m, const char *assignment, diag_sink *diags);
// Canonical text: every parameter, fixed order; machine_parse reads it back to the same values.
char *machine_text(arena *a, const machine *m);
// Names of the chips that can be found, sorted; for `ohmic chips`.
const char **machine_list(arena *a, size_t *n);
// Keys that differ between two machines, one "section.key: 64, expected 128" a line; NULL when
// none.
char *machine_diff(arena *a, const machine *found, const machine *expected);

// machine.def as data, in its order: for documents and listings.
typedef enum { MACHINE_INT, MACHINE_REAL, MACHINE_ENUM, MACHINE_LIST } machine_kind;
typedef struct {
    const char *section, *name, *unit, *summary;
    machine_kind kind;
    uint16_t offset;                     // in machine
    const isa_enum *choices;             // of an enumeration
    const char *list_default;            // of a list: "a,b,c"
    int64_t int_default, int_lo, int_hi; // of an enumeration: the default
    double real_default, real_lo, real_hi;
} machine_param;
extern const machine_param machine_params[];
extern const size_t machine_params_count;
const char *machine_section_summary(const char *section);
// machine_params[i] as a number; of a list and an enumeration: 0, the place of its name.
double machine_number(const machine *m, size_t i);
machine_class machine_class_of(const machine *m, size_t i);
// The chip says nothing of the parameter: whoever needs it names it, and does not take it for 0.
static inline bool machine_lacks(const machine *m, size_t i) {
    return machine_class_of(m, i) == MACHINE_UNSTATED && machine_number(m, i) == 0;
}
// The value as chip files write it: "128", "0.39", "offset".
const char *machine_value_text(arena *a, const machine *m, const machine_param *p);

// One query of one head through the arrays of a ring, charge read-out: nanoseconds.
static inline double machine_gain_query_ns(const machine *m, int64_t sub_tiles) {
    return m->time.gain_reset + m->time.gain_score + m->time.gain_mix + m->time.gain_read +
           (double)(sub_tiles > 1 ? sub_tiles - 1 : 0) * m->time.gain_add;
}

// Most that a column of a crossbar sums up to, in cell units; 0: no limit, or real numbers.
int64_t machine_adc_sum(const machine *m);
// Largest code of its converter; of one without a limit: that sum.
int64_t machine_adc_top(const machine *m);
// Cell units that a code stands for. A calibrated step is adc_step once the compile has chosen it,
// until then 1.
int64_t machine_adc_step(const machine *m);

// Fixes the range of the converters to a step; 0: they lose nothing. source: where it comes from.
void machine_fix_range(arena *a, machine *m, int64_t step, const char *source);

// Levels of a key or value element in score read-out; 0: real numbers.
static inline int64_t machine_score_levels(const machine *m) {
    int64_t n = m->gain.score_cells > 0;
    for (int64_t i = 0; i < m->gain.score_cells; i++) n *= m->gain.score_levels;
    return n;
}
#endif
