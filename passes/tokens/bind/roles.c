// What does each input count, and what are its values? From the names of free dimensions and
// inputs, from element types and ranks; options have the last word. What cannot be told is
// reported.
#include "passes/tokens/bind/bind.h"
#include "support/spell.h"
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool has(const char *name, const char *word) {
    char low[128];
    size_t n = 0;
    for (; name && name[n] && n + 1 < sizeof low; n++)
        low[n] = (char)tolower((unsigned char)name[n]);
    low[n] = 0;
    return strstr(low, word) != NULL;
}

// What the name of a free dimension says; NULL: nothing.
static const char *kind_of_name(const char *name) {
    if (!name) return NULL;
    bool past = has(name, "past"),
         sequence = has(name, "seq") || has(name, "token") || has(name, "len");
    if (has(name, "batch")) return "batch";
    if (past && strchr(name, '+')) return "total";
    if (has(name, "total")) return "total";
    if (past) return "past";
    if (sequence) return "tokens";
    return NULL;
}

static const char *role_of(const bind_port *p, const bind_options *o) {
    for (size_t i = 0; i < o->o->n_roles; i++) {
        if (strcmp(o->o->roles[i].input, p->name)) continue;
        return strcmp(o->o->roles[i].role, "ids") == 0 ? "tokens" : o->o->roles[i].role;
    }
    bool is_float = elem_is_float(p->type);
    if (has(p->name, "past") && p->rank >= 3) return "past";
    for (int k = 0; is_float && p->rank == 4 && k < p->rank; k++) // keys, values of whatever name
        if (p->dim[k].size < 0 && has(p->dim[k].name, "past")) return "past";
    if (has(p->name, "mask") && (!is_float || p->rank == 2)) return "mask";
    if (!is_float && has(p->name, "position")) return "positions";
    return p->rank == 0 ? "fixed" : "tokens";
}

static const pass_axis_role *asked_axis(const bind_port *p, int axis, const bind_options *o) {
    for (size_t i = 0; i < o->o->n_axes; i++)
        if (o->o->axes[i].axis == axis && strcmp(o->o->axes[i].input, p->name) == 0)
            return &o->o->axes[i];
    return NULL;
}

// A size given for a named dimension; -1: none.
static int64_t bound_size(const char *name, const bind_options *o) {
    for (size_t i = 0; name && i < o->n_values; i++)
        if (strcmp(o->values[i].name, name) == 0) return strtoll(o->values[i].value, NULL, 10);
    return -1;
}

// By rank and type alone: [batch, tokens, features...] and [batch, heads, past, width].
static const char *kind_by_place(const bind_port *p, const char *role, int axis, bool is_free) {
    bool is_float = elem_is_float(p->type);
    if (strcmp(role, "past") == 0) {
        bool named = false; // another axis says that it is the past
        for (int k = 0; k < p->rank; k++) named |= k != axis && has(p->dim[k].name, "past");
        return axis == 0 ? "batch" : is_free && !named ? "past" : "fixed";
    }
    if (strcmp(role, "fixed") == 0) return "fixed";
    if (p->rank == 1) return is_float ? "fixed" : "tokens";
    if (axis == 0) return "batch";
    if (p->rank == 4 && !is_float && p->type != ELEM_u8) return "tokens"; // u8: an image
    if (p->rank <= 3 && axis == 1) return "tokens";
    return "fixed";
}

// Chooses between a branch that begins a text and one that goes on behind a cache: exporters merge
// two decoders so.
static bool is_cache_branch(const bind_port *p) {
    bool one = p->rank == 0 || (p->rank == 1 && (p->dim[0].size == 1 || p->dim[0].size < 0));
    return p->type == ELEM_bool && one && has(p->name, "use_cache");
}

static void fill(const bind_port *p, bind_role *r, const bind_options *o) {
    r->role = role_of(p, o);
    r->is_bound = r->is_branch = false;
    r->value = NULL;
    for (size_t i = 0; i < o->n_values; i++) {
        if (strcmp(o->values[i].name, p->name) != 0) continue;
        r->is_bound = true;
        r->value = o->values[i].value;
    }
    if (is_cache_branch(p)) {
        r->role = "fixed";
        if (!r->is_bound) r->value = "0";
        r->is_branch = strtod(r->value, NULL) == 0;
        r->is_bound = true;
    }
    for (int k = 0; k < p->rank; k++) {
        const bind_dim *d = &p->dim[k];
        bool is_free = d->size < 0;
        int64_t given = is_free ? bound_size(d->name, o) : d->size;
        const pass_axis_role *asked = asked_axis(p, k, o);
        const char *named = is_free ? kind_of_name(d->name) : NULL;
        const char *kind = asked   ? asked->role
                           : named ? named
                                   : kind_by_place(p, r->role, k, is_free);
        r->asked[k] = asked ? asked->domain : NULL;
        if (strcmp(r->role, "past") == 0 && strcmp(kind, "tokens") == 0) kind = "past";
        if (strcmp(r->role, "mask") == 0 && strcmp(kind, "past") == 0) kind = "total";
        r->axis[k] = kind;
        r->size[k] = given;
        if (!is_free || given >= 0) {
            // A fixed size is a fact, whatever it counts.
            if (strcmp(kind, "past") == 0 || strcmp(kind, "total") == 0) r->axis[k] = "fixed";
            continue;
        }
        if (strcmp(kind, "batch") == 0) r->size[k] = 1;
    }
}

// ---- what the options name exists ------------------------------------------------------------

typedef struct {
    arena *a;
    spell_nearest near;
    const char *all; // names with commas between
} name_list;

static void list_name(name_list *l, const char *name) {
    spell_try(&l->near, name);
    l->all = arena_printf(l->a, "%s%s'%s'", l->all, *l->all ? ", " : "", name);
}

static const char *list_end(const name_list *l) {
    return l->near.best ? arena_printf(l->a, "%s; did you mean '%s'?", l->all, l->near.best)
                        : l->all;
}

static const bind_port *input_of(const bind_source *s, const char *name) {
    for (size_t i = 0; i < s->n_inputs; i++)
        if (strcmp(s->inputs[i].name, name) == 0) return &s->inputs[i];
    return NULL;
}

static bool is_dimension(const bind_source *s, const char *name) {
    for (size_t i = 0; i < s->n_inputs; i++)
        for (int k = 0; k < s->inputs[i].rank; k++) {
            const bind_dim *d = &s->inputs[i].dim[k];
            if (d->size < 0 && d->name && strcmp(d->name, name) == 0) return true;
        }
    return false;
}

static bool unknown_name(arena *a, const bind_source *s, const char *name, diag_sink *diags) {
    name_list l = {a, spell_start(name, strlen(name)), ""};
    for (size_t i = 0; i < s->n_inputs; i++) {
        list_name(&l, s->inputs[i].name);
        for (int k = 0; k < s->inputs[i].rank; k++) {
            const bind_dim *d = &s->inputs[i].dim[k];
            if (d->size < 0 && d->name && !strstr(l.all, arena_printf(a, "'%s'", d->name)))
                list_name(&l, d->name);
        }
    }
    diag_emit(diags, DIAG_ID_usage, DIAG_NOWHERE,
              "--bind: the model has no input or free dimension '%s'; it has %s", name,
              list_end(&l));
    return false;
}

static bool check_value(arena *a, const bind_source *s, const bind_value *v, diag_sink *diags) {
    bool dimension = is_dimension(s, v->name), input = input_of(s, v->name) != NULL;
    if (!dimension && !input) return unknown_name(a, s, v->name, diags);
    char *end;
    errno = 0;
    long long size = strtoll(v->value, &end, 10);
    bool whole =
        isdigit((unsigned char)v->value[0]) && !*end && !errno && size > 0 && size <= INT32_MAX;
    if (dimension && !whole) {
        diag_emit(diags, DIAG_ID_usage, DIAG_NOWHERE,
                  "--bind %s: the size of a dimension is a whole number, 1 ... %d, found '%s'",
                  v->name, INT32_MAX, v->value);
        return false;
    }
    double number = strtod(v->value, &end);
    bool value =
        (end != v->value && !*end && isfinite(number)) || strcmp(v->value, "positions") == 0;
    if (!dimension && !value)
        diag_emit(diags, DIAG_ID_usage, DIAG_NOWHERE,
                  "--bind %s: the value of an input is a number for every element, or positions, "
                  "found '%s'",
                  v->name, v->value);
    const bind_port *p = input_of(s, v->name);
    const bool branch = !dimension && value && is_cache_branch(p), counts = end != v->value;
    if (!branch || (counts && (number == 0 || number == 1))) return dimension || value;
    diag_emit(diags, DIAG_ID_usage, DIAG_NOWHERE,
              "--bind %s: it chooses between two branches: 0 begins a text, 1 goes on behind "
              "caches, found '%s'",
              v->name, v->value);
    return false;
}

static bool check_axis(arena *a, const bind_source *s, const pass_axis_role *x, diag_sink *diags) {
    const bind_port *p = input_of(s, x->input);
    if (!p) {
        name_list l = {a, spell_start(x->input, strlen(x->input)), ""};
        for (size_t i = 0; i < s->n_inputs; i++) list_name(&l, s->inputs[i].name);
        diag_emit(diags, DIAG_ID_usage, DIAG_NOWHERE,
                  "--axis: the model has no input '%s'; it has %s", x->input, list_end(&l));
        return false;
    }
    if (x->axis >= 0 && x->axis < p->rank) return true;
    diag_emit(diags, DIAG_ID_usage, DIAG_NOWHERE, "--axis: input '%s' has no axis %d: it has %d%s",
              x->input, x->axis, p->rank, p->rank ? ", from 0 on" : "");
    return false;
}

// Can an input of that type be that?
static bool check_type(const bind_port *p, const pass_input_role *x, diag_sink *diags) {
    const bool is_float = elem_is_float(p->type);
    const char *wanted = NULL;
    if (strcmp(x->role, "past") == 0 && !(is_float && p->rank >= 3))
        wanted = "keys or values are floats of three axes or more";
    else if (strcmp(x->role, "positions") == 0 && is_float)
        wanted = "positions are whole numbers";
    if (!wanted) return true;
    diag_emit(diags, DIAG_ID_usage, DIAG_NOWHERE, "--role %s=%s: %s, the input is %s of %d ax%ss",
              x->input, x->role, wanted, elem_name(p->type), p->rank, p->rank == 1 ? "i" : "e");
    return false;
}

static bool check_role(arena *a, const bind_source *s, const pass_input_role *x, diag_sink *diags) {
    const bind_port *p = input_of(s, x->input);
    if (p) return check_type(p, x, diags);
    name_list l = {a, spell_start(x->input, strlen(x->input)), ""};
    for (size_t i = 0; i < s->n_inputs; i++) list_name(&l, s->inputs[i].name);
    diag_emit(diags, DIAG_ID_usage, DIAG_NOWHERE, "--role: the model has no input '%s'; it has %s",
              x->input, list_end(&l));
    return false;
}

static bool check_names(arena *a, const bind_source *s, const bind_options *o, diag_sink *diags) {
    bool ok = true;
    for (size_t i = 0; i < o->n_values; i++) ok = check_value(a, s, &o->values[i], diags) && ok;
    for (size_t i = 0; i < o->o->n_roles; i++) ok = check_role(a, s, &o->o->roles[i], diags) && ok;
    for (size_t i = 0; i < o->o->n_axes; i++) ok = check_axis(a, s, &o->o->axes[i], diags) && ok;
    return ok;
}

// A role that makes something else of the only input of ids or values leaves nothing to compute
// with.
static bool check_left(const bind_source *s, const bind_role *r, const bind_options *o,
                       diag_sink *diags) {
    for (size_t i = 0; i < s->n_inputs; i++)
        if (strcmp(r[i].role, "tokens") == 0 && !r[i].is_bound) return true;
    for (size_t i = 0; i < o->o->n_roles; i++) {
        const pass_input_role *x = &o->o->roles[i];
        if (strcmp(x->role, "fixed") == 0) continue;
        diag_emit(diags, DIAG_ID_usage, DIAG_NOWHERE,
                  "--role %s=%s: no input is left that gives the model ids or values", x->input,
                  x->role);
        return false;
    }
    return true;
}

// ---- the whole -------------------------------------------------------------------------------

bind_role *bind_roles(arena *a, const bind_source *s, const bind_options *o, diag_sink *diags) {
    bind_role *r = ARENA_ARRAY(a, bind_role, s->n_inputs + 1);
    bool has_past = false;
    if (!check_names(a, s, o, diags)) return NULL;
    const char *tokens = NULL; // name of the dimension that ids have
    for (size_t i = 0; i < s->n_inputs; i++) {
        fill(&s->inputs[i], &r[i], o);
        for (int k = 0; k < s->inputs[i].rank; k++) {
            has_past |= strcmp(r[i].axis[k], "past") == 0;
            if (!tokens && strcmp(r[i].role, "tokens") == 0 && strcmp(r[i].axis[k], "tokens") == 0)
                tokens = s->inputs[i].dim[k].name;
        }
    }
    if (!check_left(s, r, o, diags)) return NULL;
    // Beside a cache, a mask whose length has another name than the ids' covers the past too.
    for (size_t i = 0; i < s->n_inputs; i++)
        for (int k = 0; has_past && k < s->inputs[i].rank; k++) {
            const char *name = s->inputs[i].dim[k].name;
            if (strcmp(r[i].role, "mask") || strcmp(r[i].axis[k], "tokens") || r[i].size[k] >= 0)
                continue;
            bool encoders = has(s->inputs[i].name, "encoder") || has(name, "encoder");
            if (encoders && !has(s->inputs[i].name, "decoder") && !has(name, "decoder")) continue;
            if (!name || !tokens || strcmp(name, tokens)) r[i].axis[k] = "total";
        }
    if (!has_past)
        for (size_t i = 0; i < s->n_inputs; i++)
            for (int k = 0; k < s->inputs[i].rank; k++)
                if (strcmp(r[i].axis[k], "total") == 0) r[i].axis[k] = "tokens";
    return r;
}
