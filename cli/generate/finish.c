// What is said of a text when it is over.
#include "cli/generate/generate.h"
#include "cli/report.h"
#include "support/file/file.h"
#include "support/file/json.h"

static json_t *ids_json(const tokenizer_ids *ids, size_t from, size_t until) {
    json_t *list = json_array();
    for (size_t i = from; i < until; i++) json_add(list, json_integer(ids->items[i]));
    return list;
}

static void finish_json(const generation *g, double rate, const sim_stats *stats) {
    size_t made = g->n_loaded + g->n_prompt, end = max_i64((int64_t)g->first, (int64_t)g->shown);
    json_t *pace = json_array();
    for (size_t i = 0; i < g->pace.count; i++) json_add(pace, json_figure(g->pace.items[i]));
    const char *from = g->text.items ? g->text.items + g->first : "";
    json_t *text = json_stringn(from, end - g->first); // NULL: --stop has cut through a character
    json_t *j = json_make(
        "{s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "prompt_ids",
        ids_json(&g->ids, g->n_loaded, made), "ids", ids_json(&g->ids, made, g->ids.count), "text",
        text ? text : json_name_n(from, end - g->first), "stopped_by", g->why, "loaded_tokens",
        json_count(g->n_loaded), "prefill_seconds", json_figure(g->prefill_seconds), "seconds",
        json_figure(g->seconds), "tokens_per_second", json_figure(rate), "seconds_per_1000_tokens",
        pace, "peak_memory_bytes", json_count(report_peak_memory()));
    if (args_flag(g->given, "stats")) json_put(j, "stats", report_stats_json(stats));
    if (args_flag(g->given, "cost")) json_put(j, "cost", ran_json(g->ran));
    if (args_flag(g->given, "metrics")) json_put(j, "metrics", generate_metrics_json(g));
    report_json(j);
}

void generate_finish(generation *g) {
    size_t made = generate_made(g);
    double rate = g->seconds > 0 ? (double)made / g->seconds : 0;
    sim_stats stats = sim_totals(engine_sim(g->engine));
    ran_end(g->ran);
    if (args_flag(g->given, "json")) {
        finish_json(g, rate, &stats);
        return;
    }
    putchar('\n');
    fflush(stdout);
    fprintf(stderr, "[stopped by %s: %zu tokens after ", g->why, made);
    if (g->n_loaded)
        fprintf(stderr, "%zu %s and ", g->n_loaded, g->interactive ? "before" : "of the state");
    fprintf(stderr, "%zu of prompt, %.3g s + %.3g s, %.1f tokens/s]\n", g->n_prompt,
            g->prefill_seconds, g->seconds, rate);
    if (args_flag(g->given, "metrics")) generate_metrics_print(g, stderr);
    ran_print(g->ran, stderr);
    if (!args_flag(g->given, "stats")) return;
    report_stats(&stats, stderr);
    report_stat("peak_memory", report_peak_memory(), "bytes", "of this process", stderr);
}

bool generate_write_metrics(generation *g) {
    const char *path = args_string(g->given, "metrics-file", NULL);
    file_out *out = path ? file_out_open(path, g->diags) : NULL;
    if (!out) return !path;
    generate_metrics_print(g, file_out_stream(out));
    return file_out_commit(out, g->diags);
}
