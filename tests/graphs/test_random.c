// Random graphs, each on the interpreter as the importer gives it and as the program compiled of
// it: 0 differ. Arguments: how many (2,000), of which the first (0). A graph that fails is reduced
// and printed; OHMIC_SEED and its number repeat it. Eight that fail are enough to read.
#include "ir/text/text.h"
#include "tests/graphs/pieces.h"
#include "tests/graphs/try.h"
#include <string.h>

typedef struct {
    try_options o;
    try_verdict verdict;
} failure;

static bool still_fails(void *ctx, const graph *g) {
    const failure *f = ctx;
    return graph_try(g, &f->o).verdict == f->verdict;
}

static try_options options_of(uint64_t seed, const graph *g) {
    random_stream r = random_of(seed, RANDOM_TEST, 7);
    try_options o = {.seed = seed, .length = {random_in(&r, 1, 4), random_in(&r, 5, 40)}};
    const uint64_t chip = random_below(&r, 8);
    static const char *const coded[] = {"ideal-int8", "ohmic-1", "wang2025"};
    if (chip < ARRAY_LEN(coded)) {
        o.chip = coded[chip];
        o.codes = true;
    }
    if (g->has_mask && random_below(&r, 2))
        o.padding[1] = random_in(&r, 1, 4) * (random_below(&r, 2) ? 1 : -1);
    if (!g->has_past) return o;
    // A beginning, what follows on it, and a past of other numbers.
    o.length[1] = random_in(&r, 5, 20);
    o.length[2] = random_in(&r, 1, 12);
    o.past[2] = o.padding[1] > 0 ? 0 : TRY_FOLLOWS;
    o.padding[2] = min_i64(o.padding[1], 0);
    o.length[3] = random_in(&r, 1, 9);
    o.past[3] = random_in(&r, 1, 20);
    if (g->has_mask && random_below(&r, 2)) o.padding[3] = -random_in(&r, 0, o.past[3]);
    return o;
}

int main(int argc, char **argv) {
    const uint64_t seed = random_seed(1);
    const uint64_t n = argc > 1 ? strtoull(argv[1], NULL, 0) : 2000;
    const uint64_t from = argc > 2 ? strtoull(argv[2], NULL, 0) : 0;
    uint64_t verdicts[TRY_DIFFERS + 1] = {0}, refused[DIAG_ID_COUNT] = {0};
    enum { ENOUGH = 8 };
    for (uint64_t i = from; i < from + n; i++) {
        if (verdicts[TRY_CAUGHT] + verdicts[TRY_DIFFERS] == ENOUGH) break;
        uint64_t own = seed * 1000003 + i;
        graph g = graph_random(own);
        failure f = {.o = options_of(own, &g)};
        try_result t = graph_try(&g, &f.o);
        verdicts[t.verdict]++;
        if (t.verdict == TRY_REFUSED) refused[t.why]++;
        if (t.verdict != TRY_SAME && t.verdict < TRY_CAUGHT && getenv("OHMIC_VERBOSE"))
            printf("%" PRIu64 ": %s: %s\n", i, try_name(t.verdict), t.text);
        if (t.verdict >= TRY_CAUGHT) {
            printf("graph %" PRIu64 ": %s: %s\n", i, try_name(t.verdict), t.text);
            f.verdict = t.verdict;
            graph small = graph_reduced(&g, still_fails, &f);
            char *text = graph_text(&small);
            printf("%s%s\n", text, graph_try(&small, &f.o).text);
            free(text);
            graph_free(&small);
        }
        graph_free(&g);
    }
    for (int v = 0; v <= TRY_DIFFERS; v++)
        printf("%s %" PRIu64 "%s", try_name((try_verdict)v), verdicts[v],
               v < TRY_DIFFERS ? ", " : "\n");
    for (int id = 0; id < DIAG_ID_COUNT; id++)
        if (refused[id])
            printf("  refused with %s: %" PRIu64 "\n", diag_id_name((diag_id)id), refused[id]);
    return verdicts[TRY_DIFFERS] || verdicts[TRY_CAUGHT];
}
