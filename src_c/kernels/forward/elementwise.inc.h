/* Sums and products of pixels, number by number, with scale, shift and activation. */
#ifndef CSEP_KERNELS_FORWARD_ELEMENTWISE_H
#define CSEP_KERNELS_FORWARD_ELEMENTWISE_H

#include "isa/vocabulary.h"
#include "kernels/contract.h"
#include "kernels/shared/activation.inc.h"
#include "kernels/shared/block.inc.h"

/* VECTORS vectors of one pixel from channel c on, the last of them with so many lanes. */
INLINE void elementwise_block(const csep_elementwise_job *job, int64_t pixel, int64_t c, int lanes,
                              const int VECTORS)
{
    vec acc[BLOCK_VECTORS];
    UNROLL
    for (int v = 0; v < VECTORS; v++) {
        const vec start = job->product ? v_const(1) : v_zero();
        acc[v] = job->shift ? v_load((const real *)job->shift + c + v * VL) : start;
    }
    for (int s = 0; s < job->sources; s++) {
        const real *x = (const real *)job->x[s] + pixel * job->x_step[s] + c;
        const real *scale = job->scale[s];
        UNROLL
        for (int v = 0; v < VECTORS; v++) {
            const vec value = load_in_block(x, v, lanes, VECTORS);
            if (job->product)
                acc[v] = acc[v] * value;
            else if (scale)
                acc[v] = v_fma(value, v_load(scale + c + v * VL), acc[v]);
            else
                acc[v] = acc[v] + value;
        }
    }
    const real *slopes = job->slopes ? (const real *)job->slopes + c : 0;
    const placement place = {1, VECTORS, lanes, 0, slopes};
    v_finish(acc, VECTORS, &place, 0, &job->activation);
    store_block((real *)job->y + pixel * job->channels + c, acc, lanes, VECTORS);
}

static void elementwise(const csep_elementwise_job *job)
{
    REQUIRE(job->pixels >= 1 && job->channels >= 1);
    REQUIRE(job->sources >= 1 && job->sources <= CSEP_MAX_ADDED);
    for (int64_t pixel = 0; pixel < job->pixels; pixel++) {
        int64_t c = 0;
        for (; c + BLOCK_VECTORS * VL <= job->channels; c += BLOCK_VECTORS * VL)
            elementwise_block(job, pixel, c, VL, BLOCK_VECTORS);
        for (; c < job->channels; c += VL) {
            const int64_t left = job->channels - c;
            elementwise_block(job, pixel, c, left < VL ? (int)left : VL, 1);
        }
    }
}

#endif
