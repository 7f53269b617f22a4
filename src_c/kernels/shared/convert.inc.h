/* load_staged and store_staged: between arrays of any dtype and layout outside and rows of real
 * inside, pixels by channels.  Where channels are not side by side outside, pixels are: VL by VL
 * blocks are transposed. */
#ifndef CSEP_KERNELS_SHARED_CONVERT_H
#define CSEP_KERNELS_SHARED_CONVERT_H

#include <string.h>

#include "isa/vocabulary.h"
#include "kernels/contract.h"

INLINE vec load_as(const csep_dtype dtype, const void *p, int64_t element)
{
#ifdef HAS_HALF
    if (dtype == CSEP_F16)
        return v_load_f16((const uint16_t *)p + element);
    if (dtype == CSEP_BF16)
        return v_load_bf16((const uint16_t *)p + element);
#endif
    (void)dtype;
    return v_load((const real *)p + element);
}

INLINE void store_as(const csep_dtype dtype, void *p, int64_t element, vec v)
{
#ifdef HAS_HALF
    if (dtype == CSEP_F16) {
        v_store_f16((uint16_t *)p + element, v);
        return;
    }
    if (dtype == CSEP_BF16) {
        v_store_bf16((uint16_t *)p + element, v);
        return;
    }
#endif
    (void)dtype;
    v_store((real *)p + element, v);
}

INLINE int bytes_of(const csep_dtype dtype)
{
    return dtype == CSEP_F16 || dtype == CSEP_BF16 ? 2 : (int)sizeof(real);
}

/* The first count < VL elements; through a whole vector of memory, so nothing beside is touched. */
INLINE vec load_some_as(const csep_dtype dtype, const void *p, int64_t element, int64_t count)
{
    char whole[VL * sizeof(real)] = {0};
    const int size = bytes_of(dtype);
    memcpy(whole, (const char *)p + element * size, (size_t)(count * size));
    return load_as(dtype, whole, 0);
}

INLINE void store_some_as(const csep_dtype dtype, void *p, int64_t element, int64_t count, vec v)
{
    char whole[VL * sizeof(real)];
    const int size = bytes_of(dtype);
    store_as(dtype, whole, 0, v);
    memcpy((char *)p + element * size, whole, (size_t)(count * size));
}

INLINE vec load_up_to(const csep_dtype dtype, const void *p, int64_t element, int64_t count)
{
    return count >= VL ? load_as(dtype, p, element) : load_some_as(dtype, p, element, count);
}

INLINE void store_up_to(const csep_dtype dtype, void *p, int64_t element, int64_t count, vec v)
{
    if (count >= VL)
        store_as(dtype, p, element, v);
    else
        store_some_as(dtype, p, element, count, v);
}

/* Interleaving the upper with the lower half log2(VL) times turns rows into columns. */
INLINE void transpose_block(vec *rows)
{
    UNROLL
    for (int round = 1; round < VL; round *= 2) {
        vec next[VL];
        UNROLL
        for (int i = 0; i < VL / 2; i++) {
            next[2 * i] = v_interleave_low(rows[i], rows[i + VL / 2]);
            next[2 * i + 1] = v_interleave_high(rows[i], rows[i + VL / 2]);
        }
        UNROLL
        for (int i = 0; i < VL; i++)
            rows[i] = next[i];
    }
}

/* Up to VL pixels of up to VL channels: from planes outside to rows of real inside. */
INLINE void transpose_in(const csep_dtype dtype, const void *outside, int64_t channel_step,
                         real *inside, int64_t inside_step, const int64_t channels,
                         const int64_t pixels)
{
    vec block[VL];
    UNROLL
    for (int i = 0; i < VL; i++)
        block[i] = i < channels ? load_up_to(dtype, outside, i * channel_step, pixels) : v_zero();
    transpose_block(block);
    UNROLL
    for (int i = 0; i < VL; i++) {
        if (i < pixels && channels == VL)
            v_store(inside + i * inside_step, block[i]);
        else if (i < pixels)
            v_store_first(inside + i * inside_step, (int)channels, block[i]);
    }
}

/* The same the other way. */
INLINE void transpose_out(const csep_dtype dtype, const real *inside, int64_t inside_step,
                          void *outside, int64_t channel_step, const int64_t channels,
                          const int64_t pixels)
{
    vec block[VL];
    const vmask lanes = v_mask((int)channels);
    UNROLL
    for (int i = 0; i < VL; i++) {
        if (channels == VL && pixels == VL)
            block[i] = v_load(inside + i * inside_step);
        else
            block[i] = i < pixels ? v_load_masked(inside + i * inside_step, lanes) : v_zero();
    }
    transpose_block(block);
    UNROLL
    for (int i = 0; i < VL; i++)
        if (i < channels)
            store_up_to(dtype, outside, i * channel_step, pixels, block[i]);
}

/* Where the block that would begin at `start` begins: the last one reaches back over the one before
 * it and moves some values twice, so that all blocks are whole. */
INLINE int64_t reach_back(int64_t start, int64_t count)
{
    return start + VL <= count || count < VL ? start : count - VL;
}

INLINE int64_t at_most_vl(int64_t count) { return count < VL ? count : VL; }

/* Planes of pixels outside, from or to pixels of channels inside.  VL channels at a time: more
 * planes at once are more than the processor fetches ahead of. */
INLINE void transpose_planes(const csep_dtype dtype, const csep_convert_job *job, char *outside,
                             real *inside, const int inwards)
{
    const int64_t channels = at_most_vl(job->channels), pixels = at_most_vl(job->pixels);
    const int64_t outside_step = job->channel_step, inside_step = job->inside_step;
    /* Blocks after the first begin at whole vectors outside: with planes a multiple of a page
     * apart, a cache line that two blocks write would be evicted in between. */
    const int64_t past = (int64_t)((uintptr_t)outside / (unsigned)bytes_of(dtype)) & (VL - 1);
    const int64_t before = job->pixels >= VL ? past : 0;
    for (int64_t c = 0; c < job->channels; c += VL)
        for (int64_t i = -before; i < job->pixels; i += VL) {
            const int64_t channel = reach_back(c, job->channels);
            const int64_t pixel = i < 0 ? 0 : reach_back(i, job->pixels);
            char *const planes = outside + (channel * outside_step + pixel) * bytes_of(dtype);
            real *const rows = inside + pixel * inside_step + channel;
            if (channels == VL && pixels == VL) {
                if (inwards)
                    transpose_in(dtype, planes, outside_step, rows, inside_step, VL, VL);
                else
                    transpose_out(dtype, rows, inside_step, planes, outside_step, VL, VL);
            } else if (inwards) {
                transpose_in(dtype, planes, outside_step, rows, inside_step, channels, pixels);
            } else {
                transpose_out(dtype, rows, inside_step, planes, outside_step, channels, pixels);
            }
        }
}

/* Converts rows into rows. */
INLINE void convert_rows(const csep_dtype from_dtype, const void *from, int64_t from_step,
                         const csep_dtype to_dtype, void *to, int64_t to_step, int64_t rows,
                         int64_t columns)
{
    for (int64_t row = 0; row < rows; row++)
        for (int64_t c = 0; c < columns; c += VL) {
            const int64_t column = reach_back(c, columns);
            const int64_t count = columns - column;
            const vec v = load_up_to(from_dtype, from, row * from_step + column, count);
            store_up_to(to_dtype, to, row * to_step + column, count, v);
        }
}

#define REAL_DTYPE (sizeof(real) == 8 ? CSEP_F64 : CSEP_F32)

INLINE void load_staged_as(const csep_dtype dtype, const csep_convert_job *job, const void *outside,
                           void *inside)
{
    if (job->channel_step == 1)
        convert_rows(dtype, outside, job->pixel_step, REAL_DTYPE, inside, job->inside_step,
                     job->pixels, job->channels);
    else
        transpose_planes(dtype, job, (char *)outside, inside, 1);
}

INLINE void store_staged_as(const csep_dtype dtype, const csep_convert_job *job, const void *inside,
                            void *outside)
{
    if (job->channel_step == 1)
        convert_rows(REAL_DTYPE, inside, job->inside_step, dtype, outside, job->pixel_step,
                     job->pixels, job->channels);
    else
        transpose_planes(dtype, job, outside, (real *)inside, 0);
}

INLINE void require_convert_job(const csep_convert_job *job)
{
    (void)job; /* where nothing is asserted */
    REQUIRE(job->pixels >= 1 && job->channels >= 1 && job->inside_step >= job->channels);
    REQUIRE(job->channel_step == 1 || job->pixel_step == 1);
    REQUIRE((job->dtype == CSEP_F64) == (sizeof(real) == 8));
}

static void load_staged(const csep_convert_job *job, const void *outside, void *inside)
{
    require_convert_job(job);
    switch (job->dtype) {
    case CSEP_F16: load_staged_as(CSEP_F16, job, outside, inside); break;
    case CSEP_BF16: load_staged_as(CSEP_BF16, job, outside, inside); break;
    default: load_staged_as(REAL_DTYPE, job, outside, inside); break;
    }
}

static void store_staged(const csep_convert_job *job, const void *inside, void *outside)
{
    require_convert_job(job);
    switch (job->dtype) {
    case CSEP_F16: store_staged_as(CSEP_F16, job, inside, outside); break;
    case CSEP_BF16: store_staged_as(CSEP_BF16, job, inside, outside); break;
    default: store_staged_as(REAL_DTYPE, job, inside, outside); break;
    }
}

#endif
