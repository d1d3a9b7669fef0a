// --help, for people and as JSON.
#include "cli/args/internal.h"
#include "cli/commands.h"
#include "support/file/json.h"
#include <string.h>

static const char *const kinds[ARG_KINDS] = {
#define ARG_KIND(id, wanted) #id,
#include "cli/args/kinds.def"
};

void args_help(const args *a, const char *summary) {
    printf("usage: ohmic %s [OPTION...] %s\n\n%s\n\n", a->command, a->arguments, summary);
    for (size_t i = 0; i < a->n_options; i++) {
        char left[80];
        const arg_option *o = &a->options[i];
        snprintf(left, sizeof left, "%s%c%s--%s%s%s", o->letter ? "-" : " ",
                 o->letter ? o->letter : ' ', o->letter ? ", " : "  ", o->name, o->value ? " " : "",
                 o->value ? o->value : "");
        if (strlen(left) > 30) {
            printf("  %s\n", left);
            left[0] = 0;
        }
        printf("  %-30s %s\n", left, o->summary);
    }
    printf("  %-30s %s\n", "-h, --help", "this text; with --json as JSON");
}

static json_t *list(const char *words) {
    json_t *out = json_array();
    size_t n;
    ARGS_EACH_WORD(words, word, n) json_add(out, json_stringn(word, n));
    return out;
}

void args_help_json(const args *a, const char *summary) {
    json_t *options = json_array();
    for (size_t i = 0; i < a->n_options; i++) {
        const arg_option *o = &a->options[i];
        char letter[] = {o->letter, 0};
        json_add(options,
                 json_make("{s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:b}", "name", o->name,
                           "letter", letter, "kind", kinds[o->kind], "value",
                           o->value ? o->value : "", "summary", o->summary, "takes", list(o->takes),
                           "with", list(o->with), "without", list(o->without), "many", o->many));
    }
    json_print(json_make("{s:s, s:s, s:s, s:o, s:o}", "command", a->command, "arguments",
                         a->arguments, "summary", summary, "takes",
                         list(commands_takes(a->command)), "options", options),
               1, stdout);
}
