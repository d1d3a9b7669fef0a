// Patches of images; see layout.h.
#include "support/num/layout.h"
#include <stdio.h>

bool layout_parse(const char *text, layout_image *l) {
    enum { MOST = 1 << 15 }; // c*h*w stays in 64 bits
    int end = 0;
    if (sscanf(text, "im2row c=%d h=%d w=%d kh=%d kw=%d sh=%d sw=%d%n", &l->c, &l->h, &l->w, &l->kh,
               &l->kw, &l->sh, &l->sw, &end) != 7 ||
        text[end])
        return false;
    const int all[] = {l->c, l->h, l->w, l->kh, l->kw, l->sh, l->sw};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (all[i] < 1 || all[i] > MOST) return false;
    return l->h >= l->kh && l->w >= l->kw;
}

static int64_t patches_across(const layout_image *l) { return (l->w - l->kw) / l->sw + 1; }

int64_t layout_rows(const layout_image *l) {
    return ((l->h - l->kh) / l->sh + 1) * patches_across(l);
}
int64_t layout_width(const layout_image *l) { return (int64_t)l->c * l->kh * l->kw; }
int64_t layout_elements(const layout_image *l) { return (int64_t)l->c * l->h * l->w; }

int64_t layout_row_offset(const layout_image *l, int64_t row) {
    return row / patches_across(l) * l->sh * l->w + row % patches_across(l) * l->sw;
}

int64_t layout_column_offset(const layout_image *l, int64_t column) {
    return column / (l->kh * l->kw) * l->h * l->w + column / l->kw % l->kh * l->w + column % l->kw;
}
