// Which instructions are meant, and what they gave; see trace.h.
#include "host/trace.h"
#include "support/file/file.h"
#include "support/name.h"
#include "support/spell.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    uint32_t tile, phase, pc;
    tensor rows; // [all steps][width]
    int64_t capacity;
} traced;

struct trace {
    const isa_program *p;
    sim *sim;
    arena *a;
    const char *file; // NULL: print
    traced *items;
    size_t count;
};

// ---- what is meant ---------------------------------------------------------------------------

// Number of the operation that defines %name in the function of a phase, as lines count: the text
// has one a line, and the functions in the order of phases. UINT32_MAX: none.
static uint32_t op_of_value(const char *ir, const char *name, uint32_t phase) {
    uint32_t index = 0, funcs = 0;
    size_t n = strlen(name);
    bool inside = false;
    for (const char *line = ir, *next; line; line = next) {
        next = strchr(line, '\n');
        if (next) next++;
        if (strncmp(line, "func ", 5) == 0) inside = funcs++ == phase, index = 0;
        if (!inside || strncmp(line, "  ", 2) != 0) continue;
        const char *end = strchr(line, '\n'), *eq = strstr(line, " = ");
        for (const char *at = line; eq && (!end || eq < end) && at && at < eq;) {
            at = strstr(at, name);
            if (!at || at >= eq) break;
            if (at[n] == ' ' || at[n] == ',') return index;
            at++;
        }
        index++;
    }
    return UINT32_MAX;
}

// Is `node` one of the names, which newlines separate?
static bool is_node(const char *names, const char *node) {
    size_t n = strlen(node);
    for (const char *at = names;; at++) {
        if (strncmp(at, node, n) == 0 && (at[n] == 0 || at[n] == '\n')) return true;
        at = strchr(at, '\n');
        if (!at) return false;
    }
}

static bool parse_place(const char *what, uint32_t *tile, uint32_t *pc) {
    char *end;
    unsigned long t = strtoul(what, &end, 10), i;
    if (end == what || *end != ':') return false;
    const char *second = end + 1;
    i = strtoul(second, &end, 10);
    *tile = (uint32_t)t;
    *pc = (uint32_t)i;
    return end != second && !*end;
}

static void select_insns(trace *t, const char *what) {
    const isa_program *p = t->p;
    uint32_t tile = 0, pc = 0, op[ISA_MAX_PHASES];
    bool place = parse_place(what, &tile, &pc);
    for (uint32_t k = 0; k < p->n_phases; k++)
        op[k] = !place && what[0] == '%' ? op_of_value(p->ir, what, k) : UINT32_MAX;
    size_t total = 0;
    for (uint32_t i = 0; i < p->n_tiles; i++)
        for (uint32_t k = 0; k < p->n_phases; k++) total += p->tiles[i].phase[k].count;
    t->items = ARENA_ARRAY(t->a, traced, total + 1);
    for (uint32_t i = 0; i < p->n_tiles; i++)
        for (uint32_t k = 0; k < p->n_phases; k++)
            for (uint32_t n = 0; n < p->tiles[i].phase[k].count; n++) {
                const isa_line *line = &p->tiles[i].phase[k].lines[n];
                bool meant = place            ? i == tile && n == pc
                             : what[0] == '%' ? op[k] != UINT32_MAX && line->ir_op == op[k]
                                              : is_node(isa_str(p, line->node), what);
                if (meant) t->items[t->count++] = (traced){.tile = i, .phase = k, .pc = n};
            }
}

// ---- what it gives ---------------------------------------------------------------------------

static void observe(void *ctx, uint32_t tile, uint32_t phase, uint32_t pc, const tensor *value) {
    trace *t = ctx;
    for (size_t i = 0; i < t->count; i++) {
        traced *x = &t->items[i];
        if (x->tile != tile || x->phase != phase || x->pc != pc) continue;
        int64_t n = x->rows.rank ? x->rows.dim[0] : 0, add = value->dim[0], width = value->dim[1];
        if (n + add > x->capacity) {
            x->capacity = 2 * (n + add);
            tensor more = tensor_new(t->a, value->type, 2, (int64_t[]){x->capacity, width});
            if (n) memcpy(more.data, x->rows.data, (size_t)(n * width) * 4);
            x->rows = more;
        }
        memcpy((char *)x->rows.data + n * width * 4, value->data, (size_t)(add * width) * 4);
        x->rows.dim[0] = n + add;
    }
}

// The node that was meant, if any is near.
static const char *nearest_node(const isa_program *p, const char *what, arena *a) {
    spell_nearest near = spell_start(what, strlen(what));
    for (uint32_t i = 0; i < p->n_tiles; i++)
        for (uint32_t k = 0; k < p->n_phases; k++)
            for (uint32_t n = 0; n < p->tiles[i].phase[k].count; n++) {
                const char *at = isa_str(p, p->tiles[i].phase[k].lines[n].node);
                while (*at) { // several names, with newlines between them
                    size_t length = strcspn(at, "\n");
                    spell_try(&near, arena_strn(a, at, length));
                    at += length + (at[length] == '\n');
                }
            }
    return near.best;
}

trace *trace_open(const isa_program *p, sim *s, const char *what, arena *a, diag_sink *diags) {
    trace *t = ARENA_NEW(a, trace);
    *t = (trace){.p = p, .sim = s, .a = a};
    const char *eq = strrchr(what, '=');
    if (eq && eq[1]) {
        t->file = eq + 1;
        what = arena_strn(a, what, (size_t)(eq - what));
    }
    select_insns(t, what);
    if (!t->count) {
        const char *near = nearest_node(p, what, a);
        diag_emit(diags, DIAG_ID_usage, DIAG_NOWHERE,
                  "nothing to trace: '%s' is no instruction (TILE:PC), IR value (%%NAME) or ONNX "
                  "node of the program%s%s%s; `ohmic nm` and `ohmic dis` list them",
                  what, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
        return NULL;
    }
    sim_observe(s, observe, t);
    return t;
}

static const char *title(const trace *t, const traced *x) {
    const isa_insn *i = &t->p->tiles[x->tile].phase[x->phase].code[x->pc];
    return arena_printf(t->a, "%s.%" PRIu32 ".%" PRIu32 ".%s", t->p->phases[x->phase].name, x->tile,
                        x->pc, isa_info_of(i->op)->mnemonic);
}

static void print(const trace *t, const traced *x, FILE *out) {
    const isa_line *line = &t->p->tiles[x->tile].phase[x->phase].lines[x->pc];
    char *node = arena_str(t->a, isa_str(t->p, line->node));
    for (char *c = node; *c; c++)
        if (*c == '\n') *c = ' ';
    fprintf(out, "%s %s  %s\n", name_text(t->a, title(t, x)), tensor_shape_text(t->a, &x->rows),
            name_text(t->a, node));
    for (int64_t r = 0; r < x->rows.dim[0]; r++) {
        for (int64_t c = 0; c < x->rows.dim[1]; c++)
            fprintf(out, " %.9g",
                    elem_load_f64(x->rows.type, x->rows.data, (size_t)(r * x->rows.dim[1] + c)));
        fputc('\n', out);
    }
}

bool trace_close(trace *t, FILE *out, diag_sink *diags) {
    sim_observe(t->sim, NULL, NULL);
    tensor_set set = {ARENA_ARRAY(t->a, tensor_named, t->count + 1), 0};
    for (size_t i = 0; i < t->count; i++) {
        const traced *x = &t->items[i];
        if (!x->rows.rank) continue; // sends and writes have no destination
        if (!t->file) print(t, x, out);
        set.items[set.count++] = (tensor_named){title(t, x), x->rows};
    }
    if (!set.count) {
        diag_emit(diags, DIAG_ID_trace_name, DIAG_NOWHERE, "what was traced gave no values");
        return false;
    }
    if (!t->file) return true;
    if (set.count == 1 && !file_ends_in(t->file, ".npz"))
        return npy_write(t->file, &set.items[0].value, diags);
    return npz_write(t->file, &set, diags);
}
