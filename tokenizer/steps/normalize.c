// Normalizers: what happens to a text before it is cut. Semantics, origins of characters included,
// are those of the Rust library `tokenizers`.
#include "tokenizer/anatomy.h"
#include "tokenizer/text/unicode.h"

bool normalize(const normalizer_step *steps, size_t n_steps, text_budget *b, arena *a, traced *t) {
    static bool (*const run[])(const normalizer_step *, text_budget *, arena *, traced *) = {
#define NORMALIZER(type, name, reads, keys) normalizer_##name,
#include "tokenizer/steps.def"
    };
    for (size_t i = 0; i < n_steps; i++) {
        if (t->n == 0) break; // nothing becomes something
        if (!text_take(b, t->n) || !run[steps[i].kind](&steps[i], b, a, t)) return false;
    }
    return true;
}

// --- character by character

bool normalizer_lowercase(const normalizer_step *s, text_budget *b, arena *a, traced *t) {
    edit e = edit_begin(a, *t);
    while (!edit_is_done(&e)) {
        int32_t lower[2];
        int n = unicode_lower(edit_peek(&e), lower);
        edit_put(&e, lower[0]);
        if (n > 1) edit_insert(&e, lower[1]);
    }
    *t = edit_end(&e);
    return true;
}

static void keep_where_not(bool (*is)(int32_t), arena *a, traced *t) {
    edit e = edit_begin(a, *t);
    while (!edit_is_done(&e)) {
        if (is(edit_peek(&e)))
            edit_drop(&e);
        else
            edit_keep(&e);
    }
    *t = edit_end(&e);
}

bool normalizer_strip_accents(const normalizer_step *s, text_budget *b, arena *a, traced *t) {
    keep_where_not(unicode_is_mark, a, t);
    return true;
}

bool normalizer_byte_level(const normalizer_step *s, text_budget *b, arena *a, traced *t) {
    edit e = edit_begin(a, *t);
    while (!edit_is_done(&e)) {
        size_t begin = e.at;
        edit_put(&e, unicode_of_byte((uint8_t)t->p[begin]));
        for (size_t i = begin + 1; i < e.at; i++)
            edit_insert(&e, unicode_of_byte((uint8_t)t->p[i]));
    }
    *t = edit_end(&e);
    return true;
}

// Rules of SentencePiece's "nmt": control characters go, exotic white space becomes a space.
bool normalizer_nmt(const normalizer_step *s, text_budget *b, arena *a, traced *t) {
    edit e = edit_begin(a, *t);
    while (!edit_is_done(&e)) {
        int32_t c = edit_peek(&e);
        if ((c >= 1 && c <= 8) || c == 0xb || (c >= 0xe && c <= 0x1f) || c == 0x7f || c == 0x8f ||
            c == 0x9f)
            edit_drop(&e);
        else if (c == '\t' || c == '\n' || c == '\f' || c == '\r' || c == 0x1680 ||
                 (c >= 0x200b && c <= 0x200f) || c == 0x2028 || c == 0x2029 || c == 0x2581 ||
                 c == 0xfeff || c == 0xfffd)
            edit_put(&e, ' ');
        else
            edit_keep(&e);
    }
    *t = edit_end(&e);
    return true;
}

// --- BERT

static void clean(arena *a, traced *t) {
    edit e = edit_begin(a, *t);
    while (!edit_is_done(&e)) {
        int32_t c = edit_peek(&e);
        if (unicode_is_control(c))
            edit_drop(&e);
        else
            edit_put(&e, unicode_is_space(c) ? ' ' : c);
    }
    *t = edit_end(&e);
}

static void surround_chinese(arena *a, traced *t) {
    edit e = edit_begin(a, *t);
    while (!edit_is_done(&e)) {
        int32_t c = edit_peek(&e);
        if (unicode_is_chinese(c)) {
            edit_put(&e, ' ');
            edit_insert(&e, c);
            edit_insert(&e, ' ');
        } else {
            edit_keep(&e);
        }
    }
    *t = edit_end(&e);
}

bool normalizer_bert(const normalizer_step *s, text_budget *b, arena *a, traced *t) {
    if (s->clean) clean(a, t);
    if (s->chinese) surround_chinese(a, t);
    if (s->accents) {
        normalizer_nfd(s, b, a, t);
        keep_where_not(unicode_is_accent, a, t);
    }
    return !s->lowercase || normalizer_lowercase(s, b, a, t);
}

// --- the whole text

bool normalizer_prepend(const normalizer_step *s, text_budget *b, arena *a, traced *t) {
    if (s->content.n == 0) return true;
    edit e = edit_begin(a, *t);
    int32_t first = edit_peek(&e);
    size_t at = 0;
    edit_put(&e, unicode_next(s->content.p, s->content.n, &at));
    edit_insert_text(&e, (text){s->content.p + at, s->content.n - at});
    edit_insert(&e, first);
    edit_copy(&e, t->n);
    *t = edit_end(&e);
    return true;
}

bool normalizer_replace(const normalizer_step *s, text_budget *b, arena *a, traced *t) {
    ranges found = {0};
    uint64_t made;
    bool ok = regex_find(s->re, t->p, t->n, &found) && mul_u64(found.count, s->content.n, &made) &&
              text_take(b, made);
    if (ok && found.count) {
        edit e = edit_begin(a, *t);
        for (size_t i = 0; i < found.count; i++) {
            edit_copy(&e, found.items[i].begin);
            e.at = found.items[i].end;
            edit_insert_text(&e, s->content);
        }
        edit_copy(&e, t->n);
        *t = edit_end(&e);
    }
    vec_free(&found);
    return ok;
}

bool normalizer_strip(const normalizer_step *s, text_budget *b, arena *a, traced *t) {
    size_t begin = 0, end = t->n;
    for (size_t at = 0; s->left && at < t->n; begin = at)
        if (!unicode_is_space(unicode_next(t->p, t->n, &at))) break;
    while (s->right && end > begin) {
        size_t before = unicode_before(t->p, end), at = before;
        if (!unicode_is_space(unicode_next(t->p, t->n, &at))) break;
        end = before;
    }
    *t = traced_slice(*t, begin, end);
    return true;
}
