// Rings: keys and values that stay in the machine between steps. Position j lives in slot j mod
// slots.
#include "runtime-sim/gain/ring.h"
#include "runtime-sim/gain/attend.h"
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
    free(r->k_size);
    free(r->v_size);
    gain_cells_free(&r->cells);
    free(r->held);
    *r = (sim_ring){0};
}

// The device of a charge ring; rings of one device share its tables. NULL: scores are read out.
const gain_unit *sim_unit_of(sim *s, uint32_t tile, uint32_t ring) {
    const isa_ring *d = &s->p->tiles[tile].rings[ring];
    if (d->readout != ISA_READ_CHARGE) return NULL;
    const gain_unit **at = &s->tiles[tile].units[ring];
    if (*at) return *at;
    gain_params p = gain_params_of(d, (const float *)(const void *)sim_table(s, d->cell));
    for (size_t i = 0; i < s->units.count && !*at; i++)
        if (memcmp(gain_unit_params(s->units.items[i]), &p, sizeof p) == 0) *at = s->units.items[i];
    if (*at) return *at;
    gain_unit *u = gain_unit_new(&p);
    vec_push(&s->units, u);
    return *at = u;
}

// Memory comes with the first row written.
static void make(sim_ring *r, const isa_ring *d, const gain_unit *unit) {
    if (r->held) return;
    if (unit) {
        r->cells = gain_cells_new(unit, d->n_kv);
    } else {
        r->k = base_calloc((size_t)d->n_kv * d->d * d->slots, sizeof *r->k);
        r->v = base_calloc((size_t)d->n_kv * d->dv * d->slots, sizeof *r->v);
        r->k_size = base_calloc((size_t)d->n_kv * d->slots, sizeof *r->k_size);
        r->v_size = base_calloc((size_t)d->n_kv * d->slots, sizeof *r->v_size);
    }
    r->held = base_alloc((size_t)d->slots * sizeof *r->held);
    sim_ring_reset(r, d);
}

gain_scaling sim_scaling(const isa_ring *d, const float *scalings, uint32_t head) {
    uint32_t heads = d->n_kv * d->q_per_kv;
    const float *x = scalings + head;
    return (gain_scaling){x[0],         x[heads],     x[2 * heads], x[3 * heads],
                          x[4 * heads], x[5 * heads], x[6 * heads], x[7 * heads]};
}

// What `held` says of a slot whose token is written and not seen.
static int64_t hidden_at(int64_t position) { return -2 - position; }

void sim_ring_write(sim *s, uint32_t tile, uint32_t ring, uint32_t bank, int64_t pos,
                    const float *k, const float *v, bool valid) {
    const isa_ring *d = &s->p->tiles[tile].rings[ring];
    sim_ring *r = sim_ring_of(s, tile, ring, bank);
    const gain_unit *unit = sim_unit_of(s, tile, ring);
    make(r, d, unit);
    size_t slot = (size_t)(pos % d->slots);
    if (unit) {
        const float *scalings = sim_ring_scalings(s, d);
        for (uint32_t h = 0; h < d->n_kv; h++) {
            gain_scaling scaling = sim_scaling(d, scalings, h * d->q_per_kv);
            gain_write(unit, &r->cells, h, slot, &scaling, k + (size_t)h * d->d,
                       v + (size_t)h * d->dv);
        }
    } else {
        sim_score_write(r, d, slot, k, v);
    }
    r->held[slot] = valid ? pos : hidden_at(pos);
    if (pos >= r->len) r->len = pos + 1;
}

// What slot `slot` holds, in the numbers that were written: a voltage less its offset over its
// factor, a level times its size.
static void read_slot(const sim *s, const isa_ring *d, const sim_ring *r, const gain_unit *unit,
                      size_t slot, float *k, float *v) {
    if (unit) {
        for (uint32_t h = 0; h < d->n_kv; h++) {
            gain_scaling scaling = sim_scaling(d, sim_ring_scalings(s, d), h * d->q_per_kv);
            gain_read(unit, &r->cells, h, slot, &scaling, k + (size_t)h * d->d,
                      v + (size_t)h * d->dv);
        }
        return;
    }
    for (size_t h = 0; h < d->n_kv; h++) {
        float *kh = k + h * d->d, *vh = v + h * d->dv;
        const float *from = r->v + (h * d->slots + slot) * d->dv;
        for (size_t i = 0; i < d->d; i++) kh[i] = r->k[(h * d->d + i) * d->slots + slot];
        memcpy(vh, from, d->dv * sizeof *v);
        if (d->kv_levels == 0) continue;
        double top = d->kv_levels - 1, ka = (double)r->k_size[h * d->slots + slot],
               va = (double)r->v_size[h * d->slots + slot];
        for (size_t i = 0; i < d->d; i++) kh[i] = (float)((double)kh[i] * ka / top);
        for (size_t i = 0; i < d->dv; i++) vh[i] = (float)((double)vh[i] * va / top);
    }
}

sim_ring_fill sim_ring_look(const sim *s, uint32_t tile, uint32_t ring, uint32_t bank) {
    const isa_ring *d = &s->p->tiles[tile].rings[ring];
    const sim_ring *r = sim_ring_of(s, tile, ring, bank);
    sim_ring_fill f = {.slots = d->slots, .oldest = -1, .newest = -1};
    int64_t window = d->window && d->window < d->slots ? d->window : d->slots;
    for (uint32_t i = 0; r->held && i < d->slots; i++) {
        f.held += r->held[i] >= 0;
        f.newest = max_i64(f.newest, r->held[i]);
    }
    int64_t last = -1; // sub-tile counted
    for (uint32_t i = 0; f.held && i < d->slots; i++) {
        if (r->held[i] < 0 || r->held[i] <= f.newest - window) continue;
        if (f.oldest < 0 || r->held[i] < f.oldest) f.oldest = r->held[i];
        if (!d->sub_tile || last == i / d->sub_tile) continue;
        last = i / d->sub_tile;
        f.sub_tiles++;
    }
    return f;
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

// What slot `slot` holds, as it is stored. False: no run can have stored it.
static void save_slot(const sim_ring *r, const isa_ring *d, const gain_unit *unit, size_t slot,
                      bytes_out *out) {
    if (unit) {
        for (size_t h = 0; h < d->n_kv; h++) gain_save(unit, &r->cells, h, slot, out);
        return;
    }
    for (size_t c = 0; c < (size_t)d->n_kv * d->d; c++)
        bytes_put_words(out, &r->k[c * d->slots + slot], 1);
    for (size_t h = 0; h < d->n_kv; h++) {
        bytes_put_words(out, r->v + (h * d->slots + slot) * d->dv, d->dv);
        if (!sim_score_levels(d)) continue;
        bytes_put_words(out, &r->k_size[h * d->slots + slot], 1);
        bytes_put_words(out, &r->v_size[h * d->slots + slot], 1);
    }
}
static bool load_slot(sim_ring *r, const isa_ring *d, const gain_unit *unit, size_t slot,
                      bytes_in *in) {
    if (unit) {
        bool ok = true;
        for (size_t h = 0; h < d->n_kv; h++) ok = ok && gain_load(unit, &r->cells, h, slot, in);
        return ok;
    }
    for (size_t c = 0; c < (size_t)d->n_kv * d->d; c++)
        bytes_get_words(in, &r->k[c * d->slots + slot], 1);
    for (size_t h = 0; h < d->n_kv; h++) {
        bytes_get_words(in, r->v + (h * d->slots + slot) * d->dv, d->dv);
        if (!sim_score_levels(d)) continue;
        bytes_get_words(in, &r->k_size[h * d->slots + slot], 1);
        bytes_get_words(in, &r->v_size[h * d->slots + slot], 1);
    }
    return in->ok;
}

void sim_ring_save(const sim *s, uint32_t tile, uint32_t ring, uint32_t bank, bytes_out *out) {
    const isa_ring *d = &s->p->tiles[tile].rings[ring];
    const sim_ring *r = sim_ring_of(s, tile, ring, bank);
    const gain_unit *unit = s->tiles[tile].units[ring];
    uint32_t n = 0;
    for (uint32_t i = 0; r->held && i < d->slots; i++) n += r->held[i] >= 0;
    bytes_put64(out, (uint64_t)r->len);
    bytes_put32(out, n);
    int64_t j = n ? next_held(r, d, 0) : 0;
    for (uint32_t i = 0; i < n; i++) {
        bytes_put64(out, (uint64_t)j);
        save_slot(r, d, unit, (size_t)(j % d->slots), out);
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
    const gain_unit *unit = sim_unit_of(s, tile, ring);
    if (n) make(r, d, unit);
    for (uint32_t i = 0; i < n; i++) {
        int64_t j = (int64_t)bytes_get64(in);
        if (j <= before || j >= len || r->held[j % d->slots] >= 0) return false;
        if (!load_slot(r, d, unit, (size_t)(j % d->slots), in)) return false;
        r->held[j % d->slots] = before = j;
    }
    r->len = len;
    return true;
}

static bool fits(const tensor *t, int64_t n, uint32_t width) {
    return t->type == ELEM_f32 && t->rank == 2 && t->dim[0] == n && t->dim[1] == (int64_t)width;
}

bool sim_ring_load(sim *s, uint32_t tile, uint32_t ring, uint32_t bank, int64_t end,
                   const tensor *k, const tensor *v, diag_sink *diags) {
    if (tile >= s->p->n_tiles || ring >= s->p->tiles[tile].n_rings || bank >= s->p->banks) {
        diag_emit(diags, DIAG_ID_sim_ring, DIAG_NOWHERE, "there is no ring %u:%u in bank %u", tile,
                  ring, bank);
        return false;
    }
    const isa_ring *d = &s->p->tiles[tile].rings[ring];
    uint32_t wk = d->n_kv * d->d, wv = d->n_kv * d->dv;
    int64_t n = k->rank > 0 ? k->dim[0] : -1;
    if (!fits(k, n, wk) || !fits(v, n, wv) || n > end) {
        diag_emit(diags, DIAG_ID_sim_ring, DIAG_NOWHERE,
                  "ring '%s' takes keys f32[n,%u] and values f32[n,%u] of one n, of no more tokens "
                  "than there were",
                  isa_str(s->p, d->name), wk, wv);
        return false;
    }
    const int64_t most = isa_ring_end(s->p, tile, ring, s->p->n_phases);
    if (end > most) {
        diag_emit(diags, DIAG_ID_sim_ring, DIAG_NOWHERE,
                  "%lld tokens for ring '%s', whose positions end at %lld", (long long)end,
                  isa_str(s->p, d->name), (long long)most);
        return false;
    }
    sim_ring *r = sim_ring_of(s, tile, ring, bank);
    sim_ring_reset(r, d);
    for (int64_t j = max_i64(0, n - d->slots); j < n; j++)
        sim_ring_write(s, tile, ring, bank, end - n + j, (const float *)k->data + j * wk,
                       (const float *)v->data + j * wv, true);
    r->len = n ? end : 0;
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
        int64_t position = r->len - n + i;
        size_t slot = (size_t)(position % d->slots);
        // Else what stands there is of another sequence.
        if (r->held[slot] != position && r->held[slot] != hidden_at(position)) continue;
        read_slot(s, d, r, s->tiles[tile].units[ring], slot, (float *)k->data + i * wk,
                  (float *)v->data + i * wv);
    }
    return true;
}
