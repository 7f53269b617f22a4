/* clang-format off */
/* The vector vocabulary: the only words in which kernels are written.
 *
 * CSEP_VOCABULARY names the file of one instruction set and type; without it this is the generic
 * one, so that every kernel file can be read and checked by itself.  Such a file defines
 *
 *   real               float or double (real_f32.h, real_f64.h: also the constants of activations)
 *   vec                VL reals; + - * / are those of C, lane by lane
 *   vmask              which lanes of a load or store there are
 *   vboolean           the result of a comparison
 *   vindex             a lane number for each lane
 *   VL                 lanes of a vector, a power of two, at most 16
 *   MR_1, MR_2         rows of the pointwise micro-kernel for panels of one and of two vectors,
 *                      from the number of registers
 *   MAX_MR             the larger of the two
 *   PROBE_CHAINS       independent multiply-adds that keep the arithmetic units busy
 *   ISA_NAME           what users call the instruction set
 *   KERNELS            the name of its table of kernels
 *   ALL_DEPTHWISE      optional: kernels for common depthwise sizes are worth their code
 *   HAS_HALF           f32 only: there are v_load_f16 and the three like it
 *   HAS_SCALE          optional: vpower, v_power and v_scale, which are otherwise derived below
 *   HAS_STEPS          optional: EXP_STEPS, into how many equal factors a power of two is cut, the
 *                      table step_terms[STEP_TERMS] for it, and v_power_of_steps; otherwise 1, the
 *                      one for e^x, and what is derived below
 *
 * and these operations.  p need not be aligned.  Lane i runs from 0 to VL - 1.
 *
 *   operation                   lane i of the result                   precondition
 *   --------------------------  -------------------------------------  ---------------------------
 *   v_zero()                    0
 *   v_load(p)                   p[i]                                   VL reals at p
 *   v_store(p, v)               (p[i] = v[i])                          VL reals at p
 *   v_broadcast(p)              p[0]                                   one real at p
 *   v_const(c)                  c
 *   v_mask(n)                   lanes 0 .. n - 1                       0 <= n <= VL
 *   v_mask_range(from, to)      lanes from .. to - 1                   0 <= from <= to <= VL
 *   v_load_masked(p, m)         p[i] in the mask's lanes, else 0       p[i] is there in the mask's
 *                                                                      lanes; no other is touched
 *   v_store_first(p, n, v)      (p[i] = v[i] in lanes 0 .. n - 1)      0 <= n < VL; as above
 *   v_fma(a, b, c)              a * b + c: rounded once on x86; the
 *                               generic vocabulary rounds the product
 *                               as well, on every processor
 *   v_product_error(a, b, p)    a * b - p, exactly                     p is a * b rounded; nothing
 *                                                                      overflows or underflows
 *   v_min(a, b), v_max(a, b)    the smaller, the larger; b where one
 *                               of them is NaN
 *   v_or(a, b)                  the bits of a or b
 *   v_less(a, b)                whether a < b; no where one is NaN
 *   v_select(c, a, b)           c ? a : b
 *   v_shift_to_exponent(v)      the bits of v moved left by the
 *                               length of the mantissa
 *   v_index(p)                  p[i], of int32_t                       VL numbers at p, each from 0
 *                                                                      to VL - 1
 *   v_expand(v, index)          v[index[i]]
 *   v_interleave_low(a, b)      a[i / 2] for even i, else b[i / 2]
 *   v_interleave_high(a, b)     the same of the upper halves
 *   v_pin(v)                    v; the compiler may not compute it
 *                               twice instead of keeping it
 *   v_prefetch_l2(p)            (asks for the cache line at p)         any address
 *   v_prefetch_write(p)         (the same, to be written to)           any address
 *   v_load_f16, v_load_bf16(p)  p[i], widened                          VL halves at p
 *   v_store_f16, v_store_bf16   (p[i] = v[i] rounded to nearest, ties  VL halves at p
 *     (p, v)                    to even; NaN stays NaN)
 *   v_power(n), v_scale(v, w)   v[i] * 2^n[i] for w = v_power(n),      n whole, from -3/2 of the
 *                               rounded once                           largest exponent to it;
 *                                                                      2^-30 <= |v| < 2^32
 *   v_power_of_steps(v)         2^x, rounded, for v[i] = STEP_PUSH +   x a multiple of 1 / EXP_STEPS,
 *                               x                                      2^x a normal number
 *
 * tests/native/test_vocabulary.c checks each of them on each instruction set. */
/* clang-format on */
#ifndef CSEP_ISA_VOCABULARY_H
#define CSEP_ISA_VOCABULARY_H

#include "isa/compiler.h"

#ifndef CSEP_VOCABULARY
#define CSEP_VOCABULARY "isa/generic/generic_f32.h"
#endif
#include CSEP_VOCABULARY

_Static_assert(VL >= 2 && VL <= 16 && (VL & (VL - 1)) == 0, "VL");
_Static_assert(MR_1 <= MAX_MR && MR_2 <= MAX_MR && MAX_MR <= 14, "MR");

/* Derived from the operations above, the same for all. */

/* x * scale rounded to an integer, |x * scale| < 2^20: adding this pushes the fraction out. */
INLINE vec v_nearest(vec x, vec scale)
{
    const vec push = v_const(ROUNDING_PUSH);
    return v_fma(x, scale, push) - push;
}

/* 2^n for an integer n in the exponent range of normal numbers. */
INLINE vec v_power_of_two(vec n)
{
    return v_shift_to_exponent(n + v_const(ROUNDING_PUSH + EXPONENT_BIAS));
}

#ifndef HAS_STEPS
enum { EXP_STEPS = 1, STEP_TERMS = EXP_TERMS };
#define step_terms exp_terms
#endif

/* Added to a number, it leaves the multiple of 1 / EXP_STEPS that is nearest, in the last bits. */
#define STEP_PUSH (ROUNDING_PUSH / EXP_STEPS)

#ifndef HAS_STEPS
INLINE vec v_power_of_steps(vec pushed)
{
    return v_shift_to_exponent(pushed + v_const(EXPONENT_BIAS));
}
#endif

#ifndef HAS_SCALE
/* 2^n in two factors: n may lead to denormals, which must be rounded only once, by the second. */
typedef struct vpower {
    vec first, second;
} vpower;

INLINE vpower v_power(vec n)
{
    const vec first = v_max(v_const(-EXPONENT_BIAS * 3 / 4), n);
    return (vpower){v_power_of_two(first), v_power_of_two(n - first)};
}
INLINE vec v_scale(vec v, vpower p) { return v * p.first * p.second; }
#endif

#endif
