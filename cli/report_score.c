// Scores as text and as JSON; see report_score.h.
#include "cli/report_score.h"
#include "cli/report.h"
#include "support/name.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

static double per(double sum, uint64_t count) { return count ? sum / (double)count : 0; }

static void show_table(const eval_table *t, const eval_score *s) {
    if (!t->by) return;
    const eval_share all = {"all", s->nll, s->count, s->right};
    arena *a = arena_new();
    printf("%-12s %8s %8s %8s %12s\n", t->by, "right", "of", "top-1 %", "perplexity");
    for (size_t i = 0; i <= t->count; i++) {
        const eval_share *x = i < t->count ? &t->items[i] : &all;
        if (x->count)
            printf("%-12s %8" PRIu64 " %8" PRIu64 " %8.2f %12.4f\n", name_text(a, x->label),
                   x->right, x->count, 100 * per((double)x->right, x->count),
                   exp(per(x->nll, x->count)));
    }
    arena_free(a);
}

void report_score(const char *what, const eval_score *s, const sim_stats *totals) {
    double top = 100 * per((double)s->right, s->count), nll = per(s->nll, s->count);
    bool masked = strcmp(what, "masked") == 0;
    if (strcmp(what, "perplexity") == 0)
        printf("perplexity %.4f, top-1 %.2f %%, nll %.5f; %" PRIu64 " tokens in %" PRIu64
               " sequences, %.1f s\n",
               exp(nll), top, nll, s->count, s->sequences, s->seconds);
    else if (masked)
        printf("masked top-1 %.2f %%, nll %.5f; %" PRIu64 " of %" PRIu64 " tokens in %" PRIu64
               " sequences, %.1f s\n",
               top, nll, s->right, s->count, s->sequences, s->seconds);
    else
        printf("%s %" PRIu64 " of %" PRIu64 ": %.2f %%, nll %.5f, %.1f s\n",
               strcmp(what, "recall") == 0 ? "recalled" : "right", s->right, s->count, top, nll,
               s->seconds);
    if (s->agree >= 0)
        printf("as the reference: %" PRId64 " of %" PRIu64 " %s\n", s->agree, s->agree_of,
               masked ? "sequences" : "items");
    for (size_t i = 0; i < ARRAY_LEN(s->table); i++) show_table(&s->table[i], s);
    if (!totals) return;
    report_adc(totals, stdout);
    report_stats(totals, stdout);
}

json_t *report_score_json(const char *what, const eval_score *s, const sim_stats *totals) {
    double nll = per(s->nll, s->count);
    json_t *j = json_make("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "score", what, "count",
                          json_count(s->count), "right", json_count(s->right), "sequences",
                          json_count(s->sequences), "top1",
                          json_figure(per((double)s->right, s->count)), "nll", json_figure(nll),
                          "perplexity", json_figure(exp(nll)), "seconds", json_figure(s->seconds));
    if (s->agree >= 0) json_put(j, "as_reference", json_count((uint64_t)s->agree));
    for (size_t i = 0; i < ARRAY_LEN(s->table); i++) {
        const eval_table *t = &s->table[i];
        char key[32];
        if (!t->by) continue;
        json_t *list = json_array();
        for (size_t k = 0; k < t->count; k++) {
            const eval_share *x = &t->items[k];
            if (!x->count) continue;
            double mean = per(x->nll, x->count);
            json_add(list, json_make("{s:o, s:o, s:o, s:o, s:o, s:o}", t->by, json_name(x->label),
                                     "count", json_count(x->count), "right", json_count(x->right),
                                     "top1", json_figure(per((double)x->right, x->count)), "nll",
                                     json_figure(mean), "perplexity", json_figure(exp(mean))));
        }
        snprintf(key, sizeof key, "by_%s", t->by);
        json_put(j, key, list);
    }
    if (totals) json_put(j, "stats", report_stats_json(totals));
    return j;
}
