// Files on the command line: what stands where one is read is of a kind that can be read there, and
// no command writes what it reads.
#define _GNU_SOURCE // memfd_create
#include "cli/args/internal.h"
#include "cli/commands.h"
#include "support/file/file.h"
#include "support/file/kind.h"
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
    const char *label, *path; // "--calibrate" or "MODEL"
    const char *takes;        // NULL: not looked at
    const char *onto;         // of an output
} file_use;
typedef VEC(file_use) file_uses;

static bool is_standard(const char *path) { return strcmp(path, "-") == 0; }

// The file of "NAME=FILE", or of FILE; NULL: none is named.
static const char *file_of(const arg_option *o, const char *text) {
    const char *eq = strchr(text, '=');
    switch (o->kind) {
    case ARG_INPUT:
    case ARG_OUTPUT:
    case ARG_PLACE: return text;
    case ARG_PROMPT: return is_standard(text) ? text : NULL;
    case ARG_CHIP:
        return is_standard(text) || strchr(text, '/') || file_ends_in(text, ".yaml") ? text : NULL;
    case ARG_TENSORS_IN: return eq && !file_exists(text) ? eq + 1 : text;
    case ARG_TENSORS_OUT: return eq ? eq + 1 : text;
    case ARG_TRACE: return eq ? eq + 1 : NULL;
    default: return NULL;
    }
}

static bool is_output(arg_kind k) {
    return k == ARG_OUTPUT || k == ARG_PLACE || k == ARG_TENSORS_OUT || k == ARG_TRACE;
}

// "CHIP" of "[CHIP]", "DIR" of "DIR..."
static const char *first_argument(const args *a) {
    const char *name = a->arguments + strspn(a->arguments, "[");
    return arena_strn(a->arena, name, strcspn(name, " ]."));
}

static file_uses collect(const args *a, bool outputs) {
    static const arg_option chip = {.kind = ARG_CHIP};
    file_uses list = {0};
    const char *takes = outputs ? "" : commands_takes(a->command), *label = first_argument(a);
    size_t n = strstr(a->arguments, "...") ? a->positional.count : a->positional.count > 0;
    for (size_t i = 0; *takes && i < n; i++) {
        const char *path = a->positional.items[i];
        if (strcmp(takes, "chip") == 0) path = file_of(&chip, path);
        if (path) vec_push(&list, (file_use){label, path, takes, NULL});
    }
    for (size_t i = 0; i < a->given.count; i++) {
        const arg_option *o = a->given.items[i].option;
        if (o->kind == ARG_FLAG || is_output(o->kind) != outputs) continue;
        const char *path = file_of(o, a->given.items[i].text);
        if (!path) continue;
        label = arena_printf(a->arena, "--%s", o->name);
        vec_push(&list, (file_use){label, path, o->takes, o->onto});
    }
    return list;
}

// ---- standard input --------------------------------------------------------------------------

// Standard input that can be read only once becomes a file, so that it can be looked at first.
static bool hold_standard_input(diag_sink *diags) {
    struct stat st;
    if (fstat(STDIN_FILENO, &st) != 0 || S_ISREG(st.st_mode)) return true; // or its reader says why
    file_map f;
    if (!file_map_open(&f, "-", diags)) return false;
    int fd = memfd_create("stdin", MFD_CLOEXEC);
    size_t done = 0;
    while (fd >= 0 && done < f.bytes) {
        ssize_t n = write(fd, f.data + done, f.bytes - done);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) break;
        done += (size_t)n;
    }
    bool ok =
        fd >= 0 && done == f.bytes && lseek(fd, 0, SEEK_SET) == 0 && dup2(fd, STDIN_FILENO) >= 0;
    if (!ok)
        diag_emit(diags, DIAG_ID_io, DIAG_FILE("<stdin>"), "cannot keep it: %s", strerror(errno));
    if (fd >= 0) close(fd);
    file_map_close(&f);
    return ok;
}

static bool check_standard_input(const file_uses *in, diag_sink *diags) {
    const file_use *first = NULL;
    bool file = false;
    for (size_t i = 0; i < in->count; i++) {
        const file_use *u = &in->items[i];
        if (!is_standard(u->path)) continue;
        if (first) {
            diag_emit(diags, DIAG_ID_usage, DIAG_NOWHERE, "%s and %s cannot both be standard input",
                      first->label, u->label);
            return false;
        }
        first = u;
        file = u->takes != NULL;
    }
    return !file || hold_standard_input(diags);
}

// ---- kinds -----------------------------------------------------------------------------------

static bool is_among(const char *takes, file_kind k) {
    return args_has_word(takes, file_kind_name(k));
}

// Whether the reader is to judge: it finds better words for what may be a damaged file of a right
// kind.
static bool may_be(const char *takes, file_kind k) {
    static const file_kind texts[] = {FILE_KIND_oir, FILE_KIND_s, FILE_KIND_chip, FILE_KIND_json,
                                      FILE_KIND_text};
    if (is_among(takes, k) || k == FILE_KIND_bytes) return true;
    if (k == FILE_KIND_json) return is_among(takes, FILE_KIND_text);
    for (size_t i = 0; k == FILE_KIND_text && i < ARRAY_LEN(texts); i++)
        if (is_among(takes, texts[i])) return true;
    return false;
}

static bool check_kind(const args *a, const file_use *u, diag_sink *diags) {
    struct stat st;
    if (!is_standard(u->path) && stat(u->path, &st) != 0) {
        diag_emit(diags, DIAG_ID_io, DIAG_FILE(u->path), "cannot read: %s", strerror(errno));
        return false;
    }
    file_kind k = file_kind_at(u->path), named;
    if (!u->takes || may_be(u->takes, k)) return true;
    const char *want = "", *cure = file_kind_cure(k);
    size_t n;
    ARGS_EACH_WORD(u->takes, word, n) {
        if (!file_kind_parse(word, n, &named) || named == FILE_KIND_bytes) continue;
        want = arena_printf(a->arena, "%s%s%s", want, *want ? " or " : "", file_kind_what(named));
    }
    diag_emit(diags, DIAG_ID_file_kind, DIAG_FILE(is_standard(u->path) ? "<stdin>" : u->path),
              "is %s, %s wants %s%s%s", file_kind_what(k), u->label, want, *cure ? ": " : "", cure);
    return false;
}

// ---- what is written -------------------------------------------------------------------------

static bool is_same(const char *a, const char *b) {
    struct stat x, y;
    return !is_standard(a) && !is_standard(b) && stat(a, &x) == 0 && stat(b, &y) == 0 &&
           S_ISREG(x.st_mode) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static bool check_write(const file_uses *in, const file_use *out, diag_sink *diags) {
    for (size_t i = 0; i < in->count; i++) {
        const file_use *u = &in->items[i];
        if (!is_same(u->path, out->path)) continue;
        if (u->label[0] == '-' && args_has_word(out->onto, u->label + 2)) continue;
        diag_emit(diags, DIAG_ID_usage, DIAG_NOWHERE, "%s would overwrite what %s reads: '%s'",
                  out->label, u->label, out->path);
        return false;
    }
    return true;
}

bool args_reads_standard_input(const args *a) {
    file_uses in = collect(a, false);
    bool reads = false;
    for (size_t i = 0; i < in.count; i++) reads |= is_standard(in.items[i].path);
    vec_free(&in);
    return reads;
}

bool args_may_write(const args *a, const char *path, diag_sink *diags) {
    file_uses in = collect(a, false);
    bool ok = check_write(&in, &(file_use){.label = "the output", .path = path}, diags);
    vec_free(&in);
    return ok;
}

bool args_check_files(const args *a, diag_sink *diags) {
    file_uses in = collect(a, false), out = collect(a, true);
    bool ok = check_standard_input(&in, diags);
    for (size_t i = 0; ok && i < out.count; i++) {
        const file_use *u = &out.items[i];
        ok = check_write(&in, u, diags);
        for (size_t k = 0; ok && k < i; k++) {
            ok = strcmp(out.items[k].path, u->path) != 0 && !is_same(out.items[k].path, u->path);
            if (!ok)
                diag_emit(diags, DIAG_ID_usage, DIAG_NOWHERE, "'%s' is written twice: %s and %s",
                          u->path, out.items[k].label, u->label);
        }
    }
    bool kinds = true;
    for (size_t i = 0; ok && i < in.count; i++) kinds = check_kind(a, &in.items[i], diags) && kinds;
    vec_free(&in);
    vec_free(&out);
    return ok && kinds;
}
