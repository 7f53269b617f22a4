/* Any processor: vectors of 4 floats in the compiler's own portable notation (GCC, Clang), which
 * it maps to SSE2, NEON or plain scalars.  Products are rounded before they are added, everywhere:
 * this file is compiled without contraction. */
#include <string.h>

#include "../kernels.h"
#include "compiler.h"

enum { VL = 4, MAX_ROWS = 8, MAX_ROWS_1 = 8, MAX_ROWS_2 = 5, PROBE_CHAINS = 12 };

typedef float real;
typedef float vec __attribute__((vector_size(4 * sizeof(float))));
typedef int vmask; /* how many lanes exist */
typedef struct vindex {
    int32_t lane[4];
} vindex;

INLINE void v_prefetch_l2(const char *p) { __builtin_prefetch(p, 0, 2); }
INLINE vec v_zero(void) { return (vec){0}; }
INLINE vec v_load(const real *p)
{
    vec v;
    memcpy(&v, p, sizeof v);
    return v;
}
INLINE void v_store(real *p, vec v) { memcpy(p, &v, sizeof v); }
INLINE vec v_broadcast(const real *p) { return (vec){*p, *p, *p, *p}; }
INLINE vec v_fma(vec a, vec b, vec c) { return a * b + c; }
INLINE vec v_add(vec a, vec b) { return a + b; }
INLINE vmask v_mask(int lanes) { return lanes; }
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
    for (int i = 0; i < m; i++)
        v[i] = p[i];
    return v;
}
INLINE void v_store_masked(real *p, vmask m, vec v)
{
    for (int i = 0; i < m; i++)
        p[i] = v[i];
}
INLINE vindex v_index(const int32_t *p)
{
    vindex i;
    memcpy(&i, p, sizeof i);
    return i;
}
INLINE vec v_expand(vec v, vindex i)
{
    return (vec){v[i.lane[0]], v[i.lane[1]], v[i.lane[2]], v[i.lane[3]]};
}

#include "../depthwise.inc.h"
#include "../pack.inc.h"
#include "../pointwise.inc.h"
#include "../probe.inc.h"

static const csep_depthwise_entry depthwise_entries[] = {
    {3, 1, depthwise_3s1},
    {0, 0, depthwise_any},
};

const csep_kernels csep_kernels_generic = {
    .name = "generic",
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
