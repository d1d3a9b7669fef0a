// A text's state file: the simulator's state (runtime-sim/sim.h), and beside it what the host
// knows. Little-endian:
//
//   u32 version  u32 ids  u32 n_given  u32 fed  i32 next (-1: none)  u64 shown (all ones: all)
//   f64 temperature  i64 top_k  f64 top_p  f64 min_p  f64 penalty  i64 its window
//   u64 seed  u64 words drawn  i32 id[ids]
#include "cli/generate/generate.h"
#include "support/file/bytes.h"
#include "support/file/file.h"
#include <inttypes.h>
#include <string.h>

enum { HOST_VERSION = 3 };
#define ALL_SHOWN UINT64_MAX

bool generate_save(generation *g, const char *path) {
    bytes_out b = {0};
    bytes_put32(&b, HOST_VERSION);
    bytes_put32(&b, (uint32_t)g->ids.count);
    bytes_put32(&b, (uint32_t)g->n_given);
    bytes_put32(&b, (uint32_t)g->model.pos);
    bytes_put32(&b, g->has_next ? (uint32_t)g->next : UINT32_MAX);
    bool stopped = g->why && strcmp(g->why, "stop text") == 0; // it is never shown
    bytes_put64(&b, g->stream && !stopped ? g->shown - g->base : ALL_SHOWN);
    bytes_put_f64(&b, g->sampler.temperature);
    bytes_put64(&b, (uint64_t)g->sampler.top_k);
    bytes_put_f64(&b, g->sampler.top_p);
    bytes_put_f64(&b, g->sampler.min_p);
    bytes_put_f64(&b, g->sampler.penalty);
    bytes_put64(&b, (uint64_t)g->sampler.penalty_window);
    bytes_put64(&b, g->seed);
    bytes_put64(&b, g->sampler.draws.drawn);
    bytes_put_words(&b, g->ids.items, g->ids.count);
    const sim_state_note note = {file_base(g->path), b.items, b.count};
    file_out *out = file_out_open(path, g->diags);
    bool ok =
        out && sim_state_save(engine_sim(g->engine), 0, &note, file_out_stream(out), g->diags);
    if (ok)
        ok = file_out_commit(out, g->diags);
    else
        file_out_abandon(out);
    vec_free(&b);
    return ok;
}

bool generate_state_parse(const void *host, size_t n, const char *name, generate_state *s,
                          diag_sink *diags) {
    bytes_in in = bytes_in_of(host, n);
    uint32_t version = bytes_get32(&in);
    if (in.ok && version > 0 && version != HOST_VERSION && version <= 0xFF) {
        diag_emit(diags, DIAG_ID_sim_state, DIAG_FILE(name),
                  "a text of version %" PRIu32 ", this ohmic goes on with version %d: load it with "
                  "the ohmic that saved it",
                  version, HOST_VERSION);
        return false;
    }
    uint32_t n_ids = bytes_get32(&in);
    s->n_given = bytes_get32(&in);
    s->fed = bytes_get32(&in);
    s->next = (int32_t)bytes_get32(&in);
    s->shown = bytes_get64(&in);
    sampler *how = &s->sampler;
    how->temperature = bytes_get_f64(&in);
    how->top_k = (int64_t)bytes_get64(&in);
    how->top_p = bytes_get_f64(&in);
    how->min_p = bytes_get_f64(&in);
    how->penalty = bytes_get_f64(&in);
    how->penalty_window = (int64_t)bytes_get64(&in);
    s->seed = bytes_get64(&in);
    s->drawn = bytes_get64(&in);
    bool ok = version == HOST_VERSION && in.ok && n_ids == (uint64_t)(in.end - in.at) / 4 &&
              s->n_given <= n_ids && s->fed + (s->next < 0) == n_ids && how->temperature >= 0 &&
              how->top_k >= 0 && how->top_p > 0 && how->top_p <= 1 && how->min_p >= 0 &&
              how->min_p <= 1 && how->penalty > 0 && how->penalty_window >= 0;
    if (ok) {
        vec_reserve(&s->ids, n_ids);
        s->ids.count = n_ids;
        ok = bytes_get_words(&in, s->ids.items, n_ids) && in.at == in.end;
    }
    if (!ok)
        diag_emit(diags, DIAG_ID_sim_state, DIAG_FILE(name),
                  "the state of no text: `ohmic generate --save-state` did not save it");
    return ok;
}

void generate_sampler(generation *g, const sampler *otherwise, uint64_t drawn) {
    const args *v = g->given;
    sampler s = *otherwise;
    s.top_k = args_int(v, "top-k", s.top_k);
    s.top_p = args_real(v, "top-p", s.top_p);
    s.min_p = args_real(v, "min-p", s.min_p);
    s.penalty = args_real(v, "repetition-penalty", s.penalty);
    s.penalty_window = args_int(v, "repetition-window", s.penalty_window);
    bool warm = args_int(v, "top-k", 0) > 0 || args_real(v, "top-p", 1) < 1 ||
                args_real(v, "min-p", 0) > 0; // asks for draws
    if (s.temperature <= 0 && warm) s.temperature = 1;
    s.temperature = args_real(v, "temperature", s.temperature);
    s.draws = random_of(g->seed, RANDOM_TOKENS, 0);
    random_seek(&s.draws, drawn);
    g->sampler = s;
}

// What the command line says goes before what the file says.
static void take_options(generation *g, const generate_state *s) {
    g->seed = (uint64_t)args_int(g->given, "seed", (int64_t)s->seed);
    generate_sampler(g, &s->sampler, g->seed == s->seed ? s->drawn : 0);
}

bool generate_load(generation *g, const char *path) {
    file_map f;
    if (!file_map_open(&f, path, g->diags)) return false;
    sim *s = engine_sim(g->engine);
    sim_state_note note;
    generate_state x = {0};
    bool ok = sim_state_check(s, f.name, f.data, f.bytes, &note, g->diags) &&
              generate_state_parse(note.host, note.host_bytes, f.name, &x, g->diags);
    ok = ok && sim_state_load(s, 0, f.name, f.data, f.bytes, g->diags);
    if (ok && sim_pos(s, 0) != (int64_t)x.fed) {
        diag_emit(g->diags, DIAG_ID_sim_state, DIAG_FILE(f.name),
                  "the state of no text: it has %" PRIu32 " tokens, the machine has seen %" PRId64,
                  x.fed, sim_pos(s, 0));
        ok = false;
    }
    if (ok) {
        vec_free(&g->ids);
        g->ids = x.ids;
        x.ids = (tokenizer_ids){0};
        g->n_loaded = g->ids.count;
        g->n_given = x.n_given;
        g->model.pos = x.fed;
        g->has_next = x.next >= 0;
        g->next = x.next;
        take_options(g, &x);
        generate_text_skip(g, 0, g->n_given);
        generate_text_restore(g, g->n_given, g->n_loaded);
        g->first = g->shown = x.shown < g->text.count ? (size_t)x.shown : g->text.count;
    }
    vec_free(&x.ids);
    file_map_close(&f);
    return ok;
}
