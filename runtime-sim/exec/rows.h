// Rows of buffers as instructions see them: views without copies, f32 in, any row type out.
#ifndef OHMIC_RUNTIME_SIM_EXEC_ROWS_H
#define OHMIC_RUNTIME_SIM_EXEC_ROWS_H

#include "isa/operand.h"
#include "runtime-sim/state.h"

typedef struct {
    const isa_buffer *desc; // of the view
    isa_btype type;
    int64_t rows;
    uint32_t width;        // columns of the view
    size_t stride;         // elements from row to row (the parent's width)
    uint8_t *data;         // element [0][0] of the view
    sim_trailer *trailers; // [rows], q8 and raw
} sim_rows;

size_t sim_elem_bytes(isa_btype t);
static inline void *sim_row_at(const sim_rows *v, int64_t r) {
    return v->data + (size_t)r * v->stride * sim_elem_bytes(v->type);
}

// The view of a buffer that this step has written; of one it will write (storage is made).
sim_rows sim_source(const sim_ctx *c, uint16_t buffer);
sim_rows sim_target(const sim_ctx *c, uint16_t buffer, int64_t rows);

// Row r as f32: in place where it is stored so, else in `scratch` [width]. q8: scale * (code -
// zero).
const float *sim_row_f32(const sim_rows *v, int64_t r, float *scratch);
int32_t sim_row_i32(const sim_rows *v, int64_t r); // first column; f32 truncates

// Where a row's f32 values go before sim_row_end makes the row of them: the row itself, or
// `scratch`.
float *sim_row_begin(const sim_rows *d, int64_t r, float *scratch);
// Rounds to the chip's digital format (digital instructions), then to the row's type; quantises.
void sim_row_end(const sim_ctx *c, const sim_rows *d, int64_t r, float *y);
// The same for a q8 row, part of one whose largest |element| is `most`.
void sim_row_end_within(const sim_ctx *c, const sim_rows *d, int64_t r, float *y, float most);

// Moves one row: codes and trailer as they are when the types agree, through f32 otherwise.
void sim_row_move(const sim_ctx *c, const sim_rows *d, int64_t r, const sim_rows *a, int64_t from,
                  float *scratch);
// Moves columns only; zeros when from < 0. The trailer of a q8 row comes with them.
void sim_cols_move(const sim_rows *d, int64_t r, uint32_t col, const sim_rows *a, int64_t from);

// A table as rows of a buffer; q8 rows lie with their trailers in the file.
const float *sim_table_row(const sim *s, const isa_table *t, int64_t row, float *scratch);
int32_t sim_table_i32(const sim *s, const isa_table *t, int64_t row, uint32_t col);

// f(arg, r, scratch) for every row, on the options' threads when there is enough work:
// `work` is elementary operations a row, `floats` the size of the scratch each call gets.
void sim_each_row(const sim_ctx *c, int64_t rows, double work, size_t floats,
                  void (*f)(void *arg, int64_t r, float *scratch), void *arg);

// Quantisation of one row (docs/numerics.md).
sim_trailer sim_quantise(isa_quant how, float scale, int32_t zero, int bits, const float *x,
                         size_t n, int8_t *codes);
// As sym, of a row whose largest |element| is `most`.
sim_trailer sim_quantise_within(float most, int bits, const float *x, size_t n, int8_t *codes);

#endif
