// Reading chip files. machine.def says which parameters there are; this file knows none of them,
// but for the few that must fit together.
#include "isa/machine/machine.h"
#include "isa/machine/pool.h"
#include "support/file/yaml.h"
#include "support/spell.h"
#include <stdlib.h>
#include <string.h>

const machine_param machine_params[] = {
#define PARAM(section, name, unit, summary, kind) \
#section, #name, unit, summary, kind, offsetof(machine, section.name)
#define PARAM_INT(section, name, dflt, lo, hi, unit, summary)                             \
    {PARAM(section, name, unit, summary, MACHINE_INT), .int_default = dflt, .int_lo = lo, \
     .int_hi = hi},
#define PARAM_REAL(section, name, dflt, lo, hi, unit, summary)                               \
    {PARAM(section, name, unit, summary, MACHINE_REAL), .real_default = dflt, .real_lo = lo, \
     .real_hi = hi},
#define PARAM_ENUM(section, name, dflt, kind, summary)                     \
    {PARAM(section, name, "", summary, MACHINE_ENUM), .int_default = dflt, \
     .choices = &isa_enums[ISA_ENUM_##kind]},
#define PARAM_LIST(section, name, dflt, lo, hi, unit, summary)                               \
    {PARAM(section, name, unit, summary, MACHINE_LIST), .list_default = dflt, .real_lo = lo, \
     .real_hi = hi},
#include "isa/machine/machine.def"
#undef PARAM
};
const size_t machine_params_count = ARRAY_LEN(machine_params);

static const struct {
    const char *name, *summary;
} sections[] = {
#define SECTION_BEGIN(section, summary) {#section, summary},
#include "isa/machine/machine.def"
};

const char *machine_section_summary(const char *section) {
    for (size_t i = 0; i < ARRAY_LEN(sections); i++)
        if (strcmp(sections[i].name, section) == 0) return sections[i].summary;
    return NULL;
}

double machine_number(const machine *m, size_t i) {
    const machine_param *p = &machine_params[i];
    const char *at = (const char *)m + p->offset;
    int64_t whole;
    double real;
    int place;
    switch (p->kind) {
    case MACHINE_INT: return memcpy(&whole, at, sizeof whole), (double)whole;
    case MACHINE_REAL: return memcpy(&real, at, sizeof real), real;
    case MACHINE_ENUM: return memcpy(&place, at, sizeof place), place;
    case MACHINE_LIST: break;
    }
    return 0;
}

machine_class machine_class_of(const machine *m, size_t i) {
    return m->classes ? m->classes[i] : MACHINE_UNSTATED;
}

static const machine_param *find_param(const char *section, size_t n, const char *name) {
    for (size_t i = 0; i < machine_params_count; i++) {
        const machine_param *p = &machine_params[i];
        if (strlen(p->section) == n && memcmp(p->section, section, n) == 0 &&
            strcmp(p->name, name) == 0)
            return p;
    }
    return NULL;
}

// --- values

// "a,b,c". False: something else, or out of range.
static bool parse_list(const machine_param *p, const char *text, machine_numbers *out) {
    *out = (machine_numbers){0};
    for (const char *s = text; out->n < MACHINE_MAX_LIST; s++) {
        char *end;
        double v = strtod(s, &end);
        if (end == s || (*end && *end != ',') || !(v >= p->real_lo && v <= p->real_hi))
            return false;
        out->v[out->n++] = v;
        s = end;
        if (!*s) return true;
    }
    return false;
}

// [a, b, c], or the text "a,b,c".
static bool read_list(const machine_param *p, const yaml_node *n, machine_numbers *out) {
    if (n->kind == YAML_SCALAR) return parse_list(p, n->text, out);
    *out = (machine_numbers){0};
    if (n->kind != YAML_SEQUENCE || n->count < 1 || n->count > MACHINE_MAX_LIST) return false;
    for (; out->n < (int64_t)n->count; out->n++) {
        double *v = &out->v[out->n];
        if (!yaml_to_f64(n->items[out->n], v) || !(*v >= p->real_lo && *v <= p->real_hi))
            return false;
    }
    return true;
}

static void store_default(machine *m, const machine_param *p) {
    char *at = (char *)m + p->offset;
    switch (p->kind) {
    case MACHINE_INT: memcpy(at, &p->int_default, sizeof p->int_default); return;
    case MACHINE_REAL: memcpy(at, &p->real_default, sizeof p->real_default); return;
    case MACHINE_ENUM: memcpy(at, &(int){(int)p->int_default}, sizeof(int)); return;
    case MACHINE_LIST: {
        machine_numbers v;
        CHECK(parse_list(p, p->list_default, &v), "default of %s.%s", p->section, p->name);
        memcpy(at, &v, sizeof v);
        return;
    }
    }
}

// Stores what a scalar says; reports what it should have been.
// wrong: what a value is that does not fit.
static bool store_value(machine *m, const machine_param *p, const yaml_node *n, diag_id wrong,
                        diag_sink *diags) {
    char *at = (char *)m + p->offset;
    const char *text = n->kind == YAML_SCALAR ? n->text : "a list";
    if (p->kind == MACHINE_INT) {
        int64_t v;
        if (yaml_to_i64(n, &v) && v >= p->int_lo && v <= p->int_hi) {
            memcpy(at, &v, sizeof v);
            return true;
        }
        diag_emit(diags, wrong, n->loc, "%s.%s is '%.40s', must be an integer from %lld to %lld",
                  p->section, p->name, text, (long long)p->int_lo, (long long)p->int_hi);
    } else if (p->kind == MACHINE_REAL) {
        double v;
        if (yaml_to_f64(n, &v) && v >= p->real_lo && v <= p->real_hi) {
            memcpy(at, &v, sizeof v);
            return true;
        }
        diag_emit(diags, wrong, n->loc, "%s.%s is '%.40s', must be a number from %g to %g",
                  p->section, p->name, text, p->real_lo, p->real_hi);
    } else if (p->kind == MACHINE_LIST) {
        machine_numbers v;
        if (read_list(p, n, &v)) {
            memcpy(at, &v, sizeof v);
            return true;
        }
        diag_emit(diags, wrong, n->loc, "%s.%s is '%.40s', must be 1 to %d numbers from %g to %g",
                  p->section, p->name, text, MACHINE_MAX_LIST, p->real_lo, p->real_hi);
    } else {
        unsigned v;
        if (n->kind == YAML_SCALAR && isa_enum_find(p->choices, text, strlen(text), &v)) {
            memcpy(at, &(int){(int)v}, sizeof(int));
            return true;
        }
        diag_emit(diags, wrong, n->loc, "%s.%s is '%.40s', must be one of: %s", p->section, p->name,
                  text, p->choices->list);
    }
    return false;
}

// --- one parameter: {value: 128, unit: word lines, source: "..."}

typedef struct {
    machine *m;
    const char **sources;
    machine_class *classes;
    arena *a;
    diag_sink *diags;
    bool ok;
} reader;

static void unknown_key(reader *r, const yaml_node *key, const char *what, spell_nearest near) {
    diag_emit(r->diags, DIAG_ID_chip_key, key->loc, "%s '%.60s' is not known", what, key->text);
    if (near.best) diag_note(r->diags, key->loc, "did you mean '%s'?", near.best);
    r->ok = false;
}

static void read_source(reader *r, const machine_param *p, const yaml_node *key,
                        const yaml_node *source) {
    if (source && source->kind == YAML_SCALAR && source->text[strspn(source->text, " ")]) {
        r->sources[p - machine_params] = source->text;
        return;
    }
    diag_emit(r->diags, DIAG_ID_chip_source, key->loc,
              "%s.%s does not say where its value comes from: add source", p->section, p->name);
    r->ok = false;
}

// A number that has no class is assumed; `default` is what machine_text says of one that no file
// had.
static void read_class(reader *r, const machine_param *p, const yaml_node *class) {
    const isa_enum *e = &isa_enums[ISA_ENUM_figure];
    const char *text = !class ? "" : class->kind == YAML_SCALAR ? class->text : "a list";
    const char *source = r->sources[p - machine_params];
    unsigned v = strcmp(source, "default") == 0 ? MACHINE_UNSTATED : MACHINE_ASSUMED;
    if (class && !isa_enum_find(e, text, strlen(text), &v)) {
        diag_emit(r->diags, DIAG_ID_chip_value, class->loc,
                  "%s.%s is of class '%.40s', must be one of: %s", p->section, p->name, text,
                  e->list);
        r->ok = false;
    }
    r->classes[p - machine_params] = (machine_class)v;
}

static void read_unit(reader *r, const machine_param *p, const yaml_node *key,
                      const yaml_node *unit) {
    bool wanted = p->kind != MACHINE_ENUM;
    if (!unit && !wanted) return;
    if (unit && unit->kind == YAML_SCALAR && wanted && strcmp(unit->text, p->unit) == 0) return;
    diag_loc loc = unit ? unit->loc : key->loc;
    if (!wanted)
        diag_emit(r->diags, DIAG_ID_chip_key, loc, "%s.%s has no unit", p->section, p->name);
    else
        diag_emit(r->diags, DIAG_ID_chip_key, loc, "%s.%s has the unit '%.40s', expected '%s'",
                  p->section, p->name, unit && unit->kind == YAML_SCALAR ? unit->text : "",
                  p->unit);
    r->ok = false;
}

static void read_param(reader *r, const machine_param *p, const yaml_node *key,
                       const yaml_node *n) {
    if (n->kind != YAML_MAPPING) {
        diag_emit(r->diags, DIAG_ID_chip_value, n->loc,
                  "%s.%s must be {value: ..., unit: ..., class: ..., source: ...}", p->section,
                  p->name);
        r->ok = false;
        return;
    }
    for (size_t i = 0; i < n->count; i++) {
        const char *k = n->keys[i]->text;
        if (strcmp(k, "value") == 0 || strcmp(k, "unit") == 0 || strcmp(k, "source") == 0 ||
            strcmp(k, "class") == 0)
            continue;
        spell_nearest near = spell_start(k, strlen(k));
        spell_try(&near, "value");
        spell_try(&near, "unit");
        spell_try(&near, "source");
        spell_try(&near, "class");
        unknown_key(r, n->keys[i], "key", near);
    }
    const yaml_node *value = yaml_find(n, "value");
    if (!value) {
        diag_emit(r->diags, DIAG_ID_chip_value, key->loc, "%s.%s has no value", p->section,
                  p->name);
        r->ok = false;
    } else if (!store_value(r->m, p, value, DIAG_ID_chip_value, r->diags)) {
        r->ok = false;
    }
    read_unit(r, p, key, yaml_find(n, "unit"));
    read_source(r, p, key, yaml_find(n, "source"));
    read_class(r, p, yaml_find(n, "class"));
}

// Parameters of older descriptions that nothing reads any more; programs carry such with them.
static const struct {
    const char *section, *name, *instead;
} retired[] = {{"time", "gain_sum", "time.gain_reset"}};

static bool is_retired(reader *r, const char *section, const yaml_node *key) {
    for (size_t i = 0; i < ARRAY_LEN(retired); i++) {
        if (strcmp(retired[i].section, section) != 0 || strcmp(retired[i].name, key->text) != 0)
            continue;
        diag_emit(r->diags, DIAG_ID_chip_retired, key->loc,
                  "%s.%s is no longer read: say %s instead", section, key->text,
                  retired[i].instead);
        return true;
    }
    return false;
}

static void read_section(reader *r, const char *section, const yaml_node *n) {
    if (n->kind != YAML_MAPPING) {
        diag_emit(r->diags, DIAG_ID_chip_value, n->loc, "section %s must be a mapping", section);
        r->ok = false;
        return;
    }
    for (size_t i = 0; i < n->count; i++) {
        const char *k = n->keys[i]->text;
        const machine_param *p = find_param(section, strlen(section), k);
        if (p) {
            read_param(r, p, n->keys[i], n->items[i]);
            continue;
        }
        if (is_retired(r, section, n->keys[i])) continue;
        spell_nearest near = spell_start(k, strlen(k));
        for (size_t j = 0; j < machine_params_count; j++)
            if (strcmp(machine_params[j].section, section) == 0)
                spell_try(&near, machine_params[j].name);
        unknown_key(r, n->keys[i], "parameter", near);
    }
}

static void read_top(reader *r, const yaml_node *root) {
    for (size_t i = 0; i < root->count; i++) {
        const yaml_node *key = root->keys[i], *n = root->items[i];
        bool is_name = strcmp(key->text, "name") == 0;
        if (is_name || strcmp(key->text, "summary") == 0) {
            if (n->kind == YAML_SCALAR) {
                *(is_name ? &r->m->name : &r->m->summary) = n->text;
            } else {
                diag_emit(r->diags, DIAG_ID_chip_value, n->loc, "%s must be a text", key->text);
                r->ok = false;
            }
        } else if (machine_section_summary(key->text)) {
            read_section(r, key->text, n);
        } else {
            spell_nearest near = spell_start(key->text, strlen(key->text));
            for (size_t j = 0; j < ARRAY_LEN(sections); j++) spell_try(&near, sections[j].name);
            unknown_key(r, key, "section", near);
        }
    }
}

// --- converters of crossbars

int64_t machine_adc_sum(const machine *m) {
    const int dac = (int)m->crossbar.dac_bits, cell = (int)m->crossbar.cell_bits;
    return m->crossbar.rows * ((INT64_C(1) << dac) - 1) * ((INT64_C(1) << cell) - 1);
}

int64_t machine_adc_top(const machine *m) {
    const int bits = (int)m->crossbar.adc_bits;
    if (bits == 0) return machine_adc_sum(m);
    return (INT64_C(1) << (bits - (m->crossbar.encoding == MACHINE_DIFFERENTIAL))) - 1;
}

int64_t machine_adc_step(const machine *m) {
    const int64_t top = machine_adc_top(m);
    if (m->crossbar.adc_range != MACHINE_RANGE_FULL || m->crossbar.adc_bits == 0 || top == 0)
        return m->crossbar.adc_step;
    return max_i64(1, ceil_div_i64(machine_adc_sum(m), top));
}

// --- what must fit together

static const char set_by_hand[] = "set by hand"; // the source of what --set says

static bool by_hand(const machine *m, const char *section, const char *name) {
    const machine_param *p = find_param(section, strlen(section), name);
    return m->sources && strcmp(m->sources[p - machine_params], set_by_hand) == 0;
}

bool machine_check(const machine *m, const char *name, diag_sink *diags) {
    diag_loc loc = DIAG_FILE(name);
    bool ok = true;
#define REQUIRE(cond, ...)                                      \
    if (!(cond)) {                                              \
        diag_emit(diags, DIAG_ID_chip_value, loc, __VA_ARGS__); \
        ok = false;                                             \
    }
    long long weight = m->crossbar.weight_bits, cell = m->crossbar.cell_bits;
    REQUIRE((weight == 0) == (cell == 0),
            "crossbar.weight_bits is %lld and cell_bits %lld: real numbers need both to be 0",
            weight, cell)
    REQUIRE(cell <= weight, "crossbar.cell_bits is %lld, more than the %lld weight_bits", cell,
            weight)
    REQUIRE(weight != 1,
            "crossbar.weight_bits is 1, which holds no sign beside a number: must be 0 "
            "or at least 2")
    REQUIRE((weight == 0) == (m->crossbar.input_bits == 0),
            "crossbar.weight_bits is %lld and input_bits %lld: real numbers need both to be 0",
            weight, (long long)m->crossbar.input_bits)
    REQUIRE(
        m->crossbar.input_bits != 1,
        "crossbar.input_bits is 1, which holds no sign beside a number: must be 0 or at least 2")
    REQUIRE(m->crossbar.input_bits == 0 || m->crossbar.dac_bits <= m->crossbar.input_bits,
            "crossbar.dac_bits is %lld, more than the %lld input_bits",
            (long long)m->crossbar.dac_bits, (long long)m->crossbar.input_bits)
    REQUIRE(m->crossbar.adc_bits > 0 || m->crossbar.adc_step == 1,
            "crossbar.adc_step is %lld, but a converter without limit (adc_bits 0) has step 1",
            (long long)m->crossbar.adc_step)
    const bool fixed = m->crossbar.adc_range == MACHINE_RANGE_FIXED;
    const char *range = isa_name(ISA_ENUM_adc_range, (unsigned)m->crossbar.adc_range);
    REQUIRE(fixed || m->crossbar.adc_bits > 0,
            "crossbar.adc_range is %s, but a converter without limit (adc_bits 0) has no range",
            range)
    REQUIRE(fixed || m->crossbar.adc_step == 1,
            "crossbar.adc_step is %lld, which adc_range %s chooses: must be left out",
            (long long)m->crossbar.adc_step, range)
    REQUIRE(fixed || m->crossbar.adc_step != 1 || !by_hand(m, "crossbar", "adc_step"),
            "crossbar.adc_step is set to 1, which adc_range %s chooses: must be left out", range)
    REQUIRE(fixed || m->crossbar.rows > 0,
            "crossbar.adc_range is %s, but columns without limit (rows 0) have no largest sum",
            range)
    REQUIRE(fixed || m->crossbar.adc_bits == 0 || machine_adc_top(m) > 0,
            "crossbar.adc_bits is %lld, whose only codes are -1 and 0: adc_range %s needs a "
            "positive one",
            (long long)m->crossbar.adc_bits, range)
    REQUIRE(weight > 0 || m->crossbar.adc_bits == 0,
            "crossbar.adc_bits is %lld, but real numbers (weight_bits 0) are not converted",
            (long long)m->crossbar.adc_bits)
#define LEVELS(name)                                                                          \
    REQUIRE(m->gain.name != 1,                                                                \
            "gain." #name " is 1, but one level holds nothing: must be 0 (continuous) or at " \
            "least 2")
    LEVELS(q_levels)
    LEVELS(kv_levels)
    LEVELS(out_levels)
    LEVELS(score_q_levels)
    LEVELS(score_p_levels)
#undef LEVELS
    REQUIRE(
        m->gain.score_q_levels != 2,
        "gain.score_q_levels is 2, but a signed pulse has 0 and a level either side: at least 3")
    double codes = 1;
    for (int64_t i = 0; i < m->gain.score_cells; i++) codes *= (double)m->gain.score_levels;
    REQUIRE(codes <= 65536,
            "gain.score_levels ^ score_cells is %.0f levels of a stored element, at most 65536",
            codes)
    REQUIRE(m->gain.score_adc_bits == 0 || (m->gain.score_cells > 0 && m->gain.score_q_levels > 0),
            "gain.score_adc_bits is %lld, but real numbers (score_cells 0 or score_q_levels 0) "
            "have no range to convert",
            (long long)m->gain.score_adc_bits)
    if (m->pool.arrays > 0) {
        REQUIRE(machine_pool_chunk(m) > 0,
                "pool.rows is %lld, fewer than the %lld word lines of one weight (digit_bits): a "
                "chunk holds no weight",
                (long long)m->pool.rows, (long long)m->pool.digit_bits)
        REQUIRE(machine_pool_largest(m) >= 127,
                "pool.digits is %lld, which reach to %lld in base %lld: expected 127, the codes of "
                "rows",
                (long long)m->pool.digits, (long long)machine_pool_largest(m),
                (long long)machine_pool_base(m))
        REQUIRE(m->pool.adc_bits > 0 || m->pool.adc_step == 0,
                "pool.adc_step is %lld, but a converter without limit (adc_bits 0) has no step",
                (long long)m->pool.adc_step)
        REQUIRE(weight == 8, "crossbar.weight_bits is %lld: the pool multiplies codes of 8 bits",
                weight)
        REQUIRE(m->dense.sensed * m->dense.cell_bits >= 8,
                "dense.sensed is %lld cells of %lld bits: a read holds no weight",
                (long long)m->dense.sensed, (long long)m->dense.cell_bits)
    }
#undef REQUIRE
    return ok;
}

static machine *new_machine(reader *r) {
    machine *m = ARENA_NEW(r->a, machine);
    r->sources = ARENA_ARRAY(r->a, const char *, machine_params_count);
    r->classes = ARENA_ARRAY(r->a, machine_class, machine_params_count);
    for (size_t i = 0; i < machine_params_count; i++) {
        store_default(m, &machine_params[i]);
        r->sources[i] = "default";
        r->classes[i] = MACHINE_UNSTATED;
    }
    m->name = m->summary = "";
    m->sources = r->sources;
    m->classes = r->classes;
    return m;
}

machine *machine_parse(arena *a, const char *yaml, size_t bytes, const char *name,
                       diag_sink *diags) {
    const yaml_node *root = yaml_file_parse(a, yaml, bytes, name, diags);
    if (!root) return NULL;
    if (root->kind != YAML_MAPPING) {
        diag_emit(diags, DIAG_ID_chip_value, root->loc, "a chip file is a mapping of sections");
        return NULL;
    }
    reader r = {.a = a, .diags = diags, .ok = true};
    r.m = new_machine(&r);
    read_top(&r, root);
    if (!*r.m->name) {
        diag_emit(diags, DIAG_ID_chip_value, root->loc, "the chip has no name");
        r.ok = false;
    }
    return r.ok && machine_check(r.m, name, diags) ? r.m : NULL;
}

// A parameter that was not the chip file's to say.
static void state_source(arena *a, machine *m, const machine_param *p, const char *source) {
    const char **sources = ARENA_ARRAY(a, const char *, machine_params_count);
    machine_class *classes = ARENA_ARRAY(a, machine_class, machine_params_count);
    for (size_t i = 0; i < machine_params_count; i++) {
        sources[i] = m->sources ? m->sources[i] : "default";
        classes[i] = machine_class_of(m, i);
    }
    sources[p - machine_params] = source;
    classes[p - machine_params] = MACHINE_ASSUMED;
    m->sources = sources;
    m->classes = classes;
}

void machine_fix_range(arena *a, machine *m, int64_t step, const char *source) {
    m->crossbar.adc_range = MACHINE_RANGE_FIXED;
    m->crossbar.adc_step = max_i64(1, step);
    if (step == 0) m->crossbar.adc_bits = 0;
    state_source(a, m, find_param("crossbar", strlen("crossbar"), "adc_range"), source);
    state_source(a, m, find_param("crossbar", strlen("crossbar"), "adc_step"), source);
}

bool machine_set(arena *a, machine *m, const char *assignment, diag_sink *diags) {
    diag_loc loc = DIAG_AT(NULL, arena_printf(a, "--set %s", assignment));
    size_t n = strcspn(assignment, "=");
    size_t dot = strcspn(assignment, ".");
    if (!assignment[n] || dot >= n) {
        diag_emit(diags, DIAG_ID_usage, loc, "expected section.key=value");
        return false;
    }
    const char *key = arena_strn(a, assignment + dot + 1, n - dot - 1);
    const machine_param *p = find_param(assignment, dot, key);
    if (!p) {
        spell_nearest near = spell_start(assignment, n);
        for (size_t i = 0; i < machine_params_count; i++)
            spell_try(&near,
                      arena_printf(a, "%s.%s", machine_params[i].section, machine_params[i].name));
        diag_emit(diags, DIAG_ID_usage, loc,
                  "no parameter '%.*s'%s%s%s; `ohmic chips CHIP` lists them", (int)n, assignment,
                  near.best ? "; did you mean '" : "", near.best ? near.best : "",
                  near.best ? "'?" : "");
        return false;
    }
    yaml_node value = {.kind = YAML_SCALAR, .loc = loc, .text = assignment + n + 1};
    if (!store_value(m, p, &value, DIAG_ID_usage, diags)) return false;
    state_source(a, m, p, set_by_hand);
    return true;
}
