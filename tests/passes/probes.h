// Hand-written probe modules: one text for all sizes.
//
// In a template, {T} stands for the token count of a probe, {F} for its name, {K} for past +
// tokens, {P} for the past, {E} for an encoder's tokens, {T+1} and {4*T} for small arithmetic.
// Lines before the first "func" that mention {F}, {T}, {K} or {P} are repeated for every probe, the
// functions too.
#ifndef OHMIC_TESTS_PASSES_PROBES_H
#define OHMIC_TESTS_PASSES_PROBES_H

#include "ir/text/text.h"
#include "ir/verify/verify.h"
#include "passes/pass.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *name;
    int64_t tokens, past, encoder;
} probe_size;

static const probe_size probe_free[] = {
    {"n1", 37, 0}, {"n2", 41, 0}, {"n3", 43, 0}, {"max", 64, 0}};
static const probe_size probe_past[] = {
    {"n1", 37, 0}, {"n2", 41, 0}, {"n3", 43, 0}, {"past", 37, 13}, {"max", 64, 0}};
static const probe_size probe_frozen[] = {{"max", 9, 0}};
static const probe_size probe_pair[] = {
    {"n1", 37, 0, 47}, {"n2", 41, 0, 53}, {"n3", 43, 0, 61}, {"max", 64, 0, 80}};

// The number that "{4*T+1}" means (text after the brace); *end: behind the closing one.
static inline int64_t probe_number(const char *s, const probe_size *p, const char **end) {
    int64_t sum = 0, product = 1;
    for (;; s++) {
        int64_t v = isdigit((unsigned char)*s) ? strtoll(s, (char **)&s, 10)
                    : *s == 'T'                ? (s++, p->tokens)
                    : *s == 'K'                ? (s++, p->tokens + p->past)
                    : *s == 'E'                ? (s++, p->encoder)
                                               : (s++, p->past);
        product *= v;
        if (*s == '*') continue;
        sum += product;
        product = 1;
        if (*s == '+') continue;
        if (*s == '-') product = -1;
        if (*s == '}') break;
    }
    *end = s + 1;
    return sum;
}

static inline void probe_expand(FILE *out, const char *s, size_t n, const probe_size *p) {
    const char *stop = s + n;
    while (s < stop) {
        bool is_number =
            s[0] == '{' && (strchr("TKPE", s[1]) || isdigit((unsigned char)s[1])) && s[1];
        if (s[0] == '{' && s[1] == 'F' && s[2] == '}') {
            fputs(p->name, out);
            s += 3;
        } else if (is_number) {
            fprintf(out, "%lld", (long long)probe_number(s + 1, p, &s));
        } else {
            fputc(*s++, out);
        }
    }
}

// The module; a mistake in the template fails the test.
static inline ir_module *probe_module(const char *text, const probe_size *p, size_t n) {
    char *all = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&all, &bytes);
    fputs("module {stage = \"graph\"}\n", out);
    const char *funcs = strstr(text, "func @");
    for (const char *line = text; line < funcs;) {
        const char *end = strchr(line, '\n') + 1;
        size_t len = (size_t)(end - line);
        const char *name = strstr(line, "{F}"), *size = strstr(line, "{T");
        bool many = (name && name < end) || (size && size < end);
        for (size_t i = 0; i < (many ? n : 1); i++) probe_expand(out, line, len, &p[i]);
        line = end;
    }
    for (size_t i = 0; i < n; i++) probe_expand(out, funcs, strlen(funcs), &p[i]);
    fclose(out);
    diag_sink *d = diag_sink_new();
    ir_module *m = ir_parse(all, bytes, "probe", NULL, NULL, NULL, d);
    if (m && !ir_verify(m, "probe", d)) {
        ir_module_free(m);
        m = NULL;
    }
    if (!m) {
        diag_print(d, 0, stderr, false);
        fputs(all, stderr);
    }
    diag_sink_free(d);
    free(all);
    return m;
}

#endif
