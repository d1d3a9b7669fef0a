// What do the inputs of a run mean? Names, types, sizes, padding, ranges; then rows for the
// program.
#include "host/parts.h"
#include "support/map.h"
#include "support/name.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

// ---- names, types, shapes --------------------------------------------------------------------

// What the compiler noted of an input of the model that is none of the program; NULL: nothing.
static const char *note_of(arena *a, const engine_info *info, const char *name) {
    const char *says = arena_printf(a, "input '%s' is ", name_text(a, name)); // as notes do
    const char *start = strstr(info->notes, says);
    const char *end = start ? strchr(start, '\n') : NULL;
    return !start ? NULL : end ? arena_strn(a, start, (size_t)(end - start)) : start;
}

const char *host_input_names(const engine_info *info, arena *a) {
    const char *text = "";
    for (size_t i = 0; i < info->n_ports; i++)
        if (info->ports[i].input)
            text = arena_printf(a, "%s%s%s", text, *text ? ", " : "", info->ports[i].name);
    map *pasts = map_new(); // rings may share them
    for (size_t i = 0; i < info->n_rings; i++)
        if (info->rings[i].past_key[0] && map_add(pasts, info->rings[i].past_key, 0) == MAP_NONE)
            text = arena_printf(a, "%s%s%s, %s", text, *text ? ", " : "", info->rings[i].past_key,
                                info->rings[i].past_value);
    map_free(pasts);
    return text;
}

bool host_has_input(const engine_info *info, const char *name) {
    for (size_t i = 0; i < info->n_ports; i++)
        if (info->ports[i].input && strcmp(info->ports[i].name, name) == 0) return true;
    for (size_t i = 0; i < info->n_rings; i++)
        if (strcmp(info->rings[i].past_key, name) == 0 ||
            strcmp(info->rings[i].past_value, name) == 0)
            return true;
    arena *a = arena_new();
    bool noted = note_of(a, info, name) != NULL;
    arena_free(a);
    return noted;
}

static void check_names(host_job *j, bool *used) {
    for (size_t i = 0; i < j->info->n_ports; i++) {
        const engine_port *p = &j->info->ports[i];
        if (!p->input) continue;
        for (size_t k = 0; k < j->inputs->count; k++) {
            if (strcmp(j->inputs->items[k].name, p->name) != 0) continue;
            j->given[i] = &j->inputs->items[k].value;
            used[k] = true;
        }
        if (!j->given[i])
            diag_emit(j->diags, DIAG_ID_host_input, DIAG_NOWHERE, "missing input '%s'", p->name);
    }
    for (size_t k = 0; k < j->inputs->count; k++)
        if (!used[k] && !note_of(j->a, j->info, j->inputs->items[k].name))
            diag_emit(j->diags, DIAG_ID_host_input, DIAG_NOWHERE,
                      "the program has no input '%s'; its inputs are %s", j->inputs->items[k].name,
                      host_input_names(j->info, j->a));
}

static bool is_set(const tensor *t) {
    for (size_t i = 0, n = tensor_count(t); i < n; i++)
        if (elem_load_i64(t->type, t->data, i) != 0) return true;
    return false;
}

// The other branch of a merged model takes its encoder's keys; the program computes them of what
// the encoder reads or gives, whatever they are here.
static void check_other_branch(const host_job *j) {
    const char *branch = NULL;
    for (size_t k = 0; k < j->inputs->count; k++) {
        const tensor_named *in = &j->inputs->items[k];
        const char *note = note_of(j->a, j->info, in->name);
        if (note && strstr(note, "is bound to 0:") && is_set(&in->value)) branch = in->name;
    }
    for (size_t k = 0; branch && k < j->inputs->count; k++) {
        const tensor_named *in = &j->inputs->items[k];
        const char *note = note_of(j->a, j->info, in->name);
        if (!note || !strstr(note, "is computed by the program") || !tensor_count(&in->value))
            continue;
        diag_emit(j->diags, DIAG_ID_host_computed, DIAG_NOWHERE,
                  "input '%s' holds keys or values of the encoder, which the program computes by "
                  "itself, and '%s' asks for these: leave both out",
                  in->name, branch);
        return;
    }
}

static bool counts_past(const host_job *j, const engine_port *p) {
    return isa_role_skips(p->role) && j->past > 0 && !p->encoder;
}

// One port's type and shape; gives its batch and token count. False: reported.
static bool check_port(host_job *j, size_t i, int64_t *batch, int64_t *tokens) {
    const engine_port *p = &j->info->ports[i];
    const tensor *t = j->given[i];
    const port_shape *s = &j->shape[i];
    if (t->type == p->onnx && host_shape_bind(s, t, batch, tokens)) return true;
    tensor expected = {.type = p->onnx};
    diag_emit(j->diags, DIAG_ID_host_input, DIAG_NOWHERE, "input '%s' is %s, expected %s%s",
              p->name, tensor_shape_text(j->a, t), elem_name(expected.type),
              host_shape_text(j->a, s));
    return false;
}

// Joins what one port says about the batch and the token count with what others said.
static void join_sizes(host_job *j, size_t i, const char **by_batch, const char **by_side) {
    const engine_port *p = &j->info->ports[i];
    host_side *side = &j->side[host_side_of(p)];
    const char **by_tokens = &by_side[host_side_of(p)];
    int64_t batch, tokens;
    if (!check_port(j, i, &batch, &tokens)) return;
    if (p->layout[0]) {
        port_map m;
        if (!host_map_image(j->a, p, &j->shape[i], &m)) {
            diag_emit(j->diags, DIAG_ID_host_input, DIAG_NOWHERE,
                      "input '%s': the program's layout '%s' does not fit its shape", p->name,
                      p->layout);
            return;
        }
        tokens = m.n_rows;
    }
    if (*by_batch && batch != j->batch && batch != 1 && j->batch != 1)
        diag_emit(j->diags, DIAG_ID_host_input, DIAG_NOWHERE,
                  "input '%s' holds %" PRId64 " sequences, '%s' %" PRId64, p->name, batch,
                  *by_batch, j->batch);
    if (!*by_batch || j->batch == 1) {
        j->batch = batch;
        *by_batch = p->name;
    }
    if (tokens < 0) return;
    if (!*by_tokens) {
        side->tokens = tokens - (counts_past(j, p) ? j->past : 0);
        *by_tokens = p->name;
    }
    if (counts_past(j, p) && tokens != j->past + side->tokens)
        diag_emit(j->diags, DIAG_ID_host_input, DIAG_NOWHERE,
                  "mask '%s' covers %" PRId64 " tokens, expected %" PRId64 ": %" PRId64
                  " past and %" PRId64 " new",
                  p->name, tokens, j->past + side->tokens, j->past, side->tokens);
    else if (!counts_past(j, p) && tokens != side->tokens)
        diag_emit(j->diags, DIAG_ID_host_input, DIAG_NOWHERE,
                  "input '%s' has %" PRId64 " tokens, '%s' has %" PRId64, p->name, tokens,
                  *by_tokens, side->tokens);
}

// All inputs agree on the batch and on the token count; masks count the past as well.
static bool check_sizes(host_job *j) {
    const char *by_batch = NULL, *by_tokens[2] = {0};
    size_t errors = diag_errors(j->diags);
    j->side[0].tokens = j->side[1].tokens = 1;
    for (int masks = 0; masks < 2; masks++)
        for (size_t i = 0; i < j->info->n_ports; i++)
            if (j->given[i] && isa_role_skips(j->info->ports[i].role) == masks)
                join_sizes(j, i, &by_batch, by_tokens);
    if (j->has_past && by_batch && j->past_batch != 1 && j->batch != j->past_batch)
        diag_emit(j->diags, DIAG_ID_host_input, DIAG_NOWHERE,
                  "the caches hold %" PRId64 " sequences, '%s' %" PRId64, j->past_batch, by_batch,
                  j->batch);
    return diag_errors(j->diags) == errors;
}

// ---- padding ---------------------------------------------------------------------------------

// Of a mask: 0 where it hides.
static double element(const host_job *j, size_t port, int64_t b, int64_t index) {
    const tensor *t = j->given[port];
    const engine_port *p = &j->info->ports[port];
    int64_t n = j->side[host_side_of(p)].tokens + (counts_past(j, p) ? j->past : 0);
    int64_t row = j->shape[port].has_batch && t->dim[0] > 1 ? b : 0;
    const double v = elem_load_f64(t->type, t->data, (size_t)(row * n + index));
    return p->role == ISA_ROLE_HIDES ? 1 - v : v;
}

// The tokens a mask leaves: one run of ones, [x, y) of past and new. False: reported.
static bool run_of_ones(host_job *j, size_t port, int64_t b, int64_t *x, int64_t *y) {
    int encoder = host_side_of(&j->info->ports[port]);
    int64_t n = j->side[encoder].tokens + (encoder ? 0 : j->past);
    const char *name = j->info->ports[port].name;
    *x = *y = 0;
    bool any = false;
    for (int64_t i = 0; i < n; i++) {
        double v = element(j, port, b, i);
        if (v != 0 && v != 1) {
            diag_emit(j->diags, DIAG_ID_host_mask, DIAG_NOWHERE,
                      "mask '%s' is %g at position %" PRId64 " of sequence %" PRId64
                      ", expected 0 or 1",
                      name, j->info->ports[port].role == ISA_ROLE_HIDES ? 1 - v : v, i, b);
            return false;
        }
        if (v == 0) continue;
        if (any && *y != i) {
            diag_emit(j->diags, DIAG_ID_host_mask, DIAG_NOWHERE,
                      "mask '%s' has a hole at position %" PRId64 " of sequence %" PRId64
                      ": only padding before or after a sequence can be run",
                      name, *y, b);
            return false;
        }
        if (!any) *x = i;
        any = true;
        *y = i + 1;
    }
    if (*x > 0 && j->info->ports[port].role == ISA_ROLE_LENGTH) {
        diag_emit(j->diags, DIAG_ID_host_mask, DIAG_NOWHERE,
                  "mask '%s' begins with padding in sequence %" PRId64
                  ": the model only counts its ones, so only padding behind a sequence can be run",
                  name, b);
        return false;
    }
    return true;
}

static bool check_length(host_job *j, int side, int64_t b, const host_span *s) {
    const engine_info *info = j->info;
    int64_t n = s->until - s->from, limit = side ? info->max_encoder : info->max_tokens;
    int64_t fixed = side ? info->fixed_encoder : info->fixed_rows;
    if (!side && !info->stream) limit = min_i64(limit, info->max_chunk);
    if (fixed && n != fixed && n > 0) {
        diag_emit(j->diags, DIAG_ID_host_length, DIAG_NOWHERE,
                  "the program takes sequences of exactly %" PRId64
                  " tokens, as the model was exported; sequence %" PRId64 " has %" PRId64,
                  fixed, b, n);
        return false;
    }
    if (s->start + n <= limit) return true;
    diag_emit(j->diags, DIAG_ID_host_length, DIAG_NOWHERE,
              "sequence %" PRId64 " reaches %" PRId64
              " tokens%s, the program was compiled for %" PRId64 ": %s",
              b, s->start + n, side ? " of the encoder" : "", limit,
              side ? arena_printf(j->a, "compile with --max-tokens %" PRId64, s->start + n)
                   : engine_longer(j->a, info, s->start + n));
    return false;
}

// A whole sequence begins at its first token.
static bool check_past(const host_job *j, const host_span *s) {
    if (j->info->stream || s->start == 0) return true;
    const char *words = "the program takes whole sequences"; // and why, where a note says it
    const char *why = strstr(j->info->notes, words);
    if (!why) why = words;
    diag_emit(j->diags, DIAG_ID_host_whole, DIAG_NOWHERE,
              "a past of %" PRId64 " tokens cannot be gone on with: %.*s (tok-whole)", s->start,
              (int)strcspn(why, "\n"), why);
    return false;
}

static bool find_spans(host_job *j, int side) {
    size_t mask = SIZE_MAX;
    bool ok = true, has_positions = false, counts = false, stream = j->info->stream && !side;
    int64_t tokens = j->side[side].tokens, past = side ? 0 : j->past;
    int64_t fixed = side ? j->info->fixed_encoder : j->info->fixed_rows;
    j->side[side].span = ARENA_ARRAY(j->a, host_span, j->batch + 1);
    for (size_t i = 0; i < j->info->n_ports; i++) {
        if (!j->given[i] || j->shape[i].row < 0 || host_side_of(&j->info->ports[i]) != side)
            continue;
        if (isa_role_skips(j->info->ports[i].role) && mask == SIZE_MAX) mask = i;
        // positions that count what a mask shows: as position ids would, but made by the program
        counts |= j->info->ports[i].pad > 0;
        has_positions |= counts || j->info->ports[i].role == ISA_ROLE_POSITIONS;
    }
    for (int64_t b = 0; b < j->batch; b++) {
        int64_t x = 0, y = past + tokens;
        if (mask != SIZE_MAX && !run_of_ones(j, mask, b, &x, &y)) {
            ok = false;
            continue;
        }
        host_span *s = &j->side[side].span[b];
        *s = (host_span){.from = max_i64(0, x - past),
                         .until = max_i64(0, y - past),
                         .past_from = min_i64(x, past)};
        s->from = min_i64(s->from, s->until);
        s->real_from = s->from;
        s->real_until = s->until;
        // A whole sequence runs with the padding in front, which may be read (not where positions
        // are counted without it), and one of a length that the model was frozen at with all. A
        // stream starts behind it: later, where positions are the program's own, since they count
        // padding as the model's did.
        if (fixed || (!stream && !counts)) s->from = 0;
        if (fixed) s->until = tokens;
        s->start = !stream ? past : has_positions ? past - s->past_from : past + s->from;
        ok = (side || check_past(j, s)) && check_length(j, side, b, s) && ok;
    }
    return ok;
}

// ---- ranges ----------------------------------------------------------------------------------

static bool check_range(host_job *j, size_t i) {
    const engine_port *p = &j->info->ports[i];
    const tensor *t = j->given[i];
    if (!p->integer || isa_role_skips(p->role) || j->shape[i].row < 0) return true;
    int64_t lo = p->lo < p->hi ? p->lo : INT32_MIN, hi = p->lo < p->hi ? p->hi : INT64_C(1) << 31;
    const host_side *side = &j->side[host_side_of(p)];
    port_map m = port_map_of(j->a, &j->shape[i], side->tokens, 0, 1, 0);
    for (int64_t b = 0; b < j->batch; b++) {
        int64_t base = t->dim[0] > 1 && j->shape[i].has_batch ? b * m.batch_stride : 0;
        for (int64_t r = side->span[b].real_from; r < side->span[b].real_until; r++)
            for (int64_t c = 0; c < m.width; c++) {
                const size_t at = (size_t)(base + m.row[r] + m.column[c]);
                const int64_t v = elem_load_i64(t->type, t->data, at);
                const bool whole =
                    !elem_is_float(t->type) || (double)v == elem_load_f64(t->type, t->data, at);
                if (whole && v >= lo && v < hi) continue;
                diag_emit(j->diags, DIAG_ID_host_range, DIAG_NOWHERE,
                          "input '%s' is %.17g at token %" PRId64 " of sequence %" PRId64
                          ", outside [%" PRId64 ", %" PRId64 ")%s",
                          p->name, elem_load_f64(t->type, t->data, at), r, b, lo, hi,
                          whole ? "" : ", or no whole number");
                return false;
            }
    }
    return true;
}

// Padding ids stand behind all others where positions are counted without them.
static bool check_padding(host_job *j, size_t i) {
    const engine_port *p = &j->info->ports[i];
    if (!p->pad || isa_role_is_mask(p->role) || j->shape[i].row < 0) return true;
    const tensor *t = j->given[i];
    const host_side *side = &j->side[host_side_of(p)];
    port_map m = port_map_of(j->a, &j->shape[i], side->tokens, 0, 1, 0);
    for (int64_t b = 0; b < j->batch; b++) {
        int64_t base = t->dim[0] > 1 && j->shape[i].has_batch ? b * m.batch_stride : 0,
                padding = -1;
        for (int64_t r = 0; r < side->span[b].real_until; r++) {
            int64_t id = elem_load_i64(t->type, t->data, (size_t)(base + m.row[r]));
            if (r < side->span[b].real_from && id != p->pad - 1) {
                diag_emit(j->diags, DIAG_ID_host_mask, DIAG_NOWHERE,
                          "input '%s' is %" PRId64 " at token %" PRId64 " of sequence %" PRId64
                          ", which a mask hides: the model counts positions of all ids but %" PRId64
                          ", so what is hidden in front must be that",
                          p->name, id, r, b, p->pad - 1);
                return false;
            }
            if (r < side->span[b].real_from) continue;
            if (id == p->pad - 1 && padding < 0) padding = r;
            if (id == p->pad - 1 || padding < 0) continue;
            diag_emit(j->diags, DIAG_ID_host_mask, DIAG_NOWHERE,
                      "input '%s' has padding (id %" PRId64 ") at token %" PRId64
                      " of sequence %" PRId64
                      " in front of others: the model counts positions without it, so padding "
                      "stands behind a sequence, or is hidden by a mask",
                      p->name, p->pad - 1, padding, b);
            return false;
        }
    }
    return true;
}

// Of a mask whose tokens all run: something must be seen, by the first token already where it says
// so.
static bool check_seen(host_job *j, size_t i) {
    const engine_port *p = &j->info->ports[i];
    if (p->role != ISA_ROLE_WEIGHTS && p->role != ISA_ROLE_ONES_FIRST) return true;
    for (int64_t b = 0; b < j->batch; b++) {
        int64_t n = j->side[host_side_of(p)].tokens, first = 0;
        while (first < n && element(j, i, b, first) == 0) first++;
        if (first == 0 || (p->role == ISA_ROLE_WEIGHTS && first < n)) continue;
        diag_emit(j->diags, DIAG_ID_host_mask, DIAG_NOWHERE,
                  first == n ? "mask '%s' hides all of sequence %" PRId64
                             : "mask '%s' hides the beginning of sequence %" PRId64
                               ", which the model reads all the same: only padding behind a "
                               "sequence can be run",
                  p->name, b);
        return false;
    }
    return true;
}

// Positions that the program counts by itself must be those that were given.
static bool check_positions(host_job *j) {
    for (size_t k = 0; k < j->inputs->count; k++) {
        const tensor_named *in = &j->inputs->items[k];
        const char *note = note_of(j->a, j->info, in->name);
        if (!note || !strstr(note, "position")) continue;
        const tensor *t = &in->value;
        const int64_t n = (int64_t)tensor_count(t), tokens = j->side[0].tokens,
                      rows = tokens > 0 ? n / tokens : 0;
        for (int64_t b = 0; b < rows && b < j->batch; b++) {
            const host_span *s = &j->side[0].span[b];
            for (int64_t r = s->real_from; r < s->real_until; r++) {
                int64_t v = elem_load_i64(t->type, t->data, (size_t)(b * tokens + r));
                if (v == s->start + r - s->from) continue;
                diag_emit(j->diags, DIAG_ID_host_range, DIAG_NOWHERE,
                          "input '%s' is %" PRId64 " at token %" PRId64 " of sequence %" PRId64
                          ": the program was compiled to count positions by itself",
                          in->name, v, r, b);
                return false;
            }
        }
    }
    return true;
}

// A mask of which the model only counts the ones, which the program takes to be as many as there
// are tokens: padding behind a sequence does not matter, and any other does.
static bool check_counted_masks(host_job *j) {
    for (size_t k = 0; k < j->inputs->count; k++) {
        const tensor_named *in = &j->inputs->items[k];
        const char *note = note_of(j->a, j->info, in->name);
        if (!note || !strstr(note, "counts its ones") || in->value.rank < 1) continue;
        const tensor *t = &in->value;
        const int64_t n = t->dim[t->rank - 1], count = (int64_t)tensor_count(t);
        for (int64_t i = 0; i < count; i++) {
            const bool hidden = elem_load_f64(t->type, t->data, (size_t)i) == 0;
            const bool seen_behind =
                i % n + 1 < n && elem_load_f64(t->type, t->data, (size_t)i + 1) != 0;
            if (!hidden || (!seen_behind && j->past == 0)) continue;
            diag_emit(j->diags, DIAG_ID_host_mask, DIAG_NOWHERE,
                      "mask '%s' hides token %" PRId64 " of sequence %" PRId64
                      ": the model only counts its ones, so only padding behind a sequence without "
                      "a past can be run",
                      in->name, i % n, i / n);
            return false;
        }
    }
    return true;
}

bool host_inputs_check(host_job *j) {
    size_t n = j->info->n_ports, errors = diag_errors(j->diags);
    bool *used = ARENA_ARRAY(j->a, bool, j->inputs->count + 1);
    j->given = ARENA_ARRAY(j->a, const tensor *, n + 1);
    j->shape = ARENA_ARRAY(j->a, port_shape, n + 1);
    j->batch = 1;
    for (size_t i = 0; i < n; i++)
        if (!host_shape_of(&j->info->ports[i], &j->shape[i]))
            diag_emit(j->diags, DIAG_ID_host_input, DIAG_NOWHERE,
                      "port '%s' of the program has the shape '%s', which means nothing",
                      j->info->ports[i].name, j->info->ports[i].shape);
    host_past_check(j, used);
    check_names(j, used);
    check_other_branch(j);
    if (diag_errors(j->diags) > errors || !check_sizes(j) || !find_spans(j, 0) ||
        (j->info->has_encoder && !find_spans(j, 1)))
        return false;
    for (size_t i = 0; i < n; i++)
        if (j->given[i] && check_range(j, i) && check_padding(j, i)) check_seen(j, i);
    check_positions(j);
    check_counted_masks(j);
    return diag_errors(j->diags) == errors;
}

// ---- rows ------------------------------------------------------------------------------------

static tensor rows_of(host_job *j, size_t i, int64_t b, int64_t from, int64_t n, arena *a) {
    const engine_port *p = &j->info->ports[i];
    const tensor *t = j->given[i];
    port_map m;
    if (p->layout[0])
        host_map_image(a, p, &j->shape[i], &m);
    else
        m = port_map_of(a, &j->shape[i],
                        j->side[host_side_of(p)].tokens + (counts_past(j, p) ? j->past : 0), 0, 1,
                        0);
    if (counts_past(j, p)) from += j->past;
    if (j->shape[i].row < 0 && !p->layout[0]) from = 0, n = 1;
    int64_t base = j->shape[i].has_batch && t->dim[0] > 1 ? b * m.batch_stride : 0;
    bool flat = p->integer && m.width == 1;
    tensor out =
        tensor_new(a, p->integer ? ELEM_i32 : ELEM_f32, flat ? 1 : 2, (int64_t[]){n, m.width});
    for (int64_t r = 0; r < n; r++)
        for (int64_t c = 0; c < m.width; c++) {
            size_t at = (size_t)(base + m.row[from + r] + m.column[c]);
            int64_t to = r * m.width + c;
            if (!p->integer)
                ((float *)out.data)[to] = (float)elem_load_f64(t->type, t->data, at);
            else if (elem_is_float(t->type))
                elem_store_f64(ELEM_i32, out.data, (size_t)to, elem_load_f64(t->type, t->data, at));
            else
                ((int32_t *)out.data)[to] = (int32_t)elem_load_i64(t->type, t->data, at);
        }
    for (int64_t r = 0; p->role == ISA_ROLE_HIDES && r < n; r++)
        ((int32_t *)out.data)[r] = 1 - ((int32_t *)out.data)[r];
    // Padding in front of a whole sequence may hold anything.
    for (int64_t r = 0; p->integer && p->lo != p->hi && r < n; r++)
        for (int64_t c = 0; c < m.width; c++) {
            int32_t *v = (int32_t *)out.data + r * m.width + c;
            if (*v < p->lo || *v >= p->hi) *v = (int32_t)p->lo;
        }
    return out;
}

void host_inputs_rows(host_job *j, int side, int64_t b, int64_t from, int64_t n, arena *a,
                      tensor *rows) {
    size_t k = 0;
    for (size_t i = 0; i < j->info->n_ports; i++) {
        bool other = host_side_of(&j->info->ports[i]) != side && j->shape[i].row >= 0;
        if (j->info->ports[i].input)
            rows[k++] = rows_of(j, i, b, other ? 0 : from, other ? 0 : n, a);
    }
}
