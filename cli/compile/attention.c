// What the summary says about attention: read-out, device, and how much of the gain cells stands
// idle. Rings of which the same can be said are counted, not repeated.
#include "cli/compile/compile.h"
#include "ir/ring.h"
#include "support/name.h"
#include "support/vec.h"
#include <inttypes.h>
#include <string.h>

typedef struct {
    const ir_ring *ring;
    size_t count;
    bool charge;
    int64_t heads, q_per_kv, slots, window, sub_tile, sub_tiles, d, dv;
    int64_t width;    // columns of an array; 0: the chip states none
    double idle;      // share of the cells
    const char *text; // all of it but the count
} kind;
typedef VEC(kind) kinds;

static const char *levels(arena *a, int64_t n) {
    return n ? arena_printf(a, "%" PRId64, n) : "real";
}

static const char *device(arena *a, const kind *x) {
    const ir_ring *r = x->ring;
    const char *q = levels(a, r->q_levels), *kv = levels(a, r->kv_levels);
    if (!x->charge && !r->sub_tile) return "real numbers";
    if (!x->charge) {
        const char *adc = r->adc_bits ? arena_printf(a, "%" PRId64 "-bit converter", r->adc_bits)
                                      : "exact converter";
        return arena_printf(a, "levels q %s, kv %s, p %s; %s", q, kv, levels(a, r->p_levels), adc);
    }
    const char *p = "";
    for (size_t i = 0; i < r->cell.count; i++)
        p = arena_printf(a, "%s%s%.5g", p, i ? ", " : "", r->cell.items[i]);
    return arena_printf(a, "levels q %s, kv %s, out %s; cell [%s], saturates: %s, %s", q, kv,
                        levels(a, r->out_levels), p, ir_word(IR_ENUM_saturation, (int)r->saturate),
                        r->decay > 0 ? arena_printf(a, "decay %.4g a token", r->decay)
                                     : "no decay");
}

static kind describe(arena *a, const ir_ring *r, const machine *chip) {
    kind x = {.ring = r,
              .count = 1,
              .charge = ir_ring_is_charge(r),
              .heads = r->n_kv,
              .q_per_kv = r->q_per_kv,
              .slots = r->slots,
              .window = r->window > 0 && r->window < r->slots ? r->window : r->slots,
              .d = r->d,
              .dv = r->dv,
              .sub_tile = r->sub_tile ? r->sub_tile : chip->gain.sub_tile};
    x.sub_tiles = ceil_div_i64(x.slots, x.sub_tile);
    int64_t width = x.width = chip->gain.head_width;
    if (width > 0) {
        int64_t cells = x.charge ? 1 : max_i64(1, chip->gain.score_cells); // of an element
        int64_t arrays = ceil_div_i64(x.d * cells, width) + ceil_div_i64(x.dv * cells, width);
        x.idle = 1 - (double)(x.slots * (x.d + x.dv) * cells) /
                         (double)(x.sub_tiles * x.sub_tile * arrays * width);
    }
    const char *window = x.window < x.slots ? arena_printf(a, ", window %" PRId64, x.window) : "";
    const char *heads = arena_printf(a, "%" PRId64 " heads", x.heads);
    if (x.q_per_kv > 1)
        heads =
            arena_printf(a, "%" PRId64 " query heads on %" PRId64, x.heads * x.q_per_kv, x.heads);
    const char *idle =
        x.idle > 0 ? arena_printf(a, ", %.1f %% of the cells idle", 100 * x.idle) : "";
    x.text = arena_printf(
        a, "by %s: %s, %" PRId64 " slots in %" PRId64 " sub-tile%s of %" PRId64 "%s%s; %s",
        x.charge ? "charges" : "scores", heads, x.slots, x.sub_tiles, x.sub_tiles == 1 ? "" : "s",
        x.sub_tile, window, idle, device(a, &x));
    return x;
}

static kinds collect(arena *a, const compilation *c) {
    kinds list = {0};
    for (size_t i = 0; i < c->module->symbols.count; i++) {
        const ir_symbol *s = c->module->symbols.items[i];
        if (!s->ring) continue;
        kind x = describe(a, s->ring, c->chip);
        size_t k = 0;
        while (k < list.count && strcmp(list.items[k].text, x.text) != 0) k++;
        if (k < list.count)
            list.items[k].count++;
        else
            vec_push(&list, x);
    }
    return list;
}

void compile_attention(const compilation *c, FILE *out) {
    arena *a = arena_new();
    kinds list = collect(a, c);
    for (size_t i = 0; i < list.count; i++)
        fprintf(out, "%-9s %zu read out %s\n", i ? "" : "attention", list.items[i].count,
                name_text(a, list.items[i].text));
    if (c->program->token_period_ns > 0)
        fprintf(out, "          token period %.6g ns\n", c->program->token_period_ns);
    vec_free(&list);
    arena_free(a);
}

json_t *compile_attention_json(const compilation *c) {
    arena *a = arena_new();
    kinds list = collect(a, c);
    json_t *out = json_array();
    for (size_t i = 0; i < list.count; i++) {
        const kind *x = &list.items[i];
        json_add(out, json_make("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}",
                                "readout", x->charge ? "charge" : "score", "rings",
                                (json_int_t)x->count, "heads", (json_int_t)x->heads, "query_heads",
                                (json_int_t)(x->heads * x->q_per_kv), "slots", (json_int_t)x->slots,
                                "window", (json_int_t)x->window, "sub_tiles",
                                (json_int_t)x->sub_tiles, "sub_tile", (json_int_t)x->sub_tile,
                                "key_columns", (json_int_t)x->d, "value_columns", (json_int_t)x->dv,
                                "idle_cells", x->width > 0 ? json_figure(x->idle) : json_null(),
                                "device", json_name(device(a, x))));
    }
    vec_free(&list);
    arena_free(a);
    return out;
}
