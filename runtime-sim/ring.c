// Rings: keys and values that stay in the machine between steps. Position j lives in slot j mod
// slots.
#include "runtime-sim/ring.h"
#include <stdlib.h>
#include <string.h>

sim_ring *sim_ring_of(const sim *s, uint32_t tile, uint32_t ring, uint32_t bank) {
    const isa_tile *t = &s->p->tiles[tile];
    CHECK(ring < t->n_rings, "ring %u of tile %u", ring, tile);
    return &s->tiles[tile].rings[(size_t)bank * t->n_rings + ring];
}

void sim_ring_reset(sim_ring *r, const isa_ring *d) {
    r->len = 0;
    if (r->held)
        for (uint32_t i = 0; i < d->slots; i++) r->held[i] = -1;
}

void sim_ring_free(sim_ring *r) {
    free(r->k);
    free(r->v);
    free(r->held);
    *r = (sim_ring){0};
}

// Memory comes with the first row written.
static void make(sim_ring *r, const isa_ring *d) {
    if (r->held) return;
    r->k = base_calloc((size_t)d->n_kv * d->d * d->slots, sizeof *r->k);
    r->v = base_calloc((size_t)d->n_kv * d->dv * d->slots, sizeof *r->v);
    r->held = base_alloc((size_t)d->slots * sizeof *r->held);
    sim_ring_reset(r, d);
}

void sim_ring_write(sim_ring *r, const isa_ring *d, int64_t pos, const float *k, const float *v,
                    bool valid) {
    make(r, d);
    size_t slot = (size_t)(pos % d->slots);
    for (size_t i = 0; i < (size_t)d->n_kv * d->d; i++) r->k[i * d->slots + slot] = k[i];
    for (size_t h = 0; h < d->n_kv; h++)
        memcpy(r->v + (h * d->slots + slot) * d->dv, v + h * d->dv, d->dv * sizeof *v);
    r->held[slot] = valid ? pos : -1;
    if (pos >= r->len) r->len = pos + 1;
}

// --- state files

// Oldest position held that is at least `from`; -1: none. Positions rise by slots, so one pass
// finds the next.
static int64_t next_held(const sim_ring *r, const isa_ring *d, int64_t from) {
    int64_t next = -1;
    for (uint32_t i = 0; i < d->slots; i++)
        if (r->held[i] >= from && (next < 0 || r->held[i] < next)) next = r->held[i];
    return next;
}

// What slot `slot` holds, as it is stored.
static void save_slot(const sim_ring *r, const isa_ring *d, size_t slot, bytes_out *out) {
    for (size_t c = 0; c < (size_t)d->n_kv * d->d; c++)
        bytes_put_words(out, &r->k[c * d->slots + slot], 1);
    for (size_t h = 0; h < d->n_kv; h++)
        bytes_put_words(out, r->v + (h * d->slots + slot) * d->dv, d->dv);
}
static bool load_slot(sim_ring *r, const isa_ring *d, size_t slot, bytes_in *in) {
    for (size_t c = 0; c < (size_t)d->n_kv * d->d; c++)
        bytes_get_words(in, &r->k[c * d->slots + slot], 1);
    for (size_t h = 0; h < d->n_kv; h++)
        bytes_get_words(in, r->v + (h * d->slots + slot) * d->dv, d->dv);
    return in->ok;
}

void sim_ring_save(const sim *s, uint32_t tile, uint32_t ring, uint32_t bank, bytes_out *out) {
    const isa_ring *d = &s->p->tiles[tile].rings[ring];
    const sim_ring *r = sim_ring_of(s, tile, ring, bank);
    uint32_t n = 0;
    for (uint32_t i = 0; r->held && i < d->slots; i++) n += r->held[i] >= 0;
    bytes_put64(out, (uint64_t)r->len);
    bytes_put32(out, n);
    int64_t j = n ? next_held(r, d, 0) : 0;
    for (uint32_t i = 0; i < n; i++) {
        bytes_put64(out, (uint64_t)j);
        save_slot(r, d, (size_t)(j % d->slots), out);
        int64_t after = j + 1; // nearly always held, when another is
        j = r->held[after % d->slots] == after ? after : next_held(r, d, after);
    }
}

bool sim_ring_load_state(sim *s, uint32_t tile, uint32_t ring, sim_ring *r, int64_t end,
                         bytes_in *in) {
    const isa_ring *d = &s->p->tiles[tile].rings[ring];
    int64_t len = (int64_t)bytes_get64(in), before = -1;
    uint32_t n = bytes_get32(in);
    if (!in->ok || len < 0 || len > end || n > d->slots || n > len) return false;
    if (n) make(r, d);
    for (uint32_t i = 0; i < n; i++) {
        int64_t j = (int64_t)bytes_get64(in);
        if (j <= before || j >= len || r->held[j % d->slots] >= 0) return false;
        if (!load_slot(r, d, (size_t)(j % d->slots), in)) return false;
        r->held[j % d->slots] = before = j;
    }
    r->len = len;
    return true;
}

static bool fits(const tensor *t, int64_t n, uint32_t width) {
    return t->type == ELEM_f32 && t->rank == 2 && t->dim[0] == n && t->dim[1] == (int64_t)width;
}

bool sim_ring_load(sim *s, uint32_t tile, uint32_t ring, uint32_t bank, const tensor *k,
                   const tensor *v, diag_sink *diags) {
    if (tile >= s->p->n_tiles || ring >= s->p->tiles[tile].n_rings || bank >= s->p->banks) {
        diag_emit(diags, DIAG_ID_sim_ring, DIAG_NOWHERE, "there is no ring %u:%u in bank %u", tile,
                  ring, bank);
        return false;
    }
    const isa_ring *d = &s->p->tiles[tile].rings[ring];
    uint32_t wk = d->n_kv * d->d, wv = d->n_kv * d->dv;
    int64_t n = k->rank > 0 ? k->dim[0] : -1;
    if (!fits(k, n, wk) || !fits(v, n, wv)) {
        diag_emit(diags, DIAG_ID_sim_ring, DIAG_NOWHERE,
                  "ring '%s' takes keys f32[n,%u] and values f32[n,%u] of one n",
                  isa_str(s->p, d->name), wk, wv);
        return false;
    }
    sim_ring *r = sim_ring_of(s, tile, ring, bank);
    sim_ring_reset(r, d);
    for (int64_t j = max_i64(0, n - d->slots); j < n; j++)
        sim_ring_write(r, d, j, (const float *)k->data + j * wk, (const float *)v->data + j * wv,
                       true);
    r->len = n;
    return true;
}

bool sim_ring_read(const sim *s, uint32_t tile, uint32_t ring, uint32_t bank, arena *a, tensor *k,
                   tensor *v) {
    if (tile >= s->p->n_tiles || ring >= s->p->tiles[tile].n_rings || bank >= s->p->banks)
        return false;
    const isa_ring *d = &s->p->tiles[tile].rings[ring];
    const sim_ring *r = sim_ring_of(s, tile, ring, bank);
    int64_t n = min_i64(r->len, d->slots), wk = (int64_t)d->n_kv * d->d,
            wv = (int64_t)d->n_kv * d->dv;
    *k = tensor_new(a, ELEM_f32, 2, (int64_t[]){n, wk});
    *v = tensor_new(a, ELEM_f32, 2, (int64_t[]){n, wv});
    for (int64_t i = 0; i < n; i++) {
        size_t slot = (size_t)((r->len - n + i) % d->slots);
        for (int64_t c = 0; c < wk; c++)
            ((float *)k->data)[i * wk + c] = r->k[(size_t)c * d->slots + slot];
        for (size_t h = 0; h < d->n_kv; h++)
            memcpy((float *)v->data + i * wv + (int64_t)(h * d->dv),
                   r->v + (h * d->slots + slot) * d->dv, d->dv * sizeof(float));
    }
    return true;
}
