/* AVX-512F: 32 registers of 8 doubles. */
#ifndef CSEP_ISA_X86_AVX512_F64_H
#define CSEP_ISA_X86_AVX512_F64_H

#include <immintrin.h>

#include "isa/compiler.h"
#include "isa/real_f64.h"

#define KERNELS csep_kernels_avx512_f64
#define ISA_NAME "avx512"
#define HAS_SCALE

typedef __m512d vec;
typedef __mmask8 vmask;
typedef __mmask8 vboolean;
typedef __m512i vindex;

enum { VL = 8, MAX_MR = 14, MR_1 = 14, MR_2 = 14, PROBE_CHAINS = 16 };

INLINE void v_prefetch_l2(const char *p) { __asm__ volatile("prefetcht1 %0" : : "m"(*p)); }
INLINE void v_prefetch_write(const char *p) { __asm__ volatile("prefetchw %0" : : "m"(*p)); }
INLINE vec v_zero(void) { return _mm512_setzero_pd(); }
INLINE vec v_load(const real *p) { return _mm512_loadu_pd(p); }
INLINE void v_store(real *p, vec v) { _mm512_storeu_pd(p, v); }
INLINE vec v_broadcast(const real *p) { return _mm512_set1_pd(*p); }
INLINE vec v_const(real c) { return _mm512_set1_pd(c); }
INLINE vec v_fma(vec a, vec b, vec c) { return _mm512_fmadd_pd(a, b, c); }
INLINE vec v_product_error(vec a, vec b, vec product) { return v_fma(a, b, v_zero() - product); }
INLINE vec v_min(vec a, vec b) { return _mm512_min_pd(a, b); }
INLINE vec v_max(vec a, vec b) { return _mm512_max_pd(a, b); }
INLINE vec v_or(vec a, vec b)
{
    return _mm512_castsi512_pd(_mm512_or_si512(_mm512_castpd_si512(a), _mm512_castpd_si512(b)));
}
INLINE vboolean v_less(vec a, vec b) { return _mm512_cmp_pd_mask(a, b, _CMP_LT_OQ); }
INLINE vec v_select(vboolean c, vec a, vec b) { return _mm512_mask_blend_pd(c, b, a); }
INLINE vec v_shift_to_exponent(vec v)
{
    return _mm512_castsi512_pd(_mm512_slli_epi64(_mm512_castpd_si512(v), 52));
}
typedef vec vpower;
INLINE vpower v_power(vec n) { return n; }
INLINE vec v_scale(vec v, vpower n) { return _mm512_scalef_pd(v, n); }
INLINE vmask v_mask_range(int from, int to) { return (vmask)((1u << to) - (1u << from)); }
INLINE vmask v_mask(int lanes) { return v_mask_range(0, lanes); }
INLINE vec v_pin(vec v)
{
    __asm__("" : "+v"(v));
    return v;
}
INLINE vec v_load_masked(const real *p, vmask m) { return _mm512_maskz_loadu_pd(m, p); }
INLINE void v_store_first(real *p, int n, vec v) { _mm512_mask_storeu_pd(p, v_mask(n), v); }
INLINE vindex v_index(const int32_t *p)
{
    return _mm512_cvtepi32_epi64(_mm256_loadu_si256((const __m256i *)p));
}
INLINE vec v_expand(vec v, vindex lane) { return _mm512_permutexvar_pd(lane, v); }
INLINE vec v_interleave_low(vec a, vec b)
{
    return _mm512_permutex2var_pd(a, _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11), b);
}
INLINE vec v_interleave_high(vec a, vec b)
{
    return _mm512_permutex2var_pd(a, _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15), b);
}

#endif
