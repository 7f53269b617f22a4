/* Depthwise convolution of few channels, written once in the vector vocabulary.
 *
 * With one output for each input channel and no stride, a row of pixels is a row of numbers: under
 * a tap the numbers of the input follow each other as those of the output do.  A vector holds as
 * many whole pixels as it can, STEP of its numbers, and weights that repeat the channels; so all
 * vectors begin at channel 0.  The lanes beyond hold the next pixel's first numbers, which that
 * pixel's own vector computes to the same bits.
 *
 * Every output adds its taps in the order (kernel row, kernel column), then the bias, as in
 * depthwise.inc.h.
 */
#ifndef CSEP_KERNELS_FORWARD_FLAT_H
#define CSEP_KERNELS_FORWARD_FLAT_H

#include "isa/vocabulary.h"
#include "kernels/contract.h"
#include "kernels/shared/activation.inc.h"
#include "kernels/shared/prefetch.inc.h"

/* Vectors whose sums are in registers at once. */
enum { FLAT_STRIP = 8 };

/* Bias, residual, activation and store of a vector's first `lanes` numbers. */
INLINE void flat_finish(const csep_stage_job *job, vec sum, int64_t to, int lanes)
{
    const real *residual = job->residual;
    const placement place = {1, 1, lanes, VL, job->slopes};
    sum = sum + v_load(job->bias);
    v_finish(&sum, 1, &place, residual ? residual + to : 0, &job->activation);
    if (lanes == VL)
        v_store((real *)job->a + to, sum);
    else
        v_store_first((real *)job->a + to, lanes, sum);
}

/* T vectors of one row from number `at` on, all of whose taps are inside the image. */
INLINE void flat_inside(const csep_stage_job *job, const csep_line *line, int64_t at, int64_t to,
                        const int T)
{
    const int64_t column = job->dilation * job->col_step, step = VL / job->channels * job->channels;
    const real *w = (const real *)job->w + line->skip * job->taps * VL;
    const real *row = (const real *)line->x + job->first_col * job->col_step + at;
    vec acc[FLAT_STRIP];
    UNROLL
    for (int t = 0; t < T; t++)
        acc[t] = v_zero();
    for (int64_t di = line->rows; di > 0; di--) {
        const real *x = row;
        for (int64_t dj = job->taps; dj > 0; dj--) {
            const vec tap = v_load(w);
            UNROLL
            for (int t = 0; t < T; t++)
                acc[t] = v_fma(v_load(x + t * step), tap, acc[t]);
            x += column;
            w += VL;
        }
        row += job->row_step;
    }
    UNROLL
    for (int t = 0; t < T; t++)
        flat_finish(job, acc[t], to + t * step, VL);
}

/* Up to a vector of one row; PADDED: some of its taps are in the padding and left out. */
INLINE void flat_part(const csep_stage_job *job, const csep_line *line, int64_t at, int64_t to,
                      int lanes, const int PADDED)
{
    const int64_t column = job->dilation * job->col_step, end = job->width * job->col_step;
    const real *w = (const real *)job->w + line->skip * job->taps * VL, *row = line->x;
    const vmask all = v_mask(lanes);
    vec acc = v_zero();
    for (int64_t di = line->rows; di > 0; di--) {
        int64_t x = job->first_col * job->col_step + at;
        for (int64_t dj = job->taps; dj > 0; dj--) {
            const int64_t from = x < 0 ? -x : 0, last = end - x < lanes ? end - x : lanes;
            if (!PADDED) {
                acc = v_fma(v_load_masked(row + x, all), v_load(w), acc);
            } else if (from < last) {
                const vmask inside = v_mask_range((int)from, (int)last);
                acc = v_fma(v_load_masked(row + x, inside), v_load_masked(w, inside), acc);
            }
            x += column;
            w += VL;
        }
        row += job->row_step;
    }
    flat_finish(job, acc, to, lanes);
}

/* The same numbers of every row: the rows of the input that they share are then in L1. */
INLINE void flat_lines(const csep_stage_job *job, int64_t at, prefetch *ahead, const int T)
{
    for (int64_t i = 0; i < job->lines; i++) {
        prefetch_turn(ahead);
        flat_inside(job, job->line + i, at, at + i * job->line_step, T);
    }
}

INLINE void flat_parts(const csep_stage_job *job, int64_t at, int lanes, const int PADDED)
{
    for (int64_t i = 0; i < job->lines; i++)
        flat_part(job, job->line + i, at, at + i * job->line_step, lanes, PADDED);
}

static void depthwise_flat(const csep_stage_job *job)
{
    REQUIRE(job->channel == 0 && job->pixels >= 1 && job->lines >= 1 && job->channels <= VL);
    REQUIRE(job->stride == 1 && job->multiplier == 1);
    REQUIRE(job->channels == job->col_step && job->channels == job->pixel_step);
    const int64_t c = job->channels, total = job->pixels * c, step = VL / c * c;
    const int64_t first = job->first_col * c, reach = (job->taps - 1) * job->dilation * c;
    /* All taps of the numbers from low to high - 1 are inside. */
    const int64_t low = first < 0 ? -first : 0, end = job->width * c - first - reach;
    const int64_t high = end < total ? end : total;
    const int64_t turns = (total + FLAT_STRIP * step - 1) / (FLAT_STRIP * step) * job->lines;
    prefetch ahead = prefetch_evenly(job->ahead, job->ahead_count, turns);
    int64_t at = 0;
    for (; at < low && at < total; at += step)
        flat_parts(job, at, (int)(total - at < step ? total - at : step), 1);
    for (; at + (FLAT_STRIP - 1) * step + VL <= high; at += FLAT_STRIP * step)
        flat_lines(job, at, &ahead, FLAT_STRIP);
    for (; at + step + VL <= high; at += 2 * step)
        flat_lines(job, at, &ahead, 2);
    for (; at < total; at += step) {
        const int lanes = (int)(total - at < step ? total - at : step);
        if (at + lanes <= high)
            flat_parts(job, at, lanes, 0);
        else
            flat_parts(job, at, lanes, 1);
    }
}

#endif
