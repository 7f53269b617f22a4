/* Any processor: vectors of 16 bytes in the compiler's own portable notation (GCC, Clang), which
 * it maps to SSE2, NEON or plain scalars.  Products are rounded before they are added, everywhere:
 * these files are compiled without contraction. */
#ifndef CSEP_ISA_GENERIC_COMMON_H
#define CSEP_ISA_GENERIC_COMMON_H

#include <string.h>

#include "isa/compiler.h"

#ifndef MANTISSA_BITS /* read by itself: as generic_f32.h does */
#include "isa/real_f32.h"
#define MANTISSA_BITS 23
typedef int32_t bits;
#endif

enum { VL = 16 / sizeof(real), PROBE_CHAINS = 12 };

typedef real vec __attribute__((vector_size(16)));
typedef bits vboolean __attribute__((vector_size(16)));
typedef struct vmask {
    int from, to;
} vmask;
typedef struct vindex {
    int32_t lane[VL];
} vindex;

INLINE void v_prefetch_l2(const char *p) { __builtin_prefetch(p, 0, 2); }
INLINE void v_prefetch_write(const char *p) { __builtin_prefetch(p, 1, 3); }
INLINE vec v_zero(void) { return (vec){0}; }
INLINE vec v_load(const real *p)
{
    vec v;
    memcpy(&v, p, sizeof v);
    return v;
}
INLINE void v_store(real *p, vec v) { memcpy(p, &v, sizeof v); }
INLINE vec v_const(real c) { return c - (vec){0}; }
INLINE vec v_broadcast(const real *p) { return v_const(*p); }
INLINE vec v_fma(vec a, vec b, vec c) { return a * b + c; }
/* a * b - product, by Dekker: with half the digits each, products are exact. */
INLINE vec v_product_error(vec a, vec b, vec product)
{
    const real splitter = (real)(((int64_t)1 << (MANTISSA_BITS / 2 + 1)) + 1);
    const vec a_wide = a * splitter, b_wide = b * splitter;
    const vec a_high = a_wide - (a_wide - a), b_high = b_wide - (b_wide - b);
    const vec a_low = a - a_high, b_low = b - b_high;
    return a_low * b_low - (((product - a_high * b_high) - a_low * b_high) - a_high * b_low);
}
INLINE vboolean v_less(vec a, vec b) { return a < b; }
INLINE vec v_select(vboolean c, vec a, vec b)
{
    return (vec)((c & (vboolean)a) | (~c & (vboolean)b));
}
INLINE vec v_min(vec a, vec b) { return v_select(a < b, a, b); }
INLINE vec v_max(vec a, vec b) { return v_select(a > b, a, b); }
INLINE vec v_or(vec a, vec b) { return (vec)((vboolean)a | (vboolean)b); }
INLINE vec v_shift_to_exponent(vec v) { return (vec)((vboolean)v << MANTISSA_BITS); }
INLINE vmask v_mask_range(int from, int to) { return (vmask){from, to}; }
INLINE vmask v_mask(int lanes) { return v_mask_range(0, lanes); }
INLINE vec v_pin(vec v)
{
#if defined(__x86_64__)
    __asm__("" : "+x"(v));
#elif defined(__aarch64__)
    __asm__("" : "+w"(v));
#endif
    return v;
}
INLINE vec v_load_masked(const real *p, vmask m)
{
    vec v = v_zero();
    for (int i = m.from; i < m.to; i++)
        v[i] = p[i];
    return v;
}
INLINE void v_store_first(real *p, int n, vec v)
{
    for (int i = 0; i < n; i++)
        p[i] = v[i];
}
INLINE vindex v_index(const int32_t *p)
{
    vindex i;
    memcpy(&i, p, sizeof i);
    return i;
}
INLINE vec v_expand(vec v, vindex index)
{
    vec expanded = v_zero();
    for (int i = 0; i < VL; i++)
        expanded[i] = v[index.lane[i]];
    return expanded;
}
INLINE vec v_interleave_low(vec a, vec b)
{
    vec v = v_zero();
    for (int i = 0; i < VL; i++)
        v[i] = (i % 2 ? b : a)[i / 2];
    return v;
}
INLINE vec v_interleave_high(vec a, vec b)
{
    vec v = v_zero();
    for (int i = 0; i < VL; i++)
        v[i] = (i % 2 ? b : a)[VL / 2 + i / 2];
    return v;
}

#endif
