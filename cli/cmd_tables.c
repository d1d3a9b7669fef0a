// ohmic ops, passes: what exists, from the tables.
#include "cli/args.h"
#include "cli/report.h"
#include "frontend/onnx.h"
#include "ir/ir.h"
#include "isa/isa.h"
#include "passes/pass.h"
#include "support/file/json.h"
#include "support/name.h"
#include <stdio.h>
#include <string.h>

int command_ops(int argc, char **argv);
int command_passes(int argc, char **argv);

static void dump(json_t *root) { json_print(root, 1, stdout); }

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
