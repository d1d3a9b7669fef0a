// The table of passes, and how a list of them runs: order checks, verification, dumps.
#include "passes/pass.h"
#include "ir/text/text.h"
#include "ir/verify/verify.h"
#include "passes/witness.h"
#include "support/clock.h"
#include "support/file/file.h"
#include "support/spell.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

const pass_info pass_table[PASS_COUNT] = {
#define PASS(name, c_name, needs, gives, preserves, summary) \
    {name, PASS_NEEDS_##needs, PASS_GIVES_##gives, PASS_##preserves, summary},
#include "passes/passes.def"
};

static const pass_function functions[PASS_COUNT] = {
#define PASS(name, c_name, needs, gives, preserves, summary) pass_##c_name,
#include "passes/passes.def"
};

pass_options pass_options_default(void) {
    return (pass_options){
        .logits = "all", .quant_scope = "row", .attention = "softmax", .effort = 100};
}

void pass_use(const pass_options *o, pass_option_id id) {
    if (o->used) (*o->used)[id] = true;
}

bool pass_parse(const char *name, pass_id *id) {
    for (int i = 0; i < PASS_COUNT; i++) {
        if (strcmp(pass_table[i].name, name) != 0) continue;
        *id = (pass_id)i;
        return true;
    }
    return false;
}

ir_module *pass_run(pass_id id, const ir_module *old, const pass_options *o, diag_sink *diags) {
    return functions[id](old, o, diags);
}

// ---- pipelines -------------------------------------------------------------------------------

pass_step pass_step_of(pass_id id) { return (pass_step){pass_table[id], functions[id]}; }

bool pass_pipeline_parse(pass_pipeline *p, const char *list, diag_sink *diags) {
    size_t before = p->count;
    arena *a = arena_new();
    bool ok = true;
    for (const char *s = list; ok;) {
        size_t n = strcspn(s, ",");
        const char *name = arena_strn(a, s, n);
        pass_id id;
        ok = pass_parse(name, &id);
        if (ok) {
            vec_push(p, pass_step_of(id));
        } else {
            spell_nearest near = spell_start(name, n);
            for (int i = 0; i < PASS_COUNT; i++) spell_try(&near, pass_table[i].name);
            diag_emit(diags, DIAG_ID_usage, DIAG_NOWHERE,
                      "no pass is called '%s'%s%s%s; `ohmic passes` lists them", name,
                      near.best ? "; did you mean '" : "", near.best ? near.best : "",
                      near.best ? "'?" : "");
        }
        if (!s[n]) break;
        s += n + 1;
    }
    if (!ok) p->count = before;
    arena_free(a);
    return ok;
}

void pass_pipeline_until(pass_pipeline *p, pass_id last) {
    for (int i = 0; i <= (int)last; i++) vec_push(p, pass_step_of((pass_id)i));
}

static bool dump(ir_module *m, const char *dir, size_t number, const char *name, diag_sink *diags) {
    arena *a = arena_new();
    const char *path = file_join(a, dir, arena_printf(a, "%02zu-%s.oir", number, name));
    file_out *out = file_out_open(path, diags);
    bool ok = out && ir_print(m, file_out_stream(out), dir, diags);
    if (ok) {
        ok = file_out_commit(out, diags);
    } else if (out) {
        file_out_abandon(out);
    }
    arena_free(a);
    return ok;
}

// Runs one pass; what it traces is written to NN-name.txt, also when it refuses the module.
static ir_module *run_traced(const pass_step *s, const ir_module *m, const pass_options *o,
                             const char *dir, size_t number, diag_sink *diags) {
    if (!dir) return s->run(m, o, diags);
    text_sink sink;
    text_sink_open(&sink);
    pass_options traced = *o;
    traced.trace = sink.stream;
    ir_module *next = s->run(m, &traced, diags);
    char *text = text_sink_close(&sink);
    if (sink.bytes) {
        arena *a = arena_new();
        const char *name = arena_printf(a, "%02zu-%s.txt", number, s->info.name);
        file_out *out = file_out_open(file_join(a, dir, name), diags);
        if (out) {
            fwrite(text, 1, sink.bytes, file_out_stream(out));
            file_out_commit(out, diags);
        }
        arena_free(a);
    }
    free(text);
    return next;
}

double pass_check_began(const pass_options *o) { return o->checking ? clock_processor() : 0; }

void pass_check_ended(const pass_options *o, double began) {
    if (o->checking) *o->checking += clock_processor() - began;
}

bool pass_invalid(const char *pass, const char *what, diag_sink *diags) {
    diag_emit(diags, DIAG_ID_pass_invalid, DIAG_NOWHERE,
              "pass '%s' made a %s that the verifier refuses; please report this model", pass,
              what);
    return false;
}

static bool check_step(const pass_step *s, const ir_module *before, const ir_module *after,
                       const pass_options *o, const pass_checks *checks, diag_sink *diags) {
    const char *name = s->info.name;
    if (!ir_verify(after, name, diags) || !pass_check_state(after, name, diags))
        return pass_invalid(name, "module", diags);
    if (!checks->check_equivalence ||
        pass_check_equivalent(before, after, s->info.preserves, o, diags))
        return true;
    diag_note(diags, DIAG_NOWHERE, "after pass '%s'", name);
    return false;
}

// What the model computed as it was imported, beside what the mapped module computes.
typedef struct {
    pass_witness *is;
    bool was_changed; // a pass changed what is computed, as it was asked to
} reference;

static bool check_reference(const reference *r, const ir_module *m, const pass_options *o,
                            diag_sink *diags) {
    if (!r->is->outputs.count || r->was_changed || pass_state_of(m) != PASS_STATE_allocated)
        return true;
    if (pass_witness_check(r->is, m, o, diags)) return true;
    diag_note(diags, DIAG_NOWHERE, "--check-equivalence says which pass it was");
    return false;
}

static ir_module *copy_module(const ir_module *m) {
    ir_module *c = ir_module_derive(m);
    for (size_t i = 0; i < m->funcs.count; i++) ir_func_copy(c, m->funcs.items[i]);
    return c;
}

ir_module *pass_run_pipeline(const pass_pipeline *p, const ir_module *m, const pass_options *o,
                             const pass_checks *checks, diag_sink *diags) {
    const pass_checks none = {0};
    if (!checks) checks = &none;
    reference model = {.is = pass_witness_new()};
    pass_options with = *o;
    with.witness = model.is;
    o = &with;
    ir_module *now = copy_module(m);
    bool ok = true;
    if (checks->dump_dir)
        ok = file_make_dir(checks->dump_dir, diags) &&
             dump(now, checks->dump_dir, 0, "input", diags);
    for (size_t i = 0; i < p->count && ok; i++) {
        const pass_step *s = &p->items[i];
        const pass_state state = pass_state_of(now);
        if (!pass_may_run(&s->info, state)) {
            diag_emit(diags, DIAG_ID_pass_order, DIAG_NOWHERE,
                      "pass '%s' needs a module that is '%s', found one that is '%s'", s->info.name,
                      pass_needs_name(s->info.needs), pass_state_name(state));
            ok = false;
            break;
        }
        if (checks->progress) checks->progress(checks->progress_ctx, i, p->count, s->info.name);
        ir_module *next = run_traced(s, now, o, checks->dump_dir, i + 1, diags);
        if (next) pass_made(next, &s->info);
        const double began = pass_check_began(o);
        ok = next && check_step(s, now, next, o, checks, diags);
        pass_check_ended(o, began);
        model.was_changed |= ok && pass_changes_device(now, next);
        if (next && checks->dump_dir)
            ok = dump(next, checks->dump_dir, i + 1, s->info.name, diags) && ok;
        ir_module_free(now);
        now = next;
    }
    const double began = pass_check_began(o);
    ok = ok && check_reference(&model, now, o, diags);
    pass_check_ended(o, began);
    pass_witness_free(model.is);
    if (checks->progress) checks->progress(checks->progress_ctx, p->count, p->count, NULL);
    if (ok) return now;
    ir_module_free(now);
    return NULL;
}
