// A program as a language model; see host.h.
#include "host/parts.h"
#include <inttypes.h>
#include <string.h>

static bool is_segment(const char *name) {
    return strstr(name, "type_id") || strstr(name, "segment");
}

// Masks, positions and segments are made here.
static bool is_made(const engine_port *p) {
    return p->integer && p->width == 1 &&
           (isa_role_is_mask(p->role) || p->role == ISA_ROLE_POSITIONS || is_segment(p->name));
}

static void open_input(host_text *t, size_t i, diag_sink *diags) {
    const engine_info *info = engine_describe(t->e);
    const engine_port *p = &info->ports[i];
    size_t *to = p->encoder ? &t->source : &t->ids;
    if (is_made(p)) return;
    if (!p->encoder && (!p->integer || p->width != 1))
        diag_emit(diags, DIAG_ID_host_input, DIAG_NOWHERE,
                  "the program is no language model over token ids: it needs input '%s'", p->name);
    else if (*to != SIZE_MAX)
        diag_emit(diags, DIAG_ID_host_input, DIAG_NOWHERE, "which input takes %s: '%s' or '%s'?",
                  p->encoder ? "what the encoder reads" : "the token ids", info->ports[*to].name,
                  p->name);
    *to = i;
}

// Of an encoder that reads only what is made here.
static void no_source(const engine_info *info, diag_sink *diags) {
    arena *a = arena_new();
    const char *found = "none";
    for (size_t i = 0, n = 0; i < info->n_ports; i++) {
        const engine_port *p = &info->ports[i];
        if (p->input && p->encoder)
            found = arena_printf(a, "%s%s'%s'", n ? found : "", n ? ", " : "", p->name), n++;
    }
    diag_emit(
        diags, DIAG_ID_host_input, DIAG_NOWHERE,
        "the encoder has no source: its inputs are %s, of which masks, positions and segments "
        "are made here; run takes them all",
        found);
    arena_free(a);
}

bool host_text_open(host_text *t, engine *e, diag_sink *diags) {
    const engine_info *info = engine_describe(e);
    *t = (host_text){.e = e, .ids = SIZE_MAX, .logits = SIZE_MAX, .source = SIZE_MAX};
    size_t errors = diag_errors(diags);
    for (size_t i = 0; i < info->n_ports; i++) {
        const engine_port *p = &info->ports[i];
        bool better = t->logits == SIZE_MAX || strcmp(p->name, "logits") == 0;
        if (p->input)
            open_input(t, i, diags);
        else if (!p->integer && !p->encoder && better)
            t->logits = i;
    }
    if (t->ids == SIZE_MAX)
        diag_emit(diags, DIAG_ID_host_input, DIAG_NOWHERE,
                  "the program is no language model: it has no input of token ids");
    if (t->logits == SIZE_MAX)
        diag_emit(diags, DIAG_ID_host_output, DIAG_NOWHERE,
                  "the program is no language model: it has no output of logits");
    if (info->has_encoder && t->source == SIZE_MAX) no_source(info, diags);
    return diag_errors(diags) == errors;
}

bool host_text_has_source(const host_text *t) { return engine_describe(t->e)->has_encoder; }

bool host_text_reads_ids(const host_text *t) {
    const engine_port *p = &engine_describe(t->e)->ports[t->source];
    return p->integer && p->width == 1;
}

// Are they ids that the port takes? False: reported.
static bool check_ids(const engine_port *p, const int32_t *ids, int64_t n, diag_sink *diags) {
    for (int64_t i = 0; i < n; i++) {
        if (!p->encoder && p->pad && ids[i] == p->pad - 1) {
            diag_emit(diags, DIAG_ID_host_range, DIAG_NOWHERE,
                      "token id %d is the model's padding, which counts no position", ids[i]);
            return false;
        }
        if (p->lo == p->hi || (ids[i] >= p->lo && ids[i] < p->hi)) continue;
        diag_emit(diags, DIAG_ID_host_range, DIAG_NOWHERE,
                  "token id %d is outside [%" PRId64 ", %" PRId64
                  "): is this the model's tokenizer?",
                  ids[i], p->lo, p->hi);
        return false;
    }
    return true;
}

// n rows of a port: ids of the given port, else ones, positions or zeros.
static tensor made_rows(const engine_port *p, const int32_t *ids, int64_t from, int64_t n,
                        arena *a) {
    tensor x = tensor_new(a, p->integer ? ELEM_i32 : ELEM_f32, p->integer && p->width == 1 ? 1 : 2,
                          (int64_t[]){n, p->width});
    for (int64_t i = 0; is_made(p) || ids ? i < n : false; i++)
        ((int32_t *)x.data)[i] = ids                             ? ids[i]
                                 : isa_role_is_mask(p->role)     ? 1
                                 : p->role == ISA_ROLE_POSITIONS ? (int32_t)(from + i)
                                                                 : 0;
    return x;
}

// ---- what an encoder reads -------------------------------------------------------------------

static bool check_length(const host_text *t, int64_t n, diag_sink *diags) {
    const engine_info *info = engine_describe(t->e);
    if (n > 0 && n <= info->max_encoder && (!info->fixed_encoder || n == info->fixed_encoder))
        return true;
    const bool fixed = info->fixed_encoder > 0;
    diag_emit(diags, DIAG_ID_host_length, DIAG_NOWHERE,
              "the source has %" PRId64 " tokens, the program's encoder takes %s%" PRId64, n,
              fixed ? "" : "1 ... ", fixed ? info->fixed_encoder : info->max_encoder);
    return false;
}

// The encoder's phase on n rows of the source.
static bool encode(host_text *t, int64_t n, const tensor *source, diag_sink *diags) {
    const engine_info *info = engine_describe(t->e);
    if (!check_length(t, n, diags)) return false;
    arena *a = arena_new();
    tensor *in = ARENA_ARRAY(a, tensor, info->n_ports),
           *out = ARENA_ARRAY(a, tensor, info->n_ports);
    size_t n_in = 0;
    for (size_t i = 0; i < info->n_ports; i++) {
        const engine_port *p = &info->ports[i];
        if (p->input)
            in[n_in++] = i == t->source ? *source : made_rows(p, NULL, 0, p->encoder ? n : 0, a);
    }
    bool ok = engine_encode(t->e, true, n, in, a, out, diags);
    t->pos = 0;
    arena_free(a);
    return ok;
}

bool host_text_source(host_text *t, const int32_t *ids, int64_t n, diag_sink *diags) {
    const engine_port *p = &engine_describe(t->e)->ports[t->source];
    if (!host_text_reads_ids(t)) {
        diag_emit(diags, DIAG_ID_host_input, DIAG_NOWHERE,
                  "the encoder reads values, input '%s', no text", p->name);
        return false;
    }
    if (!check_ids(p, ids, n, diags)) return false;
    arena *a = arena_new();
    const tensor rows = made_rows(p, ids, 0, n, a);
    bool ok = encode(t, n, &rows, diags);
    arena_free(a);
    return ok;
}

bool host_text_features(host_text *t, const tensor *x, diag_sink *diags) {
    const engine_port *p = &engine_describe(t->e)->ports[t->source];
    arena *a = arena_new();
    port_shape s;
    int64_t batch = 1, n = 0;
    port_map m = {0};
    bool fits = host_shape_of(p, &s) && elem_is_float(x->type) && !p->integer &&
                host_shape_bind(&s, x, &batch, &n) && batch == 1;
    if (fits && p->layout[0]) {
        fits = host_map_image(a, p, &s, &m);
        n = m.n_rows;
    } else if (fits) {
        m = port_map_of(a, &s, n, 0, 1, 0);
    }
    bool ok = fits;
    if (!fits) {
        diag_emit(diags, DIAG_ID_host_input, DIAG_NOWHERE,
                  "the source is %s, the encoder reads %s of '%s'", tensor_shape_text(a, x),
                  p->integer ? "token ids" : arena_printf(a, "f32%s", host_shape_text(a, &s)),
                  p->name);
    } else {
        tensor rows = tensor_new(a, ELEM_f32, 2, (int64_t[]){n, m.width});
        for (int64_t r = 0; r < n; r++)
            for (int64_t c = 0; c < m.width; c++)
                ((float *)rows.data)[r * m.width + c] =
                    (float)elem_load_f64(x->type, x->data, (size_t)(m.row[r] + m.column[c]));
        ok = encode(t, n, &rows, diags);
    }
    arena_free(a);
    return ok;
}

// ---- steps -----------------------------------------------------------------------------------

bool host_text_step(host_text *t, bool reset, const int32_t *ids, int64_t n, arena *a,
                    tensor *logits, diag_sink *diags) {
    const engine_info *info = engine_describe(t->e);
    if (!check_ids(&info->ports[t->ids], ids, n, diags)) return false;
    if (reset) t->pos = 0;
    tensor *in = ARENA_ARRAY(a, tensor, info->n_ports),
           *out = ARENA_ARRAY(a, tensor, info->n_ports);
    size_t n_in = 0, n_out = 0, wanted = 0;
    for (size_t i = 0; i < info->n_ports; i++) {
        const engine_port *p = &info->ports[i];
        if (p->input)
            in[n_in++] = made_rows(p, i == t->ids ? ids : NULL, t->pos, p->encoder ? 0 : n, a);
        if (i == t->logits) wanted = n_out;
        if (!p->input) n_out++;
    }
    // an encoder has begun the sequence
    if (!engine_step(t->e, reset && !info->has_encoder, n, in, a, out, diags)) return false;
    t->pos += n;
    *logits = out[wanted];
    return true;
}
