/* One pixel of many: the largest or the weighted sum, channel by channel.  Pooling and resizing. */
#ifndef CSEP_KERNELS_FORWARD_COMBINE_H
#define CSEP_KERNELS_FORWARD_COMBINE_H

#include "isa/vocabulary.h"
#include "kernels/contract.h"
#include "kernels/shared/block.inc.h"

/* The largest of a grid of pixels, VECTORS vectors of channels from c on. */
INLINE void combine_largest(const csep_combine_job *job, int64_t c, int lanes, const int VECTORS,
                            vec *acc)
{
    UNROLL
    for (int v = 0; v < VECTORS; v++)
        acc[v] = v_const(-(real)INFINITY);
    for (int64_t i = 0; i < job->rows; i++) {
        const real *x = (const real *)job->x + i * job->row_step + c;
        for (int64_t j = 0; j < job->columns; j++, x += job->column_step) {
            UNROLL
            for (int v = 0; v < VECTORS; v++)
                acc[v] = v_max(acc[v], load_in_block(x, v, lanes, VECTORS));
        }
    }
}

/* The weighted sum, in chunks of CSEP_SUM_CHUNK pixels. */
INLINE void combine_sum(const csep_combine_job *job, int64_t c, int lanes, const int VECTORS,
                        vec *acc)
{
    vec chunk[BLOCK_VECTORS];
    const real *factor = job->factor;
    int64_t left = CSEP_SUM_CHUNK;
    UNROLL
    for (int v = 0; v < VECTORS; v++)
        acc[v] = chunk[v] = v_zero();
    for (int64_t i = 0; i < job->rows; i++) {
        const real *x = (const real *)job->x + i * job->row_step + c;
        for (int64_t j = 0; j < job->columns; j++, x += job->column_step) {
            const vec f = v_broadcast(factor);
            factor += job->factor_step;
            UNROLL
            for (int v = 0; v < VECTORS; v++) {
                const vec value = load_in_block(x, v, lanes, VECTORS);
                chunk[v] = v_fma(value, f, chunk[v]);
            }
            if (--left == 0) {
                left = CSEP_SUM_CHUNK;
                UNROLL
                for (int v = 0; v < VECTORS; v++) {
                    acc[v] = acc[v] + chunk[v];
                    chunk[v] = v_zero();
                }
            }
        }
    }
    UNROLL
    for (int v = 0; v < VECTORS; v++)
        acc[v] = acc[v] + chunk[v];
}

INLINE void combine_block(const csep_combine_job *job, int64_t c, int lanes, const int VECTORS)
{
    vec acc[BLOCK_VECTORS];
    if (job->factor)
        combine_sum(job, c, lanes, VECTORS, acc);
    else
        combine_largest(job, c, lanes, VECTORS, acc);
    store_block((real *)job->y + c, acc, lanes, VECTORS);
}

static void combine(const csep_combine_job *job)
{
    REQUIRE(job->rows >= 1 && job->columns >= 1 && job->channels >= 1);
    int64_t c = 0;
    for (; c + BLOCK_VECTORS * VL <= job->channels; c += BLOCK_VECTORS * VL)
        combine_block(job, c, VL, BLOCK_VECTORS);
    for (; c < job->channels; c += VL) {
        const int64_t left = job->channels - c;
        combine_block(job, c, left < VL ? (int)left : VL, 1);
    }
}

#endif
