// Token by token: prompts are fed, tokens drawn, taken and fed in turn.
#include "cli/generate/generate.h"
#include "cli/report.h"
#include "cli/signals.h"
#include <string.h>

enum { PACE = 1000 }; // tokens whose seconds are reported together

// Feeds the ids that are not fed yet; then `next` is known.
static bool feed(generation *g) {
    int64_t chunk = max_i64(1, engine_describe(g->engine)->max_chunk);
    int64_t until = (int64_t)g->ids.count;
    while (g->model.pos < until) {
        arena *a = arena_new();
        tensor logits;
        int64_t at = g->model.pos, n = min_i64(chunk, until - at);
        bool ok = host_text_step(&g->model, at == 0, g->ids.items + at, n, a, &logits, g->diags);
        if (ok && at + n == until) {
            int64_t width = logits.dim[1], last = logits.dim[0] - 1;
            float *row = (float *)logits.data + last * width;
            int32_t forced = generate_forced_at(g, g->ids.count, width);
            generate_rule_out(g, row, width);
            g->next = forced >= 0
                          ? forced
                          : sampler_next(&g->sampler, row, width, g->ids.items, g->ids.count);
            g->has_next = true;
        }
        arena_free(a);
        if (!ok) return false;
    }
    return true;
}

bool generate_is_end(const generation *g, int32_t id) {
    for (size_t i = 0; i < g->ends.count; i++)
        if (g->ends.items[i] == id) return true;
    return g->texts.t && tokenizer_is_end(g->texts.t, id);
}

// Takes over the token that was sampled; false: it ends the text.
static bool take(generation *g) {
    if (generate_is_end(g, g->next)) {
        g->why = "end token";
        return false;
    }
    vec_push(&g->ids, g->next);
    g->has_next = false;
    generate_measure(g);
    if (args_flag(g->given, "ids") && !args_flag(g->given, "json")) {
        printf("%s%d", generate_made(g) > 1 ? " " : "", g->next);
        fflush(stdout);
    }
    if (generate_text_add(g)) return true;
    g->why = "stop text";
    return false;
}

static bool prefill(generation *g) {
    double start = report_now();
    if (g->n_prompt) {
        if (g->n_loaded) { // what the text before held back
            generate_text_flush(g);
            g->base = g->text.count;
        }
        if (!feed(g)) return false;
        generate_text_skip(g, g->n_loaded, g->ids.count);
    }
    g->prefill_seconds = report_now() - start;
    return true;
}

bool generate_turn(generation *g) {
    const engine_info *info = engine_describe(g->engine);
    const char *save = args_string(g->given, "save-state", NULL);
    size_t limit = (size_t)args_int(g->given, "tokens", 256);
    size_t every = save ? (size_t)args_int(g->given, "save-every", 0) : 0;
    if (!prefill(g)) return false;
    ran_wait(g->ran);
    double start = report_now(), before = start;
    g->why = "the number of tokens asked for (--tokens)";
    while (generate_made(g) < limit) {
        if (signals_interrupted()) {
            g->why = "an interrupt";
            break;
        }
        if (!g->has_next && g->model.pos == info->max_tokens) {
            g->why = arena_printf(g->a, "the program's maximum (%s)",
                                  engine_longer(g->a, info, info->max_tokens + 1));
            break;
        }
        if (!g->has_next && !feed(g)) return false;
        if (!take(g)) break;
        if (generate_made(g) % PACE == 0) {
            vec_push(&g->pace, report_now() - before);
            before = report_now();
        }
        if (every && generate_made(g) % every == 0 && !generate_save(g, save)) return false;
    }
    // With a state the text goes on another time: what is held back is part of it.
    bool ended = strcmp(g->why, "end token") == 0, stopped = strcmp(g->why, "stop text") == 0;
    if (!stopped && (!save || ended || g->interactive)) generate_text_flush(g);
    g->seconds = report_now() - start;
    return !save || generate_save(g, save);
}
