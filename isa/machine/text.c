// Machines as text: the canonical chip file, and what differs between two.
#include "isa/machine/machine.h"
#include "support/file/file.h"
#include "support/file/quote.h"
#include "support/spell.h"
#include <stdlib.h>
#include <string.h>

const char *machine_value_text(arena *a, const machine *m, const machine_param *p) {
    const char *at = (const char *)m + p->offset;
    if (p->kind == MACHINE_INT) {
        int64_t v;
        memcpy(&v, at, sizeof v);
        return arena_printf(a, "%lld", (long long)v);
    }
    if (p->kind == MACHINE_REAL) {
        double v;
        char text[SPELL_NUMBER_BYTES];
        memcpy(&v, at, sizeof v);
        spell_f64(v, text);
        return arena_str(a, text);
    }
    if (p->kind == MACHINE_LIST) {
        machine_numbers v;
        char number[SPELL_NUMBER_BYTES];
        const char *text = "[";
        memcpy(&v, at, sizeof v);
        for (int64_t i = 0; i < v.n; i++) {
            spell_f64(v.v[i], number);
            text = arena_printf(a, "%s%s%s", text, i ? ", " : "", number);
        }
        return arena_printf(a, "%s]", text);
    }
    int v;
    memcpy(&v, at, sizeof v);
    CHECK(v >= 0 && (unsigned)v < p->choices->count, "%s.%s is %d", p->section, p->name, v);
    return p->choices->names[v];
}

// A YAML text.
static void print_text(FILE *out, const char *s) { quote_print_yaml(out, s, strlen(s)); }

char *machine_text(arena *a, const machine *m) {
    text_sink sink;
    text_sink_open(&sink);
    FILE *out = sink.stream;
    fputs("name: ", out);
    print_text(out, m->name);
    fputs("\nsummary: ", out);
    print_text(out, m->summary);
    fputc('\n', out);
    for (size_t i = 0; i < machine_params_count; i++) {
        const machine_param *p = &machine_params[i];
        if (i == 0 || strcmp(p->section, p[-1].section) != 0) fprintf(out, "%s:\n", p->section);
        fprintf(out, "  %s: {value: %s", p->name, machine_value_text(a, m, p));
        if (p->kind != MACHINE_ENUM) {
            fputs(", unit: ", out);
            print_text(out, p->unit);
        }
        if (machine_class_of(m, i) != MACHINE_UNSTATED)
            fprintf(out, ", class: %s", isa_name(ISA_ENUM_figure, machine_class_of(m, i)));
        fputs(", source: ", out);
        print_text(out, m->sources ? m->sources[i] : "default");
        fputs("}\n", out);
    }
    char *text = text_sink_close(&sink);
    char *copy = arena_strn(a, text, sink.bytes);
    free(text);
    return copy;
}

char *machine_diff(arena *a, const machine *found, const machine *expected) {
    char *text = NULL;
    for (size_t i = 0; i < machine_params_count; i++) {
        const machine_param *p = &machine_params[i];
        const char *x = machine_value_text(a, found, p), *y = machine_value_text(a, expected, p);
        if (strcmp(x, y) == 0) continue;
        text = arena_printf(a, "%s%s.%s: %s, expected %s\n", text ? text : "", p->section, p->name,
                            x, y);
    }
    return text;
}
