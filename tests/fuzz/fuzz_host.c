// The host: bytes choose what a program says of its ports and caches (shapes, layouts, roles,
// element types), and then the tensors it is given: names, ranks, sizes, types, masks, pasts. What
// the verifier accepts runs, or is refused in words.
#include "host/host.h"
#include "isa/text/text.h"
#include "support/num/port_shape.h"
#include "tests/fuzz/target.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const uint8_t *at, *end;
    arena *a;
} choices;

// Below n; 0 once the bytes are used up.
static unsigned choose(choices *c, unsigned n) { return c->at < c->end ? *c->at++ % n : 0; }
#define PICK(c, ...)                                   \
    ({                                                 \
        static const char *const of[] = {__VA_ARGS__}; \
        of[choose((c), (unsigned)ARRAY_LEN(of))];      \
    })

// A shape that fits, or one put together of pieces.
static const char *shape(choices *c, const char *fits) {
    if (choose(c, 3) < 2) return fits;
    const char *text = "[";
    unsigned rank = choose(c, 6);
    for (unsigned k = 0; k < rank; k++)
        text = arena_printf(c->a, "%s%s%s", text, k ? "," : "",
                            PICK(c, "1", "t0", "4", "2", "t0*2", "2*t0", "t1", "t0*4", "3",
                                 "16777216", "0", "-1", "", "x", "99999999999999999999", "t7"));
    return arena_printf(c->a, "%s%s", text, PICK(c, "]", "]", "]", "", "]]", "]x"));
}

static const char *elem_of(choices *c) {
    return PICK(c, "f32", "i64", "f64", "f16", "bf16", "i32", "bool", "u8", "q8", "i8");
}

static const char *shape_text(choices *c, const char *fits) {
    const char *s = shape(c, fits);
    return *s ? arena_printf(c->a, " shape=\"%s\"", s) : "";
}

static const char *program_text(choices *c) {
    const char *class = PICK(c, "stream", "whole"),
               *fixed = PICK(c, "", "", " fixed=4", " fixed=1");
    const char *kv = PICK(c, "bhtd", "tbhd", "bthd", "bhdt", "", "dthb", "bbhh", "bht", "bhtx");
    const char *past = PICK(c, " past_key=pk past_value=pv present_key=k present_value=v", "",
                            " present_key=k present_value=v", " past_key=pk past_value=pv",
                            " past_key=pk present_value=v");
    const char *image =
        PICK(c, "", "", "", " layout=\"im2row c=1 h=4 w=4 kh=2 kw=2 sh=2 sw=2\"",
             " layout=\"im2row c=1 h=4 w=4 kh=9 kw=2 sh=0 sw=2\"", " layout=\"rows\"");
    const char *fits = PICK(c, "[1,t0,4]", "[1,2,t0,2]", "[t0,4]", "[1,4*t0]", "[t0,1,4]", "");
    const char *heads = PICK(c, "2 q_per_kv=1 d=1 dv=1", "1 q_per_kv=2 d=1 dv=1"), *slots = "8",
               *mask = PICK(c, "", ", i");
    arena *a = c->a;
    const char *text =
        arena_printf(a,
                     ".ohm 1\n.program %s max_tokens=8 max_chunk=4 banks=1\n.phase run\n"
                     "  .rows t0 free max=4%s\n",
                     class, fixed);
    const char *type = elem_of(c), *role = PICK(c, "tokens", "data", "mask", "positions"),
               *x = shape_text(c, *image ? "[1,1,4,4]" : fits);
    text = arena_printf(a, "%s.port x in f32 4 elem=%s role=%s%s%s\n", text, type, role, x, image);
    type = elem_of(c), role = PICK(c, "mask", "tokens", "positions", "data");
    const char *range = PICK(c, " hi=2", " hi=8", "", " lo=-5 hi=5");
    x = shape_text(c, "[1,t0]");
    text =
        arena_printf(a, "%s.port ids in i32 1 elem=%s role=%s%s%s\n", text, type, role, range, x);
    static const char *const outputs[][2] = {{"y out f32 4", "[1,t0,4]"},
                                             {"n out i32 1", "[1,t0]"},
                                             {"p out pair 2", "[1,t0,4]"},
                                             {"s out f32 16", "[1,2,t0,t0]"}};
    for (size_t k = 0; k < ARRAY_LEN(outputs); k++) {
        type = elem_of(c);
        x = shape_text(c, outputs[k][1]);
        text = arena_printf(a, "%s.port %s elem=%s%s\n", text, outputs[k][0], type, x);
    }
    return arena_printf(
        a,
        "%s.tile 0\n  .buf x f32 4 depth=4 stride=16\n  .view q x 0..1\n"
        "  .buf i i32 1 depth=4 stride=4 base=64\n  .buf y f32 2 depth=4 stride=8 base=80\n"
        "  .buf p pair 2 depth=4 stride=16 base=112\n  .buf s f32 16 depth=4 stride=64 base=256\n"
        "  .ring r n_kv=%s slots=%s scale=1%s kv_layout=\"%s\"\n  .code run\n    in x, x\n"
        "    in i, ids\n    attn y, q, %s, r%s\n    score %s, q, r\n    topk p, x, 2, 0\n"
        "    out y, y, 0\n    out q, y, 2\n    out i, n, 0\n    out p, p, 0\n    out s, s, 0\n"
        "    halt\n",
        text, heads, slots, past, kv, *heads == '2' ? "x" : "q", mask, "s");
}

static elem type_of(choices *c) {
    static const elem types[] = {ELEM_f32, ELEM_i64,  ELEM_f64, ELEM_f16, ELEM_bf16,
                                 ELEM_i32, ELEM_bool, ELEM_u8,  ELEM_i8,  ELEM_u64};
    return types[choose(c, ARRAY_LEN(types))];
}

static tensor values(choices *c, elem type, int rank, const int64_t *dim) {
    tensor t = tensor_new(c->a, type, rank, dim);
    unsigned kind = choose(c, 5);
    for (size_t k = 0; k < tensor_count(&t); k++) {
        double v = kind == 0   ? 1
                   : kind == 1 ? (double)choose(c, 2)
                   : kind == 2 ? (double)(k % 4)
                               : 0;
        if (kind == 3) v = (double)choose(c, 256) * 1e8 - 1e10;
        if (kind == 4 && choose(c, 4) == 3) v = __builtin_nan("");
        if (elem_is_float(type))
            elem_store_f64(type, t.data, k, v);
        else
            elem_store_i64(type, t.data, k, v != v ? -1 : (int64_t)v);
    }
    return t;
}

// Of the sizes that the port asks for, or nearly.
static tensor tensor_of(choices *c, const port_shape *s, elem type, int64_t batch, int64_t tokens) {
    tensor t = {.type = type};
    port_shape_dims(s, batch, tokens, tokens, &t);
    if (choose(c, 8) == 7) type = type_of(c);
    if (choose(c, 8) == 7 && t.rank > 0) t.dim[choose(c, (unsigned)t.rank)] = choose(c, 7);
    if (choose(c, 16) == 15) t.rank = (int)choose(c, 5);
    for (int k = 0; k < t.rank; k++)
        if (t.dim[k] <= 0 || t.dim[k] > 64) t.dim[k] = choose(c, 4) == 3 ? 0 : 1;
    return values(c, type, t.rank, t.dim);
}

static tensor cache_of(choices *c, const engine_ring *r, bool key, int64_t batch, int64_t past) {
    cache_axes x = cache_axes_of(r->layout);
    int64_t dim[4];
    dim[x.b] = batch, dim[x.h] = r->n_kv, dim[x.t] = past, dim[x.d] = key ? r->d : r->dv;
    if (choose(c, 8) == 7) {
        unsigned axis = choose(c, 4);
        dim[axis] = choose(c, 5);
    }
    elem type = choose(c, 4) == 3 ? type_of(c) : ELEM_f32;
    return values(c, type, 4, dim);
}

static tensor_set inputs_of(choices *c, const engine_info *info) {
    tensor_set in = {.items =
                         ARENA_ARRAY(c->a, tensor_named, info->n_ports + 2 * info->n_rings + 2)};
    int64_t batch = 1 + choose(c, 3), tokens = choose(c, 6), past = choose(c, 2) ? choose(c, 5) : 0;
    for (size_t i = 0; i < info->n_ports; i++) {
        const engine_port *p = &info->ports[i];
        port_shape s = port_shape_default(p->domain, p->integer, p->width);
        if (!p->input || choose(c, 16) == 15) continue;
        if (*p->shape && !port_shape_parse(p->shape, &s)) abort(); // verified
        int64_t more = isa_role_skips(p->role) ? past : 0;
        in.items[in.count++] =
            (tensor_named){p->name, tensor_of(c, &s, p->onnx, batch, tokens + more)};
    }
    for (size_t i = 0; i < info->n_rings && past > 0; i++)
        for (int key = 0; key < 2; key++) {
            const char *name = key ? info->rings[i].past_key : info->rings[i].past_value;
            if (!*name || choose(c, 8) == 7) continue;
            in.items[in.count++] =
                (tensor_named){name, cache_of(c, &info->rings[i], key, batch, past)};
        }
    if (choose(c, 16) == 15) {
        const int64_t dim[1] = {2};
        in.items[in.count++] = (tensor_named){"nothing", values(c, ELEM_f32, 1, dim)};
    }
    return in;
}

static unsigned run(const uint8_t *data, size_t size) {
    choices c = {data, data + size, arena_new()};
    diag_sink *diags = diag_sink_new();
    const char *text = program_text(&c);
    program_file f = {.program = isa_assemble(text, strlen(text), "fuzz.s", diags)};
    f.chip = machine_load(c.a, "ideal", NULL, 0, diags);
    engine *e =
        f.program && f.chip ? engine_of_program(&f, &(sim_options){.threads = 1}, diags) : NULL;
    unsigned passed = e != NULL;
    if (!e && diag_errors(diags) == 0) abort();
    for (int k = 0; e && k < 3; k++) {
        size_t before = diag_errors(diags);
        tensor_set in = inputs_of(&c, engine_describe(e)), out;
        bool ok = host_run(e, &in, NULL, c.a, &out, diags);
        if (ok != (diag_errors(diags) == before)) abort();
        for (size_t i = 0; ok && i < out.count; i++) // every element is there
            (void)tensor_cast(c.a, &out.items[i].value, ELEM_f64);
        if (ok) passed = 2;
    }
    engine_free(e);
    isa_program_free(f.program);
    diag_sink_free(diags);
    arena_free(c.a);
    return passed;
}

static size_t generate(random_stream *r, uint8_t *out) {
    size_t n = 40 + random_below(r, 400);
    for (size_t k = 0; k < n; k++) out[k] = random_below(r, 3) ? 0 : (uint8_t)random_below(r, 256);
    return n;
}

const fuzz_target target = {.stages = {"verified", "run"}, .run = run, .generate = generate};
