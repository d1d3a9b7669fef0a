// Cells and tables of assembly: in a file beside the text, or in lines of it.
#include "isa/program_data.h"
#include "isa/text/parse.h"
#include "support/file/quote.h"
#include <stdlib.h>
#include <xxhash.h>

// --- a file beside the text

// .data "file" "hash" cells=N tables=N
void text_parse_data(parser *x) {
    scan *s = &x->s;
    if (x->has_file || x->has_bytes) {
        scan_fail(s, DIAG_ID_asm_data, "a text has one data file, or .cells and .tables");
        return;
    }
    x->has_file = true;
    if (scan_is(s, "_")) {
        scan_fail(
            s, DIAG_ID_asm_data,
            "cells and tables were left out of this text: `ohmic dis` without --no-data has them");
        return;
    }
    scan_token file_token = s->token;
    const char *file = text_parse_string(x, "the name of the data file");
    const char *hash = file ? text_parse_string(x, "the hash of the data file") : NULL;
    if (!hash) return;
    uint64_t cells = 0, tables = 0, total;
    text_pair pairs[] = {{"cells", &cells, 0}, {"tables", &tables, 0}};
    text_parse_pairs(x, pairs, ARRAY_LEN(pairs), NULL);
    if (s->failed) return;
    s->token = file_token;
    file_map f;
    diag_sink *why = diag_sink_new();
    bool open = file_map_beside(&f, s->a, x->name, file, NULL, why);
    if (!open)
        scan_fail(s, DIAG_ID_asm_data, "the data file '%.60s': %s", file,
                  diag_get(why, 0)->message);
    diag_sink_free(why);
    if (!open) return;
    char found[33];
    file_hash_hex(f.data, f.bytes, found);
    if (!add_u64(cells, tables, &total) || total != f.bytes || strcmp(found, hash) != 0) {
        scan_fail(s, DIAG_ID_asm_data,
                  "'%.60s' is not the data file of this text: %zu bytes of hash %s", file, f.bytes,
                  found);
        file_map_close(&f);
        return;
    }
    x->p->cells = f.data;
    x->p->cells_bytes = cells;
    x->p->tables = f.data + cells;
    x->p->tables_bytes = tables;
    isa_program_own(x->p, &f);
    s->token.kind = SCAN_END;
}

// --- lines: .tables 64 f32 1 0.5

enum { MOST_GAP = 4096 }; // zeros that an offset may stand for: a line is no gigabyte

typedef struct {
    const char *name;
    size_t bytes;
    bool (*read)(const char *text, size_t n, uint8_t *out);
} number;

static bool read_i8(const char *text, size_t n, uint8_t *out) {
    int64_t v;
    if (!scan_i64(text, n, &v) || v < INT8_MIN || v > INT8_MAX) return false;
    *out = (uint8_t)v;
    return true;
}

static bool read_i32(const char *text, size_t n, uint8_t *out) {
    int64_t v;
    if (!scan_i64(text, n, &v) || v < INT32_MIN || v > INT32_MAX) return false;
    memcpy(out, &(int32_t){(int32_t)v}, sizeof(int32_t));
    return true;
}

static bool read_f32(const char *text, size_t n, uint8_t *out) {
    float v;
    if (!scan_f32(text, n, &v)) return false;
    memcpy(out, &v, sizeof v);
    return true;
}

static const number numbers[] = {{"i8", 1, read_i8}, {"i32", 4, read_i32}, {"f32", 4, read_f32}};

// Two digits a byte; the words of a line stand for themselves.
static bool read_hex(parser *x, int section) {
    scan *s = &x->s;
    if (s->token.n % 2) return false;
    for (size_t i = 0; i < s->token.n; i += 2) {
        int high = quote_hex_digit(s->token.text[i]), low = quote_hex_digit(s->token.text[i + 1]);
        if (high < 0 || low < 0) return false;
        vec_push(&x->data[section], (uint8_t)(high << 4 | low));
    }
    return true;
}

static bool read_number(parser *x, int section, const number *kind) {
    uint8_t bytes[8];
    if (!kind->read(x->s.token.text, x->s.token.n, bytes)) return false;
    for (size_t i = 0; i < kind->bytes; i++) vec_push(&x->data[section], bytes[i]);
    return true;
}

// [OFFSET] i8|i32|f32|hex VALUE...
static void parse_bytes(parser *x, int section) {
    scan *s = &x->s;
    if (x->has_file) {
        scan_fail(s, DIAG_ID_asm_data, "a text has one data file, or .cells and .tables");
        return;
    }
    x->has_bytes = true;
    uint64_t at;
    if (s->token.kind == SCAN_WORD && scan_u64(s->token.text, s->token.n, &at)) {
        size_t count = x->data[section].count;
        if (at < count || at - count > MOST_GAP) {
            scan_fail(s, DIAG_ID_asm_data,
                      "expected an offset from %zu, where the line before ends, to %d behind it",
                      count, MOST_GAP);
            return;
        }
        while (x->data[section].count < at) vec_push(&x->data[section], (uint8_t)0);
        scan_next(s);
    }
    const number *kind = NULL;
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        if (scan_is(s, numbers[i].name)) kind = &numbers[i];
    if (!kind && !scan_is(s, "hex")) {
        scan_fail(s, DIAG_ID_asm_operand, "expected i8, i32, f32 or hex");
        return;
    }
    for (scan_next(s); s->token.kind == SCAN_WORD; scan_next(s)) {
        bool ok = kind ? read_number(x, section, kind) : read_hex(x, section);
        if (!ok) {
            scan_fail(s, DIAG_ID_asm_operand,
                      kind ? "expected a number of type %s" : "expected pairs of %s digits",
                      kind ? kind->name : "hexadecimal");
            return;
        }
    }
}

void text_parse_cells(parser *x) { parse_bytes(x, TEXT_CELLS); }
void text_parse_tables(parser *x) { parse_bytes(x, TEXT_TABLES); }

void text_take_data(parser *x) {
    if (!x->has_bytes) return;
    isa_program *p = x->p;
    p->cells_bytes = x->data[TEXT_CELLS].count;
    p->cells = arena_copy(p->arena, x->data[TEXT_CELLS].items, x->data[TEXT_CELLS].count);
    p->tables_bytes = x->data[TEXT_TABLES].count;
    p->tables = arena_copy(p->arena, x->data[TEXT_TABLES].items, x->data[TEXT_TABLES].count);
}

// --- printing

// Cells, then tables; `hex` gets the hash of both.
static bool write_data(const isa_program *p, const char *path, char hex[33], diag_sink *diags) {
    CHECK((p->cells || !p->cells_bytes) && (p->tables || !p->tables_bytes),
          "the data are not in memory");
    file_out *data = file_out_open(path, diags);
    if (!data) return false;
    XXH3_state_t *hash = XXH3_createState();
    CHECK(hash, "out of memory");
    XXH3_128bits_reset(hash);
    XXH3_128bits_update(hash, p->cells, p->cells_bytes);
    XXH3_128bits_update(hash, p->tables, p->tables_bytes);
    XXH128_canonical_t bytes;
    XXH128_canonicalFromHash(&bytes, XXH3_128bits_digest(hash));
    XXH3_freeState(hash);
    for (size_t i = 0; i < sizeof bytes.digest; i++)
        snprintf(hex + 2 * i, 3, "%02x", bytes.digest[i]);
    if (p->cells_bytes) fwrite(p->cells, 1, p->cells_bytes, file_out_stream(data));
    if (p->tables_bytes) fwrite(p->tables, 1, p->tables_bytes, file_out_stream(data));
    return file_out_commit(data, diags);
}

bool text_print_data_place(const isa_program *p, FILE *out, isa_text_data where, const char *path,
                           diag_sink *diags) {
    char hex[33];
    if ((!p->cells_bytes && !p->tables_bytes) || where == ISA_DATA_WITHIN) return true;
    if (where == ISA_DATA_BESIDE) {
        if (!write_data(p, path, hex, diags)) return false;
        const char *base = file_base(path);
        fputs(".data ", out);
        quote_print(out, base, strlen(base));
        fprintf(out, " \"%s\"", hex);
    } else {
        fputs(".data _", out);
    }
    fprintf(out, " cells=%llu tables=%llu\n", (unsigned long long)p->cells_bytes,
            (unsigned long long)p->tables_bytes);
    return true;
}

static void print_section(FILE *out, const char *directive, const uint8_t *bytes, uint64_t n) {
    enum { A_LINE = 32 };
    static const char digits[] = "0123456789abcdef";
    if (n) fputc('\n', out);
    for (uint64_t at = 0; at < n;) {
        char line[2 * A_LINE + 1], *end = line;
        for (int i = 0; i < A_LINE && at < n; i++, at++) {
            *end++ = digits[bytes[at] >> 4];
            *end++ = digits[bytes[at] & 15];
        }
        *end = 0;
        fprintf(out, "%s hex %s\n", directive, line);
    }
}

void text_print_data(const isa_program *p, FILE *out) {
    CHECK((p->cells || !p->cells_bytes) && (p->tables || !p->tables_bytes),
          "the data are not in memory");
    print_section(out, ".cells", p->cells, p->cells_bytes);
    print_section(out, ".tables", p->tables, p->tables_bytes);
}
