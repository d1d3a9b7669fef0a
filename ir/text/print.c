// IR as text. Everything prints in one way only, so that equal modules give equal bytes.
#include "ir/ring.h"
#include "ir/text/parser.h"
#include "support/file/file.h"
#include <errno.h>
#include <inttypes.h>
#include <string.h>

// ---- names

static void print_name(FILE *out, char sigil, const char *name) {
    fputc(sigil, out);
    if (text_is_identifier(name))
        fputs(name, out);
    else
        text_print_string(out, name);
}

// Values without a name are numbered from 1, in order of definition. numbers[v] for all of them.
static uint32_t *number_values(const ir_func *f) {
    uint32_t *numbers = base_calloc(f->values.count + 1, sizeof *numbers);
    uint32_t next = 0;
    for (size_t i = 0; i < f->params.count; i++) {
        ir_val v = f->params.items[i].value;
        if (v < f->values.count && !f->values.items[v].name) numbers[v] = ++next;
    }
    for (size_t i = 0; i < f->ops.count; i++) {
        const ir_op *op = &f->ops.items[i];
        for (uint32_t j = 0; j < op->n_results; j++) {
            ir_val v = op->result[j];
            if (v < f->values.count && !f->values.items[v].name) numbers[v] = ++next;
        }
    }
    return numbers;
}

static void print_value(FILE *out, const ir_func *f, const uint32_t *numbers, ir_val v) {
    if (v == IR_NONE || v >= f->values.count)
        fputc('_', out);
    else if (f->values.items[v].name)
        print_name(out, '%', f->values.items[v].name);
    else
        fprintf(out, "%%%" PRIu32, numbers[v]);
}

// ---- types and attributes

static void print_type(FILE *out, const ir_type *t) {
    fprintf(out, "%s[", elem_name(t->type));
    for (int i = 0; i < t->rank; i++) {
        if (i) fputc(',', out);
        if (ir_dim_is_domain(t->dim[i]))
            fprintf(out, "t%d", ir_dim_domain(t->dim[i]));
        else
            fprintf(out, "%" PRId64, t->dim[i]);
    }
    fputc(']', out);
}

static int by_name(const void *a, const void *b) {
    const ir_attr *const *x = a, *const *y = b;
    return strcmp(ir_key_name((*x)->key), ir_key_name((*y)->key));
}

static void print_item(FILE *out, const ir_attr *a, uint32_t i) {
    char number[TEXT_ELEM_MAX];
    switch (a->kind) {
    case IR_INT: fprintf(out, "%" PRId64, a->i); break;
    case IR_INTS: fprintf(out, "%" PRId64, a->is[i]); break;
    case IR_FLOAT:
    case IR_FLOATS:
        text_print_double(a->kind == IR_FLOAT ? a->f : a->fs[i], number);
        fputs(number, out);
        break;
    case IR_STR: text_print_string(out, a->s); break;
    case IR_STRS: text_print_string(out, a->ss[i]); break;
    case IR_SYM: print_name(out, '@', a->s); break;
    case IR_SYMS:
        if (a->ss[i])
            print_name(out, '@', a->ss[i]);
        else
            fputc('_', out);
        break;
    }
}

static void print_attr(FILE *out, const ir_attr *a) {
    bool list = a->kind >= IR_INTS;
    fprintf(out, "%s = %s", ir_key_name(a->key), list ? "[" : "");
    for (uint32_t i = 0; i < (list ? a->count : 1); i++) {
        if (i) fputs(", ", out);
        print_item(out, a, i);
    }
    if (list) fputc(']', out);
}

// " {a = 1, b = 2}", nothing when empty; `first` stands in front of the others.
static void print_attrs(FILE *out, const ir_attrs *l, const char *first) {
    const ir_attr *sorted[IR_ATTR_COUNT];
    CHECK(l->count < IR_ATTR_COUNT, "%u attributes", l->count);
    if (!l->count && !first) return;
    for (uint32_t i = 0; i < l->count; i++) sorted[i] = &l->items[i];
    qsort(sorted, l->count, sizeof sorted[0], by_name);
    fprintf(out, " {%s", first ? first : "");
    for (uint32_t i = 0; i < l->count; i++) {
        if (i || first) fputs(", ", out);
        print_attr(out, sorted[i]);
    }
    fputc('}', out);
}

// ---- operations and functions

static void print_op(FILE *out, const ir_func *f, const uint32_t *numbers, const ir_op *op) {
    for (uint32_t i = 0; i < op->n_results; i++) {
        if (i) fputs(", ", out);
        print_value(out, f, numbers, op->result[i]);
    }
    fprintf(out, "%s%s", op->n_results ? " = " : "", ir_ops[op->code].name);
    for (uint32_t i = 0; i < op->n_operands; i++) {
        fputs(i ? ", " : " ", out);
        print_value(out, f, numbers, op->operand[i]);
    }
    print_attrs(out, &op->attrs, NULL);
    for (uint32_t i = 0; i < op->n_results; i++) {
        fputs(i ? ", " : " : ", out);
        print_type(out, ir_type_of(f, op->result[i]));
    }
    for (uint32_t i = 0; i < op->n_locs; i++) {
        fputs(i ? ", " : " loc(", out);
        text_print_string(out, op->loc[i]);
    }
    if (op->n_locs) fputc(')', out);
}

static void print_ports(FILE *out, const ir_func *f, const uint32_t *numbers,
                        const ir_port_list *ports, bool types) {
    fputc('(', out);
    for (size_t i = 0; i < ports->count; i++) {
        const ir_port *p = &ports->items[i];
        if (i) fputs(", ", out);
        print_value(out, f, numbers, p->value);
        if (p->name) {
            fputc(' ', out);
            text_print_string(out, p->name);
        }
        if (types) {
            fputs(" : ", out);
            print_type(out, ir_type_of(f, p->value));
        }
        print_attrs(out, &p->attrs, NULL);
    }
    fputc(')', out);
}

static void print_func(FILE *out, const ir_func *f) {
    uint32_t *numbers = number_values(f);
    fputs("\nfunc ", out);
    print_name(out, '@', f->name);
    print_ports(out, f, numbers, &f->params, true);
    if (f->results.count) {
        fputs(" -> ", out);
        print_ports(out, f, numbers, &f->results, false);
    }
    print_attrs(out, &f->attrs, NULL);
    fputs(" {\n", out);
    for (size_t i = 0; i < f->ops.count; i++) {
        fputs("  ", out);
        print_op(out, f, numbers, &f->ops.items[i]);
        fputc('\n', out);
    }
    fputs("}\n", out);
    free(numbers);
}

// ---- symbols

// Whether all elements read back as the same bits: NaNs with a payload do not.
static bool reads_back(const tensor *t) {
    char text[TEXT_ELEM_MAX];
    uint64_t buffer = 0;
    size_t bytes = elem_bytes(t->type), n = tensor_count(t);
    for (size_t i = 0; i < n; i++) {
        text_print_elem(t->type, t->data, i, text);
        const char *why = text_read_elem(t->type, text, &buffer, 0);
        if (why || memcmp(&buffer, (const char *)t->data + i * bytes, bytes) != 0) return false;
    }
    return true;
}

static bool write_data(ir_symbol *s, const char *dir, diag_sink *diags) {
    arena *a = arena_new();
    const char *path = file_join(a, dir, arena_printf(a, "%s.bin", ir_symbol_hash(s)));
    bool ok = file_exists(path);
    if (!ok && file_make_dir(dir[0] ? dir : ".", diags)) {
        file_out *o = file_out_open(path, diags);
        if (o) {
            fwrite(s->data.data, 1, tensor_bytes(&s->data), file_out_stream(o));
            ok = file_out_commit(o, diags);
        }
    }
    arena_free(a);
    return ok;
}

static bool print_tensor(FILE *out, ir_symbol *s, const char *dir, diag_sink *diags) {
    const ir_type t = ir_type_make(s->data.type, s->data.rank, s->data.dim);
    fputs("tensor ", out);
    print_name(out, '@', s->name);
    fputs(" : ", out);
    print_type(out, &t);
    size_t n = tensor_count(&s->data);
    if (n > IR_INLINE_MAX || !reads_back(&s->data)) {
        fprintf(out, " = \"%s\"\n", ir_symbol_hash(s));
        return !dir || write_data(s, dir, diags);
    }
    fputs(" = [", out);
    for (size_t i = 0; i < n; i++) {
        char text[TEXT_ELEM_MAX];
        text_print_elem(t.type, s->data.data, i, text);
        fprintf(out, "%s%s", i ? ", " : "", text);
    }
    fputs("]\n", out);
    return true;
}

static bool print_symbol(FILE *out, ir_symbol *s, const char *dir, diag_sink *diags) {
    if (s->kind == IR_SYM_TENSOR) return print_tensor(out, s, dir, diags);
    arena *a = arena_new();
    const ir_attrs l = s->ring ? ir_ring_attrs(a, s->ring) : s->attrs;
    fprintf(out, "%s ", ir_word(IR_ENUM_symbol_kind, (int)s->kind));
    print_name(out, '@', s->name);
    print_attrs(out, &l, l.count ? NULL : "");
    fputc('\n', out);
    arena_free(a);
    return true;
}

// ---- entry

static void print_domains(FILE *out, const ir_module *m) {
    arena *a = arena_new();
    for (int i = 0; i < IR_MAX_DOMAINS; i++) {
        if (!m->domain[i].used) continue;
        const ir_attrs l = text_domain_attrs(a, &m->domain[i]);
        fprintf(out, "domain t%d", i);
        print_attrs(out, &l, NULL);
        fputc('\n', out);
    }
    arena_free(a);
}

bool ir_print(ir_module *m, FILE *out, const char *dir, diag_sink *diags) {
    bool ok = true;
    fputs("module", out);
    char stage[32];
    snprintf(stage, sizeof stage, "stage = \"%s\"", ir_word(IR_ENUM_stage, (int)m->stage));
    print_attrs(out, &m->attrs, stage);
    fputc('\n', out);
    print_domains(out, m);
    for (size_t i = 0; i < m->symbols.count; i++)
        ok &= print_symbol(out, m->symbols.items[i], dir, diags);
    for (size_t i = 0; i < m->proof.count; i++) {
        fputs("proof ", out);
        text_print_string(out, m->proof.items[i]);
        fputc('\n', out);
    }
    for (size_t i = 0; i < m->notes.count; i++) {
        fputs("note ", out);
        text_print_string(out, m->notes.items[i]);
        fputc('\n', out);
    }
    for (size_t i = 0; i < m->funcs.count; i++) print_func(out, m->funcs.items[i]);
    if (!ferror(out)) return ok;
    diag_emit(diags, DIAG_ID_io, DIAG_NOWHERE, "cannot write IR text: %s", strerror(errno));
    return false;
}

char *ir_print_string(ir_module *m) {
    text_sink sink;
    text_sink_open(&sink);
    ir_print(m, sink.stream, NULL, NULL);
    return text_sink_close(&sink);
}

char *ir_op_text(arena *a, const ir_func *f, const ir_op *op) {
    text_sink sink;
    text_sink_open(&sink);
    uint32_t *numbers = number_values(f);
    print_op(sink.stream, f, numbers, op);
    char *text = text_sink_close(&sink);
    char *copy = arena_strn(a, text, sink.bytes);
    free(numbers);
    free(text);
    return copy;
}

char *ir_attrs_text(arena *a, const ir_attrs *l) {
    text_sink sink;
    text_sink_open(&sink);
    print_attrs(sink.stream, l, NULL);
    char *text = text_sink_close(&sink);
    char *copy = arena_str(a, *text == ' ' ? text + 1 : text);
    free(text);
    return copy;
}
