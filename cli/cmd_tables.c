// ohmic chips, ops, passes: what exists, from the tables.
#include "cli/args.h"
#include "cli/report.h"
#include "frontend/onnx.h"
#include "ir/ir.h"
#include "isa/isa.h"
#include "isa/machine/machine.h"
#include "passes/pass.h"
#include "support/file/json.h"
#include "support/name.h"
#include <stdio.h>
#include <string.h>

int command_chips(int argc, char **argv);
int command_ops(int argc, char **argv);
int command_passes(int argc, char **argv);

static void dump(json_t *root) { json_print(root, 1, stdout); }

// ---- chips -----------------------------------------------------------------------------------

static const arg_option chips_options[] = {
    ARG_OPTION("set", 0, ARG_PAIR, "KEY=VALUE", "change a parameter of CHIP first", ARG_MANY),
    {"json", 0, ARG_FLAG, NULL, "as JSON"}};

// {"name", "summary", SECTION: {PARAMETER: {"value", "unit", "source"}}}, as the text has it.
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
    return j;
}

static void show_chip(const args *given, const char *const *sets, size_t n, json_t **out,
                      diag_sink *diags) {
    arena *a = args_arena(given);
    machine *m = machine_load(a, args_at(given, 0), sets, n, diags);
    if (m && args_flag(given, "json"))
        *out = chip_json(a, m);
    else if (m)
        report_lines(machine_text(a, m), "", stdout);
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
            printf("%-12s %s\n", name_text(a, names[i]), name_text(a, m->summary));
    }
}

int command_chips(int argc, char **argv) {
    arena *a = arena_new();
    int code;
    args *given = args_parse(a, argc, argv, "chips", "[CHIP]",
                             "Lists the chips that can be found, or prints one in full.",
                             chips_options, ARRAY_LEN(chips_options), 0, 1, &code);
    if (given) {
        diag_sink *diags = diag_sink_new();
        size_t n;
        const char *const *sets = args_list(given, "set", &n);
        json_t *out = NULL;
        if (args_count(given))
            show_chip(given, sets, n, &out, diags);
        else if (n)
            diag_emit(diags, DIAG_ID_usage, DIAG_NOWHERE, "--set changes one chip: say which");
        else
            list_chips(given, &out, diags);
        if (out && !diag_errors(diags))
            dump(out);
        else
            json_decref(out);
        code = args_finish(given, diags);
    }
    arena_free(a);
    return code;
}

// ---- ops -------------------------------------------------------------------------------------

static const arg_option ops_options[] = {
    {"kind", 'k', ARG_WORD, "onnx|ir|isa", "only these; default: all"},
    {"json", 0, ARG_FLAG, NULL, "as JSON"}};

static void list_onnx(json_t *list) {
    for (size_t i = 0; i < onnx_op_rows(); i++) {
        const onnx_op_row *r = onnx_op_row_at(i);
        const char *domain = *r->domain ? r->domain : "ai.onnx";
        if (list)
            json_add(list, json_make("{s:s, s:s, s:s, s:i}", "kind", "onnx", "domain", domain,
                                     "name", r->type, "since", r->since));
        else
            printf("onnx  %-14s %-32s since %d\n", domain, r->type, r->since);
    }
}

static void list_ir(json_t *list) {
    for (int i = 0; i < IR_OP_COUNT; i++) {
        const ir_op_info *o = &ir_ops[i];
        if (list)
            json_add(list, json_make("{s:s, s:s, s:s, s:s}", "kind", "ir", "name", o->name,
                                     "stages", o->stages, "summary", o->summary));
        else
            printf("ir    %-3s %-20s %s\n", o->stages, o->name, o->summary);
    }
}

static void list_isa(json_t *list) {
    for (size_t i = 0; i < isa_infos_count; i++) {
        const isa_info *o = &isa_infos[i];
        const char *unit = isa_name(ISA_ENUM_unit, o->unit);
        if (list)
            json_add(list,
                     json_make("{s:s, s:s, s:i, s:s, s:s}", "kind", "isa", "name", o->mnemonic,
                               "opcode", o->opcode, "unit", unit, "summary", o->summary));
        else
            printf("isa   %02x %-10s %-10s %s\n", o->opcode, o->mnemonic, unit, o->summary);
    }
}

int command_ops(int argc, char **argv) {
    arena *a = arena_new();
    int code;
    args *given = args_parse(a, argc, argv, "ops", "",
                             "Lists ONNX operators, IR operations and instructions.", ops_options,
                             ARRAY_LEN(ops_options), 0, 0, &code);
    if (given) {
        static const struct {
            const char *kind;
            void (*list)(json_t *);
        } kinds[] = {{"onnx", list_onnx}, {"ir", list_ir}, {"isa", list_isa}};
        const char *kind = args_string(given, "kind", NULL);
        json_t *list = args_flag(given, "json") ? json_array() : NULL;
        for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
            if (!kind || strcmp(kind, kinds[i].kind) == 0) kinds[i].list(list);
        if (list) dump(list);
    }
    arena_free(a);
    return code;
}

// ---- passes ----------------------------------------------------------------------------------

static const arg_option passes_options[] = {{"json", 0, ARG_FLAG, NULL, "as JSON"}};

int command_passes(int argc, char **argv) {
    arena *a = arena_new();
    int code;
    args *given = args_parse(a, argc, argv, "passes", "",
                             "Lists the passes in the order a compile runs them.", passes_options,
                             ARRAY_LEN(passes_options), 0, 0, &code);
    if (given) {
        static const char *const classes[] = {"exactly", "f32 rounding", "bounded"};
        json_t *list = args_flag(given, "json") ? json_array() : NULL;
        if (!list) printf("%-16s %-10s %-13s %s\n", "pass", "needs", "preserves", "what it does");
        for (int i = 0; i < PASS_COUNT; i++) {
            const pass_info *p = &pass_table[i];
            if (list)
                json_add(list,
                         json_make("{s:s, s:s, s:s, s:s, s:s}", "name", p->name, "needs",
                                   pass_needs_name(p->needs), "gives", pass_gives_name(p->gives),
                                   "preserves", classes[p->preserves], "summary", p->summary));
            else
                printf("%-16s %-10s %-13s %s\n", p->name, pass_needs_name(p->needs),
                       classes[p->preserves], p->summary);
        }
        if (list) dump(list);
    }
    arena_free(a);
    return code;
}
