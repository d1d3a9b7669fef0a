// Option tables: parsing, --help and usage errors; see args.h.
#include "cli/args.h"
#include "support/name.h"
#include "support/vec.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    const arg_option *option;
    const char *text;
} given;

struct args {
    arena *arena;
    const arg_option *options;
    size_t n_options;
    VEC(given) given; // both in the arena, with room for all of argv
    VEC(const char *) positional;
};

static void print_help(const char *command, const char *arguments, const char *summary,
                       const arg_option *options, size_t n) {
    printf("usage: ohmic %s [OPTION...] %s\n\n%s\n\n", command, arguments, summary);
    for (size_t i = 0; i < n; i++) {
        char left[64];
        const arg_option *o = &options[i];
        snprintf(left, sizeof left, "%s%c%s--%s%s%s", o->letter ? "-" : " ",
                 o->letter ? o->letter : ' ', o->letter ? ", " : "  ", o->name, o->value ? " " : "",
                 o->value ? o->value : "");
        printf("  %-30s %s\n", left, o->summary);
    }
    printf("  %-30s %s\n", "-h, --help", "this text");
}

static int usage(const char *command, const char *fmt, const char *what) {
    arena *a = arena_new();
    fprintf(stderr, "ohmic %s: ", command);
    fprintf(stderr, fmt, name_text(a, what));
    arena_free(a);
    fprintf(stderr, "; `ohmic %s --help` explains\n", command);
    return EXIT_USAGE;
}

static const arg_option *find(const arg_option *options, size_t n, const char *name, size_t length,
                              char letter) {
    for (size_t i = 0; i < n; i++) {
        if (letter
                ? options[i].letter == letter
                : strlen(options[i].name) == length && strncmp(options[i].name, name, length) == 0)
            return &options[i];
    }
    return NULL;
}

static bool is_number(const char *s, bool integer) {
    char *end;
    errno = 0;
    if (integer)
        strtoll(s, &end, 10);
    else if (!isfinite(strtod(s, &end)))
        return false;
    return *s && !*end && errno == 0;
}

args *args_parse(arena *a, int argc, char **argv, const char *command, const char *arguments,
                 const char *summary, const arg_option *options, size_t n_options, int min, int max,
                 int *exit_code) {
    args *out = ARENA_NEW(a, args);
    out->arena = a;
    out->options = options;
    out->n_options = n_options;
    out->given.items = ARENA_ARRAY(a, given, argc + 1);
    out->positional.items = ARENA_ARRAY(a, const char *, argc + 1);
    out->given.capacity = out->positional.capacity = (size_t)argc + 1;
    bool only_arguments = false;
    for (int i = 0; i < argc; i++) {
        const char *s = argv[i];
        if (only_arguments || s[0] != '-' || strcmp(s, "-") == 0) {
            vec_push(&out->positional, s);
            continue;
        }
        if (strcmp(s, "--") == 0) {
            only_arguments = true;
            continue;
        }
        if (strcmp(s, "--help") == 0 || strcmp(s, "-h") == 0) {
            print_help(command, arguments, summary, options, n_options);
            *exit_code = EXIT_OK;
            return NULL;
        }
        bool is_long = s[1] == '-';
        const char *eq = is_long ? strchr(s, '=') : NULL;
        size_t length = is_long ? (eq ? (size_t)(eq - s - 2) : strlen(s + 2)) : 0;
        const arg_option *o = find(options, n_options, s + 2, length, is_long ? 0 : s[1]);
        if (!o || (!is_long && o->kind == ARG_FLAG && s[2])) {
            *exit_code = usage(command, "unknown option '%s'", s);
            return NULL;
        }
        const char *text = NULL;
        if (o->kind != ARG_FLAG) {
            text = eq ? eq + 1 : !is_long && s[2] ? s + 2 : i + 1 < argc ? argv[++i] : NULL;
            if (!text) {
                *exit_code = usage(command, "option '%s' wants a value", s);
                return NULL;
            }
            if ((o->kind == ARG_INT || o->kind == ARG_REAL) &&
                !is_number(text, o->kind == ARG_INT)) {
                *exit_code = usage(
                    command, o->kind == ARG_INT ? "'%s' is no whole number" : "'%s' is no number",
                    text);
                return NULL;
            }
        } else if (eq) {
            *exit_code = usage(command, "option '%s' takes no value", s);
            return NULL;
        }
        vec_push(&out->given, (given){o, text});
    }
    if ((int)out->positional.count < min || (max >= 0 && (int)out->positional.count > max)) {
        *exit_code = (int)out->positional.count < min
                         ? usage(command, "missing argument: %s", arguments)
                         : usage(command, "too many arguments: '%s'", out->positional.items[max]);
        return NULL;
    }
    *exit_code = EXIT_OK;
    return out;
}

// The last one given wins; NULL: not given. A name that is in no table is our own mistake.
static const char *last(const args *a, const char *name, bool *present) {
    CHECK(find(a->options, a->n_options, name, strlen(name), 0), "the command has no option --%s",
          name);
    const char *text = NULL;
    *present = false;
    for (size_t i = 0; i < a->given.count; i++) {
        if (strcmp(a->given.items[i].option->name, name) != 0) continue;
        text = a->given.items[i].text;
        *present = true;
    }
    return text;
}

bool args_flag(const args *a, const char *name) {
    bool present;
    last(a, name, &present);
    return present;
}

const char *args_string(const args *a, const char *name, const char *otherwise) {
    bool present;
    const char *text = last(a, name, &present);
    return present ? text : otherwise;
}

int64_t args_int(const args *a, const char *name, int64_t otherwise) {
    bool present;
    const char *text = last(a, name, &present);
    return present ? strtoll(text, NULL, 10) : otherwise;
}

double args_real(const args *a, const char *name, double otherwise) {
    bool present;
    const char *text = last(a, name, &present);
    return present ? strtod(text, NULL) : otherwise;
}

const char *const *args_list(const args *a, const char *name, size_t *n) {
    const char **list = ARENA_ARRAY(a->arena, const char *, a->given.count + 1);
    *n = 0;
    for (size_t i = 0; i < a->given.count; i++)
        if (strcmp(a->given.items[i].option->name, name) == 0)
            list[(*n)++] = a->given.items[i].text;
    return list;
}

size_t args_count(const args *a) { return a->positional.count; }
const char *args_at(const args *a, size_t i) { return a->positional.items[i]; }
arena *args_arena(const args *a) { return a->arena; }

int args_finish(diag_sink *diags) {
    const char *plain = getenv("NO_COLOR");
    diag_print(diags, 0, stderr, isatty(STDERR_FILENO) && !(plain && *plain));
    int code = diag_internals(diags) ? EXIT_INTERNAL : diag_errors(diags) ? EXIT_REJECTED : EXIT_OK;
    diag_sink_free(diags);
    return code;
}
