// What do the chip's converters lose on this model? The program runs on a few rows of the
// calibration text, or on seeded ones, and the conversions of every node are counted: a sum that a
// converter cannot hold is no rounding that a model would forgive (bench/adc.sh).
#include "cli/compile/compile.h"
#include "host/host.h"
#include "isa/machine/pool.h"
#include "passes/precision/calibrate.h"
#include "passes/precision/corpus.h"
#include "support/file/file.h"
#include "support/file/kind.h"
#include "support/map.h"
#include "support/name.h"
#include "support/vec.h"
#include <inttypes.h>
#include <string.h>

enum { ROWS = 16 };             // that are run at most
static const double MACS = 2e9; // products of crossbars spent at most
// Shares above which a node is named: 0.1 % of its codes clipped, a tenth rounded.
static const double CLIPPED = 1e-3, ROUNDED = 0.1;

// Bits of a crossbar's converter that holds every sum in codes of `step`.
static int bits_wanted(const machine *chip, int64_t step) {
    int bits = chip->crossbar.encoding == MACHINE_DIFFERENTIAL;
    for (int64_t n = machine_adc_sum(chip) / step; n > 0; n >>= 1) bits++;
    return bits;
}

static bool may_lose(const machine *chip) {
    if (machine_has_pool(chip))
        return chip->pool.adc_bits > 0 &&
               (machine_pool_step(chip) > 1 || chip->pool.adc_bits < machine_pool_bits(chip, 1));
    return chip->crossbar.adc_bits > 0 && chip->crossbar.rows > 0 && chip->crossbar.cell_bits > 0 &&
           chip->crossbar.dac_bits > 0 &&
           (machine_adc_step(chip) > 1 || chip->crossbar.adc_bits < bits_wanted(chip, 1));
}

static double macs(const isa_program *p) {
    double n = 1;
    for (uint32_t i = 0; i < p->n_tiles; i++)
        for (uint32_t g = 0; g < p->tiles[i].n_groups; g++) {
            const isa_group *x = &p->tiles[i].groups[g];
            n += (double)(x->k1 - x->k0) * x->n;
        }
    return n;
}

// ---- rows ------------------------------------------------------------------------------------

bool compile_run_text(const compilation *c, engine *e, int64_t most, arena *a, tensor *logits,
                      int64_t *done, diag_sink *diags) {
    corpus text;
    host_text t;
    bool ok = c->calibrate && host_text_open(&t, e, diags) && !host_text_has_source(&t) &&
              corpus_read(a, c->options.calibrate, c->calibrate, &text, diags) && text.n_lists > 0;
    if (ok) {
        const engine_info *info = engine_describe(e);
        int64_t n = min_i64(min_i64((int64_t)text.lists[0].n, most), info->max_chunk);
        if (info->fixed_rows) n = min_i64((int64_t)text.lists[0].n, info->fixed_rows);
        int32_t *ids = ARENA_ARRAY(a, int32_t, n + 1);
        for (int64_t i = 0; i < n; i++) ids[i] = (int32_t)text.lists[0].ids[i];
        ok = n > 0 && host_text_step(&t, true, ids, n, a, logits, diags);
        *done = n;
    }
    return ok;
}

// Inputs as scales are chosen on without a text.
static bool run_seeded(const compilation *c, engine *e, int64_t most, int64_t *done) {
    const engine_info *info = engine_describe(e);
    const ir_module *m = c->module;
    int64_t n = info->fixed_rows ? info->fixed_rows : min_i64(most, info->max_chunk);
    int64_t encoder = info->fixed_encoder ? info->fixed_encoder : min_i64(most, info->max_encoder);
    int64_t rows[IR_MAX_DOMAINS];
    corpus_rows(m, n, encoder, true, rows);
    arena *a = arena_new();
    tensor *in = ARENA_ARRAY(a, tensor, info->n_ports + 1);
    tensor *out = ARENA_ARRAY(a, tensor, info->n_ports + 1);
    for (size_t i = 0; i < m->funcs.count; i++) {
        const ir_func *f = m->funcs.items[i];
        tensor *own = ARENA_ARRAY(a, tensor, f->params.count + 1);
        calibrate_seeded(m, f, c->options.seed, 0, rows, 0, a, own);
        for (size_t k = 0; k < f->params.count; k++)
            for (size_t p = 0, at = 0; p < info->n_ports; p++) {
                if (!info->ports[p].input) continue;
                if (strcmp(info->ports[p].name, f->params.items[k].name) == 0) in[at] = own[k];
                at++;
            }
    }
    diag_sink *own = diag_sink_new();
    bool ok = (!info->has_encoder || engine_encode(e, true, encoder, in, a, out, own)) &&
              engine_step(e, !info->has_encoder, n, in, a, out, own);
    *done = n;
    diag_sink_free(own);
    arena_free(a);
    return ok;
}

// ---- what is counted -------------------------------------------------------------------------

static void count(compilation *c, const sim *s) {
    const isa_program *p = c->program;
    compile_converters *x = &c->converters;
    map *seen = map_new();
    for (uint32_t t = 0; t < p->n_tiles; t++)
        for (uint32_t k = 0; k < p->n_phases; k++)
            for (uint32_t pc = 0; pc < p->tiles[t].phase[k].count; pc++) {
                sim_stats e = sim_insn_stats(s, k, t, pc);
                if (!e.adc_conversions) continue;
                const char *node = isa_str(p, p->tiles[t].phase[k].lines[pc].node);
                size_t at = map_add(seen, node, (uint32_t)x->nodes.count);
                if (at == MAP_NONE) {
                    at = x->nodes.count;
                    vec_push(&x->nodes, (compile_conversions){.node = node});
                }
                compile_conversions *y = &x->nodes.items[at];
                y->conversions += e.adc_conversions;
                y->clipped += e.adc_clipped;
                y->rounded += e.adc_rounded;
            }
    map_free(seen);
}

static double share(uint64_t n, const compile_conversions *x) {
    return (double)n / (double)x->conversions;
}

bool compile_loses(const compile_conversions *x) {
    return share(x->clipped, x) > CLIPPED || share(x->rounded, x) > ROUNDED;
}

const char *compile_losses(arena *a, const compile_conversions *x) {
    return arena_printf(a, "%.3g %% clipped, %.3g %% rounded", 100 * share(x->clipped, x),
                        100 * share(x->rounded, x));
}

static const char *pool_cure(const machine *chip, bool clips, arena *a) {
    const int64_t step = clips ? machine_pool_step(chip) : 1, bits = machine_pool_bits(chip, step);
    if (bits > 16) return "--set pool.adc_bits=0 --set pool.adc_step=0 loses nothing";
    return arena_printf(a, "--set pool.adc_bits=%" PRId64 " --set pool.adc_step=%" PRId64 " %s",
                        bits, step, clips ? "holds every sum" : "holds and rounds none");
}

static const char *crossbar_cure(const compilation *c, bool clips, arena *a) {
    const machine *chip = c->chip;
    if (c->range_chosen)
        return arena_printf(a,
                            "their step of %" PRId64 " is the best for the text, "
                            "--set crossbar.adc_bits=%d would lose nothing",
                            machine_adc_step(chip), bits_wanted(chip, 1));
    if (chip->crossbar.adc_range == MACHINE_RANGE_FULL)
        return "--set crossbar.adc_range=calibrated finds the step that suits --calibrate FILE";
    if (!clips) return "--set crossbar.adc_step=1 rounds none, where the converter has the bits";
    return arena_printf(a, "--set crossbar.adc_bits=%d holds every sum",
                        bits_wanted(chip, machine_adc_step(chip)));
}

// The node that loses most stands for all of them here; the summary lists them.
static void warn(const compilation *c, diag_sink *diags) {
    const compile_conversions *worst = NULL;
    size_t n = 0;
    bool clips = false;
    for (size_t i = 0; i < c->converters.nodes.count; i++) {
        const compile_conversions *x = &c->converters.nodes.items[i];
        if (!compile_loses(x)) continue;
        n++;
        clips |= share(x->clipped, x) > CLIPPED;
        if (!worst || share(x->clipped, x) > share(worst->clipped, worst) ||
            (x->clipped == worst->clipped && share(x->rounded, x) > share(worst->rounded, worst)))
            worst = x;
    }
    if (!worst) return;
    arena *a = arena_new();
    const char *more = n > 1 ? arena_printf(a, " (and %zu nodes more)", n - 1) : "";
    const char *node = arena_strn(a, worst->node, strcspn(worst->node, "\n"));
    const char *cure =
        machine_has_pool(c->chip) ? pool_cure(c->chip, clips, a) : crossbar_cure(c, clips, a);
    diag_emit(diags, DIAG_ID_converter_loses,
              DIAG_AT(NULL, arena_printf(a, "node '%s'%s", node, more)),
              "the converters of chip '%s' lose sums of this product: %s, on %s; %s", c->chip->name,
              compile_losses(a, worst), c->converters.on, cure);
    arena_free(a);
}

int64_t compile_converter_rows(const compilation *c, int64_t most) {
    return min_i64(most, (int64_t)(MACS / macs(c->program)));
}

void compile_converters_run(const args *given, compilation *c, const char *path, diag_sink *diags) {
    const int64_t most = compile_converter_rows(c, ROWS);
    if (!may_lose(c->chip) || most < 1 || file_kind_at(path) != FILE_KIND_ohm) return;
    const sim_options so = {.threads = c->options.threads};
    diag_sink *own = diag_sink_new();
    arena *a = args_arena(given);
    program_file f;
    engine *e = program_open(&f, path, a, own) ? engine_of_program(&f, &so, own) : NULL;
    int64_t rows = 0;
    tensor logits;
    bool text = e && compile_run_text(c, e, most, a, &logits, &rows, own);
    if (text || (e && run_seeded(c, e, most, &rows))) {
        c->converters.on = text ? arena_printf(a, "%" PRId64 " tokens of %s", rows,
                                               file_title(c->options.calibrate))
                                : arena_printf(a, "%" PRId64 " seeded rows", rows);
        c->used[PASS_OPTION_calibrate] |= text;
        count(c, engine_sim(e));
        warn(c, diags);
    }
    engine_free(e);
    program_close(&f);
    diag_sink_free(own);
}
