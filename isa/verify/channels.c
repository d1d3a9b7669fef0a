// Channels: sent by one tile, received by each destination as often; and the order of all tiles, or
// the cycle in which they wait for each other.
#include "isa/verify/parts.h"
#include "support/vec.h"

static bool receives(const isa_insn *i) { return i->op == ISA_recv || i->op == ISA_recvadd; }

typedef struct {
    uint64_t key; // channel, then tile
    uint32_t count, pc;
} uses;

static int by_key(const void *x, const void *y) {
    const uses *a = x, *b = y;
    if (a->key != b->key) return a->key < b->key ? -1 : 1;
    return a->pc < b->pc ? -1 : a->pc > b->pc;
}

// Folds equal keys of a sorted list into one with their number; returns how many are left.
static size_t fold(uses *list, size_t n) {
    size_t kept = 0;
    if (n) qsort(list, n, sizeof *list, by_key);
    for (size_t i = 0; i < n; i++) {
        if (kept > 0 && list[kept - 1].key == list[i].key)
            list[kept - 1].count++;
        else
            list[kept++] = list[i];
    }
    return kept;
}

static const uses *find(const uses *list, size_t n, uint64_t key) {
    size_t lo = 0, hi = n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (list[mid].key < key)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < n && list[lo].key == key ? &list[lo] : NULL;
}

bool verify_channels(verifier *v) {
    const isa_program *p = v->p;
    uint32_t before = v->found;
    uint32_t *sent = base_calloc((size_t)p->n_channels + 1, sizeof *sent);
    VEC(uses) received = {0}, expected = {0};
    for (uint32_t c = 0; c < p->n_channels; c++)
        for (uint32_t k = 0; k < p->channels[c].n_dests; k++)
            vec_push(&expected,
                     ((uses){(uint64_t)c << 32 | p->dests[p->channels[c].first_dest + k], 1, 0}));
    size_t n_expected = fold(expected.items, expected.count);
    for (uint32_t t = 0; t < p->n_tiles; t++) {
        for (uint32_t pc = 0; pc < p->tiles[t].phase[v->phase].count; pc++) {
            const isa_insn *i = verify_insn(v, t, pc);
            if (i->op == ISA_send && p->channels[i->x].source != t)
                verify_bad_at(v, DIAG_ID_isa_channel, t, pc, "tile %u sends on this channel",
                              p->channels[i->x].source);
            else if (i->op == ISA_send)
                sent[i->x]++;
            if (!receives(i)) continue;
            uint64_t key = (uint64_t)i->x << 32 | t;
            if (!find(expected.items, n_expected, key))
                verify_bad_at(v, DIAG_ID_isa_channel, t, pc,
                              "this tile is no destination of the channel");
            vec_push(&received, ((uses){key, 1, pc}));
        }
    }
    size_t n_received = fold(received.items, received.count);
    for (size_t k = 0; k < n_expected; k++) {
        uint32_t c = (uint32_t)(expected.items[k].key >> 32), t = (uint32_t)expected.items[k].key;
        const uses *u = find(received.items, n_received, expected.items[k].key);
        uint32_t n = u ? u->count : 0;
        if (n == sent[c]) continue;
        verify_bad(v, DIAG_ID_isa_channel,
                   arena_printf(v->a, "phase %s, channel %u '%.100s'", p->phases[v->phase].name, c,
                                isa_str(p, p->channels[c].name)),
                   "tile %u sends on it %u times, tile %u receives %u times", p->channels[c].source,
                   sent[c], t, n);
    }
    vec_free(&received);
    vec_free(&expected);
    free(sent);
    return v->found == before;
}

// --- order

bool verify_order(verifier *v, isa_step *order, uint32_t *n) {
    isa_stuck *stuck = ARENA_ARRAY(v->a, isa_stuck, v->p->n_tiles + 1);
    if (isa_order(v->p, v->phase, 0, order, n, stuck)) return true;
    uint32_t *seen = ARENA_ARRAY(v->a, uint32_t, v->p->n_tiles), at = 0, steps = 0;
    while (stuck[at].pc == v->p->tiles[at].phase[v->phase].count) at++;
    while (!seen[at]) { // follow who waits for whom until it comes round
        seen[at] = ++steps;
        at = stuck[at].waits_for;
    }
    verify_bad_at(v, DIAG_ID_isa_order, at, stuck[at].pc, "waits for ever, in a circle of %u tiles",
                  steps - seen[at] + 1);
    for (uint32_t t = stuck[at].waits_for; t != at; t = stuck[t].waits_for)
        verify_note_at(v, t, stuck[t].pc, "waits too");
    return false;
}
