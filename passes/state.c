// What a module is: read from the pass that made it, and checked as far as a module shows it.
#include "ir/mapped.h"
#include "ir/text/text.h"
#include "ir/verify/verify.h"
#include "passes/pass.h"
#include <string.h>

static const struct {
    const char *name;
    pass_state until;
    ir_stage stage;
} states[PASS_STATES] = {
#define STATE(name, until, stage, summary) {#name, PASS_STATE_##until, IR_##stage},
#include "passes/states.def"
};

const char *pass_state_name(pass_state s) { return states[s].name; }

const char *pass_needs_name(pass_needs n) { return n == PASS_NEEDS_any ? "any" : states[n].name; }

const char *pass_gives_name(pass_gives g) { return g == PASS_GIVES_same ? "same" : states[g].name; }

bool pass_may_run(const pass_info *p, pass_state s) {
    if (p->needs == PASS_NEEDS_any) return true;
    return s >= (pass_state)p->needs && s <= states[p->needs].until;
}

// False: no pass is called so.
static bool maker_of(const ir_module *m, int *last) {
    const char *after = ir_attr_str(&m->attrs, IR_ATTR_after, NULL);
    pass_id id;
    *last = -1;
    if (!after) return true;
    if (!pass_parse(after, &id)) return false;
    *last = (int)id;
    return true;
}

int pass_last(const ir_module *m) {
    int last;
    return maker_of(m, &last) ? last : -1;
}

// After the pass of the table; -1: before the first.
static pass_state state_after(int id) {
    for (int i = id; i >= 0; i--)
        if (pass_table[i].gives != PASS_GIVES_same) return (pass_state)pass_table[i].gives;
    return PASS_STATE_plain;
}

pass_state pass_state_of(const ir_module *m) { return state_after(pass_last(m)); }

void pass_made(ir_module *m, const pass_info *by) {
    pass_id id;
    if (!pass_parse(by->name, &id)) return; // one that no table lists
    const bool earlier = (int)id < pass_last(m), elsewhere = state_after(id) != pass_state_of(m);
    if (by->gives == PASS_GIVES_same && (earlier || elsewhere)) return;
    ir_attr_set_str(m->arena, &m->attrs, IR_ATTR_after, by->name);
}

// ---- what a module shows ---------------------------------------------------------------------

typedef struct {
    const ir_module *m;
    const char *file;
    diag_sink *diags;
    pass_state state; // what it says
    arena *a;
} reader;

// The module is not `state`. False, always.
static bool lies(reader *r, const ir_func *f, const ir_op *op, pass_state state, const char *why) {
    diag_loc loc = {.file = r->file, .line = op ? op->line : f ? f->line : 0};
    if (op) loc.col = op->col, loc.end_col = op->end_col;
    if (f && loc.line <= 0) loc.where = arena_printf(r->a, "@%s", f->name);
    const char *after = ir_attr_str(&r->m->attrs, IR_ATTR_after, NULL);
    const char *said = after ? arena_printf(r->a, "after = \"%s\"", after) : "without 'after'";
    diag_emit(r->diags, DIAG_ID_pass_state, loc,
              "%s: the module is not '%s', as one %s is; 'after' must name the last pass that it "
              "went through",
              why, states[state].name, said);
    return false;
}

static bool wrong_op(reader *r, const ir_func *f, const ir_op *op, pass_state state,
                     const char *why) {
    return lies(r, f, op, state, arena_printf(r->a, "'%s' %s", ir_ops[op->code].name, why));
}

static bool has_rows(const ir_func *f) {
    for (size_t v = 1; v < f->values.count; v++)
        if (ir_type_domain(&f->values.items[v].type) >= 0) return true;
    return false;
}

// Each: false when the function shows that the module is not so; then reported.
static bool may_be_plain(reader *r, const ir_func *f) {
    return !has_rows(f) || lies(r, f, NULL, PASS_STATE_plain,
                                arena_printf(r->a, "'@%s' has rows of a token domain", f->name));
}

static bool may_be_tokens(reader *r, const ir_func *f) {
    return has_rows(f) || lies(r, f, NULL, PASS_STATE_tokens,
                               arena_printf(r->a, "'@%s' has no rows of a token domain", f->name));
}

static bool may_be_blocks(reader *r, const ir_func *f) {
    for (size_t i = 0; i < f->ops.count; i++) {
        const ir_op *op = &f->ops.items[i];
        if (op->code == IR_nn_linear && ir_const_of(r->m, f, op->operand[1]))
            return wrong_op(r, f, op, PASS_STATE_blocks, "has constant weights and is no block");
    }
    return true;
}

static bool may_be_rings(reader *r, const ir_func *f) {
    for (size_t i = 0; i < f->ops.count; i++) {
        const ir_op *op = &f->ops.items[i];
        if (op->code == IR_nn_attn || op->code == IR_nn_scores)
            return wrong_op(r, f, op, PASS_STATE_rings, "is no write or read of a ring");
    }
    return true;
}

static bool may_be_phases(reader *r, const ir_func *f) {
    int first = -1;
    for (size_t i = 0; i < f->params.count; i++) {
        int d = ir_domain_root(r->m, ir_type_domain(ir_type_of(f, f->params.items[i].value)));
        if (!ir_domain_is(r->m, d, IR_DOMAIN_FREE)) continue;
        if (first >= 0 && d != first)
            return lies(r, f, NULL, PASS_STATE_phases,
                        arena_printf(r->a, "'@%s' takes rows of t%d and t%d", f->name, first, d));
        first = d;
    }
    return true;
}

static bool may_be_mapped(reader *r, const ir_func *f) {
    for (size_t i = 0; i < f->ops.count; i++) {
        const ir_op *op = &f->ops.items[i];
        if (!strchr(ir_ops[op->code].stages, 'M'))
            return wrong_op(r, f, op, PASS_STATE_mapped, "is no operation of a unit");
        for (uint32_t k = 0; k < op->n_operands; k++)
            if (op->operand[k] != IR_NONE && !ir_def(f, op->operand[k]))
                return wrong_op(r, f, op, PASS_STATE_mapped, "reads an input that is not taken in");
    }
    return true;
}

// Outputs are values until operations write them.
static bool outputs_fit(reader *r, const ir_func *f) {
    const bool mapped = r->state >= PASS_STATE_mapped;
    for (size_t i = 0; i < f->results.count; i++) {
        const ir_port *p = &f->results.items[i];
        if ((p->value == IR_NONE) != mapped)
            return lies(r, f, NULL, r->state,
                        arena_printf(r->a, "output \"%s\" is %s", p->name ? p->name : "",
                                     mapped ? "a value" : "written by operations"));
    }
    return true;
}

// The verifier has seen to it: the stage asks for tiles.
static bool may_be_placed(reader *r, const ir_func *f) {
    (void)r;
    (void)f;
    return true;
}

static int64_t tile_of(const ir_op *op) { return ir_attr_int(&op->attrs, IR_ATTR_tile, 0); }

static bool may_be_scheduled(reader *r, const ir_func *f) {
    for (size_t i = 0; i < f->ops.count; i++) {
        const ir_op *op = &f->ops.items[i];
        if (ir_kind_of(op->code) == IR_KIND_LINK && !ir_attr_has(&op->attrs, IR_ATTR_channel))
            return wrong_op(r, f, op, PASS_STATE_scheduled, "has no channel");
        for (uint32_t k = 0; k < op->n_operands; k++) {
            const ir_op *def = ir_def(f, op->operand[k]);
            if (!def || def->code == IR_t_const || def->code == IR_net_send) continue;
            if (tile_of(def) != tile_of(op))
                return wrong_op(r, f, op, PASS_STATE_scheduled,
                                "reads what another tile made without receiving it");
        }
    }
    return true;
}

// Where a value lies: in the row of `root`, from column `col` on. root IR_NONE: nowhere.
typedef struct {
    ir_val root;
    int64_t col;
} place;

static place place_of(const ir_func *f, const ir_op *op, ir_val v, const place *places,
                      const map *names) {
    const ir_attrs *l = &op->attrs;
    if (ir_attr_has(l, IR_ATTR_at))
        return (place){ir_attr_has(l, IR_ATTR_depth) && ir_attr_has(l, IR_ATTR_space) ? v : IR_NONE,
                       0};
    if (ir_is_columns(op)) {
        place of = places[op->operand[0]];
        if (op->code == IR_row_cols) of.col += ir_attr_int(l, IR_ATTR_from, 0);
        return of;
    }
    uint32_t root = map_get(names, ir_attr_str(l, IR_ATTR_parent, ""));
    const ir_op *maker = root == MAP_NONE ? NULL : ir_def(f, root);
    if (!maker || !ir_attr_has(&maker->attrs, IR_ATTR_at) || tile_of(maker) != tile_of(op))
        return (place){IR_NONE, 0};
    return (place){root, ir_attr_int(l, IR_ATTR_col0, 0)};
}

static map *named_values(const ir_func *f) {
    map *names = map_new();
    for (size_t v = 1; v < f->values.count; v++)
        if (f->values.items[v].name) map_add(names, f->values.items[v].name, (uint32_t)v);
    return names;
}

static bool may_be_allocated(reader *r, const ir_func *f) {
    place *places = ARENA_ARRAY(r->a, place, f->values.count + 1);
    map *names = named_values(f);
    bool ok = true;
    for (size_t i = 0; i < f->ops.count && ok; i++) {
        const ir_op *op = &f->ops.items[i];
        if (op->code == IR_net_send && !ir_attr_has(&op->attrs, IR_ATTR_depth))
            ok = wrong_op(r, f, op, PASS_STATE_allocated, "has no depth");
        if (op->code == IR_t_const || op->code == IR_net_send) continue;
        for (uint32_t k = 0; k < op->n_results && ok; k++) {
            places[op->result[k]] = place_of(f, op, op->result[k], places, names);
            if (places[op->result[k]].root == IR_NONE)
                ok = wrong_op(r, f, op, PASS_STATE_allocated, "gives a row that has no place");
        }
        if (!ir_stores(op) || !ok) continue;
        const ir_val *kv = op->operand + ir_keys_at(op);
        if (places[kv[0]].root != places[kv[1]].root ||
            places[kv[0]].col + ir_type_width(ir_type_of(f, kv[0])) != places[kv[1]].col)
            ok = wrong_op(r, f, op, PASS_STATE_allocated,
                          "stores keys and values that do not lie side by side");
    }
    map_free(names);
    return ok;
}

static bool (*const may_be[PASS_STATES])(reader *, const ir_func *) = {
#define STATE(name, until, stage, summary) may_be_##name,
#include "passes/states.def"
};

bool pass_check_state(const ir_module *m, const char *file, diag_sink *diags) {
    int last;
    if (!maker_of(m, &last)) {
        diag_emit(diags, DIAG_ID_pass_state, (diag_loc){.file = file},
                  "the module says that pass '%s' made it, which does not exist: `ohmic passes` "
                  "lists those that do",
                  ir_attr_str(&m->attrs, IR_ATTR_after, ""));
        return false;
    }
    reader r = {m, file, diags, pass_state_of(m), arena_new()};
    bool ok = m->stage == states[r.state].stage ||
              lies(&r, NULL, NULL, r.state,
                   arena_printf(r.a, "stage = \"%s\"", ir_word(IR_ENUM_stage, (int)m->stage)));
    for (size_t i = 0; i < m->funcs.count && ok; i++) {
        const ir_func *f = m->funcs.items[i];
        if (r.state == PASS_STATE_plain) ok = may_be_plain(&r, f);
        for (int s = PASS_STATE_plain + 1; s <= (int)r.state && ok; s++) ok = may_be[s](&r, f);
        ok = ok && outputs_fit(&r, f);
    }
    arena_free(r.a);
    return ok;
}

ir_module *pass_read(const char *path, diag_sink *diags) {
    ir_module *m = ir_parse_file(path, diags);
    if (m && ir_verify(m, path, diags) && pass_check_state(m, path, diags)) return m;
    ir_module_free(m);
    return NULL;
}
