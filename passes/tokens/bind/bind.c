// Choosing probe sizes (worked-examples §1.3, steps 1 and 2): primes above 30 that are no factor of
// any fixed size, so that a reshape cannot cut a token axis by accident; the maximum from the
// options, or from the tables and buffers that the model slices by position.
#include "passes/tokens/bind/bind.h"
#include "support/num/random.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_MAX = 512, PAST = 31, MOST_LENGTHS = 12, TRIAL = 37 };

typedef struct {
    const bind_source *s;
    const bind_options *o;
    diag_sink *diags;
    arena *a;
    bind_role *role;
    ir_module *m;
    bool has_past, has_tokens, has_encoder;
    bool has_branch;       // without a past, of a model that is merged with one that has it
    bind_form cached;      // the form that takes caches; s NULL: there is none
    const char *free_name; // of the first token dimension
    bool *is_unread;       // by input: found out where it could count tokens of its own
    int64_t encoder_rows;  // that the encoder takes for sure, as far as trials tell
} binder;

// ---- importing at one size -------------------------------------------------------------------

static void label(binder *b, ir_func *f, const char *probe, bind_counts n) {
    arena *a = b->m->arena;
    ir_attr_set_str(a, &f->attrs, IR_ATTR_probe, probe);
    if (n.tokens >= 0) ir_attr_set_int(a, &f->attrs, IR_ATTR_tokens, n.tokens);
    ir_attr_set_int(a, &f->attrs, IR_ATTR_past, n.past);
    for (size_t i = 0; i < f->params.count; i++) {
        ir_port *p = &f->params.items[i];
        for (size_t k = 0; k < b->s->n_inputs; k++) {
            if (strcmp(b->s->inputs[k].name, p->name)) continue;
            ir_attr_set_str(a, &p->attrs, IR_ATTR_role, b->role[k].role);
            if (b->s->inputs[k].rank)
                ir_attr_set_strs(a, &p->attrs, IR_ATTR_onnx_shape, b->role[k].axis,
                                 (size_t)b->s->inputs[k].rank);
        }
    }
    if (b->cached.s) bind_link_caches(a, b->cached.s, b->cached.role, f);
}

// ---- outputs that are chosen -----------------------------------------------------------------

static bool is_among(const char *name, const char *const *list, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i], name) == 0) return true;
    return false;
}

static bool is_wanted(const pass_options *o, const char *output) {
    return (!o->n_kept_outputs || is_among(output, o->kept_outputs, o->n_kept_outputs)) &&
           !is_among(output, o->dropped_outputs, o->n_dropped_outputs);
}

// What computes them alone is dead, and goes with the first sweep.
static void leave_out_outputs(const binder *b, ir_func *f) {
    size_t n = 0;
    for (size_t i = 0; i < f->results.count; i++)
        if (is_wanted(b->o->o, f->results.items[i].name))
            f->results.items[n++] = f->results.items[i];
    f->results.count = n;
}

// The options name outputs that there are, and leave one. False: reported.
static bool check_outputs(const binder *b) {
    const pass_options *o = b->o->o;
    const struct {
        const char *option;
        const char *const *list;
        size_t n;
    } named[] = {{"--keep-output", o->kept_outputs, o->n_kept_outputs},
                 {"--drop-output", o->dropped_outputs, o->n_dropped_outputs}};
    const char *all = "";
    bool ok = true, any = false;
    for (size_t i = 0; i < b->s->n_outputs; i++) {
        all = arena_printf(b->a, "%s%s'%s'", all, *all ? ", " : "", b->s->outputs[i]);
        any |= is_wanted(o, b->s->outputs[i]);
    }
    for (size_t k = 0; b->s->outputs && k < ARRAY_LEN(named); k++)
        for (size_t i = 0; i < named[k].n; i++) {
            if (is_among(named[k].list[i], b->s->outputs, b->s->n_outputs)) continue;
            diag_emit(b->diags, DIAG_ID_usage, DIAG_NOWHERE,
                      "%s: the model has no output '%s'; it has %s", named[k].option,
                      named[k].list[i], all);
            ok = false;
        }
    if (!ok || any || !b->s->outputs) return ok;
    diag_emit(b->diags, DIAG_ID_usage, DIAG_NOWHERE,
              "--drop-output leaves none of the model's outputs, %s", all);
    return false;
}

static void note_outputs(const binder *b) {
    for (size_t i = 0; i < b->s->n_outputs; i++)
        if (!is_wanted(b->o->o, b->s->outputs[i]))
            vec_push(&b->m->notes, arena_printf(b->m->arena, "output '%s' is dropped, as asked for",
                                                b->s->outputs[i]));
}

static bool import_asking(binder *b, ir_module *m, const char *name, bind_counts n,
                          bind_size *wanted) {
    if (!bind_import(b->a, b->s, b->role, n, m, name, wanted, b->diags)) return false;
    ir_func *f = ir_func_find(m, name);
    label(b, f, name, n);
    leave_out_outputs(b, f);
    return true;
}

static bool import_at(binder *b, ir_module *m, const char *name, bind_counts n) {
    bind_size unused;
    return import_asking(b, m, name, n, &unused);
}

// The model at these counts in a module of its own; says nothing. NULL: it does not import.
static ir_module *trial_of(binder *b, bind_counts n, bind_size *wanted) {
    diag_sink *loud = b->diags;
    ir_module *trial = ir_module_new(), *m = b->m;
    b->diags = diag_sink_new();
    b->m = trial;
    bool ok = import_asking(b, trial, "trial", n, wanted);
    if (!ok) ir_module_free(trial);
    diag_sink_free(b->diags);
    b->diags = loud;
    b->m = m;
    return ok ? trial : NULL;
}

static bool takes(void *ctx, int64_t tokens, int64_t encoder) {
    bind_size unused;
    ir_module *trial = trial_of(ctx, (bind_counts){tokens, encoder, 0}, &unused);
    ir_module_free(trial);
    return trial != NULL;
}

static bool ask(void *ctx, bind_size *wanted, bool *is_read) {
    binder *b = ctx;
    ir_module *trial = trial_of(b, (bind_counts){TRIAL, TRIAL, PAST}, wanted);
    if (!trial) return false;
    const ir_func *f = ir_func_find(trial, "trial");
    const uint32_t *uses = ir_count_uses(trial->arena, f);
    for (size_t i = 0; i < b->s->n_inputs; i++)
        for (size_t k = 0; k < f->params.count; k++)
            if (strcmp(f->params.items[k].name, b->s->inputs[i].name) == 0)
                is_read[i] = uses[f->params.items[k].value] > 0;
    ir_module_free(trial);
    return true;
}

// Nothing but convolutions reads the input.
static bool is_convolved(void *ctx, size_t input) {
    binder *b = ctx;
    bind_size unused;
    ir_module *trial = trial_of(b, (bind_counts){TRIAL, TRIAL, PAST}, &unused);
    if (!trial) return false;
    const ir_func *f = ir_func_find(trial, "trial");
    size_t convolved = 0, others = 0;
    for (size_t k = 0; k < f->params.count; k++) {
        if (strcmp(f->params.items[k].name, b->s->inputs[input].name)) continue;
        for (size_t i = 0; i < f->ops.count; i++)
            for (uint32_t j = 0; j < f->ops.items[i].n_operands; j++)
                if (f->ops.items[i].operand[j] == f->params.items[k].value)
                    *(f->ops.items[i].code == IR_t_conv && j == 0 ? &convolved : &others) += 1;
    }
    ir_module_free(trial);
    return convolved > 0 && others == 0;
}

// ---- sizes that are taken --------------------------------------------------------------------

// Some fixed size of the model, a weight's or an input's, is a multiple of n.
static bool divides_a_size(const binder *b, int64_t n) {
    for (size_t i = 0; i < b->m->symbols.count; i++) {
        const ir_symbol *s = b->m->symbols.items[i];
        for (int k = 0; s->kind == IR_SYM_TENSOR && k < s->data.rank; k++)
            if (s->data.dim[k] > 0 && s->data.dim[k] % n == 0) return true;
    }
    for (size_t i = 0; i < b->s->n_inputs; i++)
        for (int k = 0; k < b->s->inputs[i].rank; k++)
            if (b->role[i].size[k] > 0 && b->role[i].size[k] % n == 0) return true;
    return false;
}

static bool is_prime(int64_t n) {
    for (int64_t d = 2; d * d <= n; d++)
        if (n % d == 0) return false;
    return n > 1;
}

// ---- the whole -------------------------------------------------------------------------------

static bool bind_frozen(binder *b) {
    int64_t tokens = -1;
    for (size_t i = 0; i < b->s->n_inputs; i++)
        for (int k = 0; k < b->s->inputs[i].rank; k++)
            if (strcmp(b->role[i].axis[k], "tokens") == 0) tokens = b->role[i].size[k];
    if (b->o->o->max_tokens == tokens) pass_use(b->o->o, PASS_OPTION_max_tokens);
    if (b->o->o->max_tokens > 0 && tokens > 0 && b->o->o->max_tokens != tokens)
        vec_push(&b->m->notes,
                 arena_printf(b->m->arena, "the export is frozen at %" PRId64 " tokens", tokens));
    return import_at(b, b->m, "max", (bind_counts){.tokens = tokens});
}

// Three probe sizes: primes from `from` on, none a factor of a fixed size, at most `most`; smaller
// ones where a short table leaves no others. False: there are none.
static bool choose(const binder *b, int64_t from, int64_t rows, int64_t *n) {
    int count = 0;
    for (int64_t p = from; count < 3 && p <= rows; p++)
        if (is_prime(p) && p != PAST && !divides_a_size(b, p)) n[count++] = p;
    if (count == 3) return true;
    return from > 2 && choose(b, from / 2 > 2 ? from / 2 : 2, rows, n);
}

// The past of @past: a prime that with n1 stays within the tables, and within the maximum too
// unless that leaves hardly any; of constants only what is within can be compared.
static int64_t choose_past(int64_t n1, int64_t rows, int64_t max) {
    int64_t most = min_i64(PAST, rows - n1);
    most = max_i64(2, min_i64(most, max >= n1 + 2 ? max - n1 : max / 2));
    while (most > 2 && (!is_prime(most) || most == n1)) most--;
    return most;
}

// The one token count that a model takes though it declares the dimension free, as a trace froze
// it; 0: none among the usual, or several.
static int64_t traced_size(binder *b) {
    static const int64_t usual[] = {192, 196, 197, 256, 257, 384, 512, 577, 1024, 1500, 2048};
    int64_t found = 0;
    for (int64_t n = 1; n <= 128; n++) {
        if (!takes(b, n, n)) continue;
        if (found) return 0;
        found = n;
    }
    for (size_t i = 0; i < ARRAY_LEN(usual); i++) {
        if (!takes(b, usual[i], usual[i])) continue;
        if (found) return 0;
        found = usual[i];
    }
    return found;
}

// Every free token dimension has that size after all.
static void freeze(binder *b, int64_t tokens) {
    for (size_t i = 0; i < b->s->n_inputs; i++)
        for (int k = 0; k < b->s->inputs[i].rank; k++) {
            const char *axis = b->role[i].axis[k];
            if (b->role[i].size[k] < 0 &&
                (strcmp(axis, "tokens") == 0 || strcmp(axis, BIND_ENCODER) == 0))
                b->role[i].size[k] = tokens;
        }
    vec_push(&b->m->notes,
             arena_printf(b->m->arena,
                          "the model takes %" PRId64
                          " tokens alone, though dimension '%s' is declared free: a trace froze it",
                          tokens, b->free_name ? b->free_name : "(unnamed)"));
}

// A dimension that is declared free may be frozen inside (traced reshapes).
static bool frozen_after_all(const binder *b, int64_t tokens) {
    diag_note(b->diags, DIAG_NOWHERE,
              "bound to %" PRId64
              " tokens; if the model was traced at one length though a dimension is "
              "declared free, bind that (--bind %s=N)",
              tokens, b->free_name ? b->free_name : "NAME");
    return false;
}

// x is a small linear function of y, rounded down, at all probes (what find-tokens takes for rows
// derived from y's).
static bool is_derived(const int64_t *x, const int64_t *y) {
    for (int64_t mul = 0; mul <= 4; mul++)
        for (int64_t div = 1; div <= 4; div++)
            for (int64_t add = -8; add <= 8; add++) {
                bool fits = true;
                for (int i = 0; fits && i < 3; i++) fits = (y[i] * mul + add) / div == x[i];
                if (fits) return true;
            }
    return false;
}

// Counts of the encoder beside n: as n, at most `rows`, and told apart from n in every way.
static bool choose_encoder(const binder *b, const int64_t *n, int64_t rows, int64_t *e) {
    static const int64_t from[] = {47, 13, 2};
    for (size_t i = 0; i < ARRAY_LEN(from); i++)
        for (int64_t first = from[i]; first < from[i] + 40; first++) {
            int count = 0;
            for (int64_t p = first; count < 3 && p <= rows; p++) {
                bool taken = p == n[0] || p == n[1] || p == n[2] || p == PAST;
                // farther apart each time: a straight line cannot follow
                if (count && p - e[count - 1] < 2 * count * count) continue;
                if (!taken && is_prime(p) && !divides_a_size(b, p)) e[count++] = p;
            }
            if (count == 3 && !is_derived(e, n) && !is_derived(n, e)) return true;
        }
    return false;
}

// Sizes that the model takes at all: a table may be shorter than the first choice.
static bool takes_some(binder *b, int64_t *n, int64_t *e) {
    static const int64_t from[] = {37, 11, 3};
    for (size_t i = 0; i < ARRAY_LEN(from); i++) {
        choose(b, from[i], INT64_MAX, n);
        // an encoder's table may be the short one
        for (int64_t rows = INT64_MAX; rows; rows = rows > 60 ? 60 : rows > 30 ? 30 : 0) {
            if (b->has_encoder && !choose_encoder(b, n, rows, e)) break;
            b->encoder_rows = rows;
            if (takes(b, n[0], e[0])) return true;
            if (!b->has_encoder) break;
        }
    }
    return false;
}

// Probe sizes that suit the model's fixed sizes and tables, from sizes that it takes. False:
// reported.
static bool probe_sizes(binder *b, int64_t *n, int64_t *e, bind_limit *l, bind_limit *le) {
    // First imports tell the fixed sizes and the tables; they are repeated where their sizes will
    // not do.
    int64_t from = n[0] >= 37 ? 37 : 3, keep = b->has_past ? 3 : 0;
    for (int round = 0;; round++) {
        int64_t want[3], other[3] = {e[0], e[1], e[2]};
        if (!import_at(b, b->m, "n1", (bind_counts){n[0], e[0], 0})) return false;
        bool fits = choose(b, from, INT64_MAX, want);
        if (b->has_encoder) fits = choose_encoder(b, want, b->encoder_rows, other) && fits;
        bool same = memcmp(n, want, sizeof want) == 0 && memcmp(e, other, sizeof other) == 0;
        if (round > 0 || (fits && same)) {
            if (!import_at(b, b->m, "n2", (bind_counts){n[1], e[1], 0})) return false;
            const ir_func *f = ir_func_find(b->m, "n1"), *g = ir_func_find(b->m, "n2");
            *l = bind_table_limit(b->m, f, g, n[0], n[1]);
            if (b->has_encoder) *le = bind_table_limit(b->m, f, g, e[0], e[1]);
            bool short_encoder = b->has_encoder && le->rows < e[2];
            if ((l->rows - keep >= n[2] && !short_encoder) || round > 1) return true;
            memcpy(want, n, sizeof want);
            if (l->rows - keep < n[2]) fits = choose(b, 37, l->rows - keep, want);
            if (b->has_encoder) fits = choose_encoder(b, want, le->rows, other) && fits;
            if (!fits) return true;
        }
        memcpy(n, want, sizeof want);
        memcpy(e, other, sizeof other);
        ir_module_free(b->m);
        b->m = ir_module_new();
    }
}

static bool bind_free(binder *b) {
    int64_t n[3], e[3] = {0};
    if (!takes_some(b, n, e)) {
        int64_t traced = b->has_past || b->has_encoder ? 0 : traced_size(b);
        if (traced) {
            freeze(b, traced);
            return bind_frozen(b);
        }
        choose(b, 37, INT64_MAX, n);
        if (b->has_encoder) choose_encoder(b, n, INT64_MAX, e);
        import_at(b, b->m, "n1", (bind_counts){n[0], e[0], 0});
        return frozen_after_all(b, n[0]);
    }
    bind_limit l = {INT64_MAX, NULL}, le = {INT64_MAX, NULL};
    if (!probe_sizes(b, n, e, &l, &le)) return false;
    int64_t max = b->o->o->max_tokens;
    pass_use(b->o->o, PASS_OPTION_max_tokens);
    if (max > l.rows) {
        diag_emit(b->diags, DIAG_ID_tok_positions, DIAG_AT(NULL, l.node),
                  "%" PRId64 " tokens exceed the %" PRId64
                  " rows of its table: ask for at most %" PRId64 " (--max-tokens)",
                  max, l.rows, l.rows);
        return false;
    }
    if (l.rows < INT64_MAX) // host/engine.c reads this line
        vec_push(&b->m->proof,
                 arena_printf(b->m->arena,
                              "at most %" PRId64 " tokens: the rows of the table at node '%s'",
                              l.rows, l.node));
    if (max <= 0) max = l.rows < INT64_MAX ? l.rows : DEFAULT_MAX;
    const int64_t past = choose_past(n[0], l.rows, max);
    int64_t wide = max; // of the encoder
    if (b->has_encoder) {
        if (b->o->o->max_tokens <= 0) wide = DEFAULT_MAX;
        if (wide > le.rows && b->o->o->max_tokens > 0)
            vec_push(&b->m->notes,
                     arena_printf(b->m->arena,
                                  "the encoder takes %" PRId64
                                  " tokens at most: the rows of the table at node '%s'",
                                  le.rows, le.node));
        wide = min_i64(wide, le.rows);
    }
    if (!import_at(b, b->m, "n3", (bind_counts){n[2], e[2], 0})) return false;
    if (b->has_past && !import_at(b, b->m, "past", (bind_counts){n[0], e[0], past})) return false;
    return import_at(b, b->m, "max", (bind_counts){max, wide, 0});
}

// The lengths at which a model is executed besides the probes, as it may branch on its length: 1,
// 2, 3, a seeded one below them, and one that turns each comparison which these do not. One that it
// does not import at is left out.
static void add_lengths(binder *b, ir_module *reference) {
    const ir_func *n1 = ir_func_find(b->m, "n1"), *max = ir_func_find(b->m, "max");
    if (!n1) return;
    const int64_t least = ir_attr_int(&n1->attrs, IR_ATTR_tokens, 0),
                  most = ir_attr_int(&max->attrs, IR_ATTR_tokens, 0);
    random_stream draws = random_of(b->o->o->seed, RANDOM_LENGTH, 0);
    int64_t length[MOST_LENGTHS] = {1, 2, 3, 4};
    if (least > 5) length[3] += (int64_t)random_below(&draws, (uint64_t)least - 4);
    size_t n = bind_lengths(b->m, n1, max, length, 4, MOST_LENGTHS);
    for (size_t i = 0; i < n; i++) {
        if (length[i] == least || length[i] > most || (i < 4 && length[i] > least)) continue;
        if (!takes(b, length[i], length[i])) {
            vec_push(&b->m->notes, arena_printf(b->m->arena,
                                                "the export itself cannot be taken at %" PRId64
                                                " token%s: not executed there",
                                                length[i], length[i] == 1 ? "" : "s"));
            continue;
        }
        ir_module *m = b->m;
        b->m = reference;
        import_at(b, reference, arena_printf(b->a, "length%zu", i),
                  (bind_counts){length[i], length[i], 0});
        b->m = m;
    }
}

// The functions that are executed, as they are imported.
static ir_module *make_reference(binder *b) {
    static const char *const probes[] = {"n1", "max", "past"};
    ir_module *reference = ir_module_derive(b->m);
    for (size_t i = 0; i < ARRAY_LEN(probes); i++) {
        const ir_func *f = ir_func_find(b->m, probes[i]);
        if (f) ir_func_copy(reference, f);
    }
    add_lengths(b, reference);
    return reference;
}

// An input that nothing reads counts no tokens: asked where free dimensions have several names.
static void leave_out_unread(binder *b) {
    const char *first = NULL;
    bool several = false, *is_read = ARENA_ARRAY(b->a, bool, b->s->n_inputs + 1);
    b->is_unread = ARENA_ARRAY(b->a, bool, b->s->n_inputs + 1);
    for (size_t i = 0; i < b->s->n_inputs; i++)
        for (int k = 0; k < b->s->inputs[i].rank; k++) {
            const char *name = b->s->inputs[i].dim[k].name;
            if (b->role[i].size[k] >= 0 || strcmp(b->role[i].axis[k], "tokens") || !name) continue;
            several |= first && strcmp(first, name) != 0;
            first = name;
        }
    bind_size unused;
    if (!several || !ask(b, &unused, is_read)) return;
    for (size_t i = 0; i < b->s->n_inputs; i++) {
        b->is_unread[i] = !is_read[i] && !b->role[i].is_bound;
        for (int k = 0; b->is_unread[i] && k < b->s->inputs[i].rank; k++) {
            b->role[i].axis[k] = "fixed";
            if (b->role[i].size[k] < 0) b->role[i].size[k] = 1;
        }
    }
}

// --bind says which branch.
static bool asks_for_branch(const binder *b) {
    for (size_t i = 0; i < b->s->n_inputs; i++)
        for (size_t k = 0; b->role[i].is_branch && k < b->o->n_values; k++)
            if (strcmp(b->o->values[k].name, b->s->inputs[i].name) == 0) return true;
    return false;
}

// The form that takes caches: the other branch of a merged model, as its inputs were at first, or a
// file of its own. False: reported.
static bool find_cached(binder *b, const bind_role *first) {
    if (b->s->cached) {
        const bind_options none = {.o = b->o->o};
        bind_role *role = bind_roles(b->a, b->s->cached, &none, b->diags);
        for (size_t i = 0; role && i < b->s->cached->n_inputs; i++)
            if (role[i].is_branch) role[i].value = "1";
        if (role) bind_mark_encoders(b->s->cached, role);
        b->cached = (bind_form){b->s->cached, role};
        return role != NULL;
    }
    if (!b->has_branch) return true;
    bind_role *role = arena_copy(b->a, b->role, b->s->n_inputs * sizeof *role);
    for (size_t i = 0; i < b->s->n_inputs; i++) {
        if (strcmp(role[i].role, "past") == 0) role[i] = first[i];
        if (role[i].is_branch) role[i].value = "1";
    }
    bind_mark_encoders(b->s, role);
    b->cached = (bind_form){b->s, role};
    return true;
}

// Inputs that the program does not have, as it says them (host/inputs.c reads these lines).
static void note_inputs(binder *b) {
    for (size_t i = 0; i < b->s->n_inputs; i++) {
        const char *name = b->s->inputs[i].name, *why = NULL;
        if (b->role[i].is_branch)
            why = "bound to 0: of its two branches that one begins a text, and the program goes on "
                  "with it in its own rings";
        else if (b->has_branch && strcmp(b->role[i].role, "past") == 0)
            why = bind_is_encoders(&b->s->inputs[i], -1)
                      ? "computed by the program: keys and values of the encoder"
                      : NULL; // a ring takes it
        else if (b->is_unread[i])
            why = "read by nothing";
        if (why) vec_push(&b->m->notes, arena_printf(b->m->arena, "input '%s' is %s", name, why));
    }
}

ir_module *bind_module(const bind_source *s, const bind_options *o, ir_module **reference,
                       diag_sink *diags) {
    binder b = {.s = s, .o = o, .diags = diags, .a = arena_new()};
    if (check_outputs(&b)) b.role = bind_roles(b.a, s, o, diags);
    if (b.role) bind_channels(s, b.role, is_convolved, &b);
    bool ok = b.role && bind_sizes(b.a, s, b.role, ask, &b, diags);
    bind_role *first = ok ? arena_copy(b.a, b.role, s->n_inputs * sizeof *b.role) : NULL;
    if (ok) leave_out_unread(&b);
    ok = ok && bind_domains(b.a, s, b.role, takes, &b, diags);
    for (size_t i = 0; ok && i < s->n_inputs; i++)
        for (int k = 0; k < s->inputs[i].rank; k++) {
            const char *axis = b.role[i].axis[k];
            bool is_free = strcmp(axis, "tokens") == 0 && b.role[i].size[k] < 0;
            if (is_free && !b.has_tokens) b.free_name = s->inputs[i].dim[k].name;
            b.has_tokens |= is_free;
            b.has_encoder |= strcmp(axis, BIND_ENCODER) == 0 && b.role[i].size[k] < 0;
            b.has_past |= strcmp(axis, "past") == 0;
        }
    for (size_t i = 0; ok && i < s->n_inputs; i++) b.has_branch |= b.role[i].is_branch;
    if (b.has_branch) b.has_past = false; // it is the other branch's
    ok = ok && find_cached(&b, first);
    if (ok && b.has_encoder && !b.has_tokens) {
        diag_emit(diags, DIAG_ID_tok_role, DIAG_NOWHERE,
                  "the decoder's tokens are fixed, the encoder's are not: fix both (--bind), the "
                  "encoder's alone, or none");
        ok = false;
    }
    if (ok) {
        b.m = ir_module_new();
        ok = b.has_tokens ? bind_free(&b) : bind_frozen(&b);
        if (!ok) ir_module_free(b.m);
    }
    if (ok) note_inputs(&b);
    if (ok) note_outputs(&b);
    if (ok && b.cached.s && !asks_for_branch(&b)) {
        ok = bind_check_cached((bind_form){s, b.role}, b.cached, b.m, o->o->seed, diags);
        if (!ok) ir_module_free(b.m);
    }
    if (ok && reference) *reference = make_reference(&b);
    arena_free(b.a);
    return ok ? b.m : NULL;
}
