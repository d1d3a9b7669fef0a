// The models that must work, where they lie, and what the acceptance tests do with them: compile
// with a command line, through a program file, to a simulator and an interpreter of the mapped
// stage.
#ifndef OHMIC_TESTS_ACCEPTANCE_MODELS_H
#define OHMIC_TESTS_ACCEPTANCE_MODELS_H

#include "cli/compile/compile.h"
#include "host/engine.h"
#include "host/program.h"
#include "isa/file/file.h"
#include "tests/shared.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// "NAME": an export; "FOLDER/NAME": below ../shared/models, data in FOLDER/ref/NAME.
static const char *const required_models[] = {
    "stories260K/stories260k_legacy_op17",
    "stories260K/stories260k_with_past_op17",
    "stories260K/stories260k_op23_interleaved",
    "stories260K/stories260k_external_op17",
    "stories260K/stories260k_dynq_int8_op17",
    "own/tales_gpt_op17",
    "own/tales_gpt_dynamo_op20",
    "own/tales_gpt_past_op18",
    "own/tales_judge_op17",
    "own/tales_judge_dynamo_op20",
    "rxnmapper_albert/albert_rxnmapper_op17",
    "vit_cifar10_ibp/model",
    "bert_dyn18_sdpa",
    "bert_dyn20_eager",
    "bert_dyn20_next",
    "bert_dyn_default",
    "bert_dyn_late_default",
    "bert_opt11_old",
    "bert_opt14",
    "bert_optst14_minilm",
    "bert_ts11_eager",
    "bert_ts11_old",
    "bert_ts14_sdpa",
    "bert_ts17_sdpa",
    "bert_ts18_late",
    "bert_cls_dyn20_auto",
    "bert_mlm_opt18",
    "bert_mlm_ts17_eager",
    "bert_qa_ts17_static",
    "gpt2_dyn18_next_past",
    "gpt2_dyn20_sdpa",
    "gpt2_dyn_late_past",
    "gpt2_opt13_old",
    "gpt2_opt14",
    "gpt2_ts13_old_past",
    "gpt2_ts14_eager",
    "llama_dyn18_eager",
    "llama_dyn20_ids",
    "llama_dyn20_next",
    "llama_dyn20_sdpa",
    "llama_dyn21_past",
    "llama_dyn_late_ids",
    "llama_opt14",
    "llama_opt18_past",
    "llama_ts14_eager",
    "llama_ts14_old_past",
    "llama_ts17_past_eager",
    "llama_ts17_sdpa",
    "llama_hd64_dyn18",
    "marian_ts17",
    "nanogpt_dyn18_sdpa",
    "nanogpt_dyn20_axes",
    "nanogpt_dyn22",
    "nanogpt_dyn23_late_sdpa",
    "nanogpt_ts11",
    "nanogpt_ts13_initinputs",
    "nanogpt_ts14_sdpa",
    "nanogpt_ts17_static",
    "nanogpt_ts9_old",
    "t5_dyn18",
    "vit_dyn18",
    "vit_dyn23",
    "vit_dyn_late",
    "vit_opt14",
    "vit_ts17",
    "vit_ts9_old",
};

// Other exporters' files of the families with an encoder and a decoder: compared with their stored
// outputs on chip ideal, no more.
static const char *const further_models[] = {
    "marian_dyn20",   "marian_opt17_nopast",     "t5_dyn22_encoder", "t5_dyn_late",
    "t5_gated_dyn20", "t5_opt17__encoder_model", "t5_ts12_old",      "t5_ts14",
    "t5_ts14_sim",
};

static inline void model_paths(arena *a, const char *name, const char **model, const char **data) {
    const char *slash = strchr(name, '/');
    if (!slash) {
        *model = arena_printf(a, EXPORTS "/%s/model.onnx", name);
        *data = arena_printf(a, EXPORTS "/%s", name);
        return;
    }
    int folder = (int)(slash - name);
    *model = arena_printf(a, MODELS "/%s.onnx", name);
    if (!strncmp(name, "vit_cifar10", 11))
        *data = arena_printf(a, MODELS "/%.*s", folder, name);
    else if (!strncmp(name, "rxnmapper", 9))
        *data = arena_printf(a, MODELS "/%.*s/ref", folder, name);
    else
        *data = arena_printf(a, MODELS "/%.*s/ref/%s", folder, name, slash + 1);
}

// ---- compiling ---------------------------------------------------------------------------------

typedef struct {
    arena *a;
    compilation c;     // c.module: mapped
    program_file file; // as written and read back
    engine *sim, *interp;
} built;

static inline void built_close(built *b) {
    engine_free(b->sim);
    engine_free(b->interp);
    program_close(&b->file);
    compile_close(&b->c);
    if (b->a) arena_free(b->a);
    *b = (built){0};
}

// `line`: options of `ohmic compile`, separated by spaces. False: reported.
static inline bool build(built *b, const char *model, const char *line, int threads,
                         diag_sink *diags) {
    static const arg_option options[] = {COMPILE_OPTIONS};
    *b = (built){.a = arena_new()};
    VEC(char *) argv = {0};
    // optimum leaves the size of an image open
    const char *sizes = strstr(model, "vit_opt14") ? " --bind=num_channels=3 --bind=height=16 "
                                                     "--bind=width=16"
                                                   : "";
    char *text = arena_printf(b->a, "%s%s", line, sizes), *rest = NULL;
    for (char *w = strtok_r(text, " ", &rest); w; w = strtok_r(NULL, " ", &rest))
        vec_push(&argv, w);
    vec_push(&argv, arena_str(b->a, model));
    int code;
    args *given = args_parse(b->a, (int)argv.count, argv.items, "test", "MODEL", "", options,
                             ARRAY_LEN(options), 1, 1, &code);
    vec_free(&argv);
    if (!given || !compile_options(given, &b->c, diags)) return false;
    b->c.options.threads = threads;
    if (!compile_open(given, &model, 1, &b->c, diags) || !compile_program(&b->c, diags))
        return false;
    char *path = arena_printf(b->a, OHMIC_BUILD_DIR "/accept-%d.ohm", (int)getpid());
    bool ok = isa_write(b->c.program, path, diags) && program_open(&b->file, path, b->a, diags);
    unlink(path); // what is mapped stays
    if (!ok) return false;
    sim_options so = {.threads = threads};
    b->sim = engine_of_program(&b->file, &so, diags);
    b->interp = engine_of_module(b->c.module, threads, diags);
    return b->sim && b->interp;
}

#endif
