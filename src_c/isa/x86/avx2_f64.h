/* AVX2 with FMA: 16 registers of 4 doubles. */
#ifndef CSEP_ISA_X86_AVX2_F64_H
#define CSEP_ISA_X86_AVX2_F64_H

#include <immintrin.h>

#include "isa/compiler.h"
#include "isa/real_f64.h"

#define KERNELS csep_kernels_avx2_f64
#define ISA_NAME "avx2"

typedef __m256d vec;
typedef __m256i vmask;
typedef __m256d vboolean;
typedef __m256i vindex;

enum { VL = 4, MAX_MR = 12, MR_1 = 12, MR_2 = 6, PROBE_CHAINS = 12 };

static const int64_t mask_source[3 * VL] = {[VL] = -1, -1, -1, -1};

INLINE void v_prefetch_l2(const char *p) { __asm__ volatile("prefetcht1 %0" : : "m"(*p)); }
INLINE void v_prefetch_write(const char *p) { __asm__ volatile("prefetchw %0" : : "m"(*p)); }
INLINE vec v_zero(void) { return _mm256_setzero_pd(); }
INLINE vec v_load(const real *p) { return _mm256_loadu_pd(p); }
INLINE void v_store(real *p, vec v) { _mm256_storeu_pd(p, v); }
INLINE vec v_broadcast(const real *p) { return _mm256_broadcast_sd(p); }
INLINE vec v_const(real c) { return _mm256_set1_pd(c); }
INLINE vec v_fma(vec a, vec b, vec c) { return _mm256_fmadd_pd(a, b, c); }
INLINE vec v_product_error(vec a, vec b, vec product) { return v_fma(a, b, v_zero() - product); }
INLINE vec v_min(vec a, vec b) { return _mm256_min_pd(a, b); }
INLINE vec v_max(vec a, vec b) { return _mm256_max_pd(a, b); }
INLINE vec v_or(vec a, vec b) { return _mm256_or_pd(a, b); }
INLINE vboolean v_less(vec a, vec b) { return _mm256_cmp_pd(a, b, _CMP_LT_OQ); }
INLINE vec v_select(vboolean c, vec a, vec b) { return _mm256_blendv_pd(b, a, c); }
INLINE vec v_shift_to_exponent(vec v)
{
    return _mm256_castsi256_pd(_mm256_slli_epi64(_mm256_castpd_si256(v), 52));
}
INLINE vmask v_mask(int lanes)
{
    return _mm256_loadu_si256((const __m256i *)(mask_source + 2 * VL - lanes));
}
INLINE vmask v_mask_range(int from, int to)
{
    return _mm256_andnot_si256(v_mask(from), v_mask(to));
}
INLINE vec v_pin(vec v)
{
    __asm__("" : "+x"(v));
    return v;
}
INLINE vec v_load_masked(const real *p, vmask m) { return _mm256_maskload_pd(p, m); }
/* In pieces: on AMD's cores a masked store takes 12 cycles. */
INLINE void v_store_first(real *p, int n, vec v)
{
    __m128d rest = _mm256_castpd256_pd128(v);
    if (n & 2) {
        _mm_storeu_pd(p, rest);
        rest = _mm256_extractf128_pd(v, 1);
        p += 2;
    }
    if (n & 1)
        _mm_store_sd(p, rest);
}
/* Lane i as the pair 2 i, 2 i + 1: only floats can be permuted freely. */
INLINE vindex v_index(const int32_t *p)
{
    const __m256i lanes = _mm256_cvtepu32_epi64(_mm_loadu_si128((const __m128i *)p));
    const __m256i even = _mm256_slli_epi64(lanes, 1);
    const __m256i odd = _mm256_or_si256(even, _mm256_set1_epi64x(1));
    return _mm256_or_si256(even, _mm256_slli_epi64(odd, 32));
}
INLINE vec v_expand(vec v, vindex lane)
{
    return _mm256_castps_pd(_mm256_permutevar8x32_ps(_mm256_castpd_ps(v), lane));
}
INLINE vec v_interleave_low(vec a, vec b)
{
    return _mm256_permute2f128_pd(_mm256_unpacklo_pd(a, b), _mm256_unpackhi_pd(a, b), 0x20);
}
INLINE vec v_interleave_high(vec a, vec b)
{
    return _mm256_permute2f128_pd(_mm256_unpacklo_pd(a, b), _mm256_unpackhi_pd(a, b), 0x31);
}

#endif
