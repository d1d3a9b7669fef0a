// The floor plan for Graphviz: `neato -n2 -Tsvg` keeps the places, `dot -Tsvg` makes its own.
#include "cli/cost/floorplan.h"

static void put_text(FILE *out, const char *s) {
    putc('"', out);
    for (; *s; s++) switch (*s) {
        case '"': fputs("\\\"", out); break;
        case '\\': fputs("\\\\", out); break;
        case '\n': fputs("\\n", out); break;
        default: putc(*s, out);
        }
    putc('"', out);
}

static const char *limits(bool yes) { return yes ? ", color=\"#d55e00\", penwidth=3" : ""; }

static const char *label_of(const floorplan *f, uint32_t number) {
    const floor_tile *t = &f->tiles[number];
    arena *a = f->c->a;
    double full = 0, busy = 0;
    for (uint32_t k = 0; k < t->n_crossbars; k++) {
        full += t->crossbars[k].full / t->n_crossbars;
        if (t->crossbars[k].busy > busy) busy = t->crossbars[k].busy;
    }
    const char *text = arena_printf(a, "tile %u", number);
    if (t->n_crossbars)
        text = arena_printf(a, "%s\n%u crossbar%s, %.0f %% of cells\nbusy up to %.0f %%", text,
                            t->n_crossbars, t->n_crossbars == 1 ? "" : "s", 100 * full, 100 * busy);
    for (uint32_t k = 0; k < t->n_bars; k++)
        text = arena_printf(a, "%s\n%s %s", text, t->bars[k].name, t->bars[k].text);
    return text;
}

void floorplan_dot(const floorplan *f, FILE *out) {
    fputs("digraph chip {\n  graph [labelloc=t, fontname=\"sans-serif\", fontsize=12, label=", out);
    put_text(out, f->limit ? arena_printf(f->c->a, "%s\n%s", f->title, f->limit) : f->title);
    fputs("];\n  node [shape=box, fontname=\"sans-serif\", fontsize=10];\n"
          "  edge [fontname=\"sans-serif\", fontsize=9];\n",
          out);
    for (uint32_t k = 0; k < f->n_tiles; k++) {
        const floor_tile *t = &f->tiles[k];
        if (t->use == FLOOR_UNUSED) continue;
        fprintf(out, "  t%u [pos=\"%lld,%lld\"%s, label=", k, (long long)t->at.x * 220,
                (long long)(f->rows - 1 - t->at.y) * 220, limits(t->limits));
        put_text(out, t->use == FLOOR_USED ? label_of(f, k) : "");
        fputs(", tooltip=", out);
        put_text(out, t->holds);
        fputs("];\n", out);
    }
    for (uint32_t k = 0; k < f->n_links; k++) {
        const floor_link *l = &f->links[k];
        fprintf(out, "  t%u -> t%u [label=\"%.1f %%\", ", l->from, l->to, 100 * l->busy);
        if (l->limits)
            fputs("color=\"#d55e00\", penwidth=4];\n", out);
        else
            fprintf(out, "penwidth=%.1f];\n", 1 + 5 * l->busy);
    }
    fputs("}\n", out);
}
