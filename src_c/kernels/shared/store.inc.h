/* The last vectors of rows, of which not all lanes are there. */
#ifndef CSEP_KERNELS_SHARED_STORE_H
#define CSEP_KERNELS_SHARED_STORE_H

#include "isa/vocabulary.h"

/* The first `lanes` < VL lanes of each of these vectors, to places `step` apart.  Not inlined: with
 * AVX2 a store in pieces is 15 instructions, and the library was 100 KB larger. */
static NOINLINE void store_first(real *to, int64_t step, const real *vectors, int count, int lanes)
{
    for (int i = 0; i < count; i++)
        v_store_first(to + i * step, lanes, v_load(vectors + i * VL));
}

#endif
