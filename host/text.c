// A program as a language model; see host.h.
#include "host/host.h"
#include <inttypes.h>
#include <string.h>

static bool is_segment(const char *name) {
    return strstr(name, "type_id") || strstr(name, "segment");
}

bool host_text_open(host_text *t, engine *e, diag_sink *diags) {
    const engine_info *info = engine_describe(e);
    *t = (host_text){.e = e, .ids = SIZE_MAX, .logits = SIZE_MAX};
    size_t errors = diag_errors(diags);
    if (info->has_encoder) {
        diag_emit(diags, DIAG_ID_host_input, DIAG_NOWHERE,
                  "the program has an encoder in front of its decoder: only `ohmic run` feeds "
                  "both; text is streamed through decoders alone");
        return false;
    }
    for (size_t i = 0; i < info->n_ports; i++) {
        const engine_port *p = &info->ports[i];
        if (!p->input) {
            bool better = t->logits == SIZE_MAX || strcmp(p->name, "logits") == 0;
            if (!p->integer && better) t->logits = i;
        } else if (!p->integer || p->width != 1) {
            diag_emit(diags, DIAG_ID_host_input, DIAG_NOWHERE,
                      "the program is no language model over token ids: it needs input '%s'",
                      p->name);
        } else if (!isa_role_is_mask(p->role) && p->role != ISA_ROLE_POSITIONS &&
                   !is_segment(p->name)) {
            if (t->ids != SIZE_MAX)
                diag_emit(diags, DIAG_ID_host_input, DIAG_NOWHERE,
                          "which input takes the token ids: '%s' or '%s'?",
                          info->ports[t->ids].name, p->name);
            t->ids = i;
        }
    }
    if (t->ids == SIZE_MAX)
        diag_emit(diags, DIAG_ID_host_input, DIAG_NOWHERE,
                  "the program is no language model: it has no input of token ids");
    if (t->logits == SIZE_MAX)
        diag_emit(diags, DIAG_ID_host_output, DIAG_NOWHERE,
                  "the program is no language model: it has no output of logits");
    return diag_errors(diags) == errors;
}

static tensor input_of(const host_text *t, size_t port, const int32_t *ids, int64_t n, arena *a) {
    const engine_port *p = &engine_describe(t->e)->ports[port];
    tensor x = tensor_new(a, ELEM_i32, 1, &n);
    for (int64_t i = 0; i < n; i++)
        ((int32_t *)x.data)[i] = port == t->ids                  ? ids[i]
                                 : isa_role_is_mask(p->role)     ? 1
                                 : p->role == ISA_ROLE_POSITIONS ? (int32_t)(t->pos + i)
                                                                 : 0;
    return x;
}

bool host_text_step(host_text *t, bool reset, const int32_t *ids, int64_t n, arena *a,
                    tensor *logits, diag_sink *diags) {
    const engine_info *info = engine_describe(t->e);
    const engine_port *p = &info->ports[t->ids];
    for (int64_t i = 0; i < n; i++) {
        if (p->pad && ids[i] == p->pad - 1) {
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
    if (reset) t->pos = 0;
    tensor *in = ARENA_ARRAY(a, tensor, info->n_ports),
           *out = ARENA_ARRAY(a, tensor, info->n_ports);
    size_t n_in = 0, n_out = 0, wanted = 0;
    for (size_t i = 0; i < info->n_ports; i++) {
        if (info->ports[i].input) in[n_in++] = input_of(t, i, ids, n, a);
        if (i == t->logits) wanted = n_out;
        if (!info->ports[i].input) n_out++;
    }
    if (!engine_step(t->e, reset, n, in, a, out, diags)) return false;
    t->pos += n;
    *logits = out[wanted];
    return true;
}
