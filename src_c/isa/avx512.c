/* AVX-512F: 32 registers of 16 floats. */
#include <immintrin.h>

#include "../kernels.h"
#include "compiler.h"

typedef float real;
typedef __m512 vec;
typedef __mmask16 vmask;
typedef __m512i vindex;

enum { VL = 16, MAX_ROWS = 14, MAX_ROWS_1 = 14, MAX_ROWS_2 = 14, PROBE_CHAINS = 16 };

/* Not _mm_prefetch: GCC 12 removes a loop that does nothing else. */
INLINE void v_prefetch_l2(const char *p) { __asm__ volatile("prefetcht1 %0" : : "m"(*p)); }
INLINE vec v_zero(void) { return _mm512_setzero_ps(); }
INLINE vec v_load(const real *p) { return _mm512_loadu_ps(p); }
INLINE void v_store(real *p, vec v) { _mm512_storeu_ps(p, v); }
INLINE vec v_broadcast(const real *p) { return _mm512_set1_ps(*p); }
INLINE vec v_fma(vec a, vec b, vec c) { return _mm512_fmadd_ps(a, b, c); }
INLINE vec v_add(vec a, vec b) { return _mm512_add_ps(a, b); }
INLINE vmask v_mask(int lanes) { return (vmask)((1u << lanes) - 1u); }
INLINE vec v_pin(vec v)
{
    __asm__("" : "+v"(v));
    return v;
}
INLINE vec v_load_masked(const real *p, vmask m) { return _mm512_maskz_loadu_ps(m, p); }
INLINE void v_store_masked(real *p, vmask m, vec v) { _mm512_mask_storeu_ps(p, m, v); }
INLINE vindex v_index(const int32_t *p) { return _mm512_loadu_si512(p); }
INLINE vec v_expand(vec v, vindex lane) { return _mm512_permutexvar_ps(lane, v); }

#include "../depthwise.inc.h"
#include "../pack.inc.h"
#include "../pointwise.inc.h"
#include "../probe.inc.h"

static const csep_depthwise_entry depthwise_entries[] = {
    {3, 1, depthwise_3s1}, {3, 2, depthwise_3s2}, {5, 1, depthwise_5s1},
    {5, 2, depthwise_5s2}, {7, 1, depthwise_7s1}, {0, 0, depthwise_any},
};

const csep_kernels csep_kernels_avx512 = {
    .name = "avx512",
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
