// Collecting diagnostics and printing them. Printing reads the source file again for the line it
// shows, so nobody has to keep texts alive for the sake of a message.
#include "support/diag.h"
#include "support/file/file.h"
#include "support/name.h"
#include "support/vec.h"
#include <stdarg.h>

struct diag_sink {
    arena *strings;
    VEC(diag) items;
    size_t errors, internals;
    size_t emitted[DIAG_ID_COUNT]; // of each kind, notes not counted
    size_t notes;                  // behind the last one
    bool dropped;                  // the last one was one too many: so are its notes
};

// --- names: "npy_format" prints as "npy-format". Done by the compiler, character by character, so
// that the table is constant.
#define PAD                                                                                        \
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" \
    "\0\0"
#define C1(s, i) (char)((s PAD)[i] == '_' ? '-' : (s PAD)[i])
#define C4(s, i) C1(s, i), C1(s, (i) + 1), C1(s, (i) + 2), C1(s, (i) + 3)
#define C16(s, i) C4(s, i), C4(s, (i) + 4), C4(s, (i) + 8), C4(s, (i) + 12)
enum { NAME_MAX_BYTES = 48 };

static const struct {
    char name[NAME_MAX_BYTES];
    diag_severity severity;
} rows[] = {
#define DIAG(id, severity, summary) {{C16(#id, 0), C16(#id, 16), C16(#id, 32)}, DIAG_##severity},
#include "support/diag.def"
};

#define DIAG(id, severity, summary) \
    _Static_assert(sizeof #id <= NAME_MAX_BYTES, "name of diagnostic too long: " #id);
#include "support/diag.def"

const char *diag_id_name(diag_id id) {
    CHECK((unsigned)id < DIAG_ID_COUNT, "diagnostic %d", (int)id);
    return rows[id].name;
}

// --- collecting

diag_sink *diag_sink_new(void) {
    diag_sink *s = base_calloc(1, sizeof *s);
    s->strings = arena_new();
    return s;
}

void diag_sink_free(diag_sink *s) {
    if (!s) return;
    arena_free(s->strings);
    vec_free(&s->items);
    free(s);
}

// One finding more of a severity.
static void tally(diag_sink *s, diag_severity severity) {
    s->errors += severity >= DIAG_ERROR;
    s->internals += severity == DIAG_INTERNAL;
}

// What is kept of a text: a name in it may be as long as a file.
static const char *keep(diag_sink *s, const char *text) {
    if (!text) return NULL;
    if (strlen(text) <= DIAG_TEXT) return arena_str(s->strings, text);
    return arena_printf(s->strings, "%.*s...", DIAG_TEXT - 3, text);
}

static bool same_text(const char *a, const char *b) {
    return !a || !b ? a == b : !strncmp(a, b, DIAG_TEXT - 3);
}

// Whether this very finding was kept before.
static bool is_kept(const diag_sink *s, const diag *found) {
    for (size_t i = 0; i < s->items.count; i++) {
        const diag *d = &s->items.items[i];
        if (d->id == found->id && d->severity == found->severity &&
            d->loc.line == found->loc.line && d->loc.col == found->loc.col &&
            same_text(d->message, found->message) && same_text(d->loc.where, found->loc.where) &&
            same_text(d->loc.file, found->loc.file))
            return true;
    }
    return false;
}

// False: it repeats one that is kept.
static bool add(diag_sink *s, diag_id id, diag_severity severity, diag_loc loc, const char *fmt,
                va_list ap) {
    char text[DIAG_TEXT + 2];
    vsnprintf(text, sizeof text, fmt, ap);
    if (loc.file && !strcmp(loc.file, "-")) // cannot be read again, for the line to be shown
        loc.file = "<stdin>";
    diag d = {id, severity, loc, text};
    if (severity != DIAG_NOTE && is_kept(s, &d)) return false;
    d.message = keep(s, text);
    d.loc.where = keep(s, loc.where);
    if (loc.file) d.loc.file = arena_str(s->strings, loc.file);
    vec_push(&s->items, d);
    if (severity != DIAG_NOTE) s->notes = 0;
    return true;
}

void diag_vemit(diag_sink *s, diag_id id, diag_loc loc, const char *fmt, va_list ap) {
    CHECK((unsigned)id < DIAG_ID_COUNT, "diagnostic %d", (int)id);
    if (!s) return;
    tally(s, rows[id].severity);
    s->dropped = ++s->emitted[id] > DIAG_KEPT;
    if (s->dropped || add(s, id, rows[id].severity, loc, fmt, ap)) return;
    s->dropped = true; // and its notes with it
    s->emitted[id]--;
}

void diag_emit(diag_sink *s, diag_id id, diag_loc loc, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    diag_vemit(s, id, loc, fmt, ap);
    va_end(ap);
}

void diag_note(diag_sink *s, diag_loc loc, const char *fmt, ...) {
    if (!s || s->dropped) return;
    if (++s->notes > DIAG_SHOWN) return;
    va_list ap;
    va_start(ap, fmt);
    diag_id id = s->items.count ? s->items.items[s->items.count - 1].id : 0;
    add(s, id, DIAG_NOTE, loc, fmt, ap);
    va_end(ap);
}

void diag_clear(diag_sink *s) {
    arena_free(s->strings);
    vec_free(&s->items);
    *s = (diag_sink){.strings = arena_new()};
}

size_t diag_count(const diag_sink *s) { return s ? s->items.count : 0; }
size_t diag_errors(const diag_sink *s) { return s ? s->errors : 0; }
size_t diag_internals(const diag_sink *s) { return s ? s->internals : 0; }

const diag *diag_get(const diag_sink *s, size_t i) {
    CHECK(i < s->items.count, "diagnostic %zu of %zu", i, s->items.count);
    return &s->items.items[i];
}

const char *diag_first_error(const diag_sink *s, size_t from, arena *a) {
    const diag *first = NULL;
    size_t more = 0;
    for (size_t i = from; i < s->items.count; i++) {
        const diag *d = &s->items.items[i];
        if (d->severity < DIAG_ERROR) continue;
        more += first != NULL;
        if (!first) first = d;
    }
    if (!first) return NULL;
    const char *where = first->loc.where ? first->loc.where : "";
    const char *text = arena_printf(a, "%s%s%s", where, *where ? ": " : "", first->message);
    return more ? arena_printf(a, "%s (and %zu more)", text, more) : text;
}

// --- printing

static const char *const severity_names[] = {"note", "warning", "error", "internal error"};
static const char *const severity_colours[] = {"\033[1;36m", "\033[1;35m", "\033[1;31m",
                                               "\033[1;31m"};

static bool is_continuation(char c) { return ((unsigned char)c & 0xc0) == 0x80; }

// Line `line` (1-based) of the file; false when it has fewer.
static bool find_line(const file_map *f, int line, const char **text, size_t *n) {
    const char *p = (const char *)f->data, *end = p + f->bytes;
    for (int i = 1; p && p < end; i++) {
        const char *nl = memchr(p, '\n', (size_t)(end - p));
        if (i == line) {
            *text = p;
            *n = (size_t)((nl ? nl : end) - p);
            if (*n && p[*n - 1] == '\r') --*n;
            return true;
        }
        if (!nl) break;
        p = nl + 1;
    }
    return false;
}

enum { SHOWN_BYTES = 160 }; // of a long line, around the column

static void print_source(const file_map *f, diag_loc loc, FILE *out, bool colour,
                         const char *tint) {
    const char *text;
    size_t n;
    if (!find_line(f, loc.line, &text, &n)) return;
    size_t col = loc.col > 0 ? (size_t)loc.col - 1 : 0;
    if (col > n) col = n;
    size_t begin = 0, end = n;
    if (n > SHOWN_BYTES) {
        begin = col > SHOWN_BYTES / 2 ? col - SHOWN_BYTES / 2 : 0;
        while (begin > 0 && is_continuation(text[begin])) begin--;
        end = n - begin > SHOWN_BYTES ? begin + SHOWN_BYTES : n;
        while (end < n && is_continuation(text[end])) end++;
    }
    fprintf(out, "%5d | %s", loc.line, begin ? "..." : "");
    name_print(out, text + begin, end - begin);
    fputs(end < n ? "...\n" : "\n", out);
    if (loc.col <= 0) return;
    size_t stop = loc.end_col > loc.col ? (size_t)loc.end_col - 1 : col + 1;
    if (stop > end) stop = end;
    int marks = stop > col ? name_width(text + col, stop - col) : 1;
    fprintf(out, "      | %*s%s^", name_width(text + begin, col - begin) + (begin ? 3 : 0), "",
            colour ? tint : "");
    for (int i = 1; i < marks; i++) fputc('~', out);
    fputs(colour ? "\033[0m\n" : "\n", out);
}

static void print_one(const diag *d, FILE *out, bool colour) {
    const char *tint = severity_colours[d->severity];
    if (colour) fputs("\033[1m", out);
    if (d->loc.file) {
        name_print(out, d->loc.file, strlen(d->loc.file));
        if (d->loc.line > 0) fprintf(out, ":%d", d->loc.line);
        if (d->loc.line > 0 && d->loc.col > 0) fprintf(out, ":%d", d->loc.col);
        fputs(": ", out);
    }
    if (d->loc.where) {
        name_print(out, d->loc.where, strlen(d->loc.where));
        fputs(": ", out);
    }
    if (colour) fputs(tint, out);
    fprintf(out, "%s: ", severity_names[d->severity]);
    if (colour) fputs("\033[0m", out);
    name_print(out, d->message, strlen(d->message));
    if (d->severity != DIAG_NOTE) fprintf(out, " [%s]", diag_id_name(d->id));
    fputc('\n', out);
}

void diag_print(const diag_sink *s, size_t from, FILE *out, bool colour) {
    file_map open = {0}; // the file of the finding before: findings of one file come together
    const char *open_name = NULL;
    size_t shown[DIAG_ID_COUNT] = {0};
    bool hidden = false; // the finding before: its notes are
    for (size_t i = from; i < diag_count(s); i++) {
        const diag *d = &s->items.items[i];
        if (d->severity != DIAG_NOTE) hidden = shown[d->id]++ >= DIAG_SHOWN;
        if (hidden) continue;
        print_one(d, out, colour);
        const char *file = d->loc.file;
        if (!file || d->loc.line <= 0 || strcmp(file, "-") == 0) continue;
        if (!open_name || strcmp(open_name, file) != 0) {
            file_map_close(&open);
            open = (file_map){0};
            open_name = file;
            if (file_exists(file)) file_map_open(&open, file, NULL);
        }
        print_source(&open, d->loc, out, colour, severity_colours[d->severity]);
    }
    file_map_close(&open);
    for (int id = 0; s && id < DIAG_ID_COUNT; id++) {
        size_t lost = s->emitted[id] > DIAG_KEPT ? s->emitted[id] - DIAG_KEPT : 0;
        if (shown[id] + lost > DIAG_SHOWN)
            fprintf(out, "%s: and %zu more [%s]\n", severity_names[rows[id].severity],
                    shown[id] + lost - DIAG_SHOWN, diag_id_name((diag_id)id));
    }
}
