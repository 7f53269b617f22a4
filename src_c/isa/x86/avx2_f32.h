/* AVX2 with FMA and F16C: 16 registers of 8 floats. */
#ifndef CSEP_ISA_X86_AVX2_F32_H
#define CSEP_ISA_X86_AVX2_F32_H

#include <immintrin.h>

#include "isa/compiler.h"
#include "isa/real_f32.h"

#define KERNELS csep_kernels_avx2_f32
#define ISA_NAME "avx2"
#define ALL_DEPTHWISE
#define HAS_HALF
#define HAS_STEPS

typedef __m256 vec;
typedef __m256i vmask;
typedef __m256 vboolean;
typedef __m256i vindex;

enum { VL = 8, MAX_MR = 12, MR_1 = 12, MR_2 = 6, PROBE_CHAINS = 12 };

static const int32_t mask_source[3 * VL] = {[VL] = -1, -1, -1, -1, -1, -1, -1, -1};

/* The bits of 2^(i / 8), less what i << 20 adds to them. */
enum { EXP_STEPS = 8, STEP_TERMS = 3 };
static const int32_t step_powers[EXP_STEPS] = {
    0x3f800000, 0x3f7b95c2, 0x3f7837f0, 0x3f75fed7, 0x3f7504f3, 0x3f75672a, 0x3f7744fd, 0x3f7ac0c7,
};
#define step_terms exp_terms

/* Not _mm_prefetch: GCC 12 removes a loop that does nothing else. */
INLINE void v_prefetch_l2(const char *p) { __asm__ volatile("prefetcht1 %0" : : "m"(*p)); }
INLINE void v_prefetch_write(const char *p) { __asm__ volatile("prefetchw %0" : : "m"(*p)); }
INLINE vec v_zero(void) { return _mm256_setzero_ps(); }
INLINE vec v_load(const real *p) { return _mm256_loadu_ps(p); }
INLINE void v_store(real *p, vec v) { _mm256_storeu_ps(p, v); }
INLINE vec v_broadcast(const real *p) { return _mm256_broadcast_ss(p); }
INLINE vec v_const(real c) { return _mm256_set1_ps(c); }
INLINE vec v_fma(vec a, vec b, vec c) { return _mm256_fmadd_ps(a, b, c); }
INLINE vec v_product_error(vec a, vec b, vec product) { return v_fma(a, b, v_zero() - product); }
INLINE vec v_min(vec a, vec b) { return _mm256_min_ps(a, b); }
INLINE vec v_max(vec a, vec b) { return _mm256_max_ps(a, b); }
INLINE vec v_or(vec a, vec b) { return _mm256_or_ps(a, b); }
INLINE vboolean v_less(vec a, vec b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
INLINE vec v_select(vboolean c, vec a, vec b) { return _mm256_blendv_ps(b, a, c); }
INLINE vec v_shift_to_exponent(vec v)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(v), 23));
}
INLINE vec v_power_of_steps(vec pushed)
{
    const __m256i bits = _mm256_castps_si256(pushed);
    const __m256i table = _mm256_loadu_si256((const __m256i *)step_powers);
    const __m256i factor = _mm256_permutevar8x32_epi32(table, bits);
    return _mm256_castsi256_ps(_mm256_add_epi32(factor, _mm256_slli_epi32(bits, 20)));
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
INLINE vec v_load_masked(const real *p, vmask m) { return _mm256_maskload_ps(p, m); }
/* In pieces: on AMD's cores a masked store takes 12 cycles. */
INLINE void v_store_first(real *p, int n, vec v)
{
    __m128 rest = _mm256_castps256_ps128(v);
    if (n & 4) {
        _mm_storeu_ps(p, rest);
        rest = _mm256_extractf128_ps(v, 1);
        p += 4;
    }
    if (n & 2) {
        _mm_storel_pi((__m64 *)p, rest);
        rest = _mm_movehl_ps(rest, rest);
        p += 2;
    }
    if (n & 1)
        _mm_store_ss(p, rest);
}
INLINE vindex v_index(const int32_t *p) { return _mm256_loadu_si256((const __m256i *)p); }
INLINE vec v_expand(vec v, vindex lane) { return _mm256_permutevar8x32_ps(v, lane); }
INLINE vec v_interleave_low(vec a, vec b)
{
    return _mm256_permute2f128_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b), 0x20);
}
INLINE vec v_interleave_high(vec a, vec b)
{
    return _mm256_permute2f128_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b), 0x31);
}
INLINE vec v_load_f16(const uint16_t *p)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
}
INLINE void v_store_f16(uint16_t *p, vec v)
{
    _mm_storeu_si128((__m128i *)p, _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
}
INLINE vec v_load_bf16(const uint16_t *p)
{
    const __m256i upper = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(upper, 16));
}
INLINE void v_store_bf16(uint16_t *p, vec v)
{
    const __m256i bits = _mm256_castps_si256(v), upper = _mm256_srli_epi32(bits, 16);
    const __m256i odd = _mm256_and_si256(upper, _mm256_set1_epi32(1));
    const __m256i half = _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff));
    const __m256i rounded = _mm256_srli_epi32(_mm256_add_epi32(bits, half), 16);
    const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(v, v, _CMP_UNORD_Q));
    const __m256i quiet = _mm256_or_si256(upper, _mm256_set1_epi32(0x40));
    const __m256i chosen = _mm256_blendv_epi8(rounded, quiet, nan);
    const __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(chosen, chosen), 0x08);
    _mm_storeu_si128((__m128i *)p, _mm256_castsi256_si128(packed));
}

#endif
