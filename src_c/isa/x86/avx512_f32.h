/* AVX-512F: 32 registers of 16 floats. */
#ifndef CSEP_ISA_X86_AVX512_F32_H
#define CSEP_ISA_X86_AVX512_F32_H

#include <immintrin.h>

#include "isa/compiler.h"
#include "isa/real_f32.h"

#define KERNELS csep_kernels_avx512_f32
#define ISA_NAME "avx512"
#define ALL_DEPTHWISE
#define HAS_HALF
#define HAS_SCALE
#define HAS_STEPS

typedef __m512 vec;
typedef __mmask16 vmask;
typedef __mmask16 vboolean;
typedef __m512i vindex;

enum { VL = 16, MAX_MR = 14, MR_1 = 14, MR_2 = 14, PROBE_CHAINS = 16 };

/* The bits of 2^(i / 16), less what i << 19 adds to them. */
enum { EXP_STEPS = 16, STEP_TERMS = 2 };
static const int32_t step_powers[EXP_STEPS] = {
    0x3f800000, 0x3f7daac3, 0x3f7b95c2, 0x3f79c3d3, 0x3f7837f0, 0x3f76f532, 0x3f75fed7, 0x3f75583f,
    0x3f7504f3, 0x3f7508a4, 0x3f75672a, 0x3f76248c, 0x3f7744fd, 0x3f78ccdf, 0x3f7ac0c7, 0x3f7d257d,
};
#define step_terms exp_terms

/* Not _mm_prefetch: GCC 12 removes a loop that does nothing else. */
INLINE void v_prefetch_l2(const char *p) { __asm__ volatile("prefetcht1 %0" : : "m"(*p)); }
INLINE void v_prefetch_write(const char *p) { __asm__ volatile("prefetchw %0" : : "m"(*p)); }
INLINE vec v_zero(void) { return _mm512_setzero_ps(); }
INLINE vec v_load(const real *p) { return _mm512_loadu_ps(p); }
INLINE void v_store(real *p, vec v) { _mm512_storeu_ps(p, v); }
INLINE vec v_broadcast(const real *p) { return _mm512_set1_ps(*p); }
INLINE vec v_const(real c) { return _mm512_set1_ps(c); }
INLINE vec v_fma(vec a, vec b, vec c) { return _mm512_fmadd_ps(a, b, c); }
INLINE vec v_product_error(vec a, vec b, vec product) { return v_fma(a, b, v_zero() - product); }
INLINE vec v_min(vec a, vec b) { return _mm512_min_ps(a, b); }
INLINE vec v_max(vec a, vec b) { return _mm512_max_ps(a, b); }
INLINE vec v_or(vec a, vec b)
{
    return _mm512_castsi512_ps(_mm512_or_si512(_mm512_castps_si512(a), _mm512_castps_si512(b)));
}
INLINE vboolean v_less(vec a, vec b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
INLINE vec v_select(vboolean c, vec a, vec b) { return _mm512_mask_blend_ps(c, b, a); }
INLINE vec v_shift_to_exponent(vec v)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(v), 23));
}
typedef vec vpower;
INLINE vpower v_power(vec n) { return n; }
INLINE vec v_scale(vec v, vpower n) { return _mm512_scalef_ps(v, n); }
INLINE vec v_power_of_steps(vec pushed)
{
    const __m512i bits = _mm512_castps_si512(pushed), table = _mm512_loadu_si512(step_powers);
    const __m512i factor = _mm512_permutexvar_epi32(bits, table);
    return _mm512_castsi512_ps(_mm512_add_epi32(factor, _mm512_slli_epi32(bits, 19)));
}
INLINE vmask v_mask_range(int from, int to) { return (vmask)((1u << to) - (1u << from)); }
INLINE vmask v_mask(int lanes) { return v_mask_range(0, lanes); }
INLINE vec v_pin(vec v)
{
    __asm__("" : "+v"(v));
    return v;
}
INLINE vec v_load_masked(const real *p, vmask m) { return _mm512_maskz_loadu_ps(m, p); }
INLINE void v_store_first(real *p, int n, vec v) { _mm512_mask_storeu_ps(p, v_mask(n), v); }
INLINE vindex v_index(const int32_t *p) { return _mm512_loadu_si512(p); }
INLINE vec v_expand(vec v, vindex lane) { return _mm512_permutexvar_ps(lane, v); }
INLINE vec v_interleave_low(vec a, vec b)
{
    const vindex lanes = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    return _mm512_permutex2var_ps(a, lanes, b);
}
INLINE vec v_interleave_high(vec a, vec b)
{
    const vindex lanes =
        _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    return _mm512_permutex2var_ps(a, lanes, b);
}
INLINE vec v_load_f16(const uint16_t *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
}
INLINE void v_store_f16(uint16_t *p, vec v)
{
    _mm256_storeu_si256((__m256i *)p, _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
}
INLINE vec v_load_bf16(const uint16_t *p)
{
    const __m512i upper = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p));
    return _mm512_castsi512_ps(_mm512_slli_epi32(upper, 16));
}
INLINE void v_store_bf16(uint16_t *p, vec v)
{
    const __m512i bits = _mm512_castps_si512(v), upper = _mm512_srli_epi32(bits, 16);
    const __m512i odd = _mm512_and_si512(upper, _mm512_set1_epi32(1));
    const __m512i half = _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff));
    const __m512i rounded = _mm512_srli_epi32(_mm512_add_epi32(bits, half), 16);
    const __mmask16 nan = _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
    const __m512i quiet = _mm512_or_si512(upper, _mm512_set1_epi32(0x40));
    const __m512i chosen = _mm512_mask_blend_epi32(nan, rounded, quiet);
    _mm256_storeu_si256((__m256i *)p, _mm512_cvtepi32_epi16(chosen));
}

#endif
