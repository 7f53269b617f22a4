/* What the C tests share. */
#ifndef TESTING_H
#define TESTING_H

#define _DEFAULT_SOURCE
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "csep.h"

/* A separable layer with a 3x3 kernel and nothing else to it. */
static inline csep_conv_desc simple_layer(int64_t channels, int64_t filters)
{
    return (csep_conv_desc){.kind = CSEP_SEPARABLE,
                            .in_channels = channels,
                            .channel_multiplier = 1,
                            .out_channels = filters,
                            .kernel_h = 3,
                            .kernel_w = 3,
                            .stride_h = 1,
                            .stride_w = 1,
                            .dilation_h = 1,
                            .dilation_w = 1};
}

/* The instruction set that CSEP_ISA asks for; 0, and a word about those there are, without it. */
static inline int init_or_tell(void)
{
    if (csep_init() == CSEP_OK)
        return 1;
    printf("no such instruction set; there are: %s\n", csep_isa_available());
    return 0;
}

static inline int64_t bytes_of(csep_dtype dtype)
{
    return dtype == CSEP_F64 ? 8 : dtype == CSEP_F32 ? 4 : 2;
}

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            printf("FAILED line %d: %s\n", __LINE__, #condition);                                  \
            failures++;                                                                            \
        }                                                                                          \
    } while (0)
/* Failed checks of this program. */
__attribute__((unused)) static int failures;

/* Random numbers, the same in every run. */
static uint64_t state = 88172645463325252u;

/* xorshift64 */
static inline int64_t draw(int64_t low, int64_t high)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return low + (int64_t)(state % (uint64_t)(high - low + 1));
}

/* Multiples of 1 / 8 below 8: every dtype holds them exactly. */
static inline double small_number(void) { return (double)draw(-63, 63) / 8.0; }

static inline uint16_t narrow(csep_dtype dtype, double exact)
{
    const float f = (float)exact;
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    if (dtype == CSEP_BF16)
        return (uint16_t)(bits >> 16);
    const uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
    return (uint16_t)(sign | (magnitude ? (magnitude - ((127u - 15u) << 23)) >> 13 : 0));
}

static inline double widen(csep_dtype dtype, uint16_t half)
{
    if (dtype == CSEP_BF16) {
        const uint32_t bits = (uint32_t)half << 16;
        float f;
        memcpy(&f, &bits, sizeof f);
        return f;
    }
    const double sign = half & 0x8000 ? -1.0 : 1.0;
    const int exponent = half >> 10 & 31, rest = half & 1023;
    if (exponent == 31)
        return rest ? NAN : sign * INFINITY;
    return sign * (exponent ? ldexp(1024 + rest, exponent - 25) : ldexp(rest, -24));
}

static inline void put(csep_dtype dtype, void *array, int64_t i, double value)
{
    if (dtype == CSEP_F64)
        ((double *)array)[i] = value;
    else if (dtype == CSEP_F32)
        ((float *)array)[i] = (float)value;
    else
        ((uint16_t *)array)[i] = narrow(dtype, value);
}

static inline double get(csep_dtype dtype, const void *array, int64_t i)
{
    if (dtype == CSEP_F64)
        return ((const double *)array)[i];
    if (dtype == CSEP_F32)
        return ((const float *)array)[i];
    return widen(dtype, ((const uint16_t *)array)[i]);
}

static inline void fill(csep_dtype dtype, void *array, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        put(dtype, array, i, small_number());
}

static inline void *random_array(csep_dtype dtype, int64_t count)
{
    void *a = malloc((size_t)(count * bytes_of(dtype)));
    fill(dtype, a, count);
    return a;
}

/* Memory between two forbidden pages, touching the first (at_end == 0) or the second. */
typedef struct guarded {
    char *pages;
    size_t bytes;
    void *data;
} guarded;

static inline guarded guarded_array(csep_dtype dtype, int64_t count, int at_end)
{
    enum { PAGE = 4096 };
    const size_t wanted = (size_t)(count * bytes_of(dtype));
    const size_t inside = (wanted + PAGE - 1) / PAGE * PAGE;
    guarded g = {.bytes = inside + 2 * PAGE};
    g.pages = mmap(NULL, g.bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (g.pages == MAP_FAILED || mprotect(g.pages + PAGE, inside, PROT_READ | PROT_WRITE) != 0)
        abort();
    g.data = g.pages + PAGE + (at_end ? inside - wanted : 0);
    return g;
}

#endif
