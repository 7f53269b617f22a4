/* Derivatives of the activations: what reaches the sum that one was applied to. */
#ifndef CSEP_KERNELS_BACKWARD_ACTIVATION_H
#define CSEP_KERNELS_BACKWARD_ACTIVATION_H

#include "isa/vocabulary.h"
#include "kernels/contract.h"
#include "kernels/shared/activation.inc.h"
#include "kernels/shared/block.inc.h"

/* 1 where low < x < high, else 0: where a function bends, as TensorFlow has it. */
INLINE vec v_between(vec x, vec low, vec high)
{
    const vec above = v_select(v_less(low, x), v_const(1), v_zero());
    return v_select(v_less(x, high), above, v_zero());
}

/* Of the logistic function, whose two tails are both exact. */
INLINE vec v_sigmoid_slope(vec x) { return v_sigmoid(x) * v_sigmoid(v_zero() - x); }

INLINE vec v_silu_slope(vec x) { return v_sigmoid(x) * (v_const(1) + x * v_sigmoid(v_zero() - x)); }

/* 1 - tanh(x)^2 is 4 times the logistic function's slope at 2 x. */
INLINE vec v_tanh_slope(vec x) { return v_const(4) * v_sigmoid_slope(x + x); }

/* slope * e^x below 0. */
INLINE vec v_elu_slope(vec x, vec slope, vec above)
{
    const vec zero = v_zero();
    return v_select(v_less(x, zero), slope * (v_expm1(v_min(zero, x)) + v_const(1)), above);
}

INLINE vec v_hard_silu_slope(vec x)
{
    const vec middle = (x + x + v_const(3)) * v_const((real)(1.0 / 6));
    const vec below = v_select(v_less(v_const(-3), x), middle, v_zero());
    return v_select(v_less(x, v_const(3)), below, v_const(1));
}

/* Phi(x) + x * phi(x), phi the density of the normal distribution. */
INLINE vec v_gelu_slope(vec x)
{
    const vec one_over_root = v_const((real)0.3989422804014327);
    const vec t = v_max(v_const(GELU_LOWEST), v_min(v_const(-GELU_LOWEST), x));
    const vec density = v_exp(t * t * v_const((real)-0.5)) * one_over_root;
    return v_fma(t, density, v_times_normal(v_const(1), x));
}

/* With z as in v_gelu_tanh, logistic(z) + x * its slope at z * dz / dx. */
INLINE vec v_gelu_tanh_slope(vec x)
{
    const vec t = v_max(v_const(GELU_LOWEST), v_min(v_const(-GELU_LOWEST), x));
    const vec square = t * t, c1 = v_const(GELU_C1), c3 = v_const(GELU_C3);
    const vec z = t * v_fma(c3, square, c1), dz = v_fma(v_const(3) * c3, square, c1);
    return v_fma(t * dz, v_sigmoid_slope(z), v_sigmoid(z));
}

INLINE vec v_mish_slope(vec x)
{
    const vec t = v_tanh(v_softplus(x));
    return v_fma(x * v_sigmoid(x), v_const(1) - t * t, t);
}

/* Vectors in memory become the derivatives there, out of line as activate_in_memory is. */
static NOINLINE void slopes_in_memory(vec *v, int count, const csep_activation *activation)
{
    const vec alpha = v_const((real)activation->alpha), zero = v_zero(), one = v_const(1);
    switch (activation->kind) {
    case CSEP_RELU: EACH(v_select(v_less(zero, x), one, zero))
    case CSEP_RELU6: EACH(v_between(x, zero, v_const(6)))
    case CSEP_LEAKY_RELU: EACH(v_select(v_less(zero, x), one, alpha))
    case CSEP_ELU: EACH(v_elu_slope(x, alpha, one))
    case CSEP_SIGMOID: EACH(v_sigmoid_slope(x))
    case CSEP_TANH: EACH(v_tanh_slope(x))
    case CSEP_SILU: EACH(v_silu_slope(x))
    case CSEP_HARD_SIGMOID: EACH(v_between(x, v_const(-3), v_const(3)) * v_const((real)(1.0 / 6)))
    case CSEP_HARD_SILU: EACH(v_hard_silu_slope(x))
    case CSEP_GELU: EACH(v_gelu_slope(x))
    case CSEP_GELU_TANH: EACH(v_gelu_tanh_slope(x))
    case CSEP_CLIPPED_RELU: EACH(v_between(x, zero, alpha))
    case CSEP_SELU: EACH(v_elu_slope(x, v_const(SELU_SLOPE), v_const(SELU_SCALE)))
    case CSEP_MISH: EACH(v_mish_slope(x))
    case CSEP_SOFTPLUS: EACH(v_sigmoid(x))
    default:
        for (int i = 0; i < count; i++)
            v[i] = one;
    }
}

INLINE void activation_block(const csep_activation_gradient_job *job, int64_t pixel, int64_t c,
                             int lanes, const int VECTORS)
{
    const real *sum = (const real *)job->sum + pixel * job->sum_step + c;
    const real *dy = (const real *)job->dy + pixel * job->dy_step + c;
    vec slope[BLOCK_VECTORS];
    UNROLL
    for (int v = 0; v < VECTORS; v++)
        slope[v] = load_in_block(sum, v, lanes, VECTORS);
    if (job->activation.kind == CSEP_PRELU) {
        UNROLL
        for (int v = 0; v < VECTORS; v++) {
            const vec below = v_load((const real *)job->slopes + c + v * VL);
            slope[v] = v_select(v_less(slope[v], v_zero()), below, v_const(1));
        }
    } else {
        slopes_in_memory(slope, VECTORS, &job->activation);
    }
    UNROLL
    for (int v = 0; v < VECTORS; v++)
        slope[v] = slope[v] * load_in_block(dy, v, lanes, VECTORS);
    store_block((real *)job->ds + pixel * job->ds_step + c, slope, lanes, VECTORS);
}

static void activation_gradient(const csep_activation_gradient_job *job)
{
    REQUIRE(job->pixels >= 1 && job->channels >= 1);
    for (int64_t pixel = 0; pixel < job->pixels; pixel++) {
        int64_t c = 0;
        for (; c + BLOCK_VECTORS * VL <= job->channels; c += BLOCK_VECTORS * VL)
            activation_block(job, pixel, c, VL, BLOCK_VECTORS);
        for (; c < job->channels; c += VL) {
            const int64_t left = job->channels - c;
            activation_block(job, pixel, c, left < VL ? (int)left : VL, 1);
        }
    }
}

#endif
