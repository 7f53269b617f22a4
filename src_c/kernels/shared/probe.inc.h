/* What the machine can do, for benchmarks: arithmetic, reading, writing. */
#ifndef CSEP_KERNELS_SHARED_PROBE_H
#define CSEP_KERNELS_SHARED_PROBE_H

#include "isa/vocabulary.h"

/* Independent fused multiply-adds in registers: the arithmetic peak of the instruction set. */
static double fma_probe(int64_t iterations)
{
    vec acc[PROBE_CHAINS];
    const real half = (real)0.5;
    const vec step = v_broadcast(&half);
    UNROLL
    for (int i = 0; i < PROBE_CHAINS; i++) {
        /* Chains that began alike would be computed once. */
        const real start = (real)(i + 1);
        acc[i] = v_broadcast(&start);
    }
    for (int64_t n = 0; n < iterations; n++) {
        UNROLL
        for (int i = 0; i < PROBE_CHAINS; i++)
            acc[i] = v_fma(acc[i], step, step);
    }
    vec sum = v_zero();
    UNROLL
    for (int i = 0; i < PROBE_CHAINS; i++)
        sum = sum + acc[i];
    real lane[VL];
    v_store(lane, sum);
    /* The chains tend to 1; a use of them keeps the loop from being removed. */
    return lane[0] > 0 ? 2.0 * VL * PROBE_CHAINS * (double)iterations : 0.0;
}

enum { PROBE_STREAMS = 8 };

/* Reads count floats, a multiple of PROBE_STREAMS * VL, and returns a sum that depends on all. */
static double read_probe(const void *memory, int64_t count)
{
    const real *p = memory;
    vec sum[PROBE_STREAMS];
    UNROLL
    for (int i = 0; i < PROBE_STREAMS; i++)
        sum[i] = v_zero();
    for (int64_t n = 0; n + PROBE_STREAMS * VL <= count; n += PROBE_STREAMS * VL) {
        UNROLL
        for (int i = 0; i < PROBE_STREAMS; i++)
            sum[i] = sum[i] + v_load(p + n + i * VL);
    }
    double total = 0;
    for (int i = 0; i < PROBE_STREAMS; i++) {
        real lane[VL];
        v_store(lane, sum[i]);
        total += lane[0];
    }
    return total;
}

/* Writes zeros to count floats, a multiple of PROBE_STREAMS * VL. */
static void write_probe(void *memory, int64_t count)
{
    real *p = memory;
    const vec zero = v_zero();
    for (int64_t n = 0; n + PROBE_STREAMS * VL <= count; n += PROBE_STREAMS * VL) {
        UNROLL
        for (int i = 0; i < PROBE_STREAMS; i++)
            v_store(p + n + i * VL, zero);
    }
}

#endif
