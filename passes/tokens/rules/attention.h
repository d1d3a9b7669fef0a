// Attention on rings: what its rules share.
#ifndef OHMIC_PASSES_TOKENS_RULES_ATTENTION_H
#define OHMIC_PASSES_TOKENS_RULES_ATTENTION_H

#include "passes/tokens/rules/mask.h"

typedef struct {
    int64_t heads, n_kv, d, dv;
    int domain, keys; // of queries; of keys and values
    double scale, softcap;
    bool is_hard; // hard sigmoid in place of softmax
    double alpha, beta;
    const tok_constant *sink; // NULL: none
} tok_attention;

// Heads, width of a head and domain of an operand [B, H, T, d] (transposed: [B, H, d, T]), every
// broadcast carried out. False: refused.
bool tok_head_axes(tok_ctx *c, uint32_t node, uint32_t id, bool transposed, int64_t *heads,
                   int64_t *d, int *domain);
// The sizes of q k^T v. False: refused.
bool tok_attention_sizes(tok_ctx *c, uint32_t node, uint32_t q, uint32_t k, bool k_transposed,
                         uint32_t v, tok_attention *s);
// The node attends: its rows are nn.attn on a ring of its own. False: refused.
bool tok_attend(tok_ctx *c, uint32_t node, uint32_t q, uint32_t k, uint32_t v,
                const tok_attention *s, const tok_mask *m);
// nn.attn or nn.scores on a ring, of `width` columns. key: node of the key mask, TOK_NONE.
tok_ref tok_step_ring(tok_ctx *c, tok_recipe *r, ir_opcode code, tok_ring *ring, uint32_t key,
                      int64_t width);
tok_ring *tok_ring_add(tok_ctx *c, tok_ring r);
// A longer window was asked for than the `most` tokens a row sees: by the model's own window, or
// all.
void tok_note_longer(tok_ctx *c, uint32_t node, int64_t asked, int64_t most, bool is_window);
// The probabilities [T, H*slots] of a softmax that is an output, read off the ring of the attention
// that mixes with them. The layout's last axis counts keys. False: refused.
bool tok_probs_output(tok_ctx *c, uint32_t node, tok_recipe *r, tok_layout *l);

#endif
