#include "ir/kernel/pool.h"
#include "ir/kernel/product.h"
#include "support/num/num.h"
#include <string.h>

enum { COLUMNS = PRODUCT_COLUMNS };

// The number that a code stands for, of a converter that ends at lo and hi.
static double code(double sum, double step, double lo, double hi) {
    double q = num_rint_f64(sum / step);
    if (q < lo) q = lo;
    if (q > hi) q = hi;
    return q * step;
}

// What one chunk gives for one digit of the row.
static void chunk_codes(const pool_unit *u, const int *digit, const int8_t *w, size_t n,
                        double *out) {
    int32_t up[COLUMNS] = {0}, down[COLUMNS] = {0};
    for (size_t i = 0; i < n; i++, w += COLUMNS)
        for (int c = 0; c < COLUMNS; c++) {
            int32_t v = digit[i] * w[c];
            up[c] += v > 0 ? v : 0;
            down[c] += v < 0 ? -v : 0;
        }
    const double step = (double)u->adc_step;
    const double codes = (double)((int64_t)1 << u->adc_bits);
    for (int c = 0; c < COLUMNS; c++) {
        if (u->adc_bits == 0)
            out[c] = up[c] - down[c];
        else if (u->apart)
            out[c] = code(up[c], step, 0, codes - 1) - code(down[c], step, 0, codes - 1);
        else
            out[c] = code(up[c] - down[c], step, -codes / 2, codes / 2 - 1);
    }
}

void pool_row(const pool_unit *u, const int8_t *x, const int8_t *w, size_t k, double *sum) {
    const int64_t base = ((int64_t)1 << (u->digit_bits + 1)) - 1, half = (base - 1) / 2;
    int64_t unit = 1, reach = 0;
    for (int64_t d = 0; d < u->digits; d++) reach = reach * base + half;
    for (int64_t d = 1; d < u->digits; d++) unit *= base;
    for (int c = 0; c < COLUMNS; c++) sum[c] = 0;
    int *digit = base_alloc((size_t)u->chunk * sizeof *digit);
    for (; unit > 0; unit /= base)
        for (size_t k0 = 0; k0 < k; k0 += (size_t)u->chunk) {
            const size_t n = k - k0 < (size_t)u->chunk ? k - k0 : (size_t)u->chunk;
            for (size_t i = 0; i < n; i++) {
                int64_t v = x[k0 + i];
                v = v > reach ? reach : v < -reach ? -reach : v;
                digit[i] = (int)((v + reach) / unit % base - half); // reach: all digits half
            }
            double part[COLUMNS];
            chunk_codes(u, digit, w + k0 * COLUMNS, n, part);
            for (int c = 0; c < COLUMNS; c++) sum[c] += (double)unit * part[c];
        }
    free(digit);
    // Sums are kept in 32 bits.
    for (int c = 0; c < COLUMNS; c++) sum[c] = (double)(int32_t)(uint32_t)(int64_t)sum[c];
}
