/* e^x / the sum of e^x over the channels of a pixel. */
#ifndef CSEP_KERNELS_FORWARD_SOFTMAX_H
#define CSEP_KERNELS_FORWARD_SOFTMAX_H

#include "isa/vocabulary.h"
#include "kernels/contract.h"
#include "kernels/shared/activation.inc.h"

static void softmax_pixel(const real *x, real *y, int64_t channels)
{
    real largest = x[0];
    for (int64_t c = 1; c < channels; c++)
        largest = x[c] > largest ? x[c] : largest;
    const vec top = v_const(largest);
    vec sums = v_zero();
    int64_t c = 0;
    for (; c + VL <= channels; c += VL) {
        const vec e = v_exp(v_load(x + c) - top);
        sums = sums + e;
        v_store(y + c, e);
    }
    if (c < channels) {
        /* Beyond the last channel stand numbers whose e^x is 0. */
        real rest[VL];
        for (int i = 0; i < VL; i++)
            rest[i] = c + i < channels ? x[c + i] : -(real)INFINITY;
        const vec e = v_exp(v_load(rest) - top);
        sums = sums + e;
        v_store_first(y + c, (int)(channels - c), e);
    }
    real lanes[VL], sum = 0;
    v_store(lanes, sums);
    for (int i = 0; i < VL; i++)
        sum += lanes[i];
    for (c = 0; c < channels; c++)
        y[c] /= sum;
}

static void softmax(const csep_softmax_job *job)
{
    REQUIRE(job->pixels >= 1 && job->channels >= 1);
    const real *x = job->x;
    real *y = job->y;
    for (int64_t pixel = 0; pixel < job->pixels; pixel++, x += job->channels, y += job->channels)
        softmax_pixel(x, y, job->channels);
}

#endif
