// Small token programs for tests of the host: IR text, made here.
#ifndef OHMIC_TESTS_HOST_HOST_MODELS_H
#define OHMIC_TESTS_HOST_HOST_MODELS_H

#include "host/host.h"
#include "ir/text/text.h"
#include "ir/verify/verify.h"
#include "tests/random.h"

typedef struct {
    const char *class_name; // stream, whole
    bool positions_table;   // a learned position row is added
    bool position_ids;      // by an input, else by the program's own count
    bool past;              // past.* inputs and present.* outputs
    bool scores;            // output "attn" [1,1,t0,t0]
    int slots;              // 0: 16
    int window;             // 0: none
    bool alibi;             // a bias by distance
    int fixed;              // 0: any count
    const char *notes;      // NULL: none
} tiny;

static const char *tiny_tensor(arena *a, const char *name, int rows, int width, uint64_t seed) {
    random_stream r = random_test(seed);
    const char *text = arena_printf(a, "tensor @%s : f32[%d,%d] = [", name, rows, width);
    for (int i = 0; i < rows * width; i++) // no smaller than 1: every row is another
        text = arena_printf(a, "%s%s%d.%03d", text, i ? ", " : "", random_in(&r, 0, 1) ? -1 : 1,
                            (int)random_in(&r, 0, 999));
    return arena_printf(a, "%s]\n", text);
}

// One attention over ids 0 ... 7, embeddings of 4 columns, 16 tokens, chunks of 4.
static const char *tiny_text(arena *a, const tiny *t) {
    bool stream = t->class_name[0] == 's';
    const char *text = arena_printf(
        a,
        "module {after = \"find-tokens\", class = \"%s\", max_chunk = %d, max_tokens = 16, stage = "
        "\"graph\"}\n"
        "domain t0 {%skind = \"free\", max = %d}\n%s%s%s"
        "%sring @r {bias = \"%s\", d = 4, dv = 4%s, mode = \"%s\", n_kv = 1%s, q_per_kv = 1, "
        "scale = 0.5, slots = %d, softcap = 0%s, window = %d}\n%s",
        t->class_name, stream ? 4 : 16, t->fixed ? arena_printf(a, "fixed = %d, ", t->fixed) : "",
        t->fixed ? t->fixed : 16, tiny_tensor(a, "wte", 8, 4, 1), tiny_tensor(a, "wpe", 16, 4, 2),
        tiny_tensor(a, "wq", 4, 4, 3), t->alibi ? "tensor @slopes : f32[1] = [0.25]\n" : "",
        t->alibi ? "alibi" : "none", t->past ? ", kv_layout = \"bhtd\"" : "",
        stream ? "causal" : "all",
        t->past ? ", past_key = \"past.key\", past_value = \"past.value\", present_key = "
                  "\"present.key\", present_value = \"present.value\""
                : "",
        t->slots ? t->slots : 16, t->alibi ? ", table = @slopes" : "", t->window,
        t->notes ? t->notes : "");
    text = arena_printf(
        a,
        "%s\nfunc @run(%%ids \"input_ids\" : i32[t0] {onnx_shape = [\"1\", \"t0\"], onnx_type = "
        "\"i64\", range_hi = 8, range_lo = 0, role = \"tokens\"}, %%mask \"attention_mask\" : "
        "i32[t0] {onnx_shape = [\"1\", \"t0\"], onnx_type = \"i64\", range_hi = 2, range_lo = 0, "
        "role = \"mask\"}%s) -> (%%y \"logits\" {onnx_shape = [\"1\", \"t0\", \"4\"], onnx_type = "
        "\"f32\"}%s) {\n"
        "  %%wte = t.const {value = @wte} : f32[8,4]\n"
        "  %%e = nn.embed %%ids, %%wte : f32[t0,4]\n",
        text,
        t->position_ids ? ", %pos \"position_ids\" : i32[t0] {onnx_shape = [\"1\", \"t0\"], "
                          "onnx_type = \"i64\", range_hi = 16, range_lo = 0, role = \"positions\"}"
                        : "",
        t->scores ? ", %s \"attn\" {onnx_shape = [\"1\", \"1\", \"t0\", \"t0\"], onnx_type = "
                    "\"f32\"}"
                  : "");
    const char *x = "%e";
    if (t->positions_table) {
        text = arena_printf(a,
                            "%s  %%wpe = t.const {value = @wpe} : f32[16,4]\n"
                            "  %%p = %s : f32[t0,4]\n"
                            "  %%ep = t.add %%e, %%p : f32[t0,4]\n",
                            text, t->position_ids ? "nn.embed %pos, %wpe" : "nn.posrow %wpe");
        x = "%ep";
    }
    text = arena_printf(a,
                        "%s  %%wq = t.const {value = @wq} : f32[4,4]\n"
                        "  %%q = nn.linear %s, %%wq : f32[t0,4]\n"
                        "  %%a = nn.attn %%q, %s, %s, %%mask {ring = @r} : f32[t0,4]\n",
                        text, x, x, x);
    if (t->scores)
        text = arena_printf(a, "%s  %%s = nn.scores %%q, %s, %s, %%mask {ring = @r} : f32[t0,%d]\n",
                            text, x, x, t->slots ? t->slots : 16);
    return arena_printf(a, "%s  %%y = t.add %%a, %s : f32[t0,4]\n}\n", text, x);
}

#endif
