/* What the first stage wrote, [k / VL][pixel][VL], with pixels and channels changing places: A of
 * the product that is the gradient of the pointwise weights. */
#ifndef CSEP_KERNELS_BACKWARD_TRANSPOSE_H
#define CSEP_KERNELS_BACKWARD_TRANSPOSE_H

#include "isa/vocabulary.h"
#include "kernels/contract.h"

/* A square of VL vectors, rows and columns exchanged: each round interleaves the first half of the
 * vectors with the second, and after as many rounds as VL has bits every number is in its place. */
INLINE void transpose_square(const real *from, int64_t rows, real *to)
{
    vec a[VL], b[VL];
    UNROLL
    for (int i = 0; i < VL; i++)
        a[i] = i < rows ? v_load(from + i * VL) : v_zero();
    UNROLL
    for (int round = 1; round < VL; round *= 2) {
        UNROLL
        for (int i = 0; i < VL / 2; i++) {
            b[2 * i] = v_interleave_low(a[i], a[i + VL / 2]);
            b[2 * i + 1] = v_interleave_high(a[i], a[i + VL / 2]);
        }
        UNROLL
        for (int i = 0; i < VL; i++)
            a[i] = b[i];
    }
    UNROLL
    for (int i = 0; i < VL; i++)
        v_store(to + i * VL, a[i]);
}

static void transpose(const csep_transpose_job *job)
{
    REQUIRE(job->blocks >= 1 && job->pixels >= 1);
    const real *from = job->from;
    real *to = job->to;
    for (int64_t block = 0; block < job->blocks; block++)
        for (int64_t pixel = 0; pixel < job->pixels; pixel += VL) {
            const int64_t rows = job->pixels - pixel < VL ? job->pixels - pixel : VL;
            transpose_square(from + block * job->from_step + pixel * VL, rows,
                             to + pixel / VL * job->to_step + block * VL * VL);
        }
}

#endif
