/* What the kernels need to know of float. */
#ifndef CSEP_ISA_REAL_F32_H
#define CSEP_ISA_REAL_F32_H

#include <math.h>
#include <stdint.h>

typedef float real;
#define REAL_BITS 32

/* 1.5 * 2^23: a float that large has no room for a fraction. */
#define ROUNDING_PUSH 0x1.8p23f
#define EXPONENT_BIAS 127

/* ln 2 in two parts, the first short enough for exact products with exponents. */
#define LN2_HIGH 0.693359375f
#define LN2_LOW -2.12194440e-4f

/* e^x and 100 * e^x are 0 below this. */
#define LOWEST_EXPONENT -120.0f

/* The logistic function: powers of two that e^z is too large by, and what undoes that; it is 1
 * above LOGISTIC_END. */
#define LOGISTIC_ROOM 48
#define LOGISTIC_DOWN 0x1p-48f
#define LOGISTIC_END 20.0f

/* tanh x is x below this. */
#define TINY 0x1p-12f

/* (e^r - 1 - r) / r^2 for |r| < 0.35: 1/2!, 1/3!, ... */
enum { EXP_TERMS = 6 };
static const real exp_terms[EXP_TERMS] = {
    0.5f, 0.166666672f, 0.0416666679f, 0.00833333377f, 0.00138888892f, 0.000198412701f,
};

/* GELU: kernels/shared/fit_polynomials.py; below GELU_LOWEST it is 0. */
#define GELU_LOWEST -15.0f
#define GELU_CENTER 4.0f
enum { GELU_TERMS = 11 };
static const real gelu_terms[GELU_TERMS] = {
    0.4720532f,      -0.0967034698f,  0.0139996363f,    0.0286000334f,
    -0.0321978144f,  0.0179394502f,   -0.005002141f,    -0.000299918756f,
    0.000690844841f, -6.6737186e-05f, -7.43745477e-05f,
};

/* (Phi(x) - 1 / 2) / x in powers of x^2: (-1)^k / (2^k k! (2 k + 1) sqrt(2 pi)). */
enum { PHI_TERMS = 9 };
static const real phi_terms[PHI_TERMS] = {
    0.39894228f,      -0.0664903801f,  0.00997355701f,   -0.00118732822f, 0.000115434688f,
    -9.44465626e-06f, 6.65969352e-07f, -4.12266741e-08f, 2.27352982e-09f,
};

/* 2 sqrt(2 / pi) and 0.044715 times that, to twice the precision. */
#define GELU_C1 1.59576917f
#define GELU_C1_LOW -4.53406804e-08f
#define GELU_C3 0.0713548139f
#define GELU_C3_LOW 2.3988324e-09f

/* log(1 + z) / z in powers of z - 1 / 2: fit_polynomials.py. */
enum { SOFTPLUS_TERMS = 11 };
static const real softplus_terms[SOFTPLUS_TERMS] = {
    0.8109302f,   -0.2885271f,    0.13260975f,   -0.06768762f,   0.03661122f,   -0.020571385f,
    0.011847756f, -0.0067441044f, 0.0040116906f, -0.0032543435f, 0.0019866966f,
};

/* SELU's scale, and scale * alpha. */
#define SELU_SCALE 1.05070099f
#define SELU_SLOPE 1.75809932f

#endif
