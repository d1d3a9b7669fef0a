// Caches: past_key_values.* inputs go into rings, present.* outputs are read out of them.
//
// A ring holds rows of heads * width; ONNX caches have the axes batch, heads, tokens, width in one
// of the orders named by the ring's layout.
#include "host/parts.h"
#include <inttypes.h>
#include <string.h>

// ---- layouts ---------------------------------------------------------------------------------

static int64_t width_of(const engine_ring *r, bool is_key) { return is_key ? r->d : r->dv; }

static tensor cache_shape(const engine_ring *r, bool is_key, int64_t batch, int64_t tokens) {
    cache_axes x = cache_axes_of(r->layout);
    tensor t = {.type = ELEM_f32, .rank = 4};
    t.dim[x.b] = batch;
    t.dim[x.h] = r->n_kv;
    t.dim[x.t] = tokens;
    t.dim[x.d] = width_of(r, is_key);
    return t;
}

// ---- past ------------------------------------------------------------------------------------

static void check_cache(host_job *j, size_t ring, bool is_key, bool *used, bool any) {
    const engine_ring *r = &j->info->rings[ring];
    const char *name = is_key ? r->past_key : r->past_value;
    const tensor *t = NULL;
    for (size_t k = 0; k < j->inputs->count; k++) {
        if (strcmp(j->inputs->items[k].name, name) != 0) continue;
        t = &j->inputs->items[k].value;
        used[k] = true;
    }
    if (!t) {
        if (any) diag_emit(j->diags, DIAG_ID_host_input, DIAG_NOWHERE, "missing input '%s'", name);
        return;
    }
    (is_key ? j->past_key : j->past_value)[ring] = *t;
    cache_axes x = cache_axes_of(r->layout);
    tensor want = cache_shape(r, is_key, 0, 0);
    bool fits = elem_is_float(t->type) && t->rank == 4 && t->dim[x.h] == want.dim[x.h] &&
                t->dim[x.d] == want.dim[x.d];
    if (!fits) {
        const char *letters[4];
        letters[x.b] = "batch";
        letters[x.t] = "past";
        letters[x.h] = arena_printf(j->a, "%" PRId64, want.dim[x.h]);
        letters[x.d] = arena_printf(j->a, "%" PRId64, want.dim[x.d]);
        diag_emit(j->diags, DIAG_ID_host_input, DIAG_NOWHERE,
                  "input '%s' is %s, expected f32[%s,%s,%s,%s]", name, tensor_shape_text(j->a, t),
                  letters[0], letters[1], letters[2], letters[3]);
        return;
    }
    if (!j->has_past) {
        j->past = t->dim[x.t];
        j->past_batch = t->dim[x.b];
    } else if (t->dim[x.t] != j->past || t->dim[x.b] != j->past_batch) {
        diag_emit(j->diags, DIAG_ID_host_input, DIAG_NOWHERE,
                  "input '%s' holds %" PRId64 " tokens of %" PRId64
                  " sequences, other caches %" PRId64 " of %" PRId64,
                  name, t->dim[x.t], t->dim[x.b], j->past, j->past_batch);
    }
    j->has_past = true;
}

void host_past_check(host_job *j, bool *used) {
    size_t n = j->info->n_rings;
    j->past_key = ARENA_ARRAY(j->a, tensor, n + 1);
    j->past_value = ARENA_ARRAY(j->a, tensor, n + 1);
    bool any = false; // without any cache a sequence starts empty
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < j->inputs->count; k++)
            any |= strcmp(j->inputs->items[k].name, j->info->rings[i].past_key) == 0 ||
                   strcmp(j->inputs->items[k].name, j->info->rings[i].past_value) == 0;
    for (size_t i = 0; i < n; i++) {
        if (j->info->rings[i].past_key[0]) check_cache(j, i, true, used, any);
        if (j->info->rings[i].past_value[0]) check_cache(j, i, false, used, any);
    }
}

// Rows [from, past) of sequence b as the ring stores them.
static tensor cache_rows(const host_job *j, const engine_ring *r, const tensor *t, bool is_key,
                         int64_t b, int64_t from, arena *a) {
    int64_t w = width_of(r, is_key), n = t->rank == 4 ? j->past - from : 0;
    cache_axes x = cache_axes_of(r->layout);
    tensor out = tensor_new(a, ELEM_f32, 2, (int64_t[]){n, r->n_kv * w});
    float *to = out.data;
    for (int64_t i = 0; i < n; i++)
        for (int64_t h = 0; h < r->n_kv; h++)
            for (int64_t d = 0; d < w; d++)
                *to++ = (float)elem_load_f64(
                    t->type, t->data, cache_at(&x, t, t->dim[x.b] > 1 ? b : 0, h, from + i, d));
    return out;
}

bool host_past_load(host_job *j, int64_t b) {
    const host_span *s = &j->side[0].span[b];
    size_t n = j->info->n_rings;
    arena *a = arena_new();
    tensor *k = ARENA_ARRAY(a, tensor, n + 1), *v = ARENA_ARRAY(a, tensor, n + 1);
    for (size_t i = 0; i < n; i++) {
        const engine_ring *r = &j->info->rings[i];
        k[i] = cache_rows(j, r, &j->past_key[i], true, b, s->past_from, a);
        v[i] = cache_rows(j, r, &j->past_value[i], false, b, s->past_from, a);
    }
    bool ok = engine_load_past(j->e, s->start, k, v, j->diags);
    arena_free(a);
    return ok;
}

// ---- present ---------------------------------------------------------------------------------

size_t host_presents(const host_job *j, host_present **list) {
    size_t n = 0;
    *list = ARENA_ARRAY(j->a, host_present, 2 * j->info->n_rings + 1);
    for (size_t i = 0; i < 2 * j->info->n_rings; i++) {
        const engine_ring *r = &j->info->rings[i / 2];
        bool is_key = i % 2 == 0;
        const char *name = is_key ? r->present_key : r->present_value;
        if (!name[0] || !host_wants(j, name, true)) continue;
        tensor t = cache_shape(r, is_key, j->batch, j->past + j->side[0].tokens);
        (*list)[n++] =
            (host_present){i / 2, is_key, {name, tensor_new(j->a, t.type, t.rank, t.dim)}};
    }
    return n;
}

bool host_presents_read(host_job *j, int64_t b, host_present *list, size_t n) {
    const host_span *s = &j->side[0].span[b];
    int64_t want = j->past - s->past_from + s->until - s->from;
    bool ok = true;
    for (size_t i = 0; i < n; i++) {
        const engine_ring *r = &j->info->rings[list[i].ring];
        tensor *to = &list[i].out.value, k, v;
        arena *a = arena_new();
        cache_axes x = cache_axes_of(r->layout);
        bool read = want == 0 || engine_read_ring(j->e, list[i].ring, a, &k, &v);
        int64_t rows = want == 0 ? 0 : read ? k.dim[0] : 0, w = width_of(r, list[i].is_key);
        if (!read || rows < want) {
            diag_emit(j->diags, DIAG_ID_host_output, DIAG_NOWHERE,
                      "output '%s' cannot be read back: its ring holds the last %" PRId64
                      " of %" PRId64 " tokens (compile with --slots %" PRId64
                      " to keep them, or name the outputs wanted with --output)",
                      list[i].out.name, rows, want, want);
            ok = false;
        } else if (want > 0) {
            const float *from =
                (const float *)(list[i].is_key ? k.data : v.data) + (rows - want) * r->n_kv * w;
            for (int64_t t = 0; t < want; t++)
                for (int64_t h = 0; h < r->n_kv; h++)
                    for (int64_t d = 0; d < w; d++)
                        elem_store_f64(to->type, to->data,
                                       cache_at(&x, to, b, h, j->past + s->until - want + t, d),
                                       *from++);
        }
        arena_free(a);
    }
    return ok;
}
