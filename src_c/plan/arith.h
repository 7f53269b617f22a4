/* Integer arithmetic on sizes. */
#ifndef CSEP_PLAN_ARITH_H
#define CSEP_PLAN_ARITH_H

#include <stdint.h>

static inline int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t max64(int64_t a, int64_t b) { return a > b ? a : b; }
static inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
static inline int64_t round_up(int64_t a, int64_t to) { return ceil_div(a, to) * to; }

static inline int64_t greatest_common_divisor(int64_t a, int64_t b)
{
    while (b) {
        const int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* Where part i of n begins when count things are dealt evenly: also the first n / 2 parts together,
 * or any other run of them, are as many things as the others, to within one.  n below 2^31. */
static inline int64_t share(int64_t count, int64_t i, int64_t n)
{
    return count / n * i + count % n * i / n;
}

/* An element's address. */
static inline const void *at(const void *p, int64_t elements, int size)
{
    return (const char *)p + elements * size;
}
/* The same of an array that may be none. */
static inline const void *at_if(const void *p, int64_t elements, int size)
{
    return p ? at(p, elements, size) : 0;
}
static inline void *at_mut(void *p, int64_t elements, int size)
{
    return (char *)p + elements * size;
}

#endif
