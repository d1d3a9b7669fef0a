// Does a module compute what the model computed as it was imported? See witness.h.
#include "passes/witness.h"
#include "ir/eval/interp.h"
#include "ir/ring.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { MOST_PHASES = 2 };

pass_witness *pass_witness_new(void) {
    arena *a = arena_new();
    pass_witness *w = base_calloc(1, sizeof *w);
    w->a = a;
    return w;
}

void pass_witness_free(pass_witness *w) {
    if (!w) return;
    vec_free(&w->inputs);
    vec_free(&w->outputs);
    vec_free(&w->preloads);
    arena_free(w->a);
    free(w);
}

// ---- running ---------------------------------------------------------------------------------

typedef struct {
    const pass_witness *w;
    const ir_module *m;
    arena *a;
    const ir_func *f[MOST_PHASES]; // in order
    ir_interp *t[MOST_PHASES];
    size_t n;
    VEC(tensor_named) results;
    diag_sink *diags;
} player;

static bool open_phases(player *p, int threads) {
    p->f[0] = ir_func_find(p->m, "encode");
    p->f[1] = ir_func_find(p->m, "step");
    p->n = p->f[0] && p->f[1] ? 2 : 1;
    if (p->n == 1) p->f[0] = p->m->funcs.items[0];
    // the last one owns the rings
    ir_interp *last = ir_interp_new(p->m, p->f[p->n - 1], threads, p->diags);
    if (!last) return false;
    p->t[p->n - 1] = last;
    if (p->n > 1) p->t[0] = ir_interp_beside(last, p->f[0]);
    for (size_t i = 0; i < p->n && p->w->quick; i++) ir_interp_quick(p->t[i]);
    for (size_t i = 0; i < p->n; i++) ir_interp_exact(p->t[i]);
    return true;
}

static bool preload(player *p) {
    ir_interp *t = p->t[p->n - 1];
    for (size_t i = 0; i < p->w->preloads.count; i++) {
        const pass_preload *x = &p->w->preloads.items[i];
        for (size_t k = 0; k < p->m->symbols.count; k++) {
            const ir_symbol *s = p->m->symbols.items[k];
            if (s->ring && s->ring->past_key && strcmp(s->ring->past_key, x->past_key) == 0 &&
                !ir_interp_ring_load(t, s->name, p->w->past, &x->k, &x->v))
                return false;
        }
    }
    if (p->w->past) ir_interp_set_pos(t, 0, p->w->past);
    return true;
}

static bool run_phase(player *p, size_t i) {
    const ir_func *f = p->f[i];
    tensor *in = ARENA_ARRAY(p->a, tensor, f->params.count + 1),
           *out = ARENA_ARRAY(p->a, tensor, f->results.count + 1);
    int64_t rows[IR_MAX_DOMAINS];
    for (int d = 0; d < IR_MAX_DOMAINS; d++) // t0 steps, the others precede
        rows[d] = p->n > 1 && (d > 0) != (i == 0) ? 0 : p->w->rows[d];
    for (size_t k = 0; k < f->params.count; k++) {
        const char *name = f->params.items[k].name;
        for (size_t j = 0; j < p->w->inputs.count; j++)
            if (strcmp(p->w->inputs.items[j].name, name) == 0) in[k] = p->w->inputs.items[j].value;
        if (in[k].data) {
            int d = ir_type_domain(ir_type_of(f, f->params.items[k].value));
            if (d >= 0 && ir_domain_is(p->m, d, IR_DOMAIN_FREE) && rows[d] == 0) in[k].dim[0] = 0;
            continue;
        }
        diag_emit(p->diags, DIAG_ID_pass_differs, DIAG_NOWHERE,
                  "'@%s' has an input '%s' that find-tokens did not find", f->name, name);
        return false;
    }
    if (!ir_interp_step(p->t[i], rows, in, p->a, out)) return false;
    for (size_t k = 0; k < f->results.count; k++)
        vec_push(&p->results, ((tensor_named){f->results.items[k].name, out[k]}));
    return true;
}

// ---- comparing -------------------------------------------------------------------------------

// All of it is real numbers, as f32 has them.
static bool is_real(const ir_module *m, const machine *chip) {
    if (chip && chip->digital.format != MACHINE_FMT_F32) return false;
    for (size_t i = 0; i < m->symbols.count; i++)
        if (m->symbols.items[i]->ring && ir_ring_is_coarse(m->symbols.items[i]->ring)) return false;
    for (size_t i = 0; i < m->funcs.count; i++)
        for (size_t v = 1; v < m->funcs.items[i]->values.count; v++)
            if (m->funcs.items[i]->values.items[v].type.type == ELEM_q8) return false;
    return true;
}

typedef struct {
    double errors, sum, squares, n; // of compared elements
    double worst, got, want;
    size_t at;
} distance;

static distance measure(const pass_expected *x, const tensor *got) {
    distance d = {0};
    const float *want = x->rows.data;
    for (size_t i = 0, n = tensor_count(&x->rows); i < n; i++) {
        if (!x->counts[i]) continue;
        const double a = elem_load_f64(got->type, got->data, i), b = (double)want[i];
        const bool same = a == b || (isnan(a) && isnan(b));
        d.sum += b;
        d.squares += b * b;
        d.n++;
        if (same) continue;
        d.errors += (a - b) * (a - b);
        double e = fabs(a - b) / (1 + fabs(b));
        if (isnan(e)) e = INFINITY;
        if (e > d.worst) d.worst = e, d.at = i, d.got = a, d.want = b;
    }
    return d;
}

bool pass_is_coarse(const machine *chip) {
    return chip && chip->crossbar.weight_bits > 0 &&
           (chip->crossbar.weight_bits < 8 || chip->crossbar.input_bits < 8);
}

static bool compare(const pass_witness *w, const pass_expected *x, const tensor *got, bool real,
                    const machine *chip, diag_sink *diags) {
    const int64_t columns = x->rows.dim[1];
    if (tensor_count(got) != tensor_count(&x->rows) || got->dim[0] != x->rows.dim[0]) {
        diag_emit(diags, DIAG_ID_pass_differs, DIAG_NOWHERE,
                  "output '%s' has %zu elements, the model as imported gives %" PRId64
                  " rows of %" PRId64 "; please report this model",
                  x->name, tensor_count(got), x->rows.dim[0], columns);
        return false;
    }
    const distance d = measure(x, got);
    if (d.n == 0 || d.errors == 0) return true;
    if (real) {
        if (d.worst <= w->limit) return true;
        diag_emit(diags, DIAG_ID_pass_differs, DIAG_NOWHERE,
                  "output '%s' at row %" PRId64 ", column %" PRId64
                  " is %g, the model as imported gives %g; please report this model",
                  x->name, (int64_t)d.at / columns, (int64_t)d.at % columns, d.got, d.want);
        return false;
    }
    if (elem_is_int(got->type)) return true; // of numbers that became others
    // Of what hardly deviates at all, a hundredth of its size is allowed.
    const double spread = fmax(d.squares - d.sum * d.sum / d.n, d.squares / 2500),
                 e = sqrt(d.errors / (spread > 0 ? spread : d.n));
    if (e <= PASS_BOUNDED_LIMIT) return true;
    if (pass_is_coarse(chip)) {
        diag_emit(
            diags, DIAG_ID_pass_coarse, DIAG_NOWHERE,
            "output '%s' differs from the model as imported by %.3g of its own deviation (root "
            "mean square): weights of %" PRId64 " bits and rows of %" PRId64
            " do not hold it (crossbar.weight_bits, crossbar.input_bits)",
            x->name, e, chip->crossbar.weight_bits, chip->crossbar.input_bits);
        return true;
    }
    diag_emit(diags, DIAG_ID_pass_differs, DIAG_NOWHERE,
              "output '%s' differs from the model as imported by %.3g of its own deviation (root "
              "mean square), allowed for integers are %.3g; please report this model",
              x->name, e, PASS_BOUNDED_LIMIT);
    return false;
}

bool pass_witness_check(const pass_witness *w, const ir_module *m, const pass_options *o,
                        diag_sink *diags) {
    player p = {.w = w, .m = m, .a = arena_new(), .diags = diags};
    bool ok = open_phases(&p, o->threads) && preload(&p);
    for (size_t i = 0; ok && i < p.n; i++) ok = run_phase(&p, i);
    const bool real = w->limit > 0 && is_real(m, o->machine);
    for (size_t i = 0; ok && i < w->outputs.count; i++) {
        const pass_expected *x = &w->outputs.items[i];
        for (size_t k = 0; ok && k < p.results.count; k++)
            if (strcmp(p.results.items[k].name, x->name) == 0)
                ok = compare(w, x, &p.results.items[k].value, real, o->machine, diags);
    }
    for (size_t i = 0; i < p.n; i++) ir_interp_free(p.t[i]);
    vec_free(&p.results);
    arena_free(p.a);
    return ok;
}
