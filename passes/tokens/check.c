// Is it so? (worked-examples §1.3, step 9) The model, as it was imported, and the new program are
// executed on seeded inputs in every compile, and compared: at the first probe, with keys hidden
// where there is a mask, after a past where there is one, and at lengths that no probe has.
#include "passes/tokens/bind/bind.h"
#include "passes/tokens/execute.h"
#include "passes/witness.h"
#include <inttypes.h>
#include <string.h>

// Of |a-b| / (1+|b|): f32 rounding in another order; half precision that is only stored.
static const double TOLERANCE = 1e-4, WIDENED = 5e-2;
// As a whole: an export that rounds every result to f16 or bf16; one scale a row, not a tensor.
static const double F16 = 0.02, BF16 = 0.15, RELAXED = PASS_BOUNDED_LIMIT;
static const uint64_t BIG_MODEL = 4 << 20; // weights from which products are quick

// The function computes values of the type.
static bool computes_in(const ir_func *f, elem type) {
    for (size_t i = 0; i < f->ops.count; i++) {
        const ir_op *op = &f->ops.items[i];
        for (uint32_t k = 0; k < op->n_results && op->code != IR_t_const; k++)
            if (ir_type_of(f, op->result[k])->type == type) return true;
    }
    return false;
}

static void set_limits(tok_run *r) {
    const unsigned facts = r->c->facts;
    r->whole = facts & TOK_IS_RELAXED         ? RELAXED
               : computes_in(r->f, ELEM_bf16) ? BF16
               : computes_in(r->f, ELEM_f16)  ? F16
                                              : 0;
    r->limit = r->whole > 0 ? 0 : facts & TOK_IS_WIDENED ? WIDENED : TOLERANCE;
}

static bool is_big(const tok_ctx *c) {
    uint64_t n = 0;
    for (size_t i = 0; i < c->m->symbols.count; i++)
        if (c->m->symbols.items[i]->kind == IR_SYM_TENSOR)
            n += tensor_count(&c->m->symbols.items[i]->data);
    return n >= BIG_MODEL;
}

// A seeded key mask of n rows: mostly ones, first and last among them.
static const uint8_t *seeded_mask(tok_run *r, int64_t n) {
    uint8_t *m = ARENA_ARRAY(r->a, uint8_t, n + 1);
    for (int64_t i = 0; i < n; i++)
        m[i] = r->c->facts & TOK_COUNTS_MASK ? i < n / 2 + 1
                                             : i == 0 || i == n - 1 || random_f64(&r->draws) < 0.7;
    return m;
}

static bool has_mask(const tok_ctx *c) {
    for (size_t i = 0; i < c->f->params.count; i++)
        if (ir_is_mask(&c->f->params.items[i])) return true;
    return false;
}

// Tokens in front of the past that the check hides, as padding does: some, where a mask covers it.
static int64_t hidden_past(const tok_run *r) {
    if (r->c->facts & TOK_COUNTS_MASK) return 0;
    for (size_t i = 0; i < r->f->params.count; i++) {
        const ir_type *t = ir_type_of(r->f, r->f->params.items[i].value);
        if (ir_is_mask(&r->f->params.items[i]) && t->rank && t->dim[t->rank - 1] == r->past + r->n)
            return min_i64(3, r->past / 2);
    }
    return 0;
}

// f: a function of m, the model at some sizes. *within: what was allowed, in words.
static bool check(tok_ctx *c, const ir_module *m, const ir_func *f, bool masked, pass_witness *kept,
                  const char **within) {
    const tok_probe sizes = {.f = f};
    tok_run r = {.c = c,
                 .m = m,
                 .f = f,
                 .a = arena_new(),
                 .n = ir_attr_int(&f->attrs, IR_ATTR_tokens, 1),
                 .past = ir_attr_int(&f->attrs, IR_ATTR_past, 0),
                 .draws = random_of(c->o->seed, RANDOM_EXECUTION, 0),
                 .quick = is_big(c),
                 .kept = kept};
    if (c->is_frozen) r.n = c->domain[0].rows[0];
    if (c->has_encoder) r.encoder = tok_encoder_rows(c, &sizes);
    if (masked) r.mask[0] = seeded_mask(&r, r.n);
    if (masked && r.past) r.hidden = hidden_past(&r);
    if (masked && r.encoder) r.mask[1] = seeded_mask(&r, r.encoder);
    set_limits(&r);
    size_t errors = diag_errors(c->diags);
    bool ok = tok_execute(&r);
    *within = r.limit > 0 ? arena_printf(c->a, "%.1e", r.limit)
                          : arena_printf(c->a, "%.2g of its own deviation", r.whole);
    if (!ok && diag_errors(c->diags) == errors)
        diag_emit(c->diags, DIAG_ID_tok_differs, DIAG_NOWHERE,
                  "the check by execution could not be run");
    arena_free(r.a);
    return ok;
}

// A length that no probe has: what differs there is a branch of the model, if it compares its
// length, or a fault of ours.
static bool check_length(tok_ctx *c, const ir_module *m, const ir_func *n1, const ir_func *f) {
    diag_sink *loud = c->diags, *said = diag_sink_new();
    c->diags = said;
    const char *within;
    bool ok = check(c, m, f, false, NULL, &within);
    c->diags = loud;
    const int64_t n = ir_attr_int(&f->attrs, IR_ATTR_tokens, 0);
    const char *node = ok ? NULL : bind_turned(m, n1, f);
    if (node)
        diag_emit(loud, DIAG_ID_tok_structure, DIAG_AT(NULL, arena_printf(c->a, "node '%s'", node)),
                  "compares the token count with a number: at %" PRId64
                  " token%s the model computes something else than at %" PRId64
                  "; export it without control flow over the length, or at one length",
                  n, n == 1 ? "" : "s", ir_attr_int(&n1->attrs, IR_ATTR_tokens, 0));
    for (size_t i = 0; !node && i < diag_count(said); i++) {
        const diag *d = diag_get(said, i);
        if (d->severity == DIAG_NOTE)
            diag_note(loud, d->loc, "%s", d->message);
        else
            diag_emit(loud, d->id, d->loc, "%s", d->message);
    }
    diag_sink_free(said);
    return ok;
}

// "1, 2, 3, 17"; "": none. False: reported.
static bool check_lengths(tok_ctx *c, const ir_module *m, const ir_func *n1, const char **lengths) {
    *lengths = "";
    for (size_t i = 0; m && i < m->funcs.count; i++) {
        const ir_func *f = m->funcs.items[i];
        if (strncmp(f->name, "length", 6) != 0) continue;
        if (!check_length(c, m, n1, f)) return false;
        *lengths = arena_printf(c->a, "%s%s%" PRId64, *lengths, **lengths ? ", " : "",
                                ir_attr_int(&f->attrs, IR_ATTR_tokens, 0));
    }
    return true;
}

// The function of a probe in the model as it was imported, else as it came here.
static const ir_func *as_imported(const tok_ctx *c, const ir_module *imported, const tok_probe *p,
                                  const ir_module **m) {
    const ir_func *f = imported ? ir_func_find(imported, p->name) : NULL;
    *m = f ? imported : c->old;
    return f ? f : p->f;
}

// The program against a model, quietly. NULL: it is as that within the limit; else how far it is.
static const char *difference(tok_ctx *c, const ir_module *m, const char *name, bool masked) {
    diag_sink *loud = c->diags, *said = diag_sink_new();
    const char *within, *text = NULL;
    c->diags = said;
    if (!check(c, m, ir_func_find(m, name), masked, NULL, &within)) {
        text = diag_count(said) ? diag_get(said, 0)->message : "";
        text = arena_printf(c->a, "%.*s", (int)strcspn(text, ",;"), text);
    }
    c->diags = loud;
    diag_sink_free(said);
    return text;
}

// Where what the model cuts off at the bounds of dropped codes shows by itself.
static bool cuts_off(tok_ctx *c, const char *name, bool masked) {
    pass_options o = *c->o;
    o.keeps_bounds = true;
    ir_module *m = pass_run(PASS_ID_widen, c->o->reference, &o, c->diags);
    const bool shows = m && difference(c, m, name, masked);
    ir_module_free(m);
    return shows;
}

// A model whose rounding widen left out, where that costs more than RELAXED: warns of it, and
// returns the model without it, which the program is to be compared with. NULL: as the model is.
static ir_module *without_rounding(tok_ctx *c, const tok_probe *p, bool masked) {
    if (!c->o->reference || !ir_func_find(c->o->reference, p->name) ||
        !ir_attr_int(&c->old->attrs, IR_ATTR_relaxed, 0))
        return NULL;
    const char *text = difference(c, c->o->reference, p->name, masked);
    ir_module *m = text ? pass_run(PASS_ID_widen, c->o->reference, c->o, c->diags) : NULL;
    if (m)
        diag_emit(c->diags, DIAG_ID_pass_coarse, DIAG_NOWHERE,
                  "what the model rounds and the program does not changes its numbers: %s, beyond "
                  "%.2g: %s",
                  text, RELAXED,
                  cuts_off(c, p->name, masked)
                      ? "its codes saturate, and the program's numbers do not"
                      : "its codes are coarse, and the program's numbers are not");
    return m;
}

static bool check_model(tok_ctx *c, const ir_module *imported, const tok_probe *p, bool masked) {
    const int64_t most = c->probe[c->max].tokens;
    const ir_module *m, *m_past;
    const ir_func *f = as_imported(c, imported, p, &m), *f_past = NULL;
    const char *lengths, *within = "";
    const bool stream = strcmp(ir_attr_str(&c->m->attrs, IR_ATTR_class, ""), "stream") == 0;
    // A whole sequence has no past.
    if (c->has_past && stream && c->past.tokens + c->past.past <= most)
        f_past = as_imported(c, imported, &c->past, &m_past);
    // Of a big model one execution shows all.
    if (!(is_big(c) && f_past) && !check(c, m, f, masked, f_past ? NULL : c->o->witness, &within))
        return false;
    if (f_past && !check(c, m_past, f_past, masked, c->o->witness, &within)) return false;
    if (!check_lengths(c, imported, f, &lengths)) return false;
    arena *a = c->m->arena;
    const char *how = !stream     ? ""
                      : is_big(c) ? ", and in a step of one row and the rest to the bit"
                                  : ", and in steps of one and seeded cuts to the bit";
    const char *also = *lengths ? arena_printf(a, "; and at %s", lengths) : "";
    vec_push(&c->m->proof,
             arena_printf(a, "executed at %" PRId64 " tokens: as the export%s within %s%s%s%s",
                          c->is_frozen ? c->domain[0].rows[0] : p->tokens,
                          m == c->old            ? ""
                          : m != c->o->reference ? ", as imported without that rounding,"
                                                 : ", as imported,",
                          within, f_past ? ", with a past and without" : "", how, also));
    return true;
}

bool tok_check(tok_ctx *c) {
    // A program compiled for fewer tokens than the probes have is executed at all it has.
    const tok_probe *p =
        c->probe[0].tokens <= c->probe[c->max].tokens ? &c->probe[0] : &c->probe[c->max];
    const bool masked = has_mask(c);
    ir_module *other = without_rounding(c, p, masked);
    const bool ok = check_model(c, other ? other : c->o->reference, p, masked);
    if (other) ir_module_free(other);
    return ok;
}
