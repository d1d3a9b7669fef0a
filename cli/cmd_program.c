// ohmic as, dis, nm, verify: program files and their assembly.
#include "cli/args.h"
#include "cli/program/placement.h"
#include "cli/report.h"
#include "host/program.h"
#include "isa/file/file.h"
#include "isa/text/text.h"
#include "isa/verify/verify.h"
#include "support/file/json.h"
#include "support/name.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

int command_as(int argc, char **argv);
int command_dis(int argc, char **argv);
int command_nm(int argc, char **argv);
int command_verify(int argc, char **argv);

// ---- as --------------------------------------------------------------------------------------

static const arg_option as_options[] = {
    {"output", 'o', ARG_OUTPUT, "FILE", "where the program goes; default: a.ohm"},
    ARG_OPTION("chip", 'c', ARG_CHIP, "CHIP",
               "chip to assemble for; default: the .chip of the text", ARG_TAKES("chip")),
    ARG_OPTION("set", 0, ARG_PAIR, "KEY=VALUE", "--chip: change a parameter first",
               ARG_WITH("chip"), ARG_MANY),
};

// The chip of the command line becomes the program's; without one it is that of the text. NULL:
// reported.
static machine *as_chip(const args *given, isa_program *p, const char *path, diag_sink *diags) {
    size_t n;
    const char *chip = args_string(given, "chip", NULL);
    const char *const *sets = args_list(given, "set", &n);
    machine *m = NULL;
    if (chip) {
        m = machine_load(p->arena, chip, sets, n, diags);
        if (m) p->chip = machine_text(p->arena, m);
    } else if (!*p->chip) {
        diag_emit(diags, DIAG_ID_asm_syntax, DIAG_FILE(path),
                  "the text has no .chip: say --chip CHIP (`ohmic chips` lists them)");
    } else {
        m = machine_parse(p->arena, p->chip, strlen(p->chip), path, diags);
    }
    return m;
}

int command_as(int argc, char **argv) {
    arena *a = arena_new();
    int code;
    args *given =
        args_parse(a, argc, argv, "as", "ASSEMBLY", "Assembles a program, and verifies it.",
                   as_options, ARRAY_LEN(as_options), 1, 1, &code);
    if (given) {
        diag_sink *diags = diag_sink_new();
        file_map text = {0};
        const char *path = args_at(given, 0);
        if (file_map_open(&text, path, diags)) {
            isa_program *p = isa_assemble((const char *)text.data, text.bytes, path, diags);
            machine *chip = p ? as_chip(given, p, path, diags) : NULL;
            if (chip && isa_verify(p, chip, path, diags))
                isa_write(p, args_string(given, "output", "a.ohm"), diags);
            isa_program_free(p);
            file_map_close(&text);
        }
        code = args_finish(given, diags);
    }
    arena_free(a);
    return code;
}

// ---- dis -------------------------------------------------------------------------------------

static const arg_option dis_options[] = {
    {"output", 'o', ARG_OUTPUT, "FILE",
     "where the text goes, with its data beside it in FILE.data; default: standard output, with "
     "its data in its last lines"},
    {"no-data", 0, ARG_FLAG, NULL, "leave cells and tables out: to be read, not to be assembled"},
};

int command_dis(int argc, char **argv) {
    arena *a = arena_new();
    int code;
    args *given =
        args_parse(a, argc, argv, "dis", "PROGRAM",
                   "Disassembles a program; `ohmic as` turns the text back into the same bytes.",
                   dis_options, ARRAY_LEN(dis_options), 1, 1, &code);
    if (given) {
        diag_sink *diags = diag_sink_new();
        program_file f;
        const char *output = args_string(given, "output", "-");
        if (program_open(&f, args_at(given, 0), a, diags)) {
            file_out *out = file_out_open(output, diags);
            isa_text_data where = args_flag(given, "no-data")       ? ISA_DATA_NOT
                                  : out && !file_out_is_direct(out) ? ISA_DATA_BESIDE
                                                                    : ISA_DATA_WITHIN;
            const char *data = where == ISA_DATA_BESIDE ? arena_printf(a, "%s.data", output) : NULL;
            if (out && isa_disassemble(f.program, file_out_stream(out), where, data, diags))
                file_out_commit(out, diags);
            else
                file_out_abandon(out);
        }
        program_close(&f);
        code = args_finish(given, diags);
    }
    arena_free(a);
    return code;
}

// ---- nm --------------------------------------------------------------------------------------

static const arg_option nm_options[] = {
    {"placement", 0, ARG_FLAG, NULL,
     "instead, as CSV: which slice of which tensor stands on which crossbar"},
    {"json", 0, ARG_FLAG, NULL, "as JSON; groups with their slices"}};

typedef struct {
    const char *kind, *name;
    uint32_t tile;
    uint64_t bytes;
    const char *what;
    json_t *slices; // of a group; NULL: none
} symbol;

static void print_symbol(const symbol *s, json_t *list, arena *a) {
    if (list)
        json_add(list,
                 json_make("{s:s, s:o, s:o, s:o, s:o, s:o*}", "kind", s->kind, "tile",
                           json_count(s->tile), "name", json_name(s->name), "bytes",
                           json_count(s->bytes), "what", json_name(s->what), "slices", s->slices));
    else
        printf("%-6s %5u %12" PRIu64 "  %-24s %s\n", s->kind, s->tile, s->bytes,
               name_text(a, s->what), name_text(a, s->name));
}

// What holds the weights of a group.
static const char *holder(const isa_group *g, arena *a) {
    if (g->digits > 0) return "dense crossbars";
    if (g->kind == ISA_STORED) return "memory";
    return arena_printf(a, "%u crossbar%s", g->n_blocks, g->n_blocks == 1 ? "" : "s");
}

static void list_tile(const isa_program *p, uint32_t i, const placement_slices *slices,
                      json_t *list, arena *a) {
    const isa_tile *t = &p->tiles[i];
    for (uint32_t g = 0; g < t->n_groups; g++) {
        const isa_group *d = &t->groups[g];
        symbol s = {"group", isa_str(p, d->name), i,
                    (uint64_t)(d->k1 - d->k0) * d->n * (d->wtype == ISA_W_F32 ? 4 : 1), ""};
        s.what = arena_printf(a, "%ux%u in %s", d->k1 - d->k0, d->n, holder(d, a));
        if (list) s.slices = placement_json(slices, i, g);
        print_symbol(&s, list, a);
    }
    for (uint32_t r = 0; r < t->n_rings; r++) {
        const isa_ring *d = &t->rings[r];
        symbol s = {"ring", isa_str(p, d->name), i, (uint64_t)d->slots * d->n_kv * (d->d + d->dv),
                    ""};
        s.what = arena_printf(a, "%u heads x %u slots", d->n_kv, d->slots);
        print_symbol(&s, list, a);
    }
    for (uint32_t k = 0; k < t->n_tables; k++) {
        const isa_table *d = &t->tables[k];
        symbol s = {"table", isa_str(p, d->name), i, (uint64_t)d->rows * d->width * 4, ""};
        s.what = arena_printf(a, "%ux%u", d->rows, d->width);
        print_symbol(&s, list, a);
    }
    for (uint32_t ph = 0; ph < p->n_phases; ph++) {
        for (uint32_t pc = 0;
             pc < t->phase[ph].count;) { // instructions of one ONNX node stand together
            uint32_t node = t->phase[ph].lines[pc].node, n = 1;
            while (pc + n < t->phase[ph].count && t->phase[ph].lines[pc + n].node == node) n++;
            char *name = arena_str(a, isa_str(p, node));
            for (char *c = name; *c; c++)
                if (*c == '\n') *c = ' ';
            symbol s = {"code", *name ? name : "(control)", i, 16ull * n, ""};
            s.what = arena_printf(a, "%s pc %u..%u", p->phases[ph].name, pc, pc + n - 1);
            print_symbol(&s, list, a);
            pc += n;
        }
    }
}

static void show_symbols(const args *given, const isa_program *p, arena *a) {
    bool json = args_flag(given, "json");
    placement_slices slices = {0};
    if (json || args_flag(given, "placement")) placement_of(p, a, &slices);
    if (args_flag(given, "placement")) {
        if (json)
            report_json(placement_json(&slices, UINT32_MAX, 0));
        else
            placement_print(&slices, a, stdout);
    } else {
        json_t *list = json ? json_array() : NULL;
        if (!list) printf("%-6s %5s %12s  %-24s %s\n", "kind", "tile", "bytes", "what", "name");
        for (uint32_t i = 0; i < p->n_tiles; i++) list_tile(p, i, &slices, list, a);
        if (list) json_print(list, 1, stdout);
    }
    vec_free(&slices);
}

int command_nm(int argc, char **argv) {
    arena *a = arena_new();
    int code;
    args *given = args_parse(a, argc, argv, "nm", "PROGRAM",
                             "Lists groups, rings, tables and code of a program, tile by tile.",
                             nm_options, ARRAY_LEN(nm_options), 1, 1, &code);
    if (given) {
        diag_sink *diags = diag_sink_new();
        program_file f;
        if (program_open(&f, args_at(given, 0), a, diags)) {
            show_symbols(given, f.program, a);
        }
        program_close(&f);
        code = args_finish(given, diags);
    }
    arena_free(a);
    return code;
}

// ---- verify ----------------------------------------------------------------------------------

static const arg_option verify_options[] = {
    {"proof", 0, ARG_FLAG, NULL, "print the record of what the compiler proved"},
    ARG_OPTION("quiet", 'q', ARG_FLAG, NULL, "print nothing when all is well",
               ARG_WITHOUT("proof|json")),
    {"json", 0, ARG_FLAG, NULL, "print as JSON"}};

static json_t *verified_json(const args *given, const isa_program *p, const char *path,
                             uint64_t count) {
    json_t *j =
        json_make("{s:o, s:b, s:o, s:o, s:o, s:o}", "program", json_name(path), "verified", true,
                  "instructions", json_count(count), "tiles", json_count(p->n_tiles), "channels",
                  json_count(p->n_channels), "max_rows", json_count(p->max_chunk));
    json_t *lines = json_array();
    for (const char *text = p->proof; *text;) {
        size_t n = strcspn(text, "\n");
        json_add(lines, json_name_n(text, n));
        text += n + (text[n] == '\n');
    }
    if (args_flag(given, "proof"))
        json_put(j, "proof", lines);
    else
        json_decref(lines);
    return j;
}

int command_verify(int argc, char **argv) {
    arena *a = arena_new();
    int code;
    args *given = args_parse(a, argc, argv, "verify", "PROGRAM",
                             "Proves a program safe and free of deadlock for every number of "
                             "tokens, or says what is wrong.",
                             verify_options, ARRAY_LEN(verify_options), 1, 1, &code);
    if (given) {
        diag_sink *diags = diag_sink_new();
        program_file f;
        const char *path = args_at(given, 0);
        if (program_open(&f, path, a, diags) && isa_verify(f.program, f.chip, path, diags) &&
            !args_flag(given, "quiet")) {
            const isa_program *p = f.program;
            uint64_t count = 0;
            for (uint32_t i = 0; i < p->n_tiles; i++)
                for (uint32_t k = 0; k < p->n_phases; k++) count += p->tiles[i].phase[k].count;
            if (args_flag(given, "json"))
                report_json(verified_json(given, p, path, count));
            else
                printf("%s: verified: %" PRIu64
                       " instructions on %u tiles, %u channels; safe and free "
                       "of deadlock for 0 ... %u rows a step\n",
                       name_text(a, path), count, p->n_tiles, p->n_channels, p->max_chunk);
            if (args_flag(given, "proof") && !args_flag(given, "json"))
                report_lines(p->proof, "", stdout);
        }
        program_close(&f);
        code = args_finish(given, diags);
    }
    arena_free(a);
    return code;
}
