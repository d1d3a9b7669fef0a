// Which sizes does a model leave open that its operators fix? Asked with a size that hardly any
// model has; whatever operator meets it says which one it takes.
#include "passes/tokens/bind/bind.h"
#include <string.h>

enum { ODD_SIZE = 1009, MOST_ROUNDS = 256 };

typedef struct {
    const bind_source *s;
    bind_role *role;
    bool **is_open; // by input and axis
} sizes;

static bool same_name(const char *a, const char *b) { return a && b && strcmp(a, b) == 0; }

// An axis has this size, and what has its name; how many were open.
static size_t settle(sizes *z, size_t input, int axis, int64_t size) {
    const char *name = z->s->inputs[input].dim[axis].name;
    size_t count = 0;
    for (size_t i = 0; i < z->s->n_inputs; i++)
        for (int k = 0; k < z->s->inputs[i].rank; k++) {
            bool is = (i == input && k == axis) || same_name(z->s->inputs[i].dim[k].name, name);
            if (!is || !z->is_open[i][k]) continue;
            z->is_open[i][k] = false;
            z->role[i].size[k] = size;
            count++;
        }
    return count;
}

static bool settle_wanted(sizes *z, const bind_size *w) {
    for (size_t i = 0; w->input && i < z->s->n_inputs; i++)
        if (strcmp(z->s->inputs[i].name, w->input) == 0) return settle(z, i, w->axis, w->size) > 0;
    return false;
}

static bool report(const sizes *z, diag_sink *diags) {
    bool ok = true;
    for (size_t i = 0; i < z->s->n_inputs; i++)
        for (int k = 0; k < z->s->inputs[i].rank; k++) {
            const bind_port *p = &z->s->inputs[i];
            const char *name = p->dim[k].name;
            if (!z->is_open[i][k]) continue;
            diag_emit(diags, DIAG_ID_tok_role, DIAG_AT(NULL, p->name),
                      "cannot tell what dimension %d%s%s%s of input '%s' counts: give its size "
                      "(--bind %s=N) "
                      "or what it counts (--axis %s:%d=tokens)",
                      k, name ? " ('" : "", name ? name : "", name ? "')" : "", p->name,
                      name ? name : "NAME", p->name, k);
            ok = false;
        }
    return ok;
}

bool bind_sizes(arena *a, const bind_source *s, bind_role *role,
                bool (*ask)(void *ctx, bind_size *wanted, bool *is_read), void *ctx,
                diag_sink *diags) {
    sizes z = {s, role, ARENA_ARRAY(a, bool *, s->n_inputs + 1)};
    bool any = false;
    for (size_t i = 0; i < s->n_inputs; i++) {
        z.is_open[i] = ARENA_ARRAY(a, bool, s->inputs[i].rank + 1);
        for (int k = 0; k < s->inputs[i].rank; k++) {
            if (role[i].size[k] >= 0 || strcmp(role[i].axis[k], "fixed")) continue;
            any = z.is_open[i][k] = true;
            role[i].size[k] = ODD_SIZE;
        }
    }
    bool *is_read = ARENA_ARRAY(a, bool, s->n_inputs + 1), imports = false;
    bind_size wanted = {0};
    for (int round = 0; any && round < MOST_ROUNDS; round++) {
        imports = ask(ctx, &wanted, is_read);
        if (!settle_wanted(&z, &wanted)) break;
    }
    for (size_t i = 0; imports && i < s->n_inputs; i++)
        for (int k = 0; k < s->inputs[i].rank; k++)
            if (z.is_open[i][k] && !is_read[i]) settle(&z, i, k, 1);
    return report(&z, diags);
}
