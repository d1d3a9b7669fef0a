// Which step of the chip's converters suits this model (crossbar.adc_range: calibrated)? The
// program runs on a few rows of the calibration text with converters that lose nothing, and with
// every step that may be of use; the step whose predictions are nearest is the chip's from then on,
// in the program as well.
#include "cli/compile/compile.h"
#include "host/host.h"
#include "isa/file/file.h"
#include "passes/precision/corpus.h"
#include "support/file/file.h"
#include "support/num/num.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { ROWS = 64 };           // that are run at most
static const double FAR = 16; // times the least divergence

static bool asked(const compilation *c) {
    return c->chip->crossbar.adc_range == MACHINE_RANGE_CALIBRATED;
}

bool compile_range_can_be_chosen(const args *given, const compilation *c, const char *path,
                                 diag_sink *diags) {
    if (!asked(c)) return true;
    const bool text = args_given(given, "calibrate"), file = strcmp(path, "-") != 0;
    if (!text)
        diag_emit(
            diags, DIAG_ID_usage, DIAG_NOWHERE,
            "chip '%s' has a calibrated crossbar.adc_range, and there is nothing to calibrate "
            "on: --calibrate FILE (texts, or JSON lists of token ids), or --set "
            "crossbar.adc_range=full",
            c->chip->name);
    if (!file)
        diag_emit(diags, DIAG_ID_usage, DIAG_NOWHERE,
                  "chip '%s' has a calibrated crossbar.adc_range, which a program is written and "
                  "run for: say where it goes (-o FILE)",
                  c->chip->name);
    return text && file;
}

typedef struct {
    compilation *c;
    const char *path; // of the program on trial
    int64_t rows;     // of the text
    arena *a;
} choice;

// What the program computes of the text on such converters; step 0: those that lose nothing. False:
// the text is none that it reads, reported.
static bool run_with(choice *x, int64_t step, tensor *logits, diag_sink *diags) {
    program_file f;
    engine *e = NULL;
    if (program_open(&f, x->path, x->a, diags)) {
        machine_fix_range(x->a, f.chip, step, "a step on trial");
        f.program->chip = machine_text(x->a, f.chip);
        e = engine_of_program(&f, &(sim_options){.threads = x->c->options.threads}, diags);
    }
    const bool ok = e && compile_run_text(x->c, e, x->rows, x->a, logits, &x->rows, diags);
    engine_free(e);
    program_close(&f);
    return ok;
}

// Says why the text is none that the program reads: in its own terms where it can be, entry by
// entry, else as the run has found.
static void refuse_text(const choice *x, const diag_sink *found, diag_sink *diags) {
    const compilation *c = x->c;
    const ir_func *f = c->module->funcs.items[c->module->funcs.count - 1];
    const size_t errors = diag_errors(diags);
    corpus text;
    if (c->calibrate && corpus_read(x->a, c->options.calibrate, c->calibrate, &text, diags))
        corpus_fit(&text, c->module, f, diags);
    const char *why = diag_first_error(found, 0, x->a);
    if (diag_errors(diags) == errors)
        diag_emit(diags, DIAG_ID_file_kind, DIAG_AT(NULL, c->options.calibrate),
                  "is no text that this program reads%s%s", why ? ": " : "", why ? why : "");
    diag_note(diags, DIAG_NOWHERE,
              "crossbar.adc_range is calibrated on a text: --set crossbar.adc_range=full would do");
}

// Logarithm of the sum of exp(x).
static double log_sum(const float *x, int64_t n) {
    float most = -INFINITY;
    for (int64_t i = 0; i < n; i++) most = x[i] > most ? x[i] : most;
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += (double)num_exp(x[i] - most);
    return (double)most + num_log_f64(sum);
}

// How far the tokens that `got` predicts are from those of `want`: the mean of the divergence
// (Kullback-Leibler) of the rows, in nats. What shifts a row as a whole does not count.
static double divergence(const tensor *got, const tensor *want) {
    const int64_t width = want->dim[want->rank - 1], rows = (int64_t)tensor_count(want) / width;
    const float *p = want->data, *q = got->data;
    double sum = 0;
    for (int64_t r = 0; r < rows; r++, p += width, q += width) {
        const double of_p = log_sum(p, width), of_q = log_sum(q, width);
        for (int64_t i = 0; i < width; i++) {
            const double log_p = (double)p[i] - of_p;
            sum += (double)num_exp((float)log_p) * (log_p - ((double)q[i] - of_q));
        }
    }
    return isnan(sum) ? INFINITY : (sum > 0 ? sum : 0) / (double)rows;
}

// The step whose predictions are nearest: in *least how far they are, in *full the step at which
// nothing clips. 0: the program does not read the text, reported.
static int64_t nearest_step(choice *x, double *least, int64_t *full, diag_sink *diags) {
    const machine *chip = x->c->chip;
    tensor want, got;
    diag_sink *own = diag_sink_new();
    const bool reads = run_with(x, 0, &want, own);
    if (!reads) refuse_text(x, own, diags);
    const int64_t top = machine_adc_top(chip), sum = machine_adc_sum(chip);
    *full = max_i64(1, min_i64(65536, ceil_div_i64(sum, top)));
    int64_t best = reads ? *full : 0;
    *least = INFINITY;
    // every step up to 16, then an eighth more each; from that at which nothing clips downwards
    for (int64_t step = best; step > 0; step -= max_i64(1, step / 8)) {
        arena *scratch = x->a;
        x->a = arena_new();
        const double d = run_with(x, step, &got, own) ? divergence(&got, &want) : INFINITY;
        arena_free(x->a);
        x->a = scratch;
        if (d < *least) *least = d, best = step;
        if (d > FAR * *least && *least < INFINITY) break; // what clips even more is no nearer
    }
    diag_sink_free(own);
    return best;
}

// The program is tried as a temporary beside its output, which is left as it was.
bool compile_choose_range(compilation *c, const char *path, diag_sink *diags) {
    if (!asked(c)) return true;
    choice x = {c, NULL, compile_converter_rows(c, ROWS), arena_new()};
    isa_program *p = c->program;
    double least = 0;
    int64_t full = 0, best = 0;
    file_out *trial = file_out_open(path, diags);
    if (trial) x.path = file_out_temporary(trial);
    if (trial && !x.path)
        diag_emit(diags, DIAG_ID_usage, DIAG_FILE(path),
                  "is no regular file, and a calibrated crossbar.adc_range is chosen by running "
                  "the program: say where it goes (-o FILE)");
    else if (trial && x.rows < 1)
        diag_emit(diags, DIAG_ID_chip_value, DIAG_NOWHERE,
                  "the program is too large to choose a calibrated crossbar.adc_range by running "
                  "it: --set crossbar.adc_range=full would do");
    else if (trial && isa_write_into(p, trial, path, diags))
        best = nearest_step(&x, &least, &full, diags);
    file_out_abandon(trial);
    if (best > 0) {
        const char *on =
            arena_printf(x.a, "%" PRId64 " tokens of %s", x.rows, file_title(c->options.calibrate));
        machine_fix_range(p->arena, c->chip, best, arena_printf(p->arena, "calibrated on %s", on));
        p->chip = machine_text(p->arena, c->chip);
        p->notes = arena_printf(
            p->arena,
            "%s%sconverters of %" PRId64 " bits have steps of %" PRId64 " of 1 to %" PRId64
            ", calibrated on %s: what the program predicts there is %.3g nats from what it would "
            "with converters that lose nothing",
            p->notes, *p->notes ? "\n" : "", c->chip->crossbar.adc_bits, best, full, on, least);
        c->used[PASS_OPTION_calibrate] = c->range_chosen = true;
    }
    arena_free(x.a);
    return best > 0;
}
