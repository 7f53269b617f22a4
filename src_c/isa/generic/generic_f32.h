/* Any processor, vectors of 4 floats. */
#ifndef CSEP_ISA_GENERIC_GENERIC_F32_H
#define CSEP_ISA_GENERIC_GENERIC_F32_H

#include "isa/compiler.h"
#include "isa/real_f32.h"

#define KERNELS csep_kernels_generic_f32
#define ISA_NAME "generic"
#define HAS_HALF
#define MANTISSA_BITS 23

typedef int32_t bits;
enum { MAX_MR = 8, MR_1 = 8, MR_2 = 5 };

#include "isa/generic/common.h"

INLINE uint32_t bits_of(float f)
{
    uint32_t b;
    memcpy(&b, &f, sizeof b);
    return b;
}
INLINE float float_of(uint32_t b)
{
    float f;
    memcpy(&f, &b, sizeof f);
    return f;
}

INLINE float widen_f16(uint16_t half)
{
    const uint32_t sign = (uint32_t)(half & 0x8000) << 16;
    const uint32_t exponent = half & 0x7c00, rest = half & 0x03ff;
    if (exponent == 0) /* zero or denormal: rest * 2^-24 */
        return float_of(sign | bits_of((float)rest * 0x1p-24f));
    if (exponent == 0x7c00) /* infinity or NaN */
        return float_of(sign | 0x7f800000 | (rest ? 0x00400000 | rest << 13 : 0));
    return float_of(sign | (((uint32_t)(half & 0x7fff) << 13) + ((127 - 15) << 23)));
}

INLINE uint16_t narrow_f16(float f)
{
    const uint32_t b = bits_of(f), magnitude = b & 0x7fffffff;
    const uint16_t sign = (uint16_t)(b >> 16 & 0x8000);
    if (magnitude > 0x7f800000)
        return (uint16_t)(sign | 0x7e00 | (magnitude >> 13 & 0x03ff));
    if (magnitude >= 0x477ff000) /* rounds to 65536 or more */
        return sign | 0x7c00;
    if (magnitude < 0x38800000) /* below 2^-14: adding 0.5 leaves a multiple of 2^-24 */
        return (uint16_t)(sign | (bits_of(float_of(magnitude) + 0.5f) - bits_of(0.5f)));
    const uint32_t even = (magnitude >> 13 & 1) + 0x0fff;
    return (uint16_t)(sign | (magnitude + even - ((127 - 15) << 23)) >> 13);
}

INLINE uint16_t narrow_bf16(float f)
{
    const uint32_t b = bits_of(f);
    if (f != f)
        return (uint16_t)(b >> 16 | 0x40);
    return (uint16_t)((b + 0x7fff + (b >> 16 & 1)) >> 16);
}

INLINE vec v_load_f16(const uint16_t *p)
{
    return (vec){widen_f16(p[0]), widen_f16(p[1]), widen_f16(p[2]), widen_f16(p[3])};
}
INLINE void v_store_f16(uint16_t *p, vec v)
{
    for (int i = 0; i < VL; i++)
        p[i] = narrow_f16(v[i]);
}
INLINE vec v_load_bf16(const uint16_t *p)
{
    return (vec){float_of((uint32_t)p[0] << 16), float_of((uint32_t)p[1] << 16),
                 float_of((uint32_t)p[2] << 16), float_of((uint32_t)p[3] << 16)};
}
INLINE void v_store_bf16(uint16_t *p, vec v)
{
    for (int i = 0; i < VL; i++)
        p[i] = narrow_bf16(v[i]);
}

#endif
