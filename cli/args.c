// Option tables: parsing and what was given; see args.h.
#include "cli/args/internal.h"
#include "cli/commands.h"
#include "support/file/json.h"
#include "support/name.h"
#include "support/spell.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const arg_option *args_find(const args *a, const char *name, size_t n) {
    for (size_t i = 0; i < a->n_options; i++)
        if (strlen(a->options[i].name) == n && strncmp(a->options[i].name, name, n) == 0)
            return &a->options[i];
    return NULL;
}

static const arg_option *find_letter(const args *a, char letter) {
    for (size_t i = 0; i < a->n_options; i++)
        if (letter && a->options[i].letter == letter) return &a->options[i];
    return NULL;
}

// "unknown option '--chp'; did you mean '--chip'?"
static bool unknown(const args *a, const char *s, size_t n, diag_sink *diags) {
    spell_nearest near = spell_start(s + 2, n);
    for (size_t i = 0; n && i < a->n_options; i++) spell_try(&near, a->options[i].name);
    diag_emit(diags, DIAG_ID_usage, DIAG_NOWHERE, "unknown option '%s'%s%s%s", s,
              near.best ? "; did you mean '--" : "", near.best ? near.best : "",
              near.best ? "'?" : "");
    return false;
}

// The option at argv[*i], with its value. False: reported.
static bool take(args *a, int argc, char **argv, int *i, diag_sink *diags) {
    const char *s = argv[*i];
    bool is_long = s[1] == '-';
    const char *eq = is_long ? strchr(s, '=') : NULL;
    size_t n = is_long ? (eq ? (size_t)(eq - s - 2) : strlen(s + 2)) : 0;
    const arg_option *o = is_long ? args_find(a, s + 2, n) : find_letter(a, s[1]);
    if (!o || (!is_long && o->kind == ARG_FLAG && s[2])) return unknown(a, s, n, diags);
    const char *text = NULL;
    if (o->kind != ARG_FLAG) {
        text = eq ? eq + 1 : !is_long && s[2] ? s + 2 : *i + 1 < argc ? argv[++*i] : NULL;
        if (!text) {
            diag_emit(diags, DIAG_ID_usage, DIAG_NOWHERE, "option '%s' wants a value", s);
            return false;
        }
    } else if (eq) {
        diag_emit(diags, DIAG_ID_usage, DIAG_NOWHERE, "option '%s' takes no value", s);
        return false;
    }
    vec_push(&a->given, (args_value){o, text});
    return text == NULL || args_check_value(a, o, text, diags);
}

static bool any_given(const args *a, const char *list) {
    for (size_t i = 0; i < a->given.count; i++)
        if (args_has_word(list, a->given.items[i].option->name)) return true;
    return false;
}

static bool check_together(const args *a, diag_sink *diags) {
    for (size_t i = 0; i < a->given.count; i++) {
        const arg_option *o = a->given.items[i].option;
        if (o->with && !any_given(a, o->with)) {
            diag_emit(diags, DIAG_ID_usage, DIAG_NOWHERE, "--%s has no effect without %s", o->name,
                      args_words(a->arena, o->with, "--", " or "));
            return false;
        }
        if (o->without && any_given(a, o->without)) {
            diag_emit(diags, DIAG_ID_usage, DIAG_NOWHERE, "--%s and %s exclude each other", o->name,
                      args_words(a->arena, o->without, "--", " or "));
            return false;
        }
    }
    return true;
}

static bool check_count(const args *a, int min, int max, diag_sink *diags) {
    int n = (int)a->positional.count;
    if (n >= min && (max < 0 || n <= max)) return true;
    if (n < min)
        diag_emit(diags, DIAG_ID_usage, DIAG_NOWHERE, "missing argument: %s", a->arguments);
    else
        diag_emit(diags, DIAG_ID_usage, DIAG_NOWHERE, "too many arguments: '%s'",
                  a->positional.items[max]);
    return false;
}

static bool parse(args *a, int argc, char **argv, diag_sink *diags) {
    bool only_arguments = false;
    for (int i = 0; i < argc; i++) {
        const char *s = argv[i];
        if (only_arguments || s[0] != '-' || strcmp(s, "-") == 0)
            vec_push(&a->positional, s);
        else if (strcmp(s, "--") == 0)
            only_arguments = true;
        else if (!take(a, argc, argv, &i, diags))
            return false;
    }
    return true;
}

static bool asks(int argc, char **argv, const char *what, const char *or_what) {
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], what) == 0 || strcmp(argv[i], or_what) == 0) return true;
    return false;
}

static args *args_new(arena *mem, int argc, const char *command, const char *arguments,
                      const arg_option *options, size_t n_options) {
    args *a = ARENA_NEW(mem, args);
    *a = (args){.arena = mem,
                .command = command,
                .arguments = arguments,
                .options = options,
                .n_options = n_options};
    a->given.items = ARENA_ARRAY(mem, args_value, argc + 1);
    a->positional.items = ARENA_ARRAY(mem, const char *, argc + 1);
    a->given.capacity = a->positional.capacity = (size_t)argc + 1;
    return a;
}

args *args_parse(arena *mem, int argc, char **argv, const char *command, const char *arguments,
                 const char *summary, const arg_option *options, size_t n_options, int min, int max,
                 int *exit_code) {
    args *a = args_new(mem, argc, command, arguments, options, n_options);
    a->json = asks(argc, argv, "--json", "--json");
    if (asks(argc, argv, "--help", "-h")) {
        (a->json ? args_help_json : args_help)(a, summary);
        *exit_code = EXIT_OK;
        return NULL;
    }
    a->json = a->json && args_find(a, "json", strlen("json"));
    diag_sink *diags = diag_sink_new();
    if (parse(a, argc, argv, diags) && check_count(a, min, max, diags) &&
        check_together(a, diags) && args_check_files(a, diags)) {
        diag_sink_free(diags);
        *exit_code = EXIT_OK;
        return a;
    }
    *exit_code = args_finish(a, diags);
    return NULL;
}

args *args_of_words(arena *mem, int argc, char **argv, const arg_option *options, size_t n_options,
                    diag_sink *diags) {
    args *a = args_new(mem, argc, "", "", options, n_options);
    return parse(a, argc, argv, diags) && check_together(a, diags) ? a : NULL;
}

// The last one given wins; NULL: not given. A name that is in no table is our own mistake.
static const char *last(const args *a, const char *name, bool *present) {
    CHECK(args_find(a, name, strlen(name)), "the command has no option --%s", name);
    const char *text = NULL;
    *present = false;
    for (size_t i = 0; i < a->given.count; i++) {
        if (strcmp(a->given.items[i].option->name, name) != 0) continue;
        text = a->given.items[i].text;
        *present = true;
    }
    return text;
}

bool args_given(const args *a, const char *name) {
    bool present;
    last(a, name, &present);
    return present;
}

bool args_flag(const args *a, const char *name) { return args_given(a, name); }

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

// ---- the end ---------------------------------------------------------------------------------

static json_t *finding(const diag *d) {
    static const char *const severities[] = {"note", "warning", "error", "internal error"};
    json_t *j = json_make("{s:s, s:s, s:o}", "severity", severities[d->severity], "id",
                          diag_id_name(d->id), "message", json_name(d->message));
    if (d->loc.file) json_put(j, "file", json_name(d->loc.file));
    if (d->loc.line > 0) json_put(j, "line", json_count((uint64_t)d->loc.line));
    if (d->loc.col > 0) json_put(j, "column", json_count((uint64_t)d->loc.col));
    if (d->loc.where) json_put(j, "where", json_name(d->loc.where));
    return j;
}

static void print_failure(int code, const diag_sink *diags) {
    json_t *list = json_array();
    for (size_t i = 0; i < diag_count(diags); i++) json_add(list, finding(diag_get(diags, i)));
    json_print(json_make("{s:i, s:o}", "exit_code", code, "diagnostics", list), 1, stdout);
}

static bool has_colour(void) {
    const char *plain = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(STDERR_FILENO) && !(plain && *plain) && !(term && strcmp(term, "dumb") == 0);
}

int args_finish(const args *a, diag_sink *diags) {
    int code = diag_errors(diags) ? EXIT_REJECTED : EXIT_OK;
    for (size_t i = 0; i < diag_count(diags); i++) {
        const diag *d = diag_get(diags, i);
        if (d->severity == DIAG_ERROR && d->id == DIAG_ID_usage) code = EXIT_USAGE;
    }
    if (diag_internals(diags)) code = EXIT_INTERNAL;
    diag_print(diags, 0, stderr, has_colour());
    if (code == EXIT_USAGE && a) {
        arena *own = arena_new();
        fprintf(stderr, "`ohmic %s --help` explains\n", name_text(own, a->command));
        arena_free(own);
    }
    if (code != EXIT_OK && a && a->json) print_failure(code, diags);
    diag_sink_free(diags);
    return code;
}
