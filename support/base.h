// Integer types, CHECK, checked arithmetic: what every file may assume.
#ifndef OHMIC_SUPPORT_BASE_H
#define OHMIC_SUPPORT_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

// A broken invariant of ours (never bad input): prints where and what, exits 70.
#define CHECK(cond, ...) \
    ((cond) ? (void)0 : base_check_failed(__FILE__, __LINE__, #cond, __VA_ARGS__))
_Noreturn void base_check_failed(const char *file, int line, const char *cond, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

// Checked arithmetic: false on overflow, *out untouched.
static inline bool mul_u64(uint64_t a, uint64_t b, uint64_t *out) {
    uint64_t r;
    if (__builtin_mul_overflow(a, b, &r)) return false;
    *out = r;
    return true;
}
static inline bool add_u64(uint64_t a, uint64_t b, uint64_t *out) {
    uint64_t r;
    if (__builtin_add_overflow(a, b, &r)) return false;
    *out = r;
    return true;
}

static inline bool add_fits(int64_t a, int64_t b, int64_t *out) {
    int64_t r;
    if (__builtin_add_overflow(a, b, &r)) return false;
    *out = r;
    return true;
}
static inline bool sub_fits(int64_t a, int64_t b, int64_t *out) {
    int64_t r;
    if (__builtin_sub_overflow(a, b, &r)) return false;
    *out = r;
    return true;
}
static inline bool mul_fits(int64_t a, int64_t b, int64_t *out) {
    int64_t r;
    if (__builtin_mul_overflow(a, b, &r)) return false;
    *out = r;
    return true;
}
// Towards zero; false for NaN and for what does not lie in [lo, hi] then. Casts of numbers from
// files go through here: out of range they are undefined, and differ between processors.
static inline bool f64_to_i64(double v, int64_t lo, int64_t hi, int64_t *out) {
    if (!(v >= -0x1p63 && v < 0x1p63)) return false;
    int64_t r = (int64_t)v;
    if (r < lo || r > hi) return false;
    *out = r;
    return true;
}

static inline int64_t min_i64(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t max_i64(int64_t a, int64_t b) { return a > b ? a : b; }
static inline int64_t gcd_i64(int64_t a, int64_t b) { // of numbers >= 0; of 0 the other
    while (b) {
        int64_t r = a % b;
        a = b;
        b = r;
    }
    return a;
}
static inline int64_t clamp_i64(int64_t v, int64_t lo, int64_t hi) { // lo <= hi
    return v < lo ? lo : v > hi ? hi : v;
}
// a / b, rounded up; a >= 0, b > 0.
static inline int64_t ceil_div_i64(int64_t a, int64_t b) { return a / b + (a % b != 0); }
static inline uint64_t ceil_div_u64(uint64_t a, uint64_t b) { return a / b + (a % b != 0); }
static inline uint64_t align_u64(uint64_t x, uint64_t a) { return ceil_div_u64(x, a) * a; }

// malloc family that cannot return NULL: exhausted memory prints one line and exits 1.
_Noreturn void base_no_memory(size_t bytes);  // what they do then
void *base_alloc(size_t bytes);               // uninitialised
void *base_calloc(size_t count, size_t size); // zeroed, overflow-checked
void *base_realloc(void *p, size_t bytes);

#endif
