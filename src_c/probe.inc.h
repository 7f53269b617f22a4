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
        sum = v_add(sum, acc[i]);
    real lane[VL];
    v_store(lane, sum);
    /* The chains tend to 1; a use of them keeps the loop from being removed. */
    return lane[0] > 0 ? 2.0 * VL * PROBE_CHAINS * (double)iterations : 0.0;
}
