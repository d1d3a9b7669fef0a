// A trie over bytes in one array: the children of a node lie side by side, by byte. It is built
// level by level from sorted names, of which each node owns a range.
#include "tokenizer/text/trie.h"
#include "support/vec.h"

typedef struct {
    uint32_t children; // index of the first
    uint16_t n_children;
    uint8_t byte;
    int32_t value; // -1: no name ends here
} node;

struct trie {
    node *nodes;
    size_t count;
    uint32_t first[256]; // the root's children by byte; TRIE_NONE
};

static int compare(text a, text b) {
    size_t n = a.n < b.n ? a.n : b.n;
    int c = memcmp(a.p, b.p, n);
    return c ? c : (a.n > b.n) - (a.n < b.n);
}

// Bottom-up merging: stable, so that of equal names the last stays last.
static void sort(trie_entry *entries, size_t n) {
    trie_entry *from = entries, *to = base_alloc((n + 1) * sizeof *to), *spare = to;
    for (size_t width = 1; width < n; width *= 2) {
        for (size_t begin = 0; begin < n; begin += 2 * width) {
            size_t middle = begin + width < n ? begin + width : n;
            size_t end = middle + width < n ? middle + width : n, i = begin, k = middle;
            for (size_t at = begin; at < end; at++) {
                bool left = i < middle && (k == end || compare(from[i].name, from[k].name) <= 0);
                to[at] = from[left ? i++ : k++];
            }
        }
        trie_entry *swap = from;
        from = to;
        to = swap;
    }
    if (from != entries) memcpy(entries, from, n * sizeof *entries);
    free(spare);
}

typedef struct {
    size_t begin, end, depth; // names that share `depth` bytes
} share;

trie *trie_new(trie_entry *entries, size_t n) {
    trie *t = base_calloc(1, sizeof *t);
    VEC(node) nodes = {0};
    VEC(share) shares = {0}; // of each node
    if (n) sort(entries, n);
    vec_push(&nodes, (node){.value = -1});
    vec_push(&shares, (share){0, n, 0});
    for (size_t at = 0; at < nodes.count; at++) {
        share s = shares.items[at];
        size_t i = s.begin;
        for (; i < s.end && entries[i].name.n == s.depth; i++)
            nodes.items[at].value = entries[i].value;
        nodes.items[at].children = (uint32_t)nodes.count;
        while (i < s.end) {
            uint8_t byte = (uint8_t)entries[i].name.p[s.depth];
            size_t begin = i;
            while (i < s.end && (uint8_t)entries[i].name.p[s.depth] == byte) i++;
            vec_push(&nodes, (node){.byte = byte, .value = -1});
            vec_push(&shares, (share){begin, i, s.depth + 1});
            nodes.items[at].n_children++;
        }
    }
    vec_free(&shares);
    t->nodes = nodes.items;
    t->count = nodes.count;
    for (size_t b = 0; b < ARRAY_LEN(t->first); b++) t->first[b] = TRIE_NONE;
    for (uint32_t i = 0; i < t->nodes[0].n_children; i++) {
        uint32_t child = t->nodes[0].children + i;
        t->first[t->nodes[child].byte] = child;
    }
    return t;
}

void trie_free(trie *t) {
    if (!t) return;
    free(t->nodes);
    free(t);
}

uint32_t trie_step(const trie *t, uint32_t at, uint8_t byte, int32_t *value) {
    uint32_t found = TRIE_NONE;
    if (at == TRIE_ROOT) {
        found = t->first[byte];
    } else {
        const node *n = &t->nodes[at];
        uint32_t lo = n->children, hi = lo + n->n_children;
        while (lo < hi) {
            uint32_t mid = lo + (hi - lo) / 2;
            if (t->nodes[mid].byte < byte)
                lo = mid + 1;
            else
                hi = mid;
        }
        if (lo < n->children + n->n_children && t->nodes[lo].byte == byte) found = lo;
    }
    *value = found == TRIE_NONE ? -1 : t->nodes[found].value;
    return found;
}

int32_t trie_longest(const trie *t, const char *p, size_t n, size_t *length) {
    int32_t best = -1, value;
    uint32_t at = TRIE_ROOT;
    for (size_t i = 0; i < n; i++) {
        at = trie_step(t, at, (uint8_t)p[i], &value);
        if (at == TRIE_NONE) break;
        if (value < 0) continue;
        best = value;
        *length = i + 1;
    }
    return best;
}
