// ohmic chips: what there is, one of them in full, two side by side, and what is odd about one.
#include "cli/args.h"
#include "cli/report.h"
#include "cost/chip.h"
#include "support/file/json.h"
#include "support/name.h"
#include <stdio.h>
#include <string.h>

int command_chips(int argc, char **argv);

static const arg_option options[] = {
    ARG_OPTION("set", 0, ARG_PAIR, "KEY=VALUE", "change a parameter of the first CHIP first",
               ARG_MANY),
    {"check", 0, ARG_FLAG, NULL, "say what of CHIP is impossible or odd, and nothing else"},
    {"json", 0, ARG_FLAG, NULL, "as JSON"}};

// {"name", "summary", SECTION: {PARAMETER: {"value", "unit", "class", "source"}}}, as the text has
// it.
static json_t *chip_json(arena *a, const machine *m) {
    json_t *j =
        json_make("{s:o, s:o}", "name", json_name(m->name), "summary", json_name(m->summary));
    for (size_t i = 0; i < machine_params_count; i++) {
        const machine_param *p = &machine_params[i];
        json_t *section = json_object_get(j, p->section);
        if (!section) json_put(j, p->section, section = json_object());
        const char *text = machine_value_text(a, m, p);
        json_t *value = json_loads(text, JSON_DECODE_ANY, NULL); // NULL: a word
        json_put(section, p->name,
                 json_make("{s:o, s:s, s:s, s:o}", "value", value ? value : json_name(text), "unit",
                           p->unit ? p->unit : "", "class",
                           isa_name(ISA_ENUM_figure, machine_class_of(m, i)), "source",
                           json_name(m->sources ? m->sources[i] : "default")));
    }
    chip_figures f = chip_figures_of(m);
    json_t *figures = json_object();
#define FIGURE(name, unit, summary) json_put(figures, #name, json_figure(f.name));
#include "cost/figures.def"
    json_put(j, "figures", figures);
    size_t n;
    const char **none = chip_unlimited(a, m, &n);
    json_t *unlimited = json_array();
    for (size_t k = 0; k < n; k++) json_add(unlimited, json_name(none[k]));
    json_put(j, "unlimited", unlimited);
    return j;
}

// Figures as comments, so that all of it is a chip file still. 0: the chip does not say enough.
static void print_figures(arena *a, const machine *m) {
    chip_figures f = chip_figures_of(m);
    printf("# at best:\n");
#define FIGURE(name, unit, summary)                                         \
    if (f.name != 0)                                                        \
        printf("#   %-22s %10.4g %-8s %s\n", #name, f.name, unit, summary); \
    else                                                                    \
        printf("#   %-22s %10s %-8s %s\n", #name, "not stated", unit, summary);
#include "cost/figures.def"
    size_t n;
    const char **none = chip_unlimited(a, m, &n);
    if (n) printf("# a tile has as many as a program fills, none of them in these figures:");
    for (size_t k = 0; k < n; k++) printf(" %s", none[k]);
    if (n) putchar('\n');
}

static void show_chip(const args *given, machine *m, json_t **out) {
    arena *a = args_arena(given);
    if (args_flag(given, "json")) {
        *out = chip_json(a, m);
        return;
    }
    report_lines(machine_text(a, m), "", stdout);
    print_figures(a, m);
}

// Parameters that differ, and figures.
static void compare_chips(const args *given, const machine *m, const machine *n, json_t **out) {
    arena *a = args_arena(given);
    bool json = args_flag(given, "json");
    json_t *list = json_object();
    if (!json) printf("%-26s %-24s %s\n", "", name_text(a, m->name), name_text(a, n->name));
    for (size_t i = 0; i < machine_params_count; i++) {
        const machine_param *p = &machine_params[i];
        const char *x = machine_value_text(a, m, p), *y = machine_value_text(a, n, p);
        if (strcmp(x, y) == 0) continue;
        const char *key = arena_printf(a, "%s.%s", p->section, p->name);
        if (json)
            json_put(list, key, json_make("[o, o]", json_name(x), json_name(y)));
        else
            printf("%-26s %-24s %s %s\n", key, x, y, p->unit);
    }
    chip_figures f = chip_figures_of(m), g = chip_figures_of(n);
#define FIGURE(name, unit, summary)                                                               \
    if (f.name != g.name) {                                                                       \
        if (json)                                                                                 \
            json_put(list, #name, json_make("[o, o]", json_figure(f.name), json_figure(g.name))); \
        else                                                                                      \
            printf("%-26s %-24.4g %.4g %s\n", #name, f.name, g.name, unit);                       \
    }
#include "cost/figures.def"
    if (json)
        *out = list;
    else
        json_decref(list);
}

static void list_chips(const args *given, json_t **out, diag_sink *diags) {
    arena *a = args_arena(given);
    size_t n;
    const char **names = machine_list(a, &n);
    if (args_flag(given, "json")) *out = json_array();
    for (size_t i = 0; i < n; i++) {
        machine *m = machine_load(a, names[i], NULL, 0, diags);
        if (!m) continue;
        if (*out)
            json_add(*out, json_make("{s:o, s:o}", "name", json_name(names[i]), "summary",
                                     json_name(m->summary)));
        else
            printf("%-15s %s\n", name_text(a, names[i]), name_text(a, m->summary));
    }
}

// What is impossible is an error; what is odd a warning.
static void check(const args *given, const machine *m, json_t **out, diag_sink *diags) {
    const char *name = args_at(given, 0);
    if (!chip_inspect(m, name, diags)) return;
    if (!args_flag(given, "json")) {
        printf("%s: nothing impossible\n", name_text(args_arena(given), m->name));
        return;
    }
    json_t *odd = json_array();
    for (size_t i = 0; i < diag_count(diags); i++)
        json_add(odd, json_name(diag_get(diags, i)->message));
    *out = json_make("{s:o, s:b, s:o}", "chip", json_name(m->name), "possible", true, "odd", odd);
}

static void show(const args *given, json_t **out, diag_sink *diags) {
    arena *a = args_arena(given);
    size_t n;
    const char *const *sets = args_list(given, "set", &n);
    size_t chips = args_count(given);
    if (chips == 0 && (n || args_flag(given, "check"))) {
        diag_emit(diags, DIAG_ID_usage, DIAG_NOWHERE, "--%s %s one chip: say which",
                  n ? "set" : "check", n ? "changes" : "looks at");
    } else if (chips == 0) {
        list_chips(given, out, diags);
    } else {
        machine *m = machine_load(a, args_at(given, 0), sets, n, diags), *other = NULL;
        if (m && chips > 1) other = machine_load(a, args_at(given, 1), NULL, 0, diags);
        if (!m || (chips > 1 && !other)) return;
        if (args_flag(given, "check")) {
            check(given, m, out, diags);
        } else if (other) {
            compare_chips(given, m, other, out);
        } else {
            show_chip(given, m, out);
        }
    }
}

int command_chips(int argc, char **argv) {
    arena *a = arena_new();
    int code;
    args *given = args_parse(a, argc, argv, "chips", "[CHIP [OTHER]]",
                             "Lists the chips that can be found, prints one in full with what it "
                             "could do at best, or what differs between two.",
                             options, ARRAY_LEN(options), 0, 2, &code);
    if (given) {
        diag_sink *diags = diag_sink_new();
        json_t *out = NULL;
        show(given, &out, diags);
        if (out && !diag_errors(diags))
            json_print(out, 1, stdout);
        else
            json_decref(out);
        code = args_finish(given, diags);
    }
    arena_free(a);
    return code;
}
