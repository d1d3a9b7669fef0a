// Compiling: options to passes to program; see compile.h.
#include "cli/compile/compile.h"
#include "backend/backend.h"
#include "ir/verify/verify.h"
#include "isa/machine/machine.h"
#include "isa/verify/verify.h"
#include "passes/tokens/bind/bind.h"
#include "support/file/file.h"
#include "support/file/kind.h"
#include "support/progress.h"
#include "support/spell.h"
#include "support/vec.h"
#include <stdlib.h>
#include <string.h>

// ---- options ---------------------------------------------------------------------------------

static bool check_role(arena *a, const pass_axis_role *x, diag_sink *diags) {
    static const char *const roles[] = {"batch", "tokens", "past", "total", "fixed"};
    bool known = false,
         domain = !x->domain || strcmp(x->domain, "enc") == 0 || strcmp(x->domain, "dec") == 0;
    spell_nearest near = spell_start(x->role, strlen(x->role));
    for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
        known |= strcmp(x->role, roles[i]) == 0;
        spell_try(&near, roles[i]);
    }
    if (!known)
        diag_emit(diags, DIAG_ID_usage, DIAG_NOWHERE,
                  "--axis: an axis counts batch, tokens, past, total or fixed, found '%s'%s%s%s",
                  x->role, near.best ? "; did you mean '" : "", near.best ? near.best : "",
                  near.best ? "'?" : "");
    else if (!domain || (x->domain && strcmp(x->role, "tokens") != 0))
        diag_emit(diags, DIAG_ID_usage, DIAG_NOWHERE,
                  "--axis: tokens are of an encoder, tokens:enc, or a decoder, tokens:dec, found "
                  "'%s'",
                  arena_printf(a, "%s:%s", x->role, x->domain));
    return known && domain;
}

// "INPUT:AXIS=ROLE" or "INPUT:AXIS=ROLE:DOMAIN"
static bool parse_axis(arena *a, const char *text, pass_axis_role *out, diag_sink *diags) {
    const char *name, *role;
    char *colon, *end = NULL;
    if (arena_pair(a, text, &name, &role) && (colon = strrchr(name, ':')) != NULL) {
        out->axis = (int)strtol(colon + 1, &end, 10);
        const char *domain = strchr(role, ':');
        *out =
            (pass_axis_role){.input = arena_strn(a, name, (size_t)(colon - name)),
                             .axis = out->axis,
                             .role = domain ? arena_strn(a, role, (size_t)(domain - role)) : role,
                             .domain = domain ? domain + 1 : NULL};
        if (end != colon + 1 && !*end) return check_role(a, out, diags);
    }
    diag_emit(diags, DIAG_ID_usage, DIAG_NOWHERE,
              "--axis wants INPUT:AXIS=ROLE, e.g. input_ids:1=tokens, found '%s'", text);
    return false;
}

// "INPUT=ROLE"
static void parse_role(arena *a, const char *text, pass_input_role *out, diag_sink *diags) {
    static const char *const roles[] = {"ids", "positions", "mask", "past", "fixed"};
    arena_pair(a, text, &out->input, &out->role); // as the command line has checked
    spell_nearest near = spell_start(out->role, strlen(out->role));
    for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
        if (strcmp(out->role, roles[i]) == 0) return;
        spell_try(&near, roles[i]);
    }
    diag_emit(diags, DIAG_ID_usage, DIAG_NOWHERE,
              "--role: an input is ids, positions, mask, past or fixed, found '%s'%s%s%s",
              out->role, near.best ? "; did you mean '" : "", near.best ? near.best : "",
              near.best ? "'?" : "");
}

// Files of texts for the passes, which know ids only.
static void read_texts(const args *a, compilation *c, diag_sink *diags) {
    const pass_options *o = &c->options;
    const struct {
        const char *path;
        json_t **to;
    } files[] = {{o->calibrate, &c->calibrate}, {o->adapt, &c->adapt}};
    texts x;
    const char *model = args_count(a) ? args_at(a, 0) : NULL;
    bool opened = false, ok = true;
    for (size_t i = 0; ok && i < ARRAY_LEN(files); i++) {
        if (!files[i].path || file_kind_at(files[i].path) == FILE_KIND_npz) continue;
        if (!opened) {
            ok = texts_open(&x, a, model, diags);
            texts_by(&x, a);
        }
        opened = true;
        if (ok) *files[i].to = texts_read(&x, files[i].path, TEXTS_LISTS, diags);
    }
    if (opened && ok) texts_unused(&x, a, diags);
    if (opened) texts_close(&x);
    c->options.calibrate_text = c->calibrate;
    c->options.adapt_text = c->adapt;
}

bool compile_options(const args *a, compilation *c, diag_sink *diags) {
    size_t n, errors = diag_errors(diags);
    arena *mem = args_arena(a);
    const char *const *sets = args_list(a, "set", &n);
    pass_options *o = &c->options;
    compile_timings_begin(&c->timings);
    *o = pass_options_default();
    o->checking = &c->timings.checks;
    c->chip = machine_load(mem, args_string(a, "chip", "ohmic-1"), sets, n, diags);
    o->machine = c->chip;
    o->used = &c->used;
    o->max_tokens = args_int(a, "max-tokens", 0);
    o->max_chunk = args_int(a, "max-chunk", 0);
    o->slots = args_int(a, "slots", 0);
    o->banks = args_int(a, "banks", 0);
    o->window = args_int(a, "window", 0);
    o->mask = args_string(a, "mask", NULL);
    o->logits = args_string(a, "logits", "all");
    o->static_scales = args_flag(a, "static-scales");
    o->calibrate = args_string(a, "calibrate", NULL);
    o->quant_scope = args_string(a, "quant-scope", "row");
    o->attention = args_string(a, "attention", "softmax");
    o->adapt = args_string(a, "adapt", NULL);
    o->token_period = args_real(a, "token-period", 0);
    o->seed = (uint64_t)args_int(a, "seed", 0);
    o->threads = (int)args_int(a, "threads", 0);
    const char *const *axes = args_list(a, "axis", &n);
    pass_axis_role *roles = ARENA_ARRAY(mem, pass_axis_role, n + 1);
    for (size_t i = 0; i < n; i++) parse_axis(mem, axes[i], &roles[i], diags);
    o->axes = roles;
    o->n_axes = n;
    const char *const *said = args_list(a, "role", &n);
    pass_input_role *inputs = ARENA_ARRAY(mem, pass_input_role, n + 1);
    for (size_t i = 0; i < n; i++) parse_role(mem, said[i], &inputs[i], diags);
    o->roles = inputs;
    o->n_roles = n;
    o->kept_outputs = args_list(a, "keep-output", &o->n_kept_outputs);
    o->dropped_outputs = args_list(a, "drop-output", &o->n_dropped_outputs);
    o->keep_probabilities = o->n_kept_outputs > 0;
    c->checks = (pass_checks){.check_equivalence = args_flag(a, "check-equivalence"),
                              .dump_dir = args_string(a, "dump-ir", NULL)};
    if (c->chip && diag_errors(diags) == errors) read_texts(a, c, diags);
    return c->chip && diag_errors(diags) == errors;
}

// ---- model in --------------------------------------------------------------------------------

// IR text: by its beginning, and by its name where that is damaged.
static bool is_text(const char *path) {
    file_kind k = file_kind_at(path);
    return k == FILE_KIND_oir || (k != FILE_KIND_onnx && file_ends_in(path, ".oir"));
}

// The pass that reads an option last; IMPORT: only the import of a model does.
enum { IMPORT = -1 };
static const struct {
    const char *option;
    int reader;
} readers[] = {
    {"bind", IMPORT},
    {"max-tokens", IMPORT},
    {"keep-output", IMPORT},
    {"drop-output", IMPORT},
    {"role", PASS_ID_find_tokens},
    {"axis", PASS_ID_find_tokens},
    {"max-chunk", PASS_ID_find_tokens},
    {"slots", PASS_ID_find_tokens},
    {"window", PASS_ID_find_tokens},
    {"mask", PASS_ID_find_tokens},
    {"logits", PASS_ID_find_tokens},
    {"quant-scope", PASS_ID_find_tokens},
    {"attention", PASS_ID_choose_readout},
    {"adapt", PASS_ID_choose_readout},
    {"token-period", PASS_ID_choose_readout},
    {"static-scales", PASS_ID_quantize},
    {"calibrate", PASS_ID_quantize},
    {"banks", PASS_ID_place},
};

bool compile_text_options(const args *a, const pass_pipeline *p, diag_sink *diags) {
    bool ok = true;
    for (size_t i = 0; i < ARRAY_LEN(readers); i++) {
        if (!args_given(a, readers[i].option)) continue;
        bool runs = false;
        const char *reader = readers[i].reader < 0 ? "" : pass_table[readers[i].reader].name;
        for (size_t k = 0; k < p->count; k++) runs |= strcmp(p->items[k].info.name, reader) == 0;
        if (runs) continue;
        ok = false;
        if (*reader)
            diag_emit(diags, DIAG_ID_usage, DIAG_NOWHERE,
                      "--%s has no effect here: the pass %s reads it, which is not run",
                      readers[i].option, reader);
        else
            diag_emit(
                diags, DIAG_ID_usage, DIAG_NOWHERE,
                "--%s has no effect on IR text: its sizes and outputs were chosen when the model "
                "was imported",
                readers[i].option);
    }
    return ok;
}

void compile_unused_options(const args *a, const compilation *c, diag_sink *diags) {
    static const struct {
        const char *option, *why;
    } rows[PASS_OPTIONS] = {
#define PASS_OPTION(id, option, why) {option, why},
#include "passes/options.def"
    };
    for (int i = 0; i < PASS_OPTIONS; i++) {
        if (!args_given(a, rows[i].option) || c->used[i]) continue;
        const char *why = rows[i].why;
        bool scales = i == PASS_OPTION_calibrate || i == PASS_OPTION_static_scales;
        if (scales && !c->chip->crossbar.weight_bits)
            why =
                arena_printf(args_arena(a), "chip '%s' computes with real numbers", c->chip->name);
        else if (i == PASS_OPTION_calibrate && !c->options.static_scales &&
                 c->chip->digital.row_scales)
            why = "every row has a scale of its own (--static-scales asks for calibrated ones)";
        diag_emit(diags, DIAG_ID_option_unused, DIAG_NOWHERE, "--%s has no effect here: %s",
                  rows[i].option, why);
    }
}

static pass_pipeline rest_of(const ir_module *m) {
    pass_pipeline p = {0};
    for (int i = pass_last(m) + 1; i < PASS_COUNT; i++) vec_push(&p, pass_step_of((pass_id)i));
    return p;
}

// The files of an ONNX model: one, or those of an encoder, of a decoder, and of the decoder behind
// caches. NULL: reported.
static onnx_model *open_onnx(const char *const *paths, size_t n, diag_sink *diags) {
    onnx_model *m[3] = {NULL};
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++) ok = (m[i] = onnx_open(paths[i], diags)) != NULL;
    if (ok) return n == 1 ? m[0] : onnx_join(m[0], m[1], m[2], diags);
    for (size_t i = 0; i < n; i++) onnx_close(m[i]);
    return NULL;
}

bool compile_open(const args *a, const char *const *paths, size_t n, compilation *c,
                  diag_sink *diags) {
    for (size_t i = 0; n > 1 && i < n; i++) {
        if (!is_text(paths[i])) continue;
        diag_emit(diags, DIAG_ID_usage, DIAG_FILE(paths[i]),
                  "is IR text, of which one file is a model: several are an encoder's and a "
                  "decoder's .onnx");
        return false;
    }
    if (is_text(paths[0])) {
        c->module = pass_read(paths[0], diags);
        if (!c->module) return false;
        pass_pipeline p = rest_of(c->module);
        bool ok = compile_text_options(a, &p, diags);
        vec_free(&p);
        return ok;
    }
    c->onnx = open_onnx(paths, n, diags);
    if (!c->onnx) return false;
    c->module = compile_bind(a, c->onnx, &c->options, &c->reference, diags);
    c->options.reference = c->reference;
    return c->module &&
           (ir_verify(c->module, "import", diags) || pass_invalid("import", "module", diags));
}

// ---- program out -----------------------------------------------------------------------------

// The pass that decides what a finding of the program's verifier is about. PASS_COUNT: the backend.
static int decided_by(diag_id finding) {
    switch (finding) {
    case DIAG_ID_isa_domain: return PASS_ID_find_tokens;
    case DIAG_ID_isa_readout: return PASS_ID_choose_readout;
    case DIAG_ID_isa_ring: return PASS_ID_split_attention;
    case DIAG_ID_isa_operand:
    case DIAG_ID_isa_index:
    case DIAG_ID_isa_port: return PASS_ID_route_digital;
    case DIAG_ID_isa_block: return PASS_ID_place;
    case DIAG_ID_isa_order:
    case DIAG_ID_isa_channel: return PASS_ID_schedule;
    case DIAG_ID_isa_unwritten:
    case DIAG_ID_isa_depth: return PASS_ID_allocate;
    default: return PASS_COUNT;
    }
}

bool compile_verify(const isa_program *p, const machine *chip, int first, diag_sink *diags) {
    size_t from = diag_count(diags);
    if (isa_verify(p, chip, "compiled program", diags)) return true;
    for (size_t i = from; i < diag_count(diags); i++) {
        const diag *d = diag_get(diags, i);
        if (d->severity < DIAG_ERROR || d->id == DIAG_ID_isa_capacity) continue;
        const int by = decided_by(d->id);
        if (by == PASS_COUNT) return pass_invalid("backend", "program", diags);
        if (by >= first) return pass_invalid(pass_table[by].name, "program", diags);
    }
    return false;
}

typedef struct {
    progress *bar;
    compile_timings *timings;
    const char *running; // the pass; NULL: none yet
} shown;

static void show_pass(void *ctx, size_t index, size_t count, const char *name) {
    shown *s = ctx;
    (void)count;
    progress_set(s->bar, index);
    compile_timings_part(s->timings, s->running ? s->running : "import");
    s->running = name;
}

bool compile_program(compilation *c, diag_sink *diags) {
    const int first = pass_last(c->module) + 1;
    pass_pipeline p = rest_of(c->module);
    shown s = {progress_new("compiling", p.count), &c->timings, NULL};
    c->checks.progress = show_pass;
    c->checks.progress_ctx = &s;
    ir_module *done = pass_run_pipeline(&p, c->module, &c->options, &c->checks, diags);
    progress_free(s.bar);
    vec_free(&p);
    if (!done) return false;
    ir_module_free(c->module);
    c->module = done;
    c->program = be_emit(done, c->chip, "ohmic " OHMIC_VERSION, diags);
    if (!c->program) return false;
    compile_timings_part(&c->timings, "backend");
    const double since = pass_check_began(&c->options);
    const bool ok = compile_verify(c->program, c->chip, first, diags);
    pass_check_ended(&c->options, since);
    return ok;
}

void compile_close(compilation *c) {
    isa_program_free(c->program);
    ir_module_free(c->module);
    ir_module_free(c->reference);
    onnx_close(c->onnx);
    vec_free(&c->converters.nodes);
    json_decref(c->calibrate);
    json_decref(c->adapt);
}
