// place: which tile holds which group and ring, and which tile executes each operation.
//
// Tiles are numbered along a snake through the mesh, so neighbours in number are neighbours in
// space. Groups are laid out in program order. What lies between two residual additions (an
// attention, a feed-forward network) stays on one tile where it fits: it moves to a fresh tile
// rather than be torn apart. Then every other operation joins its data: embeddings, rings and norms
// that only products read go to the tile that consumes what they make (rows travel as the residual,
// once), everything else to the tile of its latest operand. A row is quantised on every tile that
// has it for another reason, and at its maker for tiles that only want the codes: a quarter of the
// bytes travels.
#include "ir/mapped.h"
#include "ir/ring.h"
#include "passes/pass.h"
#include "passes/rewrite/rewrite.h"
#include <string.h>

#define NO_TILE (-1)

// What the functions of a program share: the tiles' heads, and where rings stand. The last function
// is placed first: a ring that an encoder writes once stands where every step queries it.
typedef struct {
    map *rings;         // -> tile
    VEC(int64_t) heads; // taken, by tile
} shared_rings;

typedef struct {
    const ir_module *m;
    const ir_func *f; // of the old module
    const machine *chip;
    arena *a;
    int *tile;              // by operation
    int *want;              // by value: tile of its first consumer that has one
    bool *anchored;         // by value: made, directly or not, by a crossbar or ring
    bool *multiplied;       // by value: read by products only
    int tiles;              // used
    int64_t free_crossbars; // of the last tile
    int64_t banks;          // each has rings of its own
    shared_rings *shared;
} placer;

static int64_t limit(int64_t v) { return v == 0 ? INT64_MAX : v; }

static int64_t blocks_of(const ir_symbol *g, const machine *chip) {
    if (ir_attr_int(&g->attrs, IR_ATTR_digits, 0)) return 0; // in dense crossbars
    int64_t k = ir_attr_int(&g->attrs, IR_ATTR_k1, 0) - ir_attr_int(&g->attrs, IR_ATTR_k0, 0);
    int64_t n = ir_attr_int(&g->attrs, IR_ATTR_n1, 0) - ir_attr_int(&g->attrs, IR_ATTR_n0, 0);
    return (chip->crossbar.rows ? ceil_div_i64(k, chip->crossbar.rows) : 1) *
           (chip->crossbar.columns ? ceil_div_i64(n, chip->crossbar.columns) : 1);
}

static ir_symbol *group_of(const placer *p, const ir_op *op) {
    return ir_symbol_find(p->m, ir_attr_str(&op->attrs, IR_ATTR_group, ""));
}

// ---- groups ----------------------------------------------------------------------------------

// Number of residual additions before each value: what has the same number belongs together.
static int *branches(const placer *p) {
    const ir_func *f = p->f;
    int *branch = ARENA_ARRAY(p->a, int, f->values.count + 1);
    map *rings = map_new();
    for (size_t i = 0; i < f->ops.count; i++) {
        const ir_op *op = &f->ops.items[i];
        int b = 0;
        for (uint32_t k = 0; k < op->n_operands; k++)
            if (branch[op->operand[k]] > b) b = branch[op->operand[k]];
        const char *ring = ir_attr_str(&op->attrs, IR_ATTR_ring, NULL);
        if (ring) {
            uint32_t before = map_get(rings, ring);
            if (before != MAP_NONE && (int)before > b) b = (int)before;
            map_set(rings, ring, (uint32_t)b);
        }
        if (op->code == IR_dig_ew2 && strcmp(ir_attr_str(&op->attrs, IR_ATTR_fn, ""), "add") == 0)
            b++;
        for (uint32_t k = 0; k < op->n_results; k++) branch[op->result[k]] = b;
    }
    map_free(rings);
    return branch;
}

static void open_tile(placer *p) {
    p->tiles++;
    p->free_crossbars = limit(p->chip->tile.crossbars);
}

static void lay_group(placer *p, ir_symbol *g, int64_t blocks) {
    if (blocks > p->free_crossbars) open_tile(p);
    ir_attr_set_int(p->m->arena, &g->attrs, IR_ATTR_tile, p->tiles - 1);
    ir_attr_set_int(p->m->arena, &g->attrs, IR_ATTR_xbar,
                    p->chip->tile.crossbars ? p->chip->tile.crossbars - p->free_crossbars
                                            : INT64_MAX - p->free_crossbars);
    p->free_crossbars -= blocks;
}

// Row parts of one matrix whose sums travel and add up: never two of them on one tile.
static bool adds_up(const ir_symbol *a, const ir_symbol *b) {
    size_t na, nb;
    const char *const *wa = ir_attr_strs(&a->attrs, IR_ATTR_weights, &na);
    const char *const *wb = ir_attr_strs(&b->attrs, IR_ATTR_weights, &nb);
    return na == 1 && nb == 1 && strcmp(wa[0], wb[0]) == 0 &&
           ir_attr_int(&a->attrs, IR_ATTR_n0, 0) == ir_attr_int(&b->attrs, IR_ATTR_n0, 0) &&
           ir_attr_int(&a->attrs, IR_ATTR_k0, 0) != ir_attr_int(&b->attrs, IR_ATTR_k0, 0);
}

static void lay_groups(placer *p) {
    int *branch = branches(p);
    const ir_func *f = p->f;
    for (size_t i = 0; i < f->ops.count;) {
        // the groups of one branch, in program order
        VEC(ir_symbol *) list = {0};
        int64_t blocks = 0;
        int here = -1;
        size_t k = i;
        for (; k < f->ops.count; k++) {
            const ir_op *op = &f->ops.items[k];
            if (op->code != IR_xbar_mvm) continue;
            if (here >= 0 && branch[op->result[0]] != here) break;
            here = branch[op->result[0]];
            ir_symbol *g = group_of(p, op);
            bool known = ir_attr_has(&g->attrs, IR_ATTR_tile);
            for (size_t s = 0; s < list.count; s++) known |= list.items[s] == g;
            if (known) continue;
            vec_push(&list, g);
            blocks += blocks_of(g, p->chip);
        }
        int64_t room = limit(p->chip->tile.crossbars);
        if (list.count && blocks > p->free_crossbars && blocks <= room && p->free_crossbars < room)
            open_tile(p);
        for (size_t s = 0; s < list.count; s++) {
            if (s > 0 && adds_up(list.items[s - 1], list.items[s])) open_tile(p);
            lay_group(p, list.items[s], blocks_of(list.items[s], p->chip));
        }
        vec_free(&list);
        i = k;
    }
}

// ---- operations ------------------------------------------------------------------------------

// Values that only products read, perhaps quantised or in columns.
static void find_multiplied(placer *p) {
    for (size_t v = 0; v < p->f->values.count; v++) p->multiplied[v] = true;
    for (size_t i = p->f->ops.count; i-- > 0;) {
        const ir_op *op = &p->f->ops.items[i];
        bool hands_on = ir_is_columns(op) || op->code == IR_dig_copy;
        bool product = op->code == IR_xbar_mvm || (hands_on && p->multiplied[op->result[0]]);
        for (uint32_t k = 0; k < op->n_operands && !product; k++)
            p->multiplied[op->operand[k]] = false;
    }
}

// Operations that go where their result is consumed. A norm that is the residual itself (what comes
// after an addition) stays with its maker, which sends it to all who read it.
static bool goes_to_consumer(const placer *p, const ir_op *op) {
    switch (ir_ops[op->code].home) {
    case IR_HOME_READER: return true;
    case IR_HOME_PRODUCT: return p->multiplied[op->result[0]];
    case IR_HOME_OPERAND:
    case IR_HOME_GROUP: break;
    }
    return false;
}

static void anchor(placer *p) {
    for (size_t i = 0; i < p->f->ops.count; i++) {
        const ir_op *op = &p->f->ops.items[i];
        p->tile[i] = NO_TILE;
        bool made = op->code == IR_xbar_mvm || strcmp(ir_ops[op->code].unit, "gc") == 0;
        if (ir_ops[op->code].home == IR_HOME_GROUP)
            p->tile[i] = (int)ir_attr_int(&group_of(p, op)->attrs, IR_ATTR_tile, 0);
        for (uint32_t k = 0; k < op->n_operands; k++) made |= p->anchored[op->operand[k]];
        for (uint32_t k = 0; k < op->n_results; k++) p->anchored[op->result[k]] = made;
    }
}

static int tile_of_value(const placer *p, ir_val v) {
    const ir_op *op = ir_def(p->f, v);
    return op ? p->tile[op - p->f->ops.items] : NO_TILE;
}

// Backwards: what consumers want; places the operations that follow their consumer.
static void pull(placer *p) {
    for (size_t v = 0; v < p->f->values.count; v++) p->want[v] = NO_TILE;
    for (size_t i = p->f->ops.count; i-- > 0;) {
        const ir_op *op = &p->f->ops.items[i];
        int wanted = NO_TILE;
        for (uint32_t k = 0; k < op->n_results; k++)
            if (p->want[op->result[k]] != NO_TILE) wanted = p->want[op->result[k]];
        if (p->tile[i] == NO_TILE && goes_to_consumer(p, op)) p->tile[i] = wanted;
        // Products of raw sums and what only forwards rows hand the wish on; additions of the
        // residual do not: they stay with the product that ends the branch.
        int pass_on = p->tile[i] != NO_TILE ? p->tile[i]
                      : (ir_is_columns(op) || op->n_results == 0 || !p->anchored[op->result[0]])
                          ? wanted
                          : NO_TILE;
        if (pass_on == NO_TILE) continue;
        for (uint32_t k = 0; k < op->n_operands; k++) p->want[op->operand[k]] = pass_on;
    }
}

// Forwards: the rest follows its latest anchored operand, or its consumer where nothing is
// anchored.
static void push(placer *p) {
    map *rings = map_new();
    for (size_t i = 0; i < p->f->ops.count; i++) { // queries decide where their ring is
        const ir_op *op = &p->f->ops.items[i];
        const char *ring = ir_attr_str(&op->attrs, IR_ATTR_ring, NULL);
        uint32_t known = ring ? map_get(p->shared->rings, ring) : MAP_NONE;
        if (known != MAP_NONE)
            map_add(rings, ring, known);
        else if (ring && p->tile[i] != NO_TILE)
            map_add(rings, ring, (uint32_t)p->tile[i]);
    }
    for (size_t i = 0; i < p->f->ops.count; i++) {
        const ir_op *op = &p->f->ops.items[i];
        const char *ring = ir_attr_str(&op->attrs, IR_ATTR_ring, NULL);
        if (ring && map_get(rings, ring) != MAP_NONE) p->tile[i] = (int)map_get(rings, ring);
        if (p->tile[i] != NO_TILE) continue;
        uint32_t latest = 0;
        for (uint32_t k = 0; k < op->n_operands; k++) {
            ir_val v = op->operand[k];
            const ir_op *def = ir_def(p->f, v);
            if (!def || def->code == IR_t_const || tile_of_value(p, v) == NO_TILE) continue;
            uint32_t at = (uint32_t)(def - p->f->ops.items) + 1;
            if (op->code == IR_net_recv_add)
                at = k == 0 ? UINT32_MAX : 1; // the sum forms where the own part is
            if ((p->anchored[v] || p->tile[i] == NO_TILE) && at > latest) {
                latest = at;
                p->tile[i] = tile_of_value(p, v);
            }
        }
        if (p->tile[i] == NO_TILE && op->n_results) p->tile[i] = p->want[op->result[0]];
        if (p->tile[i] == NO_TILE) p->tile[i] = 0;
        if (ring) map_set(rings, ring, (uint32_t)p->tile[i]);
    }
    map_free(rings);
}

// A program that takes tokens in steps keeps a sequence in each bank.
static int64_t take_banks(ir_module *m, const pass_options *o) {
    int64_t banks = ir_attr_int(&m->attrs, IR_ATTR_banks, 1);
    if (o->banks == 0 || IR_WORD(&m->attrs, class, program_class, CLASS_STREAM) == IR_CLASS_WHOLE)
        return banks;
    pass_use(o, PASS_OPTION_banks);
    if (o->banks > 1)
        ir_attr_set_int(m->arena, &m->attrs, IR_ATTR_banks, o->banks);
    else
        ir_attr_remove(&m->attrs, IR_ATTR_banks);
    return o->banks;
}

// Heads of gain cells are a resource of a tile; a ring that does not fit moves to the next tile
// with room.
static void lay_rings(placer *p) {
    int64_t room = limit(p->chip->tile.ring_heads);
    shared_rings *all = p->shared;
    for (size_t i = 0; i < p->f->ops.count; i++) {
        const ir_op *op = &p->f->ops.items[i];
        const char *ring = ir_attr_str(&op->attrs, IR_ATTR_ring, NULL);
        if (!ring) continue;
        if (map_get(all->rings, ring) == MAP_NONE) {
            int64_t heads = p->banks * ir_ring_find(p->m, ring)->n_kv;
            size_t t = (size_t)p->tile[i];
            for (;; t++) {
                while (all->heads.count <= t) vec_push(&all->heads, 0);
                int64_t used = all->heads.items[t];
                if (used == 0 || heads <= room - used) break;
            }
            all->heads.items[t] += heads;
            if ((int)t >= p->tiles) p->tiles = (int)t + 1;
            map_set(all->rings, ring, (uint32_t)t);
        }
        p->tile[i] = (int)map_get(all->rings, ring);
    }
}

static bool check_room(const placer *p, diag_sink *diags) {
    bool ok = true;
    if (p->tiles > p->chip->tile.count) {
        diag_emit(diags, DIAG_ID_tile_count, DIAG_NOWHERE,
                  "the model needs %d tiles, chip '%s' has %lld: use --set tile.count=%d or a "
                  "larger tile.crossbars "
                  "(now %lld)",
                  p->tiles, p->chip->name, (long long)p->chip->tile.count, p->tiles,
                  (long long)p->chip->tile.crossbars);
        ok = false;
    }
    for (size_t i = 0; i < p->m->symbols.count; i++) {
        const ir_symbol *s = p->m->symbols.items[i];
        int64_t heads = s->ring ? p->banks * s->ring->n_kv : 0;
        if (heads <= limit(p->chip->tile.ring_heads)) continue;
        diag_emit(diags, DIAG_ID_ring_heads, DIAG_AT(NULL, s->name),
                  "an attention has %lld key/value heads%s, a tile of chip '%s' holds %lld: a chip "
                  "with --set tile.ring_heads=%lld would do%s",
                  (long long)heads, p->banks > 1 ? " in all banks together" : "", p->chip->name,
                  (long long)p->chip->tile.ring_heads, (long long)heads,
                  p->banks > 1 ? ", or fewer --banks" : "");
        ok = false;
    }
    return ok;
}

// ---- quantisation ----------------------------------------------------------------------------

// Where the quantisation of one row happens.
typedef struct {
    bool *here; // by tile: the tile quantises for itself
    bool home;  // the maker of the row quantises, too
} quantisation;

// Readers of each value: chains through `next`, by operand slot.
typedef struct {
    uint32_t *first;        // by value; UINT32_MAX: none
    uint32_t *next, *op_of; // by slot
} readers;

static readers find_readers(const placer *p) {
    uint32_t slots = 0;
    for (size_t i = 0; i < p->f->ops.count; i++) slots += p->f->ops.items[i].n_operands;
    readers r = {ARENA_ARRAY(p->a, uint32_t, p->f->values.count + 1),
                 ARENA_ARRAY(p->a, uint32_t, slots + 1), ARENA_ARRAY(p->a, uint32_t, slots + 1)};
    memset(r.first, 0xff, (p->f->values.count + 1) * sizeof *r.first);
    for (size_t i = p->f->ops.count; i-- > 0;) {
        const ir_op *op = &p->f->ops.items[i];
        for (uint32_t k = op->n_operands; k-- > 0;) {
            slots--;
            r.op_of[slots] = (uint32_t)i;
            r.next[slots] = r.first[op->operand[k]];
            r.first[op->operand[k]] = slots;
        }
    }
    return r;
}

// A row into codes, perhaps with a factor for each column.
static bool is_quantisation(const ir_op *op) {
    return (op->code == IR_dig_copy || op->code == IR_dig_ewt) &&
           ir_attr_has(&op->attrs, IR_ATTR_quant);
}

// Tiles that read rows of v for another reason than to quantise them.
static void mark_row_tiles(const placer *p, const readers *r, ir_val v, bool *tiles) {
    for (uint32_t s = r->first[v]; s != UINT32_MAX; s = r->next[s]) {
        const ir_op *op = &p->f->ops.items[r->op_of[s]];
        if (ir_is_columns(op))
            mark_row_tiles(p, r, op->result[0], tiles);
        else if (!is_quantisation(op))
            tiles[p->tile[r->op_of[s]]] = true;
    }
}

// Decides for the quantisation `op`; here = NULL: it stays where it is.
static quantisation decide(const placer *p, const readers *r, const ir_op *op, int *tile) {
    quantisation q = {0};
    const ir_op *maker = ir_def(p->f, op->operand[0]);
    if (op->n_operands > 1) { // part of a row, which is where it was made
        *tile = tile_of_value(p, op->operand[0]);
        return q;
    }
    if (!maker || ir_is_columns(maker) || maker->code == IR_io_in) return q;
    int home = p->tile[maker - p->f->ops.items];
    bool *has_row = ARENA_ARRAY(p->a, bool, p->tiles + 1);
    bool *here = ARENA_ARRAY(p->a, bool, p->tiles + 1);
    mark_row_tiles(p, r, op->operand[0], has_row);
    for (uint32_t s = r->first[op->result[0]]; s != UINT32_MAX; s = r->next[s]) {
        if (ir_is_columns(&p->f->ops.items[r->op_of[s]])) return q;
        int t = p->tile[r->op_of[s]];
        if (t != home && has_row[t])
            here[t] = true;
        else
            q.home = true;
    }
    q.here = here;
    *tile = home;
    return q;
}

// ---- the new function ------------------------------------------------------------------------

static ir_op *put(rewrite *r, const ir_op *op, int tile) {
    ir_op *made = rewrite_copy(r, op);
    if (op->code != IR_t_const) ir_attr_set_int(r->m->arena, &made->attrs, IR_ATTR_tile, tile);
    return made;
}

// Quantises a row on `tile` for the operation that comes next there; returns the codes.
static ir_val quantised_on(rewrite *r, placer *p, ir_val **made, ir_val v, int tile) {
    if (!made[v]) made[v] = ARENA_ARRAY(p->a, ir_val, p->tiles + 1);
    if (made[v][tile] == IR_NONE) {
        ir_val before = r->map[v];
        made[v][tile] = put(r, ir_def(p->f, v), tile)->result[0];
        r->f->values.items[made[v][tile]].name = NULL; // it is the maker's
        r->map[v] = before;
    }
    return made[v][tile];
}

static bool rebuild(placer *p, const ir_module *old, ir_module *m, diag_sink *diags) {
    readers all = find_readers(p);
    quantisation *plan = ARENA_ARRAY(p->a, quantisation, p->f->values.count + 1);
    ir_val **made = ARENA_ARRAY(p->a, ir_val *, p->f->values.count + 1);
    for (size_t i = 0; i < p->f->ops.count; i++) {
        const ir_op *op = &p->f->ops.items[i];
        if (is_quantisation(op)) plan[op->result[0]] = decide(p, &all, op, &p->tile[i]);
    }
    rewrite r = rewrite_begin(old, p->f, m, diags);
    for (size_t i = 0; i < p->f->ops.count; i++) {
        const ir_op *op = &p->f->ops.items[i];
        if (op->n_results && plan[op->result[0]].here && !plan[op->result[0]].home) continue;
        ir_val *kept = ARENA_ARRAY(p->a, ir_val, op->n_operands + 1);
        for (uint32_t k = 0; k < op->n_operands; k++) {
            ir_val v = op->operand[k];
            kept[k] = r.map[v];
            if (plan[v].here && plan[v].here[p->tile[i]])
                r.map[v] = quantised_on(&r, p, made, v, p->tile[i]);
        }
        put(&r, op, p->tile[i]);
        for (uint32_t k = op->n_operands; k-- > 0;) r.map[op->operand[k]] = kept[k];
        ir_ring *ring = ir_ring_of(m, op);
        if (ring) ring->tile = p->tile[i];
    }
    return rewrite_end(&r);
}

ir_module *pass_place(const ir_module *old, const pass_options *o, diag_sink *diags) {
    ir_module *m = ir_module_derive(old);
    m->stage = IR_MAPPED;
    shared_rings shared = {.rings = map_new()};
    placer p = {
        .m = m, .chip = o->machine, .a = arena_new(), .shared = &shared, .banks = take_banks(m, o)};
    int **tile = ARENA_ARRAY(p.a, int *, old->funcs.count + 1);
    bool ok = true;
    open_tile(&p);
    for (size_t i = old->funcs.count; i-- > 0;) {
        p.f = old->funcs.items[i];
        tile[i] = p.tile = ARENA_ARRAY(p.a, int, p.f->ops.count + 1);
        p.want = ARENA_ARRAY(p.a, int, p.f->values.count + 1);
        p.anchored = ARENA_ARRAY(p.a, bool, p.f->values.count + 1);
        p.multiplied = ARENA_ARRAY(p.a, bool, p.f->values.count + 1);
        lay_groups(&p);
        find_multiplied(&p);
        anchor(&p);
        pull(&p);
        push(&p);
        lay_rings(&p);
    }
    for (size_t i = 0; i < old->funcs.count; i++) {
        p.f = old->funcs.items[i];
        p.tile = tile[i];
        ok = rebuild(&p, old, m, diags) && ok;
    }
    ok = check_room(&p, diags) && ok;
    map_free(shared.rings);
    vec_free(&shared.heads);
    arena_free(p.a);
    if (ok) return m;
    ir_module_free(m);
    return NULL;
}
