// The floor plan as a picture: a square for each tile, in it its crossbars (filled as far as their
// cells are, dark where busy), bars for the rest; arrows for links, broad where busy. What limits
// is framed. What a tile holds is shown where the mouse rests.
#include "cli/cost/floorplan.h"
#include "support/name.h"
#include <string.h>

enum { TILE = 150, GAP = 64, MARGIN = 24, HEAD = 84, BAR = 11, ACROSS = TILE - 16 };
static const char limit_colour[] = "#d55e00";

static double left_of(const floor_tile *t) { return MARGIN + (double)t->at.x * (TILE + GAP); }
static double top_of(const floor_tile *t) { return HEAD + (double)t->at.y * (TILE + GAP); }

// From nearly white to dark blue; neighbours differ in brightness too.
static void put_colour(FILE *out, double share) {
    static const int from[3] = {222, 235, 247}, to[3] = {8, 48, 107};
    if (share > 1) share = 1;
    int rgb[3];
    for (int k = 0; k < 3; k++) rgb[k] = (int)(from[k] + (to[k] - from[k]) * share + 0.5);
    fprintf(out, "#%02x%02x%02x", rgb[0], rgb[1], rgb[2]);
}

static void put_text(FILE *out, const char *s) {
    for (; *s; s++) switch (*s) {
        case '<': fputs("&lt;", out); break;
        case '>': fputs("&gt;", out); break;
        case '&': fputs("&amp;", out); break;
        default: putc(*s, out);
        }
}

static void put_label(FILE *out, double x, double y, const char *anchor, const char *style,
                      const char *text) {
    fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\"%s>", x, y, anchor, style);
    put_text(out, text);
    fputs("</text>\n", out);
}

static void put_frame(FILE *out, double x, double y, double w, double h) {
    fprintf(out,
            "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"none\" "
            "stroke=\"%s\" stroke-width=\"2.5\"/>\n",
            x, y, w, h, limit_colour);
}

// --- tiles

// The side of a crossbar's square, so that n stand in w x h.
static double side_of(uint32_t n, double w, double h) {
    for (double side = 16; side > 2; side -= 0.5) {
        double columns = (double)(int64_t)(w / side);
        if (columns * (double)(int64_t)(h / side) >= n) return side;
    }
    return 2;
}

// How high they stand.
static double put_crossbars(const floorplan *f, const floor_tile *t, FILE *out, double x, double y,
                            double h) {
    int64_t room = f->c->chip->tile.crossbars;
    uint32_t n = t->n_crossbars ? t->crossbars[t->n_crossbars - 1].index + 1 : 0;
    if (room > n && room <= 4096) n = (uint32_t)room;
    if (n == 0) return 0;
    double side = side_of(n, ACROSS, h), gap = side > 6 ? 2 : 0.5;
    uint32_t columns = (uint32_t)(ACROSS / side);
    for (uint32_t k = 0, next = 0; k < n; k++) {
        double cx = x + (k % columns) * side, cy = y + (double)(k / columns) * side, s = side - gap;
        const floor_crossbar *b = next < t->n_crossbars ? &t->crossbars[next] : NULL;
        bool used = b && b->index == k;
        fprintf(out,
                "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"white\" "
                "stroke=\"%s\" stroke-width=\"0.5\"/>\n",
                cx, cy, s, s, used ? "#555" : "#ccc");
        if (!used) continue;
        next++;
        fprintf(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"", cx,
                cy + s * (1 - b->full), s, s * b->full);
        put_colour(out, b->busy);
        fprintf(out, "\"><title>crossbar %u: %.0f %% of its cells, busy %.1f %%</title></rect>\n",
                k, 100 * b->full, 100 * b->busy);
        if (b->limits) put_frame(out, cx - 0.5, cy - 0.5, s + 1, s + 1);
    }
    return side * (double)((n + columns - 1) / columns);
}

// As many of the lines as there is room for; of a long one its last words, which tell names apart.
static void put_lines(const floorplan *f, const char *text, FILE *out, double x, double y,
                      double h) {
    enum { LINE = 10, LETTERS = 27 };
    for (size_t n, from; *text && h >= LINE; text += n + (text[n] == '\n'), y += LINE, h -= LINE) {
        n = strcspn(text, "\n");
        from = 0;
        while (from < n && name_width(text + from, n - from) > LETTERS)
            from += strcspn(text + from, "./|\n") + 1;
        bool last = h < 2 * LINE && text[n];
        const char *line = arena_printf(f->c->a, "%s%.*s", from ? ".." : "",
                                        from < n ? (int)(n - from) : 0, text + from);
        put_label(out, x, y + LINE - 2, "start", " fill=\"#555\"", last ? "..." : line);
    }
}

static void put_bar(const floor_bar *b, FILE *out, double x, double y) {
    const double from = 44, to = ACROSS - 37, h = 6;
    put_label(out, x, y + h, "start", "", b->name);
    put_label(out, x + ACROSS, y + h, "end", "", b->text);
    if (b->without_end) return;
    fprintf(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"#f2f2f2\"/>\n",
            x + from, y, to - from, h);
    fprintf(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"", x + from, y,
            (to - from) * b->share, h);
    if (b->is_busy)
        put_colour(out, b->share);
    else
        fputs("#999", out);
    fputs("\"/>\n", out);
    if (b->limits) put_frame(out, x + from - 1, y - 1, to - from + 2, h + 2);
}

// An empty box.
static void put_passed(const floor_tile *t, uint32_t number, FILE *out) {
    fprintf(out,
            "<g><title>tile %u: rows pass through its router; the program does not use it</title>"
            "\n<rect x=\"%.1f\" y=\"%.1f\" width=\"%d\" height=\"%d\" rx=\"3\" "
            "fill=\"white\" stroke=\"#ccc\"/>\n</g>\n",
            number, left_of(t), top_of(t), TILE, TILE);
}

static void put_tile(const floorplan *f, uint32_t number, FILE *out) {
    const floor_tile *t = &f->tiles[number];
    if (t->use == FLOOR_PASSED) put_passed(t, number, out);
    if (t->use != FLOOR_USED) return;
    const cost *c = f->c;
    double x = left_of(t), y = top_of(t), bars = BAR * t->n_bars;
    fprintf(out, "<g><title>tile %u", number);
    if (*t->holds) putc('\n', out);
    put_text(out, t->holds);
    fprintf(out,
            "</title>\n<rect x=\"%.1f\" y=\"%.1f\" width=\"%d\" height=\"%d\" rx=\"3\" "
            "fill=\"white\" stroke=\"%s\" stroke-width=\"%s\"/>\n",
            x, y, TILE, TILE, t->limits ? limit_colour : "#333", t->limits ? "2.5" : "1");
    put_label(out, x + 8, y + 14, "start", " font-weight=\"bold\" font-size=\"11\"",
              arena_printf(c->a, "tile %u", number));
    int64_t room = c->chip->tile.crossbars;
    if (t->n_crossbars)
        put_label(out, x + TILE - 8, y + 14, "end", "",
                  room ? arena_printf(c->a, "%u of %lld crossbars", t->n_crossbars, (long long)room)
                       : arena_printf(c->a, "%u crossbar%s", t->n_crossbars,
                                      t->n_crossbars == 1 ? "" : "s"));
    double room_left = TILE - 26 - bars;
    double used = put_crossbars(f, t, out, x + 8, y + 20, room_left);
    put_lines(f, t->holds, out, x + 8, y + 21 + used, room_left - used - 3);
    for (uint32_t k = 0; k < t->n_bars; k++)
        put_bar(&t->bars[k], out, x + 8, y + TILE - 4 - bars + BAR * k);
    fputs("</g>\n", out);
}

// --- links

static void put_link(const floorplan *f, const floor_link *l, FILE *out) {
    const floor_tile *a = &f->tiles[l->from], *b = &f->tiles[l->to];
    double dx = (double)(b->at.x - a->at.x), dy = (double)(b->at.y - a->at.y);
    // Traffic keeps to the right of the way.
    const double apart = 26, half = TILE / 2.0;
    double x = left_of(a) + half + dx * half - dy * apart,
           y = top_of(a) + half + dy * half + dx * apart;
    double width = 1.5 + 8 * l->busy, head = width + 4, length = GAP - head;
    fputs("<path d=\"", out);
    fprintf(out, "M%.1f %.1fL%.1f %.1f\" stroke=\"", x, y, x + dx * length, y + dy * length);
    if (l->limits)
        fputs(limit_colour, out);
    else
        put_colour(out, 0.25 + 0.75 * l->busy);
    fprintf(
        out,
        "\" stroke-width=\"%.1f\"><title>link of tile %u to tile %u: busy %.1f %%</title></path>\n",
        width, l->from, l->to, 100 * l->busy);
    double tx = x + dx * GAP, ty = y + dy * GAP, bx = x + dx * length, by = y + dy * length;
    fprintf(out, "<path d=\"M%.1f %.1fL%.1f %.1fL%.1f %.1fz\" fill=\"", tx, ty, bx - dy * head,
            by + dx * head, bx + dy * head, by - dx * head);
    if (l->limits)
        fputs(limit_colour, out);
    else
        put_colour(out, 0.25 + 0.75 * l->busy);
    fputs("\"/>\n", out);
    double away = 7 + width / 2;
    put_label(out, x + dx * GAP / 2 - dy * (away + 8), y + dy * GAP / 2 + dx * (away + 3) + 3,
              "middle", "",
              arena_printf(f->c->a, l->busy < 0.095 ? "%.1f %%" : "%.0f %%", 100 * l->busy));
}

// --- all

static void put_legend(FILE *out) {
    double x = MARGIN, y = 54;
    put_label(out, x, y + 9, "start", "", "busy");
    for (int k = 0; k <= 10; k++) {
        fprintf(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"10\" height=\"10\" fill=\"",
                x + 26 + 10 * k, y);
        put_colour(out, k / 10.0);
        fputs("\"/>\n", out);
    }
    put_label(
        out, x + 142, y + 9, "start", "",
        "0 to 100 % of the time; a square is a crossbar, filled as far as its cells are used; "
        "grey bars: room");
}

void floorplan_svg(const floorplan *f, FILE *out) {
    double w = 2 * MARGIN + (double)f->mesh.columns * (TILE + GAP) - GAP,
           h = HEAD + MARGIN + (double)f->rows * (TILE + GAP) - GAP;
    if (w < 660) w = 660; // the lines of text
    double large = w > 1600 ? w / 1600 : 1, lower = HEAD * (large - 1);
    h += lower;
    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" "
            "height=\"%.0f\" font-family=\"sans-serif\" font-size=\"9\">\n"
            "<rect width=\"%.0f\" height=\"%.0f\" fill=\"white\"/>\n"
            "<g transform=\"scale(%.2f)\">\n",
            w, h, w, h, w, h, large);
    put_label(out, MARGIN, 22, "start", " font-size=\"14\" font-weight=\"bold\"", f->title);
    if (f->limit)
        put_label(out, MARGIN, 40, "start",
                  arena_printf(f->c->a, " font-size=\"12\" fill=\"%s\"", limit_colour), f->limit);
    put_legend(out);
    fprintf(out, "</g>\n<g transform=\"translate(0 %.1f)\">\n", lower);
    for (uint32_t k = 0; k < f->n_links; k++) put_link(f, &f->links[k], out);
    for (uint32_t k = 0; k < f->n_tiles; k++) put_tile(f, k, out);
    fputs("</g>\n</svg>\n", out);
}
