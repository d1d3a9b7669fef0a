// Hand-written probes for find-tokens: parts of templates, and a run whose operations or findings
// are compared.
#ifndef OHMIC_TESTS_PASSES_FIND_TOKENS_CASE_H
#define OHMIC_TESTS_PASSES_FIND_TOKENS_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probes.h"
#include "tests/random.h"

// ---- parts of templates ----------------------------------------------------------------------

// 16 rows of 8, 8x8, 8: seeded numbers in text.
static inline char *symbols(arena *a) {
    static const struct {
        const char *name, *type;
        int n;
    } s[] = {{"e", "f32[16,8]", 128},  {"w", "f32[8,8]", 64},
             {"u", "f32[8,8]", 64},    {"h", "f32[8,16]", 128},
             {"g", "f32[8]", 8},       {"b", "f32[8]", 8},
             {"cls", "f32[1,1,8]", 8}, {"patch", "f32[8,2,3,3]", 144}};
    char *text = arena_str(a, "");
    random_stream r = random_test(7);
    for (size_t i = 0; i < ARRAY_LEN(s); i++) {
        text = arena_printf(a, "%stensor @%s : %s = [", text, s[i].name, s[i].type);
        for (int k = 0; k < s[i].n; k++)
            text = arena_printf(a, "%s%s%.3f", text, k ? ", " : "", random_f64(&r) - 0.5);
        text = arena_printf(a, "%s]\n", text);
    }
    return arena_printf(a, "%s%s", text,
                        "tensor @n.{F} : i64[] = [{T}]\n"
                        "tensor @t.{F} : i64[] = [{K}]\n"
                        "tensor @p.{F} : i64[] = [{P}]\n"
                        "tensor @enc.{F} : i64[] = [{E}]\n"
                        "tensor @zero : i64[] = [0]\n"
                        "tensor @one : i64[] = [1]\n"
                        "tensor @three : i64[] = [3]\n"
                        "tensor @nine : i64[] = [9]\n"
                        "tensor @last.{F} : i64[] = [{T-1}]\n"
                        "tensor @f1 : f32[] = [1]\n"
                        "tensor @f0 : f32[] = [0]\n"
                        "tensor @fn.{F} : f32[] = [{T}]\n"
                        "tensor @tiny : f32[] = [1e-09]\n"
                        "tensor @big : f32[] = [-3e38]\n"
                        "tensor @slopes : f32[2,1,1] = [0.5, 0.25]\n");
}

// clang-format off
#define CONST(name, type) "  %" name " = t.const {value = @" name "} : " type "\n"
#define AT(name, type) "  %" name " = t.const {value = @" name ".{F}} : " type "\n"
#define BASICS                                                                           \
    AT("n", "i64[]")                                                                     \
    AT("t", "i64[]")                                                                     \
    AT("p", "i64[]")                                                                     \
    CONST("zero", "i64[]")                                                               \
    CONST("one", "i64[]")                                                                \
    CONST("three", "i64[]") CONST("nine", "i64[]")                                       \
    CONST("f1", "f32[]")                                                                 \
    CONST("f0", "f32[]") CONST("big", "f32[]") CONST("g", "f32[8]") CONST("b", "f32[8]") \
        CONST("w", "f32[8,8]") CONST("u", "f32[8,8]") CONST("h", "f32[8,16]")            \
            CONST("e", "f32[16,8]")                                                      \
                CONST("tiny", "f32[]") "  %k = t.range %zero, %t, %one : i64[{K}]\n"     \
                                       "  %q = t.range %p, %t, %one : i64[{T}]\n"        \
                                       "  %qc = t.reshape %q : i64[{T},1]\n"             \
                                       "  %kr = t.reshape %k : i64[1,{K}]\n"
#define IDS "%ids \"input_ids\" : i64[1,{T}]"
#define OPEN(params, results)                                                             \
    "func @{F}(" params ") -> (" results ") {past = {P}, probe = \"{F}\", tokens = {T}} " \
    "{\n" BASICS
#define CLOSE "}\n"
#define EMBED "  %x0 = t.gather %e, %ids {axis = 0} : f32[1,{T},8] loc(\"/embed\")\n"
#define POSITIONS                                      \
    "  %qf = t.cast %qc {to = \"f32\"} : f32[{T},1]\n" \
    "  %angle = t.mul %qf, %g : f32[{T},8]\n"          \
    "  %pos = t.sin %angle : f32[{T},8]\n"             \
    "  %x = t.add %x0, %pos : f32[1,{T},8] loc(\"/positions\")\n"
#define HEADS(to, from, heads)                                    \
    "  %" to "1 = t.reshape %" from " : f32[1,{T}," heads ",4]\n" \
    "  %" to " = t.transpose %" to "1 {perm = [0, 2, 1, 3]} : f32[1," heads ",{T},4]\n"
#define QKV                                                                        \
    "  %ql = nn.linear %x, %w, %b : f32[1,{T},8] loc(\"/q\")\n"                    \
    "  %kl = nn.linear %x, %u : f32[1,{T},8] loc(\"/k\")\n"                        \
    "  %vl = nn.linear %x, %w : f32[1,{T},8] loc(\"/v\")\n" HEADS("qh", "ql", "2") \
        HEADS("kh", "kl", "2") HEADS("vh", "vl", "2")
#define ATTEND(mask)                                                                              \
    "  %o = nn.attention %qh, %kh, %vh" mask " {scale = 0.5} : f32[1,2,{T},4] loc(\"/attend\")\n" \
    "  %ot = t.transpose %o {perm = [0, 2, 1, 3]} : f32[1,{T},2,4]\n"                             \
    "  %y = t.reshape %ot : f32[1,{T},8]\n"
#define CAUSAL "  %m = t.le %kr, %qc : bool[{T},{K}]\n"
#define Y "%y \"out\""
// clang-format on

// ---- running ---------------------------------------------------------------------------------

typedef struct {
    arena *a;
    diag_sink *diags;
    ir_module *m; // NULL: refused
    pass_options o;
} outcome;

static inline outcome run_with(const char *text, const probe_size *p, size_t n, pass_options o) {
    outcome r = {.a = arena_new(), .diags = diag_sink_new(), .o = o};
    ir_module *probes = probe_module(arena_printf(r.a, "%s%s", symbols(r.a), text), p, n);
    assert_non_null(probes);
    r.o.threads = 1;
    r.m = pass_find_tokens(probes, &r.o, r.diags);
    ir_module_free(probes);
    if (r.m && !ir_verify(r.m, "result", r.diags)) {
        diag_print(r.diags, 0, stderr, false);
        fail_msg("the result does not verify");
    }
    return r;
}

static inline outcome run(const char *text) {
    return run_with(text, probe_free, ARRAY_LEN(probe_free), pass_options_default());
}

static inline void close_outcome(outcome *r) {
    ir_module_free(r->m);
    diag_sink_free(r->diags);
    arena_free(r->a);
}

// The operations without constants: "nn.embed nn.posrow t.add".
static inline char *operations(const outcome *r) {
    if (!r->m) {
        diag_print(r->diags, 0, stderr, false);
        fail_msg("refused");
    }
    const ir_func *f = r->m->funcs.items[0];
    char *s = arena_str(r->a, "");
    for (size_t i = 0; i < f->ops.count; i++) {
        if (f->ops.items[i].code == IR_t_const) continue;
        s = arena_printf(r->a, "%s%s%s", s, *s ? " " : "", ir_ops[f->ops.items[i].code].name);
    }
    return s;
}

static inline void expect(const char *text, const char *class, const char *ops) {
    outcome r = run(text);
    assert_string_equal(operations(&r), ops);
    assert_string_equal(ir_attr_str(&r.m->attrs, IR_ATTR_class, ""), class);
    close_outcome(&r);
}

// Refused with exactly this finding (and perhaps others), whose message has these words.
static inline void expect_refusal(outcome r, diag_id id, const char *words) {
    bool found = false;
    for (size_t i = 0; i < diag_count(r.diags); i++) {
        const diag *d = diag_get(r.diags, i);
        found |= d->id == id && strstr(d->message, words);
    }
    if (r.m || !found) {
        diag_print(r.diags, 0, stderr, false);
        fail_msg("expected [%s] with '%s'", diag_id_name(id), words);
    }
    close_outcome(&r);
}

static inline void refuse(const char *text, diag_id id, const char *words) {
    expect_refusal(run(text), id, words);
}

static inline const ir_symbol *ring_of(const outcome *r, size_t n) {
    for (size_t i = 0; i < r->m->symbols.count; i++)
        if (r->m->symbols.items[i]->kind == IR_SYM_RING && n-- == 0) return r->m->symbols.items[i];
    fail_msg("no such ring");
    return NULL;
}

static inline bool has_text(const ir_text_list *l, const char *words) {
    for (size_t i = 0; i < l->count; i++)
        if (strstr(l->items[i], words)) return true;
    return false;
}

#endif
