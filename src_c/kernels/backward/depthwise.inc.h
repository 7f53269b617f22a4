/* Gradients of the depthwise stage: of its weights, and of its input where no forward kernel can
 * compute it. */
#ifndef CSEP_KERNELS_BACKWARD_DEPTHWISE_H
#define CSEP_KERNELS_BACKWARD_DEPTHWISE_H

#include "isa/vocabulary.h"
#include "kernels/contract.h"
#include "kernels/shared/block.inc.h"

/* Kernel rows and taps whose sums are in registers at once. */
enum { ROWS_AT_ONCE = 3, TAPS_AT_ONCE = 5 };

/* Which case is compiled for.  Whole vectors of channels; some lanes only; EXPAND_TAPS: likewise,
 * and an input channel feeds several lanes (M > 1); FLAT_TAPS: the channels of several pixels. */
enum { WHOLE_TAPS, SOME_TAPS, EXPAND_TAPS, FLAT_TAPS };

/* The output pixels whose tap `dj` lies inside the image: from, to before end. */
INLINE void pixels_inside(const csep_tap_gradient_job *job, int64_t dj, int64_t *from, int64_t *end)
{
    const int64_t first = job->first_col + dj * job->dilation; /* column under pixel 0 */
    const int64_t last = job->width - 1 - first;
    *from = first < 0 ? (-first + job->stride - 1) / job->stride : 0;
    *end = last < 0 ? 0 : last / job->stride + 1;
    if (*end > job->pixels)
        *end = job->pixels;
    if (*from > *end)
        *from = *end;
}

/* One vector of channels on one line. */
typedef struct tap_line {
    const real *x; /* column 0 of the first kernel row inside, at the vector's first channel */
    const real *du;
    real *dw; /* tap 0 of that kernel row */
    int lanes;
    vmask x_mask, du_mask;
    vindex lane; /* of x for each lane of du, where an input channel feeds several */
} tap_line;

INLINE vec tap_load(const real *x, const tap_line *line, const int mode)
{
    if (mode == WHOLE_TAPS)
        return v_load(x);
    const vec v = v_load_masked(x, line->x_mask);
    return mode == EXPAND_TAPS ? v_expand(v, line->lane) : v;
}

INLINE vec tap_load_du(const real *du, const tap_line *line, const int mode)
{
    return mode == WHOLE_TAPS ? v_load(du) : v_load_masked(du, line->du_mask);
}

/* Adds the sums over pixels from .. end - 1 of ROWS kernel rows from di on and TAPS taps from dj
 * on: each du is loaded once, and as many sums as there are taps hide each other's latency. */
INLINE void tap_sums(const csep_tap_gradient_job *job, const tap_line *line, int64_t di, int64_t dj,
                     int64_t from, int64_t end, const int ROWS, const int TAPS, const int mode)
{
    vec sum[ROWS_AT_ONCE * TAPS_AT_ONCE];
    const int64_t row_step = job->row_step, tap_step = job->dilation * job->col_step;
    const int64_t column = job->first_col + dj * job->dilation + from * job->stride;
    const int64_t x_pixel = job->stride * job->col_step;
    const real *x = line->x + di * row_step + column * job->col_step;
    const int64_t together = mode == FLAT_TAPS ? job->together : 1;
    const real *du = line->du + from * job->du_pixel;
    tap_line now = *line;
    UNROLL
    for (int i = 0; i < ROWS * TAPS; i++)
        sum[i] = v_zero();
    for (int64_t p = from; p < end; p += together) {
        if (mode == FLAT_TAPS && p + together > end)
            now.x_mask = now.du_mask = v_mask((int)((end - p) * job->du_pixel));
        const vec g = tap_load_du(du, &now, mode);
        UNROLL
        for (int i = 0; i < ROWS * TAPS; i++) {
            const real *under = x + i / TAPS * row_step + i % TAPS * tap_step;
            sum[i] = v_fma(tap_load(under, &now, mode), g, sum[i]);
        }
        x += x_pixel * together;
        du += job->du_pixel * together;
    }
    UNROLL
    for (int i = 0; i < ROWS * TAPS; i++) {
        real *dw = line->dw + ((di + i / TAPS) * job->taps + dj + i % TAPS) * job->dw_step;
        if (mode == WHOLE_TAPS || line->lanes == VL)
            v_store(dw, v_load(dw) + sum[i]);
        else
            v_store_first(dw, line->lanes, v_load_masked(dw, line->du_mask) + sum[i]);
    }
}

/* ROWS kernel rows from di on, TAPS taps from dj on: the pixels that have all of these taps inside
 * the image together, those beside them tap by tap. */
INLINE void tap_block(const csep_tap_gradient_job *job, const tap_line *line, int64_t di,
                      int64_t dj, const int ROWS, const int TAPS, const int mode)
{
    int64_t from[TAPS_AT_ONCE], end[TAPS_AT_ONCE], all_from = 0, all_end = job->pixels;
    for (int t = 0; t < TAPS; t++) {
        pixels_inside(job, dj + t, &from[t], &end[t]);
        all_from = from[t] > all_from ? from[t] : all_from;
        all_end = end[t] < all_end ? end[t] : all_end;
    }
    const int together = all_from < all_end;
    if (together)
        tap_sums(job, line, di, dj, all_from, all_end, ROWS, TAPS, mode);
    for (int t = 0; TAPS > 1 && t < TAPS; t++) {
        const int64_t before = together ? all_from : end[t];
        if (from[t] < before)
            tap_sums(job, line, di, dj + t, from[t], before, ROWS, 1, mode);
        if (together && all_end < end[t])
            tap_sums(job, line, di, dj + t, all_end, end[t], ROWS, 1, mode);
    }
}

/* ROWS kernel rows from di on. */
INLINE void tap_rows(const csep_tap_gradient_job *job, const tap_line *line, int64_t di,
                     const int ROWS, const int mode)
{
    int64_t dj = 0;
    for (; dj + TAPS_AT_ONCE <= job->taps; dj += TAPS_AT_ONCE)
        tap_block(job, line, di, dj, ROWS, TAPS_AT_ONCE, mode);
    for (; dj + 3 <= job->taps; dj += 3)
        tap_block(job, line, di, dj, ROWS, 3, mode);
    for (; dj < job->taps; dj++)
        tap_block(job, line, di, dj, ROWS, 1, mode);
}

INLINE void tap_lines(const csep_tap_gradient_job *job, tap_line *own, int64_t k, const int mode)
{
    const real *du = (const real *)job->du + k;
    real *dw = (real *)job->dw + k;
    const int64_t channel = k / job->multiplier;
    for (int64_t i = 0; i < job->lines; i++) {
        const csep_line *line = job->line + i;
        int64_t di = 0;
        own->x = (const real *)line->x + channel;
        own->du = du + i * job->du_line;
        own->dw = dw + line->skip * job->taps * job->dw_step;
        for (; di + ROWS_AT_ONCE <= line->rows; di += ROWS_AT_ONCE)
            tap_rows(job, own, di, ROWS_AT_ONCE, mode);
        for (; di < line->rows; di++)
            tap_rows(job, own, di, 1, mode);
    }
}

static void tap_gradient(const csep_tap_gradient_job *job)
{
    REQUIRE(job->lines >= 1 && job->pixels >= 1 && job->channels >= 1 && job->multiplier >= 1);
    REQUIRE(job->together == 1 || (job->together * job->channels <= VL && job->multiplier == 1));
    const int64_t m = job->multiplier, channels = job->together * job->channels;
    for (int64_t k = 0; k < channels; k += VL) {
        const int64_t left = channels - k;
        tap_line own = {.lanes = left < VL ? (int)left : VL};
        own.du_mask = v_mask(own.lanes);
        own.x_mask = v_mask((int)((k + own.lanes - 1) / m - k / m) + 1);
        if (job->together > 1) {
            tap_lines(job, &own, k, FLAT_TAPS);
        } else if (m > 1) {
            own.lane = v_index(job->lane + k);
            tap_lines(job, &own, k, EXPAND_TAPS);
        } else if (own.lanes == VL) {
            tap_lines(job, &own, k, WHOLE_TAPS);
        } else {
            tap_lines(job, &own, k, SOME_TAPS);
        }
    }
}

/* MULTIPLIER: the channel multiplier where it is known, else 0. */
INLINE void fold_pixels(const csep_fold_job *job, const int MULTIPLIER)
{
    const int64_t m = MULTIPLIER ? MULTIPLIER : job->multiplier;
    const real *from = job->from;
    real *to = job->to;
    for (int64_t pixel = 0; pixel < job->pixels; pixel++, to += job->to_step)
        for (int64_t q = 0; q < job->channels; q++, from += m) {
            real sum = from[0];
            for (int64_t i = 1; i < m; i++)
                sum += from[i];
            to[q] = sum;
        }
}

INLINE void copy_pixels(const csep_fold_job *job)
{
    const real *from = job->from;
    real *to = job->to;
    for (int64_t pixel = 0; pixel < job->pixels; pixel++, to += job->to_step) {
        int64_t c = 0;
        for (; c + VL <= job->channels; c += VL)
            v_store(to + c, v_load(from + c));
        for (; c < job->channels; c++)
            to[c] = from[c];
        from += job->channels;
    }
}

static void fold(const csep_fold_job *job)
{
    REQUIRE(job->pixels >= 1 && job->channels >= 1 && job->multiplier >= 1);
    switch (job->multiplier) {
    case 1: copy_pixels(job); break;
    case 2: fold_pixels(job, 2); break;
    case 8: fold_pixels(job, 8); break;
    default: fold_pixels(job, 0); break;
    }
}

#endif
