/* AVX2 with FMA: 16 registers of 8 floats. */
#include <immintrin.h>

#include "../kernels.h"
#include "compiler.h"

typedef float real;
typedef __m256 vec;
typedef __m256i vmask;
typedef __m256i vindex;

enum { VL = 8, MAX_ROWS = 12, MAX_ROWS_1 = 12, MAX_ROWS_2 = 6, PROBE_CHAINS = 12 };

static const int32_t mask_source[2 * VL] = {-1, -1, -1, -1, -1, -1, -1, -1};

/* Not _mm_prefetch: GCC 12 removes a loop that does nothing else. */
INLINE void v_prefetch_l2(const char *p) { __asm__ volatile("prefetcht1 %0" : : "m"(*p)); }
INLINE vec v_zero(void) { return _mm256_setzero_ps(); }
INLINE vec v_load(const real *p) { return _mm256_loadu_ps(p); }
INLINE void v_store(real *p, vec v) { _mm256_storeu_ps(p, v); }
INLINE vec v_broadcast(const real *p) { return _mm256_broadcast_ss(p); }
INLINE vec v_fma(vec a, vec b, vec c) { return _mm256_fmadd_ps(a, b, c); }
INLINE vec v_add(vec a, vec b) { return _mm256_add_ps(a, b); }
INLINE vmask v_mask(int lanes)
{
    return _mm256_loadu_si256((const __m256i *)(mask_source + VL - lanes));
}
INLINE vec v_pin(vec v)
{
    __asm__("" : "+x"(v));
    return v;
}
INLINE vec v_load_masked(const real *p, vmask m) { return _mm256_maskload_ps(p, m); }
INLINE void v_store_masked(real *p, vmask m, vec v) { _mm256_maskstore_ps(p, m, v); }
INLINE vindex v_index(const int32_t *p) { return _mm256_loadu_si256((const __m256i *)p); }
INLINE vec v_expand(vec v, vindex lane) { return _mm256_permutevar8x32_ps(v, lane); }

#include "../depthwise.inc.h"
#include "../pack.inc.h"
#include "../pointwise.inc.h"
#include "../probe.inc.h"

static const csep_depthwise_entry depthwise_entries[] = {
    {3, 1, depthwise_3s1}, {3, 2, depthwise_3s2}, {5, 1, depthwise_5s1},
    {5, 2, depthwise_5s2}, {7, 1, depthwise_7s1}, {0, 0, depthwise_any},
};

const csep_kernels csep_kernels_avx2 = {
    .name = "avx2",
    .vl = VL,
    .max_rows = {0, MAX_ROWS_1, MAX_ROWS_2},
    .panel_vectors = 2,
    .depthwise = depthwise_entries,
    .pointwise = pointwise,
    .pack_panel = pack_panel,
    .fma_probe = fma_probe,
    .read_probe = read_probe,
    .write_probe = write_probe,
};
