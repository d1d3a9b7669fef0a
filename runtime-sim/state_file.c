// State files: what a streaming program knows of a sequence, so that it goes on as if it had never
// stopped. See sim.h; the chapter "State files" of docs/sequences.md has the layout.
//
//   "OHMSTATE"  u32 version  u64 bytes of the file  u8 program[32] (isa_identity)
//   text tool, chip, program name   u64 n, u8 host[n]
//   i64 pos[8]  u32 ran[2] (0, 1)  every ring (sim_ring_save)  every history: u32 count, rows,
//   trailers u64 XXH3 of all before
//
// Little-endian, no padding. Rings in the order of tiles, histories in the order of phases, tiles
// and instructions.
#include "runtime-sim/exec/rows.h"
#include "runtime-sim/gain/ring.h"
#include <inttypes.h>
#include <stdlib.h>

enum { SIM_STATE_VERSION = 1, ID_BYTES = 32, HEAD = 8 + 4 + 8, SUM_BYTES = 8 };

// What stays between steps is in these, and state files hold all of it. What one of them gains is
// saved and loaded (here, or in gain/ring.c), and counted in SIM_STATE_VERSION; then its size here
// follows.
#define SAVED(type, bytes) \
    _Static_assert(sizeof(type) == (bytes), #type " has state that state files do not hold")
SAVED(sim_bank, ISA_DOMAINS * sizeof(int64_t) + ISA_MAX_PHASES * sizeof(uint32_t));
SAVED(sim_ring, 5 * sizeof(void *) + sizeof(gain_cells) + sizeof(int64_t));
SAVED(gain_cells, 6 * sizeof(void *));
SAVED(sim_history, 2 * sizeof(void *) + sizeof(uint64_t));

static const char magic[8] = {'O', 'H', 'M', 'S', 'T', 'A', 'T', 'E'};

static const char *identity(sim *s) {
    if (!s->identity[0]) isa_identity(s->p, s->identity);
    return s->identity;
}

// --- histories

typedef struct {
    size_t at;          // in phase.history of bank 0
    uint32_t most;      // rows
    size_t row_words;   // 4 bytes each
    size_t row_bytes;   // of a row that is no words: q8 codes
    size_t block_bytes; // a row in memory
    bool trailed;
} history_form;

// The n-th instruction that keeps rows; false: it is none.
static bool history_of(const sim *s, uint32_t phase, uint32_t tile, uint32_t pc, history_form *f) {
    const isa_tile *t = &s->p->tiles[tile];
    const isa_insn *i = &t->phase[phase].code[pc];
    if (i->op != ISA_rows || i->mode != ISA_MODE_rows_window) return false;
    const isa_buffer *a = &t->buffers[i->a];
    isa_btype type = (isa_btype)a->type;
    size_t bytes = a->width * sim_elem_bytes(type);
    *f = (history_form){.at = s->phases[phase].base[tile] + pc,
                        .most = isa_window_of(i->imm).pad,
                        .row_words = type == ISA_Q8 ? 0 : bytes / 4,
                        .row_bytes = type == ISA_Q8 ? bytes : 0,
                        .block_bytes = bytes,
                        .trailed = type == ISA_Q8 || type == ISA_RAW};
    return f->most > 0;
}

static void save_history(const sim_history *h, const history_form *f, bytes_out *out) {
    bytes_put32(out, h->count);
    for (uint32_t r = 0; r < h->count; r++) {
        const uint8_t *row = h->data + r * f->block_bytes;
        bytes_put_words(out, row, f->row_words);
        bytes_put(out, row, f->row_bytes);
        if (!f->trailed) continue;
        bytes_put_words(out, &h->trailers[r].scale, 1);
        bytes_put_words(out, &h->trailers[r].zero, 1);
        bytes_put_words(out, &h->trailers[r].sum, 1);
    }
}

static bool load_history(sim_history *h, const history_form *f, bytes_in *in) {
    uint32_t n = bytes_get32(in);
    if (!in->ok || n > f->most) return false;
    h->data = base_calloc(n * f->block_bytes + 1, 1);
    h->trailers = f->trailed ? base_calloc(n + 1, sizeof *h->trailers) : NULL;
    for (uint32_t r = 0; in->ok && r < n; r++) {
        uint8_t *row = h->data + r * f->block_bytes;
        bytes_get_words(in, row, f->row_words);
        const uint8_t *codes = bytes_get(in, f->row_bytes);
        if (codes && f->row_bytes) memcpy(row, codes, f->row_bytes);
        if (!f->trailed) continue;
        bytes_get_words(in, &h->trailers[r].scale, 1);
        bytes_get_words(in, &h->trailers[r].zero, 1);
        bytes_get_words(in, &h->trailers[r].sum, 1);
    }
    h->count = n;
    return in->ok;
}

// --- saving

static bool is_stream(const sim *s, const char *what, diag_sink *diags) {
    if (s->p->class == ISA_STREAM) return true;
    diag_emit(diags, DIAG_ID_sim_state, DIAG_NOWHERE,
              "%s: the program takes whole sequences, nothing of one is left when its step is over",
              what);
    return false;
}

bool sim_state_save(sim *s, uint32_t bank, const sim_state_note *note, FILE *to, diag_sink *diags) {
    CHECK(bank < s->p->banks, "bank %u", bank);
    if (!is_stream(s, "there is no state to save", diags)) return false;
    bytes_out b = {0};
    bytes_put(&b, magic, sizeof magic);
    bytes_put32(&b, SIM_STATE_VERSION);
    size_t bytes_at = b.count;
    bytes_put64(&b, 0);
    bytes_put(&b, identity(s), ID_BYTES);
    bytes_put_text(&b, s->p->tool ? s->p->tool : "");
    bytes_put_text(&b, s->chip->name ? s->chip->name : "");
    bytes_put_text(&b, note->program ? note->program : "");
    bytes_put64(&b, note->host_bytes);
    bytes_put(&b, note->host, note->host_bytes);
    const sim_bank *k = &s->banks[bank];
    for (int d = 0; d < ISA_DOMAINS; d++) bytes_put64(&b, (uint64_t)k->pos[d]);
    for (int i = 0; i < ISA_MAX_PHASES; i++) bytes_put32(&b, k->ran[i] != 0); // not how often
    for (uint32_t t = 0; t < s->p->n_tiles; t++)
        for (uint32_t r = 0; r < s->p->tiles[t].n_rings; r++) sim_ring_save(s, t, r, bank, &b);
    for (uint32_t i = 0; i < s->p->n_phases; i++)
        for (uint32_t t = 0; t < s->p->n_tiles; t++)
            for (uint32_t pc = 0; pc < s->p->tiles[t].phase[i].count; pc++) {
                history_form f;
                if (history_of(s, i, t, pc, &f))
                    save_history(&s->phases[i].history[(size_t)bank * s->phases[i].n + f.at], &f,
                                 &b);
            }
    uint64_t bytes = b.count + SUM_BYTES;
    bytes_set64(&b, bytes_at, bytes);
    bytes_put64(&b, file_hash64(b.items, b.count));
    fwrite(b.items, 1, b.count, to);
    vec_free(&b);
    return true;
}

// --- loading: a state is read completely before anything of the machine changes

typedef struct {
    int64_t pos[ISA_DOMAINS];
    uint32_t ran[ISA_MAX_PHASES];
    sim_ring *rings; // of all tiles
    size_t n_rings;
    sim_history *histories; // those there are, in their order
    size_t n_histories;
} state;

static void state_free(state *x) {
    for (size_t i = 0; i < x->n_rings; i++) sim_ring_free(&x->rings[i]);
    for (size_t i = 0; i < x->n_histories; i++) {
        free(x->histories[i].data);
        free(x->histories[i].trailers);
    }
    free(x->rings);
    free(x->histories);
}

// One past the largest position that rows of a domain may have.
static int64_t end_of(const sim *s, int d) {
    const isa_program *p = s->p;
    if (p->phases[p->n_phases - 1].free_domains >> d & 1)
        return p->max_tokens ? p->max_tokens : INT32_MAX;
    for (uint32_t i = 0; i < p->n_phases; i++)
        if (p->phases[i].free_domains >> d & 1) return p->phases[i].max_rows[d];
    return 0;
}

static bool read_counts(const sim *s, state *x, bytes_in *in) {
    bool ok = true;
    for (int d = 0; d < ISA_DOMAINS; d++) {
        x->pos[d] = (int64_t)bytes_get64(in);
        ok = ok && x->pos[d] >= 0 && x->pos[d] <= end_of(s, d);
    }
    for (uint32_t i = 0; i < ISA_MAX_PHASES; i++) {
        x->ran[i] = bytes_get32(in);
        ok = ok && x->ran[i] <= (i < s->p->n_phases);
    }
    return ok && in->ok;
}

static bool read_state(sim *s, state *x, bytes_in *in) {
    const isa_program *p = s->p;
    if (!read_counts(s, x, in)) return false;
    size_t n_rings = 0, n_insns = 0;
    for (uint32_t t = 0; t < p->n_tiles; t++) n_rings += p->tiles[t].n_rings;
    for (uint32_t i = 0; i < p->n_phases; i++) n_insns += s->phases[i].n;
    x->rings = base_calloc(n_rings + 1, sizeof *x->rings);
    x->histories = base_calloc(n_insns + 1, sizeof *x->histories);
    for (uint32_t t = 0; t < p->n_tiles; t++)
        for (uint32_t r = 0; r < p->tiles[t].n_rings; r++) {
            int64_t end = isa_ring_end(p, t, r, p->n_phases);
            if (!sim_ring_load_state(s, t, r, &x->rings[x->n_rings++], end, in)) return false;
        }
    for (uint32_t i = 0; i < p->n_phases; i++)
        for (uint32_t t = 0; t < p->n_tiles; t++)
            for (uint32_t pc = 0; pc < p->tiles[t].phase[i].count; pc++) {
                history_form f;
                if (history_of(s, i, t, pc, &f) &&
                    !load_history(&x->histories[x->n_histories++], &f, in))
                    return false;
            }
    return in->at == in->end;
}

// What was read takes the place of what was there, which goes with it.
static void swap_state(sim *s, uint32_t bank, state *x) {
    memcpy(s->banks[bank].pos, x->pos, sizeof x->pos);
    memcpy(s->banks[bank].ran, x->ran, sizeof x->ran);
    size_t n = 0;
    for (uint32_t t = 0; t < s->p->n_tiles; t++)
        for (uint32_t r = 0; r < s->p->tiles[t].n_rings; r++, n++) {
            sim_ring *to = sim_ring_of(s, t, r, bank), old = *to;
            *to = x->rings[n];
            x->rings[n] = old;
        }
    n = 0;
    for (uint32_t i = 0; i < s->p->n_phases; i++)
        for (uint32_t t = 0; t < s->p->n_tiles; t++)
            for (uint32_t pc = 0; pc < s->p->tiles[t].phase[i].count; pc++) {
                history_form f;
                if (!history_of(s, i, t, pc, &f)) continue;
                sim_history *to = &s->phases[i].history[(size_t)bank * s->phases[i].n + f.at],
                            old = *to;
                *to = x->histories[n];
                x->histories[n++] = old;
            }
}

static bool bad(const char *name, diag_sink *diags, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static bool bad(const char *name, diag_sink *diags, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    diag_vemit(diags, DIAG_ID_sim_state, DIAG_FILE(name), fmt, ap);
    va_end(ap);
    return false;
}

// The frame: is it a state file, of this version, complete and intact?
static bool check_frame(const char *name, const uint8_t *data, size_t bytes, diag_sink *diags) {
    bytes_in in = bytes_in_of(data, bytes);
    size_t head = bytes < sizeof magic ? bytes : sizeof magic;
    if (!bytes || memcmp(data, magic, head) != 0)
        return bad(name, diags,
                   "no state file: it does not begin with OHMSTATE (`ohmic generate --save-state` "
                   "makes them)");
    bytes_get(&in, sizeof magic);
    uint32_t version = bytes_get32(&in);
    uint64_t says = bytes_get64(&in);
    if (in.ok && version > SIM_STATE_VERSION)
        return bad(name, diags,
                   "a state file of version %" PRIu32 ", this ohmic reads version %d: load it with "
                   "the ohmic that saved it",
                   version, SIM_STATE_VERSION);
    if (!in.ok || bytes < says)
        return bad(name, diags, "the state file is cut off: %zu bytes of %" PRIu64, bytes,
                   in.ok ? says : HEAD);
    if (bytes > says || bytes < HEAD + SUM_BYTES || version == 0)
        return bad(name, diags, "the state file is damaged: %zu bytes, its head says %" PRIu64,
                   bytes, says);
    bytes_in sum = bytes_in_of(data + bytes - SUM_BYTES, SUM_BYTES);
    if (bytes_get64(&sum) != file_hash64(data, bytes - SUM_BYTES))
        return bad(name, diags,
                   "the state file is damaged: its content does not match its checksum");
    return true;
}

// False: reported.
static bool open_state(sim *s, const char *name, const uint8_t *data, size_t bytes, state *x,
                       sim_state_note *note, diag_sink *diags) {
    *x = (state){0};
    if (!is_stream(s, "a state cannot be loaded", diags) || !check_frame(name, data, bytes, diags))
        return false;
    bytes_in in = bytes_in_of(data + HEAD, bytes - HEAD - SUM_BYTES);
    size_t n_tool, n_chip, n_program;
    const uint8_t *id = bytes_get(&in, ID_BYTES);
    const char *tool = bytes_get_text(&in, &n_tool), *chip = bytes_get_text(&in, &n_chip),
               *program = bytes_get_text(&in, &n_program);
    note->host_bytes = bytes_get64(&in);
    note->host = bytes_get(&in, note->host_bytes);
    if (in.ok && memcmp(id, identity(s), ID_BYTES) != 0)
        return bad(name, diags,
                   "the state of another program: it was saved by '%.*s' (%.8s, chip %.*s, "
                   "compiled by %.*s), this one is %.8s for chip %s: load it with that program",
                   (int)min_i64((int64_t)n_program, 100), program, (const char *)id,
                   (int)min_i64((int64_t)n_chip, 40), chip, (int)min_i64((int64_t)n_tool, 40), tool,
                   identity(s), s->chip->name ? s->chip->name : "");
    if (in.ok && read_state(s, x, &in)) return true;
    state_free(x);
    return bad(name, diags, "the state file is damaged: it holds a state the program cannot reach");
}

bool sim_state_check(sim *s, const char *name, const void *data, size_t bytes, sim_state_note *note,
                     diag_sink *diags) {
    state x;
    if (!open_state(s, name, data, bytes, &x, note, diags)) return false;
    state_free(&x);
    return true;
}

bool sim_state_load(sim *s, uint32_t bank, const char *name, const void *data, size_t bytes,
                    diag_sink *diags) {
    CHECK(bank < s->p->banks, "bank %u", bank);
    state x;
    sim_state_note note;
    if (!open_state(s, name, data, bytes, &x, &note, diags)) return false;
    swap_state(s, bank, &x);
    state_free(&x);
    return true;
}
