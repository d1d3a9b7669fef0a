// How the rows of a program lie in an image: "im2row c=3 h=32 w=32 kh=8 kw=8 sh=8 sw=8": row r is
// the patch number r (left to right, top to bottom), its columns are channel, y, x of the patch, as
// a convolution's weights have them.
#ifndef OHMIC_SUPPORT_NUM_LAYOUT_H
#define OHMIC_SUPPORT_NUM_LAYOUT_H

#include "support/base.h"

typedef struct {
    int c, h, w, kh, kw, sh, sw; // channels, image, patch, stride
} layout_image;

bool layout_parse(const char *text, layout_image *l); // false: not one
int64_t layout_rows(const layout_image *l);
int64_t layout_width(const layout_image *l);
int64_t layout_elements(const layout_image *l); // c*h*w
// Offset of a column of a row within the image [c][h][w]: offset of the row + offset of the column.
int64_t layout_row_offset(const layout_image *l, int64_t row);
int64_t layout_column_offset(const layout_image *l, int64_t column);

#endif
