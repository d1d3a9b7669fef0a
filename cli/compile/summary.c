// The screen after a compile: what was mapped where, what was assumed.
#include "cli/compile/compile.h"
#include "cli/report.h"
#include "isa/count/pool.h"
#include "isa/machine/machine.h"
#include "support/file/file.h"
#include "support/file/json.h"
#include "support/name.h"
#include <inttypes.h>
#include <string.h>

typedef struct {
    uint32_t tiles, crossbars, dense, rings, heads, instructions;
    uint64_t weights, cells, pad_bytes, mem_bytes, table_bytes;
} totals;

static uint64_t tile_bytes(const isa_tile *t, isa_space space) {
    uint64_t end = 0;
    for (uint32_t i = 0; i < t->n_buffers; i++) {
        const isa_buffer *b = &t->buffers[i];
        uint64_t last = b->base + (uint64_t)b->depth * b->stride;
        if (b->parent == i && b->space == space && last > end) end = last;
    }
    return end;
}

// Every bank has its own.
static uint32_t tile_heads(const isa_program *p, const isa_tile *t) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < t->n_rings; i++) n += t->rings[i].n_kv * p->banks;
    return n;
}

// Crossbars that keep the weights of products on a pool.
static uint32_t dense_crossbars(const machine *chip, const isa_tile *t) {
    return machine_has_pool(chip) ? (uint32_t)isa_dense_arrays(chip, t) : 0;
}

static totals count(const isa_program *p, const machine *chip) {
    totals s = {.tiles = p->n_tiles, .table_bytes = p->tables_bytes};
    for (uint32_t i = 0; i < p->n_tiles; i++) {
        const isa_tile *t = &p->tiles[i];
        s.crossbars += t->n_blocks;
        s.dense += dense_crossbars(chip, t);
        s.rings += t->n_rings;
        s.heads += tile_heads(p, t);
        for (uint32_t k = 0; k < p->n_phases; k++) s.instructions += t->phase[k].count;
        for (uint32_t g = 0; g < t->n_groups; g++)
            s.weights += (uint64_t)(t->groups[g].k1 - t->groups[g].k0) * t->groups[g].n;
        s.pad_bytes += tile_bytes(t, ISA_PAD);
        s.mem_bytes += tile_bytes(t, ISA_MEM);
    }
    return s;
}

static void print_bytes(FILE *out, uint64_t n) {
    if (n < 10 * 1024)
        fprintf(out, "%" PRIu64 " B", n);
    else if (n < 10ull * 1024 * 1024)
        fprintf(out, "%.1f KiB", (double)n / 1024);
    else
        fprintf(out, "%.1f MiB", (double)n / (1024 * 1024));
}

// Names of a tile's groups, as many as fit: the ONNX part after the compiler's prefix.
static void print_groups(const isa_program *p, const isa_tile *t, FILE *out) {
    size_t room = 58;
    for (uint32_t g = 0; g < t->n_groups; g++) {
        const char *name = isa_str(p, t->groups[g].name);
        if (strncmp(name, "g.", 2) == 0) name += 2;
        size_t n = (size_t)name_width(name, strlen(name)) + 2;
        if (n > room) {
            fprintf(out, " +%u", t->n_groups - g);
            return;
        }
        room -= n;
        fputs(g ? ", " : "", out);
        name_print(out, name, strlen(name));
    }
    if (t->n_groups == 0) fprintf(out, "-");
}

enum { SHOWN_TILES = 14, BAR = 8 };

static void print_tiles(const isa_program *p, const machine *chip, FILE *out) {
    fprintf(out, "\n  tile  crossbars            heads  scratchpad  holds\n");
    for (uint32_t i = 0; i < p->n_tiles; i++) {
        const isa_tile *t = &p->tiles[i];
        if (i == SHOWN_TILES - 1 && p->n_tiles > SHOWN_TILES) {
            fprintf(out, "  ...   %u more (`ohmic nm` lists all)\n", p->n_tiles - i);
            return;
        }
        char bar[BAR + 1];
        const bool pool = machine_has_pool(chip);
        int64_t cap = pool ? chip->dense.arrays : chip->tile.crossbars,
                n = pool ? dense_crossbars(chip, t) : t->n_blocks;
        int full = cap ? (int)(n * BAR / cap) : n ? BAR : 0;
        for (int k = 0; k < BAR; k++) bar[k] = k < full ? '#' : '.';
        bar[BAR] = 0;
        char of[24] = "";
        if (cap) snprintf(of, sizeof of, "/%lld", (long long)cap);
        char used[32];
        snprintf(used, sizeof used, "%lld%s", (long long)n, of);
        fprintf(out, "  %-4u  [%s] %-8s  %5u  %8.1f K  ", i, bar, used, tile_heads(p, t),
                (double)tile_bytes(t, ISA_PAD) / 1024);
        print_groups(p, t, out);
        fputc('\n', out);
    }
}

static void print_rows(const isa_program *p, FILE *out) {
    const isa_phase *last = &p->phases[p->n_phases - 1];
    uint32_t most = p->max_chunk;
    for (int d = ISA_DOMAINS; p->n_phases > 1 && d-- > 0;)
        if (last->free_domains >> d & 1) most = last->max_rows[d];
    fprintf(out, "tokens    positions 0 ... %u, at most %u a step", p->max_tokens - 1, most);
    for (int d = 0; p->n_phases > 1 && d < ISA_DOMAINS; d++)
        if (p->phases[0].free_domains >> d & 1)
            fprintf(out, "; before them an encoder's, up to %u at once", p->phases[0].max_rows[d]);
    if (p->banks > 1) fprintf(out, "; %u sequences side by side", p->banks);
    fputc('\n', out);
}

// What the converters lost: of all nodes, and of each that lost much.
static void print_converters(const compilation *c, arena *a, FILE *out) {
    enum { SHOWN = 12 };
    const compile_converters *x = &c->converters;
    compile_conversions all = {0};
    for (size_t i = 0; i < x->nodes.count; i++) {
        all.conversions += x->nodes.items[i].conversions;
        all.clipped += x->nodes.items[i].clipped;
        all.rounded += x->nodes.items[i].rounded;
    }
    if (!all.conversions) return;
    fprintf(out, "converter %s, on %s\n", compile_losses(a, &all), name_text(a, x->on));
    for (size_t i = 0, shown = 0, more = 0; i < x->nodes.count; i++) {
        const compile_conversions *y = &x->nodes.items[i];
        if (compile_loses(y) && shown++ < SHOWN)
            fprintf(out, "          %s: %s\n", name_text(a, y->node), compile_losses(a, y));
        else
            more += compile_loses(y);
        if (more && i + 1 == x->nodes.count)
            fprintf(out, "          and %zu nodes more (--json lists all)\n", more);
    }
}

// null: nothing was run, as nothing can be lost.
static json_t *converters_json(const compile_converters *x) {
    if (!x->on) return json_null();
    json_t *nodes = json_array();
    for (size_t i = 0; i < x->nodes.count; i++) {
        const compile_conversions *y = &x->nodes.items[i];
        json_add(nodes, json_make("{s:o, s:o, s:o, s:o}", "node", json_name(y->node), "conversions",
                                  json_count(y->conversions), "clipped", json_count(y->clipped),
                                  "rounded", json_count(y->rounded)));
    }
    return json_make("{s:o, s:o}", "on", json_name(x->on), "nodes", nodes);
}

// What products are made on, and what holds their weights.
static void print_arrays(const totals *s, const machine *chip, FILE *out) {
    if (machine_has_pool(chip)) {
        fprintf(out, "arrays    %u dense crossbar%s, pool of %lld arrays%s", s->dense,
                s->dense == 1 ? "" : "s", (long long)chip->pool.arrays,
                s->tiles == 1 ? "" : " a tile");
        return;
    }
    double cells =
        (double)s->crossbars * (double)chip->crossbar.rows * (double)chip->crossbar.columns;
    fprintf(out, "crossbars %u", s->crossbars);
    if (cells > 0)
        fprintf(out, " of %lld x %lld weights, %.1f %% of their cells used",
                (long long)chip->crossbar.rows, (long long)chip->crossbar.columns,
                100.0 * (double)s->weights / cells);
}

void compile_summary(const compilation *c, const char *path, FILE *out) {
    const isa_program *p = c->program;
    const machine *chip = c->chip;
    totals s = count(p, c->chip);
    arena *a = arena_new();
    if (c->onnx) {
        const onnx_info *info = onnx_describe(c->onnx);
        fprintf(out, "model     %s (%s %s, opset %lld): %zu nodes, %.2f M weights %s\n",
                name_text(a, file_title(info->path)), name_text(a, info->producer),
                name_text(a, info->producer_version), (long long)info->opset, info->n_nodes,
                (double)s.weights / 1e6,
                machine_has_pool(chip) ? "in dense crossbars" : "on crossbars");
    }
    fprintf(out, "program   %s: %u instructions on %u tile%s; %s\n", name_text(a, path),
            s.instructions, s.tiles, s.tiles == 1 ? "" : "s",
            p->class == ISA_STREAM ? "a sequence may be cut into steps anywhere"
                                   : "a whole sequence a step");
    print_rows(p, out);
    fprintf(out, "chip      %s: %s\n", name_text(a, chip->name), name_text(a, chip->summary));
    print_arrays(&s, chip, out);
    fprintf(out, "; %u rings with %u key/value heads\n", s.rings, s.heads);
    print_converters(c, a, out);
    compile_attention(c, out);
    fprintf(out, "memory    scratchpads ");
    print_bytes(out, s.pad_bytes);
    fprintf(out, ", row stores ");
    print_bytes(out, s.mem_bytes);
    fprintf(out, ", tables ");
    print_bytes(out, s.table_bytes);
    fprintf(out, ", cells ");
    print_bytes(out, p->cells_bytes);
    fputc('\n', out);
    print_tiles(p, chip, out);
    if (c->says_timings) compile_timings_print(&c->timings, out);
    if (*p->notes) {
        fprintf(out, "\n");
        report_lines(p->notes, "note: ", out);
    }
    fprintf(out, "\ncost      %s\n", headline_text(a, &c->cost));
    arena_free(a);
}

void compile_summary_json(const compilation *c, const char *path, FILE *out) {
    const isa_program *p = c->program;
    totals s = count(p, c->chip);
    json_t *tiles = json_array(), *notes = json_array();
    for (uint32_t i = 0; i < p->n_tiles; i++) {
        const isa_tile *t = &p->tiles[i];
        json_t *groups = json_array();
        for (uint32_t g = 0; g < t->n_groups; g++)
            json_add(groups, json_name(isa_str(p, t->groups[g].name)));
        json_add(tiles, json_make("{s:o, s:o, s:o, s:o, s:o}", "crossbars", json_count(t->n_blocks),
                                  "heads", json_count(tile_heads(p, t)), "scratchpad_bytes",
                                  json_count(tile_bytes(t, ISA_PAD)), "row_store_bytes",
                                  json_count(tile_bytes(t, ISA_MEM)), "groups", groups));
    }
    for (const char *text = p->notes; *text;) {
        size_t n = strcspn(text, "\n");
        json_add(notes, json_name_n(text, n));
        text += n + (text[n] == '\n');
    }
    const char *class = p->class == ISA_STREAM ? "stream" : "whole";
    json_t *root = json_make(
        "{s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
        "program", json_name(path), "chip", json_name(c->chip->name), "class", class, "max_tokens",
        json_count(p->max_tokens), "max_chunk", json_count(p->max_chunk), "banks",
        json_count(p->banks), "weights", json_count(s.weights), "instructions",
        json_count(s.instructions), "crossbars", json_count(s.crossbars), "heads",
        json_count(s.heads), "cells_bytes", json_count(p->cells_bytes), "tables_bytes",
        json_count(s.table_bytes), "converters", converters_json(&c->converters), "attention",
        compile_attention_json(c), "token_period_ns",
        p->token_period_ns > 0 ? json_figure(p->token_period_ns) : json_null(), "tiles", tiles,
        "notes", notes);
    json_put(root, "cost", headline_json(&c->cost));
    if (c->says_timings) json_put(root, "timings", compile_timings_json(&c->timings));
    json_print(root, 2, out);
}
