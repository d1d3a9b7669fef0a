// ohmic cost: what a program takes on its chip, in time (timing/) and energy (cost/).
#include "cli/cost/cost.h"
#include "cli/report.h"
#include "host/program.h"
#include "isa/verify/verify.h"

int command_cost(int argc, char **argv);

static const arg_option options[] = {
    ARG_OPTION(
        "prompt", 0, ARG_COUNT, "N",
        "tokens before the first that is generated; default: 16, or as many as the program takes",
        ARG_WITHOUT("activity")),
    ARG_OPTION("generate", 0, ARG_SIZE, "M", "tokens generated behind it, one by one; default: 8",
               ARG_WITHOUT("activity")),
    ARG_OPTION("sequences", 0, ARG_COUNT, "K",
               "say also what K sequences take together, each in a bank of its own (compile "
               "--banks)",
               ARG_WITHOUT("activity")),
    ARG_OPTION("activity", 0, ARG_INPUT, "FILE",
               "the rows of a run that `ohmic run --activity` recorded, with the gates and masks "
               "they met; default: all open",
               ARG_TAKES("json")),
    {"by", 0, ARG_WORD, "node|tile|unit|component|instruction|operation",
     "divide the energy of the sequence among these, too"},
    {"top", 0, ARG_SIZE, "N", "lines of each list; default: 5"},
    ARG_OPTION("set", 0, ARG_PAIR, "KEY=VALUE", "change a parameter of the chip first", ARG_MANY),
    {"timeline", 0, ARG_OUTPUT, "FILE",
     "when every unit works on what: FILE.json for Chrome's tracing, else for Perfetto "
     "(ui.perfetto.dev)"},
    ARG_OPTION("between", 0, ARG_NUMBERS, "FROM,TO",
               "--timeline: only what happens between these times, in ns from the first launch",
               ARG_WITH("timeline")),
    {"floorplan", 0, ARG_OUTPUT, "FILE",
     "where everything stands, how full and how busy it is: FILE.dot for Graphviz, else SVG"},
    {"json", 0, ARG_FLAG, NULL, "all figures as JSON"}};

int command_cost(int argc, char **argv) {
    arena *a = arena_new();
    int code;
    args *given = args_parse(a, argc, argv, "cost", "PROGRAM",
                             "Says how long a program takes on its chip, and why: first token, "
                             "token to token, in the long run; what limits it.",
                             options, ARRAY_LEN(options), 1, 1, &code);
    if (given) {
        cost c = {.a = a, .diags = diag_sink_new()};
        program_file f;
        const char *path = args_at(given, 0);
        if (program_open(&f, path, a, c.diags) && isa_verify(f.program, f.chip, path, c.diags)) {
            c.p = f.program;
            c.chip = cost_chip(&c, f.chip, given);
            if (c.chip && cost_lengths(&c, given) && cost_count(&c) && cost_timeline(&c, given) &&
                cost_floorplan(&c, given)) {
                if (args_flag(given, "json"))
                    report_json(cost_json(&c));
                else
                    cost_print(&c);
            }
            cost_free(&c);
        }
        program_close(&f);
        code = args_finish(given, c.diags);
    }
    arena_free(a);
    return code;
}
