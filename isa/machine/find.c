// Where chip files are: $OHMIC_CHIPS, beside the installed command, the source tree, the prefix.
#include "isa/machine/machine.h"
#include "support/file/file.h"
#include "support/spell.h"
#include "support/vec.h"
#include <unistd.h>

typedef VEC(const char *) strings;

// <prefix>/share/ohmic/chips of a command in <prefix>/bin.
static const char *folder_of_command(arena *a) {
    char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    if (n <= 0) return NULL;
    path[n] = 0;
    char *name = (char *)file_base(path);
    if (name - path < 2) return NULL;
    name[-1] = 0;
    char *bin = (char *)file_base(path);
    *bin = 0;
    return arena_printf(a, "%sshare/ohmic/chips", path);
}

static strings folders(arena *a) {
    strings list = {0};
    for (const char *env = getenv("OHMIC_CHIPS"); env && *env;) {
        size_t n = strcspn(env, ":");
        if (n > 0) vec_push(&list, arena_strn(a, env, n));
        env += n + (env[n] == ':');
    }
    const char *own = folder_of_command(a);
    if (own) vec_push(&list, own);
    vec_push(&list, OHMIC_SOURCE_CHIPS);
    vec_push(&list, OHMIC_INSTALL_CHIPS);
    return list;
}

static bool ends_in_yaml(const char *s) {
    size_t n = strlen(s);
    return n > 5 && strcmp(s + n - 5, ".yaml") == 0;
}

static int by_name(const void *x, const void *y) {
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

const char **machine_list(arena *a, size_t *n) {
    strings list = folders(a), names = {0};
    for (size_t i = 0; i < list.count; i++) {
        size_t n_files;
        const char **files = file_list(a, list.items[i], &n_files);
        for (size_t k = 0; k < n_files; k++)
            if (ends_in_yaml(files[k]))
                vec_push(&names, arena_strn(a, files[k], strlen(files[k]) - 5));
    }
    if (names.count) qsort(names.items, names.count, sizeof *names.items, by_name);
    size_t kept = 0;
    for (size_t i = 0; i < names.count; i++)
        if (kept == 0 || strcmp(names.items[kept - 1], names.items[i]) != 0)
            names.items[kept++] = names.items[i];
    const char **result = arena_copy(a, names.items, kept * sizeof *names.items);
    *n = kept;
    vec_free(&names);
    vec_free(&list);
    return result;
}

static const char *find_chip(arena *a, const char *chip, diag_sink *diags) {
    if (strchr(chip, '/') || ends_in_yaml(chip) || strcmp(chip, "-") == 0) return chip;
    strings list = folders(a);
    const char *found = NULL;
    for (size_t i = 0; !found && i < list.count; i++) {
        const char *path = file_join(a, list.items[i], arena_printf(a, "%s.yaml", chip));
        if (file_exists(path)) found = path;
    }
    vec_free(&list);
    if (found) return found;
    size_t n;
    const char **names = machine_list(a, &n);
    spell_nearest near = spell_start(chip, strlen(chip));
    const char *all = "";
    for (size_t i = 0; i < n; i++) {
        spell_try(&near, names[i]);
        all = arena_printf(a, "%s%s%s", all, i ? ", " : "", names[i]);
    }
    diag_emit(diags, DIAG_ID_usage, DIAG_NOWHERE, "no chip '%s'; there are: %s%s%s%s", chip,
              *all ? all : "none", near.best ? "; did you mean '" : "", near.best ? near.best : "",
              near.best ? "'?" : "");
    return NULL;
}

machine *machine_load(arena *a, const char *chip, const char *const *sets, size_t n,
                      diag_sink *diags) {
    const char *path = find_chip(a, chip, diags);
    file_map f;
    if (!path || !file_map_open(&f, path, diags)) return NULL;
    machine *m = machine_parse(a, (const char *)f.data, f.bytes, arena_str(a, f.name), diags);
    file_map_close(&f);
    bool ok = m != NULL;
    for (size_t i = 0; ok && i < n; i++) ok = machine_set(a, m, sets[i], diags);
    return ok && (n == 0 || machine_check(m, path, diags)) ? m : NULL;
}
