/* pack_panel: columns of a row-major matrix into one panel, rows of whole vectors, zero-padded. */
#ifndef CSEP_KERNELS_SHARED_PACK_H
#define CSEP_KERNELS_SHARED_PACK_H

#include "isa/vocabulary.h"
#include "kernels/contract.h"

static void pack_panel(const void *matrix, int64_t from_step, int64_t rows, int64_t columns,
                       void *panel)
{
    REQUIRE(rows >= 1 && columns >= 1);
    const real *from = matrix;
    real *to = panel;
    const int64_t whole = columns / VL;
    const int rest = (int)(columns % VL);
    const vmask mask = v_mask(rest);
    for (int64_t k = 0; k < rows; k++, from += from_step) {
        for (int64_t v = 0; v < whole; v++, to += VL)
            v_store(to, v_load(from + v * VL));
        if (rest) {
            v_store(to, v_load_masked(from + whole * VL, mask));
            to += VL;
        }
    }
}

#endif
