// Where do the rows of a program lie in an ONNX tensor? A port says its ONNX shape in words:
// "[1,t0,512]", "[1,8,t0,64]", "[1,4*t0]", "[1,8,t0,t0]". A leading 1 is the batch, tN counts the
// rows of domain N, the other factors in order are the columns of a row. A second domain counts the
// keys of attention probabilities. A leading 1*1 is no batch: all sequences have the same.
#ifndef OHMIC_SUPPORT_NUM_PORT_SHAPE_H
#define OHMIC_SUPPORT_NUM_PORT_SHAPE_H

#include "support/num/tensor.h"

enum { PORT_SHAPE_MAX_ATOMS = 16, PORT_SHAPE_MAX_FEATURES = 1 << 28 };

// A factor of an axis: features, or the rows of a token domain.
typedef struct {
    int axis, domain; // domain -1: features
    int64_t size;     // of features
} port_atom;

// Axes of size 1 have no atoms.
typedef struct {
    int rank, n_atoms;
    port_atom atom[PORT_SHAPE_MAX_ATOMS]; // in row-major order
    bool has_batch;                       // axis 0
    int row, key; // atoms: the rows; the keys of attention probabilities; -1
} port_shape;

// False: no shape, or one of more than PORT_SHAPE_MAX_FEATURES.
bool port_shape_parse(const char *text, port_shape *s);
// Of a port of a domain that does not say its shape: [1,tN] for integers, else [1,tN,width].
port_shape port_shape_default(int domain, bool integer, int64_t width);

// Columns of a row, the keys left out.
int64_t port_shape_features(const port_shape *s);
// Dimensions of the ONNX tensor.
void port_shape_dims(const port_shape *s, int64_t batch, int64_t rows, int64_t keys, tensor *t);

// Where the elements of rows lie in the ONNX tensor: base + row[r] + column[c]; column -1: nowhere.
typedef struct {
    int64_t batch_stride, n_rows, width;
    int64_t *row, *column;
} port_map;

// rows: of the row atom; keys: of the key atom; slots: of the key atom in a row of the program,
// slot 0 being key `key0`.
port_map port_map_of(arena *a, const port_shape *s, int64_t rows, int64_t keys, int64_t slots,
                     int64_t key0);
// Patches of an image [c][h][w], from the layout of the port (support/num/layout.h). False: the
// layout does not parse.
bool port_map_image(arena *a, const char *layout, port_map *m);

// ---- caches ----------------------------------------------------------------------------------

// Axes of a cache: batch, heads, tokens, width.
typedef struct {
    int b, h, t, d;
} cache_axes;
cache_axes cache_axes_of(const char *layout); // "bhtd"; "" and what is no order of the four: that
// Element of the cache at sequence b, head h, token t, column d.
size_t cache_at(const cache_axes *x, const tensor *c, int64_t b, int64_t h, int64_t t, int64_t d);

#endif
