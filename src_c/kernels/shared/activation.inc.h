/* Activations of whole vectors, written once in the vector vocabulary.
 *
 * Relative errors are below 4 ulp over the whole range, denormal results included; NaN gives NaN,
 * and an infinity what the formula in csep.h says.  v_min and v_max return their second operand
 * where either is NaN.
 */
#ifndef CSEP_KERNELS_SHARED_ACTIVATION_H
#define CSEP_KERNELS_SHARED_ACTIVATION_H

#include "isa/vocabulary.h"
#include "kernels/contract.h"

/* c[0] + c[1] x + ..., even and odd powers apart: two chains of half the length, as a processor
 * that waits for one vector has no room to begin the next but one. */
INLINE vec v_polynomial(vec x, const real *c, const int terms)
{
    const vec square = x * x;
    vec last = v_const(c[terms - 1]), other = v_const(c[terms - 2]);
    UNROLL
    for (int i = terms - 3; i >= 0; i--) {
        const vec next = v_fma(last, square, v_const(c[i]));
        last = other;
        other = next;
    }
    return v_fma(last, x, other);
}

/* e^(x - x_over) = (1 + m) * 2^n with |m| < 0.42, for |x| <= -LOWEST_EXPONENT or NaN; x_over is
 * small: what x has lost in rounding. */
typedef struct exponential {
    vec m, n;
} exponential;

INLINE exponential v_exp_parts(vec x, vec x_over)
{
    const vec n = v_nearest(x, v_const((real)1.4426950408889634));
    const vec exact = v_fma(n, v_const(-LN2_HIGH), x);
    const vec r = v_fma(n, v_const(-LN2_LOW), exact - x_over);
    const vec m = v_fma(r * r, v_polynomial(r, exp_terms, EXP_TERMS), r);
    return (exponential){m, n};
}

/* x no lower than where e^x vanishes, NaN kept. */
INLINE vec v_lowest(vec x) { return v_max(v_const(LOWEST_EXPONENT), x); }

/* e^x for x <= 0. */
INLINE vec v_exp(vec x)
{
    const exponential e = v_exp_parts(v_lowest(x), v_zero());
    const vec value = v_scale(v_const(1) + e.m, v_power(e.n));
    return v_select(v_less(x, v_const(LOWEST_EXPONENT)), v_zero(), value);
}

/* e^x - 1 for x <= 0. */
INLINE vec v_expm1(vec x)
{
    const exponential e = v_exp_parts(v_lowest(x), v_zero());
    const vec one = v_const(1);
    const vec scale = v_power_of_two(v_max(v_const(-EXPONENT_BIAS + 1), e.n));
    return v_fma(scale, e.m, scale - one);
}

INLINE vec v_magnitude(vec x) { return v_max(x, v_zero() - x); }

/* factor * e^z / (1 + e^z), the logistic function, where z_low belongs to z; factor is z, or small.
 * e^z is computed LOGISTIC_ROOM powers of two too large, so that nothing is denormal before the
 * last product.  Above LOGISTIC_END, 1 is lost beside e^z. */
INLINE vec v_times_logistic(vec factor, vec z, vec z_low)
{
    const vec push = v_const(STEP_PUSH + LOGISTIC_ROOM), down = v_const(LOGISTIC_DOWN);
    const vec t = v_lowest(z);
    const vec pushed = v_fma(t, v_const((real)1.4426950408889634), push), n = pushed - push;
    const vec exact = v_fma(n, v_const(-LN2_HIGH), t);
    const vec r = v_fma(n, v_const(-LN2_LOW), exact + z_low);
    const vec m = v_fma(r * r, v_polynomial(r, step_terms, STEP_TERMS), r);
    const vec power = v_power_of_steps(pushed), e = v_fma(power, m, power);
    const vec quotient = factor * e / v_fma(e, down, v_const(1));
    /* e^z has no room for the lowest z: the product is 0, but NaN for a factor of -inf. */
    const vec scale = v_select(v_less(z, v_const(LOWEST_EXPONENT)), v_zero(), down);
    return v_select(v_less(v_const(LOGISTIC_END), z), factor, quotient * scale);
}

INLINE vec v_sigmoid(vec x) { return v_times_logistic(v_const(1), x, v_zero()); }

INLINE vec v_silu(vec x) { return v_times_logistic(x, x, v_zero()); }

/* f(x) as computed for x >= low; below it, x * 0: nothing, but NaN for -inf as 0 * inf is. */
INLINE vec v_vanish_below(vec x, real low, vec f)
{
    return v_select(v_less(x, v_const(low)), x * v_zero(), f);
}

INLINE vec v_tanh(vec x)
{
    const vec magnitude = v_magnitude(x);
    const vec m = v_expm1(v_const(-2) * magnitude); /* -1 .. 0 */
    const vec t = m / (v_const(2) + m);             /* -tanh |x| */
    const vec signed_t = v_select(v_less(x, v_zero()), t, v_zero() - t);
    return v_select(v_less(magnitude, v_const(TINY)), x, signed_t);
}

INLINE vec v_elu(vec x, vec alpha)
{
    const vec zero = v_zero();
    return v_select(v_less(x, zero), alpha * v_expm1(v_min(zero, x)), x);
}

INLINE vec v_hard_sigmoid(vec x)
{
    const vec sum = x + v_const(3);
    return v_min(v_const(6), v_max(v_zero(), sum)) * v_const((real)(1.0 / 6));
}

/* factor * Phi(x), Phi the normal distribution.  With t = |x| and u = (t - k) / (t + k):
 * Phi(-t) = e^(-t^2 / 2) * f(u) / (1 + t), f a polynomial; what t * t loses in rounding goes into
 * the exponential.  Near 0, where this would not know 1 / 2 exactly, Phi's Taylor series. */
INLINE vec v_times_normal(vec factor, vec x)
{
    const vec zero = v_zero(), one = v_const(1), half = v_const((real)-0.5);
    const vec t = v_min(v_const(-GELU_LOWEST), v_magnitude(x));
    const vec square = t * t;
    const vec lost = v_product_error(t, t, square);
    const exponential e = v_exp_parts(v_lowest(square * half), zero - lost * half);
    const vec u = (t - v_const(GELU_CENTER)) / (t + v_const(GELU_CENTER));
    const vec f = v_polynomial(u, gelu_terms, GELU_TERMS);
    const vec tail = v_fma(e.m, f, f) / (one + t);
    const vpower power = v_power(e.n);
    const vec below = v_scale(factor * tail, power);
    const vec above = factor * (one - v_scale(tail, power));
    const vec near = v_fma(x, v_polynomial(square, phi_terms, PHI_TERMS), v_const((real)0.5));
    const vec far = v_select(v_less(x, zero), below, above);
    return v_select(v_less(t, one), factor * near, far);
}

INLINE vec v_gelu(vec x) { return v_vanish_below(x, GELU_LOWEST, v_times_normal(x, x)); }

/* x * logistic(z), z = 2 sqrt(2 / pi) (x + 0.044715 x^3): z is needed to twice the precision where
 * the result is tiny. */
INLINE vec v_gelu_tanh(vec x)
{
    const vec c1 = v_const(GELU_C1), c3 = v_const(GELU_C3);
    const vec t = v_min(v_const(-GELU_LOWEST), v_max(v_const(GELU_LOWEST), x));
    const vec square = t * t;
    const vec square_low = v_product_error(t, t, square);
    const vec cubic = c3 * square;
    const vec cubic_low = v_product_error(c3, square, cubic);
    const vec sum = cubic + c1; /* and what it loses, whichever is larger */
    const vec part = sum - c1;
    const vec sum_low = (c1 - (sum - part)) + (cubic - part);
    const vec rest = v_fma(c3, square_low, cubic_low) +
                     v_fma(v_const(GELU_C3_LOW), square, v_const(GELU_C1_LOW)) + sum_low;
    const vec z = t * sum;
    const vec z_low = v_fma(t, rest, v_product_error(t, sum, z));
    return v_vanish_below(x, GELU_LOWEST, v_times_logistic(x, z, z_low));
}

INLINE vec v_selu(vec x)
{
    const vec zero = v_zero();
    const vec below = v_const(SELU_SLOPE) * v_expm1(v_min(zero, x));
    return v_select(v_less(x, zero), below, v_const(SELU_SCALE) * x);
}

/* max(x, 0) + log(1 + z), z = e^-|x|, which is z * P(z): nothing cancels.  Where x is far below 0
 * the result is rounded once, at its scaling. */
INLINE vec v_softplus(vec x)
{
    const vec zero = v_zero(), one = v_const(1);
    const exponential e = v_exp_parts(v_lowest(v_min(x, zero - x)), zero);
    const vpower power = v_power(e.n);
    const vec p = one + e.m, z = v_scale(p, power);
    const vec t = z - v_const((real)0.5);
    const vec log_part = v_polynomial(t, softplus_terms, SOFTPLUS_TERMS);
    const vec far = v_scale(p * log_part, power);
    const vec sum = v_select(v_less(zero, x), v_fma(z, log_part, x), far);
    return v_select(v_less(x, v_const(LOWEST_EXPONENT)), zero, sum);
}

/* x * tanh(log(1 + e^x)): with z = e^-|x|, tanh is (1 + 2 z) / (1 + 2 z + 2 z^2) above 0 and
 * z (z + 2) / (z (z + 2) + 2) below. */
INLINE vec v_mish(vec x)
{
    const vec zero = v_zero(), one = v_const(1), two = v_const(2);
    const exponential e = v_exp_parts(v_lowest(v_min(x, zero - x)), zero);
    const vpower power = v_power(e.n);
    const vec p = one + e.m, z = v_scale(p, power);
    const vec top = v_fma(two, z, one), below = z + two;
    const vec above = x * (top / v_fma(two * z, z, top));
    const vec under = v_scale(x * (p * below / v_fma(z, below, two)), power);
    return v_vanish_below(x, LOWEST_EXPONENT, v_select(v_less(zero, x), above, under));
}

static const real relu_top[] = {[CSEP_RELU] = (real)INFINITY, [CSEP_RELU6] = 6};

INLINE vec v_relu(vec x, csep_activation_kind kind)
{
    return v_min(v_broadcast(&relu_top[kind]), v_max(v_zero(), x));
}

/* A case of what is done to `count` vectors v: each becomes an expression of x, what it was. */
#define EACH(expression)                                                                           \
    for (int i = 0; i < count; i++) {                                                              \
        const vec x = v[i];                                                                        \
        v[i] = (expression);                                                                       \
    }                                                                                              \
    break;

/* On vectors in memory, out of line: in the kernels all this would be compiled dozens of times. */
static NOINLINE void activate_in_memory(vec *v, int count, const csep_activation *activation)
{
    const vec alpha = v_const((real)activation->alpha);
    switch (activation->kind) {
    case CSEP_RELU:
    case CSEP_RELU6: EACH(v_relu(x, activation->kind))
    case CSEP_LEAKY_RELU: EACH(v_select(v_less(x, v_zero()), alpha * x, x))
    case CSEP_ELU: EACH(v_elu(x, alpha))
    case CSEP_SIGMOID: EACH(v_sigmoid(x))
    case CSEP_TANH: EACH(v_tanh(x))
    case CSEP_SILU: EACH(v_silu(x))
    case CSEP_HARD_SIGMOID: EACH(v_hard_sigmoid(x))
    case CSEP_HARD_SILU: EACH(x * v_hard_sigmoid(x))
    case CSEP_GELU: EACH(v_gelu(x))
    case CSEP_GELU_TANH: EACH(v_gelu_tanh(x))
    case CSEP_CLIPPED_RELU: EACH(v_min(alpha, v_max(v_zero(), x)))
    case CSEP_SELU: EACH(v_selu(x))
    case CSEP_MISH: EACH(v_mish(x))
    case CSEP_SOFTPLUS: EACH(v_softplus(x))
    default: break;
    }
}

/* The most sums that a kernel holds in registers. */
enum { MAX_SUMS = MAX_MR * CSEP_MAX_PANEL_VECTORS };

/* Where the sums of a block lie in an array: rows of `vectors` vectors, the last with last_lanes.
 */
typedef struct placement {
    int rows, vectors, last_lanes;
    int64_t row_step;
    const real *slopes; /* CSEP_PRELU: of a row's channels, in whole vectors */
} placement;

/* Residual and activation, on sums in memory; residual is the first one's, or NULL. */
static NOINLINE void finish_in_memory(vec *sum, const placement *place, const real *residual,
                                      const csep_activation *activation)
{
    const vmask last = v_mask(place->last_lanes);
    const int count = place->rows * place->vectors;
    for (int i = 0; residual && i < count; i++) {
        const int v = i % place->vectors;
        const real *from = residual + i / place->vectors * place->row_step + v * VL;
        sum[i] = sum[i] + (v < place->vectors - 1 ? v_load(from) : v_load_masked(from, last));
    }
    if (activation->kind != CSEP_PRELU) {
        activate_in_memory(sum, count, activation);
        return;
    }
    for (int i = 0; i < count; i++) {
        const vec slope = v_load(place->slopes + i % place->vectors * VL);
        sum[i] = v_select(v_less(sum[i], v_zero()), slope * sum[i], sum[i]);
    }
}

/* Completes count sums in registers, a constant number, at most MAX_SUMS. */
INLINE void v_finish(vec *sum, const int count, const placement *place, const real *residual,
                     const csep_activation *activation)
{
    if (residual || activation->kind > CSEP_RELU6) {
        vec memory[MAX_SUMS];
        UNROLL
        for (int i = 0; i < count; i++)
            memory[i] = sum[i];
        finish_in_memory(memory, place, residual, activation);
        UNROLL
        for (int i = 0; i < count; i++)
            sum[i] = memory[i];
    } else if (activation->kind != CSEP_LINEAR) {
        UNROLL
        for (int i = 0; i < count; i++)
            sum[i] = v_relu(sum[i], activation->kind);
    }
}

#endif
