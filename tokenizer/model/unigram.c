// Unigram (SentencePiece): of all ways to cut a text into names, the one with the largest sum of
// scores (Viterbi). A character without a name of its own may be unknown, at a price.
#include "tokenizer/anatomy.h"
#include "tokenizer/text/unicode.h"

typedef struct {
    double score; // of the best way here
    size_t begin; // of the name that ends here; SIZE_MAX: none does
    int32_t id;   // -1: unknown
} place;

static void reach(place *p, double score, size_t begin, int32_t id) {
    if (p->begin == SIZE_MAX || score > p->score) *p = (place){score, begin, id};
}

// places[i] for every byte; characters begin at some of them.
static void find_ways(const tokenizer *t, text word, place *places) {
    const double penalty = 10;
    for (size_t at = 0, next; at < word.n; at = next) {
        double score = places[at].score;
        bool single = false; // the character alone is a name
        uint32_t node = TRIE_ROOT;
        next = at;
        unicode_next(word.p, word.n, &next);
        for (size_t i = at; i < word.n; i++) {
            int32_t id;
            node = trie_step(t->names, node, (uint8_t)word.p[i], &id);
            if (node == TRIE_NONE) break;
            if (id < 0) continue;
            reach(&places[i + 1], score + t->scores.items[id], at, id);
            single |= i + 1 == next;
        }
        if (!single) reach(&places[next], score + (t->least_score - penalty), at, -1);
    }
}

static void push(const tokenizer *t, text word, size_t begin, size_t end, int32_t id,
                 word_tokens *out) {
    text s = {word.p + begin, end - begin};
    if (id < 0) id = model_token(t, s); // unknown characters may be a name together
    if (id < 0 && t->byte_fallback && model_push_bytes(t, s, begin, true, out)) return;
    vec_push(out, (word_token){id >= 0 ? id : t->unknown, begin, end});
}

void unigram_encode(const tokenizer *t, text word, word_tokens *out) {
    place *places = base_alloc((word.n + 1) * sizeof *places);
    for (size_t i = 0; i <= word.n; i++) places[i] = (place){0, SIZE_MAX, -1};
    find_ways(t, word, places);
    VEC(place) way = {0}; // from the end; `score` is not used
    for (size_t end = word.n; end > 0;) {
        place p = places[end];
        bool unknown = p.id < 0 || p.id == t->unknown;
        place *last = way.count ? &way.items[way.count - 1] : NULL;
        if (unknown && last && last->id < 0)
            last->begin = p.begin;
        else
            vec_push(&way, (place){0, p.begin, unknown ? -1 : p.id});
        end = p.begin;
    }
    for (size_t i = way.count; i-- > 0;)
        push(t, word, way.items[i].begin, i > 0 ? way.items[i - 1].begin : word.n, way.items[i].id,
             out);
    vec_free(&way);
    free(places);
}
