/* A few vectors of neighbouring channels, the last of which may have fewer lanes. */
#ifndef CSEP_KERNELS_SHARED_BLOCK_H
#define CSEP_KERNELS_SHARED_BLOCK_H

#include "isa/vocabulary.h"

/* Vectors of a block: independent chains that hide the latency of a multiply-add. */
enum { BLOCK_VECTORS = 4 };

/* Vector v of the VECTORS at p, of which the last has so many lanes. */
INLINE vec load_in_block(const real *p, int v, int lanes, const int VECTORS)
{
    const int whole = v < VECTORS - 1 || lanes == VL;
    return whole ? v_load(p + v * VL) : v_load_masked(p + v * VL, v_mask(lanes));
}

INLINE void store_block(real *to, const vec *block, int lanes, const int VECTORS)
{
    UNROLL
    for (int v = 0; v < VECTORS - 1; v++)
        v_store(to + v * VL, block[v]);
    if (lanes == VL)
        v_store(to + (VECTORS - 1) * VL, block[VECTORS - 1]);
    else
        v_store_first(to + (VECTORS - 1) * VL, lanes, block[VECTORS - 1]);
}

#endif
